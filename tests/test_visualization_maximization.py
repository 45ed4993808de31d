import logging
import random
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from course_utils.models import build_face_encoder
from course_utils.visualization import Ascent, MaximizedUnits, maximization, maximize_activation

ROOT = Path(__file__).parents[1]
STILL = Ascent(jitter=0)


def conv_model(kernels, biases=None, *, size=(None, None), activation=None, **options):
    """One convolution with these kernels, shape (height, width, channels, filters)."""
    kernels = np.asarray(kernels, np.float64)
    biases = np.zeros(kernels.shape[-1]) if biases is None else biases
    conv = layers.Conv2D(
        kernels.shape[-1], kernels.shape[:2], activation=activation, name="conv", **options
    )
    images = keras.Input((*size, kernels.shape[2]))
    model = keras.Model(images, conv(images))
    conv.set_weights([kernels, np.asarray(biases)])
    return model


def random_kernels(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def deep_model(size=(None, None), channels=3, seed=0):
    """Two convolutions with random weights; the second one's units want different things."""
    images = features = keras.Input((*size, channels))
    for layer in (
        layers.Rescaling(1 / 255, offset=-0.5),
        layers.Conv2D(6, 3, activation="relu", name="first"),
        layers.MaxPooling2D(2, name="pool"),
        layers.Conv2D(5, 3, activation="relu", name="second"),
    ):
        features = layer(features)
    model = keras.Model(images, features)
    rng = np.random.default_rng(seed)
    model.set_weights([rng.normal(size=each.shape) for each in model.get_weights()])
    return model


def steps_between_neighbours(image):
    return np.abs(np.diff(image, axis=0)).sum() + np.abs(np.diff(image, axis=1)).sum()


def high_frequency_share(image):
    """Energy of the waves shorter than four pixels, as a share of all but the mean."""
    energy = np.abs(np.fft.fft2(image - image.mean(axis=(0, 1)), axes=(0, 1))) ** 2
    frequency = np.hypot(
        np.fft.fftfreq(image.shape[0])[:, None], np.fft.fftfreq(image.shape[1])[None, :]
    )
    return energy[frequency > 0.25].sum() / energy.sum()


class TestKnownOptimum:
    """A linear unit is largest where each pixel is bright or dark as its weight's sign says."""

    @pytest.mark.parametrize("activation", [None, "relu"])
    @pytest.mark.parametrize(
        ("shape", "bounds"), [((7, 5, 1), (0, 255)), ((6, 6, 3), (0, 1)), ((4, 7, 2), (-1, 1))]
    )
    def test_one_window(self, shape, bounds, activation):
        kernel, bias = random_kernels(shape), 0.3
        model = conv_model(kernel[..., None], [bias], size=shape[:2], activation=activation)
        found = maximize_activation(
            model,
            "conv",
            0,
            where="centre",
            value_range=bounds,
            ascent=Ascent(steps=150, learning_rate=0.3, jitter=0),
        )
        low, high = bounds
        best = np.maximum(kernel * low, kernel * high).sum() + bias
        reached = (kernel * found.images[0]).sum() + bias
        assert found.images.shape == (1, *shape)
        assert low * np.abs(kernel).sum() < 0.9 * best < reached <= best + 1e-5 * abs(best)
        brighter = found.images[0] > (low + high) / 2
        strong = np.abs(kernel) > 0.5
        assert (brighter[strong] == (kernel[strong] > 0)).mean() > 0.95
        assert np.corrcoef(found.images[0].ravel(), kernel.ravel())[0, 1] > 0.7

    @pytest.mark.parametrize("size", [(4, 6), (5, 7)])
    def test_the_centre_is_the_middle_position(self, size):
        """Of a 1 × 1 unit it is the pixel (height // 2, width // 2)."""
        image = maximize_activation(
            conv_model(np.ones((1, 1, 1, 1)), size=size),
            "conv",
            0,
            where="centre",
            ascent=Ascent(steps=30, learning_rate=0.2, decay=0, jitter=0),
        ).images[0, ..., 0]
        assert np.unravel_index(image.argmax(), size) == (size[0] // 2, size[1] // 2)

    def climb_to_red(self, where, jitter):
        kernel = np.reshape([1.0, 0.0, -1.0], (1, 1, 3, 1))
        return maximize_activation(
            conv_model(kernel, size=(12, 9)),
            "conv",
            0,
            where=where,
            ascent=Ascent(steps=100, learning_rate=0.2, jitter=jitter),
        ).images[0]

    def test_one_colour_in_the_centre(self):
        """Likes red and dislikes blue; green does not count."""
        red, _, blue = self.climb_to_red("centre", 2)[6, 4]
        assert red > 220
        assert blue < 35

    @pytest.mark.parametrize("jitter", [0, 2])
    def test_one_colour_everywhere(self, jitter):
        image = self.climb_to_red("everywhere", jitter)
        assert np.median(image[..., 0]) > 180
        assert np.median(image[..., 2]) < 70
        assert (image[..., 0] > image[..., 2] + 100).mean() > 0.85

    def test_each_unit_gets_its_own(self):
        """Eight units that like one corner of the colour cube each."""
        colors = np.array(np.meshgrid([-1, 1], [-1, 1], [-1, 1])).reshape(3, 8)
        found = maximize_activation(
            conv_model(colors[None, None], size=(6, 6)),
            "conv",
            [7, 2, 5, 0, 1, 2],
            ascent=Ascent(steps=200, learning_rate=0.4, jitter=0),
        )
        mean = found.images.mean(axis=(1, 2))
        np.testing.assert_array_equal(mean > 127.5, colors.T[[7, 2, 5, 0, 1, 2]] > 0)
        np.testing.assert_array_equal(found.images[1], found.images[5])


class TestSilentUnits:
    """With its bias no unit fires at the start, and after the ReLU there would be no gradient."""

    def check(self, model, layer, *, low, units=(0, 1)):
        before = [each.copy() for each in model.get_weights()]
        found = maximize_activation(
            model, layer, units, ascent=Ascent(steps=25, learning_rate=0.2, jitter=1)
        )
        assert found.activations[:, 0].max() < low
        assert (found.activations[:, -1] > found.activations[:, 0] + 10).all()
        for one, other in zip(model.get_weights(), before, strict=True):
            np.testing.assert_array_equal(one, other)

    def test_a_convolution_with_a_relu(self):
        kernels = random_kernels((3, 3, 1, 2))
        model = conv_model(kernels, [-5000, -5000], size=(9, 9), activation="relu")
        assert model(np.full((1, 9, 9, 1), 127.5)).numpy().max() == 0
        self.check(model, "conv", low=-3000)

    @pytest.mark.parametrize(
        "activation", [layers.ReLU(name="last"), layers.Activation("relu", name="last")]
    )
    def test_a_layer_that_is_a_relu(self, activation):
        below = conv_model(random_kernels((3, 3, 1, 2)), [-5000, -5000], size=(9, 9))
        self.check(keras.Model(below.input, activation(below.output)), "last", low=-3000)

    @pytest.mark.parametrize("activation", ["relu", "softmax"])
    def test_a_dense_head(self, activation):
        model = keras.Sequential(
            [
                keras.Input((None, None, 2)),
                layers.GlobalAveragePooling2D(),
                layers.Dense(2, activation=activation, name="head"),
            ]
        )
        model.get_layer("head").set_weights([np.array([[1, -1], [-1, 1]]), np.array([-900, -900])])
        self.check(model, "head", low=-700)

    def test_what_is_climbed_is_the_output_wherever_that_is_positive(self):
        model = deep_model()
        images = np.random.default_rng(1).uniform(0, 255, (3, 17, 14, 3)).astype(np.float32)
        for name in ("first", "second"):
            output = keras.Model(model.input, model.get_layer(name).output)(images).numpy()
            climbed = maximization._before_activation(model, name)(images).numpy()
            assert 0.1 < (output > 0).mean() < 0.9
            np.testing.assert_allclose(climbed[output > 0], output[output > 0], rtol=1e-5)
            assert climbed[output == 0].max() <= 0
            assert climbed.min() < -0.1

    def test_a_layer_without_activation_is_climbed_as_it_is(self):
        model = deep_model()
        images = np.random.default_rng(1).uniform(0, 255, (1, 17, 14, 3)).astype(np.float32)
        expected = keras.Model(model.input, model.get_layer("pool").output)(images)
        np.testing.assert_array_equal(
            maximization._before_activation(model, "pool")(images), expected
        )

    @pytest.mark.parametrize("layer", ["stem_conv", "stage2_block1_relu", "embedding"])
    def test_the_face_encoder(self, layer):
        keras.utils.set_random_seed(0)
        model = build_face_encoder(None)
        found = maximize_activation(
            model, layer, [3, 1], ascent=Ascent(steps=4, learning_rate=0.2, jitter=2)
        )
        assert found.images.shape == (2, 150, 150, 3)
        assert (found.activations[:, -1] > found.activations[:, 0]).all()


class TestTheModelIsLeftAlone:
    def test_its_weights_its_graph_and_its_answers(self):
        model = deep_model()
        images = np.random.default_rng(1).uniform(0, 255, (2, 15, 15, 3)).astype(np.float32)
        weights, answer, config = model.get_weights(), model(images), model.get_config()
        nodes = [len(each._outbound_nodes) for each in model.layers]
        for name in ("first", "pool", "second"):
            maximize_activation(model, name, 0, image_size=(16, 16), ascent=Ascent(steps=2))
        for one, other in zip(model.get_weights(), weights, strict=True):
            np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(model(images), answer)
        assert model.get_config() == config
        assert [len(each._outbound_nodes) for each in model.layers] == nodes
        assert all(layer.trainable for layer in model.layers)

    def test_batch_normalisation_and_dropout_work_as_in_use(self):
        model = keras.Sequential(
            [
                keras.Input((8, 8, 1)),
                layers.BatchNormalization(name="norm"),
                layers.Dropout(0.9),
                layers.Conv2D(1, 1, name="conv"),
            ]
        )
        model.get_layer("conv").set_weights([np.ones((1, 1, 1, 1)), np.zeros(1)])
        moments = model.get_layer("norm").get_weights()
        found = maximize_activation(model, "conv", 0, ascent=Ascent(steps=3, jitter=0))
        for one, other in zip(model.get_layer("norm").get_weights(), moments, strict=True):
            np.testing.assert_array_equal(one, other)
        # no dropout: the map's mean is the image's, ε of the normalisation apart
        assert found.activations[0, 0] == pytest.approx(127.5, rel=0.05)

    def test_no_random_number_of_the_caller_is_used(self):
        model = conv_model(random_kernels((3, 3, 1, 2)), size=(8, 8), activation="relu")

        def draws():
            legacy = np.random.random()  # noqa: NPY002  (the global generator is what is tested)
            return random.random(), legacy, float(tf.random.uniform(())), keras.random.uniform(())

        def seed_all():
            keras.utils.clear_session()  # before Keras 3.13 the seed alone is not enough
            keras.utils.set_random_seed(3)

        seed_all()
        expected = draws()
        seed_all()
        maximize_activation(model, "conv", 0, ascent=Ascent(steps=2))
        assert draws() == expected


class TestHistory:
    @pytest.mark.parametrize("where", ["everywhere", "centre"])
    @pytest.mark.parametrize("layer", ["pool", "second"])
    def test_each_value_is_what_the_picture_of_the_steps_before_reaches(self, where, layer):
        model = deep_model(size=(14, 17))
        end = model.get_layer(layer)
        if layer != "pool":  # a convolution's value before its ReLU, written another way
            linear = layers.Conv2D(end.filters, 3)
            output = keras.Model(model.input, linear(end.input))
            linear.set_weights(end.get_weights())
        else:
            output = keras.Model(model.input, end.output)
        options = {"where": where, "value_range": (0, 255)}
        whole = maximize_activation(model, layer, [3, 0], ascent=Ascent(6, jitter=0), **options)
        assert whole.activations.shape == (2, 6)
        assert whole.activations.dtype == np.float32
        for steps in (1, 4):
            part = maximize_activation(
                model, layer, [3, 0], ascent=Ascent(steps, jitter=0), **options
            )
            np.testing.assert_allclose(
                part.activations, whole.activations[:, :steps], rtol=1e-4, atol=1e-4
            )
            maps = output(part.images).numpy()
            maps = np.stack([maps[0, ..., 3], maps[1, ..., 0]])
            middle = maps[:, maps.shape[1] // 2, maps.shape[2] // 2]
            reached = maps.mean(axis=(1, 2)) if where == "everywhere" else middle
            np.testing.assert_allclose(reached, whole.activations[:, steps], rtol=1e-3, atol=1e-3)

    @pytest.mark.parametrize("where", ["everywhere", "centre"])
    def test_it_rises(self, where):
        found = maximize_activation(
            deep_model(),
            "second",
            range(5),
            image_size=(20, 20),
            where=where,
            ascent=Ascent(jitter=2),
        )
        assert (found.activations[:, -1] > found.activations[:, 0] + 0.5).all()
        last = found.activations[:, 40:].mean(axis=1)
        assert (last > found.activations[:, :10].max(axis=1)).all()

    def test_it_starts_nearly_grey(self):
        kernel = np.eye(3)[None, None]
        for bounds in ((0, 255), (-1, 1)):
            found = maximize_activation(
                conv_model(kernel, size=(40, 40)), "conv", [0, 1, 2], value_range=bounds
            )
            share = (found.activations[:, 0] - bounds[0]) / (bounds[1] - bounds[0])
            np.testing.assert_allclose(share, 0.5, rtol=0, atol=0.1)


class TestImages:
    @pytest.mark.parametrize(
        ("size", "channels", "jitter"),
        [((7, 12), 1, 0), ((7, 12), 3, 3), ((9, 9), 2, 3), ((9, 9), 3, 0), ((1, 6), 5, 0)],
    )
    def test_shape_and_type(self, size, channels, jitter):
        model = conv_model(random_kernels((1, 3, channels, 4)))
        found = maximize_activation(
            model, "conv", (2, 1), image_size=size, ascent=Ascent(steps=2, jitter=jitter)
        )
        assert isinstance(found, MaximizedUnits)
        assert found.images.shape == (2, *size, channels)
        assert found.images.dtype == found.activations.dtype == np.float32
        assert np.isfinite(found.images).all()
        assert found.images.std() > 0

    def test_one_unit_gives_one_image(self):
        model = conv_model(random_kernels((3, 3, 1, 2)), size=(6, 6))
        expected = maximize_activation(model, "conv", 1, ascent=Ascent(steps=2))
        assert expected.images.shape == (1, 6, 6, 1)
        assert expected.activations.shape == (1, 2)
        for unit in (np.int64(1), np.array([1], np.uint8), range(1, 2)):
            found = maximize_activation(model, "conv", unit, ascent=Ascent(steps=2))
            np.testing.assert_array_equal(found.images, expected.images)

    @pytest.mark.parametrize(
        ("own", "asked", "size"),
        [
            ((10, 7), None, (10, 7)),
            ((10, 7), (10, 7), (10, 7)),
            ((None, None), None, (96, 96)),
            ((10, None), None, (10, 96)),
            ((None, 7), (12, 7), (12, 7)),
            ((None, None), [5, 8], (5, 8)),
            ((None, None), np.array([5, 8]), (5, 8)),
        ],
    )
    def test_the_size_is_the_one_of_the_model_or_the_one_asked_for(self, own, asked, size):
        model = conv_model(random_kernels((3, 3, 1, 1)), size=own)
        found = maximize_activation(model, "conv", 0, image_size=asked, ascent=Ascent(steps=1))
        assert found.images.shape == (1, *size, 1)

    @pytest.mark.parametrize(
        "bounds", [(0, 255), (0, 1), (-1, 1), (-2.118, 2.64), np.array([-0.5444, -0.3163])]
    )
    def test_the_values_stay_within_the_range_and_use_it(self, bounds):
        """Steps so large that the sigmoid is saturated: its sums are rounded upwards, too."""
        model = conv_model(random_kernels((3, 3, 1, 3)), size=(16, 16))
        images = maximize_activation(
            model,
            "conv",
            [0, 1, 2],
            value_range=bounds,
            where="centre",
            ascent=Ascent(steps=30, learning_rate=5, jitter=0),
        ).images
        low, high = np.float32(bounds[0]), np.float32(bounds[1])
        assert images.dtype == np.float32
        assert low <= images.min() < low + 0.01 * (high - low)
        assert high >= images.max() > high - 0.01 * (high - low)

    def test_the_range_is_only_a_scale(self):
        """For w·x in (0, 1) and (w / 255)·x in (0, 255) all is the same but the scale."""
        kernels = random_kernels((3, 3, 3, 2))
        one = maximize_activation(
            conv_model(kernels, size=(9, 9)), "conv", [0, 1], value_range=(0, 1), ascent=STILL
        )
        other = maximize_activation(
            conv_model(kernels / 255, size=(9, 9)), "conv", [0, 1], ascent=STILL
        )
        np.testing.assert_allclose(other.images / 255, one.images, rtol=0, atol=1e-3)

    @pytest.mark.parametrize("policy", ["mixed_float16", "float64"])
    def test_layers_of_another_float_type(self, policy):
        model = conv_model(random_kernels((3, 3, 1, 2)), size=(8, 8), dtype=policy)
        found = maximize_activation(
            model, "conv", [0, 1], value_range=(0, 1), ascent=Ascent(steps=20, jitter=0)
        )
        assert found.images.dtype == found.activations.dtype == np.float32
        assert (found.activations[:, -1] > found.activations[:, 0]).all()


class TestRepeatability:
    def test_the_same_seed_gives_the_same_bits(self):
        model = deep_model(size=(16, 16))

        def run(seed):
            return maximize_activation(model, "second", [4, 1], ascent=Ascent(steps=8, seed=seed))

        one, same, other = run(5), run(5), run(6)
        np.testing.assert_array_equal(one.images, same.images)
        np.testing.assert_array_equal(one.activations, same.activations)
        for number in range(2):
            assert np.abs(one.images[number] - other.images[number]).max() > 1

    def test_a_picture_does_not_depend_on_the_others_of_the_call(self, monkeypatch):
        model = deep_model(size=(16, 16))
        ascent = Ascent(steps=8, jitter=3, total_variation=0.1)
        together = maximize_activation(model, "second", [4, 0, 1], ascent=ascent)
        for row, unit in enumerate([4, 0, 1]):
            alone = maximize_activation(model, "second", unit, ascent=ascent)
            np.testing.assert_allclose(together.images[row], alone.images[0], rtol=0, atol=0.1)
            np.testing.assert_allclose(
                together.activations[row], alone.activations[0], rtol=1e-3, atol=1e-3
            )
        # 2 · 256 pixels: two units and then the third; 1 pixel: each by itself
        for pixels, groups in ((2 * 256, [2, 1]), (1, [1, 1, 1])):
            monkeypatch.setattr(maximization, "PIXELS_PER_BATCH", pixels)
            sizes = []
            climb = maximization._climb

            def counted(model, units, *rest, climb=climb, sizes=sizes):
                sizes.append(len(units))
                return climb(model, units, *rest)

            with monkeypatch.context() as patch:
                patch.setattr(maximization, "_climb", counted)
                found = maximize_activation(model, "second", [4, 0, 1], ascent=ascent)
            assert sizes == groups
            np.testing.assert_allclose(found.images, together.images, rtol=0, atol=0.1)
            np.testing.assert_allclose(
                found.activations, together.activations, rtol=1e-3, atol=1e-3
            )

    def test_two_units_that_like_the_same_start_apart(self):
        kernels = np.repeat(random_kernels((3, 3, 1, 1)), 2, axis=-1)
        found = maximize_activation(
            conv_model(kernels, size=(16, 16)), "conv", [0, 1], ascent=Ascent(steps=2)
        )
        assert np.abs(found.images[0] - found.images[1]).max() > 1


class TestWhatKeepsThePictureClear:
    @pytest.fixture
    def model(self):
        return deep_model(size=(32, 32))

    def test_total_variation_is_lower_where_it_costs_more(self, model):
        """The price is relative: units of any strength are smoothed alike."""
        variation = []
        for price in (0, 0.3, 3):
            found = maximize_activation(
                model,
                "first",
                [0, 1],
                where="everywhere",
                ascent=Ascent(steps=60, learning_rate=0.1, total_variation=price),
            )
            variation.append([steps_between_neighbours(image) for image in found.images])
        assert (np.diff(variation, axis=0) < 0).all()

    def test_decay_takes_the_fine_waves_away(self, model):
        shares = []
        for decay in (0, 1, 2.5):
            found = maximize_activation(
                model, "second", [0, 1], ascent=Ascent(steps=30, decay=decay)
            )
            shares.append([high_frequency_share(image) for image in found.images])
        assert (np.diff(shares, axis=0) < 0).all()

    @pytest.mark.parametrize("decay", [0, 2, 4])
    def test_whatever_the_decay_it_starts_grey_and_climbs(self, decay):
        """Waves of amplitude 1 / f³ not scaled down would begin with black and white alone."""
        model = conv_model(random_kernels((5, 5, 1, 2)))
        first = maximize_activation(model, "conv", [0, 1], ascent=Ascent(steps=1, decay=decay))
        assert 20 < first.images.min() < first.images.max() < 235
        found = maximize_activation(model, "conv", [0, 1], ascent=Ascent(steps=30, decay=decay))
        assert (found.activations[:, -1] > found.activations[:, 0] + 10).all()

    def test_jitter_makes_a_picture_that_can_be_shifted(self):
        """A unit at one place: without jitter one pixel is bright, with jitter those around."""
        model = conv_model(np.ones((1, 1, 1, 1)), size=(15, 15))

        def image(jitter):
            ascent = Ascent(steps=120, learning_rate=0.2, decay=0, jitter=jitter)
            return maximize_activation(model, "conv", 0, where="centre", ascent=ascent).images[0]

        around = np.zeros((15, 15, 1), bool)
        around[6:9, 6:9] = True
        still, shifted = image(0), image(1)
        assert (still[around] > 220).sum() == 1
        assert (shifted[around] > 220).sum() == 9
        assert (shifted[~around] > 220).sum() == 0


class TestWaves:
    def test_amplitudes_by_hand(self):
        """4 × 4: frequencies 0, 1/4, 1/2 along each axis; the lowest counts as 1/4.

        Periods of the half spectrum, rows 0, 1/4, −1/2, −1/4: [4, 4, 2], [4, 8/√8, 4/√5],
        [2, 4/√5, √2] and the second again. √(4·4) = 4 of them at decay 1.
        """
        diagonal, knight = 4 / np.sqrt(2), 4 / np.sqrt(5)
        middle = [4, diagonal, knight]
        periods = np.array([[4, 4, 2], middle, [2, knight, np.sqrt(2)], middle])
        found = maximization._amplitudes((4, 4), 1)
        assert found.dtype == np.complex64
        np.testing.assert_allclose(found, 4 * periods, rtol=1e-6)
        energy = (16 * periods**2).sum()
        np.testing.assert_allclose(
            maximization._amplitudes((4, 4), 0), np.sqrt(energy / 12), rtol=1e-6
        )
        squares = maximization._amplitudes((4, 4), 2)
        np.testing.assert_allclose(squares / squares[0, 0], periods**2 / 16, rtol=1e-6)
        assert (np.abs(squares) ** 2).sum() == pytest.approx(energy, rel=1e-5)

    @pytest.mark.parametrize("canvas", [(3, 5), (4, 7), (6, 3), (8, 2), (1, 1)])
    def test_amplitudes_of_other_canvases(self, canvas):
        """f² = (k / height)² + (l / width)², k counted from both ends; loops."""
        height, width = canvas
        expected = np.empty((height, width // 2 + 1))
        for k in range(height):
            for column in range(width // 2 + 1):
                f = ((min(k, height - k) / height) ** 2 + (column / width) ** 2) ** 0.5
                expected[k, column] = (height * width) ** 0.5 / max(f, 1 / max(height, width))
        np.testing.assert_allclose(maximization._amplitudes(canvas, 1.0), expected, rtol=1e-6)

    @pytest.mark.parametrize("size", [(5, 4), (4, 5), (6, 6)])
    def test_one_step_is_as_in_numpy(self, size, monkeypatch):
        """The first step of Adam is η · g / (|g| + ε / √(1 − β₂)), with g divided by its largest.

        The gradient of Σ w·x is taken by finite differences in float64, of a picture made with
        `np.fft.irfft2`. ε is 0.01 and β₂ is 0.999, Keras's own.
        """
        channels, eta, deviation = 3, 0.01, 0.3
        monkeypatch.setattr(maximization, "START_DEVIATION", deviation)
        kernel = random_kernels((*size, channels))
        colors = np.array([[0.26, 0.09, 0.02], [0.27, 0.0, -0.05], [0.27, -0.09, 0.03]])
        colors /= np.sqrt((colors[:, 0] ** 2).sum())
        height, width = size
        frequency = np.hypot(
            np.fft.fftfreq(height)[:, None], np.arange(width // 2 + 1)[None, :] / width
        )
        scale = np.sqrt(height * width) / np.maximum(frequency, 1 / max(size))

        def picture(spectrum):
            waves = (spectrum[..., 0] + 1j * spectrum[..., 1]) * scale
            planes = np.fft.irfft2(waves, s=size) / 4
            logits = sum(planes[c, ..., None] * colors[:, c] for c in range(3))
            return 1 / (1 + np.exp(-logits))

        unit, seed = 0, 4
        start = np.random.default_rng((seed, unit)).normal(0, deviation, (3, *scale.shape, 2))
        gradient = np.empty_like(start)
        for place in np.ndindex(*start.shape):
            moved = []
            for change in (1e-5, -1e-5):
                spectrum = start.copy()
                spectrum[place] += change
                moved.append((kernel * picture(spectrum)).sum())
            gradient[place] = (moved[0] - moved[1]) / 2e-5
        gradient /= np.abs(gradient).max()
        step = eta * gradient / (np.abs(gradient) + 0.01 / np.sqrt(0.001))
        expected = picture(start + step)

        model = conv_model(kernel[..., None], size=size)
        found = maximize_activation(
            model,
            "conv",
            unit,
            value_range=(0, 1),
            ascent=Ascent(steps=1, learning_rate=eta, jitter=0, seed=seed),
        )
        assert found.activations[0, 0] == pytest.approx((kernel * picture(start)).sum(), rel=1e-4)
        assert np.abs(expected - picture(start)).max() > 0.001
        np.testing.assert_allclose(found.images[0], expected, rtol=0, atol=1e-5)

    def test_the_colours_are_those_of_photos(self):
        """Most of what varies is brightness: the first wave changes all three channels alike."""
        colors = maximization.PHOTO_COLORS
        assert colors.shape == (3, 3)
        np.testing.assert_allclose(np.linalg.norm(colors, axis=0).max(), 1, rtol=1e-12)
        np.testing.assert_allclose(colors[:, 0], 3**-0.5, rtol=0.05)


class TestQuietness:
    def test_nothing_is_written_without_progress(self, capfd):
        model = deep_model(size=(12, 12))
        maximize_activation(model, "second", [0, 1], ascent=Ascent(steps=3))
        written = capfd.readouterr()
        assert written.out == written.err == ""

    def test_the_bar_counts_steps_of_all_units(self, capfd, monkeypatch):
        monkeypatch.setattr(maximization, "PIXELS_PER_BATCH", 144)
        model = deep_model(size=(12, 12))
        maximize_activation(model, "second", [0, 1], ascent=Ascent(steps=3), progress=True)
        assert "6/6" in capfd.readouterr().err

    def test_tensorflow_does_not_complain_of_many_calls(self):
        """It logs a warning when the same code is traced by five of the last ten calls."""
        lines = []
        handler = logging.Handler()
        handler.emit = lambda record: lines.append(record.getMessage())
        logger = tf.get_logger()
        logger.addHandler(handler)
        try:
            model = conv_model(random_kernels((3, 3, 1, 2)), size=(8, 8), activation="relu")
            for _ in range(6):
                maximize_activation(model, "conv", 0, ascent=Ascent(steps=1))
        finally:
            logger.removeHandler(handler)
        assert lines == []


def test_it_works_in_a_notebook_session():
    """Deterministic operations only, on the trunk that notebook 07 looks at, and no output."""
    code = """
from course_utils.session import start_session
start_session(seed=0)
import warnings
import numpy as np
from course_utils.models import build_vgg_features
from course_utils.visualization import Ascent, maximize_activation
warnings.simplefilter("error")
model = build_vgg_features(["block2_conv2"])
ascent = Ascent(steps=4, learning_rate=0.1, jitter=0)
found, again = [
    maximize_activation(model, "block2_conv2", [5, 17], image_size=(32, 32), ascent=ascent)
    for _ in range(2)
]
assert found.images.shape == (2, 32, 32, 3) and np.isfinite(found.images).all()
assert (found.images == again.images).all() and (found.activations == again.activations).all()
assert (found.activations[:, -1] > found.activations[:, 1]).all(), found.activations
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "WARNING:tensorflow" not in done.stderr


class TestArgumentsThatAreRefused:
    @pytest.fixture
    def model(self):
        return conv_model(random_kernels((3, 3, 1, 4)))

    def test_an_unknown_layer(self):
        model = deep_model()
        words = r"`layer` must name a layer of .*first, pool, second\. Received: layer='third'\."
        with pytest.raises(ValueError, match=words):
            maximize_activation(model, "third", 0)

    @pytest.mark.parametrize("unit", [4, -1, [0, 4], [-1, 0], [], [[0, 1]]])
    def test_a_unit_that_does_not_exist(self, model, unit):
        with pytest.raises(ValueError, match=r"`unit` must lie in 0–3 for conv\. Received: "):
            maximize_activation(model, "conv", unit)

    @pytest.mark.parametrize("unit", [1.5, 1.0, True, "1", None, [0, 1.0], {1}])
    def test_a_unit_that_is_no_integer(self, model, unit):
        with pytest.raises(TypeError, match=r"`unit` must be an integer, or several\. Received: "):
            maximize_activation(model, "conv", unit)

    @pytest.mark.parametrize("where", ["center", None, ""])
    def test_where(self, model, where):
        words = f'`where` must be "everywhere" or "centre". Received: where={where!r}.'
        with pytest.raises(ValueError, match=words):
            maximize_activation(model, "conv", 0, where=where)

    @pytest.mark.parametrize(
        "bounds",
        [(1, 0), (1, 1), (0, np.nan), (np.nan, 1), (0, np.inf), (-np.inf, 0), (0, 1, 2), 255, None],
    )
    def test_a_range(self, model, bounds):
        with pytest.raises(ValueError, match=r"`value_range` must be \(low, high\)\. Received: "):
            maximize_activation(model, "conv", 0, value_range=bounds)

    @pytest.mark.parametrize("size", [(8,), (8, 8, 1), 8, (), "ab"])
    def test_a_size_that_is_no_pair(self, model, size):
        with pytest.raises(ValueError, match=r"`image_size` must be \(height, width\)\. Received"):
            maximize_activation(model, "conv", 0, image_size=size)

    @pytest.mark.parametrize("size", [(8.5, 8), (8, 8.0), ("8", 8)])
    def test_a_size_that_is_no_integer(self, model, size):
        with pytest.raises(TypeError, match=r"`image_size` must hold integers\. Received: "):
            maximize_activation(model, "conv", 0, image_size=size)

    @pytest.mark.parametrize(
        ("own", "size"), [((8, 9), (9, 8)), ((None, 9), (9, 8)), ((None, None), (0, 8))]
    )
    def test_a_size_that_does_not_fit(self, own, size):
        model = conv_model(random_kernels((3, 3, 1, 1)), size=own)
        words = r"`image_size` must fit the model, which takes \(.*\)\. Received: \(\d, 8\)"
        with pytest.raises(ValueError, match=words):
            maximize_activation(model, "conv", 0, image_size=size)

    def test_a_size_that_is_too_small_for_the_layers(self, model):
        with pytest.raises(
            ValueError, match=r"`image_size` is too small for conv\. Received: \(2, 2\)\."
        ):
            maximize_activation(model, "conv", 0, image_size=(2, 2))

    def test_a_layer_without_maps(self):
        model = keras.Sequential([keras.Input((4, 4, 1)), layers.Reshape((16, 1), name="row")])
        words = r"row has no maps of units: its output has shape \(None, 16, 1\)\."
        with pytest.raises(ValueError, match=words):
            maximize_activation(model, "row", 0)

    def test_a_model_without_images(self):
        one, other = keras.Input((4, 4, 1)), keras.Input((4, 4, 1))
        two = keras.Model([one, other], layers.Add(name="sum")([one, other]))
        vector = keras.Sequential([keras.Input((4,)), layers.Dense(2, name="sum")])
        for model, shapes in (
            (two, r"2 of shape \(None, 4, 4, 1\), \(None, 4, 4, 1\)"),
            (vector, r"1 of shape \(None, 4\)"),
        ):
            words = rf"`model` must have one input, images \(batch, .*Received: {shapes}\."
            with pytest.raises(ValueError, match=words):
                maximize_activation(model, "sum", 0)


class TestAscent:
    def test_what_it_is_by_default(self):
        assert Ascent() == Ascent(64, 0.1, 8, 1.0, 0.0, 0)
        with pytest.raises(AttributeError):
            Ascent().steps = 3

    @pytest.mark.parametrize("option", ["steps", "learning_rate"])
    @pytest.mark.parametrize("value", [0, -1])
    def test_what_must_be_positive(self, option, value):
        words = rf"`steps` and `learning_rate` must be positive\. Received: .*{option}={value}"
        with pytest.raises(ValueError, match=words):
            Ascent(**{option: value})

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_a_learning_rate_that_is_not_finite(self, value):
        with pytest.raises(ValueError, match=rf"must be positive\. Received: .*_rate={value}"):
            Ascent(learning_rate=value)

    @pytest.mark.parametrize("option", ["jitter", "decay", "total_variation", "seed"])
    def test_what_must_not_be_negative(self, option):
        words = f"`{option}` must be finite and at least 0. Received: -1."
        with pytest.raises(ValueError, match=words):
            Ascent(**{option: -1})
        Ascent(**{option: 0})

    @pytest.mark.parametrize("option", ["decay", "total_variation"])
    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_what_must_be_finite(self, option, value):
        with pytest.raises(ValueError, match=f"`{option}` must be finite and at least 0"):
            Ascent(**{option: value})

    @pytest.mark.parametrize("option", ["steps", "jitter", "seed"])
    @pytest.mark.parametrize("value", [1.5, 2.0, "3", None])
    def test_what_must_be_an_integer(self, option, value):
        with pytest.raises(TypeError, match=f"`{option}` must be an integer. Received: {value!r}"):
            Ascent(**{option: value})

    def test_numbers_of_numpy_are_numbers(self):
        model = conv_model(random_kernels((3, 3, 1, 1)), size=(6, 6))
        ascent = Ascent(np.int64(2), np.float32(0.05), np.int32(1), np.float64(1), seed=np.int64(3))
        found = maximize_activation(model, "conv", 0, ascent=ascent)
        expected = maximize_activation(model, "conv", 0, ascent=Ascent(2, 0.05, 1, seed=3))
        np.testing.assert_allclose(found.images, expected.images, rtol=0, atol=1e-3)
