"""Every page of a TIFF at its full depth, as numbers.

tifffile reads the directories; libtiff, in imagecodecs, unpacks what is compressed, each page as a
file of its own in memory, so that it sees nothing else. tifffile reads the numbers that are not
compressed, and those that need codecs that libtiff lacks. What a page claims is checked before
anything allocates memory for it.
"""

import io
import logging
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, TiffImagePlugin
from PIL.ExifTags import Base as Tag

from keras_colorize.errors import PhotoError
from keras_colorize.metadata.reading import read_tiff_metadata
from keras_colorize.photos.decoded import Decoded
from keras_colorize.photos.formats import TURN
from keras_colorize.photos.pixels import (
    TRUNCATED,
    check_size,
    divide_by_alpha,
    scale_bits,
    to_integers,
)
from keras_colorize.photos.profiles import lab_to_srgb

__all__ = ["TiffDecoder", "largest_page", "read_tiff_pages"]

#: The first page of a file of 8-bit gray or RGB, uncompressed, to uint8 ``(H, W, 4)``; ``None``
#: where it refuses the file.
TiffDecoder = Callable[[bytes], np.ndarray | None]

# Values of the tag PhotometricInterpretation (TIFF 6.0, sections 3 to 6, 16, 21 and 23; the last is
# Adobe's), and the channels of each.
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE = 0, 1, 2, 3
_CMYK, _YCBCR, _CIELAB, _ICCLAB = 5, 6, 8, 9
_CHANNELS = {_WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1, _RGB: 3, _PALETTE: 1, _CMYK: 4}
_CHANNELS |= {_YCBCR: 3, _CIELAB: 3, _ICCLAB: 3}
# Of the tag Compression, here and in TIFF 6.0, Adobe's notes and libtiff's tiff.h.
_UNCOMPRESSED, _JPEG = 1, 7
_FAX = (2, 3, 4)
# LZW, JPEG, deflate (twice), packbits, LERC, LZMA, Zstandard, WebP.
_LIBTIFFS = (5, _JPEG, 8, 32946, 32773, 34887, 34925, 50000, 50001)
# JPEG 2000 (four times), PNG, JPEG XL (twice).
_TIFFFILES = (33003, 33004, 33005, 34712, 34933, 50002, 52546)
_ASSOCIATED, _UNASSOCIATED = 1, 2  # of the tag ExtraSamples
_REDUCED_OR_MASK = 0b101  # of the tag NewSubfileType
_DNG_VERSION = 50706  # a tag (Adobe, Digital Negative Specification 1.7)

_MOST_SAMPLES = 8  # a pixel: no photograph has more, a forged file has 65535
_LARGEST_TILE = 1 << 24  # pixels, where the picture itself is smaller

# What libtiff needs to unpack a page: all but where the parts lie and how the page is turned.
_WIDTH, _LENGTH, _BITS, _PHOTOMETRIC, _TILE_WIDTH = 256, 257, 258, 262, 322
_NEEDED: tuple[int, ...] = (
    _WIDTH,
    _LENGTH,
    _BITS,
    259,
    _PHOTOMETRIC,
    266,
    277,
    278,
    284,
    292,
    293,
    317,
    320,
)
_NEEDED += (_TILE_WIDTH, 323, 338, 339, 347, 529, 530, 531, 532, 50674)
_LONG8 = 16

# tifffile reports there what is wrong with a file, and `logging` prints what nobody listens to.
for _name in ("tifffile", "imagecodecs"):
    logging.getLogger(_name).addHandler(logging.NullHandler())


def read_tiff_pages(
    file: BinaryIO, max_pixels: int, decoder: TiffDecoder | None = None
) -> Iterator[Decoded]:
    """The pages, one after the other, without reduced copies and transparency masks.

    Args:
        file: a TIFF or BigTIFF.
        max_pixels: refuse a page with more, before it is decoded.
        decoder: of what it knows; it has to give the same pixels as the reader here.

    Raises:
        PhotoError: there is no page, one has more pixels than ``max_pixels``, or it is of a kind
            that isn't read.
        Exception: whatever decoders raise at damaged data.
    """
    import tifffile

    with tifffile.TiffFile(file) as tiff:
        for index, page in _pages(tiff):
            check_size(page.imagewidth, page.imagelength, max_pixels)
            _check_kind(page)
            _check_data(page, file)
            raw = index == 0 and _DNG_VERSION in tiff.pages.first.tags
            known = decoder if index == 0 and not raw and _is_plain(page) else None
            decoded = _decode(_read_samples(page, file, known))
            if raw:
                note = f"raw: its preview of {page.imagewidth} x {page.imagelength} is colored"
                notes, turn = (note, *decoded.notes), _turn(tiff.pages.first)
                decoded = replace(decoded, notes=notes, turn=turn)
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
    return max(sizes, key=lambda size: size[0] * size[1])


