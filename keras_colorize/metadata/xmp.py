"""XMP packets: read without trusting them, changed property by property, written again.

Properties are named as in ``dc:title``, with the prefixes of :data:`NAMESPACES`, whatever prefixes
a packet itself uses; those it keeps when it is written. What isn't asked for stays: unknown
namespaces, structures, qualifiers. Comments and padding go.

Format: XMP Specification Part 1 (Adobe, 2012; ISO 16684-1) and Part 3 for its place in files.
"""

import hashlib
import itertools
import re
from collections.abc import Mapping, Sequence, Set
from typing import Any
from xml.etree import ElementTree

__all__ = ["NAMESPACES", "Xmp"]

#: The namespaces of the properties that this package reads or writes, by prefix.
NAMESPACES = {
    "x": "adobe:ns:meta/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "xml": "http://www.w3.org/XML/1998/namespace",
    "dc": "http://purl.org/dc/elements/1.1/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "Iptc4xmpCore": "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/",
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
    "xmpRights": "http://ns.adobe.com/xap/1.0/rights/",
}

# Real packets have a depth of about ten; depth maps and edit histories reach some megabytes, a
# history of pasted pictures 100,000 items.
_MAX_DEPTH = 100
_MAX_BYTES = 32 << 20
_MAX_TAGS = 500_000
_MAX_ATTRIBUTES = 200_000
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_BEGIN = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
_END = '\n<?xpacket end="w"?>'


def _qualified(name: str) -> str:
    """``dc:title`` as ElementTree writes it, ``{http://purl.org/dc/elements/1.1/}title``."""
    prefix, _, local = name.partition(":")
    return f"{{{NAMESPACES[prefix]}}}{local}"


_META, _RDF, _DESCRIPTION = map(_qualified, ("x:xmpmeta", "rdf:RDF", "rdf:Description"))
_ABOUT, _LI, _VALUE = map(_qualified, ("rdf:about", "rdf:li", "rdf:value"))
_TOOLKIT = _qualified("x:xmptk")
_PARSE_TYPE, _RESOURCE, _LANG = map(_qualified, ("rdf:parseType", "rdf:resource", "xml:lang"))
_ARRAYS = tuple(map(_qualified, ("rdf:Alt", "rdf:Bag", "rdf:Seq")))


