import math
import re

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from course_utils.losses import content_cost, gram_cost, layer_style_cost, style_cost, total_cost
from course_utils.losses.style import check_weight

LEVELS = st.floats(-4, 4, width=32)


def random_features(shape, seed=0, dtype=np.float64):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def features(*shape):
    return arrays(np.float32, shape, elements=LEVELS)


# --- references: float64, from the papers' sums -------------------------------------------------


def content_reference(content, generated):
    """1 / (4·H·W·C) · Σ (a(C) − a(G))², position by position."""
    height, width, channels = content.shape
    total = math.fsum(
        (float(content[i, j, k]) - float(generated[i, j, k])) ** 2
        for i in range(height)
        for j in range(width)
        for k in range(channels)
    )
    return total / (4 * height * width * channels)


def gram_reference(image):
    """Mean over positions of the products of two channels."""
    image = np.asarray(image, np.float64)
    return np.einsum("ijk,ijl->kl", image, image) / (image.shape[0] * image.shape[1])


def style_reference(style, generated):
    difference = gram_reference(style) - gram_reference(generated)
    return float((difference**2).sum()) / (4 * difference.shape[0] ** 2)


def gatys_reference(style, generated):
    """Equation 4: sums over positions, divided by 4·N²·M², N channels and M positions."""
    num_positions, channels = style.shape[0] * style.shape[1], style.shape[2]
    one, other = (each.reshape(-1, channels).T.astype(np.float64) for each in (style, generated))
    total = ((one @ one.T - other @ other.T) ** 2).sum()
    return float(total) / (4 * channels**2 * num_positions**2)


def slopes(cost, point, step=1e-5):
    """Central differences of a float64 function, one number after the other."""
    found = np.zeros_like(point)
    for index in np.ndindex(point.shape):
        moved = point.copy()
        moved[index] = point[index] + step
        above = float(cost(moved))
        moved[index] = point[index] - step
        found[index] = (above - float(cost(moved))) / (2 * step)
    return found


def gradient(cost, point):
    point = tf.constant(point)
    with tf.GradientTape() as tape:
        tape.watch(point)
        value = tf.reduce_sum(cost(point))
    return tape.gradient(value, point).numpy()


def total_of(cost):
    """The cost of a batch as one number, for `slopes`."""
    return lambda point: np.sum(np.asarray(cost(tf.constant(point))))


# --- the numbers --------------------------------------------------------------------------------


class TestContentCost:
    @pytest.mark.parametrize("shape", [(3, 4, 5), (1, 1, 1), (2, 7, 1), (1, 3, 8)])
    @pytest.mark.parametrize("batch", [1, 3])
    def test_is_the_mean_of_the_squares_divided_by_4(self, shape, batch):
        content, generated = (random_features((batch, *shape), seed) for seed in (1, 2))
        costs = content_cost(content, generated)
        assert costs.shape == (batch,)
        assert costs.dtype == tf.float64
        expected = [content_reference(c, g) for c, g in zip(content, generated, strict=True)]
        np.testing.assert_allclose(costs, expected, rtol=1e-12)

    def test_is_a_share_of_the_sum_of_gatys(self):
        """½ Σ (equation 1) is 2·H·W·C times it."""
        content, generated = (random_features((1, 4, 6, 3), seed) for seed in (1, 2))
        gatys = ((content - generated) ** 2).sum() / 2
        cost = float(content_cost(content, generated)[0])
        assert gatys == pytest.approx(2 * 4 * 6 * 3 * cost, rel=1e-12)

    def test_gradient(self):
        content, point = random_features((2, 2, 3, 2), 1), random_features((2, 2, 3, 2), 2)
        expected = slopes(total_of(lambda g: content_cost(content, g)), point)
        assert np.abs(expected).min() > 1e-4
        np.testing.assert_allclose(
            gradient(lambda g: content_cost(content, g), point), expected, rtol=1e-5, atol=1e-9
        )

    def test_whole_numbers_become_floats(self):
        cost = content_cost(np.full((1, 1, 2, 1), 3), np.full((1, 1, 2, 1), 1, np.uint8))
        assert cost.dtype == tf.float32
        assert float(cost[0]) == 1.0

    def test_other_order_of_positions_costs(self):
        content = random_features((1, 3, 4, 2))
        assert float(content_cost(content, content[:, ::-1])[0]) > 0.1

    @given(features(2, 2, 3, 2), features(2, 2, 3, 2))
    def test_at_least_0_symmetric_and_0_for_the_same(self, content, generated):
        costs = content_cost(content, generated).numpy()
        assert (costs >= 0).all()
        np.testing.assert_array_equal(costs, content_cost(generated, content))
        np.testing.assert_array_equal(content_cost(content, content.copy()), 0)

    @given(features(1, 2, 3, 2), features(1, 2, 3, 2), st.floats(0.125, 4))
    def test_grows_with_the_square_of_the_features(self, content, generated, factor):
        content, generated = content.astype(np.float64), generated.astype(np.float64)
        np.testing.assert_allclose(
            content_cost(factor * content, factor * generated),
            factor**2 * content_cost(content, generated).numpy(),
            rtol=1e-9,
            atol=1e-12,
        )

    @pytest.mark.parametrize(
        ("content", "generated"),
        [
            ((1, 4, 4, 3), (1, 4, 5, 3)),
            ((1, 4, 4, 3), (1, 5, 4, 3)),
            ((1, 4, 4, 3), (1, 4, 4, 2)),
            ((1, 4, 4, 3), (1, 4, 4, 1)),
            ((1, 4, 4, 3), (1, 1, 4, 3)),
            ((2, 4, 4, 3), (3, 4, 4, 3)),
            ((4, 4, 3), (4, 4, 3)),
            ((1, 4, 4, 3), (4, 4, 3)),
            ((1, 1, 4, 4, 3), (1, 1, 4, 4, 3)),
        ],
    )
    def test_shapes_that_do_not_match(self, content, generated):
        with pytest.raises(ValueError, match="C and G need one size") as caught:
            content_cost(np.zeros(content), np.zeros(generated))
        assert f"content.shape={content}, generated.shape={generated}." in str(caught.value)


