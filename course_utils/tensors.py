"""Pure functions on tensors: distances, the Gram matrix, total variation.

They run on whatever backend Keras runs on, in a graph or eagerly, and are differentiable.
"""

from typing import Any, TypeAlias

import keras
from keras import ops
from numpy.typing import ArrayLike

Tensor: TypeAlias = Any  # of the backend, or symbolic; Keras itself has no type hints
TensorLike: TypeAlias = ArrayLike | Tensor  # what `keras.ops.convert_to_tensor` takes


def pairwise_distances(
    x: TensorLike, y: TensorLike | None = None, *, squared: bool = True
) -> Tensor:
    """How far every vector of `x` is from every vector of `y`: the lecture's d, for all pairs.

    d[i, j] = ‖x_i − y_j‖² = ‖x_i‖² − 2 x_i·y_j + ‖y_j‖², or its square root. The vectors are
    centred first, which changes no distance and keeps the digits that the difference would
    cancel. No tensor larger than the result is allocated.

    Args:
        x: Float tensor, shape (num_x, dim). Integers are converted to Keras's float type.
        y: Float tensor, shape (num_y, dim), cast to the type of `x`; or None for `x` against
            itself, whose diagonal is then exactly 0.
        squared: Whether to return squared distances. The square root's value and gradient are
            0 at distance 0.

    Returns:
        Float tensor, shape (num_x, num_y), values ≥ 0.

    Raises:
        ValueError: If an argument is not a matrix, or the dimensions differ.

    Example:
        >>> print(ops.convert_to_numpy(pairwise_distances([[0., 0.], [3., 4.]])))
        [[ 0. 25.]
         [25.  0.]]

    Lecture: section 3, notebook 03; used from notebook 02 on.
    """
    x = as_float(x)
    others: Tensor = x if y is None else ops.cast(as_float(y), x.dtype)
    if len(x.shape) != 2 or len(others.shape) != 2 or x.shape[1] != others.shape[1]:
        raise ValueError(
            "`x` and `y` must be matrices of row vectors of one dimension. "
            f"Received: x.shape={tuple(x.shape)}, y.shape={tuple(others.shape)}."
        )
    centre = keras.ops.stop_gradient(ops.mean(x, axis=0, keepdims=True))
    x, others = x - centre, others - centre
    squared_norms_x = ops.sum(ops.square(x), axis=1)[:, None]
    squared_norms_y = ops.sum(ops.square(others), axis=1)[None, :]
    distances = squared_norms_x - 2.0 * ops.matmul(x, ops.transpose(others)) + squared_norms_y
    distances = ops.maximum(distances, 0.0)
    if y is None:
        distances = distances * (1.0 - ops.eye(ops.shape(x)[0], dtype=distances.dtype))
    return distances if squared else safe_sqrt(distances)


def gram_matrix(features: TensorLike, *, normalize: bool = True) -> Tensor:
    """Which channels fire together: the lecture's style matrix of one layer.

    G[b, k, l] = Σ_ij F[b, i, j, k] · F[b, i, j, l], divided by H·W when `normalize`, so that
    images of different size can be compared.

    Args:
        features: Float tensor, shape (batch, height, width, channels).
        normalize: Whether to take the mean over the positions instead of the sum.

    Returns:
        Float tensor, shape (batch, channels, channels): symmetric, positive semidefinite.

    Raises:
        ValueError: If `features` has not four axes.

    Example:
        >>> print(ops.convert_to_numpy(gram_matrix([[[[1., 2.]], [[3., 0.]]]])))
        [[[5. 1.]
          [1. 2.]]]

    Reference: Gatys, Ecker, Bethge, "Image Style Transfer Using Convolutional Neural Networks",
        CVPR 2016, equation 3. There it is the sum; the sizes are divided out in the loss.
    Lecture: section 8, notebook 08.
    """
    features = as_float(features)
    if len(features.shape) != 4:
        raise ValueError(
            "`features` must have shape (batch, height, width, channels). "
            f"Received: features.shape={tuple(features.shape)}."
        )
    batch, height, width, channels = ops.shape(features)
    flat = ops.reshape(features, (batch, height * width, channels))
    gram = ops.matmul(ops.transpose(flat, (0, 2, 1)), flat)
    return gram / ops.cast(height * width, gram.dtype) if normalize else gram


def total_variation(images: TensorLike) -> Tensor:
    """How restless an image is: the sum of the absolute steps between neighbouring pixels.

    Args:
        images: Float tensor, shape (batch, height, width, channels).

    Returns:
        Float tensor, shape (batch,), values ≥ 0.

    Raises:
        ValueError: If `images` has not four axes.

    Example:
        >>> print(ops.convert_to_numpy(total_variation([[[[0.], [1.]], [[0.], [3.]]]])))
        [6.]

    Reference: Rudin, Osher, Fatemi, "Nonlinear total variation based noise removal algorithms",
        Physica D 60, 1992; here the anisotropic form, as in `tf.image.total_variation`.
    Lecture: section 8, notebook 08.
    """
    images = as_float(images)
    if len(images.shape) != 4:
        raise ValueError(
            "`images` must have shape (batch, height, width, channels). "
            f"Received: images.shape={tuple(images.shape)}."
        )
    down = ops.abs(images[:, 1:] - images[:, :-1])
    right = ops.abs(images[:, :, 1:] - images[:, :, :-1])
    return ops.sum(down, axis=(1, 2, 3)) + ops.sum(right, axis=(1, 2, 3))


def as_float(values: TensorLike) -> Tensor:
    """A tensor of a float type; values of another type are converted to Keras's.

    Args:
        values: Tensor or array of numbers.

    Returns:
        Float tensor of the same shape; one that was of a float type keeps it.

    Example:
        >>> as_float([1, 2]).dtype.name
        'float32'
    """
    values = ops.convert_to_tensor(values)
    if not keras.backend.is_float_dtype(values.dtype):
        values = ops.cast(values, keras.config.floatx())
    return values


def safe_sqrt(values: Tensor) -> Tensor:
    """The square root, with a gradient of 0 at 0 instead of an infinite one.

    Args:
        values: Float tensor, values ≥ 0.

    Returns:
        Float tensor of the same shape.

    Example:
        >>> print(ops.convert_to_numpy(safe_sqrt(ops.convert_to_tensor([0.0, 4.0]))))
        [0. 2.]
    """
    positive = values > 0
    return ops.where(positive, ops.sqrt(ops.where(positive, values, 1)), 0)
