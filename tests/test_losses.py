"""The losses against their formulas in float64, and where the formulas would overflow."""

from collections.abc import Callable
from typing import get_args

import keras
import numpy as np
import pytest
import tensorflow as tf
from skimage.color import rgb2ycbcr

from keras_colorize import color, losses
from keras_colorize.config import AdversarialKind

KINDS: tuple[AdversarialKind, ...] = get_args(AdversarialKind)
SHAPE = (4, 6, 5, 1)  # logits: batch, patches, patches, 1
IMAGES = (3, 7, 6, 3)


def logits(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, 3.0, SHAPE).astype(np.float32)


def images(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random(IMAGES, np.float32)


def images_of_gray(value: float) -> np.ndarray:
    return np.full(IMAGES, value, np.float32)


# --- DESIGN.md's formulas, transcribed ---


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-x.astype(np.float64)))


def expected_real(x: np.ndarray, kind: AdversarialKind) -> np.ndarray:
    values = {
        "minimax": -np.log(sigmoid(x)),
        "non_saturating": -np.log(sigmoid(x)),
        "least_squares": 0.5 * (x - 1.0) ** 2,
        "hinge": np.maximum(0.0, 1.0 - x),
    }[kind]
    return values.reshape(len(x), -1).mean(1)


def expected_fake(x: np.ndarray, kind: AdversarialKind) -> np.ndarray:
    values = {
        "minimax": -np.log(1.0 - sigmoid(x)),
        "non_saturating": -np.log(1.0 - sigmoid(x)),
        "least_squares": 0.5 * x**2,
        "hinge": np.maximum(0.0, 1.0 + x),
    }[kind]
    return values.reshape(len(x), -1).mean(1)


def expected_generator(x: np.ndarray, kind: AdversarialKind) -> np.ndarray:
    values = {
        "minimax": np.log(1.0 - sigmoid(x)),
        "non_saturating": -np.log(sigmoid(x)),
        "least_squares": 0.5 * (x - 1.0) ** 2,
        "hinge": -x,
    }[kind]
    return values.reshape(len(x), -1).mean(1)


def ycbcr(rgb: np.ndarray) -> np.ndarray:
    """scikit-image's YCbCr, brought from the video range to full range; float64."""
    return (rgb2ycbcr(rgb.astype(np.float64)) - [16, 128, 128]) / [219, 224, 224]


@pytest.mark.smoke
@pytest.mark.parametrize("kind", KINDS)
def test_adversarial_losses_are_their_formulas(kind: AdversarialKind) -> None:
    real, fake = logits(0), logits(1)
    expected = expected_real(real, kind) + expected_fake(fake, kind)
    np.testing.assert_allclose(losses.discriminator_loss(real, fake, kind), expected, rtol=1e-5)
    np.testing.assert_allclose(
        losses.real_loss(real, kind), expected_real(real, kind), rtol=1e-5, atol=1e-6
    )
    np.testing.assert_allclose(
        losses.fake_loss(fake, kind), expected_fake(fake, kind), rtol=1e-5, atol=1e-6
    )
    np.testing.assert_allclose(
        losses.generator_loss(fake, kind), expected_generator(fake, kind), rtol=1e-5, atol=1e-6
    )


@pytest.mark.smoke
def test_reconstruction_losses_are_their_formulas() -> None:
    true, generated = images(0), images(1)
    l1 = np.abs(true.astype(np.float64) - generated).mean((1, 2, 3))
    squares = (ycbcr(true) - ycbcr(generated)) ** 2
    luminance, chroma = squares[..., 0].mean((1, 2)), squares[..., 1:].mean((1, 2, 3))
    np.testing.assert_allclose(losses.l1_loss(true, generated), l1, rtol=1e-5)
    np.testing.assert_allclose(losses.luminance_loss(true, generated), luminance, rtol=1e-4)
    np.testing.assert_allclose(losses.color_loss(true, generated), chroma, rtol=1e-4)
    np.testing.assert_allclose(
        losses.weighted_l1_loss(true, generated, 2.5, 0.75),
        l1 + 2.5 * luminance + 0.75 * chroma,
        rtol=1e-4,
    )


