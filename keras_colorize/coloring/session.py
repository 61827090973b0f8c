"""One photograph on the desk: the network runs once, after that every wish is answered at once."""

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from keras_colorize import color
from keras_colorize.coloring import proposals
from keras_colorize.coloring.album import Note
from keras_colorize.coloring.arguments import check_list, check_whole
from keras_colorize.coloring.hints import (
    Anchors,
    Hint,
    Likeness,
    Region,
    anchors_of,
    join_anchors,
    spread,
)
from keras_colorize.coloring.painting import Painting
from keras_colorize.coloring.reduction import reduced_size, resize_planes
from keras_colorize.coloring.references import from_palette, from_reference
from keras_colorize.errors import ModelError

if TYPE_CHECKING:
    from keras_colorize.coloring.colorizer import Colorizer

__all__ = ["Session"]

_GUESS = 0.12  # expected distance to the truth from which on a color is a mere guess


class Session:
    """A photograph, and what the network sees in it; made by ``Colorizer.session``.

    ::

        session = colorizer.session("house.jpg")
        session.color([Hint(0.4, 0.6, "#3d6b4f")]).save("porch_green.png")

    Args:
        colorizer: what paints.
        luminance: of the photograph, as ``Colorizer.paint`` takes it.
        working_size: instead of the colorizer's own.
    """

    def __init__(
        self, colorizer: "Colorizer", luminance: np.ndarray, working_size: int | None = None
    ) -> None:
        self._colorizer = colorizer
        self._luminance = luminance
        self._seen = colorizer.see(luminance, working_size)
        self._weak: Anchors | None = None
        self._alternatives: dict[int, np.ndarray] = {}
        height, width = self.plain.luminance.shape
        self._grid = max(height // 2, 1), max(width // 2, 1)
        self.likeness = Likeness(
            resize_planes(self.plain.luminance[None], *self._grid)[0],
            [self._to_grid(feature) for feature in self._seen.features],
        )

    @property
    def plain(self) -> Painting:
        """What the network painted by itself."""
        return self._seen.painting

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the photograph."""
        height, width = self._luminance.shape
        return height, width

    # -- coloring -----------------------------------------------------------------------------

    def paint(self, hints: Sequence[Hint | Region] = (), proposal: int = 0) -> Painting:
        """The photograph's chroma, at the network's size.

        Args:
            hints: colors that are known; the last of several at one place counts.
            proposal: which of :meth:`propose` the hints correct; 0 is the plain answer.

        Raises:
            ModelError: ``proposal`` is none that this generator offers.
            TypeError: the hints are no list of them.
        """
        chroma = self._proposed(proposal)
        anchors = anchors_of(hints, *self._grid)
        if self._weak is not None:
            anchors = join_anchors(anchors, self._weak)
        change = spread(chroma, self.likeness, anchors) - self._painted
        if not change.any():
            return self.plain
        enlarged = resize_planes(np.moveaxis(change, -1, 0), *self.plain.luminance.shape)
        return self.plain.with_chroma(self.plain.chroma + np.moveaxis(enlarged, 0, -1))

    def color(
        self, hints: Sequence[Hint | Region] = (), *, proposal: int = 0, size: int | None = None
    ) -> Image.Image:
        """The photograph in color.

        Args:
            hints: see :meth:`paint`.
            proposal: see :meth:`paint`.
            size: short side of the picture in pixels, for a quick look; by default full size.

        Returns:
            An RGB image whose luminance is the photograph's.

        Raises:
            ModelError: see :meth:`paint`.
            ValueError: ``size`` is no whole number of at least 1.
        """
        if size is not None:
            check_whole("size", size, 1)
        luminance = self._luminance
        if size is not None and size < min(luminance.shape):
            white = 1.0 if luminance.dtype.kind == "f" else np.iinfo(luminance.dtype).max
            small = (luminance / np.float32(white)).astype(np.float32)[None]
            small = resize_planes(small, *reduced_size(luminance.shape, size))[0]
            luminance = np.clip(small, 0.0, 1.0)
        return self._colorizer.join(self.paint(hints, proposal), luminance)

    def note(self, hints: Sequence[Hint | Region] = (), proposal: int = 0) -> Note:
        """What an album keeps of the photograph, whose colors are known where a person chose them.

        Args:
            hints: see :meth:`paint`.
            proposal: see :meth:`paint`.
        """
        chosen = proposal != 0 or self._weak is not None
        sure: np.ndarray | float = 1.0 if chosen else self._reach(hints)
        return self._seen.note(self.paint(hints, proposal).chroma, sure)

    # -- what else it may have been -----------------------------------------------------------

    @property
    def knows_likely_colors(self) -> bool:
        """Whether the generator has a distribution, which the methods below need."""
        return self._seen.shares is not None

    def certainty(self, hints: Sequence[Hint | Region] = ()) -> np.ndarray:
        """How far the plain answer can be trusted, float32 ``(h, w)``, at the network's size.

        Args:
            hints: colors that are known: as far as a place is like theirs, it is no guess.

        Returns:
            1 where the truth is expected to be what was painted, 0 where it is expected to lie 0.12
            or more from it, in (Cb, Cr): between gray and a red brick.

        Raises:
            ModelError: the generator has no distribution.
        """
        known = np.maximum(self._certain, self._reach(hints))
        return np.clip(resize_planes(known[None], *self.plain.luminance.shape)[0], 0.0, 1.0)

    def likely_colors(
        self, x: float, y: float, count: int = 5
    ) -> list[tuple[tuple[int, int, int], float]]:
        """Colors that the network holds for likely at a place.

        Args:
            x: from the left edge, relative to the width, in [0, 1].
            y: from the upper edge, relative to the height, in [0, 1].
            count: how many at the most, at least 1.

        Returns:
            Red, green and blue in 0 to 255, at the photograph's luminance there, and the share of
            what is likely that lies around each; the likeliest first.

        Raises:
            ModelError: the generator has no distribution.
            ValueError: the place lies outside the photograph, or ``count`` is no whole number of
                at least 1.
        """
        check_whole("count", count, 1)
        place = int(anchors_of([Hint(x, y, "#808080", 1e-6)], *self._grid).places[0])
        row, column = np.unravel_index(place, self._grid)
        shares = self._shares[row, column]
        luminance = resize_planes(self.plain.luminance[None], *self._grid)[0, row, column]
        found = []
        for chroma, share in proposals.likely_colors(shares, self._seen.bins, count):
            planes = color.add_chroma_planes(
                np.full((1, 1), np.clip(luminance, 0.0, 1.0), np.float32),
                *(np.full((1, 1), value, np.float32) for value in chroma),
            )
            red, green, blue = (round(255 * float(np.clip(p[0, 0], 0.0, 1.0))) for p in planes)
            found.append(((red, green, blue), share))
        return found

    def propose(self, count: int = 4, *, size: int | None = None) -> list[Image.Image]:
        """Different plausible colorings of the photograph, the first the plain answer.

        Args:
            count: how many, 1 to 7.
            size: see :meth:`color`.

        Raises:
            ModelError: the generator has no distribution.
            ValueError: ``count`` or ``size`` is out of its range.
        """
        check_whole("count", count, 1, 1 + proposals.MOST)
        return [self.color(proposal=number, size=size) for number in range(count)]

    # -- colors from elsewhere ----------------------------------------------------------------

    def follow(self, reference: "Session", chroma: np.ndarray) -> None:
        """Let the photograph take the colors of what is alike in a color photograph.

        Args:
            reference: the session of that photograph with the same colorizer.
            chroma: its true Cb and Cr, float32 ``(h, w, 2)`` of any size.
        """
        theirs = reference._to_grid(chroma)
        self._weak = from_reference(self.likeness, reference.likeness, theirs)

    def keep_to(self, palette: Sequence[tuple[int, int, int] | str]) -> None:
        """Draw the photograph's colors to those of a palette, where the network is unsure.

        Args:
            palette: colors, as hints have them; none lets go of the palette before.

        Raises:
            ModelError: the generator has no distribution, so that nobody knows where.
            TypeError: it is no list, such as one color alone.
            ValueError: it holds what is no color.
        """
        check_list("palette", palette)
        self._weak = None
        if palette:
            self._weak = from_palette(palette, self._painted, self._certain, self.likeness)

    # -- within -------------------------------------------------------------------------------

    def _reach(self, hints: Sequence[Hint | Region]) -> np.ndarray:
        """How far a hint speaks of each place of the grid, in [0, 1]."""
        places = anchors_of(hints, *self._grid).places
        if not len(places):
            return np.zeros(self._grid, np.float32)
        return self.likeness.between(places, slice(None)).max(axis=1).reshape(self._grid)

    @functools.cached_property
    def _certain(self) -> np.ndarray:
        """The certainty on the grid."""
        distance = proposals.expected_distance(self._painted, self._shares, self._seen.bins)
        return np.maximum(1.0 - distance / _GUESS, 0.0)

    def _proposed(self, number: int) -> np.ndarray:
        if number == 0:
            return self._painted
        if not 0 < number <= proposals.MOST:
            raise ModelError(f"proposal must be 0 to {proposals.MOST}. Received: {number}")
        if number not in self._alternatives:
            self._alternatives[number] = proposals.alternative(
                self._painted, self._shares, self._seen.bins, self.likeness, number - 1
            )
        return self._alternatives[number]

    @functools.cached_property
    def _painted(self) -> np.ndarray:
        """The plain chroma on the grid."""
        return self._to_grid(self.plain.chroma)

    @functools.cached_property
    def _shares(self) -> np.ndarray:
        if self._seen.shares is None:
            raise ModelError(
                "this generator has no distribution over colors: train one with "
                "generator.distribution = true, or use the model that comes with keras_colorize"
            )
        return np.maximum(self._to_grid(self._seen.shares), 0.0)

    def _to_grid(self, planes: np.ndarray) -> np.ndarray:
        """``(h, w, c)`` of any size to the grid, ``(gh, gw, c)``."""
        return np.moveaxis(resize_planes(np.moveaxis(planes, -1, 0), *self._grid), 0, -1)
