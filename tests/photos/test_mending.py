"""What Pillow refuses sound pixels for is left out, and that is said."""

import io
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from keras_colorize.errors import PhotoError
from keras_colorize.photos.formats import open_image
from keras_colorize.photos.mending import mend
from keras_colorize.photos.reading import read_luminance, read_pages
from tests.conftest import SAMPLE
from tests.metadata.sources import segment

with Image.open(SAMPLE / "modern" / "pont_du_gard.jpg") as image:
    PHOTO = image.convert("L").resize((48, 32))


def saved(format_: str, **options: Any) -> bytes:
    output = io.BytesIO()
    PHOTO.save(output, format_, **options)
    return output.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    check_sum = zlib.crc32(kind + data).to_bytes(4, "big")
    return len(data).to_bytes(4, "big") + kind + data + check_sum


JPEG, PNG = saved("JPEG"), saved("PNG")
LONG = zlib.compress(bytes(2_000_000))
SEGMENTS = {
    "an empty JFIF": (segment(0xE0, b"JFIF"), "APP0"),
    "a short JFIF": (segment(0xE0, b"JFIF\0\1"), "APP0"),
    "a short Adobe": (segment(0xEE, b"Adobe\0"), "APP14"),
    "a profile without a number": (segment(0xE2, b"ICC_PROFILE\0"), "APP2"),
    "a cut resource": (segment(0xED, b"Photoshop 3.0\x008BIM\4\4"), "APP13"),
}
CHUNKS = {
    "a wrong check sum": (chunk(b"tEXt", b"a\0b")[:-1] + b"?", "tEXt"),
    "a long text": (chunk(b"zTXt", b"a\0\0" + LONG), "zTXt"),
    "much text": (b"".join(chunk(b"tEXt", b"a\0" + bytes(9_000_000)) for _ in range(9)), "tEXt"),
    "very many texts": (chunk(b"tEXt", b"a\0b") * 2000, "tEXt"),
    "a damaged profile": (chunk(b"iCCP", b""), "iCCP"),
    "a profile that is not packed": (chunk(b"iCCP", b"x\0\0garbage"), "iCCP"),
    "half a color for transparency": (chunk(b"tRNS", b"\0"), "tRNS"),
    "no resolution": (chunk(b"pHYs", b"12"), "pHYs"),
    "no gamma": (chunk(b"gAMA", b""), "gAMA"),
}


@pytest.mark.parametrize("name", SEGMENTS)
def test_segments_that_libjpeg_passes_over(name: str) -> None:
    piece, named = SEGMENTS[name]
    mended = mend(io.BytesIO(JPEG[:2] + segment(0xFE, b"kept") + piece + JPEG[2:]), "JPEG")
    assert mended.notes == (f"JPEG: {named} could not be read",)
    image = open_image(mended.file, "JPEG")
    assert image.info["comment"] == b"kept"
    np.testing.assert_array_equal(np.asarray(image), np.asarray(Image.open(io.BytesIO(JPEG))))


@pytest.mark.parametrize("place", [33, -12], ids=["before the pixels", "behind them"])
@pytest.mark.parametrize("name", CHUNKS)
def test_chunks_that_libpng_passes_over(name: str, place: int) -> None:
    pieces, named = CHUNKS[name]
    pieces = chunk(b"tEXt", b"Title\0kept") + pieces
    mended = mend(io.BytesIO(PNG[:place] + pieces + PNG[place:]), "PNG")
    assert mended.notes == (f"PNG: {named} could not be read",)
    image = open_image(mended.file, "PNG")
    np.testing.assert_array_equal(np.asarray(image), np.asarray(PHOTO))
    assert image.info["Title"] == "kept"


def test_many_texts_stay() -> None:
    texts = b"".join(chunk(b"zTXt", b"%d\0\0" % i + zlib.compress(b"text")) for i in range(300))
    file = io.BytesIO(PNG[:33] + texts + PNG[33:])
    assert mend(file, "PNG") == (file, None, ())


def test_a_large_profile_is_read() -> None:
    profile = bytes(range(256)) * 8000
    data = PNG[:33] + chunk(b"iCCP", b"a\0\0" + zlib.compress(profile)) + PNG[33:]
    mended = mend(io.BytesIO(data), "PNG")
    assert mended.icc == profile and mended.notes == ()
    cut = PNG[:33] + chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(2_000_000))[:-4]) + PNG[33:]
    mended = mend(io.BytesIO(cut), "PNG")
    assert mended.icc is None and "iCCP" in mended.notes[0]


def test_a_wrong_check_sum_of_pixels_is_said() -> None:
    data = PNG[:-13] + b"?" + PNG[-12:]
    mended = mend(io.BytesIO(data), "PNG")
    assert mended.notes == ("PNG: a check sum of its pixels is wrong; some may be damaged",)
    np.testing.assert_array_equal(np.asarray(open_image(mended.file, "PNG")), np.asarray(PHOTO))


def test_a_chunk_that_a_picture_may_need_is_named() -> None:
    """Its name begins with a capital (W3C, third edition, section 13.1): "CgBI" is Apple's."""
    data = saved("PNG")
    odd = data[:33] + chunk(b"CgBI", bytes(4)) + chunk(b"niCe", b"") + data[33:]
    assert mend(io.BytesIO(odd), "PNG").notes == (
        "PNG: CgBI is not known, and its picture may need it",
    )


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "GIF"])
def test_what_is_sound_is_not_copied_and_damaged_pixels_stay_so(format_: str) -> None:
    file = io.BytesIO(saved(format_))
    assert mend(file, format_) == (file, None, ())
    for damaged in (b"", saved(format_)[:30]):
        file = io.BytesIO(damaged)
        assert mend(file, format_).file.read() == damaged


