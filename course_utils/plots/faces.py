"""Photos with the faces that were found in them."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from course_utils.plots.style import COLORS, axes_or_new


def plot_detected_faces(
    photo: np.ndarray,
    boxes: np.ndarray,
    *,
    labels: Sequence[str] | None = None,
    colors: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """A photo, with a frame around each face and a line of text below each frame.

    Args:
        photo: Upright photo, uint8, shape (height, width, 3), RGB.
        boxes: (top, left, bottom, right) of each face in pixels, shape (num_faces, 4).
        labels: A short text for each face.
        colors: A colour for each face; by default all in the colour of genuine pairs.
        ax: Where to draw; by default a new figure.

    Returns:
        The Axes.

    Raises:
        ValueError: If there are not as many labels or colours as faces.
    """
    boxes = np.asarray(boxes, dtype=float).reshape(-1, 4)
    colors = [COLORS["genuine"]] * len(boxes) if colors is None else list(colors)
    labels = [""] * len(boxes) if labels is None else list(labels)
    for name, items in (("labels", labels), ("colors", colors)):
        if len(items) != len(boxes):
            raise ValueError(f"`{name}` must have {len(boxes)} items. Received: {len(items)}.")
    ax = axes_or_new(ax)
    height, width = photo.shape[:2]
    ax.imshow(photo, extent=(0, width, height, 0))  # boxes count from the photo's corner
    for (top, left, bottom, right), label, color in zip(boxes, labels, colors, strict=True):
        size = right - left, bottom - top
        ax.add_patch(Rectangle((left, top), *size, fill=False, linewidth=2.5, edgecolor=color))
        if label:
            ax.annotate(
                label,
                (min(max((left + right) / 2, 0), width), min(bottom, height)),
                (0, -4),
                textcoords="offset points",
                ha="center",
                va="top",
                fontsize=8,
                color="white",
                annotation_clip=False,
                bbox={"facecolor": color, "edgecolor": "none", "pad": 2},
            )
    ax.set(xlim=(0, width), ylim=(height, 0))
    ax.axis("off")
    return ax
