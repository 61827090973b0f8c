"""What the layers of a network do with a batch of photographs, reduced to statistics in-graph."""

import fnmatch
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_colorize.inspection.snapshots import BINS, PERCENTILES

__all__ = [
    "NEAR_ZERO",
    "Network",
    "Probe",
    "layers_by_name",
    "layers_to_measure",
    "summarize",
]

#: Magnitude below which an activation counts as near zero.
NEAR_ZERO = 1e-3

_SATURATED = 0.99  # of an activation's limit
_CONSTANT = 1e-6  # a channel that varies less is dead
_FINE = 32  # fine bins a bin of the histogram: percentiles are read from these

_NORMALIZATIONS = (
    keras.layers.BatchNormalization,
    keras.layers.GroupNormalization,
    keras.layers.LayerNormalization,
)
_ACTIVATIONS = (
    keras.layers.Activation,
    keras.layers.ELU,
    keras.layers.LeakyReLU,
    keras.layers.PReLU,
    keras.layers.ReLU,
    keras.layers.Softmax,
)


@dataclass(frozen=True)
class Network:
    """A network to be measured.

    Attributes:
        name: the names of its layers begin with it.
        model: a functional model.
        inputs: makes its inputs from a domain's photographs; by default it takes them as they are.
    """

    name: str
    model: keras.Model
    inputs: Callable[[Any], Any] = lambda photographs: photographs


class Probe:
    """Measures chosen layers of a network on a batch, in one compiled graph.

    The network runs as in inference: normalization by its moving averages, no dropout. Nothing of
    it is changed.

    Args:
        network: the network.
        patterns: names of layers, such as ``generator/up_*``; all that :func:`layers_to_measure`
            finds where there is none.

    Raises:
        ValueError: the model is not functional, or no layer has such a name.
    """

    def __init__(self, network: Network, patterns: Sequence[str] = ()) -> None:
        chosen = layers_to_measure(network, patterns)
        if not chosen:
            known = ", ".join(layers_by_name(network))
            wrong = f"is called {' or '.join(patterns)}" if patterns else "is an activation"
            raise ValueError(f"no layer {wrong}. Known: {known}")
        self.network = network
        self.layers = tuple(f"{network.name}/{layer.name}" for layer in chosen)
        self._limits = [_limits(layer) for layer in chosen]
        given = _layer_outputs(network.model)
        outputs = [given[layer] for layer in chosen]
        self._model = keras.Model(network.model.inputs, outputs)
        self._measure = tf.function(self._summaries, reduce_retracing=True, autograph=False)

    def __call__(self, photographs: Any) -> tuple[np.ndarray, np.ndarray]:
        """Statistics ``(L, S)`` and histograms ``(L, BINS)`` of the layers, in their order."""
        values, counts = self._measure(tf.nest.map_structure(tf.convert_to_tensor, photographs))
        return values.numpy(), counts.numpy()

    def _summaries(self, photographs: Any) -> tuple[tf.Tensor, tf.Tensor]:
        outputs = self._model(self.network.inputs(photographs), training=False)
        outputs = outputs if isinstance(outputs, list) else [outputs]
        summaries = [summarize(x, limit) for x, limit in zip(outputs, self._limits, strict=True)]
        values, counts = zip(*summaries, strict=True)
        return tf.stack(values), tf.stack(counts)


def layers_to_measure(network: Network, patterns: Sequence[str] = ()) -> list[keras.Layer]:
    """Those of a network that have one of the names, in the order of computation; maybe none.

    Args:
        network: the network.
        patterns: names, as of :mod:`fnmatch`, of ``<network>/<layer>``. Without any, every
            activation and every normalization: what a normalized convolution gives.

    Raises:
        ValueError: the model is not functional.
    """
    named = layers_by_name(network)
    if not patterns:
        return [layer for layer in named.values() if _is_telling(layer)]
    return [named[name] for name in named if any(fnmatch.fnmatchcase(name, p) for p in patterns)]


def layers_by_name(network: Network) -> dict[str, keras.Layer]:
    """The layers that can be measured, as ``<network>/<layer>``, in the order of computation.

    Raises:
        ValueError: the model is not functional.
    """
    outputs = _layer_outputs(network.model)
    return {
        f"{network.name}/{layer.name}": layer
        for layer in network.model.layers
        if layer in outputs and not isinstance(layer, keras.layers.InputLayer | keras.Model)
    }


