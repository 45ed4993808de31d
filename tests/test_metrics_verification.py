import itertools
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import norm
from sklearn import metrics as sklearn_metrics

from course_utils.recognition import (
    ErrorRates,
    InsufficientPairsWarning,
    Pairs,
    all_pairs,
    concatenate_pairs,
    det_curve,
    equal_error_rate,
    error_rates,
    rates_at_threshold,
    threshold_at_fmr,
)

# Few values, so that many distances tie; some that no float represents exactly.
tied = st.lists(st.integers(0, 12).map(lambda number: number / 10), min_size=1, max_size=14)
spread = st.lists(st.floats(0, 1e6), min_size=1, max_size=14)
sides = st.one_of(st.tuples(tied, tied), st.tuples(spread, spread))


def counted_rates(genuine, impostor, threshold):
    false_matches = false_non_matches = 0
    for distance in impostor:
        false_matches += distance <= threshold
    for distance in genuine:
        false_non_matches += not distance <= threshold
    return false_matches / len(impostor), false_non_matches / len(genuine)


def sklearn_points(genuine, impostor, curve=sklearn_metrics.roc_curve):
    """Rates and thresholds of scikit-learn, whose scores are similarities: −distance.

    Nothing may be left out; `det_curve` does not by default (older ones have no such option).
    """
    is_genuine = [1] * len(genuine) + [0] * len(impostor)
    scores = -np.concatenate([genuine, impostor])
    options = {"drop_intermediate": False} if curve is sklearn_metrics.roc_curve else {}
    return curve(is_genuine, scores, **options)


# --- error_rates ----------------------------------------------------------------------------


@given(sides)
def test_error_rates_agree_with_counting(both):
    genuine, impostor = both
    rates = error_rates(genuine, impostor)
    assert rates.thresholds.tolist() == [-np.inf, *sorted({*genuine, *impostor})]
    for threshold, fmr, fnmr in zip(rates.thresholds, rates.fmr, rates.fnmr, strict=True):
        assert (fmr, fnmr) == counted_rates(genuine, impostor, threshold)
    assert (rates.num_genuine, rates.num_impostor) == (len(genuine), len(impostor))


@given(sides)
def test_error_rates_agree_with_the_roc_curve_of_scikit_learn(both):
    fpr, tpr, thresholds = sklearn_points(*both)
    rates = error_rates(*both)
    np.testing.assert_array_equal(rates.thresholds, -thresholds)
    np.testing.assert_allclose(rates.fmr, fpr, atol=1e-15)
    np.testing.assert_allclose(rates.fnmr, 1 - tpr, atol=1e-15)


@given(sides)
def test_error_rates_agree_with_the_det_curve_of_scikit_learn(both):
    fpr, fnr, thresholds = sklearn_points(*both, curve=sklearn_metrics.det_curve)
    rates = error_rates(*both)
    ours = {
        threshold: (fmr, fnmr)
        for threshold, fmr, fnmr in zip(rates.thresholds, rates.fmr, rates.fnmr, strict=True)
    }
    for threshold, fmr, fnmr in zip(-thresholds, fpr, fnr, strict=True):
        assert ours[threshold] == pytest.approx((fmr, fnmr), abs=1e-15)


@given(sides)
def test_fmr_never_falls_fnmr_never_rises_and_both_go_from_end_to_end(both):
    rates = error_rates(*both)
    assert (np.diff(rates.fmr) >= 0).all()
    assert (np.diff(rates.fnmr) <= 0).all()
    assert (rates.fmr[0], rates.fnmr[0]) == (0, 1)
    assert (rates.fmr[-1], rates.fnmr[-1]) == (1, 0)


@given(sides)
def test_something_changes_at_every_threshold(both):
    rates = error_rates(*both)
    assert ((np.diff(rates.fmr) > 0) | (np.diff(rates.fnmr) < 0)).all()


