"""What the painters share: smooth noise, brushes, strokes in thick paint, and light on its relief.

Lengths are in units of the picture's shorter side (of a strip, a third of the longer one), so that
a painting is the same at any size.
Random numbers are drawn a row for each stroke: more strokes are the same ones, and some more.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from PIL import Image
from scipy import ndimage, sparse

PERIOD = 256  # lattice points after which noise repeats
SPLINE_DEVIATION = 0.479  # of a cubic B-spline through standard normal lattice points, in one axis
Brush: TypeAlias = tuple[
    str, int
]  # "bristle", fine ridges, or "knife", flat slabs with a rim; and a seed
PLAN_SIDE = 240  # pixels of a unit of the plan, however large the painting


@dataclass(frozen=True)
class Plane:
    """The points of a picture: `x` and `y` in its unit of length, `u` and `v` from 0 to 1.

    All four can be broadcast to the picture's shape: `x` and `u` are rows, `y` and `v` columns.
    """

    height: int
    width: int

    @property
    def unit(self) -> float:
        """Pixels of the shorter side; of a strip, of a third of its length."""
        return max(min(self.height, self.width), max(self.height, self.width) / 3)

    @property
    def u(self) -> np.ndarray:
        """From the left, 0, to the right, 1."""
        return ((np.arange(self.width) + 0.5) / self.width)[None, :]

    @property
    def v(self) -> np.ndarray:
        """From the top, 0, to the bottom, 1."""
        return ((np.arange(self.height) + 0.5) / self.height)[:, None]

    @property
    def extent(self) -> tuple[float, float]:
        """Height and width in units."""
        return self.height / self.unit, self.width / self.unit

    @property
    def x(self) -> np.ndarray:
        """From the left, in units."""
        return self.u * self.extent[1]

    @property
    def y(self) -> np.ndarray:
        """From the top, in units."""
        return self.v * self.extent[0]

    def offsets(self, u: float, v: float) -> tuple[np.ndarray, np.ndarray]:
        """Distances (right, down) from the point (u, v), in units."""
        return self.x - u * self.extent[1], self.y - v * self.extent[0]


def plan_plane(height: int, width: int) -> Plane:
    """The points of a plan: a small picture of the same aspect, for colours and directions."""
    unit = Plane(height, width).unit
    return Plane(round(PLAN_SIDE * height / unit), round(PLAN_SIDE * width / unit))


def working_plane(height: int, width: int, *, least: int) -> Plane:
    """The points to paint at: those of the picture, or a whole multiple if it is small."""
    factor = math.ceil(least / Plane(height, width).unit)
    return Plane(height * factor, width * factor)


def finished(painting: np.ndarray, height: int, width: int) -> np.ndarray:
    """Float RGB in [0, 1] as uint8 of the size that was asked for."""
    image = Image.fromarray(np.rint(np.clip(painting, 0, 1) * 255).astype(np.uint8))
    if image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.BOX)
    return np.array(image)


def _spline(positions: np.ndarray) -> sparse.csr_array:
    """Row i: how much each lattice point counts at position i (uniform cubic B-spline)."""
    base = np.floor(positions).astype(int)
    t = positions - base
    weights = (1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3
    points = (base[:, None] + np.arange(-1, 3)) % PERIOD
    starts = np.arange(0, points.size + 1, 4)
    values = (np.stack(weights, axis=1) / 6).astype(np.float32).ravel()
    return sparse.csr_array((values, points.ravel(), starts), shape=(len(positions), PERIOD))


def smooth_noise(
    plane: Plane,
    scale: float | tuple[float, float],
    *,
    seed: int,
    octaves: int = 1,
    gain: float = 0.5,
) -> np.ndarray:
    """Noise of deviation 1 whose hills are about `scale` (or (y scale, x scale)) wide."""
    rng = np.random.default_rng(seed)
    scale_y, scale_x = scale if isinstance(scale, tuple) else (scale, scale)
    total, power = np.zeros((plane.height, plane.width), np.float32), 0.0
    for octave in range(octaves):
        lattice = rng.standard_normal((PERIOD, PERIOD)).astype(np.float32)
        rows = _spline(plane.y[:, 0] * 2**octave / scale_y)
        columns = _spline(plane.x[0] * 2**octave / scale_x)
        hills = rows @ np.ascontiguousarray((columns @ lattice.T).T)
        total += (gain**octave / SPLINE_DEVIATION**2) * hills
        power += gain ** (2 * octave)
    return total / np.sqrt(power)


def ramp(values: np.ndarray, stops: Sequence[tuple[float, str]]) -> np.ndarray:
    """Colours, shape (…, 3), between "#rrggbb" stops at rising positions."""
    places = [place for place, _ in stops]
    table = np.array([colour(code) for _, code in stops])
    return np.stack([np.interp(values, places, table[:, i]) for i in range(3)], axis=-1)


def colour(code: str) -> np.ndarray:
    """RGB in [0, 1] of "#rrggbb"."""
    return np.array([int(code[i : i + 2], 16) for i in (1, 3, 5)]) / 255


def blend(below: np.ndarray, above: np.ndarray, amount: np.ndarray) -> np.ndarray:
    """`above` over `below`, shape (…, 3), where `amount` is 1."""
    return below + (above - below) * amount[..., None]


def sample(plan: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """The plan's values at points (u, v); outside, those of the border."""
    rows = np.clip((v * plan.shape[0]).astype(int), 0, plan.shape[0] - 1)
    columns = np.clip((u * plan.shape[1]).astype(int), 0, plan.shape[1] - 1)
    return plan[rows, columns]


