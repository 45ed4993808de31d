import errno
import io
import json
import os
import random
import stat
import struct
import zipfile
import zlib

import numpy as np
import pytest
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st

from course_utils.recognition import DamagedGalleryError, EncoderIdentity, Gallery, Threshold
from course_utils.recognition.gallery import reading, saving, templates
from course_utils.recognition.gallery import storage as gallery_storage

DIM = 3
ENCODER = EncoderIdentity("test encoder", "0123456789abcdef", DIM)
THRESHOLD = Threshold(0.1 + 0.2, 0.001, 45_000, "other people: 王, Zoé")
MEMBERS = ("names.npy", "people.npy", "embeddings.npy", "header.npy")


def embedding(value):
    return np.full(DIM, value, np.float32)


def content(gallery):
    """All that a gallery holds, to compare."""
    rows = {name: gallery.embeddings(name).tolist() for name in gallery.people}
    return list(rows.items()), gallery.encoder, gallery.rule, gallery.threshold


def enrolled(path):
    """Who is in a file: name → first number of each template."""
    gallery = Gallery.load(path)
    return {name: gallery.embeddings(name)[:, 0].tolist() for name in gallery.people}


def small_gallery():
    gallery = Gallery(ENCODER, rule="mean", threshold=THRESHOLD)
    for value, name in enumerate(["Ann", "王小明", "Ann", "Zoé"]):
        gallery.enroll(name, embedding(value / 7))
    return gallery


@pytest.fixture
def path(tmp_path):
    return tmp_path / "gallery.npz"


@pytest.fixture
def saved(path):
    small_gallery().save(path)
    return path


@pytest.fixture(scope="module")
def intact(tmp_path_factory):
    """The bytes of a small file, and its content."""
    path = tmp_path_factory.mktemp("intact") / "gallery.npz"
    small_gallery().save(path)
    return path.read_bytes(), content(small_gallery())


class TestTheFile:
    def test_what_is_loaded_is_what_was_saved(self, saved):
        assert content(Gallery.load(saved)) == content(small_gallery())
        assert Gallery.load(str(saved)).threshold.distance == 0.1 + 0.2

    def test_numpy_reads_it_without_pickle(self, saved):
        with np.load(saved, allow_pickle=False) as file:
            assert tuple(f"{name}.npy" for name in file.files) == MEMBERS
            assert json.loads(file["names"].tobytes()) == ["Ann", "王小明", "Zoé"]
            assert file["people"].tolist() == [0, 1, 0, 2]
            assert (file["people"].dtype, file["embeddings"].dtype) == (np.int32, np.float32)
            np.testing.assert_array_equal(file["embeddings"][:, 0], np.float32(range(4)) / 7)
            header = json.loads(file["header"].tobytes())
        assert header["format"] == "course_utils gallery"
        assert header["version"] == 1
        assert header["encoder"] == vars(ENCODER)
        assert header["rule"] == "mean"
        assert header["threshold"] == vars(THRESHOLD)
        assert (header["num_people"], header["num_templates"]) == (3, 4)
        assert len(header["sha256"]) == 64
        with zipfile.ZipFile(saved) as archive:
            assert archive.testzip() is None
            assert {each.compress_type for each in archive.infolist()} == {zipfile.ZIP_STORED}

    @pytest.mark.parametrize("shape", [(0,), (7,), (0, 128), (10**12, 65_536)])
    def test_the_start_of_an_array_is_as_numpy_writes_it(self, shape):
        start = io.BytesIO(gallery_storage.npy_start("<f4", shape))
        assert len(start.getvalue()) == 128
        assert np.lib.format.read_magic(start) == (1, 0)
        expected = (shape, False, np.dtype("<f4"))
        assert np.lib.format.read_array_header_1_0(start) == expected
        assert start.tell() == 128

    def test_an_empty_gallery_is_saved_too(self, path):
        Gallery(ENCODER).save(path)
        assert content(Gallery.load(path)) == ([], ENCODER, "nearest", None)

    def test_the_numbers_survive_bit_for_bit(self, path):
        values = np.float32([[1e15, -0.0, 1e-45], [np.pi, -1e15, 2**-126]])
        gallery = Gallery(ENCODER)
        gallery.enroll("Ann", values)
        gallery.save(path)
        assert Gallery.load(path).embeddings("Ann").tobytes() == values.tobytes()

    @pytest.mark.parametrize("part_size", [1, 12, 30, 10**6])
    def test_several_blocks_and_parts(self, path, monkeypatch, part_size):
        monkeypatch.setattr(templates, "BLOCK_ROWS", 5)
        monkeypatch.setattr(reading, "PART_SIZE", part_size)
        gallery = Gallery(ENCODER)
        for value in range(23):
            gallery.enroll(f"person {value % 4}", embedding(value))
        gallery.save(path)
        assert content(Gallery.load(path)) == content(gallery)

    def test_only_the_owner_may_read_a_new_file(self, saved):
        assert stat.S_IMODE(saved.stat().st_mode) == 0o600

    @pytest.mark.parametrize("mode", [0o400, 0o640, 0o666])
    def test_a_file_that_is_there_keeps_its_permissions(self, saved, mode):
        saved.chmod(mode)
        small_gallery().save(saved)
        assert stat.S_IMODE(saved.stat().st_mode) == mode

    def test_a_link_stays_a_link_and_its_file_is_replaced(self, tmp_path):
        (tmp_path / "real").mkdir()
        link, path = tmp_path / "link.npz", tmp_path / "real" / "gallery.npz"
        link.symlink_to("real/gallery.npz")
        small_gallery().save(link)  # a link to nothing yet
        gallery = Gallery.load(link)
        gallery.enroll("Dora", embedding(9))
        gallery.save(link)
        assert link.is_symlink()
        assert not path.is_symlink()
        assert sorted(each.name for each in tmp_path.iterdir()) == ["link.npz", "real"]
        assert sorted(each.name for each in path.parent.iterdir()) == [
            "gallery.npz",
            "gallery.npz.lock",
        ]
        assert "Dora" in Gallery.load(path)

    def test_who_is_removed_leaves_no_trace_in_the_file(self, path):
        rng = np.random.default_rng(0)
        rows = {name: rng.normal(size=(3, DIM)).astype(np.float32) for name in ("Ann", "Bob")}
        gallery = Gallery(ENCODER)
        for name, embeddings in rows.items():
            gallery.enroll(name, embeddings)
        gallery.save(path)
        assert rows["Ann"].tobytes() in path.read_bytes()
        gallery.remove("Ann")
        gallery.save(path)
        left = path.read_bytes()
        assert b"Ann" not in left
        assert not any(row.tobytes() in left for row in rows["Ann"])
        assert not any(number.tobytes() in left for number in rows["Ann"].ravel())
        assert rows["Bob"].tobytes() in left


