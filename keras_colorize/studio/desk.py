"""The photograph that is being looked at: read and seen by the network once, shown at any zoom."""

import dataclasses
import functools
import io
import threading
from collections import OrderedDict
from pathlib import Path

import numpy as np
from PIL import Image

from keras_colorize.coloring.colorizer import Colorizer
from keras_colorize.coloring.decided import begin_session
from keras_colorize.coloring.decisions import Decisions
from keras_colorize.coloring.grained import enlarge
from keras_colorize.coloring.hints import hex_of
from keras_colorize.coloring.options import HALF_CHROMA_FROM
from keras_colorize.coloring.painting import Painting
from keras_colorize.coloring.reversible import Jpeg
from keras_colorize.coloring.session import Session
from keras_colorize.errors import IrreversibleJpegError, PhotoError
from keras_colorize.photos.formats import identify, open_file
from keras_colorize.photos.reading import Page, read_pages
from keras_colorize.studio.parts import Box, Part

__all__ = ["Desk", "OpenPhoto"]

_OPEN_AT_ONCE = 3
_SESSIONS_KEPT = 2  # of a photograph, of up to some 100 MB: what is compared, back and forth
_QUALITY = 90
_LIKELY = 6  # colors of a place
_TINT = (-64.0, 72.0)  # Cb and Cr, in steps of a JPEG, of what is guessed: orange
# Smaller than this nothing is shown.
_LEAST_SIDE = 256


class Desk:
    """The photographs that were opened last. Safe for several threads.

    Args:
        colorizer: what paints.
        references: folder in whose ``references/`` lie color photographs that others follow.
        max_pixels: photographs with more are refused.
    """

    def __init__(self, colorizer: Colorizer, references: Path, max_pixels: int) -> None:
        self.colorizer = colorizer
        self._references = references
        self._max_pixels = max_pixels
        self._open: OrderedDict[Path, OpenPhoto] = OrderedDict()
        self._lock = threading.Lock()

    @functools.cached_property
    def knows_likely_colors(self) -> bool:
        """Whether the model can tell what else a photograph's colors may be.

        To ask compiles what the first photograph would have to wait for.
        """
        side = self.colorizer.facts.stride
        return Session(self.colorizer, np.zeros((side, side), np.uint8)).knows_likely_colors

    def open(self, path: Path, photo_hash: str) -> "OpenPhoto":
        """A photograph, read where it is not open yet.

        Args:
            path: of it.
            photo_hash: SHA-256 of the file; where it is another than before, it is read anew.

        Raises:
            PhotoError: it cannot be read.
        """
        with self._lock:  # one after the other: a second click does not read it twice
            photo = self._open.get(path)
            if photo is None or photo.hash != photo_hash:
                photo = OpenPhoto(
                    path, photo_hash, self.colorizer, self._references, self._max_pixels
                )
                self._open[path] = photo
                while len(self._open) > _OPEN_AT_ONCE:
                    self._open.popitem(last=False)
            self._open.move_to_end(path)
            return photo


