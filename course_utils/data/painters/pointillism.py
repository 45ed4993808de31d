"""A river at evening in dots of pure colour, each beside its complement: divisionism."""

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from course_utils.data.painters.canvas import (
    Plane,
    blend,
    colour,
    finished,
    plan_plane,
    ramp,
    sample,
    smooth_noise,
    spread,
    working_plane,
)
from course_utils.data.painters.outlines import smoothstep

SKY = [
    (0.0, "#4f6fb5"),
    (0.3, "#8d93c9"),
    (0.55, "#d8a7b4"),
    (0.78, "#f6bf84"),
    (1.0, "#fde3a0"),
]
CLOUDS = [(0, "#c88fb4"), (0.5, "#f0ab8e"), (1, "#ffe7b0")]
LEAVES = [(-2, "#263a8a"), (-1, "#23607a"), (0, "#2f7a4d"), (1, "#8bac3e"), (2, "#ecc94b")]
GRASS = [(-2, "#34479a"), (-0.8, "#2d7a5c"), (0.2, "#6f9f3e"), (1.2, "#c7c04a"), (2.2, "#f6d873")]
# The tubes on the palette: a dot has one of these colours, lightened with white at most.
TUBES = np.array(
    [
        colour(code)
        for code in (
            *("#1f2f8f", "#2f5fc4", "#3f9fd0", "#2f9f98", "#257a48", "#6fae3c", "#c9cf3f"),
            *("#fbd93c", "#f9a32a", "#ef6a2c", "#d93a3a", "#c2417f", "#8a4aa8", "#553a98"),
            *("#fff3cf", "#ffd9a8", "#f4b5ae", "#c9b4dc", "#a9cdea", "#b9dfc0", "#131a3c"),
        )
    ]
)
SUN = (0.66, 0.40)
TREES = [  # u and v of the crown, its half width and height, and where the trunk stands
    (0.10, 0.25, 0.24, 0.25, 0.70),
    (0.275, 0.36, 0.13, 0.15, 0.66),
    (0.90, 0.335, 0.135, 0.20, 0.60),
]


def paint(height: int, width: int) -> np.ndarray:
    """The painting, uint8, shape (height, width, 3), RGB."""
    plan = plan_plane(height, width)
    colours, flow = _plan(plan)
    work = working_plane(height, width, least=550)
    image = Image.new("RGB", (work.width, work.height), "#d9c7a0")
    relief = Image.new("L", image.size, 90)
    canvas = ImageDraw.Draw(image), ImageDraw.Draw(relief)
    layers = [(6000, 0.0150, 0.08, 0.45), (20000, 0.0082, 0.12, 0.8), (27000, 0.0056, 0.14, 1.0)]
    for number, (count, radius, scatter, pure) in enumerate(layers):
        rows = spread(plan, count, seed=40 + number)
        _dots(canvas, work, (colours, flow), rows, (radius, scatter, pure))
    return finished(_lit(work, image, relief), height, width)


def _plan(plane: Plane) -> tuple[np.ndarray, np.ndarray]:
    """Colour at each point, and the direction in which its dots are drawn out."""
    v = plane.v
    horizon = 0.50
    dx, dy = plane.offsets(*SUN)
    r = np.hypot(dx, dy)
    broad = smooth_noise(plane, (0.10, 0.40), seed=1, octaves=3)
    colours = ramp(np.clip(v / horizon + 0.10 * broad, 0, 1), SKY)
    clouds = smooth_noise(plane, (0.075, 0.34), seed=2, octaves=3)
    shade = smooth_noise(plane, (0.05, 0.2), seed=3)
    lit_cloud = ramp(0.5 + 0.3 * shade + 0.4 * (0.6 - r), CLOUDS)
    colours = blend(colours, lit_cloud, 0.8 * smoothstep(0.1, 1.3, clouds) * (v < horizon))
    colours = blend(colours, colour("#ffd873"), 0.75 * np.exp(-((r / 0.30) ** 2)))
    colours = blend(colours, colour("#fff6d2"), smoothstep(0.068, 0.055, r))
    _far_bank(plane, colours, horizon)
    mirrored = colours.copy()
    _trees(plane, mirrored, trunks=False)
    _water(plane, colours, mirrored, horizon)
    _near_bank(plane, colours)
    _trees(plane, colours, trunks=True)
    _boat(plane, colours)
    water = (v > horizon) & (colours[..., 0] >= 0)
    flow = np.where(water, 0.0, 0.3 * broad)
    return colours, flow


