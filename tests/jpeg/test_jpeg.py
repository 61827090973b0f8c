"""Color added to JPEGs: the luminance stays bit for bit, and everything else is accounted for.

The oracles: whole files read by IJG's libjpeg 6b and 9f (within jpeglib), which know nothing of how
they were put together; and the color JPEG that Pillow itself makes of the same chroma.
"""

import ctypes.util
import importlib.util
import io
import random
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jpeglib
import numpy as np
import pytest
from PIL import Image, JpegImagePlugin, MpoImagePlugin

from keras_colorize.coloring.halved import HalvedJpeg
from keras_colorize.errors import IrreversibleJpegError, PhotoError
from keras_colorize.jpeg import luminance as jpeg_luminance
from keras_colorize.jpeg import turbo
from keras_colorize.jpeg.chroma import add_chroma_planes, drop_chroma
from keras_colorize.jpeg.luminance import read_luminance
from keras_colorize.metadata.xmp import JPEG_EXTENSION, JPEG_PACKET
from tests.conftest import SAMPLE
from tests.samples import luminance_coefficients

with Image.open(SAMPLE / "modern" / "pont_du_gard.jpg") as image:
    PHOTO = image.convert("RGB")  # 289 x 192
SIZES = [(1, 1), (7, 9), (17, 33), (16, 16), (333, 501)]  # width, height
# Values above 255 take 16 bits each in the file.
WIDE_TABLE = [16 + 5 * index for index in range(64)]


def encode(image: Image.Image, **options: Any) -> bytes:
    output = io.BytesIO()
    image.save(output, "JPEG", **options)
    return output.getvalue()


def gray(**options: Any) -> bytes:
    return encode(PHOTO.convert("L"), **options)


def patch(jpeg: bytes, marker: int, offset: int, value: bytes) -> bytes:
    """Change bytes behind the first marker of a kind, counted from the marker itself."""
    place = jpeg.index(bytes((0xFF, marker))) + offset
    return jpeg[:place] + value + jpeg[place + len(value) :]


def insert(jpeg: bytes, *segments: tuple[int, bytes]) -> bytes:
    """Put segments in front of the first quantization table."""
    place = jpeg.index(b"\xff\xdb")
    new = b"".join(
        struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload
        for marker, payload in segments
    )
    return jpeg[:place] + new + jpeg[place:]


def sampled_2x2(jpeg: bytes) -> bytes:
    """A gray JPEG that names sampling factors, as some cameras' do."""
    return patch(jpeg, 0xC2 if b"\xff\xc2" in jpeg else 0xC0, 11, b"\x22")


GRAY = {
    **{f"quality_{quality}": gray(quality=quality) for quality in (30, 75, 95, 100)},
    **{f"{w}x{h}": encode(PHOTO.convert("L").resize((w, h)), quality=90) for w, h in SIZES},
    "optimized": gray(optimize=True),
    "progressive": gray(progressive=True),
    "restarts": gray(restart_marker_blocks=5),
    "progressive_restarts": gray(progressive=True, restart_marker_rows=1),
    "wide_table": gray(qtables=[WIDE_TABLE]),
    "sampled_2x2": sampled_2x2(gray()),
    "progressive_sampled_2x2": sampled_2x2(gray(progressive=True, restart_marker_blocks=9)),
    "idle_tables": insert(gray(), (0xDB, b"\1" + bytes(64)), (0xDB, b"\2" + bytes(64))),
    "scan": (SAMPLE / "historical" / "alpine_landscape.jpg").read_bytes(),
}
COLOR = {
    "4:4:4": encode(PHOTO, subsampling=0, quality=90),
    "4:2:2": encode(PHOTO, subsampling=1, quality=50),
    "4:2:0": encode(PHOTO, subsampling=2, quality=100),
    "progressive_4:2:0": encode(PHOTO, subsampling=2, progressive=True),
    "restarts_4:4:4": encode(PHOTO, subsampling=0, restart_marker_blocks=3),
    "wide_table_4:2:0": encode(PHOTO, qtables=[WIDE_TABLE, WIDE_TABLE]),
    "one_table_4:2:0": encode(PHOTO, qtables=[[7] * 64]),
    **{f"{w}x{h}_4:2:0": encode(PHOTO.resize((w, h)), subsampling=2) for w, h in SIZES},
    "photograph": (SAMPLE / "modern" / "astronaut_portrait.jpg").read_bytes(),
}
ORIGINALS = GRAY | COLOR


