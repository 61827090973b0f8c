"""Metadata into the files of colorized photographs, in the way of each format.

Nothing here reads or writes pixels: JPEG and WebP files, and PNG files of 8 bits, are written by
Pillow with :func:`save_options`; to a PNG or TIFF file that anyone has written,
:func:`png_with_metadata` and :func:`add_tiff_metadata` add them afterwards.
"""

import functools
import zlib
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from PIL.ExifTags import Base as Tag
from PIL.PngImagePlugin import PngInfo

from keras_colorize.metadata.containers import (
    insert_chunks,
    photoshop_segments,
    png_text,
    xmp_segments,
)
from keras_colorize.metadata.directories import (
    BYTE,
    RATIONAL,
    SHORT,
    TIFF_ICC,
    TIFF_IPTC,
    TIFF_RESOURCES,
    TIFF_XMP,
    UNDEFINED,
    Dialect,
    Directory,
    Exif,
    Field,
    parse_exif,
    tag_name,
)
from keras_colorize.metadata.iptc import (
    IPTC_RESOURCE,
    Caption,
    build_resources,
    captions,
    without_counterpart,
)
from keras_colorize.metadata.layout import build_exif, extend_tiff
from keras_colorize.metadata.reading import RESOLUTION, Metadata
from keras_colorize.metadata.xmp import Xmp

__all__ = [
    "add_tiff_metadata",
    "fit_to_format",
    "png_with_metadata",
    "save_options",
    "srgb_profile",
]

_MIME = {"JPEG": "image/jpeg", "PNG": "image/png", "TIFF": "image/tiff", "WEBP": "image/webp"}
_EXIF_HEAD = b"Exif\0\0"
_SEGMENT = 65533  # bytes of a JPEG's segment
_JPEG_EXIF = _SEGMENT - len(_EXIF_HEAD)
# EXIF wants these in a JPEG, and not in a TIFF.
_OF_COMPRESSED = (
    Tag.ComponentsConfiguration,
    Tag.CompressedBitsPerPixel,
    Tag.ExifImageWidth,
    Tag.ExifImageHeight,
)
# The keywords that PNG predefines, and where XMP keeps the same; "Comment" is JPEG's and GIF's too.
_TEXTS = {
    "Author": ("dc:creator", "Seq"),
    "Comment": ("exif:UserComment", "Alt"),
    "Copyright": ("dc:rights", "Alt"),
    "Description": ("dc:description", "Alt"),
    "Title": ("dc:title", "Alt"),
}


def fit_to_format(metadata: Metadata, format_: str) -> Metadata:
    """Find a place for what a format has no place for, and a warning for what finds none.

    IPTC captions go into XMP, where it lacks them, for WebP and PNG (which keeps the records too,
    in a way that few programs read); the texts of a PNG go there for the others; the resolution of
    a WebP into its EXIF. From EXIF too long for JPEG, the longest values are left out.

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
    warnings = list(metadata.warnings)
    texts = tuple(text for text in metadata.texts if _has_place(text, format_))
    moved = [text for text in metadata.texts if text not in texts]
    found = list(_text_captions(moved))
    if format_ in ("PNG", "WEBP"):
        found += captions(metadata.iptc or b"") + list(_rights(metadata.resources))
    lost = [key for key, _ in moved if key not in _TEXTS]
    if lost:
        warnings.append(f"{format_} has no place for the texts {', '.join(lost)}")
    exif, iptc, resources = metadata.exif, metadata.iptc, metadata.resources
    if format_ == "WEBP":
        if lost_records := without_counterpart(iptc or b""):
            warnings.append(f"WEBP has no place for the IPTC records {', '.join(lost_records)}")
        iptc, resources = None, ()
        if metadata.dpi is not None:
            exif = _with_resolution(exif, metadata.dpi)
    if format_ == "JPEG" and exif is not None and len(exif) > _JPEG_EXIF:
        exif = _shortened(exif, warnings)
    return replace(
        metadata,
        exif=exif,
        xmp=_with_captions(metadata.xmp, found, _MIME[format_]),
        iptc=iptc,
        resources=resources,
        texts=texts,
        warnings=tuple(warnings),
    )


def save_options(metadata: Metadata, format_: str, icc: bytes | None = None) -> dict[str, Any]:
    """Keyword arguments for Pillow's ``save``, which embed all that the format has a place for.

    Args:
        metadata: of the picture as it is written; see :func:`fit_to_format`.
        format_: "JPEG", "PNG" or "WEBP". For TIFF there are none: Pillow's writer turns text that
            isn't ASCII into question marks; use :func:`add_tiff_metadata` afterwards.
        icc: the profile of the pixels that are written, such as :func:`srgb_profile`.

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
    if format_ == "WEBP":
        options["xmp"] = metadata.xmp or b""
    elif format_ == "PNG":
        options["pnginfo"] = PngInfo()
        for kind, data in _png_texts(metadata):
            options["pnginfo"].add(kind, data)
    else:
        options["extra"] = _jpeg_segments(metadata)
        options["comment"] = "".join(text for _, text in metadata.texts).encode()
    return options


