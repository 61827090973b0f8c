"""A picture's pixels as its file stores them, given in strips, so that few are held twice."""

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageFile, PsdImagePlugin

from keras_colorize.errors import PhotoError
from keras_colorize.metadata.boxes import read_boxes
from keras_colorize.metadata.pieces import pieces
from keras_colorize.metadata.reading import (
    NO_METADATA,
    Metadata,
    orientation,
    read_metadata,
    with_orientation,
)
from keras_colorize.photos.cut import ends_early
from keras_colorize.photos.formats import TURN, open_image
from keras_colorize.photos.jpeg2000 import decode_jpeg2000, read_jpeg2000_head
from keras_colorize.photos.jpegxl import (
    colors_of_jpegxl,
    decode_jpegxl,
    original_jpeg,
    read_jpegxl_head,
)
from keras_colorize.photos.mending import add_end, mend
from keras_colorize.photos.pixels import TRUNCATED, check_size, to_integers
from keras_colorize.photos.profiles import lab_to_srgb
from keras_colorize.photos.psd import check_psd, decode_deep_psd, open_deep_psd, read_psd_head
from keras_colorize.photos.uncommon import (
    avif_precision,
    decode_deep_avif,
    decode_deep_heic,
    decode_deep_jpeg,
    decode_pnm,
    jpeg_precision,
    open_deep_jpeg,
    pnm_size,
    unread_tones,
)

__all__ = ["Decoded", "from_array", "from_pillow", "read_first_picture", "stored_size"]

_FLATTENED = "its flattened picture is colored, without its layers"


@dataclass(frozen=True)
class Decoded:
    """A picture that is decoded, but in the color space, the size and the position of its file.

    Attributes:
        size: width and height.
        strip: rows from one to before another, uint8 or uint16 ``(n, W, C)``; C is that of the
            color space, and one more with alpha.
        channels: of the color space: 1 gray, 3 RGB, 4 CMYK (0 is no ink).
        depth: 8 or 16.
        icc: the profile, if there is one.
        turn: how to turn it upright.
        notes: what decoding it showed.
        metadata: what the file says of it.
        reduced_to: where it was decoded at less than its size, which width and height the
            photograph has then: the last row and column may be filled in part.
        lossless: whether it is a WebP that keeps every pixel as it was.
    """

    size: tuple[int, int]
    strip: Callable[[int, int], np.ndarray]
    channels: int
    depth: int
    icc: bytes | None = None
    turn: Image.Transpose | None = None
    notes: tuple[str, ...] = ()
    metadata: Metadata = NO_METADATA
    reduced_to: tuple[float, float] | None = None
    lossless: bool = False


