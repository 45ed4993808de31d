import dataclasses
import gzip
import re
import shutil
import subprocess
import sys

import nibabel
import numpy as np
import pytest

from course_utils.data import (
    BrainVolume,
    load_brain_volume,
    split_hemispheres,
    split_slabs,
    volumes,
)
from course_utils.data.packages import package_folder

NAMES = {"t1": "t1", "grey_matter": "gm", "white_matter": "wm"}
FILE = "mni_icbm152_{}_tal_nlin_sym_09a_converted.nii.gz"
BOX = ((60, 97), (101, 142), (50, 83))  # 37 × 41 × 33 voxels in the middle of the brain


@pytest.fixture(scope="module")
def folder():
    return package_folder("nilearn", requirement="nilearn", holds="x") / "datasets" / "data"


@pytest.fixture(scope="module")
def images(folder):
    """What nibabel reads, for each field."""
    return {name: nibabel.load(folder / FILE.format(short)) for name, short in NAMES.items()}


@pytest.fixture(scope="module")
def files(images):
    """The bytes of the files, for each field."""
    found = {name: np.asarray(image.dataobj) for name, image in images.items()}
    assert {values.dtype for values in found.values()} == {np.dtype("uint8")}
    return found


@pytest.fixture(scope="module")
def brain():
    return load_brain_volume()


@pytest.fixture(scope="module")
def cropped():
    return load_brain_volume(crop=BOX)


@pytest.fixture
def installed(tmp_path, monkeypatch, folder):
    """Copies of the files, which may be damaged."""
    copies = tmp_path / "datasets" / "data"
    copies.mkdir(parents=True)
    for short in NAMES.values():
        shutil.copy(folder / FILE.format(short), copies)
    monkeypatch.setattr(volumes, "package_folder", lambda *_, **__: tmp_path)
    return copies


def made_volume(shape=(7, 12, 5), start=(-3, -4, 0), size=1.0, seed=0):
    """A volume of noise, whose first voxel lies at `start` millimetres."""
    shares = np.random.default_rng(seed).dirichlet([1, 1, 1], shape).astype(np.float32)
    affine = np.diag([size, size, size, 1.0])
    affine[:3, 3] = start
    return BrainVolume(
        t1=shares[..., 0], grey_matter=shares[..., 1], white_matter=shares[..., 2], affine=affine
    )


def fields(volume):
    return {name: getattr(volume, name) for name in NAMES}


def assert_same(volume, other):
    for name in NAMES:
        np.testing.assert_array_equal(getattr(volume, name), getattr(other, name))
    np.testing.assert_array_equal(volume.affine, other.affine)


