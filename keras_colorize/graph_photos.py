"""Photographs inside a TensorFlow graph: encoded bytes to upright pixels and back.

What :mod:`keras_colorize.photos` does for files, as far as TensorFlow's operations can, for a
graph that is served where this package is not installed. A photograph that cannot be used gives a
reason, as there, and does not stop the others.
"""

from collections.abc import Callable
from typing import Literal

import tensorflow as tf

__all__ = ["ImageFormat", "decode_photo", "encode_photo", "exif_orientation"]

ImageFormat = Literal["png", "jpeg"]

_JPEG, _PNG, _GIF, _UNKNOWN = range(4)
_NAMES = ("JPEG", "PNG", "GIF", "")
_SIGNATURES = {_JPEG: b"\xff\xd8\xff", _PNG: b"\x89PNG\r\n\x1a\n", _GIF: b"GIF8"}
_QUALITY = 95  # as save_photo has it

# JPEG segments (ITU-T T.81, table B.1) and the Exif data in one (CIPA DC-008, section 4.5).
_HEAD = 1 << 17  # bytes among which Exif data must lie: it comes first, in at most 64 KiB
_EXIF = b"\xff\xe1"
_EXIF_MARK = b"Exif"
_SCAN = 0xDA  # the picture itself begins
_LITTLE_ENDIAN = ord("I")
_ORIENTATION_TAG = 0x0112
_ENTRY_BYTES = 12
_MAX_ENTRIES = 512


