"""Signals along time, and a table of who was taken for what."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from course_utils.plots.style import COLORS, axes_or_new

MARK_COLORS = tuple(COLORS[name] for name in ("impostor", "third", "fourth"))
SPAN_COLORS = tuple(COLORS[name] for name in ("second", "fifth", "fourth"))
CHANNEL_COLORS = tuple(
    COLORS[name] for name in ("genuine", "fifth", "third", "impostor", "second", "fourth")
)
HEIGHT = 0.45  # of a channel's largest value, where the next channel is 1 away
CELL_MAP = "Blues"
DARK = 0.63  # share from which on a cell's text is white


def plot_signal(
    signal: np.ndarray,
    *,
    times: np.ndarray | None = None,
    marks: Mapping[str, Sequence[int]] | None = None,
    spans: Mapping[str, np.ndarray] | None = None,
    label: str = "signal",
    unit: str = "",
    ax: Axes | None = None,
) -> Axes:
    """A signal over time, with marked samples and shaded stretches.

    Args:
        signal: Values, shape (num_samples,).
        times: When each sample was taken, in seconds, shape (num_samples,); by default samples are
            counted.
        marks: Name → indices of samples that get a dot, such as the beats that were found.
        spans: Name → Bool array, shape (num_samples,); where it is true, the background is shaded,
            as with `is_abnormal` of `load_ecg`.
        label: What was measured, such as "voltage".
        unit: Its unit, such as "mV".
        ax: Where to draw; by default a new, wide figure.

    Returns:
        The Axes.

    Raises:
        ValueError: If the shapes do not agree, or a mark lies outside the signal.

    Example:
        >>> ax = plot_signal([0, 1, 0, 2], marks={"peaks": [1, 3]}, unit="mV")
        >>> ax.get_xlabel(), ax.get_ylabel()
        ('sample', 'signal (mV)')

    Lecture: section 9, notebook 09.
    """
    signal = np.asarray(signal)
    if signal.ndim != 1 or not signal.size:
        raise ValueError(
            f"`signal` must have shape (num_samples,), not 0. Received: {signal.shape}."
        )
    places = np.arange(len(signal)) if times is None else np.asarray(times)
    shaded = {name: np.asarray(each) for name, each in (spans or {}).items()}
    for name, values in (
        ("times", places),
        *((f"spans[{name!r}]", each) for name, each in shaded.items()),
    ):
        if values.shape != signal.shape:
            raise ValueError(
                f"`{name}` must have the signal's shape, {signal.shape}. Received: {values.shape}."
            )
    ax = axes_or_new(ax, figsize=(10, 2.8))
    for number, (name, mask) in enumerate(shaded.items()):
        color = SPAN_COLORS[number % len(SPAN_COLORS)]
        for start, stop in _runs(mask.astype(bool)):
            # Half a sample to each side, so that a stretch of one sample has a width.
            edges = np.interp([start - 0.5, stop - 0.5], np.arange(len(places)), places)
            ax.axvspan(*edges, color=color, alpha=0.25, linewidth=0, label=name)
            name = "_" + name.lstrip("_")  # one line in the legend
    ax.plot(places, signal, color=COLORS["ink"], linewidth=1.0, label="_signal")
    for number, (name, indices) in enumerate((marks or {}).items()):
        marked = np.asarray(indices, dtype=int).ravel()
        if marked.size and not (marked.min() >= 0 and marked.max() < len(signal)):
            raise ValueError(
                f"`marks[{name!r}]` must hold indices within 0 … {len(signal) - 1}. "
                f"Received: {marked.min()} … {marked.max()}."
            )
        style: dict[str, Any] = {"linestyle": "none", "marker": "o", "markersize": 5}
        color = MARK_COLORS[number % len(MARK_COLORS)]
        ax.plot(places[marked], signal[marked], color=color, label=name, **style)
    ax.set(
        xlabel="sample" if times is None else "time (s)",
        ylabel=f"{label} ({unit})" if unit else label,
        xlim=(places[0], places[-1]) if len(places) > 1 else None,
    )
    ax.grid(True)
    if ax.get_legend_handles_labels()[0]:
        ax.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=4, fontsize=9, borderaxespad=0.2)
    return ax


def plot_channels(
    signals: np.ndarray,
    *,
    names: Sequence[str],
    sampling_rate: float,
    titles: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Recordings side by side, their channels one below the other.

    Each channel has a scale of its own, the same in all recordings: standing is flat beside
    running. At the right stands how large the largest value of the channel is.

    Args:
        signals: One recording, shape (num_steps, num_channels), or several of them, shape
            (num_recordings, num_steps, num_channels); channels last.
        names: Name of each channel.
        sampling_rate: Steps a second (Hz), positive.
        titles: Text above each recording, such as its activity.
        ax: Where to draw; by default a new figure.

    Returns:
        The Axes. Recordings follow each other along its horizontal axis.

    Raises:
        ValueError: If the shapes do not agree, or the rate is not positive.

    Example:
        >>> signals = np.sin(np.arange(40).reshape(2, 10, 2))
        >>> ax = plot_channels(signals, names=["x", "y"], sampling_rate=10, titles=["a", "b"])
        >>> [text.get_text() for text in ax.texts]
        ['a', 'b', '±0.99', '±1']

    Lecture: section 9, notebook 09.
    """
    signals = np.asarray(signals, dtype=float)
    signals = signals[np.newaxis] if signals.ndim == 2 else signals
    if signals.ndim != 3 or 0 in signals.shape:
        raise ValueError(
            "`signals` must have shape (num_steps, num_channels), or (num_recordings, num_steps, "
            f"num_channels), none of them 0. Received: {signals.shape}."
        )
    num_recordings, num_steps, num_channels = signals.shape
    for name, texts, expected in (
        ("names", names, num_channels),
        ("titles", titles, num_recordings),
    ):
        if texts is not None and len(texts) != expected:
            raise ValueError(f"`{name}` must have {expected} items. Received: {len(texts)}.")
    if not sampling_rate > 0:
        raise ValueError(f"`sampling_rate` must be positive. Received: {sampling_rate}.")
    ax = axes_or_new(ax, figsize=(10, 0.8 + 0.6 * num_channels))
    seconds = np.arange(num_steps) / sampling_rate
    length = num_steps / sampling_rate
    stride = 1.06 * length  # a gap between recordings
    largest = np.abs(signals).max(axis=(0, 1))
    style: dict[str, Any] = {"fontsize": 9, "color": COLORS["ink"]}
    for number, recording in enumerate(signals):
        ax.axvspan(number * stride, number * stride + length, color="#f4f6f8", zorder=0)
        for channel, values in enumerate(recording.T):
            height = channel - HEIGHT * values / (largest[channel] or 1)
            color = CHANNEL_COLORS[channel % len(CHANNEL_COLORS)]
            ax.plot(number * stride + seconds, height, color=color, linewidth=1.2)
        if titles is not None:
            middle = number * stride + length / 2
            ax.text(middle, -0.62, titles[number], ha="center", weight="bold", **style)
    end = (num_recordings - 1) * stride + length
    for channel, value in enumerate(largest):
        ax.text(end + 0.01 * stride, channel, f"±{value:.2g}", va="center", **style)
    starts = stride * np.arange(num_recordings)
    ticks = [*starts, *(starts + length / 2), end]
    texts = ["0"] * num_recordings + [f"{length / 2:g}"] * num_recordings + [f"{length:g}"]
    ax.set_xticks(ticks, texts)
    ax.set_yticks(range(num_channels), names)
    ax.set(xlim=(0, end), ylim=(num_channels - 0.4, -0.55), xlabel="time (s)")
    ax.tick_params(axis="y", length=0)
    ax.grid(True)
    ax.spines[:].set_visible(False)
    return ax


