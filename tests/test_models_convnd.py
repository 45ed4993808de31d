"""Networks along one, two and three axes, against loops in float64 and voxels changed by hand."""

import itertools
import re

import keras
import numpy as np
import pytest
from scipy import ndimage

from course_utils.models import (
    build_conv1d_classifier,
    build_conv2d_segmenter,
    build_conv3d_segmenter,
)
from course_utils.shapes import conv_parameter_count

SEGMENTERS = {2: build_conv2d_segmenter, 3: build_conv3d_segmenter}
saves_models = pytest.mark.filterwarnings(
    "ignore:__array__ implementation:DeprecationWarning:keras"
)


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def as_if_trained(model, seed=0):
    """The model with other numbers than those of the start in biases and normalizations."""
    rng = np.random.default_rng(seed)
    for weights in model.weights:
        if weights.name in ("gamma", "moving_variance"):
            weights.assign(rng.uniform(0.5, 1.5, weights.shape))
        elif weights.name in ("bias", "beta", "moving_mean"):
            weights.assign(rng.uniform(-0.2, 0.2, weights.shape))
    return model


def segmenter(num_axes, channels=1, num_classes=3, **options):
    keras.utils.set_random_seed(0)
    return as_if_trained(
        SEGMENTERS[num_axes]((None,) * num_axes + (channels,), num_classes, **options)
    )


def classifier(input_shape=(None, 2), num_classes=3, **options):
    keras.utils.set_random_seed(0)
    return as_if_trained(build_conv1d_classifier(input_shape, num_classes, **options))


def correlated(features, kernel, dilation=1):
    """A convolution with zeros around it, one channel at a time, in float64."""
    *sizes, channels, filters = kernel.shape
    spread = np.zeros([dilation * (size - 1) + 1 for size in sizes] + [channels, filters])
    spread[(slice(None, None, dilation),) * len(sizes)] = kernel
    output = np.zeros((*features.shape[:-1], filters))
    for channel, number in np.ndindex(channels, filters):
        output[..., number] += ndimage.correlate(
            features[..., channel].astype(np.float64), spread[..., channel, number], mode="constant"
        )
    return output


def softmax(logits):
    return np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)


def assert_probabilities(values):
    assert values.dtype == np.float32
    assert values.min() >= 0
    np.testing.assert_allclose(values.sum(axis=-1), 1, atol=1e-5)


def parameters(model):
    return {layer.name: n for layer in model.layers if (n := layer.count_params())}


