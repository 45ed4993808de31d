import itertools
import math

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.shapes import conv_multiply_count, conv_output_shape, conv_parameter_count

KERAS_LAYERS = {1: keras.layers.Conv1D, 2: keras.layers.Conv2D, 3: keras.layers.Conv3D}


@st.composite
def convolutions(draw, max_size=20):
    """(input_shape, kernel_size, filters, options) that Keras's constructor accepts."""
    num_axes = draw(st.integers(1, 3))

    def one_or_each(most):
        numbers = st.integers(1, most)
        return draw(
            st.one_of(numbers, st.lists(numbers, min_size=num_axes, max_size=num_axes).map(tuple))
        )

    sizes = draw(st.lists(st.integers(1, max_size), min_size=num_axes, max_size=num_axes))
    options = {
        "padding": draw(st.sampled_from(["valid", "same"] + ["causal"] * (num_axes == 1))),
        "strides": 1,
        "dilation": 1,
    }
    stretched = draw(st.sampled_from(["neither", "strides", "dilation"]))
    if stretched != "neither":
        options[stretched] = one_or_each(4)
    shape = (*sizes, draw(st.integers(1, 4)))
    return shape, one_or_each(6), draw(st.integers(1, 5)), options


def keras_layer(shape, kernel_size, filters, options, **more):
    return KERAS_LAYERS[len(shape) - 1](
        filters,
        kernel_size,
        strides=options["strides"],
        padding=options["padding"],
        dilation_rate=options["dilation"],
        **more,
    )


def output_is_empty(shape, kernel_size, options):
    """Whether no window fits: counts the windows of an unpadded input one by one."""
    if options["padding"] != "valid":
        return False
    axes = len(shape) - 1
    kernel = np.broadcast_to(kernel_size, axes)
    dilation = np.broadcast_to(options["dilation"], axes)
    return any(
        not [
            start
            for start in range(size)
            if start + max(gap * offset for offset in range(width)) < size
        ]
        for size, width, gap in zip(shape[:-1], kernel, dilation, strict=True)
    )


@settings(max_examples=700)
@given(convolutions())
def test_output_shape_agrees_with_keras_and_impossible_ones_are_refused(convolution):
    shape, kernel_size, filters, options = convolution
    if output_is_empty(shape, kernel_size, options):
        with pytest.raises(ValueError, match=r"`kernel_size` must fit.*spans \d+ of \d+.*Received"):
            conv_output_shape(shape, kernel_size, filters, **options)
    else:
        layer = keras_layer(*convolution)
        assert (
            conv_output_shape(shape, kernel_size, filters, **options)
            == (layer.compute_output_shape((None, *shape))[1:])
        )


@settings(max_examples=60)
@given(convolutions(), st.booleans())
def test_parameter_count_agrees_with_built_keras_layers(convolution, use_bias):
    shape, kernel_size, filters, _ = convolution
    layer = keras_layer(
        shape,
        kernel_size,
        filters,
        {"strides": 1, "padding": "same", "dilation": 1},
        use_bias=use_bias,
    )
    layer.build((None, *shape))
    assert (
        conv_parameter_count(shape, kernel_size, filters, use_bias=use_bias) == layer.count_params()
    )


@pytest.mark.parametrize(
    ("shape", "kernel_size", "options"),
    [
        ((9, 2), 3, {"strides": 2, "padding": "causal", "dilation": 1}),
        ((9, 2), 3, {"strides": 1, "padding": "valid", "dilation": 4}),
        ((9, 10, 3), (2, 3), {"strides": (3, 3), "padding": "same", "dilation": 1}),
        ((9, 10, 3), (4, 3), {"strides": 2, "padding": "valid", "dilation": 1}),
        ((9, 10, 3), (4, 3), {"strides": 1, "padding": "valid", "dilation": (2, 3)}),
        ((5, 6, 7, 1), (1, 2, 3), {"strides": 2, "padding": "valid", "dilation": 1}),
        ((5, 6, 7, 1), 3, {"strides": (1, 2, 3), "padding": "same", "dilation": 1}),
    ],
)
def test_output_shape_is_that_of_what_a_keras_layer_really_returns(shape, kernel_size, options):
    layer = keras_layer(shape, kernel_size, 4, options)
    output = layer(np.zeros((2, *shape), "float32"))
    assert conv_output_shape(shape, kernel_size, 4, **options) == tuple(output.shape[1:])


