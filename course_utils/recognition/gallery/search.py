"""The nearest people of a gallery: as fast as float32 allows, and exact all the same.

The squared distance of a template b to a probe p is ‖b‖² − 2 b·p + ‖p‖². The norms ‖b‖² are known
beforehand, and for many probes the products b·p are one matrix product: fast, but where large
numbers cancel, float32 leaves few right digits. So ‖b‖² − 2 b·p, the *shifted* squared distance,
only chooses the candidates: everybody whom its rounding error cannot rule out. Their distances are
then computed from the differences b − p, in float64.

How large that error can be is known. With d numbers in an embedding, ‖b‖ ≤ R for all templates and
γ = (d + 2) · 2⁻²⁴ it is less than γ (R² + 2 R ‖p‖), to first order in γ and in whatever order the
sums are taken; where numbers underflow, less than (d + 2) · 2⁻¹²⁶ more. We allow twice as much.

Reference: Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed. 2002, section 3.1.
"""

from collections.abc import Iterator

import numpy as np

from course_utils.recognition.gallery.templates import Templates

PROBES_AT_ONCE = 64  # the products of so many probes with a block take 16 MB
MEANS_AT_ONCE = 2_000_000  # two of float64, a person and probe
ROWS_AT_ONCE = 16_384
FEW_ROWS = 256  # so many exact distances take less time than choosing among them


