"""Error rates of a million distances against scikit-learn, distances against SciPy."""

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.metrics import det_curve

from benchmarks.pairing import compare
from course_utils.recognition import error_rates
from course_utils.tensors import pairwise_distances


def main() -> None:
    rng = np.random.default_rng(0)
    genuine, impostor = rng.normal(1, 1, 100_000), rng.normal(3, 1, 900_000)
    same = np.repeat([1, 0], [genuine.size, impostor.size])
    similarities = -np.concatenate([genuine, impostor])
    result = compare(lambda: error_rates(genuine, impostor), lambda: det_curve(same, similarities))
    print(f"error_rates, 10⁶ distances, against sklearn.metrics.det_curve:\n  {result}")

    x = rng.normal(size=(2000, 128)).astype(np.float32)
    result = compare(lambda: np.asarray(pairwise_distances(x)), lambda: cdist(x, x, "sqeuclidean"))
    print(f"pairwise_distances, 2,000 × 128, against SciPy's cdist:\n  {result}")


if __name__ == "__main__":
    main()
