"""Errors of verification, 1:1: is the distance of two photos small enough?"""

import warnings
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from course_utils.recognition.metrics.arguments import as_distances, check_threshold


class InsufficientPairsWarning(UserWarning):
    """There are too few comparisons to support the error rate that was asked for."""


@dataclass(frozen=True)
class ErrorRates:
    """Both errors at every threshold that makes a difference. Accepted is: distance ≤ threshold.

    Attributes:
        thresholds: −∞, then every distance that occurs, ascending; float64, shape (n,).
        fmr: False match rate, the share of impostor pairs accepted; it never falls.
        fnmr: False non-match rate, the share of genuine pairs rejected; it never rises.
        num_genuine: Number of genuine pairs.
        num_impostor: Number of impostor pairs.
    """

    thresholds: np.ndarray
    fmr: np.ndarray
    fnmr: np.ndarray
    num_genuine: int
    num_impostor: int


class EqualErrorRate(NamedTuple):
    """Where the two errors meet.

    Attributes:
        rate: The error there, in [0, 1].
        threshold: The occurring distance at which the larger of both errors is smallest.
    """

    rate: float
    threshold: float


class DetCurve(NamedTuple):
    """A detection error trade-off curve: only the points with both errors inside (0, 1).

    Attributes:
        fmr: False match rate, ascending, shape (n,).
        fnmr: False non-match rate, descending, shape (n,).
        fmr_deviate: Φ⁻¹(fmr), the coordinate on a DET plot's axis.
        fnmr_deviate: Φ⁻¹(fnmr).
    """

    fmr: np.ndarray
    fnmr: np.ndarray
    fmr_deviate: np.ndarray
    fnmr_deviate: np.ndarray


def error_rates(genuine_distances: np.ndarray, impostor_distances: np.ndarray) -> ErrorRates:
    """How often verification errs, whatever the threshold.

    FMR(t) = #{impostor ≤ t} / #impostor and FNMR(t) = #{genuine > t} / #genuine.

    Args:
        genuine_distances: Distances between photos of one person, any shape, not empty.
        impostor_distances: Distances between photos of two people, any shape, not empty.

    Returns:
        `ErrorRates`. Distances that are equal count at the same threshold.

    Raises:
        ValueError: If a side is empty (its rate would mean nothing) or holds a NaN.
        TypeError: If the distances are not real numbers.

    Example:
        >>> rates = error_rates([1, 2], [2, 3])
        >>> rates.fmr.tolist(), rates.fnmr.tolist()
        ([0.0, 0.0, 0.5, 1.0], [1.0, 0.5, 0.0, 0.0])

    Reference: ISO/IEC 19795-1:2021; these are errors of the comparison, not of a whole system
        (FAR, FRR), which also fails to find faces.
    Lecture: section 1, notebook 01.
    """
    genuine = np.sort(as_distances("genuine_distances", genuine_distances))
    impostor = np.sort(as_distances("impostor_distances", impostor_distances))
    thresholds = np.concatenate([[-np.inf], np.unique(np.concatenate([genuine, impostor]))])
    accepted_impostor = np.searchsorted(impostor, thresholds, side="right")
    accepted_genuine = np.searchsorted(genuine, thresholds, side="right")
    return ErrorRates(
        thresholds=thresholds,
        fmr=accepted_impostor / impostor.size,
        fnmr=(genuine.size - accepted_genuine) / genuine.size,
        num_genuine=genuine.size,
        num_impostor=impostor.size,
    )


def rates_at_threshold(
    genuine_distances: np.ndarray, impostor_distances: np.ndarray, threshold: float
) -> tuple[float, float]:
    """Both errors of a verifier whose threshold is already set, on other people.

    Args:
        genuine_distances: Distances between photos of one person, not empty.
        impostor_distances: Distances between photos of two people, not empty.
        threshold: Accepted is a distance of at most this.

    Returns:
        (FMR, FNMR), each in [0, 1].

    Raises:
        ValueError: If a side is empty or holds a NaN, or the threshold is NaN.
        TypeError: If the distances are not real numbers.

    Example:
        >>> rates_at_threshold([1, 2], [2, 3], threshold=2)
        (0.5, 0.0)

    Lecture: section 1, notebook 01.
    """
    genuine = as_distances("genuine_distances", genuine_distances)
    impostor = as_distances("impostor_distances", impostor_distances)
    check_threshold(threshold)
    return float(np.mean(impostor <= threshold)), float(np.mean(genuine > threshold))


