"""What of one photograph is the same thing in another, told by the encoder's features.

The decoder's features hold the colors already: what they call alike is painted alike as it is. The
encoder's don't: they tell a window from a door, whatever color either becomes. Standardized over
each photograph, they bear another exposure; joined over three sizes, they know both the detail and
what it belongs to.

Two photographs of the same view are told by how many places find each other. Of two that overlap,
as when someone turned a little, fewer do, but those agree about where: one move brings them onto
each other, with all that is around. What stands at the same place in both says nothing then: sky
above ground does so in photographs that have nothing else in common.
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
# least 0.25 of their places, different ones at most 0.1. Portraits of different people may share
# more, of 9,609 pairs among training photographs 0.6 percent more than 0.18.
_SAME_PLACE = 0.65  # similarity from which two places that prefer each other are counted
_SHARE = (0.18, 0.26)  # of such places, from none to all of what they say is believed
_SIMILAR = (0.3, 0.5)  # similarity of a place with its like: likewise
_SOFTNESS = (
    0.1  # difference of similarity by which one of several candidates counts e times as much
)
_CANDIDATES = 8

# Of photographs that overlap: chosen on 59 pairs of views 60 degrees apart, of 25 places, and on
# 14,495 pairs of different validation photographs (benchmarks/album_pairs.py). Of the former, 53
# have 14 places or more that agree; of the latter one has, two flower heads before a blur. So do
# faces that stand at different places; but where photographs overlap all of it is alike, 0.47 or
# more on average (21 pairs of the former), around those faces 0.35 or less (95 percent of 1,245).
_SAME_PART = 0.55  # similarity from which two places that prefer each other are counted
_STRAY = 1.5  # places that one may lie beside where the others say
_MOVED = 4.0  # sixteenths of a picture, at least
_AGREEING = (13, 16)  # places that agree, from none to all of what they say is believed
_OVERLAPPING = (0.38, 0.46)  # mean similarity of all that both show: likewise
_NEAR = 2.0  # places around one in which two that agree vouch for it
_FAR = 1.5  # places beside where it should lie, by which a candidate loses 0.5 of similarity


@dataclass(frozen=True)
class Traits:
    """What a photograph is recognized by.

    Attributes:
        places: a description of each place of a grid, float16 ``(n, 128)``, of length 1.
        whole: of the photograph, float32 ``(d,)``, of length 1; for a first choice.
        shape: rows and columns of the grid.
    """

    places: np.ndarray
    whole: np.ndarray
    shape: tuple[int, int]


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
    return Traits(places.astype(np.float16), _unit(features[-1].mean(axis=(0, 1))), grid)


def match(ours: Traits, theirs: Traits) -> Matches:
    """What corresponds in another photograph to each place of ours."""
    similarity = ours.places.astype(np.float32) @ theirs.places.astype(np.float32).T
    rows = np.arange(len(similarity))
    best = similarity.argmax(axis=1)
    mutual = similarity.argmax(axis=0)[best] == rows
    highest = similarity[rows, best]
    share = float((mutual & (highest > _SAME_PLACE)).sum() / min(similarity.shape))
    belief = _ramp(highest, *_SIMILAR) * np.float32(_ramp(np.asarray(share), *_SHARE))
    same = np.flatnonzero(mutual & (highest > _SAME_PART))
    if share < _SHARE[1] and len(same) > _AGREEING[0]:
        support, distance = _overlap(ours.shape, theirs.shape, same, best[same], similarity)
        if support.any():
            similarity -= 0.5 * np.square(distance / _FAR)
            belief = np.maximum(belief, support)
    count = min(_CANDIDATES, similarity.shape[1])
    places = np.argpartition(-similarity, count - 1, axis=1)[:, :count]
    found = np.take_along_axis(similarity, places, axis=1)
    weights = np.exp((found - found.max(axis=1, keepdims=True)) / _SOFTNESS)
    return Matches(places, weights / weights.sum(axis=1, keepdims=True), belief, share)


def _overlap(
    ours: tuple[int, int],
    theirs: tuple[int, int],
    places: np.ndarray,
    likes: np.ndarray,
    similarity: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Where two photographs overlap, as the move says that most places agree on.

    Args:
        ours: shape of the grid.
        theirs: likewise.
        places: of ours that have their like in the other one, int ``(k,)``.
        likes: that of each, int ``(k,)``.
        similarity: of all places of ours with all of theirs, float32 ``(n, m)``.

    Returns:
        How far each place of ours is vouched for, float32 ``(n,)`` in [0, 1]; how far, in places,
        each of theirs lies from where it should, float32 ``(n, m)``.
    """
    all_ours, all_theirs = _positions(ours), _positions(theirs)
    a, b = all_ours[places], all_theirs[likes]
    # In sixteenths of either picture: what stands at the same place in both has not moved.
    moves = _SIDE * (b / np.asarray(theirs) - a / np.asarray(ours)).astype(np.float32)
    shifts = b - a
    near = np.abs(shifts[:, None] - shifts).max(axis=-1) <= _STRAY  # (k, k)
    counts = near.sum(axis=1)
    counts[np.abs(near @ moves).max(axis=-1) <= _MOVED * counts] = 0
    most = counts.argmax()
    agreeing = near[most]
    expected = all_ours + shifts[agreeing].mean(axis=0)
    distance = np.linalg.norm(all_theirs - expected[:, None], axis=-1)
    # All that both show is alike then; of a face elsewhere, what is around it is not.
    inside = np.flatnonzero(((expected > -0.5) & (expected < np.subtract(theirs, 0.5))).all(axis=1))
    row, column = np.rint(expected[inside]).astype(int).T
    alike = similarity[inside, row * theirs[1] + column].mean()
    around = np.abs(all_ours[:, None] - a[agreeing]).max(axis=-1) <= _NEAR
    vouched = np.minimum(0.5 * around.sum(axis=1), 1.0)
    believed = _ramp(counts[most], *_AGREEING) * _ramp(alike, *_OVERLAPPING)
    return (believed * vouched).astype(np.float32), distance


def _positions(shape: tuple[int, int]) -> np.ndarray:
    """Row and column of each place, float32 ``(n, 2)``."""
    return np.indices(shape).reshape(2, -1).T.astype(np.float32)


@functools.cache
def _projection(dimensions: int) -> np.ndarray:
    """A random projection that about keeps angles (Johnson and Lindenstrauss, 1984)."""
    rng = np.random.default_rng(1984)
    return rng.standard_normal((dimensions, DIMENSIONS), np.float32) / DIMENSIONS**0.5


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / (np.linalg.norm(vectors, axis=-1, keepdims=True) + 1e-6)


def _ramp(value: np.ndarray, low: float, high: float) -> np.ndarray:
    return np.clip((value - low) / (high - low), 0.0, 1.0)
