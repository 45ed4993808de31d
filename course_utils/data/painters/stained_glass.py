"""A leaded window: a sun with rays over hills, a river and poppies, in jewel-coloured glass."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage

from course_utils.data.painters.outlines import (
    FLOAT,
    Sheet,
    cells,
    cloud,
    hashed,
    noise,
    rgb,
    smoothstep,
)

# Each kind of glass: deep, middle and light.
GLASS = np.stack(
    [
        rgb("5a0512", "c40d2c", "ff5a4a"),  # 0 ruby
        rgb("06124e", "1238b4", "3f86f2"),  # 1 cobalt
        rgb("03301f", "0b8a4a", "6ed25c"),  # 2 emerald
        rgb("8a3c02", "f09408", "ffd95a"),  # 3 amber
        rgb("27074f", "6a22a8", "b874e6"),  # 4 violet
        rgb("053a52", "0b8fae", "74dde0"),  # 5 turquoise
        rgb("6e1702", "e2500c", "ffa03c"),  # 6 orange
        rgb("1c3606", "5f9212", "c4dc3c"),  # 7 olive
        rgb("a86a10", "ffd24a", "fff6bc"),  # 8 gold
        rgb("4a0636", "b8186e", "f272a4"),  # 9 magenta
    ]
)
RUBY, COBALT, EMERALD, AMBER, VIOLET, TURQUOISE, ORANGE, OLIVE, GOLD, MAGENTA = range(10)
RAYS = 20
# Across, down (fractions), radius (of the shorter side), turn, glass.
POPPIES = (
    (0.13, 0.80, 0.085, 0.3, RUBY),
    (0.30, 0.89, 0.070, 0.9, ORANGE),
    (0.86, 0.83, 0.090, 0.1, RUBY),
    (0.70, 0.91, 0.065, 0.5, MAGENTA),
)


def paint(height: int, width: int) -> np.ndarray:
    """Paint a leaded window: a sun with rays over hills, a river and poppies.

    Args:
        height: Height of the picture in pixels.
        width: Its width. Another size or aspect shows the same window.

    Returns:
        The picture, uint8 array of shape (height, width, 3), RGB.

    Raises:
        ValueError: `height` or `width` is not a positive whole number.

    Example:
        >>> paint(24, 32).shape
        (24, 32, 3)
    """
    sheet = Sheet(height, width)
    region, piece, glass = _lay_out(sheet)
    names, labels = np.unique(region * 2**21 + piece, return_inverse=True)
    labels = labels.reshape(sheet.shape)
    flat, number = labels.ravel(), np.bincount(labels.ravel())
    center_x = (np.bincount(flat, sheet.x.ravel()) / number).astype(FLOAT)[labels]
    center_y = (np.bincount(flat, sheet.y.ravel()) / number).astype(FLOAT)[labels]
    size = np.sqrt(number / sheet.unit**2).astype(FLOAT)[labels]
    chance = [hashed(names, salt)[labels] for salt in range(50, 54)]

    # Each piece is cut from another sheet of glass: its own direction, streaks and light.
    angle = chance[0] * np.pi
    across, up = sheet.x - center_x, sheet.y - center_y
    along = across * np.cos(angle) + up * np.sin(angle)
    side = up * np.cos(angle) - across * np.sin(angle)
    bend = 0.02 * noise(along * 9 + 40 * chance[1], side * 9, 61)
    streaks = noise(along * 7 + 90 * chance[1], (side + bend) * 46, 62)
    threads = noise(along * 15 + 70 * chance[2], (side + bend) * 120, 63)
    mottle = cloud(sheet.x * 30 + 50 * chance[3], sheet.y * 30, 64, 3)
    light = 0.50 + 0.34 * (chance[1] - 0.5) + 0.55 * side / (size + 0.02)
    light += 0.30 * streaks + 0.13 * threads + 0.17 * mottle

    depth = _lead(sheet, region, labels)
    light -= 0.45 * smoothstep(-2.6, 0.2, depth) - 0.10  # dirt gathers along the lead
    glow = np.exp(-(sheet.x**2 + (sheet.y + 0.12 * sheet.shape[0] / sheet.unit) ** 2) / 0.16)
    light += 0.28 * glow - 0.06
    # Bubbles and seeds in the glass: a bright spot with a dark rim.
    light += _bubbles(sheet)

    t = np.clip(light, -0.15, 1.1)[..., None]
    deep, middle, bright = (GLASS[glass, i] for i in range(3))
    color = np.where(
        t < 0.5, deep + (middle - deep) * 2 * t, middle + (bright - middle) * (2 * t - 1)
    )
    sheet.pixels[:] = np.clip(color, 0, 1)
    # Rippled glass throws small lights.
    ripple = cloud(sheet.x * 14 + 3, sheet.y * 22, 66, 2)
    slope = np.gradient(ripple, axis=0) * sheet.unit / 60
    sheet.multiply(1 + 0.22 * np.clip(slope, -1, 1).astype(FLOAT))

    inside = smoothstep(-0.18, 0.18, depth)
    dy, dx = np.gradient(np.clip(depth, -0.5, 1))
    tilt = (-dx * 0.6 - dy) * 0.0042 * sheet.unit
    metal = 0.085 + 0.10 * np.clip(-tilt, -0.4, 1) + 0.11 * smoothstep(0.45, 0.95, depth)
    metal = metal + 0.035 * cloud(sheet.x * 70, sheet.y * 70, 67, 2)
    sheet.glaze(inside, np.clip(metal, 0.02, 1)[..., None] * rgb("e6ecff"))
    return sheet.finish()


def _pick(ids: np.ndarray, salt: int, choices: Sequence[int]) -> np.ndarray:
    """One of `choices` for each of `ids`, by chance."""
    return np.asarray(choices, np.int32)[(hashed(ids, salt) * len(choices)).astype(np.int32)]


def _lay_out(sheet: Sheet) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Region, piece and kind of glass of every pixel: three whole-number arrays."""
    x = sheet.x + 0.010 * noise(sheet.x * 5, sheet.y * 5, 1)
    y = sheet.y + 0.010 * noise(sheet.x * 5, sheet.y * 5, 2)
    half_x, half_y = (side / sheet.unit / 2 for side in sheet.shape[::-1])
    # Sky: rays around a sun, cut across at distances that differ from ray to ray.
    sx, sy = x, y + 0.24 * half_y
    r = np.hypot(sx, sy)
    turn = np.arctan2(sy, sx) / (2 * np.pi) + 0.5 + 0.012 * np.sin(r * 16)
    ray = np.floor(turn * RAYS).astype(np.int32) % RAYS
    cut = r * 6.2 + 0.9 * hashed(ray, 3) + 0.16 * np.sin(turn * RAYS * np.pi * 2)
    ring = np.floor(cut).astype(np.int32)
    region = np.zeros(sheet.shape, np.int32)
    piece = ray * 64 + ring
    nearness = np.clip(ring - 1, 0, 6)
    warm = np.array([AMBER, ORANGE, RUBY, MAGENTA, VIOLET, COBALT, COBALT], np.int32)
    cool = np.array([GOLD, AMBER, TURQUOISE, COBALT, COBALT, VIOLET, TURQUOISE], np.int32)
    glass = np.where(ray % 2 == 0, warm[nearness], cool[nearness])

    def put(where: np.ndarray, number: int, pieces: ArrayLike, kinds: ArrayLike) -> None:
        region[where] = number
        piece[where] = np.broadcast_to(pieces, sheet.shape)[where]
        glass[where] = np.broadcast_to(kinds, sheet.shape)[where]

    # The sun: a ring of petals, a ring of beads, a disc cut like an orange.
    petal = np.floor(turn * 14).astype(np.int32) % 14
    edge = np.abs(np.sin(turn * 14 * np.pi))
    put(r < 0.135 + 0.062 * edge**0.7, 1, petal, np.where(petal % 2, ORANGE, GOLD))
    put(r < 0.108, 2, np.floor(turn * 9 + 0.5).astype(np.int32) % 9, RUBY)
    put(r < 0.078, 3, np.floor(turn * 5 + 1.5 * r).astype(np.int32), GOLD)
    # Hills: pieces that follow the slope; then the river through them.
    floor = half_y * 2
    hills = (
        (0.10, 0.055, 3.1, 0.4, (VIOLET, COBALT, TURQUOISE, VIOLET)),
        (0.18, 0.050, 4.0, 2.2, (EMERALD, TURQUOISE, EMERALD)),
        (0.27, 0.045, 3.4, 4.1, (OLIVE, EMERALD, OLIVE, AMBER)),
        (0.36, 0.035, 5.0, 5.6, (EMERALD, OLIVE, EMERALD)),
    )
    for number, (top, height, waves, phase, kinds) in enumerate(hills):
        depth = y - top * floor + 0.5 * height * np.sin(waves * x + phase) * 2
        pieces = cells(x * 6.5 + number * 40, depth * 11 + 20, 20 + number, 0.75)
        put(depth > 0, 10 + number, pieces, _pick(pieces, 7, kinds))
    down = np.clip((sheet.v - 0.63) / 0.37, 0, 1)
    middle = 0.17 * np.sin(down * 5.6 + 0.4) * (0.45 + down)
    width = 0.020 + 0.125 * down**1.2
    pieces = cells((x - middle) / (width + 0.02) * 0.9 + 60, down * 9 + 0.6, 31, 0.8)
    river = (np.abs(x - middle) < width) & (down > 0)
    put(river, 20, pieces, _pick(pieces, 8, (TURQUOISE, COBALT, TURQUOISE, COBALT, GOLD)))
    # Poppies: petals of uneven length around a dark heart.
    for number, (across, below, radius, tilt, kind) in enumerate(POPPIES):
        px, py = x - (across - 0.5) * 2 * half_x, (y - (below - 0.5) * 2 * half_y) * 1.12
        pr, pt = np.hypot(px, py), np.arctan2(py, px) / (2 * np.pi) + tilt
        leaf = np.floor(pt * 6).astype(np.int32) % 6
        outline = radius * (0.72 + 0.38 * np.abs(np.sin(pt * 6 * np.pi)) ** 0.6)
        put(pr < outline, 30 + number, leaf, np.where(leaf % 3 == 2, MAGENTA, kind))
        put(pr < radius * 0.30, 40 + number, 0, VIOLET if number % 2 else COBALT)
    # The border: short pieces round the edge, a square in each corner.
    to_side, to_top = half_x - np.abs(sheet.x), half_y - np.abs(sheet.y)
    band = 0.058
    along = np.where(to_side < to_top, sheet.y, sheet.x)
    spacing = np.where(to_side < to_top, half_y, half_x)
    spacing = 2 * (spacing - band) / np.maximum(np.rint(2 * (spacing - band) / 0.115), 1)
    count = np.floor(along / spacing + np.where(np.rint(1 / spacing) % 2, 0.5, 0.0))
    count = count.astype(np.int32) + 200
    side = np.where(to_side < to_top, np.where(sheet.x < 0, 1, 2), np.where(sheet.y < 0, 3, 4))
    in_turn = np.array([COBALT, RUBY, COBALT, EMERALD], np.int32)[count % 4]
    border = np.minimum(to_side, to_top) < band
    put(border, 50, side * 1000 + count, in_turn)
    corner = (to_side < band) & (to_top < band)
    put(corner, 51, side, AMBER)
    return region, piece, glass


