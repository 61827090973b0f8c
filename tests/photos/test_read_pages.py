"""Archived photographs, of every kind of file, against luminance computed apart from here."""

import io
import logging
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from keras_colorize.errors import PhotoError
from keras_colorize.photos.pixels import WHITE
from keras_colorize.photos.reading import Page, largest_size, read_pages
from tests.conftest import CASES, SAMPLE
from tests.photo_kinds import (
    KINDS,
    Kind,
    build,
    color_pixels,
    deep_pixels,
    gray_pixels,
    luminance,
    psd,
    saved,
    tiff,
)

SIZES = {"": (61, 43), "pixel": (1, 1), "column": (1, 37), "row": (40, 1)}


def read(data: bytes, folder: Path, **options: Any) -> list[Page]:
    path = folder / "x"
    path.write_bytes(data)
    return list(read_pages(path, **options))


def read_one(data: bytes, folder: Path, **options: Any) -> Page:
    (page,) = read(data, folder, **options)
    return page


def check(page: Page, kind: Kind) -> None:
    assert page.luminance.dtype == np.uint16 and page.luminance.flags.c_contiguous
    assert page.luminance.shape == kind.luminance.shape == page.size[::-1]
    assert np.abs(page.luminance - kind.luminance).max() <= kind.tolerance
    assert page.depth == kind.depth
    if kind.alpha is None or (kind.alpha == WHITE).all():
        assert page.alpha is None
    else:
        assert page.alpha is not None and page.alpha.dtype == np.uint16
        np.testing.assert_array_equal(page.alpha, kind.alpha)


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
@pytest.mark.parametrize("name", KINDS)
def test_every_kind(name: str, size: tuple[int, int], tmp_path: Path) -> None:
    if name.startswith("heic"):
        pytest.importorskip("pillow_heif")
    kind = build(name, size)
    page = read_one(kind.data, tmp_path)
    check(page, kind)
    animated = "animated" in name and (size != SIZES["pixel"] or "gif" not in name)  # all the same
    first = ("animated: only its first picture is colored",) if animated else ()
    if name == "mpo":
        first = ("holds several pictures: only the first is colored",)
    assert page.notes == kind.notes + first


def test_a_series_of_heic_pictures(tmp_path: Path) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    rgb, file = color_pixels((61, 43)), io.BytesIO()
    series = pillow_heif.from_pillow(Image.fromarray(rgb))
    series.add_from_pillow(Image.fromarray(255 - rgb))
    series.save(file, quality=90)
    page = read_one(file.getvalue(), tmp_path)
    assert page.notes == ("holds several pictures: only the main one is colored",)
    assert np.abs(page.luminance - luminance(rgb)).mean() < 10 * 257


