"""Color spaces and the rule that color is only ever added: luminance stays.

RGB <-> YCbCr follows ITU-R BT.601 in full range, the matrix that JFIF (ITU-T T.871) prescribes
for JPEG files. Every function takes NumPy arrays and Keras tensors alike and gives back what it
was given: NumPy in, NumPy out, without any deep-learning framework being imported. Where NumPy
meets a tensor, the tensor decides the kind and the dtype.

Ranges: R, G, B and Y in [0, 1]; Cb and Cr in [-0.5, 0.5]. Channels come last.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = [
    "CHROMA_LIMIT",
    "LUMINANCE_WEIGHTS",
    "SRGB_CURVE",
    "VIDEO_WEIGHTS",
    "add_chroma",
    "add_chroma_planes",
    "check_same_shape",
    "chroma",
    "chroma_conversion",
    "difference_factors",
    "limit_chroma",
    "limit_chroma_planes",
    "luminance",
    "replace_luminance",
    "rgb_to_ycbcr",
    "ycbcr_to_rgb",
]

#: Weights of R, G and B in the luminance Y (ITU-R BT.601-7, section 2.5.1).
LUMINANCE_WEIGHTS = (0.299, 0.587, 0.114)
#: Largest magnitude that Cb and Cr can take (ITU-T T.871, section 7).
CHROMA_LIMIT = 0.5

#: Of the tones of sRGB (IEC 61966-2-1): the slope at black, the light up to which it holds; the
#: offset and the power above.
SRGB_CURVE = (12.92, 0.0031308, 0.055, 2.4)

#: The weights by the names of video's matrix coefficients (ITU-T H.273, table 4), as FFmpeg has
#: them: BT.601 in its editions for 525 and 625 lines, BT.709 and BT.2020 (not constant luminance).
VIDEO_WEIGHTS = {
    "smpte170m": LUMINANCE_WEIGHTS,
    "bt470bg": LUMINANCE_WEIGHTS,
    "bt709": (0.2126, 0.7152, 0.0722),
    "bt2020nc": (0.2627, 0.6780, 0.0593),
}

_KR, _KG, _KB = LUMINANCE_WEIGHTS
# Cb = (B - Y) / (2 (1 - KB)) and Cr = (R - Y) / (2 (1 - KR)); T.871 prints
# their inverses, 0.5643 and 0.7133.
_CB_SCALE = 2.0 * (1.0 - _KB)
_CR_SCALE = 2.0 * (1.0 - _KR)
# KR (R - Y) + KG (G - Y) + KB (B - Y) = 0, by the definition of Y; T.871 prints 0.3441 and 0.7141.
_CB_GREEN = -_KB * _CB_SCALE / _KG
_CR_GREEN = -_KR * _CR_SCALE / _KG

# Tensors of any Keras backend, symbolic Keras tensors, and NumPy arrays.
Array = Any


def luminance(rgb: Array) -> Array:
    """Luminance Y of RGB: ``(..., 3)`` in [0, 1] to ``(..., 1)`` in [0, 1]; linear."""
    _check_channels("rgb", rgb, 3)
    red, green, blue = _channels(rgb)
    return _KR * red + _KG * green + _KB * blue


def chroma(rgb: Array) -> Array:
    """Cb and Cr of RGB: ``(..., 3)`` in [0, 1] to ``(..., 2)`` in [-0.5, 0.5]; linear."""
    _check_channels("rgb", rgb, 3)
    red, green, blue = _channels(rgb)
    y = _KR * red + _KG * green + _KB * blue
    return _join([(blue - y) / _CB_SCALE, (red - y) / _CR_SCALE])


def rgb_to_ycbcr(rgb: Array) -> Array:
    """RGB ``(..., 3)`` in [0, 1] to YCbCr ``(..., 3)``: Y in [0, 1], Cb and Cr in [-0.5, 0.5]."""
    return _join([luminance(rgb), chroma(rgb)])


def ycbcr_to_rgb(ycbcr: Array) -> Array:
    """YCbCr ``(..., 3)`` to RGB ``(..., 3)``, the exact inverse of :func:`rgb_to_ycbcr`.

    Nothing is clipped: where the color lies outside the RGB cube the result leaves [0, 1].
    :func:`limit_chroma` prevents that.
    """
    _check_channels("ycbcr", ycbcr, 3)
    y, cb, cr = _channels(ycbcr)
    return _join([y + difference for difference in _color_differences(cb, cr)])


def limit_chroma(y: Array, chroma: Array) -> Array:
    """Shrink chroma towards gray, hue kept, until the color fits into the RGB cube.

    Clipping R, G and B one by one would change the luminance; scaling (Cb, Cr) by the largest
    factor s <= 1 for which every channel of RGB(Y, s Cb, s Cr) lies in [0, 1] leaves Y as it is.

    Args:
        y: luminance ``(..., 1)`` in [0, 1].
        chroma: Cb and Cr ``(..., 2)``, any range.

    Returns:
        Cb and Cr ``(..., 2)``. :func:`ycbcr_to_rgb` of ``y`` with them lies in [0, 1], to within
        floating-point rounding.
    """
    y, chroma = _alike(y, chroma)
    _check_channels("y", y, 1)
    _check_channels("chroma", chroma, 2)
    return _join(limit_chroma_planes(y, *_channels(chroma)))


def add_chroma(y: Array, chroma: Array) -> Array:
    """The color image of a luminance and a chroma: where they do not fit, the luminance wins.

    Args:
        y: luminance ``(..., 1)`` in [0, 1].
        chroma: Cb and Cr ``(..., 2)``, any range; shrunk as by :func:`limit_chroma`.

    Returns:
        RGB ``(..., 3)`` in [0, 1], to within floating-point rounding, whose luminance is ``y``.
    """
    y, chroma = _alike(y, chroma)
    _check_channels("y", y, 1)
    _check_channels("chroma", chroma, 2)
    return _join(add_chroma_planes(y, *_channels(chroma)))


def add_chroma_planes(y: Array, cb: Array, cr: Array) -> tuple[Array, Array, Array]:
    """:func:`add_chroma` for planes: Y, Cb and Cr of one shape to R, G and B of that shape."""
    differences = _color_differences(cb, cr)
    scale = _room(y, differences)
    red, green, blue = (y + scale * difference for difference in differences)
    return red, green, blue


def limit_chroma_planes(y: Array, cb: Array, cr: Array) -> tuple[Array, Array]:
    """:func:`limit_chroma` for planes: Y, Cb and Cr of one shape to Cb and Cr of that shape."""
    scale = _room(y, _color_differences(cb, cr))
    return scale * cb, scale * cr


def replace_luminance(rgb: Array, y: Array) -> Array:
    """The color of one image with the luminance of another.

    Args:
        rgb: ``(..., 3)`` in [0, 1], the source of color.
        y: luminance ``(..., 1)`` in [0, 1], same leading shape.

    Returns:
        RGB ``(..., 3)`` in [0, 1] whose luminance is ``y``: the chroma of ``rgb``, shrunk into
        gamut by :func:`limit_chroma` where ``y`` leaves no room for it.
    """
    replaced = add_chroma(y, chroma(rgb))
    return _namespace(replaced).clip(replaced, 0.0, 1.0)


def _room(y: Array, differences: Sequence[Array]) -> Array:
    """The largest factor of at most 1 by which the differences from gray ``y`` stay in [0, 1]."""
    xp = _namespace(y)
    red, green, blue = differences
    # Their weighted sum is 0: the highest is never below gray, the lowest never above.
    highest = xp.maximum(xp.maximum(red, green), blue)
    lowest = xp.minimum(xp.minimum(red, green), blue)
    headroom = 1.0 - y
    # Quotients are 1 where there is room to spare; 1e-7 keeps 0/0 out of black and white.
    upwards = headroom / xp.maximum(xp.maximum(highest, headroom), 1e-7)
    downwards = y / xp.maximum(xp.maximum(-lowest, y), 1e-7)
    return xp.minimum(upwards, downwards)


def difference_factors(
    weights: tuple[float, float, float] = LUMINANCE_WEIGHTS,
) -> tuple[float, float, float, float]:
    """Of R - Y = a Cr, G - Y = b Cb + c Cr and B - Y = d Cb: a, b, c and d.

    Args:
        weights: of R, G and B in the luminance.
    """
    red, green, blue = weights
    cr, cb = 2.0 * (1.0 - red), 2.0 * (1.0 - blue)
    return cr, -blue * cb / green, -red * cr / green, cb


def chroma_conversion(weights: tuple[float, float, float]) -> np.ndarray:
    """What turns Cb and Cr of BT.601 into those for a luminance of other weights.

    A gray-and-white picture has the same luminance by all weights. It stays, and red, green and
    blue keep their distances from one another: the color is shifted along the axis of grays, no
    further than the two luminances lie apart.

    Args:
        weights: of R, G and B in the other luminance.

    Returns:
        float64 ``(2, 2)``, to be multiplied by a column of Cb and Cr.
    """
    a, b, c, d = difference_factors()
    differences = np.array([[0.0, a], [b, c], [d, 0.0]])  # of R, G and B from gray
    differences -= np.asarray(weights) @ differences
    cr_scale, _, _, cb_scale = difference_factors(weights)
    return np.stack([differences[2] / cb_scale, differences[0] / cr_scale])


def _color_differences(cb: Array, cr: Array) -> tuple[Array, Array, Array]:
    """R - Y, G - Y and B - Y of Cb and Cr, each ``(..., 1)``: how far from gray they lie."""
    return _CR_SCALE * cr, _CB_GREEN * cb + _CR_GREEN * cr, _CB_SCALE * cb


def _channels(image: Array) -> Sequence[Array]:
    # Slices would do, but each has a gradient as large as the whole image.
    return _namespace(image).split(image, image.shape[-1], axis=-1)


def _join(channels: Sequence[Array]) -> Array:
    return _namespace(channels[0]).concatenate(channels, axis=-1)


def _alike(a: Array, b: Array) -> tuple[Array, Array]:
    """Where a NumPy array meets a tensor, both as tensors of that tensor's dtype."""
    if isinstance(a, np.ndarray) == isinstance(b, np.ndarray):
        return a, b
    import keras

    dtype = keras.backend.standardize_dtype((b if isinstance(a, np.ndarray) else a).dtype)
    return keras.ops.convert_to_tensor(a, dtype), keras.ops.convert_to_tensor(b, dtype)


def _check_channels(name: str, array: Array, channels: int) -> None:
    if not array.shape or array.shape[-1] != channels:
        raise ValueError(
            f"{name} must have {channels} channel{'s' if channels > 1 else ''} in its last "
            f"dimension. Received: shape {tuple(array.shape)}"
        )


def _namespace(array: Array) -> Any:
    """``numpy`` for NumPy arrays, ``keras.ops`` (same names) for everything else."""
    if isinstance(array, np.ndarray):
        return np
    import keras

    return keras.ops


def check_same_shape(name_a: str, a: Any, name_b: str, b: Any) -> None:
    """Raise a ValueError unless two tensors have the same shape, as far as it is known.

    Unequal shapes would broadcast silently into a value that means something else.
    """
    if len(a.shape) != len(b.shape) or any(
        p is not None and q is not None and p != q for p, q in zip(a.shape, b.shape)
    ):
        raise ValueError(
            f"{name_a} and {name_b} must have the same shape. "
            f"Received: {tuple(a.shape)} and {tuple(b.shape)}"
        )
