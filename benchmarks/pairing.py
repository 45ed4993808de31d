"""How two sides are compared: warmed up, in turns, and reported as a ratio."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Comparison:
    """Seconds of both sides, in the order in which they ran."""

    ours: list[float]
    peers: list[float]

    def __str__(self) -> str:
        ratios = sorted(peer / own for own, peer in zip(self.ours, self.peers, strict=True))
        return (
            f"ours {statistics.median(self.ours):8.3f} s   "
            f"peer {statistics.median(self.peers):8.3f} s   "
            f"peer/ours {statistics.median(ratios):6.2f} [{ratios[0]:.2f}, {ratios[-1]:.2f}]"
        )


def compare(ours: Callable[[], object], peer: Callable[[], object], *, runs: int = 9) -> Comparison:
    """Times both sides in turns, after one run of each that does not count."""
    ours()
    peer()
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(runs):
        for side, function in zip(seconds, (ours, peer), strict=True):
            started = time.perf_counter()
            function()
            side.append(time.perf_counter() - started)
    return Comparison(*seconds)
