"""The photographs on the desk: where they lie, what was done with them, how they look small."""

import hashlib
import io
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path, PurePath
from typing import Literal

import numpy as np
from PIL import Image

from keras_colorize.coloring.decisions import Decisions
from keras_colorize.coloring.decisions_folder import REFERENCES, decisions_path, has_decisions
from keras_colorize.coloring.given import true_chroma
from keras_colorize.coloring.report import read_report, report_path
from keras_colorize.coloring.tasks import Shard, Task, find_tasks
from keras_colorize.errors import ConfigError, PhotoError
from keras_colorize.files import atomic_path, escape_name, hash_file
from keras_colorize.metadata.provenance import read_provenance
from keras_colorize.photos.formats import PHOTO_SUFFIXES
from keras_colorize.photos.reading import read_photo
from keras_colorize.studio.remembered import Remembered

__all__ = ["Album", "State"]

#: ``changed``: decided otherwise than the result that is there, if one is; ``corrected``: colored
#: with colors that a person chose.
State = Literal["new", "changed", "colored", "corrected", "failed"]

UPLOADED = "uploaded"  # folder in the output folder

_THUMBNAIL = 160  # pixels of the shorter side
_THUMBNAILS_KEPT = 4000  # of some 6 KB
_THUMBNAILS_AT_ONCE = 2  # so that a click on the photograph does not wait for them


@dataclass(frozen=True)
class Summary:
    """A photograph as the album lists it.

    Attributes:
        id: what the page calls it.
        name: path of its result within the output folder.
        state: what was done with it.
        reason: why it failed.
        version: changes when it looks otherwise.
    """

    id: str
    name: str
    state: State
    reason: str
    version: int


