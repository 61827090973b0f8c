"""From whatever a decoder or a network gives to 8 bits, and the checks that decoders share."""

import math
from collections.abc import Iterator

import numpy as np
from PIL import Image

from keras_colorize.errors import PhotoError

__all__ = [
    "TRUNCATED",
    "WHITE",
    "check_size",
    "opposite_turn",
    "quantize",
    "strips",
    "swaps_sides",
    "to_integers",
    "to_rgb",
    "turn_array",
]

#: White in 16 bits.
WHITE = 65535

_STRIP_PIXELS = 32_000

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


def to_rgb(image: Image.Image) -> Image.Image:
    """Any mode to RGB: 16 and 32 bits are scaled, transparent parts become white."""
    if image.mode.startswith("I") or image.mode == "F":
        return Image.fromarray(to_integers(np.asarray(image), 255)).convert("RGB")
    if image.mode in ("La", "RGBa"):  # colors multiplied by alpha: only their own kind can undo it
        image = image.convert(image.mode[:-1] + "A")
    if image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image).convert("RGB")
    return image.convert("RGB")


def to_integers(values: np.ndarray, white: int) -> np.ndarray:
    """Numbers of 16 bits or more to integers, any shape.

    Numbers of 32 bits or more (integer or float) have no agreed white: it is the first of 1 (float
    only), 255 and 65535 that none exceeds; where all do, or where one is negative, smallest and
    largest become black and white.

    Args:
        values: unsigned integers of 16 bits, or wider numbers of any kind.
        white: what white becomes: 255, for uint8, or :data:`WHITE`, for uint16.

    Raises:
        PhotoError: there are values that are no numbers.
    """
    dtype = np.uint8 if white == 255 else np.uint16
    if values.dtype == np.uint16:
        return values if white == WHITE else ((values.astype(np.uint32) + 128) // 257).astype(dtype)
    low, high = float(values.min()), float(values.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise PhotoError("holds pixels that are NaN or infinite")
    whites = (1.0, 255.0, 65535.0) if values.dtype.kind == "f" else (255.0, 65535.0)
    brightest = next((w for w in whites if low >= 0.0 and high <= w), None)
    black, brightest = (low, high) if brightest is None else (0.0, brightest)
    scale = white / max(brightest - black, 1e-30)
    integers = np.empty(values.shape, dtype)
    # In parts: float64 of all would be several times the memory of the picture.
    for part, source in zip(np.array_split(integers, 64), np.array_split(values, 64)):
        part[...] = np.round((source.astype(np.float64) - black) * scale)
    return integers


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
