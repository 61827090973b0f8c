"""What the commands share: arguments, one-line errors, quiet start."""

import argparse
import contextlib
import io
import logging
import math
import os
import re
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

from tqdm import tqdm

from keras_colorize.coloring.proposals import MOST
from keras_colorize.errors import ConfigError, KerasColorizeError
from keras_colorize.interruption import INTERRUPTED
from keras_colorize.photos.formats import suffix_of
from keras_colorize.photos.pixels import MAX_PIXELS
from keras_colorize.photos.writing import QUALITY, WRITABLE

__all__ = [
    "UNUSABLE",
    "CommandParser",
    "add_coloring_options",
    "check_coloring_options",
    "format_of",
    "hidden",
    "import_keras",
    "one_line",
    "options_of",
    "run_command",
    "without_remarks",
]

UNUSABLE = 2  # exit status of a command that could not be carried out

_SUFFIXES = {suffix_of(format_)[1:]: format_ for format_ in WRITABLE}

_WRITTEN = (
    "quality",
    "overwrite",
    "compare",
    "certainty",
    "proposals",
    "remove_tint",
    "max_pixels",
)

# What TensorFlow and Keras import if it is there, and need for nothing that is done here: for
# galleries of a data set's pictures, and (setuptools) to learn a version. A fifth of their start.
_NEEDLESS = ("matplotlib", "pkg_resources")

# What C++ says behind TF_CPP_MIN_LOG_LEVEL's back: LiteRT's greeting, and what TensorFlow says by
# Abseil of less than errors (E) and the end (F).
_REMARK = re.compile(
    rb"INFO: Created TensorFlow Lite|WARNING: All log messages before absl::InitializeLog\(\)"
    rb"|[IW]\d{4} \d\d:\d\d:"
)


def run_command(action: Callable[[Sequence[str]], int], argv: Sequence[str] | None) -> int:
    """Run a command; turn every error of ours into one line on standard error and status 2.

    Args:
        action: parses the arguments, does the work and returns the exit status.
        argv: the arguments; those of the process where they are ``None``.
    """
    # TensorFlow's C++ reports at import, as errors, that it found no GPU libraries to register
    # twice; what really fails arrives as a Python exception.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.basicConfig(level=logging.INFO, handlers=[logging.NullHandler()])
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        # Names of files may hold bytes that are no text, or letters that the terminal lacks.
        sys.stdout.reconfigure(errors="backslashreplace")
    # Pillow's remarks about damaged metadata: what matters stands in the report.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    for noisy in ("absl", "ray", "tensorflow", "tf2onnx", "wandb"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    for decoder in ("PIL", "imagecodecs", "tifffile"):  # of which damaged files make thousands
        logging.getLogger(decoder).setLevel(logging.CRITICAL)
    try:
        with _logging_above_bars():
            status = action(sys.argv[1:] if argv is None else argv)
            sys.stdout.flush()  # not at exit, where nobody catches what is raised
            return status
    except BrokenPipeError:  # who read what is printed has gone: `| head`
        with open(os.devnull, "w") as nowhere:  # noqa: PTH123
            os.dup2(nowhere.fileno(), sys.stdout.fileno())  # what is still to be flushed
        return 128 + 13  # as a shell reports SIGPIPE
    # OSError: a full disk or a folder that cannot be written, met wherever something is written.
    except (KerasColorizeError, argparse.ArgumentError, OSError) as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return UNUSABLE
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED


class _AboveBars(logging.Handler):
    """Writes to standard error without breaking a progress bar there."""

    def emit(self, record: logging.LogRecord) -> None:
        tqdm.write(self.format(record), file=sys.stderr)


# Not tqdm.contrib.logging, which imports asyncio.
@contextlib.contextmanager
def _logging_above_bars() -> Iterator[None]:
    handler = _AboveBars()
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)


