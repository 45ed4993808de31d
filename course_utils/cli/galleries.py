"""Gallery files as the commands use them: opened early, checked against the encoder, described."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from course_utils.cli.output import CommandError
from course_utils.cli.photos import load_encoder

if TYPE_CHECKING:
    from course_utils.recognition.gallery import Gallery, Threshold

SAVE_TIMEOUT = 10.0  # seconds to wait for another program that is saving to the same file
NO_THRESHOLD = "none yet; set one: course gallery calibrate FOLDER --gallery FILE"


def load_gallery(path: str) -> "Gallery":
    """Reads a gallery file. It takes no encoder, so that a damaged file is noticed at once.

    Args:
        path: The file.

    Returns:
        The gallery.

    Raises:
        OSError: If there is no such file, or it cannot be read.
        ValueError: If it is damaged, or from a newer version of the course.
    """
    from course_utils.recognition.gallery import Gallery

    return Gallery.load(path)


def save_gallery(gallery: "Gallery", path: str) -> None:
    """Saves what was changed, beside what others have changed in the file meanwhile.

    Args:
        gallery: The gallery.
        path: Its file.

    Raises:
        TimeoutError: If another program keeps the file locked.
        OSError, ValueError: As `Gallery.save`.
    """
    gallery.save(path, timeout=SAVE_TIMEOUT)


def check_encoder(gallery: "Gallery", path: str) -> None:
    """Makes sure that the gallery's embeddings may be compared with those of photos encoded here.

    Args:
        gallery: The gallery.
        path: Its file.

    Raises:
        CommandError: If another encoder made them.
    """
    from course_utils.recognition.gallery import Gallery

    ours = Gallery(load_encoder()).encoder
    if gallery.encoder != ours:
        raise CommandError(
            f"The gallery {path} was made with another encoder, {gallery.encoder}; this command "
            f"uses {ours}. Their distances cannot be compared: enrol the photos in a new file."
        )


def threshold_document(threshold: "Threshold | None") -> dict[str, Any] | None:
    """A threshold for `--json`.

    Args:
        threshold: The threshold of a gallery, or None.

    Returns:
        Its fields, or None.
    """
    return None if threshold is None else asdict(threshold)


def plural(number: int, one: str, many: str) -> str:
    """A number and what it counts.

    Args:
        number: How many.
        one: The word for one.
        many: The word for any other number.

    Returns:
        Such as "1 photo" or "2 photos".
    """
    return f"{number:,} {one if number == 1 else many}"
