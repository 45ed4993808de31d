"""A convolution as a drawing: what goes in, the filters, what comes out."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.patches import FancyArrowPatch, Polygon

from course_utils.plots.style import COLORS, axes_or_new
from course_utils.shapes import conv_output_shape

MAX_SHEETS = 8  # more channels than these are counted, not drawn
# In units of the drawing, in which the longest side of the input is 1, or less if it must shrink.
VIEW = -0.1, 5.0
CENTERS = (0.88, 2.42, 3.92)  # of input, filters and output
LARGEST = 1.42  # width and height of input and output
FILTERS = (0.72, 0.38)  # largest width and height of one filter
FIRST_FILTERS = -0.12  # where the second filter stands, if the first is at −1, the last at 1
SMALLEST_CELL = 0.02  # smaller ones are drawn without lines between them
ROW_HEIGHT = 0.09  # of a signal
DEPTH = np.array([0.40, 0.30])  # how far one unit away from us goes to the right and up
# From one channel to the next, for 1, 2 and 3 axes.
SHEET_STEPS = {1: (0.035, 0.125), 2: (0.072, 0.072), 3: (0.045, 0.135)}
FACES = {"front": 0.0, "top": 0.4, "side": -0.15}  # how light, to tell them apart
PAPER = "#dfe6ec"  # the input, which has no filter's colour
FILTER_COLORS = LinearSegmentedColormap.from_list(
    "filters", [COLORS["second"], COLORS["fourth"], COLORS["genuine"]]
)


@dataclass(frozen=True)
class _Tensor:
    """Boxes of one size, one for each channel, each a step behind the one before.

    Attributes:
        cells: Number of cells to the right, up and away from us; the last is 0 for a flat sheet.
        scale: Size of a cell in these three directions, shape (3,).
        count: Number of boxes drawn.
        step: From one box to the next, shape (2,).
        corner: Lower left corner of the first box's front, shape (2,).
    """

    cells: tuple[int, int, int]
    scale: np.ndarray
    count: int
    step: np.ndarray
    corner: np.ndarray | tuple[float, float] = (0.0, 0.0)

    @property
    def extent(self) -> np.ndarray:
        """Width and height of everything."""
        *front, away = self.cells * self.scale
        return front + away * DEPTH + (self.count - 1) * self.step

    def at(self, box: float, right: float, up: float, away: float = 0) -> np.ndarray:
        """Where a place within a box, in cells, is drawn."""
        *front, behind = np.array([right, up, away]) * self.scale
        return self.corner + box * self.step + front + behind * DEPTH

    def resized(self, factor: float) -> "_Tensor":
        return replace(self, scale=self.scale * factor, step=self.step * factor)

    def centred(self, x: float, y: float) -> "_Tensor":
        return replace(self, corner=np.array([x, y]) - self.extent / 2)


def plot_convolution_shapes(
    input_shape: Sequence[int],
    kernel_size: int | Sequence[int],
    filters: int,
    *,
    ax: Axes | None = None,
) -> Axes:
    """The sizes of a convolution on 1, 2 or 3 axes: 14×14×3 ∗ 16 filters of 5×5×3 → 10×10×16.

    On the left the input, a row, a sheet or a cuboid for each channel, with the first filter at its
    first place. In the middle the filters, as deep as the input has channels: the first two and the
    last. On the right the output: each filter gives a channel, drawn in the filter's colour, and
    each place of the filter one cell of it. Stride 1, no padding.

    Args:
        input_shape: Sizes of the 1, 2 or 3 spatial axes, then the channels; no batch axis. Of two
            or three axes the first goes up, the next to the right, the third away from us.
        kernel_size: Kernel size, one for all axes or one for each.
        filters: Number of filters.
        ax: Where to draw; by default a new figure.

    Returns:
        The Axes.

    Raises:
        ValueError: If the convolution does not exist, such as for a kernel that is larger than the
            input.
        TypeError: If a size is not an integer.

    Example:
        >>> ax = plot_convolution_shapes((14, 14, 3), 5, 16)
        >>> [text.get_text() for text in ax.texts if "×" in text.get_text()][-3:]
        ['input: 14 × 14 × 3', '16 filters of 5 × 5 × 3', 'output: 10 × 10 × 16']

    Reference: Dumoulin, Visin, "A guide to convolution arithmetic for deep learning", 2016.
    Lecture: section 9, notebook 09.
    """
    *outputs, filters = conv_output_shape(input_shape, kernel_size, filters)
    *inputs, channels = (int(size) for size in input_shape)
    # Stride 1, no padding: the output is by kernel − 1 shorter.
    kernel = [size - out + 1 for size, out in zip(inputs, outputs, strict=True)]
    scale = np.full(3, 1 / max(inputs))
    if len(inputs) == 1:
        scale[1] = ROW_HEIGHT
    step = np.array(SHEET_STEPS[len(inputs)])
    depth = min(channels, MAX_SHEETS)
    source, stencil, target = (
        _Tensor(_cells(sizes), scale, count, step)
        for sizes, count in (
            (inputs, depth),
            (kernel, depth),
            (outputs, min(filters, MAX_SHEETS)),
        )
    )
    fit = min(1, LARGEST / max(*source.extent, *target.extent))
    source = source.resized(fit).centred(CENTERS[0], 0)
    target = target.resized(fit).centred(CENTERS[2], 0)
    stencil = stencil.resized(min([fit, *(FILTERS / stencil.extent)]))
    numbers = sorted({1, min(2, filters), filters})

    spread = max(0.3, target.extent[1] / 2 - 0.2, 1.3 * stencil.extent[1])
    half = max(source.extent[1], target.extent[1], 2 * spread + stencil.extent[1]) / 2
    ax = axes_or_new(ax, figsize=(10, 2 * (2 * half + 0.95)))
    colors = FILTER_COLORS(np.linspace(0, 1, target.count))[:, :3]
    for box in reversed(range(depth)):
        _draw_box(ax, source, box, to_rgb(PAPER), "input")
        _draw_box(ax, source, box, colors[0], "place", stencil.cells)
    for box in reversed(range(target.count)):
        _draw_box(ax, target, box, colors[box], "output")
    _draw_box(ax, target, 0, to_rgb(COLORS["ink"]), "first cell", (1, 1, 1))
    heights = {1: [0.0], 2: [-0.7, 0.7], 3: [-1.0, FIRST_FILTERS, 1.0]}[len(numbers)]
    for number, height in zip(numbers, heights, strict=True):
        sheet = number - 1 if number < filters else target.count - 1
        each = stencil.centred(CENTERS[1], spread * height)
        for box in reversed(range(depth)):
            _draw_box(ax, each, box, colors[sheet], "filter")
        _draw_arrow(ax, each, target, sheet, colors[sheet])
        style: dict[str, Any] = {"va": "center", "color": COLORS["ink"]}
        left, middle = each.corner[0] - 0.06, spread * height
        ax.text(left, middle, str(number), ha="right", fontsize=10, **style)
    if filters > len(numbers):
        middle = spread * (FIRST_FILTERS + 1) / 2
        ax.text(CENTERS[1], middle, "⋮", ha="center", fontsize=16, **style)
    _write_sizes(ax, source, inputs, channels)
    _write_sizes(ax, target, outputs, filters)
    _write_captions(ax, half, inputs, kernel, outputs, channels, filters)
    ax.set(xlim=VIEW, ylim=(-half - 0.6, half + 0.35))
    ax.set_aspect("equal")
    ax.axis("off")
    return ax


def _cells(sizes: Sequence[int]) -> tuple[int, int, int]:
    """Spatial sizes as cells to the right, up and away."""
    if len(sizes) == 1:
        return sizes[0], 1, 0
    return sizes[1], sizes[0], sizes[2] if len(sizes) == 3 else 0


def _draw_box(
    ax: Axes,
    tensor: _Tensor,
    box: int,
    color: Sequence[float],
    gid: str,
    part: tuple[int, int, int] | None = None,
) -> None:
    """The sides of a box that one sees, with their cells; or of a part at its upper left front."""
    right, up, away = part or tensor.cells
    top = tensor.cells[1]
    faces = {"front": ((0, top - up, 0), (right, 0, 0), (0, up, 0))}
    if tensor.cells[2]:
        faces["top"] = ((0, top, 0), (right, 0, 0), (0, 0, away))
        if right == tensor.cells[0]:
            faces["side"] = ((right, top - up, 0), (0, up, 0), (0, 0, away))
    for face, edges in faces.items():
        start, first, second = (np.array(each) for each in edges)
        corners = (start, start + first, start + first + second, start + second)
        outline = Polygon([tensor.at(box, *corner) for corner in corners], gid=gid)
        outline.set(facecolor=_lighter(color, FACES[face]), edgecolor=COLORS["ink"], linewidth=0.7)
        ax.add_patch(outline)
        lines = []
        for along, across in ((first, second), (second, first)):
            number = along.sum()
            is_visible = (along * tensor.scale).sum() / number >= SMALLEST_CELL
            for cell in range(1, number) if is_visible else ():
                begin = start + along * cell / number
                lines.append([tensor.at(box, *begin), tensor.at(box, *(begin + across))])
        width = 0.8 if face == "front" else 0.4
        ax.add_collection(LineCollection(lines, colors="white", linewidths=width, zorder=1))


def _draw_arrow(
    ax: Axes, start: _Tensor, target: _Tensor, sheet: int, color: Sequence[float]
) -> None:
    """From a filter to what one sees of its sheet's left side."""
    goal = target.at(sheet, 0, target.cells[1])
    below = target.step[1] if sheet else 0.6 * target.cells[1] * target.scale[1]
    goal = goal - (0.03, below / 2)
    width, height = start.extent
    begin = start.corner + np.array([width + 0.05, height / 2])
    style: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 13, "linewidth": 1.6}
    ends = tuple(begin), tuple(goal)
    ax.add_patch(FancyArrowPatch(*ends, color=color, gid="arrow", shrinkA=0, **style))


