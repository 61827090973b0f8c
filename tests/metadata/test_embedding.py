"""Metadata carried from every format to every format, read back by independent readers."""

import dataclasses
import io
import struct
import zlib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from PIL import Image, IptcImagePlugin, PngImagePlugin
from PIL.ExifTags import GPS, IFD
from PIL.ExifTags import Base as Tag

from keras_colorize.metadata.embedding import (
    fit_to_format,
    png_with_metadata,
    save_options,
)
from keras_colorize.metadata.exif import Dialect, Exif, Field, build_exif, parse_exif
from keras_colorize.metadata.reading import Metadata, orientation, read_metadata
from keras_colorize.metadata.upright import upright
from keras_colorize.metadata.xmp import Xmp, find_xmp
from keras_colorize.photos.profiles import srgb_profile
from tests.conftest import CASES
from tests.metadata.sources import (
    EXIFTOOL,
    IPTC,
    NOTE,
    SIZE,
    SOURCES,
    XMP,
    metadata_of,
    opened,
    photo,
    record,
    save,
    with_maker_note,
)


def iptc_of(path: Path) -> dict[tuple[int, int], Any]:
    """By Pillow's own reader of JPEG and TIFF."""
    with Image.open(path) as image:
        return IptcImagePlugin.getiptcinfo(image) or {}


def xmp_of(path: Path) -> Xmp:
    with path.open("rb") as file:
        packet = find_xmp(file)
    assert packet is not None
    return Xmp(packet)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
@pytest.mark.parametrize("source", SOURCES)
def test_from_any_format_to_any(sources: Path, tmp_path: Path, source: str, suffix: str) -> None:
    metadata = metadata_of(sources / source)
    assert metadata.warnings == ()
    assert orientation(metadata) == 6
    path = tmp_path / f"x{suffix}"
    save(path, upright(metadata, SIZE))
    from_pillow, from_tifffile = source == "pillow.tif", source == "tifffile.tif"

    with Image.open(path) as image:  # Pillow reads what tifffile and this package wrote
        assert image.info["icc_profile"] == srgb_profile()
        exif = image.getexif()
        description, artist = (exif[tag].encode("latin-1") for tag in (270, 315))
        photo_, gps = exif.get_ifd(IFD.Exif), exif.get_ifd(IFD.GPSInfo)
        assert exif.get_ifd(IFD.IFD1) == {}
        dpi = exif[Tag.XResolution], exif[Tag.YResolution], exif[Tag.ResolutionUnit]
        if suffix != ".webp":
            assert image.info["dpi"] == pytest.approx((300, 600), abs=0.01)
    assert description.decode() == ("Pont du Gard" if from_pillow else "Pont du Gard, été 1900")
    assert artist.decode() == ("Felix Lodz" if from_pillow else "Félix Łódź")
    assert exif[Tag.Orientation] == 1
    assert dpi == (300, 600, 2)
    if not from_tifffile:
        assert photo_[Tag.DateTimeOriginal] == "1900:07:14 12:00:00"
        assert photo_[Tag.ColorSpace] == 1
        assert gps[GPS.GPSLatitude] == (43, 56, 51)
        assert IFD.Interop not in photo_  # R03 would say Adobe RGB
        if suffix == ".tif":
            assert Tag.ExifImageWidth not in photo_
        else:
            assert (photo_[Tag.ExifImageWidth], photo_[Tag.ExifImageHeight]) == SIZE
    assert photo_.get(Tag.MakerNote) == (NOTE if from_pillow else None)

    if from_pillow:
        return
    xmp = xmp_of(path)
    assert xmp.values("dc:title") == ["Gebäude", "Édifice\n"]
    assert xmp.text("tiff:Orientation") == "1"
    assert not xmp.has("photoshop:ColorMode")
    mime = {".jpg": "jpeg", ".png": "png", ".webp": "webp", ".tif": "tiff"}[suffix]
    assert xmp.text("dc:format") == f"image/{mime}"
    lost = fit_to_format(metadata, suffix_format(suffix)).warnings
    if source == "webp.webp":
        assert lost == ()  # it has neither IPTC nor texts
    elif suffix in (".jpg", ".tif"):
        if source != "png.png":
            info = iptc_of(path)
            assert info[2, 120].decode() == "Ein Aquädukt\nam Gardon"
            assert [word.decode() for word in info[2, 25]] == ["Rom", "Wasser"]
    elif source != "png.png":
        assert any("no place for IPTC" in warning for warning in lost)
    if source == "png.png" and suffix == ".png":
        assert metadata_of(path).texts == metadata.texts and lost == ()
    elif source == "png.png":
        texts = "Title, Archivist, Raw profile type iptc"
        assert lost == (f"{suffix_format(suffix)} has no place for the texts {texts}",)


