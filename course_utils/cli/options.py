"""How a command is declared: its help with examples, and the options that several share."""

import argparse
import math
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn, TypeAlias

from course_utils.cli.output import Answer, CommandError

DEFAULT_FMR = 0.001
LARGEST_NUMBER = 1e6  # a factor or a time beyond it is a slip, and no longer fits the arithmetic
GALLERY_VARIABLE = "COURSE_GALLERY"

Run: TypeAlias = Callable[[argparse.Namespace], Answer]
Commands: TypeAlias = "argparse._SubParsersAction[Parser]"  # what `add_subparsers` returns

EXIT_CODES = {
    "0": "yes, or done",
    "1": "no: different people, or a face that is not in the database",
    "2": "wrong usage, unreadable file, file in the way, missing package, gallery locked",
    "3": "no face, or several faces where one is needed",
    "130": "interrupted (Ctrl-C)",
}
THRESHOLD_FIELDS = "{distance, fmr, num_impostors, source}"


class Parser(argparse.ArgumentParser):
    """A parser that leaves it to `main` to report what is wrong: on one line, or as JSON.

    A command's options may stand between its photos: `course stylize a.jpg -o out/ b.jpg ink`.
    """

    _in_two_passes = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse's; of a command first the options, then what is left.

        Args:
            args: The arguments. With a `--`, which the second pass would not see any more, or
                with none, one pass is made: then what is no option must stand together.
            namespace: As argparse's.

        Returns:
            The parsed arguments, and those that are not known.
        """
        if self._subparsers or self._in_two_passes or not args or "--" in args:
            return super().parse_known_args(args, namespace)
        self._in_two_passes = True  # each of them comes back here
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._in_two_passes = False

    def error(self, message: str) -> NoReturn:
        """Raises what argparse would print.

        Args:
            message: What is wrong with the arguments.
        """
        raise CommandError(f"{message}. See: {self.prog} --help")


def epilog(**sections: Sequence[str] | Mapping[str, str]) -> str:
    """What stands at the end of a help text.

    Args:
        **sections: Title, with `_` for spaces, and its lines, or its terms and what they mean.

    Returns:
        The sections, indented.
    """
    parts = []
    for title, content in sections.items():
        if isinstance(content, Mapping):
            width = max(map(len, content))
            content = [f"{term:<{width}}  {meaning}" for term, meaning in content.items()]
        parts.append("\n".join([f"{title.replace('_', ' ')}:", *(f"  {line}" for line in content)]))
    return "\n\n".join(parts)


def add_command(
    commands: Commands,
    name: str,
    run: Run,
    *,
    summary: str,
    examples: Sequence[str],
    fields: Mapping[str, str],
) -> argparse.ArgumentParser:
    """Declares a command that can answer in JSON.

    Args:
        commands: What `add_subparsers` returned.
        name: The word that calls it.
        run: Function from the parsed options to the answer.
        summary: One sentence for the help.
        examples: Command lines.
        fields: Fields of the JSON document and what they mean.

    Returns:
        The command's parser, to which its own arguments are to be added.
    """
    parser = commands.add_parser(
        name,
        help=summary,
        description=summary,
        epilog=epilog(examples=examples, fields_of_the_JSON_document=fields, exit_code=EXIT_CODES),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(run=run)
    parser.add_argument(
        "--json", action="store_true", help="print one JSON document (errors: {error, exit_code})"
    )
    return parser


def add_gallery_option(parser: argparse.ArgumentParser) -> None:
    """Adds `--gallery FILE`, which the environment may give as well.

    Args:
        parser: The parser of a command.
    """
    default = os.environ.get(GALLERY_VARIABLE) or None
    parser.add_argument(
        "--gallery",
        metavar="FILE",
        default=default,
        required=default is None,
        help=f"the gallery file; by default what ${GALLERY_VARIABLE} names",
    )


def add_largest_option(parser: argparse.ArgumentParser) -> None:
    """Adds `--largest`.

    Args:
        parser: The parser of a command that needs one face a photo.
    """
    parser.add_argument(
        "--largest", action="store_true", help="of several faces in a photo take the largest"
    )


def false_match_rate(text: str) -> float:
    """The value of `--fmr`.

    Args:
        text: What was typed.

    Returns:
        A number in (0, 1].
    """
    value = _number(text)
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"expected a number above 0, at most 1, not {text!r}")
    return value


def distance(text: str) -> float:
    """The value of `--threshold`.

    Args:
        text: What was typed.

    Returns:
        A finite number, at least 0.
    """
    value = _number(text)
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number, at least 0, not {text!r}")
    return value


def count(text: str) -> int:
    """The value of `-k`, `--size` and `--steps`.

    Args:
        text: What was typed.

    Returns:
        An integer, at least 1.
    """
    return _integer(text, least=1)


def whole_number(text: str) -> int:
    """The value of `--seed`.

    Args:
        text: What was typed.

    Returns:
        An integer, at least 0.
    """
    return _integer(text, least=0)


def positive_number(text: str) -> float:
    """The value of `--strength`, `--stroke-size` and `--time`.

    Args:
        text: What was typed.

    Returns:
        A number above 0, at most a million.
    """
    value = _number(text)
    if not 0 < value <= LARGEST_NUMBER:
        raise argparse.ArgumentTypeError(
            f"expected a number above 0, at most {LARGEST_NUMBER:,.0f}, not {text!r}"
        )
    return value


def share(text: str) -> float:
    """The value of `--noise`.

    Args:
        text: What was typed.

    Returns:
        A number in [0, 1].
    """
    value = _number(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"expected a number from 0 to 1, not {text!r}")
    return value


def _integer(text: str, *, least: int) -> int:
    """The integer that was typed."""
    value = _number(text)
    if not (value >= least and value.is_integer()):
        raise argparse.ArgumentTypeError(f"expected an integer, at least {least}, not {text!r}")
    return int(value)


def _number(text: str) -> float:
    """The number that was typed; NaN if it is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan
