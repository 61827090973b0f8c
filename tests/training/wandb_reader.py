"""What the tests of WandB share: its files read back, and a model that trains in no time."""

import json
import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from wandb.proto.wandb_internal_pb2 import Record
from wandb.sdk.internal.datastore import DataStore

from keras_colorize.config import TrackingConfig
from keras_colorize.run_folder import RunFolder
from keras_colorize.training.callbacks.history import HistoryWriter
from keras_colorize.training.callbacks.wandb_logger import WandbLogger
from tests.conftest import SAMPLE

OFFLINE = TrackingConfig(wandb="offline", wandb_photos=2)


def forget_login(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Whoever runs the tests may have a login and settings of their own."""
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NETRC", str(folder / "netrc"))


def logs_of(root: Path) -> list[Path]:
    return sorted(root.glob("wandb/offline-run-*/run-*.wandb"))


def read(log: Path, *, finished: bool = True) -> list[Record]:
    """The records of a log; WandB's process may still be writing the last one."""
    for _ in range(200):
        records = list(scan(log))
        if not finished or any(record.HasField("exit") for record in records):
            return records
        time.sleep(0.05)
    raise AssertionError(f"{log} does not end")


def scan(log: Path) -> Iterator[Record]:
    store = DataStore()
    store.open_for_scan(str(log))
    try:
        while (data := store.scan_data()) is not None:
            yield Record.FromString(data)
    finally:
        store._fp.close()


def history(records: list[Record]) -> list[dict[str, Any]]:
    """The rows that were logged, without WandB's own columns."""
    rows = []
    for record in records:
        row: dict[str, Any] = {}
        for item in record.history.item:
            *outer, last = item.nested_key
            cell = row
            for key in outer:
                cell = cell.setdefault(key, {})
            cell[last] = json.loads(item.value_json)
        if row:
            rows.append({key: value for key, value in row.items() if not key.startswith("_")})
    return rows


def rows_with(rows: list[dict[str, Any]], prefix: str) -> list[dict[str, Any]]:
    return [row for row in rows if any(key.startswith(prefix) for key in row)]


def warnings_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The warnings of this package."""
    return [
        record.getMessage()
        for record in caplog.records
        if record.levelno >= logging.WARNING and record.name.startswith("keras_colorize")
    ]


class Painter(keras.Model):
    """The smallest model that a logger can follow."""

    def __init__(self) -> None:
        super().__init__()
        self.paint = keras.layers.Conv2D(3, 1, activation="sigmoid")
        self.compile(keras.optimizers.SGD(0.1), "mse", jit_compile=False)

    def call(self, luminance: tf.Tensor, training: bool = False) -> tf.Tensor:
        return self.paint(luminance)

    @property
    def ema_generator(self) -> keras.Model:
        return self


def paint(
    root: Path,
    tracking: TrackingConfig = OFFLINE,
    *,
    start_step: int = 0,
    steps_per_epoch: int = 2,
    epochs: int = 2,
    callbacks: list[keras.callbacks.Callback] | None = None,
) -> Painter:
    """Train a painter from a step that ends an epoch to the end of the last epoch."""
    run = RunFolder(root)
    root.mkdir(exist_ok=True)
    with Image.open(sorted((SAMPLE / "modern").glob("*.jpg"))[0]) as photo:
        color = np.asarray(photo.resize((16, 16)), np.float32)[None] / 255.0
    samples = {"luminance": color.mean(axis=-1, keepdims=True), "color": color}
    model = Painter()
    model.optimizer.iterations.assign(start_step)
    logger = WandbLogger(
        run,
        tracking,
        {"name": root.name},
        samples,
        None,
        log_steps=1,
        sample_epochs=epochs,
        epochs=epochs,
    )
    with logger:
        model.fit(
            tf.data.Dataset.from_tensors((samples["luminance"], color)).repeat(),
            initial_epoch=start_step // steps_per_epoch,
            epochs=epochs,
            steps_per_epoch=steps_per_epoch,
            callbacks=[
                HistoryWriter(run.history, run.steps, 1, start_step),
                logger,
                *(callbacks or ()),
            ],
            shuffle=False,
            verbose=0,
        )
    assert int(model.optimizer.iterations) == steps_per_epoch * epochs, "the training has stopped"
    return model
