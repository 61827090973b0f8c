"""How colored photographs are written."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from keras_colorize.coloring.album import Album
from keras_colorize.coloring.colorizer import Colorizer
from keras_colorize.coloring.decisions import Decisions
from keras_colorize.errors import ConfigError
from keras_colorize.photos.pixels import MAX_PIXELS
from keras_colorize.photos.writing import QUALITY

__all__ = ["HALF_CHROMA_FROM", "ColoringOptions"]

#: JPEGs whose short side is this many times the working size carry chroma at half the resolution:
#: still twice what the network painted.
HALF_CHROMA_FROM = 4


@dataclass(frozen=True)
class ColoringOptions:
    """How results are written.

    Attributes:
        quality: of JPEG and WebP, 1 to 100; of a reversible JPEG, that of its chroma.
        overwrite: color anew what is there already, whatever it is.
        compare: also write each photograph beside its result, to ``compare/``.
        certainty: also write where its colors can be trusted, to ``certainty/``.
        proposals: also write a sheet of so many proposals, to ``proposals/``; 0 for none.
        sizes: instead of a result, write what the network makes of each photograph at each of
            these working sizes, side by side, to ``sizes/``.
        remove_tint: of a toned print, make the paper white before luminance is taken.
        max_pixels: refuse photographs with more.
        decisions: tells what was decided about a photograph, as ``DecisionsFolder.find`` does; it
            replaces the colorizer's settings and ``remove_tint``.
        references: the folder in whose ``references/`` lie the color photographs that decisions
            name; needed where they do.
        album: of notes on the photographs, whose first pages take the colors that it agrees on.
    """

    quality: int = QUALITY
    overwrite: bool = False
    compare: bool = False
    certainty: bool = False
    proposals: int = 0
    sizes: tuple[int, ...] = ()
    remove_tint: bool = False
    max_pixels: int = MAX_PIXELS
    decisions: Callable[[str, Path], Decisions | None] | None = None
    references: Path = Path()
    album: Album | None = None

    def check(self, colorizer: Colorizer) -> None:
        """Refuse what a colorizer cannot give.

        Raises:
            ConfigError: certainty or proposals, of a generator without a distribution.
        """
        if (self.certainty or self.proposals) and not colorizer.knows_likely_colors:
            raise ConfigError(
                "--certainty and --proposals need a model with a distribution over colors: one "
                "trained with generator.distribution = true, or the model that comes with "
                f"keras_colorize. Received: {colorizer.name}"
            )