class TestClassifier:
    @pytest.mark.parametrize(("batch", "steps"), [(1, 4), (3, 5), (2, 101)])
    def test_any_number_of_steps_gives_probabilities(self, batch, steps):
        probabilities = classifier()(numbers(batch, steps, 2)).numpy()
        assert probabilities.shape == (batch, 3)
        assert_probabilities(probabilities)

    def test_parameters_are_as_many_as_counted_by_hand(self):
        """(7 · 6 + 1) · 32 = 1,376; (7 · 32 + 1) · 64 = 14,400; (64 + 1) · 4 = 260."""
        model = build_conv1d_classifier((100, 6), num_classes=4)
        assert parameters(model) == {"conv1": 1_376, "conv2": 14_400, "classes": 260}
        assert conv_parameter_count((100, 6), 7, 32) == 1_376
        assert conv_parameter_count((50, 32), 7, 64) == 14_400
        assert model.count_params() == 16_036

    def test_parameters_of_other_layers(self):
        """(5 · 2 + 1) · 3 = 33; (5 · 3 + 1) · 4 = 64; (5 · 4 + 1) · 5 = 105; (5 + 1) · 2 = 12."""
        model = build_conv1d_classifier((None, 2), 2, filters=(3, 4, 5), kernel_size=5)
        assert list(parameters(model).values()) == [33, 64, 105, 12]

    def test_the_layers_have_names_that_tell_their_part(self):
        expected = ["signals", "conv1", "pool1", "conv2", "pool2", "mean_over_time", "classes"]
        assert [layer.name for layer in classifier().layers] == expected

    @pytest.mark.parametrize("steps", [12, 15])
    def test_is_what_loops_compute(self, steps):
        """With 15 steps each pooling leaves out the last: 15 → 7 → 3."""
        model = classifier(filters=(3, 4), kernel_size=5)
        recording = numbers(steps, 2)
        features = recording
        for index in (1, 2):
            kernel, bias = model.get_layer(f"conv{index}").get_weights()
            features = np.maximum(correlated(features, kernel) + bias, 0)
            pairs = range(0, len(features) - 1, 2)
            features = np.array([np.maximum(features[i], features[i + 1]) for i in pairs])
        kernel, bias = model.get_layer("classes").get_weights()
        expected = softmax(features.mean(axis=0) @ kernel + bias)
        np.testing.assert_allclose(model(recording[None])[0], expected, atol=1e-5)

    def test_a_filter_of_the_first_layer_sees_so_many_steps_of_all_channels(self):
        model = classifier(kernel_size=5)
        first = keras.Model(model.input, keras.ops.relu(model.get_layer("conv1").output))
        recordings = np.repeat(numbers(1, 21, 2), 3, axis=0)
        for channel in (0, 1):
            recordings[1 + channel, 10, channel] += 10
        outputs = first(recordings).numpy()
        for changed in outputs[1:]:
            steps = np.flatnonzero((changed != outputs[0]).any(axis=-1))
            np.testing.assert_array_equal(steps, [8, 9, 10, 11, 12])

    def test_when_something_happened_does_not_matter(self):
        """For a shift by 4 steps or twice that: two poolings. By 1, 2 or 3 it is not the same."""
        model, event = classifier(num_classes=2), 3 * numbers(10, 2)
        starts = [32, 36, 40, 33, 34, 35]
        recordings = np.zeros((len(starts) + 1, 80, 2), "float32")
        for recording, start in zip(recordings, starts, strict=False):
            recording[start : start + 10] = event
        first, *others, nothing = model(recordings).numpy()[:, 0]
        np.testing.assert_allclose(others[:2], first, atol=1e-6)
        assert np.abs(others[2:] - first).min() > 1e-5
        assert np.abs(nothing - first) > 1e-2

    def test_in_which_order_and_how_strongly_it_happened_matters(self):
        model, event = classifier(), numbers(1, 40, 2)
        probabilities = model(np.concatenate([event, event[:, ::-1], 2 * event])).numpy()
        assert np.abs(probabilities[1:] - probabilities[0]).max(axis=1).min() > 1e-3

    def test_learns_which_of_two_waveforms_it_is(self):
        """A sawtooth that rises, or the same backwards: the same values, in the other order."""
        keras.utils.set_random_seed(0)
        rng = np.random.default_rng(0)

        def recordings(number, steps):
            labels = rng.integers(0, 2, number)
            phases = rng.uniform(size=(number, 1))
            waves = (np.arange(steps) / 10 + phases) % 1
            waves = np.where(labels[:, None] == 1, waves, 1 - waves)
            noisy = (waves - 0.5) * 3.5 + rng.normal(scale=0.2, size=waves.shape)
            return noisy[..., None].astype("float32"), labels

        model = build_conv1d_classifier((None, 1), 2, filters=(8, 8))
        model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
        model.fit(*recordings(128, 40), batch_size=32, epochs=8, verbose=0)
        signals, labels = recordings(200, 60)
        assert np.mean(model(signals).numpy().argmax(axis=1) == labels) > 0.97

    @saves_models
    def test_a_saved_model_is_read_again(self, tmp_path):
        model = classifier()
        model.save(tmp_path / "model.keras")
        again = keras.saving.load_model(tmp_path / "model.keras")
        np.testing.assert_array_equal(again(numbers(2, 9, 2)), model(numbers(2, 9, 2)))


