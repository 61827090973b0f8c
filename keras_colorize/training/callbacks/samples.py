"""Sheets on which a person sees how far the training has come."""

from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_colorize.files import atomic_path
from keras_colorize.photos.sheets import draw_sheet

__all__ = ["SampleSheets"]

_CAPTIONS = ("gray", "colorized", "truth", "historical", "colorized")


class SampleSheets(keras.callbacks.Callback):
    """Write a sheet of the same photographs every so many epochs.

    Columns: gray, colorized, truth; beside them historical photographs and their color.

    Args:
        folder: where the sheets go, named by epoch.
        modern: ``luminance`` ``(N, H, W, 1)`` and ``color`` ``(N, H, W, 3)``, in [0, 1].
        historical: luminance in [0, 1], ``(M, H, W, 1)``, or ``None``.
        every: epochs between two sheets; the last epoch always gets one.
        epochs: epochs of the run.
    """

    def __init__(
        self,
        folder: Path,
        modern: dict[str, np.ndarray],
        historical: np.ndarray | None,
        every: int,
        epochs: int,
    ) -> None:
        super().__init__()
        self.folder = folder
        self.modern = modern
        self.historical = historical
        self.every = every
        self.epochs = epochs

    def path(self, epoch: int) -> Path:
        """The sheet after an epoch, counted from 1."""
        return self.folder / f"epoch_{epoch:04d}.png"

    def latest(self) -> list[Path]:
        """The sheet after the last epoch that has one, if any has."""
        return sorted(self.folder.glob("epoch_*.png"), key=lambda path: (len(path.name), path))[-1:]

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if (epoch + 1) % self.every == 0 or epoch + 1 == self.epochs:
            self.write(self.path(epoch + 1))

    def write(self, path: Path) -> None:
        """Draw the sheet with the averaged generator as it is now."""
        gray, truth = self.modern["luminance"], self.modern["color"]
        columns: list[np.ndarray] = [gray, self._colorize(gray), truth]
        if self.historical is not None:
            columns += [self.historical, self._colorize(self.historical)]
        rows = [
            [column[index] if index < len(column) else None for column in columns]
            for index in range(max(len(column) for column in columns))
        ]
        with atomic_path(path) as temporary:
            draw_sheet(rows, _CAPTIONS[: len(columns)]).save(temporary)

    def _colorize(self, luminance: np.ndarray) -> np.ndarray:
        return np.asarray(self.model.ema_generator(luminance, training=False))
