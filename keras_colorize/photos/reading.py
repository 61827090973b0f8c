"""A photograph as everything here sees it: one reader for files, Pillow images and arrays.

Whoever asks, a file is decoded in the same way: at its full depth, by its color profile, upright,
what is transparent on white. Coloring takes its luminance, 16 bits deep, of every page; training,
evaluation and calibration take RGB of 8 bits, whose luminance is the same within the rounding.
Color photographs are reduced to luminance strip by strip, so that one of 100 megapixels takes
little more memory than its decoder needs.

What cannot be used is refused with a :class:`~keras_colorize.errors.PhotoError` whose message is a
short reason without the file name, so that the caller can list ``path,reason``.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from keras_colorize import color
from keras_colorize.errors import PhotoError
from keras_colorize.metadata.reading import NO_METADATA, Metadata
from keras_colorize.photos.condition import Tone, find_tone
from keras_colorize.photos.decoded import (
    Decoded,
    from_array,
    from_pillow,
    read_first_picture,
    stored_size,
)
from keras_colorize.photos.formats import (
    FORMATS,
    identify,
    mislabelled,
    open_file,
    photo_errors,
    turn_of,
)
from keras_colorize.photos.pixels import (
    MAX_PIXELS,
    WHITE,
    deepen,
    on_white,
    quantize,
    strips,
    to_bytes,
    turn_array,
)
from keras_colorize.photos.profiles import Converter, make_converter
from keras_colorize.photos.tensorflow_io import tensorflow_io_decoder
from keras_colorize.photos.tiff import page_sizes, read_tiff_pages

__all__ = [
    "Page",
    "PhotoLike",
    "largest_size",
    "read_color",
    "read_luminance",
    "read_pages",
    "read_photo",
    "stored_sizes",
]

#: A file, by its path; a picture that Pillow holds; or pixels.
PhotoLike = str | Path | Image.Image | np.ndarray

_PREVIEW_SIDE = 128  # pixels
_STRIP_PIXELS = 1 << 19  # setting a profile up takes Little CMS as long as 2^17 to 2^20 pixels
_PREVIEW_ROWS = 4  # of the original, averaged into one of the preview

_FILTER = Image.Resampling.LANCZOS
# A box filter first, down to three times the size: faster, and no difference to be seen.
_REDUCING_GAP = 3.0


@dataclass(frozen=True)
class Page:
    """One picture, upright.

    Attributes:
        luminance: uint16 ``(H, W)``, 0 black to 65535 white; of 8-bit gray 257 times the value.
        alpha: its opacity, as luminance; ``None`` where all of it is opaque.
        depth: bits a channel in the file: 8 (or fewer), or 16 (or more).
        tone: whether it is in color.
        notes: what a reader of the result should know.
        metadata: what the file says of it, as it is stored: see ``metadata.upright``.
        lossless: whether it comes from a WebP that keeps every pixel as it was.
    """

    luminance: np.ndarray
    alpha: np.ndarray | None
    depth: int
    tone: Tone
    notes: tuple[str, ...] = ()
    metadata: Metadata = NO_METADATA
    lossless: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.luminance.shape[1], self.luminance.shape[0]


def read_pages(
    path: str | Path, *, max_pixels: int = MAX_PIXELS, remove_tint: bool = False
) -> Iterator[Page]:
    """The pages of a TIFF, one after the other; of any other file, its first picture.

    Args:
        path: the file.
        max_pixels: refuse a page with more, before it is decoded.
        remove_tint: of a toned print, make the paper white before luminance is taken.

    Raises:
        PhotoError: the file, or a page of it, cannot be used; the message is the reason.
    """
    path = Path(path)
    with open_file(path) as file:
        format_ = identify(file)
        pictures = _pictures(file, format_, max_pixels)
        # With a strange ending, or none, it claims nothing.
        lying = mislabelled(path, format_) if path.suffix.lower() in FORMATS else None
        while True:
            # Not around the yield: what the caller raises isn't the file's fault.
            with photo_errors(format_):
                page = _next_page(pictures, remove_tint)
            if page is None:
                return
            yield page if lying is None else replace(page, notes=(lying, *page.notes))
            del page  # before the next one is decoded


def read_luminance(photo: PhotoLike, *, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """The luminance of a photograph, upright, on white where it is transparent.

    Args:
        photo: a file (of several pages, the first), a Pillow image of any mode, whose profile and
            orientation count, or an array ``(H, W, 3)``, ``(H, W, 1)`` or ``(H, W)`` of uint8,
            uint16, or float in [0, 1].
        max_pixels: refuse a file with more, before it is decoded.

    Returns:
        uint16 ``(H, W)``, 0 black to 65535 white.

    Raises:
        PhotoError: the file cannot be used.
        TypeError: it is none of these.
        ValueError: the array has another shape or type of numbers.
    """
    return _read(photo, max_pixels, _luminance_on_white)


def read_color(photo: PhotoLike, *, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """The same photograph in color, uint8 RGB ``(H, W, 3)``; see :func:`read_luminance`."""
    return _read(
        photo, max_pixels, lambda decoded: turn_array(_rgb_on_white(decoded), decoded.turn)
    )


def read_photo(
    path: str | Path,
    *,
    short_side: int | None = None,
    max_pixels: int = MAX_PIXELS,
    strict_suffix: bool = False,
) -> np.ndarray:
    """A photograph in 8-bit RGB, upright, on white. Safe to call from many threads.

    The content decides the format, not the name. Of an animation or a document, the first picture
    is read. Its luminance is that of :func:`read_luminance` to within half a level of 8 bits, the
    rounding of each channel. TIFF of 8-bit gray or RGB goes through tensorflow-io where it loads.

    Args:
        path: the file.
        short_side: reduce, never enlarge, so that the shorter side has this many pixels. A JPEG is
            decoded at twice that or more, not at its full size; its pixels then are those of the
            full size reduced to within a level on average (tests/photos/test_reading.py).
        max_pixels: refuse what has more, before it is decoded. (WebP above 179 megapixels is
            refused by Pillow itself.)
        strict_suffix: refuse a file whose ending is not one of the format that it holds.

    Returns:
        uint8 ``(H, W, 3)``, a writable array of its own.

    Raises:
        PhotoError: if the photograph cannot be used; the message is the reason.
        ValueError: if ``short_side`` is below 1.
    """
    if short_side is not None and short_side < 1:
        raise ValueError(f"short_side must be at least 1. Received: {short_side}")
    path = Path(path)
    with open_file(path) as file:
        format_ = identify(file)
        lying = mislabelled(path, format_)
        if strict_suffix and lying is not None:
            raise PhotoError(lying)
        with photo_errors(format_):
            if format_ == "TIFF":
                decoded = next(read_tiff_pages(file, max_pixels, tensorflow_io_decoder()))
            else:
                # Twice what is wanted leaves the antialiasing filter all that it would pass.
                least = None if short_side is None else 2 * short_side
                decoded = read_first_picture(file, format_, max_pixels, least)
            rgb = _rgb_on_white(decoded)
            if short_side is not None:
                rgb = _reduce(rgb, decoded.reduced_to or decoded.size, short_side)
            return turn_array(rgb, decoded.turn)


def largest_size(path: str | Path) -> tuple[int, int]:
    """Width and height as they are stored, from the headers; of a TIFF, of the largest page.

    Raises:
        PhotoError: the file cannot be read, or is no photograph.
    """
    return max(stored_sizes(path), key=lambda size: size[0] * size[1])


def stored_sizes(path: str | Path) -> list[tuple[int, int]]:
    """Width and height of each page, at least one, as they are stored, from the headers.

    Raises:
        PhotoError: the file cannot be read, or is no photograph.
    """
    with open_file(Path(path)) as file:
        format_ = identify(file)
        with photo_errors(format_):
            return page_sizes(file) if format_ == "TIFF" else [stored_size(file, format_)]


# -- decoded pictures -------------------------------------------------------------------------


def _pictures(file: BinaryIO, format_: str, max_pixels: int) -> Iterator[Decoded]:
    if format_ == "TIFF":
        return read_tiff_pages(file, max_pixels)
    return (read_first_picture(file, format_, max_pixels) for _ in range(1))


def _read(photo: PhotoLike, max_pixels: int, make: Callable[[Decoded], np.ndarray]) -> np.ndarray:
    """What ``make`` makes of the first picture, while its file is open."""
    if isinstance(photo, str | Path):
        with open_file(Path(photo)) as file:
            format_ = identify(file)
            with photo_errors(format_):
                return make(next(_pictures(file, format_, max_pixels)))
    if isinstance(photo, Image.Image):
        photo.load()  # which turns a TIFF upright
        return make(replace(from_pillow(photo), turn=turn_of(photo)))
    if isinstance(photo, np.ndarray):
        return make(from_array(_checked(photo)))
    raise TypeError(
        f"Expected a path, a Pillow image or a NumPy array. Received: {type(photo).__name__}"
    )


def _checked(array: np.ndarray) -> np.ndarray:
    """Pixels that a caller has, uint8 or uint16."""
    channels = array.shape[2] if array.ndim == 3 else 1 if array.ndim == 2 else 0
    whole = array.dtype in (np.uint8, np.uint16)
    if channels not in (1, 3) or 0 in array.shape or not (whole or array.dtype.kind == "f"):
        raise ValueError(
            "Expected an array of shape (H, W), (H, W, 1) or (H, W, 3) of uint8, uint16, or float "
            f"in [0, 1]. Received: {array.dtype} of shape {array.shape}"
        )
    if whole:
        return array
    if not (array.min() >= 0.0 and array.max() <= 1.0):
        raise ValueError(f"Expected floats in [0, 1]. Received: {array.min():g} to {array.max():g}")
    return np.rint(array.astype(np.float64) * WHITE).astype(np.uint16)


# -- to luminance and to RGB ------------------------------------------------------------------


def _next_page(pictures: Iterator[Decoded], remove_tint: bool) -> Page | None:
    pixels = next(pictures, None)
    if pixels is None:
        return None
    converter, notes = _converter(pixels)
    tone = find_tone(_preview(pixels, converter))
    gains = None
    if remove_tint and tone.kind == "toned":
        gains = (tone.paper.max() / np.maximum(tone.paper, 1e-3)).astype(np.float32)
        notes += ("tint removed",)
    luminance, alpha = _planes(pixels, converter, gains)
    notes = pixels.notes + notes
    return Page(luminance, alpha, pixels.depth, tone, notes, pixels.metadata, pixels.lossless)


def _converter(pixels: Decoded) -> tuple[Converter | None, tuple[str, ...]]:
    """From its profile's colors to sRGB, or why there is no such conversion."""
    if pixels.icc is None:
        return None, ()
    try:
        return make_converter(pixels.icc, pixels.channels), ()
    except ValueError as error:
        return None, (f"{error}; ignored",)


