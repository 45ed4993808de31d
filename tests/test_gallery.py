import math
import random
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from course_utils.recognition import (
    EncoderIdentity,
    Gallery,
    Identification,
    InsufficientPairsWarning,
    Match,
    Threshold,
    Verification,
    threshold_at_fmr,
)
from course_utils.recognition.gallery import search, templates

DIM = 4
ENCODER = EncoderIdentity("test encoder", "0123456789abcdef", DIM)
THRESHOLD = Threshold(1.0, 0.01, 300, "ten other people")


class PhotoEncoder:
    """Encodes a photo by its size and mean; counts its calls."""

    name, checksum, embedding_dim = "sizes", "v1", DIM

    def __init__(self):
        self.calls = []

    def __call__(self, photos):
        self.calls.append(len(photos))
        rows = []
        for photo in photos:
            if isinstance(photo, np.ndarray):
                rows.append([*photo.shape[:2], photo.ndim, photo.mean()])
            elif "bad" in str(photo):
                raise ValueError(f"{photo} shows no face")
            else:
                rows.append([len(str(photo)), 0, 0, 0])
        return np.array(rows, np.float32)


def gallery_of(embeddings, names, *, rule="nearest", threshold=None):
    """A gallery with embedding i enrolled under name i."""
    gallery = Gallery(
        EncoderIdentity("test", "0", embeddings.shape[1]), rule=rule, threshold=threshold
    )
    for name, embedding in zip(names, embeddings, strict=True):
        gallery.enroll(name, embedding)
    return gallery


def expected_ranking(embeddings, names, probe, rule):
    """[(name, distance)] in float64 by SciPy; of equals, who was enrolled first."""
    distances = cdist(
        np.asarray(embeddings, np.float32).astype(float), np.float32(probe).astype(float)[None]
    )[:, 0]
    own = {}
    for name, distance in zip(names, distances, strict=True):
        own.setdefault(name, []).append(distance)
    reduce = min if rule == "nearest" else np.mean
    return sorted(((n, reduce(d)) for n, d in own.items()), key=lambda match: match[1])


