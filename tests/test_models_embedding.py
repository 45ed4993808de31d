import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.spatial.distance import sqeuclidean

from course_utils.losses import ContrastiveLoss, TripletLoss
from course_utils.models import (
    build_embedding_model,
    build_siamese_model,
    build_softmax_classifier,
)
from course_utils.weights import save_weights


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return build_softmax_classifier((56, 46, 1), num_classes=10)


def images(num_images, shape=(56, 46, 1), seed=0):
    return np.random.default_rng(seed).uniform(size=(num_images, *shape)).astype("float32")


@pytest.mark.parametrize("num_images", [1, 2, 5])
def test_every_image_gets_a_probability_for_each_person(model, num_images):
    probabilities = model(images(num_images)).numpy()
    assert probabilities.shape == (num_images, 10)
    assert probabilities.dtype == np.float32
    assert probabilities.min() >= 0
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)


def test_a_batch_gets_what_each_of_its_images_gets_alone(model):
    batch = images(4)
    alone = np.concatenate([model(batch[i : i + 1]) for i in range(4)])
    np.testing.assert_allclose(model(batch), alone, atol=1e-6)


def test_different_images_get_different_probabilities(model):
    first, second = model(images(2)).numpy()
    assert np.abs(first - second).max() > 1e-5


def test_parameters_are_as_many_as_counted_by_hand(model):
    """3×3 convolutions, (9 · channels in + 1) · filters: 160 + 4,640 + 18,496 + 36,928.

    Pooling halves and rounds down: 56 → 28 → 14 → 7 → 3 and 46 → 23 → 11 → 5 → 2, so that
    3 · 2 · 64 = 384 numbers are flattened. `embedding` has (384 + 1) · 128 = 49,280 and `people`
    (128 + 1) · 10 = 1,290. Together 110,794.
    """
    counted = {
        "block1_conv": 160,
        "block2_conv": 4_640,
        "block3_conv": 18_496,
        "block4_conv": 36_928,
        "embedding": 49_280,
        "people": 1_290,
    }
    found = {layer.name: layer.count_params() for layer in model.layers if layer.count_params()}
    assert found == counted
    assert model.count_params() == 110_794


def test_parameters_of_the_smallest_colour_images():
    """16 → 8 → 4 → 2 → 1, so that 64 numbers are flattened: (64 + 1) · 7 + (7 + 1) · 2 = 471.

    The first convolution has (9 · 3 + 1) · 16 = 448, the others 4,640 + 18,496 + 36,928.
    """
    model = build_softmax_classifier((16, 16, 3), num_classes=2, embedding_dim=7)
    assert model.count_params() == 448 + 4_640 + 18_496 + 36_928 + 471
    assert model(images(3, (16, 16, 3))).shape == (3, 2)


def test_the_layers_have_the_documented_names_in_order(model):
    blocks = [f"block{i}_{part}" for i in range(1, 5) for part in ("conv", "pool")]
    expected = ["images", *blocks, "flatten", "embedding", "people"]
    assert [layer.name for layer in model.layers] == expected


def test_the_embedding_is_what_comes_before_people_and_is_never_negative(model):
    trunk = keras.Model(model.input, model.get_layer("embedding").output)
    embedding = trunk(images(3)).numpy()
    assert embedding.shape == (3, 128)
    assert embedding.min() == 0
    kernel, bias = model.get_layer("people").get_weights()
    logits = embedding @ kernel + bias
    softmax = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model(images(3)), softmax, atol=1e-5)


def test_the_gradient_reaches_every_layer(model):
    labels = np.array([0, 3, 9])
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(
            keras.losses.sparse_categorical_crossentropy(labels, model(images(3)))
        )
    gradients = tape.gradient(loss, model.trainable_variables)
    for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
        assert np.isfinite(gradient).all(), variable.path
        assert np.abs(gradient).max() > 0, variable.path


def test_the_model_is_not_compiled(model):
    assert not model.compiled


def test_a_shape_given_as_a_list_is_accepted():
    assert build_softmax_classifier([16, 18, 1], 3).input_shape == (None, 16, 18, 1)


