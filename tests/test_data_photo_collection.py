import dataclasses
import importlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import skimage.data
import sklearn.datasets
from matplotlib.cbook import get_sample_data
from PIL import Image

from course_utils.cli import photos as cli_photos
from course_utils.data import list_photos, load_photos, photo_collection

ROOT = Path(__file__).parents[1]

# Height, width and mean colour of each file: another photo of the same name would show.
FILES = {
    "astronaut": ((512, 512), (141.6, 105.8, 96.5)),
    "brick": ((512, 512), (111.5, 111.5, 111.5)),
    "camera": ((512, 512), (129.1, 129.1, 129.1)),
    "chelsea": ((300, 451), (147.7, 111.4, 86.8)),
    "china": ((427, 640), (144.7, 145.5, 140.9)),
    "coffee": ((400, 600), (158.6, 85.8, 51.5)),
    "coins": ((303, 384), (96.9, 96.9, 96.9)),
    "flower": ((427, 640), (55.1, 73.6, 57.0)),
    "grace_hopper": ((600, 512), (82.5, 72.4, 86.4)),
    "grass": ((512, 512), (118.2, 118.2, 118.2)),
    "gravel": ((512, 512), (126.5, 126.5, 126.5)),
    "hubble_deep_field": ((872, 1000), (18.6, 19.8, 19.1)),
    "moon": ((512, 512), (112.2, 112.2, 112.2)),
    "motorcycle": ((500, 741), (128.6, 101.6, 93.0)),
    "retina": ((1411, 1411), (159.4, 63.5, 46.1)),
    "rocket": ((427, 640), (52.3, 61.3, 82.3)),
}
GREY = {"brick", "camera", "coins", "grass", "gravel", "moon"}
# Larger than 640: 872 · 640/1000 = 558.08 and 500 · 640/741 = 431.85.
MADE_SMALLER = {"hubble_deep_field": (558, 640), "motorcycle": (432, 640), "retina": (640, 640)}
SOURCES = {source.name: source for source in list_photos()}


def as_its_package_reads_it(name):
    if name in ("china", "flower"):
        return sklearn.datasets.load_sample_image(f"{name}.jpg")
    if name == "grace_hopper":
        return plt.imread(get_sample_data("grace_hopper.jpg", asfileobj=False))
    if name == "motorcycle":
        return skimage.data.stereo_motorcycle()[0]
    return getattr(skimage.data, name)()


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


@pytest.fixture(scope="module")
def photos():
    return load_photos()


@pytest.fixture(scope="module")
def originals():
    return load_photos(max_side=None)


@pytest.fixture
def folder(tmp_path):
    """An empty folder, and how to put a photo of one colour into it."""
    place = tmp_path / "Fotos 照片"
    place.mkdir()
    return place


def put(folder, *names, size=(6, 4)):
    """Photos of one grey each: 0, 1, 2 … in the order of the arguments."""
    for level, name in enumerate(names):
        Image.new("RGB", size, (level,) * 3).save(folder / name, "PNG")


def levels(photos):
    """Name → the one grey of the photo."""
    assert all(photo.min() == photo.max() for photo in photos.values())
    return {name: int(photo.min()) for name, photo in photos.items()}


