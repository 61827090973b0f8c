"""Factored decoders: the same color for less work, and back again."""

import keras
import numpy as np
import pytest

from keras_colorize import color
from keras_colorize.errors import ModelError
from keras_colorize.exporting.tflite import read_calibration
from keras_colorize.models.factoring import factorize, merge_factors
from keras_colorize.models.unet import build_unet
from tests.conftest import SAMPLE

SIDE = 64


@pytest.fixture(scope="module")
def photos() -> list[np.ndarray]:
    return read_calibration(SAMPLE / "modern", (SIDE, SIDE))


def build(upsampling: str = "transposed") -> keras.Model:
    """A generator of loud color, whose normalization has seen photographs."""
    generator = build_unet(
        32, 3, encoder="plain", max_filters=64, dropout=0.0, upsampling=upsampling, seed=4
    )
    batch = np.stack(read_calibration(SAMPLE / "modern", (SIDE, SIDE))[:8])
    for _ in range(20):
        generator(batch, training=True)
    head = generator.get_layer("up_0")
    head.set_weights([20.0 * weight for weight in head.get_weights()])
    return generator


def paint(generator: keras.Model, photos: list[np.ndarray]) -> np.ndarray:
    return np.asarray(generator.predict_on_batch(np.stack(photos[:8])))


def ranks_of(generator: keras.Model) -> list[int]:
    """All that each kernel has, the outermost first."""
    ranks = []
    for level in range(3):
        layer = generator.get_layer(f"up_{level}")
        kernel = layer.get_weights()[0]
        seen = kernel.shape[-1 if isinstance(layer, keras.layers.Conv2DTranspose) else -2]
        ranks.append(min(seen, kernel.size // seen))
    return ranks


@pytest.mark.parametrize("upsampling", ["transposed", "resize", "subpixel"])
def test_of_full_rank_it_paints_the_same(upsampling: str, photos: list[np.ndarray]) -> None:
    generator = build(upsampling)
    factored = factorize(generator, ranks_of(generator), photos)
    expected = paint(generator, photos)
    assert color.chroma(expected).std() > 0.02
    np.testing.assert_allclose(paint(factored, photos), expected, atol=1e-4)


def test_of_less_rank_it_is_lighter_and_near(photos: list[np.ndarray]) -> None:
    generator = build()
    expected = paint(generator, photos)
    errors = []
    for ranks in ((24, 48, 48), (8, 16, 16), (2, 2, 2)):
        factored = factorize(generator, ranks, photos)
        assert [factored.get_layer(f"reduce_up_{level}").filters for level in range(3)] == [*ranks]
        assert factored.count_params() < generator.count_params()
        errors.append(np.square(paint(factored, photos) - expected).mean())
    assert errors[0] < errors[1] < errors[2]
    assert errors[0] < 0.05 * np.square(color.chroma(expected)).mean()


def test_it_is_the_best_of_its_rank_on_the_photographs(photos: list[np.ndarray]) -> None:
    """In the mean square of what a step gives: against the kernel's own singular vectors."""
    generator = build()
    layer = generator.get_layer("up_0")
    seen = keras.Model(generator.inputs, layer.input).predict_on_batch(np.stack(photos))
    rows = seen.reshape(-1, seen.shape[-1]).astype(np.float64)
    matrix = np.moveaxis(layer.get_weights()[0], -1, 0).reshape(seen.shape[-1], -1)
    factored = factorize(generator, (6, *ranks_of(generator)[1:]), photos)
    reduce = factored.get_layer("reduce_up_0").get_weights()[0][0, 0]
    kernel = np.moveaxis(factored.get_layer("up_0").get_weights()[0], -1, 0).reshape(6, -1)
    left, singular, right = np.linalg.svd(matrix, full_matrices=False)
    plain = (left[:, :6] * singular[:6]) @ right[:6]
    error, plain_error = (np.square(rows @ (matrix - m)).mean() for m in (reduce @ kernel, plain))
    assert error < 0.9 * plain_error
    # The most that any 6 directions can take: of the singular values of what the step gives.
    lost = np.linalg.svd(rows @ matrix, compute_uv=False)[6:]
    assert error == pytest.approx(np.square(lost).sum() / (len(rows) * matrix.shape[1]), rel=1e-3)


def test_channels_in_between_vary_alike(photos: list[np.ndarray]) -> None:
    factored = factorize(build(), (16, 32, 32), photos)
    reduce = factored.get_layer("reduce_up_1")
    values = keras.Model(factored.inputs, reduce.output).predict_on_batch(np.stack(photos))
    power = np.square(values).mean(axis=(0, 1, 2))
    assert power.max() < 30 * power.min()  # of singular vectors as they are: 1,000 and more


def test_merged_it_is_the_generator_as_it_was_built(photos: list[np.ndarray]) -> None:
    generator = build()
    factored = factorize(generator, (24, 48, 48), photos)
    merged = merge_factors(factored)
    assert [(w.path, w.shape) for w in merged.weights] == [
        (w.path, w.shape) for w in generator.weights
    ]
    np.testing.assert_allclose(paint(merged, photos), paint(factored, photos), atol=1e-4)
    assert merge_factors(generator) is generator


@pytest.mark.parametrize(
    ("ranks", "message"),
    [
        ((8, 8), "a rank for each of 3 upsampling steps.* Received: 2"),
        ((8, 0, 8), "rank of up_1 must be 1 to 128. Received: 0"),
        ((33, 8, 8), "rank of up_0 must be 1 to 32. Received: 33"),
    ],
)
def test_ranks_that_make_no_sense(
    ranks: tuple[int, ...], message: str, photos: list[np.ndarray]
) -> None:
    with pytest.raises(ModelError, match=message):
        factorize(build_unet(32, 3, max_filters=64, output="chroma"), ranks, photos)


def test_once_is_enough(photos: list[np.ndarray]) -> None:
    factored = factorize(build_unet(8, 3, max_filters=16), (4, 4, 4), photos)
    with pytest.raises(ModelError, match="factored already"):
        factorize(factored, (4, 4, 4), photos)