def _far_bank(plane: Plane, colours: np.ndarray, horizon: float) -> None:
    u, v = plane.u, plane.v
    hills = horizon - 0.055 - 0.03 * np.sin(5 * u + 1) - 0.012 * np.sin(17 * u)
    inside = smoothstep(0, 0.012, v - hills) * (v < horizon + 0.004)
    colours[:] = blend(colours, colour("#7a73b8") + 0.1 * np.sin(9 * u)[..., None], inside * 0.85)
    bumps = smooth_noise(plane, (9, 0.07), seed=4, octaves=2)
    wood = horizon - 0.028 - 0.016 * bumps
    inside = smoothstep(0, 0.008, v - wood) * (v < horizon + 0.004)
    tone = smooth_noise(plane, 0.035, seed=5) - 0.5 - 8 * (v - wood)
    colours[:] = blend(colours, ramp(tone, LEAVES), inside * 0.9)


def _trees(plane: Plane, colours: np.ndarray, *, trunks: bool) -> None:
    leaf = smooth_noise(plane, 0.045, seed=6, octaves=2)
    clump = smooth_noise(plane, 0.13, seed=7)
    for u, v, wide, high, foot in TREES:
        dx, dy = plane.offsets(u, v)
        dx = dx * max(1.0, 4 / 3 / plane.extent[1])  # slimmer where the picture is
        if trunks:
            lean = 0.012 * np.sin(12 * plane.v)
            trunk = (np.abs(dx + lean) < wide * 0.075) & (plane.v > v) & (plane.v < foot)
            bark = colour("#4a2f63") + (dx / wide * 1.6 + 0 * dy)[..., None] * np.array(
                [0.9, 0.4, -0.1]
            )
            colours[trunk] = np.clip(bark, 0, 1)[trunk]
        r = np.hypot(dx / wide, dy / high)
        inside = smoothstep(0.05, -0.05, r - 1 + 0.17 * np.tanh(clump + 0.6 * leaf))
        side = dx / wide * np.sign(SUN[0] - u) - 0.9 * dy / high  # towards the sun, and up
        tone = 1.1 * side + 0.55 * leaf + 0.45 * clump - 0.25
        colours[:] = blend(colours, ramp(tone, LEAVES), inside)


def _water(plane: Plane, colours: np.ndarray, mirrored: np.ndarray, horizon: float) -> None:
    u, v = plane.u, plane.v
    ripple = smooth_noise(plane, (0.014, 0.12), seed=8, octaves=2)
    depth = np.clip((v - horizon) / (1 - horizon), 0, 1)
    at_v = np.clip(2 * horizon - v + 0.03 * ripple * (0.3 + depth), 0, horizon)
    at_u = np.clip(u + 0.012 * ripple * (0.4 + depth), 0, 1)
    reflection = sample(mirrored, at_u, at_v)
    waves = smooth_noise(plane, (0.02, 0.22), seed=9, octaves=2)
    deep = blend(reflection, colour("#2b4c9c"), 0.22 + 0.28 * depth + 0 * waves)
    deep = blend(deep, colour("#bfe0e6"), 0.45 * smoothstep(0.7, 1.8, waves))
    dx = (u - SUN[0]) * plane.extent[1]
    path = np.exp(-((dx / (0.05 + 0.10 * depth)) ** 2)) * smoothstep(-0.9, 1.1, ripple + waves)
    deep = blend(deep, colour("#ffd667"), np.clip(1.0 * path, 0, 1))
    colours[:] = np.where((v > horizon)[..., None], deep, colours)


def _near_bank(plane: Plane, colours: np.ndarray) -> None:
    u, v = plane.u, plane.v
    shore = 0.99 - 0.36 * np.clip(1 - u / 0.62, 0, 1) ** 0.9 + 0.008 * np.sin(30 * u)
    right = 1.02 - 0.42 * np.clip((u - 0.70) / 0.30, 0, 1) ** 1.1
    shore = np.minimum(shore, right)
    inside = smoothstep(-0.006, 0.006, v - shore)
    tuft = smooth_noise(plane, (0.05, 0.028), seed=10, octaves=2)
    broad = smooth_noise(plane, (0.06, 0.3), seed=11)
    tone = (
        0.8 * tuft
        + 0.75 * broad
        + 0.75
        - 1.6 * smoothstep(0.72, 1.0, v)
        - 4.0 * np.clip(0.03 - (v - shore), 0, 0.03) / 0.03
    )
    shadow = np.exp(-(((u - 0.17) / 0.16) ** 2)) * smoothstep(0.64, 0.70, v) * (v < 0.84)
    colours[:] = blend(colours, ramp(tone - 1.2 * shadow, GRASS), inside)
    bloom = smooth_noise(plane, 0.016, seed=12)
    hue = smooth_noise(plane, 0.2, seed=13)
    flowers = np.where((hue > 0)[..., None], colour("#e8566a"), colour("#f7e7a8"))
    colours[:] = blend(colours, flowers, 0.9 * smoothstep(1.2, 1.6, bloom) * inside)