@settings(max_examples=150)
@given(convolutions())
def test_multiply_count_is_positions_times_weights_of_keras_layers(convolution):
    shape, kernel_size, filters, options = convolution
    if output_is_empty(shape, kernel_size, options):
        with pytest.raises(ValueError, match=r"`kernel_size` must fit.*Received"):
            conv_multiply_count(shape, kernel_size, filters, **options)
        return
    layer = keras_layer(*convolution)
    positions = math.prod(layer.compute_output_shape((None, *shape))[1:-1])
    layer.build((None, *shape))
    assert (
        conv_multiply_count(shape, kernel_size, filters, **options)
        == positions * layer.kernel.numpy().size
    )


@pytest.mark.parametrize(
    ("shape", "kernel", "filters", "options"),
    [
        ((7, 2), (3,), 4, {}),
        ((7, 2), (3,), 4, {"strides": 2, "padding": "same"}),
        ((7, 2), (3,), 4, {"strides": 3, "padding": "causal"}),
        ((7, 2), (3,), 4, {"dilation": 2}),
        ((6, 5, 3), (2, 3), 2, {}),
        ((6, 5, 3), (2, 3), 2, {"strides": 2}),
        ((6, 5, 3), (2, 3), 2, {"padding": "same"}),
        ((4, 5, 6, 2), (2, 1, 3), 3, {"strides": 2}),
        ((3, 4, 5, 1), (2, 2, 2), 2, {"padding": "same", "dilation": 2}),
    ],
)
def test_multiply_count_is_what_loops_over_windows_filters_and_weights_count(
    shape, kernel, filters, options
):
    """Unpadded, a window starts every stride-th input if it ends inside; padded, always."""
    *sizes, channels = shape
    step, gap = options.get("strides", 1), options.get("dilation", 1)
    padded = options.get("padding", "valid") != "valid"
    starts = [
        [start for start in range(0, size, step) if padded or start + gap * (width - 1) < size]
        for size, width in zip(sizes, kernel, strict=True)
    ]
    multiplications = 0
    for _window in itertools.product(*starts):
        for _filter in range(filters):
            for _tap in itertools.product(*map(range, kernel)):
                for _channel in range(channels):
                    multiplications += 1
    assert conv_multiply_count(shape, kernel, filters, **options) == multiplications


@pytest.mark.parametrize(
    ("input_shape", "output_shape", "num_parameters", "num_multiplications"),
    [
        ((14, 14, 3), (10, 10, 16), (5 * 5 * 3 + 1) * 16, 10 * 10 * 16 * (5 * 5 * 3)),
        ((14, 1), (10, 16), (5 * 1 + 1) * 16, 10 * 16 * 5),
        (
            (14, 14, 14, 1),
            (10, 10, 10, 16),
            (5 * 5 * 5 * 1 + 1) * 16,
            10 * 10 * 10 * 16 * (5 * 5 * 5),
        ),
    ],
)
def test_the_examples_of_the_lecture(
    input_shape, output_shape, num_parameters, num_multiplications
):
    assert conv_output_shape(input_shape, 5, 16) == output_shape
    assert conv_parameter_count(input_shape, 5, 16) == num_parameters
    assert conv_multiply_count(input_shape, 5, 16) == num_multiplications


def test_second_layer_of_the_lecture_has_32_filters():
    assert conv_output_shape(conv_output_shape((14, 14, 3), 5, 16), 5, 32) == (6, 6, 32)


def test_parameter_count_without_bias_has_one_number_less_a_filter():
    with_bias = conv_parameter_count((8, 8, 2), (3, 5), 7)
    assert with_bias == 3 * 5 * 2 * 7 + 7
    assert conv_parameter_count((8, 8, 2), (3, 5), 7, use_bias=False) == with_bias - 7


def test_parameter_count_does_not_depend_on_the_size_of_the_image():
    assert conv_parameter_count((8, 8, 2), 3, 7) == conv_parameter_count((800, 1, 2), 3, 7)


def test_numpy_integers_and_lists_are_accepted_and_give_plain_integers():
    shape = conv_output_shape(
        np.array([14, 12, 3]),
        [np.int64(5), np.int32(3)],
        np.int64(16),
        strides=np.int8(2),
    )
    assert shape == (5, 5, 16)
    assert all(type(size) is int for size in shape)
    assert type(conv_parameter_count(np.array([14, 3]), np.int64(5), np.int64(2))) is int
    count = conv_multiply_count(np.array([14, 3], "int8"), np.int8(5), np.int8(100))
    assert type(count) is int
    assert count == 10 * 5 * 3 * 100  # more than an int8 can hold


