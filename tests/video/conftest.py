"""What the tests of films share: a tiny generator."""

from pathlib import Path

import pytest

from keras_colorize.coloring.colorizer import Colorizer
from tests.conftest import save_loud_generator


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_loud_generator(tmp_path_factory.mktemp("model") / "generator.keras")


@pytest.fixture(scope="module")
def colorizer(model: Path) -> Colorizer:
    return Colorizer.load(model, 32)
