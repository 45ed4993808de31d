"""An ink-wash landscape (水墨山水): ridges in the mist, pines, a boat, and one red sun and seal."""

from functools import cache

import numpy as np
from scipy import ndimage

from course_utils.data.painters.ink_figures import PAPER, WASH, boat, geese, ink, pine, sun_and_seal
from course_utils.data.painters.outlines import (
    FLOAT,
    Sheet,
    Stencil,
    cloud,
    curve,
    noise,
    rgb,
    smoothstep,
)

WATER = 0.76  # the water begins here, as part of the height
# From far to near: the tone of the ink, how craggy, how far below the crest the mist begins, the
# height of the foot hills, and the peaks: across, height as parts of the picture, widths to the
# left and to the right.
RANGES = (
    (0.36, 0.6, 0.30, 0.20, ((0.10, 0.56, 0.16, 0.12), (0.31, 0.44, 0.10, 0.12),
                             (0.60, 0.66, 0.11, 0.19), (0.93, 0.46, 0.12, 0.2))),
    (0.58, 0.9, 0.36, 0.10, ((0.03, 0.47, 0.1, 0.12), (0.50, 0.44, 0.07, 0.10),
                             (0.76, 0.69, 0.12, 0.085), (0.64, 0.36, 0.06, 0.08))),
    (0.80, 1.1, 0.44, 0.02, ((0.235, 0.72, 0.075, 0.085), (0.30, 0.56, 0.05, 0.085),
                             (0.155, 0.46, 0.09, 0.05), (0.39, 0.28, 0.06, 0.10),
                             (0.70, 0.22, 0.10, 0.09))),
    (0.96, 1.2, 0.44, -0.10, ((0.91, 0.56, 0.060, 0.07), (0.985, 0.68, 0.055, 0.09),
                              (0.83, 0.36, 0.05, 0.06), (0.75, 0.15, 0.08, 0.06),
                              (0.02, 0.32, 0.10, 0.12))),
)  # fmt: skip
STROKES = 700  # texture strokes (皴) of a range
PLACES = np.linspace(-0.25, 1.25, 6001)  # where the crests are computed, as parts of the width


def paint(height: int, width: int) -> np.ndarray:
    """Paint ridges in the mist with ink on rice paper, with pines, a boat, a red sun and a seal.

    Args:
        height: Height of the picture in pixels.
        width: Its width. Another size or aspect shows the same landscape.

    Returns:
        The picture, uint8 array of shape (height, width, 3), RGB.

    Raises:
        ValueError: `height` or `width` is not a positive whole number.

    Example:
        >>> paint(24, 32).shape
        (24, 32, 3)
    """
    sheet, rng = Sheet(height, width), np.random.default_rng(88)
    _paper(sheet)
    sky = cloud(sheet.x * 1.8, sheet.y * 5.0, 83, 5)
    ink(sheet, smoothstep(-0.3, 1.0, sky) * 0.46 * smoothstep(0.75, 0.1, sheet.v), WASH)
    sun_and_seal(sheet)
    geese(sheet)
    _mountains(sheet, rng)
    _water(sheet, rng)
    boat(sheet)
    pine(sheet, rng)
    sheet.multiply(1 + 0.035 * cloud(sheet.x * 110, sheet.y * 110, 86, 2))
    return sheet.finish()


