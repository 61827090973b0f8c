"""The training step: what it computes, what it updates, and what it leaves alone."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_colorize import color, losses, metrics
from keras_colorize.config import LossConfig
from keras_colorize.models.distribution import CERTAINTY_LAYER
from keras_colorize.models.lpips import load_lpips, lpips
from keras_colorize.models.outputs import DISTRIBUTION
from keras_colorize.models.patchgan import build_patchgan
from keras_colorize.models.teaching import mean_of
from keras_colorize.models.unet import build_unet
from keras_colorize.photos.reading import read_photo
from keras_colorize.training.gan import ADVERSARIAL_METRICS, ColorizationGAN, metric_names
from keras_colorize.training.schedules import LearningRateCourse
from tests.conftest import SAMPLE
from tests.published_weights import write_lpips

LOSSES = LossConfig(
    adversarial="minimax",
    lambda_adversarial=0.5,
    lambda_reconstruction=2.0,
    lambda_luminance=3.0,
    lambda_color=7.0,
)


def recorded(config: LossConfig = LOSSES) -> list[str]:
    """The names of the metrics without those of terms that have no weight."""
    left_out = {term.name for term in losses.TERMS if not term.is_recorded(config)}
    return [name for name in metric_names() if name not in left_out]


def build(
    losses: LossConfig = LOSSES,
    rate: float = 1e-3,
    generator: keras.Model | None = None,
    **options: object,
) -> ColorizationGAN:
    # RGB output and no batch statistics: every loss has a gradient, and a sub-batch is the batch.
    gan = ColorizationGAN(
        generator or build_unet(4, 2, normalization="none", dropout=0.0, output="rgb"),
        build_patchgan(4, 1, normalization="none"),
        losses,
        **options,
    )
    gan.compile(keras.optimizers.SGD(rate), keras.optimizers.SGD(rate))
    return gan


@pytest.fixture(scope="module")
def batch() -> dict[str, tf.Tensor]:
    """Two modern photographs and a historical one."""
    paths = [*sorted((SAMPLE / "modern").glob("*.jpg"))[:2]]
    truth = [read_photo(path, short_side=32)[:32, :32] / 255.0 for path in paths]
    old = read_photo(sorted((SAMPLE / "historical").glob("*.jpg"))[0], short_side=32)[:32, :32]
    rgb = np.stack([*truth, old / 255.0]).astype(np.float32)
    return {
        "luminance": tf.constant(color.luminance(rgb)),
        "color": tf.constant(rgb),
        "has_color": tf.constant([1.0, 1.0, 0.0]),
    }


def weights(model: keras.Model) -> list[np.ndarray]:
    return [np.array(weight) for weight in model.get_weights()]


def moved(before: list[np.ndarray], after: list[np.ndarray]) -> bool:
    return any(not np.array_equal(a, b) for a, b in zip(before, after, strict=True))


@pytest.mark.smoke
def test_values_are_the_formulas_on_the_photographs_they_apply_to(
    batch: dict[str, tf.Tensor],
) -> None:
    gan = build()
    generated = gan.generator(batch["luminance"])
    real = gan.discriminator([batch["luminance"][:2], batch["color"][:2]])
    fake = gan.discriminator([batch["luminance"], generated])
    values = {name: float(value) for name, value in gan.train_step(batch).items()}
    assert list(values) == recorded()
    assert "perceptual" not in values

    truth, guess = batch["color"], generated
    expected = {
        "l1": np.mean(losses.l1_loss(truth, guess)[:2]),
        "luminance": np.mean(losses.luminance_loss(truth, guess)),  # of the historical one too
        "color": np.mean(losses.color_loss(truth, guess)[:2]),
        "generator_adversarial": np.mean(losses.generator_loss(fake, "minimax")),
        "discriminator_loss": np.mean(losses.real_loss(real, "minimax"))
        + np.mean(losses.fake_loss(fake, "minimax")),
        "real_accuracy": np.mean(np.asarray(real) > 0),
        "fake_accuracy": np.mean(np.asarray(fake) < 0),
        "psnr": np.mean(metrics.psnr(truth, guess)[:2]),
        "ssim": np.mean(metrics.ssim(truth, guess)[:2]),
        "colorfulness": np.mean(metrics.colorfulness(guess)[:2]),
        "true_colorfulness": np.mean(metrics.colorfulness(truth)[:2]),
        "generator_learning_rate": 1e-3,
        "discriminator_learning_rate": 1e-3,
    }
    weighted = expected["l1"] + 3.0 * expected["luminance"] + 7.0 * expected["color"]
    expected["reconstruction"] = weighted
    expected["loss"] = 2.0 * weighted + 0.5 * expected["generator_adversarial"]
    for name in set(values) - {"generator_gradient_norm", "discriminator_gradient_norm"}:
        np.testing.assert_allclose(values[name], expected[name], rtol=1e-4, err_msg=name)


@pytest.mark.parametrize("clip_norm", [0.0, 1e-3, 1e3])
def test_updates_are_gradient_descent_on_both_objectives(
    batch: dict[str, tf.Tensor], clip_norm: float
) -> None:
    """Plain SGD moves each network by exactly minus rate times its own, clipped gradient."""
    rate = 1.0 if clip_norm == 1e-3 else 1e-3
    gan, twin = build(rate=rate, clip_norm=clip_norm), build()
    values = gan.train_step(batch)
    with tf.GradientTape(persistent=True) as tape:
        generated = twin.generator(batch["luminance"])
        fake = twin.discriminator([batch["luminance"], generated])
        real = twin.discriminator([batch["luminance"][:2], batch["color"][:2]])
        luminance = tf.reduce_mean(losses.luminance_loss(batch["color"], generated))
        l1 = tf.reduce_mean(losses.l1_loss(batch["color"], generated)[:2])
        chroma = tf.reduce_mean(losses.color_loss(batch["color"], generated)[:2])
        adversarial = tf.reduce_mean(tf.math.log(1.0 - tf.sigmoid(fake)))
        generator = 2.0 * (l1 + 3.0 * luminance + 7.0 * chroma) + 0.5 * adversarial
        discriminator = -tf.reduce_mean(tf.math.log(tf.sigmoid(real))) - adversarial
    for name, network, loss, trained in (
        ("generator", twin.generator, generator, gan.generator),
        ("discriminator", twin.discriminator, discriminator, gan.discriminator),
    ):
        variables = network.trainable_variables
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        assert any(np.abs(gradient).max() > 1e-4 for gradient in gradients)
        norms = [np.linalg.norm(gradient) for gradient in gradients]
        np.testing.assert_allclose(gan.gradient_norms[name], norms, rtol=1e-4, atol=1e-7)
        norm = np.linalg.norm(norms)
        np.testing.assert_allclose(values[f"{name}_gradient_norm"], norm, rtol=1e-4)
        scale = 1e-3 / norm if clip_norm == 1e-3 else 1.0
        assert scale <= 1.0, "nothing would be clipped"
        for variable, gradient, after in zip(variables, gradients, trained.trainable_variables):
            expected = np.asarray(variable) - rate * scale * np.asarray(gradient)
            np.testing.assert_allclose(np.asarray(after), expected, atol=2e-7)


def test_historical_color_is_never_looked_at(batch: dict[str, tf.Tensor]) -> None:
    """Another chroma of the same luminance in the historical photograph changes nothing."""
    tinted = batch["color"].numpy()
    sepia = color.replace_luminance(np.full((32, 32, 3), [0.7, 0.5, 0.3]), batch["luminance"][2])
    tinted[2] = sepia
    first, second = build(), build()
    first.train_step(batch)
    second.train_step({**batch, "color": tf.constant(tinted)})
    for a, b in zip(weights(first.generator), weights(second.generator)):
        np.testing.assert_allclose(a, b, atol=1e-7)


def test_the_generator_runs_once_a_step(batch: dict[str, tf.Tensor]) -> None:
    gan = build()
    calls = []
    call = gan.generator.call
    gan.generator.call = lambda *args, **options: calls.append(1) or call(*args, **options)
    gan.train_step(batch)
    assert len(calls) == 1


def test_average_warms_up(batch: dict[str, tf.Tensor]) -> None:
    gan = build(rate=0.1, ema_momentum=0.35)
    average = weights(gan.generator)
    for step in range(1, 8):
        gan.train_step(batch)
        momentum = min(0.35, (1 + step) / (10 + step))  # 2/11, 3/12, 4/13, then 0.35
        average = [
            momentum * a + (1 - momentum) * w for a, w in zip(average, weights(gan.generator))
        ]
    for a, b in zip(average, weights(gan.ema_generator), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_validation_measures_the_average_and_trains_nothing(batch: dict[str, tf.Tensor]) -> None:
    gan = build(rate=0.1)
    gan.train_step(batch)
    gan.reset_metrics()
    networks = (gan.generator, gan.ema_generator, gan.discriminator)
    before = [weights(network) for network in networks]
    values = gan.test_step(batch)
    assert not any(moved(b, weights(network)) for b, network in zip(before, networks))
    guess = gan.ema_generator(batch["luminance"])
    expected = np.mean(metrics.psnr(batch["color"], guess)[:2])
    np.testing.assert_allclose(float(values["psnr"]), expected, rtol=1e-5)
    assert (
        abs(
            float(values["psnr"])
            - np.mean(metrics.psnr(batch["color"], gan.generator(batch["luminance"]))[:2])
        )
        > 1e-4
    )


def test_validation_of_historical_photographs_alone(batch: dict[str, tf.Tensor]) -> None:
    gan = build()
    old = {name: value[2:] for name, value in batch.items()}
    gan.test_step({name: value[:2] for name, value in batch.items()})
    before = {meter.name: float(meter.result()) for meter in gan.metrics}
    gan.test_step(old)
    after = {meter.name: float(meter.result()) for meter in gan.metrics}
    assert np.isfinite(list(after.values())).all()
    assert before["psnr"] == after["psnr"], "no truth, no PSNR"
    assert before["luminance"] != after["luminance"]


def test_validation_sums_what_its_terms_measure(batch: dict[str, tf.Tensor]) -> None:
    gan = build()
    for part in (slice(0, 1), slice(1, 2), slice(2, 3)):  # in color, in color, historical
        values = gan.test_step({name: value[part] for name, value in batch.items()})
    terms = {name: float(value) for name, value in values.items()}
    inner = terms["l1"] + 3.0 * terms["luminance"] + 7.0 * terms["color"]
    assert terms["reconstruction"] == pytest.approx(inner)
    assert terms["loss"] == pytest.approx(2.0 * inner + 0.5 * terms["generator_adversarial"])
    whole = {name: float(value) for name, value in build().test_step(batch).items()}
    assert {name: terms[name] for name in ("l1", "luminance", "loss")} == pytest.approx(
        {name: whole[name] for name in ("l1", "luminance", "loss")}, rel=1e-4
    )


def test_discriminator_joins_when_told(batch: dict[str, tf.Tensor]) -> None:
    gan = build()
    gan.adversarial = False
    before = weights(gan.discriminator)
    values = gan.train_step(batch)
    assert not set(ADVERSARIAL_METRICS) & set(values)
    assert not moved(before, weights(gan.discriminator))
    assert float(values["loss"]) == pytest.approx(2.0 * float(values["reconstruction"]))
    gan.adversarial = True
    assert set(gan.train_step(batch)) == set(recorded())
    assert moved(before, weights(gan.discriminator))


def test_terms_beyond_the_source_are_the_formulas_too(
    batch: dict[str, tf.Tensor], tmp_path: Path
) -> None:
    network = load_lpips(write_lpips(tmp_path / "alexnet.ckpt", "AlexNet"))
    config = LossConfig(
        lambda_adversarial=0.5,
        lambda_distribution=0.2,
        real_saturation=1.5,
        lambda_reconstruction=2.0,
        lambda_l1=0.0,
        lambda_luminance=3.0,
        lambda_color=4.0,
        lambda_perceptual=0.7,
        lambda_colorfulness=0.3,
        lambda_teacher=0.6,
    )
    teacher = build_unet(4, 3, seed=8, output="chroma")
    generator = build_unet(
        4, 3, normalization="none", dropout=0.0, output="chroma", distribution=True
    )
    gan = build(config, generator=generator, embed=network, teach=mean_of([teacher]))
    truth, guess = batch["color"][:2], gan.generator(batch["luminance"])
    logits = keras.Model(generator.input, generator.get_layer(DISTRIBUTION).output)
    sure = keras.Model(generator.input, generator.get_layer(CERTAINTY_LAYER).output)
    vivid = color.add_chroma(batch["luminance"][:2], 1.5 * color.chroma(truth))
    real = gan.discriminator([batch["luminance"][:2], vivid])
    fake = gan.discriminator([batch["luminance"], guess])
    values = {name: float(value) for name, value in gan.train_step(batch).items()}
    assert list(values) == list(metric_names())

    expected = {
        "perceptual": np.mean(lpips(network(truth), network(guess[:2]))),
        "colorfulness_loss": np.mean(losses.colorfulness_loss(truth, guess[:2])),
        "distribution_loss": np.mean(
            losses.distribution_loss(truth, logits(batch["luminance"])[:2])
        ),
        "teacher_loss": np.mean(losses.color_loss(mean_of([teacher])(batch["luminance"]), guess)),
        "certainty_loss": np.mean(
            losses.certainty_loss(logits(batch["luminance"]), sure(batch["luminance"]))
        ),
        "discriminator_loss": np.mean(losses.real_loss(real, config.adversarial))
        + np.mean(losses.fake_loss(fake, config.adversarial)),
    }
    for name, value in expected.items():
        assert values[name] == pytest.approx(value, rel=1e-4), name
    assert values["reconstruction"] == pytest.approx(
        3.0 * values["luminance"] + 4.0 * values["color"], rel=1e-5
    )
    assert values["loss"] == pytest.approx(
        0.5 * values["generator_adversarial"]
        + 2.0 * values["reconstruction"]
        + 0.7 * values["perceptual"]
        + 0.3 * values["colorfulness_loss"]
        + 0.2 * (values["distribution_loss"] + values["certainty_loss"])
        + 0.6 * values["teacher_loss"],
        rel=1e-5,
    )
    # The network of the perceptual loss and the teacher are not saved with it.
    assert len(gan.weights) == len(build(config, generator=generator).weights)


@pytest.mark.parametrize("term", ["perceptual", "colorfulness"])
def test_every_term_beyond_the_source_lowers_itself(
    term: str, batch: dict[str, tf.Tensor], tmp_path: Path
) -> None:
    network = load_lpips(write_lpips(tmp_path / "alexnet.ckpt", "AlexNet"))
    config = LossConfig(lambda_adversarial=0, lambda_reconstruction=0, **{f"lambda_{term}": 1.0})
    gan = build(config, rate=1e-2, embed=network)
    first = float(gan.train_step(batch)["loss"])
    for _ in range(3):
        last = float(gan.train_step(batch)["loss"])
    assert last < first


def test_a_distribution_learns_by_its_own_loss(batch: dict[str, tf.Tensor]) -> None:
    generator = build_unet(8, 3, output="chroma", dropout=0.0, distribution=True)
    config = LossConfig(lambda_adversarial=0, lambda_reconstruction=0, lambda_distribution=1.0)
    gan = build(config, rate=1e-2, generator=generator)
    first = float(gan.train_step(batch)["distribution_loss"])
    for _ in range(3):
        last = float(gan.train_step(batch)["distribution_loss"])
    assert last < first
    assert float(gan.test_step(batch)["distribution_loss"]) > 0.0


def test_a_perceptual_loss_needs_its_network(batch: dict[str, tf.Tensor]) -> None:
    gan = build(LossConfig(lambda_perceptual=1.0))
    with pytest.raises(ValueError, match=r"pass embed, such as load_lpips\(path\)"):
        gan.train_step(batch)


def test_a_student_learns_from_teachers_alone(batch: dict[str, tf.Tensor]) -> None:
    """From the historical photograph, too; and nothing is learned by the teacher."""
    teacher = build_unet(8, 3, output="chroma", seed=8)
    for layer in teacher.layers[-8:]:
        layer.set_weights([5.0 * weight for weight in layer.get_weights()])
    config = LossConfig(lambda_adversarial=0, lambda_reconstruction=0, lambda_teacher=1.0)
    old = {name: tensor[2:] for name, tensor in batch.items()}
    student = build_unet(8, 3, output="chroma", dropout=0.0, normalization="none")
    gan = build(config, rate=3.0, generator=student, teach=mean_of([teacher]))
    before = weights(teacher)
    first = float(gan.train_step(old)["teacher_loss"])
    for _ in range(3):
        last = float(gan.train_step(old)["teacher_loss"])
    assert 0.0 < last < first
    assert not moved(before, weights(teacher))
    with pytest.raises(ValueError, match=r"pass teach, such as load_teachers\(paths\)"):
        build(config).train_step(batch)


def test_weight_zero_needs_no_discriminator() -> None:
    assert not build(LossConfig(lambda_adversarial=0.0)).adversarial


@pytest.mark.parametrize("kind", ["minimax", "non_saturating", "least_squares", "hinge"])
def test_every_kind_pulls_the_generator_towards_the_discriminator(
    kind: str, batch: dict[str, tf.Tensor]
) -> None:
    """With the adversary's loss alone, a step raises the logits of what is generated."""
    gan = build(LossConfig(adversarial=kind, lambda_adversarial=1.0, lambda_reconstruction=0.0))
    frozen = keras.models.clone_model(gan.discriminator)
    frozen.set_weights(gan.discriminator.get_weights())

    def score() -> float:
        return float(np.mean(frozen([batch["luminance"], gan.generator(batch["luminance"])])))

    before = score()
    gan.train_step(batch)
    assert score() > before


