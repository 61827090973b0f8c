"""Teachers: the mean of several generators and their mirror images."""

from pathlib import Path

import numpy as np
import pytest

from keras_colorize import color
from keras_colorize.errors import ModelError
from keras_colorize.models.saved import load_generator
from keras_colorize.models.teaching import load_teachers, mean_of
from tests.conftest import save_loud_generator


def test_the_mean_of_what_they_paint_and_of_mirror_images(tmp_path: Path) -> None:
    """Of NumPy's own mean, with the mirror image first flipped and then painted."""
    paths = [
        save_loud_generator(tmp_path / f"{kind}.keras", output=kind) for kind in ("chroma", "rgb")
    ]
    y = np.random.default_rng(0).uniform(0.3, 0.6, (2, 32, 48, 1)).astype(np.float32)
    expected = []
    for path in paths:
        generator, _ = load_generator(path)
        expected.append(color.chroma(np.asarray(generator(y))))
        expected.append(color.chroma(np.asarray(generator(y[:, :, ::-1])))[:, :, ::-1])
    taught = np.asarray(load_teachers(paths, [32, 48])(y))
    wanted = np.asarray(color.add_chroma(y, np.mean(expected, axis=0)))
    np.testing.assert_allclose(taught, wanted, atol=1e-5)
    assert np.abs(color.chroma(taught)).max() > 0.02
    np.testing.assert_allclose(color.luminance(taught), y, atol=1e-5)


def test_sizes_that_a_teacher_does_not_take(tmp_path: Path) -> None:
    path = save_loud_generator(tmp_path / "generator.keras")
    with pytest.raises(ModelError, match="multiples of 8, and cannot teach at 36"):
        load_teachers([path], [32, 36])
    with pytest.raises(ValueError, match="at least one teacher"):
        mean_of([])
