"""Exercises of notebook 08: content cost, Gram matrix, style cost, and what style cannot see."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

from course_utils.exercises.checking import (
    NotAttempted,
    Wrong,
    call,
    check,
    close,
    given,
    numbers,
    shown,
)

Gram: TypeAlias = Callable[[np.ndarray], np.ndarray]
Reduction: TypeAlias = Callable[[np.ndarray], Any]  # of the gap between two Gram matrices

POSITIONS = np.array([[[1.0, 2.0], [3.0, 0.0]]])  # two positions side by side, two channels

# What one does to features of shape (H, W, K), and why that matters to a Gram matrix or not.
CHANGES: dict[str, tuple[Gram, str]] = {
    "shuffle the pixels": (
        lambda features: features[:, [1, 0]],
        "G sums over the positions, and a sum has no order",
    ),
    "mirror the image's features": (
        lambda features: features[:, ::-1],
        "mirrored positions are the same positions in another order",
    ),
    "shuffle the channels": (
        lambda features: features[..., [1, 0]],
        "rows and columns of G belong to channels and are shuffled along",
    ),
    "double every activation": (
        lambda features: 2 * features,
        "each entry is a product of two activations and grows fourfold",
    ),
    "tile the features 2 × 2": (
        lambda features: np.tile(features, (2, 2, 1)),
        "four times the sum over four times as many positions is the same mean",
    ),
    "subtract each channel's mean": (
        lambda features: features - features.mean(axis=(0, 1)),
        "the products of the means are in G; without them one gets the covariance",
    ),
}


@check("a mean over all activations, and a quarter of it.")
def check_content_cost(function: Callable[..., Any]) -> None:
    """A function (content, generated) → J_content of two arrays of shape (H, W, K).

    Lecture: section 8, notebook 08.
    """
    steps = np.array([1, -2, 0, 3, 1, 4, 2, 0, -5, 1, 2, -3])  # Σ d² = 74, Σ |d| = 24, Σ d = 4
    content = np.arange(12.0).reshape(2, 2, 3)
    generated = content - steps.reshape(2, 2, 3)
    found = numbers(call(function, content, generated), 1)[0]
    if close(found, 74):
        raise Wrong("that is the sum; divide it by 4·H·W·K, or it grows with the image.")
    if close(found, 74 / 2):
        raise Wrong("that is half the sum, as in the paper of Gatys; here divide by 4·H·W·K.")
    if close(found, 74 / 4):
        raise Wrong("a quarter, but of the sum: divide by H·W·K too.")
    if close(found, 74 / 12):
        raise Wrong("that is the mean; a quarter of it, 1/(4·H·W·K), was asked for.")
    if close(found, 74 / 24):
        raise Wrong("that is half the mean; the formula has 1/4.")
    if close(found, 74 / 16):
        raise Wrong("divide by the channels too: there are H·W·K activations.")
    if any(close(found, 24 / divisor) for divisor in (1, 2, 4, 12, 24, 48)):
        raise Wrong("square the differences; these are their absolute values.")
    if any(close(found, 4 / divisor) or close(found, 16 / divisor) for divisor in (1, 12, 48)):
        raise Wrong("square each difference before summing, or those of unlike sign cancel.")
    if any(close(found, np.sqrt(74 / divisor)) for divisor in (1, 12, 48)):
        raise Wrong("no root: the cost is made of squares.")
    if not close(found, 74 / 48):
        raise Wrong(f"expected 74 / (4·2·2·3) = {74 / 48:.4f}, got {found:.4f}.")
    content, generated = np.zeros((1, 5, 2)), np.full((1, 5, 2), -3.0)
    found = numbers(call(function, content, generated), 1)[0]
    if not close(found, 2.25):
        raise Wrong(f"right once, but for shape (1, 5, 2) expected 2.25, got {found:.4g}.")


@check("channel by channel: how strongly two of them are there together, on average.")
def check_gram_matrix(function: Callable[..., Any]) -> None:
    """A function (features) → the Gram matrix, shape (K, K), of an array of shape (H, W, K).

    Lecture: section 8, notebook 08.
    """
    features = np.array([[[1.0, 2.0, 0.0], [3.0, 0.0, 1.0]], [[0.0, 1.0, 4.0], [2.0, 2.0, 5.0]]])
    flat = features.reshape(4, 3)  # a row is a position
    expected = flat.T @ flat / 4
    result = call(function, features)
    shape = np.shape(result)
    if shape == (4, 4):
        raise Wrong(
            "that is positions × positions, (H·W, H·W): multiply channels with channels, FᵀF."
        )
    if shape == (3,):
        raise Wrong("each channel with *each* channel: that is the diagonal only.")
    if shape != (3, 3):
        raise Wrong(f"two axes, (K, K), here (3, 3), and no others; got shape {shape}.")
    found = numbers(result, 9).reshape(3, 3)
    reread = features.reshape(3, 4)
    mixed = [reread @ reread.T, reread @ flat]
    if any(np.allclose(found, each / divisor) for each in mixed for divisor in (1, 3, 4, 12)):
        raise Wrong(
            "reshape(K, H·W) does not bring the channels to the front, it mixes them: "
            "reshape to (H·W, K), then transpose."
        )
    if any(np.allclose(found, np.cov(flat.T, bias=True) * factor) for factor in (1, 4, 4 / 3)):
        raise Wrong("that is the covariance: subtract no mean.")
    if np.allclose(found, 4 * expected):
        raise Wrong("take the mean over the positions, not the sum: S and G may differ in size.")
    if np.allclose(found, expected / 3):
        raise Wrong("divide by H·W only; K comes in later, in the cost.")
    if np.allclose(found, expected * 4 / 3):
        raise Wrong("the mean is over the positions: divide by H·W, not by K.")
    if np.allclose(found, np.diag(np.diag(expected))):
        raise Wrong("the products of two different channels are missing, off the diagonal.")
    if np.allclose(found, np.triu(expected)) or np.allclose(found, np.tril(expected)):
        raise Wrong("both halves: G_kl = G_lk, the matrix is symmetric.")
    if np.allclose(np.diag(found), 1):
        raise Wrong("those are correlations or cosines; leave the products as large as they are.")
    if not np.allclose(found, expected):
        raise Wrong(f"expected {expected.tolist()}, got {found.tolist()}.")
    features = np.array([[[2.0, -1.0, 0.0, 1.0], [-4.0, 3.0, 1.0, 0.0]]])
    result = call(function, features)
    if np.shape(result) != (4, 4):
        raise Wrong(f"right once, but for features of shape (1, 2, 4) got {np.shape(result)}.")
    found = numbers(result, 16).reshape(4, 4)
    if not np.allclose(found, np.einsum("ijk,ijl->kl", features, features) / 2):
        raise Wrong("right once, but not for shape (1, 2, 4) with activations below 0.")


@check("each layer by itself, and images of any two sizes can be compared.")
def check_style_cost(function: Callable[..., Any]) -> None:
    """A function (style_features, generated_features, weights) → J_style.

    All three are dicts by layer; the features have shape (H, W, K), which differs from layer to
    layer, and H and W also between the two images.

    Lecture: section 8, notebook 08.
    """
    rng = np.random.default_rng(8)
    shapes = {"block1": (2, 3, 2), "block2": (2, 1, 3)}
    style = {layer: rng.integers(5, size=shape).astype(float) for layer, shape in shapes.items()}
    other = {layer: rng.integers(5, size=shape).astype(float) for layer, shape in shapes.items()}
    weights = {"block1": 0.25, "block2": 1.5}
    found = numbers(call(function, dict(style), dict(other), dict(weights)), 1)[0]

    def is_cost(
        reduce: Reduction = _quarter_mean,
        gram: Gram = _gram,
        weights: dict[str, float] = weights,
    ) -> bool:
        return close(found, _style_cost(style, other, weights, gram, reduce))

    expected = _style_cost(style, other, weights)
    unweighted = _style_cost(style, other, dict.fromkeys(weights, 1.0))
    if close(found, unweighted) or close(found, unweighted / 2):
        raise Wrong("each layer's cost is multiplied by its λ from `weights`.")
    if close(found, expected / 1.75):
        raise Wrong("take the λ as they are; they need not sum to 1.")
    if close(found, expected / 2):
        raise Wrong("the layers are summed, not averaged.")
    if is_cost(lambda gap: np.mean(gap**2)):
        raise Wrong("that is the mean over G's entries; the quarter of 1/(4·K²) is missing.")
    if is_cost(lambda gap: np.sum(gap**2)) or is_cost(lambda gap: np.sum(gap**2) / 4):
        raise Wrong("divide by K², the number of entries of G, or wide layers count for more.")
    if is_cost(lambda gap: np.sum(gap**2) / (4 * len(gap))):
        raise Wrong("G has K² entries, not K: divide by 4·K².")
    if is_cost(gram=_gram_of_sums):
        raise Wrong("in the Gram matrix divide by H·W: with sums, a larger image has more style.")
    if is_cost(lambda gap: np.mean(np.abs(gap)) / 4) or is_cost(lambda gap: np.mean(np.abs(gap))):
        raise Wrong("square the differences of the Gram matrices; these are absolute values.")
    if is_cost(gram=np.asarray) or is_cost(lambda gap: np.mean(gap**2) / 4, np.asarray):
        raise Wrong("compare the Gram matrices; the features themselves are for the content cost.")
    if is_cost(lambda gap: np.mean(gap) ** 2 / 4) or is_cost(lambda gap: np.sum(gap) ** 2 / 4):
        raise Wrong("square each entry's difference before summing, or unlike signs cancel.")
    if not close(found, expected):
        raise Wrong(f"two layers: expected {expected:.4f}, got {found:.4f}.")
    weights = {"near": 2.0, "far": 0.5}
    style = {"far": np.array([[[1.0, 0.0], [2.0, 1.0], [0.0, 4.0]]]), "near": np.ones((1, 1, 2))}
    other = {"near": np.full((2, 2, 2), 2.0), "far": np.array([[[0.0, -2.0]], [[1.0, 1.0]]])}
    expected = _style_cost(style, other, weights)
    found = numbers(call(function, dict(style), dict(other), dict(weights)), 1)[0]
    in_order: list[dict[int, Any]] = [
        dict(enumerate(each.values())) for each in (style, other, weights)
    ]
    by_name = {layer: weights[layer] for layer in style}  # λ right, the features by their order
    if close(found, _style_cost(in_order[0], in_order[1], in_order[2])) or close(
        found, _style_cost(in_order[0], in_order[1], dict(enumerate(by_name.values())))
    ):
        raise Wrong("find a layer by its name in all three dicts: their orders may differ.")
    if close(found, _style_cost(style, other, dict(zip(weights, [0.5, 2.0], strict=True)))):
        raise Wrong("each λ belongs to the layer of its name; the dicts' orders may differ.")
    if any(close(found, cost) for cost in _costs_with_one_size(style, other, weights)):
        raise Wrong("S and G differ in size: divide each Gram matrix by its own H·W.")
    if not close(found, expected):
        raise Wrong(
            "right for images of one size, but for S and G of different sizes expected "
            f"{expected:.4f}, got {found:.4f}."
        )


@check("the Gram matrix forgets where things are, and keeps which of them go together.")
def check_gram_blindness(answer: dict[str, Any]) -> None:
    """Change of a layer's features → whether their Gram matrix stays the same (True or False).

    Lecture: section 8, notebook 08.
    """
    answer = given(answer)
    if not isinstance(answer, dict):
        raise Wrong(f"give the dict of the six changes, got {shown(answer)}.")
    if set(answer) != set(CHANGES):
        raise Wrong(f"the keys are {', '.join(map(repr, CHANGES))}; keep them as they are.")
    if all(value is ... or value is None for value in answer.values()):
        raise NotAttempted
    before = _gram(POSITIONS)
    for change, (apply, reason) in CHANGES.items():
        said = answer[change]
        if said is ... or said is None:
            raise Wrong(f"{change!r} is still to be answered: True or False.")
        if not isinstance(said, bool | np.bool_):
            raise Wrong(f"{change!r}: expected True or False, got {shown(said)}.")
        after = _gram(apply(POSITIONS))
        if bool(said) != np.allclose(before, after):
            raise Wrong(
                f"{change!r}: {reason}. Two positions with the activations (1, 2) and (3, 0) have "
                f"G = {_written(before)}, and after the change {_written(after)}."
            )


def _gram(features: np.ndarray) -> np.ndarray:
    return _gram_of_sums(features) / (features.shape[0] * features.shape[1])


def _gram_of_sums(features: np.ndarray) -> np.ndarray:
    return np.einsum("ijk,ijl->kl", features, features)


def _quarter_mean(gap: np.ndarray) -> float:
    return np.sum(gap**2) / (4 * gap.shape[-1] ** 2)


def _style_cost(
    style: Mapping[Any, np.ndarray],
    generated: Mapping[Any, np.ndarray],
    weights: Mapping[Any, float],
    gram: Gram = _gram,
    reduce: Reduction = _quarter_mean,
) -> float:
    """The cost, right by default; other Gram matrices and other means make known mistakes."""
    return sum(
        weight * reduce(gram(style[layer]) - gram(generated[layer]))
        for layer, weight in weights.items()
    )


def _costs_with_one_size(
    style: Mapping[str, np.ndarray],
    generated: Mapping[str, np.ndarray],
    weights: Mapping[str, float],
) -> list[float]:
    """What comes out if the positions of one image stand for those of both."""
    costs = []
    for of_both in (style, generated):
        positions = {layer: of_both[layer][..., 0].size for layer in weights}
        squared = {layer: weight / positions[layer] ** 2 for layer, weight in weights.items()}
        costs.append(_style_cost(style, generated, squared, _gram_of_sums))
    return costs


def _written(matrix: np.ndarray) -> str:
    rows = (", ".join(f"{entry:g}" for entry in row) for row in matrix)
    return "[" + ", ".join(f"[{row}]" for row in rows) + "]"