def suffix_format(suffix: str) -> str:
    return {".jpg": "JPEG", ".png": "PNG", ".webp": "WEBP", ".tif": "TIFF"}[suffix]


def test_what_is_not_said_is_not_invented(tmp_path: Path) -> None:
    photo().save(tmp_path / "plain.jpg")
    metadata = metadata_of(tmp_path / "plain.jpg")
    assert upright(metadata, SIZE) == Metadata()
    for suffix in (".jpg", ".png", ".webp", ".tif"):
        save(tmp_path / f"x{suffix}", metadata)
        written = metadata_of(tmp_path / f"x{suffix}")
        if suffix == ".tif":  # a resolution of 1 pixel per unit, which is none, is tifffile's
            exif, _ = parse_exif(written.exif or b"")
            assert exif.image.keys() == {Tag.XResolution, Tag.YResolution, Tag.ResolutionUnit}
            written = dataclasses.replace(written, exif=None)
        assert dataclasses.replace(written, icc=None) == Metadata()


def test_what_stays_true_stays_the_same_bytes(sources: Path, tmp_path: Path) -> None:
    metadata = metadata_of(sources / "jpeg.jpg")
    assert (metadata.exif, metadata.xmp, metadata.iptc) == (EXIFTOOL, XMP, IPTC)
    assert metadata.resources == ((0x040A, b"\1"),)
    assert metadata.dpi == (600, 300)
    assert metadata.texts == (("Comment", "Schön"),)
    save(tmp_path / "x.png", metadata)
    again = metadata_of(tmp_path / "x.png")
    assert (again.exif, again.texts) == (EXIFTOOL, metadata.texts)
    assert again.dpi == (600, 300)  # from 23622 pixels per meter, which are 599.9988


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    "resolution", [(600, 0), (0, 1), (4294967295, 1), (1, 4294967295)], ids=str
)
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_a_resolution_that_cannot_be_gives_way(
    tmp_path: Path, order: str, resolution: tuple[int, int], suffix: str
) -> None:
    """EXIF's, to that of JFIF; in the result all that say one agree."""
    dialect = Dialect("little" if order == "<" else "big")
    value = Field(5, struct.pack(f"{order}II", *resolution))
    exif = Exif(dialect, {282: value, 283: value, 296: Field(3, dialect.pack(2, 2))})
    photo().save(tmp_path / "scan.jpg", exif=b"Exif\0\0" + build_exif(exif), dpi=(300, 300))
    path = tmp_path / f"x{suffix}"
    metadata = metadata_of(tmp_path / "scan.jpg")
    none = "EXIF: its resolution is none; the file's own stands in its place"
    assert metadata.warnings == (none,)
    save(path, upright(metadata, SIZE))
    with Image.open(path) as image:
        written = image.getexif()
        assert (written[282], written[283], written[296]) == (300, 300, 2)
        if suffix != ".webp":
            assert image.info["dpi"] == pytest.approx((300, 300), abs=0.01)