class TestCollection:
    def test_the_names_are_in_alphabetical_order(self, photos):
        assert list(photos) == sorted(FILES)
        assert [source.name for source in list_photos()] == sorted(FILES)

    def test_all_are_8_bits_and_three_channels(self, photos, originals):
        for name, photo in [*photos.items(), *originals.items()]:
            assert photo.dtype == np.uint8, name
            assert photo.ndim == 3, name
            assert photo.shape[2] == 3, name

    @pytest.mark.parametrize("name", FILES)
    def test_it_is_the_photo_that_is_meant(self, originals, name):
        size, mean = FILES[name]
        assert originals[name].shape[:2] == size
        np.testing.assert_allclose(originals[name].mean(axis=(0, 1)), mean, rtol=0, atol=1)

    @pytest.mark.parametrize("name", FILES)
    def test_its_package_reads_the_same(self, originals, name):
        expected = as_its_package_reads_it(name)
        if expected.ndim == 2:
            expected = np.stack([expected] * 3, axis=2)
        np.testing.assert_array_equal(originals[name], expected)

    def test_six_are_grey_and_say_so(self, originals):
        grey = {
            name
            for name, photo in originals.items()
            if (photo[..., 0] == photo[..., 1]).all() and (photo[..., 1] == photo[..., 2]).all()
        }
        assert grey == GREY
        assert {source.name for source in list_photos() if source.grey} == GREY
        assert len(originals) - len(grey) == 10

    def test_the_sizes_are_at_most_640(self, photos):
        sizes = {name: size for name, (size, _) in FILES.items()} | MADE_SMALLER
        assert {name: photo.shape[:2] for name, photo in photos.items()} == sizes

    def test_what_is_done_to_a_photo_does_not_come_back(self):
        before = load_photos(["coffee", "retina"])
        for photo in load_photos(["coffee", "retina"]).values():
            photo[:] = 77
        for name, photo in load_photos(["coffee", "retina"]).items():
            np.testing.assert_array_equal(photo, before[name])

    def test_no_package_is_imported(self):
        code = (
            "import sys\nfrom course_utils.data import load_photos\n"
            "assert len(load_photos()) == 16\n"
            "print(sorted({'skimage', 'sklearn', 'matplotlib', 'tensorflow'} & set(sys.modules)))"
        )
        result = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert result.stdout == "[]\n"


class TestNames:
    @pytest.mark.parametrize("kind", [list, tuple, set, iter, np.array, dict.fromkeys])
    def test_the_order_is_that_of_the_collection(self, kind):
        photos = load_photos(kind(["rocket", "camera", "moon"]), max_side=8)
        assert list(photos) == ["camera", "moon", "rocket"]
        assert {type(name) for name in photos} == {str}

    def test_a_choice_has_the_same_photos_as_the_whole(self, photos):
        for name, photo in load_photos(["retina", "grass", "china"]).items():
            np.testing.assert_array_equal(photo, photos[name])

    def test_a_name_that_stands_twice_counts_once(self):
        assert list(load_photos(["moon", "moon"], max_side=8)) == ["moon"]

    def test_none_are_none(self):
        assert load_photos(()) == {}

    @pytest.mark.parametrize(
        ("name", "meant"),
        [
            ("cofee", "coffee"),
            ("COFFEE", "coffee"),
            ("hopper", "grace_hopper"),
            ("motorcycle_left", "motorcycle"),
            ("moon.png", "moon"),
        ],
    )
    def test_a_name_that_is_nearly_known_is_told(self, name, meant):
        words = (
            rf"^`names` must be among {', '.join(sorted(FILES))}\. "
            rf"Received: '{re.escape(name)}'\. Did you mean '{meant}'\?$"
        )
        with pytest.raises(ValueError, match=words):
            load_photos(["astronaut", name])

    @pytest.mark.parametrize("name", ["", "zebra", "照片"])
    def test_an_unknown_name_is_told(self, name):
        with pytest.raises(ValueError, match=rf"among astronaut, .*Received: '{name}'\.$"):
            load_photos(np.array([name]))

    def test_one_string_is_refused_with_the_mend(self):
        words = r"sequence of names, or None for all\. Received: 'moon'\. .*: names=\['moon'\]\.$"
        with pytest.raises(TypeError, match=words):
            load_photos("moon")

    @pytest.mark.parametrize(
        ("names", "received"), [(3, "int"), (Path("moon"), r"\w*Path"), (True, "bool")]
    )
    def test_what_is_no_sequence_is_refused(self, names, received):
        words = rf"^`names` must be a sequence of names, or None for all\. Received: {received}\.$"
        with pytest.raises(TypeError, match=words):
            load_photos(names)

    @pytest.mark.parametrize("names", [["moon", 3], [["moon"]], b"moon", [None]])
    def test_so_is_what_is_no_name(self, names):
        words = r"^`names` must be a sequence of names, or None for all\. Received in it: "
        with pytest.raises(TypeError, match=words):
            load_photos(names)


