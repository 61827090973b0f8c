"""The parts of a film's pictures joined, with everything else that the film has."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from keras_colorize.errors import VideoError
from keras_colorize.metadata.provenance import Provenance, add_provenance, find_provenance
from keras_colorize.video.encoding import Codec, color_tags
from keras_colorize.video.ffmpeg import film_url, run_tool
from keras_colorize.video.probing import Film, probe, read_tags

__all__ = ["CONTAINERS", "Piece", "container_for", "find_film_provenance", "join"]

#: Containers that results are written in; the films of others become Matroska, which holds all.
CONTAINERS = frozenset({".mp4", ".m4v", ".mov", ".mkv"})

_MICROSECONDS = 1_000_000
_MP4_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")  # XMP specification part 3, MPEG-4


@dataclass(frozen=True)
class Piece:
    """A part of the pictures, coded.

    Attributes:
        path: of its file, in which times begin with 0.
        start: the time of its first frame, in the film's ticks.
        count: of its frames.
    """

    path: Path
    start: int
    count: int


def container_for(suffix: str, codec: Codec) -> str:
    """The ending of a result's name, for a film of this ending."""
    suffix = suffix.lower()
    if suffix not in CONTAINERS or (codec.lossless and suffix != ".mov"):
        return ".mkv"
    return suffix


def join(
    pieces: Sequence[Piece],
    film: Film,
    codec: Codec,
    provenance: Provenance,
    target: Path,
) -> tuple[str, ...]:
    """Write the film: its new pictures, and its sound, subtitles, chapters and tags as they are.

    Args:
        pieces: all of the pictures, one after the other.
        film: where the rest comes from.
        codec: of the pictures.
        provenance: what the result says of itself.
        target: its file; the ending tells the container.

    Returns:
        What was left out, in words.

    Raises:
        VideoError: it cannot be written.
    """
    listing = pieces[0].path.with_name("pieces.txt")
    listing.write_text(_listing(pieces, film), encoding="utf-8")
    original = film.tags.get("xmp")
    packet = add_provenance(None if original is None else original.encode(), provenance)
    is_mp4 = target.suffix.lower() != ".mkv"
    start = round(pieces[0].start * film.time_base * _MICROSECONDS)
    inputs = ["-y", "-copyts", "-itsoffset", f"{start}us", "-f", "concat", "-safe", "0"]
    inputs += ["-i", film_url(listing), *film.source]
    settings = ["-c", "copy", *color_tags(film.pixels), "-map_metadata", "1", "-map_chapters", "1"]
    settings += ["-metadata", f"comment={_comment(film, provenance)}"]
    for name in ("language", "title", "handler_name", "timecode"):
        if name in film.stream_tags:
            settings += ["-metadata:s:v:0", f"{name}={film.stream_tags[name]}"]
    if is_mp4:
        settings += ["-video_track_timescale", str(film.time_base.denominator)]
        settings += ["-movflags", "+faststart"]
        settings += ["-tag:v:0", "hvc1"] if codec.encoder == "libx265" else []
    else:
        settings += ["-metadata", f"xmp={packet.decode()}"]
    notes: tuple[str, ...] = ()
    streams = [word for index in film.others for word in ("-map", f"1:{index}")]
    try:
        run_tool("ffmpeg", [*inputs, "-map", "0:v:0", *streams, *settings, film_url(target)])
    except VideoError as error:
        if "No space left" in str(error) or not film.others:
            raise
        # Of some kinds the container holds no copy: sound is what is missed most.
        notes = (
            f"subtitles and attachments are left out, the container cannot hold them: {error}",
        )
        streams = ["-map", "1:a?"]
        run_tool("ffmpeg", [*inputs, "-map", "0:v:0", *streams, *settings, film_url(target)])
    if is_mp4:
        with target.open("ab") as file:
            file.write(struct.pack(">I", 24 + len(packet)) + b"uuid" + _MP4_XMP + packet)
    _check(target, sum(piece.count for piece in pieces))
    if "timecode" in film.stream_tags and "timecode" not in probe(target).stream_tags:
        notes += ("timecode is left out, the container cannot hold it at this frame rate",)
    return notes


def find_film_provenance(path: Path) -> Provenance | None:
    """What a film says of this package's work; None where it says nothing of it."""
    try:
        xmp = read_tags(path).get("xmp")
    except VideoError:
        return None
    return None if xmp is None else find_provenance(xmp.encode())


def _listing(pieces: Sequence[Piece], film: Film) -> str:
    """FFmpeg's list of files to be joined; rounded so that errors don't add up."""
    times = [round(piece.start * film.time_base * _MICROSECONDS) for piece in pieces]
    lines = ["ffconcat version 1.0"]
    for number, piece in enumerate(pieces):
        lines.append(f"file {piece.path.name}")
        if number + 1 < len(pieces):
            lines.append(f"duration {times[number + 1] - times[number]}us")
    return "\n".join(lines) + "\n"


def _comment(film: Film, provenance: Provenance) -> str:
    said = film.tags.get("comment", "")
    ours = (
        f"Colors computed from the luminance by {provenance.software}, model {provenance.model} "
        f"(SHA-256 {provenance.model_hash}); original SHA-256 {provenance.input_hash}"
    )
    return f"{said}\n{ours}" if said and ours not in said else ours


def _check(path: Path, count: int) -> None:
    """Make sure that every frame has arrived."""
    shown = ["-select_streams", "v:0", "-count_packets", "-show_entries", "stream=nb_read_packets"]
    there = run_tool("ffprobe", [*shown, "-of", "csv=p=0", film_url(path)]).decode().strip(" ,\n")
    if there != str(count):
        raise VideoError(f"expected {count} frames in the result, found {there}")
