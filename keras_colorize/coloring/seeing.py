"""What the network makes of a photograph, and what it sees in it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from keras_colorize import color
from keras_colorize.coloring.album import SURE, Note, precision_of
from keras_colorize.coloring.correspondence import describe, grid_shape
from keras_colorize.coloring.painting import Painting
from keras_colorize.coloring.reduction import resize_planes
from keras_colorize.errors import ModelError
from keras_colorize.models.outputs import (
    CHROMA_BINS,
    COLOR,
    DISTRIBUTION,
    ENCODED,
    FEATURES,
    likely_shares,
)

__all__ = ["Seen"]


@dataclass(frozen=True)
class Seen:
    """What the network makes of a photograph, and what it sees in it.

    Attributes:
        painting: the plain prediction.
        features: of the decoder at an eighth and a quarter of the size, float32 ``(h, w, c)``, as
            far as the generator is so deep.
        shares: of the colors that are likely at each place, at a quarter of the size, float32
            ``(h, w, n)``; ``None`` where the generator has no distribution.
        bins: Cb and Cr that the shares are of, float32 ``(n, 2)``.
        encoded: features of the encoder, from fine to coarse, float32 ``(h, w, c)``.
    """

    painting: Painting
    features: list[np.ndarray]
    shares: np.ndarray | None
    bins: np.ndarray
    encoded: list[np.ndarray]

    @classmethod
    def cut(
        cls, outputs: Mapping[str, np.ndarray], padded: tuple[int, ...], small: np.ndarray
    ) -> "Seen":
        """What a network gives, without what lies in the padding.

        Args:
            outputs: by name, ``(1, h, w, c)`` each; see :mod:`keras_colorize.models.outputs`.
            padded: height and width of what the network was given.
            small: the luminance in it, float32 ``(h, w)``.
        """
        rows, columns = (n / m for n, m in zip(small.shape, padded))
        inside = {
            name: x[0, : max(round(rows * x.shape[1]), 1), : max(round(columns * x.shape[2]), 1)]
            for name, x in outputs.items()
        }
        return cls(
            Painting(color.chroma(inside[COLOR]), small),
            [inside[name] for name in FEATURES if name in inside],
            likely_shares(inside[DISTRIBUTION]) if DISTRIBUTION in inside else None,
            CHROMA_BINS,
            [inside[name] for name in ENCODED if name in inside],
        )

    def note(self, chroma: np.ndarray, sure: np.ndarray | float = 0.0) -> Note:
        """What an album keeps of the photograph.

        Args:
            chroma: Cb and Cr that it has, float32 ``(h, w, 2)`` of any size.
            sure: how far that is known, in [0, 1]; of all of it, or ``(h, w)`` of any size.

        Raises:
            ModelError: the network is none by which photographs can be compared.
        """
        if not self.encoded:
            raise ModelError(
                "an album needs a network that tells what its encoder sees; use a generator that "
                "keras_colorize.fit has trained, or pack it anew"
            )
        shape = grid_shape(self.painting.luminance.shape)
        shares = None if self.shares is None else _places(self.shares, shape)
        precision = precision_of(shares, self.bins, shape[0] * shape[1])
        known = np.atleast_2d(np.asarray(sure, np.float32))[..., None]
        precision += np.float32(SURE) * np.clip(_places(known, shape)[:, 0], 0.0, 1.0)
        traits = describe(self.encoded, self.painting.luminance.shape)
        return Note(traits, _places(chroma, shape), precision)


def _places(planes: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """``(h, w, c)`` of any size on the grid, ``(n, c)``."""
    return resize_planes(np.moveaxis(planes, -1, 0), *shape).reshape(planes.shape[-1], -1).T
