"""A generator that Keras runs."""

import functools
import logging
from collections.abc import Callable, Collection
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_colorize.models.outputs import COLOR, named_outputs

__all__ = ["KerasNetwork", "limit_threads"]

_log = logging.getLogger(__name__)


class KerasNetwork:
    """A generator as graphs for every size. Safe for several threads.

    Args:
        generator: luminance ``(1, h, w, 1)`` to RGB ``(1, h, w, 3)``, both in [0, 1].

    Attributes:
        generator: as it was given.
        outputs: names of what it gives: see :mod:`keras_colorize.models.outputs`.
    """

    def __init__(self, generator: keras.Model) -> None:
        self.generator = generator
        outputs = named_outputs(generator)
        self.outputs: Collection[str] = outputs.keys()
        self._paint = _compile(keras.Model(generator.inputs, {COLOR: generator.output}))
        self._see = _compile(keras.Model(generator.inputs, outputs))

    def __call__(self, luminance: np.ndarray, names: Collection[str]) -> dict[str, np.ndarray]:
        """Outputs by name, float32, of a luminance ``(1, h, w, 1)`` in [0, 1]."""
        run = self._paint if set(names) == {COLOR} else self._see
        return {name: value for name, value in run(luminance).items() if name in names}


def limit_threads(threads: int) -> None:
    """Have TensorFlow spend so many threads on each photograph.

    It holds for the whole process and for all that TensorFlow does in it, and can only be decided
    before TensorFlow computes anything, which loading a generator does; later this does nothing.
    """
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
    except RuntimeError as error:
        _log.debug("threads stay as they are: %s", error)


def _compile(model: keras.Model) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    """A model as one graph for every size, luminance ``(B, h, w, 1)`` in, its outputs out."""

    # Without autograph, which would read the sources of layers for loops that are not there.
    @functools.partial(
        tf.function,
        input_signature=[tf.TensorSpec((None, None, None, 1), tf.float32)],
        autograph=False,
    )
    def run(luminance: tf.Tensor) -> Any:
        return model(luminance, training=False)

    return lambda luminance: {name: value.numpy() for name, value in run(luminance).items()}
