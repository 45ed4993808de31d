import io
import os
import sys
import zipfile

import dlib
import numpy as np
import pytest
from PIL import Image

from course_utils.data import FaceDataset, load_orl_faces
from course_utils.models.face_encoder import face_encoder_weights_path
from course_utils.recognition import aligned_orl, alignment
from course_utils.recognition.aligned_orl import load_aligned_orl_faces
from course_utils.recognition.alignment import align_faces


@pytest.fixture(scope="session")
def aligned(tmp_path_factory):
    """All 400 photos, aligned; other files of tests use the same cache."""
    return load_aligned_orl_faces(cache=tmp_path_factory.getbasetemp() / "aligned_orl")


@pytest.fixture(scope="module")
def photos():
    return load_orl_faces()


@pytest.fixture(scope="module")
def kept(aligned, photos):
    """The numbers of the photos that should be there: of whom photos are missing, aligned anew."""
    kept = []
    for person in range(40):
        numbers = np.flatnonzero(photos.labels == person)
        if (aligned.labels == person).sum() < 10:
            numbers = [each for each in numbers if len(align_faces(photos.images[each])) > 0]
        kept.extend(numbers)
    return np.array(kept)


class TestAllPhotos:
    def test_nearly_all_are_there(self, aligned):
        assert 396 <= len(aligned.images) <= 400
        assert aligned.images.shape[1:] == (150, 150, 3)
        assert aligned.images.dtype == np.uint8
        assert aligned.labels.shape == (len(aligned.images),)

    def test_labels_and_names_agree_with_the_photos(self, aligned, photos, kept):
        assert aligned.names == photos.names
        assert aligned.labels.dtype == photos.labels.dtype
        np.testing.assert_array_equal(aligned.labels, photos.labels[kept])

    def test_each_face_is_the_one_of_its_photo(self, aligned, photos, kept):
        for index in range(0, len(kept), 33):
            expected = align_faces(photos.images[kept[index]]).chips[0]
            np.testing.assert_array_equal(aligned.images[index], expected)
        last = align_faces(photos.images[kept[-1]]).chips[0]
        np.testing.assert_array_equal(aligned.images[-1], last)

    def test_in_those_left_out_dlib_finds_no_face(self, photos, kept):
        """Not when they are four times as large either."""
        detector = dlib.get_frontal_face_detector()
        left_out = sorted(set(range(400)) - set(kept.tolist()))
        assert len(left_out) <= 4
        for number in left_out:
            assert len(detector(photos.images[number], 2)) == 0
        assert len(detector(photos.images[0], 2)) == 1

    def test_they_are_grey(self, aligned):
        assert (aligned.images == aligned.images[..., :1]).all()

    def test_the_eyes_lie_in_one_place_where_before_they_did_not(self, aligned, photos):
        """Measured with dlib's landmarks, in pixels of 150; the photos' width counts as 150."""
        path = face_encoder_weights_path().with_name("shape_predictor_5_face_landmarks.dat")
        predictor, detector = dlib.shape_predictor(str(path)), dlib.get_frontal_face_detector()

        def eyes(pixels, box):
            """(column, row) of the eye at the right, then of the one at the left."""
            points = [(point.x, point.y) for point in predictor(pixels, box).parts()]
            return [*np.mean(points[0:2], axis=0), *np.mean(points[2:4], axis=0)]

        after = np.array([eyes(chip, dlib.rectangle(25, 25, 124, 124)) for chip in aligned.images])
        before = []
        for photo in photos.images[::10]:
            large = np.asarray(Image.fromarray(photo).resize((4 * 92, 4 * 112)))
            before += [eyes(large, box) for box in detector(large)]
        before = np.array(before) * 150 / (4 * 92)
        assert 35 <= len(before) <= 40
        assert before.std(axis=0).min() > 6
        assert after.std(axis=0).max() < 2
        right, left = after.mean(axis=0).reshape(2, 2)
        assert abs(right[1] - left[1]) < 1
        assert abs((right[0] + left[0]) / 2 - 74) < 2
        assert 45 < right[0] - left[0] < 65


PEOPLE = np.array([3, 3, 3, 7, 7])


@pytest.fixture(scope="module")
def few(photos):
    """Five photos of two people; in the second there is no face."""
    images = photos.images[[30, 31, 32, 70, 71]].copy()
    images[1] = 128
    return FaceDataset(images, PEOPLE, photos.names)


@pytest.fixture(scope="module")
def known(few):
    """What aligning gives for each of them."""
    return {photo.tobytes(): align_faces(photo) for photo in few.images}


@pytest.fixture
def calls(few, known, monkeypatch):
    """These five instead of 400; the list grows with each photo that is aligned."""
    calls = []

    def align(photo):
        calls.append(photo)
        return known[photo.tobytes()]

    monkeypatch.setattr(aligned_orl, "load_orl_faces", lambda: few)
    monkeypatch.setattr(alignment, "align_faces", align)
    return calls


