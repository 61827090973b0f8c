"""A progress bar an epoch."""

from typing import Any

import keras
from tqdm import tqdm

__all__ = ["Progress"]

_SHOWN = ("loss", "psnr", "colorfulness")


class Progress(keras.callbacks.Callback):
    """Photographs done, rate, remaining time, and the three numbers worth watching.

    Args:
        steps_per_epoch: steps of a full epoch.
        batch_size: photographs a step.
        epochs: epochs of the whole run.
        show: draw it at all.
    """

    def __init__(self, steps_per_epoch: int, batch_size: int, epochs: int, *, show: bool) -> None:
        super().__init__()
        self.show = show
        self.steps_per_epoch = steps_per_epoch
        self.batch_size = batch_size
        self.epochs = epochs
        self._bar: tqdm | None = None

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        done = int(self.model.optimizer.iterations.numpy()) - epoch * self.steps_per_epoch
        self._bar = tqdm(
            desc=f"epoch {epoch + 1}/{self.epochs}",
            total=self.steps_per_epoch * self.batch_size,
            initial=done * self.batch_size,
            unit="photo",
            disable=not self.show,
        )

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self._bar is not None:
            shown = {name: f"{logs[name]:.3g}" for name in _SHOWN if logs and name in logs}
            self._bar.set_postfix(shown, refresh=False)
            self._bar.update(self.batch_size)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self._bar is not None:
            names = [f"val_{name}" for name in _SHOWN] if logs and "val_loss" in logs else _SHOWN
            self._bar.set_postfix({n: f"{logs[n]:.3g}" for n in names if logs and n in logs})
        self.close()

    def close(self) -> None:
        """Leave the bar as it is, below it a fresh line; also where an epoch broke off."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