def lanczos_weights(size, smaller):
    """Row i: how much each pixel counts in the mean that is the new pixel i.

    sinc(x) · sinc(x / 3) for |x| < 3, where x is the distance from the middle of the new pixel in
    units of its width: the filter is as wide as what it drops, and so averages over it.
    """
    scale = size / smaller
    middles = (np.arange(smaller) + 0.5) * scale
    distances = (np.arange(size) + 0.5 - middles[:, None]) / scale
    weights = np.sinc(distances) * np.sinc(distances / 3) * (np.abs(distances) < 3)
    return weights / weights.sum(axis=1, keepdims=True)


class TestSize:
    def test_the_filter_is_lanczos_as_in_numpy(self, folder):
        photo = noise(50, 81, 3)
        Image.fromarray(photo).save(folder / "noise.png")
        rows, columns = lanczos_weights(50, 17), lanczos_weights(81, 27)
        expected = np.einsum("iy,jx,yxc->ijc", rows, columns, photo.astype(np.float64))
        found = load_photos((), folder=folder, max_side=27)["noise"]
        assert found.shape == (17, 27, 3)  # 50 · 27/81 = 16.67
        np.testing.assert_allclose(found, np.clip(expected, 0, 255), rtol=0, atol=1.5)
        assert np.ptp(found.astype(int)) > 50

    def test_stripes_of_a_pixel_become_grey(self, folder):
        stripes = np.zeros((64, 64, 3), np.uint8)
        stripes[:, ::2] = 255
        Image.fromarray(stripes).save(folder / "stripes.png")
        found = load_photos((), folder=folder, max_side=16)["stripes"]
        np.testing.assert_allclose(found[:, 1:-1], 127.5, rtol=0, atol=4)  # not at the border

    def test_the_colours_stay(self, originals):
        for name, photo in load_photos(max_side=100).items():
            expected = originals[name].mean(axis=(0, 1))
            np.testing.assert_allclose(photo.mean(axis=(0, 1)), expected, rtol=0, atol=1)

    @pytest.mark.parametrize("max_side", [6, 7, 640, None, np.int64(6)])
    def test_a_photo_that_fits_is_left_alone(self, folder, max_side):
        Image.fromarray(noise(4, 6, 3)).save(folder / "wide.png")
        Image.fromarray(noise(6, 4, 3)).save(folder / "tall.png")
        found = load_photos((), folder=folder, max_side=max_side)
        np.testing.assert_array_equal(found["wide"], noise(4, 6, 3))
        np.testing.assert_array_equal(found["tall"], noise(6, 4, 3))

    @pytest.mark.parametrize(
        ("size", "max_side", "expected"),
        [
            ((300, 200), 150, (150, 100)),
            ((200, 300), np.uint8(150), (100, 150)),  # 200 · 150 is more than a uint8 holds
            ((7, 5), 6, (6, 4)),  # 5 · 6/7 = 4.29
            ((5, 7), 6, (4, 6)),
            ((2, 400), 10, (1, 10)),
            ((400, 1), 10, (10, 1)),
            ((30, 20), 1, (1, 1)),
        ],
    )
    def test_the_longer_side_is_max_side(self, folder, size, max_side, expected):
        Image.fromarray(noise(*size, 3)).save(folder / "p.png")
        found = load_photos((), folder=folder, max_side=max_side)["p"]
        assert found.shape == (*expected, 3)
        assert found.dtype == np.uint8
        found[:] = 0  # may be written to

    @pytest.mark.parametrize("max_side", [0, -1, 640.0, 0.5, "640", True, False, (640, 480)])
    def test_other_sizes_are_refused(self, max_side):
        words = (
            r"^`max_side` must be an integer of at least 1 \(pixels\), or None for the original "
            rf"size\. Received: max_side={re.escape(repr(max_side))}\.$"
        )
        with pytest.raises(ValueError, match=words):
            load_photos(["moon"], max_side=max_side)


