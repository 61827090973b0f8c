"""``python -m keras_colorize.cluster``: archives colored by Ray or Beam; their reports merged."""

import contextlib
import dataclasses
import itertools
import logging
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from tqdm import tqdm

from keras_colorize.cli import (
    CommandParser,
    add_coloring_options,
    check_coloring_options,
    format_of,
    options_of,
    run_command,
)
from keras_colorize.cluster.jobs import Job, find_jobs
from keras_colorize.cluster.shards import FOLDER, Format, ShardWriter, merge_reports
from keras_colorize.cluster.storage import check_sources, is_url, local_path, open_target
from keras_colorize.cluster.work import Work
from keras_colorize.coloring.report import (
    Ledger,
    Record,
    Status,
    describe_counts,
    refuse_other_shards,
    report_path,
)
from keras_colorize.coloring.tasks import Shard, Task, clear_leftovers
from keras_colorize.errors import ConfigError, ModelError
from keras_colorize.files import hash_file, make_folder

__all__ = ["main"]

_log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Do as the arguments say: status 0 all done, 1 some photographs failed, 2 unusable call."""
    return run_command(_act, argv)


def _act(argv: Sequence[str]) -> int:
    what, *rest = argv or ["--help"]
    if what in _ACTIONS:
        return _ACTIONS[what](rest)
    if what in ("-h", "--help"):
        print(__doc__ + "\n\n" + "\n".join(parser().format_help() for parser in _PARSERS.values()))
        return 0
    raise ConfigError(f"expected one of {', '.join(_ACTIONS)}. Received: {what}")


# -- engines --------------------------------------------------------------------------------------


def _ray(argv: Sequence[str]) -> int:
    args = _ray_parser().parse_args(list(argv))
    _check(args)
    try:
        from keras_colorize.cluster.ray_engine import color_on_ray, connect
    except ModuleNotFoundError as error:
        raise _missing(error, "ray") from error
    jobs = find_jobs(args.photos, args.output, format_of(args.format), _shard(args))
    room, cores = connect(args.address, args.cores)
    work = _work(args, threads=args.threads or cores + 1)
    counts: Counter[Status] = Counter()
    with (
        _claim(args.output, _shard(args), jobs),
        ShardWriter(open_target(args.output), args.report, _settings(args, work)) as shards,
        tqdm(total=len(jobs), desc="colorizing", unit="photo") as bar,
    ):

        def report(record: Record) -> None:
            shards.add(record)
            counts[record.status] += 1
            if record.status == "failed":
                _log.error("failed: %s: %s", record.source, record.reason)
            bar.update()

        color_on_ray(jobs, work, report, workers=args.workers or room, cores=cores)
    return _end(counts, args.output)


def _beam(argv: Sequence[str]) -> int:
    ours = list(itertools.takewhile(lambda argument: argument != "--", argv))
    args = _beam_parser().parse_args(ours)
    _check(args)
    if len(ours) == len(argv):
        # On this machine, the last line says why a pipeline failed; runners elsewhere tell more.
        logging.getLogger("apache_beam").setLevel(logging.CRITICAL)
    try:
        from apache_beam.options.pipeline_options import PipelineOptions

        from keras_colorize.cluster.beam_engine import color_with_beam
    except ModuleNotFoundError as error:
        raise _missing(error, "beam") from error
    check_sources(args.photos)
    work = _work(args, threads=args.threads or 1)
    format_, shard = format_of(args.format), _shard(args)
    # In a bucket nothing is left half-written, and one worker of the pipeline lists it.
    jobs = [] if is_url(args.output) else find_jobs(args.photos, args.output, format_, shard)
    with _claim(args.output, shard, jobs):
        ShardWriter(open_target(args.output), args.report, _settings(args, work))
        counts = color_with_beam(
            args.photos,
            work,
            PipelineOptions([f"--runner={_RUNNER}", *argv[len(ours) + 1 :]]),
            format_=format_,
            shard=shard,
            report_format=args.report,
        )
    return _end(counts, args.output)


def _ray_parser() -> CommandParser:
    parser, add = _engine_parser(
        "ray",
        "Color photographs with Ray Data, on this machine or on a cluster that runs. Workers load "
        "the model once; one that dies is replaced.",
    )
    add("--address", type=str, help="of the cluster, such as auto; by default RAY_ADDRESS, or none")
    add("--workers", type=int, help="processes; by default as many as there is room for")
    add("--cores", type=int, help="of each worker; by default 4, or all that a machine has")
    add("--threads", type=int, help="photographs at the same time in each; by default cores + 1")
    return parser


def _beam_parser() -> CommandParser:
    parser, add = _engine_parser(
        "beam",
        "Color photographs with Apache Beam. What stands behind -- is for Beam: its --runner, and "
        f"the runner's own options. By default {_RUNNER}, on this machine, for small archives.",
    )
    add("--threads", type=int, help="photographs at the same time in each worker; by default 1")
    return parser


def _engine_parser(name: str, description: str) -> tuple[CommandParser, Callable[..., Any]]:
    parser = CommandParser(
        prog=f"python -m keras_colorize.cluster {name}",
        description=f"{description} Exit status: 0 all done, 1 some photographs failed (the "
        "report says which and why), 2 the call could not be carried out.",
    )
    add: Callable[..., Any] = parser.add_argument
    add("photos", nargs="+", help="folders, or URLs such as s3://bucket/scans")
    add("--output", type=str, required=True, help="folder or URL for the results and the report")
    add("--working_size", type=int, help="short side in pixels of the copy that the network sees; "
        "by default the size it was trained at")  # fmt: skip
    add_coloring_options(add)
    add("--report", type=str, choices=get_args(Format), default="csv", help="format of its shards")
    return parser, add


def _check(args: Any) -> None:
    check_coloring_options(args)
    args.photos = [_absolute(photo) for photo in args.photos]
    for name in ("workers", "cores", "threads", "working_size"):
        value = getattr(args, name, None)
        if value is not None and value < 1:
            raise ConfigError(f"--{name} must be at least 1. Received: {value}")


def _work(args: Any, threads: int) -> Work:
    """The recipe that the arguments describe.

    Raises:
        ModelError: there is no such model.
    """
    model_hash = None
    if args.model is not None:
        try:
            model_hash = hash_file(Path(args.model))
        except OSError as error:
            raise ModelError(f"cannot read {args.model}: {error.strerror}") from error
    names = ("working_size", "saturation")
    return Work(
        _absolute(args.output),
        None if args.model is None else _absolute(args.model),
        model_hash,
        {name: getattr(args, name) for name in names},
        options_of(args),
        threads,
    )


def _absolute(place: str) -> str:
    """A path as workers, who are in other folders, find it."""
    return place if is_url(place) else str(local_path(place).absolute())


@contextlib.contextmanager
def _claim(output: str, shard: Shard | None, jobs: Sequence[Job]) -> Iterator[None]:
    """Keep an output folder from others as ``colorize`` does, and clear what killed workers left.

    Raises:
        RunError: another process works there.
    """
    if is_url(output):
        yield
        return
    folder, shard = local_path(output), shard or Shard()
    make_folder(folder)
    with Ledger(report_path(folder, shard)):
        refuse_other_shards(folder, shard)
        clear_leftovers(folder, [Task(Path(), Path(job.relative), job.format) for job in jobs])
        yield


def _shard(args: Any) -> Shard | None:
    return None if args.shard is None else Shard.parse(args.shard)


def _settings(args: Any, work: Work) -> dict[str, Any]:
    return {"photos": args.photos, "shard": args.shard, **dataclasses.asdict(work)}


def _missing(error: ModuleNotFoundError, extra: str) -> ConfigError:
    return ConfigError(f"this needs {error.name}: pip install 'keras-colorize[{extra}]'")


def _end(counts: Mapping[Status, int], output: str) -> int:
    print(f"{describe_counts(counts)}; see {output.rstrip('/')}/{FOLDER}/")
    return 1 if counts.get("failed") else 0


# -- reports --------------------------------------------------------------------------------------


def _merge(argv: Sequence[str]) -> int:
    args = _merge_parser().parse_args(list(argv))
    counts = merge_reports(args.place, Path(args.output))
    print(f"{describe_counts(counts)}; wrote {args.output}")
    return 0


def _merge_parser() -> CommandParser:
    parser = CommandParser(
        prog="python -m keras_colorize.cluster merge",
        description="Make one report of all in an output folder or bucket: the shards of Ray and "
        "Beam, and what colorize --shard has written. Of each result its last row stays.",
    )
    parser.add_argument("place", type=str, help="output folder or URL")
    parser.add_argument("--output", type=str, required=True, help="file, .csv or .parquet")
    return parser


_RUNNER = "FnApiRunner"
_ACTIONS = {"ray": _ray, "beam": _beam, "merge": _merge}
_PARSERS = {"ray": _ray_parser, "beam": _beam_parser, "merge": _merge_parser}


if __name__ == "__main__":
    sys.exit(main())
