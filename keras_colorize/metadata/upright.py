"""What holds of an original, made to hold of its colorized copy."""

from dataclasses import replace
from fractions import Fraction

from PIL.ExifTags import Base as Tag
from PIL.TiffTags import ASCII, LONG, SHORT

from keras_colorize.metadata.exif import (
    Field,
    build_exif,
    parse_exif,
)
from keras_colorize.metadata.reading import GEOREFERENCE, RESOLUTION, Metadata, orientation
from keras_colorize.metadata.xmp import Xmp

__all__ = ["upright"]

# In the first directory of an EXIF block: how pixels were stored, which no longer holds.
_STORAGE = frozenset({
    *range(254, 267), *range(273, 274), *range(277, 282), 284, *range(288, 294), 301,
    *range(317, 326), *range(330, 348), *range(512, 531), 37724,
    Tag.XMLPacket, Tag.IPTCNAA, Tag.ImageResources, Tag.InterColorProfile,
})  # fmt: skip
# The same in XMP.
_XMP_STORAGE = (
    "photoshop:ColorMode", "photoshop:ICCProfile", "tiff:BitsPerSample", "tiff:Compression",
    "tiff:PhotometricInterpretation", "tiff:PlanarConfiguration", "tiff:PrimaryChromaticities",
    "tiff:ReferenceBlackWhite", "tiff:SamplesPerPixel", "tiff:TransferFunction",
    "tiff:WhitePoint", "tiff:YCbCrCoefficients", "tiff:YCbCrPositioning",
    "tiff:YCbCrSubSampling", "xmp:Thumbnails", "xmpNote:HasExtendedXMP",
)  # fmt: skip
_INTEROP_INDEX, _SRGB_INDEX = 1, Field(ASCII, b"R98\0")
_SAME_DPI = 0.02
# What stands behind the picture in the file: a gain map (Ultra HDR, version 1.0), a film.
_XMP_BEHIND = (
    "Container:Directory", "GCamera:MicroVideo", "GCamera:MicroVideoOffset",
    "GCamera:MicroVideoPresentationTimestampUs", "GCamera:MicroVideoVersion",
    "GCamera:MotionPhoto", "GCamera:MotionPhotoPresentationTimestampUs",
    "GCamera:MotionPhotoVersion", "hdrgm:BaseRenditionIsHDR", "hdrgm:GainMapMax",
    "hdrgm:GainMapMin", "hdrgm:Gamma", "hdrgm:HDRCapacityMax", "hdrgm:HDRCapacityMin",
    "hdrgm:OffsetHDR", "hdrgm:OffsetSDR", "hdrgm:Version",
)  # fmt: skip
# Where the subject lies on the pixels (Exif 3.0, 4.6.6).
_SUBJECT = {0x9214, 0xA214}  # SubjectArea, SubjectLocation
_XMP_REGIONS = (
    "exif:SubjectArea", "exif:SubjectLocation", "Iptc4xmpExt:ImageRegion", "MP:RegionInfo",
    "mwg-rs:Regions",
)  # fmt: skip


def upright(metadata: Metadata, size: tuple[int, int], *, turned: bool = True) -> Metadata:
    """The metadata of a colorized copy: turned upright, three channels of sRGB, without thumbnail.

    What said how the original's pixels were stored is set right or taken out: orientation,
    dimensions, color space, sample layout, and thumbnails, which would be gray. The maker's note of
    a camera, whose contents only its maker knows, stays as it is.

    Args:
        metadata: those of the original.
        size: width and height of the copy as it is stored, in pixels.
        turned: the copy's pixels have been turned by
            :func:`~keras_colorize.metadata.reading.orientation`, and the copy ends with them. Not
            so that of a JPEG whose coefficients are copied: with False, the orientation stays, and
            so does what XMP says of a gain map or a film behind the picture.
    """
    turn = orientation(metadata) if turned else 0
    across = turn >= 5  # rows become columns
    warnings = list(metadata.warnings)
    dpi = metadata.dpi
    if dpi is not None and across:
        dpi = dpi[1], dpi[0]
    xmp = None
    if metadata.xmp is not None:
        packet = Xmp(metadata.xmp)
        if turned and any(map(packet.has, _XMP_BEHIND)):
            warnings.append(
                "a gain map or a film behind the picture left out, and what XMP says of it"
            )
            for name in _XMP_BEHIND:
                packet.remove(name)
        xmp = _upright_xmp(packet, size, turn, dpi, warnings)
    return replace(
        metadata,
        exif=None if metadata.exif is None else _upright_exif(metadata.exif, size, turn, warnings),
        xmp=xmp,
        dpi=dpi,
        warnings=tuple(warnings),
    )


