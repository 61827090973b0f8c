"""ICC profiles: from the color space of a scan to sRGB, by Little CMS.

What Little CMS does to be fast costs 16-bit pixels up to 5 levels of 8 bits, so those go through
tables here: their luminance is within 10 of 65535 of the exact one (tests/photos/test_profiles.py).
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_colorize.color import SRGB_CURVE
from keras_colorize.photos.pixels import deepen

__all__ = ["Converter", "lab_to_srgb", "make_converter", "make_rgb_profile", "srgb_profile"]

# As SRGB_CURVE is told; that of video by ITU-R BT.709, section 1.2.
_CURVES = {"sRGB": SRGB_CURVE, "BT.709": (4.5, 0.018, 0.099, 1 / 0.45)}

#: Pixels ``(..., C)``, uint8 or uint16, to sRGB ``(..., 3)``, uint16.
Converter = Callable[[np.ndarray], np.ndarray]

# Bytes 16 to 19 of a profile name the space of its data (ICC.1:2022, section 7.2.6).
_SPACES = {b"GRAY": ("gray", 1), b"RGB ": ("rgb", 3), b"CMYK": ("cmyk", 4)}
_RELATIVE = 1  # rendering intent "media-relative colorimetric" (ICC.1:2022, section 7.2.15)
# Flags of Little CMS: black point compensation, and no precalculated grid in place of the profile.
_FAST, _EXACT = 0x2000, 0x2000 | 0x0100
# A profile that moves no color by more than this (of 65535: half a level of 8 bits) is sRGB.
_SAME = 128
# How far a sum of three tables of linear light may be from the profile, of 1.
_ADDITIVE = 1e-4

# ITU-R BT.709, section 1: white point D65 and primaries, x and y each.
_D65 = (0.3127, 0.3290, 1.0)
_PRIMARIES = (0.64, 0.33, 1.0, 0.30, 0.60, 1.0, 0.15, 0.06, 1.0)


@functools.lru_cache(maxsize=16)  # photographs of one camera or scanner share a profile
def make_converter(profile: bytes, channels: int) -> Converter | None:
    """A conversion from a profile's space to sRGB; ``None`` where it is sRGB already.

    Args:
        profile: an ICC profile.
        channels: of the pixels: 1 gray, 3 RGB, 4 CMYK. Gray with a profile of RGB, which many
            programs write, is RGB of three equal channels.

    Raises:
        ValueError: the profile is damaged or describes another kind of pixels.
    """
    space, expected = _SPACES.get(profile[16:20], ("", 0))
    if expected != channels and (space, channels) != ("rgb", 1):
        raise ValueError(
            f"its ICC profile describes {profile[16:20].decode('latin-1').strip() or 'nothing'}, "
            f"not pixels of {channels} channel{'s' if channels > 1 else ''}"
        )
    import imagecodecs

    try:
        cube = _cube(expected)
        converted = _transform(cube, profile, space, flags=_EXACT)
        if channels == 1:
            gray = np.arange(65536, dtype=np.uint16)[:, None].repeat(expected, axis=1)
            table = _transform(gray, profile, space, flags=_EXACT)
            identity = np.abs(table.astype(int) - gray[:, :1]).max() <= _SAME
            return None if identity else lambda pixels: table[deepen(pixels)[..., 0]]
        if channels == 3 and np.abs(converted.astype(int) - cube).max() <= _SAME:
            return None
        tables = _linear_tables(profile) if channels == 3 else None
    except (imagecodecs.CmsError, ValueError, RuntimeError) as error:
        raise ValueError(f"its ICC profile is damaged: {error}") from error

    def convert(pixels: np.ndarray) -> np.ndarray:
        if tables is None or pixels.dtype == np.uint8:
            return _transform(pixels, profile, space, flags=_FAST)
        light = sum(table[pixels[..., channel]] for channel, table in enumerate(tables))
        return _encoding()[np.rint(np.clip(light, 0.0, 1.0) * 65535).astype(np.uint16)]

    return convert


@functools.lru_cache(maxsize=16)
def make_rgb_profile(
    white: tuple[float, float],
    primaries: tuple[tuple[float, float], tuple[float, float], tuple[float, float]],
    tones: str | float,
) -> bytes:
    """The ICC profile of colors that a file names by numbers.

    Args:
        white: x and y.
        primaries: of red, green and blue.
        tones: ``"sRGB"`` (IEC 61966-2-1), ``"BT.709"`` (ITU-R BT.709, section 1), or light as a
            power of the number.
    """
    import imagecodecs

    options: dict[str, Any] = {"gamma": tones}
    if isinstance(tones, str):
        slope, threshold, offset, power = _CURVES[tones]
        value = np.linspace(0.0, 1.0, 4096)
        curve = ((value + offset) / (1.0 + offset)) ** power
        light = np.where(value < slope * threshold, value / slope, curve)
        options = {"transferfunction": light.astype(np.float32)}
    flat = [number for xy in primaries for number in (*xy, 1.0)]
    return imagecodecs.cms_profile("rgb", whitepoint=(*white, 1.0), primaries=flat, **options)


def lab_to_srgb(stored: np.ndarray, *, signed: bool) -> np.ndarray:
    """L*, a* and b* of illuminant D50, as files store them, to sRGB, uint16 ``(..., 3)``.

    Args:
        stored: uint8 or uint16 ``(..., 3)``. L* of 0 to 100 fills all bits; a* and b* are integers,
            in 16 bits of 1/256.
        signed: whether a* and b* are signed (TIFF 6.0, section 23, and Pillow), or have 128 added
            (Adobe).
    """
    step = np.float32(1.0 if stored.dtype == np.uint8 else 1.0 / 256.0)
    lightness = stored[..., :1] * np.float32(100.0 / np.iinfo(stored.dtype).max)
    chroma = stored[..., 1:]
    if signed:
        chroma = chroma.astype(f"i{stored.dtype.itemsize}") * step
    else:
        chroma = chroma * step - np.float32(128.0)
    lab = np.concatenate([lightness, chroma], axis=-1)
    return _transform(lab, _lab_profile(), "lab", _EXACT)


@functools.cache
def srgb_profile() -> bytes:
    """The ICC profile of sRGB that Little CMS makes, with a fixed date: the same bytes each day."""
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    date = b"".join(number.to_bytes(2, "big") for number in (2000, 1, 1, 0, 0, 0))
    return profile[:24] + date + profile[36:]  # ICC.1:2022, section 7.2: bytes 24 to 35


def _transform(
    pixels: np.ndarray, profile: bytes, space: str, flags: int, output: bytes | None = None
) -> np.ndarray:
    """To uint16 of sRGB, or float32 of another profile of RGB."""
    import imagecodecs

    row = np.ascontiguousarray(pixels).reshape(1, -1, pixels.shape[-1])
    converted = imagecodecs.cms_transform(
        row[..., 0] if space == "gray" else row,
        profile,
        srgb_profile() if output is None else output,
        colorspace=space,
        outcolorspace="rgb",
        outdtype="uint16" if output is None else "float32",
        intent=_RELATIVE,
        flags=flags,
    )
    return converted.reshape(*pixels.shape[:-1], 3)


def _linear_tables(profile: bytes) -> list[np.ndarray] | None:
    """For R, G and B, what each of 65536 values adds to linear light in sRGB's primaries.

    ``None`` for the few profiles of RGB that are tables themselves and don't add up so.
    """
    values = np.linspace(0.0, 1.0, 65536, dtype=np.float32)
    tables = []
    for channel in range(3):
        pixels = np.zeros((65536, 3), np.float32)
        pixels[:, channel] = values
        tables.append(_transform(pixels, profile, "rgb", _EXACT, _linear_srgb()))
    cube = _cube(3)
    light = sum(table[cube[..., channel]] for channel, table in enumerate(tables))
    exact = _transform(cube / np.float32(65535), profile, "rgb", _EXACT, _linear_srgb())
    return tables if np.abs(light - exact).max() < _ADDITIVE else None


@functools.cache
def _encoding() -> np.ndarray:
    """From linear light, of 65535, to sRGB, uint16."""
    gray = np.arange(65536, dtype=np.uint16)[:, None].repeat(3, axis=1)
    return _transform(gray, _linear_srgb(), "rgb", _EXACT)[:, 1].copy()


@functools.cache
def _lab_profile() -> bytes:
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()


@functools.cache
def _linear_srgb() -> bytes:
    import imagecodecs

    return imagecodecs.cms_profile("rgb", whitepoint=_D65, primaries=_PRIMARIES, gamma=1.0)


def _cube(channels: int) -> np.ndarray:
    """Pixels all over the space, uint16 ``(n, channels)``."""
    axis = np.linspace(0, 65535, 17 if channels == 1 else 5).round().astype(np.uint16)
    return np.stack(np.meshgrid(*[axis] * channels), axis=-1).reshape(-1, channels)
