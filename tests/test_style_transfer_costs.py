import math
import re

import numpy as np
import pytest

from course_utils.models import build_vgg_features
from course_utils.style_transfer import Costs, CostValues, Objective
from course_utils.style_transfer.costs import OUTSIDE

MEAN_RGB = np.array([122.67892, 116.66877, 104.00699])  # that HED subtracts
CONTENT = {"block1_conv2": 0.7}
STYLE = {"block1_conv1": 0.5, "block2_conv1": 1.5}
SIZE = (24, 32)


def costs_of(**options):
    numbers = {"alpha": 1.0, "beta": 10.0, "smoothness": 0.0, "style_scale": 1.0}
    return Costs(**{"content_layers": CONTENT, "style_layers": STYLE, **numbers, **options})


def random_image(seed=0, size=SIZE):
    """Soft spots and some noise, so that no layer sees noise alone."""
    rng = np.random.default_rng(seed)
    height, width = size
    coarse = rng.uniform(0, 255, (-(-height // 4), -(-width // 4), 3))
    spots = np.kron(coarse, np.ones((4, 4, 1)))[:height, :width]
    return np.clip(spots + rng.normal(0, 15, (*size, 3)), 0, 255).astype(np.float32)


def beyond(image):
    """With more contrast: many levels are below 0 or above 255."""
    beyond = image * 1.5 - 60
    assert (beyond < -1).mean() > 0.03
    assert (beyond > 256).mean() > 0.03
    return beyond


def soft_mask(size=SIZE, seed=5):
    """0 in the left third, 1 in the right third, shares between them."""
    mask = np.random.default_rng(seed).uniform(0, 1, size).astype(np.float32)
    mask[:, : size[1] // 3] = 0
    mask[:, -(size[1] // 3) :] = 1
    return mask


# --- the reference: VGG's first layers and the cost in NumPy's float64 --------------------------


@pytest.fixture(scope="module")
def kernels():
    """Layer → kernel (3, 3, in, out) and biases, of HED."""
    model = build_vgg_features(["block1_conv1", "block1_conv2", "block2_conv1"])
    names = ("block1_conv1", "block1_conv2", "block2_conv1")
    return {
        name: [np.float64(each) for each in model.get_layer(name).get_weights()] for name in names
    }


def convolved(image, kernel, biases):
    padded = np.pad(image, ((1, 1), (1, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(0, 1))
    sums = np.tensordot(windows, kernel, axes=([2, 3, 4], [2, 0, 1]))
    return np.maximum(sums + biases, 0)


def pooled(maps, pooling):
    height, width = maps.shape[0] // 2, maps.shape[1] // 2
    squares = maps[: 2 * height, : 2 * width].reshape(height, 2, width, 2, -1)
    return squares.max(axis=(1, 3)) if pooling == "max" else squares.mean(axis=(1, 3))


def features_of(image, kernels, pooling="max"):
    seen = {}
    maps = (np.asarray(image, np.float64) - MEAN_RGB)[..., ::-1]
    for name in ("block1_conv1", "block1_conv2", "block2_conv1"):
        maps = seen[name] = convolved(maps, *kernels[name])
        if name == "block1_conv2":
            maps = pooled(maps, pooling)
    return seen


def gram_of(maps, mask=None):
    """Mean over positions of a_k · a_l, weighted by the mask."""
    mask = np.ones(maps.shape[:2]) if mask is None else mask
    return np.einsum("ij,ijk,ijl->kl", mask, maps, maps) / mask.sum()


def relative(target, found):
    """Σ (target − found)² / Σ target²: 1 for silence."""
    return float(((target - found) ** 2).sum() / (target**2).sum())


def reference(image, content, styles, costs, kernels, mask=None):
    """J_content, J_style and V, from their definitions, of what a picture can show of G."""
    image, content = np.clip(np.float64(image), 0, 255), np.float64(content)
    masks = {}
    if mask is not None:
        image = content + np.float64(mask)[..., None] * (image - content)
        half = pooled(np.float64(mask)[..., None], "average")[..., 0]
        masks = {"block1_conv1": np.float64(mask), "block2_conv1": half}
    seen, wanted = (features_of(each, kernels, costs.pooling) for each in (image, content))
    content_cost = sum(w * relative(wanted[n], seen[n]) for n, w in costs.content_layers.items())
    shares = np.ones(len(styles)) if costs.style_weights is None else costs.style_weights
    style_cost = 0.0
    for share, style in zip(np.float64(shares) / np.sum(shares), styles, strict=True):
        liked = features_of(style, kernels, costs.pooling)
        for name, weight in costs.style_layers.items():
            grams = gram_of(liked[name]), gram_of(seen[name], masks.get(name))
            style_cost += share * weight * relative(*grams)
    steps = np.abs(np.diff(image, axis=0)).sum() + np.abs(np.diff(image, axis=1)).sum()
    return content_cost, style_cost, steps / (255 * image.size)


def reference_total(image, content, styles, costs, kernels, mask=None):
    parts = reference(image, content, styles, costs, kernels, mask)
    below, above = np.minimum(image, 0), np.maximum(image, 255) - 255
    price = OUTSIDE * np.mean((below / 255) ** 2 + (above / 255) ** 2)
    return np.dot(parts, (costs.alpha, costs.beta, costs.smoothness)) + price


CASES = {
    "plain": ({}, 1, False),
    "three styles": ({"style_weights": (1.0, 0.5, 2.5)}, 3, False),
    "equal styles": ({}, 2, False),
    "mask": ({}, 1, True),
    "mask, two styles, smooth": ({"smoothness": 3.0, "style_weights": [3, 1]}, 2, True),
    "smooth": ({"smoothness": 20.0}, 1, False),
    "average": ({"pooling": "average"}, 1, False),
    "average, mask": ({"pooling": "average", "smoothness": 1.0}, 1, True),
    "weights": ({"alpha": 0.3, "beta": 700.0}, 1, False),
}


def made(case):
    """The objective of a case, and what the reference needs."""
    options, num_styles, masked = CASES[case]
    content = random_image(1)
    styles = [random_image(10 + i, (20 + 6 * i, 26 - 2 * i)) for i in range(num_styles)]
    costs, mask = costs_of(**options), soft_mask() if masked else None
    return Objective(content, styles, costs, mask=mask), (content, styles, costs), mask


@pytest.mark.parametrize("case", CASES)
class TestAgainstNumPy:
    def test_cost_and_parts(self, case, kernels):
        objective, (content, styles, costs), mask = made(case)
        inside = (content, random_image(2), np.full((*SIZE, 3), 90.0))
        for image in (*inside, beyond(random_image(2))):
            values, gradient = objective(image)
            parts = reference(image, content, styles, costs, kernels, mask)
            assert isinstance(values, CostValues)
            assert all(type(value) is float for value in values)
            np.testing.assert_allclose(values[1:], parts, rtol=1e-4, atol=1e-7)
            total = reference_total(image, content, styles, costs, kernels, mask)
            assert values.total == pytest.approx(total, rel=1e-4)
            assert gradient.shape == (*SIZE, 3)
            assert gradient.dtype == np.float32

    @pytest.mark.parametrize("levels", ["inside", "beyond"])
    def test_gradient_along_some_directions(self, case, levels, kernels):
        """Central differences of the float64 cost, along random signs and the gradient itself.

        At 0 and 255 themselves there is no derivative: no level lies there.
        """
        objective, arguments, mask = made(case)
        image, rng = random_image(2).astype(np.float64), np.random.default_rng(3)
        image = 1 + image * 253 / 255 if levels == "inside" else beyond(image)
        gradient = np.float64(objective(image)[1])
        size = np.linalg.norm(gradient)
        assert size > 0
        ways = [gradient / size]
        for _ in range(2):
            signs = rng.choice([-1.0, 1.0], gradient.shape)
            ways.append(np.abs(gradient) * signs / size + signs * 0.1 / math.sqrt(signs.size))
        for way in ways:
            above, below = (
                reference_total(image + step * way, *arguments, kernels, mask)
                for step in (1e-3, -1e-3)
            )
            slope = (above - below) / 2e-3
            assert (gradient * way).sum() == pytest.approx(slope, abs=1e-3 * size)


class TestOutside:
    """Levels below 0 and above 255."""

    def objective(self, **options):
        return Objective(random_image(1), [random_image(3)], costs_of(**options))

    def test_are_seen_as_0_and_255_and_have_a_price(self):
        """A quarter of the numbers 51 beyond 255, another 102 below 0: 0.25 · (0.2² + 0.4²)."""
        objective = self.objective(smoothness=2.0)
        seen = random_image(2)
        seen[:12, :16], seen[12:, 16:] = 255, 0
        image = seen.copy()
        image[:12, :16], image[12:, 16:] = 255 + 51, -102
        shown, expected = objective(image)[0], objective(seen)[0]
        np.testing.assert_allclose(shown[1:], expected[1:], rtol=1e-6)
        assert shown.total - expected.total == pytest.approx(OUTSIDE * 0.05, rel=1e-4)

    def test_are_pushed_back_by_the_price_alone(self):
        """d/dx OUTSIDE · (d / 255)² / n = 2 · OUTSIDE · d / 255² / n, d what x is beyond."""
        image = beyond(random_image(2))
        gradient = self.objective(smoothness=2.0)(image)[1]
        away = np.where(image < 0, image, image - 255)
        outside = (image < 0) | (image > 255)
        expected = 2 * OUTSIDE * away[outside] / 255**2 / image.size
        np.testing.assert_allclose(gradient[outside], expected, rtol=1e-4)

    def test_0_and_255_cost_nothing(self):
        image = np.where(random_image(2) < 120, 0, 255).astype(np.float32)
        values = self.objective()(image)[0]
        assert values.total == pytest.approx(values.content + 10 * values.style, rel=1e-6)


class TestShapes:
    def test_the_content_is_an_array(self):
        for content in (random_image(1), random_image(1).astype(np.float64)):
            found = Objective(content, [random_image(3)], costs_of()).content
            assert isinstance(found, np.ndarray)
            assert found.dtype == np.float32
            np.testing.assert_allclose(found, content, rtol=1e-6)

    @pytest.mark.parametrize(
        "shape", [(24, 33, 3), (32, 24, 3), (24, 32), (24, 32, 1), (1, 24, 32, 3)]
    )
    def test_an_image_of_another(self, shape):
        objective = Objective(random_image(1), [random_image(3)], costs_of())
        words = f"`image` must have the shape of the content, (24, 32, 3). Received: {shape}."
        with pytest.raises(ValueError, match=re.escape(words)):
            objective(np.zeros(shape, np.float32))

    @pytest.mark.parametrize("shape", [(24, 33), (32, 24), (24, 32, 1), (1, 1)])
    def test_a_mask_of_another(self, shape):
        words = f"`mask` must have the size of `content`, (24, 32). Received: {shape}."
        with pytest.raises(ValueError, match=re.escape(words)):
            Objective(random_image(1), [random_image(3)], costs_of(), mask=np.ones(shape))


class TestSizes:
    @pytest.mark.parametrize("size", [(23, 31), (2, 2), (3, 17)])
    def test_odd_and_small_ones(self, size, kernels):
        """One pooling: an odd last row or column is not seen by the layer behind it."""
        content, styles = random_image(1, size), [random_image(2, (9, 5))]
        values, _ = Objective(content, styles, costs_of())(random_image(3, size))
        parts = reference(random_image(3, size), content, styles, costs_of(), kernels)
        np.testing.assert_allclose(values[1:], parts, rtol=1e-4)

    def test_one_network_serves_objectives_of_several_sizes(self):
        """As when a picture is painted from coarse to fine: neither disturbs the other."""
        images = [(random_image(1, size), random_image(2, size)) for size in ((16, 20), (12, 8))]
        objectives = [Objective(c, [random_image(3)], costs_of()) for c, _ in images]
        first = [objective(g)[0] for objective, (_, g) in zip(objectives, images, strict=True)]
        again = [objective(g)[0] for objective, (_, g) in zip(objectives, images, strict=True)]
        alone = [Objective(c, [random_image(3)], costs_of())(g)[0] for c, g in images]
        assert first[0] != first[1]
        np.testing.assert_allclose(first, alone, rtol=1e-5)
        np.testing.assert_allclose(first, again, rtol=1e-5)

    def test_the_cost_of_a_pattern_does_not_grow_with_the_image(self):
        """Only at the border, where the zeros of the padding are seen, is a tiled image another."""
        pattern, wanted = random_image(1, (8, 8)), random_image(2, (8, 8))
        totals = []
        for repeats in (4, 8):
            content, generated = (
                np.tile(each, (repeats, repeats, 1)) for each in (pattern, wanted)
            )
            values, _ = Objective(content, [generated[:, ::-1]], costs_of())(generated)
            totals.append(values)
        assert totals[0].content == pytest.approx(totals[1].content, rel=0.1)
        assert totals[0].variation == pytest.approx(totals[1].variation, rel=0.1)


class TestSilence:
    def test_an_image_that_leaves_all_layers_silent_costs_1(self):
        """Random weights have no biases: of the mean colour nothing is left, in any layer."""
        silent = np.broadcast_to(MEAN_RGB.astype(np.float32), (*SIZE, 3))
        for content_layers, style_layers in (
            ({"block1_conv1": 1.0, "block2_conv1": 0.0}, {"block1_conv1": 1.0}),
            ({"block1_conv1": 1.0}, {"block1_conv1": 0.25, "block1_conv2": 0.75}),
        ):
            costs = costs_of(
                content_layers=content_layers,
                style_layers=style_layers,
                weights=None,
                alpha=2.0,
                beta=5.0,
            )
            styles = [random_image(2), random_image(3, (20, 20))]
            values, _ = Objective(random_image(1), styles, costs)(silent)
            np.testing.assert_allclose(values[:3], [7.0, 1.0, 1.0], rtol=1e-5)
            assert values.variation == 0

    def test_silent_targets_divide_nothing_by_0(self):
        silent = np.broadcast_to(MEAN_RGB.astype(np.float32), (*SIZE, 3))
        costs = costs_of(
            content_layers={"block1_conv1": 1.0},
            style_layers={"block1_conv1": 1.0},
            weights=None,
        )
        values, gradient = Objective(silent, [silent], costs)(silent)
        assert values[:3] == (0.0, 0.0, 0.0)
        assert np.isfinite(gradient).all()

    def test_the_same_image_costs_nothing(self):
        content = random_image(1)
        values, gradient = Objective(content, [content], costs_of())(content)
        np.testing.assert_allclose(values[:3], 0, rtol=0, atol=1e-9)
        np.testing.assert_allclose(gradient, 0, rtol=0, atol=1e-6)

    def test_mirrored_it_keeps_its_style_nearly_and_not_its_content(self):
        content = random_image(1)
        values, _ = Objective(content, [content], costs_of())(content[:, ::-1])
        assert values.style < 0.2 * values.content
        assert values.content > 0.1


class TestStyles:
    def styles(self):
        return [random_image(10 + i, (20 + 6 * i, 26)) for i in range(3)]

    def test_several_cost_the_weighted_sum_of_each(self):
        content, image = random_image(1), random_image(2)
        alone = [Objective(content, [style], costs_of())(image) for style in self.styles()]
        for weights, shares in (((1, 2, 5), (1 / 8, 1 / 4, 5 / 8)), (None, (1 / 3,) * 3)):
            costs = costs_of(style_weights=weights)
            values, gradient = Objective(content, self.styles(), costs)(image)
            expected = np.dot(shares, [each.style for each, _ in alone])
            assert values.style == pytest.approx(expected, rel=1e-5)
            assert values.content == pytest.approx(alone[0][0].content, rel=1e-5)
            mixed = sum(s * each for s, (_, each) in zip(shares, alone, strict=True))
            scale = np.abs(mixed).max()
            np.testing.assert_allclose(gradient, mixed, rtol=0, atol=1e-4 * scale)

    def test_their_order_does_not_count(self):
        content, image, styles = random_image(1), random_image(2), self.styles()
        one = Objective(content, styles, costs_of(style_weights=(1, 2, 5)))(image)[0]
        other = Objective(content, styles[::-1], costs_of(style_weights=(5, 2, 1)))(image)[0]
        np.testing.assert_allclose(one, other, rtol=1e-5)

    def test_a_weight_of_0_is_a_style_that_is_not_there(self):
        content, image, styles = random_image(1), random_image(2), self.styles()
        both = Objective(content, styles[:2], costs_of(style_weights=(0, 3)))(image)
        alone = Objective(content, styles[1:2], costs_of())(image)
        np.testing.assert_allclose(both[0], alone[0], rtol=1e-5)
        scale = np.abs(alone[1]).max()
        np.testing.assert_allclose(both[1], alone[1], rtol=0, atol=1e-4 * scale)

    def test_as_many_weights_as_styles(self):
        words = r"`style_weights` must have a weight for each style\. Received: 2 weights for 3"
        with pytest.raises(ValueError, match=words):
            Objective(random_image(), self.styles(), costs_of(style_weights=(1, 2)))
        with pytest.raises(ValueError, match="Received: 1 weights for 3 styles"):
            costs_of(style_weights=(1,)).shares(3)

    @pytest.mark.parametrize(
        ("weights", "shares"), [(None, (0.5, 0.5)), ((3, 1), (0.75, 0.25)), ((0.0, 0.1), (0, 1))]
    )
    def test_shares_sum_to_1(self, weights, shares):
        found = costs_of(style_weights=weights).shares(2)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, shares, rtol=1e-6)


class TestMask:
    def test_outside_the_image_is_c_and_the_gradient_0(self):
        content, mask, image = random_image(1), soft_mask(), random_image(2)
        objective = Objective(content, [random_image(3)], costs_of(smoothness=1.0), mask=mask)
        painted, (_, gradient) = objective.painted(image), objective(image)
        np.testing.assert_array_equal(painted[mask == 0], content[mask == 0])
        np.testing.assert_array_equal(gradient[mask == 0], 0)
        assert (gradient[mask > 0.01] != 0).mean() > 0.99
        expected = content + mask[..., None] * (image - content)
        np.testing.assert_allclose(painted, expected, rtol=0, atol=1e-3)

    def test_levels_that_no_picture_can_show_are_clipped_before_they_are_mixed(self):
        """As in the cost: what is shown is what the cost is of."""
        content, mask, image = random_image(1), soft_mask(), beyond(random_image(2))
        objective = Objective(content, [random_image(3)], costs_of(), mask=mask)
        painted = objective.painted(image)
        expected = content + mask[..., None] * (np.clip(image, 0, 255) - content)
        np.testing.assert_allclose(painted, expected, rtol=0, atol=1e-3)
        plain = Objective(content, [random_image(3)], costs_of())(painted)[0]
        assert objective(image)[0].content == pytest.approx(plain.content, rel=1e-4)

    def test_pixels_outside_do_not_count(self):
        content, mask = random_image(1), soft_mask()
        objective = Objective(content, [random_image(3)], costs_of(smoothness=1.0), mask=mask)
        image = random_image(2)
        other = image.copy()
        other[mask == 0] = 17
        assert objective(image)[0] == objective(other)[0]

    def test_everywhere_is_no_mask(self):
        content, styles, image = random_image(1), [random_image(3)], random_image(2)
        ones = np.ones(SIZE, np.float32)
        values, gradient = Objective(content, styles, costs_of(), mask=ones)(image)
        expected, slopes = Objective(content, styles, costs_of())(image)
        np.testing.assert_allclose(values, expected, rtol=1e-4)
        np.testing.assert_allclose(gradient, slopes, rtol=0, atol=1e-4 * np.abs(slopes).max())

    def test_the_gram_matrix_is_that_of_the_positions_in_the_mask(self, kernels):
        """A rectangle with even corners: the features in it, and no others."""
        content, style, image = random_image(1), random_image(3), random_image(2)
        mask = np.zeros(SIZE, np.float32)
        mask[6:18, 4:20] = 1
        values, _ = Objective(content, [style], costs_of(), mask=mask)(image)
        painted = np.where(mask[..., None] == 1, image, content)
        seen, liked = features_of(painted, kernels), features_of(style, kernels)
        inside = {
            "block1_conv1": seen["block1_conv1"][6:18, 4:20],
            "block2_conv1": seen["block2_conv1"][3:9, 2:10],
        }
        expected = sum(
            weight * relative(gram_of(liked[name]), gram_of(inside[name]))
            for name, weight in STYLE.items()
        )
        assert values.style == pytest.approx(expected, rel=1e-4)

    def test_content_and_variation_are_of_the_whole_image(self):
        content, mask = random_image(1), soft_mask()
        values, _ = Objective(content, [random_image(3)], costs_of(), mask=mask)(random_image(2))
        painted = content + mask[..., None] * (random_image(2) - content)
        plain, _ = Objective(content, [random_image(3)], costs_of())(painted)
        assert values.content == pytest.approx(plain.content, rel=1e-4)
        assert values.variation == pytest.approx(plain.variation, rel=1e-4)
        assert values.style != pytest.approx(plain.style, rel=1e-3)

    def test_a_mask_of_odd_size(self):
        size = (15, 21)
        mask = soft_mask(size)
        objective = Objective(random_image(1, size), [random_image(3)], costs_of(), mask=mask)
        values, gradient = objective(random_image(2, size))
        assert np.isfinite(values).all()
        np.testing.assert_array_equal(gradient[mask == 0], 0)

    def test_painted_without_one_is_the_image_within_0_and_255(self):
        objective = Objective(random_image(1), [random_image(3)], costs_of())
        image = random_image(2) * 1.5 - 60
        assert image.min() < -1
        assert image.max() > 256
        painted = objective.painted(image)
        assert painted.dtype == np.float32
        np.testing.assert_array_equal(painted, np.clip(image, 0, 255))


class TestParts:
    @pytest.mark.parametrize(("off", "layers"), [("alpha", "content"), ("beta", "style")])
    def test_with_a_weight_of_0_its_layers_are_not_needed(self, off, layers):
        """They may be unknown, deep, or none at all: nothing of them is built."""
        images = random_image(1), [random_image(3)]
        expected = Objective(*images, costs_of())(random_image(2))[0]
        for unused in ({}, {"block9_conv9": 1.0}, {"block5_conv3": 1.0}):
            costs = costs_of(**{off: 0, f"{layers}_layers": unused})
            assert costs.smallest_side <= 2
            values, gradient = Objective(*images, costs)(random_image(2))
            assert getattr(values, layers) == 0
            other = "style" if layers == "content" else "content"
            assert getattr(values, other) == pytest.approx(getattr(expected, other), rel=1e-4)
            assert np.abs(gradient).max() > 0

    def test_total_is_the_weighted_sum(self):
        images = random_image(1), [random_image(3)]
        for alpha, beta, smoothness in ((1, 1, 0), (2.5, 30, 0), (0.1, 5, 7)):
            costs = costs_of(alpha=alpha, beta=beta, smoothness=smoothness)
            values, _ = Objective(*images, costs)(random_image(2))
            assert values.variation > 0.01
            expected = alpha * values.content + beta * values.style + smoothness * values.variation
            assert values.total == pytest.approx(expected, rel=1e-5)

    def test_inputs_are_left_alone_and_not_kept(self):
        content, style, mask, image = random_image(1), random_image(3), soft_mask(), random_image(2)
        copies = [each.copy() for each in (content, style, mask, image)]
        objective = Objective(content, [style], costs_of(), mask=mask)
        before = objective(image)
        for each, copy in zip((content, style, mask, image), copies, strict=True):
            np.testing.assert_array_equal(each, copy)
            each[:] = 0
        again = objective(copies[3])
        np.testing.assert_array_equal(objective.content, copies[0])
        np.testing.assert_allclose(before[0], again[0], rtol=1e-5)


class TestCosts:
    def test_is_keyword_only_and_frozen(self):
        with pytest.raises(TypeError):
            Costs({"block1_conv1": 1.0})
        with pytest.raises(AttributeError):
            Costs().alpha = 3

    def test_used_layers_are_those_that_weigh_anything(self):
        layers = {"block1_conv1": 0, "block2_conv1": 2.0, "block1_conv2": 1e-9}
        costs = Costs(content_layers=layers, style_layers={"block3_conv1": 1, "block1_conv1": 0})
        assert costs.used_layers == (("block2_conv1", "block1_conv2"), ("block3_conv1",))
        costs = Costs(content_layers=layers, beta=0)
        assert costs.used_layers == (("block2_conv1", "block1_conv2"), ())

    @pytest.mark.parametrize(("layer", "side"), [("block1_conv2", 1), ("block2_conv1", 2)])
    def test_each_pooling_halves_the_smallest_side(self, layer, side):
        assert Costs(content_layers={layer: 1}, beta=0, weights=None).smallest_side == side

    @pytest.mark.parametrize("name", ["alpha", "beta", "smoothness"])
    @pytest.mark.parametrize("weight", [-1, math.nan, math.inf])
    def test_weights_that_no_cost_has(self, name, weight):
        words = rf"`{name}` must be finite and at least 0\. Received: {weight!r}\."
        with pytest.raises(ValueError, match=words):
            Costs(**{name: weight})

    @pytest.mark.parametrize("name", ["alpha", "beta", "smoothness", "style_scale"])
    @pytest.mark.parametrize("weight", ["1", None, [1.0]])
    def test_weights_that_are_no_numbers(self, name, weight):
        words = f"`{name}` must be a number. Received: {weight!r}."
        with pytest.raises(TypeError, match=re.escape(words)):
            Costs(**{name: weight})

    def test_something_must_be_wanted(self):
        with pytest.raises(ValueError, match="`alpha` and `beta` must not both be 0"):
            Costs(alpha=0, beta=0.0, smoothness=1.0)

    @pytest.mark.parametrize("name", ["content_layers", "style_layers"])
    def test_layers(self, name):
        for layers in ({}, {"block1_conv1": 0}):
            with pytest.raises(ValueError, match=f"`{name}` must give weight to a layer. Rec"):
                Costs(**{name: layers})
        for layers in (["block1_conv1"], "block1_conv1", None):
            with pytest.raises(TypeError, match=f"`{name}` must be a dict, layer to weight. Rec"):
                Costs(**{name: layers})
        for weight in (-1.0, math.nan, math.inf):
            words = rf'`{name}\["block1_conv1"\]` must be finite and at least 0\. Received: '
            with pytest.raises(ValueError, match=words):
                Costs(**{name: {"block1_conv1": weight}})
        for weight in ("1", None):
            words = rf'`{name}\["block1_conv1"\]` must be a number\. Received: {weight!r}\.'
            with pytest.raises(TypeError, match=words):
                Costs(**{name: {"block1_conv1": weight}})

    def test_style_weights(self):
        for weight in (-1.0, math.nan, math.inf):
            words = r"`style_weights\[1\]` must be finite and at least 0\. Received: "
            with pytest.raises(ValueError, match=words):
                Costs(style_weights=(1.0, weight))
        with pytest.raises(TypeError, match=r"`style_weights\[1\]` must be a number\. Rec.*'1'"):
            Costs(style_weights=(1.0, "1"))
        for weights in (2.0, 2, {1.0, 2.0}):
            with pytest.raises(TypeError, match=r"`style_weights` must be a list, .*Received: "):
                Costs(style_weights=weights)
        with pytest.raises(ValueError, match="`style_weights` must not all be 0"):
            Costs(style_weights=(0, 0.0))

    @pytest.mark.parametrize("scale", [-1, math.nan, math.inf])
    def test_style_scale(self, scale):
        words = rf"`style_scale` must be finite and at least 0\. Received: {scale}\."
        with pytest.raises(ValueError, match=words):
            Costs(style_scale=scale)

    @pytest.mark.parametrize("scale", [0, 0.0])
    def test_a_style_scale_of_0_leaves_no_style(self, scale):
        with pytest.raises(
            ValueError, match=rf"`style_scale` must be positive\. Received: {scale}\."
        ):
            Costs(style_scale=scale)

    @pytest.mark.parametrize("pooling", ["median", "", None, "Max"])
    def test_poolings_that_are_unknown(self, pooling):
        words = rf'`pooling` must be "max" or "average"\. Received: {pooling!r}\.'
        with pytest.raises(ValueError, match=words):
            Costs(pooling=pooling)

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"content_layers": {"block9_conv1": 1.0}}, "`layers` must be among .*'block9_conv1'"),
            ({"style_layers": {"block1_conv3": 1.0}}, "`layers` must be among .*'block1_conv3'"),
            ({"weights": "vgg"}, '`weights` must be "hed", "imagenet" or None.*vgg'),
        ],
    )
    def test_what_no_network_has(self, options, words):
        with pytest.raises(ValueError, match=words):
            Objective(random_image(), [random_image()], costs_of(**options))
