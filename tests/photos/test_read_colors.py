"""Photographs in other colors than sRGB, by their profiles, and on toned paper."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from keras_colorize.photos.pixels import WHITE
from keras_colorize.photos.reading import Page, read_pages
from tests.photo_kinds import build, color_pixels, gray_pixels, luminance, saved, tiff
from tests.photos.icc_profiles import gray_profile, ink_profile, rgb_profile


def read_one(data: bytes, folder: Path, **options: Any) -> Page:
    path = folder / "x"
    path.write_bytes(data)
    (page,) = read_pages(path, **options)
    return page


def srgb_curve(linear: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1."""
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("depth", [8, 16])
def test_gray_profile_is_converted(depth: int, tmp_path: Path) -> None:
    gray = gray_pixels((61, 43), depth)
    data = saved(Image.fromarray(gray), "PNG", icc_profile=gray_profile(1.8))
    page = read_one(data, tmp_path)
    expected = WHITE * srgb_curve((gray / (2.0**depth - 1)) ** (461 / 256))
    assert np.abs(page.luminance - expected).max() < 2
    assert page.notes == () and page.depth == depth


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_profile_of_color_is_converted(format_: str, tmp_path: Path) -> None:
    options = {"lossless": True} if format_ == "WEBP" else {}
    image = Image.fromarray(color_pixels((61, 43)))
    profile = rgb_profile("adobe")
    data = saved(image, format_, icc_profile=profile, **options)
    page = read_one(data, tmp_path)
    with Image.open(io.BytesIO(data)) as stored:
        converted = ImageCms.profileToProfile(
            stored,
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    assert converted is not None
    difference = page.luminance - luminance(np.asarray(converted))
    assert np.abs(difference).max() < 257  # the oracle rounds to 8 bits
    assert np.abs(page.luminance - luminance(np.asarray(image))).max() > 257
    assert page.notes == ()


@pytest.mark.parametrize("profile", ["srgb", "srgb of 1998"])
def test_srgb_changes_nothing(profile: str, tmp_path: Path) -> None:
    rgb, gray = color_pixels((61, 43)), gray_pixels((61, 43), 16)
    icc = rgb_profile(profile)
    page = read_one(saved(Image.fromarray(rgb), "PNG", icc_profile=icc), tmp_path)
    assert np.abs(page.luminance - luminance(rgb)).max() < 0.6 and page.notes == ()
    page = read_one(saved(Image.fromarray(gray), "PNG", icc_profile=icc), tmp_path)
    np.testing.assert_array_equal(page.luminance, gray)
    assert page.notes == ()


def test_profile_that_cannot_be_used(tmp_path: Path) -> None:
    rgb = color_pixels((61, 43))
    for icc, note in [
        (gray_profile(2.2), "its ICC profile describes GRAY, not pixels of 3 channels; ignored"),
        (rgb_profile("adobe")[:200], "its ICC profile is damaged: "),
        (b"no profile", "its ICC profile describes nothing, not pixels of 3 channels; ignored"),
    ]:
        page = read_one(saved(Image.fromarray(rgb), "TIFF", icc_profile=icc), tmp_path)
        assert np.abs(page.luminance - luminance(rgb)).max() < 0.6
        assert len(page.notes) == 1 and page.notes[0].startswith(note)


def test_profile_of_inks_that_is_damaged(tmp_path: Path) -> None:
    image = Image.fromarray(color_pixels((61, 43))).convert("CMYK")
    data = saved(image, "JPEG", icc_profile=bytes(16) + b"CMYK" + bytes(200))
    page = read_one(data, tmp_path)
    with Image.open(io.BytesIO(data)) as stored:
        expected = luminance(np.asarray(stored.convert("RGB")))
    assert np.abs(page.luminance - expected).max() <= 257
    assert len(page.notes) == 1 and "damaged" in page.notes[0]


def test_profile_of_inks(tmp_path: Path) -> None:
    image = Image.fromarray(color_pixels((61, 43))).convert("CMYK")
    for format_ in ("JPEG", "TIFF"):
        data = saved(image, format_, icc_profile=ink_profile())
        page = read_one(data, tmp_path)
        with Image.open(io.BytesIO(data)) as stored:
            expected = ImageCms.profileToProfile(
                stored,
                ImageCms.ImageCmsProfile(io.BytesIO(ink_profile())),
                ImageCms.createProfile("sRGB"),
                renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
                outputMode="RGB",
                flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
            )
        assert expected is not None and page.notes == ()
        assert np.abs(page.luminance - luminance(np.asarray(expected))).max() < 257


def test_inks_of_16_bits(tmp_path: Path) -> None:
    inks = np.asarray(Image.fromarray(color_pixels((61, 43))).convert("CMYK"))
    deep = inks.astype(np.uint16) * 257 - (inks > 0).astype(np.uint16)
    page = read_one(tiff(deep, photometric="separated"), tmp_path)
    cmy, black = deep[..., :3] / WHITE, deep[..., 3:] / WHITE
    expected = WHITE * ((1 - cmy) * (1 - black) @ (0.299, 0.587, 0.114))
    assert np.abs(page.luminance - expected).max() <= 1 and page.depth == 16


def sepia(gray: np.ndarray) -> np.ndarray:
    """A print on yellowed paper: white becomes (250, 235, 200)."""
    return np.rint(gray[..., None] * (np.array([250, 235, 200]) / 255)).astype(np.uint8)


def test_remove_tint(tmp_path: Path) -> None:
    gray = gray_pixels((289, 192), 8)
    gray[:8] = 255  # paper
    data = saved(Image.fromarray(sepia(gray)), "PNG")
    plain, cleaned = read_one(data, tmp_path), read_one(data, tmp_path, remove_tint=True)
    assert plain.tone.kind == cleaned.tone.kind == "toned"
    assert plain.notes == () and cleaned.notes == ("tint removed",)
    assert plain.luminance.max() < 240 * 257
    # The paper is as bright as its brightest channel was, and all else in proportion.
    assert np.abs(cleaned.luminance / 257 - gray * (250 / 255)).max() < 2
    colored = build("png_rgb_8").data
    np.testing.assert_array_equal(
        read_one(colored, tmp_path).luminance,
        read_one(colored, tmp_path, remove_tint=True).luminance,
    )