class TestOwnPhotos:
    def test_they_come_after_the_collection(self, folder, photos):
        put(folder, "a.png", "z.png")
        found = load_photos(folder=folder)
        assert list(found) == [*sorted(FILES), "a", "z"]
        np.testing.assert_array_equal(found["rocket"], photos["rocket"])

    def test_without_names_they_are_alone(self, folder):
        put(folder, "dog.png")
        assert load_photos((), folder=folder)["dog"].shape == (4, 6, 3)
        assert list(load_photos((), folder=str(folder))) == ["dog"]

    def test_the_order_is_that_of_the_files_names(self, folder, monkeypatch):
        names = ["b.png", "B.png", "a.tif", "10.png", "9.png", "é.png", "李 雷.png"]
        put(folder, *names)
        shuffled = [folder / name for name in names]
        monkeypatch.setattr(Path, "iterdir", lambda _: iter(shuffled))
        found = load_photos((), folder=folder)
        assert list(found) == ["10", "9", "B", "a", "b", "é", "李 雷"]
        assert levels(found) == {"b": 0, "B": 1, "a": 2, "10": 3, "9": 4, "é": 5, "李 雷": 6}

    @pytest.mark.parametrize("suffix", [".jpg", ".JPEG", ".Tif", ".bmp", ".webp", ".gif", ".ppm"])
    def test_formats_are_known_by_the_ending(self, folder, suffix):
        put(folder, f"p{suffix}")
        assert list(load_photos((), folder=folder)) == ["p"]

    def test_what_is_no_photo_is_left_alone(self, folder):
        put(folder, "p.png")
        for name in ["note.txt", "film.mp4", "png", "._p.png", ".hidden.jpg", "p.png.part"]:
            (folder / name).write_bytes(b"no photo")
        (folder / "folder.png").mkdir()
        put(folder / "folder.png", "inside.png")
        assert list(load_photos((), folder=folder)) == ["p"]

    def test_a_photo_is_turned_upright(self, folder):
        tags = Image.Exif()
        tags[0x0112] = 6
        Image.fromarray(noise(4, 6, 3)).save(folder / "p.png", exif=tags)
        found = load_photos((), folder=folder)["p"]
        np.testing.assert_array_equal(found, np.rot90(noise(4, 6, 3), -1))

    def test_files_that_differ_in_the_ending_keep_it(self, folder):
        put(folder, "a.jpg", "a.png", "b.png", "B.jpg")
        found = load_photos((), folder=folder)
        assert levels(found) == {"a.jpg": 0, "a.png": 1, "b": 2, "B": 3}

    def test_no_photo_takes_the_place_of_another(self, folder):
        put(folder, "a.jpg", "a.png", "a.jpg.png", "c.png.png", "c.png")
        assert levels(load_photos((), folder=folder)) == {
            "a.jpg": 0,
            "a.png": 1,
            "a.jpg.png": 2,
            "c.png.png": 3,
            "c": 4,
        }

    @pytest.mark.parametrize("names", [None, (), ["coffee"], ["moon"]])
    def test_the_collection_keeps_its_names(self, folder, names):
        """Whatever is chosen of it, "coffee" is one photo, on all machines."""
        put(folder, "coffee.jpg", "tea.jpg")
        found = load_photos(names, folder=folder)
        chosen = sorted(FILES) if names is None else list(names)
        assert list(found) == [*chosen, "coffee.jpg", "tea"]
        assert levels({name: found[name] for name in ("coffee.jpg", "tea")}) == {
            "coffee.jpg": 0,
            "tea": 1,
        }
        if "coffee" in chosen:
            assert np.ptp(found["coffee"]) > 0

    def test_names_are_those_of_the_collection_only(self, folder):
        put(folder, "dog.png")
        with pytest.raises(ValueError, match=r"Received: 'dog'\.$"):
            load_photos(["dog"], folder=folder)

    @pytest.mark.parametrize("content", [b"", b"no image", b"\xff\xd8\xff\xe0"])
    def test_a_damaged_photo_is_named(self, folder, content):
        put(folder, "a.png")
        (folder / "torn.jpg").write_bytes(content)
        words = r"照片.torn\.jpg cannot be read as a photo \(.+\)\. Is it an image, and whole\?$"
        with pytest.raises(ValueError, match=words):
            load_photos((), folder=folder)

    def test_so_is_one_that_is_elsewhere_no_more(self, folder):
        put(folder, "a.png")
        try:
            (folder / "link.jpg").symlink_to(folder / "gone.jpg")
        except OSError:
            pytest.skip("no symbolic links here")
        with pytest.raises(FileNotFoundError, match=r"^There is no photo .*link\.jpg\.$"):
            load_photos((), folder=folder)

    @pytest.mark.parametrize("content", [[], ["note.txt", ".hidden.png"]])
    def test_a_folder_without_photos_is_named(self, folder, content):
        for name in content:
            (folder / name).write_bytes(b"no photo")
        words = r"照片 holds no photo \(\.avif, .*\.webp\); its subfolders are not searched\. Put "
        with pytest.raises(ValueError, match=words):
            load_photos(folder=folder)

    @pytest.mark.parametrize("name", ["gone", "x" * 5000, "a\0b"])
    def test_a_missing_folder_is_named(self, folder, name):
        with pytest.raises(FileNotFoundError) as caught:
            load_photos((), folder=folder / name)
        expected = f"There is no folder {folder / name}. Make it, or leave `folder` out."
        assert str(caught.value) == expected

    def test_a_file_is_no_folder(self, folder):
        put(folder, "p.png")
        with pytest.raises(ValueError, match=r"p\.png is no folder\. Give the folder that it "):
            load_photos(folder=folder / "p.png")

    @pytest.mark.parametrize("place", [3, ["photos"], b"photos", True])
    def test_what_is_no_path_is_refused(self, place):
        words = rf"^`folder` must be the path of .* Received: {type(place).__name__}\.$"
        with pytest.raises(TypeError, match=words):
            load_photos(folder=place)

    def test_the_endings_are_those_of_the_command_line(self):
        assert photo_collection.IMAGE_SUFFIXES == cli_photos.IMAGE_SUFFIXES


