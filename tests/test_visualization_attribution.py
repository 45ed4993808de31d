import dataclasses
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from course_utils.visualization.attribution import (
    DELETED_FRACTIONS,
    OcclusionMap,
    deletion_curve,
    occlusion_map,
    saliency_map,
)


def total(images):
    """The sum of all values: the simplest function there is."""
    return images.sum(axis=(1, 2, 3), dtype=np.float64)


def weighted_sum(weights):
    """Σ w·x of each image, in float64, without a batch size that matters."""

    def function(images):
        return np.array([float((weights * image.astype(np.float64)).sum()) for image in images])

    return function


def tensor_sum(weights):
    weights = tf.constant(weights, tf.float32)
    return lambda images: tf.reduce_sum(images * weights, axis=(1, 2, 3))


def uneven(images):
    """A function in which pixels work together, so that windows cannot be added up."""
    images = np.asarray(images, dtype=np.float64)
    return np.tanh(images[:, ::2] / 99).sum(axis=(1, 2, 3)) * images[:, :, -1].mean(axis=(1, 2))


def photo(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def occluded_in_loops(function, image, window, stride, color):
    """Every step spelled out: where windows begin, and one call for each."""

    def starts(size, length, step):
        found, start = [], 0
        while start + length < size:
            found.append(start)
            start += step
        return [*found, size - length]

    image = image.astype(np.float32)
    (height, width), (down, right) = window, stride
    tops = starts(image.shape[0], height, down)
    lefts = starts(image.shape[1], width, right)
    whole = function(image[None])[0]
    change = np.zeros((len(tops), len(lefts)))
    for row, top in enumerate(tops):
        for column, left in enumerate(lefts):
            copy = image.copy()
            for y in range(top, top + height):
                for x in range(left, left + width):
                    for channel in range(image.shape[2]):
                        copy[y, x, channel] = color[channel]
            change[row, column] = function(copy[None])[0] - whole
    return change, tops, lefts, whole


class TestOcclusionMap:
    @pytest.mark.parametrize(
        ("shape", "window", "stride"),
        [
            ((9, 7, 3), (3, 2), (2, 2)),  # strides that do not divide, in one axis and in both
            ((10, 8, 3), (3, 3), (3, 2)),
            ((6, 6, 1), (2, 2), (2, 2)),  # ones that do
            ((5, 6, 1), (1, 1), (1, 1)),
            ((5, 6, 2), (2, 3), (1, 1)),
            ((4, 7, 3), (4, 7), (1, 1)),  # as large as the image
            ((4, 7, 3), (4, 2), (3, 2)),  # as high as the image
            ((1, 9, 3), (1, 4), (1, 3)),
            ((1, 1, 4), (1, 1), (1, 1)),
        ],
    )
    def test_it_is_what_loops_find(self, shape, window, stride):
        image, color = photo(shape), np.arange(10, 10 + shape[2])
        found = occlusion_map(uneven, image, window=window, stride=stride, fill=color, batch_size=4)
        change, tops, lefts, whole = occluded_in_loops(uneven, image, window, stride, color)
        assert found.tops.tolist() == tops
        assert found.lefts.tolist() == lefts
        assert found.window == window
        assert found.baseline == pytest.approx(whole)
        assert found.change.shape == (len(tops), len(lefts))
        np.testing.assert_allclose(found.change, change, rtol=0, atol=1e-9 * abs(whole))
        assert np.abs(change).max() > 0

    def test_of_a_weighted_sum_it_is_minus_the_weights_times_what_was_lost(self):
        """f = Σ w·x. With x = fill in a window, f changes by −Σ w·(x − fill) over the window."""
        rng = np.random.default_rng(0)
        image = rng.uniform(-1, 1, (11, 9, 3)).astype(np.float32)
        weights = rng.normal(size=image.shape)
        found = occlusion_map(weighted_sum(weights), image, window=4, stride=3, fill=(0.5, 0, -2))
        lost = weights * (image.astype(np.float64) - [0.5, 0, -2])
        assert found.tops.tolist() == [0, 3, 6, 7]
        assert found.lefts.tolist() == [0, 3, 5]
        for row, top in enumerate((0, 3, 6, 7)):
            for column, left in enumerate((0, 3, 5)):
                expected = -lost[top : top + 4, left : left + 4].sum()
                assert found.change[row, column] == pytest.approx(expected, abs=1e-9)
        assert found.baseline == pytest.approx((weights * image).sum())

    def test_it_is_positive_where_two_images_agree_and_negative_where_they_differ(self):
        """What is the same keeps them together; what differs keeps them apart."""
        one = np.zeros((6, 6, 1), np.uint8)
        one[:3] = 200
        other = one.copy()
        other[4, 4] = 250  # all that differs

        def distance(images):
            return np.linalg.norm((images - other).reshape(len(images), -1), axis=1)

        one[4, 4] = 100
        found = occlusion_map(distance, one, window=1, fill=170).change
        assert found[1, 1] > 0
        assert found[4, 4] < 0
        assert np.count_nonzero(found < 0) == 1

    def test_the_default_fill_is_the_mean_colour_of_the_image(self):
        image = photo((8, 6, 3))
        seen = []

        def function(images):
            seen.append(images[-1])
            return total(images)

        occlusion_map(function, image, window=(8, 6))
        mean = image.reshape(-1, 3).mean(axis=0)
        np.testing.assert_allclose(seen[0], np.broadcast_to(mean, image.shape), rtol=1e-6)

    def test_a_window_of_the_images_mean_changes_no_linear_function_in_all(self):
        """Windows that tile the image: the changes of Σ x add up to Σ (mean − x) = 0."""
        image = photo((8, 6, 3))
        found = occlusion_map(total, image, window=2, stride=2)
        assert found.change.sum() == pytest.approx(0, abs=0.01)
        assert np.abs(found.change).max() > 100

    @pytest.mark.parametrize(
        ("shape", "window", "stride"),
        [
            ((150, 150, 3), 19, 9),  # 150 / 8 = 18.75
            ((40, 90, 1), 5, 2),
            ((3, 3, 1), 1, 1),
            ((16, 99, 1), 2, 1),
        ],
    )
    def test_the_default_window_is_an_eighth_of_the_shorter_side(self, shape, window, stride):
        found = occlusion_map(lambda images: np.zeros(len(images)), np.zeros(shape, np.uint8))
        assert found.window == (window, window)
        assert set(np.diff(found.tops)[:-1]) <= {stride}
        assert set(np.diff(found.lefts)[:-1]) <= {stride}
        assert found.tops[1] == found.lefts[1] == stride

    def test_the_default_stride_is_half_of_each_side_of_the_window(self):
        found = occlusion_map(total, photo((20, 20, 1)), window=(6, 2))
        assert np.diff(found.tops)[0] == 3
        assert np.diff(found.lefts)[0] == 1

    def test_no_more_copies_are_held_than_a_batch(self):
        """5 × 5 positions and the whole image, by 8: 8, 8, 8 and 2; none of them twice."""
        batches = []

        def function(images):
            assert images.dtype == np.float32
            batches.append(images.copy())
            return total(images)

        image = photo((5, 5, 2))
        occlusion_map(function, image, window=1, fill=300, batch_size=8)
        assert [len(batch) for batch in batches] == [8, 8, 8, 2]
        copies = np.concatenate(batches)
        np.testing.assert_array_equal(copies[0], image)
        covered = (copies == 300).all(axis=3).reshape(26, 25)
        np.testing.assert_array_equal(covered[1:], np.eye(25))

    def test_the_size_of_the_batches_does_not_matter(self):
        image = photo((7, 7, 3))
        found = [occlusion_map(uneven, image, window=2, batch_size=size) for size in (1, 5, 99)]
        np.testing.assert_array_equal(found[0].change, found[1].change)
        np.testing.assert_array_equal(found[0].change, found[2].change)

    @pytest.mark.parametrize(
        "convert",
        [tf.constant, np.asarray, np.ndarray.tolist, lambda v: tf.cast(v, tf.bfloat16), np.rint],
        ids=["tensor", "array", "list", "bfloat16", "rounded"],
    )
    def test_the_values_may_be_a_tensor_an_array_or_a_list(self, convert):
        image = np.zeros((2, 2, 1), np.uint8)
        image[0, 1] = 4
        found = occlusion_map(lambda images: convert(total(images)), image, window=1, fill=0)
        assert found.change.tolist() == [[0, -4], [0, 0]]
        assert type(found.baseline) is float
        assert found.change.dtype == np.float64

    @pytest.mark.parametrize("dtype", ["uint8", "float16", "float32", "float64", "int64"])
    def test_the_type_of_the_image_does_not_matter_and_it_is_left_as_it_is(self, dtype):
        image = photo((5, 4, 3)).astype(dtype)
        before = image.copy()
        image.flags.writeable = False

        def function(images):
            values = uneven(images)
            images[:] = 0  # whatever it does to its copies
            return values

        found = occlusion_map(function, image, window=2)
        np.testing.assert_array_equal(image, before)
        expected = occlusion_map(uneven, photo((5, 4, 3)), window=2)
        np.testing.assert_array_equal(found.change, expected.change)

    def test_progress_is_shown_on_request_only(self, capsys):
        occlusion_map(total, photo((4, 4, 1)), window=2)
        assert capsys.readouterr() == ("", "")
        occlusion_map(total, photo((4, 4, 1)), window=2, progress=True)
        assert "10/10" in capsys.readouterr().out

    def test_the_result_cannot_be_reassigned(self):
        found = occlusion_map(total, photo((4, 4, 1)))
        with pytest.raises(dataclasses.FrozenInstanceError):
            found.baseline = 0.0


class TestPerPixel:
    @pytest.mark.parametrize(
        ("shape", "window", "stride"),
        [
            ((9, 7, 3), (3, 2), (2, 2)),
            ((10, 8, 1), (3, 3), (3, 2)),
            ((5, 6, 1), (4, 5), (1, 1)),
            ((4, 7, 3), (4, 7), (4, 7)),
            ((1, 9, 3), (1, 4), (1, 3)),
            ((6, 6, 1), (2, 3), (2, 3)),
        ],
    )
    def test_it_is_the_mean_over_the_windows_that_cover_the_pixel(self, shape, window, stride):
        found = occlusion_map(uneven, photo(shape), window=window, stride=stride, fill=0)
        pixels = found.per_pixel()
        assert pixels.shape == shape[:2]
        for y in range(shape[0]):
            for x in range(shape[1]):
                changes = [
                    found.change[row, column]
                    for row, top in enumerate(found.tops)
                    for column, left in enumerate(found.lefts)
                    if top <= y < top + window[0] and left <= x < left + window[1]
                ]
                assert changes
                assert pixels[y, x] == pytest.approx(sum(changes) / len(changes), rel=1e-9)

    def test_one_pixel_a_window_gives_the_map_itself(self):
        found = occlusion_map(uneven, photo((5, 6, 3)), window=1)
        np.testing.assert_array_equal(found.per_pixel(), found.change)

    def test_one_window_gives_one_value_everywhere(self):
        found = occlusion_map(total, photo((5, 6, 3)), window=(5, 6), fill=0)
        np.testing.assert_array_equal(found.per_pixel(), np.full((5, 6), -found.baseline))

    def test_by_hand(self):
        """Windows of 2 at 0, 2 and 3 of a row of five pixels: the fourth is covered twice."""
        row = OcclusionMap(
            change=np.array([[1.0, 2.0, 4.0]]),
            tops=np.array([0]),
            lefts=np.array([0, 2, 3]),
            window=(1, 2),
            baseline=0.0,
        )
        assert row.per_pixel().tolist() == [[1, 1, 2, 3, 4]]


def smooth_model(shape):
    """A small convnet in float64, so that differences of its values keep enough digits."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input(shape, dtype="float64"),
            layers.Conv2D(4, 3, activation="tanh", dtype="float64"),
            layers.Conv2D(3, 2, strides=2, activation="softplus", dtype="float64"),
            layers.GlobalAveragePooling2D(dtype="float64"),
            layers.Dense(2, activation="tanh", dtype="float64"),
        ]
    )


class TestSaliencyMap:
    @pytest.mark.parametrize("channels", [1, 3])
    def test_of_a_weighted_sum_it_is_the_largest_weight(self, channels):
        rng = np.random.default_rng(1)
        weights = rng.normal(size=(5, 4, channels)).astype(np.float32)
        found = saliency_map(tensor_sum(weights), photo((5, 4, channels)), samples=1, noise=0)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, np.abs(weights).max(axis=2))
        assert (found > weights.max(axis=2)).any()  # somewhere the largest one is negative

    def test_of_a_sum_of_squares_it_is_twice_the_value(self):
        image = np.random.default_rng(0).normal(size=(4, 5, 1))

        def squares(images):
            return keras.ops.sum(images**2, axis=(1, 2, 3))

        found = saliency_map(squares, image, samples=1, noise=0)
        np.testing.assert_allclose(found, 2 * np.abs(image[..., 0]), rtol=1e-6)

    def test_of_a_convnet_it_is_what_finite_differences_find(self):
        model = smooth_model((7, 6, 2))
        image = np.random.default_rng(0).normal(size=(7, 6, 2)).astype(np.float32)

        def second_output(images):
            return model(images)[:, 1]

        found = saliency_map(second_output, image, samples=1, noise=0)
        step = 1e-5
        steps = step * np.eye(image.size).reshape(-1, *image.shape)
        above, below = (
            second_output(tf.constant(image.astype(np.float64) + sign * steps)).numpy()
            for sign in (1, -1)
        )
        slopes = ((above - below) / (2 * step)).reshape(image.shape)
        expected = np.abs(slopes).max(axis=2)
        assert expected.max() > 1e-3
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * expected.max())

    def test_the_images_are_what_they_were_given_as(self):
        """Without noise the copies are the image, float32, in batches of no more than asked."""
        image, seen = photo((3, 4, 3)), []

        def function(images):
            assert tf.is_tensor(images)
            assert images.dtype == tf.float32
            seen.append(images.numpy())
            return tf.reduce_sum(images, axis=(1, 2, 3))

        saliency_map(function, image, samples=5, noise=0, batch_size=2)
        assert [len(batch) for batch in seen] == [2, 2, 1]
        for copy in np.concatenate(seen):
            np.testing.assert_array_equal(copy, image)

    def test_the_noise_of_a_weighted_sum_changes_nothing(self):
        weights = np.random.default_rng(1).normal(size=(5, 4, 3)).astype(np.float32)
        plain = saliency_map(tensor_sum(weights), photo((5, 4, 3)), samples=1, noise=0)
        smooth = saliency_map(tensor_sum(weights), photo((5, 4, 3)), samples=7, noise=0.3)
        np.testing.assert_allclose(smooth, plain, rtol=1e-6)

    def test_the_noise_is_a_share_of_the_range_of_values(self):
        """f = Σ x²/2 has the gradient x, so the map is the mean of |x + n|, n ~ N(0, σ²):
        σ √(2/π) exp(−x²/2σ²) + x (1 − 2Φ(−x/σ)), with σ = noise · (largest − smallest)."""
        image = np.array([[[-1.0], [0.0], [0.5]], [[3.0], [2.0], [-0.2]]])
        samples, sigma = 4000, 0.25 * 4

        def function(images):
            return keras.ops.sum(images**2, axis=(1, 2, 3)) / 2

        found = saliency_map(function, image, samples=samples, noise=0.25, batch_size=999)
        for value, measured in zip(image.ravel(), found.ravel(), strict=True):
            normal_cdf = math.erfc(value / sigma / math.sqrt(2)) / 2
            bell = sigma * math.sqrt(2 / math.pi) * math.exp(-(value**2) / (2 * sigma**2))
            expected = bell + value * (1 - 2 * normal_cdf)
            error = math.sqrt((value**2 + sigma**2 - expected**2) / samples)
            assert measured == pytest.approx(expected, abs=4 * error)

    def test_absolute_values_are_averaged_and_not_gradients(self):
        """A gradient of +1 or −1, each half of the time: their mean would be near 0."""
        image = np.array([[[0.0], [9.0]]])
        found = saliency_map(
            lambda images: tf.abs(images[:, 0, 0, 0]), image, samples=50, noise=0.1
        )
        np.testing.assert_array_equal(found, [[1, 0]])

    def test_one_plain_colour_has_no_range_and_so_no_noise(self):
        image = np.full((2, 3, 1), 7, np.uint8)
        found = saliency_map(lambda x: keras.ops.sum(x**2, axis=(1, 2, 3)), image, noise=0.5)
        np.testing.assert_array_equal(found, np.full((2, 3), 14))

    def test_it_depends_on_the_seed_alone(self):
        def function(images):
            return keras.ops.sum(keras.ops.sin(images), axis=(1, 2, 3))

        image = photo((4, 4, 3)) / 255
        first, same, other = (saliency_map(function, image, seed=seed) for seed in (1, 1, 2))
        np.testing.assert_array_equal(first, same)
        assert np.abs(first - other).max() > 0
        by_default = saliency_map(function, image)
        np.testing.assert_array_equal(by_default, saliency_map(function, image, seed=0))
        generator = saliency_map(function, image, seed=np.random.default_rng(1))
        np.testing.assert_array_equal(first, generator)
        parts = saliency_map(function, image, seed=1, batch_size=3)
        np.testing.assert_allclose(parts, first, rtol=1e-6)

    def test_its_defaults_are_sixteen_copies_and_a_tenth(self):
        def function(images):
            sizes.append(len(images))
            return keras.ops.sum(images**3, axis=(1, 2, 3))

        sizes, image = [], photo((4, 4, 1)) / 255
        by_default = saliency_map(function, image)
        assert sizes == [16]
        spelled_out = saliency_map(function, image, samples=16, noise=0.1, seed=0)
        np.testing.assert_array_equal(by_default, spelled_out)

    def test_a_function_that_picks_images_has_a_gradient_too(self):
        """`tf.gather` answers with IndexedSlices instead of a tensor."""

        def function(images):
            return 3 * tf.gather(images, tf.range(len(images)))[:, 1, 0, 0]

        found = saliency_map(function, photo((2, 2, 1)), samples=2, noise=0)
        assert found.tolist() == [[0, 0], [3, 0]]

    def test_the_image_is_left_as_it_is(self):
        image = photo((4, 4, 3))
        before = image.copy()
        image.flags.writeable = False
        saliency_map(tensor_sum(np.ones((4, 4, 3))), image)
        np.testing.assert_array_equal(image, before)

    @pytest.mark.parametrize(
        "function",
        [
            lambda images: tf.zeros(len(images)),
            lambda images: tf.Variable(tf.zeros(len(images))),
            lambda images: np.zeros(len(images)),
            lambda images: tf.reduce_sum(tf.constant(images.numpy()), axis=(1, 2, 3)),
            lambda images: tf.argmax(images[:, 0, :, 0], axis=1),
            lambda images: [float(tf.reduce_sum(image)) for image in images],
        ],
        ids=["constant", "variable", "array", "by way of numpy", "argmax", "list"],
    )
    def test_what_does_not_depend_on_the_image_is_refused(self, function):
        with pytest.raises(ValueError, match=r"`function` must depend on the image.*predict"):
            saliency_map(function, photo((3, 3, 1)))

    def test_an_infinite_gradient_is_refused(self):
        image = photo((3, 3, 1))

        def distance_from_itself(images):
            return tf.sqrt(tf.reduce_sum((images - image) ** 2, axis=(1, 2, 3)))

        with pytest.raises(ValueError, match=r"gradient of `function` must be finite.*safe_sqrt"):
            saliency_map(distance_from_itself, image, samples=1, noise=0)

    @pytest.mark.parametrize("noise", [-0.1, np.nan, np.inf])
    def test_a_wrong_noise_is_refused(self, noise):
        with pytest.raises(ValueError, match=rf"`noise` must be finite.*noise={noise}"):
            saliency_map(tensor_sum(np.ones((3, 3, 1))), photo((3, 3, 1)), noise=noise)

    def test_no_sample_is_refused(self):
        with pytest.raises(ValueError, match=r"`samples` must be at least 1\. Received: 0"):
            saliency_map(tensor_sum(np.ones((3, 3, 1))), photo((3, 3, 1)), samples=0)
        with pytest.raises(TypeError, match=r"`samples` must hold integers\. Received: 2\.0"):
            saliency_map(tensor_sum(np.ones((3, 3, 1))), photo((3, 3, 1)), samples=2.0)


class TestDeletionCurve:
    def test_it_is_what_loops_find(self):
        rng = np.random.default_rng(0)
        image = rng.uniform(-1, 1, (5, 7, 3)).astype(np.float32)
        importance = rng.normal(size=(5, 7))
        fractions = (0.0, 0.03, 0.2, 0.5, 0.77, 1.0)
        found = deletion_curve(
            uneven, image, importance, fractions=fractions, fill=(0, 1, 2), batch_size=4
        )
        pixels = sorted(
            ((importance[y, x], y, x) for y in range(5) for x in range(7)), reverse=True
        )
        for fraction, value in zip(fractions, found, strict=True):
            copy = image.copy()
            for _, y, x in pixels[: round(fraction * 35)]:
                copy[y, x] = (0, 1, 2)
            assert value == pytest.approx(uneven(copy[None])[0], rel=1e-9)
        assert np.ptp(found) > 0

    def test_the_true_contributions_fall_faster_than_any_random_order(self):
        """f = Σ w·x with w ≥ 0, fill 0: the contribution of a pixel is Σ_c w·x."""
        rng = np.random.default_rng(0)
        image, weights = photo((12, 10, 3)), rng.exponential(size=(12, 10, 3))
        function = weighted_sum(weights)
        contributions = (weights * image).sum(axis=2)
        curve = deletion_curve(function, image, contributions, fill=0)
        assert curve.shape == (11,)
        assert curve[0] == pytest.approx(contributions.sum())
        assert curve[-1] == pytest.approx(0)
        assert (np.diff(curve) < 0).all()
        worst = deletion_curve(function, image, -contributions, fill=0)
        for _ in range(20):
            order = deletion_curve(function, image, rng.random((12, 10)), fill=0)
            assert (curve[1:-1] < order[1:-1]).all()
            assert (worst[1:-1] > order[1:-1]).all()

    def test_its_ends_are_the_whole_image_and_one_colour(self):
        image = photo((6, 5, 3))
        start, end = deletion_curve(uneven, image, np.zeros((6, 5)), fractions=(0, 1))
        assert start == occlusion_map(uneven, image).baseline == uneven(image[None])[0]
        plain = np.broadcast_to(image.mean(axis=(0, 1)), (1, 6, 5, 3))
        assert end == pytest.approx(uneven(plain)[0], rel=1e-5)
        assert end == pytest.approx(deletion_curve(uneven, image, np.ones((6, 5)))[-1])

    def test_of_equal_pixels_the_upper_left_comes_first(self):
        image = np.array([[[1], [2], [4]], [[8], [16], [32]]], np.uint8)
        importance = np.array([[0, 5, 0], [5, 0, 5]])
        found = deletion_curve(
            total, image, importance, fractions=[count / 6 for count in range(7)], fill=0
        )
        assert found.tolist() == [63, 61, 53, 21, 20, 16, 0]

    def test_unsigned_importances_are_not_negated_as_they_are(self):
        """−0 is 0 and −1 is 255 in uint8."""
        image = np.array([[[1], [2], [4]]], np.uint8)
        importance = np.array([[0, 1, 255]], np.uint8)
        found = deletion_curve(total, image, importance, fractions=(1 / 3, 2 / 3), fill=0)
        assert found.tolist() == [3, 1]

    def test_fractions_are_taken_in_the_order_given(self):
        image, importance = photo((4, 4, 1)), np.arange(16).reshape(4, 4)
        up = deletion_curve(total, image, importance, fractions=(0, 0.25, 1), batch_size=1)
        mixed = deletion_curve(total, image, importance, fractions=(1, 0, 0.25, 0.25))
        assert mixed.tolist() == [up[2], up[0], up[1], up[1]]

    def test_the_default_fractions_are_tenths(self):
        np.testing.assert_allclose(DELETED_FRACTIONS, np.linspace(0, 1, 11), atol=1e-12)
        image, importance = photo((5, 4, 1)), photo((5, 4), 1)
        found = deletion_curve(total, image, importance)
        tenths = deletion_curve(total, image, importance, fractions=np.linspace(0, 1, 11))
        np.testing.assert_array_equal(found, tenths)

    def test_no_more_copies_are_held_than_a_batch(self):
        sizes = []

        def function(images):
            assert images.dtype == np.float32
            sizes.append(len(images))
            return total(images)

        deletion_curve(function, photo((4, 4, 1)), np.zeros((4, 4)), batch_size=4)
        assert sizes == [4, 4, 3]

    def test_the_arguments_are_left_as_they_are(self):
        image, importance = photo((4, 4, 3)), np.random.default_rng(0).random((4, 4))
        before = image.copy(), importance.copy()
        image.flags.writeable = importance.flags.writeable = False
        deletion_curve(total, image, importance)
        np.testing.assert_array_equal(image, before[0])
        np.testing.assert_array_equal(importance, before[1])

    @pytest.mark.parametrize(
        ("importance", "words"),
        [
            (np.zeros((4, 3)), r"shape \(3, 4\)\. Received: shape \(4, 3\)"),
            (np.zeros((3, 4, 1)), r"Received: shape \(3, 4, 1\)"),
            (np.array([[0, np.nan, 1, np.inf]] * 3), "6 of them not finite"),
        ],
    )
    def test_a_wrong_importance_is_refused(self, importance, words):
        with pytest.raises(ValueError, match=rf"`importance` must hold a finite number.*{words}"):
            deletion_curve(total, photo((3, 4, 1)), importance)

    def test_an_importance_without_numbers_is_refused(self):
        with pytest.raises(TypeError, match=r"`importance` must hold real numbers\. Received: <U"):
            deletion_curve(total, photo((3, 4, 1)), [["much"] * 4] * 3)

    @pytest.mark.parametrize("fractions", [(), (0, 1.01), (-0.01,), (0.5, np.nan), 0.5, [[0.5]]])
    def test_wrong_fractions_are_refused(self, fractions):
        with pytest.raises(ValueError, match=r"`fractions` must be a sequence of numbers in"):
            deletion_curve(total, photo((3, 4, 1)), np.zeros((3, 4)), fractions=fractions)


EVERY_CALL = pytest.mark.parametrize(
    "call",
    [
        occlusion_map,
        lambda function, image, **options: saliency_map(function, image, noise=0, **options),
        lambda function, image, **options: deletion_curve(
            function, image, np.zeros(np.shape(image)[:2]), **options
        ),
    ],
    ids=["occlusion_map", "saliency_map", "deletion_curve"],
)


@EVERY_CALL
class TestWhatAllRefuse:
    @pytest.mark.parametrize(
        ("function", "words"),
        [
            (lambda images: tf.reduce_sum(images), r"shape \(\d+,\)\. Received: shape \(\)\.$"),
            (lambda images: tf.reduce_sum(images, axis=(2, 3))[:, :1], r"1\)\. Leave the last"),
            (lambda images: tf.reduce_sum(images, axis=(2, 3)), r"Received: shape \(\d+, 4\)\.$"),
            (lambda images: tf.reduce_sum(images, axis=(1, 2, 3))[1:], r"shape \(\d+,\)\.$"),
            (lambda images: tf.reduce_sum(images, axis=(1, 2, 3)) / 0, r"Received: inf"),
            (lambda images: tf.reduce_sum(images, axis=(1, 2, 3)) * np.nan, r"Received: nan"),
            (lambda images: None, "Received: NoneType, no numbers"),
            (lambda images: ["much"] * len(images), "Received: list, no numbers"),
            (lambda images: [[1.0]] + [[]] * len(images), "Received: list, no numbers"),
            (lambda images: np.zeros(len(images), complex), "Received: ndarray, no numbers"),
        ],
        ids=["()", "(n, 1)", "(n, 4)", "(n - 1,)", "inf", "nan", "None", "str", "ragged", "1j"],
    )
    def test_other_values_than_one_finite_number_an_image(self, call, function, words):
        with pytest.raises(ValueError, match=rf"`function` must return.*{words}"):
            call(function, photo((4, 4, 2)))

    def test_one_value_among_many_that_is_not_finite(self, call):
        def function(images):
            values = np.zeros(len(images))
            values[-1] = -np.inf
            return values

        with pytest.raises(ValueError, match=r"`function` must return.*Received: -inf"):
            call(function, photo((4, 4, 2)))

    def test_a_failure_of_the_function_itself_is_not_reworded(self, call):
        def function(images):
            raise ValueError("mine")

        with pytest.raises(ValueError, match=r"^mine$"):
            call(function, photo((4, 4, 2)))

    def test_what_cannot_be_called(self, call):
        with pytest.raises(TypeError, match=r"`function` must be a function .* Received: ndarray"):
            call(np.zeros(3), photo((4, 4, 1)))

    @pytest.mark.parametrize(
        ("shape", "words"),
        [
            ((4, 4), r"\(4, 4\)\. For a grey image: image\[\.\.\., None\]"),
            ((1, 4, 4, 3), r"\(1, 4, 4, 3\)\."),
            ((0, 4, 3), r"\(0, 4, 3\)"),
            ((4, 4, 0), r"\(4, 4, 0\)"),
        ],
    )
    def test_an_image_of_another_shape(self, call, shape, words):
        with pytest.raises(ValueError, match=rf"`image` must have shape .*Received: shape {words}"):
            call(total, np.zeros(shape))

    @pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
    def test_an_image_that_is_not_finite(self, call, value):
        image = np.zeros((4, 4, 1))
        image[2, 1] = value
        with pytest.raises(ValueError, match="`image` must be finite in float32"):
            call(total, image)

    @pytest.mark.parametrize("image", [np.zeros((4, 4, 1), complex), np.full((4, 4, 1), "white")])
    def test_an_image_without_real_numbers(self, call, image):
        with pytest.raises(TypeError, match="`image` must hold real numbers"):
            call(total, image)

    def test_an_impossible_batch(self, call):
        with pytest.raises(ValueError, match=r"`batch_size` must be at least 1\. Received: 0"):
            call(total, photo((4, 4, 1)), batch_size=0)
        with pytest.raises(TypeError, match=r"`batch_size` must hold integers\. Received: 1\.5"):
            call(total, photo((4, 4, 1)), batch_size=1.5)


@pytest.mark.parametrize(
    "call",
    [
        occlusion_map,
        lambda function, image, **options: deletion_curve(
            function, image, np.zeros(image.shape[:2]), **options
        ),
    ],
    ids=["occlusion_map", "deletion_curve"],
)
class TestFill:
    @pytest.mark.parametrize("fill", [(1, 2), (1, 2, 3, 4), [[1, 2, 3]], np.nan, (0, 1, np.inf)])
    def test_another_than_a_number_or_a_colour_is_refused(self, call, fill):
        with pytest.raises(ValueError, match=r"`fill` must be a finite number, or 3, one for each"):
            call(total, photo((4, 4, 3)), fill=fill)

    def test_one_beyond_float32_is_refused(self, call):
        with pytest.raises(ValueError, match=r"`fill` must be .* Received: fill=1e\+300"):
            call(total, photo((4, 4, 3)), fill=1e300)

    def test_a_word_is_refused(self, call):
        with pytest.raises(TypeError, match=r"`fill` must hold real numbers\. Received: <U5"):
            call(total, photo((4, 4, 3)), fill="white")

    @pytest.mark.parametrize("fill", [7, np.float32(7), (7,), np.array([7], np.uint8)])
    def test_a_grey_image_takes_a_number_or_one_in_a_row(self, call, fill):
        seen = []

        def function(images):
            seen.extend(np.unique(image).tolist() for image in images)
            return total(images)

        call(function, np.zeros((4, 4, 1)), fill=fill)
        assert [0, 7] in seen


class TestWindowsThatAreRefused:
    @pytest.mark.parametrize(
        ("window", "words"),
        [
            (5, r"must fit into the image, \(4, 6\)\. Received: window=\(5, 5\)"),
            ((4, 7), r"must fit into the image, \(4, 6\)\. Received: window=\(4, 7\)"),
            (0, "must be at least 1. Received: 0"),
            ((2, -1), "must be at least 1. Received: -1"),
            ((1, 2, 3), r"must be one integer, or \(height, width\).*window=\(1, 2, 3\)"),
        ],
    )
    def test_a_window(self, window, words):
        with pytest.raises(ValueError, match=f"`window` {words}"):
            occlusion_map(total, photo((4, 6, 1)), window=window)

    @pytest.mark.parametrize("stride", [3, (1, 3), (3, 1)])
    def test_a_stride_that_would_leave_gaps(self, stride):
        words = r"`stride` must not exceed the window, \(2, 2\).*Received: stride=\([13], [13]\)"
        with pytest.raises(ValueError, match=words):
            occlusion_map(total, photo((4, 6, 1)), window=2, stride=stride)

    def test_a_stride_that_never_ends(self):
        with pytest.raises(ValueError, match=r"`stride` must be at least 1\. Received: 0"):
            occlusion_map(total, photo((4, 6, 1)), window=2, stride=0)

    @pytest.mark.parametrize("option", ["window", "stride"])
    @pytest.mark.parametrize("value", [1.0, "1", (1, 1.5)])
    def test_a_size_that_is_no_integer(self, option, value):
        with pytest.raises(TypeError, match=f"`{option}` must hold integers"):
            occlusion_map(total, photo((4, 6, 1)), **{option: value})

    def test_integers_of_numpy_are_integers(self):
        found = occlusion_map(total, photo((4, 6, 1)), window=np.array([2, 3]), stride=np.int64(1))
        assert found.window == (2, 3)
        assert found.change.shape == (3, 4)
