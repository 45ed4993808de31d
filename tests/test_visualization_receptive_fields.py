import re
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from course_utils.models import build_embedding_model, build_face_encoder
from course_utils.visualization import ReceptiveField, receptive_field


def positive(low=0.5):
    return keras.initializers.RandomUniform(low, 1, seed=0)


def conv(kernel, **options):
    return layers.Conv2D(2, kernel, kernel_initializer=positive(), **options)


def depthwise(kernel, **options):
    return layers.DepthwiseConv2D(kernel, depthwise_initializer=positive(), **options)


def separable(kernel, **options):
    return layers.SeparableConv2D(
        2, kernel, depthwise_initializer=positive(), pointwise_initializer=positive(), **options
    )


def chain(*steps, size=(None, None)):
    """A model of these layers, one after the other; what comes out last is named "target"."""
    images = keras.Input((*size, 1), name="images")
    features = images
    for step in steps:
        features = step(features)
    return keras.Model(images, layers.Identity(name="target")(features))


def seen(model, size):
    """By trial: which rows, and which columns, change the value at each position.

    The weights are positive, and what is added to a row is much more than what is in the image.
    So no change is cancelled by another, and none is too small to become the largest of a pool.

    Returns a list for rows and columns of (first, end), each of the shape of the output; where
    nothing is seen both are 0.
    """
    base = np.random.default_rng(0).uniform(0.1, 1, (*size, 1)).astype(np.float32)
    images = np.stack([base] * (1 + sum(size)))
    for row in range(size[0]):
        images[1 + row, row] += 1000
    for column in range(size[1]):
        images[1 + size[0] + column, :, column] += 1000
    outputs = model(images).numpy()
    unchanged = np.isclose(outputs[1:], outputs[0], rtol=1e-5, atol=0)
    bounds = []
    for changed in np.split(~unchanged.all(axis=-1), [size[0]]):
        first = changed.argmax(axis=0)
        end = len(changed) - changed[::-1].argmax(axis=0)
        bounds.append((first, np.where(changed.any(axis=0), end, 0)))
    return bounds


def computed(model, size, layer="target"):
    """The boxes of all positions, clipped to the image, in the same form."""
    field = receptive_field(model, layer, None if model.inputs[0].shape[1] else size)
    outputs = model.compute_output_shape((1, *size, 1))
    boxes = field.boxes(np.moveaxis(np.indices(outputs[1:3]), 0, -1))
    clipped = np.clip(boxes, 0, [*size, *size])
    is_seen = (clipped[..., 2:] > clipped[..., :2]).all(axis=-1, keepdims=True)
    top, left, bottom, right = np.moveaxis(clipped * is_seen, -1, 0)
    return [(top, bottom), (left, right)]


def assert_as_seen(model, size):
    for axis, (found, expected) in enumerate(
        zip(computed(model, size), seen(model, size), strict=True)
    ):
        np.testing.assert_array_equal(found, expected, err_msg=f"axis {axis}, image {size}")


SIZES = [(12, 13), (13, 15), (14, 12)]


