"""How sides are compared: warmed up, then in turns."""

import time
from collections.abc import Callable, Mapping


def in_turns(sides: Mapping[str, Callable[[], object]], *, turns: int) -> dict[str, list[float]]:
    """Seconds of each side in each turn, after one run of each that does not count.

    What slows the machine for a while slows all sides, and their ratio stays.
    """
    for side in sides.values():
        side()
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(turns):
        for name, side in sides.items():
            started = time.perf_counter()
            side()
            seconds[name].append(time.perf_counter() - started)
    return seconds
