"""Photographs as training sees them: RGB of 8 bits, reduced, from files of every format."""

import io
import os
import struct
import subprocess
import sys
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from keras_colorize.errors import PhotoError
from keras_colorize.photos import reading
from keras_colorize.photos.formats import FORMATS
from keras_colorize.photos.reading import largest_size, read_photo
from tests.conftest import SAMPLE
from tests.photo_kinds import build

pytestmark = pytest.mark.filterwarnings("error")

MODERN = SAMPLE / "modern" / "pont_du_gard.jpg"  # color, 289 x 192
HISTORICAL = SAMPLE / "historical" / "alpine_landscape.jpg"  # gray, 384 x 192


def photo() -> Image.Image:
    with Image.open(MODERN) as image:
        return image.convert("RGB")


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGB"))


def difference(a: np.ndarray, b: np.ndarray) -> int:
    assert a.shape == b.shape
    return int(np.abs(a.astype(int) - b.astype(int)).max())


def with_alpha() -> tuple[Image.Image, np.ndarray]:
    """The photograph fading out from right to left, and what it looks like on white paper."""
    rgb = pixels(photo()).astype(float)
    alpha = np.broadcast_to(np.linspace(0, 255, rgb.shape[1]).round()[:, None], (*rgb.shape[:2], 1))
    on_white = np.round(rgb * alpha / 255 + 255 - alpha)
    return Image.fromarray(np.concatenate([rgb, alpha], -1).astype(np.uint8)), on_white


# ---- formats and modes --------------------------------------------------------------------------


@pytest.mark.parametrize("path", [MODERN, HISTORICAL], ids=["color", "gray"])
def test_read_photo_of_the_sample(path: Path) -> None:
    image = read_photo(path)
    with Image.open(path) as expected:
        np.testing.assert_array_equal(image, pixels(expected))
    assert image.dtype == np.uint8 and image.shape[2] == 3 and image.flags.writeable


