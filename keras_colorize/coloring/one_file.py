"""One photograph's file to a file, with colors that a caller knows: nothing it holds is lost."""

import contextlib
import dataclasses
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from keras_colorize.coloring.arguments import check_list
from keras_colorize.coloring.colorizer import Colorizer
from keras_colorize.coloring.decisions import Decisions, Outline
from keras_colorize.coloring.decisions_folder import REFERENCES
from keras_colorize.coloring.given import naming_photo, read_reference
from keras_colorize.coloring.hints import Hint, hex_of
from keras_colorize.coloring.options import ColoringOptions
from keras_colorize.coloring.photo import process
from keras_colorize.coloring.report import Record
from keras_colorize.coloring.targets import Folder
from keras_colorize.coloring.tasks import Task
from keras_colorize.errors import ConfigError, PhotoError
from keras_colorize.files import hash_file
from keras_colorize.photos.formats import FORMATS, open_file, suffix_of
from keras_colorize.photos.writing import WRITABLE

__all__ = ["color_file"]


def color_file(
    colorizer: Colorizer,
    source: str | Path,
    result: str | Path,
    hints: Sequence[Hint | Outline] = (),
    *,
    reference: str | Path | None = None,
    palette: Sequence[tuple[int, int, int] | str] = (),
    overwrite: bool = False,
) -> Record:
    """Color a photograph's file, as the command does: depth, transparency, pages and metadata stay.

    The result says that its colors are computed, and, with any of hints, reference and palette,
    that a person chose. It is complete or absent.

    ::

        color_file(colorizer, "scan.tif", "porch_green.tif", [Hint(0.4, 0.6, "#3d6b4f")])

    Args:
        colorizer: what adds the color.
        source: the photograph.
        result: the file to write, as JPEG, PNG, TIFF or WebP, as its ending says.
        hints: colors that are known at places and in areas; of several pages, on the first.
        reference: a color photograph of alike things, whose colors are followed.
        palette: colors to which what the network is unsure of is drawn; not beside a reference.
        overwrite: replace what is there already, whatever it is.

    Returns:
        What was done: how it was written, and warnings; where the same result is there already,
        that. See :class:`~keras_colorize.coloring.report.Record`.

    Raises:
        PhotoError: the photograph, or the reference, cannot be used, or the result not be written;
            or something else is in its place.
        ConfigError: the ending names no format that is written, or the result is the photograph.
        RunError: the disk is full, or forbids it.
        TypeError: the hints or the palette are no list, or a hint is a ``Region``: an area of a
            file is an ``Outline``.
        ValueError: both a reference and a palette are given, or a color is none.
    """
    source, result = Path(source), Path(result)
    task = Task(source, Path(result.name), _format_of(result))
    if result.exists() and source.exists() and result.samefile(source):
        raise ConfigError(f"expected a result apart from the photograph. Received: {result} twice")
    check_list("hints", hints, Hint, Outline)
    check_list("palette", palette)
    decisions = None
    if len(hints) or reference is not None or len(palette):
        decisions = Decisions(
            photo=_hash(source),
            model=colorizer.model_hash,
            working_size=colorizer.working_size,
            saturation=colorizer.saturation,
            reference=None if reference is None else _hash(reference),
            palette=tuple(map(hex_of, palette)),
            hints=tuple(dataclasses.replace(hint, color=hex_of(hint.color)) for hint in hints),
        )
    with _laid_out(reference, decisions) as references:
        options = ColoringOptions(
            overwrite=overwrite, decisions=lambda *_: decisions, references=references
        )
        record = process(task, Folder(result.parent), colorizer, options)
    if record.status == "failed":
        raise PhotoError(f"{source}: {record.reason}")
    return record


def _format_of(result: Path) -> str:
    format_ = FORMATS.get(result.suffix.lower())
    if format_ not in WRITABLE:
        endings = ", ".join(map(suffix_of, WRITABLE))
        raise ConfigError(f"expected a result that ends in {endings}. Received: {result}")
    return format_


def _hash(photo: str | Path) -> str:
    with naming_photo(photo):
        open_file(Path(photo)).close()  # refuses what is no file
        return hash_file(Path(photo))


@contextlib.contextmanager
def _laid_out(reference: str | Path | None, decisions: Decisions | None) -> Iterator[Path]:
    """A folder in which the reference lies where decisions look for it."""
    if reference is None or decisions is None:
        yield Path()
        return
    read_reference(reference)  # what is wrong with it is said with its own name
    with tempfile.TemporaryDirectory() as folder:
        link = Path(
            folder, REFERENCES, f"{decisions.reference}{Path(reference).suffix or '.photo'}"
        )
        link.parent.mkdir()
        link.symlink_to(Path(reference).absolute())
        yield Path(folder)
