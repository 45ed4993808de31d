import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from course_utils.tensors import gram_matrix, pairwise_distances, total_variation

TOLERANCE = {"float32": 1e-4, "float64": 1e-11}


def random_array(*shape, dtype="float64", seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def slope(function, x, index, step=1e-6):
    above, below = x.copy(), x.copy()
    above[index] += step
    below[index] -= step
    return (function(above) - function(below)) / (2 * step)


# --- pairwise_distances ---------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("squared", "metric"), [(True, "sqeuclidean"), (False, "euclidean")])
@pytest.mark.parametrize(("num_x", "num_y", "dim"), [(7, 4, 5), (1, 3, 2), (3, 1, 1), (20, 30, 64)])
def test_distances_agree_with_cdist(dtype, squared, metric, num_x, num_y, dim):
    x = random_array(num_x, dim, dtype=dtype, seed=1)
    y = random_array(num_y, dim, dtype=dtype, seed=2)
    found = pairwise_distances(x, y, squared=squared).numpy()
    assert found.dtype == dtype
    np.testing.assert_allclose(
        found, cdist(x.astype("float64"), y.astype("float64"), metric), atol=TOLERANCE[dtype]
    )


@given(
    st.integers(1, 6), st.integers(1, 6), st.integers(1, 6), st.booleans(), st.integers(0, 10**6)
)
def test_distances_agree_with_cdist_for_any_sizes(num_x, num_y, dim, squared, seed):
    x, y = random_array(num_x, dim, seed=seed), random_array(num_y, dim, seed=seed + 1)
    found = pairwise_distances(x, y, squared=squared).numpy()
    expected = cdist(x, y, "sqeuclidean" if squared else "euclidean")
    np.testing.assert_allclose(found, expected, atol=1e-7)


@pytest.mark.parametrize("offset", [100.0, 1000.0, -1000.0])
@pytest.mark.parametrize("against_itself", [True, False])
def test_an_offset_costs_no_digits_in_float32(offset, against_itself):
    x = random_array(8, 16, seed=3).astype("float32") + np.float32(offset)
    y = x if against_itself else random_array(5, 16, seed=4).astype("float32") + np.float32(offset)
    found = pairwise_distances(x, None if against_itself else y).numpy()
    expected = cdist(x.astype("float64"), y.astype("float64"), "sqeuclidean")
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_integers_are_converted_to_float32():
    x = np.array([[0, 0], [3, 4]])
    found = pairwise_distances(x, squared=False)
    assert found.dtype == tf.float32
    np.testing.assert_array_equal(found.numpy(), [[0, 5], [5, 0]])


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_the_float_type_is_kept(dtype):
    x = random_array(3, 2, dtype=dtype)
    assert pairwise_distances(x).dtype == dtype
    assert pairwise_distances(x, x, squared=False).dtype == dtype


@pytest.mark.parametrize("squared", [True, False])
def test_the_diagonal_against_itself_is_exactly_zero(squared):
    x = 1e3 * random_array(50, 128, dtype="float32")
    found = pairwise_distances(x, squared=squared).numpy()
    np.testing.assert_array_equal(np.diag(found), 0)
    assert (found[~np.eye(50, dtype=bool)] > 0).all()


@pytest.mark.parametrize("squared", [True, False])
def test_distances_are_never_negative(squared):
    x = np.repeat(random_array(4, 32, dtype="float32"), 5, axis=0)
    found = pairwise_distances(x, x.copy(), squared=squared).numpy()
    assert found.min() >= 0


def test_the_arguments_are_not_modified():
    x = random_array(3, 4)
    before = x.copy()
    pairwise_distances(x, x[:2])
    np.testing.assert_array_equal(x, before)


def test_distances_do_not_change_when_both_sides_are_rotated():
    x, y = random_array(6, 4, seed=5), random_array(5, 4, seed=6)
    rotation, _ = np.linalg.qr(random_array(4, 4, seed=7))
    np.testing.assert_allclose(
        pairwise_distances(x @ rotation, y @ rotation), pairwise_distances(x, y), atol=1e-12
    )


@pytest.mark.parametrize("squared", [True, False])
@pytest.mark.parametrize("against_itself", [True, False])
def test_the_gradient_agrees_with_finite_differences(squared, against_itself):
    x, y = random_array(4, 3, seed=8), random_array(5, 3, seed=9)
    weights = random_array(4, 4 if against_itself else 5, seed=10)

    def weighted_sum(values):
        return np.sum(
            weights
            * cdist(
                values,
                values if against_itself else y,
                "sqeuclidean" if squared else "euclidean",
            )
        )

    variable = tf.Variable(x)
    with tf.GradientTape() as tape:
        distances = pairwise_distances(variable, None if against_itself else y, squared=squared)
        total = tf.reduce_sum(weights * distances)
    gradient = tape.gradient(total, variable).numpy()
    expected = [[slope(weighted_sum, x, (row, column)) for column in range(3)] for row in range(4)]
    np.testing.assert_allclose(gradient, expected, atol=1e-6)


@pytest.mark.parametrize("against_itself", [True, False])
def test_the_gradient_of_the_root_is_zero_where_vectors_are_identical(against_itself):
    x = tf.Variable([[1.0, 2.0], [1.0, 2.0], [1.0, 2.0]])
    with tf.GradientTape() as tape:
        distances = pairwise_distances(x, None if against_itself else tf.constant(x), squared=False)
        total = tf.reduce_sum(distances)
    np.testing.assert_array_equal(distances, np.zeros((3, 3)))
    np.testing.assert_array_equal(tape.gradient(total, x), np.zeros((3, 2)))


def test_the_gradient_stays_finite_with_one_identical_pair_among_others():
    x = tf.Variable([[0.3, 0.1], [0.3, 0.1], [5.0, -2.0]])
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(pairwise_distances(x, squared=False))
    assert np.isfinite(tape.gradient(total, x)).all()


@pytest.mark.parametrize("num_rows", [0, 1, 5])
def test_a_graph_with_unknown_batch_size_gives_the_same_distances(num_rows):
    graph = tf.function(
        lambda x: pairwise_distances(x, squared=False),
        input_signature=[tf.TensorSpec([None, 3], tf.float32)],
    )
    x = random_array(num_rows, 3, dtype="float32")
    np.testing.assert_allclose(graph(x), cdist(x, x), atol=1e-4)


@pytest.mark.parametrize(("num_x", "num_y"), [(0, 3), (3, 0), (0, 0)])
def test_empty_sides_give_empty_distances(num_x, num_y):
    assert pairwise_distances(np.ones((num_x, 2)), np.ones((num_y, 2))).shape == (num_x, num_y)


def test_a_single_vector_is_at_distance_zero_from_itself():
    np.testing.assert_array_equal(pairwise_distances([[3.0, 4.0]]), [[0.0]])


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (np.zeros(3), None),
        (np.zeros((2, 3, 4)), None),
        (np.zeros((2, 3)), np.zeros((2, 4))),
        (np.zeros((2, 3)), np.zeros(3)),
        (np.float64(1.0), None),
    ],
)
def test_distances_of_other_than_matrices_are_refused(x, y):
    with pytest.raises(ValueError, match=r"matrices of row vectors.*Received: x\.shape="):
        pairwise_distances(x, y)


