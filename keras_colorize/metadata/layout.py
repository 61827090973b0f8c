"""Directories of tags into an EXIF block of their own, or into a TIFF file that is finished."""

from collections.abc import Iterator, Mapping
from typing import BinaryIO

from keras_colorize.metadata.directories import (
    EXIF,
    GPS,
    INTEROP,
    LONG,
    LONG8,
    MAKER_NOTE,
    SHORT,
    USER_COMMENT,
    Dialect,
    Directory,
    DirectoryReader,
    Exif,
    Field,
)

__all__ = ["build_exif", "extend_tiff"]


def build_exif(exif: Exif) -> bytes:
    """An EXIF block, beginning with ``II`` or ``MM``; the maker's note stays where it was."""
    dialect = Dialect(exif.dialect.order)
    note, at = exif.photo.get(MAKER_NOTE), exif.maker_note_at or 0
    space = _Space(dialect, 0, (at, note.data) if note and at >= 8 else None)
    space.reserve(8)
    root = space.lay_out(exif.image, _children(exif))
    space.buffer[:8] = dialect.header(root)
    return bytes(space.buffer)


def extend_tiff(file: BinaryIO, exif: Exif, page: int = 0) -> None:
    """Give a page of a finished TIFF file more tags, in place of those it has of the same number.

    A new directory, which takes over the entries that stay, goes to the end of the file, and what
    pointed at the old one points at it. Pixels are neither read nor moved.

    Args:
        file: open for reading and writing, classic TIFF or BigTIFF of either byte order.
        exif: the tags and directories to add.
        page: which page, counted from 0.

    Raises:
        ValueError: it is no TIFF file, or would grow beyond the 4 GB of classic TIFF.
    """
    reader = DirectoryReader(file)
    dialect = reader.dialect
    pointer, offset = reader.first_at, reader.first
    for _ in range(page):
        entries, following = reader.entries(offset)
        pointer = offset + dialect.count_size + len(entries) * dialect.entry_size
        offset = following
    entries, following = reader.entries(offset)
    kept = {dialect.number(entry[:2]): entry for entry in entries}
    added = _converted(exif, dialect)
    space = _Space(dialect, reader.end + reader.end % 2)
    try:
        root = space.lay_out(added.image, _children(added), kept, following)
        dialect.pack(space.start + len(space.buffer), dialect.word)  # the end must be in reach too
    except OverflowError as error:
        raise ValueError("a TIFF file ends at 4 GB; write it as BigTIFF") from error
    file.seek(space.start)
    file.write(space.buffer)
    file.seek(pointer)
    file.write(dialect.pack(root, dialect.word))


def _converted(exif: Exif, dialect: Dialect) -> Exif:
    """The same in another byte order."""
    converted = Exif(dialect)
    for name in ("image", "photo", "gps", "interop"):
        fields: Directory = getattr(exif, name)
        swapped = {tag: value.in_order(exif.dialect, dialect) for tag, value in fields.items()}
        setattr(converted, name, swapped)
    comment = converted.photo.get(USER_COMMENT)
    if comment is not None and comment.data.startswith(b"UNICODE\0"):  # of 16 bits a character
        text = Field(SHORT, comment.data[8:]).in_order(exif.dialect, dialect)
        converted.photo[USER_COMMENT] = Field(comment.type, comment.data[:8] + text.data)
    return converted


_Children = Mapping[int, tuple[Directory, "_Children"]]


def _children(exif: Exif) -> _Children:
    """The directories that hang on the first, by tag; empty ones are left out."""
    interop: _Children = {INTEROP: (exif.interop, {})} if exif.interop else {}
    photo: _Children = {EXIF: (exif.photo, interop)} if exif.photo or interop else {}
    return {**photo, **({GPS: (exif.gps, {})} if exif.gps else {})}


class _Space:
    """Bytes that grow as directories and values are placed in them, around what has its place."""

    def __init__(self, dialect: Dialect, start: int, hole: tuple[int, bytes] | None = None) -> None:
        self.dialect = dialect
        self.start = start
        self.buffer = bytearray()
        self._cursor = start
        self._hole, self._fixed = (0, b"") if hole is None else hole

    def reserve(self, size: int) -> int:
        """The offset of this many bytes; offsets are even, as TIFF wants them."""
        at, end = self._cursor, self._hole + len(self._fixed)
        if at < end and at + size > self._hole:
            at = end + end % 2
        self._cursor = at + size + size % 2
        missing = self._cursor - self.start - len(self.buffer)
        self.buffer.extend(bytes(max(missing, 0)))
        return at

    def put(self, at: int, data: bytes) -> None:
        """Write at an offset; beyond the end, the gap is filled with zeros."""
        begin = at - self.start
        self.buffer.extend(bytes(max(begin + len(data) - len(self.buffer), 0)))
        self.buffer[begin : begin + len(data)] = data

    def lay_out(
        self,
        directory: Directory,
        children: _Children,
        kept: Mapping[int, bytes] | None = None,
        following: int = 0,
    ) -> int:
        """Place a directory, its values and children.

        Args:
            directory: its tags.
            children: directories that hang on it.
            kept: entries, ready to be written, of tags that neither of the two has.
            following: the offset of the next directory.

        Returns:
            Its offset.
        """
        dialect, size = self.dialect, self.dialect.word
        entries = dict(kept or {})
        tags = entries.keys() | directory.keys() | children.keys()
        at = self.reserve(dialect.count_size + len(tags) * dialect.entry_size + size)
        for tag, value in sorted(directory.items()):
            place = value.data.ljust(size, b"\0")
            if len(value.data) > size:
                place = dialect.pack(self._place(value.data), size)
            entries[tag] = self._entry(tag, value.type, value.count, place)
        for tag, (child, grandchildren) in children.items():
            offset = dialect.pack(self.lay_out(child, grandchildren), size)
            entries[tag] = self._entry(tag, LONG8 if dialect.big else LONG, 1, offset)
        self.put(at, b"".join(self._parts(entries, following)))
        return at

    def _parts(self, entries: Mapping[int, bytes], following: int) -> Iterator[bytes]:
        yield self.dialect.pack(len(entries), self.dialect.count_size)
        yield from (entry for _, entry in sorted(entries.items()))
        yield self.dialect.pack(following, self.dialect.word)

    def _place(self, data: bytes) -> int:
        at = self._hole if data is self._fixed else self.reserve(len(data))
        self.put(at, data)
        return at

    def _entry(self, tag: int, kind: int, count: int, place: bytes) -> bytes:
        pack = self.dialect.pack
        return pack(tag, 2) + pack(kind, 2) + pack(count, self.dialect.word) + place
