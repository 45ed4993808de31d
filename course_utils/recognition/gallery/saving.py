"""Saving without losing anybody, whoever else is saving to the same file.

A gallery remembers what was changed since it was loaded or last saved. A save takes a lock, and if
somebody else changed the file meanwhile, it applies those changes to what is in the file now.
"""

import errno
import hashlib
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from course_utils.files import remove_drafts
from course_utils.recognition.gallery.reading import read_gallery, verify_gallery
from course_utils.recognition.gallery.results import EncoderIdentity, Threshold
from course_utils.recognition.gallery.storage import Header, write_gallery
from course_utils.recognition.gallery.templates import Templates

ROWS_AT_ONCE = 8_192


@dataclass
class Contents:
    """What a gallery holds, and what of it is new.

    Attributes:
        encoder: The encoder that made the embeddings.
        rule: "nearest" or "mean".
        threshold: The calibrated threshold, or None.
        templates: Names and embeddings.
        home: The file it was loaded from or last saved to; None before.
        origin: Revision of that file's first save.
        included: Revisions of files whose content this one includes: they may be overwritten.
        num_saved_rows: How many of the templates, from the first, were loaded or last saved.
        removed: Names of the people who were among those, and were removed.
        threshold_changed: Whether the threshold was set since.
    """

    encoder: EncoderIdentity
    rule: str
    threshold: Threshold | None
    templates: Templates
    home: Path | None = None
    origin: str | None = None
    included: set[str] = field(default_factory=set)
    num_saved_rows: int = 0
    removed: set[str] = field(default_factory=set)
    threshold_changed: bool = False

    def remove(self, name: str) -> None:
        """Removes a person, and remembers it if a file has them."""
        num_saved = np.count_nonzero(self.templates.remove(name) < self.num_saved_rows)
        if num_saved:
            self.num_saved_rows -= int(num_saved)
            self.removed.add(name)

    def all_saved(self, path: Path, header: Header) -> None:
        """Remembers that the file now holds all of this, and nothing else."""
        self.home, self.origin = path, header.origin
        self.included.add(header.revision)
        self.num_saved_rows = self.templates.num_rows
        self.removed = set()
        self.threshold_changed = False


def load_contents(path: Path | str) -> Contents:
    """What a file holds.

    Args:
        path: The file, or a link to it.

    Returns:
        Its verified contents; nothing of them is new.

    Raises:
        OSError: If the file is missing or cannot be read.
        ValueError: If it is damaged, or saved by a newer version of the course.
    """
    path = Path(os.path.realpath(path))
    header, templates = read_gallery(path)
    contents = Contents(header.encoder, header.rule, header.threshold, templates)
    contents.all_saved(path, header)
    return contents


def save_contents(contents: Contents, path: Path | str, timeout: float) -> None:
    """Writes contents to a file, after taking over what others have saved there.

    Args:
        contents: Changed to what the file then holds.
        path: The file, or a link to it.
        timeout: How many seconds to wait for somebody else who is saving.

    Raises:
        TimeoutError: If they are not ready by then.
        OSError: If the folder is missing or cannot be written, or the disk is full.
        ValueError: If the file is damaged, or holds a gallery of another encoder or rule.
    """
    path = Path(os.path.realpath(path))
    with _locked(path, timeout):
        remove_drafts(path)
        if path.exists():
            stored = verify_gallery(path)  # a damaged file is not overwritten
            check_agreement(contents, stored, path)
            if stored.revision not in contents.included:
                _take_over(contents, path)
        revision = uuid.uuid4().hex
        header = Header(
            contents.encoder,
            contents.rule,
            contents.threshold,
            contents.origin or revision,
            revision,
        )
        contents.included.add(revision)  # before: an interrupt may come just after the writing
        write_gallery(path, header, contents.templates)
        contents.all_saved(path, header)


def check_agreement(contents: Contents, stored: Header | Contents, path: Path | str) -> None:
    """Raises a `ValueError` if a file's gallery is of another encoder or rule."""
    if stored.encoder != contents.encoder:
        raise ValueError(
            f"The gallery file {path} holds embeddings by {stored.encoder}, not by "
            f"{contents.encoder}: distances between the embeddings of two encoders mean nothing. "
            "Use that encoder, or enrol the photos anew in another file."
        )
    if stored.rule != contents.rule:
        raise ValueError(
            f'The gallery file {path} has rule="{stored.rule}", not "{contents.rule}", and its '
            "threshold holds for that rule. Use that rule, or another file."
        )


def _take_over(contents: Contents, path: Path) -> None:
    """Puts what is in the file under what is new in the contents.

    In the gallery's own file, who was saved before and is not there now was removed by somebody.
    In a file that holds another gallery, everybody is new; only templates that it has already,
    bit for bit and under the same name, are not added again: a script may run twice.
    """
    header, merged = read_gallery(path)
    own = contents.templates
    at_home = path == contents.home and header.origin == contents.origin
    for name in contents.removed:
        if name in merged:
            merged.remove(name)
    num_rows_there = merged.num_rows
    if at_home:
        rows = np.arange(contents.num_saved_rows, own.num_rows)
    else:
        known = set(_fingerprints(merged))
        new = [fingerprint not in known for fingerprint in _fingerprints(own)]
        rows = np.flatnonzero(new)
    for first in range(0, len(rows), ROWS_AT_ONCE):
        block = own.take(rows[first : first + ROWS_AT_ONCE])
        people, position = np.unique(block.people, return_inverse=True)
        numbers = [merged.number_or_new(own.names[person]) for person in people]
        merged.append(block.embeddings, np.array(numbers, np.int32)[position])

    contents.templates, contents.num_saved_rows = merged, num_rows_there
    contents.home, contents.origin = path, header.origin
    contents.included.add(header.revision)
    if not contents.threshold_changed:
        contents.threshold = header.threshold if at_home else header.threshold or contents.threshold


def _fingerprints(templates: Templates) -> Iterator[bytes]:
    """A hash of each template and its name."""
    for _, block in templates.blocks():
        for person, embedding in zip(block.people.tolist(), block.embeddings, strict=True):
            fingerprint = hashlib.blake2b(embedding, digest_size=16)
            fingerprint.update(templates.names[person].encode())
            yield fingerprint.digest()


@contextmanager
def _locked(path: Path, timeout: float) -> Iterator[None]:
    """Nobody else saves to the file meanwhile. The lock of a process that dies is free at once."""
    if not path.parent.is_dir():
        raise FileNotFoundError(
            errno.ENOENT, "The folder of the gallery file is missing; make it first", str(path)
        )
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "A gallery is a file, not a folder", str(path))
    lock = FileLock(f"{path}.lock", timeout=timeout)
    try:
        lock.acquire(poll_interval=0.01)
    except Timeout:
        raise TimeoutError(
            f"The gallery file {path} has been locked for {timeout:g} s by another process that "
            "saves to it. Save again later, or with a longer `timeout`."
        ) from None
    except OSError as error:
        raise OSError(
            error.errno,
            f"A gallery cannot be saved here ({error.strerror}); choose a folder that you may "
            "write to",
            str(path),
        ) from error
    try:
        yield
    finally:
        lock.release()
