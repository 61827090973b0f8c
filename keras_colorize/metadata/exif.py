"""Directories of tags, as TIFF files and EXIF blocks (small TIFF files without pixels) hold them.

A value stays the bytes that it was. (Pillow's own reader and writer of EXIF decode every value, and
turn text that isn't ASCII into question marks when they write it again.)

Formats: TIFF 6.0 (Adobe, 1992), the BigTIFF proposal (2004), EXIF 3.0 (CIPA DC-008-2023).
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, Literal

from PIL.ExifTags import IFD, TAGS
from PIL.ExifTags import Base as Tag
from PIL.TiffTags import LONG, LONG8, RATIONAL, SHORT, SIGNED_RATIONAL, UNDEFINED

__all__ = [
    "SIZES",
    "Dialect",
    "Directory",
    "Exif",
    "Field",
    "build_exif",
    "extend_tiff",
    "parse_exif",
    "read_tiff_directories",
    "tag_name",
]

#: Bytes of a value by its type; of the words in it.
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
SIZES |= {16: 8, 17: 8, 18: 8, 129: 1}  # of BigTIFF; UTF-8 of EXIF 3.0
_WORDS = SIZES | {RATIONAL: 4, SIGNED_RATIONAL: 4}

# More than any description of a photograph has, less than what hurts.
_MAX_BYTES = 64 << 20
_MAX_ENTRIES = 10_000


@dataclass(frozen=True)
class Dialect:
    """How numbers are written: their byte order, and whether offsets have 8 bytes (BigTIFF)."""

    order: Literal["little", "big"]
    big: bool = False

    def number(self, data: bytes) -> int:
        """The unsigned integer that all of these bytes make."""
        return int.from_bytes(data, self.order)

    def pack(self, number: int, size: int) -> bytes:
        """An unsigned integer as this many bytes."""
        return number.to_bytes(size, self.order)

    @property
    def word(self) -> int:
        """Bytes of an offset, of a count, and of a value that needs no offset."""
        return 8 if self.big else 4

    @property
    def count_size(self) -> int:
        """Bytes of the number of entries at the head of a directory."""
        return 8 if self.big else 2

    @property
    def entry_size(self) -> int:
        """Bytes of an entry: tag, type, count, value or its offset."""
        return 4 + 2 * self.word


@dataclass(frozen=True)
class Field:
    """The value of a tag.

    Attributes:
        type: as TIFF numbers them.
        data: the value's bytes, in the byte order of what it was read from.
        at: the offset where they were; 0 where they needed none, or may lie anywhere.
    """

    type: int
    data: bytes
    at: int = field(default=0, compare=False)

    @property
    def count(self) -> int:
        """How many numbers or characters the value has."""
        return len(self.data) // SIZES[self.type]

    def numbers(self, dialect: Dialect) -> list[int]:
        """The unsigned integers in it; a fraction gives two."""
        size = _WORDS[self.type]
        return [dialect.number(self.data[i : i + size]) for i in range(0, len(self.data), size)]

    def in_order(self, old: Dialect, new: Dialect) -> "Field":
        """The same value in another byte order."""
        size = _WORDS[self.type]
        if size == 1 or old.order == new.order:
            return self
        words = (self.data[i : i + size][::-1] for i in range(0, len(self.data), size))
        return Field(self.type, b"".join(words))


Directory = dict[int, Field]


@dataclass
class Exif:
    """What describes a photograph, from an EXIF block or from a page of a TIFF file.

    Attributes:
        dialect: the byte order of all values.
        image: tags of the first directory, without the offsets of the others.
        photo: of the EXIF directory: exposure, lens, dates, the maker's note.
        gps: where it was taken.
        interop: of the interoperability directory.
    """

    dialect: Dialect
    image: Directory = field(default_factory=dict)
    photo: Directory = field(default_factory=dict)
    gps: Directory = field(default_factory=dict)
    interop: Directory = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether there is any tag."""
        return any(self.directories())

    def directories(self) -> tuple[Directory, ...]:
        """All of them."""
        return self.image, self.photo, self.gps, self.interop


def tag_name(tag: int) -> str:
    """What EXIF calls a tag, or its number."""
    return TAGS.get(tag, f"tag 0x{tag:04X}")


