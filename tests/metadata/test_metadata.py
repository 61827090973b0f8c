"""Metadata carried from every format to every format, read back by independent readers."""

import base64
import dataclasses
import io
import itertools
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import (
    GifImagePlugin,
    Image,
    ImageCms,
    IptcImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)
from PIL.ExifTags import GPS, IFD
from PIL.ExifTags import Base as Tag

from keras_colorize.metadata.containers import find_xmp, xmp_segments
from keras_colorize.metadata.directories import LONG, Dialect, Exif, Field, parse_exif
from keras_colorize.metadata.embedding import (
    add_tiff_metadata,
    fit_to_format,
    png_with_metadata,
    save_options,
    srgb_profile,
)
from keras_colorize.metadata.layout import build_exif
from keras_colorize.metadata.reading import (
    Metadata,
    orientation,
    read_metadata,
    read_tiff_metadata,
)
from keras_colorize.metadata.upright import upright
from keras_colorize.metadata.xmp import Xmp
from tests.conftest import SAMPLE

BRIDGE = SAMPLE / "modern" / "pont_du_gard.jpg"
SIZE = (96, 64)

# An EXIF block written by ExifTool 12.57: big-endian, with non-ASCII text in UTF-8, Orientation 6,
# 600 x 300 dpi, a comment in UTF-16, a place, an uncalibrated color space, interoperability R03 and
# a thumbnail of 4 bytes.
EXIFTOOL = zlib.decompress(
    base64.b64decode(
        "eNrz9WXQYmBg4GDgYuRjYAKyJIG4jZEfzGYD4gWMQgzMQJoRxGOUYmAFsxkYljFKw9nrGDWgaoC6GK3BevmBeBuT"
        "MFQcqKo9k4EFqv5YhyqMzVgDxPsC8vNKFFJKFdwTi1J0FA6vLDm8UsHQ0sCAgcE1INjfD6iUKQKqXgdEux1emZNZ"
        "oXC08fDmlKO7gCKcExgY2IE0i4GRsdEEZrALRIAKLSYyQsQZmZgZJrWB2UJAcZ8FMPWGBgYLGCGu/P8f6F0mCJtR"
        "Echmhrr+AJDNCndxHJBmALnOysDcytBEwdDICsQ2YAj183T2d3FlYHBnKGL4w3CfIRXoDnCYMLAEGRgDPYGwE2QG"
        "1HSgCBM89BiYQL4Fslgh8ozLGCBAG6rWAkobQ+KEkRlb7DDxIGKHSQQ5dpgYYf5gkmFigscIC9QWDygfTP+/8f8m"
        "AEV3ODg="
    )
)
NOTE = b"MAKER\0" + bytes(range(200))

XMP = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="Test"><rdf:RDF
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:DC="http://purl.org/dc/elements/1.1/"
 xmlns:t="http://ns.adobe.com/tiff/1.0/" xmlns:ps="http://ns.adobe.com/photoshop/1.0/"
 xmlns:own="http://archive.example/ns/" t:Orientation="6" ps:ColorMode="1"
 own:shelf="A&#10;&amp; &lt;B&gt; &quot;7&quot;">
