"""``python -m keras_colorize.colorize``: photographs in, color photographs out."""

import contextlib
import logging
import math
import os
import re
import sys
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jsonargparse import ArgumentParser
from tqdm import tqdm

from keras_colorize.cli import run_command
from keras_colorize.coloring.report import Ledger, Record, Status
from keras_colorize.coloring.tasks import Shard, Task, clear_leftovers, find_tasks
from keras_colorize.errors import ConfigError, PhotoError
from keras_colorize.photos.formats import suffix_of
from keras_colorize.photos.originals import largest_size
from keras_colorize.photos.pixels import check_size
from keras_colorize.photos.writing import WRITABLE

if TYPE_CHECKING:
    from keras_colorize.coloring.colorizer import Colorizer
    from keras_colorize.coloring.photo import ColoringOptions

__all__ = ["colorize_photos", "default_workers", "main"]

_log = logging.getLogger(__name__)

# Photographs of more pixels than this together are not worked on at the same time.
_PIXELS_AT_ONCE = 100_000_000
_SIZES = re.compile(r"[0-9]+(,[0-9]+)*")
_SUFFIXES = {suffix_of(format_)[1:]: format_ for format_ in WRITABLE}


def main(argv: Sequence[str] | None = None) -> int:
    """Colorize as the arguments say: status 0 all done, 1 some failed, 2 unusable call."""
    return run_command(_colorize, argv)


def default_workers() -> int:
    """Photographs worked on at the same time: one more than there are cores."""
    return (os.cpu_count() or 1) + 1  # one or another waits for the disk


def colorize_photos(
    photos: Iterable[str | Path],
    output: str | Path,
    colorizer: "Colorizer",
    options: "ColoringOptions | None" = None,
    *,
    format_: str | None = None,
    shard: Shard | None = None,
    workers: int | None = None,
    show_progress: bool = True,
) -> dict[Status, int]:
    """Colorize files, and folders recursively with their structure kept.

    What was done with each photograph stands in ``report.csv`` in the output folder, or
    ``report_i_of_n.csv`` with a shard. A photograph that cannot be read or written is reported and
    skipped. Called again after an interruption, it goes on with what is not done yet.

    Args:
        photos: files and folders.
        output: folder for the results; created where it is missing.
        colorizer: what adds the color.
        options: how results are written.
        format_: of all results, one of :data:`~keras_colorize.photos.writing.WRITABLE`; by default
            each keeps its own.
        shard: do only this part of the work.
        workers: photographs worked on at the same time; by default :func:`default_workers`.
        show_progress: draw a progress bar on standard error.

    Returns:
        How many photographs there are of each status.

    Raises:
        DataError: there is no photograph at all, or a result would come to lie in the place of one.
        RunError: there is a file in the place of the report, or another process works there.
        OSError: the output folder cannot be written.
    """
    from keras_colorize.coloring.photo import ColoringOptions, color_photo

    options = options or ColoringOptions()
    output = Path(output)
    tasks = find_tasks(photos, output, format_, shard)
    output.mkdir(parents=True, exist_ok=True)
    room = _Room(_PIXELS_AT_ONCE)

    def work(task: Task) -> Record | None:
        with room.take(_pixels(task)) as entered:
            return color_photo(task, output, colorizer, options) if entered else None

    counts: Counter[Status] = Counter()
    with (
        Ledger(output / _report_name(shard)) as ledger,
        tqdm(total=len(tasks), desc="colorizing", unit="photo", disable=not show_progress) as bar,
    ):
        clear_leftovers(output, tasks)  # behind the ledger: no other process is at these results

        def report(record: Record) -> None:
            ledger.add(record)
            counts[record.status] += 1
            if record.status == "failed":
                _log.error("failed: %s: %s", record.source, record.reason)
            bar.update()

        _work_ahead(work, tasks, report, workers or default_workers(), room.close)
    return dict(counts)


class _Room:
    """Lets photographs in as long as they have no more pixels together than there is room for.

    A larger one is let in alone.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._taken = 0
        self._closed = False
        self._changed = threading.Condition()

    def close(self) -> None:
        """Let nobody in any more, not those who wait either."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @contextlib.contextmanager
    def take(self, pixels: int) -> Iterator[bool]:
        """Wait for room, and take it while the block runs; give whether there was any."""
        pixels = min(pixels, self._size)
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._taken + pixels <= self._size)
            entered = not self._closed
            self._taken += pixels
        try:
            yield entered
        finally:
            with self._changed:
                self._taken -= pixels
                self._changed.notify_all()


