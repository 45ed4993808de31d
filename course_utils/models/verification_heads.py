"""Verification as binary classification: two embeddings in, the probability of one person out."""

from collections.abc import Callable

import keras
from keras import layers, ops

from course_utils.models.embedding import embed_two_photos
from course_utils.tensors import Tensor

SIMILARITIES = ("abs", "chi2")
NON_NEGATIVE: dict[str | None, Callable[[Tensor], Tensor]] = {
    "softplus": ops.softplus,
    "relu": ops.relu,
    None: lambda values: values,
}


def build_verification_head(
    embedding_dim: int,
    similarity: str = "abs",
    *,
    non_negative: str | None = "softplus",
    l2: float = 0.0,
) -> keras.Model:
    """The lecture's ŷ from two stored embeddings: a logistic regression on how they differ.

    "abs":  ŷ = σ(Σₖ wₖ |f(x⁽ⁱ⁾)ₖ − f(x⁽ʲ⁾)ₖ| + b)
    "chi2": ŷ = σ(Σₖ wₖ (f(x⁽ⁱ⁾)ₖ − f(x⁽ʲ⁾)ₖ)² / (f(x⁽ⁱ⁾)ₖ + f(x⁽ʲ⁾)ₖ) + b), where 0/0 counts as 0

    χ² compares counts and other numbers ≥ 0. An embedding has negative numbers too, and then the
    denominator can be 0 while the numerator is not, or negative: the "distance" explodes, or
    falls as the two move apart. So "chi2" first makes them non-negative.

    Embeddings are multiplied by √embedding_dim, which makes the numbers of a vector of length 1
    about 1, whatever its dimension. The weights begin at 0 (ŷ = 0.5): the loss is convex, so
    training ends at the same weights from wherever it begins.

    Args:
        embedding_dim: How many numbers describe a face.
        similarity: "abs" or "chi2".
        non_negative: How "chi2" makes embeddings non-negative: "softplus", log(1 + exp(x)), which
            keeps the order of all values; "relu", which drops the negative ones; or None for
            embeddings that are ≥ 0 already, such as those behind a ReLU. Not used by "abs".
        l2: Strength of the penalty l2 · Σₖ wₖ². A few dozen people cannot settle hundreds of
            weights without it.

    Returns:
        An uncompiled model with inputs `first` and `second`, float32 embeddings (batch,
        embedding_dim) of about unit length → ŷ, shape (batch, 1), in (0, 1). The layer
        `difference` holds what is weighted, `same_person` the weights.

    Raises:
        ValueError: If an argument is not one of those above.

    Example:
        >>> head = build_verification_head(128, "chi2")
        >>> head.count_params()
        129

    Reference: Taigman et al., "DeepFace", CVPR 2014, sections 4.1 (χ²; there the embeddings come
        from a ReLU) and 4.2 (the weighted L1 distance of a Siamese network).
    Lecture: section 5, notebook 05.
    """
    if embedding_dim < 1:
        raise ValueError(f"`embedding_dim` must be at least 1. Received: {embedding_dim}.")
    _check_options(similarity, non_negative, l2)
    first, second = (keras.Input((embedding_dim,), name=name) for name in ("first", "second"))
    scaled = layers.Rescaling(embedding_dim**0.5, name="scaled")
    a, b = scaled(first), scaled(second)
    if similarity == "chi2":
        a, b = NON_NEGATIVE[non_negative](a), NON_NEGATIVE[non_negative](b)
        total = a - ops.negative(b)  # a + b, which Keras takes for a bias if the batch is empty
        divides = ops.not_equal(total, 0)
        difference = ops.where(divides, ops.square(a - b) / ops.where(divides, total, 1), 0)
    else:
        difference = ops.absolute(a - b)
    difference = layers.Activation("linear", name="difference")(difference)
    same_person = layers.Dense(
        1,
        activation="sigmoid",
        kernel_initializer="zeros",
        kernel_regularizer=keras.regularizers.L2(l2) if l2 else None,
        name="same_person",
    )(difference)
    return keras.Model([first, second], same_person, name=f"verification_head_{similarity}")


def build_verification_model(
    encoder: keras.Model,
    similarity: str = "abs",
    *,
    non_negative: str | None = "softplus",
    l2: float = 0.0,
    head: keras.Model | None = None,
) -> keras.Model:
    """Two photos in, the probability that they show one person out: verification as classification.

    Both photos go through one and the same encoder, then through `build_verification_head`. For
    training and for a gallery, compute the embeddings once and use the head alone: it is the same
    function, without two passes through the encoder for each pair.

    Args:
        encoder: Model images → embeddings (batch, dim). It is shared, not copied.
        similarity: "abs" or "chi2", as in `build_verification_head`.
        non_negative: As in `build_verification_head`.
        l2: As in `build_verification_head`.
        head: A trained head to be used instead of a new one; it is shared, not copied, and the
            three options before it are then its own.

    Returns:
        An uncompiled model with inputs `first` and `second`, both of the encoder's input shape →
        ŷ, shape (batch, 1), in (0, 1).

    Raises:
        ValueError: If the encoder has not one input and one output of two axes, if the head is
            for embeddings of another dimension, or as `build_verification_head`.

    Example:
        >>> from course_utils.models import build_embedding_model
        >>> encoder = build_embedding_model((56, 46, 1))
        >>> model = build_verification_model(encoder, "chi2")
        >>> model.count_params() - encoder.count_params()
        129

    Reference: Taigman et al., "DeepFace", CVPR 2014.
    Lecture: section 5, notebook 05.
    """
    photos, embeddings = embed_two_photos(encoder)
    embedding_dim = encoder.output_shape[1]
    if head is None:
        head = build_verification_head(embedding_dim, similarity, non_negative=non_negative, l2=l2)
    elif [tuple(each.shape[1:]) for each in head.inputs] != [(embedding_dim,)] * 2:
        raise ValueError(
            f"`head` must take two embeddings of dimension {embedding_dim}, as the encoder makes "
            f"them. Received: {[tuple(each.shape) for each in head.inputs]}."
        )
    return keras.Model(photos, head(embeddings), name="verification_model")


def _check_options(similarity: str, non_negative: str | None, l2: float) -> None:
    if similarity not in SIMILARITIES:
        raise ValueError(
            f"`similarity` must be one of {SIMILARITIES}. Received: similarity={similarity!r}."
        )
    if non_negative not in NON_NEGATIVE:
        raise ValueError(
            f"`non_negative` must be one of {tuple(NON_NEGATIVE)}. "
            f"Received: non_negative={non_negative!r}."
        )
    if not 0 <= l2 < float("inf"):
        raise ValueError(f"`l2` must be at least 0. Received: l2={l2}.")
