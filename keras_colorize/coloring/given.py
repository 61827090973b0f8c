"""Photographs as a caller of ``Colorizer`` gives them: what goes wrong says with which file."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from keras_colorize import color
from keras_colorize.errors import PhotoError
from keras_colorize.photos.condition import is_gray
from keras_colorize.photos.reading import PhotoLike, read_color, read_luminance

__all__ = ["naming_photo", "read_given", "read_reference", "true_chroma"]


def read_given(photo: PhotoLike) -> np.ndarray:
    """Its luminance, uint16 ``(H, W)``; see :func:`~keras_colorize.photos.reading.read_luminance`.

    Raises:
        PhotoError: the file cannot be used; the message names it.
        TypeError: it is no photograph.
        ValueError: the array has another shape or type of numbers.
    """
    with naming_photo(photo):
        return read_luminance(photo)


def read_reference(photo: PhotoLike) -> tuple[np.ndarray, np.ndarray]:
    """What others take colors from: its luminance, and its true chroma.

    Args:
        photo: in color; see :func:`read_given`.

    Returns:
        uint16 ``(H, W)``; Cb and Cr, float32 ``(H, W, 2)``.

    Raises:
        PhotoError: as of :func:`read_given`, or it is gray.
        TypeError: it is no photograph.
        ValueError: the array has another shape or type of numbers.
    """
    with naming_photo(photo):
        rgb = read_color(photo)
        return read_luminance(rgb), true_chroma(rgb)


def true_chroma(rgb: np.ndarray) -> np.ndarray:
    """Cb and Cr of a photograph that others are to follow, float32 ``(H, W, 2)``.

    Args:
        rgb: uint8 ``(H, W, 3)``.

    Raises:
        PhotoError: it is gray: what followed it would lose its color.
    """
    chroma = color.chroma(rgb.astype(np.float32) / np.float32(255.0))
    if is_gray(chroma):
        raise PhotoError("expected a color photograph, to follow its colors. Received one in gray")
    return chroma


@contextlib.contextmanager
def naming_photo(photo: PhotoLike) -> Iterator[None]:
    """Have what is wrong with a photograph say its file's name, where it is a file."""
    try:
        yield
    except PhotoError as error:
        if isinstance(photo, str | Path):
            raise PhotoError(f"{photo}: {error}") from error
        raise