def test_the_shape_and_order_of_the_distances_do_not_matter():
    genuine, impostor = [3, 1, 2, 2], [[4, 2], [5, 3]]
    rates, flat = error_rates(genuine, impostor), error_rates(sorted(genuine), [2, 3, 4, 5])
    np.testing.assert_array_equal(rates.fmr, flat.fmr)
    np.testing.assert_array_equal(rates.fnmr, flat.fnmr)


def test_an_infinite_distance_is_accepted_by_no_finite_threshold():
    rates = error_rates([1, np.inf], [2, 3])
    assert rates.thresholds.tolist() == [-np.inf, 1, 2, 3, np.inf]
    assert rates.fnmr.tolist() == [1, 0.5, 0.5, 0.5, 0]


def test_the_inputs_are_not_modified():
    genuine, impostor = np.array([3.0, 1.0]), np.array([5.0, 4.0])
    error_rates(genuine, impostor)
    equal_error_rate(genuine, impostor)
    assert (genuine.tolist(), impostor.tolist()) == ([3, 1], [5, 4])


FUNCTIONS_OF_BOTH_SIDES = [
    error_rates,
    equal_error_rate,
    lambda genuine, impostor: rates_at_threshold(genuine, impostor, 1.0),
]


@pytest.mark.parametrize("function", FUNCTIONS_OF_BOTH_SIDES)
@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        ([], ValueError, "is empty"),
        ([1, np.nan, np.nan], ValueError, "must not hold NaN. Received: 2 of 3"),
        (["a", "b"], TypeError, "must hold real numbers. Received: dtype <U1"),
        ([True, False], TypeError, "must hold real numbers. Received: dtype bool"),
        ([1j], TypeError, "must hold real numbers. Received: dtype complex128"),
        ([None, 1.0], TypeError, "must hold real numbers. Received: dtype object"),
    ],
)
class TestWrongDistances:
    def test_on_the_genuine_side(self, function, wrong, error, words):
        with pytest.raises(error, match=f"`genuine_distances` {words}"):
            function(wrong, [1.0])

    def test_on_the_impostor_side(self, function, wrong, error, words):
        with pytest.raises(error, match=f"`impostor_distances` {words}"):
            function([1.0], wrong)


# --- rates_at_threshold ---------------------------------------------------------------------


@given(sides, st.integers(-1, 14).map(lambda number: number / 10))
def test_rates_at_a_threshold_agree_with_counting(both, threshold):
    assert rates_at_threshold(*both, threshold) == counted_rates(*both, threshold)


@pytest.mark.parametrize(("threshold", "rates"), [(-np.inf, (0, 1)), (np.inf, (1, 0))])
def test_rates_at_infinite_thresholds(threshold, rates):
    assert rates_at_threshold([1, 2], [2, 3], threshold) == rates


def test_rates_at_a_threshold_that_is_nan_are_refused():
    with pytest.raises(ValueError, match=r"`threshold` must be a number\. Received: threshold=nan"):
        rates_at_threshold([1, 2], [2, 3], np.nan)


# --- equal_error_rate -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("genuine", "impostor", "rate", "threshold"),
    [
        pytest.param([1, 2], [3, 4], 0, 2, id="separated: the largest genuine distance"),
        pytest.param([1], [2], 0, 1, id="one pair a side, separated"),
        pytest.param([2], [1], 1, 1, id="one pair a side, reversed"),
        pytest.param([1], [1], 0.5, 1, id="one pair a side, equal"),
        pytest.param([3, 4], [1, 2], 1, 2, id="reversed"),
        pytest.param([5, 5, 5], [5, 5], 0.5, 5, id="all tied"),
        # FNMR 1/4 = FMR 1/4 from distance 3 on.
        pytest.param([1, 2, 3, 4], [3, 5, 6, 7], 0.25, 3, id="meeting in a step"),
        # From (FMR, FNMR) = (0, 2/3) at 1 to (1/3, 0) at 2: both are 2/9 after 2/3 of the way.
        pytest.param([1, 2, 2], [2, 3, 4], 2 / 9, 2, id="crossing within a tie"),
        # From (0, 1/3) at 2 to (1/2, 1/3) at 3: the crossing is at 1/3; at 2 the larger is 1/3.
        pytest.param([1, 2, 9], [3, 10], 1 / 3, 2, id="crossing where only FMR moves"),
        # From (1/4, 1) at 1 over (1/4, 0) at 2: the crossing is at 1/4.
        pytest.param([2], [1, 3, 4, 5], 0.25, 2, id="crossing where only FNMR moves"),
    ],
)
def test_equal_error_rate_by_hand(genuine, impostor, rate, threshold):
    found = equal_error_rate(genuine, impostor)
    assert found.rate == pytest.approx(rate, abs=1e-15)
    assert found.threshold == threshold