class TestLoading:
    def test_with_the_encoder_itself(self, saved):
        class Encoder:
            name, checksum, embedding_dim = "test encoder", "0123456789abcdef", DIM

            def __call__(self, photos):
                return np.zeros((len(photos), DIM))

        assert Gallery.load(saved, Encoder()).enroll("Ann", "a.jpg") == 3
        assert content(Gallery.load(saved, ENCODER)) == content(Gallery.load(saved))

    @pytest.mark.parametrize(
        "other",
        [
            EncoderIdentity("another", ENCODER.checksum, DIM),
            EncoderIdentity(ENCODER.name, "another", DIM),
            EncoderIdentity(ENCODER.name, ENCODER.checksum, DIM + 1),
        ],
    )
    def test_another_encoder_is_refused(self, saved, other):
        before = saved.read_bytes()
        words = rf"{saved} holds embeddings by test encoder.*two encoders mean nothing\. Use that"
        for use in (Gallery.load, Gallery.open):
            with pytest.raises(ValueError, match=words):
                use(saved, other)
        with pytest.raises(ValueError, match=words):
            Gallery(other, rule="mean").save(saved)
        assert saved.read_bytes() == before

    def test_another_rule_is_refused(self, saved):
        before = saved.read_bytes()
        words = r'has rule="mean", not "nearest", and its threshold holds for that rule\. Use'
        with pytest.raises(ValueError, match=words):
            Gallery(ENCODER).save(saved)
        with pytest.raises(ValueError, match=r'gallery\.npz has rule="mean", not "nearest"'):
            Gallery.open(saved, ENCODER, rule="nearest")
        assert saved.read_bytes() == before

    def test_a_missing_file(self, path):
        with pytest.raises(FileNotFoundError, match=r"no gallery file: '.*gallery\.npz'"):
            Gallery.load(path)

    def test_open_makes_a_new_gallery_or_loads(self, path):
        new = Gallery.open(path, ENCODER, rule="mean")
        assert (len(new), new.rule, path.exists()) == (0, "mean", False)
        assert Gallery.open(path, ENCODER).rule == "nearest"
        small_gallery().save(path)
        for rule in (None, "mean"):
            assert content(Gallery.open(path, ENCODER, rule=rule)) == content(small_gallery())

    def test_open_does_not_take_a_broken_link_for_a_new_gallery(self, path):
        path.symlink_to("nowhere")
        with pytest.raises(FileNotFoundError, match="no gallery file"):
            Gallery.open(path, ENCODER)

    def test_a_folder(self, path):
        path.mkdir()
        for use in (Gallery.load, Gallery(ENCODER).save):
            with pytest.raises(IsADirectoryError, match=r"a file, not a folder: '.*gallery"):
                use(path)

    @pytest.mark.skipif(os.name == "nt", reason="Windows has no named pipes in folders")
    def test_what_is_no_file_is_not_waited_for(self, path):
        os.mkfifo(path)
        with pytest.raises(DamagedGalleryError, match="not a regular file"):
            Gallery.load(path)


