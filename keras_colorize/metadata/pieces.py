"""The pieces that JPEG, PNG and WebP files consist of: segments and chunks, one after the other.

Formats: JPEG (ITU-T T.81, section B.1.1), PNG (W3C, third edition, section 5), WebP (RFC 9649).
"""

from collections.abc import Iterator
from typing import BinaryIO

__all__ = ["is_frame", "pieces"]

_HEAD = {"JPEG": 4, "PNG": 8, "WEBP": 8}  # bytes of a piece before its content
_NO_FRAMES = (0xC4, 0xC8, 0xCC)  # within C0 to CF: tables, and what is reserved


def pieces(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Kind and size of each piece, while the file stands where the piece's content begins.

    The size may reach beyond the end of a file that is cut short. Of a JPEG, the last is the scan
    header, which pixels follow.

    Args:
        file: of one of these formats, or of none: then there are no pieces.

    Yields:
        The kind, such as ``b"\\xff\\xe1"`` (JPEG) or ``b"IDAT"``, and the bytes of the content.
    """
    format_, at = _recognize(file)
    while format_:
        file.seek(at)
        head = file.read(_HEAD[format_])
        if format_ == "JPEG":
            if head[:2] == b"\xff\xff":  # a marker may be preceded by any number of FF
                at += 1
                continue
            kind, size = head[:2], int.from_bytes(head[2:], "big") - 2
            if kind[:1] != b"\xff" or size < 0:
                return
        elif format_ == "PNG":
            kind, size = head[4:], int.from_bytes(head[:4], "big")
        else:
            kind, size = head[:4], int.from_bytes(head[4:], "little")
        if len(head) < _HEAD[format_]:
            return
        yield kind, size
        if kind in (b"\xff\xda", b"IEND"):
            return
        # Behind the content: a PNG's check sum; in a WebP a byte that makes it even.
        at += len(head) + size + {"JPEG": 0, "PNG": 4, "WEBP": size % 2}[format_]


def is_frame(marker: int) -> bool:
    """Whether the second byte of a JPEG's marker tells a frame header (ITU-T T.81, table B.1)."""
    return 0xC0 <= marker <= 0xCF and marker not in _NO_FRAMES


def _recognize(file: BinaryIO) -> tuple[str, int]:
    """The format, or "", and where its pieces begin."""
    file.seek(0)
    start = file.read(12)
    if start.startswith(b"\xff\xd8"):
        return "JPEG", 2
    if start.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG", 8
    return ("WEBP", 12) if start[:4] == b"RIFF" and start[8:] == b"WEBP" else ("", 0)