def test_the_packages_are_not_imported():
    """Before a brain is loaded nibabel is not, either."""
    code = (
        "import sys, course_utils.data as data; early = 'nibabel' in sys.modules; "
        "data.load_brain_volume(step=8); print(early, 'nilearn' in sys.modules, "
        "'pandas' in sys.modules, 'tensorflow' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (run.stdout.split(), run.returncode) == (["False"] * 4, 0), run.stderr


class TestWholeVolume:
    @pytest.mark.parametrize("name", NAMES)
    def test_the_values_are_those_of_the_file_over_255(self, brain, files, name):
        values = getattr(brain, name)
        assert values.shape == (197, 233, 189)
        assert values.dtype == np.float32
        np.testing.assert_allclose(values, files[name] / 255, rtol=0, atol=1e-7)
        assert (values.min(), values.max()) == (0, 1)

    def test_it_lies_where_nibabel_says(self, brain, images):
        for image in images.values():
            np.testing.assert_array_equal(brain.affine, image.affine)
            np.testing.assert_array_equal(brain.voxel_size, image.header.get_zooms())
            assert brain.orientation == "".join(nibabel.aff2axcodes(image.affine)) == "RAS"
        assert brain.affine.dtype == brain.voxel_size.dtype == np.float64
        np.testing.assert_array_equal(brain.affine @ [98, 134, 72, 1], [0, 0, 0, 1])

    def test_the_shares_add_up_to_1_at_most(self, brain):
        assert (brain.grey_matter + brain.white_matter).max() <= 1 + 1e-6

    def test_the_left_is_the_mirror_image_of_the_right(self, files):
        """To the last bit, whatever nilearn's description says of asymmetry."""
        for values in files.values():
            np.testing.assert_array_equal(values, values[::-1])

    def test_tissue_is_told_from_brightness(self, brain):
        """Fluid is dark, grey matter grey, white matter bright, on the average."""
        labels, inside = brain.labels, brain.t1 > 0
        fluid, grey, white = (brain.t1[inside & (labels == label)].mean() for label in range(3))
        assert fluid + 0.2 < grey < white - 0.15

    def test_fields_cannot_be_replaced(self, brain):
        with pytest.raises(dataclasses.FrozenInstanceError):
            brain.t1 = brain.grey_matter


class TestLabels:
    def test_they_are_the_largest_share_counted_in_255ths(self, brain, files):
        """In whole numbers, so that 2,853 ties are ties: the first wins."""
        grey = files["grey_matter"].astype(int)
        white = files["white_matter"].astype(int)
        neither = 255 - grey - white
        expected = np.zeros(grey.shape, int)
        expected[(grey > neither) & (grey >= white)] = 1
        expected[(white > neither) & (white > grey)] = 2
        labels = brain.labels
        assert labels.dtype == np.uint8
        np.testing.assert_array_equal(labels, expected)
        assert np.bincount(labels.ravel()).tolist() == [6_949_246, 1_090_506, 635_537]

    def test_tissue_is_where_the_image_is(self, brain):
        assert (brain.t1[brain.labels > 0] > 0).all()

    @pytest.mark.parametrize(
        ("grey", "white", "expected"),
        [
            (0, 0, 0),
            (1, 0, 1),
            (0, 1, 2),
            (0.5, 0, 0),
            (0, 0.5, 0),
            (0.5, 0.5, 1),
            (1 / 3, 1 / 3, 0),
            (0.4, 0.3, 1),
            (0.3, 0.4, 2),
            (0.30, 0.31, 0),
            (100 / 255, 55 / 255, 0),
            (100 / 255, 56 / 255, 1),
        ],
    )
    def test_of_equal_shares_the_first_wins(self, grey, white, expected):
        volume = dataclasses.replace(
            made_volume((1, 1, 1)),
            grey_matter=np.full((1, 1, 1), grey, np.float32),
            white_matter=np.full((1, 1, 1), white, np.float32),
        )
        assert volume.labels.item() == expected

    def test_names_are_in_their_order(self):
        assert volumes.LABEL_NAMES == ("neither", "grey matter", "white matter")


@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, 1, 1), (1, -1, 1), (1, 1, -1), (-1, -1, -1)])
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 0, 2)])
def test_orientation_and_voxel_size_are_those_of_nibabel(signs, order):
    affine = np.eye(4)
    affine[:3, :3] = np.diag(np.array(signs) * [1.0, 2.0, 3.0])[list(order)]
    volume = dataclasses.replace(made_volume(), affine=affine)
    assert volume.orientation == "".join(nibabel.aff2axcodes(affine))
    np.testing.assert_allclose(volume.voxel_size, nibabel.affines.voxel_sizes(affine))


