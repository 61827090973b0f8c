"""Pictures of the statistics of known activations: what is drawn are their numbers."""

import dataclasses
import io
from collections.abc import Sequence
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from keras_colorize.inspection import figures
from keras_colorize.inspection.histograms import domain_difference
from keras_colorize.inspection.overview import overview
from keras_colorize.inspection.pictures import draw_pictures
from keras_colorize.inspection.snapshots import (
    BINS,
    PERCENTILES,
    STATISTICS,
    Snapshot,
    StatisticsHistory,
)

GENERATOR = ("generator/down_1_relu", "generator/down_2_relu", "generator/up_1_relu")
LAYERS = (*GENERATOR, "discriminator/conv_1_relu", "discriminator/conv_2_relu")
DRAWN = ("dead_heatmap", "depth_curves", "domain_comparison", "time_curves", "update_ratios")


def measure(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Statistics ``(S,)`` and histogram ``(BINS,)`` of activations ``(N, C)``, by NumPy."""
    low, high = float(values.min()), float(values.max())
    counts = np.histogram(values, BINS, (low, high if high > low else low + 1))[0]
    dead = np.mean(np.ptp(values, axis=0) <= 1e-6)
    shares = [np.mean(np.abs(values) < 1e-3), np.nan, dead]
    numbers = [values.mean(), values.std(), low, high, *shares]
    return np.array([*numbers, *np.percentile(values, PERCENTILES)], np.float32), counts


def make_snapshots(
    steps: Sequence[int] = (1, 100, 200, 300),
    layers: Sequence[str] = LAYERS,
    domains: Sequence[str] = ("modern", "historical"),
) -> list[Snapshot]:
    """What a run might record: layer 1 dies, historical activations drift away in the last one."""
    snapshots = []
    for time, step in enumerate(steps):
        measured = []
        for domain in range(len(domains)):
            for layer in range(len(layers)):
                random = np.random.default_rng([time, domain, layer])
                values = random.normal(0.0, 1.0 + 0.2 * layer, (500, 8))
                if layer == 1:
                    values[:, : 2 * time] = 0.0
                if layer == len(layers) - 1:
                    values += domain * time
                measured.append(measure(values.astype(np.float32)))
        shape = (len(domains), len(layers), -1)
        norms = np.linspace(1.0, 2.0, len(layers), dtype=np.float32)
        snapshots.append(
            Snapshot(
                step=step,
                domains=tuple(domains),
                layers=tuple(layers),
                values=np.reshape([values for values, _ in measured], shape),
                counts=np.reshape([counts for _, counts in measured], shape),
                weights=tuple(layers),
                weight_norms=norms,
                update_ratios=norms * np.float32(1e-3),
                gradient_norms=norms * np.float32(0.1),
            )
        )
    return snapshots


def stack(snapshots: Sequence[Snapshot]) -> StatisticsHistory:
    first = snapshots[0]
    names = ("values", "counts", "weight_norms", "update_ratios", "gradient_norms")
    return StatisticsHistory(
        steps=np.array([snapshot.step for snapshot in snapshots]),
        domains=first.domains,
        layers=first.layers,
        weights=first.weights,
        **{name: np.stack([getattr(snapshot, name) for snapshot in snapshots]) for name in names},
    )


@pytest.fixture(scope="module")
def history() -> StatisticsHistory:
    return stack(make_snapshots())


def render(figure: Figure) -> None:
    """Lay it out as if it were drawn, all texts and ticks too; Matplotlib's warnings are errors."""
    figure.draw_without_rendering()


def panels(figure: Figure) -> list[Axes]:
    """The panels, without color bars."""
    return [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]


def mesh_of(axes: Axes) -> np.ndarray:
    return np.ma.filled(axes.collections[0].get_array(), np.nan)


def lines_of(axes: Axes) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(np.asarray(x), np.asarray(y)) for x, y in (line.get_data() for line in axes.lines)]


def replace_statistic(
    history: StatisticsHistory, name: str, where: tuple[int | slice, ...], value: float
) -> StatisticsHistory:
    values = history.values.copy()
    values[(*where, STATISTICS.index(name))] = value
    return dataclasses.replace(history, values=values)


# --- what is in the pictures ---


