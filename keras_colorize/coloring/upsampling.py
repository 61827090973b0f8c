"""From the chroma of a reduced photograph to that of the full one, guided by its luminance.

Around every reduced pixel chroma is described as a linear function of luminance, as in the guided
filter (He, Sun and Tang, "Guided Image Filtering", 2013; He and Sun, "Fast Guided Filter", 2015).
What is enlarged are that function's slope and offset; the luminance put into it is the full one. So
color changes where the luminance does, at a roof's edge and not across it.

The full photograph is worked on in strips of rows: memory stays bounded, and a strip stays in the
processor's cache.
"""

import functools
import itertools

import numpy as np

from keras_colorize.coloring.kernels import code_chroma, enlarge_rows, fit_lines, widen
from keras_colorize.coloring.reduction import resize_planes

__all__ = [
    "RADIUS",
    "REGULARIZATION",
    "Enlargement",
    "carry_along",
    "guide_chroma",
    "resample_taps",
]

# Chosen on training photographs, their true chroma reduced by 2, 4 and 8 and enlarged again. On 362
# others (benchmarks/upsampling.py) the error at the steepest tenth of the luminance is 20, 14 and
# 10 percent below that of bilinear enlargement; against bicubic it is 6 percent above, 1 and 3
# below. Wider windows and a smaller regularization bring texture into the color.
#: Of the windows, in pixels of the reduced photograph.
RADIUS = 1
#: Added to the variance of luminance in [0, 1].
REGULARIZATION = 0.1

# Of carry_along; benchmarks/album.py.
_NEAR = 0.5  # standard deviation, in places of the grid
_ALIKE = 0.1  # likewise, of luminance in [0, 1]
_LEAST = 1e-4  # weight of what is near and not alike, where nothing else is

_CUBIC = -0.5  # Keys' cubic convolution, as Pillow's and TensorFlow's bicubic resampling have it


def guide_chroma(chroma: np.ndarray, luminance: np.ndarray) -> np.ndarray:
    """Chroma as a linear function of luminance around every pixel.

    With the window's means and (co)variances, slope = cov(Y, C) / (var(Y) + regularization) and
    offset = C - slope Y: at its own luminance every pixel keeps its own chroma.

    Args:
        chroma: Cb and Cr of the reduced photograph, float32 ``(h, w, 2)``.
        luminance: its luminance in [0, 1], float32 ``(h, w, 1)``.

    Returns:
        float32 ``(4, h, w)``: slopes of Cb and Cr, offsets of Cb and Cr.
    """
    coefficients = np.empty((4, *chroma.shape[:2]), np.float32)
    fit_lines(
        np.ascontiguousarray(chroma, np.float32),
        np.ascontiguousarray(luminance[..., 0], np.float32),
        RADIUS,
        np.float32(REGULARIZATION),
        coefficients,
    )
    return coefficients


