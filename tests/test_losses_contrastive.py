import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from course_utils.losses import ContrastiveLoss, contrastive_loss

SAVING_WARNING = "ignore:__array__ implementation:DeprecationWarning:keras"


def pair_cost(same, distance, margin):
    return distance if same else max(margin - math.sqrt(distance), 0.0) ** 2


def reference(same, distances, margin=1.0):
    pairs = zip(np.ravel(same), np.ravel(distances), strict=True)
    return [pair_cost(bool(s), float(d), margin) for s, d in pairs]


def random_pairs(num_pairs, seed=0, dtype="float64"):
    rng = np.random.default_rng(seed)
    distances = rng.uniform(0.01, 4, num_pairs).astype(dtype)
    return rng.integers(0, 2, num_pairs), distances


def squared_distances(first, second):
    return tf.reduce_sum(tf.square(first - second), axis=1)


def small_model():
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Input((4,)), keras.layers.Dense(1, activation="softplus")]
    return keras.Sequential(layers)


def small_data(num_pairs=10):
    rng = np.random.default_rng(3)
    return rng.normal(size=(num_pairs, 4)).astype("float32"), rng.integers(0, 2, num_pairs)


# --- contrastive_loss -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("same", "distance", "margin", "expected"),
    [
        (1, 0.25, 1.0, 0.25),
        (1, 9.0, 1.0, 9.0),
        (1, 0.0, 1.0, 0.0),
        (0, 0.25, 1.0, 0.25),  # (1 − 0.5)²
        (0, 0.36, 1.0, 0.16),  # (1 − 0.6)²
        (0, 0.0, 1.0, 1.0),
        (0, 0.0, 0.5, 0.25),
        (0, 0.25, 2.0, 2.25),  # (2 − 0.5)²
        (0, 1.0, 1.0, 0.0),
        (0, 4.0, 1.0, 0.0),
    ],
)
def test_values_counted_by_hand(same, distance, margin, expected):
    found = contrastive_loss([same], np.array([distance]), margin=margin)
    np.testing.assert_allclose(found, [expected], atol=1e-15)


def test_the_margin_is_1_unless_given():
    same, distances = random_pairs(6)
    np.testing.assert_allclose(contrastive_loss(same, distances), reference(same, distances, 1.0))


@given(
    st.lists(st.tuples(st.booleans(), st.floats(0, 100)), min_size=1, max_size=10),
    st.floats(0.01, 10),
)
def test_the_loss_agrees_with_a_loop(pairs, margin):
    same, distances = zip(*pairs, strict=True)
    found = contrastive_loss(np.array(same), np.array(distances), margin=margin).numpy()
    np.testing.assert_allclose(found, reference(same, distances, margin), rtol=1e-9, atol=1e-12)
    assert (found >= 0).all()


@given(st.floats(0.01, 10), st.floats(0, 100))
def test_impostors_beyond_the_margin_cost_exactly_nothing(margin, beyond):
    distances = np.array([(margin + beyond) ** 2 * (1 + 1e-12), (0.99 * margin) ** 2])
    outside, inside = contrastive_loss([0, 0], distances, margin=margin).numpy()
    assert outside == 0
    assert inside > 0


def test_a_batch_costs_what_each_pair_costs_alone():
    same, distances = random_pairs(9, seed=1)
    alone = [contrastive_loss(same[i : i + 1], distances[i : i + 1])[0] for i in range(9)]
    np.testing.assert_array_equal(contrastive_loss(same, distances), alone)


def test_the_loss_does_not_change_when_embeddings_are_rotated():
    rng = np.random.default_rng(2)
    first, second = rng.normal(size=(2, 8, 4)) / 3
    rotation, _ = np.linalg.qr(rng.normal(size=(4, 4)))
    same = rng.integers(0, 2, 8)
    np.testing.assert_allclose(
        contrastive_loss(same, squared_distances(first @ rotation, second @ rotation)),
        contrastive_loss(same, squared_distances(first, second)),
        atol=1e-12,
    )


@pytest.mark.parametrize("same_shape", [(5,), (5, 1)])
@pytest.mark.parametrize("distances_shape", [(5,), (5, 1)])
def test_vectors_and_columns_give_one_loss_a_pair(same_shape, distances_shape):
    same, distances = random_pairs(5)
    found = contrastive_loss(same.reshape(same_shape), distances.reshape(distances_shape))
    assert found.shape == (5,)
    np.testing.assert_allclose(found, reference(same, distances))


