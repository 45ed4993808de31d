"""From photos to embeddings in one step: alignment and the published network, always together."""

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
from PIL import Image

from course_utils.data.photos import Photo
from course_utils.models import build_face_encoder
from course_utils.models.face_encoder import EMBEDDING_DIM, WEIGHTS_SHA256
from course_utils.recognition.alignment import (
    CHIP_SIZE,
    AlignedFaces,
    align_faces,
    align_one_face,
)

BATCH_SIZE = 32


class FaceEncoder:
    """Photos in, embeddings out: dlib's alignment, then dlib's network as rebuilt in Keras.

    Two photos of one person give vectors that lie close together. To be given to a `Gallery`.
    The network is built when it is first needed, about a second.

    Args:
        largest: Whether a photo with several faces stands for its largest one. By default it is
            an error, lest somebody be enrolled under another's name.

    Attributes:
        name: Which encoder this is, with its alignment; a gallery refuses another's embeddings.
        checksum: sha256 of the network's weights.
        embedding_dim: How many numbers describe a face.

    Example:
        >>> encoder = FaceEncoder()
        >>> encoder.embed_aligned(np.zeros((2, 150, 150, 3), np.uint8)).shape
        (2, 128)

    Lecture: section 5, notebook 05.
    """

    name = "dlib-resnet-v1, 5 landmarks, 150 px"
    checksum = WEIGHTS_SHA256
    embedding_dim = EMBEDDING_DIM

    def __init__(self, *, largest: bool = False) -> None:
        self.largest = largest
        self._model: keras.Model | None = None

    def __call__(self, photos: Sequence[Photo]) -> np.ndarray:
        """The embeddings of photos that show one face each.

        Args:
            photos: Paths, Pillow images or arrays, as `read_photo` takes.

        Returns:
            Float32 array, shape (num_photos, 128).

        Raises:
            NoFaceError, SeveralFacesError: Where a photo has not one face.
            FileNotFoundError, ValueError, TypeError: For what is no photo.
            ImportError: If dlib is not installed.
        """
        if isinstance(photos, np.ndarray) and _is_one_photo(photos):
            raise TypeError(
                "`photos` must be a list of photos. Received: one array, shape "
                f"{photos.shape}. For one photo: encoder([photo])."
            )
        if isinstance(photos, str | Path | Image.Image):
            raise TypeError(f"`photos` must be a list of photos. Received: {photos!r}.")
        chips = [align_one_face(photo, largest=self.largest) for photo in photos]
        return self.embed_aligned(np.array(chips, np.uint8).reshape(-1, CHIP_SIZE, CHIP_SIZE, 3))

    def embed_photo(self, photo: Photo) -> tuple[np.ndarray, AlignedFaces]:
        """The embeddings of all faces in one photo, the largest first.

        Args:
            photo: Path, Pillow image or array, as `read_photo` takes.

        Returns:
            Float32 array, shape (num_faces, 128), and where the faces are. No face is no error.

        Raises:
            FileNotFoundError, ValueError, TypeError: For what is no photo.
            ImportError: If dlib is not installed.
        """
        faces = align_faces(photo)
        return self.embed_aligned(faces.chips), faces

    def embed_aligned(self, chips: np.ndarray) -> np.ndarray:
        """The embeddings of faces that are aligned already.

        Args:
            chips: Uint8 array, RGB, shape (num_faces, 150, 150, 3), from `align_faces`.

        Returns:
            Float32 array, shape (num_faces, 128).

        Raises:
            ValueError: If the shape or the type is another: floats in [0, 1] would give
                embeddings of nearly black faces.
        """
        chips = np.asarray(chips)
        if chips.dtype != np.uint8 or chips.shape[1:] != (CHIP_SIZE, CHIP_SIZE, 3):
            raise ValueError(
                f"`chips` must be uint8, shape (num_faces, {CHIP_SIZE}, {CHIP_SIZE}, 3). "
                f"Received: {chips.dtype}, {chips.shape}."
            )
        if self._model is None:
            self._model = build_face_encoder()
        embeddings = np.empty((len(chips), EMBEDDING_DIM), np.float32)
        for start in range(0, len(chips), BATCH_SIZE):
            part = slice(start, start + BATCH_SIZE)
            embeddings[part] = self._model.predict_on_batch(chips[part].astype(np.float32))
        return embeddings


def _is_one_photo(array: np.ndarray) -> bool:
    """Whether an array is a photo rather than several: grey, or with channels at the end."""
    return array.ndim < 3 or (array.ndim == 3 and array.shape[2] in (1, 3, 4))
