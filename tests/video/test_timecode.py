"""Timecode, which is a track in QuickTime and a tag elsewhere."""

from pathlib import Path

import pytest

from keras_colorize.coloring.colorizer import Colorizer
from keras_colorize.video.film import FilmOptions, color_film
from keras_colorize.video.tasks import FilmTask
from tests.video.films import PHOTOS, ask, make_film, needs_ffmpeg, pan

pytestmark = needs_ffmpeg
pytest.importorskip("cv2", reason="films need the extra `video`")

CODE = "01:02:03:04"


def color_code(
    source: str, count: int, result: str, folder: Path, colorizer: Colorizer
) -> tuple[str, list[str | None]]:
    """What the report says of a film with timecode, and the timecode of each track."""
    tag = "-timecode" if source == "mov" else "-metadata:s:v:0"
    value = CODE if source == "mov" else f"timecode={CODE}"
    film = make_film(folder / f"film.{source}", pan(PHOTOS[0], count), tag, value)
    options = FilmOptions(codec="ffv1" if result == "mkv" else "h264", show_progress=False)
    record = color_film(FilmTask(film, Path(f"result.{result}")), folder, colorizer, options)
    assert record.status == "colorized"
    tracks = ask(folder / f"result.{result}", "-show_streams")["streams"]
    tags = [{name.lower(): value for name, value in track["tags"].items()} for track in tracks]
    return record.warnings, [each.get("timecode") for each in tags]


@pytest.mark.parametrize(
    ("source", "result", "codes"),
    [("mov", "mov", [CODE, CODE]), ("mov", "mkv", [CODE]), ("mkv", "mkv", [CODE])],
)
def test_timecode_stays(
    source: str, result: str, codes: list[str], tmp_path: Path, colorizer: Colorizer
) -> None:
    assert color_code(source, 12, result, tmp_path, colorizer) == ("", codes)


def test_where_there_is_no_place_for_it_it_is_named(tmp_path: Path, colorizer: Colorizer) -> None:
    # Of so few frames FFmpeg does not know the rate, which QuickTime's track needs.
    warnings, codes = color_code("mov", 2, "mov", tmp_path, colorizer)
    assert ("timecode is left out" in warnings) == (codes == [None])