def test_two_models_share_no_weights():
    first, second = (build_softmax_classifier((16, 16, 1), 2) for _ in range(2))
    before = second.get_weights()[0].copy()
    first.set_weights([np.zeros_like(weights) for weights in first.get_weights()])
    np.testing.assert_array_equal(second.get_weights()[0], before)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:keras")
def test_saved_weights_give_the_same_probabilities(model, tmp_path):
    model.save_weights(tmp_path / "classifier.weights.h5")
    other = build_softmax_classifier((56, 46, 1), num_classes=10)
    assert np.abs(other(images(2)) - model(images(2))).max() > 0
    other.load_weights(tmp_path / "classifier.weights.h5")
    np.testing.assert_array_equal(other(images(2)), model(images(2)))


@pytest.mark.parametrize(
    ("num_classes", "embedding_dim"), [(1, 128), (0, 128), (-3, 128), (10, 0), (10, -1)]
)
def test_numbers_that_are_too_low_are_refused(num_classes, embedding_dim):
    words = (
        r"`num_classes` must be at least 2 and `embedding_dim` at least 1\. "
        rf"Received: num_classes={num_classes}, embedding_dim={embedding_dim}\."
    )
    with pytest.raises(ValueError, match=words):
        build_softmax_classifier((56, 46, 1), num_classes, embedding_dim=embedding_dim)


@pytest.mark.parametrize("shape", [(15, 46, 1), (56, 15, 1), (56, 46), (1, 56, 46, 1), ()])
def test_images_that_are_too_small_or_no_images_are_refused(shape):
    with pytest.raises(ValueError, match=r"`input_shape`.*at least 16×16\. Received: input_shape="):
        build_softmax_classifier(shape, 10)


@pytest.fixture(scope="module")
def encoder():
    keras.utils.set_random_seed(1)
    return build_embedding_model((56, 46, 1))


@pytest.fixture(scope="module")
def siamese(encoder):
    return build_siamese_model(encoder)


