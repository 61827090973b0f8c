"""ICC profiles: from the color space of a scan to sRGB."""

from collections.abc import Callable

import numpy as np

__all__ = ["Converter", "make_converter"]

#: Pixels ``(..., C)``, uint8 or uint16, to sRGB ``(..., 3)``, uint16.
Converter = Callable[[np.ndarray], np.ndarray]

# Bytes 16 to 19 of a profile name the space of its data (ICC.1:2022, section 7.2.6).
_SPACES = {b"GRAY": ("gray", 1), b"RGB ": ("rgb", 3), b"CMYK": ("cmyk", 4)}
_RELATIVE = 1  # rendering intent "media-relative colorimetric" (ICC.1:2022, section 7.2.15)
_BLACK_POINT_COMPENSATION = 0x2000  # a flag of Little CMS
# A profile that moves no color by more than this (of 65535: half a level of 8 bits) is sRGB.
_SAME = 128


def make_converter(profile: bytes, channels: int) -> Converter | None:
    """A conversion from a profile's space to sRGB; ``None`` where it is sRGB already.

    Args:
        profile: an ICC profile.
        channels: of the pixels: 1 gray, 3 RGB, 4 CMYK.

    Raises:
        ValueError: the profile is damaged or describes another kind of pixels.
    """
    space, expected = _SPACES.get(profile[16:20], ("", 0))
    if expected != channels:
        raise ValueError(
            f"its ICC profile describes {profile[16:20].decode('latin-1').strip() or 'nothing'}, "
            f"not pixels of {channels} channel{'s' if channels > 1 else ''}"
        )
    import imagecodecs
    from PIL import ImageCms

    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

    def convert(pixels: np.ndarray) -> np.ndarray:
        if channels == 1:
            pixels = pixels[..., 0]
        return imagecodecs.cms_transform(
            np.ascontiguousarray(pixels),
            profile,
            srgb,
            colorspace=space,
            outcolorspace="rgb",
            outdtype="uint16",
            intent=_RELATIVE,
            flags=_BLACK_POINT_COMPENSATION,
        )

    try:
        cube = _cube(channels)
        converted = convert(cube)
    except (imagecodecs.CmsError, ValueError, RuntimeError) as error:
        raise ValueError(f"its ICC profile is damaged: {error}") from error
    if channels != 4 and np.abs(converted.astype(int) - cube.astype(int)).max() <= _SAME:
        return None
    return convert


def _cube(channels: int) -> np.ndarray:
    """Pixels all over the space, uint16 ``(1, n, channels)``."""
    axis = np.linspace(0, 65535, 17 if channels == 1 else 5).round().astype(np.uint16)
    return np.stack(np.meshgrid(*[axis] * channels), axis=-1).reshape(1, -1, channels)
