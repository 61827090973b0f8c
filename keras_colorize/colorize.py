"""``python -m keras_colorize.colorize``: photographs in, color photographs out."""

import logging
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jsonargparse import ArgumentParser
from tqdm import tqdm

from keras_colorize.cli import UNUSABLE, run_command
from keras_colorize.errors import DataError, PhotoError
from keras_colorize.photos import find_photos, save_photo

if TYPE_CHECKING:
    from keras_colorize.colorizer import Colorizer

__all__ = ["colorize_photos", "main"]

_log = logging.getLogger(__name__)

# Formats that are written as they were read; a photograph in another becomes a PNG.
_KEPT_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff")


def main(argv: Sequence[str] | None = None) -> int:
    """Colorize as the arguments say: status 0 all done, 1 some failed, 2 nothing could be done."""
    return run_command(_colorize, argv)


def colorize_photos(
    photos: Iterable[str | Path],
    output: str | Path,
    colorizer: "Colorizer",
    *,
    overwrite: bool = False,
    show_progress: bool = True,
) -> tuple[list[Path], list[Path]]:
    """Colorize files, and folders recursively with their structure kept.

    A photograph that cannot be read or written is reported and skipped.

    Args:
        photos: files and folders.
        output: folder for the results; created where it is missing.
        colorizer: what adds the color.
        overwrite: replace results that exist already; otherwise such a photograph fails.
        show_progress: draw a progress bar on standard error.

    Returns:
        The files written, and the photographs that failed.

    Raises:
        DataError: there is no photograph at all, or a folder does not exist.
    """
    photos = list(photos)
    tasks = list(_tasks(photos, Path(output)))
    if not tasks:
        raise DataError(f"expected photographs, found none in {', '.join(map(str, photos))}")
    written, failed = [], []
    for source, target in tqdm(tasks, "colorizing", unit="photo", disable=not show_progress):
        try:
            if target.exists() and target.samefile(source):
                raise PhotoError("the result would replace the original; choose another --output")
            if target.exists() and not overwrite:
                raise PhotoError(f"{target} exists already; pass --overwrite to replace it")
            _make_folder(target.parent)
            save_photo(target, np.asarray(colorizer(source)), overwrite=overwrite)
        except (PhotoError, MemoryError) as error:
            _log.error("failed: %s: %s", source, error or "not enough memory")
            failed.append(source)
        else:
            written.append(target)
    return written, failed


def _colorize(argv: Sequence[str]) -> int:
    parser = ArgumentParser(
        prog="python -m keras_colorize.colorize",
        description="Color photographs with a trained generator; their luminance stays.",
        exit_on_error=False,
    )
    parser.add_argument("photos", nargs="+", help="photographs, or folders of them")
    parser.add_argument("--output", type=str, required=True, help="folder for the results")
    parser.add_argument("--model", type=str, help="a run's generator.keras")
    parser.add_argument(
        "--working_size",
        type=int,
        help="short side in pixels of the copy that the network sees; by default the size it was "
        "trained at",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace existing results")
    args = parser.parse_args(argv)
    # TensorFlow takes seconds to import; --help and mistaken arguments need not wait for it.
    from keras_colorize.colorizer import Colorizer

    colorizer = Colorizer.load(args.model, args.working_size)
    written, failed = colorize_photos(args.photos, args.output, colorizer, overwrite=args.overwrite)
    print(f"wrote {len(written)} photographs to {args.output}; {len(failed)} failed")
    if not written:
        return UNUSABLE
    return 1 if failed else 0


def _tasks(photos: Iterable[str | Path], output: Path) -> Iterator[tuple[Path, Path]]:
    """Each photograph and the file it becomes; those of one name are numbered."""
    taken: set[Path] = set()
    for path in map(Path, photos):
        sources = find_photos(path) if path.is_dir() else [path]
        for source in sources:
            relative = source.relative_to(path) if path.is_dir() else Path(source.name)
            target = output / relative
            if target.suffix.lower() not in _KEPT_SUFFIXES:
                target = target.with_suffix(".png")
            target = _free(target, taken)
            taken.add(target)
            yield source, target


def _free(target: Path, taken: set[Path]) -> Path:
    """The name itself, or the first of name_2, name_3 … that is not taken."""
    candidate, number = target, 1
    while candidate in taken:
        number += 1
        candidate = target.with_stem(f"{target.stem}_{number}")
    return candidate


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PhotoError(f"cannot create the folder {folder}: {error.strerror}") from error


if __name__ == "__main__":
    sys.exit(main())
