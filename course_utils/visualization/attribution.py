"""Which pixels a decision rests on: cover them, follow the gradient, and then test the answer.

Everything here takes a `function` of a batch of images that returns one number for each, so that
any decision can be asked about. For two faces it is the distance of their embeddings:

    other = encoder(photo_b[None])
    def distance(images):
        return keras.ops.norm(encoder(images) - other, axis=1)
    occlusion = occlusion_map(distance, photo_a)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from course_utils.shapes import positive_integer
from course_utils.tensors import Tensor

WINDOWS_PER_SIDE = 8  # along the shorter side, if no window is asked for
DELETED_FRACTIONS = tuple(tenths / 10 for tenths in range(11))

Color: TypeAlias = float | Sequence[float]


@dataclass(frozen=True, eq=False)
class OcclusionMap:
    """How a value changes when a window of the image is covered.

    Attributes:
        change: Value with the window covered − value of the whole image, float64, shape
            (rows, columns): one for each position of the window. If the value is a distance, what
            was covered made the two alike where the change is positive.
        tops: First row of pixels of the windows, int64, shape (rows,), ascending.
        lefts: First column of pixels of the windows, int64, shape (columns,), ascending.
        window: Height and width of the window in pixels.
        baseline: Value of the whole image.
    """

    change: np.ndarray
    tops: np.ndarray
    lefts: np.ndarray
    window: tuple[int, int]
    baseline: float

    def per_pixel(self) -> np.ndarray:
        """For each pixel the mean change over all windows that cover it, to lay over the image.

        Returns:
            Float64 array, shape (height, width) of the image.
        """
        covers_row = _covers(self.tops, self.window[0])
        covers_column = _covers(self.lefts, self.window[1])
        total = covers_row.T @ self.change @ covers_column
        return total / np.outer(covers_row.sum(axis=0), covers_column.sum(axis=0))


def occlusion_map(
    function: Callable[..., Tensor],
    image: np.ndarray,
    *,
    window: int | tuple[int, int] | None = None,
    stride: int | tuple[int, int] | None = None,
    fill: Color | None = None,
    batch_size: int = 32,
    progress: bool = False,
) -> OcclusionMap:
    """Covers one window of the image after the other, and measures what that does.

    change = function(image with the window filled) − function(image), at each position. The first
    window lies at the top left, the next a stride further; the last always reaches the border,
    a shorter step away where the stride does not divide. No gradient is needed, so that the
    function may be anything. A filled window is itself something to see (an edge, a patch of
    colour that no training photo had): try another `fill` before you believe a map.

    Args:
        function: Float32 array (batch, height, width, channels), with values as those of `image`,
            → one number for each image, an array or a tensor of shape (batch,).
        image: Shape (height, width, channels), uint8 or float; any range.
        window: Height and width in pixels, or one number for both; by default an eighth of the
            image's shorter side, rounded.
        stride: Step in pixels, down and to the right, or one number for both; at most the window,
            so that every pixel is covered. By default half the window, at least 1.
        fill: What the window is filled with, a number or one for each channel; by default the
            mean colour of the image.
        batch_size: How many copies of the image are in memory, and given to `function`, at once.
        progress: Whether to show a progress bar.

    Returns:
        `OcclusionMap`.

    Raises:
        ValueError: If `function` does not return one finite number for each image, the window
            does not fit into the image, or another argument is out of range.
        TypeError: If `function` cannot be called, `image` holds no real numbers, or a size is
            no integer.

    Example:
        >>> image = np.zeros((4, 6, 1), np.uint8)
        >>> image[0:2, 2:4] = 5  # a spot of four pixels
        >>> occlusion = occlusion_map(lambda images: images.sum(axis=(1, 2, 3)), image,
        ...                           window=2, stride=2, fill=0)
        >>> occlusion.change.tolist(), occlusion.baseline
        ([[0.0, -20.0, 0.0], [0.0, 0.0, 0.0]], 20.0)

    Reference: Zeiler, Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014,
        section 4.2. They show the value, here it is the change.
    Lecture: section 7, notebook 07.
    """
    image = _checked_image(function, image)
    color = _checked_fill(fill, image)
    batch_size = positive_integer("batch_size", batch_size)
    if window is None:
        window = max(1, round(min(image.shape[:2]) / WINDOWS_PER_SIDE))
    height, width = window = _pair("window", window)
    if height > image.shape[0] or width > image.shape[1]:
        raise ValueError(
            f"`window` must fit into the image, {image.shape[:2]}. Received: window={window}."
        )
    if stride is None:
        stride = max(1, height // 2), max(1, width // 2)
    down, right = _pair("stride", stride)
    if down > height or right > width:
        raise ValueError(
            f"`stride` must not exceed the window, {window}: pixels between two windows would "
            f"never be covered. Received: stride={(down, right)}."
        )
    tops = _starts(image.shape[0], height, down)
    lefts = _starts(image.shape[1], width, right)

    def cover(copy: np.ndarray, number: int) -> None:
        if number > 0:  # the first copy stays whole
            row, column = divmod(number - 1, len(lefts))
            top, left = tops[row], lefts[column]
            copy[top : top + height, left : left + width] = color

    num_copies = 1 + len(tops) * len(lefts)
    baseline, *values = _values_of_copies(function, image, cover, num_copies, batch_size, progress)
    change = np.reshape(values, (len(tops), len(lefts))) - baseline
    return OcclusionMap(change, tops, lefts, window, float(baseline))


def saliency_map(
    function: Callable[..., Tensor],
    image: np.ndarray,
    *,
    samples: int = 16,
    noise: float = 0.1,
    seed: int | np.random.Generator = 0,
    batch_size: int = 32,
) -> np.ndarray:
    """How strongly the value reacts to a small change of each pixel: the size of the gradient.

    s[i, j] = mean_k max_c |∂function/∂x[i, j, c]| at x = image + n_k, where n_k is normal noise
    (SmoothGrad): the gradient of a deep network jumps from pixel to pixel, its mean around the
    image less so. `samples=1, noise=0` gives the plain gradient. It says where the value would
    change, not which pixels made it what it is; and much of a map may be edges of the image. Draw
    the network's weights anew: a map that stays the same does not speak of what was learned.

    Args:
        function: Differentiable: float32 tensor (batch, height, width, channels), with values as
            those of `image`, → tensor of shape (batch,), the number of each image from that
            image alone. TensorFlow or `keras.ops`; `model(images)`, not `model.predict(images)`.
        image: Shape (height, width, channels), uint8 or float; any range.
        samples: Number of noisy copies.
        noise: Standard deviation of the noise, as a share of the image's range of values
            (largest − smallest). The noisy values are not clipped to that range.
        seed: Seed of the noise, or a generator.
        batch_size: How many of the copies are worked on at once.

    Returns:
        Float32 array, shape (height, width), values ≥ 0, in the unit of the value per unit of
        the image.

    Raises:
        ValueError: If the value of `function` does not depend on the image in a way TensorFlow
            can follow, is not one finite number for each image, or has a gradient that is not
            finite; or if another argument is out of range.
        TypeError: If `function` cannot be called, `image` holds no real numbers, or `samples` or
            `batch_size` is no integer.

    Example:
        >>> image = np.array([[[1.0], [-3.0]]])
        >>> saliency_map(lambda images: keras.ops.sum(images**2, axis=(1, 2, 3)), image,
        ...              samples=1, noise=0)
        array([[2., 6.]], dtype=float32)

    Reference: Simonyan, Vedaldi, Zisserman, "Deep Inside Convolutional Networks", ICLR workshop
        2014, section 3.1; Smilkov et al., "SmoothGrad: removing noise by adding noise", 2017.
        They average gradients; here the absolute values are averaged, so that opposite signs do
        not cancel. Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018.
    Lecture: section 7, notebook 07.
    """
    image = _checked_image(function, image)
    samples = positive_integer("samples", samples)
    batch_size = positive_integer("batch_size", batch_size)
    if not (np.isfinite(noise) and noise >= 0):
        raise ValueError(f"`noise` must be finite and at least 0. Received: noise={noise}.")
    rng = np.random.default_rng(seed)
    deviation = noise * (float(image.max()) - float(image.min()))
    total = np.zeros(image.shape[:2])
    for start in range(0, samples, batch_size):
        size = min(batch_size, samples - start)
        copies = image + rng.normal(scale=deviation, size=(size, *image.shape))
        gradients = _gradients(function, copies.astype(np.float32))
        total += np.abs(gradients).max(axis=3).sum(axis=0, dtype=np.float64)
    return (total / samples).astype(np.float32)


def deletion_curve(
    function: Callable[..., Tensor],
    image: np.ndarray,
    importance: np.ndarray,
    *,
    fractions: Sequence[float] = DELETED_FRACTIONS,
    fill: Color | None = None,
    batch_size: int = 32,
) -> np.ndarray:
    """The sceptic's test of a map: covers the pixels it calls important, the first ones first.

    If the map is right, the value changes sooner than with pixels in random order; compare with
    `importance=rng.random((height, width))`, several times. Large must mean important: for a
    distance `occlusion.per_pixel()`, for a similarity or a probability its negative.

    Args:
        function: Float32 array (batch, height, width, channels), with values as those of `image`,
            → one number for each image, an array or a tensor of shape (batch,).
        image: Shape (height, width, channels), uint8 or float; any range.
        importance: Real numbers, shape (height, width), the largest first. Of equal ones the
            upper comes first, in a row the left one.
        fractions: Shares of all pixels that are covered, each in [0, 1], in any order; the number
            of pixels is rounded. By default 0, 0.1 … 1.
        fill: What pixels are covered with, a number or one for each channel; by default the mean
            colour of the image.
        batch_size: How many copies of the image are in memory, and given to `function`, at once.

    Returns:
        Float64 array, shape (len(fractions),): the value at each fraction. At 0 it is that of the
        whole image, at 1 that of one plain colour.

    Raises:
        ValueError: If `function` does not return one finite number for each image, `importance`
            is of another size or not finite, or another argument is out of range.
        TypeError: If `function` cannot be called, `image` or `importance` holds no real numbers,
            or `batch_size` is no integer.

    Example:
        >>> image = np.array([[[1.0], [4.0]], [[2.0], [3.0]]])
        >>> deletion_curve(lambda images: images.sum(axis=(1, 2, 3)), image, image[:, :, 0],
        ...                fractions=(0, 0.25, 0.5, 1), fill=0).tolist()
        [10.0, 6.0, 3.0, 0.0]

    Reference: Petsiuk, Das, Saenko, "RISE: Randomized Input Sampling for Explanation of Black-box
        Models", BMVC 2018, section 4.3; Samek et al., "Evaluating the Visualization of What a
        Deep Neural Network Has Learned", IEEE TNNLS 28, 2017. RISE covers with grey, Samek with
        noise.
    Lecture: section 7, notebook 07.
    """
    image = _checked_image(function, image)
    color = _checked_fill(fill, image)
    batch_size = positive_integer("batch_size", batch_size)
    importance = _real_array("importance", importance)
    if importance.shape != image.shape[:2] or not np.isfinite(importance).all():
        raise ValueError(
            f"`importance` must hold a finite number for each pixel, shape {image.shape[:2]}. "
            f"Received: shape {importance.shape}, "
            f"{np.count_nonzero(~np.isfinite(importance))} of them not finite."
        )
    shares = np.asarray(fractions, dtype=np.float64)
    if shares.ndim != 1 or shares.size == 0 or not ((shares >= 0) & (shares <= 1)).all():
        raise ValueError(
            "`fractions` must be a sequence of numbers in [0, 1], not empty. "
            f"Received: fractions={fractions}."
        )
    order = np.argsort(-importance, axis=None, kind="stable")
    rows, columns = np.unravel_index(order, importance.shape)
    counts = np.rint(shares * order.size).astype(int)

    def cover(copy: np.ndarray, number: int) -> None:
        first = slice(counts[number])
        copy[rows[first], columns[first]] = color

    return _values_of_copies(function, image, cover, len(counts), batch_size)


def _starts(size: int, window: int, stride: int) -> np.ndarray:
    """Where windows begin along one axis; the last one ends at the border."""
    return np.append(np.arange(0, size - window, stride), size - window)


def _covers(starts: np.ndarray, window: int) -> np.ndarray:
    """Whether a window covers a pixel along one axis, float64 0 or 1, shape (windows, pixels)."""
    distance = np.arange(starts[-1] + window) - starts[:, None]
    return ((distance >= 0) & (distance < window)).astype(np.float64)


def _values_of_copies(
    function: Callable[..., Tensor],
    image: np.ndarray,
    cover: Callable[[np.ndarray, int], None],
    num_copies: int,
    batch_size: int,
    progress: bool = False,
) -> np.ndarray:
    """The values of copies of the image, of which `cover(copy, number)` changes each in place."""
    values = np.empty(num_copies)
    bar = keras.utils.Progbar(num_copies, verbose=int(progress), unit_name="image")
    for start in range(0, num_copies, batch_size):
        stop = min(start + batch_size, num_copies)
        copies = np.repeat(image[None], stop - start, axis=0)
        for number, copy in enumerate(copies, start):
            cover(copy, number)
        values[start:stop] = _checked_values(function(copies), stop - start)
        bar.update(stop)
    return values


def _gradients(function: Callable[..., Tensor], images: np.ndarray) -> np.ndarray:
    """The gradient of each image's value with respect to that image, in the shape of `images`."""
    images = tf.convert_to_tensor(images)
    with tf.GradientTape() as tape:
        tape.watch(images)
        values = function(images)
        followed = values if tf.is_tensor(values) else tf.convert_to_tensor(0.0)
    _checked_values(values, len(images))
    gradients = tape.gradient(followed, images)  # of the sum; other images do not matter
    if gradients is None:
        raise ValueError(
            "`function` must depend on the image by operations of TensorFlow or `keras.ops`. "
            "Received: values without a gradient. NumPy, `model.predict` and rounding have none."
        )
    gradients = tf.convert_to_tensor(gradients).numpy()
    if not np.isfinite(gradients).all():
        raise ValueError(
            "The gradient of `function` must be finite. Received: infinite or NaN values. "
            "A square root at 0? See `course_utils.tensors.safe_sqrt`."
        )
    return gradients


