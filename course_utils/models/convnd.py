"""Convolutions along one, two or three axes: what happened when, and what lies where."""

from collections.abc import Iterable, Sequence

import keras
from keras import layers

from course_utils.shapes import positive_integer

CONVOLUTIONS = {2: layers.Conv2D, 3: layers.Conv3D}
MOMENTUM = 0.9  # of the batch normalization's memory: ten batches, for trainings of some hundred


def build_conv1d_classifier(
    input_shape: Sequence[int | None],
    num_classes: int,
    *,
    filters: Sequence[int] = (32, 64),
    kernel_size: int = 7,
) -> keras.Model:
    """A small network along time: what was done in a recording of some channels.

    For each number of filters a convolution along time, ReLU and max-pooling by 2; then the mean
    over time and a softmax. The mean does not tell when something happened: away from the ends, a
    shift by a multiple of 2 ** layers steps changes nothing. Each filter of the first layer sees
    `kernel_size` steps of all channels at once.

    Args:
        input_shape: (steps, channels); steps may be None, for recordings of any length from
            2 ** layers, as each pooling halves it.
        num_classes: Number of classes, at least 2.
        filters: Number of filters of each convolution.
        kernel_size: Steps that each filter spans.

    Returns:
        An uncompiled model, float32 recordings (batch, steps, channels), best of about unit
        variance in each channel → probabilities (batch, num_classes).

    Raises:
        ValueError: If a number is too low, the recordings are too short for the poolings, or
            `input_shape` or `filters` has too few numbers.
        TypeError: If a number is no integer, or a list none.

    Example:
        >>> model = build_conv1d_classifier((100, 6), num_classes=4)
        >>> model.output_shape, model.count_params()
        ((None, 4), 16036)

    Reference: Wang, Yan, Oates, "Time series classification from scratch with deep neural
        networks: a strong baseline", IJCNN 2017: convolutions and a mean over time (there three,
        with batch normalization and without pooling).
    Lecture: section 9, notebook 09.
    """
    steps, channels = _checked_shape(input_shape, 1, "(steps, channels)")
    filters = _checked_numbers("filters", filters)
    kernel_size = positive_integer("kernel_size", kernel_size)
    _check_classes(num_classes)
    if steps is not None and steps < 2 ** len(filters):
        raise ValueError(
            f"`input_shape` must have at least {2 ** len(filters)} steps: each of {len(filters)} "
            f"poolings halves them. Received: {steps}."
        )
    signals = keras.Input((steps, channels), name="signals")
    features = signals
    for index, number in enumerate(filters, start=1):
        features = layers.Conv1D(
            number, kernel_size, padding="same", activation="relu", name=f"conv{index}"
        )(features)
        features = layers.MaxPooling1D(2, name=f"pool{index}")(features)
    features = layers.GlobalAveragePooling1D(name="mean_over_time")(features)
    probabilities = layers.Dense(num_classes, activation="softmax", name="classes")(features)
    return keras.Model(signals, probabilities, name="conv1d_classifier")


def build_conv3d_segmenter(
    input_shape: Sequence[int | None] = (None, None, None, 1),
    num_classes: int = 3,
    *,
    filters: int = 16,
    dilations: Sequence[int] = (1, 1),
) -> keras.Model:
    """A fully convolutional network through a volume: the class of every voxel.

    For each dilation a convolution of 3 × 3 × 3, batch normalization and ReLU; then one of
    1 × 1 × 1, which sees their features and the input itself, with a softmax over the classes.
    Nothing is pooled: the output has the size of the input, any size. Once trained, it judges a
    voxel by those that are at most Σ dilations away along each axis: 5 × 5 × 5 by default.

    Train it with several crops in a batch: the normalization remembers the means of batches, and
    those of a single crop, all fluid or all white matter, are no good guide to a whole brain.

    Args:
        input_shape: (x, y, z, channels); the sizes may be None, for volumes of any size.
        num_classes: Number of classes, at least 2.
        filters: Filters of each convolution.
        dilations: Dilation of each convolution of 3 × 3 × 3.

    Returns:
        An uncompiled model, float32 volumes (batch, x, y, z, channels) → probabilities (batch, x,
        y, z, num_classes).

    Raises:
        ValueError: If a number is too low, or `input_shape` or `dilations` has too few.
        TypeError: If a number is no integer, or a list none.

    Example:
        >>> model = build_conv3d_segmenter()
        >>> model.output_shape, model.count_params()
        ((None, None, None, None, 3), 7526)

    Reference: Yu, Koltun, "Multi-scale context aggregation by dilated convolutions", ICLR 2016.
    Lecture: section 9, notebook 09.
    """
    return _segmenter(3, input_shape, num_classes, filters, dilations)