@pytest.mark.parametrize("num_axes", [2, 3])
class TestSegmenters:
    @pytest.mark.parametrize("sizes", [(1, 1, 1), (7, 4, 5), (2, 9, 3)])
    def test_every_voxel_of_any_volume_gets_probabilities(self, num_axes, sizes):
        for batch, num_classes in ((1, 3), (2, 5)):
            shape = (batch, *sizes[:num_axes])
            model = segmenter(num_axes, channels=2, num_classes=num_classes)
            probabilities = model(numbers(*shape, 2)).numpy()
            assert probabilities.shape == (*shape, num_classes)
            assert_probabilities(probabilities)

    @pytest.mark.parametrize("dilations", [(1, 1), (2,), (1, 2)])
    def test_is_what_loops_compute(self, num_axes, dilations):
        model = segmenter(num_axes, channels=2, filters=3, dilations=dilations)
        image = numbers(*(6, 7, 5)[:num_axes], 2)
        features = image
        for index, dilation in enumerate(dilations, start=1):
            norm = model.get_layer(f"norm{index}")
            gamma, beta, mean, variance = norm.get_weights()
            features = correlated(
                features, *model.get_layer(f"conv{index}").get_weights(), dilation
            )
            features = gamma * (features - mean) / np.sqrt(variance + norm.epsilon) + beta
            features = np.maximum(features, 0)
        kernel, bias = model.get_layer("classes").get_weights()
        features = np.concatenate([features, image], axis=-1)
        expected = softmax(features @ kernel.reshape(5, 3) + bias)
        np.testing.assert_allclose(model(image[None])[0], expected, atol=1e-5)

    @pytest.mark.parametrize(
        ("dilations", "offsets"),
        [((1, 1), [-2, -1, 0, 1, 2]), ((1, 2), range(-3, 4)), ((3,), [-3, 0, 3])],
    )
    def test_a_voxel_is_judged_by_those_around_it_and_no_other(self, num_axes, dilations, offsets):
        """One voxel is changed: which outputs change, to the last bit, and which do not."""
        model = segmenter(num_axes, dilations=dilations)
        images = np.repeat(numbers(1, *(11,) * num_axes, 1), 2, axis=0)
        center = (5,) * num_axes
        images[(1, *center)] += 20
        before, after = model(images).numpy()
        changed = np.argwhere((before != after).any(axis=-1)) - center
        expected = itertools.product(offsets, repeat=num_axes)
        assert {tuple(position) for position in changed.tolist()} == set(expected)

    def test_a_network_for_one_size_computes_what_that_for_all_does(self, num_axes):
        sizes = (6, 5, 4)[:num_axes]
        keras.utils.set_random_seed(0)
        fixed = as_if_trained(SEGMENTERS[num_axes]([*sizes, 1]))
        assert fixed.output_shape == (None, *sizes, 3)
        images = numbers(2, *sizes, 1)
        np.testing.assert_allclose(fixed(images), segmenter(num_axes)(images), atol=1e-6)

    def test_learned_numbers_are_as_many_as_convolutions_have(self, num_axes):
        """The normalizations learn 2 of each filter, and remember 2."""
        model = segmenter(num_axes, channels=2, num_classes=4, filters=5, dilations=(1, 1, 2))
        free = (None,) * num_axes
        sizes = [9] * num_axes
        first = conv_parameter_count([*sizes, 2], 3, 5, use_bias=False)
        other = conv_parameter_count([*sizes, 5], 3, 5, use_bias=False)
        last = conv_parameter_count([*sizes, 7], 1, 4)
        assert list(parameters(model).values()) == [first, 20, other, 20, other, 20, last]
        assert last == (5 + 2 + 1) * 4
        learned = sum(int(np.prod(weights.shape)) for weights in model.trainable_weights)
        assert learned == first + 2 * other + last + 3 * 2 * 5
        assert model.input_shape == (None, *free, 2)

    def test_training_remembers_a_tenth_of_the_batch(self, num_axes):
        model = SEGMENTERS[num_axes]()
        images = numbers(2, *(5,) * num_axes, 1)
        model(images)
        assert not model.get_layer("norm1").moving_mean.numpy().any()
        model(images, training=True)
        first = model.get_layer("conv1")(images).numpy()
        mean = first.mean(axis=tuple(range(num_axes + 1)))
        np.testing.assert_allclose(model.get_layer("norm1").moving_mean, 0.1 * mean, atol=1e-6)

    @pytest.mark.parametrize("dilations", [(1, 1), (1, 2)])
    def test_a_step_of_training_changes_every_weight(self, num_axes, dilations):
        model = SEGMENTERS[num_axes](filters=4, dilations=dilations)
        model.compile(keras.optimizers.SGD(1.0), "sparse_categorical_crossentropy")
        before = [weights.numpy() for weights in model.weights]
        sizes = (2, *(6,) * num_axes)
        labels = np.random.default_rng(0).integers(0, 3, sizes)
        assert np.isfinite(model.train_on_batch(numbers(*sizes, 1), labels))
        for weights, old in zip(model.weights, before, strict=True):
            assert np.isfinite(weights).all(), weights.path
            assert np.abs(weights - old).max() > 1e-6, weights.path

    @saves_models
    def test_a_saved_model_is_read_again(self, num_axes, tmp_path):
        model = segmenter(num_axes, dilations=(1, 2))
        model.save(tmp_path / "model.keras")
        again = keras.saving.load_model(tmp_path / "model.keras")
        images = numbers(2, *(6,) * num_axes, 1)
        np.testing.assert_array_equal(again(images), model(images))


