"""Which photographs are to be colored, and which file each becomes."""

import dataclasses
import functools
import hashlib
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from keras_colorize.errors import ConfigError, DataError
from keras_colorize.files import fit_name, temporary_ending
from keras_colorize.photos.finding import find_photos
from keras_colorize.photos.formats import FORMATS, suffix_of
from keras_colorize.photos.writing import WRITABLE

__all__ = ["Shard", "Sheet", "Task", "clear_leftovers", "find_tasks", "name_results"]

#: What can be written beside a result, each kind in a folder of this name.
Sheet = Literal["certainty", "compare", "proposals", "sizes"]

_SHEETS: dict[Sheet, str] = {
    "certainty": ".png",
    "compare": ".jpg",
    "proposals": ".jpg",
    "sizes": ".jpg",
}

_TEMPORARY = re.compile(r"\.[0-9a-f]{12}-(?P<ending>.*)", re.DOTALL)  # as `files.atomic_path` names


@dataclass(frozen=True)
class Task:
    """A photograph and what becomes of it.

    Attributes:
        source: the photograph.
        relative: path of the result within the output folder.
        format: of the result, one of :data:`~keras_colorize.photos.writing.WRITABLE`.
    """

    source: Path
    relative: Path
    format: str

    def sheet(self, kind: Sheet) -> Path:
        """Path of a picture beside the result, within the output folder.

        The result's own ending stays, so that names stay apart.
        """
        name = fit_name(self.relative.name, _SHEETS[kind])
        return Path(kind, self.relative.parent, name)

    @property
    def all_files(self) -> tuple[Path, ...]:
        """All that can become of it, within the output folder."""
        return (self.relative, *map(self.sheet, _SHEETS))


@dataclass(frozen=True)
class Shard:
    """One machine's part of the work: the photographs whose names hash to it.

    Attributes:
        index: from 1.
        count: of all parts.
    """

    index: int = 1
    count: int = 1

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Read ``i/n``, such as ``2/8``.

        Raises:
            ConfigError: it is no such thing.
        """
        match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
        if match is None or not 1 <= int(match[1]) <= int(match[2]):
            raise ConfigError(
                f"--shard must be i/n, part i of n, with 1 <= i <= n, such as 2/8. Received: {text}"
            )
        return cls(int(match[1]), int(match[2]))

    def holds(self, path: Path) -> bool:
        """Whether a result, named by its path in the output folder, belongs to this part."""
        digest = hashlib.sha256(os.fsencode(path)).digest()
        return int.from_bytes(digest[:8], "big") % self.count == self.index - 1


def find_tasks(
    photos: Iterable[str | Path],
    output: Path,
    format_: str | None = None,
    shard: Shard | None = None,
) -> list[Task]:
    """The photographs that files and folders name, each with its result.

    Folders are searched recursively and keep their structure; an output folder inside a searched
    one is left out, so that results are not colored again. Results of one name are numbered, in
    the same way on every machine. A photograph that is named several times, or by its folder too,
    is taken once, by its first name.

    Args:
        photos: files and folders.
        output: folder for the results, which need not exist.
        format_: of all results; ``None``: as the file's ending says, or PNG where that is not
            written.
        shard: part of them.

    Raises:
        DataError: a folder cannot be searched, there is no photograph at all, or a result would
            come to lie in a photograph's place.
    """
    named = list(photos)
    tasks = list(name_results(_find_all(map(Path, named), output), format_))
    if not tasks:
        raise DataError(f"expected photographs, found none in {', '.join(map(str, named))}")
    _check_originals(tasks, output)
    return [task for task in tasks if shard is None or shard.holds(task.relative)]


def name_results(photos: Iterable[tuple[Path, Path]], format_: str | None = None) -> Iterator[Task]:
    """The result of each photograph, all of different names, also where case is not told apart.

    Args:
        photos: files, each with its path below what was searched.
        format_: of all results; ``None``: as the file's ending says, or PNG where that is not
            written.
    """
    names = _Names()
    for source, relative in photos:
        wanted = format_ or FORMATS.get(relative.suffix.lower(), "PNG")
        wanted = wanted if wanted in WRITABLE else "PNG"
        if FORMATS.get(relative.suffix.lower()) != wanted:
            relative = relative.with_name(fit_name(relative.stem, suffix_of(wanted)))
        yield names.take(Task(source, relative, wanted))


def clear_leftovers(output: Path, tasks: Iterable[Task]) -> None:
    """Remove what killed runs left half-written of these results; others' are left alone."""
    ours: dict[Path, set[str]] = defaultdict(set)
    for task in tasks:
        for path in task.all_files:
            ours[output / path.parent].add(temporary_ending(path.name))
    for folder, endings in ours.items():
        if not folder.is_dir():
            continue
        for entry in os.scandir(folder):
            match = _TEMPORARY.fullmatch(entry.name)
            if match and match["ending"] in endings:
                Path(entry.path).unlink(missing_ok=True)


def _find_all(paths: Iterable[Path], output: Path) -> Iterator[tuple[Path, Path]]:
    """Photographs, and the names that their results would have."""
    real_path = functools.cache(os.path.realpath)
    results = Path(real_path(output))
    found: set[tuple[str, str]] = set()
    for path in paths:
        if path.is_dir():
            # A folder inside the output folder was named on purpose.
            inside = Path(real_path(path)).is_relative_to(results)
            photos = [
                (photo, photo.relative_to(path))
                for photo in find_photos(path)
                if inside or not Path(real_path(photo.parent)).is_relative_to(results)
            ]
        else:
            photos = [(path, Path(path.name))]
        for photo, relative in photos:
            # Not the real path of the file: links to one photograph have results of their own.
            place = (real_path(photo.parent), photo.name)
            if place not in found:
                found.add(place)
                yield photo, relative


def _check_originals(tasks: Sequence[Task], output: Path) -> None:
    """Refuse an output folder in which a result would replace one of the photographs."""
    if not output.is_dir():
        return
    originals = {_identity(task.source): task.source for task in tasks}
    originals.pop(None, None)
    for task in tasks:
        for path in task.all_files:
            original = originals.get(_identity(output / path))
            if original is not None:
                raise DataError(
                    f"expected an output folder apart from the photographs; in {output}, the "
                    f"result of {task.source} would replace {original}. Choose another --output"
                )


def _identity(path: Path) -> tuple[int, int] | None:
    """What is the same for all names and links of a file; ``None`` where there is none."""
    try:
        status = path.stat()
    except (OSError, ValueError):  # ValueError: a NUL in the name
        return None
    return status.st_dev, status.st_ino


class _Names:
    """Names that are taken, in any case: two that differ in that alone may be one file.

    Those of all pictures that may come to lie beside a result are taken with it, whether they are
    asked for or not: so the result has the same name with them and without.
    """

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._numbers: defaultdict[str, int] = defaultdict(lambda: 1)  # the last that was tried

    def take(self, task: Task) -> Task:
        """The task, or the first whose result is called name_2, name_3 … and is free."""
        candidate, first = task, task.relative
        while not self._taken.isdisjoint(names := set(map(_fold, candidate.all_files))):
            self._numbers[_fold(first)] += 1
            ending = f"_{self._numbers[_fold(first)]}{first.suffix}"
            candidate = dataclasses.replace(
                task, relative=first.with_name(fit_name(first.stem, ending))
            )
        self._taken |= names
        return candidate


def _fold(path: Path) -> str:
    return os.fspath(path).casefold()