def png_with_metadata(png: bytes, metadata: Metadata, icc: bytes | None = None) -> bytes:
    """A finished PNG file with metadata, in place of those of the same kind that it has.

    Args:
        png: the file's bytes, from any encoder; the pixels in it are not touched.
        metadata: of the picture as it is; see :func:`fit_to_format`.
        icc: the profile of its pixels.

    Raises:
        ValueError: it is no PNG.
    """
    metadata = fit_to_format(metadata, "PNG")
    chunks = []
    if icc is not None:
        chunks.append((b"iCCP", b"ICC profile\0\0" + zlib.compress(icc)))
    if metadata.dpi is not None:
        per_meter = (round(value / 0.0254).to_bytes(4, "big") for value in metadata.dpi)
        chunks.append((b"pHYs", b"".join(per_meter) + b"\x01"))
    if metadata.exif is not None:
        chunks.append((b"eXIf", metadata.exif))
    return insert_chunks(png, [*chunks, *_png_texts(metadata)])


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
    exif = Exif(Dialect("little")) if metadata.exif is None else parse_exif(metadata.exif)[0]
    if metadata.dpi is not None:
        exif.image.update(_resolution(metadata.dpi, exif.dialect))
    for unwanted in _OF_COMPRESSED:
        exif.photo.pop(unwanted, None)
    for tag, kind, data in (
        (TIFF_XMP, BYTE, metadata.xmp),
        (TIFF_IPTC, UNDEFINED, metadata.iptc),
        (TIFF_RESOURCES, BYTE, build_resources(metadata.resources)),
        (TIFF_ICC, UNDEFINED, icc),
    ):
        if data:
            exif.image[tag] = Field(kind, data)
    with Path(path).open("r+b") as file:
        extend_tiff(file, exif, page)


@functools.cache
def srgb_profile() -> bytes:
    """The ICC profile of sRGB that Little CMS makes, with a fixed date: the same bytes each day."""
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    date = b"".join(number.to_bytes(2, "big") for number in (2000, 1, 1, 0, 0, 0))
    return profile[:24] + date + profile[36:]  # ICC.1:2022, section 7.2: bytes 24 to 35


# ---- into XMP -----------------------------------------------------------------------------------


def _has_place(text: tuple[str, str], format_: str) -> bool:
    """Whether a format keeps a PNG's text: PNG itself, and JPEG a comment of one segment."""
    comment = text[0] == "Comment" and len(text[1].encode()) <= _SEGMENT
    return format_ == "PNG" or (format_ == "JPEG" and comment)


def _text_captions(texts: Iterable[tuple[str, str]]) -> Iterable[Caption]:
    for key, text in texts:
        if key in _TEXTS and text:
            yield Caption(*_TEXTS[key], [text])


def _rights(resources: Iterable[tuple[int, bytes]]) -> Iterable[Caption]:
    """What Photoshop's copyright flag and address are called in XMP."""
    for number, data in resources:
        if number == 0x040A and data[:1] == b"\1":
            yield Caption("xmpRights:Marked", "", ["True"])
        elif number == 0x040B and data:
            yield Caption("xmpRights:WebStatement", "", [data.decode("latin-1")])