def spread(plane: Plane, count: int, *, seed: int, columns: int = 12) -> np.ndarray:
    """Rows of uniform numbers, `count` for a square; the first two are u and v, evenly spread."""
    number = round(count * math.prod(plane.extent))
    rows = np.random.default_rng(seed).random((number, columns))
    index = np.arange(1, number + 1)[:, None]  # a Kronecker sequence leaves no holes
    rows[:, :2] = (rows[0, :2] + index * (0.7548776662, 0.5698402910)) % 1
    return rows


@lru_cache(maxsize=4)
def _marks(brush: Brush, count: int = 12) -> np.ndarray:
    """Marks that a brush leaves, shape (count, across, along, 2): opacity, and relief around 0."""
    kind, seed = brush
    rng = np.random.default_rng(seed)
    across, along = 64, 192
    s, t = np.linspace(-1, 1, across)[:, None], np.linspace(0, 1, along)[None, :]
    marks = np.empty((count, across, along, 2), np.float32)
    for mark in marks:
        lines = ndimage.gaussian_filter(rng.standard_normal((across, along)), (1.3, 45))
        coarse = ndimage.gaussian_filter(rng.standard_normal((across, along)), (5, 70))
        lines, coarse = lines / lines.std(), coarse / coarse.std()
        specks = ndimage.gaussian_filter(rng.standard_normal((across, along)), (1.5, 3))
        specks = specks / specks.std()
        wobble = ndimage.gaussian_filter1d(rng.standard_normal((2, along)), 14, axis=1)
        wobble = wobble / wobble.std()
        edge = np.where(s < 0, wobble[:1], wobble[1:])
        if kind == "bristle":
            round_start = np.sqrt(np.clip(1 - (1 - np.minimum(t / 0.12, 1)) ** 2, 0, 1))
            half = 0.86 * round_start * (1 - 0.35 * np.clip((t - 0.7) / 0.3, 0, 1) ** 2)
            body = np.clip((half + 0.05 * edge - np.abs(s)) * 9, 0, 1)
            dry = 1.25 - np.clip((t - 0.45) / 0.55, 0, 1) * 1.15 + 0.32 * lines + 0.1 * specks
            mark[..., 0] = body * np.clip(dry * 3 - 0.7, 0, 1)
            mark[..., 1] = 0.7 * lines + 0.5 * coarse + 0.15 * specks
        else:
            half = 0.9 + 0.05 * edge
            start, end = t * 30 + 0.8 * coarse, (1 - t) * 26 + 1.2 * lines + 1.5 * coarse - 1
            body = np.clip((half - np.abs(s)) * 22, 0, 1) * np.clip(np.minimum(start, end), 0, 1)
            skip = np.clip(2.6 + specks + 0.8 * lines - 2.2 * np.clip((t - 0.6) / 0.4, 0, 1), 0, 1)
            rim = np.exp(-(((half - np.abs(s)) / 0.1) ** 2)) + np.exp(-(((t - 0.93) / 0.05) ** 2))
            mark[..., 0] = body * skip
            mark[..., 1] = 0.22 * lines + 0.6 * coarse + 0.12 * specks + 1.3 * rim
    return marks


@dataclass
class Strokes:
    """Strokes in the order in which they are painted; arrays of one length, shape (n, …).

    Attributes:
        u: Middle, from the left, 0, to the right, 1.
        v: Middle, from the top, 0, to the bottom, 1.
        angle: Direction in radians, from right to down.
        length: In units of `Plane.unit`.
        width: In units of `Plane.unit`.
        bend: Curvature, 1 / radius.
        colours: RGB in [0, 1].
        streaks: How much the colour varies from bristle to bristle, RGB.
        body: How thick the paint is.
    """

    u: np.ndarray
    v: np.ndarray
    angle: np.ndarray
    length: np.ndarray
    width: np.ndarray
    bend: np.ndarray
    colours: np.ndarray
    streaks: np.ndarray
    body: np.ndarray


