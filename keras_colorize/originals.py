"""A photograph as it is archived: every page of it, at full size and depth.

Of a page only its luminance is kept, 16 bits deep whatever the file holds, its transparency and a
small preview; color photographs are reduced to luminance strip by strip, so that one of 100
megapixels takes little more memory than its decoder needs.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, TiffImagePlugin

from keras_colorize import color
from keras_colorize.condition import Tone, find_tone
from keras_colorize.errors import PhotoError
from keras_colorize.formats import identify, open_file, open_image, photo_errors, turn_of
from keras_colorize.icc import Converter, make_converter
from keras_colorize.pixels import TRUNCATED, check_size, quantize, to_integers, turn_array
from keras_colorize.upsampling import strips

__all__ = ["WHITE", "Page", "pages_of"]

#: Luminance of white.
WHITE = 65535

_PREVIEW_SIDE = 128  # pixels
_PREVIEW_ROWS = 4  # of the original, averaged into one of the preview

# TIFF 6.0: values of the tags PhotometricInterpretation, Compression and SampleFormat.
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB = 0, 1, 2
_UNCOMPRESSED = 1


@dataclass(frozen=True)
class Page:
    """One picture, upright.

    Attributes:
        luminance: uint16 ``(H, W)``, 0 black to 65535 white; of 8-bit gray 257 times the value.
        alpha: its opacity, as luminance; ``None`` where all of it is opaque.
        depth: bits a channel in the file: 8 (or fewer), or 16 (or more).
        tone: whether it is in color.
        notes: what a reader of the result should know.
    """

    luminance: np.ndarray
    alpha: np.ndarray | None
    depth: int
    tone: Tone
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.luminance.shape[1], self.luminance.shape[0]


@dataclass(frozen=True)
class _Pixels:
    """Decoded pixels as the file stores them.

    Attributes:
        size: width and height.
        strip: rows from one to before another, uint8 or uint16 ``(n, W, C)``; C is that of the
            color space, and one more with alpha.
        channels: of the color space: 1 gray, 3 RGB, 4 CMYK.
        depth: 8 or 16.
        icc: the profile, if there is one.
        turn: how to turn it upright.
        notes: what decoding it showed.
    """

    size: tuple[int, int]
    strip: Callable[[int, int], np.ndarray]
    channels: int
    depth: int
    icc: bytes | None
    turn: Image.Transpose | None
    notes: tuple[str, ...] = ()


def pages_of(
    path: str | Path, *, max_pixels: int = 200_000_000, remove_tint: bool = False
) -> Iterator[Page]:
    """The pages of a TIFF, one after the other; of any other file, its first picture.

    Args:
        path: the file.
        max_pixels: refuse a page with more, before it is decoded.
        remove_tint: of a toned print, make the paper white before luminance is taken.

    Raises:
        PhotoError: the file, or a page of it, cannot be used; the message is the reason.
    """
    with open_file(Path(path)) as file:
        format_ = identify(file)
        if format_ == "TIFF":
            pictures = _tiff_pages(file, max_pixels)
        else:
            pictures = _first_picture(file, format_, max_pixels)
        while True:
            # Not around the yield: what the caller raises isn't the file's fault.
            with photo_errors(format_):
                pixels = next(pictures, None)
                page = None if pixels is None else _page(pixels, remove_tint)
            if page is None:
                return
            yield page


# -- decoding ---------------------------------------------------------------------------------


def _first_picture(file: BinaryIO, format_: str, max_pixels: int) -> Iterator[_Pixels]:
    image = open_image(file, format_)
    check_size(*image.size, max_pixels)
    animated = getattr(image, "is_animated", False)
    notes = ("animated: only its first picture is colored",) if animated else ()
    if format_ == "PNG" and _png_depth(file) == 16:
        import imagecodecs  # Pillow has no 16-bit color

        file.seek(0)
        array = imagecodecs.png_decode(file.read())
        yield _from_array(array, image.info.get("icc_profile"), turn_of(image), notes)
        return
    image.load()
    yield _from_pillow(image, image.info.get("icc_profile"), turn_of(image), notes)


def _png_depth(file: BinaryIO) -> int:
    """Bits a channel, from the header, which comes first (ISO/IEC 15948, section 11.2.2)."""
    file.seek(24)
    return file.read(1)[0]


def _tiff_pages(file: BinaryIO, max_pixels: int) -> Iterator[_Pixels]:
    import tifffile

    with tifffile.TiffFile(file) as tiff:
        page: Any  # the stubs also allow for frames, which only a cached reader gives
        for index, page in enumerate(tiff.pages):
            if index > 0 and page.subfiletype & 0b101:  # a reduced copy, or a transparency mask
                continue
            check_size(page.imagewidth, page.imagelength, max_pixels)
            _check_tiff_data(page, file)
            icc = page.tags.valueof(TiffImagePlugin.ICCPROFILE)
            direct = page.photometric in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB)
            deep = page.dtype is not None and page.dtype.itemsize >= 2
            # Pillow converts every color space, and knows no 16-bit color.
            image = _tiff_in_pillow(file, index)
            turn = turn_of(image)
            if direct and deep:
                yield _from_tiff_array(page, icc, turn)
            else:
                image.im = Image.new(image.mode, image.size).im  # see tiff.py
                image.load()
                yield _from_pillow(image, icc, turn)


def _tiff_in_pillow(file: BinaryIO, index: int) -> Image.Image:
    file.seek(0)
    image = TiffImagePlugin.TiffImageFile(file)
    image.seek(index)
    return image


def _check_tiff_data(page: Any, file: BinaryIO) -> None:
    """Refuse a page whose pixels aren't all there: uncompressed, no decoder would notice."""
    end = file.seek(0, 2)
    if any(o + size > end for o, size in zip(page.dataoffsets, page.databytecounts)):
        raise PhotoError(TRUNCATED)
    packed = page.compression != _UNCOMPRESSED or page.photometric == 6  # YCbCr may hold less
    bits = page.imagewidth * page.samplesperpixel * page.bitspersample
    if not packed and sum(page.databytecounts) < -(-bits // 8) * page.imagelength:
        raise PhotoError("truncated: the file holds fewer pixels than the picture should have")


def _from_tiff_array(page: Any, icc: bytes | None, turn: Image.Transpose | None) -> _Pixels:
    array = page.asarray()
    samples = page.samplesperpixel
    if samples > 1 and page.planarconfig == 2:
        array = np.moveaxis(array.reshape(samples, page.imagelength, page.imagewidth), 0, -1)
    array = array.reshape(page.imagelength, page.imagewidth, samples)
    if array.dtype != np.uint16:
        array = to_integers(array, WHITE)
    if page.photometric == _WHITE_IS_ZERO:
        array = WHITE - array
    channels = 3 if page.photometric == _RGB else 1
    # Of extra channels, only opacity (1 multiplied into the colors, 2 not) means something here.
    with_alpha = samples > channels and page.extrasamples[:1] in ((1,), (2,))
    return _from_array(array[..., : channels + with_alpha], icc, turn)


def _from_array(
    array: np.ndarray, icc: bytes | None, turn: Image.Transpose | None, notes: tuple[str, ...] = ()
) -> _Pixels:
    """Pixels of 16 bits: ``(H, W)``, or ``(H, W, C)`` of gray or RGB, with alpha or without."""
    array = array.reshape(*array.shape[:2], -1)
    height, width, samples = array.shape
    channels = 1 if samples <= 2 else 3
    return _Pixels(
        (width, height), lambda top, bottom: array[top:bottom], channels, 16, icc, turn, notes
    )


def _from_pillow(
    image: Image.Image,
    icc: bytes | None,
    turn: Image.Transpose | None,
    notes: tuple[str, ...] = (),
) -> _Pixels:
    if image.mode.startswith("I") or image.mode == "F":
        array = to_integers(np.asarray(image), WHITE)
        return _from_array(array, icc, turn, notes)
    image = _to_common_mode(image, keep_cmyk=icc is not None)
    samples = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "CMYK": 4}[image.mode]
    channels = 4 if image.mode == "CMYK" else 1 if samples <= 2 else 3
    width = image.width

    def strip(top: int, bottom: int) -> np.ndarray:
        return np.asarray(image.crop((0, top, width, bottom))).reshape(bottom - top, width, samples)

    return _Pixels(image.size, strip, channels, 8, icc, turn, notes)


