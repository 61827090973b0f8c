"""What becomes of a JPEG's metadata when color is added to it."""

import hashlib
import io
import struct
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from PIL import Image
from PIL.ExifTags import IFD
from PIL.ExifTags import Base as Tag

from keras_colorize.coloring.reversible import Jpeg
from keras_colorize.coloring.upsampling import Enlargement
from keras_colorize.errors import IrreversibleJpegError
from keras_colorize.jpeg.chroma import drop_chroma
from keras_colorize.jpeg.luminance import read_luminance
from keras_colorize.metadata.provenance import Provenance, find_provenance
from keras_colorize.metadata.reading import read_metadata
from tests.conftest import CASES, SAMPLE
from tests.metadata.sources import XMP, segment
from tests.photos.icc_profiles import gray_profile, rgb_profile

PROVENANCE = Provenance("keras_colorize 0", "model", *[hashlib.sha256(b"").hexdigest()] * 2)


def colorized(path: Path) -> tuple[bytes, tuple[str, ...]]:
    jpeg = Jpeg.read(path, max_pixels=10**8, half_chroma_from=10**4)
    coefficients = np.full((4, 2, 2), 0.1, np.float32)
    enlargement = Enlargement(coefficients, *jpeg.luminance.shape)
    return jpeg.with_color(enlargement, quality=90, provenance=PROVENANCE)


def gray(path: Path, extra: bytes = b"", **options: Any) -> Path:
    with Image.open(SAMPLE / "historical" / "alpine_landscape.jpg") as image:
        image.convert("L").save(path, extra=extra, **options)
    return path


def test_exif_of_more_than_one_segment(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[Tag.ImageDescription] = "Alps"
    exif.get_ifd(IFD.Exif)[Tag.MakerNote] = bytes(70_000)
    block = exif.tobytes()[6:]
    pieces = (block[i : i + 60_000] for i in range(0, len(block), 60_000))
    path = gray(tmp_path / "x.jpg", b"".join(segment(0xE1, b"Exif\0\0" + x) for x in pieces))
    result, warnings = colorized(path)
    assert warnings == ("JPEG has no place for EXIF's MakerNote (70000 bytes)",)
    np.testing.assert_array_equal(read_luminance(result), read_luminance(path.read_bytes()))
    with Image.open(io.BytesIO(result)) as image:
        assert dict(image.getexif()) == {Tag.ImageDescription: "Alps"}


def test_a_jfif_segment_without_content(tmp_path: Path) -> None:
    path = CASES / "jpeg_empty_jfif.jpg"
    result, warnings = colorized(path)
    assert warnings == ("JPEG: APP0 could not be read",)
    np.testing.assert_array_equal(read_luminance(result), read_luminance(path.read_bytes()))
    assert drop_chroma(result).endswith(path.read_bytes()[-1000:])


@pytest.mark.parametrize(
    ("exif_says", "unit", "density", "expected"),
    [
        ((600, 600, 2), 1, (72, 72), (1, 600, 600)),
        ((236, 118, 3), 1, (72, 72), (1, 599, 300)),
        ((600, 300, 2), 0, (2, 1), (1, 600, 300)),  # JFIF knows the shape of a pixel alone
        ((300, 300, 2), 2, (118, 118), (2, 118, 118)),  # which agrees already
        ((300, 300, 1), 1, (72, 72), (1, 72, 72)),  # without a unit EXIF says nothing
    ],
)
def test_jfif_comes_to_say_the_resolution_that_exif_says(
    tmp_path: Path,
    exif_says: tuple[int, int, int],
    unit: int,
    density: tuple[int, int],
    expected: tuple[int, int, int],
) -> None:
    exif = Image.Exif()
    tags = (Tag.XResolution, Tag.YResolution, Tag.ResolutionUnit)
    exif.update(dict(zip(tags, exif_says, strict=True)))
    path = gray(tmp_path / "x.jpg", exif=exif.tobytes())
    data = path.read_bytes()
    at = data.index(b"JFIF\0") + 7
    path.write_bytes(data[:at] + struct.pack(">BHH", unit, *density) + data[at + 5 :])
    result, warnings = colorized(path)
    none = ("EXIF: its resolution is none; the file's own stands in its place",)
    assert warnings == (none if exif_says[2] == 1 else ())
    assert struct.unpack_from(">BHH", result, result.index(b"JFIF\0") + 7) == expected
    np.testing.assert_array_equal(read_luminance(result), read_luminance(path.read_bytes()))


def test_an_end_marker_that_is_missing_is_added(tmp_path: Path) -> None:
    path = gray(tmp_path / "x.jpg")
    whole = path.read_bytes()
    path.write_bytes(whole[:-2])
    result, warnings = colorized(path)
    assert warnings == ("JPEG: its end marker is missing, its pixels are not",)
    assert result.endswith(b"\xff\xd9")
    np.testing.assert_array_equal(read_luminance(result), read_luminance(whole))


def test_xmp_that_grows_beyond_a_segment(tmp_path: Path) -> None:
    packet = XMP.replace(b'own:shelf="', b'own:shelf="' + b"x" * 64_000)
    path = gray(tmp_path / "x.jpg", segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet))
    result, warnings = colorized(path)
    assert warnings == ()
    with Image.open(io.BytesIO(result)) as image:
        assert find_provenance(image.info["xmp"]) == PROVENANCE  # where others look for it
        xmp = read_metadata(image).xmp
    assert xmp is not None and b'own:shelf="' + b"x" * 64_000 in xmp
    assert find_provenance(xmp) == PROVENANCE
    gray_again = drop_chroma(result)
    np.testing.assert_array_equal(read_luminance(gray_again), read_luminance(path.read_bytes()))


