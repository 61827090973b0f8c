"""Pictures into files: JPEG, PNG, WebP and TIFF, of 8 bits or 16, from strips of rows.

Whole pictures are held only where an encoder wants them whole, and then in its own memory.
"""

import io
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from keras_colorize.errors import PhotoError
from keras_colorize.metadata.embedding import add_tiff_metadata, png_with_metadata, save_options
from keras_colorize.metadata.reading import Metadata
from keras_colorize.photos.pixels import strips, to_bytes
from keras_colorize.photos.profiles import srgb_profile

__all__ = ["QUALITY", "WRITABLE", "WrittenPage", "lost_pixels", "save_picture", "write_pictures"]

#: Of JPEG and WebP, unless told otherwise.
QUALITY = 95
#: Formats that are written, with the most bits a channel of each.
WRITABLE = {"JPEG": 8, "PNG": 16, "WEBP": 8, "TIFF": 16}
# The most pixels a side: of JPEG libjpeg's (JPEG_MAX_DIMENSION), of WebP RFC 9649, section 3.4.
_LONGEST_SIDE = {"JPEG": 65_500, "WEBP": 16_383}

_ZLIB_LEVEL = 6
_CLASSIC_TIFF = 3_500_000_000  # bytes of pixels; what is larger becomes a BigTIFF, to be safe


@dataclass(frozen=True)
class WrittenPage:
    """A page to be written.

    Attributes:
        size: width and height in pixels.
        dtype: uint8 or uint16, that of the strips.
        rgb: the first row and the pixels ``(n, W, 3)`` of each strip of
            :func:`~keras_colorize.coloring.upsampling.strips`; used up by writing.
        alpha: opacity, uint16 ``(H, W)``, or ``None`` for an opaque picture.
        metadata: to embed.
        lossless: for WebP, to keep every pixel as it is.
    """

    size: tuple[int, int]
    dtype: type[np.unsignedinteger]
    rgb: Iterable[tuple[int, np.ndarray]]
    alpha: np.ndarray | None
    metadata: Metadata
    lossless: bool = False

    def strips(self) -> Iterator[tuple[int, np.ndarray]]:
        """The strips as they are stored: RGB, or with alpha RGBA."""
        for top, rgb in self.rgb:
            if self.alpha is None:
                yield top, rgb
                continue
            alpha = self.alpha[top : top + len(rgb)]
            if self.dtype == np.uint8:
                alpha = to_bytes(alpha)
            yield top, np.concatenate([rgb, alpha[..., None]], axis=-1)


def lost_pixels(depth: int, alpha: np.ndarray | None, format_: str) -> tuple[str, ...]:
    """Warnings of what a format cannot hold of the pixels themselves.

    Args:
        depth: bits a channel.
        alpha: opacity, or ``None`` for an opaque picture.
        format_: one of :data:`WRITABLE`.
    """
    warnings = []
    if depth > WRITABLE[format_]:
        warnings.append(f"{depth} bits became {WRITABLE[format_]}: {format_} holds no more")
    if alpha is not None and format_ == "JPEG":
        warnings.append("transparency became white: JPEG has none")
    return tuple(warnings)


def write_pictures(
    path: Path,
    pictures: Iterable[WrittenPage],
    format_: str,
    *,
    quality: int = QUALITY,
    pixels: int = 0,
) -> None:
    """Write a picture, or the pages of a TIFF; not atomically.

    Args:
        path: the file; an existing one is replaced.
        pictures: one, or for TIFF at least one; asked for one after the other.
        format_: one of :data:`WRITABLE`. Of its depth or less; JPEG shows white where a picture is
            transparent.
        quality: of JPEG and WebP, 1 to 100.
        pixels: how many all pages have together, where there are several: a TIFF for which 4 GB
            may not do has to be known for one from its beginning.

    Raises:
        OSError: it cannot be written.
        PhotoError: the picture is larger than the format can say.
    """
    if format_ == "TIFF":
        _write_tiff(path, pictures, pixels)
        return
    (picture,) = pictures
    longest = _LONGEST_SIDE.get(format_)
    if longest is not None and max(picture.size) > longest:
        raise PhotoError(
            f"{picture.size[0]} x {picture.size[1]} pixels, and {format_} holds no more than "
            f"{longest} a side; write PNG or TIFF, by --format"
        )
    if picture.dtype == np.uint16:
        path.write_bytes(_png_of_16_bits(picture))
        return
    options: dict[str, Any] = save_options(picture.metadata, format_, srgb_profile())
    if format_ == "JPEG":
        # Color is what this package adds: don't halve its resolution.
        options |= {"quality": quality, "subsampling": 0}
    elif format_ == "WEBP":
        # Exact: also the colors of what is transparent.
        lossless = {"lossless": True, "exact": True}
        options |= lossless if picture.lossless else {"quality": quality}
    save_picture(_to_pillow(picture, flatten=format_ == "JPEG"), path, format_, **options)


