"""Key frames that a person corrected in the studio, and what they mean for the rest of their shot.

Beside a film's result, a still of each shot can be written. What is decided about a still in the
studio is a file as for any photograph; it is found by the still's content. What it changed is
carried to the other key frames of the shot in two ways: to what is alike by the network's features,
as a hint is within a photograph (:mod:`keras_colorize.coloring.hints`), and along the motion, since
the corrected frame counts for many paintings.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_colorize.coloring.colorizer import Colorizer
from keras_colorize.coloring.decided import begin_session
from keras_colorize.coloring.decisions import Decisions
from keras_colorize.coloring.hints import Likeness
from keras_colorize.coloring.reduction import resize_planes
from keras_colorize.coloring.session import Session
from keras_colorize.errors import VideoError
from keras_colorize.photos.reading import read_luminance
from keras_colorize.video.stills import Still, read_stills

__all__ = [
    "Correction",
    "Corrector",
    "describe_corrections",
    "describe_looks",
    "find_corrections",
]

_TRUST = 200.0  # paintings that a corrected frame counts for
_PLACES = 160  # of a corrected frame, from which its change is carried
_DOUBT = 1e-3  # of the variance, for a well-conditioned system


@dataclass(frozen=True)
class Correction:
    """What was decided about a shot.

    Attributes:
        still: the frame on which.
        picture: of that frame.
        decisions: what was decided.
        references: folder in whose ``references/`` lie the photographs that it may name.
    """

    still: Still
    picture: Path
    decisions: Decisions
    references: Path


def find_corrections(
    folder: Path,
    decided: Callable[[str, Path], Decisions | None],
    references: Path,
) -> list[Correction]:
    """What was decided about the shots of a film, in order.

    Args:
        folder: of its stills; need not exist.
        decided: as ``DecisionsFolder.find``.
        references: see :class:`Correction`.

    Raises:
        VideoError: the list of stills is damaged, or a still is missing.
    """
    found = []
    for still in read_stills(folder):
        decisions = decided(still.sha256, Path(still.file))
        if decisions is None or not (decisions.chosen_colors or decisions.look):
            continue
        picture = folder / still.file
        if not picture.is_file():
            raise VideoError(f"the still {picture} is missing, about which colors were decided")
        found.append(Correction(still, picture, decisions, references))
    return found


def describe_corrections(corrections: Sequence[Correction]) -> str | None:
    """SHA-256 of the colors that were chosen for a film, for its provenance; None for none."""
    told = [
        [c.still.number, c.decisions.chosen_colors, c.decisions.saturation]
        for c in corrections
        if c.decisions.chosen_colors is not None
    ]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest() if told else None


def describe_looks(corrections: Sequence[Correction]) -> dict[str, str]:
    """The looks that were decided, by the first frames of their shots, for the provenance."""
    return {str(c.still.first): c.decisions.look for c in corrections if c.decisions.look}


@dataclass(frozen=True)
class _Change:
    """What a correction changed, ready to be carried.

    Attributes:
        still: where.
        chroma: of the corrected frame, float32 ``(h, w, 2)``.
        likeness: of that frame.
        places: on its grid, from which the change is carried.
        weights: of the kernel at each, float32 ``(K, 2)``.
    """

    still: Still
    chroma: np.ndarray
    likeness: Likeness
    places: np.ndarray
    weights: np.ndarray


class Corrector:
    """Colors the key frames of corrected shots.

    Args:
        colorizer: what paints.
        corrections: of one film.
        size: height and width of the chroma.
    """

    def __init__(
        self, colorizer: Colorizer, corrections: Sequence[Correction], size: tuple[int, int]
    ) -> None:
        self._colorizer = colorizer
        self._corrections = [c for c in corrections if c.decisions.chosen_colors is not None]
        self._looks = [c for c in corrections if c.decisions.look]
        self._size = size
        self._changes: dict[int, _Change] = {}

    def wants(self, number: int) -> bool:
        """Whether a frame was corrected, and must be a key frame."""
        return any(c.still.number == number for c in self._corrections)

    def look(self, number: int) -> str:
        """What the colors of a frame become: as decided about its shot, or as for the film."""
        ours = _of_shot(self._looks, number)
        nearest = min(ours, key=lambda c: abs(c.still.number - number), default=None)
        decided = None if nearest is None else nearest.decisions.look
        return decided or self._colorizer.look

    @property
    def looks(self) -> set[str]:
        """All that :meth:`look` may say."""
        return {self._colorizer.look} | {c.decisions.look for c in self._looks if c.decisions.look}

    def paint(self, number: int, luminance: np.ndarray) -> tuple[np.ndarray, float]:
        """The chroma of a key frame, and how many paintings it counts for.

        Key frames are painted in order: what was prepared for a shot is dropped behind it.

        Args:
            number: of the frame.
            luminance: of it, in [0, 255], uint8 ``(h, w)``.

        Returns:
            float32 ``(h, w, 2)``, and 1 but for corrected frames.
        """
        self._changes = {n: c for n, c in self._changes.items() if c.still.last >= number}
        ours = _of_shot(self._corrections, number)
        if not ours:
            return self._colorizer.paint(luminance).chroma, 1.0
        changes = [self._change(c) for c in ours]
        for change in changes:
            if change.still.number == number:
                return change.chroma, _TRUST
        session = Session(self._colorizer, luminance)
        near = np.array([1.0 / abs(c.still.number - number) for c in changes])
        carried = [
            share * change.likeness.across(change.places, session.likeness) @ change.weights
            for share, change in zip(near / near.sum(), changes)
        ]
        grid = np.sum(carried, axis=0).astype(np.float32).reshape(*session.likeness.shape, 2)
        return session.plain.chroma + self._resize(grid), 1.0

    def _change(self, correction: Correction) -> _Change:
        number = correction.still.number
        if number not in self._changes:
            self._changes[number] = self._prepare(correction)
        return self._changes[number]

    def _prepare(self, correction: Correction) -> _Change:
        decisions, colorizer = correction.decisions, self._colorizer
        luminance = read_luminance(correction.picture)
        seen = Session(colorizer, luminance)
        decided = begin_session(colorizer, luminance, decisions, correction.references)
        painted = decided.paint(decisions.regions, decisions.proposal).chroma
        # The film's own saturation comes on top of both.
        stronger = decisions.saturation / max(colorizer.saturation, 1e-6)
        chroma = self._resize(painted) * np.float32(stronger)
        change = chroma - self._resize(seen.plain.chroma)
        height, width = seen.likeness.shape
        on_grid = np.moveaxis(resize_planes(np.moveaxis(change, -1, 0), height, width), 0, -1)
        places = seen.likeness.unlike(_PLACES)
        # And where most was changed, which may be small.
        strongest = np.argsort(np.square(on_grid).sum(axis=-1).ravel())[-_PLACES // 4 :]
        places = np.union1d(places, strongest)
        system = seen.likeness.across(places, seen.likeness)[places].astype(np.float64)
        system[np.diag_indices_from(system)] += _DOUBT
        weights = np.linalg.solve(system, on_grid.reshape(-1, 2)[places])
        return _Change(correction.still, chroma, seen.likeness, places, weights.astype(np.float32))

    def _resize(self, chroma: np.ndarray) -> np.ndarray:
        planes = resize_planes(np.moveaxis(chroma, -1, 0), *self._size)
        return np.moveaxis(planes, 0, -1)


def _of_shot(corrections: Sequence[Correction], number: int) -> list[Correction]:
    """Those of the shot that a frame belongs to."""
    return [c for c in corrections if c.still.first <= number <= c.still.last]
