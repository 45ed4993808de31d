import itertools

import numpy as np
import pytest

from course_utils.recognition import (
    Interval,
    Pairs,
    all_pairs,
    bootstrap_mean,
    bootstrap_pairs,
    concatenate_pairs,
    equal_error_rate,
    mean_interval,
)


def eer(genuine, impostor):
    return equal_error_rate(genuine, impostor).rate


def mean_gap(genuine, impostor):
    return np.mean(impostor) - np.mean(genuine)


def clustered_pairs(num_people=12, photos=6, seed=0):
    """Pairs of one-dimensional photos; people differ in how much their own photos vary."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(num_people), photos)
    spread = np.repeat(rng.uniform(0.05, 2, num_people), photos)
    x = 2 * rng.normal(size=num_people)[labels] + spread * rng.normal(size=labels.size)
    return all_pairs(np.abs(x[:, None] - x), labels)


def clustered_values(rng, num_people=30, photos=10):
    """Values that differ much between people and little within one; their true mean is 0."""
    labels = np.repeat(np.arange(num_people), photos)
    return rng.normal(size=num_people)[labels] + 0.2 * rng.normal(size=labels.size), labels


# --- bootstrap_pairs ------------------------------------------------------------------------


def distances_of_duplicated_people(pairs, people):
    """Genuine and impostor distances when a person drawn twice is two people, one by one.

    The two copies are not compared with each other: they would be impostors at distance 0.
    """
    genuine, impostor = [], []
    for person in people:
        for distance, one, other in zip(pairs.distances, pairs.first, pairs.second, strict=True):
            if one == other == person:
                genuine.append(distance)
    for copy, another in itertools.combinations(people, 2):
        for distance, one, other in zip(pairs.distances, pairs.first, pairs.second, strict=True):
            if copy != another and {one, other} == {copy, another}:
                impostor.append(distance)
    return genuine, impostor


def test_samples_follow_the_exact_distribution_over_all_draws_of_people():
    """Four people, 256 equally likely draws; those without a genuine or impostor pair are redrawn.

    "eve" and "zoe" have a single photo, so that some draws of two people have no genuine pair.
    """
    labels = np.array(["ann", "ann", "bob", "bob", "bob", "eve", "zoe"])
    distances = np.random.default_rng(0).uniform(size=(7, 7))
    pairs = all_pairs(distances, labels)
    exact, num_usable = {}, 0
    for people in itertools.product(["ann", "bob", "eve", "zoe"], repeat=4):
        genuine, impostor = distances_of_duplicated_people(pairs, people)
        if genuine and impostor:
            key = round(mean_gap(genuine, impostor), 9)
            exact[key] = exact.get(key, 0) + 1
            num_usable += 1
    assert 1 < len(exact) < num_usable < 256

    samples = bootstrap_pairs(pairs, mean_gap, num_resamples=6000, seed=1).samples
    values, counts = np.unique(np.round(samples, 9), return_counts=True)
    np.testing.assert_allclose(values, sorted(exact), atol=1e-8)
    shares = [exact[value] / num_usable for value in sorted(exact)]
    np.testing.assert_allclose(counts / 6000, shares, atol=0.025)


def test_pairs_of_several_folds_are_resampled_over_all_people():
    """Nobody of fold one was compared with fold two: the copies of such people add no impostor."""
    folds = [clustered_pairs(num_people=4, seed=seed) for seed in (1, 2)]
    folds[1] = Pairs(folds[1].distances, folds[1].first + 4, folds[1].second + 4)
    joined = concatenate_pairs(folds)
    seen = []
    bootstrap_pairs(
        joined, lambda g, i: seen.append((len(g), len(i))) or 0.0, num_resamples=200, seed=3
    )
    num_genuine, num_impostor = np.array(seen[1:]).T
    assert (num_genuine == 8 * 15).all()
    assert len(set(num_impostor)) > 5


def test_the_estimate_is_the_statistic_on_the_data_as_they_are():
    pairs = clustered_pairs()
    interval = bootstrap_pairs(pairs, eer, num_resamples=5)
    assert isinstance(interval, Interval)
    assert interval.estimate == eer(pairs.genuine, pairs.impostor)


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95])
def test_the_interval_holds_the_wanted_share_of_the_samples(confidence):
    interval = bootstrap_pairs(
        clustered_pairs(), mean_gap, num_resamples=400, confidence=confidence
    )
    inside = (interval.samples >= interval.low) & (interval.samples <= interval.high)
    assert inside.mean() == pytest.approx(confidence, abs=0.01)
    below, above = (interval.samples < interval.low).sum(), (interval.samples > interval.high).sum()
    assert abs(below - above) <= 1


def test_drawing_people_gives_a_wider_interval_than_drawing_pairs():
    pairs = clustered_pairs(seed=4)
    rng = np.random.default_rng(0)
    naive = [
        eer(rng.choice(pairs.genuine, pairs.genuine.size), rng.choice(pairs.impostor, 990))
        for _ in range(150)
    ]
    samples = bootstrap_pairs(pairs, eer, num_resamples=150).samples
    assert np.std(samples) > 1.5 * np.std(naive)


def test_the_same_seed_draws_the_same_samples():
    pairs = clustered_pairs()
    one, again, other = (
        bootstrap_pairs(pairs, eer, num_resamples=20, seed=seed) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one.samples, again.samples)
    assert (one.samples != other.samples).any()
    assert one[:3] == again[:3]


def test_two_recognisers_with_one_seed_are_resampled_with_the_same_people():
    pairs = clustered_pairs()
    farther = Pairs(pairs.distances[::-1] + 1, pairs.first[::-1], pairs.second[::-1])
    one, other = (
        bootstrap_pairs(each, lambda g, i: np.mean(g), num_resamples=30, seed=5)
        for each in (pairs, farther)
    )
    np.testing.assert_allclose(other.samples - one.samples, 1)


def test_the_pairs_are_not_modified():
    pairs = clustered_pairs()
    before = pairs.distances.copy()
    bootstrap_pairs(pairs, mean_gap, num_resamples=3)
    np.testing.assert_array_equal(pairs.distances, before)


def pairs_of(distances, first, second):
    return Pairs(np.array(distances), np.array(first), np.array(second))


@pytest.mark.parametrize(
    ("pairs", "error", "words"),
    [
        (pairs_of([], [], []), ValueError, r"`pairs\.distances` is empty"),
        (pairs_of([1.0], [0], [1]), ValueError, r"`pairs\.genuine` is empty"),
        (pairs_of([1.0], [0], [0]), ValueError, r"`pairs\.impostor` is empty"),
        (pairs_of([1.0, np.nan], [0, 0], [0, 1]), ValueError, r"`pairs\.distances`.* NaN"),
        (pairs_of(["a", "b"], [0, 0], [0, 1]), TypeError, "must hold real numbers"),
    ],
)
def test_pairs_that_cannot_be_resampled_are_refused(pairs, error, words):
    with pytest.raises(error, match=words):
        bootstrap_pairs(pairs, eer)


@pytest.mark.parametrize(
    "options",
    [{"num_resamples": 0}, {"confidence": 0}, {"confidence": 1}, {"confidence": np.nan}],
)
def test_options_out_of_range_are_refused(options):
    words = r"`num_resamples` must be positive and `confidence` lie in \(0, 1\)\. Received"
    with pytest.raises(ValueError, match=words):
        bootstrap_pairs(clustered_pairs(), eer, **options)
    with pytest.raises(ValueError, match=words):
        bootstrap_mean([1, 0], [0, 1], **options)


# --- bootstrap_mean -------------------------------------------------------------------------


def test_mean_samples_follow_the_exact_distribution_over_all_draws_of_people():
    """Three people with 1, 2 and 3 photos: 27 equally likely draws."""
    values, labels = np.array([5.0, 1, 2, 0, 7, 11]), np.array(["a", "b", "b", "c", "c", "c"])
    means = [
        round(np.concatenate([values[labels == person] for person in people]).mean(), 9)
        for people in itertools.product("abc", repeat=3)
    ]
    exact, times = np.unique(means, return_counts=True)
    samples = bootstrap_mean(values, labels, num_resamples=6000, seed=2).samples
    found, counts = np.unique(np.round(samples, 9), return_counts=True)
    np.testing.assert_allclose(found, exact, atol=1e-8)
    np.testing.assert_allclose(counts / 6000, times / 27, atol=0.025)


def test_the_interval_of_a_mean_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    intervals = [
        bootstrap_mean(*clustered_values(rng), num_resamples=150, seed=seed) for seed in range(150)
    ]
    covered = np.mean([interval.low <= 0 <= interval.high for interval in intervals])
    assert 0.86 < covered < 0.99


def test_the_interval_of_a_mean_is_as_wide_as_the_theory_of_clusters_says():
    """The variance of the mean over people of equal size is that of their means / their number."""
    values, labels = clustered_values(np.random.default_rng(1))
    theory = values.reshape(30, 10).mean(axis=1).std() / np.sqrt(30)
    assert np.std(bootstrap_mean(values, labels, num_resamples=3000).samples) == pytest.approx(
        theory, rel=0.06
    )


def test_the_estimate_is_the_plain_mean():
    values, labels = clustered_values(np.random.default_rng(2))
    interval = bootstrap_mean(values, labels, num_resamples=5)
    assert interval.estimate == pytest.approx(values.mean(), abs=1e-12)
    assert interval.samples.shape == (5,)


def test_truth_values_count_as_one_and_zero():
    labels = [0, 0, 1, 2]
    found = bootstrap_mean(np.array([True, False, True, True]), labels, num_resamples=20)
    expected = bootstrap_mean([1, 0, 1, 1], labels, num_resamples=20)
    assert found[:3] == expected[:3]
    assert found.estimate == 0.75


def test_means_of_the_same_seed_can_be_subtracted():
    values, labels = clustered_values(np.random.default_rng(3))
    one, other = (bootstrap_mean(v, labels, seed=4).samples for v in (values, 2 * values - 3))
    np.testing.assert_allclose(other, 2 * one - 3)


def test_equal_values_have_an_interval_without_width():
    assert bootstrap_mean([1, 1, 1], [0, 0, 1])[:3] == (1, 1, 1)


@pytest.mark.parametrize(
    ("values", "labels", "words"),
    [
        ([], [], "`values` is empty"),
        ([1, np.nan], [0, 1], "`values` must not hold NaN"),
        ([1, 2], [0, 1, 2], "`values` and `labels` must be vectors of one length. Received: 2 v"),
        ([1, 2], [[0, 1]], "`values` and `labels` must be vectors of one length. Received"),
        ([1, 2], [0, 0], "at least 2 people to resample. Received: 1"),
    ],
)
def test_values_that_cannot_be_resampled_are_refused(values, labels, words):
    with pytest.raises(ValueError, match=words):
        bootstrap_mean(values, labels)


# --- mean_interval --------------------------------------------------------------------------


def interval_of(estimate, samples):
    """Its ends are wrong on purpose: the ends of a mean are no means of ends."""
    return Interval(estimate, -7.0, 7.0, np.array(samples))


def test_the_samples_of_a_mean_of_groups_are_means_of_their_samples():
    """By hand: 2.5 % of the way through the sorted samples 1, 4, 5 is 1 + 0.05 · (4 − 1)."""
    found = mean_interval([interval_of(2, [1, 3, 8.0]), interval_of(5, [7, -1, 2.0])])
    assert isinstance(found, Interval)
    assert found.estimate == 3.5
    np.testing.assert_array_equal(found.samples, [4, 1, 5])
    assert found.low == pytest.approx(1.15, abs=1e-12)
    assert found.high == pytest.approx(4.95, abs=1e-12)


@pytest.mark.parametrize(
    ("confidence", "low", "high"), [(0.5, 5, 15), (0.8, 2, 18), (0.9, 1, 19), (0.95, 0.5, 19.5)]
)
def test_the_ends_of_a_mean_of_groups_are_quantiles(confidence, low, high):
    """The k-th samples k − 1, k − 1 and k + 2 have the mean k: 0 … 20 in another order."""
    samples = np.random.default_rng(0).permutation(21).astype(float)
    groups = [interval_of(0, samples - 1), interval_of(0, samples + 2), interval_of(0, samples - 1)]
    found = mean_interval(groups, confidence=confidence)
    np.testing.assert_allclose([found.low, found.high], [low, high], atol=1e-9)


def test_the_mean_of_one_group_is_its_own_interval():
    values, labels = clustered_values(np.random.default_rng(5))
    for confidence in (0.6, 0.95):
        alone = bootstrap_mean(values, labels, num_resamples=80, confidence=confidence)
        found = mean_interval([alone], confidence=confidence)
        assert found[:3] == alone[:3]
        np.testing.assert_array_equal(found.samples, alone.samples)


def test_four_groups_have_half_the_interval_of_one():
    """Independent groups of one kind: the standard error falls as 1/√4."""
    rng = np.random.default_rng(6)
    groups = [
        bootstrap_mean(*clustered_values(rng), num_resamples=2000, seed=seed) for seed in range(4)
    ]
    widths = [group.high - group.low for group in groups]
    found = mean_interval(groups)
    assert found.estimate == pytest.approx(np.mean([group.estimate for group in groups]))
    expected = np.sqrt(np.mean(np.square(widths))) / 2
    assert found.high - found.low == pytest.approx(expected, rel=0.08)


def test_the_groups_are_not_modified():
    groups = [bootstrap_mean([1, 0, 1], [0, 1, 2], num_resamples=9, seed=seed) for seed in (1, 2)]
    before = [group.samples.copy() for group in groups]
    found = mean_interval(groups)
    found.samples[:] = 9
    for group, samples in zip(groups, before, strict=True):
        np.testing.assert_array_equal(group.samples, samples)


def test_no_group_has_no_mean():
    with pytest.raises(ValueError, match=r"`intervals` must not be empty.*Received: 0 intervals"):
        mean_interval([])


@pytest.mark.parametrize("confidence", [0, 1, -0.1, 95, np.nan])
def test_a_confidence_out_of_range_is_refused(confidence):
    words = rf"`confidence` must lie in \(0, 1\)\. Received: 1 intervals, confidence={confidence}\."
    with pytest.raises(ValueError, match=words):
        mean_interval([interval_of(0, [0.0, 1.0])], confidence=confidence)


@pytest.mark.parametrize("sizes", [(3, 2), (1, 3), (4, 4, 5)], ids=str)
def test_groups_with_other_numbers_of_resamples_are_refused(sizes):
    words = rf"the same number of resamples\. Received: {', '.join(map(str, sizes))}\."
    with pytest.raises(ValueError, match=words):
        mean_interval([interval_of(0, np.zeros(size)) for size in sizes])
