"""Directories of tags: read without trusting them, written again."""

import os
import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL.ExifTags import Base as Tag

from keras_colorize.metadata.embedding import add_tiff_metadata, fit_to_format
from keras_colorize.metadata.exif import (
    Field,
    build_exif,
    extend_tiff,
    parse_exif,
)
from keras_colorize.metadata.maker_note import release_maker_note
from keras_colorize.metadata.reading import Metadata, read_tiff_metadata
from keras_colorize.photos.profiles import srgb_profile
from tests.metadata.sources import EXIFTOOL, IPTC, NOTE, XMP, metadata_of, photo, with_maker_note


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
def test_tags_of_any_tiff(sources: Path, tmp_path: Path, order: str, big: bool) -> None:
    path = tmp_path / "x.tif"
    pixels = np.asarray(photo()).astype(np.uint16) * 257
    with tifffile.TiffWriter(path, bigtiff=big, byteorder=order) as writer:  # type: ignore[arg-type]
        for _ in range(3):
            writer.write(pixels, photometric="rgb", compression="zlib", metadata=None, software="S")
    metadata = metadata_of(sources / "jpeg.jpg")
    for page in (1, 0):
        add_tiff_metadata(path, metadata, srgb_profile(), page=page)
    with tifffile.TiffFile(path) as file:  # tifffile reads what this package wrote
        assert len(file.pages) == 3
        for number, page_ in enumerate(file.pages):
            assert isinstance(page_, tifffile.TiffPage)
            np.testing.assert_array_equal(page_.asarray(), pixels)
            tags = page_.tags
            assert tags["Software"].value == "S"
            assert list(tags.keys()) == sorted(tags.keys())
            if number == 2:
                assert "Artist" not in tags
                continue
            assert tags["ImageDescription"].value == "Pont du Gard, été 1900"
            assert tags["ExifTag"].value["DateTimeOriginal"] == "1900:07:14 12:00:00"
            assert tags["GPSTag"].value["GPSLatitude"] == (43, 1, 56, 1, 51, 1)
            assert tags["XMP"].value == fit_to_format(metadata, "TIFF").xmp
            assert tags["IPTCNAA"].value == IPTC
            assert tags["XResolution"].value == (600, 1)
            assert tags["InterColorProfile"].value == srgb_profile()
            comment = "Grüße".encode(f"utf-16-{'be' if order == '>' else 'le'}")
            assert b"UNICODE\0" + comment in path.read_bytes()
    with path.open("rb") as file_:  # not by Pillow, which doesn't know big-endian BigTIFF
        for page in (0, 1):
            again = read_tiff_metadata(file_, page)
            assert again.warnings == () and again.exif is not None
            assert (again.iptc, again.icc, again.dpi) == (IPTC, srgb_profile(), (600, 300))
        assert read_tiff_metadata(file_, 2).xmp is None
        assert "outside" in read_tiff_metadata(file_, 3).warnings[0]


def test_a_classic_tiff_ends_at_4_gb(tmp_path: Path) -> None:
    path = tmp_path / "x.tif"
    tifffile.imwrite(path, np.zeros((4, 4), np.uint8), metadata=None)
    os.truncate(path, 2**32 - 300)  # mostly a hole
    with pytest.raises(ValueError, match="write it as BigTIFF"):
        add_tiff_metadata(path, Metadata(xmp=XMP))


def test_the_makers_note_stays_where_it_was() -> None:
    block = with_maker_note(EXIFTOOL)
    exif, problems = parse_exif(block)
    assert problems == []
    del exif.image[Tag.Artist]  # what lies before the note becomes shorter
    exif.gps[27] = Field(7, bytes(5000))  # and what lies behind it longer
    again = build_exif(exif)
    assert again.index(NOTE) == block.index(NOTE)
    assert parse_exif(again) == (exif, [])


def test_only_notes_that_count_from_themselves_are_moved() -> None:
    exif, _ = parse_exif(with_maker_note(EXIFTOOL))
    assert release_maker_note(exif) == []
    exif.photo[Tag.UserComment] = Field(7, bytes(5000))
    assert parse_exif(build_exif(exif))[0].photo[Tag.MakerNote].data == NOTE
    exif.photo[Tag.MakerNote] = Field(7, b"\x0c\0" + NOTE, at=500)  # a plain directory, as Canon's
    assert release_maker_note(exif) == [
        "MakerNote cannot be moved, since its offsets count from where it was"
    ]
    assert Tag.MakerNote not in exif.photo
    assert release_maker_note(exif) == []


def test_what_is_no_tiff_gets_no_tags(tmp_path: Path) -> None:
    photo().save(tmp_path / "x.png")
    exif, _ = parse_exif(EXIFTOOL)
    with (tmp_path / "x.png").open("r+b") as file, pytest.raises(ValueError, match="as EXIF or"):
        extend_tiff(file, exif)


def test_many_tags_of_the_same_bytes() -> None:
    block = b"II*\0\x08\0\0\0" + struct.pack("<H", 9000) + b"".join(
        struct.pack("<HHII", tag, 7, 50_000, 8) for tag in range(9000)
    )  # fmt: skip
    exif, problems = parse_exif(block)
    assert sum(len(value.data) for value in exif.image.values()) <= len(block)
    assert len(problems) > 8900
