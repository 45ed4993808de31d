"""The weights that the course trained itself: where they are, and proof that they are intact.

`weights/manifest.json` lists every file with its size, its sha256 and how it was made:
`{"format": 1, "files": {"name.weights.h5": {"size_bytes": …, "sha256": …, "command": …,
"seed": …, "data": …, "metrics": {…}, "held_out": […]}}}`. No file is used before its checksum
was compared.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from course_utils.files import replaced_when_complete

if TYPE_CHECKING:
    import keras

MANIFEST_NAME = "manifest.json"
MANIFEST_FORMAT = 1


@dataclass(frozen=True)
class WeightsEntry:
    """What the manifest says of one file of weights.

    Attributes:
        size_bytes: Size of the file in bytes.
        sha256: Checksum, 64 hexadecimal digits.
        command: Command that reproduces the file.
        seed: Seed that the command was run with.
        data: Which data trained it and how they were split, in words.
        metrics: What was measured on unseen people: name → number or [estimate, low, high].
        held_out: Names of the people of the data set who had no part in the training.
    """

    size_bytes: int
    sha256: str
    command: str
    seed: int
    data: str
    metrics: dict[str, Any] = field(default_factory=dict)
    held_out: list[str] = field(default_factory=list)


def weights_folder() -> Path:
    """The folder of the course's weights: inside an installed package, or in a checkout.

    Returns:
        Path of an existing folder that holds a manifest.

    Raises:
        FileNotFoundError: If neither place has a manifest.
    """
    package = Path(__file__).resolve().parent
    places = (package / "pretrained", package.parent / "weights")
    for place in places:
        if (place / MANIFEST_NAME).is_file():
            return place
    raise FileNotFoundError(
        f"No `{MANIFEST_NAME}` of the course's weights in {places[0]} or {places[1]}. "
        "Install the course again: pip install --force-reinstall --no-deps <its repository>."
    )


def read_manifest(folder: Path | str | None = None) -> dict[str, WeightsEntry]:
    """Every file of weights that should be there.

    Args:
        folder: Folder of the manifest; by default the course's own.

    Returns:
        File name → entry.

    Raises:
        FileNotFoundError: If there is no manifest.
        ValueError: If the manifest is damaged or of another format.

    Example:
        >>> all(name.endswith(".weights.h5") for name in read_manifest())
        True
    """
    path = Path(folder or weights_folder()) / MANIFEST_NAME
    if not path.is_file():
        raise FileNotFoundError(f"No manifest of weights at {path}.")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != MANIFEST_FORMAT:
            raise ValueError(f"format {content['format']!r}, expected {MANIFEST_FORMAT}")
        entries = {name: WeightsEntry(**entry) for name, entry in content["files"].items()}
        for name, entry in entries.items():
            if not isinstance(entry.size_bytes, int) or not isinstance(entry.sha256, str):
                raise ValueError(f"size or checksum of {name}")
        return entries
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"The manifest {path} is damaged ({error}). Restore it: git checkout -- {path}."
        ) from error


def save_weights(model: "keras.Model", path: Path | str) -> None:
    """Writes a model's weights so that a file is whole or not there.

    Args:
        model: A Keras model.
        path: File to write or to replace; its name must end in ".weights.h5".

    Raises:
        ValueError: If the name ends otherwise.
        FileNotFoundError: If the folder is missing.
    """
    if not str(path).endswith(".weights.h5"):
        raise ValueError(f'`path` must end in ".weights.h5". Received: {path}.')
    with replaced_when_complete(path) as draft:
        model.save_weights(draft)


def record_weights(
    path: Path | str,
    *,
    command: str,
    seed: int,
    data: str,
    metrics: dict[str, Any],
    held_out: Sequence[str] = (),
) -> None:
    """Writes a finished file of weights into the manifest beside it, atomically.

    Args:
        path: The file; its folder's manifest is updated, or begun.
        command: Command that reproduces the file.
        seed: Seed that the command was run with.
        data: Which data trained it and how they were split.
        metrics: What was measured on unseen people.
        held_out: Names of the people who had no part in the training.

    Raises:
        FileNotFoundError: If the file is not there.
        ValueError: If the folder's manifest is damaged, or `held_out` is a single text.
    """
    if isinstance(held_out, str):
        raise ValueError(f"`held_out` must be a list of names. Received: {held_out!r}.")
    path = Path(path)
    manifest = path.parent / MANIFEST_NAME
    entries = read_manifest(path.parent) if manifest.exists() else {}
    entries[path.name] = WeightsEntry(
        path.stat().st_size, file_sha256(path), command, seed, data, metrics, list(held_out)
    )
    content = {
        "format": MANIFEST_FORMAT,
        "files": {name: asdict(entry) for name, entry in sorted(entries.items())},
    }
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    with replaced_when_complete(manifest) as draft:
        draft.write_text(text, encoding="utf-8")


def weights_path(name: str, folder: Path | str | None = None) -> Path:
    """The path of a file of weights, after its size and checksum were compared.

    Args:
        name: File name in the manifest, such as "embedding_orl.weights.h5".
        folder: Folder of the manifest; by default the course's own.

    Returns:
        Path of the intact file, to be given to `model.load_weights`.

    Raises:
        ValueError: If the manifest does not list the name, or the file was altered.
        FileNotFoundError: If the file is missing.
    """
    folder = Path(folder or weights_folder())
    entries = read_manifest(folder)
    if name not in entries:
        listed = ", ".join(entries) or "none yet"
        raise ValueError(
            f"`name` must be one of the listed weights ({listed}). Received: {name!r}."
        )
    verify_file(folder / name, size_bytes=entries[name].size_bytes, sha256=entries[name].sha256)
    return folder / name


def verify_file(path: Path, *, size_bytes: int, sha256: str) -> None:
    """Fails unless a file is there, whole and unchanged.

    Args:
        path: The file.
        size_bytes: Size that it must have.
        sha256: Checksum that it must have, 64 hexadecimal digits.

    Raises:
        FileNotFoundError: If it is missing.
        ValueError: If it is truncated, too long or altered.
    """
    if not path.is_file():
        raise FileNotFoundError(f"The file {path} is missing. Restore it, or install it again.")
    size = path.stat().st_size
    if size != size_bytes:
        state = "truncated" if size < size_bytes else "too long"
        raise ValueError(
            f"The file {path} is {state}: {size} bytes, expected {size_bytes}. Restore it."
        )
    found = file_sha256(path)
    if found != sha256:
        raise ValueError(
            f"The file {path} was altered: sha256 {found}, expected {sha256}. Restore it."
        )


def file_sha256(path: Path) -> str:
    """The sha256 checksum of a file.

    Args:
        path: The file.

    Returns:
        64 hexadecimal digits.

    Raises:
        FileNotFoundError: If it is missing.
    """
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
