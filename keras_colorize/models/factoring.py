"""A lighter decoder: its upsampling convolutions as products of two of lower rank.

An upsampling step of the UNet sees hundreds of channels, the skip's among them, which say much the
same. A convolution of 1 x 1 reduces them to a few, and the step's own kernel then works on those:
for a shipped generator, half of the time. Where the rank is that of the kernel, the product of the
two is the kernel; where it is less, it is the best in the mean square of what the step gives on
real photographs (Zhang, Zou, He and Sun, "Accelerating Very Deep Convolutional Networks for
Classification and Detection", 2015, section 3.1, from whom it differs in which side is reduced).
"""

from collections.abc import Sequence

import keras
import numpy as np

from keras_colorize.errors import ModelError

__all__ = ["factorize", "is_factored", "merge_factors"]

_PREFIX = "reduce_"
_BATCH = 8
# Of the largest eigenvalue: below it, channels of what a step sees are taken to depend on others.
_LEAST_EIGENVALUE = 1e-8


def factorize(
    generator: keras.Model, ranks: Sequence[int], luminance: Sequence[np.ndarray]
) -> keras.Model:
    """A copy of a generator with reduced upsampling steps.

    Args:
        generator: a UNet that is not factored yet.
        ranks: channels that each upsampling step is left with, the outermost first.
        luminance: photographs for which it is to paint the same, float32 ``(h, w, 1)`` in [0, 1],
            all of one size, a multiple of the stride.

    Returns:
        A generator of layers of Keras alone. The channels in between are rotated so that they vary
        alike, without which 8 bits would not do for them.

    Raises:
        ModelError: it is factored already, or the ranks are not one for each step and within what
            its kernel has.
    """
    steps = _steps(generator)
    if is_factored(generator):
        raise ModelError("the generator's decoder is factored already; give an unpacked one")
    if len(ranks) != len(steps):
        raise ModelError(
            f"expected a rank for each of {len(steps)} upsampling steps, the outermost first. "
            f"Received: {len(ranks)}"
        )
    for layer, rank in zip(steps, ranks):
        largest = min(_as_matrix(layer).shape)
        if not 1 <= rank <= largest:
            raise ModelError(f"the rank of {layer.name} must be 1 to {largest}. Received: {rank}")
    moments = _second_moments(generator, steps, luminance)
    names = {layer.name: rank for layer, rank in zip(steps, ranks)}

    def call(layer: keras.layers.Layer, *inputs: object, **options: object) -> object:
        if layer.name not in names:
            return layer(*inputs, **options)
        rank, name = names[layer.name], _PREFIX + layer.name
        policy = layer.dtype_policy
        reduce = keras.layers.Conv2D(rank, 1, use_bias=False, name=name, dtype=policy)
        return layer(reduce(*inputs), **options)

    copy = keras.models.clone_model(generator, call_function=call)
    for layer in generator.layers:
        if layer.weights and layer.name not in names:
            copy.get_layer(layer.name).set_weights(layer.get_weights())
    for number, (layer, moment) in enumerate(zip(steps, moments)):
        left, right = _factors(_as_matrix(layer), moment, names[layer.name], seed=number)
        copy.get_layer(_PREFIX + layer.name).set_weights([left[None, None].astype(np.float32)])
        copy.get_layer(layer.name).set_weights(_with_matrix(layer, right))
    return copy


def is_factored(generator: keras.Model) -> bool:
    """Whether :func:`factorize` made it."""
    return any(layer.name.startswith(_PREFIX) for layer in generator.layers)


def merge_factors(generator: keras.Model) -> keras.Model:
    """A generator as it was built, each pair of factors multiplied; without any, itself."""
    reducing = {
        layer.name.removeprefix(_PREFIX): layer
        for layer in generator.layers
        if layer.name.startswith(_PREFIX)
    }
    if not reducing:
        return generator

    def call(layer: keras.layers.Layer, *inputs: object, **options: object) -> object:
        return inputs[0] if layer.name.startswith(_PREFIX) else layer(*inputs, **options)

    merged = keras.models.clone_model(generator, call_function=call)
    for layer in merged.layers:
        factored = generator.get_layer(layer.name)
        if layer.name in reducing:
            left = reducing[layer.name].get_weights()[0][0, 0]
            layer.set_weights(_with_matrix(factored, left @ _as_matrix(factored)))
        elif layer.weights:
            layer.set_weights(factored.get_weights())
    return merged


def _steps(generator: keras.Model) -> list[keras.layers.Layer]:
    """The layers whose kernels upsample, the outermost first."""
    names = {layer.name for layer in generator.layers}
    count = next(level for level in range(len(names) + 1) if f"up_{level}" not in names)
    return [generator.get_layer(f"up_{level}") for level in range(count)]


def _input_axis(layer: keras.layers.Layer) -> int:
    return -1 if isinstance(layer, keras.layers.Conv2DTranspose) else -2


def _as_matrix(layer: keras.layers.Layer) -> np.ndarray:
    """A convolution's kernel as ``(channels it sees, all else)``, float64."""
    kernel = np.moveaxis(layer.get_weights()[0], _input_axis(layer), 0)
    return kernel.reshape(len(kernel), -1).astype(np.float64)


def _with_matrix(layer: keras.layers.Layer, matrix: np.ndarray) -> list[np.ndarray]:
    """The weights of a convolution with another kernel, of any number of channels to see."""
    kernel, *bias = layer.get_weights()
    axis = _input_axis(layer)
    shape = list(np.moveaxis(kernel, axis, 0).shape)
    moved = matrix.reshape([len(matrix), *shape[1:]]).astype(np.float32)
    return [np.moveaxis(moved, 0, axis), *bias]


def _second_moments(
    generator: keras.Model, steps: Sequence[keras.layers.Layer], luminance: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """Means of x xᵀ over all places of what each step sees, ``(C, C)`` each."""
    probe = keras.Model(generator.inputs, [layer.input for layer in steps])
    moments = [np.zeros((layer.input.shape[-1],) * 2) for layer in steps]
    for first in range(0, len(luminance), _BATCH):
        photos = np.stack(luminance[first : first + _BATCH])
        for moment, features in zip(moments, probe.predict_on_batch(photos)):
            rows = features.reshape(-1, features.shape[-1]).astype(np.float64)
            moment += rows.T @ rows / (len(rows) * len(luminance) / len(photos))
    return moments


def _factors(
    matrix: np.ndarray, moment: np.ndarray, rank: int, *, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """The two of a rank whose product does to x, in the mean square, what the matrix does.

    With x of second moment S, E|x (M - P Q)|² is the squared norm of S^½ (M - P Q): the singular
    vectors of S^½ M with the largest values minimize it.
    """
    values, vectors = np.linalg.eigh(moment)
    roots = np.sqrt(np.maximum(values, _LEAST_EIGENVALUE * values.max()))
    root, inverse = (vectors * roots) @ vectors.T, (vectors / roots) @ vectors.T
    left, singular, right = np.linalg.svd(root @ matrix, full_matrices=False)
    scale = np.sqrt(singular[:rank])
    turned = np.random.default_rng(seed).normal(size=(rank, rank))
    rotation = np.linalg.qr(turned)[0]
    return (inverse @ left[:, :rank] * scale) @ rotation, rotation.T @ (
        scale[:, None] * right[:rank]
    )