def _to_common_mode(image: Image.Image, *, keep_cmyk: bool) -> Image.Image:
    """Gray or RGB of 8 bits, each with alpha or without, or CMYK for its profile."""
    if image.mode in ("La", "RGBa"):  # colors multiplied by alpha
        image = image.convert(image.mode[:-1] + "A")
    transparent = "transparency" in image.info
    if image.mode in ("L", "LA", "1"):
        return image.convert("LA" if transparent or image.mode == "LA" else "L")
    if image.mode in ("PA", "RGBA") or transparent:
        return image.convert("RGBA")
    return image if image.mode == "CMYK" and keep_cmyk else image.convert("RGB")


# -- from pixels to luminance -----------------------------------------------------------------


def _page(pixels: _Pixels, remove_tint: bool) -> Page:
    notes = list(pixels.notes)
    converter = None
    if pixels.icc is not None:
        try:
            converter = make_converter(pixels.icc, pixels.channels)
        except ValueError as error:
            notes.append(f"{error}; ignored")
    width, height = pixels.size
    tone = find_tone(_preview(pixels, converter))
    gains = None
    if remove_tint and tone.kind == "toned":
        gains = (tone.paper.max() / np.maximum(tone.paper, 1e-3)).astype(np.float32)
        notes.append("tint removed")
    planes = np.empty((2, height, width), np.uint16)
    opaque = True
    for top, bottom in strips(height, width):
        strip = pixels.strip(top, bottom)
        rgb = _to_srgb(strip[..., : pixels.channels], converter)
        planes[0, top:bottom] = _luminance(rgb, gains)
        if strip.shape[2] > pixels.channels:
            planes[1, top:bottom] = _deepen(strip[..., -1])
            opaque = opaque and bool((planes[1, top:bottom] == WHITE).all())
    luminance = turn_array(planes[0], pixels.turn)
    alpha = None if opaque else turn_array(planes[1], pixels.turn)
    return Page(luminance, alpha, pixels.depth, tone, tuple(notes))


