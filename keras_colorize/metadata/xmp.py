"""XMP packets: read without trusting them, changed property by property, written again.

Properties are named as in ``dc:title``, with the prefixes of :data:`NAMESPACES`, whatever prefixes
a packet itself uses; those it keeps when it is written. What isn't asked for stays: unknown
namespaces, structures, qualifiers. Comments and padding go.

Formats: XMP Specification Part 1 (Adobe, 2012; ISO 16684-1), and Part 3 for its place in files.
"""

import re
from collections.abc import Mapping
from typing import Any, BinaryIO

from lxml import etree
from PIL.ExifTags import Base as Tag

from keras_colorize.metadata.exif import read_tiff_directories
from keras_colorize.metadata.pieces import pieces

__all__ = ["JPEG_EXTENSION", "JPEG_PACKET", "NAMESPACES", "Xmp", "find_xmp"]

#: How a JPEG's segment that holds a packet begins, and one that holds a piece of what was too long
#: for it (Part 3, sections 1.1.3 and 1.1.3.1).
JPEG_PACKET = b"http://ns.adobe.com/xap/1.0/\0"
JPEG_EXTENSION = b"http://ns.adobe.com/xmp/extension/\0"
_PNG_PACKET = b"XML:com.adobe.xmp\0\0\0"  # of a text that isn't compressed

#: The namespaces of the properties that this package reads or writes, by prefix.
NAMESPACES = {
    "x": "adobe:ns:meta/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "Container": "http://ns.google.com/photos/1.0/container/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "GCamera": "http://ns.google.com/photos/1.0/camera/",
    "hdrgm": "http://ns.adobe.com/hdr-gain-map/1.0/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "kerasColorize": "urn:keras-colorize:provenance:1#",
    "MP": "http://ns.microsoft.com/photo/1.2/",
    "mwg-rs": "http://www.metadataworkinggroup.com/schemas/regions/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "stEvt": "http://ns.adobe.com/xap/1.0/sType/ResourceEvent#",
    "stRef": "http://ns.adobe.com/xap/1.0/sType/ResourceRef#",
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "xmpMM": "http://ns.adobe.com/xap/1.0/mm/",
    "xmpNote": "http://ns.adobe.com/xmp/note/",
}

# Depth maps and edit histories reach some megabytes, a history of pasted pictures 100,000 items.
# The parser itself refuses a depth above 256, of which real packets have about ten, and texts
# above 10 MB.
_MAX_BYTES = 32 << 20
_MAX_TAGS = 500_000
_MAX_ATTRIBUTES = 200_000
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_BEGIN = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'.encode()
_END = b'<?xpacket end="w"?>'

_Element = Any  # lxml says nothing of its types


def _qualified(name: str) -> str:
    """``dc:title`` as lxml writes it, ``{http://purl.org/dc/elements/1.1/}title``."""
    prefix, _, local = name.partition(":")
    return f"{{{NAMESPACES[prefix]}}}{local}"


_META, _RDF, _DESCRIPTION = map(_qualified, ("x:xmpmeta", "rdf:RDF", "rdf:Description"))
_ABOUT, _LI, _VALUE, _SEQ = map(_qualified, ("rdf:about", "rdf:li", "rdf:value", "rdf:Seq"))
_PARSE_TYPE, _RESOURCE = map(_qualified, ("rdf:parseType", "rdf:resource"))
_ARRAYS = (_SEQ, *map(_qualified, ("rdf:Alt", "rdf:Bag")))
_NEW = b'<x:xmpmeta xmlns:x="%s"><rdf:RDF xmlns:rdf="%s"/></x:xmpmeta>' % (
    NAMESPACES["x"].encode(),
    NAMESPACES["rdf"].encode(),
)


