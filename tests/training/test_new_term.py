"""A term added to the table of the losses, and nothing else: it is trained and shown by name."""

import dataclasses
from dataclasses import dataclass

import numpy as np
import pytest
from keras import ops

from keras_colorize import losses
from keras_colorize.config import FitConfig, LossConfig
from keras_colorize.files import read_numbers
from keras_colorize.inspection import curves
from keras_colorize.training.loop import train

# Asks for blue everywhere: no photograph does, so that what follows it is seen.
BLUE = losses.Term(
    "blueness_loss", "lambda_blueness", lambda seen, _: ops.mean(1.0 - seen.y_pred[..., 2], (1, 2))
)


@dataclass(frozen=True)
class BlueConfig(LossConfig):
    lambda_blueness: float = 0.0


def test_a_new_term_is_trained_and_recorded(
    tiny: FitConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(losses, "TERMS", (*losses.TERMS, BLUE))
    config = dataclasses.replace(
        tiny,
        losses=BlueConfig(lambda_adversarial=0.0, lambda_blueness=50.0),
        training=dataclasses.replace(tiny.training, generator_learning_rate=0.01),
    )
    run = train(config, show_progress=False).run
    history = read_numbers(run.history)
    assert history["blueness_loss"][1] < history["blueness_loss"][0], "it is lowered"
    assert history["val_blueness_loss"][1] > 0
    np.testing.assert_allclose(
        history["loss"],
        np.array(history["reconstruction"]) + 50.0 * np.array(history["blueness_loss"]),
        rtol=1e-5,
    )
    titles = {axes.get_title() for axes in curves.draw_losses(history).axes}
    assert "blueness_loss" in titles
    assert "perceptual" not in titles, "it has no weight"
