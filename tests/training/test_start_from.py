"""Runs that begin with the weights of a saved generator."""

import dataclasses
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_colorize.config import DiscriminatorConfig, FitConfig, GeneratorConfig, Normalization
from keras_colorize.errors import ModelError
from keras_colorize.exporting.tflite import read_calibration
from keras_colorize.models.efficientnet import encoder_layers, load_encoder
from keras_colorize.models.factoring import factorize
from keras_colorize.models.packing import pack_generator
from keras_colorize.models.patchgan import build_patchgan
from keras_colorize.models.saved import (
    find_generator,
    find_shipped,
    load_generator,
    save_generator,
    write_generator,
)
from keras_colorize.models.unet import build_unet
from keras_colorize.training.building import build_gan
from keras_colorize.training.loop import train
from tests.conftest import SAMPLE

UP = ("up_0", "up_1")


def saved(folder: Path, config: GeneratorConfig) -> Path:
    """A generator of other random weights than a run of seed 0 begins with."""
    path = folder / "earlier.keras"
    save_generator(path, build_unet(**vars(config), seed=9), config, size=32, run="earlier", step=7)
    return path


def starting_from(config: FitConfig, name: str) -> FitConfig:
    training = dataclasses.replace(config.training, start_from=name)
    return dataclasses.replace(config, training=training)


def test_both_generators_begin_with_the_saved_weights(tiny: FitConfig, tmp_path: Path) -> None:
    path = saved(tmp_path, tiny.generator)
    gan = build_gan(starting_from(tiny, str(path)), 8)
    expected = build_unet(**vars(tiny.generator), seed=9).get_weights()
    for generator in (gan.generator, gan.ema_generator):
        for weight, value in zip(generator.get_weights(), expected, strict=True):
            np.testing.assert_array_equal(weight, value)


def test_a_factored_decoder_is_multiplied_out(tiny: FitConfig, tmp_path: Path) -> None:
    generator, facts = load_generator(saved(tmp_path, tiny.generator))
    photos = read_calibration(SAMPLE / "modern", (32, 32))
    path = tmp_path / "factored.keras"
    ranks = [min(layer.kernel.shape[-1], 4) for layer in map(generator.get_layer, UP)]
    write_generator(path, factorize(generator, ranks, photos), facts)
    begun = build_gan(starting_from(tiny, str(path)), 8).generator
    factored, _ = load_generator(path)
    batch = np.stack(photos[:4])
    expected = np.asarray(factored.predict_on_batch(batch))
    np.testing.assert_allclose(begun.predict_on_batch(batch), expected, atol=1e-5)
    assert np.abs(expected - generator.predict_on_batch(batch)).max() > 1e-5  # something was lost


def test_a_checkpoint_wins_over_them(tiny: FitConfig, tmp_path: Path) -> None:
    """Continued, a run no longer needs the file it began with."""
    path = saved(tmp_path, tiny.generator)
    config = starting_from(tiny, str(path))
    generator = train(config, show_progress=False).run.generator
    before = load_generator(generator)[0].get_weights()
    path.unlink()
    train(config, show_progress=False)
    for weight, value in zip(load_generator(generator)[0].get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, value)


def test_another_build_is_refused(tiny: FitConfig, tmp_path: Path) -> None:
    path = saved(tmp_path, dataclasses.replace(tiny.generator, filters=8))
    with pytest.raises(ModelError, match=r"other settings of generator .*kernel"):
        build_gan(starting_from(tiny, str(path)), 8)


@pytest.mark.parametrize(("normalization", "other"), [("group", "instance"), ("instance", "group")])
def test_another_normalization_is_refused(
    normalization: Normalization, other: Normalization, tiny: FitConfig, tmp_path: Path
) -> None:
    """Names and shapes of their weights are the same."""
    # Of 8 channels or fewer, groups are of one each, and the two the same.
    settings = GeneratorConfig(filters=16, depth=2, normalization=normalization)
    path = saved(tmp_path, dataclasses.replace(settings, normalization=other))
    config = starting_from(dataclasses.replace(tiny, generator=settings), str(path))
    with pytest.raises(ModelError, match=r"settings of generator .*up_1_norm: groups \d+ and \d+;"):
        build_gan(config, 8)


def test_dropout_and_packing_make_no_difference(tiny: FitConfig, tmp_path: Path) -> None:
    chroma = dataclasses.replace(tiny.generator, output="chroma")
    generator, facts = load_generator(saved(tmp_path, chroma))
    path = tmp_path / "packed.keras"
    pack_generator(path, generator, facts, emphasis=1.2)
    settings = dataclasses.replace(chroma, dropout=0.0)
    config = starting_from(dataclasses.replace(tiny, generator=settings), str(path))
    build_gan(config, 8)


def test_what_is_missing_is_told_before_anything_is_read(tiny: FitConfig, tmp_path: Path) -> None:
    config = starting_from(tiny, str(tmp_path / "absent.keras"))
    data = dataclasses.replace(config.data, modern=[str(tmp_path / "absent")])
    with pytest.raises(ModelError, match=r"found no file .*absent\.keras"):
        train(dataclasses.replace(config, data=data), show_progress=False)


def test_the_shipped_model_has_a_name() -> None:
    assert find_generator("shipped") == find_shipped()


def test_a_discriminator_keeps_the_features_it_judges_by(tiny: FitConfig) -> None:
    discriminator = DiscriminatorConfig(filters=4, encoder="efficientnet_lite0")
    gan = build_gan(dataclasses.replace(tiny, discriminator=discriminator), 8)
    names = [layer.name for layer in encoder_layers(gan.discriminator)]
    published = build_patchgan(**vars(discriminator))
    load_encoder(published)
    judged = keras.Model(gan.discriminator.inputs, gan.discriminator.output)
    before = judged.get_weights()
    rng = np.random.default_rng(0)
    batch = {
        "luminance": rng.random((2, 32, 32, 1), np.float32),
        "color": rng.random((2, 32, 32, 3), np.float32),
        "has_color": np.ones(2, np.float32),
    }
    values = gan.train_step({name: tf.constant(value) for name, value in batch.items()})
    for name in names:
        kept, expected = (n.get_layer(name).get_weights() for n in (gan.discriminator, published))
        for weight, value in zip(kept, expected, strict=True):
            np.testing.assert_array_equal(weight, value)
    assert any(not np.array_equal(*pair) for pair in zip(before, judged.get_weights(), strict=True))
    assert values["generator_adversarial"] > 0.0
    assert values["discriminator_gradient_norm"] > 0.0
