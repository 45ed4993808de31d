import hashlib
import re
from pathlib import Path

import dlib
import matplotlib
import numpy as np
import pytest
import skimage.data
from PIL import Image
from scipy.spatial.distance import cdist
from sklearn.metrics import det_curve

from course_utils.data import load_orl_faces, split_by_identity
from course_utils.models.face_encoder import face_encoder_weights_path
from course_utils.recognition import encoder as encoder_module
from course_utils.recognition.aligned_orl import load_aligned_orl_faces
from course_utils.recognition.alignment import (
    NoFaceError,
    SeveralFacesError,
    align_faces,
    align_one_face,
)
from course_utils.recognition.encoder import FaceEncoder

COFFEE = Path(skimage.data.__file__).parent / "coffee.png"
ASTRONAUT = COFFEE.with_name("astronaut.png")
HOPPER = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"


@pytest.fixture(scope="module")
def encoder():
    return FaceEncoder()


@pytest.fixture(scope="module")
def astronaut():
    with Image.open(ASTRONAUT) as image:
        return np.asarray(image.convert("RGB"))


@pytest.fixture(scope="module")
def two_people(astronaut):
    """One photo; Hopper's face, at the right, is twice the size."""
    with Image.open(HOPPER) as image:
        hopper = np.asarray(image.convert("RGB"))
    below = np.full((len(hopper) - len(astronaut), astronaut.shape[1], 3), 200, np.uint8)
    return np.hstack([np.vstack([astronaut, below]), hopper])


@pytest.fixture(scope="module")
def orl():
    return load_orl_faces()


@pytest.fixture(scope="module")
def aligned(tmp_path_factory):
    """In the cache where `test_aligned_orl.py` keeps them: aligned once for both files."""
    return load_aligned_orl_faces(cache=tmp_path_factory.getbasetemp() / "aligned_orl")


@pytest.fixture(scope="module")
def embeddings(encoder, aligned):
    return encoder.embed_aligned(aligned.images)


def noise(num_chips):
    return np.random.default_rng(0).integers(0, 256, (num_chips, 150, 150, 3), np.uint8)


class TestPhotos:
    def test_paths_images_and_arrays_are_encoded_as_dlib_does(self, encoder, astronaut, tmp_path):
        Image.fromarray(astronaut).save(tmp_path / "人 photo.png")
        photos = [HOPPER, str(tmp_path / "人 photo.png"), Image.fromarray(astronaut), astronaut]
        found = encoder(photos)
        assert found.shape == (4, 128)
        assert found.dtype == np.float32
        network = dlib.face_recognition_model_v1(str(face_encoder_weights_path()))
        expected = [network.compute_face_descriptor(align_one_face(photo)) for photo in photos]
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)

    def test_many_get_what_each_gets_alone(self, encoder, orl):
        photos = orl.images[::57]
        alone = np.concatenate([encoder([photo]) for photo in photos])
        np.testing.assert_allclose(encoder(list(photos)), alone, rtol=0, atol=2e-6)

    def test_an_array_of_photos_counts_as_a_list(self, encoder, orl, astronaut):
        grey = orl.images[:2]
        np.testing.assert_array_equal(encoder(grey), encoder(list(grey)))
        colour = np.stack([astronaut, astronaut[:, ::-1]])
        np.testing.assert_array_equal(encoder(colour), encoder(tuple(colour)))

    @pytest.mark.parametrize("photos", [[], (), np.zeros((0, 150, 150, 3), np.uint8)])
    def test_no_photos_have_no_encodings(self, encoder, photos):
        found = encoder(photos)
        assert found.shape == (0, 128)
        assert found.dtype == np.float32

    def test_a_single_photo_is_not_a_list(self, encoder, astronaut):
        for photo in (ASTRONAUT, str(ASTRONAUT), Image.fromarray(astronaut)):
            words = rf"`photos` must be a list of photos\. Received: {re.escape(repr(photo))}\."
            with pytest.raises(TypeError, match=words):
                encoder(photo)

    @pytest.mark.parametrize("shape", [(90, 80), (90, 80, 1), (90, 80, 3), (90, 80, 4), (5,), ()])
    def test_nor_is_a_single_array(self, encoder, shape):
        words = (
            r"`photos` must be a list of photos\. Received: one array, shape "
            rf"{re.escape(str(shape))}\. For one photo: encoder\(\[photo\]\)\."
        )
        with pytest.raises(TypeError, match=words):
            encoder(np.zeros(shape, np.uint8))

    def test_a_photo_without_a_face_is_named(self, encoder):
        with pytest.raises(NoFaceError, match=r"No face was found in .*coffee\.png"):
            encoder([HOPPER, COFFEE, ASTRONAUT])

    def test_what_is_no_photo_is_an_error(self, encoder, tmp_path):
        with pytest.raises(FileNotFoundError, match="There is no photo"):
            encoder([HOPPER, tmp_path / "gone.png"])
        with pytest.raises(TypeError, match="`photo` must be a path, a Pillow image or a NumPy"):
            encoder([HOPPER, None])

    def test_a_photo_with_two_faces_is_an_error_or_its_largest_counts(
        self, encoder, astronaut, two_people
    ):
        with pytest.raises(SeveralFacesError, match="2 faces were found in the photo"):
            encoder([astronaut, two_people])
        embeddings = FaceEncoder(largest=True)([two_people, HOPPER, astronaut])
        same, other = cdist(embeddings[:1], embeddings[1:])[0]
        assert same < 0.3
        assert other > 0.5


