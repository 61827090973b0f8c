"""Photographs and folders of them colored, several at a time, and every one accounted for."""

import contextlib
import dataclasses
import logging
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from tqdm import tqdm

from keras_colorize.coloring.album import Album
from keras_colorize.coloring.budget import PIXELS_AT_ONCE, PixelBudget
from keras_colorize.coloring.colorizer import Colorizer
from keras_colorize.coloring.filling import add_references, fill_album
from keras_colorize.coloring.options import ColoringOptions
from keras_colorize.coloring.photo import process
from keras_colorize.coloring.report import (
    Ledger,
    Record,
    Status,
    refuse_other_shards,
    report_path,
)
from keras_colorize.coloring.side_by_side import work_ahead
from keras_colorize.coloring.targets import Folder
from keras_colorize.coloring.tasks import Shard, Task, clear_leftovers, find_tasks
from keras_colorize.files import make_folder
from keras_colorize.photos.finding import describe_others

__all__ = ["colorize_photos", "default_workers"]

_log = logging.getLogger(__name__)


def default_workers() -> int:
    """Photographs worked on at the same time: one more than there are cores."""
    return (os.cpu_count() or 1) + 1  # one or another waits for the disk


def colorize_photos(
    photos: Iterable[str | Path],
    output: str | Path,
    colorizer: Colorizer,
    options: ColoringOptions | None = None,
    *,
    format_: str | None = None,
    shard: Shard | None = None,
    together: bool = False,
    like: Sequence[str | Path] = (),
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
        together: what several of the photographs show gets one color. Each is looked at once
            before any is colored, those of other shards too.
        like: color photographs of the same things, whose colors are followed.
        workers: photographs worked on at the same time; by default :func:`default_workers`.
        show_progress: draw a progress bar on standard error.

    Returns:
        How many photographs there are of each status.

    Raises:
        DataError: there is no photograph at all, or a result would come to lie in the place of one.
        RunError: there is a file in the place of the report, or another process works there and
            its part is not one of as many.
        ConfigError: a photograph of ``like`` cannot be used, or none in a folder of it; nothing is
            written then.
        OSError: the output folder cannot be written.
    """
    wanted, shard = options or ColoringOptions(), shard or Shard()
    output = Path(output)
    named = [Path(photo) for photo in photos]
    album_of = find_tasks(named, output, format_)
    tasks = [task for task in album_of if shard.holds(task.relative)]
    if others := describe_others([path for path in named if path.is_dir()], output):
        _log.warning("%s", others)
    budget, folder = PixelBudget(PIXELS_AT_ONCE), Folder(output)

    def work(task: Task) -> Record | None:
        with budget.spend(task.source) as granted:
            return process(task, folder, colorizer, wanted) if granted else None

    counts: Counter[Status] = Counter()
    with contextlib.ExitStack() as opened:
        album = None
        if together or like:
            album = opened.enter_context(Album(_room_for(output)))
            add_references(album, like, colorizer)  # before anything is written
        make_folder(output)
        ledger = opened.enter_context(Ledger(report_path(output, shard)))
        # Behind the ledger: of two processes that begin together, one at least sees the other.
        refuse_other_shards(output, shard)
        clear_leftovers(output, tasks)
        if album is not None:
            fill_album(
                album,
                album_of if together else tasks,
                colorizer,
                wanted,
                together=together,
                workers=workers or default_workers(),
                show_progress=show_progress,
            )
            wanted = dataclasses.replace(wanted, album=album)
        bar = opened.enter_context(
            tqdm(total=len(tasks), desc="colorizing", unit="photo", disable=not show_progress)
        )

        def report(record: Record) -> None:
            ledger.add(record)
            counts[record.status] += 1
            if record.status == "failed":
                _log.error("failed: %s: %s", record.source, record.reason)
            bar.update()

        work_ahead(work, tasks, report, workers or default_workers(), budget.close)
    return dict(counts)


def _room_for(output: Path) -> Path:
    """The output folder, or the one that it will be made in."""
    return next(folder for folder in (output, *output.absolute().parents) if folder.is_dir())
