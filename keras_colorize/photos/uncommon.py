"""PNM, and what Pillow doesn't read at its full depth: JPEG of other than 8 bits, deep AVIF.

imagecodecs decodes the latter whole. Sizes come from the headers, before anything is decoded.
"""

import io
import re
from typing import BinaryIO

import numpy as np
from PIL import JpegImagePlugin

from keras_colorize.errors import PhotoError
from keras_colorize.metadata.pieces import is_frame, pieces
from keras_colorize.photos.pixels import TRUNCATED, WHITE, scale_bits

__all__ = [
    "avif_precision",
    "decode_deep_avif",
    "decode_deep_heic",
    "decode_deep_jpeg",
    "decode_pnm",
    "is_lossless_jpeg",
    "jpeg_precision",
    "open_deep_jpeg",
    "pnm_size",
    "unread_tones",
]

_SPACE = rb"(?:\s|#[^\n]*\n)+"
_PNM = re.compile(_SPACE.join((rb"P([56])", rb"(\d+)", rb"(\d+)", rb"(\d+)\s")))
_PNM_HEAD = 4096  # bytes
# By the second byte of a marker (ITU-T T.81, table B.1; T.87, section C.1.1).
_OTHER_JPEGS = dict.fromkeys((0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF), "hierarchical")
_OTHER_JPEGS |= {0xCB: "lossless, arithmetic coding", 0xF7: "JPEG-LS"}
_TONES = {16: "PQ", 18: "HLG"}
_HEAD = 65536  # bytes, in which the boxes of an AVIF or HEIC say how its pixels are coded


# -- AVIF and HEIC --------------------------------------------------------------------------------


def avif_precision(file: BinaryIO) -> int:
    """Bits a sample: 8, 10 or 12 (AV1 Codec ISO Media File Format Binding, section 2.3.3)."""
    file.seek(0)
    _, found, settings = file.read(_HEAD).partition(b"av1C")
    high, twelve = (settings[2] & 0x40, settings[2] & 0x20) if found and settings[2:] else (0, 0)
    return (12 if twelve else 10) if high else 8


def unread_tones(file: BinaryIO) -> tuple[str, ...]:
    """A note where an AVIF or HEIC names tones of high dynamic range (ITU-T H.273, table 3)."""
    file.seek(0)
    _, _, colors = file.read(_HEAD).partition(b"colrnclx")
    name = _TONES.get(int.from_bytes(colors[2:4], "big"))
    return () if name is None else (f"its {name} tones are not read; they were taken for sRGB's",)


def decode_deep_avif(file: BinaryIO) -> np.ndarray:
    """Pixels of more than 8 bits, not turned, of the first picture: uint16.

    Raises:
        Exception: whatever the decoder raises at damaged data.
    """
    import imagecodecs

    bits = avif_precision(file)
    file.seek(0)
    return scale_bits(imagecodecs.avif_decode(file.read(), index=0), bits)


def decode_deep_heic(file: BinaryIO, bits: int) -> np.ndarray:
    """Pixels of more than 8 bits, upright, of the main picture: uint16, in color or gray.

    Args:
        file: as it is opened.
        bits: a sample.

    Raises:
        Exception: whatever the decoder raises at damaged data.
    """
    from pillow_heif import open_heif

    file.seek(0)
    picture = open_heif(file, convert_hdr_to_8bit=False)
    shifted = np.asarray(picture)  # to the upper bits of 16
    return scale_bits(shifted >> (16 - bits), bits)


# -- JPEG -----------------------------------------------------------------------------------------


def jpeg_precision(file: BinaryIO) -> int:
    """Bits a sample of a JPEG (ITU-T T.81, section B.2.2); 8 where there is no frame.

    Raises:
        PhotoError: it is of a kind that isn't read.
    """
    for kind, _ in pieces(file):
        if name := _OTHER_JPEGS.get(kind[1]):
            raise PhotoError(f"a kind of JPEG that is not read: {name}")
        if is_frame(kind[1]):
            return file.read(1)[0]
    return 8


def is_lossless_jpeg(file: BinaryIO) -> bool:
    """Whether a JPEG is coded without a cosine transform (ITU-T T.81, annex H)."""
    return any(kind == b"\xff\xc3" for kind, _ in pieces(file))


def open_deep_jpeg(file: BinaryIO) -> JpegImagePlugin.JpegImageFile:
    """One of other than 8 bits in Pillow, for its size and its metadata, not for its pixels."""
    places = (file.tell() for kind, _ in pieces(file) if is_frame(kind[1]))
    place = next(places)
    file.seek(0)
    data = bytearray(file.read())
    data[place] = 8
    return JpegImagePlugin.JpegImageFile(io.BytesIO(data))


def decode_deep_jpeg(file: BinaryIO) -> np.ndarray:
    """Pixels of a JPEG of other than 8 bits, not turned: uint8 or uint16.

    Raises:
        Exception: whatever the decoder raises at damaged data.
    """
    import imagecodecs

    file.seek(0)
    data = file.read()
    if data.find(b"\xff\xd9", _scan(file)) < 0:  # its decoder makes gray of what is missing
        raise PhotoError(TRUNCATED)
    return scale_bits(imagecodecs.jpeg8_decode(data), jpeg_precision(file))


def _scan(file: BinaryIO) -> int:
    """Where the last piece begins, which the pixels follow."""
    return max((file.tell() for _ in pieces(file)), default=0)


# -- PNM ------------------------------------------------------------------------------------------


def pnm_size(file: BinaryIO) -> tuple[int, int]:
    """Width and height of binary gray or RGB.

    Raises:
        PhotoError: its header is damaged.
    """
    width, height, *_ = _pnm_head(file)
    return width, height


def _pnm_head(file: BinaryIO) -> tuple[int, int, int, int, int]:
    """Width, height, the number of white, channels, and where the numbers begin."""
    file.seek(0)
    match = _PNM.match(file.read(_PNM_HEAD))
    if match is None or not 0 < int(match[4]) <= WHITE:
        raise PhotoError("damaged PNM data: its header is none of P5 or P6")
    channels = 1 if match[1] == b"5" else 3
    width, height, white = (int(match[group]) for group in (2, 3, 4))
    return width, height, white, channels, match.end()


def decode_pnm(file: BinaryIO) -> np.ndarray:
    """Pixels of binary gray or RGB: uint8 or uint16 ``(H, W, C)``.

    Raises:
        PhotoError: its header is damaged.
        EOFError: the file ends too early.
    """
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