def planes(jpeg: bytes, factor: int) -> tuple[np.ndarray, np.ndarray]:
    """Some other photograph's chroma, of the size that a JPEG needs."""
    width, height = Image.open(io.BytesIO(jpeg)).size
    with Image.open(SAMPLE / "modern" / "orange_dahlia.jpg") as other:
        small = other.convert("YCbCr").resize((-(-width // factor), -(-height // factor)))
    _, cb, cr = small.split()
    return np.asarray(cb), np.asarray(cr)


def colorized(jpeg: bytes, factor: int = 2, quality: int = 90, **options: Any) -> bytes:
    return add_chroma_planes(jpeg, *planes(jpeg, factor), quality=quality, **options)


def read_dct(jpeg: bytes, folder: Path, version: str = "6b") -> jpeglib.DCTJPEG:
    """All coefficients, read by another libjpeg than the package's from the whole file."""
    (folder / "photo.jpg").write_bytes(jpeg)
    with jpeglib.version(version):
        dct = jpeglib.read_dct(folder / "photo.jpg")
        dct.load()
    return dct


def chroma(jpeg: bytes) -> np.ndarray:
    image = Image.open(io.BytesIO(jpeg))
    image.draft("YCbCr", image.size)
    return np.asarray(image)[..., 1:]


# --- luminance ---


@pytest.mark.parametrize("factor", [1, 2])
@pytest.mark.parametrize("name", ORIGINALS)
def test_luminance_is_kept_bit_for_bit(name: str, factor: int, tmp_path: Path) -> None:
    original = ORIGINALS[name]
    result = colorized(original, factor)
    before, after = read_dct(original, tmp_path), read_dct(result, tmp_path)
    np.testing.assert_array_equal(after.Y, before.Y)
    np.testing.assert_array_equal(after.get_component_qt(0), before.get_component_qt(0))
    np.testing.assert_array_equal(read_luminance(result), read_luminance(original))
    image = Image.open(io.BytesIO(result))
    assert (image.mode, image.format) == ("RGB", "JPEG")
    assert image.size == Image.open(io.BytesIO(original)).size


@pytest.mark.parametrize("name", ORIGINALS)
def test_coefficients_are_what_libjpeg_reads(name: str, tmp_path: Path) -> None:
    coefficients, table = luminance_coefficients(ORIGINALS[name])
    dct = read_dct(ORIGINALS[name], tmp_path, "9f")
    assert coefficients.dtype == np.int16 and table.dtype == np.uint16
    np.testing.assert_array_equal(coefficients, dct.Y)
    np.testing.assert_array_equal(table, dct.get_component_qt(0))


@pytest.mark.parametrize("name", GRAY)
def test_gray_original_comes_back_byte_for_byte(name: str) -> None:
    original = ORIGINALS[name]
    # Sampling factors mean nothing in a frame of one component: they become 1 x 1.
    expected = original if "2x2" not in name else original.replace(b"\1\x01\x22\0", b"\1\x01\x11\0")
    assert expected != original or "2x2" not in name
    assert drop_chroma(colorized(original)) == expected
    assert drop_chroma(original) == original


@pytest.mark.parametrize("name", COLOR)
def test_color_original_becomes_gray(name: str, tmp_path: Path) -> None:
    result = drop_chroma(COLOR[name])
    before, after = read_dct(COLOR[name], tmp_path), read_dct(result, tmp_path)
    np.testing.assert_array_equal(after.Y, before.Y)
    np.testing.assert_array_equal(after.get_component_qt(0), before.get_component_qt(0))
    assert Image.open(io.BytesIO(result)).mode == "L"
    assert drop_chroma(colorized(COLOR[name])) == result


@pytest.mark.parametrize("name", ["restarts", "progressive_restarts", "4:2:0"])
def test_colorized_again_is_colorized_once(name: str) -> None:
    original = ORIGINALS[name]
    again = add_chroma_planes(colorized(original, 1, quality=30), *planes(original, 2), quality=90)
    assert again == colorized(original)


# --- chroma ---


@pytest.mark.parametrize("factor", [1, 2])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("quality", [5, 75, 100])
def test_chroma_is_coded_as_pillow_codes_it(
    quality: int, progressive: bool, factor: int, tmp_path: Path
) -> None:
    original = gray(progressive=progressive)
    color = colorized(original, factor, quality=quality)
    assert ("progressive" in Image.open(io.BytesIO(color)).info) == progressive
    # Where four pixels are alike, their mean, which Pillow takes for 4:2:0, is what they are.
    large = [
        Image.fromarray(plane.repeat(factor, 0).repeat(factor, 1)[: PHOTO.height, : PHOTO.width])
        for plane in planes(original, factor)
    ]
    merged = Image.merge("YCbCr", [PHOTO.convert("L"), *large])
    subsampling = {1: 0, 2: 2}[factor]
    reference = read_dct(encode(merged, quality=quality, subsampling=subsampling), tmp_path)
    result = read_dct(color, tmp_path)
    np.testing.assert_array_equal(result.samp_factor, reference.samp_factor)
    np.testing.assert_array_equal(result.Cb, reference.Cb)
    np.testing.assert_array_equal(result.Cr, reference.Cr)
    for component in (1, 2):
        np.testing.assert_array_equal(
            result.get_component_qt(component), reference.get_component_qt(component)
        )


@pytest.mark.parametrize("name", ORIGINALS)
def test_chroma_comes_out_as_it_went_in(name: str) -> None:
    result = colorized(ORIGINALS[name], 1, quality=100)
    expected = np.stack(planes(ORIGINALS[name], 1), axis=-1).astype(int)
    # Nothing is lost here but what rounding takes from coefficients and levels.
    assert np.abs(chroma(result) - expected).max() <= 2


@pytest.mark.parametrize("size", SIZES)
def test_half_of_the_chroma_lies_where_it_belongs(size: tuple[int, int]) -> None:
    width, height = size
    original = encode(Image.new("L", size, 128))
    cb = np.full((-(-height // 2), -(-width // 2)), 128, np.uint8)
    cb[height // 4 :] = 200  # gray above, blue below
    result = add_chroma_planes(original, cb, np.full_like(cb, 90), quality=100)
    expected = cb.repeat(2, axis=0).repeat(2, axis=1)[:height, :width]
    away = np.abs(np.arange(height) - height // 4 * 2) > 2  # from the edge, which decoders smooth
    assert np.abs(chroma(result)[away].astype(int) - [0, 90])[..., 1].max(initial=0) <= 1
    assert np.abs(chroma(result)[..., 0].astype(int) - expected)[away].max(initial=0) <= 1


@pytest.mark.parametrize("version", ["6b", "9f", "mozjpeg403"])
@pytest.mark.parametrize("name", ["quality_75", "progressive_sampled_2x2", "17x33", "4:2:2"])
def test_other_decoders_see_the_same_picture(name: str, version: str, tmp_path: Path) -> None:
    result = colorized(ORIGINALS[name], 1)
    (tmp_path / "photo.jpg").write_bytes(result)
    with jpeglib.version(version):
        pixels = jpeglib.read_spatial(tmp_path / "photo.jpg").spatial
    ours = np.asarray(Image.open(io.BytesIO(result)))
    assert np.abs(pixels.astype(int) - ours).max() <= 1


@pytest.mark.parametrize(
    ("cb", "cr", "quality", "match"),
    [
        (np.zeros((8, 8), np.uint8), np.zeros((8, 8), np.uint8), 90, r"\(9, 7\) or \(5, 4\)"),
        (np.zeros((9, 7), np.uint8), np.zeros((5, 4), np.uint8), 90, "must both be"),
        (np.zeros((9, 7)), np.zeros((9, 7)), 90, "uint8. Received: float64"),
        (np.zeros((9, 7), np.uint8), np.zeros((9, 7), np.uint8), 0, "quality must be 1 to 100"),
    ],
)
def test_unfit_chroma_is_refused(cb: np.ndarray, cr: np.ndarray, quality: int, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        add_chroma_planes(GRAY["7x9"], cb, cr, quality=quality)


# --- metadata ---

EXIF = Image.Exif()
EXIF[0x010E] = "Bridge"
EXIF[0x0112] = 6
XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"
ADOBE_WITHOUT_TRANSFORM = b"Adobe\0\x64\0\0\0\0\0"


def segments(jpeg: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker and payload of the segments before the first scan, read without the package."""
    position = 2
    while jpeg[position + 1] != 0xDA:
        marker, length = struct.unpack_from(">xBH", jpeg, position)
        yield marker, jpeg[position + 4 : position + 2 + length]
        position += 2 + length


def metadata(jpeg: bytes) -> list[tuple[int, bytes]]:
    return [(marker, payload) for marker, payload in segments(jpeg) if marker >= 0xE0]


@pytest.mark.parametrize("color", [False, True])
def test_metadata_stay_in_order(color: bool) -> None:
    image = PHOTO if color else PHOTO.convert("L")
    original = encode(image, exif=EXIF, dpi=(300, 300), comment=b"by hand", xmp=XMP)
    original = (
        insert(
            original,
            (0xED, b"Photoshop 3.0\0 IPTC of an archive"),
            (0xE2, b"ICC_PROFILE\0\1\1" + bytes(200)),
            (0xEE, b"Adobe\0\x64\0\0\0\0\1"),
            (0xFE, b"a second comment"),
        )
        + b"\0\0a film behind the picture"
    )
    result = colorized(original)
    assert metadata(result) == metadata(original)
    assert len(metadata(result)) == 8
    assert result.endswith(b"\xff\xd9\0\0a film behind the picture")
    opened = Image.open(io.BytesIO(result))
    assert opened.info["dpi"] == (300, 300)
    assert opened.getexif()[0x0112] == 6
    assert metadata(drop_chroma(result)) == metadata(original)


def test_adobe_comes_to_say_ycbcr() -> None:
    bare = patch(GRAY["quality_75"], 0xE0, 1, b"\xef")  # no JFIF: the segment has another number
    original = insert(bare, (0xEE, ADOBE_WITHOUT_TRANSFORM))
    result = colorized(original)
    assert (0xEE, ADOBE_WITHOUT_TRANSFORM[:11] + b"\1") in metadata(result)
    opened = Image.open(io.BytesIO(result))
    assert opened.info["adobe_transform"] == 1
    np.testing.assert_array_equal(read_luminance(result), read_luminance(original))


def test_jfif_is_added_where_nothing_says_ycbcr() -> None:
    bare = patch(GRAY["quality_75"], 0xE0, 1, b"\xef")
    assert "jfif" not in Image.open(io.BytesIO(bare)).info
    opened = Image.open(io.BytesIO(colorized(bare)))
    assert (opened.info["jfif_version"], opened.info["jfif_unit"]) == ((1, 1), 0)
    assert "dpi" not in opened.info
    with_exif = insert(bare, (0xE1, EXIF.tobytes()))
    assert "jfif" not in Image.open(io.BytesIO(colorized(with_exif))).info


def test_a_short_jfif_is_none() -> None:
    bare = insert(patch(GRAY["quality_75"], 0xE0, 1, b"\xef"), (0xE0, b"JFIF\0\1\1"))
    result = colorized(bare)
    assert metadata(result)[0] == (0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")
    assert metadata(result)[1:] == metadata(bare)
    np.testing.assert_array_equal(read_luminance(result), read_luminance(bare))


def test_xmp_is_replaced_or_added() -> None:
    new = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>computed colors</x:xmpmeta>"
    for original in (gray(exif=EXIF, comment=b"note", xmp=XMP), gray(exif=EXIF, comment=b"note")):
        result = colorized(original, xmp=new)
        assert Image.open(io.BytesIO(result)).info["xmp"] == new
        assert [marker for marker, _ in metadata(result)] == [0xE0, 0xE1, 0xE1, 0xFE]
    twice = insert(gray(xmp=XMP), (0xE1, JPEG_PACKET + XMP), (0xE1, JPEG_EXTENSION + bytes(40)))
    assert [
        payload for marker, payload in metadata(colorized(twice, xmp=new)) if marker == 0xE1
    ] == [JPEG_PACKET + new]
    with pytest.raises(ValueError, match="not well-formed"):  # too long for a segment
        colorized(gray(), xmp=b"<" * 65_503)


def test_xmp_behind_the_pixels_is_replaced_before_them() -> None:
    """Found by benchmarks/fuzz_parsers.py: nobody, this package included, looks for it there."""
    original = gray()
    segment_ = struct.pack(">BBH", 0xFF, 0xE1, len(JPEG_PACKET + XMP) + 2) + JPEG_PACKET + XMP
    result = colorized(original[:-2] + segment_ + original[-2:], xmp=b"<new/>")
    assert Image.open(io.BytesIO(result)).info["xmp"] == b"<new/>"
    assert XMP not in result


def test_exif_is_replaced_or_added() -> None:
    block = Image.Exif()
    block[0x010E] = "new"
    for original in (gray(exif=EXIF, xmp=XMP), gray()):
        result = Image.open(io.BytesIO(colorized(original, exif=block.tobytes()[6:])))
        assert dict(result.getexif()) == {0x010E: "new"}
    with pytest.raises(ValueError, match="exif must have at most"):
        colorized(original, exif=bytes(70_000))


def test_second_picture_is_found_at_its_new_place() -> None:
    output = io.BytesIO()
    second = PHOTO.rotate(180).convert("L")
    PHOTO.convert("L").save(output, "MPO", save_all=True, append_images=[second])
    original = output.getvalue()
    result = colorized(original)
    opened, before = Image.open(io.BytesIO(result)), Image.open(io.BytesIO(original))
    assert isinstance(opened, MpoImagePlugin.MpoImageFile)
    assert opened.mode == "RGB"
    opened.seek(1)
    before.seek(1)
    np.testing.assert_array_equal(opened, before)
    entry = opened.mpinfo[0xB002][0]
    assert result[entry["Size"] - 2 : entry["Size"] + 2] == b"\xff\xd9\xff\xd8"
    assert drop_chroma(result) == original


# --- what cannot be done ---

SMALL, SMALL_COLOR = GRAY["7x9"], COLOR["7x9_4:2:0"]
REFUSED = {
    "nothing": (b"", "no JPEG"),
    "another format": (b"\x89PNG\r\n\x1a\n", "no JPEG"),
    "CMYK": (encode(PHOTO.convert("CMYK")), "four components: CMYK or YCCK"),
    "RGB": (encode(PHOTO, keep_rgb=True), "red, green and blue"),
    "RGB by Adobe": (insert(SMALL_COLOR, (0xEE, ADOBE_WITHOUT_TRANSFORM)), "red, green and blue"),
    "lossless": (patch(SMALL, 0xC0, 1, b"\xc3"), "lossless"),
    "hierarchical": (patch(SMALL, 0xC0, 1, b"\xc5"), "hierarchical"),
    "several frames": (insert(SMALL, (0xDE, bytes(8))), "hierarchical"),
    "arithmetic": (patch(SMALL, 0xC0, 1, b"\xc9"), "arithmetic coding"),
    "12 bits": (patch(SMALL, 0xC0, 4, b"\x0c"), "samples of 12 bits"),
    "no height": (patch(SMALL, 0xC0, 5, b"\0\0"), "7 x 0 pixels"),
    "coarse luminance": (patch(SMALL_COLOR, 0xC0, 14, b"\x41"), "more coarsely"),
    "no frame": (patch(SMALL, 0xC0, 1, b"\xe7"), "0 frame headers"),
    "foreign scan": (patch(SMALL, 0xDA, 5, b"\7"), "components that the frame lacks"),
    "no table": (patch(SMALL, 0xC0, 12, b"\3"), "no quantization table"),
    "all tables": (
        insert(SMALL, *[(0xDB, bytes((slot,)) + bytes(64)) for slot in range(4)]),
        "all four quantization tables",
    ),
    "bad table": (patch(SMALL, 0xDB, 4, b"\x35"), "a bad quantization table"),
    "bad Huffman table": (patch(SMALL_COLOR, 0xC4, 5, b"\xff"), "damaged JPEG"),
    "truncated": (SMALL[:-20], "truncated"),
    "no end": (SMALL[:-2], "truncated"),
    "header alone": (SMALL[:100], "truncated"),
    "loose bytes": (insert(SMALL, (0xFE, b"")).replace(b"\xff\xfe\0\2", b"loose"), "byte 20"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_done_is_refused_with_the_reason(name: str) -> None:
    jpeg, reason = REFUSED[name]
    with pytest.raises(IrreversibleJpegError, match=reason):
        add_chroma_planes(jpeg, *planes(SMALL, 1), quality=90)


def test_size_that_the_data_cannot_fill_is_refused() -> None:
    jpeg = patch(SMALL_COLOR, 0xC0, 5, b"\xff\0\xff\0")
    for function in (drop_chroma, luminance_coefficients):
        with pytest.raises(IrreversibleJpegError, match="truncated"):
            function(jpeg)


def test_undecodable_luminance_is_a_photo_error() -> None:
    with pytest.raises(PhotoError, match="damaged JPEG data"):
        read_luminance(GRAY["quality_75"][:300])


def mutated(jpeg: bytes, generator: random.Random) -> bytes:
    """Bytes changed, in the headers or anywhere; or a piece cut out, or doubled."""
    damaged = bytearray(jpeg)
    header = jpeg.index(b"\xff\xda") + 14
    for _ in range(generator.choice((1, 1, 2, 8))):
        limit = header if generator.random() < 0.6 else len(damaged)
        place = generator.randrange(2, limit)
        damaged[place] = generator.choice((0, 1, 0xFF, 0xD9, generator.randrange(256)))
    start, end = sorted(generator.randrange(len(damaged)) for _ in range(2))
    kind = generator.randrange(6)
    if kind == 0:
        del damaged[end:]
    elif kind == 1:
        del damaged[start : min(end, start + 40)]
    elif kind == 2:
        damaged[start:start] = damaged[start : min(end, start + 40)]
    return bytes(damaged)


def test_damaged_files_give_reasons_only() -> None:
    generator = random.Random(20261124)
    originals = [
        encode(PHOTO.resize((75, 50)).convert(mode), progressive=progressive, **options)
        for mode in ("L", "RGB")
        for progressive in (False, True)
        for options in ({}, {"restart_marker_blocks": 4, "exif": EXIF})
    ]
    cb, cr = planes(originals[0], 1)
    kept = refused = 0
    for _ in range(400):
        jpeg = mutated(generator.choice(originals), generator)
        try:
            result = add_chroma_planes(jpeg, cb, cr, quality=80)
        except IrreversibleJpegError:
            refused += 1
            continue
        except ValueError as error:  # another size in the header: the planes don't fit it
            assert "cb and cr must both be" in str(error)
            continue
        try:
            luminance = read_luminance(jpeg)
        except PhotoError:
            continue
        # What a decoder makes of damaged data stays the same.
        np.testing.assert_array_equal(read_luminance(result), luminance)
        kept += 1
    assert kept > 100 and refused > 100


# --- libturbojpeg against jpeglib ---

with_turbojpeg = pytest.mark.skipif(
    importlib.util.find_spec("turbojpeg") is None, reason="no libturbojpeg comes for this machine"
)


@pytest.fixture
def without_turbojpeg(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Has `jpeg_luminance` behave as where the library is missing."""
    with monkeypatch.context() as patched:
        patched.setattr(jpeg_luminance, "recode_luminance", lambda *_: None)
        yield patched


def outcome(jpeg: bytes) -> bytes | str:
    try:
        return drop_chroma(jpeg)
    except IrreversibleJpegError as error:
        return str(error)


@with_turbojpeg
@pytest.mark.parametrize("name", COLOR)
def test_turbojpeg_writes_what_jpeglib_writes(
    name: str, without_turbojpeg: pytest.MonkeyPatch
) -> None:
    jpeg = insert(COLOR[name], (0xFE, b"a comment"))
    expected = drop_chroma(jpeg)
    without_turbojpeg.undo()
    used = []
    recode = jpeg_luminance.recode_luminance
    without_turbojpeg.setattr(
        jpeg_luminance, "recode_luminance", lambda *given: used.append(recode(*given)) or used[-1]
    )
    assert drop_chroma(jpeg) == expected
    assert None not in used and len(used) == 1


@with_turbojpeg
def test_damage_comes_to_the_same_with_turbojpeg_and_without(
    without_turbojpeg: pytest.MonkeyPatch,
) -> None:
    generator = random.Random(7)
    originals = [
        encode(PHOTO.resize((75, 50)), subsampling=subsampling, **options)
        for subsampling in (0, 1, 2)
        for options in ({}, {"progressive": True}, {"restart_marker_blocks": 4})
    ]
    jpegs = [mutated(generator.choice(originals), generator) for _ in range(300)]
    jpegs += [original[:-200] + original[-2:] for original in originals]
    expected = [outcome(jpeg) for jpeg in jpegs]
    without_turbojpeg.undo()
    assert [outcome(jpeg) for jpeg in jpegs] == expected
    refused = sum(isinstance(result, str) for result in expected)
    assert refused > 50 and len(expected) - refused > 50


# --- half-size pixels from the coefficients that recoding reads ---


def halved(jpeg: bytes) -> HalvedJpeg | None:
    with JpegImagePlugin.JpegImageFile(io.BytesIO(jpeg)) as image:
        tables = [np.reshape(image.quantization[slot], (8, 8)) for *_, slot in image.layer]
    return HalvedJpeg.read(jpeg, tables)


@with_turbojpeg
@pytest.mark.parametrize("name", [*COLOR, "4:1:1"])
def test_halved_pixels_are_those_of_libjpeg(name: str) -> None:
    jpeg = COLOR.get(name) or encode(PHOTO, subsampling="4:1:1")
    result = halved(jpeg)
    assert result is not None
    assert drop_chroma(jpeg) == drop_chroma(colorized(jpeg, recoded=result.recoded))
    with JpegImagePlugin.JpegImageFile(io.BytesIO(jpeg)) as image:
        full = image.size
        # Never less than half, as `draft` chooses.
        image.draft("YCbCr", (max(full[0] // 2, 1), max(full[1] // 2, 1)))
        image.load()
        half = tuple(-(-side // 2) for side in full)
        assert result.luminance.shape == half[::-1]
        assert image.size == half
        difference = np.abs(result.luminance - np.asarray(image.getchannel(0), int))
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.1
    assert all(side >= full_side / 32 for side, full_side in zip(result.preview.size, full))


@with_turbojpeg
@pytest.mark.parametrize("name", ["4:4:4", "4:2:2", "4:2:0", "photograph"])
def test_preview_has_the_colors_of_the_photograph(name: str) -> None:
    result = halved(COLOR[name])
    assert result is not None
    preview = np.asarray(result.preview, int)
    block = {"4:4:4": (8, 8), "4:2:2": (16, 8)}.get(name, (16, 16))
    with Image.open(io.BytesIO(COLOR[name])) as image:
        reduced = np.asarray(image.convert("YCbCr").reduce(block))
    assert preview.shape == reduced.shape
    assert preview[..., 1].std() > 5  # or else gray would do
    inside = np.abs(preview - reduced)[:-1, :-1]  # blocks at the borders reach beyond
    assert inside.max() <= 2


@with_turbojpeg
def test_errors_while_looking_are_raised() -> None:
    def see(component: int, row: int, blocks: np.ndarray) -> tuple[int, int]:
        raise MemoryError(f"at {component}, {row}")

    with pytest.raises(MemoryError, match="at 0, 0"):
        turbo.recode_luminance(COLOR["4:2:0"], see)


@pytest.fixture
def searched_anew() -> Iterator[None]:
    """The library is searched for again, in the test and after it."""
    turbo._library.cache_clear()
    yield
    turbo._library.cache_clear()


@with_turbojpeg
@pytest.mark.usefixtures("searched_anew")
def test_a_system_library_of_another_kind_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """As an older one is, which lacks what is called."""
    other = ctypes.util.find_library("c")
    monkeypatch.setattr(ctypes.util, "find_library", lambda _: other)
    assert turbo.recode_luminance(COLOR["4:2:0"]) is not None


@pytest.mark.usefixtures("searched_anew")
def test_without_any_libturbojpeg_jpeglib_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = drop_chroma(COLOR["4:2:0"])
    turbo._library.cache_clear()
    monkeypatch.setattr(ctypes.util, "find_library", lambda _: None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert turbo.recode_luminance(COLOR["4:2:0"]) is None
    assert drop_chroma(COLOR["4:2:0"]) == expected


@with_turbojpeg
def test_what_must_be_read_otherwise() -> None:
    jpeg = COLOR["4:2:0"]
    assert halved(jpeg) is not None
    assert halved(GRAY["quality_75"]) is None
    assert halved(colorized(GRAY["quality_75"])) is None  # its luminance can be copied
    middle = len(jpeg) // 2
    assert halved(jpeg[:middle] + bytes(range(200)) + jpeg[middle + 200 :]) is None
