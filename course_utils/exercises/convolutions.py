"""Exercises of notebook 09: convolutions of signals and volumes, their shapes and parameters."""

from collections.abc import Callable
from typing import Any

import numpy as np

from course_utils.exercises.checking import Wrong, call, check, close, listed, numbers, shown


@check("a filter fits ⌊(n − k)/s⌋ + 1 times along each axis, and makes one channel.")
def check_conv3d_shape(function: Callable[..., Any]) -> None:
    """A function (input_shape, kernel_size, num_filters, stride) → shape after a 3D convolution.

    `input_shape` is three spatial sizes and the channels; a filter is a cube, nothing is padded.

    Lecture: section 9, notebook 09.
    """
    found = _sizes(call(function, (32, 32, 32, 16), 3, 32, 1))
    if found == (30, 30, 30):
        raise Wrong("the last axis is missing: each of the 32 filters makes a channel.")
    if found == (30, 30, 30, 16):
        raise Wrong("16 channels go in, but 32 come out: as many as there are filters.")
    if found[:3] == (30, 30, 30) and found[3:] in ((14,), (14, 32)):
        raise Wrong("a filter does not slide along the channels: it has all 16 and sums over them.")
    if sorted(found) == [16, 30, 30, 30, 32]:
        raise Wrong("the 16 channels are no axis of the output: each filter sums over them.")
    if found == (30, 30, 30, 16 * 32):
        raise Wrong("32 channels, not 16 · 32: each filter sums over the channels that go in.")
    if found == (32, 30, 30, 30):
        raise Wrong("channels last, as in the input: three spatial sizes, then 32.")
    if found in ((30, 30, 32), (30, 30, 32, 32)):
        raise Wrong("a filter slides along all three axes of a volume, not two; each has a size.")
    if len(found) != 4:
        raise Wrong(f"four numbers, three sizes and the channels, were expected; got {len(found)}.")
    if found[:3] == (29, 29, 29):
        raise Wrong("the + 1 is missing: from the first position, 32 − 3 = 29 steps lead to 30.")
    if found[:3] == (32, 32, 32):
        raise Wrong("that is padding 'same'; with none, a filter stays inside the volume.")
    if found != (30, 30, 30, 32):
        raise Wrong(f"32³ × 16, 32 filters of 3³: expected 30, 30, 30, 32, got {listed(found)}.")
    found = _sizes(call(function, (64, 64, 64, 3), 4, 8, 2))
    if found[:3] == (61, 61, 61):
        raise Wrong("the stride is missing: with stride 2, every second position is taken.")
    if found[:3] == (30, 30, 30):
        raise Wrong("divide first, then add 1: the first position is there whatever the stride.")
    if found[:3] == (29, 29, 29):
        raise Wrong("subtract before you divide: the stride divides the way that is left, 64 − 4.")
    if found != (31, 31, 31, 8):
        raise Wrong(
            "right for stride 1, but for 64³ × 3, 8 filters of 4³ and stride 2 expected "
            f"31, 31, 31, 8, got {listed(found)}."
        )
    found = _sizes(call(function, (20, 33, 13, 2), 8, 7, 3))  # 12/3 = 4, 25/3 = 8.3, 5/3 = 1.7
    if any(size != round(size) for size in found):
        raise Wrong(f"sizes are whole numbers, not {listed(found)}: round down.")
    if found[:3] in ((5, 10, 3), (5, 9, 3)):
        raise Wrong("round down, always: a last step that would lead outside is not taken.")
    if found[:3] in ((5, 5, 5), (9, 9, 9), (2, 2, 2)):
        raise Wrong("a volume need not be a cube: each axis has its own size.")
    if found != (5, 9, 2, 7):
        raise Wrong(
            "right for cubes, but for 20 × 33 × 13 × 2, 7 filters of 8³ and stride 3 expected "
            f"5, 9, 2, 7, got {listed(found)}."
        )


