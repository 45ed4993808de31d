"""Photos of all kinds: a small collection from installed packages, and the user's own."""

import difflib
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from course_utils.data.packages import package_folder, reinstallation
from course_utils.data.photos import fitted, read_photo

MAX_SIDE = 640  # pixels: most of the collection is no larger
# What a folder's files must end in to count as photos; the command line has the same list.
IMAGE_SUFFIXES = (
    *(".avif", ".bmp", ".gif", ".jp2", ".jpeg", ".jpg", ".pgm", ".png", ".pnm", ".ppm"),
    *(".tif", ".tiff", ".webp"),
)
# Package → the name to import, what to give to `pip install`.
PACKAGES = {
    "matplotlib": ("matplotlib", "matplotlib>=3.9"),
    "scikit-image": ("skimage", "scikit-image>=0.24"),
    "scikit-learn": ("sklearn", "scikit-learn>=1.5"),
}
NOT_STATED = "not stated"


@dataclass(frozen=True, kw_only=True)
class PhotoSource:
    """Where a photo of the collection comes from, and on what terms.

    Attributes:
        name: What `load_photos` calls it.
        package: The installed package that holds it.
        path: Its file in that package's folder, with "/" between the parts.
        credit: Who took it or published it, as far as the package says.
        licence: As the package says; "not stated" if it says nothing. Find out more before you
            publish such a photo, or what was made of it.
        grey: Whether the file has grey values only; `load_photos` gives three equal channels.
    """

    name: str
    package: str
    path: str
    credit: str
    licence: str
    grey: bool = False


# Credits and licences: docstrings of `skimage.data`, the README beside scikit-learn's images, the
# comment in matplotlib's file and the change that brought it (pull request 1599).
PHOTOS = (
    PhotoSource(
        name="astronaut",
        package="scikit-image",
        path="data/astronaut.png",
        credit="NASA (Eileen Collins)",
        licence="public domain",
    ),
    PhotoSource(
        name="brick",
        package="scikit-image",
        path="data/brick.png",
        credit="CC0Textures, Bricks25",
        licence="CC0",
        grey=True,
    ),
    PhotoSource(
        name="camera",
        package="scikit-image",
        path="data/camera.png",
        credit="Lav Varshney",
        licence="CC0",
        grey=True,
    ),
    PhotoSource(
        name="chelsea",
        package="scikit-image",
        path="data/chelsea.png",
        credit="Stefan van der Walt",
        licence="CC0",
    ),
    PhotoSource(
        name="china",
        package="scikit-learn",
        path="datasets/images/china.jpg",
        credit="danielbuechele on Flickr",
        licence="CC BY 2.0",
    ),
    PhotoSource(
        name="coffee",
        package="scikit-image",
        path="data/coffee.png",
        credit="Rachel Michetti, courtesy of Pikolo Espresso Bar",
        licence="CC0",
    ),
    PhotoSource(
        name="coins",
        package="scikit-image",
        path="data/coins.png",
        credit="Brooklyn Museum",
        licence="no known copyright restrictions",
        grey=True,
    ),
    PhotoSource(  # the README links vultilion's photo; the name beside the link is china.jpg's
        name="flower",
        package="scikit-learn",
        path="datasets/images/flower.jpg",
        credit="vultilion on Flickr",
        licence="CC BY 2.0",
    ),
    PhotoSource(
        name="grace_hopper",
        package="matplotlib",
        path="mpl-data/sample_data/grace_hopper.jpg",
        credit="US Navy, from Wikimedia Commons",
        licence="public domain",
    ),
    PhotoSource(
        name="grass",
        package="scikit-image",
        path="data/grass.png",
        credit="linolafett on DeviantArt, Grass 01",
        licence="CC0",
        grey=True,
    ),
    PhotoSource(
        name="gravel",
        package="scikit-image",
        path="data/gravel.png",
        credit="CC0Textures, Gravel04",
        licence="CC0",
        grey=True,
    ),
    PhotoSource(
        name="hubble_deep_field",
        package="scikit-image",
        path="data/hubble_deep_field.jpg",
        credit="NASA, from HubbleSite",
        licence="public domain",
    ),
    PhotoSource(
        name="moon",
        package="scikit-image",
        path="data/moon.png",
        credit=NOT_STATED,
        licence=NOT_STATED,
        grey=True,
    ),
    PhotoSource(
        name="motorcycle",
        package="scikit-image",
        path="data/motorcycle_left.png",
        credit="Middlebury 2014 stereo benchmark; Scharstein et al., GCPR 2014",
        licence=NOT_STATED,
    ),
    PhotoSource(
        name="retina",
        package="scikit-image",
        path="data/retina.jpg",
        credit="Mikael Häggström, from Wikimedia Commons",
        licence="CC0",
    ),
    PhotoSource(  # released in 2015; the page that is linked has said CC BY-NC 2.0 since
        name="rocket",
        package="scikit-image",
        path="data/rocket.jpg",
        credit="SpaceX",
        licence="public domain",
    ),
)


def list_photos() -> tuple[PhotoSource, ...]:
    """What is in the collection of `load_photos`, with credits and licences.

    Returns:
        One `PhotoSource` for each of the 16 photos, in alphabetical order of their names.

    Example:
        >>> [source.name for source in list_photos() if source.grey]
        ['brick', 'camera', 'coins', 'grass', 'gravel', 'moon']
        >>> [source.name for source in list_photos() if source.licence == "not stated"]
        ['moon', 'motorcycle']

    Lecture: section 7, notebook 07.
    """
    return PHOTOS


