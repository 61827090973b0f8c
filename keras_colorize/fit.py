"""``python -m keras_colorize.fit``: train a colorization model."""

import ctypes
import sys
from collections.abc import Sequence

from keras_colorize.cli import run_command
from keras_colorize.fit_arguments import parse_fit_config

__all__ = ["limit_arenas", "main"]

_M_ARENA_MAX = -8  # of glibc's malloc.h


def main(argv: Sequence[str] | None = None) -> int:
    """Train as the arguments say; returns the exit status."""
    return run_command(_fit, argv)


def limit_arenas() -> None:
    """Have glibc keep what falls free in one place for all threads; elsewhere, do nothing.

    By default it keeps as many as eight places a core, and what is free in one is of no use to the
    threads of another: in a long run, memory crept upwards. To be called before TensorFlow begins
    its threads.
    """
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        library.mallopt(_M_ARENA_MAX, 1)


def _fit(argv: Sequence[str]) -> int:
    config = parse_fit_config(argv)
    limit_arenas()
    # TensorFlow takes seconds to import; --help and mistaken arguments need not wait for it.
    from keras_colorize.training.loop import train

    result = train(config)
    if not result.files:
        print("done; what was trained lies where worker 0 runs")
        return 0
    print("wrote")
    for file in result.files:
        print(f"  {file}")
    print(
        "color photographs with it: python -m keras_colorize.colorize PHOTO --output colorized "
        f"--model {result.run.generator}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