class TestEmbeddingModel:
    def test_parameters_are_as_many_as_counted_by_hand(self, encoder):
        """The convolutions have 160 + 4,640 + 18,496 + 36,928, as in the classifier.

        3 · 2 · 64 = 384 numbers are flattened; `embedding` has (384 + 1) · 128 = 49,280.
        `unit_norm` has none. Together 109,504.
        """
        counted = {
            "block1_conv": 160,
            "block2_conv": 4_640,
            "block3_conv": 18_496,
            "block4_conv": 36_928,
            "embedding": 49_280,
        }
        layers = encoder.layers
        assert {layer.name: n for layer in layers if (n := layer.count_params())} == counted
        assert encoder.count_params() == 109_504

    def test_parameters_of_the_smallest_colour_images(self):
        """448 + 4,640 + 18,496 + 36,928, and (1 · 1 · 64 + 1) · 7 = 455 of `embedding`."""
        encoder = build_embedding_model((16, 16, 3), 7)
        assert encoder.count_params() == 448 + 4_640 + 18_496 + 36_928 + 455
        assert encoder(images(3, (16, 16, 3))).shape == (3, 7)

    def test_the_layers_have_the_documented_names_in_order(self, encoder):
        blocks = [f"block{i}_{part}" for i in range(1, 5) for part in ("conv", "pool")]
        expected = ["images", *blocks, "flatten", "embedding", "unit_norm"]
        assert [layer.name for layer in encoder.layers] == expected

    @pytest.mark.parametrize("num_images", [1, 2, 5])
    def test_every_embedding_has_length_1(self, encoder, num_images):
        embeddings = encoder(images(num_images)).numpy()
        assert embeddings.shape == (num_images, 128)
        assert embeddings.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-6)

    def test_the_embedding_is_the_dense_layer_divided_by_its_length(self, encoder):
        trunk = keras.Model(encoder.input, encoder.get_layer("embedding").output)
        vectors = trunk(images(4)).numpy().astype(np.float64)
        assert vectors.min() < 0 < vectors.max()
        lengths = np.sqrt((vectors**2).sum(axis=1, keepdims=True))
        assert lengths.std() > 1e-4
        np.testing.assert_allclose(encoder(images(4)), vectors / lengths, atol=1e-6)

    def test_a_batch_gets_what_each_of_its_images_gets_alone(self, encoder):
        batch = images(4)
        alone = np.concatenate([encoder(batch[i : i + 1]) for i in range(4)])
        np.testing.assert_allclose(encoder(batch), alone, atol=1e-6)

    def test_different_images_get_different_embeddings(self, encoder):
        first, second = encoder(images(2)).numpy()
        assert np.abs(first - second).max() > 1e-5

    @pytest.mark.parametrize("value", [0, 1])
    def test_an_image_of_one_shade_has_a_finite_embedding_and_gradient(self, encoder, value):
        """At first the biases are 0, so that a black image leaves `unit_norm` nothing to divide."""
        batch = np.full((2, 56, 46, 1), value, "float32")
        with tf.GradientTape() as tape:
            embeddings = encoder(batch)
            total = tf.reduce_sum(embeddings * np.arange(128, dtype="float32"))
        assert np.isfinite(embeddings).all()
        for gradient in tape.gradient(total, encoder.trainable_variables):
            assert np.isfinite(gradient).all()

    def test_the_model_is_not_compiled(self, encoder):
        assert not encoder.compiled

    def test_a_shape_given_as_a_list_is_accepted(self):
        assert build_embedding_model([16, 18, 1], 3).output_shape == (None, 3)

    @pytest.mark.parametrize("dim", [0, -1])
    def test_an_embedding_without_numbers_is_refused(self, dim):
        words = rf"`embedding_dim` must be at least 1\. Received: {dim}\."
        with pytest.raises(ValueError, match=words):
            build_embedding_model((56, 46, 1), dim)

    @pytest.mark.parametrize("shape", [(15, 46, 1), (56, 15, 1), (56, 46), (1, 56, 46, 1), ()])
    def test_images_that_are_too_small_or_no_images_are_refused(self, shape):
        words = r"`input_shape`.*at least 16×16\. Received: input_shape="
        with pytest.raises(ValueError, match=words):
            build_embedding_model(shape)


