"""The mean of generators' weights."""

from pathlib import Path

import keras
import numpy as np
import pytest

from keras_colorize import pack
from keras_colorize.config import GeneratorConfig
from keras_colorize.errors import ModelError
from keras_colorize.models.averaging import average_weights
from keras_colorize.models.factoring import factorize
from keras_colorize.models.packing import emphasize, pack_generator, saturate
from keras_colorize.models.saved import GeneratorFacts, load_generator, save_generator
from keras_colorize.models.unet import build_unet

CONFIG = GeneratorConfig(filters=4, depth=2, output="chroma")
FACTS = GeneratorFacts(stride=4, working_size=16, run="test", step=7)


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
    with pytest.raises(
        ModelError, match=r"packed alike.*kernel: \(4, 4, 1, 4\) and \(4, 4, 1, 6\)"
    ):
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


def test_generators_that_were_packed_otherwise_are_refused() -> None:
    plain = build(1)
    for others, named in [
        ([plain, saturate(build(2), 1.3)], r"chroma: scale 0\.5 and 0\.65"),
        ([saturate(build(2), 1.3), plain], r"chroma: scale 0\.65 and 0\.5"),
        ([plain, emphasize(build(2), 1.2)], r"tanh \(Activation\) and emphasis"),
        ([emphasize(plain, 1.0), emphasize(build(2), 1.2)], r"emphasis, multiply.*15\.0.*18\.0"),
        ([plain, build_unet(4, 2, output="chroma", upsampling="resize")], "up_1/kernel"),
    ]:
        with pytest.raises(ModelError, match=f"packed alike.* differ in {named}"):
            average_weights(others, [1.0, 1.0])


def test_factored_generators_are_refused() -> None:
    photo = np.linspace(0, 1, 256, dtype=np.float32).reshape(16, 16, 1)
    factored = [factorize(build(seed), [1, 2], [photo]) for seed in (1, 2)]
    with pytest.raises(ModelError, match="factors of lighter decoders have no mean"):
        average_weights(factored, [1.0, 1.0])


def test_what_only_training_needs_may_differ(tmp_path: Path) -> None:
    """As between a run and another that began with it; one of them read from a file."""
    first, last = build(1), build_unet(4, 2, output="chroma", dropout=0.0, seed=2)
    pack_generator(tmp_path / "first.keras", first, FACTS)
    first = load_generator(tmp_path / "first.keras")[0]
    average = average_weights([first, last], [1.0, 1.0])
    assert {layer.name for layer in average.layers} == {layer.name for layer in last.layers}


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


def test_pack_averages_no_saturation_away(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models = [tmp_path / "first.keras", tmp_path / "second.keras"]
    for seed, model in enumerate(models):
        pack_generator(model, build(seed), FACTS, saturation=1.3 - 0.3 * seed)
    output = tmp_path / "packed.keras"
    assert pack.main(["--model", *map(str, models), "--output", str(output), "--no_twin"]) == 2
    assert "these differ in chroma: scale 0.65 and 0.5" in capsys.readouterr().err
    assert not output.exists()