@check("∏ kernel · channels weights and one bias, for each filter; the input's size is not in it.")
def check_conv_parameters(function: Callable[..., Any]) -> None:
    """A function (kernel_sizes, num_channels, num_filters) → numbers that a convolution learns.

    `kernel_sizes` is a tuple of one, two or three sizes: a signal, an image, a volume.

    Lecture: section 9, notebook 09.
    """
    found = numbers(call(function, (2, 3), 5, 7), 1)[0]  # (2·3·5 + 1)·7 = 217
    if close(found, 210):
        raise Wrong("the biases are missing: each filter has one.")
    if close(found, 211):
        raise Wrong("one bias for the layer is too few: each of the 7 filters has its own.")
    if close(found, 215):
        raise Wrong("the biases belong to what comes out: one a filter, 7, not one a channel, 5.")
    if close(found, 245):
        raise Wrong("a filter sums over its 5 channels, then adds one bias, not one for each.")
    if any(close(found, forgotten) for forgotten in (49, 42, 43)):
        raise Wrong("the channels are missing: a filter has 2 × 3 weights for each of the 5.")
    if close(found, 31) or close(found, 30):
        raise Wrong("that is one filter; there are 7 of them.")
    if close(found, 7) or close(found, 14):
        raise Wrong("a filter is more than one number: 2 × 3 weights for each channel, and a bias.")
    if close(found, 182) or close(found, 175):
        raise Wrong("a kernel of 2 by 3 has 2 · 3 weights a channel, not 2 + 3: multiply.")
    if any(close(found, square) for square in (77, 147, 112, 322)):
        raise Wrong("use both sizes of the kernel: it is 2 by 3, no square and no line.")
    if not close(found, 217):
        raise Wrong(f"7 filters of 2 × 3 × 5: expected (2·3·5 + 1)·7 = 217, got {found:g}.")
    found = numbers(call(function, (5, 5, 5), 1, 16), 1)[0]
    if close(found, 416):
        raise Wrong("that leaves out the third size: in a volume a kernel has 5 · 5 · 5 weights.")
    if not close(found, 2016):
        raise Wrong(f"right for an image, but for (5, 5, 5), 1, 16 expected 2016, got {found:g}.")
    found = numbers(call(function, (5,), 16, 32), 1)[0]
    if not close(found, 2592):
        raise Wrong(f"right so far, but for a signal, (5,), 16, 32, expected 2592, got {found:g}.")


@check("a filter slides along the steps, has all channels, and is not flipped.")
def check_convolve_1d(function: Callable[..., Any]) -> None:
    """A function (signal, filters) → what a Conv1D without bias and padding makes of them.

    `signal` has shape (steps, channels), `filters` (width, channels, num_filters), and the result
    (steps − width + 1, num_filters).

    Lecture: section 9, notebook 09.
    """
    signal = np.array([[1, 4], [-3, 2], [0, 5], [6, -1], [2, 3], [-5, 7], [4, -2]], dtype=float)
    filters = np.random.default_rng(9).integers(-4, 5, size=(3, 2, 4)).astype(float)
    expected = _convolved(signal, filters)
    result = call(function, signal, filters)
    shape = tuple(np.shape(result))
    if sorted(shape) == [2, 4, 5]:
        raise Wrong("an axis too many: a filter sums over the channels of the signal as well.")
    if shape == (4, 5):
        raise Wrong("steps first, then filters: the shape is (5, 4), that is its transpose.")
    if shape == (5,):
        raise Wrong("a column for each filter: the shape is (steps − width + 1, num_filters).")
    if shape in ((7, 4), (9, 4)):
        raise Wrong("no padding here: a filter of 3 fits into 7 steps 5 times, not more.")
    if shape == (4, 4):
        raise Wrong("one position too few: there are steps − width + 1 = 7 − 3 + 1 = 5.")
    if shape != (5, 4):
        raise Wrong(f"expected shape (5, 4), (steps − width + 1, num_filters), got {shape}.")
    found = numbers(result, 20).reshape(5, 4)
    if np.allclose(found, _convolved(signal, filters[::-1])):
        raise Wrong("the filters are flipped, as in np.convolve; a Conv1D takes them as they are.")
    if np.allclose(found, _convolved(signal, filters[::-1, ::-1])):
        raise Wrong("the filters are flipped, along steps and channels; take them as they are.")
    if any(np.allclose(found, expected / count) for count in (2, 3, 6)):
        raise Wrong("a filter sums its products; do not take their mean.")
    if any(np.allclose(found, _convolved(signal[:, [c]], filters[:, [c]])) for c in (0, 1)):
        raise Wrong("that uses one channel only: sum over both.")
    if np.allclose(found, np.maximum(expected, 0)):
        raise Wrong("no activation here: what is below 0 stays.")
    if not np.allclose(found, expected):
        raise Wrong(f"the first step: expected {listed(expected[0])}, got {listed(found[0])}.")
    for steps, filter_shape in ((6, (2, 3, 1)), (4, (4, 1, 2)), (5, (1, 2, 3))):
        width, channels, num_filters = filter_shape
        signal = np.arange(float(steps * channels)).reshape(steps, channels) - 3
        filters = np.arange(float(np.prod(filter_shape))).reshape(filter_shape) ** 2 % 7 - 2
        result = call(function, signal, filters)
        goal = (steps - width + 1, num_filters)
        asked = f"a signal of shape {signal.shape} and filters of {filter_shape}"
        if tuple(np.shape(result)) != goal:
            raise Wrong(
                f"right once, but for {asked} expected shape {goal}, got {np.shape(result)}."
            )
        found = numbers(result, goal[0] * goal[1]).reshape(goal)
        expected = _convolved(signal, filters)
        if not np.allclose(found, expected):
            raise Wrong(
                f"right once, but for {asked} expected {expected.tolist()}, got {found.tolist()}."
            )


