"""What TensorBoard is given, read back from its own files."""

import dataclasses
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from keras_colorize.fit_arguments import parse_fit_config
from keras_colorize.inspection.snapshots import load_statistics
from keras_colorize.training.callbacks.wandb_values import table_rows
from keras_colorize.training.loop import TrainingResult, train
from tests.training.conftest import LAYER


def read(folder: Path) -> dict[str, dict[int, Any]]:
    """The values in a folder's logs, by tag and step."""
    values: dict[str, dict[int, Any]] = {}
    for file in folder.rglob("events.out.tfevents.*"):
        for record in tf.data.TFRecordDataset(str(file)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            for value in event.summary.value:
                values.setdefault(value.tag, {})[event.step] = tf.make_ndarray(value.tensor)
    return values


@pytest.fixture(scope="module")
def trained(logged: TrainingResult) -> SimpleNamespace:
    run = logged.run
    return SimpleNamespace(
        run=run,
        keras={**read(run.tensorboard / "train"), **read(run.tensorboard / "validation")},
        layers=read(run.tensorboard / "layers"),
        history=load_statistics(run.activations),
    )


def test_keras_logs_metrics_and_weights(trained: SimpleNamespace) -> None:
    metrics = {name for name in table_rows(trained.run.history)[0] if name not in ("epoch", "step")}
    assert {f"epoch_{name.removeprefix('val_')}" for name in metrics} <= trained.keras.keys()
    assert any("up_0" in tag for tag in trained.keras), "histograms of the weights"


def test_statistics_are_the_snapshots(trained: SimpleNamespace) -> None:
    history = trained.history
    means = trained.layers[f"activations/historical/{LAYER}/mean"]
    assert list(means) == [1, 4, 8]
    np.testing.assert_allclose(list(means.values()), history.statistic("mean")[:, 1, 0], rtol=1e-6)
    assert f"activations/historical/{LAYER}/saturated" not in trained.layers, "does not apply"
    norms = trained.layers["weights/generator/up_1/gradient_norm"]
    kept = history.gradient_norms[:, history.weights.index("generator/up_1")]
    np.testing.assert_allclose(list(norms.values()), kept, rtol=1e-6)


def test_tensorboard_knows_how_to_show_them(trained: SimpleNamespace) -> None:
    accumulator = EventAccumulator(str(trained.run.tensorboard / "layers"))
    accumulator.Reload()

    def plugin(tag: str) -> str:
        return accumulator.SummaryMetadata(tag).plugin_data.plugin_name

    assert plugin(f"activations/modern/{LAYER}/mean") == "scalars"
    assert plugin(f"activations/modern/{LAYER}/histogram") == "histograms"
    assert plugin("samples") == plugin(f"colorful_dimension/{LAYER}") == "images"


def test_histograms_are_the_snapshots(trained: SimpleNamespace) -> None:
    for d, domain in enumerate(trained.history.domains):
        histograms = trained.layers[f"activations/{domain}/{LAYER}/histogram"]
        assert list(histograms) == [1, 4, 8]
        for time, bins in enumerate(histograms.values()):  # left, right, count of each
            np.testing.assert_array_equal(bins[:, 2], trained.history.counts[time, d, 0])
            assert bins[0, 0] == trained.history.statistic("min")[time, d, 0]
            assert bins[-1, 1] == trained.history.statistic("max")[time, d, 0]
            np.testing.assert_array_equal(bins[1:, 0], bins[:-1, 1])


def test_images_are_the_sheets_and_the_pictures(trained: SimpleNamespace) -> None:
    samples = trained.layers["samples"]
    assert list(samples) == [4, 8]
    for epoch, (_, _, encoded) in enumerate(samples.values(), start=1):
        with Image.open(trained.run.samples / f"epoch_{epoch:04}.png") as sheet:
            np.testing.assert_array_equal(tf.io.decode_png(encoded), np.asarray(sheet))
    assert list(trained.layers[f"colorful_dimension/{LAYER}"]) == [8]


def test_a_finished_run_logs_nothing_more(trained: SimpleNamespace, tmp_path: Path) -> None:
    config = parse_fit_config(["--config", str(trained.run.config)])
    tracking = dataclasses.replace(config.tracking, wandb="disabled")
    config = dataclasses.replace(config, runs=str(tmp_path), tracking=tracking)
    shutil.copytree(trained.run.root, tmp_path / config.name)
    run = train(config, show_progress=False).run
    assert read(run.tensorboard / "layers").keys() == trained.layers.keys()