def test_training_learns_two_photographs(batch: dict[str, tf.Tensor]) -> None:
    gan = ColorizationGAN(
        build_unet(8, 3, output="chroma", dropout=0.0),
        build_patchgan(4, 1),
        LossConfig(lambda_adversarial=0.0),
    )
    gan.compile(keras.optimizers.Adam(3e-3), keras.optimizers.Adam(3e-3))
    step = tf.function(gan.train_step)
    values = [float(step(batch)["psnr"]) for _ in range(60)]
    gray = np.mean(metrics.psnr(batch["color"], tf.repeat(batch["luminance"], 3, axis=-1))[:2])
    assert values[-1] > gray + 2.0, "two decibels above gray"
    assert values[-1] > values[0] + 2.0


def test_saved_whole_it_loads_with_optimizers_and_average(
    batch: dict[str, tf.Tensor], tmp_path: Path
) -> None:
    gan = build(rate=0.05)
    gan.compile(keras.optimizers.Adam(1e-3), keras.optimizers.Adam(2e-3))
    for _ in range(3):
        gan.train_step(batch)
    gan.save(tmp_path / "gan.keras")
    loaded = keras.models.load_model(tmp_path / "gan.keras")
    assert loaded.loss_config == gan.loss_config
    for network in ("generator", "ema_generator", "discriminator"):
        assert not moved(weights(getattr(gan, network)), weights(getattr(loaded, network)))
    gan.train_step(batch)
    loaded.train_step(batch)
    assert int(loaded.optimizer.iterations) == int(gan.optimizer.iterations) == 4
    for network in ("generator", "ema_generator", "discriminator"):
        for a, b in zip(weights(getattr(gan, network)), weights(getattr(loaded, network))):
            np.testing.assert_allclose(a, b, atol=1e-7)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("constant", [0.25, 0.5, 0.75, 1.0, 1.0, 1.0, 1.0]),
        ("linear", [0.25, 0.5, 0.75, 1.0, 1.0, 0.8, 0.0]),
        ("cosine", [0.25, 0.488, 0.678, 0.794, 0.5, 0.345, 0.0]),
    ],
)
def test_learning_rate_course(kind: str, expected: list[float]) -> None:
    """By hand: a warm-up of 4 steps times 1, min(1, 2 (1 - t)) or (1 + cos(pi t)) / 2."""
    course = LearningRateCourse(3.0, 10, kind, warmup_steps=4)
    rates = [float(course(step)) for step in (0, 1, 2, 3, 5, 6, 10)]
    np.testing.assert_allclose(rates, 3.0 * np.array(expected), atol=2e-3)
    copy = LearningRateCourse.from_config(course.get_config())
    assert float(copy(6)) == float(course(6))
