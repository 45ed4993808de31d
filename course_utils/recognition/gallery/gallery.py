"""The gallery: enrol people, ask who somebody is, and keep it all in a file."""

import difflib
import operator
import os
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from course_utils.recognition.gallery.arguments import as_name, as_rule, embeddings_of
from course_utils.recognition.gallery.results import (
    EncoderIdentity,
    Identification,
    Match,
    Threshold,
    Verification,
)
from course_utils.recognition.gallery.saving import (
    Contents,
    check_agreement,
    load_contents,
    save_contents,
)
from course_utils.recognition.gallery.search import distances_to_people, nearest_people
from course_utils.recognition.gallery.templates import Templates
from course_utils.recognition.metrics import threshold_at_fmr

MOST_NAMES_COMPARED = 10_000  # for a hint about a name that was mistyped


class Gallery:
    """Embeddings of enrolled people, to compare probes with: the lecture's database.

    d(probe, person) is the smallest of the Euclidean distances ‖b − p‖ (not squared) to the
    person's templates b, or their mean, as the rule says. A probe is accepted if d ≤ threshold,
    which is calibrated on impostor distances and never guessed.

    Wherever embeddings are expected, photos may be given if the encoder can be called: paths,
    uint8 arrays of 2 or 3 axes, or a list of those. Embeddings are floats, kept as float32; the
    distances between those are exact to the precision of float64.

    Not thread-safe: one thread at a time. Several processes may save to one file.

    Args:
        encoder: An `EncoderIdentity`, or an encoder with its three attributes `name`, `checksum`
            and `embedding_dim`; if it can be called, `encoder(photos)` must turn a list of photos
            into float embeddings, shape (n, embedding_dim).
        rule: "nearest" or "mean". The threshold holds for one rule, so it cannot be changed.
        threshold: A `Threshold` from elsewhere; see also `calibrate`.

    Raises:
        TypeError: If the encoder lacks an attribute, or the threshold is not a `Threshold`.
        ValueError: If there is no such rule.

    Example:
        >>> gallery = Gallery(EncoderIdentity("two numbers", "none", 2))
        >>> gallery.enroll("Ann", np.array([[0.0, 0.0], [0.0, 1.0]])), gallery.enroll(
        ...     "Bob", np.array([6.0, 8.0])
        ... )
        (2, 1)
        >>> gallery.identify(np.array([0.0, 1.5])).candidates[0]
        Match(name='Ann', distance=0.5)
        >>> _ = gallery.calibrate(np.linspace(1, 11, 1001), fmr=0.01, source="made for this")
        >>> print(gallery.identify(np.array([6.0, 4.0])))
        not in the database; nearest: Bob, distance 4 (threshold 1.1)

    Lecture: section 5, notebook 05.
    """

    def __init__(
        self,
        encoder: EncoderIdentity | Callable[..., np.ndarray],
        *,
        rule: str = "nearest",
        threshold: Threshold | None = None,
    ) -> None:
        identity = _identity_of(encoder)
        self._encoder = encoder if callable(encoder) else None
        self._contents = Contents(identity, as_rule(rule), None, Templates(identity.embedding_dim))
        if threshold is not None:
            self.threshold = threshold

    @classmethod
    def load(
        cls, path: Path | str, encoder: EncoderIdentity | Callable[..., np.ndarray] | None = None
    ) -> "Gallery":
        """Reads a gallery from a file and verifies all of it.

        Args:
            path: The file.
            encoder: The encoder, which must be the file's; without it, embeddings only are
                accepted, no photos.

        Returns:
            The gallery.

        Raises:
            FileNotFoundError: If there is no such file.
            DamagedGalleryError: If the file is not as it was saved; it is a `ValueError`.
            ValueError: If the file is of another encoder, or of a newer version of the course.
        """
        gallery = None if encoder is None else cls(encoder)
        contents = load_contents(path)
        if gallery is None:
            gallery = cls(contents.encoder)
        gallery._contents.rule = contents.rule
        check_agreement(gallery._contents, contents, path)
        gallery._contents = contents
        return gallery

    @classmethod
    def open(
        cls,
        path: Path | str,
        encoder: EncoderIdentity | Callable[..., np.ndarray],
        *,
        rule: str | None = None,
    ) -> "Gallery":
        """The gallery of a file; a new, empty one if there is no file yet. It writes nothing.

        Args:
            path: The file that there is, or that `save(path)` will make.
            encoder: The encoder.
            rule: "nearest" or "mean"; by default that of the file, or "nearest".

        Returns:
            The gallery.

        Raises:
            ValueError: As `load` does, and if the file is of another rule.
        """
        new = cls(encoder, rule=rule or "nearest")
        if not os.path.lexists(path):
            return new
        gallery = cls.load(path, encoder)
        if rule is not None:
            check_agreement(new._contents, gallery._contents, path)
        return gallery

    @property
    def encoder(self) -> EncoderIdentity:
        """Which encoder made the embeddings."""
        return self._contents.encoder

    @property
    def rule(self) -> str:
        """Which of a person's templates count: the "nearest", or the "mean" of all."""
        return self._contents.rule

    @property
    def threshold(self) -> Threshold | None:
        """The threshold of `verify` and `identify`, None before it is set."""
        return self._contents.threshold

    @threshold.setter
    def threshold(self, threshold: Threshold | None) -> None:
        if threshold is not None and not isinstance(threshold, Threshold):
            raise TypeError(
                "`threshold` must be a Threshold(distance, fmr, num_impostors, source), so that it "
                f"says where it comes from. Received: {threshold!r:.50}."
            )
        self._contents.threshold = threshold
        self._contents.threshold_changed = True

    @property
    def people(self) -> MappingProxyType[str, int]:
        """Name → number of templates, in order of enrolment."""
        templates = self._contents.templates
        return MappingProxyType(dict(zip(templates.names, templates.counts, strict=True)))

    @property
    def num_templates(self) -> int:
        """Number of stored embeddings."""
        return self._contents.templates.num_rows

    def __len__(self) -> int:
        return len(self._contents.templates.names)

    def __contains__(self, name: object) -> bool:
        try:
            return isinstance(name, str) and as_name(name) in self._contents.templates
        except ValueError:  # no such name can be here
            return False

    def __repr__(self) -> str:
        return (
            f"<Gallery of {len(self):,} people, {self.num_templates:,} templates by "
            f'{self.encoder.name}, rule "{self.rule}", threshold {self.threshold}>'
        )

    def enroll(self, name: str, items: np.ndarray | list[Any] | Path | str) -> int:
        """Stores embeddings of a person, who may be here already.

        Args:
            name: A text of 1 to 200 characters on one line; spaces around it do not count.
            items: One or more photos or embeddings. If one of them is no good, none is stored.

        Returns:
            The number of templates that the person has now.

        Raises:
            TypeError: If the name is not a text, or the items are neither photos nor floats.
            ValueError: If the name is empty, or the items are empty or of another dimension.
        """
        name = as_name(name)
        embeddings = self._embeddings_of("items", items)
        if not len(embeddings):
            raise ValueError(f"`items` is empty: there is nothing to enrol {name} with.")
        templates = self._contents.templates
        number = templates.number_or_new(name)
        templates.append(embeddings, number)
        return templates.counts[number]

    def remove(self, name: str) -> None:
        """Removes a person and all their embeddings; from the file with the next `save`.

        That save removes them also if another process has enrolled more photos of them since.
        It writes the file anew; what a disk keeps of files that were replaced, it cannot tell.

        Args:
            name: A person who is here.

        Raises:
            ValueError: If nobody here has that name.
        """
        self._contents.remove(self._name_of_person(name))

    def embeddings(self, name: str) -> np.ndarray:
        """A copy of a person's templates.

        Args:
            name: A person who is here.

        Returns:
            Float32 array, shape (num_templates_of_the_person, dim), in order of enrolment.

        Raises:
            ValueError: If nobody here has that name.
        """
        templates = self._contents.templates
        number = templates.number(self._name_of_person(name))
        return templates.take(templates.rows_of(number)).embeddings

    def calibrate(self, impostor_distances: np.ndarray, *, fmr: float, source: str) -> Threshold:
        """Sets the threshold: the largest that accepts no more than a share of impostors.

        Args:
            impostor_distances: Distances of photos to other people, Euclidean, not squared; of
                people who are not enrolled here. By this gallery's rule, with as many templates a
                person as are enrolled: by the rule "nearest", the false match rate grows with
                their number. Notebook 05 measures it: with five templates, about three times.
            fmr: False match rate that is allowed in verification, in (0, 1]. In a search of N
                people, a stranger has about N chances.
            source: Which people those were, in words.

        Returns:
            The threshold, which is kept with the gallery.

        Raises:
            ValueError: If `fmr` is out of range, or the distances are empty, negative or NaN, or
                so many of them are 0 that no threshold rejects enough.
            TypeError: If the distances are not real numbers.

        Warns:
            InsufficientPairsWarning: If there are too few distances to support the rate.
        """
        distance = threshold_at_fmr(impostor_distances, fmr)
        impostor_distances = np.asarray(impostor_distances)
        if impostor_distances.min() < 0:
            raise ValueError(
                "`impostor_distances` must be distances, at least 0. "
                f"Received: {impostor_distances.min()}."
            )
        if distance < 0:
            raise ValueError(
                f"{int((impostor_distances == 0).sum()):,} `impostor_distances` are 0, so that no "
                f"threshold has an FMR of {fmr:g}: is a photo there under two names?"
            )
        self.threshold = Threshold(distance, fmr, impostor_distances.size, source)
        return self.threshold

    def verify(self, name: str, probe: np.ndarray | Path | str) -> Verification:
        """Is it this person? 1:1.

        Args:
            name: A person who is here.
            probe: One photo or embedding.

        Returns:
            `Verification`: distance, threshold, and whether it is `accepted`.

        Raises:
            ValueError: If nobody here has that name, the probe is not one embedding, or the
                gallery has no threshold yet.
        """
        name = self._name_of_person(name)
        if self.threshold is None:
            raise ValueError(
                "This gallery has no threshold yet. Set one: "
                "gallery.calibrate(impostor_distances, fmr=..., source=...)."
            )
        templates = self._contents.templates
        rows = templates.rows_of(templates.number(name))
        _, distances = distances_to_people(templates, self._one_probe(probe), rows, self.rule)
        return Verification(name, float(distances[0]), self.threshold)

    def identify(self, probe: np.ndarray | Path | str, k: int = 5) -> Identification:
        """Who is it, or is it nobody here? 1:N.

        Args:
            probe: One photo or embedding.
            k: How many candidates at most.

        Returns:
            `Identification`: the nearest people, nearest first (of equals, the one enrolled
            first), and the `identity`, which is None for a stranger.

        Raises:
            ValueError: If the probe is not one embedding, or `k` is not positive.
        """
        return self._identify(self._one_probe(probe)[None], k)[0]

    def identify_all(self, probes: np.ndarray | list[Any], k: int = 5) -> list[Identification]:
        """Who are they? The same as `identify` for each, faster.

        Args:
            probes: Any number of photos or embeddings.
            k: How many candidates at most for each.

        Returns:
            An `Identification` for each probe, in their order.

        Raises:
            ValueError: If the embeddings are of another dimension, or `k` is not positive.
        """
        if isinstance(probes, list | tuple) and not len(probes):
            return []
        return self._identify(self._embeddings_of("probes", probes), k)

    def save(self, path: Path | str, *, timeout: float = 10.0) -> None:
        """Writes the gallery to a file, which is whole at every moment, and loses nobody.

        If others have saved to the file since this gallery was loaded or last saved, its changes
        since then are applied to what is there now; the gallery then holds that, too. Onto a file
        of another gallery, all its people are added. A new file can be read by its owner only.
        Beside the file, an empty `<path>.lock` stays.

        Args:
            path: The file; its name usually ends in ".npz".
            timeout: How many seconds to wait while another process is saving to the file.

        Raises:
            TimeoutError: If that process is not ready by then.
            OSError: If the folder is missing or cannot be written, or the disk is full.
            ValueError: If the file there is damaged, or of another encoder or rule, or `timeout`
                is negative. It is left as it is.
        """
        if not timeout >= 0:
            raise ValueError(f"`timeout` must be at least 0 seconds. Received: timeout={timeout}.")
        save_contents(self._contents, path, timeout)

    def _identify(self, probes: np.ndarray, k: int) -> list[Identification]:
        """The results for a matrix of embeddings."""
        if isinstance(k, bool) or operator.index(k) < 1:
            raise ValueError(f"`k` must be an integer, at least 1. Received: k={k!r}.")
        templates, names = self._contents.templates, self._contents.templates.names
        return [
            Identification(tuple(Match(names[n], d) for n, d in nearest), self.threshold)
            for nearest in nearest_people(templates, probes, operator.index(k), self.rule)
        ]

    def _embeddings_of(self, argument: str, items: object) -> np.ndarray:
        """Embeddings, shape (n, dim), of photos or embeddings."""
        return embeddings_of(argument, items, self.encoder.embedding_dim, self._encoder)

    def _one_probe(self, probe: object) -> np.ndarray:
        """The embedding of a single photo or embedding, shape (dim,)."""
        embeddings = self._embeddings_of("probe", probe)
        if len(embeddings) != 1:
            raise ValueError(
                f"`probe` must be one photo or embedding. Received: {len(embeddings)}. For many "
                "there is gallery.identify_all(probes)."
            )
        return embeddings[0]

    def _name_of_person(self, name: str) -> str:
        """The name as it is written here; raises a `ValueError` if nobody has it."""
        name = as_name(name)
        names = self._contents.templates.names
        if name not in names:
            similar = difflib.get_close_matches(name, islice(names, MOST_NAMES_COMPARED), n=3)
            hint = f" Similar names: {', '.join(similar)}." if similar else ""
            raise ValueError(f"Nobody of that name is in the gallery: {name!r}.{hint}")
        return name


def _identity_of(encoder: Any) -> EncoderIdentity:
    """Name, checksum and dimension of an encoder."""
    if isinstance(encoder, EncoderIdentity):
        return encoder
    wanted = ("name", "checksum", "embedding_dim")
    missing = [attribute for attribute in wanted if not hasattr(encoder, attribute)]
    if missing:
        raise TypeError(
            "`encoder` must have the attributes `name`, `checksum` and `embedding_dim`, or be an "
            f"EncoderIdentity of those. Received: {type(encoder).__name__} without "
            f"{', '.join(missing)}."
        )
    return EncoderIdentity(encoder.name, encoder.checksum, encoder.embedding_dim)
