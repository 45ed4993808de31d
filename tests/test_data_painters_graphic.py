"""The leaded window, the ink landscape, the woodblock print, the composition, and their tools."""

from functools import cache
from importlib import import_module

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from course_utils.data.painters import outlines

NAMES = ("stained_glass", "ink_mountains", "woodblock", "composition")
LANDSCAPE, PORTRAIT, SQUARE = (192, 256), (300, 200), (128, 128)


@cache
def painting(name: str, height: int, width: int) -> np.ndarray:
    """What `paint` gives; painted once, so write-protected here."""
    picture = import_module(f"course_utils.data.painters.{name}").paint(height, width)
    picture.setflags(write=False)
    return picture


def reduced(picture: np.ndarray, factor: int) -> np.ndarray:
    """Means of blocks of factor × factor pixels."""
    height, width, _ = picture.shape
    blocks = picture.reshape(height // factor, factor, width // factor, factor, 3)
    return blocks.astype(float).mean(axis=(1, 3))


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    return np.corrcoef(one.ravel(), other.ravel())[0, 1]


def saturation_and_hue(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pillow's HSV, both from 0 to 1."""
    hsv = np.asarray(Image.fromarray(picture).convert("HSV"), float) / 255
    return hsv[..., 1], hsv[..., 0]


def around(picture: np.ndarray, across: float, down: float, radius: float = 0.012) -> np.ndarray:
    """The mean colour of a small square; `radius` in parts of the shorter side."""
    height, width, _ = picture.shape
    r = max(1, round(radius * min(height, width)))
    y, x = round(down * height), round(across * width)
    return picture[max(y - r, 0) : y + r, max(x - r, 0) : x + r].mean(axis=(0, 1))


def is_red(picture: np.ndarray) -> np.ndarray:
    red, green, blue = np.moveaxis(np.asarray(picture, int), -1, 0)
    return (red > green + 60) & (red > blue + 60)


# ---------------------------------------------------------------- all four


@pytest.mark.parametrize("size", [(16, 16), (37, 53), PORTRAIT, (24, 200)])
@pytest.mark.parametrize("name", NAMES)
def test_the_picture_has_the_size_asked_for(name, size):
    picture = painting(name, *size)
    assert picture.shape == (*size, 3)
    assert picture.dtype == np.uint8
    assert picture.std() > 25


@pytest.mark.parametrize("name", NAMES)
def test_the_same_size_gives_the_same_bytes_whatever_was_painted_before(name):
    paint = import_module(f"course_utils.data.painters.{name}").paint
    first = painting(name, 48, 64)
    paint(20, 15)[:] = 0  # the caller's own: nothing may be kept of it
    np.testing.assert_array_equal(paint(48, 64), first)


@pytest.mark.parametrize("name", NAMES)
def test_another_size_is_the_same_composition(name):
    """As a whole, and in what is finer than about 4 of the small one's pixels: other draws of the
    random numbers leave about 0.85 of that, a shift by 2 pixels 0.2."""
    small, large = painting(name, 48, 64).astype(float), reduced(painting(name, *LANDSCAPE), 4)
    assert correlation(small, large) > 0.98
    assert correlation(small, large[:, ::-1]) < 0.5
    small, large = (image - ndimage.gaussian_filter(image, (2, 2, 0)) for image in (small, large))
    assert correlation(small, large) > 0.97


@pytest.mark.parametrize("name", NAMES)
def test_a_tiny_picture_is_the_large_one_reduced(name):
    """16 × 16 has no room for lines: only the means of what is there can be right."""
    assert (
        correlation(painting(name, 16, 16).astype(float), reduced(painting(name, *SQUARE), 8))
        > 0.97
    )


@pytest.mark.parametrize("name", NAMES)
def test_there_is_texture_everywhere(name):
    """What is left without everything wider than about 6 pixels, in quarters and in 192 tiles."""
    grey = painting(name, *LANDSCAPE).mean(axis=-1)
    fine = grey - ndimage.gaussian_filter(grey, 3)
    quarters = fine.reshape(2, 96, 2, 128).std(axis=(1, 3))
    assert quarters.min() > 12
    tiles = fine.reshape(12, 16, 16, 16).std(axis=(1, 3))
    assert tiles.min() > 1.5
    assert np.median(tiles) > 15


@pytest.mark.parametrize("name", NAMES)
def test_the_paintings_differ(name):
    for other in NAMES:
        if other != name:
            assert abs(correlation(painting(name, *SQUARE), painting(other, *SQUARE))) < 0.6


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("height", [0, -3, 2.0, True, "64"])
def test_a_wrong_size_is_refused(name, height):
    paint = import_module(f"course_utils.data.painters.{name}").paint
    with pytest.raises(ValueError, match=r"`height` must be a positive whole number of pixels"):
        paint(height, 64)
    with pytest.raises(ValueError, match=r"Received: width="):
        paint(64, height)


# ---------------------------------------------------------------- each by itself


def test_the_glass_is_saturated_in_many_hues_between_dark_leads():
    picture = painting("stained_glass", *LANDSCAPE)
    saturation, hue = saturation_and_hue(picture)
    lit = picture.max(axis=-1) > 80
    assert saturation[lit].mean() > 0.7
    shares = np.histogram(hue[lit & (saturation > 0.4)], 6, (0, 1))[0] / lit.sum()
    assert (shares > 0.02).all()  # red, yellow, green, cyan, blue, magenta
    dark = picture.max(axis=-1) < 60
    assert 0.10 < dark.mean() < 0.35
    # The leads hang together: nearly all the dark belongs to one net.
    labels, _ = ndimage.label(dark, np.ones((3, 3)))
    assert np.bincount(labels[dark]).max() > 0.85 * dark.sum()


@pytest.mark.parametrize("size", [LANDSCAPE, PORTRAIT, SQUARE])
def test_the_window_has_its_sun_poppies_and_border_at_every_aspect(size):
    picture = painting("stained_glass", *size)
    sun = around(picture, 0.5, 0.38, 0.05)
    assert sun[0] > 140
    assert sun[0] > sun[2] + 30  # gold
    height, width, _ = picture.shape
    edge = picture[:, : max(2, round(0.03 * min(size)))]
    lit = edge.max(axis=-1) > 80
    assert saturation_and_hue(edge)[0][lit].mean() > 0.6
    for across, down in ((0.13, 0.80), (0.86, 0.83)):
        y, x, r = round(down * height), round(across * width), round(0.07 * min(size))
        assert is_red(picture[y - r : y + r, x - r : x + r]).mean() > 0.25


def test_the_ink_is_nearly_grey_but_for_a_red_sun_and_a_red_seal():
    picture = painting("ink_mountains", *LANDSCAPE)
    red = is_red(picture)
    saturation, _ = saturation_and_hue(picture)
    assert saturation[~ndimage.binary_dilation(red, iterations=3)].max() < 0.35
    labels, number = ndimage.label(ndimage.binary_dilation(red, iterations=2))
    sizes = np.bincount(labels.ravel())[1:]
    large = [i + 1 for i in range(number) if sizes[i] > 30]
    assert len(large) == 2
    sun, seal = sorted(ndimage.center_of_mass(red, labels, large))
    assert sun[0] < 48 < 144 < seal[0]  # rows: one high, one low
    assert seal[1] > 192
    assert 0.005 < red.mean() < 0.03


def test_the_sun_is_round_at_every_aspect():
    """Area and breadth of a disc: π r², 2 r, and height as width."""
    for size in (LANDSCAPE, PORTRAIT, SQUARE):
        rows, columns = np.nonzero(is_red(painting("ink_mountains", *size)[: size[0] // 2]))
        tall, wide = np.ptp(rows) + 1, np.ptp(columns) + 1
        assert abs(tall - wide) <= 2 + 0.06 * wide
        assert len(rows) == pytest.approx(np.pi * tall * wide / 4, rel=0.15)
        assert wide == pytest.approx(0.13 * min(size), rel=0.2)


def test_ink_has_all_tones_from_black_to_paper():
    grey = painting("ink_mountains", *LANDSCAPE).mean(axis=-1)
    shares = np.histogram(grey, [0, 60, 110, 160, 200, 256])[0] / grey.size
    assert (shares > 0.03).all()


def test_the_woodblock_is_blue_and_cream():
    picture = painting("woodblock", *LANDSCAPE).astype(int)
    red, green, blue = np.moveaxis(picture, -1, 0)
    assert 0.35 < (blue > red + 15).mean() < 0.65
    assert 0.30 < (red > blue + 15).mean() < 0.60
    assert ((green > red + 10) & (green > blue + 10)).mean() < 0.01
    assert not is_red(picture).any()
    dark = picture[picture.sum(axis=-1) < 200]
    assert (dark[:, 2] > dark[:, 0] + 20).mean() > 0.9  # outlines are blue, not black


@pytest.mark.parametrize("size", [LANDSCAPE, PORTRAIT, SQUARE])
def test_the_wave_the_sky_and_the_mountain_stand_in_their_places(size):
    picture = painting("woodblock", *size)
    wave, sky = around(picture, 0.20, 0.45, 0.06), around(picture, 0.60, 0.63, 0.02)
    snow, slope = around(picture, 0.73, 0.61, 0.01), around(picture, 0.72, 0.72, 0.01)
    assert wave[2] > wave[0] + 40
    assert sky[0] > sky[2] + 20
    assert snow.min() > 150
    assert slope[2] > slope[0] + 40
    assert (
        picture.mean(axis=(1, 2))[: size[0] // 20].mean() < around(picture, 0.7, 0.35, 0.02).mean()
    )


def test_the_composition_has_every_hue_on_a_warm_ground():
    picture = painting("composition", *LANDSCAPE)
    saturation, hue = saturation_and_hue(picture)
    strong = saturation > 0.4
    assert strong.mean() > 0.35
    assert (np.histogram(hue[strong], 6, (0, 1))[0] / strong.sum() > 0.02).all()
    red, _, blue = np.moveaxis(picture.astype(int), -1, 0)
    assert (red > blue + 10).mean() > 0.5


@pytest.mark.parametrize("size", [LANDSCAPE, PORTRAIT, SQUARE])
def test_the_rings_are_concentric_circles_at_every_aspect(size):
    """Colours found on circles around the middle of the large disc, radius by radius."""
    picture = painting("composition", *size).astype(int)
    turns = np.linspace(0, 2 * np.pi, 60, endpoint=False)

    def ring(radius):
        y = 0.285 * size[0] + radius * min(size) * np.sin(turns)
        x = 0.225 * size[1] + radius * min(size) * np.cos(turns)
        return picture[y.astype(int), x.astype(int)]

    assert (ring(0.143).max(axis=-1) < 90).mean() > 0.5  # black, but for the planes above it
    assert is_red(ring(0.188)).mean() > 0.55
    light = ring(0.048)
    assert (light[:, 2] > light[:, 0] + 10).mean() > 0.8  # light blue
    assert (ring(0.012)[:, 0] > ring(0.012)[:, 2] + 50).mean() > 0.7  # yellow


# ---------------------------------------------------------------- the tools


def test_a_sheet_knows_where_its_pixels_are():
    sheet = outlines.Sheet(30, 60)
    assert sheet.shape == (30 * sheet.factor, 60 * sheet.factor)
    assert sheet.unit == sheet.shape[0]
    assert sheet.u[0, 0] == pytest.approx(0.5 / sheet.shape[1])
    assert sheet.v[-1, 0] == pytest.approx(1 - 0.5 / sheet.shape[0])
    assert sheet.x.mean() == pytest.approx(0, abs=1e-5)
    np.testing.assert_allclose(np.diff(sheet.x[0]), 1 / sheet.unit, atol=1e-6)
    np.testing.assert_allclose(np.diff(sheet.y[:, 0]), 1 / sheet.unit, atol=1e-6)
    np.testing.assert_allclose(sheet.fraction, [0.5, 1.0])


def test_finishing_takes_the_mean_of_the_sheets_pixels():
    sheet = outlines.Sheet(8, 8)
    sheet.pixels[:] = np.random.default_rng(0).random(sheet.pixels.shape)
    sheet.pixels[: sheet.factor] = 3.0  # too much light is cut off
    f = sheet.factor
    expected = [
        [sheet.pixels[i * f : i * f + f, j * f : j * f + f].mean((0, 1)) for j in range(8)]
        for i in range(8)
    ]
    np.testing.assert_allclose(sheet.finish(), np.clip(expected, 0, 1) * 255, atol=0.51)
    assert (sheet.finish()[0] == 255).all()


def test_discs_polygons_and_strokes_cover_their_areas_with_soft_edges():
    """Areas by hand: π r², base · height / 2, length · width; in units of the shorter side."""
    sheet = outlines.Sheet(60, 120)
    pixel = 1 / sheet.unit**2

    def area(draw):
        stencil = outlines.Stencil(sheet)
        draw(stencil)
        mask = stencil.mask()
        assert ((mask > 0.1) & (mask < 0.9)).any()
        return mask.sum() * pixel

    assert area(lambda s: s.disc((0.5, 0.5), 0.2)) == pytest.approx(np.pi * 0.04, rel=0.03)
    corners = [(0.25, 0.1), (0.75, 0.1), (0.5, 0.9)]
    assert area(lambda s: s.polygon(corners)) == pytest.approx(0.5 * 1.0 * 0.8, rel=0.03)
    ends = np.linspace((0.2, 0.3), (0.7, 0.7), 9)
    length = np.hypot(0.5 * 2, 0.4)
    assert area(lambda s: s.stroke(ends, 0.05)) == pytest.approx(0.05 * length, rel=0.08)


def test_a_part_of_a_mask_is_that_part():
    stencil = outlines.Stencil(outlines.Sheet(40, 40))
    stencil.disc((0.4, 0.6), 0.3)
    box = slice(20, 200), slice(7, 90)
    np.testing.assert_array_equal(stencil.mask(box), stencil.mask()[box])


def test_noise_is_smooth_and_fills_its_range():
    x = np.linspace(-40, 40, 8001)
    values = outlines.noise(x, 0.37 * x, 5)
    assert -1 <= values.min() < -0.7
    assert 0.7 < values.max() <= 1
    assert np.abs(np.diff(values)).max() < 0.06  # at most 1.5 · 2 a step of 1, in each direction
    assert abs(values.mean()) < 0.1
    assert correlation(values, outlines.noise(x, 0.37 * x, 6)) < 0.3  # another seed, another noise
    np.testing.assert_array_equal(values[4000:], outlines.noise(x[4000:], 0.37 * x[4000:], 5))


def test_hashes_are_even_and_depend_on_the_salt():
    ids = np.arange(20_000)
    values = outlines.hashed(ids, 3)
    shares = np.histogram(values, 10, (0, 1))[0] / len(ids)
    np.testing.assert_allclose(shares, 0.1, atol=0.01)
    assert abs(correlation(values[1:], values[:-1])) < 0.03
    assert abs(correlation(values, outlines.hashed(ids, 4))) < 0.03


def test_cells_without_jitter_are_the_squares_of_the_lattice():
    x, y = np.random.default_rng(1).uniform(-9, 9, (2, 500))
    ids = outlines.cells(x, y, 0, jitter=0.0)
    squares = {(int(np.floor(b)), int(np.floor(a))) for a, b in zip(x, y, strict=True)}
    pairs = {
        (int(np.floor(b)), int(np.floor(a)), int(i)) for a, b, i in zip(x, y, ids, strict=True)
    }
    assert len(pairs) == len(squares) == len(set(ids.tolist()))


def test_a_curve_runs_through_its_points_and_straight_on_a_line():
    points = np.array([(0, 0), (1, 2), (3, 1), (4, 4)], float)
    places = outlines.curve(points, 10)
    np.testing.assert_allclose(places[::10], points)
    line = outlines.curve(np.array([(0, 0), (1, 2), (2, 4)], float), 8)
    np.testing.assert_allclose(line[:, 1], 2 * line[:, 0], atol=1e-12)


def test_steps_and_colours():
    np.testing.assert_allclose(
        outlines.smoothstep(1, 3, np.array([0.0, 1, 2, 3, 9])), [0, 0, 0.5, 1, 1]
    )
    np.testing.assert_allclose(outlines.smoothstep(3, 1, np.array([0.0, 2, 4])), [1, 0.5, 0])
    np.testing.assert_allclose(outlines.rgb("ff0033"), [1, 0, 0.2], atol=1e-6)
    assert outlines.rgb("000000", "ffffff").shape == (2, 3)
