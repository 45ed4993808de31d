"""Exercises of notebook 04: the triplet loss, its margin, and which triplets to learn from."""

from collections.abc import Callable
from typing import Any

import numpy as np

from course_utils.exercises.checking import Wrong, call, check, close, numbers


@check("each triplet pays what its negative lacks, and no triplet gets anything back.")
def check_triplet_loss(function: Callable[..., Any]) -> None:
    """A function (anchor, positive, negative, margin) → the loss of each triplet, shape (batch,).

    Lecture: section 4, notebook 04.
    """
    anchor = np.full((3, 2), [1.0, 2.0])
    positive = anchor + np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
    negative = anchor + np.array([[1.0, 0.5], [3.0, 0.0], [1.0, 0.0]])
    expected = np.array([0.25, 0.0, 3.5])  # 1 − 1.25 + 0.5; 1 − 9 + 0.5 < 0; 4 − 1 + 0.5
    result = call(function, anchor, positive, negative, 0.5)
    if np.size(result) == 1:
        raise Wrong("return one loss for each triplet; their sum or mean is taken outside.")
    found = numbers(result, 3)
    if found.min() < 0:
        raise Wrong("a negative that is far enough costs nothing: max(…, 0).")
    if found[1] > 7:
        raise Wrong("turn it round: it is the *positive* that should be near.")
    if close(found[1], 0.5):
        raise Wrong(
            "max(… + α, 0): the margin belongs inside, not in place of the 0, nor after the max."
        )
    if close(found[2], 3):
        raise Wrong("add the margin: a negative just as far as the positive still costs α.")
    if close(found[2], 2.5):
        raise Wrong("the margin is added, not subtracted.")
    if close(found[0], 1 - np.sqrt(1.25) + 0.5):
        raise Wrong("no square root: the lecture takes squared distances.")
    if close(found[0], 0.375):
        raise Wrong("sum over the embedding's numbers, do not average them.")
    if not np.allclose(found, expected):
        raise Wrong(f"expected {expected}, got {found}.")
    found = numbers(call(function, anchor, positive, negative, 0.3), 3)
    if not np.allclose(found, [0.05, 0.0, 3.3]):
        raise Wrong(
            f"right for α = 0.5, but not for α = 0.3: expected [0.05, 0, 3.3], got {found}."
        )


@check("the negative must be farther than the positive, by the margin.")
def check_negative_distance(function: Callable[..., Any]) -> None:
    """A function (positive_distance, margin) → smallest d(A, N) at which the loss is 0.

    Lecture: section 4, notebook 04.
    """
    found = numbers(call(function, 0.5, 0.2), 1)[0]
    if close(found, 0.3):
        raise Wrong("the negative must be *farther*: add the margin.")
    if close(found, 0.51):
        raise Wrong("with 0.51 the loss is still 0.19. The margin asks for more than just farther.")
    if close(found, 0.5):
        raise Wrong("that would satisfy the inequality without a margin.")
    if not close(found, 0.7):
        raise Wrong(f"the lecture's example: d(A, P) = 0.5 and α = 0.2. Got {found:g}.")
    if not close(numbers(call(function, 1.0, 0.3), 1)[0], 1.3):
        raise Wrong("right for the lecture's example, but not for d(A, P) = 1 and α = 0.3.")


@check("the nearest negative that is still farther than the positive.")
def check_semi_hard(function: Callable[..., Any]) -> None:
    """A function (positive_distance, negative_distances) → position of the semi-hard negative.

    Lecture: section 4, notebook 04.
    """
    negatives = np.array([0.9, 0.2, 0.6, 0.3, 0.55, 1.5])
    found = numbers(call(function, 0.5, negatives), 1)[0]
    if close(found, 1):
        raise Wrong("that is the hardest negative; it is nearer than the positive.")
    if close(found, 5):
        raise Wrong("that is the easiest negative: it is farthest.")
    if close(found, 0.55):
        raise Wrong("return the position of the negative, not its distance.")
    if close(found, 0):
        raise Wrong("that is the first negative that is farther; take the nearest of those.")
    if close(found, 2):
        raise Wrong("count positions in `negative_distances` as given: nothing left out or sorted.")
    if not close(found, 4):
        raise Wrong(
            f"farther than 0.5 are 0.9, 0.6, 0.55 and 1.5; the nearest is at 4. Got {found:g}."
        )
    if not close(numbers(call(function, 0.6, negatives), 1)[0], 0):
        raise Wrong("a negative at the positive's own distance is not farther.")
    last = "where none is farther than the positive, take the farthest there is."
    try:
        found = numbers(call(function, 2.0, negatives, none_is_stub=False), 1)[0]
    except Wrong as wrong:
        raise Wrong(f"{last} ({wrong})") from None
    if not close(found, 5):
        raise Wrong(last)


@check("anchors × other photos of the same person × photos of other people.")
def check_triplet_count(function: Callable[..., Any]) -> None:
    """A function (num_people, photos_per_person) → number of triplets in such a batch.

    Lecture: section 4, notebook 04.
    """
    found = numbers(call(function, 10, 4), 1)[0]
    if close(found, 40**3):
        raise Wrong(
            "not any three photos: anchor and positive share a person, the negative does not."
        )
    if close(found, 40 * 4 * 36):
        raise Wrong("a photo is not its own positive.")
    if close(found, 40 * 3 * 39) or close(found, 40 * 3 * 40):
        raise Wrong("the negative must be of another person than the anchor.")
    if close(found, 40 * 3 * 36 / 2):
        raise Wrong("(A, P) and (P, A) make different triplets: the negative is compared with A.")
    if close(found, 3 * 36) or close(found, 10 * 3 * 36):
        raise Wrong(
            "every photo is an anchor in turn, and every photo of another person a negative."
        )
    if not close(found, 40 * 3 * 36):
        raise Wrong(f"10 people with 4 photos make 40 · 3 · 36 = 4,320 triplets, got {found:g}.")
    if not close(numbers(call(function, 2, 5), 1)[0], 10 * 4 * 5):
        raise Wrong("right for 10 people with 4 photos, but not for 2 people with 5.")