class Enlargement:
    """Chroma of a full photograph, strip by strip.

    Args:
        coefficients: of :func:`guide_chroma`, ``(4, h, w)``.
        height: of the full photograph, in pixels.
        width: of the full photograph, in pixels.
        rows: those that are wanted, instead of all; luminance is then given of these.
        columns: likewise.

    Attributes:
        size: height and width of the full photograph.
        corner: the first row and column that are wanted.
    """

    def __init__(
        self,
        coefficients: np.ndarray,
        height: int,
        width: int,
        rows: slice = slice(None),
        columns: slice = slice(None),
    ) -> None:
        self.size = height, width
        self.corner = rows.indices(height)[0], columns.indices(width)[0]
        _, high, wide = coefficients.shape
        places, weights = (taps[columns] for taps in resample_taps(wide, width))
        # (4, h, width): of few rows as yet; enlarged down where they are used.
        self._planes = np.empty((4, high, len(places)), np.float32)
        widen(coefficients, places, weights, self._planes)
        self._places, self._weights = (taps[rows] for taps in resample_taps(high, height))

    def chroma(self, top: int, luminance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Cb and Cr of a strip.

        Args:
            top: the strip's first row in the full photograph.
            luminance: of the strip, in [0, 1], float32 ``(n, width)``.

        Returns:
            Cb and Cr, float32 ``(n, width)`` each, not limited to what the luminance allows.
        """
        part = slice(top, top + len(luminance))
        y = np.ascontiguousarray(luminance)
        planes = np.empty((2, *y.shape), np.float32)
        enlarge_rows(self._planes, self._places[part], self._weights[part], y, planes)
        return planes[0], planes[1]

    def coded(self, luminance: np.ndarray) -> np.ndarray:
        """Cb and Cr of the full photograph as JPEG codes them (ITU-T T.871, section 7).

        Args:
            luminance: of the photograph, uint8 ``(height, width)``.

        Returns:
            uint8 ``(2, height, width)``, 128 is gray; limited to what the luminance allows.

        Raises:
            ValueError: the luminance is of another size or dtype.
        """
        self.check(luminance)
        planes = np.empty((2, *luminance.shape), np.uint8)
        code_chroma(
            self._planes, self._places, self._weights, np.ascontiguousarray(luminance), planes
        )
        return planes

    def check(self, luminance: np.ndarray) -> None:
        """Refuse a luminance for :meth:`coded` of another size or dtype with a ``ValueError``."""
        size = len(self._places), self._planes.shape[2]
        if luminance.shape != size or luminance.dtype != np.uint8:
            raise ValueError(
                f"luminance must be uint8 of shape {size}. "
                f"Received: {luminance.dtype} of shape {luminance.shape}"
            )


def carry_along(planes: np.ndarray, luminance: np.ndarray) -> np.ndarray:
    """A coarse grid carried to a picture, along the edges of its luminance.

    Joint bilateral upsampling (Kopf et al., 2007): a mean of the places around each pixel, weighted
    by how near they are and how alike in luminance.

    Args:
        planes: of the grid, float32 ``(h, w, c)``.
        luminance: of the picture, float32 ``(H, W)`` in [0, 1].

    Returns:
        float32 ``(H, W, c)``.
    """
    height, width = planes.shape[:2]
    coarse = resize_planes(luminance[None], height, width)[0]
    rows, columns = (
        (np.arange(size) + 0.5) * n / size - 0.5
        for n, size in zip((height, width), luminance.shape, strict=True)
    )
    total = np.zeros((*luminance.shape, planes.shape[2]), np.float32)
    weights = np.zeros((*luminance.shape, 1), np.float32)
    for down, across in itertools.product(range(-1, 3), repeat=2):
        near_rows, near_columns = np.floor(rows) + down, np.floor(columns) + across
        near = np.exp(-0.5 * np.square((rows - near_rows) / _NEAR))[:, None]
        near = near * np.exp(-0.5 * np.square((columns - near_columns) / _NEAR))
        places = np.ix_(
            np.clip(near_rows, 0, height - 1).astype(int),
            np.clip(near_columns, 0, width - 1).astype(int),
        )
        alike = np.exp(-0.5 * np.square((luminance - coarse[places]) / _ALIKE)) + _LEAST
        weight = (near * alike).astype(np.float32)[..., None]
        total += weight * planes[places]
        weights += weight
    return total / weights


@functools.lru_cache(maxsize=16)  # the photographs of an archive are often of one size
def resample_taps(size: int, new_size: int) -> tuple[np.ndarray, np.ndarray]:
    """Bicubic enlargement along one axis: each new pixel is a weighted sum of four old ones.

    Pixel centers lie at half numbers; at the borders the weights of the pixels that are there are
    scaled to a sum of 1. Both as in Pillow and TensorFlow.

    Returns:
        Places of the old pixels, and their weights, float32; ``(new_size, 4)`` each, read-only.
    """
    centers = (np.arange(new_size) + 0.5) * size / new_size - 0.5
    places = np.floor(centers).astype(int)[:, None] + np.arange(-1, 3)
    weights = _cubic(np.abs(centers[:, None] - places))
    weights[(places < 0) | (places >= size)] = 0.0
    weights /= weights.sum(axis=1, keepdims=True)
    taps = np.clip(places, 0, size - 1), weights.astype(np.float32)
    for array in taps:
        array.flags.writeable = False
    return taps


def _cubic(distance: np.ndarray) -> np.ndarray:
    """Keys, "Cubic convolution interpolation for digital image processing", 1981, equation 15."""
    near = ((_CUBIC + 2.0) * distance - (_CUBIC + 3.0)) * distance**2 + 1.0
    far = _CUBIC * (((distance - 5.0) * distance + 8.0) * distance - 4.0)
    return np.where(distance <= 1.0, near, np.where(distance < 2.0, far, 0.0))
