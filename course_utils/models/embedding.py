"""Small convolutional networks for faces, fast enough to train on a CPU."""

from collections.abc import Sequence

import keras
from keras import layers

from course_utils.tensors import Tensor

TRUNK_FILTERS = (16, 32, 64, 64)


def build_embedding_model(input_shape: Sequence[int], embedding_dim: int = 128) -> keras.Model:
    """The lecture's f(x): a convnet that ends in a vector of 128 numbers instead of classes.

    Four blocks of convolution, ReLU and max-pooling, a linear dense layer `embedding`, and
    `unit_norm`, which divides each vector by its length. On the sphere that is left,
    ‖f(x⁽¹⁾) − f(x⁽²⁾)‖² = 2 − 2 cos(f(x⁽¹⁾), f(x⁽²⁾)) lies in [0, 4], and no network can make a
    loss small by making all vectors long or short.

    Args:
        input_shape: (height, width, channels) of images in [0, 1], at least 16 × 16.
        embedding_dim: How many numbers describe a face.

    Returns:
        An uncompiled model, float32 images (batch, height, width, channels) → embeddings
        (batch, embedding_dim) of unit L2 norm. (Before any training an all-black image, and only
        that, gives the zero vector.)

    Raises:
        ValueError: If the images are too small, or a number is too low.

    Example:
        >>> encoder = build_embedding_model((56, 46, 1))
        >>> encoder.output_shape, encoder.count_params()
        ((None, 128), 109504)

    Reference: The unit sphere is that of FaceNet (Schroff et al., CVPR 2015, section 3.1).
    Lecture: section 3, notebooks 03 and 04.
    """
    if embedding_dim < 1:
        raise ValueError(f"`embedding_dim` must be at least 1. Received: {embedding_dim}.")
    images, features = _trunk(input_shape)
    embedding = layers.Dense(embedding_dim, name="embedding")(features)
    unit = layers.UnitNormalization(name="unit_norm")(embedding)
    return keras.Model(images, unit, name="embedding_model")


def build_siamese_model(encoder: keras.Model) -> keras.Model:
    """Two photos go through one and the same encoder; out comes their squared distance.

    d(x⁽¹⁾, x⁽²⁾) = ‖f(x⁽¹⁾) − f(x⁽²⁾)‖². There is one set of weights, the encoder's: to train this
    model is to train the encoder, and both inputs add to each gradient.

    Args:
        encoder: Model images → embeddings (batch, dim), such as `build_embedding_model`'s. It is
            shared, not copied.

    Returns:
        An uncompiled model with inputs `first` and `second`, both of the encoder's input shape,
        and float output `distance`, shape (batch, 1), ≥ 0.

    Raises:
        ValueError: If the encoder has not one input, and one output of two axes.

    Example:
        >>> encoder = build_embedding_model((56, 46, 1))
        >>> siamese = build_siamese_model(encoder)
        >>> siamese.count_params() == encoder.count_params()
        True

    Reference: Bromley et al., "Signature verification using a Siamese time delay neural
        network", NeurIPS 1993; Taigman et al., "DeepFace", CVPR 2014.
    Lecture: section 3, notebook 03.
    """
    photos, embeddings = embed_two_photos(encoder)
    difference = layers.Subtract(name="difference")(embeddings)
    distance = layers.Dot(axes=1, name="distance")([difference, difference])
    return keras.Model(photos, distance, name="siamese_model")


def embed_two_photos(encoder: keras.Model) -> tuple[list[Tensor], list[Tensor]]:
    """Two inputs and their embeddings by one and the same encoder: how a Siamese model begins.

    Args:
        encoder: Model images → embeddings (batch, dim).

    Returns:
        The inputs `first` and `second`, symbolic, of the encoder's input shape; and the
        embeddings of both, symbolic.

    Raises:
        ValueError: If the encoder has not one input, and one output of two axes.
    """
    if len(encoder.inputs) != 1 or len(encoder.outputs) != 1 or len(encoder.output_shape) != 2:
        raise ValueError(
            "`encoder` must have one input and one output of shape (batch, dim). Received: "
            f"{len(encoder.inputs)} inputs, output_shape={encoder.output_shape}."
        )
    photos = [
        keras.Input(encoder.input_shape[1:], name=name, dtype=encoder.inputs[0].dtype)
        for name in ("first", "second")
    ]
    return photos, [encoder(photo) for photo in photos]


def build_softmax_classifier(
    input_shape: Sequence[int], num_classes: int, *, embedding_dim: int = 128
) -> keras.Model:
    """The classifier of section 2: a convnet whose softmax has one output for each person.

    Four blocks of convolution, ReLU and max-pooling, a dense layer `embedding` with ReLU, and a
    dense layer `people` with a softmax. Everything before `people` could serve any set of
    people; `people` itself has (embedding_dim + 1) · num_classes numbers that belong to these.

    Args:
        input_shape: (height, width, channels) of images in [0, 1], at least 16 × 16.
        num_classes: Number of people, at least 2.
        embedding_dim: Width of the layer before the softmax.

    Returns:
        An uncompiled model, float32 images (batch, height, width, channels) → probabilities
        (batch, num_classes).

    Raises:
        ValueError: If the images are too small, or a number is too low.

    Example:
        >>> model = build_softmax_classifier((56, 46, 1), num_classes=10)
        >>> model.get_layer("people").count_params()
        1290

    Lecture: section 2, notebook 02.
    """
    if num_classes < 2 or embedding_dim < 1:
        raise ValueError(
            "`num_classes` must be at least 2 and `embedding_dim` at least 1. "
            f"Received: num_classes={num_classes}, embedding_dim={embedding_dim}."
        )
    images, features = _trunk(input_shape)
    embedding = layers.Dense(embedding_dim, activation="relu", name="embedding")(features)
    probabilities = layers.Dense(num_classes, activation="softmax", name="people")(embedding)
    return keras.Model(images, probabilities, name="softmax_classifier")


def _trunk(input_shape: Sequence[int]) -> tuple[Tensor, Tensor]:
    """The input and the flattened features that every model here begins with."""
    smallest = 2 ** len(TRUNK_FILTERS)
    if len(input_shape) != 3 or min(input_shape[:2]) < smallest:
        raise ValueError(
            f"`input_shape` must be (height, width, channels), at least {smallest}×{smallest}. "
            f"Received: input_shape={tuple(input_shape)}."
        )
    images = keras.Input(tuple(input_shape), name="images")
    features = images
    for block, filters in enumerate(TRUNK_FILTERS, start=1):
        features = layers.Conv2D(
            filters, 3, padding="same", activation="relu", name=f"block{block}_conv"
        )(features)
        features = layers.MaxPooling2D(2, name=f"block{block}_pool")(features)
    return images, layers.Flatten(name="flatten")(features)
