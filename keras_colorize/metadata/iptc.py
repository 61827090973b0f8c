"""IPTC-IIM captions: the records, the Photoshop resources that hold them, and what XMP calls them.

Formats: IPTC Information Interchange Model 4.2 (2014); Photoshop File Formats (Adobe), "Image
Resource Blocks"; the names in XMP are those of the IPTC Photo Metadata Standard.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

__all__ = [
    "IPTC_RESOURCE",
    "Caption",
    "build_resources",
    "captions",
    "parse_iptc",
    "parse_resources",
    "without_counterpart",
]

#: The Photoshop resource that holds IPTC records.
IPTC_RESOURCE = 0x0404

# Dataset of record 2: the property of XMP, and how it is kept there ("" is plain text).
_COUNTERPARTS = {
    5: ("dc:title", "Alt"),
    10: ("photoshop:Urgency", ""),
    15: ("photoshop:Category", ""),
    20: ("photoshop:SupplementalCategories", "Bag"),
    25: ("dc:subject", "Bag"),
    40: ("photoshop:Instructions", ""),
    55: ("photoshop:DateCreated", ""),
    80: ("dc:creator", "Seq"),
    85: ("photoshop:AuthorsPosition", ""),
    90: ("photoshop:City", ""),
    92: ("Iptc4xmpCore:Location", ""),
    95: ("photoshop:State", ""),
    100: ("Iptc4xmpCore:CountryCode", ""),
    101: ("photoshop:Country", ""),
    103: ("photoshop:TransmissionReference", ""),
    105: ("photoshop:Headline", ""),
    110: ("photoshop:Credit", ""),
    115: ("photoshop:Source", ""),
    116: ("dc:rights", "Alt"),
    120: ("dc:description", "Alt"),
    122: ("photoshop:CaptionWriter", ""),
}
_DATE_CREATED, _TIME_CREATED = 55, 60
_MAX_RECORDS = 10_000
# The version of the record, and the time that belongs to the date.
_PART_OF_OTHERS = {0, _TIME_CREATED}


class Caption(NamedTuple):
    """A property of XMP that says what IPTC records say.

    Attributes:
        name: as in ``dc:title``.
        array: "Alt" (languages), "Bag" or "Seq", or "" for plain text.
        values: one or, in a bag or a sequence, several.
    """

    name: str
    array: str
    values: list[str]


Record = tuple[int, int, bytes]


def parse_iptc(data: bytes) -> tuple[list[Record], int]:
    """Split IPTC data into (record, dataset, value).

    Returns:
        The records before the first damage, and how many bytes they take.
    """
    records: list[Record] = []
    at = 0
    while len(data) - at >= 5 and data[at] == 0x1C and len(records) < _MAX_RECORDS:
        size, begin = int.from_bytes(data[at + 3 : at + 5], "big"), at + 5
        if size & 0x8000:  # the length follows, in as many bytes as this says
            begin += size & 0x7FFF
            size = int.from_bytes(data[at + 5 : begin], "big")
        if begin + size > len(data):
            break
        records.append((data[at + 1], data[at + 2], data[begin : begin + size]))
        at = begin + size
    return records, at


def captions(iptc: bytes) -> list[Caption]:
    """What IPTC records say of a photograph, under the names that XMP has for it."""
    records, _ = parse_iptc(iptc)
    declared = any(record[:2] == (1, 90) and b"\x1b%G" in record[2] for record in records)
    values: dict[int, list[str]] = {}
    for record, dataset, data in records:
        text = _decode(data, declared).strip()
        if record == 2 and text:
            values.setdefault(dataset, []).append(text)
    if _DATE_CREATED in values:
        time = values.get(_TIME_CREATED, [""])[0]
        values[_DATE_CREATED] = [_date(values[_DATE_CREATED][0], time)]
    return [
        Caption(name, array, values[dataset] if array in ("Bag", "Seq") else values[dataset][:1])
        for dataset, (name, array) in _COUNTERPARTS.items()
        if any(values.get(dataset, ()))
    ]


def without_counterpart(iptc: bytes) -> list[str]:
    """The datasets that :func:`captions` passes over, such as ``2:10``, sorted."""
    records, _ = parse_iptc(iptc)
    known = _COUNTERPARTS.keys() | _PART_OF_OTHERS
    left = {(r, d) for r, d, _ in records if r != 1 and not (r == 2 and d in known)}
    return [f"{record}:{dataset:02}" for record, dataset in sorted(left)]


def parse_resources(data: bytes) -> tuple[dict[int, bytes], int]:
    """Split Photoshop's image resources.

    Returns:
        The first of each number before the first damage, and where that is.
    """
    resources: dict[int, bytes] = {}
    at = 0
    while data[at : at + 4] == b"8BIM" and len(data) - at >= 12:
        name = (1 + data[at + 6] + 1) & ~1  # its length and itself, made even
        begin = at + 6 + name + 4
        size = int.from_bytes(data[begin - 4 : begin], "big")
        if begin + size > len(data):
            break
        number = int.from_bytes(data[at + 4 : at + 6], "big")
        resources.setdefault(number, data[begin : begin + size])
        at = begin + size + size % 2
    return resources, min(at, len(data))


def build_resources(resources: Iterable[tuple[int, bytes]]) -> bytes:
    """Photoshop's image resources, without names, from (number, content)."""
    return b"".join(
        b"8BIM" + number.to_bytes(2, "big") + b"\0\0" + len(data).to_bytes(4, "big")
        + data + bytes(len(data) % 2)
        for number, data in resources
    )  # fmt: skip


def _decode(data: bytes, declared: bool) -> str:
    """Text in UTF-8 where 1:90 says so or where it can be nothing else; else in Windows Latin-1."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("utf-8" if declared else "cp1252", errors="replace")


def _date(date: str, time: str) -> str:
    """``19120400`` and ``153000+0100`` to ``1912-04``, or with a day and a time if there are."""
    match = re.fullmatch(r"(\d{4})-?(\d\d)-?(\d\d)", date)
    if match is None:
        return date
    parts = [match[1]]
    for part in match.groups()[1:]:
        if part == "00":  # not known
            break
        parts.append(part)
    clock = re.match(r"(\d\d):?(\d\d):?(\d\d)(?:([+-]\d\d):?(\d\d))?", time)
    if clock is None or len(parts) < 3:
        return "-".join(parts)
    zone = f"{clock[4]}:{clock[5]}" if clock[4] else ""
    return f"{'-'.join(parts)}T{clock[1]}:{clock[2]}:{clock[3]}{zone}"