def read_first_picture(
    file: BinaryIO, format_: str, max_pixels: int, short_side: int | None = None
) -> Decoded:
    """The picture of a file that isn't TIFF; of an animation, the first.

    Args:
        file: as it is opened.
        format_: what it holds.
        max_pixels: refuse a picture with more, before it is decoded.
        short_side: a JPEG may be decoded at 1/2, 1/4 or 1/8 of its size, which is several times
            faster, if its shorter side keeps this many pixels.

    Raises:
        PhotoError: it has more pixels than ``max_pixels``.
        Exception: whatever decoders raise at damaged data.
    """
    if _is_uncommon(file, format_):
        return _read_uncommon(file, format_, max_pixels)
    mended = mend(file, format_)
    image = _open(mended.file, format_)
    check_size(*image.size, max_pixels)
    if format_ == "JPEG" and (ended := add_end(mended)) is not mended:
        mended, image = ended, _open(ended.file, format_)
    deep = format_ == "PNG" and _png_depth(mended.file) == 16
    drafted = None
    if format_ == "JPEG" and short_side is not None:
        scale = min(1.0, short_side / min(image.size))
        width, height = (round(scale * side) for side in image.size)
        drafted = image.draft(None, (width, height))
    if isinstance(image, PsdImagePlugin.PsdImageFile):
        check_psd(image, file)
    # First: Pillow's `getexif` would load a PNG too, and pass over the damage it finds.
    image.load()
    metadata = read_metadata(image)
    turn = TURN.get(orientation(metadata))
    notes = mended.notes
    picture: Image.Image = image
    if format_ in ("AVIF", "HEIF"):
        notes += unread_tones(file)
    if format_ == "PSD":
        notes += (_FLATTENED,)
        if image.mode == "RGBA" and not read_psd_head(file).transparent:
            picture = image.convert("RGB")  # a saved selection is no opacity
    elif _has_more(image):
        # HEIC holds the pictures of a series, of which one is the main one.
        notes += (
            ("holds several pictures: only the main one is colored",)
            if format_ == "HEIF"
            else ("animated: only its first picture is colored",)
        )
    # The Multi-Picture Format: stereo pairs, previews, gain maps.
    if any(name == "APP2" and data[:4] == b"MPF\0" for name, data in getattr(image, "applist", ())):
        notes += ("holds several pictures: only the first is colored",)
    if deep:
        import imagecodecs  # Pillow has no 16-bit color

        icc = image.info.get("icc_profile")
        del image, picture
        mended.file.seek(0)
        decoded = replace(from_array(imagecodecs.png_decode(mended.file.read())), icc=icc)
    elif format_ == "AVIF" and avif_precision(file) > 8:  # of which Pillow gives the upper 8 bits
        decoded = replace(from_array(decode_deep_avif(file)), icc=image.info.get("icc_profile"))
    elif format_ == "HEIF" and (bits := image.info.get("bit_depth", 8)) > 8:  # likewise
        decoded = replace(
            from_array(decode_deep_heic(file, bits)), icc=image.info.get("icc_profile")
        )
    else:
        decoded = from_pillow(picture)
    reduced_to = None if drafted is None else (drafted[1][2], drafted[1][3])
    return replace(
        decoded,
        icc=mended.icc or decoded.icc,
        lossless=format_ == "WEBP" and any(kind == b"VP8L" for kind, _ in pieces(file)),
        turn=turn,
        notes=decoded.notes + notes,
        metadata=metadata,
        reduced_to=reduced_to,
    )


def _open(file: BinaryIO, format_: str) -> ImageFile.ImageFile:
    """As :func:`open_image`, with the reason where the file ends early or lacks its colors."""
    try:
        image = open_image(file, format_)
    except PhotoError:
        raise
    # As varied as in `photo_errors`.
    except Exception as error:
        if ends_early(file, format_):
            raise PhotoError(TRUNCATED) from error
        raise
    if format_ == "PNG" and image.mode == "P" and image.palette is None:
        raise PhotoError("damaged PNG data: its pixels are numbers of a palette that is missing")
    return image


def _is_uncommon(file: BinaryIO, format_: str) -> bool:
    """Whether Pillow reads it at all, and at its full depth."""
    file.seek(0)
    return (
        format_ in ("JPEG2000", "JPEGXL")
        or (format_ == "PNM" and file.read(2) in (b"P5", b"P6"))
        or (format_ == "JPEG" and jpeg_precision(file) != 8)
        or (format_ == "PSD" and read_psd_head(file).depth > 8)
    )


def _read_uncommon(file: BinaryIO, format_: str, max_pixels: int) -> Decoded:
    if format_ == "JPEGXL":
        return _read_jpegxl(_content(file), max_pixels)
    if format_ == "JPEG2000":
        return _read_jpeg2000(_content(file), max_pixels)
    if format_ == "PNM":
        check_size(*pnm_size(file), max_pixels)
        return from_array(decode_pnm(file))
    if format_ == "PSD":
        return _read_deep_psd(file, max_pixels)
    image = open_deep_jpeg(file)
    check_size(*image.size, max_pixels)
    metadata = read_metadata(image)
    decoded = from_array(decode_deep_jpeg(file))
    icc, turn = image.info.get("icc_profile"), TURN.get(orientation(metadata))
    return replace(decoded, icc=icc, turn=turn, metadata=metadata)


def _read_jpeg2000(data: bytes, max_pixels: int) -> Decoded:
    head = read_jpeg2000_head(data)
    check_size(*head.size, max_pixels)
    array, notes = decode_jpeg2000(data, head)
    metadata = read_boxes(data)
    decoded = replace(from_array(array), channels=4) if head.inks else from_array(array)
    turn = TURN.get(orientation(metadata))
    return replace(decoded, icc=head.icc, turn=turn, notes=notes, metadata=metadata)


