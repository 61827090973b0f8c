"""Statistics of activations against NumPy's, and their files."""

from pathlib import Path

import numpy as np
import pytest

from keras_colorize.errors import ConfigError, RunError
from keras_colorize.inspection.probe import summarize
from keras_colorize.inspection.snapshots import (
    BINS,
    PERCENTILES,
    STATISTICS,
    Snapshot,
    choose_layers,
    drop_later_snapshots,
    load_statistics,
    save_snapshot,
)


def summary(
    values: np.ndarray, limits: tuple[float, float] | None = None
) -> tuple[dict[str, float], np.ndarray]:
    statistics, counts = summarize(values, limits)
    return dict(zip(STATISTICS, statistics.numpy().tolist(), strict=True)), counts.numpy()


def random_activation(kind: str, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    normal = generator.normal(size=(4, 16, 12, 8)).astype(np.float32)
    return {
        "normal": normal,
        "rectified": np.maximum(normal - 1.0, 0.0),
        "skewed": np.exp(3.0 * normal),
        "wide": 1e6 * normal,
        "dense": normal[:, 0, 0],
    }[kind]


# --- against NumPy ---


@pytest.mark.parametrize("kind", ["normal", "rectified", "skewed", "wide", "dense"])
def test_statistics_are_numpys(kind: str) -> None:
    values = random_activation(kind)
    measured, counts = summary(values)
    exact = values.astype(np.float64)
    assert measured["mean"] == pytest.approx(exact.mean(), rel=1e-4, abs=1e-5 * exact.std())
    assert measured["std"] == pytest.approx(exact.std(), rel=1e-4)
    assert measured["min"] == values.min()
    assert measured["max"] == values.max()
    assert measured["near_zero"] == pytest.approx(np.mean(np.abs(values) < 1e-3), abs=1e-6)
    expected, _ = np.histogram(exact, BINS, (values.min(), values.max()))
    # A value at the edge of two bins may fall into either, by rounding.
    assert np.abs(np.cumsum(counts) - np.cumsum(expected)).max() <= 1
    assert counts.sum() == values.size


@pytest.mark.parametrize("kind", ["normal", "rectified", "skewed", "wide"])
def test_percentiles_are_numpys_to_a_fine_bin(kind: str) -> None:
    values = random_activation(kind)
    measured, _ = summary(values)
    # NumPy interpolates between values, and here values are fewer than bins: one gap more.
    gap = np.diff(np.sort(values.ravel()))
    for percent in PERCENTILES:
        expected = np.percentile(values, percent)
        near = np.searchsorted(np.sort(values.ravel()), expected)
        allowed = np.ptp(values) / 2048 + gap[max(near - 2, 0) : near + 2].max()
        assert measured[f"p{percent:02d}"] == pytest.approx(expected, abs=allowed)


def test_half_precision_is_measured_in_single() -> None:
    # In float16 the sum of so many values would overflow, in bfloat16 it would stand still.
    values = np.full((2, 256, 256, 4), 3.0, np.float16)
    values[0] = 1.0
    measured, _ = summary(values)
    assert measured["mean"] == pytest.approx(2.0)
    assert measured["std"] == pytest.approx(1.0)


def test_dead_channels_are_counted() -> None:
    values = random_activation("normal")
    values[..., 0] = 0.0  # off
    values[..., 1] = 7.0  # stuck
    values[1:, ..., 2] = 0.0  # alive in the first photograph
    measured, _ = summary(values)
    assert measured["dead"] == 2 / 8


@pytest.mark.parametrize(
    ("limits", "share"),
    [(None, np.nan), ((-1.0, 1.0), 0.5), ((-np.inf, 1.0), 0.25), ((0.0, 4.0), 0.5)],
)
def test_saturated_values_are_at_their_limits(
    limits: tuple[float, float] | None, share: float
) -> None:
    values = np.array([-1.0, 0.5, 0.9, 0.995], np.float32).reshape(1, 4, 1)
    if limits == (0.0, 4.0):
        values = np.array([0.03, 0.05, 3.97, 3.95], np.float32).reshape(1, 4, 1)
    assert summary(values, limits)[0]["saturated"] == pytest.approx(share, nan_ok=True)


@pytest.mark.parametrize("value", [0.0, -5.0, 1e30])
def test_a_constant_activation(value: float) -> None:
    measured, counts = summary(np.full((2, 3, 3, 4), value, np.float32))
    assert counts.tolist() == [72] + [0] * (BINS - 1)
    assert measured["dead"] == 1.0
    for name in ("mean", "min", "max", "p01", "p50", "p99"):
        assert measured[name] == pytest.approx(value)
    assert measured["std"] == pytest.approx(0.0, abs=1e-6 * abs(value))


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_told(wrong: float) -> None:
    values = random_activation("normal")
    values[0, 0, 0, 0] = wrong
    measured, counts = summary(values)
    assert not np.isfinite(measured["mean"])
    assert counts.sum() == values.size
    counted = np.where(np.isfinite(values), values, 0.0)
    assert measured["max"] == counted.max()
    assert measured["near_zero"] == pytest.approx(np.mean(np.abs(counted) < 1e-3), abs=1e-6)
    assert summary(values, (-1.0, 1.0))[0]["saturated"] == pytest.approx(
        np.mean(np.abs(counted) >= 0.98), abs=1e-6
    )


# --- on disk ---


def snapshot(step: int, layers: tuple[str, ...] = ("g/a", "g/b")) -> Snapshot:
    generator = np.random.default_rng(step)
    return Snapshot(
        step=step,
        domains=("modern", "historical"),
        layers=layers,
        values=generator.random((2, len(layers), len(STATISTICS)), np.float32),
        counts=generator.integers(0, 99, (2, len(layers), BINS)),
        weights=("g/c",),
        weight_norms=generator.random(1, np.float32),
        update_ratios=generator.random(1, np.float32),
        gradient_norms=np.array([np.nan], np.float32),
    )


def test_snapshots_come_back_in_order(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "activations"
    for step in (200, 1, 100):
        save_snapshot(folder, snapshot(step))
    history = load_statistics(folder)
    assert history.steps.tolist() == [1, 100, 200]
    assert (history.domains, history.layers) == (("modern", "historical"), ("g/a", "g/b"))
    assert history.weights == ("g/c",)
    for index, step in enumerate(history.steps):
        written = snapshot(int(step))
        np.testing.assert_array_equal(history.values[index], written.values)
        np.testing.assert_array_equal(history.counts[index], written.counts)
        np.testing.assert_array_equal(history.update_ratios[index], written.update_ratios)
    deads = history.values[..., STATISTICS.index("dead")]
    np.testing.assert_array_equal(history.statistic("dead"), deads)


def test_a_continued_run_drops_what_it_repeats(tmp_path: Path) -> None:
    for step in (1, 100, 200):
        save_snapshot(tmp_path, snapshot(step))
    (tmp_path / ".0123456789ab-step_00000300.npz").touch()  # killed while writing
    drop_later_snapshots(tmp_path, 100)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "step_00000001.npz",
        "step_00000100.npz",
    ]


def test_no_statistics_are_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"expected statistics .* found none"):
        load_statistics(tmp_path)


