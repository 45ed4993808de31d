"""One benchmark in this process: `python -m benchmarks.alone NAME`.

`python -m benchmarks` starts it once for each benchmark, so that the threads of TensorFlow, PyTorch
and FAISS never meet, and each has a peak of memory of its own.
"""

import argparse
import importlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.catalogue import BENCHMARKS, require_peers
from benchmarks.machine import peak_memory
from benchmarks.report import pairing_in_words, quantity_in_words
from benchmarks.results import KINDS, Curve, Findings, Pairing, Quantity, findings_as_dict
from course_utils.session import start_session


class Record:
    """What a benchmark has found so far; each finding is printed as it comes."""

    def __init__(self, name: str):
        self.findings = Findings(name=name)

    def pairing(self, pairing: Pairing) -> None:
        self.findings.pairings.append(pairing)
        self.say(pairing_in_words(pairing))

    def quantity(self, quantity: Quantity) -> None:
        self.findings.quantities.append(quantity)
        self.say(f"{KINDS[quantity.kind]}: {quantity.name} {quantity_in_words(quantity)}")

    def difference(self, name: str, value: float, allowed: float) -> None:
        """Notes by how much both sides differ; stops if that is more than allowed."""
        if not value <= allowed:  # also if it is no number
            raise AssertionError(
                f"{name}: the two sides may differ by {allowed:.0e}. Received: {value:.1e}."
            )
        self.quantity(Quantity(name=name, value=float(value), kind="difference"))

    def memory_so_far(self, name: str, *, quoted: bool = False) -> None:
        """Notes the peak of this process until now: ours, if no peer was imported yet."""
        peak = Quantity(name=name, value=peak_memory(), unit="bytes", kind="memory", quoted=quoted)
        self.quantity(peak)

    def curve(self, curve: Curve) -> None:
        self.findings.curves.append(curve)

    def say(self, text: str) -> None:
        """Prints a line of progress."""
        print(f"  {text}", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.alone", description="Runs one benchmark in this process."
    )
    parser.add_argument("name", choices=BENCHMARKS, metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--quick", action="store_true", help="small sizes, few runs: a trial")
    parser.add_argument("--json", type=Path, help="file for the findings, with whole curves")
    name = parser.parse_args(arguments[:1]).name  # it may have options of its own
    require_peers([name])
    start_session(seed=0, tensorflow=BENCHMARKS[name].tensorflow, deterministic=False)
    module = importlib.import_module(f"benchmarks.bench_{name}")
    if hasattr(module, "add_options"):
        module.add_options(parser)
    options = parser.parse_args(arguments)
    record = Record(name)
    module.measure(record, options)
    found = findings_as_dict(record.findings) | {"peak_memory": peak_memory()}
    if options.json:
        options.json.write_text(json.dumps(found, allow_nan=False), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