class TestInstalledPackages:
    @pytest.fixture
    def installed(self, tmp_path, monkeypatch):
        """An empty folder that seems to be the one of each package."""
        monkeypatch.setattr(photo_collection, "package_folder", lambda *_, **__: tmp_path)
        return tmp_path

    @pytest.mark.parametrize("name", FILES)
    def test_a_missing_photo_is_named_with_the_mend(self, installed, name):
        file = re.escape(str(installed / SOURCES[name].path))
        requirement = photo_collection.PACKAGES[SOURCES[name].package][1]
        words = (
            rf"^The photo {file} is missing\. .*pip install --force-reinstall '{requirement}'\.$"
        )
        with pytest.raises(FileNotFoundError, match=words):
            load_photos([name])

    def test_so_is_a_damaged_one(self, installed):
        path = installed / "data" / "moon.png"
        path.parent.mkdir()
        path.write_bytes(b"no photo")
        words = r"moon\.png cannot be read as a photo .*--force-reinstall 'scikit-image>=0\.24'\.$"
        with pytest.raises(ValueError, match=words):
            load_photos(["moon"])

    def test_a_missing_package_is_named_with_the_mend(self, monkeypatch):
        absent = ("no_such_package", "no-such-package>=1")
        monkeypatch.setitem(photo_collection.PACKAGES, "scikit-learn", absent)
        words = r'`no_such_package`, which holds the photo "china", .*\'no-such-package>=1\'\.$'
        with pytest.raises(FileNotFoundError, match=words):
            load_photos(["china"])
        assert list(load_photos(["moon", "grace_hopper"], max_side=8)) == ["grace_hopper", "moon"]

    @pytest.mark.parametrize("package", photo_collection.PACKAGES)
    def test_each_is_a_base_dependency(self, package):
        module, requirement = photo_collection.PACKAGES[package]
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        assert requirement in project["dependencies"]
        assert re.split("[<>=]", requirement)[0] == package
        assert (Path(importlib.import_module(module).__file__).parent).is_dir()


