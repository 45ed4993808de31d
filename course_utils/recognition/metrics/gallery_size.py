"""What happens to the errors when the gallery grows, exactly, from one matrix of distances.

Instead of drawing galleries at random, the mean over *all* galleries is computed: K people out
of the others, one photo each.
"""

import numpy as np

from course_utils.recognition.metrics.arguments import check_threshold


def fpir_by_gallery_size(distances: np.ndarray, labels: np.ndarray, threshold: float) -> np.ndarray:
    """How probably a stranger is taken for somebody, for every size of the gallery.

    Photo i matches a random photo of person j with the share q_ij of j's photos within the
    threshold. A gallery of K people lets the stranger pass unmatched with probability
    mean over all K-subsets S of ∏_{j ∈ S} (1 − q_ij).

    Args:
        distances: Distances between all photos, shape (num_photos, num_photos).
        labels: Identity on each photo, shape (num_photos,).
        threshold: A distance of at most this is a match.

    Returns:
        Probability of at least one false match, shape (num_photos, num_people): row i for
        photo i as the stranger, column K for a gallery of K other people, K = 0 …
        num_people − 1. Its mean over the rows is the FPIR.

    Raises:
        ValueError: If the shapes do not agree, there are fewer than two people, or NaN.

    Example:
        >>> d = np.array([[0, 1, 9], [1, 0, 9], [9, 9, 0]])
        >>> fpir_by_gallery_size(d, np.array([0, 1, 2]), threshold=5).tolist()
        [[0.0, 0.5, 1.0], [0.0, 0.5, 1.0], [0.0, 0.0, 0.0]]

    Reference: The formula 1 − (1 − p)^K for independent comparisons is Daugman's ("Biometric
        decision landscapes", 2000); here nothing is assumed independent.
    Lecture: section 1, notebook 01.
    """
    check_threshold(threshold)
    distances, labels, people = _checked(distances, labels)
    unmatched = np.empty((len(labels), len(people)))
    for photo, label in enumerate(labels):
        matches = distances[photo] <= threshold
        others = [1 - matches[labels == person].mean() for person in people if person != label]
        unmatched[photo] = _mean_subset_products(np.array(others)[None])[0]
    return 1 - unmatched


def rank1_error_by_gallery_size(distances: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """How probably an enrolled person is taken for another, for every size of the gallery.

    The gallery holds one other photo of the person and one of K − 1 others; it errs if one of
    those is as near as the person's own. No threshold is involved.

    Args:
        distances: Distances between all photos, shape (num_photos, num_photos).
        labels: Identity on each photo, shape (num_photos,), at least two photos a person.

    Returns:
        Probability of a wrong name, shape (num_photos, num_people): column K − 1 for a gallery
        of K people, K = 1 … num_people. Its mean over the rows is 1 − the rank-1 rate.

    Raises:
        ValueError: If the shapes do not agree, there are fewer than two people, or NaN, or
            somebody has a single photo.

    Example:
        >>> d = np.abs(np.subtract.outer([0, 4, 6, 9], [0, 4, 6, 9]))
        >>> rank1_error_by_gallery_size(d, np.array([0, 0, 1, 1])).tolist()
        [[0.0, 0.0], [0.0, 0.5], [0.0, 0.5], [0.0, 0.0]]

    Lecture: section 1, notebook 01.
    """
    distances, labels, people = _checked(distances, labels)
    if np.unique(labels, return_counts=True)[1].min() < 2:
        raise ValueError("`labels` must hold at least two photos of every person.")
    errors = np.empty((len(labels), len(people)))
    for photo, label in enumerate(labels):
        own = (labels == label) & (np.arange(len(labels)) != photo)
        nearer = distances[photo] <= distances[photo, own][:, None]
        others = [1 - nearer[:, labels == p].mean(axis=1) for p in people if p != label]
        errors[photo] = 1 - _mean_subset_products(np.stack(others, axis=1)).mean(axis=0)
    return errors


def _mean_subset_products(factors: np.ndarray) -> np.ndarray:
    """Mean of the products over all subsets of each size, shape (rows, num_factors + 1).

    With m_j[k] that mean over the k-subsets of the first j factors, the j-th factor is in a
    k-subset with probability k/j: m_j[k] = k/j · a_j · m_{j−1}[k−1] + (1 − k/j) · m_{j−1}[k].
    """
    rows, num_factors = factors.shape
    means = np.zeros((rows, num_factors + 1))
    means[:, 0] = 1.0
    for j in range(1, num_factors + 1):
        share = np.arange(1, j + 1) / j
        factor = factors[:, j - 1 : j]
        means[:, 1 : j + 1] = share * factor * means[:, :j] + (1 - share) * means[:, 1 : j + 1]
    return means


def _checked(
    distances: np.ndarray, labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The arguments as arrays of agreeing shapes, and the people."""
    distances, labels = np.asarray(distances), np.asarray(labels)
    people = np.unique(labels)
    if distances.shape != (labels.size, labels.size) or len(people) < 2:
        raise ValueError(
            "`distances` must be a square matrix with a row for each label, of at least two "
            f"people. Received: distances.shape={distances.shape}, {labels.size} labels, "
            f"{len(people)} people."
        )
    if np.isnan(distances).any():
        raise ValueError("`distances` must not hold NaN.")
    return distances, labels, people
