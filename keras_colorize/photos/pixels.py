"""Numbers of any kind to pixels of 8 and 16 bits, turned upright, in strips; and their limits."""

import math
from collections.abc import Iterator

import numpy as np
from PIL import Image

from keras_colorize.errors import PhotoError

__all__ = [
    "MAX_PIXELS",
    "TRUNCATED",
    "WHITE",
    "check_size",
    "deepen",
    "divide_by_alpha",
    "on_white",
    "opposite_turn",
    "quantize",
    "scale_bits",
    "scale_signed",
    "strips",
    "swaps_sides",
    "to_bytes",
    "to_integers",
    "turn_array",
]

#: Larger photographs are refused, unless told otherwise: what one unpacks to is to fit in memory.
MAX_PIXELS = 200_000_000
#: White in 16 bits.
WHITE = 65535

_STRIP_PIXELS = 32_000

_DARK = 1 / 16  # of white: floats that go up to less may be meant otherwise
_NOMINAL = 0.95  # of all numbers: so many of floats lie between black and white

#: The reason to refuse a file that is cut short.
TRUNCATED = "truncated: the file ends before the picture does"


def check_size(width: int, height: int, max_pixels: int) -> None:
    """Raise a PhotoError where there is no pixel, or more than ``max_pixels``."""
    if width < 1 or height < 1:
        raise PhotoError(f"zero-sized: {width} x {height}")
    if width * height > max_pixels:
        raise PhotoError(
            f"too large: {width} x {height} = {width * height / 1e6:.4g} megapixels, limit "
            f"{max_pixels / 1e6:.4g}; raise max_pixels"
        )


def quantize(image: np.ndarray) -> np.ndarray:
    """Floats in [0, 1], clipped to it, to uint8 in [0, 255], rounded; any shape."""
    return np.round(np.clip(image, 0.0, 1.0).astype(np.float32) * 255.0).astype(np.uint8)


