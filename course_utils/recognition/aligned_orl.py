"""The ORL faces, aligned once and kept."""

import hashlib
import warnings
from pathlib import Path

import numpy as np

from course_utils.data import FaceDataset, load_orl_faces
from course_utils.files import cache_folder, replaced_when_complete
from course_utils.recognition import alignment


def load_aligned_orl_faces(*, cache: Path | str | None = None) -> FaceDataset:
    """The ORL photos as the published encoder wants them: aligned, 150 × 150, RGB.

    The first call aligns 400 photos (seconds) and keeps the result in the cache folder; later
    ones read it, after its checksum was compared. What is damaged there, or was made from other
    photos or by another version of dlib or of the alignment, is made again.

    Args:
        cache: Folder to keep the faces in; by default `course_utils.files.cache_folder()`.

    Returns:
        `FaceDataset` with images of shape (num_photos, 150, 150, 3), uint8, labels 0 … 39 and
        names "s1" … "s40". A photo in which the detector finds no face is left out: the labels
        tell whose.

    Raises:
        ImportError: If dlib is not installed, even if faces are kept: its version counts.
        FileNotFoundError: If the photos or the landmark model are not installed.

    Lecture: section 5, notebook 05.
    """
    faces = load_orl_faces()
    path = Path(cache or cache_folder()) / f"orl_aligned_{_key(faces.images)[:16]}.npz"
    chips, kept = _read(path) or _align_and_keep(faces.images, path)
    return FaceDataset(np.repeat(chips[..., None], 3, axis=3), faces.labels[kept], faces.names)


def _key(photos: np.ndarray) -> str:
    """Changes with whatever the aligned faces depend on."""
    digest = hashlib.sha256(np.ascontiguousarray(photos).data)
    digest.update(Path(alignment.__file__).read_bytes())
    digest.update(alignment.dlib_version().encode())
    return digest.hexdigest()


def _align_and_keep(photos: np.ndarray, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Aligned grey faces and the positions of their photos; written to `path` where possible."""
    aligned = [alignment.align_faces(photo) for photo in photos]
    kept = np.flatnonzero([len(faces) > 0 for faces in aligned])
    chips = np.stack([aligned[photo].chips[0, :, :, 0] for photo in kept])  # grey: channels agree
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replaced_when_complete(path) as draft:
            np.savez(draft, chips=chips, kept=kept, checksum=_checksum(chips, kept))
    except OSError as error:
        warnings.warn(
            f"The aligned faces cannot be kept in {path.parent} ({error}), and will be aligned "
            "again next time. Set COURSE_UTILS_CACHE to a folder that can be written.",
            stacklevel=3,
        )
    return chips, kept


def _read(path: Path) -> tuple[np.ndarray, np.ndarray] | None:
    """What was kept; None if there is nothing, or it is damaged."""
    try:
        # Opened here, since `np.load` leaves a damaged archive open when it fails.
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as stored:
            chips, kept, checksum = (stored[name] for name in ("chips", "kept", "checksum"))
    except Exception:  # missing, or damaged in whatever way: it can be made again
        return None
    return (chips, kept) if str(checksum) == _checksum(chips, kept) else None


def _checksum(chips: np.ndarray, kept: np.ndarray) -> str:
    digest = hashlib.sha256(np.ascontiguousarray(chips).data)
    digest.update(np.ascontiguousarray(kept).data)
    return digest.hexdigest()
