"""Warnings in words, each provoked in a real, tiny training."""

import csv
import dataclasses
import logging
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from keras_colorize.config import FitConfig, WarningConfig
from keras_colorize.run_folder import RunFolder
from keras_colorize.training.callbacks.warnings import TrainingWarnings
from keras_colorize.training.loop import train


def warned(run: RunFolder) -> list[dict[str, str]]:
    with run.warnings.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def kinds(run: RunFolder) -> list[str]:
    return [row["kind"] for row in warned(run)]


def change(config: FitConfig, **sections: dict[str, Any]) -> FitConfig:
    """The configuration with some settings of some sections changed."""
    replaced = {
        name: dataclasses.replace(getattr(config, name), **settings)
        for name, settings in sections.items()
    }
    return dataclasses.replace(config, **replaced)


class At(keras.callbacks.Callback):
    """Does something to the model before one step."""

    def __init__(self, step: int, action: Any) -> None:
        super().__init__()
        self.step = step
        self.action = action

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        if int(self.model.optimizer.iterations) + 1 == self.step:
            self.action(self.model)


def test_a_sound_run_warns_of_nothing(tiny: FitConfig) -> None:
    config = change(
        tiny,
        training={"steps_per_epoch": 15},
        tracking={"statistics_steps": 5},
        warnings={"discriminator_steps": 5},
    )
    run = train(config, show_progress=False).run
    assert len(list(run.activations.glob("*.npz"))) == 7
    assert warned(run) == []


def test_dead_channels(tiny: FitConfig, caplog: pytest.LogCaptureFixture) -> None:
    def kill(model: keras.Model) -> None:
        # A ReLU behind a normalization whose shift is far below zero never opens again.
        layer = model.generator.get_layer("up_1_norm")
        layer.beta.assign(np.array([-1e3, -1e3, -1e3, 0.0], np.float32))

    config = change(
        tiny,
        generator={"dropout": 0.0},
        training={"reconstruction_steps": 2},
        tracking={"statistics_steps": 2, "statistics_layers": ["generator/up_*"]},
        warnings={"dead_share": 0.3},
    )
    with caplog.at_level(logging.WARNING):
        run = train(config, callbacks=[At(3, kill)], show_progress=False).run
    # up_0_relu sees the four channels of up_1 beside four of the encoder: three of eight are dead.
    assert kinds(run) == ["dead channels in generator/up_0_relu"]
    assert warned(run)[0]["step"] == "4"
    assert "38% dead channels" in warned(run)[0]["message"]
    said = [record.getMessage() for record in caplog.records if "dead" in record.getMessage()]
    assert said == [f"step 4: {warned(run)[0]['message']}"], "logged once"


def test_a_winning_discriminator(tiny: FitConfig) -> None:
    config = change(
        tiny,
        # The generator stands still, so that its gray is soon found out.
        training={
            "generator_learning_rate": 0.0,
            "discriminator_learning_rate": 0.05,
            "reconstruction_steps": 0,
            "steps_per_epoch": 30,
        },
        discriminator={"normalization": "none"},
        warnings={"discriminator_steps": 5, "colorfulness_steps": 1000},
    )
    run = train(config, show_progress=False).run
    assert kinds(run) == ["discriminator wins"]
    message = warned(run)[0]["message"]
    assert "more than 97% accuracy for 5 steps" in message
    assert "discriminator_learning_rate" in message


def test_lost_color(tiny: FitConfig) -> None:
    config = change(
        tiny,
        losses={"lambda_adversarial": 0.0},
        training={"generator_learning_rate": 0.0, "reconstruction_steps": 0},
        warnings={"colorfulness_steps": 5},
    )
    run = train(config, show_progress=False).run
    assert kinds(run) == ["color collapses"]
    assert warned(run)[0]["step"] == "5"
    assert "below 33% of the truth's for 5 steps" in warned(run)[0]["message"]


def test_exploding_gradients(tiny: FitConfig) -> None:
    def blow_up(model: keras.Model) -> None:
        # What is painted stays nearly the same, but hangs on a kernel a thousand times smaller.
        norm, last = (model.generator.get_layer(name) for name in ("up_1_norm", "up_0"))
        for variable, factor in ((norm.gamma, 1e3), (norm.beta, 1e3), (last.kernel, 1e-3)):
            variable.assign(variable * factor)

    config = change(
        tiny,
        losses={"lambda_adversarial": 0.0},
        training={"reconstruction_steps": 0, "steps_per_epoch": 15},
    )
    run = train(config, callbacks=[At(25, blow_up)], show_progress=False).run
    assert kinds(run) == ["gradients of the generator explode"]
    assert warned(run)[0]["step"] == "25"
    assert "training.generator_learning_rate" in warned(run)[0]["message"]


# --- once each ---


def test_a_continued_run_does_not_repeat_itself(tmp_path: Path) -> None:
    path = tmp_path / "warnings.csv"
    thresholds = WarningConfig(colorfulness_steps=2)
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    gray = {"colorfulness": 1.0, "true_colorfulness": 40.0}

    def steps(callback: TrainingWarnings, count: int) -> list[dict[str, str]]:
        callback.set_model(model)
        for _ in range(count):
            model.optimizer.iterations.assign_add(1)
            callback.on_train_batch_end(0, gray)
        with path.open(newline="") as file:
            return list(csv.DictReader(file))

    assert [row["step"] for row in steps(TrainingWarnings(path, thresholds), 4)] == ["2"]
    kept = steps(TrainingWarnings(path, thresholds, start_step=4), 4)
    assert [row["step"] for row in kept] == ["2"]
    # Continued from before the warning: it is not true yet, and comes again when it is.
    again = steps(TrainingWarnings(path, thresholds, start_step=1), 2)
    assert [row["step"] for row in again] == ["10"]
