"""JPEG 2000: its head and its colors, of which imagecodecs decodes the numbers.

Formats: the codestream (ITU-T T.800, annex A) and the boxes around it (annex I; T.801, annex M).
"""

from dataclasses import dataclass

import numpy as np

from keras_colorize.errors import PhotoError
from keras_colorize.metadata.boxes import boxes, find_box
from keras_colorize.photos.pixels import scale_bits, scale_signed

__all__ = ["Jpeg2000Head", "decode_jpeg2000", "read_jpeg2000_head"]

# The codestream begins with two markers, of which the second, SIZ, tells sizes.
_CODESTREAM = b"\xff\x4f\xff\x51"
# Color spaces that are read, by number; others by their names (T.801, table M.25).
_SRGB, _GRAY, _SYCC, _CMYK = 16, 17, 18, 12
_OTHERS = {0: "bilevel, 0 is white", 13: "YCCK", 14: "CIELab", 19: "CIEJab", 20: "e-sRGB"}
_OTHERS |= {21: "ROMM-RGB", 24: "e-sYCC", 25: "e-sRGB of Exif"}
_METHOD_NUMBER, _METHOD_PROFILES = 1, (2, 3)
_MOST_CHANNELS = 5  # of inks, with opacity


@dataclass(frozen=True)
class Jpeg2000Head:
    """What is said before the numbers come.

    Attributes:
        size: width and height.
        bits: of a number.
        signed: whether half of the numbers are below zero.
        inks: whether its colors are those of four inks.
        icc: the color profile.
    """

    size: tuple[int, int]
    bits: int
    signed: bool
    inks: bool
    icc: bytes | None


def read_jpeg2000_head(data: bytes) -> Jpeg2000Head:
    """Read the head.

    Args:
        data: the file.

    Raises:
        PhotoError: its colors are of a kind that is not read.
        Exception: whatever comes of damaged data.
    """
    stream = _codestream(data)
    right, bottom, left, top = (int.from_bytes(stream[i : i + 4], "big") for i in (8, 12, 16, 20))
    depths = stream[42 : 42 + 3 * int.from_bytes(stream[40:42], "big") : 3]
    number, icc = _colors(data)
    if len(depths) > _MOST_CHANNELS:
        raise PhotoError(f"not a photograph: its JPEG 2000 holds {len(depths)} channels")
    if len(set(depths)) > 1:
        named = ", ".join(str((depth & 0x7F) + 1) for depth in depths)
        raise PhotoError(f"a kind of JPEG 2000 that is not read: channels of {named} bits")
    if number not in (None, _SRGB, _GRAY, _SYCC, _CMYK):
        named = _OTHERS.get(number, f"of number {number}")
        raise PhotoError(f"a kind of JPEG 2000 that is not read: its color space is {named}")
    inks = number == _CMYK or (icc is not None and icc[16:20] == b"CMYK")
    return Jpeg2000Head(
        (right - left, bottom - top), (depths[0] & 0x7F) + 1, depths[0] >= 0x80, inks, icc
    )


def _colors(data: bytes) -> tuple[int | None, bytes | None]:
    """The number of the color space, or a profile, of the first box that has either."""
    header = find_box(data, b"jp2h") or b""
    for kind, begin, end in boxes(header):
        method = header[begin] if kind == b"colr" and begin < end else 0
        if method == _METHOD_NUMBER:
            return int.from_bytes(header[begin + 3 : begin + 7], "big"), None
        if method in _METHOD_PROFILES:
            # Beside a palette the decoder converts colors itself.
            return None, None if find_box(header, b"pclr") else header[begin + 3 : end]
    return None, None


def decode_jpeg2000(data: bytes, head: Jpeg2000Head) -> tuple[np.ndarray, tuple[str, ...]]:
    """Pixels, uint8 or uint16 ``(H, W)`` or ``(H, W, C)``, and notes of what was done to them.

    YCbCr becomes RGB; of four inks, 0 is none.

    Raises:
        Exception: whatever the decoder raises at damaged data.
    """
    import imagecodecs

    if head.icc is not None:
        # Its decoder would apply the profile, to gray of 16 bits wrongly (imagecodecs 2026.1).
        data = _codestream(data)
    array = imagecodecs.jpeg2k_decode(data)
    if head.signed:
        return scale_signed(array, head.bits)
    return scale_bits(array, head.bits), ()


def _codestream(data: bytes) -> bytes:
    """From the marker that begins it."""
    found = data if data.startswith(_CODESTREAM) else find_box(data, b"jp2c")
    if found is None or not found.startswith(_CODESTREAM):
        raise PhotoError("damaged JPEG2000 data: it holds no picture")
    return found
