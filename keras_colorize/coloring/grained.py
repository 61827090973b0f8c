"""Chroma of a full photograph in a look that has grains, which are as fine as its pixels."""

import numpy as np

from keras_colorize import color
from keras_colorize.coloring.upsampling import Enlargement
from keras_colorize.looks import has_grains
from keras_colorize.looks.grains import add_grains
from keras_colorize.photos.pixels import strips

__all__ = ["enlarge"]


def enlarge(
    coefficients: np.ndarray,
    height: int,
    width: int,
    look: str,
    rows: slice = slice(None),
    columns: slice = slice(None),
) -> Enlargement:
    """Chroma of a full photograph in a look; for the rest see :class:`Enlargement`.

    Args:
        coefficients: of chroma that wears the look already.
        height: of the full photograph, in pixels.
        width: of the full photograph, in pixels.
        look: one of :data:`~keras_colorize.looks.LOOKS`.
        rows: those that are wanted, instead of all.
        columns: likewise.
    """
    kind = _GrainedEnlargement if has_grains(look) else Enlargement
    return kind(coefficients, height, width, rows, columns)


class _GrainedEnlargement(Enlargement):
    """Chroma of a full photograph behind grains, strip by strip."""

    def chroma(self, top: int, luminance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        planes = np.stack(super().chroma(top, luminance), axis=-1)
        first, left = self.corner
        grained = add_grains(luminance, planes, size=self.size, top=first + top, left=left)
        return grained[..., 0], grained[..., 1]

    def coded(self, luminance: np.ndarray) -> np.ndarray:
        self.check(luminance)
        planes = np.empty((2, *luminance.shape), np.uint8)
        for top, bottom in strips(*luminance.shape):
            y = luminance[top:bottom] / np.float32(255.0)
            limited = color.limit_chroma_planes(y, *self.chroma(top, y))
            for plane, chroma in zip(planes, limited, strict=True):
                plane[top:bottom] = 128.5 + 255.0 * chroma  # T.871, section 7, rounded
        return planes
