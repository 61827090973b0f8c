"""Films whose times begin again, as of DVDs and of recordings that were joined."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from keras_colorize.coloring.colorizer import Colorizer
from keras_colorize.video import film as film_module
from keras_colorize.video.probing import probe
from keras_colorize.video.restarts import starts_again
from keras_colorize.video.survey import Part
from tests.video.films import (
    HEIGHT,
    PHOTOS,
    WIDTH,
    ask,
    color,
    make_film,
    needs_ffmpeg,
    pan,
    planes,
    times,
)

pytestmark = needs_ffmpeg
pytest.importorskip("cv2", reason="films need the extra `video`")

FRAMES = 12  # of each recording: half a second


def record(folder: Path, number: int, offset: float = 0.0, frames: int = FRAMES) -> bytes:
    """A recording with sound, whose times begin at an offset."""
    film = make_film(
        folder / f"{number}.ts",
        pan(PHOTOS[number], frames),
        *("-c:a", "mp2", "-b:a", "64k", "-output_ts_offset", str(offset)),
        before=["-f", "lavfi", "-i", f"sine=duration={frames / 24}:sample_rate=32000"],
        codec=("-c:v", "mpeg2video", "-q:v", "2"),
    )
    return film.read_bytes()


def seconds(film: Path, stream: str) -> list[float]:
    """When the packets of a stream are shown."""
    packets = ask(film, "-select_streams", stream, "-show_packets")["packets"]
    return sorted(float(packet["pts_time"]) for packet in packets)


# The second way, FFmpeg takes it that the times ran over: they are 26 hours ahead.
@pytest.mark.parametrize("offsets", [(0, 0, 0), (200, 100, 0)])
def test_pictures_and_sound_go_on_together(
    offsets: tuple[float, ...], tmp_path: Path, colorizer: Colorizer
) -> None:
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(record(tmp_path, n, offset) for n, offset in enumerate(offsets)))
    told = color(joined, tmp_path / "out", colorizer, codec="ffv1")
    assert told.status == "colorized", told.reason
    assert told.warnings.startswith("its times begin again on the way")
    assert "no usable time" not in told.warnings
    result = tmp_path / "out" / "joined.mkv"
    for stream, packet in ("v", 1 / 24), ("a", 1152 / 32000):
        steps = [later - earlier for earlier, later in pairwise(seconds(result, stream))]
        # A recording's sound ends up to a packet before its pictures or behind them.
        assert min(steps) >= -0.001 and max(steps) < 2 * packet + 0.002
    assert abs(seconds(result, "v")[-1] - seconds(result, "a")[-1]) < 0.15
    gray, is_ = (planes(path, "yuv420p", (WIDTH, HEIGHT)) for path in (joined, result))
    assert len(is_[0]) == 3 * FRAMES
    np.testing.assert_array_equal(is_[0], gray[0])
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["joined.mkv"]


def interrupt(
    count: int, film: Path, out: Path, colorizer: Colorizer, monkeypatch: pytest.MonkeyPatch
) -> list[int]:
    """Color a film until so many parts are done; the frames that these began with."""
    began = []
    render = film_module.render

    def interrupted(part: Part, *arguments: Any) -> None:
        if len(began) == count:
            raise KeyboardInterrupt
        began.append(part.start)
        render(part, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(film_module, "render", interrupted)
        with pytest.raises(KeyboardInterrupt):
            color(film, out, colorizer, codec="ffv1")
    return began


@pytest.mark.parametrize("count", [1, 2])
def test_a_film_with_times_that_cannot_be_used_goes_on(
    count: int, tmp_path: Path, colorizer: Colorizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    early = f"setts=pts=if(eq(N\\,{FRAMES})\\,PTS\\,PTS+27000)"  # the second shot begins 0.3 s back
    film = make_film(
        tmp_path / "film.ts",
        np.concatenate([pan(photo, FRAMES) for photo in PHOTOS[:3]]),
        *("-bsf:v", early),
        codec=("-c:v", "mpeg2video", "-q:v", "2"),
    )
    whole = color(film, tmp_path / "whole", colorizer, codec="ffv1")
    assert "frames had no usable time" in whole.warnings
    out = tmp_path / "parts"
    assert interrupt(count, film, out, colorizer, monkeypatch) == [0, FRAMES][:count]
    assert color(film, out, colorizer, codec="ffv1").status == "colorized"
    one, other = (folder / "film.mkv" for folder in (tmp_path / "whole", out))
    assert times(one) == times(other)
    assert len(times(one)) == 3 * FRAMES
    for a, b in zip(*(planes(path, "yuv420p", (WIDTH, HEIGHT)) for path in (one, other))):
        np.testing.assert_array_equal(a, b)


def test_where_a_place_is_lost_the_film_is_begun_anew(
    tmp_path: Path, colorizer: Colorizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = make_film(tmp_path / "film.mp4", np.concatenate([pan(p, FRAMES) for p in PHOTOS[:2]]))
    out = tmp_path / "out"
    interrupt(1, film, out, colorizer, monkeypatch)
    told = out / ".film.mkv.parts" / "000000.json"
    told.write_text(json.dumps(json.loads(told.read_text()) | {"next_pts": 5}))
    assert color(film, out, colorizer, codec="ffv1").status == "colorized"
    assert len(times(out / "film.mkv")) == 2 * FRAMES


def stamp(seconds: float, mark: int) -> bytes:
    """A time in the header of a packet (ISO/IEC 13818-1, section 2.4.3.7)."""
    ticks = round(90_000 * seconds)
    high, middle, low = ticks >> 30, ticks >> 15 & 0x7FFF, ticks & 0x7FFF
    packed = mark << 36 | high << 33 | 1 << 32 | middle << 17 | 1 << 16 | low << 1 | 1
    return packed.to_bytes(5, "big")


@pytest.mark.parametrize(("count", "again"), [(1, False), (FRAMES // 2, True)])
def test_a_single_time_that_is_elsewhere_is_damage(count: int, again: bool, tmp_path: Path) -> None:
    film = tmp_path / "film.ts"
    parts = record(tmp_path, 0, 100).split(b"\0\0\1\xe0")  # its pictures
    for number in range(3, 3 + count):
        head, body = parts[number][:5], parts[number][15:]
        assert head[3] >> 6 == 3  # it has both times
        at = 50 + number / 24
        parts[number] = head + stamp(at + 1 / 24, 3) + stamp(at, 1) + body
    film.write_bytes(b"\0\0\1\xe0".join(parts))
    assert starts_again(probe(film)) == again