def _pages(tiff: Any) -> Iterator[tuple[int, Any]]:
    """The pages that are photographs, with their places in the file; at least one."""
    seen: set[int] = set()
    for index, page in enumerate(tiff.pages):
        if page.offset in seen:  # a directory that names an earlier one as the next
            break
        seen.add(page.offset)
        _check_numbers(page)
        if index == 0 and _DNG_VERSION in page.tags:
            yield index, _largest_preview(page)
        elif index == 0 or not page.subfiletype & _REDUCED_OR_MASK:
            yield index, page
    if not seen:
        raise PhotoError("holds no picture: a TIFF without a page, or one that is truncated")


def _largest_preview(page: Any) -> Any:
    """Of a raw photograph (DNG): what its camera or program made of it, not the raw numbers."""
    pages = [page, *(page.pages or ())]
    for found in pages:
        _check_numbers(found)
    developed = [found for found in pages if found.photometric in _CHANNELS]
    if not developed:
        raise PhotoError("a raw photograph without a preview; develop it into a TIFF")
    return max(developed, key=lambda found: found.imagewidth * found.imagelength)


# -- what a page claims -------------------------------------------------------------------------


def _check_numbers(page: Any) -> None:
    """Refuse texts and lists in place of numbers: products of them would fill the memory."""
    names = "imagewidth imagelength imagedepth samplesperpixel planarconfig"
    names += " photometric compression subfiletype tilewidth tilelength tiledepth"
    for name in names.split():
        if not isinstance(getattr(page, name), int):
            raise PhotoError(f"damaged TIFF data: {name} is not one integer")


def _check_kind(page: Any) -> None:
    """Refuse what would be read wrongly, or with memory that the picture doesn't need."""
    bits, samples, dtype = page.bitspersample, page.samplesperpixel, page.dtype
    if page.imagedepth != 1 or (dtype is not None and dtype.kind == "c"):
        raise PhotoError("not a photograph: its TIFF page holds volumes or complex numbers")
    if not _is_known(page):
        sign = {"i": "signed, ", "f": "float, "}.get("" if dtype is None else dtype.kind, "")
        raise PhotoError(
            f"a kind of TIFF that is not read: {samples} x {bits} bits, {sign}"
            f"photometric {int(page.photometric)}, compression {int(page.compression)}"
        )
    channels = _CHANNELS[page.photometric]
    if not channels <= samples <= _MOST_SAMPLES:
        raise PhotoError(
            f"expected a TIFF page of {channels} to {_MOST_SAMPLES} channels, found {samples}"
        )


