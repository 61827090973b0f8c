"""An album filled: every photograph looked at once, before any of them is colored."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from keras_colorize.coloring.album import Album, Note
from keras_colorize.coloring.budget import PIXELS_AT_ONCE, PixelBudget
from keras_colorize.coloring.colorizer import Colorizer
from keras_colorize.coloring.decided import begin_session
from keras_colorize.coloring.decisions import Decisions
from keras_colorize.coloring.options import HALF_CHROMA_FROM, ColoringOptions
from keras_colorize.coloring.photo import note_name
from keras_colorize.coloring.reversible import Jpeg
from keras_colorize.coloring.side_by_side import work_ahead
from keras_colorize.coloring.tasks import Task
from keras_colorize.errors import ConfigError, IrreversibleJpegError, PhotoError
from keras_colorize.files import hash_file
from keras_colorize.photos.finding import find_photos
from keras_colorize.photos.formats import identify, open_file
from keras_colorize.photos.reading import read_pages

__all__ = ["add_references", "fill_album"]

_log = logging.getLogger(__name__)


def add_references(album: Album, like: Sequence[str | Path], colorizer: Colorizer) -> None:
    """Take notes on color photographs that others are to be like.

    What cannot be used in a folder is left out, with a warning.

    Args:
        album: that is to hold them.
        like: color photographs, or folders of them.
        colorizer: by whose network they are compared.

    Raises:
        ConfigError: a photograph cannot be read or has no color, or a folder holds none that can
            be used.
        ModelError: the network is none by which photographs can be compared.
    """
    for path in map(Path, like):
        if not path.is_dir():
            try:
                _add_reference(album, path, colorizer)
            except PhotoError as error:
                raise ConfigError(f"cannot use for --like: {error}") from error
            continue
        left_out = 0
        photos = find_photos(path)
        for photo in photos:
            try:
                _add_reference(album, photo, colorizer)
            except PhotoError as error:
                _log.warning("left out of --like: %s", error)
                left_out += 1
        if left_out == len(photos):
            raise ConfigError(
                f"--like must name color photographs, or folders of them. Received: {path}, with "
                f"{len(photos)} photographs, of which none can be used"
            )


def fill_album(
    album: Album,
    tasks: Sequence[Task],
    colorizer: Colorizer,
    options: ColoringOptions,
    *,
    together: bool,
    workers: int,
    show_progress: bool,
) -> None:
    """Take notes on photographs that are to be colored.

    A photograph that cannot be read is left out: coloring it will report it.

    Args:
        album: that is to hold them.
        tasks: the photographs.
        colorizer: by whose network they are compared.
        options: how they are read, and what was decided about them.
        together: whether they follow one another, not only :func:`add_references`.
        workers: photographs looked at at the same time.
        show_progress: draw a progress bar on standard error.

    Raises:
        ModelError: the network is none by which photographs can be compared.
    """
    budget = PixelBudget(PIXELS_AT_ONCE)

    def look(task: Task) -> bool | None:
        with budget.spend(task.source) as granted:
            if not granted:
                return None
            try:
                name, note = _note(task, colorizer, options)
            except (PhotoError, OSError, MemoryError) as error:
                _log.debug("not looked at: %s: %s", task.source, error)
            else:
                album.add(name, note, is_source=together)
            return True

    with tqdm(total=len(tasks), desc="looking", unit="photo", disable=not show_progress) as bar:

        def count(_: bool) -> None:
            bar.update()

        work_ahead(look, tasks, count, workers, budget.close)


def _add_reference(album: Album, path: Path, colorizer: Colorizer) -> None:
    """Take notes on one color photograph.

    Raises:
        PhotoError: it cannot be read, or has no color.
    """
    note = colorizer.note_of_color(path)
    album.add(f"like {hash_file(path)}", note)


def _note(task: Task, colorizer: Colorizer, options: ColoringOptions) -> tuple[str, Note]:
    input_hash = hash_file(task.source)
    decisions = None
    if options.decisions is not None:
        decisions = options.decisions(input_hash, task.relative)
    luminance = _luminance(task.source, colorizer, options, decisions)
    name = note_name(input_hash, decisions)
    if decisions is None:
        return name, colorizer.note(luminance)
    session = begin_session(colorizer, luminance, decisions, options.references)
    return name, session.note(decisions.regions, decisions.proposal)


def _luminance(
    source: Path, colorizer: Colorizer, options: ColoringOptions, decisions: Decisions | None
) -> np.ndarray:
    """Of the first page, at half its size where a JPEG's is enough."""
    remove_tint = options.remove_tint if decisions is None else decisions.remove_tint
    with open_file(source) as file:
        is_jpeg = identify(file) == "JPEG"
    if is_jpeg and not remove_tint:
        half_from = HALF_CHROMA_FROM * colorizer.working_size
        try:
            jpeg = Jpeg.read(source, max_pixels=options.max_pixels, half_chroma_from=half_from)
            return jpeg.luminance
        except IrreversibleJpegError:
            pass  # it is decoded as any other
    pages = read_pages(source, max_pixels=options.max_pixels, remove_tint=remove_tint)
    return next(iter(pages)).luminance
