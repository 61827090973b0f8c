"""Files that are either complete or absent, whatever happens while they are written."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

__all__ = ["atomic_folder", "atomic_path", "exclusive", "hash_file", "remove_leftovers"]


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
        OSError: if the folder cannot be written.
    """
    path = Path(path)
    # The file isn't created here (as `mkstemp` would, with mode 0600): so it gets the user's umask.
    temporary = _temporary_name(path)
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


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
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield


def hash_file(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remove_leftovers(folder: Path, pattern: str) -> None:
    """Remove what processes that were killed within :func:`atomic_path` left in a folder.

    Args:
        folder: where they wrote.
        pattern: the names that the files would have had, such as ``step_*.npz``.
    """
    for leftover in folder.glob(f".*-{pattern}"):
        leftover.unlink(missing_ok=True)


def _refuse_existing(path: Path) -> None:
    if os.path.lexists(path):
        raise FileExistsError(f"{path} exists already; name one that does not")


def _temporary_name(path: Path) -> Path:
    # 40 characters hold every suffix in use and keep a long name below the limit of 255 bytes.
    return path.with_name(f".{uuid.uuid4().hex[:12]}-{path.name[-40:]}")


def _sync_folder(folder: Path) -> None:
    """Force the new name to the disk, where a folder can be opened (not on Windows)."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
