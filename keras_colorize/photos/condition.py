"""What a photograph is like before it is colored: toned, in color already, tiny.

Measured on small copies; nothing here changes a photograph.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from keras_colorize import color

__all__ = ["Tone", "describe_condition", "find_tone", "is_gray"]

# In levels of 8 bits, root mean squares of (Cb, Cr). Of 212 color photographs 99 percent have more
# than 4 of color that tone does not explain; of toned prints (simulated) none has more than 3.
_MONOCHROME = 2.0
_COLORED = 4.0
_STRONG_TONE = 12.0

_PAPER_SHARE = 0.02  # the brightest pixels are taken for the paper

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


def is_gray(chroma: np.ndarray) -> bool:
    """Whether a picture has no color to speak of, not even a tone.

    Args:
        chroma: Cb and Cr of all its pixels, or of a small copy, float32 ``(..., 2)``.
    """
    return 255.0 * _rms(chroma.reshape(-1, 2)) <= _MONOCHROME


def _explained(y: np.ndarray, chroma: np.ndarray) -> np.ndarray:
    """The cubic function of luminance that is nearest to chroma ``(n, 2)``.

    By the normal equations, and without BLAS, whose threads would spin beside those of others.
    """
    powers = np.stack([np.ones_like(y), y, y**2, y**3]).astype(np.float64)
    squares = np.einsum("in,jn->ij", powers, powers)
    products = np.einsum("in,nc->ic", powers, chroma)
    factors = np.linalg.lstsq(squares, products, rcond=None)[0]
    return np.einsum("in,ic->nc", powers, factors)


def describe_condition(tone: Tone, size: tuple[int, int]) -> tuple[str, ...]:
    """Warnings for the report, in words.

    Args:
        tone: of :func:`find_tone`.
        size: width and height in pixels.
    """
    warnings = []
    if tone.kind == "colored":
        warnings.append("already colored: its own color was ignored")
    if tone.kind == "toned" and tone.strength > _STRONG_TONE:
        warnings.append("strongly tinted")
    if min(size) < _SMALLEST:
        warnings.append(f"too small: {size[0]} x {size[1]} pixels show little to recognize")
    return tuple(warnings)


def _rms(chroma: np.ndarray) -> float:
    return float(np.sqrt(np.square(chroma).sum(axis=1).mean()))
