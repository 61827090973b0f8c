"""From whatever a decoder or a network gives to 8 bits, and the checks that decoders share."""

import math

import numpy as np
from PIL import Image

from keras_colorize.errors import PhotoError

__all__ = ["TRUNCATED", "check_size", "quantize", "to_rgb"]

#: The reason to refuse a file that is cut short.
TRUNCATED = "truncated: the file ends before the picture does"


def check_size(width: int, height: int, max_pixels: int) -> None:
    """Raise a PhotoError where there is no pixel, or more than ``max_pixels``."""
    if width < 1 or height < 1:
        raise PhotoError(f"zero-sized: {width} x {height}")
    if width * height > max_pixels:
        raise PhotoError(
            f"too large: {width} x {height} = {width * height / 1e6:.4g} megapixels, limit "
            f"{max_pixels / 1e6:.4g}; raise --data.max_pixels"
        )


def quantize(image: np.ndarray) -> np.ndarray:
    """Floats in [0, 1], clipped to it, to uint8 in [0, 255], rounded; any shape."""
    return np.round(np.clip(image, 0.0, 1.0).astype(np.float32) * 255.0).astype(np.uint8)


def to_rgb(image: Image.Image) -> Image.Image:
    """Any mode to RGB: 16 and 32 bits are scaled, transparent parts become white."""
    if image.mode.startswith("I") or image.mode == "F":
        return Image.fromarray(_to_8_bits(np.asarray(image))).convert("RGB")
    if image.mode in ("La", "RGBa"):  # colors multiplied by alpha: only their own kind can undo it
        image = image.convert(image.mode[:-1] + "A")
    if image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image).convert("RGB")
    return image.convert("RGB")


def _to_8_bits(values: np.ndarray) -> np.ndarray:
    """Gray ``(H, W)`` of 16 or 32 bits to uint8, as ``read_photo`` documents."""
    if values.dtype.itemsize == 2:
        return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
    low, high = float(values.min()), float(values.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise PhotoError("holds pixels that are NaN or infinite")
    whites = (1.0, 255.0, 65535.0) if values.dtype.kind == "f" else (255.0, 65535.0)
    white = next((white for white in whites if low >= 0.0 and high <= white), None)
    if white is None:
        black, white = low, high
    else:
        black = 0.0
    scaled = (values.astype(np.float64) - black) * (255.0 / max(white - black, 1e-30))
    return np.round(scaled).astype(np.uint8)
