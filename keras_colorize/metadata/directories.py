"""Directories of tags, as TIFF files and EXIF blocks (small TIFF files without pixels) hold them.

A value stays the bytes that it was. (Pillow's own reader and writer of EXIF decode every value, and
turn text that isn't ASCII into question marks when they write it again.)

Formats: TIFF 6.0 (Adobe, 1992), the BigTIFF proposal (2004), EXIF 3.0 (CIPA DC-008-2023).
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, Literal

from PIL import ExifTags

__all__ = [
    "ASCII",
    "BYTE",
    "EXIF",
    "GPS",
    "INTEROP",
    "LONG",
    "LONG8",
    "MAKER_NOTE",
    "RATIONAL",
    "SHORT",
    "TIFF_ICC",
    "TIFF_IPTC",
    "TIFF_RESOURCES",
    "TIFF_XMP",
    "UNDEFINED",
    "USER_COMMENT",
    "Dialect",
    "Directory",
    "DirectoryReader",
    "Exif",
    "Field",
    "parse_exif",
    "read_tiff_directories",
    "read_tiff_field",
    "tag_name",
]

BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, LONG8 = 1, 2, 3, 4, 5, 7, 16
# Bytes of a value and of the words in it, by type.
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_SIZES |= {16: 8, 17: 8, 18: 8, 129: 1}  # of BigTIFF; UTF-8 of EXIF 3.0
_WORDS = _SIZES | {RATIONAL: 4, 10: 4}

# Tags that point at directories, and two whose values depend on where and how they are written.
EXIF, GPS, INTEROP = 0x8769, 0x8825, 0xA005
MAKER_NOTE, USER_COMMENT = 0x927C, 0x9286
# Where TIFF keeps what other formats keep beside EXIF; the third holds Photoshop's resources.
TIFF_XMP, TIFF_IPTC, TIFF_RESOURCES, TIFF_ICC = 700, 33723, 34377, 34675
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

    def header(self, offset: int) -> bytes:
        """The head of a file whose first directory lies at an offset."""
        mark = b"II" if self.order == "little" else b"MM"
        if self.big:
            return mark + self.pack(43, 2) + self.pack(8, 2) + bytes(2) + self.pack(offset, 8)
        return mark + self.pack(42, 2) + self.pack(offset, 4)


@dataclass(frozen=True)
class Field:
    """The value of a tag.

    Attributes:
        type: as TIFF numbers them.
        data: the value's bytes, in the byte order of what it was read from.
        at: the offset where they were; 0 where they needed none.
    """

    type: int
    data: bytes
    at: int = field(default=0, compare=False)

    @property
    def count(self) -> int:
        """How many numbers or characters the value has."""
        return len(self.data) // _SIZES[self.type]

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
        maker_note_at: offset of the maker's note in an EXIF block. Makers write offsets into it
            that count from the block's beginning, so it should stay where it was.
    """

    dialect: Dialect
    image: Directory = field(default_factory=dict)
    photo: Directory = field(default_factory=dict)
    gps: Directory = field(default_factory=dict)
    interop: Directory = field(default_factory=dict)
    maker_note_at: int | None = None

    def __bool__(self) -> bool:
        """Whether there is any tag."""
        return bool(self.image or self.photo or self.gps or self.interop)


def parse_exif(data: bytes) -> tuple[Exif, list[str]]:
    """Read an EXIF block, which begins with ``II`` or ``MM``; the thumbnail is left out.

    Returns:
        What could be read, and what could not, in words.

    Raises:
        ValueError: nothing could be read; the message is the reason.
    """
    reader = DirectoryReader(io.BytesIO(data))
    exif = reader.exif(reader.first)
    if MAKER_NOTE in exif.photo:
        exif.maker_note_at = exif.photo[MAKER_NOTE].at
    return exif, reader.problems


