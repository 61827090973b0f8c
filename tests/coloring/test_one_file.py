"""A file colored to a file, from Python: colors are said, and nothing that it holds is lost."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image
from PIL.ExifTags import Base as Tag

from keras_colorize import Colorizer, Hint, Outline, Region, color, color_file, colorize
from keras_colorize.errors import ConfigError, PhotoError
from keras_colorize.files import hash_file
from keras_colorize.metadata.provenance import HUMAN_EDITS, read_provenance
from tests.conftest import SAMPLE

HOUSE = SAMPLE / "modern" / "brick_house_garden.jpg"
GREEN = (61, 107, 79)


@pytest.fixture(scope="module")
def shipped() -> Colorizer:
    return Colorizer.load()


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    """In 16 bits, with EXIF."""
    path = tmp_path / "scan.tif"
    with Image.open(HOUSE) as photo:
        photo.thumbnail((256, 256))
        deep = np.asarray(photo.convert("L"), np.uint16) * 257
    deep += np.random.default_rng(0).integers(0, 200, deep.shape).astype(np.uint16) * (deep < 65000)
    exif = Image.Exif()
    exif[Tag.Artist] = "A. Painter"
    exif[Tag.ImageDescription] = "The porch"
    Image.fromarray(deep).save(path, exif=exif)
    return path


def chroma_at(path: Path, x: float, y: float) -> np.ndarray:
    """Cb and Cr around a place of a TIFF of 16 bits."""
    rgb = tifffile.imread(path)
    assert rgb.dtype == np.uint16
    row, column = int(y * rgb.shape[0]), int(x * rgb.shape[1])
    part = rgb[row - 1 : row + 2, column - 1 : column + 2].astype(np.float32) / 65535.0
    return color.chroma(part).mean(axis=(0, 1))


def test_depth_and_metadata_stay_and_the_place_has_its_color(
    shipped: Colorizer, scan: Path, tmp_path: Path
) -> None:
    result = tmp_path / "new folder" / "green.tif"
    record = color_file(shipped, scan, result, [Hint(0.4, 0.6, GREEN, 0.05)])
    assert (record.status, record.method) == ("colorized", "TIFF, 16 bits")
    assert [path.name for path in result.parent.iterdir()] == ["green.tif"]
    with Image.open(result) as image:
        exif = image.getexif()
        assert (exif[Tag.Artist], exif[Tag.ImageDescription]) == ("A. Painter", "The porch")
    wanted = color.chroma(np.asarray(GREEN, np.float32) / 255.0)
    np.testing.assert_allclose(chroma_at(result, 0.4, 0.6), wanted, atol=0.02)
    luminance = color.luminance(tifffile.imread(result).astype(np.float64))[..., 0]
    assert np.abs(luminance - tifffile.imread(scan)).max() <= 1.0
    provenance = read_provenance(result)
    assert provenance is not None and provenance.input_hash == hash_file(scan)
    assert provenance.chosen_colors is not None
    assert HUMAN_EDITS.encode() in result.read_bytes()


def test_without_colors_it_is_what_the_command_makes(
    shipped: Colorizer, scan: Path, tmp_path: Path
) -> None:
    assert shipped.path is not None
    out = tmp_path / "out"
    fixed = ["--output", str(out), "--model", str(shipped.path)]
    assert colorize.main([str(scan), *fixed]) == 0
    assert color_file(shipped, scan, out / "scan.tif").status == "already done"
    color_file(shipped, scan, out / "again.tif")
    assert (out / "again.tif").read_bytes() == (out / "scan.tif").read_bytes()


def test_areas_references_and_palettes(shipped: Colorizer, scan: Path, tmp_path: Path) -> None:
    area = Outline(((0.3, 0.5), (0.5, 0.5), (0.5, 0.7), (0.3, 0.7)), "#3d6b4f")
    asked: dict[str, dict[str, Any]] = {
        "plain": {},
        "area": {"hints": [area]},
        "reference": {"reference": SAMPLE / "modern" / "astronaut_portrait.jpg"},
        "palette": {"palette": [GREEN, "#96543e"]},
    }
    colored = {}
    for name, colors in asked.items():
        color_file(shipped, scan, tmp_path / f"{name}.tif", **colors)
        colored[name] = tifffile.imread(tmp_path / f"{name}.tif").astype(int)
    for name in list(asked)[1:]:
        assert np.abs(colored[name] - colored["plain"]).mean() > 100, name


def test_nothing_is_overwritten_unasked(shipped: Colorizer, scan: Path, tmp_path: Path) -> None:
    result = tmp_path / "result.png"
    color_file(shipped, scan, result, [Hint(0.4, 0.6, GREEN)])
    assert color_file(shipped, scan, result, [Hint(0.4, 0.6, "#3d6b4f")]).status == "already done"
    before = result.read_bytes()
    with pytest.raises(PhotoError, match=r"scan\.tif: .*result\.png exists already"):
        color_file(shipped, scan, result, [Hint(0.4, 0.6, "#96543e")])
    assert result.read_bytes() == before
    color_file(shipped, scan, result, [Hint(0.4, 0.6, "#96543e")], overwrite=True)
    assert result.read_bytes() != before
    original = scan.read_bytes()
    with pytest.raises(ConfigError, match="a result apart from the photograph"):
        color_file(shipped, scan, scan, overwrite=True)
    assert scan.read_bytes() == original


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"result": "x.bmp"}, ConfigError, r"ends in \.jpg, \.png, \.webp, \.tif\. Received: x\.b"),
        ({"source": "no.tif"}, PhotoError, r"^no\.tif: unreadable: No such file or directory$"),
        ({"reference": "no.jpg"}, PhotoError, r"^no\.jpg: unreadable: No such file or directory$"),
        (
            {"reference": SAMPLE / "historical" / "alpine_landscape.jpg"},
            PhotoError,
            r"sample/historical/alpine_landscape\.jpg: expected a color photograph",
        ),
        ({"palette": "#b5a48b"}, TypeError, "palette must be a list"),
        ({"hints": iter([Hint(0.4, 0.6, GREEN)])}, TypeError, "hints must be a list"),
        (
            {"hints": [Region(np.ones((2, 2), bool), GREEN)]},
            TypeError,
            r"hints must be a list of Hint or Outline\. Received in it: Region",
        ),
    ],
)
def test_what_cannot_be_done_is_said(
    shipped: Colorizer,
    scan: Path,
    tmp_path: Path,
    change: dict[str, Any],
    error: type[Exception],
    message: str,
) -> None:
    arguments = {"source": scan, "result": tmp_path / "x.tif"} | change
    with pytest.raises(error, match=message):
        color_file(shipped, **arguments)
    assert not (tmp_path / "x.tif").exists()


def test_a_reference_needs_no_ending(shipped: Colorizer, scan: Path, tmp_path: Path) -> None:
    reference = tmp_path / "reference"
    shutil.copy(SAMPLE / "modern" / "brick_house_garden.jpg", reference)
    record = color_file(shipped, scan, tmp_path / "x.tif", reference=reference)
    assert record.status == "colorized"
