"""What stands in the ink-wash landscape: the great pine, the boat, the geese, the sun, the seal."""

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage

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

PAPER = rgb("efe4cd")
INK = rgb("14161a")
WASH = rgb("5b6670")  # thin ink is a little blue
RED = rgb("b3261a")


def ink(sheet: Sheet, amount: np.ndarray, color: np.ndarray = INK) -> None:
    """Lay ink on: `amount` 0 leaves the paper, 1 is the full ink."""
    sheet.glaze(np.clip(amount, 0, 1), color)


def pine(sheet: Sheet, rng: np.random.Generator) -> None:
    """The great pine on its rock, at the left in front."""
    root = np.array([0.0, 1.0])

    def at(points: ArrayLike) -> np.ndarray:
        return root + np.asarray(points, float) * sheet.fraction

    x, y = sheet.x, sheet.y
    grain = cloud(x * 80, y * 80, 130, 3)
    left = (sheet.u * sheet.shape[1]) / sheet.unit
    up = ((1 - sheet.v) * sheet.shape[0]) / sheet.unit
    edge = 0.17 - 0.42 * left + 0.035 * cloud(left * 9, up * 2, 131, 3) + 0.02 * np.sin(left * 31)
    rock = smoothstep(-0.006, 0.006, edge - up)
    facets = (1 - np.abs(cloud(x * 11 + y * 5, y * 12 - x * 7, 132, 3))) ** 4
    ink(sheet, rock, PAPER * FLOAT(0.93))
    ink(sheet, rock * (0.26 + 0.25 * cloud(x * 8, y * 8, 133, 4) + 0.35 * facets), INK)
    for seed, slant in ((134, 0.5), (136, -0.9)):  # axe-cut strokes (斧劈皴), two ways
        bent = 5 * cloud(x * 14, y * 14, seed + 10, 3)
        cuts = cloud((x + slant * y) * 16 + bent, (y - slant * x) * 80 + bent, seed, 2)
        ink(sheet, rock * smoothstep(0.12, 0.6, cuts) * smoothstep(-0.5, 0.2, grain) * 0.8, INK)
    rim = np.exp(-(((edge - up) / 0.005) ** 2)) * smoothstep(-0.9, 0.0, grain)
    ink(sheet, rim * 0.9, INK)
    trunk = curve(
        [(0.05, 0.06), (0.08, -0.08), (0.055, -0.19), (0.11, -0.30), (0.17, -0.36), (0.20, -0.44)],
        12,
    )
    boughs = [
        [(0.06, -0.20), (0.13, -0.205), (0.19, -0.175), (0.27, -0.19)],
        [(0.10, -0.29), (0.05, -0.345), (0.02, -0.35), (-0.04, -0.39)],
        [(0.15, -0.34), (0.23, -0.335), (0.30, -0.30), (0.36, -0.305)],
        [(0.18, -0.39), (0.12, -0.43), (0.10, -0.47)],
        [(0.07, -0.14), (0.02, -0.18), (-0.03, -0.19)],
    ]
    wood = Stencil(sheet)
    wood.stroke(at(trunk), np.linspace(0.034, 0.008, len(trunk)), 1)
    tips = [trunk[-1], trunk[-9]]
    for bough in boughs:
        line = curve(bough, 8)
        wood.stroke(at(line), np.linspace(0.014, 0.004, len(line)), 1)
        tips += list(line[9::4])
    bark = wood.mask()
    scales = np.abs(noise(x * 75 + y * 20, y * 55, 135))
    ink(sheet, bark, PAPER * FLOAT(0.8))
    ink(
        sheet, bark * (0.95 - 0.40 * smoothstep(0.40, 0.85, scales)) * smoothstep(-1.4, -0.3, grain)
    )
    needles, shade = Stencil(sheet), Stencil(sheet)
    for tip in tips:
        for _ in range(3):
            heart = np.asarray(tip) + rng.normal(0, 1, 2) * (0.020, 0.010)
            shade.disc(at(heart + np.array([0, -0.010])), 0.030, rng.uniform(0.3, 0.6))
            for turn in np.linspace(-1.75, 1.75, 25) + rng.normal(0, 0.05, 25):
                length = 0.040 * rng.uniform(0.75, 1.1)
                end = heart + length * np.array([np.sin(turn), -0.62 * np.cos(turn)])
                needles.stroke(
                    at([heart, (heart + end) / 2, end]),
                    (0.0018, 0.0028, 0.0008),
                    rng.uniform(0.6, 1),
                )
    ink(sheet, ndimage.gaussian_filter(shade.mask(), 0.006 * sheet.unit) * 0.62, WASH * FLOAT(0.6))
    ink(sheet, needles.mask() * 0.95)


