"""The photographs in a folder, found by their names."""

import os
from pathlib import Path

from keras_colorize.errors import DataError
from keras_colorize.photos.formats import FORMATS

__all__ = ["find_photos"]


def find_photos(folder: str | Path) -> list[Path]:
    """Photographs in a folder and everything below it, in the same order on every machine.

    Args:
        folder: where to look. Linked folders are followed; one that is met twice, as in a loop,
            counts once. Hidden files and folders (``.thumbnails``, ``._x.jpg``) are passed over.

    Returns:
        Files whose ending, in any case, is one of
            :data:`~keras_colorize.photos.formats.FORMATS`, each as ``folder / ...``,
        sorted by their path below the folder. Their content isn't looked at.

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

    def refuse(error: OSError) -> None:
        raise DataError(
            f"Expected a folder that can be listed. Received: {error.filename} ({error.strerror}). "
            f"Make it readable, or move it elsewhere"
        ) from error

    photos = []
    visited: set[str] = set()
    for parent, folders, names in os.walk(folder, followlinks=True, onerror=refuse):
        if os.path.realpath(parent) in visited:
            folders.clear()
            continue
        visited.add(os.path.realpath(parent))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            path = Path(parent, name)
            if not name.startswith(".") and path.suffix.lower() in FORMATS and path.is_file():
                photos.append(path)
    return sorted(photos, key=lambda path: path.relative_to(folder).as_posix())