@given(tied)
def test_identical_distributions_have_an_equal_error_rate_of_one_half(distances):
    assert equal_error_rate(distances, distances * 2).rate == pytest.approx(0.5)


@given(sides)
def test_equal_error_rate_is_the_root_along_the_curve_of_scikit_learn(both):
    fpr, tpr, _ = sklearn_points(*both)
    steps = np.arange(len(fpr))

    def excess(position):
        return np.interp(position, steps, 1 - tpr - fpr)

    crossing = brentq(excess, 0, steps[-1], xtol=1e-13)
    assert equal_error_rate(*both).rate == pytest.approx(np.interp(crossing, steps, fpr), abs=1e-9)


@given(sides)
def test_equal_error_rate_lies_within_the_two_steps_around_the_crossing(both):
    rate = equal_error_rate(*both).rate
    rates = error_rates(*both)
    after = next(i for i in range(len(rates.fmr)) if rates.fnmr[i] <= rates.fmr[i])
    slack = 1e-12
    assert rates.fmr[after - 1] - slack <= rate <= rates.fmr[after] + slack
    assert rates.fnmr[after] - slack <= rate <= rates.fnmr[after - 1] + slack


@given(sides)
def test_no_occurring_distance_has_a_smaller_larger_error_than_the_threshold(both):
    threshold = equal_error_rate(*both).threshold
    occurring = {*both[0], *both[1]}
    assert threshold in occurring
    smallest = min(max(counted_rates(*both, distance)) for distance in occurring)
    assert max(counted_rates(*both, threshold)) == smallest


@given(st.tuples(tied, tied))
def test_equal_error_rate_does_not_change_under_a_rising_transform(both):
    genuine, impostor = (np.array(side) for side in both)
    plain = equal_error_rate(genuine, impostor)
    for transform in (np.exp, np.sqrt, lambda x: x**3 - 7):
        found = equal_error_rate(transform(genuine), transform(impostor))
        assert found.rate == plain.rate
        assert found.threshold == transform(plain.threshold)


@given(st.tuples(tied, tied))
def test_swapping_the_roles_and_the_direction_keeps_the_equal_error_rate(both):
    genuine, impostor = (np.array(side) for side in both)
    mirrored = equal_error_rate(-impostor, -genuine).rate
    assert mirrored == pytest.approx(equal_error_rate(genuine, impostor).rate, abs=1e-12)


# --- threshold_at_fmr -----------------------------------------------------------------------

wanted = st.one_of(st.floats(1e-6, 1), st.fractions(0, 1, max_denominator=14).map(float)).filter(
    bool
)


def quiet_threshold(impostor, fmr):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InsufficientPairsWarning)
        return threshold_at_fmr(impostor, fmr)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@given(impostor=st.one_of(tied, spread.map(lambda side: [x / 1e3 for x in side])), fmr=wanted)
def test_the_threshold_is_the_largest_that_keeps_to_the_fmr(dtype, impostor, fmr):
    impostor = np.array(impostor, dtype)
    threshold = quiet_threshold(impostor, fmr)
    assert np.mean(impostor <= threshold) <= fmr
    larger = impostor[impostor > threshold]
    if larger.size:
        assert np.mean(impostor <= larger.min()) > fmr


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_the_threshold_holds_when_compared_in_the_precision_of_the_distances(dtype):
    impostor = np.linspace(0, 1, 1000).astype(dtype)
    for fmr in (0.01, 0.1, 0.3, 0.55):
        assert (impostor <= threshold_at_fmr(impostor, fmr)).mean() <= fmr


