"""XMP that is too long for a segment of a JPEG: read as others write it, written as they read it.

What Adobe's library writes is made by hand here, by XMP Specification Part 3, section 1.1.3.1.
"""

import hashlib
import struct

import pytest

from keras_colorize.metadata.jpeg_xmp import join_packets, split_packet
from keras_colorize.metadata.xmp import JPEG_EXTENSION, JPEG_PACKET, Xmp
from tests.metadata.sources import XMP

RDF = (
    "<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF "
    "xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>"
    "<rdf:Description rdf:about='' xmlns:d='urn:depth' xmlns:xmpNote='http://ns.adobe.com/xmp/note/'"
    " xmlns:dc='http://purl.org/dc/elements/1.1/' %s/></rdf:RDF></x:xmpmeta>"
)
EXTENSION = (RDF % f"d:map='{'q' * 150_000}' dc:source='theirs'").encode()
NAME = hashlib.md5(EXTENSION).hexdigest().upper()
FIRST = (RDF % f"dc:source='ours' xmpNote:HasExtendedXMP='{NAME}'").encode()


def payload(name: str, whole: bytes, begin: int, end: int) -> bytes:
    head = name.encode() + struct.pack(">II", len(whole), begin)
    return b"http://ns.adobe.com/xmp/extension/\0" + head + whole[begin:end]


def pieces(name: str = NAME, whole: bytes = EXTENSION) -> list[bytes]:
    steps = range(0, len(whole), 65_000)
    return [payload(name, whole, step, step + 65_000) for step in steps]


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0, 1], [0, 0, 1, 2]])
def test_an_extension_is_read(order: list[int]) -> None:
    stranger = payload("0" * 32, b"<other/>", 0, 9)
    packet, left_out = join_packets(
        [b"Exif\0\0", JPEG_PACKET + FIRST, stranger, *(pieces()[at] for at in order)]
    )
    assert left_out == [] and packet is not None
    assert b'd:map="' + b"q" * 150_000 in packet
    xmp = Xmp(packet)
    assert xmp.values("dc:source") == ["ours"]
    assert not xmp.has("xmpNote:HasExtendedXMP")


@pytest.mark.parametrize(
    ("payloads", "reason"),
    [
        (pieces()[1:], "it is not the one that the packet names, or not whole"),
        (pieces(whole=EXTENSION.replace(b"q", b"w")), "it is not the one"),
        (pieces("A" * 32), "the packet names none, or another one"),
        ([JPEG_EXTENSION + b"short"], "the packet names none, or another one"),
    ],
)
def test_what_does_not_belong_is_left_out(payloads: list[bytes], reason: str) -> None:
    packet, left_out = join_packets([JPEG_PACKET + FIRST, *payloads])
    assert packet == FIRST
    assert len(left_out) == 1
    assert left_out[0].startswith(f"extension of XMP left out: {reason}")


def test_an_extension_of_nothing_is_left_out() -> None:
    assert join_packets(pieces()) == (
        None,
        ["extension of XMP left out: there is no packet that it extends"],
    )
    broken, left_out = join_packets([JPEG_PACKET + b"<a", *pieces()])
    assert broken == b"<a" and "not well-formed" in left_out[0]


@pytest.mark.parametrize("size", [0, 60_000, 70_000, 400_000])
def test_what_is_written_is_read_again(size: int) -> None:
    xmp = Xmp(XMP.replace(b'own:shelf="', b'own:shelf="' + b"x" * size))
    xmp.set("kerasColorize:software", "ours")
    packet = xmp.to_bytes()
    payloads = split_packet(packet)
    assert max(map(len, payloads)) <= 65_533
    assert len(payloads) == 1 + -(-size // 65_400) * (size > 65_000)
    assert Xmp(payloads[0][len(JPEG_PACKET) :]).text("kerasColorize:software") == "ours"
    again, left_out = join_packets(payloads)
    assert left_out == [] and again is not None
    assert b'own:shelf="' + b"x" * size in again
    said, says = Xmp(packet), Xmp(again)
    for name in ("dc:title", "kerasColorize:software", "tiff:Orientation"):
        assert says.values(name) == said.values(name)
    if size < 65_000:
        assert again == packet
