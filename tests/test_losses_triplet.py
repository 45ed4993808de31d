import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from course_utils.losses import (
    TripletLoss,
    Triplets,
    active_fraction,
    batch_triplet_loss,
    mine_triplets,
    triplet_loss,
)

MININGS = ("random", "all", "semi-hard", "hard")
DETERMINISTIC = MININGS[1:]
SAVING_WARNING = "ignore:__array__ implementation:DeprecationWarning:keras"
UNBALANCED = np.array([5, 5, 5, 5, 5, 9, 9, -1])


# --- references: float64, from the definitions, over every triplet ----------------------------


def distance_table(embeddings, squared=True):
    rows = np.asarray(embeddings, "float64").tolist()
    table = [
        [math.fsum((a - b) ** 2 for a, b in zip(row, other, strict=True)) for other in rows]
        for row in rows
    ]
    return table if squared else [[math.sqrt(value) for value in row] for row in table]


def every_triplet(labels):
    labels = np.ravel(labels).tolist()
    positions = range(len(labels))
    return [
        (a, p, n)
        for a in positions
        for p in positions
        for n in positions
        if a != p and labels[a] == labels[p] and labels[a] != labels[n]
    ]


def groups(triplets, num_shared):
    shared = sorted({triplet[:num_shared] for triplet in triplets})
    return [[triplet for triplet in triplets if triplet[:num_shared] == key] for key in shared]


def semi_hard(group, d):
    farther = [(a, p, n) for a, p, n in group if d[a][n] > d[a][p]]
    if farther:
        return min(farther, key=lambda triplet: d[triplet[0]][triplet[2]])
    return max(group, key=lambda triplet: d[triplet[0]][triplet[2]])


def hard(group, d):
    anchor = group[0][0]
    positive = max((p for _, p, _ in group), key=lambda p: d[anchor][p])
    negative = min((n for _, _, n in group), key=lambda n: d[anchor][n])
    return anchor, positive, negative


def reference_triplets(labels, d, mining):
    triplets = every_triplet(labels)
    if mining == "all":
        return triplets
    if mining == "semi-hard":
        return [semi_hard(group, d) for group in groups(triplets, 2)]
    return [hard(group, d) for group in groups(triplets, 1)]


def mean_loss(triplets, d, margin=0.2, average="valid"):
    if margin == "soft":
        losses = [np.log1p(np.exp(d[a][p] - d[a][n])) for a, p, n in triplets]
    else:
        losses = [max(d[a][p] - d[a][n] + margin, 0.0) for a, p, n in triplets]
    count = len(losses) if average == "valid" else sum(loss > 0 for loss in losses)
    return sum(losses) / count if count else 0.0


def reference(labels, embeddings, *, margin=0.2, mining="all", squared=True, average="valid"):
    d = distance_table(embeddings, squared)
    return mean_loss(reference_triplets(labels, d, mining), d, margin, average)


def as_tuples(mined):
    return list(zip(*(part.tolist() for part in mined), strict=True))


# --- data ---------------------------------------------------------------------------------


def random_batch(labels=UNBALANCED, dim=4, seed=0, dtype="float64", scale=0.5):
    rng = np.random.default_rng(seed)
    return np.asarray(labels), rng.normal(scale=scale, size=(len(labels), dim)).astype(dtype)


@st.composite
def grid_batches(draw, dtypes=("float32", "float64")):
    """Few places on a grid: equal photos and equal distances are common, and exact."""
    size, dim = draw(st.integers(1, 8)), draw(st.integers(1, 3))
    labels = draw(st.lists(st.integers(0, 2), min_size=size, max_size=size))
    coordinates = st.lists(st.integers(-2, 2), min_size=dim, max_size=dim)
    places = draw(st.lists(coordinates, min_size=size, max_size=size))
    return np.array(labels), np.array(places, draw(st.sampled_from(dtypes)))


def gradient_of(function, x):
    variable = tf.Variable(x)
    with tf.GradientTape() as tape:
        value = function(variable)
    return tape.gradient(value, variable).numpy()


def slopes(function, x, step=1e-6):
    found = np.zeros_like(x)
    for index in np.ndindex(*x.shape):
        above, below = x.copy(), x.copy()
        above[index] += step
        below[index] -= step
        found[index] = (function(above) - function(below)) / (2 * step)
    return found


# --- triplet_loss -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("to_negative", "expected"),
    [(0.0, 0.7), (0.51, 0.19), (0.5, 0.2), (0.69, 0.01), (0.7, 0.0), (0.71, 0.0), (3.0, 0.0)],
)
def test_the_lecture_s_example_costs_nothing_from_0_7_on(to_negative, expected):
    anchor = np.zeros((1, 2))
    positive, negative = np.array([[math.sqrt(0.5), 0]]), np.array([[0, -math.sqrt(to_negative)]])
    loss = triplet_loss(anchor, positive, negative, margin=0.2)
    np.testing.assert_allclose(loss, [expected], atol=1e-12)
    if to_negative > 0.7:
        assert loss.numpy()[0] == 0


def test_the_margin_is_0_2_unless_given():
    np.testing.assert_allclose(triplet_loss([[0.0]], [[1.0]], [[1.0]]), [0.2], rtol=1e-6)