class TestSavingTogether:
    """Two galleries of one file, as two processes have them."""

    def test_nobody_is_lost(self, path):
        first = Gallery(ENCODER)
        first.enroll("Ann", embedding(1))
        first.save(path)
        second = Gallery.load(path)
        first.enroll("Bob", embedding(2))
        second.enroll("Carl", embedding(3))
        second.enroll("Ann", embedding(4))
        first.save(path)
        second.save(path)
        assert enrolled(path) == {"Ann": [1, 4], "Bob": [2], "Carl": [3]}
        assert content(second) == content(Gallery.load(path))
        first.save(path)
        assert enrolled(path) == {"Ann": [1, 4], "Bob": [2], "Carl": [3]}
        assert content(first) == content(second)

    def test_removals_are_taken_over_and_passed_on(self, path):
        first = Gallery(ENCODER)
        for value, name in enumerate(["Ann", "Bob", "Carl"]):
            first.enroll(name, embedding(value))
        first.save(path)
        second = Gallery.load(path)
        first.remove("Ann")
        second.remove("Bob")
        second.enroll("Bob", embedding(7))
        first.enroll("Bob", embedding(8))
        first.save(path)
        second.save(path)
        assert enrolled(path) == {"Carl": [2], "Bob": [7]}
        first.save(path)
        assert enrolled(path) == {"Carl": [2], "Bob": [7]}

    def test_who_was_never_saved_here_is_not_removed_from_the_file(self, path):
        first, second = Gallery(ENCODER), Gallery(ENCODER)
        first.enroll("Ann", embedding(1))
        second.enroll("Ann", embedding(2))
        second.remove("Ann")
        first.save(path)
        second.save(path)
        assert enrolled(path) == {"Ann": [1]}

    def test_a_new_gallery_is_added_to_the_file_and_a_script_may_run_twice(self, path):
        for _ in range(3):
            gallery = Gallery(ENCODER)
            gallery.enroll("Ann", np.stack([embedding(1), embedding(2)]))
            gallery.enroll("Bob", embedding(1))
            gallery.save(path)
        assert enrolled(path) == {"Ann": [1, 2], "Bob": [1]}
        gallery = Gallery(ENCODER)
        gallery.enroll("Bob", embedding(2))
        gallery.save(path)
        assert enrolled(path) == {"Ann": [1, 2], "Bob": [1, 2]}

    def test_the_threshold_is_that_of_who_set_it_last(self, path):
        other = Threshold(9, 1, 1, "somebody")
        first = Gallery(ENCODER, threshold=THRESHOLD)
        first.save(path)
        second = Gallery.load(path)
        first.enroll("Ann", embedding(1))
        first.save(path)
        second.threshold = other
        second.save(path)
        first.enroll("Bob", embedding(1))
        first.save(path)
        assert Gallery.load(path).threshold == first.threshold == other
        Gallery(ENCODER).save(path)
        assert Gallery.load(path).threshold == other
        first.threshold = None
        first.save(path)
        assert Gallery.load(path).threshold is None

    def test_a_backup_and_the_file_may_be_saved_in_turns(self, path, tmp_path):
        backup = tmp_path / "backup.npz"
        gallery = Gallery(ENCODER)
        gallery.enroll("Ann", embedding(1))
        gallery.enroll("Bob", embedding(2))
        gallery.save(path)
        gallery.save(backup)
        gallery.remove("Ann")
        gallery.enroll("Carl", embedding(3))
        gallery.save(backup)
        gallery.save(path)
        gallery.enroll("Dora", embedding(4))
        gallery.save(path)
        gallery.save(backup)
        assert enrolled(path) == enrolled(backup) == {"Bob": [2], "Carl": [3], "Dora": [4]}

    def test_a_file_that_others_changed_after_a_backup_loses_nobody(self, path, tmp_path):
        gallery = Gallery(ENCODER)
        gallery.enroll("Ann", embedding(1))
        gallery.save(path)
        other = Gallery.load(path)
        gallery.enroll("Bob", embedding(2))
        gallery.save(tmp_path / "backup.npz")
        other.enroll("Carl", embedding(3))
        other.save(path)
        gallery.enroll("Dora", embedding(4))
        gallery.save(path)
        assert enrolled(path) == {"Ann": [1], "Carl": [3], "Bob": [2], "Dora": [4]}

    def test_a_file_that_was_deleted_is_written_anew_as_a_whole(self, saved):
        gallery = Gallery.load(saved)
        saved.unlink()
        gallery.enroll("Dora", embedding(9))
        gallery.save(saved)
        assert content(Gallery.load(saved)) == content(gallery)

    def test_a_file_that_was_replaced_by_another_gallery_is_joined(self, path):
        gallery, other = Gallery(ENCODER), Gallery(ENCODER)
        gallery.enroll("Ann", embedding(1))
        gallery.save(path)
        path.unlink()
        other.enroll("Bob", embedding(2))
        other.save(path)
        gallery.enroll("Carl", embedding(3))
        gallery.save(path)
        assert enrolled(path) == {"Bob": [2], "Ann": [1], "Carl": [3]}

    def test_an_older_copy_put_back_loses_nobody_who_is_in_memory(self, path):
        gallery = Gallery(ENCODER)
        gallery.enroll("Ann", embedding(1))
        gallery.save(path)
        copy = path.read_bytes()
        gallery.enroll("Bob", embedding(2))
        gallery.save(path)
        path.write_bytes(copy)
        gallery.save(path)
        assert enrolled(path) == {"Ann": [1], "Bob": [2]}

    @pytest.mark.parametrize("moment", ["before", "after"])
    def test_a_save_that_fails_may_be_repeated(self, path, monkeypatch, moment):
        """Interrupted before the new file is there, or just after: nothing is lost or doubled."""
        first = Gallery(ENCODER)
        first.enroll("Ann", embedding(1))
        first.save(path)
        second = Gallery.load(path)
        first.enroll("Bob", embedding(2))
        first.save(path)
        second.enroll("Carl", embedding(3))
        replace = os.replace

        def interrupted(source, target):
            if moment == "after":
                replace(source, target)
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", interrupted)
            with pytest.raises(KeyboardInterrupt):
                second.save(path)
        assert list(second.people) == ["Ann", "Bob", "Carl"]
        second.save(path)
        assert enrolled(path) == {"Ann": [1], "Bob": [2], "Carl": [3]}
        assert sorted(each.name for each in path.parent.iterdir()) == [
            path.name,
            path.name + ".lock",
        ]

    @pytest.mark.parametrize("blocks", [1000, 4])
    @given(
        steps=st.lists(
            st.tuples(st.integers(0, 2), st.sampled_from("eeers"), st.sampled_from("ABC")),
            max_size=25,
        )
    )
    def test_three_galleries_and_the_file_are_as_a_plain_model(
        self, steps, blocks, tmp_path_factory
    ):
        """The model: the file is a dict of lists; a save applies the changes made since the last.

        All three are loaded from the file at first. A person is removed for all if a file had
        them when the remover last saved; else the remover's own enrolments are taken back.
        """
        path = tmp_path_factory.mktemp("shared") / "gallery.npz"
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(templates, "BLOCK_ROWS", blocks)
            patch.setattr(templates, "FIRST_BLOCK_ROWS", 2)
            patch.setattr(saving, "ROWS_AT_ONCE", 3)
            patch.setattr(saving, "remove_drafts", lambda path: None)
            Gallery(ENCODER).save(path)
            galleries = [Gallery.load(path) for _ in range(3)]
            file, bases, changes = {}, [{}, {}, {}], [[], [], []]
            for value, (who, step, name) in enumerate(steps):
                gallery = galleries[who]
                if step == "e":
                    gallery.enroll(name, embedding(value))
                    changes[who].append((name, value))
                elif step == "r" and name in gallery:
                    gallery.remove(name)
                    changes[who] = [c for c in changes[who] if c[0] != name or c[1] is None]
                    if name in bases[who]:
                        changes[who].append((name, None))
                elif step == "s":
                    gallery.save(path)
                    for changed, number in sorted(changes[who], key=lambda c: c[1] is not None):
                        if number is None:
                            file.pop(changed, None)
                        else:
                            file.setdefault(changed, []).append(number)
                    bases[who], changes[who] = {n: list(v) for n, v in file.items()}, []
                    assert enrolled(path) == file
                    assert content(gallery) == content(Gallery.load(path))