def read_tiff_directories(
    file: BinaryIO, page: int, wanted: frozenset[int]
) -> tuple[Exif, list[str]]:
    """The wanted tags of a page of a TIFF or BigTIFF file, and all of its EXIF directories.

    Returns:
        What could be read, and what could not, in words.

    Raises:
        ValueError: nothing could be read; the message is the reason.
    """
    reader = DirectoryReader(file)
    return reader.exif(reader.page(page), wanted), reader.problems


def read_tiff_field(file: BinaryIO, tag: int) -> Field | None:
    """One tag of a TIFF file's first page, or None.

    Raises:
        ValueError: the file has no directory.
    """
    reader = DirectoryReader(file)
    return reader.directory(reader.first, frozenset({tag})).get(tag)


class DirectoryReader:
    """A TIFF file, or an EXIF block, that is read from.

    Args:
        file: of either byte order, classic or BigTIFF.

    Attributes:
        dialect: how it writes numbers.
        end: its size in bytes.
        first: offset of its first directory.
        first_at: where in the file this offset stands.
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
        self.dialect = Dialect("little" if head[:2] == b"II" else "big")
        version = self.dialect.number(head[2:4])
        if version not in (42, 43) or len(head) < (16 if version == 43 else 8):
            raise ValueError("its header is damaged")
        self.dialect = Dialect(self.dialect.order, big=version == 43)
        self.first_at = 8 if version == 43 else 4
        self.first = self.dialect.number(head[self.first_at :][: self.dialect.word])

    def exif(self, offset: int, wanted: frozenset[int] | None = None) -> Exif:
        """The directory at an offset and those that hang on it."""
        exif = Exif(self.dialect)
        exif.image = self.directory(offset, wanted and wanted | {EXIF, GPS})
        exif.photo = self._child(exif.image, EXIF)
        exif.gps = self._child(exif.image, GPS, ExifTags.GPSTAGS)
        exif.interop = self._child(exif.photo, INTEROP)
        return exif

    def page(self, number: int) -> int:
        """The offset of a page's directory, counted from 0."""
        offset = self.first
        for _ in range(number):
            _, offset = self.entries(offset)
        return offset

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

    def directory(
        self,
        offset: int,
        wanted: frozenset[int] | None = None,
        names: Mapping[int, str] = ExifTags.TAGS,
    ) -> Directory:
        """The wanted tags, or all, of a directory."""
        dialect, found = self.dialect, Directory()
        for entry in self.entries(offset)[0]:
            tag, kind = dialect.number(entry[:2]), dialect.number(entry[2:4])
            if (wanted is not None and tag not in wanted) or tag in found:
                continue
            if kind not in _SIZES:
                self.problems.append(f"{tag_name(tag, names)} is of an unknown type")
                continue
            size = dialect.number(entry[4 : 4 + dialect.word]) * _SIZES[kind]
            value, at = entry[4 + dialect.word :], 0
            if size > dialect.word:
                at = dialect.number(value)
                if at + size > self.end or size > self._budget:
                    self.problems.append(f"{tag_name(tag, names)} lies outside the data")
                    continue
                self._budget -= size
                self.file.seek(at)
                value = self.file.read(size)
            if size:
                found[tag] = Field(kind, value[:size], at)
        return found

    def _child(
        self, parent: Directory, tag: int, names: Mapping[int, str] = ExifTags.TAGS
    ) -> Directory:
        """The directory that a tag points at; the tag itself is taken out."""
        pointer = parent.pop(tag, None)
        if pointer is None:
            return {}
        before = len(self.problems)
        try:
            found = self.directory(pointer.numbers(self.dialect)[0], names=names)
        except ValueError:
            found = {}
            self.problems.append("its directory lies outside the data")
        # Where something else lies than a directory, some of its bytes may look like tags.
        if len(self.problems) - before > len(found):
            self.problems[before:] = [f"the directory of {tag_name(tag)} is damaged"]
            return {}
        return found


def tag_name(tag: int, names: Mapping[int, str] = ExifTags.TAGS) -> str:
    """What EXIF calls a tag, or its number."""
    return names.get(tag, f"tag 0x{tag:04X}")
