"""One run of ``fit`` with everything logged, which the tests of all loggers read."""

import dataclasses

import pytest

from keras_colorize.config import FitConfig
from keras_colorize.training.loop import TrainingResult, train
from tests.conftest import tiny_config
from tests.training.wandb_reader import forget_login

LAYER = "generator/up_1_relu"


@pytest.fixture(scope="session")
def logged(tmp_path_factory: pytest.TempPathFactory) -> TrainingResult:
    """A finished run, with WandB offline, TensorBoard, and the statistics of :data:`LAYER`."""
    folder = tmp_path_factory.mktemp("logged")
    config: FitConfig = tiny_config(folder)
    tracking = dataclasses.replace(
        config.tracking,
        wandb="offline",
        wandb_photos=1,
        tensorboard=True,
        statistics_steps=4,
        statistics_photos=1,
        statistics_layers=[LAYER],
    )
    with pytest.MonkeyPatch.context() as monkeypatch:
        forget_login(monkeypatch, folder)
        return train(dataclasses.replace(config, tracking=tracking), show_progress=False)