def _boat(plane: Plane, colours: np.ndarray) -> None:
    dx, dy = plane.offsets(0.485, 0.595)
    sail = (dy < -0.012) & (dy > -0.20) & (dx > -0.008) & (dx < 0.062 * (dy + 0.20) / 0.19)
    jib = (dy < -0.015) & (dy > -0.15) & (dx < -0.012) & (dx > -0.045 * (dy + 0.15) / 0.135)
    hull = (dy > -0.012) & (dy < 0.018) & (np.abs(dx - 0.005) < 0.072 - 1.1 * np.abs(dy))
    under = (dy > 0.018) & (dy < 0.15) & (np.abs(dx - 0.012) < 0.04 * (0.17 - dy) / 0.15)
    shimmer = np.sin(dy * 260) > -0.3
    colours[under & shimmer] = 0.5 * colours[under & shimmer] + 0.5 * colour("#f6d9c0")
    colours[sail], colours[jib] = colour("#fff2d8"), colour("#f3c9b2")
    colours[hull] = colour("#7a2a4a")


def _dots(
    canvas: tuple[ImageDraw.ImageDraw, ImageDraw.ImageDraw],
    plane: Plane,
    plan: tuple[np.ndarray, np.ndarray],
    rows: np.ndarray,
    look: tuple[float, float, float],
) -> None:
    radius, scatter, pure = look
    u, v, *rest = rows.T
    wanted = sample(plan[0], u, v)
    angle = sample(plan[1], u, v) + 0.5 * (rest[0] - 0.5)
    shake = np.stack(rest[1:4], axis=1) - 0.5
    wanted = wanted + scatter * 1.6 * shake
    contrast = rest[4] < 0.15  # some dots are the complement of what they stand beside
    grey = wanted.mean(axis=1, keepdims=True)  # as light, and of the opposite hue
    wanted = np.where(contrast[:, None], grey - 0.06 + 1.1 * (grey - wanted), wanted)
    nearest = np.argmin(((wanted[:, None] - TUBES) ** 2).sum(axis=2), axis=1)
    paint = blend(wanted, TUBES[nearest], np.array(0.62 * pure))
    colours = np.rint(np.clip(paint, 0, 1) * 255).astype(int).tolist()
    size = radius * plane.unit * (0.75 + 0.5 * rest[5])
    size = np.where(contrast, 0.8 * size, size)
    turn = np.linspace(0, 2 * np.pi, 11)[:-1]
    wobble = 1 + 0.16 * np.sin(turn * 2 + 6.3 * rest[6][:, None]) * np.sin(
        turn + 5 * rest[7][:, None]
    )
    far, near = 1.22 * np.cos(turn) * wobble, 0.84 * np.sin(turn) * wobble
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    px = (u * plane.width)[:, None] + size[:, None] * (far * cos - near * sin)
    py = (v * plane.height)[:, None] + size[:, None] * (far * sin + near * cos)
    outlines = np.stack([px, py], axis=2).reshape(len(rows), -1).tolist()
    heights = (70 + 150 * rest[8]).astype(int).tolist()
    image, relief = canvas
    for outline, fill, level in zip(outlines, colours, heights, strict=True):
        image.polygon(outline, fill=tuple(fill))
        relief.polygon(outline, fill=level)


def _lit(plane: Plane, image: Image.Image, relief: Image.Image) -> np.ndarray:
    """The dots with light from the upper left on their edges."""
    rgb = np.asarray(image, np.float32) / 255
    level = np.asarray(relief, np.float32) / 255
    level = ndimage.gaussian_filter(level, 0.0013 * plane.unit)
    slope_y, slope_x = np.gradient(level * (0.006 * plane.unit))
    light = np.tanh(1.1 * (slope_x + 1.2 * slope_y))[..., None]
    rgb = ndimage.gaussian_filter(rgb, (0.0005 * plane.unit, 0.0005 * plane.unit, 0))
    return rgb * (1 + 0.22 * light) + 0.05 * np.clip(light, 0, 1)
