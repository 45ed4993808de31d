import keras
import numpy as np
import pytest
import tensorflow as tf

from course_utils.models import build_softmax_classifier


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
