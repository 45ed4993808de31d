"""The Dice coefficient against sets of voxels, scikit-learn and what is known of it."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import f1_score

from course_utils.losses import dice_coefficient

NUM_CLASSES = 4


@st.composite
def labellings(draw, min_size=0):
    """Two labellings of the same voxels, on one to three axes."""
    shape = tuple(draw(st.lists(st.integers(min_size, 4), min_size=1, max_size=3)))
    both = draw(arrays(np.int64, (2, *shape), elements=st.integers(0, NUM_CLASSES - 1)))
    return both[0], both[1]


def by_sets(labels, predictions, num_classes):
    """Dice coefficients from sets of positions; None where both sets are empty."""
    dice = []
    for number in range(num_classes):
        one, other = (
            {position for position, value in np.ndenumerate(each) if value == number}
            for each in (labels, predictions)
        )
        sizes = len(one) + len(other)
        dice.append(2 * len(one & other) / sizes if sizes else None)
    return dice


def dice_of(pair):
    return dice_coefficient(*pair, num_classes=NUM_CLASSES)


@given(labellings())
def test_is_what_sets_of_voxels_give(pair):
    dice = dice_of(pair)
    assert dice.shape == (NUM_CLASSES,)
    assert dice.dtype == np.float64
    for found, expected in zip(dice, by_sets(*pair, NUM_CLASSES), strict=True):
        if expected is None:
            assert np.isnan(found)
        else:
            assert 0 <= found <= 1
            assert found == pytest.approx(expected, rel=1e-15)


@given(labellings(min_size=1))
def test_is_the_f1_score_of_the_voxels(pair):
    labels, predictions = (each.ravel() for each in pair)
    expected = f1_score(
        labels,
        predictions,
        labels=range(NUM_CLASSES),
        average=None,
        zero_division=np.nan,
    )
    np.testing.assert_allclose(dice_of(pair), expected, rtol=1e-12)


@given(labellings())
def test_the_two_may_be_exchanged(pair):
    np.testing.assert_array_equal(dice_of(pair), dice_of(pair[::-1]))


@given(labellings(min_size=1), st.randoms(use_true_random=False))
def test_the_order_of_the_voxels_does_not_matter(pair, random):
    order = list(range(pair[0].size))
    random.shuffle(order)
    np.testing.assert_array_equal(dice_of([each.ravel()[order] for each in pair]), dice_of(pair))


@given(labellings(), st.permutations(range(NUM_CLASSES)))
def test_with_the_classes_renamed_the_coefficients_move_along(pair, names):
    names = np.array(names)
    np.testing.assert_array_equal(dice_of([names[each] for each in pair])[names], dice_of(pair))


@given(labellings())
def test_is_1_exactly_where_the_two_have_the_same_voxels(pair):
    for number, dice in enumerate(dice_of(pair)):
        one, other = (each == number for each in pair)
        assert (dice == 1) == (one.any() and (one == other).all())
        assert (dice == 0) == ((one | other).any() and not (one & other).any())


def test_a_class_that_neither_has_is_nan_and_one_that_one_has_is_0():
    dice = dice_coefficient(np.array([0, 0, 1]), np.array([0, 0, 0]), num_classes=4)
    np.testing.assert_array_equal(dice, [0.8, 0, np.nan, np.nan])


def test_without_voxels_there_is_no_overlap():
    empty = np.zeros((0, 3), int)
    np.testing.assert_array_equal(dice_coefficient(empty, empty, num_classes=2), [np.nan] * 2)


def test_of_a_single_voxel():
    np.testing.assert_array_equal(dice_coefficient(1, 1, num_classes=2), [np.nan, 1])


def test_background_that_everybody_gets_right_adds_nothing():
    labels, predictions = np.array([1, 1, 2, 0]), np.array([1, 2, 2, 0])
    background = np.zeros(1000, int)
    alone = dice_coefficient(labels, predictions, num_classes=3)
    among = dice_coefficient(
        np.concatenate([labels, background]),
        np.concatenate([predictions, background]),
        num_classes=3,
    )
    np.testing.assert_array_equal(among, alone)
    np.testing.assert_allclose(alone, [1, 2 / 3, 2 / 3])


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int32", "uint32", "uint64"])
def test_counts_do_not_overflow_in_a_small_type(dtype):
    """In class 1 are 400 and 500 voxels, of which 400 are shared: more than 8 bits can count."""
    labels, predictions = np.zeros((2, 1000), dtype)
    labels[:400], predictions[:500] = 1, 1
    dice = dice_coefficient(labels, predictions, num_classes=2)
    np.testing.assert_allclose(dice, [2 * 500 / 1100, 2 * 400 / 900], rtol=1e-15)


def test_all_256_values_of_a_byte_may_be_classes():
    labels = np.arange(256, dtype=np.uint8)
    dice = dice_coefficient(labels, labels[::-1], num_classes=300)
    np.testing.assert_array_equal(dice, [0] * 256 + [np.nan] * 44)


def test_the_types_of_the_two_may_differ():
    labels, predictions = np.array([0, 1, 1], np.uint8), np.array([0, 1, 0], np.int64)
    dice = dice_coefficient(labels, predictions, num_classes=2)
    np.testing.assert_allclose(dice, [2 / 3, 2 / 3])


def test_leaves_its_inputs_alone():
    labels, predictions = np.array([[0, 1], [2, 1]]), np.array([[0, 2], [2, 1]])
    copies = labels.copy(), predictions.copy()
    dice_coefficient(labels, predictions, num_classes=3)
    np.testing.assert_array_equal([labels, predictions], copies)


class TestErrors:
    @pytest.mark.parametrize("shape", [(3, 2), (6,), (1, 2, 3), (2, 1), ()])
    def test_shapes_that_differ(self, shape):
        words = (
            f"`labels` and `predictions` must have the same shape. Received: (2, 3) and {shape}."
        )
        with pytest.raises(ValueError, match=f"^{re.escape(words)}$"):
            dice_coefficient(np.zeros((2, 3), int), np.zeros(shape, int), num_classes=2)

    @pytest.mark.parametrize("name", ["labels", "predictions"])
    @pytest.mark.parametrize(("value", "span"), [(3, "0 … 3"), (-1, "-1 … 0")])
    def test_a_value_that_is_no_class(self, name, value, span):
        pair = {"labels": np.array([0, 0]), "predictions": np.array([0, 0])}
        pair[name] = np.array([0, value])
        words = f"`{name}` must lie in 0 … 2, for num_classes=3. Received: {span}."
        with pytest.raises(ValueError, match=f"^{re.escape(words)}$"):
            dice_coefficient(**pair, num_classes=3)

    @pytest.mark.parametrize("name", ["labels", "predictions"])
    @pytest.mark.parametrize("dtype", ["float64", "bool", "complex128", "<U1", "object"])
    def test_what_holds_no_integers(self, name, dtype):
        pair = {"labels": np.array([0, 1]), "predictions": np.array([0, 1])}
        pair[name] = pair[name].astype(dtype)
        words = f"`{name}` must hold integers. Received: {dtype}."
        with pytest.raises(TypeError, match=f"^{re.escape(words)}$"):
            dice_coefficient(**pair, num_classes=2)

    @pytest.mark.parametrize("num_classes", [0, -1])
    @pytest.mark.parametrize("size", [0, 2])
    def test_no_class_at_all(self, num_classes, size):
        words = rf"^`num_classes` must be at least 1\. Received: {num_classes}\.$"
        with pytest.raises(ValueError, match=words):
            dice_coefficient(np.zeros(size, int), np.zeros(size, int), num_classes=num_classes)

    @pytest.mark.parametrize("num_classes", [2.0, "2", None])
    def test_a_number_of_classes_that_is_no_integer(self, num_classes):
        words = f"`num_classes` must hold integers. Received: {num_classes!r}."
        with pytest.raises(TypeError, match=f"^{re.escape(words)}$"):
            dice_coefficient(np.zeros(2, int), np.zeros(2, int), num_classes=num_classes)