<DC:title><rdf:Alt><rdf:li xml:lang="x-default">Gebäude</rdf:li><rdf:li xml:lang="fr">Édifice
</rdf:li></rdf:Alt></DC:title><DC:format>image/x-raw</DC:format></rdf:Description></rdf:RDF>
</x:xmpmeta><?xpacket end="w"?>""".encode()


def record(dataset: int, text: str, number: int = 2) -> bytes:
    data = text.encode()
    return bytes((0x1C, number, dataset)) + struct.pack(">H", len(data)) + data


IPTC = b"\x1c\x01\x5a\0\3\x1b%G" + b"".join(
    itertools.starmap(
        record,
        [(5, "Brücke"), (25, "Rom"), (25, "Wasser"), (55, "19001200"), (80, "Félix Łódź"),
         (90, "Nîmes"), (116, "© Archiv"), (118, "Kontakt"), (120, "Ein Aquädukt\nam Gardon")],
    )
)  # fmt: skip


def resource(number: int, data: bytes) -> bytes:
    return b"8BIM" + struct.pack(">HHI", number, 0, len(data)) + data + bytes(len(data) % 2)


RESOURCES = resource(0x03ED, bytes(16)) + resource(0x0404, IPTC) + resource(0x040A, b"\1")


def segment(marker: int, payload: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def photo() -> Image.Image:
    with Image.open(BRIDGE) as image:
        return image.convert("RGB").resize(SIZE)


def with_maker_note(block: bytes) -> bytes:
    exif = Image.Exif()
    exif.load(block)
    exif.get_ifd(IFD.Exif)[Tag.MakerNote] = NOTE
    exif[Tag.Artist] = "Felix Lodz"  # Pillow's writer knows ASCII only
    exif[Tag.ImageDescription] = "Pont du Gard"
    return exif.tobytes()[6:]


# ---- sources, written by Pillow and tifffile ----------------------------------------------------


def jpeg(path: Path, exif: bytes = EXIFTOOL, xmp: bytes = XMP) -> None:
    extra = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp)
    extra += segment(0xED, b"Photoshop 3.0\0" + RESOURCES)
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    photo().convert("L").save(path, "JPEG", exif=b"Exif\0\0" + exif, extra=extra, icc_profile=icc,
                              dpi=(600, 300), comment="Schön".encode("latin-1"))  # fmt: skip


def png(path: Path) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", XMP.decode())
    info.add_text("Title", "Titel")
    info.add_itxt("Archivist", "Łukasz")
    info.add_text("exif:Orientation", "6")  # as ImageMagick repeats it
    digits = RESOURCES.hex()
    info.add_text("Raw profile type iptc", f"\niptc\n{len(RESOURCES):8}\n{digits}\n", zip=True)
    photo().save(path, "PNG", pnginfo=info, exif=EXIFTOOL, dpi=(600, 300))


def webp(path: Path) -> None:
    photo().save(path, "WEBP", exif=b"Exif\0\0" + EXIFTOOL, xmp=XMP)


def tiff(path: Path, **options: Any) -> None:
    """From tifffile, which can't write an EXIF directory; Pillow can, in :func:`pillow_tiff`."""
    tifffile.imwrite(
        path,
        np.asarray(photo()).astype(np.uint16) * 257,
        photometric="rgb",
        metadata=None,
        software="Scanner",
        resolution=(600, 300),
        resolutionunit=2,
        extratags=[
            (270, 2, None, "Pont du Gard, été 1900\0".encode(), True),
            (274, 3, 1, 6, True),
            (315, 2, None, "Félix Łódź\0".encode(), True),
            (700, 1, len(XMP), XMP, True),
            (33723, 7, len(IPTC), IPTC, True),
            (34377, 1, len(RESOURCES), RESOURCES, True),
        ],
        **options,
    )


def pillow_tiff(path: Path) -> None:
    exif = Image.Exif()
    exif.load(with_maker_note(EXIFTOOL))
    # Pillow writes the offset that this directory had in the block, where in a TIFF lies anything.
    del exif.get_ifd(IFD.Exif)[IFD.Interop]
    photo().save(path, "TIFF", exif=exif, dpi=(600, 300))


def opened(path: Path) -> Image.Image:
    """As photos.py opens them, by their classes."""
    return {
        ".jpg": JpegImagePlugin.JpegImageFile,
        ".png": PngImagePlugin.PngImageFile,
        ".webp": WebPImagePlugin.WebPImageFile,
        ".tif": TiffImagePlugin.TiffImageFile,
        ".gif": GifImagePlugin.GifImageFile,
    }[path.suffix](path)


def metadata_of(path: Path) -> Metadata:
    with opened(path) as image:
        return read_metadata(image)


def save(path: Path, metadata: Metadata, image: Image.Image | None = None) -> None:
    """Write a colorized copy as the package's callers do."""
    image = photo() if image is None else image
    if path.suffix == ".tif":
        tifffile.imwrite(path, np.asarray(image), photometric="rgb", metadata=None, software=False)
        add_tiff_metadata(path, metadata, srgb_profile())
    else:
        format_ = {".jpg": "JPEG", ".png": "PNG", ".webp": "WEBP"}[path.suffix]
        image.save(path, format_, **save_options(metadata, format_, srgb_profile()))