def paint_strokes(plane: Plane, painting: np.ndarray, strokes: Strokes, brush: Brush) -> None:
    """Paint onto `painting`, float32, shape (height, width, 4): RGB and the height of the paint."""
    unit = plane.unit
    length, width = np.atleast_1d(strokes.length), np.atleast_1d(strokes.width)
    columns, rows = (  # about two a pixel, in steps of a fifth
        1.2 ** round(math.log(max(2 * np.median(size) * unit, 4), 1.2)) for size in (length, width)
    )
    marks = _reduced(brush, round(rows), round(columns))
    count, rows, columns = marks.shape[:3]
    flat = marks.reshape(count, rows * columns, 2)
    paint = np.concatenate([strokes.colours, 0.5 * strokes.body[:, None]], axis=1)
    streaks = np.concatenate([strokes.streaks, 0.28 * strokes.body[:, None]], axis=1)
    numbers = zip(
        (strokes.u * plane.width).tolist(),
        (strokes.v * plane.height).tolist(),
        np.cos(strokes.angle).tolist(),
        np.sin(strokes.angle).tolist(),
        (length * unit / 2).tolist(),
        (width * unit / 2).tolist(),
        (strokes.bend / unit / 2).tolist(),
        paint.astype(np.float32),
        streaks.astype(np.float32),
        strict=True,
    )
    xs = np.arange(plane.width, dtype=np.float32)[None, :] + 0.5
    ys = np.arange(plane.height, dtype=np.float32)[:, None] + 0.5
    for i, (cx, cy, cos, sin, half, wide, bend, paint_i, streak_i) in enumerate(numbers):
        side = wide + abs(bend) * half * half + 1
        reach_x, reach_y = half * abs(cos) + side * abs(sin), half * abs(sin) + side * abs(cos)
        left, right = max(0, int(cx - reach_x)), min(plane.width, int(cx + reach_x) + 2)
        top, bottom = max(0, int(cy - reach_y)), min(plane.height, int(cy + reach_y) + 2)
        if left >= right or top >= bottom:
            continue
        dx, dy = xs[:, left:right] - cx, ys[top:bottom] - cy
        along = dx * cos + dy * sin
        over = dy * cos - dx * sin
        over -= bend * along * along
        a = np.clip((along * ((columns - 2) / 2 / half) + columns / 2), 0, columns - 1)
        b = np.clip((over * ((rows - 2) / 2 / wide) + rows / 2), 0, rows - 1)
        mark = flat[i % count].take(b.astype(np.int32) * columns + a.astype(np.int32), axis=0)
        region = painting[top:bottom, left:right]
        region += (paint_i + mark[..., 1:] * streak_i - region) * mark[..., :1]


@lru_cache(maxsize=64)
def _reduced(brush: Brush, rows: int, columns: int) -> np.ndarray:
    """The brush's marks averaged down to so many samples, with a border of nothing."""
    marks = _marks(brush)
    rows, columns = min(rows, marks.shape[1]), min(columns, marks.shape[2])
    small = np.zeros((len(marks), rows + 2, columns + 2, 2), np.float32)
    for mark, out in zip(marks, small, strict=True):
        for channel in range(2):
            image = Image.fromarray(np.ascontiguousarray(mark[..., channel]))
            image = image.resize((columns, rows), Image.Resampling.BOX)
            out[1:-1, 1:-1, channel] = np.asarray(image)
        out[..., 0] = np.clip(ndimage.gaussian_filter(out[..., 0], 0.8), 0, 1)
        out[[0, -1], :, 0] = 0
        out[:, [0, -1], 0] = 0
    return small


def lit(plane: Plane, painting: np.ndarray, *, strength: float, gloss: float = 0.5) -> np.ndarray:
    """RGB of thick paint, with light from the upper left on its ridges."""
    relief = ndimage.gaussian_filter(painting[..., 3], 0.0011 * plane.unit)
    slope_y, slope_x = np.gradient(relief * (0.008 * plane.unit))
    light = np.tanh((slope_x + 1.3 * slope_y) * strength * 2)
    rgb = painting[..., :3]
    shaded = rgb * (1 + 0.42 * np.minimum(light, 0))[..., None]
    return shaded + (gloss * np.clip(light, 0, 1) ** 2 * 0.5)[..., None] * (
        0.25 + 0.75 * rgb.mean(axis=2, keepdims=True)
    )