@pytest.fixture
def kept_file(calls, tmp_path):
    """The file that the first call makes."""
    load_aligned_orl_faces(cache=tmp_path)
    assert len(calls) == 5
    calls.clear()
    (path,) = tmp_path.iterdir()
    return path


@pytest.fixture
def check(few, known):
    def check(faces):
        expected = np.stack([known[few.images[i].tobytes()].chips[0] for i in (0, 2, 3, 4)])
        np.testing.assert_array_equal(faces.images, expected)
        np.testing.assert_array_equal(faces.labels, [3, 3, 7, 7])
        assert faces.names == few.names

    return check


class TestKeptFaces:
    def test_a_photo_without_a_face_is_left_out(self, calls, tmp_path, check):
        check(load_aligned_orl_faces(cache=tmp_path))
        assert len(calls) == 5

    def test_the_second_call_aligns_nothing(self, calls, kept_file, check):
        content = kept_file.read_bytes()
        check(load_aligned_orl_faces(cache=kept_file.parent))
        assert calls == []
        assert kept_file.read_bytes() == content

    def test_two_calls_share_no_memory(self, calls, kept_file, check):
        load_aligned_orl_faces(cache=kept_file.parent).images[:] = 0
        check(load_aligned_orl_faces(cache=kept_file.parent))

    def test_folders_that_are_missing_are_made(self, calls, tmp_path, check):
        folder = tmp_path / "a" / "b 人脸"
        check(load_aligned_orl_faces(cache=str(folder)))
        check(load_aligned_orl_faces(cache=folder))
        assert len(calls) == 5

    def test_one_file_is_kept_and_nothing_else(self, kept_file):
        assert [path.name for path in kept_file.parent.iterdir()] == [kept_file.name]
        assert kept_file.suffix == ".npz"

    def test_by_default_it_is_in_the_cache_folder_of_the_course(
        self, calls, tmp_path, monkeypatch, check
    ):
        monkeypatch.setenv("COURSE_UTILS_CACHE", str(tmp_path / "chosen"))
        check(load_aligned_orl_faces())
        assert len(list((tmp_path / "chosen").iterdir())) == 1
        check(load_aligned_orl_faces(cache=tmp_path / "chosen"))
        assert len(calls) == 5

    def test_without_dlib_nothing_is_read(self, calls, kept_file, monkeypatch):
        monkeypatch.setitem(sys.modules, "dlib", None)
        with pytest.raises(ImportError, match="dlib must be installed"):
            load_aligned_orl_faces(cache=kept_file.parent)


class TestOutdatedFaces:
    @pytest.fixture
    def align_again(self, calls, kept_file):
        """Asserts that all is aligned again, beside what was kept."""

        def align_again():
            faces = load_aligned_orl_faces(cache=kept_file.parent)
            assert len(calls) == 5
            assert len(list(kept_file.parent.iterdir())) == 2
            return faces

        return align_again

    def test_those_of_another_version_of_dlib(self, align_again, monkeypatch, check):
        monkeypatch.setattr(alignment, "dlib_version", lambda: "0.1")
        check(align_again())

    def test_those_of_another_alignment(self, align_again, tmp_path_factory, monkeypatch, check):
        code = tmp_path_factory.mktemp("code") / "alignment.py"
        code.write_text("CHIP_PADDING = 0.3\n")
        monkeypatch.setattr(alignment, "__file__", str(code))
        check(align_again())

    def test_those_of_other_photos(self, align_again, few, known, monkeypatch):
        images = few.images[::-1].copy()
        other = FaceDataset(images, PEOPLE, few.names)
        monkeypatch.setattr(aligned_orl, "load_orl_faces", lambda: other)
        faces = align_again()
        np.testing.assert_array_equal(faces.images[0], known[images[0].tobytes()].chips[0])


