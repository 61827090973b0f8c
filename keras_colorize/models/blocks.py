"""What the generator and the discriminator share: initialization, normalization, checks.

Isola et al., "Image-to-Image Translation with Conditional Adversarial Networks", 2017 (pix2pix),
section 6.2: weights from N(0, 0.02). Their published code draws normalization scales from
N(1, 0.02).
"""

import math
import random
from typing import Any, get_args

import keras

from keras_colorize.config import Normalization

__all__ = ["LEAK", "LayerFactory", "check_choice", "check_positive"]

#: Slope of the leaky ReLU for negative inputs (pix2pix).
LEAK = 0.2

_STDDEV = 0.02
_EPSILON = 1e-5
_BATCH_MOMENTUM = 0.9  # of the moving statistics: Keras' 0.99 lags behind in short runs
_GROUPS = 8  # or fewer, where they do not divide the channels


class LayerFactory:
    """Makes layers with pix2pix' initialization, each from its own seed derived from one.

    Args:
        normalization: what :meth:`normalize` applies.
        dtype: a Keras dtype policy or its name, for every layer made.
        seed: the one seed; the same seed gives the same initial weights.
    """

    def __init__(
        self, normalization: Normalization, dtype: str | keras.DTypePolicy, seed: int
    ) -> None:
        check_choice("normalization", normalization, Normalization)
        self.normalization = normalization
        self.dtype = dtype
        self._seeds = random.Random(seed)

    def seed(self) -> int:
        """The next derived seed."""
        return self._seeds.getrandbits(31)

    def conv(self, filters: int, name: str, **options: Any) -> keras.layers.Conv2D:
        """A convolution whose size in pixels is divided by its strides exactly (padding "same")."""
        return keras.layers.Conv2D(filters, name=name, **self._conv_options(options))

    def conv_transpose(self, filters: int, name: str, **options: Any) -> keras.layers.Layer:
        """A transposed convolution whose strides multiply the size in pixels exactly."""
        return keras.layers.Conv2DTranspose(filters, name=name, **self._conv_options(options))

    def depthwise(self, name: str, **options: Any) -> keras.layers.DepthwiseConv2D:
        """A convolution of each channel by itself."""
        options = self._conv_options(options)
        options["depthwise_initializer"] = options.pop("kernel_initializer")
        return keras.layers.DepthwiseConv2D(name=name, **options)

    def normalize(self, x: keras.KerasTensor, name: str) -> keras.KerasTensor:
        """Normalize ``x``, or give it back untouched with ``normalization="none"``."""
        if self.normalization == "none":
            return x
        options: dict[str, Any] = {
            "epsilon": _EPSILON,
            "gamma_initializer": keras.initializers.RandomNormal(1.0, _STDDEV, seed=self.seed()),
            "name": name,
            "dtype": self.dtype,
        }
        if self.normalization == "batch":
            return keras.layers.BatchNormalization(momentum=_BATCH_MOMENTUM, **options)(x)
        # -1 is one group a channel; group normalization needs groups of equal size.
        groups = -1 if self.normalization == "instance" else math.gcd(_GROUPS, x.shape[-1])
        return keras.layers.GroupNormalization(groups=groups, **options)(x)

    def _conv_options(self, options: dict[str, Any]) -> dict[str, Any]:
        initializer = keras.initializers.RandomNormal(stddev=_STDDEV, seed=self.seed())
        return {
            "padding": "same",
            "kernel_initializer": initializer,
            "dtype": self.dtype,
            **options,
        }


def check_choice(name: str, value: str, choices: object) -> None:
    """Raise a ValueError unless ``value`` is one of the values of the Literal ``choices``."""
    known = get_args(choices)
    if value not in known:
        raise ValueError(f"{name} must be one of {', '.join(known)}. Received: {name}={value!r}")


def check_positive(**values: int) -> None:
    """Raise a ValueError unless every value is an integer of at least 1."""
    for name, value in values.items():
        if not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} must be an integer of at least 1. Received: {name}={value!r}")
