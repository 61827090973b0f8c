"""JPEG XL: what its head says of the size and the colors, and what its boxes hold.

The files in tests/cases are of FFmpeg 7 and libjxl, lossless but for one: ``ffmpeg -i x.png -vf
setparams=color_primaries=...:color_trc=... -c:v libjxl -distance 0``; two have Adobe RGB's profile.
"""

import io
import struct
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from keras_colorize.metadata.reading import orientation
from keras_colorize.metadata.upright import upright
from keras_colorize.photos.jpegxl import read_jpegxl_head
from keras_colorize.photos.reading import Page, largest_size, read_luminance, read_pages
from tests.conftest import ROOT
from tests.metadata.sources import EXIFTOOL, XMP
from tests.photo_kinds import WEIGHTS, color_pixels, gray_pixels, saved
from tests.photos.icc_profiles import rgb_profile
from tests.photos.test_jpeg2000 import box

CASES = ROOT / "tests" / "cases"
LINEAR_LIGHT = {  # of a number in [0, 1] (IEC 61966-2-1; ITU-R BT.709)
    "p3": lambda v: np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4),
    "bt709": lambda v: np.where(v < 0.081, v / 4.5, ((v + 0.099) / 1.099) ** (1 / 0.45)),
    "linear": lambda v: v,
}
# Of Display P3 to linear light of sRGB (W3C, CSS Color Module Level 4, sample code).
P3_TO_SRGB = np.array(
    [
        [1.2249402, -0.2249402, 0.0],
        [-0.0420570, 1.0420570, 0.0],
        [-0.0196376, -0.0786361, 1.0982736],
    ]
)

# Each is coded in its own way: multiples of 8, ratios of the sides, and neither.
SIZES = [(1, 1), (8, 8), (256, 256), (256, 64), (300, 200), (640, 480), (1200, 1000), (1920, 1080)]
SIZES += [(500, 250), (511, 513), (9000, 3), (3, 9000)]


@pytest.mark.parametrize("size", SIZES)
def test_sizes(size: tuple[int, int]) -> None:
    for dtype in (np.uint8, np.uint16):  # the latter in boxes
        data = imagecodecs.jpegxl_encode(np.zeros(size[::-1], dtype), lossless=True)
        assert data.startswith(b"\xff\x0a" if dtype == np.uint8 else b"\0\0\0\x0cJXL ")
        assert read_jpegxl_head(data).size == size


def to_srgb(light: np.ndarray) -> np.ndarray:
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def read(data: bytes, folder: Path) -> Page:
    (folder / "x.jxl").write_bytes(data)
    (page,) = read_pages(folder / "x.jxl")
    return page


@pytest.mark.parametrize("bits", [1, 4, 10, 14])
def test_few_and_odd_bits_reach_white(bits: int, tmp_path: Path) -> None:
    white, dtype = (1 << bits) - 1, np.uint16 if bits > 8 else np.uint8
    stored = (np.arange(48 * 32).reshape(32, 48) % (white + 1)).astype(dtype)
    page = read(imagecodecs.jpegxl_encode(stored, lossless=True, bitspersample=bits), tmp_path)
    assert page.depth == (16 if bits > 8 else 8)
    share = stored / white
    # imagecodecs writes more than 8 bits as linear light.
    expected = to_srgb(share) if bits > 8 else share
    np.testing.assert_allclose(page.luminance / 65535, expected, atol=2e-4)


def write_bits(*fields: tuple[int, int]) -> bytes:
    """A head of numbers, each with its count of bits, the lowest bit first."""
    bits = [number >> place & 1 for number, count in fields for place in range(count)]
    return b"\xff\x0a" + np.packbits(bits, bitorder="little").tobytes()


def test_a_head_with_all_that_it_may_have() -> None:
    size = [(0, 1), (0, 2), (42, 9), (0, 3), (0, 2), (60, 9)]  # 61 x 43
    preview = [(1, 1), (2, 2), (3, 5), (1, 3)]
    animation = [(0, 2), (0, 2), (0, 2), (0, 1)]
    head = [*size, (0, 1), (1, 1), (5, 3), (1, 1), *size, (1, 1), *preview, (1, 1), *animation]
    head += [(0, 1), (2, 2), (1, 1)]  # 12 bits
    # Two channels more: opacity, called "a", by which colors were multiplied; and black.
    head += [
        (2, 2),
        (0, 4),
        (0, 1),
        (0, 2),
        (0, 1),
        (0, 2),
        (0, 2),
        (1, 2),
        (1, 4),
        (97, 8),
        (1, 1),
    ]
    head += [(0, 1), (2, 2), (2, 4), (0, 1), (0, 2), (0, 2), (0, 2)]
    head += [(0, 1), (0, 1), (0, 1), (0, 2)]  # not lossy; colors, without a profile, RGB
    head += [(2, 2), (0, 4)]  # a white of its own, in millionths, twice as much as it is positive
    head += [(1, 2), (2 * 345_700 - 524_288, 19), (1, 2), (2 * 358_500 - 524_288, 19)]
    head += [(2, 2), (7, 4), (1, 1), (4_545_455, 24)]  # primaries of BT.2100, light by a power
    found = read_jpegxl_head(write_bits(*head))
    assert (found.size, found.orientation, found.bits) == ((61, 43), 6, 12)
    assert found.associated and found.has_black and not found.lossy and not found.has_profile
    assert found.white == (0.3457, 0.3585) and found.primaries == (
        (0.708, 0.292),
        (0.170, 0.797),
        (0.131, 0.046),
    )
    assert found.tones == pytest.approx(2.2)


