"""A Japanese woodblock print: a great wave with claws of foam, a far mountain, Prussian blue."""

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image, ImageDraw

from course_utils.data.painters.outlines import (
    FLOAT,
    STENCIL,
    Sheet,
    Stencil,
    cloud,
    curve,
    noise,
    rgb,
    smoothstep,
)

CREAM = rgb("f3e4be")
KEY = rgb("0f2144")  # the outlines: the darkest blue
SKY, CLOUD = "f0deb0", "e6c195"
DEEP, PRUSSIAN, BLUE, PALE, FOAM = "15325f", "1f4a82", "4f83ab", "a9c6cc", "f7f0dc"
DESIGN = np.array([4 / 3, 1.0])  # drawn on a sheet of 4 : 3; other sheets stretch it
# The back of the great wave and its face, from the sea on the right up to the tip (across, down).
BACK = [(1.10, 1.30), (0.50, 1.36), (0.02, 1.22), (-0.16, 0.86), (-0.08, 0.52), (0.02, 0.30)]
BACK += [(0.13, 0.14), (0.25, 0.065), (0.37, 0.055), (0.465, 0.10), (0.53, 0.19), (0.555, 0.29)]
FACE = [(1.10, 0.74), (0.92, 0.80), (0.76, 0.865), (0.60, 0.885), (0.46, 0.83), (0.36, 0.72)]
FACE += [
    (0.305, 0.58),
    (0.305, 0.44),
    (0.355, 0.335),
    (0.42, 0.285),
    (0.485, 0.275),
    (0.535, 0.325),
]


def paint(height: int, width: int) -> np.ndarray:
    """Print a great wave with claws of foam before a far mountain, in Prussian blue on cream.

    Args:
        height: Height of the picture in pixels.
        width: Its width. Another size or aspect shows the same wave.

    Returns:
        The picture, uint8 array of shape (height, width, 3), RGB.

    Raises:
        ValueError: `height` or `width` is not a positive whole number.

    Example:
        >>> paint(24, 32).shape
        (24, 32, 3)
    """
    sheet, rng = Sheet(height, width), np.random.default_rng(200)
    blocks = _Blocks(sheet)
    blocks.shape([(-0.1, -0.1), (1.1, -0.1), (1.1, 1.1), (-0.1, 1.1)], SKY)
    _clouds(blocks)
    _mountain(blocks)
    horizon = curve([(-0.1, 0.75), (0.3, 0.752), (0.7, 0.746), (1.1, 0.75)], 60)
    for i, color in enumerate((PALE, BLUE, PALE, PRUSSIAN, BLUE, PRUSSIAN)):
        top = horizon + np.array([0, 0.010 * i + 0.004 * i * i])
        top[:, 1] += 0.0026 * i * np.sin(np.arange(len(top)) * (0.30 + 0.03 * i) + 2 * i)
        blocks.shape(np.concatenate([top, [(1.1, 1.1), (-0.1, 1.1)]]), color, 0.0024)
    # Far waves at the right, then the great one, then the swell in front.
    far_back, far_face = (0.42 * np.array(line) + (0.74, 0.57) for line in (BACK, FACE))
    _swell(blocks, rng, far_back, far_face, 11, 11, 0.045)
    _swell(blocks, rng, BACK, FACE, 26, 15, 0.115)
    low = [
        (0.48, 1.3),
        (0.50, 1.04),
        (0.62, 0.965),
        (0.72, 0.90),
        (0.80, 0.872),
        (0.87, 0.89),
        (0.905, 0.935),
    ]
    near = [
        (1.3, 1.10),
        (1.15, 1.07),
        (1.06, 1.04),
        (0.98, 1.01),
        (0.92, 0.985),
        (0.89, 0.960),
        (0.898, 0.945),
    ]
    _swell(blocks, rng, low, near, 11, 13, 0.050, 0.42)
    back = [
        (-0.1, 1.3),
        (-0.12, 1.02),
        (0.02, 0.90),
        (0.14, 0.80),
        (0.25, 0.765),
        (0.34, 0.80),
        (0.375, 0.86),
    ]
    face = [
        (1.1, 1.12),
        (0.85, 1.08),
        (0.66, 1.03),
        (0.50, 0.98),
        (0.40, 0.935),
        (0.355, 0.90),
        (0.365, 0.875),
    ]
    _swell(blocks, rng, back, face, 12, 13, 0.062, 0.40)
    _spray(blocks, rng)

    # Gradation (bokashi): wiped from the top of the sky, above the sea, and into the blues.
    colors = blocks.colors()
    sky = blocks.sky.mask()
    u, v = sheet.u, sheet.v
    ragged = 0.03 * cloud(sheet.x * 4, sheet.y * 4, 209, 3)
    shades = sky * (
        0.62 * smoothstep(0.22, -0.02, v + ragged) + 0.20 * smoothstep(0.50, 0.80, v + ragged)
    )
    streaks = smoothstep(0.1, 0.75, cloud(sheet.x * 1.6 + 2, sheet.y * 13, 210, 4))
    shades += sky * (0.03 + 0.13 * streaks * smoothstep(0.9, 0.3, v))
    blue = smoothstep(0.06, 0.25, colors[..., 2] - colors[..., 0])
    shades += blue * (
        0.30 * smoothstep(0.62, 0.98, v + ragged) + 0.16 * smoothstep(0.45, 0.0, u + ragged)
    )
    _print_blocks(sheet, blocks, np.clip(shades, 0, 0.9).astype(FLOAT))
    return sheet.finish()


