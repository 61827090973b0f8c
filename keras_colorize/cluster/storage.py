"""Photographs and results by URL: a folder, S3 or Google Cloud Storage, through fsspec.

Each object is read once, into a scratch folder of the process, and written in one request that
stores it whole or not at all; a multipart upload, of what is large, is one only once it is
completed. Whatever a service raises becomes a short reason. How to reach it (keys, region, an
endpoint that is not Amazon's) is read from where its own tools read it.
"""

import contextlib
import itertools
import shutil
import tempfile
import uuid
import weakref
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import IO, Any, BinaryIO

from keras_colorize.coloring.targets import Folder, Target
from keras_colorize.errors import ConfigError, DataError, PhotoError
from keras_colorize.files import fit_name, lock, temporary_ending
from keras_colorize.photos.formats import FORMATS

__all__ = [
    "Bucket",
    "Scratch",
    "canonical",
    "check_sources",
    "is_url",
    "list_files",
    "list_photos",
    "local_path",
    "open_target",
]

# What stores an object whole or not at all, and the extra of this package that brings it.
_EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gs", "gcs": "gs"}
_BLOCK = 1 << 16  # bytes; read of a result to learn what made it
_SCRATCH = "keras_colorize-"
_LOCK = ".lock"


def is_url(name: str) -> bool:
    """Whether it is one of something that is not a file of this machine."""
    return "://" in name and not name.startswith("file://")


def local_path(name: str) -> Path:
    """The path of a file, or of a ``file://`` URL."""
    return Path(name.removeprefix("file://"))


def canonical(url: str) -> str:
    """The one URL by which its file system names a place: s3a:// is s3://, gcs:// is gs://.

    Without a slash at its end; only so can URLs be compared.

    Raises:
        ConfigError: it is of a kind that is not known, or needs an extra.
    """
    files = _connect(url)
    return files.unstrip_protocol(files._strip_protocol(url).rstrip("/"))


@dataclass(frozen=True)
class Bucket:
    """A bucket, or a prefix in it, as a place for results.

    Can be pickled; each process connects by itself.

    Attributes:
        url: such as ``s3://bucket/colored``.
        scratch: a folder for what is being written; ``None``: the system's for temporary files.
    """

    url: str
    scratch: Path | None = None

    def name(self, relative: Path) -> str:
        """URL of the result."""
        return f"{self.url.rstrip('/')}/{relative.as_posix()}"

    def open(self, relative: Path) -> BinaryIO | None:
        """See :class:`~keras_colorize.coloring.targets.Target`."""
        url = self.name(relative)
        with _service_errors(url):
            try:
                # A missing object is not opened: that would list the bucket to be sure, for ten
                # times the price of a request that reads.
                self._files.cat_file(url, start=0, end=1)
            except FileNotFoundError:
                return None
            except OSError:  # an empty object has no first byte
                pass
            return self._files.open(url, "rb", block_size=_BLOCK)

    @contextlib.contextmanager
    def write(self, relative: Path) -> Iterator[Path]:
        """See :class:`~keras_colorize.coloring.targets.Target`."""
        url = self.name(relative)
        with tempfile.TemporaryDirectory(prefix=_SCRATCH, dir=self.scratch) as folder:
            path = Path(folder, temporary_ending(relative.name))
            yield path
            try:
                with _service_errors(url):
                    self._files.put_file(str(path), url)
            except FileNotFoundError as error:
                raise PhotoError(f"cannot write {url}: there is no such bucket") from error
            except PhotoError as error:
                raise PhotoError(f"cannot write {url}: {error}") from error

    @cached_property
    def _files(self) -> Any:
        return _connect(self.url)

    def __getstate__(self) -> dict[str, Any]:
        return {"url": self.url, "scratch": self.scratch}


def open_target(place: str, scratch: Path | None = None) -> Target:
    """A folder or a bucket for results.

    Raises:
        ConfigError: it is of a kind that is not known, or needs an extra.
    """
    if not is_url(place):
        return Folder(local_path(place))
    return Bucket(canonical(place), scratch)


def check_sources(names: Iterable[str]) -> None:
    """Look whether folders, files and URLs are there.

    Raises:
        DataError: one is not, may not be read, or does not answer.
        ConfigError: it is of a kind that is not known, or needs an extra.
    """
    for name in names:
        if is_url(name):
            _check_url(name)
        elif not local_path(name).exists():
            raise DataError(f"expected photographs, or folders of them. Received: {name}, "
                            "which does not exist")  # fmt: skip


def _check_url(url: str) -> None:
    files = _connect(url)
    try:
        with _service_errors(url):
            files.info(url)
    except PhotoError as error:
        raise DataError(f"cannot read {url}: {error}") from error
    except FileNotFoundError as error:
        raise DataError(
            f"expected photographs at {url}; there is no such bucket, or nothing in it "
            "whose name begins so"
        ) from error