@pytest.mark.parametrize("name", LINEAR_LIGHT)
def test_colors_that_are_named(name: str) -> None:
    """By primaries and by tones: as their formulas have it."""
    light = LINEAR_LIGHT[name](color_pixels((24, 16)) / 255.0)
    if name == "p3":
        light = np.clip(light @ P3_TO_SRGB.T, 0.0, 1.0)
    (page,) = read_pages(CASES / f"jxl_{name}.jxl")
    assert page.notes == ()
    assert np.abs(page.luminance / 65535 - to_srgb(light) @ WEIGHTS).max() < 0.006


def test_tones_that_are_not_read_are_named() -> None:
    (page,) = read_pages(CASES / "jxl_pq.jxl")
    assert page.notes == ("JPEG XL: its PQ tones are not read; they were taken for sRGB's",)


def test_a_profile_that_is_not_read_is_told() -> None:
    (page,) = read_pages(CASES / "jxl_profile.jxl")
    assert page.notes[0].startswith("JPEG XL: its color profile is not read")
    np.testing.assert_allclose(page.luminance / 257, color_pixels((24, 16)) @ WEIGHTS, atol=0.01)


def test_a_lossy_picture_with_a_profile_is_as_bright_as_its_original(tmp_path: Path) -> None:
    """Its decoder gives linear light, which looks far too dark as it is."""
    image = Image.fromarray(color_pixels((24, 16)))
    image.save(tmp_path / "x.png", icc_profile=rgb_profile("adobe"))
    original = read_luminance(tmp_path / "x.png") / 257
    (page,) = read_pages(CASES / "jxl_profile_lossy.jxl")
    difference = page.luminance / 257 - original
    assert abs(difference.mean()) < 1 and np.abs(difference).mean() < 6
    assert "linear light" in page.notes[0]


def boxed(*boxes: bytes) -> tuple[bytes, np.ndarray]:
    """A lossless picture with more boxes, and its pixels."""
    pixels = gray_pixels((61, 43), 8)
    data = imagecodecs.jpegxl_encode(pixels, lossless=True, usecontainer=True)
    assert data.startswith(b"\0\0\0\x0cJXL ")
    return data + b"".join(boxes), pixels


@pytest.mark.parametrize("packed", [False, True])
def test_metadata(packed: bool, tmp_path: Path) -> None:
    """How to turn it, EXIF may say, but the codestream decides: here, not at all."""
    contents = {b"Exif": bytes(4) + EXIFTOOL, b"xml ": XMP}
    boxes = [
        box(b"brob", kind + imagecodecs.brotli_encode(content)) if packed else box(kind, content)
        for kind, content in contents.items()
    ]
    data, pixels = boxed(*boxes, box(b"jumb", b"credentials"))
    page = read(data, tmp_path)
    np.testing.assert_array_equal(page.luminance, pixels * np.uint16(257))
    assert page.metadata.xmp == XMP and page.metadata.dpi == (600, 300)
    assert page.metadata.exif is not None and "Félix".encode() in page.metadata.exif
    assert orientation(page.metadata) == 1
    assert page.metadata.warnings == ("left out: boxes called 'jumb'",)


def test_what_is_packed_too_well_is_left_out(tmp_path: Path) -> None:
    data, _ = boxed(box(b"brob", b"xml " + imagecodecs.brotli_encode(bytes(40_000_000))))
    page = read(data, tmp_path)
    assert page.metadata.xmp is None
    assert page.metadata.warnings == ("left out: boxes called 'xml '",)


def turned_jpeg() -> bytes:
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "Brücke"
    image = Image.fromarray(color_pixels((61, 43)))
    return saved(image, "JPEG", exif=exif, icc_profile=rgb_profile("adobe"), xmp=XMP)


def test_a_jpeg_inside_is_read_as_that_jpeg(tmp_path: Path) -> None:
    """With the profile, which nothing else can take out."""
    jpeg = turned_jpeg()
    (tmp_path / "x.jpg").write_bytes(jpeg)
    (expected,) = read_pages(tmp_path / "x.jpg")
    page = read(imagecodecs.jpegxl_encode_jpeg(jpeg), tmp_path)
    np.testing.assert_array_equal(page.luminance, expected.luminance)
    assert page.metadata == expected.metadata and page.notes == ()


def test_its_own_word_turns_it(tmp_path: Path) -> None:
    """A JPEG's pictures, turned by EXIF, without what would give back the JPEG and without EXIF."""
    data = imagecodecs.jpegxl_encode_jpeg(turned_jpeg())
    at, kept = 0, []
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        if kind not in (b"jbrd", b"brob"):
            kept.append(data[at : at + size])
        at += size
    page = read(b"".join(kept), tmp_path)
    with Image.open(io.BytesIO(turned_jpeg())) as image:
        upright_gray = np.asarray(image.transpose(Image.Transpose.ROTATE_270).convert("L"))
    assert page.size == (43, 61) and largest_size(tmp_path / "x.jxl") == (61, 43)
    assert np.abs(page.luminance / 257 - upright_gray).mean() < 2
    assert orientation(page.metadata) == 6 and orientation(upright(page.metadata, page.size)) == 1
