"""`course verify A B`: is it the same person on both photos?"""

import argparse
from pathlib import Path

from course_utils.cli.options import (
    DEFAULT_FMR,
    Commands,
    add_command,
    add_largest_option,
    distance,
    false_match_rate,
)
from course_utils.cli.output import NO, YES, Answer, CommandError
from course_utils.cli.photos import encode_photos, image_files, load_encoder

EXAMPLES = (
    "course verify passport.jpg selfie.jpg",
    "course verify passport.jpg selfie.jpg --fmr 0.01",
    "course verify passport.jpg selfie.jpg --threshold 0.55 --json",
)
FIELDS = {
    "photos": "the two paths",
    "same_person": "true or false",
    "distance": "Euclidean distance of the two embeddings",
    "threshold": "accepted is a distance of at most this",
    "fmr": "false match rate it was calibrated for; null with --threshold",
    "source": "the data it was calibrated on; null with --threshold",
}


def add_parsers(commands: Commands) -> None:
    """Declares the command.

    Args:
        commands: What `add_subparsers` returned.
    """
    parser = add_command(
        commands,
        "verify",
        run,
        summary="Is it the same person on two photos?",
        examples=EXAMPLES,
        fields=FIELDS,
    )
    parser.add_argument("photos", metavar="PHOTO", nargs=2, help="an image file")
    either = parser.add_mutually_exclusive_group()
    either.add_argument(
        "--fmr",
        type=false_match_rate,
        default=DEFAULT_FMR,
        help=f"false match rate of the calibrated threshold: 0.01 or {DEFAULT_FMR} (default)",
    )
    either.add_argument(
        "--threshold", type=distance, metavar="D", help="a threshold of your own, on the distance"
    )
    add_largest_option(parser)


def run(options: argparse.Namespace) -> Answer:
    """Compares the faces of two photos.

    Args:
        options: The parsed arguments.

    Returns:
        The answer, yes or no.
    """
    for photo in options.photos:
        if Path(photo).is_dir():
            raise CommandError(f"{photo} is a folder. Give a photo in it.")
    photos = image_files(options.photos)

    import numpy as np

    from course_utils.recognition.thresholds import calibrated_threshold

    if options.threshold is None:
        threshold = calibrated_threshold(options.fmr, encoder=load_encoder())
        limit, fmr, source = threshold.distance, threshold.fmr, threshold.source
        origin = f"FMR {fmr:g} on {source}"
    else:
        limit, fmr, source, origin = options.threshold, None, None, "given with --threshold"
    first, second = encode_photos(photos, largest=options.largest).embeddings
    apart = float(np.linalg.norm(first.astype(np.float64) - second))
    same = apart <= limit
    verdict = "same person" if same else "different people"
    return Answer(
        [f"{verdict}: distance {apart:.3f}, threshold {limit:.3f} ({origin})"],
        {
            "photos": [str(photo) for photo in photos],
            "same_person": same,
            "distance": apart,
            "threshold": limit,
            "fmr": fmr,
            "source": source,
        },
        YES if same else NO,
    )
