from collections import Counter

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_utils.recognition.training import BalancedBatches, PairBatches

NAMES = np.array(["dan", "ann", "cem", "bob", "eve"])
COUNTS = (4, 3, 6, 2, 1)  # photos of each


def album(counts=COUNTS, names=NAMES, seed=0):
    """Photos in any order whose value is their position, and the names on them."""
    labels = np.random.default_rng(seed).permutation(np.repeat(names[: len(counts)], counts))
    return np.arange(len(labels), dtype="float32")[:, None, None, None] * np.ones((2, 3, 1)), labels


def positions(images):
    """Which photos of the album these are."""
    assert images.shape[1:] == (2, 3, 1)
    assert (images == images[:, :1, :1]).all()
    return images[:, 0, 0, 0].astype(int)


def same_batch(one, other):
    """Whether two batches, of photos or of pairs, hold the same numbers."""
    flat_one, flat_other = keras.tree.flatten(one), keras.tree.flatten(other)
    return all(np.array_equal(a, b) for a, b in zip(flat_one, flat_other, strict=True))


def balanced(images=None, labels=None, **options):
    photos = album() if images is None else (images, labels)
    defaults = {"num_people": 3, "photos_per_person": 2, "batches_per_epoch": 4}
    return BalancedBatches(*photos, **defaults | options)


def pairs(images=None, labels=None, **options):
    photos = album() if images is None else (images, labels)
    return PairBatches(*photos, **{"num_pairs": 6, "batches_per_epoch": 4} | options)


BOTH = pytest.mark.parametrize("build", [balanced, pairs])


class TestBalancedBatches:
    @given(
        st.lists(st.integers(1, 6), min_size=2, max_size=6),
        st.integers(2, 4),
        st.integers(0, 2**32),
        st.data(),
    )
    def test_a_batch_holds_p_people_with_k_photos_each_and_says_who_they_are(
        self, counts, photos_per_person, seed, data
    ):
        names = np.array(list("fbdace"))
        images, labels = album(counts, names, seed)
        num_people = data.draw(st.integers(2, len(counts)))
        batches = BalancedBatches(
            images,
            labels,
            num_people=num_people,
            photos_per_person=photos_per_person,
            seed=seed,
        )
        chosen, classes = batches[data.draw(st.integers(0, 19))]
        index = positions(chosen)
        assert chosen.shape == (num_people * photos_per_person, 2, 3, 1)
        assert classes.shape == (num_people * photos_per_person,)
        assert batches.people[classes].tolist() == labels[index].tolist()
        assert set(Counter(classes.tolist()).values()) == {photos_per_person}
        assert len(set(classes.tolist())) == num_people
        for person in np.unique(classes):
            photos = index[classes == person]
            if (labels == batches.people[person]).sum() >= photos_per_person:
                assert len(set(photos)) == photos_per_person

    def test_the_photos_of_a_person_with_too_few_come_again(self):
        batches = balanced(num_people=5, photos_per_person=4)
        index, classes = positions(batches[0][0]), batches[0][1]
        eve = index[classes == batches.people.tolist().index("eve")]
        assert len(eve) == 4
        assert len(set(eve)) == 1

    def test_people_are_ascending_and_labels_are_integers(self):
        batches = balanced()
        assert batches.people.tolist() == ["ann", "bob", "cem", "dan", "eve"]
        assert batches[0][1].dtype == np.int32

    def test_integer_labels_with_gaps_are_mapped_too(self):
        images, labels = album(names=np.array([70, -3, 5, 9, 41]))
        batches = BalancedBatches(images, labels, num_people=3, photos_per_person=2)
        assert batches.people.tolist() == [-3, 5, 9, 41, 70]
        chosen, classes = batches[3]
        np.testing.assert_array_equal(batches.people[classes], labels[positions(chosen)])

    def test_everybody_comes_equally_often_and_so_does_each_of_their_photos(self):
        images, labels = album()
        batches = balanced(photos_per_person=2, batches_per_epoch=1000)
        index = np.concatenate([positions(batches[i][0]) for i in range(1000)])
        shares = np.bincount(index, minlength=len(images)) / len(index)
        for name, count in zip(NAMES, COUNTS, strict=True):
            assert abs(shares[labels == name].sum() - 1 / 5) < 0.02
            np.testing.assert_allclose(shares[labels == name], 1 / 5 / count, rtol=0.2)

    def test_whoever_comes_first_in_a_batch_is_drawn_too(self):
        batches = balanced(num_people=5, batches_per_epoch=500)
        first = Counter(int(batches[i][1][0]) for i in range(500))
        assert set(first) == set(range(5))
        assert min(first.values()) > 60

    @pytest.mark.parametrize("num_people", [1, 0, 6, -2])
    def test_too_few_or_too_many_people_are_refused(self, num_people):
        words = rf"`num_people` must lie between 2 and the 5 people.*num_people={num_people}\."
        with pytest.raises(ValueError, match=words):
            balanced(num_people=num_people)

    @pytest.mark.parametrize("photos", [1, 0, -1])
    def test_a_person_without_a_positive_is_refused(self, photos):
        words = rf"`photos_per_person` must be at least 2.*photos_per_person={photos}\."
        with pytest.raises(ValueError, match=words):
            balanced(photos_per_person=photos)