def test_colorful_dimension_shows_every_activation(history: StatisticsHistory) -> None:
    figure = figures.colorful_dimension(history, LAYERS[2])
    render(figure)
    drawn = panels(figure)
    assert [axes.get_title() for axes in drawn] == ["modern", "historical"]
    for domain, axes in enumerate(drawn):
        masses = np.expm1(mesh_of(axes))  # (BINS, T)
        np.testing.assert_allclose(masses.sum(axis=0), 500 * 8)
        edges = axes.collections[0].get_coordinates()[:, 0, 1]
        for time in range(4):
            random = np.random.default_rng([time, domain, 2])
            values = random.normal(0.0, 1.4, (500, 8)).clip(edges[0], edges[-1])
            error = np.cumsum(masses[:, time]) - np.cumsum(np.histogram(values, edges)[0])
            assert np.abs(error).max() <= history.counts[time, domain, 2].max()
        median = axes.lines[1].get_ydata()
        np.testing.assert_array_equal(median, history.statistic("p50")[:, domain, 2])


def test_dead_heatmap_shows_the_shares(history: StatisticsHistory) -> None:
    figure = figures.dead_heatmap(history)
    render(figure)
    for domain, axes in enumerate(panels(figure)):
        shown = mesh_of(axes)  # (L, T)
        np.testing.assert_allclose(shown[1], [0, 0.25, 0.5, 0.75])
        np.testing.assert_array_equal(shown, history.statistic("dead")[:, domain].T)
        assert axes.collections[0].get_clim() == (0, 1)
        assert [(text.get_text().strip(), text.get_position()[1]) for text in axes.texts] == [
            ("75%", 1)
        ]
    assert tuple(text.get_text() for text in panels(figure)[0].get_yticklabels()) == LAYERS


def test_depth_curves_are_the_statistics(history: StatisticsHistory) -> None:
    figure = figures.depth_curves(history)
    render(figure)
    drawn = panels(figure)
    assert len(drawn) == 4
    for axes, (name, domain) in zip(
        drawn, [("mean", 0), ("mean", 1), ("std", 0), ("std", 1)], strict=True
    ):
        curves = lines_of(axes)[:6]  # three steps, two networks; then the rule between these
        for index, (x, y) in enumerate(curves):
            time, layers = (0, 1, 3)[index // 2], ((0, 1, 2), (3, 4))[index % 2]
            np.testing.assert_array_equal(y, layers)
            np.testing.assert_array_equal(x, history.statistic(name)[time, domain, list(layers)])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "step 1",
        "step 100",
        "step 300",
    ]


def test_time_curves_are_the_statistics(history: StatisticsHistory) -> None:
    figure = figures.time_curves(history)
    render(figure)
    drawn = panels(figure)
    assert len(drawn) == 2 * 4
    discriminators_std_in_historical = lines_of(drawn[7])
    assert len(discriminators_std_in_historical) == 2
    for (x, y), layer in zip(discriminators_std_in_historical, (3, 4), strict=True):
        np.testing.assert_array_equal(x, history.steps)
        np.testing.assert_array_equal(y, history.statistic("std")[:, 1, layer])


def test_domain_comparison_shows_the_layer_that_drifts(history: StatisticsHistory) -> None:
    figure = figures.domain_comparison(history)
    render(figure)
    means, spreads = panels(figure)
    (first, _), (last, layers) = lines_of(means)[:2]
    np.testing.assert_array_equal(layers, np.arange(5))
    np.testing.assert_array_equal(last, domain_difference(history, -1, 1)[0])
    np.testing.assert_array_equal(first, domain_difference(history, 0, 1)[0])
    assert np.abs(last).argmax() == 4
    assert means.get_xlim()[1] > np.abs(last).max()
    ratio, _ = lines_of(spreads)[1]
    np.testing.assert_allclose(2**ratio, domain_difference(history, -1, 1)[1])
    assert "1" in [text.get_text() for text in spreads.get_xticklabels()]


def test_update_ratios_stand_beside_the_guide(history: StatisticsHistory) -> None:
    still = history.update_ratios.copy()
    still[:2, 4] = 0.0  # it has not joined yet
    figure = figures.update_ratios(dataclasses.replace(history, update_ratios=still))
    render(figure)
    colors, curves, gradients = panels(figure)
    np.testing.assert_allclose(mesh_of(colors)[0], -3.0, atol=1e-6)
    np.testing.assert_array_equal(np.isnan(mesh_of(colors)[4]), [True, True, False, False])
    assert curves.get_yscale() == "log"
    np.testing.assert_allclose(lines_of(curves)[0][1], 1e-3)
    assert [1e-3, 1e-3] in [list(y) for _, y in lines_of(curves)]
    np.testing.assert_allclose(lines_of(gradients)[2][1], history.gradient_norms[:, 2])


def test_unknown_gradients_are_left_out(history: StatisticsHistory) -> None:
    unknown = np.full_like(history.gradient_norms, np.nan)
    figure = figures.update_ratios(dataclasses.replace(history, gradient_norms=unknown))
    assert len(panels(figure)) == 2