def _pixels(task: Task) -> int:
    try:
        width, height = largest_size(task.source)
    except PhotoError:  # which coloring it will report
        return 0
    return width * height


def _work_ahead(
    work: Callable[[Task], Record | None],
    tasks: Iterable[Task],
    report: Callable[[Record], None],
    workers: int,
    stop: Callable[[], None],
) -> None:
    """Work on so many tasks at once; report in order, with no more waiting than workers.

    After an error or an interruption, what has begun is finished, no more: ``stop`` is called, upon
    which work that has not begun must return ``None``. After an interruption, what was finished is
    reported too.
    """
    remaining = iter(tasks)
    listed = threading.Event()

    def begin(task: Task) -> Record | None:
        listed.wait()  # what begins before it stands in the list is lost at an interruption
        return work(task)

    def report_next(future: Future[Record | None]) -> None:
        record = future.result()
        if record is not None:
            report(record)

    with ThreadPoolExecutor(workers) as pool:
        running: deque[Future[Record | None]] = deque()
        try:
            running.extend(pool.submit(begin, task) for task in islice(remaining, 2 * workers))
            listed.set()
            while running:
                report_next(running[0])
                running.popleft()
                running.extend(pool.submit(begin, task) for task in islice(remaining, 1))
        except KeyboardInterrupt:
            begun = [future for future in running if not future.cancel()]
            stop()
            listed.set()
            for future in begun:
                report_next(future)
            raise
        finally:
            for future in running:
                future.cancel()
            stop()
            listed.set()


def _report_name(shard: Shard | None) -> str:
    if shard is None or shard.count == 1:
        return "report.csv"
    return f"report_{shard.index}_of_{shard.count}.csv"


# -- the command ------------------------------------------------------------------------------


def _colorize(argv: Sequence[str]) -> int:
    args = _parser().parse_args(_join_sizes(argv))
    _check_arguments(args)
    args.output = Path(args.output)
    sizes = _parse_sizes(args.working_size)
    shard = None if args.shard is None else Shard.parse(args.shard)
    format_ = None if args.format == "keep" else _SUFFIXES[args.format]
    if args.dry_run:
        return _plan(args, len(sizes) > 1, format_, shard)
    # TensorFlow takes seconds to import; --help and mistaken arguments need not wait for it.
    from keras_colorize.coloring.colorizer import Colorizer, compute_side_by_side
    from keras_colorize.coloring.decisions import DecisionsFolder
    from keras_colorize.coloring.photo import ColoringOptions

    decisions = None if args.decisions is None else DecisionsFolder(args.decisions)
    several = len(args.photos) > 1 or Path(args.photos[0]).is_dir()
    if several and args.workers != 1:
        compute_side_by_side()
    colorizer = Colorizer.load(
        args.model,
        sizes[0] if len(sizes) == 1 else None,
        saturation=args.saturation,
        ensemble=args.ensemble,
    )
    colorizer.check_sizes(sizes)
    options = ColoringOptions(
        quality=args.quality,
        overwrite=args.overwrite,
        compare=args.compare,
        sizes=tuple(sizes) if len(sizes) > 1 else (),
        remove_tint=args.remove_tint,
        max_pixels=args.max_pixels,
        decisions=decisions,
    )
    counts = colorize_photos(
        args.photos,
        args.output,
        colorizer,
        options,
        format_=format_,
        shard=shard,
        workers=args.workers,
    )
    report = args.output / _report_name(shard)
    statuses: tuple[Status, ...] = ("colorized", "already done", "failed")
    parts = [f"{counts.get(status, 0)} {status}" for status in statuses]
    print(f"{', '.join(parts)}; see {report}")
    return 1 if counts.get("failed") else 0


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="python -m keras_colorize.colorize",
        description="Color photographs with a trained generator; their luminance stays. Exit "
        "status: 0 all done, 1 some photographs failed (report.csv says which and why), 2 the call "
        "could not be carried out.",
        exit_on_error=False,
    )
    add: Callable[..., Any] = parser.add_argument
    add("photos", nargs="+", help="photographs, or folders of them")
    add("--output", type=str, required=True, help="folder for the results")
    add("--model", type=str, help="a run's generator.keras; by default the shipped one")
    add(
        "--working_size",
        type=str,
        help="short side in pixels of the copy that the network sees; by default the size it was "
        "trained at. Several, such as 192,256: a sheet that compares them, in sizes/, instead of "
        "results",
    )
    add("--saturation", type=float, default=1.0, help="factor of all color; 0 is gray")
    add(
        "--ensemble",
        action="store_true",
        help="average six predictions, at three sizes and mirrored, and write a map of where they "
        "agree (white) and where they don't (black) to confidence/",
    )
    add(
        "--format",
        type=str,
        default="keep",
        choices=["keep", *_SUFFIXES],
        help="of the results; keep: the photograph's own (PNG for those that are not written)",
    )
    add("--quality", type=int, default=95, help="of JPEG and WebP, 1 to 100")
    add("--compare", action="store_true", help="also write gray | color to compare/")
    add("--remove_tint", action="store_true", help="make the paper of toned prints white first")
    add("--decisions", type=str, help="folder with what was decided in the studio, to follow it")
    add("--overwrite", action="store_true", help="replace existing results")
    add("--workers", type=int, help="photographs at the same time; by default cores + 1")
    add("--shard", type=str, help="i/n: do only part i of n, for n machines")
    add("--max_pixels", type=int, default=200_000_000, help="refuse larger photographs")
    add("--dry_run", action="store_true", help="only list what would be done")
    return parser


