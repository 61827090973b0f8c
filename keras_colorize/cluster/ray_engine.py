"""Photographs colored by Ray Data: actors that load the model once, on one machine or many."""

import dataclasses
import itertools
import json
import logging
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import ray
from ray.data import ActorPoolStrategy, DataContext
from ray.exceptions import RayError
from ray.util.annotations import RayDeprecationWarning

from keras_colorize.cluster.jobs import Job
from keras_colorize.cluster.storage import open_target
from keras_colorize.cluster.work import Work
from keras_colorize.coloring.report import Record
from keras_colorize.errors import RunError

__all__ = ["color_on_ray", "connect"]

_WAVE = 100_000  # photographs that Ray is given at once; what it keeps of each stays bounded
_BLOCK = 32  # photographs that an actor is given at once
_TRIES = 2  # how often a worker may die over a block, and then over a photograph

Report = Callable[[Record], None]


def connect(address: str | None, cores: int | None = None) -> tuple[int, int]:
    """Join a cluster of Ray, or begin one on this machine.

    Args:
        address: such as ``auto`` or ``ray://head:10001``; ``None``: that in ``RAY_ADDRESS``, or
            else this machine alone.
        cores: of each worker; ``None``: four, or all that the smallest machine has.

    Returns:
        How many workers there is room for, and the cores of each.

    Raises:
        RunError: there is no such cluster, or no machine has so many cores.
    """
    try:
        if not ray.is_initialized():
            alone = address is None and "RAY_ADDRESS" not in os.environ
            local = {"include_dashboard": False} if alone else {"address": address}
            ray.init(logging_level=logging.ERROR, log_to_driver=False, **local)
        nodes = [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]
    except (ConnectionError, RayError, RuntimeError, ValueError) as error:
        raise RunError(
            f"cannot join Ray at {address or os.environ.get('RAY_ADDRESS', 'this machine')}: "
            f"{_short(error)}"
        ) from error
    # Whose tracebacks would tell of each worker that dies what the report says of its photographs.
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    offered = [count for count in nodes if count > 0]
    each = cores or min([4, *offered])
    workers = sum(count // each for count in offered)
    if workers == 0:
        raise RunError(
            f"expected a machine with {each} cores for a worker; Ray has {offered or 'none'}. "
            "Choose fewer --cores"
        )
    return workers, each


def color_on_ray(
    jobs: Sequence[Job], work: Work, report: Report, *, workers: int, cores: float
) -> None:
    """Color photographs on a cluster that :func:`connect` has joined.

    A worker that dies, as one that the system kills for its memory, is replaced and its photographs
    are tried again, at last each of them alone: so one that kills every worker fails by itself.

    Args:
        jobs: the photographs, in which each result is named once.
        work: how they are colored.
        report: called with the record of each, in any order.
        workers: how many.
        cores: of each.

    Raises:
        RunError: no worker can begin.
    """
    target = open_target(work.output)
    for wave in _chunks(jobs, _WAVE):
        left = {job.relative: job for job in wave}
        for size in (_BLOCK, 1):
            # Nothing to do again, unless workers have died.
            for relative, record in _color(list(left.values()), work, size, workers, cores):
                if left.pop(relative, None) is not None:
                    report(record)
        for job in left.values():
            reason = (
                f"the worker died over it {_TRIES} times; perhaps it needs more memory than there "
                "is: color it alone, on a larger machine"
            )
            result = target.name(Path(job.relative))
            report(Record(job.source, result, "failed", reason=reason))


class _Actor:
    """What Ray runs on a worker.

    Args:
        work: the recipe.
    """

    def __init__(self, work: Work) -> None:
        self._worker = work.load()

    def __call__(self, block: dict[str, Any]) -> dict[str, list[Any]]:
        """Color a block of packed jobs."""
        jobs = [Job.unpack(packed) for packed in block["job"]]
        records = self._worker.process_all(jobs)
        return {
            "job": list(block["job"]),
            "record": [json.dumps(dataclasses.asdict(record)) for record in records],
        }


def _color(
    jobs: Sequence[Job], work: Work, size: int, workers: int, cores: float
) -> Iterator[tuple[str, Record]]:
    """Records by the names of the results; those over which workers died are missing."""
    if not jobs:
        return
    context = DataContext.get_current()
    context.max_errored_blocks = -1
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    tables = [pa.table({"job": [job.pack() for job in part]}) for part in _chunks(jobs, size)]
    with warnings.catch_warnings():
        # How often a task is tried has no other place yet; the extra says up to which version.
        warnings.simplefilter("ignore", RayDeprecationWarning)
        colored = ray.data.from_arrow(tables).map_batches(
            _Actor,
            fn_constructor_args=(work,),
            batch_size=None,  # a block, as it is
            compute=ActorPoolStrategy(
                size=min(workers, len(tables)),
                # A worker that dies costs a try of all that it holds: of a photograph, no other's.
                max_tasks_in_flight_per_actor=1 if size == 1 else 2,
            ),
            num_cpus=cores,
            max_task_retries=_TRIES - 1,
        )
    try:
        for row in colored.iter_rows():
            yield Job.unpack(row["job"]).relative, Record(**json.loads(row["record"]))
    except RayError as error:
        raise RunError(f"Ray cannot go on: {_short(error)}") from error


def _chunks(jobs: Sequence[Job], size: int) -> Iterator[list[Job]]:
    remaining = iter(jobs)
    while part := list(itertools.islice(remaining, size)):
        yield part


def _short(error: BaseException) -> str:
    """The last line, which says what happened; those before say where."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines or [type(error).__name__])[-1][:300]
