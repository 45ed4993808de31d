"""Neural style transfer: a picture with the content of one image and the style of another."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from PIL import Image
from tqdm import tqdm

from course_utils.data.photos import Photo, fitted, read_photo
from course_utils.shapes import positive_integer
from course_utils.style_transfer.colors import (
    luminance,
    matched_luminance,
    recolored,
    with_colors_of,
)
from course_utils.style_transfer.costs import Costs, CostValues, Objective
from course_utils.style_transfer.descent import Clock, Descent, Stopped, descend

MAX_SIDE = 384  # pixels of the longer side, by default
MAX_PIXELS = 4_000_000  # that are painted at once
COARSEST = 40  # pixels of the shorter side that the first of several sizes has at least
ASPECT_TOLERANCE = 0.05  # by which the aspect of a mask may differ: sizes are rounded


@dataclass(frozen=True)
class CostHistory:
    """The cost at each evaluation, in their order.

    Costs of different sizes are costs of different problems: compare them within one size.

    Attributes:
        total: J, float array, shape (evaluations,).
        content: J_content, likewise, divided by what silence costs.
        style: J_style, likewise.
        variation: V, the total variation, likewise.
        seconds: Time since the first evaluation.
        heights: Height of the picture, integers.
    """

    total: np.ndarray
    content: np.ndarray
    style: np.ndarray
    variation: np.ndarray
    seconds: np.ndarray
    heights: np.ndarray


@dataclass(frozen=True)
class StyledPicture:
    """What came of a style transfer.

    Attributes:
        image: G, uint8 array, shape (height, width, 3), RGB 0–255.
        history: The costs on the way.
        ended: "converged", "steps" (all evaluations used), "stalled" (no step lowered the cost any
            more), "time", "callback" or "interrupted".
    """

    image: np.ndarray
    history: CostHistory
    ended: str


@dataclass(frozen=True)
class Moment:
    """The state of the descent after an evaluation, for a callback.

    Attributes:
        evaluation: How many evaluations there were, 1 after the first.
        size: Height and width that is being painted.
        values: J and its parts.
        seconds: Time since the first evaluation.
        render: Makes `image`.
    """

    evaluation: int
    size: tuple[int, int]
    values: CostValues
    seconds: float
    render: Callable[[], np.ndarray] = field(repr=False)

    @property
    def image(self) -> np.ndarray:
        """G as it is now, uint8 array, shape (height, width, 3), RGB 0–255."""
        return self.render()


Callback: TypeAlias = Callable[[Moment], bool | None]


def transfer_style(
    content: Photo,
    style: Photo | Sequence[Photo],
    *,
    max_side: int | None = MAX_SIDE,
    keep_colors: bool = False,
    mask: np.ndarray | None = None,
    costs: Costs | None = None,
    descent: Descent | None = None,
    callback: Callback | None = None,
    progress: bool = False,
) -> StyledPicture:
    """Paints the content C in the style S: the generated image G of lowest cost.

    J(G) = α · J_content(C, G) + β · J_style(S, G). No network is trained: G's pixels descend, and
    the network, a frozen VGG, only says how far G is from what is wanted. The picture is painted
    from coarse to fine, each size starting from the one before; how, says `Descent`; what counts,
    `Costs`.

    The same arguments give the same picture on the same machine, unless time is limited.
    Interrupted (Ctrl-C, or the notebook's stop button), the best picture so far is returned.

    Memory: about 4 kB for each pixel that is painted, whatever the size of the files, and 0.8 GB
    for TensorFlow and the network. 384 × 288 takes 0.4 GB (measured); more than 4 million pixels,
    for which it would be 16 GB, are refused.

    Args:
        content: C: a path, a Pillow image or a uint8 array of any mode, see `data.read_photo`.
        style: S, likewise, of any size; or several, whose costs are added up as
            `costs.style_weights` says.
        max_side: Pixels of the longer side of G, which has C's aspect and is never larger than C;
            None for C's own size.
        keep_colors: Whether G takes only the brushwork of S and keeps the colours of C.
        mask: Where the style is wanted: array, shape (height, width) of C or any other size of its
            aspect; bool, uint8 0–255 or float in [0, 1]. Elsewhere G is C. None for everywhere.
        costs: Layers, weights and network; by default `Costs()`.
        descent: Method, steps and start; by default `Descent()`.
        callback: Called with a `Moment` after each evaluation; True stops the descent.
        progress: Whether to show a progress bar.

    Returns:
        The picture, the costs on the way, and why the descent ended.

    Raises:
        ValueError: If an image is too small for the layers or too large, a mask or an array of
            pixels has another range or shape, or there are not as many weights as styles.
        FileNotFoundError: If a file is missing.
        TypeError: If an argument is of a wrong kind.
        KeyboardInterrupt: If it is interrupted before there is anything to return.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> photo = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
        >>> costs = Costs(content_layers={"block1_conv2": 1.0}, style_layers={"block1_conv1": 1.0})
        >>> picture = transfer_style(photo, photo[::-1], costs=costs, descent=Descent(steps=3))
        >>> picture.image.shape, picture.ended
        ((40, 50, 3), 'steps')

    Reference: Gatys, Ecker, Bethge, "Image Style Transfer Using Convolutional Neural Networks",
        CVPR 2016. Coarse to fine: Gatys, Ecker, Bethge, Hertzmann, Shechtman, "Controlling
        Perceptual Factors in Neural Style Transfer", CVPR 2017, section 6.
    Lecture: sections 6 and 8, notebooks 06 and 08.
    """
    costs = Costs() if costs is None else costs
    descent = Descent() if descent is None else descent
    for name, value, kind in (("costs", costs, Costs), ("descent", descent, Descent)):
        if not isinstance(value, kind):
            raise TypeError(f"`{name}` must be {kind.__name__}(…). Received: {value!r}.")
    longest = None if max_side is None else positive_integer("max_side", max_side)
    photo = fitted(read_photo(content), longest)
    several: Sequence[Any] = style if isinstance(style, list | tuple) else [style]
    styles = [read_photo(each) for each in several]
    if not styles:
        raise ValueError("`style` must be an image, or several. Received: an empty list.")
    costs.shares(len(styles))  # refuses weights for another number of styles
    levels = _levels(photo.shape[:2], [each.shape[:2] for each in styles], costs, descent.sizes)
    longest_sides = [max(style_size) for style_size in levels[-1].style_sizes]
    styles = [fitted(each, side) for each, side in zip(styles, longest_sides, strict=True)]
    where = None if mask is None else _checked_mask(mask, photo.shape[:2])
    if keep_colors:
        plain, prepared = luminance(photo), [matched_luminance(each, photo) for each in styles]
    else:
        plain, prepared = photo.astype(np.float32), [each.astype(np.float32) for each in styles]
    easel = _Easel(plain, prepared, where, photo if keep_colors else None, costs, descent)
    evaluations = (len(levels) - 1) * descent.on_the_way.steps + descent.steps
    with _Record(evaluations, descent, callback, progress) as record:
        generated, ended = easel.paint(levels, record)
    return StyledPicture(generated, record.history(), ended)


class _Level(NamedTuple):
    """A size at which the picture is painted, and the sizes of the styles there."""

    size: tuple[int, int]
    style_sizes: list[tuple[int, int]]


@dataclass(frozen=True)
class _Easel:
    """All that stays the same while the picture grows."""

    content: np.ndarray
    styles: list[np.ndarray]
    mask: np.ndarray | None
    colors: np.ndarray | None
    costs: Costs
    descent: Descent

    def paint(self, levels: list[_Level], record: "_Record") -> tuple[np.ndarray, str]:
        """G, uint8, and why it ended: one descent at each size, from coarse to fine."""
        size = levels[-1].size
        image: np.ndarray | Any = None  # until the first size is done
        shown: np.ndarray | Any = None
        for level in levels:
            try:
                objective = self._objective(level)
                start = self._start(objective) if image is None else _resized(image, level.size)
                render = functools.partial(self._rendered, objective)
                note = functools.partial(record, render=render)
                descent = self.descent if level is levels[-1] else self.descent.on_the_way
                image, ended = descend(objective, start, descent, note=note)
            except KeyboardInterrupt:  # before the first evaluation of this size
                if shown is None:
                    raise
                ended = "interrupted"
            else:
                shown = np.clip(image, 0, 255)
            if ended not in ("converged", "steps", "stalled"):
                break
        generated = np.clip(_resized(shown, size), 0, 255)
        if self.mask is not None:  # outside it, what ended at a coarse size is sharp all the same
            generated = self.content + self.mask[:, :, None] * (generated - self.content)
        return self._colored(generated), ended

    def _objective(self, level: _Level) -> Objective:
        styles = [
            _resized(style, size)
            for style, size in zip(self.styles, level.style_sizes, strict=True)
        ]
        mask = None if self.mask is None else np.clip(_resized(self.mask, level.size), 0, 1)
        return Objective(_resized(self.content, level.size), styles, self.costs, mask=mask)

    def _start(self, objective: Objective) -> np.ndarray:
        content, start = objective.content, self.descent.start
        if start == "auto":
            shares = self.costs.shares(len(self.styles))
            palettes = [recolored(content, style) for style in self.styles]
            mixed = sum(share * each for share, each in zip(shares, palettes, strict=True))
            return min(content, mixed, key=lambda image: objective(image)[0].total)
        noise = np.random.default_rng(self.descent.seed).uniform(0, 255, content.shape)
        share = {"content": 0.0, "noise": 1.0}[start] if isinstance(start, str) else start
        return content + share * (noise - content)

    def _rendered(self, objective: Objective, pixels: np.ndarray) -> np.ndarray:
        return self._colored(objective.painted(pixels))

    def _colored(self, generated: np.ndarray) -> np.ndarray:
        if self.colors is not None:
            colors = _resized(self.colors.astype(np.float32), generated.shape[:2])
            generated = with_colors_of(colors, generated)
        return np.rint(np.clip(generated, 0, 255)).astype(np.uint8)


class _Record:
    """Notes each evaluation, tells who wants to know, and stops when it is time."""

    def __init__(
        self, evaluations: int, descent: Descent, callback: Callback | None, progress: bool
    ) -> None:
        self._clock, self._callback = Clock(descent.seconds), callback
        self._rows: list[tuple[float, ...]] = []
        self._bar = tqdm(total=evaluations, desc="style transfer", disable=not progress)

    def __enter__(self) -> "_Record":
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.close()

    def __call__(
        self, values: CostValues, pixels: np.ndarray, *, render: Callable[[np.ndarray], np.ndarray]
    ) -> None:
        seconds, (height, width) = self._clock.read(), pixels.shape[:2]
        self._rows.append((*values, seconds, height))
        self._bar.set_postfix_str(f"{width} × {height}, J = {values.total:.3g}", refresh=False)
        self._bar.update()
        if self._callback is not None:
            moment = Moment(
                evaluation=len(self._rows),
                size=(height, width),
                values=values,
                seconds=seconds,
                render=functools.partial(render, pixels),
            )
            if self._callback(moment):
                raise Stopped("callback")
        self._clock.check()

    def history(self) -> CostHistory:
        """All that was noted, as arrays."""
        columns = np.array(self._rows, dtype=np.float64).reshape(-1, 6).T
        total, content, style, variation, seconds, heights = columns
        return CostHistory(total, content, style, variation, seconds, heights.astype(int))


def _levels(
    size: tuple[int, int], styles: list[tuple[int, int]], costs: Costs, num_sizes: int
) -> list[_Level]:
    """The sizes from coarse to fine; the last is that of the picture."""
    smallest = costs.smallest_side
    _check_side("content", size, smallest)
    _check_pixels("content", size, "a smaller `max_side`")
    factors = [min(1.0, costs.style_scale * max(size) / max(style)) for style in styles]
    finest = [_scaled(*each) for each in zip(styles, factors, strict=True)]
    for style in finest:
        _check_side("style", style, smallest)
        _check_pixels("style", style, "a smaller `style_scale`")
    levels = [_Level(size, finest)]
    for halving in range(1, num_sizes):
        share = 0.5**halving
        level = _Level(
            _scaled(size, share),
            [_scaled(style, factor * share) for style, factor in zip(styles, factors, strict=True)],
        )
        shortest = min(min(each) for each in (level.size, *level.style_sizes))
        if min(level.size) < COARSEST or shortest < smallest:
            break
        levels.insert(0, level)
    return levels


def _check_side(name: str, size: tuple[int, int], smallest: int) -> None:
    if min(size) < smallest:
        raise ValueError(
            f"`{name}` must be at least {smallest} × {smallest} pixels for these layers, as it is "
            f"painted: each pooling halves it. Received: {size[0]} × {size[1]} (height × width). "
            "Take a larger image or `max_side`, or earlier layers."
        )


def _check_pixels(name: str, size: tuple[int, int], mend: str) -> None:
    if size[0] * size[1] > MAX_PIXELS:
        raise ValueError(
            f"`{name}` must have at most {MAX_PIXELS / 1e6:g} million pixels, as it is painted, or "
            f"memory runs out. Received: {size[0]} × {size[1]} (height × width). Take {mend}."
        )


def _checked_mask(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The mask as float32 in [0, 1], of the picture's size."""
    mask = np.asarray(mask)
    if mask.ndim != 2 or 0 in mask.shape:
        raise ValueError(f"`mask` must have shape (height, width). Received: {mask.shape}.")
    if mask.dtype == np.uint8:
        mask = mask / np.float32(255)
    elif mask.dtype != bool and mask.dtype.kind != "f":
        raise ValueError(
            f"`mask` must be bool, uint8 0–255 or float in [0, 1]. Received: {mask.dtype}."
        )
    mask = mask.astype(np.float32)
    if not (mask.min() >= 0 and mask.max() <= 1):
        raise ValueError(
            "`mask` must lie in [0, 1] if it is float. "
            f"Received: values from {mask.min():g} to {mask.max():g}."
        )
    if abs(mask.shape[0] * size[1] / (mask.shape[1] * size[0]) - 1) > ASPECT_TOLERANCE:
        raise ValueError(
            f"`mask` must have the aspect of `content`, {size[0]} × {size[1]} (height × width). "
            f"Received: {mask.shape[0]} × {mask.shape[1]}."
        )
    mask = np.clip(_resized(mask, size), 0, 1)
    if mask.max() == 0:
        raise ValueError("`mask` must ask for the style somewhere: all of it is 0.")
    return mask


def _scaled(size: tuple[int, int], factor: float) -> tuple[int, int]:
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def _resized(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A float image or mask at another size; smaller ones average over what they drop."""
    if image.shape[:2] == tuple(size):
        return image.astype(np.float32)
    planes = image.astype(np.float32)
    planes = planes[..., None] if planes.ndim == 2 else planes
    smaller = size[0] < image.shape[0]
    method = Image.Resampling.LANCZOS if smaller else Image.Resampling.BICUBIC
    shrunk = [
        np.asarray(Image.fromarray(np.ascontiguousarray(plane)).resize((size[1], size[0]), method))
        for plane in np.moveaxis(planes, 2, 0)
    ]
    return shrunk[0] if image.ndim == 2 else np.stack(shrunk, axis=2)