def _preview(pixels: _Pixels, converter: Converter | None) -> np.ndarray:
    """A small copy, stretched to a square where it is large; uint8 RGB ``(h, w, 3)``."""
    width, height = pixels.size
    tops = np.linspace(0, height - 1, min(height, _PREVIEW_SIDE)).astype(int)
    edges = np.linspace(0, width, min(width, _PREVIEW_SIDE), endpoint=False).astype(int)
    lengths = np.diff(np.append(edges, width))[:, None]
    rows = []
    for top in tops:
        strip = pixels.strip(top, min(top + _PREVIEW_ROWS, height))[..., : pixels.channels]
        rgb = _to_srgb(strip, converter)
        scaled = rgb.astype(np.float32).mean(axis=0) / np.iinfo(rgb.dtype).max
        rows.append(np.add.reduceat(scaled, edges, axis=0) / lengths)
    preview = quantize(np.stack(rows))
    return np.broadcast_to(preview, (*preview.shape[:2], 3))


def _to_srgb(strip: np.ndarray, converter: Converter | None) -> np.ndarray:
    return strip if converter is None else converter(strip)


def _luminance(pixels: np.ndarray, gains: np.ndarray | None) -> np.ndarray:
    """Gray ``(n, W, 1)`` or RGB ``(n, W, 3)``, uint8 or uint16, to uint16 ``(n, W)``."""
    if pixels.shape[2] == 1:
        return _deepen(pixels[..., 0])
    rgb = pixels.astype(np.float32) / np.iinfo(pixels.dtype).max
    if gains is not None:
        rgb = np.minimum(rgb * gains, 1.0)
    return np.rint(WHITE * color.luminance(rgb)[..., 0]).astype(np.uint16)


def _deepen(values: np.ndarray) -> np.ndarray:
    return values if values.dtype == np.uint16 else values.astype(np.uint16) * 257
