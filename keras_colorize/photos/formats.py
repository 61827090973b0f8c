"""The file formats of photographs: which are known, by name and by content, and how they fail.

Reading by content: what a file holds decides, not how it is called. Whatever a decoder raises at
damaged bytes becomes a :class:`~keras_colorize.errors.PhotoError` whose message is a short reason.
"""

import contextlib
import io
import os
import re
import stat
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    PsdImagePlugin,
    WebPImagePlugin,
)
from PIL.ExifTags import Base as Tag

from keras_colorize.errors import PhotoError
from keras_colorize.photos.pixels import TRUNCATED

__all__ = [
    "FORMATS",
    "PHOTO_SUFFIXES",
    "TURN",
    "identify",
    "mislabelled",
    "open_file",
    "open_image",
    "photo_errors",
    "suffix_of",
    "turn_of",
]

#: Format by the ending of a file's name, in lower case; a format's first ending is its usual one.
FORMATS = {
    suffix: format_
    for format_, suffixes in {
        "JPEG": ".jpg .jpeg .jpe .jfif .mpo",
        "PNG": ".png",
        "WEBP": ".webp",
        "BMP": ".bmp",
        "GIF": ".gif",
        "TIFF": ".tif .tiff",
        "HEIF": ".heic .heif",
        "AVIF": ".avif",
        "JPEG2000": ".jp2 .j2k .jpf .jpx",
        "JPEGXL": ".jxl",
        "PNM": ".pgm .ppm .pnm .pbm",
        "PSD": ".psd",
    }.items()
    for suffix in suffixes.split()
}
#: Endings of the files that are taken for photographs, in lower case.
PHOTO_SUFFIXES = tuple(FORMATS)

# `Image.open` warns of, or refuses, what exceeds Pillow's own limit, a global of the user's
# program. The classes behind it don't, so `max_pixels` alone decides, in every thread. Opening an
# MPO (two JPEGs in one file) as a JPEG gives its first picture.
_PLUGINS: dict[str, type[ImageFile.ImageFile]] = {
    "JPEG": JpegImagePlugin.JpegImageFile,
    "PNG": PngImagePlugin.PngImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "AVIF": AvifImagePlugin.AvifImageFile,
    "JPEG2000": Jpeg2KImagePlugin.Jpeg2KImageFile,
    "PNM": PpmImagePlugin.PpmImageFile,
    "PSD": PsdImagePlugin.PsdImageFile,
}
# The first bytes of each format; the dots stand for any byte. BigTIFF has a + in place of the *.
_SIGNATURES = re.compile(
    rb"(?P<JPEG>\xff\xd8\xff)|(?P<PNG>\x89PNG\r\n\x1a\n)|(?P<WEBP>RIFF....WEBP)|(?P<BMP>BM)"
    rb"|(?P<GIF>GIF8[79]a)|(?P<TIFF>II[*+]\0|MM\0[*+])|(?P<HEIF>....ftyp(?:hei[cmsx]|mif1|msf1))"
    rb"|(?P<AVIF>....ftypavi[fs])|(?P<PNM>P[1-6][\s#])|(?P<PSD>8BPS\x00\x01)"
    rb"|(?P<JPEG2000>\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51)"
    rb"|(?P<JPEGXL>\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n)",
    re.DOTALL,
)

_HEAD = 64  # bytes
_BEFORE = 512  # bytes, in which headers of old systems and of networks would have room

