"""Photographs that show alike things get alike colors: what an album agrees on.

Each photograph is looked at once, and what is kept of it is a :class:`Note`: by what each of its
places is recognized, what was painted there, and how sure that is. Then each place takes the mean
of what was painted at its like in the photographs that show the same, weighted by how sure the
network is of each; so two photographs of one house meet, the surer one moving less. A color that a
person chose, and that of a color photograph, is sure. What has no like stays as it was painted.
"""

import hashlib
import json
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from keras_colorize.coloring.correspondence import DIMENSIONS, Matches, Traits, match
from keras_colorize.coloring.painting import Painting
from keras_colorize.coloring.upsampling import carry_along

__all__ = ["SURE", "USUAL", "Agreement", "Album", "Note", "precision_of"]

#: One over the variance of chroma: of what a person chose, or a color photograph shows.
SURE = 25_000.0
#: The same of what a network painted that doesn't know how sure it is.
USUAL = 250.0

_LEAST_VARIANCE = 1e-3
_CANDIDATES = 24  # photographs that are compared place by place
_PARTNERS = 12  # of which the mean is taken
# In the file: descriptions, chroma and precision of each place.
_DTYPES = (np.float16, np.float32, np.float32)
_WIDTHS = (DIMENSIONS, 2, 1)


@dataclass(frozen=True)
class Note:
    """What an album keeps of a photograph.

    Attributes:
        traits: what it is recognized by.
        chroma: Cb and Cr at its places, float32 ``(n, 2)``.
        precision: one over their variance, float32 ``(n,)``.
    """

    traits: Traits
    chroma: np.ndarray
    precision: np.ndarray


@dataclass(frozen=True)
class Agreement:
    """What the rest of an album makes of a photograph's colors.

    Attributes:
        change: of Cb and Cr at its places, float32 ``(rows, columns, 2)``.
        sources: names of the photographs whose colors it follows, sorted.
    """

    change: np.ndarray
    sources: tuple[str, ...]

    @property
    def digest(self) -> str:
        """SHA-256 of the sources: it is the same where the colors are."""
        return hashlib.sha256(json.dumps(self.sources).encode()).hexdigest()

    def apply(self, painting: Painting) -> Painting:
        """What was painted, changed."""
        return painting.with_chroma(painting.chroma + carry_along(self.change, painting.luminance))


@dataclass(frozen=True)
class _Place:
    """Where a note lies in the file, and what is needed of it to decide whether to read it."""

    offset: int
    shape: tuple[int, int]
    is_source: bool


class Album:
    """Notes of photographs, by name; safe for several threads.

    What is kept in memory of each is 1.5 kB. The rest, 90 kB each, lies in a file without a name,
    which goes when this is closed::

        with Album() as album:
            album.add("kitchen", colorizer.note(luminance))

    Args:
        folder: where there is room for that file; by default that of temporary files.

    Raises:
        OSError: it cannot be written.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
        self._lock = threading.Lock()
        self._places: dict[str, _Place] = {}
        self._wholes: dict[str, np.ndarray] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def add(self, name: str, note: Note, *, is_source: bool = True) -> None:
        """Keep a note, unless there is one of that name.

        Args:
            name: that tells its content apart from others', such as the file's SHA-256.
            note: of the photograph.
            is_source: whether others may follow its colors.
        """
        content = b"".join(
            np.ascontiguousarray(array, dtype).tobytes()
            for array, dtype in zip(
                (note.traits.places, note.chroma, note.precision), _DTYPES, strict=True
            )
        )
        with self._lock:
            if name in self._places:
                return
            offset = self._file.seek(0, 2)
            self._file.write(content)
            self._places[name] = _Place(offset, note.traits.shape, is_source)
            self._wholes[name] = note.traits.whole.astype(np.float32)

    def agreement(self, name: str) -> Agreement | None:
        """What the others say of a photograph's colors; None where none shows the same.

        It depends on the photographs alone, not on the order in which they came.
        """
        if name not in self._places:
            return None
        note = self._read(name)
        found: list[tuple[float, str, Note, Matches]] = []
        for other in self._nearest(name):
            theirs = self._read(other)
            matches = match(note.traits, theirs.traits)
            if matches.belief.any():
                found.append((-matches.share, other, theirs, matches))
        if not found:
            return None
        partners = sorted(found, key=lambda each: each[:2])[:_PARTNERS]
        change = _agree(note, [(theirs, matches) for *_, theirs, matches in partners])
        return Agreement(
            change.reshape(*note.traits.shape, 2), tuple(sorted(other for _, other, *_ in partners))
        )

    def _nearest(self, name: str) -> list[str]:
        with self._lock:
            others = sorted(x for x, place in self._places.items() if place.is_source and x != name)
            wholes = [self._wholes[other] for other in others]
        if not others:
            return []
        alike = np.stack(wholes) @ self._wholes[name]
        return [others[index] for index in np.argsort(-alike, kind="stable")[:_CANDIDATES]]

    def _read(self, name: str) -> Note:
        with self._lock:
            place = self._places[name]
            count = place.shape[0] * place.shape[1]
            self._file.seek(place.offset)
            arrays = [
                np.frombuffer(self._file.read(count * width * np.dtype(dtype).itemsize), dtype)
                for width, dtype in zip(_WIDTHS, _DTYPES, strict=True)
            ]
            whole = self._wholes[name]
        places, chroma, precision = arrays
        return Note(
            Traits(places.reshape(count, -1), whole, place.shape),
            chroma.reshape(count, 2),
            precision,
        )


def precision_of(shares: np.ndarray | None, bins: np.ndarray, places: int) -> np.ndarray:
    """One over the variance of the likely colors, float32 ``(n,)``.

    Args:
        shares: of the bins, float32 ``(n, b)``; None where the generator does not know.
        bins: their Cb and Cr, float32 ``(b, 2)``.
        places: how many there are.
    """
    if shares is None:
        return np.full(places, USUAL, np.float32)
    variance = shares @ np.square(bins).sum(axis=1) - np.square(shares @ bins).sum(axis=1)
    return (1.0 / (np.maximum(variance, 0.0) + _LEAST_VARIANCE)).astype(np.float32)


def _agree(note: Note, others: list[tuple[Note, Matches]]) -> np.ndarray:
    """The change of each place of a photograph, float32 ``(n, 2)``."""
    total = note.precision[:, None] * note.chroma
    weights = note.precision.copy()
    belief = np.zeros_like(weights)
    for other, matches in others:
        chroma = (matches.weights[..., None] * other.chroma[matches.places]).sum(axis=1)
        precision = (matches.weights * other.precision[matches.places]).sum(axis=1)
        weight = matches.belief * precision
        total += weight[:, None] * chroma
        weights += weight
        np.maximum(belief, matches.belief, out=belief)
    change = total / weights[:, None] - note.chroma
    return (np.sqrt(belief)[:, None] * change).astype(np.float32)