@given(st.integers(0, 6), st.integers(1, 5), st.floats(0.01, 5), st.integers(0, 10**6))
def test_every_triplet_costs_what_it_costs_alone(batch, dim, margin, seed):
    anchor, positive, negative = np.random.default_rng(seed).normal(size=(3, batch, dim))
    found = triplet_loss(anchor, positive, negative, margin=margin).numpy()
    expected = [
        max(math.dist(a, p) ** 2 - math.dist(a, n) ** 2 + margin, 0.0)
        for a, p, n in zip(anchor, positive, negative, strict=True)
    ]
    assert found.shape == (batch,)
    np.testing.assert_allclose(found, expected, atol=1e-9)
    assert (found >= 0).all()


def test_the_loss_of_triplets_does_not_change_when_they_are_rotated():
    rng = np.random.default_rng(1)
    parts = rng.normal(size=(3, 6, 4))
    rotation, _ = np.linalg.qr(rng.normal(size=(4, 4)))
    np.testing.assert_allclose(triplet_loss(*(parts @ rotation)), triplet_loss(*parts), atol=1e-12)


@pytest.mark.parametrize("part", [0, 1, 2])
def test_the_gradient_of_triplets_agrees_with_finite_differences(part):
    parts = np.random.default_rng(2).normal(size=(3, 5, 3))

    def loss(values):
        others = [values if i == part else parts[i] for i in range(3)]
        return tf.reduce_sum(triplet_loss(*others, margin=0.5))

    found = gradient_of(loss, parts[part])
    np.testing.assert_allclose(found, slopes(lambda x: float(loss(x)), parts[part]), atol=1e-6)
    assert np.abs(found).max() > 0.1


def test_identical_photos_cost_the_margin_and_have_no_gradient():
    x = np.full((3, 2), 0.6, "float32")
    np.testing.assert_allclose(triplet_loss(x, x, x), [0.2] * 3, rtol=1e-6)
    found = gradient_of(lambda v: tf.reduce_sum(triplet_loss(v, v, v)), x)
    np.testing.assert_array_equal(found, np.zeros((3, 2)))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("float16", "float32"),
        ("float32", "float32"),
        ("float64", "float64"),
        ("int64", "float32"),
        ("uint8", "float32"),
    ],
)
def test_losses_have_at_least_single_precision(given, expected):
    x = np.array([[0, 3], [2, 1], [1, 1], [4, 0]], given)
    assert triplet_loss(x[:2], x[1:3], x[2:]).dtype == expected
    np.testing.assert_allclose(triplet_loss(x[:2], x[1:3], x[2:]), [3.2, 0], rtol=1e-6)
    labels = [0, 0, 1, 1]
    for mining in MININGS:
        assert batch_triplet_loss(labels, x, mining=mining).dtype == expected
        assert TripletLoss(mining=mining)(labels, x).dtype == expected
    for mining in DETERMINISTIC:
        found = batch_triplet_loss(labels, x, mining=mining, margin=7.3)
        expected_loss = reference(labels, x, mining=mining, margin=7.3)
        assert float(found) == pytest.approx(expected_loss, rel=1e-6)
    assert active_fraction(labels, x).dtype == expected


@pytest.mark.parametrize("margin", [0, -0.1, float("inf"), float("nan")])
def test_margins_that_are_not_positive_are_refused(margin):
    x = np.zeros((2, 2))
    for call in (
        lambda: triplet_loss(x, x, x, margin=margin),
        lambda: batch_triplet_loss([0, 0], x, margin=margin),
        lambda: active_fraction([0, 0], x, margin=margin),
        lambda: TripletLoss(margin=margin),
    ):
        with pytest.raises(
            ValueError, match=r"`margin` must be a positive number\. Received: margin="
        ):
            call()


@pytest.mark.parametrize(
    "shapes",
    [
        [(2, 3), (2, 3), (1, 3)],
        [(2, 3), (2, 4), (2, 3)],
        [(1, 3), (2, 3), (2, 3)],
        [(3,)] * 3,
        [(2, 3, 4)] * 3,
    ],
)
def test_triplets_of_other_than_one_matrix_shape_are_refused(shapes):
    with pytest.raises(ValueError, match=r"share one shape \(batch, dim\)\. Received: \("):
        triplet_loss(*(np.zeros(shape) for shape in shapes))


# --- batch_triplet_loss and mine_triplets against the loop --------------------------------------


@pytest.mark.parametrize("average", ["valid", "active"])
@pytest.mark.parametrize("squared", [True, False])
@pytest.mark.parametrize("mining", DETERMINISTIC)
@pytest.mark.parametrize(("dtype", "rtol"), [("float32", 1e-4), ("float64", 1e-10)])
def test_the_loss_of_a_random_batch_agrees_with_the_loop(mining, squared, average, dtype, rtol):
    options = {"mining": mining, "squared": squared, "average": average}
    for seed, margin in enumerate([0.2, 0.05, 1.3]):
        labels, x = random_batch(dtype=dtype, seed=seed)
        found = float(batch_triplet_loss(labels, x, margin=margin, **options))
        expected = reference(labels, x, margin=margin, **options)
        assert found == pytest.approx(expected, rel=rtol)
        assert expected > 0


