"""How `course stylize` paints: photos, style and mask read, one transfer each, reported."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from course_utils.cli.output import FAILED, message_of, note
from course_utils.cli.photos import PhotoError, Problem
from course_utils.cli.pictures import save_picture

if TYPE_CHECKING:
    import numpy as np

    from course_utils.style_transfer import StyledPicture

PAINTED_SIDES = (16, 4096)  # pixels that a painting of the course may be wide
ARGUMENTS = {  # as a message of `transfer_style` calls it → as it is called here
    "`max_side`": "--size",
    "`style_scale`": "--stroke-size",
    "`mask`": "--mask",
    "`content`": "the photo",
    "`style`": "the style",
}

Paint: TypeAlias = Callable[[Path], "StyledPicture"]


class Job(NamedTuple):
    """What is to be painted.

    Attributes:
        photo: Path of the photo.
        picture: Path of its picture.
    """

    photo: Path
    picture: Path


def check_styles(names: Sequence[str]) -> None:
    """An unknown name or an unreadable file is an error before anything takes time.

    Args:
        names: Names or paths of styles.

    Raises:
        ValueError: If there is no such style, or it is no image.
        FileNotFoundError: If its file is missing.
    """
    from course_utils.data import load_style

    for name in names:
        load_style(name, image_size=PAINTED_SIDES[0])


def read_mask(path: str) -> "np.ndarray":
    """How bright an image is.

    Args:
        path: Path of an image file.

    Returns:
        Uint8 array, shape (height, width).
    """
    import numpy as np
    from PIL import Image

    from course_utils.data import read_photo

    return np.array(Image.fromarray(read_photo(path)).convert("L"))


def readable_jobs(jobs: Sequence[Job]) -> tuple[list[Job], list[Problem]]:
    """The photos that can be read; of several, the others are reported on stderr.

    Args:
        jobs: What is to be painted.

    Returns:
        Those that can be, and the problems of the others.

    Raises:
        PhotoError: If the only photo, or every one, cannot be read.
    """
    from course_utils.data import read_photo

    readable, problems = [], []
    for job in jobs:
        try:
            read_photo(job.photo)
            readable.append(job)
        except (ValueError, OSError) as error:
            problems.append(report(job.photo, error, alone=len(jobs) == 1))
    if not readable:
        raise PhotoError("None of the photos can be used.")
    return readable, problems


def report(photo: Path, error: Exception, *, alone: bool) -> Problem:
    """Reports on stderr what is wrong with one photo of several.

    Args:
        photo: Its path.
        error: What is wrong.
        alone: Whether it is the only photo.

    Returns:
        The problem, in words of the command line.

    Raises:
        PhotoError: The same, if it is the only photo.
    """
    message = message_of(error)
    for argument, here in ARGUMENTS.items():
        message = message.replace(argument, here)
    if str(photo) not in message:
        message = f"{photo}: {message}"
    problem = Problem(photo, PhotoError(message, FAILED))
    if alone:
        raise problem.error from error
    note("skipped", message)
    return problem


def build_painter(
    options: argparse.Namespace, weights: Sequence[tuple[str, float]], mask: "np.ndarray | None"
) -> Paint:
    """The function from a photo to its picture. It takes seconds: TensorFlow, and the styles.

    Args:
        options: The parsed arguments.
        weights: Styles and their weights.
        mask: Where the style is wanted, uint8 array, shape (height, width), or None.

    Returns:
        A function from the path of a photo to what `transfer_style` returns.
    """
    from course_utils.session import start_session

    start_session(deterministic=False)  # for its quiet start
    from course_utils.data import load_style
    from course_utils.style_transfer import Costs, Descent, transfer_style

    costs = Costs(
        beta=options.strength * Costs.beta,
        style_scale=options.stroke_size,
        style_weights=[weight for _, weight in weights],
    )
    descent = Descent(
        steps=options.steps,
        seconds=options.time,
        start="auto" if options.noise is None else options.noise,
        seed=options.seed,
    )
    smallest, largest = PAINTED_SIDES
    wanted = min(max(round(options.size * options.stroke_size), smallest), largest)
    styles = [load_style(style, image_size=wanted) for style, _ in weights]
    progress = not options.quiet and sys.stderr is not None and sys.stderr.isatty()

    def paint(photo: Path) -> "StyledPicture":
        return transfer_style(
            photo,
            styles,
            max_side=options.size,
            keep_colors=options.keep_colors,
            mask=mask,
            costs=costs,
            descent=descent,
            progress=progress,
        )

    return paint


def paint_photo(job: Job, paint: Paint, *, overwrite: bool) -> dict[str, Any]:
    """Paints one photo and saves the picture.

    Args:
        job: The photo and where its picture will be.
        paint: What `build_painter` returned.
        overwrite: Whether a file that is there is replaced.

    Returns:
        The picture's part of the JSON document.
    """
    styled = paint(job.photo)
    save_picture(styled.image, job.picture, overwrite=overwrite)
    height, width = styled.image.shape[:2]
    history = styled.history
    at_this_size = history.heights == history.heights[-1]  # the picture is the best of these
    best = min(at_this_size.nonzero()[0], key=lambda index: history.total[index])
    return {
        "photo": str(job.photo),
        "picture": str(job.picture),
        "width": width,
        "height": height,
        "ended": styled.ended,
        "seconds": round(float(history.seconds[-1]), 1),
        "steps": len(history.total),
        "cost": float(history.total[best]),
        "content_cost": float(history.content[best]),
        "style_cost": float(history.style[best]),
    }
