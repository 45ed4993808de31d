"""`course identify PHOTO…`: who is on these photos?"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from course_utils.cli.galleries import (
    NO_THRESHOLD,
    check_encoder,
    load_gallery,
    plural,
    threshold_document,
)
from course_utils.cli.options import (
    THRESHOLD_FIELDS,
    Commands,
    add_command,
    add_gallery_option,
    count,
)
from course_utils.cli.output import (
    FAILED,
    NO,
    NOT_ONE_FACE,
    YES,
    Answer,
    CommandError,
    message_of,
    note,
)
from course_utils.cli.photos import PhotoError, embed_photo, image_files, with_progress

if TYPE_CHECKING:
    from course_utils.recognition.gallery import Gallery

DEFAULT_CANDIDATES = 5
SIDES = ("top", "left", "bottom", "right")
EXAMPLES = (
    "course identify party.jpg --gallery friends.npz",
    "course identify holiday/ -k 3 --gallery friends.npz --json",
)
FIELDS = {
    "gallery": "path of the gallery file",
    "threshold": f"{THRESHOLD_FIELDS} of the gallery",
    "photos": "[{photo, error, quarter_turns, faces}], a photo each",
    "  error": "why the photo cannot be read, or null",
    "  quarter_turns": "how often it was turned by 90 degrees counterclockwise to find a face",
    "  faces": "[{box, confidence, identity, candidates}], the largest first",
    "    box": "{top, left, bottom, right} in pixels of the photo, after the turns",
    "    confidence": "what the detector says: about 1 or more for a clear face",
    "    identity": "name of the person; null: not in the database",
    "    candidates": "[{name, distance}], the nearest first",
}


def add_parsers(commands: Commands) -> None:
    """Declares the command.

    Args:
        commands: What `add_subparsers` returned.
    """
    parser = add_command(
        commands,
        "identify",
        run,
        summary="Who is on these photos? Every face is looked up in a gallery.",
        examples=EXAMPLES,
        fields=FIELDS,
    )
    parser.add_argument(
        "photos", metavar="PHOTO", nargs="+", help="an image file, or a folder of image files"
    )
    add_gallery_option(parser)
    parser.add_argument(
        "-k",
        type=count,
        default=DEFAULT_CANDIDATES,
        help="how many candidates for each face at most (default: %(default)s)",
    )


def run(options: argparse.Namespace) -> Answer:
    """Looks up every face of every photo.

    Args:
        options: The parsed arguments.

    Returns:
        The answer. Of several photos its exit code is the most serious one's: a photo that cannot
        be read, then one without a face, then a face that is not in the database.
    """
    photos = image_files(options.photos, missing_ok=True)
    gallery = load_gallery(options.gallery)
    if gallery.threshold is None:
        raise CommandError(f"The gallery's threshold: {NO_THRESHOLD}")

    documents, errors = [], []
    for photo in with_progress(photos):
        try:
            documents.append(_look_up(photo, gallery, options))
        except PhotoError as error:
            errors.append(error)
            documents.append(_document(photo, error=message_of(error)))
    if len(errors) == len(photos) == 1:
        raise errors[0]
    for failure in errors:
        note("error", message_of(failure))
    return Answer(
        [line for document in documents for line in _lines(document)],
        {
            "gallery": options.gallery,
            "threshold": threshold_document(gallery.threshold),
            "photos": documents,
        },
        max(
            (_exit_code(document) for document in documents),
            key=(YES, NO, NOT_ONE_FACE, FAILED).index,
        ),
    )


def _look_up(photo: Path, gallery: "Gallery", options: argparse.Namespace) -> dict[str, Any]:
    """The faces of one photo and who they are, as a document."""
    embeddings, faces = embed_photo(photo)
    check_encoder(gallery, options.gallery)
    results = gallery.identify_all(embeddings, options.k)
    return _document(
        photo,
        quarter_turns=faces.quarter_turns,
        faces=[
            {
                "box": dict(zip(SIDES, box, strict=True)),
                "confidence": confidence,
                "identity": result.identity,
                "candidates": [match._asdict() for match in result.candidates],
            }
            for box, confidence, result in zip(
                faces.boxes.tolist(), faces.confidences.tolist(), results, strict=True
            )
        ],
    )


def _document(
    photo: Path,
    *,
    error: str | None = None,
    quarter_turns: int = 0,
    faces: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    return {
        "photo": str(photo),
        "error": error,
        "quarter_turns": quarter_turns,
        "faces": faces or [],
    }


def _exit_code(document: dict[str, Any]) -> int:
    """What one photo alone would end with."""
    if document["error"]:
        return FAILED
    if not document["faces"]:
        return NOT_ONE_FACE
    return YES if all(face["identity"] is not None for face in document["faces"]) else NO


def _lines(document: dict[str, Any]) -> list[str]:
    """One photo as text."""
    photo, faces = document["photo"], document["faces"]
    if document["error"]:
        return [f"{photo}: not read"]
    if not faces:
        return [f"{photo}: no face was found"]
    turned = f", turned by {90 * document['quarter_turns']}°" if document["quarter_turns"] else ""
    lines = [f"{photo}: {plural(len(faces), 'face', 'faces')}{turned}"]
    for number, face in enumerate(faces, start=1):
        identity = "not in the database" if face["identity"] is None else face["identity"]
        box = ", ".join(f"{side} {round(value)}" for side, value in face["box"].items())
        nearest = [f"{match['name']} {match['distance']:.3f}" for match in face["candidates"]]
        lines.append(f"  {number}. {identity} ({box})")
        lines.append(f"     nearest: {', '.join(nearest) or 'nobody, the gallery is empty'}")
    return lines
