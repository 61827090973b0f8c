"""What a photograph's file says about it besides its pixels, read so that it can be carried along.

Metadata are read as bytes, and stay as they were as far as that is true of a colorized copy;
:func:`~keras_colorize.metadata.upright.upright` changes the rest. What is damaged is left out and
named in :attr:`Metadata.warnings`; it never keeps sound pixels from being used.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

from PIL import Image, PsdImagePlugin, TiffImagePlugin
from PIL.ExifTags import Base as Tag
from PIL.TiffTags import LONG, RATIONAL, SHORT

from keras_colorize.metadata.exif import (
    Dialect,
    Directory,
    Exif,
    Field,
    build_exif,
    parse_exif,
    read_tiff_directories,
    tag_name,
)
from keras_colorize.metadata.iptc import IPTC_RESOURCE, parse_resources, sound_records
from keras_colorize.metadata.jpeg_xmp import join_packets
from keras_colorize.metadata.maker_note import check_maker_note, release_maker_note
from keras_colorize.metadata.xmp import Xmp

__all__ = [
    "GEOREFERENCE",
    "NO_METADATA",
    "RESOLUTION",
    "Metadata",
    "check_metadata",
    "exif_dpi",
    "holds_profile",
    "orientation",
    "read_metadata",
    "read_tiff_metadata",
    "with_orientation",
]


@dataclass(frozen=True)
class Metadata:
    """A photograph's metadata, independent of the format of its file.

    Attributes:
        exif: an EXIF block, which begins with ``II`` or ``MM``. Of a TIFF file, its descriptive
            tags, and its EXIF and GPS directories.
        xmp: a packet that can be parsed.
        iptc: IPTC-IIM records.
        icc: the ICC profile of the pixels that were read; never written, since the colors of the
            output are its own.
        dpi: pixels per inch, horizontally and vertically.
        resources: Photoshop's copyright flag (0x040A) and address (0x040B), by number.
        texts: (keyword, text) of a PNG, and the comment of a JPEG or GIF as ``Comment``.
        warnings: what was left out, and why, in words.
    """

    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    icc: bytes | None = None
    dpi: tuple[float, float] | None = None
    resources: tuple[tuple[int, bytes], ...] = ()
    texts: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()


#: Of a photograph that says nothing of itself.
NO_METADATA = Metadata()

_MAX_WARNINGS = 8
_KEPT_RESOURCES = (0x040A, 0x040B)
#: Tags that say where a reference grid lies on the pixels of an aerial photograph (GeoTIFF 1.1).
GEOREFERENCE = frozenset({33550, 33922, 34264, 34735, 34736, 34737})
#: Tags of the resolution, horizontal and vertical.
RESOLUTION = (Tag.XResolution, Tag.YResolution)
# The tags of a TIFF page that describe the photograph; all others describe how it is stored, or
# belong to a program.
_DESCRIPTIVE = GEOREFERENCE | {
    Tag.DocumentName, Tag.ImageDescription, Tag.Make, Tag.Model, Tag.Orientation,
    Tag.XResolution, Tag.YResolution, Tag.ResolutionUnit, Tag.PageName, Tag.PageNumber,
    Tag.Software, Tag.DateTime, Tag.Artist, Tag.HostComputer, Tag.Rating, Tag.RatingPercent,
    Tag.ImageID, Tag.Copyright, Tag.ExposureTime, Tag.FNumber, Tag.ISOSpeedRatings,
    Tag.DateTimeOriginal, Tag.FocalLength,
    Tag.XPTitle, Tag.XPComment, Tag.XPAuthor, Tag.XPKeywords, Tag.XPSubject,
}  # fmt: skip


def read_metadata(image: Image.Image) -> Metadata:
    """The metadata of an image that Pillow, or one of its plugins, has opened.

    Args:
        image: a TIFF must not be loaded yet, since loading closes it; use
            :func:`read_tiff_metadata` where there is a file and Pillow doesn't know its pixels. Of
            a PNG, only after loading is known what comes behind the pixels.

    Raises:
        ValueError: it is a TIFF that has been loaded.
    """
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        if image.fp is None:
            raise ValueError(
                "Expected a TIFF whose pixels are not loaded yet. Received: one that is closed. "
                "Read its metadata first"
            )
        position = image.fp.tell()
        metadata = read_tiff_metadata(image.fp, image.tell())  # type: ignore[arg-type]
        image.fp.seek(position)
        return metadata
    info = image.info
    warnings: list[str] = []
    raw = Metadata(
        exif=_bytes(info.get("exif")),
        xmp=_bytes(info.get("xmp")),
        icc=_bytes(info.get("icc_profile")),
        dpi=info.get("dpi"),
        texts=_comment(info),
    )
    if hasattr(image, "applist"):  # a JPEG's segments
        raw = _with_segments(raw, image.applist, warnings)
        if info.get("jfif_unit") not in (1, 2):  # Pillow gives EXIF's, the horizontal one twice
            raw = replace(raw, dpi=None)
    elif image.format == "PNG":
        raw = _with_texts(raw, info, warnings)
    elif isinstance(image, PsdImagePlugin.PsdImageFile):
        raw = _with_photoshop(raw, {number: data for number, _, data in image.resources})
    metadata = check_metadata(raw, warnings)
    across, down = info.get("jfif_density", (1, 1))
    if metadata.dpi is None and info.get("jfif_unit") == 0 and across * down and across != down:
        oblong = f"JFIF: pixels of {across} to {down}, which no format but JPEG is told"
        metadata = replace(metadata, warnings=(*metadata.warnings, oblong))
    return metadata


def read_tiff_metadata(file: BinaryIO, page: int = 0) -> Metadata:
    """The metadata of a page, counted from 0, of a TIFF or BigTIFF file."""
    containers = (Tag.XMLPacket, Tag.IPTCNAA, Tag.ImageResources, Tag.InterColorProfile)
    try:
        exif, problems = read_tiff_directories(file, page, _DESCRIPTIVE.union(containers))
    except ValueError as error:
        return Metadata(warnings=(f"TIFF tags left out: {error}",))
    warnings = _named("TIFF", problems + check_maker_note(exif) + release_maker_note(exif))
    fields = {tag: exif.image.pop(tag) for tag in containers if tag in exif.image}
    content = {tag: value.data for tag, value in fields.items()}
    iptc = fields.get(Tag.IPTCNAA)
    if iptc is not None and iptc.type == LONG and iptc.data[:1] != b"\x1c":
        # Adobe's type for it. In a big-endian file, some programs have turned the bytes around.
        longs = (iptc.data[i : i + 4] for i in range(0, len(iptc.data), 4))
        content[Tag.IPTCNAA] = b"".join(number[::-1] for number in longs)
    if _of_a_program(exif.image.get(Tag.ImageDescription)):
        del exif.image[Tag.ImageDescription]
    raw = Metadata(
        exif=build_exif(exif) if exif else None,
        xmp=content.get(Tag.XMLPacket),
        iptc=content.get(Tag.IPTCNAA),
        icc=content.get(Tag.InterColorProfile),
    )
    return check_metadata(_with_resources(raw, content.get(Tag.ImageResources), warnings), warnings)


def _of_a_program(description: Field | None) -> bool:
    """Whether tifffile, ImageJ or OME note in it how numbers are stored."""
    text = b"" if description is None else description.data[:4000].lstrip()
    return (
        text.startswith(b"ImageJ=")
        or (text[:1] == b"{" and b'"shape"' in text)
        or (text[:1] == b"<" and b"<OME" in text)
    )


def _bytes(value: Any) -> bytes | None:
    """Bytes that aren't empty. (A PNG's text of this name can be anything.)"""
    return value if isinstance(value, bytes) and value else None


def _dpi(values: Any) -> tuple[float, float] | None:
    """Two numbers, if they make sense as pixels per inch."""
    if not isinstance(values, tuple) or len(values) != 2:
        return None
    x, y = (float(value) for value in values)
    if not (1 <= x <= 65535 and 1 <= y <= 65535):  # what JFIF can say
        return None
    return _whole(x), _whole(y)


def _whole(dpi: float) -> float:
    """The whole number that was meant: PNG counts pixels per meter, so 300 become 299.9994."""
    near = float(round(dpi))
    return near if abs(dpi - near) < 0.0128 else dpi


def _comment(info: Mapping[Any, Any]) -> tuple[tuple[str, str], ...]:
    """The comment of a JPEG or GIF, in UTF-8 or else Latin-1."""
    data = _bytes(info.get("comment"))
    if data is None:
        return ()
    try:
        return (("Comment", data.decode().rstrip("\0")),)
    except UnicodeDecodeError:
        return (("Comment", data.decode("latin-1").rstrip("\0")),)


def holds_profile(segments: Iterable[tuple[str, bytes]]) -> bool:
    """Whether segments of a JPEG, by Pillow's names, are of a color profile, or of parts of one."""
    return any(n == "APP2" and data.startswith(b"ICC_PROFILE\0") for n, data in segments)


