"""Files that are either complete or absent, whatever happens while they are written; tables."""

import contextlib
import csv
import errno
import fcntl
import hashlib
import io
import os
import shutil
import uuid
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO

import numpy as np

from keras_colorize.errors import ConfigError, RunError

__all__ = [
    "atomic_folder",
    "atomic_path",
    "disk_failed",
    "escape_name",
    "exclusive",
    "fit_name",
    "hash_file",
    "lock",
    "make_folder",
    "naming",
    "read_numbers",
    "read_rows",
    "refuse_replacing",
    "remove_leftovers",
    "temporary_ending",
    "write_arrays",
]

# What the next file meets as well: no room, a disk that may not be written, a drive that is gone.
_DISK_FAILURES = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EIO,
    errno.ESTALE,
    errno.ENODEV,
    errno.ENOTCONN,
    errno.EHOSTDOWN,
    errno.ETIMEDOUT,
}
_LONGEST_NAME = 255  # bytes, in nearly all file systems
_SHOWN = 40  # characters of a name that a temporary one ends with: of up to four bytes each


@contextlib.contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Write a file under a temporary name; it takes its own name once it is complete.

    ::

        with atomic_path(run / "history.csv") as temporary:
            temporary.write_text(table)

    The temporary path lies in the same folder (renaming is atomic only within one file system),
    begins with a dot and keeps the ending of the name, for writers that go by it. The block
    creates and closes the file. Afterwards its bytes are forced to the disk and it replaces
    ``path``: a crash or a power cut leaves the old file or the new one, never half of one. An
    exception in the block removes the temporary file and leaves ``path`` as it was.

    Args:
        path: the file to write; its folder exists. An existing file is replaced.

    Yields:
        The temporary path, at which there is no file yet.

    Raises:
        FileNotFoundError: if the block wrote no file.
        OSError: if the folder cannot be written; its message names ``path``.
    """
    path = Path(path)
    # The file isn't created here (as `mkstemp` would, with mode 0600): so it gets the user's umask.
    temporary = _temporary_name(path)
    try:
        with naming(path, temporary):
            yield temporary
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


@contextlib.contextmanager
def naming(path: Path, temporary: Path | None = None) -> Iterator[None]:
    """Have errors of the system say which file they are about, as those of writing never do.

    Args:
        path: the file.
        temporary: its name in the meantime, of which nobody has heard.
    """
    try:
        yield
    except OSError as error:
        unheard = temporary is not None and str(error.filename).startswith(str(temporary))
        if error.errno is None or (error.filename is not None and not unheard):
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def make_folder(folder: Path) -> None:
    """Make a folder for results, and those around it, unless it is there.

    Raises:
        FileExistsError: a file has its place.
        OSError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        paths = (path for path in (folder, *folder.parents) if os.path.lexists(path))
        raise FileExistsError(
            f"expected a folder for results. Received: {folder}; {next(paths, folder)} is a file"
        ) from error


def disk_failed(error: OSError, folder: Path) -> bool:
    """Whether an error of writing below a folder is none of one file's, but of all that follow."""
    forbidden = isinstance(error, PermissionError) and not os.access(folder, os.W_OK | os.X_OK)
    return error.errno in _DISK_FAILURES or forbidden


def temporary_ending(name: str) -> str:
    """What the temporary names of a file end with: its name, or what tells a long one from others.

    So it keeps the suffix, and stays below the longest name that there is.
    """
    if len(name) <= _SHOWN:
        return name
    digest = _digest(name)
    return f"{digest}-{name[len(digest) + 1 - _SHOWN :]}"


def fit_name(stem: str, ending: str) -> str:
    """``stem + ending``; of a stem that makes it too long for a file's name, the end is cut off.

    A digest in its place keeps names apart, in the same way on every machine.
    """
    name, kept = stem + ending, stem
    while len(os.fsencode(name)) > _LONGEST_NAME and kept:
        kept = kept[:-1]
        name = f"{kept}-{_digest(stem)}{ending}"
    return name


def escape_name(name: str) -> str:
    """A path, or a part of it, as UTF-8 can hold it and a reader can turn it back.

    Bytes that are no text in UTF-8, as of names from other systems, become ``\\xe9`` and the like;
    a backslash becomes two. Bash's ``printf '%b'`` gives the name back.
    """
    return os.fsencode(name.replace("\\", "\\\\")).decode("utf-8", "backslashreplace")


