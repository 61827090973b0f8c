"""Color for black-and-white photographs: the commands, each of which tells more by --help."""

import importlib
import shlex
import sys
from collections.abc import Sequence

from keras_colorize.cli import run_command
from keras_colorize.errors import ConfigError
from keras_colorize.version import __version__

__all__ = ["COMMANDS", "main"]

_PACKAGE = "keras_colorize"

#: Modules of the commands, each of which says in its first line how it is called and what it does.
COMMANDS = {
    "colorize": "colorize",
    "studio": "studio.__main__",
    "fit": "fit",
    "inspect": "inspect",
    "evaluate": "evaluate",
    "pack": "pack",
    "export": "export",
    "cluster": "cluster.__main__",
    "film_sheet": "film_sheet",
}


def main(argv: Sequence[str] | None = None) -> int:
    """List the commands: status 0, or 2 for arguments that belong to one of them."""
    return run_command(_list, argv)


def _list(argv: Sequence[str]) -> int:
    match list(argv):
        case [] | ["-h" | "--help"]:
            print("\n".join([__doc__, "", *map(_describe, COMMANDS.values())]))
        case ["--version"]:
            print(f"keras-colorize {__version__}")
        case [name, *rest] if name in COMMANDS:
            called = f"python -m {_PACKAGE}.{shlex.join([name, *rest])}"
            raise ConfigError(f"expected a dot before the command: {called}")
        case arguments:
            raise ConfigError(
                f"expected python -m {_PACKAGE}.COMMAND, of {', '.join(COMMANDS)}; or --version. "
                f"Received: {shlex.join(arguments)}"
            )
    return 0


def _describe(module: str) -> str:
    """The first line of a command's module, as far as it is no markup."""
    described = importlib.import_module(f"{_PACKAGE}.{module}").__doc__ or ""
    return described.partition("\n")[0].replace("``", "")


if __name__ == "__main__":
    sys.exit(main())
