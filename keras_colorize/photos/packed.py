"""The compressed numbers of a TIFF page, of 16 bits or more: unpacked, put together.

libtiff unpacks them, in Pillow, which takes them for the 8-bit gray pixels of one row: it writes
no more than that row holds and withstands damage. imagecodecs 2026.1.14, which tifffile would ask,
ends the process at some damaged LZW data.
"""

import io
import struct
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, TiffImagePlugin

__all__ = ["read_packed"]

# TIFF 6.0, section 14, and Adobe Photoshop TIFF Technical Note 3: values of the tag Predictor.
_HORIZONTAL, _FLOATING_POINT = 2, 3


def read_packed(page: Any, file: BinaryIO) -> np.ndarray:
    """The numbers of a page, in the processor's byte order.

    Args:
        page: of tifffile, compressed without loss, in strips or tiles; as many as the page needs.
        file: where it is.

    Returns:
        ``(H, W, samples)``, or ``(samples, H, W)`` where the file has separate planes.

    Raises:
        OSError: the data are damaged.
    """
    height, width, samples = page.imagelength, page.imagewidth, page.samplesperpixel
    planes, samples = (samples, 1) if page.planarconfig == 2 else (1, samples)
    rows, columns = page.rowsperstrip, width
    if page.is_tiled:
        rows, columns = page.tilelength, page.tilewidth
    down, across = -(-height // rows), -(-width // columns)
    array = np.empty((planes, height, width, samples), page.dtype.newbyteorder("="))
    for index, (offset, length) in enumerate(zip(page.dataoffsets, page.databytecounts)):
        plane, rest = divmod(index, down * across)
        top, left = rest // across * rows, rest % across * columns
        shape = (rows if page.is_tiled else min(rows, height - top), columns, samples)
        file.seek(offset)
        data = _unpack(file.read(length), int(np.prod(shape)) * page.dtype.itemsize, page)
        part = _numbers(data, shape, page)
        array[plane, top : top + rows, left : left + columns] = part[: height - top, : width - left]
    return array[..., 0] if page.planarconfig == 2 else array[0]


def _unpack(data: bytes, size: int, page: Any) -> bytes:
    """Bytes of a strip or tile, as a TIFF of one row that is as long."""
    tags = {256: size, 257: 1, 258: 8, 259: int(page.compression), 262: 1, 266: int(page.fillorder)}
    start = 8 + 2 + 12 * (len(tags) + 4) + 4
    tags |= {273: start, 277: 1, 278: 1, 279: len(data)}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    head = struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + entries + bytes(4)
    image = TiffImagePlugin.TiffImageFile(io.BytesIO(head + data))
    image.im = Image.new("L", (size, 1)).im  # see tiff.py
    image.load()
    return image.tobytes()


def _numbers(data: bytes, shape: tuple[int, int, int], page: Any) -> np.ndarray:
    rows, columns, samples = shape
    stored = page.dtype.newbyteorder(page.parent.byteorder)
    if page.predictor == _FLOATING_POINT:
        # A row's highest bytes come first, then the next ones; each differs from that before it.
        size = page.dtype.itemsize
        differences = np.frombuffer(data, np.uint8).reshape(rows, size * columns, samples)
        planes = np.add.accumulate(differences, axis=1, dtype=np.uint8)
        numbers = np.moveaxis(planes.reshape(rows, size, columns * samples), 1, -1)
        return np.ascontiguousarray(numbers).view(page.dtype.newbyteorder(">")).reshape(shape)
    numbers = np.frombuffer(data, stored).reshape(shape)
    if page.predictor == _HORIZONTAL:
        # Integers that wrap around, whatever kind of numbers their bits are.
        bits = numbers.astype(page.dtype).view(f"u{page.dtype.itemsize}")
        return np.add.accumulate(bits, axis=1, dtype=bits.dtype).view(page.dtype)
    return numbers