def test_the_threshold_lies_right_below_the_first_distance_to_be_rejected():
    for dtype in (np.float32, np.float64):
        impostor = np.arange(1000, dtype=dtype)
        threshold = threshold_at_fmr(impostor, 0.01)
        assert dtype(threshold) < 10
        assert np.nextafter(dtype(threshold), dtype(np.inf)) == 10


@pytest.mark.parametrize("num_pairs", range(1, 61))
def test_a_share_that_can_be_met_exactly_is_met_exactly(num_pairs):
    distances = np.arange(num_pairs)
    for accepted in range(1, num_pairs + 1):
        threshold = quiet_threshold(distances, accepted / num_pairs)
        assert (distances <= threshold).sum() == accepted


@pytest.mark.parametrize("num_pairs", [3, 6, 10, 11, 12, 49])
def test_a_share_just_below_what_can_be_met_is_not_exceeded(num_pairs):
    distances = np.arange(num_pairs)
    for accepted in range(1, num_pairs + 1):
        fmr = np.nextafter(accepted / num_pairs, 0)
        assert (distances <= quiet_threshold(distances, fmr)).mean() <= fmr


def test_ties_that_would_exceed_the_fmr_are_all_rejected():
    impostor = [1, 2, 2, 2, 3, 4, 5, 6, 7, 8]
    threshold = quiet_threshold(impostor, 0.3)
    assert 1 < threshold < 2


def test_integer_distances_give_a_threshold_below_the_integer():
    assert 2 < threshold_at_fmr(np.arange(300), 0.01) < 3


def test_an_fmr_of_one_accepts_every_observed_impostor():
    assert threshold_at_fmr([1, 5, 3], 1) == 5


def test_an_infinite_impostor_distance_is_allowed():
    assert quiet_threshold([1, np.inf], 0.5) == np.finfo(float).max
    assert quiet_threshold([1, np.inf], 1) == np.inf


@pytest.mark.parametrize(
    ("fmr", "enough"),
    [(0.01, 300), (0.001, 3000), (0.1, 30), (0.03, 100), (0.07, 43), (0.0001, 30_000), (1, 3)],
)
def test_the_warning_begins_exactly_below_three_over_fmr_pairs(fmr, enough):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        threshold_at_fmr(np.arange(enough), fmr)
    words = (
        rf"{enough - 1:,} impostor pairs cannot support an FMR of {fmr:g}.*at least {enough:,}\."
    )
    with pytest.warns(InsufficientPairsWarning, match=words):
        threshold_at_fmr(np.arange(enough - 1), fmr)


def test_the_warning_points_to_the_caller():
    with pytest.warns(InsufficientPairsWarning) as caught:
        threshold_at_fmr([1, 2], 0.1)
    assert caught[0].filename == __file__


@pytest.mark.parametrize("fmr", [0, -0.1, 1.01, np.nan])
def test_an_fmr_out_of_range_is_refused(fmr):
    with pytest.raises(ValueError, match=r"`fmr` must lie in \(0, 1\]\. Received: fmr="):
        threshold_at_fmr(np.arange(1000), fmr)


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        ([], ValueError, "is empty"),
        ([np.nan] * 5, ValueError, "must not hold NaN"),
        (["a"] * 5, TypeError, "must hold real numbers"),
        ([True] * 5, TypeError, "must hold real numbers"),
    ],
)
def test_impostor_distances_that_are_no_numbers_are_refused(wrong, error, words):
    with pytest.raises(error, match=f"`impostor_distances` {words}"):
        threshold_at_fmr(wrong, 1)


# --- det_curve ------------------------------------------------------------------------------


