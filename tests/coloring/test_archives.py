"""A folder as archives have it: files of rarer formats and kinds, and files of other things."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keras_colorize import color, colorize
from keras_colorize.photos.reading import read_luminance
from tests.conftest import save_loud_generator
from tests.photo_kinds import build

SIZE = (96, 80)
FILES = {
    "aerial.jp2": "jp2_gray_8",
    "atlas.jxl": "jxl_gray_8",
    "negative.pgm": "pnm_gray_8",
    "phone.avif": "avif_rgb",
    "scanner.jpg": "jpeg_gray_12",
    "medical.jpg": "jpeg_lossless_gray_8",
    "stereo.mpo": "mpo",
    "kept.webp": "webp_lossless",
    "floats.tif": "tiff_gray_float32_1",
    "signed.tif": "tiff_gray_int8",
}
OTHERS = {"notes.xyz": b"text", "raw.xyz": b"more", "Thumbs": b"x"}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "generator.keras"
    save_loud_generator(path)
    return path


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    folder = tmp_path / "archive"
    folder.mkdir()
    for name, kind in FILES.items():
        (folder / name).write_bytes(build(kind, SIZE).data)
    for name, content in OTHERS.items():
        (folder / name).write_bytes(content)
    return folder


def test_every_file_gets_an_answer(
    archive: Path, model: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    out = tmp_path / "out"
    assert colorize.main([str(archive), "--output", str(out), "--model", str(model)]) == 0
    assert "3 other files left out: 2 .xyz, 1 without an ending" in caplog.text
    with (out / "report.csv").open(newline="", encoding="utf-8") as file:
        rows = {Path(row["source"]).name: row for row in csv.DictReader(file)}
    assert rows.keys() == FILES.keys()
    assert {row["status"] for row in rows.values()} == {"colorized"}
    for name, row in rows.items():
        with Image.open(row["output"]) as image:
            shown = color.luminance(np.asarray(image.convert("RGB"), np.float32))[..., 0]
        assert shown.shape == SIZE[::-1]
        lossy = "JPEG" in row["method"]
        difference = np.abs(shown - read_luminance(archive / name) / 257)
        assert difference.max() <= (24 if lossy else 1.1), name
    assert "signed numbers" in rows["signed.tif"]["warnings"]
    assert Path(rows["aerial.jp2"]["output"]).name == "aerial.png"
    assert "its numbers have 12 bits" in rows["scanner.jpg"]["warnings"]
    assert read_luminance(out / "kept.webp").shape == SIZE[::-1]


def test_decoders_are_quiet_in_the_command(
    archive: Path, model: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What matters is in the report; a folder of hostile files made thousands of lines."""
    for number, (name, at) in enumerate([("tiff_gray_16", 8), ("tiff_rgb_8_lzw", 20)] * 3):
        data = bytearray(build(name, SIZE).data)
        data[at] ^= 0xFF
        data[len(data) // 2] ^= 0xFF
        (archive / f"hostile_{number}.tif").write_bytes(data)
    colorize.main([str(archive), "--output", str(tmp_path / "out"), "--model", str(model)])
    assert {record.name.split(".")[0] for record in caplog.records} == {"keras_colorize"}


def test_a_dry_run_counts_them_too(
    archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert colorize.main([str(archive), "--output", str(tmp_path / "out"), "--dry_run"]) == 0
    printed = capsys.readouterr().out
    assert "3 other files left out: 2 .xyz, 1 without an ending" in printed
    assert f"{archive / 'scanner.jpg'} -> {tmp_path / 'out' / 'scanner.jpg'} [96 x 80]" in printed
