"""Fused batch normalization and fused Adam are Keras' own."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_colorize.models.patchgan import build_patchgan
from keras_colorize.models.unet import build_unet
from keras_colorize.training.fused import FusedAdam, FusedBatchNormalization, fuse_normalization


def pair(dtype: str = "float32") -> list[keras.layers.BatchNormalization]:
    layers = [
        kind(momentum=0.9, epsilon=1e-5, dtype=dtype)
        for kind in (keras.layers.BatchNormalization, FusedBatchNormalization)
    ]
    random = np.random.default_rng(0)
    weights = [random.uniform(0.5, 2.0, 6).astype(np.float32) for _ in range(4)]
    for layer in layers:
        layer.build((None, None, None, 6))
        layer.set_weights(weights)
    return layers


def activations(*shape: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(2.0, 3.0, shape).astype(np.float32)


@pytest.mark.smoke
@pytest.mark.parametrize("shape", [(4, 9, 7, 6), (2, 3, 1, 6)])
@pytest.mark.parametrize(("dtype", "rounding"), [("float32", 1e-4), ("mixed_bfloat16", 4e-2)])
def test_training_is_that_of_keras(shape: tuple[int, ...], dtype: str, rounding: float) -> None:
    results: list[dict[str, Any]] = []
    x = tf.cast(activations(*shape), keras.DTypePolicy(dtype).compute_dtype)
    weighting = activations(*shape, seed=2)
    for layer in pair(dtype):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, training=True)
            loss = tf.reduce_sum(tf.cast(y, tf.float32) * weighting)
        sources = [x, layer.gamma.value, layer.beta.value]
        results.append(
            {
                "y": y,
                "mean": layer.moving_mean,
                "variance": layer.moving_variance,
                **dict(zip(("dx", "dgamma", "dbeta"), tape.gradient(loss, sources), strict=True)),
            }
        )
        assert y.dtype == x.dtype
    for name, expected in results[0].items():
        scale = np.abs(np.asarray(expected, np.float32)).max()
        np.testing.assert_allclose(
            np.asarray(results[1][name], np.float32) / scale,
            np.asarray(expected, np.float32) / scale,
            atol=rounding,
            err_msg=name,
        )


def test_one_value_a_channel_has_no_variance() -> None:
    # The unbiased variance of one value would be 0 / 0.
    plain, fused = pair()
    x = activations(1, 1, 1, 6)
    np.testing.assert_allclose(fused(x, training=True), plain(x, training=True), atol=1e-3)
    np.testing.assert_allclose(fused.moving_variance, plain.moving_variance, atol=1e-3)


def test_inference_is_that_of_keras() -> None:
    plain, fused = pair()
    x = activations(2, 5, 5, 6)
    np.testing.assert_array_equal(fused(x, training=False), plain(x, training=False))
    fused.trainable = plain.trainable = False  # frozen: by the moving averages in training too
    np.testing.assert_array_equal(fused(x, training=True), plain(x, training=True))


@pytest.mark.parametrize("model", [build_unet(4, 3, dropout=0.0), build_patchgan(4, 2)])
def test_a_network_is_copied_whole(model: keras.Model) -> None:
    model.layers[3].trainable = False
    copy = fuse_normalization(model)
    kinds = {type(layer) for layer in copy.layers}
    assert FusedBatchNormalization in kinds
    assert keras.layers.BatchNormalization not in kinds
    assert [layer.name for layer in copy.layers] == [layer.name for layer in model.layers]
    assert [layer.trainable for layer in copy.layers] == [layer.trainable for layer in model.layers]
    for old, new in zip(model.get_weights(), copy.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    arrays = [activations(2, 32, 32, tensor.shape[-1]) for tensor in model.inputs]
    inputs = arrays if len(arrays) > 1 else arrays[0]
    np.testing.assert_allclose(copy(inputs, training=True), model(inputs, training=True), atol=1e-4)


def test_other_normalization_stays() -> None:
    model = fuse_normalization(build_unet(4, 3, normalization="group"))
    assert not [layer for layer in model.layers if isinstance(layer, FusedBatchNormalization)]


# --- Adam ---


@pytest.mark.smoke
@pytest.mark.parametrize("options", [{}, {"beta_1": 0.5, "epsilon": 1e-3}, {"amsgrad": True}])
def test_adam_is_that_of_keras(options: dict[str, Any]) -> None:
    gradients = [activations(40, 3, seed=seed) for seed in range(20)]

    def steps(optimizer: keras.Optimizer) -> list[keras.Variable]:
        variable = keras.Variable(activations(40, 3, seed=99))
        optimizer.build([variable])
        step = tf.function(lambda gradient: optimizer.apply([gradient], [variable]))
        for gradient in gradients:
            step(tf.constant(gradient))
        return [variable, *optimizer.variables]

    rate = keras.optimizers.schedules.PolynomialDecay(0.1, 20)
    kinds = (keras.optimizers.Adam, FusedAdam)
    results = [steps(kind(rate, **options)) for kind in kinds]
    start = activations(40, 3, seed=99)
    assert np.abs(np.asarray(results[0][0]) - start).max() > 0.1, "nothing has moved"
    for plain, fused in zip(*results, strict=True):
        np.testing.assert_allclose(fused, plain, rtol=1e-4, atol=1e-5, err_msg=plain.name)


def test_fused_adam_is_saved_by_name() -> None:
    optimizer = FusedAdam(0.01, beta_1=0.5)
    config = keras.saving.serialize_keras_object(optimizer)
    again = keras.saving.deserialize_keras_object(config)
    assert type(again) is FusedAdam
    assert again.get_config() == optimizer.get_config()
