"""The mean of generators' weights."""

from pathlib import Path

import keras
import numpy as np
import pytest

from keras_colorize import pack
from keras_colorize.config import GeneratorConfig
from keras_colorize.errors import ModelError
from keras_colorize.models.averaging import average_weights
from keras_colorize.models.saved import load_generator, save_generator
from keras_colorize.models.unet import build_unet

CONFIG = GeneratorConfig(filters=4, depth=2)


def build(seed: int, filters: int = 4) -> keras.Model:
    """A small generator; its normalizations differ by the seed as well."""
    generator = build_unet(filters, 2, output="chroma", seed=seed)
    generator(np.random.default_rng(seed).random((2, 16, 16, 1), np.float32), training=True)
    return generator


def test_weights_are_the_mean_by_shares() -> None:
    a, b = build(1), build(2)
    untouched = [np.copy(weight) for weight in a.get_weights()]
    average = average_weights([a, b], [1.0, 3.0])
    for weight, first, second in zip(
        average.get_weights(), a.get_weights(), b.get_weights(), strict=True
    ):
        expected = 0.25 * first.astype(np.float64) + 0.75 * second
        np.testing.assert_allclose(weight, expected, atol=1e-6)
    for weight, before in zip(a.get_weights(), untouched, strict=True):
        np.testing.assert_array_equal(weight, before)


def test_of_one_it_is_the_same() -> None:
    generator, y = build(1), np.random.default_rng(0).random((1, 8, 12, 1), np.float32)
    np.testing.assert_array_equal(average_weights([generator], [0.3])(y), generator(y))


def test_generators_of_other_layers_are_refused() -> None:
    with pytest.raises(ModelError, match=r"built alike.*kernel: \(4, 4, 1, 4\) and \(4, 4, 1, 6\)"):
        average_weights([build(1), build(1, filters=6)], [1.0, 1.0])
    with pytest.raises(ModelError, match="up_0_extra/kernel: none and"):
        average_weights([build(1), with_one_more_layer(build(1))], [1.0, 1.0])


def test_generators_of_another_order_are_refused() -> None:
    with pytest.raises(ModelError, match="differ in the order of their layers"):
        average_weights([two_layers("a", "b"), two_layers("b", "a")], [1.0, 1.0])


def two_layers(*names: str) -> keras.Model:
    x = inputs = keras.Input((None, None, 3))
    for name in names:
        x = keras.layers.Conv2D(3, 1, name=name)(x)
    return keras.Model(inputs, x)


def with_one_more_layer(generator: keras.Model) -> keras.Model:
    extra = keras.layers.Conv2D(3, 1, name="up_0_extra")(generator.output)
    return keras.Model(generator.inputs, extra)


@pytest.mark.parametrize("shares", [[1.0], [1.0, 0.0], [1.0, -1.0], [1.0, np.inf], [1.0, np.nan]])
def test_shares_that_make_no_sense_are_refused(shares: list[float]) -> None:
    with pytest.raises(ValueError, match="a share above 0 for each of 2 generators"):
        average_weights([build(1), build(2)], shares)


def test_pack_averages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    models = [tmp_path / "first.keras", tmp_path / "second.keras"]
    for seed, model in enumerate(models):
        save_generator(model, build(seed), CONFIG, size=16 + seed, run=model.stem, step=seed)
    output = tmp_path / "packed.keras"
    arguments = ["--model", *map(str, models), "--output", str(output), "--no_twin"]
    assert pack.main([*arguments, "--shares", "1"]) == 2
    assert "--shares must be a number above 0 for each of 2 --model" in capsys.readouterr().err
    assert pack.main([*arguments, "--shares", "2", "0"]) == 2
    assert not output.exists()

    assert pack.main([*arguments, "--shares", "1", "2"]) == 0
    packed, facts = load_generator(output)
    assert (facts.run, facts.step, facts.working_size) == ("second", 1, 17)
    expected = average_weights([load_generator(model)[0] for model in models], [1.0, 2.0])
    y = np.random.default_rng(0).random((1, 16, 16, 1), np.float32)
    np.testing.assert_allclose(packed(y), expected(y), atol=1e-3)
