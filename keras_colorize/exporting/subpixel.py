"""Transposed convolutions as ordinary ones, which devices compute three times as fast.

One of 4 x 4 and stride 2 gives every second row from two rows above and below it, and those between
from two others. So it is a convolution of 2 x 2 with four times the channels, one for each place of
a block of 2 x 2 pixels, which then take their places: Shi et al., "Is the deconvolution layer the
same as a convolutional layer?", 2016. It multiplies as often, and only the order of sums differs.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_colorize.exporting.replacing import replace_layers

__all__ = ["replace_transposed"]

# Which rows (or columns) of the kernel the two of a convolution are, for even and odd pixels: pixel
# 2 i + k - 1 takes row k of what pixel i gives.
_TAPS = ((3, 1), (2, 0))


def replace_transposed(generator: keras.Model) -> keras.Model:
    """A copy whose transposed convolutions are ordinary ones, by the same names; for export alone.

    Those of other kernels or strides than the UNet's stay as they are.
    """
    return replace_layers(generator, _is_upsampling, _make, _weights)


def _make(layer: keras.layers.Conv2DTranspose) -> keras.layers.Layer:
    return _Subpixel(
        layer.filters,
        use_bias=layer.use_bias,
        activation=layer.activation,
        name=layer.name,
        dtype=layer.dtype_policy,
    )


def _weights(layer: keras.layers.Conv2DTranspose) -> list[np.ndarray]:
    kernel, *bias = layer.get_weights()
    return [_split(kernel), *(np.tile(values, 4) for values in bias)]


def _is_upsampling(layer: keras.layers.Layer) -> bool:
    return isinstance(layer, keras.layers.Conv2DTranspose) and (
        (layer.kernel_size, layer.strides, layer.padding) == ((4, 4), (2, 2), "same")
        and layer.dilation_rate == (1, 1)
        and layer.activation in (keras.activations.linear, keras.activations.relu)
    )


def _split(kernel: np.ndarray) -> np.ndarray:
    """``(4, 4, out, in)`` to ``(2, 2, in, 4 out)``, the places of a block one after the other."""
    parts = [kernel[np.ix_(rows, columns)] for rows in _TAPS for columns in _TAPS]
    return np.concatenate([np.swapaxes(part, 2, 3) for part in parts], axis=-1)


class _Subpixel(keras.layers.Layer):
    """Twice the size: ``(B, h, w, c)`` to ``(B, 2 h, 2 w, filters)``."""

    def __init__(self, filters: int, *, use_bias: bool, activation: Any, **options: Any) -> None:
        super().__init__(**options)
        self._filters = filters
        self._conv = keras.layers.Conv2D(
            4 * filters,
            2,
            use_bias=use_bias,
            activation=activation,
            name="conv",
            dtype=self.dtype_policy,
        )

    def build(self, shape: tuple[int | None, ...]) -> None:
        self._conv.build(shape)

    def call(self, features: tf.Tensor) -> tf.Tensor:
        blocks = self._conv(tf.pad(features, ((0, 0), (1, 1), (1, 1), (0, 0))))
        parts = []
        for down in (0, 1):
            for across in (0, 1):
                first = (2 * down + across) * self._filters
                rows = slice(down, None if down else -1)
                columns = slice(across, None if across else -1)
                parts.append(blocks[:, rows, columns, first : first + self._filters])
        return tf.nn.depth_to_space(tf.concat(parts, axis=-1), 2)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        batch, height, width, _ = shape
        return batch, height and 2 * height, width and 2 * width, self._filters
