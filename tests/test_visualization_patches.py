import logging
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from course_utils.models import build_face_encoder
from course_utils.visualization import patches as patches_module
from course_utils.visualization import top_patches

SIZES = [(9, 11), (12, 8), (9, 11), (9, 11), (16, 13), (12, 8)]


def whole_numbers(seed=0):
    """Weights −2 … 2: sums of small whole numbers are exact, and ties are frequent."""
    rng = np.random.default_rng(seed)
    return lambda shape, dtype=None: rng.integers(-2, 3, shape).astype(np.float32)


def conv(kernel, *, filters=3, seed=0, **options):
    start = whole_numbers(seed)
    return layers.Conv2D(filters, kernel, kernel_initializer=start, **options)


def chain(*steps, size=(None, None), channels=1):
    images = keras.Input((*size, channels))
    features = images
    for step in steps:
        features = step(features)
    return keras.Model(images, features)


def residual():
    """A convolution, and a block of one more whose result is added to what went in."""
    images = keras.Input((None, None, 1))
    features = conv(3, padding="same")(images)
    branch = conv(3, padding="same", seed=1)(features)
    return keras.Model(images, layers.ReLU(name="target")(layers.Add()([features, branch])))


def identity():
    """A layer that is its image: a unit is a pixel."""
    return chain(layers.Identity(name="target"))


