"""A night of whirls and haloed stars over dark hills: thousands of short, thick, curved strokes."""

import numpy as np
from scipy import ndimage

from course_utils.data.painters.canvas import (
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

BRUSH = ("bristle", 11)
SKY = [
    (-2.2, "#0b1a4a"),
    (-1.2, "#15307a"),
    (-0.4, "#2450a4"),
    (0.3, "#3f7cc4"),
    (1.0, "#7db4d6"),
    (1.7, "#c9e0d8"),
    (2.4, "#f3efc4"),
]
GLOW = [(0, "#7fb0bf"), (0.3, "#a9c9a4"), (0.55, "#e3d873"), (0.8, "#f7cf45"), (1, "#fff6cf")]
HILLS = [(-2, "#0a1430"), (-0.8, "#142a52"), (0.2, "#23507a"), (1.1, "#3c7a86"), (2, "#86ad7c")]
CYPRESS = [(-2, "#07090c"), (-0.6, "#10201c"), (0.4, "#1f3a26"), (1.2, "#4a5426"), (2, "#7a5a2c")]
WHIRLS = [
    (0.43, 0.36, 0.235, 1),
    (0.655, 0.5, 0.15, -1),
    (0.90, 0.615, 0.085, 1),
]  # u, v, radius, turn
STARS = [  # u, v, radius of the halo
    (0.875, 0.17, 0.185),
    (0.065, 0.13, 0.070),
    (0.285, 0.09, 0.078),
    (0.475, 0.065, 0.045),
    (0.655, 0.14, 0.090),
    (0.285, 0.47, 0.050),
    (0.575, 0.29, 0.042),
    (0.935, 0.44, 0.055),
    (0.785, 0.42, 0.070),
    (0.385, 0.635, 0.088),
    (0.050, 0.46, 0.060),
    (0.745, 0.040, 0.030),
]


def paint(height: int, width: int) -> np.ndarray:
    """The painting, uint8, shape (height, width, 3), RGB."""
    plan = plan_plane(height, width)
    colours, angles, depth = _plan(plan)
    work = working_plane(height, width, least=385)
    painting = np.zeros((work.height, work.width, 4), np.float32)
    painting[..., :3] = colour("#1a2c5c")
    bends = _bends(plan, angles)
    layers = [(900, 0.16, 0.040, 0.7), (2300, 0.105, 0.024, 0.9), (2900, 0.072, 0.0150, 1.1)]
    for number, (count, length, wide, body) in enumerate(layers):
        rows = spread(plan, count, seed=20 + number)
        strokes = _strokes((colours, angles, bends, depth), rows, (length, wide, body))
        paint_strokes(work, painting, strokes, BRUSH)
    rows = spread(plan, 1500, seed=30)  # the village is small
    rows[:, 1] = 0.79 + 0.19 * rows[:, 1]
    rows = rows[sample(depth, rows[:, 0], rows[:, 1]) < 3]
    strokes = _strokes((colours, angles, bends, depth), rows, (0.034, 0.0095, 1.0))
    paint_strokes(work, painting, strokes, BRUSH)
    return finished(lit(work, painting, strength=0.6), height, width)


def _plan(plane: Plane) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Colour and direction of the strokes at each point, and what is painted over what."""
    x, u, v = plane.x, plane.u, plane.v
    wave = smooth_noise(plane, 0.35, seed=1)
    flow_x, flow_y = 1 + 0 * wave, 0.35 * np.sin(7 * x + 1.5 * wave) + 0.25 * wave
    light = np.zeros_like(wave)
    for whirl_u, whirl_v, radius, turn in WHIRLS:
        dx, dy = plane.offsets(whirl_u, whirl_v)
        r = np.hypot(dx, dy) + 1e-6
        weight = 1 - smoothstep(0.55, 1.2, r / radius)
        arms = np.cos(2 * np.arctan2(dy, dx) - turn * 13 * np.log(r / radius + 0.25))
        light += weight * (0.75 * arms + 0.35) + 1.4 * np.exp(-((r / radius / 0.2) ** 2))
        flow_x = flow_x * (1 - weight) + weight * (-turn * dy - 0.22 * dx) / r
        flow_y = flow_y * (1 - weight) + weight * (turn * dx - 0.22 * dy) / r
    glow = np.zeros_like(wave)
    for star_u, star_v, radius in STARS:
        dx, dy = plane.offsets(star_u, star_v)
        r = np.hypot(dx, dy) + 1e-6
        weight = 1 - smoothstep(0.75, 1.25, r / radius)
        flow_x = flow_x * (1 - weight) - weight * dy / r
        flow_y = flow_y * (1 - weight) + weight * dx / r
        rings = 0.1 * np.cos(22 * r / radius)
        glow = np.maximum(glow, (1 - r / radius / 1.15) * 1.1 + rings * (r < radius))
    angles = np.arctan2(flow_y, flow_x)
    streaks = _along(smooth_noise(plane, 0.022, seed=2), angles)
    broad = smooth_noise(plane, (0.14, 0.3), seed=3, octaves=2)
    river = np.exp(-(((v - 0.66 + 0.05 * np.sin(8 * u)) / 0.05) ** 2))  # of light, above the hills
    tone = 0.7 * streaks + 0.4 * broad + 1.25 * light - 0.5 + 1.5 * river - 0.5 * (1 - v)
    colours = ramp(tone, SKY)
    warm = ramp(np.clip(glow + 0.09 * streaks, 0, 1), GLOW)
    colours = blend(colours, warm, smoothstep(0.02, 0.4, glow + 0.06 * streaks))
    _moon(plane, colours)
    depth = np.where(glow > 0.05, 1, 0)
    _hills(plane, colours, angles, depth)
    _village(plane, colours, angles, depth)
    _cypress(plane, colours, angles, depth)
    return colours, angles, depth


def _along(noise: np.ndarray, angles: np.ndarray, steps: int = 14) -> np.ndarray:
    """Noise averaged along the flow (line integral convolution), deviation 1."""
    rows, columns = np.mgrid[: noise.shape[0], : noise.shape[1]].astype(np.float32)
    total = noise.copy()
    cos, sin = np.cos(angles), np.sin(angles)
    for sign in (1, -1):
        at = np.stack([rows, columns])
        for _ in range(steps):
            ahead = [
                ndimage.map_coordinates(part, at, order=0, mode="nearest") for part in (sin, cos)
            ]
            at = at + sign * 1.6 * np.stack(ahead)
            total += ndimage.map_coordinates(noise, at, order=1, mode="nearest")
    return total / total.std()


def _moon(plane: Plane, colours: np.ndarray) -> None:
    dx, dy = plane.offsets(*STARS[0][:2])
    disc = smoothstep(0.085, 0.075, np.hypot(dx, dy))
    shadow = smoothstep(0.068, 0.06, np.hypot(dx + 0.032, dy + 0.012))
    colours[:] = blend(colours, colour("#e8930f"), disc * (1 - shadow))
    colours[:] = blend(colours, colour("#c9cf84"), disc * shadow * 0.9)


def _hills(plane: Plane, colours: np.ndarray, angles: np.ndarray, depth: np.ndarray) -> None:
    u, v = plane.u, plane.v
    grain = smooth_noise(plane, 0.03, seed=4, octaves=2)
    for index, (base, swell, phase) in enumerate(
        [(0.72, 0.045, 0.3), (0.79, 0.05, 2.2), (0.88, 0.035, 4.4)]
    ):
        ridge = base + swell * np.sin(6.5 * u + phase) + 0.4 * swell * np.sin(15 * u + 2 * phase)
        inside = smoothstep(-0.004, 0.004, v - ridge)
        depth = np.clip((v - ridge) / 0.1, 0, 3)
        tone = 1.1 - 1.5 * depth + 0.7 * grain + 0.25 * index
        line = np.exp(-(((v - ridge) / 0.007) ** 2))  # an outline, as around everything
        colours[:] = blend(colours, ramp(tone, HILLS), inside)
        colours[:] = blend(colours, colour("#0c1c40"), line * 0.9)
        depth[inside > 0.5] = 2
        slope = swell * (6.5 * np.cos(6.5 * u + phase) + 6 * np.cos(15 * u + 2 * phase))
        rolling = np.arctan(slope * 1.0) + 0.5 * grain * np.minimum(depth, 1)
        angles[:] = np.where(inside > 0.5, rolling, angles)


def _village(plane: Plane, colours: np.ndarray, angles: np.ndarray, depth: np.ndarray) -> None:
    rng = np.random.default_rng(5)
    for _ in range(17):
        u, v, size, tint = rng.random(4)
        dx, dy = plane.offsets(0.32 + 0.6 * u, 0.865 + 0.075 * v)
        half = 0.018 + 0.014 * size
        wall = (np.abs(dx) < half) & (np.abs(dy) < half * 0.8)
        roof = (dy < -half * 0.7) & (np.abs(dx) * 0.9 < dy + half * 1.9)
        window = (np.abs(dx) < half * 0.36) & (np.abs(dy) < half * 0.4)
        colours[wall] = blend(colour("#3a5f86"), colour("#8fa6a0"), np.array(tint))
        colours[roof] = blend(colour("#1c2e50"), colour("#8a5236"), np.array(tint > 0.6) * 0.8)
        colours[window] = colour("#ffc93c")
        colours[(wall | roof) & ~window & (np.abs(dx) > half * 0.8)] = colour("#0d1a38")
        depth[wall | roof] = 2
        angles[wall] = np.pi / 2
        angles[roof & (dx < 0)], angles[roof & (dx >= 0)] = -0.8, 0.8
    dx, dy = plane.offsets(0.60, 0.845)
    spire = (np.abs(dx) < 0.013 * np.clip((dy + 0.14) / 0.11, 0, 1)) & (dy < 0.06)
    colours[spire] = colour("#22406a")
    angles[spire] = np.pi / 2


def _cypress(plane: Plane, colours: np.ndarray, angles: np.ndarray, depth: np.ndarray) -> None:
    v = plane.v
    for centre, top, broad in [(0.155, 0.07, 0.105), (0.255, 0.50, 0.055)]:
        rise = np.clip((v - top) / (1 - top), 0, 1)
        middle = centre + 0.018 * np.sin(9 * v) * (1 - rise)
        dx = (plane.u - middle) * plane.extent[1]
        flames = 0.022 * np.sin(38 * v + 40 * dx) + 0.012 * np.sin(81 * v - 60 * dx)
        edge = broad * rise**0.75 * (1 + 0.12 * np.sin(14 * v)) + flames * np.minimum(rise * 4, 1)
        inside = smoothstep(0.004, -0.004, np.abs(dx) - edge) * (rise > 0)
        sway = np.pi / 2 - 4.5 * dx + 0.45 * np.sin(24 * v + 50 * dx)
        grain = smooth_noise(plane, (0.09, 0.02), seed=6, octaves=2)
        tone = 0.95 * grain + 0.9 * np.sin(55 * dx + 5 * np.sin(11 * v)) - 0.2
        colours[:] = blend(colours, ramp(tone, CYPRESS), inside)
        angles[:] = np.where(inside > 0.5, sway, angles)
        depth[inside > 0.5] = 4


def _bends(plane: Plane, angles: np.ndarray) -> np.ndarray:
    """Curvature of the flow: how fast its direction turns along it."""
    cos, sin = np.cos(2 * angles), np.sin(2 * angles)  # directions without sign
    d_y = (cos * np.gradient(sin, axis=0) - sin * np.gradient(cos, axis=0)) / 2
    d_x = (cos * np.gradient(sin, axis=1) - sin * np.gradient(cos, axis=1)) / 2
    turning = (np.cos(angles) * d_x + np.sin(angles) * d_y) * plane.unit
    return np.clip(ndimage.gaussian_filter(turning, 1), -25, 25)


def _strokes(
    plan: tuple[np.ndarray, ...], rows: np.ndarray, look: tuple[float, float, float]
) -> Strokes:
    length, wide, body = look
    rows = rows[np.argsort(sample(plan[3], rows[:, 0], rows[:, 1]), kind="stable")]
    u, v, *rest = rows.T
    paint, angle, bend = (sample(part, u, v) for part in plan[:3])
    tone, hue = (rest[0] - 0.5)[:, None], (rest[1] - 0.5)[:, None]
    paint = paint * (1 + 0.42 * tone) + 0.05 * tone + hue * np.array([0.10, 0.0, -0.12])
    back = rest[4] < 0.5  # half of the strokes are painted the other way
    limit = 1.3 / np.maximum(np.abs(bend), 0.1)  # not once around
    return Strokes(
        u=u,
        v=v,
        angle=angle + 0.22 * (rest[3] - 0.5) + np.pi * back,
        length=np.clip(length * (0.65 + 0.7 * rest[5]), None, np.maximum(0.35 * length, limit)),
        width=wide * (0.7 + 0.6 * rest[6]),
        bend=np.where(back, -bend, bend),
        colours=np.clip(paint, 0, 1),
        streaks=np.array([0.05, 0.055, 0.05]) * (0.5 + rest[2][:, None]),
        body=body * (0.6 + 0.8 * rest[7]),
    )
