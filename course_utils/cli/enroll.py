"""`course enroll NAME PHOTO…`: store somebody's face in a gallery."""

import argparse
import os
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
    add_largest_option,
    false_match_rate,
)
from course_utils.cli.output import Answer, note
from course_utils.cli.photos import Encoded, encode_photos, image_files, load_encoder

if TYPE_CHECKING:
    from course_utils.recognition.gallery import Gallery

EXAMPLES = (
    "course enroll Ann ann1.jpg ann2.jpg --gallery friends.npz",
    'course enroll "Ann Lee" "photos of Ann/" --gallery friends.npz --skip',
    "COURSE_GALLERY=friends.npz course enroll Bob bob.jpg",
)
FIELDS = {
    "gallery": "path of the gallery file",
    "new": "whether the file was made by this call",
    "name": "the person",
    "enrolled": "paths of the photos that were enrolled",
    "skipped": "[{photo, reason}], with --skip",
    "warnings": "what should be looked at, in words",
    "num_templates": "number of stored embeddings that the person has now",
    "num_people": "number of people in the gallery",
    "threshold": f"{THRESHOLD_FIELDS} of the gallery, or null",
}


def add_parsers(commands: Commands) -> None:
    """Declares the command.

    Args:
        commands: What `add_subparsers` returned.
    """
    parser = add_command(
        commands,
        "enroll",
        run,
        summary="Store a person's face in a gallery: all of the photos, or none if one is no good.",
        examples=EXAMPLES,
        fields=FIELDS,
    )
    parser.add_argument("name", metavar="NAME", help="the person, who may be enrolled already")
    parser.add_argument(
        "photos", metavar="PHOTO", nargs="+", help="an image file, or a folder of image files"
    )
    add_gallery_option(parser)
    add_largest_option(parser)
    parser.add_argument(
        "--skip", action="store_true", help="leave out photos that are no good, and enrol the rest"
    )
    parser.add_argument(
        "--fmr",
        type=false_match_rate,
        help="false match rate of the threshold that a new gallery gets: "
        f"0.01 or {DEFAULT_FMR} (default)",
    )


def run(options: argparse.Namespace) -> Answer:
    """Encodes all photos, then enrols them and saves the gallery.

    Args:
        options: The parsed arguments.

    Returns:
        What was enrolled.
    """
    from course_utils.recognition.gallery.arguments import as_name

    name = as_name(options.name)
    photos = image_files(options.photos, missing_ok=options.skip)
    is_new = not os.path.lexists(options.gallery)
    gallery = _new_gallery(options) if is_new else _existing_gallery(options)
    encoded = encode_photos(photos, largest=options.largest, skip=options.skip)

    warnings = _doubts(gallery, name, encoded)
    if options.fmr is not None and not is_new:
        warnings.append(
            "--fmr is for a new gallery. This one keeps its threshold; to set another: "
            "course gallery calibrate."
        )
    for warning in warnings:
        note("warning", warning)

    import numpy as np

    gallery.enroll(name, np.stack(encoded.embeddings))
    save_gallery(gallery, options.gallery)
    num_templates = gallery.people[name]
    return Answer(
        [
            f"{name}: {plural(len(encoded.photos), 'photo', 'photos')} enrolled, "
            f"{plural(num_templates, 'template', 'templates')} in {options.gallery}"
        ],
        {
            "gallery": options.gallery,
            "new": is_new,
            "name": name,
            "enrolled": [str(photo) for photo in encoded.photos],
            "skipped": [problem.document() for problem in encoded.problems],
            "warnings": warnings,
            "num_templates": num_templates,
            "num_people": len(gallery),
            "threshold": threshold_document(gallery.threshold),
        },
    )


def _new_gallery(options: argparse.Namespace) -> "Gallery":
    """An empty gallery, once it is sure that there is a folder for its file."""
    folder = Path(options.gallery).parent
    if not folder.is_dir():
        raise FileNotFoundError(f"The folder {folder} is missing. Make it first.")

    from course_utils.recognition.gallery import Gallery
    from course_utils.recognition.thresholds import calibrated_threshold

    encoder = load_encoder()
    fmr = DEFAULT_FMR if options.fmr is None else options.fmr
    return Gallery(encoder, threshold=calibrated_threshold(fmr, encoder=encoder))


def _existing_gallery(options: argparse.Namespace) -> "Gallery":
    gallery = load_gallery(options.gallery)
    check_encoder(gallery, options.gallery)
    return gallery


def _doubts(gallery: "Gallery", name: str, encoded: Encoded) -> list[str]:
    """What hints at a photo of somebody else. Nothing is refused for it: thresholds err."""
    if gallery.threshold is None:
        return [
            "The gallery has no threshold, so nothing was compared. Set one: "
            "course gallery calibrate."
        ]
    limit = gallery.threshold.distance
    return [
        *_doubts_among_the_photos(encoded, limit),
        *_doubts_about_earlier_photos(gallery, name, encoded),
        *_doubts_about_other_people(gallery, name, encoded, limit),
    ]


def _doubts_among_the_photos(encoded: Encoded, limit: float) -> list[str]:
    """A warning if the two photos that differ most differ by more than the threshold."""
    import numpy as np
    from scipy.spatial.distance import cdist

    apart = cdist(encoded.embeddings, encoded.embeddings)
    first, second = np.unravel_index(apart.argmax(), apart.shape)
    if apart[first, second] <= limit:
        return []
    return [
        f"{encoded.photos[first]} and {encoded.photos[second]} are {apart[first, second]:.3f} "
        f"apart, more than the threshold {limit:.3f}: are these the same person?"
    ]


def _doubts_about_earlier_photos(gallery: "Gallery", name: str, encoded: Encoded) -> list[str]:
    """A warning for each photo that is not accepted as the person, who is enrolled already."""
    if name not in gallery:
        return []
    results = [gallery.verify(name, embedding) for embedding in encoded.embeddings]
    return [
        f"{photo} is {result.distance:.3f} from the photos of {name} that are enrolled already, "
        f"more than the threshold {result.threshold.distance:.3f}: is it the same person?"
        for photo, result in zip(encoded.photos, results, strict=True)
        if not result.accepted
    ]


def _doubts_about_other_people(
    gallery: "Gallery", name: str, encoded: Encoded, limit: float
) -> list[str]:
    """A warning for each photo that is accepted as somebody else."""
    import numpy as np

    warnings = []
    results = gallery.identify_all(np.stack(encoded.embeddings), k=2)  # one of them may be `name`
    for photo, result in zip(encoded.photos, results, strict=True):
        other = next((match for match in result.candidates if match.name != name), None)
        if other is not None and other.distance <= limit:
            warnings.append(
                f"{photo} is accepted as {other.name} as well, distance {other.distance:.3f}: is "
                "one person enrolled under two names?"
            )
    return warnings
