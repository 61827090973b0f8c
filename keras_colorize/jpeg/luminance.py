"""The luminance of a JPEG by itself: as a gray JPEG, as coefficients, as pixels.

The first two lose nothing: where luminance and chroma are coded in separate scans, the former's
are copied; where they are coded in turns, libjpeg decodes its quantized coefficients, as whole
numbers, and codes them anew: libjpeg-turbo's own library, or that in jpeglib where the former is
missing, with the same result.
"""

import dataclasses
import functools
import io
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import JpegImagePlugin

from keras_colorize.errors import IrreversibleJpegError, PhotoError
from keras_colorize.jpeg.segments import (
    PLAIN_JFIF,
    Component,
    Frame,
    Marker,
    Segment,
    is_frame_header,
    join_jpeg,
    only,
    quantization_tables,
    scan_components,
    select_component,
    split_jpeg,
    without,
)
from keras_colorize.jpeg.turbo import See, find_range, recode_luminance
from keras_colorize.photos.mending import mend
from keras_colorize.photos.pixels import TRUNCATED

__all__ = [
    "is_interleaved",
    "isolate_luminance",
    "read_coefficients",
    "read_luminance",
    "recode_interleaved",
]


# Of Y, as JFIF and Exif have it in a frame.
_IDENTIFIER = 1
# What coefficients hang on, beside the frame header.
_CODED = (Marker.DQT, Marker.DHT, Marker.DRI, Marker.SOS)


def isolate_luminance(
    segments: Sequence[Segment], frame: Frame, recoded: bytes | None = None
) -> list[Segment]:
    """The segments of a gray JPEG with the luminance of a gray or color one.

    Args:
        segments: of the JPEG.
        frame: what :func:`~keras_colorize.jpeg.segments.read_frame` says of them.
        recoded: what :func:`recode_interleaved` gave of them, if it was called.

    Returns:
        Its segments; the component is named 1. Metadata stay, and so does all that belongs to the
        scans of the luminance, if there are separate ones.

    Raises:
        IrreversibleJpegError: if it cannot be done; the message is the reason.
    """
    luminance = frame.components[0]
    marker = frame.marker
    if len(frame.components) == 3:
        slots = {component.table for component in frame.components[1:]} - {luminance.table}
        if is_interleaved(segments, frame):
            segments, marker = _recode_luminance(segments, frame, recoded)
        else:
            segments = _without_chroma_scans(segments, luminance)
        segments = _without_tables(segments, slots)
    gray = Component(_IDENTIFIER, 1, 1, luminance.table)
    header = Frame(marker, frame.width, frame.height, (gray,)).as_segment()
    isolated = []
    for segment in segments:
        if is_frame_header(segment):
            isolated.append(header)
        elif segment.marker == Marker.SOS:
            isolated.append(select_component(segment, _IDENTIFIER))
        else:
            isolated.append(segment)
    return isolated


def is_interleaved(segments: Sequence[Segment], frame: Frame) -> bool:
    """Whether luminance and chroma are coded in turns, in any scan."""
    luminance = frame.components[0].identifier
    scans = [scan_components(segment) for segment in only(segments, Marker.SOS)]
    return any(luminance in scan and scan != (luminance,) for scan in scans)


def recode_interleaved(
    segments: Sequence[Segment], frame: Frame, see: See = find_range
) -> bytes | None:
    """What :func:`~keras_colorize.jpeg.turbo.recode_luminance` gives of a JPEG's segments.

    Raises:
        IrreversibleJpegError: so much is missing that it isn't worth trying.
    """
    return recode_luminance(_coded_file(segments, frame, PLAIN_JFIF), see)


def read_luminance(jpeg: bytes) -> np.ndarray:
    """Decode a JPEG's luminance alone, with Pillow.

    Args:
        jpeg: gray or YCbCr.

    Returns:
        uint8 ``(H, W)``, in the orientation of the file.

    Raises:
        PhotoError: if it cannot be decoded.
    """
    try:
        image = JpegImagePlugin.JpegImageFile(mend(io.BytesIO(jpeg), "JPEG").file)
        image.draft("L", image.size)
        image.load()
    # Damaged bytes make Pillow raise nearly every exception there is.
    except Exception as error:
        raise PhotoError(f"damaged JPEG data: {error}") from error
    return np.array(image)


def _without_chroma_scans(segments: Sequence[Segment], luminance: Component) -> list[Segment]:
    """Leave out scans without luminance, and the tables and intervals that only they can use."""
    kept = [
        segment
        for segment in segments
        if segment.marker != Marker.SOS or scan_components(segment) == (luminance.identifier,)
    ]
    last = max(index for index, segment in enumerate(kept) if segment.marker == Marker.SOS)
    return [*kept[: last + 1], *without(kept[last + 1 :], Marker.DHT, Marker.DRI)]


def _without_tables(segments: Sequence[Segment], slots: set[int]) -> list[Segment]:
    """Leave out the quantization tables in some slots."""
    kept = []
    for segment in segments:
        if segment.marker == Marker.DQT:
            tables = [table for slot, table in quantization_tables(segment) if slot not in slots]
            if not tables:
                continue
            segment = dataclasses.replace(segment, payload=b"".join(tables))
        kept.append(segment)
    return kept


