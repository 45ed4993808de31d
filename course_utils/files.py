"""Files that are whole or not there: written beside their place, then moved into it."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replaced_when_complete(path: Path | str) -> Iterator[Path]:
    """A new file for the block to write; it takes the place of `path` when the block has ended.

    Whatever interrupts the block, an exception or the power cut, `path` is what it was before or
    what the block wrote, never half of it. The name that is given ends as `path` does, for
    libraries that look at the end.

    Args:
        path: Where the file will be; its folder must exist.

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
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".draft-", suffix=path.name)
    os.close(handle)
    draft = Path(name)
    try:
        yield draft
        _flush(draft)
        draft.chmod(0o644)
        os.replace(draft, path)
        _flush(path.parent)
    finally:
        draft.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    """Waits until a file, or a folder's list of names, is on the disk."""
    if path.is_dir() and os.name == "nt":
        return  # Windows cannot open a folder
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