def _is_known(page: Any) -> bool:
    """Whether its compression, its colors and its numbers go together as they are read here."""
    bits, samples, dtype = page.bitspersample, page.samplesperpixel, page.dtype
    photometric, compression = page.photometric, page.compression
    codecs = (_UNCOMPRESSED, *_LIBTIFFS, *_TIFFFILES, *(_FAX if bits == samples == 1 else ()))
    if photometric not in _CHANNELS or compression not in codecs:
        return False
    if dtype is None or dtype.kind not in "buif" or not isinstance(bits, int):
        return False
    if photometric == _YCBCR and (compression in _TIFFFILES or bits != 8):
        return False
    if bits == 12:
        return compression in (_UNCOMPRESSED, _JPEG)
    if photometric in (_CIELAB, _ICCLAB):
        return dtype in (np.uint8, np.uint16)
    if photometric == _PALETTE:
        return bits <= 8 and samples == 1
    return bits % 8 == 0 or (bits in (1, 2, 4) and samples == 1)


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
    # Of what isn't there, tifffile makes black, or whatever lay in the memory.
    parts = int(np.prod(page.chunked))
    if not len(page.dataoffsets) == len(page.databytecounts) == parts or 0 in page.databytecounts:
        raise PhotoError("truncated: the file holds fewer parts than the picture should have")
    # YCbCr may hold fewer numbers than pixels.
    packed = page.compression != _UNCOMPRESSED or page.photometric == _YCBCR
    bits = page.imagewidth * page.samplesperpixel * page.bitspersample
    if not packed and sum(page.databytecounts) < -(-bits // 8) * page.imagelength:
        raise PhotoError("truncated: the file holds fewer pixels than the picture should have")


def _is_plain(page: Any) -> bool:
    """Whether a page is what a :data:`TiffDecoder` knows, and proves to be whole."""
    return (
        page.compression == _UNCOMPRESSED
        and page.dtype == np.uint8
        and page.bitspersample == 8
        and page.photometric in (_BLACK_IS_ZERO, _RGB)
        and page.samplesperpixel == _CHANNELS[page.photometric]
        and page.tags.valueof(Tag.Orientation, default=1) == 1
    )


# -- numbers as they are stored -----------------------------------------------------------------


@dataclass(frozen=True)
class _Samples:
    """The numbers of a page.

    Attributes:
        array: as they are stored, ``(H, W, samples)``; those of less than 8 bits in one byte each,
            YCbCr already in RGB.
        page: tifffile's.
        converted: whether the array is RGB where the page isn't.
    """

    array: np.ndarray
    page: Any
    converted: bool = False


def _read_samples(page: Any, file: BinaryIO, decoder: TiffDecoder | None) -> _Samples:
    file.seek(0)
    known = None if decoder is None else decoder(file.read())
    if known is not None:
        return _Samples(known[..., : page.samplesperpixel], page)
    height, width, samples = page.imagelength, page.imagewidth, page.samplesperpixel
    if page.photometric == _YCBCR and page.bitspersample == 8:
        return _Samples(_unpack(_alone(page, file)).reshape(height, width, 3), page, converted=True)
    if page.compression in _FAX:
        # Into RGBA, of which only black and white are left. Damage to fax isn't found by libtiff.
        rgba = _unpack(_alone(page, file, {_PHOTOMETRIC: _BLACK_IS_ZERO}), asrgb=True)
        return _Samples(rgba[..., :1] >> 7, page)
    if page.compression not in _LIBTIFFS or page.bitspersample == 12:
        array = page.asarray()
    elif page.bitspersample < 8:
        array = _unpack_bits(page, file)
    else:
        array = _unpack(_alone(page, file))
    if samples > 1 and page.planarconfig == 2:
        array = np.moveaxis(array.reshape(samples, height, width), 0, -1)
    return _Samples(array.reshape(height, width, samples), page)


def _unpack(data: bytes, asrgb: bool = False) -> np.ndarray:
    import imagecodecs

    return imagecodecs.tiff_decode(data, asrgb=asrgb)


def _unpack_bits(page: Any, file: BinaryIO) -> np.ndarray:
    """Numbers of 1, 2 or 4 bits: libtiff unpacks them as bytes that hold several."""
    bits, height, width = page.bitspersample, page.imagelength, page.imagewidth
    as_bytes = {_WIDTH: -(-width * bits // 8), _BITS: 8, _PHOTOMETRIC: _BLACK_IS_ZERO}
    if page.is_tiled:
        as_bytes[_TILE_WIDTH] = page.tilewidth * bits // 8
    packed = _unpack(_alone(page, file, as_bytes)).reshape(height, -1)
    planes = np.unpackbits(packed, axis=1)[:, : width * bits].reshape(height, width, bits)
    places = (1 << np.arange(bits)[::-1]).astype(np.uint8)
    return (planes * places).sum(axis=-1, dtype=np.uint8)


def _alone(page: Any, file: BinaryIO, changes: dict[int, int] | None = None) -> bytes:
    """A page as a BigTIFF of its own, not turned; with other values of some tags."""
    order = page.parent.byteorder
    entries: dict[int, tuple[int, int, bytes]] = {}
    for tag in page.tags:
        if tag.code in _NEEDED:
            file.seek(tag.valueoffset)
            entries[tag.code] = (int(tag.dtype), tag.count, file.read(tag.valuebytecount))
    for code, number in (changes or {}).items():
        entries[code] = (_LONG8, 1, struct.pack(f"{order}Q", number))
    lengths = list(page.databytecounts)
    codes = (324, 325) if page.is_tiled else (273, 279)
    # The parts come right behind the head, the directory and what doesn't fit into its entries.
    directory = 16 + 8 + 20 * (len(entries) + 2) + 8
    behind = sum(len(data) for *_, data in entries.values() if len(data) > 8)
    behind += 2 * 8 * len(lengths) if len(lengths) > 1 else 0
    starts = np.cumsum([directory + behind, *lengths[:-1]]).tolist()
    for code, numbers in zip(codes, (starts, lengths)):
        entries[code] = (_LONG8, len(numbers), struct.pack(f"{order}{len(numbers)}Q", *numbers))
    mark = b"II" if order == "<" else b"MM"
    head = struct.pack(f"{order}2sHHHQQ", mark, 43, 8, 0, 16, len(entries))
    tail = b""
    for code, (type_, count, data) in sorted(entries.items()):
        value = data.ljust(8, b"\0")
        if len(data) > 8:
            value = struct.pack(f"{order}Q", directory + len(tail))
            tail += data
        head += struct.pack(f"{order}HHQ", code, type_, count) + value
    parts = [head, bytes(8), tail]
    for start, length in zip(page.dataoffsets, lengths):
        file.seek(start)
        parts.append(file.read(length))
    return b"".join(parts)


# -- from numbers to pixels ---------------------------------------------------------------------


def _decode(samples: _Samples) -> Decoded:
    array, page = samples.array, samples.page
    channels = 3 if samples.converted else _CHANNELS[page.photometric]
    # Of extra channels, only opacity counts.
    kind = next(iter(page.extrasamples), None) if array.shape[2] > channels else None
    with_alpha = kind in (_ASSOCIATED, _UNASSOCIATED)
    array = array[..., : channels + with_alpha]
    notes: tuple[str, ...] = ()
    if page.photometric == _PALETTE:
        array, channels = _look_up(array[..., 0], page), 3
    elif page.bitspersample % 8:
        array = scale_bits(array, page.bitspersample)
    elif page.photometric not in (_CIELAB, _ICCLAB):
        array, notes = to_integers(array)
    convert = _converter(page.photometric, kind, array.dtype)
    icc = page.tags.valueof(TiffImagePlugin.ICCPROFILE)
    return Decoded(
        size=(page.imagewidth, page.imagelength),
        strip=lambda top, bottom: convert(array[top:bottom]),
        channels=channels,
        depth=8 if array.dtype == np.uint8 else 16,
        # What Lab means is known without a profile.
        icc=None if page.photometric in (_CIELAB, _ICCLAB) else icc,
        turn=_turn(page),
        notes=notes,
    )


def _turn(page: Any) -> Image.Transpose | None:
    orientation = page.tags.valueof(Tag.Orientation)
    return TURN.get(orientation) if isinstance(orientation, int) else None


def _look_up(indices: np.ndarray, page: Any) -> np.ndarray:
    """Of 16 bits, programs fill the higher 8, the lower with anything; some fill only the lower."""
    palette = np.asarray(page.colormap).T  # (colors, 3)
    palette = palette >> 8 if palette.max() > 255 else palette
    return palette.astype(np.uint8)[indices]


def _converter(
    photometric: int, extra: int | None, dtype: np.dtype
) -> Callable[[np.ndarray], np.ndarray]:
    """From pixels as they are stored to gray, RGB or CMYK, with alpha that is apart from them."""

    def convert(strip: np.ndarray) -> np.ndarray:
        if photometric in (_CIELAB, _ICCLAB):
            return lab_to_srgb(strip[..., :3], signed=photometric == _CIELAB)
        if extra == _ASSOCIATED:
            strip = divide_by_alpha(strip)
        if photometric == _WHITE_IS_ZERO:
            white = np.iinfo(dtype).max
            strip = np.concatenate([white - strip[..., :1], strip[..., 1:]], axis=-1)
        return strip

    return convert
