import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_utils.recognition import IdentificationRates, identification_rates

NAMES = ["ann", "bob", "eve", "zoë maria", "x"]


@st.composite
def searches(draw, probes=None):
    """Distances with ties, labels of probes (some strangers) and of a gallery with templates."""
    gallery = draw(st.lists(st.integers(0, 2), min_size=1, max_size=6))
    people = {"mated": sorted(set(gallery)), "strangers": [3, 4], None: [0, 1, 2, 3, 4]}[probes]
    labels = draw(st.lists(st.sampled_from(people), min_size=1, max_size=6))
    number = st.integers(0, 8).map(lambda number: number / 10)
    distances = [[draw(number) for _ in gallery] for _ in labels]
    if draw(st.booleans()):
        labels, gallery = [NAMES[i] for i in labels], [NAMES[i] for i in gallery]
    return distances, labels, gallery


def search_one_by_one(distances, probe_labels, gallery_labels):
    """For each probe: (rank and distance of the mate, or None; distance of the nearest person)."""
    found = []
    for row, label in zip(distances, probe_labels, strict=True):
        nearest = {}
        for distance, person in zip(row, gallery_labels, strict=True):
            nearest[person] = min(distance, nearest.get(person, np.inf))
        mate = None
        if label in nearest:
            rank = 1 + sum(
                nearest[person] <= nearest[label] for person in nearest if person != label
            )
            mate = (rank, nearest[label])
        found.append((mate, min(nearest.values())))
    return found


def counted_rates(found, threshold):
    """(FPIR, FNIR) by counting; NaN for a kind of probe that is missing."""
    strangers = [nearest <= threshold for mate, nearest in found if mate is None]
    missed = [mate[0] > 1 or mate[1] > threshold for mate, _ in found if mate is not None]
    return tuple(sum(errors) / len(errors) if errors else np.nan for errors in (strangers, missed))


@given(searches())
def test_rates_at_every_threshold_agree_with_searching_one_by_one(search):
    found, rates = search_one_by_one(*search), identification_rates(*search)
    for threshold, fpir, fnir in zip(rates.thresholds, rates.fpir, rates.fnir, strict=True):
        np.testing.assert_equal((fpir, fnir), counted_rates(found, threshold))
    assert rates.num_mated == sum(mate is not None for mate, _ in found)
    assert rates.num_nonmated == sum(mate is None for mate, _ in found)


@given(searches(), st.floats(-0.1, 1.0))
def test_rates_at_any_given_threshold_agree_with_searching_one_by_one(search, threshold):
    found, rates = search_one_by_one(*search), identification_rates(*search)
    for value in (threshold, *np.ravel(search[0]), -np.inf, np.inf):
        np.testing.assert_equal(rates.at_threshold(value), counted_rates(found, value))


@given(searches())
def test_rank_rates_agree_with_searching_one_by_one(search):
    ranks = [mate[0] for mate, _ in search_one_by_one(*search) if mate is not None]
    expected = [
        sum(rank <= most for rank in ranks) / len(ranks) if ranks else np.nan
        for most in range(1, len(set(search[2])) + 1)
    ]
    np.testing.assert_allclose(identification_rates(*search).rank_rates, expected)


@given(searches(probes="mated"))
def test_rank_rates_never_fall_and_end_at_one(search):
    rank_rates = identification_rates(*search).rank_rates
    assert (np.diff(rank_rates) >= 0).all()
    assert rank_rates[-1] == 1


@given(searches())
def test_fpir_never_falls_and_fnir_never_rises_with_the_threshold(search):
    rates = identification_rates(*search)
    assert not (np.diff(rates.fpir) < 0).any()
    assert not (np.diff(rates.fnir) > 0).any()
    assert rates.thresholds[0] == -np.inf
    assert (np.diff(rates.thresholds) > 0).all()
    np.testing.assert_equal(rates.fpir[0], 0.0 if rates.num_nonmated else np.nan)
    np.testing.assert_equal(rates.fnir[0], 1.0 if rates.num_mated else np.nan)


@given(searches(probes="mated"))
def test_without_strangers_fpir_is_nan_and_fnir_ends_at_the_rank_one_error(search):
    rates = identification_rates(*search)
    assert np.isnan(rates.fpir).all()
    assert rates.num_nonmated == 0
    assert rates.fnir[-1] == pytest.approx(1 - rates.rank_rates[0])


@given(searches(probes="strangers"))
def test_with_strangers_only_fnir_and_rank_rates_are_nan(search):
    rates = identification_rates(*search)
    assert np.isnan(rates.fnir).all()
    assert np.isnan(rates.rank_rates).all()
    assert (rates.num_mated, rates.fpir[-1]) == (0, 1)


