"""What the patches of one unit have in common, measured instead of only seen."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

LUMINANCE = (0.299, 0.587, 0.114)  # of R, G, B: ITU-R BT.601
WINDOW = 0.25  # standard deviation of the weights around a patch's centre, as a share of its side


@dataclass(frozen=True)
class UnitAgreement:
    """How alike the patches of one unit are, compared with patches of different units.

    Attributes:
        estimate: 1 where each unit's patches are equal and units differ; 0 where a unit's patches
            are no more alike than any others; below 0 where they are less alike.
        low: Lower end of a 95 % interval, from resampling the units.
        high: Its upper end.
        shuffled_low: Lower end of the range in which 95 % of the estimates lie after the patches
            were dealt out to the units at random.
        shuffled_high: Its upper end.
    """

    estimate: float
    low: float
    high: float
    shuffled_low: float
    shuffled_high: float


def unit_agreement(
    properties: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    num_resamples: int = 200,
    seed: int = 0,
) -> UnitAgreement:
    """How much a unit's patches agree in a property: the intraclass correlation.

    agreement = 1 − (mean ‖zᵢ − zⱼ‖² over pairs of patches of one unit) / (the same over pairs of
    patches of two units), where z is the property: a place (row, column), a colour, an
    orientation, or a person as a vector of zeros and a one. For the last, ‖zᵢ − zⱼ‖² is 0 for one
    person and 2 for two.

    Args:
        properties: Float array, shape (num_units, num_patches, dim); NaN where there is no patch.
            Units with fewer than two patches do not count.
        groups: Int array, shape (num_units, num_patches): patches are shuffled only with others of
            their group. Where an image gives at most one patch to a unit, the patches of one unit
            differ a little more than chance has it; give the numbers of the images, and the
            shuffled units obey the same rule (nearly: a unit may get an image twice). By default
            all are one group.
        num_resamples: How often the units are resampled, and the patches shuffled; positive.
        seed: Seed of both.

    Returns:
        `UnitAgreement`. The estimate is NaN if all patches are equal. Resamples for which it is
        NaN are left out; two units have no interval: its ends are NaN.

    Raises:
        ValueError: If the array has not three axes, `groups` has another shape, fewer than two
            units have two patches, or `num_resamples` is not positive.

    Example:
        >>> places = np.array([[[0, 0], [0, 1]], [[9, 9], [9, 8]]], float)
        >>> round(unit_agreement(places).estimate, 2)
        0.99

    Reference: Fisher, "Statistical methods for research workers", 1925, chapter 7; here, for
        vectors, with squared distances for squared differences.
    Lecture: section 7, notebook 07.
    """
    values = np.asarray(properties, np.float64)
    if values.ndim != 3:
        raise ValueError(
            f"`properties` must have shape (num_units, num_patches, dim). Received: {values.shape}."
        )
    if num_resamples < 1:
        raise ValueError(f"`num_resamples` must be positive. Received: {num_resamples}.")
    exists = np.logical_not(np.isnan(values).any(axis=2))
    group_of = np.zeros(exists.shape, np.int64) if groups is None else np.asarray(groups)
    if group_of.shape != exists.shape:
        raise ValueError(f"`groups` must have shape {exists.shape}. Received: {group_of.shape}.")
    has_two = exists.sum(axis=1) >= 2
    values, exists, group_of = values[has_two], exists[has_two], group_of[has_two]
    if len(values) < 2:
        raise ValueError(
            f"At least two units must have two patches each. Received: {len(values)} of "
            f"{len(np.asarray(properties))}."
        )
    # Distances from one patch: exact for equal patches, and no digits lost far from 0.
    flat = values[exists] - values[exists][0]
    group_of = group_of[exists]
    counts = exists.sum(axis=1)
    in_order = np.argsort(group_of, kind="stable")
    rng = np.random.default_rng(seed)
    resampled, shuffled = [], []
    for _ in range(num_resamples):
        copies = np.bincount(rng.integers(len(counts), size=len(counts)), minlength=len(counts))
        resampled.append(_agreement(flat, counts, copies))
        dealt = np.empty_like(in_order)
        dealt[in_order] = np.lexsort((rng.random(len(flat)), group_of))
        shuffled.append(_agreement(flat[dealt], counts))
    if len(counts) == 2:  # resamples hold both units or one alone: nothing varies
        resampled = []
    return UnitAgreement(_agreement(flat, counts), *_middle(resampled), *_middle(shuffled))


def patch_orientations(patches: np.ndarray) -> np.ndarray:
    """Which way the edges in patches run, and how clearly: the structure tensor's direction.

    With g the gradient of the brightness, x to the right and y down,
    z = (Σ w (gₓ² − g_y²), Σ w 2 gₓ g_y) / Σ w ‖g‖². For one straight edge whose normal has the
    angle θ, from right towards down, it is (cos 2θ, sin 2θ): a line and the same line turned by
    180° are one orientation. Its length, 0 to 1, says how much of the patch's structure runs one
    way. The weights w are a Gaussian around the patch's centre.

    Args:
        patches: Array, shape (…, height, width, channels) with 1 or 3 channels (RGB), at least
            2 × 2 pixels.

    Returns:
        Float array, shape (…, 2); 0 for a patch of one colour.

    Raises:
        ValueError: If the shape is another.

    Example:
        >>> upright = np.tile([0.0, 0.0, 255.0, 255.0], (4, 1))[..., None]
        >>> patch_orientations(upright).round(2).tolist()
        [1.0, 0.0]

    Reference: Bigün and Granlund, "Optimal orientation detection of linear symmetry", ICCV 1987.
    Lecture: section 7, notebook 07.
    """
    patches = _checked(patches)
    grey = patches[..., 0] if patches.shape[-1] == 1 else patches @ np.array(LUMINANCE)
    down, right = np.gradient(grey, axis=(-2, -1))
    weights = _window(grey.shape[-2:])
    energy = (weights * (down**2 + right**2)).sum(axis=(-2, -1))
    along = (weights * (right**2 - down**2)).sum(axis=(-2, -1))
    across = (weights * 2 * right * down).sum(axis=(-2, -1))
    safe = np.where(energy > 0, energy, 1)
    return np.stack([along / safe, across / safe], axis=-1)


def patch_colors(patches: np.ndarray) -> np.ndarray:
    """The mean colour of patches, most of it from their centre.

    Args:
        patches: Array, shape (…, height, width, channels) with 1 or 3 channels, at least
            2 × 2 pixels.

    Returns:
        Float array, shape (…, channels), within the range of the patches.

    Raises:
        ValueError: If the shape is another.

    Example:
        >>> patch_colors(np.full((5, 5, 3), 7)).round(2).tolist()
        [7.0, 7.0, 7.0]

    Lecture: section 7, notebook 07.
    """
    patches = _checked(patches)
    weights = _window(patches.shape[-3:-1])[..., None]
    return (weights * patches).sum(axis=(-3, -2))


def _agreement(flat: np.ndarray, counts: np.ndarray, copies: np.ndarray | int = 1) -> float:
    """1 − within / between, of the patches of all units one after the other, `counts` a unit.

    A resample holds `copies` of each unit. Pairs of a unit with its own copy count for neither.
    """
    starts = np.cumsum(counts) - counts
    sums = np.add.reduceat(flat, starts)
    squares = np.add.reduceat((flat**2).sum(axis=1), starts)
    # Σ over ordered pairs of ‖zᵢ − zⱼ‖² = 2 n Σ‖z‖² − 2 ‖Σz‖².
    within = 2 * (counts * squares - (sums**2).sum(axis=1))
    pairs_within = counts * (counts - 1)
    number, square = (copies * counts).sum(), (copies * squares).sum()
    total = (np.reshape(copies, (-1, 1)) * sums).sum(axis=0)
    between = 2 * (number * square - (total**2).sum()) - (copies**2 * within).sum()
    pairs_between = number**2 - ((copies * counts) ** 2).sum()
    if pairs_between == 0 or between <= 0:
        return float("nan")
    mean_within = (copies * within).sum() / (copies * pairs_within).sum()
    return float(1 - mean_within / (between / pairs_between))


def _middle(estimates: list[float]) -> tuple[float, float]:
    """Ends of the range of 95 % of the estimates, NaN left out."""
    known = [estimate for estimate in estimates if not np.isnan(estimate)]
    if not known:
        return float("nan"), float("nan")
    low, high = np.quantile(known, (0.025, 0.975))
    return float(low), float(high)


def _checked(patches: np.ndarray) -> np.ndarray:
    patches = np.asarray(patches)
    if patches.ndim < 3 or patches.shape[-1] not in (1, 3) or min(patches.shape[-3:-1]) < 2:
        raise ValueError(
            "`patches` must have shape (…, height, width, channels), at least 2 × 2 pixels with 1 "
            f"or 3 channels. Received: {patches.shape}."
        )
    return patches.astype(np.float64)


def _window(size: tuple[int, int]) -> np.ndarray:
    """Weights around the centre that sum to 1."""
    axes = [np.arange(side) - (side - 1) / 2 for side in size]
    rows, columns = (np.exp(-0.5 * (axis / (WINDOW * len(axis))) ** 2) for axis in axes)
    weights = rows[:, None] * columns[None, :]
    return weights / weights.sum()
