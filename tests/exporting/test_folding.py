"""Networks of fewer layers that compute the same."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

from keras_colorize.exporting.folding import fold
from keras_colorize.models.outputs import named_outputs
from keras_colorize.models.unet import build_unet
from tests.exporting.test_subpixel import randomized

layers = keras.layers


def kinds(network: keras.Model) -> set[str]:
    return {type(layer).__name__ for layer in network.layers}


def normalized(network: keras.Model) -> keras.Model:
    """With normalizations that do something."""
    rng = np.random.default_rng(3)
    for layer in network.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 2.0, w.shape) for w in layer.get_weights()])
    return network


def apart(one: keras.Model, other: keras.Model, *shape: int) -> float:
    given = np.random.default_rng(1).random((2, *shape), np.float32)
    results = [keras.tree.flatten(model(given, training=False)) for model in (one, other)]
    return max(float(np.abs(np.asarray(a) - b).max()) for a, b in zip(*results, strict=True))


SETTINGS: dict[str, dict[str, Any]] = {
    "pix2pix": {},
    "dropout": {"dropout": 0.5, "skip_filters": 4},
    "pretrained": {"encoder": "efficientnet_lite0", "skip_filters": 8, "depth": 5},
    "certain": {"output": "chroma", "distribution": True, "skip_filters": 4},
    "groups": {"normalization": "group"},
    "resized": {"upsampling": "resize"},
}


@pytest.mark.parametrize("kind", SETTINGS)
def test_a_generator_paints_the_same(kind: str) -> None:
    settings = {"filters": 8, "depth": 4, "dropout": 0.0, "seed": 2} | SETTINGS[kind]
    generator = normalized(build_unet(**settings))
    network = keras.Model(generator.input, named_outputs(generator))
    for original in (generator, network):
        copy = fold(original)
        assert len(copy.layers) < len(original.layers) or kind == "groups"
        assert apart(copy, original, 64, 96, 1) < 1e-5
        if kind != "pretrained":  # there some follow rectifiers, before which they cannot go
            assert "BatchNormalization" not in kinds(copy)


def test_rectifiers_go_through_concatenations() -> None:
    generator = build_unet(**{"filters": 8, "dropout": 0.5} | SETTINGS["dropout"])
    assert "ReLU" in kinds(generator)
    assert "ReLU" not in kinds(fold(generator))


def concatenated(x: keras.KerasTensor) -> Any:
    one, other = layers.Conv2D(2, 1)(x), layers.Conv2D(3, 1)(x)
    return layers.ReLU()(layers.Concatenate()([one, other, x]))


def taken_twice(x: keras.KerasTensor) -> Any:
    made = layers.Conv2D(2, 1)(x)
    return layers.ReLU()(made) + layers.Conv2D(2, 1)(made)


def taken_by_an_operation(x: keras.KerasTensor) -> Any:
    made = layers.Conv2D(2, 1)(x)
    return layers.ReLU()(made) * keras.ops.sum(made)


def an_output_as_well(x: keras.KerasTensor) -> Any:
    made = layers.Conv2D(2, 1)(x)
    return [made, layers.ReLU()(made)]


def taken_by_a_model(x: keras.KerasTensor) -> Any:
    made = layers.Conv2D(2, 1)(x)
    inner = keras.Input((None, None, 2))
    return layers.ReLU()(made) + keras.Model(inner, inner * 2.0)(made)


def shared(x: keras.KerasTensor) -> Any:
    conv = layers.Conv2D(3, 1)
    return layers.ReLU()(conv(conv(x)))


def of_another_kind(x: keras.KerasTensor) -> Any:
    return layers.ReLU(6.0)(layers.Conv2D(2, 1)(x)) + layers.Conv2D(2, 1, activation="tanh")(x)


@pytest.mark.parametrize(
    "make",
    [
        concatenated,
        taken_twice,
        taken_by_an_operation,
        an_output_as_well,
        taken_by_a_model,
        shared,
        of_another_kind,
    ],
)
def test_a_rectifier_stays_where_something_else_would_change(
    make: Callable[[keras.KerasTensor], Any],
) -> None:
    given = keras.Input((None, None, 3))
    network = randomized(keras.Model(given, make(given)))
    copy = fold(network)
    assert "ReLU" in kinds(copy)
    assert apart(copy, network, 5, 6, 3) < 1e-5


@pytest.mark.parametrize("options", [{}, {"scale": False}, {"center": False}], ids=str)
@pytest.mark.parametrize("use_bias", [False, True])
@pytest.mark.parametrize("kind", ["Conv2D", "Conv2DTranspose"])
def test_normalizations_of_every_kind(kind: str, use_bias: bool, options: dict[str, bool]) -> None:
    given = keras.Input((None, None, 3))
    conv = getattr(layers, kind)(5, 3, use_bias=use_bias)
    network = keras.Model(given, layers.BatchNormalization(**options)(conv(given)))
    network = normalized(randomized(network))
    copy = fold(network)
    assert "BatchNormalization" not in kinds(copy)
    assert apart(copy, network, 7, 6, 3) < 1e-5


def test_channels_that_hardly_vary_are_held_at_their_mean() -> None:
    given = keras.Input((None, None, 1))
    network = keras.Model(given, layers.BatchNormalization()(layers.Conv2D(2, 1)(given)))
    norm = network.layers[2]
    gamma, beta = np.ones(2), np.array([0.25, 0.5])
    norm.set_weights([gamma, beta, np.array([3.0, 0.0]), np.array([1e-6, 1.0])])
    painted = np.asarray(fold(network, constant=1e-3)(np.ones((1, 2, 2, 1), np.float32)))
    np.testing.assert_array_equal(painted[..., 0], 0.25)
    assert (painted[..., 1] != 0.5).all()


def test_a_gain_of_one_and_what_it_takes_are_left_out() -> None:
    settings = {"filters": 8, "depth": 4, "output": "chroma", "distribution": True}
    generator = build_unet(**settings)
    gain = generator.get_layer("gain")
    assert (gain.scale, gain.offset) == (0.0, 1.0)
    copy = fold(generator)
    assert {"gain", "certainty", "distribution"} & {layer.name for layer in copy.layers} == set()
    gain.scale = 2.0
    assert "gain" in {layer.name for layer in fold(generator).layers}
