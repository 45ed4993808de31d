"""Error rates of a million distances against scikit-learn, distances against SciPy."""

import argparse

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.metrics import det_curve

from benchmarks.alone import Record
from benchmarks.pairing import in_turns
from benchmarks.results import Pairing
from course_utils.recognition import equal_error_rate, error_rates
from course_utils.tensors import pairwise_distances


def measure(record: Record, options: argparse.Namespace) -> None:
    turns, fewer = (3, 100) if options.quick else (21, 1)
    rng = np.random.default_rng(0)
    genuine = rng.normal(1, 1, 100_000 // fewer)
    impostor = rng.normal(3, 1, 900_000 // fewer)
    same = np.repeat([1, 0], [genuine.size, impostor.size])
    similarities = -np.concatenate([genuine, impostor])

    false_matches, misses, _ = det_curve(same, similarities)
    nearest = np.argmin(np.abs(false_matches - misses))
    theirs = (false_matches[nearest] + misses[nearest]) / 2
    own = equal_error_rate(genuine, impostor).rate
    record.difference("equal error rate against scikit-learn's curve", abs(own - theirs), 1e-4)
    seconds = in_turns(
        {
            "ours": lambda: error_rates(genuine, impostor),
            "peer": lambda: det_curve(same, similarities),
        },
        turns=turns,
    )
    record.pairing(
        Pairing(
            subject="FMR and FNMR at every threshold",
            condition=f"{same.size:,} distances",
            peer="scikit-learn",
            ours=seconds["ours"],
            theirs=seconds["peer"],
        )
    )

    points = rng.normal(size=(200 if options.quick else 2000, 128)).astype(np.float32)
    theirs = cdist(points, points, "sqeuclidean")
    own = np.asarray(pairwise_distances(points))
    record.difference("squared distances against SciPy's", np.abs(own - theirs).max(), 1e-2)
    seconds = in_turns(
        {
            "ours": lambda: np.asarray(pairwise_distances(points)),
            "peer": lambda: cdist(points, points, "sqeuclidean"),
        },
        turns=turns,
    )
    record.pairing(
        Pairing(
            subject="all squared distances",
            condition=f"{len(points):,} points of 128 numbers",
            peer="SciPy",
            ours=seconds["ours"],
            theirs=seconds["peer"],
        )
    )
