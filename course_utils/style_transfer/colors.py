"""Brightness and colour apart, so that a picture can take the one and keep the other."""

import numpy as np

LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601: how bright red, green and blue look


def luminance(image: np.ndarray) -> np.ndarray:
    """How bright each pixel looks: Y = 0.299 R + 0.587 G + 0.114 B.

    Args:
        image: Array, shape (height, width, 3), RGB 0–255.

    Returns:
        Float32 array, shape (height, width, 3): Y three times, 0–255.

    Example:
        >>> luminance(np.array([[[100, 0, 0]]]))[0, 0, 0].round(1).item()
        29.9
    """
    levels = np.asarray(image, dtype=np.float64) @ LUMA
    return np.repeat(levels[..., None], 3, axis=2).astype(np.float32)


def with_colors_of(content: np.ndarray, generated: np.ndarray) -> np.ndarray:
    """The brightness of one image with the colours of another.

    In YCbCr, Y comes from `generated`, Cb and Cr from `content`; that is content + (Y_G − Y_C) in
    each channel, clipped to 0–255.

    Args:
        content: The colours, array, shape (height, width, 3), RGB 0–255.
        generated: The brightness, likewise.

    Returns:
        Float32 array of that shape, 0–255.

    Example:
        >>> red, grey = np.array([[[200.0, 0, 0]]]), np.array([[[80.0, 80, 80]]])
        >>> with_colors_of(red, grey).round().tolist()
        [[[220.0, 20.0, 20.0]]]

    Reference: Gatys, Bethge, Hertzmann, Shechtman, "Preserving Color in Neural Artistic Style
        Transfer", arXiv:1606.05897, section 4, luminance-only transfer.
    """
    content = np.asarray(content, dtype=np.float32)
    return np.clip(content + luminance(generated) - luminance(content), 0, 255)


def matched_luminance(style: np.ndarray, content: np.ndarray) -> np.ndarray:
    """The brightness of a style image, with the mean and the spread of the content's.

    A dark style would else darken a bright photo, whose colours then look wrong.

    Args:
        style: Array, shape (height, width, 3), RGB 0–255.
        content: Array of any size, likewise.

    Returns:
        Float32 array of the style's shape, three equal channels; it may lie outside 0–255.

    Example:
        >>> style = np.zeros((1, 2, 3)); style[0, 1] = 100
        >>> content = np.full((1, 2, 3), 180.0); content[0, 1] = 200
        >>> matched_luminance(style, content)[0, :, 0].round().tolist()
        [180.0, 200.0]

    Reference: Gatys et al., arXiv:1606.05897, equation 11.
    """
    levels, wanted = luminance(style), luminance(content)
    spread = max(float(levels.std()), 1.0)  # a flat style has no contrast to scale
    matched = (levels - levels.mean()) * (float(wanted.std()) / spread) + wanted.mean()
    return matched.astype(np.float32)
