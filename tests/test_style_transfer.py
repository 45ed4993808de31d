import dataclasses

import numpy as np
import pytest
from PIL import Image

from course_utils.style_transfer import (
    CostHistory,
    Costs,
    Descent,
    Moment,
    Objective,
    StyledPicture,
    recolored,
    transfer,
    transfer_style,
    with_colors_of,
)
from course_utils.style_transfer.colors import luminance, matched_luminance

COSTS = Costs(
    content_layers={"block1_conv2": 1.0},
    style_layers={"block1_conv1": 0.5, "block2_conv1": 0.5},
    alpha=1.0,
    beta=20.0,
    smoothness=0.0,
    style_scale=1.0,
)
FEW = Descent(
    optimizer="l-bfgs",
    steps=4,
    tolerance=0,
    sizes=1,
    start="content",
    learning_rate=8.0,
    smoothing=0.5,
)
TWO_SIZES = dataclasses.replace(FEW, steps=3, sizes=2)
LARGE = (130, 160)  # painted at two sizes


def photo(seed=0, size=(48, 64), low=0, high=255):
    """Soft spots of colour and a little noise, uint8."""
    rng = np.random.default_rng(seed)
    small = rng.integers(low, high + 1, (*(-(-side // 8) for side in size), 3), dtype=np.uint8)
    image = np.asarray(Image.fromarray(small).resize(size[::-1], Image.Resampling.BILINEAR))
    return np.clip(image + rng.normal(0, 6, (*size, 3)), low, high).astype(np.uint8)


def stripes(size=(50, 40)):
    """Something painted: dark stripes on yellow."""
    y, x = np.mgrid[: size[0], : size[1]]
    dark = ((x + 2 * y) // 5 % 2)[..., None]
    return np.where(dark == 1, (20, 40, 110), (240, 200, 60)).astype(np.uint8)


def paint(content=None, style=None, **options):
    content = photo() if content is None else content
    style = stripes() if style is None else style
    return transfer_style(content, style, **{"costs": COSTS, "descent": FEW, **options})


def left_half(size=(48, 64)):
    mask = np.zeros(size, bool)
    mask[:, : size[1] // 2] = True
    return mask


def luma_of(image):
    return np.float64(image) @ [0.299, 0.587, 0.114]


def chroma_of(image):
    """Cb and Cr of JPEG, without their 128."""
    matrix = [[-0.168736, 0.5], [-0.331264, -0.418688], [0.5, -0.081312]]
    return np.float64(image) @ matrix


# --- colours ------------------------------------------------------------------------------------


class TestColors:
    def test_luminance_is_pillows_grey(self):
        found = luminance(photo())
        assert found.dtype == np.float32
        assert found.shape == (48, 64, 3)
        np.testing.assert_array_equal(found, found[..., :1].repeat(3, axis=2))
        grey = np.asarray(Image.fromarray(photo()).convert("L"), np.float64)
        np.testing.assert_allclose(found[..., 0], grey, rtol=0, atol=0.51)

    def test_brightness_of_the_one_and_colours_of_the_other(self):
        content, generated = photo(1, low=90, high=160), photo(2, low=90, high=160)
        found = with_colors_of(content, generated)
        assert found.dtype == np.float32
        assert found.min() > 0
        assert found.max() < 255
        np.testing.assert_allclose(luma_of(found), luma_of(generated), rtol=0, atol=1e-3)
        np.testing.assert_allclose(chroma_of(found), chroma_of(content), rtol=0, atol=1e-3)

    def test_an_image_with_its_own_colours_is_itself(self):
        np.testing.assert_allclose(with_colors_of(photo(), photo()), photo(), rtol=0, atol=1e-4)

    def test_stays_within_0_and_255(self):
        red, white = np.full((1, 1, 3), (200.0, 0, 0)), np.full((1, 1, 3), 255.0)
        shift = 255 - 0.299 * 200
        np.testing.assert_allclose(with_colors_of(red, white), [[[255, shift, shift]]], rtol=1e-6)
        assert with_colors_of(red, 0 * white).min() == 0

    def test_matched_luminance_has_the_mean_and_the_spread_of_the_content(self):
        style, content = stripes(), photo(1)
        found = matched_luminance(style, content)
        assert found.shape == style.shape
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, found[..., :1].repeat(3, axis=2))
        assert found[..., 0].mean() == pytest.approx(luma_of(content).mean(), rel=1e-4)
        assert found[..., 0].std() == pytest.approx(luma_of(content).std(), rel=1e-4)
        assert np.corrcoef(found[..., 0].ravel(), luma_of(style).ravel())[0, 1] > 0.9999

    def test_a_flat_style_stays_flat(self):
        found = matched_luminance(np.full((5, 4, 3), 40, np.uint8), photo(1))
        np.testing.assert_allclose(found, luma_of(photo(1)).mean(), rtol=1e-5)

    def test_recolored_has_the_mean_and_the_covariance_of_the_palette(self):
        image, palette = photo(1, low=60, high=180), photo(2, (40, 52), 110, 150)
        found = recolored(image, palette)
        assert found.dtype == np.float32
        assert found.shape == image.shape
        assert found.min() > 0
        assert found.max() < 255
        pixels, wanted = found.reshape(-1, 3), palette.reshape(-1, 3)
        np.testing.assert_allclose(pixels.mean(axis=0), wanted.mean(axis=0), rtol=1e-4)
        np.testing.assert_allclose(np.cov(pixels.T), np.cov(wanted.T), rtol=0.05, atol=2)

    def test_recolored_is_a_linear_map_without_rotation(self):
        """A · (x − m) + m' with a symmetric, positive definite A: the one with the least change."""
        image, palette = photo(1, low=60, high=180), photo(2, (40, 52), 110, 150)
        found = recolored(image, palette).reshape(-1, 3).astype(float)
        pixels = np.column_stack([image.reshape(-1, 3), np.ones(image.size // 3)])
        solution, residuals, _, _ = np.linalg.lstsq(pixels, found)
        assert residuals.max() / len(pixels) < 1e-6
        matrix = solution[:3]
        np.testing.assert_allclose(matrix, matrix.T, rtol=0, atol=1e-4)
        assert np.linalg.eigvalsh(matrix).min() > 0
        assert np.abs(matrix - np.diag(np.diag(matrix))).max() > 0.01

    def test_recolored_with_its_own_colours_an_image_is_itself(self):
        np.testing.assert_allclose(recolored(photo(), photo()), photo(), rtol=0, atol=1e-2)

    def test_recolored_of_one_colour(self):
        flat = np.full((4, 5, 3), (10, 200, 90), np.uint8)
        found = recolored(photo(low=100, high=140), flat)
        assert np.isfinite(found).all()
        np.testing.assert_allclose(found.mean(axis=(0, 1)), (10, 200, 90), rtol=0, atol=0.5)
        found = recolored(flat, photo(1))
        expected = np.broadcast_to(photo(1).mean(axis=(0, 1)), flat.shape)
        np.testing.assert_allclose(found, expected, rtol=1e-4)

    def test_recolored_stays_within_0_and_255(self):
        dark, bright = photo(low=0, high=100), photo(2, low=200, high=255)
        dark[0, 0] = 255
        assert recolored(dark, bright).max() == 255

    def test_inputs_are_left_alone(self):
        one, other = photo(1), stripes((48, 64))
        with_colors_of(one, other)
        recolored(one, other)
        matched_luminance(one, other)
        np.testing.assert_array_equal(one, photo(1))
        np.testing.assert_array_equal(other, stripes((48, 64)))


# --- the picture --------------------------------------------------------------------------------


class TestPicture:
    @pytest.mark.parametrize("size", [(48, 64), (63, 41), (17, 90), (2, 2)])
    def test_has_the_size_of_the_content(self, size):
        picture = paint(photo(size=size))
        assert isinstance(picture, StyledPicture)
        assert picture.image.shape == (*size, 3)
        assert picture.image.dtype == np.uint8

    @pytest.mark.parametrize(
        ("size", "max_side", "expected"),
        [
            ((48, 64), 32, (24, 32)),
            ((90, 61), 45, (45, 30)),
            ((61, 90), np.int64(45), (30, 45)),
            ((48, 64), 64, (48, 64)),
            ((48, 64), 500, (48, 64)),
            ((48, 64), None, (48, 64)),
        ],
    )
    def test_max_side_makes_it_smaller_and_never_larger(self, size, max_side, expected):
        picture = paint(photo(size=size), max_side=max_side)
        assert picture.image.shape == (*expected, 3)

    def test_the_same_again(self):
        for descent in (FEW, TWO_SIZES, dataclasses.replace(FEW, optimizer="adam", start="noise")):
            one, other = (paint(photo(size=(70, 80)), descent=descent) for _ in range(2))
            assert one.image.tobytes() == other.image.tobytes()
            np.testing.assert_array_equal(one.history.total, other.history.total)

    def test_the_seed_is_that_of_the_noise(self):
        def painted(start, seed):
            return paint(descent=dataclasses.replace(FEW, start=start, seed=seed)).image

        assert (painted("noise", 1) != painted("noise", 2)).mean() > 0.5
        assert (painted(0.1, 1) != painted(0.1, 2)).mean() > 0.1
        np.testing.assert_array_equal(painted("content", 1), painted("content", 2))

    def test_is_the_best_that_was_evaluated(self):
        """Of soft colours, for a picture with pixels outside 0–255 would be clipped."""
        content, style = photo(low=80, high=170), photo(4, (40, 40), 100, 150)
        picture = paint(content, style, descent=dataclasses.replace(FEW, steps=25))
        assert picture.image.min() > 0
        assert picture.image.max() < 255
        total = picture.history.total
        assert total.min() < 0.4 * total[0]
        objective = Objective(np.float32(content), [np.float32(style)], COSTS)
        assert objective(picture.image)[0].total == pytest.approx(total.min(), rel=0.02)
        assert objective(content)[0].total == pytest.approx(total[0], rel=1e-4)

    def test_takes_the_colours_of_the_style(self):
        """Grey stones, painted in yellow: blue is what lacks."""
        grey = np.repeat(photo(low=60, high=190)[..., :1], 3, axis=2)
        style = np.full((40, 40, 3), (230, 190, 40), np.uint8) - photo(3, (40, 40), 0, 30)
        picture = paint(grey, style, descent=dataclasses.replace(FEW, steps=25))
        red, _, blue = picture.image.mean(axis=(0, 1))
        assert red > blue + 30

    def test_content_alone_is_reconstructed_from_noise(self):
        """What the layer sees; finest noise it hardly sees, so blocks of 4 × 4 are compared."""
        costs = dataclasses.replace(COSTS, beta=0)
        picture = paint(costs=costs, descent=dataclasses.replace(FEW, start="noise", steps=30))
        total = picture.history.total
        assert total.min() < 0.02 * total[0]
        np.testing.assert_array_equal(picture.history.style, 0)

        def blocks(image):
            return np.float64(image).reshape(12, 4, 16, 4, 3).mean(axis=(1, 3))

        away = np.abs(blocks(picture.image) - blocks(photo())).mean()
        assert away < 0.2 * np.abs(blocks(photo()) - 127.5).mean()

    @pytest.mark.parametrize("start", ["content", "noise", 0.3])
    def test_starts(self, start):
        """0 is C, 1 noise, independent of C and within 0–255, a share lies between."""
        moments = []
        descent = dataclasses.replace(FEW, steps=1, start=start)
        image = paint(descent=descent, callback=lambda m: moments.append(m.image)).image
        np.testing.assert_array_equal(image, moments[0])
        if start == "content":
            np.testing.assert_array_equal(image, photo())
        elif start == "noise":
            assert abs(np.corrcoef(image.ravel(), photo().ravel())[0, 1]) < 0.05
            assert image.mean() == pytest.approx(127.5, abs=3)
            assert image.std() == pytest.approx(255 / 12**0.5, abs=3)
        else:
            noise = paint(descent=dataclasses.replace(descent, start="noise")).image
            expected = photo() + 0.3 * (np.float64(noise) - photo())
            np.testing.assert_allclose(image, expected, rtol=0, atol=0.7)
            assert np.abs(np.float64(image) - photo()).mean() > 5

    def test_inputs_are_left_alone(self):
        content, style, mask = photo(), stripes(), np.float32(left_half())
        paint(content, [style, style], mask=mask, keep_colors=True)
        np.testing.assert_array_equal(content, photo())
        np.testing.assert_array_equal(style, stripes())
        np.testing.assert_array_equal(mask, left_half())

    def test_both_methods_lower_the_cost(self):
        for optimizer in ("l-bfgs", "adam"):
            descent = dataclasses.replace(FEW, optimizer=optimizer, steps=12)
            total = paint(descent=descent).history.total
            assert total.min() < 0.7 * total[0]


class TestStartThatIsChosen:
    """ "auto": the content in the colours of the styles, if that costs less than the content."""

    AUTO = dataclasses.replace(FEW, steps=1, start="auto")

    def objective(self, content, styles, costs=COSTS):
        return Objective(np.float32(content), [np.float32(each) for each in styles], costs)

    @pytest.mark.parametrize(
        ("beta", "cheaper"), [(20.0, "recolored"), (0.01, "content"), (0.0, "content")]
    )
    def test_is_the_cheaper_of_the_two(self, beta, cheaper):
        costs = dataclasses.replace(COSTS, beta=beta)
        objective = self.objective(photo(), [stripes()], costs)
        starts = {"content": np.float32(photo()), "recolored": recolored(photo(), stripes())}
        totals = {name: objective(start)[0].total for name, start in starts.items()}
        assert min(totals, key=totals.get) == cheaper
        assert max(totals.values()) > 1.01 * min(totals.values())
        picture = paint(costs=costs, descent=self.AUTO)
        np.testing.assert_allclose(picture.image, starts[cheaper], rtol=0, atol=0.51)
        np.testing.assert_allclose(picture.history.total, [totals[cheaper]], rtol=1e-4)

    def test_is_chosen_if_nothing_is_said(self):
        default = paint(descent=Descent(steps=1)).image
        np.testing.assert_array_equal(default, paint(descent=self.AUTO).image)
        assert np.abs(default - np.float64(photo())).mean() > 5

    @pytest.mark.parametrize(("weights", "shares"), [((3, 1), (0.75, 0.25)), (None, (0.5, 0.5))])
    def test_the_colours_are_those_of_the_styles_by_their_shares(self, weights, shares):
        styles = [stripes(), photo(4, (40, 40), 30, 90)]
        costs = dataclasses.replace(COSTS, style_weights=weights)
        expected = sum(
            share * recolored(photo(), style).astype(float)
            for share, style in zip(shares, styles, strict=True)
        )
        objective = self.objective(photo(), styles, costs)
        assert objective(expected)[0].total < objective(photo())[0].total
        image = paint(style=styles, costs=costs, descent=self.AUTO).image
        np.testing.assert_allclose(image, expected, rtol=0, atol=0.51)

    def test_its_evaluations_are_neither_noted_nor_counted(self):
        moments = []
        descent = dataclasses.replace(self.AUTO, steps=3, sizes=2)
        history = paint(photo(size=LARGE), descent=descent, callback=moments.append).history
        assert [moment.evaluation for moment in moments] == [1, 2, 3, 4, 5, 6]
        assert history.heights.tolist() == [65] * 3 + [130] * 3
        assert history.seconds[0] == 0

    def test_is_chosen_at_the_first_size_and_never_again(self):
        """The second size starts from the first, also where the content would cost less."""
        images = []
        descent = dataclasses.replace(self.AUTO, sizes=2)
        picture = paint(
            photo(size=LARGE), descent=descent, callback=lambda moment: images.append(moment.image)
        )
        small, large = images
        assert small.shape == (65, 80, 3)
        np.testing.assert_array_equal(picture.image, large)

        def resized(image):
            photo = Image.fromarray(image).resize((160, 130), Image.Resampling.BICUBIC)
            return np.asarray(photo, float)

        np.testing.assert_allclose(large, resized(small), rtol=0, atol=3)

    def test_with_colours_kept_it_is_the_brightness_that_is_matched(self):
        """The style is matched to the content already: nothing is recoloured that could show."""
        image = paint(keep_colors=True, descent=self.AUTO).image
        np.testing.assert_allclose(image, photo(), rtol=0, atol=2)


class TestSaturatedLevels:
    """A black and white content and a style of pure colours: the descent wants to go beyond."""

    def images(self):
        y, x = np.mgrid[:48, :64]
        content = np.where((x // 16 + y // 12) % 2, 255, 0)[..., None].repeat(3, axis=2)
        style = np.zeros((40, 40, 3), np.uint8)
        style[:, ::4, 0] = style[::5, :, 2] = style[:, 1::4] = 255
        return content.astype(np.uint8), style

    @pytest.mark.parametrize("options", [{}, {"mask": left_half()}])
    @pytest.mark.parametrize("optimizer", ["l-bfgs", "adam"])
    def test_what_is_shown_costs_what_was_reached(self, optimizer, options):
        content, style = self.images()
        costs = dataclasses.replace(COSTS, smoothness=1.0)
        descent = dataclasses.replace(FEW, optimizer=optimizer, steps=25)
        picture = paint(content, style, costs=costs, descent=descent, **options)
        history, mask = picture.history, options.get("mask")
        assert history.total.min() < 0.8 * history.total[0]
        assert np.isin(picture.image, (0, 255)).mean() > 0.1
        mask = None if mask is None else np.float32(mask)
        objective = Objective(np.float32(content), [np.float32(style)], costs, mask=mask)
        assert objective(picture.image)[0].total <= 1.01 * history.total.min()

    def test_the_history_has_their_price(self):
        content, style = self.images()
        history = paint(content, style, descent=dataclasses.replace(FEW, steps=8)).history
        price = history.total - (history.content + 20 * history.style)
        assert price[0] == pytest.approx(0, abs=1e-5 * history.total[0])
        assert price.min() > -1e-5 * history.total[0]
        assert price.max() > 1e-4 * history.total[0]


class TestPhotosOfAnyKind:
    """Each is the same picture, written another way: as content and as style."""

    def check(self, same, other):
        expected = paint(other, other[::-1, :40].copy()).image
        np.testing.assert_array_equal(paint(same, other[::-1, :40].copy()).image, expected)
        np.testing.assert_array_equal(paint(other, same).image, paint(other, other).image)

    def test_grey(self):
        grey = photo()[..., 0]
        same = np.repeat(grey[..., None], 3, axis=2)
        self.check(grey, same)
        self.check(grey[..., None], same)
        self.check(Image.fromarray(grey), same)

    def test_sixteen_bits(self):
        self.check(photo().astype(np.uint16) * 257, photo())

    def test_transparency_shows_white(self):
        alpha = np.full((48, 64, 1), 255, np.uint8)
        alpha[:10] = 0
        same = photo()
        same[:10] = 255
        above = np.concatenate([photo(), alpha], axis=2)
        self.check(above, same)
        self.check(Image.fromarray(above), same)

    def test_a_palette(self):
        palette = Image.fromarray(photo()).quantize(16)
        assert palette.mode == "P"
        self.check(palette, np.asarray(palette.convert("RGB")))

    def test_a_file(self, tmp_path):
        path = tmp_path / "花.png"
        Image.fromarray(photo()).save(path)
        self.check(path, photo())
        self.check(str(path), photo())

    def test_an_array_that_is_a_view(self):
        self.check(photo()[::-1, ::-1], photo()[::-1, ::-1].copy())


class TestSeveralStyles:
    def test_one_in_a_list_is_one(self):
        expected = paint().image
        for style in ([stripes()], (stripes(),)):
            np.testing.assert_array_equal(paint(style=style).image, expected)

    def test_a_weight_of_0_is_a_style_that_is_not_there(self):
        costs = dataclasses.replace(COSTS, style_weights=(0, 2))
        both = paint(style=[photo(4), stripes()], costs=costs)
        alone = paint()
        np.testing.assert_allclose(both.history.total, alone.history.total, rtol=1e-3)
        away = np.abs(both.image.astype(int) - alone.image)
        assert away.max() <= 2

    def test_weights_lead_from_one_to_the_other(self):
        styles = [photo(4, (40, 40)), stripes()]

        def first(weights):
            costs = dataclasses.replace(COSTS, style_weights=weights)
            return paint(style=styles, costs=costs).history.style[0]

        one, other = first((1, 0)), first((0, 1))
        assert first((3, 1)) == pytest.approx(0.75 * one + 0.25 * other, rel=1e-4)
        assert first(None) == pytest.approx(0.5 * one + 0.5 * other, rel=1e-4)

    def test_as_many_weights_as_styles(self):
        costs = dataclasses.replace(COSTS, style_weights=(1, 1, 1))
        with pytest.raises(ValueError, match="Received: 3 weights for 2 styles"):
            paint(style=[stripes(), photo()], costs=costs)

    def test_none_at_all(self):
        words = r"`style` must be an image, or several\. Received: an empty list\."
        for style in ([], ()):
            with pytest.raises(ValueError, match=words):
                paint(style=style)

    @pytest.mark.parametrize(
        ("size", "scale", "expected"),
        [
            ((50, 40), 1.0, (50, 40)),
            ((200, 100), 1.0, (64, 32)),
            ((100, 200), 0.5, (16, 32)),
            ((100, 200), 2.0, (64, 128)),
            ((100, 200), 9.0, (100, 200)),
        ],
    )
    def test_style_scale_is_a_share_of_the_pictures_longer_side(
        self, monkeypatch, size, scale, expected
    ):
        """The picture is 48 × 64; no style is enlarged."""
        shapes = []

        class Watched(Objective):
            def __init__(self, content, styles, costs, *, mask=None):
                shapes.extend(style.shape for style in styles)
                super().__init__(content, styles, costs, mask=mask)

        monkeypatch.setattr(transfer, "Objective", Watched)
        paint(style=stripes(size), costs=dataclasses.replace(COSTS, style_scale=scale))
        assert shapes == [(*expected, 3)]


class TestColorsKept:
    def test_chroma_is_that_of_the_content(self):
        content = photo(low=70, high=180)
        descent = dataclasses.replace(FEW, steps=15)
        image = paint(content, keep_colors=True, descent=descent).image
        unclipped = ((image > 0) & (image < 255)).all(axis=2)
        assert unclipped.mean() > 0.8
        away = np.abs(chroma_of(image) - chroma_of(content))
        assert away[unclipped].max() <= 0.51  # each channel is rounded
        assert np.abs(luma_of(image) - luma_of(content)).mean() > 3
        plain = paint(content, descent=descent).image
        assert np.abs(chroma_of(plain) - chroma_of(content)).max() > 10

    def test_a_grey_photo_stays_grey(self):
        grey = photo()[..., 1]
        image = paint(grey, keep_colors=True).image
        np.testing.assert_array_equal(image, image[..., :1].repeat(3, axis=2))
        assert (image[..., 0] != grey).mean() > 0.5

    def test_how_bright_the_style_is_does_not_count(self):
        style = stripes() // 2
        dark, bright = (paint(style=each, keep_colors=True).image for each in (style, 2 * style))
        assert np.abs(dark.astype(int) - bright).max() <= 2
        assert np.abs(paint(style=style).image.astype(int) - paint().image).max() > 10

    def test_moments_have_them_too(self):
        content, images = photo(low=70, high=180), []
        paint(content, keep_colors=True, callback=lambda m: images.append(m.image))
        for image in images:
            unclipped = ((image > 0) & (image < 255)).all(axis=2)
            assert np.abs(chroma_of(image) - chroma_of(content))[unclipped].max() <= 0.51

    def test_smaller_than_the_content(self):
        image = paint(photo(size=(96, 128)), keep_colors=True, max_side=64).image
        assert image.shape == (48, 64, 3)

    @pytest.mark.parametrize("ended", ["callback", "time", "interrupted"])
    def test_when_it_ends_at_a_coarse_size(self, ended):
        """The brightness has been enlarged; the colours are those of C, as sharp as C."""
        content, moments = photo(size=LARGE, low=100, high=150), []

        def callback(moment):
            moments.append((moment.values.total, luma_of(moment.image)))
            if ended == "interrupted" and len(moments) == 2:
                raise KeyboardInterrupt
            return ended == "callback" and len(moments) == 2

        descent = dataclasses.replace(TWO_SIZES, seconds=1e-9 if ended == "time" else None)
        picture = paint(content, keep_colors=True, descent=descent, callback=callback)
        assert picture.ended == ended
        assert picture.history.heights.tolist() == [65] * (1 if ended == "time" else 2)
        assert picture.image.shape == content.shape
        assert picture.image.dtype == np.uint8
        assert picture.image.min() > 0
        assert picture.image.max() < 255
        np.testing.assert_allclose(chroma_of(picture.image), chroma_of(content), rtol=0, atol=0.51)
        _, painted = min(moments, key=lambda moment: moment[0])
        coarse = Image.fromarray(np.float32(painted))
        enlarged = coarse.resize(LARGE[::-1], Image.Resampling.BICUBIC)
        np.testing.assert_allclose(luma_of(picture.image), enlarged, rtol=0, atol=1.5)


class TestMask:
    @pytest.mark.parametrize("keep_colors", [False, True])
    def test_the_rest_is_exactly_the_content(self, keep_colors):
        image = paint(mask=left_half(), keep_colors=keep_colors).image
        np.testing.assert_array_equal(image[:, 32:], photo()[:, 32:])
        assert (image[:, :32] != photo()[:, :32]).mean() > 0.5

    def test_after_two_sizes(self):
        images = []
        content = photo(size=LARGE)
        picture = paint(
            content,
            mask=left_half(LARGE),
            descent=TWO_SIZES,
            callback=lambda m: images.append(m.image),
        )
        np.testing.assert_array_equal(picture.image[:, 80:], content[:, 80:])
        assert {image.shape for image in images} == {(65, 80, 3), (130, 160, 3)}
        assert (picture.image[:, :80] != content[:, :80]).mean() > 0.5

    @pytest.mark.parametrize("last", [1, 3])
    def test_when_it_ends_at_a_coarse_size(self, last):
        content = photo(size=LARGE)
        picture = paint(
            content,
            mask=left_half(LARGE),
            descent=TWO_SIZES,
            callback=lambda m: m.evaluation == last,
        )
        assert picture.ended == "callback"
        assert picture.image.shape == content.shape
        np.testing.assert_array_equal(picture.image[:, 80:], content[:, 80:])

    @pytest.mark.parametrize("keep_colors", [False, True])
    def test_when_time_is_over_at_a_coarse_size(self, keep_colors):
        """The rest is as sharp as C, and what is painted has been enlarged."""
        content = photo(size=LARGE)
        picture = paint(
            content,
            mask=left_half(LARGE),
            keep_colors=keep_colors,
            descent=dataclasses.replace(TWO_SIZES, seconds=1e-9),
        )
        assert picture.ended == "time"
        assert picture.history.heights.tolist() == [65]
        np.testing.assert_array_equal(picture.image[:, 80:], content[:, 80:])
        steps = [
            np.abs(np.diff(luma_of(each[:, :78]), axis=1)) for each in (picture.image, content)
        ]
        assert steps[0].mean() < 0.8 * steps[1].mean()

    def test_a_soft_one_when_it_ends_at_a_coarse_size(self):
        """C + mask · (G − C) once, G what was painted, as large as C; no level is clipped."""
        content, mask = photo(size=LARGE, low=90, high=160), np.full(LARGE, 0.5, np.float32)
        mask[:, 100:] = 0
        descent = dataclasses.replace(TWO_SIZES, start=0.5, steps=1)

        def first(**options):
            return paint(content, descent=descent, callback=lambda moment: True, **options).image

        noise, image = first().astype(float), first(mask=mask)
        np.testing.assert_array_equal(image[:, 100:], content[:, 100:])
        expected = content + 0.5 * (noise - content)
        np.testing.assert_allclose(image[:, :96], expected[:, :96], rtol=0, atol=1.1)

    def test_kinds_of_masks(self):
        expected = paint(mask=left_half()).image
        for same in (
            left_half() * np.uint8(255),
            left_half().astype(np.float32),
            left_half().astype(np.float64),
            left_half().astype(np.float16),
            left_half().tolist(),
        ):
            np.testing.assert_array_equal(paint(mask=same).image, expected)

    def test_everywhere_is_no_mask(self):
        masked = paint(mask=np.ones((48, 64), bool))
        np.testing.assert_allclose(masked.history.total, paint().history.total, rtol=1e-3)
        assert np.abs(masked.image.astype(int) - paint().image).max() <= 2

    @pytest.mark.parametrize("size", [(96, 128), (24, 32), (300, 400)])
    def test_one_of_another_size(self, size):
        """Where it changes it is interpolated; some pixels further, C is left alone."""
        image = paint(mask=left_half(size)).image
        np.testing.assert_array_equal(image[:, 38:], photo()[:, 38:])
        assert (image[:, :26] != photo()[:, :26]).mean() > 0.5

    def test_one_of_a_photo_that_is_painted_smaller(self):
        content = photo(size=(96, 128))
        image = paint(content, mask=left_half((96, 128)), max_side=64).image
        plain = paint(content, max_side=64, descent=dataclasses.replace(FEW, steps=1)).image
        np.testing.assert_array_equal(image[:, 38:], plain[:, 38:])

    def test_half_a_mask_is_half_of_the_way(self):
        """C + 0.25 · (G − C), and the last picture is that of the last moment."""
        mask = np.full((48, 64), 0.25, np.float32)
        descent = dataclasses.replace(FEW, start="noise", steps=1)
        moments = []
        image = paint(mask=mask, descent=descent, callback=moments.append).image
        np.testing.assert_array_equal(image, moments[-1].image)
        noise = paint(descent=descent).image
        expected = photo() + 0.25 * (np.float64(noise) - photo())
        np.testing.assert_allclose(image, expected, rtol=0, atol=0.7)

    @pytest.mark.parametrize(
        ("mask", "words"),
        [
            (np.ones((48, 64, 1)), r"must have shape \(height, width\)\. Received: \(48, 64, 1\)"),
            (np.ones((0, 64)), r"must have shape \(height, width\)\. Received: \(0, 64\)"),
            ("mask.png", r"must have shape \(height, width\)\. Received: \(\)"),
            (np.ones((48, 64), int), r"must be bool, uint8 0–255 or float .*Received: int64"),
            (np.ones((48, 64), np.uint16), r"must be bool, .*Received: uint16"),
            (np.full((48, 64), 1.5), r"must lie in \[0, 1\] .*from 1\.5 to 1\.5"),
            (np.full((48, 64), -0.5), r"must lie in \[0, 1\] .*from -0\.5 to -0\.5"),
            (np.full((48, 64), np.nan), r"must lie in \[0, 1\] .*from nan to nan"),
            (np.ones((64, 48)), r"must have the aspect .*48 × 64 .*Received: 64 × 48"),
            (np.zeros((48, 64), bool), r"must ask for the style somewhere"),
            (np.zeros((96, 128), np.uint8), r"must ask for the style somewhere"),
        ],
    )
    def test_what_is_none(self, mask, words):
        with pytest.raises(ValueError, match=f"`mask` {words}"):
            paint(mask=mask)


class TestSizes:
    def test_from_coarse_to_fine(self):
        sizes = []
        picture = paint(
            photo(size=LARGE), descent=TWO_SIZES, callback=lambda m: sizes.append(m.size)
        )
        assert sizes == [(65, 80)] * 3 + [(130, 160)] * 3
        assert picture.history.heights.tolist() == [65] * 3 + [130] * 3
        assert picture.ended == "steps"
        assert picture.image.shape == (*LARGE, 3)

    def test_no_more_than_are_asked_for_and_than_fit(self):
        for sizes, size in ((1, (130, 160)), (4, (70, 80)), (4, (40, 300))):
            descent = dataclasses.replace(FEW, steps=1, sizes=sizes)
            heights = paint(photo(size=size), descent=descent).history.heights
            assert heights.tolist() == [size[0]]
        descent = dataclasses.replace(FEW, steps=1, sizes=9)
        heights = paint(photo(size=(150, 200)), descent=descent, max_side=None).history.heights
        assert heights.tolist() == [75, 150]
        assert 75 >= transfer.COARSEST > 37

    @pytest.mark.parametrize(("height", "heights"), [(80, [40, 80]), (78, [78])])
    def test_the_shorter_side_of_the_first_has_at_least_40_pixels(self, height, heights):
        descent = dataclasses.replace(FEW, steps=1, sizes=2)
        for size in ((height, 110), (110, height)):
            content = photo(size=size)
            found = paint(content, descent=descent).history.heights * height / size[0]
            np.testing.assert_allclose(found, heights)

    def test_the_last_size_alone_takes_more_than_fifty_steps(self):
        descent = dataclasses.replace(TWO_SIZES, steps=53, tolerance=0, optimizer="adam")
        heights = paint(photo(size=LARGE), descent=descent).history.heights
        assert np.count_nonzero(heights < LARGE[0]) == 50
        assert np.count_nonzero(heights == LARGE[0]) == 53

    def test_the_finer_starts_from_the_coarser(self):
        """Made small again, the first image of the second size is the best of the first size."""
        moments = []

        def note(moment):
            moments.append((moment.values.total, moment.size, moment.image))

        paint(photo(size=LARGE), descent=dataclasses.replace(TWO_SIZES, steps=6), callback=note)
        _, size, image = moments[6]
        assert size == LARGE

        def small(image):
            return np.asarray(Image.fromarray(image).resize((80, 65), Image.Resampling.BOX), float)

        best = min(moments[:6], key=lambda moment: moment[0])[2].astype(float)
        painted = np.abs(best - small(photo(size=LARGE))).mean()
        assert painted > 5
        assert np.abs(best - small(image)).mean() < 0.25 * painted


class TestHistory:
    def test_a_row_for_each_evaluation(self):
        """Of soft colours: no level is outside 0–255, which has a price in `total` alone."""
        rows, content, style = [], photo(low=80, high=170), photo(4, (40, 40), 100, 150)
        costs = dataclasses.replace(COSTS, alpha=2.0, beta=5.0, smoothness=3.0)
        picture = paint(content, style, costs=costs, callback=rows.append)
        history = picture.history
        assert isinstance(history, CostHistory)
        for field in dataclasses.fields(CostHistory):
            assert getattr(history, field.name).shape == (4,)
        assert history.heights.dtype.kind == "i"
        np.testing.assert_array_equal(history.heights, 48)
        weighted = 2 * history.content + 5 * history.style + 3 * history.variation
        np.testing.assert_allclose(history.total, weighted, rtol=1e-5)
        assert history.seconds[0] == 0
        assert (np.diff(history.seconds) > 0).all()
        for index, moment in enumerate(rows):
            assert isinstance(moment, Moment)
            assert moment.evaluation == index + 1
            assert moment.size == (48, 64)
            assert moment.seconds == history.seconds[index]
            parts = [getattr(history, name)[index] for name in moment.values._fields]
            assert list(moment.values) == parts

    def test_seconds_go_on_from_size_to_size(self):
        seconds = paint(photo(size=LARGE), descent=TWO_SIZES).history.seconds
        assert len(seconds) == 6
        assert (np.diff(seconds) > 0).all()

    def test_images_of_moments_are_what_the_cost_is_of(self):
        """Of soft colours, so that nothing is clipped: only rounding lies between."""
        content, style, moments = photo(low=80, high=170), photo(4, (40, 40), 100, 150), []
        paint(content, style, callback=lambda m: moments.append((m.values.total, m.image)))
        np.testing.assert_array_equal(moments[0][1], content)
        objective = Objective(np.float32(content), [np.float32(style)], COSTS)
        for total, image in moments:
            assert image.dtype == np.uint8
            assert image.shape == (48, 64, 3)
            assert image.min() > 0
            assert image.max() < 255
            assert objective(image)[0].total == pytest.approx(total, rel=0.02)
        assert len({image.tobytes() for _, image in moments}) == 4

    def test_converged(self):
        descent = dataclasses.replace(FEW, steps=200, tolerance=0.2)
        picture = paint(descent=descent)
        assert picture.ended == "converged"
        assert 20 < len(picture.history.total) < 200


class TestEnding:
    @pytest.mark.parametrize("last", [1, 2, 5])
    def test_by_a_callback(self, last):
        picture = paint(
            photo(size=LARGE), descent=TWO_SIZES, callback=lambda m: m.evaluation == last
        )
        assert picture.ended == "callback"
        assert len(picture.history.total) == last
        assert picture.image.shape == (*LARGE, 3)

    @pytest.mark.parametrize("answer", [None, False, 0])
    def test_not_by_a_callback_that_does_not_say_so(self, answer):
        picture = paint(callback=lambda moment: answer)
        assert picture.ended == "steps"
        assert len(picture.history.total) == 4

    @pytest.mark.parametrize("last", [1, 2, 5])
    def test_by_an_interrupt(self, last):
        def interrupt(moment):
            if moment.evaluation == last:
                raise KeyboardInterrupt

        picture = paint(photo(size=LARGE), descent=TWO_SIZES, callback=interrupt)
        assert picture.ended == "interrupted"
        assert len(picture.history.total) == last
        assert picture.image.shape == (*LARGE, 3)
        assert picture.image.dtype == np.uint8
        away = np.abs(picture.image.astype(float) - photo(size=LARGE)).mean()
        assert away < 60  # a picture of C, and no noise

    def test_interrupted_in_the_middle_the_best_is_returned(self):
        def interrupt(moment):
            if moment.evaluation == 3:
                raise KeyboardInterrupt

        descent = dataclasses.replace(FEW, steps=3)
        np.testing.assert_array_equal(paint(callback=interrupt).image, paint(descent=descent).image)

    @pytest.mark.parametrize("done", [0, 1])
    def test_by_an_interrupt_between_the_sizes(self, monkeypatch, done):
        made = []

        class Interrupted(Objective):
            def __init__(self, *arguments, **options):
                if len(made) == done:
                    raise KeyboardInterrupt
                super().__init__(*arguments, **options)
                made.append(self)

        monkeypatch.setattr(transfer, "Objective", Interrupted)
        if done == 0:
            with pytest.raises(KeyboardInterrupt):
                paint(photo(size=LARGE), descent=TWO_SIZES)
        else:
            picture = paint(photo(size=LARGE), descent=TWO_SIZES)
            assert picture.ended == "interrupted"
            assert picture.image.shape == (*LARGE, 3)
            assert picture.history.heights.tolist() == [65] * 3

    def test_stalled_at_a_minimum_it_goes_on_at_the_next_size(self):
        """One colour, painted in itself: nothing is left to lower."""
        flat = np.full((80, 100, 3), 100, np.uint8)
        descent = dataclasses.replace(TWO_SIZES, steps=30)
        picture = paint(flat, flat, descent=descent)
        assert picture.ended == "stalled"
        heights = picture.history.heights
        assert set(heights) == {40, 80}
        assert 0 < (heights == 40).sum() < 30
        assert 0 < (heights == 80).sum() < 30
        np.testing.assert_array_equal(picture.image, flat)

    def test_by_the_time(self):
        for descent in (FEW, TWO_SIZES, dataclasses.replace(FEW, optimizer="adam")):
            picture = paint(photo(size=LARGE), descent=dataclasses.replace(descent, seconds=1e-9))
            assert picture.ended == "time"
            assert len(picture.history.total) == 1
            assert picture.image.shape == (*LARGE, 3)

    def test_time_enough(self):
        picture = paint(descent=dataclasses.replace(FEW, seconds=1e6))
        assert picture.ended == "steps"
        np.testing.assert_array_equal(picture.image, paint().image)

    def test_errors_of_a_callback_come_through(self):
        def callback(moment):
            raise ZeroDivisionError("of the callback")

        with pytest.raises(ZeroDivisionError, match="of the callback"):
            paint(callback=callback)


class TestProgress:
    def test_only_when_asked(self, capfd):
        paint()
        quiet = capfd.readouterr()
        assert quiet.out == ""
        assert "style transfer" not in quiet.err
        paint(progress=True)
        shown = capfd.readouterr()
        assert shown.out == ""
        assert "style transfer" in shown.err
        assert "4/4" in shown.err
        assert "64 × 48, J = " in shown.err

    def test_same_picture(self, capfd):
        np.testing.assert_array_equal(paint(progress=True).image, paint().image)


class TestRefusals:
    def test_images_that_are_too_small_for_the_default_layers(self):
        words = r"must be at least 16 × 16 pixels .*Received: {} .*Take a larger image"
        with pytest.raises(ValueError, match="`content` " + words.format("15 × 64")):
            paint(photo(size=(15, 64)), costs=None)
        with pytest.raises(ValueError, match="`style` " + words.format("50 × 15")):
            paint(style=stripes((50, 15)), costs=None)
        with pytest.raises(ValueError, match="`style` " + words.format("8 × 64")):
            paint(style=[stripes(), stripes((25, 200))], costs=None)

    def test_images_that_become_too_small(self):
        words = "`content` must be at least 2 × 2 pixels .*Received: 1 × 32"
        with pytest.raises(ValueError, match=words):
            paint(photo(size=(3, 100)), max_side=32)
        costs = dataclasses.replace(COSTS, style_scale=0.02)
        with pytest.raises(ValueError, match=r"`style` must be at least 2 × 2 .*Received: 1 × 1"):
            paint(costs=costs)

    def test_images_that_are_too_large(self):
        large = np.zeros((2001, 2000, 3), np.uint8)
        words = r"must have at most 4 million pixels.*Received: 2001 × 2000 .*Take a smaller `{}`"
        with pytest.raises(ValueError, match="`content` " + words.format("max_side")):
            paint(large, max_side=None)
        costs = dataclasses.replace(COSTS, style_scale=40)
        with pytest.raises(ValueError, match="`style` " + words.format("style_scale")):
            paint(style=large, costs=costs)

    def test_a_large_photo_is_painted_small(self):
        assert paint(np.zeros((2001, 2000, 3), np.uint8), max_side=40).image.shape == (40, 40, 3)

    @pytest.mark.parametrize("argument", ["content", "style"])
    def test_what_is_no_photo(self, argument, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"There is no photo .*nowhere\.png"):
            paint(**{argument: tmp_path / "nowhere.png"})
        with pytest.raises(ValueError, match=r"Received: float64"):
            paint(**{argument: photo() / 255})
        with pytest.raises(ValueError, match=r"A photo must have shape .*Received: \(2, 48, 64, 3"):
            paint(**{argument: np.stack([photo(), photo()])})
        with pytest.raises(TypeError, match=r"`photo` must be a path, .*Received: int"):
            paint(**{argument: 3})

    def test_a_list_of_contents(self):
        with pytest.raises(TypeError, match=r"`photo` must be a path, .*Received: list"):
            paint([photo()])

    @pytest.mark.parametrize(("name", "kind"), [("costs", "Costs"), ("descent", "Descent")])
    @pytest.mark.parametrize("value", [{"alpha": 1.0}, 3, Costs, "adam", {}, 0, ""])
    def test_costs_and_descent_of_another_kind(self, name, kind, value):
        with pytest.raises(TypeError, match=rf"`{name}` must be {kind}\(…\)\. Received: "):
            paint(**{name: value})

    def test_costs_and_descent_the_wrong_way_round(self):
        with pytest.raises(TypeError, match=r"`costs` must be Costs"):
            paint(costs=FEW, descent=COSTS)

    def test_max_side(self):
        for value in (0, -3):
            with pytest.raises(ValueError, match=f"`max_side` must be at least 1. .*{value}"):
                paint(max_side=value)
        for value in (64.0, "64"):
            with pytest.raises(TypeError, match="`max_side` must hold integers"):
                paint(max_side=value)

    def test_an_unknown_layer(self):
        costs = dataclasses.replace(COSTS, content_layers={"conv9": 1.0})
        with pytest.raises(ValueError, match=r"`layers` must be among .*Received: 'conv9'"):
            paint(costs=costs)
