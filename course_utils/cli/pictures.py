"""Where pictures go that a command makes: decided and checked first, written whole at the end.

Nothing that is there is ever lost, unless the user asked for it to be replaced.
"""

import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from course_utils.cli.output import CommandError

if TYPE_CHECKING:
    import numpy as np

# What a file's name ends in → the format and what Pillow's `save` takes for it.
FORMATS = {
    ".bmp": ("BMP", {}),
    ".jpeg": ("JPEG", {"quality": 95}),
    ".jpg": ("JPEG", {"quality": 95}),
    ".png": ("PNG", {}),
    ".tif": ("TIFF", {}),
    ".tiff": ("TIFF", {}),
    ".webp": ("WEBP", {"quality": 95}),
}
SEPARATORS = tuple({"/", os.sep})  # a path that ends so means a folder


def picture_paths(photos: Sequence[Path], output: str, *, suffix: str) -> list[Path]:
    """Where the picture of each photo will be.

    Args:
        photos: Paths of the photos, at least one.
        output: What was given as --output: a file for one photo, or a folder.
        suffix: What a picture in a folder is called after its photo's name, such as "_ink.png".

    Returns:
        A path for each photo, all in one folder.

    Raises:
        CommandError: If the format of a file is unknown, several photos are to become one file,
            or two of them a file of one name.
        FileNotFoundError: If the folder's parent is missing, or that of the file.
    """
    if _means_a_folder(output, len(photos)):
        paths = [Path(output) / f"{photo.stem}{suffix}" for photo in photos]
        _check_distinct(photos, paths)
        parent = Path(output).parent
    else:
        paths = [Path(output)]
        _format_of(paths[0])
        parent = paths[0].parent
    if not parent.is_dir():
        raise FileNotFoundError(f"The folder {parent} is missing. Make it first.")
    return paths


def check_free(paths: Sequence[Path], *, inputs: Iterable[str | Path], overwrite: bool) -> None:
    """Makes sure that no picture would take the place of a file that is to be kept.

    Args:
        paths: Where the pictures will be.
        inputs: Paths of what is read; those that are no files are left alone.
        overwrite: Whether another file may be replaced. An input never is.

    Raises:
        CommandError: If a picture would replace an input, a folder, or a file without leave.
    """
    sources = {_identity(each): each for each in inputs if os.path.exists(each)}
    for path in paths:
        source = sources.get(_identity(path))
        if source is not None:
            raise CommandError(
                f"{path} would replace {source}, which is read. Give another --output."
            )
        if os.path.exists(path) and not os.path.isfile(path):
            raise CommandError(f"{path} is there and no file. Give another --output.")
    taken = [path for path in paths if os.path.lexists(path)]
    if taken and not overwrite:
        others = f", as are {len(taken) - 1} others" if len(taken) > 1 else ""
        raise CommandError(
            f"{taken[0]} is there already{others}. Give another --output, or --overwrite."
        )


def check_writable(paths: Sequence[Path]) -> None:
    """Tries whether pictures of these names can be written. Nothing of it is left.

    Args:
        paths: Where the pictures will be, all in one folder; it, or its parent, exists.

    Raises:
        CommandError: If they cannot be written.
    """
    from course_utils.files import DRAFT_PREFIX

    folder = paths[0].parent
    folder = folder if folder.is_dir() else folder.parent  # where it will be made
    for path in paths:
        try:
            with tempfile.NamedTemporaryFile(dir=folder, prefix=DRAFT_PREFIX, suffix=path.name):
                pass
        except OSError as error:
            raise CommandError(
                f"{path} cannot be written ({error.strerror}). Give another --output."
            ) from error


def save_picture(image: "np.ndarray", path: Path, *, overwrite: bool) -> None:
    """Writes a picture, whole or not at all, and nothing but its pixels: no place, no date.

    Its folder is made if it is missing.

    Args:
        image: Uint8 array, shape (height, width, 3), RGB 0–255.
        path: Where it will be; the end of the name decides the format.
        overwrite: Whether a file that is there is replaced.

    Raises:
        CommandError: If a file is there that must not be replaced.
        OSError: If it cannot be written.
    """
    from PIL import Image

    from course_utils.files import replaced_when_complete

    format_, settings = _format_of(path)
    write = replaced_when_complete if overwrite else _added_when_complete
    path.parent.mkdir(exist_ok=True)
    try:
        with write(path, mode=0o666 & ~_umask()) as draft:
            Image.fromarray(image).save(draft, format=format_, **settings)
    except FileExistsError as error:
        raise CommandError(
            f"{path} has appeared meanwhile and stays as it is; the picture was not saved. Try "
            "again with another --output, or --overwrite."
        ) from error


def _means_a_folder(output: str, num_photos: int) -> bool:
    """Whether pictures are to go into a folder of that name, there or not."""
    if not output:
        raise CommandError("--output is empty. Give a file, or a folder.")
    if os.path.isdir(output):
        return True
    if os.path.lexists(output.rstrip("".join(SEPARATORS))) and (
        num_photos > 1 or output.endswith(SEPARATORS)
    ):
        raise CommandError(f"{output} is no folder. Give another --output.")
    if output.endswith(SEPARATORS):
        return True
    if num_photos > 1 and Path(output).suffix.lower() in FORMATS:
        raise CommandError(
            f"{num_photos} photos need a folder, and {output} looks like a file. For a folder of "
            f"that name: {output}/"
        )
    return num_photos > 1


def _format_of(path: Path) -> tuple[str, dict[str, Any]]:
    """The format that the end of a name stands for, and how it is saved."""
    try:
        return FORMATS[path.suffix.lower()]
    except KeyError:
        raise CommandError(
            f"{path} must end in one of {', '.join(FORMATS)}; or in / for a folder."
        ) from None


def _check_distinct(photos: Sequence[Path], paths: Sequence[Path]) -> None:
    first_with: dict[str, Path] = {}
    for photo, path in zip(photos, paths, strict=True):
        name = path.name.casefold()  # many file systems do not tell A from a
        if name in first_with:
            raise CommandError(
                f"{first_with[name]} and {photo} would both become {path}. Rename one, or give "
                "them one by one."
            )
        first_with[name] = photo


def _identity(path: str | Path) -> tuple[int, int] | None:
    """What two paths of one file have in common; None if there is no file."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _umask() -> int:
    """The permissions that the user wants no new file to have."""
    mask = os.umask(0o077)  # there is no other way to read it
    os.umask(mask)
    return mask


@contextmanager
def _added_when_complete(path: Path, *, mode: int) -> Iterator[Path]:
    """As `replaced_when_complete`, but nothing is replaced: FileExistsError, however late."""
    from course_utils.files import DRAFT_PREFIX, replaced_when_complete

    with tempfile.TemporaryDirectory(dir=path.parent, prefix=DRAFT_PREFIX) as folder:
        whole = Path(folder) / path.name
        with replaced_when_complete(whole, mode=mode) as draft:
            yield draft
        try:
            os.link(whole, path)
        except FileExistsError:
            raise
        except OSError:  # a file system without hard links
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            os.replace(whole, path)
