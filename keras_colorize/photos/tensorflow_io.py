"""TIFF: through tensorflow-io where its op loads and is right, through Pillow elsewhere."""

import functools
import io
import threading
import warnings
from collections.abc import Callable
from typing import Any, BinaryIO, Literal

import numpy as np
from PIL import Image, ImageOps, TiffImagePlugin
from PIL.ExifTags import Base as Tag

from keras_colorize.errors import PhotoError
from keras_colorize.photos.pixels import TRUNCATED, check_size, to_rgb

__all__ = ["TiffDecoder", "read_tiff", "tensorflow_io_decoder"]

TiffDecoder = Literal["auto", "tensorflow_io", "pillow"]

Tags = dict[Tag, tuple[int, ...]]
# What the decoders are chosen by, with the defaults of TIFF 6.0.
_TIFF_DEFAULTS: Tags = {
    Tag.ImageWidth: (0,),
    Tag.ImageLength: (0,),
    Tag.BitsPerSample: (1,),
    Tag.SamplesPerPixel: (1,),
    Tag.SampleFormat: (1,),
    Tag.ExtraSamples: (),
    Tag.PhotometricInterpretation: (-1,),
    Tag.PlanarConfiguration: (1,),
    Tag.Compression: (1,),
    Tag.Orientation: (1,),
    Tag.StripOffsets: (),
    Tag.StripByteCounts: (),
    Tag.TileOffsets: (),
    Tag.TileByteCounts: (),
}
_PROBE = threading.Lock()

# decode_tiff mirrors as the tag says but never exchanges rows and columns: this is what remains.
_TURN_AFTER_TENSORFLOW_IO = {
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.TRANSVERSE,
    7: Image.Transpose.TRANSPOSE,
    8: Image.Transpose.TRANSVERSE,
}


def read_tiff(
    file: BinaryIO, max_pixels: int, decoder: TiffDecoder
) -> tuple[Image.Image, Image.Transpose | None]:
    """The first page in RGB, and how it remains to be turned."""
    tags = _tiff_tags(file)
    check_size(*_tiff_size(tags), max_pixels)
    complete = _check_tiff_data(file, tags)
    known = decoder != "pillow" and _known_to_tensorflow_io(tags)
    decode = tensorflow_io_decoder() if known else None
    if decode is None:
        if decoder == "tensorflow_io":
            fault = "does not load here" if known else f"cannot decode {_tiff_kind(tags)}"
            raise PhotoError(f"tensorflow-io's decode_tiff {fault}")
        return _tiff_with_pillow(file, tags), None  # which turns it upright itself
    if not complete:
        # At damaged data, decode_tiff prints to stderr and returns a picture that is white or
        # garbled from there on. Pillow raises, so compressed data pass through it first.
        _tiff_with_pillow(file, tags)
    try:
        rgba = decode(file.read()).numpy()  # (H, W, 4)
    except Exception as error:  # TensorFlow's own kinds, which aren't imported here
        if decoder == "tensorflow_io":
            raise PhotoError(f"tensorflow-io's decode_tiff refuses {_tiff_kind(tags)}") from error
        file.seek(0)
        return _tiff_with_pillow(file, tags), None
    rgb, alpha = rgba[..., :3], rgba[..., 3:]
    # Alpha of either kind (1, 2) has been multiplied into the colors: white shows through as
    # 255 - alpha. An extra channel of unspecified meaning (0) isn't alpha.
    if tags[Tag.ExtraSamples] in ((1,), (2,)):
        rgb = np.minimum(rgb + (255 - alpha.astype(np.uint16)), 255).astype(np.uint8)
    image = Image.fromarray(np.ascontiguousarray(rgb))
    return image, _TURN_AFTER_TENSORFLOW_IO.get(tags[Tag.Orientation][0])


def _tiff_tags(file: BinaryIO) -> Tags:
    """The values of the tags of ``_TIFF_DEFAULTS`` in the first page."""
    start = file.read(8)
    if b"+" in start[2:4]:  # BigTIFF
        start += file.read(8)
    directory = TiffImagePlugin.ImageFileDirectory_v2(start)
    file.seek(directory.next)
    directory.load(file)
    file.seek(0)
    tags = {}
    for tag, default in _TIFF_DEFAULTS.items():
        values = directory.get(tag, default)
        tags[tag] = (values if isinstance(values, tuple) else (values,)) or default
        if not all(isinstance(value, int) for value in tags[tag]):
            raise PhotoError(f"damaged TIFF data: {tag.name} is no integer")
    return tags


def _tiff_size(tags: Tags) -> tuple[int, int]:
    return tags[Tag.ImageWidth][0], tags[Tag.ImageLength][0]


def _tiff_kind(tags: Tags) -> str:
    numbers = {2: "signed", 3: "float"}.get(tags[Tag.SampleFormat][0], "unsigned")
    return (
        f"TIFF with {tags[Tag.SamplesPerPixel][0]} x {tags[Tag.BitsPerSample][0]} bits, {numbers}, "
        f"photometric {tags[Tag.PhotometricInterpretation][0]}, "
        f"compression {tags[Tag.Compression][0]}"
    )