def build_conv2d_segmenter(
    input_shape: Sequence[int | None] = (None, None, 1),
    num_classes: int = 3,
    *,
    filters: int = 28,
    dilations: Sequence[int] = (1, 1),
) -> keras.Model:
    """The same for images: the class of every pixel, slice by slice if it is a volume's.

    As `build_conv3d_segmenter`, with 3 × 3 in place of 3 × 3 × 3. With 28 filters, its default, it
    learns about as many numbers as that one with 16.

    Args:
        input_shape: (height, width, channels); the sizes may be None.
        num_classes: Number of classes, at least 2.
        filters: Filters of each convolution.
        dilations: Dilation of each convolution of 3 × 3.

    Returns:
        An uncompiled model, float32 images (batch, height, width, channels) → probabilities
        (batch, height, width, num_classes).

    Raises:
        ValueError: If a number is too low, or `input_shape` or `dilations` has too few.
        TypeError: If a number is no integer, or a list none.

    Example:
        >>> build_conv2d_segmenter().count_params()
        7622

    Lecture: section 9, notebook 09.
    """
    return _segmenter(2, input_shape, num_classes, filters, dilations)


def _segmenter(
    num_axes: int,
    input_shape: Sequence[int | None],
    num_classes: int,
    filters: int,
    dilations: Sequence[int],
) -> keras.Model:
    names = "(x, y, z, channels)" if num_axes == 3 else "(height, width, channels)"
    shape = _checked_shape(input_shape, num_axes, names)
    _check_classes(num_classes)
    filters = positive_integer("filters", filters)
    dilations = _checked_numbers("dilations", dilations)
    convolution = CONVOLUTIONS[num_axes]
    images = keras.Input(shape, name="images")
    features = images
    for index, dilation in enumerate(dilations, start=1):
        features = convolution(
            filters,
            3,
            dilation_rate=dilation,
            padding="same",
            use_bias=False,
            name=f"conv{index}",
        )(features)
        features = layers.BatchNormalization(momentum=MOMENTUM, name=f"norm{index}")(features)
        features = layers.ReLU(name=f"relu{index}")(features)
    features = layers.Concatenate(name="with_input")([features, images])
    probabilities = convolution(num_classes, 1, activation="softmax", name="classes")(features)
    return keras.Model(images, probabilities, name=f"conv{num_axes}d_segmenter")


def _checked_shape(
    input_shape: Sequence[int | None], num_axes: int, names: str
) -> tuple[int | None, ...]:
    """Sizes, of which all but the channels may be None."""
    if not isinstance(input_shape, Iterable):
        raise TypeError(f"`input_shape` must be {names}. Received: {input_shape!r}.")
    shape = tuple(input_shape)
    if len(shape) != num_axes + 1:
        raise ValueError(f"`input_shape` must be {names}. Received: {shape}.")
    if shape[-1] is None:
        raise ValueError(f"`input_shape` must tell the number of channels. Received: {shape}.")
    return tuple(None if size is None else positive_integer("input_shape", size) for size in shape)


def _checked_numbers(name: str, numbers: Sequence[int]) -> list[int]:
    """A number for each layer, at least one."""
    if not isinstance(numbers, Iterable):
        raise TypeError(f"`{name}` must list a number for each layer. Received: {numbers!r}.")
    checked = [positive_integer(name, number) for number in numbers]
    if not checked:
        raise ValueError(f"`{name}` must list a number for each layer. Received: an empty list.")
    return checked


def _check_classes(num_classes: int) -> None:
    if positive_integer("num_classes", num_classes) < 2:
        raise ValueError(f"`num_classes` must be at least 2. Received: {num_classes}.")