class TestOneLayer:
    @pytest.mark.parametrize("padding", ["valid", "same"])
    @pytest.mark.parametrize("stride", [1, 2, 3])
    @pytest.mark.parametrize("kernel", [1, 2, 3, 4, 5])
    @pytest.mark.parametrize("kind", [conv, layers.MaxPooling2D, layers.AveragePooling2D])
    def test_kernel_stride_and_padding(self, kind, kernel, stride, padding):
        model = chain(kind(kernel, strides=stride, padding=padding))
        for size in SIZES:
            assert_as_seen(model, size)

    @pytest.mark.parametrize("kind", [conv, depthwise, separable])
    @pytest.mark.parametrize("kernel", [2, 3])
    @pytest.mark.parametrize("dilation", [1, 2, 3])
    def test_dilation(self, kind, kernel, dilation):
        """By hand: a kernel of k weights, d apart, spans (k − 1) · d + 1 pixels."""
        model = chain(kind(kernel, dilation_rate=dilation))
        span = (kernel - 1) * dilation + 1
        assert receptive_field(model, "target", (12, 13)) == ReceptiveField(
            (span, span), (1, 1), (0, 0)
        )
        assert_as_seen(model, (12, 13))
        model = chain(kind(kernel, dilation_rate=dilation, padding="same"))
        assert receptive_field(model, "target", (12, 13)) == ReceptiveField(
            (span, span), (1, 1), (-((span - 1) // 2),) * 2
        )

    @pytest.mark.parametrize("kind", [depthwise, separable])
    @pytest.mark.parametrize("padding", ["valid", "same"])
    @pytest.mark.parametrize("stride", [1, 2, 3])
    def test_convolutions_channel_by_channel(self, kind, padding, stride):
        for kernel in (3, 4):
            assert_as_seen(chain(kind(kernel, strides=stride, padding=padding)), (13, 12))

    def test_rows_and_columns_are_told_apart(self):
        model = chain(
            layers.ZeroPadding2D(((1, 0), (0, 2))),
            conv((2, 5), strides=(3, 1), padding="same"),
            layers.AveragePooling2D((1, 3), strides=(1, 2)),
            layers.Cropping2D(((0, 1), (1, 0))),
        )
        for size in SIZES:
            assert_as_seen(model, size)
        # Rows: 2 pixels, 3 apart, one row of padding; 13 of them need no more. Columns: 5 + 2 · 1,
        # from −2; one position at a stride of 2 is cropped.
        found = receptive_field(model, "target", (12, 13))
        assert found == ReceptiveField(size=(2, 7), stride=(3, 2), offset=(-1, 0))

    @pytest.mark.parametrize(
        ("size", "offset"), [((8, 9), (0, -1)), ((9, 8), (-1, 0)), ((7, 6), (-1, 0))]
    )
    def test_same_depends_on_the_size_of_the_image(self, size, offset):
        """By hand, kernel 3, stride 2: 8 pixels need 3·2 + 3 = 9, one zero after; 9 need 11."""
        model = chain(conv(3, strides=2, padding="same"))
        assert receptive_field(model, "target", size).offset == offset


class TestChains:
    @pytest.mark.parametrize("seed", range(12))
    def test_three_layers_at_random(self, seed):
        """Unpadded, every box is exact; each layer is a convolution or a pooling."""
        rng = np.random.default_rng(seed)
        steps = []
        for _ in range(3):
            kind = [conv, depthwise, layers.AveragePooling2D, layers.MaxPooling2D][rng.integers(4)]
            steps.append(kind(int(rng.integers(1, 5)), strides=int(rng.integers(1, 4))))
        model = chain(*steps)
        for size in [(31, 28), (26, 33)]:
            assert_as_seen(model, size)

    @pytest.mark.parametrize("kernels", [(3, 3, 3), (5, 2, 4), (4, 4, 3), (3, 2, 5)])
    @pytest.mark.parametrize("strides", [(1, 1, 1), (2, 1, 2), (1, 2, 3), (3, 2, 1)])
    def test_three_layers_padded(self, kernels, strides):
        """No stride exceeds its kernel, so that no pixel is left out."""
        steps = [
            conv(kernel, strides=stride, padding="same")
            for kernel, stride in zip(kernels, strides, strict=True)
        ]
        model = chain(*steps)
        for size in SIZES:
            assert_as_seen(model, size)

    @pytest.mark.parametrize(
        "steps",
        [
            lambda: [layers.ZeroPadding2D(3), conv(3), conv(2, strides=2)],
            lambda: [conv(3), layers.Cropping2D(((2, 1), (0, 3))), conv(3)],
            lambda: [layers.ZeroPadding2D(((2, 0), (1, 3))), layers.Cropping2D(1), conv(4)],
            lambda: [layers.ZeroPadding2D(4), conv(1)],  # the outermost see nothing
            lambda: [lambda x: ops.pad(x, ((0, 0), (0, 3), (2, 1), (0, 2))), conv(3)],
            lambda: [lambda x: ops.pad(x, ((0, 0), (1, 0), (0, 0), (0, 0))), conv(2, strides=2)],
        ],
    )
    def test_zeros_around_and_crops(self, steps):
        model = chain(*steps())
        for size in SIZES:
            assert_as_seen(model, size)

    def test_one_width_for_all_axes(self):
        field = receptive_field(chain(lambda x: ops.pad(x, 2), conv(3)), "target", (12, 12))
        assert field == ReceptiveField((3, 3), (1, 1), (-2, -2))

    @pytest.mark.parametrize(
        "layer",
        [
            layers.Activation("softplus"),
            layers.ReLU(),
            layers.LeakyReLU(),
            layers.PReLU(shared_axes=(1, 2)),
            layers.ELU(),
            layers.Softmax(),
            layers.Softmax(axis=3),
            layers.BatchNormalization(),
            layers.LayerNormalization(),
            layers.LayerNormalization(axis=[-1]),
            layers.UnitNormalization(),
            layers.Rescaling(2.0, offset=1.0),
            layers.Normalization(mean=0.5, variance=2.0),
            layers.Dropout(0.5),
            layers.SpatialDropout2D(0.5),
            layers.GaussianNoise(0.5),
            layers.Dense(3, kernel_initializer=positive()),
            layers.ActivityRegularization(),
        ],
        ids=lambda layer: type(layer).__name__,
    )
    def test_what_looks_at_one_position_changes_nothing(self, layer):
        model = chain(conv(3, strides=2, padding="same"), layer)
        field = receptive_field(model, "target", (12, 13))
        assert field == ReceptiveField((3, 3), (2, 2), (0, -1))
        assert receptive_field(model, layer.name, (12, 13)) == field

    @pytest.mark.parametrize(
        "layer", [layers.Softmax(), layers.LayerNormalization(), layers.UnitNormalization()]
    )
    def test_normalising_channels_looks_at_one_position(self, layer):
        model = chain(layers.Conv2D(2, 1, bias_initializer=positive()), layer)
        assert_as_seen(model, (5, 6))

    def test_a_class_of_our_own_says_that_it_is_pointwise(self):
        class Doubled(layers.Layer):
            is_pointwise = True

            def call(self, images):
                return 2 * images

        class Unmarked(Doubled):
            is_pointwise = False

        assert receptive_field(chain(conv(3), Doubled()), "target", (9, 9)).size == (3, 3)
        with pytest.raises(ValueError, match=r"is_pointwise = True.*Received: Unmarked"):
            receptive_field(chain(conv(3), Unmarked()), "target", (9, 9))


def residual(features, kernel, stride, padding="same"):
    branch = conv(kernel, strides=stride, padding=padding)(features)
    branch = conv(3, padding="same", activation="softplus")(branch)
    shortcut = conv(1, strides=stride)(features)
    return layers.Add()([branch, shortcut])


class TestBranches:
    @pytest.mark.parametrize("kernel", [2, 3, 5])
    @pytest.mark.parametrize("stride", [1, 2])
    def test_residual_blocks(self, kernel, stride):
        model = chain(
            lambda x: residual(x, kernel, stride), lambda x: residual(x, 3, 1), layers.ReLU()
        )
        for size in SIZES:
            assert_as_seen(model, size)

    @pytest.mark.parametrize(
        "merge",
        [
            layers.Add,
            layers.Subtract,
            layers.Multiply,
            layers.Average,
            layers.Maximum,
            layers.Minimum,
            layers.Concatenate,
        ],
    )
    def test_the_box_holds_both_branches(self, merge):
        """By hand: columns 0 … 2 and, shifted, 2 … 6; rows −1 … 3 and 0 … 2."""

        def branches(features):
            left = layers.Cropping2D(((0, 0), (0, 4)))(conv(3)(features))
            right = layers.ZeroPadding2D(((1, 1), (0, 0)))(features)
            right = layers.Cropping2D(((0, 0), (2, 0)))(conv(5)(right))
            return merge()([left, right])

        field = receptive_field(chain(branches), "target", (12, 13))
        assert field == ReceptiveField(size=(5, 7), stride=(1, 1), offset=(-1, 0))

    def test_branches_side_by_side_are_seen(self):
        def inception(features):
            return layers.Concatenate()(
                [
                    conv(1)(features),
                    conv(4, padding="same")(features),
                    layers.MaxPooling2D((2, 5), strides=1, padding="same")(features),
                ]
            )

        model = chain(inception, conv(3, strides=2, padding="same"))
        for size in SIZES:
            assert_as_seen(model, size)

    def test_a_branch_that_sees_the_whole_image_shows_it_to_all(self):
        def squeezed(features):
            gate = layers.GlobalAveragePooling2D(keepdims=True)(features)
            gate = conv(1, activation="softplus")(gate)
            return layers.Multiply()([conv(1)(features), gate])

        model = chain(squeezed, conv(3))
        assert_as_seen(model, (12, 13))
        assert receptive_field(model, "target", (12, 13)) == ReceptiveField(
            (12, 13), (0, 0), (0, 0)
        )

    def test_many_blocks_and_many_layers_take_no_time(self):
        """2^400 paths, and more layers than Python's stack is deep."""
        images = features = keras.Input((9, 9, 1))
        for _ in range(400):
            features = layers.Add()([features, layers.ReLU()(layers.Identity()(features))])
        model = keras.Model(images, conv(3, name="last")(features))
        assert len(model.layers) > sys.getrecursionlimit()
        assert receptive_field(model, "last").size == (3, 3)

    def test_branches_of_unlike_stride_do_not_meet(self):
        def branches(features):
            small = conv(3, strides=2, padding="same")(features)
            return layers.Add(name="sum")([conv(3)(features)[:, :1, :1], small])

        def unlike(features):
            coarse = layers.ZeroPadding2D(((0, 4), (0, 4)))(conv(1, strides=2)(features))
            return layers.Add(name="sum")([conv(1)(features), coarse])

        with pytest.raises(ValueError, match=r"one stride.*strides \[1, 2\].*\[8, 8\].*'sum'"):
            receptive_field(chain(unlike, size=(8, 8)), "target")
        with pytest.raises(ValueError, match="GetItem"):
            receptive_field(chain(branches, size=(8, 8)), "target")

    def test_branches_of_unlike_size_do_not_meet(self):
        def spread(features):
            return layers.Add(name="sum")([features, conv(8)(features)])

        with pytest.raises(ValueError, match=r"one size.*\[8, 1\].*'sum'"):
            receptive_field(chain(spread, size=(8, 8)), "target")


class TestWholeImage:
    @pytest.mark.parametrize(
        "step", [layers.GlobalAveragePooling2D(), layers.GlobalMaxPooling2D(), layers.Flatten()]
    )
    def test_stride_is_zero_there_and_after(self, step):
        model = keras.Sequential(
            [
                keras.Input((13, 10, 1)),
                conv(3, padding="same"),
                step,
                layers.Dense(4, name="dense"),
                layers.Reshape((2, 2, 1), name="image"),
                layers.UpSampling2D(name="larger"),
                conv(3, name="conv"),
                layers.LayerNormalization(axis=1, name="normalised"),
            ]
        )
        for name in (step.name, "dense", "image", "larger", "conv", "normalised"):
            field = receptive_field(model, name)
            assert field == ReceptiveField(size=(13, 10), stride=(0, 0), offset=(0, 0))
        assert field.boxes([[0, 0], [3, 1]]).tolist() == [[0, 0, 13, 10]] * 2

    @pytest.mark.parametrize(
        ("steps", "first", "end"),
        [
            # By hand: 12 rows and 13 columns; what no position reads, nobody sees.
            (lambda: [conv(3, strides=2)], (0, 0), (11, 13)),
            (lambda: [conv(1, strides=3)], (0, 0), (10, 13)),
            (lambda: [layers.Cropping2D(((1, 2), (3, 0)))], (1, 3), (10, 13)),
            (lambda: [layers.MaxPooling2D(2), layers.MaxPooling2D(2)], (0, 0), (12, 12)),
            (lambda: [layers.MaxPooling2D(3), conv(3, padding="same")], (0, 0), (12, 12)),
            (lambda: [conv(5), layers.Cropping2D(2), conv(3, padding="same")], (2, 2), (10, 11)),
            (lambda: [layers.ZeroPadding2D(2), layers.Cropping2D(1)], (0, 0), (12, 13)),
            (lambda: [layers.ZeroPadding2D(2), layers.Cropping2D(3)], (1, 1), (11, 12)),
        ],
    )
    def test_what_no_position_reads_is_not_seen(self, steps, first, end):
        model = chain(*steps(), lambda x: layers.GlobalAveragePooling2D(keepdims=True)(x))
        field = receptive_field(model, "target", (12, 13))
        assert field.boxes([0, 0]).tolist() == [*first, *end]
        assert_as_seen(model, (12, 13))


def touched(model, layer, position):
    """First and end, rows and columns, of the pixels where the gradient is not zero."""
    part = keras.Model(model.inputs, model.get_layer(layer).output)
    images = tf.fill((1, *model.input_shape[1:]), 255.0)  # above the mean colour: no ReLU cuts
    with tf.GradientTape() as tape:
        tape.watch(images)
        value = tf.reduce_sum(part(images)[(0, *position)])
    gradient = tape.gradient(value, images).numpy()[0]
    assert np.isfinite(gradient).all()
    used = [np.flatnonzero(gradient.any(axis=axes)) for axes in ((1, 2), (0, 2))]
    return [rows[0] for rows in used] + [rows[-1] + 1 for rows in used]


def averaged(model):
    """The same with averages for maxima, whose gradient is sparse, and with positive weights."""

    def exchange(layer):
        if isinstance(layer, layers.MaxPooling2D):
            config = layer.get_config()
            return layers.AveragePooling2D(
                config["pool_size"], strides=config["strides"], name=layer.name
            )
        return type(layer).from_config(layer.get_config())

    other = keras.models.clone_model(model, clone_function=exchange)
    for layer in other.layers:
        # Each filter adds up the averages over its channels: sums stay below 1e38.
        layer.set_weights(
            [
                np.full(array.shape, 1 / array.shape[-2] if array.ndim > 1 else 10.0)
                for array in layer.get_weights()
            ]
        )
    return other


@pytest.fixture(scope="module")
def face_encoder():
    return build_face_encoder(None)


@pytest.fixture(scope="module")
def smooth_encoder(face_encoder):
    return averaged(face_encoder)


class TestModelsOfTheCourse:
    def test_small_embedding_model(self):
        """By hand: 3×3, then 2×2 at twice the step: 3 → 4, +2·2 = 8 → 10, +2·4 = 18 → 22, 38."""
        model = build_embedding_model((56, 46, 1))
        expected = {
            "block1_conv": (3, 1, -1),
            "block1_pool": (4, 2, -1),
            "block2_conv": (8, 2, -3),
            "block3_conv": (18, 4, -7),
            "block4_conv": (38, 8, -15),
            "block4_pool": (46, 16, -15),
        }
        for layer, (size, stride, offset) in expected.items():
            found = receptive_field(model, layer)
            assert found == ReceptiveField((size,) * 2, (stride,) * 2, (offset,) * 2), layer
        smooth = averaged(model)
        for layer in ("block2_conv", "block4_conv"):
            for position in [(0, 0), (2, 3), (6, 4)]:
                box = receptive_field(model, layer).boxes(position)
                expected = np.clip(box, 0, [56, 46, 56, 46])
                assert touched(smooth, layer, position) == expected.tolist()
        # 56 rows are halved to 28, 14, 7, 3, and 46 columns to 23, 11, 5, 2: the last of 7, 23,
        # 11 and 5 is skipped, but what it saw is seen by its neighbour, by the convolutions.
        assert receptive_field(model, "embedding").size == (56, 46)
        assert touched(smooth, "embedding", ()) == [0, 0, 56, 46]

    @pytest.mark.parametrize(
        ("layer", "positions"),
        [
            ("stem_pool", [(0, 0), (17, 3), (34, 34)]),
            ("stage1_block1_relu", [(0, 0), (17, 3), (34, 34)]),
            ("stage2_block1_shortcut", [(0, 8), (16, 15)]),
            ("stage2_block1_relu", [(0, 8), (9, 15)]),
            ("stage2_block4_relu", [(0, 0), (8, 9), (15, 10)]),
            ("stage3_block1_relu", [(0, 7), (4, 3)]),
            ("stage4_block3_relu", [(0, 3), (1, 2)]),
            ("stage5_block1_relu", [(0, 0), (1, 1)]),
        ],
    )
    def test_face_encoder(self, face_encoder, smooth_encoder, layer, positions):
        """The gradient of one unit; rows and columns from 147 on are seen by nobody.

        By hand: 7×7 at stride 2 gives 72 positions; 3×3 at stride 2 reads 0 … 70 of them, and
        the last of these sees the pixels 140 … 146.
        """
        assert receptive_field(face_encoder, "embedding") == ReceptiveField(
            (147, 147), (0, 0), (0, 0)
        )
        assert touched(smooth_encoder, "embedding", ()) == [0, 0, 147, 147]
        for position in positions:
            box = np.clip(receptive_field(face_encoder, layer).boxes(position), 0, 147)
            assert touched(smooth_encoder, layer, position) == box.tolist(), position

    def test_vgg16(self):
        """By hand: each convolution adds 2 · stride, each pooling 1 · stride before it doubles."""
        images = features = keras.Input((None, None, 3))
        for block, num_layers in enumerate([2, 2, 3, 3, 3], start=1):
            for layer in range(1, num_layers + 1):
                name = f"block{block}_conv{layer}"
                features = layers.Conv2D(1, 3, padding="same", activation="relu", name=name)(
                    features
                )
            features = layers.MaxPooling2D(2, name=f"block{block}_pool")(features)
        model = keras.Model(images, features)
        expected = {
            "block1_conv1": (3, 1, -1),
            "block1_conv2": (5, 1, -2),
            "block1_pool": (6, 2, -2),
            "block2_conv2": (14, 2, -6),
            "block3_conv3": (40, 4, -18),
            "block4_conv3": (92, 8, -42),
            "block5_conv3": (196, 16, -90),
            "block5_pool": (212, 32, -90),
        }
        for layer, (size, stride, offset) in expected.items():
            for image_size in [(224, 224), (301, 200)]:
                found = receptive_field(model, layer, image_size)
                assert found == ReceptiveField((size,) * 2, (stride,) * 2, (offset,) * 2), layer


class TestBorder:
    @pytest.mark.parametrize(
        "steps",
        [
            lambda: [conv(3, dilation_rate=3, padding="same")],
            lambda: [layers.Cropping2D(2), conv(5, padding="same")],
            lambda: [conv(3, strides=2), conv(3, padding="same")],
            lambda: [conv(7), layers.ZeroPadding2D(3), conv(1)],
        ],
    )
    def test_a_unit_sees_no_more_than_its_box_and_in_the_middle_all_of_it(self, steps):
        """The four cases of the docstring's exception, where the box is too large at the border."""
        model, size = chain(*steps()), (16, 18)
        is_smaller = False
        for (first, end), (first_seen, end_seen) in zip(
            computed(model, size), seen(model, size), strict=True
        ):
            some = end_seen > 0
            assert (first <= first_seen)[some].all()
            assert (end >= end_seen).all()
            middle = tuple(length // 2 for length in first.shape)
            assert (first[middle], end[middle]) == (first_seen[middle], end_seen[middle])
            is_smaller |= (first != first_seen).any() or (end != end_seen).any()
        assert is_smaller


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:keras")
class TestGraphs:
    def test_input_layer_sees_one_pixel(self):
        model = chain(conv(3), size=(8, 8))
        assert receptive_field(model, "images") == ReceptiveField((1, 1), (1, 1), (0, 0))

    def test_the_layer_itself_not_what_comes_after(self):
        model = chain(conv(3, name="first"), conv(3, strides=2, name="second"), size=(9, 9))
        assert receptive_field(model, "first").size == (3, 3)
        assert receptive_field(model, "second") == ReceptiveField((5, 5), (2, 2), (0, 0))

    def test_models_within_a_model(self):
        inner = keras.Sequential([keras.Input((None, None, 1)), conv(3), depthwise(2, strides=2)])
        images = keras.Input((None, None, 2))
        outer = keras.Model(images, residual(images, 3, 1), name="block")
        model = chain(conv(2, strides=2, padding="same"), layers.Conv2D(1, 1), inner, outer)
        assert receptive_field(model, "target", (16, 17)) == ReceptiveField(
            (2 + 2 * 2 + 1 * 2 + 4 * 4,) * 2, (4, 4), (-8, -8)
        )
        assert receptive_field(model, inner.name, (16, 17)).size == (8, 8)

    def test_a_model_used_elsewhere_is_still_its_own(self):
        """Its layers have been called before, on another input, with another layer in between."""
        shared = conv(3, name="shared")
        chain(conv(5), shared, size=(12, 12))
        images = keras.Input((12, 12, 2))
        model = keras.Model(images, shared(images))
        assert receptive_field(model, "shared").size == (3, 3)

    def test_a_sequential_model_that_grew(self):
        model = keras.Sequential([keras.Input((12, 12, 1)), conv(3)])
        receptive_field(model, model.layers[0].name)
        model.add(conv(3, strides=2, name="second"))
        model.add(layers.ReLU(name="third"))
        for name in ("second", "third"):
            assert receptive_field(model, name) == ReceptiveField((5, 5), (2, 2), (0, 0))

    def test_a_part_of_a_model_begins_where_it_says(self):
        whole = chain(conv(5), conv(3, name="last"), size=(12, 12))
        part = keras.Model(whole.layers[1].output, whole.get_layer("last").output)
        assert receptive_field(part, "last").size == (3, 3)

    def test_a_layer_that_is_called_twice_has_no_one_field(self):
        shared = conv(3, name="shared", padding="same")
        model = chain(layers.Conv2D(2, 1), shared, shared, size=(9, 9))
        with pytest.raises(ValueError, match=r"called once.*'shared', called 2 times"):
            receptive_field(model, "shared")
        assert receptive_field(model, "target").size == (5, 5)

    def test_saved_and_loaded(self, tmp_path):
        model = build_face_encoder(None)
        model.save(tmp_path / "encoder.keras")
        loaded = keras.saving.load_model(tmp_path / "encoder.keras")
        for layer in ("stage2_block1_relu", "stage4_block3_relu", "embedding"):
            assert receptive_field(loaded, layer) == receptive_field(model, layer)

    def test_the_weights_stay_as_they_are(self):
        model = chain(conv(3), size=(8, 8))
        before = [array.copy() for array in model.get_weights()]
        receptive_field(model, "target")
        for old, new in zip(before, model.get_weights(), strict=True):
            np.testing.assert_array_equal(old, new)


class TestBoxes:
    FIELD = ReceptiveField(size=(5, 3), stride=(2, 4), offset=(-2, 1))

    def test_a_grid_of_positions(self):
        positions = np.moveaxis(np.indices((3, 4)), 0, -1)
        boxes = self.FIELD.boxes(positions)
        assert boxes.shape == (3, 4, 4)
        assert boxes.dtype.kind == "i"
        assert boxes[0, 0].tolist() == [-2, 1, 3, 4]
        assert boxes[2, 3].tolist() == [2, 13, 7, 16]

    def test_no_positions(self):
        assert self.FIELD.boxes(np.zeros((0, 2), int)).shape == (0, 4)

    def test_small_and_unsigned_integers_do_not_overflow(self):
        found = self.FIELD.boxes(np.array([[0, 0], [200, 200]], np.uint8))
        assert found.tolist() == [[-2, 1, 3, 4], [398, 801, 403, 804]]

    @pytest.mark.parametrize("positions", [[1, 2, 3], 4, [[-1, 0]], [[0], [1]]])
    def test_other_than_rows_and_columns(self, positions):
        with pytest.raises(ValueError, match=r"`positions` must have shape \(\.\.\., 2\)"):
            self.FIELD.boxes(positions)

    @pytest.mark.parametrize("positions", [[0.5, 1.0], [True, False], ["0", "1"]])
    def test_other_than_integers(self, positions):
        with pytest.raises(TypeError, match="`positions` must be integers"):
            self.FIELD.boxes(positions)


class TestMistakes:
    @pytest.mark.parametrize(
        "step",
        [
            layers.UpSampling2D(),
            layers.Conv2DTranspose(2, 3),
            layers.Reshape((4, 16, 1)),
            layers.Permute((2, 1, 3)),
            layers.Lambda(lambda x: x, output_shape=lambda shape: shape),
            layers.Resizing(4, 4),
            layers.RandomFlip(),
            layers.GroupNormalization(1),
            layers.LayerNormalization(axis=(1, 2)),
            layers.LayerNormalization(axis=1),
            layers.UnitNormalization(axis=(1, 2, 3)),
            layers.Softmax(axis=2),
        ],
        ids=lambda layer: type(layer).__name__,
    )
    def test_layers_of_other_kinds(self, step):
        model = chain(conv(1), layers.Conv2D(1, 1), step, size=(8, 8))
        expected = f"{step.name!r} is unknown.*Received: {type(step).__name__}"
        with pytest.raises(ValueError, match=expected):
            receptive_field(model, "target")

    @pytest.mark.parametrize(
        ("step", "kind"),
        [
            (lambda x: ops.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect"), "Pad"),
            (lambda x: ops.flip(x, axis=1), "Flip"),
            (lambda x: layers.Concatenate(axis=1)([x, x]), "Concatenate"),
            (lambda x: layers.Dot(axes=3)([x, x]), "Dot"),
        ],
    )
    def test_other_operations(self, step, kind):
        with pytest.raises(ValueError, match=f"is unknown.*Received: {kind}"):
            receptive_field(chain(step, size=(8, 8)), "target")

    def test_an_unknown_layer_before_the_one_that_is_asked_for_only(self):
        model = chain(conv(3, name="early"), layers.UpSampling2D(), size=(8, 8))
        assert receptive_field(model, "early").size == (3, 3)

    def test_channels_first(self):
        step = layers.ZeroPadding2D(1, data_format="channels_first", name="pad_first")
        with pytest.raises(ValueError, match="'channels_first' in layer 'pad_first'"):
            receptive_field(chain(step, size=(8, 8)), "target")

    def test_a_name_that_is_not_there(self):
        model = build_embedding_model((56, 46, 1))
        with pytest.raises(ValueError, match=r"such as block4_conv.*Received: layer='block4_con'"):
            receptive_field(model, "block4_con")
        names = ", ".join(layer.name for layer in model.layers)
        with pytest.raises(ValueError, match=f"such as {re.escape(names)}. Received: layer='xyz'"):
            receptive_field(model, "xyz")

    def test_size_of_the_images(self):
        model = chain(conv(3))
        with pytest.raises(ValueError, match=r"`image_size` is needed.*\(None, None, None, 1\)"):
            receptive_field(model, "target")
        for size in [(0, 8), (8,), (8, 8, 1), (-1, 8)]:
            with pytest.raises(ValueError, match=r"`image_size` must be \(height, width\)"):
                receptive_field(model, "target", size)
        with pytest.raises(TypeError, match="`image_size` must be integers"):
            receptive_field(model, "target", (8.0, 8.0))
        with pytest.raises(ValueError, match=r"`image_size` must be larger.*'small'.*2, 9"):
            receptive_field(chain(conv(3, name="small")), "target", (2, 9))

    def test_a_size_that_is_not_the_models(self):
        model = chain(conv(3), size=(8, 9))
        assert receptive_field(model, "target", (8, 9)) == receptive_field(model, "target")
        for size in [(9, 8), (8, 10)]:
            with pytest.raises(ValueError, match="as the model takes them"):
                receptive_field(model, "target", size)
        half = chain(conv(3), size=(None, 9))
        assert receptive_field(half, "target", (5, 9)).size == (3, 3)
        with pytest.raises(ValueError, match="as the model takes them"):
            receptive_field(half, "target", (9, 5))
        with pytest.raises(ValueError, match="`image_size` is needed"):
            receptive_field(half, "target")

    def test_models_without_a_graph_or_with_other_inputs(self):
        class Own(keras.Model):
            def call(self, images):
                return images

        for model in (Own(), keras.Sequential([conv(3)]), "model"):
            with pytest.raises(ValueError, match="functional model"):
                receptive_field(model, "target")
        pair = [keras.Input((8, 8, 1)), keras.Input((8, 8, 1))]
        with pytest.raises(ValueError, match=r"one input.*Received: 2"):
            receptive_field(keras.Model(pair, layers.Add(name="sum")(pair)), "sum")
        vector = keras.Input((8,))
        with pytest.raises(ValueError, match=r"one input.*\(None, 8\)"):
            receptive_field(keras.Model(vector, layers.Dense(2, name="dense")(vector)), "dense")

    def test_a_model_within_that_has_two_outputs(self):
        images = keras.Input((8, 8, 1))
        inner = keras.Model(images, [conv(3)(images), conv(3)(images)], name="two")
        with pytest.raises(ValueError, match=r"'two' is unknown.*Received: Functional"):
            receptive_field(chain(lambda x: inner(x)[0], size=(8, 8)), "target")
