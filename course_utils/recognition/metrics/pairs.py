"""Compared photos: every pair once, and who is on them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Pairs:
    """Compared photos: how far apart, and who is on them.

    Attributes:
        distances: Shape (num_pairs,), float.
        first: Identity on the first photo of each pair, shape (num_pairs,).
        second: Identity on the second photo, shape (num_pairs,).
    """

    distances: np.ndarray
    first: np.ndarray
    second: np.ndarray

    @property
    def genuine(self) -> np.ndarray:
        """Distances between two photos of one person."""
        return self.distances[self.first == self.second]

    @property
    def impostor(self) -> np.ndarray:
        """Distances between photos of two people."""
        return self.distances[self.first != self.second]


def all_pairs(distances: np.ndarray, labels: np.ndarray) -> Pairs:
    """Every photo against every other, each pair once.

    Args:
        distances: Distances between all photos, shape (num_photos, num_photos); the part above
            the diagonal is read.
        labels: Identity on each photo, shape (num_photos,).

    Returns:
        `Pairs` of num_photos · (num_photos − 1) / 2 comparisons.

    Raises:
        ValueError: If the shapes do not agree.

    Example:
        >>> pairs = all_pairs(np.array([[0, 1, 5], [1, 0, 6], [5, 6, 0]]), np.array([0, 0, 1]))
        >>> pairs.genuine.tolist(), pairs.impostor.tolist()
        ([1.0], [5.0, 6.0])

    Lecture: section 1, notebook 01.
    """
    distances, labels = np.asarray(distances), np.asarray(labels)
    if labels.ndim != 1 or distances.shape != (labels.size, labels.size):
        raise ValueError(
            "`distances` must be a square matrix with a row and a column for each label. "
            f"Received: distances.shape={distances.shape}, labels.shape={labels.shape}."
        )
    row, column = np.triu_indices(labels.size, k=1)
    return Pairs(distances[row, column].astype(np.float64), labels[row], labels[column])


def concatenate_pairs(parts: Sequence[Pairs]) -> Pairs:
    """The comparisons of several test groups as one, for instance of several folds.

    Args:
        parts: At least one `Pairs`.

    Returns:
        `Pairs` in the given order.

    Raises:
        ValueError: If `parts` is empty.
    """
    return Pairs(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("distances", "first", "second")
        )
    )
