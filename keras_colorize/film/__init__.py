"""How old emulsions saw the world: the films as numbers, and what they make of a photograph.

The simulation is loaded when it is first used: settings name films without a framework.
"""

from typing import TYPE_CHECKING, Any

from keras_colorize.film.stocks import NEVER, STOCKS, Chance, FilmStock

if TYPE_CHECKING:
    from keras_colorize.film.simulation import simulate_film

__all__ = ["NEVER", "STOCKS", "Chance", "FilmStock", "simulate_film"]


def __getattr__(name: str) -> Any:
    if name != "simulate_film":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from keras_colorize.film.simulation import simulate_film

    return simulate_film
