"""Color added to a JPEG without touching its luminance: nothing of that is decoded or encoded.

A frame may be coded in several scans of one component each (ITU-T T.81, sections 4.8.1 and A.2).
So the entropy-coded data of a gray JPEG can be one of three components as they are: scans of Cb
and Cr follow them, a frame header of three components precedes them. Taking those scans away gives
back the gray JPEG. In a color JPEG, luminance and chroma are mostly coded in turns; its luminance
is first coded by itself, coefficient by coefficient and with its own quantization table, which
loses nothing either.

Which blocks a scan of one component has depends on that component's size alone, not on how many
blocks an interleaved scan would pad it to (A.2.2): ceil(ceil(X H / Hmax) / 8) across. For the
luminance H = Hmax, as in a gray JPEG, whatever sampling factors that one names.
"""

import dataclasses
import functools
import io
import os
from collections.abc import Sequence
from typing import BinaryIO

import numpy as np
from PIL import Image, JpegImagePlugin

from keras_colorize.errors import IrreversibleJpegError
from keras_colorize.jpeg.luminance import isolate_luminance
from keras_colorize.jpeg.metadata import (
    declare_ycbcr,
    drop_exif,
    drop_thumbnails,
    relocate_pictures,
    replace_density,
    replace_exif,
    replace_xmp,
)
from keras_colorize.jpeg.segments import (
    Component,
    Frame,
    Marker,
    Segment,
    is_frame_header,
    join_jpeg,
    only,
    quantization_tables,
    read_frame,
    select_component,
    split_jpeg,
)

__all__ = ["add_chroma_planes", "drop_chroma"]

# Y, Cb and Cr, as JFIF and Exif name them in a frame.
_IDENTIFIERS = (1, 2, 3)


def add_chroma_planes(
    jpeg: bytes,
    cb: np.ndarray,
    cr: np.ndarray,
    *,
    quality: int,
    exif: bytes | None = None,
    xmp: bytes | None = None,
    dpi: tuple[float, float] | None = None,
    recoded: bytes | None = None,
) -> bytes:
    """Make a color JPEG of a JPEG's luminance, bit for bit, and two planes of chroma.

    Segments of metadata and comments stay as they are and in order, and so does what follows the
    picture (further pictures, a film). The exceptions: Adobe's segment comes to say YCbCr, the
    offsets of the Multi-Picture Format are corrected, thumbnails of JFIF and Photoshop, which would
    be gray, are left out, and a JFIF segment is added to a file that has neither that nor Exif.
    Chroma of a color JPEG is replaced. The result is progressive if the scans of the luminance that
    were copied are.

    Args:
        jpeg: gray or YCbCr; 8 bits, Huffman coding, sequential or progressive.
        cb: uint8, 128 is gray (T.871, section 7), in the orientation in which the file stores its
            pixels, whatever Exif says of it. ``(H, W)`` makes a JPEG of 4:4:4 and
            ``(ceil(H / 2), ceil(W / 2))`` one of 4:2:0, each value for the mean of four pixels.
        cr: as ``cb``.
        quality: of the chroma, 1 to 100, as libjpeg counts.
        exif: block that replaces the one in the file, or is added; it begins with ``II`` or
            ``MM``. Of no bytes: the file is to have none.
        xmp: packet that replaces what is in the file, or is added.
        dpi: pixels per inch, across and down, that JFIF is made to say where it says otherwise.
        recoded: what :func:`~keras_colorize.jpeg.luminance.recode_interleaved` gave of the file.

    Returns:
        The file. :func:`drop_chroma` undoes it.

    Raises:
        IrreversibleJpegError: if the file doesn't allow it; the message is the reason.
        ValueError: if the planes have another shape or dtype, or ``quality``, ``exif`` or
            ``xmp`` is out of range.
    """
    file = split_jpeg(jpeg)
    frame = read_frame(file.segments)
    factor = _sampling_factor(frame, cb, cr)
    if not 1 <= quality <= 100:
        raise ValueError(f"quality must be 1 to 100. Received: {quality}")
    gray = isolate_luminance(drop_thumbnails(file.segments), frame, recoded)
    if exif == b"":
        gray = drop_exif(gray)
    color = declare_ycbcr(_append_chroma(gray, (cb, cr), factor, quality))
    if exif:
        color = replace_exif(color, exif)
    if xmp is not None:
        color = replace_xmp(color, xmp)
    if dpi is not None:
        color = replace_density(color, dpi)
    return join_jpeg(relocate_pictures(color, file.end), file.trailer)


