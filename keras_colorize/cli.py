"""What the commands share: arguments, one-line errors, quiet start."""

import dataclasses
import difflib
import io
import json
import logging
import math
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args, get_origin

import yaml
from jsonargparse import ArgumentError, ArgumentParser
from tqdm.contrib.logging import logging_redirect_tqdm

from keras_colorize.coloring.proposals import MOST
from keras_colorize.config import FitConfig, flatten
from keras_colorize.errors import ConfigError, KerasColorizeError
from keras_colorize.photos.formats import suffix_of
from keras_colorize.photos.writing import WRITABLE

__all__ = [
    "UNUSABLE",
    "add_coloring_options",
    "check_coloring_options",
    "format_of",
    "import_keras",
    "options_of",
    "parse_fit_config",
    "run_command",
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


def run_command(action: Callable[[Sequence[str]], int], argv: Sequence[str] | None) -> int:
    """Run a command; turn every error of ours into one line on standard error and status 2.

    Args:
        action: parses the arguments, does the work and returns the exit status.
        argv: the arguments; those of the process where they are ``None``.
    """
    # TensorFlow's C++ reports at import, as errors, that it found no GPU libraries to register
    # twice; what really fails arrives as a Python exception.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        # Names of files may hold bytes that are no text, or letters that the terminal lacks.
        sys.stdout.reconfigure(errors="backslashreplace")
    # Pillow's remarks about damaged metadata: what matters stands in the report.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    for noisy in ("absl", "tensorflow", "tf2onnx", "wandb"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    for decoder in ("PIL", "imagecodecs", "tifffile"):  # of which damaged files make thousands
        logging.getLogger(decoder).setLevel(logging.CRITICAL)
    try:
        with logging_redirect_tqdm():
            status = action(sys.argv[1:] if argv is None else argv)
            sys.stdout.flush()  # not at exit, where nobody catches what is raised
            return status
    except BrokenPipeError:  # who read what is printed has gone: `| head`
        with open(os.devnull, "w") as nowhere:  # noqa: PTH123
            os.dup2(nowhere.fileno(), sys.stdout.fileno())  # what is still to be flushed
        return 128 + 13  # as a shell reports SIGPIPE
    # OSError: a full disk or a folder that cannot be written, met wherever something is written.
    except (KerasColorizeError, ArgumentError, OSError) as error:
        print(f"error: {_one_line(error)}", file=sys.stderr)
        return UNUSABLE
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 128 + 2  # as a shell reports SIGINT


def import_keras() -> None:
    """Import Keras, and TensorFlow with it, without what only costs time.

    Afterwards that can be imported as ever.
    """
    hidden = [name for name in _NEEDLESS if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment] # as if it were not installed
    try:
        import keras  # noqa: F401
    finally:
        for name in hidden:
            del sys.modules[name]


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
    add("--quality", type=int, default=95, help="of JPEG and WebP, 1 to 100")
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
    add("--max_pixels", type=int, default=200_000_000, help="refuse larger photographs")


def check_coloring_options(args: Any) -> None:
    """Refuse what :func:`add_coloring_options` cannot use, and empty names.

    Raises:
        ConfigError: a value is out of its range.
    """
    # Of a script whose variable isn't set; it would mean the current folder.
    if not all([args.output, *args.photos]):
        raise ConfigError("photographs and --output must be names. Received: an empty one")
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
    """What the options say to :class:`~keras_colorize.coloring.photo.ColoringOptions`."""
    return {name: getattr(args, name) for name in _WRITTEN}


# -- settings of a training -----------------------------------------------------------------------


def parse_fit_config(argv: Sequence[str]) -> FitConfig:
    """Read a :class:`FitConfig` from ``--config FILE.yaml`` and ``--section.key value``.

    Options that take a list accept several values: ``--data.modern DIR DIR``. ``--help`` and
    ``--print_config`` print and exit.

    Raises:
        ConfigError: an unknown key, with the known ones, or a value of the wrong type.
    """
    parser = ArgumentParser(
        prog="python -m keras_colorize.fit",
        description="Train a colorization model; without folders, on the photographs inside the "
        "package. The same command continues an interrupted run.",
        exit_on_error=False,
    )
    parser.add_argument("--config", action="config", help="YAML file of settings.")
    parser.add_class_arguments(FitConfig)
    settings = flatten(FitConfig())
    argv = _join_lists(argv, _list_options(FitConfig))
    _refuse_unknown(_named_on_command_line(argv), settings, "on the command line")
    for path in _config_files(argv):
        _refuse_unknown(_named_in_file(path), settings, f"in {path}")
    try:
        return _construct(FitConfig, parser.parse_args(argv))
    except ArgumentError as error:
        raise ConfigError(_one_line(error)) from error


def _construct(kind: type, namespace: Any) -> Any:
    """Dataclasses of parsed values; the parser itself constructs them with deprecated calls."""
    values = {}
    for entry in dataclasses.fields(kind):
        value = getattr(namespace, entry.name)
        if isinstance(entry.type, type) and dataclasses.is_dataclass(entry.type):
            value = _construct(entry.type, value)
        values[entry.name] = value
    return kind(**values)


def _list_options(kind: type, prefix: str = "--") -> dict[str, type]:
    """The options that take lists, and the type of what they list."""
    options: dict[str, type] = {}
    for entry in dataclasses.fields(kind):
        if isinstance(entry.type, type) and dataclasses.is_dataclass(entry.type):
            options |= _list_options(entry.type, f"{prefix}{entry.name}.")
        elif get_origin(entry.type) is list:
            options[prefix + entry.name] = get_args(entry.type)[0]
    return options


def _join_lists(argv: Sequence[str], options: dict[str, type]) -> list[str]:
    """``--option a b`` to ``--option=["a", "b"]`` for the options that take lists."""
    joined: list[str] = []
    index = 0
    while index < len(argv):
        argument = argv[index]
        index += 1
        name, _, attached = argument.partition("=")
        if name not in options:
            joined.append(argument)
            continue
        values = [attached] if attached else []
        while index < len(argv) and not argv[index].startswith("--"):
            values.append(argv[index])
            index += 1
        if not values:
            raise ConfigError(f"{name} needs at least one value")
        if len(values) != 1 or not values[0].startswith("["):
            # A folder may be called 1911 or "no": text stays text.
            items = values if options[name] is str else [_parse_value(name, v) for v in values]
            values = [json.dumps(items, default=str)]
        joined.append(f"{name}={values[0]}")
    return joined


def _parse_value(name: str, value: str) -> Any:
    try:
        return yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise ConfigError(f"{name} cannot be read. Received: {value}") from error


def _named_on_command_line(argv: Iterable[str]) -> list[str]:
    names = [
        argument[2:].partition("=")[0].rstrip("+") for argument in argv if argument[:2] == "--"
    ]
    return [name for name in names if name not in ("config", "print_config", "help")]


def _config_files(argv: Sequence[str]) -> list[Path]:
    files = [a.partition("=")[2] for a in argv if a.startswith("--config=")]
    files += [value for option, value in pairwise(argv) if option == "--config"]
    return [Path(file) for file in files]


def _named_in_file(path: Path) -> list[str]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"cannot read the settings in {path}: {_one_line(error)}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path} must hold settings such as 'name: my_run'")
    return [".".join(map(str, keys)) for keys in _key_paths(content)]


def _key_paths(content: dict[Any, Any]) -> Iterable[tuple[Any, ...]]:
    for key, value in content.items():
        if isinstance(value, dict) and value:
            yield from ((key, *inner) for inner in _key_paths(value))
        else:
            yield (key,)


def _refuse_unknown(names: Iterable[str], settings: dict[str, Any], where: str) -> None:
    sections = {name.rpartition(".")[0] for name in settings} - {""}
    open_keys = [name for name, value in settings.items() if isinstance(value, dict)]
    for name in names:
        if name in settings or name in sections:
            continue
        if any(name.startswith(f"{key}.") for key in open_keys):
            continue
        section = name.rpartition(".")[0]
        prefix = f"{section}." if section in sections else ""
        known = [key for key in settings if key.startswith(prefix)]
        if not prefix:  # name the sections rather than everything in them
            known = [key for key in settings if "." not in key] + sorted(sections)
        guess = difflib.get_close_matches(name, list(settings), n=1)
        hint = f"; did you mean {guess[0]}?" if guess else ""
        raise ConfigError(f"unknown setting {name} {where}{hint} Known: {', '.join(known)}")


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())