# --- gram_matrix ----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(2, 4, 5, 3), (1, 1, 1, 1), (3, 1, 7, 2), (0, 4, 4, 2)])
def test_the_gram_matrix_agrees_with_einsum(shape, dtype):
    features = random_array(*shape, dtype=dtype)
    found = gram_matrix(features, normalize=False)
    assert found.dtype == dtype
    expected = np.einsum("bijk,bijl->bkl", features.astype("float64"), features.astype("float64"))
    np.testing.assert_allclose(found, expected, atol=TOLERANCE[dtype])


def test_the_normalized_gram_matrix_is_the_mean_over_positions():
    features = random_array(2, 4, 6, 3)
    expected = np.einsum("bijk,bijl->bkl", features, features) / 24
    np.testing.assert_allclose(gram_matrix(features), expected, atol=1e-12)


def test_an_image_repeated_side_by_side_keeps_its_normalized_gram_matrix():
    features = random_array(1, 3, 4, 5)
    twice = np.concatenate([features, features], axis=2)
    np.testing.assert_allclose(gram_matrix(twice), gram_matrix(features), atol=1e-12)


def test_the_gram_matrix_of_a_batch_is_that_of_each_image():
    features = random_array(3, 4, 5, 2)
    single = np.concatenate([gram_matrix(features[i : i + 1]) for i in range(3)])
    np.testing.assert_allclose(gram_matrix(features), single, atol=1e-12)


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 6), st.integers(0, 10**6))
def test_the_gram_matrix_is_symmetric_and_positive_semidefinite(height, width, channels, seed):
    gram = gram_matrix(random_array(1, height, width, channels, seed=seed)).numpy()[0]
    np.testing.assert_allclose(gram, gram.T, atol=1e-12)
    assert np.linalg.eigvalsh(gram).min() > -1e-10


