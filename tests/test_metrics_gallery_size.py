import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.recognition import fpir_by_gallery_size, rank1_error_by_gallery_size


@st.composite
def photos(draw, at_least=1):
    """Distances between photos of two to four people, with ties, in any order of the labels."""
    sizes = draw(st.lists(st.integers(at_least, 3), min_size=2, max_size=4))
    labels = [person for person, size in enumerate(sizes) for _ in range(size)]
    labels = draw(st.permutations(labels))
    seed = draw(st.integers(0, 10**6))
    distances = np.random.default_rng(seed).integers(0, 6, size=(len(labels),) * 2)
    return distances, np.array(labels)


def galleries(labels, people, size):
    """Every choice of `size` of the people, and of one photo of each."""
    for chosen in itertools.combinations(people, size):
        yield from itertools.product(*(np.flatnonzero(labels == person) for person in chosen))


def mean_over_galleries(labels, people, size, errs):
    """Mean over the subsets of people of the mean over their photos: all choices weigh by that."""
    means = []
    for chosen in itertools.combinations(people, size):
        results = [errs(gallery) for gallery in galleries(labels, chosen, size)]
        means.append(np.mean(results))
    return np.mean(means)


def fpir_by_hand(distances, labels, threshold):
    people = sorted(set(labels.tolist()))
    table = np.empty((len(labels), len(people)))
    for photo, label in enumerate(labels):
        others = [person for person in people if person != label]
        for size in range(len(people)):
            table[photo, size] = mean_over_galleries(
                labels,
                others,
                size,
                lambda gallery, row=distances[photo]: any(row[i] <= threshold for i in gallery),
            )
    return table


def rank1_error_by_hand(distances, labels):
    people = sorted(set(labels.tolist()))
    table = np.empty((len(labels), len(people)))
    for photo, label in enumerate(labels):
        own = [i for i in np.flatnonzero(labels == label) if i != photo]
        others = [person for person in people if person != label]
        row = distances[photo]
        for size in range(1, len(people) + 1):
            table[photo, size - 1] = np.mean(
                [
                    mean_over_galleries(
                        labels,
                        others,
                        size - 1,
                        lambda gallery, row=row, mate=mate: any(
                            row[i] <= row[mate] for i in gallery
                        ),
                    )
                    for mate in own
                ]
            )
    return table


@settings(max_examples=60)
@given(photos(), st.integers(-1, 6))
def test_fpir_agrees_with_trying_every_gallery(case, threshold):
    np.testing.assert_allclose(
        fpir_by_gallery_size(*case, threshold), fpir_by_hand(*case, threshold), atol=1e-12
    )


@settings(max_examples=60)
@given(photos(at_least=2))
def test_rank1_error_agrees_with_trying_every_gallery(case):
    np.testing.assert_allclose(
        rank1_error_by_gallery_size(*case), rank1_error_by_hand(*case), atol=1e-12
    )


@pytest.mark.parametrize("num_matching", [0, 1, 2, 4])
def test_equal_match_probabilities_give_daugmans_formula(num_matching):
    """Of the four photos of each of 40 others, the same number is near to a stranger's photo."""
    labels = np.repeat(np.arange(41), 4)
    distances = np.tile(np.where(np.arange(4) < num_matching, 0.0, 1.0), (164, 41))
    expected = 1 - (1 - num_matching / 4) ** np.arange(41)
    for row in fpir_by_gallery_size(distances, labels, 0.5):
        np.testing.assert_allclose(row, expected, atol=1e-12)


@given(photos(), st.integers(-1, 6))
def test_fpir_grows_with_the_gallery_from_zero(case, threshold):
    fpir = fpir_by_gallery_size(*case, threshold)
    assert (fpir[:, 0] == 0).all()
    assert (np.diff(fpir, axis=1) >= -1e-12).all()
    assert fpir.min() >= -1e-12
    assert fpir.max() <= 1 + 1e-12


@given(photos(at_least=2))
def test_rank1_error_grows_with_the_gallery_from_zero(case):
    errors = rank1_error_by_gallery_size(*case)
    assert (errors[:, 0] == 0).all()
    assert (np.diff(errors, axis=1) >= -1e-12).all()
    assert errors.max() <= 1 + 1e-12


def test_large_galleries_give_probabilities():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(80), 2)
    distances = rng.uniform(size=(160, 160))
    for threshold in (-1, 0.01, 0.5, 2):
        fpir = fpir_by_gallery_size(distances, labels, threshold)
        assert fpir.shape == (160, 80)
        assert fpir.min() >= 0
        assert fpir.max() <= 1


def test_string_labels_are_people():
    distances = np.random.default_rng(1).uniform(size=(6, 6))
    numbers, names = np.array([0, 0, 1, 1, 2, 2]), np.array(["a", "a", "b", "b", "c", "c"])
    for function in (rank1_error_by_gallery_size, lambda d, y: fpir_by_gallery_size(d, y, 0.4)):
        np.testing.assert_array_equal(function(distances, numbers), function(distances, names))


def test_the_diagonal_is_never_read():
    distances = np.random.default_rng(2).uniform(size=(6, 6))
    labels = np.array([0, 0, 1, 1, 2, 2])
    far = distances.copy()
    np.fill_diagonal(far, 1e9)
    np.testing.assert_array_equal(
        rank1_error_by_gallery_size(distances, labels), rank1_error_by_gallery_size(far, labels)
    )
    np.testing.assert_array_equal(
        fpir_by_gallery_size(distances, labels, 0.4), fpir_by_gallery_size(far, labels, 0.4)
    )


BOTH = [rank1_error_by_gallery_size, lambda d, y: fpir_by_gallery_size(d, y, 0.5)]


@pytest.mark.parametrize("function", BOTH)
@pytest.mark.parametrize(
    ("shape", "labels"),
    [((4, 4), [0, 0, 1]), ((4, 3), [0, 0, 1, 1]), ((16,), [0, 0, 1, 1]), ((0, 0), [])],
)
def test_shapes_that_do_not_agree_are_refused(function, shape, labels):
    with pytest.raises(ValueError, match=r"`distances` must be a square matrix.*Received: dist"):
        function(np.zeros(shape), np.array(labels))


@pytest.mark.parametrize("function", BOTH)
def test_a_single_person_is_refused(function):
    with pytest.raises(ValueError, match=r"at least two people.*3 labels, 1 people"):
        function(np.zeros((3, 3)), np.array([5, 5, 5]))


@pytest.mark.parametrize("function", BOTH)
def test_nan_is_refused(function):
    distances = np.zeros((4, 4))
    distances[1, 2] = np.nan
    with pytest.raises(ValueError, match="`distances` must not hold NaN"):
        function(distances, np.array([0, 0, 1, 1]))


def test_a_person_with_a_single_photo_has_no_rank():
    with pytest.raises(ValueError, match="at least two photos of every person"):
        rank1_error_by_gallery_size(np.zeros((3, 3)), np.array([0, 0, 1]))
