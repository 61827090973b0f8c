"""A photograph as it is archived: every page of it, at full size and depth.

Of a page only its luminance is kept, 16 bits deep whatever the file holds, its transparency and a
small preview; color photographs are reduced to luminance strip by strip, so that one of 100
megapixels takes little more memory than its decoder needs.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_colorize import color
from keras_colorize.metadata.reading import NO_METADATA, Metadata
from keras_colorize.photos.condition import Tone, find_tone
from keras_colorize.photos.decoded import Decoded, read_first_picture
from keras_colorize.photos.formats import identify, open_file, open_image, photo_errors
from keras_colorize.photos.pixels import WHITE, quantize, strips, turn_array
from keras_colorize.photos.profiles import Converter, make_converter
from keras_colorize.photos.tiff import largest_page, read_tiff_pages

__all__ = ["WHITE", "Page", "largest_size", "pages_of"]

_PREVIEW_SIDE = 128  # pixels
_STRIP_PIXELS = 1 << 19  # setting a profile up takes Little CMS as long as 2^17 to 2^20 pixels
_PREVIEW_ROWS = 4  # of the original, averaged into one of the preview


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
    """

    luminance: np.ndarray
    alpha: np.ndarray | None
    depth: int
    tone: Tone
    notes: tuple[str, ...] = ()
    metadata: Metadata = NO_METADATA

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.luminance.shape[1], self.luminance.shape[0]

    def on_white(self) -> np.ndarray:
        """Its luminance, uint16 ``(H, W)``, as it looks on white where it is transparent."""
        if self.alpha is None:
            return self.luminance
        opacity = self.alpha.astype(np.uint32)  # which holds every product of two of 16 bits
        blend = opacity * self.luminance + WHITE * (WHITE - opacity)
        return ((blend + WHITE // 2) // WHITE).astype(np.uint16)


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
            pictures = read_tiff_pages(file, max_pixels)
        else:
            pictures = (read_first_picture(file, format_, max_pixels) for _ in range(1))
        while True:
            # Not around the yield: what the caller raises isn't the file's fault.
            with photo_errors(format_):
                page = _next_page(pictures, remove_tint)
            if page is None:
                return
            yield page
            del page  # before the next one is decoded


def largest_size(path: str | Path) -> tuple[int, int]:
    """Width and height as they are stored, from the headers; of a TIFF, of the largest page.

    Raises:
        PhotoError: the file cannot be read, or is no photograph.
    """
    with open_file(Path(path)) as file:
        format_ = identify(file)
        with photo_errors(format_):
            return largest_page(file) if format_ == "TIFF" else open_image(file, format_).size


# -- from pixels to luminance -----------------------------------------------------------------


def _next_page(pictures: Iterator[Decoded], remove_tint: bool) -> Page | None:
    pixels = next(pictures, None)
    if pixels is None:
        return None
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
    for top, bottom in strips(height, width, _STRIP_PIXELS):
        strip = pixels.strip(top, bottom)
        rgb = _to_srgb(strip[..., : pixels.channels], converter)
        planes[0, top:bottom] = _luminance(rgb, gains)
        if strip.shape[2] > pixels.channels:
            planes[1, top:bottom] = _deepen(strip[..., -1])
            opaque = opaque and bool((planes[1, top:bottom] == WHITE).all())
    luminance = turn_array(planes[0], pixels.turn)
    alpha = None if opaque else turn_array(planes[1], pixels.turn)
    return Page(luminance, alpha, pixels.depth, tone, tuple(notes), pixels.metadata)


def _preview(pixels: Decoded, converter: Converter | None) -> np.ndarray:
    """A small copy, stretched to a square where it is large; uint8 RGB ``(h, w, 3)``."""
    width, height = pixels.size
    tops = np.linspace(0, height - 1, min(height, _PREVIEW_SIDE)).astype(int)
    edges = np.linspace(0, width, min(width, _PREVIEW_SIDE), endpoint=False).astype(int)
    lengths = np.diff(np.append(edges, width))[:, None]
    rows = []
    for top in tops:
        strip = pixels.strip(top, min(top + _PREVIEW_ROWS, height))[..., : pixels.channels]
        scaled = _deepen(strip).astype(np.float32).mean(axis=0)
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
        return _deepen(pixels[..., 0])
    rgb = pixels.astype(np.float32) / np.iinfo(pixels.dtype).max
    if gains is not None:
        rgb = np.minimum(rgb * gains, 1.0)
    return np.rint(WHITE * color.luminance(rgb)[..., 0]).astype(np.uint16)


def _deepen(values: np.ndarray) -> np.ndarray:
    return values if values.dtype == np.uint16 else values.astype(np.uint16) * 257
