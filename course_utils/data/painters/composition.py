"""An abstract composition in the manner of the 1920s: circles, planes, checkers, crossing lines."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from course_utils.data.painters.outlines import (
    FLOAT,
    Box,
    Sheet,
    Stencil,
    bristles,
    cells,
    cloud,
    curve,
    hashed,
    noise,
    rgb,
    smoothstep,
)

Place: TypeAlias = tuple[float, float]  # across and down, as fractions
Shades: TypeAlias = tuple[str, str]  # a colour: dark and light
BLACK = ("17141c", "2c2533")
RED = ("b3171c", "e2432b")
VERMILION = ("d8421a", "f47a36")
YELLOW = ("e3a512", "fbd75a")
OCHRE = ("b9782a", "dca452")
BLUE = ("123a86", "2f6fc4")
SKY = ("6ea6c8", "b9dbe2")
TEAL = ("0d5f63", "2f9a90")
GREEN = ("3b7a3a", "8fb64a")
VIOLET = ("3d2261", "7a4a9c")
ROSE = ("d4728a", "f2b3b0")
CREAM = ("efe2bd", "fff8e2")
# Circles: across, down (fractions), and rings from the outermost in: radius, colours.
CIRCLES = (
    (
        0.225,
        0.285,
        (
            (0.232, ROSE),
            (0.205, RED),
            (0.168, BLACK),
            (0.118, VIOLET),
            (0.066, SKY),
            (0.032, YELLOW),
        ),
    ),
    (
        0.805,
        0.715,
        (
            (0.190, SKY),
            (0.168, BLUE),
            (0.136, CREAM),
            (0.108, VERMILION),
            (0.075, BLACK),
            (0.040, YELLOW),
        ),
    ),
    (0.440, 0.665, ((0.094, YELLOW), (0.072, TEAL), (0.043, RED), (0.020, BLACK))),
    (0.925, 0.130, ((0.076, OCHRE), (0.056, VIOLET), (0.028, ROSE))),
    (0.090, 0.700, ((0.066, GREEN), (0.047, CREAM), (0.027, BLUE))),
    (0.600, 0.865, ((0.055, BLACK), (0.040, RED), (0.017, CREAM))),
    (0.530, 0.115, ((0.050, TEAL), (0.031, YELLOW))),
    (0.350, 0.520, ((0.032, VERMILION), (0.015, CREAM))),
    (0.640, 0.490, ((0.036, BLUE), (0.016, SKY))),
    (0.290, 0.880, ((0.042, VIOLET), (0.024, ROSE))),
    (0.955, 0.430, ((0.036, RED), (0.018, BLACK))),
    (0.045, 0.085, ((0.040, BLUE), (0.021, YELLOW))),
    (0.710, 0.070, ((0.022, BLACK),)),
    (0.865, 0.040, ((0.013, RED),)),
    (0.830, 0.062, ((0.011, BLACK),)),
    (0.795, 0.088, ((0.009, BLUE),)),
    (0.385, 0.270, ((0.030, CREAM), (0.017, VERMILION))),
    (0.045, 0.560, ((0.014, VIOLET),)),
    (0.500, 0.930, ((0.020, TEAL),)),
    (0.180, 0.590, ((0.018, BLACK),)),
)
# Planes below the circles and above them: corners, colours, covering, whether light shines through.
PLANES = (
    (((0.00, 0.42), (0.36, 0.10), (0.60, 0.30), (0.22, 0.66)), OCHRE, 0.75, True),
    (((0.50, 0.00), (1.02, 0.00), (1.02, 0.30), (0.62, 0.44)), SKY, 0.85, True),
    (((0.56, 0.98), (0.66, 0.44), (1.02, 0.56), (1.02, 0.98)), ROSE, 0.80, True),
    (((0.00, 0.78), (0.30, 0.70), (0.36, 1.02), (0.00, 1.02)), TEAL, 0.80, False),
    (((0.395, 0.08), (0.475, 0.05), (0.60, 0.78), (0.505, 0.80)), GREEN, 0.85, False),
    (((0.555, 0.24), (0.985, 0.545), (0.60, 0.60)), YELLOW, 0.95, False),
)
GLAZES = (
    (((0.285, 0.945), (0.495, 0.130), (0.745, 0.900)), SKY, 0.72, True),
    (((0.02, 0.53), (0.33, 0.36), (0.37, 0.45), (0.06, 0.63)), VERMILION, 0.90, False),
    (((0.615, 0.560), (0.960, 0.420), (0.985, 0.500), (0.640, 0.650)), VIOLET, 0.85, True),
    (((0.08, 0.93), (0.20, 0.735), (0.27, 0.92)), YELLOW, 0.95, False),
    (((0.13, 0.93), (0.235, 0.79), (0.33, 0.97)), RED, 0.85, True),
    (((0.605, 0.735), (0.640, 0.625), (0.670, 0.745)), TEAL, 0.95, False),
    (((0.635, 0.760), (0.665, 0.665), (0.695, 0.770)), YELLOW, 0.85, True),
    (((0.760, 0.480), (0.850, 0.330), (0.885, 0.465)), RED, 0.85, True),
    (((0.70, 0.965), (0.745, 0.850), (0.80, 0.960)), BLACK, 0.95, False),
)
# Lines: two ends or a curve, width, colours.
LINES = (
    (((0.02, 0.985), (0.68, 0.015)), 0.0075, BLACK),
    (((0.07, 0.020), (0.985, 0.900)), 0.0060, BLACK),
    (((0.300, 0.010), (0.410, 0.985)), 0.0045, BLACK),
    (((0.40, 0.975), (0.985, 0.255)), 0.0100, RED),
    (((0.015, 0.360), (0.700, 0.210)), 0.0040, BLACK),
    (((0.420, 0.440), (0.990, 0.635)), 0.0040, BLACK),
    (((0.420, 0.470), (0.990, 0.680)), 0.0030, BLACK),
    (((0.560, 0.985), (0.500, 0.015)), 0.0034, BLUE),
    (((0.04, 0.86), (0.10, 0.82), (0.15, 0.87), (0.21, 0.83), (0.27, 0.88), (0.33, 0.84)),
     0.0090, CREAM),
    (((0.66, 0.935), (0.71, 0.905), (0.76, 0.945), (0.81, 0.915), (0.86, 0.955),
      (0.91, 0.925), (0.96, 0.96)), 0.0085, BLACK),
    (((0.055, 0.245), (0.030, 0.330), (0.060, 0.420), (0.130, 0.475)), 0.0130, BLACK),
    (((0.870, 0.300), (0.915, 0.225), (0.965, 0.280), (0.985, 0.350)), 0.0110, VIOLET),
)  # fmt: skip
# Arcs: across, down, radius, from and to (turns, 0 to the right, clockwise), width, colours.
ARCS = (
    (0.520, 0.430, 0.275, 0.52, 0.93, 0.020, BLACK),
    (0.520, 0.430, 0.242, 0.55, 0.88, 0.011, RED),
    (0.520, 0.430, 0.218, 0.57, 0.84, 0.006, BLACK),
    (0.805, 0.715, 0.232, 0.48, 0.80, 0.009, BLACK),
    (0.225, 0.285, 0.262, 0.10, 0.42, 0.010, BLACK),
    (0.440, 0.665, 0.128, 0.95, 1.42, 0.008, BLACK),
    (0.640, 0.140, 0.070, 0.50, 1.00, 0.026, VERMILION),
    (0.120, 0.905, 0.058, 0.50, 1.00, 0.012, CREAM),
    (0.930, 0.880, 0.060, 0.75, 1.25, 0.016, TEAL),
    (0.130, 0.160, 0.180, 0.55, 0.80, 0.007, CREAM),
    (0.690, 0.900, 0.050, 0.00, 0.50, 0.020, BLUE),
    (0.600, 0.330, 0.045, 0.30, 0.80, 0.014, VIOLET),
)
CHECKERS = (  # across, down, side of a field, turn, columns, rows, colours of the fields
    (0.735, 0.265, 0.050, -0.42, 6, 5, (BLACK, CREAM, BLACK, CREAM, RED, CREAM)),
    (0.150, 0.480, 0.030, -0.30, 8, 2, (YELLOW, BLUE, BLACK)),
    (0.430, 0.885, 0.031, 0.35, 3, 5, (CREAM, BLACK, VERMILION)),
    (0.290, 0.690, 0.024, 0.62, 5, 3, (TEAL, CREAM, ROSE, BLACK)),
    (0.905, 0.555, 0.017, -0.36, 9, 2, (CREAM, BLACK)),
)


def paint(height: int, width: int) -> np.ndarray:
    """Paint an abstract composition: circles, planes, checkers, arcs and crossing lines.

    Args:
        height: Height of the picture in pixels.
        width: Its width. Another size or aspect shows the same composition.

    Returns:
        The picture, uint8 array of shape (height, width, 3), RGB.

    Raises:
        ValueError: `height` or `width` is not a positive whole number.

    Example:
        >>> paint(24, 32).shape
        (24, 32, 3)
    """
    painting = _Painting(Sheet(height, width))
    _ground(painting)
    for plane in PLANES:
        painting.polygon(*plane)
    for arc in ARCS[:3]:
        painting.arc(*arc)
    for circle in CIRCLES:
        painting.circle(*circle)
    for board in CHECKERS:
        painting.checkers(*board)
    for plane in GLAZES:
        painting.polygon(*plane)
    for arc in ARCS[3:]:
        painting.arc(*arc)
    for line in LINES:
        painting.line(*line)
    # Light from the upper left on the ridges of the paint, and the weave of the canvas.
    sheet = painting.sheet
    x, y = sheet.x, sheet.y
    weave = noise(x * 190, y * 45, 486) + noise(x * 45, y * 190, 487)
    relief = painting.relief + 0.10 * weave + 0.30 * cloud(x * 45, y * 45, 478, 3)
    down, right = np.gradient(relief)
    slope = (down + right) * FLOAT(sheet.unit / 600)
    sheet.multiply(1 + 0.26 * np.clip(-slope, -1, 1) + 0.03 * cloud(x * 6, y * 6, 479, 3))
    return sheet.finish()


class _Painting:
    """The sheet, and how thick the paint lies on it."""

    def __init__(self, sheet: Sheet) -> None:
        self.sheet = sheet
        self.relief = np.zeros(sheet.shape, FLOAT)
        self.marks = 0  # how many shapes there are: each is painted with another brush
        self.scale = np.array([sheet.shape[1], sheet.shape[0]]) / sheet.unit

    def window(self, center: Place, reach: float) -> tuple[Box, np.ndarray, np.ndarray]:
        """The part of the sheet at most `reach` from `center`, and the places in it from there."""
        rows, columns = self.sheet.shape
        reach = reach * self.sheet.unit + 3
        across, down = center[0] * columns, center[1] * rows
        box = (
            slice(max(int(down - reach), 0), max(int(down + reach) + 1, 0)),
            slice(max(int(across - reach), 0), max(int(across + reach) + 1, 0)),
        )
        x = self.sheet.x[box] - FLOAT((center[0] - 0.5) * self.scale[0])
        y = self.sheet.y[box] - FLOAT((center[1] - 0.5) * self.scale[1])
        return box, x, y

    def around(self, points: ArrayLike, width: float) -> Box:
        """The part of the sheet that a stroke of `width` along `points` reaches."""
        rows, columns = self.sheet.shape
        margin = width * self.sheet.unit + 3
        pixels = np.asarray(points, float) * (columns, rows)
        left, top = np.floor(pixels.min(axis=0) - margin).astype(int)
        right, bottom = np.ceil(pixels.max(axis=0) + margin).astype(int)
        down = np.clip([top, bottom], 0, rows).tolist()
        across = np.clip([left, right], 0, columns).tolist()
        return slice(*down), slice(*across)

    def soft(self, distance: np.ndarray) -> np.ndarray:
        """1 inside a shape (`distance` below 0), 0 outside, with an edge as of a hand."""
        edge = max(0.8 / self.sheet.unit, 0.0006)
        return smoothstep(edge, -edge, distance)

    def lay(
        self,
        box: Box,
        mask: np.ndarray,
        colors: Shades,
        covering: float = 1.0,
        *,
        angle: float | None = None,
        through: bool = False,
        brush: np.ndarray | None = None,
    ) -> None:
        """Brush two colours, not quite mixed, on where `mask` is above 0."""
        self.marks += 1
        seed = 400 + self.marks % 7 * 10
        x, y = self.sheet.x[box], self.sheet.y[box]
        if angle is None:
            angle = 2.4 * self.marks
        shift = 1.7 * self.marks
        strokes = bristles(x + shift, y, angle, seed) if brush is None else brush
        blend = 0.5 + 0.45 * cloud(x * 5 + shift, y * 5, 480, 3) + 0.42 * strokes
        dark, light = rgb(*colors)
        color = dark + np.clip(blend, 0, 1)[..., None] * (light - dark)
        below = self.sheet.pixels[box]
        if through:
            color = color * (0.12 + 0.98 * below)
        thin = smoothstep(-0.25, -0.85, strokes + 0.25 * noise(x * 60, y * 60, 481))
        alpha = mask * covering * (1 - 0.65 * thin)
        below += alpha[..., None] * (color - below)
        height = strokes + 0.9 * smoothstep(0.05, 0.5, mask) * smoothstep(0.95, 0.5, mask)
        self.relief[box] += mask * (height - self.relief[box])

    def polygon(
        self, corners: Sequence[Place], colors: Shades, covering: float, through: bool
    ) -> None:
        """A plane with straight sides, darker or lighter towards one of them."""
        stencil = Stencil(self.sheet)
        stencil.polygon(corners)
        first, second = np.asarray(corners[0]) * self.scale, np.asarray(corners[1]) * self.scale
        angle = np.arctan2(*(second - first)[::-1])
        box = self.around(corners, 0)
        self.lay(box, stencil.mask(box), colors, covering, angle=angle, through=through)

    def circle(self, across: float, down: float, rings: Sequence[tuple[float, Shades]]) -> None:
        """Rings of colour, brushed round and round, in a glow."""
        reach = rings[0][0] * 1.45
        box, x, y = self.window((across, down), reach)
        r = np.hypot(x, y)
        sin, cos = y / np.maximum(r, 1e-3), x / np.maximum(r, 1e-3)
        halo = 0.42 * smoothstep(
            reach, rings[0][0] * 0.9, r + 0.010 * cloud(x * 14, y * 14, 482, 2)
        )
        self.lay(box, halo * FLOAT(0.75), CREAM)
        wobble = 0.0022 * noise(x * 16 + across * 50, y * 16, 483)
        for radius, colors in rings:
            seed = 490 + self.marks % 5
            brush = 0.6 * noise(r * 120, 2.2 * sin + 9 * cos * radius, seed)
            brush = brush + 0.55 * noise(r * 60 + 5 * sin, 2.6 * cos, seed + 6)
            self.lay(box, self.soft(r - radius + wobble), colors, 0.97, brush=brush)

    def line(self, points: Sequence[Place], width: float, colors: Shades) -> None:
        """A line drawn with a loaded brush: it swells, thins and runs dry."""
        places = curve(points, 30)
        t = np.linspace(0, 1, len(places))
        swell = (0.55 + 0.45 * np.sin(np.pi * t) ** 0.5) * (1 + 0.16 * np.sin(t * 23 + self.marks))
        stencil = Stencil(self.sheet)
        stencil.stroke(places, width * swell)
        angle = np.arctan2(*((places[-1] - places[0]) * self.scale)[::-1])
        box = self.around(places, width)
        self.lay(box, stencil.mask(box), colors, angle=angle)

    def arc(
        self,
        across: float,
        down: float,
        radius: float,
        start: float,
        stop: float,
        width: float,
        colors: Shades,
    ) -> None:
        """A part of a circle, thickest in the middle."""
        t = np.linspace(0, 1, 80)
        turn = 2 * np.pi * (start + (stop - start) * t)
        places = np.stack([np.cos(turn), np.sin(turn)], axis=1) * radius / self.scale
        stencil = Stencil(self.sheet)
        places += (across, down)
        stencil.stroke(places, width * np.sin(np.pi * (0.08 + 0.84 * t)))
        box = self.around(places, width)
        self.lay(box, stencil.mask(box), colors)

    def checkers(
        self,
        across: float,
        down: float,
        side: float,
        turn: float,
        columns: int,
        rows: int,
        fields: Sequence[Shades],
    ) -> None:
        """A leaning board of fields, each painted by itself."""
        box, x, y = self.window((across, down), side * max(columns, rows))
        p = (x * np.cos(turn) + y * np.sin(turn)) / side + columns / 2
        q = (y * np.cos(turn) - x * np.sin(turn)) / side + rows / 2 + 0.16 * p
        p = p + 0.05 * noise(x * 25, y * 25, 484)
        q = q + 0.05 * noise(x * 25, y * 25, 485)
        edge = max(1.0 / (side * self.sheet.unit), 0.02)
        for number, colors in enumerate(fields):
            mask = np.zeros(x.shape, FLOAT)
            for row in range(rows):
                for column in range(columns):
                    if (column + row * (columns + 1 - columns % 2)) % len(fields) == number:
                        far = np.maximum(np.abs(p - column - 0.5), np.abs(q - row - 0.5)) - 0.47
                        mask = np.maximum(mask, smoothstep(edge, -edge, far))
            self.lay(box, mask, colors, 0.96, angle=turn + number * np.pi / 2)


def _ground(painting: _Painting) -> None:
    """A warm ground, scumbled in short strokes, with clouds of thin colour."""
    sheet = painting.sheet
    x, y = sheet.x, sheet.y
    dab = cells(x * 9 + 0.5 * noise(x * 12, y * 12, 470) + 60, y * 13 + 60, 471)
    angle = 0.6 + 1.5 * (hashed(dab, 472) - 0.5)
    strokes = bristles(x + hashed(dab, 473), y, angle, 474, 0.8)
    tone = (
        0.5
        + 0.32 * cloud(x * 2.5, y * 2.5, 475, 4)
        + 0.30 * strokes
        + 0.35 * (hashed(dab, 476) - 0.5)
    )
    low, high = rgb("d3b27a", "f6e8c4")
    sheet.pixels[:] = low + np.clip(tone, 0, 1)[..., None] * (high - low)
    for number, color in enumerate(rgb("7fb0c4", "dd8d78", "e8bf4e", "8c9a5e")):
        patch = smoothstep(
            0.05, 0.75, cloud(x * 1.7 + 13 * number, y * 1.7, 477, 3) + 0.25 * strokes
        )
        sheet.glaze(patch * FLOAT(0.55), color)
    painting.relief[:] = strokes