@pytest.mark.parametrize(
    ("tones", "note"),
    [
        (chunk(b"gAMA", (100_000).to_bytes(4, "big")), "PNG: its gamma of 1 was taken for"),
        (chunk(b"gAMA", (45_455).to_bytes(4, "big")), None),
        (chunk(b"gAMA", (100_000).to_bytes(4, "big")) + chunk(b"sRGB", b"\0"), None),
        (chunk(b"cICP", bytes([9, 16, 0, 1])), "PNG: its tones of number 16 (cICP) were taken for"),
        (chunk(b"cICP", bytes([1, 13, 0, 1])), None),
    ],
)
def test_tones_that_are_not_read_are_told(tones: bytes, note: str | None) -> None:
    notes = mend(io.BytesIO(PNG[:33] + tones + PNG[33:]), "PNG").notes
    assert not notes if note is None else notes[0].startswith(note)


def test_what_follows_the_end_is_nothing() -> None:
    assert mend(io.BytesIO(PNG + b"rubbish" * 9), "PNG").notes == ()


@pytest.mark.parametrize("behind", [b"", b"\xff", bytes(100)], ids=["cut", "half", "zeros"])
def test_a_jpeg_that_lacks_its_end_marker_alone_is_read(tmp_path: Path, behind: bytes) -> None:
    (tmp_path / "whole.jpg").write_bytes(JPEG)
    (tmp_path / "x.jpg").write_bytes(JPEG[:-2] + behind)
    (page,) = read_pages(tmp_path / "x.jpg")
    assert "JPEG: its end marker is missing, its pixels are not" in page.notes
    np.testing.assert_array_equal(page.luminance, read_luminance(tmp_path / "whole.jpg"))


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_progressive_jpeg_whose_scans_are_all_there(tmp_path: Path, mode: str) -> None:
    output = io.BytesIO()
    PHOTO.convert(mode).save(output, "JPEG", progressive=True)
    data = output.getvalue()
    (tmp_path / "whole.jpg").write_bytes(data)
    (tmp_path / "x.jpg").write_bytes(data[:-2])
    (page,) = read_pages(tmp_path / "x.jpg")
    assert "JPEG: its end marker is missing, its pixels are not" in page.notes
    np.testing.assert_array_equal(page.luminance, read_luminance(tmp_path / "whole.jpg"))
    scans = [at for at in range(len(data)) if data[at : at + 2] == b"\xff\xda"]
    assert len(scans) > 5
    for end in scans[1:]:
        (tmp_path / "x.jpg").write_bytes(data[:end])
        with pytest.raises(PhotoError, match=r"^truncated"):
            read_luminance(tmp_path / "x.jpg")


def test_a_jpeg_behind_other_bytes_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.jpg").write_bytes(b"\r\n" + JPEG)
    with pytest.raises(PhotoError, match=r"^a JPEG behind 2 other bytes"):
        read_luminance(tmp_path / "x.jpg")


def test_a_jpeg_that_begins_twice(tmp_path: Path) -> None:
    (tmp_path / "whole.jpg").write_bytes(JPEG)
    (tmp_path / "x.jpg").write_bytes(JPEG[:2] + JPEG)
    (page,) = read_pages(tmp_path / "x.jpg")
    assert "JPEG: its beginning stands twice" in page.notes
    np.testing.assert_array_equal(page.luminance, read_luminance(tmp_path / "whole.jpg"))


@pytest.mark.parametrize(
    "data",
    [JPEG[:-4], JPEG[: len(JPEG) // 2], JPEG[:300], saved("JPEG", progressive=True)[:-6]],
    ids=["two bytes", "half", "all pixels", "of its last scan"],
)
def test_a_jpeg_that_lacks_more_is_truncated(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.jpg").write_bytes(data)
    with pytest.raises(PhotoError, match=r"^truncated"):
        read_luminance(tmp_path / "x.jpg")


@pytest.mark.parametrize("share", [0.2, 0.5, 0.95])
@pytest.mark.parametrize("format_", ["WEBP", "AVIF"])
def test_what_ends_early_is_truncated_not_damaged(
    tmp_path: Path, format_: str, share: float
) -> None:
    data = saved(format_)
    (tmp_path / "x").write_bytes(data[: round(share * len(data))])
    with pytest.raises(PhotoError, match=r"^truncated"):
        read_luminance(tmp_path / "x")


def test_what_is_whole_and_damaged_is_not_called_truncated(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(saved("WEBP").replace(b"VP8", b"VPX"))
    with pytest.raises(PhotoError, match=r"^damaged"):
        read_luminance(tmp_path / "x")


def test_a_palette_that_is_missing(tmp_path: Path) -> None:
    """Its numbers mean nothing then, gray least of all."""
    output = io.BytesIO()
    PHOTO.quantize(16).save(output, "PNG")
    data = output.getvalue()
    at = data.index(b"PLTE") - 4
    size = int.from_bytes(data[at : at + 4], "big") + 12
    (tmp_path / "x.png").write_bytes(data[:at] + data[at + size :])
    with pytest.raises(PhotoError, match="numbers of a palette that is missing"):
        read_luminance(tmp_path / "x.png")
