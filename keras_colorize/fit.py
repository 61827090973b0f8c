"""``python -m keras_colorize.fit``: train a colorization model."""

import sys
from collections.abc import Sequence

from keras_colorize.cli import run_command
from keras_colorize.fit_arguments import parse_fit_config

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Train as the arguments say; returns the exit status."""
    return run_command(_fit, argv)


def _fit(argv: Sequence[str]) -> int:
    config = parse_fit_config(argv)
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
