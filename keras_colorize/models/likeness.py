"""Where two generators differ: in what their weights belong to, and in all else that they compute.

Weights that fit by name and shape may belong to another network all the same: the normalizations of
instances and of groups have alike ones. What matters in training alone (dropout, initial values,
the momentum of moving averages), the precision and the names of what is not a layer make no
difference here.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import keras

__all__ = ["difference", "weights_difference"]

Shape = tuple[int, ...]

# Settings that say nothing about what a trained network computes.
_SILENT = {"name", "trainable", "dtype", "seed", "momentum", "build_config"}
_SILENT_ENDINGS = ("_initializer", "_regularizer", "_constraint")


def weights_difference(first: keras.Model, other: keras.Model) -> str | None:
    """A layer with weights in which two networks differ; ``None``: the weights of each fit both.

    Returns:
        The layer or weight, and what it is in the first and in the other.
    """
    shapes, others = _shapes(first), _shapes(other)
    for name in {**shapes, **others}:
        if shapes.get(name) != others.get(name):
            return f"{name}: {shapes.get(name, 'none')} and {others.get(name, 'none')}"
    if list(shapes) != list(others):
        return "the order of their layers"
    pairs = ((layer, other.get_layer(layer.name)) for layer in first.layers if layer.weights)
    differences = (
        f"{a.name}: {type(a).__name__} and {type(b).__name__}"
        if type(a).__name__ != type(b).__name__
        else _settings_difference(a.name, a.get_config(), b.get_config())
        for a, b in pairs
    )
    return next(filter(None, differences), None)


def difference(first: keras.Model, other: keras.Model) -> str | None:
    """Something in which two networks differ, but for their weights; ``None``: they are alike.

    Returns:
        The layer or weight, and what it is in the first and in the other.
    """
    return weights_difference(first, other) or _graph_difference(
        first.get_config(), other.get_config()
    )


def _shapes(generator: keras.Model) -> dict[str, Shape]:
    """Shape of every weight by its path, in order."""
    return {weight.path: tuple(weight.shape) for weight in generator.weights}


def _settings_difference(
    name: str, settings: Mapping[str, Any], others: Mapping[str, Any]
) -> str | None:
    for key in {**settings, **others}:
        if key in _SILENT or key.endswith(_SILENT_ENDINGS):
            continue
        if (a := settings.get(key)) != (b := others.get(key)):
            return f"{name}: {key} {a} and {b}"
    return None


def _graph_difference(first: Mapping[str, Any], other: Mapping[str, Any]) -> str | None:
    """The difference nearest the output, between the configurations of functional models."""
    networks = [{layer["name"]: layer for layer in config["layers"]} for config in (first, other)]
    outputs = (list(_references(config["output_layers"])) for config in (first, other))
    waiting = list(zip(*outputs))
    seen = set()
    while waiting:
        pair = [_painting(network, tensor) for network, tensor in zip(networks, waiting.pop())]
        if tuple(pair) in seen:
            continue
        seen.add(tuple(pair))
        a, b = (network[name] for network, (name, _) in zip(networks, pair))
        kinds = a["class_name"], b["class_name"]
        if kinds[0] != kinds[1]:
            found: str | None = f"{a['name']} ({kinds[0]}) and {b['name']} ({kinds[1]})"
        elif kinds[0] == "Functional":
            within = _graph_difference(a["config"], b["config"])
            found = within and f"{a['name']}, {within}"
        else:
            found = _settings_difference(a["name"], a["config"], b["config"])
        if found:
            return found
        calls = [_call(layer, node) for layer, (_, node) in zip((a, b), pair)]
        given = [_without_tensors(call) for call in calls]
        if given[0] != given[1]:
            return f"{a['name']}: {given[0]} and {given[1]}"
        waiting += zip(*(_references(call) for call in calls), strict=True)
    return None


def _painting(network: Mapping[str, Any], tensor: tuple[str, int]) -> tuple[str, int]:
    """What gives a tensor, by name and number of its call, without the dropout behind it."""
    while network[tensor[0]]["class_name"] == "Dropout":
        (tensor,) = _references(_call(network[tensor[0]], tensor[1]))
    return tensor


def _call(layer: Mapping[str, Any], node: int) -> Any:
    """Arguments of a layer's call; an input has none."""
    return layer["inbound_nodes"][node] if layer["inbound_nodes"] else {}


def _references(value: Any) -> Iterator[tuple[str, int]]:
    """Layer and call of every tensor in arguments, or in the list of a model's outputs."""
    match value:
        case {"class_name": "__keras_tensor__", "config": {"keras_history": [name, node, _]}}:
            yield name, node
        case [str(name), int(node), int()]:
            yield name, node
        case list() | tuple() as parts:
            for part in parts:
                yield from _references(part)
        case dict():
            for part in value.values():
                yield from _references(part)


def _without_tensors(value: Any) -> Any:
    """Arguments of a call, for all tensors the same word."""
    match value:
        case {"class_name": "__keras_tensor__"}:
            return "tensor"
        case list() | tuple() as parts:
            return [_without_tensors(part) for part in parts]
        case dict():
            return {name: _without_tensors(part) for name, part in value.items()}
    return value
