"""Files whose pixels are sound, without what else in them keeps Pillow from opening them.

Pillow refuses a JPEG or PNG for segments and chunks that libjpeg and libpng pass over, such as an
empty JFIF segment or a color profile of more than a megabyte: the pixels need none of them.
"""

import functools
import io
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from PIL import Image, JpegImagePlugin, PngImagePlugin

from keras_colorize.metadata.pieces import pieces
from keras_colorize.photos.cut import END, lacks_only_its_end

__all__ = ["Mended", "add_end", "mend"]

_START = b"\xff\xd8"  # of a JPEG (ITU-T T.81, table B.1)
_MAX_PROFILE = 32 << 20  # bytes
_MAX_CHUNKS = 2000  # beside the pixels; trying each takes a tenth of a millisecond
_INFLATION = 1032  # as much longer zlib can make what it decompresses (its Technical Details)
_CRITICAL = {b"IHDR", b"PLTE", b"IDAT", b"IEND"}  # (section 5.4)
_TONES = {b"cICP", b"iCCP", b"sRGB", b"gAMA"}
_CICP_LIKE_SRGB = {1, 6, 13, 14, 15}  # ITU-T H.273, table 3
_EMPTY_IDAT = bytes(4) + b"IDAT" + zlib.crc32(b"IDAT").to_bytes(4, "big")


class Mended(NamedTuple):
    """A file that Pillow opens if its pixels allow it.

    Attributes:
        file: the one that was given, or a copy in memory; it stands at its beginning.
        icc: a color profile that Pillow would not have read.
        notes: what could not be read or is doubtful, in words.
    """

    file: BinaryIO
    icc: bytes | None = None
    notes: tuple[str, ...] = ()


def mend(file: BinaryIO, format_: str) -> Mended:
    """Leave out of a JPEG's or PNG's metadata what Pillow refuses the whole file for.

    Args:
        file: as it was opened.
        format_: what it holds; what is neither of the two stays as it is.
    """
    refused: list[_Piece] = []
    notes: tuple[str, ...] = ()
    file.seek(0)
    if format_ == "JPEG" and file.read(4) == 2 * _START:  # which libjpeg refuses
        file.seek(len(_START))
        file, notes = io.BytesIO(file.read()), ("JPEG: its beginning stands twice",)
    if format_ == "JPEG" and not _opens(JpegImagePlugin.JpegImageFile, file):
        refused = list(_refused_segments(file))
    if format_ == "PNG":
        refused = list(_refused_chunks(file))
        if not _sums_are_right(file):
            notes = ("PNG: a check sum of its pixels is wrong; some may be damaged",)
        notes += _tones(file) + _unknown(file)
    file.seek(0)
    if not refused:
        return Mended(file, None, notes)
    data, parts, at = file.read(), [], 0
    for _, begin, end in refused:
        parts.append(data[at:begin])
        at = end
    mended = io.BytesIO(b"".join((*parts, data[at:])))
    profiles = (_profile(data[begin:end]) for name, begin, end in refused if name == "iCCP")
    icc = next(profiles, None)
    # Of an animation, the pictures behind the first are left out anyway.
    told = {"fcTL", "fdAT"} if icc is None else {"fcTL", "fdAT", "iCCP"}
    names = dict.fromkeys(name for name, *_ in refused if name not in told)
    unread = f"{format_}: {', '.join(names)} could not be read"
    return Mended(mended, icc, (unread, *notes) if names else notes)


def add_end(mended: Mended) -> Mended:
    """A JPEG that lacks its end marker and nothing else, with one; all others as they are.

    To know that, it is decoded: its size should be checked before.
    """
    lacking = lacks_only_its_end(mended.file)
    mended.file.seek(0)
    if not lacking:
        return mended
    notes = (*mended.notes, "JPEG: its end marker is missing, its pixels are not")
    return Mended(io.BytesIO(mended.file.read() + END), mended.icc, notes)


_Piece = tuple[str, int, int]  # its name, its begin and end in the file


def _refused_segments(file: BinaryIO) -> Iterator[_Piece]:
    """Segments of applications with which Pillow cannot open even a JPEG of one pixel."""
    for kind, size in pieces(file):
        if 0xE0 <= kind[1] <= 0xEF:
            begin = file.tell() - 4
            file.seek(begin)
            segment = file.read(4 + size)
            small = io.BytesIO(b"\xff\xd8" + segment + _small_jpeg()[2:])
            if not _opens(JpegImagePlugin.JpegImageFile, small):
                yield f"APP{kind[1] - 0xE0}", begin, begin + len(segment)


