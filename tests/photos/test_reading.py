"""Photographs on disk, from the sample, in every format, turned, damaged and mislabelled."""

import io
import os
import re
import struct
import subprocess
import sys
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from keras_colorize.errors import DataError, PhotoError
from keras_colorize.files import atomic_path
from keras_colorize.photos import reading as photos
from keras_colorize.photos import tensorflow_io as tiff_module
from keras_colorize.photos.formats import FORMATS
from keras_colorize.photos.reading import find_photos, read_photo
from keras_colorize.photos.tensorflow_io import TiffDecoder
from tests.conftest import SAMPLE
from tests.photo_kinds import KINDS, build

pytestmark = pytest.mark.filterwarnings("error")

MODERN = SAMPLE / "modern" / "pont_du_gard.jpg"  # color, 289 x 192
HISTORICAL = SAMPLE / "historical" / "alpine_landscape.jpg"  # gray, 384 x 192


def photo() -> Image.Image:
    with Image.open(MODERN) as image:
        return image.convert("RGB")


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGB"))


def difference(a: np.ndarray, b: np.ndarray) -> int:
    assert a.shape == b.shape
    return int(np.abs(a.astype(int) - b.astype(int)).max())


def with_alpha() -> tuple[Image.Image, np.ndarray]:
    """The photograph fading out from right to left, and what it looks like on white paper."""
    rgb = pixels(photo()).astype(float)
    alpha = np.broadcast_to(np.linspace(0, 255, rgb.shape[1]).round()[:, None], (*rgb.shape[:2], 1))
    on_white = np.round(rgb * alpha / 255 + 255 - alpha)
    return Image.fromarray(np.concatenate([rgb, alpha], -1).astype(np.uint8)), on_white


@pytest.fixture(scope="session")
def tensorflow_io() -> None:
    """Skip where tensorflow-io's compiled op doesn't load, as after TensorFlow 2.17."""
    if tiff_module.tensorflow_io_decoder() is None:
        pytest.skip("tensorflow-io's decode_tiff does not load under this TensorFlow")


DECODERS: list[TiffDecoder] = ["auto", "pillow", "tensorflow_io"]


@pytest.fixture(params=DECODERS)
def decoder(request: pytest.FixtureRequest) -> TiffDecoder:
    if request.param == "tensorflow_io":
        request.getfixturevalue("tensorflow_io")
    name: TiffDecoder = request.param
    return name


# ---- finding ------------------------------------------------------------------------------------


def test_find_photos_finds_the_sample() -> None:
    found = find_photos(SAMPLE)
    assert MODERN in found and HISTORICAL in found
    assert len(found) == len(list(SAMPLE.rglob("*.jpg")))


def test_find_photos_order_names_and_loops(tmp_path: Path) -> None:
    names = ["b.JPG", "a/z.png", "a/ü\nline.TIFF", "B.webp", "c.d/e.jfif", "日本/写真.jpeg"]
    ignored = ["._b.jpg", ".hidden/x.jpg", "notes.txt", "jpg", "a/x.jpg.bak"]
    for name in names + ignored:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.jpg").mkdir()
    os.symlink(tmp_path, tmp_path / "a" / "loop")
    os.symlink(tmp_path / "a", tmp_path / "again")
    os.symlink(tmp_path / "nowhere.jpg", tmp_path / "broken.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    assert find_photos(str(tmp_path)) == [tmp_path / name for name in sorted(names)]


def test_find_photos_follows_linked_folders(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "x.png").touch()
    (tmp_path / "set").mkdir()
    os.symlink(tmp_path / "elsewhere", tmp_path / "set" / "link")
    assert find_photos(tmp_path / "set") == [tmp_path / "set" / "link" / "x.png"]


def test_find_photos_refuses_what_is_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DataError, match=r"Received: .*absent, which does not exist"):
        find_photos(tmp_path / "absent")
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="which is a file"):
        find_photos(tmp_path / "file")

    def forbidden(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "scandir", forbidden)
    with pytest.raises(DataError, match=r"Received: .*\(Permission denied\)"):
        find_photos(tmp_path)


