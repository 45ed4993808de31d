"""Embeddings: a map of faces, and how their training went."""

from collections.abc import Sequence

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from matplotlib.ticker import PercentFormatter

from course_utils.plots.style import COLORS, axes_or_new

PEOPLE_COLORS = mpl.color_sequences["tab10"]
MARKERS = "osD^"  # with ten colours, enough to tell forty people apart


def plot_embedding_map(
    points: np.ndarray,
    labels: np.ndarray,
    *,
    images: np.ndarray | None = None,
    image_height: float = 26,
    value_range: tuple[float, float] = (0, 1),
    ax: Axes | None = None,
) -> Axes:
    """Photos as points of a plane, a colour for each person, their faces on it if wanted.

    Args:
        points: Coordinates, shape (num_photos, 2), such as the first two principal components of
            the embeddings.
        labels: Identity of each photo, shape (num_photos,); up to 40 people.
        images: Faces to draw at the points, shape (num_photos, height, width); by default dots.
        image_height: Height of such a face, in points of 1/72 inch.
        value_range: Values shown as black and white.
        ax: Where to draw; by default a new figure.

    Returns:
        The Axes.

    Raises:
        ValueError: If the shapes do not agree, or there are more than 40 people.
    """
    points, labels = np.asarray(points), np.asarray(labels).ravel()
    images = None if images is None else np.asarray(images)
    if points.shape != (len(labels), 2) or (images is not None and len(images) != len(labels)):
        raise ValueError(
            "`points` must have shape (num_photos, 2), with a label and an image for each. "
            f"Received: points.shape={points.shape}, {len(labels)} labels"
            + ("." if images is None else f", {len(images)} images.")
        )
    people = np.unique(labels)
    if len(people) > len(PEOPLE_COLORS) * len(MARKERS):
        raise ValueError(f"`labels` must name at most 40 people. Received: {len(people)}.")
    ax = axes_or_new(ax, figsize=(7.6, 5.2))
    for number, person in enumerate(people):
        color = PEOPLE_COLORS[number % len(PEOPLE_COLORS)]
        marker = MARKERS[number // len(PEOPLE_COLORS)]
        own = labels == person
        across, up = points[own].T
        ax.scatter(across, up, s=24, color=color, marker=marker, linewidth=0)
        for point, image in zip(points[own], () if images is None else images[own], strict=False):
            face = OffsetImage(
                image,
                cmap="gray",
                zoom=image_height / len(image),
                norm=Normalize(*value_range),
            )
            frame = {"edgecolor": color, "linewidth": 1.6, "boxstyle": "square,pad=0"}
            ax.add_artist(AnnotationBbox(face, point, pad=0, bboxprops=frame))
    ax.set(xticks=[], yticks=[])
    ax.margins(0.06)
    ax.spines[:].set_visible(False)
    return ax


def plot_training(
    loss: Sequence[float],
    validation_eer: Sequence[float],
    *,
    best_epoch: int | None = None,
    baseline: tuple[str, float] | None = None,
    axes: Sequence[Axes] | None = None,
) -> Sequence[Axes]:
    """The loss on those who are trained on, and the EER on people who are not, side by side.

    Args:
        loss: Mean loss of each epoch.
        validation_eer: Equal error rate on the validation people after each epoch, in [0, 1].
        best_epoch: Epoch to be marked, counted from 1; None or 0 for none.
        baseline: Name and EER of something to compare with, drawn as a line.
        axes: Two Axes; by default a new figure.

    Returns:
        The two Axes.

    Raises:
        ValueError: If there is no such epoch as `best_epoch`.
    """
    if not 0 <= (best_epoch or 0) <= len(validation_eer):
        raise ValueError(
            f"`best_epoch` must be one of the {len(validation_eer)} epochs. Received: {best_epoch}."
        )
    if axes is None:
        _, axes = plt.subplots(1, 2, figsize=(9.2, 3.0))
    left, right = axes
    left.plot(np.arange(1, len(loss) + 1), loss, color=COLORS["ink"])
    left.set(xlabel="epoch", ylabel="loss", ylim=(0, None), title="Loss, training people")
    epochs = np.arange(1, len(validation_eer) + 1)
    right.plot(epochs, validation_eer, color=COLORS["genuine"], label="network")
    if best_epoch:
        best = validation_eer[best_epoch - 1]
        name = f"best: {best:.1%}, epoch {best_epoch}"
        right.plot(best_epoch, best, "o", color=COLORS["genuine"], markersize=8, label=name)
    if baseline is not None:
        right.axhline(baseline[1], color=COLORS["first"], linestyle="--", label=baseline[0])
    right.yaxis.set_major_formatter(PercentFormatter(1))
    right.set(xlabel="epoch", ylabel="EER", title="EER, validation people")
    highest = max([*validation_eer, baseline[1] if baseline else 0], default=0) or 1
    right.set_ylim(0, 1.45 * highest)  # room for the legend above the curves
    right.legend(loc="upper right", fontsize=9)
    return axes