def load_photos(
    names: Iterable[str] | None = None,
    *,
    folder: str | Path | None = None,
    max_side: int | None = MAX_SIDE,
) -> dict[str, np.ndarray]:
    """Photos of all kinds, to look at a network with: a cat, a temple, coins, a rocket.

    Ten are in colour; six are grey (brick, camera, coins, grass, gravel, moon) and come as RGB
    with three equal channels. They are all that the packages of the course hold, apart from test
    patterns, texts, slides of tissue and masks. The photos are read from the files of
    scikit-image, scikit-learn and matplotlib, none of which is imported.

    Nothing is random: the order is always the same, and so are the pixels. Only the six JPEG files
    may differ by a few levels where Pillow was built with another JPEG library.

    Args:
        names: Which photos of the collection, such as ["chelsea", "coffee"]; None for all of
            them, () for none. `list_photos` knows them all.
        folder: A folder with photos of your own, which all come after those of the collection.
            Its subfolders and hidden files are left alone, and so is every file whose name does
            not end as a photo's does (.jpg, .png, .webp …, see `IMAGE_SUFFIXES`). A photo is
            called what its file is called without the ending; with it ("coffee.jpg") if another
            file differs in the ending only, or if the collection has such a name, chosen or not.
        max_side: Photos with a longer side of more pixels are made smaller, so that it has as
            many; the other is at least 1. The filter (Lanczos) averages over what it drops. None
            leaves every photo as large as it is.

    Returns:
        Name → photo, uint8, shape (height, width, 3), RGB, 0–255. First the photos of the
        collection in alphabetical order, however `names` is ordered, then those of the folder in
        the order of their file names (capitals first).

    Raises:
        ValueError: If a name is unknown, `max_side` is below 1 or no integer, the folder holds
            no photo or is a file, or a photo is damaged.
        TypeError: If `names` is one string or holds something other than strings, or `folder` is
            no path.
        FileNotFoundError: If a package, a photo in it, or the folder is missing.

    Example:
        >>> photos = load_photos(["moon", "coffee"], max_side=300)
        >>> {name: photo.shape for name, photo in photos.items()}
        {'coffee': (200, 300, 3), 'moon': (300, 300, 3)}

    Lecture: sections 6 to 9, notebooks 06 to 09.
    """
    sources = _sources_of(names)
    is_integer = isinstance(max_side, int | np.integer) and not isinstance(max_side, bool)
    if max_side is not None and not (is_integer and max_side >= 1):
        raise ValueError(
            "`max_side` must be an integer of at least 1 (pixels), or None for the original size. "
            f"Received: max_side={max_side!r}."
        )
    own = {} if folder is None else _photos_in(folder)
    photos = {source.name: fitted(_read_source(source), max_side) for source in sources}
    return photos | {name: fitted(read_photo(path), max_side) for name, path in own.items()}


def _sources_of(names: Iterable[str] | None) -> tuple[PhotoSource, ...]:
    """The photos of those names, in the order of the collection."""
    if names is None:
        return PHOTOS
    expected = "`names` must be a sequence of names, or None for all."
    if isinstance(names, str):
        raise TypeError(f"{expected} Received: {names!r}. For one photo: names=[{names!r}].")
    if not isinstance(names, Iterable):
        raise TypeError(f"{expected} Received: {type(names).__name__}.")
    wanted = list(names)
    known = [source.name for source in PHOTOS]
    for name in wanted:
        if not isinstance(name, str):
            raise TypeError(f"{expected} Received in it: {name!r}.")
        if name not in known:
            similar = difflib.get_close_matches(name.lower(), known, n=1)
            hint = f" Did you mean {similar[0]!r}?" if similar else ""
            raise ValueError(
                f"`names` must be among {', '.join(known)}. Received: {str(name)!r}.{hint}"
            )
    return tuple(source for source in PHOTOS if source.name in wanted)


def _read_source(source: PhotoSource) -> np.ndarray:
    """A photo of the collection, in its original size."""
    module, requirement = PACKAGES[source.package]
    holds = f'the photo "{source.name}"'
    path = package_folder(module, requirement=requirement, holds=holds) / source.path
    mend = reinstallation(requirement)
    if not path.is_file():
        raise FileNotFoundError(f"The photo {path} is missing. {mend}")
    try:
        return read_photo(path)
    except ValueError as error:
        raise ValueError(f"{error} {mend}") from error


def _photos_in(folder: str | Path) -> dict[str, Path]:
    """Name → file of each photo in a folder, in the order of the files' names."""
    if not isinstance(folder, str | os.PathLike):
        raise TypeError(
            f"`folder` must be the path of a folder, or None. Received: {type(folder).__name__}."
        )
    folder = Path(folder)
    if not os.path.exists(folder):  # unlike `Path.exists`, never fails: a name may be too long
        raise FileNotFoundError(f"There is no folder {folder}. Make it, or leave `folder` out.")
    if not folder.is_dir():
        raise ValueError(f"{folder} is no folder. Give the folder that it lies in.")
    paths = sorted(
        (
            path
            for path in folder.iterdir()
            if path.suffix.lower() in IMAGE_SUFFIXES
            and not path.name.startswith(".")
            and not path.is_dir()
        ),
        key=lambda path: path.name,  # of paths, Windows ignores the case
    )
    if not paths:
        raise ValueError(
            f"The folder {folder} holds no photo ({', '.join(IMAGE_SUFFIXES)}); its subfolders "
            "are not searched. Put photos into it, or leave `folder` out."
        )
    files = {path.name for path in paths}  # "a.jpg" may also be "a.jpg.png" without its ending
    taken = {source.name for source in PHOTOS} | files
    stems = Counter(path.stem for path in paths)
    return {
        path.name if stems[path.stem] > 1 or path.stem in taken else path.stem: path
        for path in paths
    }