class TestFacesOfOnePhoto:
    def test_each_face_has_an_encoding_the_largest_first(self, encoder, astronaut, two_people):
        embeddings, faces = encoder.embed_photo(two_people)
        assert embeddings.shape == (2, 128)
        assert len(faces) == 2
        assert faces.boxes[0, 1] > faces.boxes[1, 1]  # the larger face is at the right
        np.testing.assert_array_equal(faces.chips, align_faces(two_people).chips)
        np.testing.assert_array_equal(embeddings, encoder.embed_aligned(faces.chips))
        distances = cdist(embeddings, encoder([HOPPER, astronaut]))
        assert distances.argmin(axis=1).tolist() == [0, 1]
        assert distances.diagonal().max() < 0.45

    def test_no_face_is_no_error(self, encoder):
        embeddings, faces = encoder.embed_photo(COFFEE)
        assert embeddings.shape == (0, 128)
        assert embeddings.dtype == np.float32
        assert len(faces) == 0

    def test_what_is_no_photo_is_an_error(self, encoder, tmp_path):
        with pytest.raises(FileNotFoundError, match="There is no photo"):
            encoder.embed_photo(tmp_path / "gone.png")


class TestAlignedFaces:
    @pytest.mark.parametrize("num_chips", [0, 1, 31, 32, 33, 70])
    def test_any_number_gets_what_each_gets_alone(self, encoder, num_chips):
        chips = noise(num_chips)
        before = chips.copy()
        found = encoder.embed_aligned(chips)
        assert found.shape == (num_chips, 128)
        assert found.dtype == np.float32
        for index in {0, 30, 31, 32, 33, 63, 64, 69} & set(range(num_chips)):
            alone = encoder.embed_aligned(chips[index : index + 1])
            np.testing.assert_allclose(found[index : index + 1], alone, rtol=0, atol=2e-6)
        np.testing.assert_array_equal(chips, before)

    def test_a_list_of_chips_is_accepted(self, encoder):
        chips = noise(2)
        np.testing.assert_array_equal(
            encoder.embed_aligned(list(chips)), encoder.embed_aligned(chips)
        )

    @pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "bool", "uint16"])
    def test_other_types_are_refused(self, encoder, dtype):
        words = (
            r"`chips` must be uint8, shape \(num_faces, 150, 150, 3\)\. "
            rf"Received: {dtype}, \(1, 150, 150, 3\)\."
        )
        with pytest.raises(ValueError, match=words):
            encoder.embed_aligned(np.zeros((1, 150, 150, 3), dtype))

    @pytest.mark.parametrize(
        "shape", [(150, 150, 3), (2, 150, 150), (2, 150, 150, 1), (2, 112, 92, 3), (0,), ()]
    )
    def test_other_shapes_are_refused(self, encoder, shape):
        words = rf"`chips` must be uint8, shape .* Received: uint8, {re.escape(str(shape))}\."
        with pytest.raises(ValueError, match=words):
            encoder.embed_aligned(np.zeros(shape, np.uint8))


class TestIdentity:
    def test_it_says_which_weights_and_which_alignment(self, encoder):
        content = face_encoder_weights_path().read_bytes()
        assert encoder.checksum == hashlib.sha256(content).hexdigest()
        assert encoder.embedding_dim == 128
        assert "150" in encoder.name

    def test_the_network_is_built_once_when_it_is_needed(self, monkeypatch):
        built, build = [], encoder_module.build_face_encoder

        def counted():
            built.append(build())
            return built[-1]

        monkeypatch.setattr(encoder_module, "build_face_encoder", counted)
        encoder = FaceEncoder()
        with pytest.raises(NoFaceError):
            encoder([COFFEE])
        assert built == []
        for _ in range(2):
            encoder.embed_aligned(noise(1))
        assert len(built) == 1


def lowest_error(embeddings, labels):
    """The lowest rate that FMR and FNMR both keep to at one threshold: about the EER."""
    first, second = np.triu_indices(len(labels), k=1)
    distances = cdist(embeddings, embeddings)[first, second]
    fmr, fnmr, _ = det_curve(labels[first] == labels[second], -distances)
    return np.maximum(fmr, fnmr).min()


class TestQuality:
    """On the 40 people of the ORL faces, none of whom this network was trained to tell apart."""

    def test_pairs_are_verified_with_at_most_1_percent_errors(self, embeddings, aligned):
        assert lowest_error(embeddings, aligned.labels) <= 0.01

    def test_so_they_are_among_each_quarter_of_the_people(self, embeddings, aligned):
        for part in split_by_identity(aligned.labels, (10, 10, 10, 10), seed=0):
            assert len(np.unique(aligned.labels[part])) == 10
            assert lowest_error(embeddings[part], aligned.labels[part]) <= 0.01

    def test_one_photo_of_each_is_enough_to_name_the_others(self, embeddings, aligned):
        """40-way one-shot, with each person's first photo enrolled, then each second, …"""
        shares = []
        for turn in range(9):
            gallery = np.array([np.flatnonzero(aligned.labels == each)[turn] for each in range(40)])
            probes = np.setdiff1d(np.arange(len(aligned.labels)), gallery)
            nearest = cdist(embeddings[probes], embeddings[gallery]).argmin(axis=1)
            shares.append((nearest == aligned.labels[probes]).mean())
        assert np.mean(shares) >= 0.99
        assert min(shares) >= 0.98

    def test_faces_that_are_not_aligned_are_far_worse(self, encoder, orl):
        """The middle of each photo, 92 × 92 pixels, enlarged to 150 × 150."""
        squares = [Image.fromarray(photo[10:102]).resize((150, 150)) for photo in orl.images[:200]]
        chips = np.stack([np.asarray(square.convert("RGB")) for square in squares])
        assert lowest_error(encoder.embed_aligned(chips), orl.labels[:200]) > 0.05