class TestLockAndFolder:
    def test_a_lock_that_is_held_is_waited_for_and_named(self, saved):
        gallery, before = Gallery.load(saved), saved.read_bytes()
        words = rf"{saved} has been locked for 0\.05 s by another process.*a longer `timeout`\."
        with FileLock(f"{saved}.lock"), pytest.raises(TimeoutError, match=words):
            gallery.save(saved, timeout=0.05)
        assert saved.read_bytes() == before
        gallery.save(saved, timeout=0)

    def test_a_lock_file_that_a_crash_left_does_not_block(self, path):
        path.with_name("gallery.npz.lock").write_text("left over")
        small_gallery().save(path, timeout=0)
        assert content(Gallery.load(path)) == content(small_gallery())

    @pytest.mark.parametrize("timeout", [-1, float("nan")])
    def test_a_timeout_is_not_negative(self, path, timeout):
        with pytest.raises(ValueError, match=r"`timeout` must be at least 0 seconds\. Received"):
            Gallery(ENCODER).save(path, timeout=timeout)

    def test_drafts_that_crashes_left_are_removed_and_nothing_else(self, saved):
        left = [".draft-abcd_123gallery.npz", ".draft-________gallery.npz"]
        others = [
            ".draft-abcd_123xgallery.npz",
            ".draft-abcd_123gallery.npz.txt",
            "gallery.npz.bak",
        ]
        for name in left + others:
            (saved.parent / name).write_text("")
        small_gallery().save(saved)
        names = {each.name for each in saved.parent.iterdir()}
        assert names == {*others, "gallery.npz", "gallery.npz.lock"}

    def test_drafts_are_left_alone_without_the_lock(self, saved):
        draft = saved.parent / ".draft-abcd_123gallery.npz"
        draft.write_text("")
        with FileLock(f"{saved}.lock"), pytest.raises(TimeoutError):
            small_gallery().save(saved, timeout=0)
        assert draft.exists()

    def test_a_missing_folder_is_named_and_not_made(self, tmp_path):
        words = r"folder of the gallery file is missing; make it first: '.*gone/gallery\.npz'"
        with pytest.raises(FileNotFoundError, match=words):
            Gallery(ENCODER).save(tmp_path / "gone" / "gallery.npz")
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS, errno.ENOSPC])
    def test_a_folder_that_cannot_be_written_is_named(self, path, monkeypatch, code):
        """Root may write everywhere, so the refusal is made up."""

        def refuse(self, **_):
            raise OSError(code, os.strerror(code))

        monkeypatch.setattr(FileLock, "acquire", refuse)
        words = r"cannot be saved here \(.*\); choose a folder that you may write to: '.*gallery"
        with pytest.raises(OSError, match=words) as caught:
            Gallery(ENCODER).save(path)
        assert caught.value.errno == code
        assert isinstance(caught.value, PermissionError) == (code == errno.EACCES)

    def test_a_full_disk_changes_nothing(self, saved, monkeypatch):
        gallery, before = Gallery.load(saved), saved.read_bytes()
        gallery.enroll("Dora", embedding(9))

        def full(*_):
            raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            with pytest.raises(OSError, match="No space left"):
                gallery.save(saved)
        assert saved.read_bytes() == before
        assert len(list(saved.parent.iterdir())) == 2
        gallery.save(saved)
        assert "Dora" in Gallery.load(saved)