def _with_segments(
    raw: Metadata, segments: Sequence[tuple[str, bytes]], warnings: list[str]
) -> Metadata:
    """Add what a JPEG's segments hold: XMP, Photoshop's resources."""
    app1 = [data for name, data in segments if name == "APP1"]
    packet, left_out = join_packets(app1)
    warnings.extend(left_out)
    if raw.icc is None and holds_profile(segments):
        warnings.append("color profile left out: its segments don't make one")
    photoshop = [data[14:] for name, data in segments
                 if name == "APP13" and data.startswith(b"Photoshop 3.0\0")]  # fmt: skip
    raw = replace(raw, xmp=packet)
    return _with_resources(raw, b"".join(photoshop), warnings)


def _with_resources(raw: Metadata, data: bytes | None, warnings: list[str]) -> Metadata:
    """Add what Photoshop's image resources say."""
    if not data:
        return raw
    resources, end = parse_resources(data)
    if data[end:].strip(b"\0"):
        warnings.append("Photoshop's resources are damaged; those before the damage were read")
    kept = tuple((n, resources[n]) for n in _KEPT_RESOURCES if n in resources)
    return replace(
        raw, iptc=raw.iptc or resources.get(IPTC_RESOURCE), resources=raw.resources or kept
    )


def _with_photoshop(raw: Metadata, resources: Mapping[int, bytes]) -> Metadata:
    """Add what a PSD's resources say."""
    resolution = resources.get(0x03ED, b"")
    # Pixels per inch, with 16 bits behind the point; after each, how a program shows it.
    across, down = (int.from_bytes(resolution[at : at + 4], "big") / 65536 for at in (0, 8))
    return replace(
        raw,
        exif=resources.get(0x0422),
        xmp=resources.get(0x0424),
        iptc=resources.get(IPTC_RESOURCE),
        dpi=(across, down),
        resources=tuple((n, resources[n]) for n in _KEPT_RESOURCES if n in resources),
    )


