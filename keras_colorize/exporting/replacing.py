"""Copies of a network in which layers of one kind are others that compute the same."""

from collections.abc import Callable

import keras
import numpy as np

__all__ = ["replace_layers"]


def replace_layers(
    generator: keras.Model,
    is_replaced: Callable[[keras.layers.Layer], bool],
    make: Callable[[keras.layers.Layer], keras.layers.Layer],
    weights: Callable[[keras.layers.Layer], list[np.ndarray]],
) -> keras.Model:
    """A copy of a network with some layers in the place of others.

    Args:
        generator: the network.
        is_replaced: whether a layer is to be replaced.
        make: what takes the place of such a layer, by the same name.
        weights: of what takes its place.
    """

    def replace(layer: keras.layers.Layer) -> keras.layers.Layer:
        return make(layer) if is_replaced(layer) else type(layer).from_config(layer.get_config())

    def call(layer: keras.layers.Layer, *inputs: keras.KerasTensor, **options: object) -> object:
        options.pop("mask", None)  # which some layers take and what replaces them may not
        return layer(*inputs, **options)

    copy = keras.models.clone_model(generator, clone_function=replace, call_function=call)
    for layer in generator.layers:
        if is_replaced(layer):
            copy.get_layer(layer.name).set_weights(weights(layer))
        elif layer.weights:
            copy.get_layer(layer.name).set_weights(layer.get_weights())
    return copy