SOURCES: dict[str, Callable[[Path], None]] = {
    "jpeg.jpg": jpeg,
    "png.png": png,
    "webp.webp": webp,
    "tifffile.tif": tiff,
    "pillow.tif": pillow_tiff,
}


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sources")
    for name, write in SOURCES.items():
        write(folder / name)
    return folder


# ---- from format to format ----------------------------------------------------------------------


def iptc_of(path: Path) -> dict[tuple[int, int], Any]:
    """By Pillow's own reader of JPEG and TIFF."""
    with Image.open(path) as image:
        return IptcImagePlugin.getiptcinfo(image) or {}


def xmp_of(path: Path) -> Xmp:
    with path.open("rb") as file:
        packet = find_xmp(file)
    assert packet is not None
    return Xmp.parse(packet)


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
    if source == "webp.webp":
        return  # which has no IPTC
    if suffix in (".jpg", ".tif"):
        info = iptc_of(path)
        assert info[2, 120].decode() == "Ein Aquädukt\nam Gardon"
        assert [word.decode() for word in info[2, 25]] == ["Rom", "Wasser"]
    else:
        assert xmp.text("dc:description") == "Ein Aquädukt\nam Gardon"
        assert xmp.values("dc:subject") == ["Rom", "Wasser"]
        assert xmp.values("dc:creator") == ["Félix Łódź"]
        assert xmp.text("dc:rights") == "© Archiv"
        assert xmp.text("photoshop:DateCreated") == "1900-12"
        assert xmp.text("photoshop:City") == "Nîmes"
        assert xmp.text("xmpRights:Marked") == "True"
    if suffix == ".png":
        assert metadata_of(path).iptc == IPTC
        assert metadata_of(path).resources == ((0x040A, b"\1"),)


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
    assert (again.exif, again.iptc, again.texts) == (EXIFTOOL, IPTC, metadata.texts)
    assert again.dpi == (600, 300)  # from 23622 pixels per meter, which are 599.9988


def test_unknown_xmp_is_kept_with_its_prefixes(sources: Path) -> None:
    xmp = upright(metadata_of(sources / "jpeg.jpg"), SIZE).xmp
    assert xmp is not None
    text = xmp.decode()
    assert 'own:shelf="A&#10;&amp; &lt;B&gt; &quot;7&quot;"' in text
    assert "<DC:title>" in text and "t:Orientation>1<" in text
    assert "xmptk" not in text  # it wasn't that toolkit which wrote this


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


def test_a_copy_that_is_not_turned(sources: Path) -> None:
    metadata = metadata_of(sources / "jpeg.jpg")
    copy = upright(metadata, SIZE, turned=False)
    assert (orientation(copy), copy.dpi) == (6, metadata.dpi)
    assert Xmp.parse(copy.xmp or b"").text("tiff:Orientation") == "6"
    exif, _ = parse_exif(copy.exif or b"")
    assert exif.image[Tag.XResolution].numbers(exif.dialect) == [600, 1]
    assert exif.photo[Tag.ColorSpace].numbers(exif.dialect) == [1]
    assert b"\xff\xd8\xff\xd9" not in (copy.exif or b"")


def test_orientation_from_xmp_where_exif_is_silent() -> None:
    assert orientation(Metadata(xmp=XMP)) == 6
    exif = Image.Exif()
    exif[Tag.Orientation] = 3
    assert orientation(Metadata(exif=exif.tobytes()[6:], xmp=XMP)) == 3
    exif[Tag.Orientation] = 77
    assert orientation(Metadata(exif=exif.tobytes()[6:], xmp=XMP)) == 1
    assert orientation(Metadata()) == 1


def test_regions_of_a_turned_picture_are_left_out_and_named() -> None:
    region = b'<r:Regions xmlns:r="http://www.metadataworkinggroup.com/schemas/regions/"/>'
    packet = XMP.replace(b"<DC:title>", region + b"<DC:title>")
    turned = upright(Metadata(xmp=packet), SIZE)
    assert "regions" in turned.warnings[0] and b"Regions" not in (turned.xmp or b"")
    kept = upright(Metadata(xmp=packet.replace(b'Orientation="6"', b'Orientation="1"')), SIZE)
    assert kept.warnings == () and b"Regions" in (kept.xmp or b"")