def _with_texts(raw: Metadata, info: Mapping[Any, Any], warnings: list[str]) -> Metadata:
    """Add a PNG's texts, of which XMP is one."""
    texts = {key: str(value) for key, value in info.items()
             if isinstance(key, str) and isinstance(value, str)}  # fmt: skip
    packet = texts.pop("XML:com.adobe.xmp", "")
    # ImageMagick's copies of EXIF and XMP may say how the original was stored, turned or not.
    copies = sorted(key for key in texts if re.match("Raw profile type (?!iptc$|8bim$)", key))
    if copies:
        warnings.append(f"left out: {', '.join(copies)}")
    # It also repeats in texts what EXIF and the file itself say.
    kept = tuple((key, text) for key, text in texts.items()
                 if not re.match("exif:|date:|icc:|tiff:|png:", key)
                 and key not in copies and _is_keyword(key))  # fmt: skip
    return replace(raw, xmp=raw.xmp or packet.encode(errors="replace"), texts=kept)


def _is_keyword(key: str) -> bool:
    """Whether PNG allows it, which Pillow doesn't ask."""
    return 1 <= len(key) <= 79 and "\0" not in key and key.isprintable()


def check_metadata(raw: Metadata, warnings: list[str]) -> Metadata:
    """Only what can be read, with a warning for everything else.

    Args:
        raw: what a file holds, unread; its warnings are replaced.
        warnings: what is known already to be left out; more are added.
    """
    exif, xmp, iptc, dpi = None, None, None, _dpi(raw.dpi)
    if raw.exif is not None:
        data = re.sub(rb"^(Exif\0\0){1,2}", b"", raw.exif)
        try:
            parsed, problems = parse_exif(data)
            problems += _drop_misshapen(parsed.image) + check_maker_note(parsed)
            warnings.extend(_named("EXIF", problems))
            exif = (build_exif(parsed) if problems else data) if parsed else None
            said = exif_dpi(parsed)
            if said is None and dpi is not None and any(tag in parsed.image for tag in RESOLUTION):
                warnings.append("EXIF: its resolution is none; the file's own stands in its place")
            dpi = said or dpi  # which in a JPEG may be a default of JFIF
        except ValueError as error:
            warnings.append(f"EXIF left out: {error}")
    if raw.xmp:
        try:
            Xmp(raw.xmp)
            xmp = raw.xmp
        except ValueError as error:
            warnings.append(f"XMP left out: {error}")
    if raw.iptc is not None:
        iptc = sound_records(raw.iptc)
        if raw.iptc[len(iptc) :].strip(b"\0"):
            warnings.append("IPTC is damaged; the records before the damage were read")
    return replace(raw, exif=exif, xmp=xmp, iptc=iptc or None, dpi=dpi, warnings=tuple(warnings))


