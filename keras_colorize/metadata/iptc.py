"""IPTC-IIM captions: the records, and the Photoshop resources that hold them.

Formats: IPTC Information Interchange Model 4.2 (2014); Photoshop File Formats (Adobe), "Image
Resource Blocks".
"""

from collections.abc import Iterable

__all__ = ["IPTC_RESOURCE", "build_resources", "parse_resources", "sound_records"]

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