KIND_BY_FORMAT = {
    "JPEG": "jpeg_rgb",
    "PNG": "png_rgb_8",
    "WEBP": "webp_lossless",
    "BMP": "bmp_rgb",
    "GIF": "gif_gray",
    "TIFF": "tiff_rgb_8",
    "HEIF": "heic_rgb",
    "AVIF": "avif_rgb",
    "JPEG2000": "jp2_rgb_8",
    "JPEGXL": "jxl_rgb_8",
    "PNM": "pnm_rgb_8",
    "PSD": "psd_rgb",
}


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_suffix(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x{suffix.upper()}"
    if FORMATS[suffix] == "HEIF":
        pytest.importorskip("pillow_heif")
    kind = build(KIND_BY_FORMAT[FORMATS[suffix]])
    path.write_bytes(kind.data)
    assert largest_size(path) == (61, 43)
    rgb = read_photo(path, strict_suffix=True)
    assert np.abs(rgb @ (0.299, 0.587, 0.114) - kind.luminance / 257).max() <= 0.51


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation(tmp_path: Path, format_: str, orientation: int) -> None:
    path = tmp_path / "x.jpg"
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo().save(path, format_, exif=exif)
    with Image.open(path) as image:
        expected = pixels(ImageOps.exif_transpose(image))
    np.testing.assert_array_equal(read_photo(path), expected)
    reduced = read_photo(path, short_side=48)
    assert min(reduced.shape[:2]) == 48
    assert (reduced.shape[0] > reduced.shape[1]) == (expected.shape[0] > expected.shape[1])


def test_damaged_exif_is_no_reason_to_refuse(tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    photo().save(path, exif=b"Exif\0\0" + b"no TIFF header at all")
    assert read_photo(path).shape == pixels(photo()).shape


def test_modes_that_pillow_converts(tmp_path: Path) -> None:
    image = photo()
    for mode, format_ in [("1", "PNG"), ("L", "PNG"), ("CMYK", "JPEG"), ("P", "PNG"), ("P", "BMP")]:
        image.convert(mode).save(tmp_path / "x", format_)
        with Image.open(tmp_path / "x") as expected:
            np.testing.assert_array_equal(read_photo(tmp_path / "x"), pixels(expected))


@pytest.mark.parametrize("format_", ["PNG", "TIFF"])
def test_16_bit_gray_is_scaled(tmp_path: Path, format_: str) -> None:
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    Image.fromarray(values).save(tmp_path / "x", format_)
    image = read_photo(tmp_path / "x")
    assert difference(image, np.round(values / 257.0)[..., None].repeat(3, -1)) == 0
    assert image.min() == 0 and image.max() == 255


@pytest.mark.parametrize("format_", ["PNG", "WEBP", "TIFF"])
def test_transparency_becomes_white(tmp_path: Path, format_: str) -> None:
    image, on_white = with_alpha()
    image.save(tmp_path / "x", format_, **({"lossless": True} if format_ == "WEBP" else {}))
    result = read_photo(tmp_path / "x")
    # WebP doesn't keep the color of what is fully transparent, which is white all the same.
    assert difference(result, on_white) <= 1


def test_gray_and_palette_transparency_become_white(tmp_path: Path) -> None:
    image, on_white = with_alpha()
    for format_ in ("PNG", "TIFF"):
        image.convert("LA").save(tmp_path / "x", format_)
        result = read_photo(tmp_path / "x")
        assert (
            difference(result, pixels(Image.fromarray(on_white.astype(np.uint8)).convert("L"))) <= 2
        )
    palette = photo().quantize(16)
    palette.save(tmp_path / "x", "PNG", transparency=5)
    result = read_photo(tmp_path / "x")
    assert (result[np.asarray(palette) == 5] == 255).all()
    other = np.asarray(palette) != 5
    np.testing.assert_array_equal(result[other], pixels(palette)[other])


@pytest.mark.parametrize("format_", ["GIF", "WEBP", "PNG", "TIFF"])
def test_first_picture_of_several(tmp_path: Path, format_: str) -> None:
    first, second = photo(), ImageOps.invert(photo())
    first.save(tmp_path / "x", format_, save_all=True, append_images=[second])
    assert np.abs(read_photo(tmp_path / "x").astype(int) - pixels(first)).mean() < 12


def test_mpo_is_a_jpeg(tmp_path: Path) -> None:
    photo().save(tmp_path / "x.jpg", "MPO", save_all=True, append_images=[ImageOps.invert(photo())])
    image = read_photo(tmp_path / "x.jpg", strict_suffix=True)
    with Image.open(tmp_path / "x.jpg") as expected:
        assert expected.format == "MPO"
        np.testing.assert_array_equal(image, pixels(expected))


# ---- size ---------------------------------------------------------------------------------------


def test_short_side_reduces_and_never_enlarges() -> None:
    full = read_photo(MODERN)
    assert read_photo(MODERN, short_side=96).shape == (96, 144, 3)
    np.testing.assert_array_equal(read_photo(MODERN, short_side=5000), full)
    np.testing.assert_array_equal(read_photo(MODERN, short_side=192), full)
    with pytest.raises(ValueError, match="short_side must be at least 1"):
        read_photo(MODERN, short_side=0)


def test_reduced_jpeg_is_close_to_the_full_one(tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    photo().resize((1280, 850), Image.Resampling.BICUBIC).save(path, quality=95)
    for short_side in (32, 40, 64, 128):  # decoded at 1/8, 1/4, 1/4, 1/2
        quick = read_photo(path, short_side=short_side).astype(float)
        with Image.open(path) as image:
            size = (round(1280 * short_side / 850), short_side)
            careful = pixels(image.resize(size, Image.Resampling.LANCZOS)).astype(float)
        assert quick.shape == careful.shape
        assert np.abs(quick - careful).mean() < 0.8 and np.abs(quick - careful).max() < 8


def test_too_large(tmp_path: Path) -> None:
    with pytest.raises(
        PhotoError, match=r"too large: 289 x 192 = 0.05549 megapixels, limit 0.05; r"
    ):
        read_photo(MODERN, max_pixels=50_000)
    assert read_photo(MODERN, max_pixels=289 * 192).shape == (192, 289, 3)
    # A file of some kilobytes that would take 1.8 GB: its header is enough to refuse it.
    Image.new("1", (1, 1)).save(tmp_path / "x.png")
    data = (tmp_path / "x.png").read_bytes()
    header = b"IHDR" + struct.pack(">II", 30000, 20000) + data[24:29]
    checksum = struct.pack(">I", zlib.crc32(header))
    (tmp_path / "x.png").write_bytes(data[:12] + header + checksum + data[33:])
    with pytest.raises(
        PhotoError,
        match=r"too large: 30000 x 20000 = 600 megapixels, limit 200; raise max_pixels",
    ):
        read_photo(tmp_path / "x.png")


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "BMP", "GIF", "TIFF"])
def test_the_limit_of_pillow_does_not_interfere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format_: str
) -> None:
    """It refuses pictures of twice as many pixels, and warns of fewer."""
    photo().resize((1200, 900)).save(tmp_path / "x", format_)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 530_000)
    assert read_photo(tmp_path / "x").shape == (900, 1200, 3)
    assert Image.MAX_IMAGE_PIXELS == 530_000