def nearest_people(
    templates: Templates, probes: np.ndarray, num_people: int, rule: str
) -> list[list[tuple[int, float]]]:
    """The people nearest to each probe, nearest first; of equals, the one enrolled first.

    Args:
        templates: The gallery.
        probes: Float32 array, shape (n, dim).
        num_people: How many people at most, at least 1.
        rule: "nearest" (a person's distance is that of their nearest template) or "mean".

    Returns:
        For each probe the people (as numbered in `templates`) and their distances.
    """
    select = _select_by_nearest if rule == "nearest" else _select_by_mean
    total = len(templates.names)
    num_people = min(num_people, total)
    at_once = PROBES_AT_ONCE
    if rule == "mean":
        at_once = max(1, min(at_once, MEANS_AT_ONCE // max(total, 1)))
    found = []
    for first in range(0, len(probes), at_once):
        some = probes[first : first + at_once]
        for probe, rows in zip(some, select(templates, some, num_people), strict=True):
            people, distances = distances_to_people(templates, probe, rows, rule)
            order = np.argsort(distances, kind="stable")[:num_people]
            found.append(list(zip(people[order].tolist(), distances[order].tolist(), strict=True)))
    return found


def distances_to_people(
    templates: Templates, probe: np.ndarray, rows: np.ndarray, rule: str
) -> tuple[np.ndarray, np.ndarray]:
    """Exact distances of a probe to the people whose templates are given.

    Args:
        templates: The gallery.
        probe: Float32 array, shape (dim,).
        rows: Rows of the templates to compare, ascending, shape (m,).
        rule: "nearest" or "mean".

    Returns:
        The people, ascending, and their distances, float64.
    """
    distances, people = np.empty(len(rows)), np.empty(len(rows), np.int32)
    probe = probe.astype(np.float64)
    for first in range(0, len(rows), ROWS_AT_ONCE):
        part = slice(first, first + ROWS_AT_ONCE)
        embeddings, people[part], _ = templates.take(rows[part])
        differences = embeddings - probe
        differences *= differences
        distances[part] = np.sqrt(differences.sum(axis=1))
    order = np.argsort(people, kind="stable")
    people, distances = people[order], distances[order]
    starts = np.flatnonzero(np.diff(people, prepend=-1))
    if rule == "nearest":
        return people[starts], np.minimum.reduceat(distances, starts) if len(starts) else distances
    counts = np.diff(starts, append=len(people))
    group = np.repeat(np.arange(len(starts)), counts)
    return people[starts], np.bincount(group, weights=distances, minlength=len(starts)) / counts


def _shifted_distances(
    templates: Templates, probes: np.ndarray
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Block by block: its first row, the people on its rows, and ‖b‖² − 2 b·p, a row a probe."""
    factors = -2 * probes
    for first, block in templates.blocks():
        if len(factors) == 1:  # memory is the limit; threads would only get in others' way
            shifted = np.vecdot(block.embeddings, factors[0])[None]
        else:
            shifted = factors @ block.embeddings.T
        shifted += block.squared_norms
        yield first, block.people, shifted


def _error_bound(templates: Templates, probe: np.ndarray) -> float:
    """Twice the largest rounding error that a shifted squared distance can have; see above."""
    radius = float(np.sqrt(templates.largest_squared_norm))
    length = float(np.linalg.norm(probe.astype(np.float64)))
    terms = templates.dim + 2
    return 2 * terms * (2.0**-24 * radius * (radius + 2 * length) + 2.0**-126)


def _select_by_nearest(
    templates: Templates, probes: np.ndarray, num_people: int
) -> list[np.ndarray]:
    """For each probe, rows among which are the nearest templates of the nearest people."""
    everybody = num_people == len(templates.names)
    candidates = [
        _Candidates(num_people, everybody, _error_bound(templates, probe)) for probe in probes
    ]
    for first, people, shifted in _shifted_distances(templates, probes):
        for own, distances in zip(candidates, shifted, strict=True):
            own.add(first, people, distances)
    return [own.nearest_rows() for own in candidates]


class _Candidates:
    """The rows that, after some blocks, may belong to one of the nearest people of a probe."""

    def __init__(self, num_people: int, everybody: bool, error: float) -> None:
        self.num_people = num_people
        self.everybody = everybody
        self.error = error
        self.limit = np.inf
        self.rows = np.empty(0, np.intp)
        self.people = np.empty(0, np.int32)
        self.shifted = np.empty(0, np.float32)

    def add(self, first: int, people: np.ndarray, shifted: np.ndarray) -> None:
        """Takes the rows of a block that are within the limit, and lowers the limit."""
        near = np.flatnonzero(shifted <= self.limit)
        if not near.size:
            return
        self.rows = np.concatenate([self.rows, near + first])
        self.people = np.concatenate([self.people, people[near]])
        self.shifted = np.concatenate([self.shifted, shifted[near]])
        if not self.everybody:
            self.limit = self._distance_of_last_person() + 2 * self.error
            self._keep(self.shifted <= self.limit)

    def nearest_rows(self) -> np.ndarray:
        """The rows that may be the nearest of their person, ascending."""
        if self.rows.size > FEW_ROWS:
            order = np.argsort(self.people, kind="stable")
            starts = np.flatnonzero(np.diff(self.people[order], prepend=-1))
            nearest = np.minimum.reduceat(self.shifted[order], starts)
            group = np.cumsum(np.bincount(starts, minlength=order.size)) - 1
            limits = np.empty(order.size)
            limits[order] = nearest[group] + 2 * self.error
            self._keep(self.shifted <= limits)
        return self.rows

    def _keep(self, chosen: np.ndarray) -> None:
        self.rows, self.people = self.rows[chosen], self.people[chosen]
        self.shifted = self.shifted[chosen]

    def _distance_of_last_person(self) -> float:
        """The smallest distance within which are so many people; ∞ if there are not so many."""
        nearest, size = np.arange(self.shifted.size), 4 * self.num_people
        while size < self.shifted.size:
            some = np.argpartition(self.shifted, size)[:size]
            if len(set(self.people[some].tolist())) >= self.num_people:
                nearest = some
                break
            size *= 4
        seen: set[int] = set()
        order = np.argsort(self.shifted[nearest])
        people, shifted = self.people[nearest][order], self.shifted[nearest][order]
        for person, distance in zip(people.tolist(), shifted.tolist(), strict=True):
            seen.add(person)
            if len(seen) == self.num_people:
                return distance
        return np.inf


def _select_by_mean(templates: Templates, probes: np.ndarray, num_people: int) -> list[np.ndarray]:
    """For each probe, all rows of the people who may be the nearest.

    The error bound gives each distance a lower and an upper end; so their means have both, too.
    """
    total, counts = len(templates.names), np.array(templates.counts)
    low, high = np.zeros((len(probes), total)), np.zeros((len(probes), total))
    errors = [_error_bound(templates, probe) for probe in probes]
    squared_lengths = np.einsum("ij,ij->i", probes, probes, dtype=np.float64)
    for _, people, shifted in _shifted_distances(templates, probes):
        first = people.min()
        group, some = people - first, slice(first, people.max() + 1)
        for row, distances in enumerate(shifted + squared_lengths[:, None]):
            lower = np.sqrt(np.maximum(distances - errors[row], 0))
            upper = np.sqrt(np.maximum(distances + errors[row], 0))
            low[row, some] += np.bincount(group, weights=lower)
            high[row, some] += np.bincount(group, weights=upper)
    rows = []
    for lower, upper in zip(low / counts, high / counts, strict=True):
        limit = np.partition(upper, num_people - 1)[num_people - 1] if total else np.inf
        rows.append(templates.rows_where(lower <= limit))
    return rows
