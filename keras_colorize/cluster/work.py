"""The recipe that an engine sends to its workers, and what a worker makes of it."""

import dataclasses
import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from keras_colorize.cli import import_keras
from keras_colorize.cluster.jobs import Job
from keras_colorize.cluster.storage import Scratch, open_target
from keras_colorize.coloring.budget import PIXELS_AT_ONCE, PixelBudget
from keras_colorize.coloring.report import Record
from keras_colorize.coloring.tasks import Task
from keras_colorize.errors import ModelError, PhotoError, RunError
from keras_colorize.version import __version__

__all__ = ["Work", "Worker"]


@dataclass(frozen=True)
class Work:
    """How photographs are to be colored; small, and can be pickled.

    Attributes:
        output: folder or URL for the results.
        model: file of the generator, on every machine under this path; ``None``: the shipped one.
        model_hash: SHA-256 of it, where it is known.
        colorizer: further arguments of :meth:`~keras_colorize.coloring.colorizer.Colorizer.load`.
        options: of :class:`~keras_colorize.coloring.options.ColoringOptions`.
        threads: photographs that a worker works on at the same time.
        version: of this package, which workers must have too.
    """

    output: str
    model: str | None = None
    model_hash: str | None = None
    colorizer: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    threads: int = 1
    version: str = __version__

    def load(self) -> "Worker":
        """Load TensorFlow and the model.

        Raises:
            ModelError: the model or this package is another one here.
        """
        return Worker(self)


class Worker:
    """Colors photographs in one process. Safe for several threads.

    Args:
        work: the recipe.

    Raises:
        ModelError: the model, or this package, is not that of the one who sent the recipe.
        ConfigError: the output is of a kind that is not known, or needs an extra; the model cannot
            give what is asked for.
    """

    def __init__(self, work: Work) -> None:
        if work.version != __version__:
            raise ModelError(
                f"expected keras_colorize {work.version}, from where the work was sent; this "
                f"worker has {__version__}. Install the same one on all machines"
            )
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        from keras_colorize.coloring.colorizer import Colorizer
        from keras_colorize.coloring.options import ColoringOptions
        from keras_colorize.coloring.photo import process
        from keras_colorize.models.saved import has_twin

        self._process = process
        if not has_twin(work.model):
            import_keras()
        threads = 1 if work.threads > 1 else None
        self._colorizer = Colorizer.load(work.model, **work.colorizer, threads=threads)
        if work.model_hash not in (None, self._colorizer.model_hash):
            raise ModelError(
                f"expected {work.model} to be the same file on all machines; on this worker its "
                f"SHA-256 is {self._colorizer.model_hash}, where the work was sent from it is "
                f"{work.model_hash}. Copy it to all of them"
            )
        self._options = ColoringOptions(**work.options)
        self._options.check(self._colorizer)
        self._scratch = Scratch()
        self._target = open_target(work.output, self._scratch.path)
        self._budget = PixelBudget(PIXELS_AT_ONCE)
        self._pool = ThreadPoolExecutor(work.threads)

    def process_all(self, jobs: Sequence[Job]) -> list[Record]:
        """Color photographs, several at the same time; see :meth:`process`."""
        return list(self._pool.map(self.process, jobs))

    def process(self, job: Job) -> Record:
        """Fetch a photograph, color it and store the result; whatever happens is in the record."""
        started = time.perf_counter()
        relative = Path(job.relative)
        try:
            with self._scratch.fetch(job.source) as path, self._budget.spend(path):
                task = Task(path, relative, job.format)
                record = self._process(task, self._target, self._colorizer, self._options)
        except (
            PhotoError,
            RunError,
            OSError,
        ) as error:  # a full disk, of this machine or the output
            output = self._target.name(relative)
            record = Record(job.source, output, "failed", reason=str(error))
        seconds = None if record.seconds is None else round(time.perf_counter() - started, 3)
        return dataclasses.replace(record, source=job.source, seconds=seconds)

    def close(self) -> None:
        """Remove what it keeps on the disk."""
        self._pool.shutdown()
        self._scratch.close()