def list_photos(url: str) -> list[tuple[str, PurePosixPath]]:
    """Photographs below a URL, in the same order on every machine.

    Args:
        url: of one object, or of all whose names begin with it and a slash. Hidden ones are passed
            over, as :func:`~keras_colorize.photos.finding.find_photos` does.

    Returns:
        The URL of each, and its path below that which was asked for, in which nothing leads out of
        it; for one object, its name.

    Raises:
        DataError: it is not there, may not be listed, or does not answer.
        ConfigError: it is of a kind that is not known, or needs an extra.
    """
    _check_url(url)
    files = _connect(url)
    root = files._strip_protocol(url).rstrip("/")
    try:
        with _service_errors(url):
            found = sorted(files.find(root))
    except (PhotoError, FileNotFoundError) as error:
        raise DataError(f"cannot list {url}: {error}") from error
    photos = []
    for name in found:
        below = name.removeprefix(root).strip("/") or name.rpartition("/")[2]
        relative = _inside(below)
        hidden = any(part.startswith(".") for part in relative.parts)
        if not hidden and relative.suffix.lower() in FORMATS:
            photos.append((files.unstrip_protocol(name), relative))
    return photos


def list_files(place: str, inside: str) -> list[str]:
    """Paths or URLs of the files in a folder or bucket, and in one folder inside it.

    Raises:
        DataError: it is not there or cannot be listed.
        ConfigError: it is of a kind that is not known, or needs an extra.
    """
    if not is_url(place):
        folder = local_path(place)
        if not folder.is_dir():
            raise DataError(f"expected a folder. Received: {place}")
        below = itertools.chain(folder.iterdir(), (folder / inside).glob("*"))
        return [str(path) for path in below if path.is_file()]
    _check_url(place)
    files, names = _connect(place), []
    for prefix in (place.rstrip("/"), f"{place.rstrip('/')}/{inside}"):
        with contextlib.suppress(FileNotFoundError), _service_errors(prefix):
            found = files.ls(prefix, detail=True)
            names += [entry["name"] for entry in found if entry["type"] == "file"]
    return [files.unstrip_protocol(name) for name in names]


class Scratch:
    """A folder of this process for photographs that it fetches, removed at its end.

    Those of processes that were killed are removed when another begins.

    Args:
        parent: where it is made; by default the system's folder for temporary files.
    """

    def __init__(self, parent: Path | None = None) -> None:
        parent = Path(tempfile.gettempdir()) if parent is None else parent
        for other in parent.glob(f"{_SCRATCH}*"):
            _remove_abandoned(other)
        # Another process that begins may only meet it by its name once it is locked.
        hidden = Path(tempfile.mkdtemp(prefix=f".{_SCRATCH}", dir=parent))
        held = (hidden / _LOCK).open("w")
        lock(held, wait=False)
        self.path = hidden.rename(parent / hidden.name[1:])
        self._end = weakref.finalize(self, _remove, self.path, held)

    @contextlib.contextmanager
    def fetch(self, photo: str) -> Iterator[Path]:
        """A file with the content of a photograph, under its own name, while the block runs.

        One of this machine is not copied.

        Raises:
            PhotoError: it cannot be fetched.
        """
        if not is_url(photo):
            yield local_path(photo)
            return
        folder = self.path / uuid.uuid4().hex
        folder.mkdir()
        try:
            name = PurePosixPath(photo.rpartition("/")[2])
            path = folder / fit_name(name.stem, name.suffix)
            with _service_errors(photo):
                try:
                    _connect(photo).get_file(photo, str(path))
                except FileNotFoundError as error:
                    raise PhotoError("it was listed, but is not there any more") from error
            yield path
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        """Remove it; the end of the process does so too."""
        self._end()


def _inside(below: str) -> PurePosixPath:
    """A name of an object as a path; ``..`` in it is a name as any other, and not a way out."""
    parts = ("__" if part == ".." else part for part in below.split("/"))
    return PurePosixPath(*(part for part in parts if part not in ("", ".")))


def _remove(folder: Path, held: IO[str]) -> None:
    held.close()
    shutil.rmtree(folder, ignore_errors=True)


def _remove_abandoned(folder: Path) -> None:
    try:
        with (folder / _LOCK).open("r+") as file:
            lock(file, wait=False)
            shutil.rmtree(folder, ignore_errors=True)
    except OSError:  # in use, or someone else's
        return


def _connect(url: str) -> Any:
    """The file system of a URL; the same object each time, safe for several threads.

    Raises:
        ConfigError: there is none, or it is not installed.
    """
    protocol = url.partition("://")[0]
    if protocol not in _EXTRAS:
        known = ", ".join(f"{name}://" for name in ("file", *_EXTRAS))
        raise ConfigError(f"expected a folder, or a URL of {known}. Received: {url}")
    try:
        import fsspec

        # What is remembered of a listing would hide what changes meanwhile.
        return fsspec.filesystem(protocol, use_listings_cache=False)
    except ImportError as error:
        raise ConfigError(
            f"{protocol}:// needs {error.name or 'fsspec'}: "
            f"pip install 'keras-colorize[{_EXTRAS[protocol]}]'"
        ) from error


@contextlib.contextmanager
def _service_errors(url: str) -> Iterator[None]:
    """Turn whatever a service or its client raises into a reason.

    Raises:
        FileNotFoundError: there is no such object; what that means, the caller knows.
        PhotoError: all else.
    """
    try:
        yield
    except (PhotoError, ConfigError, FileNotFoundError):
        raise
    except PermissionError as error:
        raise PhotoError(f"forbidden to these credentials ({_short(error)})") from error
    except TimeoutError as error:
        raise PhotoError(f"no answer in time from {url.partition('://')[0]}") from error
    except Exception as error:  # each service's client has its own
        raise PhotoError(f"{type(error).__name__}: {_short(error)}") from error


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]