def _check_tiff_data(file: BinaryIO, tags: Tags) -> bool:
    """Refuse a file that ends before its pixels do; neither decoder would, where nothing is packed.

    Returns:
        Whether this proves the pixels sound: they are uncompressed and all there.
    """
    offsets = tags[Tag.TileOffsets] or tags[Tag.StripOffsets]
    sizes = tags[Tag.TileByteCounts] or tags[Tag.StripByteCounts]
    end = file.seek(0, io.SEEK_END)
    file.seek(0)
    if any(offset + size > end for offset, size in zip(offsets, sizes, strict=False)):
        raise PhotoError(TRUNCATED)
    # YCbCr may hold fewer numbers than pixels; old programs left the sizes out.
    packed = tags[Tag.Compression] != (1,) or tags[Tag.PhotometricInterpretation] == (6,)
    if packed or len(offsets) != len(sizes):
        return False
    width, height = _tiff_size(tags)
    bits = width * tags[Tag.SamplesPerPixel][0] * tags[Tag.BitsPerSample][0]
    if sum(sizes) < -(-bits // 8) * height:
        raise PhotoError("truncated: the file holds fewer pixels than the picture should have")
    return True


def _known_to_tensorflow_io(tags: Tags) -> bool:
    """Whether decode_tiff gets this kind of TIFF right: measured, one kind after the other.

    It refuses 32 bits and CMYK of 16, takes signed numbers for unsigned, garbles tiles of 16-bit
    gray, doesn't blend gray with its alpha, and is off by 10 levels in CIELAB, by more in YCbCr
    other than JPEG's.
    """
    photometric, samples = tags[Tag.PhotometricInterpretation][0], tags[Tag.SamplesPerPixel][0]
    bits, extra = set(tags[Tag.BitsPerSample]), tags[Tag.ExtraSamples]
    # Gray (white is 0, black is 0), RGB, palette, CMYK, YCbCr: channels and bits of each.
    channels, depth = {
        0: (1, {1, 4, 8, 16}),
        1: (1, {1, 4, 8, 16}),
        2: (3, {8, 16}),
        3: (1, {1, 4, 8}),
        5: (4, {8}),
        6: (3, {8}),
    }.get(photometric, (0, set()))
    return (
        len(bits) == 1
        and bits <= depth
        and samples == channels + len(extra)
        and len(extra) <= (photometric == 2)
        and set(tags[Tag.SampleFormat]) == {1}
        and (photometric != 6 or tags[Tag.Compression] == (7,))
        and not (tags[Tag.TileOffsets] and channels == 1 and bits == {16})
    )


@functools.cache
def tensorflow_io_decoder() -> Callable[[bytes], Any] | None:
    """``decode_tiff``, or None where its compiled op doesn't load."""
    file = io.BytesIO()
    Image.new("RGB", (1, 1)).save(file, "TIFF")
    # Its import succeeds under every TensorFlow and warns where the op won't load. The lock: two
    # threads within `catch_warnings` could leave the filter behind.
    with _PROBE, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import tensorflow_io

            decode = tensorflow_io.experimental.image.decode_tiff
            decode(file.getvalue())
        # Not installed, built for another TensorFlow, Python or processor: each fails in its own
        # way, and Pillow decodes in its place.
        except Exception:  # noqa: BLE001
            return None
    return decode


def _tiff_with_pillow(file: BinaryIO, tags: Tags) -> Image.Image:
    bits = tags[Tag.BitsPerSample]
    planar = tags[Tag.PlanarConfiguration] == (2,)
    if planar and len(bits) > 1 and bits[0] == 16 and tags[Tag.Compression] == (1,):
        # Pillow takes the two bytes of a number for two pixels, without a word.
        raise PhotoError(
            "16-bit TIFF in separate color planes, which only tensorflow-io decodes; save it with "
            "interleaved channels, or install TensorFlow 2.17 with tensorflow-io"
        )
    try:
        image = TiffImagePlugin.TiffImageFile(file)
    except SyntaxError as error:
        raise PhotoError(f"neither decoder knows {_tiff_kind(tags)}") from error
    # Memory that is there already isn't measured by Pillow's own limit.
    image.im = Image.new(image.mode, _tiff_size(tags)).im
    image.load()
    file.seek(0)
    rgb = to_rgb(_with_right_numbers(image, file, tags))
    if image.mode.startswith("I") and tags[Tag.PhotometricInterpretation] == (0,):
        rgb = ImageOps.invert(rgb)  # 0 is white, which Pillow heeds in 8 bits only
    return rgb


def _with_right_numbers(image: Image.Image, file: BinaryIO, tags: Tags) -> Image.Image:
    """What Pillow gives of 12 bits is not scaled; of big-endian 32, turned around once too often.

    The latter where they are compressed: libtiff has them in the processor's order already.
    """
    bits = tags[Tag.BitsPerSample]
    if bits == (12,):
        return Image.fromarray(np.round(np.asarray(image) * (65535 / 4095)).astype(np.uint16))
    big_endian = file.read(2) == b"MM"
    file.seek(0)
    if image.mode in ("I", "F") and bits == (32,) and big_endian and tags[Tag.Compression] != (1,):
        return Image.fromarray(np.asarray(image).byteswap())
    return image
