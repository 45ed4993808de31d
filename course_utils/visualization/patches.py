"""The image patches that a unit answers to most strongly, found in one pass over the images."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import keras
import numpy as np
from keras import ops
from tqdm import tqdm

from course_utils.tensors import Tensor
from course_utils.visualization.receptive_fields import (
    ReceptiveField,
    layer_output,
    receptive_field,
)

PIXELS_PER_BATCH = 400_000  # images of one size go through the network together, up to this many
NEUTRAL_GREY = 128  # what a patch shows where it reaches beyond its image


@dataclass(frozen=True)
class TopPatches:
    """Where the units of one layer are most active: k places for each unit, the strongest first.

    Attributes:
        layer: Name of the layer.
        units: Int array, shape (num_units,): the channels that were looked at.
        activations: Float32 array, shape (num_units, k); NaN where there is no patch.
        image_indices: Int array, shape (num_units, k): number of the image; −1 for no patch.
        positions: Int array, shape (num_units, k, 2): row and column in the layer's map.
        boxes: Int array, shape (num_units, k, 4): the receptive field in the image as top, left,
            bottom, right in pixels, end exclusive. It may reach beyond the border.
    """

    layer: str
    units: np.ndarray
    activations: np.ndarray
    image_indices: np.ndarray
    positions: np.ndarray
    boxes: np.ndarray

    @property
    def num_found(self) -> np.ndarray:
        """Patches of each unit, int array, shape (num_units,); 0 for a unit that never fires."""
        return (self.image_indices >= 0).sum(axis=1)

    @property
    def centres(self) -> np.ndarray:
        """Row and column of each patch's middle in its image, float array, shape (num_units, k, 2).

        NaN where there is no patch.
        """
        middles = (self.boxes[..., :2] + self.boxes[..., 2:]) / 2
        return np.where(self.image_indices[..., None] >= 0, middles, np.nan)

    def crop(
        self,
        images: Sequence[np.ndarray],
        units: Iterable[int] | None = None,
        *,
        scale: int = 1,
        size: int | None = None,
        fill: float | Sequence[float] = NEUTRAL_GREY,
    ) -> np.ndarray:
        """The patches themselves, cut out of the images, pixel by pixel as they are.

        Args:
            images: The images that were searched, in the same order; or the same ones in a
                resolution `scale` times as high.
            units: Channels whose patches are wanted, among `self.units`; by default all.
            scale: How many pixels of `images` stand for one that the network saw.
            size: Only the middle of a patch, so many pixels high and wide of those that the
                network saw: the receptive field of a deep unit is larger than what moves it much.
            fill: Value or colour beyond the image's border, and of patches that do not exist.

        Returns:
            Array of the images' dtype, shape (len(units), k, height, width, channels). Where
            receptive fields differ in size, the smaller ones lie at the top left.

        Raises:
            ValueError: If a unit was not looked at, `images` are not those that were searched, or
                a size is not positive.

        Lecture: section 7, notebook 07.
        """
        if scale < 1 or (size is not None and size < 1):
            raise ValueError(
                f"`scale` and `size` must be positive. Received: scale={scale}, size={size}."
            )
        rows = np.arange(len(self.units)) if units is None else self._rows_of(units)
        boxes, indices = self.boxes[rows], self.image_indices[rows]
        if size is not None:
            spare = np.maximum(boxes[..., 2:] - boxes[..., :2] - size, 0)
            begin = boxes[..., :2] + spare // 2
            boxes = np.concatenate([begin, boxes[..., 2:] - (spare - spare // 2)], axis=-1)
        boxes = scale * boxes
        at_least = 1 + indices.max(initial=0)
        if len(images) < at_least:
            raise ValueError(
                f"`images` must be those that were searched, at least {at_least}. "
                f"Received: {len(images)}."
            )
        height, width = (boxes[..., 2:] - boxes[..., :2]).reshape(-1, 2).max(axis=0, initial=1)
        example = np.asarray(images[0])
        patches = np.empty((*indices.shape, height, width, *example.shape[2:]), example.dtype)
        patches[...] = fill
        for place in zip(*np.nonzero(indices >= 0), strict=True):
            _paste(patches[place], np.asarray(images[indices[place]]), boxes[place])
        return patches

    def _rows_of(self, units: Iterable[int]) -> np.ndarray:
        row_of = {int(unit): row for row, unit in enumerate(self.units)}
        units = list(units)
        missing = [unit for unit in units if unit not in row_of]
        if missing:
            raise ValueError(
                f"Unit {missing[0]} of {self.layer} was not looked at; give it to `top_patches`."
            )
        return np.array([row_of[unit] for unit in units], np.int64)


def top_patches(
    model: keras.Model,
    layer: str | Sequence[str],
    images: Iterable[np.ndarray],
    units: Sequence[int] | None = None,
    patches: int = 9,
    *,
    per_image: int = 1,
    inside: bool = False,
    progress: bool = False,
) -> TopPatches | dict[str, TopPatches]:
    """The lecture's nine patches: over all images and positions, where a unit is most active.

    One pass over the images serves all units of all layers. What is kept of a batch is, for each
    unit, the strongest `per_image` places; they are merged into the k strongest so far. So the
    memory holds the maps of one batch (400,000 pixels, or one image if that is larger), never
    those of all images. Of equal activations the earlier image wins, then the upper and then the
    left place.

    A patch is what the unit can see, its receptive field, computed from the architecture. An
    activation of exactly 0, which is a ReLU's silence, is no patch.

    Args:
        model: Functional model with one input of images, such as `build_face_encoder`'s or
            `build_vgg_features`'s.
        layer: Name of a layer; or names of several, which then take one pass together. Its output
            has shape (batch, height, width, channels), or (batch, channels) after pooling.
        images: Arrays (height, width, channels) with the values that the model expects, of any
            size if the model takes any. They are read once, one after the other: a generator may
            load them from disk.
        units: Channels to look at; by default all.
        patches: k, how many for each unit.
        per_image: How many of them may come from one image. With more than one, their centres
            are at least half a receptive field apart, in height or in width.
        inside: Whether only places count whose receptive field lies inside the image. At the
            border a network sees its own padding, which many units take for an edge.
        progress: Whether to show a progress bar.

    Returns:
        `TopPatches` of the layer; for a sequence of names, a dict from name to `TopPatches`.

    Raises:
        ValueError: If a layer or a unit does not exist, a number is not positive, there is no
            image, an image does not fit the model, or an activation is NaN or infinite.
        TypeError: If `images` is a dict.

    Example:
        >>> model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Conv2D(1, 2, name="c")])
        >>> model.get_layer("c").set_weights([np.ones((2, 2, 1, 1)), np.zeros(1)])
        >>> image = np.zeros((4, 4, 1), np.float32)
        >>> image[2, 1] = 7
        >>> found = top_patches(model, "c", [image], patches=1)
        >>> found.activations.tolist(), found.positions.tolist(), found.boxes.tolist()
        ([[7.0]], [[[1, 0]]], [[[1, 0, 3, 2]]])

    Reference: Zeiler and Fergus, "Visualizing and understanding convolutional networks", ECCV
        2014, figure 2. They show what a deconvolution makes of the patches beside them; we show
        the patches.
    Lecture: section 7, notebook 07.
    """
    if patches < 1 or per_image < 1:
        raise ValueError(
            "`patches` and `per_image` must be positive. "
            f"Received: patches={patches}, per_image={per_image}."
        )
    names = [layer] if isinstance(layer, str) else list(layer)
    searching = _Searching(model, names, per_image, inside)
    bests = [
        _Best(output.shape[-1], units, patches, name) for name, output in searching.outputs.items()
    ]
    sizes: list[tuple[int, int]] = []
    for batch in _batches(_checked(images, model, progress)):
        first = len(sizes)
        sizes += [each.shape[:2] for each in batch]
        found = searching(np.stack(batch), first)
        for best, (values, rows, columns) in zip(bests, found, strict=True):
            best.merge(values, rows, columns, first)
    if not sizes:
        raise ValueError("`images` is empty.")
    result = {best.layer: best.located(searching.fields, sizes) for best in bests}
    return result[layer] if isinstance(layer, str) else result


def _strongest_places(
    maps: Tensor, num_places: int, field: ReceptiveField, image_size: tuple[int, int] | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The strongest places of maps: values, rows, columns, each (batch, num_places, channels).

    A place that was chosen hides the places around it from the next choice. With `image_size`, the
    places whose receptive field reaches beyond the images are hidden from the beginning. Silent
    places are so always. The value of what is hidden is −∞.
    """
    maps = ops.cast(maps, "float32")
    if len(maps.shape) == 2:
        maps = maps[:, None, None, :]
    batch, height, width, channels = maps.shape
    # NumPy's 64 bits: TensorFlow's 32 would not do for the numbers of a huge map's places.
    batches, rows, columns, units = np.ogrid[:batch, :height, :width, :channels]
    visible = ops.not_equal(maps, 0)
    if image_size is not None:
        for axis, numbers in enumerate((rows, columns)):
            first = numbers * field.stride[axis] + field.offset[axis]
            visible &= (first >= 0) & (first + field.size[axis] <= image_size[axis])
    maps = ops.where(visible, maps, -np.inf)
    # Half a receptive field, in positions.
    reach = [
        -(-side // (2 * stride)) if stride else 1
        for side, stride in zip(field.size, field.stride, strict=True)
    ]
    found = []
    for number in range(num_places):
        row_maxima = ops.max(maps, axis=2)  # much faster than an arg-maximum over all places
        row = ops.convert_to_numpy(ops.argmax(row_maxima, axis=1))[:, None, None, :]
        place = ((batches * height + row) * width + columns) * channels + units
        strongest_row = ops.convert_to_numpy(ops.take(ops.reshape(maps, (-1,)), place))
        column = strongest_row.argmax(axis=2)[:, :, None, :]
        value = strongest_row.max(axis=2, keepdims=True)
        found.append([each[:, 0, 0] for each in (value, row, column)])
        if number + 1 < num_places:
            is_near = [
                np.abs(numbers - chosen) < distance
                for numbers, chosen, distance in zip(
                    (rows, columns), (row, column), reach, strict=True
                )
            ]
            maps = ops.where(ops.logical_and(*is_near), -np.inf, maps)
    values, rows, columns = (np.stack(each, axis=1) for each in zip(*found, strict=True))
    return values, rows, columns


class _Best:
    """The strongest places of one layer so far."""

    def __init__(
        self, num_channels: int, units: Sequence[int] | None, patches: int, layer: str
    ) -> None:
        self.layer = layer
        self.units = np.arange(num_channels) if units is None else np.array(list(units))
        is_known = self.units.dtype.kind in "iu" and np.isin(self.units, np.arange(num_channels))
        if len(self.units) == 0 or not np.all(is_known):
            raise ValueError(
                f"`units` must be integers in 0–{num_channels - 1} for {layer}. Received: {units}."
            )
        self.units = self.units.astype(np.int64)
        self.patches = patches
        shape = (len(self.units), 0)
        self.values = np.empty(shape, np.float32)
        self.places = np.empty((*shape, 3), np.int64)  # image, row, column

    def merge(
        self, values: np.ndarray, rows: np.ndarray, columns: np.ndarray, first_image: int
    ) -> None:
        """Takes what a batch found: arrays (batch, n, channels); keeps the k strongest of all."""
        images = first_image + np.arange(len(values))[:, None, None]
        found = np.stack([np.broadcast_to(images, rows.shape), rows, columns], axis=-1)
        found, values = found[:, :, self.units], values[:, :, self.units]
        found = np.moveaxis(found, 2, 0).reshape(len(self.units), -1, 3)
        values = np.moveaxis(values, 2, 0).reshape(len(self.units), -1)
        self.values = np.concatenate([self.values, values], axis=1)
        self.places = np.concatenate([self.places, found], axis=1)
        order = np.argsort(-self.values, axis=1, kind="stable")[:, : self.patches]
        self.values = np.take_along_axis(self.values, order, axis=1)
        self.places = np.take_along_axis(self.places, order[..., None], axis=1)

    def located(
        self,
        fields: dict[tuple[int, int], dict[str, ReceptiveField]],
        sizes: list[tuple[int, int]],
    ) -> TopPatches:
        """The result, with the receptive fields of the places: size of the images → by layer."""
        exists = np.isfinite(self.values)
        values = np.where(exists, self.values, np.nan)
        places = np.where(exists[..., None], self.places, (-1, 0, 0))
        missing = ((0, 0), (0, self.patches - values.shape[1]))  # fewer images than patches
        values = np.pad(values, missing, constant_values=np.nan)
        places = np.pad(places, (*missing, (0, 0)))
        images, positions = places[..., 0], places[..., 1:]
        images[:, exists.shape[1] :] = -1
        boxes = np.zeros((*images.shape, 4), np.int64)
        size_of_image = np.array(sizes)
        for size, field_of in fields.items():
            here = (images >= 0) & (size_of_image[images] == size).all(axis=-1)
            boxes[here] = field_of[self.layer].boxes(positions[here])
        return TopPatches(self.layer, self.units, values, images, positions, boxes)


class _Searching:
    """From a batch of images to the strongest places of each layer."""

    def __init__(self, model: keras.Model, names: list[str], per_image: int, inside: bool) -> None:
        if not names or len(set(names)) < len(names):
            raise ValueError(
                f"`layer` must name layers of the model, each once. Received: {names}."
            )
        self.outputs = {name: layer_output(model, name) for name in names}
        for name, output in self.outputs.items():
            if len(output.shape) not in (2, 4):
                raise ValueError(
                    f"{name} has no maps of units: its output has shape {tuple(output.shape)}."
                )
        self.model, self.maps = model, keras.Model(model.inputs[0], self.outputs)
        self.per_image, self.inside = per_image, inside
        self.fields: dict[tuple[int, int], dict[str, ReceptiveField]] = {}

    def __call__(
        self, images: np.ndarray, first_image: int
    ) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        size = images.shape[1:3]
        if size not in self.fields:
            # Where the padding depends on the image's size, so does what a position sees.
            self.fields[size] = {
                name: receptive_field(self.model, name, size) for name in self.outputs
            }
        # Not `predict`: TensorFlow would trace each model anew, and warn of it.
        maps = self.maps(images, training=False)
        for name in self.outputs:
            _check_numbers(maps[name], name, first_image)
        return [
            _strongest_places(maps[name], self.per_image, field, size if self.inside else None)
            for name, field in self.fields[size].items()
        ]


def _checked(
    images: Iterable[np.ndarray], model: keras.Model, progress: bool
) -> Iterator[np.ndarray]:
    """The images one by one, each compared with what the model takes."""
    if isinstance(images, Mapping):
        raise TypeError("`images` must be a sequence. Received a dict: give list(photos.values()).")
    expected = model.inputs[0].shape[1:]
    for number, image in enumerate(tqdm(images, desc="images", disable=not progress)):
        image = np.asarray(image)
        fits = image.ndim == 3 and all(
            side in (None, found) for side, found in zip(expected, image.shape, strict=True)
        )
        if not fits or 0 in image.shape:
            raise ValueError(
                f"Image {number} has shape {image.shape}; the model takes "
                f"{tuple('any' if side is None else side for side in expected)}. Give a list of "
                "such arrays, [photo] for one; `read_photo` makes any photo RGB."
            )
        yield image.astype(np.float32)  # a copy: a generator may fill one array again and again


def _check_numbers(maps: Tensor, layer: str, first_image: int) -> None:
    """Refuses NaN wherever it is: a maximum may pass it over."""
    are_numbers = ops.all(ops.less(maps, np.inf), axis=tuple(range(1, len(maps.shape))))
    are_numbers = ops.convert_to_numpy(are_numbers)
    if not are_numbers.all():
        raise ValueError(
            f"Image {first_image + are_numbers.argmin()} gives an activation of {layer} that is "
            "NaN or infinite. Check the image, and the weights."
        )


def _batches(images: Iterator[np.ndarray]) -> Iterator[list[np.ndarray]]:
    """Neighbours of one size together, as many as `PIXELS_PER_BATCH` allows."""
    batch: list[np.ndarray] = []
    for image in images:
        pixels = image.shape[0] * image.shape[1]
        full = (len(batch) + 1) * pixels > PIXELS_PER_BATCH
        if batch and (full or image.shape != batch[0].shape):
            yield batch
            batch = []
        batch.append(image)
    if batch:
        yield batch


def _paste(patch: np.ndarray, image: np.ndarray, box: np.ndarray) -> None:
    """Writes the part of the image inside the box into the patch; what lies outside stays."""
    top, left, bottom, right = (int(side) for side in box)
    rows = slice(max(top, 0), min(bottom, image.shape[0]))
    columns = slice(max(left, 0), min(right, image.shape[1]))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    target = (
        slice(rows.start - top, rows.stop - top),
        slice(columns.start - left, columns.stop - left),
    )
    patch[target] = image[rows, columns]