def documentation(name):
    """What the package says about its photo."""
    if name in ("china", "flower"):
        images = Path(sklearn.datasets.__file__).parent / "images"
        about = (images / "README.txt").read_text(encoding="utf-8").split("Image: ")
        return next(text for text in about if text.startswith(f"{name}.jpg"))
    if name == "motorcycle":
        return skimage.data.stereo_motorcycle.__doc__
    return getattr(skimage.data, name).__doc__


class TestCredits:
    @pytest.mark.parametrize(
        ("name", "author", "licence"),
        [
            ("astronaut", "NASA", "public domain"),
            ("brick", "CC0Textures", "CC0"),
            ("camera", "Lav Varshney", "CC0"),
            ("chelsea", "Stefan van der Walt", "CC0"),
            ("coffee", "Rachel Michetti", "CC0"),
            ("coins", "Brooklyn Museum", "no known copyright restrictions"),
            ("grass", "linolafett", "CC0"),
            ("gravel", "CC0Textures", "CC0"),
            ("hubble_deep_field", "NASA", "public domain"),
            ("retina", "Mikael Häggström", "CC0"),
            ("rocket", "SpaceX", "public domain"),
        ],
    )
    def test_they_are_what_scikit_image_says(self, name, author, licence):
        text = re.sub(r"\s+", " ", documentation(name))
        assert author in text
        assert licence.lower() in text.lower()
        assert author in SOURCES[name].credit
        assert SOURCES[name].licence == licence

    @pytest.mark.parametrize(
        ("name", "author"), [("china", "danielbuechele"), ("flower", "vultilion")]
    )
    def test_they_are_what_scikit_learn_links(self, name, author):
        text = documentation(name)
        assert "creativecommons.org/licenses/by/2.0" in text
        assert f"flickr.com/photos/{author}/" in text
        assert SOURCES[name].credit.startswith(author)
        assert SOURCES[name].licence == "CC BY 2.0"

    def test_the_file_says_where_grace_hopper_is_from(self):
        with Image.open(get_sample_data("grace_hopper.jpg", asfileobj=False)) as image:
            assert b"commons.wikimedia.org/wiki/File:Grace_Hopper.jpg" in image.info["comment"]
        assert "Wikimedia Commons" in SOURCES["grace_hopper"].credit

    def test_where_nothing_is_stated_we_claim_nothing(self):
        silent = [source.name for source in list_photos() if source.licence == "not stated"]
        assert silent == ["moon", "motorcycle"]
        for name in silent:
            assert not re.search(
                "licen[cs]e|CC0|copyright|public domain", documentation(name), re.I
            )
        assert "Scharstein" in documentation("motorcycle")

    @pytest.mark.parametrize("name", FILES)
    def test_the_readme_has_them(self, name):
        lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
        rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
        (row,) = [row for row in rows if row and re.search(rf"^photos: .*\b{name}\b", row[0])]
        assert row[1] == f"package `{SOURCES[name].package}`"
        assert row[2].startswith(SOURCES[name].licence)
        author = re.split(r" on |,|;| \(", SOURCES[name].credit)[0]
        assert author in row[2]

    def test_an_entry_cannot_be_changed(self):
        with pytest.raises(dataclasses.FrozenInstanceError):
            list_photos()[0].licence = "CC0"
