"""Pictures to take a style from: painted by the course's own code, or the user's own."""

import difflib
import os
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from course_utils.data.photos import Photo, fitted, read_photo

# Where Debian's and Ubuntu's package opencv-doc puts van Gogh's painting.
STARRY_NIGHT = Path("/usr/share/doc/opencv-doc/examples/data/starry_night.jpg")
MIN_SIDE, MAX_SIDE = 8, 4096  # pixels of a painting's sides
MAX_ASPECT = 10  # a painting's longer side, divided by the shorter one
PAINTED = "painted by this course's code"


@dataclass(frozen=True, kw_only=True)
class StyleSource:
    """A picture that `load_style` knows by name.

    Attributes:
        name: What `load_style` calls it.
        title: What may stand below it on a wall.
        description: Its technique and its character, in a sentence.
        kind: "painted" if code paints it, at any size; "file" if it is read from a file.
        credit: Who made it, and on what terms it may be used.
    """

    name: str
    title: str
    description: str
    kind: Literal["painted", "file"] = "painted"
    credit: str = PAINTED


# The code of each is in `course_utils.data.painters`, in a module of the same name.
PAINTINGS = (
    StyleSource(
        name="composition",
        title="Composition",
        description="Geometric abstraction: circles, lines and planes in balanced, clear colours.",
    ),
    StyleSource(
        name="impasto_flowers",
        title="Poppies at Sunset",
        description="Palette knife: wide, thick slabs of hot reds and golds with a visible relief.",
    ),
    StyleSource(
        name="ink_mountains",
        title="Mountains in Mist",
        description="Chinese ink wash: wet and dry strokes of black ink on rice paper, and mist.",
    ),
    StyleSource(
        name="pointillism",
        title="Evening on the River",
        description="Divisionism: small dots of pure colour, each beside its complement, shimmer.",
    ),
    StyleSource(
        name="stained_glass",
        title="Sun over the Hills",
        description="Stained glass: luminous pieces of uneven colour between dark lines of lead.",
    ),
    StyleSource(
        name="swirling_night",
        title="Night with Eleven Stars",
        description="Impasto: short curved strokes in deep blue and yellow whirl around the stars.",
    ),
    StyleSource(
        name="watercolour",
        title="Red Sails",
        description="Watercolour: transparent washes with dark edges, blooms and grains on paper.",
    ),
    StyleSource(
        name="woodblock",
        title="The Wave",
        description="Japanese woodblock print: clear outlines, flat Prussian blues, graded inks.",
    ),
)
ORIGINAL = StyleSource(
    name="starry_night",
    title="The Starry Night",
    description="Oil on canvas, 1889: thick, swirling strokes in ultramarine, cobalt and yellow.",
    kind="file",
    credit="Vincent van Gogh (1853–1890); public domain",
)


def list_styles() -> tuple[StyleSource, ...]:
    """The pictures that `load_style` knows by name, with their technique.

    Returns:
        One `StyleSource` for each of the eight paintings of the course, in alphabetical order of
        their names; and, last, for van Gogh's "starry_night" where Debian's or Ubuntu's package
        opencv-doc is installed.

    Example:
        >>> [source.name for source in list_styles() if source.kind == "painted"][:3]
        ['composition', 'impasto_flowers', 'ink_mountains']

    Lecture: section 6, notebook 06.
    """
    return (*PAINTINGS, ORIGINAL) if STARRY_NIGHT.is_file() else PAINTINGS


def load_style(style: Photo, *, image_size: tuple[int, int] | int = 384) -> np.ndarray:
    """A style image: a painting of the course, or a picture of your own.

    The paintings are programs. Each is painted at the size that is asked for, with brush strokes
    in proportion to the shorter side; the same size gives the same pixels, and another size the
    same composition, however wide or tall. A picture from a file keeps its proportions.

    Args:
        style: A name of `list_styles`; or, as in `read_photo`, the path of an image file, a
            Pillow image, or a uint8 or uint16 array.
        image_size: Height and width of a painting in pixels; an integer n stands for one n
            pixels wide and 3/4 as high. The sides are 8–4096, and the longer is at most 10 times
            the shorter. A picture from a file is made smaller if its longer side has more pixels
            than the longer of the two; it is never made larger.

    Returns:
        Uint8 array, shape (height, width, 3), RGB, 0–255.

    Raises:
        ValueError: If the name is unknown and there is no such file, `image_size` is something
            else, or the picture is damaged.
        TypeError: If `style` is something else.
        FileNotFoundError: If there is no such file, or "starry_night" is not installed.

    Example:
        >>> load_style("watercolour", image_size=64).shape
        (48, 64, 3)
        >>> load_style(np.zeros((100, 200), np.uint8), image_size=50).shape
        (25, 50, 3)

    Lecture: sections 6 and 8, notebooks 06 and 08.
    """
    height, width = _size_of(image_size)
    if not isinstance(style, str | Path | Image.Image | np.ndarray):
        raise TypeError(
            "`style` must be a name, a path, a Pillow image or a NumPy array. "
            f"Received: {type(style).__name__}."
        )
    if isinstance(style, str):
        if style in [source.name for source in PAINTINGS]:
            _check_painted_size(height, width)
            return import_module(f"course_utils.data.painters.{style}").paint(height, width)
        style = _path_of(style)
    return fitted(read_photo(style), max(height, width))


def _size_of(image_size: tuple[int, int] | int) -> tuple[int, int]:
    """Height and width."""
    sides = image_size if isinstance(image_size, tuple | list) else (image_size, image_size)
    fits = len(sides) == 2 and all(
        isinstance(side, int | np.integer) and not isinstance(side, bool) and side >= 1
        for side in sides
    )
    if not fits:
        raise ValueError(
            "`image_size` must be (height, width) in pixels, or an integer, the width of a 4:3 "
            f"picture. Received: image_size={image_size!r}."
        )
    height, width = int(sides[0]), int(sides[1])
    return (height if sides is image_size else max(1, round(width * 3 / 4))), width


def _check_painted_size(height: int, width: int) -> None:
    sides_fit = min(height, width) >= MIN_SIDE and max(height, width) <= MAX_SIDE
    if not sides_fit or max(height, width) > MAX_ASPECT * min(height, width):
        raise ValueError(
            f"A painting's sides must be {MIN_SIDE}–{MAX_SIDE} pixels, the longer at most "
            f"{MAX_ASPECT} times the shorter. Received: {height} × {width} (height × width)."
        )


def _path_of(style: str) -> Path:
    """The file that is meant by what is no painting's name."""
    if style == ORIGINAL.name:
        if not STARRY_NIGHT.is_file():
            raise FileNotFoundError(
                f'There is no {STARRY_NIGHT}, where "starry_night" is read from. Install the '
                "package opencv-doc of Debian or Ubuntu, or give the path of a file."
            )
        return STARRY_NIGHT
    path = Path(style)
    looks_like_a_path = path.suffix or "/" in style or os.sep in style
    if not (looks_like_a_path or os.path.isfile(style)):
        known = [source.name for source in (*PAINTINGS, ORIGINAL)]
        similar = difflib.get_close_matches(style.lower(), known, n=1)
        hint = f" Did you mean {similar[0]!r}?" if similar else ""
        raise ValueError(
            f"`style` must be among {', '.join(known)}, or the path of an image file. "
            f"Received: {style!r}.{hint}"
        )
    return path
