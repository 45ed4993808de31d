import numpy as np
import pytest
from scipy import ndimage

from course_utils.recognition.training import augment_faces

NOTHING = {
    "rotation": 0,
    "zoom": 0,
    "shift": 0,
    "mirror": False,
    "brightness": 0,
    "contrast": 0,
}
HEIGHT, WIDTH = 101, 81
MIDDLE = np.array([(WIDTH - 1) / 2, (HEIGHT - 1) / 2])


def faces(num_images, shape=(HEIGHT, WIDTH, 1), seed=0):
    return np.random.default_rng(seed).uniform(size=(num_images, *shape)).astype("float32")


def augmented(images, seed=0, **options):
    return augment_faces(images, np.random.default_rng(seed), **NOTHING | options)


def dot(position):
    """One photo of a soft bright dot at (x, y), black elsewhere."""
    y, x = np.indices((HEIGHT, WIDTH))
    squared = (x - position[0]) ** 2 + (y - position[1]) ** 2
    return np.exp(-squared / (2 * 3.0**2)).astype("float32")[:, :, None]


def places(images):
    """Centre of mass (x, y) of each photo, shape (batch, 2)."""
    weights = images[..., 0].astype(np.float64)
    weights /= weights.sum(axis=(1, 2), keepdims=True)
    return np.stack(
        [weights.sum(axis=1) @ np.arange(WIDTH), weights.sum(axis=2) @ np.arange(HEIGHT)], axis=1
    )


def moved_dots(offset, num_images=300, **options):
    """Where a dot at `offset` from the centre ends up, from the centre, in many photos."""
    images = np.repeat(dot(MIDDLE + offset)[None], num_images, axis=0)
    return places(augmented(images, **options)) - MIDDLE


@pytest.mark.parametrize("shape", [(16, 16, 1), (24, 18, 1), (10, 15, 3), (1, 1, 1)])
@pytest.mark.parametrize("num_images", [1, 3])
def test_shape_type_and_range(num_images, shape):
    images = faces(num_images, shape)
    result = augment_faces(images, np.random.default_rng(0))
    assert isinstance(result, np.ndarray)
    assert result.shape == images.shape
    assert result.dtype == np.float32
    assert 0 <= result.min() <= result.max() <= 1


def test_no_images_are_no_images():
    assert augment_faces(np.zeros((0, 8, 6, 1)), np.random.default_rng(0)).shape == (0, 8, 6, 1)


def test_the_range_is_kept_when_the_light_goes_beyond_it():
    result = augmented(faces(40), brightness=0.8, contrast=2.0)
    assert result.min() == 0
    assert result.max() == 1


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8"])
def test_the_images_are_left_alone(dtype):
    images = faces(3).round().astype(dtype) if dtype == "uint8" else faces(3).astype(dtype)
    before = images.copy()
    for options in ({}, NOTHING):
        result = augment_faces(images, np.random.default_rng(0), **options)
        assert not np.shares_memory(result, images)
    np.testing.assert_array_equal(images, before)


def test_images_that_cannot_be_written_to_are_accepted():
    images = faces(2)
    images.flags.writeable = False
    assert augment_faces(images, np.random.default_rng(0)).flags.writeable


def test_the_same_generator_state_gives_the_same_and_another_something_else():
    first, second, other = (
        augment_faces(faces(3), np.random.default_rng(seed)) for seed in (5, 5, 6)
    )
    np.testing.assert_array_equal(first, second)
    assert np.abs(first - other).max() > 0.01


def test_the_generator_moves_on():
    rng = np.random.default_rng(0)
    first, second = augment_faces(faces(3), rng), augment_faces(faces(3), rng)
    assert np.abs(first - second).max() > 0.01


@pytest.mark.parametrize("shape", [(16, 16, 1), (17, 12, 3), (56, 46, 1)])
def test_with_every_option_off_nothing_changes(shape):
    np.testing.assert_allclose(augmented(faces(4, shape)), faces(4, shape), atol=1e-6)


@pytest.mark.parametrize("shape", [(16, 16, 1), (5, 7, 3), (56, 46, 1)])
def test_about_half_are_mirrored_and_all_others_stay(shape):
    images = faces(400, shape)
    result = augmented(images, mirror=True)
    stay, mirrored = (
        np.abs(result - candidate).max(axis=(1, 2, 3)) < 1e-5
        for candidate in (images, images[:, :, ::-1])
    )
    assert (stay ^ mirrored).all()
    assert 150 < mirrored.sum() < 250


