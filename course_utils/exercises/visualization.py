"""Exercises of notebook 07: what a unit sees, what it answers to, and what a decision rests on."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from course_utils.exercises.checking import Wrong, call, check, close, listed, numbers, shown

GREY = 128


@check("each layer adds k − 1 steps; a step is the product of the strides before it, in pixels.")
def check_receptive_field(function: Callable[..., Any]) -> None:
    """A function (layers) → width in pixels of the last layer's receptive field.

    Each layer is a pair (kernel, stride), the first one reads the image.

    Lecture: section 7, notebook 07.
    """
    layers = [(3, 2), (3, 1), (2, 2), (5, 3)]  # 1 + 2·1 + 2·2 + 1·2 + 4·4 = 25
    found = numbers(call(function, list(layers)), 1)[0]
    if close(found, 13):
        raise Wrong("that is the sum of the kernels, but windows overlap: each layer adds k − 1.")
    if close(found, 10):
        raise Wrong("behind a stride of s, a step is s pixels wide: the strides count too.")
    if close(found, 61) or close(found, 21):
        raise Wrong("a layer's own stride widens only what comes after it; take those before it.")
    if close(found, 16):
        raise Wrong("not only the stride of the layer before: the strides of all of them multiply.")
    if close(found, 32):
        raise Wrong(
            "that goes the wrong way through the layers: the strides that count for a layer lie "
            "between the image and it."
        )
    if close(found, 24):
        raise Wrong("begin with 1: without any layer, one pixel is seen.")
    if close(found, 34) or close(found, 33):
        raise Wrong("a kernel of k takes k − 1 steps from its first position to its last, not k.")
    if close(found, 12) or close(found, 4):
        raise Wrong("that is the step from one position to the next; how wide is what one sees?")
    if close(found, 25**2):
        raise Wrong("that is the number of pixels in the square; its width was asked for.")
    if not close(found, 25):
        raise Wrong(f"for {layers} expected 1 + 2·1 + 2·2 + 1·2 + 4·4 = 25, got {found:g}.")
    conv, pool = (3, 1), (2, 2)
    block3 = [conv, conv, pool, conv, conv, pool, conv, conv, conv]
    found = numbers(call(function, block3), 1)[0]
    if not close(found, 40):
        raise Wrong(f"right once, but for VGG's third block expected 40, got {found:g}.")
    found = numbers(call(function, [], none_is_stub=False), 1)[0]
    if not close(found, 1):
        raise Wrong(f"without a layer, a pixel sees itself: expected 1 for [], got {found:g}.")


@check("the corner moves with the stride, the size stays; a box may begin in the padding.")
def check_patch_box(function: Callable[..., Any]) -> None:
    """A function (row, column, size, stride, offset) → (top, left, bottom, right), end exclusive.

    Lecture: section 7, notebook 07.
    """
    top, left, bottom, right = found = numbers(call(function, 6, 2, 9, 5, -3), 4)
    if np.allclose(found, (7, 27, 16, 36)):
        raise Wrong("rows before columns, as in image[top:bottom, left:right]: y, then x.")
    if np.allclose(found, (27, 36, 7, 16)):
        raise Wrong("the order is (top, left, bottom, right): first one corner, then the other.")
    if close(top, 30) and close(left, 10):
        raise Wrong("add the offset: position (0, 0) begins there, not at pixel 0.")
    if close(top, 33):
        raise Wrong("the offset is added, not subtracted: its minus sign says 'in the padding'.")
    if close(top, 15):
        raise Wrong("the offset is in pixels already: multiply only the position by the stride.")
    if close(top, 51):
        raise Wrong("neighbours lie a stride apart, not a size: what they see overlaps.")
    if any(close(top, middle) for middle in (22.5, 23, 25.5, 26)):
        raise Wrong("the offset is where the box begins, not its middle: take nothing off for it.")
    if close(top, 22):
        raise Wrong("positions are counted from 0.")
    if close(bottom, 35) and close(right, 15):
        raise Wrong("the end is exclusive, as in a slice: bottom − top is the size.")
    if close(bottom, 9) and close(right, 9):
        raise Wrong("that is height and width; return where the box ends: bottom and right.")
    if close(bottom, 32) and close(right, 12):
        raise Wrong("the box is as high and wide as the size; the stride is the way to the next.")
    if close(bottom, 27 + 45):
        raise Wrong("the size is in pixels already: do not multiply it by the stride.")
    if not np.allclose(found, (27, 7, 36, 16)):
        raise Wrong(f"position (6, 2): expected 27, 7, 36, 16, got {listed(found)}.")
    found = numbers(call(function, 0, 1, 9, 5, -3), 4)
    if close(found[0], 0):
        raise Wrong("the box at the border begins in the padding, at −3: do not clip it to 0.")
    if not np.allclose(found, (-3, 2, 6, 11)):
        raise Wrong(f"right once, but at (0, 1) expected -3, 2, 6, 11, got {listed(found)}.")
    found = numbers(call(function, 3, 0, 4, 2, 1), 4)
    if not np.allclose(found, (7, 1, 11, 5)):
        raise Wrong(
            "right for offset −3, but for size 4, stride 2, offset 1 expected 7, 1, 11, 5 "
            f"at (3, 0), got {listed(found)}."
        )


@check("k numbers a unit are all that is kept, however many images there are.")
def check_keep_strongest(function: Callable[..., Any]) -> None:
    """A function (best, new) → the strongest activations of both for each unit, falling.

    `best` has shape (units, k) and falls along its rows, `new` has shape (units, n).

    Lecture: section 7, notebook 07.
    """
    best = np.array([[9.0, 6.0, 2.0], [8.0, 5.0, 4.0]])
    new = np.array([[3.0, 7.0, 1.0, 8.0], [0.0, 6.0, 10.0, 3.0]])
    result, was_changed = _call_and_watch(function, best, new)
    found = _floats(result)
    if found.shape == (2, 7):
        raise Wrong("all seven are still there: cut off after k = best.shape[1].")
    if found.ravel()[:3].tolist() == [10, 9, 8]:
        raise Wrong("each unit keeps its own: sort along axis 1, not all units as one list.")
    if found.shape == (3, 2):
        raise Wrong("one row a unit: the shape is (units, k), as that of `best`.")
    if found.shape != best.shape:
        raise Wrong(f"expected shape (2, 3), (units, k), as that of `best`; got {found.shape}.")
    falling = np.sort(found, axis=1)[:, ::-1]
    if np.allclose(found, [[9, 6, 4], [8, 5, 2]]):
        raise Wrong("that sorts the units against one another: a unit's own lie along axis 1.")
    if np.allclose(falling, [[3, 2, 1], [4, 3, 0]]):
        raise Wrong("those are the weakest: after sorting, the strongest stand at the end.")
    if np.allclose(found, [[0, 6, 4], [5, 0, 4]]):
        raise Wrong("those are positions; return the activations (np.sort, not np.argsort).")
    if np.allclose(falling, [[8, 7, 3], [10, 6, 3]]):
        raise Wrong("these are of the new image alone: `best` holds those of the images before.")
    if np.allclose(falling, best):
        raise Wrong("nothing of the new image came in, though 8 and 10 are among the strongest.")
    if np.allclose(falling, [[9, 8, 6], [10, 8, 5]]):
        raise Wrong("not only the maximum of `new`: both 8 and 7 belong to the first unit's three.")
    if np.allclose(found, [[9, 7, 3], [10, 6, 4]]) or np.allclose(found, [[9, 7, 2], [8, 6, 10]]):
        raise Wrong("a maximum place by place drops the loser: it may be stronger than the next.")
    expected = np.array([[9.0, 8.0, 7.0], [10.0, 8.0, 6.0]])
    if np.allclose(falling, expected) and not np.allclose(found, expected):
        raise Wrong("the right ones, but they must fall along each row, the strongest first.")
    if not np.allclose(found, expected):
        raise Wrong(f"expected {expected.tolist()}, got {found.tolist()}.")
    if was_changed:
        raise Wrong(
            "the values are right, but `best` or `new` was changed on the way: np.sort(a) returns "
            "a copy, a.sort() and a[…] = write into what was given."
        )
    best, new = np.array([[7.0, 5.0, 2.0], [6.0, 6.0, 3.0]]), np.array([[5.0, 1.0], [4.0, 6.0]])
    found = _floats(call(function, best, new))
    if found.shape != best.shape:
        raise Wrong(f"right once, but then `best` has shape (2, 3) and the answer {found.shape}.")
    if np.allclose(found[0], [7, 5, 2]):
        raise Wrong(
            "equal activations of two images are two patches, keep both: "
            "[7, 5, 2] and [5, 1] give [7, 5, 5]."
        )
    if not np.allclose(found, [[7, 5, 5], [6, 6, 6]]):
        raise Wrong(f"right once, but not for another image: got {found.tolist()}.")
    best = np.array([[-np.inf], [0.5], [-0.5]])  # nothing found yet; k = 1
    new = np.array([[-3.0, -1.0], [0.25, -2.0], [-4.0, -0.75]])
    found = _floats(call(function, best, new))
    if found.shape != best.shape:
        raise Wrong(f"k is best.shape[1], here 1: expected shape (3, 1), got {found.shape}.")
    if not np.allclose(found, [[-1.0], [0.5], [-0.5]]):
        raise Wrong(
            "activations may be negative, and −∞ in `best` is a place not yet taken: "
            f"expected -1, 0.5, -0.5, got {listed(found)}."
        )


@check("positive where the two are alike in what was covered, negative where they differ.")
def check_occlusion(function: Callable[..., Any]) -> None:
    """A function (distance, image, top, left, window) → growth of the distance by a grey square.

    `distance` is a function of one image, of shape (height, width, 3).

    Lecture: section 7, notebook 07.
    """
    image = np.random.default_rng(7).integers(256, size=(8, 10, 3)).astype(np.uint8)
    other = image.astype(np.float64)
    other[5:, 6:] = GREY  # elsewhere the two are the same

    def distance(picture: ArrayLike) -> float:
        picture = np.asarray(picture, dtype=np.float64)
        if picture.shape != image.shape:
            raise ValueError(f"`distance` takes one image, {image.shape}, not {picture.shape}")
        return float(np.linalg.norm(picture - other))

    whole = distance(image)

    def growth(
        rows: tuple[int, int],
        columns: tuple[int, int],
        channels: int | slice = slice(None),
        fill: float = GREY,
    ) -> float:
        covered = image.copy()
        covered[slice(*rows), slice(*columns), channels] = fill
        return distance(covered) - whole

    result, was_changed = _call_and_watch(function, distance, image, 2, 3, 4)
    found = numbers(result, 1)[0]
    if was_changed:
        raise Wrong(
            "that paints into the image it was given, and the next window would find it covered: "
            "paint on image.copy()."
        )
    rows, columns = (2, 6), (3, 7)
    expected = growth(rows, columns)
    if close(found, -expected):
        raise Wrong("the other way round: the distance when covered − the distance when not.")
    if close(found, whole + expected):
        raise Wrong("that is the distance when covered; subtract that of the image as it is.")
    ratio = expected / whole
    if close(found, ratio) or close(found, 100 * ratio) or close(found, 1 + ratio):
        raise Wrong("return the difference of the two distances, and do not divide it.")
    if close(found, 0):
        raise Wrong("nothing changed: ask for the distance of the painted copy.")
    if close(found, growth((3, 7), (2, 6))):
        raise Wrong("`top` is the row and comes first: image[top:…, left:…].")
    if close(found, growth((2, 7), (3, 8))) or close(found, growth((2, 5), (3, 6))):
        raise Wrong("that square is not 4 × 4: a slice stops before its end, top + window.")
    if close(found, growth((1, 5), (2, 6))) or close(found, growth((3, 7), (4, 8))):
        raise Wrong("the square lies one pixel off: its first row is `top`, counted from 0.")
    if close(found, growth((0, 4), (1, 5))):
        raise Wrong("(top, left) is the corner of the square, not its middle.")
    if close(found, growth((2, 4), (3, 4))):
        raise Wrong("a slice ends at top + window, not at `window`; from left likewise.")
    if close(found, growth(rows, (0, 10))) or close(found, growth((0, 8), columns)):
        raise Wrong("that is a stripe across the image; a square is bounded both ways.")
    if any(close(found, growth(rows, columns, channel)) for channel in range(3)):
        raise Wrong("grey is 128 in all three channels, not in one.")
    if any(close(found, growth(rows, columns, fill=fill)) for fill in (0, 255, image.mean())):
        raise Wrong("grey is 128 here: not black, white or the image's mean.")
    inside = np.full_like(image, GREY)
    inside[2:6, 3:7] = image[2:6, 3:7]
    if close(found, distance(inside) - whole):
        raise Wrong("that paints everything but the square; paint the square only.")
    if not close(found, expected):
        raise Wrong(f"expected {expected:.3f}, got {found:.3f}.")
    expected = growth((5, 8), (6, 9))
    found = numbers(call(function, distance, image, 5, 6, 3), 1)[0]
    if close(found, -expected) or close(found, 0):
        raise Wrong("the distance may shrink, where one covers what differs: keep the minus sign.")
    if not close(found, expected):
        raise Wrong(
            f"right once, but for top 5, left 6, window 3 expected {expected:.3f}, got {found:.3f}."
        )


def _call_and_watch(function: Callable[..., Any], *arguments: Any) -> tuple[Any, bool]:
    """What `call` returns, and whether the function has written into an array it was given."""
    if not callable(function):
        return call(function), False
    copies = [np.copy(value) if isinstance(value, np.ndarray) else value for value in arguments]
    result = call(lambda: function(*copies))
    pairs = zip(arguments, copies, strict=True)
    changed = (isinstance(a, np.ndarray) and not np.array_equal(a, b) for a, b in pairs)
    return result, any(changed)


def _floats(result: Any) -> np.ndarray:
    """The result as an array of numbers of any shape, or a `Wrong` that says what came instead."""
    try:
        return np.asarray(result, dtype=np.float64)
    except (TypeError, ValueError):
        raise Wrong(f"expected an array of activations, got {shown(result)}.") from None