class Xmp:
    """The properties of a packet; a new one has none.

    Args:
        packet: to read. Document types, and with them entities, are refused: no XMP needs them, and
            they are how small XML becomes large or reads other files.

    Raises:
        ValueError: it is damaged, or not XMP; the message is the reason.
    """

    def __init__(self, packet: bytes = _NEW) -> None:
        root = _parse(packet)
        rdf = root if root.tag == _RDF else root.find(_RDF)
        if rdf is None:
            raise ValueError("without rdf:RDF")
        root.attrib.clear()  # the name of the program that wrote it, which this isn't
        rdf.attrib.clear()
        rdf[:] = rdf.findall(_DESCRIPTION)  # XMP has nothing else
        for element in root.iter():  # nor text between elements
            element.tail = None
            if len(element) or element.tag in (root.tag, _RDF, _DESCRIPTION, *_ARRAYS):
                element.text = None
        root[:] = root.findall(_RDF) if root is not rdf else root
        self._root, self._rdf = root, rdf
        self._added: _Element | None = None  # the description of what is set

    def values(self, name: str) -> list[str]:
        """The texts of a property: of an array each of its items, of plain text one; [] if none."""
        tag = _qualified(name)
        for description in self._rdf.iterfind(_DESCRIPTION):
            if tag in description.attrib:
                return [description.get(tag)]
            for element in description.iterfind(tag):
                items = [li for array in element.iterchildren(*_ARRAYS) for li in array]
                return list(filter(None, map(_text, items or [element])))
        return []

    def text(self, name: str) -> str | None:
        """The text of a property, or the first of an array; None where there is none."""
        return next(iter(self.values(name)), None)

    def has(self, name: str) -> bool:
        """Whether there is a property of any kind."""
        tag = _qualified(name)
        return any(
            tag in description.attrib or description.find(tag) is not None
            for description in self._rdf.iterfind(_DESCRIPTION)
        )

    def remove(self, name: str) -> None:
        """Take a property out, wherever and however often it is kept."""
        self._remove(_qualified(name))

    def set(self, name: str, value: str) -> None:
        """Give a property this text and nothing else."""
        self.remove(name)
        self._add(name).text = _clean(value)

    def set_structure(self, name: str, fields: Mapping[str, str]) -> None:
        """Make a property a structure of these texts, by name."""
        self.remove(name)
        _fill(self._add(name), fields)

    def append(self, name: str, fields: Mapping[str, str]) -> None:
        """Add a structure to the end of an ordered array, which is made where it is missing."""
        array = self._rdf.find(f"{_DESCRIPTION}/{_qualified(name)}/{_SEQ}")
        if array is None:
            self.remove(name)
            array = etree.SubElement(self._add(name), _SEQ)
        _fill(etree.SubElement(array, _LI), fields)

    def split(self, limit: int) -> bytes:
        """Take the largest properties out until the packet has at most ``limit`` bytes.

        Those of this package last.

        Returns:
            What was taken out: a packet of its own, without the instructions around it.
        """
        packet = self.to_bytes()
        rest, excess = Xmp(packet), len(packet) - limit
        sizes: dict[str, int] = {}
        for description in self._rdf.iterfind(_DESCRIPTION):
            for tag, value in description.attrib.items():
                sizes[tag] = sizes.get(tag, 0) + len(value)
            for element in description:
                sizes[element.tag] = sizes.get(element.tag, 0) + _size(element)
        ours = _qualified("kerasColorize:")
        for tag in sorted(sizes, key=lambda tag: (tag.startswith(ours), -sizes[tag], tag)):
            if excess > 0:
                self._remove(tag)
                excess -= sizes[tag]
            elif tag != _ABOUT:
                rest._remove(tag)
        return rest.to_bytes()[len(_BEGIN) : -len(_END)]

    def merge(self, other: "Xmp") -> None:
        """Take over what another packet says of the same and this one doesn't."""
        said = {
            tag
            for description in self._rdf.iterfind(_DESCRIPTION)
            for tag in (*description.attrib, *(element.tag for element in description))
        }
        for tag in said - {_ABOUT}:
            other._remove(tag)
        about = self._about()
        for description in other._rdf.findall(_DESCRIPTION):
            description.set(_ABOUT, about)
            self._rdf.append(description)

    def to_bytes(self) -> bytes:
        """The packet in UTF-8, without padding: the same bytes for the same properties."""
        for description in self._rdf.findall(_DESCRIPTION):
            if not len(description) and set(description.attrib) <= {_ABOUT}:
                self._rdf.remove(description)
                self._added = None if description is self._added else self._added
        etree.cleanup_namespaces(self._root)
        # Declarations that one which is gone now had hidden go only when it is read again.
        root = etree.fromstring(etree.tostring(self._root, encoding="utf-8"), _parser())
        return _BEGIN + etree.tostring(root, encoding="utf-8", pretty_print=True) + _END

    def _remove(self, tag: str) -> None:
        for description in self._rdf.iterfind(_DESCRIPTION):
            description.attrib.pop(tag, None)
            for element in description.findall(tag):
                description.remove(element)

    def _add(self, name: str) -> _Element:
        if self._added is None:
            namespaces = {p: uri for p, uri in NAMESPACES.items() if p not in ("x", "rdf")}
            about = {_ABOUT: self._about()}
            self._added = etree.SubElement(self._rdf, _DESCRIPTION, about, namespaces)
        return etree.SubElement(self._added, _qualified(name))

    def _about(self) -> str:
        """What all descriptions of a packet are about (Part 1, section 7.4)."""
        return str(self._rdf.xpath("string(*/@rdf:about)", namespaces=NAMESPACES))


