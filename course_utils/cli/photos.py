"""From files and folders to embeddings of the faces on them."""

import functools
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from course_utils.cli.output import FAILED, NOT_ONE_FACE, CommandError, message_of, note

if TYPE_CHECKING:
    import numpy as np

    from course_utils.recognition.alignment import AlignedFaces
    from course_utils.recognition.encoder import FaceEncoder

IMAGE_SUFFIXES = (
    *(".avif", ".bmp", ".gif", ".jp2", ".jpeg", ".jpg", ".pgm", ".png", ".pnm", ".ppm"),
    *(".tif", ".tiff", ".webp"),
)


class PhotoError(CommandError):
    """A photo that cannot be used: it cannot be read, or has not one face."""


class Problem(NamedTuple):
    """A photo that was left out.

    Attributes:
        photo: Its path.
        error: Why.
    """

    photo: Path
    error: PhotoError

    def document(self) -> dict[str, Any]:
        """The problem for `--json`."""
        return {"photo": str(self.photo), "reason": message_of(self.error)}


class Encoded(NamedTuple):
    """Photos of one face each, and those that were left out.

    Attributes:
        photos: Paths of the photos that were encoded.
        embeddings: One for each of them, shape (128,).
        problems: The others.
    """

    photos: list[Path]
    embeddings: "list[np.ndarray]"
    problems: list[Problem]


def image_files(places: Sequence[str | Path], *, missing_ok: bool = False) -> list[Path]:
    """The photos that were named: files as they are, and of each folder the image files in it.

    Args:
        places: Paths of files and folders.
        missing_ok: Whether a file may be missing, to be reported when it is read.

    Returns:
        Paths; those of a folder sorted by name, without hidden files and without subfolders.

    Raises:
        CommandError: If a folder has no image file.
        FileNotFoundError: If a file is missing, and may not be.
    """
    paths = []
    for place in map(Path, places):
        if place.is_dir():
            found = images_in(place)
            if not found:
                raise CommandError(
                    f"The folder {place} holds no image file "
                    f"({', '.join(IMAGE_SUFFIXES)}); its subfolders are not searched."
                )
            paths += found
        elif missing_ok or place.exists():
            paths.append(place)
        else:
            raise FileNotFoundError(f"There is no photo {place}.")
    return paths


def images_in(folder: Path) -> list[Path]:
    """The image files of a folder.

    Args:
        folder: A folder.

    Returns:
        Paths, sorted by name; none if there are none.
    """
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in IMAGE_SUFFIXES
        and not path.name.startswith(".")
        and path.is_file()
    )


@functools.cache
def load_encoder() -> "FaceEncoder":
    """The encoder of all commands. The first call imports TensorFlow, which takes seconds.

    Returns:
        The one `FaceEncoder` of this program.
    """
    from course_utils.session import start_session

    start_session(deterministic=False)  # for its quiet start; nothing here is random
    from course_utils.recognition.encoder import FaceEncoder

    return FaceEncoder()


def embed_photo(photo: Path) -> "tuple[np.ndarray, AlignedFaces]":
    """All faces of a photo, the largest first.

    Args:
        photo: Path of an image file.

    Returns:
        Their embeddings, shape (num_faces, 128), and where they are.

    Raises:
        PhotoError: If the file cannot be read as a photo.
    """
    from course_utils.data import read_photo

    try:
        pixels = read_photo(photo)
    except (ValueError, OSError) as error:
        raise PhotoError(message_of(error), FAILED) from error
    return load_encoder().embed_photo(pixels)


def encode_one_face(photo: Path, *, largest: bool = False) -> "np.ndarray":
    """The one face of a photo.

    Args:
        photo: Path of an image file.
        largest: Whether to take the largest face if there are several.

    Returns:
        Its embedding, shape (128,).

    Raises:
        PhotoError: If the photo cannot be read, or has no face, or several.
    """
    embeddings, faces = embed_photo(photo)
    if len(faces) == 0:
        raise PhotoError(
            f"No face was found in {photo}. Take one that shows the whole face from the front.",
            NOT_ONE_FACE,
        )
    if len(faces) > 1 and not largest:
        raise PhotoError(
            f"{len(faces)} faces were found in {photo}, and one is needed. Crop the photo, or "
            "take the largest face: --largest.",
            NOT_ONE_FACE,
        )
    return embeddings[0]


def encode_photos(photos: Sequence[Path], *, largest: bool = False, skip: bool = False) -> Encoded:
    """Photos of one face each, with a progress bar if somebody watches.

    Args:
        photos: Paths of image files.
        largest: Whether to take the largest face of a photo that has several.
        skip: Whether to leave out photos that cannot be used, and report each on stderr.

    Returns:
        `Encoded`.

    Raises:
        PhotoError: If a photo cannot be used and `skip` is False, or if none is left.
    """
    used, embeddings, problems = [], [], []
    for photo in with_progress(photos):
        try:
            embeddings.append(encode_one_face(photo, largest=largest))
            used.append(photo)
        except PhotoError as error:
            if not skip:
                raise
            problems.append(Problem(photo, error))
    for problem in problems:
        note("skipped", message_of(problem.error))
    if not used:
        raise PhotoError("None of the photos can be used.", problems[0].error.exit_code)
    return Encoded(used, embeddings, problems)


def with_progress(photos: Sequence[Path]) -> Iterable[Path]:
    """The photos, one by one, with a progress bar on stderr if that is a terminal.

    Args:
        photos: Paths.

    Returns:
        The same paths.
    """
    if len(photos) < 2 or sys.stderr is None or not sys.stderr.isatty():
        return photos
    from tqdm import tqdm

    return tqdm(photos, unit="photo", leave=False)
