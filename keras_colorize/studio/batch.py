"""Results written, one or the whole album, through the same function as ``colorize``."""

import dataclasses
import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keras_colorize.cli import one_line
from keras_colorize.coloring.colorizer import Colorizer
from keras_colorize.coloring.decisions import Decisions
from keras_colorize.coloring.options import ColoringOptions
from keras_colorize.coloring.photo import process
from keras_colorize.coloring.report import Ledger, Record
from keras_colorize.coloring.targets import Folder
from keras_colorize.coloring.tasks import Task
from keras_colorize.errors import ConfigError, PhotoError, RunError
from keras_colorize.studio.album import Album

__all__ = ["Batch", "Progress", "Writer"]

_log = logging.getLogger(__name__)


class Writer:
    """Writes results and reports them. Safe for several threads.

    Args:
        album: where they belong.
        colorizer: what paints.
        ledger: the output folder's report.
        max_pixels: photographs with more are refused.
    """

    def __init__(self, album: Album, colorizer: Colorizer, ledger: Ledger, max_pixels: int) -> None:
        self._album = album
        self._colorizer = colorizer
        self._ledger = ledger
        self._max_pixels = max_pixels
        self._lock = threading.Lock()

    def initial(self, photo: str) -> Decisions:
        """What holds as long as nothing is decided about a photograph, given by its SHA-256."""
        colorizer = self._colorizer
        return Decisions(
            photo,
            colorizer.model_hash,
            colorizer.working_size,
            colorizer.saturation,
            look=colorizer.look,
        )

    def decisions(self, task: Task, photo: str) -> Decisions:
        """What holds for a photograph, given with its SHA-256: what was decided, or else holds.

        Raises:
            ConfigError: the decisions that are there are damaged.
        """
        return self._album.decisions(task, photo) or self.initial(photo)

    def change(self, task: Task, change: Callable[[Decisions], Decisions]) -> None:
        """Decide some things about a photograph; the others stay as they were decided.

        Args:
            task: the photograph.
            change: gives the new decisions for those that hold.

        Raises:
            PhotoError: it cannot be read.
            ConfigError: the decisions that are there are damaged.
            OSError: they cannot be written.
        """
        # Hashed first: that takes long, and whoever decides meanwhile would have to wait.
        self._album.decide(task, self.initial(self._album.hash(task)), change)

    def write(self, task: Task) -> Record:
        """Color a photograph as it was decided, into the album's output folder.

        Raises:
            OSError: the report cannot be written.
        """
        target = self._album.output / task.relative
        try:
            photo = self._album.hash(task)
            decisions = self._album.decisions(task, photo)
            ours = self._album.has_result(task, photo)
        except (ConfigError, PhotoError) as error:
            return self.fail(task, str(error))
        if target.is_file() and not ours:
            return self.fail(
                task,
                f"{target} exists already and was not made of this photograph; move it away, or "
                "start the studio with another --output",
            )

        def find(colored: str, _: Path) -> Decisions | None:
            if colored != photo:
                raise PhotoError("its file was changed just now; look at it, and save it again")
            return decisions

        options = ColoringOptions(
            overwrite=ours,  # results of earlier decisions; nothing else is replaced
            max_pixels=self._max_pixels,
            decisions=find,
            references=self._album.output,
        )
        folder = Folder(self._album.output)
        try:
            record = process(task, folder, self._colorizer, options)
        except RunError as error:  # a full disk, which may have room again for the next
            return self.fail(task, str(error))
        return self._report(task, record)

    def fail(self, task: Task, reason: str) -> Record:
        """Report that a photograph could not be colored.

        Raises:
            OSError: the report cannot be written.
        """
        target = self._album.output / task.relative
        return self._report(task, Record(str(task.source), str(target), "failed", reason=reason))

    def _report(self, task: Task, record: Record) -> Record:
        self._album.report(task, record.reason)  # first: the album shows what cannot be written
        with self._lock:
            self._ledger.add(record)
        return record


@dataclass(frozen=True)
class Progress:
    """How far the album is.

    Attributes:
        total: photographs that are to be colored.
        done: of them, whether they failed or not.
        failed: of those.
        running: whether it goes on.
        reason: why it ended before it was done, if it was not stopped.
    """

    total: int = 0
    done: int = 0
    failed: int = 0
    running: bool = False
    reason: str = ""


class Batch:
    """Colors photographs one after the other, in the background.

    Args:
        writer: what writes each.
    """

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self.progress = Progress()

    def start(self, tasks: Sequence[Task], changes: Mapping[str, Any]) -> None:
        """Apply changes to the decisions about photographs, and color them.

        Raises:
            ConfigError: it is at work already.
        """
        with self._lock:
            if self.progress.running:
                raise ConfigError("the album is being colored already; stop it first")
            self._stop.clear()
            self.progress = Progress(len(tasks), running=True)
            self._thread = threading.Thread(target=self._run, args=(tasks, changes), daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Finish the photograph that is being colored, and begin no other."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self, tasks: Iterable[Task], changes: Mapping[str, Any]) -> None:
        reason = ""
        try:
            for task in tasks:
                if self._stop.is_set():
                    break
                failed = not self._work(task, changes)
                done = self.progress
                self.progress = dataclasses.replace(
                    done, done=done.done + 1, failed=done.failed + failed
                )
        except OSError as error:  # nothing can be reported any more
            reason = one_line(error)
        except Exception as error:  # noqa: BLE001  a mistake, which the page is to tell
            _log.debug("unexpected error while the album is colored", exc_info=True)
            reason = f"unexpected {type(error).__name__}: {one_line(error)}"
        self.progress = dataclasses.replace(self.progress, running=False, reason=reason)

    def _work(self, task: Task, changes: Mapping[str, Any]) -> bool:
        try:
            self._writer.change(task, lambda decided: dataclasses.replace(decided, **changes))
        except (ValueError, OSError) as error:  # the former: PhotoError, ConfigError as well
            self._writer.fail(task, str(error))
            return False
        return self._writer.write(task).status != "failed"
