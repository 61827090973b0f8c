"""What is true of an original, made true of its colorized copy."""

from pathlib import Path

import pytest
from PIL import Image
from PIL.ExifTags import IFD
from PIL.ExifTags import Base as Tag

from keras_colorize.metadata.exif import parse_exif
from keras_colorize.metadata.reading import Metadata, orientation
from keras_colorize.metadata.upright import upright
from keras_colorize.metadata.xmp import Xmp
from tests.metadata.sources import EXIFTOOL, NOTE, SIZE, XMP, jpeg, metadata_of, with_maker_note


def test_thumbnails_go_and_the_makers_note_stays_where_it_was(tmp_path: Path) -> None:
    block = with_maker_note(EXIFTOOL)
    jpeg(tmp_path / "x.jpg", exif=block)
    assert b"\xff\xd8\xff\xd9" in EXIFTOOL
    exif = upright(metadata_of(tmp_path / "x.jpg"), SIZE).exif
    assert exif is not None
    assert b"\xff\xd8\xff\xd9" not in exif
    # Makers write offsets into their notes that count from the beginning of the block.
    assert exif.index(NOTE) == block.index(NOTE)


@pytest.mark.parametrize("turn", range(1, 9))
def test_resolution_turns_with_the_picture(turn: int) -> None:
    exif = Image.Exif()
    exif[Tag.Orientation] = turn
    exif[Tag.XResolution], exif[Tag.YResolution], exif[Tag.ResolutionUnit] = 100.0, 200.0, 3
    metadata = upright(Metadata(exif=exif.tobytes()[6:], dpi=(254.0, 508.0)), SIZE)
    assert metadata.dpi == ((508, 254) if turn >= 5 else (254, 508))
    again = Image.Exif()
    again.load(metadata.exif or b"")
    assert again[Tag.XResolution] == (200 if turn >= 5 else 100)
    assert orientation(metadata) == 1


@pytest.mark.parametrize(
    ("x", "y", "unit", "agrees"),
    [
        ("600/1", "300/1", "2", True),
        ("30000/127", "15000/127", "3", True),
        ("72/1", "72/1", "2", False),
        ("600/0", "none", "2", False),
        ("600/1", "300/1", "1", False),
    ],
)
def test_xmp_comes_to_say_the_same_resolution(x: str, y: str, unit: str, agrees: bool) -> None:
    xmp = Xmp(XMP)
    for name, text in (("XResolution", x), ("YResolution", y), ("ResolutionUnit", unit)):
        xmp.set(f"tiff:{name}", text)
    metadata = Metadata(xmp=xmp.to_bytes(), dpi=(600.0, 300.0))
    copy = Xmp(upright(metadata, SIZE).xmp or b"")  # orientation 6: turned
    found = tuple(copy.text(f"tiff:{name}") for name in ("XResolution", "YResolution"))
    assert found == ((y, x) if agrees else ("300/1", "600/1"))
    assert copy.text("tiff:ResolutionUnit") == (unit if agrees else "2")


def test_a_copy_that_is_not_turned(sources: Path) -> None:
    metadata = metadata_of(sources / "jpeg.jpg")
    copy = upright(metadata, SIZE, turned=False)
    assert (orientation(copy), copy.dpi) == (6, metadata.dpi)
    assert Xmp(copy.xmp or b"").text("tiff:Orientation") == "6"
    exif, _ = parse_exif(copy.exif or b"")
    assert exif.image[Tag.XResolution].numbers(exif.dialect) == [600, 1]
    assert exif.photo[Tag.ColorSpace].numbers(exif.dialect) == [1]
    assert b"\xff\xd8\xff\xd9" not in (copy.exif or b"")


def test_regions_of_a_turned_picture_are_left_out_and_named() -> None:
    region = b'<r:Regions xmlns:r="http://www.metadataworkinggroup.com/schemas/regions/"/>'
    packet = XMP.replace(b"<DC:title>", region + b"<DC:title>")
    turned = upright(Metadata(xmp=packet), SIZE)
    assert "regions" in turned.warnings[0] and b"Regions" not in (turned.xmp or b"")
    kept = upright(Metadata(xmp=packet.replace(b'Orientation="6"', b'Orientation="1"')), SIZE)
    assert kept.warnings == () and b"Regions" in (kept.xmp or b"")


@pytest.mark.parametrize(("turn", "stays"), [(1, True), (6, False)])
def test_where_the_subject_lies_goes_where_the_picture_turns(turn: int, stays: bool) -> None:
    exif = Image.Exif()
    exif[Tag.Orientation] = turn
    exif.get_ifd(IFD.Exif)[0xA214] = (10, 20)  # SubjectLocation
    exif.get_ifd(IFD.Exif)[0x9214] = (10, 20, 5, 6)  # SubjectArea
    copy = upright(Metadata(exif=exif.tobytes()[6:]), SIZE)
    photo = parse_exif(copy.exif or b"")[0].photo
    assert (0x9214 in photo, 0xA214 in photo) == (stays, stays)
    assert any("place of the subject" in warning for warning in copy.warnings) is not stays


@pytest.mark.parametrize("turned", [True, False])
def test_what_stood_behind_the_picture_is_claimed_only_of_a_copy_that_has_it(turned: bool) -> None:
    xmp = Xmp(XMP)
    names = ("GCamera:MotionPhoto", "Container:Directory", "hdrgm:Version")
    for name in names:
        xmp.set(name, "1")
    copy = upright(Metadata(xmp=xmp.to_bytes()), SIZE, turned=turned)
    assert [Xmp(copy.xmp or b"").has(name) for name in names] == [not turned] * 3
    assert any("gain map" in warning for warning in copy.warnings) is turned
