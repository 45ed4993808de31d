"""How the pixels descend: L-BFGS or Adam, until the cost no longer falls or somebody stops it."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import Any, TypeAlias

import keras
import numpy as np
import scipy.fft
import scipy.optimize
import tensorflow as tf
from threadpoolctl import threadpool_limits

from course_utils.style_transfer.costs import CostValues

OPTIMIZERS = ("l-bfgs", "adam")
STARTS = ("auto", "content", "noise")
COARSE_STEPS = 50  # evaluations at a size that is only on the way: more are hardly seen later
WINDOW = 20  # evaluations over which the fall of the cost is measured
MEMORY = 20  # steps that L-BFGS remembers
PATIENCE = 1e-12  # smallest fall that L-BFGS itself goes on for


@dataclass(frozen=True, kw_only=True)
class Descent:
    """How to look for the image of lowest cost.

    Attributes:
        optimizer: "l-bfgs", which learns the curvature of the cost from its last steps, or
            "adam", with a step of its own for each number.
        steps: Evaluations of the cost and its gradient at the last size, at most; at each size
            before it as many, but no more than 50.
        tolerance: Converged is when J has fallen by less than this share in an evaluation, on
            average over the last 20. 0 never stops early.
        sizes: How many sizes the picture is painted at, from coarse to fine, each twice as large as
            the one before; fewer if the first would be too small.
        start: "content"; "noise"; a number between 0 and 1, the share of noise in a blend of both;
            or "auto", the content with the colours of the style if that costs less than the
            content as it is.
        learning_rate: Of Adam, in levels of 255.
        smoothing: The pixels are moved in waves whose amplitude falls as 1 / frequency to this
            power: the same step moves coarse waves more than fine ones. 0 moves single pixels.
        seconds: Time to spend, from the first evaluation on; what is reached then is returned. The
            result depends on the machine then. None for no limit.
        seed: Seed of the noise.

    Raises:
        ValueError: If a number is out of range, or an optimizer or start is unknown.
        TypeError: If `steps`, `sizes` or `seed` is no integer, or another number none.

    Example:
        >>> Descent(optimizer="adam", steps=1000).start
        'auto'

    Lecture: sections 6 and 8, notebooks 06 and 08.
    """

    optimizer: str = "l-bfgs"
    steps: int = 50
    tolerance: float = 1e-3
    sizes: int = 2
    start: str | float = "auto"
    learning_rate: float = 5.0
    smoothing: float = 0.25
    seconds: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.optimizer not in OPTIMIZERS:
            raise ValueError(
                f'`optimizer` must be "l-bfgs" or "adam". Received: {self.optimizer!r}.'
            )
        for name, smallest in (("steps", 1), ("sizes", 1), ("seed", 0)):
            value = getattr(self, name)
            if not isinstance(value, Integral):
                raise TypeError(f"`{name}` must be an integer. Received: {value!r}.")
            if value < smallest:
                raise ValueError(f"`{name}` must be at least {smallest}. Received: {value}.")
        for name in ("tolerance", "smoothing", "learning_rate", "seconds"):
            value = getattr(self, name)
            if not isinstance(value, Real) and not (name == "seconds" and value is None):
                raise TypeError(f"`{name}` must be a number. Received: {value!r}.")
        if not 0 <= self.tolerance < 1:
            raise ValueError(f"`tolerance` must lie in [0, 1). Received: {self.tolerance}.")
        if not 0 <= self.smoothing <= 2:
            raise ValueError(f"`smoothing` must lie in [0, 2]. Received: {self.smoothing}.")
        for name in ("learning_rate", "seconds"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise ValueError(f"`{name}` must be positive. Received: {value}.")
        is_share = isinstance(self.start, Real) and 0 <= self.start <= 1
        if not is_share and self.start not in STARTS:
            raise ValueError(
                '`start` must be "auto", "content", "noise" or a share of noise in [0, 1]. '
                f"Received: {self.start!r}."
            )

    @property
    def on_the_way(self) -> "Descent":
        """The same at a size before the last."""
        return replace(self, steps=min(self.steps, COARSE_STEPS))


class Stopped(Exception):
    """The descent is to end here; the argument says why."""


Evaluate: TypeAlias = Callable[[np.ndarray], tuple[CostValues, np.ndarray]]
Note: TypeAlias = Callable[[CostValues, np.ndarray], None]
Value: TypeAlias = Callable[[np.ndarray], tuple[float, np.ndarray]]


def descend(
    evaluate: Evaluate, start: np.ndarray, descent: Descent, *, note: Note | None = None
) -> tuple[np.ndarray, str]:
    """Lowers a cost, from a start, by one of the two methods.

    Args:
        evaluate: The image → its cost and gradient.
        start: The image to start from, float array, shape (height, width, 3).
        descent: The method, its steps and its tolerance.
        note: Called with each cost and image; may raise `Stopped`.

    Returns:
        The image of lowest cost that was evaluated, float32, and why the descent ended:
        "converged", "steps", "stalled" (no step lowers the cost), "interrupted" (Ctrl-C), or what
        a `Stopped` said.

    Raises:
        KeyboardInterrupt: If it is interrupted before the first evaluation is done.
    """
    best = _Best(evaluate, descent, note)
    method = _adam if descent.optimizer == "adam" else _lbfgs
    try:
        method(best, np.asarray(start, dtype=np.float64), descent)
    except Stopped as stopped:
        return best.image, str(stopped)
    except KeyboardInterrupt:
        if best.image is None:
            raise
        return best.image, "interrupted"
    return best.image, "stalled"


class _Best:
    """Evaluates, remembers the best image, and says when it is enough."""

    def __init__(self, evaluate: Evaluate, descent: Descent, note: Note | None) -> None:
        self._evaluate, self._descent, self._note = evaluate, descent, note
        self.image: np.ndarray | Any = None  # until the first evaluation
        self._lowest = math.inf
        self._lows: list[float] = []

    def __call__(self, image: np.ndarray) -> tuple[float, np.ndarray]:
        if self._lows:
            self._stop_if_done()
        values, gradient = self._evaluate(image)
        if self.image is None or values.total < self._lowest or math.isnan(self._lowest):
            self.image, self._lowest = image.astype(np.float32), values.total
        self._lows.append(self._lowest)
        if self._note is not None:
            self._note(values, image)
        return values.total, gradient.astype(np.float64)

    def _stop_if_done(self) -> None:
        if self._descent.tolerance > 0 and len(self._lows) > WINDOW:
            before, now = self._lows[-1 - WINDOW], self._lows[-1]
            if before - now <= WINDOW * self._descent.tolerance * abs(now):
                raise Stopped("converged")
        if len(self._lows) >= self._descent.steps:
            raise Stopped("steps")


def _lbfgs(evaluate: Value, start: np.ndarray, descent: Descent) -> None:
    """SciPy's L-BFGS on the waves of the image."""
    waves = Waves(start.shape, descent.smoothing)

    def cost(flat: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = evaluate(waves.pixels(flat.reshape(start.shape)))
        return value, waves.pixels(gradient).ravel()  # the map is its own adjoint

    # SciPy's own threads would wait for work in a loop, and take the cores from the network's.
    with threadpool_limits(1, user_api="blas"):
        scipy.optimize.minimize(
            cost,
            waves.coefficients(start).ravel(),
            jac=True,
            method="L-BFGS-B",
            options={
                "maxcor": MEMORY,
                "maxiter": 10 * descent.steps,  # it is `evaluate` that counts
                "maxfun": 10 * descent.steps,
                "ftol": PATIENCE,
                "gtol": 0.0,
            },
        )


def _adam(evaluate: Value, start: np.ndarray, descent: Descent) -> None:
    """Adam, with Keras's own constants, on the waves of the image."""
    waves = Waves(start.shape, descent.smoothing)
    rate = descent.learning_rate / waves.scale
    variable = tf.Variable(waves.coefficients(start), dtype=tf.float32)
    optimizer = keras.optimizers.Adam(rate)
    while True:  # until `evaluate` has had enough
        _, gradient = evaluate(waves.pixels(variable.numpy()))
        optimizer.apply([tf.constant(waves.pixels(gradient), tf.float32)], [variable])


class Waves:
    """Another way to write an image: x = F⁻¹ · diag(a) · F · v, with a = scale / frequency^power.

    A step in v moves coarse waves more than fine ones. The map is symmetric: the gradient on v is
    the same map of the gradient on x. Power 0 leaves the pixels, divided by 255.

    Args:
        shape: (height, width, channels).
        power: How fast the amplitude falls with the frequency.

    Example:
        >>> waves = Waves((4, 6, 3), power=0.5)
        >>> image = np.arange(72.0).reshape(4, 6, 3)
        >>> bool(np.allclose(waves.pixels(waves.coefficients(image)), image))
        True

    Reference: Olah, Mordvintsev, Schubert, "Feature visualization", Distill 2017, section
        "Preconditioning and Parameterization", where the power is 1.
    """

    scale = 255.0

    def __init__(self, shape: tuple[int, int, int], power: float) -> None:
        height, width, _ = shape
        frequencies = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :])
        periods = 1 / np.maximum(frequencies, 1 / max(height, width))
        amplitudes = periods**power
        amplitudes *= self.scale / np.sqrt(np.mean(amplitudes**2))
        self._amplitudes, self._size = amplitudes[:, :, None], (height, width)

    def pixels(self, coefficients: np.ndarray) -> np.ndarray:
        """v → x; and, the map being symmetric, ∂J/∂x → ∂J/∂v.

        Args:
            coefficients: Float array of the image's shape.

        Returns:
            Float64 array of that shape.
        """
        return self._filtered(coefficients, self._amplitudes)

    def coefficients(self, pixels: np.ndarray) -> np.ndarray:
        """x → v.

        Args:
            pixels: Float array of the image's shape.

        Returns:
            Float64 array of that shape.
        """
        return self._filtered(pixels, 1 / self._amplitudes)

    def _filtered(self, values: np.ndarray, factors: np.ndarray) -> np.ndarray:
        spectrum = scipy.fft.rfft2(np.asarray(values, dtype=np.float64), axes=(0, 1))
        return scipy.fft.irfft2(spectrum * factors, s=self._size, axes=(0, 1))


class Clock:
    """Counts the seconds from its first reading on, and stops the descent when they are over.

    Args:
        seconds: How many there are; None for no end.
    """

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        self._started: float | None = None

    def read(self) -> float:
        """Seconds since the first reading.

        Returns:
            Seconds, 0 at the first reading.
        """
        now = time.perf_counter()
        self._started = now if self._started is None else self._started
        return now - self._started

    def check(self) -> None:
        """Raises `Stopped` when the seconds are over."""
        if self._seconds is not None and self.read() >= self._seconds:
            raise Stopped("time")
