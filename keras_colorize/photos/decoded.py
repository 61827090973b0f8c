"""A picture's pixels as its file stores them, given in strips, so that few are held twice."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import BinaryIO

import numpy as np
from PIL import Image

from keras_colorize.metadata.reading import NO_METADATA, Metadata, orientation, read_metadata
from keras_colorize.photos.formats import TURN, open_image
from keras_colorize.photos.pixels import WHITE, check_size, to_integers

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
    deep = format_ == "PNG" and _png_depth(file) == 16
    # First: Pillow's `getexif` would load a PNG too, and `turn_of` pass over the damage it finds.
    image.load()
    icc, metadata = image.info.get("icc_profile"), read_metadata(image)
    turn = TURN.get(orientation(metadata))
    notes: tuple[str, ...] = ()
    if _has_more(image):
        # HEIC holds the pictures of a series, of which one is the main one.
        notes = (
            ("holds several pictures: only the main one is colored",)
            if format_ == "HEIF"
            else ("animated: only its first picture is colored",)
        )
    if not deep:
        return replace(from_pillow(image, icc, turn, notes), metadata=metadata)
    import imagecodecs  # Pillow has no 16-bit color

    del image
    file.seek(0)
    array = imagecodecs.png_decode(file.read())
    return replace(from_array(array, icc, turn, notes), metadata=metadata)


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
        # By Little CMS, which takes longer to set up than a strip; to sRGB, so no profile is left.
        image, icc = image.convert("RGB"), None
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
