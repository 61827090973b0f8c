"""Pictures beside a result, for people to look at: small, and made of what was painted anyway."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from keras_colorize.coloring.colorizer import Colorizer
from keras_colorize.coloring.hints import Hint, Region
from keras_colorize.coloring.painting import Painting, color_strips
from keras_colorize.coloring.reduction import reduce_luminance, reduced_size
from keras_colorize.coloring.session import Session
from keras_colorize.photos.sheets import draw_sheet

__all__ = ["compare", "compare_sizes", "map_certainty", "offer"]

_SIDE = 768  # pixels; of the shorter side of the photograph in comparisons and maps
_PROPOSAL_SIDE = 384  # of each of several proposals


def compare(painting: Painting, luminance: np.ndarray, saturation: float, look: str) -> Image.Image:
    """A photograph, gray and in color, side by side.

    Args:
        painting: its color.
        luminance: of the whole photograph, ``(H, W)``, as ``Colorizer.paint`` takes it.
        saturation: factor of its chroma.
        look: what its colors become.
    """
    small = reduce_luminance(luminance, _SIDE)
    gray = np.repeat(np.rint(255.0 * small).astype(np.uint8)[..., None], 3, axis=-1)
    return Image.fromarray(
        np.concatenate([gray, _render(painting, small, saturation, look)], axis=1)
    )


def compare_sizes(colorizer: Colorizer, luminance: np.ndarray, sizes: Sequence[int]) -> Image.Image:
    """A photograph, gray and as it becomes at each of several working sizes."""
    small = reduce_luminance(luminance, _SIDE)
    cells = [small[..., None]]
    for size in sizes:
        painting = colorizer.paint(luminance, size)
        cells.append(_render(painting, small, colorizer.saturation, colorizer.look))
    return draw_sheet([cells], ["gray", *(f"working size {size}" for size in sizes)])


def map_certainty(session: Session, hints: Sequence[Hint | Region]) -> Image.Image:
    """Where the colors of a photograph can be trusted (white) and where they are guesses (black).

    Args:
        session: of the photograph.
        hints: colors that are known, which are no guesses.

    Raises:
        ModelError: the generator has no distribution over colors.
    """
    image = Image.fromarray(np.rint(255.0 * session.certainty(hints)).astype(np.uint8))
    height, width = reduced_size(session.shape, _SIDE)
    return image.resize((width, height), Image.Resampling.BICUBIC)


def offer(
    session: Session,
    luminance: np.ndarray,
    count: int,
    hints: Sequence[Hint | Region],
    saturation: float,
    look: str,
) -> Image.Image:
    """Several plausible colorings of a photograph, numbered as decisions number them.

    Args:
        session: of the photograph.
        luminance: of the whole photograph, ``(H, W)``, as ``Colorizer.paint`` takes it.
        count: how many, 1 to 7.
        hints: colors that are known, which all of them keep.
        saturation: factor of their chroma.
        look: what their colors become.

    Raises:
        ModelError: the generator has no distribution over colors, or offers fewer.
    """
    small = reduce_luminance(luminance, _PROPOSAL_SIDE)
    paintings = (session.paint(hints, number) for number in range(count))
    cells = [_render(painting, small, saturation, look) for painting in paintings]
    return draw_sheet([cells], ["plain", *(f"proposal {n}" for n in range(1, count))])


def _render(painting: Painting, luminance: np.ndarray, saturation: float, look: str) -> np.ndarray:
    """A painting on a luminance, uint8 ``(h, w, 3)``."""
    enlargement = painting.enlarge(luminance.shape, saturation, look)
    return np.concatenate([rgb for _, rgb in color_strips(enlargement, luminance, np.uint8)])