@given(searches(), st.integers(0, 10).map(lambda number: number / 10))
def test_fnir_at_an_fpir_is_the_smallest_of_the_allowed(search, fpir):
    rates = identification_rates(*search)
    if rates.num_nonmated == 0:
        with pytest.raises(ValueError, match=rf"No threshold has an FPIR of at most {fpir}"):
            rates.fnir_at_fpir(fpir)
    elif rates.num_mated:
        found = search_one_by_one(*search)
        pairs = [counted_rates(found, threshold) for threshold in [-1, *np.ravel(search[0])]]
        assert rates.fnir_at_fpir(fpir) == min(fnir for share, fnir in pairs if share <= fpir)


def test_no_threshold_has_a_negative_fpir():
    rates = identification_rates([[1, 2], [3, 4]], [0, 5], [0, 1])
    with pytest.raises(ValueError, match=r"No threshold has an FPIR of at most -0\.1"):
        rates.fnir_at_fpir(-0.1)


def test_ties_count_against_the_person():
    rates = identification_rates([[1, 1, 2]], ["bob"], ["ann", "bob", "eve"])
    assert rates.rank_rates.tolist() == [0, 1, 1]
    assert rates.fnir.tolist() == [1, 1]


def test_the_nearest_of_several_templates_counts():
    rates = identification_rates([[9, 2, 3]], ["ann"], ["ann", "bob", "ann"])
    assert rates.rank_rates.tolist() == [0, 1]
    assert identification_rates([[9, 4, 3]], ["ann"], ["ann", "bob", "ann"]).rank_rates[0] == 1


def test_templates_of_one_person_may_stand_apart_and_in_any_order():
    distances, probes = np.array([[3, 1, 2, 5], [4, 4, 1, 0]]), [1, 2]
    gallery, order = np.array([1, 0, 1, 2]), [2, 3, 0, 1]
    one = identification_rates(distances, probes, gallery)
    other = identification_rates(distances[:, order], probes, gallery[order])
    np.testing.assert_array_equal(one.rank_rates, other.rank_rates)
    np.testing.assert_array_equal(one.fnir, other.fnir)


def test_a_probe_whose_name_sorts_behind_the_gallery_is_a_stranger():
    rates = identification_rates([[1, 2]], ["zoë"], ["ann", "bob"])
    assert (rates.num_mated, rates.num_nonmated) == (0, 1)


def test_a_gallery_of_one_template_and_a_single_probe():
    rates = identification_rates([[0.5]], [7], [7])
    assert isinstance(rates, IdentificationRates)
    assert rates.rank_rates.tolist() == [1]
    assert rates.at_threshold(0.4)[1] == 1
    assert rates.at_threshold(0.5)[1] == 0


def test_a_threshold_that_is_nan_is_refused():
    rates = identification_rates([[1, 2], [3, 4]], [0, 5], [0, 1])
    with pytest.raises(ValueError, match="threshold"):
        rates.at_threshold(np.nan)


@pytest.mark.parametrize(
    ("shape", "probes", "gallery"),
    [((2, 3), [0, 1, 2], [0, 1]), ((2, 3), [0, 1], [0, 1]), ((6,), [0, 1], [0, 1, 2])],
)
def test_shapes_that_do_not_agree_are_refused(shape, probes, gallery):
    with pytest.raises(
        ValueError, match=r"a row for each probe and a column for each template\. R"
    ):
        identification_rates(np.zeros(shape), probes, gallery)


@pytest.mark.parametrize(("num_probes", "num_templates"), [(0, 2), (2, 0), (0, 0)])
def test_no_probes_or_no_templates_are_refused(num_probes, num_templates):
    with pytest.raises(ValueError, match="`distances` is empty"):
        identification_rates(
            np.zeros((num_probes, num_templates)), [0] * num_probes, [0] * num_templates
        )


@pytest.mark.parametrize(
    ("distances", "error", "words"),
    [
        ([[1, np.nan]], ValueError, "must not hold NaN. Received: 1 of 2"),
        ([["a", "b"]], TypeError, "must hold real numbers. Received: dtype <U1"),
        ([[True, False]], TypeError, "must hold real numbers. Received: dtype bool"),
    ],
)
def test_distances_that_are_no_numbers_are_refused(distances, error, words):
    with pytest.raises(error, match=f"`distances` {words}"):
        identification_rates(distances, [0], [0, 1])
