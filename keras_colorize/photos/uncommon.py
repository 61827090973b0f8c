"""What Pillow doesn't read, or not at its full depth: JPEG 2000, JPEG XL, PNM, deep JPEG and AVIF.

imagecodecs decodes them whole. Sizes come from the headers, before anything is decoded: JPEG 2000
(ITU-T T.800, annex A.5.1), JPEG XL (ISO/IEC 18181-1, SizeHeader; 18181-2, boxes), PNM (Netpbm).
"""

import io
import re
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
from PIL import JpegImagePlugin

from keras_colorize.errors import PhotoError
from keras_colorize.metadata.pieces import pieces
from keras_colorize.photos.pixels import TRUNCATED, WHITE, to_integers

__all__ = [
    "avif_precision",
    "decode_deep_avif",
    "decode_uncommon",
    "jpeg2000_profile",
    "jpeg_precision",
    "open_deep_jpeg",
    "size_of_uncommon",
]

# Of a JPEG XL: width as a multiple of the height, by number (ISO/IEC 18181-1).
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
# The begin of a JPEG 2000's numbers, and the marker SIZ, which follows it.
_CODESTREAM = b"\xff\x4f\xff\x51"
_SPACE = rb"(?:\s|#[^\n]*\n)+"
_PNM = re.compile(_SPACE.join((rb"P([56])", rb"(\d+)", rb"(\d+)", rb"(\d+)\s")))
_PNM_HEAD = 4096  # bytes
_HEAD = 65536  # bytes, in which the boxes of an AVIF say how its pixels are coded


def size_of_uncommon(file: BinaryIO, format_: str) -> tuple[int, int]:
    """Width and height, from the header.

    Args:
        file: the file.
        format_: "JPEG2000", "JPEGXL" or "PNM"; the last of binary gray or RGB.

    Raises:
        Exception: whatever comes of damaged headers.
    """
    file.seek(0)
    if format_ == "JPEG2000":
        return _siz(file.read())[:2]
    if format_ == "JPEGXL":
        return _jpegxl_size(file.read())
    width, height, *_ = _pnm_head(file)
    return width, height


