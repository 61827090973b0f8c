"""Which films there are, and what becomes of each."""

import contextlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from keras_colorize.coloring.naming import Claim, distinct_names
from keras_colorize.errors import ConfigError, DataError
from keras_colorize.photos.finding import FILM_SUFFIXES, find_files
from keras_colorize.video.encoding import CODECS
from keras_colorize.video.ffmpeg import film_url
from keras_colorize.video.frames import film_name, find_frames, is_pattern, opened_frames
from keras_colorize.video.joining import container_for

__all__ = ["FilmTask", "find_films"]


@dataclass(frozen=True)
class FilmTask:
    """A film and what becomes of it.

    Attributes:
        source: the film; with a rate, a folder of frames or a pattern such as ``frame_%05d.png``.
        relative: path of the result within the output folder.
        rate: frames a second, of frames that are files.
    """

    source: Path
    relative: Path
    rate: Fraction | None = None

    def content(self) -> list[Path]:
        """The files that it consists of, in order.

        Raises:
            VideoError: there are no frames, or it can't be told which.
        """
        return [self.source] if self.rate is None else find_frames(self.source)

    @contextlib.contextmanager
    def opened(self) -> Iterator[tuple[str, ...]]:
        """FFmpeg's arguments that open it, as long as the context lasts.

        Raises:
            VideoError: as of :meth:`content`; or there is no room for temporary files.
        """
        if self.rate is None:
            yield ("-i", film_url(self.source))
        else:
            with opened_frames(self.content(), self.rate) as source:
                yield source


def find_films(
    named: Iterable[str | Path], output: Path, codec: str, rate: Fraction | None = None
) -> list[FilmTask]:
    """The films among files, and in folders, each with its result; a film is taken once.

    Folders are searched recursively and keep their structure; the output folder is left out.

    Args:
        named: files and folders; what are no films by their names is passed over.
        output: folder for the results.
        codec: of the results, one of :data:`~keras_colorize.video.encoding.CODECS`.
        rate: frames a second: folders, and patterns such as ``frame_%05d.png``, are the frames of
            one film each.

    Raises:
        DataError: a folder cannot be searched, or a result would replace a film.
        ConfigError: a pattern without a rate.
    """
    found: dict[str, tuple[Path, Claim, Fraction | None]] = {}
    for path in map(Path, named):
        is_frames = rate is not None and (path.is_dir() or is_pattern(path))
        if is_frames:
            films = [(path, Path(film_name(path) + ".mkv"))]
        elif is_pattern(path) and not os.path.lexists(path):
            raise ConfigError(
                f"expected files that are there, received {path}. If it names the frames of a "
                "film, say how many there are in a second: --frames_per_second 16"
            )
        else:
            films = _film_files(path, output)
        for film, relative in films:
            claim = _claim(relative, codec, is_there=is_frames or film.exists())
            found.setdefault(os.path.realpath(film), (film, claim, rate if is_frames else None))
    names = distinct_names([claim for _, claim, _ in found.values()])
    tasks = []
    for (film, _, of_frames), name in zip(found.values(), names):
        replaced = found.get(os.path.realpath(output / name))
        if replaced is not None:
            raise DataError(
                f"expected an output folder apart from the films; the result of {film} would "
                f"replace {replaced[0]}. Choose another --output"
            )
        tasks.append(FilmTask(film, name, of_frames))
    return tasks


def _film_files(path: Path, output: Path) -> list[tuple[Path, Path]]:
    """The films that a path names, each with its path below what was searched."""
    if not path.is_dir():
        return [(path, Path(path.name))] if path.suffix.lower() in FILM_SUFFIXES else []
    results = Path(os.path.realpath(output))
    return [
        (film, film.relative_to(path))
        for film in find_files(path, FILM_SUFFIXES)
        if not Path(os.path.realpath(film)).is_relative_to(results)
    ]


def _claim(relative: Path, codec: str, *, is_there: bool) -> Claim:
    suffix = container_for(relative.suffix, CODECS[codec])
    if relative.suffix.lower() != suffix:
        return Claim(relative, suffix, is_there)
    # A container's ending tells FFmpeg what to write: in lower case, as all are written.
    return Claim(relative.with_name(relative.stem + suffix), None, is_there)
