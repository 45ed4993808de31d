"""What a benchmark found, as plain data: pairings with a peer, other quantities, curves."""

import dataclasses
import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

QUICK_NOTE = "quick: not for quoting"
POINTS = 300  # of a curve that is kept: more than a plot can show
# What a quantity may be, and its heading in the report.
KINDS = {
    "exponent": "Growth, seconds ∝ templates^exponent",
    "share": "Share of the rate of a float32 matrix product",
    "memory": "Memory",
    "time": "Times without a peer",
    "difference": "Largest difference between our numbers and the peer's",
}


@dataclass(frozen=True)
class Spread:
    """The median of several runs, and the range of nine tenths of them (of all, up to twenty)."""

    low: float
    median: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """The spread of the values; its ends are among them."""
    if not values:
        raise ValueError("`values` must hold at least one number. Received: none.")
    ordered = sorted(values)
    left_out = math.floor(0.05 * (len(ordered) - 1))
    return Spread(ordered[left_out], statistics.median(ordered), ordered[-1 - left_out])


@dataclass(frozen=True, kw_only=True)
class Pairing:
    """Our value beside a peer's, of the same work in the same run.

    Attributes:
        subject: What is done.
        condition: On what, with what.
        peer: Who does it too.
        ours: Our value in each run, in the order of the runs; None where ours does not get there.
        theirs: The peer's value in each of them.
        unit: Of both; the smaller value is the better one.
        runs_are: What a run is, in the plural.
        quoted: Whether the project's README has it.
    """

    subject: str
    condition: str
    peer: str
    ours: tuple[float | None, ...]
    theirs: tuple[float, ...]
    unit: str = "s"
    runs_are: str = "runs"
    quoted: bool = True

    def __post_init__(self):
        object.__setattr__(self, "ours", tuple(self.ours))
        object.__setattr__(self, "theirs", tuple(self.theirs))
        if not self.theirs or len(self.ours) != len(self.theirs):
            raise ValueError(
                "A pairing takes as many values of ours as of the peer, at least one. "
                f"Received: {len(self.ours)} and {len(self.theirs)}."
            )
        numbers = [value for value in (*self.ours, *self.theirs) if value is not None]
        if not all(math.isfinite(value) and value > 0 for value in numbers):
            raise ValueError(f"The values of a pairing must be positive. Received: {numbers}.")

    @property
    def runs(self) -> int:
        return len(self.theirs)

    @property
    def our_median(self) -> float | None:
        """None where ours does not get there in the median run."""
        median = statistics.median(math.inf if value is None else value for value in self.ours)
        return median if math.isfinite(median) else None

    @property
    def their_median(self) -> float:
        return statistics.median(self.theirs)

    @property
    def never(self) -> int:
        """In how many of the runs ours does not get there."""
        return sum(value is None for value in self.ours)

    @property
    def ratio(self) -> Spread:
        """The peer's value over ours, run by run; 0 where ours does not get there."""
        both = zip(self.ours, self.theirs, strict=True)
        return spread([0.0 if own is None else peer / own for own, peer in both])

    @property
    def verdict(self) -> str:
        """Who has the better value in all of the range: "ours", "peer", or "neither"."""
        if self.ratio.high < 1 or self.ratio.median == 0:
            return "peer"
        return "ours" if self.ratio.low > 1 else "neither"


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """A number with a name that is no pairing: an exponent, a share, a size.

    Attributes:
        name: What it is.
        value: The number; of several runs, the median.
        unit: "s", "bytes", "share", "times" or "".
        kind: One of `KINDS`.
        low, high: Its range over the runs, if there are several.
        quoted: Whether the project's README has it.
    """

    name: str
    value: float
    unit: str = ""
    kind: str = "time"
    low: float | None = None
    high: float | None = None
    quoted: bool = False

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(
                f"`kind` must be one of {', '.join(KINDS)}. Received: kind={self.kind!r}."
            )


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Values of y over x, one method's, for one panel of a plot."""

    panel: str
    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]

    def __post_init__(self):
        object.__setattr__(self, "x", tuple(self.x))
        object.__setattr__(self, "y", tuple(self.y))
        if len(self.x) != len(self.y):
            raise ValueError(
                "A curve takes as many x as y. "
                f"Received: {len(self.x)} and {len(self.y)} in {self.name!r}."
            )


@dataclass(frozen=True, kw_only=True)
class Findings:
    """All that one benchmark found.

    Attributes:
        name: Its name, as in `bench_<name>.py`.
        pairings, quantities, curves: What it found.
        peak_memory: Bytes that its process held at most, peers and all data included.
        seconds: What it took, from the start of its process to the end.
    """

    name: str
    pairings: list[Pairing] = field(default_factory=list)
    quantities: list[Quantity] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)
    peak_memory: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Results:
    """All benchmarks of one `python -m benchmarks`.

    Attributes:
        date: Of the start, in UTC, as ISO 8601.
        machine: What `machine.describe` says.
        versions: Package → version, of both sides.
        benchmarks: What they found.
        quick: Whether this was a trial with small sizes and few runs.
    """

    date: str
    machine: dict[str, str | int | float | None]
    versions: dict[str, str]
    benchmarks: list[Findings]
    quick: bool = False

    @property
    def pairings(self) -> list[Pairing]:
        return [pairing for each in self.benchmarks for pairing in each.pairings]


def thinned(curve: Curve, points: int = POINTS) -> Curve:
    """The curve at `points` of its places, dense at the start, with both ends; six digits each."""
    count = len(curve.x)
    places = range(count)
    if count > points:
        logarithmic = {round(count ** (k / (points - 1))) - 1 for k in range(points)}
        places = sorted(logarithmic | {0, count - 1})
    return dataclasses.replace(
        curve,
        x=[float(f"{curve.x[place]:.6g}") for place in places],
        y=[float(f"{curve.y[place]:.6g}") for place in places],
    )


def findings_as_dict(findings: Findings) -> dict:
    """For JSON; each pairing with what follows from its values, for those who read the file."""
    content = dataclasses.asdict(findings)
    for entry, pairing in zip(content["pairings"], findings.pairings, strict=True):
        entry["derived"] = {
            "ours": pairing.our_median,
            "theirs": pairing.their_median,
            "ratio": dataclasses.asdict(pairing.ratio),
            "runs": pairing.runs,
            "verdict": pairing.verdict,
        }
    return content


def findings_from_dict(content: dict) -> Findings:
    """The inverse of `findings_as_dict`; what is derived is derived again."""
    pairings = [
        Pairing(**{key: value for key, value in entry.items() if key != "derived"})
        for entry in content["pairings"]
    ]
    return Findings(
        **content
        | {
            "pairings": pairings,
            "quantities": [Quantity(**entry) for entry in content["quantities"]],
            "curves": [Curve(**entry) for entry in content["curves"]],
        }
    )


def results_as_json(results: Results) -> str:
    """The text of results.json. Curves are thinned; times are all there, as measured."""
    content = dataclasses.asdict(dataclasses.replace(results, benchmarks=[]))
    if results.quick:
        content["note"] = QUICK_NOTE
    content["benchmarks"] = [
        findings_as_dict(
            dataclasses.replace(each, curves=[thinned(curve) for curve in each.curves])
        )
        for each in results.benchmarks
    ]
    return json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def results_from_json(text: str) -> Results:
    """The inverse of `results_as_json`."""
    content = json.loads(text)
    content.pop("note", None)
    content["benchmarks"] = [findings_from_dict(each) for each in content["benchmarks"]]
    return Results(**content)
