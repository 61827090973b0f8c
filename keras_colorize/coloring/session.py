"""One photograph on the desk: the network runs once, after that every hint is answered at once."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from keras_colorize.coloring.hints import (
    Anchors,
    Hint,
    Likeness,
    Region,
    anchors_of,
    join_anchors,
    spread,
)
from keras_colorize.coloring.reduction import reduced_size, resize_planes

if TYPE_CHECKING:
    from keras_colorize.coloring.colorizer import Colorizer, Painting

__all__ = ["Session"]


class Session:
    """A photograph, and what the network sees in it; made by ``Colorizer.session``.

    ::

        session = colorizer.session("house.jpg")
        session.color([Hint(0.4, 0.6, "#3d6b4f")]).save("porch_green.png")

    Args:
        colorizer: what paints.
        luminance: of the photograph, as ``Colorizer.paint`` takes it.
        working_size: instead of the colorizer's own.
    """

    def __init__(
        self, colorizer: "Colorizer", luminance: np.ndarray, working_size: int | None = None
    ) -> None:
        self._colorizer = colorizer
        self._luminance = luminance
        self._plain, features = colorizer.paint_with_features(luminance, working_size)
        height, width = self._plain.luminance.shape
        self._grid = max(height // 2, 1), max(width // 2, 1)
        self._likeness = Likeness(
            resize_planes(self._plain.luminance[None], *self._grid)[0],
            [self._to_grid(feature) for feature in features],
        )

    @property
    def plain(self) -> "Painting":
        """What the network painted by itself."""
        return self._plain

    @property
    def likeness(self) -> Likeness:
        """How alike the photograph's places are."""
        return self._likeness

    def paint(self, hints: Sequence[Hint | Region] = (), weak: Anchors | None = None) -> "Painting":
        """The photograph's chroma with hints, at the network's size.

        Args:
            hints: colors that are known; the last of several at one place counts.
            weak: more anchors on the grid of :attr:`likeness`, such as those of a reference.
        """
        anchors = anchors_of(hints, *self._grid)
        if weak is not None:
            anchors = join_anchors(anchors, weak)
        if not len(anchors.places):
            return self._plain
        chroma = self._to_grid(self._plain.chroma)
        change = spread(chroma, self._likeness, anchors) - chroma
        enlarged = resize_planes(np.moveaxis(change, -1, 0), *self._plain.luminance.shape)
        return self._plain.with_chroma(self._plain.chroma + np.moveaxis(enlarged, 0, -1))

    def color(self, hints: Sequence[Hint | Region] = (), *, size: int | None = None) -> Image.Image:
        """The photograph in color, with hints.

        Args:
            hints: see :meth:`paint`.
            size: short side of the picture in pixels, for a quick look; by default full size.

        Returns:
            An RGB image whose luminance is the photograph's.
        """
        luminance = self._luminance
        if size is not None and size < min(luminance.shape):
            planes = resize_planes(
                self._as_float(luminance)[None], *reduced_size(luminance.shape, size)
            )
            luminance = np.clip(planes[0], 0.0, 1.0)
        return self._colorizer.join(self.paint(hints), luminance)

    @staticmethod
    def _as_float(luminance: np.ndarray) -> np.ndarray:
        white = 1.0 if luminance.dtype.kind == "f" else np.iinfo(luminance.dtype).max
        return (luminance / np.float32(white)).astype(np.float32)

    def _to_grid(self, planes: np.ndarray) -> np.ndarray:
        """``(h, w, c)`` of any size to the grid, ``(gh, gw, c)``."""
        return np.moveaxis(resize_planes(np.moveaxis(planes, -1, 0), *self._grid), 0, -1)
