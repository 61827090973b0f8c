"""Photographs of known color, colorized and compared with the truth."""

import logging
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from keras_colorize import color
from keras_colorize.coloring.colorizer import Colorizer
from keras_colorize.errors import ConfigError, DataError, PhotoError
from keras_colorize.evaluation.scoring import Judges, Scorer, Scores, fid_of
from keras_colorize.film.simulation import simulate_film
from keras_colorize.film.stocks import find_stocks
from keras_colorize.photos.condition import is_gray
from keras_colorize.photos.pixels import quantize
from keras_colorize.photos.reading import read_photo

__all__ = [
    "GRAY",
    "Evaluation",
    "Protocol",
    "evaluate",
    "gray_among",
    "read_truth",
    "to_gray",
]

_log = logging.getLogger(__name__)

#: The name under which the luminance alone has scores: what any color has to beat.
GRAY = "gray"

_SMALLEST = 32  # pixels: what the networks of LPIPS need
_BATCH = 8
_LARGEST_ENLARGEMENT = 2


@dataclass(frozen=True)
class Protocol:
    """How photographs become test images.

    Attributes:
        size: side of the square in pixels. As published results have it, the short side is resized
            to it and the center cut out. Smaller photographs are enlarged, but at most twice.
        film: the stock through which the photographs are seen, as if they were old. The truth then
            has that film's luminance and the true chroma, as far as there is room for it.
        seed: of all that the film draws. A photograph's draws come from this and its file's name,
            so that they do not depend on the others.
    """

    size: int = 256
    film: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.size < _SMALLEST:
            raise ConfigError(f"--size must be at least {_SMALLEST} pixels. Received: {self.size}")
        if self.film is not None:
            find_stocks(self.film)


@dataclass(frozen=True)
class Evaluation:
    """What was found.

    Attributes:
        photos: those that were scored, in order.
        failed: the others, and why.
        scores: by name of the result (:data:`~keras_colorize.evaluation.scoring.TRUTH`,
            :data:`GRAY`, the colorizers') and of the score, one value a photograph; see
            :class:`~keras_colorize.evaluation.scoring.Scorer`.
        features: what FID compares, by name of the result; empty without its weights.
        without_color: those of the photographs whose truth is gray: to leave them gray is right,
            counts 100 dB, and says nothing of color.
    """

    photos: list[Path]
    failed: dict[Path, str]
    scores: dict[str, Scores]
    features: dict[str, np.ndarray]
    without_color: frozenset[Path] = frozenset()

    @cached_property
    def colored(self) -> "Evaluation":
        """The part of the photographs whose truth has color, which means are taken over."""
        if not self.without_color:
            return self
        return self._part(set(self.photos) - self.without_color)

    @cached_property
    def fid(self) -> dict[str, float]:
        """FID by name of the result; empty without its weights, or of a single photograph."""
        return fid_of(self.features)

    def split(self, groups: Mapping[Path, str | None]) -> dict[str, "Evaluation"]:
        """The part of each group, by name; what has no group, or no color, is in none.

        Args:
            groups: of the photographs, those that failed too.
        """
        colored = self.colored.photos
        names = sorted({name for path in colored if (name := groups[path]) is not None})
        chosen = set(groups) - self.without_color
        return {name: self._part({p for p in chosen if groups[p] == name}) for name in names}

    def _part(self, chosen: Collection[Path]) -> "Evaluation":
        places = [index for index, path in enumerate(self.photos) if path in chosen]
        return Evaluation(
            [self.photos[place] for place in places],
            {path: reason for path, reason in self.failed.items() if path in chosen},
            {
                name: {score: values[places] for score, values in columns.items()}
                for name, columns in self.scores.items()
            },
            {name: values[places] for name, values in self.features.items()},
            self.without_color.intersection(chosen),
        )


