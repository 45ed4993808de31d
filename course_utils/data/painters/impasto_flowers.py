"""A poppy field at sunset laid on with the palette knife: wide, thick, directional slabs."""

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np

from course_utils.data.painters.canvas import (
    Brush,
    Plane,
    Strokes,
    blend,
    colour,
    finished,
    lit,
    paint_strokes,
    plan_plane,
    ramp,
    sample,
    smooth_noise,
    spread,
    working_plane,
)
from course_utils.data.painters.outlines import smoothstep

Pair: TypeAlias = tuple[float, float]

KNIFE, BRISTLE = ("knife", 60), ("bristle", 61)
HORIZON = 0.36
SUN = (0.70, 0.25)
SKY = [
    (0.0, "#2f6f9f"),
    (0.25, "#5fa0b4"),
    (0.5, "#e8b48a"),
    (0.75, "#f89a4a"),
    (1.0, "#ffd25e"),
]
FIELD = [
    (-2.0, "#1f3a2a"),
    (-1.0, "#3c5f2a"),
    (0.0, "#7f8a2e"),
    (0.8, "#c9a437"),
    (1.6, "#f3c64f"),
    (2.4, "#ffe9a0"),
]
TREES = [(-2, "#1b2350"), (-0.5, "#3a3f7d"), (0.6, "#6a5a96"), (1.8, "#c27a7f")]
BLADES = [
    (0.0, "#123b3a"),
    (0.25, "#2c6a3a"),
    (0.5, "#6f9a34"),
    (0.75, "#b9b03c"),
    (0.9, "#e8b94a"),
    (1.0, "#e9764a"),
]
PETALS = [
    (0.0, "#6d0712"),
    (0.25, "#a80f16"),
    (0.5, "#d9201a"),
    (0.75, "#f0442a"),
    (0.92, "#f9683a"),
    (1.1, "#fd9a66"),
]


def paint(height: int, width: int) -> np.ndarray:
    """The painting, uint8, shape (height, width, 3), RGB."""
    plan = plan_plane(height, width)
    colours, angles = _plan(plan)
    work = working_plane(height, width, least=385)
    painting = np.zeros((work.height, work.width, 4), np.float32)
    painting[..., :3] = colour("#8a4a2a")
    for number, (count, length, wide, body, brush) in enumerate(
        [
            (450, 0.28, 0.100, 0.7, KNIFE),
            (800, 0.17, 0.062, 1.0, KNIFE),
            (650, 0.10, 0.036, 1.2, KNIFE),
            (260, 0.08, 0.014, 1.0, BRISTLE),
        ]
    ):
        rows = spread(plan, count, seed=70 + number)
        strokes = _slabs((colours, angles), rows, (length, wide, body))
        paint_strokes(work, painting, strokes, brush)
    _grass(work, painting, seed=80, count=330)
    for strokes, brush in _poppies(plan):
        paint_strokes(work, painting, strokes, brush)
    return finished(lit(work, painting, strength=0.75, gloss=0.4), height, width)


def _plan(plane: Plane) -> tuple[np.ndarray, np.ndarray]:
    """Colour and direction of the slabs at each point."""
    v = plane.v
    dx, dy = plane.offsets(*SUN)
    r = np.hypot(dx, dy)
    broad = smooth_noise(plane, (0.12, 0.34), seed=1, octaves=2)
    patch = smooth_noise(plane, (0.05, 0.12), seed=2, octaves=2)
    colours = ramp(v / HORIZON * 0.85 + 0.16 * broad + 0.35 * np.exp(-((r / 0.3) ** 2)), SKY)
    clouds = smoothstep(0.3, 1.2, smooth_noise(plane, (0.07, 0.30), seed=3, octaves=2))
    rose = ramp(0.5 + 0.5 * patch, [(0, "#a65a86"), (0.5, "#e8837a"), (1, "#ffd0a0")])
    colours = blend(colours, rose, 0.85 * clouds)
    colours = blend(colours, colour("#fff0b4"), smoothstep(0.085, 0.065, r))
    rays = np.arctan2(dy, dx) + np.pi / 2
    swirl = np.exp(-((r / 0.28) ** 2))
    angles = swirl * rays + (1 - swirl) * (0.35 * broad - 0.12)
    wood = HORIZON - 0.05 - 0.024 * np.tanh(smooth_noise(plane, (9, 0.11), seed=4, octaves=2))
    inside = v > wood
    colours = np.where(
        inside[..., None],
        ramp(0.8 * patch - 0.2 - 12 * (v - wood) + 1.2 * np.exp(-((r / 0.2) ** 2)), TREES),
        colours,
    )
    angles = np.where(inside, np.pi / 2 + 0.4 * patch, angles)
    depth = np.clip((v - HORIZON) / (1 - HORIZON), 0, 1)
    rows = np.sin(2 * np.pi * (1.2 * np.log(depth + 0.06) * 2 + 0.22 * broad))
    tone = 1.5 - 2.3 * depth + 0.75 * patch + 0.55 * rows
    field = ramp(tone, FIELD)
    red = smooth_noise(plane, (0.022, 0.06), seed=5, octaves=2) + 0.5 * rows
    field = blend(
        field, ramp(0.55 + 0.25 * patch, PETALS), smoothstep(0.35, 0.9, red) * (depth < 0.6)
    )
    cool = smooth_noise(plane, (0.05, 0.2), seed=6)
    field = blend(field, colour("#3f7f86"), 0.7 * smoothstep(0.7, 1.6, cool) * depth**0.5)
    inside = v > HORIZON + 0.006 * broad
    colours = np.where(inside[..., None], field, colours)
    lean = (0.12 * broad + 0.25 * patch) * (1 - depth) - (np.pi / 2 - 0.35 * patch) * depth**1.2
    return colours, np.where(inside, lean, angles)


