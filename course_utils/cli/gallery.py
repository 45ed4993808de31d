"""`course gallery …`: who is in a gallery, remove somebody, calibrate its threshold."""

import argparse
import json
from dataclasses import asdict

from course_utils.cli import calibrate
from course_utils.cli.galleries import (
    NO_THRESHOLD,
    load_gallery,
    plural,
    save_gallery,
    threshold_document,
)
from course_utils.cli.options import (
    EXIT_CODES,
    THRESHOLD_FIELDS,
    Commands,
    add_command,
    add_gallery_option,
    epilog,
)
from course_utils.cli.output import Answer

EXAMPLES = (
    "course gallery list --gallery friends.npz",
    "course gallery remove Ann --gallery friends.npz",
    "course gallery calibrate colleagues/ --gallery friends.npz",
    "course gallery info --gallery friends.npz",
)
LIST_FIELDS = {
    "gallery": "path of the gallery file",
    "people": "[{name, num_templates}], in order of enrolment",
    "num_people": "number of people",
    "num_templates": "number of stored embeddings of all of them",
}
REMOVE_FIELDS = {
    "gallery": "path of the gallery file",
    "name": "the person",
    "num_removed": "number of stored embeddings that were removed",
    "num_people": "number of people who are left",
}
INFO_FIELDS = {
    "gallery": "path of the gallery file",
    "format_version": "version of the file format",
    "encoder": "{name, checksum, embedding_dim}",
    "rule": "distance to a person: to their nearest template, or the mean",
    "threshold": f"{THRESHOLD_FIELDS}, or null",
    "num_people": "number of people",
    "num_templates": "number of stored embeddings of all of them",
}


def add_parsers(commands: Commands) -> None:
    """Declares the command and its own commands.

    Args:
        commands: What `add_subparsers` returned.
    """
    summary = "Who is in a gallery? Also: remove somebody, calibrate the threshold."
    parser = commands.add_parser(
        "gallery",
        help=summary,
        description=summary,
        epilog=epilog(examples=EXAMPLES, exit_code=EXIT_CODES),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    actions = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    list_parser = add_command(
        actions,
        "list",
        list_people,
        summary="Who is enrolled, and with how many templates?",
        examples=("course gallery list --gallery friends.npz",),
        fields=LIST_FIELDS,
    )
    add_gallery_option(list_parser)

    remove_parser = add_command(
        actions,
        "remove",
        remove,
        summary="Remove a person and all their templates from a gallery, without asking again.",
        examples=("course gallery remove Ann --gallery friends.npz",),
        fields=REMOVE_FIELDS,
    )
    remove_parser.add_argument("name", metavar="NAME", help="the person")
    add_gallery_option(remove_parser)

    calibrate.add_parsers(actions)

    info_parser = add_command(
        actions,
        "info",
        info,
        summary="Which encoder, rule and threshold does a gallery have?",
        examples=("course gallery info --gallery friends.npz --json",),
        fields=INFO_FIELDS,
    )
    add_gallery_option(info_parser)


def list_people(options: argparse.Namespace) -> Answer:
    """Who is enrolled.

    Args:
        options: The parsed arguments.

    Returns:
        The names, each with its number of templates.
    """
    gallery = load_gallery(options.gallery)
    lines = [
        f"{name}: {plural(number, 'template', 'templates')}"
        for name, number in gallery.people.items()
    ]
    return Answer(
        lines or ["nobody is enrolled"],
        {
            "gallery": options.gallery,
            "people": [
                {"name": name, "num_templates": number} for name, number in gallery.people.items()
            ],
            "num_people": len(gallery),
            "num_templates": gallery.num_templates,
        },
    )


def remove(options: argparse.Namespace) -> Answer:
    """Removes a person and saves the gallery.

    Args:
        options: The parsed arguments.

    Returns:
        How many templates went.
    """
    from course_utils.recognition.gallery.arguments import as_name

    name = as_name(options.name)
    gallery = load_gallery(options.gallery)
    num_removed = gallery.people.get(name, 0)
    gallery.remove(name)  # an error, with similar names, if nobody is called that
    save_gallery(gallery, options.gallery)
    return Answer(
        [f"{name}: {plural(num_removed, 'template', 'templates')} removed"],
        {
            "gallery": options.gallery,
            "name": name,
            "num_removed": num_removed,
            "num_people": len(gallery),
        },
    )


def info(options: argparse.Namespace) -> Answer:
    """What a gallery file says of itself.

    Args:
        options: The parsed arguments.

    Returns:
        Encoder, rule, threshold and size.
    """
    gallery = load_gallery(options.gallery)
    version = _format_version(options.gallery)
    return Answer(
        [
            f"gallery: {options.gallery}, format version {version}",
            f"encoder: {gallery.encoder}",
            f"rule: {gallery.rule}",
            f"threshold: {gallery.threshold or NO_THRESHOLD}",
            f"people: {len(gallery):,}",
            f"templates: {gallery.num_templates:,}",
        ],
        {
            "gallery": options.gallery,
            "format_version": version,
            "encoder": asdict(gallery.encoder),
            "rule": gallery.rule,
            "threshold": threshold_document(gallery.threshold),
            "num_people": len(gallery),
            "num_templates": gallery.num_templates,
        },
    )


def _format_version(path: str) -> int:
    """The version in the header of a gallery file that was verified before."""
    import numpy as np

    with np.load(path, allow_pickle=False) as members:
        return json.loads(members["header"].tobytes())["version"]