class _Blocks:
    """The colour blocks and the key block of the print, drawn together."""

    def __init__(self, sheet: Sheet) -> None:
        self.key, self.sky = Stencil(sheet), Stencil(sheet)
        rows, columns = sheet.shape
        self.image = Image.new("RGB", (columns * STENCIL, rows * STENCIL))
        self.draw = ImageDraw.Draw(self.image)

    def shape(self, points: ArrayLike, color: str, line: float = 0.0) -> None:
        """A flat shape, with an outline where `line` (its width) is above 0."""
        points = np.asarray(points, float)
        pixels = points * self.key.side
        self.draw.polygon(pixels.ravel().tolist(), fill=f"#{color}")
        self.key.polygon(points, 0)
        self.sky.polygon(points, 1 if color in (SKY, CLOUD) else 0)
        if line:
            self.line(np.concatenate([points, points[:2]]), line)

    def line(self, points: np.ndarray, width: float) -> None:
        """An outline that swells and thins, as a knife cuts it."""
        swell = 1 + 0.35 * np.sin(np.arange(len(points)) * 0.37)
        self.key.stroke(points, width * swell)

    def colors(self) -> np.ndarray:
        """The flat colours, float32, of the sheet's size."""
        return np.asarray(self.image.reduce(STENCIL), FLOAT) / FLOAT(255)


def _ribbon(line: np.ndarray, widths: ArrayLike) -> np.ndarray:
    """The outline of a stroke along `line`, both in fractions of the sheet."""
    line = np.asarray(line, float) * DESIGN
    along = np.gradient(line, axis=0)
    along /= np.maximum(np.hypot(*along.T), 1e-9)[:, None]
    across = np.stack([-along[:, 1], along[:, 0]], axis=1) * (np.asarray(widths) / 2)[:, None]
    return np.concatenate([line + across, (line - across)[::-1]]) / DESIGN


def _hook(foot: ArrayLike, angle: float, size: float, curl: float, fat: float = 0.42) -> np.ndarray:
    """A claw of foam: from `foot` towards `angle` (0 right, π/2 down), bending by `curl`."""
    t = np.linspace(0, 1, 12)
    turn = angle + curl * t**1.3
    steps = np.stack([np.cos(turn), np.sin(turn)], axis=1) * size / 12
    line = np.asarray(foot) + np.cumsum(steps, axis=0) / DESIGN
    return _ribbon(line, fat * size * (1 - t) ** 0.75 * (0.75 + 0.6 * np.sin(np.pi * t)) + 0.001)


def _claws(
    blocks: _Blocks,
    rng: np.random.Generator,
    foot: ArrayLike,
    angle: float,
    size: float,
    side: int,
    depth: int = 2,
) -> None:
    """A claw with smaller claws on it, drawn from the smallest to the largest."""
    curl = side * rng.uniform(1.2, 2.0)
    if depth:
        for along in (0.35, 0.70) if depth == 2 else (0.5,):
            turn = angle + curl * along**1.3 * 0.6
            place = (
                np.asarray(foot) + along * size * np.array([np.cos(turn), np.sin(turn)]) / DESIGN
            )
            for sign in (-1, 1):
                grow = size * rng.uniform(0.45, 0.62) * (1.15 - 0.5 * along)
                way = turn + sign * rng.uniform(0.5, 1.0)
                _claws(blocks, rng, place, way, grow, side, depth - 1)
    body = _hook(foot, angle, size, curl)
    blocks.shape(body, FOAM, 0.0028 if depth else 0.0018)
    if depth and size > 0.03:  # a shadow inside
        blocks.shape(_hook(foot, angle + 0.12 * side, size * 0.62, curl * 0.8, 0.12), PALE)


