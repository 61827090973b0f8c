"""What every network that is saved must survive, at once."""

from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

#: Height and width of photographs, as multiples of a network's stride: odd, lying, standing.
SIZES = ((1, 1), (2, 5), (7, 3))


def check_network(
    build: Callable[..., keras.Model],
    folder: Path,
    *,
    stride: int,
    channels: Sequence[int],
    expect: Callable[[int, int], tuple[int, ...]],
) -> None:
    """Build, shape, odd sizes, saving and loading, precision, the seed.

    Args:
        build: takes ``dtype`` and ``seed``.
        folder: where a file may be written.
        stride: height and width of the inputs are multiples of it.
        channels: of each input.
        expect: the output's shape without the batch, from the input's height and width.
    """
    model = build(seed=1)
    names = [layer.name for layer in model.layers]
    assert len(names) == len(set(names))
    for rows, columns in SIZES:
        height, width = rows * stride, columns * stride
        values = model(_inputs(channels, height, width))
        assert values.shape == (2, *expect(height, width))
        assert values.dtype == tf.float32
        assert np.isfinite(values).all()
    given = _inputs(channels, 2 * stride, 3 * stride)
    expected = np.asarray(model(given))

    model.save(folder / "network.keras")
    loaded = keras.saving.load_model(folder / "network.keras")
    assert [w.shape for w in loaded.weights] == [w.shape for w in model.weights]
    np.testing.assert_allclose(loaded(given), expected, atol=1e-6)

    mixed = build(seed=1, dtype="mixed_bfloat16")
    assert {weight.dtype for weight in mixed.trainable_weights} == {"float32"}
    computing = [getattr(layer, "layer", layer) for layer in mixed.layers if layer.weights]
    assert {layer.compute_dtype for layer in computing} == {"bfloat16"}
    rounded = mixed(given)
    assert rounded.dtype == tf.float32
    np.testing.assert_allclose(rounded, expected, atol=0.05)
    assert not np.array_equal(rounded, expected), "nothing was computed in bfloat16"
    assert np.isfinite(mixed(given, training=True)).all()

    again, other = build(seed=1), build(seed=2)
    for same, a, b in zip(*(m.trainable_weights for m in (again, model, other)), strict=True):
        np.testing.assert_array_equal(same, a)
        assert np.std(a) == 0.0 or not np.array_equal(a, b)


def _inputs(channels: Sequence[int], height: int, width: int) -> list[np.ndarray] | np.ndarray:
    """One batch of two for each input, in [0, 1]; a single one by itself."""
    draw = np.random.default_rng(height * 1000 + width)
    batches = [draw.random((2, height, width, count), np.float32) for count in channels]
    return batches if len(batches) > 1 else batches[0]
