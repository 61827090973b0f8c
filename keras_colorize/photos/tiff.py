"""Every page of a TIFF at its full depth, as numbers.

tifffile reads the directories. What a page claims is checked before anything allocates memory for
it.
"""

import io
import logging
import struct
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, TiffImagePlugin
from PIL.ExifTags import Base as Tag

from keras_colorize.errors import PhotoError
from keras_colorize.metadata.reading import read_tiff_metadata
from keras_colorize.photos.decoded import Decoded
from keras_colorize.photos.formats import TURN, photo_errors
from keras_colorize.photos.pixels import (
    TRUNCATED,
    check_size,
    divide_by_alpha,
    scale_bits,
    to_integers,
)
from keras_colorize.photos.profiles import lab_to_srgb
from keras_colorize.photos.tiff_samples import (
    BLACK_IS_ZERO,
    CMYK,
    FAX,
    JPEG,
    LIBTIFFS,
    TIFFFILES,
    UNCOMPRESSED,
    YCBCR,
    Samples,
    TiffDecoder,
    read_samples,
)

__all__ = ["page_sizes", "read_tiff_pages"]

# Values of the tag PhotometricInterpretation (TIFF 6.0, sections 3 to 6, 16, 21 and 23; the last is
# Adobe's), and the channels of each.
_WHITE_IS_ZERO, _RGB, _PALETTE = 0, 2, 3
_CIELAB, _ICCLAB = 8, 9
_CHANNELS = {_WHITE_IS_ZERO: 1, BLACK_IS_ZERO: 1, _RGB: 3, _PALETTE: 1, CMYK: 4}
_CHANNELS |= {YCBCR: 3, _CIELAB: 3, _ICCLAB: 3}
_ASSOCIATED, _UNASSOCIATED = 1, 2  # of the tag ExtraSamples
_REDUCED_OR_MASK = 0b101  # of the tag NewSubfileType
_DNG_VERSION = 50706  # a tag (Adobe, Digital Negative Specification 1.7)

_MOST_SAMPLES = 8  # a pixel: no photograph has more, a forged file has 65535
_LARGEST_TILE = 1 << 24  # pixels, where the picture itself is smaller

# tifffile reports there what is wrong with a file, and `logging` prints what nobody listens to.
for _name in ("tifffile", "imagecodecs"):
    logging.getLogger(_name).addHandler(logging.NullHandler())


def read_tiff_pages(
    file: BinaryIO, max_pixels: int, decoder: TiffDecoder | None = None
) -> Iterator[Decoded]:
    """The pages, one after the other, without reduced copies and transparency masks.

    Args:
        file: a TIFF or BigTIFF.
        max_pixels: refuse a page with more, before it is decoded.
        decoder: of what it knows; it has to give the same pixels as the reader here.

    Raises:
        PhotoError: there is no page, one has more pixels than ``max_pixels``, or it is of a kind
            that isn't read.
        Exception: whatever decoders raise at damaged data.
    """
    import tifffile

    with tifffile.TiffFile(file) as tiff:
        pages, broken = _pages(tiff)
        for number, (index, page) in enumerate(pages, 1):
            raw = index == 0 and _DNG_VERSION in tiff.pages.first.tags
            known = decoder if index == 0 and not raw and _is_plain(page) else None
            try:
                with photo_errors("TIFF"):
                    check_size(page.imagewidth, page.imagelength, max_pixels)
                    _check_kind(page)
                    _check_data(page, file)
                    decoded = _decode(read_samples(page, file, known))
            except PhotoError as error:
                if number == 1:
                    raise
                raise PhotoError(f"page {number}: {error}") from error
            notes, turn = decoded.notes, decoded.turn
            if raw:
                note = f"raw: its preview of {page.imagewidth} x {page.imagelength} is colored"
                notes, turn = (note, *notes), _turn(tiff.pages.first)
            if broken and number == len(pages):
                notes += (f"names a page after its last, {number}, where none can be read",)
            metadata = read_tiff_metadata(file, index)
            yield replace(decoded, notes=notes, turn=turn, metadata=metadata)


def page_sizes(file: BinaryIO) -> list[tuple[int, int]]:
    """Width and height of each page, at least one, as the file claims, without reading any.

    Raises:
        PhotoError: there is no page.
        Exception: whatever tifffile raises at damaged data.
    """
    import tifffile

    with tifffile.TiffFile(file) as tiff:
        return [(page.imagewidth, page.imagelength) for _, page in _pages(tiff)[0]]


