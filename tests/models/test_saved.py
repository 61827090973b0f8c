"""Saved generators: what they say of themselves, and versions that say more."""

import json
import zipfile
from pathlib import Path

import pytest

from keras_colorize.errors import ModelError
from keras_colorize.models.saved import load_generator
from tests.conftest import save_loud_generator


def test_a_model_of_a_newer_version_is_called_so(tmp_path: Path) -> None:
    path = save_loud_generator(tmp_path / "generator.keras")
    newer = tmp_path / "newer.keras"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(newer, "w") as new:
        for entry in old.namelist():
            content = old.read(entry)
            if entry == "keras_colorize.json":
                content = json.dumps({**json.loads(content), "certainty": "head"}).encode()
            new.writestr(entry, content)
    load_generator(path)
    with pytest.raises(ModelError, match=r"newer version.*does not know: certainty; install"):
        load_generator(newer)