def assert_ranked(candidates, expected):
    assert [match.name for match in candidates] == [name for name, _ in expected]
    np.testing.assert_allclose(
        [match.distance for match in candidates], [d for _, d in expected], rtol=1e-12, atol=1e-300
    )


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of five rows, so that a few templates fill several."""
    monkeypatch.setattr(templates, "BLOCK_ROWS", 5)
    monkeypatch.setattr(templates, "FIRST_BLOCK_ROWS", 2)
    monkeypatch.setattr(search, "ROWS_AT_ONCE", 3)
    monkeypatch.setattr(search, "FEW_ROWS", 4)
    monkeypatch.setattr(search, "PROBES_AT_ONCE", 2)


class TestEnrolling:
    def test_it_returns_how_many_templates_the_person_has(self):
        gallery = Gallery(ENCODER)
        assert gallery.enroll("Ann", np.zeros(DIM)) == 1
        assert gallery.enroll("Bob", np.ones((2, DIM), np.float16)) == 2
        assert gallery.enroll("Ann", np.ones((3, DIM))) == 4
        assert dict(gallery.people) == {"Ann": 4, "Bob": 2}
        assert list(gallery.people) == ["Ann", "Bob"]
        assert (len(gallery), gallery.num_templates) == (2, 6)
        assert "Ann" in gallery
        assert "Carl" not in gallery
        assert 7 not in gallery

    def test_embeddings_are_kept_as_float32_in_order(self):
        gallery, values = Gallery(ENCODER), np.random.default_rng(0).normal(size=(5, DIM))
        gallery.enroll("Ann", values[:2])
        gallery.enroll("Bob", values[2])
        gallery.enroll("Ann", values[3:])
        found = gallery.embeddings("Ann")
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, values[[0, 1, 3, 4]].astype(np.float32))

    def test_neither_what_was_given_nor_what_is_returned_is_the_gallerys_own(self):
        gallery, given_values = Gallery(ENCODER), np.zeros(DIM, np.float32)
        gallery.enroll("Ann", given_values)
        given_values[:] = 9
        gallery.embeddings("Ann")[:] = 9
        with pytest.raises(TypeError):
            gallery.people["Bob"] = 3
        assert gallery.embeddings("Ann").tolist() == [[0] * DIM]

    def test_names_are_composed_and_without_space_around(self):
        gallery = Gallery(ENCODER)
        gallery.enroll("  Zoé ", np.zeros(DIM))
        gallery.enroll("Zoe\u0301", np.zeros(DIM))
        gallery.enroll("王小明", np.zeros(DIM))
        assert dict(gallery.people) == {"Zoé": 2, "王小明": 1}
        assert "Zoe\u0301 " in gallery

    @pytest.mark.parametrize("name", ["x" * 200, "a\u200cb", "😀", 'O\'Neil, "Jr."\\'])
    def test_unusual_names_are_accepted(self, name):
        gallery = Gallery(ENCODER)
        gallery.enroll(name, np.zeros(DIM))
        assert list(gallery.people) == [name]

    @pytest.mark.parametrize("name", ["", "  ", "x" * 201, "x" * 100 + "é" * 101])
    def test_a_name_has_1_to_200_characters(self, name):
        words = r"`name` must have 1 to 200 characters\. Received: .*, \d+ characters\."
        with pytest.raises(ValueError, match=words):
            Gallery(ENCODER).enroll(name, np.zeros(DIM))

    @pytest.mark.parametrize("name", ["a\nb", "a\0", "a\tb", "a\u2028b", "a\ud800b", "\x7f"])
    def test_a_name_is_one_line(self, name):
        with pytest.raises(ValueError, match="`name` must not hold line breaks or control char"):
            Gallery(ENCODER).enroll(name, np.zeros(DIM))

    @pytest.mark.parametrize("name", [None, 3, b"Ann"])
    def test_a_name_is_a_text(self, name):
        with pytest.raises(TypeError, match=r"`name` must be a text\. Received: .* \(\w+\)\."):
            Gallery(ENCODER).enroll(name, np.zeros(DIM))

    @pytest.mark.parametrize(
        ("items", "error", "words"),
        [
            (np.zeros(3), ValueError, r"of shape \(4,\) or \(n, 4\); photos must be uint8"),
            (np.zeros((2, 3)), ValueError, r"Received: shape \(2, 3\)"),
            (np.zeros((1, 1, DIM)), ValueError, r"Received: shape \(1, 1, 4\)"),
            (np.float32(3), ValueError, r"Received: shape \(\)"),
            (np.zeros((0, DIM)), ValueError, "`items` is empty: there is nothing to enrol Ann"),
            ([0, math.nan, 0, 0.0], ValueError, r"within ±1e\+15. Received: 1 others of 4"),
            ([0, math.inf, -math.inf, 0.0], ValueError, "Received: 2 others of 4"),
            (np.array([0, np.inf, 0, 0], np.float16), ValueError, "Received: 1 others of 4"),
            (np.array([0, 1, 0, "1e999"], np.longdouble), ValueError, "Received: 1 others of 4"),
            ([0, 2e15, 0, 0.0], ValueError, "Received: 1 others of 4"),
            ([[0.0, 1], [0.0]], ValueError, "`items` must be embeddings of one length"),
            (np.zeros(DIM, int), TypeError, r"must be float embeddings, or photos.*dtype int64"),
            (np.zeros(DIM, complex), TypeError, "dtype complex128"),
            (np.zeros(DIM, np.uint8), TypeError, r"dtype uint8, shape \(4,\)"),
            ([], ValueError, r"Received: shape \(0,\)"),
            (None, TypeError, "dtype object"),
        ],
    )
    def test_what_is_no_embedding_is_refused_and_changes_nothing(self, items, error, words):
        gallery = Gallery(ENCODER)
        gallery.enroll("Bob", np.zeros(DIM))
        with pytest.raises(error, match=words):
            gallery.enroll("Ann", items)
        assert dict(gallery.people) == {"Bob": 1}

    def test_many_single_enrolments_take_no_longer_the_more_there_are(self):
        """The buffers double: n enrolments copy fewer than 2n rows, however large the gallery."""
        gallery, copied = Gallery(ENCODER), 0
        assign = templates.Block.assign

        def counted(block, source):
            nonlocal copied
            copied += len(source.people)
            assign(block, source)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(templates.Block, "assign", counted)
            for person in range(3000):
                gallery.enroll(f"person {person}", np.full(DIM, person, np.float32))
        assert copied < 3 * 3000
        assert gallery.embeddings("person 2999")[0, 0] == 2999


class TestPhotos:
    photo = np.full((3, 2, 3), 7, np.uint8)

    @pytest.mark.parametrize(
        ("items", "count"),
        [(photo, 1), (photo[..., 0], 1), ("a.jpg", 1), ([photo, "a.jpg"], 2), ((photo,), 1)],
    )
    def test_photos_are_encoded_in_one_call(self, items, count, tmp_path):
        encoder = PhotoEncoder()
        gallery = Gallery(encoder)
        assert gallery.enroll("Ann", items) == count
        assert gallery.enroll("Ann", tmp_path / "b.jpg") == count + 1
        assert encoder.calls == [count, 1]

    def test_a_photo_and_its_embedding_are_the_same_probe(self):
        gallery = Gallery(PhotoEncoder(), threshold=THRESHOLD)
        gallery.enroll("Ann", self.photo)
        assert gallery.embeddings("Ann").tolist() == [[3, 2, 3, 7]]
        assert gallery.verify("Ann", self.photo).distance == 0
        assert gallery.identify(self.photo) == gallery.identify(np.array([3.0, 2, 3, 7]))
        assert len(gallery.identify_all([self.photo, "a.jpg"])) == 2

    def test_one_bad_photo_and_none_of_the_call_is_enrolled(self):
        gallery = Gallery(PhotoEncoder())
        with pytest.raises(ValueError, match=r"^bad\.jpg shows no face$"):
            gallery.enroll("Ann", ["a.jpg", "bad.jpg", "c.jpg"])
        assert len(gallery) == 0

    def test_without_an_encoder_the_mend_is_named(self):
        words = r"`items` are photos.*give it the encoder itself: Gallery.load\(path, encoder"
        with pytest.raises(ValueError, match=words):
            Gallery(ENCODER).enroll("Ann", "a.jpg")

    @pytest.mark.parametrize("other", [np.zeros(DIM), 3, np.zeros((2, 2, 2, 2), np.uint8)])
    def test_photos_and_embeddings_do_not_mix(self, other):
        with pytest.raises(TypeError, match=r"must be photos or embeddings, not both.*also: "):
            Gallery(PhotoEncoder()).enroll("Ann", ["a.jpg", other])

    def test_a_stack_of_photos_is_no_list(self):
        with pytest.raises(TypeError, match="or a list of those"):
            Gallery(PhotoEncoder()).enroll("Ann", np.zeros((2, 3, 2, 3), np.uint8))

    @pytest.mark.parametrize(
        ("returned", "error", "words"),
        [
            (np.zeros((2, DIM)), ValueError, r"each of the 1 photos\. Received: 2"),
            (np.zeros((1, 3)), ValueError, r"`encoder\(photos\)` must be embeddings of shape"),
            (np.full((1, DIM), np.nan), ValueError, r"`encoder\(photos\)` must hold finite"),
            (np.zeros((1, DIM), int), TypeError, r"`encoder\(photos\)` must be float"),
        ],
    )
    def test_an_encoder_that_returns_nonsense_is_named(self, returned, error, words):
        encoder = PhotoEncoder()
        encoder_type = type("Odd", (PhotoEncoder,), {"__call__": lambda self, photos: returned})
        gallery = Gallery(encoder_type())
        with pytest.raises(error, match=words):
            gallery.enroll("Ann", "a.jpg")
        assert (len(gallery), encoder.calls) == (0, [])

    def test_an_encoder_needs_its_three_attributes(self):
        words = r"attributes `name`, `checksum` and `embedding_dim`.*float without name, checksum"
        with pytest.raises(TypeError, match=words):
            Gallery(3.0)


class TestRemoving:
    @pytest.mark.usefixtures("small_blocks")
    @given(
        st.lists(st.integers(0, 5), max_size=30),
        st.lists(st.integers(0, 5), max_size=4),
    )
    def test_the_others_stay_as_they_were(self, enrolled, removed):
        gallery, model = Gallery(ENCODER), {}
        for row, person in enumerate(enrolled):
            gallery.enroll(str(person), np.full(DIM, row, np.float32))
            model.setdefault(str(person), []).append([row] * DIM)
        for person in map(str, removed):
            if person in model:
                gallery.remove(person)
                del model[person]
        assert list(gallery.people.items()) == [(n, len(rows)) for n, rows in model.items()]
        for name, rows in model.items():
            assert gallery.embeddings(name).tolist() == rows
        found = gallery.identify(np.zeros(DIM), k=9).candidates
        assert {m.name: m.distance for m in found} == {n: 2.0 * r[0][0] for n, r in model.items()}

    def test_what_is_left_at_the_end_is_erased(self):
        gallery = Gallery(ENCODER)
        for person in range(100):
            gallery.enroll(str(person), np.full(DIM, person + 1, np.float32))
        (block,) = gallery._contents.templates._blocks
        gallery.remove("99")
        gallery.remove("0")
        assert sorted(set(block.embeddings[:98, 0].tolist())) == list(range(2, 100))
        assert not block.embeddings[98:100].any()
        assert not block.squared_norms[98:100].any()
        for person in range(1, 99):
            gallery.remove(str(person))
        assert not block.embeddings[:100].any()
        assert gallery._contents.templates._blocks == []

    def test_a_person_may_come_back(self):
        gallery = gallery_of(np.eye(DIM), ["Ann", "Bob", "Ann", "Carl"])
        gallery.remove("Ann")
        gallery.enroll("Ann", np.zeros(DIM))
        assert dict(gallery.people) == {"Bob": 1, "Carl": 1, "Ann": 1}

    @pytest.mark.parametrize("method", ["remove", "embeddings"])
    def test_an_unknown_name_is_answered_with_similar_ones(self, method):
        gallery = gallery_of(np.eye(DIM), ["Ann", "Bob", "Anna", "Carl"])
        words = r"Nobody of that name is in the gallery: 'Anne'\. Similar names: Ann, Anna\.$"
        with pytest.raises(ValueError, match=words):
            getattr(gallery, method)("Anne")
        with pytest.raises(ValueError, match=r"in the gallery: 'Xyz'\.$"):
            getattr(gallery, method)("Xyz")


class TestIdentifying:
    @pytest.mark.usefixtures("small_blocks")
    @pytest.mark.parametrize("rule", ["nearest", "mean"])
    @given(
        people=st.lists(st.integers(0, 6), min_size=1, max_size=25),
        k=st.integers(1, 9),
        seed=st.integers(0, 1000),
        spread=st.sampled_from([1e-3, 1.0, 1e6]),
        center=st.sampled_from([0.0, 1.0, 1e4]),
    )
    def test_as_scipy_in_float64(self, rule, people, k, seed, spread, center):
        """Also where everybody is far away and near each other: float32 products fail there."""
        rng = np.random.default_rng(seed)
        embeddings = (center + spread * rng.normal(size=(len(people), 3))).astype(np.float32)
        probes = (center + spread * rng.normal(size=(5, 3))).astype(np.float32)
        probes[-1] = embeddings[0]
        names = [f"person {person}" for person in people]
        gallery = gallery_of(embeddings, names, rule=rule)
        batch = gallery.identify_all(probes, k)
        for probe, result in zip(probes, batch, strict=True):
            assert_ranked(result.candidates, expected_ranking(embeddings, names, probe, rule)[:k])
            assert gallery.identify(probe, k) == result

    @pytest.mark.usefixtures("small_blocks")
    @pytest.mark.parametrize("rule", ["nearest", "mean"])
    @given(
        rows=st.lists(st.tuples(st.integers(0, 6), st.integers(-2, 2)), min_size=1, max_size=25),
        k=st.integers(1, 9),
        probe=st.integers(-2, 2),
    )
    def test_of_equals_the_one_enrolled_first_is_first(self, rule, rows, k, probe):
        names = [str(person) for person, _ in rows]
        embeddings = np.array([[value] for _, value in rows], np.float32)
        gallery = gallery_of(embeddings, names, rule=rule)
        expected = expected_ranking(embeddings, names, np.array([probe]), rule)
        found = gallery.identify(np.array([float(probe)]), k).candidates
        if rule == "nearest":
            assert [m.name for m in found] == [name for name, _ in expected][:k]
        assert [m.distance for m in found] == [d for _, d in expected][:k]

    @pytest.mark.parametrize("rule", ["nearest", "mean"])
    def test_several_real_blocks(self, rule):
        rng = np.random.default_rng(0)
        embeddings = rng.normal(size=(150_000, 8)).astype(np.float32)
        people = rng.integers(0, 2000, len(embeddings))
        gallery = Gallery(EncoderIdentity("test", "0", 8), rule=rule)
        order = np.argsort(people, kind="stable")
        for person, rows in enumerate(np.split(order, np.cumsum(np.bincount(people))[:-1])):
            gallery.enroll(str(person), embeddings[rows])
        names = np.arange(2000).repeat(np.bincount(people)).astype(str)
        for probe in rng.normal(size=(3, 8)).astype(np.float32):
            expected = expected_ranking(embeddings[order], names, probe, rule)
            assert_ranked(gallery.identify(probe, 20).candidates, expected[:20])
            assert_ranked(gallery.identify(probe, 3000).candidates, expected)

    def test_one_person_with_most_of_the_templates_hides_nobody(self):
        near = np.linspace(0, 1, 5000, dtype=np.float32)[:, None]
        gallery = gallery_of(np.array([[50.0], [40.0], [60.0]]), ["Bob", "Carl", "Dora"])
        gallery.enroll("Ann", near)
        found = gallery.identify(np.zeros(1), k=3).candidates
        assert found == (Match("Ann", 0.0), Match("Carl", 40.0), Match("Bob", 50.0))

    @pytest.mark.parametrize("value", [1e15, -1e15, 1e-30, 0.0])
    def test_the_largest_and_the_smallest_numbers(self, value):
        embeddings = np.array([[value] * 3, [value * 0.5] * 3, [0.0] * 3], np.float32)
        gallery = gallery_of(embeddings, ["Ann", "Bob", "Carl"])
        expected = expected_ranking(embeddings, ["Ann", "Bob", "Carl"], embeddings[0], "nearest")
        assert_ranked(gallery.identify(embeddings[0]).candidates, expected)

    def test_rounding_does_not_choose_the_nearest(self):
        """Two templates whose squared distances agree in float32, far from the origin."""
        embeddings = np.float32([[4096, 0.0001], [4096, 0.0]])
        found = gallery_of(embeddings, ["Ann", "Bob"]).identify(np.array([4096.0, 0.0]), k=1)
        assert found.candidates == (Match("Bob", 0.0),)

    def test_the_error_bound_is_one(self):
        """The shifted distances of the search differ from float64 by less than the bound."""
        rng, largest = np.random.default_rng(0), 0.0
        for dim, center in ((1, 0), (3, 5), (128, 0), (128, 1), (1000, 3)):
            embeddings = (center + rng.normal(size=(500, dim))).astype(np.float32)
            probes = (center + rng.normal(size=(2, dim))).astype(np.float32)
            stored = templates.Templates(dim, ["Ann"])
            stored.append(embeddings, 0)
            for some in (probes, probes[:1]):
                ((_, _, shifted),) = search._shifted_distances(stored, some)
                for probe, row in zip(some, shifted, strict=True):
                    exact = cdist(
                        embeddings.astype(float), probe.astype(float)[None], "sqeuclidean"
                    )
                    exact = exact[:, 0] - np.square(probe, dtype=float).sum()
                    error = np.abs(row - exact).max() / search._error_bound(stored, probe)
                    largest = max(largest, error)
        assert 0.001 < largest < 0.5

    @pytest.mark.parametrize("rule", ["nearest", "mean"])
    def test_an_empty_gallery_knows_nobody(self, rule):
        gallery = Gallery(ENCODER, rule=rule)
        assert gallery.identify(np.zeros(DIM)) == Identification((), None)
        assert gallery.identify(np.zeros(DIM)).identity is None
        assert len(gallery.identify_all(np.zeros((3, DIM)))) == 3

    def test_no_probes_have_no_results(self):
        gallery = gallery_of(np.eye(DIM), "abcd")
        assert gallery.identify_all([]) == gallery.identify_all(np.zeros((0, DIM))) == []

    def test_one_probe_is_one_probe(self):
        gallery = gallery_of(np.eye(DIM), "abcd", threshold=THRESHOLD)
        words = r"`probe` must be one photo or embedding\. Received: 2.*identify_all\(probes\)"
        for ask in (gallery.identify, lambda probe: gallery.verify("a", probe)):
            with pytest.raises(ValueError, match=words):
                ask(np.zeros((2, DIM)))
        assert gallery.identify(np.zeros((1, DIM))) == gallery.identify(np.zeros(DIM))

    @pytest.mark.parametrize("k", [0, -1, True])
    def test_k_is_positive(self, k):
        with pytest.raises(ValueError, match=r"`k` must be an integer, at least 1\. Received: k="):
            gallery_of(np.eye(DIM), "abcd").identify(np.zeros(DIM), k)

    def test_k_is_an_integer(self):
        assert len(gallery_of(np.eye(DIM), "abcd").identify(np.zeros(DIM), np.int8(3)).candidates)
        with pytest.raises(TypeError):
            gallery_of(np.eye(DIM), "abcd").identify(np.zeros(DIM), 2.0)

    def test_many_people_by_mean_do_not_take_memory_for_all_probes_at_once(self, monkeypatch):
        sizes, select = [], search._select_by_mean
        monkeypatch.setattr(search, "MEANS_AT_ONCE", 12)
        monkeypatch.setattr(
            search, "_select_by_mean", lambda t, p, k: sizes.append(len(p)) or select(t, p, k)
        )
        gallery_of(np.eye(DIM), "abcd", rule="mean").identify_all(np.zeros((7, DIM)))
        assert sizes == [3, 3, 1]


class TestVerifying:
    @pytest.mark.parametrize("rule", ["nearest", "mean"])
    def test_the_distance_is_that_of_identify(self, rule):
        rng = np.random.default_rng(1)
        gallery = gallery_of(
            rng.normal(size=(40, 8)), rng.integers(0, 6, 40).astype(str), rule=rule
        )
        gallery.threshold = THRESHOLD
        probe = rng.normal(size=8)
        for match in gallery.identify(probe, 6).candidates:
            assert gallery.verify(match.name, probe) == Verification(*match, THRESHOLD)

    def test_the_two_rules_by_hand(self):
        """Templates at 0 and 6, probe at 1: distances 1 and 5, smallest 1, mean 3."""
        for rule, distance in (("nearest", 1.0), ("mean", 3.0)):
            gallery = gallery_of(np.array([[0.0], [6.0]]), ["Ann", "Ann"], rule=rule)
            gallery.threshold = THRESHOLD
            assert gallery.verify("Ann", np.array([1.0])).distance == distance

    def test_accepted_is_a_distance_of_at_most_the_threshold(self):
        gallery = gallery_of(np.zeros((1, 1)), ["Ann"], threshold=THRESHOLD)
        assert gallery.verify(" Ann", np.array([1.0])).accepted
        assert not gallery.verify("Ann", np.array([1.0000001])).accepted
        assert gallery.identify(np.array([1.0])).identity == "Ann"
        assert gallery.identify(np.array([1.0000001])).identity is None

    def test_without_a_threshold_the_mend_is_named(self):
        gallery = gallery_of(np.zeros((1, 1)), ["Ann"])
        words = r"has no threshold yet\. Set one: gallery\.calibrate\(impostor_distances, fmr="
        with pytest.raises(ValueError, match=words):
            gallery.verify("Ann", np.zeros(1))
        result = gallery.identify(np.zeros(1))
        assert result.candidates == (Match("Ann", 0.0),)
        with pytest.raises(ValueError, match=r"Without a threshold.*gallery\.calibrate\("):
            _ = result.identity

    def test_an_unknown_name(self):
        gallery = gallery_of(np.zeros((1, 1)), ["Ann"], threshold=THRESHOLD)
        with pytest.raises(ValueError, match=r"Nobody of that name.*Similar names: Ann"):
            gallery.verify("ann", np.zeros(1))


class TestCalibrating:
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_it_is_threshold_at_fmr(self, dtype):
        distances = np.random.default_rng(0).uniform(1, 2, (50, 20)).astype(dtype)
        gallery = Gallery(ENCODER)
        found = gallery.calibrate(distances, fmr=0.01, source=" ten people")
        expected = threshold_at_fmr(distances, 0.01)
        assert found == gallery.threshold == Threshold(expected, 0.01, 1000, " ten people")
        assert (distances <= found.distance).mean() == 0.01

    def test_too_few_distances_are_warned_of(self):
        with pytest.warns(InsufficientPairsWarning, match="10 impostor pairs cannot support"):
            Gallery(ENCODER).calibrate(np.arange(10.0), fmr=0.1, source="few people")

    @pytest.mark.parametrize(
        ("distances", "fmr", "words"),
        [
            (np.zeros(1000), 0.01, r"1,000 `impostor_distances` are 0, so that no threshold"),
            (np.full(1000, -1.0), 1, r"must be distances, at least 0\. Received: -1\.0"),
            ([], 0.1, "`impostor_distances` is empty"),
            ([1.0, np.nan], 1, "must not hold NaN"),
            (np.full(100, np.inf), 1, "`distance` must be a finite number"),
            ([1.0], 0, r"`fmr` must lie in \(0, 1\]"),
        ],
    )
    def test_distances_that_give_no_threshold(self, distances, fmr, words):
        gallery = Gallery(ENCODER, threshold=THRESHOLD)
        with pytest.raises(ValueError, match=words):
            gallery.calibrate(distances, fmr=fmr, source="nobody")
        assert gallery.threshold == THRESHOLD

    def test_a_threshold_is_no_bare_number(self):
        with pytest.raises(TypeError, match=r"Threshold\(distance, fmr.*Received: 0\.6"):
            Gallery(ENCODER).threshold = 0.6
        with pytest.raises(TypeError, match=r"Received: 0\.6"):
            Gallery(ENCODER, threshold=0.6)
        gallery = Gallery(ENCODER, threshold=THRESHOLD)
        gallery.threshold = None
        assert gallery.threshold is None

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"distance": -0.1}, r"`distance` must be a finite number, at least 0\. Received"),
            ({"distance": math.nan}, "Received: distance=nan"),
            ({"distance": math.inf}, "Received: distance=inf"),
            ({"distance": "0.6"}, "Received: distance='0.6'"),
            ({"distance": None}, "Received: distance=None"),
            ({"fmr": 0}, r"`fmr` must lie in \(0, 1\]\. Received: fmr=0\."),
            ({"fmr": 1.01}, "Received: fmr=1.01"),
            ({"fmr": True}, "Received: fmr=True"),
            ({"num_impostors": 0}, "`num_impostors` must be an integer, at least 1. Received"),
            ({"num_impostors": 2.5}, "Received: num_impostors=2.5"),
            ({"num_impostors": True}, "Received: num_impostors=True"),
            ({"source": ""}, "`source` must be a text of 1 to 1000 characters. Received"),
            ({"source": "x" * 1001}, "`source` must be a text of 1 to 1000 characters"),
            ({"source": None}, "Received: source='None'"),
            ({"source": "\ud800"}, "`source` must not hold half characters"),
        ],
    )
    def test_a_threshold_is_plausible(self, change, words):
        values = {"distance": 1, "fmr": 0.1, "num_impostors": 9, "source": "people", **change}
        with pytest.raises(ValueError, match=words):
            Threshold(**values)

    def test_a_threshold_holds_pythons_own_numbers(self):
        threshold = Threshold(np.float32(0.5), np.float64(1), np.int64(3), "people")
        kinds = [type(value) for value in vars(threshold).values()]
        assert kinds == [float, float, int, str]


class TestIdentity:
    @pytest.mark.parametrize("dim", [0, -1, 65_537, 2.0, True, "4", None])
    def test_the_dimension_is_a_positive_integer(self, dim):
        with pytest.raises(ValueError, match=r"`embedding_dim` must be an integer in \[1, 65536\]"):
            EncoderIdentity("a", "b", dim)

    @pytest.mark.parametrize("field", ["name", "checksum"])
    def test_name_and_checksum_are_texts(self, field):
        values = {"name": "a", "checksum": "b", "embedding_dim": np.int64(3)}
        assert type(EncoderIdentity(**values).embedding_dim) is int
        with pytest.raises(ValueError, match=f"`{field}` must be a text of 1 to 1000 characters"):
            EncoderIdentity(**{**values, field: " "})

    def test_a_rule_is_one_of_two(self):
        with pytest.raises(ValueError, match=r'`rule` must be "nearest" or "mean"\. Received'):
            Gallery(ENCODER, rule="median")
        assert Gallery(ENCODER, rule="mean").rule == "mean"
        assert Gallery(PhotoEncoder()).encoder == EncoderIdentity("sizes", "v1", DIM)


class TestWords:
    def test_results_are_readable(self):
        threshold = Threshold(0.45, 0.001, 45_000, "ORL, people 31–40")
        ann = Match("Ann", 0.3123)
        assert str(ann) == "Ann, distance 0.312"
        assert str(Verification(*ann, threshold)) == "Ann, distance 0.312 (threshold 0.45)"
        far = Verification("Bob", 0.62, threshold)
        assert str(far) == "not Bob, distance 0.62 (threshold 0.45)"
        assert str(Identification((ann,), threshold)) == "Ann, distance 0.312 (threshold 0.45)"
        assert str(Identification((Match("Bob", 0.62), ann), threshold)) == (
            "not in the database; nearest: Bob, distance 0.62 (threshold 0.45)"
        )
        assert str(Identification((ann,), None)) == "nearest: Ann, distance 0.312 (no threshold)"
        assert str(Identification((), None)) == "not in the database; it is empty"
        assert str(threshold) == (
            "0.45 (FMR 0.001 on 45,000 impostor distances: ORL, people 31–40)"
        )
        assert str(ENCODER) == "test encoder (checksum 0123456789ab, 4 numbers)"

    def test_a_gallery_says_what_it_is(self):
        text = repr(gallery_of(np.eye(DIM), ["Ann", "Bob", "Ann", "Carl"], threshold=THRESHOLD))
        assert re.match(
            r'<Gallery of 3 people, 4 templates by test, rule "nearest", threshold 1 \(FMR', text
        )


def test_a_million_rows_need_little_more_memory_than_their_embeddings():
    """By the shape of the buffers: 1,000,000 = 15 × 65,536 + 16,960, of which 32,768 are taken."""
    stored = templates.Templates(1, ["Ann"])
    some = np.zeros((10_000, 1), np.float32)
    for _ in range(100):
        stored.append(some, 0)
    capacity = sum(len(block.people) for block in stored._blocks)
    assert stored.num_rows == 1_000_000
    assert capacity <= 15 * 65_536 + 32_768


def test_it_is_as_a_plain_dict_whatever_is_done(tmp_path):
    """A long random sequence of everything, beside a dict of lists."""
    rng, path = random.Random(0), tmp_path / "g.npz"
    gallery, model = Gallery(ENCODER), {}
    for step in range(400):
        name, action = f"person {rng.randrange(12)}", rng.random()
        if action < 0.7:
            rows = np.full((rng.randint(1, 3), DIM), step, np.float32)
            model.setdefault(name, []).extend(rows.tolist())
            assert gallery.enroll(name, rows) == len(model[name])
        elif action < 0.8 and name in model:
            gallery.remove(name)
            del model[name]
        elif action < 0.9:
            gallery.save(path)
        elif path.exists():
            gallery.save(path)
            gallery = Gallery.load(path)
        assert list(gallery.people.items()) == [(n, len(rows)) for n, rows in model.items()]
    for name, rows in model.items():
        assert gallery.embeddings(name).tolist() == rows
