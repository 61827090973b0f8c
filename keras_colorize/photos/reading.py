"""One photograph on disk: find it, decode it upright into 8-bit RGB, for training.

What cannot be used is refused with a :class:`~keras_colorize.errors.PhotoError` whose message is a
short reason without the file name, so that the caller can list ``path,reason``. Pixels are taken
as they are stored: an embedded ICC profile isn't applied.

TensorFlow is imported only when a TIFF is met, for tensorflow-io's decoder.
"""

import os
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from keras_colorize.errors import DataError
from keras_colorize.photos.formats import (
    FORMATS,
    PHOTO_SUFFIXES,
    check_suffix,
    identify,
    open_file,
    open_image,
    photo_errors,
    turn_of,
)
from keras_colorize.photos.pixels import check_size, to_rgb
from keras_colorize.photos.tensorflow_io import TiffDecoder, read_tiff

__all__ = [
    "PHOTO_SUFFIXES",
    "find_photos",
    "read_photo",
]

_FILTER = Image.Resampling.LANCZOS
# A box filter first, down to three times the size: faster, and no difference to be seen.
_REDUCING_GAP = 3.0


def find_photos(folder: str | Path) -> list[Path]:
    """Photographs in a folder and everything below it, in the same order on every machine.

    Args:
        folder: where to look. Linked folders are followed; one that is met twice, as in a loop,
            counts once. Hidden files and folders (``.thumbnails``, ``._x.jpg``) are passed over.

    Returns:
        Files whose ending, in any case, is one of :data:`PHOTO_SUFFIXES`, each as ``folder / ...``,
        sorted by their path below the folder. Their content isn't looked at.

    Raises:
        DataError: if the folder, or one below it, cannot be listed.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(
            f"Expected a folder of photographs. Received: {folder}, which "
            f"{'is a file' if folder.exists() else 'does not exist'}. Name a folder that exists; "
            f"a relative one is looked for in {Path.cwd()}"
        )

    def refuse(error: OSError) -> None:
        raise DataError(
            f"Expected a folder that can be listed. Received: {error.filename} ({error.strerror}). "
            f"Make it readable, or move it elsewhere"
        ) from error

    photos = []
    visited: set[str] = set()
    for parent, folders, names in os.walk(folder, followlinks=True, onerror=refuse):
        if os.path.realpath(parent) in visited:
            folders.clear()
            continue
        visited.add(os.path.realpath(parent))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            path = Path(parent, name)
            if not name.startswith(".") and path.suffix.lower() in FORMATS and path.is_file():
                photos.append(path)
    return sorted(photos, key=lambda path: path.relative_to(folder).as_posix())


def read_photo(
    path: str | Path,
    *,
    short_side: int | None = None,
    max_pixels: int = 200_000_000,
    strict_suffix: bool = False,
    tiff_decoder: TiffDecoder = "auto",
) -> np.ndarray:
    """Decode a photograph into 8-bit RGB, upright. Safe to call from many threads.

    The content decides the format, not the name. Of an animation or a document, the first picture
    is read. Gray, palette, CMYK and CIELAB become RGB; transparent parts become white; 16 bits are
    scaled, not cut. Numbers of 32 bits (integer or float) have no agreed white: it is the first of
    1 (float only), 255 and 65535 that no pixel exceeds; where none does, or where a pixel is
    negative, smallest and largest become black and white.

    Args:
        path: the file.
        short_side: reduce, never enlarge, so that the shorter side has this many pixels.
        max_pixels: refuse what has more, before it is decoded. (WebP above 179 megapixels is
            refused by Pillow itself.)
        strict_suffix: refuse a file whose ending names another format than it holds.
        tiff_decoder: "auto" is tensorflow-io where its compiled op loads and knows the kind of
            TIFF, else Pillow; the others force one.

    Returns:
        uint8 ``(H, W, 3)``, a writable array of its own.

    Raises:
        PhotoError: if the photograph cannot be used; the message is the reason.
        ValueError: if ``short_side`` is below 1 or ``tiff_decoder`` unknown.
    """
    if short_side is not None and short_side < 1:
        raise ValueError(f"short_side must be at least 1. Received: {short_side}")
    if tiff_decoder not in ("auto", "tensorflow_io", "pillow"):
        raise ValueError(
            f"tiff_decoder must be 'auto', 'tensorflow_io' or 'pillow'. Received: {tiff_decoder!r}"
        )
    path = Path(path)
    with open_file(path) as file:
        format_ = identify(file)
        if strict_suffix:
            check_suffix(path, format_)
        with photo_errors(format_):
            if format_ == "TIFF":
                image, turn = read_tiff(file, max_pixels, tiff_decoder)
            else:
                image, turn = _read_other(file, format_, short_side, max_pixels)
            if short_side is not None:
                image = _reduce(image, short_side)
            if turn is not None:
                image = image.transpose(turn)
            return np.array(image)


def _read_other(
    file: BinaryIO, format_: str, short_side: int | None, max_pixels: int
) -> tuple[Image.Image, Image.Transpose | None]:
    """The picture in RGB as it is stored, and how to turn it."""
    image = open_image(file, format_)
    check_size(*image.size, max_pixels)
    drafted = None
    if format_ == "JPEG" and short_side is not None:
        # A JPEG decodes several times faster at 1/2, 1/4 or 1/8 of its size. Twice the size that
        # is wanted leaves the antialiasing filter all that it would pass.
        size = _reduced_size(image.size, short_side)
        drafted = image.draft(None, (2 * size[0], 2 * size[1]))
    image.load()
    turn = turn_of(image)
    rgb = to_rgb(image)
    if drafted is not None:
        # The decoder rounds 850 / 8 up to 107 rows: the box says that the last is a quarter full.
        rgb = rgb.resize(size, _FILTER, box=drafted[1], reducing_gap=_REDUCING_GAP)
    return rgb, turn


def _reduced_size(size: tuple[int, int], short_side: int) -> tuple[int, int]:
    scale = min(1.0, short_side / min(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _reduce(image: Image.Image, short_side: int) -> Image.Image:
    size = _reduced_size(image.size, short_side)
    if size == image.size:
        return image
    return image.resize(size, _FILTER, reducing_gap=_REDUCING_GAP)