def _swell(
    blocks: _Blocks,
    rng: np.random.Generator,
    back: ArrayLike,
    face: ArrayLike,
    tongues: int,
    foam: int,
    size: float,
    start: float = 0.50,
) -> None:
    """A wave between two curves: tongues of colour, an outline, and foam along the lip."""
    back, face = curve(back, 30), curve(face, 30)
    number = len(back)

    def between(share: ArrayLike, first: float = 0.0, last: float = 1.0) -> np.ndarray:
        rows = np.arange(int(first * (number - 1)), int(last * (number - 1)) + 1)
        share = np.broadcast_to(share, len(rows))[:, None]
        return back[rows] + share * (face[rows] - back[rows])

    blocks.shape(np.concatenate([back, face[::-1]]), PRUSSIAN, 0.004)
    for i in range(tongues):
        share = (i + 0.5) / tongues + rng.normal(0, 0.006)
        first, last = rng.uniform(0, 0.16), rng.uniform(0.78, 0.97)
        rows = int(last * (number - 1)) - int(first * (number - 1)) + 1
        t = np.linspace(0, 1, rows)
        half = 0.43 / tongues * rng.uniform(0.7, 1.05) * np.sin(np.pi * t**0.8) ** 0.45
        wave = 0.10 / tongues * np.sin(t * rng.uniform(8, 14) + rng.uniform(0, 6))
        color = (DEEP, PALE, DEEP, FOAM, BLUE, DEEP, PALE, BLUE)[i % 8]
        outer, inner = (
            between(share + wave - half, first, last),
            between(share + wave + half, first, last),
        )
        blocks.shape(np.concatenate([outer, inner[::-1]]), color, 0.0022)
        if color in (PALE, BLUE, FOAM):  # a cut line down the middle
            middle = between(share + wave, first, last)[rows // 8 : -rows // 6]
            blocks.line(middle, 0.0016 if color != FOAM else 0.0024)
    # Foam: a white mass under the lip, claws that hang from its edge, then hooks on the mass.
    mass = between(0.0, start - 0.08)
    t = np.linspace(0, 1, len(mass))
    depth = t**0.6 * (0.24 + 0.05 * np.sin(t * 40) + 0.03 * np.sin(t * 91))
    edge = between(depth, start - 0.08)
    blocks.shape(np.concatenate([mass, edge[::-1]]), FOAM, 0.003)
    for share, scale, amount, branches in (
        (1.0, 1.0, 1.5, 2),
        (0.55, 0.62, 1.3, 1),
        (0.25, 0.45, 1.5, 1),
    ):
        for place in np.linspace(0.12, 1, int(foam * amount)):
            row = min(int(place * (len(mass) - 1)), len(mass) - 2)
            foot = mass[row] + share * rng.uniform(0.8, 1.05) * (edge[row] - mass[row])
            ahead = (mass[row + 1] - mass[row]) * DESIGN
            inward = (edge[row] - mass[row]) * DESIGN
            along, down = np.arctan2(ahead[1], ahead[0]), np.arctan2(inward[1], inward[0])
            mix = rng.uniform(0.45, 0.85)
            angle = np.arctan2(*[(1 - mix) * f(along) + mix * f(down) for f in (np.sin, np.cos)])
            grow = size * scale * rng.uniform(0.7, 1.2) * (0.5 + 0.6 * place)
            _claws(blocks, rng, foot, angle - 0.5, grow, 1, 1 if grow < 0.04 else branches)
    rim = between(0.0, start)
    width = size * 0.42 * np.sin(np.pi * np.linspace(0.0, 0.92, len(rim))) ** 0.8
    bumps = 1 + 0.30 * np.abs(np.sin(np.arange(len(rim)) * 0.42))
    blocks.shape(_ribbon(rim, width * bumps), FOAM, 0.003)
    for place in np.linspace(start, 0.97, foam):  # scallops on the rim
        row = int(place * (number - 1))
        t = np.linspace(0.3, 4.6, 12)
        round_ = (
            np.stack([np.cos(t + place * 3), np.sin(t + place * 3)], axis=1)
            * size
            * rng.uniform(0.07, 0.15)
        )
        blocks.line(back[row] + rng.normal(0, 0.05 * size, 2) + round_ / DESIGN, 0.0018)


def _mountain(blocks: _Blocks) -> None:
    """The far mountain with its snow."""
    left = curve([(0.575, 0.765), (0.63, 0.725), (0.680, 0.655), (0.7195, 0.578)], 12)
    right = curve([(0.7405, 0.578), (0.785, 0.660), (0.835, 0.725), (0.91, 0.77)], 12)
    blocks.shape(np.concatenate([left, right]), BLUE, 0.003)
    cut = [(0.785, 0.660), (0.768, 0.672), (0.762, 0.654), (0.748, 0.685), (0.738, 0.655)]
    cut += [(0.725, 0.692), (0.714, 0.660), (0.700, 0.682), (0.692, 0.650), (0.680, 0.655)]
    summit = np.concatenate([left[left[:, 1] <= 0.656], right[right[:, 1] <= 0.661], cut])
    blocks.shape(summit, FOAM, 0.0022)


def _clouds(blocks: _Blocks) -> None:
    """Level bands of cloud with round ends."""
    bands = [(0.62, 0.30, 0.22, 0.030), (0.72, 0.327, 0.20, 0.026), (0.86, 0.285, 0.20, 0.024)]
    bands += [(0.90, 0.455, 0.17, 0.026), (0.80, 0.478, 0.14, 0.022), (0.56, 0.520, 0.12, 0.024)]
    bands += [(0.64, 0.543, 0.11, 0.018), (0.97, 0.430, 0.10, 0.020), (0.95, 0.10, 0.16, 0.026)]
    bands += [(0.84, 0.124, 0.13, 0.022)]
    t = np.linspace(-1, 1, 41)
    for across, down, half, thick in bands:
        line = np.stack([across + half * t, down + 0.003 * np.sin(5 * t)], axis=1)
        blocks.shape(_ribbon(line, thick * (1 - t**20) ** 0.5 + 0.0005), CLOUD)


def _spray(blocks: _Blocks, rng: np.random.Generator) -> None:
    """Drops thrown off the crest."""
    for _ in range(330):
        turn, far = rng.uniform(-1.5, 1.1), rng.exponential(0.085)
        along = rng.random()
        center = np.array([0.33 + 0.24 * along, 0.05 + 0.27 * along**2])
        center += (0.03 + far) * np.array([np.cos(turn), np.sin(turn)]) / DESIGN
        radius = rng.uniform(0.0018, 0.0062) * (1.2 - min(far * 2.2, 0.8))
        t = np.linspace(0, 2 * np.pi, 12)
        drop = np.stack([np.cos(t), np.sin(t)], axis=1) * radius / DESIGN
        blocks.shape(center + drop, FOAM, 0.0014 if radius > 0.0040 else 0)


def _print_blocks(sheet: Sheet, blocks: _Blocks, shades: np.ndarray) -> None:
    """Print: gradation, wood grain and the marks of the rubbing pad, then the key block."""
    x, y = sheet.x, sheet.y
    colors = blocks.colors()
    knot = 5.5 * np.exp(-((x - 0.30) ** 2 / 0.10 + (y + 0.12) ** 2 / 0.008))
    rings = np.sin(2 * np.pi * (y * 13 + knot + 3.4 * cloud(x * 0.9 + 4, y * 2.6, 201, 2)))
    fibre = noise(x * 7, y * 190, 202) + 0.6 * noise(x * 16, y * 330, 203)
    pad = cloud(x * 5, y * 5, 204, 5)
    speckle = cloud(x * 120, y * 120, 205, 2)
    density = 0.93 + 0.07 * rings + 0.055 * fibre + 0.09 * pad + 0.05 * speckle
    colors = colors * (1 - shades[..., None]) + shades[..., None] * rgb(DEEP)
    paper = (
        CREAM
        * (1 + 0.025 * cloud(x * 50, y * 50, 206, 3) + 0.02 * noise(x * 3, y * 150, 207))[..., None]
    )
    sheet.pixels[:] = paper + density[..., None] * (colors - CREAM)
    sheet.multiply(1 + 0.028 * rings + 0.038 * fibre + 0.030 * pad)
    worn = smoothstep(-1.3, -0.55, cloud(x * 80, y * 80, 208, 2) + 0.3 * fibre)
    sheet.glaze(blocks.key.mask() * worn * 0.96, KEY)
