"""Which films there are, and what becomes of each."""

import contextlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from keras_colorize.errors import ConfigError, DataError
from keras_colorize.files import fit_name
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
    results = Path(os.path.realpath(output))
    found: dict[str, FilmTask] = {}
    taken: Counter[str] = Counter()
    for path in map(Path, named):
        frames = rate is not None and (path.is_dir() or is_pattern(path))
        if frames:
            films = [(path, Path(film_name(path) + ".mkv"))]
        elif is_pattern(path) and not os.path.lexists(path):
            raise ConfigError(
                f"expected files that are there, received {path}. If it names the frames of a "
                "film, say how many there are in a second: --frames_per_second 16"
            )
        elif path.is_dir():
            films = [
                (film, film.relative_to(path))
                for film in find_files(path, FILM_SUFFIXES)
                if not Path(os.path.realpath(film)).is_relative_to(results)
            ]
        elif path.suffix.lower() in FILM_SUFFIXES:
            films = [(path, Path(path.name))]
        else:
            films = []
        for film, relative in films:
            place = os.path.realpath(film)
            if place in found:
                continue
            suffix = container_for(relative.suffix, CODECS[codec])
            wanted = relative.with_name(fit_name(relative.stem, suffix))
            taken[str(wanted).casefold()] += 1
            number = taken[str(wanted).casefold()]
            if number > 1:
                wanted = relative.with_name(fit_name(relative.stem, f"_{number}{suffix}"))
                taken[str(wanted).casefold()] += 1
            if os.path.realpath(output / wanted) == place:
                raise DataError(
                    f"expected an output folder apart from the films; the result of {film} would "
                    "replace it. Choose another --output"
                )
            found[place] = FilmTask(film, wanted, rate if frames else None)
    return list(found.values())
