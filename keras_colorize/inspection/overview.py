"""The whole run on one page."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from keras_colorize.inspection.curves import (
    ACCURACY,
    COLORFULNESS,
    PSNR,
    Curves,
    Table,
    draw_curves,
)
from keras_colorize.inspection.figures import (
    draw_dead,
    draw_depth,
    draw_difference,
    draw_update_ratios,
    label_layers,
    plain,
    say,
)
from keras_colorize.inspection.snapshots import StatisticsHistory

__all__ = ["overview"]

_LOSSES: Curves = (
    ("loss", "#222222", "generator, in all"),
    ("l1", "#1f6f9f", "L1"),
    ("generator_adversarial", "#d08770", "adversarial"),
    ("discriminator_loss", "#9b1d20", "discriminator"),
)
_NAMED = 40  # more layers' names than that do not fit


def overview(
    history: StatisticsHistory | None,
    table: Table,
    title: str = "",
) -> Figure:
    """How a run went, on one page.

    Above, by epoch: losses, PSNR, colorfulness, the discriminator's accuracy. Below, by layer:
    dead channels over time, in the domain that has most; the standard deviation over depth; how
    far the domains are apart; update-to-weight ratios over time.

    Args:
        history: the statistics, if any were recorded.
        table: the columns of ``history.csv``; columns may be missing, and all rows.
        title: the page's.
    """
    figure = Figure(figsize=(19, 11.5), layout="constrained")
    upper, lower = figure.subfigures(2, 1, squeeze=False, height_ratios=[1, 1.5])[:, 0]
    _draw_epochs(list(upper.subplots(1, 4)), table)
    if history is None:
        say(lower.subplots(), "no statistics of the layers were recorded")
    else:
        _draw_layers(list(lower.subplots(1, 4)), history)
    figure.suptitle(plain(title, 100), fontsize="x-large")
    return figure


def _draw_epochs(panels: Sequence[Axes], table: Table) -> None:
    losses, psnr, colorfulness, accuracy = panels
    draw_curves(losses, table, _LOSSES, "losses")
    if all(np.nanmin(line.get_ydata(), initial=np.inf) > 0 for line in losses.lines):
        losses.set_yscale("log")
    draw_curves(psnr, table, PSNR, "PSNR (dB)")
    draw_curves(colorfulness, table, COLORFULNESS, "colorfulness")
    draw_curves(accuracy, table, ACCURACY, "accuracy of the discriminator")
    if accuracy.lines:
        accuracy.axhline(0.5, color="black", linewidth=0.8, linestyle=":")  # it guesses
        accuracy.set_ylim(-0.02, 1.02)


def _draw_layers(panels: Sequence[Axes], history: StatisticsHistory) -> None:
    dead, spread, difference, updates = panels
    mesh = draw_dead(dead, history, np.fmax.reduce(history.statistic("dead"), axis=1))
    dead.set_title("share of dead channels")
    dead.figure.colorbar(mesh, ax=dead, location="bottom", aspect=40)
    draw_depth(spread, history, "std", 0)
    spread.set_title(f"standard deviation, {plain(history.domains[0])}")
    spread.legend(loc="best", fontsize="small")
    if len(history.domains) > 1:
        draw_difference(difference, history, "distance")
        difference.set_title(f"distance from {plain(history.domains[0])}, in std. deviations")
        difference.legend(loc="best", fontsize="small")
    else:
        say(difference, f"only {history.domains[0]} photographs were measured")
    for axes in (dead, spread, difference):
        label_layers(axes, history.layers, _NAMED)
    for axes in (spread, difference):
        axes.tick_params(labelleft=False)
    if history.weights:
        draw_update_ratios(updates, history)
        updates.set_title("update / weight")
    else:
        say(updates, "no layer has trainable weights")