def _write_sizes(ax: Axes, tensor: _Tensor, sizes: Sequence[int], channels: int) -> None:
    """At each edge how many cells it has, and how many channels there are."""
    right, up, away = tensor.cells
    style: dict[str, Any] = {"fontsize": 10, "color": COLORS["ink"]}
    x, y = tensor.at(0, right / 2, 0)
    ax.text(x, y - 0.03, str(right), ha="center", va="top", **style)
    if len(sizes) > 1:
        x, y = tensor.at(0, 0, up / 4)  # below the arrow
        ax.text(x - 0.04, y, str(up), ha="right", va="center", **style)
    if away:
        x, y = tensor.at(0, right, 0, away / 2)
        ax.text(x + 0.04, y - 0.02, str(away), ha="left", va="top", **style)
    text = f"{channels} channel" + ("s" if channels > 1 else "")
    if channels > tensor.count:
        text += f"\n({tensor.count} drawn)"
    x, y = tensor.at((tensor.count - 1) / 2, right, 0, away)
    below = 0.0 if tensor.count > 1 or away else ROW_HEIGHT / 2
    ax.text(x + 0.07, y + below, text, ha="left", va="center", **style)


def _write_captions(
    ax: Axes,
    half: float,
    inputs: Sequence[int],
    kernel: Sequence[int],
    outputs: Sequence[int],
    channels: int,
    filters: int,
) -> None:
    """What each of the three is, above it, and what happens to the sizes, below."""
    plural = "s" if filters > 1 else ""
    every = f"each of the {channels} channels" if channels > 1 else "the one channel"
    places = f"{inputs[0]} − {kernel[0]} + 1 = {outputs[0]}"
    if len(inputs) > 1:
        is_same = len(set(inputs)) == len(set(kernel)) == 1
        places += " along each axis" if is_same else " along the first axis"
    titles = (
        f"input: {_times(*inputs, channels)}",
        f"{filters} filter{plural} of {_times(*kernel, channels)}",
        f"output: {_times(*outputs, filters)}",
    )
    captions = (
        f"the filter covers {_times(*kernel)} cells\nin {every}",
        f"{math.prod(kernel) * channels:,} products, one sum (■):\nno axis of channels is left",
        f"places: {places}\nchannels: {filters}, one for each filter",
    )
    for x, title, caption in zip(CENTERS, titles, captions, strict=True):
        style: dict[str, Any] = {"ha": "center", "color": COLORS["ink"]}
        ax.text(x, -half - 0.17, caption, fontsize=10, va="top", linespacing=1.4, **style)
        ax.text(x, half + 0.17, title, fontsize=12, weight="bold", **style)


def _times(*sizes: int) -> str:
    return " × ".join(map(str, sizes))


def _lighter(color: Sequence[float], amount: float) -> np.ndarray:
    """Towards white by a positive amount, towards black by a negative one."""
    return np.array(color) * (1 - abs(amount)) + max(amount, 0)
