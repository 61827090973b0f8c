"""The luminance of a film, frame by frame, each with its own time."""

import math
import queue
import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field

import numpy as np

from keras_colorize.coloring.reduction import resize_planes
from keras_colorize.errors import VideoError
from keras_colorize.video.ffmpeg import Tool, frame_timing
from keras_colorize.video.probing import Film
from keras_colorize.video.survey import Seen

__all__ = ["Frame", "LostPlaceError", "Place", "Troubles", "read_luminance", "read_seen"]

_SHOWN = re.compile(r" n: *\d+ pts: *(?P<pts>-?\d+|NOPTS) .* s:(?P<width>\d+)x(?P<height>\d+) ")
_CAPTIONS = re.compile(r"side data - .*closed captions", re.IGNORECASE)
_SEEK_MARGIN = 10.0  # seconds before the wanted frame, in which there is one to start from
_ANSWER = 60.0  # seconds in which FFmpeg tells the time of a frame that it has given out
# From these FFmpeg gives out the luminance as it is.
_PLANAR = re.compile(r"yuvj?4\d\dp|yuva?4\d\dp10le|yuva4\d\dp")
_SCALE_MATRICES = {"bt470bg": "bt470", "bt2020nc": "bt2020"}


@dataclass(frozen=True)
class Frame:
    """A frame.

    Attributes:
        pts: its time in the film's ticks.
        planes: luminance, uint8 or uint16 ``(height, width)``, as it is coded.
    """

    pts: int
    planes: np.ndarray


@dataclass(frozen=True)
class Place:
    """Where to go on in a film.

    Attributes:
        number: of the frame, from 0.
        pts: its time in ticks.
        counted: whether it is found by its number, since times up to it were made up.
    """

    number: int
    pts: int
    counted: bool = False


class LostPlaceError(VideoError):
    """The frame to start from is not where it was."""


@dataclass
class Troubles:
    """What was met while reading.

    Attributes:
        damaged: how often FFmpeg complained.
        reason: its last complaint.
        resized: how many frames were of another size.
        mistimed: how many frames had no time, or one that wasn't after the last.
        captioned: whether closed captions lie within the pictures, which are coded anew without.
    """

    damaged: int = 0
    reason: str = ""
    resized: int = 0
    mistimed: int = 0
    captioned: bool = False

    def describe(self) -> tuple[str, ...]:
        """In words."""
        told = []
        if self.damaged:
            told.append(f"damaged, or cut short: {self.reason}")
        if self.resized:
            told.append(f"{self.resized} frames of another size were scaled to that of the first")
        if self.mistimed:
            told.append(
                f"{self.mistimed} frames had no usable time: they follow the one before, and "
                "sound beside them may be out of time"
            )
        if self.captioned:
            told.append("left out: closed captions, which lie within the pictures")
        return tuple(told)


def read_luminance(film: Film, start: Place, troubles: Troubles) -> Iterator[Frame]:
    """The luminance of every frame, as it is coded.

    Args:
        film: to be read.
        start: the first frame that is wanted.
        troubles: what is met goes there.

    Raises:
        VideoError: FFmpeg cannot read it.
        LostPlaceError: the frame to start from is not there.
    """
    shape = (film.height, film.width)
    dtype = np.dtype(np.uint8 if film.pixels.depth == 8 else "<u2")
    yield from _read(film, _luminance_filters(film), shape, dtype, start, troubles)


def read_seen(film: Film, size: tuple[int, int], start: Place) -> Iterator[Seen]:
    """What the network may see of every frame, and how colored that is; as :func:`read_luminance`.

    Args:
        film: to be read.
        size: height and width of what is seen.
        start: the first frame that is wanted.
    """
    height, width = size
    # Twice the size, of means over areas; the rest is better filtering.
    double = min(2 * height, film.height), min(2 * width, film.width)
    black, span = (0, 255) if film.pixels.full_range else (16, 219)
    for luminance, chroma in _read_small(film, *double, start):
        level = (luminance.astype(np.float32) - black) * np.float32(255.0 / span)
        small = resize_planes(level[None], height, width)[0]
        colored = max(float(plane[::2, ::2].std()) for plane in chroma)
        yield np.rint(np.clip(small, 0.0, 255.0)).astype(np.uint8), colored