def boat(sheet: Sheet) -> None:
    """A boat with a fisherman, and what the water mirrors of it."""
    here = np.array([0.62, 0.865])

    def at(points: ArrayLike) -> np.ndarray:
        return here + np.asarray(points, float) * sheet.fraction

    mirror = Stencil(sheet)
    mirror.stroke(at([(-0.08, 0.018), (0, 0.024), (0.09, 0.016)]), (0.004, 0.022, 0.003), 0.8)
    rippled = mirror.mask() * smoothstep(-0.4, 0.5, noise(sheet.x * 20, sheet.y * 130, 140))
    ink(sheet, rippled * 0.6, WASH * FLOAT(0.6))
    hull = Stencil(sheet)
    keel = curve(
        [(-0.105, -0.016), (-0.05, 0.006), (0.02, 0.010), (0.075, 0.002), (0.115, -0.022)], 8
    )
    deck = curve(
        [(0.115, -0.022), (0.06, -0.009), (0, -0.006), (-0.05, -0.008), (-0.105, -0.016)], 8
    )
    hull.polygon(at(np.concatenate([keel, deck])))
    roof = curve(
        [(-0.035, -0.008), (-0.03, -0.036), (0.0, -0.044), (0.03, -0.034), (0.036, -0.008)], 8
    )
    hull.polygon(at(roof), 0.72)
    hull.stroke(at([(0.072, -0.008), (0.071, -0.032), (0.068, -0.046)]), (0.020, 0.016, 0.006))
    hull.polygon(at([(0.045, -0.046), (0.068, -0.062), (0.091, -0.044)]))
    hull.stroke(at([(0.060, -0.055), (0.10, 0.0), (0.135, 0.045)]), 0.0032)
    ink(sheet, hull.mask() * (0.85 + 0.12 * noise(sheet.x * 90, sheet.y * 90, 141)))


def geese(sheet: Sheet) -> None:
    """A skein of geese, far away."""
    stencil = Stencil(sheet)
    for i in range(9):
        rank = (i + 1) // 2
        place = (
            np.array([0.135, 0.10])
            + np.array([0.026 * rank, (-1) ** i * 0.012 * rank + 0.006 * rank]) * sheet.fraction
        )
        wing = curve(
            [(-0.011, -0.005), (-0.004, -0.0055), (0, 0.001), (0.005, -0.006), (0.012, -0.003)], 5
        )
        stencil.stroke(place + wing * sheet.fraction, 0.0030, 0.75)
    ink(sheet, stencil.mask())


def sun_and_seal(sheet: Sheet) -> None:
    """The only colour: a red sun behind the mist and a carved seal."""
    x = (sheet.u - 0.415) * sheet.shape[1] / sheet.unit
    y = (sheet.v - 0.145) * sheet.shape[0] / sheet.unit
    r = np.hypot(x, y) + 0.004 * cloud(x * 30, y * 30, 150, 2)
    wet = 0.80 + 0.16 * cloud(x * 16, y * 16, 151, 4) + 0.12 * smoothstep(0.040, 0.062, r)
    ink(sheet, smoothstep(0.068, 0.060, r) * wet * 0.92, rgb("c8321f"))
    corner = np.array([0.925, 0.895])
    seal, carved = Stencil(sheet), Stencil(sheet)
    square = np.array(
        [(-1, -1), (-0.2, -1.06), (1, -0.97), (1.04, 0.2), (0.98, 1), (0, 1.05), (-1.03, 0.96)]
    )
    seal.polygon(corner + square * 0.036 * sheet.fraction)
    for line in (
        [(-0.75, -0.7), (-0.1, -0.72)],
        [(-0.42, -0.7), (-0.45, 0.75)],
        [(-0.78, -0.1), (-0.1, -0.1)],
        [(-0.78, 0.72), (-0.1, 0.7)],
        [(0.15, -0.75), (0.15, 0.75)],
        [(0.15, -0.72), (0.78, -0.7)],
        [(0.78, -0.7), (0.78, 0.74)],
        [(0.15, 0.0), (0.78, 0.02)],
        [(0.47, 0.0), (0.47, 0.74)],
    ):
        carved.stroke(corner + np.asarray(line) * 0.036 * sheet.fraction, 0.0075)
    worn = smoothstep(-0.75, -0.35, cloud(sheet.x * 70, sheet.y * 70, 152, 2))
    ink(sheet, seal.mask() * (1 - carved.mask()) * worn * 0.95, RED)
