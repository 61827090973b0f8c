"""Every page of a TIFF at its full depth: deep ones through tifffile, the others through Pillow.

Pillow converts every color space and knows 16 bits of gray only; tifffile reads 16 bits and more,
whatever their arrangement. What a page claims is checked before either allocates memory for it.
"""

import io
import logging
import struct
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, BinaryIO, cast

import numpy as np
from PIL import Image, TiffImagePlugin
from PIL.ExifTags import Base as Tag

from keras_colorize.errors import PhotoError
from keras_colorize.metadata.reading import read_tiff_metadata
from keras_colorize.photos.decoded import Decoded, from_pillow
from keras_colorize.photos.formats import TURN
from keras_colorize.photos.packed import read_packed
from keras_colorize.photos.pixels import TRUNCATED, WHITE, check_size, to_integers

__all__ = ["largest_page", "read_tiff_pages"]

# TIFF 6.0: values of the tags PhotometricInterpretation, Compression and ExtraSamples; 32946 was
# the first of deflate, zstd is libtiff's.
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _CMYK, _YCBCR = 0, 1, 2, 5, 6
_CHANNELS = {_WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1, _RGB: 3, _CMYK: 4}
_UNCOMPRESSED = 1
_LOSSLESS = (1, 5, 8, 32946, 32773, 50000)  # none, LZW, deflate, deflate, packbits, zstd
_ASSOCIATED, _UNASSOCIATED = 1, 2
_REDUCED_OR_MASK = 0b101  # of the tag NewSubfileType

_MOST_SAMPLES = 8  # a pixel: no photograph has more, a forged file has 65535
_LARGEST_TILE = 1 << 24  # pixels, where the picture itself is smaller

# tifffile reports there what is wrong with a file, and `logging` prints what nobody listens to.
for _name in ("tifffile", "imagecodecs"):
    logging.getLogger(_name).addHandler(logging.NullHandler())


def read_tiff_pages(file: BinaryIO, max_pixels: int) -> Iterator[Decoded]:
    """The pages, one after the other, without reduced copies and transparency masks.

    Raises:
        PhotoError: a page has more pixels than ``max_pixels``, or is of a kind that isn't read.
        Exception: whatever decoders raise at damaged data.
    """
    import tifffile

    with tifffile.TiffFile(file) as tiff:
        for index, page in _pages(tiff):
            check_size(page.imagewidth, page.imagelength, max_pixels)
            _check_data(page, file)
            deep = page.dtype is not None and page.dtype.itemsize >= 2
            direct = deep and page.photometric in _CHANNELS
            decoded = _read_deep(page, file) if direct else _read_shallow(page, file, tiff)
            yield replace(decoded, metadata=read_tiff_metadata(file, index))


def largest_page(file: BinaryIO) -> tuple[int, int]:
    """Width and height of the page with the most pixels, as the file claims, without reading any.

    Raises:
        PhotoError: there is no page.
        Exception: whatever tifffile raises at damaged data.
    """
    import tifffile

    with tifffile.TiffFile(file) as tiff:
        sizes = [(page.imagewidth, page.imagelength) for _, page in _pages(tiff)]
    if not sizes:
        raise PhotoError("damaged TIFF data: no page")
    return max(sizes, key=lambda size: size[0] * size[1])


def _pages(tiff: Any) -> Iterator[tuple[int, Any]]:
    """The pages that are photographs, with their places in the file."""
    seen = set()
    for index, page in enumerate(tiff.pages):
        if page.offset in seen:  # a directory that names an earlier one as the next
            return
        seen.add(page.offset)
        _check_numbers(page)
        if index == 0 or not page.subfiletype & _REDUCED_OR_MASK:
            yield index, page


def _check_numbers(page: Any) -> None:
    """Refuse texts and lists in place of numbers: products of them would fill the memory."""
    names = "imagewidth imagelength imagedepth samplesperpixel bitspersample planarconfig"
    names += " photometric compression subfiletype tilewidth tilelength tiledepth"
    for name in names.split():
        if not isinstance(getattr(page, name), int):
            raise PhotoError(f"damaged TIFF data: {name} is not one integer")


