"""A JPEG file taken apart into its segments, and put together again; nothing is decoded.

Names and numbers follow ITU-T Recommendation T.81: section B.1.1 for segments and markers, B.2.2
for the frame header, B.2.3 for the scan header, B.2.4 for tables.

A file that is not what T.81 describes is refused, even where lenient decoders guess: what is copied
without being decoded must be understood.
"""

import dataclasses
import enum
import struct
from collections.abc import Iterable, Iterator

import numpy as np

from keras_colorize.errors import IrreversibleJpegError
from keras_colorize.metadata.pieces import is_frame
from keras_colorize.photos.pixels import TRUNCATED

__all__ = [
    "PLAIN_JFIF",
    "Component",
    "Frame",
    "JpegFile",
    "Marker",
    "Segment",
    "is_frame_header",
    "join_jpeg",
    "only",
    "quantization_tables",
    "read_frame",
    "scan_components",
    "select_component",
    "split_jpeg",
    "without",
]

Buffer = bytes | memoryview


class Marker(enum.IntEnum):
    """Second bytes of the markers that matter here (T.81, table B.1)."""

    SOF0 = 0xC0  # frame header: baseline
    SOF1 = 0xC1  # extended sequential
    SOF2 = 0xC2  # progressive
    DHT = 0xC4  # Huffman tables
    SOI = 0xD8
    EOI = 0xD9
    SOS = 0xDA  # scan header, followed by entropy-coded data
    DQT = 0xDB  # quantization tables
    DRI = 0xDD  # restart interval
    DHP = 0xDE  # hierarchical JPEG
    EXP = 0xDF
    APP0 = 0xE0
    APP1 = 0xE1
    APP2 = 0xE2
    APP13 = 0xED
    APP14 = 0xEE


_WITHOUT_LENGTH = {0x00, 0x01, Marker.SOI, *range(0xD0, 0xD8)}

# In entropy-coded data, FF is followed by 00 or is the beginning of a restart marker; FF FF is
# padding before a marker.
_ENDS_SCAN = np.ones(256, bool)
_ENDS_SCAN[[0x00, *range(0xD0, 0xD8), 0xFF]] = False
_SEARCHED = 1 << 22  # bytes at once

# What libjpeg refuses to read or write (JPEG_MAX_DIMENSION), and with it nearly every program.
_MAX_SIDE = 65500


@dataclasses.dataclass(frozen=True, slots=True)
class Segment:
    """A marker and what belongs to it.

    Attributes:
        marker: second byte of the marker, such as 0xDB of a DQT.
        payload: what follows the length.
        data: of a scan header, the entropy-coded data behind it, restart markers included.
        position: of the payload in the file that the segment was read from.
    """

    marker: int
    payload: bytes
    data: Buffer = b""
    position: int = 0

    def __len__(self) -> int:
        """Bytes that it takes in a file."""
        return 4 + len(self.payload) + len(self.data)


#: An APP0 of JFIF, by which three components are YCbCr (ITU-T T.871, section 10): version 1.01; a
#: ratio of 1:1 without a unit; no thumbnail.
PLAIN_JFIF = Segment(Marker.APP0, b"JFIF\0" + bytes.fromhex("01 01 00 0001 0001 00 00"))


@dataclasses.dataclass(frozen=True, slots=True)
class JpegFile:
    """All of a file: the segments from SOI to EOI, neither of them included, and what follows.

    Attributes:
        segments: in their order.
        end: position behind EOI.
        trailer: what follows EOI: further pictures, a film, anything.
    """

    segments: list[Segment]
    end: int
    trailer: Buffer


@dataclasses.dataclass(frozen=True, slots=True)
class Component:
    """A component of a frame: its identifier, sampling factors and quantization table."""

    identifier: int
    horizontal: int
    vertical: int
    table: int


@dataclasses.dataclass(frozen=True, slots=True)
class Frame:
    """A frame header of 8-bit samples; ``marker`` is its process: SOF0, SOF1 or SOF2."""

    marker: int
    width: int
    height: int
    components: tuple[Component, ...]

    def as_segment(self) -> Segment:
        """The header as it stands in a file."""
        payload = struct.pack(">BHHB", 8, self.height, self.width, len(self.components))
        for component in self.components:
            payload += bytes(
                (
                    component.identifier,
                    component.horizontal << 4 | component.vertical,
                    component.table,
                )
            )
        return Segment(self.marker, payload)


