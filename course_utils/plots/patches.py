"""What units see: sheets of patches, maps over a photo, agreement layer by layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable

from course_utils.plots.style import COLORS, axes_or_new, series_colors

if TYPE_CHECKING:  # the module beside it imports TensorFlow; drawing needs none
    from course_utils.visualization.agreement import UnitAgreement

PATCH_GAP = 0.05  # white between the patches of a unit, as a share of a patch
UNIT_GAP = 0.12  # white between units, as a share of a unit's width
LABEL_GAP = 0.17  # white below a unit with a label, likewise
LEVEL_LABELS = 60  # letters of all layers' names that fit below an axis side by side


def plot_patch_sheet(
    patches: np.ndarray,
    *,
    labels: Sequence[str] | None = None,
    num_columns: int = 3,
    title: str = "",
    ax: Axes | None = None,
) -> Axes:
    """The lecture's sheet: a block for each unit, in it the unit's patches, the strongest first.

    Nine units with nine patches each make a sheet of 9 × 9. One picture a unit, as
    `maximize_activation` returns, makes a sheet of the same arrangement.

    Args:
        patches: Array, shape (num_units, k, height, width, channels), 1 or 3 channels: uint8, or
            float with values 0–255. Small ones are enlarged pixel by pixel.
        labels: A short text below each block, such as the unit's number.
        num_columns: Blocks in a row.
        title: Title of the sheet, such as the layer's name.
        ax: Where to draw; by default a new, square figure.

    Returns:
        The Axes.

    Raises:
        ValueError: If the shape is another, there are not as many labels as units, or
            `num_columns` is not positive.
    """
    patches = np.asarray(patches)
    if patches.ndim != 5 or 0 in patches.shape or patches.shape[-1] not in (1, 3):
        raise ValueError(
            "`patches` must have shape (num_units, k, height, width, channels) with 1 or 3 "
            f"channels, and none of them 0. Received: {patches.shape}."
        )
    if labels is not None and len(labels) != len(patches):
        raise ValueError(f"`labels` must have {len(patches)} items. Received: {len(labels)}.")
    if num_columns < 1:
        raise ValueError(f"`num_columns` must be positive. Received: {num_columns}.")
    patches = np.rint(np.clip(patches, 0, 255)).astype(np.uint8)
    if patches.shape[-1] == 1:
        patches = np.repeat(patches, 3, axis=-1)
    enlarged = max(int(np.ceil(1 / (PATCH_GAP * patches.shape[3]))), 1)  # a gap is a whole pixel
    patches = patches.repeat(enlarged, axis=2).repeat(enlarged, axis=3)
    across = int(np.ceil(np.sqrt(patches.shape[1])))
    blocks = [_tiled(unit, across) for unit in patches]
    ax = axes_or_new(ax, figsize=(5.0, 5.0))
    height, width = blocks[0].shape[:2]
    gap = UNIT_GAP * width
    below = gap if labels is None else LABEL_GAP * width
    num_rows = -(-len(blocks) // num_columns)
    for number, block in enumerate(blocks):
        row, column = divmod(number, num_columns)
        left, top = column * (width + gap), row * (height + below)
        extent = (left, left + width, top + height, top)
        ax.imshow(block, extent=extent, interpolation="antialiased")
        if labels is not None:
            style: dict[str, Any] = {"ha": "center", "va": "top", "color": COLORS["ink"]}
            ax.text(left + width / 2, top + height, labels[number], fontsize=7, **style)
    ax.set_xlim(0, num_columns * (width + gap) - gap)
    ax.set_ylim(num_rows * (height + below) - (0 if labels is not None else gap), 0)
    ax.set_aspect("equal")
    ax.axis("off")
    ax.set_title(title)
    return ax


def plot_importance(
    image: np.ndarray,
    importance: np.ndarray,
    *,
    label: str = "",
    title: str = "",
    limit: float | None = None,
    ax: Axes | None = None,
) -> Axes:
    """A photo in grey, coloured by how much each pixel matters: red for more, blue for less.

    Args:
        image: Photo, shape (height, width), or (height, width, 3) RGB, values 0–255.
        importance: Float array, shape (height, width); 0 stays grey.
        label: What the colours stand for; if given, a colour bar says it.
        title: Title.
        limit: Importance of the deepest colour, positive; by default the largest absolute value.
        ax: Where to draw; by default a new figure.

    Returns:
        The Axes.

    Raises:
        ValueError: If the two have different heights or widths, or `limit` is not positive.
    """
    image, importance = np.asarray(image), np.asarray(importance, dtype=float)
    if image.shape[:2] != importance.shape:
        raise ValueError(
            "`importance` must have the image's height and width. Received: "
            f"{importance.shape} for an image of {image.shape}."
        )
    if limit is not None and not limit > 0:
        raise ValueError(f"`limit` must be positive. Received: {limit}.")
    ax = axes_or_new(ax, figsize=(3.4, 3.4))
    limit = limit or float(np.abs(importance).max()) or 1.0
    grey = image if image.ndim == 2 else image.mean(axis=2)
    ax.imshow(grey, cmap="gray", vmin=0, vmax=255)
    # Where nothing matters the photo shows through.
    opacity = np.clip(np.abs(importance) / limit, 0, 1) * 0.75
    colored = ax.imshow(importance, cmap="RdBu_r", vmin=-limit, vmax=limit, alpha=opacity)
    if label:
        opaque = ScalarMappable(colored.norm, colored.cmap)
        beside = ax.inset_axes((1.03, 0, 0.05, 1))  # as high as the photo
        ax.figure.colorbar(opaque, cax=beside, label=label)
    ax.axis("off")
    ax.set_title(title)
    return ax


def plot_unit_agreement(
    agreements: Mapping[str, Sequence[UnitAgreement]],
    layers: Sequence[str],
    *,
    ax: Axes | None = None,
) -> Axes:
    """How much a unit's patches agree in each property, layer by layer.

    Args:
        agreements: Property → an agreement for each layer. Bars are intervals over units; the
            grey band is where shuffled units lie, of all properties together.
        layers: Names of the layers, shallow to deep.
        ax: Where to draw; by default a new figure.

    Returns:
        The Axes.

    Raises:
        ValueError: If there is no property, or not an agreement for each layer.
    """
    if not agreements or any(len(row) != len(layers) for row in agreements.values()):
        raise ValueError(
            f"`agreements` must have {len(layers)} values for each property. Received: "
            f"{ {name: len(row) for name, row in agreements.items()} }."
        )
    ax = axes_or_new(ax, figsize=(7.6, 3.4))
    places = np.arange(len(layers))
    everything = list(zip(*agreements.values(), strict=True))
    # fmin and fmax leave out NaN, the range of a property in which all patches are equal.
    low = [np.fmin.reduce([each.shuffled_low for each in row]) for row in everything]
    high = [np.fmax.reduce([each.shuffled_high for each in row]) for row in everything]
    ax.fill_between(places, low, high, color=COLORS["muted"], alpha=0.4, label="shuffled units")
    for (name, row), color in zip(agreements.items(), series_colors(agreements), strict=True):
        estimates = np.array([each.estimate for each in row])
        ends = [
            np.maximum(estimates - [each.low for each in row], 0),
            np.maximum([each.high for each in row] - estimates, 0),
        ]
        ax.errorbar(places, estimates, ends, marker="o", markersize=5, color=color, label=name)
    ax.update_datalim([(0, 0)])  # so that 0 is in view, on Axes that share their scale too
    ax.autoscale_view()
    ax.set_xticks(places, layers)
    if sum(map(len, layers)) > LEVEL_LABELS:
        ax.set_xticks(places, layers, rotation=30, ha="right", rotation_mode="anchor")
    ax.set(xlabel="layer, from shallow to deep", ylabel="agreement of a unit’s patches")
    ax.legend()
    return ax


def _tiled(patches: np.ndarray, across: int) -> np.ndarray:
    """Patches of one unit in rows of `across`, white between them; always a full rectangle."""
    count, height, width, channels = patches.shape
    gap = max(round(PATCH_GAP * width), 1) if count > 1 else 0
    down = -(-count // across)
    tiled = np.full(
        (down * (height + gap) - gap, across * (width + gap) - gap, channels), 255, np.uint8
    )
    for number, patch in enumerate(patches):
        row, column = divmod(number, across)
        top, left = row * (height + gap), column * (width + gap)
        tiled[top : top + height, left : left + width] = patch
    return tiled
