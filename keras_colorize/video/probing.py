"""What a film is: size, time, pixels and everything that lies beside the pictures."""

import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from keras_colorize.color import VIDEO_WEIGHTS
from keras_colorize.errors import VideoError
from keras_colorize.video.ffmpeg import film_url, run_tool

__all__ = ["Film", "Pixels", "probe", "read_tags"]

_HIGH_DEFINITION = 720  # rows from which untagged film is taken for BT.709, as players do
_LINES_625 = 576


@dataclass(frozen=True)
class Pixels:
    """How pixels are coded, of a source or of a result.

    Attributes:
        depth: bits, 8 or 10.
        full_range: black is 0 and white the highest number; otherwise 16 and 235 of 8 bits.
        matrix: of luminance and chroma, one of :data:`~keras_colorize.color.VIDEO_WEIGHTS`.
        primaries: as FFmpeg calls them.
        transfer: likewise.
    """

    depth: int
    full_range: bool
    matrix: str
    primaries: str
    transfer: str

    @property
    def black(self) -> int:
        """The level of black."""
        return 0 if self.full_range else 16 << (self.depth - 8)

    @property
    def span(self) -> int:
        """What white is above black."""
        return (1 << self.depth) - 1 if self.full_range else 219 << (self.depth - 8)

    @property
    def chroma_span(self) -> int:
        """What a chroma of 1 is above gray."""
        return (1 << self.depth) - 1 if self.full_range else 224 << (self.depth - 8)


@dataclass(frozen=True)
class Film:
    """What a film is.

    Attributes:
        path: its file, or the folder or pattern of its frames.
        source: FFmpeg's arguments that open it.
        container: its kind, as FFmpeg calls it.
        stream: the index of its pictures among all streams.
        width: in pixels, upright.
        height: in pixels, upright.
        aspect: of a pixel, width to height.
        time_base: seconds that a tick of its timestamps has.
        rate: frames a second, on average.
        start: of the file, in seconds.
        frame_count: as far as the container tells or its length lets it be known.
        pixel_format: as FFmpeg calls it.
        bits: of its luminance, or of red, green and blue; 32 of floating point.
        pixels: how its luminance is coded.
        field_order: ``progressive``, or which field comes first: ``tt``, ``bb``, ``tb``, ``bt``.
        rotation: degrees by which the container has it turned for showing.
        others: indices of the streams beside it that go along: sound, subtitles, fonts, covers.
        left_out: what cannot go along, in words.
        tags: of the whole file, by names in lower case.
        stream_tags: of the pictures, likewise.
    """

    path: Path
    source: tuple[str, ...]
    container: str
    stream: int
    width: int
    height: int
    aspect: Fraction
    time_base: Fraction
    rate: Fraction
    start: float
    frame_count: int | None
    pixel_format: str
    bits: int
    pixels: Pixels
    field_order: str
    rotation: int
    others: tuple[int, ...]
    left_out: tuple[str, ...]
    tags: Mapping[str, str]
    stream_tags: Mapping[str, str]

    @property
    def is_rgb(self) -> bool:
        """Whether its pixels have no luminance of their own."""
        return _is_rgb(self.pixel_format)

    @property
    def interlaced(self) -> bool:
        """Whether its frames are woven of two fields."""
        return self.field_order in ("tt", "bb", "tb", "bt")


def probe(path: Path, source: tuple[str, ...] | None = None) -> Film:
    """Find out what a film is.

    Args:
        path: its file, or the folder or pattern of its frames.
        source: FFmpeg's arguments that open it; ``None``: those of a file.

    Raises:
        VideoError: it is no film, or has no pictures.
        ConfigError: FFmpeg is not installed.
    """
    source = source or ("-i", film_url(path))
    try:
        found = _ask(source)
    except VideoError as error:
        raise VideoError(f"not readable as a film: {error}") from error
    streams = found.get("streams", [])
    pictures = [s for s in streams if s.get("codec_type") == "video" and not _is_cover(s)]
    if not pictures:
        kinds = ", ".join(sorted({s.get("codec_type", "unknown") for s in streams})) or "nothing"
        raise VideoError(f"it has no pictures: expected a video stream, found {kinds}")
    main = max(pictures, key=lambda s: s.get("disposition", {}).get("default", 0))
    if not main.get("width") or not main.get("height"):
        raise VideoError("its pictures cannot be decoded: FFmpeg finds no size for them")
    others, left_out = _others(streams, main)
    rotation = _rotation(main)
    width, height = main["width"], main["height"]
    aspect = _fraction(main.get("sample_aspect_ratio", "1:1").replace(":", "/")) or Fraction(1)
    if rotation % 180 == 90:
        width, height, aspect = height, width, 1 / aspect
    rate = _fraction(main.get("avg_frame_rate")) or _fraction(main.get("r_frame_rate"))
    rate = rate or Fraction(25)
    return Film(
        path=path,
        source=source,
        container=found.get("format", {}).get("format_name", ""),
        stream=main["index"],
        width=width,
        height=height,
        aspect=aspect,
        time_base=Fraction(main["time_base"]),
        rate=rate,
        start=float(found.get("format", {}).get("start_time") or 0.0),
        frame_count=_count(main, found.get("format", {}), rate),
        pixel_format=main.get("pix_fmt", ""),
        bits=_bits(main.get("pix_fmt", "")),
        pixels=_pixels(main, min(width, height)),
        field_order=main.get("field_order", "progressive"),
        rotation=rotation,
        others=others,
        left_out=left_out,
        tags=_tags(found.get("format", {})),
        stream_tags=_tags(main),
    )