class TestCrop:
    @pytest.mark.parametrize(
        "crop",
        [
            BOX,
            [list(pair) for pair in BOX],
            np.array(BOX),
            [slice(*pair) for pair in BOX],
            (slice(60, 97, 1), (101, 142), slice(np.int64(50), np.int64(83))),
        ],
    )
    def test_it_is_the_slice_of_nibabel(self, crop, images):
        volume = load_brain_volume(crop=crop)
        for name, image in images.items():
            sliced = image.slicer[tuple(slice(*pair) for pair in BOX)]
            np.testing.assert_allclose(
                getattr(volume, name), sliced.get_fdata() / 255, rtol=0, atol=1e-7
            )
            np.testing.assert_array_equal(volume.affine, sliced.affine)

    def test_slices_may_leave_out_start_and_stop(self):
        volume = load_brain_volume(crop=(slice(None), slice(230, None), slice(None, 2)))
        assert volume.shape == (197, 3, 2)
        assert volume.affine[:3, 3].tolist() == [-98, 96, -72]

    def test_brain_is_the_smallest_box(self, brain, files):
        volume = load_brain_volume(crop="brain")
        assert volume.shape == (147, 184, 157)
        filled = np.argwhere(sum(values.astype(int) for values in files.values()))
        first, last = filled.min(axis=0), filled.max(axis=0)
        np.testing.assert_array_equal(volume.affine[:3, 3], first + brain.affine[:3, 3])
        np.testing.assert_array_equal(volume.shape, last - first + 1)
        for name, values in fields(volume).items():
            assert values.sum(dtype=float) == pytest.approx(
                getattr(brain, name).sum(dtype=float), rel=1e-9
            )

    @pytest.mark.parametrize("axis", [0, 1, 2])
    @pytest.mark.parametrize("part", [(-1, 5), (5, 5), (6, 5), (0, 400), slice(-5, None)])
    def test_outside_or_empty_is_refused(self, axis, part):
        crop = [(10, 20)] * 3
        crop[axis] = part
        words = rf"^`crop` must have 0 ≤ start < stop ≤ \d+ along axis {axis}\. Received: \("
        with pytest.raises(ValueError, match=words):
            load_brain_volume(crop=crop)

    @pytest.mark.parametrize(
        ("crop", "error", "words"),
        [
            ("head", ValueError, r'None, "brain" or three pairs .*crop=\'head\''),
            (5, TypeError, r"Received: 5\."),
            (slice(0, 5), TypeError, r"Received: slice\(0, 5, None\)"),
            (b"brain", TypeError, r"Received: b'brain'"),
            ([(0, 5), (0, 5)], ValueError, "Received 2: "),
            ([(0, 5)] * 4, ValueError, "Received 4: "),
            ([(0, 5), (0, 5), 5], TypeError, "Received in it: 5"),
            ([(0, 5), (0, 5), (0, 5, 1)], TypeError, r"Received in it: \(0, 5, 1\)"),
            ([(0, 5), (0, 5), (0, 5.0)], TypeError, r"no integer: 5\.0"),
            ([(0, 5), (0, 5), (False, 5)], TypeError, "no integer: False"),
            ([(0, 5), (0, 5), slice(0, 5, 2)], ValueError, "with a step"),
        ],
    )
    def test_what_is_no_box_is_refused(self, crop, error, words):
        with pytest.raises(error, match=r"^`crop` must be .*" + words):
            load_brain_volume(crop=crop)

    def test_a_cut_of_a_volume_is_the_crop_of_the_file(self, brain, cropped):
        assert_same(brain.cut(BOX), cropped)

    def test_a_cut_shares_no_memory(self):
        volume = made_volume()
        part = volume.cut([(0, 2), (0, 2), (0, 2)])
        for name in NAMES:
            assert not np.shares_memory(getattr(part, name), getattr(volume, name))

    def test_a_cut_outside_is_refused(self):
        words = r"^`box` must have 0 ≤ start < stop ≤ 12 along axis 1\. Received: \(3, 13\)\.$"
        with pytest.raises(ValueError, match=words):
            made_volume().cut([(0, 2), (3, 13), (0, 2)])


