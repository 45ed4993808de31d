"""Errors of identification, 1:N: which person of a gallery is it, or none?"""

from dataclasses import dataclass

import numpy as np

from course_utils.recognition.metrics.arguments import as_distances, check_threshold


@dataclass(frozen=True)
class IdentificationRates:
    """How often a search of the gallery succeeds and errs.

    A probe is mated if its person is in the gallery. A person's distance is that of the nearest
    of their templates. A search returns the nearest person, unless even they are farther than
    the threshold: then it returns nobody.

    Attributes:
        rank_rates: Share of mated probes whose person is among the nearest 1, 2, … people,
            shape (num_gallery_people,): the cumulative match characteristic. Ties count against
            the person. NaN without mated probes.
        thresholds: −∞, then every distance at which a rate may change, ascending; shape (n,).
        fpir: False positive identification rate at each threshold: share of non-mated probes
            for whom somebody is returned. NaN without non-mated probes.
        fnir: False negative identification rate: share of mated probes whose person is not
            nearest, or is farther than the threshold. NaN without mated probes.
        num_mated: Number of mated probes.
        num_nonmated: Number of non-mated probes.
    """

    rank_rates: np.ndarray
    thresholds: np.ndarray
    fpir: np.ndarray
    fnir: np.ndarray
    num_mated: int
    num_nonmated: int

    def at_threshold(self, threshold: float) -> tuple[float, float]:
        """(FPIR, FNIR) of a threshold that was set elsewhere."""
        check_threshold(threshold)
        step = np.searchsorted(self.thresholds, threshold, side="right") - 1
        return float(self.fpir[step]), float(self.fnir[step])

    def fnir_at_fpir(self, fpir: float) -> float:
        """The smallest FNIR of the thresholds whose FPIR is at most `fpir`."""
        allowed = self.fpir <= fpir
        if not allowed.any():
            raise ValueError(f"No threshold has an FPIR of at most {fpir}.")
        return float(self.fnir[allowed][-1])


def identification_rates(
    distances: np.ndarray, probe_labels: np.ndarray, gallery_labels: np.ndarray
) -> IdentificationRates:
    """How well a gallery recognises people, and how well it rejects strangers.

    Args:
        distances: Distance of each probe to each template, shape (num_probes, num_templates).
        probe_labels: Identity on each probe, shape (num_probes,).
        gallery_labels: Identity of each template, shape (num_templates,); a person may have
            several. A probe whose identity is not among them is a stranger (non-mated).

    Returns:
        `IdentificationRates`, rank-based and over all thresholds.

    Raises:
        ValueError: If the shapes do not agree, or there are no probes, no templates or NaN.
        TypeError: If the distances are not real numbers.

    Example:
        >>> rates = identification_rates([[1, 9], [8, 7], [5, 6]], [0, 0, 2], [0, 1])
        >>> rates.rank_rates.tolist(), rates.at_threshold(4)
        ([0.5, 1.0], (0.0, 0.5))

    Reference: ISO/IEC 19795-1:2021; Grother, Ngan, "Face Recognition Vendor Test", NIST IR 8009.
    Lecture: section 2, notebook 02.
    """
    distances = np.asarray(distances)
    probe_labels, gallery_labels = np.asarray(probe_labels), np.asarray(gallery_labels)
    if distances.shape != (probe_labels.size, gallery_labels.size):
        raise ValueError(
            "`distances` must have a row for each probe and a column for each template. Received: "
            f"distances.shape={distances.shape}, {probe_labels.size} probe labels, "
            f"{gallery_labels.size} gallery labels."
        )
    shape = distances.shape
    distances = as_distances("distances", distances).reshape(shape)

    order = np.argsort(gallery_labels, kind="stable")
    people, first = np.unique(gallery_labels[order], return_index=True)
    by_person = np.minimum.reduceat(distances[:, order], first, axis=1)
    column = np.minimum(np.searchsorted(people, probe_labels), len(people) - 1)
    mated = people[column] == probe_labels
    mate = by_person[mated, column[mated]]
    rank = (by_person[mated] <= mate[:, None]).sum(axis=1)
    nearest = by_person[~mated].min(axis=1)

    thresholds = np.concatenate([[-np.inf], np.unique(np.concatenate([mate, nearest]))])
    found = np.searchsorted(np.sort(mate[rank == 1]), thresholds, side="right")
    returned = np.searchsorted(np.sort(nearest), thresholds, side="right")
    with np.errstate(invalid="ignore"):  # 0/0 = NaN: no probe of that kind
        return IdentificationRates(
            rank_rates=np.cumsum(np.bincount(rank, minlength=len(people) + 1)[1:])
            / np.float64(mate.size),
            thresholds=thresholds,
            fpir=returned / np.float64(nearest.size),
            fnir=(mate.size - found) / np.float64(mate.size),
            num_mated=int(mate.size),
            num_nonmated=int(nearest.size),
        )
