"""The image that a unit likes best, found by climbing: gradient ascent on the pixels."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Literal

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from course_utils.visualization.receptive_fields import layer_output

PIXELS_PER_BATCH = 100_000  # units whose images are optimised together, up to this many pixels
START_DEVIATION = 0.01  # of the spectrum that the ascent starts from: nearly grey
# Of Adam, for gradients whose largest number is 1: a wave with much less than a hundredth of that,
# which hardly moves the unit, hardly moves. With Keras's 1e-7 it runs as fast as all others: noise.
EPSILON = 0.01
PLANE_SCALE = 4.0  # divides the waves' sum, so that one step moves the sigmoid little (lucid's)
# How much the colours of neighbouring pixels of natural photos vary together: the square root of
# their covariance on ImageNet as measured by Olah et al. (2017) for their program lucid, rows R, G
# and B, divided by the length of its longest column.
PHOTO_COLORS = np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]])
PHOTO_COLORS = PHOTO_COLORS / np.linalg.norm(PHOTO_COLORS, axis=0).max()


@dataclass(frozen=True)
class Ascent:
    """How to climb, and what keeps the picture clear.

    Attributes:
        steps: Steps of Adam.
        learning_rate: Of Adam, on the spectrum of the image.
        jitter: At each step the network sees the image shifted by up to so many pixels at random,
            so that no pattern pays which is good at one place only.
        decay: The amplitude at which each frequency starts and moves falls as 1 / frequency to
            this power. 1 is what natural photos have; more makes the picture smoother.
        total_variation: Price of the steps between neighbouring pixels: 0.1 means that a picture
            may have one more step from darkest to brightest for each pixel, in one channel, if
            it excites the unit by another 10 %.
        seed: Seed of the start and of the shifts.
    """

    steps: int = 64
    learning_rate: float = 0.1
    jitter: int = 8
    decay: float = 1.0
    total_variation: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("steps", "jitter", "seed"):
            value = getattr(self, name)
            if not isinstance(value, Integral):
                raise TypeError(f"`{name}` must be an integer. Received: {value!r}.")
        if self.steps < 1 or not 0 < self.learning_rate < math.inf:
            raise ValueError(
                "`steps` and `learning_rate` must be positive. "
                f"Received: steps={self.steps}, learning_rate={self.learning_rate}."
            )
        for name in ("jitter", "decay", "total_variation", "seed"):
            value = getattr(self, name)
            if not 0 <= value < math.inf:
                raise ValueError(f"`{name}` must be finite and at least 0. Received: {value}.")


@dataclass(frozen=True)
class MaximizedUnits:
    """Images that excite units of one layer.

    Attributes:
        images: Float32 array, shape (num_units, height, width, channels), within `value_range`.
        activations: Float32 array, shape (num_units, steps): what was climbed, at each step.
    """

    images: np.ndarray
    activations: np.ndarray


def maximize_activation(
    model: keras.Model,
    layer: str,
    unit: int | Sequence[int],
    *,
    image_size: tuple[int, int] | None = None,
    where: Literal["everywhere", "centre"] = "everywhere",
    value_range: tuple[float, float] = (0.0, 255.0),
    ascent: Ascent | None = None,
    progress: bool = False,
) -> MaximizedUnits:
    """What a unit looks for: the image x that maximises its activation a(x), by gradient ascent.

    x ← x + η · ∂a/∂x, with Adam, would find an image of noise that happens to excite the unit. So
    x is written as the sum of its waves, x = range · σ(C · F⁻¹(s / f^decay)): s, which is
    optimised, is a spectrum, F⁻¹ the inverse Fourier transform, f the frequency, C the colours
    that photos have, and σ the sigmoid that keeps each pixel in its range. Steps in s are steps in
    all waves at once, the coarse ones first. See `Ascent` for what else keeps the picture clear.

    a(x) is taken before the layer's ReLU: above 0 it is the same, and below it still has a
    gradient. A pooling that follows a ReLU has none as long as the unit is silent: ask for the
    layer before it. Each unit starts from noise of its own, so its picture does not depend on which
    others are made in the same call.

    Args:
        model: Functional model with one input of images (batch, height, width, channels).
        layer: Name of a convolution, an activation, or another layer with channels last.
        unit: Channel, or several, which are optimised in one batch.
        image_size: Height and width of the pictures; by default the model's own, or 96 × 96 if
            it takes any.
        where: "everywhere" for the mean of the unit's map, which makes a texture of what the unit
            likes; "centre" for its middle position alone, which makes one such thing.
        value_range: Darkest and brightest value that the model takes: (0, 255) or (0, 1).
        ascent: Steps, regularisation and seed; by default `Ascent()`.
        progress: Whether to show a progress bar.

    Returns:
        `MaximizedUnits`, in the order of `unit` (one image for an int).

    Raises:
        ValueError: If the layer or the unit does not exist, the layer has no maps, the size is
            not the model's or too small for it, or the model takes no images.
        TypeError: If a unit or a side is not an integer.

    Example:
        >>> model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(1, 1, name="c")])
        >>> model.get_layer("c").set_weights([np.full((1, 1, 1, 1), -1.0), np.zeros(1)])
        >>> darkest = maximize_activation(model, "c", 0)  # a unit that likes the dark
        >>> bool(darkest.images.mean() < 50)
        True

    Reference: Erhan et al., "Visualizing higher-layer features of a deep network", 2009; the
        waves and colours are those of Olah, Mordvintsev, Schubert, "Feature visualization",
        Distill 2017. We leave out their random rotations and scalings.
    Lecture: section 7, notebook 07.
    """
    ascent = ascent or Ascent()
    if where not in ("everywhere", "centre"):
        raise ValueError(f'`where` must be "everywhere" or "centre". Received: where={where!r}.')
    if np.shape(value_range) != (2,) or not -math.inf < value_range[0] < value_range[1] < math.inf:
        raise ValueError(f"`value_range` must be (low, high). Received: {value_range}.")
    climbed = _before_activation(model, layer)
    units = np.atleast_1d(np.asarray(unit))
    if units.size > 0 and units.dtype.kind not in "iu":
        raise TypeError(f"`unit` must be an integer, or several. Received: {unit!r}.")
    num_units = climbed.output.shape[-1]
    if units.ndim != 1 or len(units) == 0 or units.min() < 0 or units.max() >= num_units:
        raise ValueError(f"`unit` must lie in 0–{num_units - 1} for {layer}. Received: {unit}.")
    size = _checked_size(model, image_size)
    too_small = f"`image_size` is too small for {layer}. Received: {size}."
    try:
        shape = climbed.compute_output_shape((1, *size, model.input_shape[-1]))
    except ValueError as error:
        raise ValueError(too_small) from error
    if 0 in shape:  # older Keras does not mind
        raise ValueError(too_small)
    at_once = max(PIXELS_PER_BATCH // (size[0] * size[1]), 1)
    images, activations = [], []
    with tqdm(total=len(units) * ascent.steps, desc="ascent", disable=not progress) as bar:
        for start in range(0, len(units), at_once):
            part = units[start : start + at_once]
            found = _climb(climbed, part, size, where, value_range, ascent, bar)
            images.append(found[0])
            activations.append(found[1])
    return MaximizedUnits(np.concatenate(images), np.concatenate(activations))


def _climb(
    model: keras.Model,
    units: np.ndarray,
    size: tuple[int, int],
    where: str,
    value_range: tuple[float, float],
    ascent: Ascent,
    bar: tqdm,
) -> tuple[np.ndarray, np.ndarray]:
    """The images of some units and their activations, all in one batch."""
    low, high = float(value_range[0]), float(value_range[1])
    num_units, channels = len(units), model.input_shape[-1]
    canvas = size[0] + 2 * ascent.jitter, size[1] + 2 * ascent.jitter
    amplitudes = _amplitudes(canvas, ascent.decay)
    colors = PHOTO_COLORS if channels == 3 else np.eye(channels)
    colors = tf.constant(colors, tf.float32)
    start = [
        np.random.default_rng((ascent.seed, unit)).normal(
            0, START_DEVIATION, (channels, *amplitudes.shape, 2)
        )
        for unit in units
    ]
    spectrum = tf.Variable(np.array(start, np.float32))
    optimizer = keras.optimizers.Adam(float(ascent.learning_rate), epsilon=EPSILON)
    chosen = tf.one_hot(units, model.output_shape[-1])

    def painted() -> tf.Tensor:
        waves = tf.complex(spectrum[..., 0], spectrum[..., 1]) * amplitudes
        planes = tf.signal.irfft2d(waves, canvas) / PLANE_SCALE
        pixels = tf.einsum("ucyx,dc->uyxd", planes, colors)
        return low + (high - low) * tf.sigmoid(pixels)

    def step(top: tf.Tensor, left: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            seen = tf.slice(painted(), (0, top, left, 0), (num_units, *size, channels))
            maps = tf.cast(model(seen, training=False), tf.float32)
            if len(maps.shape) == 2:
                maps = maps[:, None, None, :]
            maps = tf.einsum("uyxc,uc->uyx", maps, chosen)
            height, width = maps.shape[1:]
            middle = maps[:, height // 2, width // 2]
            reached = middle if where == "centre" else tf.reduce_mean(maps, axis=(1, 2))
            steps = tf.image.total_variation(seen) / (size[0] * size[1] * (high - low))
            price = ascent.total_variation * tf.stop_gradient(tf.abs(reached))
            loss = tf.reduce_sum(price * steps - reached)
        gradient = tape.gradient(loss, spectrum)
        largest = tf.reduce_max(tf.abs(gradient), axis=(1, 2, 3, 4), keepdims=True)
        optimizer.apply([tf.math.divide_no_nan(gradient, largest)], [spectrum])
        return reached

    # Traced here once: TensorFlow warns of functions that are traced by call after call.
    position = tf.TensorSpec((), tf.int32)
    step = tf.function(step).get_concrete_function(position, position)
    rng = np.random.default_rng(ascent.seed)
    shifts = rng.integers(0, 2 * ascent.jitter + 1, (ascent.steps, 2)).astype(np.int32)
    reached = []
    for top, left in shifts:
        reached.append(step(tf.constant(top), tf.constant(left)).numpy())
        bar.update(num_units)
    inner = (
        slice(ascent.jitter, ascent.jitter + size[0]),
        slice(ascent.jitter, ascent.jitter + size[1]),
    )
    images = np.clip(painted().numpy()[:, *inner], low, high)  # sums are rounded
    return images, np.stack(reached, axis=1)


def _amplitudes(canvas: tuple[int, int], decay: float) -> np.ndarray:
    """1 / frequency^decay of each wave of a real image, complex64, for `irfft2d`.

    Their squares add up to the same for every decay: a smooth picture starts as grey as another.
    """
    height, width = canvas
    frequencies = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :])
    periods = 1 / np.maximum(frequencies, 1 / max(canvas))
    share = np.linalg.norm(periods) / np.linalg.norm(periods**decay)
    return (np.sqrt(height * width) * share * periods**decay).astype(np.complex64)


def _before_activation(model: keras.Model, name: str) -> keras.Model:
    """The model from its images to a layer, without the activation function that ends it."""
    output = layer_output(model, name)
    layer = model.get_layer(name)
    images = model.inputs[0]
    if isinstance(layer, keras.layers.ReLU | keras.layers.Activation):
        output = layer.input
    elif getattr(layer, "activation", None) not in (None, keras.activations.linear):
        # On an input of its own, so that nothing is left hanging on the model; and started with
        # zeros, so that no random number is drawn.
        below = keras.Model(images, layer.input)
        images = keras.Input(model.input_shape[1:])
        config = {
            key: "zeros" if key.endswith("_initializer") else value
            for key, value in layer.get_config().items()
        }
        linear = type(layer).from_config({**config, "activation": None})
        output = linear(below(images))
        linear.set_weights(layer.get_weights())
    if len(output.shape) not in (2, 4) or output.shape[-1] is None:
        raise ValueError(f"{name} has no maps of units: its output has shape {output.shape}.")
    return keras.Model(images, output)


def _checked_size(model: keras.Model, image_size: tuple[int, int] | None) -> tuple[int, int]:
    """The size of the pictures: the model's, or the one that is asked for if it takes any."""
    own = model.input_shape[1:3]
    if image_size is None:
        return own[0] or 96, own[1] or 96
    if np.shape(image_size) != (2,):
        raise ValueError(f"`image_size` must be (height, width). Received: {image_size}.")
    if not all(isinstance(side, Integral) for side in image_size):
        raise TypeError(f"`image_size` must hold integers. Received: {image_size}.")
    size = tuple(int(side) for side in image_size)
    if min(size) < 1 or any(o not in (None, s) for o, s in zip(own, size, strict=True)):
        raise ValueError(
            f"`image_size` must fit the model, which takes {own}. Received: {image_size}."
        )
    return size[0], size[1]
