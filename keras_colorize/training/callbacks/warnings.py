"""What usually goes wrong in the training of such a model, noticed and put in words."""

import csv
import logging
from collections import deque
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_colorize.config import WarningConfig
from keras_colorize.files import atomic_path, read_rows
from keras_colorize.inspection.snapshots import STATISTICS, Snapshot
from keras_colorize.training.callbacks.history import is_up_to

__all__ = ["TrainingWarnings"]

_log = logging.getLogger(__name__)

_COLUMNS = ("step", "kind", "message")
_DEAD = STATISTICS.index("dead")
_MEDIAN_OF = 100  # steps
_MEDIAN_FROM = 20  # steps: before, a median says little


class TrainingWarnings(keras.callbacks.Callback):
    """Warn once each of dead layers, a winning discriminator, lost color, exploding gradients.

    Every warning says what to try. It is logged and kept in a table, so that a run that is
    continued does not repeat it; how long a condition has lasted is counted anew then.

    Args:
        path: the table, ``warnings.csv``.
        thresholds: when to warn.
        start_step: steps that are done already; later warnings are from before an interruption.
    """

    def __init__(self, path: Path, thresholds: WarningConfig, start_step: int = 0) -> None:
        super().__init__()
        self.path = path
        self.thresholds = thresholds
        self._rows = [row for row in read_rows(path) if is_up_to(start_step, row)]
        self._lasting = {"discriminator wins": 0, "color collapses": 0}
        self._norms: dict[str, deque[float]] = {}
        self._write()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        logs, step = logs or {}, int(self.model.optimizer.iterations.numpy())
        self._watch_discriminator(step, logs)
        self._watch_color(step, logs)
        for network in ("generator", "discriminator"):
            if f"{network}_gradient_norm" in logs:
                self._watch_gradients(step, network, float(logs[f"{network}_gradient_norm"]))

    def on_snapshot(self, snapshot: Snapshot) -> None:
        """Look for dead channels; the first step is too early to tell."""
        if snapshot.step == 1:
            return
        # Dead for one domain alone is a finding, not a fault.
        dead = snapshot.values[:, :, _DEAD].min(axis=0)
        for layer, share in zip(snapshot.layers, dead, strict=True):
            if share >= self.thresholds.dead_share:
                self._warn(
                    snapshot.step,
                    f"dead channels in {layer}",
                    f"{layer} has {share:.0%} dead channels: they are the same everywhere in every "
                    "photograph. Try a lower learning rate, or a longer training.warmup_steps",
                )

    def _watch_discriminator(self, step: int, logs: dict[str, Any]) -> None:
        accuracy = self.thresholds.discriminator_accuracy
        names = ("real_accuracy", "fake_accuracy")
        wins = all(float(logs.get(name, 0.0)) > accuracy for name in names)
        if self._lasts("discriminator wins", wins, self.thresholds.discriminator_steps):
            self._warn(
                step,
                "discriminator wins",
                f"the discriminator tells real from generated color with more than {accuracy:.0%} "
                f"accuracy for {self.thresholds.discriminator_steps} steps: the generator learns "
                "little from it. Try a lower training.discriminator_learning_rate, fewer "
                "discriminator.filters, or losses.adversarial non_saturating",
            )

    def _watch_color(self, step: int, logs: dict[str, Any]) -> None:
        share = self.thresholds.colorfulness_share
        given, truth = logs.get("colorfulness"), logs.get("true_colorfulness")
        collapsed = given is not None and truth is not None and given < share * truth
        if self._lasts("color collapses", collapsed, self.thresholds.colorfulness_steps):
            self._warn(
                step,
                "color collapses",
                f"the generator's colorfulness is below {share:.0%} of the truth's for "
                f"{self.thresholds.colorfulness_steps} steps: it paints gray or sepia. Try a "
                "higher losses.lambda_color or losses.lambda_adversarial, or the encoder "
                "efficientnet_lite0",
            )

    def _watch_gradients(self, step: int, network: str, norm: float) -> None:
        recent = self._norms.setdefault(network, deque(maxlen=_MEDIAN_OF))
        median = float(np.median(recent)) if len(recent) >= _MEDIAN_FROM else np.inf
        recent.append(norm)
        ratio = norm / max(median, 1e-12)
        if ratio > self.thresholds.gradient_factor:
            self._warn(
                step,
                f"gradients of the {network} explode",
                f"the {network}'s gradient has the norm {norm:.3g}, {ratio:.0f} times the "
                f"median of the last steps. Try a lower training.{network}_learning_rate or a "
                "smaller training.clip_norm",
            )

    def _lasts(self, kind: str, condition: bool, steps: int) -> bool:
        self._lasting[kind] = self._lasting[kind] + 1 if condition else 0
        return self._lasting[kind] == steps

    def _warn(self, step: int, kind: str, message: str) -> None:
        if any(row["kind"] == kind for row in self._rows):
            return
        self._rows.append({"step": str(step), "kind": kind, "message": message})
        self._write()
        _log.warning("step %d: %s", step, message)

    def _write(self) -> None:
        with (
            atomic_path(self.path) as temporary,
            temporary.open("w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.DictWriter(file, _COLUMNS)
            writer.writeheader()
            writer.writerows(self._rows)