class TestSiameseModel:
    def test_inputs_and_output_have_the_documented_names_and_shapes(self, siamese):
        assert [part.name for part in siamese.inputs] == ["first", "second"]
        assert siamese.input_shape == [(None, 56, 46, 1), (None, 56, 46, 1)]
        assert siamese.layers[-1].name == "distance"
        assert siamese.output_shape == (None, 1)

    def test_there_is_one_set_of_weights(self, encoder, siamese):
        assert siamese.count_params() == encoder.count_params()
        assert len(siamese.weights) == len(encoder.weights)
        for one, other in zip(siamese.weights, encoder.weights, strict=True):
            assert one is other

    @pytest.mark.parametrize("num_pairs", [1, 4])
    def test_the_output_is_the_squared_distance_of_the_embeddings(
        self, encoder, siamese, num_pairs
    ):
        first, second = images(num_pairs), images(num_pairs, seed=1)
        one, other = (encoder(part).numpy().astype(np.float64) for part in (first, second))
        expected = [sqeuclidean(*pair) for pair in zip(one, other, strict=True)]
        distances = siamese([first, second]).numpy()
        assert distances.shape == (num_pairs, 1)
        assert distances.min() > 1e-5
        np.testing.assert_allclose(distances[:, 0], expected, rtol=1e-4)

    def test_the_order_of_the_two_photos_does_not_matter(self, siamese):
        first, second = images(4), images(4, seed=1)
        np.testing.assert_allclose(
            siamese([first, second]), siamese([second, first]), rtol=1e-6, atol=0
        )

    def test_a_photo_is_at_distance_0_from_itself(self, siamese):
        np.testing.assert_array_equal(siamese([images(3), images(3)]), np.zeros((3, 1)))

    def test_both_photos_add_to_the_gradient(self, encoder, siamese):
        first, second, same = images(4), images(4, seed=1), np.array([1, 0, 1, 0])
        loss = ContrastiveLoss()

        def gradients(distances):
            with tf.GradientTape() as tape:
                value = loss(same, distances())
            return [part.numpy() for part in tape.gradient(value, encoder.trainable_variables)]

        def distances_with_one_held(held):
            embeddings = [encoder(first), encoder(second)]
            embeddings[held] = tf.stop_gradient(embeddings[held])
            return tf.reduce_sum((embeddings[0] - embeddings[1]) ** 2, axis=1)

        of_both = gradients(lambda: siamese([first, second]))
        of_first = gradients(lambda: distances_with_one_held(1))
        of_second = gradients(lambda: distances_with_one_held(0))
        for both, one, other in zip(of_both, of_first, of_second, strict=True):
            assert min(np.abs(one).max(), np.abs(other).max()) > 1e-6
            np.testing.assert_allclose(both, one + other, atol=1e-5 * np.abs(both).max())

    def test_to_train_the_siamese_model_is_to_train_the_encoder(self):
        encoder = build_embedding_model((16, 16, 1), 4)
        siamese = build_siamese_model(encoder)
        siamese.compile(keras.optimizers.SGD(0.1), ContrastiveLoss(), run_eagerly=True)
        before = encoder.get_weights()
        pair = images(2, (16, 16, 1)), images(2, (16, 16, 1), seed=1)
        siamese.train_on_batch(pair, np.array([1, 1]))
        for old, new in zip(before, encoder.get_weights(), strict=True):
            assert np.abs(old - new).max() > 0

    def test_any_encoder_with_one_vector_for_each_input_is_accepted(self):
        numbers = keras.Input((3,), dtype="float64")
        encoder = keras.Model(numbers, keras.layers.Rescaling(2.0, dtype="float64")(numbers))
        siamese = build_siamese_model(encoder)
        assert siamese.inputs[0].dtype == "float64"
        distance = siamese([np.array([[1.0, 2.0, 3.0]]), np.array([[1.0, 0.0, 4.0]])])
        np.testing.assert_allclose(distance, [[2.0**2 * (2.0**2 + 1.0**2)]])

    def test_the_model_is_not_compiled(self, siamese):
        assert not siamese.compiled

    def test_an_encoder_with_two_inputs_is_refused(self, siamese):
        words = r"`encoder` must have one input and one output .*Received: 2 inputs"
        with pytest.raises(ValueError, match=words):
            build_siamese_model(siamese)

    def test_an_encoder_with_two_outputs_is_refused(self):
        numbers = keras.Input((3,))
        dense = keras.layers.Dense(2)(numbers)
        with pytest.raises(ValueError, match="`encoder` must have one input and one output"):
            build_siamese_model(keras.Model(numbers, [dense, numbers]))

    def test_an_encoder_whose_output_is_a_picture_is_refused(self):
        pictures = keras.Input((4, 4, 1))
        encoder = keras.Model(pictures, keras.layers.MaxPooling2D()(pictures))
        words = r"`encoder` .*Received: 1 inputs, output_shape=\(None, 2, 2, 1\)\."
        with pytest.raises(ValueError, match=words):
            build_siamese_model(encoder)


def small_model(kind):
    """A small model of each kind, its loss, and a batch for it."""
    shape, labels = (16, 16, 1), np.array([0, 0, 1, 1])
    if kind == "classifier":
        loss = "sparse_categorical_crossentropy"
        return build_softmax_classifier(shape, 2, embedding_dim=5), loss, images(4, shape), labels
    encoder = build_embedding_model(shape, 5)
    if kind == "encoder":
        return encoder, TripletLoss(margin=0.5, mining="all"), images(4, shape), labels
    pairs = [images(4, shape), images(4, shape, seed=1)]
    return build_siamese_model(encoder), ContrastiveLoss(margin=0.7), pairs, labels


KINDS = ("encoder", "siamese", "classifier")

