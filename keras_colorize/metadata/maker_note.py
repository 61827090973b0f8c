"""The note of a camera's maker within EXIF: when it may be moved, and when it cannot stay.

Most are directories of tags like EXIF's own, behind a few bytes that tell the maker.

Sources: exiv2's manual, "Makernote formats"; for Apple and newer Pentax, ExifTool's table of maker
notes; for OffsetSchema, Microsoft's "Padding and OffsetSchema".
"""

from typing import Literal, NamedTuple

from PIL.ExifTags import Base as Tag
from PIL.TiffTags import UNDEFINED

from keras_colorize.metadata.exif import SIZES, Dialect, Exif, Field

__all__ = ["check_maker_note", "release_maker_note"]


class _Kind(NamedTuple):
    """How a note begins.

    Attributes:
        head: its first bytes.
        directory: where its directory begins.
        origin: where in it the place lies that offsets count from; ``None``: they count from the
            beginning of the EXIF block.
    """

    head: bytes
    directory: int
    origin: int | None = None


_KINDS = (
    _Kind(b"Apple iOS\0", 14, 0),
    _Kind(b"FUJIFILM", 12, 0),
    _Kind(b"Nikon\0\2", 18, 10),
    _Kind(b"OLYMPUS\0", 12, 0),
    _Kind(b"OM SYSTEM\0", 16, 0),
    _Kind(b"PENTAX \0", 10, 0),
    _Kind(b"AOC\0", 6),
    _Kind(b"Nikon\0\1", 8),
    _Kind(b"OLYMP\0", 8),
    _Kind(b"Panasonic\0", 12),
    _Kind(b"SONY ", 12),
    _Kind(b"", 0),  # Canon, Minolta, Casio and others
)
_OFFSET_SCHEMA = 0xEA1D
_MOST_ENTRIES = 1000


def check_maker_note(exif: Exif) -> list[str]:
    """Leave a maker's note out whose offsets would come to point at something else.

    They do where values lie outside of the note: a preview behind the picture, or what a program
    has moved without the note.

    Returns:
        What was left out, in words.
    """
    problems = []
    if exif.image.pop(Tag.MakerNote, None) is not None:
        problems.append("MakerNote outside of the directory of EXIF")
    note = exif.photo.get(Tag.MakerNote)
    if note is not None and _is_scattered(note, exif):
        _drop(exif)
        problems.append("MakerNote has values that lie outside of it")
    return problems


def release_maker_note(exif: Exif) -> list[str]:
    """Let the maker's note lie anywhere; leave it out where that would break it.

    Most makers write offsets into it that count from the beginning of the EXIF block.

    Returns:
        What was left out, in words.
    """
    note = exif.photo.get(Tag.MakerNote)
    if note is None:
        return []
    if _kind(note).origin is None:
        _drop(exif)
        return ["MakerNote cannot be moved, since its offsets count from where it was"]
    # Of no other type: its words would be turned around with the byte order.
    exif.photo[Tag.MakerNote] = Field(UNDEFINED, note.data)
    return []


def _drop(exif: Exif) -> None:
    for tag in (Tag.MakerNote, _OFFSET_SCHEMA):  # the second says how far the first was moved
        exif.photo.pop(tag, None)


def _kind(note: Field) -> _Kind:
    return next(kind for kind in _KINDS if note.data.startswith(kind.head))


def _is_scattered(note: Field, exif: Exif) -> bool:
    """Whether values of its directory lie outside of it; False of what is no directory."""
    kind, schema = _kind(note), exif.photo.get(_OFFSET_SCHEMA)
    origin = kind.origin
    if origin is None:
        moved = 0
        if schema is not None and len(schema.data) == 4:
            moved = int.from_bytes(schema.data, exif.dialect.order, signed=True)
        origin = -note.at + moved
    other: Literal["little", "big"] = "big" if exif.dialect.order == "little" else "little"
    for dialect in (Dialect(exif.dialect.order), Dialect(other)):
        values = _values(note.data, kind.directory, dialect)
        if values is not None:
            return any(not 0 <= offset + origin <= len(note.data) - size for offset, size in values)
    return False


def _values(data: bytes, at: int, dialect: Dialect) -> list[tuple[int, int]] | None:
    """Offset and size of the values that a directory has elsewhere; ``None`` if it is none."""
    count = dialect.number(data[at : at + 2])
    entries = [data[i : i + 12] for i in range(at + 2, at + 2 + 12 * count, 12)][:_MOST_ENTRIES]
    if not 0 < count <= _MOST_ENTRIES or len(data) < at + 2 + 12 * count:
        return None
    kinds = [dialect.number(entry[2:4]) for entry in entries]
    if any(kind not in SIZES for kind in kinds):
        return None
    sizes = [
        dialect.number(entry[4:8]) * SIZES[kind] for entry, kind in zip(entries, kinds, strict=True)
    ]
    return [
        (dialect.number(entry[8:]), size)
        for entry, size in zip(entries, sizes, strict=True)
        if size > 4
    ]
