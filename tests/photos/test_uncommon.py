"""Headers of what imagecodecs decodes: sizes as they are, refused before anything is decoded."""

import io
import struct
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.ExifTags import Base as Tag

from keras_colorize.errors import PhotoError
from keras_colorize.photos.reading import largest_size, read_pages
from tests.photo_kinds import build, gray_pixels


def test_too_large_before_it_is_decoded(tmp_path: Path) -> None:
    jp2 = bytearray(build("jp2_gray_8").data)
    siz = jp2.index(b"\xff\x4f\xff\x51") + 2
    jp2[siz + 6 : siz + 14] = struct.pack(">II", 60000, 60000)
    for data in (bytes(jp2), b"P5 60000 60000 255\n" + bytes(9)):
        (tmp_path / "x").write_bytes(data)
        with pytest.raises(PhotoError, match=r"^too large: 60000 x 60000 = 3600 megapixels, limit"):
            next(read_pages(tmp_path / "x"))


@pytest.mark.parametrize("name", ["jp2_rgb_8", "jxl_gray_16", "pnm_rgb_16", "jpeg_gray_12"])
@pytest.mark.parametrize("share", [0.05, 0.4])
def test_truncated(name: str, share: float, tmp_path: Path) -> None:
    data = build(name, (289, 192)).data
    (tmp_path / "x").write_bytes(data[: int(len(data) * share)])
    with pytest.raises(PhotoError, match=r"^(truncated|damaged)[^\n]*$"):
        next(read_pages(tmp_path / "x"))


def test_a_deep_jpeg_keeps_what_it_says(tmp_path: Path) -> None:
    """Metadata, the profile and how to turn it stand beside numbers that Pillow doesn't read."""
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    image = Image.fromarray(gray_pixels((61, 43), 8))
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image.save(file, "JPEG", exif=exif, icc_profile=icc)
    head = file.getvalue()
    head = head[: head.index(b"\xff\xdb")]  # up to the first table
    deep = gray_pixels((61, 43), 16)
    data = imagecodecs.jpeg8_encode(deep, lossless=True, bitspersample=16)
    path = tmp_path / "x.jpg"
    path.write_bytes(head + data[2:].replace(b"\xff\xe0", b"\xff\xef", 1))
    assert largest_size(path) == (61, 43)
    (page,) = read_pages(path)
    np.testing.assert_array_equal(page.luminance, np.rot90(deep, -1))
    assert page.depth == 16 and page.notes == () and page.metadata.exif is not None


@pytest.mark.parametrize("bits", [10, 12])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_avif_keeps_its_depth(bits: int, channels: int, tmp_path: Path) -> None:
    draw = np.random.default_rng(bits)
    stored = draw.integers(0, 1 << bits, (31, 43, channels), np.uint16)
    stored[..., 3:] = (1 << bits) - 1  # opaque
    pixels = stored[..., 0] if channels == 1 else stored
    (tmp_path / "x.avif").write_bytes(
        imagecodecs.avif_encode(pixels, level=100, bitspersample=bits)
    )
    (page,) = read_pages(tmp_path / "x.avif")
    assert page.depth == 16
    weights = [1.0] if channels == 1 else [0.299, 0.587, 0.114]
    luminance = stored[..., : len(weights)] / ((1 << bits) - 1) @ weights
    np.testing.assert_allclose(page.luminance / 65535, luminance, atol=2e-5)


@pytest.mark.parametrize("orientation", [1, 6])
def test_heic_of_ten_bits_keeps_them_and_stands_upright(tmp_path: Path, orientation: int) -> None:
    heif = pytest.importorskip("pillow_heif")
    gray = np.linspace(0, 65535, 48 * 32).astype(np.uint16).reshape(32, 48)
    exif = Image.Exif()
    exif[Tag.Orientation] = orientation
    photo = heif.from_bytes(mode="I;16", size=(48, 32), data=gray.tobytes())
    photo.save(tmp_path / "x.heic", quality=-1, exif=exif.tobytes())
    (page,) = read_pages(tmp_path / "x.heic")
    assert page.depth == 16 and page.notes == ()
    assert len(np.unique(page.luminance)) > 1000
    upright = gray if orientation == 1 else np.rot90(gray, -1)
    np.testing.assert_allclose(page.luminance, upright, atol=64)


@pytest.mark.parametrize(("marker", "name"), [(0xF7, "JPEG-LS"), (0xC5, "hierarchical")])
def test_kinds_of_jpeg_that_are_not_read_are_named(marker: int, name: str, tmp_path: Path) -> None:
    data = bytearray(build("jpeg_gray").data)
    data[data.index(b"\xff\xc0") + 1] = marker
    (tmp_path / "x.jpg").write_bytes(data)
    with pytest.raises(PhotoError, match=f"^a kind of JPEG that is not read: {name}$"):
        next(read_pages(tmp_path / "x.jpg"))


@pytest.mark.parametrize(("tones", "name"), [(13, None), (16, "PQ"), (18, "HLG")])
def test_tones_of_high_dynamic_range_are_told(tones: int, name: str | None, tmp_path: Path) -> None:
    data = bytearray(build("avif_rgb").data)
    place = data.index(b"colrnclx") + 10
    data[place : place + 2] = struct.pack(">H", tones)
    (tmp_path / "x.avif").write_bytes(data)
    (page,) = read_pages(tmp_path / "x.avif")
    expected = f"its {name} tones are not read; they were taken for sRGB's"
    assert page.notes == (() if name is None else (expected,))
