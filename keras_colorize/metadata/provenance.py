"""What a colorized photograph says of its colors: that they are computed, by what, from what.

It is said in XMP, in words that others know (IPTC's digital source type and AI system, XMP's
history), and in properties of this package's own namespace, from which :func:`read_provenance`
finds out again whether a result is the one that would be made now.
"""

import json
import logging
import re
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import BinaryIO

from keras_colorize.errors import PhotoError
from keras_colorize.metadata.xmp import NAMESPACES, Xmp, find_xmp

__all__ = [
    "DIGITAL_SOURCE_TYPE",
    "HUMAN_EDITS",
    "Provenance",
    "add_provenance",
    "describe_settings",
    "find_provenance",
    "read_provenance",
]

_log = logging.getLogger(__name__)

#: A composite that contains what a trained model has made, as IPTC's NewsCodes name it.
DIGITAL_SOURCE_TYPE = (
    "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
)

#: What a person has edited without such a model, in the same list.
HUMAN_EDITS = "http://cv.iptc.org/newscodes/digitalsourcetype/humanEdits"

_SHORT = 20  # characters of a setting that is worth telling

# Ours replaces what these said of the original, which the history keeps.
_REPLACED = ("xmp:CreatorTool", "Iptc4xmpExt:DigitalSourceType")


@dataclass(frozen=True)
class Provenance:
    """What made the colors of a photograph.

    Attributes:
        software: name and version, as in ``keras_colorize 0.1.0``.
        model: name of the model.
        model_hash: SHA-256 of its file, 64 hexadecimal digits.
        input_hash: SHA-256 of the original's file.
        settings: all that the result depends on besides; see :func:`describe_settings`.
        input_name: of the original's file, as UTF-8 can hold it; None where it is not to be told.
        chosen_colors: SHA-256 of the colors that a person chose at places; None where none did.
    """

    software: str
    model: str
    model_hash: str
    input_hash: str
    settings: str = "{}"
    input_name: str | None = None
    chosen_colors: str | None = None

    def __post_init__(self) -> None:
        for name in ("model_hash", "input_hash", "chosen_colors"):
            value = getattr(self, name)
            if value is not None and not re.fullmatch("[0-9a-f]{64}", value):
                raise ValueError(
                    f"{name} must be a SHA-256 in 64 lower-case hexadecimal digits. "
                    f"Received: {value[:80]!r}"
                )

    def matches(self, other: "Provenance | None") -> bool:
        """Whether both come to the same colors: all but the names of model and original is equal.

        False where there is no other.
        """
        return other is not None and self._key() == other._key()

    def tell_apart(self, other: "Provenance") -> str:
        """In what another one differs, where they do not match: "another original (a.jpg)"."""
        told = []
        if other.input_hash != self.input_hash:
            name = None if other.input_name == self.input_name else other.input_name
            told.append(f"another original{_in_brackets(name)}")
        if other.model_hash != self.model_hash:
            told.append(f"another model{_in_brackets(other.model)}")
        if other.software != self.software:
            told.append(f"another version{_in_brackets(other.software)}")
        if other.settings != self.settings:
            differences = _differences(other.settings, self.settings)
            told.append(f"other settings{_in_brackets(differences)}")
        if other.chosen_colors != self.chosen_colors:
            told.append("other colors chosen by a person")
        return ", ".join(told)

    def _key(self) -> tuple[str | None, ...]:
        return (
            self.software,
            self.model_hash,
            self.input_hash,
            self.settings,
            self.chosen_colors,
        )


def _in_brackets(said: str | None) -> str:
    """What a file says, which may be anything, in a line that is not too long."""
    return f" ({' '.join(said.split())[:200]})" if said else ""


def _differences(there: str, here: str) -> str:
    """The settings that differ, of two texts of :func:`describe_settings`."""
    try:
        one, other = json.loads(there), json.loads(here)
    except (ValueError, RecursionError):  # a file may say anything
        return ""
    if not (isinstance(one, dict) and isinstance(other, dict)):
        return ""
    told = []
    for name in sorted(one.keys() | other.keys()):
        values = [json.dumps(settings[name]) if name in settings else "none"
                  for settings in (one, other)]  # fmt: skip
        if values[0] != values[1]:
            short = max(map(len, values)) <= _SHORT  # a digest says nothing
            told.append(f"{name} {values[0]}, not {values[1]}" if short else name)
    return "; ".join(told)


