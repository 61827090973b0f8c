"""Processes that record three colors of light and give them back through dyes.

Each is a function of linear light to linear light, from the absorption of its dyes. What it makes
of gray of the same luminance is taken for gray: plates and prints were balanced by filters, and the
eye does the rest. What it does to luminance is left out.
"""

from collections.abc import Callable

import numpy as np

from keras_colorize import color
from keras_colorize.looks.spectra import bands, decode, dye, encode, to_linear_rgb

__all__ = ["autochrome", "kodachrome", "mosaic", "technicolor"]

_DARK = 1e-3  # of white: the least light that still makes a difference
_LEAST = 1e-6  # of white: what passes in the deepest black

# -- Autochrome -----------------------------------------------------------------------------------
# Absorption maxima in water, in nanometers: Green, "The Sigma-Aldrich Handbook of Stains, Dyes and
# Indicators", 1990. Mixtures by weight: the Lumières' recipe, as Casella gives it, who dyed starch
# by it at the Metropolitan Museum of Art for tests of fading (with Tsukada, Journal of the American
# Institute for Conservation 51, 2012). Widths, and the densities that weights come to in a grain,
# are our estimates.
_TARTRAZINE = dye(427.0, 45.0)
_ERYTHROSINE = dye(527.0, 28.0)
_ROSE_BENGAL = dye(548.0, 28.0)
_PATENT_BLUE = dye(638.0, 38.0)
_CRYSTAL_VIOLET = dye(590.0, 40.0)
_MALACHITE_GREEN = dye(618.0, 36.0)

_RED_ORANGE = 1.97 * _TARTRAZINE + 1.45 * _ERYTHROSINE + 0.26 * _ROSE_BENGAL
_GREEN = 2.1 * _TARTRAZINE + 1.0 * _PATENT_BLUE
_VIOLET = 0.9 * _CRYSTAL_VIOLET + 0.13 * _MALACHITE_GREEN
_PLATE_CONTRAST = 1.5  # of the reversed emulsion; our estimate
_GRAINS = np.power(10.0, -np.stack([_RED_ORANGE, _GREEN, _VIOLET])).astype(np.float32)

# -- subtractive films ----------------------------------------------------------------------------
# Cyan, magenta and yellow. That Kodachrome's were formed in development, one layer after the other,
# and that those of dye transfer were spectrally purer, is published (Flueckiger, "Timeline of
# Historical Film Colors"; "dye transfer" of any handbook): narrower bands. Maxima are those of such
# dyes in general; they, widths, contrast and separation are our estimates.
_KODACHROME = np.stack([dye(655.0, 60.0), dye(545.0, 42.0), dye(440.0, 42.0)])
_TECHNICOLOR = np.stack([dye(650.0, 45.0), dye(540.0, 32.0), dye(440.0, 32.0)])


def autochrome(luminance: np.ndarray, chroma: np.ndarray, _: np.random.Generator) -> np.ndarray:
    """Lumière's Autochrome, 1907: mosaic of dyed starch grains, through which light passes twice.

    Exposed through the grains and reversed, the emulsion behind each lets through as much as fell
    in. The filters overlap, so colors are pale, and lean to the grains' own three.
    """
    taken = _GRAINS @ bands().T  # (grain, RGB)
    taken = taken / taken.sum(axis=1, keepdims=True)
    seen, shares = mosaic()

    def process(light: np.ndarray) -> np.ndarray:
        return (np.power(light @ taken.T, _PLATE_CONTRAST) * shares) @ seen

    return _recolor(process, luminance, chroma)


def mosaic() -> tuple[np.ndarray, np.ndarray]:
    """The grains of an autochrome: their colors, and how much of each there is.

    Returns:
        Linear RGB of what passes through each kind, ``(grain, RGB)``; shares of the kinds,
        ``(grain,)``, so that together they are white.
    """
    seen = to_linear_rgb(_GRAINS)
    return seen, np.linalg.solve(seen.T, np.ones(3))


def kodachrome(luminance: np.ndarray, chroma: np.ndarray, _: np.random.Generator) -> np.ndarray:
    """Kodachrome, reversal film since 1935: three layers, each developed to its dye."""
    return _recolor(_subtractive(_KODACHROME, contrast=1.25, separation=0.10), luminance, chroma)


def technicolor(luminance: np.ndarray, chroma: np.ndarray, _: np.random.Generator) -> np.ndarray:
    """Technicolor, process 4, 1932 to 1955: three negatives through a prism, dyes transferred."""
    return _recolor(_subtractive(_TECHNICOLOR, contrast=1.4, separation=0.20), luminance, chroma)


def _subtractive(
    dyes: np.ndarray, *, contrast: float, separation: float
) -> Callable[[np.ndarray], np.ndarray]:
    """A film of three dyes.

    Args:
        dyes: that take away red, green and blue, densities ``(3, 31)``.
        contrast: slope of density against the logarithm of the light.
        separation: how much of the other two records each is freed from: by sharp filters, and
            since the development of one layer holds back the next (interimage effect).
    """
    records = (1.0 + separation) * np.eye(3) - separation * (1.0 - np.eye(3)) / 2.0
    # Amounts that together make a density of 1 in red, green and blue light: gray.
    amounts = np.linalg.solve(bands() @ dyes.T, np.ones(3))
    balanced = (amounts[:, None] * dyes).astype(np.float32)

    def process(light: np.ndarray) -> np.ndarray:
        recorded = np.clip(light @ records.T, _DARK, 1.0).astype(np.float32)
        density = -contrast * np.log10(recorded) @ balanced
        return to_linear_rgb(np.power(np.float32(10.0), -density))

    return process


def _recolor(
    process: Callable[[np.ndarray], np.ndarray], luminance: np.ndarray, chroma: np.ndarray
) -> np.ndarray:
    """Chroma of what a process makes of a photograph, at the photograph's luminance."""
    y = luminance[..., None]
    rgb = np.clip(color.add_chroma(y, chroma), 0.0, 1.0)
    gray = decode(np.repeat(y, 3, axis=-1))
    made, neutral = (np.maximum(process(light), _LEAST) for light in (decode(rgb), gray))
    return color.chroma(encode(gray * made / neutral))