class TestLayerStyleCost:
    @pytest.mark.parametrize("size", [(3, 4), (1, 1), (5, 2)])
    @pytest.mark.parametrize("channels", [1, 4])
    def test_is_the_mean_square_of_grams_divided_by_4(self, size, channels):
        style = random_features((3, 4, 3, channels), 1)
        generated = random_features((3, *size, channels), 2)
        costs = layer_style_cost(style, generated)
        assert costs.shape == (3,)
        assert costs.dtype == tf.float64
        expected = [style_reference(s, g) for s, g in zip(style, generated, strict=True)]
        np.testing.assert_allclose(costs, expected, rtol=1e-10)

    @pytest.mark.parametrize("shape", [(3, 5, 4), (1, 1, 2), (2, 2, 7)])
    def test_is_equation_4_of_gatys_for_one_size(self, shape):
        style, generated = random_features(shape, 1), random_features(shape, 2)
        cost = float(layer_style_cost(style[None], generated[None])[0])
        assert cost == pytest.approx(gatys_reference(style, generated), rel=1e-10)

    def test_gradient(self):
        style, point = random_features((2, 3, 2, 3), 1), random_features((2, 2, 2, 3), 2)
        expected = slopes(total_of(lambda g: layer_style_cost(style, g)), point)
        assert np.abs(expected).max() > 1e-2
        np.testing.assert_allclose(
            gradient(lambda g: layer_style_cost(style, g), point), expected, rtol=1e-5, atol=1e-8
        )

    @given(features(2, 2, 3, 3), features(2, 3, 2, 3))
    def test_at_least_0_symmetric_and_0_for_the_same(self, style, generated):
        costs = layer_style_cost(style, generated).numpy()
        assert (costs >= 0).all()
        np.testing.assert_array_equal(costs, layer_style_cost(generated, style))
        np.testing.assert_array_equal(layer_style_cost(style, style.copy()), 0)

    @given(features(1, 3, 3, 2), features(1, 2, 4, 2), st.permutations(range(8)))
    def test_where_something_is_does_not_count(self, style, generated, order):
        moved = generated.reshape(1, 8, 2)[:, order].reshape(1, 4, 2, 2)
        np.testing.assert_allclose(
            layer_style_cost(style, moved),
            layer_style_cost(style, generated),
            rtol=1e-4,
            atol=1e-4,
        )

    @given(features(1, 3, 3, 2), features(1, 2, 2, 2), st.integers(1, 3), st.integers(1, 3))
    def test_tiles_of_one_pattern_have_its_style(self, style, generated, down, right):
        tiled = np.tile(generated, (1, down, right, 1))
        np.testing.assert_allclose(
            layer_style_cost(style, tiled),
            layer_style_cost(style, generated),
            rtol=1e-4,
            atol=1e-4,
        )

    @given(features(1, 2, 3, 2), features(1, 3, 2, 2), st.floats(0.125, 4))
    def test_grows_with_the_fourth_power_of_the_features(self, style, generated, factor):
        style, generated = style.astype(np.float64), generated.astype(np.float64)
        np.testing.assert_allclose(
            layer_style_cost(factor * style, factor * generated),
            factor**4 * layer_style_cost(style, generated).numpy(),
            rtol=1e-7,
            atol=1e-9,
        )

    def test_which_channel_it_is_counts(self):
        style = random_features((1, 4, 4, 3)) * [1.0, 2.0, 3.0]
        assert float(layer_style_cost(style, style[..., [2, 1, 0]])[0]) > 1
        both = layer_style_cost(style[..., [1, 0, 2]], style[..., [1, 0, 2]])
        assert float(both[0]) == 0

    def test_which_channels_fire_together_counts(self):
        """One diagonal of the Gram matrices: {(1, 1), (0, 0)} against {(1, 0), (0, 1)}.

        Off the diagonal ½ against 0, twice: 1/(4·2²) · 2 · ¼ = 1/32.
        """
        together = np.array([[[[1.0, 1.0], [0.0, 0.0]]]])
        apart = np.array([[[[1.0, 0.0], [0.0, 1.0]]]])
        assert float(layer_style_cost(together, apart)[0]) == 1 / 32

    @pytest.mark.parametrize(
        ("style", "generated"),
        [((1, 4, 4, 3), (1, 4, 4, 2)), ((1, 4, 4, 3), (1, 4, 4, 1)), ((2, 4, 4, 3), (3, 4, 4, 3))],
    )
    def test_channels_or_images_that_do_not_match(self, style, generated):
        with pytest.raises(ValueError, match="must be of the same layer") as caught:
            layer_style_cost(np.zeros(style), np.zeros(generated))
        grams = [(each[0], each[3], each[3]) for each in (style, generated)]
        assert f"shapes {grams[0]} and {grams[1]}." in str(caught.value)

    @pytest.mark.parametrize("shape", [(4, 4, 3), (4, 3), (1, 1, 4, 4, 3)])
    def test_what_has_not_four_axes(self, shape):
        fine = np.zeros((1, 4, 4, 3))
        for pair in ((np.zeros(shape), fine), (fine, np.zeros(shape))):
            with pytest.raises(ValueError, match=r"`features` must have shape \(batch, height"):
                layer_style_cost(*pair)


