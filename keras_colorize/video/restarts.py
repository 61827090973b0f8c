"""Films whose times begin again on the way, as DVDs and joined recordings do: set right in a copy.

Pictures without usable times could follow one another by themselves, but nothing would tell when
the sound beside them is heard. FFmpeg sets right the times of all streams at once where it copies
a film, so such a film is read from a copy of it.
"""

import dataclasses
from collections.abc import Iterable
from pathlib import Path

from keras_colorize.errors import VideoError
from keras_colorize.files import atomic_path
from keras_colorize.video.ffmpeg import film_url, run_tool
from keras_colorize.video.probing import Film, probe

__all__ = ["set_right", "starts_again"]

_MAY_START_AGAIN = frozenset({"mpeg", "mpegts"})  # containers whose times nothing orders
_BACK = 0.1  # seconds that decoding times may go back, as for FFmpeg itself
# Seconds they may be ahead: a gap is one, but where the times of MPEG begin again before the first,
# FFmpeg takes it that they ran over, which they do after 26 hours.
_AHEAD = 3600.0


def starts_again(film: Film) -> bool:
    """Whether the times of a film's pictures begin again; reads all of a film that may be so.

    Raises:
        VideoError: it cannot be read.
    """
    if film.container not in _MAY_START_AGAIN:
        return False
    shown = ["-select_streams", str(film.stream), "-show_entries", "packet=dts_time"]
    told = run_tool("ffprobe", [*shown, "-of", "csv=p=0", *film.source]).decode()
    words = (line.strip(" ,") for line in told.splitlines())
    return _leaps(float(word) for word in words if word not in ("", "N/A"))


def set_right(film: Film, path: Path) -> Film:
    """A film in a copy whose times go on where they began again.

    Args:
        film: whose times do.
        path: of the copy, which is Matroska; one that is there already is taken.

    Returns:
        The film as before, but for its times, where it is read from, and what cannot be copied.

    Raises:
        VideoError: it cannot be copied.
    """
    if not path.exists():
        with atomic_path(path) as temporary:
            _copy(film, temporary)
    copy = probe(path)
    lost = len(film.others) - len(copy.others)
    return dataclasses.replace(
        film,
        source=copy.source,
        container=copy.container,
        stream=copy.stream,
        others=copy.others,
        time_base=copy.time_base,
        start=copy.start,
        frame_count=copy.frame_count,
        left_out=film.left_out + ((f"{lost} streams that Matroska cannot hold",) if lost else ()),
    )


def _copy(film: Film, target: Path) -> None:
    everything = [word for index in film.others for word in ("-map", f"0:{index}")]
    error = None
    for others in (everything, ["-map", "0:a?"]):  # some subtitles have no place in Matroska
        arguments = ["-y", "-fflags", "+genpts", "-dts_delta_threshold", str(_AHEAD), *film.source]
        arguments += ["-map", f"0:{film.stream}", *others, "-c", "copy", film_url(target)]
        try:
            run_tool("ffmpeg", arguments)
            return
        except VideoError as failure:
            error = error or failure
    raise VideoError(f"no copy can be made: {error}") from error


def _leaps(times: Iterable[float]) -> bool:
    """Whether times leap and stay there; a single one that is elsewhere is damage."""
    last: float | None = None
    away = False
    for time in times:
        leaps = last is not None and not -_BACK <= time - last <= _AHEAD
        if leaps and away:
            return True
        away = leaps
        if not leaps:
            last = time
    return False
