"""One generator from several of one origin: the mean of their weights.

Networks that were trained on from the same weights lie close enough for the mean of them to be a
network as good as they are. Wortsman et al., "Robust fine-tuning of zero-shot models", 2022:
between a network and what further training made of it lies one that keeps the generality of the
first and has most of what the second learned. It costs one network to run.
"""

from collections.abc import Mapping, Sequence

import keras

from keras_colorize.errors import ModelError
from keras_colorize.models.saved import layout

__all__ = ["average_weights"]

Shape = tuple[int, ...]


def average_weights(generators: Sequence[keras.Model], shares: Sequence[float]) -> keras.Model:
    """A generator whose weights are the mean of several.

    Args:
        generators: of the same layers, best trained from the same weights; at least one.
        shares: how much each counts, above 0; only their ratios matter.

    Returns:
        A new generator of those layers.

    Raises:
        ModelError: the generators are not of the same layers.
        ValueError: the shares are not as many, or one of them is not above 0.
    """
    if len(shares) != len(generators) or not all(0.0 < share < float("inf") for share in shares):
        raise ValueError(
            f"Expected a share above 0 for each of {len(generators)} generators. "
            f"Received: {list(shares)}"
        )
    first, *others = generators
    expected = layout(first)
    for received in map(layout, others):
        if received != expected:
            raise ModelError(
                "weights can only be averaged of generators that were built alike, such as runs "
                "that started from one another; these differ in "
                f"{_difference(dict(expected), dict(received))}"
            )
    total = sum(shares)
    average = keras.models.clone_model(first)
    columns = zip(*(generator.get_weights() for generator in generators), strict=True)
    average.set_weights(
        [sum(share / total * values for share, values in zip(shares, same)) for same in columns]
    )
    return average


def _difference(first: Mapping[str, Shape], other: Mapping[str, Shape]) -> str:
    """The first weight that differs in shape, or that one lacks; failing that, their order."""
    for name in {**first, **other}:
        if first.get(name) != other.get(name):
            return f"{name}: {first.get(name, 'none')} and {other.get(name, 'none')}"
    return "the order of their layers"
