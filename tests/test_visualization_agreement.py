import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage import data
from skimage.color import rgb2gray

from course_utils.visualization import (
    UnitAgreement,
    patch_colors,
    patch_orientations,
    unit_agreement,
)
from course_utils.visualization.agreement import _agreement

NAN = float("nan")


def by_pairs(properties, names=None):
    """Agreement in the words of the definition: over all pairs of places, one after the other.

    `names` tells the original unit of each row: two copies of one unit are no pair of two units,
    and their patches are no pairs within.
    """
    names = range(len(properties)) if names is None else names
    places = [
        (row, name, patch)
        for row, (name, unit) in enumerate(zip(names, properties, strict=True))
        for patch in unit
        if not np.isnan(patch).any()
    ]
    within, between = [], []
    for first, (row, name, patch) in enumerate(places):
        for other_row, other_name, other in places[first + 1 :]:
            distance = sum((a - b) ** 2 for a, b in zip(patch, other, strict=True))
            if row == other_row:
                within.append(distance)
            elif name != other_name:
                between.append(distance)
    return 1 - (sum(within) / len(within)) / (sum(between) / len(between))


def alike(seed=0, num_units=8, num_patches=5, dim=3, spread=1.0):
    """Units whose patches lie around a place of their own; some patches are missing."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(num_units, 1, dim)) + spread * rng.normal(
        size=(num_units, num_patches, dim)
    )
    values[0, 2:] = NAN
    values[3, 1] = NAN
    return values


def fields(found):
    return [found.estimate, found.low, found.high, found.shuffled_low, found.shuffled_high]


class TestUnitAgreement:
    @pytest.mark.parametrize("seed", range(5))
    @pytest.mark.parametrize("spread", [0.1, 1.0, 10.0])
    def test_it_is_the_mean_over_pairs_in_a_loop(self, seed, spread):
        values = alike(seed, spread=spread)
        found = unit_agreement(values, num_resamples=1)
        assert found.estimate == pytest.approx(by_pairs(values), rel=1e-9, abs=1e-12)

    def test_by_hand(self):
        """Within: 1² and 3², mean 5. Between: 10², 13², 9², 12², mean 123.5."""
        values = np.array([[[0], [1]], [[10], [13]]])
        assert unit_agreement(values, num_resamples=1).estimate == pytest.approx(1 - 5 / 123.5)

    @pytest.mark.parametrize("place", [0, 2, 8])
    def test_units_with_fewer_than_two_patches_do_not_count(self, place):
        few = np.full((2, 5, 3), NAN)
        few[1, 3] = 1000
        values = alike()
        more = np.insert(values, [place, place], few, axis=0)
        assert fields(unit_agreement(more)) == fields(unit_agreement(values))

    def test_a_patch_with_one_unknown_value_does_not_count(self):
        values = alike()
        part = values.copy()
        part[3, 1, 1:] = 77  # [3, 1, 0] stays NaN
        assert fields(unit_agreement(part)) == fields(unit_agreement(values))

    @given(st.lists(st.integers(0, 5), min_size=6, max_size=6), st.integers(0, 2**16))
    def test_copies_of_a_unit_are_neither_within_across_copies_nor_between(self, drawn, seed):
        values = alike(seed, num_units=6, num_patches=3)
        drawn = np.array(drawn)
        exists = ~np.isnan(values).any(axis=2)
        copies = np.bincount(drawn, minlength=len(values))
        found = _agreement(values[exists], exists.sum(axis=1), copies)
        if len(set(drawn.tolist())) == 1:
            assert np.isnan(found)
        else:
            expected = by_pairs(values[drawn], drawn.tolist())
            assert found == pytest.approx(expected, rel=1e-9, abs=1e-12)

    def test_copies_as_units_of_their_own_would_be_something_else(self):
        """That the test above can fail: the loop tells the two readings apart."""
        values, drawn = alike(num_units=6, num_patches=3), [0, 0, 1, 2, 2, 2]
        assert by_pairs(values[drawn]) < by_pairs(values[drawn], drawn) - 0.05

    def test_the_interval_is_that_of_the_resamples_in_a_loop(self):
        """300 draws here and 300 there are different: their quantiles differ by the chance."""
        values, rng = alike(num_units=12, num_patches=3), np.random.default_rng(99)
        draws = rng.integers(12, size=(300, 12))
        expected = [by_pairs(values[drawn], drawn) for drawn in draws]
        found = unit_agreement(values, num_resamples=300)
        low, middle, high = np.quantile(expected, (0.025, 0.5, 0.975))
        assert found.low == pytest.approx(low, abs=0.2 * (high - low))
        assert found.high == pytest.approx(high, abs=0.2 * (high - low))
        assert found.low < middle < found.high

    @given(st.integers(0, 2**16), st.floats(-1e6, 1e6), st.floats(1e-3, 1e3))
    def test_shift_scale_and_rotation_change_nothing(self, seed, shift, scale):
        values = alike(seed, num_units=4, num_patches=3)
        values[0, 2:] = 0.5
        rng = np.random.default_rng(seed)
        rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        moved = scale * (values @ rotation) + shift * rng.normal(size=3)
        # Values of 10⁶ × 4 with 16 digits leave 9 of a thousandth.
        tolerance = 1e-9 * max(1, abs(shift) / scale)
        before, after = (unit_agreement(each, num_resamples=5) for each in (values, moved))
        np.testing.assert_allclose(fields(after), fields(before), rtol=0, atol=tolerance)

    @pytest.mark.parametrize("shift", [1e4, 1e6, 1e8])
    def test_no_digits_are_lost_far_from_zero(self, shift):
        """Coordinates of a large picture, or times: whole numbers, so that shifts are exact."""
        values = np.random.default_rng(0).integers(0, 9, (6, 5, 2)).astype(float)
        expected = unit_agreement(values, num_resamples=5)
        found = unit_agreement(values + shift, num_resamples=5)
        np.testing.assert_allclose(fields(found), fields(expected), rtol=1e-12, atol=1e-12)

    def test_it_is_1_when_a_units_patches_are_equal_and_units_differ(self):
        values = np.repeat(np.random.default_rng(0).normal(size=(9, 1, 2)), 5, axis=1)
        found = unit_agreement(values)
        np.testing.assert_allclose([found.estimate, found.low, found.high], 1, atol=1e-12)
        assert found.shuffled_high < 0.5

    def test_random_patches_lie_around_0_and_mostly_in_the_shuffled_range(self):
        """95 % of 200 seeds: 190 ± 3.1; four times that to either side."""
        inside, estimates = 0, []
        for seed in range(200):
            values = np.random.default_rng(seed).normal(size=(10, 4, 2))
            found = unit_agreement(values, num_resamples=100, seed=seed)
            estimates.append(found.estimate)
            inside += found.shuffled_low <= found.estimate <= found.shuffled_high
        assert 177 <= inside <= 199
        assert abs(np.mean(estimates)) < 4 * np.std(estimates) / 200**0.5

    def test_patches_less_alike_than_others_are_below_0(self):
        """Each unit has one patch of each kind: within pairs always differ, others often not."""
        values = np.tile(np.eye(4), (6, 1, 1))
        assert unit_agreement(values).estimate == pytest.approx(1 - 2 / (2 * 3 / 4))

    @pytest.mark.parametrize("value", [0.0, 7.0, 0.1, 1 / 3, -1e9])
    @pytest.mark.parametrize("num_units", [2, 5])
    def test_equal_patches_have_no_agreement(self, value, num_units):
        assert np.isnan(fields(unit_agreement(np.full((num_units, 7, 3), value)))).all()

    def test_of_persons_it_compares_shares_of_different_people(self):
        rng = np.random.default_rng(0)
        people = np.where(rng.uniform(size=(7, 9)) < 0.5, np.arange(7)[:, None], 9)
        people = np.where(rng.uniform(size=(7, 9)) < 0.3, rng.integers(7, 9, (7, 9)), people)
        units = np.repeat(np.arange(7), 9)
        flat = people.ravel()
        different = flat[:, None] != flat
        same_unit = units[:, None] == units
        within = different[same_unit & ~np.eye(63, dtype=bool)].mean()
        between = different[~same_unit].mean()
        found = unit_agreement(np.eye(10)[people]).estimate
        assert found == pytest.approx(1 - within / between)
        assert 0.1 < found < 0.9

    def test_the_intervals_hold_what_they_should(self):
        found = unit_agreement(alike(num_units=20))
        assert found.low < found.estimate < found.high
        assert found.shuffled_low < 0 < found.shuffled_high
        assert found.low > found.shuffled_high
        assert all(isinstance(value, float) for value in fields(found))

    def test_more_units_make_a_narrower_interval(self):
        few, many = (unit_agreement(alike(num_units=number)) for number in (10, 160))
        assert many.high - many.low < 0.5 * (few.high - few.low)

    @pytest.mark.parametrize("seed", range(5))
    def test_three_units_have_an_interval(self, seed):
        """One resample in nine is one unit three times; it has no agreement and is left out."""
        values = np.random.default_rng(seed).normal(size=(3, 4, 2))
        found = unit_agreement(values, seed=seed)
        assert found.low < found.high
        expected = [
            by_pairs(values[[a, a, b]], [a, a, b]) for a in range(3) for b in range(3) if a != b
        ]
        expected.append(by_pairs(values))
        # Seven kinds of resamples, the rarest with a probability of 1/8 each.
        assert found.low == pytest.approx(min(expected))
        assert found.high == pytest.approx(max(expected))

    def test_two_units_have_an_estimate_and_no_interval(self):
        values = np.random.default_rng(0).normal(size=(2, 4, 2))
        found = unit_agreement(values)
        assert found.estimate == pytest.approx(by_pairs(values))
        assert np.isnan([found.low, found.high]).all()
        assert found.shuffled_low < found.shuffled_high

    def test_the_seed_alone_decides(self):
        first, again, other = (unit_agreement(alike(), seed=seed) for seed in (3, 3, 4))
        assert first == again
        assert first.estimate == other.estimate
        assert all(a != b for a, b in zip(fields(first)[1:], fields(other)[1:], strict=True))

    def test_the_global_generator_is_left_alone(self):
        before = np.random.get_state()[1].tolist()  # noqa: NPY002
        unit_agreement(alike(), num_resamples=2)
        assert np.random.get_state()[1].tolist() == before  # noqa: NPY002

    @pytest.mark.parametrize("dtype", ["int64", "uint8", "float32", "bool"])
    def test_any_kind_of_number(self, dtype):
        values = np.random.default_rng(0).integers(0, 2, (5, 4, 3))
        expected = unit_agreement(values.astype(float))
        assert unit_agreement(values.astype(dtype)) == expected
        assert unit_agreement(values.tolist()) == expected

    def test_the_input_is_not_changed(self):
        values = alike()
        values.setflags(write=False)
        unit_agreement(values)
        np.testing.assert_array_equal(values, alike())

    @pytest.mark.parametrize("shape", [(), (4,), (4, 5), (4, 5, 2, 1)], ids=str)
    def test_another_number_of_axes_is_refused(self, shape):
        words = (
            rf"`properties` must have shape \(num_units, .*Received: \({', '.join(map(str, shape))}"
        )
        with pytest.raises(ValueError, match=words):
            unit_agreement(np.zeros(shape))

    @pytest.mark.parametrize(("num_good", "total"), [(0, 3), (1, 3), (0, 0)])
    def test_fewer_than_two_units_are_refused(self, num_good, total):
        values = np.full((total, 4, 2), NAN)
        values[:, 0] = 1
        values[:num_good, 1] = 1
        words = rf"At least two units must have two patches .*Received: {num_good} of {total}\."
        with pytest.raises(ValueError, match=words):
            unit_agreement(values)

    @pytest.mark.parametrize("number", [0, -1])
    def test_no_resamples_are_refused(self, number):
        with pytest.raises(ValueError, match=rf"`num_resamples` must be .*Received: {number}\."):
            unit_agreement(alike(), num_resamples=number)

    def test_the_result_cannot_be_changed(self):
        with pytest.raises(AttributeError):
            UnitAgreement(0.0, 0.0, 0.0, 0.0, 0.0).estimate = 1.0


def stripes(degrees, *, size=31, period=24.0, phase=0.3):
    """A wave whose brightness changes in the direction `degrees`, from right towards down."""
    angle = np.deg2rad(degrees)
    y, x = np.mgrid[:size, :size].astype(float)
    wave = np.sin(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / period + phase)
    return (127.5 + 120 * wave)[..., None]


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


class TestPatchOrientations:
    @pytest.mark.parametrize("phase", [0.3, 2.0])
    def test_stripes_have_twice_the_angle_of_their_normal(self, phase):
        degrees = np.arange(0, 360, 7.5)
        found = patch_orientations(np.stack([stripes(each, phase=phase) for each in degrees]))
        twice = np.deg2rad(2 * degrees)
        np.testing.assert_allclose(found, np.stack([np.cos(twice), np.sin(twice)], 1), atol=0.02)

    def test_the_signs(self):
        """x to the right, y down: a picture that grows brighter to the lower right has 45°."""
        y, x = np.mgrid[:9, :9].astype(float)
        pictures = np.stack([x, y, x + y, x - y])[..., None]
        expected = [[1, 0], [-1, 0], [0, 1], [0, -1]]
        np.testing.assert_allclose(patch_orientations(pictures), expected, atol=1e-12)

    def test_it_is_the_gaussian_mean_in_a_loop(self):
        patch = noise(5, 8, 1).astype(float)[..., 0]
        total = along = across = 0.0
        for row in range(5):
            for column in range(8):
                above, below = max(row - 1, 0), min(row + 1, 4)
                left, right = max(column - 1, 0), min(column + 1, 7)
                down = (patch[below, column] - patch[above, column]) / (below - above)
                over = (patch[row, right] - patch[row, left]) / (right - left)
                weight = np.exp(-(((row - 2) / (5 / 4)) ** 2 + ((column - 3.5) / 2) ** 2) / 2)
                total += weight * (down**2 + over**2)
                along += weight * (over**2 - down**2)
                across += weight * 2 * over * down
        found = patch_orientations(patch[..., None])
        np.testing.assert_allclose(found, [along / total, across / total], rtol=1e-9)

    @pytest.mark.parametrize("size", [(2, 2), (3, 7), (16, 16)], ids=str)
    def test_its_length_is_at_most_1(self, size):
        lengths = np.linalg.norm(patch_orientations(noise(300, *size, 3)), axis=-1)
        assert lengths.max() <= 1 + 1e-12
        assert lengths.min() < 0.5

    @pytest.mark.parametrize("channels", [1, 3])
    def test_a_patch_of_one_colour_has_none(self, channels):
        colours = np.random.default_rng(0).uniform(0, 255, (50, 1, 1, channels))
        for size in ((2, 2), (7, 9), (30, 31)):
            patches = np.broadcast_to(colours, (50, *size, channels))
            assert (patch_orientations(patches) == 0).all()

    def test_noise_without_a_direction_is_near_0(self):
        found = patch_orientations(noise(20, 101, 101, 1))
        assert np.linalg.norm(found, axis=-1).max() < 0.1

    def test_a_cross_has_no_direction_and_each_half_of_it_has(self):
        upright, level = stripes(0), stripes(90)
        assert np.linalg.norm(patch_orientations(upright + level)) < 0.02
        assert patch_orientations(upright + 0.5 * level)[0] > 0.4

    @given(st.floats(-500, 500), st.floats(0.1, 50))
    def test_brightness_and_contrast_change_nothing(self, brightness, contrast):
        patches = noise(4, 9, 11, 3).astype(float)
        found = patch_orientations(contrast * patches + brightness)
        np.testing.assert_allclose(found, patch_orientations(patches), atol=1e-9)
        negative = patch_orientations(255 - patches)
        np.testing.assert_allclose(negative, patch_orientations(patches), atol=1e-12)

    def test_turning_and_mirroring(self):
        patches = noise(4, 9, 9, 3).astype(float)
        found = patch_orientations(patches)
        half, quarter = (np.rot90(patches, times, axes=(1, 2)) for times in (2, 1))
        np.testing.assert_allclose(patch_orientations(half), found, atol=1e-12)
        np.testing.assert_allclose(patch_orientations(quarter), -found, atol=1e-12)
        mirrored = patch_orientations(patches[:, :, ::-1])
        np.testing.assert_allclose(mirrored, found * [1, -1], atol=1e-12)

    def test_the_centre_counts_most(self):
        """Two edges of equal strength and length, one through the centre and one beside it."""
        patch = np.zeros((17, 17, 1))
        patch[:, 8:] += 100
        patch[2:] += 100
        along, across = patch_orientations(patch)
        assert along > 0.5
        assert abs(across) < 0.1
        assert patch_orientations(patch.swapaxes(0, 1))[0] < -0.5

    def test_any_axes_in_front(self):
        patches = noise(2, 3, 6, 5, 3)
        found = patch_orientations(patches)
        assert found.shape == (2, 3, 2)
        for place in np.ndindex(2, 3):
            np.testing.assert_allclose(patch_orientations(patches[place]), found[place], rtol=1e-9)
        assert patch_orientations(patches[0, 0]).shape == (2,)
        assert patch_orientations(patches[:0]).shape == (0, 3, 2)

    def test_bytes_and_floats_are_the_same(self):
        patches = noise(4, 6, 5, 3)
        expected = patch_orientations(patches)
        assert expected.dtype == np.float64
        for dtype in ("float32", "float64", "int64"):
            np.testing.assert_array_equal(patch_orientations(patches.astype(dtype)), expected)

    def test_a_photo_and_its_brightness_are_the_same(self):
        grey = np.repeat(noise(4, 6, 5, 1), 3, axis=-1)
        np.testing.assert_allclose(
            patch_orientations(grey), patch_orientations(grey[..., :1]), rtol=1e-9
        )

    def test_colours_weigh_as_the_eye_sees_them(self):
        """A strong edge in blue and a weaker one in green across it: green wins."""
        patch = np.zeros((8, 8, 3))
        patch[:, 4:, 2], patch[4:, :, 1] = 200, 150
        assert patch_orientations(patch)[0] < -0.5
        assert patch_orientations(patch[..., ::-1])[0] < -0.3  # in red
        assert patch_orientations(patch[..., [2, 1, 0]] * [1, 0.3, 1])[0] > 0.2
        photo = data.astronaut()[:64, :64]  # skimage's grey has slightly other weights
        expected = patch_orientations(rgb2gray(photo)[..., None])
        np.testing.assert_allclose(patch_orientations(photo), expected, atol=0.05)

    def test_what_is_missing_stays_missing(self):
        patches = noise(3, 6, 6, 3).astype(float)
        patches[1] = NAN
        assert np.isnan(patch_orientations(patches)).any(axis=1).tolist() == [False, True, False]


class TestPatchColors:
    def test_one_colour_is_itself(self):
        colours = np.random.default_rng(0).uniform(0, 255, (6, 4, 3))
        patches = np.broadcast_to(colours[:, :, None, None], (6, 4, 7, 9, 3))
        np.testing.assert_allclose(patch_colors(patches), colours, rtol=1e-12)

    @pytest.mark.parametrize("channels", [1, 3])
    @pytest.mark.parametrize("size", [(2, 2), (5, 5), (4, 9)], ids=str)
    def test_it_is_the_gaussian_mean_in_a_loop(self, size, channels):
        patch = noise(*size, channels)
        height, width = size
        total, weights = np.zeros(channels), 0.0
        for row in range(height):
            for column in range(width):
                up = (row - (height - 1) / 2) / (height / 4)  # in standard deviations
                over = (column - (width - 1) / 2) / (width / 4)
                weight = np.exp(-(up**2 + over**2) / 2)
                total += weight * patch[row, column].astype(float)
                weights += weight
        np.testing.assert_allclose(patch_colors(patch), total / weights, rtol=1e-9)

    def test_the_centre_counts_most_and_the_order_of_channels_stays(self):
        patch = np.zeros((9, 9, 3))
        patch[3:6, 3:6] = [9, 18, 27]
        found = patch_colors(patch)
        np.testing.assert_allclose(found / found[0], [1, 2, 3])
        assert found[0] > 2 * patch[..., 0].mean()

    def test_within_the_range_of_the_patches_for_any_axes_in_front(self):
        patches = noise(2, 3, 6, 5, 3)
        found = patch_colors(patches)
        assert found.shape == (2, 3, 3)
        assert found.dtype == np.float64
        assert (found >= patches.min(axis=(2, 3))).all()
        assert (found <= patches.max(axis=(2, 3))).all()
        np.testing.assert_allclose(patch_colors(patches[1, 2]), found[1, 2], rtol=1e-12)
        np.testing.assert_array_equal(patch_colors(patches.astype("float32")), found)

    def test_units_of_one_colour_agree_in_it(self):
        """What the three functions are for, together."""
        rng = np.random.default_rng(0)
        colours = rng.uniform(0, 200, (12, 1, 1, 1, 3))
        patches = colours + rng.uniform(0, 55, (12, 9, 8, 8, 3))
        assert unit_agreement(patch_colors(patches)).estimate > 0.95
        turned = unit_agreement(patch_orientations(patches))
        assert turned.estimate < 0.2


@pytest.mark.parametrize("function", [patch_orientations, patch_colors])
class TestPatches:
    @pytest.mark.parametrize(
        "shape", [(8, 8), (8, 8, 2), (8, 8, 4), (1, 8, 3), (8, 1, 1), (5, 0, 8, 3), ()], ids=str
    )
    def test_another_shape_is_refused(self, function, shape):
        words = rf"`patches` must have shape .*Received: \({', '.join(map(str, shape))}"
        with pytest.raises(ValueError, match=words):
            function(np.zeros(shape))

    def test_the_input_is_not_changed(self, function):
        for dtype in ("uint8", "float64"):
            patches = noise(3, 6, 6, 3).astype(dtype)
            patches.setflags(write=False)
            function(patches)
            np.testing.assert_array_equal(patches, noise(3, 6, 6, 3))


class TestGroups:
    def test_what_the_group_decides_is_the_same_after_shuffling(self):
        """A patch's property is its group's own, so that dealing within groups changes nothing."""
        groups = np.random.default_rng(0).integers(0, 4, (9, 5))
        values = np.array([[0.0, 1], [3, 5], [8, 2], [9, 9]])[groups]
        values[2, 3] = np.nan
        found = unit_agreement(values, groups=groups, num_resamples=20)
        assert found.shuffled_low == pytest.approx(found.estimate)
        assert found.shuffled_high == pytest.approx(found.estimate)
        free = unit_agreement(values, num_resamples=20)
        assert free.estimate == found.estimate
        assert free.shuffled_high - free.shuffled_low > 0.05

    def test_units_that_must_take_each_image_once_agree_less_than_0(self):
        """Two images, two patches a unit, one of each: by chance the patches of a unit differ more
        than those of two units, and the shuffled units know it."""
        rng = np.random.default_rng(1)
        groups = np.tile([0, 1], (50, 1))
        values = 10.0 * groups[..., None] + rng.normal(size=(50, 2, 1))
        found = unit_agreement(values, groups=groups, num_resamples=50)
        assert found.shuffled_high < -0.5
        assert found.shuffled_low - 0.02 < found.estimate < found.shuffled_high + 0.02
        assert unit_agreement(values, num_resamples=50).shuffled_low > found.estimate

    def test_one_group_is_none(self):
        values = alike()
        one = unit_agreement(values, groups=np.full(values.shape[:2], 7), num_resamples=10)
        assert fields(one) == fields(unit_agreement(values, num_resamples=10))

    def test_another_shape(self):
        with pytest.raises(ValueError, match=r"`groups` must have shape .*Received: \(3,\)"):
            unit_agreement(alike(), groups=[1, 2, 3])
