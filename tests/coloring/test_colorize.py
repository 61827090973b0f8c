"""The colorize command on real photographs: nothing lost, everything accounted for."""

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms, ImageOps

from keras_colorize import Colorizer, color, colorize
from keras_colorize.coloring import folder as folder_module
from keras_colorize.coloring.budget import PixelBudget
from keras_colorize.coloring.folder import colorize_photos
from keras_colorize.coloring.halved import HalvedJpeg
from keras_colorize.coloring.options import ColoringOptions
from keras_colorize.coloring.painting import Painting
from keras_colorize.coloring.report import Ledger
from keras_colorize.coloring.tasks import Shard, find_tasks
from keras_colorize.errors import DataError
from keras_colorize.files import hash_file
from keras_colorize.jpeg.chroma import add_chroma_planes, drop_chroma
from keras_colorize.jpeg.segments import Marker, join_jpeg, split_jpeg
from keras_colorize.metadata.provenance import DIGITAL_SOURCE_TYPE, read_provenance
from tests.conftest import ROOT, SAMPLE, copy_sample, save_loud_generator
from tests.samples import luminance_coefficients

HOUSE = SAMPLE / "modern" / "brick_house_garden.jpg"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "generator.keras"
    return save_loud_generator(path, distribution=True)


@pytest.fixture(scope="module")
def colorizer(model: Path) -> Colorizer:
    return Colorizer.load(model)


Run = Callable[..., int]


@pytest.fixture
def run(model: Path, tmp_path: Path) -> Run:
    """The command, with the model, into ``out``."""

    def call(*arguments: object) -> int:
        fixed = ["--output", str(tmp_path / "out"), "--model", str(model)]
        return colorize.main([*map(str, arguments), *fixed])

    return call


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def house() -> Image.Image:
    with Image.open(HOUSE) as photo:
        return photo.copy()


def report(out: Path, name: str = "report.csv") -> list[dict[str, str]]:
    with (out / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def files(out: Path) -> set[str]:
    return {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}


def gray_of(path: Path) -> np.ndarray:
    """Luminance in float64, on the scale of the file."""
    with Image.open(path) as image:
        return color.luminance(np.asarray(image.convert("RGB"), np.float64))[..., 0]


# -- files in, files out ------------------------------------------------------------------------


def test_folders_keep_their_structure(run: Run, out: Path, tmp_path: Path) -> None:
    folder = copy_sample("historical", 2, tmp_path / "scans" / "box 1")
    house().save(tmp_path / "scans" / "häuser.tif")
    house().save(tmp_path / "scans" / "old.bmp")
    assert run(folder.parent, HOUSE) == 0
    expected = {f"box 1/{path.name}" for path in folder.iterdir()}
    assert files(out) == expected | {"häuser.tif", "old.png", HOUSE.name, "report.csv"}
    rows = report(out)
    assert [row["status"] for row in rows] == ["colorized"] * 5
    assert {row["source"] for row in rows} >= {str(path) for path in folder.iterdir()}
    by_name = {Path(row["source"]).name: row for row in rows}
    assert by_name["häuser.tif"]["method"] == "TIFF, 8 bits"
    assert (by_name["old.bmp"]["width"], by_name["old.bmp"]["height"]) == tuple(
        map(str, house().size)
    )
    assert by_name[HOUSE.name]["input_sha256"] == hash_file(HOUSE)
    assert json.loads(by_name[HOUSE.name]["settings"])["working_size"] == 64


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif", ".bmp", ".gif"])
def test_luminance_stays_whatever_the_format(
    run: Run, out: Path, tmp_path: Path, suffix: str
) -> None:
    source = tmp_path / f"photo{suffix}"
    options = {"lossless": True} if suffix == ".webp" else {}
    house().convert("L").save(source, **options)
    kept = suffix if suffix in (".webp", ".tif") else ".png"
    assert run(source, "--quality", 100) == 0
    result = out / f"photo{kept}"
    difference = np.abs(gray_of(result) - gray_of(source))
    if suffix == ".webp":  # as good as that format is
        assert difference.mean() < 4.0
    else:
        assert difference.max() <= 1.0
    with Image.open(result) as image:
        assert image.mode == "RGB"
        assert np.ptp(np.asarray(image, int), axis=-1).mean() > 5.0


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}])
def test_the_coded_luminance_of_a_jpeg_is_not_touched(
    run: Run, out: Path, tmp_path: Path, mode: str, options: dict[str, object]
) -> None:
    source = tmp_path / "scan.jpg"
    house().convert(mode).save(source, quality=83, **options)
    assert run(source) == 0
    (row,) = report(out)
    assert row["method"] == "reversible JPEG"
    original, result = source.read_bytes(), (out / "scan.jpg").read_bytes()
    for before, after in zip(luminance_coefficients(original), luminance_coefficients(result)):
        np.testing.assert_array_equal(before, after)
    with Image.open(out / "scan.jpg") as image:
        assert image.mode == "RGB"
        assert np.ptp(np.asarray(image, int), axis=-1).mean() > 5.0
    for before, after in zip(
        luminance_coefficients(original), luminance_coefficients(drop_chroma(result))
    ):
        np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("size", [(1, 1), (1, 600), (601, 7), (523, 517)])
