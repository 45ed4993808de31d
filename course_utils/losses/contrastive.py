"""The contrastive loss: pull the two photos of a person together, push two people apart."""

from numbers import Real
from typing import Any

import keras
from keras import ops

from course_utils.tensors import Tensor, TensorLike, as_float, safe_sqrt


def contrastive_loss(same: TensorLike, distances: TensorLike, *, margin: float = 1.0) -> Tensor:
    """What each pair costs: its distance if it is genuine, its lack of distance if it is not.

    L = y · d + (1 − y) · max(m − √d, 0)², with the lecture's d = ‖f(x⁽¹⁾) − f(x⁽²⁾)‖², y = 1 for
    two photos of one person and 0 for two people, and the margin m. An impostor pair farther
    apart than m (in plain, not squared, distance) costs nothing.

    Args:
        same: Boolean, integer or float tensor of 0 and 1, shape (batch,) or (batch, 1).
        distances: Float tensor of squared distances ≥ 0, shape (batch,) or (batch, 1).
        margin: Distance that impostors should keep, positive. Unit embeddings are at most 2
            apart.

    Returns:
        Float tensor, shape (batch,), values ≥ 0. At d = 0 the gradient of an impostor pair is 0:
        no direction is better than another.

    Raises:
        ValueError: If `margin` is not positive, or the two are not as many.

    Example:
        >>> print(ops.convert_to_numpy(contrastive_loss([1, 0, 0], [0.25, 0.25, 4.0])))
        [0.25 0.25 0.  ]

    Reference: Hadsell, Chopra, LeCun, "Dimensionality reduction by learning an invariant
        mapping", CVPR 2006, equation 4; theirs is half of this, and their Y is our 1 − y.
    Lecture: section 3, notebook 03.
    """
    check_margin(margin)
    distances = as_float(distances)
    same = ops.cast(same, distances.dtype)
    shapes = tuple(same.shape), tuple(distances.shape)
    same, distances = ops.reshape(same, (-1,)), ops.reshape(distances, (-1,))
    columns = all(len(shape) == 1 or shape[1:] == (1,) for shape in shapes)
    if not columns or len({same.shape[0], distances.shape[0]} - {None}) > 1:
        raise ValueError(
            "`same` and `distances` must hold a number a pair. "
            f"Received: same.shape={shapes[0]}, distances.shape={shapes[1]}."
        )
    lacking = ops.maximum(margin - safe_sqrt(distances), 0)
    return same * distances + (1 - same) * ops.square(lacking)


@keras.saving.register_keras_serializable("course_utils")
class ContrastiveLoss(keras.losses.Loss):
    """`contrastive_loss` for `model.compile`, of a model whose output is a squared distance.

    Args:
        margin: Distance that impostors should keep, positive.
        reduction: As in every Keras loss.
        name: Name of the loss.
        dtype: As in every Keras loss.

    Example:
        >>> float(ContrastiveLoss(margin=1.0)([1, 0], [0.25, 0.25]))
        0.25

    Lecture: section 3, notebook 03.
    """

    def __init__(
        self,
        margin: float = 1.0,
        *,
        reduction: str = "sum_over_batch_size",
        name: str = "contrastive_loss",
        dtype: str | keras.DTypePolicy | None = None,
    ) -> None:
        check_margin(margin)
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.margin = margin

    def call(self, y_true: TensorLike, y_pred: TensorLike) -> Tensor:
        """The loss of each pair.

        Args:
            y_true: 1 for one person, 0 for two, shape (batch,) or (batch, 1).
            y_pred: Squared distances, shape (batch,) or (batch, 1).

        Returns:
            Float tensor, shape (batch,).
        """
        return contrastive_loss(y_true, y_pred, margin=self.margin)

    def get_config(self) -> dict[str, Any]:
        """What it takes to build the loss again.

        Returns:
            Arguments of the constructor.
        """
        return {**super().get_config(), "margin": self.margin}


def check_margin(margin: float) -> None:
    """Fails unless the margin is a positive, finite number."""
    if not isinstance(margin, Real) or not 0 < margin < float("inf"):
        raise ValueError(f"`margin` must be a positive number. Received: margin={margin!r}.")
