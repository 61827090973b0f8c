"""The distribution over chroma: what it learns, how certain it is, and color that follows it."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_colorize import color, losses
from keras_colorize.errors import ModelError
from keras_colorize.models.distribution import CERTAINTY_LAYER, certainty_of
from keras_colorize.models.outputs import CHROMA_BINS, CHROMA_STEP, DISTRIBUTION
from keras_colorize.models.packing import follow_certainty
from keras_colorize.models.unet import build_unet
from keras_colorize.photos.reading import read_photo
from tests.conftest import SAMPLE


def photos(count: int = 2, side: int = 32) -> np.ndarray:
    paths = sorted((SAMPLE / "modern").glob("*.jpg"))[:count]
    squares = [read_photo(path, short_side=side)[:side, :side] for path in paths]
    return np.stack(squares).astype(np.float32) / 255.0


def build(**options: object) -> keras.Model:
    """A generator that paints color, whose certainty differs from place to place."""
    settings = {"output": "chroma", "distribution": True, "dropout": 0.0, "seed": 1}
    generator = build_unet(8, 3, **settings | options)
    for name, factor in (
        ("up_0", 30.0),
        ("distribution_bins", 300.0),
        ("certainty_hidden", 100.0),
        ("certainty_logit", 300.0),
    ):
        layer = generator.get_layer(name)
        layer.set_weights([factor * weight for weight in layer.get_weights()])
    return generator


def logits_of(chroma: tuple[float, float], sharpness: float = 1e4) -> np.ndarray:
    """Of a distribution that holds one chroma for likely, ``(225,)``."""
    return -sharpness * np.square(CHROMA_BINS - chroma).sum(axis=-1)


def flat(chroma: tuple[float, float]) -> np.ndarray:
    """One photograph of one color, ``(1, 8, 8, 3)``."""
    y = np.full((1, 8, 8, 1), 0.5, np.float32)
    return color.add_chroma(y, np.broadcast_to(np.float32(chroma), (1, 8, 8, 2)))


def test_loss_is_the_weighted_entropy_of_the_shares() -> None:
    """By hand: a color half a step from a bin in Cr is shared by two bins."""
    chroma = (0.08, -0.02)
    logits = np.random.default_rng(0).normal(size=(1, 2, 2, 225)).astype(np.float32)
    likely = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    distances = np.abs(CHROMA_BINS - np.float32(chroma)).max(axis=-1)
    near = np.argsort(distances)[:2]
    assert distances[near] == pytest.approx([CHROMA_STEP / 2] * 2, abs=1e-6)
    weight = 1.0 + np.hypot(*chroma) / 0.02
    expected = -weight * np.log(likely[..., near]).mean()
    loss = losses.distribution_loss(tf.constant(flat(chroma)), tf.constant(logits))
    assert float(loss[0]) == pytest.approx(expected, rel=1e-3)


def test_loss_is_least_where_the_truth_is_likely() -> None:
    truth = tf.constant(flat((0.12, -0.08)))

    def loss(chroma: tuple[float, float]) -> float:
        logits = np.broadcast_to(logits_of(chroma), (1, 2, 2, 225)).astype(np.float32)
        return float(losses.distribution_loss(truth, tf.constant(logits))[0])

    assert loss((0.12, -0.08)) < loss((0.08, -0.08)) < loss((0.0, 0.0)) < loss((-0.12, 0.08))


def test_color_beyond_the_grid_counts_as_the_outermost() -> None:
    vivid = tf.constant(np.float32([[[[0.0, 0.0, 1.0]]]]) * np.ones((1, 8, 8, 1), np.float32))
    logits = np.broadcast_to(logits_of((0.28, -0.08)), (1, 2, 2, 225)).astype(np.float32)
    assert np.isfinite(losses.distribution_loss(vivid, tf.constant(logits))).all()


def test_certainty_is_high_for_one_color_and_low_for_opposite_ones() -> None:
    one = logits_of((0.16, 0.04))
    opposite = np.logaddexp(logits_of((0.16, 0.04)), logits_of((-0.16, -0.04)))
    gray_or_blue = np.logaddexp(logits_of((0.16, 0.04)), logits_of((0.0, 0.0)))
    certain, contradictory, between = np.asarray(
        certainty_of(np.stack([one, opposite, gray_or_blue]))
    )
    assert certain > 0.99
    assert contradictory < 0.05
    # Half the mass at gray: E = v / 2 and E|v|^2 = v^2 / 2.
    assert between == pytest.approx(np.sqrt(0.5), abs=0.01)


def test_a_certainty_learns_what_the_distribution_says() -> None:
    logits = tf.constant(
        np.stack([logits_of((0.16, 0.04)), logits_of((0.0, 0.0), 50.0)])[:, None, None]
    )
    right = certainty_of(logits)
    assert np.asarray(losses.certainty_loss(logits, right)) == pytest.approx(0.0, abs=1e-9)
    assert (np.asarray(losses.certainty_loss(logits, 1.0 - right)) > 0.1).all()
    with pytest.raises(ValueError, match="certainty"):
        losses.certainty_loss(logits, right[:1])


def test_the_distribution_has_a_place_for_each_square_of_four() -> None:
    generator = build()
    heads = [generator.get_layer(name).output for name in (DISTRIBUTION, CERTAINTY_LAYER)]
    logits, certainty = keras.Model(generator.input, heads)(np.zeros((2, 32, 48, 1), np.float32))
    assert logits.shape == (2, 8, 12, 225)
    assert certainty.shape == (2, 8, 12, 1)
    assert 0.0 <= np.min(certainty) <= np.max(certainty) <= 1.0


def test_color_is_what_it_learned_until_it_is_told_to_follow() -> None:
    y = color.luminance(photos())
    plain = build_unet(8, 3, output="chroma", dropout=0.0)
    generator = build()
    for layer in plain.layers:
        if layer.weights:
            layer.set_weights(generator.get_layer(layer.name).get_weights())
    np.testing.assert_allclose(generator(y), plain(y), atol=1e-6)


def test_color_follows_certainty() -> None:
    generator, y = build(), 0.4 + 0.2 * color.luminance(photos())
    certainty = keras.Model(generator.input, generator.get_layer(CERTAINTY_LAYER).output)(y)
    assert np.ptp(certainty) > 0.1
    before = color.chroma(np.asarray(generator(y)))
    after = color.chroma(np.asarray(follow_certainty(generator, 1.5)(y)))
    # Far from the edges of equal certainty the factor is 1.5 times the certainty, at any place of
    # the photograph within those of the squares around it.
    smallest, largest = 1.5 * np.min(certainty), 1.5 * np.max(certainty)
    lengths = np.linalg.norm(before, axis=-1)
    factor = np.linalg.norm(after, axis=-1)[lengths > 0.005] / lengths[lengths > 0.005]
    assert len(factor) > 100
    assert smallest - 1e-3 <= factor.min() < factor.max() <= largest + 1e-3


def test_color_cannot_follow_a_certainty_that_is_not_there() -> None:
    with pytest.raises(ModelError, match=r"trained with generator\.distribution"):
        follow_certainty(build_unet(8, 3, output="chroma"), 2.0)
    with pytest.raises(ValueError, match="above 0"):
        follow_certainty(build(), 0.0)


def test_another_multiple_takes_the_place_of_the_first() -> None:
    generator, y = build(), color.luminance(photos())
    again = follow_certainty(follow_certainty(generator, 1.5), 2.0)
    np.testing.assert_array_equal(again(y), follow_certainty(generator, 2.0)(y))


def test_a_generator_with_a_distribution_survives_saving(tmp_path: Path) -> None:
    generator, y = follow_certainty(build(), 2.0), color.luminance(photos())
    generator.save(tmp_path / "generator.keras")
    loaded = keras.models.load_model(tmp_path / "generator.keras", compile=False)
    np.testing.assert_allclose(loaded(y), generator(y), atol=1e-6)


@pytest.mark.parametrize("options", [{"output": "rgb"}, {"depth": 2}])
def test_a_distribution_needs_chroma_and_depth(options: dict[str, object]) -> None:
    settings = {"depth": 3, "output": "chroma", **options}
    with pytest.raises(ValueError, match="distribution needs output='chroma' and a depth above 2"):
        build_unet(8, distribution=True, **settings)


def test_skips_can_hand_across_less() -> None:
    whole, less = (build_unet(8, 4, skip_filters=filters) for filters in (0, 4))
    assert less.count_params() < whole.count_params()
    assert less.get_layer("skip_1").output.shape[-1] == 16 + 8
    assert less(np.zeros((1, 32, 32, 1), np.float32)).shape == (1, 32, 32, 3)
    with pytest.raises(ValueError, match="skip_filters must be at least 0"):
        build_unet(8, 4, skip_filters=-1)
