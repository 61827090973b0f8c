"""Files that end too early: whether they do, and whether the picture is there all the same."""

import hashlib
import io
from typing import BinaryIO

from PIL import JpegImagePlugin

from keras_colorize.metadata.pieces import is_frame, pieces

__all__ = ["END", "ends_early", "lacks_only_its_end"]

#: The marker at the end of a JPEG (ITU-T T.81, table B.1).
END = b"\xff\xd9"

_SEQUENTIAL = (0xC0, 0xC1)  # frames (T.81, table B.1)
# Coded data that might follow, in place of what a decoder makes up where there are none.
_FILLINGS = (b"", b"\x55" * 4096, b"\x9b\x27" * 2048)


def lacks_only_its_end(file: BinaryIO) -> bool:
    """Whether a JPEG has all of its pixels and no end marker, as interrupted copies leave it.

    Then whatever follows them changes none. Asked of sequential JPEGs of one scan; of others, scans
    may be missing that nobody knows of.
    """
    file.seek(-min(2, file.seek(0, io.SEEK_END)), io.SEEK_END)
    if file.read(2) == END:
        return False
    frame, scan, components = 0, 0, b""
    for kind, size in pieces(file):
        if is_frame(kind[1]) and size >= 6:
            frame, components = kind[1], file.read(6)[-1:]
        if kind == b"\xff\xda":
            scan = file.tell()
            if frame not in _SEQUENTIAL or file.read(1) != components:
                return False
    file.seek(0)
    data = file.read()
    if not scan or data.find(END, scan) >= 0:
        return False
    data = data.rstrip(b"\xff")  # half a marker
    try:
        return len({_digest(data + filling + END) for filling in _FILLINGS}) == 1
    # As varied as in `photo_errors`: then it is damaged otherwise, which its reading will say.
    except Exception:  # noqa: BLE001
        return False


def _digest(jpeg: bytes) -> bytes:
    """Of a JPEG's pixels: so only those of one are held at a time."""
    image = JpegImagePlugin.JpegImageFile(io.BytesIO(jpeg))
    image.load()
    return hashlib.sha256(image.tobytes()).digest()


def ends_early(file: BinaryIO, format_: str) -> bool:
    """Whether a file is shorter than its own headers say: WebP (RFC 9649), AVIF and HEIC.

    Those are of boxes (ISO/IEC 14496-12, section 4.2), each with its size before it.
    """
    end = file.seek(0, io.SEEK_END)
    file.seek(0)
    if format_ == "WEBP":
        return int.from_bytes(file.read(8)[4:], "little") + 8 > end
    if format_ not in ("AVIF", "HEIF"):
        return False
    at = 0
    while at + 8 <= end:
        file.seek(at)
        head = file.read(16)
        size = int.from_bytes(head[:4], "big")
        if size == 1:
            size = int.from_bytes(head[8:], "big")
        if size < 8:  # 0: up to the end of the file
            return False
        at += size
    return at > end