@settings(max_examples=150)
@given(
    grid_batches(),
    st.sampled_from([0.2, 1.3, 4.1]),
    st.sampled_from(DETERMINISTIC),
    st.booleans(),
    st.sampled_from(["valid", "active"]),
)
def test_the_loss_agrees_with_the_loop_where_distances_are_equal(
    batch, margin, mining, squared, average
):
    labels, x = batch
    options = {"margin": margin, "mining": mining, "squared": squared, "average": average}
    found = float(batch_triplet_loss(labels, x, **options))
    atol = 1e-7 if x.dtype == "float64" else 5e-3  # the root of a rounded 0
    assert found == pytest.approx(reference(labels, x, **options), abs=atol)
    assert found >= 0


@given(grid_batches(), st.sampled_from(DETERMINISTIC))
def test_the_mined_triplets_agree_with_the_loop(batch, mining):
    labels, x = batch
    d = distance_table(x)
    found = as_tuples(mine_triplets(labels, x, mining=mining))
    expected = reference_triplets(labels, d, mining)
    assert set(found) <= set(every_triplet(labels))
    assert [(a, d[a][p], d[a][n]) for a, p, n in found] == [
        (a, d[a][p], d[a][n]) for a, p, n in expected
    ]
    if mining != "hard":
        assert [triplet[:2] for triplet in found] == [triplet[:2] for triplet in expected]


@pytest.mark.parametrize("mining", DETERMINISTIC)
def test_the_mined_triplets_of_a_random_batch_are_those_of_the_loop(mining):
    for seed in range(5):
        labels, x = random_batch(seed=seed, dtype="float32")
        mined = mine_triplets(labels, x, mining=mining)
        assert as_tuples(mined) == reference_triplets(labels, distance_table(x), mining)


@pytest.mark.parametrize("mining", MININGS)
def test_the_mined_triplets_are_positions(mining):
    mined = mine_triplets(*random_batch(), mining=mining, seed=0)
    assert type(mined) is Triplets
    assert [part.dtype for part in mined] == ["int64"] * 3


@pytest.mark.parametrize("mining", MININGS)
def test_the_mean_of_the_mined_triplets_is_the_loss_of_the_batch(mining):
    for seed in range(5):
        labels, x = random_batch(seed=seed)
        mined = mine_triplets(labels, x, mining=mining, seed=seed)
        losses = triplet_loss(*(x[part] for part in mined), margin=0.4).numpy()
        found = batch_triplet_loss(labels, x, margin=0.4, mining=mining, seed=seed)
        assert float(found) == pytest.approx(losses.mean(), rel=1e-10)
        active = batch_triplet_loss(
            labels, x, margin=0.4, mining=mining, seed=seed, average="active"
        )
        assert float(active) == pytest.approx(losses.sum() / (losses > 0).sum(), rel=1e-10)


def test_semi_hard_takes_the_nearest_negative_beyond_the_positive():
    x = np.array([[0.0], [1.0], [0.9], [1.1], [1.2]])
    mined = as_tuples(mine_triplets([0, 0, 1, 1, 1], x))
    assert (0, 1, 3) in mined


def test_semi_hard_falls_back_to_the_farthest_negative():
    x = np.array([[0.0], [5.0], [1.0], [3.0], [2.0]])
    mined = as_tuples(mine_triplets([0, 0, 1, 1, 1], x))
    assert mined[0] == (0, 1, 3)
    assert mined[1] == (1, 0, 2)
    found = float(batch_triplet_loss([0, 0, 1, 1, 1], x, margin=0.2))
    assert found == pytest.approx(reference([0, 0, 1, 1, 1], x, mining="semi-hard"), rel=1e-12)


def test_semi_hard_skips_negatives_at_the_very_distance_of_the_positive():
    rng = np.random.default_rng(3)
    for _ in range(30):
        anchor = np.full(16, rng.uniform(-0.3, 0.3))
        step = rng.normal(size=16) / 8
        x = np.stack([anchor, anchor + step, anchor, anchor + 1.2 * step]).astype("float32")
        x[2] = rng.permutation(x[1])
        assert as_tuples(mine_triplets([0, 0, 1, 1], x))[0] == (0, 1, 3)


def test_hard_takes_the_farthest_positive_and_the_nearest_negative():
    x = np.array([[0.0], [1.0], [-2.0], [4.0], [-3.0]])
    mined = as_tuples(mine_triplets([0, 0, 0, 1, 1], x, mining="hard"))
    assert mined == [(0, 2, 4), (1, 2, 3), (2, 1, 4), (3, 4, 1), (4, 3, 2)]


@pytest.mark.parametrize("squared", [True, False])
@pytest.mark.parametrize("average", ["valid", "active"])
def test_the_soft_margin_agrees_with_the_loop(squared, average):
    options = {"margin": "soft", "mining": "hard", "squared": squared, "average": average}
    for seed in range(3):
        labels, x = random_batch(seed=seed)
        found = float(batch_triplet_loss(labels, x, **options))
        assert found == pytest.approx(reference(labels, x, **options), rel=1e-10)


def test_the_soft_margin_does_not_overflow():
    x = np.array([[0.0], [90.0], [30.0], [31.0]], "float32")
    found = float(batch_triplet_loss([0, 0, 1, 1], x, margin="soft", mining="hard"))
    assert found == pytest.approx((8100 - 900 + 8100 - 59**2) / 4, rel=1e-5)


