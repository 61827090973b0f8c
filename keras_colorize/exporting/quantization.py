"""A generator in a form that survives quantization to int8."""

import keras
import numpy as np

from keras_colorize import color
from keras_colorize.models.unet import CHROMA_LAYER

__all__ = ["leave_unlimited", "replace_normalization"]

# Below this variance a channel of activations, which lie in [0, 6] or so, is as good as constant.
# Normalization blows up what little there is, and int8 would spend its range on that.
_CONSTANT = 1e-3


def replace_normalization(generator: keras.Model) -> keras.Model:
    """A copy whose batch normalizations are depthwise convolutions of one pixel.

    TensorFlow Lite quantizes the factors of a normalization with one scale for all channels. Where
    they range over orders of magnitude, as behind an encoder with channels that hardly vary, most
    of them become 0. Kernels of such a convolution have a scale for every channel.

    Channels that hardly varied in training are held at their mean; otherwise the copy computes the
    same.
    """

    def replace(layer: keras.layers.Layer) -> keras.layers.Layer:
        if isinstance(layer, keras.layers.BatchNormalization):
            return keras.layers.DepthwiseConv2D(1, name=layer.name)
        return layer.__class__.from_config(layer.get_config())

    def call(layer: keras.layers.Layer, *inputs: keras.KerasTensor, **options: object) -> object:
        options.pop("mask", None)  # which normalization takes and a convolution does not
        return layer(*inputs, **options)

    copy = keras.models.clone_model(generator, clone_function=replace, call_function=call)
    for layer in generator.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            copy.get_layer(layer.name).set_weights(_as_convolution(layer))
        elif layer.weights:
            copy.get_layer(layer.name).set_weights(layer.get_weights())
    return copy


def leave_unlimited(generator: keras.Model) -> keras.Model:
    """The same weights with chroma that is not limited to what the luminance allows.

    The limit is a division, which does not work in int8. Who joins the chroma to the luminance of
    the photograph limits it anyway. A generator that paints RGB is given back as it is.
    """
    if all(layer.name != CHROMA_LAYER for layer in generator.layers):
        return generator
    chroma = generator.get_layer(CHROMA_LAYER).output
    to_differences = keras.layers.Conv2D(3, 1, use_bias=False, name="color_differences")
    # Apart from the luminance, whose fine steps int8 keeps only where it is by itself.
    rgb = keras.layers.Add(name="unlimited_color")([generator.inputs[0], to_differences(chroma)])
    unit_chroma = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], np.float32)
    to_differences.set_weights([color.ycbcr_to_rgb(unit_chroma)[None, None]])  # (1, 1, 2, 3)
    return keras.Model(generator.input, rgb)


def _as_convolution(layer: keras.layers.BatchNormalization) -> list[np.ndarray]:
    gamma, beta, mean, variance = layer.get_weights()
    factor = np.where(variance < _CONSTANT, 0.0, gamma / np.sqrt(variance + layer.epsilon))
    return [factor[None, None, :, None], beta - mean * factor]  # (1, 1, C, 1) and (C,)
