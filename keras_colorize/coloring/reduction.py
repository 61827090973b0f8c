"""The reduced copy of a photograph that the network sees."""

import numpy as np
from PIL import Image

from keras_colorize.coloring.kernels import sum_blocks

__all__ = [
    "MAX_RATIO",
    "REDUCING_GAP",
    "pad_to_stride",
    "reduce_luminance",
    "reduced_size",
    "resize_planes",
]

#: The longer side of the copy is at most so many times its shorter side: panoramas stay affordable.
MAX_RATIO = 8
#: Averaging over whole blocks goes no further than this times the wanted size; bicubic filtering,
#: which is better and slower, does the rest.
REDUCING_GAP = 2


def reduced_size(shape: tuple[int, ...], short_side: int) -> tuple[int, int]:
    """Height and width of the copy: ``short_side`` pixels short, never more than the original."""
    height, width = shape
    scale = min(1.0, short_side / min(height, width), MAX_RATIO * short_side / max(height, width))
    return max(round(height * scale), 1), max(round(width * scale), 1)


def reduce_luminance(luminance: np.ndarray, short_side: int) -> np.ndarray:
    """Reduce a luminance, antialiased and in proportion.

    Args:
        luminance: uint8, uint16, or float in [0, 1]; ``(H, W)``.
        short_side: of the copy, in pixels.

    Returns:
        float32 ``(h, w)`` in [0, 1].
    """
    height, width = reduced_size(luminance.shape, short_side)
    white = 1.0 if luminance.dtype.kind == "f" else np.iinfo(luminance.dtype).max
    blocks = _block_means(luminance, REDUCING_GAP * height, REDUCING_GAP * width)
    reduced = resize_planes((blocks / white).astype(np.float32)[None], height, width)[0]
    # Bicubic interpolation overshoots at edges; the network was promised [0, 1].
    return np.clip(reduced, 0.0, 1.0)


def resize_planes(planes: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resample planes bicubically, antialiased where they shrink; float32 ``(n, h, w)``."""
    if planes.shape[1:] == (height, width):
        return planes
    resized = [
        Image.fromarray(plane).resize((width, height), Image.Resampling.BICUBIC)
        for plane in np.ascontiguousarray(planes, np.float32)
    ]
    return np.stack([np.asarray(plane) for plane in resized])


def pad_to_stride(luminance: np.ndarray, stride: int) -> np.ndarray:
    """Extend right and bottom to multiples of the stride, mirrored as often as it takes."""
    height, width = luminance.shape
    return np.pad(luminance, ((0, -height % stride), (0, -width % stride)), mode="symmetric")


def _block_means(image: np.ndarray, least_height: int, least_width: int) -> np.ndarray:
    """Means over blocks of equal size, give or take a pixel, row of blocks by row of blocks.

    Returns:
        float64 ``(h, w)``, at least as large as asked for; the image itself if it is smaller than
        twice that.
    """
    height, width = image.shape
    factor = min(height // least_height, width // least_width)
    if factor < 2:
        return image
    rows = np.linspace(0, height, height // factor + 1).round().astype(int)
    columns = np.linspace(0, width, width // factor + 1).round().astype(int)
    # Of rows, uint32 holds the sums of all that have less than 2^32 pixels.
    exact: np.dtype = np.dtype(np.float64 if image.dtype.kind == "f" else np.uint32)
    sums = np.zeros((len(rows) - 1, len(columns) - 1))
    sum_blocks(image, rows, columns, np.empty(width, exact), sums)
    return sums / (np.diff(rows)[:, None] * np.diff(columns))