class Album:
    """Photographs in given folders, results and decisions in another. Safe for several threads.

    The page names a photograph by an ``id`` that stands for one of these; no path comes from it.
    What was decided and what was made belong to a photograph by its content: those of another one,
    which had its name before, are left alone.

    Args:
        photos: files and folders; none is an empty album, to which files can be uploaded.
        output: folder for results, decisions, and in ``uploaded/`` what is uploaded.
        max_pixels: photographs with more are refused.

    Raises:
        DataError: as of :func:`~keras_colorize.coloring.tasks.find_tasks`.
        RunError: its ``report.csv`` is none.
    """

    def __init__(self, photos: Sequence[str | Path], output: Path, max_pixels: int) -> None:
        self.output = output
        self._photos = list(photos)
        self._max_pixels = max_pixels
        self._failures: dict[str, str] = {}
        self._reported: dict[str, tuple[str, str]] = {}  # source and hash of what a result is of
        self._hashes = Remembered(_hash)
        self._originals = Remembered(_original)
        self._thumbnails: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._few = threading.Semaphore(_THUMBNAILS_AT_ONCE)
        self._lock = threading.Lock()
        self._deciding = threading.Lock()  # from reading a file of decisions to writing it
        self._tasks = self._find()
        places = {_absolute(output / task.relative): task for task in self._tasks.values()}
        for row in read_report(report_path(output, Shard())):
            task = places.get(os.path.abspath(row["output"] or ""))
            if task is not None:
                self._recall(task, row)

    def _find(self) -> dict[str, Task]:
        uploaded = self.output / UPLOADED
        named = [*self._photos, *([uploaded] if uploaded.is_dir() else [])]
        tasks = find_tasks(named, self.output) if named else []
        return {_identify(self.output / task.relative, self.output): task for task in tasks}

    def __getitem__(self, id_: str) -> Task:
        """The photograph that the page calls so.

        Raises:
            KeyError: there is none.
        """
        return self._tasks[id_]

    @property
    def tasks(self) -> list[Task]:
        """All of them, in order."""
        return list(self._tasks.values())

    def _recall(self, task: Task, row: Mapping[str, str]) -> None:
        """Take over what the report of an earlier run says of a result's place."""
        failed = row["status"] == "failed"
        if not failed:
            id_ = _identify(self.output / task.relative, self.output)
            self._reported[id_] = row["source"], row["input_sha256"]
        if _is_named(task.source, row["source"]):
            self.report(task, row["reason"] if failed else "")

    def report(self, task: Task, reason: str) -> None:
        """Keep why a photograph failed; an empty text: it did not."""
        self._failures[_identify(self.output / task.relative, self.output)] = reason

    def list(self) -> list[Summary]:
        """What the album shows."""
        return [self._summarize(id_, task) for id_, task in self._tasks.items()]

    def _summarize(self, id_: str, task: Task) -> Summary:
        result, reason = 0, self._failures.get(id_, "")
        state: State = "new"
        try:
            photo, has_result = self._look(id_, task)
            result = _time(self.output / task.relative) if has_result else 0
            path = photo and decisions_path(self.output, task.relative, photo)
            decided = _time(path) if path else 0
            if decided > result:
                state = "changed"
            elif result:
                chosen = path and decided and Decisions.load(path).chosen_colors is not None
                state = "corrected" if chosen else "colored"
        except (ConfigError, PhotoError) as error:
            reason = reason or str(error)
        if reason:
            state = "failed"
        return Summary(id_, task.relative.as_posix(), state, reason, result or _time(task.source))

    # -- which file it is ---------------------------------------------------------------------

    def hash(self, task: Task) -> str:
        """SHA-256 of a photograph's file.

        Raises:
            PhotoError: it cannot be read.
        """
        return self._hashes(task.source)

    def has_result(self, task: Task, photo: str) -> bool:
        """Whether the file in the place of a photograph's result was made of it.

        Args:
            task: the photograph.
            photo: its SHA-256.

        Raises:
            PhotoError: the file cannot be read.
        """
        result = self.output / task.relative
        return result.is_file() and self._originals(result) == photo

    def _look(self, id_: str, task: Task) -> tuple[str | None, bool]:
        """As the list needs it: SHA-256 of a photograph, and whether its result is there.

        No file is read where the report names it and it was not written since, or where nothing
        lies in its place (None): of an archive, that would take minutes.
        """
        result = self.output / task.relative
        if not self._hashes.holds(task.source):
            source, photo = self._reported.get(id_, ("", ""))
            if _is_named(task.source, source) and _changed(task.source) <= _time(result):
                return photo, True
            if not result.exists() and not has_decisions(self.output, task.relative):
                return None, False
        photo = self.hash(task)
        return photo, self.has_result(task, photo)

    # -- what was decided ---------------------------------------------------------------------

    def decisions(self, task: Task, photo: str) -> Decisions | None:
        """What was decided about a photograph.

        Args:
            task: the photograph.
            photo: its SHA-256.

        Raises:
            ConfigError: the file is damaged.
        """
        path = decisions_path(self.output, task.relative, photo)
        return Decisions.load(path) if path.exists() else None

    def decide(
        self, task: Task, initial: Decisions, change: Callable[[Decisions], Decisions]
    ) -> None:
        """Change what was decided, on the disk; of several changes at once, none is lost.

        Args:
            task: the photograph.
            initial: what holds where nothing was decided about it.
            change: gives the new decisions for those that are there.

        Raises:
            ConfigError: the file is damaged.
            OSError: it cannot be written.
        """
        with self._deciding:
            decided = self.decisions(task, initial.photo) or initial
            changed = change(decided)
            if changed == decided:
                return
            changed.save(decisions_path(self.output, task.relative, changed.photo))
        self.report(task, "")

    def add_reference(self, name: str, content: bytes) -> str:
        """Take a color photograph in that others are to follow; its SHA-256.

        Raises:
            PhotoError: it is no photograph, or has too many pixels, or no color.
            OSError: it cannot be written.
        """
        suffix = _check_name(name)[1]
        digest = hashlib.sha256(content).hexdigest()
        path = self.output / REFERENCES / (digest + suffix.lower())
        self._write(path, content, true_chroma)
        return digest

    def _write(
        self, path: Path, content: bytes, check: Callable[[np.ndarray], object] | None = None
    ) -> None:
        """Write what was uploaded, if it can be used; what cannot is not left lying there."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary:
            temporary.write_bytes(content)
            rgb = read_photo(temporary, short_side=_THUMBNAIL, max_pixels=self._max_pixels)
            if check is not None:
                check(rgb)

    # -- small pictures -----------------------------------------------------------------------

    def thumbnail(self, task: Task) -> bytes:
        """The result, or the gray photograph where there is none, small, as JPEG.

        Raises:
            PhotoError: it cannot be read.
        """
        result = self.output / task.relative
        there = self._look(_identify(result, self.output), task)[1]
        shown = result if there else task.source
        key = str(shown), _time(shown)
        with self._lock:
            if key in self._thumbnails:
                self._thumbnails.move_to_end(key)
                return self._thumbnails[key]
        with self._few:
            rgb = read_photo(shown, short_side=_THUMBNAIL, max_pixels=self._max_pixels)
        image = Image.fromarray(rgb)
        image.thumbnail((2 * _THUMBNAIL, 2 * _THUMBNAIL))
        buffer = io.BytesIO()
        (image if there else image.convert("L")).save(buffer, "JPEG", quality=80)
        with self._lock:
            self._thumbnails[key] = buffer.getvalue()
            while len(self._thumbnails) > _THUMBNAILS_KEPT:
                self._thumbnails.popitem(last=False)
        return buffer.getvalue()

    # -- uploads ------------------------------------------------------------------------------

    def add(self, name: str, content: bytes) -> str:
        """Take a file in, under its own name or a numbered one; what the page is to call it.

        Args:
            name: as it was called elsewhere; only its last part is used.
            content: of the file.

        Raises:
            PhotoError: it is no photograph, or has too many pixels.
            OSError: it cannot be written.
        """
        stem, suffix = _check_name(name)
        with self._lock:
            taken = {task.relative.with_suffix("").as_posix().casefold() for task in self.tasks}
            names = (stem + (f"_{number}" if number > 1 else "") for number in count(1))
            free = next(name for name in names if name.casefold() not in taken)
            path = self.output / UPLOADED / (free + suffix)
            self._write(path, content)
            self._tasks = self._find()
            # Not any new one: others may have come into the folders meanwhile.
            alike = (id_ for id_, task in self._tasks.items() if task.source.name == path.name)
            place = os.path.realpath(path)
            return next(id_ for id_ in alike if os.path.realpath(self[id_].source) == place)


def _check_name(name: str) -> tuple[str, str]:
    """Stem and suffix of a file's name, whatever path it comes with."""
    name = PurePath(name.replace("\\", "/")).name.lstrip(".")
    suffix = PurePath(name).suffix
    if suffix.lower() not in PHOTO_SUFFIXES or "\0" in name or len(name.encode()) > 200:
        raise PhotoError(f"{name[:200]}: not the name of a photograph")
    return name.removesuffix(suffix), suffix


def _identify(result: Path, output: Path) -> str:
    relative = result.relative_to(output) if result.is_relative_to(output) else result
    return hashlib.sha256(str(relative).encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _time(path: Path) -> int:
    """When a file was written, in nanoseconds; 0 where there is none."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _changed(path: Path) -> int:
    """When a file was last written, or put in another's place, in nanoseconds; 0: there is none."""
    try:
        return path.stat().st_ctime_ns
    except OSError:
        return 0


def _hash(photo: Path) -> str:
    try:
        return hash_file(photo)
    except OSError as error:
        raise PhotoError(f"unreadable: {error.strerror}") from error


def _original(result: Path) -> str | None:
    """SHA-256 of what a result was made of; None of what is no result."""
    provenance = read_provenance(result)
    return None if provenance is None else provenance.input_hash


def _is_named(photo: Path, name: str) -> bool:
    """Whether a report names this photograph, by an absolute path or a relative one."""
    return bool(name) and os.path.abspath(name) == _absolute(photo)


def _absolute(path: Path) -> str:
    """Its absolute path, as a report has it."""
    return escape_name(os.path.abspath(path))