def test_an_animation_that_is_damaged_behind_its_first_picture(tmp_path: Path) -> None:
    kind = build("gif_animated")
    page = read_one(kind.data[: len(kind.data) // 2 + 8], tmp_path)
    check(page, kind)
    assert page.notes == ("animated: only its first picture is colored",)


def test_the_sample(tmp_path: Path) -> None:
    gray = SAMPLE / "historical" / "alpine_landscape.jpg"
    (page,) = read_pages(str(gray))
    with Image.open(gray) as image:
        np.testing.assert_array_equal(page.luminance, np.asarray(image).astype(int) * 257)
    assert page.tone.kind == "neutral"
    (page,) = read_pages(SAMPLE / "modern" / "pont_du_gard.jpg")
    assert page.tone.kind == "colored"


# ---- turned upright -----------------------------------------------------------------------------


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    "format_", ["JPEG", "PNG", "WEBP", "TIFF", "PNG 16", "TIFF 16", "TIFF RGB"]
)
def test_orientation(format_: str, orientation: int, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    gray = gray_pixels((61, 43), 16 if "16" in format_ else 8)
    image = Image.fromarray(gray)
    if format_ == "TIFF RGB":  # which tifffile reads, not Pillow
        data = tiff(deep_pixels((61, 43)), photometric="rgb", extratags=[(274, 3, 1, orientation)])
        expected = luminance(deep_pixels((61, 43)))
        upright = np.asarray(ImageOps.exif_transpose(with_orientation(expected, orientation)))
        assert np.abs(read_one(data, tmp_path).luminance - upright).max() < 0.6
        return
    options = {"lossless": True} if format_ == "WEBP" else {}
    data = saved(image, format_.split()[0], exif=exif, **options)
    page = read_one(data, tmp_path)
    with Image.open(io.BytesIO(data)) as stored:
        upright = np.asarray(ImageOps.exif_transpose(stored)).astype(int)
    if format_ == "WEBP":  # which knows color only
        upright = upright[..., 0]
    np.testing.assert_array_equal(page.luminance, upright * (1 if "16" in format_ else 257))


def with_orientation(array: np.ndarray, orientation: int) -> Image.Image:
    image = Image.fromarray(array.astype(np.float32))
    image.getexif()[0x0112] = orientation
    return image


def test_alpha_is_turned_too(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    gray = gray_pixels((20, 10), 8)
    alpha = np.arange(200, dtype=np.uint8).reshape(10, 20)
    data = saved(Image.fromarray(np.dstack([gray, alpha])), "PNG", exif=exif)
    page = read_one(data, tmp_path)
    assert page.alpha is not None
    np.testing.assert_array_equal(page.alpha, np.rot90(alpha, -1).astype(int) * 257)
    np.testing.assert_array_equal(page.luminance, np.rot90(gray, -1).astype(int) * 257)


def test_orientation_behind_the_pixels_of_a_png(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    data = build("png_rgb_16").data
    body = b"eXIf" + exif.tobytes()[6:]
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    page = read_one(data[:-12] + chunk + data[-12:], tmp_path)
    np.testing.assert_array_equal(page.luminance, read_one(data, tmp_path).luminance[::-1, ::-1])


# ---- documents of several pages -----------------------------------------------------------------


def test_measured_from_the_headers(tmp_path: Path) -> None:
    """Also where the pixels are missing, or lie on several pages."""
    path = SAMPLE / "modern" / "brick_house_garden.jpg"
    with Image.open(path) as photo:
        size = photo.size
        for suffix in (".jpg", ".png", ".tif"):
            photo.save(tmp_path / f"x{suffix}")
            assert largest_size(tmp_path / f"x{suffix}") == size
    (tmp_path / "cut.jpg").write_bytes(path.read_bytes()[:1000])
    assert largest_size(tmp_path / "cut.jpg") == size
    (tmp_path / "no.jpg").write_text("no photograph")
    with pytest.raises(PhotoError, match="not a photograph"):
        largest_size(tmp_path / "no.jpg")


def test_what_the_caller_raises_is_not_the_files_fault(tmp_path: Path) -> None:
    pages = read_pages(SAMPLE / "modern" / "pont_du_gard.jpg")
    next(pages)
    with pytest.raises(KeyError):
        pages.throw(KeyError("mine"))  # type: ignore[attr-defined]


# ---- what cannot be read ------------------------------------------------------------------------


def test_too_large_before_it_is_decoded(tmp_path: Path) -> None:
    message = r"^too large: 61 x 43 = 0\.002623 megapixels, limit 0\.0026; raise max_pixels$"
    for name in ("jpeg_rgb", "png_rgb_16", "webp_lossy", "bmp_rgb", "gif_gray", "tiff_rgb_16"):
        with pytest.raises(PhotoError, match=message):
            read(build(name).data, tmp_path, max_pixels=2600)
    for name in ("tiff_rgb_8", "tiff_rgb_16_lzw"):
        data = bytearray(build(name).data)
        data[18:22] = struct.pack("<I", 60000)  # the first tag is the width
        data[30:34] = struct.pack("<I", 60000)
        with pytest.raises(PhotoError, match="too large: 60000 x 60000 = 3600 megapixels, limit"):
            read(bytes(data), tmp_path)


def test_bombs_of_every_format(tmp_path: Path) -> None:
    """Headers that claim 65,000 x 65,000 pixels, hardly any pixels behind them."""
    png = build("png_rgb_8").data
    header = b"IHDR" + struct.pack(">II", 65000, 65000) + png[24:29]
    png = png[:12] + header + struct.pack(">I", zlib.crc32(header)) + png[33:]
    jpeg = bytearray(build("jpeg_rgb").data)
    frame = jpeg.index(b"\xff\xc0")
    jpeg[frame + 5 : frame + 9] = struct.pack(">HH", 65000, 65000)
    bmp = bytearray(build("bmp_rgb").data)
    bmp[18:26] = struct.pack("<II", 65000, 65000)
    gif = bytearray(build("gif_gray").data)
    gif[6:10] = struct.pack("<HH", 65000, 65000)
    for data in (png, bytes(jpeg), bytes(bmp), bytes(gif)):
        with pytest.raises(PhotoError, match=r"^too large: 65000 x 65000 = 4225 megapixels, limit"):
            read(data, tmp_path)


def test_truncated_everywhere(tmp_path: Path) -> None:
    for name in (
        "tiff_rgb_16",
        "tiff_gray_16_lzw",
        "tiff_rgb_8_deflate",
        "png_rgb_16",
        "jpeg_cmyk",
    ):
        data = build(name).data
        for share in (0.3, 0.6, 0.9):
            with pytest.raises(PhotoError, match=r"^(truncated|damaged|not a photo)[^\n]*$"):
                read(data[: int(len(data) * share)], tmp_path)


def test_files_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    with pytest.raises(PhotoError, match="unreadable: No such file or directory"):
        next(read_pages(path))
    path.touch()
    with pytest.raises(PhotoError, match=r"^the file is empty \(0 bytes\)$"):
        next(read_pages(path))
    path.write_bytes(b"GIF is short for")
    with pytest.raises(PhotoError, match="not a photograph that can be read"):
        next(read_pages(path))
    (tmp_path / "folder.jpg").mkdir()
    os.mkfifo(tmp_path / "pipe.jpg")
    for name in ("folder.jpg", "pipe.jpg"):
        with pytest.raises(PhotoError, match="not a regular file"):
            next(read_pages(tmp_path / name))
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(PhotoError, match="unreadable: Too many levels of symbolic links"):
        next(read_pages(tmp_path / "a"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_forbidden(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(build("png_rgb_8").data)
    path.chmod(0)
    with pytest.raises(PhotoError, match="unreadable: Permission denied"):
        next(read_pages(path))


NAMES = [
    b"with space.jpg",
    "日本 ü.jpg".encode(),
    b"two\nlines.jpg",
    b"not utf-8 \xff.jpg",
    b"-x.jpg",
]


@pytest.mark.parametrize("name", NAMES)
def test_names(name: bytes, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(name)
    kind = build("tiff_rgb_8_lzw")  # an ending of another format than the content's
    path.write_bytes(kind.data)
    (page,) = read_pages(path)
    check(page, kind)
    link = tmp_path / "link"
    link.symlink_to(path)
    (page,) = read_pages(link)
    check(page, kind)


def test_libraries_do_not_write_to_the_terminal(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What they log goes to who asked for it: `logging` prints where nobody did."""
    data = build("tiff_gray_16").data
    with caplog.at_level(logging.WARNING), pytest.raises(PhotoError):
        read(data[:8] + b"\1\0" + data[10:], tmp_path)
    program = (
        "import sys; from keras_colorize.photos.reading import read_pages\n"
        "try: next(read_pages(sys.argv[1]))\n"
        "except Exception as error: print(error)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "x"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert run.stdout.strip() and not run.stderr


def test_names_that_lie(tmp_path: Path) -> None:
    """The result would be written as the name says."""
    for name, note in [
        ("x.jpg", "mislabelled: PNG data in a file named .jpg; rename it to .png"),
        ("x.png", None),
        ("x.scan", None),
        ("x", None),
    ]:
        path = tmp_path / name
        path.write_bytes(build("png_rgb_8").data)
        (page,) = read_pages(path)
        assert page.notes == (() if note is None else (note,))


def test_sound_pixels_in_files_that_pillow_refuses() -> None:
    """What cannot be read is told."""
    (page,) = read_pages(CASES / "jpeg_empty_jfif.jpg")
    assert page.size == (160, 120) and page.notes == ("JPEG: APP0 could not be read",)
    (page,) = read_pages(CASES / "png_large_profile.png")
    assert page.size == (160, 120)


def test_a_psd_of_layers_alone(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match=r"^holds layers alone; save it with a flattened picture$"):
        read(psd(color_pixels((61, 43)), flattened=False), tmp_path)


def test_a_wrong_check_sum_is_told(tmp_path: Path) -> None:
    data = bytearray(build("png_gray_8").data)
    end = data.index(b"IEND") - 4
    data[end - 1] ^= 0xFF
    page = read_one(bytes(data), tmp_path)
    np.testing.assert_array_equal(page.luminance, build("png_gray_8").luminance)
    assert len(page.notes) == 1 and "check sum of its pixels is wrong" in page.notes[0]


# ---- memory -------------------------------------------------------------------------------------

MEASURE = """
import resource, sys
from keras_colorize.photos.reading import read_pages
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
list(read_pages(sys.argv[2]))
before = peak()
pages = list(read_pages(sys.argv[1]))
print((peak() - before) / 1024, pages[0].luminance.size)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss has another unit elsewhere")
@pytest.mark.parametrize(("format_", "bytes_a_pixel"), [("jpg", 4), ("tif", 6)])
def test_memory(format_: str, bytes_a_pixel: int, tmp_path: Path) -> None:
    """What the decoder holds, 2 bytes a pixel of luminance, and no second copy of either."""
    megapixels = 12
    rgb = np.tile(color_pixels((400, 300)), (10, 10, 1))
    small, large = tmp_path / f"small.{format_}", tmp_path / f"large.{format_}"
    if format_ == "jpg":
        Image.fromarray(rgb[:300]).save(small)
        Image.fromarray(rgb).save(large)
    else:
        tifffile.imwrite(small, rgb[:300].astype(np.uint16) * 257, photometric="rgb")
        tifffile.imwrite(large, rgb.astype(np.uint16) * 257, photometric="rgb")
    run = subprocess.run(
        [sys.executable, "-c", MEASURE, large, small],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    megabytes, pixels = map(float, run.stdout.split())
    assert pixels == megapixels * 1e6
    assert megabytes < megapixels * (bytes_a_pixel + 2) + 30