# ---- reading ------------------------------------------------------------------------------------


def parse_exif(data: bytes) -> tuple[Exif, list[str]]:
    """Read an EXIF block, which begins with ``II`` or ``MM``; the thumbnail is left out.

    Returns:
        What could be read, and what could not, in words.

    Raises:
        ValueError: nothing could be read; the message is the reason.
    """
    reader = _Reader(io.BytesIO(data))
    return reader.exif(0), reader.problems


def read_tiff_directories(
    file: BinaryIO, page: int, wanted: frozenset[int]
) -> tuple[Exif, list[str]]:
    """The wanted tags of a page of a TIFF or BigTIFF file, and all of its EXIF directories.

    Returns and raises what :func:`parse_exif` does.
    """
    reader = _Reader(file)
    return reader.exif(page, wanted | {IFD.Exif, IFD.GPSInfo}), reader.problems


class _Reader:
    """A TIFF file of either byte order, classic or BigTIFF, or an EXIF block, that is read from.

    Attributes:
        dialect: how it writes numbers.
        end: its size in bytes.
        problems: what could not be read, in words.

    Raises:
        ValueError: it is no such file.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.end = file.seek(0, io.SEEK_END)
        self.problems: list[str] = []
        # Entries of a damaged or hostile directory may all claim the same bytes.
        self._budget = min(self.end, _MAX_BYTES)
        file.seek(0)
        head = file.read(16)
        if head[:2] not in (b"II", b"MM"):
            raise ValueError("it doesn't begin as EXIF or TIFF does")
        order: Literal["little", "big"] = "little" if head[:2] == b"II" else "big"
        version = int.from_bytes(head[2:4], order)
        if version not in (42, 43) or len(head) < (16 if version == 43 else 8):
            raise ValueError("its header is damaged")
        self.dialect = Dialect(order, big=version == 43)

    def page(self, number: int) -> tuple[int, int]:
        """The offset of a page's directory, counted from 0, and where in the file it stands."""
        dialect = self.dialect
        at = dialect.word
        self.file.seek(at)
        offset = dialect.number(self.file.read(dialect.word))
        for _ in range(number):
            entries, following = self.entries(offset)
            at = offset + dialect.count_size + len(entries) * dialect.entry_size
            offset = following
        return offset, at

    def exif(self, page: int, wanted: frozenset[int] | None = None) -> Exif:
        """A page's directory, of it the wanted tags or all, and those that hang on it."""
        exif = Exif(self.dialect)
        exif.image = self._directory(self.page(page)[0], wanted)
        exif.photo = self._child(exif.image, IFD.Exif)
        exif.gps = self._child(exif.image, IFD.GPSInfo)
        exif.interop = self._child(exif.photo, IFD.Interop)
        return exif

    def entries(self, offset: int) -> tuple[list[bytes], int]:
        """The entries of a directory as they are written, and the offset of the next directory.

        Raises:
            ValueError: there is no directory.
        """
        dialect = self.dialect
        if not 0 < offset < self.end:
            raise ValueError("its directory lies outside the data")
        self.file.seek(offset)
        count = dialect.number(self.file.read(dialect.count_size))
        size = dialect.entry_size
        data = self.file.read(min(count, _MAX_ENTRIES) * size)
        whole = [data[i : i + size] for i in range(0, len(data) - size + 1, size)]
        if len(whole) < count:
            self.problems.append("a directory is cut short")
            return whole, 0
        return whole, dialect.number(self.file.read(dialect.word))

    def _directory(self, offset: int, wanted: frozenset[int] | None = None) -> Directory:
        dialect, found = self.dialect, Directory()
        for entry in self.entries(offset)[0]:
            tag, kind = dialect.number(entry[:2]), dialect.number(entry[2:4])
            if (wanted is not None and tag not in wanted) or tag in found:
                continue
            if kind not in SIZES:
                self.problems.append(f"{tag_name(tag)} is of an unknown type")
                continue
            size = dialect.number(entry[4 : 4 + dialect.word]) * SIZES[kind]
            value, at = entry[4 + dialect.word :], 0
            if size > dialect.word:
                at = dialect.number(value)
                if at + size > self.end or size > self._budget:
                    self.problems.append(f"{tag_name(tag)} lies outside the data")
                    continue
                self._budget -= size
                self.file.seek(at)
                value = self.file.read(size)
            if size:
                found[tag] = Field(kind, value[:size], at)
        return found

    def _child(self, parent: Directory, tag: int) -> Directory:
        """The directory that a tag points at; the tag itself is taken out."""
        pointer = parent.pop(tag, None)
        if pointer is None:
            return {}
        before, found = len(self.problems), Directory()
        try:
            found = self._directory(pointer.numbers(self.dialect)[0])
        except ValueError:
            self.problems.append("its directory lies outside the data")
        # Where something else lies than a directory, some of its bytes may look like tags.
        if len(self.problems) - before > len(found):
            self.problems[before:] = [f"the directory of {tag_name(tag)} is damaged"]
            return {}
        return found


