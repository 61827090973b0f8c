"""What the tests share: small real photographs and tiny configurations."""

import gc
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from keras_colorize.config import (
    DataConfig,
    DiscriminatorConfig,
    FitConfig,
    GeneratorConfig,
    TrackingConfig,
    TrainingConfig,
)

# What a shell runs in the background ignores Ctrl-C, and so would what is tested with it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "keras_colorize" / "sample"
#: Photographs of kinds that were read wrongly, or not at all.
CASES = ROOT / "tests" / "cases"


def pytest_collection_finish() -> None:
    """What all imports made stays: looking through it for garbage took a tenth of the time."""
    gc.freeze()


def copy_sample(stream: str, count: int, folder: Path) -> Path:
    """Copy the first photographs of a stream of the sample into a new folder."""
    folder.mkdir(parents=True)
    for photo in sorted((SAMPLE / stream).glob("*.jpg"))[:count]:
        shutil.copy(photo, folder)
    return folder


def save_loud_generator(path: Path, **options: Any) -> Path:
    """A generator of random weights, as a run saves it: stride 8, trained at 64 pixels, step 7."""
    from keras_colorize.models.saved import save_generator
    from keras_colorize.models.unet import build_unet

    config = GeneratorConfig(filters=4, depth=3, dropout=0.0, **options)
    generator = build_unet(**vars(config), seed=3)
    # Initial weights paint almost gray; these paint loudly, so that mistakes show.
    generator.set_weights([20.0 * weight for weight in generator.get_weights()])
    save_generator(path, generator, config, size=64, run="test", step=7)
    return path


def tiny_config(folder: Path) -> FitConfig:
    """A run of two epochs of four steps that takes seconds; ``folder`` holds photographs and run.

    Six modern photographs, two of them for validation; four historical ones, one for validation.
    """
    return FitConfig(
        name="tiny",
        runs=str(folder / "runs"),
        data=DataConfig(
            modern=[str(copy_sample("modern", 6, folder / "modern"))],
            historical=[str(copy_sample("historical", 4, folder / "historical"))],
            sizes=[32],
            batch_size=4,
            validation_share=0.3,
        ),
        generator=GeneratorConfig(filters=4, depth=2, dropout=0.5),
        discriminator=DiscriminatorConfig(filters=4, depth=1),
        training=TrainingConfig(
            epochs=2,
            steps_per_epoch=4,
            reconstruction_steps=0,
            warmup_steps=2,
            checkpoint_steps=2,
            sample_epochs=1,
            sample_photos=2,
            log_steps=1,
        ),
        tracking=TrackingConfig(wandb="disabled", statistics_steps=0, plots=False),
    )


@pytest.fixture
def tiny(tmp_path: Path) -> FitConfig:
    """A fresh :func:`tiny_config`."""
    return tiny_config(tmp_path)
