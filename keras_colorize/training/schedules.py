"""The course of a learning rate over a run."""

import math
from typing import Any

import keras
from keras import ops

from keras_colorize.config import Schedule

__all__ = ["LearningRateCourse"]


@keras.saving.register_keras_serializable("keras_colorize")
class LearningRateCourse(keras.optimizers.schedules.LearningRateSchedule):
    """Rise from zero over the warm-up, then stay or fall.

    Args:
        peak: the learning rate after the warm-up.
        total_steps: steps of the whole run.
        kind: ``"constant"``; ``"linear"``: constant for the first half, then linearly to zero, as
            pix2pix trains (Isola et al., 2017, published code); ``"cosine"``: half a cosine down
            to zero (Loshchilov and Hutter, 2017, without restarts).
        warmup_steps: step n of the warm-up runs at (n + 1) / ``warmup_steps`` of the course.
    """

    def __init__(
        self, peak: float, total_steps: int, kind: Schedule = "constant", warmup_steps: int = 0
    ) -> None:
        self.peak = peak
        self.total_steps = total_steps
        self.kind = kind
        self.warmup_steps = warmup_steps

    def __call__(self, step: Any) -> Any:
        step = ops.cast(step, "float32")
        progress = ops.minimum(step / max(self.total_steps, 1), 1.0)
        factor = ops.minimum((step + 1.0) / max(self.warmup_steps, 1), 1.0)
        if self.kind == "linear":
            factor = factor * ops.minimum(2.0 * (1.0 - progress), 1.0)
        elif self.kind == "cosine":
            factor = factor * 0.5 * (1.0 + ops.cos(math.pi * progress))
        return self.peak * factor

    def get_config(self) -> dict[str, Any]:
        return {
            "peak": self.peak,
            "total_steps": self.total_steps,
            "kind": self.kind,
            "warmup_steps": self.warmup_steps,
        }