def _upright_exif(
    block: bytes, size: tuple[int, int], turn: int, warnings: list[str]
) -> bytes | None:
    exif, _ = parse_exif(block)
    image, photo, pack = exif.image, exif.photo, exif.dialect.pack
    for tag in image.keys() & (_STORAGE | GEOREFERENCE if turn > 1 else _STORAGE):
        del image[tag]
    if turn and Tag.Orientation in image:
        image[Tag.Orientation] = Field(SHORT, pack(1, 2))
    if turn >= 5:
        values = [image.pop(tag, None) for tag in RESOLUTION]
        swapped = zip(RESOLUTION, reversed(values), strict=True)
        image.update({tag: value for tag, value in swapped if value is not None})
    for tag, length in zip((Tag.ExifImageWidth, Tag.ExifImageHeight), size, strict=True):
        if tag in photo:
            photo[tag] = Field(LONG, pack(length, 4))
    subject = photo.keys() & _SUBJECT
    if turn > 1 and subject:
        for tag in subject:
            del photo[tag]
        warnings.append("EXIF: place of the subject left out, since it is on the unturned picture")
    if Tag.ColorSpace in photo:
        photo[Tag.ColorSpace] = Field(SHORT, pack(1, 2))  # sRGB
    if exif.interop.get(_INTEROP_INDEX, _SRGB_INDEX).data[:3] != _SRGB_INDEX.data[:3]:
        exif.interop.clear()  # R03 says Adobe RGB
    return build_exif(exif) if exif else None


def _upright_xmp(
    xmp: Xmp,
    size: tuple[int, int],
    turn: int,
    dpi: tuple[float, float] | None,
    warnings: list[str],
) -> bytes:
    for name in _XMP_STORAGE:
        xmp.remove(name)
    width, height = map(str, size)
    x, y = xmp.text("tiff:XResolution"), xmp.text("tiff:YResolution")
    for name, value in {
        "exif:ColorSpace": "1",
        "exif:PixelXDimension": width,
        "exif:PixelYDimension": height,
        "tiff:ImageLength": height,
        "tiff:ImageWidth": width,
        "tiff:Orientation": "1" if turn else None,
        "tiff:XResolution": y if turn >= 5 else x,
        "tiff:YResolution": x if turn >= 5 else y,
    }.items():
        if value is not None and xmp.has(name):
            xmp.set(name, value)
    if turn > 1 and any(map(xmp.has, _XMP_REGIONS)):
        warnings.append("XMP: regions of the picture left out, since they lie on the unturned one")
        for name in _XMP_REGIONS:
            xmp.remove(name)
    if dpi is not None:
        _correct_resolution(xmp, dpi)
    return xmp.to_bytes()


def _correct_resolution(xmp: Xmp, dpi: tuple[float, float]) -> None:
    """Have XMP say no other resolution than the file does; one of its own is not added."""
    scale = {"1": None, "3": 2.54}.get(xmp.text("tiff:ResolutionUnit") or "2", 1.0)
    names = ("tiff:XResolution", "tiff:YResolution")
    said = [_number(xmp.text(name)) for name in names]
    agrees = scale is not None and all(
        number is not None and abs(scale * number - wanted) < _SAME_DPI
        for number, wanted in zip(said, dpi, strict=True)
    )
    if agrees or not any(map(xmp.has, names)):
        return
    for name, wanted in zip(names, dpi, strict=True):
        fraction = Fraction(wanted).limit_denominator(10_000)
        xmp.set(name, f"{fraction.numerator}/{fraction.denominator}")
    xmp.set("tiff:ResolutionUnit", "2")


def _number(text: str | None) -> float | None:
    """What a fraction of XMP is, such as ``600/1``."""
    try:
        return None if text is None else float(Fraction(text))
    except (ValueError, ZeroDivisionError, OverflowError):
        return None
