"""Small convolutional networks for faces, fast enough to train on a CPU."""

from collections.abc import Sequence

import keras
from keras import layers

TRUNK_FILTERS = (16, 32, 64, 64)


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
    features = layers.Flatten(name="flatten")(features)
    embedding = layers.Dense(embedding_dim, activation="relu", name="embedding")(features)
    probabilities = layers.Dense(num_classes, activation="softmax", name="people")(embedding)
    return keras.Model(images, probabilities, name="softmax_classifier")
