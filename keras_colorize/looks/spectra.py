"""Light through dyes: from absorption spectra to linear RGB.

A dye is taken for a Gaussian band of absorption, in density: its maximum and width say most of what
its color is. The eye is that of Wyman, Sloan and Shirley, "Simple Analytic Approximations to the
CIE XYZ Color Matching Functions", JCGT 2(2), 2013; light is of equal energy, and whatever passes
without any dye is white.
"""

import numpy as np

from keras_colorize.color import SRGB_CURVE

__all__ = ["WAVELENGTHS", "bands", "decode", "dye", "encode", "to_linear_rgb"]

#: In nanometers, of all spectra here.
WAVELENGTHS = np.arange(400.0, 701.0, 10.0, dtype=np.float32)

# Amplitude, maximum, and one over the width below and above it; the paper's equations 4.
_X = (
    (0.362, 442.0, 0.0624, 0.0374),
    (1.056, 599.8, 0.0264, 0.0323),
    (-0.065, 501.1, 0.0490, 0.0382),
)
_Y = ((0.821, 568.8, 0.0213, 0.0247), (0.286, 530.9, 0.0613, 0.0322))
_Z = ((1.217, 437.0, 0.0845, 0.0278), (0.681, 459.0, 0.0385, 0.0725))
# XYZ to linear R, G and B: IEC 61966-2-1.
_XYZ_TO_RGB = np.array(
    [[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]]
)


def dye(maximum: float, width: float, density: float = 1.0) -> np.ndarray:
    """Densities of a dye, float32 ``(31,)``.

    Args:
        maximum: wavelength that it absorbs most, in nanometers.
        width: standard deviation of the band, in nanometers.
        density: at the maximum.
    """
    return (density * np.exp(-0.5 * np.square((WAVELENGTHS - maximum) / width))).astype(np.float32)


def bands() -> np.ndarray:
    """What of red, green and blue light has which wavelength, float32 ``(3, 31)``; rows sum to 1.

    Between 500 and 580 nm light is green, with 20 nm on either side in which it is both.
    """
    blue = np.clip((510.0 - WAVELENGTHS) / 20.0, 0.0, 1.0)
    red = np.clip((WAVELENGTHS - 570.0) / 20.0, 0.0, 1.0)
    light = np.stack([red, 1.0 - red - blue, blue])
    return (light / light.sum(axis=1, keepdims=True)).astype(np.float32)


def to_linear_rgb(transmission: np.ndarray) -> np.ndarray:
    """Color of light that has passed: ``(..., 31)`` in [0, 1] to linear RGB ``(..., 3)``.

    White is 1 in all three; saturated light may lie below 0 and above 1.
    """
    return transmission @ _OBSERVER


def decode(rgb: np.ndarray) -> np.ndarray:
    """Linear light of sRGB in [0, 1] (IEC 61966-2-1)."""
    slope, end, offset, power = SRGB_CURVE
    above = ((np.maximum(rgb, 0.0) + offset) / (1.0 + offset)) ** power
    return np.where(rgb <= slope * end, rgb / slope, above)


def encode(linear: np.ndarray) -> np.ndarray:
    """sRGB in [0, 1] of linear light, what lies outside cut off (IEC 61966-2-1)."""
    slope, end, offset, power = SRGB_CURVE
    linear = np.clip(linear, 0.0, 1.0)
    above = (1.0 + offset) * linear ** (1.0 / power) - offset
    return np.where(linear <= end, slope * linear, above)


def _lobes(parameters: tuple[tuple[float, float, float, float], ...]) -> np.ndarray:
    total = np.zeros_like(WAVELENGTHS)
    for amplitude, maximum, below, above in parameters:
        distance = WAVELENGTHS - maximum
        scaled = distance * np.where(distance < 0.0, below, above)
        total += amplitude * np.exp(-0.5 * np.square(scaled))
    return total


def _observer() -> np.ndarray:
    """What each wavelength adds to R, G and B, ``(31, 3)``; columns sum to 1."""
    rgb = np.stack([_lobes(curve) for curve in (_X, _Y, _Z)], axis=1) @ _XYZ_TO_RGB.T
    return (rgb / rgb.sum(axis=0)).astype(np.float32)


_OBSERVER = _observer()