class TestGramCost:
    @pytest.mark.parametrize("channels", [1, 2, 5])
    def test_against_a_sum(self, channels):
        one, other = (random_features((2, channels, channels), seed) for seed in (1, 2))
        expected = [
            sum(
                (one[b, k, m] - other[b, k, m]) ** 2
                for k in range(channels)
                for m in range(channels)
            )
            / (4 * channels**2)
            for b in range(2)
        ]
        np.testing.assert_allclose(gram_cost(one, other), expected, rtol=1e-12)

    def test_gradient(self):
        style, point = random_features((1, 3, 3), 1), random_features((2, 3, 3), 2)
        expected = slopes(total_of(lambda g: gram_cost(style, g)), point)
        np.testing.assert_allclose(
            gradient(lambda g: gram_cost(style, g), point), expected, rtol=1e-5, atol=1e-9
        )

    @pytest.mark.parametrize(
        ("style", "generated"),
        [
            ((1, 3, 3), (1, 2, 2)),
            ((1, 3, 3), (1, 1, 1)),
            ((2, 3, 3), (3, 3, 3)),
            ((3, 3), (3, 3)),
            ((1, 3, 3), (3, 3)),
            ((1, 3, 2), (1, 3, 2)),
            ((1, 1, 3, 3), (1, 1, 3, 3)),
        ],
    )
    def test_shapes_that_do_not_match(self, style, generated):
        with pytest.raises(ValueError, match="one number of channels") as caught:
            gram_cost(np.zeros(style), np.zeros(generated))
        assert f"Received Gram matrices of shapes {style} and {generated}." in str(caught.value)