def decode_photo(data: tf.Tensor, max_pixels: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Decode a JPEG, PNG or GIF photograph into upright 8-bit RGB.

    Of an animation the first picture; gray and palettes become RGB, transparent parts white, 16
    bits are scaled. The orientation in a JPEG's Exif data is respected, of other formats not.

    Args:
        data: the file's content, a string scalar.
        max_pixels: what has more is refused before it is decoded.

    Returns:
        uint8 ``(H, W, 3)``, and the reason why it cannot be used, empty if there is none. With a
        reason there are no pixels: ``(0, 0, 3)``.
    """
    kind = _identify(data)
    height, width = tf.unstack(_attempt(_measure, tf.zeros((2,), tf.int64), kind, data))
    reason = _refuse(data, kind, height, width, max_pixels)
    nothing = tf.zeros((0, 0, 3), tf.uint8)
    photo = tf.cond(reason == "", lambda: _attempt(_decode, nothing, kind, data), lambda: nothing)
    damaged = tf.logical_and(reason == "", tf.equal(tf.size(photo), 0))
    return photo, tf.where(damaged, "damaged, or cut short: " + tf.gather(_NAMES, kind), reason)


def encode_photo(photo: tf.Tensor, image_format: ImageFormat) -> tf.Tensor:
    """Encode uint8 RGB ``(H, W, 3)``; a JPEG keeps its color at full resolution."""
    if image_format == "png":
        return tf.io.encode_png(photo)
    return tf.io.encode_jpeg(photo, quality=_QUALITY, chroma_downsampling=False)


def exif_orientation(data: tf.Tensor) -> tf.Tensor:
    """Orientation of a JPEG, 1 to 8, from its Exif data; 1 where there is none that makes sense.

    Args:
        data: the file's content, a string scalar.
    """
    head = _numbers(data, 0, _HEAD)
    end = tf.size(head)
    head = tf.concat([head, [0]], 0)  # what lies beyond the end reads as 0

    def byte(place: tf.Tensor) -> tf.Tensor:
        inside = tf.logical_and(place >= 0, place < end)
        return tf.gather(head, tf.where(inside, place, end))

    def is_exif(place: tf.Tensor) -> tf.Tensor:
        mark = [byte(place + offset) for offset in (0, 1, 4, 5, 6, 7)]  # 2, 3 are the length
        return tf.reduce_all(tf.equal(tf.stack(mark), list(_EXIF + _EXIF_MARK)))

    def goes_on(place: tf.Tensor) -> tf.Tensor:
        is_segment = tf.logical_and(byte(place) == _EXIF[0], byte(place + 1) != _SCAN)
        return tf.logical_and(is_segment, tf.logical_not(is_exif(place)))

    def following(place: tf.Tensor) -> list[tf.Tensor]:
        return [place + 2 + 256 * byte(place + 2) + byte(place + 3)]

    # No segment begins beyond the end, so the walk stops there at the latest.
    (segment,) = tf.while_loop(goes_on, following, [tf.constant(2)])
    tiff = segment + 10
    little = byte(tiff) == _LITTLE_ENDIAN

    def number(place: tf.Tensor, size: int) -> tf.Tensor:
        digits = [byte(place + offset) for offset in range(size)]
        return tf.where(little, _join_bytes(digits[::-1]), _join_bytes(digits))

    directory = tiff + number(tiff + 4, 4)
    count = tf.minimum(number(directory, 2), _MAX_ENTRIES)
    entries = directory + 2 + _ENTRY_BYTES * tf.range(count)
    values = tf.where(number(entries, 2) == _ORIENTATION_TAG, number(entries + 8, 2), 0)
    orientation = tf.reduce_max(tf.concat([values, [0]], 0))
    known = tf.logical_and(orientation >= 1, orientation <= 8)
    return tf.where(tf.logical_and(is_exif(segment), known), orientation, 1)


def _identify(data: tf.Tensor) -> tf.Tensor:
    kind = tf.constant(_UNKNOWN)
    for number, signature in _SIGNATURES.items():
        kind = tf.where(tf.strings.substr(data, 0, len(signature)) == signature, number, kind)
    return kind


def _refuse(
    data: tf.Tensor, kind: tf.Tensor, height: tf.Tensor, width: tf.Tensor, max_pixels: int
) -> tf.Tensor:
    """Why a photograph is not even decoded; empty if nothing speaks against it."""
    name = tf.gather(_NAMES, kind)
    size = tf.strings.join([tf.as_string(width), " x ", tf.as_string(height)])
    too_large = tf.strings.join(["too large: ", size, f", limit {max_pixels / 1e6:.4g} megapixels"])
    reasons = [
        (tf.strings.length(data) == 0, "the file is empty (0 bytes)"),
        (kind == _UNKNOWN, "not a photograph that can be read (JPEG, PNG or GIF)"),
        (tf.minimum(height, width) < 1, "damaged, or cut short: " + name),
        (height * width > max_pixels, too_large),
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
    done = tf.data.Dataset.from_tensors(arguments).map(action).ignore_errors()
    return done.concatenate(tf.data.Dataset.from_tensors(otherwise)).take(1).get_single_element()


def _measure(kind: tf.Tensor, data: tf.Tensor) -> tf.Tensor:
    """Height and width by the file's header, int64 ``(2,)``."""

    def of_jpeg() -> tf.Tensor:
        return tf.cast(tf.io.extract_jpeg_shape(data), tf.int64)[:2]

    def of_png() -> tf.Tensor:  # width and height, four bytes each
        digits = tf.reshape(tf.cast(_numbers(data, 16, 8), tf.int64), (2, 4))
        return _join_bytes(tf.unstack(digits, axis=1))[::-1]

    def of_gif() -> tf.Tensor:  # width and height, two bytes each, the smaller first
        digits = tf.reshape(tf.cast(_numbers(data, 6, 4), tf.int64), (2, 2))
        return _join_bytes(tf.unstack(digits, axis=1)[::-1])[::-1]

    return tf.switch_case(kind, [of_jpeg, of_png, of_gif, lambda: tf.zeros((2,), tf.int64)])


def _decode(kind: tf.Tensor, data: tf.Tensor) -> tf.Tensor:
    """Upright RGB, uint8 ``(H, W, 3)``."""
    photo = tf.switch_case(
        kind,
        [
            lambda: _decode_jpeg(data),
            lambda: _decode_png(data),
            lambda: tf.io.decode_image(data, 3, expand_animations=False),
        ],
    )
    return tf.ensure_shape(photo, (None, None, 3))


def _decode_jpeg(data: tf.Tensor) -> tf.Tensor:
    # The accurate transform is what Pillow uses.
    photo = tf.io.decode_jpeg(data, 3, dct_method="INTEGER_ACCURATE")
    orientation = exif_orientation(data)

    def is_one_of(*values: int) -> tf.Tensor:
        return tf.reduce_any(tf.equal(orientation, values))

    # Each of the eight is a transposition or not, then a mirroring or not of either axis.
    photo = tf.cond(orientation >= 5, lambda: tf.transpose(photo, (1, 0, 2)), lambda: photo)
    photo = tf.cond(is_one_of(2, 3, 6, 7), lambda: tf.reverse(photo, [1]), lambda: photo)
    return tf.cond(is_one_of(3, 4, 7, 8), lambda: tf.reverse(photo, [0]), lambda: photo)


def _decode_png(data: tf.Tensor) -> tf.Tensor:
    # As 16 bits, 8-bit values come multiplied by 257: the same division serves both.
    deep = tf.cast(tf.io.decode_png(data, 4, tf.uint16), tf.int32)
    values = (deep + 128) // 257
    alpha = values[..., 3:]
    over_white = (values[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255
    return tf.cast(over_white, tf.uint8)


def _numbers(data: tf.Tensor, place: int, size: int) -> tf.Tensor:
    """Bytes of a string as int32; fewer where it ends before."""
    return tf.cast(tf.io.decode_raw(tf.strings.substr(data, place, size), tf.uint8), tf.int32)


def _join_bytes(digits: list[tf.Tensor]) -> tf.Tensor:
    """The number that some bytes make, the most significant first."""
    joined = digits[0]
    for digit in digits[1:]:
        joined = 256 * joined + digit
    return joined
