"""The two streams of a run: which photographs it trains on, and which it is judged by."""

import hashlib
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from keras_colorize.config import FitConfig, historical_count
from keras_colorize.run_folder import RunFolder
from keras_colorize.training.data import make_validation_dataset
from keras_colorize.training.photosets import PhotoSet, Skipped, load_photos, split_photos

__all__ = ["Samples", "Streams", "choose_samples", "load_streams", "report_streams"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Streams:
    """The photographs of a run, split into training and validation.

    Attributes:
        modern: color photographs to train on.
        modern_validation: color photographs to validate on; may be empty.
        historical: monochrome photographs to train on, if there are any.
        historical_validation: monochrome photographs to validate on.
        skipped: photographs of both streams that cannot be used.
    """

    modern: PhotoSet
    modern_validation: PhotoSet
    historical: PhotoSet | None
    historical_validation: PhotoSet | None
    skipped: list[Skipped]

    @property
    def fingerprint(self) -> str:
        """Changes with the names of the photographs that are trained on."""
        sets = [self.modern, *([self.historical] if self.historical else [])]
        names = "\n".join(photo.name for photos in sets for photo in photos.photos)
        return hashlib.sha256(names.encode("utf-8", "surrogateescape")).hexdigest()[:16]


@dataclass(frozen=True)
class Samples:
    """A few photographs to look at, always the same.

    Attributes:
        modern: ``luminance`` ``(N, H, W, 1)`` and ``color`` ``(N, H, W, 3)``, in [0, 1].
        historical: luminance in [0, 1], ``(M, H, W, 1)``, or ``None``.
    """

    modern: dict[str, np.ndarray]
    historical: np.ndarray | None


def load_streams(config: FitConfig, run: RunFolder, show_progress: bool) -> Streams:
    """Load the photographs of a run; those inside the package where no folder is named.

    Raises:
        DataError: a folder does not exist, or holds no usable photograph.
    """
    data = config.data
    modern_folders: Sequence[str | Path] = data.modern
    historical_folders: Sequence[str | Path] = data.historical
    if not data.modern:  # and so, as check_config saw to it, no historical folders either
        sample = Path(str(resources.files("keras_colorize"))) / "sample"
        modern_folders, historical_folders = [sample / "modern"], [sample / "historical"]
    options: dict[str, Any] = {
        "short_side": math.ceil(data.cache_margin * max(data.sizes)),
        "max_pixels": data.max_pixels,
        "cache": data.cache,
        "cache_dir": data.cache_dir or run.cache,
        "show_progress": show_progress,
    }
    modern, skipped = load_photos(
        modern_folders, channels=3, min_colorfulness=data.min_colorfulness, **options
    )
    modern, modern_validation = split_photos(modern, data.validation_share)
    if not historical_folders or historical_count(data, has_historical=True) == 0:
        return Streams(modern, modern_validation, None, None, skipped)
    historical, more_skipped = load_photos(historical_folders, channels=1, **options)
    historical, historical_validation = split_photos(historical, data.validation_share)
    skipped = skipped + more_skipped
    return Streams(modern, modern_validation, historical, historical_validation, skipped)


def report_streams(streams: Streams, run: RunFolder) -> None:
    """Log how many photographs there are for what."""
    old, old_validation = streams.historical, streams.historical_validation
    gray = sum(entry.without_color for entry in streams.skipped)
    _log.info(
        "modern photographs: %d for training, %d for validation; historical: %d and %d; "
        "skipped: %d, of which %d without color (%s)",
        len(streams.modern),
        len(streams.modern_validation),
        len(old) if old else 0,
        len(old_validation) if old_validation else 0,
        len(streams.skipped),
        gray,
        run.skipped,
    )


def choose_samples(streams: Streams, count: int, size: int) -> Samples:
    """``count`` validation photographs of each stream; of training ones where there are none."""
    modern = streams.modern_validation if len(streams.modern_validation) else streams.modern
    historical = streams.historical_validation or streams.historical
    return Samples(
        _batch(_spread(modern, count), size),
        _batch(_spread(historical, count), size)["luminance"] if historical else None,
    )


def _spread(photos: PhotoSet, count: int) -> PhotoSet:
    """``count`` photographs at even distances, so that several sources are seen."""
    positions = np.linspace(0, len(photos) - 1, min(count, len(photos)))
    return photos.subset([round(float(position)) for position in positions])


def _batch(photos: PhotoSet, size: int) -> dict[str, np.ndarray]:
    dataset = make_validation_dataset(photos, size=size, batch_size=len(photos))
    return {name: value.numpy() for name, value in next(iter(dataset)).items()}
