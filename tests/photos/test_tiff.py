"""Pages of TIFF files: of which kinds, sound and damaged."""

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from keras_colorize.errors import PhotoError
from keras_colorize.photos.pixels import WHITE
from keras_colorize.photos.reading import Page, largest_size, read_pages, read_photo
from tests.photo_kinds import build, color_pixels, deep_pixels, gray_pixels, luminance, tiff


def read(data: bytes, folder: Path) -> list[Page]:
    path = folder / "x"
    path.write_bytes(data)
    return list(read_pages(path))


def document(*pages: tuple[np.ndarray, dict[str, Any]], **options: Any) -> bytes:
    file = io.BytesIO()
    with tifffile.TiffWriter(file, **options) as writer:
        for array, settings in pages:
            writer.write(array, metadata=None, **settings)
    return file.getvalue()


@pytest.mark.parametrize("options", [{}, {"bigtiff": True}, {"byteorder": ">"}])
def test_pages_of_mixed_kinds(options: dict[str, Any], tmp_path: Path) -> None:
    size = (33, 21)
    gray, deep, rgb = gray_pixels(size, 8), gray_pixels(size, 16), color_pixels((20, 30))
    pages = read(
        document(
            (deep_pixels(size).astype(np.float32) / WHITE, {"photometric": "rgb"}),
            (gray, {"photometric": "minisblack", "compression": "lzw"}),
            (rgb, {"photometric": "rgb", "extratags": [(274, 3, 1, 3)]}),
            (255 - gray, {"photometric": "miniswhite", "compression": "packbits"}),
            (deep, {"photometric": "minisblack", "extratags": [(274, 3, 1, 6)]}),
            **options,
        ),
        tmp_path,
    )
    assert [page.depth for page in pages] == [16, 8, 8, 8, 16]
    assert [page.size for page in pages] == [size, size, (20, 30), size, size[::-1]]
    assert np.abs(pages[0].luminance - luminance(deep_pixels(size))).max() <= 1
    np.testing.assert_array_equal(pages[1].luminance, gray * 257)
    assert np.abs(pages[2].luminance - luminance(rgb)[::-1, ::-1]).max() < 0.6
    np.testing.assert_array_equal(pages[3].luminance, gray * 257)
    np.testing.assert_array_equal(pages[4].luminance, np.rot90(deep, -1))


def test_reduced_copies_and_masks_are_passed_over(tmp_path: Path) -> None:
    gray = gray_pixels((33, 21), 8)
    data = document(
        (gray, {"photometric": "minisblack"}),
        (gray[::4, ::4], {"photometric": "minisblack", "subfiletype": 1}),
        (gray > 100, {"photometric": 4, "subfiletype": 4}),
        (gray[::-1], {"photometric": "minisblack", "subfiletype": 2}),
        (gray[:, ::-1], {"photometric": "minisblack"}),
    )
    pages = read(data, tmp_path)
    assert [page.size for page in pages] == [(33, 21)] * 3
    np.testing.assert_array_equal(pages[1].luminance, gray[::-1].astype(int) * 257)


def test_pages_that_run_in_a_circle(tmp_path: Path) -> None:
    gray = gray_pixels((8, 8), 8)
    count = 130  # tifffile itself looks for a circle at the hundredth page only
    data = bytearray(document(*[(gray, {"photometric": "minisblack"})] * count))
    with tifffile.TiffFile(io.BytesIO(data)) as document_:
        starts = [page.offset for page in document_.pages]
    end = starts[-1] + 2 + 12 * struct.unpack_from("<H", data, starts[-1])[0]
    struct.pack_into("<I", data, end, starts[5])
    assert len(read(bytes(data), tmp_path)) == count


@pytest.mark.parametrize("where", ["beyond the end", "in the pixels", "at an empty directory"])
def test_a_next_page_that_is_none(where: str, tmp_path: Path) -> None:
    """Some programs leave rubbish there; the pages before it are sound, and that is told."""
    gray = gray_pixels((33, 21), 8)
    pages = [(gray, {"photometric": "minisblack"})] * 2
    data = bytearray(document(*pages)) + bytes(8)
    with tifffile.TiffFile(io.BytesIO(data)) as document_:
        start = document_.pages[1].offset
        pixels = document_.pages[0].dataoffsets[0]
    end = start + 2 + 12 * struct.unpack_from("<H", data, start)[0]
    target = {"beyond the end": 1 << 30, "in the pixels": pixels}.get(where, len(data) - 8)
    struct.pack_into("<I", data, end, target)
    first, second = read(bytes(data), tmp_path)
    assert first.notes == ()
    assert second.notes == ("names a page after its last, 2, where none can be read",)
    np.testing.assert_array_equal(second.luminance, gray.astype(int) * 257)


