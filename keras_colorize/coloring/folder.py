"""Photographs and folders of them colored, several at a time, and every one accounted for."""

import contextlib
import logging
import os
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path

from tqdm import tqdm

from keras_colorize.coloring.colorizer import Colorizer
from keras_colorize.coloring.photo import ColoringOptions, color_photo
from keras_colorize.coloring.report import (
    Ledger,
    Record,
    Status,
    refuse_other_shards,
    report_path,
)
from keras_colorize.coloring.tasks import Shard, Task, clear_leftovers, find_tasks
from keras_colorize.errors import PhotoError
from keras_colorize.photos.finding import describe_others
from keras_colorize.photos.reading import largest_size

__all__ = ["colorize_photos", "default_workers"]

_log = logging.getLogger(__name__)

# Photographs of more pixels than this together are not worked on at the same time.
_PIXELS_AT_ONCE = 100_000_000


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
        RunError: there is a file in the place of the report, or another process works there and
            its part is not one of as many.
        OSError: the output folder cannot be written.
    """
    options, shard = options or ColoringOptions(), shard or Shard()
    output = Path(output)
    named = [Path(photo) for photo in photos]
    tasks = find_tasks(named, output, format_, shard)
    if others := describe_others([path for path in named if path.is_dir()], output):
        _log.warning("%s", others)
    output.mkdir(parents=True, exist_ok=True)
    budget = _PixelBudget(_PIXELS_AT_ONCE)

    def work(task: Task) -> Record | None:
        with budget.spend(_pixels(task)) as granted:
            return color_photo(task, output, colorizer, options) if granted else None

    counts: Counter[Status] = Counter()
    with (
        Ledger(report_path(output, shard)) as ledger,
        tqdm(total=len(tasks), desc="colorizing", unit="photo", disable=not show_progress) as bar,
    ):
        # Behind the ledger: of two processes that begin together, one at least sees the other.
        refuse_other_shards(output, shard)
        clear_leftovers(output, tasks)

        def report(record: Record) -> None:
            ledger.add(record)
            counts[record.status] += 1
            if record.status == "failed":
                _log.error("failed: %s: %s", record.source, record.reason)
            bar.update()

        _work_ahead(work, tasks, report, workers or default_workers(), budget.close)
    return dict(counts)


class _PixelBudget:
    """Bounds how many pixels are worked on at the same time, and with them the memory.

    A photograph of more than that is worked on alone.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._spent = 0
        self._closed = False
        self._changed = threading.Condition()

    def close(self) -> None:
        """Grant nothing any more, not to those who wait either."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @contextlib.contextmanager
    def spend(self, pixels: int) -> Iterator[bool]:
        """Wait for so many, and hold them while the block runs; give whether they were granted."""
        pixels = min(pixels, self._size)
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._spent + pixels <= self._size)
            granted = not self._closed
            self._spent += pixels
        try:
            yield granted
        finally:
            with self._changed:
                self._spent -= pixels
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
