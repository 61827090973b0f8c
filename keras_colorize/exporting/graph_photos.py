"""Photographs inside a TensorFlow graph: encoded bytes to upright luminance, and pixels to bytes.

What :mod:`keras_colorize.photos.reading` does for files, as far as TensorFlow's operations can, for
a graph that is served where this package is not installed. A photograph that cannot be used gives a
reason, as there, and does not stop the others.
"""

from collections.abc import Callable
from typing import Literal

import tensorflow as tf

from keras_colorize import color
from keras_colorize.exporting.graph import by_strips
from keras_colorize.photos.pixels import WHITE
from keras_colorize.photos.writing import QUALITY

__all__ = ["ImageFormat", "decode_photo", "encode_photo", "exif_orientation"]

ImageFormat = Literal["png", "jpeg"]

_JPEG, _PNG, _GIF, _UNKNOWN = range(4)
_NAMES = ("JPEG", "PNG", "GIF", "")
_SIGNATURES = {_JPEG: b"\xff\xd8\xff", _PNG: b"\x89PNG\r\n\x1a\n", _GIF: b"GIF8"}
# Of a PNG. The default, 6, takes several times as long to save a few percent of the bytes, and
# would be most of the time of a request.
_COMPRESSION = 1

# JPEG segments (ITU-T T.81, table B.1) and the Exif data in one (CIPA DC-008, section 4.5).
_MARKER = 0xFF  # a segment begins
_EXIF_SEGMENT = 0xE1
_EXIF_NAME = b"Exif"
_SCAN = 0xDA  # the picture itself begins
_ORIENTATION_TAG = 0x0112
_LONG = 4  # a number of four bytes instead of two
_ENTRY_BYTES = 12
_MAX_ENTRIES = 512
_MAX_STEPS = 4096  # from segment to segment or chunk to chunk: damaged files cost no more

# Of a PNG's header (PNG specification, section 11.2.2): where the bits a channel and the color type
# stand. Types with this bit have transparency, others with a chunk tRNS.
_DEPTH_PLACE, _TYPE_PLACE = 24, 25
_ALPHA_BIT = 4
_FIRST_CHUNK = 8

# Blocks of a GIF (GIF89a specification, sections 15, 20 and 24).
_PICTURE, _EXTENSION = 0x2C, 0x21
_HAS_TABLE = 0x80  # of colors, after a header; 3 << 1 + the lowest three bits is its length
_MAX_BLOCKS = 1 << 16  # of at most 255 bytes