#: Which way to turn a stored picture, by EXIF orientation 2 to 8 (CIPA DC-008, section 4.6.4).
TURN = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class _SizedFile(io.BufferedReader):
    """A file that never reads more than it holds: Python allocates first what a header claims."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > io.DEFAULT_BUFFER_SIZE:
            size = min(size, os.fstat(self.fileno()).st_size)
        return super().read(size)


def open_file(path: Path) -> BinaryIO:
    """Open a photograph's file.

    Raises:
        PhotoError: it is not a regular file, or cannot be read.
    """
    try:
        # Opening a pipe would wait for its writer, forever.
        if not stat.S_ISREG(path.stat().st_mode):
            raise PhotoError("not a regular file")
        return _SizedFile(path.open("rb", 0))
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise PhotoError(f"unreadable: {getattr(error, 'strerror', None) or error}") from error


def identify(file: BinaryIO) -> str:
    """The format of a file by its first bytes, a value of :data:`FORMATS`.

    Raises:
        PhotoError: it is empty, none of these formats, or cannot be read.
    """
    try:
        before = file.read(_BEFORE + 3)
        file.seek(0)
    except OSError as error:  # a bad disk, a network that is gone
        raise PhotoError(f"unreadable: {error.strerror or error}") from error
    if not before:
        raise PhotoError("the file is empty (0 bytes)")
    start = before[:_HEAD]
    match = _SIGNATURES.match(start)
    if match is None and (at := before.find(b"\xff\xd8\xff")) > 0:
        raise PhotoError(f"a JPEG behind {at} other bytes; cut those off its beginning")
    if match is None:
        raise PhotoError(
            "not a photograph that can be read (JPEG, PNG, WebP, BMP, GIF, TIFF, HEIC, AVIF, "
            "JPEG 2000, JPEG XL, PNM or PSD)"
        )
    # A brand of both: the others that the file names decide.
    if match.lastgroup == "HEIF" and b"avif" in start[: int.from_bytes(start[:4], "big")]:
        return "AVIF"
    return str(match.lastgroup)


def mislabelled(path: Path, format_: str) -> str | None:
    """What is wrong with a file's name where its ending isn't one of the format that it holds."""
    if FORMATS.get(path.suffix.lower()) == format_:
        return None
    named = f"named {path.suffix}" if path.suffix else "without an ending"
    return f"mislabelled: {format_} data in a file {named}; rename it to {suffix_of(format_)}"


def suffix_of(format_: str) -> str:
    """The usual ending of a format's files, such as ``.jpg``."""
    return next(suffix for suffix, name in FORMATS.items() if name == format_)


def open_image(file: BinaryIO, format_: str) -> ImageFile.ImageFile:
    """Open a picture in Pillow, its pixels not decoded yet, whatever its size.

    Raises:
        PhotoError: HEIC, where the package that reads it is missing.
        Exception: whatever Pillow's plugins raise at damaged data; see :func:`photo_errors`.
    """
    if format_ != "HEIF":
        return _PLUGINS[format_](file)
    try:
        from pillow_heif import HeifImageFile
    except ImportError as error:
        raise PhotoError(
            "HEIC is read where keras-colorize is installed with the extra called heic"
        ) from error
    return HeifImageFile(file)


def turn_of(image: Image.Image) -> Image.Transpose | None:
    """How to turn a picture upright, by its EXIF; ``None`` where it stands so."""
    try:
        return TURN.get(image.getexif().get(Tag.Orientation, 1))
    # As varied as in `photo_errors`; damaged EXIF is no reason to refuse sound pixels.
    except Exception:  # noqa: BLE001
        return None


@contextlib.contextmanager
def photo_errors(format_: str) -> Iterator[None]:
    """Turn whatever a decoder raises at damaged data into a PhotoError with a short reason."""
    try:
        yield
    except PhotoError:
        raise
    except MemoryError as error:
        raise PhotoError("not enough memory to decode it") from error
    # Damaged bytes make the decoders raise nearly every exception there is (OSError, SyntaxError,
    # struct.error, zlib.error, KeyError, OverflowError, AssertionError ...), which their
    # documentation doesn't enumerate. All mean that this one photograph cannot be used.
    except Exception as error:
        raise PhotoError(_reason(error, format_)) from error


def _reason(error: Exception, format_: str) -> str:
    text = " ".join(str(error).split())[:120] or type(error).__name__
    if isinstance(error, Image.DecompressionBombError):
        return f"too large for Pillow's {format_} decoder: {text}"
    # Of Python's struct: bytes that a header should have.
    short = isinstance(error, EOFError | struct.error) or "requires a buffer" in text
    if short or "truncated" in text.lower():
        return TRUNCATED
    named = "unsupported|unknown|cannot handle|error while loading plugin: support"
    if re.match(named, text, re.IGNORECASE):
        return f"a kind of {format_} that is not read: {text}"
    if text == "not identified by this driver":
        text = "its header has no size, or no color mode that is known"
    return f"damaged {format_} data: {text}"
