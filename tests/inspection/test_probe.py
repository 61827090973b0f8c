"""What is measured of each layer, in real training."""

import dataclasses
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_colorize import color
from keras_colorize.config import FitConfig
from keras_colorize.errors import ConfigError
from keras_colorize.inspection.probe import Network, Probe, layers_to_measure
from keras_colorize.inspection.snapshots import STATISTICS, Snapshot, load_statistics
from keras_colorize.models.patchgan import build_patchgan
from keras_colorize.models.unet import build_unet
from keras_colorize.training.building import build_gan
from keras_colorize.training.callbacks.activations import ActivationStatistics
from keras_colorize.training.loop import gan_networks, train


def small_model() -> keras.Model:
    """A functional model that is none of ours."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6,), name="inputs")
    x = keras.layers.Dense(8, activation="relu", name="hidden")(inputs)
    x = keras.layers.Dense(4, name="linear")(x)
    return keras.Model(inputs, keras.layers.Activation("sigmoid", name="out")(x), name="small")


def fit_small(*callbacks: keras.callbacks.Callback) -> keras.Model:
    model = small_model()
    model.compile(optimizer=keras.optimizers.SGD(0.5), loss="mse")
    random = np.random.default_rng(0)
    x, y = random.normal(size=(32, 6)), random.random((32, 4))
    model.fit(x, y, batch_size=4, shuffle=False, verbose=0, callbacks=list(callbacks))
    return model


def value(snapshot: Snapshot, layer: str, statistic: str, domain: int = 0) -> float:
    row = snapshot.layers.index(layer)
    return float(snapshot.values[domain, row, STATISTICS.index(statistic)])


# --- which layers ---


def test_activations_and_normalized_convolutions_are_chosen() -> None:
    chosen = [layer.name for layer in layers_to_measure(Network("g", build_unet(4, 3)))]
    assert chosen == [
        "down_1_relu",
        "down_1_norm",
        "down_2_relu",
        "up_2_relu",
        "up_2_norm",
        "up_1_relu",
        "up_1_norm",
        "up_0_relu",
        "tanh",
    ]
    chosen = [layer.name for layer in layers_to_measure(Network("s", small_model()))]
    assert chosen == ["hidden", "out"]


def test_layers_are_chosen_by_name() -> None:
    network = Network("d", build_patchgan(4, 2))
    chosen = layers_to_measure(network, ["d/*_norm", "generator/*"])
    assert chosen
    assert all(layer.name.endswith("_norm") for layer in chosen)


def test_a_name_that_fits_no_layer_is_refused() -> None:
    statistics = ActivationStatistics({"all": np.zeros((2, 6))}, layers=["small/hiden"])
    with pytest.raises(ValueError, match=r"no layer is called small/hiden\. Known: .*small/hidden"):
        fit_small(statistics)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (keras.Sequential([keras.layers.Dense(4, activation="relu")]), "begins with keras.Input"),
        (keras.Sequential([keras.Input((6,)), keras.layers.Dense(4)]), "no layer is an activation"),
    ],
)
def test_a_model_that_cannot_be_measured_is_refused(model: keras.Model, message: str) -> None:
    model.compile("sgd", "mse")
    statistics = ActivationStatistics({"all": np.zeros((2, 6))})
    with pytest.raises(ValueError, match=message):
        model.fit(np.zeros((4, 6)), np.zeros((4, 4)), verbose=0, callbacks=[statistics])


@pytest.mark.parametrize(
    ("photographs", "every", "message"),
    [({}, 1, "at least one domain"), ({"all": np.zeros(1)}, 0, "every must be at least 1")],
)
def test_arguments_are_checked(photographs: dict[str, Any], every: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ActivationStatistics(photographs, every=every)


# --- what is measured ---


@pytest.mark.smoke
def test_any_functional_model_is_measured(tmp_path: Path) -> None:
    probe = np.random.default_rng(1).normal(size=(16, 6)).astype(np.float32)
    seen: list[Snapshot] = []
    statistics = ActivationStatistics({"all": probe}, tmp_path, every=4, on_snapshot=[seen.append])
    model = fit_small(statistics)
    assert [snapshot.step for snapshot in seen] == [1, 4, 8]
    last = seen[-1]
    hidden = np.maximum(probe @ model.layers[1].get_weights()[0] + model.layers[1].bias, 0.0)
    out = np.asarray(model(probe))
    assert value(last, "small/hidden", "mean") == pytest.approx(hidden.mean(), rel=1e-4)
    assert value(last, "small/hidden", "near_zero") == pytest.approx(np.mean(hidden < 1e-3))
    assert value(last, "small/out", "std") == pytest.approx(out.std(), rel=1e-4)
    assert np.isnan(value(last, "small/hidden", "saturated"))
    assert value(last, "small/out", "saturated") == np.mean((out < 0.01) | (out > 0.99))
    np.testing.assert_array_equal(load_statistics(tmp_path).values[-1], last.values)


def test_a_layer_shared_with_another_model_is_measured_in_its_own() -> None:
    hidden = small_model().get_layer("hidden")
    inputs = keras.Input((6,))
    model = keras.Sequential([inputs, keras.layers.Rescaling(-2.0), hidden])
    probe = np.random.default_rng(1).normal(size=(16, 6)).astype(np.float32)
    values, _ = Probe(Network("shared", model))(probe)
    mean = values[0, STATISTICS.index("mean")]
    assert mean == pytest.approx(float(np.mean(np.asarray(hidden(-2.0 * probe)))), rel=1e-5)


def test_domains_are_measured_apart() -> None:
    seen: list[Snapshot] = []
    photographs = {"small": np.full((2, 6), 0.1), "large": np.full((2, 6), 9.0)}
    fit_small(ActivationStatistics(photographs, every=8, on_snapshot=[seen.append]))
    assert seen[-1].domains == ("small", "large")
    assert value(seen[-1], "small/hidden", "max", 1) > 10 * value(seen[-1], "small/hidden", "max")


def test_updates_are_relative_to_the_weights() -> None:
    seen: list[Snapshot] = []
    weights: list[list[np.ndarray]] = []

    class Keep(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            weights.append(self.model.layers[1].get_weights())

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            weights.append(self.model.layers[1].get_weights())

    statistics = ActivationStatistics({"all": np.zeros((1, 6))}, on_snapshot=[seen.append])
    fit_small(Keep(), statistics)
    before, after = (np.concatenate([w.ravel() for w in weights[i]]) for i in (0, 1))
    row = seen[0].weights.index("small/hidden")
    assert seen[0].weight_norms[row] == pytest.approx(np.linalg.norm(before), rel=1e-5)
    ratio = np.linalg.norm(after - before) / np.linalg.norm(before)
    assert ratio > 0
    assert seen[0].update_ratios[row] == pytest.approx(ratio, rel=1e-4)
    assert np.isnan(seen[0].gradient_norms).all(), "a plain Keras model does not tell them"


def test_several_steps_in_one_execution() -> None:
    seen: list[Snapshot] = []
    model = small_model()
    model.compile(keras.optimizers.SGD(0.5), "mse", steps_per_execution=3)
    x, y = np.zeros((36, 6)), np.ones((36, 4))
    statistics = ActivationStatistics({"all": x[:2]}, every=4, on_snapshot=[seen.append])
    model.fit(x, y, batch_size=3, verbose=0, callbacks=[statistics])
    assert [snapshot.step for snapshot in seen] == [3, 6, 9, 12], "when an execution ends"
    assert np.isnan(seen[-1].update_ratios).all(), "the change of one step is not known"
    assert (seen[-1].weight_norms > 0).all()


def test_layers_set_free_between_two_trainings_are_measured() -> None:
    seen: list[Snapshot] = []
    statistics = ActivationStatistics({"all": np.zeros((1, 6))}, on_snapshot=[seen.append])
    model = small_model()
    x, y = np.ones((4, 6)), np.ones((4, 4))
    for frozen in (True, False):
        model.get_layer("hidden").trainable = not frozen
        model.compile(keras.optimizers.SGD(0.5), "mse")
        model.fit(x, y, verbose=0, callbacks=[statistics])
    assert [snapshot.weights for snapshot in seen] == [
        ("small/linear",),
        ("small/hidden", "small/linear"),
    ]


def test_a_training_anew_drops_what_the_one_before_measured(tmp_path: Path) -> None:
    probe = {"all": np.zeros((1, 6))}
    fit_small(ActivationStatistics(probe, tmp_path, every=2))
    assert load_statistics(tmp_path).steps.tolist() == [1, 2, 4, 6, 8]
    fit_small(ActivationStatistics(probe, tmp_path, every=5))
    assert load_statistics(tmp_path).steps.tolist() == [1, 5]


def test_gradients_are_those_of_their_layers(tiny: FitConfig) -> None:
    """Layer by layer, against a tape's; with frozen layers and wrapped ones among them."""
    config = dataclasses.replace(
        tiny,
        discriminator=dataclasses.replace(
            tiny.discriminator, spectral_normalization=True, normalization="none"
        ),
        training=dataclasses.replace(tiny.training, generator_learning_rate=0.0),
    )
    gan = build_gan(config, 10)
    gan.generator.get_layer("down_1").trainable = False
    gan.compile(keras.optimizers.SGD(0.0), keras.optimizers.SGD(0.0))
    random = np.random.default_rng(0)
    rgb = random.random((2, 16, 16, 3), np.float32)
    batch = {"luminance": color.luminance(rgb), "color": rgb, "has_color": np.ones(2, np.float32)}
    seen: list[Snapshot] = []
    statistics = ActivationStatistics(
        {"modern": batch["luminance"]}, networks=gan_networks(gan), on_snapshot=[seen.append]
    )
    norms: dict[str, float] = {}

    class Tape(keras.callbacks.Callback):
        def on_train_batch_end(self, step: int, logs: Any = None) -> None:
            for name, network in (
                ("generator", gan.generator),
                ("discriminator", gan.discriminator),
            ):
                known = iter(np.asarray(gan.gradient_norms[name]))
                for layer in network.layers:
                    squares = [next(known) ** 2 for _ in layer.trainable_variables]
                    if squares:
                        norms[f"{name}/{layer.name}"] = float(np.sqrt(sum(squares)))

    data = tf.data.Dataset.from_tensors(batch)
    gan.fit(data, shuffle=False, verbose=0, callbacks=[statistics, Tape()])
    assert "generator/down_1" not in seen[0].weights
    assert seen[0].weights == tuple(norms)
    np.testing.assert_allclose(seen[0].gradient_norms, list(norms.values()), rtol=1e-5)
    assert len(set(norms.values())) == len(norms), "no two alike: none could be mistaken"


