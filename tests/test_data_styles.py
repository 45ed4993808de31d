import colorsys
import dataclasses
import hashlib
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from course_utils.data import list_styles, load_style, read_photo, styles

ROOT = Path(__file__).parents[1]
NAMES = [
    "composition",
    "impasto_flowers",
    "ink_mountains",
    "pointillism",
    "stained_glass",
    "swirling_night",
    "watercolour",
    "woodblock",
]
SMALL, LARGE = (96, 128), (192, 256)
# Paintings take half a second each: every size is tried with one of them.
ODD_SIZES = {
    "composition": (37, 53),
    "pointillism": (16, 16),
    "swirling_night": (300, 200),
    "woodblock": (24, 200),
}
ELSEWHERE = f"""
import hashlib, sys
from course_utils.data import list_styles, load_style
def painters():
    return {{n.rpartition(".")[2] for n in sys.modules if ".data.painters." in n}}
print(sorted(painters()))
load_style("stained_glass", image_size=16)
print(sorted(painters() & set({NAMES})))
for name in {NAMES}:
    print(hashlib.sha256(load_style(name, image_size={SMALL}).tobytes()).hexdigest())
print("tensorflow" in sys.modules)
"""


@pytest.fixture(scope="module")
def elsewhere():
    """The same paintings, being painted by another process in the meantime."""
    with subprocess.Popen(
        [sys.executable, "-c", ELSEWHERE], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process


@pytest.fixture(scope="module")
def paintings(elsewhere):
    return {name: load_style(name, image_size=SMALL) for name in NAMES}


def grey_plan(picture, size=(24, 32)):
    """The composition: means over blocks, of all channels together."""
    rows, columns = picture.shape[0] // size[0], picture.shape[1] // size[1]
    blocks = picture.reshape(size[0], rows, size[1], columns, 3).astype(float)
    return blocks.mean(axis=(1, 3)).ravel()


def likeness(picture, other):
    return np.corrcoef(grey_plan(picture), grey_plan(other))[0, 1]


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


class TestPaintings:
    @pytest.mark.parametrize("name", NAMES)
    def test_it_is_8_bits_rgb(self, paintings, name):
        assert paintings[name].shape == (*SMALL, 3)
        assert paintings[name].dtype == np.uint8
        assert paintings[name].flags.writeable

    @pytest.mark.parametrize("name", NAMES)
    def test_a_larger_one_is_the_same_composition(self, paintings, name):
        larger = load_style(name, image_size=LARGE)
        assert larger.shape == (*LARGE, 3)
        found = {other: likeness(larger, picture) for other, picture in paintings.items()}
        assert found.pop(name) > 0.95
        assert max(found.values()) < 0.8  # no other painting is

    @pytest.mark.parametrize(("name", "size"), ODD_SIZES.items())
    def test_any_size(self, name, size):
        picture = load_style(name, image_size=size)
        assert picture.shape == (*size, 3)
        assert picture.std() > 25
        # Nothing is empty: the colours change within each of eight parts along the longer side.
        parts = np.array_split(picture, 8, axis=int(size[1] > size[0]))
        assert min(part.std(axis=(0, 1)).max() for part in parts) > 6

    @pytest.mark.parametrize("name", NAMES)
    def test_it_has_contrast(self, paintings, name):
        dark, light = np.percentile(paintings[name].mean(axis=2), [5, 95])
        assert light - dark > 90

    @pytest.mark.parametrize("name", NAMES)
    def test_it_has_texture_in_every_quarter(self, paintings, name):
        picture = paintings[name].astype(float)
        detail = picture - ndimage.gaussian_filter(picture, (2, 2, 0))
        quarters = [q for half in np.split(detail, 2) for q in np.split(half, 2, axis=1)]
        assert min(quarter.std() for quarter in quarters) > 8

    @pytest.mark.parametrize("name", [name for name in NAMES if name != "ink_mountains"])
    def test_it_has_several_hues(self, paintings, name):
        pixels = paintings[name][::3, ::3].reshape(-1, 3) / 255
        hues = [h for h, s, v in (colorsys.rgb_to_hsv(*rgb) for rgb in pixels) if s * v > 0.2]
        counts, _ = np.histogram(hues, bins=12, range=(0, 1))
        assert (counts > 0.01 * len(pixels)).sum() >= 3

    def test_ink_is_nearly_black_and_white(self, paintings):
        colourfulness = {
            name: np.ptp(p.astype(int), axis=2).mean() for name, p in paintings.items()
        }
        assert min(colourfulness, key=colourfulness.get) == "ink_mountains"

    def test_another_process_paints_the_same(self, elsewhere, paintings):
        """Nor does it load TensorFlow, or a painter's code before it is asked for."""
        lines = elsewhere.communicate(timeout=120)[0].splitlines()
        hashes = [hashlib.sha256(paintings[name].tobytes()).hexdigest() for name in NAMES]
        assert lines == ["[]", "['stained_glass']", *hashes, "False"]


class TestList:
    def test_eight_are_painted(self):
        painted = [source for source in list_styles() if source.kind == "painted"]
        assert [source.name for source in painted] == NAMES
        assert {source.credit for source in painted} == {"painted by this course's code"}

    def test_each_says_what_it_is(self):
        for source in (*list_styles(), styles.ORIGINAL):
            assert re.fullmatch(r"[A-Z][^.]*: [^.]*\.|[A-Z][^.]*\.", source.description), (
                source.name
            )
            assert source.title
        assert len({source.title for source in list_styles()}) == len(list_styles())

    def test_a_source_stays_as_it_is(self):
        with pytest.raises(dataclasses.FrozenInstanceError):
            list_styles()[0].name = "other"


class TestStarryNight:
    @pytest.fixture
    def installed(self, tmp_path, monkeypatch):
        """A file in the place of van Gogh's."""
        path = tmp_path / "starry_night.png"
        Image.fromarray(noise(60, 80, 3)).save(path)
        monkeypatch.setattr(styles, "STARRY_NIGHT", path)
        return path

    def test_it_stands_last_where_it_is_installed(self, installed):
        assert [source.name for source in list_styles()] == [*NAMES, "starry_night"]
        assert list_styles()[-1].kind == "file"
        assert "public domain" in list_styles()[-1].credit

    def test_it_is_read_from_its_file(self, installed):
        np.testing.assert_array_equal(load_style("starry_night"), noise(60, 80, 3))
        assert load_style("starry_night", image_size=(10, 40)).shape == (30, 40, 3)

    def test_where_it_is_not_the_mend_is_told(self, installed):
        installed.unlink()
        assert [source.name for source in list_styles()] == NAMES
        words = (
            r"^There is no .*starry_night\.png, .*package opencv-doc .*or give the path of a file"
        )
        with pytest.raises(FileNotFoundError, match=words):
            load_style("starry_night")


class TestOwnPictures:
    @pytest.mark.parametrize("name", ["mine.png", "woodblock.png", "no_ending"])
    def test_a_file_is_read(self, tmp_path, monkeypatch, name):
        Image.fromarray(noise(30, 40, 3)).save(tmp_path / name, "PNG")
        monkeypatch.chdir(tmp_path)
        for path in (tmp_path / name, str(tmp_path / name), Path(name), name):
            np.testing.assert_array_equal(load_style(path), noise(30, 40, 3))

    def test_a_path_is_no_name(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        with pytest.raises(FileNotFoundError, match=r"^There is no photo woodblock\.$"):
            load_style(Path("woodblock"))

    def test_grey_and_transparent_pictures_are_read(self, tmp_path):
        Image.fromarray(noise(6, 8)).save(tmp_path / "grey.png")
        clear = noise(6, 8, 4)
        clear[..., 3] = 0
        Image.fromarray(clear).save(tmp_path / "clear.png")
        grey = load_style(tmp_path / "grey.png")
        np.testing.assert_array_equal(grey, np.stack([noise(6, 8)] * 3, axis=2))
        np.testing.assert_array_equal(load_style(tmp_path / "clear.png"), np.full((6, 8, 3), 255))

    @pytest.mark.parametrize("kind", [np.asarray, Image.fromarray])
    def test_a_picture_in_memory(self, kind):
        picture = noise(9, 12, 3)
        found = load_style(kind(picture))
        np.testing.assert_array_equal(found, picture)
        found[:] = 0
        np.testing.assert_array_equal(picture, noise(9, 12, 3))

    @pytest.mark.parametrize(
        ("image_size", "expected"),
        [
            (40, (20, 40)),
            ((40, 10), (20, 40)),  # the longer side counts, whichever it is
            (100, (50, 100)),
            (101, (50, 100)),
            (np.int64(10), (5, 10)),
            (1, (1, 1)),
            (10_000, (50, 100)),
        ],
    )
    def test_it_is_made_smaller_never_larger(self, image_size, expected):
        picture = noise(50, 100, 3)
        found = load_style(picture, image_size=image_size)
        assert found.shape == (*expected, 3)
        assert abs(found.mean() - picture.mean()) < 6
        if expected == (50, 100):
            np.testing.assert_array_equal(found, read_photo(picture))

    @pytest.mark.parametrize("name", ["gone.png", "folder/gone", "woodblock.jpg"])
    def test_a_missing_file_is_named(self, tmp_path, monkeypatch, name):
        monkeypatch.chdir(tmp_path)
        with pytest.raises(FileNotFoundError, match=r"^There is no photo .*(gone|woodblock)"):
            load_style(name)

    def test_a_damaged_file_is_named(self, tmp_path):
        (tmp_path / "torn.jpg").write_bytes(b"no image")
        with pytest.raises(ValueError, match=r"torn\.jpg cannot be read as a photo"):
            load_style(tmp_path / "torn.jpg")


class TestErrors:
    @pytest.mark.parametrize(
        ("name", "meant"),
        [
            ("woodblok", "woodblock"),
            ("WATERCOLOUR", "watercolour"),
            ("watercolor", "watercolour"),
            ("stary_night", "starry_night"),
            ("stained glass", "stained_glass"),
        ],
    )
    def test_a_name_that_is_nearly_known_is_told(self, name, meant):
        words = (
            rf"^`style` must be among {', '.join(NAMES)}, starry_night, or the path of an image "
            rf"file\. Received: '{name}'\. Did you mean '{meant}'\?$"
        )
        with pytest.raises(ValueError, match=words):
            load_style(name)

    @pytest.mark.parametrize("name", ["", "zebra", "画"])
    def test_an_unknown_name_is_told(self, name):
        with pytest.raises(ValueError, match=rf"path of an image file\. Received: '{name}'\.$"):
            load_style(name)

    @pytest.mark.parametrize(
        ("style", "received"), [(3, "int"), (None, "NoneType"), (["woodblock"], "list")]
    )
    def test_what_is_no_picture_is_refused(self, style, received):
        words = rf"^`style` must be a name, a path, a Pillow .* Received: {received}\.$"
        with pytest.raises(TypeError, match=words):
            load_style(style)

    @pytest.mark.parametrize(
        "size", [0, -1, 64.0, "64", None, True, (64,), (64, 64, 3), (64, 0), (64.0, 64), [64, True]]
    )
    @pytest.mark.parametrize("style", ["woodblock", np.zeros((4, 4), np.uint8)])
    def test_what_is_no_size_is_refused(self, style, size):
        words = (
            r"^`image_size` must be \(height, width\) in pixels, or an integer, the width of a 4:3 "
            rf"picture\. Received: image_size={re.escape(repr(size))}\.$"
        )
        with pytest.raises(ValueError, match=words):
            load_style(style, image_size=size)

    @pytest.mark.parametrize(
        ("size", "received"),
        [
            (9, "7 × 9"),
            ((7, 60), "7 × 60"),
            ((60, 7), "60 × 7"),
            ((5000, 4000), "5000 × 4000"),
            ((20, 201), "20 × 201"),
            ((201, 20), "201 × 20"),
        ],
    )
    def test_a_painting_has_limits(self, size, received):
        words = (
            r"^A painting's sides must be 8–4096 pixels, the longer at most 10 times the shorter\. "
            rf"Received: {received} \(height × width\)\.$"
        )
        with pytest.raises(ValueError, match=words):
            load_style("woodblock", image_size=size)

    def test_an_integer_is_the_width(self):
        assert load_style("stained_glass", image_size=54).shape == (40, 54, 3)  # 40.5, to even
        assert load_style("stained_glass", image_size=[8, 11]).shape == (8, 11, 3)
