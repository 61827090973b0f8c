"""What color is likely at a place, as a distribution over quantized chroma, and how certain it is.

Zhang, Isola and Efros, "Colorful Image Colorization", 2016, predict such a distribution in order to
paint from it. Here it stands beside the network that paints, and says how far that can be trusted:
where the likely colors agree, their mean is nearly as long as they are, and where they contradict
one another it is short. Made of layers and operations of Keras alone.
"""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_colorize.config import DISTRIBUTION_LEVEL
from keras_colorize.models.blocks import LayerFactory
from keras_colorize.models.outputs import CHROMA_BINS, DISTRIBUTION

__all__ = [
    "CERTAINTY_LAYER",
    "GAIN_LAYER",
    "certainty_head",
    "certainty_of",
    "chroma_gain",
    "chroma_logits",
]

#: Name of the layer that gives the certainty.
CERTAINTY_LAYER = "certainty"
#: Name of the layer that makes a factor of chroma from the certainty: 1 until told otherwise.
GAIN_LAYER = "gain"

Tensor = Any  # of any Keras backend, or a NumPy array

_HIDDEN = 32
_LEAST_SQUARE = 1e-6  # chroma below a third of a level: nearly gray is not certain of a hue


def chroma_logits(x: keras.KerasTensor, layers: LayerFactory) -> keras.KerasTensor:
    """The logits of every bin, from a decoder's features: ``(B, h, w, c)`` to ``(B, h, w, 225)``.

    In float32: the softmax of 225 bins needs finer steps than bfloat16 has.
    """
    x = keras.layers.ReLU(name=f"{DISTRIBUTION}_relu", dtype=layers.dtype)(x)
    x = layers.conv(len(CHROMA_BINS), f"{DISTRIBUTION}_bins", kernel_size=1)(x)
    return keras.layers.Activation("linear", name=DISTRIBUTION, dtype="float32")(x)


def certainty_of(logits: Tensor) -> Tensor:
    """|E[CbCr]| / sqrt(E[|CbCr|²]) of a distribution: ``(..., 225)`` to ``(..., 1)`` in [0, 1]."""
    likely = ops.softmax(logits, axis=-1)
    mean = ops.matmul(likely, CHROMA_BINS)
    square = ops.matmul(likely, np.square(CHROMA_BINS).sum(axis=-1, keepdims=True))
    length = ops.sum(ops.square(mean), axis=-1, keepdims=True)
    return ops.sqrt((length + _LEAST_SQUARE) / (square + _LEAST_SQUARE))


def certainty_head(logits: keras.KerasTensor, layers: LayerFactory) -> keras.KerasTensor:
    """A small network that learns :func:`certainty_of`, which has no place in a graph of int8.

    Args:
        logits: of the distribution, ``(B, h, w, 225)``; nothing is learned through them.

    Returns:
        ``(B, h, w, 1)`` in [0, 1], float32.
    """
    x = ops.stop_gradient(logits)
    x = layers.conv(_HIDDEN, f"{CERTAINTY_LAYER}_hidden", kernel_size=1)(x)
    x = keras.layers.ReLU(name=f"{CERTAINTY_LAYER}_relu", dtype=layers.dtype)(x)
    x = layers.conv(1, f"{CERTAINTY_LAYER}_logit", kernel_size=1)(x)
    return keras.layers.Activation("sigmoid", name=CERTAINTY_LAYER, dtype="float32")(x)


def chroma_gain(certainty: keras.KerasTensor) -> keras.KerasTensor:
    """What chroma is to be multiplied by: ``(B, H / 4, W / 4, 1)`` to ``(B, H, W, 1)``."""
    certainty = ops.stop_gradient(certainty)
    gain = keras.layers.Rescaling(0.0, 1.0, name=GAIN_LAYER, dtype="float32")(certainty)
    # Nearest neighbor, then a mean without what lies outside: close to bilinear, and, unlike it,
    # the same at any size under every exporter.
    scale = 2**DISTRIBUTION_LEVEL
    enlarged = ops.repeat(ops.repeat(gain, scale, axis=1), scale, axis=2)
    return ops.average_pool(enlarged, scale + 1, strides=1, padding="same")