# ---- formats and modes --------------------------------------------------------------------------


@pytest.mark.parametrize("path", [MODERN, HISTORICAL], ids=["color", "gray"])
def test_read_photo_of_the_sample(path: Path) -> None:
    image = read_photo(path)
    with Image.open(path) as expected:
        np.testing.assert_array_equal(image, pixels(expected))
    assert image.dtype == np.uint8 and image.shape[2] == 3 and image.flags.writeable


@pytest.mark.parametrize("suffix", photos.PHOTO_SUFFIXES)
def test_every_suffix(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x{suffix.upper()}"
    format_ = FORMATS[suffix]
    if format_ == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    photo().save(path, format_, **({"lossless": True} if format_ == "WEBP" else {}))
    image = read_photo(path, strict_suffix=True)
    with Image.open(path) as expected:
        np.testing.assert_array_equal(image, pixels(expected))
    if format_ not in ("JPEG", "GIF", "HEIF"):
        np.testing.assert_array_equal(image, pixels(photo()))


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation(tmp_path: Path, format_: str, orientation: int) -> None:
    path = tmp_path / "x.jpg"
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo().save(path, format_, exif=exif)
    with Image.open(path) as image:
        expected = pixels(ImageOps.exif_transpose(image))
    np.testing.assert_array_equal(read_photo(path), expected)
    reduced = read_photo(path, short_side=48)
    assert min(reduced.shape[:2]) == 48
    assert (reduced.shape[0] > reduced.shape[1]) == (expected.shape[0] > expected.shape[1])
    if format_ == "TIFF":
        np.testing.assert_array_equal(read_photo(path, tiff_decoder="pillow"), expected)


def test_damaged_exif_is_no_reason_to_refuse(tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    photo().save(path, exif=b"Exif\0\0" + b"no TIFF header at all")
    assert read_photo(path).shape == pixels(photo()).shape


def test_modes_that_pillow_converts(tmp_path: Path) -> None:
    image = photo()
    for mode, format_ in [("1", "PNG"), ("L", "PNG"), ("CMYK", "JPEG"), ("P", "PNG"), ("P", "BMP")]:
        image.convert(mode).save(tmp_path / "x", format_)
        with Image.open(tmp_path / "x") as expected:
            np.testing.assert_array_equal(read_photo(tmp_path / "x"), pixels(expected))


@pytest.mark.parametrize("format_", ["PNG", "TIFF"])
def test_16_bit_gray_is_scaled(tmp_path: Path, format_: str, decoder: TiffDecoder) -> None:
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    Image.fromarray(values).save(tmp_path / "x", format_)
    image = read_photo(tmp_path / "x", tiff_decoder=decoder)
    # decode_tiff drops the low byte where rounding would go up: 1 level at most.
    tolerance = 1 if format_ == "TIFF" else 0
    assert difference(image, np.round(values / 257.0)[..., None].repeat(3, -1)) <= tolerance
    assert image.min() == 0 and image.max() == 255


@pytest.mark.parametrize("white", [1.0, 255.0, 65535.0])
def test_float_tiff(tmp_path: Path, white: float) -> None:
    gray = np.asarray(photo().convert("L"))
    values = (gray / 255.0 * white).astype(np.float32)
    Image.fromarray(values).save(tmp_path / "x.tif")
    assert difference(read_photo(tmp_path / "x.tif")[..., 0], gray) == 0


def test_numbers_of_32_bits_outside_every_range(tmp_path: Path) -> None:
    for values in (np.array([[-5, 0, 95]], np.int32), np.array([[-5, 0, 95]], np.float32)):
        Image.fromarray(values).save(tmp_path / "x.tif")
        assert read_photo(tmp_path / "x.tif")[0, :, 0].tolist() == [0, 13, 255]
    Image.fromarray(np.full((2, 2), -7, np.int32)).save(tmp_path / "x.tif")
    assert not read_photo(tmp_path / "x.tif").any()
    Image.fromarray(np.array([[0, np.nan]], np.float32)).save(tmp_path / "x.tif")
    with pytest.raises(PhotoError, match="NaN"):
        read_photo(tmp_path / "x.tif")
    with pytest.raises(PhotoError, match=r"decode_tiff (cannot decode .* 32 bits, float|does not)"):
        read_photo(tmp_path / "x.tif", tiff_decoder="tensorflow_io")


@pytest.mark.parametrize("format_", ["PNG", "WEBP", "TIFF"])
def test_transparency_becomes_white(tmp_path: Path, format_: str, decoder: TiffDecoder) -> None:
    image, on_white = with_alpha()
    image.save(tmp_path / "x", format_, **({"lossless": True} if format_ == "WEBP" else {}))
    result = read_photo(tmp_path / "x", tiff_decoder=decoder)
    # WebP doesn't keep the color of what is fully transparent, which is white all the same.
    assert difference(result, on_white) <= 1


def test_gray_and_palette_transparency_become_white(tmp_path: Path) -> None:
    image, on_white = with_alpha()
    for format_ in ("PNG", "TIFF"):
        image.convert("LA").save(tmp_path / "x", format_)
        result = read_photo(tmp_path / "x")
        assert (
            difference(result, pixels(Image.fromarray(on_white.astype(np.uint8)).convert("L"))) <= 2
        )
    palette = photo().quantize(16)
    palette.save(tmp_path / "x", "PNG", transparency=5)
    result = read_photo(tmp_path / "x")
    assert (result[np.asarray(palette) == 5] == 255).all()
    other = np.asarray(palette) != 5
    np.testing.assert_array_equal(result[other], pixels(palette)[other])


@pytest.mark.parametrize("format_", ["GIF", "WEBP", "PNG", "TIFF"])
def test_first_picture_of_several(tmp_path: Path, format_: str) -> None:
    first, second = photo(), ImageOps.invert(photo())
    first.save(tmp_path / "x", format_, save_all=True, append_images=[second])
    assert np.abs(read_photo(tmp_path / "x").astype(int) - pixels(first)).mean() < 12


def test_mpo_is_a_jpeg(tmp_path: Path) -> None:
    photo().save(tmp_path / "x.jpg", "MPO", save_all=True, append_images=[ImageOps.invert(photo())])
    image = read_photo(tmp_path / "x.jpg", strict_suffix=True)
    with Image.open(tmp_path / "x.jpg") as expected:
        assert expected.format == "MPO"
        np.testing.assert_array_equal(image, pixels(expected))


# ---- TIFF ---------------------------------------------------------------------------------------

TIFF_KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "raw": ("RGB", {}),
    "lzw": ("RGB", {"compression": "tiff_lzw"}),
    "deflate": ("RGB", {"compression": "tiff_adobe_deflate"}),
    "packbits": ("RGB", {"compression": "packbits"}),
    "jpeg": ("RGB", {"compression": "jpeg"}),
    "gray": ("L", {}),
    "bilevel": ("1", {}),
    "fax": ("1", {"compression": "group4"}),
    "palette": ("P", {}),
    "cmyk": ("CMYK", {}),
    "bigtiff": ("RGB", {"big_tiff": True}),
}


@pytest.mark.parametrize("kind", TIFF_KINDS)
def test_tiff(tmp_path: Path, kind: str, decoder: TiffDecoder) -> None:
    mode, options = TIFF_KINDS[kind]
    path = tmp_path / "x.tiff"
    image = photo().convert(mode)
    image.save(path, **options)
    expected = pixels(image)
    if kind == "jpeg":  # lossy: as Pillow decodes it
        with Image.open(path) as stored:
            expected = pixels(stored)
    result = read_photo(path, tiff_decoder=decoder)
    np.testing.assert_array_equal(result, expected)  # the decoders agree to the last bit


def tiff(array: np.ndarray, order: str = "<", planar: bool = False, **tags: int) -> bytes:
    """An uncompressed TIFF, one strip a plane, by hand: Pillow writes neither of these kinds."""
    height, width, channels = array.shape
    bits = array.dtype.itemsize * 8
    data = array.transpose(2, 0, 1) if planar else array
    body = np.ascontiguousarray(data).astype(array.dtype.newbyteorder(order)).tobytes()
    strips = channels if planar else 1
    values: dict[int, tuple[str, list[int]]] = {
        256: ("H", [width]),
        257: ("H", [height]),
        258: ("H", [bits] * channels),
        259: ("H", [1]),
        262: ("H", [tags.get("photometric", 1 if channels == 1 else 2)]),
        273: ("I", [8 + i * (len(body) // strips) for i in range(strips)]),
        277: ("H", [channels]),
        278: ("H", [height]),
        279: ("I", [len(body) // strips] * strips),
        284: ("H", [2 if planar else 1]),
    }
    if channels == 4:
        values[338] = ("H", [tags["extra"]])
    directory, after = b"", b""
    start = 8 + len(body)
    for tag, (kind, numbers) in values.items():
        packed = struct.pack(f"{order}{len(numbers)}{kind}", *numbers)
        if len(packed) > 4:
            offset = start + 2 + 12 * len(values) + 4 + len(after)
            after += packed
            packed = struct.pack(f"{order}I", offset)
        directory += struct.pack(f"{order}HHI", tag, {"H": 3, "I": 4}[kind], len(numbers))
        directory += packed.ljust(4, b"\0")
    head = struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, start)
    count = struct.pack(f"{order}H", len(values))
    return head + body + count + directory + bytes(4) + after


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bits", [8, 16])
def test_tiff_byte_order_and_depth(
    tmp_path: Path, order: str, bits: int, decoder: TiffDecoder
) -> None:
    rgb = pixels(photo())
    array = rgb if bits == 8 else rgb.astype(np.uint16) * 257
    (tmp_path / "x.tif").write_bytes(tiff(array, order))
    np.testing.assert_array_equal(read_photo(tmp_path / "x.tif", tiff_decoder=decoder), rgb)


@pytest.mark.parametrize("bits", [8, 16])
def test_tiff_in_which_0_is_white(tmp_path: Path, bits: int, decoder: TiffDecoder) -> None:
    gray = np.asarray(photo().convert("L"))[..., None]
    array = 255 - gray if bits == 8 else 65535 - gray.astype(np.uint16) * 257
    (tmp_path / "x.tif").write_bytes(tiff(array, photometric=0))
    result = read_photo(tmp_path / "x.tif", tiff_decoder=decoder)
    assert difference(result, gray.repeat(3, -1)) <= 0


@pytest.mark.parametrize("extra", [0, 1, 2], ids=["unspecified", "associated", "unassociated"])
def test_tiff_fourth_channel(tmp_path: Path, extra: int, decoder: TiffDecoder) -> None:
    image, on_white = with_alpha()
    rgba = np.array(image)
    expected = rgba[..., :3] if extra == 0 else on_white
    if extra == 1:
        rgba[..., :3] = np.round(rgba[..., :3] * (rgba[..., 3:] / 255.0))
    (tmp_path / "x.tif").write_bytes(tiff(rgba, extra=extra))
    # Pillow divides associated alpha out and blends again: 2 levels in dark transparent parts.
    assert difference(read_photo(tmp_path / "x.tif", tiff_decoder=decoder), expected) <= 2


# 64 and 16 bits of float, and color of 32: `originals` reads them.
UNKNOWN = re.compile(r"tiff_(gray_float(16|64)|rgb_(float|uint32))|tiff_graya_16_white_is_zero")


@pytest.mark.parametrize("name", [name for name in KINDS if name.startswith("tiff")])
def test_every_kind_of_tiff(tmp_path: Path, name: str, decoder: TiffDecoder) -> None:
    try:
        check_kind(tmp_path, name, decoder)
    except PhotoError as error:
        refused = UNKNOWN.match(name) or decoder == "tensorflow_io" or "_16_planar" in name
        assert refused, error


# Pillow doesn't find the transparent color of a PNG of 16 bits, a rarity; `originals` does.
NOT_TIFF = [name for name in KINDS if not re.match("tiff|png_.*_16_transparent", name)]


@pytest.mark.parametrize("name", NOT_TIFF)
def test_every_other_kind(tmp_path: Path, name: str) -> None:
    if name.startswith("heic"):
        pytest.importorskip("pillow_heif")
    check_kind(tmp_path, name, "auto")


def check_kind(folder: Path, name: str, decoder: TiffDecoder) -> None:
    """That its luminance is, within a level, what `photo_kinds` says; on white, if transparent."""
    kind = build(name)
    (folder / "x").write_bytes(kind.data)
    rgb = read_photo(folder / "x", tiff_decoder=decoder)
    expected = kind.luminance / 257
    if kind.alpha is not None:
        opacity = kind.alpha / 65535
        expected = expected * opacity + 255 * (1 - opacity)
    tolerance = 1.2 if kind.alpha is None else 2.5
    assert np.abs(rgb @ (0.299, 0.587, 0.114) - expected).max() < tolerance


def test_16_bit_planes_need_tensorflow_io(tmp_path: Path, tensorflow_io: None) -> None:
    path = tmp_path / "x.tif"
    path.write_bytes(tiff(pixels(photo()).astype(np.uint16) * 257, planar=True))
    np.testing.assert_array_equal(read_photo(path), pixels(photo()))


def test_16_bit_planes_are_refused_by_pillow(tmp_path: Path) -> None:
    path = tmp_path / "x.tif"
    path.write_bytes(tiff(pixels(photo()).astype(np.uint16) * 257, planar=True))
    with pytest.raises(PhotoError, match="only tensorflow-io decodes"):
        read_photo(path, tiff_decoder="pillow")
    path.write_bytes(tiff(pixels(photo()), planar=True))
    np.testing.assert_array_equal(read_photo(path, tiff_decoder="pillow"), pixels(photo()))


def test_without_tensorflow_io(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiff_module, "tensorflow_io_decoder", lambda: None)
    photo().save(tmp_path / "x.tif")
    np.testing.assert_array_equal(read_photo(tmp_path / "x.tif"), pixels(photo()))
    with pytest.raises(PhotoError, match="does not load here"):
        read_photo(tmp_path / "x.tif", tiff_decoder="tensorflow_io")


def test_tensorflow_io_where_the_op_does_not_load(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow_io", None)
    tiff_module.tensorflow_io_decoder.cache_clear()
    assert tiff_module.tensorflow_io_decoder() is None
    tiff_module.tensorflow_io_decoder.cache_clear()


def test_tensorflow_io_that_refuses_leaves_it_to_pillow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(contents: bytes) -> None:
        raise RuntimeError("unable to read directory: 0")

    monkeypatch.setattr(tiff_module, "tensorflow_io_decoder", lambda: refuse)
    photo().save(tmp_path / "x.tif")
    np.testing.assert_array_equal(read_photo(tmp_path / "x.tif"), pixels(photo()))
    with pytest.raises(PhotoError, match="decode_tiff refuses TIFF with 3 x 8 bits"):
        read_photo(tmp_path / "x.tif", tiff_decoder="tensorflow_io")


@pytest.mark.parametrize("kind", ["raw", "lzw", "deflate", "jpeg"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.97])
def test_truncated_tiff(tmp_path: Path, kind: str, share: float, decoder: TiffDecoder) -> None:
    image = io.BytesIO()
    photo().save(image, "TIFF", **TIFF_KINDS[kind][1])
    data = image.getvalue()
    (tmp_path / "x.tif").write_bytes(data[: int(len(data) * share)])
    with pytest.raises(PhotoError, match=r"truncated|damaged"):
        read_photo(tmp_path / "x.tif", tiff_decoder=decoder)


def test_truncated_tiff_with_its_directory_first(tmp_path: Path, decoder: TiffDecoder) -> None:
    data = tiff(pixels(photo()))
    body = pixels(photo()).tobytes()
    # Claim that the pixels begin later than they do: the directory is whole, the picture isn't.
    moved = data.replace(struct.pack("<HHII", 273, 4, 1, 8), struct.pack("<HHII", 273, 4, 1, 999))
    assert moved != data and len(body) + 999 > len(data)
    (tmp_path / "x.tif").write_bytes(moved)
    with pytest.raises(PhotoError, match="truncated: the file ends before the picture does"):
        read_photo(tmp_path / "x.tif", tiff_decoder=decoder)


def test_tiff_with_fewer_rows_than_it_should_have(tmp_path: Path, decoder: TiffDecoder) -> None:
    data = tiff(pixels(photo()))
    height, more = struct.pack("<HHII", 257, 3, 1, 192), struct.pack("<HHII", 257, 3, 1, 250)
    assert height in data
    (tmp_path / "x.tif").write_bytes(data.replace(height, more))
    with pytest.raises(PhotoError, match="truncated: the file holds fewer pixels"):
        read_photo(tmp_path / "x.tif", tiff_decoder=decoder)


def test_kinds_of_tiff_that_tensorflow_io_would_get_wrong(tmp_path: Path) -> None:
    path = tmp_path / "x.tif"
    for mode in ("YCbCr", "LAB"):
        image = photo().convert(mode)
        image.save(path)
        assert difference(read_photo(path), pixels(image)) <= 1
        with pytest.raises(PhotoError, match="decode_tiff cannot decode TIFF with 3 x 8 bits"):
            read_photo(path, tiff_decoder="tensorflow_io")


def test_damaged_lzw_tiff(tmp_path: Path, decoder: TiffDecoder) -> None:
    image = io.BytesIO()
    photo().save(image, "TIFF", compression="tiff_lzw")
    data = bytearray(image.getvalue())
    data[len(data) // 2 : len(data) // 2 + 200] = bytes(200)
    (tmp_path / "x.tif").write_bytes(data)
    with pytest.raises(PhotoError, match="damaged TIFF data"):
        read_photo(tmp_path / "x.tif", tiff_decoder=decoder)


def test_tiff_in_many_threads(tmp_path: Path, decoder: TiffDecoder) -> None:
    paths = []
    for kind in ("raw", "lzw", "deflate", "jpeg"):
        paths.append(tmp_path / f"{kind}.tif")
        photo().save(paths[-1], **TIFF_KINDS[kind][1])
    expected = {path: read_photo(path, tiff_decoder=decoder) for path in paths}

    def same(path: Path) -> bool:
        return bool((read_photo(path, tiff_decoder=decoder) == expected[path]).all())

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(same, paths * 20))


def test_tiles_and_kinds_that_only_tifffile_writes(tmp_path: Path, decoder: TiffDecoder) -> None:
    rgb = pixels(photo())
    tifffile.imwrite(tmp_path / "x.tif", rgb, photometric="rgb", tile=(64, 64))
    np.testing.assert_array_equal(read_photo(tmp_path / "x.tif", tiff_decoder=decoder), rgb)
    tifffile.imwrite(tmp_path / "x.tif", (rgb / 255).astype(np.float32), photometric="rgb")
    with pytest.raises(PhotoError, match="3 x 32 bits, float"):
        read_photo(tmp_path / "x.tif", tiff_decoder=decoder)


# ---- size ---------------------------------------------------------------------------------------


def test_short_side_reduces_and_never_enlarges() -> None:
    full = read_photo(MODERN)
    assert read_photo(MODERN, short_side=96).shape == (96, 144, 3)
    np.testing.assert_array_equal(read_photo(MODERN, short_side=5000), full)
    np.testing.assert_array_equal(read_photo(MODERN, short_side=192), full)
    with pytest.raises(ValueError, match="short_side must be at least 1"):
        read_photo(MODERN, short_side=0)


def test_reduced_jpeg_is_close_to_the_full_one(tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    photo().resize((1280, 850), Image.Resampling.BICUBIC).save(path, quality=95)
    for short_side in (32, 40, 64, 128):  # decoded at 1/8, 1/4, 1/4, 1/2
        quick = read_photo(path, short_side=short_side).astype(float)
        with Image.open(path) as image:
            size = (round(1280 * short_side / 850), short_side)
            careful = pixels(image.resize(size, Image.Resampling.LANCZOS)).astype(float)
        assert quick.shape == careful.shape
        assert np.abs(quick - careful).mean() < 0.8 and np.abs(quick - careful).max() < 8


def test_too_large(tmp_path: Path) -> None:
    with pytest.raises(
        PhotoError, match=r"too large: 289 x 192 = 0.05549 megapixels, limit 0.05; r"
    ):
        read_photo(MODERN, max_pixels=50_000)
    assert read_photo(MODERN, max_pixels=289 * 192).shape == (192, 289, 3)
    # A file of some kilobytes that would take 1.8 GB: its header is enough to refuse it.
    Image.new("1", (1, 1)).save(tmp_path / "x.png")
    data = (tmp_path / "x.png").read_bytes()
    header = b"IHDR" + struct.pack(">II", 30000, 20000) + data[24:29]
    checksum = struct.pack(">I", zlib.crc32(header))
    (tmp_path / "x.png").write_bytes(data[:12] + header + checksum + data[33:])
    with pytest.raises(
        PhotoError,
        match=r"too large: 30000 x 20000 = 600 megapixels, limit 200; raise max_pixels",
    ):
        read_photo(tmp_path / "x.png")


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "BMP", "GIF", "TIFF"])
def test_the_limit_of_pillow_does_not_interfere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format_: str, decoder: TiffDecoder
) -> None:
    photo().save(tmp_path / "x", format_)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert read_photo(tmp_path / "x", tiff_decoder=decoder).shape == (192, 289, 3)
    assert Image.MAX_IMAGE_PIXELS == 100


def test_a_large_webp_is_refused_by_pillow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photo().save(tmp_path / "x.webp")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(PhotoError, match="too large for Pillow's WEBP decoder"):
        read_photo(tmp_path / "x.webp")


# ---- damage -------------------------------------------------------------------------------------


def test_files_that_hold_no_photograph(tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    with pytest.raises(PhotoError, match="unreadable: No such file or directory"):
        read_photo(path)
    path.write_bytes(b"")
    with pytest.raises(PhotoError, match=r"^the file is empty \(0 bytes\)$"):
        read_photo(path)
    path.write_bytes(b"<html>404</html>")
    with pytest.raises(PhotoError, match="not a photograph that can be read"):
        read_photo(path)
    (tmp_path / "folder.jpg").mkdir()
    os.mkfifo(tmp_path / "pipe.jpg")
    for name in ("folder.jpg", "pipe.jpg"):
        with pytest.raises(PhotoError, match="not a regular file"):
            read_photo(tmp_path / name)
    with pytest.raises(PhotoError, match="unreadable: embedded null byte"):
        read_photo("x\0.jpg")


def test_forbidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*arguments: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", forbidden)
    with pytest.raises(PhotoError, match=r"^unreadable: Permission denied$"):
        read_photo(MODERN)


def test_out_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*arguments: object) -> None:
        raise MemoryError

    monkeypatch.setattr(photos, "_read_other", exhausted)
    with pytest.raises(PhotoError, match="not enough memory"):
        read_photo(MODERN)


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "BMP", "GIF"])
@pytest.mark.parametrize("share", [0.002, 0.3, 0.95])
def test_truncated(tmp_path: Path, format_: str, share: float) -> None:
    image = io.BytesIO()
    photo().save(image, format_)
    data = image.getvalue()
    (tmp_path / "x").write_bytes(data[: max(20, int(len(data) * share))])
    with pytest.raises(PhotoError, match=r"^(truncated|damaged)[^\n]*$"):
        read_photo(tmp_path / "x")
    with pytest.raises(PhotoError):
        read_photo(tmp_path / "x", short_side=20)


def test_zero_sized(tmp_path: Path) -> None:
    photo().save(tmp_path / "x.bmp")
    data = bytearray((tmp_path / "x.bmp").read_bytes())
    data[18:22] = bytes(4)
    (tmp_path / "x.bmp").write_bytes(data)
    with pytest.raises(PhotoError, match="header has no size"):
        read_photo(tmp_path / "x.bmp")
    (tmp_path / "x.tif").write_bytes(tiff(np.zeros((0, 5, 3), np.uint8)))
    with pytest.raises(PhotoError, match="zero-sized: 5 x 0"):
        read_photo(tmp_path / "x.tif")


def test_mislabelled(tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    photo().save(path, "PNG")
    assert read_photo(path).shape == (192, 289, 3)
    reason = r"^mislabelled: PNG data in a file named \.jpg; rename it to \.png$"
    with pytest.raises(PhotoError, match=reason):
        read_photo(path, strict_suffix=True)
    path.rename(tmp_path / "x")
    with pytest.raises(PhotoError, match="in a file without an ending; rename it to"):
        read_photo(tmp_path / "x", strict_suffix=True)


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's remarks about damaged metadata
@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF"])
def test_mutated_photographs(tmp_path: Path, format_: str) -> None:
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    photo().resize((72, 48)).save(buffer, format_, exif=exif)
    original = np.frombuffer(buffer.getvalue(), np.uint8)
    random = np.random.default_rng(20)
    read = 0
    for number in range(30):
        data = original.copy()
        # Headers matter most: half of the changes hit the first or the last 200 bytes.
        for _ in range(random.integers(1, 12)):
            reach = min(len(data), 200) if random.random() < 0.5 else len(data)
            index = int(random.integers(reach)) * (1 if random.random() < 0.7 else -1)
            data[index] = random.integers(256)
        path = tmp_path / f"{number}"
        path.write_bytes(
            data.tobytes()[: -random.integers(1, len(data)) if number % 5 == 0 else None]
        )
        try:
            image = read_photo(path, max_pixels=10_000_000, short_side=[None, 20][number % 2])
        except PhotoError as error:
            assert str(error) and "\n" not in str(error)
        else:
            read += 1
            assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3
            assert image.size
    assert read < 30


def test_warnings_of_the_caller_stay_as_they_were(tmp_path: Path) -> None:
    before = list(warnings.filters)
    photo().save(tmp_path / "x.tif")
    read_photo(tmp_path / "x.tif")
    assert list(warnings.filters) == before


def test_tensorflow_is_imported_for_tiff_only(tmp_path: Path) -> None:
    program = (
        "import sys; from keras_colorize.photos.reading import read_photo; "
        "read_photo(sys.argv[1]); assert 'tensorflow' not in sys.modules"
    )
    subprocess.run(
        [sys.executable, "-c", program, MODERN], check=True, cwd=SAMPLE.parent.parent, timeout=60
    )


def test_unknown_decoder() -> None:
    with pytest.raises(ValueError, match="Received: 'opencv'"):
        read_photo(MODERN, tiff_decoder="opencv")  # type: ignore[arg-type]


# ---- writing ------------------------------------------------------------------------------------


def test_atomic_path_appears_when_complete(tmp_path: Path) -> None:
    target = tmp_path / "a.weights.h5"
    target.write_text("old")
    with atomic_path(target) as temporary:
        assert temporary.parent == tmp_path and temporary.name.startswith(".")
        assert temporary.name.endswith(".weights.h5") and not temporary.exists()
        temporary.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_atomic_path_leaves_nothing_after_a_failure(
    tmp_path: Path, error: type[BaseException]
) -> None:
    with pytest.raises(error), atomic_path(tmp_path / "x.csv") as temporary:
        temporary.write_text("half of")
        raise error
    assert list(tmp_path.iterdir()) == []


def test_atomic_path_refuses_what_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "x.csv"):
        pass
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError), atomic_path(tmp_path / "folder") as temporary:
        temporary.write_text("x")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_atomic_path_with_a_long_name_and_the_umask(tmp_path: Path) -> None:
    name = "写" * 80 + ".csv"  # 244 bytes
    with atomic_path(tmp_path / name) as temporary:
        temporary.write_text("x")
    (tmp_path / "plain").touch()
    assert (tmp_path / name).stat().st_mode == (tmp_path / "plain").stat().st_mode