# ---- writing ------------------------------------------------------------------------------------


def build_exif(exif: Exif) -> bytes:
    """An EXIF block, beginning with ``II`` or ``MM``; the maker's note stays where it was.

    Makers write offsets into their notes that count from the block's beginning.
    """
    dialect = Dialect(exif.dialect.order)
    note = exif.photo.get(Tag.MakerNote)
    space = _Space(dialect, 0, note if note is not None and note.at >= 8 else None)
    space.reserve(8)
    root = space.lay_out(exif.image, _children(exif))
    mark = b"II*\0" if dialect.order == "little" else b"MM\0*"
    space.put(0, mark + dialect.pack(root, 4))
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
    reader = _Reader(file)
    dialect = reader.dialect
    offset, pointer = reader.page(page)
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
    converted = Exif(dialect, *(
        {tag: value.in_order(exif.dialect, dialect) for tag, value in directory.items()}
        for directory in exif.directories()
    ))  # fmt: skip
    comment = converted.photo.get(Tag.UserComment)
    if comment is not None and comment.data.startswith(b"UNICODE\0"):  # of 16 bits a character
        text = Field(SHORT, comment.data[8:]).in_order(exif.dialect, dialect)
        converted.photo[Tag.UserComment] = Field(comment.type, comment.data[:8] + text.data)
    return converted


_Children = Mapping[int, tuple[Directory, "_Children"]]


def _children(exif: Exif) -> _Children:
    """The directories that hang on the first, by tag; empty ones are left out."""
    interop: _Children = {IFD.Interop: (exif.interop, {})} if exif.interop else {}
    photo: _Children = {IFD.Exif: (exif.photo, interop)} if exif.photo or interop else {}
    return {**photo, **({IFD.GPSInfo: (exif.gps, {})} if exif.gps else {})}


class _Space:
    """Bytes that grow as directories and values are placed in them, around what has its place."""

    def __init__(self, dialect: Dialect, start: int, fixed: Field | None = None) -> None:
        self.dialect = dialect
        self.start = start
        self.buffer = bytearray()
        self._cursor = start
        self._fixed = Field(UNDEFINED, b"") if fixed is None else fixed

    def reserve(self, size: int) -> int:
        """The offset of this many bytes; offsets are even, as TIFF wants them."""
        at, end = self._cursor, self._fixed.at + len(self._fixed.data)
        if at < end and at + size > self._fixed.at:
            at = end + end % 2
        self._cursor = at + size + size % 2
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
                begin = value.at if value is self._fixed else self.reserve(len(value.data))
                self.put(begin, value.data)
                place = dialect.pack(begin, size)
            entries[tag] = self._entry(tag, value.type, value.count, place)
        for tag, (child, grandchildren) in children.items():
            offset = dialect.pack(self.lay_out(child, grandchildren), size)
            entries[tag] = self._entry(tag, LONG8 if dialect.big else LONG, 1, offset)
        table = b"".join(entry for _, entry in sorted(entries.items()))
        count, end = dialect.pack(len(entries), dialect.count_size), dialect.pack(following, size)
        self.put(at, count + table + end)
        return at

    def _entry(self, tag: int, kind: int, count: int, place: bytes) -> bytes:
        pack = self.dialect.pack
        return pack(tag, 2) + pack(kind, 2) + pack(count, self.dialect.word) + place