def test_the_two_segmenters_have_about_as_many_parameters():
    """27 · 16 + 27 · 16 · 16 + 2 · 4 · 16 + 18 · 3 = 7,526, and with 28 filters and 9 it is 7,622.

    Of these the normalizations remember 64 and 112, which no gradient changes.
    """
    volumes, images = build_conv3d_segmenter(), build_conv2d_segmenter()
    assert volumes.count_params() == 432 + 6_912 + 128 + 54
    assert images.count_params() == 252 + 7_056 + 224 + 90
    assert images.count_params() == pytest.approx(volumes.count_params(), rel=0.02)
    learned = [
        sum(int(np.prod(weights.shape)) for weights in model.trainable_weights)
        for model in (volumes, images)
    ]
    assert learned == [7_526 - 64, 7_622 - 112]
    assert learned[1] == pytest.approx(learned[0], rel=0.02)


def test_slice_by_slice_no_slice_sees_another():
    volume = numbers(6, 8, 8, 1)
    other = volume.copy()
    other[3] = numbers(8, 8, 1, seed=1)
    flat, solid = segmenter(2), segmenter(3)
    changed = (flat(volume).numpy() != flat(other).numpy()).any(axis=(1, 2, 3))
    np.testing.assert_array_equal(np.flatnonzero(changed), [3])
    changed = (solid(volume[None]).numpy() != solid(other[None]).numpy()).any(axis=(0, 2, 3, 4))
    np.testing.assert_array_equal(np.flatnonzero(changed), [1, 2, 3, 4, 5])