LOAD = """
import sys
import keras, numpy as np
for kind in sys.argv[2:]:
    model = keras.saving.load_model(f"{sys.argv[1]}/{kind}.keras", safe_mode=True)
    with np.load(f"{sys.argv[1]}/{kind}.npz") as arrays:
        batch = [arrays[name] for name in arrays.files if name != "expected"]
        found = model(batch if len(batch) > 1 else batch[0])
        np.testing.assert_allclose(found, arrays["expected"], atol=1e-6)
    assert not model.compiled
    print(model.name)
assert "course_utils" not in sys.modules
"""


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:keras")
class TestSavedModels:
    @pytest.mark.parametrize("kind", KINDS)
    def test_no_layer_is_of_our_own_making(self, kind):
        model = small_model(kind)[0]
        inner = [part for layer in model.layers for part in getattr(layer, "layers", [])]
        assert len(inner) == (len(build_embedding_model((16, 16, 1)).layers), 0)[kind != "siamese"]
        for part in [model, *model.layers, *inner]:
            assert type(part).__module__.partition(".")[0] == "keras", part
            assert not isinstance(part, keras.layers.Lambda)

    def test_a_process_that_knows_keras_only_loads_them_and_predicts_the_same(self, tmp_path):
        names = []
        for kind in KINDS:
            model, _, batch, _ = small_model(kind)
            model.save(tmp_path / f"{kind}.keras")
            parts = batch if isinstance(batch, list) else [batch]
            np.savez(tmp_path / f"{kind}.npz", *parts, expected=model(batch))
            names.append(model.name)
        done = subprocess.run(
            [sys.executable, "-c", LOAD, str(tmp_path), *KINDS],
            capture_output=True,
            text=True,
            timeout=300,
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.split() == names

    @pytest.mark.parametrize("kind", KINDS)
    def test_weights_that_were_saved_give_the_same_predictions(self, kind, tmp_path):
        model, _, batch, _ = small_model(kind)
        other = small_model(kind)[0]
        assert np.abs(other(batch) - model(batch)).max() > 0
        save_weights(model, tmp_path / "small.weights.h5")
        other.load_weights(tmp_path / "small.weights.h5")
        np.testing.assert_array_equal(other(batch), model(batch))

    @pytest.mark.parametrize("kind", KINDS)
    def test_a_loaded_model_predicts_the_same_and_goes_on_training_the_same(self, kind, tmp_path):
        keras.utils.set_random_seed(2)
        model, loss, batch, labels = small_model(kind)
        model.compile(keras.optimizers.Adam(0.01), loss, run_eagerly=True)
        for _ in range(3):
            model.train_on_batch(batch, labels)
        model.save(tmp_path / "model.keras")
        loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)

        np.testing.assert_array_equal(loaded(batch), model(batch))
        assert type(loaded.loss) is type(loss)
        assert getattr(loaded.loss, "margin", None) == getattr(loss, "margin", None)
        assert int(loaded.optimizer.iterations) == 3
        for one, other in zip(loaded.optimizer.variables, model.optimizer.variables, strict=True):
            np.testing.assert_array_equal(one, other)

        before = model.get_weights()
        model.reset_metrics()  # older Keras: otherwise its loss is the mean over all four steps
        after = loaded.train_on_batch(batch, labels)
        np.testing.assert_allclose(model.train_on_batch(batch, labels), after, rtol=1e-6)
        for old, one, other in zip(before, model.get_weights(), loaded.get_weights(), strict=True):
            assert np.abs(one - old).max() > 0
            np.testing.assert_allclose(one, other, atol=1e-6)

    def test_a_loaded_siamese_model_still_has_one_encoder(self, tmp_path):
        model, _, batch, _ = small_model("siamese")
        model.save(tmp_path / "model.keras")
        loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
        encoder = loaded.get_layer("embedding_model")
        assert loaded.count_params() == encoder.count_params() == model.count_params()
        one, other = (encoder(part).numpy() for part in batch)
        expected = ((one - other) ** 2).sum(axis=1)
        np.testing.assert_allclose(loaded(batch)[:, 0], expected, rtol=1e-4)
