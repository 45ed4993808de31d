"""Results as Markdown: a page of their own, and the block that the project's README quotes."""

import datetime
import math
from collections.abc import Iterable

from benchmarks.catalogue import BENCHMARKS
from benchmarks.results import KINDS, QUICK_NOTE, Pairing, Quantity, Results

BEGIN, END = "<!-- benchmarks -->", "<!-- /benchmarks -->"
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number_in_words(value: float, unit: str = "") -> str:
    """A number with two or three digits that count, and its unit.

    Example:
        >>> [number_in_words(0.0024, "s"), number_in_words(1.5e9, "bytes")]
        ['2.40 ms', '1.50 GB']
        >>> [number_in_words(0.912, "share"), number_in_words(4.1e-7)]
        ['91 %', '4·10⁻⁷']
    """
    if unit == "s":
        for size, name in ((1, "s"), (1e-3, "ms"), (1e-6, "µs")):
            if float(f"{value:.3g}") >= size or name == "µs":
                return f"{_digits(value / size)} {name}"
    if unit == "bytes":
        return f"{_digits(value / 1e9)} GB"
    if unit == "share":
        return f"{100 * value:.0f} %"
    if unit == "times":
        return f"{value:.2f} ×"
    if value and abs(value) < 1e-3:
        mantissa, exponent = f"{value:.0e}".split("e")
        return f"{mantissa}·10{str(int(exponent)).translate(SUPERSCRIPTS)}"
    return f"{_digits(value)}{' ' + unit if unit else ''}"


def _digits(value: float, digits: int = 3) -> str:
    """So many digits that count, and never an exponent: 0.0123, 1.23, 12.3, 1,234."""
    if not value:
        return "0"
    before = math.floor(math.log10(abs(float(f"{value:.{digits - 1}e}"))))
    return f"{value:,.{max(0, digits - 1 - before)}f}"


def ratio(value: float) -> str:
    """Two digits that count: more would not be the same tomorrow."""
    if value == 0:
        return "never"
    return _digits(float(f"{value:.2g}"), digits=2)


def ratio_in_words(pairing: Pairing) -> str:
    """The median ratio and its range; "never" where ours does not get to where the peer does."""
    found = pairing.ratio
    return f"{ratio(found.median)} [{ratio(found.low)}, {ratio(found.high)}]"


def pairing_in_words(pairing: Pairing) -> str:
    """One line, as it is printed when the pairing is measured."""
    return (
        f"{pairing.subject} ({pairing.condition}): ours {_or_never(pairing)}, {pairing.peer} "
        f"{number_in_words(pairing.their_median, pairing.unit)}, ratio {ratio_in_words(pairing)}"
    )


def quantity_in_words(quantity: Quantity) -> str:
    """The number with its unit, and its range if there is one."""
    if quantity.kind == "exponent":
        return f"{quantity.value:.2f}"
    text = number_in_words(quantity.value, quantity.unit)
    if quantity.low is None or quantity.high is None:
        return text
    ends = (number_in_words(end, quantity.unit) for end in (quantity.low, quantity.high))
    return f"{text} [{', '.join(ends)}]"


def machine_in_words(results: Results) -> str:
    """Date and machine, in one clause."""
    day = datetime.datetime.fromisoformat(results.date)
    machine = results.machine
    return (
        f"{day.day} {day:%B %Y} on {machine['cores']} cores of {machine['cpu']} with "
        f"{number_in_words(machine['memory'], 'bytes')} of memory"
    )


def where_the_peer_wins(pairings: Iterable[Pairing]) -> str:
    """Sentences that say where ours is behind, and where nobody can tell."""
    behind, undecided = [], []
    for pairing in pairings:
        if pairing.verdict == "peer" and pairing.ratio.median == 0:
            behind.append(
                f"{pairing.peer} in {pairing.subject} (ours never gets there with {pairing.never} "
                f"of {pairing.runs} {pairing.runs_are})"
            )
        elif pairing.verdict == "peer":
            times = ratio(1 / pairing.ratio.median)
            behind.append(f"{pairing.peer} in {pairing.subject} ({times} times as fast)")
        elif pairing.verdict == "neither":
            undecided.append(f"{pairing.subject} ({pairing.peer})")
    text = f"Ahead of ours: {'; '.join(behind)}." if behind else "No peer is ahead in all runs."
    if undecided:
        text += f" The range holds 1, so that neither is ahead for sure: {'; '.join(undecided)}."
    return text


