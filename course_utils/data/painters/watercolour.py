"""A coast in watercolour: transparent washes, dark edges, blooms and grains on rough paper."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from course_utils.data.painters.canvas import (
    Plane,
    colour,
    finished,
    smooth_noise,
    working_plane,
)
from course_utils.data.painters.outlines import smoothstep

PAPER = "#fbf6ea"
HORIZON = 0.56


@dataclass
class Sheet:
    """A sheet of paper and the pigment on it.

    Attributes:
        plane: Its points.
        ink: How much light the pigment absorbs (natural logarithm), shape (height, width, 3).
        grain: Height of the rough paper, deviation 1.
    """

    plane: Plane
    ink: np.ndarray
    grain: np.ndarray


def paint(height: int, width: int) -> np.ndarray:
    """The painting, uint8, shape (height, width, 3), RGB."""
    plane = working_plane(height, width, least=288)
    rough = smooth_noise(plane, 0.0075, seed=1, octaves=2, gain=0.7)
    sheet = Sheet(plane, np.zeros((plane.height, plane.width, 3), np.float32), rough)
    _sky(sheet)
    _headlands(sheet)
    _sea(sheet)
    _shore(sheet)
    _boats(sheet)
    _grasses(sheet)
    _splashes(sheet)
    light = 1 + 0.013 * np.gradient(rough * 0.0085 * plane.unit, axis=1)[..., None]
    return finished(colour(PAPER) * np.exp(-sheet.ink) * light, height, width)


def _wash(
    sheet: Sheet,
    field: np.ndarray,
    codes: tuple[str, str],
    *,
    seed: int,
    strength: float | np.ndarray = 1.0,
    ragged: float = 1.0,
    wet: float = 0.0,
    edge: float = 0.55,
    dry: float = 0.0,
    grains: float = 0.10,
) -> None:
    """A transparent wash where `field`, a distance in units of `Plane.unit`, is above 0.

    Args:
        sheet: What to paint on.
        field: Distance to the outline, positive inside.
        codes: Two pigments that run into each other.
        seed: Seed of this wash's noise.
        strength: How much pigment.
        ragged: How uneven the outline is.
        wet: 0 for a sharp outline with a dark edge, 1 for one that runs out softly.
        edge: How much pigment has gathered at the edge.
        dry: How much of the paper's heights a dry brush leaves white.
        grains: How much pigment gathers in the paper's hollows.
    """
    plane = sheet.plane
    field = field + ragged * 0.010 * smooth_noise(plane, 0.06, seed=seed, octaves=3, gain=0.55)
    pools = smooth_noise(plane, (0.10, 0.16), seed=seed + 1, octaves=4, gain=0.55)
    mingle = smooth_noise(plane, 0.16, seed=seed + 2, octaves=4, gain=0.6)
    soft = 0.0022 + 0.05 * wet * smoothstep(-1.2, 0.6, mingle + 1.6 * wet - 0.8)
    inside = smoothstep(-1, 1, field / soft)
    rim = np.exp(-np.abs(field) / 0.0045) + 0.35 * np.exp(-np.abs(field) / 0.018)
    rim = rim * (1 - wet) * smoothstep(-1.5, 1.5, pools + mingle) * inside
    amount = inside * (0.82 + 0.20 * pools) + edge * rim
    amount = amount * (1 - grains * sheet.grain) * strength
    if dry:
        amount = amount * smoothstep(0.35, -0.05, sheet.grain + 0.9 * pools - 1.7 + 1.5 * dry)
    first, second = (-np.log(np.clip(colour(code), 0.02, 1)) for code in codes)
    mixed = first + (second - first) * smoothstep(-0.7, 0.7, mingle)[..., None]
    sheet.ink += np.clip(amount, 0, 3)[..., None] * mixed


def _bloom(sheet: Sheet, u: float, v: float, radius: float, seed: int, force: float = 1.0) -> None:
    """A drop of water has pushed pigment away, to a frayed dark rim."""
    dx, dy = sheet.plane.offsets(u, v)
    frayed = smooth_noise(sheet.plane, 0.35 * radius, seed=seed, octaves=5, gain=0.62)
    field = radius * (1 + 0.20 * frayed) - np.hypot(dx, 1.3 * dy)
    inside = smoothstep(-0.1, 0.12, field / radius)
    rim = np.exp(-np.abs(field) / (0.035 * radius)) + 0.5 * np.exp(-np.abs(field) / (0.12 * radius))
    sheet.ink *= (1 - 0.38 * force * inside + 0.34 * force * rim * (field > -0.05 * radius))[
        ..., None
    ]


def _sky(sheet: Sheet) -> None:
    plane = sheet.plane
    v = plane.v + 0 * plane.u
    down = (HORIZON - v) * plane.extent[0]
    clouds = smooth_noise(plane, (0.13, 0.36), seed=3, octaves=4, gain=0.55) + 1.2 * (v - 0.28)
    open_sky = smoothstep(0.55, -0.5, clouds)
    dx, dy = plane.offsets(0.30, 0.40)
    glow = np.exp(-((np.hypot(0.7 * dx, dy) / 0.20) ** 2))
    sun = 1 - smoothstep(0.055, 0.04, np.hypot(dx, dy))
    warm = (smoothstep(0.12, 0.55, v) * 0.75 + 0.9 * glow) * sun
    _wash(sheet, down, ("#f9c46b", "#f2937a"), seed=100, strength=0.75 * warm, wet=0.2, edge=0.2)
    blue = (1.15 - 1.5 * v) * open_sky * (1 - 0.85 * glow) * sun
    _wash(
        sheet, down, ("#2f8fcf", "#3f6fc0"), seed=110, strength=0.85 * np.clip(blue, 0, 2), wet=0.3
    )
    under = smoothstep(0.3, 1.3, clouds) * smoothstep(0.02, 0.25, v) * (1 - 0.8 * glow) * sun
    _wash(
        sheet, down, ("#8f8fc4", "#d8a0b4"), seed=120, strength=0.55 * under, wet=0.5, grains=0.16
    )
    bank = clouds - 0.8 + 0.5 * smooth_noise(plane, (0.05, 0.2), seed=5, octaves=3)
    field = np.minimum(0.10 * bank, down)
    _wash(sheet, field, ("#6f7fc0", "#a98fc0"), seed=130, strength=0.34, wet=0.12, edge=0.6)
    _bloom(sheet, 0.80, 0.13, 0.13, 140)
    _bloom(sheet, 0.13, 0.14, 0.10, 141)
    _bloom(sheet, 0.52, 0.22, 0.075, 142, 0.8)


def _headlands(sheet: Sheet) -> None:
    plane = sheet.plane
    u, v = plane.u, plane.v
    down = (HORIZON - v) * plane.extent[0]
    for index, (reach, high, codes, strength) in enumerate(
        [
            (0.34, 0.085, ("#9fb0dc", "#cdb0d0"), 0.7),
            (0.52, 0.125, ("#5f8fc0", "#8a88c4"), 0.75),
            (0.66, 0.205, ("#4f9a6a", "#c99a4f"), 0.85),
        ]
    ):
        rise = np.clip((u - reach) / (1.02 - reach), 0, 1) ** 0.6
        steps = np.tanh(smooth_noise(plane, (9, 0.16), seed=10 + index, octaves=4))
        top = HORIZON - high * rise * (1 + 0.20 * steps)
        field = np.minimum((v - top) * plane.extent[0], down + 0.004 * index)
        field = np.minimum(field, (u - reach) * plane.extent[1])
        _wash(
            sheet, field, codes, seed=200 + 10 * index, strength=strength, ragged=0.45, grains=0.14
        )
    cliffs = smooth_noise(plane, (0.22, 0.035), seed=14, octaves=3)
    rock = np.minimum(field - 0.012, 0.012 * (cliffs - 0.2 + 6 * (v - HORIZON + 0.07)))
    _wash(sheet, rock, ("#7a5f8e", "#4f6a9a"), seed=240, strength=0.42, ragged=0.5, edge=0.8)
    meadow = np.minimum(field - 0.006, 0.10 - field + 0.03 * cliffs)
    _wash(sheet, meadow, ("#7fae4a", "#d8b84a"), seed=250, strength=0.55, wet=0.3)
    _bloom(sheet, 0.90, 0.46, 0.06, 260, 0.9)


def _sea(sheet: Sheet) -> None:
    plane = sheet.plane
    u, v = plane.u, plane.v
    depth = np.clip((v - HORIZON) / 0.30, 0, 1.5) + 0 * u
    shore = _shoreline(plane)
    field = np.minimum((v - HORIZON) * plane.extent[0], (shore - v) * plane.extent[0])
    glint = np.exp(-(((u - 0.30) / (0.05 + 0.07 * depth)) ** 2))
    waves = smooth_noise(plane, (0.018, 0.16), seed=20, octaves=3)
    foam = 1 - smoothstep(0.5, 1.3, waves + 1.5 * glint - 0.25)
    first = foam * (0.85 - 0.35 * depth)
    _wash(sheet, field, ("#3fa0c4", "#3f7fc4"), seed=300, strength=first, ragged=0.12, grains=0.13)
    green = np.clip(depth - 0.25, 0, 1) * foam
    _wash(
        sheet, field, ("#3fb0a0", "#6fc0a8"), seed=310, strength=0.65 * green, ragged=0.12, wet=0.1
    )
    for index in range(4):
        size = (0.012 + 0.006 * index, 0.10 + 0.05 * index)
        crest = smooth_noise(plane, size, seed=22 + index, octaves=2)
        near = np.exp(-(((depth - 0.1 - 0.28 * index) / 0.22) ** 2))
        strokes = np.minimum(0.008 * (crest - 1.75 + 1.0 * near - 0.9 * glint), field - 0.004)
        codes = ("#2f5fa8", "#2f8fa8") if index % 2 else ("#3450a4", "#2f8fb0")
        _wash(sheet, strokes, codes, seed=320 + 10 * index, strength=0.5, ragged=0.25, dry=-0.1)
    _bloom(sheet, 0.56, 0.70, 0.07, 370, 0.8)


def _shoreline(plane: Plane) -> np.ndarray:
    swash = smooth_noise(plane, (9, 0.25), seed=30, octaves=2)
    return 0.90 - 0.20 * np.clip(1 - plane.u / 0.75, 0, 1) ** 1.3 + 0.012 * swash + 0 * plane.v


def _shore(sheet: Sheet) -> None:
    plane = sheet.plane
    v = plane.v
    field = (v - _shoreline(plane) - 0.012) * plane.extent[0]
    _wash(sheet, field, ("#efc77f", "#e8a878"), seed=400, strength=0.8, ragged=0.7)
    _wash(sheet, field - 0.05, ("#c9904f", "#b0808a"), seed=410, strength=0.5, wet=0.5, grains=0.13)
    damp = np.minimum(field + 0.004, 0.026 - field)
    _wash(sheet, damp, ("#8a6f8f", "#b08a70"), seed=420, strength=0.55, ragged=0.4, dry=0.1)
    stones = smooth_noise(plane, (0.03, 0.055), seed=31, octaves=2)
    rocks = np.minimum(0.016 * (stones - 1.5), field - 0.02)
    _wash(sheet, rocks, ("#5f5a8f", "#9a6a55"), seed=430, strength=0.85, ragged=0.3, edge=0.9)
    _bloom(sheet, 0.22, 0.93, 0.085, 440)
    _bloom(sheet, 0.60, 0.965, 0.07, 441, 0.8)


def _drawn(sheet: Sheet, outlines: list[np.ndarray]) -> np.ndarray:
    """Distance field of polygons: points (right, down) in units of `Plane.unit`."""
    plane = sheet.plane
    image = Image.new("L", (2 * plane.width, 2 * plane.height))
    draw = ImageDraw.Draw(image)
    for outline in outlines:
        draw.polygon((outline * (2 * plane.unit)).ravel().tolist(), fill=255)
    inside = np.asarray(image.reduce(2), np.float32) / 255
    near = ndimage.gaussian_filter(inside, 0.004 * plane.unit)
    return np.where(near > 0.1, (near - 0.45) * 0.016, -1.0)


def _boats(sheet: Sheet) -> None:
    extent = np.array(sheet.plane.extent[::-1])
    for u, v, size, codes in [
        (0.44, 0.655, 0.20, ("#e0402a", "#f2893a")),
        (0.17, 0.60, 0.075, ("#c04a6a", "#e0783a")),
    ]:
        at = np.array([u, v]) * extent
        main = at + size * np.array([(0.02, -1.2), (0.30, -0.75), (0.52, -0.12), (0.02, -0.10)])
        jib = at + size * np.array([(-0.03, -1.05), (-0.24, -0.55), (-0.42, -0.12), (-0.03, -0.12)])
        hull = at + size * np.array([(-0.48, -0.06), (0.52, -0.08), (0.38, 0.06), (-0.36, 0.06)])
        ripple = [
            at
            + size * np.array([(-c, y), (c * 0.8, y + 0.01), (c, y + 0.05), (-c * 0.7, y + 0.045)])
            for c, y in [(0.36, 0.15), (0.26, 0.25), (0.30, 0.36), (0.17, 0.48), (0.10, 0.62)]
        ]
        lifted = smoothstep(-0.004, 0.004, _drawn(sheet, [main, jib, hull]))
        sheet.ink *= (1 - 0.94 * lifted)[..., None]
        _wash(sheet, _drawn(sheet, [main]), codes, seed=500, strength=1.05, ragged=0.12)
        _wash(
            sheet, _drawn(sheet, [jib]), (codes[1], "#f9c56a"), seed=505, strength=0.85, ragged=0.12
        )
        _wash(sheet, _drawn(sheet, [hull]), ("#2f4a8a", "#6a3f5a"), seed=510, ragged=0.12)
        _wash(sheet, _drawn(sheet, ripple), codes, seed=520, strength=0.6, ragged=0.15)


def _grasses(sheet: Sheet) -> None:
    rng = np.random.default_rng(60)
    extent = np.array(sheet.plane.extent[::-1])
    rise = np.linspace(0, 1, 7)
    for index, codes in enumerate(
        [("#6f9a3f", "#c9a83a"), ("#2f6a4a", "#4f7f8a"), ("#8a4a3a", "#3f3f5a")]
    ):
        blades = []
        for a, b, c, d, e in rng.random((34, 5)):
            right = a < 0.72
            root = (
                np.array([0.74 + 0.28 * b if right else 0.16 * b - 0.02, 1.03 - 0.04 * c]) * extent
            )
            tall = (0.10 + 0.24 * d) * (1.0 if right else 0.75)
            bow = (e - 0.62) * 0.16
            spine = root + np.stack([bow * rise**2, -tall * rise], axis=1)
            half = (0.0052 + 0.003 * c) * (1 - rise) ** 0.8
            side = np.stack([half, 0 * half], axis=1)
            blades.append(np.concatenate([spine - side, (spine + side)[::-1]]))
        field = _drawn(sheet, blades)
        _wash(sheet, field, codes, seed=600 + 10 * index, strength=0.85, ragged=0.06, edge=0.4)


def _splashes(sheet: Sheet) -> None:
    plane = sheet.plane
    turn = np.linspace(0, 2 * np.pi, 15)[:-1]
    circle = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    extent = np.array(plane.extent[::-1])
    for index, (codes, low) in enumerate(
        [
            (("#c9553a", "#e8a03a"), 0.72),
            (("#24508a", "#3f8fa8"), 0.5),
            (("#5f7f3a", "#8a5a3a"), 0.8),
        ]
    ):
        drops = [
            np.array([a, low + (1 - low) * b]) * extent + (0.0035 + 0.011 * c**4) * circle
            for a, b, c in np.random.default_rng(700 + index).random((46, 3))
        ]
        field = _drawn(sheet, drops)
        _wash(sheet, field, codes, seed=710 + 10 * index, strength=0.7, ragged=0.05, edge=0.6)