class Malicious:
    """Pickled; to unpickle it makes a folder."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


class TestDamagedFaces:
    @pytest.fixture
    def made_again(self, calls, kept_file, check):
        """Asserts that bytes in the place of what was kept are replaced by what was kept."""
        whole = kept_file.read_bytes()

        def made_again(content):
            kept_file.write_bytes(content)
            check(load_aligned_orl_faces(cache=kept_file.parent))
            assert len(calls) == 5
            calls.clear()
            check(load_aligned_orl_faces(cache=kept_file.parent))
            assert calls == []
            assert len(kept_file.read_bytes()) == len(whole)

        return made_again

    @pytest.mark.parametrize("content", [b"", b"no faces\n" * 99, b"PK\3\4" + b"\0" * 500])
    def test_a_file_of_another_kind_is_replaced(self, made_again, content):
        made_again(content)

    @pytest.mark.parametrize("share", [0, 0.001, 0.1, 0.5, 0.9, 0.999])
    def test_a_truncated_one_is_replaced(self, made_again, kept_file, share):
        content = kept_file.read_bytes()
        made_again(content[: int(share * len(content))])

    def test_one_with_a_changed_pixel_is_replaced(self, made_again, kept_file):
        content = bytearray(kept_file.read_bytes())
        content[len(content) // 2] ^= 1
        made_again(bytes(content))

    @pytest.mark.parametrize("change", ["chips", "kept", "checksum"])
    def test_one_whose_checksum_does_not_fit_is_replaced(self, made_again, kept_file, change):
        """An intact archive of other content."""
        with np.load(kept_file) as stored:
            arrays = dict(stored)
        if change == "chips":
            arrays["chips"][0, 75, 75] ^= 1
        elif change == "kept":
            arrays["kept"] = arrays["kept"][::-1].copy()
        else:
            arrays["checksum"] = np.array("0" * 64)
        stream = io.BytesIO()
        np.savez(stream, **arrays)
        made_again(stream.getvalue())

    def test_one_where_something_is_missing_is_replaced(self, made_again, kept_file):
        with np.load(kept_file) as stored:
            arrays = {name: stored[name] for name in ("chips", "checksum")}
        stream = io.BytesIO()
        np.savez(stream, **arrays)
        made_again(stream.getvalue())

    @pytest.mark.parametrize("kind", ["archive", "pickle"])
    def test_code_in_it_is_not_run(self, made_again, tmp_path, kind):
        folder = tmp_path.parent / f"{tmp_path.name} was made"
        evil = np.empty(1, dtype=object)
        evil[0] = Malicious(folder)
        stream = io.BytesIO()
        if kind == "archive":
            np.savez(stream, chips=evil, kept=evil, checksum=evil)
        else:
            evil.dump(stream)
        made_again(stream.getvalue())
        assert not folder.exists()
        stream.seek(0)
        loaded = np.load(stream, allow_pickle=True)  # this is what would have run it
        if kind == "archive":
            loaded["chips"]
        assert folder.exists()

    def test_no_flipped_bit_changes_a_face(self, calls, kept_file, check):
        """In the archive's own bytes, such as its dates, some make no difference."""
        whole = kept_file.read_bytes()
        rng = np.random.default_rng(0)
        with zipfile.ZipFile(kept_file) as archive:
            starts = [entry.header_offset for entry in archive.infolist()]
        places = [start + step for start in starts for step in range(0, 190, 3)]
        places += rng.integers(len(whole), size=60).tolist()
        places += (len(whole) - rng.integers(1, 300, size=60)).tolist()
        again = 0
        for place in places:
            damaged = bytearray(whole)
            damaged[min(place, len(whole) - 1)] ^= 1 << rng.integers(8)
            kept_file.write_bytes(damaged)
            check(load_aligned_orl_faces(cache=kept_file.parent))
            again += len(calls) > 0
            calls.clear()
        assert 100 < again < len(places)


class TestWhereNothingCanBeKept:
    @pytest.mark.parametrize("deeper", ["", "deeper"])
    def test_a_folder_that_cannot_be_made_is_a_warning(self, calls, tmp_path, check, deeper):
        """Permissions would not stop root; a file in the place of a folder does."""
        (tmp_path / "file").write_text("in the way")
        folder = tmp_path / "file" / deeper
        words = r"cannot be kept in .*file.*\. Set COURSE_UTILS_CACHE to a folder that can be writ"
        with pytest.warns(UserWarning, match=words) as caught:
            check(load_aligned_orl_faces(cache=folder))
        assert [warning.filename for warning in caught] == [__file__]
        assert (tmp_path / "file").read_text() == "in the way"
        with pytest.warns(UserWarning, match=words):
            check(load_aligned_orl_faces(cache=folder))
        assert len(calls) == 10

    def test_so_is_a_folder_in_the_place_of_the_file(self, calls, kept_file, check):
        kept_file.unlink()
        kept_file.mkdir()
        with pytest.warns(UserWarning, match="cannot be kept"):
            check(load_aligned_orl_faces(cache=kept_file.parent))
        assert [path.name for path in kept_file.parent.iterdir()] == [kept_file.name]

    def test_so_is_a_full_disk(self, calls, kept_file, check, monkeypatch):
        def fail(*_, **__):
            raise OSError(28, "No space left on device")

        kept_file.write_bytes(b"damaged")
        monkeypatch.setattr(np, "savez", fail)
        with pytest.warns(UserWarning, match="cannot be kept .*No space left on device"):
            check(load_aligned_orl_faces(cache=kept_file.parent))
        assert [path.read_bytes() for path in kept_file.parent.iterdir()] == [b"damaged"]
