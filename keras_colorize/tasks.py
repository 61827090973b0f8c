"""Which photographs are to be colored, and which file each becomes."""

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from keras_colorize.errors import ConfigError, DataError
from keras_colorize.formats import FORMATS, suffix_of
from keras_colorize.photos import find_photos
from keras_colorize.writing import WRITABLE

__all__ = ["Shard", "Task", "clear_leftovers", "find_tasks"]

_TEMPORARY = re.compile(r"\.[0-9a-f]{12}-(?P<name>.*)", re.DOTALL)  # as `files.atomic_path` names


@dataclass(frozen=True)
class Task:
    """A photograph and what becomes of it.

    Attributes:
        source: the photograph.
        relative: path of the result within the output folder.
        format: of the result, one of :data:`~keras_colorize.writing.WRITABLE`.
    """

    source: Path
    relative: Path
    format: str


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
    photos: Iterable[str | Path], format_: str | None = None, shard: Shard | None = None
) -> list[Task]:
    """The photographs that files and folders name, each with its result.

    Folders are searched recursively and keep their structure. Results of one name are numbered, in
    the same way on every machine. What was written by an earlier call is not searched for: an
    output folder inside a searched one would be colored again.

    Args:
        photos: files and folders.
        format_: of all results; ``None``: as the file's ending says, or PNG where that is not
            written.
        shard: part of them.

    Raises:
        DataError: a folder cannot be searched, or there is no photograph at all.
    """
    named = list(photos)
    tasks, names = [], _Names()
    for source, relative in _find_all(map(Path, named)):
        wanted = format_ or FORMATS.get(relative.suffix.lower(), "PNG")
        wanted = wanted if wanted in WRITABLE else "PNG"
        if FORMATS.get(relative.suffix.lower()) != wanted:
            relative = relative.with_name(relative.stem + suffix_of(wanted))
        relative = names.take(relative)
        tasks.append(Task(source, relative, wanted))
    if not tasks:
        raise DataError(f"expected photographs, found none in {', '.join(map(str, named))}")
    return [task for task in tasks if shard is None or shard.holds(task.relative)]


def clear_leftovers(output: Path, tasks: Iterable[Task]) -> None:
    """Remove what killed runs left half-written of these results; others' are left alone."""
    ours = {(output / task.relative.parent, task.relative.name[-40:]) for task in tasks}
    for folder in {folder for folder, _ in ours}:
        if not folder.is_dir():
            continue
        for entry in os.scandir(folder):
            match = _TEMPORARY.fullmatch(entry.name)
            if match and (folder, match["name"]) in ours:
                Path(entry.path).unlink(missing_ok=True)


def _find_all(paths: Iterable[Path]) -> Iterator[tuple[Path, Path]]:
    for path in paths:
        if path.is_dir():
            yield from ((photo, photo.relative_to(path)) for photo in find_photos(path))
        else:
            yield path, Path(path.name)


class _Names:
    """Names that are taken, in any case: two that differ in that alone may be one file."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}  # the last that was tried, by folded name

    def take(self, path: Path) -> Path:
        """The name itself, or the first of name_2, name_3 … that is free."""
        candidate = path
        while (folded := os.fspath(candidate).casefold()) in self._numbers:
            first = os.fspath(path).casefold()
            self._numbers[first] += 1
            candidate = path.with_stem(f"{path.stem}_{self._numbers[first]}")
        self._numbers[folded] = 1
        return candidate
