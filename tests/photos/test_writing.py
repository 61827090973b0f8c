"""Pictures as they are written: what a format cannot hold, and what it must not lose."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keras_colorize.errors import PhotoError
from keras_colorize.metadata.reading import NO_METADATA
from keras_colorize.photos.reading import read_pages
from keras_colorize.photos.writing import WrittenPage, write_pictures
from tests.photo_kinds import build, color_pixels


def picture(rgb: np.ndarray, lossless: bool = False) -> WrittenPage:
    size = (rgb.shape[1], rgb.shape[0])
    return WrittenPage(size, np.uint8, [(0, rgb)], None, NO_METADATA, lossless)


@pytest.mark.parametrize(("format_", "longest"), [("JPEG", 65_500), ("WEBP", 16_383)])
def test_limits_are_named_before_anything_is_written(
    format_: str, longest: int, tmp_path: Path
) -> None:
    path = tmp_path / "x"
    row = np.tile(color_pixels((61, 1)), (1, longest // 61 + 1, 1))[:, : longest + 1]
    reason = rf"^{longest + 1} x 1 pixels, and {format_} holds no more than {longest} a side; "
    with pytest.raises(PhotoError, match=reason):
        write_pictures(path, [picture(row)], format_)
    assert not path.exists()
    write_pictures(path, [picture(row[:, :longest])], format_)
    with Image.open(path) as image:
        assert image.size == (longest, 1)


def test_a_lossless_webp_stays_lossless(tmp_path: Path) -> None:
    rgb, path = color_pixels((61, 43)), tmp_path / "x.webp"
    for name, lossless in [("webp_lossless", True), ("webp_lossy", False)]:
        path.write_bytes(build(name).data)
        (page,) = read_pages(path)
        assert page.lossless == lossless
        write_pictures(path, [picture(rgb, page.lossless)], "WEBP")
        with Image.open(path) as image:
            same = np.array_equal(np.asarray(image), rgb)
        assert same == lossless


def test_a_lossless_webp_keeps_the_colors_of_what_is_transparent(tmp_path: Path) -> None:
    rgb, path = color_pixels((61, 43)), tmp_path / "x.webp"
    alpha = np.zeros(rgb.shape[:2], np.uint16)
    page = WrittenPage((61, 43), np.uint8, [(0, rgb)], alpha, NO_METADATA, lossless=True)
    write_pictures(path, [page], "WEBP")
    with Image.open(path) as image:
        assert image.mode == "RGBA"
        np.testing.assert_array_equal(np.asarray(image)[..., :3], rgb)


@pytest.mark.parametrize(("pixels", "version"), [(0, 42), (10**9, 42), (2 * 10**9, 43)])
def test_pages_that_4_gigabytes_may_not_hold_become_a_bigtiff(
    pixels: int, version: int, tmp_path: Path
) -> None:
    path, rgb = tmp_path / "x.tif", color_pixels((61, 43))
    write_pictures(path, [picture(rgb), picture(rgb)], "TIFF", pixels=pixels)
    assert path.read_bytes()[2] == version  # TIFF 6.0 says 42, BigTIFF 43
    assert len(list(read_pages(path))) == 2
