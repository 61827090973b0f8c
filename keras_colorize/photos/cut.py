"""Files that end too early: whether they do, and whether the picture is there all the same."""

import hashlib
import io
import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from PIL import JpegImagePlugin

from keras_colorize.metadata.pieces import is_frame, pieces

__all__ = ["END", "ends_early", "lacks_only_its_end"]

#: The marker at the end of a JPEG (ITU-T T.81, table B.1).
END = b"\xff\xd9"

_PROGRESSIVE = 2  # the lowest two bits of such a frame's marker (T.81, table B.1)
_SCAN = b"\xff\xda"
_MARKER_IN_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # that ends it (section B.1.1.5)
# Coded data that might follow, in place of what a decoder makes up where there are none.
_FILLINGS = (b"", b"\x55" * 4096, b"\x9b\x27" * 2048)


def lacks_only_its_end(file: BinaryIO) -> bool:
    """Whether a JPEG has all of its pixels and no end marker, as interrupted copies leave it.

    Then its scans leave no coefficient open, and whatever follows the last changes none.
    """
    file.seek(-min(2, file.seek(0, io.SEEK_END)), io.SEEK_END)
    if file.read(2) == END:
        return False
    progressive, components, scan = False, b"", 0
    for kind, size in pieces(file):
        if is_frame(kind[1]) and size >= 6:
            frame = file.read(size)
            progressive, components = kind[1] & 3 == _PROGRESSIVE, frame[6::3]
        if kind == _SCAN:
            scan = file.tell() - 4
    file.seek(0)
    data = file.read()
    if not scan or data.find(END, scan) >= 0:
        return False
    if _leave_open(_scan_headers(data, scan), components, progressive=progressive):
        return False
    data = data.rstrip(b"\xff")  # half a marker
    try:
        return len({_digest(data + filling + END) for filling in _FILLINGS}) == 1
    # As varied as in `photo_errors`: then it is damaged otherwise, which its reading will say.
    except Exception:  # noqa: BLE001
        return False


def _scan_headers(data: bytes, at: int) -> Iterator[bytes]:
    """The content of each, from the one at a place on."""
    while at < len(data):
        if data[at : at + 2] == b"\xff\xff":  # padding
            at += 1
            continue
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at : at + 2] == _SCAN:
            yield data[at + 4 : end]
            following = _MARKER_IN_SCAN.search(data, end)
            end = following.start() if following else len(data)
        at = end


def _leave_open(scans: Iterable[bytes], components: bytes, *, progressive: bool) -> bool:
    """Whether any of the coefficients, by their frequency, is not coded to its last bit.

    A progressive scan codes frequencies from one to another, to a bit that it names (section
    G.1.1.1); a sequential one all there is. Of scans that make no sense, some is.
    """
    coded = {component: [False] * 64 for component in components}
    for scan in scans:
        named = scan[1:-3:2]
        if len(scan) != 4 + 2 * len(named) or not coded.keys() >= set(named):
            return True
        start, end, bits = scan[-3:] if progressive else (0, 63, 0)
        for component in named:
            for frequency in range(start, min(end, 63) + 1):
                coded[component][frequency] = bits & 15 == 0
    return not all(all(of_component) for of_component in coded.values())


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