def read_tags(path: Path) -> dict[str, str]:
    """The tags of a whole file, by names in lower case; XMP, where there is some, as ``xmp``.

    Raises:
        VideoError: it is no film.
    """
    return _tags(_ask(("-i", film_url(path))).get("format", {}))


def _tags(part: Mapping[str, Any]) -> dict[str, str]:
    return {name.lower(): value for name, value in part.get("tags", {}).items()}


def _ask(source: tuple[str, ...]) -> dict[str, Any]:
    shown = ["-show_streams", "-show_format", "-of", "json"]
    try:
        # XMP in files that may hold some; other readers don't know the option.
        return json.loads(run_tool("ffprobe", ["-export_xmp", "1", *shown, *source]))
    except VideoError:
        return json.loads(run_tool("ffprobe", [*shown, *source]))


def _is_cover(stream: Mapping[str, Any]) -> bool:
    return bool(stream.get("disposition", {}).get("attached_pic"))


def _others(streams: list[dict[str, Any]], main: Any) -> tuple[tuple[int, ...], tuple[str, ...]]:
    kept, left_out = [], []
    for stream in streams:
        kind = stream.get("codec_type", "unknown")
        if stream is main:
            continue
        if kind in ("audio", "subtitle", "attachment") or _is_cover(stream):
            kept.append(stream["index"])
        elif kind == "video":
            left_out.append(f"a second picture track (stream {stream['index']})")
        elif not ("timecode" in _tags(main) and stream.get("codec_tag_string") == "tmcd"):
            # A track of timecode is written anew from the tag of the pictures.
            left_out.append(f"{kind} of stream {stream['index']}")
    return tuple(kept), tuple(left_out)


def _is_rgb(pixel_format: str) -> bool:
    return not re.match("yuv|yuy|uyv|yvy|nv|p[024]|gray|ya|y2|vuy|ayuv", pixel_format)


def _bits(pixel_format: str) -> int:
    """The most bits that a component of a pixel format has; 8 of one that there is not."""
    return _pixel_formats().get(pixel_format, 8)


@functools.cache
def _pixel_formats() -> dict[str, int]:
    told = json.loads(run_tool("ffprobe", ["-show_pixel_formats", "-of", "json"]))
    return {
        # A Bayer pixel has one component, whose bits FFmpeg shares out among three.
        each["name"]: (sum if each["name"].startswith("bayer") else max)(
            part["bit_depth"] for part in each["components"]
        )
        for each in told["pixel_formats"]
        if each.get("components")
    }


def _rotation(stream: Mapping[str, Any]) -> int:
    for entry in stream.get("side_data_list", []):
        if "rotation" in entry:
            return round(float(entry["rotation"])) % 360
    return 0


def _pixels(stream: Mapping[str, Any], lines: int) -> Pixels:
    format_ = stream.get("pix_fmt", "")
    known: dict[str, str] = {
        name: stream[name]
        for name in ("color_space", "color_primaries", "color_transfer")
        if stream.get(name) not in (None, "unknown", "reserved")
    }
    # Anamorphic or not, standard definition has at most 576 lines.
    guess = "bt709" if lines >= _HIGH_DEFINITION else "smpte170m"
    if lines == _LINES_625:
        guess = "bt470bg"
    matrix = known.get("color_space", guess)
    matrix = matrix if matrix in VIDEO_WEIGHTS else guess
    plain = {"smpte170m": "smpte170m", "bt470bg": "bt470bg", "bt709": "bt709", "bt2020nc": "bt2020"}
    curve = {"smpte170m": "smpte170m", "bt470bg": "smpte170m", "bt709": "bt709"}
    full = stream.get("color_range") == "pc" or format_.startswith("yuvj")
    if format_.startswith("gray") and stream.get("color_range") is None:
        full = True  # as FFmpeg itself takes it
    if _is_rgb(format_):
        full = False  # its luminance is computed in the usual range
    return Pixels(
        depth=10 if _bits(format_) > 8 else 8,
        full_range=full,
        matrix=matrix,
        primaries=known.get("color_primaries", plain[matrix]),
        transfer=known.get("color_transfer", curve.get(matrix, "bt709")),
    )


def _count(stream: Mapping[str, Any], format_: Mapping[str, Any], rate: Fraction) -> int | None:
    if str(stream.get("nb_frames", "")).isdigit():
        return int(stream["nb_frames"]) or None
    seconds = stream.get("duration") or format_.get("duration")
    return None if seconds is None else round(float(seconds) * rate) or None


def _fraction(text: str | None) -> Fraction | None:
    try:
        value = Fraction(text or "0")
    except (ValueError, ZeroDivisionError):
        return None
    return value if value > 0 else None