def test_a_damaged_snapshot_is_named(tmp_path: Path) -> None:
    path = save_snapshot(tmp_path, snapshot(1))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(RunError, match=r"step_00000001\.npz is damaged"):
        load_statistics(tmp_path)


def test_a_run_continued_with_other_layers(tmp_path: Path) -> None:
    first, second = snapshot(1), snapshot(2, layers=("g/b", "g/other"))
    save_snapshot(tmp_path, first)
    save_snapshot(tmp_path, second)
    history = load_statistics(tmp_path)
    assert history.layers == ("g/a", "g/b", "g/other")
    np.testing.assert_array_equal(history.values[0, :, :2], first.values)
    np.testing.assert_array_equal(history.values[1, :, 1:], second.values)
    np.testing.assert_array_equal(history.counts[1, :, 1:], second.counts)
    assert np.isnan(history.values[0, :, 2]).all(), "not measured yet"
    assert np.isnan(history.values[1, :, 0]).all(), "not measured any more"
    assert (history.counts[1, :, 0] == 0).all()


def test_choose_layers() -> None:
    layers = ("generator/down_1", "generator/up_1_relu", "discriminator/conv_2_relu")
    assert choose_layers(layers, []) == list(layers)
    assert choose_layers(layers, ["*/up_*", "discriminator/conv_2_relu"]) == list(layers[1:])
    with pytest.raises(ConfigError, match=r"no layer is called up_\*\. Known: generator/down_1"):
        choose_layers(layers, ["generator/*", "up_*"])
