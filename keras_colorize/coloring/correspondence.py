"""What of one photograph is the same thing in another, told by the encoder's features.

The decoder's features hold the colors already: what they call alike is painted alike as it is. The
encoder's don't: they tell a window from a door, whatever color either becomes. Standardized over
each photograph, they bear another exposure; joined over three sizes, they know both the detail and
what it belongs to.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from keras_colorize.coloring.reduction import MAX_RATIO, resize_planes

__all__ = ["DIMENSIONS", "Matches", "Traits", "describe", "grid_shape", "match"]

#: Of a place's description.
DIMENSIONS = 128

_SIDE = 16  # places along the shorter side
_INNERMOST = 0.5  # weight of the features that say least about where, relative to the others
_FLOOR = 1e-3  # of a channel's deviation, relative to that of all: what hardly varies says nothing

# Chosen on 56 validation photographs, cropped and exposed in two ways each, and on all 6,160 pairs
# of different ones among them (benchmarks/album.py): two photographs of the same thing share at
# least 0.25 of their places, different ones at most 0.1.
_SAME_PLACE = 0.65  # similarity from which two places that prefer each other are counted
_SHARE = (0.12, 0.22)  # of such places, from none to all of what they say is believed
_SIMILAR = (0.3, 0.5)  # similarity of a place with its like: likewise
_SOFTNESS = (
    0.1  # difference of similarity by which one of several candidates counts e times as much
)
_CANDIDATES = 8


@dataclass(frozen=True)
class Traits:
    """What a photograph is recognized by.

    Attributes:
        places: a description of each place of a grid, float16 ``(n, 128)``, of length 1.
        whole: of the photograph, float32 ``(d,)``, of length 1; for a first choice.
    """

    places: np.ndarray
    whole: np.ndarray


@dataclass(frozen=True)
class Matches:
    """What corresponds to each place of a photograph in another one.

    Attributes:
        places: of the other one, int ``(n, k)``.
        weights: of these, float32 ``(n, k)``; they sum to 1.
        belief: that they are the same thing, float32 ``(n,)`` in [0, 1].
        share: of places that are the same beyond doubt, in [0, 1].
    """

    places: np.ndarray
    weights: np.ndarray
    belief: np.ndarray
    share: float


def grid_shape(shape: tuple[int, ...]) -> tuple[int, int]:
    """Rows and columns of places of a picture of this shape: 16 along its shorter side."""
    short = min(shape)
    rows, columns = (min(max(round(_SIDE * n / short), 1), MAX_RATIO * _SIDE) for n in shape)
    return rows, columns


def describe(features: Sequence[np.ndarray], shape: tuple[int, ...]) -> Traits:
    """A photograph's traits.

    Args:
        features: of the encoder, from fine to coarse, float32 ``(h, w, c)`` of any sizes.
        shape: height and width of the photograph at the network's size.
    """
    grid = grid_shape(shape)
    parts = []
    for index, feature in enumerate(features):
        deviation = feature.std(axis=(0, 1)) + _FLOOR * feature.std() + 1e-6
        standard = (feature - feature.mean(axis=(0, 1))) / deviation
        part = np.moveaxis(resize_planes(np.moveaxis(standard, -1, 0), *grid), 0, -1)
        part = _unit(part.reshape(grid[0] * grid[1], -1))
        parts.append(_INNERMOST * part if index == 2 else part)
    joined = np.concatenate(parts, axis=1)
    places = _unit(joined @ _projection(joined.shape[1]))
    return Traits(places.astype(np.float16), _unit(features[-1].mean(axis=(0, 1))))


def match(ours: Traits, theirs: Traits) -> Matches:
    """What corresponds in another photograph to each place of ours."""
    similarity = ours.places.astype(np.float32) @ theirs.places.astype(np.float32).T
    rows = np.arange(len(similarity))
    best = similarity.argmax(axis=1)
    mutual = similarity.argmax(axis=0)[best] == rows
    same = mutual & (similarity[rows, best] > _SAME_PLACE)
    share = float(same.sum() / min(similarity.shape))
    count = min(_CANDIDATES, similarity.shape[1])
    places = np.argpartition(-similarity, count - 1, axis=1)[:, :count]
    found = np.take_along_axis(similarity, places, axis=1)
    highest = found.max(axis=1)
    weights = np.exp((found - highest[:, None]) / _SOFTNESS)
    belief = _ramp(highest, *_SIMILAR) * np.float32(_ramp(np.asarray(share), *_SHARE))
    return Matches(places, weights / weights.sum(axis=1, keepdims=True), belief, share)


@functools.cache
def _projection(dimensions: int) -> np.ndarray:
    """A random projection that about keeps angles (Johnson and Lindenstrauss, 1984)."""
    rng = np.random.default_rng(1984)
    return rng.standard_normal((dimensions, DIMENSIONS), np.float32) / DIMENSIONS**0.5


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / (np.linalg.norm(vectors, axis=-1, keepdims=True) + 1e-6)


def _ramp(value: np.ndarray, low: float, high: float) -> np.ndarray:
    return np.clip((value - low) / (high - low), 0.0, 1.0)
