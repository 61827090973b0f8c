"""Which photographs are scored, and which of them belong together."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from keras_colorize.errors import ConfigError, DataError
from keras_colorize.files import read_rows
from keras_colorize.photos.finding import find_photos

__all__ = ["FOLDER", "find_groups", "read_manifest"]

#: Grouped by it, photographs that lie in one sub-folder of a folder belong together.
FOLDER = "folder"

_PATH = "path"  # the column that names a photograph, from the manifest's folder on


def find_groups(
    folders: Sequence[str], by: str | None, manifest: Path | None
) -> dict[Path, str | None]:
    """The photographs below the folders, each once, and the group of each.

    Args:
        folders: searched recursively.
        by: :data:`FOLDER`, or a column of the manifest. By default of several folders each is a
            group, and photographs of one folder have none.
        manifest: a CSV file, see :func:`read_manifest`.

    Raises:
        ConfigError: ``by`` names a column without a manifest, or a manifest has no use.
        DataError: no photographs, or one that the manifest does not list.
    """
    groups: dict[Path, str | None] = {}
    seen: set[Path] = set()
    for folder in folders:
        for path in find_photos(folder):
            real = path.resolve()
            if real not in seen:
                seen.add(real)
                groups[path] = _folder_of(path, Path(folder), by, len(folders))
    if not groups:
        raise DataError(f"expected photographs, found none in {', '.join(folders)}")
    if by in (None, FOLDER):
        if manifest is not None:
            raise ConfigError(
                "--manifest is of no use without --by COLUMN: name one of its columns"
            )
        return groups
    if manifest is None:
        raise ConfigError(
            f"--by must be {FOLDER}, or a column of a CSV file that --manifest names. "
            f"Received: {by}, and no --manifest"
        )
    return dict(_look_up(list(groups), read_manifest(manifest, str(by)), manifest))


def read_manifest(path: Path, column: str) -> dict[Path, str]:
    """What a CSV file says of photographs in a column, by their real paths.

    The column ``path`` names the photographs, from the folder of the file on.

    Raises:
        ConfigError: there is no such file or no such column.
    """
    if not path.is_file():
        raise ConfigError(f"expected a CSV file of photographs, found no file {path}")
    rows = read_rows(path)
    columns = list(rows[0]) if rows else []
    for name in (_PATH, column):
        if name not in columns:
            raise ConfigError(
                f"{path} has no column {name}: expected {_PATH}, which names the photographs, and "
                f"the one of --by. Received: {', '.join(columns)}"
            )
    return {(path.parent / row[_PATH]).resolve(): row[column] for row in rows}


def _folder_of(path: Path, folder: Path, by: str | None, folders: int) -> str | None:
    """The sub-folder that a photograph lies in; the folder itself where it lies in none."""
    if by is None and folders == 1:
        return None
    parts = path.relative_to(folder).parts
    name = folder.resolve().name
    if by is None or len(parts) == 1:
        return name
    return parts[0] if folders == 1 else f"{name}/{parts[0]}"


def _look_up(
    photos: Sequence[Path], values: Mapping[Path, str], manifest: Path
) -> list[tuple[Path, str]]:
    missing = [path for path in photos if path.resolve() not in values]
    if missing:
        raise DataError(
            f"{manifest} does not list {len(missing)} of {len(photos)} photographs, such as "
            f"{missing[0]}; add them, or name a folder of which it lists all"
        )
    return [(path, values[path.resolve()]) for path in photos]
