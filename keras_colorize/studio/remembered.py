"""What was found out about files, so that each is read once, and again only when it was changed."""

from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

__all__ = ["Remembered"]

Value = TypeVar("Value")


class Remembered(Generic[Value]):
    """A function of a file's content that keeps its answers. Safe for several threads.

    Args:
        read: the function; what it raises is raised each time.
    """

    def __init__(self, read: Callable[[Path], Value]) -> None:
        self._read = read
        self._answers: dict[Path, tuple[object, Value]] = {}

    def __call__(self, path: Path) -> Value:
        """The answer for a file as it is now."""
        version = _version(path)  # before it is read: what is written meanwhile is read again
        known = self._answers.get(path)
        if known is None or known[0] != version:
            known = version, self._read(path)
            self._answers[path] = known
        return known[1]

    def holds(self, path: Path) -> bool:
        """Whether the file need not be read for an answer."""
        known = self._answers.get(path)
        return known is not None and known[0] == _version(path)


def _version(path: Path) -> object:
    """What is another when a file was changed or replaced; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