class _WithDefaults(argparse.HelpFormatter):
    """Says of an option what holds without it, where that is a value."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        default = action.default
        if default is None or default is False or default is argparse.SUPPRESS:
            return action.help
        shown = " ".join(map(str, default)) if isinstance(default, list) else str(default)
        return f"{action.help} (default: {shown.replace('%', '%%')})"


class CommandParser(argparse.ArgumentParser):
    """A parser of a command line whose errors are exceptions, and whose options are whole words."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(allow_abbrev=False, formatter_class=_WithDefaults, **settings)

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """What the arguments say; see :meth:`argparse.ArgumentParser.parse_args`.

        Raises:
            ConfigError: they are none that it knows, or one is empty, as a variable of the shell
                that is not set: where a folder is meant, that would be the current one.
        """
        parsed = super().parse_args(args, namespace)
        for action in self._actions:
            value = getattr(parsed, action.dest, None)
            if value == "" or (isinstance(value, list) and "" in value):
                name = (action.option_strings or [action.dest])[0]
                raise ConfigError(f"{name} must be something. Received: an empty one")
        return parsed

    def error(self, message: str) -> NoReturn:
        """Raise a ConfigError instead of leaving the process."""
        raise ConfigError(message)


@contextlib.contextmanager
def hidden(*packages: str) -> Iterator[None]:
    """Import what looks for packages that it does not need as if they were not installed.

    Afterwards they can be imported as ever.
    """
    absent = [name for name in packages if name not in sys.modules]
    for name in absent:
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]


def import_keras() -> None:
    """Import Keras, and TensorFlow with it, without what only costs time."""
    with hidden(*_NEEDLESS):
        import keras  # noqa: F401


@contextlib.contextmanager
def without_remarks() -> Iterator[None]:
    """Keep from standard error what C++ remarks: LiteRT at its first use, TensorFlow's converter.

    Not its errors, nor anything else: that comes afterwards.
    """
    try:
        kept = os.dup(2)
    except OSError:  # it is closed: nobody sees what is said
        yield
        return
    sys.stderr.flush()
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            said.seek(0)
            for line in said:
                if not _REMARK.match(line):
                    sys.stderr.write(line.decode(errors="replace"))


# -- options of what colors photographs -----------------------------------------------------------


def add_coloring_options(add: Callable[..., Any]) -> None:
    """Add the options that are the same wherever photographs are colored.

    Args:
        add: a parser's ``add_argument``.
    """
    add("--model", type=str, help="a run's generator.keras; by default the shipped one")
    add("--saturation", type=float, default=1.0, help="factor of all color; 0 is gray")
    add(
        "--format",
        type=str,
        default="keep",
        choices=["keep", *_SUFFIXES],
        help="of the results; keep: the photograph's own (PNG for those that are not written)",
    )
    add("--quality", type=int, default=QUALITY, help="of JPEG and WebP, 1 to 100")
    add("--compare", action="store_true", help="also write gray | color to compare/")
    add(
        "--certainty",
        action="store_true",
        help="also write a map to certainty/: white where the colors can be trusted, black where "
        "they are guesses",
    )
    add(
        "--proposals",
        type=int,
        default=0,
        help="also write a sheet of so many different plausible colorings, 2 to 7, to proposals/; "
        "the first is the result",
    )
    add("--remove_tint", action="store_true", help="make the paper of toned prints white first")
    add("--overwrite", action="store_true", help="color anew what is there already")
    add("--shard", type=str, help="i/n: do only part i of n, for n machines")
    add("--max_pixels", type=int, default=MAX_PIXELS, help="refuse larger photographs")


def check_coloring_options(args: Any) -> None:
    """Refuse what :func:`add_coloring_options` cannot use.

    Raises:
        ConfigError: a value is out of its range.
    """
    if not 1 <= args.quality <= 100:
        raise ConfigError(f"--quality must be 1 to 100. Received: {args.quality}")
    if args.max_pixels < 1:
        raise ConfigError(f"--max_pixels must be at least 1. Received: {args.max_pixels}")
    if not 0.0 <= args.saturation < math.inf:
        raise ConfigError(f"--saturation must be at least 0. Received: {args.saturation}")
    if args.proposals and not 2 <= args.proposals <= MOST + 1:
        raise ConfigError(f"--proposals must be 2 to {MOST + 1}. Received: {args.proposals}")


def format_of(name: str) -> str | None:
    """The format that ``--format`` names; ``None``: each photograph's own."""
    return None if name == "keep" else _SUFFIXES[name]


def options_of(args: Any) -> dict[str, Any]:
    """What the options say to :class:`~keras_colorize.coloring.options.ColoringOptions`."""
    return {name: getattr(args, name) for name in _WRITTEN}


def one_line(error: BaseException) -> str:
    """What an error says, without line breaks."""
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split())