# --- golden values, by hand ---


@pytest.mark.parametrize(
    ("kind", "discriminator", "generator"),
    [
        # D = sigmoid(0) = 1/2: L_D = -2 log(1/2), L_G = log(1/2), or -log(1/2)
        ("minimax", 2 * np.log(2), -np.log(2)),
        ("non_saturating", 2 * np.log(2), np.log(2)),
        ("least_squares", 0.5 * (0 - 1) ** 2 + 0.5 * 0**2, 0.5 * (0 - 1) ** 2),
        ("hinge", max(0, 1 - 0) + max(0, 1 + 0), 0.0),
    ],
)
def test_undecided_discriminator(
    kind: AdversarialKind, discriminator: float, generator: float
) -> None:
    zeros = np.zeros(SHAPE, np.float32)
    np.testing.assert_allclose(
        losses.discriminator_loss(zeros, zeros, kind), [discriminator] * 4, rtol=1e-6
    )
    np.testing.assert_allclose(losses.generator_loss(zeros, kind), [generator] * 4, rtol=1e-6)


@pytest.mark.parametrize(
    ("kind", "real", "fake"),
    [("least_squares", 1.0, 0.0), ("hinge", 1.0, -1.0), ("minimax", 200.0, -200.0)],
)
def test_perfect_discriminator_has_no_loss(kind: AdversarialKind, real: float, fake: float) -> None:
    right, wrong = np.full(SHAPE, real, np.float32), np.full(SHAPE, fake, np.float32)
    np.testing.assert_array_equal(losses.discriminator_loss(right, wrong, kind), [0.0] * 4)
    assert (np.asarray(losses.discriminator_loss(wrong, right, kind)) > 0.9).all()


def test_black_against_white() -> None:
    black, white = images_of_gray(0.0), images_of_gray(1.0)
    np.testing.assert_allclose(losses.l1_loss(white, black), [1.0] * 3, rtol=1e-6)
    np.testing.assert_allclose(losses.luminance_loss(white, black), [1.0] * 3, rtol=1e-6)
    np.testing.assert_allclose(losses.color_loss(white, black), [0.0] * 3, atol=1e-12)
    np.testing.assert_allclose(
        losses.weighted_l1_loss(white, black, 10.0, 100.0), [11.0] * 3, rtol=1e-6
    )


def test_colorfulness_of_red_halves() -> None:
    """Half red, half gray of the same luminance, against gray: by hand from Hasler, Süsstrunk."""
    image = np.full((1, 4, 4, 3), 0.5, np.float32)
    gray = image.copy()
    image[:, :, :2] = [0.6, 0.5, 0.5]
    # rg is 0.1 or 0, yb 0.05 or 0: standard deviations 0.05 and 0.025, means the same.
    expected = 1.3 * np.hypot(0.05, 0.025)
    np.testing.assert_allclose(losses.colorfulness_loss(image, gray), [expected], rtol=1e-5)
    np.testing.assert_allclose(losses.colorfulness_loss(gray, image), [expected], rtol=1e-5)


def test_colorfulness_has_a_gradient_at_gray() -> None:
    gray = tf.fill((1, 4, 4, 3), 0.5)
    with tf.GradientTape() as tape:
        tape.watch(gray)
        loss = losses.colorfulness_loss(np.random.default_rng(0).random((1, 4, 4, 3), "f"), gray)
    assert np.isfinite(tape.gradient(loss, gray)).all()


def test_red_against_black() -> None:
    # ITU-T T.871: red has Y 0.299, Cb -0.168736, Cr 0.5.
    red, black = images_of_gray(0.0), images_of_gray(0.0)
    red[..., 0] = 1.0
    color_part = (0.168736**2 + 0.5**2) / 2
    np.testing.assert_allclose(losses.l1_loss(red, black), [1 / 3] * 3, rtol=1e-6)
    np.testing.assert_allclose(losses.luminance_loss(red, black), [0.299**2] * 3, rtol=1e-6)
    np.testing.assert_allclose(losses.color_loss(red, black), [color_part] * 3, rtol=1e-5)


