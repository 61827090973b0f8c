"""What callers pass, checked; it imports next to nothing, for the command line's sake."""

from collections.abc import Iterable, Iterator
from numbers import Integral
from typing import Literal, get_args

from keras_colorize.errors import ConfigError

__all__ = ["RUNTIMES", "Runtime", "check_list", "check_runtime", "check_whole"]

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


def check_list(name: str, values: object, *kinds: type) -> None:
    """Refuse what is no list, such as one of its objects alone.

    Args:
        name: of the argument.
        values: its value. A generator is refused: it could be gone through only once.
        kinds: of what it may hold; none leaves that to others.

    Raises:
        TypeError: it is otherwise.
    """
    wanted = f"{name} must be a list"
    if kinds:
        wanted += f" of {' or '.join(kind.__name__ for kind in kinds)}"
    if isinstance(values, str | Iterator) or not isinstance(values, Iterable):
        raise TypeError(f"{wanted}. Received: {values!r}, in none")
    for value in values if kinds else ():
        if not isinstance(value, kinds):
            raise TypeError(f"{wanted}. Received in it: {value!r}")


def check_whole(name: str, value: object, least: int, most: int | None = None) -> None:
    """Refuse what is no whole number, or out of its range.

    Args:
        name: of the argument.
        value: its value.
        least: that it may be.
        most: that it may be.

    Raises:
        ValueError: it is otherwise.
    """
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not whole or value < least or (most is not None and value > most):  # type: ignore[operator]
        wanted = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise ValueError(f"{name} must be a whole number {wanted}. Received: {value!r}")
