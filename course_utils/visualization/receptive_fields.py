"""Which pixels a unit looks at, computed from the layers before it."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import keras
import numpy as np
from keras import layers
from numpy.typing import ArrayLike

# A layer class of our own joins by the class attribute `is_pointwise = True`.
POINTWISE = (
    layers.Activation,
    layers.ReLU,
    layers.LeakyReLU,
    layers.PReLU,
    layers.ELU,
    layers.BatchNormalization,
    layers.Normalization,
    layers.Rescaling,
    layers.Identity,
    layers.Dropout,
    layers.SpatialDropout2D,
    layers.AlphaDropout,
    layers.GaussianDropout,
    layers.GaussianNoise,
    layers.ActivityRegularization,
    layers.Dense,  # of images: the same at each position, a 1×1 convolution
    layers.Add,
    layers.Subtract,
    layers.Multiply,
    layers.Average,
    layers.Maximum,
    layers.Minimum,
)
POINTWISE_ALONG_CHANNELS = (
    layers.Softmax,
    layers.UnitNormalization,
    layers.LayerNormalization,
    layers.Concatenate,
)
CONVOLUTIONS = (layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D)
POOLINGS = (layers.MaxPooling2D, layers.AveragePooling2D)
WHOLE_IMAGE = (layers.GlobalAveragePooling2D, layers.GlobalMaxPooling2D, layers.Flatten)


@dataclass(frozen=True)
class ReceptiveField:
    """The pixels that a unit's value depends on: a box, and how it moves with the unit's position.

    The unit at position (r, c) of its layer sees the rows offset[0] + r · stride[0] up to, but
    not including, the same plus size[0]; the columns likewise.

    Attributes:
        size: Height and width of the box, in pixels.
        stride: Pixels from one position to the next, down and to the right; 0 where every
            position sees the same pixels, after a global average for instance.
        offset: First row and first column that position (0, 0) sees; negative where the box
            begins in the padding.

    Example:
        >>> field = ReceptiveField(size=(3, 3), stride=(2, 2), offset=(-1, -1))
        >>> field.boxes([[0, 0], [5, 1]]).tolist()
        [[-1, -1, 2, 2], [9, 1, 12, 4]]

    Lecture: section 7, notebook 07.
    """

    size: tuple[int, int]
    stride: tuple[int, int]
    offset: tuple[int, int]

    def boxes(self, positions: ArrayLike) -> np.ndarray:
        """The box of pixels that each position sees.

        Args:
            positions: Integers ≥ 0, shape (..., 2): row and column in the layer's output.

        Returns:
            Integers, shape (..., 4): top, left, bottom, right; bottom and right are the first row
            and column outside. A box may lie partly beyond the image's border: clip it to draw.

        Raises:
            TypeError: If the positions are no integers.
            ValueError: If their last axis is not 2, or one is negative.

        Example:
            >>> ReceptiveField((5, 5), (1, 1), (0, 0)).boxes([2, 7]).tolist()
            [2, 7, 7, 12]

        Lecture: section 7, notebook 07.
        """
        positions = np.asarray(positions)
        if not np.issubdtype(positions.dtype, np.integer):
            raise TypeError(
                f"`positions` must be integers, row and column. Received: dtype={positions.dtype}."
            )
        if positions.shape[-1:] != (2,) or (positions < 0).any():
            raise ValueError(
                "`positions` must have shape (..., 2), row and column, counted from 0. Received: "
                f"shape {positions.shape}, smallest {positions.min(initial=0)}."
            )
        corners = positions.astype(np.int64) * self.stride + self.offset
        return np.concatenate([corners, corners + self.size], axis=-1)


class _Axis(NamedTuple):
    """Along one axis, position p sees the pixels p · stride + first … p · stride + last."""

    stride: int
    first: int
    last: int
    length: int  # positions
    begin: int  # first and last pixel that any position sees
    end: int

    def windows(self, span: int, step: int, padding: tuple[int, int]) -> "_Axis":
        """Windows of `span` positions, `step` apart, over what is padded (cropped if below 0)."""
        before, after = padding
        length = (self.length + before + after - span) // step + 1
        first_read = max(-before, 0)
        last_read = min((length - 1) * step - before + span, self.length) - 1
        skipped = self.length - 1 - last_read
        return _Axis(
            stride=self.stride * step,
            first=self.first - before * self.stride,
            last=self.last + (span - 1 - before) * self.stride,
            length=length,
            begin=max(self.begin, self.first + first_read * self.stride if first_read else 0),
            end=min(self.end, self.last + last_read * self.stride) if skipped else self.end,
        )

    def all_positions(self) -> "_Axis":
        """What all positions see together."""
        return self._replace(stride=0, first=self.begin, last=self.end, length=1)


Axes: TypeAlias = tuple[_Axis, ...]  # rows and columns
Node: TypeAlias = Any  # a layer's call: Keras's own class, which is not public


def receptive_field(
    model: keras.Model, layer: str, image_size: tuple[int, int] | None = None
) -> ReceptiveField:
    """How much of the photo a unit of this layer sees: little in layer 1, nearly all of it deep in.

    From the image (size₀ = 1, S₀ = 1, offset₀ = 0) layer by layer, with kernel k, stride s,
    dilation d, and `pad` zeros before the first position,

        size_l = size_{l−1} + (k − 1) · d · S_{l−1}
        S_l = S_{l−1} · s
        offset_l = offset_{l−1} − pad · S_{l−1}

    Activations, normalisations (of a trained network) and dropout change nothing. Where branches
    meet, the box holds those of both; after a flattening or a global pooling, all of the image
    that is looked at.

    The weights do not matter, as long as none is zero: outside its box a unit depends on nothing.
    Inside, its dependence reaches all four sides, except at the border: there padding may stand
    where the formula supposes features, and what a unit sees may be less than its box.

    Args:
        model: Functional model, or Sequential model that is built, with one input: images
            (batch, height, width, channels).
        layer: Name of a layer of the model; the field is that of the layer's output.
        image_size: (height, width) in pixels. Needed where the model's input leaves them open:
            how "same" pads before a stride above 1 depends on the size.

    Returns:
        Size, stride and offset, for rows and columns.

    Raises:
        TypeError: If `image_size` holds no integers.
        ValueError: If there is no such layer, or it is called more than once; if the size of the
            images is unknown, another than the model's, or too small; if a layer on the way is
            of a kind whose receptive field is unknown here; if branches of unlike stride meet.

    Example:
        >>> from course_utils.models import build_embedding_model
        >>> model = build_embedding_model((56, 46, 1))
        >>> receptive_field(model, "block4_conv")
        ReceptiveField(size=(38, 38), stride=(8, 8), offset=(-15, -15))

    Reference: Araujo, Norris, Sim, "Computing Receptive Fields of Convolutional Neural Networks",
        Distill 2019. Their padding is an option of each layer; ours follows from TensorFlow's rule:
        max((⌈n/s⌉ − 1) · s + (k − 1) · d + 1 − n, 0) zeros, the smaller half of them before.
    Lecture: sections 7 and 8, notebooks 07 and 08.
    """
    target = layer_output(model, layer)
    height, width = _image_size(model, image_size)
    image = tuple(_Axis(1, 0, 0, size, 0, size - 1) for size in (height, width))
    rows, columns = _field(target, model.inputs[0], image)
    return ReceptiveField(
        size=(rows.last - rows.first + 1, columns.last - columns.first + 1),
        stride=(rows.stride, columns.stride),
        offset=(rows.first, columns.first),
    )


def layer_output(model: keras.Model, layer: str) -> keras.KerasTensor:
    """The symbolic output of a layer as this model calls it.

    `model.get_layer(layer).output` is another where several models share the layer.

    Args:
        model: Functional model, or Sequential model that is built, with one input: images
            (batch, height, width, channels).
        layer: Name of a layer of the model.

    Returns:
        Symbolic tensor, for `keras.Model(model.inputs, …)`.

    Raises:
        ValueError: If there is no such layer, it is called more than once, or the model is of
            another kind.
    """
    _check_model(model)
    return _output_of(layer, model, _nodes_before(model.outputs, {id(model.inputs[0])}))


def _check_model(model: keras.Model) -> None:
    inputs = getattr(model, "inputs", None)
    if not inputs or not getattr(model, "outputs", None):
        raise ValueError(
            "`model` must be a functional model, or a Sequential model that is built: its graph "
            f"tells what a layer sees. Received: {type(model).__name__}."
        )
    if len(inputs) != 1 or len(inputs[0].shape) != 4:
        raise ValueError(
            "`model` must have one input, images (batch, height, width, channels). Received: "
            f"{len(inputs)} of shape {', '.join(str(each.shape) for each in inputs)}."
        )


def _image_size(model: keras.Model, image_size: Sequence[int] | None) -> tuple[int, int]:
    built_for = tuple(model.inputs[0].shape[1:3])
    if image_size is None:
        if None in built_for:
            raise ValueError(
                "`image_size` is needed, (height, width): the model is open to any. "
                f"Received: None, and a model for {model.inputs[0].shape}."
            )
        return built_for
    if not all(isinstance(size, int | np.integer) for size in image_size):
        raise TypeError(f"`image_size` must be integers. Received: image_size={image_size}.")
    sizes: tuple[int, ...] = tuple(int(size) for size in image_size)
    fits = len(sizes) == 2 and all(
        size > 0 and fixed in (None, size) for size, fixed in zip(sizes, built_for, strict=True)
    )
    if not fits:
        raise ValueError(
            "`image_size` must be (height, width), as the model takes them, or None. "
            f"Received: image_size={sizes}, and a model for {model.inputs[0].shape}."
        )
    height, width = sizes
    return height, width


def _output_of(name: str, model: keras.Model, nodes: list[Node]) -> keras.KerasTensor:
    """The tensor that comes out of the layer of this name."""
    names = [layer.name for layer in model.layers]
    if name not in names:
        near = difflib.get_close_matches(str(name), names, n=5) or names
        raise ValueError(
            f"`layer` must name a layer of {model.name}, such as {', '.join(near)}. "
            f"Received: layer={name!r}."
        )
    if name == model.inputs[0]._keras_history.operation.name:
        return model.inputs[0]
    calls = [node for node in nodes if node.operation.name == name]
    if len(calls) != 1 or len(calls[0].output_tensors) != 1:
        raise ValueError(
            "`layer` must be called once in the model, and have one output. Received: "
            f"layer={name!r}, called {len(calls)} times."
        )
    return calls[0].output_tensors[0]


def _nodes_before(tensors: Sequence[keras.KerasTensor], known: set[int]) -> list[Node]:
    """The calls that lead to the tensors, each once, after those whose results it takes.

    Without recursion: a deep network would exceed Python's limit.
    """
    ordered, visited = [], set()
    stack = [(tensor, False) for tensor in tensors]
    while stack:
        tensor, are_inputs_done = stack.pop()
        if id(tensor) in known:
            continue
        history = tensor._keras_history
        node = history.operation._inbound_nodes[history.node_index]
        if are_inputs_done:
            ordered.append(node)
        elif id(node) not in visited:
            visited.add(id(node))
            stack.append((tensor, True))
            stack += [(each, False) for each in node.input_tensors]
    return ordered


def _field(target: keras.KerasTensor, images: keras.KerasTensor, axes: Axes) -> Axes:
    """What the target sees, from what `images` see. Each tensor between them is visited once."""
    fields = {id(images): axes}
    for node in _nodes_before([target], set(fields)):
        found = _after(node, [fields[id(tensor)] for tensor in node.input_tensors])
        if min(axis.length for axis in found) < 1:
            raise ValueError(
                f"`image_size` must be larger: nothing is left by layer {node.operation.name!r}. "
                f"Received: {tuple(axis.length for axis in axes)}."
            )
        fields.update((id(tensor), found) for tensor in node.output_tensors)
    return fields[id(target)]


def _after(node: Node, inputs: list[Axes]) -> Axes:
    """What the result of one call sees, from what its inputs see."""
    operation = node.operation
    if getattr(operation, "data_format", None) == "channels_first":
        raise ValueError(
            "Channels must come last. Received: data_format='channels_first' in layer "
            f"{operation.name!r}."
        )
    if not inputs:
        raise _unknown(operation)
    if all(axis.stride == 0 for axes in inputs for axis in axes):
        return _merged(operation, inputs)
    if isinstance(operation, WHOLE_IMAGE):
        return tuple(axis.all_positions() for axis in inputs[0])
    if _is_pointwise(operation, rank=len(node.input_tensors[0].shape)):
        return _merged(operation, inputs)
    if len(inputs) > 1:
        raise _unknown(operation)
    axes = inputs[0]
    if isinstance(operation, CONVOLUTIONS):
        return _slid(axes, operation.kernel_size, operation.dilation_rate, operation)
    if isinstance(operation, POOLINGS):
        return _slid(axes, operation.pool_size, (1, 1), operation)
    if isinstance(operation, layers.ZeroPadding2D):
        return _padded(axes, operation.padding)
    if isinstance(operation, layers.Cropping2D):
        return _padded(axes, [(-before, -after) for before, after in operation.cropping])
    if _is_pad(operation):
        pairs = operation.pad_width
        return _padded(axes, pairs[1:3] if len(pairs) > 1 else [pairs[0]] * 2)
    if isinstance(operation, keras.Model) and len(operation.inputs) == len(operation.outputs) == 1:
        return _field(operation.outputs[0], operation.inputs[0], axes)
    raise _unknown(operation)


def _is_pointwise(operation: keras.Operation, rank: int) -> bool:
    """Whether a position of the result depends on that position alone."""
    if isinstance(operation, POINTWISE_ALONG_CHANNELS):
        axis = operation.axis
        only = axis[0] if isinstance(axis, list | tuple) and len(axis) == 1 else axis
        return only in (-1, rank - 1)
    return isinstance(operation, POINTWISE) or getattr(type(operation), "is_pointwise", False)


def _is_pad(operation: keras.Operation) -> bool:
    """`keras.ops.pad` with a constant: a reflected border would show pixels outside the box."""
    return (
        not isinstance(operation, keras.Layer)
        and type(operation).__name__ == "Pad"
        and getattr(operation, "mode", None) == "constant"
    )


def _slid(
    axes: Axes, kernels: Sequence[int], dilations: Sequence[int], operation: keras.Operation
) -> Axes:
    """What the windows of a convolution or a pooling see."""
    found = []
    for axis, kernel, dilation, step in zip(
        axes, kernels, dilations, operation.strides, strict=True
    ):
        span = (kernel - 1) * dilation + 1
        total = 0
        if operation.padding == "same":
            total = max((-(-axis.length // step) - 1) * step + span - axis.length, 0)
        found.append(axis.windows(span, step, (total // 2, total - total // 2)))
    return tuple(found)


def _padded(axes: Axes, pairs: Sequence[tuple[int, int]]) -> Axes:
    return tuple(
        axis.windows(1, 1, (before, after))
        for axis, (before, after) in zip(axes, pairs, strict=True)
    )


def _merged(operation: keras.Operation, inputs: list[Axes]) -> Axes:
    """The hull of what the branches see. Where one sees the whole image, so does the result."""
    found = []
    for axes in zip(*inputs, strict=True):
        if any(axis.stride == 0 for axis in axes):
            axes = tuple(axis.all_positions() for axis in axes)
        if len({(axis.stride, axis.length) for axis in axes}) > 1:
            raise ValueError(
                "Branches that meet must have one stride and one size. Received: strides "
                f"{[axis.stride for axis in axes]} and sizes {[axis.length for axis in axes]} in "
                f"layer {operation.name!r}."
            )
        hull = axes[0]._replace(
            first=min(axis.first for axis in axes),
            last=max(axis.last for axis in axes),
            begin=min(axis.begin for axis in axes),
            end=max(axis.end for axis in axes),
        )
        found.append(hull)
    return tuple(found)


def _unknown(operation: keras.Operation) -> ValueError:
    return ValueError(
        f"The receptive field of layer {operation.name!r} is unknown: it must be a convolution, a "
        "pooling, a padding, or work on each position alone (then give its class "
        f"`is_pointwise = True`). Received: {type(operation).__name__}."
    )
