"""A brain in three dimensions: an image, and how much of each voxel is grey or white matter."""

import gzip
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from course_utils.data.packages import package_folder, read_package_file, reinstallation

REQUIREMENT = "nilearn>=0.14"
SHAPE = (197, 233, 189)
# Voxel → millimetres: 1 mm voxels; x to the right, y to the front, z up, from a place in the
# middle of the brain, near the anterior commissure.
AFFINE = np.array(
    [[1.0, 0, 0, -98], [0, 1.0, 0, -134], [0, 0, 1.0, -72], [0, 0, 0, 1.0]], dtype=np.float64
)
FILE_NAME = "mni_icbm152_{}_tal_nlin_sym_09a_converted.nii.gz"
MAPS = {"t1": "t1", "grey_matter": "gm", "white_matter": "wm"}
LABEL_NAMES = ("neither", "grey matter", "white matter")
TIE = 1e-6  # far below 1/255, far above the rounding of float32
HALF_VOXEL = 0.5
DIGITS = 6  # a plane between two voxels must not move into one by rounding
CREDIT = "ICBM 152 Nonlinear Symmetric 2009a; McConnell Brain Imaging Centre, McGill University"
LICENCE = '"unknown" says nilearn; the centre permits any use that keeps its copyright notice'

Box: TypeAlias = Sequence[tuple[int, int] | slice]