def split_jpeg(jpeg: Buffer) -> JpegFile:
    """Take a file apart. Entropy-coded data and trailer are views, not copies.

    Raises:
        IrreversibleJpegError: if the file is no JPEG, truncated, or damaged.
    """
    view = memoryview(jpeg)
    if bytes(view[:2]) != bytes((0xFF, Marker.SOI)):
        raise IrreversibleJpegError("no JPEG: it does not begin with an SOI marker")
    segments: list[Segment] = []
    ends: np.ndarray | None = None
    position = 2
    while True:
        marker, position = _read_marker(view, position)
        if marker == Marker.EOI:
            return JpegFile(segments, position, view[position:])
        if position + 2 > len(view):
            raise _truncated()
        length = int.from_bytes(view[position : position + 2], "big")
        start, position = position + 2, position + length
        if length < 2:
            raise _damaged(f"a segment FF{marker:02X} of length {length}")
        data: Buffer = b""
        payload = bytes(view[start:position])
        if marker == Marker.SOS:
            ends = _scan_ends(view) if ends is None else ends
            index = np.searchsorted(ends, position)
            if index == len(ends):
                raise _truncated()
            data, position = view[position : ends[index]], int(ends[index])
        if position > len(view):
            raise _truncated()
        segments.append(Segment(marker, payload, data, start))


def _scan_ends(view: memoryview) -> np.ndarray:
    """Where a scan ends if it has begun before: several times as fast as a regular expression."""
    content = np.frombuffer(view, np.uint8)
    ends = []
    for first in range(0, len(content) - 1, _SEARCHED):  # of FF alone, places take eight times that
        part = content[first : min(first + _SEARCHED, len(content) - 1)]
        places = first + np.flatnonzero(part == 0xFF)
        ends.append(places[_ENDS_SCAN[content[places + 1]]])
    return np.concatenate(ends)


def join_jpeg(segments: Iterable[Segment], trailer: Buffer = b"") -> bytes:
    """The file of some segments: SOI, them, EOI, and what follows."""
    parts: list[Buffer] = [bytes((0xFF, Marker.SOI))]
    for segment in segments:
        parts.append(struct.pack(">BBH", 0xFF, segment.marker, 2 + len(segment.payload)))
        parts.append(segment.payload)
        parts.append(segment.data)
    parts += bytes((0xFF, Marker.EOI)), trailer
    return b"".join(parts)


def only(segments: Iterable[Segment], *markers: int) -> list[Segment]:
    """Those with one of some markers."""
    return [segment for segment in segments if segment.marker in markers]


def without(segments: Iterable[Segment], *markers: int) -> list[Segment]:
    """Those with none of some markers."""
    return [segment for segment in segments if segment.marker not in markers]


def is_frame_header(segment: Segment) -> bool:
    """Whether a segment is a frame header, of whatever process."""
    return is_frame(segment.marker)


def read_frame(segments: Iterable[Segment]) -> Frame:
    """The frame header, provided that the luminance's coded data can be had and kept.

    The first of three components is then the luminance, fully sampled, and of a sequential frame
    exactly one scan holds it.

    Raises:
        IrreversibleJpegError: if not; the message is the reason.
    """
    segments = list(segments)
    if only(segments, Marker.DHP, Marker.EXP):
        raise IrreversibleJpegError("hierarchical JPEG, which holds several frames")
    headers = [segment for segment in segments if is_frame_header(segment)]
    if len(headers) != 1:
        raise _damaged(f"{len(headers)} frame headers")
    frame = _parse_frame_header(headers[0])
    _check_components(frame, segments)
    scans = [scan_components(segment) for segment in only(segments, Marker.SOS)]
    known = {component.identifier for component in frame.components}
    if any(not known.issuperset(scan) or len(set(scan)) != len(scan) for scan in scans):
        raise _damaged("a scan of components that the frame lacks")
    count = sum(frame.components[0].identifier in scan for scan in scans)
    if count == 0 or (count > 1 and frame.marker != Marker.SOF2):
        raise _damaged(f"{count} scans of the luminance")
    return frame