@cache
def _crest(number: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the crest of a range is, and which side of its peak: two arrays, one value a place."""
    _tone, crag, _reach, floor, peaks = RANGES[number]
    bent = (
        PLACES
        + 0.012 * noise(PLACES * 14, number * 9.3, 70)
        + 0.006 * noise(PLACES * 41, number * 5.1, 71)
    )
    height, side = np.full(PLACES.shape, floor), np.zeros(PLACES.shape)
    for center, tall, left, right in peaks:
        distance = (bent - center) / np.where(bent < center, left, right)
        far = np.abs(distance)
        flank = tall * (np.exp(-(far**1.9)) * 0.75 + np.clip(1 - far * 1.2, 0, 1) * 0.25)
        side = np.where(flank > height, distance, side)
        height = np.maximum(height, flank)
    rough = (
        np.abs(noise(PLACES * 17, number * 4.4, 75)) * 0.05
        + noise(PLACES * 23, number * 7.7, 72) * 0.024
        + noise(PLACES * 57, number * 3.3, 73) * 0.014
    )
    rough += noise(PLACES * 130, number * 2.1, 74) * 0.007
    return WATER + 0.02 - height - crag * rough, ndimage.gaussian_filter1d(side, 22)


def _crest_at(u: float | np.ndarray, number: int) -> np.ndarray:
    """How far down the crest of a range is, as part of the height, at `u` across."""
    return np.interp(u, PLACES, _crest(number)[0])


def _paper(sheet: Sheet) -> None:
    """Warm rice paper with fibres, put on the sheet."""
    tone = 0.030 * cloud(sheet.x * 3, sheet.y * 3, 80, 4) + 0.022 * cloud(
        sheet.x * 60, sheet.y * 60, 81, 3
    )
    sheet.pixels[:] = PAPER * (1 + tone)[..., None]
    rng = np.random.default_rng(82)
    for color, amount in ((rgb("cdb58c"), 0.55), (rgb("fffaf0"), 0.6)):
        fibres = Stencil(sheet)
        for _ in range(420):
            turns = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.35, 6))
            steps = np.stack([np.cos(turns), np.sin(turns)], axis=1) * rng.uniform(0.004, 0.014)
            places = rng.random(2) + np.cumsum(steps, axis=0) * sheet.fraction
            fibres.stroke(places, 0.0014, rng.uniform(0.3, 1))
        sheet.glaze(fibres.mask() * FLOAT(amount), color)


def _texture_strokes(sheet: Sheet, rng: np.random.Generator, number: int) -> np.ndarray:
    """Hemp-fibre strokes that run down from the crest and from folds of the mountain."""
    stencil = Stencil(sheet)
    reach, peaks = RANGES[number][2], RANGES[number][4]
    for center, height, left, right in peaks:  # folds: crooked lines down from near each summit
        for _ in range(7):
            u = center + rng.normal(0, 0.25) * (left + right)
            lean = np.sign(u - center) * rng.uniform(0.1, 0.7)
            v = _crest_at(u, number) + rng.uniform(0, 0.03)
            turns = lean + np.cumsum(rng.normal(0, 0.28, 9))
            length = rng.uniform(0.25, 0.6) * height / 9
            steps = np.stack([np.sin(turns), np.cos(turns)], axis=1) * length * sheet.fraction
            places = curve(np.array([u, v]) + np.cumsum(steps, axis=0), 5)
            taper = np.linspace(1, 0.15, len(places)) * rng.uniform(0.6, 1.2, len(places))
            stencil.stroke(places, 0.0075 * taper, rng.uniform(0.55, 1))
            for place in places[::2]:  # short strokes hang from the fold
                slant = lean + np.sign(lean) * rng.uniform(0.2, 0.9)
                down = np.linspace(0, 1, 5)[:, None] * rng.uniform(0.015, 0.055)
                sway = np.stack(
                    [np.sin(slant + down[:, 0] * 4), np.cos(slant - down[:, 0] * 4)], axis=1
                )
                widths = rng.uniform(0.002, 0.006) * np.array([0.5, 1, 0.9, 0.6, 0.1])
                stencil.stroke(place + down * sway * sheet.fraction, widths, rng.uniform(0.3, 0.9))
    for _ in range(STROKES):
        u = rng.uniform(-0.02, 1.02)
        top = _crest_at(np.array([u - 0.012, u, u + 0.012]), number)
        lean = np.clip((top[2] - top[0]) / 0.024 * 0.8, -1.2, 1.2)
        v = top[1] + reach * rng.random() ** 1.5 * 1.1
        bend, length = rng.normal(0, 0.35), rng.uniform(0.015, 0.06)
        t = np.linspace(0, 1, 6)
        turns = lean * 0.75 + bend * t
        steps = np.stack([np.sin(turns), np.cos(turns)], axis=1) * length / 6
        widths = rng.uniform(0.0018, 0.0055) * np.array([0.4, 1, 1, 0.8, 0.5, 0.1])
        places = np.array([u, v]) + np.cumsum(steps, axis=0) * sheet.fraction
        stencil.stroke(places, widths, rng.uniform(0.2, 0.9))
    return stencil.mask()


def _mountains(sheet: Sheet, rng: np.random.Generator) -> None:
    """The ranges from far to near, each in the mist that hides the foot of the one behind."""
    x, y = sheet.x, sheet.y
    grain = cloud(x * 90, y * 90, 84, 3)
    for number, (tone, _crag, reach, _floor, _peaks) in enumerate(RANGES):
        top = _crest_at(sheet.u[0], number).astype(FLOAT)[None, :]
        depth = sheet.v - top
        soft = 1.6 / sheet.shape[0] + 0.004 * (0.6 - 0.15 * number)
        inside = smoothstep(-soft, soft, depth)
        shore = WATER + 0.030 + 0.012 * number - 0.008 * noise(x * 12, number, 89)
        inside *= smoothstep(0.012, -0.004, sheet.v - shore)
        mist = cloud(x * 3.2 + number * 7, y * 5.5, 85 + number, 4)
        fade = smoothstep(1.1, 0.15, depth / (reach * (1 + 0.45 * mist)))
        sheet.glaze(
            inside * smoothstep(0.0, 0.6, 0.30 + fade), PAPER * FLOAT(0.985)
        )  # hides what is behind
        # Wet wash: darkest at the crest and on the side away from the sun, with creases.
        wet = 0.62 + 0.38 * cloud(x * 7 + number * 3, y * 7, 90 + number, 4)
        fold_x = x * 10 + 1.5 * noise(x * 4, y * 7, 95 + number)
        crease = (1 - np.abs(cloud(fold_x, depth * 9, 100 + number, 3))) ** 4
        bent = sheet.u + 0.030 * cloud(x * 3, depth * 9, 115 + number, 2)
        side = np.interp(bent, PLACES, _crest(number)[1]).astype(FLOAT)
        side = side + 0.55 * cloud(x * 8 + 11, depth * 10, 105 + number, 3)
        shade = smoothstep(-0.10, 0.22, side) * smoothstep(1.6, 0.5, side)
        wash = (
            0.30 * wet
            + 0.40 * np.exp(-np.abs(depth) / 0.03) * wet
            + 0.38 * crease
            + 0.42 * shade * wet
        )
        ink(sheet, inside * wash * fade * tone * 1.25, WASH * FLOAT(0.85 - 0.22 * number))
        hatch = noise(x * 95 + 30 * noise(x * 5, depth * 6, 117), depth * 13, 118 + number)
        rub = smoothstep(0.05, 0.65, hatch + 0.5 * grain) * (0.20 + 0.75 * shade + 0.3 * crease)
        ink(sheet, inside * rub * fade * tone * 0.75)
        # Dry brush: strokes broken by the grain of the paper.
        strokes = _texture_strokes(sheet, rng, number)
        dry = smoothstep(-0.62, 0.15, grain + 1.15 * strokes - 0.75)
        ink(sheet, inside * strokes * dry * np.clip(fade * 1.25, 0, 1) * tone * 1.15)
        line = np.exp(-((depth / 0.006) ** 2)) * smoothstep(
            -0.5, 0.4, noise(x * 30, y * 30, 110 + number)
        )
        ink(sheet, line * (0.25 + 0.75 * dry * (grain > -0.3)) * tone * 0.85)
        _trees(sheet, rng, number, smoothstep(-0.010, 0.004, depth))


def _trees(sheet: Sheet, rng: np.random.Generator, number: int, ground: np.ndarray) -> None:
    """Moss dots and small pines along the crest of a range."""
    stencil, moss = Stencil(sheet), Stencil(sheet)
    tone, peaks = RANGES[number][0], RANGES[number][4]
    size = (0.006, 0.010, 0.018, 0.026)[number]
    for _ in range((30, 46, 60, 60)[number]):
        center, _height, left, right = peaks[rng.integers(len(peaks))]
        u = center + rng.normal(0, 0.35) * (left + right)
        foot = np.array([u, _crest_at(u, number) + rng.exponential(0.02)])
        grow = size * rng.uniform(0.6, 1.3)
        value = rng.uniform(0.5, 1)
        if rng.random() < 0.45:
            lean = rng.normal(0, 0.18)
            head = foot + np.array([lean, -1.9]) * grow * sheet.fraction
            stencil.stroke(
                np.linspace(foot, head, 4), grow * np.array([0.2, 0.16, 0.12, 0.05]), value
            )
            for layer in np.linspace(0.35, 1, 4):
                wide_layer = grow * (1.15 - 0.75 * layer) * rng.uniform(0.7, 1.2)
                middle = (
                    foot
                    + (head - foot) * layer
                    + np.array([rng.normal(0, 0.2) * grow, 0]) * sheet.fraction
                )
                t = np.linspace(-1, 1, 7)
                arch = np.stack([t * wide_layer, 0.22 * t * t * wide_layer], axis=1)
                stencil.stroke(middle + arch * sheet.fraction, grow * 0.26 * (1.05 - t * t), value)
        else:
            for _ in range(4):
                place = foot + rng.normal(0, 0.5, 2) * grow * sheet.fraction
                moss.disc(place, grow * rng.uniform(0.1, 0.24), value)
    ink(sheet, np.maximum(stencil.mask(), moss.mask() * ground) * tone * 1.05)


def _water(sheet: Sheet, rng: np.random.Generator) -> None:
    """Ripples: thin level strokes in groups, on a wash that gathers towards the bottom."""
    x, y = sheet.x, sheet.y
    down = np.clip((sheet.v - WATER) / (1 - WATER), 0, 1)
    bands = cloud(x * 2.2, y * 26, 120, 4)
    ink(sheet, smoothstep(0.0, 0.35, down) * (0.15 + 0.15 * bands + 0.10 * down), WASH)
    stencil = Stencil(sheet)
    for _ in range(360):
        place = np.array([rng.uniform(-0.05, 1.05), WATER + 0.015 + (1 - WATER) * rng.random()])
        near = (place[1] - WATER) / (1 - WATER)
        t = np.linspace(-1, 1, 15)
        length = rng.uniform(0.02, 0.10) * (0.5 + near)
        wave = 0.0035 * (0.4 + near) * np.sin(t * rng.uniform(3, 8) + rng.uniform(0, 6))
        widths = 0.0042 * (0.35 + near) * (1 - t * t) * rng.uniform(0.5, 1)
        places = place + np.stack([t * length, wave], axis=1) * sheet.fraction
        stencil.stroke(places, widths, rng.uniform(0.25, 0.8))
    broken = smoothstep(-0.55, 0.2, noise(x * 45, y * 160, 122) + 0.2)
    ink(sheet, stencil.mask() * broken * 0.72)
