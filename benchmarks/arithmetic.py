"""Multiplications and additions of a network, and the rate at which this machine can do them."""

from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from benchmarks.results import Quantity, spread

MATRIX = 2048  # rows and columns of the product that stands for the machine's float32 peak
MATRIX_OPERATIONS = 2 * MATRIX**3


def matrix_product() -> Callable[[], np.ndarray]:
    """A float32 product of two matrices, to be timed."""
    matrix = tf.random.stateless_normal((MATRIX, MATRIX), (0, 0))
    return lambda: tf.linalg.matmul(matrix, matrix).numpy()


def operations(model: keras.Model, image_size: tuple[int, int]) -> int:
    """Multiplications and additions of all convolutions and dense layers, for one RGB image."""
    layers = [layer for layer in model.layers if hasattr(layer, "kernel")]
    outputs = keras.Model(model.inputs, [layer.output for layer in layers])
    shapes = outputs.compute_output_shape((1, *image_size, 3))
    return sum(
        2 * int(np.prod(layer.kernel.shape)) * int(np.prod(shape[1:-1], dtype=int))
        for layer, shape in zip(layers, shapes, strict=True)
    )


def share_of_peak(
    name: str, count: int, seconds: Sequence[float], product_seconds: Sequence[float]
) -> Quantity:
    """The rate of `count` operations as a share of the matrix product's, turn by turn."""
    shares = spread(
        [
            (count / own) / (MATRIX_OPERATIONS / product)
            for own, product in zip(seconds, product_seconds, strict=True)
        ]
    )
    return Quantity(
        name=name,
        value=shares.median,
        low=shares.low,
        high=shares.high,
        unit="share",
        kind="share",
        quoted=True,
    )
