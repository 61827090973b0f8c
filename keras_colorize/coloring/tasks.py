"""Which photographs are to be colored, and which file each becomes."""

import functools
import hashlib
import os
import re
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from keras_colorize.coloring.naming import Claim, distinct_names
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
        """Path of a picture beside the result, within the output folder."""
        return _sheet(self.relative, kind)

    @property
    def all_files(self) -> tuple[Path, ...]:
        """All that can become of it, within the output folder."""
        return _all_files(self.relative)


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
    one is left out, so that results are not colored again. Results have different names, the same
    on every machine; see :func:`~keras_colorize.coloring.naming.distinct_names`. A photograph that
    is named several times, or by its folder too, is taken once, by its first name.

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
    found = list(_find_all(map(Path, named), output))
    # Of what was found in a folder, it is known.
    absent = {Path(path) for path in named if not os.path.exists(path)}
    tasks = name_results(found, format_, absent)
    if not tasks:
        raise DataError(f"expected photographs, found none in {', '.join(map(str, named))}")
    _check_originals(tasks, output)
    return [task for task in tasks if shard is None or shard.holds(task.relative)]


def name_results(
    photos: Sequence[tuple[Path, Path]],
    format_: str | None = None,
    absent: Container[Path] = (),
) -> list[Task]:
    """The result of each photograph; see :func:`~keras_colorize.coloring.naming.distinct_names`.

    Args:
        photos: files, each with its path below what was searched.
        format_: of all results; ``None``: as the file's ending says, or PNG where that is not
            written.
        absent: those that do not exist.
    """
    formats = [_format_of_result(relative, format_) for _, relative in photos]
    claims = [
        Claim(
            relative,
            None if FORMATS.get(relative.suffix.lower()) == wanted else suffix_of(wanted),
            source not in absent,
        )
        for (source, relative), wanted in zip(photos, formats)
    ]
    names = distinct_names(claims, _all_files)
    sources = [source for source, _ in photos]
    return [Task(*of_one) for of_one in zip(sources, names, formats)]


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


def _sheet(result: Path, kind: Sheet) -> Path:
    # The result's own ending stays, so that names stay apart.
    return Path(kind, result.parent, fit_name(result.name, _SHEETS[kind]))


def _all_files(result: Path) -> tuple[Path, ...]:
    return (result, *(_sheet(result, kind) for kind in _SHEETS))


def _format_of_result(photo: Path, format_: str | None) -> str:
    wanted = format_ or FORMATS.get(photo.suffix.lower(), "PNG")
    return wanted if wanted in WRITABLE else "PNG"


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