def _slabs(
    plan: tuple[np.ndarray, np.ndarray], rows: np.ndarray, look: tuple[float, float, float]
) -> Strokes:
    length, wide, body = look
    rows = rows[np.argsort(rows[:, 1] > HORIZON, kind="stable")]
    u, v, *rest = rows.T
    near = 0.6 + 0.6 * np.clip(np.abs(v - HORIZON) / 0.4, 0, 1)  # smaller at the horizon
    tone, hue = (rest[0] - 0.5)[:, None], (rest[1] - 0.5)[:, None]
    paint = sample(plan[0], u, v) * (1 + 0.36 * tone) + hue * np.array([0.12, -0.02, -0.14])
    other = sample(plan[0], np.clip(u + 0.05 * (rest[2] - 0.5), 0, 1), v + 0.05 * (rest[3] - 0.5))
    streaks = np.clip(0.18 * (other - paint), -0.08, 0.08) + 0.03  # two paints on one knife
    return Strokes(
        u=u,
        v=v,
        angle=sample(plan[1], u, v) + 0.5 * (rest[4] - 0.5) + np.pi * (rest[5] < 0.5),
        length=length * near * (0.7 + 0.6 * rest[6]),
        width=wide * near * (0.7 + 0.6 * rest[7]),
        bend=2.5 * (rest[8] - 0.5),
        colours=np.clip(paint, 0, 1),
        streaks=streaks,
        body=body * (0.6 + 0.8 * rest[9]),
    )


def _grass(work: Plane, painting: np.ndarray, *, seed: int, count: int) -> None:
    """Blades and stems, the nearer the longer."""
    rows = spread(work, count, seed=seed)
    rows[:, 1] = 0.5 + 0.55 * rows[:, 1]
    u, v, *rest = rows[np.argsort(rows[:, 1], kind="stable")].T
    near = np.clip((v - 0.42) / 0.5, 0, 1.2)
    tone = rest[0]
    strokes = Strokes(
        u=u,
        v=v,
        angle=-np.pi / 2 + 0.9 * (rest[2] - 0.5),
        length=0.05 + 0.20 * near * (0.5 + rest[3]),
        width=0.005 + 0.009 * near * (0.5 + rest[4]),
        bend=7 * (rest[5] - 0.5),
        colours=ramp(tone, BLADES),
        streaks=np.full((len(u), 3), 0.06),
        body=0.7 + 0.7 * rest[6],
    )
    paint_strokes(work, painting, strokes, BRISTLE)


def _poppies(plane: Plane) -> Iterator[tuple[Strokes, Brush]]:
    """The strokes of each flower with their brush, the far flowers first."""
    rng = np.random.default_rng(90)
    for u, v, radius, *_ in sorted(_places(rng), key=lambda place: place[1]):
        flower = np.random.default_rng(int(1e6 * u) + 1)
        aspect = plane.extent
        if radius > 0.03:
            rows = flower.random((3, 10))
            stem = _dabs(rows, (u, v), aspect, 0.0, 0.0)
            stem.v = v + (1.6 + rows[:, 0]) * radius / aspect[0]
            stem.u = u + 0.3 * (rows[:, 1] - 0.5) * radius / aspect[1]
            stem.angle = np.pi / 2 + 0.25 * (rows[:, 2] - 0.5)
            stem.length, stem.width = radius * (3.2 + 0 * stem.u), 0.13 * radius + 0 * stem.u
            stem.colours = ramp(0.15 + 0.6 * rows[:, 3], BLADES)
            yield stem, BRISTLE
        tilt = (0.5 + 0.45 * flower.random(), 0.7 * (flower.random() - 0.5))
        yield _petals((u, v), radius, aspect, tilt, flower), KNIFE
        if radius > 0.02:
            yield from _heart((u, v), radius, aspect, tilt, flower)