def decode_uncommon(file: BinaryIO, format_: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Pixels, uint8 or uint16 ``(H, W)`` or ``(H, W, C)``, and notes of what was done to them.

    Args:
        file: the file.
        format_: "JPEG2000", "JPEGXL", "PNM", or "JPEG" of other than 8 bits.

    Raises:
        Exception: whatever decoders raise at damaged data.
    """
    import imagecodecs

    if format_ == "PNM":
        return _read_pnm(file), ()
    file.seek(0)
    data = file.read()
    if format_ == "JPEGXL":
        # Turned upright by its decoder, and without a word of the profile.
        return to_integers(imagecodecs.jpegxl_decode(data, index=0))
    if format_ == "JPEG2000":
        bits = _siz(data)[2]
        if jpeg2000_profile(file) is not None:
            # Its decoder would apply the profile, to gray of 16 bits wrongly (imagecodecs 2026.1).
            data = data[data.index(_CODESTREAM) :]
        return _scale(imagecodecs.jpeg2k_decode(data), bits), ()
    if data.find(b"\xff\xd9", _scan(file)) < 0:  # its decoder makes gray of what is missing
        raise PhotoError(TRUNCATED)
    return _scale(imagecodecs.jpeg8_decode(data), jpeg_precision(file)), ()


def _scale(array: np.ndarray, bits: int) -> np.ndarray:
    """Numbers of so many bits to uint8 or uint16."""
    if array.dtype not in (np.uint8, np.uint16):
        raise PhotoError(f"a kind of picture that is not read: numbers of {array.dtype}")
    if bits == 8 * array.dtype.itemsize:
        return array
    white, largest = (255 if bits < 8 else WHITE), (1 << bits) - 1
    scaled = (array.astype(np.uint32) * white + largest // 2) // largest
    return scaled.astype(np.uint8 if bits < 8 else np.uint16)


# -- AVIF -----------------------------------------------------------------------------------------


def avif_precision(file: BinaryIO) -> int:
    """Bits a sample: 8, 10 or 12 (AV1 Codec ISO Media File Format Binding, section 2.3.3)."""
    file.seek(0)
    _, found, settings = file.read(_HEAD).partition(b"av1C")
    high, twelve = (settings[2] & 0x40, settings[2] & 0x20) if found and settings[2:] else (0, 0)
    return (12 if twelve else 10) if high else 8


def decode_deep_avif(file: BinaryIO) -> np.ndarray:
    """Pixels of more than 8 bits, not turned, of the first picture: uint16.

    Raises:
        Exception: whatever the decoder raises at damaged data.
    """
    import imagecodecs

    bits = avif_precision(file)
    file.seek(0)
    return _scale(imagecodecs.avif_decode(file.read(), index=0), bits)


# -- JPEG -----------------------------------------------------------------------------------------


def jpeg_precision(file: BinaryIO) -> int:
    """Bits a sample of a JPEG (ITU-T T.81, section B.2.2); 8 where there is no frame."""
    for kind, _ in pieces(file):
        if _is_frame(kind):
            return file.read(1)[0]
    return 8


def open_deep_jpeg(file: BinaryIO) -> JpegImagePlugin.JpegImageFile:
    """One of other than 8 bits in Pillow, for its size and its metadata, not for its pixels."""
    places = (file.tell() for kind, _ in pieces(file) if _is_frame(kind))
    place = next(places)
    file.seek(0)
    data = bytearray(file.read())
    data[place] = 8
    return JpegImagePlugin.JpegImageFile(io.BytesIO(data))


def _scan(file: BinaryIO) -> int:
    """Where the last piece begins, which the pixels follow."""
    return max((file.tell() for _ in pieces(file)), default=0)


def _is_frame(kind: bytes) -> bool:
    return 0xC0 <= kind[1] <= 0xCF and kind[1] not in (0xC4, 0xC8, 0xCC)


# -- JPEG 2000 ------------------------------------------------------------------------------------


def _siz(data: bytes) -> tuple[int, int, int]:
    """Width, height and bits of the first component."""
    at = data.index(_CODESTREAM) + 2
    right, bottom, left, top = (
        int.from_bytes(data[at + i : at + i + 4], "big") for i in (6, 10, 14, 18)
    )
    return right - left, bottom - top, (data[at + 40] & 0x7F) + 1


def jpeg2000_profile(file: BinaryIO) -> bytes | None:
    """The color profile of a JP2 file (ITU-T T.800, annex I.5.3.3: its method is 2).

    Not beside a palette, whose colors the decoder converts itself.
    """
    file.seek(0)
    head, _, _ = file.read().partition(_CODESTREAM)
    at = head.find(b"colr\2")
    if at < 4 or b"pclr" in head:
        return None
    return head[at + 7 : at - 4 + int.from_bytes(head[at - 4 : at], "big")]


# -- JPEG XL --------------------------------------------------------------------------------------


def _jpegxl_size(data: bytes) -> tuple[int, int]:
    bits = _bits(_codestream(data)[2:])

    def number(count: int) -> int:
        return sum(next(bits) << place for place in range(count))

    def side() -> int:
        return 1 + number((9, 13, 18, 30)[number(2)])

    small = number(1)
    height = 8 * (1 + number(5)) if small else side()
    ratio = number(3)
    if ratio:
        across, down = _RATIOS[ratio - 1]
        return height * across // down, height
    return (8 * (1 + number(5)) if small else side()), height


def _codestream(data: bytes) -> bytes:
    """Its beginning at least, from the file itself or the first box that holds some of it."""
    if data[:2] == b"\xff\x0a":
        return data
    at = 0
    while at + 8 <= len(data):
        size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        head = 8
        if size == 1:
            size, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        if kind in (b"jxlc", b"jxlp"):
            return data[at + head + (4 if kind == b"jxlp" else 0) :]
        if size < head:
            break
        at += size
    raise PhotoError("damaged JPEGXL data: it holds no picture")


def _bits(data: bytes) -> Iterator[int]:
    """From the lowest of each byte."""
    for byte in data[:16]:
        yield from ((byte >> place) & 1 for place in range(8))


# -- PNM ------------------------------------------------------------------------------------------


def _pnm_head(file: BinaryIO) -> tuple[int, int, int, int, int]:
    """Width, height, the number of white, channels, and where the numbers begin."""
    file.seek(0)
    match = _PNM.match(file.read(_PNM_HEAD))
    if match is None or not 0 < int(match[4]) <= WHITE:
        raise PhotoError("damaged PNM data: its header is none of P5 or P6")
    channels = 1 if match[1] == b"5" else 3
    width, height, white = (int(match[group]) for group in (2, 3, 4))
    return width, height, white, channels, match.end()


def _read_pnm(file: BinaryIO) -> np.ndarray:
    width, height, white, channels, start = _pnm_head(file)
    dtype = np.dtype(">u2" if white > 255 else "u1")
    count = width * height * channels
    file.seek(start)
    data = file.read(count * dtype.itemsize)
    if len(data) < count * dtype.itemsize:
        raise EOFError
    numbers = np.frombuffer(data, dtype, count).reshape(height, width, channels)
    if white in (255, WHITE):
        return numbers.astype(numbers.dtype.newbyteorder("="))
    goal = 255 if white < 255 else WHITE
    scaled = (np.minimum(numbers, white).astype(np.uint32) * goal + white // 2) // white
    return scaled.astype(np.uint8 if white < 255 else np.uint16)