def _parse(packet: bytes) -> _Element:
    if len(packet) > _MAX_BYTES:
        raise ValueError(f"larger than {_MAX_BYTES >> 20} MB")
    try:
        text = packet.decode("utf-16" if packet[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8")
    except UnicodeDecodeError as error:
        raise ValueError("not UTF-8") from error
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise ValueError("with a document type, which XMP has not")
    if text.count("<") > _MAX_TAGS or text.count("=") > _MAX_ATTRIBUTES:
        raise ValueError(f"of more than {_MAX_TAGS} tags or {_MAX_ATTRIBUTES} attributes")
    try:
        return etree.fromstring(text.strip("\ufeff\0 \t\r\n").encode(), _parser())
    except etree.XMLSyntaxError as error:
        reason = (error.msg or "").partition(", use XML_PARSE_HUGE")[0].partition(", try XML")[0]
        raise ValueError(f"not well-formed ({reason})") from error


def _parser() -> etree.XMLParser:
    return etree.XMLParser(
        encoding="utf-8",  # whatever the packet says: this is what was searched
        ns_clean=True,
        resolve_entities=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )


def _size(element: _Element) -> int:
    """How many characters of a packet it has at least."""
    return sum(
        len(part.text or "") + sum(map(len, part.attrib.values())) for part in element.iter()
    )


def _text(element: _Element) -> str:
    """The text of a property or an item, also where it is a resource or has qualifiers."""
    if _RESOURCE in element.attrib:
        return str(element.get(_RESOURCE))
    for path in (_VALUE, f"{_DESCRIPTION}/{_VALUE}"):
        value = element.find(path)
        if value is not None:
            return value.text or ""
    return "" if len(element) else element.text or ""  # of a structure, there is none


def _fill(element: _Element, fields: Mapping[str, str]) -> None:
    element.set(_PARSE_TYPE, "Resource")
    for name, value in fields.items():
        etree.SubElement(element, _qualified(name)).text = _clean(value)


def _clean(text: str) -> str:
    """Without the characters that XML cannot hold, such as NUL."""
    return _FORBIDDEN.sub("", text)


# ---- in files -----------------------------------------------------------------------------------


def find_xmp(file: BinaryIO) -> bytes | None:
    """The XMP packet of a JPEG, PNG, WebP or TIFF file, without reading its pixels.

    Of a PNG what comes before them. None where there is none, or the file is damaged before it.
    """
    file.seek(0)
    if file.read(2) in (b"II", b"MM"):
        try:
            exif, _ = read_tiff_directories(file, 0, frozenset({Tag.XMLPacket}))
        except ValueError:
            return None
        return exif.image[Tag.XMLPacket].data if Tag.XMLPacket in exif.image else None
    for kind, size in pieces(file):
        if kind == b"IDAT":
            return None
        if kind not in (b"\xff\xe1", b"iTXt", b"XMP ") or size > _MAX_BYTES:
            continue
        data = file.read(size)
        if kind == b"XMP ":
            return data
        if data.startswith(JPEG_PACKET):
            return data[len(JPEG_PACKET) :]
        if data.startswith(_PNG_PACKET):  # then the language, and the keyword in that
            return data[len(_PNG_PACKET) :].split(b"\0", 2)[-1]
    return None
