"""Pictures in rows and columns."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from course_utils.plots.style import COLORS, axes_or_new

GAP = 0.08  # space around an image, as a share of its width
PAGE = 7.6  # width of a new figure, in inches
CAPTION = 0.17  # height of a line of text below an image, in inches


def plot_image_grid(
    images: Sequence[np.ndarray],
    *,
    num_columns: int = 10,
    captions: Sequence[str] | None = None,
    row_labels: Sequence[str] | None = None,
    frame_colors: Sequence[str | None] | None = None,
    value_range: tuple[float, float] | None = (0, 255),
    ax: Axes | None = None,
) -> Axes:
    """Images side by side, evenly spaced, all on one scale of grey or in colour.

    Args:
        images: Images of one size, shape (height, width) or (height, width, 3).
        num_columns: Images a row.
        captions: A short text below each image.
        row_labels: A text to the left of each row.
        frame_colors: A colour around each image; None for no frame.
        value_range: Values shown as black and white; None to stretch each grey image.
        ax: Where to draw; by default a new figure as wide as a page.

    Returns:
        The Axes.

    Raises:
        ValueError: If there is no image, or there are not as many captions, frames or labels
            as images or rows.
    """
    num_images = len(images)
    if num_columns < 1:
        raise ValueError(f"`num_columns` must be positive. Received: num_columns={num_columns}.")
    num_rows = -(-num_images // num_columns)
    for name, texts, expected in (
        ("captions", captions, num_images),
        ("frame_colors", frame_colors, num_images),
        ("row_labels", row_labels, num_rows),
    ):
        if texts is not None and len(texts) != expected:
            raise ValueError(f"`{name}` must have {expected} items. Received: {len(texts)}.")
    if num_images == 0:
        raise ValueError("`images` is empty.")

    height, width = np.shape(images[0])[:2]
    gap = GAP * width
    cell_width = width + 2 * gap
    num_lines = max(
        (text.count("\n") + 1 for text in (() if captions is None else captions)), default=0
    )
    drawn = PAGE if ax is None else ax.get_window_extent().width / ax.figure.dpi
    inch = num_columns * cell_width / drawn  # in pixels of the images
    cell_height = height + 2 * gap + num_lines * CAPTION * inch
    if ax is None:
        ax = axes_or_new(None, figsize=(PAGE, max(num_rows * cell_height / inch, 0.6)))
    low, high = value_range or (None, None)
    for index, image in enumerate(images):
        row, column = divmod(index, num_columns)
        left, top = column * cell_width + gap, row * cell_height + gap
        extent = (left, left + width, top + height, top)
        ax.imshow(
            image, cmap="gray", vmin=low, vmax=high, extent=extent, interpolation="antialiased"
        )
        color = frame_colors[index] if frame_colors is not None else None
        if color is not None:
            frame = Rectangle((left, top), width, height, fill=False, linewidth=3, edgecolor=color)
            ax.add_patch(frame)
        if captions is not None:
            ax.text(
                left + width / 2,
                top + height + 0.6 * gap,
                captions[index],
                ha="center",
                va="top",
                fontsize=8,
                color=COLORS["ink"],
            )
    for row, label in enumerate(() if row_labels is None else row_labels):
        middle = row * cell_height + gap + height / 2
        ax.text(-gap, middle, label, ha="right", va="center", fontsize=9, color=COLORS["ink"])
    ax.set_xlim(0, num_columns * cell_width)
    ax.set_ylim(num_rows * cell_height, 0)
    ax.set_aspect("equal")
    ax.axis("off")
    return ax