def make_table() -> dict[str, list[float]]:
    nan = float("nan")
    return {
        "epoch": [1.0, 2.0, 3.0],
        "loss": [0.3, 0.2, 0.1],
        "val_loss": [0.4, 0.3, 0.2],
        "psnr": [20.0, 21.0, 22.0],
        "val_psnr": [19.0, 22.5, 21.0],
        "real_accuracy": [nan, 0.6, 0.7],
        "generator_adversarial": [nan, -0.6, -0.7],
    }


def test_overview_puts_all_on_one_page(history: StatisticsHistory) -> None:
    figure = overview(history, make_table(), "my $run")
    render(figure)
    drawn = {axes.get_title(): axes for axes in panels(figure)}
    np.testing.assert_array_equal(lines_of(drawn["PSNR (dB)"])[1][1], [19.0, 22.5, 21.0])
    assert drawn["losses"].get_yscale() == "linear"  # one is negative
    np.testing.assert_array_equal(
        mesh_of(drawn["share of dead channels"]), history.statistic("dead").max(axis=1).T
    )
    assert [text.get_text() for text in drawn["colorfulness"].texts] == ["nothing is recorded yet"]


@pytest.mark.parametrize("table", [{}, make_table()])
def test_overview_without_statistics(table: dict[str, list[float]]) -> None:
    figure = overview(None, table, "run")
    render(figure)
    assert "no statistics of the layers were recorded" in [
        text.get_text() for axes in figure.axes for text in axes.texts
    ]


# --- what a run may bring ---


@cache
def peculiar_histories() -> dict[str, StatisticsHistory]:
    whole = stack(make_snapshots())
    nothing = np.full_like(whole.values, np.nan)
    return {
        "one step": stack(make_snapshots((1,))),
        "one domain, one layer": stack(make_snapshots((1, 50), GENERATOR[:1], ("test",))),
        "three domains": stack(make_snapshots(domains=("modern", "historical", "painted"))),
        "generator only": stack(make_snapshots(layers=GENERATOR)),
        "odd names": stack(make_snapshots((1,), ("net/a$b$_{", "net/" + "long" * 30, "alone"))),
        "all NaN": dataclasses.replace(
            whole,
            values=nothing,
            update_ratios=np.full_like(whole.update_ratios, np.nan),
            gradient_norms=np.full_like(whole.gradient_norms, np.inf),
        ),
        "NaN at the end": replace_statistic(whole, "max", (-1, slice(None), 0), np.nan),
        "constant": dataclasses.replace(
            whole,
            values=np.broadcast_to(
                np.where(np.array(STATISTICS) == "std", 0.0, 0.5), whole.values.shape
            ),
        ),
        "no weights": dataclasses.replace(
            whole,
            weights=(),
            update_ratios=np.zeros((4, 0)),
            gradient_norms=np.zeros((4, 0)),
        ),
    }


@pytest.mark.parametrize("kind", peculiar_histories())
def test_figures_cope_with(kind: str) -> None:
    history = peculiar_histories()[kind]
    for name in DRAWN:
        render(getattr(figures, name)(history))
    render(figures.colorful_dimension(history, history.layers[0]))
    render(overview(history, {}))


def test_many_layers_stay_readable() -> None:
    layers = [f"generator/block_{index}_relu" for index in range(60)]
    history = stack(make_snapshots((1, 100), layers))
    figure = figures.dead_heatmap(history)
    render(figure)
    boxes = [text.get_window_extent() for text in figure.axes[0].get_yticklabels()]
    assert len(boxes) == 60
    tops = sorted((box.y0, box.y1) for box in boxes)
    assert all(lower[1] <= upper[0] + 1 for lower, upper in pairwise(tops))
    named = overview(history, {}).subfigs[1].axes[0].get_yticklabels()
    assert len(named) == 30


def test_pictures_of_all_layers_have_names_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    # To draw all takes seconds.
    monkeypatch.setattr("keras_colorize.inspection.pictures._FIGURES", ())
    history = stack(make_snapshots((1,), ("net/a b", "net/a_b", "net/../c")))
    pictures = list(draw_pictures(history, {}, "run", history.layers))
    names = [picture.name for picture in pictures]
    layers = ["layers/001_net_a_b", "layers/002_net_a_b", "layers/003_net_.._c"]
    assert names == ["overview", *layers]
    assert all(picture.reading and picture.title for picture in pictures)
    with Image.open(io.BytesIO(pictures[-1].png)) as image:
        assert image.format == "PNG"


def test_pictures_without_statistics() -> None:
    assert [picture.name for picture in draw_pictures(None, {}, "run", [])] == ["overview"]