def _check_data(page: Any, file: BinaryIO) -> None:
    """Refuse a page whose pixels aren't all there: uncompressed, no decoder would notice.

    And one of tiles that are much larger than the page.
    """
    end = file.seek(0, io.SEEK_END)
    if any(o + size > end for o, size in zip(page.dataoffsets, page.databytecounts)):
        raise PhotoError(TRUNCATED)
    tile = page.tilewidth * page.tilelength * page.tiledepth
    if tile > max(_LARGEST_TILE, 2 * page.imagewidth * page.imagelength):
        raise PhotoError(f"damaged TIFF data: tiles of {page.tilewidth} x {page.tilelength}")
    # YCbCr may hold fewer numbers than pixels.
    packed = page.compression != _UNCOMPRESSED or page.photometric == _YCBCR
    bits = page.imagewidth * page.samplesperpixel * page.bitspersample
    if not packed and sum(page.databytecounts) < -(-bits // 8) * page.imagelength:
        raise PhotoError("truncated: the file holds fewer pixels than the picture should have")


# -- 16 bits or more --------------------------------------------------------------------------


def _read_deep(page: Any, file: BinaryIO) -> Decoded:
    _check_deep(page)
    samples, channels = page.samplesperpixel, _CHANNELS[page.photometric]
    array = page.asarray() if page.compression == _UNCOMPRESSED else read_packed(page, file)
    if samples > 1 and page.planarconfig == 2:
        array = np.moveaxis(array.reshape(samples, page.imagelength, page.imagewidth), 0, -1)
    array = array.reshape(page.imagelength, page.imagewidth, samples)
    # Of extra channels, only opacity means something here.
    kind = next(iter(page.extrasamples), None) if samples > channels else None
    with_alpha = kind in (_ASSOCIATED, _UNASSOCIATED)
    array = array[..., : channels + with_alpha]
    if array.dtype != np.uint16:
        array = to_integers(array, WHITE)
    elif page.bitspersample < 16:
        largest = (1 << page.bitspersample) - 1
        array = ((array.astype(np.uint32) * WHITE + largest // 2) // largest).astype(np.uint16)

    def strip(top: int, bottom: int) -> np.ndarray:
        part = array[top:bottom]
        if kind == _ASSOCIATED:
            part = _divide_by_alpha(part)
        if page.photometric == _WHITE_IS_ZERO:
            part = np.concatenate([WHITE - part[..., :1], part[..., 1:]], axis=-1)
        return part

    icc = page.tags.valueof(TiffImagePlugin.ICCPROFILE)
    orientation = page.tags.valueof(Tag.Orientation)
    turn = TURN.get(orientation) if isinstance(orientation, int) else None
    return Decoded((page.imagewidth, page.imagelength), strip, channels, 16, icc, turn)


def _check_deep(page: Any) -> None:
    """Refuse what tifffile would read wrongly, or with memory that the picture doesn't need."""
    if page.compression not in _LOSSLESS:
        raise PhotoError(
            f"16-bit TIFF with compression {int(page.compression)}, of which only none, LZW, "
            f"deflate, packbits and zstd are read; save it with one of them"
        )
    if page.compression != _UNCOMPRESSED and page.bitspersample != 8 * page.dtype.itemsize:
        raise PhotoError(f"compressed TIFF of {page.bitspersample} bits; save it uncompressed")
    channels = _CHANNELS[page.photometric]
    if page.dtype.kind not in "uif" or page.imagedepth != 1:
        raise PhotoError("not a photograph: its TIFF page holds volumes or complex numbers")
    if not channels <= page.samplesperpixel <= _MOST_SAMPLES:
        raise PhotoError(
            f"expected a TIFF page of {channels} to {_MOST_SAMPLES} channels, found "
            f"{page.samplesperpixel}"
        )
    # Of what isn't there, tifffile makes black, or whatever lay in the memory.
    count = int(np.prod(page.chunked))
    if not len(page.dataoffsets) == len(page.databytecounts) == count or 0 in page.databytecounts:
        raise PhotoError("truncated: the file holds fewer parts than the picture should have")


def _divide_by_alpha(strip: np.ndarray) -> np.ndarray:
    """Colors that were multiplied by their opacity, the last channel, as they were before."""
    colors, alpha = strip[..., :-1].astype(np.uint32), strip[..., -1:].astype(np.uint32)
    divisor = np.maximum(alpha, 1)
    divided = np.minimum((colors * WHITE + divisor // 2) // divisor, WHITE)
    return np.concatenate([divided, alpha], axis=-1).astype(np.uint16)


# -- 8 bits or fewer, and color spaces that Pillow converts -------------------------------------


def _read_shallow(page: Any, file: BinaryIO, tiff: Any) -> Decoded:
    try:
        image = TiffImagePlugin.TiffImageFile(cast(BinaryIO, _FromPage(file, page, tiff)))
    except SyntaxError as error:
        raise PhotoError(
            f"a kind of TIFF that is not read: {page.samplesperpixel} x {page.bitspersample} bits, "
            f"photometric {int(page.photometric)}, compression {int(page.compression)}"
        ) from error
    # Memory that is there already isn't measured by Pillow's own limit.
    image.im = Image.new(image.mode, (page.imagewidth, page.imagelength)).im
    image.load()  # which turns it upright
    return from_pillow(image, image.info.get("icc_profile"), None)


class _FromPage(io.RawIOBase):
    """A TIFF that begins with another of its pages: Pillow would read all before it each time."""

    def __init__(self, file: BinaryIO, page: Any, tiff: Any) -> None:
        self._file = file
        file.seek(0)
        order = tiff.byteorder
        if tiff.is_bigtiff:
            self._head = file.read(8) + struct.pack(f"{order}Q", page.offset)
        else:
            self._head = file.read(4) + struct.pack(f"{order}I", page.offset)
        file.seek(0)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._file.fileno()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def read(self, size: int | None = -1) -> bytes:
        place = self._file.tell()
        data = self._file.read(-1 if size is None else size)
        return self._head[place : place + len(data)] + data[max(0, len(self._head) - place) :]
