"""Files that are whole or not there: written beside their place, then moved into it."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs

DRAFT_PREFIX = ".draft-"  # then eight characters that `tempfile` draws, then the file's own name


@contextmanager
def replaced_when_complete(path: Path | str, *, mode: int = 0o644) -> Iterator[Path]:
    """A new file for the block to write; it takes the place of `path` when the block has ended.

    Whatever interrupts the block, an exception or the power cut, `path` is what it was before or
    what the block wrote, never half of it. The name that is given ends as `path` does, for
    libraries that look at the end.

    Args:
        path: Where the file will be; its folder must exist.
        mode: Permissions of the file, whatever the umask; by default everybody may read it.
            Until it is whole, only its owner may.

    Yields:
        Path of an empty file in the same folder.

    Returns:
        A context manager.

    Raises:
        FileNotFoundError: If the folder is missing.

    Example:
        >>> folder = tempfile.mkdtemp()
        >>> with replaced_when_complete(Path(folder) / "note.txt") as draft:
        ...     _ = draft.write_text("all of it")
        >>> (Path(folder) / "note.txt").read_text()
        'all of it'
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"The folder {path.parent} is missing. Make it first.")
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=DRAFT_PREFIX, suffix=path.name)
    os.close(handle)
    draft = Path(name)
    try:
        yield draft
        _flush(draft)
        draft.chmod(mode)
        os.replace(draft, path)
        _flush(path.parent)
    finally:
        draft.unlink(missing_ok=True)


def cache_folder() -> Path:
    """The one place outside the project that the course writes to: what it can make again.

    Returns:
        The folder that the environment variable `COURSE_UTILS_CACHE` names, or else the usual one
        of the operating system, such as `~/.cache/faces-and-styles`. It may not exist yet.

    Example:
        >>> cache_folder().is_absolute() or "COURSE_UTILS_CACHE" in os.environ
        True
    """
    chosen = os.environ.get("COURSE_UTILS_CACHE")
    return Path(chosen) if chosen else Path(platformdirs.user_cache_dir("faces-and-styles", False))


def remove_drafts(path: Path | str) -> None:
    """Removes the drafts of a file that killed or crashed writers left beside it.

    A draft that is being written looks the same: call this only where nobody else can be writing
    the file, such as under a lock.

    Args:
        path: The file, there or not; drafts of other files stay.
    """
    path = Path(path)
    length = len(DRAFT_PREFIX) + 8 + len(path.name)
    for each in path.parent.iterdir():
        if (
            each.name.startswith(DRAFT_PREFIX)
            and each.name.endswith(path.name)
            and len(each.name) == length
        ):
            each.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    """Waits until a file, or a folder's list of names, is on the disk."""
    if path.is_dir() and os.name == "nt":
        return  # Windows cannot open a folder
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
