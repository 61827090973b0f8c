"""The head of a JPEG XL: its size, how it is turned, and what its numbers mean.

imagecodecs decodes the numbers, and says nothing of all that. (ISO/IEC 18181-1: SizeHeader,
ImageMetadata; 18181-2: boxes.)
"""

import contextlib
import itertools
from dataclasses import dataclass

import numpy as np

from keras_colorize.errors import PhotoError
from keras_colorize.metadata.boxes import boxes
from keras_colorize.photos.pixels import divide_by_alpha, scale_bits, to_integers
from keras_colorize.photos.profiles import make_rgb_profile

__all__ = ["JpegXlHead", "colors_of_jpegxl", "decode_jpegxl", "original_jpeg", "read_jpegxl_head"]

# Width as a multiple of the height, by number.
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
_HEAD = 4096  # bytes, of which a few dozen are needed, unless there are thousands of channels

# How a number is coded, by a choice of two bits: so many bits, and what is added to them.
_Choices = tuple[tuple[int, int], tuple[int, int], tuple[int, int], tuple[int, int]]
_SIDE: _Choices = ((9, 1), (13, 1), (18, 1), (30, 1))
_ENUM: _Choices = ((0, 0), (0, 1), (4, 2), (6, 18))

_XY = tuple[float, float]
_WHITE: dict[int, _XY] = {1: (0.3127, 0.3290), 10: (1 / 3, 1 / 3), 11: (0.314, 0.351)}
_PRIMARIES: dict[int, tuple[_XY, _XY, _XY]] = {
    1: ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06)),  # ITU-R BT.709
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),  # ITU-R BT.2100
    11: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),  # SMPTE RP 431-2, of P3
}
_CUSTOM = 2
_TONES: dict[int, str | float] = {1: "BT.709", 8: 1.0, 13: "sRGB", 16: "PQ", 17: "DCI", 18: "HLG"}
_GRAY, _XYB, _ALPHA, _SPOT, _BLACK, _CFA = 1, 2, 0, 2, 4, 5


@dataclass(frozen=True)
class JpegXlHead:
    """What is said before the numbers come.

    Attributes:
        size: width and height, as they are stored.
        bits: of a number; 0 of floats.
        orientation: how to turn it, as EXIF numbers it; EXIF itself doesn't count here.
        lossy: whether it is coded in XYB, whose decoder gives sRGB where there is a profile.
        has_profile: whether there is an ICC profile, which nothing here can unpack.
        white: of its colors, x and y; ``None`` where that isn't said.
        primaries: red, green and blue; ``None`` of gray, and where that isn't said.
        tones: ``"sRGB"``, ``"BT.709"``, ``"PQ"``, ``"HLG"``, ``"DCI"`` or ``"unknown"``; or light
            as a power of the number.
        has_black: whether one of its channels is the black of four inks.
        associated: whether colors were multiplied by their opacity.
    """

    size: tuple[int, int]
    bits: int = 8
    orientation: int = 1
    lossy: bool = True
    has_profile: bool = False
    white: _XY | None = _WHITE[1]
    primaries: tuple[_XY, _XY, _XY] | None = _PRIMARIES[1]
    tones: str | float = "sRGB"
    has_black: bool = False
    associated: bool = False


def read_jpegxl_head(data: bytes) -> JpegXlHead:
    """Read the head.

    Args:
        data: the file; its beginning is enough.

    Raises:
        PhotoError: there is no picture in it.
        EOFError: it ends too early.
    """
    bits = _Bits(_codestream(data)[2:_HEAD])
    size = _read_size(bits)
    if bits.flag():  # everything is as it is by default
        return JpegXlHead(size)
    orientation = 1
    if bits.flag():
        orientation = 1 + bits.number(3)
        if bits.flag():
            _read_size(bits)
        if bits.flag():
            _skip_preview(bits)
        if bits.flag():
            _skip_animation(bits)
    depth = _read_depth(bits)
    bits.flag()
    count = bits.choice(((0, 0), (0, 1), (4, 2), (12, 1)))
    channels = [_read_channel(bits) for _ in range(count)]
    lossy = bits.flag()
    has_profile, white, primaries, tones = _read_colors(bits)
    return JpegXlHead(
        size,
        depth,
        orientation,
        lossy,
        has_profile,
        white,
        primaries,
        tones,
        any(kind == _BLACK for kind, _ in channels),
        any(associated for _, associated in channels),
    )


def decode_jpegxl(data: bytes, head: JpegXlHead) -> tuple[np.ndarray, tuple[str, ...]]:
    """Pixels of the first picture, uint8 or uint16, not turned, and notes of what was done to them.

    Raises:
        PhotoError: it is of a kind that isn't read.
        Exception: whatever the decoder raises at damaged data.
    """
    import imagecodecs

    if head.has_black:
        raise PhotoError("a kind of JPEG XL that is not read: its colors are four inks")
    array = imagecodecs.jpegxl_decode(data, index=0, keeporientation=True)
    notes: tuple[str, ...] = ()
    if array.shape[:2] != head.size[::-1]:  # planes one behind the other
        notes = (f"{len(array) - 1} channels beside its gray left out",)
        array = array[0]
    if head.bits:
        array = scale_bits(array, head.bits)
    else:
        array, of_floats = to_integers(array)
        notes += of_floats
    return divide_by_alpha(array) if head.associated else array, notes


