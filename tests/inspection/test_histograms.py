"""Common axes and distances, against NumPy's own histograms and the formulas."""

import numpy as np
import pytest

from keras_colorize.inspection.histograms import (
    domain_difference,
    rebin,
    step_edges,
    value_range,
)
from keras_colorize.inspection.snapshots import BINS, StatisticsHistory
from tests.inspection.test_figures import LAYERS, make_snapshots, replace_statistic, stack


@pytest.fixture(scope="module")
def history() -> StatisticsHistory:
    return stack(make_snapshots())


@pytest.mark.parametrize("edges", [np.linspace(-6, 6, 41), np.linspace(-0.5, 0.25, 100)])
def test_rebinned_histogram_is_numpys_to_within_a_bin(edges: np.ndarray) -> None:
    values = np.random.default_rng(0).normal(0.3, 1.2, 20_000)
    counts, borders = np.histogram(values, BINS)
    rebinned = rebin(counts[None], borders[:1], borders[-1:], edges)[0]
    expected = np.histogram(np.clip(values, edges[0], edges[-1]), edges)[0]
    assert rebinned.sum() == pytest.approx(len(values))
    assert np.abs(np.cumsum(rebinned) - np.cumsum(expected)).max() <= counts.max()


def test_rebinning_onto_the_same_bins_changes_nothing() -> None:
    counts = np.random.default_rng(1).integers(0, 99, (2, 3, BINS))
    low, high = np.full((2, 3), -1.5), np.full((2, 3), 2.5)
    same = rebin(counts, low, high, np.linspace(-1.5, 2.5, BINS + 1))
    np.testing.assert_allclose(same, counts, atol=1e-9)


@pytest.mark.parametrize(("low", "high"), [(-9, -8), (8, 9), (-9, 9), (0.3, 0.31), (-1, 0.1)])
def test_mass_outside_goes_to_the_outermost_bins(low: float, high: float) -> None:
    counts = np.arange(BINS)
    mass = rebin(counts[None], np.array([low]), np.array([high]), np.linspace(-1, 1, 11))[0]
    assert mass.sum() == pytest.approx(counts.sum())
    assert (mass >= 0).all()
    if high <= -1:
        assert mass[0] == counts.sum()
    if low >= 1:
        assert mass[-1] == counts.sum()


@pytest.mark.parametrize(("value", "index"), [(0.0, 5), (0.95, 9), (1.0, 9), (7.0, 9), (-7.0, 0)])
def test_constant_layer_fills_one_bin(value: float, index: int) -> None:
    counts = np.zeros((1, BINS), int)
    counts[0, 0] = 30
    mass = rebin(counts, np.array([value]), np.array([value]), np.linspace(-1, 1, 11))[0]
    np.testing.assert_array_equal(mass, 30.0 * (np.arange(10) == index))


def test_histogram_without_finite_range_is_a_gap() -> None:
    counts = np.ones((3, BINS), int)
    low, high = np.array([0.0, np.nan, -np.inf]), np.array([1.0, 1.0, 1.0])
    mass = rebin(counts, low, high, np.linspace(0, 1, 5))
    assert mass[0].sum() == pytest.approx(BINS)
    assert np.isnan(mass[1:]).all()


def test_range_holds_the_usual_and_not_the_outlier() -> None:
    history = stack(make_snapshots(range(0, 3000, 100)))
    usual = value_range(history, 0)
    p01, p99 = history.statistic("p01")[:, :, 0], history.statistic("p99")[:, :, 0]
    assert usual[0] < p01.min() and p99.max() < usual[1]
    assert usual[1] - usual[0] < 1.5 * (p99.max() - p01.min())
    exploded = replace_statistic(history, "p99", (7, slice(None), 0), 1e6)
    assert value_range(exploded, 0)[1] < 1.1 * usual[1]


@pytest.mark.parametrize("value", [0.0, 5.0, -1e9, np.nan, np.inf])
def test_range_is_never_empty(history: StatisticsHistory, value: float) -> None:
    everything = (slice(None), slice(None), 0)
    constant = replace_statistic(history, "p01", everything, value)
    low, high = value_range(replace_statistic(constant, "p99", everything, value), 0)
    assert np.isfinite([low, high]).all()
    assert (np.diff(np.linspace(low, high, BINS + 1)) > 0).all()
    if np.isfinite(value):
        assert low < value < high


def test_step_edges() -> None:
    np.testing.assert_array_equal(step_edges(np.array([1, 100, 200])), [0, 50.5, 150, 250])
    np.testing.assert_array_equal(step_edges(np.array([7])), [6.5, 7.5])


def test_domain_difference_is_the_formula(history: StatisticsHistory) -> None:
    distance, ratio = domain_difference(history, -1, 1)
    mean, std = history.statistic("mean")[-1], history.statistic("std")[-1]
    for layer in range(len(LAYERS)):
        pooled = np.sqrt((std[0, layer] ** 2 + std[1, layer] ** 2) / 2)
        assert distance[layer] == pytest.approx((mean[1, layer] - mean[0, layer]) / pooled)
        assert ratio[layer] == pytest.approx(std[1, layer] / std[0, layer])
    # The last layer has a standard deviation of 1.8 and was moved by 3; the others were not moved.
    assert distance[-1] == pytest.approx(3 / 1.8, rel=0.1)
    assert np.abs(distance[:-1]).max() < 0.1
    np.testing.assert_array_equal(domain_difference(history, 0, 0)[0], 0.0)


def test_domain_difference_without_a_unit_is_a_gap(history: StatisticsHistory) -> None:
    constant = replace_statistic(history, "std", (-1, slice(None), 0), 0.0)
    distance, ratio = domain_difference(constant, -1, 1)
    assert np.isnan([distance[0], ratio[0]]).all()
    assert np.isfinite([distance[1:], ratio[1:]]).all()