def to_integers(values: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """Numbers of any kind to uint8 or uint16, any shape, and notes of what was done to them.

    Unsigned integers of 8 and 16 bits stay. Of signed ones, the largest number is white, whether it
    occurs or not, and black is the least, or 0 where none is negative. Wider integers have no
    agreed white: it is the first of 255 and 65535 that none exceeds.
    Floats are meant to lie between 0 and 1: where 95 percent do, the others are clipped; otherwise
    white is the first of 255 and 65535 that none exceeds. Where all are exceeded, or a wider number
    is negative, the smallest and the largest of the picture become black and white.

    Raises:
        PhotoError: there are values that are no numbers.
    """
    size = values.dtype.itemsize
    if values.dtype.kind in "ui" and size <= 2:
        unsigned = values.astype(f"u{size}")
        if values.dtype.kind == "u":
            return unsigned, ()
        return scale_signed(values, 8 * size)
    black, white, notes = _range(values)
    scale = WHITE / max(white - black, 1e-30)
    integers = np.empty(values.shape, np.uint16)
    # In parts: float64 of all would be several times the memory of the picture.
    for part, source in zip(_parts(integers), _parts(values)):
        scaled = (source.astype(np.float64) - black) * scale
        part[...] = np.round(np.clip(scaled, 0, WHITE))
    return integers, notes


def scale_bits(values: np.ndarray, bits: int) -> np.ndarray:
    """Unsigned integers of so many bits, any shape, to uint8 where they have 8 or less, or uint16.

    Raises:
        PhotoError: they are of another kind.
    """
    if values.dtype.kind not in "bu":
        raise PhotoError(f"a kind of picture that is not read: numbers of {values.dtype}")
    if bits > 16:
        values, bits = values >> (bits - 16), 16
    white, largest = (255 if bits <= 8 else WHITE), (1 << bits) - 1
    dtype = np.uint8 if bits <= 8 else np.uint16
    if largest == white:
        return values.astype(dtype)
    scaled = (np.minimum(values, largest).astype(np.uint32) * white + largest // 2) // largest
    return scaled.astype(dtype)


def scale_signed(values: np.ndarray, bits: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """Signed integers of so many bits, as :func:`scale_bits`, and a note of what black became."""
    half, dtype = 1 << (bits - 1), np.dtype(f"u{values.dtype.itemsize}")
    black = -half if values.min() < 0 else 0
    unsigned = values.astype(dtype)
    if black:
        unsigned = (unsigned ^ dtype.type(half)) & dtype.type(2 * half - 1)
    note = f"signed numbers: {black} was taken for black and {half - 1} for white"
    return scale_bits(unsigned, bits if black else bits - 1), (note,)


def _range(values: np.ndarray) -> tuple[float, float, tuple[str, ...]]:
    """Which numbers are black and white, and why; see :func:`to_integers`."""
    low, high = float(values.min()), float(values.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise PhotoError("holds pixels that are NaN or infinite")
    floats = values.dtype.kind == "f"
    if floats:
        within = sum(int(np.count_nonzero((p >= 0) & (p <= 1))) for p in _parts(values))
        if within >= _NOMINAL * values.size:
            share = f"{100 * (1 - within / values.size):.2g} percent of its numbers"
            note = f"clipped to 0 to 1: {share}, which go from {low:.4g} to {high:.4g}"
            if 0.0 < high < _DARK:
                return 0.0, 1.0, (f"nearly black: its numbers go up to {high:.4g}, white is 1",)
            return 0.0, 1.0, (note,) if within < values.size else ()
    for white in (255.0, 65535.0):
        if low >= 0.0 and high <= white:
            note = f"{white:.0f} was taken for white: its numbers go up to {high:.6g}"
            return 0.0, white, (note,) if high < white else ()
    return low, high, (f"contrast stretched: {low:.6g} became black, {high:.6g} white",)


def _parts(values: np.ndarray) -> list[np.ndarray]:
    return np.array_split(values, 64)


def deepen(values: np.ndarray) -> np.ndarray:
    """uint8 or uint16 to uint16, any shape: 255 becomes :data:`WHITE`."""
    return values if values.dtype == np.uint16 else values.astype(np.uint16) * 257


def to_bytes(values: np.ndarray) -> np.ndarray:
    """uint8 or uint16 to uint8, rounded, any shape."""
    if values.dtype == np.uint8:
        return values
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


def divide_by_alpha(pixels: np.ndarray) -> np.ndarray:
    """Colors that were multiplied by their opacity, the last channel, as they were before."""
    white = np.uint32(np.iinfo(pixels.dtype).max)
    colors, alpha = pixels[..., :-1].astype(np.uint32), pixels[..., -1:].astype(np.uint32)
    divisor = np.maximum(alpha, 1)
    divided = np.minimum((colors * white + divisor // 2) // divisor, white)
    return np.concatenate([divided, alpha], axis=-1).astype(pixels.dtype)


def on_white(values: np.ndarray, opacity: np.ndarray) -> np.ndarray:
    """How a picture looks on white where it is transparent: uint16, any shape that broadcasts."""
    opacity = opacity.astype(np.uint32)  # which holds every product of two of 16 bits
    return ((opacity * values + WHITE * (WHITE - opacity) + WHITE // 2) // WHITE).astype(np.uint16)


def turn_array(array: np.ndarray, turn: Image.Transpose | None) -> np.ndarray:
    """Turn pixels ``(H, W, ...)`` as Pillow's ``transpose`` turns a picture; contiguous."""
    if turn is None:
        return array
    kind = Image.Transpose
    if swaps_sides(turn):
        array = array.swapaxes(0, 1)
    if turn in (kind.FLIP_TOP_BOTTOM, kind.ROTATE_180, kind.TRANSVERSE, kind.ROTATE_90):
        array = array[::-1]
    if turn in (kind.FLIP_LEFT_RIGHT, kind.ROTATE_180, kind.TRANSVERSE, kind.ROTATE_270):
        array = array[:, ::-1]
    return np.ascontiguousarray(array)


def swaps_sides(turn: Image.Transpose | None) -> bool:
    """Whether a turn makes columns of rows."""
    kind = Image.Transpose
    return turn in (kind.TRANSPOSE, kind.TRANSVERSE, kind.ROTATE_90, kind.ROTATE_270)


def opposite_turn(turn: Image.Transpose | None) -> Image.Transpose | None:
    """The turn that undoes another."""
    if turn == Image.Transpose.ROTATE_90:
        return Image.Transpose.ROTATE_270
    return Image.Transpose.ROTATE_90 if turn == Image.Transpose.ROTATE_270 else turn


def strips(height: int, width: int, pixels: int = _STRIP_PIXELS) -> Iterator[tuple[int, int]]:
    """First row and the row after the last of each strip, from top to bottom.

    Args:
        height: of the photograph.
        width: of the photograph.
        pixels: in a strip, about; at least a row.
    """
    rows = max(1, pixels // width)
    for top in range(0, height, rows):
        yield top, min(top + rows, height)
