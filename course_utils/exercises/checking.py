"""How a check works: it calls the learner's code, compares, and says what is wrong in words."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Verdict:
    """What a check found.

    Attributes:
        status: "not attempted", "correct" or "not yet".
        message: One or two sentences for the learner.
    """

    status: str
    message: str

    def __repr__(self) -> str:
        sign = {"correct": "✅ Correct", "not yet": "❌ Not yet"}.get(
            self.status, "✏️ Not attempted"
        )
        return f"{sign}: {self.message}"


class NotAttempted(Exception):
    """The stub is as it was handed out."""


class Wrong(Exception):
    """The answer is wrong; the message says why."""


def check(praise: str) -> Callable[[Callable[[Any], None]], Callable[[Any], Verdict]]:
    """Turns a function that raises `Wrong` or `NotAttempted` into one that returns a `Verdict`.

    Args:
        praise: What to say of a correct answer.

    Returns:
        The decorator.
    """

    def decorate(body: Callable[[Any], None]) -> Callable[[Any], Verdict]:
        @functools.wraps(body)
        def checked(answer: Any) -> Verdict:
            try:
                body(answer)
            except NotAttempted:
                return Verdict("not attempted", "replace the `...` with your answer and run again.")
            except Wrong as wrong:
                return Verdict("not yet", str(wrong))
            except Exception as error:  # an answer of a kind that cannot even be compared
                return Verdict("not yet", f"your answer cannot be read ({error}).")
            return Verdict("correct", praise)

        return checked

    return decorate


def given(answer: Any) -> Any:
    """The answer, unless it is still the stub's `...` or None."""
    if answer is None or answer is ...:
        raise NotAttempted
    return answer


def call(function: Callable[..., Any], *arguments: Any, none_is_stub: bool = True) -> Any:
    """What the learner's function returns for copies of the arguments; its failure is a `Wrong`.

    Where a function may forget to return something in one case only, ask about that case with
    `none_is_stub=False`, after a case in which the stub would have shown itself.
    """
    if not callable(function):
        raise Wrong("give the check the function itself, without parentheses.")
    copies = [np.copy(value) if isinstance(value, np.ndarray) else value for value in arguments]
    try:
        result = function(*copies)
    except NotImplementedError:
        raise NotAttempted from None
    except (Exception, SystemExit) as error:
        raise Wrong(f"your function raised {type(error).__name__}: {error}") from None
    return given(result) if none_is_stub else result


def numbers(result: Any, count: int) -> np.ndarray:
    """The result as `count` finite numbers, or a `Wrong` that says what came instead."""
    try:
        values = np.asarray(result, dtype=np.float64).ravel()
    except (TypeError, ValueError):
        raise Wrong(f"expected {_amount(count)}, got {shown(result)}.") from None
    if values.size != count:
        raise Wrong(f"expected {_amount(count)}, got {values.size}.")
    if not np.isfinite(values).all():
        raise Wrong(f"expected finite numbers, got {shown(result)}.")
    return values


def shown(value: Any) -> str:
    """The value for a message: plain values as they are, of all others only the type."""
    plain = isinstance(value, str | int | float | tuple | list | np.generic | np.ndarray | None)
    return repr(value) if plain else f"a {type(value).__name__}"


def listed(values: Any) -> str:
    """The numbers of an array or a tuple for a message, with commas between them."""
    return ", ".join(f"{value:g}" for value in np.ravel(values))


def close(found: float, expected: float) -> bool:
    """Whether a number is right up to rounding."""
    return bool(np.isclose(found, expected, rtol=1e-6, atol=1e-9))


def _amount(count: int) -> str:
    return "one number" if count == 1 else f"{count} numbers"
