"""XMP: what is kept, what is refused, what is found in files."""

import io
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from keras_colorize.metadata.reading import Metadata
from keras_colorize.metadata.upright import upright
from keras_colorize.metadata.xmp import Xmp, find_xmp
from tests.metadata.sources import SIZE, XMP, metadata_of, save


def test_unknown_xmp_is_kept_with_its_prefixes(sources: Path) -> None:
    xmp = upright(metadata_of(sources / "jpeg.jpg"), SIZE).xmp
    assert xmp is not None
    text = xmp.decode()
    assert 'own:shelf="A&#10;&amp; &lt;B&gt; &quot;7&quot;"' in text
    assert "<DC:title>" in text
    assert "xmptk" not in text  # it wasn't that toolkit which wrote this


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_pixels_are_not_read(tmp_path: Path, suffix: str) -> None:
    class Counting(io.FileIO):
        count = 0

        def readinto(self, buffer: Any) -> int:
            self.count += (size := super().readinto(buffer) or 0)
            return size

    path = tmp_path / f"x{suffix}"
    noise = np.random.default_rng(1).integers(0, 256, (400, 400, 3), np.uint8)
    save(path, Metadata(xmp=XMP), Image.fromarray(noise))
    size = path.stat().st_size
    with Counting(path) as raw, io.BufferedReader(raw) as file:
        assert Xmp(find_xmp(file) or b"").text("DC:title".lower()) == "Gebäude"
        assert raw.count < 3 * io.DEFAULT_BUFFER_SIZE < size / 4


LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE lol [<!ENTITY a "lol">%s]><rdf:RDF
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">&z;</rdf:RDF>""" % b"".join(
    b'<!ENTITY %c "%s">' % (98 + i, b"&%c;" % (97 + i) * 10) for i in range(25)
)
EXTERNAL = b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>'


