"""IPTC-IIM captions: the records, and the Photoshop resources that hold them.

Formats: IPTC Information Interchange Model 4.2 (2014); Photoshop File Formats (Adobe), "Image
Resource Blocks".
"""

from collections.abc import Container, Iterable, Iterator

__all__ = ["IPTC_RESOURCE", "build_resources", "drop_resources", "parse_resources", "sound_records"]

#: The Photoshop resource that holds IPTC records.
IPTC_RESOURCE = 0x0404


def sound_records(data: bytes) -> bytes:
    """The IPTC records before the first damage."""
    at = 0
    while len(data) - at >= 5 and data[at] == 0x1C:
        size, begin = int.from_bytes(data[at + 3 : at + 5], "big"), at + 5
        if size & 0x8000:  # the length follows, in as many bytes as this says
            begin += size & 0x7FFF
            size = int.from_bytes(data[at + 5 : begin], "big")
        if begin + size > len(data):
            break
        at = begin + size
    return data[:at]


def parse_resources(data: bytes) -> tuple[dict[int, bytes], int]:
    """Split Photoshop's image resources.

    Returns:
        The first of each number before the first damage, and where that is.
    """
    resources: dict[int, bytes] = {}
    damage = 0
    for number, (_, begin, size, end) in _blocks(data):
        resources.setdefault(number, data[begin : begin + size])
        damage = end
    return resources, damage


def drop_resources(data: bytes, numbers: Container[int]) -> bytes:
    """Photoshop's image resources without those of some numbers; the others stay as they are."""
    kept, at = [], 0
    for number, (start, _, _, end) in _blocks(data):
        if number not in numbers:
            kept.append(data[start:end])
        at = end
    return b"".join([*kept, data[at:]])


def _blocks(data: bytes) -> Iterator[tuple[int, tuple[int, int, int, int]]]:
    """Of each resource before the first damage its number, and where in the data it is.

    That is: its beginning, its content's, how many bytes that has, and its end.
    """
    at = 0
    while data[at : at + 4] == b"8BIM" and len(data) - at >= 12:
        name = (1 + data[at + 6] + 1) & ~1  # its length and itself, made even
        begin = at + 6 + name + 4
        size = int.from_bytes(data[begin - 4 : begin], "big")
        if begin + size > len(data):
            break
        end = min(begin + size + size % 2, len(data))
        yield int.from_bytes(data[at + 4 : at + 6], "big"), (at, begin, size, end)
        at = end


def build_resources(resources: Iterable[tuple[int, bytes]]) -> bytes:
    """Photoshop's image resources, without names, from (number, content)."""
    return b"".join(
        b"8BIM" + number.to_bytes(2, "big") + b"\0\0" + len(data).to_bytes(4, "big")
        + data + bytes(len(data) % 2)
        for number, data in resources
    )  # fmt: skip