def _with_captions(packet: bytes | None, found: list[Caption], mime: str) -> bytes | None:
    """The packet with the captions that it lacks, and the right type of the file."""
    if packet is None and not found:
        return None
    xmp = Xmp() if packet is None else Xmp.parse(packet)
    changed = xmp.has("dc:format") and xmp.text("dc:format") != mime
    if changed:
        xmp.set("dc:format", mime)
    for name, array, values in found:
        if xmp.values(name):
            continue
        changed = True
        if array:
            xmp.set_array(name, array, values)
        else:
            xmp.set(name, values[0])
    return xmp.to_bytes() if changed else packet


# ---- into EXIF ----------------------------------------------------------------------------------


def _resolution(dpi: tuple[float, float], dialect: Dialect) -> Directory:
    """The tags that say the resolution, in pixels per inch."""
    fields = {Tag.ResolutionUnit: Field(SHORT, dialect.pack(2, 2))}
    for tag, value in zip(RESOLUTION, dpi, strict=True):
        fraction = Fraction(value).limit_denominator(10_000)
        data = dialect.pack(fraction.numerator, 4) + dialect.pack(fraction.denominator, 4)
        fields[tag] = Field(RATIONAL, data)
    return {int(tag): value for tag, value in fields.items()}


def _with_resolution(block: bytes | None, dpi: tuple[float, float]) -> bytes:
    exif = Exif(Dialect("little")) if block is None else parse_exif(block)[0]
    if block is not None and Tag.XResolution in exif.image:
        return block
    exif.image.update(_resolution(dpi, exif.dialect))
    return build_exif(exif)


def _shortened(block: bytes, warnings: list[str]) -> bytes:
    """The block without its longest values, so that it fits into a JPEG."""
    exif, _ = parse_exif(block)
    exif.maker_note_at = None  # which may have lain behind much that is gone
    excess = len(build_exif(exif)) - _JPEG_EXIF
    directories = (exif.image, exif.photo, exif.gps, exif.interop)
    fields = [(len(value.data), tag, d) for d in directories for tag, value in d.items()]
    lost = []
    for size, tag, directory in sorted(fields, key=lambda field: field[:2], reverse=True):
        if excess <= 0:
            break
        del directory[tag]
        excess -= exif.dialect.entry_size + (size if size > exif.dialect.word else 0)
        lost.append(f"{tag_name(tag)} ({size} bytes)")
    more = f" and {len(lost) - 8} more values" if len(lost) > 8 else ""
    warnings.append(f"JPEG has no place for EXIF's {', '.join(lost[:8])}{more}")
    return build_exif(exif)


# ---- pieces of files ----------------------------------------------------------------------------


def _resources(metadata: Metadata) -> bytes:
    """Photoshop's resources with the IPTC records among them."""
    iptc = [] if metadata.iptc is None else [(IPTC_RESOURCE, metadata.iptc)]
    return build_resources([*iptc, *metadata.resources])


def _jpeg_segments(metadata: Metadata) -> bytes:
    xmp = b"" if metadata.xmp is None else xmp_segments(metadata.xmp)
    return xmp + photoshop_segments(_resources(metadata))


def _png_texts(metadata: Metadata) -> list[tuple[bytes, bytes]]:
    chunks = [png_text(key, text) for key, text in metadata.texts]
    if metadata.xmp is not None:
        chunks.insert(0, png_text("XML:com.adobe.xmp", metadata.xmp))
    if resources := _resources(metadata):
        # As ImageMagick writes them, and ExifTool: the name, the length, lines of hexadecimals.
        digits = resources.hex()
        lines = [digits[i : i + 72] for i in range(0, len(digits), 72)]
        profile = "\n".join(("", "iptc", f"{len(resources):8}", *lines, ""))
        chunks.append(png_text("Raw profile type iptc", profile, compress=True))
    return chunks
