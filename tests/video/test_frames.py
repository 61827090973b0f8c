"""Films whose frames are files, through the real entry point, with a tiny generator."""

import csv
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keras_colorize import colorize
from tests.video.films import HEIGHT, PHOTOS, WIDTH, ask, needs_ffmpeg, pan, planes

pytestmark = needs_ffmpeg
pytest.importorskip("cv2", reason="films need the extra `video`")

Color = Callable[..., int]


@pytest.fixture
def color(model: Path, tmp_path: Path) -> Color:
    """The command, at 16 frames a second, without loss."""

    def call(*named: object) -> int:
        arguments = ["--output", str(tmp_path / "out"), "--model", str(model)]
        arguments += ["--working_size", "32", "--frames_per_second", "16", "--video_codec", "ffv1"]
        return colorize.main([*map(str, named), *arguments])

    return call


def save_frames(folder: Path, names: Sequence[str], **options: object) -> np.ndarray:
    """Frames of a pan under these names, one after the other."""
    folder.mkdir()
    frames = pan(PHOTOS[7], len(names))
    for name, frame in zip(names, frames):
        Image.fromarray(frame).save(folder / name, **options)
    return frames


def last_reason(out: Path) -> str:
    with (out / "report.csv").open(newline="") as file:
        return list(csv.DictReader(file))[-1]["reason"]


def test_frames_that_are_files_are_one_film(tmp_path: Path, color: Color) -> None:
    folder = tmp_path / "reel [1]"
    frames = save_frames(folder, [f"{number:03d}.png" for number in range(6)])
    (folder / "notes.txt").write_text("found in the attic")
    assert color(folder, folder / "%03d.png") == 0
    for result in (tmp_path / "out" / "reel [1].mkv", tmp_path / "out" / "frames.mkv"):
        luminance, cb, _ = planes(result, "yuvj420p", (WIDTH, HEIGHT))
        np.testing.assert_array_equal(luminance, frames)
        assert cb.std() > 1
        told = ask(result, "-select_streams", "v", "-show_packets")["packets"]
        assert [float(p["pts_time"]) for p in told] == pytest.approx(np.arange(6) / 16, abs=6e-4)
    empty = tmp_path / "empty"
    empty.mkdir()
    assert color(empty) == 1
    assert "found none" in last_reason(tmp_path / "out")


def test_they_follow_their_numbers_whatever_their_zeros_and_gaps(
    tmp_path: Path, color: Color
) -> None:
    numbers = [3, 4, 9, 10, 11, 20, 100]
    frames = save_frames(tmp_path / "reel", [f"f_{number}.png" for number in numbers])
    assert color(tmp_path / "reel", tmp_path / "reel" / "scan_%d.png") == 1
    assert "scan_%d.png, found none" in last_reason(tmp_path / "out")
    assert color(tmp_path / "reel", tmp_path / "reel" / "f_%d.png") == 0
    for name in ("reel.mkv", "f.mkv"):
        luminance, *_ = planes(tmp_path / "out" / name, "yuvj420p", (WIDTH, HEIGHT))
        np.testing.assert_array_equal(luminance, frames)


@pytest.mark.parametrize("endings", [(".jpg", ".JPG", ".jpeg"), (".tif", ".TIFF", ".tiff")])
def test_an_ending_is_one_however_it_is_written(
    endings: Sequence[str], tmp_path: Path, color: Color
) -> None:
    names = [f"f_{number:03d}{endings[number // 4]}" for number in range(12)]
    frames = save_frames(tmp_path / "reel", names)
    assert color(tmp_path / "reel") == 0
    luminance, *_ = planes(tmp_path / "out" / "reel.mkv", "yuvj420p", (WIDTH, HEIGHT))
    assert np.abs(luminance.astype(int) - frames).mean(axis=(1, 2)).max() < 4  # JPEG's loss


@pytest.mark.parametrize(
    ("add", "reason"),
    [
        (lambda at: os.mkfifo(at / "f_9.jpg"), "f_9.jpg, which is a broken link, a pipe"),
        (lambda at: (at / "f_9.jpg").symlink_to("gone.jpg"), "f_9.jpg, which is a broken link"),
        (lambda at: shutil.copy(at / "f_1.jpg", at / "f_01.JPG"), "found f_01.JPG and f_1.jpg"),
        (lambda at: (at / "f_9.png").touch(), "found 2 .jpg, 1 .png, such as f_9.png"),
        (lambda at: (at / "f_9.jpg").touch(), "found f_9.jpg, which is empty (0 bytes)"),
        (lambda at: shutil.copy(at / "f_1.jpg", at / "a.tiff"), "1 .tif, such as a.tiff"),
        (lambda at: (at / "f_9.heic").touch(), "found 2 .jpg, 1 .heic, such as f_9.heic"),
    ],
)
def test_nothing_that_may_be_a_frame_is_left_out_unsaid(
    add: Callable[[Path], object], reason: str, tmp_path: Path, color: Color
) -> None:
    save_frames(tmp_path / "reel", ["f_1.jpg", "f_2.jpg"])
    add(tmp_path / "reel")
    assert color(tmp_path / "reel") == 1
    assert reason in last_reason(tmp_path / "out")


def test_a_folder_is_no_frame_whatever_it_is_called(tmp_path: Path, color: Color) -> None:
    save_frames(tmp_path / "reel", ["f_1.jpg", "f_2.jpg"])
    (tmp_path / "reel" / "sub.jpg").mkdir()
    assert color(tmp_path / "reel") == 0


def test_a_pattern_without_a_rate_tells_of_the_option(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_frames(tmp_path / "reel", ["f_1.jpg"])
    pattern = str(tmp_path / "reel" / "f_%d.jpg")
    assert colorize.main([pattern, "--output", str(tmp_path / "o"), "--model", str(model)]) == 2
    assert "--frames_per_second" in capsys.readouterr().err
    (tmp_path / "reel" / "f_1.jpg").rename(pattern)
    assert colorize.main([pattern, "--output", str(tmp_path / "o"), "--model", str(model)]) == 0