def _refused_chunks(file: BinaryIO) -> Iterator[_Piece]:
    """Chunks that pixels don't need, with which Pillow cannot open even a PNG of one pixel.

    Their names begin with a small letter (W3C, third edition, section 5.4). So does transparency,
    without which a picture is opaque, as libpng has it.
    """
    head, texts, count = b"", 0, 0
    for kind, size in pieces(file):
        begin = file.tell() - 8
        file.seek(begin)
        if kind == b"IHDR":
            head = b"\x89PNG\r\n\x1a\n" + _chunk(kind, bytes((0, 0, 0, 1) * 2) + file.read(21)[16:])
        if not kind[:1].islower():
            continue
        chunk = file.read(12 + size)
        count += 1
        if kind == b"tEXt":
            texts += size
        elif kind in (b"iTXt", b"zTXt"):  # maybe compressed
            texts += max(size, min(_INFLATION * size, PngImagePlugin.MAX_TEXT_CHUNK))
        small = io.BytesIO(head + chunk + _EMPTY_IDAT)
        if (
            count > _MAX_CHUNKS
            or (kind == b"iCCP" and _profile(chunk) is None)  # of which Pillow says nothing
            or texts > PngImagePlugin.MAX_TEXT_MEMORY
            or not _opens(PngImagePlugin.PngImageFile, small)
        ):
            yield kind.decode("ascii", "replace"), begin, begin + len(chunk)


def _tones(file: BinaryIO) -> tuple[str, ...]:
    """A note where a PNG without a profile names tones unlike sRGB's (section 4.3)."""
    found = {kind: file.read(min(size, 4)) for kind, size in pieces(file) if kind in _TONES}
    cicp = found.get(b"cICP", b"")
    if len(cicp) == 4 and cicp[1] not in _CICP_LIKE_SRGB:
        return (f"PNG: its tones of number {cicp[1]} (cICP) were taken for those of sRGB",)
    if b"iCCP" in found or b"sRGB" in found or b"cICP" in found or b"gAMA" not in found:
        return ()
    gamma = int.from_bytes(found[b"gAMA"], "big") / 100_000
    if gamma <= 0 or abs(gamma * 2.2 - 1) < 0.1:
        return ()
    return (f"PNG: its gamma of {gamma:.3g} was taken for that of sRGB",)


def _unknown(file: BinaryIO) -> tuple[str, ...]:
    """A note of chunks without which a PNG may not be what it should be (section 13.1)."""
    kinds = dict.fromkeys(kind for kind, _ in pieces(file) if kind[:1].isupper())
    unknown = [kind.decode("ascii", "replace") for kind in kinds if kind not in _CRITICAL]
    named = ", ".join(unknown)
    return (f"PNG: {named} is not known, and its picture may need it",) if unknown else ()


def _sums_are_right(file: BinaryIO) -> bool:
    """Whether the pixels' chunks have the check sums that belong to them, which Pillow ignores."""
    sums = (
        (zlib.crc32(file.read(size), zlib.crc32(kind)), int.from_bytes(file.read(4), "big"))
        for kind, size in pieces(file)
        if kind == b"IDAT"
    )
    return all(found == said for found, said in sums)


def _opens(
    plugin: type[JpegImagePlugin.JpegImageFile] | type[PngImagePlugin.PngImageFile], file: BinaryIO
) -> bool:
    file.seek(0)
    try:
        plugin(file)
    # As varied as in `photo_errors`.
    except Exception:  # noqa: BLE001
        return False
    return True


@functools.cache
def _small_jpeg() -> bytes:
    output = io.BytesIO()
    Image.new("L", (1, 1)).save(output, "JPEG")
    return output.getvalue()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def _profile(chunk: bytes) -> bytes | None:
    """The color profile of an iCCP chunk, if it is whole (section 11.3.2.3)."""
    _, _, compressed = chunk[8:-4].partition(b"\0")
    decompressor = zlib.decompressobj()
    try:
        profile = decompressor.decompress(compressed[1:], _MAX_PROFILE)
    except zlib.error:
        return None
    return profile if decompressor.eof else None
