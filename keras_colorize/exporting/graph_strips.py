"""Large photographs inside a TensorFlow graph, strip by strip, so that they take little memory."""

from collections.abc import Callable

import tensorflow as tf

__all__ = ["by_strips"]

_STRIP_PIXELS = 1 << 18


def by_strips(
    strip: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
    shape: tuple[tf.Tensor, tf.Tensor, int],
    dtype: tf.DType,
) -> tf.Tensor:
    """An image ``(H, W, C)`` made in strips of rows.

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
