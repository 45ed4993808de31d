"""The cost of a generated image: how far its content and its style are from those asked for.

All costs here are a quarter of a mean squared difference: of activations for the content, of
entries of Gram matrices for the style. So they do not grow with the image.
"""

import math
from collections.abc import Mapping, Sequence
from numbers import Real

from keras import ops

from course_utils.tensors import Tensor, TensorLike, as_float, gram_matrix


def content_cost(content: TensorLike, generated: TensorLike) -> Tensor:
    """How far the generated image G is from the content image C, as one layer sees them.

    J_content(C, G) = 1 / (4·H·W·C) · Σ_ijk (a_ijk(C) − a_ijk(G))², where a are the activations of
    a layer in the middle of the network and C, the last, is its number of channels.

    Args:
        content: Activations of C, float tensor, shape (batch, height, width, channels).
        generated: Activations of G, likewise. A batch of 1 stands for all images of the other.

    Returns:
        Float tensor, shape (batch,), values ≥ 0.

    Raises:
        ValueError: If the shapes do not match.

    Example:
        >>> print(ops.convert_to_numpy(content_cost([[[[1., 0.]]]], [[[[3., 0.]]]])))
        [0.5]

    Reference: Gatys, Ecker, Bethge, "Image Style Transfer Using Convolutional Neural Networks",
        CVPR 2016, equation 1: ½ Σ, which is 2·H·W·C times ours and grows with the image. The
        factor ¼ and the division by the sizes are those of the deeplearning.ai assignment.
    Lecture: section 8, notebook 08.
    """
    content, generated = as_float(content), as_float(generated)
    if not _match(content.shape, generated.shape, num_axes=4):
        raise ValueError(
            "`content` and `generated` must both have shape (batch, height, width, channels): C "
            "and G need one size. Received: "
            f"content.shape={tuple(content.shape)}, generated.shape={tuple(generated.shape)}."
        )
    return ops.mean(ops.square(content - generated), axis=(1, 2, 3)) / 4.0


def layer_style_cost(style: TensorLike, generated: TensorLike) -> Tensor:
    """How far the generated image G is from the style image S, in the Gram matrix of one layer.

    J_style(S, G) = 1 / (4·C²) · Σ_kl (G_kl(S) − G_kl(G))², with the Gram matrix
    G_kl = 1 / (H·W) · Σ_ij a_ijk · a_ijl. Means over positions can be compared where sums could
    not: S and G may differ in size.

    Args:
        style: Activations of S, float tensor, shape (batch, height, width, channels).
        generated: Activations of G, float tensor, shape (batch, height, width, channels), its
            height and width its own. A batch of 1 stands for all images of the other.

    Returns:
        Float tensor, shape (batch,), values ≥ 0.

    Raises:
        ValueError: If one has not four axes, or the numbers of channels or images do not match.

    Example:
        >>> print(ops.convert_to_numpy(layer_style_cost([[[[1.], [3.]]]], [[[[1.]]]])))
        [4.]

    Reference: Gatys, Ecker, Bethge, CVPR 2016, equation 4: 1 / (4·C²·(H·W)²) · Σ of sums, with
        the size of G for both; for images of one size it is the same number.
    Lecture: section 8, notebook 08.
    """
    return gram_cost(gram_matrix(style), gram_matrix(generated))


def gram_cost(style: TensorLike, generated: TensorLike) -> Tensor:
    """`layer_style_cost` of Gram matrices that are known already: that of S never changes.

    J_style = 1 / (4·C²) · Σ_kl (G_kl(S) − G_kl(G))².

    Args:
        style: Gram matrices of S, divided by H·W, float tensor, shape (batch, channels, channels).
        generated: Gram matrices of G, likewise. A batch of 1 stands for all of the other.

    Returns:
        Float tensor, shape (batch,), values ≥ 0.

    Raises:
        ValueError: If the shapes do not match.

    Example:
        >>> print(ops.convert_to_numpy(gram_cost([[[5.]]], [[[1.]]])))
        [4.]

    Reference: Gatys, Ecker, Bethge, CVPR 2016, equation 4.
    Lecture: section 8, notebook 08.
    """
    style, generated = as_float(style), as_float(generated)
    if not _match(style.shape, generated.shape, num_axes=3) or style.shape[1] != style.shape[2]:
        raise ValueError(
            "`style` and `generated` must be of the same layer: one number of channels, and one "
            "number of images or 1. Received Gram matrices of shapes "
            f"{tuple(style.shape)} and {tuple(generated.shape)}."
        )
    return ops.mean(ops.square(style - generated), axis=(1, 2)) / 4.0


