"""JPEG 2000: its boxes, written by hand, mean what they mean in other formats."""

import struct
from pathlib import Path
from uuid import UUID

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from keras_colorize.errors import PhotoError
from keras_colorize.photos.reading import Page, largest_size, read_luminance, read_pages
from tests.metadata.sources import EXIFTOOL, XMP
from tests.photo_kinds import color_pixels, deep_pixels, gray_pixels, tiff
from tests.photos.icc_profiles import gray_profile, ink_profile, rgb_profile


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def uuid(name: str, content: bytes) -> bytes:
    return box(b"uuid", UUID(name).bytes + content)


def in_header(jp2: bytes, *, colors: bytes | None = None, more: bytes = b"") -> bytes:
    """With another box of the color space, and more boxes behind it."""
    at, header = jp2.index(b"colr") - 4, jp2.index(b"jp2h") - 4
    size, length = (int.from_bytes(jp2[i : i + 4], "big") for i in (at, header))
    new = (jp2[at : at + size] if colors is None else colors) + more
    length += len(new) - size
    return jp2[:header] + struct.pack(">I", length) + jp2[header + 4 : at] + new + jp2[at + size :]


def colored_by(jp2: bytes, number: int) -> bytes:
    return in_header(jp2, colors=box(b"colr", struct.pack(">BBBI", 1, 0, 0, number)))


def read(data: bytes, folder: Path) -> Page:
    (folder / "x.jp2").write_bytes(data)
    (page,) = read_pages(folder / "x.jp2")
    return page


@pytest.mark.parametrize("method", [2, 3])  # restricted profiles, and any
@pytest.mark.parametrize("colors", ["gray", "rgb"])
@pytest.mark.parametrize("bits", [8, 16])
def test_a_profile_is_applied(colors: str, bits: int, method: int, tmp_path: Path) -> None:
    """Once, and as that of a TIFF."""
    pixels = gray_pixels((61, 43), bits)
    icc = gray_profile(1.8)
    if colors == "rgb":
        pixels = color_pixels((61, 43)) if bits == 8 else deep_pixels((61, 43))
        icc = rgb_profile("adobe")
    plain = imagecodecs.jpeg2k_encode(pixels, level=0)
    page = read(in_header(plain, colors=box(b"colr", bytes([method, 0, 0]) + icc)), tmp_path)
    same = tmp_path / "x.tif"
    same.write_bytes(
        tiff(pixels, photometric="rgb" if colors == "rgb" else "minisblack", iccprofile=icc)
    )
    np.testing.assert_array_equal(page.luminance, read_luminance(same))
    assert (read(plain, tmp_path).luminance != page.luminance).any()


def test_metadata(tmp_path: Path) -> None:
    """EXIF, XMP and IPTC in the boxes of their UUIDs; what is turned is turned once."""
    stored = gray_pixels((61, 43), 8)
    iptc = b"\x1c\x02\x78\0\x04Brug"
    data = imagecodecs.jpeg2k_encode(stored, level=0)
    data += box(b"uuid", b"JpgTiffExif->JP2" + EXIFTOOL)  # turned: orientation 6
    data += uuid("be7acfcb-97a9-42e8-9c71-999491e3afac", XMP)
    data += uuid("33c7a4d2-b81d-4723-a0ba-f1a3e097ad38", iptc)
    data += uuid("b14bf8bd-083d-4b43-a5ae-8cd7d5a6ce03", b"where the aerial photograph lies")
    page = read(data, tmp_path)
    np.testing.assert_array_equal(page.luminance, np.rot90(stored, -1) * np.uint16(257))
    assert largest_size(tmp_path / "x.jp2") == (61, 43)
    assert page.metadata.xmp == XMP and page.metadata.iptc == iptc
    assert page.metadata.exif == EXIFTOOL
    assert page.metadata.dpi == (600, 300)
    assert page.metadata.warnings == ("left out: boxes called 'uuid'",)


@pytest.mark.parametrize("kind", [b"resc", b"resd"])
def test_resolution(kind: bytes, tmp_path: Path) -> None:
    """In pixels per meter, as a fraction times a power of ten: down, then across."""
    per_meter = struct.pack(">4H2b", 11811, 100, 23622, 1, 2, 0)
    resolution = box(b"res ", box(kind, per_meter))
    data = in_header(imagecodecs.jpeg2k_encode(gray_pixels((61, 43), 8)), more=resolution)
    assert read(data, tmp_path).metadata.dpi == (600, 300)


@pytest.mark.parametrize("by_profile", [False, True])
def test_four_inks(by_profile: bool, tmp_path: Path) -> None:
    inks = np.asarray(Image.fromarray(color_pixels((61, 43))).convert("CMYK")).copy()
    inks[..., 3] = 40
    plain = imagecodecs.jpeg2k_encode(inks, level=0)
    icc = ink_profile() if by_profile else None
    data = colored_by(plain, 12)
    if icc is not None:
        data = in_header(plain, colors=box(b"colr", b"\3\0\0" + icc))
    same = tmp_path / "x.tif"
    same.write_bytes(tiff(inks, photometric="separated", iccprofile=icc))
    page = read(data, tmp_path)
    np.testing.assert_array_equal(page.luminance, read_luminance(same))
    assert page.alpha is None


def test_luminance_and_chroma(tmp_path: Path) -> None:
    rgb = Image.fromarray(color_pixels((61, 43)))
    stored = np.asarray(rgb.convert("YCbCr"))
    page = read(colored_by(imagecodecs.jpeg2k_encode(stored, level=0), 18), tmp_path)
    assert np.abs(page.luminance / 257 - stored[..., 0]).max() < 1.5


@pytest.mark.parametrize("bits", [8, 16])
def test_signed_numbers(bits: int, tmp_path: Path) -> None:
    gray = gray_pixels((61, 43), bits)
    half = 1 << (bits - 1)
    signed = (gray.astype(np.int64) - half).astype(f"i{bits // 8}")
    page = read(imagecodecs.jpeg2k_encode(signed, level=0), tmp_path)
    np.testing.assert_array_equal(page.luminance, gray * np.uint16(257 if bits == 8 else 1))
    assert f"signed numbers: {-half} was taken for black" in page.notes[0]


@pytest.mark.parametrize(
    "number, name", [(14, "CIELab"), (13, "YCCK"), (21, "ROMM-RGB"), (99, "of number 99")]
)
def test_colors_that_are_not_read_are_named(number: int, name: str, tmp_path: Path) -> None:
    data = colored_by(imagecodecs.jpeg2k_encode(color_pixels((61, 43))), number)
    with pytest.raises(PhotoError, match=rf"^a kind of JPEG 2000 that is not read: .* is {name}$"):
        read(data, tmp_path)


def test_more_channels_than_a_photograph_has(tmp_path: Path) -> None:
    data = imagecodecs.jpeg2k_encode(np.zeros((16, 16, 7), np.uint8))
    with pytest.raises(PhotoError, match=r"^not a photograph: its JPEG 2000 holds 7 channels$"):
        read(data, tmp_path)
