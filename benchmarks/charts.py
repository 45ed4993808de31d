"""Results as PNG: all ratios, identification against size, style transfer against seconds."""

import io
from collections.abc import Sequence

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

from benchmarks.catalogue import BENCHMARKS
from benchmarks.report import ratio_in_words
from benchmarks.results import QUICK_NOTE, Curve, Findings, Results
from course_utils.plots import COLORS, use_course_style

AHEAD, BEHIND = COLORS["genuine"], COLORS["impostor"]
VERDICTS = {"ours": AHEAD, "peer": BEHIND, "neither": COLORS["first"]}
# One colour a method in both plots of curves; ours is the blue of what is ahead.
METHODS = {
    "ours": AHEAD,
    "FAISS": COLORS["impostor"],
    "NumPy": COLORS["first"],
    "Keras example, SGD": COLORS["first"],
    "TensorFlow tutorial, Adam": COLORS["impostor"],
    "Gatys, L-BFGS, from noise": COLORS["third"],
    "Gatys, L-BFGS, from the photo": COLORS["fourth"],
}


def charts(results: Results) -> dict[str, bytes]:
    """Name of the file → its bytes, of the plots that these results have data for."""
    with mpl.rc_context():
        use_course_style()
        figures = {}
        if results.pairings:
            figures["ratios.png"] = plot_ratios(results)
        for each in results.benchmarks:
            if each.name == "gallery" and each.curves:
                figures["identification.png"] = plot_identification(each)
            if each.name == "style_transfer" and each.curves:
                figures["style_transfer.png"] = plot_style_transfer(each)
        return {name: _as_png(figure, results.quick) for name, figure in figures.items()}


def plot_ratios(results: Results) -> Figure:
    """The ratio of each pairing with its range, in groups, on one logarithmic axis."""
    groups = [each for each in results.benchmarks if each.pairings]
    lines = sum(len(each.pairings) + 1 for each in groups)
    figure, ax = plt.subplots(figsize=(9, 1 + 0.25 * lines))
    ends = [
        end
        for pairing in results.pairings
        for end in (pairing.ratio.low, pairing.ratio.high)
        if end > 0
    ]
    lowest, highest = min([0.5, *ends]), max([2.0, *ends])
    bottom = lowest / 3  # where what never gets there is drawn
    place = 0.0
    labels: list[tuple[float, str]] = []
    for each in groups:
        ax.text(
            -0.01, place, BENCHMARKS[each.name].title, transform=ax.get_yaxis_transform(),
            ha="right", va="center", weight="bold", fontsize=9, color=COLORS["ink"],
        )  # fmt: skip
        for pairing in each.pairings:
            place += 1
            ratio = pairing.ratio
            color = VERDICTS[pairing.verdict]
            low, median, high = (max(end, bottom) for end in (ratio.low, ratio.median, ratio.high))
            ax.plot([low, high], [place] * 2, color=color, linewidth=3, solid_capstyle="butt")
            if ratio.median > 0:
                ax.plot(median, place, "o", color=color, markersize=6)
            if ratio.low == 0:
                ax.plot(bottom, place, marker="<", color=color, markersize=7)
            ax.annotate(
                ratio_in_words(pairing), (high, place), (7, 0), textcoords="offset points",
                va="center", fontsize=8, color=COLORS["ink"],
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
            )  # fmt: skip
            labels.append((place, f"{pairing.subject} / {pairing.peer}"))
        place += 1.3
    ax.axvline(1, color=COLORS["ink"], linewidth=1)
    ax.set_yticks([spot for spot, _ in labels], [label for _, label in labels], fontsize=8)
    ax.tick_params(axis="y", length=0)
    ax.set(
        xscale="log",
        xlim=(bottom / 1.3, highest * (highest / lowest) ** 0.45),
        ylim=(place - 0.6, -0.9),
        xlabel="peer's time / ours: right of the line ours is faster",
    )
    ax.grid(axis="y", visible=False)
    ax.spines["left"].set_visible(False)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    return figure


def plot_identification(findings: Findings) -> Figure:
    """Milliseconds of one probe against the number of templates; exponents in the labels."""
    figure, ax = plt.subplots(figsize=(7.6, 4.4))
    ends = []
    for curve in findings.curves:
        milliseconds = 1000 * np.array(curve.y)
        ax.loglog(curve.x, milliseconds, "o-", color=METHODS[curve.name], markersize=5)
        slopes = np.diff(np.log(curve.y)) / np.diff(np.log(curve.x))
        exponents = ", ".join(f"{slope:.2f}" for slope in slopes)
        ends.append((milliseconds[-1], f"{curve.name}: {exponents}", METHODS[curve.name]))
    _label_ends(ax, ends)
    ax.set(
        xlabel="templates in the gallery",
        ylabel="milliseconds",
        title="One probe: time, and exponents of growth from size to size",
    )
    ax.set_xticks(findings.curves[0].x, [f"{size:,.0f}" for size in findings.curves[0].x])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    return figure


def plot_style_transfer(findings: Findings) -> Figure:
    """J, the lowest until then, against seconds; a panel for each pair of images."""
    panels = list(dict.fromkeys(curve.panel for curve in findings.curves))
    figure, axes = plt.subplots(
        1, len(panels), figsize=(9, 3.9), layout="constrained", squeeze=False
    )
    names: dict[str, mpl.lines.Line2D] = {}
    for ax, panel in zip(axes[0], panels, strict=True):
        own = [curve for curve in findings.curves if curve.panel == panel]
        for curve in own:
            style = {"zorder": 3, "linewidth": 2.6} if curve.name == "ours" else {"linewidth": 1.6}
            (names[curve.name],) = ax.plot(curve.x, curve.y, color=METHODS[curve.name], **style)
        ax.set(xscale="log", xlabel="seconds", title=panel.replace(" in the style ", ",\n"))
        bottom, top = _window(own)
        seen = [x for curve in own for x, y in zip(curve.x, curve.y, strict=True) if y < top]
        ax.set(xlim=(0.8 * min(seen), 1.3 * max(seen)), ylim=(bottom, top))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.xaxis.set_minor_formatter(NullFormatter())
    axes[0, 0].set_ylabel("J, the lowest until then")
    figure.legend(names.values(), names, loc="outside lower center", ncols=3, fontsize=9)
    return figure


def _window(curves: Sequence[Curve]) -> tuple[float, float]:
    """J from below the lowest of all to five times as far above it as the worst recipe ends."""
    lowest, worst = (end(curve.y[-1] for curve in curves) for end in (min, max))
    room = max(worst - lowest, 0.02 * lowest)
    return lowest - 0.2 * room, lowest + 5 * room


def _label_ends(ax: Axes, ends: list[tuple[float, str, str]]) -> None:
    """A label beside the end of each line, those that would touch moved apart."""
    ax.margins(x=0.05)
    places = []
    low, high = np.log10(ax.get_ylim())
    for value, text, color in sorted(ends):
        place = (np.log10(value) - low) / (high - low)
        if places:
            place = max(place, places[-1] + 0.07)
        places.append(place)
        ax.text(
            1.02, place, text, transform=ax.transAxes, ha="left", va="center", fontsize=9,
            color=color,
        )  # fmt: skip


def _as_png(figure: Figure, quick: bool) -> bytes:
    if quick:
        figure.suptitle(QUICK_NOTE, color=BEHIND, fontsize=9)
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=120, metadata={"Software": None})
    plt.close(figure)
    return buffer.getvalue()