def centred(size):
    """A convolution whose kernel is 0 but in the middle: it sees more than it heeds."""
    kernel = np.zeros((size, size, 1, 1))
    kernel[size // 2, size // 2] = 1
    start = keras.initializers.Constant(kernel)
    return chain(layers.Conv2D(1, size, padding="same", kernel_initializer=start, name="target"))


# How to build a network, and its windows: (kernel, stride, padding), first layer first.
NETWORKS = {
    "valid": (lambda: chain(conv(3, name="target")), [(3, 1, "valid")]),
    "even kernel": (
        lambda: chain(conv(4, padding="same", activation="relu", name="target")),
        [(4, 1, "same")],
    ),
    "stride 2": (
        lambda: chain(
            conv(3, strides=2, padding="same", activation="relu"),
            conv(2, seed=1, name="target"),
        ),
        [(3, 2, "same"), (2, 1, "valid")],
    ),
    "stride 3": (
        lambda: chain(conv(5, strides=3, activation="relu", name="target")),
        [(5, 3, "valid")],
    ),
    "pooled": (
        lambda: chain(
            conv(3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            conv(2, padding="same", seed=1, activation="relu", name="target"),
        ),
        [(3, 1, "same"), (2, 2, "valid"), (2, 1, "same")],
    ),
    "overlapping pool": (
        lambda: chain(
            conv(2), layers.MaxPooling2D(3, 2, padding="same"), conv(3, seed=1, name="target")
        ),
        [(2, 1, "valid"), (3, 2, "same"), (3, 1, "valid")],
    ),
    "residual": (residual, [(3, 1, "same"), (3, 1, "same")]),
}


def extents(windows, length):
    """First pixel and end of what each position sees along one axis, from window to window."""
    first = last = lambda position: position
    for kernel, stride, padding in windows:
        if padding == "same":
            outputs = -(-length // stride)
            before = max((outputs - 1) * stride + kernel - length, 0) // 2
        else:
            outputs, before = (length - kernel) // stride + 1, 0
        first = _through(first, stride, -before)
        last = _through(last, stride, kernel - 1 - before)
        length = outputs
    return [(first(position), last(position) + 1) for position in range(length)]


def _through(function, stride, shift):
    return lambda position: function(position * stride + shift)


def expected_patches(maps, extents_of, unit, k, *, per_image=1, inside=False, sizes=SIZES):
    """All places of all images, sorted by Python, and the rules one by one.

    Args: the map of each image, and for each image the extents of its rows and columns.
    Returns: list of (activation, image, (row, column), box).
    """
    candidates = []
    for image, each in enumerate(maps):
        rows, columns = extents_of[image]
        for row in range(each.shape[0]):
            for column in range(each.shape[1]):
                activation = float(each[row, column, unit])
                (top, bottom), (left, right) = rows[row], columns[column]
                height, width = sizes[image]
                is_whole = min(top, left) >= 0 and bottom <= height and right <= width
                if activation != 0 and (is_whole or not inside):
                    box = (top, left, bottom, right)
                    candidates.append((-activation, image, row, column, box))
    chosen = []
    for candidate in sorted(candidates):
        others = [each for each in chosen if each[1] == candidate[1]]
        near = any(_is_near(candidate[4], other[4]) for other in others)
        if len(others) < per_image and not near:
            chosen.append(candidate)
    return [(-negative, image, (r, c), box) for negative, image, r, c, box in chosen[:k]]


def _is_near(box, other):
    """Whether the centres are less than half a box apart, in height and in width."""
    return all(abs(box[axis] - other[axis]) * 2 < box[axis + 2] - box[axis] for axis in (0, 1))


def assert_found(found, row, expected):
    """Row of the result = list of the reference, and nothing behind it."""
    number, k = len(expected), found.activations.shape[1]
    assert found.num_found[row] == number
    assert found.activations[row, :number].tolist() == [each[0] for each in expected]
    assert found.image_indices[row].tolist() == [each[1] for each in expected] + [-1] * (k - number)
    assert found.positions[row, :number].tolist() == [list(each[2]) for each in expected]
    assert found.boxes[row, :number].tolist() == [list(each[3]) for each in expected]
    assert np.isnan(found.activations[row, number:]).all()
    assert (found.positions[row, number:] == 0).all()
    assert (found.boxes[row, number:] == 0).all()


def assert_same(found, other):
    for name in ("units", "activations", "image_indices", "positions", "boxes"):
        np.testing.assert_array_equal(getattr(found, name), getattr(other, name), err_msg=name)


def maps_of(model, images, layer="target"):
    """What the layer answers to each image alone."""
    alone = keras.Model(model.inputs[0], model.get_layer(layer).output)
    return [alone(image[None].astype(np.float32)).numpy()[0] for image in images]


@pytest.fixture(scope="module")
def images():
    """Six images of three sizes; few values, so that many activations are equal."""
    rng = np.random.default_rng(3)
    made = [rng.integers(0, 3, (*size, 1)).astype(np.float32) for size in SIZES]
    made[3] = made[2].copy()  # the same image twice
    for image in made:
        image.flags.writeable = False
    return made


def spots(*places, size=(6, 7)):
    """Black images; each a dict from place to value."""
    made = np.zeros((len(places), *size, 1), np.float32)
    for image, values in zip(made, places, strict=True):
        for place, value in values.items():
            image[place] = value
    return made


class TestAgainstEveryPlace:
    @pytest.mark.parametrize("inside", [False, True])
    @pytest.mark.parametrize("name", NETWORKS)
    def test_the_strongest_places_are_found(self, name, inside, images):
        build, windows = NETWORKS[name]
        model = build()
        maps = maps_of(model, images)
        seen = [[extents(windows, length) for length in size] for size in SIZES]
        for image, (rows, columns) in zip(maps, seen, strict=True):
            assert image.shape == (len(rows), len(columns), 3)
        for per_image, k in ((1, 1), (1, 4), (2, 9), (3, 5), (40, 200)):
            found = top_patches(
                model, "target", images, patches=k, per_image=per_image, inside=inside
            )
            for unit in range(3):
                expected = expected_patches(maps, seen, unit, k, per_image=per_image, inside=inside)
                assert_found(found, unit, expected)

    def test_the_test_images_hold_ties_and_silent_units(self, images):
        """Otherwise the test above would not be about them."""
        model = NETWORKS["even kernel"][0]()
        maps = np.concatenate([each.reshape(-1, 3) for each in maps_of(model, images)])
        for unit in maps.T:
            assert (unit == 0).any()
            strongest = np.sort(unit)[-30:]
            assert len(np.unique(strongest)) < 25

    def test_several_layers_take_one_pass(self, images):
        model = NETWORKS["pooled"][0]()
        names = [layer.name for layer in model.layers]
        asked = [names[3], names[0], names[1], names[2]]  # the image itself among them
        read = []
        together = top_patches(
            model, asked, (read.append(0) or image for image in images), patches=3, per_image=2
        )
        assert list(together) == asked
        assert len(read) == len(images)
        for name in asked:
            alone = top_patches(model, name, images, patches=3, per_image=2)
            assert together[name].layer == alone.layer == name
            assert_same(together[name], alone)
        one = top_patches(model, [names[3]], images, patches=3, per_image=2)
        assert list(one) == [names[3]]
        assert_same(one[names[3]], together[names[3]])

    def test_the_face_encoder_sees_27_pixels_in_its_first_block(self):
        """7; after the 3×3 pool at stride 2: 7 + 2·2 = 11; two 3×3 at stride 4: 11 + 2·2·4 = 27.

        Of them 4 + 4 pixels lie in front of position 0, where the convolutions pad.
        """
        rng = np.random.default_rng(0)
        encoder = build_face_encoder(None)
        name = "stage1_block1_relu"
        for layer in encoder.layers[: encoder.layers.index(encoder.get_layer(name))]:
            layer.set_weights([rng.normal(scale=0.1, size=w.shape) for w in layer.get_weights()])
        faces = rng.uniform(0, 255, (3, 150, 150, 3)).astype(np.float32)
        found = top_patches(encoder, name, faces, patches=2)
        maps = maps_of(encoder, faces, name)
        assert maps[0].shape == (35, 35, 32)
        rows = [(4 * row - 8, 4 * row + 19) for row in range(35)]
        for unit in range(32):
            expected = expected_patches(maps, [(rows, rows)] * 3, unit, 2, sizes=[(150, 150)] * 3)
            places = [(image, *position) for _, image, position, _ in expected]
            number = found.num_found[unit]
            assert number == len(expected)
            got = zip(found.image_indices[unit], *found.positions[unit].T, strict=True)
            assert list(got)[:number] == places
            assert found.boxes[unit, :number].tolist() == [list(each[3]) for each in expected]
            np.testing.assert_allclose(
                found.activations[unit, :number], [each[0] for each in expected], rtol=1e-4
            )
        assert found.num_found.max() == 2


class TestTies:
    def test_a_constant_image_is_found_at_its_upper_left(self):
        model = chain(layers.Conv2D(1, 2, kernel_initializer="ones", name="target"))
        found = top_patches(model, "target", np.ones((3, 20, 40, 1)), patches=2)
        assert found.image_indices.tolist() == [[0, 1]]
        assert found.positions.tolist() == [[[0, 0], [0, 0]]]

    def test_the_earlier_image_then_the_upper_then_the_left_place(self):
        images = spots({(5, 0): 1}, {(3, 6): 2, (2, 6): 2, (2, 5): 2, (4, 0): 2}, {(0, 0): 2})
        found = top_patches(identity(), "target", images, patches=4, per_image=3)
        assert found.image_indices.tolist() == [[1, 1, 1, 2]]
        assert found.positions.tolist() == [[[2, 5], [2, 6], [3, 6], [0, 0]]]

    @pytest.mark.parametrize("pixels", [1, 84, 10**6])
    def test_over_the_border_of_a_batch_as_well(self, pixels, monkeypatch):
        monkeypatch.setattr(patches_module, "PIXELS_PER_BATCH", pixels)
        images = spots(*[{(row, 3): 5} for row in (3, 0, 5, 1, 0)])
        found = top_patches(identity(), "target", images, patches=3)
        assert found.image_indices.tolist() == [[0, 1, 2]]
        assert found.positions[0, :, 0].tolist() == [3, 0, 5]

    def test_wide_maps_with_many_channels(self):
        """Equal maxima thousands of places apart."""
        images = np.zeros((2, 64, 129, 17), np.float32)
        images[:, 40, 100] = 1
        images[:, 40, 128] = 1
        images[:, 63, 0] = 1
        found = top_patches(chain(layers.Identity(name="target"), channels=17), "target", images)
        assert (found.positions[:, :2] == (40, 100)).all()
        assert (found.num_found == 2).all()


class TestSilence:
    def test_a_dead_unit_has_no_patch(self, images):
        model = chain(conv(3, name="target", activation="relu", bias_initializer=_dead_second))
        found = top_patches(model, "target", images, patches=2)
        assert found.num_found.tolist() == [2, 0, 2]
        assert np.isnan(found.activations[1]).all()
        assert (found.image_indices[1] == -1).all()
        assert (found.boxes[1] == 0).all()
        assert np.isfinite(found.activations[[0, 2]]).all()

    def test_images_on_which_a_unit_is_silent_are_left_out(self):
        images = spots({}, {(1, 1): 3}, {}, {(2, 2): 4}, {})
        found = top_patches(identity(), "target", images, patches=9)
        assert found.image_indices.tolist() == [[3, 1] + [-1] * 7]

    def test_negative_activations_count(self):
        images = spots({(1, 2): 2.0}, {(3, 4): 1.0}) - 5
        found = top_patches(identity(), "target", images, patches=3)
        assert found.activations.tolist()[0][:2] == [-3, -4]
        assert found.positions.tolist()[0][:2] == [[1, 2], [3, 4]]

    @pytest.mark.parametrize("k", [1, 2, 3, 4])
    def test_a_zero_hides_no_negative_activation(self, k):
        """Neither of its own image nor of another; and k = 1 finds the first of k = 2."""
        images = spots({(0, 0): 9.0}, {(5, 5): 6.0}, {(2, 2): 8.0}) - 9
        images[0, 4, 4] = -1.5  # the first is 0 at one place
        found = top_patches(identity(), "target", images, patches=k)
        expected = [(-1.0, 2), (-1.5, 0), (-3.0, 1)][:k]
        assert found.num_found.tolist() == [len(expected)]
        got = zip(found.activations[0].tolist(), found.image_indices[0].tolist(), strict=True)
        assert list(got)[: len(expected)] == expected

    def test_a_zero_hides_no_place_around_it(self):
        model = centred(5)
        images = spots({(3, 3): 9.0, (3, 4): 7.0}) - 9
        found = top_patches(model, "target", images, patches=2, per_image=2)
        assert found.activations[0].tolist() == [-2, -9]
        assert found.positions[0, 0].tolist() == [3, 4]


def _dead_second(shape, dtype=None):
    return np.float32([0, -1e6, 0])


class TestSeveralOfOneImage:
    def test_they_are_half_a_receptive_field_apart(self):
        """A box of 5 pixels: 2 apart is too near, 3 is not, and in one direction is enough."""
        model = centred(5)
        image = {(6, 6): 9, (8, 8): 8, (8, 4): 8, (4, 6): 8, (6, 9): 7, (9, 7): 6, (0, 0): 1}
        found = top_patches(model, "target", spots(image, size=(12, 12)), patches=5, per_image=5)
        assert found.positions[0, :4].tolist() == [[6, 6], [6, 9], [9, 7], [0, 0]]
        assert found.num_found.tolist() == [4]

    def test_more_than_there_are_places(self):
        images = np.arange(1, 13, dtype=np.float32).reshape(2, 2, 3, 1)
        found = top_patches(identity(), "target", images, patches=20, per_image=50)
        assert found.num_found.tolist() == [12]
        assert found.activations[0, :12].tolist() == list(range(12, 0, -1))

    def test_the_others_may_come_from_another_image(self):
        images = spots({(0, 0): 9, (0, 1): 8, (0, 2): 7}, {(0, 0): 6})
        found = top_patches(identity(), "target", images, patches=3, per_image=2)
        assert found.activations.tolist() == [[9, 8, 6]]


class TestBorders:
    @pytest.mark.parametrize("corner", [(0, 0), (0, 6), (5, 0), (5, 6)])
    def test_a_winner_in_the_corner(self, corner):
        model = centred(3)
        row, column = corner
        images = spots({corner: 9, (2, 2): 1})
        found = top_patches(model, "target", images, patches=1)
        assert found.positions.tolist() == [[[row, column]]]
        assert found.boxes.tolist() == [[[row - 1, column - 1, row + 2, column + 2]]]
        inside = top_patches(model, "target", images, patches=1, inside=True)
        assert inside.positions.tolist() == [[[2, 2]]]

    def test_an_image_smaller_than_the_receptive_field_is_never_inside(self):
        model = chain(conv(5, padding="same", name="target"))
        images = [np.ones((4, 9, 1)), np.ones((6, 5, 1)), np.ones((9, 4, 1))]
        found = top_patches(model, "target", images, patches=3, inside=True)
        assert (found.num_found <= 1).all()
        assert found.num_found.max() == 1
        assert set(found.image_indices[:, 0]) <= {1, -1}
        everywhere = top_patches(model, "target", images, patches=3)
        assert everywhere.num_found.max() == 3

    def test_an_image_of_which_nothing_is_left_is_refused(self):
        model = chain(conv(5, name="target"))
        images = [np.ones((6, 6, 1)), np.ones((4, 9, 1))]
        with pytest.raises(ValueError, match=r"must be larger.*\(4, 9\)"):
            top_patches(model, "target", images)


class TestImages:
    @pytest.mark.parametrize("pixels", [1, 200, 300, 10**6])
    def test_the_batches_make_no_difference(self, pixels, images, monkeypatch):
        model = NETWORKS["pooled"][0]()
        expected = top_patches(model, "target", images, patches=4, per_image=2)
        assert expected.num_found.min() > 0
        monkeypatch.setattr(patches_module, "PIXELS_PER_BATCH", pixels)
        assert_same(top_patches(model, "target", images, patches=4, per_image=2), expected)

    def test_any_kind_of_sequence(self):
        model = chain(conv(3, padding="same", name="target"))
        numbers = np.random.default_rng(0).integers(0, 256, (4, 8, 9, 1), np.uint8)
        expected = top_patches(model, "target", numbers.astype(np.float32), patches=3)
        for same in (
            numbers,
            numbers.astype(float),
            list(numbers),
            tuple(numbers),
            iter(numbers),
            tf.constant(numbers),
            tf.data.Dataset.from_tensor_slices(numbers),
            [numbers[0], numbers[1].astype(float), *numbers[2:].astype(np.float32)],
            numbers[:, ::-1][:, ::-1],
        ):
            assert_same(top_patches(model, "target", same, patches=3), expected)

    def test_a_generator_may_fill_one_array_again_and_again(self):
        def read():
            image = np.zeros((6, 7, 1), np.float32)
            for number in range(3):
                image[:] = 0
                image[number, 1] = number + 1
                yield image

        found = top_patches(identity(), "target", read(), patches=3)
        assert found.activations.tolist() == [[3, 2, 1]]
        assert found.image_indices.tolist() == [[2, 1, 0]]

    def test_they_are_read_no_further_than_one_batch_needs(self, monkeypatch):
        """One image more is needed to see that the batch is full. None stays in memory."""
        monkeypatch.setattr(patches_module, "PIXELS_PER_BATCH", 2 * 20 * 20)
        original = patches_module._strongest_places
        read, seen = [], []

        def record(maps, *others):
            alive = sum(reference() is not None for reference in read)
            seen.append((len(read), alive, maps.shape[0]))
            return original(maps, *others)

        def generate():
            for number in range(9):
                image = np.full((20, 20, 1), number + 1, np.float32)
                read.append(weakref.ref(image))
                yield image

        monkeypatch.setattr(patches_module, "_strongest_places", record)
        found = top_patches(identity(), "target", generate(), patches=2)
        assert [(number, batch) for number, _, batch in seen] == [
            (3, 2), (5, 2), (7, 2), (9, 2), (9, 1)
        ]  # fmt: skip
        assert max(alive for _, alive, _ in seen) <= 2
        assert found.image_indices.tolist() == [[8, 7]]

    def test_nothing_is_changed_and_nothing_is_said(self, images, capfd, caplog):
        """Eight sizes, each with a receptive field of its own: no warning of repeated tracing."""
        model = chain(
            conv(3, strides=2, padding="same", name="first"),
            layers.GlobalAveragePooling2D(name="pooled"),
        )
        weights = [each.copy() for each in model.get_weights()]
        top_patches(model, "first", images)
        capfd.readouterr()
        made = [np.ones((8 + number, 20 - number, 1), np.float32) for number in range(8)]
        logger = logging.getLogger("tensorflow")
        logger.addHandler(caplog.handler)
        try:
            for _ in range(3):
                top_patches(model, ["first", "pooled"], made)
        finally:
            logger.removeHandler(caplog.handler)
        assert caplog.records == []
        assert capfd.readouterr() == ("", "")
        for image in made:
            np.testing.assert_array_equal(image, 1)
        for before, after in zip(weights, model.get_weights(), strict=True):
            np.testing.assert_array_equal(before, after)

    def test_progress_counts_the_images(self, images, capsys):
        top_patches(identity(), "target", images, progress=True)
        assert "6/6" in capsys.readouterr().err


class TestWholeImage:
    def test_after_a_global_pooling(self):
        model = chain(
            conv(3, padding="same", activation="relu"),
            layers.GlobalMaxPooling2D(name="pooled"),
            layers.Dense(4, kernel_initializer=whole_numbers(5), name="dense"),
        )
        rng = np.random.default_rng(1)
        images = [rng.integers(0, 4, (*size, 1)).astype(np.uint8) for size in SIZES]
        found = top_patches(model, ["pooled", "dense"], images, patches=3, per_image=2)
        for name, each in found.items():
            vectors = np.array(maps_of(model, images, name))
            for unit in range(vectors.shape[1]):
                ranked = sorted((-value, i) for i, value in enumerate(vectors[:, unit]) if value)
                expected = [(-negative, i, (0, 0), (0, 0, *SIZES[i])) for negative, i in ranked[:3]]
                assert_found(each, unit, expected)
        inside = top_patches(model, "dense", images, patches=3, inside=True)
        assert_same(inside, found["dense"])

    def test_smaller_images_lie_at_the_top_left(self):
        model = chain(layers.GlobalAveragePooling2D(name="target"))
        images = [np.full((4, 7, 1), 9), np.full((6, 3, 1), 8), np.full((2, 2, 1), 7)]
        crops = top_patches(model, "target", images, patches=4).crop(images, fill=1)
        assert crops.shape == (1, 4, 6, 7, 1)
        assert crops.dtype == images[0].dtype
        for crop, image in zip(crops[0], [*images, np.empty((0, 0, 1))], strict=True):
            height, width = image.shape[:2]
            assert (crop[:height, :width] == image).all()
            assert (crop == 1).sum() == 42 - height * width

    def test_after_a_flattening(self):
        model = chain(
            layers.Flatten(),
            layers.Dense(2, kernel_initializer=whole_numbers(1), name="target"),
            size=(6, 7),
        )
        found = top_patches(model, "target", spots({(0, 0): 3}, {(1, 1): 5, (4, 4): 2}), patches=2)
        exists = found.image_indices >= 0
        assert exists.any()
        assert (found.boxes[exists] == (0, 0, 6, 7)).all()


PLANTED_IN, ROW, COLUMN = 2, 14, 22


@pytest.fixture(scope="module")
def template():
    template = np.random.default_rng(4).normal(size=(5, 5))
    return template - template.mean()


@pytest.fixture(scope="module")
def scenes(template):
    """Noise on a ramp of brightness; in one of them the template at 1.5 times the noise."""
    rng = np.random.default_rng(0)
    scenes = rng.normal(size=(5, 40, 44, 1)) + np.linspace(0, 60, 44)[:, None]
    scenes[PLANTED_IN, ROW : ROW + 5, COLUMN : COLUMN + 5, 0] += 1.5 * template
    return scenes.astype(np.float32)


def matching(template, *more, **options):
    start = keras.initializers.Constant(template[..., None, None])
    return chain(layers.Conv2D(1, 5, kernel_initializer=start, name="match", **options), *more)


class TestPlantedPattern:
    """A template of mean 0 is the kernel: it answers to the template, not to brightness."""

    @pytest.mark.parametrize("stride", [1, 2])
    @pytest.mark.parametrize("inside", [False, True])
    def test_it_is_found_where_it_was_put(self, stride, inside, template, scenes):
        model = matching(template, strides=stride)
        found = top_patches(model, "match", scenes, inside=inside)
        assert found.image_indices[0, 0] == PLANTED_IN
        assert found.positions[0, 0].tolist() == [ROW // stride, COLUMN // stride]
        assert found.boxes[0, 0].tolist() == [ROW, COLUMN, ROW + 5, COLUMN + 5]
        assert found.activations[0, 0] > 1.3 * found.activations[0, 1]
        expected = scenes[PLANTED_IN, ROW : ROW + 5, COLUMN : COLUMN + 5]
        np.testing.assert_array_equal(found.crop(scenes)[0, 0], expected)

    def test_behind_a_pooling_its_box_is_one_pixel_larger(self, template, scenes):
        model = matching(template, layers.MaxPooling2D(2), layers.ReLU(name="target"))
        found = top_patches(model, "target", scenes)
        assert found.image_indices[0, 0] == PLANTED_IN
        assert found.positions[0, 0].tolist() == [ROW // 2, COLUMN // 2]
        assert found.boxes[0, 0].tolist() == [ROW, COLUMN, ROW + 6, COLUMN + 6]


class TestUnits:
    def test_a_subset_in_any_order_and_twice(self, images):
        model = NETWORKS["valid"][0]()
        everything = top_patches(model, "target", images, patches=3)
        for units in ([2, 0, 2], (1,), range(2, 0, -1), np.array([1, 1], np.uint8)):
            found = top_patches(model, "target", images, units, patches=3)
            assert found.units.tolist() == list(units)
            for row, unit in enumerate(units):
                np.testing.assert_array_equal(found.activations[row], everything.activations[unit])
                np.testing.assert_array_equal(found.boxes[row], everything.boxes[unit])
                np.testing.assert_array_equal(
                    found.image_indices[row], everything.image_indices[unit]
                )

    @pytest.mark.parametrize("units", [[3], [-1], [], [0, 1.5], [True, False, True], "1", [None]])
    def test_others_are_refused(self, units, images):
        with pytest.raises(ValueError, match="`units` must be integers in 0–2 for target"):
            top_patches(NETWORKS["valid"][0](), "target", images, units)


def cut(image, box, fill):
    """The box out of an image with a wide frame of this colour."""
    frame = 50
    framed = np.empty((image.shape[0] + 100, image.shape[1] + 100, image.shape[2]), image.dtype)
    framed[:] = fill
    framed[frame:-frame, frame:-frame] = image
    top, left, bottom, right = np.asarray(box) + frame
    return framed[top:bottom, left:right]


@pytest.fixture(scope="module")
def photos():
    """Photos in colour of several sizes, bright at the border."""
    rng = np.random.default_rng(0)
    photos = [rng.integers(0, 200, (*size, 3), dtype=np.uint8) for size in SIZES]
    for photo in photos:
        photo[[0, -1]] += 50
    return photos


@pytest.fixture(scope="module")
def found(photos):
    model = chain(
        conv(5, padding="same", activation="relu", seed=2),
        layers.MaxPooling2D(2),
        conv((3, 5), padding="same", seed=3, name="target"),
        channels=3,
    )
    return top_patches(model, "target", photos, [2, 0], patches=8)


class TestCrop:
    @pytest.mark.parametrize("fill", [0, 128, (255, 7, 30)])
    def test_what_lies_outside_is_filled(self, fill, found, photos):
        crops = found.crop(photos, fill=fill)
        assert crops.dtype == np.uint8
        assert crops.shape == (2, 8, 10, 14, 3)
        beyond = (found.boxes[:, :6, :2] < 0).any() and any(
            (box[2:] > SIZES[index]).any()
            for box, index in zip(found.boxes[0, :6], found.image_indices[0], strict=False)
        )
        assert beyond
        for row in range(2):
            for column in range(6):
                photo = photos[found.image_indices[row, column]]
                expected = cut(photo, found.boxes[row, column], fill)
                np.testing.assert_array_equal(crops[row, column], expected)
        assert (crops[:, 6:] == np.uint8(fill)).all()  # fewer images than patches
        assert (found.num_found == 6).all()

    def test_the_fill_is_grey_unless_told(self, found, photos):
        np.testing.assert_array_equal(found.crop(photos), found.crop(photos, fill=128))

    def test_only_some_units(self, found, photos):
        everything = found.crop(photos)
        np.testing.assert_array_equal(found.crop(photos, [0]), everything[[1]])
        np.testing.assert_array_equal(found.crop(photos, iter([0, 2, 0])), everything[[1, 0, 1]])
        assert found.crop(photos, []).shape[:2] == (0, 8)

    def test_centres(self, found):
        centres = found.centres
        assert centres.shape == (2, 8, 2)
        assert np.isnan(centres[:, 6:]).all()  # fewer images than patches
        for unit, rank in np.ndindex(2, 6):
            top, left, bottom, right = found.boxes[unit, rank]
            assert centres[unit, rank].tolist() == [(top + bottom) / 2, (left + right) / 2]

    @pytest.mark.parametrize("size", [1, 4, 7, 8])
    def test_only_the_middle(self, size, found, photos):
        everything = found.crop(photos)  # 10 × 14 pixels
        top, left = (10 - size) // 2, (14 - size) // 2
        expected = everything[:, :, top : top + size, left : left + size]
        np.testing.assert_array_equal(found.crop(photos, size=size), expected)

    def test_the_middle_of_what_is_smaller_is_all_of_it(self, found, photos):
        everything = found.crop(photos)
        np.testing.assert_array_equal(found.crop(photos, size=14), everything)
        np.testing.assert_array_equal(found.crop(photos, size=12), everything[:, :, :, 1:13])

    def test_the_middle_is_counted_in_pixels_that_the_network_saw(self, found, photos):
        larger = [photo.repeat(2, axis=0).repeat(2, axis=1) for photo in photos]
        expected = found.crop(photos, size=6).repeat(2, axis=2).repeat(2, axis=3)
        np.testing.assert_array_equal(found.crop(larger, size=6, scale=2), expected)

    @pytest.mark.parametrize("wrong", [{"size": 0}, {"scale": 0}, {"size": -3}])
    def test_sizes_that_are_not_positive(self, wrong, found, photos):
        with pytest.raises(ValueError, match=r"`scale` and `size` must be positive"):
            found.crop(photos, **wrong)

    @pytest.mark.parametrize("scale", [2, 3])
    def test_from_larger_photos(self, scale, found, photos):
        larger = [photo.repeat(scale, axis=0).repeat(scale, axis=1) for photo in photos]
        expected = found.crop(photos).repeat(scale, axis=2).repeat(scale, axis=3)
        np.testing.assert_array_equal(found.crop(larger, scale=scale), expected)

    def test_from_photos_of_another_kind(self, found, photos):
        """The same ones in grey, without an axis of channels; and as numbers in [0, 1]."""
        grey = [photo[..., 1] for photo in photos]
        np.testing.assert_array_equal(found.crop(grey), found.crop(photos)[..., 1])
        unit = [photo / 255 for photo in photos]
        crops = found.crop(unit, fill=0.5)
        assert crops.dtype == np.float64
        np.testing.assert_allclose(
            crops[0, 0], found.crop(photos, fill=127.5)[0, 0] / 255, atol=2e-3
        )

    def test_all_of_one_array(self):
        images = spots({(0, 0): 2}, {(5, 6): 3})
        found = top_patches(chain(conv(3, padding="same", name="target")), "target", images)
        np.testing.assert_array_equal(found.crop(images), found.crop(list(images)))

    def test_a_dead_layer_gives_blank_patches(self):
        images = spots({}, {})
        found = top_patches(identity(), "target", images, patches=2)
        crops = found.crop(images, fill=7)
        assert crops.shape == (1, 2, 1, 1, 1)
        assert (crops == 7).all()

    def test_a_unit_that_was_not_looked_at(self, found, photos):
        with pytest.raises(ValueError, match="Unit 1 of target was not looked at"):
            found.crop(photos, [0, 1])
        with pytest.raises(ValueError, match=r"Unit 0\.5 of target was not looked at"):
            found.crop(photos, [0.5])

    def test_other_images(self, found, photos):
        with pytest.raises(ValueError, match=r"at least 6\. Received: 5\."):
            found.crop(photos[:5])
        with pytest.raises(ValueError, match=r"at least 1\. Received: 0\."):
            top_patches(identity(), "target", spots({})).crop([])

    def test_the_photos_stay_as_they_are(self, found, photos):
        before = [photo.copy() for photo in photos]
        found.crop(photos)[:] = 0
        for photo, copy in zip(photos, before, strict=True):
            np.testing.assert_array_equal(photo, copy)


class TestModels:
    @pytest.mark.parametrize("policy", ["float64", "mixed_float16", "mixed_bfloat16"])
    def test_results_have_one_dtype(self, policy, images):
        model = chain(conv(3, dtype=policy, name="target"))
        found = top_patches(model, "target", images, np.uint8([0, 1, 2]))
        assert found.activations.dtype == np.float32
        for each in (found.units, found.image_indices, found.positions, found.boxes):
            assert each.dtype == np.int64
        assert_same(found, top_patches(NETWORKS["valid"][0](), "target", images))

    @pytest.mark.parametrize("wrapped", [lambda x: [x], lambda x: {"image": x}])
    def test_inputs_in_a_list_or_a_dict(self, wrapped, images):
        tensor = keras.Input((None, None, 1), name="image")
        model = keras.Model(wrapped(tensor), conv(3, name="target")(tensor))
        expected = top_patches(NETWORKS["valid"][0](), "target", images)
        assert_same(top_patches(model, "target", images), expected)

    def test_a_sequential_model_and_a_fixed_size(self, images):
        expected = top_patches(NETWORKS["valid"][0](), "target", [images[0], images[2]])
        model = keras.Sequential([keras.Input((9, 11, 1)), conv(3, name="target")])
        assert_same(top_patches(model, "target", [images[0], images[2]]), expected)

    def test_a_model_inside_the_model(self, images):
        inner = keras.Sequential([keras.Input((None, None, 1)), conv(3)], name="inner")
        outer = chain(inner, layers.ReLU(name="target"))
        expected = top_patches(NETWORKS["valid"][0](), "target", images)
        assert_same(top_patches(outer, "inner", images), expected)

    def test_a_layer_that_another_model_uses_too(self):
        """On the same input, with other features: the answer is that of the model asked."""
        tensor = keras.Input((None, None, 1))
        shared = layers.Conv2D(1, 1, kernel_initializer="ones", name="target")
        keras.Model(tensor, shared(tensor))
        model = keras.Model(tensor, shared(layers.Rescaling(-1.0)(tensor)))
        found = top_patches(model, "target", spots({(1, 1): 4, (2, 2): -3}), patches=1)
        assert found.activations.tolist() == [[3]]
        assert found.positions.tolist() == [[[2, 2]]]

    def test_it_answers_as_a_trained_model_does(self):
        """Dropout lets everything pass, and a normalisation uses what it has learned."""
        model = chain(layers.Dropout(0.9), layers.BatchNormalization(name="target"))
        moments = [np.float32([value]) for value in (2, 0, 1, 4 - 1e-3)]
        model.get_layer("target").set_weights(moments)  # gamma, beta, mean, variance
        found = top_patches(model, "target", spots({(1, 1): 6}, {(2, 2): 7}), patches=2)
        np.testing.assert_allclose(found.activations, [[6, 5]], rtol=1e-6)


class TestErrors:
    @pytest.mark.parametrize(
        ("layer", "message"),
        [
            ("conv9", r"`layer` must name a layer .*target.*Received: layer='conv9'"),
            (["target", "target"], "each once"),
            ([], r"`layer` must name layers .*Received: \[\]"),
            (["target", "conv9"], "conv9"),
        ],
    )
    def test_layers(self, layer, message, images):
        with pytest.raises(ValueError, match=message):
            top_patches(identity(), layer, images)

    @pytest.mark.parametrize("options", [{"patches": 0}, {"per_image": 0}, {"patches": -2}])
    def test_numbers(self, options, images):
        (name, value), *_ = options.items()
        with pytest.raises(ValueError, match=rf"must be positive.*{name}={value}"):
            top_patches(identity(), "target", images, **options)

    def test_no_image(self):
        for none in ([], np.empty((0, 6, 7, 1)), iter(())):
            with pytest.raises(ValueError, match="`images` is empty"):
                top_patches(identity(), "target", none)

    def test_a_dict_of_images(self, images):
        with pytest.raises(TypeError, match=r"Received a dict: give list\(photos\.values\(\)\)"):
            top_patches(identity(), "target", {"a": images[0]})

    @pytest.mark.parametrize(
        "shape", [(6, 7), (6, 7, 3), (1, 6, 7, 1), (0, 7, 1), (6, 0, 1), (), (7,)]
    )
    def test_a_wrong_shape_names_the_image(self, shape, images):
        with pytest.raises(ValueError, match=r"Image 2 has shape .*takes \('any', 'any', 1\)"):
            top_patches(identity(), "target", [*images[:2], np.zeros(shape)])

    def test_another_size_than_the_model_takes(self):
        model = chain(conv(3, name="target"), size=(6, 7))
        with pytest.raises(ValueError, match=r"Image 0 has shape \(7, 6, 1\).*\(6, 7, 1\)"):
            top_patches(model, "target", np.zeros((1, 7, 6, 1)))

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    @pytest.mark.parametrize("place", [(0, 0), (3, 2), (5, 6)])
    def test_one_pixel_that_is_no_number(self, value, place):
        images = spots({}, {(2, 4): 7, (4, 1): 7}, {place: value}, {(1, 1): 9})
        with pytest.raises(ValueError, match=r"Image 2 gives an activation of target that is NaN"):
            top_patches(identity(), "target", images)

    def test_weights_that_are_no_numbers(self, images):
        model = chain(conv(3), conv(3, name="target"), layers.GlobalMaxPooling2D(name="end"))
        kernel, bias = model.get_layer("target").get_weights()
        kernel[1, 1, 0, 2] = np.nan
        model.get_layer("target").set_weights([kernel, bias])
        for name in ("target", "end"):
            with pytest.raises(ValueError, match=f"Image 0 gives an activation of {name}"):
                top_patches(model, name, images)

    def test_several_inputs(self, images):
        one, other = keras.Input((6, 7, 1)), keras.Input((6, 7, 1))
        model = keras.Model([one, other], layers.Add(name="target")([one, other]))
        with pytest.raises(ValueError, match=r"`model` must have one input"):
            top_patches(model, "target", images)

    def test_other_inputs_than_images(self):
        model = keras.Sequential([keras.Input((5,)), layers.Dense(2, name="target")])
        with pytest.raises(ValueError, match=r"`model` must have one input.*\(None, 5\)"):
            top_patches(model, "target", np.zeros((2, 5)))

    def test_a_model_without_a_graph(self, images):
        model = keras.Sequential([conv(3, name="target")])
        with pytest.raises(ValueError, match="`model` must be a functional model"):
            top_patches(model, "target", images)

    def test_an_output_of_three_axes(self):
        model = chain(layers.Reshape((6, 7), name="target"), size=(6, 7))
        with pytest.raises(ValueError, match=r"target has no maps.*shape \(None, 6, 7\)"):
            top_patches(model, "target", spots({}))

    def test_a_layer_that_is_called_twice(self, images):
        shared = conv(3, filters=1, padding="same", name="target")
        with pytest.raises(ValueError, match=r"called once.*called 2 times"):
            top_patches(chain(shared, shared), "target", images)

    def test_a_layer_of_unknown_kind(self, images):
        model = chain(layers.UpSampling2D(name="target"))
        with pytest.raises(ValueError, match=r"receptive field of layer 'target' is unknown"):
            top_patches(model, "target", images)
