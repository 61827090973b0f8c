"""What a JPEG says of itself beside its picture, when that picture changes from gray to color.

Sources: JFIF in ITU-T T.871, section 10; color profiles in ICC.1:2022, section B.4; Adobe's APP14
in its Technical Note 5116, section 18; Photoshop's APP13 in Photoshop File Formats (Adobe), "Image
Resource Blocks", of which 1033 and 1036 are thumbnails; XMP in its specification, part 3, section
1.1.3; several pictures in one file in CIPA DC-007 (Multi-Picture Format), section 5.2.
"""

import dataclasses
import itertools
import struct
from collections.abc import Sequence

from keras_colorize.jpeg.segments import PLAIN_JFIF, Marker, Segment, join_jpeg, split_jpeg
from keras_colorize.metadata.iptc import drop_resources
from keras_colorize.metadata.jpeg_xmp import split_packet
from keras_colorize.metadata.xmp import JPEG_EXTENSION, JPEG_PACKET

__all__ = [
    "declare_ycbcr",
    "drop_exif",
    "drop_profile",
    "drop_thumbnails",
    "relocate_pictures",
    "replace_density",
    "replace_exif",
    "replace_xmp",
]

_JFIF = b"JFIF\0"
_JFIF_THUMBNAIL = b"JFXX\0"
_EXIF = b"Exif\0"
_ADOBE = b"Adobe"
_PROFILE = b"ICC_PROFILE\0"
_MPF = b"MPF\0"
_PHOTOSHOP = b"Photoshop 3.0\0"
_PHOTOSHOP_THUMBNAILS = {1033, 1036}

_MAX_SEGMENT = 65533  # bytes

_MP_ENTRY_TAG = 0xB002
_MP_ENTRY_BYTES = 16


def declare_ycbcr(segments: Sequence[Segment]) -> list[Segment]:
    """Have every decoder take three components, named 1, 2 and 3, for Y, Cb and Cr.

    JFIF and Exif mean YCbCr by definition; where both are missing, a JFIF segment is added. (With
    Exif it isn't: that wants to be first itself.) An APP14 of Adobe, which in a gray JPEG may say
    anything, is made to say YCbCr, since some decoders heed it more than JFIF.
    """
    declared = [
        dataclasses.replace(segment, payload=segment.payload[:11] + b"\1" + segment.payload[12:])
        if _begins(segment, Marker.APP14, _ADOBE) and len(segment.payload) >= 12
        else segment
        for segment in segments
    ]
    if not any(_begins(x, Marker.APP1, _EXIF) or _is_jfif(x) for x in segments):
        declared.insert(0, PLAIN_JFIF)
    return declared


def drop_profile(jpeg: bytes) -> bytes:
    """The file without its color profile.

    Raises:
        IrreversibleJpegError: if it is no JPEG, truncated, or damaged.
    """
    file = split_jpeg(jpeg)
    kept = [segment for segment in file.segments if not _begins(segment, Marker.APP2, _PROFILE)]
    return join_jpeg(relocate_pictures(kept, file.end), file.trailer)


def drop_thumbnails(segments: Sequence[Segment]) -> list[Segment]:
    """The segments without what JFIF and Photoshop hold of a smaller picture, which would be gray.

    The thumbnail of EXIF is part of its block. Resources that cannot be read stay as they are.
    """
    kept = []
    for segment in segments:
        if _begins(segment, Marker.APP0, _JFIF_THUMBNAIL):
            continue
        if _is_jfif(segment):
            segment = dataclasses.replace(segment, payload=segment.payload[:12] + b"\0\0")
        elif _begins(segment, Marker.APP13, _PHOTOSHOP):
            resources = segment.payload[len(_PHOTOSHOP) :]
            payload = _PHOTOSHOP + drop_resources(resources, _PHOTOSHOP_THUMBNAILS)
            segment = dataclasses.replace(segment, payload=payload)
        kept.append(segment)
    return kept


def drop_exif(segments: Sequence[Segment]) -> list[Segment]:
    """The segments without EXIF."""
    return [segment for segment in segments if not _begins(segment, Marker.APP1, _EXIF)]


def replace_density(segments: Sequence[Segment], dpi: tuple[float, float]) -> list[Segment]:
    """Have JFIF say the resolution that EXIF says, where it says another: often it is a default.

    Args:
        segments: of the JPEG.
        dpi: pixels per inch, horizontally and vertically, at most 65535.
    """
    return [
        dataclasses.replace(segment, payload=_with_density(segment.payload, dpi))
        if _is_jfif(segment)
        else segment
        for segment in segments
    ]