def _checked_values(returned: Tensor, num_images: int) -> np.ndarray:
    """What `function` returned as float64, shape (num_images,)."""
    expected = f"`function` must return one finite number for each image, shape ({num_images},)."
    try:
        values = _real_array("values", returned.numpy() if tf.is_tensor(returned) else returned)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{expected} Received: {type(returned).__name__}, no numbers.") from error
    if values.shape != (num_images,):
        hint = " Leave the last axis away: values[:, 0]." if values.shape[1:] == (1,) else ""
        raise ValueError(f"{expected} Received: shape {values.shape}.{hint}")
    if not np.isfinite(values).all():
        worst = values[~np.isfinite(values)][0]
        raise ValueError(f"{expected} Received: {worst}.")
    return values


def _checked_image(function: Callable[..., Tensor], image: np.ndarray) -> np.ndarray:
    """The image as a float32 array, after both arguments were checked."""
    if not callable(function):
        raise TypeError(
            "`function` must be a function of a batch of images. "
            f"Received: {type(function).__name__}."
        )
    image = _real_array("image", image)
    if image.ndim != 3 or 0 in image.shape:
        hint = " For a grey image: image[..., None]." if image.ndim == 2 else ""
        raise ValueError(
            "`image` must have shape (height, width, channels), no batch axis, none of them 0. "
            f"Received: shape {image.shape}.{hint}"
        )
    with np.errstate(over="ignore"):
        image = image.astype(np.float32)
    if not np.isfinite(image).all():
        raise ValueError("`image` must be finite in float32. Received: infinite or NaN values.")
    return image


