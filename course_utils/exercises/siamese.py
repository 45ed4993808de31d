"""Exercises of notebook 03: a Siamese distance, its loss, and pairs to learn from."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from course_utils.exercises.checking import Wrong, call, check, close, numbers


@check("both photos through the same encoder, then one squared distance a pair.")
def check_siamese_distance(function: Callable[..., Any]) -> None:
    """A function (encoder, first, second) → d of each pair; the encoder takes a batch of rows.

    Lecture: section 3, notebook 03.
    """

    def encoder(photos: ArrayLike) -> np.ndarray:
        return np.square(np.asarray(photos, dtype=np.float64))

    first = np.array([[3.0, 0.0, 2.0], [1.0, 1.0, 1.0]])
    second = np.array([[1.0, 2.0, 1.0], [1.0, 3.0, 2.0]])  # f: 8² + 4² + 3² and 8² + 3²
    result = call(function, encoder, first, second)
    if np.size(result) == 1:
        raise Wrong("that is one number for the whole batch: sum over axis 1 only.")
    if np.size(result) == 3:
        raise Wrong("that sums over the batch: the numbers of one embedding lie along axis 1.")
    if np.size(result) == 4:
        raise Wrong("row i of `first` belongs to row i of `second`; not every row to every other.")
    found = numbers(result, 2)
    if close(found[0], 9):
        raise Wrong("that is the distance of the photos themselves: encode both first.")
    if close(found[0], 33):
        raise Wrong("encode each photo, then subtract; do not encode their difference.")
    if close(found[0], 77) or close(found[0], 21):
        raise Wrong("both photos go through the encoder, not only one of them.")
    if close(found[0], np.sqrt(89)):
        raise Wrong("no square root: the lecture's d is the squared length.")
    if close(found[0], 89 / 3):
        raise Wrong("that is the mean over the embedding's numbers; d is their sum.")
    if close(found[0], 15):
        raise Wrong("square the differences; these are their absolute values.")
    if close(found[0], 49):
        raise Wrong("square each difference before the sum, not the sum.")
    if not (close(found[0], 89) and close(found[1], 73)):
        raise Wrong(f"expected 89 and 73, got {found[0]:g} and {found[1]:g}.")
    found = numbers(call(function, encoder, second, second + 1), 2)
    if not np.allclose(found, [9 + 25 + 9, 9 + 49 + 25]):
        raise Wrong(f"right for one batch, but not for another: expected 43 and 83, got {found}.")


@check("close and genuine costs little, close and impostor costs much, far impostors cost nothing.")
def check_contrastive_loss(function: Callable[..., Any]) -> None:
    """A function (same, distances, margin) → the loss of each pair; distances are squared.

    Lecture: section 3, notebook 03.
    """
    same, distances = np.array([1, 1, 0, 0, 0]), np.array([0.25, 2.25, 0.25, 1.0, 4.0])
    expected = np.array([0.25, 2.25, 0.25, 0.0, 0.0])
    found = numbers(call(function, same, distances, 1.0), 5)
    if close(found[4], 1):
        raise Wrong(
            "an impostor pair beyond the margin costs nothing: max(…, 0) before the square."
        )
    if close(found[2], 0.5625):
        raise Wrong("the margin is a plain distance: take the square root of `distances` first.")
    if close(found[3], 1) and close(found[1], 2.25):
        raise Wrong("an impostor pair does not pay for its distance: multiply d by `same`.")
    if close(found[2], 0.5):
        raise Wrong("square what the impostor pair lacks: (1 − 0.5)² = 0.25, not 0.5.")
    if close(found[0], 0.5):
        raise Wrong("a genuine pair costs its squared distance, which is given: no root for it.")
    if close(found[0], 0.25 * 0.25):
        raise Wrong("the distances are squared already; do not square them again.")
    if close(found[1], 0) or close(found[0], 0):
        raise Wrong("`same` is 1 for a genuine pair: that is the one that pays for its distance.")
    if not np.allclose(found, expected):
        raise Wrong(f"for d = {distances} and same = {same} expected {expected}, got {found}.")
    found = numbers(call(function, np.array([0]), np.array([1.0]), 2.0), 1)[0]
    if not close(found, 1):
        raise Wrong(f"with margin 2 an impostor pair at d = 1 lacks 1: expected 1, got {found:g}.")


@check("few of a photo's partners show the same person: drawn blindly, few pairs are genuine.")
def check_genuine_share(function: Callable[..., Any]) -> None:
    """A function (num_people, photos_per_person) → share of genuine pairs among all pairs.

    Lecture: section 3, notebook 03.
    """
    found = numbers(call(function, 20, 10), 1)[0]
    if close(found, 1 / 20):
        raise Wrong(
            "nearly, but a photo makes no pair with itself: 9 partners of 199, not 10 of 200."
        )
    if close(found, 9 / 200) or close(found, 10 / 199):
        raise Wrong("leave the photo itself out above and below: 9 partners of 199.")
    if close(found, 900 / 19_000):
        raise Wrong("that is genuine to impostor; the share is of all pairs.")
    if close(found, 1 - 9 / 199):
        raise Wrong("that is the share of impostor pairs.")
    if close(found, 900):
        raise Wrong("that is the number of genuine pairs; divide by the number of all.")
    if close(found, 100 * 9 / 199):
        raise Wrong("return a share between 0 and 1, not per cent.")
    if not close(found, 9 / 199):
        raise Wrong(f"20 people with 10 photos: expected 9/199 = {9 / 199:.4f}, got {found:g}.")
    if not close(numbers(call(function, 3, 2), 1)[0], 1 / 5):
        raise Wrong("right for 20 people with 10 photos, but not for 3 people with 2: 1/5.")


@check("on the unit sphere, the squared distance and the cosine say the same.")
def check_distance_from_cosine(function: Callable[..., Any]) -> None:
    """A function cosine → squared distance of two unit vectors at that cosine.

    Lecture: section 3, notebook 03.
    """
    at_right_angles = numbers(call(function, 0.0), 1)[0]
    if close(at_right_angles, np.sqrt(2)):
        raise Wrong("the lecture's d is the squared length: no square root.")
    opposite, equal = (numbers(call(function, cosine), 1)[0] for cosine in (-1.0, 1.0))
    if close(at_right_angles, 1) and close(opposite, 2):
        raise Wrong("1 − cos is half of it. Expand ‖a − b‖² = ‖a‖² − 2 a·b + ‖b‖².")
    if close(opposite, 0) and not close(equal, 0):
        raise Wrong("equal vectors have cosine 1 and distance 0; mind the sign.")
    if not (close(at_right_angles, 2) and close(opposite, 4) and close(equal, 0)):
        raise Wrong(
            "cosines 1, 0, −1 belong to d = 0, 2, 4. "
            f"Got {equal:g}, {at_right_angles:g}, {opposite:g}."
        )
    if not close(numbers(call(function, 0.25), 1)[0], 1.5):
        raise Wrong("right at 1, 0 and −1, but not between: it is a straight line in the cosine.")
