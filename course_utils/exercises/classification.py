"""Exercises of notebook 05: verification as a yes or no, and what stored templates save."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from course_utils.exercises.checking import Wrong, call, check, close, numbers, shown


@check("the weighted differences of the two, squeezed into a probability, in either order.")
def check_same_person_probability(function: Callable[..., Any]) -> None:
    """A function (first, second, weights, bias) → ŷ of a pair, or of each pair of a batch.

    Lecture: section 5, notebook 05.
    """
    first, second = np.array([1.0, 0.5, -0.5]), np.array([0.5, 1.5, 0.0])
    weights, bias = np.array([-1.0, 0.5, -4.0]), 1.0  # −0.5 + 0.5 − 2 + 1 = −1
    result = call(function, first, second, weights, bias)
    if np.size(result) == 3:
        raise Wrong("one pair, one probability: sum over the numbers of the embedding.")
    found = numbers(result, 1)[0]
    if not 0 <= found <= 1:
        raise Wrong(f"{found:g} is no probability: σ(z) = 1 / (1 + exp(−z)) is missing.")
    if found in (0, 1):
        raise Wrong("return the probability ŷ; to decide yes or no comes later.")
    logit = np.log(found / (1 - found))
    if close(logit, 1):
        raise Wrong("that is 1 − ŷ, the probability of two people; mind the sign in exp(−z).")
    if close(logit, 2) or close(logit, 0):
        raise Wrong("|aₖ − bₖ|: each difference loses its sign before it is weighted.")
    if close(logit, 0.25):
        raise Wrong("these are squares; the formula takes absolute differences.")
    if close(logit, -2):
        raise Wrong("the bias is missing: without it ŷ is 0.5 for two equal embeddings.")
    if close(logit, -3):
        raise Wrong("the bias is added, not subtracted.")
    if close(logit, 3):
        raise Wrong("weight each difference with its wₖ.")
    if close(logit, 1 / 3):
        raise Wrong("that is the mean of the weighted differences; take their sum.")
    if not close(numbers(call(function, second, first, weights, bias), 1)[0], found):
        raise Wrong("ŷ must be the same for (a, b) and (b, a): |aₖ − bₖ| is.")
    if not close(logit, -1):
        raise Wrong(f"expected σ(−1) = 0.2689, got {found:.4f}.")
    found = numbers(call(function, first, second, -weights, -0.5), 1)[0]
    if not close(found, _sigmoid(1.5)):
        raise Wrong(f"right once, but not for other weights: expected 0.8176, got {found:.4f}.")
    result = call(function, np.stack([first, first]), np.stack([second, first]), weights, bias)
    if np.size(result) == 1:
        raise Wrong("a batch of pairs gets a probability each: sum over axis −1 only.")
    if np.size(result) == 3:
        raise Wrong("that sums over the batch: the numbers of one embedding lie along axis −1.")
    found = numbers(result, 2)
    if not np.allclose(found, _sigmoid(np.array([-1.0, 1.0]))):
        raise Wrong(f"right for one pair, but not for a batch: expected [0.27 0.73], got {found}.")


@check("large numbers may differ by more than small ones, and 0/0 counts as 0.")
def check_chi2_difference(function: Callable[..., Any]) -> None:
    """A function (first, second) → the χ² term of each number, of embeddings that are ≥ 0.

    Lecture: section 5, notebook 05.
    """
    first, second = np.array([5.0, 1.0, 0.0, 0.0, 0.03]), np.array([1.0, 1.0, 0.0, 2.0, 0.01])
    expected = np.array([8 / 3, 0.0, 0.0, 2.0, 0.01])
    with warnings.catch_warnings(record=True) as caught, np.errstate(all="warn"):
        warnings.simplefilter("always")
        result = call(function, first, second)
    if np.size(result) == 1:
        raise Wrong("return the term of each number; they are weighted and summed outside.")
    if np.isnan(np.asarray(result, dtype=np.float64)).any():
        raise Wrong("where both numbers are 0, 0/0 is not a number (NaN): the term is 0 there.")
    found = numbers(result, 5)
    if close(found[0], 2 / 3) and found[3] < 0:
        raise Wrong("square the difference: a term must not be negative.")
    if close(found[0], 2 / 3):
        raise Wrong("that is |a − b| / (a + b), the Canberra distance; χ² squares the difference.")
    if close(found[0], 16):
        raise Wrong("divide by aₖ + bₖ.")
    if close(found[0], 16 / 36):
        raise Wrong("only the difference is squared, not the sum below it.")
    if close(found[0], 4 / 3):
        raise Wrong("that is half of it: the lecture's χ² has no factor ½.")
    kept = found[[0, 4]] / expected[[0, 4]]  # what is added to the sum, the small one feels most
    if kept[1] < min(kept[0], 1 - 1e-5) and kept[0] < 1 + 1e-6:
        raise Wrong(
            "replace the sum below only where it is 0: what you add, or put in its place, "
            f"changes small terms. For 0.03 and 0.01 expected 0.01, got {found[4]:.6g}."
        )
    if not np.allclose(found, expected):
        raise Wrong(f"expected {expected.round(3)}, got {found.round(3)}.")
    if any(issubclass(warning.category, RuntimeWarning) for warning in caught):
        raise Wrong(
            "the values are right, but 0/0 is computed before it is replaced, so NumPy warns; "
            "in a gradient the NaN would stay. Divide by np.where(total > 0, total, 1)."
        )
    first, second = np.array([0.0, 0.0, 2.0, 1.0, 3.0]), np.array([0.0, 3.0, 0.0, 3.0, 6.0])
    found = numbers(call(function, first, second), 5)
    if not np.allclose(found, [0, 3, 2, 1, 1]):
        raise Wrong(f"right once, but for {first} and {second} expected [0 3 2 1 1], got {found}.")


@check("the templates were encoded when they were enrolled; what is new is the probe.")
def check_forward_passes(function: Callable[..., Any]) -> None:
    """A function (num_people, stored) → passes through the encoder to identify one probe.

    Lecture: section 5, notebook 05.
    """
    found = numbers(call(function, 20, False), 1)[0]
    if close(found, 20):
        raise Wrong("the probe goes through the encoder too: 20 photos of the gallery and 1.")
    if close(found, 40):
        raise Wrong("encode the probe once, not again for each comparison.")
    if close(found, 1):
        raise Wrong("with nothing stored, the gallery's photos must be encoded too.")
    if not close(found, 21):
        raise Wrong(f"20 people, photos only: expected 20 + 1 = 21, got {found:g}.")
    found = numbers(call(function, 20, True, none_is_stub=False), 1)[0]
    if close(found, 0):
        raise Wrong("the probe is new, nobody has stored it: that is one pass.")
    if close(found, 20):
        raise Wrong("stored embeddings need no pass: it is the *templates* that drop out.")
    if close(found, 21):
        raise Wrong("use `stored`: templates that are stored are not encoded again.")
    if not close(found, 1):
        raise Wrong(f"20 people, embeddings stored: expected 1, got {found:g}.")
    found = [
        numbers(call(function, 1, stored, none_is_stub=False), 1)[0] for stored in (False, True)
    ]
    if not np.allclose(found, [2, 1]):
        raise Wrong(
            "right for 20 people; but verification, num_people = 1, takes 2 passes, or 1 if "
            f"stored. Yours says {found[0]:g} and {found[1]:g}."
        )


@check("one template that is near enough will do, and `≤` lets in the one on the line.")
def check_decide_claim(function: Callable[..., Any]) -> None:
    """A function (probe, templates, threshold) → whether the nearest template is within it.

    Lecture: section 5, notebook 05.
    """
    probe = np.array([1.0, 2.0])

    def accepted(*offsets: list[float], threshold: float, none_is_stub: bool = False) -> bool:
        templates = probe + np.array(offsets)
        result = call(function, probe, templates, threshold, none_is_stub=none_is_stub)
        if np.size(result) > 1:
            raise Wrong("one answer a person, not one a template: the *nearest* decides.")
        return _truth(result)

    if not accepted([0.3, 0.4], [0.6, 0.0], threshold=1.0, none_is_stub=True):
        raise Wrong(
            "templates at distances 0.5 and 0.6, threshold 1: small means similar, so accept."
        )
    if accepted([3.0, 1.0], [1.0, 4.0], threshold=1.0):
        raise Wrong("templates at distances 3.2 and 4.1, threshold 1: nobody is near, so reject.")
    if not accepted([1.5, 0.0], threshold=2.0):
        raise Wrong(
            "a template at distance 1.5, threshold 2: compare the distance, not its square."
        )
    if accepted([3.0, 0.0], [4.0, 0.0], threshold=1.0):
        raise Wrong("a distance for each template: its numbers lie along axis 1, not axis 0.")
    if accepted([0.8, 0.8], threshold=1.0) or not accepted([0.6, 0.7], threshold=1.0):
        raise Wrong("take the Euclidean distance: the root of the sum of squares.")
    if not accepted([0.5, 0.0], [1.5, 0.0], [0.6, 0.0], threshold=1.2):
        raise Wrong("not all templates need be within the threshold: the *nearest* decides.")
    if not accepted([1.5, 0.0], [0.5, 0.0], [1.4, 0.0], threshold=1.2):
        raise Wrong("the nearest template decides, wherever it stands; here it is the second.")
    if accepted([2.0, 0.0], [-2.0, 0.0], threshold=1.0):
        raise Wrong(
            "the mean of the templates lies where no template does: take the distance to each."
        )
    if not accepted([0.5, 0.0], [3.0, 0.0], [-3.0, 0.0], threshold=1.0):
        raise Wrong("one template is near (0.5): a mean of the distances hides it.")
    if not accepted([1.0, 0.0], threshold=1.0):
        raise Wrong("a distance equal to the threshold is accepted: ≤, not <.")


def _sigmoid(logits: Any) -> Any:
    return 1 / (1 + np.exp(-logits))


def _truth(result: Any) -> bool:
    """The result as True or False, or a `Wrong` that says what came instead."""
    value = np.asarray(result)
    if value.dtype != bool or value.size != 1:
        raise Wrong(f"expected True or False, got {shown(result)}.")
    return bool(value.ravel()[0])
