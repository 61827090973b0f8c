"""``python -m keras_colorize.inspect``: pictures and a report of a training run."""

import sys
from collections.abc import Sequence
from pathlib import Path

from keras_colorize.cli import CommandParser, run_command

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Draw what the arguments say: status 0 done, 2 nothing could be done."""
    return run_command(_inspect, argv)


def _inspect(argv: Sequence[str]) -> int:
    parser = CommandParser(
        prog="python -m keras_colorize.inspect",
        description="Draw what happened in a training run, and write a report that opens in a "
        "browser; while the run goes on, too.",
    )
    parser.add_argument("run", type=str, help="a run's directory, such as runs/quickstart")
    parser.add_argument(
        "--output",
        type=str,
        help="folder to write to; by default RUN/report, where the last report is replaced",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace what lies in another folder, too"
    )
    parser.add_argument(
        "--layers",
        nargs="+",
        type=str,
        default=[],
        metavar="PATTERN",
        help="layers to show one by one, such as 'generator/up_*'; by default all",
    )
    args = parser.parse_args(list(argv))
    # Matplotlib takes a second to import; --help and mistaken arguments need not wait for it.
    from keras_colorize.inspection.report import inspect_run

    output = Path(args.output) if args.output else None
    for path in inspect_run(Path(args.run), output, args.layers, overwrite=args.overwrite):
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