@pytest.mark.parametrize("cost", [content_cost, layer_style_cost])
class TestBatches:
    def test_a_batch_costs_what_its_images_cost(self, cost):
        target, generated = (random_features((4, 3, 5, 2), seed) for seed in (1, 2))
        alone = [float(cost(target[i : i + 1], generated[i : i + 1])[0]) for i in range(4)]
        assert len({round(each, 6) for each in alone}) == 4
        np.testing.assert_allclose(cost(target, generated), alone, rtol=1e-12)

    def test_one_image_stands_for_all(self, cost):
        one, many = random_features((1, 3, 5, 2), 1), random_features((3, 3, 5, 2), 2)
        expected = cost(np.repeat(one, 3, axis=0), many)
        for pair in ((one, many), (many, one)):
            np.testing.assert_allclose(cost(*pair), expected, rtol=1e-12)

    def test_works_in_a_graph_for_images_of_any_size(self, cost):
        spec = tf.TensorSpec((None, None, None, 2), tf.float64)
        graph = tf.function(cost, input_signature=[spec, spec])
        for size in ((3, 5), (1, 2)):
            pair = [random_features((2, *size, 2), seed) for seed in (1, 2)]
            np.testing.assert_allclose(graph(*pair), cost(*pair), rtol=1e-12)

    def test_leaves_its_inputs_alone(self, cost):
        pair = [random_features((1, 3, 3, 2), seed) for seed in (1, 2)]
        copies = [each.copy() for each in pair]
        cost(*pair)
        np.testing.assert_array_equal(pair, copies)


# --- several layers -----------------------------------------------------------------------------


def three_layers(seed, batch=2):
    shapes = {"low": (6, 8, 2), "middle": (3, 4, 3), "high": (1, 2, 5)}
    return {
        name: random_features((batch, *shape), seed + index)
        for index, (name, shape) in enumerate(shapes.items())
    }


class TestStyleCost:
    def test_is_the_mean_over_the_layers_by_default(self):
        style, generated = three_layers(1), three_layers(7)
        expected = [
            np.mean([style_reference(style[name][i], generated[name][i]) for name in style])
            for i in range(2)
        ]
        np.testing.assert_allclose(style_cost(style, generated), expected, rtol=1e-10)

    def test_weights(self):
        style, generated = three_layers(1), three_layers(7)
        weights = {"low": 0.5, "high": 3.0}
        expected = [
            sum(
                weight * style_reference(style[name][i], generated[name][i])
                for name, weight in weights.items()
            )
            for i in range(2)
        ]
        found = style_cost(style, generated, weights=weights)
        assert found.shape == (2,)
        np.testing.assert_allclose(found, expected, rtol=1e-10)

    @given(*[arrays(np.float64, 3, elements=st.floats(0, 10))] * 2)
    def test_is_linear_in_the_weights(self, first, second):
        style, generated = three_layers(1), three_layers(7)
        one, other = (dict(zip(style, each, strict=True)) for each in (first, second))
        both = {name: one[name] + 2 * other[name] for name in style}
        cost = {
            key: style_cost(style, generated, weights=weights).numpy()
            for key, weights in (("one", one), ("other", other), ("both", both))
        }
        np.testing.assert_allclose(
            cost["both"], cost["one"] + 2 * cost["other"], rtol=1e-10, atol=1e-12
        )

    def test_a_weight_of_0_leaves_a_layer_out(self):
        style, generated = three_layers(1), three_layers(7)
        np.testing.assert_allclose(
            style_cost(style, generated, weights={"low": 0, "high": 2}),
            style_cost(style, generated, weights={"high": 2}),
            rtol=1e-12,
        )

    def test_layers_of_the_generated_image_without_weight_are_left_alone(self):
        style, generated = three_layers(1), three_layers(7)
        del style["middle"]
        expected = (
            layer_style_cost(style["low"], generated["low"])
            + layer_style_cost(style["high"], generated["high"])
        ) / 2
        np.testing.assert_allclose(style_cost(style, generated), expected, rtol=1e-12)

    def test_gradient_on_one_layer(self):
        style, generated = three_layers(1), three_layers(7)
        weights = {"low": 0.5, "middle": 2.0}

        def cost(point):
            return style_cost(style, {**generated, "middle": point}, weights=weights)

        expected = slopes(total_of(cost), generated["middle"])
        np.testing.assert_allclose(
            gradient(cost, generated["middle"]), expected, rtol=1e-5, atol=1e-8
        )

    @pytest.mark.parametrize("argument", ["style", "generated"])
    def test_a_layer_that_is_missing(self, argument):
        layers = {"style": three_layers(1), "generated": three_layers(7)}
        del layers[argument]["middle"]
        words = f"`{argument}` must have the layer 'middle', which has a weight. Received: low, hig"
        with pytest.raises(ValueError, match=words):
            style_cost(**layers, weights={"low": 1.0, "middle": 1.0})
        layers[argument] = {}
        with pytest.raises(ValueError, match=f"`{argument}` must .*Received: no layer"):
            style_cost(**layers, weights={"low": 1.0})

    @pytest.mark.parametrize("weight", [-0.1, math.nan, math.inf])
    def test_a_weight_that_no_cost_has(self, weight):
        words = rf'`weights\["high"\]` must be finite and at least 0\. Received: {weight!r}\.'
        with pytest.raises(ValueError, match=words):
            style_cost(three_layers(1), three_layers(7), weights={"low": 1.0, "high": weight})

    @pytest.mark.parametrize("weight", ["1", None, [1.0]])
    def test_a_weight_that_is_no_number(self, weight):
        words = rf'`weights["high"]` must be a number. Received: {weight!r}.'
        with pytest.raises(TypeError, match=re.escape(words)):
            style_cost(three_layers(1), three_layers(7), weights={"low": 1.0, "high": weight})

    def test_no_layer_at_all(self):
        with pytest.raises(ValueError, match="`weights` must name at least one layer"):
            style_cost(three_layers(1), three_layers(7), weights={})
        with pytest.raises(ValueError, match="`weights` must name at least one layer"):
            style_cost({}, three_layers(7))

    def test_a_shape_that_does_not_match_is_told_with_its_layer(self):
        style, generated = three_layers(1), three_layers(7)
        generated["middle"] = generated["middle"][..., :2]
        with pytest.raises(ValueError, match=r"^middle: .*\(2, 3, 3\) and \(2, 2, 2\)"):
            style_cost(style, generated)


