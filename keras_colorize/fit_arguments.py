"""The settings of a training run, from a file and the command line."""

import dataclasses
import difflib
import json
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin

import yaml
from jsonargparse import ArgumentError, ArgumentParser

from keras_colorize.cli import one_line
from keras_colorize.config import FitConfig, flatten
from keras_colorize.errors import ConfigError

__all__ = ["parse_fit_config"]


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
        content = _read(path)
        _refuse_unknown(_key_paths(content), settings, f"in {path}")
        _refuse_empty_sections(content, settings, path)
    try:
        return _construct(FitConfig, parser.parse_args(argv))
    except ArgumentError as error:
        raise ConfigError(one_line(error)) from error


def _construct(kind: type, namespace: Any, prefix: str = "") -> Any:
    """Dataclasses of parsed values; the parser itself constructs them with deprecated calls.

    The parser takes ``null`` for a value of any type.
    """
    values = {}
    for entry in dataclasses.fields(kind):
        name, value = prefix + entry.name, getattr(namespace, entry.name)
        if isinstance(entry.type, type) and dataclasses.is_dataclass(entry.type):
            value = _construct(entry.type, value, f"{name}.")
        elif value is None and NoneType not in _types(entry.type):
            raise ConfigError(f"{name} must have a value; leave it out for its default")
        values[entry.name] = value
    return kind(**values)


def _types(annotation: Any) -> set[Any]:
    """The type, and all that it is made of."""
    return {annotation}.union(*map(_types, get_args(annotation)))


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


def _read(path: Path) -> dict[Any, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"cannot read the settings in {path}: {one_line(error)}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path} must hold settings such as 'name: my_run'")
    try:
        json.dumps(content, default=str, skipkeys=True)
    except ValueError as error:
        raise ConfigError(f"{path} must hold settings; one in it holds itself") from error
    return content


def _key_paths(content: dict[Any, Any], prefix: str = "") -> Iterable[str]:
    for key, value in content.items():
        if isinstance(value, dict) and value:
            yield from _key_paths(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


def _refuse_empty_sections(content: dict[Any, Any], settings: dict[str, Any], path: Path) -> None:
    for section in sorted(_sections(settings) & content.keys()):
        if not isinstance(content[section], dict):
            raise ConfigError(
                f"{section} in {path} must hold settings of its own, or be left out. "
                f"Received: {content[section]!r}"
            )


def _sections(settings: dict[str, Any]) -> set[str]:
    return {name.rpartition(".")[0] for name in settings} - {""}


def _refuse_unknown(names: Iterable[str], settings: dict[str, Any], where: str) -> None:
    sections = _sections(settings)
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
        hint = f"; did you mean {guess[0]}?" if guess else "."
        raise ConfigError(f"unknown setting {name} {where}{hint} Known: {', '.join(known)}")