def members_of(data):
    """name → bytes of the members of an archive."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def archive_of(members, compression=zipfile.ZIP_STORED):
    """The bytes of an archive of (name, bytes)."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data, compression)
    return file.getvalue()


def npy(array):
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def as_bytes(text):
    return np.frombuffer(text, np.uint8)


def forged(*, names=None, people=None, embeddings=None, **fields):
    """A file whose sizes, CRC and sha256 are right, and whose content is not: a forger's."""
    names = ["Ann", "Bob"] if names is None else names
    people = np.array([0, 1, 0], "<i4") if people is None else people
    embeddings = np.zeros((3, DIM), "<f4") if embeddings is None else embeddings
    text = json.dumps(names, ensure_ascii=False, separators=(",", ":")).encode(
        "utf-8", "surrogatepass"
    )
    header = {
        "format": "course_utils gallery",
        "version": 1,
        "encoder": vars(ENCODER),
        "rule": "nearest",
        "threshold": None,
        "origin": "ab12",
        "revision": "cd34",
        "num_people": len(names),
        "num_templates": len(embeddings),
        **fields,
    }
    header = {name: value for name, value in header.items() if value != "absent"}

    def written(value):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()

    digest = gallery_storage.hashlib.sha256(text + people.tobytes() + embeddings.tobytes())
    digest.update(written(header))
    header["sha256"] = digest.hexdigest()
    return archive_of(
        [
            ("names.npy", npy(as_bytes(text))),
            ("people.npy", npy(people)),
            ("embeddings.npy", npy(embeddings)),
            ("header.npy", npy(as_bytes(written(header)))),
        ]
    )


def threshold_fields(**changes):
    return {"distance": 1.0, "fmr": 0.1, "num_impostors": 9, "source": "people", **changes}


