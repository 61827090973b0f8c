"""The pieces that image files are made of, as far as metadata travel in them.

Formats: JPEG (ITU-T T.81, JFIF; XMP Specification Part 3; Photoshop's APP13), PNG (W3C, third
edition), WebP (RFC 9649), TIFF.
"""

import io
import zlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from keras_colorize.metadata.directories import TIFF_XMP, read_tiff_field
from keras_colorize.metadata.xmp import Xmp

__all__ = [
    "find_xmp",
    "insert_chunks",
    "join_extension",
    "photoshop_segments",
    "png_chunk",
    "png_text",
    "xmp_segments",
]

_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_EXTENSION = b"http://ns.adobe.com/xmp/extension/\0"
_PHOTOSHOP = b"Photoshop 3.0\0"
_PNG_XMP = b"XML:com.adobe.xmp"
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_SEGMENT = 65533  # bytes behind the length of a JPEG's segment
_XMP_LIMIT = 65502  # of a packet in it, as XMP Part 3 says
_EXTENSION_PIECE = 65400
_MAX_EXTENSION = 32 << 20


def find_xmp(file: BinaryIO) -> bytes | None:
    """The XMP packet of a JPEG, PNG, WebP or TIFF file, without reading its pixels.

    Of a JPEG the first part, of a PNG what comes before the pixels. None where there is none, or
    where the file is damaged before it.
    """
    file.seek(0)
    start = file.read(12)
    if start.startswith(b"\xff\xd8"):
        return _find_in_jpeg(file)
    if start.startswith(_PNG_SIGNATURE):
        return _find_in_png(file)
    if start[:4] == b"RIFF" and start[8:] == b"WEBP":
        return _find_in_webp(file)
    if start.startswith((b"II", b"MM")):
        try:
            field = read_tiff_field(file, TIFF_XMP)
        except ValueError:
            return None
        return None if field is None else field.data
    return None


# ---- JPEG ---------------------------------------------------------------------------------------


def xmp_segments(packet: bytes) -> bytes:
    """An XMP packet of any length as APP1 segments, with an extension where one is too short.

    Raises:
        ValueError: the packet is long and damaged.
    """
    extension = None
    if len(packet) > _XMP_LIMIT:
        packet, extension = Xmp.parse(packet).split(_XMP_LIMIT)
    segments = [_segment(0xE1, _XMP + packet)]
    if extension is not None:
        head = _EXTENSION + Xmp.digest(extension) + len(extension).to_bytes(4, "big")
        for offset in range(0, len(extension), _EXTENSION_PIECE):
            piece = extension[offset : offset + _EXTENSION_PIECE]
            segments.append(_segment(0xE1, head + offset.to_bytes(4, "big") + piece))
    return b"".join(segments)


def join_extension(payloads: Iterable[bytes], digest: bytes) -> bytes | None:
    """Put an XMP extension together again.

    Args:
        payloads: of all APP1 segments of the JPEG.
        digest: by which the packet names its extension.

    Returns:
        The extension; None where a part is missing.
    """
    head = _EXTENSION + digest
    total, pieces = 0, {}
    for payload in payloads:
        if payload.startswith(head) and len(payload) > len(head) + 8:
            numbers, piece = payload[len(head) :][:8], payload[len(head) + 8 :]
            total = int.from_bytes(numbers[:4], "big")
            pieces[int.from_bytes(numbers[4:], "big")] = piece
    data = b"".join(piece for _, piece in sorted(pieces.items()))
    return data if data and len(data) == total <= _MAX_EXTENSION else None


def photoshop_segments(resources: bytes) -> bytes:
    """Photoshop's image resources, of any length, as APP13 segments."""
    step = _SEGMENT - len(_PHOTOSHOP)
    pieces = (resources[i : i + step] for i in range(0, len(resources), step))
    return b"".join(_segment(0xED, _PHOTOSHOP + piece) for piece in pieces)


def _segment(marker: int, payload: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(payload) + 2).to_bytes(2, "big") + payload


