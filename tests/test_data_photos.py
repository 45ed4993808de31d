import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, features

from course_utils.data import photos, read_photo
from course_utils.recognition.alignment import align_faces

ORIENTATION = 0x0112  # EXIF's number of the tag


def pixels(*shape, seed=0, dtype=np.uint8):
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def three_equal(grey):
    return np.stack([grey, grey, grey], axis=2)


def eight_bits(levels):
    """0–65535 → 0–255, to the nearest, in integers: 65535 = 257 · 255."""
    return ((2 * levels.astype(np.int64) + 257) // 514).astype(np.uint8)


def over_white(colours, alpha):
    share = alpha[..., None] / 255
    return colours * share + 255 * (1 - share)


def saved(folder, image, name, **options):
    image.save(folder / name, **options)
    return folder / name


def encoded(image, kind, **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def exif(orientation):
    tags = Image.Exif()
    tags[ORIENTATION] = orientation
    return tags


def png_header(width, height):
    """A PNG file that claims a size, in grey, and holds no rows."""

    def chunk(kind, content):
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(b"")), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.fixture
def nothing_is_decoded(monkeypatch):
    def load(self):
        pytest.fail("the pixels were decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", load)


UPRIGHT = {
    1: lambda stored: stored,
    2: np.fliplr,
    3: lambda stored: np.rot90(stored, 2),
    4: np.flipud,
    5: lambda stored: stored.transpose(1, 0, 2),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: np.rot90(stored, 2).transpose(1, 0, 2),
    8: lambda stored: np.rot90(stored, 1),
}


class TestOrientation:
    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("suffix", ["png", "tif", "webp"])
    def test_what_the_camera_wrote_is_applied(self, tmp_path, orientation, suffix):
        stored = pixels(4, 7, 3)
        options = {"lossless": True} if suffix == "webp" else {}
        path = saved(
            tmp_path, Image.fromarray(stored), f"p.{suffix}", exif=exif(orientation), **options
        )
        np.testing.assert_array_equal(read_photo(path), UPRIGHT[orientation](stored))
        with Image.open(path) as image:
            np.testing.assert_array_equal(read_photo(image), UPRIGHT[orientation](stored))

    def test_of_a_jpeg_too(self, tmp_path):
        stored = np.zeros((16, 32, 3), np.uint8)
        stored[:8, :16] = 255  # the top left quarter is white
        path = saved(tmp_path, Image.fromarray(stored), "p.jpg", exif=exif(6), quality=95)
        upright = read_photo(path)
        assert upright.shape == (32, 16, 3)
        assert upright[:16, 8:].min() > 245  # top right
        assert upright[16:].max() < 10
        assert upright[:, :8].max() < 10

    def test_of_a_photo_with_16_bits_too(self, tmp_path):
        levels = pixels(3, 5, dtype=np.uint16)
        path = saved(tmp_path, Image.fromarray(levels), "p.png", exif=exif(8))
        expected = three_equal(np.rot90(eight_bits(levels)))
        np.testing.assert_array_equal(read_photo(path), expected)

    @pytest.mark.parametrize("orientation", [0, 9, 255])
    def test_a_number_without_meaning_changes_nothing(self, tmp_path, orientation):
        stored = pixels(4, 7, 3)
        path = saved(tmp_path, Image.fromarray(stored), "p.png", exif=exif(orientation))
        np.testing.assert_array_equal(read_photo(path), stored)


class TestModes:
    def test_grey_has_three_equal_channels(self, tmp_path):
        grey = pixels(5, 3)
        path = saved(tmp_path, Image.fromarray(grey), "p.png")
        np.testing.assert_array_equal(read_photo(path), three_equal(grey))

    def test_one_bit_is_black_and_white(self, tmp_path):
        white = pixels(5, 11) > 127
        path = saved(tmp_path, Image.fromarray(white), "p.png")
        with Image.open(path) as image:
            assert image.mode == "1"
        np.testing.assert_array_equal(read_photo(path), three_equal(np.uint8(255) * white))

    @pytest.mark.parametrize("kind", ["path", "image"])
    def test_transparent_pixels_show_white(self, tmp_path, kind):
        colours = pixels(16, 16, 4)
        colours[0, :, 3], colours[1, :, 3] = 0, 255
        image = Image.fromarray(colours)
        photo = image if kind == "image" else saved(tmp_path, image, "p.png")
        found = read_photo(photo)
        expected = over_white(colours[..., :3].astype(float), colours[..., 3].astype(float))
        np.testing.assert_allclose(found, expected, rtol=0, atol=1)
        np.testing.assert_array_equal(found[0], 255)
        np.testing.assert_array_equal(found[1], colours[1, :, :3])

    def test_transparent_grey_too(self, tmp_path):
        grey, alpha = pixels(16, 16), pixels(16, 16, seed=1)
        image = Image.merge("LA", [Image.fromarray(grey), Image.fromarray(alpha)])
        expected = over_white(three_equal(grey).astype(float), alpha.astype(float))
        found = read_photo(saved(tmp_path, image, "p.png"))
        np.testing.assert_allclose(found, expected, rtol=0, atol=1)

    def test_a_palette_with_transparent_colours_too(self, tmp_path):
        palette = np.array([[250, 10, 20], [0, 0, 0], [30, 60, 90], [7, 8, 9]], np.uint8)
        alphas = np.array([255, 0, 100, 255], np.uint8)
        indices = pixels(6, 8) % 4
        image = Image.fromarray(indices).convert("P")
        image.putdata(indices.ravel().tolist())
        image.putpalette(palette.tobytes())
        path = saved(tmp_path, image, "p.png", transparency=alphas.tobytes())
        with Image.open(path) as stored:
            assert stored.mode == "P"
        expected = over_white(palette.astype(float), alphas.astype(float))[indices]
        np.testing.assert_allclose(read_photo(path), expected, rtol=0, atol=1)

    def test_a_palette_without_them(self, tmp_path):
        palette, indices = pixels(256, 3), pixels(6, 8)
        image = Image.fromarray(indices).convert("P")
        image.putpalette(palette.tobytes())
        path = saved(tmp_path, image, "p.bmp")
        np.testing.assert_array_equal(read_photo(path), palette[indices])

    def test_one_colour_that_is_named_transparent(self, tmp_path):
        colours = pixels(4, 4, 3)
        path = saved(
            tmp_path, Image.fromarray(colours), "p.png", transparency=tuple(colours[1, 2].tolist())
        )
        expected = colours.copy()
        expected[1, 2] = 255
        np.testing.assert_array_equal(read_photo(path), expected)

    @pytest.mark.parametrize("suffix", ["tif", "jpg"])
    def test_inks_become_light(self, tmp_path, suffix):
        """Each ink, and black over it, lets through what it does not cover."""
        inks = np.full((16, 16, 4), (200, 30, 90, 51), np.uint8)
        path = saved(tmp_path, Image.frombytes("CMYK", (16, 16), inks.tobytes()), f"p.{suffix}")
        with Image.open(path) as image:
            assert image.mode == "CMYK"
        expected = (255 - inks[..., :3].astype(float)) * (255 - 51) / 255
        tolerance = {"tif": 1, "jpg": 4}[suffix]
        np.testing.assert_allclose(read_photo(path), expected, rtol=0, atol=tolerance)

    def test_luma_and_chroma_become_colours(self):
        """JFIF: R = Y + 1.402 Cr, G = Y − 0.344136 Cb − 0.714136 Cr, B = Y + 1.772 Cb."""
        planes = pixels(16, 16, 3) // 2 + 64
        luma, blue, red = np.moveaxis(planes.astype(float) - (0, 128, 128), 2, 0)
        expected = [
            luma + 1.402 * red,
            luma - 0.344136 * blue - 0.714136 * red,
            luma + 1.772 * blue,
        ]
        found = read_photo(Image.frombytes("YCbCr", (16, 16), planes.tobytes()))
        np.testing.assert_allclose(found, np.stack(expected, axis=2).clip(0, 255), rtol=0, atol=1.5)

    @pytest.mark.parametrize("colour", [(255, 0, 0), (0, 128, 255), (17, 200, 90)])
    def test_a_jpeg_keeps_its_colour(self, tmp_path, colour):
        path = saved(tmp_path, Image.new("RGB", (20, 12), colour), "p.jpg", quality=95)
        found = read_photo(path)
        assert found.shape == (12, 20, 3)
        np.testing.assert_allclose(found, np.full((12, 20, 3), colour), rtol=0, atol=3)

    def test_of_an_animation_the_first_frame_counts(self, tmp_path):
        frames = [Image.new("RGB", (6, 5), colour) for colour in ("red", "lime", "blue")]
        path = saved(tmp_path, frames[0], "p.gif", save_all=True, append_images=frames[1:])
        with Image.open(path) as image:
            assert image.n_frames == 3
        np.testing.assert_array_equal(read_photo(path), np.full((5, 6, 3), (255, 0, 0)))

    @pytest.mark.parametrize(
        "mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "HSV", "LAB"]
    )
    def test_a_pillow_image_of_any_mode_becomes_rgb(self, mode):
        photo = read_photo(Image.new(mode, (5, 3)))
        assert photo.shape == (3, 5, 3)
        assert photo.dtype == np.uint8


class TestMoreThanEightBits:
    @pytest.mark.parametrize(
        ("suffix", "dtype", "modes"),
        [
            ("png", "<u2", ["I;16", "I"]),  # "I" with Pillow 10
            ("tif", "<u2", ["I;16"]),
            ("tif", ">u2", ["I;16B"]),
            ("tif", "i4", ["I"]),
            ("tif", "f4", ["F"]),
        ],
    )
    def test_grey_is_rounded_to_eight_bits(self, tmp_path, suffix, dtype, modes):
        levels = pixels(9, 7, dtype=np.uint16)
        levels[0, :3] = 0, 65535, 128  # 128 / 257 is below one half
        path = saved(tmp_path, Image.fromarray(levels.astype(dtype)), f"p.{suffix}")
        with Image.open(path) as image:
            assert image.mode in modes
        found = read_photo(path)
        np.testing.assert_array_equal(found, three_equal(eight_bits(levels)))
        assert found[0, :3, 0].tolist() == [0, 255, 0]

    @pytest.mark.parametrize("dtype", ["<u2", "i4"])
    def test_a_black_photo_is_black(self, tmp_path, dtype):
        path = saved(tmp_path, Image.fromarray(np.zeros((3, 4), dtype)), "p.tif")
        np.testing.assert_array_equal(read_photo(path), np.zeros((3, 4, 3)))

    @pytest.mark.parametrize(
        ("levels", "words"),
        [
            (np.array([[-1, 5]], np.int32), "from -1 to 5"),
            (np.array([[0, 65536]], np.int32), "from 0 to 65536"),
            (np.array([[0, 0.25, 1]], np.float32), "from 0 to 1"),
            (np.array([[3, np.nan]], np.float32), "from nan to nan"),
            (np.array([[3, np.inf]], np.float32), "from 3 to inf"),
            (np.array([[-0.5, 300]], np.float32), "from -0.5 to 300"),
        ],
    )
    def test_grey_outside_the_range_is_refused(self, tmp_path, levels, words):
        path = saved(tmp_path, Image.fromarray(levels), "p.tif")
        end = r"; expected 0–65535 \(16 bits\)\. Convert it to 8 bits first\.$"
        with pytest.raises(ValueError, match=rf"^.*p\.tif has grey values {words}{end}"):
            read_photo(path)
        with pytest.raises(ValueError, match=rf"^The image has grey values {words}{end}"):
            read_photo(Image.fromarray(levels))

    @pytest.mark.parametrize("channels", [(), (1,), (3,)])
    def test_arrays_are_rounded_to_eight_bits(self, channels):
        levels = pixels(40, 40, *channels, dtype=np.uint16)
        expected = eight_bits(levels)
        expected = three_equal(expected) if not channels else np.broadcast_to(expected, (40, 40, 3))
        np.testing.assert_array_equal(read_photo(levels), expected)

    def test_every_value_is_rounded_to_the_nearest(self):
        levels = np.arange(65536, dtype=np.uint16).reshape(256, 256)
        np.testing.assert_array_equal(read_photo(levels)[..., 0], eight_bits(levels))

    def test_a_transparent_array_shows_white(self):
        levels = pixels(16, 16, 4, dtype=np.uint16)
        colours, alpha = levels[..., :3] / 257, levels[..., 3] / 257
        np.testing.assert_allclose(read_photo(levels), over_white(colours, alpha), rtol=0, atol=1.6)


class TestArrays:
    @pytest.mark.parametrize("shape", [(1, 1), (5, 3), (5, 3, 1), (1, 7, 3)])
    def test_values_are_kept(self, shape):
        array = pixels(*shape)
        expected = array if shape[2:] == (3,) else np.dstack([array] * 3)
        found = read_photo(array)
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == np.uint8

    def test_a_fourth_channel_is_transparency(self):
        array = pixels(16, 16, 4)
        expected = over_white(array[..., :3].astype(float), array[..., 3].astype(float))
        np.testing.assert_allclose(read_photo(array), expected, rtol=0, atol=1)

    @pytest.mark.parametrize(
        "view",
        [
            lambda array: array[..., ::-1],  # what the documentation tells users of OpenCV
            lambda array: array[::2, ::-3],
            lambda array: array.transpose(1, 0, 2),
            lambda array: np.rot90(array),
            np.asfortranarray,
        ],
    )
    @pytest.mark.parametrize("channels", [3, 4])
    def test_views_work(self, view, channels):
        array = view(pixels(6, 9, channels))
        assert not array.flags.c_contiguous
        found = read_photo(array)
        np.testing.assert_array_equal(found, read_photo(np.ascontiguousarray(array)))
        assert found.flags.c_contiguous

    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    @pytest.mark.parametrize("channels", [(), (1,), (3,), (4,)])
    def test_the_argument_is_neither_changed_nor_shared(self, dtype, channels):
        array = pixels(6, 9, *channels, dtype=dtype)
        before = array.copy()
        array.setflags(write=False)
        found = read_photo(array)
        assert not np.shares_memory(found, array)
        found[:] = 77
        np.testing.assert_array_equal(array, before)

    def test_nor_is_a_pillow_image(self):
        image = Image.fromarray(pixels(6, 9, 3))
        image.getexif()[ORIENTATION] = 6
        before = image.tobytes()
        read_photo(image)[:] = 77
        assert (image.tobytes(), image.size, image.getexif()[ORIENTATION]) == (before, (9, 6), 6)

    @pytest.mark.parametrize(
        "dtype", ["float32", "float64", "bool", "int64", "int8", "uint32", "O"]
    )
    def test_other_types_are_refused(self, dtype):
        words = (
            r"must be a uint8 array, 0–255, or uint16, 0–65535\. "
            rf"Received: {np.dtype(dtype)}\. .*np\.rint\(photo \* 255\)"
        )
        with pytest.raises(ValueError, match=words):
            read_photo(np.ones((4, 4, 3), dtype))

    @pytest.mark.parametrize(
        "shape", [(), (5,), (5, 5, 2), (5, 5, 5), (2, 5, 5, 3), (0, 5), (5, 0, 3), (5, 5, 0)]
    )
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_other_shapes_are_refused(self, shape, dtype):
        with pytest.raises(ValueError, match=r"A photo must have shape .*Received: \("):
            read_photo(np.zeros(shape, dtype))


class TestWhatIsNoPhoto:
    @pytest.mark.parametrize("photo", [None, 3, [[1, 2], [3, 4]], b"bytes", (1, 2), io.BytesIO()])
    def test_other_things_are_refused(self, photo):
        words = r"`photo` must be a path, a Pillow image or a NumPy array\. Received: "
        with pytest.raises(TypeError, match=rf"^{words}{type(photo).__name__}\.$"):
            read_photo(photo)

    @pytest.mark.parametrize("kind", ["Path", "text"])
    def test_a_folder_is_named(self, tmp_path, kind):
        folder = tmp_path / "Fotos 照片"
        folder.mkdir()
        with pytest.raises(ValueError, match=r"Fotos 照片 is a folder\. Give a photo in it\."):
            read_photo(folder if kind == "Path" else str(folder))

    @pytest.mark.parametrize("name", ["no.jpg", "gone/no.jpg", "x" * 5000, "a\0b"])
    @pytest.mark.parametrize("kind", ["Path", "text"])
    def test_a_missing_file_is_named(self, tmp_path, name, kind):
        path = tmp_path / name
        with pytest.raises(FileNotFoundError) as caught:
            read_photo(path if kind == "Path" else str(path))
        assert str(caught.value) == f"There is no photo {path}."

    def test_a_photo_is_read_by_its_path_as_text(self, tmp_path):
        stored = pixels(3, 4, 3)
        path = saved(tmp_path, Image.fromarray(stored), "Müller 李.png")
        np.testing.assert_array_equal(read_photo(str(path)), stored)

    def test_what_the_file_holds_counts_and_not_its_name(self, tmp_path):
        stored = pixels(3, 4, 3)
        path = saved(tmp_path, Image.fromarray(stored), "p.jpg", format="PNG")
        np.testing.assert_array_equal(read_photo(path), stored)

    @pytest.mark.parametrize(
        "content", [b"", b"\0" * 1000, b"no image\n" * 100, b"\xff\xd8\xff\xe0"]
    )
    def test_a_file_of_another_kind_is_named(self, tmp_path, content):
        path = tmp_path / "note.jpg"
        path.write_bytes(content)
        words = r"note\.jpg cannot be read as a photo \(.+\)\. Is it an image, and whole\?"
        with pytest.raises(ValueError, match=words):
            read_photo(path)

    @pytest.mark.parametrize("suffix", ["jpg", "png"])
    @pytest.mark.parametrize("share", [0.2, 0.6, 0.95])
    def test_a_truncated_photo_is_named(self, tmp_path, suffix, share):
        path = saved(tmp_path, Image.fromarray(pixels(60, 40, 3)), f"p.{suffix}")
        content = path.read_bytes()
        path.write_bytes(content[: int(share * len(content))])
        words = rf"^.*p\.{suffix} cannot be read as a photo \(.+\)\. Is it an image, and whole\?$"
        with pytest.raises(ValueError, match=words):
            read_photo(path)

    @pytest.mark.parametrize("kind", ["JPEG", "PNG"])
    def test_so_is_a_pillow_image_whose_file_turns_out_to_be_truncated(self, kind):
        content = encoded(Image.fromarray(pixels(60, 40, 3)), kind)
        image = Image.open(io.BytesIO(content[: int(0.7 * len(content))]))
        words = r"^The image cannot be read as a photo \(.+\)\. Is it an image, and whole\?$"
        with pytest.raises(ValueError, match=words):
            read_photo(image)

    @pytest.mark.parametrize("size", [(0, 5), (5, 0)])
    def test_an_image_without_pixels_is_refused(self, size):
        with pytest.raises(ValueError, match=r"^The image has no pixels\.$"):
            read_photo(Image.new("RGB", size))


class TestBombs:
    @pytest.mark.parametrize(
        ("width", "height"),
        [(100_000, 100_000), (10_000, 9_000), (80_000_001, 1), (2**31 - 1,) * 2],
    )
    def test_a_header_that_claims_too_much_is_refused_before_decoding(
        self, tmp_path, width, height, nothing_is_decoded
    ):
        path = tmp_path / "bomb.png"
        path.write_bytes(png_header(width, height))
        words = r"bomb\.png has more than 80 million pixels\. Make it smaller first\.$"
        with pytest.raises(ValueError, match=words):
            read_photo(path)

    def test_a_header_that_claims_little_is_decoded(self, tmp_path, nothing_is_decoded):
        path = tmp_path / "small.png"
        path.write_bytes(png_header(10, 9))
        with pytest.raises(pytest.fail.Exception, match="the pixels were decoded"):
            read_photo(path)

    @pytest.mark.parametrize("kind", ["file", "image", "array", "array of 16 bits"])
    def test_the_limit_is_the_last_size_that_is_read(self, tmp_path, monkeypatch, kind):
        array = pixels(5, 6, 3, dtype=np.uint16 if "16" in kind else np.uint8)
        photo = array
        if "array" not in kind:
            photo = Image.fromarray(array)
        if kind == "file":
            photo = saved(tmp_path, photo, "p.png")
        monkeypatch.setattr(photos, "MAX_PIXELS", 30)
        assert read_photo(photo).shape == (5, 6, 3)
        monkeypatch.setattr(photos, "MAX_PIXELS", 29)
        name = {"file": r".*p\.png", "image": "The image"}.get(kind, "The array")
        with pytest.raises(ValueError, match=f"^{name} has more than "):
            read_photo(photo)


def whole_files():
    """Small files of many kinds; smooth, so that a changed byte is not just other noise."""
    rows, columns = np.mgrid[:24, :32]
    colours = np.dstack([rows * 10, columns * 7, (rows + columns) * 4]).astype(np.uint8)
    rgb, grey = Image.fromarray(colours), Image.fromarray(colours[..., 0])
    transparent = Image.fromarray(np.dstack([colours, colours[..., 2]]))
    levels = Image.fromarray(colours[..., 0].astype(np.uint16) * 257)
    palette = rgb.convert("P", palette=Image.Palette.ADAPTIVE)
    files = [
        encoded(rgb, "PNG", exif=exif(6)),
        encoded(transparent, "PNG"),
        encoded(palette, "PNG", transparency=3),
        encoded(levels, "PNG"),
        encoded(rgb, "JPEG", exif=exif(8)),
        encoded(grey, "JPEG", progressive=True),
        encoded(rgb.convert("CMYK"), "JPEG"),
        encoded(palette, "GIF", save_all=True, append_images=[palette.rotate(180)]),
        encoded(rgb, "BMP"),
        encoded(palette, "BMP"),
        encoded(rgb, "TIFF"),
        encoded(rgb, "TIFF", compression="tiff_lzw"),
        encoded(levels, "TIFF", compression="tiff_deflate"),
        encoded(rgb, "PPM"),
        encoded(grey, "PPM"),
    ]
    if features.check("webp"):
        files += [encoded(rgb, "WEBP"), encoded(transparent, "WEBP", lossless=True)]
    return files


def damaged(files, rng):
    """One of the files with flipped bits, cut off, or with a piece of another one in it."""
    content = bytearray(files[rng.integers(len(files))])
    kind = rng.integers(3)
    if kind == 0:
        reach = len(content) if rng.random() < 0.5 else min(64, len(content))  # often the header
        for place in rng.integers(0, reach, rng.integers(1, 9)):
            content[place] ^= 1 << rng.integers(8)
    elif kind == 1:
        del content[rng.integers(len(content)) :]
    else:
        other = files[rng.integers(len(files))]
        start, length = rng.integers(len(other)), rng.integers(1, 64)
        place = rng.integers(len(content))
        content[place : place + rng.integers(64)] = other[start : start + length]
    return bytes(content)


class TestDamagedFiles:
    """What came over a bad line ends in an error that names the file, or in a photo."""

    def test_the_whole_files_are_read(self, tmp_path):
        for content in whole_files():
            (tmp_path / "photo").write_bytes(content)
            assert sorted(read_photo(tmp_path / "photo").shape) == [3, 24, 32]

    def test_nothing_else_than_a_valueerror_or_a_photo(self, tmp_path):
        rng, files, path = np.random.default_rng(0), whole_files(), tmp_path / "photo"
        refused, read, wrong = 0, [], []
        for index in range(1200):
            content = damaged(files, rng)
            path.write_bytes(content)
            try:
                photo = read_photo(path)
            except Exception as error:
                refused += 1
                if not isinstance(error, ValueError) or str(path) not in str(error):
                    wrong.append((index, repr(error)))
                continue
            if photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[2] != 3:
                wrong.append((index, photo.dtype, photo.shape))
            read.append(photo)
        assert wrong == []
        assert refused > 250
        assert len(read) > 250
        for photo in read[:: len(read) // 5]:
            assert align_faces(photo).chips.shape[1:] == (150, 150, 3)
