"""Formats by name and by content, and files that read no more than they hold."""

import io
import struct
from pathlib import Path

import pytest
from PIL import Image

from keras_colorize.errors import PhotoError
from keras_colorize.photos.formats import (
    FORMATS,
    PHOTO_SUFFIXES,
    identify,
    mislabelled,
    open_file,
    photo_errors,
    suffix_of,
    turn_of,
)
from tests.photo_kinds import build

KIND_OF_FORMAT = {
    "JPEG": "jpeg_rgb",
    "PNG": "png_rgb_8",
    "WEBP": "webp_lossy",
    "BMP": "bmp_rgb",
    "GIF": "gif_gray",
    "TIFF": "tiff_rgb_8",
    "HEIF": "heic_rgb",
    "AVIF": "avif_rgb",
    "JPEG2000": "jp2_rgb_8",
    "JPEGXL": "jxl_rgb_8",
    "PNM": "pnm_gray_8",
    "PSD": "psd_rgb",
}


def test_every_format_has_a_kind_here() -> None:
    assert set(KIND_OF_FORMAT) == set(FORMATS.values())
    assert tuple(FORMATS) == PHOTO_SUFFIXES


@pytest.mark.parametrize("format_", KIND_OF_FORMAT)
def test_identify(format_: str) -> None:
    if format_ == "HEIF":
        pytest.importorskip("pillow_heif")
    file = io.BytesIO(build(KIND_OF_FORMAT[format_]).data)
    assert identify(file) == format_ and file.tell() == 0


def test_more_signatures() -> None:
    for name, format_ in [("tiff_gray_8_bigtiff", "TIFF"), ("tiff_rgb_16_big_endian", "TIFF")]:
        assert identify(io.BytesIO(build(name).data)) == format_
    big_endian = b"MM\0+" + build("tiff_gray_8_bigtiff").data[4:]
    assert identify(io.BytesIO(big_endian)) == "TIFF"
    # A brand of AVIF's and HEIC's containers; the ones behind it tell.
    avif = build("avif_rgb").data
    assert avif[8:12] == b"avif" and identify(io.BytesIO(avif[:8] + b"mif1" + avif[12:])) == "AVIF"
    for data in (b"RIFF\0\0\0\0WAVE", b"GIF86a", b"II*", b"\xff\xd8", b"\0\0\0\x18ftypmp42"):
        with pytest.raises(PhotoError, match="not a photograph that can be read"):
            identify(io.BytesIO(data))


def test_suffixes() -> None:
    for suffix, format_ in FORMATS.items():
        assert mislabelled(Path(f"x{suffix.upper()}"), format_) is None
    assert suffix_of("JPEG") == ".jpg" and suffix_of("HEIF") == ".heic"
    reason = "mislabelled: TIFF data in a file named .PNG; rename it to .tif"
    assert mislabelled(Path("x.PNG"), "TIFF") == reason


def test_a_file_reads_no_more_than_it_holds(tmp_path: Path) -> None:
    """Python allocates what it is asked for: a header that claims 2^62 bytes would end a run."""
    (tmp_path / "x").write_bytes(bytes(range(256)) * 100)
    with open_file(tmp_path / "x") as file:
        assert file.read(10) == bytes(range(10))
        assert len(file.read(1 << 62)) == 25590
        assert file.read(1 << 62) == b""
        file.seek(25599)
        assert file.read() == b"\xff"
        file.seek(0)
        assert len(file.read(None)) == 25600  # type: ignore[arg-type]
        file.seek(0)
        assert len(file.read(-1)) == 25600


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (MemoryError(), "not enough memory to decode it"),
        (EOFError(), "truncated: the file ends before the picture does"),
        (OSError("image file is truncated (3 bytes)"), "truncated: the file ends before"),
        (SyntaxError("not identified by this driver"), "damaged PNG data: its header has no size"),
        (ValueError("two\n lines"), "damaged PNG data: two lines"),
        (struct.error("unpack requires a buffer of 4 bytes"), "truncated: the file ends before"),
        (KeyError(), "damaged PNG data: KeyError"),
        (OSError("Unsupported BMP compression (4)"), "a kind of PNG that is not read: Unsupported"),
        (Image.DecompressionBombError("huge"), "too large for Pillow's PNG decoder: huge"),
        (PhotoError("mine"), "mine"),
    ],
)
def test_reasons(error: Exception, reason: str) -> None:
    with pytest.raises(PhotoError) as raised, photo_errors("PNG"):
        raise error
    assert str(raised.value).startswith(reason)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_is_no_damage_passes(error: type[BaseException]) -> None:
    with pytest.raises(error), photo_errors("PNG"):
        raise error


def test_turn_of_an_orientation_that_is_none() -> None:
    for value in (0, 1, 9, 65535):
        image = Image.new("L", (2, 2))
        image.getexif()[0x0112] = value
        assert turn_of(image) is None
