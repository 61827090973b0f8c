"""Chroma that stays the same along the motion of a shot.

Each key frame takes a weighted mean of what the network painted on all key frames of its part, each
carried along the motion between them. The weight of a painting falls with the distance, by a
constant share from key frame to key frame, and with every warping error on the way: what appears
from behind another thing is colored by the frames that show it. Between two key frames, a frame
takes from both what motion brings from them, the nearer more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from keras_colorize.video.motion import agreement, find_motion, warp, warp_believed

__all__ = ["Carry", "between", "steady"]

# Of the weight of all earlier paintings that is left at the next key frame, where motion explains
# it: a mean over some twenty of them in each direction.
_MEMORY = 0.95
# What a part takes over from the one before, in paintings: so much that nobody sees the seam.
_SEAM = 200.0
_LEAST = 1e-3  # of a weight, so that some color is left where motion explains nothing


@dataclass(frozen=True)
class Carry:
    """What a part of a shot hands to the next.

    Attributes:
        luminance: of its last frame, in [0, 255], uint8 ``(h, w)``.
        chroma: of that, float32 ``(h, w, 2)``.
    """

    luminance: np.ndarray
    chroma: np.ndarray


def steady(
    luminances: Sequence[np.ndarray],
    painted: Sequence[np.ndarray],
    carry: Carry | None = None,
    trust: Sequence[float] | None = None,
) -> list[np.ndarray]:
    """Steady chroma of key frames.

    Args:
        luminances: of the key frames of one part of a shot, in [0, 255], uint8 ``(h, w)``.
        painted: their chroma, as the network has it, float32 ``(h, w, 2)``.
        carry: from the part before, if that is of the same shot.
        trust: how many paintings each counts for; 1 by default.

    Returns:
        Their chroma, float32 ``(h, w, 2)``.
    """
    count = len(painted)
    own = [1.0] * count if trust is None else list(trust)
    pairs = list(pairwise(luminances))
    forth = [find_motion(later, earlier, exact=True) for earlier, later in pairs]
    back = [find_motion(earlier, later, exact=True) for earlier, later in pairs]
    sums: list[np.ndarray] = []
    weights: list[np.ndarray] = []
    for number in range(count):  # what was before, and the frame's own
        total = np.float32(own[number]) * painted[number]
        weight: np.ndarray = np.full(painted[0].shape[:2], own[number], np.float32)
        if number:
            carried, share = _carried(
                sums[-1], weights[-1], luminances[number], luminances[number - 1], forth[number - 1]
            )
            total, weight = total + carried, weight + share
        elif carry is not None:
            motion = find_motion(luminances[0], carry.luminance, exact=True)
            share = np.float32(_SEAM) * agreement(luminances[0], carry.luminance, motion)
            total = total + share[..., None] * warp(carry.chroma, motion)
            weight = weight + share
        sums.append(total)
        weights.append(weight)
    result: list[np.ndarray] = [np.empty(0)] * count
    later = np.zeros_like(sums[0])
    later_weight = np.zeros_like(weights[0])
    for number in reversed(range(count)):  # and what comes after
        both = weights[number] + later_weight
        result[number] = (sums[number] + later) / both[..., None]
        if number:
            later, later_weight = _carried(
                later + np.float32(own[number]) * painted[number],
                later_weight + np.float32(own[number]),
                luminances[number - 1],
                luminances[number],
                back[number - 1],
            )
    return result


def _carried(
    total: np.ndarray,
    weight: np.ndarray,
    target: np.ndarray,
    source: np.ndarray,
    motion: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """A weighted sum and its weights, carried to the next key frame."""
    planes, believed = warp_believed(target, source, np.dstack([total, weight]), motion)
    believed *= np.float32(_MEMORY)
    cb, cr, weights = (plane * believed for plane in planes)
    return np.dstack([cb, cr]), weights


def between(
    luminance: np.ndarray,
    keys: tuple[np.ndarray, np.ndarray],
    chroma: tuple[np.ndarray, np.ndarray],
    position: float,
) -> np.ndarray:
    """The chroma of a frame between two key frames.

    Args:
        luminance: of the frame, in [0, 255], uint8 ``(h, w)``.
        keys: of the key frames before and after it, likewise.
        chroma: of these, float32 ``(h, w, 2)``.
        position: 0 at the first of them, 1 at the second.

    Returns:
        float32 ``(h, w, 2)``.
    """
    planes = [np.zeros(luminance.shape, np.float32) for _ in range(2)]
    weights = np.zeros(luminance.shape, np.float32)
    for key, colors, near in zip(keys, chroma, (1.0 - position, position)):
        motion = find_motion(luminance, key)
        warped, believed = warp_believed(luminance, key, colors, motion)
        believed += np.float32(_LEAST)
        believed *= np.float32(near)
        for plane, brought in zip(planes, warped):
            plane += believed * brought
        weights += believed
    return np.dstack([plane / weights for plane in planes])