@given(sides)
def test_the_det_curve_holds_the_deviates_of_the_inner_points(both):
    rates = error_rates(*both)
    inner = [
        (fmr, fnmr)
        for fmr, fnmr in zip(rates.fmr, rates.fnmr, strict=True)
        if 0 < fmr < 1 and 0 < fnmr < 1
    ]
    curve = det_curve(rates)
    assert list(zip(curve.fmr, curve.fnmr, strict=True)) == inner
    np.testing.assert_allclose(curve.fmr_deviate, norm.ppf(curve.fmr), atol=1e-12)
    np.testing.assert_allclose(curve.fnmr_deviate, norm.ppf(curve.fnmr), atol=1e-12)
    assert np.isfinite([curve.fmr_deviate, curve.fnmr_deviate]).all()


def test_the_det_curve_of_separated_distances_is_empty():
    assert [len(part) for part in det_curve(error_rates([1, 2], [3, 4]))] == [0, 0, 0, 0]


def test_the_det_curve_of_normal_distributions_is_a_straight_line():
    shares = (np.arange(2000) + 0.5) / 2000
    curve = det_curve(error_rates(norm.ppf(shares), norm.ppf(shares) + 2))
    inner = (np.abs(curve.fmr_deviate) < 2) & (np.abs(curve.fnmr_deviate) < 2)
    np.testing.assert_allclose((curve.fmr_deviate + curve.fnmr_deviate)[inner], -2, atol=0.05)


# --- Pairs ----------------------------------------------------------------------------------


@given(st.lists(st.sampled_from(["ann", "bob", "eve"]), min_size=1, max_size=7))
def test_all_pairs_agree_with_a_loop_over_combinations(labels):
    size = len(labels)
    distances = np.random.default_rng(size).permutation(size * size).reshape(size, size)
    pairs = all_pairs(distances, np.array(labels))
    expected = [
        (distances[i, j], labels[i], labels[j]) for i, j in itertools.combinations(range(size), 2)
    ]
    assert list(zip(pairs.distances, pairs.first, pairs.second, strict=True)) == expected
    assert pairs.genuine.tolist() == [d for d, one, other in expected if one == other]
    assert pairs.impostor.tolist() == [d for d, one, other in expected if one != other]
    assert pairs.distances.dtype == np.float64


def test_all_pairs_read_only_what_stands_above_the_diagonal():
    distances = np.full((3, 3), np.nan)
    distances[0, 1], distances[0, 2], distances[1, 2] = 1, 2, 3
    assert all_pairs(distances, np.array([0, 0, 1])).distances.tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("shape", "labels"),
    [((3, 3), [0, 1]), ((2, 3), [0, 1]), ((3,), [0, 1, 2]), ((4, 4), [[0, 1], [2, 3]])],
)
def test_all_pairs_of_shapes_that_do_not_agree_are_refused(shape, labels):
    with pytest.raises(ValueError, match=r"`distances` must be a square matrix.*Received: dist"):
        all_pairs(np.zeros(shape), np.array(labels))


def test_concatenated_pairs_stand_in_the_given_order():
    parts = [
        Pairs(np.array([1.0, 2.0]), np.array([0, 1]), np.array([0, 2])),
        Pairs(np.array([3.0]), np.array([5]), np.array([5])),
    ]
    joined = concatenate_pairs(parts)
    rows = [
        row for part in parts for row in zip(part.distances, part.first, part.second, strict=True)
    ]
    assert list(zip(joined.distances, joined.first, joined.second, strict=True)) == rows
    assert (joined.genuine.tolist(), joined.impostor.tolist()) == ([1, 3], [2])


def test_concatenating_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        concatenate_pairs([])


@pytest.mark.parametrize("value", [error_rates([1], [2]), all_pairs(np.zeros((2, 2)), [0, 1])])
def test_results_cannot_be_reassigned(value):
    name = "fmr" if isinstance(value, ErrorRates) else "distances"
    with pytest.raises(AttributeError, match="cannot assign"):
        setattr(value, name, None)
