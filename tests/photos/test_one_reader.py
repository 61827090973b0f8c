"""One photograph everywhere: who reads it, and from where, its luminance is the same."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, UnidentifiedImageError

from keras_colorize.evaluation.protocol import Protocol, read_truth
from keras_colorize.exporting.tflite import read_calibration
from keras_colorize.photos.formats import identify, open_file, suffix_of
from keras_colorize.photos.reading import read_luminance, read_pages, read_photo
from keras_colorize.training.photosets import load_photos
from tests.photo_kinds import KINDS, build, color_pixels, deep_pixels, saved
from tests.photos.icc_profiles import gray_profile, ink_profile, rgb_profile

WEIGHTS = (0.299, 0.587, 0.114)  # ITU-R BT.601
SIZE = (61, 43)

# Pillow itself gives other pixels: of 16 bits in color it keeps 8, without rounding; it doesn't
# invert where 0 is white, nor scale 12 bits; it takes the bytes of planes of 16 bits for pixels and
# turns those of compressed floats around; it forgets the transparent color of 16 bits, that numbers
# of 8 bits had a sign and how many bits those of 16 had; planes of YCbCr it takes for RGB, and some
# files for damaged.
CUT_BY_PILLOW = re.compile(
    r"(png|tiff|pnm|jp2)_(rgb|rgba|rgbx|graya|cmyk)_1[26]|(pnm|jp2)_gray_12|heic_.*_10"
)
MISREAD_BY_PILLOW = re.compile(
    r"png_rgb_16_transparent|tiff_gray_16_white_is_zero|tiff_rgba?_16_planar$|tiff_gray_12|.*_int"
    r"|tiff_gray_float32_1_big_endian_lzw|tiff_ycbcr|.*_bigtiff_big_endian|.*_webp$"
)


def write(data: bytes, folder: Path) -> Path:
    """A file whose ending is right."""
    folder.mkdir(exist_ok=True)
    path = folder / "x"
    path.write_bytes(data)
    with open_file(path) as file:
        return path.rename(path.with_suffix(suffix_of(identify(file))))


def check_everywhere(path: Path) -> None:
    """In levels of 8 bits."""
    expected = read_luminance(path) / 257
    height, width = expected.shape
    rgb = read_photo(path)
    # Each channel is rounded by half a level at most, and so their weighted mean.
    rounding = 0.5 + 1e-3
    assert np.abs(rgb @ WEIGHTS - expected).max() <= rounding
    np.testing.assert_array_equal(read_photo(str(path), short_side=min(height, width)), rgb)

    # Training in color and of old photographs.
    color, skipped = load_photos([path.parent], channels=3, short_side=SIZE[1])
    gray, _ = load_photos([path.parent], channels=1, short_side=SIZE[1])
    assert not skipped
    np.testing.assert_array_equal(color.fetch(0), rgb)
    assert np.abs(gray.fetch(0)[..., 0] - expected).max() <= 2 * rounding

    # Evaluation cuts out the square in the middle.
    side = min(height, width)
    truth = read_truth(path, Protocol(size=side))
    top, left = (height - side) // 2, (width - side) // 2
    np.testing.assert_array_equal(truth, rgb[top : top + side, left : left + side])

    # Calibration stretches the tones of its first photograph.
    (calibration,) = read_calibration(path.parent, (height, width))
    seen = rgb @ np.array(WEIGHTS)
    stretched = (seen - seen.min()) / np.ptp(seen)
    np.testing.assert_allclose(calibration[..., 0], stretched, atol=1e-5)

    # In a program's hands.
    assert np.abs(read_luminance(rgb) / 257 - expected).max() <= rounding
    assert np.abs(read_luminance(rgb / 255.0) / 257 - expected).max() <= rounding


@pytest.mark.parametrize("name", KINDS)
def test_every_kind(name: str, tmp_path: Path) -> None:
    if name.startswith("heic"):
        pytest.importorskip("pillow_heif").register_heif_opener()
    path = write(build(name, SIZE).data, tmp_path / "photos")
    check_everywhere(path)
    expected = read_luminance(path)
    if MISREAD_BY_PILLOW.match(name):
        return
    try:
        with Image.open(path) as image:
            difference = np.abs(read_luminance(image).astype(int) - expected).max()
    except UnidentifiedImageError:  # a kind that Pillow doesn't know
        assert re.match("tiff|jxl|jpeg_.*_1[26]", name)
        return
    associated = 257 if "associated" in name else 0  # Pillow divides 8 bits, and rounds down
    assert difference <= associated + (2 * 257 if CUT_BY_PILLOW.match(name) else 0)


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", [1, 5, 6, 8])
def test_profiles_and_orientations(format_: str, orientation: int, tmp_path: Path) -> None:
    """Adobe RGB, in which a green is darker than in sRGB by 11 levels."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    rgb = color_pixels(SIZE).copy()
    rgb[:9, :9] = (60, 200, 70)
    options = {"lossless": True} if format_ == "WEBP" else {}
    image = Image.fromarray(rgb)
    data = saved(image, format_, exif=exif, icc_profile=rgb_profile("adobe"), **options)
    path = write(data, tmp_path / "photos")
    check_everywhere(path)
    with Image.open(path) as opened:
        np.testing.assert_array_equal(read_luminance(opened), read_luminance(path))
    plain = write(saved(image, format_, exif=exif, **options), tmp_path / "plain")
    assert np.abs(read_luminance(plain).astype(int) - read_luminance(path)).max() > 5 * 257


@pytest.mark.parametrize("profile", ["gray", "inks"])
def test_profiles_of_gray_and_of_inks(profile: str, tmp_path: Path) -> None:
    image = Image.fromarray(color_pixels(SIZE)).convert("L" if profile == "gray" else "CMYK")
    icc = gray_profile(1.8) if profile == "gray" else ink_profile()
    path = write(saved(image, "TIFF", icc_profile=icc), tmp_path / "photos")
    check_everywhere(path)
    with Image.open(path) as opened:
        np.testing.assert_array_equal(read_luminance(opened), read_luminance(path))


def test_modes_of_pillow_with_more_than_8_bits(tmp_path: Path) -> None:
    """Mode I was cut to 8 bits."""
    deep = deep_pixels(SIZE)[..., 0]
    for mode in ("I", "I;16", "F"):
        image = Image.fromarray(deep / 65535.0 if mode == "F" else deep.astype(np.int32))
        image = image if mode != "I;16" else Image.fromarray(deep)
        assert image.mode == mode
        assert np.abs(read_luminance(image).astype(int) - deep).max() <= (mode == "F")


def test_a_transparent_color_of_16_bits_is_white(tmp_path: Path) -> None:
    """It stayed dark in training."""
    path = write(build("png_gray_16_transparent", SIZE).data, tmp_path / "photos")
    (page,) = read_pages(path)
    assert page.alpha is not None and (page.alpha == 0).any()
    assert (read_photo(path)[page.alpha == 0] == 255).all()