FORGED = {
    "a name twice": {"names": ["Ann", "Ann"]},
    "a name that is not composed": {"names": ["Ann", "Zoe\u0301"]},
    "a name with space": {"names": ["Ann", " Bob"]},
    "an empty name": {"names": ["Ann", ""]},
    "half a character": {"names": ["Ann", "\ud800"]},
    "a name of two lines": {"names": ["Ann", "B\nb"]},
    "a name that is a number": {"names": ["Ann", 3]},
    "names in an object": {"names": {"Ann": 0, "Bob": 1}},
    "a person without embeddings": {"names": ["Ann", "Bob", "Carl"]},
    "an embedding of nobody": {"people": np.array([0, 1, 2], "<i4")},
    "a negative person": {"people": np.array([0, 1, -1], "<i4")},
    "too few people": {"people": np.array([0, 1], "<i4")},
    "people of 64 bits": {"people": np.array([0, 1, 0], "<i8")},
    "people as floats": {"people": np.array([0, 1, 0], "<f4")},
    "NaN": {"embeddings": np.full((3, DIM), np.nan, "<f4")},
    "infinity": {"embeddings": np.full((3, DIM), -np.inf, "<f4")},
    "a number that is too large": {"embeddings": np.full((3, DIM), 2e15, "<f4")},
    "float64": {"embeddings": np.zeros((3, DIM), "<f8")},
    "big-endian": {"embeddings": np.zeros((3, DIM), ">f4")},
    "another dimension": {"embeddings": np.zeros((3, DIM + 1), "<f4")},
    "columns first": {"embeddings": np.asfortranarray(np.zeros((3, DIM), "<f4"))},
    "pickled objects": {"embeddings": np.array([[None] * DIM] * 3)},
    "10¹² rows": {"num_templates": 10**12},
    "2³¹ rows": {"num_templates": 2**31},
    "a billion rows": {"num_templates": 10**9},
    "fewer rows": {"num_templates": 2},
    "-1 rows": {"num_templates": -1},
    "rows as a float": {"num_templates": 3.0},
    "true rows": {"num_templates": True},
    "a billion people": {"num_people": 10**9},
    "another format": {"format": "something"},
    "version 0": {"version": 0},
    "version true": {"version": True},
    "version 1.0": {"version": 1.0},
    "no version": {"version": "absent"},
    "no encoder": {"encoder": "absent"},
    "an encoder of no dimension": {"encoder": {**vars(ENCODER), "embedding_dim": 0}},
    "a huge dimension": {"encoder": {**vars(ENCODER), "embedding_dim": 10**12}},
    "an encoder with more": {"encoder": {**vars(ENCODER), "more": 1}},
    "an encoder that is a text": {"encoder": "dlib"},
    "another rule": {"rule": "median"},
    "a rule in a list": {"rule": ["nearest"]},
    "a negative threshold": {"threshold": threshold_fields(distance=-1)},
    "a threshold of NaN": {"threshold": threshold_fields(distance=float("nan"))},
    "an FMR of 2": {"threshold": threshold_fields(fmr=2)},
    "no impostors": {"threshold": threshold_fields(num_impostors=0)},
    "a bare threshold": {"threshold": 0.6},
    "no revision": {"revision": "absent"},
    "a revision that is a number": {"revision": 7},
    "a revision that is a path": {"revision": "../x"},
    "more fields": {"more": 1},
}


