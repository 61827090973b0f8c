"""The flattened picture of a PSD of 16 bits, which Pillow doesn't read; and what its alpha means.

Format: Adobe Photoshop File Formats Specification, "File header section" to "Image data section".
"""

import io
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import PsdImagePlugin

from keras_colorize.errors import PhotoError

__all__ = ["PsdHead", "check_psd", "decode_deep_psd", "open_deep_psd", "read_psd_head"]

_MODES = {1: 1, 3: 3, 4: 4, 8: 1}  # gray, RGB, inks, duotone: their channels
_RAW = 0  # numbers that are not packed; 1 is packbits, others are of zlib
_VERSION = 1057  # a resource


class PsdHead(NamedTuple):
    """What is said before the numbers come.

    Attributes:
        size: width and height.
        channels: of the colors and beside them.
        depth: bits of a number.
        mode: of the colors, as Photoshop numbers it.
        transparent: whether the first channel beside the colors is opacity, not a saved selection.
        start: where the numbers begin, with how they are packed.
    """

    size: tuple[int, int]
    channels: int
    depth: int
    mode: int
    transparent: bool
    start: int


def read_psd_head(file: BinaryIO) -> PsdHead:
    """Read the head.

    Raises:
        EOFError: the file ends too early.
    """

    def number(size: int, signed: bool = False) -> int:
        data = file.read(size)
        if len(data) < size:
            raise EOFError
        return int.from_bytes(data, "big", signed=signed)

    file.seek(12)
    channels, height, width, depth, mode = (number(size) for size in (2, 4, 4, 2, 2))
    for _ in range(2):  # the palette, the resources
        file.seek(number(4), io.SEEK_CUR)
    length = number(4)
    start = file.tell() + length
    # Of the layers their count comes first; it is negative where there is transparency.
    transparent = length >= 6 and number(4) > 0 and number(2, signed=True) < 0
    return PsdHead((width, height), channels, depth, mode, transparent, start)


def check_psd(image: PsdImagePlugin.PsdImageFile, file: BinaryIO) -> None:
    """Refuse what doesn't hold the picture itself, or not in a way that is read.

    Raises:
        PhotoError: it is such a one.
    """
    for number, _, data in image.resources:
        if number == _VERSION and len(data) > 4 and not data[4]:
            raise PhotoError("holds layers alone; save it with a flattened picture")
    file.seek(read_psd_head(file).start)
    if file.read(2) not in (b"\0\0", b"\0\1"):
        raise PhotoError("a kind of PSD that is not read: its numbers are packed by zlib")


def open_deep_psd(file: BinaryIO) -> PsdImagePlugin.PsdImageFile:
    """One of 16 bits in Pillow, for its metadata, not for its pixels.

    Raises:
        PhotoError: it is of a kind that isn't read.
    """
    head = read_psd_head(file)
    if head.depth != 16 or head.mode not in _MODES or head.channels < _MODES[head.mode]:
        raise PhotoError(
            f"a kind of PSD that is not read: {head.channels} x {head.depth} bits, mode {head.mode}"
        )
    file.seek(0)
    data = bytearray(file.read())
    data[22:24] = (0, 8)
    return PsdImagePlugin.PsdImageFile(io.BytesIO(data))


def decode_deep_psd(file: BinaryIO) -> tuple[np.ndarray, int]:
    """Pixels of one of 16 bits, uint16 ``(H, W, C)``, and how many channels are colors.

    Of four inks, 0 is none; a channel more is opacity.

    Raises:
        EOFError: the file ends too early.
    """
    head = read_psd_head(file)
    (width, height), colors = head.size, _MODES[head.mode]
    wanted = colors + (head.transparent and head.channels > colors)
    file.seek(head.start)
    row = 2 * width
    if int.from_bytes(file.read(2), "big") == _RAW:
        data = file.read(wanted * height * row)
    else:
        lengths = np.frombuffer(file.read(2 * head.channels * height), ">u2")
        data = b"".join(_unpack(file.read(n), row) for n in lengths[: wanted * height].tolist())
    if len(data) < wanted * height * row:
        raise EOFError
    planes = np.frombuffer(data, ">u2").reshape(wanted, height, width).astype(np.uint16)
    if colors == 4:  # stored as paper
        planes[:4] = ~planes[:4]
    return np.moveaxis(planes, 0, -1), colors


def _unpack(data: bytes, size: int) -> bytes:
    import imagecodecs

    return bytes(imagecodecs.packbits_decode(data, out=size)).ljust(size, b"\0")
