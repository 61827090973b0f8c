"""The color of a photograph at the network's size, and how it becomes that of the full one."""

from dataclasses import dataclass, replace

import numpy as np

from keras_colorize.coloring.upsampling import Enlargement, guide_chroma
from keras_colorize.looks import NATURAL, apply_look

__all__ = ["Painting"]


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
        return Enlargement(self.guide(saturation, look), height, width)