def _with_density(payload: bytes, dpi: tuple[float, float]) -> bytes:
    """An APP0 of JFIF that agrees with a resolution (T.871, section 10.1)."""
    unit, *said = struct.unpack_from(">BHH", payload, 7)
    scale = {1: 1.0, 2: 2.54}.get(unit)  # per inch, per cm; otherwise no more than a ratio
    # JFIF knows whole numbers only.
    if scale and all(abs(scale * x - y) <= 0.51 * scale for x, y in zip(said, dpi, strict=True)):
        return payload
    return payload[:7] + struct.pack(">BHH", 1, *map(round, dpi)) + payload[12:]


def replace_exif(segments: Sequence[Segment], block: bytes) -> list[Segment]:
    """Put an EXIF block, which begins with ``II`` or ``MM``, in the place of the one there is.

    Raises:
        ValueError: if the block is longer than a segment.
    """
    limit = _MAX_SEGMENT - len(_EXIF) - 1
    if len(block) > limit:
        raise ValueError(
            f"exif must have at most {limit} bytes, which is what a JPEG segment holds; "
            f"fit_to_format makes it fit. Received: {len(block)} bytes"
        )
    return _replace(segments, (_EXIF,), [Segment(Marker.APP1, _EXIF + b"\0" + block)])


def replace_xmp(segments: Sequence[Segment], packet: bytes) -> list[Segment]:
    """Put an XMP packet in the place of what is there, or behind JFIF and Exif.

    Raises:
        ValueError: if the packet is longer than a segment and cannot be parsed.
    """
    new = [Segment(Marker.APP1, payload) for payload in split_packet(packet)]
    return _replace(segments, (JPEG_PACKET, JPEG_EXTENSION), new)


def relocate_pictures(segments: Sequence[Segment], end: int) -> list[Segment]:
    """Correct the offsets in the Multi-Picture Format for a first picture of another size.

    Args:
        segments: of the first picture, as they are to be written; what follows it in the file is
            kept as it is.
        end: where it ended in the file that the segments were read from.
    """
    growth = 4 + sum(map(len, segments)) - end  # 4: SOI and EOI
    relocated = []
    position = 2
    for segment in segments:
        if _begins(segment, Marker.APP2, _MPF):
            moved = position + 4 - segment.position
            payload = _shift_entries(bytes(segment.payload), growth, growth - moved)
            segment = dataclasses.replace(segment, payload=payload)
        relocated.append(segment)
        position += len(segment)
    return relocated


def _shift_entries(payload: bytes, growth: int, shift: int) -> bytes:
    """An MPF segment whose first picture has grown and whose others have moved.

    What cannot be read, or leaves the range of its field, is left as it is.
    """
    index = bytearray(payload[len(_MPF) :])  # its offsets are relative to this
    order = "<" if index[:2] == b"II" else ">"
    try:
        (directory,) = struct.unpack_from(f"{order}I", index, 4)
        (fields,) = struct.unpack_from(f"{order}H", index, directory)
        for field in range(fields):
            tag, _, size, entries = struct.unpack_from(
                f"{order}HHII", index, directory + 2 + 12 * field
            )
            if tag != _MP_ENTRY_TAG:
                continue
            for entry in range(entries, entries + size, _MP_ENTRY_BYTES):
                bytes_, offset = struct.unpack_from(f"{order}II", index, entry + 4)
                if offset == 0:  # by definition the first picture
                    struct.pack_into(f"{order}I", index, entry + 4, bytes_ + growth)
                else:
                    struct.pack_into(f"{order}I", index, entry + 8, offset + shift)
    except struct.error:
        return payload
    return _MPF + bytes(index)


def _is_jfif(segment: Segment) -> bool:
    """Whether decoders take it for JFIF: libjpeg passes over what is shorter than T.871 says."""
    return _begins(segment, Marker.APP0, _JFIF) and len(segment) >= len(PLAIN_JFIF)


def _begins(segment: Segment, marker: int, name: bytes) -> bool:
    return segment.marker == marker and segment.payload[: len(name)] == name


def _replace(
    segments: Sequence[Segment], heads: tuple[bytes, ...], new: Sequence[Segment]
) -> list[Segment]:
    """Segments in the place of the first old one, or behind those that have to come first.

    Where the old one lies behind pixels, nobody looks for it.

    Args:
        segments: of the JPEG.
        heads: how old ones begin, all of which go.
        new: of APP1, as they are.
    """

    def is_old(segment: Segment) -> bool:
        return any(_begins(segment, Marker.APP1, head) for head in heads)

    leading = itertools.takewhile(
        lambda segment: segment.marker in (Marker.APP0, Marker.APP1), segments
    )
    before_pixels = itertools.takewhile(lambda segment: segment.marker != Marker.SOS, segments)
    places = [index for index, segment in enumerate(before_pixels) if is_old(segment)]
    place = places[0] if places else len(list(leading))
    kept = [segment for segment in segments if not is_old(segment)]
    return [*kept[:place], *new, *kept[place:]]
