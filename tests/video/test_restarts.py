"""Films whose times begin again, as of DVDs and of recordings that were joined."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from keras_colorize.coloring.colorizer import Colorizer
from keras_colorize.video.probing import probe
from keras_colorize.video.restarts import starts_again
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


def test_a_single_time_that_is_elsewhere_is_damage(tmp_path: Path) -> None:
    film = tmp_path / "film.ts"
    film.write_bytes(record(tmp_path, 0, 100) + record(tmp_path, 1, 101))
    assert not starts_again(probe(film))
    film.write_bytes(
        record(tmp_path, 0, 100) + record(tmp_path, 1, 50, frames=1) + record(tmp_path, 2, 101)
    )
    assert not starts_again(probe(film))
    film.write_bytes(record(tmp_path, 0, 101) + record(tmp_path, 1, 100))
    assert starts_again(probe(film))