def test_a_profile_of_gray_with_the_tones_of_srgb_goes(tmp_path: Path) -> None:
    path = gray(tmp_path / "x.jpg", icc_profile=gray_profile(None), comment="kept")
    result, warnings = colorized(path)
    assert warnings == ("its profile of gray, whose tones are those of sRGB, left out",)
    np.testing.assert_array_equal(read_luminance(result), read_luminance(path.read_bytes()))
    with Image.open(io.BytesIO(result)) as image:
        assert (image.mode, image.info["comment"]) == ("RGB", b"kept")
        assert "icc_profile" not in image.info


@pytest.mark.parametrize(
    "profile, reason",
    [
        (gray_profile(1.8), "its profile of gray has other tones than sRGB"),
        (gray_profile(None)[:200], "its ICC profile cannot be used"),
        (rgb_profile("adobe"), "its color profile is not sRGB"),
    ],
)
def test_why_a_profile_keeps_luminance_from_staying(
    tmp_path: Path, profile: bytes, reason: str
) -> None:
    path = gray(tmp_path / "x.jpg", icc_profile=profile)
    with pytest.raises(IrreversibleJpegError, match=reason):
        colorized(path)


@pytest.mark.parametrize("with_marker", [True, False])
def test_what_is_coded_as_rgb_has_no_luminance_to_keep(tmp_path: Path, with_marker: bool) -> None:
    """Adobe's segment tells it, or the names of the components."""
    with Image.open(SAMPLE / "modern" / "pont_du_gard.jpg") as image:
        image.save(tmp_path / "x.jpg", keep_rgb=True)
    data = (tmp_path / "x.jpg").read_bytes()
    at = data.find(b"\xff\xee")
    if not with_marker and at >= 0:
        data = data[:at] + data[at + 2 + int.from_bytes(data[at + 2 : at + 4], "big") :]
    (tmp_path / "x.jpg").write_bytes(data)
    with pytest.raises(IrreversibleJpegError, match="coded as red, green and blue"):
        colorized(tmp_path / "x.jpg")


def test_lossless_ones_have_no_coefficients(tmp_path: Path) -> None:
    with Image.open(SAMPLE / "modern" / "pont_du_gard.jpg") as image:
        pixels = np.asarray(image)[:64, :64]
    (tmp_path / "x.jpg").write_bytes(imagecodecs.jpeg8_encode(pixels, lossless=True))
    with pytest.raises(IrreversibleJpegError, match="lossless JPEG"):
        colorized(tmp_path / "x.jpg")


def test_a_profile_in_pieces_that_do_not_fit_is_told(tmp_path: Path) -> None:
    icc = rgb_profile("adobe")
    parts = [segment(0xE2, b"ICC_PROFILE\0" + bytes([n, 3]) + icc[:99]) for n in (1, 3)]
    result, warnings = colorized(gray(tmp_path / "x.jpg", b"".join(parts)))
    assert warnings == ("color profile left out: its segments don't make one",)
    assert b"ICC_PROFILE" not in result


def test_gray_thumbnails_go(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[Tag.ImageDescription] = "Alps"
    caption = b"8BIM\x04\x04\0\0\0\0\0\x04\x1c\x02\x05\0"  # IPTC: an empty title
    thumbnails = b"".join(
        b"8BIM" + number + b"\0\0\0\0\0\x03old\0" for number in (b"\x04\x09", b"\x04\x0c")
    )
    extra = b"".join(
        [
            segment(0xE0, b"JFXX\0\x10old"),
            segment(0xED, b"Photoshop 3.0\0" + thumbnails + caption),
        ]
    )
    path = gray(tmp_path / "x.jpg", extra, exif=exif)
    small = b"\x02\x02" + bytes(12)  # of 2 x 2 pixels
    jfif = segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1" + small)
    path.write_bytes(path.read_bytes().replace(path.read_bytes()[2:20], jfif, 1))
    assert path.read_bytes()[2:].startswith(jfif)
    result, _ = colorized(path)
    with Image.open(io.BytesIO(result)) as image:
        names = [(name, data[:5]) for name, data in image.applist]
        assert names.count(("APP0", b"JFIF\0")) == 1 and ("APP0", b"JFXX\0") not in names
        assert dict(image.applist)["APP0"] == b"JFIF\0\1\1\0\0\1\0\1\0\0"
        assert dict(image.applist)["APP13"] == b"Photoshop 3.0\0" + caption
        assert dict(image.getexif()) == {Tag.ImageDescription: "Alps"}


@pytest.mark.parametrize(
    "block", [b"MM\0*\0\0\0\x08\xff\xff", b"MM\0*\0\0\0\x08\0\0\0\0\0\x0e\0\0\0\0\0\0"]
)
def test_exif_that_is_damaged_or_a_mere_thumbnail_goes(block: bytes, tmp_path: Path) -> None:
    path = gray(tmp_path / "x.jpg", segment(0xE1, b"Exif\0\0" + block))
    result, _ = colorized(path)
    with Image.open(io.BytesIO(result)) as image:
        assert not any(data.startswith(b"Exif") for _, data in image.applist)
        assert "jfif" in image.info