# --- what each term sees ---


def test_minimax_generator_loss_is_the_negative_of_what_the_discriminator_gets() -> None:
    fake = logits(2)
    np.testing.assert_array_equal(
        losses.generator_loss(fake, "minimax"), -np.asarray(losses.fake_loss(fake, "minimax"))
    )


def test_luminance_loss_ignores_chroma() -> None:
    y = color.luminance(images(0))
    true, generated = color.replace_luminance(images(1), y), color.replace_luminance(images(2), y)
    np.testing.assert_allclose(losses.luminance_loss(true, generated), [0.0] * 3, atol=1e-12)
    assert (np.asarray(losses.color_loss(true, generated)) > 1e-4).all()


def test_color_loss_ignores_luminance() -> None:
    true = (0.3 * images(0)).astype(np.float32)
    lighter = true + np.float32(0.5)  # the same in R, G and B: a change of Y alone
    np.testing.assert_allclose(losses.color_loss(true, lighter), [0.0] * 3, atol=1e-12)
    np.testing.assert_allclose(losses.luminance_loss(true, lighter), [0.25] * 3, rtol=1e-5)


@pytest.mark.parametrize("weights", [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (3.0, 7.0)])
def test_weighted_l1_is_made_of_its_parts(weights: tuple[float, float]) -> None:
    true, generated = images(0), images(1)
    parts = [losses.l1_loss, losses.luminance_loss, losses.color_loss]
    l1, luminance, chroma = (np.asarray(part(true, generated)) for part in parts)
    np.testing.assert_allclose(
        losses.weighted_l1_loss(true, generated, *weights),
        l1 + weights[0] * luminance + weights[1] * chroma,
        rtol=1e-6,
    )


# --- per image ---


@pytest.mark.parametrize("kind", KINDS)
def test_adversarial_losses_are_per_image(kind: AdversarialKind) -> None:
    real, fake = logits(0), logits(1)
    whole = losses.discriminator_loss(real, fake, kind)
    alone = [losses.discriminator_loss(r[None], f[None], kind)[0] for r, f in zip(real, fake)]
    assert whole.shape == (len(real),)
    np.testing.assert_allclose(whole, alone, rtol=1e-6)
    generator = losses.generator_loss(fake, kind)
    assert generator.shape == (len(fake),)
    np.testing.assert_allclose(
        generator, [losses.generator_loss(f[None], kind)[0] for f in fake], rtol=1e-6
    )
    assert len(set(np.asarray(whole))) == len(real), "the images were averaged together"


@pytest.mark.parametrize("name", ["l1_loss", "luminance_loss", "color_loss", "weighted_l1_loss"])
def test_reconstruction_losses_are_per_image(name: str) -> None:
    weights = (2.0, 3.0) if name == "weighted_l1_loss" else ()
    true, generated = images(0), images(1)
    whole = getattr(losses, name)(true, generated, *weights)
    assert whole.shape == (len(true),)
    alone = [getattr(losses, name)(t[None], g[None], *weights)[0] for t, g in zip(true, generated)]
    np.testing.assert_allclose(whole, alone, rtol=1e-6)
    assert len(set(np.asarray(whole))) == len(true), "the images were averaged together"


# --- numerics and gradients ---


def slopes(loss: Callable[[tf.Tensor], tf.Tensor], values: np.ndarray) -> np.ndarray:
    """The gradient of the sum of ``loss`` with respect to its logits."""
    x = tf.constant(values)
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(loss(x))
    return tape.gradient(total, x).numpy()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("extreme", [1e4, -1e4])
def test_extreme_logits_stay_finite(kind: AdversarialKind, extreme: float) -> None:
    x = np.full(SHAPE, extreme, np.float32)
    for loss in (losses.real_loss, losses.fake_loss, losses.generator_loss):
        assert np.isfinite(np.asarray(loss(x, kind))).all()
        assert np.isfinite(slopes(lambda x, loss=loss: loss(x, kind), x)).all()