def plot_confusion_matrix(
    counts: np.ndarray, names: Sequence[str], *, ax: Axes | None = None
) -> Axes:
    """Who was taken for what: a row for each true class, a column for each predicted one.

    Args:
        counts: Integers, shape (num_classes, num_classes): row is truth, column is prediction. The
            darker a cell, the larger its share of the row; what is right lies on the diagonal.
        names: Name of each class.
        ax: Where to draw; by default a new, square figure.

    Returns:
        The Axes.

    Raises:
        ValueError: If `counts` is not square, holds negative values or fractions, or there are not
            as many names.

    Example:
        >>> ax = plot_confusion_matrix([[9, 1], [0, 10]], ["walking", "running"])
        >>> [text.get_text() for text in ax.texts]
        ['9', '1', '0', '10']

    Lecture: section 9, notebook 09.
    """
    counts = np.asarray(counts)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or not counts.size:
        raise ValueError(
            f"`counts` must have shape (num_classes, num_classes), not 0. Received: {counts.shape}."
        )
    if not np.issubdtype(counts.dtype, np.integer) or counts.min() < 0:
        raise ValueError(
            "`counts` must hold integers of at least 0, not shares. "
            f"Received: {counts.dtype}, from {counts.min()} on."
        )
    if len(names) != len(counts):
        raise ValueError(f"`names` must have {len(counts)} items. Received: {len(names)}.")
    size = 1.8 + 0.65 * len(counts)
    ax = axes_or_new(ax, figsize=(size + 0.4, size))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    ax.imshow(shares, cmap=CELL_MAP, vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        ax.text(
            column,
            row,
            f"{count:,}",
            ha="center",
            va="center",
            fontsize=11,
            weight="bold" if row == column else "normal",
            color="white" if shares[row, column] > DARK else COLORS["ink" if count else "first"],
        )
    places = np.arange(len(counts))
    ax.set_xticks(places, names, rotation=30, ha="right", rotation_mode="anchor")
    ax.set_yticks(places, names)
    ax.set_xticks(places[1:] - 0.5, minor=True)
    ax.set_yticks(places[1:] - 0.5, minor=True)
    ax.grid(False)
    ax.grid(True, which="minor", color="white", linewidth=2)
    ax.tick_params(which="both", length=0)
    ax.spines[:].set_visible(False)
    ax.set(xlabel="predicted", ylabel="true")
    return ax


def _runs(mask: np.ndarray) -> np.ndarray:
    """(start, stop) of each stretch in which the mask is true."""
    steps = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(int)))
    return steps.reshape(-1, 2)