def test_gif_comment(tmp_path: Path) -> None:
    photo().save(tmp_path / "x.gif", comment="Grüße")
    assert metadata_of(tmp_path / "x.gif").texts == (("Comment", "Grüße"),)


# ---- TIFF ---------------------------------------------------------------------------------------


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


def test_what_is_no_tiff_gets_no_tags(tmp_path: Path) -> None:
    photo().save(tmp_path / "x.png")
    with pytest.raises(ValueError, match="as EXIF or TIFF does"):
        add_tiff_metadata(tmp_path / "x.png", Metadata())
    with pytest.raises(ValueError, match="'TIFF'; save its pixels, then call add_tiff_metadata"):
        save_options(Metadata(), "TIFF")
    with pytest.raises(ValueError, match=r"one of JPEG, PNG, TIFF, WEBP\. Received: 'BMP'"):
        save_options(Metadata(), "BMP")


def test_a_classic_tiff_ends_at_4_gb(tmp_path: Path) -> None:
    path = tmp_path / "x.tif"
    tifffile.imwrite(path, np.zeros((4, 4), np.uint8), metadata=None)
    os.truncate(path, 2**32 - 300)  # mostly a hole
    with pytest.raises(ValueError, match="write it as BigTIFF"):
        add_tiff_metadata(path, Metadata(xmp=XMP))


# ---- PNG of another encoder ---------------------------------------------------------------------


def test_png_of_another_encoder(sources: Path) -> None:
    pixels = np.asarray(photo()).astype(np.uint16) * 257
    encoded = imagecodecs.png_encode(pixels)
    metadata = metadata_of(sources / "png.png")
    assert metadata.texts == (("Title", "Titel"), ("Archivist", "Łukasz"))
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
    for damaged in (b"", b"GIF89a", encoded[:50], encoded[:33]):
        with pytest.raises(ValueError, match="expected a PNG file"):
            png_with_metadata(damaged, metadata)


# ---- what has no place --------------------------------------------------------------------------


def test_what_webp_has_no_place_for(sources: Path) -> None:
    metadata = metadata_of(sources / "png.png")
    fitted = fit_to_format(metadata, "WEBP")
    assert fitted.iptc is None and fitted.texts == () and fitted.resources == ()
    assert fitted.warnings == (
        "WEBP has no place for the texts Archivist",
        "WEBP has no place for the IPTC records 2:118",
    )
    assert fit_to_format(fitted, "WEBP") == fitted
    xmp = Xmp.parse(fitted.xmp or b"")
    assert xmp.text("dc:title") == "Gebäude"  # which XMP had: neither PNG's nor IPTC's
    exif = Image.Exif()
    exif.load(fit_to_format(Metadata(dpi=(299.72, 1 / 3)), "WEBP").exif or b"")
    assert exif[Tag.XResolution] == pytest.approx(299.72, abs=1e-6)


def test_iptc_character_sets() -> None:
    def caption(iptc: bytes) -> str | None:
        fitted = fit_to_format(Metadata(iptc=iptc), "WEBP")
        return Xmp.parse(fitted.xmp or b"").text("dc:description")

    latin = b"\x1c\x02\x78\0\x04\x80 \xfcr"
    assert caption(latin) == "€ ür"
    assert caption(record(120, "Ł")) == "Ł"  # not declared, and nothing else than UTF-8
    assert caption(b"\x1c\x01\x5a\0\3\x1b%G" + latin) == "\ufffd \ufffdr"