def test_measured_from_the_headers(tmp_path: Path) -> None:
    """Also where the pixels are missing, or lie on several pages."""
    pages = [(np.zeros(shape, np.uint16), {}) for shape in ((4, 7), (9, 7), (2, 30))]
    data = document(*pages)
    (tmp_path / "pages.tif").write_bytes(data)
    assert largest_size(tmp_path / "pages.tif") == (7, 9)
    (tmp_path / "cut.tif").write_bytes(data[:6])
    with pytest.raises(PhotoError, match="truncated"):
        largest_size(tmp_path / "cut.tif")


def test_a_bad_page_after_good_ones(tmp_path: Path) -> None:
    gray = gray_pixels((33, 21), 8)
    bad = np.array([[0.5, np.nan]], np.float32)
    path = tmp_path / "x.tif"
    path.write_bytes(
        document((gray, {"photometric": "minisblack"}), (bad, {"photometric": "minisblack"}))
    )
    pages = read_pages(path)
    np.testing.assert_array_equal(next(pages).luminance, gray.astype(int) * 257)
    with pytest.raises(PhotoError, match=r"^page 2: holds pixels that are NaN or infinite$"):
        next(pages)


def test_parts_that_are_missing(tmp_path: Path) -> None:
    """tifffile would fill them with zeros, or with what lay in the memory."""
    data = bytearray(build("tiff_gray_16_strips").data)
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        counts = file.pages[0].tags[279]
        place, kind = counts.valueoffset, {3: "H", 4: "I"}[counts.dtype]
    struct.pack_into(f"<{kind}", data, place + struct.calcsize(kind), 0)
    with pytest.raises(PhotoError, match="truncated: the file holds fewer parts than"):
        read(bytes(data), tmp_path)


def test_tiles_beyond_measure(tmp_path: Path) -> None:
    for name in ("tiff_rgb_8_tiled", "tiff_gray_16_tiled_deflate"):
        data = bytearray(build(name).data)
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            place = file.pages[0].tags[322].offset
        struct.pack_into("<HII", data, place + 2, 4, 1, 1 << 24)
        with pytest.raises(PhotoError, match="damaged TIFF data: tiles of 16777216 x"):
            read(bytes(data), tmp_path)


def test_kinds_of_tiff_that_are_not_read(tmp_path: Path) -> None:
    deep = deep_pixels((16, 16))
    volume = np.stack([deep] * 16)
    for data, reason in [
        (
            tiff(deep.astype(np.float32), photometric="cielab"),
            "not read: 3 x 32 bits, float",
        ),
        (tiff(volume, photometric="rgb", volumetric=True, tile=(16, 16, 16)), "volumes"),
        (tiff(deep[..., 0].astype(np.complex64)), "complex numbers"),
        (tiff(deep[..., 0].astype(np.int64)), "not read: 1 x 64 bits, signed"),
        (tiff(deep.astype(np.uint64), photometric="rgb"), "not read: 3 x 64 bits"),
        (tiff(np.dstack([deep] * 5), photometric="rgb"), "of 3 to 8 channels, found 15"),
        (
            tiff(deep, photometric="rgb", compression="jpegxr"),
            "not read: .*, photometric 2, compression 34934",
        ),
    ]:
        with pytest.raises(PhotoError, match=reason):
            read(data, tmp_path)


@pytest.mark.parametrize("opaque", [1, 255])
@pytest.mark.parametrize("white", [1, 255, 65535])
def test_opacity_of_floats_has_a_range_of_its_own(
    tmp_path: Path, white: float, opaque: float
) -> None:
    rgb = deep_pixels((33, 21)) / 65535
    opacity = np.linspace(0.0, 1.0, 33 * 21).reshape(21, 33, 1)
    stored = np.dstack([rgb * white, opacity * opaque]).astype(np.float32)
    (page,) = read(tiff(stored, photometric="rgb", extrasamples=["unassalpha"]), tmp_path)
    (plain,) = read(tiff((rgb * white).astype(np.float32), photometric="rgb"), tmp_path)
    np.testing.assert_array_equal(page.luminance, plain.luminance)
    assert page.alpha is not None
    assert np.abs(page.alpha - opacity[..., 0] * 65535).max() <= 1


def test_text_where_a_number_should_be(tmp_path: Path) -> None:
    data = bytearray(build("tiff_gray_16").data)
    struct.pack_into("<H", data, 12, 2)  # the width becomes a text
    with pytest.raises(PhotoError, match="damaged TIFF data: imagewidth is not one integer"):
        read(bytes(data), tmp_path)


