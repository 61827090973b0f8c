"""Real photographs at known sizes, and what can be done to them by arithmetic alone.

No resampling: so the values that other programs computed for them hold wherever they are decoded.
"""

from collections.abc import Callable, Iterable

import numpy as np
from PIL import Image

from keras_colorize.jpeg.luminance import read_coefficients
from keras_colorize.jpeg.segments import read_frame, split_jpeg
from tests.conftest import SAMPLE


def centers(names: Iterable[str], size: int) -> np.ndarray:
    """The centers of sample photographs, float32 ``(B, size, size, 3)`` in [0, 1]."""
    images = []
    for name in names:
        with Image.open(SAMPLE / "modern" / f"{name}.jpg") as photo:
            pixels = np.asarray(photo.convert("RGB"))
        top, left = (pixels.shape[0] - size) // 2, (pixels.shape[1] - size) // 2
        images.append(pixels[top : top + size, left : left + size].astype(np.float32) / 255)
    return np.stack(images)


def luminance_coefficients(jpeg: bytes) -> tuple[np.ndarray, np.ndarray]:
    """The quantized coefficients of a JPEG's luminance, and their quantization table."""
    segments = split_jpeg(jpeg).segments
    return read_coefficients(segments, read_frame(segments))


def gray(rgb: np.ndarray) -> np.ndarray:
    y = rgb @ np.array([0.299, 0.587, 0.114])
    return np.repeat(y[..., None], 3, axis=-1).astype(np.float32)


SPOILERS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "gray": gray,
    "faded": lambda rgb: (0.3 + 0.4 * rgb).astype(np.float32),
    "shifted": lambda rgb: np.roll(rgb, 1, axis=-2),
    "swapped": lambda rgb: rgb[..., ::-1],
}