def test_extreme_logits_cost_their_distance() -> None:
    # softplus(x) -> x: the logarithm of a probability that float32 rounds to 0.
    wrong = np.full(SHAPE, 1e4, np.float32)
    np.testing.assert_allclose(losses.fake_loss(wrong, "minimax"), [1e4] * 4)
    np.testing.assert_allclose(losses.generator_loss(-wrong, "non_saturating"), [1e4] * 4)
    np.testing.assert_allclose(losses.generator_loss(wrong, "minimax"), [-1e4] * 4)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_pull_the_right_way(kind: AdversarialKind) -> None:
    x = np.random.default_rng(3).uniform(-0.5, 0.5, SHAPE).astype(np.float32)
    # Descending the gradient raises the score of real color and of what the generator makes,
    # and lowers the score that the discriminator gives to generated color.
    assert (slopes(lambda x: losses.real_loss(x, kind), x) < 0.0).all()
    assert (slopes(lambda x: losses.generator_loss(x, kind), x) < 0.0).all()
    fake = slopes(lambda x: losses.fake_loss(x, kind), x)
    if kind == "least_squares":  # its aim for generated color is 0, from either side
        np.testing.assert_array_equal(np.sign(fake), np.sign(x))
    else:
        assert (fake > 0.0).all()


def test_minimax_saturates_and_non_saturating_does_not() -> None:
    # Goodfellow et al., 2014, section 3: where D rejects the samples, log(1 - D) has no slope left.
    rejected = np.full(SHAPE, -10.0, np.float32)
    patches = rejected[0].size
    steep = slopes(lambda x: losses.generator_loss(x, "non_saturating"), rejected) * patches
    flat = slopes(lambda x: losses.generator_loss(x, "minimax"), rejected) * patches
    np.testing.assert_allclose(steep, -1.0, atol=1e-4)  # -sigmoid(10)
    np.testing.assert_allclose(flat, -4.54e-5, rtol=1e-3)  # -sigmoid(-10)


def test_symbolic_with_unknown_sizes() -> None:
    true, generated = keras.Input((None, None, 3)), keras.Input((8, None, 3))
    model = keras.Model([true, generated], losses.weighted_l1_loss(true, generated, 1.0, 1.0))
    pair = [np.ones((2, 8, 4, 3), np.float32), np.zeros((2, 8, 4, 3), np.float32)]
    np.testing.assert_allclose(model(pair), [2.0, 2.0], rtol=1e-6)


# --- errors ---


@pytest.mark.parametrize("other", [(3, 7, 6, 1), (1, 7, 6, 3), (3, 7, 6), (3, 6, 7, 3)])
@pytest.mark.parametrize("name", ["l1_loss", "luminance_loss", "color_loss", "weighted_l1_loss"])
def test_images_of_other_shapes_do_not_broadcast(name: str, other: tuple[int, ...]) -> None:
    weights = (1.0, 1.0) if name == "weighted_l1_loss" else ()
    with pytest.raises(ValueError, match=r"y_true and y_pred must have the same shape.*\(3, 7, 6"):
        getattr(losses, name)(np.zeros(IMAGES), np.zeros(other), *weights)


@pytest.mark.parametrize("other", [(1, 6, 5, 1), (4, 6, 5), (4, 6, 1, 1)])
def test_logits_of_other_shapes_do_not_broadcast(other: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="real_logits and fake_logits must have the same shape"):
        losses.discriminator_loss(np.zeros(SHAPE), np.zeros(other), "hinge")


def test_unknown_kind_is_named_beside_the_known_ones() -> None:
    zeros = np.zeros(SHAPE, np.float32)
    message = "minimax, non_saturating, least_squares, hinge. Received: kind='wasserstein'"
    for loss in (losses.real_loss, losses.fake_loss, losses.generator_loss):
        with pytest.raises(ValueError, match=message):
            loss(zeros, "wasserstein")
    with pytest.raises(ValueError, match=message):
        losses.discriminator_loss(zeros, zeros, "wasserstein")
