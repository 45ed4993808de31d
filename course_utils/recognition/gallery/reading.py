"""Reading a gallery's file, and noticing every damage to it.

Nothing in the file is believed: a size is compared with the file's before memory is taken for it,
and the content with its checksum. The file is as `storage` writes it, or it is damaged.
"""

import errno
import hashlib
import json
import math
import os
import stat
import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from course_utils.recognition.gallery.arguments import as_embeddings, as_name
from course_utils.recognition.gallery.names import Names
from course_utils.recognition.gallery.results import EncoderIdentity, Threshold
from course_utils.recognition.gallery.storage import (
    FORMAT,
    MEMBERS,
    NPY_START_SIZE,
    VERSION,
    Digest,
    Header,
    as_json,
    npy_start,
)
from course_utils.recognition.gallery.templates import Templates

LARGEST_HEADER = 100_000  # bytes
PART_SIZE = 4_000_000  # bytes, about: so much is read at once
WHAT_DAMAGE_RAISES = (  # in `zipfile`, in `json`, and here
    *(zipfile.BadZipFile, ValueError, TypeError, LookupError, AttributeError),
    *(ArithmeticError, EOFError, RuntimeError, struct.error),
)


class DamagedGalleryError(ValueError):
    """A gallery file is not what was saved: cut off, altered, or no gallery at all."""


def read_gallery(path: Path) -> tuple[Header, Templates]:
    """Reads a gallery file and verifies all of it.

    Args:
        path: The file.

    Returns:
        What it says of itself, and its names and embeddings.

    Raises:
        FileNotFoundError: If there is no such file.
        IsADirectoryError: If it is a folder.
        DamagedGalleryError: If anything in it is not as it was saved.
        ValueError: If a newer version of the course saved it.
    """
    with _opened(path) as file:
        templates = Templates(file.header.encoder.embedding_dim, file.names)
        for embeddings, people in file.chunks():
            templates.append(embeddings, people)
        return file.header, templates


def verify_gallery(path: Path) -> Header:
    """Verifies a gallery file as `read_gallery` does, and keeps none of its embeddings.

    Args:
        path: The file.

    Returns:
        What it says of itself.

    Raises:
        OSError: As `read_gallery` does.
        ValueError: As `read_gallery` does.
    """
    with _opened(path) as file:
        for _ in file.chunks():
            pass
        return file.header


@contextmanager
def _opened(path: Path) -> Iterator["_GalleryFile"]:
    """The parts of a gallery file; whatever goes wrong in the block is an error that names it."""
    mode = path.stat().st_mode if path.exists() else None
    if mode is None:
        raise FileNotFoundError(errno.ENOENT, "There is no gallery file", str(path))
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "A gallery is a file, not a folder", str(path))
    try:
        if not stat.S_ISREG(mode):
            raise _Damage("it is not a regular file")
        with open(path, "rb") as stream, zipfile.ZipFile(stream) as archive:
            yield _GalleryFile(archive, os.fstat(stream.fileno()).st_size)
    except _NewerVersionError as newer:
        raise ValueError(
            f"The gallery file {path} has format version {newer}, and this course reads version "
            f"{VERSION}. Update the course; the file has not been changed."
        ) from None
    except (*WHAT_DAMAGE_RAISES, OSError) as error:
        if isinstance(error, OSError) and error.errno != errno.EINVAL:
            raise  # the disk's, not the file's; a place before the file's beginning gives EINVAL
        raise DamagedGalleryError(
            f"The gallery file {path} is damaged, or no gallery ({error}). Put a copy of it in its "
            "place, from a backup; it has not been changed."
        ) from error


class _Damage(ValueError):
    """What is wrong with a file, in a few words."""


class _NewerVersionError(ValueError):
    """The version of a file that is newer than this code."""


