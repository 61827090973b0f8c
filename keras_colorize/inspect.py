"""``python -m keras_colorize.inspect``: pictures and a report of a training run."""

import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from jsonargparse import ArgumentParser

from keras_colorize.cli import run_command
from keras_colorize.files import atomic_path
from keras_colorize.inspection.snapshots import choose_layers

__all__ = ["inspect", "main"]

_log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Draw what the arguments say: status 0 done, 2 nothing could be done."""
    return run_command(_inspect, argv)


def inspect(run: Path, output: Path | None = None, patterns: Sequence[str] = ()) -> list[Path]:
    """Draw every picture of a run, and write a report that holds them all.

    Works while the run goes on, too.

    Args:
        run: the run's directory.
        output: folder of the files; by default ``report`` in that directory.
        patterns: names of the layers to show one by one, such as ``generator/up_*``; by default
            all of them.

    Returns:
        The files written, the report last.

    Raises:
        RunError: there is no run, or it is damaged.
        ConfigError: a pattern matches no layer.
    """
    # Matplotlib takes a second to import; --help and mistaken arguments need not wait for it.
    from keras_colorize.inspection.pictures import draw_pictures
    from keras_colorize.inspection.report import read_run, write_report

    record = read_run(run)
    if record.no_statistics:
        _log.warning("made without pictures of the layers: %s", record.no_statistics)
    known = record.statistics.layers if record.statistics else ()
    layers = choose_layers(known, patterns) if known else []
    output = output or record.folder.report
    pictures, paths = [], []
    for picture in draw_pictures(record.statistics, record.epochs, record.name, layers):
        path = output / f"{picture.name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary:
            temporary.write_bytes(picture.png)
        pictures.append(picture)
        paths.append(path)
    return [*paths, write_report(record, output / "report.html", pictures)]


def _inspect(argv: Sequence[str]) -> int:
    parser = ArgumentParser(
        prog="python -m keras_colorize.inspect",
        description="Draw what happened in a training run, and write a report that opens in a "
        "browser; while the run goes on, too.",
        exit_on_error=False,
    )
    parser.add_argument("run", type=str, help="a run's directory, such as runs/quickstart")
    parser.add_argument("--output", type=str, help="folder to write to; by default RUN/report")
    parser.add_argument(
        "--layers",
        nargs="+",
        type=str,
        default=[],
        metavar="PATTERN",
        help="layers to show one by one, such as 'generator/up_*'; by default all",
    )
    args = parser.parse_args(list(argv))
    output = Path(args.output) if args.output else None
    for path in inspect(Path(args.run), output, args.layers):
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
