"""How color was made before film made it easy: what a photograph's colors become in old processes.

Beside ``film``, which says how old emulsions saw the world. A look takes a luminance and chroma and
gives other chroma: a gray photograph stays gray, but for the grains of a plate where they are asked
for by name, and its luminance is nobody's to change.
"""

from collections.abc import Callable, Mapping

import numpy as np

from keras_colorize.errors import ConfigError
from keras_colorize.looks.dyes import autochrome, kodachrome, technicolor
from keras_colorize.looks.washes import hand_tinted, photochrom

__all__ = ["LOOKS", "NATURAL", "apply_look", "check_look", "has_grains"]

Look = Callable[[np.ndarray, np.ndarray, np.random.Generator], np.ndarray]

#: The look that changes nothing.
NATURAL = "natural"
_GRAINED = "autochrome_grains"
#: The looks by name, and what each is.
LOOKS: Mapping[str, str] = {
    NATURAL: "as computed",
    "autochrome": "Lumière's plates of 1907: starch grains dyed red-orange, green and violet",
    _GRAINED: "the same, and its grains as a scan of a plate 18 cm wide shows them",
    "kodachrome": "reversal film since 1935: three dyes, formed in development",
    "technicolor": "dye transfer since 1932: three records, sharply separated, of pure dyes",
    "hand_tinted": "a few transparent pigments, washed over areas of a print",
    "photochrom": "lithography since the 1880s: a stone for each of a few inks",
}

_FUNCTIONS: Mapping[str, Look] = {
    "autochrome": autochrome,
    _GRAINED: autochrome,
    "kodachrome": kodachrome,
    "technicolor": technicolor,
    "hand_tinted": hand_tinted,
    "photochrom": photochrom,
}


def check_look(name: str) -> str:
    """The name itself.

    Raises:
        ConfigError: there is no such look.
    """
    if name not in LOOKS:
        raise ConfigError(f"look must be one of {', '.join(LOOKS)}. Received: {name!r}")
    return name


def has_grains(name: str) -> bool:
    """Whether what :func:`apply_look` gives is to be seen through :mod:`grains`, at full size."""
    return name == _GRAINED


def apply_look(name: str, luminance: np.ndarray, chroma: np.ndarray, seed: int = 0) -> np.ndarray:
    """What a photograph's colors become in a process, short of its grains.

    Args:
        name: of the look, one of :data:`LOOKS`.
        luminance: float32 ``(h, w)`` in [0, 1]; it stays as it is.
        chroma: Cb and Cr, float32 ``(h, w, 2)``.
        seed: of what a hand or a press does differently each time.

    Returns:
        Cb and Cr, float32 ``(h, w, 2)``, not limited into gamut.

    Raises:
        ConfigError: there is no such look.
    """
    if check_look(name) == NATURAL:
        return chroma
    result = _FUNCTIONS[name](luminance, chroma, np.random.default_rng(seed))
    return result.astype(np.float32)