class TestPairBatches:
    @given(
        st.lists(st.integers(1, 5), min_size=2, max_size=6).filter(lambda counts: max(counts) > 1),
        st.integers(1, 5),
        st.integers(1, 5),
        st.integers(0, 2**32),
    )
    def test_genuine_pairs_are_two_photos_of_one_person_and_impostors_are_of_two_people(
        self, counts, num_genuine, num_impostor, seed
    ):
        images, labels = album(counts, np.array(list("fbdace")), seed)
        num_pairs = num_genuine + num_impostor
        (first, second), same = PairBatches(
            images, labels, num_pairs=num_pairs, genuine_share=num_genuine / num_pairs, seed=seed
        )[3]
        first, second = positions(first), positions(second)
        assert len(first) == len(second) == len(same) == num_pairs
        assert same.dtype == np.float32
        assert sorted(same.tolist()) == [0] * num_impostor + [1] * num_genuine
        np.testing.assert_array_equal(labels[first] == labels[second], same == 1)
        assert (first != second).all()

    def test_half_are_genuine_unless_it_is_said(self):
        assert [PairBatches(*album(), num_pairs=n)[0][1].sum() for n in (2, 6, 40)] == [1, 3, 20]
        assert PairBatches(*album())[0][1].shape == (40,)

    @pytest.mark.parametrize(
        ("num_pairs", "share", "num_genuine"), [(40, 0.1, 4), (10, 0.27, 3), (10, 0.94, 9)]
    )
    def test_the_share_is_rounded_to_whole_pairs(self, num_pairs, share, num_genuine):
        same = pairs(num_pairs=num_pairs, genuine_share=share)[0][1]
        assert len(same) == num_pairs
        assert same.sum() == num_genuine

    def test_genuine_pairs_are_uniform_over_the_people_who_have_two_photos(self):
        labels, first, _, same = self.many_pairs()
        people = Counter(labels[first[same == 1]].tolist())
        assert set(people) == {"ann", "bob", "cem", "dan"}
        np.testing.assert_allclose(np.array(list(people.values())) / 3000, 1 / 4, atol=0.03)

    def test_impostor_pairs_are_uniform_over_the_pairs_of_people(self):
        labels, first, second, same = self.many_pairs()
        people = Counter(zip(labels[first[same == 0]], labels[second[same == 0]], strict=True))
        assert len(people) == 20
        np.testing.assert_allclose(np.array(list(people.values())) / 3000, 1 / 20, atol=0.015)

    def test_each_photo_of_a_person_comes_equally_often_on_either_side(self):
        labels, first, second, same = self.many_pairs()
        cem = np.flatnonzero(labels == "cem")
        for kind in (same == 0, same == 1):
            for side in (first, second):
                photos = Counter(side[kind & np.isin(side, cem)].tolist())
                assert set(photos) == set(cem)
                shares = np.array(list(photos.values())) / photos.total()
                np.testing.assert_allclose(shares, 1 / 6, atol=0.06)

    @staticmethod
    def many_pairs():
        _, labels = album()
        batches = pairs(num_pairs=200, batches_per_epoch=30)
        parts = [batches[i] for i in range(30)]
        first, second = (
            np.concatenate([positions(photos[side]) for photos, _ in parts]) for side in (0, 1)
        )
        return labels, first, second, np.concatenate([same for _, same in parts])

    @pytest.mark.parametrize(
        ("num_pairs", "share"),
        [(0, 0.5), (1, 0.5), (-2, 0.5), (40, 0.0), (40, 1.0), (40, -0.5), (40, 1.5), (4, 0.1)],
    )
    def test_a_batch_without_a_pair_of_either_kind_is_refused(self, num_pairs, share):
        words = (
            r"`num_pairs` and `genuine_share` must leave a pair of either kind\. "
            rf"Received: num_pairs={num_pairs}, genuine_share={share}\."
        )
        with pytest.raises(ValueError, match=words):
            pairs(num_pairs=num_pairs, genuine_share=share)

    @pytest.mark.parametrize(
        ("labels", "num_people"), [("aaa", 1), ("abc", 3), ("a", 1), ("", 0)], ids=str
    )
    def test_labels_without_genuine_or_impostor_pairs_are_refused(self, labels, num_people):
        words = rf"`labels` must hold two people.*Received: {num_people} people\."
        with pytest.raises(ValueError, match=words):
            PairBatches(np.zeros((len(labels), 2, 3, 1)), np.array(list(labels)))