@dataclass(frozen=True, kw_only=True, eq=False)
class BrainVolume:
    """An image of a brain and its tissues, all of one shape.

    Attributes:
        t1: T1-weighted image, float32, shape (x, y, z), in [0, 1]: fluid is dark, grey matter
            grey, white matter bright; 0 outside the brain.
        grey_matter: Share (probability) of grey matter in each voxel, float32, in [0, 1].
        white_matter: The same of white matter. The two add up to at most 1.
        affine: Voxel → millimetres, float64, shape (4, 4): `affine @ [i, j, k, 1]` is where the
            middle of the voxel lies in MNI space, whose axes grow to the right, front and top.
        credit: Who published it.
        licence: As far as is known.
    """

    t1: np.ndarray
    grey_matter: np.ndarray
    white_matter: np.ndarray
    affine: np.ndarray
    credit: str = CREDIT
    licence: str = LICENCE

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of voxels along each axis."""
        return self.t1.shape

    @property
    def labels(self) -> np.ndarray:
        """What most of each voxel is, uint8: 0 neither, 1 grey matter, 2 white matter.

        The largest of 1 − grey − white, grey and white; of two equal ones the first. "Neither" is
        the fluid within the brain and everything outside it. `LABEL_NAMES` names the three.
        """
        neither = 1 - self.grey_matter - self.white_matter
        shares = (neither + 2 * TIE, self.grey_matter + TIE, self.white_matter)
        return np.argmax(np.stack(shares), axis=0).astype(np.uint8)

    @property
    def voxel_size(self) -> np.ndarray:
        """Size of a voxel along each axis in millimetres, float64, shape (3,)."""
        return np.linalg.norm(self.affine[:3, :3], axis=0)

    @property
    def orientation(self) -> str:
        """Where each axis grows to: "RAS" is right, anterior (front), superior (top)."""
        columns = self.affine[:3, :3].T
        largest = np.abs(columns).argmax(axis=1)
        return "".join(
            ("LR", "PA", "IS")[direction][int(column[direction] > 0)]
            for column, direction in zip(columns, largest, strict=True)
        )

    def cut(self, box: Box) -> "BrainVolume":
        """A part of the volume; the affine is moved, so that every voxel stays where it was.

        Args:
            box: For each of the three axes (start, stop) or a slice, in voxels of this volume,
                0 ≤ start < stop ≤ size. A slice may leave out either.

        Returns:
            `BrainVolume` with arrays of its own.

        Raises:
            ValueError: If the box is empty, reaches outside or has a step.
            TypeError: If it is not three pairs of integers or slices.

        Example:
            >>> brain = load_brain_volume(step=4)
            >>> brain.cut([(10, 30), slice(None, 8), slice(None)]).shape
            (20, 8, 47)

        Lecture: section 9, notebook 09.
        """
        box = _checked_box(box, self.shape, "box")
        return replace(
            self,
            t1=self.t1[box].copy(),
            grey_matter=self.grey_matter[box].copy(),
            white_matter=self.white_matter[box].copy(),
            affine=self.affine @ _grid([part.start for part in box], 1),
        )


def load_brain_volume(*, crop: str | Box | None = None, step: int = 1) -> BrainVolume:
    """A real brain to slide 3-D filters through, with the tissue of every voxel.

    The image is the mean of the brains of 152 people, each bent until it fitted the others: the
    template ICBM 152, nonlinear, symmetric, 2009a, at 1 mm, without the skull. Beside it come
    shares of grey and white matter. They are read from the files of nilearn, which is not imported;
    nibabel is, when the first brain is read.

    What one mean brain can show: what a volume is, how a 3-D filter works, that tissue can be told
    from brightness and place. What it cannot show: how well a network does on a person. It is
    smoother than any brain, has no lesion and hardly any noise, and it is one example: its millions
    of voxels are neighbours, no independent sample. And it is symmetric: left is exactly the mirror
    image of right in all three maps (nilearn's description calls the template asymmetric; the
    files are not). So never test on one half what was trained on the other: use `split_slabs`.

    Args:
        crop: None for all of it, 197 × 233 × 189 voxels; "brain" for the smallest box outside
            which image and tissues are 0, 147 × 184 × 157 voxels; or for each axis (start, stop)
            or a slice, in voxels of 1 mm. The brain stem is cut off by the file's lower border.
        step: Integer of at least 1: one voxel for each block of step × step × step of the crop,
            their mean, of step mm. Where the step does not divide the crop, the voxels that are
            left over at the right, the front and the top are dropped.

    Returns:
        `BrainVolume`. Orientation "RAS". `t1` is the file's 0 … 255 over 255, and so are the
        shares.

    Raises:
        ValueError: If the crop is empty, reaches outside or is smaller than one step, `step` is
            below 1 or no integer, or a file is damaged.
        TypeError: If `crop` is something else.
        FileNotFoundError: If a package or a file is missing.

    Example:
        >>> brain = load_brain_volume(crop="brain", step=2)
        >>> brain.shape, brain.voxel_size.tolist(), brain.orientation
        ((73, 92, 78), [2.0, 2.0, 2.0], 'RAS')
        >>> (np.bincount(brain.labels.ravel()) / brain.labels.size).round(2).tolist()
        [0.59, 0.26, 0.15]

    Reference: Fonov et al., "Unbiased average age-appropriate atlases for pediatric studies",
        NeuroImage 54(1), 2011; Fonov et al., "Unbiased nonlinear average age-appropriate brain
        templates from birth to adulthood", NeuroImage 47, 2009. Copyright (C) 1993–2009 Louis
        Collins, McConnell Brain Imaging Centre, Montreal Neurological Institute, McGill University.
    Lecture: section 9, notebook 09.
    """
    is_integer = isinstance(step, int | np.integer) and not isinstance(step, bool)
    if not is_integer or step < 1:
        raise ValueError(f"`step` must be an integer of at least 1. Received: step={step!r}.")
    step = int(step)
    if isinstance(crop, str) and crop != "brain":
        raise ValueError(
            f'`crop` must be None, "brain" or three pairs (start, stop). Received: crop={crop!r}.'
        )
    box: tuple[slice, ...] = tuple(slice(0, size) for size in SHAPE)
    if crop is not None and not isinstance(crop, str):
        box = _checked_box(crop, SHAPE, "crop")
    bytes_of = {name: _read_map(short) for name, short in MAPS.items()}
    if isinstance(crop, str):
        box = _box_of(np.logical_or.reduce([values > 0 for values in bytes_of.values()]))
    size = tuple(part.stop - part.start for part in box)
    if min(size) < step:
        raise ValueError(
            f"`step` must be at most the shortest side of the crop, {min(size)} voxels. "
            f"Received: step={step}."
        )
    maps: dict[str, Any] = {
        name: _block_means(values[box], step) for name, values in bytes_of.items()
    }
    return BrainVolume(affine=AFFINE @ _grid([part.start for part in box], step), **maps)


def split_hemispheres(volume: BrainVolume) -> tuple[BrainVolume, BrainVolume]:
    """Cuts a volume at the plane x = 0 mm, between the halves of the brain.

    The template is symmetric, so the two are mirror images of each other: with `step=1`, and `crop`
    None or "brain", `left.t1` equals `right.t1[::-1]` to the last bit. That is what a leak looks
    like at its worst: a network that is trained on one and tested on the other has seen every
    answer, if only mirrored. To measure anything use `split_slabs`.

    Args:
        volume: What `load_brain_volume` returned, or a part of it.

    Returns:
        Left and right hemisphere, as the owner of the brain calls them. A layer of voxels through
        which the plane goes is in neither.

    Raises:
        ValueError: If the volume does not reach to both sides of the plane, or its first axis
            does not grow to the right.

    Example:
        >>> left, right = split_hemispheres(load_brain_volume())
        >>> left.shape, bool((left.t1 == right.t1[::-1]).all())
        ((98, 233, 189), True)

    Lecture: section 9, notebook 09.
    """
    if volume.orientation[0] != "R":
        raise ValueError(
            "The first axis of `volume` must grow to the right. "
            f"Received: orientation={volume.orientation!r}."
        )
    # Where the plane lies, in voxels: voxel i reaches from i − 1/2 to i + 1/2.
    plane = round(-volume.affine[0, 3] / volume.affine[0, 0], DIGITS)
    first_right = int(np.ceil(plane + HALF_VOXEL))
    end_of_left = int(np.floor(plane - HALF_VOXEL)) + 1
    size = volume.shape[0]
    if end_of_left < 1 or first_right >= size:
        raise ValueError(
            "`volume` must reach to both sides of the plane x = 0 mm, with a whole voxel each. "
            f"Received: {size} voxels of {volume.affine[0, 0]:g} mm, the first at "
            f"x = {volume.affine[0, 3]:g} mm."
        )
    whole = slice(None)
    return (
        volume.cut((slice(0, end_of_left), whole, whole)),
        volume.cut((slice(first_right, size), whole, whole)),
    )


def split_slabs(
    volume: BrainVolume, shares: Sequence[float], *, gap: int
) -> tuple[BrainVolume, ...]:
    """Slabs from back to front, with voxels between them that belong to none: an honest split.

    Each slab goes from the left to the right, so that a voxel and its mirror image are always in
    the same one: the symmetry of the template carries no answer from training to test. It does make
    the slabs poorer, as each holds every thing twice.

    The gap keeps the slabs from sharing what a network sees. A unit with a receptive field of R
    voxels along the axis sees (R − 1) / 2 of them to each side. With a gap of at least R − 1 the
    fields around any two voxels of different slabs share no voxel, even if they reach out of
    their slabs; with half of that no field of a test voxel reaches a training voxel.

    The split keeps voxels apart, not brains: tissue goes on smoothly across a gap, and what is
    measured on the last slab is how well this brain's front follows from its back.

    Args:
        volume: What `load_brain_volume` returned, or a part of it.
        shares: How much of what remains without the gaps each slab gets, from back to front, such
            as (0.6, 0.2, 0.2) for training, calibration and test. Positive, adding up to 1; rounded
            to whole voxels.
        gap: Voxels that are dropped between neighbouring slabs, at least 0.

    Returns:
        One `BrainVolume` for each share.

    Raises:
        ValueError: If the shares do not add up to 1, one is not positive, `gap` is below 0 or no
            integer, or a slab would hold no voxel.

    Example:
        >>> brain = load_brain_volume(crop="brain", step=4)
        >>> [slab.shape for slab in split_slabs(brain, (0.5, 0.5), gap=6)]
        [(36, 20, 39), (36, 20, 39)]

    Lecture: section 9, notebook 09.
    """
    parts = np.asarray(shares, dtype=np.float64)
    is_vector = parts.ndim == 1 and parts.size > 0
    if not is_vector or not (parts > 0).all() or not np.isclose(parts.sum(), 1):
        raise ValueError(
            f"`shares` must be positive numbers that add up to 1. Received: shares={shares!r}."
        )
    if not isinstance(gap, int | np.integer) or isinstance(gap, bool) or gap < 0:
        raise ValueError(f"`gap` must be an integer of at least 0. Received: gap={gap!r}.")
    if volume.orientation[1] != "A":
        raise ValueError(
            "The second axis of `volume` must grow to the front. "
            f"Received: orientation={volume.orientation!r}."
        )
    size = volume.shape[1]
    remaining = size - int(gap) * (parts.size - 1)
    bounds = np.rint(np.concatenate([[0], np.cumsum(parts)]) * remaining).astype(int)
    if remaining < 1 or np.diff(bounds).min() < 1:
        raise ValueError(
            f"{parts.size} slabs of at least one voxel, with a gap of {gap}, must fit into {size} "
            f"voxels. Received: shares={shares!r}. Make the gap smaller or the shares more equal."
        )
    return tuple(
        volume.cut(
            (slice(None), slice(start + number * int(gap), stop + number * int(gap)), slice(None))
        )
        for number, (start, stop) in enumerate(
            zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)
        )
    )


def _read_map(short: str) -> np.ndarray:
    """One of the files as it is: uint8, shape SHAPE."""
    folder = package_folder("nilearn", requirement=REQUIREMENT, holds="the brain")
    package_folder("nibabel", requirement=REQUIREMENT, holds="the reader of the brain's files")
    path = folder / "datasets" / "data" / FILE_NAME.format(short)
    import nibabel  # only here: whoever needs no brain need not wait for it

    def read(path: Path) -> tuple[np.ndarray, np.ndarray]:
        # Decompressed here, as nibabel leaves the checksum at the end unread.
        image = nibabel.Nifti1Image.from_bytes(gzip.decompress(path.read_bytes()))
        values = np.asarray(image.dataobj)
        if not values.any():
            raise ValueError("all values are 0")
        return values, image.affine

    damage = (
        *(ValueError, OSError, EOFError, zlib.error, nibabel.wrapstruct.WrapStructError),
        *(nibabel.filebasedimages.ImageFileError, nibabel.spatialimages.HeaderDataError),
    )
    values, affine = read_package_file(read, path, requirement=REQUIREMENT, damage=damage)
    if values.shape != SHAPE or values.dtype != np.uint8 or not np.allclose(affine, AFFINE):
        raise ValueError(
            f"The file {path} must hold uint8 of shape {SHAPE}, 1 mm apart, from "
            f"{AFFINE[:3, 3].astype(int).tolist()} mm on. Received: {values.dtype}, shape "
            f"{values.shape}, from {np.round(affine[:3, 3], 3).tolist()} mm on. "
            f"{reinstallation(REQUIREMENT)}"
        )
    return values


def _checked_box(box: Box, shape: tuple[int, ...], name: str) -> tuple[slice, ...]:
    """Three slices with start and stop, 0 ≤ start < stop ≤ size."""
    expected = f"`{name}` must be a pair (start, stop) or a slice for each of the three axes."
    if isinstance(box, str | bytes | slice) or not isinstance(box, Sequence | np.ndarray):
        raise TypeError(f"{expected} Received: {box!r}.")
    if len(box) != 3:
        raise ValueError(f"{expected} Received {len(box)}: {box!r}.")
    slices = []
    for axis, (part, size) in enumerate(zip(box, shape, strict=True)):
        if isinstance(part, slice):
            if part.step not in (None, 1):
                raise ValueError(f"{expected} Received a slice with a step: {part!r}.")
            start = 0 if part.start is None else part.start
            stop = size if part.stop is None else part.stop
        elif isinstance(part, Sequence | np.ndarray) and len(part) == 2:
            start, stop = part
        else:
            raise TypeError(f"{expected} Received in it: {part!r}.")
        for bound in (start, stop):
            if not isinstance(bound, int | np.integer) or isinstance(bound, bool):
                raise TypeError(f"{expected} Received a bound that is no integer: {bound!r}.")
        if not 0 <= start < stop <= size:
            raise ValueError(
                f"`{name}` must have 0 ≤ start < stop ≤ {size} along axis {axis}. "
                f"Received: ({start}, {stop})."
            )
        slices.append(slice(int(start), int(stop)))
    return tuple(slices)


def _box_of(mask: np.ndarray) -> tuple[slice, ...]:
    """The smallest box that holds all that is true."""
    box = []
    for axis in range(mask.ndim):
        others = tuple(other for other in range(mask.ndim) if other != axis)
        found = np.flatnonzero(mask.any(axis=others))
        box.append(slice(int(found[0]), int(found[-1]) + 1))
    return tuple(box)


def _block_means(values: np.ndarray, step: int) -> np.ndarray:
    """Means of blocks of step³ bytes over 255, float32; what fills no block is dropped."""
    blocks = [size // step for size in values.shape]
    values = values[tuple(slice(0, number * step) for number in blocks)]
    split = [length for number in blocks for length in (number, step)]
    means = values.reshape(split).mean(axis=(1, 3, 5), dtype=np.float64)
    return (means / 255).astype(np.float32)


def _grid(start: Sequence[int], step: int) -> np.ndarray:
    """New voxel → old voxel: the new one's middle is that of its block of step³ old voxels."""
    grid = np.diag([step, step, step, 1.0])
    grid[:3, 3] = np.asarray(start) + (step - 1) / 2
    return grid
