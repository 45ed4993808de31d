"""Exercises of notebook 06: what a style transfer changes, step by step, and what one may add."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from course_utils.exercises.checking import Wrong, call, check, close, numbers

RGB_TO_Y = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601, as in JPEG
HALF_A_GREY_LEVEL = 0.5


@check("three numbers a pixel, those of G; the network, C and S stay as they are.")
def check_num_optimized(function: Callable[..., Any]) -> None:
    """A function (height, width, num_network_weights) → numbers that one style transfer changes.

    Lecture: section 6, notebook 06.
    """
    height, width, weights = 300, 400, 14_714_688
    expected = 360_000
    found = numbers(call(function, height, width, weights), 1)[0]
    if close(found, weights):
        raise Wrong("that is what training would change; here the network is frozen, and G moves.")
    if close(found, weights + expected) or close(found, weights + expected / 3):
        raise Wrong("the network is frozen: its weights are used, but do not change. Leave them.")
    if close(found, expected / 3):
        raise Wrong("each pixel has three numbers: red, green and blue.")
    if close(found, 2 * expected) or close(found, 3 * expected):
        raise Wrong("only G changes; the content and the style image stay as they are.")
    if close(found, 0):
        raise Wrong("something has to change, or nothing gets better: the pixels of G.")
    if not close(found, expected):
        raise Wrong(f"300 × 400 pixels: expected 300 · 400 · 3 = 360000, got {found:g}.")
    found = numbers(call(function, 64, 48, 10), 1)[0]
    if not close(found, 9216):
        raise Wrong(f"right once, but for 64 × 48 pixels expected 9216, got {found:g}.")


@check("the loop of the lecture: G := G − learning rate · ∂J/∂G, and never outside 0–255.")
def check_descend(function: Callable[..., Any]) -> None:
    """A function (gradient, start, learning_rate, steps) → the image after that many steps.

    `gradient` is a function of one image that returns an array of the image's shape.

    Lecture: section 6, notebook 06.
    """
    goal = np.array([[[40.0, 90.0, 160.0], [200.0, 120.0, 70.0]]])
    start = np.array([[[90.0, 50.0, 220.0], [180.0, 30.0, 130.0]]])
    away = start - goal  # a step multiplies it by 1 − learning rate
    gradient = _gradient(lambda image: image - goal, start.shape)
    found = _image(call(function, gradient, start, 0.25, 3), start)
    expected = goal + 0.75**3 * away
    if found.max() <= 1:
        raise Wrong("pixels run from 0 to 255 here, not from 0 to 1.")
    if np.allclose(np.clip(found, 0, 255), np.clip(goal + 1.25**3 * away, 0, 255)):
        raise Wrong("that climbs: the gradient points to where J grows, so subtract it.")
    if np.allclose(found, start):
        raise Wrong("nothing moved: return the image after the last step, not the start.")
    if np.allclose(found, goal + 0.75 * away):
        raise Wrong("that is one step; take `steps` of them (is the `return` inside the loop?).")
    if any(np.allclose(found, goal + 0.75**steps * away) for steps in (2, 4)):
        raise Wrong("one step too few or too many: range(steps) has exactly `steps` of them.")
    if np.allclose(found, goal):
        raise Wrong("multiply the gradient by the learning rate.")
    if np.allclose(found, goal + 0.25 * away):
        raise Wrong("ask for the gradient in each step anew: it changes as the image does.")
    if np.allclose(found, goal + 0.796875 * away):
        raise Wrong("each step begins where the one before ended, not at the start.")
    is_whole = np.array_equal(found, np.round(found))
    if is_whole and np.abs(found - expected).max() < 6 * HALF_A_GREY_LEVEL:
        raise Wrong("do not round on the way: steps below half a grey level would be lost.")
    if not np.allclose(found, expected):
        raise Wrong(f"expected {_pixels(expected)}, got {_pixels(found)}.")
    dark = np.array([[[250.0, 240.0, 120.0], [60.0, 30.0, 20.0]]])
    for start, mean in ((dark, 240.0), (255 - dark, 15.0)):  # all pixels brighter; all darker
        gradient = _gradient(_towards_mean(mean), start.shape)
        found = _image(call(function, gradient, start, 0.5, 4), start)
        expected = free = start
        for _ in range(4):
            expected = np.clip(expected - 0.5 * gradient(expected), 0, 255)
            free = free - 0.5 * gradient(free)
        if found.min() < 0 or found.max() > 255:
            outermost = found.flat[np.argmax(np.abs(found - 127.5))]
            raise Wrong(f"a pixel has become {outermost:.1f}: clip to 0–255 after each step.")
        if np.allclose(found, np.clip(free, 0, 255)):
            raise Wrong(
                "that clips at the end only. Until then the gradient is that of an image which "
                "cannot be shown, and it moves the other pixels too: clip after each step."
            )
        if not np.allclose(found, expected):
            raise Wrong(f"right once, but then expected {_pixels(expected)}, got {_pixels(found)}.")
    found = _image(call(function, gradient, start, 0.5, 0, none_is_stub=False), start)
    if not np.allclose(found, start):
        raise Wrong("no step, no change: for steps = 0 return the image as it came.")
    kept = start.copy()
    call(lambda: function(gradient, start, 0.5, 2))
    if not np.array_equal(start, kept):
        raise Wrong(
            "the values are right, but `start` was changed on the way: begin with start.copy(), "
            "or write image = image - …, not image -= …"
        )


@check("the painter's light and dark, the photograph's colours.")
def check_keep_colors(function: Callable[..., Any]) -> None:
    """A function (content, generated) → brightness of the second, colours of the first.

    Both are float images in RGB, shape (height, width, 3), values 0–255.

    Lecture: section 6, notebook 06.
    """
    content = np.random.default_rng(6).integers(90, 166, size=(2, 4, 3)).astype(np.float64)
    generated = np.random.default_rng(60).integers(90, 166, size=(2, 4, 3)).astype(np.float64)
    expected, swapped = _recolored(content, generated), _recolored(generated, content)
    found = _image(call(function, content, generated), content)
    if found.max() <= 1:
        raise Wrong("stay with values from 0 to 255; these are from 0 to 1.")
    if _near(found, swapped):
        raise Wrong("the roles are swapped: brightness from `generated`, colours from `content`.")
    if _near(found, 2 * content - expected):
        raise Wrong("the other way round: add the new brightness and take off the old, Y_G − Y_C.")
    if _near(found, generated):
        raise Wrong("those are the style's colours: nothing of `content` came in.")
    if _near(found, content):
        raise Wrong("that is the photograph as it was: its brightness must become that of G.")
    if _near(found, _recolored(content, generated, np.full(3, 1 / 3))):
        raise Wrong("Y is no plain mean: to the eye green is brightest, Y = 0.299 R + 0.587 G + …")
    if _near(found, _recolored(content, generated, RGB_TO_Y[::-1])):
        raise Wrong("the channels are red, green, blue in this order: 0.299 belongs to red.")
    if _near(found, content + np.mean((generated - content) @ RGB_TO_Y)):
        raise Wrong("each pixel has its own Y; do not average over the image.")
    if _near(found, (generated @ RGB_TO_Y)[..., None]):
        raise Wrong("grey: that is Y_G alone; the colours of `content` are still to come.")
    if _near(found, content + (generated @ RGB_TO_Y)[..., None]):
        raise Wrong("that brightens twice: take off the old brightness, Y_C, before adding Y_G.")
    if _near(found, content * (generated @ RGB_TO_Y / (content @ RGB_TO_Y))[..., None]):
        raise Wrong("add Y_G − Y_C to each channel; a factor would change Cb and Cr too.")
    if _near(found, expected, HALF_A_GREY_LEVEL + 1e-6) and not _near(found, expected):
        raise Wrong("right up to rounding: leave the values as they are, they are floats.")
    if not _near(found, expected):
        raise Wrong(
            f"the first pixel: expected {_pixels(expected[0, 0])}, got {_pixels(found[0, 0])}."
        )
    content = np.array([[[250.0, 120.0, 40.0], [10.0, 200.0, 90.0]]])
    generated = np.array([[[240.0, 230.0, 220.0], [30.0, 20.0, 40.0]]])
    expected = _recolored(content, generated)
    found = _image(call(function, content, generated), content)
    if found.min() < 0 or found.max() > 255:
        raise Wrong("a strong colour can leave 0–255 when its brightness changes: clip it.")
    if not _near(found, expected):
        raise Wrong(
            "right in the middle of the range, but where a channel reaches 0 or 255, expected "
            f"{_pixels(expected)}, got {_pixels(found)}."
        )


@check("one factor for both sides, never above 1.")
def check_fitted_size(function: Callable[..., Any]) -> None:
    """A function (height, width, max_side) → (height, width) that is painted.

    Lecture: section 6, notebook 06.
    """
    found = numbers(call(function, 400, 600, 256), 2)  # 170.67 × 256
    if np.array_equal(found, (256, 171)):
        raise Wrong("height first, then width.")
    if np.array_equal(found, (256, 384)):
        raise Wrong("the *longer* side must not exceed max_side; here that is the width.")
    if np.array_equal(found, (256, 256)):
        raise Wrong("that squashes the picture: one factor for both sides keeps its shape.")
    if np.array_equal(found, (400, 600)):
        raise Wrong("600 is more than 256: the picture must become smaller.")
    if np.array_equal(found, (400, 256)) or np.array_equal(found, (256, 600)):
        raise Wrong("that changes one side only: the other shrinks by the same factor.")
    if found.max() <= 1:
        raise Wrong("256 // 600 is 0: the factor is a fraction, divide with /.")
    if close(found[0], 400 * 256 / 600):
        raise Wrong("a picture has whole pixels: round both sides.")
    if close(found[0], 170):
        raise Wrong("170.67 is nearer to 171: round, do not cut off.")
    if not np.array_equal(found, (171, 256)):
        raise Wrong(f"400 × 600 within 256: expected 171, 256, got {_pixels(found)}.")
    found = numbers(call(function, 1000, 421, 300), 2)  # 300 × 126.3
    if np.array_equal(found, (713, 300)):
        raise Wrong("the longer side is not always the width: 1000 × 421 stands upright.")
    if np.array_equal(found, (300, 127)):
        raise Wrong("126.3 is nearer to 126: round, do not always go up.")
    if not np.array_equal(found, (300, 126)):
        raise Wrong(
            f"right once, but for 1000 × 421 within 300 expected 300, 126, got {_pixels(found)}."
        )
    found = numbers(call(function, 100, 80, 256), 2)
    if np.array_equal(found, (256, 205)):
        raise Wrong("a picture that fits already stays as it is: enlarging adds no detail.")
    if not np.array_equal(found, (100, 80)):
        raise Wrong(f"100 × 80 fits within 256: expected 100, 80, got {_pixels(found)}.")
    for height, width in ((1000, 1), (1, 1000)):
        found = numbers(call(function, height, width, 256), 2)
        if found.min() < 1:
            raise Wrong(f"{height} × {width}: a side of 0 leaves no picture, keep 1 at least.")
        if not np.array_equal(found, np.minimum((height, width), 256)):
            raise Wrong(
                f"{height} × {width}, a line, within 256: its short side stays 1, "
                f"got {_pixels(found)}."
            )


def _gradient(formula: Callable[..., Any], shape: tuple[int, ...]) -> Callable[..., Any]:
    """A gradient that takes one image only, and says so of anything else."""

    def gradient(image: ArrayLike) -> np.ndarray:
        image = np.asarray(image, dtype=np.float64)
        if image.shape != shape:
            raise ValueError(f"`gradient` takes one image, {shape}, not {image.shape}")
        return formula(image)

    return gradient


def _towards_mean(mean: float) -> Callable[..., Any]:
    """The gradient of a cost that looks at the image's mean only, so that each pixel moves all."""
    return lambda image: np.full_like(image, image.mean() - mean)


def _recolored(
    content: np.ndarray, generated: np.ndarray, weights: np.ndarray = RGB_TO_Y
) -> np.ndarray:
    return np.clip(content + ((generated - content) @ weights)[..., None], 0, 255)


def _near(found: np.ndarray, expected: np.ndarray, tolerance: float = 0.05) -> bool:
    """Tables of YCbCr give their coefficients to a few digits."""
    return bool(np.allclose(found, expected, rtol=0, atol=tolerance))


def _image(result: Any, like: np.ndarray) -> np.ndarray:
    """The result as an image of the given one's shape, or a `Wrong` that says what came instead."""
    if np.shape(result) != like.shape:
        raise Wrong(f"expected an image of shape {like.shape}, got shape {np.shape(result)}.")
    return numbers(result, like.size).reshape(like.shape)


def _pixels(values: np.ndarray) -> str:
    return ", ".join(f"{value:.5g}" for value in values.ravel())
