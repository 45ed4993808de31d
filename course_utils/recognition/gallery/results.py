"""What a gallery is told (which encoder, which threshold) and what it answers."""

import math
import operator
from dataclasses import dataclass
from typing import Any, NamedTuple

LARGEST_DIM = 65_536
LONGEST_TEXT = 1000


@dataclass(frozen=True)
class EncoderIdentity:
    """Which encoder made the numbers; distances between two encoders' embeddings mean nothing.

    Attributes:
        name: What people call it, such as "dlib ResNet-29".
        checksum: What changes when its weights change, such as their sha256.
        embedding_dim: Length of an embedding, 1 … 65,536.
    """

    name: str
    checksum: str
    embedding_dim: int

    def __post_init__(self) -> None:
        _check_text("name", self.name)
        _check_text("checksum", self.checksum)
        dim = _as_integer(self.embedding_dim)
        if not 1 <= dim <= LARGEST_DIM:
            raise ValueError(
                f"`embedding_dim` must be an integer in [1, {LARGEST_DIM}]. "
                f"Received: embedding_dim={self.embedding_dim!r}."
            )
        object.__setattr__(self, "embedding_dim", dim)

    def __str__(self) -> str:
        return f"{self.name} (checksum {self.checksum[:12]}, {self.embedding_dim} numbers)"


@dataclass(frozen=True)
class Threshold:
    """Up to which distance two photos count as one person, and which measurement says so.

    Attributes:
        distance: Accepted is a distance of at most this; Euclidean, not squared.
        fmr: False match rate that it was chosen for, in (0, 1].
        num_impostors: Number of impostor distances that it was chosen from.
        source: Which people those were, in words: other people than the enrolled ones.
    """

    distance: float
    fmr: float
    num_impostors: int
    source: str

    def __post_init__(self) -> None:
        distance, fmr = _as_float(self.distance), _as_float(self.fmr)
        num_impostors = _as_integer(self.num_impostors)
        if not 0 <= distance < math.inf:
            raise ValueError(
                "`distance` must be a finite number, at least 0. "
                f"Received: distance={self.distance!r}."
            )
        if not 0 < fmr <= 1:
            raise ValueError(f"`fmr` must lie in (0, 1]. Received: fmr={self.fmr!r}.")
        if num_impostors < 1:
            raise ValueError(
                "`num_impostors` must be an integer, at least 1. "
                f"Received: num_impostors={self.num_impostors!r}."
            )
        _check_text("source", self.source)
        object.__setattr__(self, "distance", distance)
        object.__setattr__(self, "fmr", fmr)
        object.__setattr__(self, "num_impostors", num_impostors)

    def __str__(self) -> str:
        return (
            f"{self.distance:.3g} (FMR {self.fmr:g} on {self.num_impostors:,} impostor distances: "
            f"{self.source})"
        )


class Match(NamedTuple):
    """A person of the gallery and the probe's distance to them.

    Attributes:
        name: The person.
        distance: Euclidean distance by the gallery's rule, ≥ 0.
    """

    name: str
    distance: float

    def __str__(self) -> str:
        return f"{self.name}, distance {self.distance:.3g}"


@dataclass(frozen=True)
class Verification:
    """The answer to "is this Ann?", 1:1.

    Attributes:
        name: Who the probe claims to be.
        distance: The probe's distance to that person, by the gallery's rule.
        threshold: The gallery's threshold.
    """

    name: str
    distance: float
    threshold: Threshold

    @property
    def accepted(self) -> bool:
        """Whether the distance is at most the threshold, as in `rates_at_threshold`."""
        return self.distance <= self.threshold.distance

    def __str__(self) -> str:
        verdict = self.name if self.accepted else f"not {self.name}"
        return f"{verdict}, distance {self.distance:.3g} (threshold {self.threshold.distance:.3g})"


@dataclass(frozen=True)
class Identification:
    """The answer to "who is this?", 1:N.

    Attributes:
        candidates: The nearest people, nearest first; none if the gallery is empty.
        threshold: The gallery's threshold, or None if it has none yet.
    """

    candidates: tuple[Match, ...]
    threshold: Threshold | None

    @property
    def identity(self) -> str | None:
        """Name of the nearest person; None, "not in the database", if they are too far.

        Raises:
            ValueError: If the gallery had no threshold: "too far" has no meaning then.
        """
        if not self.candidates:
            return None
        if self.threshold is None:
            raise ValueError(
                "Without a threshold nobody can be told from a stranger; `candidates` are ranked "
                "all the same. Set one: gallery.calibrate(impostor_distances, fmr=..., source=...)."
            )
        nearest = self.candidates[0]
        return nearest.name if nearest.distance <= self.threshold.distance else None

    def __str__(self) -> str:
        if not self.candidates:
            return "not in the database; it is empty"
        nearest = str(self.candidates[0])
        if self.threshold is None:
            return f"nearest: {nearest} (no threshold)"
        nearest += f" (threshold {self.threshold.distance:.3g})"
        return nearest if self.identity else f"not in the database; nearest: {nearest}"


def _as_float(value: Any) -> float:
    """The number; NaN if it is none."""
    try:
        return math.nan if isinstance(value, str | bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _as_integer(value: Any) -> int:
    """The integer; 0 if it is none."""
    try:
        return 0 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        return 0


def _check_text(name: str, value: str) -> None:
    """Raises a `ValueError` unless the value is a text that a file can hold."""
    if not isinstance(value, str) or not value.strip() or len(value) > LONGEST_TEXT:
        raise ValueError(
            f"`{name}` must be a text of 1 to {LONGEST_TEXT} characters. "
            f"Received: {name}={str(value)[:50]!r}."
        )
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise ValueError(
            f"`{name}` must not hold half characters. Received: {name}={value[:50]!r}."
        )