def evaluate(
    photos: Sequence[Path],
    colorizers: Mapping[str, Colorizer],
    protocol: Protocol,
    judges: Judges,
    *,
    show_progress: bool = True,
) -> Evaluation:
    """Colorize photographs of known color from their luminance, and compare.

    A photograph that cannot be used is reported and left out.

    Args:
        photos: the files.
        colorizers: what is compared, by name.
        protocol: how photographs become test images.
        judges: the networks for LPIPS and FID.
        show_progress: draw a progress bar on standard error.

    Raises:
        DataError: none of the photographs can be used, or none of them has color.
    """
    scorer, scored = Scorer(judges), []
    without_color: set[Path] = set()
    failed: dict[Path, str] = {}
    with tqdm(total=len(photos), desc="evaluating", unit="photo", disable=not show_progress) as bar:
        for paths, truths in _batches(photos, protocol, failed):
            results = {GRAY: to_gray(truths)}
            for name, colorizer in colorizers.items():
                # One by one: what is measured is what a user gets, and at this size the network
                # gains little from batches.
                results[name] = np.stack([np.asarray(colorizer(truth)) for truth in truths])
            scorer.add(truths, results)
            scored += paths
            without_color |= gray_among(paths, truths)
            bar.update(len(scored) + len(failed) - bar.n)
    if not scored:
        raise DataError(f"none of the {len(photos)} photographs can be used")
    if len(without_color) == len(scored):
        raise DataError(
            f"expected photographs in color, to compare with. All {len(scored)} are gray"
        )
    return Evaluation(scored, failed, scorer.scores(), scorer.features(), frozenset(without_color))


def read_truth(path: Path, protocol: Protocol) -> np.ndarray:
    """The test image of a photograph, uint8 ``(size, size, 3)``.

    Raises:
        PhotoError: it cannot be read, or it would have to be enlarged more than twice.
    """
    square = _center(read_photo(path, short_side=protocol.size))
    needed = -(-protocol.size // _LARGEST_ENLARGEMENT)
    if len(square) < needed:
        raise PhotoError(f"too small: its short side has {len(square)} of at least {needed} pixels")
    if len(square) < protocol.size:
        larger = Image.fromarray(square).resize((protocol.size,) * 2, Image.Resampling.LANCZOS)
        square = np.asarray(larger)
    if protocol.film is None:
        return square
    rgb = square.astype(np.float32) / 255.0
    seed = [protocol.seed % 2**31, zlib.crc32(path.name.encode(errors="surrogateescape")) % 2**31]
    old = simulate_film(rgb, protocol.film, np.array(seed, np.int32))
    return quantize(color.replace_luminance(rgb, np.asarray(old)))


def gray_among(photos: Sequence[Path], truths: np.ndarray) -> set[Path]:
    """Those whose test images, uint8 ``(B, h, w, 3)``, have no color."""
    chroma = color.chroma(truths.astype(np.float32) / 255.0)
    return {photo for photo, each in zip(photos, chroma) if is_gray(each)}


def to_gray(photos: np.ndarray) -> np.ndarray:
    """The luminance of uint8 photographs ``(..., 3)``, three equal channels."""
    y = color.luminance(photos.astype(np.float32) / 255.0)
    return np.repeat(quantize(y), 3, axis=-1)


def _batches(
    photos: Sequence[Path], protocol: Protocol, failed: dict[Path, str]
) -> Iterator[tuple[list[Path], np.ndarray]]:
    """Those that can be used, and their test images ``(B, size, size, 3)``; notes the others."""
    paths, truths = [], []
    for path in photos:
        try:
            truths.append(read_truth(path, protocol))
        except PhotoError as error:
            _log.error("failed: %s: %s", path, error)
            failed[path] = str(error)
            continue
        paths.append(path)
        if len(paths) == _BATCH:
            yield paths, np.stack(truths)
            paths, truths = [], []
    if paths:
        yield paths, np.stack(truths)


def _center(image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return image[top : top + side, left : left + side]
