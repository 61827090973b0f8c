"""What callers pass, checked; it imports next to nothing, for the command line's sake."""

from typing import Literal, get_args

from keras_colorize.errors import ConfigError

__all__ = ["RUNTIMES", "Runtime", "check_runtime"]

#: What runs a generator: its twin where it has one, and Keras otherwise; or one of them.
Runtime = Literal["auto", "litert", "keras"]
RUNTIMES: tuple[Runtime, ...] = get_args(Runtime)


def check_runtime(name: str) -> None:
    """Refuse what runs nothing.

    Raises:
        ConfigError: there is no such runtime.
    """
    if name not in RUNTIMES:
        raise ConfigError(f"runtime must be one of {', '.join(RUNTIMES)}. Received: {name!r}")
