"""Color profiles against their formulas, and against Little CMS as Pillow calls it."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from keras_colorize.photos.profiles import make_converter, srgb_profile
from tests.photo_kinds import color_pixels, deep_pixels, gray_pixels
from tests.photos.icc_profiles import PRIMARIES, gray_profile, ink_profile, rgb_profile

WEIGHTS = (0.299, 0.587, 0.114)  # ITU-R BT.601


def srgb_curve(linear: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1."""
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def from_adobe(rgb: np.ndarray) -> np.ndarray:
    """Adobe RGB (1998) in [0, 1] to sRGB of 65535, what lies outside clipped."""
    linear = rgb ** (563 / 256) @ (np.linalg.inv(PRIMARIES["srgb"]) @ PRIMARIES["adobe"]).T
    return 65535 * srgb_curve(np.clip(linear, 0.0, 1.0))


def test_adobe_rgb_of_16_bits() -> None:
    photo = deep_pixels((61, 43))
    noise = np.random.default_rng(0).integers(0, 65536, (43, 61, 3)).astype(np.uint16)
    convert = make_converter(rgb_profile("adobe"), 3)
    assert convert is not None
    for pixels in (photo, noise):
        converted = convert(pixels)
        assert converted.dtype == np.uint16 and converted.shape == pixels.shape
        difference = converted - from_adobe(pixels / 65535)
        assert np.abs(difference).max() < 32
        assert np.abs(difference @ WEIGHTS).max() < 10


def test_adobe_rgb_of_8_bits() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (43, 61, 3)).astype(np.uint8)
    convert = make_converter(rgb_profile("adobe"), 3)
    assert convert is not None
    difference = convert(pixels) - from_adobe(pixels / 255)
    assert np.abs(difference @ WEIGHTS).max() < 64  # a quarter of a level of 8 bits


@pytest.mark.parametrize("gamma", [1.0, 1.8, 2.2])
def test_gray(gamma: float) -> None:
    convert = make_converter(gray_profile(gamma), 1)
    assert convert is not None
    exponent = round(gamma * 256) / 256  # as the profile has it
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1)
    expected = 65535 * srgb_curve((values / 65535) ** exponent)
    assert np.abs(convert(values) - expected).max() < 2
    few = np.arange(256, dtype=np.uint8).reshape(1, 256, 1)
    np.testing.assert_array_equal(convert(few), convert(few.astype(np.uint16) * 257))


def test_gray_with_a_profile_of_rgb() -> None:
    convert = make_converter(rgb_profile("adobe"), 1)
    assert convert is not None
    gray = gray_pixels((61, 43), 16)[..., None]
    converted = convert(gray)
    assert converted.shape == (43, 61, 3)
    assert np.abs(converted - from_adobe(gray.repeat(3, -1) / 65535)).max() < 16


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", ["srgb", "srgb of 1998"])
def test_srgb_is_none(name: str, channels: int) -> None:
    assert make_converter(rgb_profile(name), channels) is None


def test_srgb_of_pillow_is_none() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert make_converter(profile, 3) is None


def test_inks() -> None:
    image = Image.fromarray(color_pixels((61, 43))).convert("CMYK")
    profile = ink_profile()
    expected = ImageCms.profileToProfile(
        image,
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    assert expected is not None
    convert = make_converter(profile, 4)
    assert convert is not None
    inks = np.asarray(image)
    for pixels in (inks, inks.astype(np.uint16) * 257):
        assert np.abs(convert(pixels) / 257 - np.asarray(expected)).max() < 1


def test_profiles_that_cannot_be_used() -> None:
    for profile, channels, reason in [
        (gray_profile(2.2), 3, "its ICC profile describes GRAY, not pixels of 3 channels"),
        (gray_profile(2.2), 4, "describes GRAY, not pixels of 4 channels"),
        (bytes(16) + b"CMYK", 1, "describes CMYK, not pixels of 1 channel$"),
        (b"", 3, "describes nothing, not pixels of 3 channels"),
        (rgb_profile("adobe")[:300], 3, "its ICC profile is damaged: "),
        (bytes(16) + b"GRAY" + bytes(200), 1, "its ICC profile is damaged: "),
        (ink_profile()[:400], 4, "its ICC profile is damaged: "),
    ]:
        with pytest.raises(ValueError, match=reason):
            make_converter(profile, channels)


def test_the_profiles_made_here_are_what_little_cms_reads() -> None:
    for profile in (gray_profile(2.2), rgb_profile("adobe"), rgb_profile("srgb of 1998")):
        read = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        assert ImageCms.getProfileDescription(read).strip() == "made for tests"


def test_srgb_profile_is_srgb_and_has_no_clock() -> None:
    assert struct.unpack(">6H", srgb_profile()[24:36]) == (2000, 1, 1, 0, 0, 0)
    profile = ImageCms.ImageCmsProfile(io.BytesIO(srgb_profile()))
    photo = Image.fromarray(color_pixels((61, 43)))
    same = ImageCms.profileToProfile(photo, profile, ImageCms.createProfile("sRGB"))
    assert same is not None
    assert np.abs(np.asarray(same).astype(int) - np.asarray(photo)).max() <= 1
