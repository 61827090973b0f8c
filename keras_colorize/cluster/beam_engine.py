"""Photographs colored in a pipeline of Apache Beam: a transform, and a pipeline around it.

::

    with beam.Pipeline() as pipeline:
        colored = (
            pipeline
            | beam.Create(find_jobs(["s3://archive/scans"], "s3://archive/color"))
            | beam.Reshuffle()
            | Colorize(Work("s3://archive/color"))
        )
        colored[Colorize.FAILED] | ...
"""

from collections.abc import Iterator, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.utils.shared import Shared

from keras_colorize.cluster.jobs import Job, find_jobs
from keras_colorize.cluster.shards import Format, write_shard
from keras_colorize.cluster.storage import open_target
from keras_colorize.cluster.work import Work, Worker
from keras_colorize.coloring.report import Record, Status
from keras_colorize.coloring.tasks import Shard
from keras_colorize.errors import RunError

__all__ = ["Colorize", "color_with_beam"]

_NAMESPACE = "keras_colorize"
_STATUSES: tuple[Status, ...] = ("colorized", "already done", "failed")
_TOGETHER = 64  # photographs that a worker is given at once, of which some wait at the end
_ROWS = 1000  # of a shard of the report, at most


class Colorize(beam.PTransform):
    """Jobs to records, by a model that each process loads once.

    Takes a PCollection of :class:`~keras_colorize.cluster.jobs.Job`, in which each result is named
    once. Gives two of :class:`~keras_colorize.coloring.report.Record`: photographs that are
    colored, under ``Colorize.COLORED``, and as dead letters those that failed, under
    ``Colorize.FAILED``. How many there are of each status is counted in the metrics.

    Args:
        work: how they are colored.
    """

    COLORED = "colored"
    FAILED = "failed"

    def __init__(self, work: Work) -> None:
        super().__init__()
        self._work = work

    def expand(self, jobs: Any) -> Any:
        """See :class:`beam.PTransform`."""
        return (
            jobs
            | "Batch" >> beam.BatchElements(_TOGETHER, _TOGETHER)
            | "Color" >> beam.ParDo(_Color(self._work)).with_outputs(self.FAILED, main=self.COLORED)
        )


def color_with_beam(
    sources: Sequence[str],
    work: Work,
    options: PipelineOptions,
    *,
    format_: str | None = None,
    shard: Shard | None = None,
    report_format: Format = "csv",
) -> dict[Status, int]:
    """Color what folders or URLs name, on whatever runs Beam, and write the report in shards.

    Photographs are listed by one worker, not where the pipeline is begun.

    Args:
        sources: see :func:`~keras_colorize.cluster.jobs.find_jobs`.
        work: how they are colored.
        options: of the pipeline, among them its runner.
        format_: of all results.
        shard: part of the photographs.
        report_format: of the report.

    Returns:
        How many photographs there are of each status, as far as the runner counts.

    Raises:
        RunError: the pipeline failed.
    """
    arguments = (tuple(sources), work.output, format_, shard)
    try:
        with beam.Pipeline(options=options) as pipeline:
            colored = (
                pipeline
                | "Sources" >> beam.Create([arguments])
                | "List" >> beam.FlatMap(lambda asked: find_jobs(*asked))
                | "Share out" >> beam.Reshuffle()
                | Colorize(work)
            )
            _ = (
                (colored[Colorize.COLORED], colored[Colorize.FAILED])
                | beam.Flatten()
                | "Report" >> beam.ParDo(_Report(work.output, report_format))
            )
    except Exception as error:  # runners raise what they like
        raise RunError(f"the pipeline failed: {_short(error)}") from error
    counters = pipeline.result.metrics().query()["counters"]
    return {
        status: counter.result
        for counter in counters
        for status in _STATUSES
        if counter.key.metric.name == status and counter.result
    }


class _Color(beam.DoFn):
    """Colors batches; all threads of a process share one model."""

    def __init__(self, work: Work) -> None:
        super().__init__()
        self._work = work
        self._shared = Shared()
        self._counters = {status: Metrics.counter(_NAMESPACE, status) for status in _STATUSES}

    def setup(self) -> None:
        self._worker: Worker = self._shared.acquire(self._work.load)

    def process(self, jobs: Sequence[Job]) -> Iterator[Any]:
        for record in self._worker.process_all(jobs):
            self._counters[record.status].inc()
            failed = record.status == "failed"
            yield beam.pvalue.TaggedOutput(Colorize.FAILED, record) if failed else record


class _Report(beam.DoFn):
    """Writes the rows of each bundle."""

    def __init__(self, output: str, format_: Format) -> None:
        super().__init__()
        self._output = output
        self._format = format_

    def start_bundle(self) -> None:
        self._target = open_target(self._output)
        self._records: list[Record] = []

    def process(self, record: Record) -> None:
        self._records.append(record)
        if len(self._records) >= _ROWS:
            self._write()

    def finish_bundle(self) -> None:
        self._write()

    def _write(self) -> None:
        if self._records:
            write_shard(self._target, self._records, self._format)
            self._records = []


def _short(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines or [type(error).__name__])[-1][:300]
