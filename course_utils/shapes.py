"""Output shape, parameters and multiplications of 1D to 3D convolutions, without building one."""

import math
from collections.abc import Iterable, Sequence

PADDINGS = ("valid", "same", "causal")


def conv_output_shape(
    input_shape: Sequence[int],
    kernel_size: int | Sequence[int],
    filters: int,
    *,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    dilation: int | Sequence[int] = 1,
) -> tuple[int, ...]:
    """What comes out of a convolution: 14×14×3 ∗ 16 filters of 5×5×3 → 10×10×16.

    Along each axis, with input n, kernel k, stride s and dilation d, the kernel spans
    d·(k − 1) + 1 inputs. "valid" gives ⌊(n − span)/s⌋ + 1 outputs; "same" and "causal" pad with
    zeros and give ⌈n/s⌉. The number of output channels is the number of filters.

    Args:
        input_shape: Sizes of the 1, 2 or 3 spatial axes, then the channels; no batch axis.
        kernel_size: Kernel size, one for all axes or one for each.
        filters: Number of filters.
        strides: Stride, one for all axes or one for each.
        padding: "valid", "same", or, for one axis, "causal".
        dilation: Dilation, one for all axes or one for each. As in Keras, a stride and a
            dilation cannot both exceed 1.

    Returns:
        Sizes of the spatial axes, then `filters`.

    Raises:
        ValueError: If the convolution does not exist: a kernel that spans more than an unpadded
            input, sizes below 1, axes that do not agree in number.
        TypeError: If a size is not an integer.

    Example:
        >>> conv_output_shape((14, 14, 3), 5, 16)
        (10, 10, 16)
        >>> conv_output_shape((14, 1), 5, 16)
        (10, 16)
        >>> conv_output_shape((14, 14, 14, 1), 5, 16)
        (10, 10, 10, 16)

    Reference: Dumoulin, Visin, "A guide to convolution arithmetic for deep learning", 2016.
    Lecture: section 9, notebook 09.
    """
    *sizes, _ = _input_shape(input_shape)
    kernel = _per_axis("kernel_size", kernel_size, len(sizes))
    stride = _per_axis("strides", strides, len(sizes))
    dilations = _per_axis("dilation", dilation, len(sizes))
    filters = positive_integer("filters", filters)
    if padding not in PADDINGS:
        raise ValueError(f"`padding` must be one of {PADDINGS}. Received: padding={padding!r}.")
    if padding == "causal" and len(sizes) != 1:
        raise ValueError(
            "`padding='causal'` exists for one axis only: it hides the future of a signal. "
            f"Received: input_shape={tuple(input_shape)}."
        )
    if max(stride) > 1 and max(dilations) > 1:
        raise ValueError(
            "`strides` and `dilation` cannot both exceed 1: Keras's layers reject it. "
            f"Received: strides={strides}, dilation={dilation}."
        )
    outputs = []
    for size, width, step, gap in zip(sizes, kernel, stride, dilations, strict=True):
        span = gap * (width - 1) + 1
        if padding != "valid":
            outputs.append(-(-size // step))
        elif span <= size:
            outputs.append((size - span) // step + 1)
        else:
            raise ValueError(
                f"`kernel_size` must fit into the input: the kernel spans {span} of {size}. "
                f"Use a smaller kernel or padding='same'. Received: kernel_size={kernel_size}, "
                f"dilation={dilation}, input_shape={tuple(input_shape)}."
            )
    return (*outputs, filters)


def conv_parameter_count(
    input_shape: Sequence[int],
    kernel_size: int | Sequence[int],
    filters: int,
    *,
    use_bias: bool = True,
) -> int:
    """How many numbers a convolution learns: (∏ kernel · input channels + 1) · filters.

    The spatial size of the input does not matter; that is weight sharing.

    Args:
        input_shape: Sizes of the 1, 2 or 3 spatial axes, then the channels; no batch axis.
        kernel_size: Kernel size, one for all axes or one for each.
        filters: Number of filters.
        use_bias: Whether each filter has a bias (the + 1).

    Returns:
        Number of parameters.

    Raises:
        ValueError: If a size is below 1 or the axes do not agree in number.
        TypeError: If a size is not an integer.

    Example:
        >>> conv_parameter_count((14, 14, 3), 5, 16)
        1216
        >>> conv_parameter_count((14, 14, 14, 1), 5, 16)
        2016

    Lecture: section 9, notebook 09.
    """
    *sizes, channels = _input_shape(input_shape)
    weights = channels * math.prod(_per_axis("kernel_size", kernel_size, len(sizes)))
    return (weights + bool(use_bias)) * positive_integer("filters", filters)


def conv_multiply_count(
    input_shape: Sequence[int],
    kernel_size: int | Sequence[int],
    filters: int,
    *,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    dilation: int | Sequence[int] = 1,
) -> int:
    """How many multiplications one example takes: ∏ output · ∏ kernel · input channels · filters.

    Each weight is multiplied once at each position of the output. The zeros of a padding are
    counted as multiplied, and nothing is added for the bias.

    Args:
        input_shape: Sizes of the 1, 2 or 3 spatial axes, then the channels; no batch axis.
        kernel_size: Kernel size, one for all axes or one for each.
        filters: Number of filters.
        strides: Stride, one for all axes or one for each.
        padding: "valid", "same", or, for one axis, "causal".
        dilation: Dilation, one for all axes or one for each; the gaps are not multiplied.

    Returns:
        Number of multiplications of one forward pass.

    Raises:
        ValueError: If the convolution does not exist, as for `conv_output_shape`.
        TypeError: If a size is not an integer.

    Example:
        >>> conv_multiply_count((14, 14, 3), 5, 16)
        120000
        >>> conv_multiply_count((14, 1), 5, 16)
        800
        >>> conv_multiply_count((14, 14, 14, 1), 5, 16)
        2000000

    Lecture: section 9, notebook 09.
    """
    *positions, _ = conv_output_shape(
        input_shape, kernel_size, filters, strides=strides, padding=padding, dilation=dilation
    )
    num_weights = conv_parameter_count(input_shape, kernel_size, filters, use_bias=False)
    return math.prod(positions) * num_weights


def _input_shape(input_shape: Sequence[int]) -> tuple[int, ...]:
    """The checked shape: 1 to 3 spatial axes and the channels."""
    shape = tuple(input_shape)
    if not 2 <= len(shape) <= 4:
        raise ValueError(
            "`input_shape` must be 1, 2 or 3 spatial sizes and the channels, without the batch. "
            f"Received: input_shape={shape}."
        )
    return tuple(positive_integer("input_shape", size) for size in shape)


def _per_axis(name: str, value: int | Sequence[int], num_axes: int) -> tuple[int, ...]:
    """One checked number for each axis."""
    values = tuple(value) if isinstance(value, Iterable) else (value,) * num_axes
    if len(values) != num_axes:
        raise ValueError(
            f"`{name}` must be one integer, or one for each of the {num_axes} spatial axes. "
            f"Received: {name}={value}."
        )
    return tuple(positive_integer(name, number) for number in values)


def positive_integer(name: str, value: int) -> int:
    """A size, a stride, a number of filters: the value as an int of at least 1.

    Args:
        name: What the caller calls the value, for the error.
        value: Integer of any type, such as NumPy's.

    Returns:
        The value, 1 or more.

    Raises:
        TypeError: If it is no integer.
        ValueError: If it is below 1.

    Example:
        >>> positive_integer("filters", 16)
        16
    """
    try:
        number = value.__index__()
    except AttributeError:
        raise TypeError(f"`{name}` must hold integers. Received: {value!r}.") from None
    if number < 1:
        raise ValueError(f"`{name}` must be at least 1. Received: {value!r}.")
    return number