def _join_sizes(argv: Sequence[str]) -> list[str]:
    """``--working_size 192 256`` to ``--working_size=192,256``; the next argument is a photograph.

    Raises:
        ConfigError: a number may be either.
    """
    joined: list[str] = []
    rest = deque(argv)
    while rest:
        argument = rest.popleft()
        sizes: list[str] = []
        while argument == "--working_size" and rest and _SIZES.fullmatch(rest[0]):
            sizes.append(rest.popleft())
            if len(sizes) > 1 and os.path.lexists(sizes[-1]):
                raise ConfigError(
                    f"is {sizes[-1]} a size or a photograph? Write --working_size="
                    f"{','.join(sizes)}, or --working_size={','.join(sizes[:-1])} ./{sizes[-1]}"
                )
        joined.append(f"{argument}={','.join(sizes)}" if sizes else argument)
    return joined


def _parse_sizes(text: str | None) -> list[int]:
    if text is None:
        return []
    if not _SIZES.fullmatch(text):
        raise ConfigError(
            f"--working_size must be whole numbers, such as 192 or 192,256. Received: {text}"
        )
    return [int(size) for size in text.split(",")]


def _check_arguments(args: Any) -> None:
    # Of a script whose variable isn't set; it would mean the current folder.
    if not all([args.output, *args.photos]):
        raise ConfigError("photographs and --output must be names. Received: an empty one")
    if not 1 <= args.quality <= 100:
        raise ConfigError(f"--quality must be 1 to 100. Received: {args.quality}")
    if args.workers is not None and args.workers < 1:
        raise ConfigError(f"--workers must be at least 1. Received: {args.workers}")
    if args.max_pixels < 1:
        raise ConfigError(f"--max_pixels must be at least 1. Received: {args.max_pixels}")
    if not 0.0 <= args.saturation < math.inf:
        raise ConfigError(f"--saturation must be at least 0. Received: {args.saturation}")
    if args.decisions is not None and (args.ensemble or "," in (args.working_size or "")):
        raise ConfigError(
            "--decisions are about single results: leave out --ensemble, and of --working_size "
            "all but one"
        )


def _plan(args: Any, compares_sizes: bool, format_: str | None, shard: Shard | None) -> int:
    """Print what would become what; status 1 where something would be refused."""
    tasks = find_tasks(args.photos, args.output, format_, shard)
    refused = 0
    for task in tasks:
        target = args.output / (task.sheet("sizes") if compares_sizes else task.relative)
        there = " (exists)" if target.exists() else ""
        try:
            width, height = largest_size(task.source)
            check_size(width, height, args.max_pixels)
            note = f"{width} x {height}"
        except PhotoError as error:
            note, refused = f"refused: {error}", refused + 1
        print(f"{task.source} -> {target}{there} [{note}]")
    print(f"{len(tasks)} photographs, {refused} refused; nothing was written")
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
