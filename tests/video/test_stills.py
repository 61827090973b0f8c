"""Stills of the shots of a film."""

import gc
import weakref
from pathlib import Path

import numpy as np
import pytest

from keras_colorize.coloring.colorizer import Colorizer
from keras_colorize.coloring.decisions import Decisions
from keras_colorize.coloring.hints import Hint
from keras_colorize.files import hash_file
from keras_colorize.video.corrections import Corrector, find_corrections
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
    # What is there stays; what is of another film does not.
    listed = later / "key_frames" / "film.mkv" / "frames.csv"
    whole = listed.read_text()
    still = next(listed.parent.glob("*.png"))
    still.write_bytes(b"")
    assert color(film, later, colorizer, key_frames=True).status == "already done"
    assert still.read_bytes() == b""
    listed.write_text(whole.replace(hash_file(film), "0" * 64))
    assert color(film, later, colorizer, key_frames=True).status == "already done"
    assert contents(listed.parent) == stills


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


def test_what_was_corrected_is_let_go_behind_its_shot(
    film: Path, tmp_path: Path, colorizer: Colorizer
) -> None:
    color(film, tmp_path, colorizer, key_frames=True)
    stills = tmp_path / "key_frames" / "film.mkv"

    def decided(sha256: str, path: Path) -> Decisions:
        return Decisions(
            sha256,
            colorizer.model_hash,
            colorizer.working_size,
            hints=(Hint(0.5, 0.5, "#3d6b4f", 0.2),),
        )

    corrections = find_corrections(stills, decided, tmp_path)
    assert len(corrections) == 3
    corrector = Corrector(colorizer, corrections, (32, 48))
    alive = []
    for correction in corrections:
        number = correction.still.number
        chroma, trust = corrector.paint(number, np.zeros((32, 48), np.uint8))
        assert trust > 1.0
        alive.append(weakref.ref(chroma))
        del chroma
        gc.collect()
        assert [each() is not None for each in alive] == [False] * (len(alive) - 1) + [True]
