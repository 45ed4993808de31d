"""What a gallery accepts: names of people, embeddings, and photos if it has an encoder."""

import os
import unicodedata
from collections.abc import Callable
from typing import Any

import numpy as np

LONGEST_NAME = 200
LARGEST_VALUE = 1e15  # its square, times the dimension, is still a float32
RULES = ("nearest", "mean")


def as_name(name: str) -> str:
    """A person's name as the gallery writes it: no space around it, accents composed (NFC).

    Args:
        name: A text of 1 to 200 characters on one line.

    Returns:
        The same name, always spelled with the same characters: "é" as one, not as "e" and "´".

    Raises:
        TypeError: If it is not a text.
        ValueError: If it is empty, too long, or holds a line break or a control character.
    """
    if not isinstance(name, str):
        raise TypeError(f"`name` must be a text. Received: {name!r} ({type(name).__name__}).")
    tidy = unicodedata.normalize("NFC", name).strip()
    if not tidy or len(tidy) > LONGEST_NAME:
        raise ValueError(
            f"`name` must have 1 to {LONGEST_NAME} characters. "
            f"Received: {name[:50]!r}, {len(tidy)} characters."
        )
    if not tidy.isprintable() and any(
        unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in tidy
    ):
        raise ValueError(
            f"`name` must not hold line breaks or control characters. Received: {name[:50]!r}."
        )
    return tidy


def as_rule(rule: str) -> str:
    """The rule itself, if there is one of that name; else raises a `ValueError`."""
    if rule not in RULES:
        raise ValueError(f'`rule` must be "nearest" or "mean". Received: rule={rule!r}.')
    return rule


def as_embeddings(argument: str, values: np.ndarray, dim: int) -> np.ndarray:
    """Embeddings as a matrix, checked: floats of the encoder's dimension, finite.

    Args:
        argument: Name of the argument, for the errors.
        values: Float array, shape (dim,) for one embedding or (n, dim).
        dim: Length of an embedding.

    Returns:
        Float32 array, shape (n, dim).

    Raises:
        TypeError: If the values are not floats.
        ValueError: If the shape is another, or a value is NaN, infinite or beyond ±10¹⁵.
    """
    try:
        values = np.asarray(values)
    except ValueError as error:
        raise ValueError(f"`{argument}` must be embeddings of one length: {error}.") from error
    if values.dtype.kind != "f":
        raise TypeError(
            f"`{argument}` must be float embeddings, or photos: paths, or uint8 arrays of 2 or 3 "
            f"axes, or a list of those. Received: dtype {values.dtype}, shape {values.shape}."
        )
    if values.ndim not in (1, 2) or values.shape[-1] != dim:
        raise ValueError(
            f"`{argument}` must be embeddings of shape ({dim},) or (n, {dim}); photos must be "
            f"uint8. Received: shape {values.shape}."
        )
    limit = min(LARGEST_VALUE, float(np.finfo(values.dtype).max))
    if values.size and not np.abs(values).max() <= limit:  # NaN compares as False
        raise ValueError(
            f"`{argument}` must hold finite numbers within ±{LARGEST_VALUE:g}. Received: "
            f"{int((~(np.abs(values) <= limit)).sum())} others of {values.size}."
        )
    return np.atleast_2d(values).astype(np.float32, copy=False)


def embeddings_of(
    argument: str, items: Any, dim: int, encoder: Callable[..., np.ndarray] | None
) -> np.ndarray:
    """Embeddings of what was given, photos or embeddings.

    Args:
        argument: Name of the argument, for the errors.
        items: A photo (path, or uint8 array of 2 or 3 axes), a list of photos, or embeddings as
            `as_embeddings` takes them.
        dim: Length of an embedding.
        encoder: Function (list of photos) → embeddings, or None.

    Returns:
        Float32 array, shape (n, dim).

    Raises:
        TypeError: If the items are neither photos nor floats, or some are photos and some not.
        ValueError: If there is no encoder for the photos, or the embeddings are no good.
    """
    if _is_photo(items):
        photos = [items]
    elif isinstance(items, list | tuple) and any(map(_is_photo, items)):
        photos = list(items)
        if not all(map(_is_photo, items)):
            other = next(item for item in items if not _is_photo(item))
            raise TypeError(
                f"`{argument}` must be photos or embeddings, not both: a photo is a path or a "
                f"uint8 array of 2 or 3 axes. Received also: {type(other).__name__}."
            )
    else:
        return as_embeddings(argument, items, dim)
    if encoder is None:
        raise ValueError(
            f"`{argument}` are photos, and this gallery knows its encoder by name only. Encode "
            "them first, or give it the encoder itself: Gallery.load(path, encoder=encoder)."
        )
    embeddings = as_embeddings("encoder(photos)", encoder(photos), dim)
    if len(embeddings) != len(photos):
        raise ValueError(
            f"`encoder(photos)` must return an embedding for each of the {len(photos)} photos. "
            f"Received: {len(embeddings)}."
        )
    return embeddings


def _is_photo(item: object) -> bool:
    """Whether it is a path, or an array as an image library gives it."""
    if isinstance(item, np.ndarray):
        return item.dtype == np.uint8 and item.ndim in (2, 3)
    return isinstance(item, str | os.PathLike)
