"""The parts of a film that are done, on the disk, until the film is."""

import dataclasses
import json
import shutil
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from keras_colorize.files import atomic_path
from keras_colorize.metadata.provenance import Provenance
from keras_colorize.video.decoding import Place
from keras_colorize.video.joining import Piece
from keras_colorize.video.steadying import Carry

__all__ = ["Done", "KeptParts"]

_LOCK = "lock"


@dataclass(frozen=True)
class Done:
    """A part that is coded.

    Attributes:
        start: the number of its first frame.
        count: of its frames.
        shot: its number.
        ends_shot: whether the next part belongs to another one.
        pts: of its first frame, in the film's ticks.
        next_pts: of the frame behind its last; None at the end of the film.
        colored: key frames in which the source has color of its own.
        keys: how many there are.
        counted: of the place behind it, see :class:`~keras_colorize.video.decoding.Place`.
    """

    start: int
    count: int
    shot: int
    ends_shot: bool
    pts: int
    next_pts: int | None
    colored: int
    keys: int
    counted: bool


class KeptParts:
    """A hidden folder beside a result, with the parts of it that are complete.

    A part is complete once its description is there, which is written last.

    Args:
        target: the result.
    """

    def __init__(self, target: Path) -> None:
        self._folder = target.with_name(f".{target.name}.parts")
        self.done: list[Done] = []

    @property
    def lock(self) -> Path:
        """A file to lock against other processes; makes the folder."""
        self._folder.mkdir(exist_ok=True)
        return self._folder / _LOCK

    @property
    def copy(self) -> Path:
        """Where a copy of the film goes, if it takes one to read it."""
        return self._folder / "film.mkv"

    def load(self, provenance: Provenance) -> None:
        """Take up what an earlier call has done, if it would be the same now."""
        key = json.dumps(dataclasses.asdict(provenance), sort_keys=True)
        said = self._folder / "work.json"
        if not said.exists() or said.read_text(encoding="utf-8") != key:
            for file in self._folder.iterdir():
                if file.name != _LOCK:
                    file.unlink()
            with atomic_path(said) as temporary:
                temporary.write_text(key, encoding="utf-8")
        while (told := self._path(".json")).exists():
            self.done.append(Done(**json.loads(told.read_text(encoding="utf-8"))))

    def forget(self) -> None:
        """Drop all parts, to begin with the first."""
        self.done.clear()
        for file in self._folder.glob("[0-9]*"):
            file.unlink()

    @property
    def next_file(self) -> Path:
        """Where the pictures of the next part go."""
        return self._path(".nut")

    def keep(self, part: Done, carry: Carry | None) -> None:
        """The next part is complete.

        Args:
            part: which it is.
            carry: for the one after it, if that is of the same shot.
        """
        if carry is not None:
            with atomic_path(self._path(".npz")) as temporary:
                np.savez(temporary, luminance=carry.luminance, chroma=carry.chroma)
        with atomic_path(self._path(".json")) as temporary:
            temporary.write_text(json.dumps(dataclasses.asdict(part)), encoding="utf-8")
        self.done.append(part)

    @property
    def place(self) -> Place | None:
        """Where to go on in the film; None at its end."""
        if not self.done:
            return Place(0, 0)
        last = self.done[-1]
        if last.next_pts is None:
            return None
        return Place(last.start + last.count, last.next_pts, last.counted)

    def carry(self) -> Carry | None:
        """What the last part hands to the next; None where a shot ends."""
        if not self.done or self.done[-1].ends_shot:
            return None
        with np.load(self._path(".npz", len(self.done) - 1)) as kept:
            return Carry(kept["luminance"], kept["chroma"])

    def pieces(self) -> list[Piece]:
        """All parts, as they are joined."""
        return [
            Piece(self._path(".nut", number), part.pts, part.count)
            for number, part in enumerate(self.done)
        ]

    def shots(self) -> list[tuple[int, int]]:
        """The first and the last frame of each shot."""
        shots = []
        for _, parts in groupby(self.done, key=lambda part: part.shot):
            first, *_, last = [*parts] * 2
            shots.append((first.start, last.start + last.count - 1))
        return shots

    @property
    def frames(self) -> int:
        """How many frames are done."""
        return sum(part.count for part in self.done)

    def remove(self) -> None:
        """All is done, and in the result."""
        shutil.rmtree(self._folder)

    def _path(self, suffix: str, number: int | None = None) -> Path:
        number = len(self.done) if number is None else number
        return self._folder / f"{number:06d}{suffix}"