@BOTH
class TestBoth:
    def test_a_batch_depends_on_seed_epoch_and_number_only(self, build):
        batches, other = build(seed=3), build(seed=3)
        expected = [batches[i] for i in range(4)]
        np.random.default_rng().random()
        for number in (2, 0, 0, 3, 1):
            assert same_batch(other[number], expected[number])
        for counted in (batches, other):
            counted.epoch = 7
        assert same_batch(batches[2], other[2])
        other.epoch = 0
        assert same_batch(other[2], expected[2])

    def test_seed_epoch_and_number_all_make_a_difference(self, build):
        found = []
        large = {"num_pairs": 20} if build is pairs else {"num_people": 5, "photos_per_person": 4}
        for seed in (0, 1, 2):
            batches = build(seed=seed, **large)
            for _ in range(3):
                found += [batches[number] for number in range(4)]
                batches.on_epoch_end()
        assert len(found) == 36
        assert not any(same_batch(a, b) for i, a in enumerate(found) for b in found[:i])

    def test_everybody_and_all_photos_that_can_come_do_come_in_a_long_epoch(self, build):
        _, labels = album()
        batches = build(batches_per_epoch=100)
        photos = [keras.tree.flatten(batches[i][0]) for i in range(len(batches))]
        index = {int(i) for parts in photos for part in parts for i in positions(part)}
        assert index == set(range(len(labels)))

    def test_an_epoch_has_the_given_length(self, build):
        assert len(build(batches_per_epoch=7)) == 7

    def test_the_epochs_are_counted(self, build):
        batches = build()
        assert batches.epoch == 0
        batches.on_epoch_end()
        batches.on_epoch_end()
        assert batches.epoch == 2

    def test_names_may_be_a_list(self, build):
        images, labels = album()
        plain, listed = (build(images, given) for given in (labels, list(labels)))
        assert same_batch(plain[0], listed[0])

    def test_photos_are_changed_in_copies_of_their_own(self, build):
        images, labels = album()

        def negative(chosen, rng):
            chosen *= -1
            chosen -= rng.random()
            return chosen

        changing = build(images, labels, augment=negative)
        plain = build(images, labels)
        first = changing[0]
        np.testing.assert_array_equal(images, album()[0])
        plain_photos = keras.tree.flatten(plain[0][0])
        for photos, before in zip(keras.tree.flatten(first[0]), plain_photos, strict=True):
            added = photos + before
            np.testing.assert_allclose(added, added.flat[0], atol=1e-6)
            assert -1 < added.min() < 0
        np.testing.assert_array_equal(first[1], plain[0][1])
        assert same_batch(changing[0], first)
        assert not same_batch(changing[1], first)

    def test_without_augmentation_a_batch_is_a_copy_too(self, build):
        images, labels = album()
        batches = build(images, labels)
        for part in keras.tree.flatten(batches[0][0]):
            assert not np.shares_memory(part, batches.images)

    def test_the_draws_of_the_augmentation_are_new_in_each_batch_and_epoch(self, build):
        drawn = []

        def record(chosen, rng):
            drawn.append(rng.random())
            return chosen

        batches = build(augment=record)
        for _ in range(2):
            for number in range(4):
                batches[number]
            batches.on_epoch_end()
        assert len(drawn) == (16 if build is pairs else 8)
        assert len(set(drawn)) == len(drawn)

    @pytest.mark.parametrize("labels", ["abcab", "abcabca", ""])
    def test_another_number_of_labels_than_images_is_refused(self, build, labels):
        words = rf"`labels` must hold one identity.*6 images, labels\.shape=\({len(labels)},\)\."
        with pytest.raises(ValueError, match=words):
            build(np.zeros((6, 2, 3, 1)), np.array(list(labels)))

    def test_labels_in_a_column_are_refused(self, build):
        with pytest.raises(ValueError, match=r"`labels` must hold .*labels\.shape=\(6, 1\)\."):
            build(np.zeros((6, 2, 3, 1)), np.arange(6)[:, None] // 2)

    @pytest.mark.parametrize("number", [0, -1])
    def test_an_epoch_without_batches_is_refused(self, build, number):
        words = rf"`batches_per_epoch` must be at least 1\. Received: {number}\."
        with pytest.raises(ValueError, match=words):
            build(batches_per_epoch=number)

    def test_fit_takes_every_batch_of_every_epoch_once(self, build):
        batches, seen = build(batches_per_epoch=3), []
        model = recording_model(two_inputs=build is pairs, seen=seen)
        model.fit(batches, epochs=2, shuffle=False, verbose=0)
        expected = build(batches_per_epoch=3)
        expected.epoch = batches.epoch - 2  # Keras may count up once before it begins
        assert expected.epoch >= 0
        assert len(seen) == 6
        for number, batch in enumerate(seen):
            assert same_batch(batch, expected[number % 3])
            if number == 2:
                expected.on_epoch_end()


def recording_model(*, two_inputs, seen):
    """A model that writes down the batches that `fit` gives it, in order."""

    class Recording(keras.Model):
        def train_step(self, data):
            seen.append(keras.tree.map_structure(lambda part: part.numpy(), data))
            return super().train_step(data)

    inputs = [keras.Input((2, 3, 1)) for _ in range(1 + two_inputs)]
    dense = keras.layers.Dense(1)
    outputs = [dense(keras.layers.Flatten()(part)) for part in inputs]
    model = Recording(
        inputs if two_inputs else inputs[0],
        keras.layers.Subtract()(outputs) if two_inputs else outputs[0],
    )
    model.compile("sgd", "mean_squared_error", run_eagerly=True)
    return model
