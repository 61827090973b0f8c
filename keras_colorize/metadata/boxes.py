"""The boxes that JPEG 2000 and JPEG XL files consist of, and the metadata in them.

Formats: JPEG 2000 (ITU-T T.800, annex I), JPEG XL (ISO/IEC 18181-2). Which of JPEG 2000's boxes
named by a UUID holds what: XMP specification, part 3 (Adobe); the others as Photoshop writes them.
"""

import contextlib
import struct
from collections.abc import Iterator
from uuid import UUID

from keras_colorize.metadata.reading import Metadata, check_metadata

__all__ = ["boxes", "find_box", "read_boxes"]

_UUIDS = {
    UUID("be7acfcb-97a9-42e8-9c71-999491e3afac").bytes: "XMP",
    b"JpgTiffExif->JP2": "EXIF",
    UUID("33c7a4d2-b81d-4723-a0ba-f1a3e097ad38").bytes: "IPTC",
}
# Boxes that say how the picture is stored, or nothing of it.
_STORAGE = frozenset(
    {b"JXL ", b"jP  ", b"ftyp", b"jp2h", b"jp2c", b"jxlc", b"jxlp", b"jxll", b"jxli", b"jbrd"}
    | {b"free", b"skip", b"rreq", b"jpch", b"jplh"}
)
# Of a box that is unpacked: what nearly all need, and more than any description of a photograph.
_LEAST_BYTES, _MOST_BYTES = 1 << 16, 16 << 20
_INCH = 0.0254  # meters


def boxes(data: bytes, begin: int = 0, end: int | None = None) -> Iterator[tuple[bytes, int, int]]:
    """Kind, begin and end of the content of each box.

    Args:
        data: a file; of one that holds no boxes but a bare picture, there are none.
        begin: of a box that holds boxes, where its content begins.
        end: where it ends.
    """
    end = len(data) if end is None else end
    while begin + 8 <= end and data[begin] != 0xFF:
        size, kind = int.from_bytes(data[begin : begin + 4], "big"), data[begin + 4 : begin + 8]
        head = 8
        if size == 1:
            size, head = int.from_bytes(data[begin + 8 : begin + 16], "big"), 16
        if size == 0:  # to the end
            size = end - begin
        if size < head:
            return
        yield kind, begin + head, min(begin + size, end)
        begin += size


def find_box(data: bytes, *kinds: bytes) -> bytes | None:
    """The content of the first box of a kind, in the first one of the kind before it, and so on."""
    begin, end = 0, len(data)
    for kind in kinds:
        found = next((box for box in boxes(data, begin, end) if box[0] == kind), None)
        if found is None:
            return None
        _, begin, end = found
    return data[begin:end]


def read_boxes(data: bytes) -> Metadata:
    """The metadata of a JPEG 2000 or JPEG XL file.

    EXIF of a JPEG XL may say how to turn it; what its codestream says counts instead.
    """
    found: dict[str, bytes] = {}
    warnings: list[str] = []
    left: dict[str, None] = {}  # a set that keeps the order
    for kind, begin, end in boxes(data):
        if kind in _STORAGE:
            continue
        name, content = _open(kind, data[begin:end])
        if content is None:
            left[name] = None
        elif found.setdefault(name, content) != content:
            warnings.append(f"more than one box of {name}: all but the first left out")
    if left:
        warnings.append(f"left out: boxes called {', '.join(left)}")
    raw = Metadata(
        exif=found.get("EXIF"),
        xmp=found.get("XMP"),
        iptc=found.get("IPTC"),
        dpi=_resolution(data),
    )
    return check_metadata(raw, warnings)


def _open(kind: bytes, content: bytes) -> tuple[str, bytes | None]:
    """What a box holds: "EXIF", "XMP" or "IPTC", and its bytes; or its name, and nothing."""
    if kind == b"brob":
        kind = content[:4]
        unpacked = _unpack(content[4:])
        if unpacked is None:
            return _spelled(kind), None
        content = unpacked
    if kind == b"uuid":
        name = _UUIDS.get(content[:16])
        return (_spelled(kind), None) if name is None else (name, content[16:])
    if kind == b"Exif":  # where it begins comes first
        return "EXIF", content[4 + int.from_bytes(content[:4], "big") :]
    if kind == b"xml " and b"rdf:RDF" in content:
        return "XMP", content
    return _spelled(kind), None


def _unpack(content: bytes) -> bytes | None:
    """What Brotli packed, unless that is damaged, or more than any description has."""
    import imagecodecs

    for size in (_LEAST_BYTES, _MOST_BYTES):
        with contextlib.suppress(imagecodecs.BrotliError):
            return bytes(imagecodecs.brotli_decode(content, out=size))
    return None


def _spelled(kind: bytes) -> str:
    return repr(kind.decode("latin-1"))


def _resolution(data: bytes) -> tuple[float, float] | None:
    """Pixels per inch, of the scanner, or else of the screen (annex I.5.3.7)."""
    for kind in (b"resc", b"resd"):
        content = find_box(data, b"jp2h", b"res ", kind) or b""
        if len(content) >= 10:
            *numbers, down, across = struct.unpack(">4H2b", content[:10])
            if 0 not in numbers:
                # Per meter: fractions, and powers of ten.
                y, x = numbers[0] / numbers[1] * 10.0**down, numbers[2] / numbers[3] * 10.0**across
                return x * _INCH, y * _INCH
    return None
