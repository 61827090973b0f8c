"""What :class:`~keras_colorize.coloring.colorizer.Colorizer` does, as operations of a TensorFlow
graph.

The same steps with the same arithmetic, so that a served graph paints the same picture: reduce,
mirror up to the stride, paint, describe chroma by luminance, enlarge, join to the luminance.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import tensorflow as tf

from keras_colorize import color
from keras_colorize.coloring.reduction import MAX_RATIO, REDUCING_GAP
from keras_colorize.coloring.upsampling import RADIUS, REGULARIZATION
from keras_colorize.exporting.graph_hints import exact_solution, follow_hints
from keras_colorize.models.outputs import COLOR, FEATURES
from keras_colorize.photos.pixels import WHITE

__all__ = ["GraphColorizer", "by_strips"]

_STRIP_PIXELS = 1 << 18
_CHANNELS = 4  # of the coefficients: slopes of Cb and Cr, offsets of Cb and Cr


@dataclass(frozen=True)
class GraphColorizer:
    """Adds color to luminance, within a graph.

    Attributes:
        network: luminance ``(B, h, w, 1)`` in [0, 1] to the outputs of a generator by name; see
            :mod:`keras_colorize.models.outputs`.
        stride: height and width of what the network gets are multiples of this.
        working_size: short side in pixels of the copy that the network sees.
    """

    network: Callable[[tf.Tensor], Mapping[str, tf.Tensor]]
    stride: int
    working_size: int

    def __call__(self, luminance: tf.Tensor) -> tf.Tensor:
        """Color photographs of one size: float32 ``(B, H, W, 1)`` to RGB ``(B, H, W, 3)``."""
        small = self._reduce(luminance)
        coefficients = _guide(color.chroma(self._see(small)[COLOR]), small)
        return _join(luminance, coefficients, 0, tf.shape(luminance)[1])

    def colorize_photo(self, photo: tf.Tensor, hints: tf.Tensor) -> tf.Tensor:
        """Color one photograph, in strips of rows that bound the memory it takes.

        Args:
            photo: its luminance, uint16 ``(H, W, 1)``, 0 black to 65535 white.
            hints: colors that are known, as :func:`follow_hints` takes them; or no row.

        Returns:
            uint8 RGB ``(H, W, 3)``.
        """
        height, width = tf.unstack(tf.shape(photo)[:2])
        small = self._reduce(_scale(photo)[None])
        seen = self._see(small)
        painted = color.chroma(seen[COLOR])
        features = [seen[name][0] for name in FEATURES if name in seen]
        chroma = tf.cond(
            tf.shape(hints)[0] > 0,
            lambda: follow_hints(painted[0], small[0], features, hints, exact_solution)[None],
            lambda: painted,
        )
        coefficients = _guide(chroma, small)

        def color_strip(top: tf.Tensor, bottom: tf.Tensor) -> tf.Tensor:
            rgb = _join(_scale(photo[top:bottom])[None], coefficients, top, height)[0]
            return tf.cast(tf.round(255.0 * rgb), tf.uint8)

        return by_strips(color_strip, (height, width, 3), tf.uint8)

    def _see(self, small: tf.Tensor) -> dict[str, tf.Tensor]:
        """Outputs of the network by name, without what lies in the padding: ``(B, h, w, c)``."""
        padded = _mirror(_mirror(small, 1, self.stride), 2, self.stride)
        share = tf.shape(small)[1:3] / tf.shape(padded)[1:3]

        def cut(output: tf.Tensor) -> tf.Tensor:
            size = tf.round(share * tf.cast(tf.shape(output)[1:3], tf.float64))
            height, width = tf.unstack(tf.maximum(tf.cast(size, tf.int32), 1))
            return output[:, :height, :width]

        return {name: cut(output) for name, output in self.network(padded).items()}

    def _reduce(self, luminance: tf.Tensor) -> tf.Tensor:
        """As :mod:`~keras_colorize.coloring.reduction`: ``(B, H, W, 1)`` to ``(B, h, w, 1)``."""
        size = tf.cast(tf.shape(luminance)[1:3], tf.float64)
        limits = (
            self.working_size / tf.reduce_min(size),
            MAX_RATIO * self.working_size / tf.reduce_max(size),
        )
        scale = tf.minimum(tf.minimum(*limits), 1.0)
        new_size = tf.maximum(tf.cast(tf.round(size * scale), tf.int32), 1)
        factor = tf.reduce_min(tf.shape(luminance)[1:3] // (REDUCING_GAP * new_size))
        blocks = _block_means(_block_means(luminance, 1, factor), 2, factor)
        return tf.clip_by_value(
            tf.image.resize(blocks, new_size, "bicubic", antialias=True), 0.0, 1.0
        )


def by_strips(
    strip: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
    shape: tuple[tf.Tensor, tf.Tensor, int],
    dtype: tf.DType,
) -> tf.Tensor:
    """An image ``(H, W, C)`` made in strips of rows, so that a large one takes little memory.

    Args:
        strip: from the first row of a strip and the row after its last to its pixels,
            ``(n, W, C)``.
        shape: height, width and channels of the image, which has at least one pixel.
        dtype: of the pixels.
    """
    height, width, channels = shape
    rows = tf.maximum(_STRIP_PIXELS // width, 1)
    count = -(-height // rows)

    def add(index: tf.Tensor, done: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
        top = index * rows
        return index + 1, done.write(index, strip(top, tf.minimum(top + rows, height)))

    none = tf.TensorArray(dtype, count, infer_shape=False, element_shape=(None, None, channels))
    _, done = tf.while_loop(
        lambda index, _: index < count, add, (tf.constant(0), none), parallel_iterations=1
    )
    return done.concat()


def _scale(luminance: tf.Tensor) -> tf.Tensor:
    """Luminance of 16 bits as float32 in [0, 1]."""
    return tf.cast(luminance, tf.float32) / WHITE


def _block_means(image: tf.Tensor, axis: int, factor: tf.Tensor) -> tf.Tensor:
    """Means over blocks of so many pixels along an axis, give or take one."""
    size = tf.shape(image)[axis]
    count = size // tf.maximum(factor, 1)
    step = tf.cast(size, tf.float64) / tf.cast(count, tf.float64)
    starts = tf.cast(tf.round(step * tf.cast(tf.range(1, count), tf.float64)), tf.int32)
    blocks = tf.searchsorted(starts, tf.range(size), side="right")
    order = [axis, *(other for other in range(4) if other != axis)]
    means = tf.math.segment_mean(tf.transpose(image, order), blocks)
    return tf.transpose(means, [order.index(position) for position in range(4)])


def _mirror(image: tf.Tensor, axis: int, stride: int) -> tf.Tensor:
    """Extend an axis at its end to a multiple of the stride, mirrored as often as it takes."""
    size = tf.shape(image)[axis]
    there_and_back = tf.range(-(-size // stride) * stride) % (2 * size)
    places = tf.minimum(there_and_back, 2 * size - 1 - there_and_back)
    return tf.gather(image, places, axis=axis)


def _guide(chroma: tf.Tensor, luminance: tf.Tensor) -> tf.Tensor:
    """:func:`keras_colorize.coloring.upsampling.guide_chroma`, channels last: ``(B, h, w, 4)``."""
    parts = [luminance, luminance**2, chroma, luminance * chroma]
    mean_y, square_y, mean_c, product = tf.split(
        _window_means(tf.concat(parts, -1)), [1, 1, 2, 2], axis=-1
    )
    variance = tf.maximum(square_y - mean_y**2, 0.0)
    slope = (product - mean_y * mean_c) / (variance + REGULARIZATION)
    return tf.concat([slope, chroma - slope * luminance], -1)


def _window_means(planes: tf.Tensor) -> tf.Tensor:
    """Means over square windows, the borders repeated outwards."""
    for axis in (1, 2):
        size = tf.shape(planes)[axis]
        shifts = [tf.clip_by_value(tf.range(size) + s, 0, size - 1) for s in _shifts()]
        planes = tf.add_n([tf.gather(planes, places, axis=axis) for places in shifts])
    return planes / len(_shifts()) ** 2


def _shifts() -> range:
    return range(-RADIUS, RADIUS + 1)


def _join(
    luminance: tf.Tensor, coefficients: tf.Tensor, top: tf.Tensor | int, height: tf.Tensor
) -> tf.Tensor:
    """Color rows of photographs.

    Args:
        luminance: of the rows, float32 ``(B, n, W, 1)``.
        coefficients: of the whole photographs, ``(B, h, w, 4)``.
        top: the first of the rows.
        height: of the whole photographs.

    Returns:
        RGB in [0, 1], float32 ``(B, n, W, 3)``.
    """
    size = tf.shape(luminance)[1:3]
    old = tf.cast(tf.shape(coefficients)[1:3], tf.float32)
    scale = tf.cast(tf.stack([height, size[1]]), tf.float32) / old
    enlarged = tf.raw_ops.ScaleAndTranslate(
        images=coefficients,
        size=size,
        scale=scale,
        translation=tf.stack([-tf.cast(top, tf.float32), 0.0]),
        kernel_type="keyscubic",
        antialias=True,
    )
    slope, offset = tf.split(tf.ensure_shape(enlarged, (None, None, None, _CHANNELS)), 2, axis=-1)
    return tf.clip_by_value(color.add_chroma(luminance, slope * luminance + offset), 0.0, 1.0)
