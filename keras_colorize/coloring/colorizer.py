"""A trained generator, applied to photographs of any size."""

import functools
import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from keras_colorize import color
from keras_colorize.coloring.album import Album, Note
from keras_colorize.coloring.arguments import Runtime, check_runtime
from keras_colorize.coloring.given import read_given, read_reference
from keras_colorize.coloring.hints import Hint, Region
from keras_colorize.coloring.painting import Painting, color_strips
from keras_colorize.coloring.reduction import pad_to_stride, reduce_luminance
from keras_colorize.coloring.seeing import Seen
from keras_colorize.coloring.session import Session
from keras_colorize.coloring.twin_network import TwinNetwork
from keras_colorize.errors import ModelError
from keras_colorize.files import hash_file
from keras_colorize.looks import NATURAL, check_look
from keras_colorize.models.outputs import COLOR, DISTRIBUTION
from keras_colorize.models.saved import GeneratorFacts, find_shipped, load_generator, load_twin
from keras_colorize.photos.reading import PhotoLike

if TYPE_CHECKING:
    import keras

    from keras_colorize.coloring.keras_network import KerasNetwork

__all__ = ["Colorizer"]

_log = logging.getLogger(__name__)


class Colorizer:
    """Adds color to photographs; their luminance stays as it is, at full size.

    The network sees a copy reduced to its working size, padded by reflection to its stride. Only
    the chroma of what it paints is used: enlarged with the full luminance as guide, limited into
    gamut and joined to the photograph's own luminance. Safe to call from several threads. For other
    processes, which must be spawned, not forked, it can be pickled.

    ::

        colorizer = Colorizer.load("runs/my_run/generator.keras")
        colorizer("scan.jpg").save("scan_in_color.jpg")

    Args:
        generator: luminance ``(1, h, w, 1)`` to RGB ``(1, h, w, 3)``, both in [0, 1]; or its twin.
        facts: its stride and the size it was trained at.
        working_size: short side in pixels of the copy that the network sees; by default the size
            it was trained at. Photographs are never enlarged for it, except to one stride.
        saturation: factor of all chroma; 0 is gray.
        look: what the colors become in an old process, one of
            :data:`~keras_colorize.looks.LOOKS`; by default they stay.
        path: the file that the generator comes from.
        threads: that a pass of the network was limited to when it was loaded.

    Raises:
        ModelError: ``working_size`` is below the stride, or no whole number.
        ValueError: ``saturation`` is negative or not finite.
        ConfigError: there is no such look.
    """

    def __init__(
        self,
        generator: "keras.Model | TwinNetwork",
        facts: GeneratorFacts,
        working_size: int | None = None,
        *,
        saturation: float = 1.0,
        look: str = NATURAL,
        path: Path | None = None,
        threads: int | None = None,
    ) -> None:
        if not 0.0 <= saturation < np.inf:
            raise ValueError(f"saturation must be at least 0. Received: {saturation}")
        self.facts = facts
        self.working_size = facts.working_size if working_size is None else working_size
        self.saturation = saturation
        self.look = check_look(look)
        # Wherever this process, or one that it is sent to, goes meanwhile.
        self.path = None if path is None else path.absolute()
        self.threads = threads
        facts.check_working_size(self.working_size)
        self._network = generator if isinstance(generator, TwinNetwork) else _on_keras(generator)

    def __reduce__(self) -> tuple[Callable[[], "Colorizer"], tuple[()]]:
        """To another process go the path and the settings; there the file is loaded again.

        Raises:
            TypeError: it comes from no file.
        """
        if self.path is None:
            raise TypeError(
                "only a Colorizer that was loaded from a file can be pickled; save its generator "
                "and use Colorizer.load"
            )
        load = functools.partial(
            type(self).load,
            self.path,
            self.working_size,
            saturation=self.saturation,
            look=self.look,
            runtime="litert" if isinstance(self._network, TwinNetwork) else "keras",
            threads=self.threads,
        )
        return load, ()

    @classmethod
    def load(
        cls,
        path: str | Path | None = None,
        working_size: int | None = None,
        *,
        saturation: float = 1.0,
        look: str = NATURAL,
        runtime: Runtime = "auto",
        threads: int | None = None,
    ) -> "Colorizer":
        """Load a ``generator.keras`` that a training run has saved; for the rest see the class.

        Args:
            path: the file; ``None`` is the model that comes with this package.
            working_size: see the class.
            saturation: see the class.
            look: see the class.
            runtime: what runs the generator: ``"litert"``, its twin, which a packed one has, starts
                within a moment; ``"keras"``; ``"auto"`` is the twin where there is one.
            threads: that a pass of the network may use; by default some. 1 is best where several
                threads color at the same time. For Keras it holds in the whole process, and only if
                TensorFlow has not computed anything yet.

        Raises:
            ConfigError: there is no such look or runtime.
            ModelError: there is no such file, or it is not a generator of this package; or it has
                no twin that runs, where that is asked for.
        """
        check_look(look)
        check_runtime(runtime)
        path = find_shipped() if path is None else Path(path)
        generator: keras.Model | TwinNetwork | None = None
        if runtime != "keras":
            generator, facts = _load_twin(path, threads, needed=runtime == "litert")
        if generator is None:
            generator, facts = _load_generator(path, threads)
        return cls(
            generator,
            facts,
            working_size,
            saturation=saturation,
            look=look,
            path=path,
            threads=threads,
        )

    @functools.cached_property
    def generator(self) -> "keras.Model":
        """The generator itself; where its twin paints, it is loaded for this.

        Raises:
            ModelError: there is only the twin.
        """
        if not isinstance(self._network, TwinNetwork):
            return self._network.generator
        if self.path is None:
            raise ModelError("this Colorizer was made of a twin alone, without a generator's file")
        return load_generator(self.path)[0]

    @functools.cached_property
    def model_hash(self) -> str:
        """SHA-256 of the generator's file, or of its weights where there is none."""
        if self.path is not None:
            return hash_file(self.path)
        digest = hashlib.sha256()
        for weight in self.generator.get_weights():
            digest.update(weight.tobytes())
        return digest.hexdigest()

    @property
    def name(self) -> str:
        """What to call the model: its run and file."""
        return self.facts.run if self.path is None else f"{self.facts.run}/{self.path.name}"

    @functools.cached_property
    def knows_likely_colors(self) -> bool:
        """Whether the generator has a distribution over colors: proposals and certainty need it."""
        return DISTRIBUTION in self._network.outputs

    def __call__(
        self,
        photo: PhotoLike,
        hints: Sequence[Hint | Region] = (),
        *,
        reference: PhotoLike | None = None,
        palette: Sequence[tuple[int, int, int] | str] = (),
    ) -> Image.Image:
        """Colorize one photograph.

        Args:
            photo: a file (of several pages, the first), a Pillow image of any mode, or an array
                ``(H, W, 3)``, ``(H, W, 1)`` or ``(H, W)`` of uint8, uint16, or float in [0, 1];
                see :func:`~keras_colorize.photos.reading.read_luminance`. Color in it is ignored;
                transparent parts become white.
            hints: colors that are known at places; for several tries at one photograph, see
                :meth:`session`.
            reference: a color photograph of alike things, whose colors the photograph takes where
                it corresponds.
            palette: colors to which what the network is unsure of is drawn, as hints have them.

        Returns:
            An RGB image of the same size, upright, whose luminance is the photograph's to within
            the rounding of 8 bits.

        Raises:
            PhotoError: a file cannot be read, or the reference is gray.
            TypeError: it is none of these.
            ValueError: the array has another shape or type of numbers.
        """
        if hints or reference is not None or palette:
            return self.session(photo, reference=reference, palette=palette).color(hints)
        luminance = read_given(photo)
        return self.join(self.paint(luminance), luminance)

    def session(
        self,
        photo: PhotoLike,
        *,
        reference: PhotoLike | None = None,
        palette: Sequence[tuple[int, int, int] | str] = (),
    ) -> Session:
        """One photograph to try hints on: the network sees it once; see ``__call__``.

        Raises:
            ValueError: both a reference and a palette are given.
            ModelError: a palette, of a generator without a distribution.
        """
        if reference is not None and palette:
            raise ValueError("Expected a reference or a palette. Received: both")
        session = Session(self, read_given(photo))
        if reference is not None:
            self.lead(session, reference)
        elif palette:
            session.keep_to(palette)
        return session

    def lead(self, session: Session, reference: PhotoLike) -> None:
        """Let a session follow a color photograph; see ``__call__``.

        Raises:
            PhotoError: it cannot be read, or it is gray.
        """
        luminance, true = read_reference(reference)
        session.follow(Session(self, luminance), true)

    def album(
        self, photos: Iterable[PhotoLike], *, like: Iterable[PhotoLike] = ()
    ) -> Iterator[Image.Image]:
        """Colorize photographs so that what several of them show has one color.

        Args:
            photos: see ``__call__``; each is read twice, so files need less memory than pictures.
            like: color photographs of the same things, whose colors are followed.

        Yields:
            Each photograph in color, as of ``__call__``; one that has nothing in common with the
            others is colored as if it were alone.
        """
        photos = list(photos)  # gone through twice, which a generator cannot be
        with Album() as album:
            for index, photo in enumerate(photos):
                album.add(str(index), self.note(read_given(photo)))
            for index, reference in enumerate(like):
                album.add(f"like {index}", self.note_of_color(reference))
            for index, photo in enumerate(photos):
                luminance = read_given(photo)
                painting, agreement = self.paint(luminance), album.agreement(str(index))
                if agreement is not None:
                    painting = agreement.apply(painting)
                yield self.join(painting, luminance)

    def note_of_color(self, photo: PhotoLike) -> Note:
        """What an album keeps of a color photograph, whose colors are known.

        Args:
            photo: see ``__call__``; of several pages, the first.

        Raises:
            PhotoError: it cannot be read, or it is gray.
        """
        luminance, true = read_reference(photo)
        return self.see(luminance).note(true, 1.0)

    def propose(self, photo: PhotoLike, count: int = 4) -> list[Image.Image]:
        """Different plausible colorings of a photograph, the first the plain answer.

        Args:
            photo: see ``__call__``.
            count: how many, 1 to 7.

        Raises:
            ModelError: the generator has no distribution over colors.
            ValueError: ``count`` is out of its range.
        """
        return self.session(photo).propose(count)

    def join(self, painting: Painting, luminance: np.ndarray) -> Image.Image:
        """What was painted, enlarged and joined to the luminance ``(H, W)`` of any size."""
        height, width = luminance.shape
        enlargement = painting.enlarge(luminance.shape, self.saturation, self.look)
        result = np.empty((height, width, 3), np.uint8)
        for top, rgb in color_strips(enlargement, luminance, np.uint8):
            result[top : top + len(rgb)] = rgb
        return Image.fromarray(result)

    def map(self, photos: Iterable[PhotoLike]) -> Iterator[Image.Image]:
        """Colorize photographs one after the other, as they are asked for; see ``__call__``."""
        return map(self, photos)

    def paint(self, luminance: np.ndarray, working_size: int | None = None) -> Painting:
        """What the network makes of a photograph, at its own size.

        Args:
            luminance: uint8, uint16, or float in [0, 1]; ``(H, W)``, at full size or reduced to
                no less than the working size.
            working_size: instead of the colorizer's own.
        """
        size = self.working_size if working_size is None else working_size
        small = reduce_luminance(luminance, size)
        padded = pad_to_stride(small, self.facts.stride)
        painted = self._network(padded[None, ..., None], [COLOR])[COLOR]
        inside = painted[0, : small.shape[0], : small.shape[1]]
        return Painting(color.chroma(inside), small)

    def see(self, luminance: np.ndarray, working_size: int | None = None) -> Seen:
        """What the network makes of a photograph, and what it sees in it.

        Args:
            luminance: see :meth:`paint`.
            working_size: instead of the colorizer's own.
        """
        size = self.working_size if working_size is None else working_size
        small = reduce_luminance(luminance, size)
        padded = pad_to_stride(small, self.facts.stride)
        outputs = self._network(padded[None, ..., None], self._network.outputs)
        return Seen.cut(outputs, padded.shape, small)

    def note(self, luminance: np.ndarray) -> Note:
        """What an album keeps of a photograph.

        Args:
            luminance: see :meth:`paint`.

        Raises:
            ModelError: the network is none by which photographs can be compared.
        """
        seen = self.see(luminance)
        return seen.note(seen.painting.chroma)


# What imports Keras, and with it TensorFlow, is imported where it is needed: it takes seconds.


def _on_keras(generator: "keras.Model") -> "KerasNetwork":
    from keras_colorize.coloring.keras_network import KerasNetwork

    return KerasNetwork(generator)


def _load_generator(path: Path, threads: int | None) -> "tuple[keras.Model, GeneratorFacts]":
    if threads is not None:
        from keras_colorize.coloring.keras_network import limit_threads

        limit_threads(threads)
    return load_generator(path)


def _load_twin(
    path: Path, threads: int | None, *, needed: bool
) -> tuple[TwinNetwork | None, GeneratorFacts]:
    """A generator's twin, or ``None`` where it has none that runs here, and its facts.

    Raises:
        ModelError: the file is not a generator; or there is no such twin, and it is needed.
    """
    content, facts = load_twin(path)
    if content is None:
        if needed:
            raise ModelError(
                f"{path} has no twin for LiteRT: python -m keras_colorize.pack makes one; or let "
                "Keras run the generator"
            )
        return None, facts
    try:
        return TwinNetwork(content, threads), facts
    except ModelError as error:
        if needed:
            raise
        _log.warning("Keras runs %s in place of its twin: %s", path, error)
        return None, facts