def _places(rng: np.random.Generator) -> list[tuple[float, float, float]]:
    """u, v and radius of each flower."""
    places = [
        *((0.21, 0.60, 0.120), (0.50, 0.73, 0.150), (0.83, 0.62, 0.125), (0.06, 0.86, 0.115)),
        *((0.73, 0.90, 0.120), (0.30, 0.92, 0.105), (0.965, 0.84, 0.090), (0.42, 0.50, 0.060)),
        *((0.63, 0.535, 0.055), (0.04, 0.565, 0.060), (0.95, 0.50, 0.045), (0.33, 0.70, 0.045)),
    ]
    large = np.array(places)
    for a, b, c in rng.random((90, 3)):
        depth = 0.03 + 0.5 * b**1.5
        gap = np.hypot((large[:, 0] - a) * 1.3, large[:, 1] - HORIZON - depth * (1 - HORIZON))
        if np.any(gap < 0.9 * large[:, 2]):  # none in front of a large one
            continue
        places.append(
            (a, HORIZON + depth * (1 - HORIZON), (0.006 + 0.07 * depth) * (0.7 + 0.6 * c))
        )
    return places


def _petals(at: Pair, radius: float, aspect: Pair, tilt: Pair, rng: np.random.Generator) -> Strokes:
    """Five petals, the back ones first: broad slabs outwards, then a few along the rim."""
    number = 9 if radius > 0.03 else 4 if radius > 0.015 else 2
    middles = 2 * np.pi * (np.arange(5) + 0.55 * rng.random(5) + rng.random()) / 5
    middles = middles[np.argsort(np.sin(middles))]
    tones, sizes = rng.random(5), radius * (0.78 + 0.4 * rng.random(5))
    rows = rng.random((5 * number, 10))
    petal = np.repeat(np.arange(5), number)
    rim = np.tile(np.arange(number) >= 0.6 * number, 5)
    turn = middles[petal] + np.where(rim, 1.0, 1.15) * (rows[:, 0] - 0.5)
    size = sizes[petal]
    out = size * np.where(rim, 0.70 + 0.16 * rows[:, 1], 0.40 + 0.12 * rows[:, 1])
    dabs = _dabs(rows, at, aspect, out, turn, tilt)
    across = np.pi / 2 * np.where(rows[:, 8] < 0.5, 1, -1)
    dabs.angle = dabs.angle + np.where(rim, across, 0)
    dabs.length = size * np.where(rim, 0.62 + 0.3 * rows[:, 1], 0.85 + 0.3 * rows[:, 1])
    dabs.width = size * np.where(rim, 0.24 + 0.16 * rows[:, 2], 0.46 + 0.2 * rows[:, 2])
    dabs.bend = np.where(rim, np.sign(across) * 1.1 / radius, dabs.bend)
    light = -0.24 * np.sin(turn) - 0.10 * np.cos(turn) + 0.62 * (tones[petal] - 0.55)
    tone = 0.42 + light + np.where(rim, 0.17, 0) + 0.34 * (rows[:, 3] - 0.5)
    dabs.colours = ramp(tone, PETALS)
    return dabs


def _dabs(
    rows: np.ndarray,
    at: Pair,
    aspect: Pair,
    out: float | np.ndarray,
    turn: float | np.ndarray,
    tilt: Pair = (0.72, 0.0),
) -> Strokes:
    """Dabs at distance `out` from a flower's middle, seen a little from the side."""
    turn = turn + 0 * rows[:, 0]
    flat, roll = tilt
    far, near = np.cos(turn), flat * np.sin(turn)
    far, near = far * np.cos(roll) - near * np.sin(roll), far * np.sin(roll) + near * np.cos(roll)
    return Strokes(
        u=at[0] + out * far / aspect[1],
        v=at[1] + out * near / aspect[0],
        angle=np.arctan2(near, far) + 0.4 * (rows[:, 4] - 0.5),
        length=np.zeros(len(rows)),
        width=np.zeros(len(rows)),
        bend=6 * (rows[:, 5] - 0.5),
        colours=np.zeros((len(rows), 3)),
        streaks=np.array([0.10, 0.06, 0.04]) * (rows[:, 6:7] - 0.2),
        body=1.1 + 0.7 * rows[:, 7],
    )


def _heart(
    at: Pair, radius: float, aspect: Pair, tilt: Pair, rng: np.random.Generator
) -> Iterator[tuple[Strokes, Brush]]:
    """The dark middle of a poppy: blotches, stamens, and the pale capsule."""
    for number, out, size, codes, brush in [
        (5, 0.13, (0.34, 0.20), ("#12060f", "#2b0a1e"), KNIFE),
        (11, 0.30, (0.22, 0.05), ("#0d0610", "#33204a"), BRISTLE),
        (3, 0.05, (0.15, 0.09), ("#4f6a4a", "#a8af66"), KNIFE),
    ]:
        rows = rng.random((number, 10))
        turn = 2 * np.pi * (np.arange(number) + rows[:, 0]) / number
        dabs = _dabs(rows, at, aspect, radius * out * (0.6 + 0.8 * rows[:, 1]), turn, tilt)
        dabs.length = radius * size[0] * (0.7 + 0.6 * rows[:, 2])
        dabs.width = radius * size[1] * (0.7 + 0.6 * rows[:, 3])
        dabs.colours = ramp(rows[:, 8], [(0, codes[0]), (1, codes[1])])
        yield dabs, brush
