"""XMP in the segments of a JPEG, of which a packet may need several.

What is too long for one goes on in an extension: a second packet in pieces, which the first one
names by the MD5 sum of the whole (XMP Specification Part 3, section 1.1.3.1).
"""

import hashlib
import struct
from collections.abc import Sequence

from keras_colorize.metadata.xmp import JPEG_EXTENSION, JPEG_PACKET, Xmp

__all__ = ["join_packets", "split_packet"]

_LIMIT = 65502  # bytes of a packet in one segment
_STEP = 65400  # bytes of an extension in one segment
_NOTE = 300  # bytes at most of the property that names it
_NAME = "xmpNote:HasExtendedXMP"
_HEAD = struct.Struct(">32sII")  # the name, the length of the whole, and where the piece begins


def split_packet(packet: bytes) -> list[bytes]:
    """What the segments of a JPEG hold of a packet of any length, from their markers' lengths on.

    The largest properties go into the extension, those of this package last, which others look for
    in the first segment.

    Raises:
        ValueError: it is too long and cannot be parsed.
    """
    if len(packet) <= _LIMIT:
        return [JPEG_PACKET + packet]
    xmp = Xmp(packet)
    extension = xmp.split(_LIMIT - _NOTE)
    name = _sum(extension)
    xmp.set(_NAME, name.decode())
    pieces = (
        JPEG_EXTENSION + _HEAD.pack(name, len(extension), at) + extension[at : at + _STEP]
        for at in range(0, len(extension), _STEP)
    )
    return [JPEG_PACKET + xmp.to_bytes(), *pieces]


def join_packets(payloads: Sequence[bytes]) -> tuple[bytes | None, list[str]]:
    """The packet that the APP1 segments of a JPEG hold, as it is where it has no extension.

    Args:
        payloads: of the segments, in order; those of something else may be among them.

    Returns:
        The packet, if there is one, and what of others was left out, in words.
    """
    packets = [data[len(JPEG_PACKET) :] for data in payloads if data.startswith(JPEG_PACKET)]
    pieces = [data[len(JPEG_EXTENSION) :] for data in payloads if data.startswith(JPEG_EXTENSION)]
    left_out = []
    if len(set(packets)) > 1:
        left_out.append("more than one XMP packet: all but the first left out")
    packet = packets[0] if packets else None
    if pieces:
        try:
            return _extended(packet, pieces), left_out
        except ValueError as error:
            left_out.append(f"extension of XMP left out: {error}")
    return packet, left_out


def _extended(packet: bytes | None, pieces: Sequence[bytes]) -> bytes:
    """A packet with what its extension says."""
    if packet is None:
        raise ValueError("there is no packet that it extends")
    xmp = Xmp(packet)
    name = (xmp.text(_NAME) or "").encode()
    parts: dict[int, bytes] = {}
    for piece in pieces:
        if len(piece) >= _HEAD.size:
            of, _, at = _HEAD.unpack_from(piece)
            if of == name:
                parts[at] = piece[_HEAD.size :]
    extension = b"".join(parts[at] for at in sorted(parts))
    if not parts:
        raise ValueError("the packet names none, or another one")
    if _sum(extension) != name:
        raise ValueError("it is not the one that the packet names, or not whole")
    xmp.remove(_NAME)
    xmp.merge(Xmp(extension))
    return xmp.to_bytes()


def _sum(extension: bytes) -> bytes:
    return hashlib.md5(extension, usedforsecurity=False).hexdigest().upper().encode()
