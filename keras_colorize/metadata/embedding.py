"""Metadata into the files of colorized photographs, in the way of each format.

Nothing here reads or writes pixels: JPEG and WebP files, and PNG files of 8 bits, are written by
Pillow with :func:`save_options`; to a PNG or TIFF file that anyone has written,
:func:`png_with_metadata` and :func:`add_tiff_metadata` add them afterwards.

Formats: PNG (W3C, third edition); Photoshop's APP13 in JPEG (Photoshop File Formats, Adobe).
"""

import io
import zlib
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from PIL.ExifTags import Base as Tag
from PIL.PngImagePlugin import PngInfo
from PIL.TiffTags import BYTE, RATIONAL, SHORT, UNDEFINED

from keras_colorize.metadata.exif import (
    Dialect,
    Exif,
    Field,
    build_exif,
    extend_tiff,
    parse_exif,
    tag_name,
)
from keras_colorize.metadata.iptc import IPTC_RESOURCE, build_resources
from keras_colorize.metadata.jpeg_xmp import split_packet
from keras_colorize.metadata.maker_note import release_maker_note
from keras_colorize.metadata.pieces import pieces
from keras_colorize.metadata.reading import RESOLUTION, Metadata, exif_dpi
from keras_colorize.metadata.xmp import Xmp

__all__ = [
    "add_tiff_metadata",
    "fit_to_format",
    "png_with_metadata",
    "save_options",
]

_MIME = {"JPEG": "image/jpeg", "PNG": "image/png", "TIFF": "image/tiff", "WEBP": "image/webp"}
_EXIF_HEAD = b"Exif\0\0"
_PHOTOSHOP = b"Photoshop 3.0\0"
_PNG_HEAD = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR"
_SEGMENT = 65533  # bytes of a JPEG's segment
# EXIF wants these in a JPEG, and not in a TIFF.
_OF_COMPRESSED = (
    Tag.ComponentsConfiguration,
    Tag.CompressedBitsPerPixel,
    Tag.ExifImageWidth,
    Tag.ExifImageHeight,
)


def fit_to_format(metadata: Metadata, format_: str) -> Metadata:
    """What a format has a place for, with a warning for everything else.

    The resolution of a WebP goes into its EXIF; what EXIF says of it that cannot be, such as 600/0,
    gives way to what the file said elsewhere. From EXIF too long for JPEG, the longest values are
    left out.

    Args:
        metadata: as they come from :func:`~keras_colorize.metadata.upright.upright`, with or
            without provenance in the XMP.
        format_: "JPEG", "PNG", "TIFF" or "WEBP".

    Returns:
        The same once more if it is given what it has returned. The functions that write call it
        themselves; call it before them to learn the warnings.

    Raises:
        ValueError: it is another format.
    """
    if format_ not in _MIME:
        raise ValueError(f"format_ must be one of {', '.join(_MIME)}. Received: {format_!r}")
    lost: list[str] = []
    texts = tuple(text for text in metadata.texts if _has_place(text, format_))
    if names := [key for key, _ in metadata.texts if (key, _) not in texts]:
        lost.append(f"the texts {', '.join(names)}")
    iptc, resources = metadata.iptc, metadata.resources
    if format_ in ("PNG", "WEBP") and (iptc or resources):
        iptc, resources = None, ()
        lost.append("IPTC")
    exif = metadata.exif
    if metadata.dpi is not None:
        parsed = _parsed(exif)
        if format_ == "WEBP" or _contradicts(parsed, metadata.dpi):
            _set_resolution(parsed, metadata.dpi)
            exif = build_exif(parsed)
    exif = exif and _fit_exif(exif, format_, lost)
    xmp = metadata.xmp and _fit_xmp(metadata.xmp, format_)
    return replace(
        metadata,
        exif=exif,
        xmp=xmp,
        iptc=iptc,
        resources=resources,
        texts=texts,
        warnings=(*metadata.warnings, *(f"{format_} has no place for {what}" for what in lost)),
    )


def _has_place(text: tuple[str, str], format_: str) -> bool:
    """Whether a format keeps a PNG's text: PNG itself, and JPEG a comment of one segment."""
    comment = text[0] == "Comment" and len(text[1].encode()) <= _SEGMENT
    return format_ == "PNG" or (format_ == "JPEG" and comment)


