"""Training a verification head on stored embeddings: a convex problem, so solved as one."""

import keras
import numpy as np
from sklearn.linear_model import LogisticRegression

MAX_ITERATIONS = 1000
TOLERANCE = 1e-6  # of the gradient
BATCH_SIZE = 65_536  # pairs at a time; bounds the memory


def fit_verification_head(
    head: keras.Model, first: np.ndarray, second: np.ndarray, same_person: np.ndarray
) -> None:
    """Sets a head's weights to those that predict best which pairs show one person.

    Minimises the mean cross-entropy plus the head's penalty, l2 · Σₖ wₖ². Genuine and impostor
    pairs count half each, however many there are of either, so that ŷ = 0.5 is where both are
    equally likely *among such pairs*: at a door most visitors may be genuine. Everything behind
    the layer `difference` is a logistic regression, whose one optimum a solver made for it finds,
    without learning rate, seed or number of epochs.

    Args:
        head: Model from `build_verification_head`; its weights are replaced.
        first: Embeddings of the first photo of each pair, float, shape (num_pairs, dim).
        second: Embeddings of the second, likewise.
        same_person: Whether both show one person, bool, shape (num_pairs,).

    Raises:
        ValueError: If the shapes do not agree, or there are only genuine or only impostor pairs.

    Warns:
        ConvergenceWarning: Of scikit-learn, if the optimum was not reached. Without a penalty
            there may be none: weights that separate all pairs can always grow.

    Example:
        >>> from course_utils.models import build_verification_head
        >>> head = build_verification_head(2, l2=0.01)
        >>> near, far = np.zeros((4, 2)), np.ones((4, 2))
        >>> same_person = np.repeat([True, False], 4)
        >>> fit_verification_head(head, np.zeros((8, 2)), np.r_[near, far], same_person)
        >>> head([near[:1], far[:1]]).numpy().item() < 0.5
        True

    Lecture: section 5, notebook 05.
    """
    first, second, same_person = np.asarray(first), np.asarray(second), np.asarray(same_person)
    if first.ndim != 2 or first.shape != second.shape or same_person.shape != first.shape[:1]:
        raise ValueError(
            "`first` and `second` must have shape (num_pairs, dim) and `same_person` (num_pairs,). "
            f"Received: {first.shape}, {second.shape}, {same_person.shape}."
        )
    same_person = same_person.astype(bool)
    if same_person.all() or not same_person.any():
        raise ValueError("`same_person` must hold genuine pairs and impostor pairs.")
    weighted = head.get_layer("same_person")
    differences = keras.Model(head.inputs, head.get_layer("difference").output)
    features = np.concatenate(
        [
            keras.ops.convert_to_numpy(
                differences([part[start : start + BATCH_SIZE] for part in (first, second)])
            )
            for start in range(0, len(first), BATCH_SIZE)
        ]
    )
    l2 = 0.0 if weighted.kernel_regularizer is None else float(weighted.kernel_regularizer.l2)
    solver = LogisticRegression(
        tol=TOLERANCE,
        C=1 / (2 * len(first) * l2) if l2 else np.inf,
        class_weight="balanced",
        max_iter=MAX_ITERATIONS,
    ).fit(features.astype(np.float64), same_person)
    weighted.set_weights([solver.coef_.T, solver.intercept_])
