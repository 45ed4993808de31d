"""Confidence intervals that know that the photos of one person are not independent."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from course_utils.recognition.metrics.arguments import as_distances
from course_utils.recognition.metrics.pairs import Pairs


class Interval(NamedTuple):
    """An estimate and how far it may be off.

    Attributes:
        estimate: The statistic on the data as they are.
        low: Lower end of the interval.
        high: Upper end of the interval.
        samples: The statistic on each resample, shape (num_resamples,). Two statistics that
            were resampled with one seed over the same people can be subtracted, sample by
            sample, for the interval of their difference.
    """

    estimate: float
    low: float
    high: float
    samples: np.ndarray


def bootstrap_pairs(
    pairs: Pairs,
    statistic: Callable[[np.ndarray, np.ndarray], float],
    *,
    num_resamples: int = 500,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """How much an error rate of verification would change with other people of the same kind.

    People are drawn with replacement, not pairs: a pair counts as often as both its people were
    drawn (a genuine pair as often as its person). Drawing pairs would treat the thousands of
    comparisons of one person as independent, and give intervals that are far too narrow.

    Args:
        pairs: The comparisons.
        statistic: Function (genuine_distances, impostor_distances) → number.
        num_resamples: How often people are drawn.
        confidence: Share of the resamples inside the interval, in (0, 1).
        seed: Seed of the draws.

    Returns:
        `Interval` between percentiles of the resamples.

    Raises:
        ValueError: If there are fewer than two people, no genuine or no impostor pairs, or NaN.

    Example:
        >>> from course_utils.recognition import all_pairs, equal_error_rate
        >>> labels = np.repeat(np.arange(9), 4)
        >>> x = labels + np.random.default_rng(0).normal(size=36)
        >>> pairs = all_pairs(np.abs(x[:, None] - x), labels)
        >>> interval = bootstrap_pairs(pairs, lambda g, i: equal_error_rate(g, i).rate)
        >>> bool(interval.low < interval.estimate < interval.high)
        True

    Reference: Bolle, Ratha, Pankanti, "Error analysis of pattern recognition systems: the subsets
        bootstrap", CVIU 93, 2004; Snijders, Borgatti, "Non-parametric standard errors and tests
        for network statistics", Connections 22, 1999 (the vertex bootstrap).
    Lecture: section 1, notebook 01.
    """
    as_distances("pairs.distances", pairs.distances)
    as_distances("pairs.genuine", pairs.genuine)
    as_distances("pairs.impostor", pairs.impostor)
    people, index = np.unique(np.concatenate([pairs.first, pairs.second]), return_inverse=True)
    order = np.argsort(pairs.distances, kind="stable")
    first, second = index.reshape(2, -1)[:, order]
    distances = pairs.distances[order]
    genuine = first == second

    def resampled(counts: np.ndarray) -> float | None:
        weights = np.where(genuine, counts[first], counts[first] * counts[second])
        repeated = np.repeat(distances, weights)
        is_genuine = np.repeat(genuine, weights)
        if is_genuine.all() or not is_genuine.any():
            return None  # everybody drawn is one person, or has one photo: draw again
        return float(statistic(repeated[is_genuine], repeated[~is_genuine]))

    estimate = float(statistic(pairs.genuine, pairs.impostor))
    return _percentile_interval(estimate, resampled, len(people), num_resamples, confidence, seed)


def bootstrap_mean(
    values: np.ndarray,
    labels: np.ndarray,
    *,
    num_resamples: int = 500,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """How much a mean over photos would change with other people of the same kind.

    Args:
        values: One number a photo, such as True for recognised, shape (num_photos,).
        labels: Identity on each photo, shape (num_photos,). People are drawn, with all their
            photos.
        num_resamples: How often people are drawn.
        confidence: Share of the resamples inside the interval, in (0, 1).
        seed: Seed of the draws.

    Returns:
        `Interval` between percentiles of the resamples.

    Raises:
        ValueError: If the shapes differ, there is no value, or NaN.

    Example:
        >>> bootstrap_mean([1, 1, 0, 0], ["ann", "ann", "bob", "bob"]).estimate
        0.5

    Lecture: sections 1 and 2, notebooks 01 and 02.
    """
    values, labels = np.asarray(values), np.asarray(labels)
    if values.dtype == bool:
        values = values.astype(np.float64)
    values = as_distances("values", values)
    if labels.shape != values.shape:
        raise ValueError(
            "`values` and `labels` must be vectors of one length. "
            f"Received: {values.size} values, labels.shape={labels.shape}."
        )
    people, index = np.unique(labels, return_inverse=True)
    sums, sizes = np.bincount(index, weights=values), np.bincount(index)
    return _percentile_interval(
        float(values.mean()),
        lambda counts: float(counts @ sums / (counts @ sizes)),
        len(people),
        num_resamples,
        confidence,
        seed,
    )


def mean_interval(intervals: Sequence[Interval], *, confidence: float = 0.95) -> Interval:
    """The mean of what several groups of people gave, such as the folds of a study.

    Args:
        intervals: Intervals from `bootstrap_pairs` or `bootstrap_mean`, with the same number of
            resamples, whose k-th are averaged: each over other people, or all over the same
            people with one seed.
        confidence: Share of the resamples inside the interval, in (0, 1).

    Returns:
        `Interval` of the mean.

    Raises:
        ValueError: If there is no interval, if their numbers of resamples differ, or if
            `confidence` is out of range.

    Example:
        >>> low, high = (Interval(x, x, x, np.full(9, x)) for x in (0.1, 0.3))
        >>> print(f"{mean_interval([low, high]).estimate:.1f}")
        0.2

    Lecture: sections 3 to 5, notebooks 03 to 05.
    """
    if not len(intervals) or not 0 < confidence < 1:
        raise ValueError(
            "`intervals` must not be empty and `confidence` must lie in (0, 1). "
            f"Received: {len(intervals)} intervals, confidence={confidence}."
        )
    num_resamples = [len(interval.samples) for interval in intervals]
    if len(set(num_resamples)) > 1:
        raise ValueError(
            "`intervals` must have the same number of resamples. "
            f"Received: {', '.join(map(str, num_resamples))}."
        )
    samples = np.mean([interval.samples for interval in intervals], axis=0)
    estimate = float(np.mean([interval.estimate for interval in intervals]))
    return _between_percentiles(estimate, samples, confidence)


def _percentile_interval(
    estimate: float,
    resampled: Callable[[np.ndarray], float | None],
    num_people: int,
    num_resamples: int,
    confidence: float,
    seed: int,
) -> Interval:
    """Draws people with replacement; None from `resampled` asks for another draw."""
    if num_people < 2:
        raise ValueError(f"It takes at least 2 people to resample. Received: {num_people}.")
    if num_resamples < 1 or not 0 < confidence < 1:
        raise ValueError(
            "`num_resamples` must be positive and `confidence` lie in (0, 1). "
            f"Received: num_resamples={num_resamples}, confidence={confidence}."
        )
    rng = np.random.default_rng(seed)
    samples: list[float] = []
    while len(samples) < num_resamples:
        counts = rng.multinomial(num_people, np.full(num_people, 1 / num_people))
        sample = resampled(counts)
        if sample is not None:
            samples.append(sample)
    return _between_percentiles(estimate, np.array(samples), confidence)


def _between_percentiles(estimate: float, samples: np.ndarray, confidence: float) -> Interval:
    tail = (1 - confidence) / 2
    low, high = np.quantile(samples, [tail, 1 - tail])
    return Interval(estimate, float(low), float(high), samples)