def describe_settings(settings: Mapping[str, object]) -> str:
    """Settings as compact JSON, sorted, so that equal settings are equal texts.

    Raises:
        TypeError: a value isn't one that JSON has.
    """
    return json.dumps(settings, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def add_provenance(xmp: bytes | None, provenance: Provenance, *, when: str | None = None) -> bytes:
    """Say in an XMP packet how the photograph's colors came about; the rest of it stays.

    Set are IPTC's DigitalSourceType, AISystemUsed and AISystemVersionUsed, xmp:CreatorTool, and
    the properties of this package. The history gains an event, which tells what the first and the
    fourth of these have replaced, and a second one where a person chose colors: its source type is
    human edits, while the file's stays that of the colors that were computed. The packet's
    identifiers are replaced too, since this is another file; xmpMM:DerivedFrom keeps those of the
    original.

    Args:
        xmp: the original's packet, or None. Instead of a damaged one, a new one is begun, and a
            warning logged.
        provenance: what to say.
        when: date and time of the event in ISO 8601. XMP wants one; without it the same input gives
            the same bytes.

    Returns:
        A packet, without padding.
    """
    packet = Xmp()
    if xmp is not None:
        try:
            packet = Xmp(xmp)
        except ValueError as error:
            _log.warning("the original's XMP is left out: %s", error)
    replaced = {name: packet.text(name) for name in _REPLACED}
    instance = _identify(packet, provenance)
    packet.set("Iptc4xmpExt:DigitalSourceType", DIGITAL_SOURCE_TYPE)
    packet.set("Iptc4xmpExt:AISystemUsed", f"{provenance.software}, model {provenance.model}")
    packet.set("Iptc4xmpExt:AISystemVersionUsed", f"sha256:{provenance.model_hash}")
    packet.set("xmp:CreatorTool", provenance.software)
    for name, property_ in _PROPERTIES.items():
        value = getattr(provenance, name)
        if value is None:
            packet.remove(property_)
        else:
            packet.set(property_, value)
    event = {
        "stEvt:action": "colorized",
        "stEvt:instanceID": instance,
        "stEvt:softwareAgent": provenance.software,
        "stEvt:parameters": _parameters(provenance, replaced),
    }
    if when is not None:
        event["stEvt:when"] = when
    packet.append("xmpMM:History", event)
    if provenance.chosen_colors is not None:
        packet.append("xmpMM:History", _choice(event, provenance.chosen_colors))
    return packet.to_bytes()


def find_provenance(xmp: bytes | None) -> Provenance | None:
    """What a packet says of this package's work; None where it says nothing."""
    if xmp is None or _NAMESPACE not in xmp:
        return None
    try:
        packet = Xmp(xmp)
        values = {name: packet.text(property_) for name, property_ in _PROPERTIES.items()}
        return Provenance(**{name: value for name, value in values.items() if value is not None})
    except (ValueError, TypeError):  # damaged; a property that must be there is missing
        return None


def read_provenance(photo: str | Path | BinaryIO) -> Provenance | None:
    """What a JPEG, PNG, WebP or TIFF file says of this package's work, without reading pixels.

    Args:
        photo: its path, or the file, open at its beginning.

    Returns:
        None where the file says nothing of it, as when it is damaged, or no such file at all.

    Raises:
        PhotoError: the file cannot be opened or read.
    """
    try:
        if not isinstance(photo, str | Path):
            return find_provenance(find_xmp(photo))
        with Path(photo).open("rb") as file:
            return find_provenance(find_xmp(file))
    except OSError as error:
        raise PhotoError(f"unreadable: {error.strerror or error}") from error


_NAMESPACE = NAMESPACES["kerasColorize"].encode()
# The properties that hold a Provenance, by its attributes: model_hash is kerasColorize:modelHash.
_PROPERTIES = {
    field.name: "kerasColorize:" + re.sub("_(.)", lambda match: match[1].upper(), field.name)
    for field in fields(Provenance)
}


def _identify(packet: Xmp, provenance: Provenance) -> str:
    """Give the packet identifiers of its own, which follow from what made it; the instance's."""
    old = {
        "stRef:documentID": packet.text("xmpMM:DocumentID"),
        "stRef:instanceID": packet.text("xmpMM:InstanceID"),
        "stRef:originalDocumentID": packet.text("xmpMM:OriginalDocumentID"),
    }
    known = {name: value for name, value in old.items() if value is not None}
    if known:
        packet.set_structure("xmpMM:DerivedFrom", known)
    original = old["stRef:originalDocumentID"] or old["stRef:documentID"]
    if original is not None:
        packet.set("xmpMM:OriginalDocumentID", original)
    content = json.dumps([asdict(provenance), known], sort_keys=True)
    identifier = uuid.uuid5(uuid.UUID(int=0), content)
    packet.set("xmpMM:DocumentID", f"xmp.did:{identifier}")
    packet.set("xmpMM:InstanceID", f"xmp.iid:{identifier}")
    return f"xmp.iid:{identifier}"


def _choice(colorized: Mapping[str, str], chosen_colors: str) -> dict[str, str]:
    """The event of a person's choices, made along with the one of the colors computed."""
    return {
        **colorized,
        "stEvt:action": "edited",
        "stEvt:parameters": f"colors chosen by a person (SHA-256 {chosen_colors})",
        "Iptc4xmpExt:DigitalSourceType": HUMAN_EDITS,
    }


def _parameters(provenance: Provenance, replaced: Mapping[str, str | None]) -> str:
    parts = [
        f"colors computed from the luminance by {provenance.model} "
        f"(SHA-256 {provenance.model_hash})",
        f"original SHA-256 {provenance.input_hash}",
        f"settings {provenance.settings}",
    ]
    said = {"xmp:CreatorTool": provenance.software,
            "Iptc4xmpExt:DigitalSourceType": DIGITAL_SOURCE_TYPE}  # fmt: skip
    parts += [
        f"{name} was {value}" for name, value in replaced.items() if value not in (None, said[name])
    ]
    return "; ".join(parts)