@given(st.integers(0, 10**6))
def test_the_gram_matrix_forgets_where_the_pixels_were(seed):
    features = random_array(1, 4, 5, 3, seed=seed)
    pixels = np.random.default_rng(seed).permutation(features.reshape(20, 3))
    np.testing.assert_allclose(
        gram_matrix(pixels.reshape(1, 4, 5, 3)), gram_matrix(features), atol=1e-12
    )


def test_the_gradient_of_the_gram_matrix_agrees_with_finite_differences():
    features, weights = random_array(1, 2, 2, 2, seed=11), random_array(1, 2, 2, seed=12)
    variable = tf.Variable(features)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(weights * gram_matrix(variable))
    gradient = tape.gradient(total, variable).numpy()

    def weighted_sum(values):
        return np.sum(weights * np.einsum("bijk,bijl->bkl", values, values)) / 4

    for index in np.ndindex(*features.shape):
        assert gradient[index] == pytest.approx(slope(weighted_sum, features, index), abs=1e-6)


def test_the_gram_matrix_works_in_a_graph_of_unknown_image_size():
    graph = tf.function(
        gram_matrix, input_signature=[tf.TensorSpec([None, None, None, 3], tf.float64)]
    )
    for shape in [(2, 4, 5, 3), (1, 1, 7, 3)]:
        features = random_array(*shape)
        expected = np.einsum("bijk,bijl->bkl", features, features) / (shape[1] * shape[2])
        np.testing.assert_allclose(graph(features), expected, atol=1e-12)


@pytest.mark.parametrize("shape", [(4, 5, 3), (2, 4), (1, 2, 4, 5, 3)])
def test_the_gram_matrix_of_other_than_four_axes_is_refused(shape):
    with pytest.raises(ValueError, match=r"`features`.*\(batch, height, width, channels\).*Receiv"):
        gram_matrix(np.zeros(shape))


# --- total_variation ------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "shape", [(2, 5, 6, 3), (1, 1, 4, 1), (1, 4, 1, 2), (3, 1, 1, 3), (0, 4, 4, 3)]
)
def test_total_variation_agrees_with_tensorflow(shape, dtype):
    images = random_array(*shape, dtype=dtype)
    found = total_variation(images)
    assert found.dtype == dtype
    assert found.shape == shape[:1]
    np.testing.assert_allclose(found, tf.image.total_variation(tf.constant(images)), rtol=1e-5)


def test_total_variation_of_a_single_step_is_its_height_times_its_length():
    image = np.zeros((1, 4, 6, 1))
    image[:, :, 3:] = 2.5
    np.testing.assert_allclose(total_variation(image), [4 * 2.5])


def test_total_variation_of_integers_does_not_wrap_around():
    image = np.array([[[[200], [10]]]], dtype="uint8")
    np.testing.assert_array_equal(total_variation(image), [190.0])


def test_total_variation_works_in_a_graph_of_unknown_size():
    graph = tf.function(
        total_variation, input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32)]
    )
    images = random_array(2, 4, 5, 3, dtype="float32")
    np.testing.assert_allclose(
        graph(images), tf.image.total_variation(tf.constant(images)), rtol=1e-5
    )


@pytest.mark.parametrize("shape", [(4, 5, 3), (2, 4), (1, 2, 4, 5, 3)])
def test_total_variation_of_other_than_four_axes_is_refused(shape):
    with pytest.raises(ValueError, match=r"`images`.*\(batch, height, width, channels\).*Received"):
        total_variation(np.zeros(shape))