def _digest(name: str) -> str:
    return hashlib.sha256(os.fsencode(name)).hexdigest()[:8]


def lock(file: IO[str], *, wait: bool, shared: bool = False) -> None:
    """Lock an open file against other processes; it is unlocked when it is closed.

    Args:
        file: open for writing; a shared lock, for reading.
        wait: for another process that has it, instead of giving up.
        shared: only against those who want it for themselves.

    Raises:
        BlockingIOError: another process has it.
        OSError: the file system has no locks.
    """
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    fcntl.flock(file, kind | (0 if wait else fcntl.LOCK_NB))


@contextlib.contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Fill a folder under a temporary name; it takes its own name once everything is in it.

    The same promise as :func:`atomic_path` gives, for a new folder with all its files.

    Args:
        path: the folder to make; the one it lies in exists.

    Yields:
        The temporary folder, which is there and empty. Its name begins with a dot.

    Raises:
        FileExistsError: there is something of that name, also if it came while the block ran.
        OSError: the folder cannot be written.
    """
    path = Path(path)
    _refuse_existing(path)
    temporary = _temporary_name(path)
    try:
        with naming(path, temporary):
            temporary.mkdir()
            yield temporary
        for parent, _, names in os.walk(temporary):
            for name in names:
                with Path(parent, name).open("rb+") as file:
                    os.fsync(file.fileno())
            _sync_folder(Path(parent))
        try:
            os.rename(temporary, path)
        except OSError:  # a folder with files in it, or a file, has taken the name meanwhile
            _refuse_existing(path)
            raise
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    _sync_folder(path.parent)


@contextlib.contextmanager
def exclusive(path: Path, *, wait: bool) -> Iterator[None]:
    """Keep something to one process at a time; the lock goes with the process, however it ends.

    Args:
        path: a file to lock, which stays behind, empty; its folder exists.
        wait: for another process that has it, instead of giving up.

    Raises:
        BlockingIOError: another process has it.
    """
    with path.open("w") as file:
        lock(file, wait=wait)
        yield


def hash_file(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray], *, packed: bool = False) -> None:
    """Write arrays as NumPy's ``.npz``; not atomically.

    ``np.savez`` leaves its archive open where a disk is full, for Python to complain of later.
    """
    method = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, array, allow_pickle=False)


def remove_leftovers(folder: Path, pattern: str) -> None:
    """Remove what processes that were killed within :func:`atomic_path` left in a folder.

    Args:
        folder: where they wrote.
        pattern: the names that the files would have had, such as ``step_*.npz``.
    """
    for leftover in folder.glob(f".*-{pattern}"):
        leftover.unlink(missing_ok=True)


def refuse_replacing(outputs: Iterable[Path]) -> None:
    """Make sure that a command replaces nothing, before it begins to work.

    Args:
        outputs: all that it will write.

    Raises:
        ConfigError: one of them is there already.
    """
    for output in outputs:
        if os.path.lexists(output):
            raise ConfigError(f"{output} exists. Choose another --output or give --overwrite")


def _refuse_existing(path: Path) -> None:
    if os.path.lexists(path):
        raise FileExistsError(f"{path} exists already; name one that does not")


def _temporary_name(path: Path) -> Path:
    return path.with_name(f".{uuid.uuid4().hex[:12]}-{temporary_ending(path.name)}")


def _sync_folder(folder: Path) -> None:
    """Force the new name to the disk, where a folder can be opened (not on Windows)."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file by column; no rows where there is no file.

    A last line that is still being written, or was cut short by a crash, is left out.
    """
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        text = file.read()
    return list(csv.DictReader(io.StringIO(text[: text.rfind("\n") + 1], newline="")))


def read_numbers(path: Path) -> dict[str, list[float]]:
    """The columns of ``history.csv`` or ``steps.csv``; NaN where a cell is blank.

    Raises:
        RunError: a cell holds no number.
    """
    rows = read_rows(path)
    names = rows[0] if rows else {}
    try:
        return {name: [float(row[name] or "nan") for row in rows] for name in names}
    except (ValueError, TypeError) as error:  # TypeError: more cells than columns
        raise RunError(f"{path} is damaged: {error}") from error