def _checked_fill(fill: Color | None, image: np.ndarray) -> np.ndarray:
    """The colour to cover with, float32, shape (channels,)."""
    channels = image.shape[2]
    if fill is None:
        return image.mean(axis=(0, 1), dtype=np.float64).astype(np.float32)
    with np.errstate(over="ignore"):
        color = _real_array("fill", fill).astype(np.float32)
    if color.shape not in ((), (channels,)) or not np.isfinite(color).all():
        raise ValueError(
            f"`fill` must be a finite number, or {channels}, one for each channel. "
            f"Received: fill={fill}."
        )
    return np.broadcast_to(color, (channels,))


def _real_array(name: str, values: ArrayLike) -> np.ndarray:
    """The values as float64."""
    array = np.asarray(values)
    if array.dtype.kind not in "biuf" and array.dtype.name != "bfloat16":
        raise TypeError(f"`{name}` must hold real numbers. Received: {array.dtype}.")
    return array.astype(np.float64)


def _pair(name: str, value: int | tuple[int, int]) -> tuple[int, int]:
    """Height and width as positive ints."""
    values = tuple(value) if isinstance(value, list | tuple | np.ndarray) else (value, value)
    if len(values) != 2:
        raise ValueError(
            f"`{name}` must be one integer, or (height, width). Received: {name}={value}."
        )
    return positive_integer(name, values[0]), positive_integer(name, values[1])