def drop_chroma(jpeg: bytes) -> bytes:
    """The gray JPEG of a color JPEG's luminance, bit for bit.

    Of a file that :func:`add_chroma_planes` made of a gray one, the result has the same
    entropy-coded data, tables and restart intervals as that. Metadata stay as they are.

    Raises:
        IrreversibleJpegError: if the file doesn't allow it; the message is the reason.
    """
    file = split_jpeg(jpeg)
    frame = read_frame(file.segments)
    if len(frame.components) == 1:
        return bytes(jpeg)
    gray = isolate_luminance(file.segments, frame)
    return join_jpeg(relocate_pictures(gray, file.end), file.trailer)


def _sampling_factor(frame: Frame, cb: np.ndarray, cr: np.ndarray) -> int:
    """How many values of luminance there are for one of chroma, across and down."""
    full = (frame.height, frame.width)
    half = (-(-frame.height // 2), -(-frame.width // 2))
    if cb.dtype != np.uint8 or cr.dtype != np.uint8:
        raise ValueError(f"cb and cr must be uint8. Received: {cb.dtype} and {cr.dtype}")
    if cb.shape != cr.shape or cb.shape not in (full, half):
        raise ValueError(
            f"cb and cr must both be {full} or {half}. Received: {cb.shape} and {cr.shape}"
        )
    return 1 if cb.shape == full else 2


def _append_chroma(
    gray: Sequence[Segment], planes: Sequence[np.ndarray], factor: int, quality: int
) -> list[Segment]:
    """A color JPEG's segments: a gray JPEG's, and scans of Cb and Cr after the last of its own."""
    frame = read_frame(gray)
    taken = {slot for segment in only(gray, Marker.DQT) for slot, _ in quantization_tables(segment)}
    if frame.components[0].table not in taken:
        raise IrreversibleJpegError("damaged JPEG: no quantization table for its luminance")
    slot = next((slot for slot in (1, 2, 3, 0) if slot not in taken), None)
    if slot is None:
        raise IrreversibleJpegError("all four quantization tables are taken")
    progressive = frame.marker == Marker.SOF2
    coded = [_encode_plane(plane, quality, progressive=progressive) for plane in planes]
    table = next(table for _, table in quantization_tables(coded[0][0]))
    luminance = dataclasses.replace(frame.components[0], horizontal=factor, vertical=factor)
    chroma = [Component(identifier, 1, 1, slot) for identifier in _IDENTIFIERS[1:]]
    header = dataclasses.replace(frame, components=(luminance, *chroma)).as_segment()

    color: list[Segment] = []
    for segment in gray:
        if is_frame_header(segment):
            color += Segment(Marker.DQT, bytes((slot,)) + table[1:]), header
        else:
            color.append(segment)
    if only(gray, Marker.DRI):  # the planes have no restart markers
        color.append(Segment(Marker.DRI, b"\0\0"))
    for identifier, (_, *scans) in zip(_IDENTIFIERS[1:], coded, strict=True):
        color += [
            select_component(segment, identifier) if segment.marker == Marker.SOS else segment
            for segment in scans
        ]
    return color


def _encode_plane(plane: np.ndarray, quality: int, *, progressive: bool) -> list[Segment]:
    """A plane of chroma as a gray JPEG: its DQT, then its scans, each behind its DHT."""
    with _scratch_file() as file:
        Image.fromarray(plane).save(
            file, "JPEG", qtables=[_chroma_table(quality)], progressive=progressive
        )
        file.seek(0)
        return only(split_jpeg(file.read()).segments, Marker.DQT, Marker.DHT, Marker.SOS)


def _scratch_file() -> BinaryIO:
    """A file in memory that has a descriptor: Pillow gives up Python's lock to write into those."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("chroma"), "w+b")
    return io.BytesIO()


@functools.cache
def _chroma_table(quality: int) -> list[int]:
    """The quantization table that libjpeg takes for chroma, as Pillow counts its 64 numbers."""
    output = io.BytesIO()
    Image.new("YCbCr", (8, 8)).save(output, "JPEG", quality=quality)
    output.seek(0)
    return JpegImagePlugin.JpegImageFile(output).quantization[1]
