"""Checkpoints while the run goes on, and the best generator so far."""

from collections.abc import Callable
from typing import Any

import keras

from keras_colorize.training.checkpoints import CheckpointFolder

__all__ = ["CheckpointWriter"]

_MONITOR = "val_psnr"  # of the averaged generator


class CheckpointWriter(keras.callbacks.Callback):
    """Write a checkpoint every so many steps and at the end of each epoch.

    A run that is continued within an epoch also gets the epoch's running means back, which Keras
    resets when the epoch begins.

    Args:
        checkpoints: where they go.
        every: steps between two of them.
        steps_per_epoch: steps of a full epoch.
        save_best: called when the validation PSNR is the highest so far.
        facts: what the checkpoint that is continued from said; empty at the start.
    """

    def __init__(
        self,
        checkpoints: CheckpointFolder,
        every: int,
        steps_per_epoch: int,
        save_best: Callable[[], None],
        facts: dict[str, Any],
    ) -> None:
        super().__init__()
        self.checkpoints = checkpoints
        self.every = every
        self.steps_per_epoch = steps_per_epoch
        self.save_best = save_best
        self.facts = {"best": None, **facts}
        self._meters: list[Any] | None = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        if self.facts.get("mid_epoch"):
            variables = [v for meter in self.model.meters for v in meter.variables]
            self._meters = [(variable, variable.numpy()) for variable in variables]

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        for variable, value in self._meters or ():
            variable.assign(value)
        self._meters = None

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        step = int(self.model.optimizer.iterations.numpy())
        # An epoch's last step waits for its validation: continued from here, it would be lost.
        if step % self.every == 0 and step % self.steps_per_epoch != 0:
            self._write(mid_epoch=True)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        value = (logs or {}).get(_MONITOR)
        if value is not None and (self.facts["best"] is None or value > self.facts["best"]):
            self.facts["best"] = float(value)
            self.save_best()
        self._write(mid_epoch=False)

    def _write(self, mid_epoch: bool) -> None:
        self.facts["mid_epoch"] = mid_epoch
        step = int(self.model.optimizer.iterations.numpy())
        self.checkpoints.write(step, self.model, self.facts)