def as_page(results: Results) -> str:
    """The README.md beside results.json."""
    minutes = sum(each.seconds for each in results.benchmarks) / 60
    machine = results.machine
    names = ", ".join(f"{name} {version}" for name, version in results.versions.items())
    note = [f"**{QUICK_NOTE}**", ""] if results.quick else []
    lines = [
        "# Speed, each beside a peer in the same run",
        "",
        *note,
        f"Measured on {machine_in_words(results)} ({machine['system']}, Python "
        f"{machine['python']}, load before the start {machine['load']}), at commit "
        f"{machine['commit'] or 'unknown'}, in {minutes:.0f} minutes. {names}.",
        "",
        "`make bench` wrote this page; all numbers, with the seconds of each run, are in "
        "[results.json](results.json). Each benchmark ran in a process of its own, both sides in "
        "turns, after one turn that does not count. Ours and peer: medians. Ratio: the peer's time "
        "over ours in the same turn, so that above 1 ours is faster; its median, and in brackets "
        "its range over nine tenths of the runs (over all of them, up to twenty). “Never”: ours "
        "does not get there.",
        "",
        "![All ratios](ratios.png)",
        "",
    ]
    for each in results.benchmarks:
        if each.pairings:
            lines += [f"## {BENCHMARKS[each.name].title}", "", *_table(each.pairings), ""]
    lines += ["## Where the peer is ahead", "", where_the_peer_wins(results.pairings), ""]
    if _has_curves(results, "gallery"):
        lines += ["![Time against the number of templates](identification.png)", ""]
    if _has_curves(results, "style_transfer"):
        lines += ["![J against seconds](style_transfer.png)", ""]
    for kind, heading in KINDS.items():
        rows = [
            f"| {BENCHMARKS[each.name].title} | {quantity.name} | {quantity_in_words(quantity)} |"
            for each in results.benchmarks
            for quantity in each.quantities
            if quantity.kind == kind
        ]
        if kind == "memory":
            rows += [
                f"| {BENCHMARKS[each.name].title} | peak of the whole process, with the peers and "
                f"all data | {number_in_words(each.peak_memory, 'bytes')} |"
                for each in results.benchmarks
            ]
        if rows:
            lines += [
                f"## {heading}",
                "",
                "| benchmark | what | value |",
                "|---|---|---|",
                *rows,
                "",
            ]
    return "\n".join(lines)


def as_block(results: Results) -> str:
    """The lines of the project's README between `BEGIN` and `END`: at most 16 rows, 3 sentences."""
    quoted = [pairing for pairing in results.pairings if pairing.quoted]
    note = [f"**{QUICK_NOTE}**", ""] if results.quick else []
    lines = [
        *note,
        f"Measured on {machine_in_words(results)}, each beside its peer in one run (`make bench`; "
        "[all of it, with plots](benchmarks/results/README.md)). Ratio: the peer's time over ours, "
        "its median and range; above 1 ours is faster.",
        "",
        *_table(quoted),
        "",
        where_the_peer_wins(results.pairings),  # also in what is not quoted
    ]
    for kind, heading in KINDS.items():
        quantities = [
            f"{quantity.name} {quantity_in_words(quantity)}"
            for each in results.benchmarks
            for quantity in each.quantities
            if quantity.quoted and quantity.kind == kind
        ]
        if quantities:
            lines += ["", f"{heading}: {'; '.join(quantities)}."]
    return "\n".join(lines)


def with_block(readme: str, block: str) -> str | None:
    """The README with a new block between its two marks; None if it has no marks."""
    if BEGIN not in readme and END not in readme:
        return None
    if (
        readme.count(BEGIN) != 1
        or readme.count(END) != 1
        or readme.index(END) < readme.index(BEGIN)
    ):
        raise ValueError(
            f"The README must have one {BEGIN} and after it one {END}, or neither. "
            f"Received: {readme.count(BEGIN)} and {readme.count(END)}. Mend the marks."
        )
    before, rest = readme.split(BEGIN)
    return f"{before}{BEGIN}\n{block}\n{END}{rest.split(END)[1]}"


def block_of(readme: str) -> str | None:
    """What stands between the two marks; None if there are none."""
    if BEGIN not in readme or END not in readme:
        return None
    return readme.split(BEGIN)[1].split(END)[0].strip("\n")


def _table(pairings: Iterable[Pairing]) -> list[str]:
    lines = ["| what | ours | peer | its time | ratio | over |", "|---|---|---|---|---|---|"]
    for pairing in pairings:
        lines.append(
            f"| {pairing.subject}, {pairing.condition} | {_or_never(pairing)} | {pairing.peer} | "
            f"{number_in_words(pairing.their_median, pairing.unit)} | {ratio_in_words(pairing)} | "
            f"{pairing.runs} {pairing.runs_are if pairing.runs > 1 else 'run'} |"
        )
    return lines


def _or_never(pairing: Pairing) -> str:
    median = pairing.our_median
    return "never" if median is None else number_in_words(median, pairing.unit)


def _has_curves(results: Results, name: str) -> bool:
    return any(each.name == name and each.curves for each in results.benchmarks)
