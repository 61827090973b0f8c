"""What a result says of its colors, what others read of it, and XMP that means harm."""

import dataclasses
import hashlib
import logging
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image

from keras_colorize.errors import PhotoError
from keras_colorize.metadata.provenance import (
    DIGITAL_SOURCE_TYPE,
    Provenance,
    add_provenance,
    describe_settings,
    find_provenance,
    read_provenance,
)
from keras_colorize.metadata.reading import Metadata, read_metadata
from keras_colorize.metadata.xmp import Xmp
from tests.conftest import SAMPLE
from tests.metadata.sources import save

ALPINE = SAMPLE / "historical" / "alpine_landscape.jpg"

PROVENANCE = Provenance(
    software="keras_colorize 0.1.0",
    model="generator.keras",
    model_hash=hashlib.sha256(b"model").hexdigest(),
    input_hash=hashlib.sha256(ALPINE.read_bytes()).hexdigest(),
    settings=describe_settings({"working_size": 256, "saturation": 1.0, "sizes": [256, 320]}),
    input_name="Ängste & <Löwen>.jpg",
)

# A packet in the compact form that Adobe's programs write: attributes, and a history.
ADOBE = (
    b"""<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="Adobe XMP Core"><rdf:RDF
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""
 xmlns:xap="http://ns.adobe.com/xap/1.0/" xmlns:xapMM="http://ns.adobe.com/xap/1.0/mm/"
 xmlns:stEvt="http://ns.adobe.com/xap/1.0/sType/ResourceEvent#"
 xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
 xap:CreatorTool="Epson Scan 2" xapMM:DocumentID="xmp.did:1" xapMM:InstanceID="xmp.iid:2"
 xapMM:OriginalDocumentID="xmp.did:0" Iptc4xmpExt:DigitalSourceType="http://scan/print">
<xapMM:History><rdf:Seq><rdf:li stEvt:action="created" stEvt:when="1999-01-01"/></rdf:Seq>
</xapMM:History></rdf:Description></rdf:RDF></x:xmpmeta>"""
    + b" " * 2000
    + b'<?xpacket end="w"?>'
)

PREFIXES = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "mm": "http://ns.adobe.com/xap/1.0/mm/",
    "ext": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "evt": "http://ns.adobe.com/xap/1.0/sType/ResourceEvent#",
    "ref": "http://ns.adobe.com/xap/1.0/sType/ResourceRef#",
}


# ---- what is said -------------------------------------------------------------------------------


def test_what_is_said_in_the_words_of_others() -> None:
    root = ElementTree.fromstring(add_provenance(ADOBE, PROVENANCE))  # an independent reader

    def texts(path: str) -> list[str | None]:
        return [element.text for element in root.iterfind(f".//{path}", PREFIXES)]

    assert texts("ext:DigitalSourceType") == [DIGITAL_SOURCE_TYPE]
    assert DIGITAL_SOURCE_TYPE.endswith("/digitalsourcetype/compositeWithTrainedAlgorithmicMedia")
    assert texts("ext:AISystemUsed") == ["keras_colorize 0.1.0, model generator.keras"]
    assert texts("ext:AISystemVersionUsed") == [f"sha256:{PROVENANCE.model_hash}"]
    assert texts("xmp:CreatorTool") == ["keras_colorize 0.1.0"]
    first, second = root.iterfind(".//mm:History/rdf:Seq/rdf:li", PREFIXES)
    assert first.get(f"{{{PREFIXES['evt']}}}action") == "created"
    assert second.findtext("evt:action", None, PREFIXES) == "colorized"
    assert second.findtext("evt:softwareAgent", None, PREFIXES) == "keras_colorize 0.1.0"
    parameters = second.findtext("evt:parameters", "", PREFIXES)
    assert "xmp:CreatorTool was Epson Scan 2" in parameters
    assert "DigitalSourceType was http://scan/print" in parameters
    assert PROVENANCE.model_hash in parameters and PROVENANCE.input_hash in parameters
    assert PROVENANCE.settings in parameters
    assert texts("evt:when") == []
    # This is another file than the original, and it is known which one that was.
    assert texts("mm:DerivedFrom/ref:documentID") == ["xmp.did:1"]
    assert texts("mm:DerivedFrom/ref:instanceID") == ["xmp.iid:2"]
    assert texts("mm:OriginalDocumentID") == ["xmp.did:0"]
    (instance,) = texts("mm:InstanceID")
    assert instance == second.findtext("evt:instanceID", None, PREFIXES) != "xmp.iid:2"
    for element in root.iter():  # nothing is left where it was replaced
        assert "Epson Scan 2" not in element.attrib.values()


def test_the_same_bytes_for_the_same_input_and_a_time_when_asked() -> None:
    packet = add_provenance(ADOBE, PROVENANCE)
    assert packet == add_provenance(ADOBE, PROVENANCE)
    assert len(packet) < 5000  # the padding is gone
    dated = add_provenance(ADOBE, PROVENANCE, when="2026-11-24T12:00:00+01:00")
    assert b"<stEvt:when>2026-11-24T12:00:00+01:00</stEvt:when>" in dated
    other = dataclasses.replace(PROVENANCE, settings="{}")
    assert Xmp(packet).text("xmpMM:InstanceID") != Xmp(add_provenance(ADOBE, other)).text(
        "xmpMM:InstanceID"
    )


