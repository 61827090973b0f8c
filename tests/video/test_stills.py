"""Stills of the shots of a film."""

from pathlib import Path

import numpy as np
import pytest

from keras_colorize.coloring.colorizer import Colorizer
from tests.video.films import PHOTOS, color, make_film, needs_ffmpeg, pan

pytestmark = needs_ffmpeg
pytest.importorskip("cv2", reason="films need the extra `video`")

FRAMES = 12  # of each shot


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    frames = np.concatenate([pan(photo, FRAMES) for photo in PHOTOS[:3]])
    return make_film(tmp_path_factory.mktemp("film") / "film.mp4", frames)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_of_a_film_that_is_done_stills_are_written(
    film: Path, tmp_path: Path, colorizer: Colorizer
) -> None:
    at_once, later = tmp_path / "at_once", tmp_path / "later"
    assert color(film, at_once, colorizer, key_frames=True).status == "colorized"
    assert color(film, later, colorizer).status == "colorized"
    was = (later / "film.mkv").read_bytes()
    assert color(film, later, colorizer, key_frames=True).status == "already done"
    stills = contents(later / "key_frames" / "film.mkv")
    assert len(stills) == 4
    assert stills == contents(at_once / "key_frames" / "film.mkv")
    assert (later / "film.mkv").read_bytes() == was
    # What is there stays.
    (later / "key_frames" / "film.mkv" / "frames.csv").write_text("")
    assert color(film, later, colorizer, key_frames=True).status == "already done"
    assert (later / "key_frames" / "film.mkv" / "frames.csv").read_text() == ""


def test_stills_that_could_not_be_written_are_by_the_next_call(
    film: Path, tmp_path: Path, colorizer: Colorizer
) -> None:
    (tmp_path / "key_frames").write_text("in the way")
    told = color(film, tmp_path, colorizer, key_frames=True)
    assert told.status == "failed"
    assert f"cannot write {tmp_path / 'key_frames'}" in told.reason
    (tmp_path / "key_frames").unlink()
    assert color(film, tmp_path, colorizer, key_frames=True).status == "colorized"
    assert len(contents(tmp_path / "key_frames" / "film.mkv")) == 4
    assert {path.name for path in tmp_path.iterdir()} == {"film.mkv", "key_frames"}
