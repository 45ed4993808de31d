"""What is descended: J(G) and its gradient on the pixels, for one content and any styles."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import tensorflow as tf
from PIL import Image

from course_utils.losses.style import check_weight, content_cost, gram_cost
from course_utils.models.vgg import POOLINGS, build_vgg_features
from course_utils.tensors import gram_matrix, total_variation

CONTENT_LAYERS = MappingProxyType({"block4_conv2": 1.0})
STYLE_LAYERS = MappingProxyType({f"block{block}_conv1": 0.2 for block in range(1, 6)})
OUTSIDE = 100.0  # price of levels that no picture can show, below 0 and above 255
SILENCE = 1e-12  # smallest cost that a silent layer may stand for: nothing is divided by 0

Targets: TypeAlias = dict[str, Any]  # tensors, or layer → tensor: what `Objective` prepares
Traced: TypeAlias = Callable[[tf.Tensor, Targets], tuple[tf.Tensor, tf.Tensor]]


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What the generated image is asked to be like, and how much each wish weighs.

    J(G) = α · J_content(C, G) + β · J_style(S, G) + γ · V(G), V the mean step between neighbouring
    pixels. The activations of one layer may be a thousand times those of another; so the costs of
    each layer are divided here by what they would be if G left the layer silent (all activations
    0): 1 is as far from C, or from S, as silence is. Then weights mean the same in all layers, for
    all images, and for other networks.

    Levels below 0 or above 255, which no picture can show, are seen as 0 and 255; and being there
    has a price, so that G comes back. What is shown in the end costs what the descent reached.

    Attributes:
        content_layers: Layer → weight in J_content; deeper layers leave G more freedom.
        style_layers: Layer → λ in J_style; the first sees the colours and finest texture, the last
            the largest strokes.
        alpha: α, weight of the content; 0 leaves a texture of the style alone.
        beta: β, weight of the style; 0 leaves a reconstruction of the content alone.
        smoothness: γ, weight of the total variation, V = Σ |steps| / (255 · H·W·3).
        style_weights: A weight for each style if there are several; equal by default. They are
            divided by their sum.
        style_scale: Size of the strokes: the longer side of each style image is this many times
            that of the picture.
        pooling: "max", or "average", which Gatys et al. preferred.
        weights: Of the network: "hed", "imagenet" or None, see `models.build_vgg_features`. None
            draws random ones, which differ from session to session unless Keras is seeded.

    Raises:
        ValueError: If a weight is negative or not finite, no layer is named, α and β are 0, or
            `pooling` is unknown.
        TypeError: If a weight is no number, or the layers are no dict.

    Example:
        >>> Costs(beta=100.0).style_layers["block1_conv1"]
        0.2

    Reference: Gatys, Ecker, Bethge, CVPR 2016: there α/β is 10⁻³ or 10⁻⁴ for costs that are not
        divided by those of silence, the content's layer is block4_conv2 and λ = 1/5 for the same
        five layers.
    Lecture: sections 6 and 8, notebooks 06 and 08.
    """

    content_layers: Mapping[str, float] = field(default_factory=lambda: CONTENT_LAYERS)
    style_layers: Mapping[str, float] = field(default_factory=lambda: STYLE_LAYERS)
    alpha: float = 1.0
    beta: float = 10.0
    smoothness: float = 3.0
    style_weights: Sequence[float] | None = None
    style_scale: float = 1.0
    pooling: str = "max"
    weights: str | None = "hed"

    def __post_init__(self) -> None:
        for name in ("alpha", "beta", "smoothness"):
            check_weight(name, getattr(self, name))
        if self.alpha == 0 and self.beta == 0:
            raise ValueError("`alpha` and `beta` must not both be 0: G could be anything.")
        for name, price in (("content_layers", self.alpha), ("style_layers", self.beta)):
            layers = getattr(self, name)
            if not isinstance(layers, Mapping):
                raise TypeError(f"`{name}` must be a dict, layer to weight. Received: {layers!r}.")
            for layer, weight in layers.items():
                check_weight(f'{name}["{layer}"]', weight)
            if not sum(layers.values()) > 0 and price > 0:
                raise ValueError(f"`{name}` must give weight to a layer. Received: {dict(layers)}.")
        if self.style_weights is not None:
            if not isinstance(self.style_weights, Sequence):
                raise TypeError(
                    "`style_weights` must be a list, a number for each style. "
                    f"Received: {self.style_weights!r}."
                )
            for index, weight in enumerate(self.style_weights):
                check_weight(f"style_weights[{index}]", weight)
            if not sum(self.style_weights) > 0:
                raise ValueError("`style_weights` must not all be 0.")
        check_weight("style_scale", self.style_scale)
        if self.style_scale == 0:
            raise ValueError(f"`style_scale` must be positive. Received: {self.style_scale}.")
        if self.pooling not in POOLINGS:
            raise ValueError(f'`pooling` must be "max" or "average". Received: {self.pooling!r}.')

    def shares(self, num_styles: int) -> np.ndarray:
        """How much each of the styles counts.

        Args:
            num_styles: Styles that there are.

        Returns:
            Float32 array, shape (num_styles,), values that sum to 1.

        Raises:
            ValueError: If `style_weights` are not as many.
        """
        weights = [1.0] * num_styles if self.style_weights is None else list(self.style_weights)
        if len(weights) != num_styles:
            raise ValueError(
                "`style_weights` must have a weight for each style. "
                f"Received: {len(weights)} weights for {num_styles} styles."
            )
        return np.array(weights, dtype=np.float32) / np.float32(sum(weights))

    @property
    def smallest_side(self) -> int:
        """Pixels that an image needs in height and width: each pooling halves them."""
        return _network(*self.used_layers, self.pooling, self.weights).smallest_side

    @property
    def used_layers(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The layers that weigh anything: those of the content, those of the style."""
        content, style = (
            tuple(name for name, weight in layers.items() if weight > 0 and price > 0)
            for layers, price in (
                (self.content_layers, self.alpha),
                (self.style_layers, self.beta),
            )
        )
        return content, style


class CostValues(NamedTuple):
    """The cost of an image, and its parts.

    Attributes:
        total: J = α · content + β · style + γ · variation, and the price of impossible levels.
        content: J_content, divided by that of silence.
        style: J_style, likewise.
        variation: V, the mean step between neighbouring pixels, as a share of 255.
    """

    total: float
    content: float
    style: float
    variation: float


class Objective:
    """J(G) for a given C and given styles, ready to be evaluated many times.

    What never changes, the activations of C and the Gram matrices of the styles, is computed once.

    Args:
        content: C, float32 array, shape (height, width, 3), RGB 0–255.
        styles: The styles S, each likewise, of any sizes.
        costs: What counts.
        mask: Where the style is wanted, float32 array, shape (height, width), values in [0, 1]; or
            None for everywhere. The Gram matrices are then means over the masked positions.

    Example:
        >>> grey = np.full((32, 32, 3), 128.0, dtype=np.float32)
        >>> objective = Objective(grey, [grey], Costs())
        >>> objective(grey)[0].total
        0.0
    """

    def __init__(
        self,
        content: np.ndarray,
        styles: Sequence[np.ndarray],
        costs: Costs,
        *,
        mask: np.ndarray | None = None,
    ) -> None:
        content_layers, style_layers = costs.used_layers
        self._network = _network(content_layers, style_layers, costs.pooling, costs.weights)
        shares = costs.shares(len(styles))
        targets: Targets = {
            "prices": tf.constant([costs.alpha, costs.beta, costs.smoothness], tf.float32),
            "content": {},
            "content_weights": {},
            "grams": {},
            "style_weights": {},
        }
        if content_layers:
            seen = self._network.features(content)
            for name in content_layers:
                activations = seen[name]
                silence = content_cost(activations, tf.zeros_like(activations)).numpy()[0]
                weight = costs.content_layers[name] / max(silence, SILENCE)
                targets["content"][name] = activations
                targets["content_weights"][name] = tf.constant(weight, tf.float32)
        if style_layers:
            seen_styles = [self._network.features(style) for style in styles]
            for name in style_layers:
                grams = tf.concat([gram_matrix(seen[name]) for seen in seen_styles], axis=0)
                silence = gram_cost(grams, tf.zeros_like(grams)).numpy()
                weights = costs.style_layers[name] * shares / np.maximum(silence, SILENCE)
                targets["grams"][name] = grams
                targets["style_weights"][name] = tf.constant(weights, tf.float32)
        self.content = np.array(content, dtype=np.float32)  # a copy: the caller's may change
        if mask is not None:
            if mask.shape != content.shape[:2]:
                raise ValueError(
                    f"`mask` must have the size of `content`, {content.shape[:2]}. "
                    f"Received: {mask.shape}."
                )
            targets["base"] = tf.constant(self.content[None])
            targets["mask"] = tf.constant(mask[None, :, :, None], tf.float32)
            sizes = self._network.sizes(content.shape[:2])
            targets["layer_masks"] = {name: _fitted(mask, sizes[name]) for name in style_layers}
        self._targets = targets
        self._evaluate = self._network.traced(targets)

    def __call__(self, image: np.ndarray) -> tuple[CostValues, np.ndarray]:
        """The cost of an image and the gradient, on the pixels.

        Args:
            image: G, or what is mixed into C where there is a mask; float array, shape
                (height, width, 3), RGB, about 0–255.

        Returns:
            The cost and its parts, and ∂J/∂image, float32 array of the image's shape.

        Raises:
            ValueError: If the image has not the size of the content.
        """
        if np.shape(image) != self.content.shape:
            raise ValueError(
                f"`image` must have the shape of the content, {self.content.shape}. "
                f"Received: {np.shape(image)}."
            )
        pixels = tf.constant(np.asarray(image, dtype=np.float32)[None])
        values, gradient = self._evaluate(pixels, self._targets)
        return CostValues(*(float(value) for value in values.numpy())), gradient.numpy()[0]

    def painted(self, image: np.ndarray) -> np.ndarray:
        """What is seen: the image itself, or, with a mask, C with the image mixed in.

        Args:
            image: As for a call.

        Returns:
            Float32 array of the same shape, within 0–255.
        """
        levels = np.clip(np.asarray(image, dtype=np.float32), 0, 255)
        return _mixed(tf.constant(levels[None]), self._targets).numpy()[0]


class _Network:
    """The frozen network and the graph of the cost, which serve images of all sizes."""

    def __init__(
        self,
        content_layers: tuple[str, ...],
        style_layers: tuple[str, ...],
        pooling: str,
        weights: str | None,
    ) -> None:
        layers = list(dict.fromkeys((*content_layers, *style_layers)))
        self._model = build_vgg_features(layers, pooling=pooling, weights=weights)
        self._functions: dict[tuple[bool, int], Traced] = {}

    @property
    def smallest_side(self) -> int:
        """Pixels that an image needs for the deepest layer."""
        return self._model.get_layer("preprocessed").minimum_size

    def features(self, image: np.ndarray) -> dict[str, tf.Tensor]:
        """Layer → activations of one image, shape (1, height, width, channels)."""
        return self._model(tf.constant(image[None], tf.float32))

    def sizes(self, size: tuple[int, int]) -> dict[str, tuple[int, int]]:
        """Layer → height and width of its maps for an image of that size."""
        shapes = self._model.compute_output_shape((1, *size, 3))
        return {name: (shape[1], shape[2]) for name, shape in shapes.items()}

    def traced(self, targets: Targets) -> Traced:
        """The function from pixels and targets to J, its parts and its gradient.

        It is traced once for images of any size: with a mask or without, for so many styles.
        """
        num_styles = next((each.shape[0] for each in targets["grams"].values()), 0)
        key = ("mask" in targets, num_styles)
        if key not in self._functions:
            specs = tf.nest.map_structure(_of_any_size, targets)
            pixels = tf.TensorSpec((1, None, None, 3), tf.float32)
            self._functions[key] = tf.function(self._cost).get_concrete_function(pixels, specs)
        return self._functions[key]

    def _cost(self, pixels: tf.Tensor, targets: Targets) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(pixels)
            possible = tf.clip_by_value(pixels, 0.0, 255.0)
            image = _mixed(possible, targets)
            seen = self._model(image)
            content, style = tf.constant(0.0), tf.constant(0.0)
            for name, weight in targets["content_weights"].items():
                content += weight * content_cost(targets["content"][name], seen[name])[0]
            for name, weights in targets["style_weights"].items():
                gram = _gram(seen[name], targets.get("layer_masks", {}).get(name))
                style += tf.reduce_sum(weights * gram_cost(targets["grams"][name], gram))
            size = tf.cast(tf.size(image), tf.float32)
            variation = total_variation(image)[0] / (255.0 * size)
            alpha, beta, gamma = tf.unstack(targets["prices"])
            outside = tf.reduce_mean(tf.square((pixels - possible) / 255.0))
            total = alpha * content + beta * style + gamma * variation + OUTSIDE * outside
        return tf.stack([total, content, style, variation]), tape.gradient(total, pixels)


@functools.lru_cache(maxsize=4)  # a trunk takes 59 MB and a second to read
def _network(
    content_layers: tuple[str, ...],
    style_layers: tuple[str, ...],
    pooling: str,
    weights: str | None,
) -> _Network:
    return _Network(content_layers, style_layers, pooling, weights)


def _gram(features: tf.Tensor, mask: tf.Tensor | None) -> tf.Tensor:
    """The Gram matrix, or the one of the masked positions."""
    if mask is None:
        return gram_matrix(features)
    return gram_matrix(features * tf.sqrt(mask)) / tf.maximum(tf.reduce_mean(mask), 1e-6)


def _mixed(pixels: tf.Tensor, targets: Targets) -> tf.Tensor:
    """G, or where there is a mask C + mask · (G − C)."""
    if "mask" not in targets:
        return pixels
    return targets["base"] + targets["mask"] * (pixels - targets["base"])


def _fitted(mask: np.ndarray, size: tuple[int, int]) -> tf.Tensor:
    """A mask at the size of a layer's maps, each position the mean of its pixels."""
    image = Image.fromarray(np.asarray(mask, dtype=np.float32))
    small = image.resize((size[1], size[0]), Image.Resampling.BOX)
    return tf.constant(np.asarray(small)[None, :, :, None], tf.float32)


def _of_any_size(tensor: tf.Tensor) -> tf.TensorSpec:
    """The specification of a tensor, height and width of maps left open."""
    if len(tensor.shape) != 4:
        return tf.TensorSpec(tensor.shape, tensor.dtype)
    return tf.TensorSpec((1, None, None, tensor.shape[3]), tensor.dtype)