def test_formats_that_pillow_does_not_write_with_metadata() -> None:
    with pytest.raises(ValueError, match="'TIFF'; save its pixels, then call add_tiff_metadata"):
        save_options(Metadata(), "TIFF")
    with pytest.raises(ValueError, match=r"one of JPEG, PNG, TIFF, WEBP\. Received: 'BMP'"):
        save_options(Metadata(), "BMP")


def test_png_of_another_encoder(sources: Path) -> None:
    pixels = np.asarray(photo()).astype(np.uint16) * 257
    encoded = imagecodecs.png_encode(pixels)
    metadata = metadata_of(sources / "png.png")
    assert metadata.texts[:2] == (("Title", "Titel"), ("Archivist", "Łukasz"))
    once = png_with_metadata(encoded, metadata, srgb_profile())
    np.testing.assert_array_equal(imagecodecs.png_decode(once), pixels)
    twice = png_with_metadata(once, Metadata(dpi=(72, 72)), srgb_profile())
    with PngImagePlugin.PngImageFile(io.BytesIO(once)) as image:
        image.verify()  # every check sum
    with PngImagePlugin.PngImageFile(io.BytesIO(twice)) as image:
        assert image.info["dpi"] == pytest.approx((72, 72), abs=0.01)
        again = read_metadata(image)
    assert (again.exif, again.texts) == (EXIFTOOL, metadata.texts)
    for kind in (b"iCCP", b"pHYs", b"eXIf", b"IHDR"):
        assert twice.count(kind) == 1
    for damaged in (b"", b"GIF89a", encoded[:33]):
        with pytest.raises(ValueError, match="expected a PNG file"):
            png_with_metadata(damaged, metadata)


def test_what_webp_has_no_place_for(sources: Path) -> None:
    fitted = fit_to_format(metadata_of(sources / "jpeg.jpg"), "WEBP")
    assert fitted.iptc is None and fitted.texts == () and fitted.resources == ()
    assert fitted.warnings == (
        "WEBP has no place for the texts Comment",
        "WEBP has no place for IPTC",
    )
    assert fit_to_format(fitted, "WEBP") == fitted
    exif = Image.Exif()
    exif.load(fit_to_format(Metadata(dpi=(299.72, 1 / 3)), "WEBP").exif or b"")
    assert exif[Tag.XResolution] == pytest.approx(299.72, abs=1e-6)