def _read_small(
    film: Film, height: int, width: int, start: Place
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Luminance in 8 bits, reduced, and Cb and Cr of half the size, ``(2, h / 2, w / 2)``."""
    scale = f"scale={width}:{height}:flags=area{_conversion(film)}"
    layout = "yuvj420p" if film.pixels.full_range else "yuv420p"
    if film.pixel_format.startswith("gray"):  # FFmpeg takes it for full range, whatever it says
        layout = "yuvj420p"
    half = 2, -(-height // 2), -(-width // 2)
    shape = (height * width + math.prod(half),)
    filters = f"{scale},format={layout}"
    for frame in _read(film, filters, shape, np.dtype(np.uint8), start, Troubles()):
        luminance, chroma = np.split(frame.planes, [height * width])
        yield luminance.reshape(height, width), chroma.reshape(half)


def _luminance_filters(film: Film) -> str:
    scale = f"scale={film.width}:{film.height}{_conversion(film)}"
    bits = "10le" if film.pixels.depth == 10 else ""
    if film.pixel_format.startswith("gray"):
        return f"{scale},format=gray{bits}"
    if _PLANAR.fullmatch(film.pixel_format):
        return f"{scale},format={film.pixel_format},extractplanes=y"
    layout = "yuv444p" if film.is_rgb else "yuv420p"
    return f"{scale},format={layout}{bits},extractplanes=y"


def _conversion(film: Film) -> str:
    if not film.is_rgb:
        return ""
    matrix = _SCALE_MATRICES.get(film.pixels.matrix, film.pixels.matrix)
    return f":out_color_matrix={matrix}:out_range=tv"


@dataclass
class _Clock:
    """What FFmpeg tells of frames while it goes, such as their times.

    Attributes:
        told: of frames that have not come yet.
        captioned: whether a frame had closed captions.
    """

    told: "queue.SimpleQueue[tuple[int | None, int, int]]" = field(
        default_factory=queue.SimpleQueue
    )
    captioned: bool = False

    def hear(self, line: str) -> None:
        self.captioned = self.captioned or _CAPTIONS.search(line) is not None
        shown = _SHOWN.search(line)
        if shown is not None:
            pts = None if shown["pts"] == "NOPTS" else int(shown["pts"])
            self.told.put((pts, int(shown["width"]), int(shown["height"])))


def _read(
    film: Film,
    filters: str,
    shape: tuple[int, ...],
    dtype: np.dtype,
    start: Place,
    troubles: Troubles,
) -> Iterator[Frame]:
    seek: list[str] = []
    if start.number and not start.counted:
        seconds = float(start.pts * film.time_base) - film.start - _SEEK_MARGIN
        seek = ["-noaccurate_seek", "-ss", f"{seconds:.3f}"] if seconds > 0 else []
    frames = _frames(film, filters, seek, shape, dtype, start, troubles)
    if not start.number:
        yield from frames
        return
    first = next(frames, None)
    if seek and (first is None or first.pts != start.pts):  # an index that leads astray
        frames.close()
        frames = _frames(film, filters, [], shape, dtype, start, troubles)
        first = next(frames, None)
    if first is None or first.pts != start.pts:
        raise LostPlaceError(f"frame {start.number} is not where it was")
    yield first
    yield from frames


def _frames(
    film: Film,
    filters: str,
    seek: list[str],
    shape: tuple[int, ...],
    dtype: np.dtype,
    start: Place,
    troubles: Troubles,
) -> Generator[Frame, None, None]:
    clock = _Clock()
    # All behind the first, whatever their times are.
    first = f"gte(n\\,{start.number})" if start.counted else f"gte(pts\\,{start.pts})"
    wanted = f"select=gt(selected_n\\,0)+{first}," if start.number else ""
    arguments = [
        *("-copyts", *seek, *film.source, "-map", f"0:{film.stream}"),
        *("-vf", f"{wanted}showinfo=checksum=0,{filters}", *frame_timing()),
        *("-f", "rawvideo", "pipe:1"),
    ]
    step = max(1, round(1 / (film.rate * film.time_base)))
    last: int | None = None
    with Tool(arguments, on_line=clock.hear) as tool:
        while True:
            planes = np.empty(shape, dtype)
            if not _fill(tool, planes):
                break
            pts, width, height = clock.told.get(timeout=_ANSWER)
            troubles.resized += (width, height) != (film.width, film.height)
            if last is None and start.counted:
                pts = start.pts
            elif pts is None or (last is not None and pts <= last):
                troubles.mistimed += 1
                pts = 0 if last is None else last + step
            last = pts
            yield Frame(pts, planes)
        status = tool.finish()
        troubles.captioned = clock.captioned
        if status or tool.trouble_count:
            troubles.damaged += max(tool.trouble_count, 1)
            troubles.reason = tool.trouble or f"FFmpeg ended with status {status}"
        if last is None and not start.number:
            raise VideoError(f"no frame can be decoded: {tool.trouble or 'it is empty'}")


def _fill(tool: Tool, planes: np.ndarray) -> bool:
    """Read one frame; False at the end."""
    view = planes.data.cast("B")
    have = 0
    while have < len(view):
        count = tool.pipe.readinto(view[have:])  # type: ignore[attr-defined]
        if not count:
            return False
        have += count
    return True