@pytest.mark.parametrize(
    "packet, reason",
    [
        (LAUGHS, "with a document type"),
        (EXTERNAL, "with a document type"),
        ("\ufeff".encode("utf-16-le") + EXTERNAL.decode().encode("utf-16-le"), "document type"),
        (b"<?xml version='1.0' encoding='utf-7'?>+ADwAIQ-DOCTYPE x>", "not well-formed"),
        (b"\xff\xfe<", "not UTF-8"),
        (b"<a>" * 100_000, "not well-formed"),
        (b"<a>" * 300 + b"</a>" * 300, "depth"),
        (b"<r>" + b"<a/>" * 600_000 + b"</r>", "tags"),
        (b"<r " + b" ".join(b'a%d=""' % i for i in range(250_000)) + b"/>", "attributes"),
        (b"<r a='" + b"x" * 9_000_000, "not well-formed"),
        (b"<r>" + b"x" * 11_000_000 + b"</r>", "too long"),
        (b" " * (33 << 20), "larger than 32 MB"),
        (b"", "not well-formed"),
        (b"<x/>", "without rdf:RDF"),
        (b"<x>&undefined;</x>", "not well-formed"),
    ],
)
def test_hostile_packets_are_refused(packet: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Xmp(packet)


def test_prefixes_that_mean_several_namespaces() -> None:
    rdf = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
    names = "".join(f'<dc:a xmlns:dc="urn:{i}">{i}</dc:a>' for i in range(500))
    packet = f"<rdf:RDF {rdf}><rdf:Description rdf:about=''>{names}</rdf:Description></rdf:RDF>"
    xmp = Xmp(packet.encode())
    xmp.set("dc:title", "one\0\x07two")
    again = Xmp(xmp.to_bytes())
    assert again.to_bytes() == xmp.to_bytes()
    assert again.text("dc:title") == "onetwo"
    root = ElementTree.fromstring(again.to_bytes())
    assert [root.findtext(f".//{{urn:{i}}}a") for i in range(500)] == [str(i) for i in range(500)]


def test_what_is_written_is_written_alike_again() -> None:
    """Without the second declaration of a prefix, which nothing uses, the third is needless."""
    inner = '<rdf:Description xmlns:a="urn:1"><a:two>t</a:two></rdf:Description>'
    middle = f'<b:b xmlns:a="urn:2" xmlns:b="urn:3">{inner}</b:b>'
    packet = (
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description xmlns:a="urn:1"><a:one>{middle}</a:one></rdf:Description></rdf:RDF>'
    )
    written = Xmp(packet.encode()).to_bytes()
    assert Xmp(written).to_bytes() == written
    assert b"a:two" in written


def test_a_declared_encoding_changes_nothing() -> None:
    declared = b"<?xml version='1.0' encoding='utf-7'?>" + XMP.partition(b"?>\n")[2]
    assert Xmp(declared).values("dc:title") == ["Gebäude", "Édifice\n"]
    assert Xmp(XMP.decode().encode("utf-16")).text("tiff:Orientation") == "6"


def test_values_of_every_form() -> None:
    rdf = b"xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'"
    names = b"xmlns:dc='http://purl.org/dc/elements/1.1/' xmlns:xmp='http://ns.adobe.com/xap/1.0/'"
    xmp = Xmp(
        b"<rdf:RDF %s><rdf:Description rdf:about='uuid:7' %s xmp:Rating='5'>"
        b"<dc:source rdf:resource='http://archive.example/7'/><dc:format> </dc:format>"
        b"<dc:type rdf:parseType='Resource'><rdf:value>print</rdf:value><dc:a>b</dc:a></dc:type>"
        b"<dc:subject><rdf:Bag><rdf:li>a</rdf:li><rdf:li/><rdf:li>b</rdf:li></rdf:Bag></dc:subject>"
        b"</rdf:Description><rdf:Description %s><dc:source>second</dc:source></rdf:Description>"
        b"</rdf:RDF>" % (rdf, names, names)
    )
    assert xmp.text("xmp:Rating") == "5"
    assert xmp.text("dc:source") == "http://archive.example/7"
    assert xmp.text("dc:type") == "print"
    assert xmp.values("dc:subject") == ["a", "b"]
    assert xmp.values("dc:rights") == [] and not xmp.has("dc:rights")
    xmp.remove("dc:source")
    assert not xmp.has("dc:source")
    xmp.set("xmp:Rating", "3")
    assert b'rdf:about="uuid:7"' in xmp.to_bytes().partition(b"</rdf:Description>")[2]
    assert Xmp(xmp.to_bytes()).values("xmp:Rating") == ["3"]


@pytest.mark.parametrize("empty", ["", "<rdf:Description/>", "<rdf:Description rdf:about=''/>"])
def test_text_between_elements_does_not_stay(empty: str) -> None:
    """Which the fuzzer found: it kept a packet from being indented, but only the first time."""
    rdf = "<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>%s</rdf:RDF>"
    xmp = Xmp((rdf % f"0{empty.replace('/>', '>1</rdf:Description>')}2").encode())
    xmp.append("xmpMM:History", {"stEvt:action": "colorized"})
    packet = xmp.to_bytes()
    assert Xmp(packet).to_bytes() == packet
    assert Xmp(XMP.replace(b"</DC:title>", b"</DC:title>0")).to_bytes() == Xmp(XMP).to_bytes()


def test_split_by_the_largest_properties_and_merged_again() -> None:
    xmp = Xmp(XMP.replace(b'own:shelf="', b'own:shelf="' + b"x" * 5000))
    xmp.set("kerasColorize:settings", "y" * 3000)
    xmp.append("xmpMM:History", {"stEvt:action": "z" * 4000})
    whole = xmp.to_bytes()
    assert b"x" * 9 not in xmp.split(20_000) and xmp.to_bytes() == whole
    shelf = xmp.split(9500)
    assert b"x" * 5000 in shelf and b"zzz" not in shelf and b"Geb" not in shelf
    history = xmp.split(4600)
    assert b"z" * 4000 in history and b"xxx" not in history
    short = Xmp(xmp.to_bytes())
    assert len(xmp.to_bytes()) <= 4600
    assert short.text("dc:title") == "Gebäude"
    assert short.text("kerasColorize:settings") == "y" * 3000
    short.merge(Xmp(shelf))
    short.merge(Xmp(history.replace(b"rdf:Seq>", b"rdf:Bag>")))
    short.merge(Xmp(history))  # it says the same already
    merged = short.to_bytes()
    assert b'own:shelf="' + b"x" * 5000 in merged
    assert merged.count(b"z" * 4000) == 1 and b"rdf:Bag" in merged
    assert len(set(re.findall(rb'rdf:about="[^"]*"', merged))) == 1


def test_whatever_makes_a_packet_long_can_be_taken_out() -> None:
    rdf = b"<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#' xml:lang='%s'>"
    packet = (
        b"<x:xmpmeta xmlns:x='adobe:ns:meta/' x:b='%s'><x:c>%s</x:c>" + rdf + b"<x:d>%s</x:d>"
        b"<rdf:Description rdf:about='%s'/></rdf:RDF></x:xmpmeta>"
    ) % ((b"x" * 70_000,) * 5)
    xmp = Xmp(packet)
    xmp.set("kerasColorize:software", "s")
    xmp.split(1000)
    assert len(xmp.to_bytes()) <= 1000
    assert Xmp(xmp.to_bytes()).text("kerasColorize:software") == "s"
