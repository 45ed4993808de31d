"""Tools of the graphic painters: a sheet with coordinates, noise, masks to draw on, and strokes."""

from functools import cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image, ImageDraw

FLOAT = np.float32
BLOCK = 16_384  # values worked on at a time: they stay in the processor's cache
TABLE = 256  # the lattice of the noise repeats after so many steps
SMALLEST_SHEET = 256  # pixels: smaller pictures are painted at least this large, then reduced
LARGEST_SUPERSAMPLED = 1_000_000  # pixels: larger pictures are painted at their own size
MOST_PIXELS = 400_000  # of the sheet of a small picture: a narrow strip is enlarged less
STENCIL = 2  # a mask is drawn so many times larger than the sheet

Box: TypeAlias = tuple[slice, slice]  # rows and columns of a part of the sheet


class Sheet:
    """A sheet to paint on, larger than the picture, so that reducing it smooths every edge.

    Attributes:
        shape: Height and width of the sheet in its own pixels.
        unit: Its shorter side in pixels; lengths and widths are given in parts of it.
        x, y: Float32 arrays, shape `shape`: the place of each pixel in units of the shorter side,
            0 in the middle. Circles stay circles in them.
        u, v: The same from 0 (left, top) to 1 (right, bottom), whatever the aspect.
        fraction: A length of 1 unit across and down, as fractions of width and height.
        pixels: Float32 array, shape (*shape, 3), in [0, 1]: the paint.
    """

    def __init__(self, height: int, width: int) -> None:
        for name, value in (("height", height), ("width", width)):
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
                raise ValueError(
                    f"`{name}` must be a positive whole number of pixels. Received: "
                    f"{name}={value!r}."
                )
        self.factor = 2 if height * width <= LARGEST_SUPERSAMPLED else 1
        while (
            min(height, width) * self.factor < SMALLEST_SHEET
            and height * width * (self.factor + 1) ** 2 <= MOST_PIXELS
        ):
            self.factor += 1
        self.shape = rows, columns = int(height) * self.factor, int(width) * self.factor
        self.unit = min(rows, columns)
        self.fraction = np.array([self.unit / columns, self.unit / rows])
        column = (np.arange(columns, dtype=FLOAT) + FLOAT(0.5)) / columns
        row = (np.arange(rows, dtype=FLOAT) + FLOAT(0.5)) / rows
        self.u, self.v = np.meshgrid(column, row)
        self.x = (self.u - FLOAT(0.5)) * FLOAT(columns / self.unit)
        self.y = (self.v - FLOAT(0.5)) * FLOAT(rows / self.unit)
        self.pixels = np.ones((rows, columns, 3), FLOAT)

    def glaze(self, mask: np.ndarray, color: ArrayLike) -> None:
        """Mix `color` (three numbers, or a picture) into the paint where `mask` is above 0."""
        self.pixels += mask[..., None] * (np.asarray(color, FLOAT) - self.pixels)

    def multiply(self, factor: np.ndarray) -> None:
        """Darken or lighten the paint by `factor`, an array of the sheet's shape."""
        self.pixels *= factor[..., None]

    def finish(self) -> np.ndarray:
        """The picture: the sheet reduced to the size asked for, uint8, shape (height, width, 3)."""
        rows, columns = (side // self.factor for side in self.shape)
        blocks = self.pixels.reshape(rows, self.factor, columns, self.factor, 3)
        picture = blocks.mean(axis=(1, 3), dtype=FLOAT)
        return np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)