class TestStep:
    @pytest.mark.parametrize("step", [2, 3, 4, 5, 33, np.int64(2)])
    def test_a_voxel_is_the_mean_of_its_block(self, step, files):
        """By plain loops; 37 × 41 × 33 voxels leave a remainder for every step."""
        volume = load_brain_volume(crop=BOX, step=step)
        for name, values in files.items():
            values = values[tuple(slice(*pair) for pair in BOX)].astype(float)
            expected = np.zeros([size // step for size in (37, 41, 33)])
            for x, y, z in np.ndindex(*expected.shape):
                block = values[
                    x * step : (x + 1) * step, y * step : (y + 1) * step, z * step : (z + 1) * step
                ]
                assert block.shape == (step,) * 3
                expected[x, y, z] = block.mean() / 255
            found = getattr(volume, name)
            assert found.dtype == np.float32
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-7)

    @pytest.mark.parametrize("step", [1, 2, 3, 7])
    def test_a_voxel_lies_in_the_middle_of_its_block(self, step, brain):
        volume = load_brain_volume(crop=BOX, step=step)
        for voxel in [(0, 0, 0), (1, 2, 3), (4, 0, 1)]:
            block = [
                brain.affine @ [*(np.array(offset) + start), 1]
                for start in [[BOX[axis][0] + step * voxel[axis] for axis in range(3)]]
                for offset in np.ndindex(step, step, step)
            ]
            np.testing.assert_allclose(volume.affine @ [*voxel, 1], np.mean(block, axis=0))
        np.testing.assert_array_equal(volume.voxel_size, [step] * 3)
        assert volume.orientation == "RAS"

    def test_1_changes_nothing(self, cropped):
        assert_same(load_brain_volume(crop=BOX, step=1), cropped)

    def test_the_shares_keep_adding_up(self):
        volume = load_brain_volume(crop="brain", step=3)
        assert (volume.grey_matter + volume.white_matter).max() <= 1 + 1e-6
        assert set(np.unique(volume.labels)) == {0, 1, 2}

    @pytest.mark.parametrize("step", [0, -1, 1.0, 0.5, None, True, "2", (2, 2, 2)])
    def test_others_are_refused(self, step):
        words = r"^`step` must be an integer of at least 1\. Received: step="
        with pytest.raises(ValueError, match=words + re.escape(repr(step))):
            load_brain_volume(step=step)

    def test_it_must_fit_into_the_crop(self):
        words = r"^`step` must be at most the shortest side of the crop, 33 .*Received: step=34\.$"
        with pytest.raises(ValueError, match=words):
            load_brain_volume(crop=BOX, step=34)


class TestHemispheres:
    @pytest.mark.parametrize("crop", [None, "brain"])
    def test_they_are_mirror_images(self, crop):
        left, right = split_hemispheres(load_brain_volume(crop=crop))
        for name in NAMES:
            np.testing.assert_array_equal(getattr(left, name), getattr(right, name)[::-1])
        np.testing.assert_array_equal(left.labels, right.labels[::-1])

    def test_left_is_where_x_is_negative(self, brain):
        left, right = split_hemispheres(brain)
        assert left.shape == right.shape == (98, 233, 189)
        assert (left.affine @ [97, 0, 0, 1])[0] == -1
        assert (right.affine @ [0, 0, 0, 1])[0] == 1
        np.testing.assert_array_equal(left.t1, brain.t1[:98])
        np.testing.assert_array_equal(right.t1, brain.t1[99:])

    @pytest.mark.parametrize("start", [-4, -3.5, -3.25, -3, -2.9, -0.6, -0.5])
    @pytest.mark.parametrize("size", [1.0, 2.0, 1 / 3])
    def test_only_a_layer_through_which_the_plane_goes_is_in_neither(self, start, size):
        volume = made_volume((15, 2, 2), (start * size, 0, 0), size)
        middles = [start * size + size * number for number in range(15)]
        on_left = [n for n, x in enumerate(middles) if x + size / 2 <= 1e-9]
        on_right = [n for n, x in enumerate(middles) if x - size / 2 >= -1e-9]
        if not on_left:
            with pytest.raises(ValueError, match="both sides of the plane"):
                split_hemispheres(volume)
            return
        left, right = split_hemispheres(volume)
        np.testing.assert_array_equal(left.t1, volume.t1[on_left])
        np.testing.assert_array_equal(right.t1, volume.t1[on_right])
        assert right.affine[0, 3] == pytest.approx(middles[on_right[0]])

    @pytest.mark.parametrize("start", [0.5, 1, 20, -6.4, -7, -20])
    def test_one_side_alone_is_refused(self, start):
        words = r"^`volume` must reach to both sides of the plane x = 0 mm.*Received: 7 voxels of 1"
        with pytest.raises(ValueError, match=words):
            split_hemispheres(made_volume((7, 2, 2), (start, 0, 0)))

    def test_another_orientation_is_refused(self):
        volume = dataclasses.replace(made_volume(), affine=np.diag([-1.0, 1, 1, 1]))
        with pytest.raises(ValueError, match=r"grow to the right\. Received: orientation='LAS'"):
            split_hemispheres(volume)


class TestSlabs:
    @pytest.mark.parametrize("shares", [(1,), (0.5, 0.5), (0.6, 0.2, 0.2), np.array([0.25] * 4)])
    @pytest.mark.parametrize("gap", [0, 1, 2, np.int64(2)])
    def test_every_slab_is_where_it_was_and_gaps_lie_between(self, shares, gap):
        volume = made_volume((3, 40, 2), (0, -20, 0))
        slabs = split_slabs(volume, shares, gap=gap)
        assert len(slabs) == len(shares)
        position = 0
        for slab, share in zip(slabs, shares, strict=True):
            length = slab.shape[1]
            assert abs(length - share * (40 - gap * (len(shares) - 1))) <= 1
            np.testing.assert_array_equal(slab.t1, volume.t1[:, position : position + length])
            np.testing.assert_array_equal(slab.affine[:3, 3], [0, -20 + position, 0])
            position += length + gap
        assert position - gap == 40

    def test_the_front_comes_last(self):
        back, front = split_slabs(load_brain_volume(crop="brain", step=8), (0.5, 0.5), gap=2)
        assert (back.affine @ [0, 0, 0, 1])[1] < (front.affine @ [0, 0, 0, 1])[1]

    def test_with_a_gap_of_the_receptive_field_less_1_no_two_fields_meet(self):
        """Fields of 5 voxels, reaching out of their slabs into the gap of 4."""
        first, second = split_slabs(made_volume((2, 30, 2), (0, 0, 0)), (0.5, 0.5), gap=4)
        seen = []
        for slab in (first, second):
            start = int(slab.affine[1, 3])
            middles = range(start, start + slab.shape[1])
            seen.append({middle + offset for middle in middles for offset in range(-2, 3)})
        assert not seen[0] & seen[1]
        assert max(seen[0]) + 1 == min(seen[1])  # a smaller gap would not do

    def test_a_mirror_image_stays_in_its_slab(self):
        for slab in split_slabs(load_brain_volume(crop="brain"), (0.7, 0.3), gap=10):
            np.testing.assert_array_equal(slab.t1, slab.t1[::-1])

    @pytest.mark.parametrize(
        "shares", [(), (0.5,), (0.5, 0.6), (1.5, -0.5), (1, 0), 1.0, [[0.5, 0.5]], (np.nan, 1)]
    )
    def test_other_shares_are_refused(self, shares):
        words = r"^`shares` must be positive numbers that add up to 1\. Received: shares="
        with pytest.raises(ValueError, match=words):
            split_slabs(made_volume(), shares, gap=0)

    @pytest.mark.parametrize("gap", [-1, 1.0, None, True, "2"])
    def test_other_gaps_are_refused(self, gap):
        words = rf"^`gap` must be an integer of at least 0\. Received: gap={re.escape(repr(gap))}\."
        with pytest.raises(ValueError, match=words):
            split_slabs(made_volume(), (0.5, 0.5), gap=gap)

    @pytest.mark.parametrize(
        ("shares", "gap"), [((0.5, 0.5), 11), ((0.5, 0.5), 50), ((0.99, 0.01), 0)]
    )
    def test_a_slab_without_a_voxel_is_refused(self, shares, gap):
        words = rf"^2 slabs of at least one voxel, with a gap of {gap}, must fit into 12 voxels\."
        with pytest.raises(ValueError, match=words):
            split_slabs(made_volume(), shares, gap=gap)

    def test_another_orientation_is_refused(self):
        volume = dataclasses.replace(made_volume(), affine=np.diag([1.0, -1, 1, 1]))
        with pytest.raises(ValueError, match=r"grow to the front\. Received: orientation='RPS'"):
            split_slabs(volume, (0.5, 0.5), gap=0)


class TestFiles:
    mend = r"Install the package again: pip install --force-reinstall 'nilearn>=[\d.]+'\.$"

    def save(self, path, values, affine=None):
        image = nibabel.Nifti1Image(values, volumes.AFFINE if affine is None else affine)
        nibabel.save(image, path)

    def test_the_copies_are_read(self, installed, cropped):
        assert_same(load_brain_volume(crop=BOX), cropped)

    @pytest.mark.parametrize("package", ["nilearn", "nibabel"])
    def test_a_missing_package_is_named(self, monkeypatch, package):
        from importlib.util import find_spec

        monkeypatch.setattr(
            "importlib.util.find_spec", lambda name: None if name == package else find_spec(name)
        )
        words = rf"^The package `{package}`, .* not installed\. Install it: pip install 'nilearn>="
        with pytest.raises(FileNotFoundError, match=words):
            load_brain_volume()

    @pytest.mark.parametrize("short", NAMES.values())
    def test_a_missing_file_is_named(self, installed, short):
        (installed / FILE.format(short)).unlink()
        words = rf"^The file .*_{short}_.*\.nii\.gz is missing\. {self.mend}"
        with pytest.raises(FileNotFoundError, match=words):
            load_brain_volume()

    @pytest.mark.parametrize("num_bytes", [0, 1, 5, 20, 300, 100_000, -4])
    def test_a_truncated_file_is_named(self, installed, num_bytes):
        file = installed / FILE.format("gm")
        file.write_bytes(file.read_bytes()[:num_bytes])
        with pytest.raises(ValueError, match=rf"_gm_.*\.gz is damaged \(.*\)\. {self.mend}"):
            load_brain_volume()

    @pytest.mark.parametrize(
        "content",
        [b"<html>404</html>", gzip.compress(b""), gzip.compress(b"no brain" * 99)],
        ids=["a page", "nothing", "a text"],
    )
    def test_so_is_what_is_no_image(self, installed, content):
        (installed / FILE.format("t1")).write_bytes(content)
        with pytest.raises(ValueError, match=rf"_t1_.*\.gz is damaged \(.*\)\. {self.mend}"):
            load_brain_volume()

    @pytest.mark.parametrize("place", [1000, 800_000, 1_500_000])
    def test_so_is_one_with_a_broken_byte(self, installed, place):
        file = installed / FILE.format("wm")
        content = bytearray(file.read_bytes())
        content[place] ^= 255
        file.write_bytes(bytes(content))
        with pytest.raises(ValueError, match=rf"_wm_.*\.gz is damaged \(.*\)\. {self.mend}"):
            load_brain_volume()

    def test_so_is_an_empty_image(self, installed):
        self.save(installed / FILE.format("t1"), np.zeros((197, 233, 189), np.uint8))
        with pytest.raises(ValueError, match=r"_t1_.*is damaged \(all values are 0\)"):
            load_brain_volume(crop="brain")

    def test_another_image_is_named(self, installed):
        file = installed / FILE.format("t1")
        self.save(file, np.ones((197, 233, 188), np.uint8))
        words = r"must hold uint8 of shape .* Received: uint8, shape \(197, 233, 188\), from \[-98"
        with pytest.raises(ValueError, match=words):
            load_brain_volume()
        self.save(file, np.ones((197, 233, 189), np.int16))
        with pytest.raises(ValueError, match=r"_t1_.* must hold uint8.* Received: int16"):
            load_brain_volume()
        self.save(file, np.ones((197, 233, 189), np.uint8), np.eye(4))
        with pytest.raises(
            ValueError, match=rf"must hold .* from \[0\.0, 0\.0, 0\.0\].*{self.mend}"
        ):
            load_brain_volume()