def _recode_luminance(
    segments: Sequence[Segment], frame: Frame, recoded_file: bytes | None
) -> tuple[list[Segment], int]:
    """Code the luminance of a color JPEG by itself, in one sequential scan, without any loss.

    Returns:
        The segments with that scan in the place of all others, and the marker of its process.
    """
    luminance = frame.components[0]
    first = next(index for index, segment in enumerate(segments) if segment.marker == Marker.SOS)
    before, after = segments[:first], segments[first:]
    if any(
        slot == luminance.table
        for segment in only(after, Marker.DQT)
        for slot, _ in quantization_tables(segment)
    ):
        raise IrreversibleJpegError("its quantization tables change between scans")
    if recoded_file is None:
        recoded_file = recode_interleaved(segments, frame)
    if recoded_file is None:
        coefficients, _ = read_coefficients(segments, frame)
        recoded_file = _write_coefficients(coefficients, frame)
    coded = split_jpeg(recoded_file).segments
    recoded = [
        *without(before, Marker.DHT, Marker.DRI),
        *only(coded, Marker.DHT, Marker.SOS),
        *without(after, Marker.DHT, Marker.DRI, Marker.SOS),
    ]
    # Baseline allows tables of 8 bits only (T.81, table B.4).
    extended = any(
        table[0] >> 4
        for segment in only(segments, Marker.DQT)
        for _, table in quantization_tables(segment)
    )
    return recoded, Marker.SOF1 if extended else Marker.SOF0


def read_coefficients(segments: Sequence[Segment], frame: Frame) -> tuple[np.ndarray, np.ndarray]:
    """The quantized DCT coefficients of a JPEG's luminance, read by libjpeg.

    Returns:
        int16 ``(ceil(H / 8), ceil(W / 8), 8, 8)``, vertical frequency before horizontal; and the
        quantization table that they are to be multiplied by, uint16 ``(8, 8)``.

    Raises:
        IrreversibleJpegError: if they cannot be had; the message is the reason.
    """
    content = _coded_file(segments, frame)
    _check_tables(segments, frame)
    rows, columns = -(-frame.height // 8), -(-frame.width // 8)
    jpeglib = _import_jpeglib()
    reader = jpeglib.DCTJPEG(
        path=None,
        content=content,
        height=frame.height,
        width=frame.width,
        block_dims=np.array([[rows, columns]]),
        samp_factor=np.array([[1, 1]]),
        jpeg_color_space=jpeglib.Colorspace.JCS_GRAYSCALE,  # the first component is all it reads
        num_scans=1,
        progressive_mode=None,
        **dict.fromkeys(("quant_tbl_no", "markers", "huffmans", "Y", "Cb", "Cr", "K", "qt")),
    )
    try:
        coefficients, _, _ = reader.load()
    except OSError as error:
        raise IrreversibleJpegError(f"its coefficients cannot be read: {error}") from error
    return coefficients, reader.get_component_qt(0)


def _coded_file(segments: Sequence[Segment], frame: Frame, *leading: Segment) -> bytes:
    """A file of some segments and of all that the coefficients hang on."""
    content = join_jpeg([*leading, frame.as_segment(), *only(segments, *_CODED)])
    # A block takes a bit at least, in whatever process.
    if -(-frame.height // 8) * -(-frame.width // 8) > 8 * len(content):
        raise IrreversibleJpegError(TRUNCATED)
    return content


def _check_tables(segments: Sequence[Segment], frame: Frame) -> None:
    """Have Pillow's libjpeg refuse the tables and scan headers that jpeglib's would refuse.

    They are those of a picture of one pixel here. A refusal by jpeglib itself would print to the
    standard output and leave a temporary file behind.
    """
    pixel = dataclasses.replace(frame, width=1, height=1)
    probe = [
        dataclasses.replace(segment, data=b"\0") if segment.marker == Marker.SOS else segment
        for segment in only(segments, *_CODED)
    ]
    try:
        read_luminance(join_jpeg([pixel.as_segment(), *probe]))
    except PhotoError as error:
        raise IrreversibleJpegError(str(error)) from error


def _write_coefficients(coefficients: np.ndarray, frame: Frame) -> bytes:
    """A gray JPEG of coefficients, baseline, its quantization table without meaning."""
    # What 8-bit samples can come to (T.81, section A.3.3); libjpeg would refuse more.
    if coefficients.min() < -1024 or coefficients.max() > 1023:
        raise IrreversibleJpegError("damaged JPEG: coefficients out of range")
    writer = _import_jpeglib().from_dct(coefficients, qt=np.ones((1, 8, 8), np.uint16))
    writer.height, writer.width = frame.height, frame.width
    with tempfile.NamedTemporaryFile(suffix=".jpg") as file:
        try:
            writer.write_dct(file.name)
        except OSError as error:
            raise IrreversibleJpegError(f"its luminance cannot be coded: {error}") from error
        return Path(file.name).read_bytes()


@functools.cache
def _import_jpeglib() -> Any:
    import jpeglib

    # It brings many versions of libjpeg and begins with 6b, which codes three times as slowly.
    jpeglib.version.set("turbo210")
    return jpeglib
