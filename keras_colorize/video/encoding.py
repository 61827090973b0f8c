"""Frames given to FFmpeg's encoders, each with its own time.

A pipe of raw frames has no times. So they go to FFmpeg inside Matroska (RFC 9559), a container that
is simple to write: a header, and for each frame a cluster with its time in nanoseconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from keras_colorize.errors import ConfigError, VideoError
from keras_colorize.video.ffmpeg import Tool, encoders, film_url, frame_timing
from keras_colorize.video.probing import Film, Pixels

__all__ = ["CODECS", "Codec", "Encoder", "choose_codec", "chroma_step", "encoder_settings"]

_NANOSECONDS = 1_000_000_000
_UNKNOWN_SIZE = bytes.fromhex("01ffffffffffffff")
# What Matroska calls raw pixels, by bits and by whether there is chroma for every pixel.
_FOURCC = {(8, 2): b"I420", (10, 2): b"Y3\x0b\x0a", (8, 1): b"444P", (10, 1): b"Y3\x00\x0a"}


@dataclass(frozen=True)
class Codec:
    """A way to code pictures.

    Attributes:
        title: as the report calls it.
        encoder: FFmpeg's.
        options: of it. No frame refers to a later one, so that parts can be joined exactly.
        lossless: whether every pixel stays as it is given.
        quality: the option that takes ``crf``; None where there is none.
    """

    title: str
    encoder: str
    options: tuple[str, ...]
    lossless: bool = False
    quality: str | None = "-crf"


CODECS = {
    "h264": Codec("H.264", "libx264", ("-preset", "medium", "-bf", "0")),
    "h265": Codec(
        "H.265", "libx265", ("-preset", "medium", "-x265-params", "bframes=0:log-level=error")
    ),
    "ffv1": Codec("FFV1", "ffv1", ("-level", "3", "-g", "1", "-slicecrc", "1"), True, None),
}


def choose_codec(name: str) -> Codec:
    """A codec by its name.

    Raises:
        ConfigError: FFmpeg is built without it.
    """
    codec = CODECS[name]
    if codec.encoder not in encoders():
        there = [other for other, c in CODECS.items() if c.encoder in encoders()]
        raise ConfigError(
            f"this FFmpeg has no {codec.encoder}: choose another --video_codec "
            f"({', '.join(there) or 'none is there'}), or install an FFmpeg that has it"
        )
    return codec


def chroma_step(film: Film) -> int:
    """Pixels that share a chroma, across and down: 2, or 1 where the size is odd."""
    rows = 4 if film.interlaced else 2
    return 1 if film.width % 2 or film.height % rows else 2


def encoder_settings(film: Film, codec: Codec, crf: int) -> list[str]:
    """FFmpeg's arguments for coding a film's pictures, but for the file that they go to."""
    given = ":".join(f"{name}={value}" for name, value in _tags(film.pixels).items())
    first = {"tt": "tff", "tb": "tff", "bb": "bff", "bt": "bff"}.get(film.field_order)
    filters = [f"setparams={given}:field_mode={first or 'prog'}"]
    filters.append(f"setsar={film.aspect.numerator}/{film.aspect.denominator}")
    settings = ["-vf", ",".join(filters), *frame_timing()]
    settings += ["-enc_time_base", f"{film.time_base.numerator}/{film.time_base.denominator}"]
    settings += ["-c:v", codec.encoder, *codec.options]
    if codec.quality is not None:
        settings += [codec.quality, str(crf)]
    settings += color_tags(film.pixels)
    if first is not None:
        settings += ["-flags", "+ildct+ilme"]
    return settings


def color_tags(pixels: Pixels) -> list[str]:
    """FFmpeg's arguments that have a stream say how its colors are coded."""
    tags = _tags(pixels)
    settings = ["-color_range", tags.pop("range")]
    return settings + [word for name, value in tags.items() for word in (f"-{name}", value)]


def _tags(pixels: Pixels) -> dict[str, str]:
    return {
        "range": "pc" if pixels.full_range else "tv",
        "colorspace": pixels.matrix,
        "color_primaries": pixels.primaries,
        "color_trc": pixels.transfer,
    }


class Encoder:
    """Codes frames into one file of FFmpeg's own container, which keeps times as they are.

    Args:
        path: the file.
        film: what it is of.
        settings: of :func:`encoder_settings`.
        start: the time that counts as 0, in ticks.
    """

    def __init__(self, path: Path, film: Film, settings: Sequence[str], start: int) -> None:
        self._film, self._start = film, start
        self._tool = Tool(
            ["-y", "-copyts", "-f", "matroska", "-i", "pipe:0", *settings, "-f", "nut",
             film_url(path)],
            feeds=True,
        )  # fmt: skip
        fourcc = _FOURCC[film.pixels.depth, chroma_step(film)]
        self._write(_header(film.width, film.height, fourcc, film.rate))

    def add(self, pts: int, planes: Sequence[np.ndarray]) -> None:
        """Code a frame: luminance, Cb and Cr, in contiguous arrays.

        Raises:
            VideoError: FFmpeg has given up, as on a full disk.
        """
        size = sum(plane.nbytes for plane in planes)
        time = round((pts - self._start) * self._film.time_base * _NANOSECONDS)
        self._write(_frame_header(time, size))
        for plane in planes:
            self._write(plane.data.cast("B"))

    def _write(self, data: bytes | memoryview) -> None:
        try:
            self._tool.pipe.write(data)
        except OSError as error:
            self._tool.finish()
            raise VideoError(f"cannot write: {self._tool.trouble or error}") from error

    def finish(self) -> None:
        """Complete the file.

        Raises:
            VideoError: FFmpeg failed.
        """
        status = self._tool.finish()
        if status:
            raise VideoError(f"cannot write: {self._tool.trouble or f'status {status}'}")

    def kill(self) -> None:
        """Give it up."""
        self._tool.kill()


def _header(width: int, height: int, fourcc: bytes, rate: Fraction) -> bytes:
    ebml = _element(
        "1a45dfa3",
        _number("4286", 1) + _number("42f7", 1) + _number("42f2", 4) + _number("42f3", 8),
        _element("4282", b"matroska") + _number("4287", 4) + _number("4285", 2),
    )
    info = _element("1549a966", _number("2ad7b1", 1))  # times are in nanoseconds
    video = _element("e0", _number("b0", width) + _number("ba", height), _element("2eb524", fourcc))
    track = _number("d7", 1) + _number("73c5", 1) + _number("83", 1) + _number("9c", 0)
    track += _number("23e383", round(_NANOSECONDS / rate)) + _element("86", b"V_UNCOMPRESSED")
    tracks = _element("1654ae6b", _element("ae", track, video))
    return ebml + bytes.fromhex("18538067") + _UNKNOWN_SIZE + info + tracks


def _frame_header(time: int, size: int) -> bytes:
    """A cluster up to the frame's bytes: its time, and a block of track 1, a key frame."""
    stamp = _number("e7", time)
    block = bytes.fromhex("a3") + _size(4 + size) + bytes.fromhex("81000080")
    return bytes.fromhex("1f43b675") + _size(len(stamp) + len(block) + size) + stamp + block


def _element(identifier: str, *content: bytes) -> bytes:
    joined = b"".join(content)
    return bytes.fromhex(identifier) + _size(len(joined)) + joined


def _number(identifier: str, value: int) -> bytes:
    return _element(identifier, value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big"))


def _size(value: int) -> bytes:
    """A length as EBML has it (RFC 8794, section 4), always in eight bytes."""
    return (value | 1 << 56).to_bytes(8, "big")