@check("width − 1 zeros in front, and no output knows what comes after it.")
def check_causal(function: Callable[..., Any]) -> None:
    """A function (signal, kernel) → an output for each step, from that step and those before.

    Both have one axis; before the signal begins there are zeros, and the kernel is not flipped.

    Lecture: section 9, notebook 09.
    """
    signal = np.array([3.0, -1.0, 4.0, 1.0, -5.0, 9.0, 2.0, -6.0])
    kernel = np.array([2.0, -3.0, 1.0, 4.0])
    expected = _slid(signal, kernel, zeros_in_front=3)
    result = call(function, signal, kernel)
    if np.size(result) == 5:
        raise Wrong("an output for each step, 8: put width − 1 zeros in front of the signal.")
    if np.size(result) == 11:
        raise Wrong("8 outputs, not 11: width − 1 zeros in front of the signal, none behind it.")
    if np.size(result) in (7, 9):
        raise Wrong(f"width − 1 zeros in front give 8 outputs, not {np.size(result)}.")
    found = numbers(result, 8)
    flipped = kernel[::-1]
    if any(np.allclose(found, _slid(signal, each, 0)) for each in (kernel, flipped)):
        raise Wrong("the zeros are at the end, so an output sees 3 steps ahead: put them in front.")
    if any(np.allclose(found, _slid(signal, k, n)) for k in (kernel, flipped) for n in (1, 2)):
        raise Wrong("that is padding 'same', zeros at both ends: an output sees what comes later.")
    if np.allclose(found, _slid(signal, flipped, 3)):
        raise Wrong("the kernel is flipped, as in np.convolve: its *last* number meets step t.")
    if np.allclose(found, np.append(0, expected[:-1])):
        raise Wrong("output t may use step t itself: width − 1 zeros in front, not width.")
    if np.allclose(found, np.append(np.zeros(3), expected[3:])):
        raise Wrong("the first outputs are no zeros: the *signal* is padded, and then multiplied.")
    if np.allclose(found, _slid(np.append(signal[-3:], signal), kernel, 3)[3:]):
        raise Wrong("the signal's end is no part of its past: pad with zeros, not in a circle.")
    if np.allclose(found, _slid(np.append([signal[0]] * 3, signal), kernel, 3)[3:]):
        raise Wrong("before the signal begins there are zeros; do not repeat its first value.")
    changed = numbers(call(function, np.append(signal[:-1], 10), kernel), 8)
    early = np.flatnonzero(~np.isclose(changed[:-1], found[:-1]))
    if early.size:
        raise Wrong(f"output {early[0]} changes when step 7 does: it sees what comes after it.")
    if not np.allclose(found, expected):
        raise Wrong(f"expected {listed(expected)}, got {listed(found)}.")
    cases = {
        "an odd width": ([2.0, 7.0, -1.0, 3.0, 5.0], [1.0, -2.0, 4.0]),
        "a kernel of one number": ([2.0, -3.0, 4.0], [5.0]),
        "a kernel longer than the signal": ([1.0, 2.0, -3.0], [3.0, 1.0, 4.0, -1.0, 5.0]),
    }
    for case, (steps, factors) in cases.items():
        signal, kernel = np.array(steps), np.array(factors)
        result = call(function, signal, kernel)
        expected = _slid(signal, kernel, len(kernel) - 1)
        if np.size(result) != expected.size:
            raise Wrong(
                f"right once, but for {case} expected {expected.size} outputs, as many as there "
                f"are steps; got {np.size(result)}."
            )
        found = numbers(result, expected.size)
        if not np.allclose(found, expected):
            raise Wrong(
                f"right once, but for {case} expected {listed(expected)}, got {listed(found)}."
            )


def _sizes(result: Any) -> tuple[float, ...]:
    """The result as a tuple of numbers, or a `Wrong` that says what came instead."""
    if np.ndim(result) != 1 or np.size(result) == 0:
        raise Wrong(f"expected the output's shape, a tuple, got {shown(result)}.")
    if result[0] is None:
        raise Wrong("leave out the batch axis: three sizes, then the channels.")
    return tuple(numbers(result, len(result)).tolist())


def _convolved(signal: np.ndarray, filters: np.ndarray) -> np.ndarray:
    windows = np.lib.stride_tricks.sliding_window_view(signal, len(filters), axis=0)
    return np.einsum("tcw,wcf->tf", windows, filters)


def _slid(signal: np.ndarray, kernel: np.ndarray, zeros_in_front: int) -> np.ndarray:
    """An output for each step: the kernel, not flipped, on width − 1 zeros more than there are."""
    padded = np.pad(signal, (zeros_in_front, len(kernel) - 1 - zeros_in_front))
    return np.correlate(padded, kernel, mode="valid")