@pytest.mark.parametrize("shift", [0.05, 0.2])
def test_a_shift_keeps_within_its_share_of_width_and_height_both_ways(shift):
    moved = moved_dots((0, 0), shift=shift)
    largest = np.array([WIDTH, HEIGHT]) * shift
    assert (np.abs(moved) <= largest + 0.02).all()
    np.testing.assert_allclose(moved.min(axis=0), -largest, rtol=0.05)
    np.testing.assert_allclose(moved.max(axis=0), largest, rtol=0.05)
    assert np.abs(np.corrcoef(moved.T)[0, 1]) < 0.2


def test_a_rotation_leaves_the_centre_where_it_is():
    np.testing.assert_allclose(moved_dots((0, 0), rotation=90), 0, atol=1e-3)
    images = faces(20)
    centre = np.s_[:, HEIGHT // 2, WIDTH // 2]
    np.testing.assert_allclose(augmented(images, rotation=90)[centre], images[centre], atol=1e-4)


@pytest.mark.parametrize("rotation", [8, 60])
def test_a_rotation_turns_both_ways_by_at_most_its_angle_and_changes_no_distance(rotation):
    moved = moved_dots((0, -25), rotation=rotation)
    np.testing.assert_allclose(np.hypot(*moved.T), 25, atol=0.02)
    angles = np.rad2deg(np.arctan2(moved[:, 0], -moved[:, 1]))
    assert np.abs(angles).max() <= rotation + 0.1
    np.testing.assert_allclose([angles.min(), angles.max()], [-rotation, rotation], rtol=0.05)


def test_a_zoom_moves_along_the_rays_from_the_centre_within_its_bounds():
    moved = moved_dots((12, -16), zoom=0.4)
    scales = np.hypot(*moved.T) / 20
    np.testing.assert_allclose(moved / scales[:, None], np.tile([12, -16], (300, 1)), atol=0.02)
    assert np.exp(-0.4) - 0.002 <= scales.min() < np.exp(-0.38)
    assert np.exp(0.38) < scales.max() <= np.exp(0.4) + 0.002
    assert abs(np.mean(np.log(scales) > 0) - 0.5) < 0.1


def measured_transforms(num_images, seed, **options):
    """Matrix and offset that map (x, y) of a photo to (x, y) of the result, for each photo.

    The draws depend on the generator and the number of photos only: three dots that were moved
    by the same draws fix each map.
    """
    offsets = np.array([(0, 0), (12, 0), (0, 12)])
    ends = [
        places(
            augmented(np.repeat(dot(MIDDLE + offset)[None], num_images, axis=0), seed, **options)
        )
        for offset in offsets
    ]
    matrices = np.stack([(ends[1] - ends[0]) / 12, (ends[2] - ends[0]) / 12], axis=2)
    return matrices, ends[0] - matrices @ MIDDLE


GEOMETRY = {"rotation": 25, "zoom": 0.25, "shift": 0.1, "mirror": True}


def test_proportions_are_kept_whatever_is_combined():
    matrices, _ = measured_transforms(40, seed=1, **GEOMETRY)
    scales = np.sqrt(np.abs(np.linalg.det(matrices)))
    identity = matrices.transpose(0, 2, 1) @ matrices / scales[:, None, None] ** 2
    np.testing.assert_allclose(identity, np.tile(np.eye(2), (40, 1, 1)), atol=2e-3)
    mirrored = np.linalg.det(matrices) < 0
    assert 5 < mirrored.sum() < 35
    angles = np.rad2deg(np.arctan2(matrices[:, 0, 1], matrices[:, 1, 1]))
    assert np.abs(angles).max() < 25.1
    assert scales.min() > np.exp(-0.25) - 0.002
    assert scales.max() < np.exp(0.25) + 0.002


def test_the_resampling_is_the_one_of_scipy_edges_included():
    """SciPy asks where a pixel comes from, in (row, column): the inverse, the axes swapped."""
    images = ndimage.gaussian_filter(faces(6), (0, 3, 3, 0))
    images = (images - images.min()) / (images.max() - images.min())
    result = augmented(images, seed=2, **GEOMETRY)
    matrices, offsets = measured_transforms(6, seed=2, **GEOMETRY)
    assert set(np.sign(np.linalg.det(matrices))) == {-1, 1}
    swap = np.array([[0, 1], [1, 0]])
    for image, found, matrix, offset in zip(images, result, matrices, offsets, strict=True):
        inverse = np.linalg.inv(matrix)
        expected = ndimage.affine_transform(
            image[..., 0],
            swap @ inverse @ swap,
            swap @ (-inverse @ offset),
            order=1,
            mode="nearest",
        )
        assert np.abs(image[..., 0] - expected).max() > 0.2
        np.testing.assert_allclose(found[..., 0], expected, atol=0.005)


def test_what_comes_in_over_the_edge_repeats_the_edge():
    ramp = np.repeat(np.linspace(0.2, 0.8, 16)[:, None], 16, axis=1)
    images = np.repeat(ramp[None, :, :, None], 20, axis=0)
    result = augmented(images, **GEOMETRY)
    assert result.min() >= 0.2 - 1e-5
    assert result.max() <= 0.8 + 1e-5


def test_all_channels_of_a_photo_are_moved_and_lit_alike():
    images = faces(4, (24, 18, 3))
    images[..., 1], images[..., 2] = images[..., 0], 1 - images[..., 0]
    result = augment_faces(images, np.random.default_rng(3), brightness=0, contrast=0)
    np.testing.assert_allclose(result[..., 1], result[..., 0], atol=1e-6)
    np.testing.assert_allclose(result[..., 2], 1 - result[..., 0], atol=1e-5)
    lit = augmented(images, brightness=0.3, contrast=0.3)
    np.testing.assert_array_equal(lit[..., 0], lit[..., 1])


def test_brightness_adds_one_number_within_bounds_to_a_photo():
    images = 0.4 + 0.2 * faces(300, (6, 5, 1))
    added = (augmented(images, brightness=0.3) - images).astype(np.float64)
    np.testing.assert_allclose(added.std(axis=(1, 2, 3)), 0, atol=1e-6)
    numbers = added.mean(axis=(1, 2, 3))
    assert np.abs(numbers).max() <= 0.3 + 1e-6
    assert numbers.min() < -0.29
    assert numbers.max() > 0.29


def test_contrast_multiplies_the_difference_from_grey_within_bounds():
    images = 0.4 + 0.2 * faces(300, (6, 5, 1))
    result = augmented(images, contrast=0.5)
    gains = [
        np.polynomial.polynomial.polyfit(image.ravel() - 0.5, other.ravel() - 0.5, 1)
        for image, other in zip(images, result, strict=True)
    ]
    offset, gain = np.transpose(gains)
    np.testing.assert_allclose(offset, 0, atol=1e-6)
    straight = 0.5 + gain[:, None, None, None] * (images - 0.5)
    np.testing.assert_allclose(result, straight, atol=1e-6)
    assert np.exp(-0.5) - 1e-5 <= gain.min() < np.exp(-0.48)
    assert np.exp(0.48) < gain.max() <= np.exp(0.5) + 1e-5


@pytest.mark.parametrize(
    "options",
    [{"rotation": 8}, {"zoom": 0.1}, {"shift": 0.06}, {"brightness": 0.15}, {"contrast": 0.2}],
    ids=lambda options: next(iter(options)),
)
def test_every_photo_of_a_batch_gets_its_own_draw(options):
    result = augmented(np.repeat(faces(1), 8, axis=0), **options)
    assert all(
        np.abs(result[i] - result[j]).max() > 1e-4 for i in range(8) for j in range(i + 1, 8)
    )


def test_by_default_faces_are_moved_mirrored_and_relit_a_little():
    images = np.repeat(dot(MIDDLE + np.array([8, 0]))[None], 100, axis=0)
    result = augment_faces(images, np.random.default_rng(0), brightness=0, contrast=0)
    moved = places(result) - MIDDLE
    assert 20 < (moved[:, 0] < 0).sum() < 80
    turned = np.hypot(np.abs(moved[:, 0]) - 8, moved[:, 1])
    assert 1 < turned.max() < 8 * (np.exp(0.1) - 1 + np.deg2rad(8)) + 0.06 * np.hypot(WIDTH, HEIGHT)
    grey = np.full((100, 4, 4, 1), 0.5)
    light = augment_faces(grey, np.random.default_rng(0))[:, 0, 0, 0] - 0.5
    assert 0.14 < np.abs(light).max() <= 0.15 + 1e-6


@pytest.mark.parametrize("shape", [(8, 6, 1), (8, 6), (2, 8, 6, 1, 1), ()])
def test_images_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"`images` must have shape \(batch.*Received: images\.sh"):
        augment_faces(np.zeros(shape), np.random.default_rng(0))


@pytest.mark.parametrize(
    ("value", "words"),
    [(255, "from 0 to 255"), (-0.1, "from -0.1 to 0"), (1.01, "from 0 to 1.01"), (np.nan, "nan")],
)
def test_values_out_of_range_are_refused(value, words):
    images = np.zeros((1, 8, 6, 1))
    images[0, 3, 3, 0] = value
    with pytest.raises(ValueError, match=rf"`images` must lie in \[0, 1\].*{words}"):
        augment_faces(images, np.random.default_rng(0))


@pytest.mark.parametrize("name", ["rotation", "zoom", "shift", "brightness", "contrast"])
@pytest.mark.parametrize("value", [-0.1, np.nan])
def test_a_negative_option_is_refused(name, value):
    words = rf"`{name}` must not be negative\. Received: {name}={value}\."
    with pytest.raises(ValueError, match=words):
        augment_faces(faces(1), np.random.default_rng(0), **{name: value})