def test_both_networks_of_a_run_are_measured(tiny: FitConfig) -> None:
    tracking = dataclasses.replace(tiny.tracking, statistics_steps=3, statistics_photos=2)
    training = dataclasses.replace(tiny.training, reconstruction_steps=2)
    config = dataclasses.replace(tiny, tracking=tracking, training=training)
    run = train(config, show_progress=False).run
    history = load_statistics(run.activations)
    assert history.steps.tolist() == [1, 3, 6]
    assert history.domains == ("modern", "historical")
    networks = {layer.partition("/")[0] for layer in history.layers}
    assert networks == {"generator", "discriminator"}
    assert np.isfinite(history.statistic("mean")).all()
    assert (history.statistic("std")[-1] > 0).any()
    assert not np.array_equal(history.values[:, 0], history.values[:, 1])
    # The adversary joins at the third step: before, it has neither gradients nor updates.
    mine = np.array([name.startswith("discriminator") for name in history.weights])
    assert (history.gradient_norms[0, mine] == 0).all()
    assert (history.update_ratios[0, mine] == 0).all()
    assert (history.gradient_norms[1:] > 0).any(axis=0).all()
    assert (history.update_ratios[1:, mine] > 0).any()


def test_a_name_that_fits_no_layer_is_told_at_once(tiny: FitConfig) -> None:
    tracking = dataclasses.replace(
        tiny.tracking, statistics_layers=["generator/up_*", "generator/upp_1"]
    )
    with pytest.raises(
        ConfigError, match=r"no layer is called generator/upp_1\. Known: generator/"
    ):
        train(dataclasses.replace(tiny, tracking=tracking), show_progress=False)


def test_measuring_changes_nothing(tiny: FitConfig) -> None:
    training = dataclasses.replace(tiny.training, epochs=1, reconstruction_steps=0)
    tiny = dataclasses.replace(tiny, training=training)
    weights = []
    for name, steps in (("measured", 1), ("alone", 0)):
        tracking = dataclasses.replace(tiny.tracking, statistics_steps=steps, statistics_photos=1)
        run = train(
            dataclasses.replace(tiny, name=name, tracking=tracking), show_progress=False
        ).run
        assert any(run.activations.glob("*.npz")) is (steps == 1)
        weights.append(keras.models.load_model(run.generator, compile=False).get_weights())
    for measured, alone in zip(*weights, strict=True):
        np.testing.assert_array_equal(measured, alone)


def test_a_probe_leaves_moving_averages_alone() -> None:
    model = build_unet(4, 3)
    before = [np.copy(weight) for weight in model.get_weights()]
    Probe(Network("g", model))(np.random.default_rng(0).random((2, 16, 16, 1), np.float32))
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
