"""`course gallery calibrate FOLDER`: a threshold measured on photos of your own."""

import argparse
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from course_utils.cli.galleries import (
    check_encoder,
    load_gallery,
    plural,
    save_gallery,
    threshold_document,
)
from course_utils.cli.options import (
    DEFAULT_FMR,
    THRESHOLD_FIELDS,
    Commands,
    add_command,
    add_gallery_option,
    false_match_rate,
)
from course_utils.cli.output import Answer, CommandError, note, printable
from course_utils.cli.photos import Encoded, encode_photos, images_in

if TYPE_CHECKING:
    import numpy as np

EXAMPLES = (
    "course gallery calibrate colleagues/ --gallery friends.npz",
    "course gallery calibrate colleagues/ --fmr 0.01 --gallery friends.npz --json",
    "(colleagues/Ann/1.jpg, colleagues/Ann/2.jpg, colleagues/Bob/1.jpg, ...)",
)
FIELDS = {
    "gallery": "path of the gallery file",
    "threshold": f"{THRESHOLD_FIELDS}, the new one",
    "fnmr": "share of genuine pairs that it rejects; null if there are none",
    "num_genuine": "number of pairs of photos of one person",
    "num_impostors": "number of pairs of photos of two people",
    "num_people": "number of people",
    "num_photos": "number of photos",
    "skipped": "[{photo, reason}]",
    "warnings": "what weakens the result, in words",
}


def add_parsers(actions: Commands) -> None:
    """Declares the command.

    Args:
        actions: What `add_subparsers` returned for `course gallery`.
    """
    parser = add_command(
        actions,
        "calibrate",
        run,
        summary="Set a gallery's threshold by photos of people who are not enrolled in it.",
        examples=EXAMPLES,
        fields=FIELDS,
    )
    parser.add_argument(
        "folder", metavar="FOLDER", help="a folder with one subfolder of photos for each person"
    )
    add_gallery_option(parser)
    parser.add_argument(
        "--fmr",
        type=false_match_rate,
        default=DEFAULT_FMR,
        help="false match rate that is allowed (default: %(default)s)",
    )


def run(options: argparse.Namespace) -> Answer:
    """Compares all photos with each other, and sets and saves the threshold.

    Args:
        options: The parsed arguments.

    Returns:
        The threshold and how many genuine pairs it rejects.
    """
    gallery = load_gallery(options.gallery)
    photos = _photos_of_people(Path(options.folder))
    check_encoder(gallery, options.gallery)
    encoded = encode_photos(photos, skip=True)
    genuine, impostor = _distances(encoded)
    num_people = len({photo.parent for photo in encoded.photos})
    folder = Path(options.folder).resolve().name
    source = f"{num_people} people, {len(encoded.photos)} photos in {folder}"

    doubts = [
        f"{name} is in the gallery: calibrate with other people, or the threshold fits these."
        for name in sorted({photo.parent.name for photo in encoded.photos})
        if name in gallery
    ]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        threshold = gallery.calibrate(impostor, fmr=options.fmr, source=printable(source))
    doubts += [str(each.message) for each in caught]
    for doubt in doubts:
        note("warning", doubt)
    save_gallery(gallery, options.gallery)

    fnmr = float((genuine > threshold.distance).mean()) if genuine.size else None
    return Answer(
        [
            f"threshold: {threshold}",
            f"FNMR: {fnmr:.1%} of {plural(genuine.size, 'genuine pair', 'genuine pairs')}"
            if genuine.size
            else "FNMR: unknown, no two photos are of one person",
        ],
        {
            "gallery": options.gallery,
            "threshold": threshold_document(threshold),
            "fnmr": fnmr,
            "num_genuine": genuine.size,
            "num_impostors": impostor.size,
            "num_people": num_people,
            "num_photos": len(encoded.photos),
            "skipped": [problem.document() for problem in encoded.problems],
            "warnings": doubts,
        },
    )


def _photos_of_people(folder: Path) -> list[Path]:
    """The photos in the subfolders, of at least two people."""
    subfolders = sorted(path for path in folder.iterdir() if path.is_dir())
    photos = {path: images_in(path) for path in subfolders if not path.name.startswith(".")}
    people = [path for path, found in photos.items() if found]
    if len(people) < 2:
        raise CommandError(
            f"{folder} must hold a subfolder of photos for each of at least 2 people. "
            f"Found: {plural(len(people), 'such subfolder', 'such subfolders')}."
        )
    return [photo for path in people for photo in photos[path]]


def _distances(encoded: Encoded) -> "tuple[np.ndarray, np.ndarray]":
    """Distances between photos of one person, and between photos of two."""
    import numpy as np
    from scipy.spatial.distance import cdist

    from course_utils.recognition import all_pairs

    people = np.array([str(photo.parent) for photo in encoded.photos])
    pairs = all_pairs(cdist(encoded.embeddings, encoded.embeddings), people)
    if not pairs.impostor.size:
        raise CommandError("Photos of only one person can be used, and at least 2 are needed.")
    return pairs.genuine, pairs.impostor
