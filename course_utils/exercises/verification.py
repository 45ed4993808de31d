"""Exercises of notebook 01: pairs, errors, thresholds, and what K comparisons do."""

from collections.abc import Callable
from typing import Any

import numpy as np

from course_utils.exercises.checking import Wrong, call, check, close, given, numbers


@check("25 people with 4 photos give 150 genuine and 4,800 impostor pairs.")
def check_pair_counts(answer: Any) -> None:
    """(genuine, impostor) pairs of 25 people with 4 photos each.

    Lecture: section 1, notebook 01.
    """
    genuine, impostor = numbers(given(answer), 2)
    if (genuine, impostor) == (4800, 150):
        raise Wrong("the order is (genuine, impostor).")
    if (genuine, impostor) in ((300, 9600), (400, 9600)):
        raise Wrong("each pair counts once: (a, b) and (b, a) are the same, (a, a) is none.")
    if not close(genuine, 150):
        raise Wrong("a person with 4 photos has C(4, 2) = 6 genuine pairs; there are 25 people.")
    if not close(impostor, 4800):
        raise Wrong("all pairs of 100 photos, C(100, 2), less the genuine ones.")


@check("both rates have their own denominator, and the threshold itself is accepted.")
def check_error_rates_at(function: Callable[..., Any]) -> None:
    """A function (genuine_distances, impostor_distances, threshold) → (fmr, fnmr).

    Lecture: section 1, notebook 01.
    """
    genuine, impostor = np.array([1.0, 2.0, 3.0, 6.0]), np.array([2.5, 4.0, 5.0, 7.0, 8.0])
    fmr, fnmr = numbers(call(function, genuine, impostor, 3.5), 2)
    if close(fmr, 0.25) and close(fnmr, 0.2):
        raise Wrong("the order is (fmr, fnmr).")
    if close(fmr, 1 / 9) or close(fnmr, 1 / 9):
        raise Wrong("divide by the pairs of that kind, not by all pairs.")
    if close(fmr, 1) and close(fnmr, 1):
        raise Wrong("return rates, not counts.")
    if close(fmr, 0.8):
        raise Wrong("a false match is an impostor pair that is *accepted*: distance ≤ threshold.")
    if close(fnmr, 0.75):
        raise Wrong("a false non-match is a genuine pair that is *rejected*.")
    if not (close(fmr, 0.2) and close(fnmr, 0.25)):
        raise Wrong(f"for {genuine}, {impostor} and threshold 3.5 expected (0.2, 0.25).")
    fmr, fnmr = numbers(call(function, genuine, impostor, 4.0), 2)
    if not close(fmr, 0.4):
        raise Wrong("a distance equal to the threshold is accepted, so it is ≤, not <.")
    fmr, fnmr = numbers(call(function, genuine, impostor, 6.0), 2)
    if not close(fnmr, 0.0):
        raise Wrong("a distance equal to the threshold is accepted, so it is not rejected by ≥.")


@check("as many impostors as allowed are accepted, and not one more, ties or not.")
def check_threshold_at_fmr(function: Callable[..., Any]) -> None:
    """A function (impostor_distances, fmr) → a threshold with at most that FMR, and no smaller.

    Lecture: section 1, notebook 01.
    """
    distances = np.random.default_rng(0).permutation(np.arange(1.0, 101.0))
    threshold = numbers(call(function, distances, 0.1), 1)[0]
    if threshold > 80:
        raise Wrong("small distances are the dangerous ones: the other end of the sorted list.")
    accepted = int(np.sum(distances <= threshold))
    if accepted > 10:
        raise Wrong(f"10 of 100 may be accepted at an FMR of 0.1; yours accepts {accepted}.")
    if accepted < 10:
        raise Wrong(f"10 of 100 may be accepted at an FMR of 0.1; yours accepts only {accepted}.")
    tied = np.array([1.0, 2.0, 2.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0])
    accepted = int(np.sum(tied <= numbers(call(function, tied, 0.2), 1)[0]))
    if accepted != 1:
        raise Wrong(
            f"with ties, {tied.astype(int).tolist()} and FMR 0.2, only 1 can be accepted: the "
            f"three 2s go together. Yours accepts {accepted}."
        )


@check("1 − (1 − p)^K: at least one of K independent comparisons goes wrong.")
def check_identification_error(function: Callable[..., Any]) -> None:
    """A function (fmr, gallery_size) → probability of at least one false match, if independent.

    Lecture: section 1, notebook 01.
    """
    one = numbers(call(function, 0.01, 1), 1)[0]
    forty = numbers(call(function, 0.01, 40), 1)[0]
    if close(forty, 0.4):
        raise Wrong("that is K·p, the lecture's estimate: what does it give for K = 200?")
    if close(forty, 0.01**40):
        raise Wrong("p^K is the probability that *every* comparison goes wrong.")
    if close(forty, 0.99**40):
        raise Wrong("(1 − p)^K is the probability that *none* goes wrong.")
    if not close(one, 0.01):
        raise Wrong("with a single person in the gallery the error is p itself.")
    if not close(forty, 1 - 0.99**40):
        raise Wrong("the probability that none of K goes wrong is (1 − p)^K; you want the rest.")
    if not close(numbers(call(function, 0.5, 2), 1)[0], 0.75):
        raise Wrong("it must hold for every p: for p = 0.5 and K = 2 it is 0.75.")
