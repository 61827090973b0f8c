"""The numbers of a TIFF page as they are stored.

libtiff, in imagecodecs, unpacks what is compressed, each page as a file of its own in memory, so
that it sees nothing else. tifffile reads the numbers that are not compressed, and those that need
codecs that libtiff lacks.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

__all__ = [
    "BLACK_IS_ZERO",
    "CMYK",
    "FAX",
    "JPEG",
    "LIBTIFFS",
    "TIFFFILES",
    "UNCOMPRESSED",
    "YCBCR",
    "Samples",
    "TiffDecoder",
    "read_samples",
]

#: The first page of a file of 8-bit gray or RGB, uncompressed, to uint8 ``(H, W, 4)``; ``None``
#: where it refuses the file.
TiffDecoder = Callable[[bytes], np.ndarray | None]

#: Of the tag PhotometricInterpretation (TIFF 6.0, sections 3, 16 and 21).
BLACK_IS_ZERO, CMYK, YCBCR = 1, 5, 6
#: Of the tag Compression, here and in TIFF 6.0, Adobe's notes and libtiff's tiff.h.
UNCOMPRESSED, JPEG = 1, 7
FAX = (2, 3, 4)
#: LZW, JPEG, deflate (twice), packbits, LERC, LZMA, Zstandard, WebP.
LIBTIFFS = (5, JPEG, 8, 32946, 32773, 34887, 34925, 50000, 50001)
#: JPEG 2000 (four times), PNG, JPEG XL (twice).
TIFFFILES = (33003, 33004, 33005, 34712, 34933, 50002, 52546)

# What libtiff needs to unpack a page: all but where the parts lie and how the page is turned.
_WIDTH, _LENGTH, _BITS, _PHOTOMETRIC, _TILE_WIDTH = 256, 257, 258, 262, 322
_NEEDED: tuple[int, ...] = (
    *(_WIDTH, _LENGTH, _BITS, 259, _PHOTOMETRIC, 266, 277, 278, 284, 292, 293, 317, 320),
    *(_TILE_WIDTH, 323, 338, 339, 347, 529, 530, 531, 532, 50674),
)
_LONG8 = 16


@dataclass(frozen=True)
class Samples:
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


def read_samples(page: Any, file: BinaryIO, decoder: TiffDecoder | None) -> Samples:
    """Unpack a page.

    Args:
        page: tifffile's; what it claims has been checked.
        file: the whole file.
        decoder: of what it knows.

    Raises:
        Exception: whatever decoders raise at damaged data.
    """
    file.seek(0)
    known = None if decoder is None else decoder(file.read())
    if known is not None:
        return Samples(known[..., : page.samplesperpixel], page)
    height, width, samples = page.imagelength, page.imagewidth, page.samplesperpixel
    if page.photometric == YCBCR and page.bitspersample == 8:
        return Samples(_unpack(_alone(page, file)).reshape(height, width, 3), page, converted=True)
    if page.compression in FAX:
        # Into RGBA, of which only black and white are left. Damage to fax isn't found by libtiff.
        rgba = _unpack(_alone(page, file, {_PHOTOMETRIC: BLACK_IS_ZERO}), asrgb=True)
        return Samples(rgba[..., :1] >> 7, page)
    planes = samples > 1 and page.planarconfig == 2
    # Of planes of JPEG and of inks in it, imagecodecs gives something else.
    odd = page.compression == JPEG and (planes or page.photometric == CMYK)
    by_libtiff = page.compression in LIBTIFFS and not odd
    if not by_libtiff or page.bitspersample == 12:
        array = page.asarray()
    elif page.bitspersample < 8:
        array = _unpack_bits(page, file)
    else:
        # As gray: of inks, imagecodecs would make RGB.
        changes = {_PHOTOMETRIC: BLACK_IS_ZERO} if page.photometric == CMYK else None
        array = _unpack(_alone(page, file, changes))
    if planes:
        array = np.moveaxis(array.reshape(samples, height, width), 0, -1)
    return Samples(array.reshape(height, width, samples), page)


def _unpack(data: bytes, asrgb: bool = False) -> np.ndarray:
    import imagecodecs

    return imagecodecs.tiff_decode(data, asrgb=asrgb)


def _unpack_bits(page: Any, file: BinaryIO) -> np.ndarray:
    """Numbers of 1, 2 or 4 bits: libtiff unpacks them as bytes that hold several."""
    bits, height, width = page.bitspersample, page.imagelength, page.imagewidth
    as_bytes = {_WIDTH: -(-width * bits // 8), _BITS: 8, _PHOTOMETRIC: BLACK_IS_ZERO}
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