class Stencil:
    """A mask of a sheet to draw on. Points are fractions (across, down), widths parts of `unit`."""

    def __init__(self, sheet: Sheet) -> None:
        rows, columns = sheet.shape
        self.side = np.array([columns, rows], float) * STENCIL
        self.unit = sheet.unit * STENCIL
        self.image = Image.new("L", (columns * STENCIL, rows * STENCIL))
        self.draw = ImageDraw.Draw(self.image)

    def polygon(self, points: ArrayLike, value: float = 1.0) -> None:
        """Fill the polygon of `points`, shape (number, 2)."""
        pixels = np.asarray(points, float) * self.side
        self.draw.polygon(pixels.ravel().tolist(), fill=round(255 * value))

    def disc(self, center: ArrayLike, radius: float, value: float = 1.0) -> None:
        """Fill a circle of `radius` (in parts of the shorter side) around `center`."""
        (x, y), r = np.asarray(center, float) * self.side, radius * self.unit
        self.draw.ellipse([x - r, y - r, x + r, y + r], fill=round(255 * value))

    def stroke(self, points: ArrayLike, widths: ArrayLike, value: float = 1.0) -> None:
        """A brush stroke along `points`; `widths` is one number or one for each point."""
        pixels = np.asarray(points, float) * self.side
        half = np.broadcast_to(np.asarray(widths, float) * self.unit / 2, len(pixels))
        along = np.empty_like(pixels)  # written out: a painting has thousands of strokes
        along[1:-1] = pixels[2:] - pixels[:-2]
        along[0], along[-1] = pixels[1] - pixels[0], pixels[-1] - pixels[-2]
        length = np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-9)
        across = along[:, ::-1] * (np.maximum(half, 0.3) / length)[:, None] * (-1, 1)
        outline = np.concatenate([pixels + across, (pixels - across)[::-1]])
        self.draw.polygon(outline.ravel().tolist(), fill=round(255 * value))

    def mask(self, box: Box | None = None) -> np.ndarray:
        """The mask as float32 array, from 0 to 1: of the whole sheet, or of `box` (two slices)."""
        image = self.image
        if box is not None:
            rows, columns = box
            left, right = columns.start * STENCIL, columns.stop * STENCIL
            image = image.crop((left, rows.start * STENCIL, right, rows.stop * STENCIL))
        return np.asarray(image.reduce(STENCIL), FLOAT) / FLOAT(255)


