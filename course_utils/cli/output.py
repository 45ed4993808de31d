"""What a command says and how it ends: exit codes, answers and errors, as text or as JSON.

The answer goes to stdout, everything else to stderr. Names and paths may hold anything, so
whatever is printed passes through `printable` first.
"""

import contextlib
import json
import os
import sys
import unicodedata
from dataclasses import dataclass
from typing import Any, TextIO

YES = 0  # also: done
NO = 1
FAILED = 2
NOT_ONE_FACE = 3
INTERRUPTED = 130  # as shells count: 128 + the number of the signal

DIGITS = 6  # of floats in JSON
JOINERS = "\u200c\u200d"  # invisible, and needed: Persian and Indic names, emoji


@dataclass(frozen=True)
class Answer:
    """What a command found.

    Attributes:
        lines: The answer as text, line by line.
        document: The same for `--json`, of what JSON knows; keys in the order to be printed.
        exit_code: `YES` or `NO`, or what else the photos make of it.
    """

    lines: list[str]
    document: dict[str, Any]
    exit_code: int = YES


class CommandError(Exception):
    """What a command cannot do, in words for who gave it."""

    def __init__(self, message: str, exit_code: int = FAILED):
        super().__init__(message)
        self.exit_code = exit_code


def printable(text: str) -> str:
    r"""One line of text without what a terminal would obey: control characters become `\u001b`.

    Args:
        text: Anything, also a file name that is no valid Unicode.

    Returns:
        The text with escapes, as JSON writes them, for control characters, line breaks, half
        characters and marks that turn the direction of writing.
    """
    return "".join(
        each
        if each.isprintable() or each in JOINERS or unicodedata.category(each) == "Zs"
        else json.dumps(each)[1:-1]
        for each in text
    )


def as_json(document: dict[str, Any]) -> str:
    """A document as JSON, safe to print.

    Args:
        document: Dictionaries, lists, texts, numbers, True, False and None.

    Returns:
        Several lines; floats have 6 digits after the point, keys keep their order.
    """
    text = json.dumps(_rounded(document), ensure_ascii=False, indent=2, allow_nan=False)
    return "\n".join(printable(line) for line in text.split("\n"))


def message_of(error: BaseException) -> str:
    """What an error says, on one line.

    Args:
        error: Any exception.

    Returns:
        Its message; of an error of the operating system, the file and the reason.
    """
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.strerror}."
        if error.filename is not None:
            text = f"{error.filename}: {text}"
    elif isinstance(error, KeyError) and error.args:
        text = str(error.args[0])  # `str(error)` would put it in quotes
    else:
        text = str(error)
    return " ".join(text.split("\n")).strip() or type(error).__name__


def write_answer(answer: Answer, *, use_json: bool) -> None:
    """Prints an answer to stdout.

    Args:
        answer: What the command found.
        use_json: Whether to print its document instead of its lines.

    Raises:
        OSError: If it cannot be written, as on a full disk. That nobody reads it is no error.
    """
    if use_json:
        _write(as_json(answer.document), sys.stdout, encoding="utf-8")
    else:
        _write("\n".join(printable(line) for line in answer.lines), sys.stdout)


def write_error(message: str, exit_code: int, *, use_json: bool) -> None:
    """Prints an error: a line on stderr, and a JSON document on stdout if JSON was asked for.

    Args:
        message: What went wrong and what helps.
        exit_code: What the program will end with.
        use_json: Whether JSON was asked for.
    """
    note("error", message)
    if use_json:
        document = {"error": message, "exit_code": exit_code}
        with contextlib.suppress(OSError):
            _write(as_json(document), sys.stdout, encoding="utf-8")


def note(kind: str, message: str) -> None:
    """Prints a line to stderr.

    Args:
        kind: "error", "warning" or "skipped".
        message: The rest of the line.
    """
    with contextlib.suppress(OSError):
        _write(f"course: {kind}: {printable(message)}", sys.stderr)


def flush_stdout() -> None:
    """Sends off what was printed; to a reader who has left, nothing."""
    _write("", sys.stdout, end="")


def _write(
    text: str, stream: TextIO | None, *, encoding: str | None = None, end: str = "\n"
) -> None:
    """Prints and flushes. A character that the stream's encoding lacks is escaped."""
    if stream is None:  # the program was started without one
        return
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(encoding=encoding, errors="backslashreplace")
    try:
        print(text, file=stream, end=end, flush=True)
    except BrokenPipeError:  # `course … | head`
        _silence(stream)
    except OSError:
        _silence(stream)
        raise


def _silence(stream: TextIO) -> None:
    """Sends what is left in a broken stream nowhere, or Python would complain of it at its end."""
    with contextlib.suppress(OSError, ValueError), open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), stream.fileno())


def _rounded(value: object) -> object:
    if isinstance(value, float):
        return round(value, DIGITS)
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(each) for each in value]
    return value
