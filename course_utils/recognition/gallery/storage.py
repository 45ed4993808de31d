"""The file of a gallery: an uncompressed .npz without pickle.

`np.load(path)` shows what is inside:

- `names`: the people's names in order of enrolment, a JSON list in UTF-8, as bytes;
- `people`: whose each embedding is, int32, shape (n,);
- `embeddings`: little-endian float32, shape (n, dim);
- `header`: a JSON object in UTF-8, as bytes: format, version, encoder, rule, threshold, origin,
  revision, numbers of people and templates, and a sha256 of all of this.

The sha256 is that of names, people, embeddings and of the header without it, in this order.
"""

import hashlib
import json
import stat
import struct
import zipfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import TypeAlias

import numpy as np

from course_utils.files import replaced_when_complete
from course_utils.recognition.gallery.arguments import as_rule
from course_utils.recognition.gallery.names import Names
from course_utils.recognition.gallery.results import EncoderIdentity, Threshold
from course_utils.recognition.gallery.templates import Templates

FORMAT = "course_utils gallery"
VERSION = 1
MEMBERS = ("names.npy", "people.npy", "embeddings.npy", "header.npy")
NPY_START_SIZE = 128  # bytes before an array's own
NAMES_AT_ONCE = 10_000
PRIVATE = 0o600  # faces are biometric data: only the owner may read a new file


Digest: TypeAlias = "hashlib._Hash"


@dataclass(frozen=True)
class Header:
    """What a gallery file says of itself.

    Attributes:
        encoder: The encoder that made the embeddings.
        rule: "nearest" or "mean".
        threshold: The calibrated threshold, or None.
        origin: Revision of the first save of this gallery; copies and later saves keep it.
        revision: Name of this very content, new with each save.
    """

    encoder: EncoderIdentity
    rule: str
    threshold: Threshold | None
    origin: str
    revision: str

    def __post_init__(self) -> None:
        as_rule(self.rule)
        for revision in (self.origin, self.revision):
            if not isinstance(revision, str) or not revision.isalnum() or len(revision) > 64:
                raise ValueError(f"revision {revision!r:.70}")


def write_gallery(path: Path, header: Header, templates: Templates) -> None:
    """Replaces a gallery file, or makes it, readable for its owner only.

    Args:
        path: The file itself, not a link to it. One that exists keeps its permissions.
        header: What to say of it.
        templates: Names and embeddings.

    Raises:
        OSError: If the folder is missing or cannot be written, or the disk is full.
    """
    mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else PRIVATE
    digest = hashlib.sha256()
    rows = templates.num_rows
    with (
        replaced_when_complete(path, mode=mode) as draft,
        zipfile.ZipFile(draft, "w") as archive,
    ):
        names = _names_as_json(templates.names)
        _write(archive, "names.npy", "|u1", (len(names),), [names], digest)
        people = (block.people.astype("<i4", copy=False) for _, block in templates.blocks())
        _write(archive, "people.npy", "<i4", (rows,), people, digest)
        blocks = (block.embeddings.astype("<f4", copy=False) for _, block in templates.blocks())
        _write(archive, "embeddings.npy", "<f4", (rows, templates.dim), blocks, digest)
        fields = {"format": FORMAT, "version": VERSION, **asdict(header)}
        fields |= {"num_people": len(templates.names), "num_templates": rows}
        digest.update(as_json(fields))
        text = as_json({**fields, "sha256": digest.hexdigest()})
        _write(archive, "header.npy", "|u1", (len(text),), [text])


def _write(
    archive: zipfile.ZipFile,
    name: str,
    dtype: str,
    shape: tuple[int, ...],
    parts: Iterable[bytes | np.ndarray],
    digest: "Digest | None" = None,
) -> None:
    """Adds an array whose bytes come in parts."""
    with archive.open(name, "w", force_zip64=True) as member:
        member.write(npy_start(dtype, shape))
        for part in parts:
            data = memoryview(part if isinstance(part, bytes) else part.data).cast("B")
            member.write(data)
            if digest is not None:
                digest.update(data)


def npy_start(dtype: str, shape: tuple[int, ...]) -> bytes:
    """What stands before an array's bytes in the .npy format, version 1.0; always 128 bytes.

    Our own, because the spaces that NumPy puts in are not the same in all its versions.
    """
    text = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape!r}, }}"
    size = NPY_START_SIZE - 10
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", size) + f"{text:<{size - 1}}\n".encode()


def _names_as_json(names: Names) -> bytes:
    """What `as_json` makes of the list of them, without ever having that list."""
    rest = iter(names)
    starts = range(0, len(names), NAMES_AT_ONCE)
    parts = (as_json(list(islice(rest, NAMES_AT_ONCE)))[1:-1] for _ in starts)
    return b"[" + b",".join(parts) + b"]"


def as_json(value: object) -> bytes:
    """JSON in UTF-8, without NaN and without spaces: for one value always the same bytes."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8")