def _read_jpegxl(data: bytes, max_pixels: int) -> Decoded:
    head = read_jpegxl_head(data)
    check_size(*head.size, max_pixels)
    jpeg = original_jpeg(data)
    if jpeg is not None:  # which has its profile
        return read_first_picture(io.BytesIO(jpeg), "JPEG", max_pixels)
    array, notes = decode_jpegxl(data, head)
    icc, of_colors = colors_of_jpegxl(head)
    metadata = with_orientation(read_boxes(data), head.orientation)
    turn, notes = TURN.get(head.orientation), notes + of_colors
    return replace(from_array(array), icc=icc, turn=turn, notes=notes, metadata=metadata)


def _read_deep_psd(file: BinaryIO, max_pixels: int) -> Decoded:
    image = open_deep_psd(file)
    check_size(*image.size, max_pixels)
    check_psd(image, file)
    metadata, icc = read_metadata(image), image.info.get("icc_profile")
    array, colors = decode_deep_psd(file)
    decoded, turn = replace(from_array(array), channels=colors), TURN.get(orientation(metadata))
    return replace(decoded, icc=icc, turn=turn, notes=(_FLATTENED,), metadata=metadata)


def _content(file: BinaryIO) -> bytes:
    file.seek(0)
    return file.read()


def stored_size(file: BinaryIO, format_: str) -> tuple[int, int]:
    """Width and height as they are stored, from the header of a file that isn't TIFF."""
    if not _is_uncommon(file, format_):
        return open_image(mend(file, format_).file, format_).size
    if format_ == "JPEGXL":
        return read_jpegxl_head(_content(file)).size
    if format_ == "JPEG2000":
        return read_jpeg2000_head(_content(file)).size
    if format_ == "PSD":
        return open_deep_psd(file).size
    return open_deep_jpeg(file).size if format_ == "JPEG" else pnm_size(file)


def _has_more(image: Image.Image) -> bool:
    """Whether there are pictures behind the first, sound or not."""
    try:
        return bool(getattr(image, "is_animated", False))
    # As varied as in `photo_errors`; the first picture is there already.
    except Exception:  # noqa: BLE001
        return True


def _png_depth(file: BinaryIO) -> int:
    """Bits a channel, from the header, which comes first (ISO/IEC 15948, section 11.2.2)."""
    place = file.tell()
    file.seek(24)
    depth = file.read(1)[0]
    file.seek(place)
    return depth


def from_array(array: np.ndarray) -> Decoded:
    """Of gray or RGB, with alpha or without: uint8 or uint16 ``(H, W)`` or ``(H, W, C)``."""
    array = array.reshape(*array.shape[:2], -1)
    height, width, samples = array.shape
    depth = 8 if array.dtype == np.uint8 else 16
    return Decoded(
        (width, height), lambda top, bottom: array[top:bottom], 1 if samples <= 2 else 3, depth
    )


def from_pillow(image: Image.Image) -> Decoded:
    """Of any mode that Pillow has, not turned; numbers of 16 bits or more are scaled to 16."""
    icc = image.info.get("icc_profile")
    if image.mode.startswith("I") or image.mode == "F":
        stored = np.asarray(image)
        values, notes = to_integers(stored)
        transparent = image.info.get("transparency")
        if isinstance(transparent, int):
            alpha = np.where(stored == transparent, 0, np.iinfo(values.dtype).max)
            values = np.stack([values, alpha.astype(values.dtype)], axis=-1)
        return replace(from_array(values), icc=icc, notes=notes)
    if image.mode == "LAB":
        lab = np.asarray(image)
        return Decoded(
            image.size, lambda top, bottom: lab_to_srgb(lab[top:bottom], signed=True), 3, 8
        )
    mode = _common_mode(image)
    width = image.width
    samples = len(mode)

    def strip(top: int, bottom: int) -> np.ndarray:
        part = image.crop((0, top, width, bottom))
        part = part if part.mode == mode else part.convert(mode)
        return np.asarray(part).reshape(bottom - top, width, samples)

    return Decoded(image.size, strip, samples - mode.endswith("A"), 8, icc)


def _common_mode(image: Image.Image) -> str:
    """The mode to convert it to: L, LA, RGB, RGBA or CMYK."""
    if image.mode in ("La", "RGBa"):  # colors multiplied by alpha: only their own kind can undo it
        return image.mode[:-1] + "A"
    transparent = "transparency" in image.info
    if image.mode in ("1", "L", "LA"):
        return "LA" if transparent or image.mode == "LA" else "L"
    if image.mode in ("PA", "RGBA") or transparent:
        return "RGBA"
    return "CMYK" if image.mode == "CMYK" else "RGB"