def colors_of_jpegxl(head: JpegXlHead) -> tuple[bytes | None, tuple[str, ...]]:
    """A profile of what its decoder gives, ``None`` for sRGB; and notes of what it leaves out."""
    if head.has_profile and head.lossy:
        note = "decoded in linear light: its darkest tones may show steps"
        return make_rgb_profile(_WHITE[1], _PRIMARIES[1], 1.0), (note,) if head.bits == 8 else ()
    if head.has_profile:
        return None, ("JPEG XL: its color profile is not read; its colors were taken for sRGB",)
    tones, white, primaries = head.tones, head.white or _WHITE[1], head.primaries or _PRIMARIES[1]
    if tones == "sRGB" and (white, primaries) == (_WHITE[1], _PRIMARIES[1]):
        return None, ()
    if tones in ("PQ", "HLG", "DCI", "unknown"):
        named = "tones" if tones == "unknown" else f"{tones} tones"
        return None, (f"JPEG XL: its {named} are not read; they were taken for sRGB's",)
    return make_rgb_profile(white, primaries, tones), ()


def original_jpeg(data: bytes) -> bytes | None:
    """The JPEG that it was made from, byte for byte, if it holds what that takes."""
    import imagecodecs

    if any(kind == b"jbrd" for kind, *_ in boxes(data)):
        # Where its metadata were changed since, it cannot be had any more.
        with contextlib.suppress(imagecodecs.JpegxlError):
            return bytes(imagecodecs.jpegxl_decode_jpeg(data, numthreads=1))
    return None


class _Bits:
    """Numbers of so many bits each, from the lowest bit of each byte."""

    def __init__(self, data: bytes) -> None:
        self._bits = (byte >> place & 1 for byte in data for place in range(8))

    def number(self, count: int) -> int:
        bits = list(itertools.islice(self._bits, count))
        if len(bits) < count:
            raise EOFError
        return sum(bit << place for place, bit in enumerate(bits))

    def flag(self) -> bool:
        return bool(self.number(1))

    def choice(self, choices: _Choices) -> int:
        count, added = choices[self.number(2)]
        return added + self.number(count)


def _read_size(bits: _Bits) -> tuple[int, int]:
    small = bits.flag()

    def side() -> int:
        return 8 * (1 + bits.number(5)) if small else bits.choice(_SIDE)

    height = side()
    ratio = bits.number(3)
    if ratio:
        across, down = _RATIOS[ratio - 1]
        return height * across // down, height
    return side(), height


def _skip_preview(bits: _Bits) -> None:
    choices: _Choices = ((6, 1), (8, 65), (10, 321), (12, 1345))
    if bits.flag():
        choices = ((0, 16), (0, 32), (5, 1), (9, 33))
    bits.choice(choices)
    if not bits.number(3):
        bits.choice(choices)


def _skip_animation(bits: _Bits) -> None:
    bits.choice(((0, 100), (0, 1000), (10, 1), (30, 1)))
    bits.choice(((0, 1), (0, 1001), (8, 1), (10, 1)))
    bits.choice(((0, 0), (3, 0), (16, 0), (32, 0)))
    bits.flag()


def _read_depth(bits: _Bits) -> int:
    if not bits.flag():
        return bits.choice(((0, 8), (0, 10), (0, 12), (6, 1)))
    bits.choice(((0, 32), (0, 16), (0, 24), (6, 1)))
    bits.number(4)
    return 0


def _read_channel(bits: _Bits) -> tuple[int, bool]:
    """Of one beside the colors: its kind, and whether colors were multiplied by it."""
    if bits.flag():
        return _ALPHA, False
    kind = bits.choice(_ENUM)
    _read_depth(bits)
    bits.choice(((0, 0), (0, 3), (0, 4), (3, 1)))
    bits.number(8 * bits.choice(((0, 0), (4, 0), (5, 16), (10, 48))))
    associated = kind == _ALPHA and bits.flag()
    if kind == _SPOT:
        bits.number(4 * 16)
    elif kind == _CFA:
        bits.choice(((0, 1), (2, 0), (4, 3), (8, 19)))
    return kind, associated


_Colors = tuple[bool, _XY | None, tuple[_XY, _XY, _XY] | None, str | float]


def _read_colors(bits: _Bits) -> _Colors:
    """Whether there is a profile; or else white, primaries and tones."""
    if bits.flag():
        return False, _WHITE[1], _PRIMARIES[1], "sRGB"
    has_profile = bits.flag()
    space = bits.choice(_ENUM)
    if has_profile:
        return True, None, None, "unknown"
    white, primaries = None, None
    if space != _XYB:
        kind = bits.choice(_ENUM)
        white = _read_xy(bits) if kind == _CUSTOM else _WHITE.get(kind)
        if space != _GRAY:
            kind = bits.choice(_ENUM)
            if kind == _CUSTOM:
                primaries = (_read_xy(bits), _read_xy(bits), _read_xy(bits))
            else:
                primaries = _PRIMARIES.get(kind)
    if bits.flag():  # the inverse of the power, in 1/10,000,000
        return False, white, primaries, 1e7 / max(bits.number(24), 1)
    return False, white, primaries, _TONES.get(bits.choice(_ENUM), "unknown")


def _read_xy(bits: _Bits) -> _XY:
    """Coordinates of a color, of which even numbers are positive."""
    choices: _Choices = ((19, 0), (19, 524_288), (20, 1_048_576), (21, 2_097_152))
    x, y = (bits.choice(choices) for _ in range(2))
    return _signed(x) / 1e6, _signed(y) / 1e6


def _signed(number: int) -> int:
    return -(number + 1) // 2 if number % 2 else number // 2


def _codestream(data: bytes) -> bytes:
    """Its beginning at least, from the file itself or the first box that holds some of it."""
    if data[:2] == b"\xff\x0a":
        return data
    for kind, begin, end in boxes(data):
        if kind == b"jxlc":
            return data[begin:end]
        if kind == b"jxlp":  # the number of the part comes first
            return data[begin + 4 : end]
    raise PhotoError("damaged JPEGXL data: it holds no picture")
