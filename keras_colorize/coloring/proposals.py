"""What else the colors of a photograph may have been: several answers, each coherent.

The distribution over chroma knows, place by place, what the network wavers between. Most of it is
shared: a photograph is warm or cool as a whole. So its alternatives lie along the axes of that
doubt (the eigenvectors of the distribution's covariance, averaged over the photograph): every place
moves to what it expects if the truth lies on that side, which is far where it is unsure and nowhere
where it is certain. The moves are taken at a few places that are unlike one another and spread over
what is like them, as hints are, so that an object moves as one.
"""

import numpy as np

from keras_colorize.coloring.hints import Anchors, Likeness, spread

__all__ = ["MOST", "alternative", "expected_distance", "likely_colors"]

#: Alternatives that there are.
MOST = 6

_PLACES = 32  # at which a move is taken
_DOUBT = 0.3  # of a move at its place, relative to the kernel's variance
_STRENGTH = 0.75  # of the way: of the median, not of the mean of all that lies on a side
_PALER, _STRONGER = 0.5, 1.5  # factors of all chroma
_LEAST_PEAK = 0.02  # share of a likely color


def expected_distance(chroma: np.ndarray, shares: np.ndarray, bins: np.ndarray) -> np.ndarray:
    """How far from what was painted the truth is to be expected: E|CbCr - painted|.

    Args:
        chroma: as painted, float32 ``(h, w, 2)``.
        shares: of the bins there, float32 ``(h, w, n)``.
        bins: their Cb and Cr, float32 ``(n, 2)``.

    Returns:
        In chroma, float32 ``(h, w)``, 0 or more.
    """
    distance = np.zeros(chroma.shape[:2], np.float32)
    for share, middle in zip(np.moveaxis(shares, -1, 0), bins):
        distance += share * np.linalg.norm(chroma - middle, axis=-1)
    return distance


def likely_colors(
    shares: np.ndarray, bins: np.ndarray, count: int
) -> list[tuple[np.ndarray, float]]:
    """The most likely chroma values of one place, each the mean around a peak of its shares.

    Args:
        shares: of the bins, which form a square grid, float32 ``(n,)``.
        bins: their Cb and Cr, float32 ``(n, 2)``.
        count: how many at the most.

    Returns:
        Pairs of Cb and Cr, float32 ``(2,)``, and the share of what lies around, the largest first.
    """
    side = round(len(bins) ** 0.5)
    rest = shares.reshape(side, side).astype(np.float64)
    grid = bins.reshape(side, side, 2)
    found: list[tuple[np.ndarray, float]] = []
    while len(found) < count:
        windows = np.lib.stride_tricks.sliding_window_view(np.pad(rest, 1), (3, 3))
        sums = windows.sum(axis=(2, 3))
        row, column = np.unravel_index(np.argmax(sums), sums.shape)
        share = float(sums[row, column])
        if found and share < _LEAST_PEAK:
            break
        part = np.s_[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2]
        weights = rest[part][..., None] + 1e-12
        chroma = (weights * grid[part]).sum(axis=(0, 1)) / weights.sum()
        found.append((chroma.astype(np.float32), share))
        rest[part] = 0.0
    return found


def alternative(
    chroma: np.ndarray, shares: np.ndarray, bins: np.ndarray, likeness: Likeness, number: int
) -> np.ndarray:
    """Other chroma for a photograph.

    In this order: cooler and warmer as a whole along the main axis of doubt, paler, along the
    second axis both ways, and stronger.

    Args:
        chroma: as painted, on the grid of ``likeness``, float32 ``(h, w, 2)``.
        shares: the distribution on that grid, float32 ``(h, w, n)``.
        bins: Cb and Cr of its bins, float32 ``(n, 2)``.
        likeness: of the photograph.
        number: which, from 0 to :data:`MOST` - 1.

    Returns:
        float32 ``(h, w, 2)``.
    """
    factor = {2: _PALER, 5: _STRONGER}.get(number)
    if factor is not None:
        return factor * chroma
    flat = shares.reshape(-1, len(bins))
    mean = flat @ bins  # (P, 2)
    second = np.einsum("pn,ni,nj->ij", flat, bins, bins) / len(flat)
    _, axes = np.linalg.eigh(second - np.einsum("pi,pj->ij", mean, mean) / len(flat))
    axis = axes[:, 1] if number < 2 else axes[:, 0]
    cool = axis if axis @ [1.0, -1.0] > 0 else -axis
    direction = cool if number in (0, 3) else -cool
    side = flat * ((bins @ direction)[None] > (mean @ direction)[:, None])
    expected = (side @ bins) / (side.sum(axis=1, keepdims=True) + 1e-9)
    places = likeness.unlike(_PLACES)
    weights = likeness.between(places, slice(None)).T  # (K, P)
    weights /= weights.sum(axis=1, keepdims=True)
    wanted = chroma.reshape(-1, 2)[places] + _STRENGTH * weights @ (expected - mean)
    doubt = np.full(len(places), _DOUBT, np.float32)
    return spread(chroma, likeness, Anchors(places, wanted.astype(np.float32), doubt))