def scan_components(scan: Segment) -> tuple[int, ...]:
    """The identifiers of a scan header's components."""
    count = scan.payload[0] if scan.payload else 0
    if not 1 <= count <= 4 or len(scan.payload) != 4 + 2 * count:
        raise _damaged("a scan header of the wrong length")
    return tuple(scan.payload[1 : 1 + 2 * count : 2])


def select_component(scan: Segment, identifier: int) -> Segment:
    """A scan of one component, as a scan of the component of another identifier."""
    payload = scan.payload[:1] + bytes((identifier,)) + scan.payload[2:]
    return dataclasses.replace(scan, payload=payload)


def quantization_tables(segment: Segment) -> Iterator[tuple[int, bytes]]:
    """The tables in a DQT segment.

    Yields:
        The slot, 0 to 3, that a table is put into, and its bytes: precision and slot, then 64
        numbers of 8 or 16 bits in zigzag order.
    """
    payload = segment.payload
    while payload:
        precision, slot = payload[0] >> 4, payload[0] & 0x0F
        size = 1 + 64 * (1 + precision)
        if precision > 1 or slot > 3 or size > len(payload):
            raise _damaged("a bad quantization table")
        yield slot, payload[:size]
        payload = payload[size:]


def _read_marker(view: memoryview, position: int) -> tuple[int, int]:
    """A marker's second byte, and the position behind it."""
    while bytes(view[position : position + 2]) == b"\xff\xff":  # padding
        position += 1
    if position + 2 > len(view):
        raise _truncated()
    if view[position] != 0xFF or view[position + 1] in _WITHOUT_LENGTH:
        raise _damaged(f"no segment begins at byte {position}")
    return view[position + 1], position + 2


def _parse_frame_header(segment: Segment) -> Frame:
    marker, payload = segment.marker, segment.payload
    if marker in (0xC3, 0xC7, 0xCB, 0xCF):
        raise IrreversibleJpegError("lossless JPEG, which has no coefficients")
    if marker > 0xC8:
        raise IrreversibleJpegError("arithmetic coding, which few programs can read")
    if marker > Marker.SOF2:
        raise IrreversibleJpegError("hierarchical JPEG, which holds several frames")
    if len(payload) < 6 or len(payload) != 6 + 3 * payload[5]:
        raise _damaged("a frame header of the wrong length")
    precision, height, width, _ = struct.unpack_from(">BHHB", payload)
    if precision != 8:
        raise IrreversibleJpegError(f"samples of {precision} bits; only 8 can be kept")
    if not (1 <= width <= _MAX_SIDE and 1 <= height <= _MAX_SIDE):
        raise _damaged(f"{width} x {height} pixels")
    components = tuple(
        Component(identifier, factors >> 4, factors & 0x0F, table)
        for identifier, factors, table in struct.iter_unpack("BBB", payload[6:])
    )
    return Frame(marker, width, height, components)


def _check_components(frame: Frame, segments: Iterable[Segment]) -> None:
    components = frame.components
    if len(components) == 4:
        raise IrreversibleJpegError("four components: CMYK or YCCK")
    if len(components) not in (1, 3):
        raise IrreversibleJpegError(f"{len(components)} components instead of 1 or 3")
    if len({component.identifier for component in components}) != len(components):
        raise _damaged("two components of the same name")
    if any(
        not (1 <= factor <= 4)
        for component in components
        for factor in (component.horizontal, component.vertical)
    ):
        raise _damaged("bad sampling factors")
    if len(components) == 1:
        return
    # As Adobe's Technical Note 5116 defines the last byte of APP14: 0 says that no transform, such
    # as that to YCbCr, was applied. Where JFIF contradicts it, decoders disagree.
    if bytes(component.identifier for component in components) == b"RGB" or any(
        segment.marker == Marker.APP14
        and segment.payload[:5] == b"Adobe"
        and segment.payload[11:12] == b"\0"
        for segment in segments
    ):
        raise IrreversibleJpegError("its components are red, green and blue; none is luminance")
    luminance = components[0]
    if any(
        component.horizontal > luminance.horizontal or component.vertical > luminance.vertical
        for component in components
    ):
        raise IrreversibleJpegError("its luminance is sampled more coarsely than its chroma")


def _damaged(what: str) -> IrreversibleJpegError:
    return IrreversibleJpegError(f"damaged JPEG: {what}")


def _truncated() -> IrreversibleJpegError:
    return IrreversibleJpegError(TRUNCATED)