def test_jpegs_of_any_size(run: Run, out: Path, tmp_path: Path, size: tuple[int, int]) -> None:
    """From 256 pixels on (four times the working size) chroma has half the resolution."""
    house().convert("L").resize(size).save(tmp_path / "scan.jpg")
    assert run(tmp_path / "scan.jpg") == 0
    with Image.open(out / "scan.jpg") as image:
        assert image.size == size
        half = {component[1] for component in image.layer[1:]} != {image.layer[0][1]}
    assert half == (min(size) >= 256)
    assert report(out)[0]["method"] == "reversible JPEG"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_oriented_jpegs_are_colored_upright(
    run: Run, out: Path, tmp_path: Path, orientation: int
) -> None:
    """The pixels stay as they are stored; the color is that of the upright photograph."""
    upright = house().convert("L").resize((97, 64))
    exif = Image.Exif()
    exif[0x0112] = orientation
    # What has to be stored so that a viewer who obeys the tag sees it upright.
    opposite = {6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
    turns = [None, *(Image.Transpose(number) for number in (0, 3, 1, 5, 4, 6, 2))]
    turn = opposite.get(orientation, turns[orientation - 1])
    stored = upright if turn is None else upright.transpose(turn)
    stored.save(tmp_path / "scan.png")
    stored.save(tmp_path / "turned.jpg", exif=exif, quality=100)
    upright.save(tmp_path / "upright.jpg", quality=100)
    assert run(tmp_path / "turned.jpg", tmp_path / "upright.jpg") == 0
    shown = []
    for name in ("turned.jpg", "upright.jpg"):
        with Image.open(out / name) as image:
            shown.append(np.asarray(ImageOps.exif_transpose(image), int))
    assert shown[0].shape == shown[1].shape
    # Chroma is coded in other blocks; colored lying on its side, it would be by 60 levels another.
    assert np.abs(shown[0] - shown[1]).mean() < 6.0


def test_other_formats_are_turned_upright(run: Run, out: Path, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    house().save(tmp_path / "turned.png", exif=exif)
    assert run(tmp_path / "turned.png") == 0
    with Image.open(out / "turned.png") as image:
        assert image.size == house().size[::-1]
        assert image.getexif().get(0x0112, 1) == 1


def test_from_coefficients_or_from_pixels_a_large_jpeg_comes_out_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where libturbojpeg is missing, Pillow decodes what it would have shown."""
    large = house().resize((451, 333), Image.Resampling.BICUBIC)
    exif = Image.Exif()
    exif[0x0112] = 6  # lying on its side
    large.save(tmp_path / "large.jpg", quality=92, exif=exif)
    expected = luminance_coefficients((tmp_path / "large.jpg").read_bytes())[0]
    colorizer = Colorizer.load(working_size=64)  # the loud one would magnify a level to seventy
    results = []
    for way in ("coefficients", "pixels"):
        if way == "pixels":
            monkeypatch.setattr(HalvedJpeg, "read", lambda *_: None)
        counts = colorize_photos([tmp_path / "large.jpg"], tmp_path / way, colorizer)
        assert counts == {"colorized": 1}
        (row,) = report(tmp_path / way)
        assert row["method"] == "reversible JPEG"
        result = tmp_path / way / "large.jpg"
        coefficients = luminance_coefficients(result.read_bytes())[0]
        np.testing.assert_array_equal(coefficients, expected)
        with Image.open(result) as image:
            results.append((row["warnings"], np.asarray(image.convert("YCbCr"), int)))
    (warnings, shown), (same_warnings, decoded) = results
    assert warnings == same_warnings
    assert shown[..., 1:].std() > 4
    # Of the luminance that the network sees, a level in a hundred is rounded otherwise.
    assert np.abs(shown - decoded).max() <= 8
    assert np.abs(shown - decoded).mean() < 0.25


def test_tables_may_stand_behind_the_first_scan(colorizer: Colorizer, tmp_path: Path) -> None:
    """Of a file in several scans, whose chroma is not needed before the second (T.81, B.2.4)."""
    output = io.BytesIO()
    house().convert("L").resize((450, 300)).save(output, "JPEG")
    chroma = np.full((150, 225), 100, np.uint8)
    file = split_jpeg(add_chroma_planes(output.getvalue(), chroma, chroma, quality=90))
    late = [s for s in file.segments if s.marker == Marker.DQT and s.payload[0] & 15 == 1]
    segments = [segment for segment in file.segments if segment not in late]
    first = next(i for i, segment in enumerate(segments) if segment.marker == Marker.SOS)
    assert len(late) == 1
    (tmp_path / "late.jpg").write_bytes(
        join_jpeg([*segments[: first + 1], *late, *segments[first + 1 :]])
    )
    counts = colorize_photos([tmp_path / "late.jpg"], tmp_path / "out", colorizer)
    assert counts == {"colorized": 1}, report(tmp_path / "out")


def test_a_jpeg_that_cannot_stay_is_encoded_anew_and_says_why(
    run: Run, out: Path, tmp_path: Path
) -> None:
    house().convert("CMYK").save(tmp_path / "inks.jpg")
    adobe = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    house().save(tmp_path / "profile.jpg", icc_profile=adobe)
    assert run(tmp_path / "inks.jpg", tmp_path / "profile.jpg", "--saturation", 0.1) == 0
    for row in report(out):
        assert row["method"] == "JPEG, 8 bits"
        assert "not reversible: its" in row["warnings"]
    difference = gray_of(out / "profile.jpg") - gray_of(tmp_path / "profile.jpg")
    assert np.abs(difference).mean() < 2.0


@pytest.mark.parametrize("suffix", [".tif", ".png"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_16_bits_stay_16_bits(
    run: Run, out: Path, tmp_path: Path, suffix: str, channels: int
) -> None:
    rng = np.random.default_rng(0)
    deep = np.asarray(house().convert("RGBA"), np.uint16) * 257
    deep[..., 3] = rng.integers(0, 65536, deep.shape[:2])
    deep += rng.integers(0, 200, deep.shape).astype(np.uint16) * (deep < 65000)
    deep = deep[..., 0] if channels == 1 else deep[..., :channels]
    source, result = tmp_path / f"deep{suffix}", out / f"deep{suffix}"
    write_deep(source, deep)
    assert run(source) == 0
    assert report(out)[0]["method"] == f"{'TIFF' if suffix == '.tif' else 'PNG'}, 16 bits"
    colored = read_deep(result)
    assert colored.dtype == np.uint16
    expected = deep.astype(np.float64) if channels == 1 else luminance64(deep[..., :3])
    # Half a step from rounding the luminance of color, half from rounding the three channels.
    assert np.abs(luminance64(colored[..., :3]) - expected).max() <= 1.0 + 0.02
    if channels == 4:
        np.testing.assert_array_equal(colored[..., 3], deep[..., 3])


def write_deep(path: Path, pixels: np.ndarray) -> None:
    if path.suffix == ".tif":
        kind = "minisblack" if pixels.ndim == 2 else "rgb"
        extra = ("unassalpha",) if pixels.ndim == 3 and pixels.shape[2] == 4 else ()
        tifffile.imwrite(path, pixels, photometric=kind, extrasamples=extra)
    else:
        path.write_bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels)))


def read_deep(path: Path) -> np.ndarray:
    if path.suffix == ".tif":
        return tifffile.imread(path)
    return imagecodecs.png_decode(path.read_bytes())


def luminance64(rgb: np.ndarray) -> np.ndarray:
    return rgb.astype(np.float64) @ [0.299, 0.587, 0.114]  # ITU-R BT.601-7, section 2.5.1


def test_every_page_of_a_tiff(run: Run, out: Path, tmp_path: Path) -> None:
    source = tmp_path / "pages.tif"
    small = np.asarray(house().convert("L").resize((40, 30)))
    with tifffile.TiffWriter(source) as writer:
        writer.write(small, photometric="minisblack")
        writer.write(small.astype(np.uint16) * 257, photometric="minisblack")
        writer.write(np.repeat(small[..., None], 3, axis=-1), photometric="rgb")
    assert run(source) == 0
    with tifffile.TiffFile(out / "pages.tif") as tiff:
        pages = [page.asarray() for page in tiff.pages]
    assert [page.dtype.name for page in pages] == ["uint8", "uint16", "uint8"]
    for page, scale in zip(pages, (1, 257, 1)):
        difference = luminance64(page) - scale * small.astype(np.float64)
        assert np.abs(difference).max() <= 1.0
    assert report(out)[0]["pages"] == "3"
    # What cannot hold them all is refused rather than filled with the first.
    assert run(source, "--format", "png") == 1
    assert "several pages" in report(out)[-1]["reason"]
    assert not (out / "pages.png").exists()


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif"])
def test_transparency_stays(run: Run, out: Path, tmp_path: Path, suffix: str) -> None:
    photo = house().convert("LA")
    alpha = Image.linear_gradient("L").resize(photo.size)
    photo.putalpha(alpha)
    kept = photo if suffix != ".webp" else photo.convert("RGBA")
    kept.save(tmp_path / f"cut{suffix}", **({"lossless": True} if suffix == ".webp" else {}))
    assert run(tmp_path / f"cut{suffix}") == 0
    with Image.open(out / f"cut{suffix}") as image:
        assert image.mode == "RGBA"
        np.testing.assert_array_equal(np.asarray(image)[..., 3], np.asarray(alpha))
    assert run(tmp_path / f"cut{suffix}", "--format", "jpg") == 0
    with Image.open(out / "cut.jpg") as image:  # where there is nothing, there is white
        assert np.asarray(image.convert("L"))[0].min() > 250


def test_what_a_format_cannot_hold_is_reported(run: Run, out: Path, tmp_path: Path) -> None:
    deep = np.asarray(house().convert("L").resize((90, 80)), np.uint16) * 257
    Image.fromarray(deep).save(tmp_path / "deep.png")
    clear = house().resize((90, 80))
    clear.putalpha(Image.new("L", clear.size, 128))
    clear.save(tmp_path / "clear.png")
    assert run(tmp_path / "deep.png", tmp_path / "clear.png", "--format", "jpg") == 0
    warnings = {Path(row["source"]).name: row["warnings"] for row in report(out)}
    assert "16 bits became 8: JPEG holds no more" in warnings["deep.png"]
    assert "transparency became white: JPEG has none" in warnings["clear.png"]
    assert run(tmp_path / "deep.png", tmp_path / "clear.png") == 0
    assert not any("became" in row["warnings"] for row in report(out)[2:])


def test_toned_prints(run: Run, out: Path, tmp_path: Path) -> None:
    """A sepia print: noticed; on request the paper becomes white first."""
    tones = np.asarray(house().convert("L"), np.float64)[..., None] / 255.0
    sepia = np.array([0.2, 0.12, 0.05]) + np.array([0.75, 0.72, 0.6]) * tones
    Image.fromarray(np.uint8(np.round(255 * sepia))).save(tmp_path / "sepia.png")
    assert run(tmp_path / "sepia.png") == 0
    assert "strongly tinted" in report(out)[-1]["warnings"]
    assert np.abs(gray_of(out / "sepia.png") - gray_of(tmp_path / "sepia.png")).max() <= 1.0
    assert run(tmp_path / "sepia.png", "--remove_tint", "--overwrite") == 0
    assert "tint removed" in report(out)[-1]["warnings"]
    brightest = np.quantile(gray_of(out / "sepia.png"), 0.999)
    assert brightest > np.quantile(gray_of(tmp_path / "sepia.png"), 0.999) + 5


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_where_there_is_no_tint_none_keeps_a_jpeg_from_being_reversible(
    run: Run, out: Path, tmp_path: Path, mode: str
) -> None:
    gray = house().convert("L")
    gray.convert(mode).save(tmp_path / "gray.jpg")
    sepia = [gray.point(lambda v, share=share: 20 + share * v) for share in (0.9, 0.8, 0.65)]
    Image.merge("RGB", sepia).save(tmp_path / "sepia.jpg")
    assert run(tmp_path, "--remove_tint") == 0
    rows = {Path(row["source"]).name: row for row in report(out)}
    assert (rows["gray.jpg"]["method"], rows["gray.jpg"]["warnings"]) == ("reversible JPEG", "")
    assert rows["sepia.jpg"]["method"] == "JPEG, 8 bits"
    assert rows["sepia.jpg"]["warnings"].startswith("not reversible: its tint is removed")
    assert "; tint removed" in rows["sepia.jpg"]["warnings"]


# -- what is said of the result -----------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_metadata_stay_and_the_color_is_called_computed(
    run: Run, out: Path, model: Path, tmp_path: Path, suffix: str
) -> None:
    exif = Image.Exif()
    exif[0x010E] = "Main Street, Ann Arbor"
    exif[0x8298] = "Public domain"
    source = tmp_path / f"scan{suffix}"
    house().convert("L").save(source, exif=exif, dpi=(300, 300))
    assert run(source) == 0
    with Image.open(out / f"scan{suffix}") as image:
        carried = image.getexif()
        assert carried[0x010E] == "Main Street, Ann Arbor"
        assert carried[0x8298] == "Public domain"
        if suffix != ".webp":  # Pillow gives it none to begin with
            assert round(float(carried.get(0x011A, image.info.get("dpi", (0,))[0]))) == 300
    assert DIGITAL_SOURCE_TYPE.encode() in (out / f"scan{suffix}").read_bytes()
    provenance = read_provenance(out / f"scan{suffix}")
    assert provenance is not None
    assert provenance.input_hash == hash_file(source)
    assert provenance.model_hash == hash_file(model)
    assert provenance.input_name == source.name


def test_condition_is_reported(run: Run, out: Path, tmp_path: Path) -> None:
    house().save(tmp_path / "color.jpg")
    house().convert("L").resize((20, 20)).save(tmp_path / "tiny.jpg")
    assert run(tmp_path) == 0
    warnings = {Path(row["source"]).name: row["warnings"] for row in report(out)}
    assert "already colored" in warnings["color.jpg"]
    assert "too small: 20 x 20" in warnings["tiny.jpg"]


# -- control ------------------------------------------------------------------------------------


def test_saturation_and_format(run: Run, out: Path) -> None:
    assert run(HOUSE, "--saturation", 0, "--format", "png") == 0
    with Image.open(out / "brick_house_garden.png") as image:
        assert np.ptp(np.asarray(image, int), axis=-1).max() == 0


def test_comparison(run: Run, out: Path) -> None:
    assert run(HOUSE, "--compare") == 0
    with Image.open(out / "compare" / f"{HOUSE.name}.jpg") as sheet:
        pixels = np.asarray(sheet, int)
    width, height = house().size
    assert pixels.shape == (height, 2 * width, 3)
    spread = np.ptp(pixels, axis=-1)
    assert spread[:, : width - 8].mean() < 2.0 < 5.0 < spread[:, width + 8 :].mean()
    assert read_provenance(out / "compare" / f"{HOUSE.name}.jpg") is not None


def test_several_working_sizes_make_a_sheet(run: Run, out: Path) -> None:
    assert run(HOUSE, "--working_size", "16,32,64") == 0
    assert files(out) == {f"sizes/{HOUSE.name}.jpg", "report.csv"}
    with Image.open(out / "sizes" / f"{HOUSE.name}.jpg") as sheet:
        assert sheet.width > 4 * house().width
    assert run(HOUSE, "--working_size", "16,32,64") == 0
    assert len(report(out)) == 1
    assert run(HOUSE, "--working_size=16,4") == 2  # below the stride


def test_a_working_size_takes_no_photographs(run: Run, out: Path, tmp_path: Path) -> None:
    copy_sample("historical", 1, tmp_path / "1911")
    assert run("--working_size", 64, tmp_path / "1911", HOUSE) == 0
    assert len(report(out)) == 2
    assert {json.loads(row["settings"])["working_size"] for row in report(out)} == {64}


def test_a_map_of_certainty_and_a_sheet_of_proposals(
    run: Run, out: Path, colorizer: Colorizer
) -> None:
    assert run(HOUSE, "--certainty", "--proposals", 3) == 0
    with Image.open(out / "certainty" / f"{HOUSE.name}.png") as image:
        known = np.asarray(image)
    assert known.shape == house().size[::-1]
    certainty = colorizer.session(HOUSE).certainty()
    small = Image.fromarray(known).resize(certainty.shape[::-1], Image.Resampling.BOX)
    assert np.corrcoef(np.asarray(small).ravel(), certainty.ravel())[0, 1] > 0.9
    sheet = out / "proposals" / f"{HOUSE.name}.jpg"
    with Image.open(sheet) as image:
        width = image.width
        assert width > 3 * house().width
    # What was asked for is there; another number of proposals is another sheet.
    assert run(HOUSE, "--certainty", "--proposals", 3) == 0
    assert run(HOUSE, "--proposals", 5) == 1
    assert run(HOUSE, "--proposals", 5, "--overwrite") == 0
    with Image.open(sheet) as image:
        assert image.width > width


def test_what_needs_a_distribution_over_colors(
    out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = tmp_path / "generator.keras"
    save_loud_generator(plain)
    arguments = [str(HOUSE), "--output", str(out), "--model", str(plain), "--certainty"]
    assert colorize.main(arguments) == 2
    assert "need a model with a distribution over colors" in capsys.readouterr().err
    assert colorize.main([*arguments[:-1], "--proposals", "9"]) == 2
    assert "--proposals must be 2 to 7" in capsys.readouterr().err


# -- bulk ---------------------------------------------------------------------------------------


def test_bad_photographs_are_reported_and_the_rest_goes_on(
    run: Run, out: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = copy_sample("historical", 2, tmp_path / "scans")
    (folder / "a_bad.jpg").write_text("not a photograph")
    (folder / "empty.png").touch()
    (folder / "cut.jpg").write_bytes(HOUSE.read_bytes()[:2000])
    house().save(folder / "large.png")
    assert run(folder, "--max_pixels", 240 * 320 - 1) == 1
    reasons = {Path(r["source"]).name: r["reason"] for r in report(out) if r["status"] == "failed"}
    assert "not a photograph" in reasons["a_bad.jpg"]
    assert "0 bytes" in reasons["empty.png"]
    assert "truncated" in reasons["cut.jpg"]
    assert "a_bad.jpg: not a photograph" in caplog.text
    assert files(out) == {
        "report.csv",
        *(Path(r["output"]).name for r in report(out) if r["status"] == "colorized"),
    }


def test_finished_photographs_are_not_done_again(
    run: Run, out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copy_sample("historical", 3, tmp_path / "scans")
    assert run(folder) == 0
    before = {path: path.stat().st_mtime_ns for path in out.iterdir() if path.suffix == ".jpg"}
    (*_, last) = sorted(before)
    last.unlink()
    capsys.readouterr()
    assert run(folder) == 0
    assert "1 colorized, 2 already done, 0 failed" in capsys.readouterr().out
    kept = {path: path.stat().st_mtime_ns for path in before if path != last}
    assert kept == {path: time for path, time in before.items() if path != last}
    assert [row["status"] for row in report(out)] == ["colorized"] * 4
    # With other settings they would be others, which must not replace them unasked.
    assert run(folder, "--saturation", 0.5) == 1
    assert {row["reason"].partition("exists")[2] for row in report(out)[4:]} == {
        " already, of other settings (saturation 1.0, not 0.5); pass --overwrite to replace it"
    }
    assert run(folder, "--saturation", 0.5, "--overwrite") == 0


def test_overwriting_colors_anew_what_is_there(run: Run, out: Path) -> None:
    """Also where it would come out the same, as when someone has retouched the result."""
    assert run(HOUSE) == 0
    first = (out / HOUSE.name).read_bytes()
    (out / HOUSE.name).write_bytes(first + b"retouched")
    assert run(HOUSE) == 0
    assert report(out)[-1]["status"] == "colorized" and len(report(out)) == 1
    assert run(HOUSE, "--overwrite") == 0
    assert (out / HOUSE.name).read_bytes() == first
    assert [row["status"] for row in report(out)] == ["colorized"] * 2


def test_nothing_of_the_users_is_overwritten(run: Run, out: Path) -> None:
    out.mkdir()
    (out / HOUSE.name).write_text("mine")
    assert run(HOUSE) == 1
    assert (out / HOUSE.name).read_text() == "mine"
    assert "--overwrite" in report(out)[0]["reason"]
    assert run(HOUSE, "--overwrite") == 0
    with Image.open(out / HOUSE.name) as result:
        assert result.mode == "RGB"
    (out / HOUSE.name).unlink()
    (out / HOUSE.name).mkdir()
    assert run(HOUSE, "--overwrite") == 1
    assert report(out)[-1]["reason"].endswith("is no file; move it away")


@pytest.mark.parametrize("content", ["name,grade\nann,1\n", "source", "source,output,status"])
def test_a_file_in_the_reports_place_is_not_touched(
    run: Run, out: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    """Not even one that begins as a report does."""
    out.mkdir()
    (out / "report.csv").write_text(content)
    assert run(HOUSE) == 2
    assert "report.csv" in capsys.readouterr().err
    assert (out / "report.csv").read_text() == content


def test_originals_are_never_replaced(colorizer: Colorizer, tmp_path: Path) -> None:
    """Neither by their own results nor by another's, and not by a picture beside one either."""
    folder = copy_sample("historical", 1, tmp_path / "scans")
    photo = next(folder.iterdir())
    before = photo.read_bytes()
    other = tmp_path / "other" / photo.name
    sheet = folder / "compare" / f"{photo.name}.jpg"
    link = tmp_path / "link" / photo.name
    for path in (other, sheet, link):
        path.parent.mkdir()
    shutil.copy(HOUSE, other)
    shutil.copy(HOUSE, sheet)
    link.symlink_to(photo)
    options = ColoringOptions(overwrite=True, compare=True)
    for photos, output in (
        ([folder], folder),
        ([photo], folder),
        ([other, photo], folder),
        ([other, sheet], folder),
        ([photo], link.parent),
    ):
        with pytest.raises(DataError, match="Choose another --output"):
            colorize_photos(photos, output, colorizer, options, show_progress=False)
    assert photo.read_bytes() == before
    assert other.read_bytes() == sheet.read_bytes() == HOUSE.read_bytes()


def test_results_inside_a_searched_folder_are_not_colored_again(run: Run, tmp_path: Path) -> None:
    copy_sample("historical", 2, tmp_path / "scans")
    assert run(tmp_path, "--compare") == 0
    before = files(tmp_path)
    assert len([name for name in before if name.startswith("out")]) == 5
    assert run(tmp_path, "--compare") == 0
    assert files(tmp_path) == before


def test_results_and_pictures_beside_others_have_names_of_their_own(
    colorizer: Colorizer, tmp_path: Path
) -> None:
    """An output folder, colored in turn: its comparisons are photographs as any others."""
    once, again = tmp_path / "once", tmp_path / "again"
    for photos, output in ((HOUSE, once), (once, again)):
        colorize_photos([photos], output, colorizer, ColoringOptions(compare=True))
    rows = report(again)
    assert [row["status"] for row in rows] == ["colorized"] * 2
    names = {str(Path(row["output"]).relative_to(again)) for row in rows}
    sheets = {f"compare/{name}.jpg" for name in names}
    assert len(names | sheets) == 4
    assert files(again) == {"report.csv", *names, *sheets}
    for row in rows:
        with Image.open(row["source"]) as photo, Image.open(row["output"]) as result:
            assert result.size == photo.size


def test_no_sheet_stays_without_its_result(run: Run, out: Path, tmp_path: Path) -> None:
    """Of a document of which a later page is damaged, and of what its format cannot hold."""
    gray = np.asarray(house().convert("L").resize((90, 80)))
    pages = [Image.fromarray(np.roll(gray, 9 * page)) for page in range(2)]
    path = tmp_path / "album.tif"
    pages[0].save(path, save_all=True, append_images=pages[1:], compression="tiff_lzw")
    with tifffile.TiffFile(path) as file:
        begin = file.pages[1].dataoffsets[0]
    data = path.read_bytes()
    path.write_bytes(data[: begin + 8] + b"\xff" * 192 + data[begin + 200 :])
    Image.linear_gradient("L").resize((17_000, 8)).save(tmp_path / "panorama.png")
    sheets = ("--compare", "--certainty", "--proposals", 3)
    assert run(path, *sheets) == 1
    assert run(tmp_path / "panorama.png", "--format", "webp", *sheets) == 1
    reasons = [row["reason"] for row in report(out)]
    assert reasons[0].startswith("page 2: damaged TIFF data")
    assert reasons[1].startswith("17000 x 8 pixels, and WEBP holds no more")
    assert files(out) == {"report.csv"}


def test_a_file_in_the_place_of_a_folder_for_sheets(run: Run, out: Path) -> None:
    out.mkdir()
    (out / "compare").write_text("mine")
    assert run(HOUSE, "--compare") == 1
    assert f"({out / 'compare'}); move that away" in report(out)[-1]["reason"]
    assert files(out) == {"compare", "report.csv"}


def test_sheets_belong_to_the_result(run: Run, out: Path) -> None:
    """A picture beside the result that shows another, or is someone else's, is not taken for it."""
    assert run(HOUSE, "--compare", "--certainty") == 0
    compare, certainty = (next((out / kind).iterdir()) for kind in ("compare", "certainty"))
    before = compare.read_bytes(), certainty.read_bytes()
    assert run(HOUSE, "--certainty", "--saturation", 0.2, "--overwrite") == 0
    assert run(HOUSE, "--certainty", "--saturation", 0.2, "--compare") == 1
    assert compare.read_bytes() == before[0]
    assert run(HOUSE, "--certainty", "--saturation", 0.2, "--compare", "--overwrite") == 0
    assert compare.read_bytes() != before[0]
    assert certainty.read_bytes() != before[1]
    assert read_provenance(certainty) == read_provenance(compare)
    certainty.write_text("mine")
    assert run(HOUSE, "--certainty", "--saturation", 0.2) == 1
    assert certainty.read_text() == "mine"
    assert "certainty" in report(out)[-1]["reason"]


def test_a_mistake_of_ours_does_not_stop_the_rest(
    run: Run, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copy_sample("historical", 3, tmp_path / "scans")
    paint, calls = Colorizer.paint, []

    def fail_once(self: Colorizer, luminance: np.ndarray) -> Painting:
        calls.append(luminance)
        if len(calls) == 2:
            raise TypeError("such a\nmistake")
        return paint(self, luminance)

    monkeypatch.setattr(Colorizer, "paint", fail_once)
    assert run(folder, "--workers", 1) == 1
    rows = report(out)
    assert [row["status"] for row in rows] == ["colorized", "failed", "colorized"]
    assert rows[1]["reason"] == "unexpected TypeError: such a mistake"


def test_a_file_that_fails_while_it_is_read_does_not_stop_the_rest(run: Run, out: Path) -> None:
    """A file of the system that can be opened, and gives an error like a bad disk's."""
    assert run("/proc/self/mem", HOUSE) == 1
    rows = report(out)
    assert [row["status"] for row in rows] == ["failed", "colorized"]
    assert rows[0]["reason"].startswith("unreadable: ")


def test_what_is_finished_after_an_interruption_is_reported(
    run: Run,
    out: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Ctrl-C while the first photograph is painted."""
    folder = copy_sample("historical", 8, tmp_path / "scans")
    paint = Colorizer.paint

    def interrupt(self: Colorizer, luminance: np.ndarray) -> Painting:
        monkeypatch.setattr(Colorizer, "paint", paint)
        os.kill(os.getpid(), signal.SIGINT)
        return paint(self, luminance)

    monkeypatch.setattr(Colorizer, "paint", interrupt)
    assert run(folder, "--workers", 1) == 130
    assert capsys.readouterr().err.endswith("interrupted\n")
    rows = report(out)
    assert {row["status"] for row in rows} == {"colorized"}
    assert files(out) == {"report.csv", *(Path(row["output"]).name for row in rows)}
    assert 1 <= len(rows) < 8
    assert run(folder) == 0
    assert len(report(out)) == 8


def test_photographs_that_wait_for_room_are_dropped_at_an_interruption(
    run: Run, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while one is painted and another, begun too, waits for the memory it takes."""
    folder = copy_sample("historical", 3, tmp_path / "scans")
    monkeypatch.setattr(folder_module, "PIXELS_AT_ONCE", 1)
    budget = PixelBudget
    paint, close, closed = Colorizer.paint, budget.close, threading.Event()

    def note(self: PixelBudget) -> None:
        close(self)
        closed.set()

    def interrupt(self: Colorizer, luminance: np.ndarray) -> Painting:
        monkeypatch.setattr(Colorizer, "paint", paint)
        os.kill(os.getpid(), signal.SIGINT)
        assert closed.wait(60)  # this one must not make room for the other before
        return paint(self, luminance)

    monkeypatch.setattr(budget, "close", note)
    monkeypatch.setattr(Colorizer, "paint", interrupt)
    assert run(folder, "--workers", 2) == 130
    assert [row["status"] for row in report(out)] == ["colorized"]
    assert run(folder) == 0
    assert len(report(out)) == 3


def test_one_process_at_a_time(run: Run, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out.mkdir()
    with Ledger(out / "report.csv"):
        assert run(HOUSE) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: another process is writing")
    assert run(HOUSE) == 0


def test_processes_that_share_the_work_share_it_in_as_many_parts(
    run: Run, out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of another number of parts, one would clear away what the other is just writing."""
    folder = copy_sample("historical", 2, tmp_path / "scans")
    out.mkdir()
    with Ledger(out / "report_1_of_4.csv"):
        for shard in ([], ["--shard", "1/2"]):
            assert run(folder, *shard) == 2
            assert "report_1_of_4.csv, and its part of the work" in capsys.readouterr().err
        assert run(SAMPLE / "modern", "--shard", "2/4") == 0
    assert run(folder) == 0


def test_a_killed_run_leaves_nothing_half_written_and_goes_on(
    model: Path, tmp_path: Path, out: Path, run: Run
) -> None:
    """Killed without warning as soon as the first result is there."""
    folder = tmp_path / "scans"
    folder.mkdir()
    for number in range(12):
        house().convert("L").resize((900, 700 + number)).save(folder / f"{number:02}.png")
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "keras_colorize.colorize", folder),
            *("--output", out, "--model", model, "--workers", "2"),
        ],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    while b"1/12" not in process.stderr.read1():
        assert process.poll() is None
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    finished = [path for path in out.iterdir() if path.name[0].isdigit()]
    assert 0 < len(finished) < 12
    for path in finished:
        with Image.open(path) as image:
            image.load()
    times = {path: path.stat().st_mtime_ns for path in finished}
    assert run(folder) == 0
    assert {path: path.stat().st_mtime_ns for path in finished} == times
    assert files(out) == {f"{number:02}.png" for number in range(12)} | {"report.csv"}
    assert {row["source"] for row in report(out)} == {str(path) for path in folder.iterdir()}


def test_shards_share_the_work(run: Run, out: Path, tmp_path: Path) -> None:
    folder = copy_sample("historical", 6, tmp_path / "scans")
    for part in (1, 2, 3):
        assert run(folder, "--shard", f"{part}/3") in (0, 2)  # a small part may be empty
    results = {name for name in files(out) if not name.startswith("report")}
    assert results == {path.name for path in folder.iterdir()}
    sources = [
        row["source"]
        for part in (1, 2, 3)
        if (out / f"report_{part}_of_3.csv").exists()
        for row in report(out, f"report_{part}_of_3.csv")
    ]
    assert sorted(sources) == sorted(map(str, folder.iterdir()))
    tasks = [find_tasks([SAMPLE], out, shard=Shard(part, 4)) for part in (1, 2, 3, 4)]
    assert sum(map(len, tasks)) == len(find_tasks([SAMPLE], out))
    assert all(tasks)


def test_dry_run_writes_nothing(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And needs no model: it does not even look for it."""
    arguments = [str(HOUSE), "--output", str(out), "--model", "absent.keras", "--dry_run"]
    assert colorize.main(arguments) == 0
    assert not out.exists()
    printed = capsys.readouterr().out
    width, height = house().size
    assert f"{HOUSE} -> {out / HOUSE.name} [{width} x {height}]" in printed
    assert colorize.main([*arguments, "--max_pixels", "9", "--working_size", "64,96"]) == 1
    printed = capsys.readouterr().out
    assert f"{HOUSE} -> {out / 'sizes' / HOUSE.name}.jpg [refused: too large" in printed


def test_dry_run_prints_names_that_are_no_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house().resize((64, 64)).save(tmp_path / os.fsdecode(b"\xff.jpg"), "JPEG")
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="strict")
    monkeypatch.setattr(sys, "stdout", terminal)
    assert colorize.main([str(tmp_path), "--output", str(tmp_path / "out"), "--dry_run"]) == 0
    terminal.seek(0)
    assert "\\udcff.jpg -> " in terminal.read()


def test_output_that_nobody_reads_any_more_ends_quietly(tmp_path: Path) -> None:
    """As of `--dry_run | head`."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe:
        process = subprocess.run(
            [
                *(sys.executable, "-m", "keras_colorize.colorize", HOUSE),
                *("--output", tmp_path / "out", "--dry_run"),
            ],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=pipe,
            stderr=subprocess.PIPE,
        )
    assert process.returncode == 141
    assert process.stderr == b""


def test_names_of_any_kind(run: Run, out: Path, tmp_path: Path) -> None:
    folder = tmp_path / "scans"
    folder.mkdir()
    names = [
        "a b.jpg",
        "ä 家.jpg",
        "two\nlines.jpg",
        os.fsdecode(b"\xff\xfe.jpg"),
        "x" * 240 + ".jpg",
    ]
    for name in names:
        house().convert("L").resize((64, 64)).save(folder / name, "JPEG")
    assert run(folder) == 0
    assert {path.name for path in out.glob("*.jpg")} == set(names)
    escaped = {str(folder / name).replace("\udcff\udcfe", "\\xff\\xfe") for name in names}
    assert {row["source"] for row in report(out)} == escaped
    provenance = read_provenance(out / os.fsdecode(b"\xff\xfe.jpg"))
    assert provenance is not None and provenance.input_name == r"\xff\xfe.jpg"


def test_names_as_long_as_they_can_be(run: Run, out: Path, tmp_path: Path) -> None:
    """Of results, pictures beside them and files on the way to them; in bytes, not in letters."""
    folder = tmp_path / "scans"
    folder.mkdir()
    names = ["x" * 251 + ".jpg", "x" * 251 + ".bmp", "家" * 83 + "xx.jpg"]
    for name in names:
        house().convert("L").resize((64, 64)).save(folder / name)
    for options in (["--compare", "--certainty"], ["--working_size=64,96"]):
        assert run(folder, *options) == 0
        assert run(folder, *options) == 0
    # Both of the first two would become this.
    assert run(folder, "--format", "webp") == 0
    assert [row["status"] for row in report(out)] == ["colorized"] * 9
    assert len(files(out)) == 1 + 3 + 2 * 3 + 3 + 3
    assert len({row["output"] for row in report(out)}) == 9


def test_photographs_of_one_name_are_numbered(run: Run, out: Path, tmp_path: Path) -> None:
    first = copy_sample("historical", 1, tmp_path / "a")
    second = copy_sample("historical", 1, tmp_path / "b")
    photo = next(second.iterdir())
    photo.rename(photo.with_suffix(".JPG"))
    assert run(*first.iterdir(), *second.iterdir()) == 0
    assert files(out) == {f"{photo.stem}.jpg", f"{photo.stem}_2.JPG", "report.csv"}


def test_a_growing_archive_goes_on(run: Run, out: Path, tmp_path: Path) -> None:
    """What comes to it later takes no name from what is colored."""
    folder = tmp_path / "scans"
    folder.mkdir()
    small = house().resize((64, 64))
    for name in ("z.png", "z.bmp", "z.gif"):
        small.save(folder / name)
        assert run(folder) == 0
    assert [Path(row["output"]).name for row in report(out)] == ["z.png", "z.bmp.png", "z.gif.png"]


# -- unusable calls -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--output", "out"], "error: "),
        (["x.jpg"], "output"),
        (["x.jpg", "--output", "out", "--model", "absent.keras"], "absent.keras"),
        (["x.jpg", "--output", "out", "--colour"], "--colour"),
        (["x.jpg", "--output", "out", "--quality", "0"], "1 to 100"),
        (["x.jpg", "--output", "out", "--workers", "0"], "at least 1"),
        (["x.jpg", "--output", "out", "--saturation", "-1"], "at least 0"),
        (["x.jpg", "--output", "out", "--max_pixels", "0"], "at least 1"),
        (["x.jpg", "--output", "out", "--format", "gif"], "format"),
        (["x.jpg", "--output", "out", "--shard", "3/2"], "such as 2/8"),
        (["x.jpg", "--output", ""], "an empty one"),
        (["", "--output", "out"], "an empty one"),
        (["x.jpg", "--output", "out", "--working_size", "big"], "such as 192 or 192,256"),
    ],
)
def test_unusable_calls_are_one_line_and_status_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert colorize.main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error
    assert error.count("\n") == 1


def test_an_output_that_cannot_be_written_is_one_line(
    run: Run, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out.touch()
    assert run(HOUSE) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("error: ")


def test_folder_without_photographs(colorizer: Colorizer, tmp_path: Path) -> None:
    for photos in ([tmp_path], []):
        with pytest.raises(DataError, match="found none"):
            colorize_photos(photos, tmp_path / "out", colorizer)


def test_a_full_disk_is_reported_photograph_by_photograph(
    model: Path, out: Path, tmp_path: Path
) -> None:
    """Files may not grow beyond 20 kB, as on a disk that is full there."""
    house().convert("L").resize((64, 64)).save(tmp_path / "small.png")
    house().resize((600, 400)).save(tmp_path / "large.png")
    code = (
        "import resource, signal, sys\n"
        "from keras_colorize import Colorizer\n"
        "from keras_colorize.coloring.folder import colorize_photos\n"
        "model, output, *photos = sys.argv[1:]\n"
        "colorizer = Colorizer.load(model)\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "sys.exit(colorize_photos(photos, output, colorizer) != {'colorized': 1, 'failed': 1})\n"
    )
    photos = [tmp_path / "large.png", tmp_path / "small.png"]
    process = subprocess.run(
        [sys.executable, "-c", code, model, out, *photos],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    assert "Traceback" not in process.stderr
    rows = {Path(row["source"]).name: row for row in report(out)}
    assert rows["small.png"]["status"] == "colorized"
    assert "cannot write" in rows["large.png"]["reason"]
    assert files(out) == {"small.png", "report.csv"}


def test_keras_is_imported_without_what_only_costs_time() -> None:
    """And that can be imported afterwards."""
    code = (
        "import sys\n"
        "from keras_colorize.cli import import_keras\n"
        "import_keras()\n"
        "print('keras' in sys.modules, 'matplotlib' in sys.modules)\n"
        "import matplotlib.pyplot\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert process.stdout == "True False\n"
