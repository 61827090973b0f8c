"""Colors that a person knows, carried to what is like the places where they were said.

What a hint asks for differs from what the network painted there. That difference is taken as known
at the hint's places and estimated everywhere else by Gaussian process regression (Rasmussen and
Williams, "Gaussian Processes for Machine Learning", 2006, equation 2.25). Two places are alike as
far as the network's own features, the luminance and the position are: a hint on a wall colors the
wall, less so what is further away, and not the tree in front of it. Where nothing is like a hint,
the estimate is zero and what the network painted stays. Nothing needs to be trained for it, and it
is quick: the network runs once a photograph, a hint costs a small system of linear equations.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real

import numpy as np

from keras_colorize import color
from keras_colorize.coloring.arguments import check_list

__all__ = [
    "COARSE",
    "DISTANCE",
    "FINE",
    "JITTER",
    "LUMINANCE",
    "MOST_ANCHORS",
    "MOST_PLACES",
    "NEAR",
    "NEAR_LUMINANCE",
    "NEAR_SHARE",
    "STRICTER",
    "Anchors",
    "Hint",
    "Likeness",
    "Region",
    "anchors_of",
    "hex_of",
    "join_anchors",
    "spread",
]

# Chosen on 40 validation photographs of the corpus (benchmarks/hints.py) for the highest PSNR from
# ten true hints at less than 1 dE of change far away. Of the kernel, in units of each quantity's
# own scale:
COARSE, FINE = 1.9, 1.5  # features at an eighth and a quarter of the size, root mean square
LUMINANCE = 0.3  # of white
DISTANCE = 0.5  # of the shorter side
# Beside what is alike, what is near: it makes the place itself obey, whatever surrounds it.
NEAR = 0.035  # of the shorter side
NEAR_LUMINANCE = 0.2
NEAR_SHARE = 0.13  # of the variance
# One hint alone is of its place and its like; what several places agree on holds for more of the
# photograph. So places must be 1.9 times as alike for one hint, and less so for more.
STRICTER = 0.9
JITTER = 1e-4  # of the variance, for a well-conditioned system

MOST_PLACES = 12  # of a hint or region: its neighbors say the same again
MOST_ANCHORS = 600
_HEX = re.compile(r"#[0-9a-fA-F]{6}")

RGB = tuple[int, int, int]


@dataclass(frozen=True)
class Hint:
    """A color at a place.

    Attributes:
        x: from the left edge, relative to the width, in [0, 1].
        y: from the upper edge, relative to the height, in [0, 1].
        color: red, green and blue in 0 to 255, or ``"#rrggbb"``. Its chroma counts; the luminance
            stays the photograph's.
        radius: of the place, relative to the shorter side, in (0, 1].

    Raises:
        ValueError: one of them is out of its range, or no number.
    """

    x: float
    y: float
    color: RGB | str
    radius: float = 0.012

    def __post_init__(self) -> None:
        for name in ("x", "y"):
            value = getattr(self, name)
            if not (isinstance(value, Real) and 0.0 <= float(value) <= 1.0):
                raise ValueError(f"{name} must be in [0, 1], relative. Received: {value!r}")
        if not (isinstance(self.radius, Real) and 0.0 < self.radius <= 1.0):
            raise ValueError(f"radius must be in (0, 1]. Received: {self.radius!r}")
        chroma_of(self.color)

    def covers(self, height: int, width: int) -> np.ndarray:
        """The pixels of a picture of this size that it speaks of, bool ``(height, width)``."""
        short = min(height, width)
        rows = (np.arange(height) + 0.5 - self.y * height) / short
        columns = (np.arange(width) + 0.5 - self.x * width) / short
        inside = np.square(rows)[:, None] + np.square(columns) <= self.radius**2
        # The pixel that it lies in, however small the picture.
        inside[min(int(self.y * height), height - 1), min(int(self.x * width), width - 1)] = True
        return inside


@dataclass(frozen=True, eq=False)
class Region:
    """A color of an area.

    Attributes:
        mask: True within the area, bool ``(h, w)``, in proportion to the photograph.
        color: as of a :class:`Hint`.

    Raises:
        ValueError: the mask is of another shape or kind, or empty.
    """

    mask: np.ndarray
    color: RGB | str

    def __post_init__(self) -> None:
        mask = self.mask
        is_array = isinstance(mask, np.ndarray)
        if not is_array or mask.ndim != 2 or mask.dtype != bool or not mask.any():
            received = f"{mask.dtype} of shape {mask.shape}" if is_array else type(mask).__name__
            raise ValueError(
                "mask must be a bool array (h, w) that is True somewhere, such as "
                f"np.asarray(image) > 127. Received: {received}"
            )
        chroma_of(self.color)

    def covers(self, height: int, width: int) -> np.ndarray:
        """The pixels of a picture of this size that it speaks of, bool ``(height, width)``."""
        rows = (np.arange(height) + 0.5) * self.mask.shape[0] / height
        columns = (np.arange(width) + 0.5) * self.mask.shape[1] / width
        inside = self.mask[np.ix_(rows.astype(int), columns.astype(int))]
        if not inside.any():  # narrower than a pixel: the one in its middle
            row, column = (np.argwhere(self.mask).mean(axis=0) + 0.5) / self.mask.shape
            inside[int(row * height), int(column * width)] = True
        return inside


def chroma_of(wanted: RGB | str) -> np.ndarray:
    """Cb and Cr of a color, float32 ``(2,)``.

    Raises:
        ValueError: it is neither ``"#rrggbb"`` nor three whole numbers in 0 to 255.
    """
    return color.chroma(np.asarray(_rgb_of(wanted), np.float32) / np.float32(255.0))


def hex_of(wanted: RGB | str) -> str:
    """A color as ``"#rrggbb"``; see :func:`chroma_of`."""
    return "#{:02x}{:02x}{:02x}".format(*_rgb_of(wanted))


def _rgb_of(wanted: object) -> list[int]:
    values: list[object] = []
    if isinstance(wanted, str):
        if _HEX.fullmatch(wanted):
            values = [int(wanted[i : i + 2], 16) for i in (1, 3, 5)]
    elif isinstance(wanted, Sequence | np.ndarray):
        values = list(wanted)
    # Not fractions of 1, which would be almost black.
    rgb = [int(v) for v in values if isinstance(v, int | np.integer) and 0 <= v <= 255]
    if len(values) != 3 or len(rgb) != 3:
        raise ValueError(
            "color must be '#rrggbb', or red, green and blue as whole numbers in 0 to 255. "
            f"Received: {wanted!r}"
        )
    return rgb


@dataclass(frozen=True)
class Anchors:
    """Places whose chroma is known.

    Attributes:
        places: indices into the flattened grid, int ``(K,)``.
        chroma: Cb and Cr wanted there, float32 ``(K, 2)``.
        doubt: variance of what is known, relative to that of what is not, float32 ``(K,)``: 0 is
            certain, 1 weighs as little as the network's own guess.
    """

    places: np.ndarray
    chroma: np.ndarray
    doubt: np.ndarray


def anchors_of(hints: Sequence[Hint | Region], height: int, width: int) -> Anchors:
    """Hints and regions as anchors on a grid of this size; the later of two at one place counts.

    Raises:
        TypeError: they are no list of hints and regions.
    """
    check_list("hints", hints, Hint, Region)
    wanted: dict[int, np.ndarray] = {}
    for hint in hints:
        inside = np.flatnonzero(hint.covers(height, width))
        step = max(1, math.ceil(len(inside) / MOST_PLACES))
        for place in inside[step // 2 :: step]:
            wanted.pop(int(place), None)
            wanted[int(place)] = chroma_of(hint.color)
    places = list(wanted)[-MOST_ANCHORS:]
    chroma = np.asarray([wanted[place] for place in places], np.float32).reshape(-1, 2)
    return Anchors(np.asarray(places, int), chroma, np.zeros(len(places), np.float32))


def join_anchors(strong: Anchors, weak: Anchors) -> Anchors:
    """Both, without those of ``weak`` at places of ``strong``."""
    keep = ~np.isin(weak.places, strong.places)
    return Anchors(
        np.concatenate([strong.places, weak.places[keep]]),
        np.concatenate([strong.chroma, weak.chroma[keep]]),
        np.concatenate([strong.doubt, weak.doubt[keep]]),
    )


class Likeness:
    """How alike the places of a photograph are, on a grid of half the network's size.

    Attributes:
        shape: of the grid.
        alike: of every place, flattened, float32 ``(h * w, d)``: Euclidean distance is unlikeness.
        matter: the same without the position, for comparing photographs.

    Args:
        luminance: of the grid, in [0, 1], float32 ``(h, w)``.
        features: of the network at two sizes, the coarser first, on the grid, float32
            ``(h, w, c)`` each; none leaves luminance and position.
    """

    def __init__(self, luminance: np.ndarray, features: Sequence[np.ndarray]) -> None:
        height, width = self.shape = luminance.shape
        places = np.indices(self.shape).astype(np.float32) / min(height, width)
        y = luminance[None]
        matter = [y / LUMINANCE]
        for feature, scale in zip(features, (COARSE, FINE)):
            spread_ = feature.std() + 1e-6  # about 1 behind a normalization
            matter.append(
                np.moveaxis(feature, -1, 0) / (scale * spread_ * feature.shape[-1] ** 0.5)
            )
        alike = [*matter, places / DISTANCE]
        near = [y / NEAR_LUMINANCE, places / NEAR]
        self.alike, self._near = (
            np.concatenate(parts).reshape(-1, height * width).T.astype(np.float32)
            for parts in (alike, near)
        )
        self.matter = self.alike[:, :-2]
        self._halves, self._near_halves = _halves(self.alike), _halves(self._near)
        self._unlike: list[int] = []
        self._to_unlike = np.full(height * width, np.inf, np.float32)

    def between(
        self, places: np.ndarray, others: np.ndarray | slice, strictness: float = 1.0
    ) -> np.ndarray:
        """The kernel of every pair, 1 where alike and near, float32 ``(len(others), K)``.

        Args:
            places: indices into the flattened grid, int ``(K,)``.
            others: the same, or a slice of them.
            strictness: how many times as alike two places must be for as much.
        """
        wide, narrow = (
            _gauss(points[others], points[places], halves[others], halves[places], factor)
            for points, halves, factor in (
                (self.alike, self._halves, strictness**2),
                (self._near, self._near_halves, 1.0),
            )
        )
        return (1.0 - NEAR_SHARE) * wide + NEAR_SHARE * narrow

    def across(self, places: np.ndarray, other: "Likeness") -> np.ndarray:
        """How alike places of this photograph are to all of another, seen by the same network.

        Args:
            places: indices into this grid, flattened, int ``(K,)``.
            other: of another photograph; of a film, another frame of the shot.

        Returns:
            float32 ``(h * w, K)`` of the other's grid, 1 where alike.
        """
        return _gauss(other.alike, self.alike[places], other._halves, self._halves[places])

    def unlike(self, count: int) -> np.ndarray:
        """Places that stand for all others: each the one most unlike those before it.

        Returns:
            Indices into the flattened grid, int ``(count,)``, or as many as there are.
        """
        points = self.alike
        if not self._unlike:
            self._unlike = [int(np.argmin(np.square(points - points.mean(axis=0)).sum(axis=1)))]
        while len(self._unlike) < min(count, len(points)):
            distance = np.square(points - points[self._unlike[-1]]).sum(axis=1)
            np.minimum(self._to_unlike, distance, out=self._to_unlike)
            self._unlike.append(int(np.argmax(self._to_unlike)))
        return np.asarray(self._unlike[:count])


def spread(chroma: np.ndarray, likeness: Likeness, anchors: Anchors) -> np.ndarray:
    """Chroma that obeys anchors where they are, and follows them where the photograph is alike.

    Args:
        chroma: Cb and Cr as the network painted them, on the grid, float32 ``(h, w, 2)``.
        likeness: of the photograph.
        anchors: what is known.

    Returns:
        float32 ``(h, w, 2)``.
    """
    if not len(anchors.places):
        return chroma
    flat = chroma.reshape(-1, 2)
    alike = likeness.between(anchors.places, anchors.places)
    # How many of them say something of their own: the participation ratio of the kernel's spectrum.
    independent = np.trace(alike) ** 2 / np.square(alike).sum()
    strictness = 1.0 + STRICTER / float(independent)
    system = likeness.between(anchors.places, anchors.places, strictness).astype(np.float64)
    system[np.diag_indices_from(system)] += JITTER + anchors.doubt
    weights = np.linalg.solve(system, anchors.chroma - flat[anchors.places]).astype(np.float32)
    change = likeness.between(anchors.places, slice(None), strictness) @ weights
    return (flat + change).reshape(chroma.shape).astype(np.float32)


def _halves(points: np.ndarray) -> np.ndarray:
    """Half the squared length of every row."""
    return np.float32(0.5) * np.square(points).sum(axis=1)


def _gauss(
    a: np.ndarray, b: np.ndarray, half_a: np.ndarray, half_b: np.ndarray, factor: float = 1.0
) -> np.ndarray:
    """exp(-factor |a - b|² / 2) of every pair of rows, ``(n, d)`` and ``(k, d)`` to ``(n, k)``.

    ``half_a`` and ``half_b`` are of :func:`_halves`, which for a photograph never change.
    """
    exponent = a @ b.T
    exponent -= half_a[:, None]
    exponent -= half_b
    exponent *= np.float32(factor)
    return np.exp(np.minimum(exponent, 0.0, out=exponent), out=exponent)
