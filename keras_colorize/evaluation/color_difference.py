"""How different two colors look: CIEDE2000, on NumPy in double precision.

Hues of nearly gray colors are quotients of tiny numbers: single precision would make noise of them.
CIELAB serves to measure only; colors are computed in YCbCr (:mod:`keras_colorize.color`).
"""

import numpy as np

from keras_colorize.color import check_same_shape

__all__ = ["ciede2000", "delta_e", "rgb_to_lab"]

# Linear sRGB to CIE XYZ (IEC 61966-2-1). Its rows' sums are white's XYZ, the D65 of sRGB: divided
# by them, every gray gets equal X, Y and Z, so no hue.
_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
_XYZ_OF_WHITE_1 = _XYZ / _XYZ.sum(axis=1, keepdims=True)

_DELTA = 6 / 29  # CIE 15: below this root, CIELAB's cube root becomes a line


def rgb_to_lab(rgb: np.ndarray) -> np.ndarray:
    """sRGB ``(..., 3)`` in [0, 1] to CIELAB ``(..., 3)`` under D65, float64.

    L* lies in [0, 100]; a* and b* are 0 for gray and reach about ±100. sRGB is decoded as IEC
    61966-2-1 says, CIELAB is that of CIE 15.
    """
    if rgb.shape[-1:] != (3,):
        raise ValueError(f"rgb must have shape (..., 3). Received: shape {rgb.shape}")
    encoded = np.asarray(rgb, np.float64)
    power = ((np.maximum(encoded, 0.04045) + 0.055) / 1.055) ** 2.4
    light = np.where(encoded > 0.04045, power, encoded / 12.92)
    xyz = light @ _XYZ_OF_WHITE_1.T
    x, y, z = np.moveaxis(
        np.where(xyz > _DELTA**3, np.cbrt(xyz), xyz / (3 * _DELTA**2) + 4 / 29), -1, 0
    )
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def ciede2000(lab_a: np.ndarray, lab_b: np.ndarray) -> np.ndarray:
    """The CIEDE2000 difference of colors, with kL = kC = kH = 1; about 1 is just visible.

    Sharma, Wu and Dalal, "The CIEDE2000 color-difference formula: implementation notes,
    supplementary test data, and mathematical observations", 2005; the numbers of its equations
    stand beside them.

    Args:
        lab_a: CIELAB ``(..., 3)``.
        lab_b: CIELAB of the same shape.

    Returns:
        float64 ``(...)``, at least 0.
    """
    check_same_shape("lab_a", lab_a, "lab_b", lab_b)
    (light_a, a_a, b_a), (light_b, a_b, b_b) = (
        np.moveaxis(np.asarray(lab, np.float64), -1, 0) for lab in (lab_a, lab_b)
    )
    stretch = 1.5 - 0.5 * _saturation((np.hypot(a_a, b_a) + np.hypot(a_b, b_b)) / 2)  # (2)-(5)
    chroma_a, hue_a = np.hypot(stretch * a_a, b_a), np.arctan2(b_a, stretch * a_a)  # (6), (7)
    chroma_b, hue_b = np.hypot(stretch * a_b, b_b), np.arctan2(b_b, stretch * a_b)
    hue_a, hue_b = (np.where(hue < 0.0, hue + 2 * np.pi, hue) for hue in (hue_a, hue_b))

    gray = chroma_a * chroma_b == 0.0
    turn = hue_b - hue_a
    # Beyond half a turn the shorter way goes through 0; opposite hues are exact only to rounding.
    far = np.abs(turn) > np.pi + 1e-12
    turn = np.where(gray, 0.0, turn - 2 * np.pi * np.sign(turn) * far)  # (10)
    hue = hue_a + hue_b  # (14)
    around = np.where(hue < 2 * np.pi, np.pi, -np.pi)
    hue = np.where(gray, hue, hue / 2 + around * far)

    light, chroma = (light_a + light_b) / 2, (chroma_a + chroma_b) / 2  # (12), (13)
    t = (
        1
        - 0.17 * np.cos(hue - np.radians(30))
        + 0.24 * np.cos(2 * hue)
        + 0.32 * np.cos(3 * hue + np.radians(6))
        - 0.20 * np.cos(4 * hue - np.radians(63))
    )  # (15)
    off_middle = np.square(light - 50)
    d_light = (light_b - light_a) / (1 + 0.015 * off_middle / np.sqrt(20 + off_middle))  # (8), (18)
    d_chroma = (chroma_b - chroma_a) / (1 + 0.045 * chroma)  # (9), (19)
    d_hue = 2 * np.sqrt(chroma_a * chroma_b) * np.sin(turn / 2) / (1 + 0.015 * chroma * t)
    rotation = np.radians(60) * np.exp(-np.square((np.degrees(hue) - 275) / 25))  # (16)
    mixed = -np.sin(rotation) * 2 * _saturation(chroma) * d_chroma * d_hue  # (17), (21)
    squared = np.square(d_light) + np.square(d_chroma) + np.square(d_hue) + mixed
    return np.sqrt(np.maximum(squared, 0.0))  # (22); rounding may leave a little below 0


def delta_e(y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
    """Mean CIEDE2000 over the pixels of sRGB images ``(B, H, W, 3)`` in [0, 1]; float64 ``(B,)``.

    One image at a time, since a pixel takes some fifty numbers on the way.
    """
    check_same_shape("y_true", y_true, "y_pred", y_pred)
    return np.array(
        [ciede2000(rgb_to_lab(t), rgb_to_lab(p)).mean() for t, p in zip(y_true, y_pred)]
    )


def _saturation(chroma: np.ndarray) -> np.ndarray:
    """sqrt(C⁷ / (C⁷ + 25⁷)): from 0 for gray to 1 for vivid colors."""
    seventh = chroma**7
    return np.sqrt(seventh / (seventh + 25.0**7))