def _fit_exif(block: bytes, format_: str, lost: list[str]) -> bytes:
    limit = _SEGMENT - len(_EXIF_HEAD)
    if format_ != "TIFF" and (format_ != "JPEG" or len(block) <= limit):
        return block
    exif, _ = parse_exif(block)
    if format_ == "TIFF":
        for unwanted in _OF_COMPRESSED:
            exif.photo.pop(unwanted, None)
        if release_maker_note(exif):
            lost.append("the maker's note, whose offsets count from the beginning of EXIF")
        return build_exif(exif)
    # The note first, which may lie behind much that is gone then.
    fields = [(tag == Tag.MakerNote, len(value.data), tag, directory)
              for directory in exif.directories() for tag, value in directory.items()]  # fmt: skip
    fields.sort(key=lambda field: field[:3], reverse=True)
    excess, names = len(block) - limit, []
    for _, size, tag, directory in fields:
        if excess <= 0 and (excess := len(build_exif(exif)) - limit) <= 0:
            break
        del directory[tag]
        excess -= exif.dialect.entry_size + (size if size > exif.dialect.word else 0)
        names.append(f"{tag_name(tag)} ({size} bytes)")
    lost.append(f"EXIF's {_listed(names)}")
    return build_exif(exif)


def _fit_xmp(packet: bytes, format_: str) -> bytes:
    xmp = Xmp(packet)
    if xmp.has("dc:format") and xmp.text("dc:format") != _MIME[format_]:
        xmp.set("dc:format", _MIME[format_])
        packet = xmp.to_bytes()
    return packet


def _listed(names: list[str]) -> str:
    """Of very many the first."""
    more = f" and {len(names) - 8} more values" if len(names) > 8 else ""
    return ", ".join(names[:8]) + more


def _parsed(block: bytes | None) -> Exif:
    return Exif(Dialect("little")) if block is None else parse_exif(block)[0]


def _contradicts(exif: Exif, dpi: tuple[float, float]) -> bool:
    """Whether EXIF says another resolution, or one that cannot be."""
    return any(tag in exif.image for tag in RESOLUTION) and exif_dpi(exif) != dpi


def _set_resolution(exif: Exif, dpi: tuple[float, float]) -> None:
    """Have EXIF say a resolution, in pixels per inch."""
    pack = exif.dialect.pack
    exif.image[Tag.ResolutionUnit] = Field(SHORT, pack(2, 2))
    for tag, value in zip(RESOLUTION, dpi, strict=True):
        fraction = Fraction(value).limit_denominator(10_000)
        data = pack(fraction.numerator, 4) + pack(fraction.denominator, 4)
        exif.image[tag] = Field(RATIONAL, data)


# ---- files --------------------------------------------------------------------------------------


def save_options(metadata: Metadata, format_: str, icc: bytes | None = None) -> dict[str, Any]:
    """Keyword arguments for Pillow's ``save``, which embed all that the format has a place for.

    Args:
        metadata: of the picture as it is written; see :func:`fit_to_format`.
        format_: "JPEG", "PNG" or "WEBP". For TIFF there are none: Pillow's writer turns text that
            isn't ASCII into question marks; use :func:`add_tiff_metadata` afterwards.
        icc: the profile of the pixels that are written.

    Raises:
        ValueError: it is another format.
    """
    if format_ == "TIFF":
        raise ValueError(
            "format_ must be JPEG, PNG or WEBP. Received: 'TIFF'; save its pixels, then call "
            "add_tiff_metadata"
        )
    metadata = fit_to_format(metadata, format_)
    options: dict[str, Any] = {"icc_profile": icc}
    if metadata.exif is not None:
        options["exif"] = _EXIF_HEAD + metadata.exif
    if metadata.dpi is not None and format_ != "WEBP":
        options["dpi"] = metadata.dpi
    if format_ == "PNG":
        options["pnginfo"] = _png_texts(metadata)
        return options
    options["xmp"] = metadata.xmp or b""
    if format_ == "JPEG":
        packets = [] if metadata.xmp is None else split_packet(metadata.xmp)
        segments = (_segment(b"\xff\xe1", payload) for payload in packets)
        options["xmp"] = b""  # Pillow would put the first behind the others
        options["extra"] = b"".join((*segments, *_photoshop_segments(metadata)))
        options["comment"] = "".join(text for _, text in metadata.texts).encode()
    return options