def test_colorized_twice() -> None:
    once = add_provenance(ADOBE, PROVENANCE)
    second = dataclasses.replace(PROVENANCE, software="keras_colorize 0.2.0", input_name=None)
    twice = Xmp(add_provenance(once, second))
    assert twice.values("kerasColorize:software") == ["keras_colorize 0.2.0"]
    assert not twice.has("kerasColorize:inputName")
    assert find_provenance(twice.to_bytes()) == second
    events = ElementTree.fromstring(twice.to_bytes()).findall(".//evt:action", PREFIXES)
    assert [event.text for event in events] == ["colorized", "colorized"]


def test_a_damaged_packet_is_replaced_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        packet = add_provenance(b"<x:xmpmeta>", PROVENANCE)
    assert "the original's XMP is left out: not well-formed" in caplog.text
    assert packet == add_provenance(None, PROVENANCE)


# ---- reading it again ---------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
@pytest.mark.parametrize("original", [None, ADOBE], ids=["no_xmp", "adobe"])
def test_read_from_any_format(tmp_path: Path, suffix: str, original: bytes | None) -> None:
    path = tmp_path / f"x{suffix}"
    exif = Image.Exif()
    exif[270] = "x" * 30_000  # a segment that is passed over
    metadata = Metadata(exif=exif.tobytes()[6:], xmp=add_provenance(original, PROVENANCE))
    save(path, metadata)
    assert read_provenance(path) == PROVENANCE
    assert PROVENANCE.matches(read_provenance(path))
    with Image.open(path) as image:
        assert find_provenance(read_metadata(image).xmp) == PROVENANCE
    plain = tmp_path / f"plain{suffix}"
    save(plain, Metadata(xmp=original))
    assert read_provenance(plain) is None


def test_read_where_the_rest_of_xmp_is_too_long_for_a_segment(tmp_path: Path) -> None:
    history = b"<rdf:li>" + b"x" * 1000 + b"</rdf:li>"
    long = ADOBE.replace(b"<rdf:Seq>", b"<rdf:Seq>" + history * 200)
    save(tmp_path / "x.jpg", Metadata(xmp=add_provenance(long, PROVENANCE)))
    assert read_provenance(tmp_path / "x.jpg") == PROVENANCE


def test_matches() -> None:
    same = dataclasses.replace(PROVENANCE, model="another name", input_name=None)
    assert PROVENANCE.matches(same)
    assert not PROVENANCE.matches(None)
    for change in (
        {"software": "keras_colorize 0.2.0"},
        {"model_hash": "0" * 64},
        {"input_hash": "0" * 64},
        {"settings": describe_settings({"working_size": 320})},
    ):
        assert not PROVENANCE.matches(dataclasses.replace(PROVENANCE, **change))
    assert describe_settings({"b": 1, "a": "ü"}) == '{"a":"ü","b":1}'
    with pytest.raises(ValueError, match=r"model_hash must be .* Received: 'abc'"):
        dataclasses.replace(PROVENANCE, model_hash="abc")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"input_hash": "0" * 64}, "another original"),
        ({"input_hash": "0" * 64, "input_name": "b\n.jpg"}, "another original (b .jpg)"),
        ({"model_hash": "0" * 64, "model": "old"}, "another model (old)"),
        ({"software": "keras_colorize 0.0.9"}, "another version (keras_colorize 0.0.9)"),
        ({"chosen_colors": "0" * 64}, "other colors chosen by a person"),
        (
            {"settings": f'{{"saturation":0.5,"sizes":[256,320],"look":"x","album":"{"0" * 64}"}}'},
            'other settings (album; look "x", not none; saturation 0.5, not 1.0; working_size none,'
            " not 256)",
        ),
        ({"settings": "[1]"}, "other settings"),
        ({"settings": "{"}, "other settings"),
        ({"settings": "{}", "software": "0"}, "another version (0), other settings (saturation"),
    ],
)
def test_what_does_not_match_is_told_apart(change: dict[str, str], told: str) -> None:
    other = dataclasses.replace(PROVENANCE, **change)
    assert not PROVENANCE.matches(other)
    assert PROVENANCE.tell_apart(other).startswith(told)


def test_files_that_say_nothing(tmp_path: Path) -> None:
    save(tmp_path / "x.jpg", Metadata(xmp=add_provenance(None, PROVENANCE)))
    data = (tmp_path / "x.jpg").read_bytes()
    for name, content in {
        "empty": b"",
        "text": b"kerasColorize",
        "cut": data[:300],
        "mended": data.replace(PROVENANCE.model_hash.encode(), b"f" * 63 + b"!"),
        "lacking": data.replace(b"kerasColorize:inputHash>", b"kerasColorize:otherHash>"),
        "riff": b"RIFF\xff\xff\xff\xffWEBPVP8 \xff\xff\xff\xff",
        "png": b"\x89PNG\r\n\x1a\n\xff\xff\xff\xffiTXt",
        "tiff": b"II*\0\xff\xff\xff\xff",
        "fill": b"\xff\xd8" + b"\xff" * 50,
        "short": b"\xff\xd8\xff\xe1\0\0" * 5,
    }.items():
        (tmp_path / name).write_bytes(content)
        assert read_provenance(tmp_path / name) is None, name
    with pytest.raises(PhotoError, match=r"unreadable: No such file or directory"):
        read_provenance(tmp_path / "absent.jpg")
    with pytest.raises(PhotoError, match="unreadable: Is a directory"):
        read_provenance(tmp_path)