@pytest.mark.parametrize("same_type", ["bool", "int8", "uint8", "int64", "float32", "float64"])
@pytest.mark.parametrize(("dtype", "rtol"), [("float16", 5e-3), ("float32", 1e-5), ("float64", 0)])
def test_the_type_of_the_distances_is_kept(same_type, dtype, rtol):
    same, distances = random_pairs(6, seed=4, dtype=dtype)
    found = contrastive_loss(same.astype(same_type), distances)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, reference(same, distances), rtol=rtol + 1e-12, atol=rtol)


def test_integer_distances_are_converted_to_float32():
    found = contrastive_loss([1, 0, 0], np.array([3, 1, 0]), margin=2.0)
    assert found.dtype == tf.float32
    np.testing.assert_array_equal(found, [3, 1, 4])


@pytest.mark.parametrize("num_pairs", [0, 1])
def test_an_empty_batch_and_one_pair_are_accepted(num_pairs):
    same, distances = random_pairs(num_pairs)
    found = contrastive_loss(same, distances)
    assert found.shape == (num_pairs,)
    np.testing.assert_allclose(found, reference(same, distances))


def test_the_arguments_are_not_modified():
    same, distances = random_pairs(5)
    before = same.copy(), distances.copy()
    contrastive_loss(same, distances)
    np.testing.assert_array_equal(same, before[0])
    np.testing.assert_array_equal(distances, before[1])


@pytest.mark.parametrize("margin", [0.3, 1.0, 3.0])
def test_the_gradient_agrees_with_finite_differences(margin):
    same, distances = random_pairs(12, seed=5)
    variable, step = tf.Variable(distances), 1e-6
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(contrastive_loss(same, variable, margin=margin))
    above = reference(same, distances + step, margin)
    below = reference(same, distances - step, margin)
    expected = np.subtract(above, below) / (2 * step)
    np.testing.assert_allclose(tape.gradient(total, variable), expected, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_at_distance_zero_genuine_pairs_pull_and_impostors_rest(dtype):
    distances = tf.Variable(np.zeros(2, dtype))
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(contrastive_loss([1, 0], distances))
    np.testing.assert_array_equal(tape.gradient(total, distances), [1, 0])


@pytest.mark.parametrize("same", [0, 1])
def test_the_gradient_of_identical_embeddings_is_zero(same):
    first, second = tf.Variable([[0.6, 0.8]]), tf.Variable([[0.6, 0.8]])
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(contrastive_loss([same], squared_distances(first, second)))
    for gradient in tape.gradient(total, [first, second]):
        np.testing.assert_array_equal(gradient, [[0, 0]])


@pytest.mark.parametrize("jit_compile", [True, False])
def test_a_graph_with_unknown_batch_size_gives_the_same_loss(jit_compile):
    graph = tf.function(
        contrastive_loss,
        input_signature=[
            tf.TensorSpec([None, 1], tf.int64),
            tf.TensorSpec([None], tf.float64),
        ],
        jit_compile=jit_compile,
    )
    for num_pairs in (0, 1, 7):
        same, distances = random_pairs(num_pairs, seed=6)
        np.testing.assert_allclose(graph(same[:, None], distances), reference(same, distances))


@pytest.mark.parametrize("margin", [0, -0.1, float("inf"), float("nan")])
def test_margins_that_are_not_positive_are_refused(margin):
    words = rf"`margin` must be a positive number\. Received: margin={margin}\."
    with pytest.raises(ValueError, match=words):
        contrastive_loss([1], [0.5], margin=margin)
    with pytest.raises(ValueError, match=words):
        ContrastiveLoss(margin=margin)


@pytest.mark.parametrize(
    ("same", "distances"), [([1, 0], [0.5]), ([1], [0.5, 0.5]), ([], [0.5]), ([[1], [0]], [0.5])]
)
def test_unequal_numbers_of_labels_and_distances_are_refused(same, distances):
    with pytest.raises(ValueError, match=r"a number a pair\. Received: same\.shape=.*distances"):
        contrastive_loss(np.array(same), np.array(distances))


# --- ContrastiveLoss ------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(8,), (8, 1)])
@pytest.mark.parametrize(
    ("reduction", "reduce"),
    [("sum_over_batch_size", np.mean), ("sum", np.sum), ("none", np.asarray)],
)
def test_the_class_reduces_what_the_function_returns(reduction, reduce, shape):
    same, distances = random_pairs(8, seed=7, dtype="float32")
    loss = ContrastiveLoss(1.5, reduction=reduction)
    found = loss(same.reshape(shape), distances.reshape(shape))
    np.testing.assert_allclose(found, reduce(reference(same, distances, 1.5)), rtol=1e-5)


def test_sample_weights_weigh_the_pairs():
    same, distances = random_pairs(5, seed=8, dtype="float32")
    weights = np.array([0, 1, 2, 0.5, 3], "float32")
    found = ContrastiveLoss(reduction="sum")(same, distances, sample_weight=weights)
    np.testing.assert_allclose(found, np.dot(weights, reference(same, distances)), rtol=1e-5)


@pytest.mark.parametrize(("dtype", "expected"), [(None, "float32"), ("float64", "float64")])
def test_the_class_returns_its_own_type(dtype, expected):
    assert ContrastiveLoss(dtype=dtype)([1, 0], np.array([0.1, 0.2])).dtype == expected


def test_a_round_trip_keeps_the_configuration():
    loss = ContrastiveLoss(0.7, reduction="sum", name="pairs")
    for copy in (
        ContrastiveLoss.from_config(loss.get_config()),
        keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss)),
        keras.losses.deserialize(keras.losses.serialize(loss)),
    ):
        assert type(copy) is ContrastiveLoss
        assert (copy.margin, copy.reduction, copy.name) == (0.7, "sum", "pairs")
        assert copy.get_config() == loss.get_config()