@settings(max_examples=60)
@given(grid_batches(), st.sampled_from([0.2, 1.3, 4.1]), st.booleans())
def test_the_active_fraction_agrees_with_the_loop(batch, margin, squared):
    labels, x = batch
    d = distance_table(x, squared)
    active = [d[a][p] - d[a][n] + margin > 0 for a, p, n in every_triplet(labels)]
    found = float(active_fraction(labels, x, margin=margin, squared=squared))
    assert found == pytest.approx(np.mean(active) if active else 0.0, abs=1e-6)


def test_the_active_fraction_uses_a_margin_of_0_2_and_the_square():
    x = [[0.0], [0.5], [0.65], [0.69]]  # 0.25 + 0.2 against 0.42 and 0.48, then 0.02 and 0.04
    assert float(active_fraction([0, 0, 1, 2], x)) == 0.75
    assert float(active_fraction([0, 0, 1, 2], x, squared=False)) == 1
    assert float(active_fraction([0, 0, 1, 2], x, margin=0.1)) == 0.5


@pytest.mark.parametrize("mining", MININGS)
def test_a_triplet_that_just_keeps_the_margin_is_not_active(mining):
    labels, x = [0, 0, 1], [[0.0], [1.0], [2.0]]  # 1 − 4 + 3 = 0 and 1 − 1 + 3 = 3
    assert float(active_fraction(labels, x, margin=3)) == 0.5
    found = batch_triplet_loss(labels, x, margin=3, mining=mining, average="active")
    assert float(found) == 3
    assert float(batch_triplet_loss(labels, x, margin=3, mining=mining)) == 1.5


# --- adversarial batches ----------------------------------------------------------------------