def test_a_large_webp_is_refused_by_pillow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photo().save(tmp_path / "x.webp")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(PhotoError, match="too large for Pillow's WEBP decoder"):
        read_photo(tmp_path / "x.webp")


# ---- damage -------------------------------------------------------------------------------------


def test_files_that_hold_no_photograph(tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    with pytest.raises(PhotoError, match="unreadable: No such file or directory"):
        read_photo(path)
    path.write_bytes(b"")
    with pytest.raises(PhotoError, match=r"^the file is empty \(0 bytes\)$"):
        read_photo(path)
    path.write_bytes(b"<html>404</html>")
    with pytest.raises(PhotoError, match="not a photograph that can be read"):
        read_photo(path)
    (tmp_path / "folder.jpg").mkdir()
    os.mkfifo(tmp_path / "pipe.jpg")
    for name in ("folder.jpg", "pipe.jpg"):
        with pytest.raises(PhotoError, match="not a regular file"):
            read_photo(tmp_path / name)
    with pytest.raises(PhotoError, match="unreadable: embedded null byte"):
        read_photo("x\0.jpg")


def test_forbidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*arguments: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", forbidden)
    with pytest.raises(PhotoError, match=r"^unreadable: Permission denied$"):
        read_photo(MODERN)


def test_out_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*arguments: object) -> None:
        raise MemoryError

    monkeypatch.setattr(reading, "read_first_picture", exhausted)
    with pytest.raises(PhotoError, match="not enough memory"):
        read_photo(MODERN)


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "BMP", "GIF"])
@pytest.mark.parametrize("share", [0.002, 0.3, 0.95])
def test_truncated(tmp_path: Path, format_: str, share: float) -> None:
    image = io.BytesIO()
    photo().save(image, format_)
    data = image.getvalue()
    (tmp_path / "x").write_bytes(data[: max(20, int(len(data) * share))])
    with pytest.raises(PhotoError, match=r"^(truncated|damaged)[^\n]*$"):
        read_photo(tmp_path / "x")
    with pytest.raises(PhotoError):
        read_photo(tmp_path / "x", short_side=20)


def test_zero_sized(tmp_path: Path) -> None:
    photo().save(tmp_path / "x.bmp")
    data = bytearray((tmp_path / "x.bmp").read_bytes())
    data[18:22] = bytes(4)
    (tmp_path / "x.bmp").write_bytes(data)
    with pytest.raises(PhotoError, match="header has no size"):
        read_photo(tmp_path / "x.bmp")


def test_mislabelled(tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    photo().save(path, "PNG")
    assert read_photo(path).shape == (192, 289, 3)
    reason = r"^mislabelled: PNG data in a file named \.jpg; rename it to \.png$"
    with pytest.raises(PhotoError, match=reason):
        read_photo(path, strict_suffix=True)
    path.rename(tmp_path / "x")
    with pytest.raises(PhotoError, match="in a file without an ending; rename it to"):
        read_photo(tmp_path / "x", strict_suffix=True)


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's remarks about damaged metadata
@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF"])
def test_mutated_photographs(tmp_path: Path, format_: str) -> None:
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    photo().resize((72, 48)).save(buffer, format_, exif=exif)
    original = np.frombuffer(buffer.getvalue(), np.uint8)
    random = np.random.default_rng(20)
    read = 0
    for number in range(30):
        data = original.copy()
        # Headers matter most: half of the changes hit the first or the last 200 bytes.
        for _ in range(random.integers(1, 12)):
            reach = min(len(data), 200) if random.random() < 0.5 else len(data)
            index = int(random.integers(reach)) * (1 if random.random() < 0.7 else -1)
            data[index] = random.integers(256)
        path = tmp_path / f"{number}"
        path.write_bytes(
            data.tobytes()[: -random.integers(1, len(data)) if number % 5 == 0 else None]
        )
        try:
            image = read_photo(path, max_pixels=10_000_000, short_side=[None, 20][number % 2])
        except PhotoError as error:
            assert str(error) and "\n" not in str(error)
        else:
            read += 1
            assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3
            assert image.size
    assert read < 30


def test_warnings_of_the_caller_stay_as_they_were(tmp_path: Path) -> None:
    before = list(warnings.filters)
    photo().save(tmp_path / "x.tif")
    read_photo(tmp_path / "x.tif")
    assert list(warnings.filters) == before


def test_tensorflow_is_imported_for_tiff_only(tmp_path: Path) -> None:
    program = (
        "import sys; from keras_colorize.photos.reading import read_photo; "
        "read_photo(sys.argv[1]); assert 'tensorflow' not in sys.modules"
    )
    subprocess.run(
        [sys.executable, "-c", program, MODERN], check=True, cwd=SAMPLE.parent.parent, timeout=60
    )
