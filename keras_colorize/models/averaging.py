"""One generator from several of one origin: the mean of their weights.

Networks that were trained on from the same weights lie close enough for the mean of them to be a
network as good as they are. Wortsman et al., "Robust fine-tuning of zero-shot models", 2022:
between a network and what further training made of it lies one that keeps the generality of the
first and has most of what the second learned. It costs one network to run.
"""

from collections.abc import Sequence

import keras

from keras_colorize.errors import ModelError
from keras_colorize.models.factoring import is_factored
from keras_colorize.models.likeness import difference

__all__ = ["average_weights"]


def average_weights(generators: Sequence[keras.Model], shares: Sequence[float]) -> keras.Model:
    """A generator whose weights are the mean of several.

    Args:
        generators: alike but for their weights, best trained from the same; at least one.
        shares: how much each counts, above 0; only their ratios matter.

    Returns:
        A new generator, otherwise like the last of them.

    Raises:
        ModelError: the generators are not alike, or their decoders are factored.
        ValueError: the shares are not as many, or one of them is not above 0.
    """
    if len(shares) != len(generators) or not all(0.0 < share < float("inf") for share in shares):
        raise ValueError(
            f"Expected a share above 0 for each of {len(generators)} generators. "
            f"Received: {list(shares)}"
        )
    *others, last = generators
    if others and any(map(is_factored, generators)):
        raise ModelError(
            "the factors of lighter decoders have no mean; give generators as they were before "
            "--ranks, and factor their mean"
        )
    for other in others:
        if found := difference(other, last):
            raise ModelError(
                "weights can only be averaged of generators that were built and packed alike, such "
                f"as runs that started from one another; these differ in {found}"
            )
    total = sum(shares)
    average = keras.models.clone_model(last)
    columns = zip(*(generator.get_weights() for generator in generators), strict=True)
    average.set_weights(
        [sum(share / total * values for share, values in zip(shares, same)) for same in columns]
    )
    return average