def test_long_metadata_in_jpeg(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.load(with_maker_note(EXIFTOOL))
    exif.get_ifd(IFD.Exif)[Tag.MakerNote] = bytes(70_000)
    iptc = IPTC + b"".join(record(25, f"{i:05}" * 10) for i in range(2000))
    xmp = XMP.replace(b'own:shelf="', b'own:shelf="' + b"x" * 70_000)
    metadata = Metadata(exif=exif.tobytes()[6:], xmp=xmp, iptc=iptc)
    fitted = fit_to_format(metadata, "JPEG")
    assert fitted.warnings == ("JPEG has no place for EXIF's MakerNote (70000 bytes)",)
    assert fit_to_format(fitted, "JPEG") == fitted
    save(tmp_path / "x.jpg", metadata)
    again = metadata_of(tmp_path / "x.jpg")
    assert again.warnings == () and again.iptc == iptc
    assert Xmp(again.xmp or b"").values("dc:title") == ["Gebäude", "Édifice\n"]
    assert b'own:shelf="' + b"x" * 70_000 in (again.xmp or b"")
    with Image.open(tmp_path / "x.jpg") as image:
        assert image.getexif()[Tag.ImageDescription] == "Pont du Gard"


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_a_note_that_counts_from_the_beginning_of_exif_stays_there(
    tmp_path: Path, suffix: str
) -> None:
    before, _ = parse_exif(metadata_of(CASES / "canon_makernote.jpg").exif or b"")
    save(tmp_path / f"x{suffix}", upright(metadata_of(CASES / "canon_makernote.jpg"), SIZE))
    after, _ = parse_exif(metadata_of(tmp_path / f"x{suffix}").exif or b"")
    note = after.photo[Tag.MakerNote]
    assert (note.data, note.at) == (before.photo[Tag.MakerNote].data, 638)


def test_a_note_that_counts_from_the_beginning_of_exif_is_not_for_tiff(tmp_path: Path) -> None:
    metadata = metadata_of(CASES / "canon_makernote.jpg")
    assert fit_to_format(metadata, "TIFF").warnings == (
        "TIFF has no place for the maker's note, whose offsets count from the beginning of EXIF",
    )
    save(tmp_path / "x.tif", metadata)
    written, _ = parse_exif(metadata_of(tmp_path / "x.tif").exif or b"")
    assert Tag.MakerNote not in written.photo and written.image[Tag.Make].data == b"Canon\0"


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
def test_the_resolution_of_exif_wins_over_that_of_jfif(tmp_path: Path, suffix: str) -> None:
    metadata = metadata_of(CASES / "exif_600_jfif_72.jpg")
    save(tmp_path / f"x{suffix}", metadata)
    with Image.open(tmp_path / f"x{suffix}") as image:
        assert image.info["dpi"] == pytest.approx((600, 600), abs=0.01)


def test_many_values_and_a_long_comment_in_jpeg(tmp_path: Path) -> None:
    fields = {tag: Field(4, struct.pack("<I", tag)) for tag in range(40_000, 49_000)}
    block = build_exif(Exif(Dialect("little"), image=fields))
    metadata = Metadata(exif=block, texts=(("Comment", "ü" * 40_000),))
    texts, values = fit_to_format(metadata, "JPEG").warnings
    assert texts == "JPEG has no place for the texts Comment"
    assert values.endswith("and 3533 more values")
    save(tmp_path / "x.jpg", metadata)
    again = metadata_of(tmp_path / "x.jpg")
    # 65535 bytes less the length, "Exif\0\0", and the header and ends of the directory.
    assert len(parse_exif(again.exif or b"")[0].image) == (65535 - 2 - 6 - 14) // 12 == 9000 - 3541


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's remarks about damaged metadata
@pytest.mark.parametrize("source", SOURCES)
def test_mutated_metadata(sources: Path, tmp_path: Path, source: str) -> None:
    """What opens can be written, whatever its metadata are, and what is written is sound."""
    random = np.random.default_rng(4)
    data = (sources / source).read_bytes()
    path = tmp_path / source
    read = warned = 0
    for _ in range(60):
        mutated = bytearray(data)
        for _ in range(random.integers(1, 8)):
            at = int(random.integers(len(mutated)))
            if random.random() < 0.8:
                mutated[at] = int(random.choice([0, 1, 2, 127, 128, 255, random.integers(256)]))
            else:
                del mutated[at : at + int(random.integers(1, 20))]
        path.write_bytes(with_check_sums(mutated) if path.suffix == ".png" else mutated)
        try:
            image = opened(path)
        except Exception:  # noqa: BLE001  not this package's matter
            continue
        with image:
            metadata = read_metadata(image)
        read += 1
        warned += bool(metadata.warnings)
        orientation(metadata)
        for suffix in (".jpg", ".png", ".webp", ".tif"):
            save(tmp_path / f"x{suffix}", upright(metadata, (8, 8)), Image.new("RGB", (8, 8)))
            assert metadata_of(tmp_path / f"x{suffix}").warnings == ()
    assert read > 10 and warned


def with_check_sums(png: bytearray) -> bytes:
    at = 8
    while at + 12 <= len(png):
        end = at + 8 + int.from_bytes(png[at : at + 4], "big")
        if end + 4 > len(png):
            break
        png[end : end + 4] = zlib.crc32(bytes(png[at + 4 : end])).to_bytes(4, "big")
        at = end + 4
    return bytes(png)
