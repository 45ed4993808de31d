"""Photos as they come from cameras, scanners and the web: any mode, any orientation, one result."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import numpy as np
from PIL import Image, ImageOps

MAX_PIXELS = 80_000_000  # more than any phone's camera takes; decoded, 240 MB
BACKGROUND = (255, 255, 255)  # what shows through transparent pixels

Photo: TypeAlias = str | Path | Image.Image | np.ndarray


def read_photo(photo: Photo) -> np.ndarray:
    """A photo as everything here wants it: upright, RGB, 0–255.

    The orientation that a camera wrote into the file (EXIF) is applied. Grey becomes RGB with
    three equal channels, 16 bits become 8, CMYK is converted, and transparent pixels show a
    white background. Of an animation the first frame counts.

    Args:
        photo: Path of an image file in a format that Pillow reads; or a Pillow image; or a uint8
            or uint16 array of shape (height, width), or (height, width, 1, 3 or 4 channels) in
            the order RGB(A). OpenCV's arrays are BGR: give `array[..., ::-1]`.

    Returns:
        Uint8 array, shape (height, width, 3), RGB, 0–255, not shared with the argument.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is no image, is damaged, or has more than 80 million pixels; or
            if the array has another shape, or values other than uint8 or uint16.
        TypeError: If `photo` is something else.

    Example:
        >>> read_photo(np.full((2, 4), 65535, dtype=np.uint16)).shape
        (2, 4, 3)

    Lecture: sections 5 and 6, notebooks 05 and 06.
    """
    if isinstance(photo, np.ndarray):
        return _from_array(photo)
    if isinstance(photo, Image.Image):
        with _damage_named("The image"):
            return _from_pillow(photo, "The image")
    if isinstance(photo, str | Path):
        return _from_file(Path(photo))
    raise TypeError(
        "`photo` must be a path, a Pillow image or a NumPy array. "
        f"Received: {type(photo).__name__}."
    )


def _from_file(path: Path) -> np.ndarray:
    if os.path.isdir(path):  # unlike `Path.is_dir`, never fails: a name may be too long
        raise ValueError(f"{path} is a folder. Give a photo in it.")
    if not os.path.isfile(path):
        raise FileNotFoundError(f"There is no photo {path}.")
    with _damage_named(str(path)), Image.open(path) as image:
        return _from_pillow(image, str(path))


@contextmanager
def _damage_named(name: str) -> Iterator[None]:
    """Whatever a decoder raises in the face of damage becomes a ValueError that names the photo."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the damage that Pillow can live with
            yield
    except (_UnfitError, PermissionError):
        raise
    except Image.DecompressionBombError as error:
        raise _too_large(name) from error
    except Exception as error:
        reason = str(error) or type(error).__name__
        raise ValueError(
            f"{name} cannot be read as a photo ({reason}). Is it an image, and whole?"
        ) from error


class _UnfitError(ValueError):
    """A photo is not damaged, and refused all the same."""


def _too_large(name: str) -> _UnfitError:
    return _UnfitError(
        f"{name} has more than {MAX_PIXELS // 1_000_000} million pixels. Make it smaller first."
    )


def _from_pillow(image: Image.Image, name: str) -> np.ndarray:
    if image.width * image.height > MAX_PIXELS:  # before anything is decoded
        raise _too_large(name)
    if min(image.size) == 0:
        raise _UnfitError(f"{name} has no pixels.")
    image = ImageOps.exif_transpose(image)
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _from_grey_levels(np.asarray(image), name)
    if image.has_transparency_data:
        above = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", above.size, (*BACKGROUND, 255)), above)
    return np.array(image.convert("RGB"))


def _from_grey_levels(levels: np.ndarray, name: str) -> np.ndarray:
    """Grey values of more than 8 bits, which must lie in 0–65535."""
    lowest, highest = levels.min(), levels.max()
    in_unit_range = levels.dtype.kind == "f" and highest <= 1  # an integer photo may be black
    if in_unit_range or not (np.isfinite(levels).all() and lowest >= 0 and highest <= 65535):
        raise _UnfitError(
            f"{name} has grey values from {lowest:g} to {highest:g}; expected 0–65535 (16 bits). "
            "Convert it to 8 bits first."
        )
    return _from_array(levels.astype(np.uint16))


def _from_array(array: np.ndarray) -> np.ndarray:
    if array.dtype not in (np.uint8, np.uint16):
        raise ValueError(
            "A photo must be a uint8 array, 0–255, or uint16, 0–65535. Received: "
            f"{array.dtype}. For values in [0, 1]: np.uint8(np.rint(photo * 255))."
        )
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4) or 0 in array.shape:
        raise ValueError(
            "A photo must have shape (height, width), or (height, width, channels) with 1, 3 or 4 "
            f"channels. Received: {array.shape}."
        )
    if array.shape[0] * array.shape[1] > MAX_PIXELS:
        raise _too_large("The array")
    if array.dtype == np.uint16:
        array = np.rint(array / np.float32(257)).astype(np.uint8)
    if array.shape[2] == 1:
        return np.repeat(array, 3, axis=2)
    if array.shape[2] == 4:
        return _from_pillow(Image.fromarray(array), "The array")
    return array.copy()


def fitted(photo: np.ndarray, max_side: int | None) -> np.ndarray:
    """The photo, made smaller if its longer side has more than `max_side` pixels.

    Args:
        photo: Uint8 array, shape (height, width, 3).
        max_side: Pixels that the longer side may have, at least 1; None for any number.

    Returns:
        Uint8 array, shape (height, width, 3): the longer side has at most `max_side` pixels, the
        other is in proportion and at least 1. The filter (Lanczos) averages over what it drops. A
        photo that fits is returned as it is.

    Example:
        >>> fitted(np.zeros((300, 200, 3), np.uint8), 150).shape
        (150, 100, 3)

    Lecture: sections 6–8, notebooks 06–08.
    """
    longer = max(photo.shape[:2])
    if max_side is None or longer <= max_side:
        return photo
    height, width = (max(1, round(side * int(max_side) / longer)) for side in photo.shape[:2])
    return np.array(Image.fromarray(photo).resize((width, height), Image.Resampling.LANCZOS))
