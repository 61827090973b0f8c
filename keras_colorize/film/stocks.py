"""The films that :mod:`keras_colorize.film.simulation` simulates, as numbers."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

from keras_colorize import color
from keras_colorize.errors import ConfigError

__all__ = ["EFFECTS", "NEVER", "STOCKS", "Chance", "FilmStock", "find_stocks"]


@dataclass(frozen=True)
class Chance:
    """An effect that some photographs show, and most of those mildly.

    It is drawn with ``probability``; its strength is then mild + (strong - mild) u², u uniform in
    [0, 1): half of the draws lie in the mildest quarter of the range.
    """

    probability: float
    mild: float
    strong: float


#: An effect that no photograph shows.
NEVER = Chance(0.0, 0.0, 0.0)

# Weights of linear R, G and B that Luo et al., "Time-Travel Rephotography", 2021, give emulsions.
_BLUE_SENSITIVE = (0.0, 0.0, 1.0)
_ORTHOCHROMATIC = (0.0, 0.5, 0.5)
_PANCHROMATIC = color.LUMINANCE_WEIGHTS


@dataclass(frozen=True)
class FilmStock:
    """An emulsion, the camera it was used in, and what time and a scanner did to the print.

    Ranges named "Wan" are those of Wan et al., "Bringing Old Photos Back to Life", 2020, who
    degrade pictures of 256 pixels. Their blur has kernels of 3-7 pixels with sigma 1-5; cut off by
    the kernel's edge, that is a standard deviation of 0.7-2 pixels, a share of 0.003-0.008. Of
    their noise, sigma 5-50/255, the lower third is used: at 128 pixels more would hide the texture
    by which brick and plaster differ.
    """

    name: str
    description: str
    response: tuple[float, float, float]  # weights of linear R, G and B; they sum to 1
    # 0 to 1: how far camera and darkroom correct the exposure. At 1 the share `exposed` of the
    # picture lies below white, and a dark middle tone comes a third of the way to middle gray.
    printing: float = 1.0
    exposed: float = 0.98
    toe: float = 0.3  # roundness of the characteristic curve's toe, in decades of exposure
    shoulder: float = 0.12  # the same of its shoulder
    halation_radius: float = 0.02  # standard deviation, share of the short side
    grain_size: float = 0.003  # standard deviation of a clump, share of the short side
    unevenness: float = 0.5  # 0 to 1: how far fading varies over the picture

    exposure: Chance = Chance(0.7, 0.0, 1.0)  # error in stops, of either sign
    softness: Chance = Chance(0.4, 0.002, 0.005)  # standard deviation, share of the short side
    halation: Chance = Chance(0.4, 0.05, 0.25)  # share of bright light that spreads as a halo
    contrast: Chance = Chance(0.9, 0.9, 1.3)  # slope of the characteristic curve
    grain: Chance = Chance(0.7, 0.008, 0.035)  # standard deviation in middle gray
    fading: Chance = Chance(0.3, 0.05, 0.25)  # share of the silver that is lost: gray blacks
    dust: Chance = Chance(0.2, 0.1, 0.8)  # share of a possible 16 specks
    scratches: Chance = Chance(0.08, 0.2, 0.7)  # opacity of up to three scratches
    rescaling: Chance = Chance(0.25, 1.0, 0.5)  # scan reduced and enlarged again; Wan
    noise: Chance = Chance(0.2, 5 / 255, 16 / 255)  # of the scanner, Gaussian or speckle; Wan
    jpeg: Chance = Chance(0.5, 100.0, 40.0)  # quality of the scan's file; Wan

    def __post_init__(self) -> None:
        weights_fit = min(self.response) >= 0.0 and abs(sum(self.response) - 1.0) < 1e-6
        wrong = [e for e in EFFECTS if not 0.0 <= getattr(self, e).probability <= 1.0]
        if wrong or not weights_fit:
            raise ConfigError(
                f"Film stock '{self.name}': expected a response of three weights that sum to 1 "
                f"and probabilities in [0, 1]. Received: response {self.response}"
                + "".join(f", {effect} {getattr(self, effect)}" for effect in wrong)
            )


EFFECTS = tuple(field.name for field in fields(FilmStock) if field.type is Chance)

#: The stocks by name, as configurations write them.
STOCKS: dict[str, FilmStock] = {
    stock.name: stock
    for stock in (
        FilmStock(
            "wet_plate",
            "collodion on glass, 1851 to the 1880s: sees blue light only, nearly grainless",
            _BLUE_SENSITIVE,
            exposed=0.85,  # for the scene: the sky, bright in blue, burned out
            softness=Chance(0.3, 0.002, 0.005),
            grain=Chance(0.3, 0.01, 0.02),
            unevenness=1.0,  # collodion was poured by hand, and gathered dust while wet
            dust=Chance(0.35, 0.1, 0.8),
        ),
        FilmStock(
            "orthochromatic",
            "dry plates, 1873 to the 1920s: blind to red",
            _ORTHOCHROMATIC,
            exposed=0.95,
            halation=Chance(0.6, 0.05, 0.3),  # few plates were backed against reflections
            halation_radius=0.025,
        ),
        FilmStock(
            "panchromatic",
            "plates and film since 1906: all colors, as bright as the eye sees them",
            _PANCHROMATIC,
            softness=Chance(0.3, 0.002, 0.005),
            fading=Chance(0.2, 0.05, 0.2),
        ),
        FilmStock(
            "faded_print",
            "an orthochromatic print, 1880s to 1910s, that hung in the light",
            _ORTHOCHROMATIC,
            exposed=0.95,
            unevenness=0.8,
            softness=Chance(0.5, 0.002, 0.008),
            fading=Chance(0.95, 0.1, 0.45),
            dust=Chance(0.35, 0.1, 1.0),
            scratches=Chance(0.2, 0.2, 0.8),
        ),
        FilmStock(
            "snapshot",
            "roll film in an amateur's box camera, 1900s to 1950s: soft and grainy",
            (0.1, 0.5, 0.4),  # orthochromatic film that reached further into yellow; our estimate
            grain_size=0.004,
            exposure=Chance(0.9, 0.0, 1.0),
            softness=Chance(0.9, 0.003, 0.008),
            grain=Chance(0.9, 0.012, 0.045),
        ),
    )
}


def find_stocks(stock: FilmStock | str | Sequence[FilmStock | str]) -> list[FilmStock]:
    """One stock or several, by name or themselves, as a list.

    Raises:
        ConfigError: a name is unknown, or there is none.
    """
    several = [stock] if isinstance(stock, FilmStock | str) else list(stock)
    unknown = [name for name in several if not isinstance(name, FilmStock) and name not in STOCKS]
    if unknown or not several:
        raise ConfigError(
            f"Expected a film stock or several of: {', '.join(STOCKS)}. Received: {stock!r}"
        )
    return [each if isinstance(each, FilmStock) else STOCKS[each] for each in several]
