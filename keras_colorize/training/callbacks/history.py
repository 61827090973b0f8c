"""The record of a run in two tables: one row an epoch, one row every few steps."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from keras_colorize.files import atomic_path, naming, read_rows
from keras_colorize.training.gan import TRAINING_METRICS, metric_names

__all__ = ["HistoryWriter", "is_up_to"]


class HistoryWriter(keras.callbacks.Callback):
    """Append to ``history.csv`` and ``steps.csv``; a continued run first drops what it will redo.

    Epochs and steps count from 1. Values that a step does not have (the adversary's, before it
    has joined) are left blank.

    Args:
        history: the table of epochs.
        steps: the table of steps.
        log_steps: every so many steps are written.
        start_step: steps that are done already; later rows are from before an interruption.
    """

    def __init__(self, history: Path, steps: Path, log_steps: int, start_step: int) -> None:
        super().__init__()
        self.history = history
        self.steps = steps
        self.log_steps = log_steps
        names = metric_names()
        validated = [f"val_{name}" for name in names if name not in TRAINING_METRICS]
        self._epoch_columns = ("epoch", "step", *names, *validated)
        self._step_columns = ("step", *names)
        _truncate(history, self._epoch_columns, start_step)
        _truncate(steps, self._step_columns, start_step)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        step = int(self.model.optimizer.iterations.numpy())
        if step % self.log_steps == 0:
            _append(self.steps, self._step_columns, {"step": step, **(logs or {})})

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        step = int(self.model.optimizer.iterations.numpy())
        row = {"epoch": epoch + 1, "step": step, **(logs or {})}
        _append(self.history, self._epoch_columns, row)


def is_up_to(last_step: int, row: Mapping[str, str]) -> bool:
    """Whether a row of a table is whole, not as a crash leaves it, and of a step up to this one."""
    step = row.get("step") or ""
    # csv has None for the name of a cell beyond the columns, and for a cell that is missing.
    whole = None not in {*row, *row.values()} and step.isdecimal()
    return whole and int(step) <= last_step


def _truncate(path: Path, columns: tuple[str, ...], last_step: int) -> None:
    """Keep the rows up to ``last_step``, and of them the columns that there are now."""
    rows = [row for row in read_rows(path) if is_up_to(last_step, row)]
    with (
        atomic_path(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


def _append(path: Path, columns: tuple[str, ...], values: dict[str, Any]) -> None:
    with naming(path), path.open("a", newline="", encoding="utf-8") as file:
        csv.DictWriter(file, columns, extrasaction="ignore").writerow(values)
