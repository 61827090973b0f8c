"""Which films there are, and what becomes of each."""

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from keras_colorize.errors import DataError
from keras_colorize.files import fit_name
from keras_colorize.photos.finding import FILM_SUFFIXES, find_files
from keras_colorize.video.encoding import CODECS
from keras_colorize.video.joining import container_for

__all__ = ["FilmTask", "find_films"]


@dataclass(frozen=True)
class FilmTask:
    """A film and what becomes of it.

    Attributes:
        source: the film.
        relative: path of the result within the output folder.
    """

    source: Path
    relative: Path


def find_films(named: Iterable[str | Path], output: Path, codec: str) -> list[FilmTask]:
    """The films among files, and in folders, each with its result; a film is taken once.

    Folders are searched recursively and keep their structure; the output folder is left out.

    Args:
        named: files and folders; what are no films by their names is passed over.
        output: folder for the results.
        codec: of the results, one of :data:`~keras_colorize.video.encoding.CODECS`.

    Raises:
        DataError: a folder cannot be searched, or a result would replace a film.
    """
    results = Path(os.path.realpath(output))
    found: dict[str, FilmTask] = {}
    taken: Counter[str] = Counter()
    for path in map(Path, named):
        if path.is_dir():
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
            found[place] = FilmTask(film, wanted)
    return list(found.values())
