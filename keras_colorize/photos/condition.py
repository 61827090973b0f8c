"""What a photograph is like before it is colored: toned, in color already, halftone, tiny.

Measured on small copies; nothing here changes a photograph.
"""

import functools
from dataclasses import dataclass
from typing import Literal

import numpy as np

from keras_colorize import color

__all__ = ["Tone", "describe_condition", "find_halftone", "find_tone"]

# In levels of 8 bits, root mean squares of (Cb, Cr). Of 212 color photographs 99 percent have more
# than 4 of color that tone does not explain; of toned prints (simulated) none has more than 3.
_MONOCHROME = 2.0
_COLORED = 4.0
_STRONG_TONE = 12.0

_PAPER_SHARE = 0.02  # the brightest pixels are taken for the paper

# Strength of a spectral peak relative to its ring's median, see `find_halftone`. Of 666 photographs
# none exceeds 6, of simulated halftones (3 to 9 pixels a dot) none falls below 30.
_HALFTONE = 12.0
_HALFTONE_WINDOW = 256  # pixels
_HALFTONE_FREQUENCIES = (0.08, 0.5)  # cycles a pixel: dots of 2 to 12 pixels
_AXES = (
    0.03  # frequencies this close to an axis are bricks, blinds and the borders of JPEG's blocks
)

_SMALLEST = 64  # pixels; of less, a network recognizes nothing


@dataclass(frozen=True)
class Tone:
    """Whose color a picture shows.

    Attributes:
        kind: ``"neutral"``: gray; ``"toned"``: one hue over gray, as of sepia or yellowed paper;
            ``"colored"``: more than that.
        strength: root mean square of (Cb, Cr), in levels of 8 bits.
        paper: R, G and B of the brightest parts, in [0, 1], float32 ``(3,)``.
    """

    kind: Literal["neutral", "toned", "colored"]
    strength: float
    paper: np.ndarray


def find_tone(preview: np.ndarray) -> Tone:
    """Tell a toned print from a color photograph: a tone's chroma is a function of luminance.

    Args:
        preview: a small copy, RGB uint8 ``(h, w, 3)``.
    """
    rgb = preview.astype(np.float32) / 255.0
    y = color.luminance(rgb)[..., 0].ravel()
    chroma = 255.0 * color.chroma(rgb).reshape(-1, 2)
    strength = _rms(chroma)
    kind: Literal["neutral", "toned", "colored"] = "neutral"
    if strength > _MONOCHROME:
        kind = "colored" if _rms(chroma - _explained(y, chroma)) > _COLORED else "toned"
    brightest = y >= np.quantile(y, 1.0 - _PAPER_SHARE)
    return Tone(kind, strength, rgb.reshape(-1, 3)[brightest].mean(axis=0))


def _explained(y: np.ndarray, chroma: np.ndarray) -> np.ndarray:
    """The cubic function of luminance that is nearest to chroma ``(n, 2)``.

    By the normal equations, and without BLAS, whose threads would spin beside those of others.
    """
    powers = np.stack([np.ones_like(y), y, y**2, y**3]).astype(np.float64)
    squares = np.einsum("in,jn->ij", powers, powers)
    products = np.einsum("in,nc->ic", powers, chroma)
    factors = np.linalg.lstsq(squares, products, rcond=None)[0]
    return np.einsum("in,ic->nc", powers, factors)


def find_halftone(luminance: np.ndarray) -> bool:
    """Whether a picture is printed in a grid of dots, as in books and newspapers.

    A screen shows in the spectrum as two peaks of equal frequency, a quarter turn apart.

    Args:
        luminance: the middle of the picture at its full size, ``(h, w)``, any scale.
    """
    size = min(*luminance.shape, _HALFTONE_WINDOW)
    if size < _SMALLEST:
        return False
    top, left = ((side - size) // 2 for side in luminance.shape)
    window = np.hanning(size)
    square = luminance[top : top + size, left : left + size].astype(np.float64)
    spread = square.std()
    if spread == 0.0:
        return False
    square = (square - square.mean()) / spread * window[:, None] * window
    grid = _halftone_grid(size)
    spectrum = np.abs(np.fft.rfft2(square))
    sorted_rings = np.sort(np.append(spectrum.ravel(), np.inf)[grid.members], axis=1)
    middles = np.take_along_axis(sorted_rings, grid.middles, axis=1).mean(axis=1)
    peaks = np.where(grid.looked_at, spectrum / (middles[grid.rings] + 1e-9 * size**2), 0.0)
    row, column = np.unravel_index(peaks.argmax(), peaks.shape)
    # A quarter turn takes the frequency (fx, fy) to (-fy, fx).
    neighbors = np.arange(-1, 2)
    rows, columns = np.meshgrid((column + neighbors) % size, (neighbors - row) % size)
    # A real picture's spectrum at (-fx, -fy) is that at (fx, fy), so half of it is kept.
    mirrored = columns > size // 2
    rows, columns = np.where(mirrored, -rows, rows), np.where(mirrored, size - columns, columns)
    return bool(min(peaks[row, column], peaks[rows, columns].max()) > _HALFTONE)


@dataclass(frozen=True)
class _HalftoneGrid:
    """Where frequencies lie in half a spectrum, ``(size, size // 2 + 1)``.

    Attributes:
        rings: the distance from frequency 0 at each place, a whole number.
        looked_at: whether a screen's peak may be there.
        members: for each ring its places, each pair of mirrored ones once; behind them, to equal
            lengths, the place after the last.
        middles: for each ring, the two places in its sorted members whose mean is the median.
    """

    rings: np.ndarray
    looked_at: np.ndarray
    members: np.ndarray
    middles: np.ndarray


@functools.lru_cache(maxsize=4)
def _halftone_grid(size: int) -> _HalftoneGrid:
    fx, fy = np.meshgrid(np.fft.rfftfreq(size), np.fft.fftfreq(size))
    radius = np.hypot(fx, fy)
    rings = np.round(radius * size).astype(int)
    low, high = _HALFTONE_FREQUENCIES
    looked_at = (low < radius) & (radius < high) & (abs(fx) > _AXES) & (abs(fy) > _AXES)
    # In the columns of frequency 0 and 1/2, both of a mirrored pair are there.
    twice = ((fx == 0.0) | (fx == 0.5)) & (fy < 0.0) & (fy > -0.5)
    parts = [np.flatnonzero((rings == ring) & ~twice) for ring in range(rings.max() + 1)]
    members = np.full((len(parts), max(map(len, parts))), radius.size)
    for row, part in zip(members, parts):
        row[: len(part)] = part
    lengths = np.array([[len(part)] for part in parts])
    middles = np.concatenate([(lengths - 1) // 2, lengths // 2], axis=1)
    return _HalftoneGrid(rings, looked_at, members, middles)


def describe_condition(tone: Tone, halftone: bool, size: tuple[int, int]) -> tuple[str, ...]:
    """Warnings for the report, in words.

    Args:
        tone: of :func:`find_tone`.
        halftone: of :func:`find_halftone`.
        size: width and height in pixels.
    """
    warnings = []
    if tone.kind == "colored":
        warnings.append("already colored: its own color was ignored")
    if tone.kind == "toned" and tone.strength > _STRONG_TONE:
        warnings.append("strongly tinted")
    if min(size) < _SMALLEST:
        warnings.append(f"too small: {size[0]} x {size[1]} pixels show little to recognize")
    if halftone:
        warnings.append("halftone: printed in dots, which may be taken for texture")
    return tuple(warnings)


def _rms(chroma: np.ndarray) -> float:
    return float(np.sqrt(np.square(chroma).sum(axis=1).mean()))