@pytest.mark.parametrize("mining", MININGS)
@pytest.mark.parametrize("squared", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_collapsed_batch_costs_the_margin_and_has_a_finite_gradient(mining, squared, dtype):
    x = np.tile(np.random.default_rng(4).normal(size=(1, 16)), (8, 1)).astype(dtype)
    x /= np.linalg.norm(x[0])

    def loss(values):
        return batch_triplet_loss(UNBALANCED, values, mining=mining, squared=squared)

    assert float(loss(x)) == pytest.approx(0.2, abs=1e-6 if squared else 2e-3)
    assert np.isfinite(gradient_of(loss, x)).all()
    assert float(active_fraction(UNBALANCED, x, squared=squared)) == 1


@pytest.mark.parametrize("squared", [True, False])
def test_a_collapsed_batch_costs_log_2_with_the_soft_margin(squared):
    x = np.zeros((8, 3))
    found = batch_triplet_loss(UNBALANCED, x, margin="soft", mining="hard", squared=squared)
    assert float(found) == pytest.approx(math.log(2), rel=1e-12)


@pytest.mark.parametrize("mining", MININGS)
@pytest.mark.parametrize("squared", [True, False])
def test_the_gradient_is_finite_where_some_photos_are_identical(mining, squared):
    places = np.random.default_rng(5).normal(size=(3, 5)).astype("float32")
    x = places[[0, 0, 1, 2, 1, 0, 1, 2]]  # within a person, and negatives on anchor and positive

    def loss(values):
        return batch_triplet_loss(UNBALANCED, values, mining=mining, squared=squared, seed=0)

    assert float(loss(x)) > 0
    assert np.isfinite(gradient_of(loss, x)).all()
    if mining != "random":
        expected = reference(UNBALANCED, x, mining=mining, squared=squared)
        assert float(loss(x)) == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize("mining", MININGS)
@pytest.mark.parametrize("labels", [[], [7], [7, 7], [7] * 5, [1, 2, 3, 4], [1, 2]])
def test_without_a_triplet_loss_and_gradient_are_exactly_zero(labels, mining):
    labels, x = random_batch(np.array(labels, "int64"), dtype="float32")
    for average, squared in (("valid", True), ("active", False)):
        options = {"mining": mining, "average": average, "squared": squared}
        variable = tf.Variable(x)
        with tf.GradientTape() as tape:
            loss = batch_triplet_loss(labels, variable, **options)
        assert float(loss) == 0
        np.testing.assert_array_equal(tape.gradient(loss, variable), np.zeros_like(x))
    mined = mine_triplets(labels, x, mining=mining)
    assert [part.shape for part in mined] == [(0,)] * 3
    assert [part.dtype for part in mined] == ["int64"] * 3


@pytest.mark.parametrize("labels", [[], [7], [7, 7], [1, 2, 3]])
def test_without_a_triplet_none_is_active(labels):
    assert float(active_fraction(*random_batch(np.array(labels, "int64")))) == 0


def test_without_a_triplet_the_soft_margin_costs_nothing():
    x = np.ones((3, 2))
    assert float(batch_triplet_loss([4, 4, 4], x, margin="soft", mining="hard")) == 0
    found = gradient_of(lambda v: batch_triplet_loss([4, 4, 4], v, margin="soft", mining="hard"), x)
    np.testing.assert_array_equal(found, np.zeros((3, 2)))


@pytest.mark.parametrize("mining", DETERMINISTIC)
@pytest.mark.parametrize("average", ["valid", "active"])
def test_people_far_apart_cost_exactly_nothing(mining, average):
    labels, x = random_batch(dtype="float32", scale=0.01)
    x[:, 0] += 3 * labels
    assert float(batch_triplet_loss(labels, x, mining=mining, average=average)) == 0
    found = gradient_of(lambda v: batch_triplet_loss(labels, v, mining=mining, average=average), x)
    np.testing.assert_array_equal(found, np.zeros_like(x))
    assert float(active_fraction(labels, x)) == 0


@pytest.mark.parametrize(
    "people",
    [
        np.array([-3, 0, 10**6]),
        np.array([2**24, 2**24 + 1, 2**24 + 2]),
        np.array([-(2**63), 2**63 - 1, 2**63 - 2]),
        np.array([1, 2**32 + 1, 2**33 + 1]),
        np.array([1, 2**32 + 1, 2**33 + 1], "uint64"),
        np.array([0, 255, 128], "uint8"),
        np.array([-128, 127, 0], "int8"),
        np.array([2**24, 2**24 + 1, 0], "int32"),
        np.array([True, False, False]),
    ],
    ids=lambda people: f"{people.dtype} {people[1]}",
)
def test_only_the_equality_of_labels_matters(people):
    numbers, x = random_batch(np.array([0, 1, 2, 0, 1, 2, 2, 0]), seed=6)
    if people.dtype == bool:
        numbers = np.minimum(numbers, 1)
    labels = people[numbers]
    for mining in DETERMINISTIC:
        expected = reference(numbers, x, mining=mining)
        for given_labels in (labels, labels[:, None]):
            found = batch_triplet_loss(given_labels, x, mining=mining)
            assert float(found) == pytest.approx(expected, rel=1e-10)
            found = TripletLoss(mining=mining)(given_labels, x)
            assert float(found) == pytest.approx(expected, rel=1e-10)
            assert as_tuples(mine_triplets(given_labels, x, mining=mining)) == as_tuples(
                mine_triplets(numbers, x, mining=mining)
            )


def test_labels_may_be_a_list_of_large_integers():
    _, x = random_batch([0, 0, 1, 1])
    found = batch_triplet_loss([2**40, 2**40, 2**40 + 1, 2**40 + 1], x, mining="all")
    assert float(found) == pytest.approx(reference([0, 0, 1, 1], x), rel=1e-10)


@pytest.mark.parametrize("mining", DETERMINISTIC)
@pytest.mark.parametrize("squared", [True, False])
def test_coordinates_of_a_thousand_cost_no_digits(mining, squared):
    labels, x = random_batch(seed=7, dtype="float32")
    for large in (x + np.float32(1000), x * np.float32(1000)):
        options = {"mining": mining, "squared": squared, "margin": 0.9}
        found = float(batch_triplet_loss(labels, large, **options))
        assert found == pytest.approx(reference(labels, large, **options), rel=1e-3)


@pytest.mark.parametrize("mining", DETERMINISTIC)
def test_the_loss_forgets_the_order_of_the_photos_and_the_orientation(mining):
    labels, x = random_batch(seed=8)
    rng = np.random.default_rng(8)
    order, (rotation, _) = rng.permutation(8), np.linalg.qr(rng.normal(size=(4, 4)))
    expected = float(batch_triplet_loss(labels, x, mining=mining))
    assert expected > 0
    for others in ((labels[order], x[order]), (labels, x @ rotation), (labels, x + 0.7)):
        found = float(batch_triplet_loss(*others, mining=mining))
        assert found == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("mining", MININGS)
def test_the_arguments_are_not_modified(mining):
    labels, x = random_batch()
    before = labels.copy(), x.copy()
    batch_triplet_loss(labels, x, mining=mining)
    mine_triplets(labels, x, mining=mining)
    active_fraction(labels, x)
    np.testing.assert_array_equal(labels, before[0])
    np.testing.assert_array_equal(x, before[1])


# --- random mining ----------------------------------------------------------------------------


def test_random_mining_draws_one_negative_for_every_anchor_and_positive():
    labels, x = random_batch(seed=9)
    every = every_triplet(labels)
    pairs = sorted({triplet[:2] for triplet in every})
    for seed in range(20):
        mined = as_tuples(mine_triplets(labels, x, mining="random", seed=seed))
        assert [triplet[:2] for triplet in mined] == pairs
        assert set(mined) <= set(every)


@pytest.fixture(scope="module")
def many_draws():
    labels, x = random_batch(seed=10)
    return [as_tuples(mine_triplets(labels, x, mining="random", seed=seed)) for seed in range(160)]


def assert_equally_often(drawn, possible):
    counts = [drawn.count(value) for value in possible]
    assert sum(counts) == len(drawn)
    expected = len(drawn) / len(possible)
    statistic = sum((count - expected) ** 2 / expected for count in counts)
    assert statistic < chi2.ppf(1 - 1e-4, len(possible) - 1)


def test_random_mining_draws_every_negative_equally_often(many_draws):
    for index, group in enumerate(groups(every_triplet(UNBALANCED), 2)):
        assert_equally_often([draw[index] for draw in many_draws], group)


@pytest.mark.parametrize(("first", "second"), [(0, 1), (0, 4), (19, 20), (20, 21)])
def test_random_mining_draws_for_each_anchor_and_positive_on_its_own(many_draws, first, second):
    every = groups(every_triplet(UNBALANCED), 2)
    drawn = [(draw[first], draw[second]) for draw in many_draws]
    assert_equally_often(drawn, [(a, b) for a in every[first] for b in every[second]])


def test_random_mining_expects_the_mean_over_all_triplets_of_a_balanced_batch():
    labels, x = random_batch([0, 0, 0, 1, 1, 1, 2, 2, 2], seed=11)
    draw = tf.function(lambda loss: loss(labels, x))
    loss = TripletLoss(mining="random", seed=0)
    draws = [float(draw(loss)) for _ in range(300)]
    error = np.std(draws) / math.sqrt(len(draws))
    assert 0 < error < 0.02
    assert abs(np.mean(draws) - reference(labels, x)) < 4 * error


def test_the_same_seed_draws_the_same_negatives():
    labels, x = random_batch(np.repeat(np.arange(4), 4), seed=12)
    first, second, other = (
        as_tuples(mine_triplets(labels, x, mining="random", seed=seed)) for seed in (1, 1, 2)
    )
    assert first == second
    assert first != other


@pytest.mark.parametrize("seed", [None, "generator"])
def test_a_generator_or_no_seed_draws_anew_at_every_call(seed):
    labels, x = random_batch(np.repeat(np.arange(4), 4), seed=13)
    seed = keras.random.SeedGenerator(3) if seed == "generator" else None
    draws = {tuple(as_tuples(mine_triplets(labels, x, mining="random", seed=seed))) for _ in "abc"}
    assert len(draws) == 3


@pytest.mark.parametrize("in_graph", [True, False])
def test_the_class_draws_anew_at_every_call_and_a_seed_repeats_the_sequence(in_graph):
    labels, x = random_batch(np.repeat(np.arange(4), 4), seed=14)
    sequences = []
    for seed in (3, 3, 4):
        loss = TripletLoss(mining="random", seed=seed)
        call = tf.function(loss) if in_graph else loss
        sequences.append([float(call(tf.constant(labels), tf.constant(x))) for _ in range(3)])
    assert len(set(sequences[0])) == 3
    assert sequences[0] == sequences[1]
    assert set(sequences[0]).isdisjoint(sequences[2])


# --- gradients --------------------------------------------------------------------------------


@pytest.mark.parametrize("squared", [True, False])
@pytest.mark.parametrize("average", ["valid", "active"])
@pytest.mark.parametrize("mining", MININGS)
def test_the_gradient_agrees_with_finite_differences(mining, average, squared):
    labels, x = random_batch([0, 0, 0, 1, 1, 2], dim=2, seed=15)
    options = {"mining": mining, "average": average, "squared": squared}
    drawn = as_tuples(mine_triplets(labels, x, mining="random", seed=5))

    def loop(values):
        d = distance_table(values, squared)
        triplets = drawn if mining == "random" else reference_triplets(labels, d, mining)
        return mean_loss(triplets, d, 0.2, average)

    found = gradient_of(lambda v: batch_triplet_loss(labels, v, seed=5, **options), x)
    np.testing.assert_allclose(found, slopes(loop, x), atol=1e-6)
    assert np.abs(found).max() > 0.05


@pytest.mark.parametrize("squared", [True, False])
def test_the_gradient_of_the_soft_margin_agrees_with_finite_differences(squared):
    labels, x = random_batch([0, 0, 0, 1, 1, 2], dim=2, seed=16)
    options = {"mining": "hard", "margin": "soft", "squared": squared}
    found = gradient_of(lambda v: batch_triplet_loss(labels, v, **options), x)
    expected = slopes(lambda values: reference(labels, values, **options), x)
    np.testing.assert_allclose(found, expected, atol=1e-6)


# --- graphs and size --------------------------------------------------------------------------


@pytest.mark.parametrize("mining", MININGS)
def test_a_graph_with_unknown_batch_size_gives_the_same_loss(mining):
    graph = tf.function(
        lambda labels, x: batch_triplet_loss(labels, x, mining=mining, margin=0.7, seed=2),
        input_signature=[tf.TensorSpec([None], tf.int64), tf.TensorSpec([None, 4], tf.float64)],
    )
    for size in (0, 1, 5, 8):
        labels, x = random_batch(UNBALANCED[:size][::-1], seed=size)
        d = distance_table(x)
        triplets = (
            as_tuples(mine_triplets(labels, x, mining="random", seed=2))
            if mining == "random"
            else reference_triplets(labels, d, mining)
        )
        found = float(graph(tf.constant(labels), tf.constant(x)))
        assert found == pytest.approx(mean_loss(triplets, d, 0.7), rel=1e-10)


def largest_output(graph):
    """Elements of the largest tensor of a graph and of the functions it calls."""
    definition = graph.as_graph_def(add_shapes=True)
    nodes = list(definition.node)
    for function in definition.library.function:
        nodes.extend(function.node_def)
    largest = 0
    for node in nodes:
        for shape in node.attr["_output_shapes"].list.shape:
            sizes = [axis.size for axis in shape.dim]
            if node.op == "BroadcastGradientArgs":  # a list of axes, of unknown length
                continue
            assert not shape.unknown_rank, node.name
            assert min(sizes, default=1) >= 0, node.name
            largest = max(largest, math.prod(sizes))
    return largest


def loss_of_a_large_batch(labels, x, mining, margin=0.2):
    """Float64, anchor by anchor."""
    losses = []
    for anchor, label in enumerate(labels):
        d = np.square(x - x[anchor]).sum(axis=1)
        positives, negatives = d[labels == label], d[labels != label]
        positives = np.delete(positives, np.argmin(positives))  # the anchor itself, at 0
        if mining == "hard":
            losses.append(max(positives.max() - negatives.min() + margin, 0))
            continue
        differences = positives[:, None] - negatives
        if mining == "semi-hard":
            nearest_farther = np.where(differences < 0, differences, -np.inf).max(axis=1)
            differences = np.maximum(nearest_farther, differences.min(axis=1))
        losses.append(np.maximum(differences + margin, 0).mean())
    return np.mean(losses)


@pytest.mark.parametrize("mining", MININGS)
def test_a_large_batch_needs_no_tensor_larger_than_its_distances(mining):
    size, dim = 45 * 40, 128
    labels = np.random.default_rng(17).permutation(np.repeat(np.arange(45), 40))
    x = np.random.default_rng(18).normal(size=(size, dim)).astype("float32")
    x += np.random.default_rng(19).normal(size=(45, dim)).astype("float32")[labels] / 2
    x /= np.linalg.norm(x, axis=1, keepdims=True)

    @tf.function
    def loss_and_gradient(labels, x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = batch_triplet_loss(labels, x, mining=mining, seed=1)
        return loss, tape.gradient(loss, x)

    concrete = loss_and_gradient.get_concrete_function(
        tf.TensorSpec([size], tf.int64), tf.TensorSpec([size, dim], tf.float32)
    )
    assert size**2 <= largest_output(concrete.graph) <= 4 * size**2
    loss, gradient = concrete(tf.constant(labels), tf.constant(x))
    assert np.isfinite(gradient).all()
    assert np.abs(gradient).max() > 0
    like = "all" if mining == "random" else mining
    expected = loss_of_a_large_batch(labels, x.astype("float64"), like)
    rtol = {"random": 0.05, "semi-hard": 1e-4, "all": 1e-5, "hard": 1e-5}[mining]
    assert float(loss) == pytest.approx(expected, rel=rtol)


# --- TripletLoss in Keras -----------------------------------------------------------------------


def identity_model():
    layers = [
        keras.layers.Input((3,)),
        keras.layers.Dense(3, use_bias=False, kernel_initializer="identity"),
    ]
    return keras.Sequential(layers)


def two_batches():
    labels = np.array([2**24, 2**24 + 1, 2**24, 2**24 + 1, -7, 2**24, 2**24 + 1, 2**24])
    return random_batch(labels, dim=3, seed=20, dtype="float32")


def bounds_of_random_mining(labels, x, margin):
    """The mean loss if the farthest, or else the nearest, negative were always drawn."""
    d = distance_table(x)
    costs = [
        [max(d[a][p] - d[a][n] + margin, 0) for a, p, n in group]
        for group in groups(every_triplet(labels), 2)
    ]
    return np.mean([min(group) for group in costs]), np.mean([max(group) for group in costs])


@pytest.mark.parametrize(("column", "jit_compile"), [(True, False), (False, True)])
@pytest.mark.parametrize("mining", MININGS)
def test_fit_reports_the_loss_with_a_smaller_last_batch_too(mining, column, jit_compile):
    labels, x = two_batches()
    model = identity_model()
    model.compile(
        keras.optimizers.SGD(0.0), TripletLoss(0.9, mining, seed=0), jit_compile=jit_compile
    )
    y = labels[:, None] if column else labels
    history = model.fit(x, y, batch_size=5, shuffle=False, verbose=0)
    found = history.history["loss"][0]
    parts = [(labels[:5], x[:5]), (labels[5:], x[5:])]
    if mining == "random":
        bounds = np.array([bounds_of_random_mining(*part, 0.9) for part in parts])
        low, high = np.average(bounds, axis=0, weights=[5, 3])
        assert low - 1e-6 <= found <= high + 1e-6
        assert high - low > 0.1
    else:
        losses = [reference(*part, margin=0.9, mining=mining) for part in parts]
        assert losses[0] != pytest.approx(losses[1], rel=0.01)
        assert found == pytest.approx(np.average(losses, weights=[5, 3]), rel=1e-5)


@pytest.mark.parametrize("mining", MININGS)
def test_the_loss_falls_in_a_training_loop_of_ones_own(mining):
    labels, x = random_batch(np.repeat(np.arange(3), 4), dim=3, seed=21, dtype="float32")
    points, optimizer = tf.Variable(x), keras.optimizers.Adam(0.05)
    loss = TripletLoss(0.2, mining, seed=0)

    @tf.function
    def train_step():
        with tf.GradientTape() as tape:
            value = loss(labels, points)
        optimizer.apply_gradients([(tape.gradient(value, points), points)])

    before, active_before = reference(labels, x), float(active_fraction(labels, x))
    for _ in range(60):
        train_step()
    assert before > 0.2
    assert reference(labels, points) < 0.1 * before
    assert float(active_fraction(labels, points)) < 0.3 * active_before


@pytest.mark.filterwarnings(SAVING_WARNING)
@pytest.mark.parametrize("mining", ["random", "semi-hard"])
def test_a_compiled_model_is_saved_loaded_and_trained_on(mining, tmp_path):
    labels, x = two_batches()
    model = identity_model()
    model.compile(
        keras.optimizers.SGD(0.05),
        TripletLoss(0.9, mining, squared=False, average="active", seed=5),
    )
    model.fit(x, labels, verbose=0)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras", safe_mode=True)
    assert type(loaded.loss) is TripletLoss
    assert loaded.loss.get_config() == model.loss.get_config()
    np.testing.assert_array_equal(loaded(x), model(x))
    options = {"margin": 0.9, "squared": False}
    all_before = reference(labels, loaded(x), **options)
    loaded.fit(x, labels, epochs=10, verbose=0)
    assert reference(labels, loaded(x), **options) < all_before


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"margin": "soft", "mining": "hard", "squared": False},
        {"margin": 0.5, "mining": "random", "seed": 11, "name": "faces"},
        {"margin": 1, "mining": "all", "average": "active"},
    ],
)
def test_a_round_trip_keeps_the_configuration(options):
    loss = TripletLoss(**options)
    defaults = {"margin": 0.2, "mining": "semi-hard", "squared": True, "average": "valid"}
    expected = {**defaults, "seed": None, "name": "triplet_loss", **options}
    for copy in (
        loss,
        TripletLoss.from_config(loss.get_config()),
        keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss)),
        keras.losses.deserialize(keras.losses.serialize(loss)),
    ):
        assert type(copy) is TripletLoss
        assert copy.get_config() == expected
        labels, x = random_batch(seed=22)
        if loss.mining != "random":
            assert float(copy(labels, x)) == float(loss(labels, x))
        else:
            expected_loss = float(TripletLoss(**options)(labels, x))
            assert float(copy(labels, x)) == expected_loss