def _pages(tiff: Any) -> tuple[list[tuple[int, Any]], bool]:
    """The pages that are photographs, with their places in the file; at least one.

    And whether the last directory names another that cannot be read.
    """
    found: list[tuple[int, Any]] = []
    seen: set[int] = set()
    following = 0
    pages = iter(tiff.pages)
    while True:
        try:
            page = next(pages, None)
        # As varied as in `photo_errors`; the pages before it are there already.
        except Exception:
            if not seen:
                raise
            return found, True
        # A directory may name an earlier one as the next.
        if page is None or page.offset in seen or (seen and not page.tags):
            break
        seen.add(page.offset)
        following = _following(page, tiff)
        _check_numbers(page)
        if len(seen) == 1 and _DNG_VERSION in page.tags:
            found.append((0, _largest_preview(page)))
        elif len(seen) == 1 or not page.subfiletype & _REDUCED_OR_MASK:
            found.append((len(seen) - 1, page))
    if not seen:
        raise PhotoError("holds no picture: a TIFF without a page, or one that is truncated")
    return found, following not in (0, *seen)


def _following(page: Any, tiff: Any) -> int:
    """Where the next directory should be; 0 where there is none."""
    numbers, file = tiff.tiff, tiff.filehandle
    file.seek(page.offset)
    (count,) = struct.unpack(numbers.tagnoformat, file.read(numbers.tagnosize))
    file.seek(page.offset + numbers.tagnosize + count * numbers.tagsize)
    end = file.read(numbers.offsetsize)
    return 0 if len(end) < numbers.offsetsize else struct.unpack(numbers.offsetformat, end)[0]


def _largest_preview(page: Any) -> Any:
    """Of a raw photograph (DNG): what its camera or program made of it, not the raw numbers."""
    pages = [page, *(page.pages or ())]
    for found in pages:
        _check_numbers(found)
    developed = [found for found in pages if found.photometric in _CHANNELS]
    if not developed:
        raise PhotoError("a raw photograph without a preview; develop it into a TIFF")
    return max(developed, key=lambda found: found.imagewidth * found.imagelength)


# -- what a page claims -------------------------------------------------------------------------


def _check_numbers(page: Any) -> None:
    """Refuse texts and lists in place of numbers: products of them would fill the memory."""
    names = "imagewidth imagelength imagedepth samplesperpixel planarconfig"
    names += " photometric compression subfiletype tilewidth tilelength tiledepth"
    for name in names.split():
        if not isinstance(getattr(page, name), int):
            raise PhotoError(f"damaged TIFF data: {name} is not one integer")


def _check_kind(page: Any) -> None:
    """Refuse what would be read wrongly, or with memory that the picture doesn't need."""
    bits, samples, dtype = page.bitspersample, page.samplesperpixel, page.dtype
    if page.imagedepth != 1 or (dtype is not None and dtype.kind == "c"):
        raise PhotoError("not a photograph: its TIFF page holds volumes or complex numbers")
    if not _is_known(page):
        sign = {"i": "signed, ", "f": "float, "}.get("" if dtype is None else dtype.kind, "")
        raise PhotoError(
            f"a kind of TIFF that is not read: {samples} x {bits} bits, {sign}"
            f"photometric {int(page.photometric)}, compression {int(page.compression)}"
        )
    channels = _CHANNELS[page.photometric]
    if not channels <= samples <= _MOST_SAMPLES:
        raise PhotoError(
            f"expected a TIFF page of {channels} to {_MOST_SAMPLES} channels, found {samples}"
        )


def _is_known(page: Any) -> bool:
    """Whether its compression, its colors and its numbers go together as they are read here."""
    bits, samples, dtype = page.bitspersample, page.samplesperpixel, page.dtype
    photometric, compression = page.photometric, page.compression
    codecs = (UNCOMPRESSED, *LIBTIFFS, *TIFFFILES, *(FAX if bits == samples == 1 else ()))
    if photometric not in _CHANNELS or compression not in codecs:
        return False
    if dtype is None or dtype.kind not in "buif" or not isinstance(bits, int):
        return False
    if dtype in (np.int64, np.uint64):  # counts or labels: no scanner has them
        return False
    if photometric == YCBCR and (compression in TIFFFILES or bits != 8):
        return False
    if bits == 12:
        return compression in (UNCOMPRESSED, JPEG)
    if photometric in (_CIELAB, _ICCLAB):
        return dtype in (np.uint8, np.uint16)
    if photometric == _PALETTE:
        return bits <= 8 and samples == 1
    return bits % 8 == 0 or (bits in (1, 2, 4) and samples == 1)


