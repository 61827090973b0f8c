"""PSD by hand: what its flattened picture is, of 8 bits and of 16."""

import struct
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from keras_colorize.errors import PhotoError
from keras_colorize.photos.reading import Page, largest_size, read_pages
from tests.metadata.sources import EXIFTOOL, XMP
from tests.photo_kinds import color_pixels, deep_pixels, fading, gray_pixels, luminance

SIZE = (61, 43)


def psd(
    pixels: np.ndarray, mode: int, *, packed: bool = False, layers: int = 0, **more: bytes
) -> bytes:
    """Planes ``(H, W, C)``; ``r1005``: a resource; ``packing`` in place of the right one."""
    height, width, channels = pixels.shape
    bits = 8 * pixels.dtype.itemsize
    rows = np.moveaxis(pixels, -1, 0).reshape(-1, width).astype(pixels.dtype.newbyteorder(">"))
    resources = b""
    for name, data in more.items():
        if name.startswith("r"):
            resources += struct.pack(">4sHHI", b"8BIM", int(name[1:]), 0, len(data)) + data
            resources += bytes(len(data) % 2)
    sections = struct.pack(">II", 0, len(resources)) + resources
    sections += struct.pack(">IIh2x", 8, 4, layers) if layers else bytes(4)
    body = bytes(2) + rows.tobytes()
    if packed:
        parts = [bytes(imagecodecs.packbits_encode(row.tobytes())) for row in rows]
        body = b"\0\1" + struct.pack(f">{len(parts)}H", *map(len, parts)) + b"".join(parts)
    head = struct.pack(">4sH6xHIIHH", b"8BPS", 1, channels, height, width, bits, mode)
    return head + sections + more.get("packing", body[:2]) + body[2:]


def read(data: bytes, folder: Path) -> Page:
    (folder / "x.psd").write_bytes(data)
    (page,) = read_pages(folder / "x.psd")
    return page


@pytest.mark.parametrize("packed", [False, True])
def test_sixteen_bits(packed: bool, tmp_path: Path) -> None:
    gray = gray_pixels(SIZE, 16)
    page = read(psd(gray[..., None], 1, packed=packed), tmp_path)
    np.testing.assert_array_equal(page.luminance, gray)
    assert page.depth == 16 and largest_size(tmp_path / "x.psd") == SIZE
    rgb = deep_pixels(SIZE)
    page = read(psd(rgb, 3, packed=packed), tmp_path)
    assert np.abs(page.luminance - luminance(rgb)).max() <= 0.51


@pytest.mark.parametrize("bits", [8, 16])
def test_four_inks(bits: int, tmp_path: Path) -> None:
    """Stored as paper; without black, paper less an ink is the color."""
    rgb = color_pixels(SIZE) if bits == 8 else deep_pixels(SIZE)
    white = np.iinfo(rgb.dtype).max
    page = read(psd(np.dstack([rgb, np.full(SIZE[::-1], white)]).astype(rgb.dtype), 4), tmp_path)
    assert np.abs(page.luminance - luminance(rgb)).max() <= 0.51


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("layers", [-1, 1])
def test_a_channel_more_is_opacity_or_a_selection(bits: int, layers: int, tmp_path: Path) -> None:
    """As the sign of the number of layers tells."""
    rgb = color_pixels(SIZE) if bits == 8 else deep_pixels(SIZE)
    alpha = fading(SIZE, np.iinfo(rgb.dtype).max)
    page = read(psd(np.dstack([rgb, alpha]), 3, layers=layers), tmp_path)
    assert np.abs(page.luminance - luminance(rgb)).max() <= 0.51
    if layers > 0:
        assert page.alpha is None
    else:
        np.testing.assert_array_equal(page.alpha, alpha * np.uint16(257 if bits == 8 else 1))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_metadata(dtype: type, tmp_path: Path) -> None:
    """In resources: resolution, IPTC, EXIF (turned), XMP."""
    gray = gray_pixels(SIZE, 8 * dtype().itemsize)
    resolution = struct.pack(">IHHIHH", 600 << 16, 1, 1, 300 << 16, 1, 1)
    iptc = b"\x1c\x02\x78\0\x04Brug"
    data = psd(gray[..., None], 1, r1005=resolution, r1028=iptc, r1058=EXIFTOOL, r1060=XMP)
    page = read(data, tmp_path)
    assert page.size == SIZE[::-1]
    metadata = page.metadata
    assert (metadata.exif, metadata.xmp, metadata.iptc) == (EXIFTOOL, XMP, iptc)
    assert read(psd(gray[..., None], 1, r1005=resolution), tmp_path).metadata.dpi == (600, 300)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_kinds_that_are_not_read_are_named(dtype: type, tmp_path: Path) -> None:
    gray = gray_pixels(SIZE, 8 * dtype().itemsize)[..., None]
    with pytest.raises(PhotoError, match=r"^a kind of PSD that is not read: .* packed by zlib$"):
        read(psd(gray, 1, packing=b"\0\2"), tmp_path)
    with pytest.raises(PhotoError, match=r"^holds layers alone"):
        read(psd(gray, 1, r1057=bytes(13)), tmp_path)
    floats = psd(gray.astype(np.float32), 1)
    with pytest.raises(PhotoError, match=r"^a kind of PSD that is not read: 1 x 32 bits, mode 1$"):
        read(floats, tmp_path)


def test_truncated(tmp_path: Path) -> None:
    data = psd(deep_pixels(SIZE), 3)
    for size in (30, 60, len(data) - 9):
        with pytest.raises(PhotoError, match=r"^truncated|has no size"):
            read(data[:size], tmp_path)


def test_as_pillow_reads_it(tmp_path: Path) -> None:
    rgb = color_pixels(SIZE)
    read(psd(rgb, 3, packed=True), tmp_path)
    with Image.open(tmp_path / "x.psd") as image:
        np.testing.assert_array_equal(np.asarray(image), rgb)