def equal_error_rate(
    genuine_distances: np.ndarray, impostor_distances: np.ndarray
) -> EqualErrorRate:
    """The error where false matches are as frequent as false non-matches: one number to compare.

    The two rates are staircases and seldom meet in a step; between the two steps around the
    crossing the rate is interpolated linearly. Identical distributions give 0.5.

    Args:
        genuine_distances: Distances between photos of one person, not empty.
        impostor_distances: Distances between photos of two people, not empty.

    Returns:
        `EqualErrorRate` (rate, threshold). The threshold was chosen on these very people: on
        others its errors differ.

    Raises:
        ValueError: If a side is empty or holds a NaN.
        TypeError: If the distances are not real numbers.

    Example:
        >>> equal_error_rate([1, 2, 3, 4], [3, 5, 6, 7])
        EqualErrorRate(rate=0.25, threshold=3.0)

    Lecture: section 1, notebook 01.
    """
    rates = error_rates(genuine_distances, impostor_distances)
    excess = rates.fnmr - rates.fmr  # falls from 1 to -1
    after = int(np.argmax(excess <= 0))
    before = after - 1
    share = excess[before] / (excess[before] - excess[after])
    rate = rates.fmr[before] + share * (rates.fmr[after] - rates.fmr[before])
    better_before = before > 0 and rates.fnmr[before] < rates.fmr[after]
    return EqualErrorRate(float(rate), float(rates.thresholds[before if better_before else after]))


def threshold_at_fmr(impostor_distances: np.ndarray, fmr: float) -> float:
    """The largest threshold at which no more than a share `fmr` of impostor pairs is accepted.

    Args:
        impostor_distances: Distances between photos of two people, not empty.
        fmr: False match rate that is allowed, in (0, 1].

    Returns:
        The threshold: just below the first impostor distance that must be rejected, in the
        precision of the distances.

    Raises:
        ValueError: If `fmr` is out of range, or the distances are empty or hold a NaN.
        TypeError: If the distances are not real numbers.

    Warns:
        InsufficientPairsWarning: If there are fewer than 3/fmr pairs. By the rule of three,
            n pairs without an error prove, with 95 % confidence, no more than an error rate
            below 3/n; and pairs that share a person prove less than that.

    Example:
        >>> round(threshold_at_fmr(np.arange(1000), fmr=0.01), 6)
        10.0

    Reference: Hanley, Lippman-Hand, "If nothing goes wrong, is everything all right?",
        JAMA 249, 1983.
    Lecture: section 1, notebook 01.
    """
    if not 0 < fmr <= 1:
        raise ValueError(f"`fmr` must lie in (0, 1]. Received: fmr={fmr}.")
    dtype = np.asarray(impostor_distances).dtype
    precision = dtype.type if dtype.kind == "f" else np.float64
    impostor = np.sort(as_distances("impostor_distances", impostor_distances))
    if impostor.size < 3 / fmr:
        warnings.warn(
            f"{impostor.size:,} impostor pairs cannot support an FMR of {fmr:g}: by the rule of "
            f"three it takes at least {int(np.ceil(3 / fmr)):,}. Compare more people.",
            InsufficientPairsWarning,
            stacklevel=2,
        )
    allowed = int(fmr * impostor.size)
    allowed += (allowed + 1) / impostor.size <= fmr  # the product may be rounded past an integer,
    allowed -= allowed / impostor.size > fmr  # down or up
    if allowed == impostor.size:
        return float(impostor[-1])
    return float(np.nextafter(precision(impostor[allowed]), precision(-np.inf)))


def det_curve(rates: ErrorRates) -> DetCurve:
    """The trade-off between both errors on axes where normal distributions give straight lines.

    Args:
        rates: What `error_rates` returned.

    Returns:
        `DetCurve`; empty if the distances are separated without an error.

    Reference: Martin et al., "The DET curve in assessment of detection task performance",
        Eurospeech 1997.
    Lecture: section 1, notebook 01.
    """
    inside = (rates.fmr > 0) & (rates.fmr < 1) & (rates.fnmr > 0) & (rates.fnmr < 1)
    fmr, fnmr = rates.fmr[inside], rates.fnmr[inside]
    return DetCurve(fmr, fnmr, ndtri(fmr), ndtri(fnmr))
