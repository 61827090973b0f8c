"""The color of a photograph at the network's size, and how it becomes that of the full one."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from keras_colorize import color
from keras_colorize.coloring.grained import enlarge
from keras_colorize.coloring.upsampling import Enlargement, guide_chroma
from keras_colorize.looks import NATURAL, apply_look
from keras_colorize.photos.pixels import strips

__all__ = ["Painting", "color_strips"]


@dataclass(frozen=True)
class Painting:
    """The color of a photograph, at the network's size.

    Attributes:
        chroma: Cb and Cr, float32 ``(h, w, 2)``.
        luminance: that they belong to, float32 ``(h, w)`` in [0, 1].
    """

    chroma: np.ndarray
    luminance: np.ndarray

    def with_chroma(self, chroma: np.ndarray) -> "Painting":
        """The same with other chroma, float32 ``(h, w, 2)``."""
        return replace(self, chroma=chroma)

    def guide(self, saturation: float = 1.0, look: str = NATURAL) -> np.ndarray:
        """Its chroma as a function of luminance, as :func:`guide_chroma` gives it.

        Args:
            saturation: factor of all chroma.
            look: what the colors become then, one of :data:`~keras_colorize.looks.LOOKS`.
        """
        chroma = apply_look(look, self.luminance, np.float32(saturation) * self.chroma)
        return guide_chroma(chroma, self.luminance[..., None])

    def enlarge(
        self, shape: tuple[int, ...], saturation: float = 1.0, look: str = NATURAL
    ) -> Enlargement:
        """Its chroma for a full luminance of shape ``(H, W)``; for the rest see :meth:`guide`."""
        height, width = shape
        return enlarge(self.guide(saturation, look), height, width, look)


def color_strips(
    enlargement: Enlargement, luminance: np.ndarray, dtype: type[np.unsignedinteger]
) -> Iterator[tuple[int, np.ndarray]]:
    """A photograph in color, strip by strip.

    Args:
        enlargement: its chroma.
        luminance: uint8, uint16, or float in [0, 1]; ``(H, W)``.
        dtype: of the result: uint8 or uint16.

    Yields:
        The first row of each strip and its RGB, ``(n, W, 3)``. Its luminance is the photograph's
        to within half a step of ``dtype``, the rounding of each channel; chroma is shrunk where
        the color would not fit.
    """
    white = np.iinfo(dtype).max
    black_to_white = 1.0 if luminance.dtype.kind == "f" else np.iinfo(luminance.dtype).max
    height, width = luminance.shape
    for top, bottom in strips(height, width):
        y = luminance[top:bottom].astype(np.float32) / np.float32(black_to_white)
        rgb = np.empty((bottom - top, width, 3), dtype)
        planes = color.add_chroma_planes(y, *enlargement.chroma(top, y))
        for channel, plane in enumerate(planes):
            rgb[..., channel] = np.rint(np.clip(white * plane, 0, white))
        yield top, rgb