def smoothstep(low: float, high: float, values: np.ndarray) -> np.ndarray:
    """0 below `low`, 1 above `high`, smooth between; `low` may be the higher one."""
    t = np.clip((values - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def hashed(ids: ArrayLike, salt: int = 0) -> np.ndarray:
    """A random-looking float32 in [0, 1) for each whole number in `ids`."""
    h = np.asarray(ids).astype(np.uint32) * np.uint32(2654435761)
    h = h + np.uint32((salt * 40503 + 12345) * 2246822519 % 2**32)
    for shift, factor in ((15, 2246822519), (13, 3266489917)):
        h = (h ^ (h >> np.uint32(shift))) * np.uint32(factor)
    h ^= h >> np.uint32(16)
    return (h >> np.uint32(8)).astype(FLOAT) / FLOAT(2**24)


@cache
def lattice(seed: int) -> np.ndarray:
    """The random values between which the noise of `seed` is drawn."""
    values = np.random.default_rng(seed).uniform(-1, 1, TABLE * TABLE).astype(FLOAT)
    values.setflags(write=False)
    return values


def noise(x: ArrayLike, y: ArrayLike, seed: int) -> np.ndarray:
    """Smooth noise in [−1, 1], about one bump for each step of 1 in `x` and `y`."""
    x, y = np.broadcast_arrays(np.asarray(x, FLOAT), np.asarray(y, FLOAT))
    shape, x, y = x.shape, x.ravel(), y.ravel()
    out = np.empty(x.size, FLOAT)
    for start in range(0, x.size, BLOCK):
        part = slice(start, start + BLOCK)
        out[part] = interpolated(lattice(seed), x[part], y[part])
    return out.reshape(shape)


def interpolated(table: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The values of the periodic `table` between its lattice points."""
    left, top = np.floor(x), np.floor(y)
    a, b = x - left, y - top
    a *= a * (3 - 2 * a)
    b *= b * (3 - 2 * b)
    column, row = left.astype(np.int32), top.astype(np.int32)
    c0, c1 = column & (TABLE - 1), (column + 1) & (TABLE - 1)
    r0, r1 = (row & (TABLE - 1)) * TABLE, ((row + 1) & (TABLE - 1)) * TABLE
    upper, lower = table[r0 + c0], table[r1 + c0]
    upper += a * (table[r0 + c1] - upper)
    lower += a * (table[r1 + c1] - lower)
    return upper + b * (lower - upper)


def cloud(x: np.ndarray, y: np.ndarray, seed: int, octaves: int = 4) -> np.ndarray:
    """Noise of several sizes, each half as large as the one before; about [−1, 1]."""
    total: Any = 0  # an array after the first octave
    size, norm = 1.0, 0.0
    for octave in range(octaves):
        total = total + size * noise(x, y, seed + 101 * octave)
        norm += size * size
        size *= 0.55
        # turned, so that the lattices of the octaves do not line up
        x, y = 1.6 * x + 1.2 * y + 3.7, -1.2 * x + 1.6 * y + 9.1
    return total / FLOAT(1.2 * norm**0.5)


def bristles(
    x: np.ndarray, y: np.ndarray, angle: float | np.ndarray, seed: int, fineness: float = 1.0
) -> np.ndarray:
    """The marks of a brush drawn at `angle`: long along it, fine across it; about [−1, 1]."""
    along = x * np.cos(angle) + y * np.sin(angle)
    across = y * np.cos(angle) - x * np.sin(angle)
    across = across + 0.012 * noise(along * 5, across * 5, seed + 3)
    return (
        0.45 * noise(along * 5, across * 34 * fineness, seed)
        + 0.35 * noise(along * 9 + 5, across * 83 * fineness, seed + 1)
        + 0.30 * noise(along * 14 + 9, across * 170 * fineness, seed + 2)
    )


def cells(x: np.ndarray, y: np.ndarray, seed: int, jitter: float = 0.8) -> np.ndarray:
    """The nearest point of a jittered lattice of step 1 (a Voronoi cell): whole numbers."""
    column, row = np.floor(x).astype(np.int32), np.floor(y).astype(np.int32)
    nearest = np.full(np.shape(x), np.inf, FLOAT)
    best = np.zeros(np.shape(x), np.int32)
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            ids = ((row + down + 500) & 1023) * 1024 + ((column + right + 500) & 1023)
            px = column + right + 0.5 + jitter * (hashed(ids, seed) - 0.5)
            py = row + down + 0.5 + jitter * (hashed(ids, seed + 1) - 0.5)
            distance = (px - x) ** 2 + (py - y) ** 2
            closer = distance < nearest
            nearest = np.where(closer, distance, nearest)
            best = np.where(closer, ids, best)
    return best


def curve(points: ArrayLike, number: int = 40) -> np.ndarray:
    """A smooth curve through `points` (Catmull–Rom), `number` places for each step."""
    points = np.asarray(points, float)
    ends = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    t = np.linspace(0, 1, number, endpoint=False)[:, None]
    pieces = []
    for a, b, c, d in zip(ends, ends[1:], ends[2:], ends[3:], strict=False):
        pieces.append(
            b
            + t
            * ((c - a) / 2 + t * (a - 2.5 * b + 2 * c - d / 2 + t * (1.5 * (b - c) + (d - a) / 2)))
        )
    return np.concatenate([*pieces, points[-1:]])


def rgb(*codes: str) -> np.ndarray:
    """Colours as float32 in [0, 1] from codes such as "1f3a5f": one colour, or a row for each."""
    rows = [[int(code[i : i + 2], 16) / 255 for i in (0, 2, 4)] for code in codes]
    return np.array(rows if len(codes) > 1 else rows[0], FLOAT)