def png_with_metadata(png: bytes, metadata: Metadata, icc: bytes | None = None) -> bytes:
    """A finished PNG file with metadata, in place of those of the same kind that it has.

    Texts, of which there may be many, are added to those that are there.

    Args:
        png: the file's bytes, from any encoder; the pixels in it are not touched.
        metadata: of the picture as it is; see :func:`fit_to_format`.
        icc: the profile of its pixels.

    Raises:
        ValueError: it is no PNG, or damaged before its pixels.
    """
    metadata = fit_to_format(metadata, "PNG")
    chunks = []
    replaced = set()
    if icc is not None:
        chunks.append((b"iCCP", b"ICC profile\0\0" + zlib.compress(icc)))
        replaced.add(b"sRGB")  # a file has one or the other
    if metadata.dpi is not None:
        per_meter = (round(value / 0.0254).to_bytes(4, "big") for value in metadata.dpi)
        chunks.append((b"pHYs", b"".join(per_meter) + b"\x01"))
    if metadata.exif is not None:
        chunks.append((b"eXIf", metadata.exif))
    replaced.update(kind for kind, _ in chunks)
    chunks += [chunk[:2] for chunk in _png_texts(metadata).chunks]
    if not png.startswith(_PNG_HEAD):
        raise ValueError("expected a PNG file. Received: data that don't begin as one")
    parts: list[bytes | memoryview] = [png[:33], *(_chunk(*chunk) for chunk in chunks)]
    file = io.BytesIO(png)
    for kind, size in pieces(file):
        begin = file.tell() - 8
        if kind == b"IDAT":
            return b"".join((*parts, memoryview(png)[begin:]))
        if kind != b"IHDR" and kind not in replaced:
            parts.append(png[begin : begin + 12 + size])
    raise ValueError("expected a PNG file. Received: one without pixels")


def add_tiff_metadata(
    path: str | Path, metadata: Metadata, icc: bytes | None = None, page: int = 0
) -> None:
    """Add metadata to a page of a finished TIFF file, in place of those tags that it has.

    The file may come from Pillow, tifffile or any other writer, which can't add an EXIF directory
    (tifffile) or text that isn't ASCII (Pillow) itself. Written to tags are the description, EXIF
    and GPS directories, resolution, XMP, IPTC, and the ICC profile; a few kilobytes at the end of
    the file. From tifffile, ask for ``metadata=None`` and ``software=False``, or it writes a
    description of its own.

    Args:
        path: the file, which is changed in place.
        metadata: of the picture as it is; see :func:`fit_to_format`.
        icc: the profile of its pixels.
        page: counted from 0.

    Raises:
        ValueError: it is no TIFF file, or would grow beyond the 4 GB of classic TIFF.
        OSError: it cannot be written.
    """
    metadata = fit_to_format(metadata, "TIFF")
    exif = _parsed(metadata.exif)
    if metadata.dpi is not None:
        _set_resolution(exif, metadata.dpi)
    for tag, kind, data in (
        (Tag.XMLPacket, BYTE, metadata.xmp),
        (Tag.IPTCNAA, UNDEFINED, metadata.iptc),
        (Tag.ImageResources, BYTE, build_resources(metadata.resources)),
        (Tag.InterColorProfile, UNDEFINED, icc),
    ):
        if data:
            exif.image[tag] = Field(kind, data)
    with Path(path).open("r+b") as file:
        extend_tiff(file, exif, page)


def _photoshop_segments(metadata: Metadata) -> Iterator[bytes]:
    """Photoshop's resources, the IPTC records among them, of any length, as segments of a JPEG."""
    iptc = [] if metadata.iptc is None else [(IPTC_RESOURCE, metadata.iptc)]
    resources = build_resources([*iptc, *metadata.resources])
    step = _SEGMENT - len(_PHOTOSHOP)
    for begin in range(0, len(resources), step):
        yield _segment(b"\xff\xed", _PHOTOSHOP + resources[begin : begin + step])


def _segment(marker: bytes, payload: bytes) -> bytes:
    return marker + (len(payload) + 2).to_bytes(2, "big") + payload


def _png_texts(metadata: Metadata) -> PngInfo:
    info = PngInfo()
    if metadata.xmp is not None:
        info.add_itxt("XML:com.adobe.xmp", metadata.xmp.decode())
    for key, text in metadata.texts:
        info.add_text(key, text)
    return info


def _chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")
