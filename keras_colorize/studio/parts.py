"""Which pixels of a photograph are shown when a part of it is looked at."""

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

__all__ = ["Box", "Part"]

_MOST_PIXELS = 6_000_000


@dataclass(frozen=True)
class Box:
    """A part of a photograph: its edges, relative to width and height, in [0, 1].

    Raises:
        ValueError: it is empty or reaches outside.
    """

    left: float = 0.0
    top: float = 0.0
    right: float = 1.0
    bottom: float = 1.0

    def __post_init__(self) -> None:
        if not (0.0 <= self.left < self.right <= 1.0 and 0.0 <= self.top < self.bottom <= 1.0):
            raise ValueError(f"expected a part of the photograph. Received: {self}")


@dataclass(frozen=True)
class Part:
    """Pixels of a photograph that is scaled to some size.

    Attributes:
        whole: width and height of the scaled photograph.
        edges: left, top, right and bottom of the part.
    """

    whole: tuple[int, int]
    edges: tuple[int, int, int, int]

    @classmethod
    def of(cls, box: Box, width: int, size: tuple[int, int]) -> "Part":
        """A part that becomes so many pixels wide; the photograph is not enlarged for it."""
        wide, high = (box.right - box.left) * size[0], (box.bottom - box.top) * size[1]
        scale = min(1.0, width / wide, (_MOST_PIXELS / (wide * high)) ** 0.5)
        w, h = (max(round(scale * side), 1) for side in size)
        left, top = int(box.left * w), int(box.top * h)
        right, bottom = (min(math.ceil(box.right * w), w), min(math.ceil(box.bottom * h), h))
        return cls((w, h), (left, top, max(right, left + 1), max(bottom, top + 1)))

    def cut(self, level: np.ndarray) -> np.ndarray:
        """Its luminance from that of the whole at some size, uint8 ``(h, w)``."""
        left, top, right, bottom = self.edges
        x, y = level.shape[1] / self.whole[0], level.shape[0] / self.whole[1]
        box = (left * x, top * y, right * x, bottom * y)
        size = (right - left, bottom - top)
        image = Image.fromarray(level).resize(size, Image.Resampling.BICUBIC, box=box)
        return np.asarray(image)
