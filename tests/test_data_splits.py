import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_utils.data import split_by_identity


@st.composite
def labels_and_sizes(draw):
    """Labels of people with one or more photos in any order, and numbers that add up to them."""
    label = draw(st.sampled_from([st.integers(-50, 50), st.text(max_size=4)]))
    labels = draw(st.lists(label, min_size=1, max_size=30))
    num_people = len(set(labels))
    cuts = draw(st.sets(st.integers(1, num_people - 1))) if num_people > 1 else set()
    ends = [0, *sorted(cuts), num_people]
    return labels, [end - start for start, end in itertools.pairwise(ends)]


@given(labels_and_sizes(), st.integers(0, 2**32))
def test_parts_share_no_photo_and_no_person_and_cover_all(case, seed):
    labels, sizes = case
    parts = split_by_identity(np.array(labels), sizes, seed=seed)
    people = [{labels[index] for index in part} for part in parts]
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(labels)))
    assert [len(group) for group in people] == sizes
    assert len(set().union(*people)) == sum(sizes)


@given(labels_and_sizes(), st.integers(0, 2**32))
def test_indices_are_ascending_int64(case, seed):
    for part in split_by_identity(np.array(case[0]), case[1], seed=seed):
        assert part.dtype == np.int64
        assert part.tolist() == sorted(part.tolist())


@given(labels_and_sizes(), st.integers(0, 2**32))
def test_the_same_seed_gives_the_same_split(case, seed):
    first, second = (split_by_identity(np.array(case[0]), case[1], seed=seed) for _ in range(2))
    assert [part.tolist() for part in first] == [part.tolist() for part in second]


def test_another_seed_gives_another_split():
    labels = np.repeat(np.arange(40), 10)
    splits = {split_by_identity(labels, (20, 20), seed=seed)[0].tobytes() for seed in range(10)}
    assert len(splits) == 10


def test_the_split_of_the_people_does_not_depend_on_the_order_of_the_photos():
    labels = np.repeat(np.arange(10), 3)
    shuffled = np.random.default_rng(1).permutation(labels)
    for part, other in zip(
        split_by_identity(labels, (4, 6), seed=5),
        split_by_identity(shuffled, (4, 6), seed=5),
        strict=True,
    ):
        assert set(labels[part]) == set(shuffled[other])


def test_everybody_is_as_likely_in_every_part():
    labels = np.arange(4)
    dealt = [split_by_identity(labels, (1, 3), seed=seed)[0][0] for seed in range(2000)]
    np.testing.assert_allclose(np.bincount(dealt) / 2000, 0.25, atol=0.04)


def test_one_part_holds_everything():
    (part,) = split_by_identity(["b", "a", "b"], (2,))
    assert part.tolist() == [0, 1, 2]


def test_a_list_of_names_is_accepted():
    train, test = split_by_identity(["ann", "bob", "ann", "eve"], [2, 1], seed=3)
    names = np.array(["ann", "bob", "ann", "eve"])
    assert not set(names[train]) & set(names[test])


def test_the_labels_are_not_modified():
    labels = np.array([3, 1, 3, 2])
    split_by_identity(labels, (1, 2))
    np.testing.assert_array_equal(labels, [3, 1, 3, 2])


@pytest.mark.parametrize("sizes", [(), (2,), (4,), (2, 2), (3, 0), (-1, 4), (0.5, 0.5)])
def test_numbers_that_do_not_add_up_to_all_people_are_refused(sizes):
    with pytest.raises(ValueError, match=r"`num_identities`.*all 3 people\. Received"):
        split_by_identity(np.array([0, 0, 1, 2]), sizes)


def test_fractional_numbers_of_people_are_refused():
    with pytest.raises((ValueError, TypeError), match="num_identities"):
        split_by_identity(np.array([0, 0, 1, 2]), (1.5, 2.9))


@pytest.mark.parametrize("labels", [[], [[0, 1], [2, 3]], 5])
def test_labels_that_are_no_vector_are_refused(labels):
    with pytest.raises(ValueError, match=r"`labels` must be a vector.*Received: labels\.shape"):
        split_by_identity(labels, (1,))