def _planes(
    pixels: Decoded, converter: Converter | None, gains: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray | None]:
    """Luminance and, unless it is opaque, opacity; upright."""
    width, height = pixels.size
    planes = np.empty((2, height, width), np.uint16)
    opaque = True
    for top, bottom in strips(height, width, _STRIP_PIXELS):
        strip = pixels.strip(top, bottom)
        rgb = _to_srgb(strip[..., : pixels.channels], converter)
        planes[0, top:bottom] = _luminance(rgb, gains)
        if strip.shape[2] > pixels.channels:
            planes[1, top:bottom] = deepen(strip[..., -1])
            opaque = opaque and bool((planes[1, top:bottom] == WHITE).all())
    luminance = turn_array(planes[0], pixels.turn)
    return luminance, None if opaque else turn_array(planes[1], pixels.turn)


def _luminance_on_white(pixels: Decoded) -> np.ndarray:
    converter, _ = _converter(pixels)
    luminance, alpha = _planes(pixels, converter)
    return luminance if alpha is None else on_white(luminance, alpha)


def _rgb_on_white(pixels: Decoded) -> np.ndarray:
    """uint8 ``(H, W, 3)``, not turned yet."""
    width, height = pixels.size
    converter, _ = _converter(pixels)
    rgb = np.empty((height, width, 3), np.uint8)
    for top, bottom in strips(height, width, _STRIP_PIXELS):
        strip = pixels.strip(top, bottom)
        colors = _to_srgb(strip[..., : pixels.channels], converter)
        if strip.shape[2] > pixels.channels:
            colors = on_white(deepen(colors), deepen(strip[..., -1:]))
        rgb[top:bottom] = to_bytes(colors)
    return rgb


