"""The same face, as another photographer might have taken it."""

import numpy as np
from keras import ops
from numpy.typing import ArrayLike


def augment_faces(
    images: ArrayLike,
    rng: np.random.Generator,
    *,
    rotation: float = 8.0,
    zoom: float = 0.1,
    shift: float = 0.06,
    mirror: bool = True,
    brightness: float = 0.15,
    contrast: float = 0.2,
) -> np.ndarray:
    """Turns, zooms, shifts, mirrors and relights every face a little, each in its own way.

    What changes here must not change who it is: no shear or stretch, for proportions are what
    tells people apart. Turn, zoom, shift and mirror are one resampling, so that a photo is
    blurred once; what comes in over the edge repeats the edge.

    Args:
        images: Float array in [0, 1], shape (batch, height, width, channels).
        rng: Where the draws come from.
        rotation: Largest angle in degrees, either way.
        zoom: Largest change of scale: a scale is drawn from [e^−zoom, e^zoom].
        shift: Largest shift, as a share of width and height.
        mirror: Whether every second photo, on average, is mirrored.
        brightness: Largest number added to all pixels of a photo, or taken from them.
        contrast: Largest change of contrast about the grey 0.5, as `zoom`'s.

    Returns:
        Float32 array in [0, 1] of the same shape; `images` is left alone.

    Raises:
        ValueError: If the shape is another, the range is not [0, 1], or an option is negative.

    Example:
        >>> faces = np.full((2, 8, 6, 1), 0.5)
        >>> augment_faces(faces, np.random.default_rng(0)).shape
        (2, 8, 6, 1)

    Lecture: section 4, notebooks 03 and 04.
    """
    images = np.asarray(images, dtype=np.float32)
    if images.ndim != 4:
        raise ValueError(
            "`images` must have shape (batch, height, width, channels). "
            f"Received: images.shape={images.shape}."
        )
    if images.size and not (images.min() >= 0 and images.max() <= 1):
        raise ValueError(
            "`images` must lie in [0, 1]; divide 8-bit images by 255. "
            f"Received values from {images.min():g} to {images.max():g}."
        )
    options = {"rotation": rotation, "zoom": zoom, "shift": shift}
    options |= {"brightness": brightness, "contrast": contrast}
    for name, value in options.items():
        if not value >= 0:
            raise ValueError(f"`{name}` must not be negative. Received: {name}={value}.")
    batch, height, width, _ = images.shape
    angle = np.deg2rad(rng.uniform(-rotation, rotation, batch))
    scale = np.exp(rng.uniform(-zoom, zoom, batch))
    shift_x, shift_y = rng.uniform(-shift, shift, (2, batch)) * [[width], [height]]
    side = np.where(mirror & (rng.random(batch) < 0.5), -1.0, 1.0)
    gain = np.exp(rng.uniform(-contrast, contrast, (batch, 1, 1, 1)))
    light = rng.uniform(-brightness, brightness, (batch, 1, 1, 1))

    # Where each pixel comes from: x = a·x' + b·y' + …, turned and scaled about the centre.
    across, along = np.cos(angle) / scale, np.sin(angle) / scale
    a, b, c, d = across * side, -along, along * side, across
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    from_x = middle_x - a * middle_x - b * middle_y + shift_x
    from_y = middle_y - c * middle_x - d * middle_y + shift_y
    zeros = np.zeros(batch)
    transforms = np.stack([a, b, from_x, c, d, from_y, zeros, zeros], axis=1)
    moved = ops.image.affine_transform(
        images, transforms.astype(np.float32), interpolation="bilinear", fill_mode="nearest"
    )
    lit = (ops.convert_to_numpy(moved) - 0.5) * gain + 0.5 + light
    return np.clip(lit, 0, 1).astype(np.float32)
