"""Splits in which no person stands on two sides."""

from collections.abc import Sequence

import numpy as np


def split_by_identity(
    labels: np.ndarray, num_identities: Sequence[int], *, seed: int = 0
) -> tuple[np.ndarray, ...]:
    """Deals people, not photos, into parts: who is tested was never trained on.

    Args:
        labels: Identity of each photo, shape (num_photos,).
        num_identities: How many people each part gets, such as (20, 10, 10) for training,
            calibration and test. The numbers must add up to all people.
        seed: Seed of the shuffle of the people.

    Returns:
        For each part the ascending indices of its photos, int64. Every photo is in exactly one
        part, and so is every person.

    Raises:
        ValueError: If there are no labels, or the numbers are below 1 or do not add up.

    Example:
        >>> train, test = split_by_identity(np.array([7, 7, 8, 8, 9]), (2, 1), seed=0)
        >>> train.tolist(), test.tolist()
        ([0, 1, 4], [2, 3])

    Lecture: section 2, notebooks 01 and 02; used wherever something is trained.
    """
    labels = np.asarray(labels)
    if labels.ndim != 1 or labels.size == 0:
        raise ValueError(
            "`labels` must be a vector with one identity a photo. "
            f"Received: labels.shape={labels.shape}."
        )
    people = np.unique(labels)
    sizes = [int(number) for number in num_identities]
    fractional = sizes != list(num_identities)
    if fractional or not sizes or min(sizes) < 1 or sum(sizes) != len(people):
        raise ValueError(
            f"`num_identities` must be integers of at least 1 that add up to all {len(people)} "
            f"people. Received: num_identities={tuple(num_identities)}."
        )
    shuffled = np.random.default_rng(seed).permutation(people)
    parts = np.split(shuffled, np.cumsum(sizes)[:-1])
    return tuple(np.flatnonzero(np.isin(labels, part)) for part in parts)
