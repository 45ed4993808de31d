"""How good a recogniser is: errors of 1:1 verification and 1:N identification, with intervals.

Terms as in ISO/IEC 19795-1. Everything takes distances: small means similar.
"""

from course_utils.recognition.metrics.gallery_size import (
    fpir_by_gallery_size,
    rank1_error_by_gallery_size,
)
from course_utils.recognition.metrics.identification import (
    IdentificationRates,
    identification_rates,
)
from course_utils.recognition.metrics.intervals import (
    Interval,
    bootstrap_mean,
    bootstrap_pairs,
    mean_interval,
)
from course_utils.recognition.metrics.pairs import Pairs, all_pairs, concatenate_pairs
from course_utils.recognition.metrics.verification import (
    DetCurve,
    EqualErrorRate,
    ErrorRates,
    InsufficientPairsWarning,
    det_curve,
    equal_error_rate,
    error_rates,
    rates_at_threshold,
    threshold_at_fmr,
)

__all__ = [
    "DetCurve",
    "EqualErrorRate",
    "ErrorRates",
    "IdentificationRates",
    "InsufficientPairsWarning",
    "Interval",
    "Pairs",
    "all_pairs",
    "bootstrap_mean",
    "bootstrap_pairs",
    "concatenate_pairs",
    "det_curve",
    "equal_error_rate",
    "error_rates",
    "fpir_by_gallery_size",
    "identification_rates",
    "mean_interval",
    "rank1_error_by_gallery_size",
    "rates_at_threshold",
    "threshold_at_fmr",
]
