"""What is read of a photograph's metadata, and what is said of damage."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image
from PIL.ExifTags import IFD
from PIL.ExifTags import Base as Tag
from PIL.PngImagePlugin import PngInfo

from keras_colorize.metadata.exif import parse_exif
from keras_colorize.metadata.reading import Metadata, orientation, read_metadata
from tests.metadata.sources import (
    EXIFTOOL,
    IPTC,
    NOTE,
    XMP,
    metadata_of,
    opened,
    photo,
    segment,
    with_maker_note,
)


def test_orientation_from_xmp_where_exif_is_silent() -> None:
    assert orientation(Metadata(xmp=XMP)) == 6
    exif = Image.Exif()
    exif[Tag.Orientation] = 3
    assert orientation(Metadata(exif=exif.tobytes()[6:], xmp=XMP)) == 3
    exif[Tag.Orientation] = 77
    assert orientation(Metadata(exif=exif.tobytes()[6:], xmp=XMP)) == 1
    assert orientation(Metadata()) == 1


def test_gif_comment(tmp_path: Path) -> None:
    photo().save(tmp_path / "x.gif", comment="Grüße")
    assert metadata_of(tmp_path / "x.gif").texts == (("Comment", "Grüße"),)


def test_an_offset_into_anything_is_no_directory(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.load(with_maker_note(EXIFTOOL))
    photo().save(tmp_path / "x.tif", exif=exif)  # see pillow_tiff
    metadata = metadata_of(tmp_path / "x.tif")
    directory = "ExifInteroperabilityOffset"
    assert metadata.warnings == (f"TIFF: the directory of {directory} is damaged; left out",)
    assert parse_exif(metadata.exif or b"")[0].photo[Tag.MakerNote].data == NOTE


@pytest.mark.parametrize("swapped", [False, True])
def test_iptc_in_longs_of_either_order(tmp_path: Path, swapped: bool) -> None:
    padded = IPTC + bytes(-len(IPTC) % 4)
    longs = np.frombuffer(padded, "<u4" if swapped else ">u4")
    tifffile.imwrite(tmp_path / "x.tif", np.zeros((4, 4), np.uint8), byteorder=">", metadata=None,
                     extratags=[(33723, 4, len(longs), longs.tolist(), True)])  # fmt: skip
    metadata = metadata_of(tmp_path / "x.tif")
    assert metadata.iptc == IPTC and metadata.warnings == ()


@pytest.mark.parametrize("options", [{"imagej": True}, {"metadata": {"axes": "YX"}}])
def test_descriptions_of_arrays_are_not_captions(tmp_path: Path, options: dict[str, Any]) -> None:
    tifffile.imwrite(tmp_path / "x.tif", np.zeros((8, 8), np.uint8), **options)
    exif, _ = parse_exif(metadata_of(tmp_path / "x.tif").exif or b"")
    assert Tag.ImageDescription not in exif.image and Tag.Software in exif.image


def test_a_loaded_tiff_is_too_late(sources: Path) -> None:
    image = opened(sources / "tifffile.tif")
    image.load()
    with pytest.raises(ValueError, match="Read its metadata first"):
        read_metadata(image)


@pytest.mark.parametrize(
    "raw, warning",
    [
        ({"exif": b"nonsense"}, "EXIF left out: it doesn't begin as EXIF or TIFF does"),
        ({"exif": b"II*\0\xff\xff\xff\xff"}, "EXIF left out: its directory lies outside the data"),
        ({"exif": EXIFTOOL[:300]}, "EXIF: a directory is cut short; left out"),
        ({"exif": EXIFTOOL[:60]}, "EXIF: a directory is cut short; left out"),
        ({"xmp": b"<a"}, "XMP left out: not well-formed"),
        ({"xmp": XMP.replace("ä".encode(), b"\xe4")}, "XMP left out: not UTF-8"),
    ],
)
def test_damage_is_named(tmp_path: Path, raw: dict[str, bytes], warning: str) -> None:
    photo().save(tmp_path / "x.webp", **raw)
    metadata = metadata_of(tmp_path / "x.webp")
    assert any(text.startswith(warning) for text in metadata.warnings), metadata.warnings
    assert metadata.xmp is None


def test_what_is_left_out_of_several_packets_is_said(tmp_path: Path) -> None:
    first, second = (b"http://ns.adobe.com/xap/1.0/\0" + x for x in (XMP, b"<a/>"))
    extension = b"http://ns.adobe.com/xmp/extension/\0" + bytes(40) + b"<a/>"
    extra = b"".join(segment(0xE1, payload) for payload in (first, first, second, extension))
    photo().save(tmp_path / "x.jpg", extra=extra)
    metadata = metadata_of(tmp_path / "x.jpg")
    assert metadata.xmp == XMP
    assert metadata.warnings == (
        "more than one XMP packet: all but the first left out",
        "extension of XMP left out: the packet names none, or another one",
    )


def test_pixels_that_are_not_square_are_told(tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    photo().save(path)
    data = path.read_bytes()
    at = data.index(b"JFIF\0") + 8
    for shape, warnings in [
        ((2, 1), ("JFIF: pixels of 2 to 1, which no format but JPEG is told",)),
        ((1, 1), ()),
        ((0, 1), ()),
    ]:
        density = b"".join(number.to_bytes(2, "big") for number in shape)
        path.write_bytes(data[: at - 1] + b"\0" + density + data[at + 4 :])
        assert metadata_of(path).warnings == warnings


def test_exif_of_more_than_one_segment(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.load(EXIFTOOL)
    exif.get_ifd(IFD.Exif)[Tag.MakerNote] = NOTE + bytes(70_000)
    exif[Tag.Artist], exif[Tag.ImageDescription] = "Felix", "Pont du Gard"
    block = exif.tobytes()[6:]
    pieces = (block[i : i + 60_000] for i in range(0, len(block), 60_000))
    extra = b"".join(segment(0xE1, b"Exif\0\0" + piece) for piece in pieces)
    photo().save(tmp_path / "x.jpg", extra=extra)
    metadata = metadata_of(tmp_path / "x.jpg")
    assert metadata.exif == block and metadata.warnings == ()


def test_exif_says_the_resolution_and_jfif_where_it_is_silent(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[Tag.XResolution], exif[Tag.YResolution], exif[Tag.ResolutionUnit] = 600.0, 300.0, 2
    photo().save(tmp_path / "x.jpg", dpi=(72, 72), exif=exif)
    assert metadata_of(tmp_path / "x.jpg").dpi == (600, 300)
    photo().save(tmp_path / "x.jpg", dpi=(72, 72))
    assert metadata_of(tmp_path / "x.jpg").dpi == (72, 72)


def test_copies_that_imagemagick_keeps_in_texts(tmp_path: Path) -> None:
    info = PngInfo()
    for name in ("exif", "xmp", "iptc"):
        info.add_text(f"Raw profile type {name}", f"\n{name}\n       2\n0102\n", zip=True)
    photo().save(tmp_path / "x.png", pnginfo=info)
    metadata = metadata_of(tmp_path / "x.png")
    assert metadata.warnings == ("left out: Raw profile type exif, Raw profile type xmp",)
    assert [key for key, _ in metadata.texts] == ["Raw profile type iptc"]
