"""Normalizations and rectifiers as part of the convolutions before them, for export.

In inference a normalization is a factor and an offset for each channel, which a kernel and its bias
can have instead (Jacob et al., "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference", 2018, section 3.2); and a rectifier behind a concatenation is
one behind each of its parts. What is left are fewer passes over the features, and in int8 none that
TensorFlow Lite's fast kernels lack.
"""

from collections import Counter
from typing import Any, NamedTuple

import keras
import numpy as np

__all__ = ["as_factors", "fold"]

# Keras' operations have no classes that are public.
_KEEP_ONES = ("Repeat", "AveragePool")
_MULTIPLY = "Multiply"


def fold(network: keras.Model, *, constant: float = 0.0) -> keras.Model:
    """A copy that computes the same with fewer layers; those that are left have their names.

    Where a generator's gain is 1 everywhere, as of one packed without certainty, it goes as well,
    and with it the certainty, unless an output needs that.

    Args:
        network: a generator, or one of several outputs.
        constant: as in :func:`as_factors`.
    """
    plan = _plan(_Graph(network))
    ones: list[keras.KerasTensor] = []

    def clone(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config()
        if layer.name in plan.normalized:
            config["use_bias"] = True
        if layer.name in plan.rectified:
            config["activation"] = "relu"
        return type(layer).from_config(config)

    def call(layer: Any, *inputs: keras.KerasTensor, **options: object) -> object:
        if layer.name in plan.left_out:
            return inputs[0]
        of_ones = [any(given is one for one in ones) for given in inputs]
        kind = type(layer).__name__
        if kind == _MULTIPLY and any(of_ones) and len(_tensors(inputs)) == 2:
            return inputs[1 - of_ones.index(True)]
        result = layer(*inputs, **options)
        if _is_one(layer) or (kind in _KEEP_ONES and any(of_ones)):
            ones.append(result)
        return result

    copy = keras.models.clone_model(network, clone_function=clone, call_function=call)
    for layer in (layer for layer in copy.layers if layer.weights):
        weights = network.get_layer(layer.name).get_weights()
        if layer.name in plan.normalized:
            normalization = network.get_layer(plan.normalized[layer.name])
            weights = _scaled(layer, weights, as_factors(normalization, constant))
        layer.set_weights(weights)
    return copy


def as_factors(
    layer: keras.layers.BatchNormalization, constant: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """What a normalization multiplies each channel by in inference, and what it adds then.

    Args:
        layer: the normalization.
        constant: channels whose variance in training was less than this are held at their mean.

    Returns:
        The factors and what is added, float32 ``(C,)``.
    """
    weights = iter(layer.get_weights())
    gamma = next(weights) if layer.scale else np.float32(1.0)
    beta = next(weights) if layer.center else np.float32(0.0)
    mean, variance = weights
    factor = np.where(variance < constant, 0.0, gamma / np.sqrt(variance + layer.epsilon))
    return factor, beta - mean * factor


class _Call(NamedTuple):
    layer: Any  # or an operation of Keras
    inputs: list[keras.KerasTensor]
    outputs: list[keras.KerasTensor]


class _Graph:
    """What a network calls, one after the other, and where each result goes."""

    def __init__(self, network: keras.Model) -> None:
        self.calls: list[_Call] = []

        def record(layer: Any, *inputs: object, **options: object) -> object:
            results = layer(*inputs, **options)
            self.calls.append(_Call(layer, _tensors((inputs, options)), _tensors(results)))
            return results

        copy = keras.models.clone_model(network, call_function=record)
        self._outputs = {id(tensor) for tensor in copy.outputs}
        self._makers = {id(made): call for call in self.calls for made in call.outputs}
        self._times = Counter(call.layer.name for call in self.calls)

    def is_single(self, call: _Call) -> bool:
        """Whether its layer is called nowhere else."""
        return self._times[call.layer.name] == 1

    def consumers(self, tensor: keras.KerasTensor) -> list[_Call]:
        """Who takes it; of what is an output of the network as well, nobody."""
        if id(tensor) in self._outputs:
            return []
        return [call for call in self.calls if any(given is tensor for given in call.inputs)]

    def rectifiers(self, tensor: keras.KerasTensor) -> set[str]:
        """The layers that come next, by name; none if something else comes next, too."""
        found: set[str] = set()
        for call in self.consumers(tensor):
            further = {call.layer.name} if _is_rectifier(call) and self.is_single(call) else set()
            if _passes_on(call):
                further = self.rectifiers(call.outputs[0])
            if not further:
                return set()
            found |= further
        return found

    def sources(self, tensor: keras.KerasTensor) -> set[int]:
        """The ids of the tensors that it is put together of."""
        maker = self._makers.get(id(tensor))
        if maker is None or not _passes_on(maker):
            return {id(tensor)}
        return set().union(*map(self.sources, maker.inputs))


class _Plan(NamedTuple):
    """Names of layers.

    Attributes:
        normalized: convolutions, each with the normalization that becomes part of it.
        rectified: convolutions that a rectifier becomes part of.
        left_out: the normalizations and rectifiers that do.
    """

    normalized: dict[str, str]
    rectified: set[str]
    left_out: set[str]


def _plan(graph: _Graph) -> _Plan:
    normalized: dict[str, str] = {}
    by_result: dict[int, str] = {}  # convolutions, by what they give, normalized or not
    next_to: dict[int, set[str]] = {}
    for call in filter(graph.is_single, filter(_is_convolution, graph.calls)):
        (result,) = call.outputs
        followers = graph.consumers(result)
        follower = followers[0] if len(followers) == 1 else None
        if follower and _is_normalization(follower) and graph.is_single(follower):
            normalized[call.layer.name] = follower.layer.name
            (result,) = follower.outputs
        by_result[id(result)] = call.layer.name
        next_to[id(result)] = graph.rectifiers(result)
    # A rectifier goes where all that comes to it takes it along and goes nowhere else.
    going = {
        call.layer.name: graph.sources(call.inputs[0])
        for call in filter(_is_rectifier, graph.calls)
    }
    while True:
        staying = {
            name
            for name, sources in going.items()
            if not all(next_to.get(key) and next_to[key] <= going.keys() for key in sources)
        }
        if not staying:
            break
        going = {name: sources for name, sources in going.items() if name not in staying}
    return _Plan(
        normalized,
        {by_result[key] for sources in going.values() for key in sources},
        {*normalized.values(), *going},
    )


def _tensors(nested: object) -> list[keras.KerasTensor]:
    return [leaf for leaf in keras.tree.flatten(nested) if isinstance(leaf, keras.KerasTensor)]


def _passes_on(call: _Call) -> bool:
    """Whether what it gives in inference are the numbers that it is given."""
    return isinstance(call.layer, keras.layers.Concatenate | keras.layers.Dropout)


def _is_convolution(call: _Call) -> bool:
    return (
        type(call.layer) in (keras.layers.Conv2D, keras.layers.Conv2DTranspose)
        and call.layer.activation is keras.activations.linear
    )


def _is_normalization(call: _Call) -> bool:
    return isinstance(call.layer, keras.layers.BatchNormalization) and call.layer.axis in (-1, 3)


def _is_rectifier(call: _Call) -> bool:
    if not isinstance(call.layer, keras.layers.ReLU):
        return False
    config = call.layer.get_config()
    return (config["max_value"], config["negative_slope"], config["threshold"]) == (None, 0, 0)


def _is_one(layer: object) -> bool:
    return isinstance(layer, keras.layers.Rescaling) and (layer.scale, layer.offset) == (0.0, 1.0)


def _scaled(
    layer: keras.layers.Layer, weights: list[np.ndarray], by: tuple[np.ndarray, np.ndarray]
) -> list[np.ndarray]:
    """Kernel and bias of a convolution whose result is multiplied, and added to."""
    (kernel, *bias), (factor, offset) = weights, by
    # Channels come last; a transposed one's kernel is (h, w, out, in).
    transposed = isinstance(layer, keras.layers.Conv2DTranspose)
    kernel = kernel * (factor[:, None] if transposed else factor)
    return [kernel, offset + (factor * bias[0] if bias else 0.0)]