class OpenPhoto:
    """One photograph on the desk. Safe for several threads.

    Args:
        path: of the original.
        photo_hash: SHA-256 of the file.
        colorizer: what paints.
        references: see :class:`Desk`.
        max_pixels: refuse it if it has more.

    Attributes:
        hash: SHA-256 of the file.
        size: width and height in pixels, upright.
        toned: whether it is a toned print, whose paper can be made white.

    Raises:
        PhotoError: it cannot be read.
    """

    def __init__(
        self,
        path: Path,
        photo_hash: str,
        colorizer: Colorizer,
        references: Path,
        max_pixels: int,
    ) -> None:
        self.hash = photo_hash
        self._path = path
        self._references = references
        self._colorizer = colorizer
        self._max_pixels = max_pixels
        self._lock = threading.RLock()
        self._sessions: OrderedDict[tuple[int, bool, str | None], Session] = OrderedDict()
        self._painted: tuple[object, Painting] | None = None
        self._guided: tuple[object, np.ndarray] | None = None
        self._cut: tuple[object, np.ndarray] | None = None
        self._levels: dict[bool, list[np.ndarray]] = {}
        jpeg = self._read_jpeg()
        source = self._read_page(remove_tint=False) if jpeg is None else jpeg
        self.size, self.toned = source.size, source.tone.kind == "toned"
        self._luminances = {False: source.luminance}

    def _read_jpeg(self) -> Jpeg | None:
        """At half its size where that is enough for its chroma: what coloring it reads, too."""
        with open_file(self._path) as file:
            if identify(file) != "JPEG":
                return None
        half_from = HALF_CHROMA_FROM * self._colorizer.working_size
        try:
            return Jpeg.read(self._path, max_pixels=self._max_pixels, half_chroma_from=half_from)
        except IrreversibleJpegError:
            return None

    def _read_page(self, *, remove_tint: bool) -> Page:
        pages = read_pages(self._path, max_pixels=self._max_pixels, remove_tint=remove_tint)
        page = next(pages, None)
        if page is None:
            raise PhotoError("it holds no picture")
        return page

    def paint(self, decisions: Decisions) -> Painting:
        """Its colors, as they were decided."""
        key = dataclasses.replace(decisions, saturation=1.0, look=None)
        with self._lock:
            if self._painted is None or self._painted[0] != key:
                painting = self._session(decisions).paint(decisions.regions, decisions.proposal)
                self._painted = key, painting
            return self._painted[1]

    def _guide(self, decisions: Decisions) -> np.ndarray:
        """Its colors as a function of luminance, which for another part of it are the same."""
        with self._lock:
            if self._guided is None or self._guided[0] != decisions:
                guide = self.paint(decisions).guide(decisions.saturation, self._look(decisions))
                self._guided = decisions, guide
            return self._guided[1]

    def _look(self, decisions: Decisions) -> str:
        return decisions.look or self._colorizer.look

    def _session(self, decisions: Decisions) -> Session:
        """The one for these decisions; the network runs again for what it sees otherwise alone."""
        kind = decisions.working_size, decisions.remove_tint, decisions.reference
        if kind not in self._sessions:
            luminance = self._luminance(decisions.remove_tint)
            self._sessions[kind] = begin_session(
                self._colorizer, luminance, decisions, self._references
            )
        elif decisions.reference is None:
            self._sessions[kind].keep_to(decisions.palette)
        self._sessions.move_to_end(kind)
        while len(self._sessions) > _SESSIONS_KEPT:
            self._sessions.popitem(last=False)
        return self._sessions[kind]

    def likely_colors(self, x: float, y: float, decisions: Decisions) -> list[str]:
        """Colors that the model thinks likely at a place, the likeliest first, as ``#rrggbb``.

        Raises:
            ModelError: the model does not know.
            ValueError: the place lies outside the photograph.
        """
        with self._lock:
            found = self._session(decisions).likely_colors(x, y, _LIKELY)
        return [hex_of(rgb) for rgb, _ in found]

    def certainty(self, box: Box, width: int, decisions: Decisions) -> bytes:
        """A part as it is, gray, and tinted where its colors are guesses; see :meth:`view`.

        Raises:
            ModelError: the model does not know.
        """
        part = Part.of(box, width, self.size)
        y = self._luminance_of(part, decisions.remove_tint)
        with self._lock:
            known = self._session(decisions).certainty(decisions.regions)
        guessed = part.cut(np.rint(255.0 * (1.0 - known)).astype(np.uint8)) / np.float32(255.0)
        planes = [y, *(np.rint(128.0 + c * guessed).astype(np.uint8) for c in _TINT)]
        return _encode(Image.merge("YCbCr", [Image.fromarray(plane) for plane in planes]))

    def _luminance(self, remove_tint: bool) -> np.ndarray:
        if remove_tint not in self._luminances:
            self._luminances[remove_tint] = self._read_page(remove_tint=remove_tint).luminance
        return self._luminances[remove_tint]

    def view(self, box: Box, width: int, decisions: Decisions | None) -> bytes:
        """A part of the photograph as JPEG, so many pixels wide or as many as it has.

        Args:
            box: the part.
            width: of the picture, in pixels; less where it would become too large.
            decisions: what its colors are to be; None shows it as it is, gray.
        """
        part = Part.of(box, width, self.size)
        y = self._luminance_of(part, decisions is not None and decisions.remove_tint)
        if decisions is None:
            return _encode(Image.fromarray(y))
        return _encode(_color(part, self._guide(decisions), self._look(decisions), y))

    def _luminance_of(self, part: Part, remove_tint: bool) -> np.ndarray:
        """Of a part in 8 bits; the one that was shown last is shown again with other colors."""
        with self._lock:
            if self._cut is None or self._cut[0] != (part, remove_tint):
                y = part.cut(self._level(part.whole[0], remove_tint))
                self._cut = (part, remove_tint), y
            return self._cut[1]

    def _level(self, width: int, remove_tint: bool) -> np.ndarray:
        """Its luminance in 8 bits, at least so wide where it is, and less than twice as wide."""
        with self._lock:
            if remove_tint not in self._levels:
                self._levels[remove_tint] = _halvings(self._luminance(remove_tint))
            levels = self._levels[remove_tint]
            if width > levels[0].shape[1]:  # it was read at half its size
                whole = self._read_page(remove_tint=remove_tint).luminance
                levels = self._levels[remove_tint] = _halvings(whole)
            return next((x for x in reversed(levels) if x.shape[1] >= width), levels[0])


def _halvings(luminance: np.ndarray) -> list[np.ndarray]:
    """A luminance in 8 bits, and that at half the size, a quarter, and so on."""
    levels = [luminance if luminance.dtype == np.uint8 else (luminance >> 8).astype(np.uint8)]
    while min(levels[-1].shape) >= 2 * _LEAST_SIDE:
        levels.append(np.asarray(Image.fromarray(levels[-1]).reduce(2)))
    return levels


def _encode(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=_QUALITY, subsampling=0)
    return buffer.getvalue()


def _color(part: Part, coefficients: np.ndarray, look: str, luminance: np.ndarray) -> Image.Image:
    """A part in color, as JPEG codes it; ``coefficients`` as of ``guide_chroma``."""
    left, top, right, bottom = part.edges
    width, height = part.whole
    enlargement = enlarge(coefficients, height, width, look, slice(top, bottom), slice(left, right))
    planes = [luminance, *enlargement.coded(luminance)]
    return Image.merge("YCbCr", [Image.fromarray(plane) for plane in planes])
