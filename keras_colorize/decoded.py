"""A picture's pixels as its file stores them, given in strips, so that few are held twice."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import BinaryIO

import numpy as np
from PIL import Image

from keras_colorize.formats import open_image, turn_of
from keras_colorize.metadata import NO_METADATA, Metadata, read_metadata
from keras_colorize.pixels import WHITE, check_size, to_integers

__all__ = ["Decoded", "from_array", "from_pillow", "read_first_picture"]


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
    """

    size: tuple[int, int]
    strip: Callable[[int, int], np.ndarray]
    channels: int
    depth: int
    icc: bytes | None
    turn: Image.Transpose | None
    notes: tuple[str, ...] = ()
    metadata: Metadata = NO_METADATA


def read_first_picture(file: BinaryIO, format_: str, max_pixels: int) -> Decoded:
    """The picture of a file that isn't TIFF; of an animation, the first.

    Raises:
        PhotoError: it has more pixels than ``max_pixels``.
        Exception: whatever decoders raise at damaged data.
    """
    image = open_image(file, format_)
    check_size(*image.size, max_pixels)
    icc, turn = image.info.get("icc_profile"), turn_of(image)
    notes: tuple[str, ...] = ()
    if getattr(image, "is_animated", False):
        # HEIC holds the pictures of a series, of which one is the main one.
        notes = (
            ("holds several pictures: only the main one is colored",)
            if format_ == "HEIF"
            else ("animated: only its first picture is colored",)
        )
    if format_ == "PNG" and _png_depth(file) == 16:
        decoded = from_array(_deep_png(file), icc, turn, notes)
        image.load()  # metadata may come behind the pixels
    else:
        image.load()
        decoded = from_pillow(image, icc, turn, notes)
    return replace(decoded, metadata=read_metadata(image))


def _deep_png(file: BinaryIO) -> np.ndarray:
    import imagecodecs  # Pillow has no 16-bit color

    position = file.tell()
    file.seek(0)
    array = imagecodecs.png_decode(file.read())
    file.seek(position)
    return array


def _png_depth(file: BinaryIO) -> int:
    """Bits a channel, from the header, which comes first (ISO/IEC 15948, section 11.2.2)."""
    position = file.tell()
    file.seek(24)
    depth = file.read(1)[0]
    file.seek(position)
    return depth


def from_array(
    array: np.ndarray, icc: bytes | None, turn: Image.Transpose | None, notes: tuple[str, ...] = ()
) -> Decoded:
    """Of gray or RGB, with alpha or without: uint16 ``(H, W)`` or ``(H, W, C)``."""
    array = array.reshape(*array.shape[:2], -1)
    height, width, samples = array.shape
    channels = 1 if samples <= 2 else 3
    return Decoded(
        (width, height), lambda top, bottom: array[top:bottom], channels, 16, icc, turn, notes
    )


def from_pillow(
    image: Image.Image,
    icc: bytes | None,
    turn: Image.Transpose | None,
    notes: tuple[str, ...] = (),
) -> Decoded:
    """Of any mode that Pillow has; numbers of 16 bits or more are scaled to 16."""
    if image.mode.startswith("I") or image.mode == "F":
        return from_array(to_integers(np.asarray(image), WHITE), icc, turn, notes)
    if image.mode == "LAB":
        image = image.convert("RGB")  # by Little CMS, which takes longer to set up than a strip
    mode = _common_mode(image)
    width = image.width
    samples = len(mode)
    channels = samples - mode.endswith("A")

    def strip(top: int, bottom: int) -> np.ndarray:
        part = image.crop((0, top, width, bottom))
        part = part if part.mode == mode else part.convert(mode)
        return np.asarray(part).reshape(bottom - top, width, samples)

    return Decoded(image.size, strip, channels, 8, icc, turn, notes)


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
