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
        >>> luminance(np.array([[[250, 0, 0]]])).tolist()
        [[[74.75, 74.75, 74.75]]]
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


def recolored(image: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """An image with the colours of another: the simplest transfer, without any network.

    x ↦ A · (x − m) + m', the linear map with the least change of colours after which mean and
    covariance of R, G and B are those of `palette`. It moves no pixel and paints no stroke: the
    baseline that a style transfer has to beat.

    Args:
        image: Array, shape (height, width, 3), RGB 0–255.
        palette: Where the colours come from, array of any size, likewise.

    Returns:
        Float32 array of the image's shape, clipped to 0–255.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> dark, bright = rng.uniform(0, 90, (8, 8, 3)), rng.uniform(100, 200, (9, 9, 3))
        >>> bool(np.allclose(recolored(dark, bright).mean((0, 1)), bright.mean((0, 1))))
        True

    Reference: Pitié, Kokaram, "The linear Monge-Kantorovitch linear colour mapping for
        example-based colour transfer", CVMP 2007, equation 10.
    Lecture: section 6, notebook 06.
    """
    pixels = np.asarray(image, dtype=np.float64).reshape(-1, 3)
    wanted = np.asarray(palette, dtype=np.float64).reshape(-1, 3)
    own = _covariance(pixels)
    spread, inverse = _root(own, 0.5), _root(own, -0.5)
    matrix = inverse @ _root(spread @ _covariance(wanted) @ spread, 0.5) @ inverse
    mapped = (pixels - pixels.mean(axis=0)) @ matrix + wanted.mean(axis=0)
    return np.clip(mapped, 0, 255).reshape(image.shape).astype(np.float32)


def _covariance(pixels: np.ndarray) -> np.ndarray:
    """Of the three channels; a level² more on the diagonal, for images of one colour."""
    return np.cov(pixels.T, bias=True) + np.eye(3)


def _root(matrix: np.ndarray, power: float) -> np.ndarray:
    """A power of a symmetric positive definite matrix."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * values**power) @ vectors.T