class TestDamage:
    def test_what_is_forged_below_is_intact_otherwise(self, path):
        path.write_bytes(forged())
        assert enrolled(path) == {"Ann": [0, 0], "Bob": [0]}
        path.write_bytes(forged(threshold=threshold_fields()))
        assert Gallery.load(path).threshold == Threshold(1, 0.1, 9, "people")

    @pytest.mark.parametrize("case", FORGED)
    def test_a_forger_who_makes_all_checksums_right_is_noticed(self, path, case):
        data = forged(**FORGED[case])
        path.write_bytes(data)
        words = r"file .*gallery\.npz is damaged, or no gallery \(.+\)\. Put a copy of it in its"
        with pytest.raises(DamagedGalleryError, match=words):
            Gallery.load(path)
        with pytest.raises(DamagedGalleryError, match=words):
            Gallery(ENCODER).save(path)
        assert path.read_bytes() == data

    def test_a_newer_version_is_no_damage(self, path):
        path.write_bytes(archive_of([("header.npy", members_of(forged(version=2))["header.npy"])]))
        words = r"gallery\.npz has format version 2, and this course reads version 1\. Update"
        for use in (Gallery.load, Gallery(ENCODER).save):
            with pytest.raises(ValueError, match=words) as caught:
                use(path)
            assert not isinstance(caught.value, DamagedGalleryError)

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            (lambda m: [*m, ("more.npy", b"")], "it holds names.npy, people.npy, emb.*more.npy"),
            (lambda m: m[:2] + m[3:], "it holds names.npy, people.npy, header.npy"),
            (lambda m: m[:3], "it holds no header.npy"),
            (lambda m: m[::-1], "it holds header.npy, embeddings.npy"),
            (lambda m: [], "it holds no header.npy"),
            (lambda m: [(m[1][0], m[0][1]), (m[0][0], m[1][1]), *m[2:]], "it holds people.npy"),
            (
                lambda m: [(m[0][0], m[1][1]), (m[1][0], m[0][1]), *m[2:]],
                "(?s)names.npy|utf-8|JSON|E",
            ),
            (lambda m: [*m[:2], (m[2][0], m[2][1][:-1]), m[3]], "47 bytes of data, expected 48"),
            (lambda m: [*m[:2], (m[2][0], m[2][1] + b"0"), m[3]], "49 bytes of data"),
            (lambda m: [*m[:2], (m[2][0], b"short"), m[3]], "-123 bytes of data, expected 48"),
            (lambda m: [*m[:2], (m[2][0], m[2][1][:-1] + b"?"), m[3]], "the checksum that was"),
            (lambda m: [*m[:3], (m[3][0], npy(as_bytes(b"[" * 99_000)))], "recursion|Expecting"),
            (lambda m: [*m[:3], (m[3][0], npy(as_bytes(b"1" * 9999)))], "digits|something else"),
            (lambda m: [*m[:3], (m[3][0], npy(as_bytes(b"[1]")))], "that of something else"),
            (lambda m: [*m[:3], (m[3][0], npy(as_bytes(b"\xff\xfe")))], "can't decode"),
            (lambda m: [*m[:3], (m[3][0], bytes(200_000))], "a header of more than 100,000 bytes"),
            (lambda m: [*m[:3], (m[3][0], m[3][1].replace(b'"version":1', b'"version": 1'))], "|"),
        ],
    )
    def test_other_members(self, path, intact, change, words):
        path.write_bytes(archive_of(change(list(members_of(intact[0]).items()))))
        with pytest.raises(DamagedGalleryError, match=words):
            Gallery.load(path)

    def test_a_header_that_is_written_otherwise(self, path, intact):
        members = members_of(intact[0])
        text = members["header.npy"][128:]
        for other in (b" " + text, text[:-1] + b',"sha256":"x"}'):
            members["header.npy"] = npy(as_bytes(other))
            path.write_bytes(archive_of(members.items()))
            with pytest.raises(DamagedGalleryError, match="its header is not as a gallery writes"):
                Gallery.load(path)

    @pytest.mark.parametrize(
        "data", [b"", b"text", bytes(5000), b"PK\5\6" + bytes(18), npy(np.zeros(3))]
    )
    def test_what_is_no_archive(self, path, data):
        path.write_bytes(data)
        with pytest.raises(DamagedGalleryError, match="is damaged, or no gallery"):
            Gallery.load(path)
        with pytest.raises(DamagedGalleryError, match="is damaged, or no gallery"):
            small_gallery().save(path)
        assert path.read_bytes() == data

    def test_another_npz(self, path):
        np.savez(path, embeddings=np.zeros((2, DIM)))
        with pytest.raises(DamagedGalleryError, match=r"it holds no header\.npy"):
            Gallery.load(path)

    def test_compressed_members_are_not_opened(self, path, monkeypatch):
        """A bomb: 100 MB of zeros in 100 kB."""
        members = [("names.npy", bytes(100_000_000)), *list(members_of(forged()).items())[1:]]
        path.write_bytes(archive_of(members, zipfile.ZIP_DEFLATED))
        monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_: pytest.fail("opened"))
        with pytest.raises(DamagedGalleryError, match=r"names\.npy is compressed"):
            Gallery.load(path)

    def test_members_that_overlap(self, path, intact):
        """All entries of the directory point to the largest member: more than the file holds."""
        data = bytearray(intact[0])
        (start,) = struct.unpack_from("<L", data, len(data) - 6)
        for name in (b"people.npy", b"embeddings.npy"):
            entry = data.index(b"PK\1\2", start)
            while data[entry + 46 : entry + 46 + len(name)] != name:
                entry = data.index(b"PK\1\2", entry + 1)
            struct.pack_into("<LL", data, entry + 20, len(data) - 100, len(data) - 100)
        path.write_bytes(data)
        with pytest.raises(DamagedGalleryError, match="more is said to be in it"):
            Gallery.load(path)

    def test_a_claim_of_many_rows_takes_no_memory(self, path, monkeypatch):
        path.write_bytes(forged(num_templates=2**31 - 1))
        for allocate in ("empty", "zeros"):
            monkeypatch.setattr(np, allocate, lambda *_: pytest.fail("memory was taken"))
        with pytest.raises(DamagedGalleryError, match="12 bytes of data, expected 8,589,934,588"):
            Gallery.load(path)

    def test_damage_after_loading_is_not_overwritten(self, saved):
        gallery, data = Gallery.load(saved), bytearray(saved.read_bytes())
        data[len(data) // 2] ^= 1
        saved.write_bytes(data)
        gallery.enroll("Dora", embedding(9))
        with pytest.raises(DamagedGalleryError, match="is damaged"):
            gallery.save(saved)
        assert saved.read_bytes() == data
        gallery.save(saved.with_name("rescued.npz"))
        assert content(Gallery.load(saved.with_name("rescued.npz"))) == content(gallery)

    def test_an_error_of_the_disk_is_no_damage(self, saved, monkeypatch):
        def broken(*_):
            raise OSError(errno.EIO, "Input/output error")

        monkeypatch.setattr(zipfile.ZipExtFile, "read", broken)
        with pytest.raises(OSError, match="Input/output error") as caught:
            Gallery.load(saved)
        assert caught.value.errno == errno.EIO


def assert_same_or_refused(path, data, expected):
    """Loading damaged bytes gives the same content, or is refused; how often?"""
    path.write_bytes(data)
    try:
        gallery = Gallery.load(path)
    except DamagedGalleryError:
        return 1
    assert content(gallery) == expected
    return 0


class TestFuzz:
    """More than 10,000 damaged files."""

    def test_cut_off_anywhere(self, path, intact):
        data, expected = intact
        refused = [assert_same_or_refused(path, data[:size], expected) for size in range(len(data))]
        assert all(refused)

    def test_any_bit_of_the_file_flipped(self, path, intact):
        data, expected = intact
        refused = 0
        for position in range(len(data)):
            damaged = bytearray(data)
            damaged[position] ^= 1 << position % 8
            refused += assert_same_or_refused(path, damaged, expected)
        assert refused > 0.8 * len(data)  # what zip itself ignores may change: dates, attributes

    def test_every_bit_of_the_contents(self, path, intact):
        """The parts that matter, all eight bits of a byte: none may pass."""
        data, expected = intact
        for name, member in members_of(data).items():
            begin = data.index(member)
            for position in range(begin, begin + len(member), 3 if name == "header.npy" else 1):
                for bit in range(8):
                    damaged = bytearray(data)
                    damaged[position] ^= 1 << bit
                    assert assert_same_or_refused(path, damaged, expected) == 1

    def test_random_bytes_in_random_places(self, path, intact):
        data, expected = intact
        rng = random.Random(0)
        for _ in range(1000):
            damaged = bytearray(data)
            for _ in range(rng.choice([1, 2, 5, 50])):
                damaged[rng.randrange(len(data))] = rng.randrange(256)
            begin, size = rng.randrange(len(data)), rng.choice([0, 0, 1, 4, 100])
            if rng.random() < 0.5:
                del damaged[begin : begin + size]
            else:
                damaged[begin:begin] = rng.randbytes(size)
            assert_same_or_refused(path, damaged, expected)

    def test_random_bytes_in_the_directory_of_the_archive(self, path, intact):
        """Sizes, places, names and flags of the members, where `zipfile` itself may stumble."""
        data, expected = intact
        rng, begin = random.Random(1), data.index(b"PK\1\2")
        for _ in range(1500):
            damaged = bytearray(data)
            for _ in range(rng.choice([1, 2, 4])):
                position = rng.randrange(begin, len(data) - 4)
                value = rng.choice([0, 1, 0x7FFFFFFF, 0xFFFFFFFF, 0xFFFFFFFE, rng.getrandbits(32)])
                struct.pack_into("<L", damaged, position, value)
            assert_same_or_refused(path, damaged, expected)

    def test_random_changes_with_the_crc_made_right(self, path, intact):
        """Then only the sha256 and the checks of the content are left."""
        members, expected = members_of(intact[0]), intact[1]
        rng = random.Random(2)
        for _ in range(1500):
            name = rng.choice(MEMBERS)
            damaged = bytearray(members[name])
            for _ in range(rng.choice([1, 1, 3])):
                damaged[rng.randrange(len(damaged))] = rng.randrange(256)
            changed = {**members, name: bytes(damaged)}
            if changed != members:
                data = archive_of(changed.items())
                assert assert_same_or_refused(path, data, expected) == 1

    def test_bytes_that_were_never_a_gallery(self, path, intact):
        rng = random.Random(3)
        for size in range(300):
            assert assert_same_or_refused(path, rng.randbytes(size), intact[1]) == 1

    def test_a_crc_that_is_wrong_is_noticed_where_the_content_is_right(self, path, intact):
        data, expected = intact
        crc = struct.pack("<L", zlib.crc32(members_of(data)["embeddings.npy"]))
        damaged = data.replace(crc, bytes(4))
        assert damaged != data
        assert assert_same_or_refused(path, damaged, expected) == 1