def _lead(sheet: Sheet, region: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """How deep in the lead each pixel lies: 1 in its middle, 0 at its edge, below 0 outside."""
    thin, thick = np.zeros(sheet.shape, bool), np.zeros(sheet.shape, bool)
    for numbers, lines in ((labels, thin), (region, thick)):
        lines[:, 1:] |= numbers[:, 1:] != numbers[:, :-1]
        lines[1:] |= numbers[1:] != numbers[:-1]
    # Where three pieces meet the solder makes a knot.
    joints = np.zeros(sheet.shape, bool)
    corners = [labels[:-1, :-1], labels[:-1, 1:], labels[1:, :-1], labels[1:, 1:]]
    differing = sum((corners[i] != corners[j]).astype(np.int8) for i in range(4) for j in range(i))
    joints[1:, 1:] = differing >= 5  # pairs of the four: 5 or 6 if there are three pieces
    wobble = 1 + 0.30 * cloud(sheet.x * 16, sheet.y * 16, 41, 2)
    depths = []
    for lines, width in ((thin, 0.0037), (thick, 0.0060), (joints, 0.0072)):
        if not lines.any():
            continue
        distance = ndimage.distance_transform_edt(~lines).astype(FLOAT) / sheet.unit
        distance = ndimage.gaussian_filter(distance, 0.0012 * sheet.unit)
        depths.append(1 - distance / (width * wobble))
    return np.maximum.reduce(depths)


def _bubbles(sheet: Sheet) -> np.ndarray:
    """Bubbles in the glass, stretched a little: a dark rim, and a light on one side."""
    x, y = sheet.x * 34 + 300, sheet.y * 26 + 300
    ids = np.floor(y).astype(np.int32) * 1024 + np.floor(x).astype(np.int32)
    px = x % 1 - 0.3 - 0.4 * hashed(ids, 71)
    py = y % 1 - 0.3 - 0.4 * hashed(ids, 72)
    radius = (0.06 + 0.20 * hashed(ids, 73) ** 2) * (hashed(ids, 74) < 0.40)
    r = np.hypot(px, py) / np.maximum(radius, 1e-3)
    rim = smoothstep(0.62, 0.85, r) * smoothstep(1.25, 0.95, r)
    return 0.32 * smoothstep(1.1, 0.55, r) * smoothstep(0.3, -0.9, (px + py) / 0.2) - 0.22 * rim
