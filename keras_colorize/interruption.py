"""Ctrl-C while a command still imports: libraries swallow it there, or make another error of it.

So the process ends at once, as ``cli.run_command`` would have it end: nothing has begun yet.
Elsewhere an interruption is the exception that Python makes of it.
"""

import os
import signal
import sys
from types import FrameType

__all__ = ["INTERRUPTED", "end_at_once_while_importing", "is_command"]

INTERRUPTED = 128 + 2  # as a shell reports SIGINT

_IMPORTING = "<frozen importlib._bootstrap>"


def is_command(package: str) -> bool:
    """Whether this process was started as ``python -m`` of a package's module.

    To be asked while the package itself is imported.
    """
    if sys.argv[:1] != ["-m"] or "-m" not in sys.orig_argv:  # as Python has it while it looks
        return False
    after = sys.orig_argv[sys.orig_argv.index("-m") + 1 :]
    return after[0].startswith(f"{package}.")


def end_at_once_while_importing() -> None:
    """Have it so in this process, unless it ignores interruptions, or handles them itself."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:
    outer = frame
    while outer is not None:
        if outer.f_code.co_filename == _IMPORTING:
            os.write(2, b"interrupted\n")
            os._exit(INTERRUPTED)
        outer = outer.f_back
    signal.default_int_handler(number, frame)