def _find_in_jpeg(file: BinaryIO) -> bytes | None:
    file.seek(2)
    while True:
        head = file.read(4)
        if len(head) < 4 or head[0] != 0xFF or head[1] == 0xDA:  # where the pixels begin
            return None
        if head[1] == 0xFF:  # a marker may be preceded by any number of these
            file.seek(-3, io.SEEK_CUR)
            continue
        length = int.from_bytes(head[2:], "big") - 2
        if length < 0:
            return None
        if head[1] == 0xE1:
            payload = file.read(length)
            if payload.startswith(_XMP):
                return payload[len(_XMP) :]
        else:
            file.seek(length, io.SEEK_CUR)


# ---- PNG ----------------------------------------------------------------------------------------


def png_chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk with its length and check sum."""
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def png_text(keyword: str, text: str | bytes, *, compress: bool = False) -> tuple[bytes, bytes]:
    """Type and data of a textual chunk: of the simplest type that holds the text.

    Args:
        keyword: 1 to 79 characters of Latin-1.
        text: a string, or UTF-8.
        compress: what is long; Latin-1 only.
    """
    name = keyword.encode("latin-1")
    if compress and isinstance(text, str):
        return b"zTXt", name + b"\0\0" + zlib.compress(text.encode("latin-1"))
    if isinstance(text, str):
        try:
            return b"tEXt", name + b"\0" + text.encode("latin-1")
        except UnicodeEncodeError:
            text = text.encode(errors="replace")
    return b"iTXt", name + b"\0\0\0\0\0" + text


def insert_chunks(png: bytes, chunks: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Put chunks behind the header of a PNG, in place of those before the pixels of the same types.

    Textual chunks, of which there may be many, are added to those that are there.

    Args:
        png: the file.
        chunks: type and data of each, in an order that PNG allows.

    Raises:
        ValueError: it is no PNG, or damaged before its pixels.
    """
    chunks = list(chunks)
    replaced = {kind for kind, _ in chunks} - {b"iTXt", b"tEXt", b"zTXt"}
    if b"iCCP" in replaced:
        replaced.add(b"sRGB")  # a file has one or the other
    if not png.startswith(_PNG_SIGNATURE + b"\0\0\0\x0dIHDR"):
        raise ValueError("expected a PNG file. Received: data that don't begin as one")
    parts = [png[:33], *(png_chunk(kind, data) for kind, data in chunks)]
    for kind, begin, end in _png_chunks(png):
        if kind == b"IDAT":
            return b"".join((*parts, memoryview(png)[begin:]))
        if kind != b"IHDR" and kind not in replaced:
            parts.append(png[begin:end])
    raise ValueError("expected a PNG file. Received: one without pixels")


def _png_chunks(png: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Type, begin and end of each chunk that is complete."""
    begin = len(_PNG_SIGNATURE)
    while True:
        end = begin + 12 + int.from_bytes(png[begin : begin + 4], "big")
        if end > len(png):
            return
        yield png[begin + 4 : begin + 8], begin, end
        begin = end


def _find_in_png(file: BinaryIO) -> bytes | None:
    file.seek(len(_PNG_SIGNATURE))
    while True:
        head = file.read(8)
        length = int.from_bytes(head[:4], "big")
        if len(head) < 8 or head[4:] == b"IDAT":
            return None
        if head[4:] == b"iTXt" and length < _MAX_EXTENSION:
            keyword, _, rest = file.read(length).partition(b"\0")
            if keyword == _PNG_XMP and rest[:1] == b"\0":  # not compressed
                return rest[2:].split(b"\0", 2)[-1]
            length = 0
        file.seek(length + 4, io.SEEK_CUR)


# ---- WebP ---------------------------------------------------------------------------------------


def _find_in_webp(file: BinaryIO) -> bytes | None:
    file.seek(12)
    while True:
        head = file.read(8)
        if len(head) < 8:
            return None
        length = int.from_bytes(head[4:], "little")
        if head[:4] == b"XMP ":
            return file.read(min(length, _MAX_EXTENSION))
        file.seek(length + length % 2, io.SEEK_CUR)