@pytest.mark.parametrize(
    ("column", "batch_size", "jit_compile"), [(True, 4, False), (False, 4, False), (True, 5, True)]
)
def test_fit_reports_the_mean_loss_of_all_pairs(column, batch_size, jit_compile):
    model = small_model()
    x, same = small_data()
    expected = np.mean(reference(same, model(x), 2.0))
    model.compile(keras.optimizers.SGD(0.0), ContrastiveLoss(2.0), jit_compile=jit_compile)
    labels = same[:, None] if column else same
    history = model.fit(x, labels, batch_size=batch_size, shuffle=False, verbose=0)
    assert history.history["loss"][0] == pytest.approx(expected, rel=1e-5)


def test_the_loss_falls_in_a_training_loop_of_ones_own():
    rng = np.random.default_rng(9)
    points = tf.Variable(rng.normal(size=(8, 3)).astype("float32") / 4)
    same = np.array([1, 1, 0, 0])
    optimizer, loss = keras.optimizers.Adam(0.05), ContrastiveLoss(1.0)
    losses = []
    for _ in range(60):
        with tf.GradientTape() as tape:
            value = loss(same, squared_distances(points[:4], points[4:]))
        optimizer.apply_gradients([(tape.gradient(value, points), points)])
        losses.append(float(value))
    assert losses[0] > 0.1
    assert losses[-1] < 0.01
    distances = np.linalg.norm(points[:4] - points[4:], axis=1)
    assert distances[:2].max() < 0.1
    assert distances[2:].min() > 0.9


@pytest.mark.filterwarnings(SAVING_WARNING)
def test_a_compiled_model_is_saved_loaded_and_trained_on(tmp_path):
    model = small_model()
    x, same = small_data()
    model.compile(keras.optimizers.SGD(0.1), ContrastiveLoss(2.0))
    model.fit(x, same, verbose=0)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras", safe_mode=True)
    assert type(loaded.loss) is ContrastiveLoss
    assert loaded.loss.margin == 2.0
    np.testing.assert_array_equal(loaded(x), model(x))
    before = np.mean(reference(same, loaded(x), 2.0))
    loaded.fit(x, same, epochs=5, verbose=0)
    assert np.mean(reference(same, loaded(x), 2.0)) < before


def test_tensors_of_many_numbers_a_pair_are_refused():
    with pytest.raises(ValueError, match="must hold a number a pair"):
        contrastive_loss(np.ones((2, 3)), np.ones((3, 2)))