def style_cost(
    style: Mapping[str, TensorLike],
    generated: Mapping[str, TensorLike],
    *,
    weights: Mapping[str, float] | None = None,
) -> Tensor:
    """The style cost over several layers, from fine texture to large strokes.

    J_style(S, G) = Σ_l λ⁽ˡ⁾ · J_style⁽ˡ⁾(S, G).

    Args:
        style: Layer name → activations of S, as `models.build_vgg_features` gives them.
        generated: Layer name → activations of G; layers that have no weight are left alone.
        weights: Layer name → λ, finite and ≥ 0; by default 1 / (number of layers) for each layer
            of `style`.

    Returns:
        Float tensor, shape (batch,), values ≥ 0.

    Raises:
        ValueError: If a layer is missing, a weight is negative, or there is none; or as
            `layer_style_cost`, with the name of the layer.

    Example:
        >>> style = {"block1_conv1": [[[[1.]]]], "block2_conv1": [[[[2.]]]]}
        >>> generated = {"block1_conv1": [[[[0.]]]], "block2_conv1": [[[[0.]]]]}
        >>> print(ops.convert_to_numpy(style_cost(style, generated)))
        [2.125]

    Reference: Gatys, Ecker, Bethge, CVPR 2016, equation 5, with λ = 1/5 for five layers.
    Lecture: section 8, notebook 08.
    """
    if weights is None:
        weights = {name: 1.0 / len(style) for name in style}
    if not weights:
        raise ValueError("`weights` must name at least one layer. Received none.")
    total = 0.0
    for name, weight in weights.items():
        check_weight(f'weights["{name}"]', weight)
        for argument, features in (("style", style), ("generated", generated)):
            if name not in features:
                raise ValueError(
                    f"`{argument}` must have the layer {name!r}, which has a weight. "
                    f"Received: {', '.join(features) or 'no layer'}."
                )
        try:
            total = total + weight * layer_style_cost(style[name], generated[name])
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
    return total


def total_cost(
    content: TensorLike, style: TensorLike, *, alpha: float = 10.0, beta: float = 40.0
) -> Tensor:
    """The cost that is descended: J(G) = α · J_content(C, G) + β · J_style(S, G).

    Only the ratio of α and β decides what the best G looks like.

    Args:
        content: J_content, float tensor of any shape.
        style: J_style, likewise.
        alpha: Weight of the content, finite and ≥ 0.
        beta: Weight of the style, finite and ≥ 0.

    Returns:
        Float tensor of that shape.

    Raises:
        ValueError: If a weight is negative or not finite, or both are 0.

    Example:
        >>> float(total_cost(0.5, 0.25, alpha=1.0, beta=2.0))
        1.0

    Reference: Gatys, Ecker, Bethge, CVPR 2016, equation 7. 10 and 40 are the weights of the
        deeplearning.ai assignment.
    Lecture: section 8, notebook 08.
    """
    check_weight("alpha", alpha)
    check_weight("beta", beta)
    if alpha == 0 and beta == 0:
        raise ValueError("`alpha` and `beta` must not both be 0: nothing would be left to descend.")
    return alpha * as_float(content) + beta * as_float(style)


def check_weight(name: str, weight: float) -> None:
    """Refuses a weight that no cost can have.

    Args:
        name: What the message calls it.
        weight: A finite number, at least 0.

    Raises:
        TypeError: If it is no number.
        ValueError: If it is negative, infinite or NaN.
    """
    if not isinstance(weight, Real):
        raise TypeError(f"`{name}` must be a number. Received: {weight!r}.")
    if not 0 <= weight < math.inf:
        raise ValueError(f"`{name}` must be finite and at least 0. Received: {weight!r}.")


def _match(first: Sequence[int], second: Sequence[int], *, num_axes: int) -> bool:
    """Whether two shapes agree in all axes but the first; and in that, or one has 1 there."""
    return (
        len(first) == len(second) == num_axes
        and tuple(first[1:]) == tuple(second[1:])
        and (first[0] == second[0] or 1 in (first[0], second[0]))
    )
