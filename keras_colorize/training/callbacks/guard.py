"""What switches the adversary on, and what stops a run that has gone wrong."""

import math
from typing import Any

import keras

from keras_colorize.errors import TrainingDiverged
from keras_colorize.training.checkpoints import CheckpointFolder

__all__ = ["AdversaryStart", "StopOnNonFinite"]


class AdversaryStart(keras.callbacks.Callback):
    """Let the discriminator join after so many steps of reconstruction alone.

    Args:
        first_step: number of the first step with the adversary, counted from 0.
    """

    def __init__(self, first_step: int) -> None:
        super().__init__()
        self.first_step = first_step

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self.model.adversarial = int(self.model.optimizer.iterations.numpy()) >= self.first_step


class StopOnNonFinite(keras.callbacks.Callback):
    """Stop the run when a reported value is NaN or infinite.

    Args:
        checkpoints: named in the message, to continue from.

    Raises:
        TrainingDiverged: at the end of the step or epoch, with the term, the step and the last
            checkpoint.
    """

    def __init__(self, checkpoints: CheckpointFolder) -> None:
        super().__init__()
        self.checkpoints = checkpoints

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._check(logs or {})

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._check(logs or {})

    def _check(self, logs: dict[str, Any]) -> None:
        wrong = [name for name, value in logs.items() if not math.isfinite(value)]
        if wrong:
            step = int(self.model.optimizer.iterations.numpy())
            raise TrainingDiverged(
                f"{', '.join(wrong)} became NaN or infinite at step {step}; "
                f"{self.checkpoints.describe_last()}; try lower learning rates, a "
                "smaller training.clip_norm, or a smaller losses.lambda_adversarial, under "
                "another --name"
            )
