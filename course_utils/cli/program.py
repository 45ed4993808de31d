"""From the arguments to the exit code: parse, run the command, print its answer or its error."""

import argparse
import sys
from collections.abc import Sequence

from course_utils import __version__
from course_utils.cli import enroll, gallery, identify, stylize, verify
from course_utils.cli.options import EXIT_CODES, GALLERY_VARIABLE, Parser, epilog
from course_utils.cli.output import (
    FAILED,
    INTERRUPTED,
    CommandError,
    flush_stdout,
    message_of,
    write_answer,
    write_error,
)

COMMANDS = (verify, enroll, identify, gallery, stylize)
EXAMPLES = (
    "course verify passport.jpg selfie.jpg",
    "course enroll Ann ann1.jpg ann2.jpg --gallery friends.npz",
    "course identify party.jpg --gallery friends.npz",
    "course gallery list --gallery friends.npz",
    "course stylize cat.jpg woodblock -o cat_woodblock.png",
)
ENVIRONMENT = {GALLERY_VARIABLE: "the gallery file where --gallery is not given"}


def main(arguments: Sequence[str] | None = None) -> int:
    """The command `course`: faces in your own photos, and paintings of them.

    Args:
        arguments: What follows `course` on the command line; by default what was typed there.

    Returns:
        The exit code: 0 yes or done, 1 no, 2 an error, 3 not one face, 130 interrupted.

    Example:
        >>> main(["gallery", "list", "--gallery", "no such file.npz"])
        2

    Lecture: sections 5 and 6, notebooks 05 and 06.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    use_json = _asks_for_json(arguments)
    try:
        return _run(arguments, use_json=use_json)
    except KeyboardInterrupt:
        message, exit_code = "Interrupted.", INTERRUPTED
    except CommandError as error:
        message, exit_code = message_of(error), error.exit_code
    except (ValueError, OSError, ImportError, KeyError) as error:  # a TimeoutError is an OSError
        message, exit_code = message_of(error), FAILED
    write_error(message, exit_code, use_json=use_json)
    return exit_code


def _run(arguments: Sequence[str], *, use_json: bool) -> int:
    """Parses the arguments, runs the command and prints its answer; returns the exit code."""
    try:
        options = build_parser().parse_args(arguments)
    except SystemExit as end:  # argparse, after --help and --version
        flush_stdout()
        return int(end.code or 0)
    answer = options.run(options)
    write_answer(answer, use_json=use_json)
    return answer.exit_code


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands.

    Returns:
        A parser whose options have `run`, the function of the command that was given.
    """
    parser = Parser(
        prog="course",
        description="Your own photos: who is on them, and how would they look as paintings?\n"
        "`course COMMAND --help` has examples and the fields of --json.",
        epilog=epilog(examples=EXAMPLES, environment=ENVIRONMENT, exit_code=EXIT_CODES),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"course {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add_parsers(commands)
    return parser


def _asks_for_json(arguments: Sequence[str]) -> bool:
    """Whether `--json` was given, known before the arguments are parsed: they may be wrong."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    return "--json" in arguments[:end]
