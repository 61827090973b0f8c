"""``python -m keras_colorize.colorize``: photographs and films in, the same in color out."""

import contextlib
import logging
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from keras_colorize.cli import (
    CommandParser,
    add_coloring_options,
    check_coloring_options,
    format_of,
    hidden,
    import_keras,
    options_of,
    run_command,
    without_remarks,
)
from keras_colorize.coloring.arguments import RUNTIMES
from keras_colorize.coloring.report import Status, describe_counts, report_path
from keras_colorize.coloring.tasks import Shard, find_tasks
from keras_colorize.errors import ConfigError, PhotoError, VideoError
from keras_colorize.looks import LOOKS, NATURAL
from keras_colorize.photos.finding import FILM_SUFFIXES, describe_others, find_photos
from keras_colorize.photos.pixels import check_size
from keras_colorize.photos.reading import largest_size
from keras_colorize.video.encoding import CODECS
from keras_colorize.video.probing import probe
from keras_colorize.video.tasks import FilmTask, find_films

__all__ = ["main"]

_log = logging.getLogger(__name__)

# Options that say nothing of films.
_OF_PHOTOS = (
    *("compare", "certainty", "proposals", "remove_tint", "format", "quality"),
    *("album", "like"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Colorize as the arguments say: status 0 all done, 1 some failed, 2 unusable call."""
    return run_command(_colorize, argv)


def _colorize(argv: Sequence[str]) -> int:
    parser = _parser()
    args = parser.parse_args(argv)
    _check_arguments(args)
    args.output = Path(args.output)
    sizes = _parse_sizes(args.working_size)
    shard = Shard() if args.shard is None else Shard.parse(args.shard)
    format_ = format_of(args.format)
    films = find_films(
        args.photos, args.output, args.video_codec, _parse_rate(args.frames_per_second)
    )
    photos = _without_films(args.photos, films)
    if films and not photos:
        _refuse_photo_options(args, parser)
    films = [film for film in films if shard.holds(film.relative)]
    if films and len(sizes) > 1:
        raise ConfigError("several --working_size are compared on photographs, not on films")
    if args.dry_run:
        return _plan(args, photos, films, len(sizes) > 1, format_, shard)
    # They take a moment; --help and mistaken arguments need not wait for them.
    from keras_colorize.coloring.colorizer import Colorizer
    from keras_colorize.coloring.decisions_folder import DecisionsFolder
    from keras_colorize.coloring.folder import colorize_photos
    from keras_colorize.coloring.options import ColoringOptions
    from keras_colorize.coloring.reduction import reduce_luminance
    from keras_colorize.models.saved import has_twin

    folder = None if args.decisions is None else DecisionsFolder(args.decisions)
    decisions = None if folder is None else folder.find
    several = len(photos) > 1 or any(Path(photo).is_dir() for photo in photos)
    # Numba, at its first function, looks for SciPy in case of linear algebra: a tenth of all.
    with hidden("scipy"):
        reduce_luminance(np.zeros((16, 16), np.uint8), 1)
    on_keras = args.runtime == "keras" or not has_twin(args.model)
    if on_keras:
        import_keras()
    with contextlib.nullcontext() if on_keras else without_remarks():
        colorizer = Colorizer.load(
            args.model,
            sizes[0] if len(sizes) == 1 else None,
            saturation=args.saturation,
            look=args.look,
            runtime=args.runtime,
            # The cores are busy already; to share out each photograph as well takes a third more.
            threads=1 if several and args.workers != 1 else None,
        )
    for size in sizes:
        colorizer.facts.check_working_size(size)
    options = ColoringOptions(
        **options_of(args),
        sizes=tuple(sizes) if len(sizes) > 1 else (),
        decisions=decisions,
        references=Path(args.decisions or ""),
    )
    options.check(colorizer)
    counts: Counter[Status] = Counter()
    if photos:
        counts.update(
            colorize_photos(
                photos,
                args.output,
                colorizer,
                options,
                format_=format_,
                shard=shard,
                together=args.album,
                like=args.like or (),
                workers=args.workers,
            )
        )
    if films:
        from keras_colorize.video.film import FilmOptions
        from keras_colorize.video.films import colorize_films

        film_options = FilmOptions(
            codec=args.video_codec,
            crf=args.crf,
            overwrite=args.overwrite,
            key_frames=args.key_frames,
            decisions=decisions,
            references=Path(args.decisions or ""),
            max_pixels=args.max_pixels,
        )
        counts.update(colorize_films(films, args.output, colorizer, film_options, shard))
    # Of one part of the work, most decisions are about another.
    if folder is not None and shard.count == 1 and (unused := folder.describe_unused()):
        _log.warning("%s", unused)
    print(f"{describe_counts(counts)}; see {report_path(args.output, shard)}")
    return 1 if counts.get("failed") else 0


def _without_films(named: Sequence[str], films: Sequence[FilmTask]) -> list[str]:
    """The files and folders in which photographs are to be looked for.

    Where there are films, a folder without any photograph is not one of them.
    """
    taken = {film.source.resolve() for film in films if film.rate is not None}
    photos = [path for path in named if Path(path).suffix.lower() not in FILM_SUFFIXES]
    photos = [path for path in photos if Path(path).resolve() not in taken]
    if films:
        photos = [path for path in photos if not Path(path).is_dir() or find_photos(path)]
    return photos


def _parser() -> CommandParser:
    parser = CommandParser(
        prog="python -m keras_colorize.colorize",
        description="Color photographs and films with a trained generator; their luminance stays. "
        "Exit status: 0 all done, 1 some failed (report.csv says which and why), 2 the call "
        "could not be carried out.",
    )
    add: Callable[..., Any] = parser.add_argument
    add("photos", nargs="+", help="photographs and films, or folders of them")
    add("--output", type=str, required=True, help="folder for the results")
    add(
        "--working_size",
        type=str,
        help="short side in pixels of the copy that the network sees; by default the size it was "
        "trained at. Several, such as 192,256: a sheet that compares them, in sizes/, instead of "
        "results",
    )
    add_coloring_options(add)
    add("--decisions", type=str, help="folder with what was decided in the studio, to follow it")
    add(
        "--album",
        action="store_true",
        help="what several of the photographs show gets one color in all of them; each is looked "
        "at once before any is colored",
    )
    add(
        "--like",
        nargs="+",
        help="color photographs of the same things (or folders of them), whose colors are followed",
    )
    add(
        "--look",
        type=str,
        default=NATURAL,
        choices=list(LOOKS),
        help="what the colors become in an old process",
    )
    add("--workers", type=int, help="photographs at the same time; by default cores + 1")
    add(
        "--video_codec",
        type=str,
        default="h264",
        choices=list(CODECS),
        help="of films; ffv1 keeps every pixel",
    )
    add(
        "--frames_per_second",
        type=str,
        help="such as 16 or 24000/1001: each folder, or pattern such as frame_%%05d.png, is the "
        "frames of one film",
    )
    add(
        "--key_frames",
        action="store_true",
        help="write a still of each shot of films to key_frames/, to correct them in the studio",
    )
    add("--crf", type=int, default=17, help="quality of films, 0 to 51: lower is better and larger")
    add(
        "--runtime",
        type=str,
        default="auto",
        choices=list(RUNTIMES),
        help="what runs the network: the twin that a packed model has for LiteRT, which starts "
        "within a moment, or Keras; auto: the twin where there is one",
    )
    add("--dry_run", action="store_true", help="only list what would be done")
    return parser


def _parse_sizes(text: str | None) -> list[int]:
    if text is None:
        return []
    try:
        return [int(size) for size in text.split(",")]
    except ValueError as error:
        raise ConfigError(
            f"--working_size must be whole numbers, such as 192 or 192,256. Received: {text}"
        ) from error


def _parse_rate(text: str | None) -> Fraction | None:
    try:
        rate = None if text is None else Fraction(text)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if rate is not None and not 0 < rate <= 1000:
        raise ConfigError(
            "--frames_per_second must be a number up to 1000, such as 16 or 24000/1001. "
            f"Received: {text}"
        )
    return rate


def _check_arguments(args: Any) -> None:
    check_coloring_options(args)
    if args.workers is not None and args.workers < 1:
        raise ConfigError(f"--workers must be at least 1. Received: {args.workers}")
    if not 0 <= args.crf <= 51:
        raise ConfigError(f"--crf must be 0 to 51. Received: {args.crf}")
    single = args.decisions is not None or args.album or args.like
    if single and "," in (args.working_size or ""):
        raise ConfigError(
            "--decisions, --album and --like are about single results: leave out all but one "
            "--working_size"
        )


def _refuse_photo_options(args: Any, parser: CommandParser) -> None:
    """Refuse options that say nothing of films, where there is nothing else."""
    names = [name for name in _OF_PHOTOS if getattr(args, name) != parser.get_default(name)]
    if names:
        raise ConfigError(
            "expected photographs beside the films, or none of the options that are about them. "
            f"Received: {' '.join(f'--{name}' for name in names)}"
        )


def _plan(
    args: Any,
    photos: Sequence[str],
    films: Sequence[FilmTask],
    compares_sizes: bool,
    format_: str | None,
    shard: Shard,
) -> int:
    """Print what would become what; status 1 where something would be refused."""
    tasks = find_tasks(photos, args.output, format_, shard) if photos else []
    refused = 0
    for task in tasks:
        target = args.output / (task.sheet("sizes") if compares_sizes else task.relative)
        try:
            width, height = largest_size(task.source)
            check_size(width, height, args.max_pixels)
            note = f"{width} x {height}"
        except PhotoError as error:
            note, refused = f"refused: {error}", refused + 1
        _print_plan(task.source, target, note)
    for film_task in films:
        try:
            with film_task.opened() as source:
                film = probe(film_task.source, source)
            note = f"{film.width} x {film.height}, {film.frame_count or 'unknown'} frames"
        except VideoError as error:
            note, refused = f"refused: {error}", refused + 1
        _print_plan(film_task.source, args.output / film_task.relative, note)
    folders = [Path(photo) for photo in args.photos if Path(photo).is_dir()]
    if others := describe_others(folders, args.output):
        print(others)
    counted = f"{len(tasks)} photographs" + (f", {len(films)} films" if films else "")
    print(f"{counted}, {refused} refused; nothing was written")
    return 1 if refused else 0


def _print_plan(source: Path, target: Path, note: str) -> None:
    print(f"{source} -> {target}{' (exists)' if target.exists() else ''} [{note}]")


if __name__ == "__main__":
    sys.exit(main())