def test_a_numpy_array_gives_one_size_for_each_axis():
    assert conv_output_shape((14, 12, 3), np.array([5, 3]), 16) == (10, 10, 16)


@pytest.mark.parametrize("function", [conv_output_shape, conv_multiply_count])
@pytest.mark.parametrize(
    ("arguments", "options", "name"),
    [
        (((14.0, 14, 3), 5, 16), {}, "input_shape"),
        (((14, 14, 3), 5.0, 16), {}, "kernel_size"),
        (((14, 14, 3), (5, np.float64(5)), 16), {}, "kernel_size"),
        (((14, 14, 3), 5, 16.0), {}, "filters"),
        (((14, 14, 3), 5, 16), {"strides": 1.0}, "strides"),
        (((14, 14, 3), 5, 16), {"dilation": (1, 2.0)}, "dilation"),
        (((14, 14, 3), "55", 16), {}, "kernel_size"),
        (((14, 14, 3), None, 16), {}, "kernel_size"),
    ],
)
def test_sizes_that_are_not_integers_are_refused(function, arguments, options, name):
    with pytest.raises(TypeError, match=rf"`{name}` must hold integers\. Received"):
        function(*arguments, **options)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (((14.0, 3), 5, 16), "input_shape"),
        (((14, 3), 5.0, 16), "kernel_size"),
        (((14, 3), 5, 16.0), "filters"),
    ],
)
def test_parameter_count_of_sizes_that_are_not_integers_is_refused(arguments, name):
    with pytest.raises(TypeError, match=rf"`{name}` must hold integers\. Received"):
        conv_parameter_count(*arguments)


@pytest.mark.parametrize("function", [conv_output_shape, conv_multiply_count])
@pytest.mark.parametrize(
    ("arguments", "options", "name"),
    [
        (((0, 14, 3), 5, 16), {}, "input_shape"),
        (((14, 14, 0), 5, 16), {}, "input_shape"),
        (((14, 14, 3), 0, 16), {}, "kernel_size"),
        (((14, 14, 3), (5, -1), 16), {}, "kernel_size"),
        (((14, 14, 3), 5, 0), {}, "filters"),
        (((14, 14, 3), 5, 16), {"strides": 0}, "strides"),
        (((14, 14, 3), 5, 16), {"dilation": (1, 0)}, "dilation"),
    ],
)
def test_sizes_below_one_are_refused(function, arguments, options, name):
    with pytest.raises(ValueError, match=rf"`{name}` must be at least 1\. Received"):
        function(*arguments, **options)


@pytest.mark.parametrize("function", [conv_output_shape, conv_parameter_count, conv_multiply_count])
@pytest.mark.parametrize("input_shape", [(), (3,), (2, 8, 8, 8, 3)])
def test_a_wrong_number_of_axes_is_refused(function, input_shape):
    with pytest.raises(ValueError, match=r"`input_shape`.*without the batch.*Received"):
        function(input_shape, 3, 4)


@pytest.mark.parametrize("name", ["kernel_size", "strides", "dilation"])
def test_a_wrong_number_of_values_for_the_axes_is_refused(name):
    options = {"kernel_size": 3, "filters": 4} | {name: (1, 1, 1)}
    with pytest.raises(
        ValueError, match=rf"`{name}` must be one integer, or one for each of the 2"
    ):
        conv_output_shape((8, 8, 3), **options)


def test_an_unknown_padding_is_refused():
    with pytest.raises(ValueError, match=r"`padding` must be one of .*Received: padding='full'"):
        conv_output_shape((8, 8, 3), 3, 4, padding="full")


@pytest.mark.parametrize("input_shape", [(8, 8, 3), (8, 8, 8, 3)])
def test_causal_padding_is_refused_for_more_than_one_axis(input_shape):
    with pytest.raises(ValueError, match=r"causal.*one axis only.*Received"):
        conv_output_shape(input_shape, 3, 4, padding="causal")


def test_stride_and_dilation_together_are_refused_here_and_by_keras():
    with pytest.raises(
        ValueError, match=r"`strides` and `dilation` cannot both exceed 1.*Received"
    ):
        conv_output_shape((20, 3), 3, 4, strides=2, dilation=2)
    with pytest.raises(ValueError, match="strides"):
        keras.layers.Conv1D(4, 3, strides=2, dilation_rate=2)
