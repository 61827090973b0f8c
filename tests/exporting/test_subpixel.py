"""Transposed convolutions as ordinary ones: the same sums, at every pixel and border."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_colorize.exporting.subpixel import replace_transposed
from keras_colorize.models.outputs import named_outputs
from keras_colorize.models.unet import build_unet


def randomized(model: keras.Model) -> keras.Model:
    rng = np.random.default_rng(4)
    model.set_weights([rng.normal(0.0, 0.3, weight.shape) for weight in model.get_weights()])
    return model


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (4, 5)])
@pytest.mark.parametrize("use_bias", [False, True])
@pytest.mark.parametrize("activation", [None, "relu"])
def test_every_pixel_is_the_same(
    size: tuple[int, int], use_bias: bool, activation: str | None
) -> None:
    features = keras.Input((None, None, 3))
    options = {"use_bias": use_bias, "activation": activation, "name": "up"}
    up = keras.layers.Conv2DTranspose(5, 4, 2, "same", **options)
    model = randomized(keras.Model(features, up(features)))
    copy = replace_transposed(model)
    given = np.random.default_rng(1).normal(size=(2, *size, 3)).astype(np.float32)
    assert not isinstance(copy.get_layer("up"), keras.layers.Conv2DTranspose)
    assert copy.output.shape == (None, None, None, 5)
    np.testing.assert_allclose(copy(given), model(given), atol=1e-5)


@pytest.mark.parametrize("options", [{"kernel_size": 3}, {"strides": 1}, {"activation": "softmax"}])
def test_others_stay_as_they_are(options: dict[str, object]) -> None:
    features = keras.Input((None, None, 2))
    settings = {"filters": 3, "kernel_size": 4, "strides": 2, "padding": "same"} | options
    model = randomized(keras.Model(features, keras.layers.Conv2DTranspose(**settings)(features)))
    copy = replace_transposed(model)
    given = np.random.default_rng(1).normal(size=(1, 4, 6, 2)).astype(np.float32)
    assert any(isinstance(layer, keras.layers.Conv2DTranspose) for layer in copy.layers)
    np.testing.assert_allclose(copy(given), model(given), atol=1e-6)


@pytest.mark.parametrize("upsampling", ["transposed", "resize"])
def test_a_generator_gives_the_same_outputs_by_the_same_names(upsampling: str) -> None:
    generator = build_unet(filters=8, depth=3, output="chroma", upsampling=upsampling, seed=2)
    copy = replace_transposed(generator)
    wanted, given = named_outputs(generator), named_outputs(copy)
    assert set(wanted) == set(given)
    y = tf.random.stateless_uniform((1, 24, 32, 1), (1, 2))
    one, other = (keras.Model(m.inputs, o)(y) for m, o in ((generator, wanted), (copy, given)))
    for name in wanted:
        np.testing.assert_allclose(one[name], other[name], atol=1e-5)