def test_the_class_hands_every_option_on():
    labels, x = random_batch(seed=23)
    for options in (
        {"margin": 0.7, "mining": "all"},
        {"mining": "hard", "squared": False, "margin": "soft"},
        {"average": "active"},
        {"squared": False},
    ):
        expected = float(batch_triplet_loss(labels, x, **options))
        assert float(TripletLoss(**options)(labels, x)) == expected
        assert float(TripletLoss(**options).call(labels, x)) == expected
        assert expected != float(batch_triplet_loss(labels, x))


# --- errors -----------------------------------------------------------------------------------


def test_sample_weights_are_refused():
    labels, x = two_batches()
    words = r"`sample_weight` must be None.*Received weights\."
    with pytest.raises(ValueError, match=words):
        TripletLoss()(labels, x, sample_weight=np.ones(8))
    model = identity_model()
    model.compile("sgd", TripletLoss())
    with pytest.raises(ValueError, match=words):
        model.fit(x, labels, sample_weight=np.ones(8), verbose=0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"mining": "easy"}, r"`mining` must be one of \(.*\)\. Received: mining='easy'\."),
        ({"mining": None}, r"`mining` must be one of \(.*\)\. Received: mining=None\."),
        ({"average": "sum"}, r"`average` must be 'valid' or 'active'\. Received: average='sum'\."),
        ({"margin": "soft"}, r"needs mining='hard'\. Received: mining='semi-hard'\."),
        ({"margin": "soft", "mining": "all"}, r"needs mining='hard'\. Received: mining='all'\."),
        ({"margin": "hard", "mining": "hard"}, r"or 'soft'\. Received: margin='hard'\."),
    ],
)
def test_unknown_options_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        batch_triplet_loss([0, 0], np.zeros((2, 2)), **options)
    with pytest.raises(ValueError, match=words):
        TripletLoss(**options)


