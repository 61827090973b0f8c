"""The photographs and films in a folder, found by their names; and what else lies there."""

import os
from collections import Counter
from collections.abc import Container, Iterable, Iterator
from pathlib import Path

from keras_colorize.errors import DataError
from keras_colorize.photos.formats import FORMATS

__all__ = ["FILM_SUFFIXES", "describe_others", "find_files", "find_photos"]

#: Files that are taken for films, by their endings.
FILM_SUFFIXES = {
    *(".mp4", ".m4v", ".mov", ".mkv", ".avi", ".webm", ".mpg", ".mpeg", ".m2v", ".vob", ".ts"),
    *(".m2ts", ".mts", ".wmv", ".flv", ".ogv", ".3gp", ".mxf", ".dv", ".y4m", ".nut"),
}


def find_photos(folder: str | Path) -> list[Path]:
    """Photographs in a folder and everything below it; see :func:`find_files`.

    Returns:
        Files whose ending, in any case, is one of :data:`~keras_colorize.photos.formats.FORMATS`.

    Raises:
        DataError: if the folder, or one below it, cannot be listed.
    """
    return find_files(folder, FORMATS)


def find_files(folder: str | Path, suffixes: Container[str]) -> list[Path]:
    """Files in a folder and everything below it, in the same order on every machine.

    Args:
        folder: where to look. Linked folders are followed, but not up: a link to a folder in which
            it lies, or to one around ``folder``, is passed over, and one that is met twice counts
            once. Hidden files and folders (``.thumbnails``, ``._x.jpg``) are passed over.
        suffixes: the endings of those that are wanted, in lower case.

    Returns:
        Each as ``folder / ...``, sorted by their path below the folder. Their content isn't looked
        at.

    Raises:
        DataError: if the folder, or one below it, cannot be listed.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(
            f"Expected a folder of photographs. Received: {folder}, which "
            f"{'is a file' if folder.exists() else 'does not exist'}. Name a folder that exists; "
            f"a relative one is looked for in {Path.cwd()}"
        )
    found = (path for path in _files(folder) if path.suffix.lower() in suffixes)
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix())


def describe_others(folders: Iterable[Path], apart_from: Path) -> str | None:
    """How many files are neither photographs nor films by their names, and of which kinds.

    Args:
        folders: as for :func:`find_photos`; hidden files don't count.
        apart_from: a folder that may lie within them, of which nothing counts.

    Returns:
        Such as "3 other files left out: 2 .txt, 1 without an ending", with links that lead nowhere,
        pipes and devices; ``None`` if there are none.
    """
    results = Path(os.path.realpath(apart_from))
    others = {
        os.path.realpath(path): _kind(path)
        for folder in folders
        for path in _paths(folder)
        if not (path.is_file() and path.suffix.lower() in {*FORMATS, *FILM_SUFFIXES})
        and not Path(os.path.realpath(path)).is_relative_to(results)
    }
    if not others:
        return None
    kinds = Counter(others.values()).most_common()
    named = ", ".join(f"{count} {kind}" for kind, count in kinds)
    return f"{len(others)} other file{'s' if len(others) > 1 else ''} left out: {named}"


def _kind(path: Path) -> str:
    if path.is_file():
        return path.suffix.lower() or "without an ending"
    return "broken link" if path.is_symlink() and not path.exists() else "pipe or device"


def _files(folder: Path) -> Iterator[Path]:
    """All files that aren't hidden, in any order; see :func:`find_photos`."""
    return (path for path in _paths(folder) if path.is_file())


def _paths(folder: Path) -> Iterator[Path]:
    """The same with what is neither a file nor a folder."""

    def refuse(error: OSError) -> None:
        raise DataError(
            f"Expected a folder that can be listed. Received: {error.filename} ({error.strerror}). "
            f"Make it readable, or move it elsewhere"
        ) from error

    visited: set[str] = set()
    for parent, folders, names in os.walk(folder, followlinks=True, onerror=refuse):
        if os.path.realpath(parent) in visited:
            folders.clear()
            continue
        visited.add(os.path.realpath(parent))
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and not _leads_up(Path(parent, name), folder)
        )
        for name in names:
            if not name.startswith("."):
                yield Path(parent, name)


def _leads_up(path: Path, named: Path) -> bool:
    """Whether a folder is a link out of the one that was named, to what is around it, or back."""
    if not path.is_symlink():
        return False
    target = os.path.realpath(path)
    return any(Path(os.path.realpath(f)).is_relative_to(target) for f in (named, path.parent))