class TestSegmentersLearn:
    """A voxel has class 1 if its neighbour along an axis is bright; the slices are across z."""

    def crops(self, number, axis, seed):
        volumes = numbers(number, 8, 8, 8, 1, seed=seed)
        return volumes, (np.roll(volumes[..., 0], -1, axis=1 + axis) > 0).astype(int)

    def right(self, build, axis, slices):
        """Share of right voxels of new crops, without those that have no neighbour."""

        def prepared(volumes):
            if not slices:
                return volumes
            return np.moveaxis(volumes, 3, 1).reshape(-1, 8, 8, *volumes.shape[4:])

        keras.utils.set_random_seed(0)
        model = build(num_classes=2, filters=4)
        model.compile(keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy")
        volumes, labels = (prepared(each) for each in self.crops(16, axis, seed=0))
        model.fit(volumes, labels, batch_size=len(volumes) // 4, epochs=12, verbose=0)
        volumes, labels = self.crops(8, axis, seed=1)
        found = model(prepared(volumes)).numpy().argmax(axis=-1)
        if slices:
            found = np.moveaxis(found.reshape(-1, 8, 8, 8), 1, 3)
        return np.mean((found == labels).take(range(7), axis=1 + axis))

    def test_in_3d_from_the_next_slice(self):
        assert self.right(build_conv3d_segmenter, 2, slices=False) > 0.85

    def test_in_2d_within_the_slice(self):
        assert self.right(build_conv2d_segmenter, 0, slices=True) > 0.85

    def test_in_2d_the_next_slice_is_out_of_sight(self):
        """Neighbours are independent, so that chance is 1/2; 3,584 voxels are judged."""
        right = self.right(build_conv2d_segmenter, 2, slices=True)
        assert 0.45 < right < 0.55


@pytest.mark.parametrize(
    "build", [build_conv1d_classifier, build_conv2d_segmenter, build_conv3d_segmenter]
)
class TestErrors:
    def shape(self, build, sizes=(16, 16, 16), channels=1):
        axes = {"conv1d": 1, "conv2d": 2, "conv3d": 3}[build.__name__[6:12]]
        return (*sizes[:axes], channels)

    def options(self, build):
        """The name of what is a number, and that of what is a list."""
        return (
            ("kernel_size", "filters")
            if build is build_conv1d_classifier
            else ("filters", "dilations")
        )

    def refuses(self, error, words, build, *args, **options):
        with pytest.raises(error, match=f"^{re.escape(words)}$"):
            build(*args, **options)

    def names(self, build):
        return {
            build_conv1d_classifier: "(steps, channels)",
            build_conv2d_segmenter: "(height, width, channels)",
            build_conv3d_segmenter: "(x, y, z, channels)",
        }[build]

    def test_an_input_with_other_axes(self, build):
        good = self.shape(build)
        for shape in (good[1:], (*good, 1), ()):
            words = f"`input_shape` must be {self.names(build)}. Received: {shape}."
            self.refuses(ValueError, words, build, shape, 3)

    @pytest.mark.parametrize("shape", [16, None])
    def test_an_input_shape_that_is_no_list(self, build, shape):
        words = f"`input_shape` must be {self.names(build)}. Received: {shape}."
        self.refuses(TypeError, words, build, shape, 3)

    def test_an_input_without_channels(self, build):
        shape = self.shape(build, channels=None)
        words = f"`input_shape` must tell the number of channels. Received: {shape}."
        self.refuses(ValueError, words, build, shape, 3)

    @pytest.mark.parametrize("size", [0, -2])
    def test_a_size_below_1(self, build, size):
        words = f"`input_shape` must be at least 1. Received: {size}."
        self.refuses(ValueError, words, build, self.shape(build, channels=size), 3)
        self.refuses(ValueError, words, build, self.shape(build, sizes=(size, 16, 16)), 3)

    @pytest.mark.parametrize("size", [16.0, "16"])
    def test_a_size_that_is_no_integer(self, build, size):
        words = f"`input_shape` must hold integers. Received: {size!r}."
        self.refuses(TypeError, words, build, self.shape(build, channels=size), 3)
        self.refuses(TypeError, words, build, self.shape(build, sizes=(size, 16, 16)), 3)

    @pytest.mark.parametrize(
        ("number", "least"), [(1, "at least 2"), (0, "at least 1"), (-1, "at least 1")]
    )
    def test_too_few_classes(self, build, number, least):
        words = f"`num_classes` must be {least}. Received: {number}."
        self.refuses(ValueError, words, build, self.shape(build), number)

    def test_a_number_of_classes_that_is_no_integer(self, build):
        words = "`num_classes` must hold integers. Received: 3.0."
        self.refuses(TypeError, words, build, self.shape(build), 3.0)

    def test_numbers_below_1(self, build):
        number, several = self.options(build)
        for name, value in ((number, 0), (several, (4, 0))):
            words = f"`{name}` must be at least 1. Received: 0."
            self.refuses(ValueError, words, build, self.shape(build), 3, **{name: value})

    def test_what_is_no_integer(self, build):
        number, several = self.options(build)
        for name, value, received in (
            (number, 2.5, "2.5"),
            (number, (3, 3), "(3, 3)"),
            (several, (1, 2.5), "2.5"),
        ):
            words = f"`{name}` must hold integers. Received: {received}."
            self.refuses(TypeError, words, build, self.shape(build), 3, **{name: value})

    def test_a_list_that_is_none_or_empty(self, build):
        _, name = self.options(build)
        words = f"`{name}` must list a number for each layer. Received: "
        self.refuses(TypeError, f"{words}16.", build, self.shape(build), 3, **{name: 16})
        self.refuses(
            ValueError, f"{words}an empty list.", build, self.shape(build), 3, **{name: ()}
        )


@pytest.mark.parametrize(("steps", "filters"), [(3, (2, 2)), (1, (2,)), (7, (2, 2, 2))])
def test_recordings_too_short_for_the_poolings_are_refused(steps, filters):
    least = {1: 2, 2: 4, 3: 8}[len(filters)]
    words = (
        f"`input_shape` must have at least {least} steps: each of {len(filters)} poolings halves "
        f"them. Received: {steps}."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(words)}$"):
        build_conv1d_classifier((steps, 1), 2, filters=filters)
    shortest = build_conv1d_classifier((least, 1), 2, filters=filters)
    assert_probabilities(shortest(numbers(1, least, 1)).numpy())