def _check_data(page: Any, file: BinaryIO) -> None:
    """Refuse a page whose pixels aren't all there: uncompressed, no decoder would notice.

    And one of tiles that are much larger than the page.
    """
    end = file.seek(0, io.SEEK_END)
    if any(o + size > end for o, size in zip(page.dataoffsets, page.databytecounts)):
        raise PhotoError(TRUNCATED)
    tile = page.tilewidth * page.tilelength * page.tiledepth
    if tile > max(_LARGEST_TILE, 2 * page.imagewidth * page.imagelength):
        raise PhotoError(f"damaged TIFF data: tiles of {page.tilewidth} x {page.tilelength}")
    # Of what isn't there, tifffile makes black, or whatever lay in the memory.
    parts = int(np.prod(page.chunked))
    if not len(page.dataoffsets) == len(page.databytecounts) == parts or 0 in page.databytecounts:
        raise PhotoError("truncated: the file holds fewer parts than the picture should have")
    # YCbCr may hold fewer numbers than pixels.
    packed = page.compression != UNCOMPRESSED or page.photometric == YCBCR
    bits = page.imagewidth * page.samplesperpixel * page.bitspersample
    if not packed and sum(page.databytecounts) < -(-bits // 8) * page.imagelength:
        raise PhotoError("truncated: the file holds fewer pixels than the picture should have")


def _is_plain(page: Any) -> bool:
    """Whether a page is what a :data:`TiffDecoder` knows, and proves to be whole."""
    return (
        page.compression == UNCOMPRESSED
        and page.dtype == np.uint8
        and page.bitspersample == 8
        and page.photometric in (BLACK_IS_ZERO, _RGB)
        and page.samplesperpixel == _CHANNELS[page.photometric]
        and page.tags.valueof(Tag.Orientation, default=1) == 1
    )


# -- from numbers to pixels ---------------------------------------------------------------------


def _decode(samples: Samples) -> Decoded:
    array, page = samples.array, samples.page
    channels = 3 if samples.converted else _CHANNELS[page.photometric]
    # Of extra channels, only opacity counts.
    kind = next(iter(page.extrasamples), None) if array.shape[2] > channels else None
    with_alpha = kind in (_ASSOCIATED, _UNASSOCIATED)
    array = array[..., : channels + with_alpha]
    notes: tuple[str, ...] = ()
    if page.photometric == _PALETTE:
        array, channels = _look_up(array[..., 0], page), 3
    elif page.bitspersample % 8:
        array = scale_bits(array, page.bitspersample)
    elif array.dtype.kind == "f" and with_alpha:  # of which one may go to 255, the other to 1
        opacity, _ = to_integers(array[..., channels:])
        array, notes = to_integers(array[..., :channels])
        array = np.concatenate([array, opacity], axis=-1)
    elif page.photometric not in (_CIELAB, _ICCLAB):
        array, notes = to_integers(array)
    convert = _converter(page.photometric, kind, array.dtype)
    icc = page.tags.valueof(TiffImagePlugin.ICCPROFILE)
    return Decoded(
        size=(page.imagewidth, page.imagelength),
        strip=lambda top, bottom: convert(array[top:bottom]),
        channels=channels,
        depth=8 if array.dtype == np.uint8 else 16,
        # What Lab means is known without a profile.
        icc=None if page.photometric in (_CIELAB, _ICCLAB) else icc,
        turn=_turn(page),
        notes=notes,
    )


def _turn(page: Any) -> Image.Transpose | None:
    orientation = page.tags.valueof(Tag.Orientation)
    return TURN.get(orientation) if isinstance(orientation, int) else None


def _look_up(indices: np.ndarray, page: Any) -> np.ndarray:
    """Of 16 bits, programs fill the higher 8, the lower with anything; some fill only the lower."""
    palette = np.asarray(page.colormap).T  # (colors, 3)
    palette = palette >> 8 if palette.max() > 255 else palette
    return palette.astype(np.uint8)[indices]


def _converter(
    photometric: int, extra: int | None, dtype: np.dtype
) -> Callable[[np.ndarray], np.ndarray]:
    """From pixels as they are stored to gray, RGB or CMYK, with alpha that is apart from them."""

    def convert(strip: np.ndarray) -> np.ndarray:
        if photometric in (_CIELAB, _ICCLAB):
            return lab_to_srgb(strip[..., :3], signed=photometric == _CIELAB)
        if extra == _ASSOCIATED:
            strip = divide_by_alpha(strip)
        if photometric == _WHITE_IS_ZERO:
            white = np.iinfo(dtype).max
            strip = np.concatenate([white - strip[..., :1], strip[..., 1:]], axis=-1)
        return strip

    return convert
