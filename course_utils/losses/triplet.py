"""The triplet loss, on three photos and on a whole batch with mined triplets.

A batch of B embeddings holds up to B³ triplets. No loss here builds them: every method works on
B × B numbers, the distances and the negative chosen for each anchor and positive.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from course_utils.losses.contrastive import check_margin
from course_utils.tensors import Tensor, TensorLike, pairwise_distances, safe_sqrt

MININGS = ("random", "all", "semi-hard", "hard")
ROUNDING_STEPS = 8  # squared distances nearer to each other than this many float steps are equal
LARGEST_BATCH = 2**16 - 1

Seed: TypeAlias = int | keras.random.SeedGenerator | None


class Triplets(NamedTuple):
    """Positions in a batch: photo `anchor[i]`, another of the same person, one of somebody else.

    Attributes:
        anchor: Positions, shape (num_triplets,), int64.
        positive: Likewise; the same person as the anchor, another photo.
        negative: Likewise; another person.
    """

    anchor: np.ndarray
    positive: np.ndarray
    negative: np.ndarray


def triplet_loss(
    anchor: TensorLike, positive: TensorLike, negative: TensorLike, *, margin: float = 0.2
) -> Tensor:
    """The lecture's loss: the negative must be farther than the positive, by the margin α.

    L = max(‖f(A) − f(P)‖² − ‖f(A) − f(N)‖² + α, 0). Without α, f(x) = 0 for every x would be
    perfect.

    Args:
        anchor: Float tensor of embeddings f(A), shape (batch, dim), usually of unit L2 norm.
        positive: Embeddings f(P) of the same people, same shape.
        negative: Embeddings f(N) of other people, same shape.
        margin: α, positive.

    Returns:
        Float tensor, shape (batch,), values ≥ 0. The lecture's J is their sum.

    Raises:
        ValueError: If `margin` is not positive, or the shapes differ or have not two axes.

    Example:
        >>> loss = triplet_loss([[0.0, 0.0]], [[0.5, 0.0]], [[0.0, 0.6]], margin=0.2)
        >>> round(float(loss[0]), 3)  # 0.25 − 0.36 + 0.2
        0.09

    Reference: Schroff, Kalenichenko, Philbin, "FaceNet", CVPR 2015, equation 2.
    Lecture: section 4, notebook 04.
    """
    check_margin(margin)
    anchor = _at_least_single(anchor)
    positive, negative = (ops.cast(part, anchor.dtype) for part in (positive, negative))
    shapes = [tuple(part.shape) for part in (anchor, positive, negative)]
    if len(set(shapes)) > 1 or len(shapes[0]) != 2:
        raise ValueError(
            "`anchor`, `positive` and `negative` must share one shape (batch, dim). "
            f"Received: {shapes[0]}, {shapes[1]}, {shapes[2]}."
        )
    to_positive = ops.sum(ops.square(anchor - positive), axis=1)
    to_negative = ops.sum(ops.square(anchor - negative), axis=1)
    return ops.maximum(to_positive - to_negative + margin, 0)


def batch_triplet_loss(
    labels: TensorLike,
    embeddings: TensorLike,
    *,
    margin: float | str = 0.2,
    mining: str = "semi-hard",
    squared: bool = True,
    average: str = "valid",
    seed: Seed = None,
) -> Tensor:
    """The mean triplet loss of a batch, over triplets that `mining` chooses.

    - "all": every anchor, positive and negative.
    - "random": for every anchor and positive one random negative.
    - "semi-hard": for every anchor and positive the nearest negative that is farther than the
      positive; where there is none, the farthest negative (FaceNet's rule, and the fallback of
      TensorFlow Addons).
    - "hard": for every anchor its farthest positive and its nearest negative ("batch hard").

    Args:
        labels: Integer tensor, one identity a photo, shape (batch,) or (batch, 1).
        embeddings: Float tensor, shape (batch, dim), usually of unit L2 norm.
        margin: α, positive; or "soft" for log(1 + exp(d_AP − d_AN)) with "hard" mining.
        mining: One of "random", "all", "semi-hard", "hard".
        squared: Whether d is the squared distance (the lecture, FaceNet) or the plain one
            (Hermans et al., for whom "hard" mining collapsed with the square).
        average: "valid" for the mean over all chosen triplets, "active" for that over the ones
            whose loss is not 0.
        seed: For "random": an integer, or a `keras.random.SeedGenerator` that draws anew at
            every call; None to draw without a seed.

    Returns:
        Float scalar ≥ 0; exactly 0, with a gradient of 0, if the batch holds no triplet.

    Raises:
        ValueError: If an option is unknown, `margin` is not positive, or the shapes do not agree.

    Example:
        >>> points = [[0.0], [0.5], [0.6], [2.0]]
        >>> round(float(batch_triplet_loss([7, 7, 8, 8], points, mining="hard")), 3)
        0.67

    Reference: Schroff, Kalenichenko, Philbin, "FaceNet", CVPR 2015, section 3.2; Hermans, Beyer,
        Leibe, "In defense of the triplet loss for person re-identification", 2017, equations 5
        and 7. Both average over the triplets of a batch, as here; the lecture's J is the sum.
    Lecture: section 4, notebook 04.
    """
    _check_options(margin, mining, average)
    batch = _Batch(labels, embeddings, squared)
    if mining == "all":
        total, num_valid, num_active = _sums_over_all(batch, float(margin))
    else:
        differences, valid = _differences(batch, mining, seed)
        losses = ops.softplus(differences) if margin == "soft" else ops.relu(differences + margin)
        losses = ops.where(valid, losses, 0)
        total = ops.sum(losses)
        num_valid = ops.sum(ops.cast(valid, total.dtype))
        num_active = ops.sum(ops.cast(losses > 0, total.dtype))
    divisor = num_valid if average == "valid" else num_active
    return ops.cast(total / ops.maximum(divisor, 1), batch.distances.dtype)


@keras.saving.register_keras_serializable("course_utils")
def active_fraction(
    labels: TensorLike, embeddings: TensorLike, *, margin: float = 0.2, squared: bool = True
) -> Tensor:
    """How many of all triplets of a batch still have something to teach: a loss above 0.

    It is also the chance that a triplet drawn at random is active.

    Args:
        labels: Integer tensor, one identity a photo, shape (batch,) or (batch, 1).
        embeddings: Float tensor, shape (batch, dim).
        margin: α, positive.
        squared: Whether d is the squared distance or the plain one.

    Returns:
        Float scalar in [0, 1]; 0 if the batch holds no triplet.

    Raises:
        ValueError: If `margin` is not positive, or the shapes do not agree.

    Example:
        >>> float(active_fraction([7, 7, 8], [[0.0], [0.5], [9.0]]))
        0.0
        >>> float(active_fraction([7, 7, 8], [[0.0], [0.5], [0.4]]))
        1.0

    Lecture: section 4, notebook 04.
    """
    check_margin(margin)
    batch = _Batch(labels, embeddings, squared)
    _, num_valid, num_active = _sums_over_all(batch, margin)
    return ops.cast(num_active / ops.maximum(num_valid, 1), batch.distances.dtype)


def mine_triplets(
    labels: TensorLike, embeddings: TensorLike, *, mining: str = "semi-hard", seed: Seed = None
) -> Triplets:
    """The triplets that `batch_triplet_loss` averages over, as positions in the batch.

    For a look at them, or for a loop of one's own; not inside a compiled graph. "all" returns
    every triplet, up to B³ of them.

    Args:
        labels: Integer array, one identity a photo, shape (batch,) or (batch, 1).
        embeddings: Float array, shape (batch, dim).
        mining: One of "random", "all", "semi-hard", "hard".
        seed: As in `batch_triplet_loss`.

    Returns:
        `Triplets`, by ascending anchor, then positive, then negative.

    Raises:
        ValueError: If `mining` is unknown, or the shapes do not agree.

    Example:
        >>> mined = mine_triplets([7, 7, 8, 8], [[0.0], [0.5], [0.6], [2.0]], mining="hard")
        >>> list(zip(*(part.tolist() for part in mined)))
        [(0, 1, 2), (1, 0, 2), (2, 3, 1), (3, 2, 1)]

    Reference: as `batch_triplet_loss`.
    Lecture: section 4, notebook 04.
    """
    _check_mining(mining)
    batch = _Batch(labels, embeddings, squared=True)
    if mining == "hard":
        anchor = np.flatnonzero(np.asarray(batch.complete))
        positive, negative = (np.asarray(part)[anchor] for part in _hardest(batch))
    elif mining == "all":
        masks = zip(np.asarray(batch.is_positive), np.asarray(batch.is_negative), strict=True)
        found = [np.nonzero(np.outer(positive, negative)) for positive, negative in masks]
        anchor = np.repeat(np.arange(len(found)), [len(positive) for positive, _ in found])
        positive, negative = np.concatenate(found, axis=1) if found else np.empty((2, 0))
    else:
        anchor, positive = np.nonzero(np.asarray(batch.is_positive & batch.complete[:, None]))
        negative = np.asarray(_chosen_negatives(batch, mining, seed))[anchor, positive]
    return Triplets(*(part.astype(np.int64) for part in (anchor, positive, negative)))


@keras.saving.register_keras_serializable("course_utils")
class TripletLoss(keras.losses.Loss):
    """`batch_triplet_loss` for `model.compile`: labels are identities, outputs embeddings.

    A batch should hold several photos of each of several people
    (`recognition.training.BalancedBatches`). Photos have no weights of their own, for the loss
    belongs to triplets.

    Args:
        margin: α, positive; or "soft" with "hard" mining.
        mining: One of "random", "all", "semi-hard", "hard".
        squared: Whether d is the squared distance or the plain one.
        average: "valid" or "active".
        seed: Integer, for "random" mining.
        name: Name of the loss.

    Example:
        >>> loss = TripletLoss(margin=0.2, mining="semi-hard")
        >>> float(loss([7, 7, 8], [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
        0.0

    Lecture: section 4, notebook 04.
    """

    def __init__(
        self,
        margin: float | str = 0.2,
        mining: str = "semi-hard",
        *,
        squared: bool = True,
        average: str = "valid",
        seed: int | None = None,
        name: str = "triplet_loss",
    ) -> None:
        _check_options(margin, mining, average)
        super().__init__(name=name)
        self.margin, self.mining = margin, mining
        self.squared, self.average, self.seed = squared, average, seed
        self._draws = keras.random.SeedGenerator(seed) if mining == "random" else None

    def __call__(
        self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None
    ) -> Tensor:
        """The loss of a batch. Keras's own `__call__` would make floats of the identities.

        Args:
            y_true: Integer identities, shape (batch,) or (batch, 1).
            y_pred: Embeddings, shape (batch, dim).
            sample_weight: Must be None.

        Returns:
            Float scalar ≥ 0.

        Raises:
            ValueError: If there are weights.
        """
        if sample_weight is not None:
            raise ValueError(
                "`sample_weight` must be None: the loss belongs to triplets, not to photos. "
                "Draw a person more often instead. Received weights."
            )
        return self.call(y_true, y_pred)

    def call(self, y_true: TensorLike, y_pred: TensorLike) -> Tensor:
        """As `__call__`, without weights."""
        return batch_triplet_loss(
            y_true,
            y_pred,
            margin=self.margin,
            mining=self.mining,
            squared=self.squared,
            average=self.average,
            seed=self._draws,
        )

    def get_config(self) -> dict[str, Any]:
        """What it takes to build the loss again.

        Returns:
            Arguments of the constructor.
        """
        names = ("margin", "mining", "squared", "average", "seed", "name")
        return {name: getattr(self, name) for name in names}


class _Batch:
    """Distances in a batch and who is whose positive and negative, all of shape (B, B)."""

    def __init__(self, labels: TensorLike, embeddings: TensorLike, squared: bool) -> None:
        embeddings = _at_least_single(embeddings)
        labels = ops.convert_to_tensor(labels)
        column = len(labels.shape) == 2 and labels.shape[1] == 1
        if len(embeddings.shape) != 2 or not (column or len(labels.shape) == 1):
            raise ValueError(
                "`labels` must have shape (batch,) and `embeddings` (batch, dim). Received: "
                f"labels.shape={tuple(labels.shape)}, embeddings.shape={tuple(embeddings.shape)}."
            )
        sizes = {labels.shape[0], embeddings.shape[0]} - {None}
        if len(sizes) > 1:
            raise ValueError(
                "`labels` must hold one identity for each embedding. Received: "
                f"{labels.shape[0]} labels, {embeddings.shape[0]} embeddings."
            )
        labels = ops.reshape(labels, (-1,))
        same = tf.equal(labels[:, None], labels[None, :])  # Keras's `equal` cuts large uint64
        self.squared = pairwise_distances(embeddings)  # for choosing
        self.distances = self.squared if squared else safe_sqrt(self.squared)  # for the loss
        self.size = ops.shape(embeddings)[0]
        self.is_positive = ops.logical_and(same, ops.logical_not(ops.eye(self.size, dtype="bool")))
        self.is_negative = ops.logical_not(same)
        self.complete = ops.logical_and(  # anchors that have a positive and a negative
            ops.any(self.is_positive, axis=1), ops.any(self.is_negative, axis=1)
        )

    def sorted_negatives(self) -> tuple[Tensor, Tensor]:
        """For each anchor: columns by ascending distance, negatives first; and how many these are.

        Equal distances keep the order of their columns.
        """
        distances = ops.where(self.is_negative, ops.stop_gradient(self.squared), np.inf)
        num_negatives = ops.sum(ops.cast(self.is_negative, "int32"), axis=1, keepdims=True)
        return ops.argsort(distances, axis=1), num_negatives

    def tolerance(self) -> Tensor:
        """Squared distances that differ by no more than this differ by rounding."""
        largest = ops.max(ops.stop_gradient(self.squared), initial=0)
        return ROUNDING_STEPS * float(np.finfo(self.squared.dtype.name).eps) * largest


def _chosen_negatives(batch: _Batch, mining: str, seed: Seed) -> Tensor:
    """For each anchor (row) and positive (column) the position of one negative, shape (B, B)."""
    order, num_negatives = batch.sorted_negatives()
    if mining == "random":
        draw = keras.random.uniform((batch.size, batch.size), seed=seed)
        rank = ops.cast(draw * ops.cast(num_negatives, draw.dtype), "int32")
    else:
        squared = ops.stop_gradient(batch.squared)
        limits = squared + batch.tolerance()
        rank = _count_leading(_of_row(squared, order), num_negatives, limits, ops.less_equal)
    rank = ops.minimum(rank, ops.maximum(num_negatives - 1, 0))
    return _of_row(order, rank)


def _hardest(batch: _Batch) -> tuple[Tensor, ...]:
    """For each anchor the positions of its farthest positive and its nearest negative."""
    squared = ops.stop_gradient(batch.squared)
    positive = ops.where(batch.is_positive, squared, -np.inf)
    negative = ops.where(batch.is_negative, -squared, -np.inf)
    # One column more, lest a batch of size 0 have none to choose from.
    return tuple(
        ops.argmax(ops.pad(part, ((0, 0), (0, 1)), constant_values=-np.inf), axis=1)
        for part in (positive, negative)
    )


def _differences(batch: _Batch, mining: str, seed: Seed) -> tuple[Tensor, Tensor]:
    """d_AP − d_AN of the chosen triplets, and which of them exist."""
    if mining == "hard":
        to_positive, to_negative = (
            _of_row(batch.distances, part[:, None])[:, 0] for part in _hardest(batch)
        )
        return to_positive - to_negative, batch.complete
    to_negative = _of_row(batch.distances, _chosen_negatives(batch, mining, seed))
    valid = ops.logical_and(batch.is_positive, batch.complete[:, None])
    return batch.distances - to_negative, valid


def _sums_over_all(batch: _Batch, margin: float) -> tuple[Tensor, Tensor, Tensor]:
    """Sum of the losses of all triplets, number of triplets, number of those with a loss above 0.

    Each anchor's negatives are sorted and summed up from the nearest on. For a positive at
    distance d the active negatives are the c nearest, those below d + α, and together they cost
    c · (d + α) − their sum. In float64, for the sum may be long and the difference small.
    """
    order, num_negatives = batch.sorted_negatives()
    ranked = _of_row(batch.distances, order)
    limits = batch.distances + margin
    num_active = _count_leading(
        ops.stop_gradient(ranked), num_negatives, ops.stop_gradient(limits), ops.less
    )
    num_active = ops.where(batch.is_positive, num_active, 0)
    sums = ops.pad(ops.cumsum(ops.cast(ranked, "float64"), axis=1), ((0, 0), (1, 0)))
    counts = ops.cast(num_active, "float64")
    to_nearest = _of_row(sums, num_active)  # sums[:, c] is that of the nearest c
    losses = counts * ops.cast(limits, "float64") - to_nearest
    num_positives = ops.sum(ops.cast(batch.is_positive, "float64"), axis=1, keepdims=True)
    num_valid = ops.sum(num_positives * ops.cast(num_negatives, "float64"))
    return ops.sum(losses), num_valid, ops.sum(counts)


def _count_leading(
    values: Tensor,
    num_values: Tensor,
    limits: Tensor,
    compare: Callable[[Tensor, Tensor], Tensor],
) -> Tensor:
    """How many of the first `num_values` ascending values of its row each limit is above.

    A binary search, bit by bit. (TensorFlow's `searchsorted` does the same, but compares every
    value with every limit, B × B × B of them, once it is compiled with XLA.)
    """
    size = values.shape[1] if values.shape[1] is not None else LARGEST_BATCH
    count = ops.zeros_like(limits, dtype="int32")
    for bit in reversed(range(int(size).bit_length())):
        probed = count + 2**bit
        there = ops.minimum(probed, num_values) - 1
        below = compare(_of_row(values, ops.maximum(there, 0)), limits)
        count = ops.where(ops.logical_and(probed <= num_values, below), probed, count)
    return count


def _of_row(values: Tensor, columns: Tensor) -> Tensor:
    """values[i, columns[i, j]] for each i and j; also for no row at all."""
    return tf.gather(values, columns, batch_dims=1)


def _at_least_single(values: TensorLike) -> Tensor:
    """A float tensor of at least single precision: mixed precision would round distances away."""
    values = ops.convert_to_tensor(values)
    return values if values.dtype in ("float32", "float64") else ops.cast(values, "float32")


def _check_mining(mining: str) -> None:
    """Fails on an unknown way of mining."""
    if mining not in MININGS:
        raise ValueError(f"`mining` must be one of {MININGS}. Received: mining={mining!r}.")


def _check_options(margin: float | str, mining: str, average: str) -> None:
    """Fails on an unknown option."""
    _check_mining(mining)
    if average not in ("valid", "active"):
        raise ValueError(f"`average` must be 'valid' or 'active'. Received: average={average!r}.")
    if margin == "soft":
        if mining != "hard":
            raise ValueError(f"`margin='soft'` needs mining='hard'. Received: mining={mining!r}.")
    elif isinstance(margin, str):
        raise ValueError(f"`margin` must be positive, or 'soft'. Received: margin={margin!r}.")
    else:
        check_margin(margin)