def test_unknown_mining_is_refused_by_mine_triplets():
    with pytest.raises(ValueError, match=r"`mining` must be one of.*Received: mining='easy'\."):
        mine_triplets([0, 0], np.zeros((2, 2)), mining="easy")


@pytest.mark.parametrize("function", [batch_triplet_loss, mine_triplets, active_fraction])
@pytest.mark.parametrize(
    ("labels_shape", "embeddings_shape"),
    [((4, 2), (4, 3)), ((), (4, 3)), ((4, 1, 1), (4, 3)), ((4,), (4,)), ((4,), (4, 3, 2))],
)
def test_other_shapes_are_refused(function, labels_shape, embeddings_shape):
    words = r"shape \(batch,\).*Received: labels\.shape=\(.*embeddings\.shape=\("
    with pytest.raises(ValueError, match=words):
        function(np.zeros(labels_shape, "int64"), np.zeros(embeddings_shape))


@pytest.mark.parametrize("function", [batch_triplet_loss, mine_triplets, active_fraction])
@pytest.mark.parametrize("labels", [[1, 2, 3], [[1], [2], [3]], [1]])
def test_unequal_numbers_of_labels_and_embeddings_are_refused(function, labels):
    words = rf"one identity for each embedding\. Received: {len(labels)} labels, 4 embeddings\."
    with pytest.raises(ValueError, match=words):
        function(labels, np.zeros((4, 2)))


def test_a_soft_margin_says_nothing_of_active_triplets():
    with pytest.raises(ValueError, match=r"must be a positive number\. Received: margin='soft'"):
        active_fraction([0, 0], np.zeros((2, 2)), margin="soft")


@pytest.mark.parametrize("mining", ["all", "semi-hard"])
def test_a_graph_compiled_with_xla_says_the_same(mining):
    rng = np.random.default_rng(3)
    labels, points = rng.integers(0, 5, 33), rng.normal(size=(33, 4)).astype("float32")
    compiled = tf.function(lambda x: batch_triplet_loss(labels, x, mining=mining), jit_compile=True)
    found, expected = compiled(points), batch_triplet_loss(labels, points, mining=mining)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
