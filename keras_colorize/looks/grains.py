"""The starch grains of an autochrome plate, as far as a scan resolves them.

A pixel covers so many grains, of which kind is chance: where more red ones lie than elsewhere, the
plate is redder there. At 800 pixels across a plate a pixel covers some 300 grains and hardly
differs from its neighbors; at 3,000, some 20; beyond 14,000 grains are wider than pixels. Eyes see
more than chance alone, since grains of a kind clump: that is left out.
"""

import numpy as np

from keras_colorize import color
from keras_colorize.looks.dyes import mosaic
from keras_colorize.looks.spectra import decode, encode

__all__ = ["PLATE", "add_grains", "grains_per_pixel"]

#: Longer side of the plate that a photograph is taken to fill, in millimeters: 13 x 18 cm was
#: a common format.
PLATE = 180.0
# Of a square millimeter: about four million of a square inch, as museums give it.
_DENSITY = 4e6 / 25.4**2
_LEAST = 1e-6  # of white: light that has no color


def grains_per_pixel(size: tuple[int, int]) -> float:
    """How many a pixel covers of a photograph of this height and width."""
    return float(_DENSITY * (PLATE / max(size)) ** 2)


def add_grains(
    luminance: np.ndarray,
    chroma: np.ndarray,
    *,
    size: tuple[int, int],
    top: int = 0,
    left: int = 0,
    seed: int = 0,
) -> np.ndarray:
    """What is seen through the grains of a plate, of a photograph or a part of it.

    Light that passes a pixel is the sum of what its grains let through, each kind in proportion to
    how many of it there are. How many that is depends on the seed and the pixel's place in the
    photograph alone: parts fit together.

    Args:
        luminance: of the part, float32 ``(h, w)`` in [0, 1]; it stays as it is.
        chroma: of the part in the look "autochrome", Cb and Cr, float32 ``(h, w, 2)``.
        size: height and width of the whole photograph.
        top: row of the part in it.
        left: column of the part in it.
        seed: of which grain lies where.

    Returns:
        Cb and Cr, float32 ``(h, w, 2)``, not limited into gamut.
    """
    seen, shares = mosaic()
    y = luminance[..., None]
    light = decode(np.clip(color.add_chroma(y, chroma), 0.0, 1.0)).astype(np.float32)
    through = np.maximum(light @ np.linalg.inv(seen), 0.0).astype(np.float32)
    counts = _count(luminance.shape, size, top, left, seed, shares)
    with_grains = _at_luminance((through * counts) @ seen, light)
    without = _at_luminance(through @ seen, light)
    return chroma + color.chroma(with_grains) - color.chroma(without)


def _count(
    part: tuple[int, ...],
    size: tuple[int, int],
    top: int,
    left: int,
    seed: int,
    shares: np.ndarray,
) -> np.ndarray:
    """Grains of each kind in each pixel, relative to their mean: float32 ``(h, w, 3)``."""
    height, width = part
    number = grains_per_pixel(size)
    wide = max(round(number**-0.5), 1)  # of a grain, in pixels
    grains = max(round(number), 1)
    probabilities = shares.astype(np.float64) / shares.sum(dtype=np.float64)
    rows = np.arange(top, top + height) // wide
    columns = np.arange(left, left + width) // wide
    drawn = [
        np.random.default_rng([seed, row]).multinomial(grains, probabilities, columns[-1] + 1)
        for row in np.unique(rows)
    ]
    counts = np.stack(drawn).astype(np.float32)[rows - rows[0]][:, columns]
    return counts / (grains * shares).astype(np.float32)


def _at_luminance(light: np.ndarray, of: np.ndarray) -> np.ndarray:
    """sRGB of linear light, as bright as another; black where there is none."""
    weights = np.array([0.2126, 0.7152, 0.0722], np.float32)  # IEC 61966-2-1: Y of linear RGB
    bright = (light @ weights)[..., None]
    scale = np.where(bright > _LEAST, (of @ weights)[..., None] / np.maximum(bright, _LEAST), 0.0)
    return encode(light * scale).astype(np.float32)