def _named(where: str, problems: list[str]) -> list[str]:
    """Problems as warnings; of very many the first."""
    named = [f"{where}: {problem}; left out" for problem in problems[:_MAX_WARNINGS]]
    if len(problems) > _MAX_WARNINGS:
        named.append(f"{where}: {len(problems) - _MAX_WARNINGS} more values left out")
    return named


def _drop_misshapen(image: Directory) -> list[str]:
    """Take out a resolution that is no fraction: Pillow refuses a JPEG with such a one."""
    found = [tag for tag in RESOLUTION if tag in image]
    wrong = [tag for tag in found if (image[tag].type, image[tag].count) != (RATIONAL, 1)]
    for tag in wrong:
        del image[tag]
    return [f"{tag_name(tag)} is no fraction" for tag in wrong]


def exif_dpi(exif: Exif) -> tuple[float, float] | None:
    """Pixels per inch, horizontally and vertically, if EXIF says what can be."""
    unit = exif.image.get(Tag.ResolutionUnit)
    scale = {2: 1.0, 3: 2.54}.get(2 if unit is None else unit.numbers(exif.dialect)[0])
    values = []
    for tag in RESOLUTION:
        found = exif.image.get(tag)
        numbers = [] if found is None else found.numbers(exif.dialect)
        if scale is None or not numbers or numbers[1] == 0:
            return None
        values.append(scale * numbers[0] / numbers[1])
    return _dpi(tuple(values))


def orientation(metadata: Metadata) -> int:
    """How the stored picture is to be turned: 1 (not at all) to 8, as EXIF numbers them.

    EXIF decides, and where it is silent XMP; what is out of range counts as 1.
    """
    if metadata.exif is not None:
        exif, _ = parse_exif(metadata.exif)
        if Tag.Orientation in exif.image:
            numbers = exif.image[Tag.Orientation].numbers(exif.dialect)
            return numbers[0] if len(numbers) == 1 and numbers[0] in range(1, 9) else 1
    text = None if metadata.xmp is None else Xmp(metadata.xmp).text("tiff:Orientation")
    return int(text) if text in tuple("12345678") else 1


def with_orientation(metadata: Metadata, number: int) -> Metadata:
    """Metadata of a file whose format says how to turn it, and overrules what EXIF says.

    Args:
        metadata: as they are.
        number: how to turn it, as EXIF numbers it.
    """
    if orientation(metadata) == number:
        return metadata
    exif = Exif(Dialect("little")) if metadata.exif is None else parse_exif(metadata.exif)[0]
    exif.image[Tag.Orientation] = Field(SHORT, exif.dialect.pack(number, 2))
    return replace(metadata, exif=build_exif(exif))