def _preview(pixels: Decoded, converter: Converter | None) -> np.ndarray:
    """A small copy, stretched to a square where it is large; uint8 RGB ``(h, w, 3)``."""
    width, height = pixels.size
    tops = np.linspace(0, height - 1, min(height, _PREVIEW_SIDE)).astype(int)
    edges = np.linspace(0, width, min(width, _PREVIEW_SIDE), endpoint=False).astype(int)
    lengths = np.diff(np.append(edges, width))[:, None]
    rows = []
    for top in tops:
        strip = pixels.strip(top, min(top + _PREVIEW_ROWS, height))[..., : pixels.channels]
        scaled = deepen(strip).astype(np.float32).mean(axis=0)
        rows.append(np.add.reduceat(scaled, edges, axis=0) / lengths)
    preview = _to_srgb(np.rint(np.stack(rows)).astype(np.uint16), converter)
    return np.broadcast_to(quantize(preview / WHITE), (*preview.shape[:2], 3))


def _to_srgb(strip: np.ndarray, converter: Converter | None) -> np.ndarray:
    """Without a profile, gray and RGB are taken for sRGB, and inks for ideal ones."""
    if converter is not None:
        return converter(strip)
    if strip.shape[2] != 4:
        return strip
    white = int(np.iinfo(strip.dtype).max)
    paper = (white - strip.astype(np.uint32)).astype(np.uint32)
    return ((paper[..., :3] * paper[..., 3:] + white // 2) // white).astype(strip.dtype)


def _luminance(pixels: np.ndarray, gains: np.ndarray | None) -> np.ndarray:
    """Gray ``(n, W, 1)`` or RGB ``(n, W, 3)``, uint8 or uint16, to uint16 ``(n, W)``."""
    if pixels.shape[2] == 1:
        return deepen(pixels[..., 0])
    rgb = pixels.astype(np.float32) / np.iinfo(pixels.dtype).max
    if gains is not None:
        rgb = np.minimum(rgb * gains, 1.0)
    return np.rint(WHITE * color.luminance(rgb)[..., 0]).astype(np.uint16)


def _reduce(rgb: np.ndarray, filled: tuple[float, float], short_side: int) -> np.ndarray:
    """Antialiased; ``filled``: width and height of the part that the photograph fills."""
    scale = min(1.0, short_side / min(filled))
    size = max(1, round(filled[0] * scale)), max(1, round(filled[1] * scale))
    if size == filled:
        return rgb
    box = (0.0, 0.0, *filled)
    reduced = Image.fromarray(rgb).resize(size, _FILTER, box=box, reducing_gap=_REDUCING_GAP)
    return np.array(reduced)