def summarize(
    activation: tf.Tensor, limits: tuple[float, float] | None = None
) -> tuple[tf.Tensor, tf.Tensor]:
    """Statistics and histogram of one layer's activation, in-graph.

    Args:
        activation: ``(B, ..., C)``, of any float type. NaN and infinite values make mean and
            standard deviation so, and count as 0 in everything else.
        limits: lowest and highest value that the activation can take, if it saturates; an
            infinite one is none.

    Returns:
        :data:`~keras_colorize.inspection.snapshots.STATISTICS`, float32 ``(S,)``, and counts in
        equal bins between minimum and maximum, int64 ``(BINS,)``; all in the first bin where they
        are equal. Percentiles are interpolated in a histogram 32 times as fine: exact to a 2048th
        of the range.
    """
    x = tf.cast(activation, tf.float32)
    axes = tuple(range(len(x.shape) - 1))
    lows, highs = tf.reduce_min(x, axis=axes), tf.reduce_max(x, axis=axes)  # (C,)
    # TensorFlow's histogram does not survive NaN or infinity, which one of the bounds then is.
    sound = tf.reduce_all(tf.math.is_finite(lows) & tf.math.is_finite(highs))
    finite = tf.cond(sound, lambda: x, lambda: tf.where(tf.math.is_finite(x), x, 0.0))
    lows, highs = tf.cond(
        sound,
        lambda: (lows, highs),
        lambda: (tf.reduce_min(finite, axis=axes), tf.reduce_max(finite, axis=axes)),
    )
    low, high = tf.reduce_min(lows), tf.reduce_max(highs)
    # The range of a histogram must not be empty.
    top = tf.where(high > low, high, low + tf.maximum(1.0, tf.abs(low)))
    fine = tf.histogram_fixed_width(finite, tf.stack([low, top]), BINS * _FINE)
    mean = tf.reduce_mean(x)
    values = [
        mean,
        tf.sqrt(tf.reduce_mean(tf.math.squared_difference(x, mean))),
        low,
        high,
        _share(tf.abs(finite) < NEAR_ZERO),
        _saturated(finite, limits),
        _share(highs - lows <= _CONSTANT),
        *tf.unstack(tf.clip_by_value(_percentiles(fine, low, top), low, high)),
    ]
    counts = tf.reduce_sum(tf.reshape(tf.cast(fine, tf.int64), (BINS, _FINE)), axis=1)
    return tf.stack(values), counts


def _percentiles(counts: tf.Tensor, low: tf.Tensor, high: tf.Tensor) -> tf.Tensor:
    """Where the cumulative histogram reaches each percentile, linear within a bin."""
    cumulative = tf.cumsum(tf.cast(counts, tf.float64))
    targets = tf.constant(PERCENTILES, tf.float64) / 100.0 * cumulative[-1]
    bins = tf.searchsorted(cumulative, targets)
    inside = tf.gather(tf.cast(counts, tf.float64), bins)
    within = 1.0 - tf.math.divide_no_nan(tf.gather(cumulative, bins) - targets, inside)
    position = (tf.cast(bins, tf.float64) + within) / (BINS * _FINE)
    return low + (high - low) * tf.cast(position, tf.float32)


def _saturated(values: tf.Tensor, limits: tuple[float, float] | None) -> tf.Tensor:
    """Share of the values in the outermost hundredth of a limited range; NaN without limits."""
    if limits is None:
        return tf.constant(np.nan, tf.float32)
    low, high = limits
    margin = (1.0 - _SATURATED) * (high - (low if np.isfinite(low) else 0.0))
    return _share((values <= low + margin) | (values >= high - margin))


def _share(condition: tf.Tensor) -> tf.Tensor:
    return tf.reduce_mean(tf.cast(condition, tf.float32))


def _layer_outputs(model: keras.Model) -> dict[keras.layers.Layer, keras.KerasTensor]:
    """What each layer gives where the model uses it first, if it is one tensor.

    Keras' ``layer.output`` may be that of another model that shares the layer.
    """
    graph = getattr(model, "_functional", model)  # of a Sequential
    if not hasattr(graph, "_nodes_by_depth"):
        raise ValueError(
            "expected a functional model, or a Sequential one that begins with keras.Input; "
            f"received {model.name}, a {type(model).__name__} whose layers are not connected"
        )
    outputs: dict[keras.layers.Layer, keras.KerasTensor] = {}
    for depth in sorted(graph._nodes_by_depth, reverse=True):
        for node in graph._nodes_by_depth[depth]:
            if len(node.outputs) == 1:  # not several, as a recurrent layer may
                outputs.setdefault(node.operation, node.outputs[0])
    return outputs


def _is_telling(layer: keras.Layer) -> bool:
    function = getattr(layer, "activation", keras.activations.linear)
    return (
        isinstance(layer, (*_ACTIVATIONS, *_NORMALIZATIONS))
        or function is not keras.activations.linear
    )


def _limits(layer: keras.Layer) -> tuple[float, float] | None:
    """Between which values the layer's activation saturates, if it does."""
    if isinstance(layer, keras.layers.ReLU) and layer.max_value is not None:
        return -np.inf, float(layer.max_value)  # at zero it is off, not saturated
    known = {
        keras.activations.tanh: (-1.0, 1.0),
        keras.activations.sigmoid: (0.0, 1.0),
        keras.activations.relu6: (-np.inf, 6.0),
    }
    return known.get(getattr(layer, "activation", None))
