"""Where results go: complete or absent, and never in the place of something else unasked."""

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from keras_colorize.errors import PhotoError, RunError
from keras_colorize.files import atomic_path, disk_failed
from keras_colorize.metadata.provenance import Provenance, read_provenance

__all__ = ["Folder", "Target", "describe_occupied", "is_done", "writing_errors"]


class Target(Protocol):
    """A place for results, each named by its path within it."""

    def name(self, relative: Path) -> str:
        """What the report calls a result."""
        ...

    def open(self, relative: Path) -> BinaryIO | None:
        """What is there already; None where there is nothing.

        Raises:
            PhotoError: it is no file, or cannot be read.
        """
        ...

    def write(self, relative: Path) -> AbstractContextManager[Path]:
        """A path to write a result at; once the block ends, it is complete in its place.

        An exception in the block leaves what was there.

        Raises:
            OSError: it cannot be written.
            RunError: it cannot, and nor can those that follow.
        """
        ...


@dataclass(frozen=True)
class Folder:
    """A folder as a target.

    Attributes:
        path: of it; it and those within it are made as they are needed.
    """

    path: Path

    def name(self, relative: Path) -> str:
        """Path of the result."""
        return str(self.path / relative)

    def open(self, relative: Path) -> BinaryIO | None:
        """See :class:`Target`."""
        path = self.path / relative
        if not path.exists():
            return None
        if not path.is_file():
            raise PhotoError(f"{path} exists already and is no file; move it away")
        try:
            return path.open("rb")
        except OSError as error:
            raise PhotoError(f"unreadable: {error.strerror or error}") from error

    @contextlib.contextmanager
    def write(self, relative: Path) -> Iterator[Path]:
        """See :class:`Target`."""
        path = self.path / relative
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_path(path) as temporary:
                yield temporary
        except OSError as error:
            if not disk_failed(error, self.path):
                raise
            raise RunError(
                f"cannot write {path}: {error.strerror}; what is finished stays: mend that, and "
                "start the same again, which goes on from there"
            ) from error


def is_done(target: Target, relative: Path, provenance: Provenance, *, overwrite: bool) -> bool:
    """Whether a result is there already that needs not be made again.

    Args:
        target: where it would be.
        relative: its path there.
        provenance: what it would say of itself.
        overwrite: make it anew whatever is there.

    Raises:
        PhotoError: something else is in its place, and may not be overwritten.
    """
    file = target.open(relative)
    if file is None:
        return False
    with file:
        if overwrite:
            return False
        found = read_provenance(file)
    if not provenance.matches(found):
        raise PhotoError(describe_occupied(target.name(relative), provenance, found))
    return True


def describe_occupied(place: str, wanted: Provenance, found: Provenance | None) -> str:
    """Why a result is not written: the file in its place is of something else.

    Args:
        place: what to call it.
        wanted: what the result would say of itself.
        found: what the file says; ``None``: nothing.
    """
    what = "" if found is None else f", of {wanted.tell_apart(found)}"
    return f"{place} exists already{what}; pass --overwrite to replace it"


@contextlib.contextmanager
def writing_errors(result: str) -> Iterator[None]:
    """Turn what goes wrong with files and encoders into a PhotoError that names the result."""
    try:
        yield
    except PhotoError:
        raise
    except (OSError, ValueError) as error:  # ValueError: larger than the format can say
        reason = getattr(error, "strerror", None) or error
        if isinstance(error, FileExistsError | NotADirectoryError):  # a file in a folder's place
            reason = f"{reason} ({error.filename}); move that away"
        raise PhotoError(f"cannot write {result}: {reason}") from error
