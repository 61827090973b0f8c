"""A look on the way from the command to the file: luminance stays, and the file says it."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keras_colorize import Colorizer, colorize
from keras_colorize.coloring.folder import colorize_photos
from keras_colorize.errors import ConfigError
from keras_colorize.looks import LOOKS
from keras_colorize.metadata.provenance import read_provenance
from tests.conftest import SAMPLE, save_loud_generator
from tests.samples import luminance_coefficients

SCAN = next(iter(sorted((SAMPLE / "historical").glob("*.jpg"))))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_loud_generator(tmp_path_factory.mktemp("model") / "generator.keras")


@pytest.fixture(scope="module")
def colorizer(model: Path) -> Colorizer:
    return Colorizer.load(model)


@pytest.mark.parametrize("look", LOOKS)
def test_a_jpeg_keeps_its_luminance_in_every_look_and_names_it(
    colorizer: Colorizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, look: str
) -> None:
    monkeypatch.setattr(colorizer, "look", look)
    assert colorize_photos([SCAN], tmp_path, colorizer, show_progress=False) == {"colorized": 1}
    result = tmp_path / SCAN.name
    for kept, was in zip(*(luminance_coefficients(x.read_bytes()) for x in (result, SCAN))):
        np.testing.assert_array_equal(kept, was)
    provenance = read_provenance(result)
    assert provenance is not None
    named = json.loads(provenance.settings).get("look")
    assert named == (None if look == "natural" else look)
    counts = colorize_photos([SCAN], tmp_path, colorizer, show_progress=False)
    assert counts == {"already done": 1}


def test_another_look_is_another_result(model: Path, tmp_path: Path) -> None:
    arguments = [str(SCAN), "--output", str(tmp_path), "--model", str(model)]
    assert colorize.main([*arguments, "--look", "kodachrome"]) == 0
    with Image.open(tmp_path / SCAN.name) as image:
        kodachrome = np.asarray(image)
    assert colorize.main(arguments) == 1
    assert colorize.main([*arguments, "--overwrite"]) == 0
    with Image.open(tmp_path / SCAN.name) as image:
        assert np.abs(kodachrome - np.asarray(image, int)).mean() > 1.0
    assert colorize.main([*arguments, "--look", "sepia"]) == 2


def test_a_look_goes_to_other_processes(model: Path) -> None:
    colorizer = Colorizer.load(model, look="photochrom")
    assert pickle.loads(pickle.dumps(colorizer)).look == "photochrom"
    with pytest.raises(ConfigError, match="look must be one of"):
        Colorizer.load(model, look="sepia")