def save_picture(
    image: Image.Image, path: Path, format_: str | None = None, **options: Any
) -> None:
    """Save a Pillow image whole, or raise; not atomically.

    On a full disk, Pillow itself (12.3) leaves out the end of a JPEG, BMP or TIFF without a word:
    given a file of the system, it does not look how much of its last piece was written.

    Args:
        image: the picture.
        path: the file; an existing one is replaced.
        format_: Pillow's name of the format; by default, what the name ends in.
        **options: of Pillow for the format.

    Raises:
        OSError: it cannot be written.
    """
    with _WholeFile(path.open("wb", 0)) as file:
        image.save(file, format_, **options)


class _WholeFile(io.BufferedWriter):
    """A file that Pillow writes through Python, which minds what is left of a piece."""

    def fileno(self) -> int:
        raise io.UnsupportedOperation("fileno")


def _to_pillow(picture: WrittenPage, *, flatten: bool) -> Image.Image:
    with_alpha = picture.alpha is not None
    image = Image.new("RGBA" if with_alpha and not flatten else "RGB", picture.size)
    for top, strip in picture.strips():
        if with_alpha and flatten:
            opacity = strip[..., 3:].astype(np.float32) / 255.0
            strip = np.rint(strip[..., :3] * opacity + 255.0 * (1.0 - opacity)).astype(np.uint8)
        image.paste(Image.fromarray(strip), (0, top))
    return image


def _png_of_16_bits(picture: WrittenPage) -> bytes:
    import imagecodecs  # Pillow has no 16-bit color

    width, height = picture.size
    pixels = np.empty((height, width, 3 if picture.alpha is None else 4), np.uint16)
    for top, strip in picture.strips():
        pixels[top : top + len(strip)] = strip
    png = imagecodecs.png_encode(pixels, _ZLIB_LEVEL)
    return png_with_metadata(bytes(png), picture.metadata, srgb_profile())


def _write_tiff(path: Path, pictures: Iterable[WrittenPage], pixels: int) -> None:
    import tifffile

    metadata: list[Metadata] = []
    writer = None
    try:
        for picture in pictures:
            width, height = picture.size
            samples = 3 if picture.alpha is None else 4
            if writer is None:
                size = max(pixels, height * width) * samples * np.dtype(picture.dtype).itemsize
                writer = tifffile.TiffWriter(path, bigtiff=size > _CLASSIC_TIFF)
            writer.write(
                _encoded(picture),
                shape=(height, width, samples),
                dtype=picture.dtype,
                photometric="rgb",
                extrasamples=() if picture.alpha is None else ("unassalpha",),
                rowsperstrip=_rows_per_strip(picture.size),
                compression="adobe_deflate",
                predictor=True,
                metadata=None,
                software=False,
            )
            metadata.append(picture.metadata)
    finally:
        if writer is not None:
            writer.close()
    for page, of_page in enumerate(metadata):
        add_tiff_metadata(path, of_page, srgb_profile(), page)


def _rows_per_strip(size: tuple[int, int]) -> int:
    width, height = size
    return next(bottom for _, bottom in strips(height, width))


def _encoded(picture: WrittenPage) -> Iterator[bytes]:
    """Strips as TIFF stores them: differences from the pixel to the left (TIFF 6.0, section 14)."""
    import imagecodecs

    for _, strip in picture.strips():
        differences = imagecodecs.delta_encode(strip, axis=1)
        yield zlib.compress(differences.tobytes(), _ZLIB_LEVEL)