class _GalleryFile:
    """The members of an opened file, each verified before it is given out."""

    def __init__(self, archive: zipfile.ZipFile, size: int) -> None:
        self._archive = archive
        self._members = _members(archive, size)
        if self._members["header.npy"].file_size > LARGEST_HEADER:
            raise _Damage(f"a header of more than {LARGEST_HEADER:,} bytes")
        text = self._read_text("header.npy")
        fields = _from_json(text)
        if not isinstance(fields, dict) or fields.get("format") != FORMAT:
            raise _Damage("its header is that of something else")
        version = fields.get("version")
        if type(version) is not int or version < VERSION:
            raise _Damage(f"format version {version!r:.30}")
        if version > VERSION:
            raise _NewerVersionError(str(version))
        if tuple(self._members) != MEMBERS:
            raise _Damage(f"it holds {', '.join(self._members):.200}")
        if text != as_json(fields):
            raise _Damage("its header is not as a gallery writes it")
        self._sha256 = fields.pop("sha256")
        self._hashed_fields = as_json(fields)
        self.num_people, self.num_templates = fields.pop("num_people"), fields.pop("num_templates")
        for number in (self.num_people, self.num_templates):
            if type(number) is not int or not 0 <= number < 2**31:
                raise _Damage(f"{number!r:.30} people or templates")
        del fields["format"], fields["version"]
        fields["encoder"] = EncoderIdentity(**fields["encoder"])
        if fields["threshold"] is not None:
            fields["threshold"] = Threshold(**fields["threshold"])
        self.header = Header(**fields)
        self._digest = hashlib.sha256()
        self.names = self._read_names()

    def _read_text(self, name: str, digest: "Digest | None" = None) -> bytes:
        """The bytes of a member that holds a text, as long as the member is."""
        length = self._members[name].file_size - NPY_START_SIZE
        return b"".join(self._read(name, "|u1", (length,), PART_SIZE, digest))

    def _read_names(self) -> Names:
        listed = _from_json(self._read_text("names.npy", self._digest))
        if not isinstance(listed, list) or len(listed) != self.num_people:
            raise _Damage(f"a list of {self.num_people:,} names is missing")
        names = Names()
        if any(as_name(each) != each or names.add(each) != n for n, each in enumerate(listed)):
            raise _Damage("names that are not tidy, or the same twice")
        return names

    def chunks(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Embeddings and people, some rows at a time; at the end the checksum is verified."""
        rows, dim = self.num_templates, self.header.encoder.embedding_dim
        whole = self._read("people.npy", "<i4", (rows,), PART_SIZE, self._digest)
        people = np.frombuffer(b"".join(whole), "<i4").astype(np.int32, copy=False)
        if people.size and (people.min() < 0 or people.max() >= self.num_people):
            raise _Damage("an embedding belongs to nobody")
        if np.count_nonzero(np.bincount(people, minlength=self.num_people)) != self.num_people:
            raise _Damage("somebody has no embedding")
        at_once = max(PART_SIZE // (4 * dim), 1) * 4 * dim  # whole rows
        first = 0
        for part in self._read("embeddings.npy", "<f4", (rows, dim), at_once, self._digest):
            embeddings = np.frombuffer(part, "<f4").astype(np.float32, copy=False).reshape(-1, dim)
            embeddings = as_embeddings("embeddings", embeddings, dim)
            yield embeddings, people[first : first + len(embeddings)]
            first += len(embeddings)
        self._digest.update(self._hashed_fields)
        if self._digest.hexdigest() != self._sha256:
            raise _Damage("its content does not have the checksum that was saved with it")

    def _read(
        self, name: str, dtype: str, shape: tuple[int, ...], at_once: int, digest: "Digest | None"
    ) -> Iterator[bytes]:
        """An array's bytes in parts; begins only if the member has the size of such an array."""
        size = math.prod(shape) * np.dtype(dtype).itemsize
        found = self._members[name].file_size - NPY_START_SIZE
        if found < 0 or found != size:
            raise _Damage(f"{name} has {found:,} bytes of data, expected {size:,}")
        with self._archive.open(name) as member:  # at the end it compares the CRC
            if member.read(NPY_START_SIZE) != npy_start(dtype, shape):
                raise _Damage(f"{name} is not an array {shape} of type {dtype}")
            for first in range(0, size, at_once):
                part = member.read(min(at_once, size - first))
                if len(part) != min(at_once, size - first):
                    raise _Damage(f"{name} is cut off")
                if digest is not None:
                    digest.update(part)
                yield part


def _members(archive: zipfile.ZipFile, size: int) -> dict[str, zipfile.ZipInfo]:
    """What is in the archive: name → its entry, after sizes were compared with the file's."""
    entries = archive.infolist()
    for entry in entries:
        if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size:
            raise _Damage(f"{entry.filename:.50} is compressed")
    if sum(entry.file_size for entry in entries) > size:
        raise _Damage("more is said to be in it than its size allows")
    members = {entry.filename: entry for entry in entries}
    if len(members) != len(entries) or "header.npy" not in members:
        raise _Damage("it holds no header.npy, or something twice")
    return members


def _from_json(text: bytes) -> object:
    return json.loads(text.decode("utf-8"))
