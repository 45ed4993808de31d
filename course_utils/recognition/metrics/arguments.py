"""What a metric accepts: clear errors for distances and thresholds that mean nothing."""

import numpy as np


def as_distances(name: str, values: np.ndarray) -> np.ndarray:
    """The values as a flat float64 array, checked: not empty, real numbers, no NaN."""
    values = np.asarray(values)
    if values.size == 0:
        raise ValueError(f"`{name}` is empty: a rate of nothing means nothing.")
    if values.dtype.kind not in "iuf":
        raise TypeError(f"`{name}` must hold real numbers. Received: dtype {values.dtype}.")
    values = values.astype(np.float64).ravel()
    num_nan = int(np.isnan(values).sum())
    if num_nan:
        raise ValueError(f"`{name}` must not hold NaN. Received: {num_nan} of {values.size}.")
    return values


def check_threshold(threshold: float) -> None:
    """Raises a `ValueError` for NaN, to which every distance would compare as too large."""
    if np.isnan(threshold):
        raise ValueError("`threshold` must be a number. Received: threshold=nan.")