def test_long_metadata_in_jpeg(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.load(with_maker_note(EXIFTOOL))
    exif.get_ifd(IFD.Exif)[Tag.MakerNote] = bytes(70_000)
    iptc = IPTC + b"".join(record(25, f"{i:05}" * 10) for i in range(2000))
    shelves = " ".join(f"{i:06}" for i in range(20_000)).encode()
    xmp = XMP.replace(b'own:shelf="', b'own:shelf="' + shelves)
    metadata = Metadata(exif=exif.tobytes()[6:], xmp=xmp, iptc=iptc)
    fitted = fit_to_format(metadata, "JPEG")
    assert fitted.warnings == ("JPEG has no place for EXIF's MakerNote (70000 bytes)",)
    save(tmp_path / "x.jpg", metadata)
    again = metadata_of(tmp_path / "x.jpg")
    assert again.warnings == () and again.iptc == iptc
    assert shelves in (again.xmp or b"") and b"HasExtendedXMP" not in (again.xmp or b"")
    xmp_ = Xmp.parse(again.xmp or b"")
    assert xmp_.values("dc:title") == ["Gebäude", "Édifice\n"]
    assert len(xmp_of(tmp_path / "x.jpg").to_bytes()) <= 65502
    assert xmp_of(tmp_path / "x.jpg").has("xmpNote:HasExtendedXMP")
    with Image.open(tmp_path / "x.jpg") as image:
        assert image.getexif()[Tag.ImageDescription] == "Pont du Gard"


def test_many_values_and_a_long_comment_in_jpeg(tmp_path: Path) -> None:
    fields = {tag: Field(LONG, struct.pack("<I", tag)) for tag in range(40_000, 49_000)}
    block = build_exif(Exif(Dialect("little"), image=fields))
    metadata = Metadata(exif=block, texts=(("Comment", "ü" * 40_000),))
    fitted = fit_to_format(metadata, "JPEG")
    (warning,) = fitted.warnings
    assert warning.endswith("and 3533 more values")
    save(tmp_path / "x.jpg", metadata)
    again = metadata_of(tmp_path / "x.jpg")
    # 65535 bytes less the length, "Exif\0\0", and the header and ends of the directory.
    assert len(parse_exif(again.exif or b"")[0].image) == (65535 - 2 - 6 - 14) // 12 == 9000 - 3541
    assert Xmp.parse(again.xmp or b"").text("exif:UserComment") == "ü" * 40_000


def test_an_incomplete_extension_is_left_out_and_named(tmp_path: Path) -> None:
    xmp = XMP.replace(b'own:shelf="', b'own:shelf="' + bytes(150_000).replace(b"\0", b"x"))
    segments = xmp_segments(fit_to_format(Metadata(xmp=xmp), "JPEG").xmp or b"")
    third = segments.rindex(b"\xff\xe1")
    photo().save(tmp_path / "x.jpg", extra=segments[:third])
    metadata = metadata_of(tmp_path / "x.jpg")
    assert metadata.warnings == ("extension of XMP left out: incomplete",)
    assert b"Extended" not in (metadata.xmp or b"") and b"DC:title" in (metadata.xmp or b"")


def test_srgb_profile_is_srgb_and_has_no_clock() -> None:
    assert struct.unpack(">6H", srgb_profile()[24:36]) == (2000, 1, 1, 0, 0, 0)
    profile = ImageCms.ImageCmsProfile(io.BytesIO(srgb_profile()))
    same = ImageCms.profileToProfile(photo(), profile, ImageCms.createProfile("sRGB"))
    assert same is not None
    assert np.abs(np.asarray(same).astype(int) - np.asarray(photo())).max() <= 1


# ---- damage -------------------------------------------------------------------------------------


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


def test_damaged_resources_and_records_are_named(tmp_path: Path) -> None:
    for cut, warning in ((-3, "Photoshop's resources"), (-20, "Photoshop's resources")):
        extra = segment(0xED, b"Photoshop 3.0\0" + RESOURCES[:cut])
        photo().save(tmp_path / "x.jpg", extra=extra)
        assert metadata_of(tmp_path / "x.jpg").warnings[0].startswith(warning)
    extra = segment(0xED, b"Photoshop 3.0\0" + resource(0x0404, IPTC[:-2]))
    photo().save(tmp_path / "x.jpg", extra=extra)
    metadata = metadata_of(tmp_path / "x.jpg")
    assert metadata.warnings == ("IPTC is damaged; the records before the damage were read",)
    assert metadata.iptc is not None and IPTC.startswith(metadata.iptc)


def test_many_tags_of_the_same_bytes() -> None:
    block = b"II*\0\x08\0\0\0" + struct.pack("<H", 9000) + b"".join(
        struct.pack("<HHII", tag, 7, 50_000, 8) for tag in range(9000)
    )  # fmt: skip
    exif, problems = parse_exif(block)
    assert sum(len(value.data) for value in exif.image.values()) <= len(block)
    assert len(problems) > 8900


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
