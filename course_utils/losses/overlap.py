"""How well two labellings of the same voxels agree."""

import numpy as np

from course_utils.shapes import positive_integer


def dice_coefficient(
    labels: np.ndarray, predictions: np.ndarray, *, num_classes: int
) -> np.ndarray:
    """Dice coefficient of each class: 2 · |A ∩ B| / (|A| + |B|).

    A are the voxels that have the class, B those that were given it. It is the F1 score of the
    voxels: 1 if they are the same, 0 if they share none. Unlike the share of right voxels it does
    not grow with the amount of background that everybody gets right.

    Args:
        labels: Integer array of any shape, values 0 … num_classes − 1.
        predictions: Likewise, of the same shape.
        num_classes: Number of classes.

    Returns:
        Float64 array, shape (num_classes,), values in [0, 1]; NaN for a class that neither has.

    Raises:
        ValueError: If the shapes differ, a value is no class, or `num_classes` is below 1.
        TypeError: If the arrays do not hold integers, or `num_classes` is none.

    Example:
        >>> dice_coefficient(np.array([0, 1, 1, 2]), np.array([0, 1, 2, 2]), num_classes=3).round(2)
        array([1.  , 0.67, 0.67])

    Reference: Dice, "Measures of the amount of ecologic association between species", Ecology
        26(3), 1945.
    Lecture: section 9, notebook 09.
    """
    num_classes = positive_integer("num_classes", num_classes)
    labels, predictions = np.asarray(labels), np.asarray(predictions)
    if labels.shape != predictions.shape:
        raise ValueError(
            "`labels` and `predictions` must have the same shape. "
            f"Received: {labels.shape} and {predictions.shape}."
        )
    for name, array in (("labels", labels), ("predictions", predictions)):
        if array.dtype.kind not in "iu":
            raise TypeError(f"`{name}` must hold integers. Received: {array.dtype}.")
        if array.size and not (array.min() >= 0 and array.max() < num_classes):
            raise ValueError(
                f"`{name}` must lie in 0 … {num_classes - 1}, for num_classes={num_classes}. "
                f"Received: {array.min()} … {array.max()}."
            )
    labels, predictions = labels.astype(np.intp), predictions.astype(np.intp)  # what bincount takes
    sizes = [np.bincount(array.ravel(), minlength=num_classes) for array in (labels, predictions)]
    shared = np.bincount(labels[labels == predictions].ravel(), minlength=num_classes)
    with np.errstate(invalid="ignore"):
        return 2 * shared / (sizes[0] + sizes[1])