def decode_photo(data: tf.Tensor, max_pixels: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Decode a JPEG, PNG or GIF photograph into its upright luminance.

    Of an animation the first picture. Transparent parts of a PNG become white, of a GIF black. The
    orientation is respected that the Exif data of a JPEG state, or those of a PNG that come before
    its pixels.

    Args:
        data: the file's content, a string scalar.
        max_pixels: what has more is refused before it is decoded; of a GIF all pictures count.

    Returns:
        uint16 ``(H, W, 1)``, 0 black to 65535 white, and the reason why it cannot be used, empty if
        there is none. With a reason there are no pixels: ``(0, 0, 1)``.
    """
    kind = _identify(data)
    size = _attempt(_measure, tf.zeros((2,), tf.int64), kind, data)
    reason = _refuse(data, kind, size, max_pixels)
    nothing = tf.zeros((0, 0, 1), tf.uint16)
    photo = tf.cond(reason == "", lambda: _attempt(_decode, nothing, kind, data), lambda: nothing)
    damaged = tf.logical_and(reason == "", tf.equal(tf.size(photo), 0))
    return photo, tf.where(damaged, "damaged, or cut short: " + tf.gather(_NAMES, kind), reason)


def encode_photo(photo: tf.Tensor, image_format: ImageFormat) -> tf.Tensor:
    """Encode uint8 RGB ``(H, W, 3)``; a JPEG keeps its color at full resolution."""
    if image_format == "png":
        return tf.io.encode_png(photo, _COMPRESSION)
    return tf.io.encode_jpeg(photo, quality=QUALITY, chroma_downsampling=False)


def exif_orientation(data: tf.Tensor) -> tf.Tensor:
    """Orientation of a JPEG or PNG, 1 to 8, from its Exif data; 1 where none makes sense.

    Args:
        data: the file's content, a string scalar.
    """
    in_png = _find_chunk(data, b"eXIf") + 8
    tiff = tf.where(_identify(data) == _PNG, in_png, _find_exif_segment(data) + 10)
    little = _numbers(data, tiff, 1)[0] == ord("I")

    def number(digits: tf.Tensor) -> tf.Tensor:
        return tf.where(little, _join_bytes(digits[..., ::-1]), _join_bytes(digits))

    directory = tiff + number(_numbers(data, tiff + 4, 4))
    count = number(_numbers(data, directory, 2))
    table = _numbers(data, directory + 2, _ENTRY_BYTES * _MAX_ENTRIES)
    entries = tf.reshape(table, (_MAX_ENTRIES, _ENTRY_BYTES))  # tag, type, count, value
    is_long = number(entries[:, 2:4]) == _LONG
    values = tf.where(is_long, number(entries[:, 8:12]), number(entries[:, 8:10]))
    applies = (number(entries[:, :2]) == _ORIENTATION_TAG) & (tf.range(_MAX_ENTRIES) < count)
    orientation = tf.reduce_max(tf.where(applies, values, 0))
    return tf.where((orientation >= 1) & (orientation <= 8), orientation, 1)


def _find_exif_segment(data: tf.Tensor) -> tf.Tensor:
    """Where the segment with the Exif data of a JPEG begins; the file's end if there is none."""
    exif = tf.constant([_MARKER, _EXIF_SEGMENT, *_EXIF_NAME])

    def is_exif(head: tf.Tensor) -> tf.Tensor:  # bytes 2 and 3 are the segment's length
        return tf.reduce_all(tf.gather(head, (0, 1, 4, 5, 6, 7)) == exif)

    def goes_on(place: tf.Tensor) -> tf.Tensor:
        head = _numbers(data, place, 8)
        return (head[0] == _MARKER) & (head[1] != _SCAN) & ~is_exif(head)

    def following(place: tf.Tensor) -> list[tf.Tensor]:
        head = _numbers(data, place, 4)
        # A marker may be preceded by any number of fill bytes, which look as its first does.
        return [place + tf.where(head[1] == _MARKER, 1, 2 + _join_bytes(head[2:]))]

    start = tf.constant(2)
    (place,) = tf.while_loop(goes_on, following, [start], maximum_iterations=_MAX_STEPS)
    return tf.where(is_exif(_numbers(data, place, 8)), place, tf.strings.length(data))


def _find_chunk(data: tf.Tensor, name: bytes) -> tf.Tensor:
    """Where a chunk of a PNG begins, before the pixels; the file's end if there is none."""

    def is_called(place: tf.Tensor, name: bytes) -> tf.Tensor:
        return tf.reduce_all(_numbers(data, place + 4, 4) == tf.constant(list(name)))

    def goes_on(place: tf.Tensor) -> tf.Tensor:
        inside = (place > 0) & (place < tf.strings.length(data))
        return inside & ~is_called(place, name) & ~is_called(place, b"IDAT")

    def following(place: tf.Tensor) -> list[tf.Tensor]:
        return [place + 12 + _join_bytes(_numbers(data, place, 4))]

    start = tf.constant(_FIRST_CHUNK)
    (place,) = tf.while_loop(goes_on, following, [start], maximum_iterations=_MAX_STEPS)
    return tf.where(is_called(place, name), place, tf.strings.length(data))


def _identify(data: tf.Tensor) -> tf.Tensor:
    kind = tf.constant(_UNKNOWN)
    for number, signature in _SIGNATURES.items():
        kind = tf.where(tf.strings.substr(data, 0, len(signature)) == signature, number, kind)
    return kind


def _refuse(data: tf.Tensor, kind: tf.Tensor, size: tf.Tensor, max_pixels: int) -> tf.Tensor:
    """Why a photograph is not even decoded; empty if nothing speaks against it."""
    name = tf.gather(_NAMES, kind)
    height, width = tf.unstack(size)
    limit = f"limit {max_pixels / 1e6:.4g} megapixels"
    told = [tf.as_string(width), " x ", tf.as_string(height), ", ", limit]
    in_gif = tf.cond(kind == _GIF, lambda: _count_gif_pixels(data), lambda: tf.zeros((), tf.int64))
    reasons = [
        (tf.strings.length(data) == 0, "the file is empty (0 bytes)"),
        (kind == _UNKNOWN, "not a photograph that can be read (JPEG, PNG or GIF)"),
        (tf.minimum(height, width) < 1, "damaged, or cut short: " + name),
        (height * width > max_pixels, tf.strings.join(["too large: ", *told])),
        (in_gif > max_pixels, f"too large: its pictures taken together, {limit}"),
    ]
    chosen = tf.constant("")
    for applies, reason in reversed(reasons):
        chosen = tf.where(applies, reason, chosen)
    return chosen


def _attempt(
    action: Callable[[tf.Tensor, tf.Tensor], tf.Tensor], otherwise: tf.Tensor, *arguments: tf.Tensor
) -> tf.Tensor:
    """The action's result, or the other where it fails.

    A graph knows no exceptions, but a data set can pass over the elements that fail.
    """
    plain = tf.autograph.experimental.do_not_convert(action)
    done = tf.data.Dataset.from_tensors(arguments).map(plain).ignore_errors()
    return done.concatenate(tf.data.Dataset.from_tensors(otherwise)).take(1).get_single_element()


def _measure(kind: tf.Tensor, data: tf.Tensor) -> tf.Tensor:
    """Height and width by the file's header, int64 ``(2,)``."""

    def of_jpeg() -> tf.Tensor:
        return tf.cast(tf.io.extract_jpeg_shape(data), tf.int64)[:2]

    def of_png() -> tf.Tensor:  # width and height, four bytes each
        digits = tf.reshape(tf.cast(_numbers(data, 16, 8), tf.int64), (2, 4))
        return _join_bytes(digits)[::-1]

    def of_gif() -> tf.Tensor:  # width and height, two bytes each, the smaller first
        digits = tf.reshape(tf.cast(_numbers(data, 6, 4), tf.int64), (2, 2))
        return _join_bytes(digits[:, ::-1])[::-1]

    return tf.switch_case(kind, [of_jpeg, of_png, of_gif, lambda: tf.zeros((2,), tf.int64)])


def _count_gif_pixels(data: tf.Tensor) -> tf.Tensor:
    """Of all pictures in a GIF, int64; they may be larger than its header says.

    TensorFlow decodes them all, also where only the first is wanted. Beyond so many blocks, the
    largest number that there is.
    """
    end = tf.strings.length(data)

    def after_table(place: tf.Tensor, flags: tf.Tensor) -> tf.Tensor:
        length = tf.bitwise.left_shift(3, 1 + (flags & 7))
        return place + tf.where(flags & _HAS_TABLE > 0, length, 0)

    def goes_on(place: tf.Tensor, in_data: tf.Tensor, _: tf.Tensor) -> tf.Tensor:
        mark = _numbers(data, place, 1)[0]
        return (place < end) & (in_data | (mark == _PICTURE) | (mark == _EXTENSION))

    def following(place: tf.Tensor, in_data: tf.Tensor, pixels: tf.Tensor) -> list[tf.Tensor]:
        head = _numbers(data, place, 10)
        is_picture = ~in_data & (head[0] == _PICTURE)
        width, height = (tf.cast(_join_bytes(head[i : i + 2][::-1]), tf.int64) for i in (5, 7))
        # What follows a header is data: blocks that begin with their length, the last of length 0.
        after_header = tf.where(is_picture, after_table(place + 10, head[9]) + 1, place + 2)
        return [
            tf.where(in_data, place + 1 + head[0], after_header),
            ~in_data | (head[0] > 0),
            pixels + tf.where(is_picture, width * height, 0),
        ]

    start = after_table(tf.constant(13), _numbers(data, 10, 1)[0])
    state = [start, tf.constant(False), tf.zeros((), tf.int64)]
    state = tf.while_loop(goes_on, following, state, maximum_iterations=_MAX_BLOCKS)
    return tf.where(goes_on(*state), tf.int64.max, state[2])


def _decode(kind: tf.Tensor, data: tf.Tensor) -> tf.Tensor:
    """Upright luminance, uint16 ``(H, W, 1)``."""
    luminance = tf.switch_case(
        kind,
        [
            # The accurate transform is what Pillow uses.
            lambda: _luminance(tf.io.decode_jpeg(data, 3, dct_method="INTEGER_ACCURATE")),
            lambda: _decode_png(data),
            lambda: _luminance(_decode_gif(data)),
        ],
    )
    return tf.ensure_shape(_turn_upright(luminance, exif_orientation(data)), (None, None, 1))


def _decode_png(data: tf.Tensor) -> tf.Tensor:
    """Luminance, uint16 ``(H, W, 1)``."""
    is_deep = _numbers(data, _DEPTH_PLACE, 1)[0] == 16
    has_alpha = _numbers(data, _TYPE_PLACE, 1)[0] & _ALPHA_BIT > 0
    has_alpha |= _find_chunk(data, b"tRNS") < tf.strings.length(data)
    # Four channels only where there are: those of a gray of few bits would come transparent.
    return tf.switch_case(
        tf.cast(is_deep, tf.int32) + 2 * tf.cast(has_alpha, tf.int32),
        [
            lambda: _luminance(tf.io.decode_png(data, 3, tf.uint8)),
            lambda: _luminance(tf.io.decode_png(data, 3, tf.uint16)),
            lambda: _luminance(tf.io.decode_png(data, 4, tf.uint8)),
            lambda: _luminance(tf.io.decode_png(data, 4, tf.uint16)),
        ],
    )


def _decode_gif(data: tf.Tensor) -> tf.Tensor:
    photo = tf.io.decode_image(data, 3, expand_animations=False)
    return tf.ensure_shape(photo, (None, None, 3))


def _luminance(pixels: tf.Tensor) -> tf.Tensor:
    """Of RGB, or RGBA over white, uint8 or uint16: ``(H, W, C)`` to uint16 ``(H, W, 1)``."""
    height, width = tf.unstack(tf.shape(pixels)[:2])

    def strip(top: tf.Tensor, bottom: tf.Tensor) -> tf.Tensor:
        values = tf.cast(pixels[top:bottom], tf.float32) / pixels.dtype.max
        y = color.luminance(values[..., :3])
        if pixels.shape[2] == 4:
            alpha = values[..., 3:]
            y = alpha * y + (1.0 - alpha)
        return tf.cast(tf.round(WHITE * y), tf.uint16)

    return by_strips(strip, (height, width, 1), tf.uint16)


def _turn_upright(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    def is_one_of(*values: int) -> tf.Tensor:
        return tf.reduce_any(tf.equal(orientation, values))

    # Each of the eight is a transposition or not, then a mirroring or not of either axis.
    image = tf.cond(orientation >= 5, lambda: tf.transpose(image, (1, 0, 2)), lambda: image)
    image = tf.cond(is_one_of(2, 3, 6, 7), lambda: tf.reverse(image, [1]), lambda: image)
    return tf.cond(is_one_of(3, 4, 7, 8), lambda: tf.reverse(image, [0]), lambda: image)


def _numbers(data: tf.Tensor, place: tf.Tensor | int, size: int) -> tf.Tensor:
    """So many bytes of a string as int32; those outside it are 0."""
    end = tf.strings.length(data)
    inside = tf.where(place < 0, end, tf.minimum(place, end))
    cut = tf.strings.substr(data, inside, size)
    return tf.cast(tf.io.decode_raw(cut, tf.uint8, fixed_length=size), tf.int32)


def _join_bytes(digits: tf.Tensor) -> tf.Tensor:
    """The numbers that bytes make, ``(..., n)`` to ``(...)``, the most significant first."""
    first, *others = tf.unstack(digits, axis=-1)
    for digit in others:
        first = 256 * first + digit
    return first