class Xmp:
    """The properties of a packet; a new one has none."""

    def __init__(self) -> None:
        self._root = ElementTree.Element(_META)
        self._rdf = ElementTree.SubElement(self._root, _RDF)
        self._prefixes: dict[str, str] = {}  # by URI, as the packet had them

    @classmethod
    def parse(cls, packet: bytes) -> "Xmp":
        """Read a packet.

        Document types, and with them entities, are refused: no XMP needs them, and they are how
        small XML becomes large or reads other files.

        Raises:
            ValueError: it is damaged, or not XMP; the message is the reason.
        """
        if len(packet) > _MAX_BYTES:
            raise ValueError(f"larger than {_MAX_BYTES >> 20} MB")
        try:
            text = packet.decode("utf-16" if packet[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8")
        except UnicodeDecodeError as error:
            raise ValueError("not UTF-8") from error
        # The declaration may name another encoding than the one that it was decoded from.
        text = re.sub(r"^\s*<\?xml\s.*?\?>", "", text.strip("\ufeff\0 \t\r\n"), flags=re.DOTALL)
        if "<!DOCTYPE" in text or "<!ENTITY" in text:
            raise ValueError("with a document type, which XMP has not")
        if text.count("<") > _MAX_TAGS or text.count("=") > _MAX_ATTRIBUTES:
            raise ValueError(f"of more than {_MAX_TAGS} tags or {_MAX_ATTRIBUTES} attributes")
        xmp = cls()
        try:
            xmp._root = xmp._read(text)
        except ElementTree.ParseError as error:
            raise ValueError(f"not well-formed ({error})") from error
        rdf = xmp._root if xmp._root.tag == _RDF else xmp._root.find(_RDF)
        if rdf is None:
            raise ValueError("without rdf:RDF")
        xmp._rdf = rdf
        return xmp

    def _read(self, text: str) -> ElementTree.Element:
        parser: Any = ElementTree.XMLPullParser(("start", "end", "start-ns"))
        parser.feed(text)  # whole: in pieces, a long attribute would be read again with each
        parser.close()
        depth = 0
        elements = []
        for event, value in parser.read_events():
            if event == "start-ns":
                prefix, uri = value
                self._prefixes.setdefault(uri, prefix)
            elif event == "start":
                elements.append(value)
                depth += 1
                if depth > _MAX_DEPTH:
                    raise ValueError(f"of more than {_MAX_DEPTH} levels")
            else:
                depth -= 1
        root: ElementTree.Element = elements[0]
        root.attrib.pop(_TOOLKIT, None)  # the program that wrote it, which this isn't
        return root

    # ---- properties ----

    def values(self, name: str) -> list[str]:
        """The texts of a property: of an array each of its items, of plain text one; [] if none."""
        tag = _qualified(name)
        for description in self._descriptions():
            if tag in description.attrib:
                return [description.attrib[tag]]
            for element in description.iterfind(tag):
                items = [li for array in element if array.tag in _ARRAYS for li in array]
                texts = [_text(item) for item in items or [element]]
                return [text for text in texts if text]
        return []

    def text(self, name: str) -> str | None:
        """The text of a property, or the first of an array; None where there is none."""
        return next(iter(self.values(name)), None)

    def has(self, name: str) -> bool:
        """Whether there is a property of any kind."""
        tag = _qualified(name)
        return any(tag in d.attrib or d.find(tag) is not None for d in self._descriptions())

    def remove(self, name: str) -> None:
        """Take a property out, wherever and however often it is kept."""
        tag = _qualified(name)
        for description in self._descriptions():
            description.attrib.pop(tag, None)
            description[:] = [element for element in description if element.tag != tag]

    def set(self, name: str, value: str) -> None:
        """Give a property this text and nothing else."""
        self.remove(name)
        self._add(name).text = _clean(value)

    def set_array(self, name: str, kind: str, values: Sequence[str]) -> None:
        """Make a property an array of kind "Alt" (its first value is the default), "Bag", "Seq"."""
        self.remove(name)
        array = ElementTree.SubElement(self._add(name), _qualified(f"rdf:{kind}"))
        for value in values:
            item = ElementTree.SubElement(array, _LI)
            item.text = _clean(value)
            if kind == "Alt":
                item.set(_LANG, "x-default")

    def set_structure(self, name: str, fields: Mapping[str, str]) -> None:
        """Make a property a structure of these texts, by name."""
        self.remove(name)
        _fill(self._add(name), fields)

    def append(self, name: str, fields: Mapping[str, str]) -> None:
        """Add a structure to the end of an ordered array, which is made where it is missing."""
        tag, seq = _qualified(name), _qualified("rdf:Seq")
        arrays = (d.find(f"{tag}/{seq}") for d in self._descriptions())
        array = next((found for found in arrays if found is not None), None)
        if array is None:
            self.remove(name)
            array = ElementTree.SubElement(self._add(name), seq)
        _fill(ElementTree.SubElement(array, _LI), fields)

    def _descriptions(self) -> list[ElementTree.Element]:
        return self._rdf.findall(_DESCRIPTION)

    def _add(self, name: str) -> ElementTree.Element:
        description = self._rdf.find(_DESCRIPTION)
        if description is None:
            description = ElementTree.SubElement(self._rdf, _DESCRIPTION, {_ABOUT: ""})
        return ElementTree.SubElement(description, _qualified(name))

    # ---- packets ----

    def to_bytes(self, *, wrapper: bool = True) -> bytes:
        """The packet in UTF-8, without padding: the same bytes for the same properties.

        Args:
            wrapper: with the processing instructions by which a packet is found within a file.
        """
        self._rdf[:] = [child for child in self._rdf if not _is_empty(child)]
        ElementTree.indent(self._root, " ")
        prefixes = self._unique_prefixes()
        parts: list[str] = []
        _write(parts, self._root, prefixes, top=True)
        body = "".join(parts)
        return (f"{_BEGIN}{body}{_END}" if wrapper else body).encode()

    def _unique_prefixes(self) -> dict[str, str]:
        """A prefix for each namespace in use, by URI: the packet's own, else the usual one."""
        usual = {uri: prefix for prefix, uri in NAMESPACES.items()}
        chosen = {NAMESPACES["xml"]: "xml"}
        taken, numbers = {"xml"}, itertools.count(2)
        for element in self._root.iter():
            for tag in (element.tag, *element.attrib):
                uri, brace, _ = tag[1:].rpartition("}")
                if not brace or uri in chosen:
                    continue
                wanted = self._prefixes.get(uri) or usual.get(uri) or "ns"
                prefix = wanted
                while prefix in taken:  # one prefix for two namespaces, in different places
                    prefix = f"{wanted}{next(numbers)}"
                chosen[uri] = prefix
                taken.add(prefix)
        return chosen

    def split(self, limit: int) -> tuple[bytes, bytes | None]:
        """The packet in one or two parts, for JPEG, whose segments end at 64 KB.

        The largest properties go to the second part, which the first names by its digest. The
        package's own properties stay in the first.

        Returns:
            The packet of at most ``limit`` bytes; the extension, or None where all fits.

        Raises:
            ValueError: what must stay in the first part is too long.
        """
        packet = self.to_bytes()
        if len(packet) <= limit:
            return packet, None
        main, extension = Xmp.parse(packet), Xmp()
        extension._prefixes = main._prefixes
        excess = len(packet) + 200 - limit  # the digest is longer than nothing
        moved = set()
        for name, size in main._movable():
            if excess <= 0:
                break
            excess -= size
            moved.add(name)
        for description in main._descriptions():
            _move(moved, description, extension)
        body = extension.to_bytes(wrapper=False)
        main.set("xmpNote:HasExtendedXMP", self.digest(body).decode())
        packet = main.to_bytes()
        if len(packet) > limit:
            raise ValueError(f"XMP of {len(packet)} bytes, where {limit} is the limit")
        return packet, body

    @staticmethod
    def digest(extension: bytes) -> bytes:
        """The 32 characters by which a packet names its extension."""
        return hashlib.md5(extension, usedforsecurity=False).hexdigest().upper().encode()

    def _movable(self) -> list[tuple[str, int]]:
        """Properties by their ElementTree names, largest first, and what they take at least."""
        staying = tuple(f"{{{NAMESPACES[p]}}}" for p in ("kerasColorize", "xmpNote", "rdf"))
        sizes: dict[str, int] = {}
        for description in self._descriptions():
            for name, value in description.attrib.items():
                sizes[name] = sizes.get(name, 0) + len(value)
            for element in description:
                size = sum(len(e.tag) + len(e.text or "") + sum(map(len, e.attrib.values()))
                           for e in element.iter())  # fmt: skip
                sizes[element.tag] = sizes.get(element.tag, 0) + size
        movable = [item for item in sizes.items() if not item[0].startswith(staying)]
        return sorted(movable, key=lambda item: (-item[1], item[0]))

    def merge(self, extension: "Xmp") -> None:
        """Take in the second part of a packet that JPEG made into two."""
        self.remove("xmpNote:HasExtendedXMP")
        for uri, prefix in extension._prefixes.items():
            self._prefixes.setdefault(uri, prefix)
        self._rdf.extend(extension._descriptions())


def _move(names: Set[str], description: ElementTree.Element, target: Xmp) -> None:
    """Move properties, by their ElementTree names, from a description to another packet."""
    moved = ElementTree.SubElement(target._rdf, _DESCRIPTION, {_ABOUT: ""})
    for name in [name for name in description.attrib if name in names]:
        moved.set(name, description.attrib.pop(name))
    moved.extend(element for element in description if element.tag in names)
    description[:] = [element for element in description if element.tag not in names]


def _is_empty(description: ElementTree.Element) -> bool:
    """Whether all of its properties have been removed."""
    return (
        description.tag == _DESCRIPTION
        and not len(description)
        and (description.attrib.keys() <= {_ABOUT})
    )


def _text(element: ElementTree.Element) -> str:
    """The text of a property or an item, also where it is a resource or has qualifiers."""
    if _RESOURCE in element.attrib:
        return element.attrib[_RESOURCE]
    for path in (_VALUE, f"{_DESCRIPTION}/{_VALUE}"):
        value = element.find(path)
        if value is not None:
            return value.text or ""
    return "" if len(element) else element.text or ""  # of a structure, there is none


def _fill(element: ElementTree.Element, fields: Mapping[str, str]) -> None:
    element.set(_PARSE_TYPE, "Resource")
    for name, value in fields.items():
        ElementTree.SubElement(element, _qualified(name)).text = _clean(value)


def _clean(text: str) -> str:
    """Without the characters that XML cannot hold, such as NUL."""
    return _FORBIDDEN.sub("", text)


def _write(
    parts: list[str],
    element: ElementTree.Element,
    prefixes: Mapping[str, str],
    *,
    top: bool = False,
) -> None:
    """Append an element as XML. (ElementTree's own writer takes prefixes from a global table.)"""
    name = _prefixed(element.tag, prefixes)
    parts.append(f"<{name}")
    if top:
        parts.extend(f' xmlns:{p}="{_escape(uri)}"' for uri, p in prefixes.items() if p != "xml")
    parts.extend(f' {_prefixed(k, prefixes)}="{_escape(v)}"' for k, v in element.attrib.items())
    if len(element) or element.text:
        parts.append(f">{_escape(element.text or '', attribute=False)}")
        for child in element:
            _write(parts, child, prefixes)
        parts.append(f"</{name}>")
    else:
        parts.append("/>")
    if not top:
        parts.append(_escape(element.tail or "", attribute=False))


def _prefixed(tag: str, prefixes: Mapping[str, str]) -> str:
    uri, brace, local = tag[1:].rpartition("}")
    return f"{prefixes[uri]}:{local}" if brace else tag


def _escape(text: str, *, attribute: bool = True) -> str:
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = text.replace("\r", "&#13;")
    if attribute:  # where a parser would make these spaces
        text = text.replace('"', "&quot;").replace("\n", "&#10;").replace("\t", "&#9;")
    return text