def dng(preview: np.ndarray | None) -> bytes:
    """A thumbnail that says how to turn all, and in directories below it raw numbers and more."""
    thumbnail, raw = gray_pixels((16, 12), 8), gray_pixels((64, 48), 16)
    tags = [(50706, 1, 4, bytes((1, 4, 0, 0)), True), (274, 3, 1, 6, True)]
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        below = 1 if preview is None else 2
        first = {"subfiletype": 1, "subifds": below, "extratags": tags}
        if preview is None:
            thumbnail = raw
        photometric: Any = 32803 if preview is None else "minisblack"
        writer.write(thumbnail, photometric=photometric, metadata=None, **first)
        writer.write(raw, photometric=32803, metadata=None)
        if preview is not None:
            writer.write(preview, photometric="rgb", subfiletype=1, metadata=None)
    return file.getvalue()


def test_of_a_raw_photograph_its_largest_preview(tmp_path: Path) -> None:
    """Not the thumbnail, which is its first page."""
    rgb = color_pixels((61, 43))
    (page,) = read(dng(rgb), tmp_path)
    assert page.notes == ("raw: its preview of 61 x 43 is colored",)
    np.testing.assert_allclose(page.luminance, np.rot90(luminance(rgb), -1), atol=0.51)
    assert read_photo(tmp_path / "x").shape == (61, 43, 3)
    refuse(dng(None), tmp_path, "a raw photograph without a preview; develop it into a TIFF")


# ---- damage -------------------------------------------------------------------------------------


def refuse(data: bytes, folder: Path, reason: str) -> None:
    """Both for coloring and for training."""
    path = folder / "x.tif"
    path.write_bytes(data)
    with pytest.raises(PhotoError, match=reason):
        list(read_pages(path))
    with pytest.raises(PhotoError, match=reason):
        read_photo(path)


def test_a_tiff_without_a_page(tmp_path: Path) -> None:
    for data in (b"II*\0" + bytes(4), b"MM\0*" + bytes(4), b"II+\0\x08\0\0\0" + bytes(8)):
        refuse(
            data, tmp_path, "^holds no picture: a TIFF without a page, or one that is truncated$"
        )


@pytest.mark.parametrize("share", [0.1, 0.5, 0.97])
@pytest.mark.parametrize(
    "kind", ["rgb_8", "rgb_8_lzw", "rgb_8_deflate", "jpeg_rgb", "fax", "palette"]
)
def test_truncated(kind: str, share: float, tmp_path: Path) -> None:
    data = build(f"tiff_{kind}", (289, 192)).data
    refuse(data[: int(len(data) * share)], tmp_path, "truncated|damaged")


def test_truncated_with_its_directory_first(tmp_path: Path) -> None:
    """The directory is whole, the picture isn't."""
    data = bytearray(build("tiff_rgb_8").data)
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        place = file.pages[0].tags[273].valueoffset
    struct.pack_into("<I", data, place, len(data) - 999)
    refuse(bytes(data), tmp_path, "^truncated: the file ends before the picture does$")


def test_fewer_rows_than_it_should_have(tmp_path: Path) -> None:
    data = bytearray(build("tiff_rgb_8").data)
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        tags = file.pages[0].tags
        for tag in (tags["ImageLength"], tags["RowsPerStrip"]):
            struct.pack_into("<H", data, tag.valueoffset, 50)
    refuse(bytes(data), tmp_path, "truncated: the file holds fewer pixels")


@pytest.mark.parametrize(
    "kind", ["rgb_8_lzw", "gray_16_lzw", "palette_lzw", "bilevel_lzw", "gray_4_lzw"]
)
def test_damaged_data(kind: str, tmp_path: Path) -> None:
    data = bytearray(build(f"tiff_{kind}", (289, 192)).data)
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages[0]
        middle = page.dataoffsets[0] + page.databytecounts[0] // 2
    data[middle : middle + 60] = b"\xff" * 60
    refuse(bytes(data), tmp_path, "damaged TIFF data")


def test_a_damaged_page_of_a_document(tmp_path: Path) -> None:
    """The pages before it are given; none behind it is taken for it."""
    gray = gray_pixels((33, 21), 8)
    settings = {"photometric": "minisblack", "compression": "lzw"}
    data = bytearray(document((gray, settings), (gray, settings), (gray[::-1], settings)))
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        start = file.pages[1].dataoffsets[0]
    data[start + 8 : start + 200] = b"\xff" * 192
    path = tmp_path / "x.tif"
    path.write_bytes(data)
    pages = read_pages(path)
    np.testing.assert_array_equal(next(pages).luminance, gray.astype(int) * 257)
    with pytest.raises(PhotoError, match=r"^page 2: damaged TIFF data"):
        next(pages)