class TestTotalCost:
    @given(*[st.floats(0, 100)] * 3, st.floats(0.125, 100))
    def test_is_a_weighted_sum(self, content, style, alpha, beta):
        total = total_cost(np.float64(content), np.float64(style), alpha=alpha, beta=beta)
        assert float(total) == pytest.approx(alpha * content + beta * style, rel=1e-12)

    def test_of_a_batch(self):
        content, style = np.array([1.0, 2.0, 0.0]), np.array([0.0, 1.0, 3.0])
        np.testing.assert_allclose(total_cost(content, style, alpha=2, beta=0.5), [2.0, 4.5, 1.5])

    def test_only_the_ratio_of_the_weights_matters(self):
        content, style = np.array([1.0, 2.0]), np.array([3.0, 1.0])
        np.testing.assert_allclose(
            total_cost(content, style, alpha=3.0, beta=6.0),
            3 * total_cost(content, style, alpha=1.0, beta=2.0).numpy(),
        )

    def test_one_of_the_weights_may_be_0(self):
        assert float(total_cost(3.0, 5.0, alpha=0, beta=2.0)) == 10.0
        assert float(total_cost(3.0, 5.0, alpha=2.0, beta=0)) == 6.0
        with pytest.raises(ValueError, match="`alpha` and `beta` must not both be 0"):
            total_cost(3.0, 5.0, alpha=0, beta=0.0)

    @pytest.mark.parametrize("name", ["alpha", "beta"])
    @pytest.mark.parametrize("weight", [-1, math.nan, math.inf, -math.inf])
    def test_a_weight_that_no_cost_has(self, name, weight):
        words = rf"`{name}` must be finite and at least 0\. Received: {weight!r}\."
        with pytest.raises(ValueError, match=words):
            total_cost(1.0, 1.0, **{name: weight})

    @pytest.mark.parametrize("name", ["alpha", "beta"])
    def test_a_weight_that_is_no_number(self, name):
        with pytest.raises(TypeError, match=rf"`{name}` must be a number\. Received: '2'\."):
            total_cost(1.0, 1.0, **{name: "2"})


def test_check_weight_takes_what_is_finite_and_not_negative():
    for weight in (0, 0.0, 5, 1e-300, np.float32(0.5), np.int64(2)):
        check_weight("weight", weight)
    with pytest.raises(ValueError, match=r"`w` must be finite .* Received: -1e-300\."):
        check_weight("w", -1e-300)
    for weight in ("1", None, (1,), 1j, np.ones(1)):
        with pytest.raises(TypeError, match=r"`w` must be a number\. Received: "):
            check_weight("w", weight)
