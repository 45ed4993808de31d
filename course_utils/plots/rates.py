"""Distances, error rates and intervals."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator, PercentFormatter
from scipy.special import ndtri

from course_utils.plots.style import COLORS, axes_or_new, series_colors
from course_utils.recognition.metrics import (
    ErrorRates,
    IdentificationRates,
    Interval,
    det_curve,
)

DET_TICKS = np.array([0.001, 0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8])


def plot_distance_histograms(
    genuine_distances: np.ndarray,
    impostor_distances: np.ndarray,
    *,
    threshold: float | None = None,
    num_bins: int = 60,
    ax: Axes | None = None,
) -> Axes:
    """Both distributions of distances, each of area 1, and the errors that a threshold leaves.

    Args:
        genuine_distances: Distances between photos of one person.
        impostor_distances: Distances between photos of two people.
        threshold: Drawn as a line if given; the bars on its wrong side are dark.
        num_bins: Number of bins over the common range.
        ax: Where to draw; by default a new figure.

    Returns:
        The Axes.
    """
    ax = axes_or_new(ax)
    genuine, impostor = np.ravel(genuine_distances), np.ravel(impostor_distances)
    bins = np.histogram_bin_edges(np.concatenate([genuine, impostor]), bins=num_bins)
    for values, name, wrong in (
        (impostor, "impostor", impostor <= threshold if threshold is not None else None),
        (genuine, "genuine", genuine > threshold if threshold is not None else None),
    ):
        weights = np.full(values.size, 1 / (values.size * np.diff(bins)[0]))
        label = f"{name} ({values.size:,} pairs)"
        alpha = 0.55 if threshold is None else 0.35
        ax.hist(
            values, bins.tolist(), weights=weights, color=COLORS[name], alpha=alpha, label=label
        )
        if wrong is not None:
            error = "false match" if name == "impostor" else "false non-match"
            ax.hist(
                values[wrong],
                bins.tolist(),
                weights=weights[wrong],
                color=COLORS[name],
                label=f"{error}: {wrong.mean():.1%}",
            )
    if threshold is not None:
        top = 1.02 * ax.dataLim.ymax
        ax.plot([threshold] * 2, [0, top], color=COLORS["ink"], linewidth=1.5, label="threshold")
    headroom = 1.2 if threshold is None else 1.4
    ax.set(xlabel="distance", ylabel="density", yticks=[], ylim=(0, headroom * ax.dataLim.ymax))
    ax.legend(loc="upper right", fontsize=9 if threshold is None else 8, ncols=2)
    return ax


def plot_error_rates(rates: ErrorRates, *, ax: Axes | None = None) -> Axes:
    """FMR and FNMR over the threshold: what one gains, the other loses.

    Args:
        rates: What `error_rates` returned.
        ax: Where to draw; by default a new figure.

    Returns:
        The Axes.
    """
    ax = axes_or_new(ax)
    shown = np.isfinite(rates.thresholds)
    for values, name, label in (
        (rates.fmr, "impostor", "FMR: strangers accepted"),
        (rates.fnmr, "genuine", "FNMR: the right person rejected"),
    ):
        ax.step(
            rates.thresholds[shown], values[shown], where="post", color=COLORS[name], label=label
        )
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.set(xlabel="threshold", ylabel="error rate", ylim=(0, 1.25), yticks=np.linspace(0, 1, 6))
    ax.legend(loc="upper right", fontsize=9)
    return ax


def plot_det(curves: Mapping[str, ErrorRates], *, ax: Axes | None = None) -> Axes:
    """FNMR against FMR on normal-deviate axes, a curve a method, and pure chance.

    Args:
        curves: Name of the method → what `error_rates` returned. A method whose distances are
            separated without an error has no curve; its name stays in the legend.
        ax: Where to draw; by default a new figure.

    Returns:
        The Axes.
    """
    ax = axes_or_new(ax, figsize=(5.2, 4.8))
    for (name, rates), color in zip(curves.items(), series_colors(curves), strict=True):
        curve = det_curve(rates)
        ax.plot(curve.fmr_deviate, curve.fnmr_deviate, color=color, label=name)
    ends = ndtri(np.array([0.0005, 0.9]))
    ax.plot(ends, -ends, color=COLORS["muted"], linestyle=":", label="chance")
    ax.plot(ends, ends, color=COLORS["muted"], linewidth=0.8)
    ax.annotate(
        "FMR = FNMR",
        (ndtri(0.3), ndtri(0.3)),
        (-4, 4),
        textcoords="offset points",
        rotation=45,
        color=COLORS["muted"],
        fontsize=8,
    )
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(FixedLocator(ndtri(DET_TICKS)))
        axis.set_major_formatter(FixedFormatter([f"{tick:g}" for tick in 100 * DET_TICKS]))
        axis.set_minor_locator(NullLocator())
    ax.set(
        xlim=ends,
        ylim=ends,
        aspect="equal",
        xlabel="false match rate, % (normal-deviate scale)",
        ylabel="false non-match rate, %",
    )
    ax.legend(loc="lower left", fontsize=9, frameon=True, edgecolor="none", framealpha=1)
    return ax


def plot_open_set(curves: Mapping[str, IdentificationRates], *, ax: Axes | None = None) -> Axes:
    """What rejecting strangers costs: FNIR against FPIR, a curve a method, and pure chance.

    Args:
        curves: Name of the method → what `identification_rates` returned, with mated and
            non-mated probes.
        ax: Where to draw; by default a new figure.

    Returns:
        The Axes.
    """
    ax = axes_or_new(ax, figsize=(5.6, 4.2))
    for (name, rates), color in zip(curves.items(), series_colors(curves), strict=True):
        ax.step(rates.fpir, rates.fnir, where="post", color=color, label=name)
    for num_people in sorted({len(rates.rank_rates) for rates in curves.values()}):
        label = f"chance: any of {num_people} names"
        ends = [1, 1 - 1 / num_people]
        ax.plot([0, 1], ends, color=COLORS["muted"], linestyle=":", label=label)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.set(
        xlim=(0, 1),
        ylim=(0, 1),
        xlabel="FPIR: strangers who are given a name",
        ylabel="FNIR: enrolled people not recognised",
    )
    ax.legend(loc="upper right", bbox_to_anchor=(1, 0.86), fontsize=9)  # below the chance line
    return ax


def plot_gallery_growth(
    sizes: np.ndarray,
    curves: Mapping[str, Sequence[float] | np.ndarray],
    *,
    bands: Mapping[str, tuple[np.ndarray, np.ndarray]] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """An error against the number of people in the gallery.

    Args:
        sizes: Gallery sizes, shape (num_sizes,).
        curves: Name → error at each size; a shorter curve starts at the first size. Names that
            start with "if" or "lecture" are theory, drawn dashed; of "measured: raw pixels, all
            people" the method's colour is that of "raw pixels".
        bands: Name → (low, high), the interval around that curve.
        ax: Where to draw; by default a new figure.

    Returns:
        The Axes.
    """
    ax = axes_or_new(ax)
    methods = [name.removeprefix("measured: ").split(",")[0] for name in curves]
    for (name, values), color in zip(curves.items(), series_colors(methods), strict=True):
        theory = name.startswith(("if", "lecture"))
        if theory:
            color = COLORS["muted" if name.startswith("lecture") else "ink"]
        shown = sizes[: len(values)]
        ax.plot(shown, values, color=color, linestyle="--" if theory else "-", label=name)
        if bands and name in bands:
            ax.fill_between(shown, *bands[name], color=color, alpha=0.15, linewidth=0)
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    ax.set(xlabel="people in the gallery, K", ylabel="error", ylim=(0, None))
    ax.legend(loc="best", fontsize=9)
    return ax


def plot_intervals(
    intervals: Mapping[str, Interval],
    *,
    chance: float | None = None,
    color: str | None = None,
    xlabel: str = "rate",
    ax: Axes | None = None,
) -> Axes:
    """Estimates with their confidence intervals, a row each, and chance beside them.

    Args:
        intervals: Name → interval, from top to bottom.
        chance: Drawn as a dotted line if given.
        color: One colour for all rows; by default each has its own.
        xlabel: What is estimated.
        ax: Where to draw; by default a new figure with a height that fits.

    Returns:
        The Axes.

    Raises:
        ValueError: If there is no interval.
    """
    num_rows = len(intervals)
    if num_rows == 0:
        raise ValueError("`intervals` is empty.")
    ax = axes_or_new(ax, figsize=(7.6, 0.9 + 0.42 * num_rows))
    colors = series_colors(intervals) if color is None else [color] * num_rows
    for row, (interval, row_color) in enumerate(zip(intervals.values(), colors, strict=True)):
        ax.plot([interval.low, interval.high], [row, row], color=row_color, linewidth=3, alpha=0.5)
        ax.plot(interval.estimate, row, "o", color=row_color, markersize=8)
        ax.annotate(
            f"{interval.estimate:.1%}  [{interval.low:.1%}, {interval.high:.1%}]",
            (interval.high, row),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
        )
    if chance is not None:
        ax.axvline(chance, color=COLORS["muted"], linestyle=":")
        ax.annotate("chance", (chance, -0.75), (4, 0), textcoords="offset points", fontsize=8)
    ax.set_yticks(range(num_rows), list(intervals))
    ax.set(ylim=(num_rows - 0.4, -1), xlabel=xlabel)
    ax.grid(axis="y", visible=False)
    ax.xaxis.set_major_formatter(PercentFormatter(1))
    ends = [end for interval in intervals.values() for end in (interval.low, interval.high)]
    ends += [] if chance is None else [chance]
    margin = 0.05 * (max(ends) - min(ends)) or 0.01
    text_ends = max(interval.high for interval in intervals.values()) + 8 * margin
    start = min(ends) - margin
    ax.set_xlim(max(0, start) if min(ends) >= 0 else start, max(max(ends) + 2 * margin, text_ends))
    if max(ends) <= 1:  # there is room for text above 100 %, but nothing to be measured
        ax.set_xticks([tick for tick in ax.get_xticks() if ax.get_xlim()[0] <= tick <= 1])
    return ax
