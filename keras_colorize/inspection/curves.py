"""Curves of a run's history: training drawn through, validation dashed, over epochs."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from keras_colorize.files import atomic_path, read_numbers
from keras_colorize.inspection.figures import say

__all__ = [
    "ACCURACY",
    "COLORFULNESS",
    "PSNR",
    "Curves",
    "Table",
    "draw_curves",
    "draw_losses",
    "draw_quality",
    "plot_history",
]

#: Columns of a history, each with its color and label.
Curves = Sequence[tuple[str, str, str]]
#: The columns of ``history.csv``; NaN where a cell is blank.
Table = Mapping[str, Sequence[float]]

_BLUE, _RED, _GRAY = "#1f6f9f", "#9b1d20", "#555555"
PSNR: Curves = (("psnr", _BLUE, "training"),)
COLORFULNESS: Curves = (
    ("colorfulness", _BLUE, "output"),
    ("true_colorfulness", _GRAY, "truth"),
)
ACCURACY: Curves = (
    ("real_accuracy", _BLUE, "on real color"),
    ("fake_accuracy", _RED, "on generated color"),
)
_QUALITY: Sequence[tuple[str, Curves]] = (
    ("PSNR (dB)", PSNR),
    ("SSIM", (("ssim", _BLUE, "training"),)),
    ("colorfulness", COLORFULNESS),
    ("accuracy of the discriminator", ACCURACY),
    (
        "norm of the gradient",
        (
            ("generator_gradient_norm", _BLUE, "generator"),
            ("discriminator_gradient_norm", _RED, "discriminator"),
        ),
    ),
    (
        "learning rate",
        (
            ("generator_learning_rate", _BLUE, "generator"),
            ("discriminator_learning_rate", _RED, "discriminator"),
        ),
    ),
)
# Whatever else a history holds is a loss: a term that is added to them needs no entry here.
_NO_LOSSES = {"epoch", "step", *(column for _, curves in _QUALITY for column, *_ in curves)}
_TITLES = {
    "loss": "generator, in all",
    "l1": "L1",
    "color": "color (CbCr)",
    "generator_adversarial": "adversarial, generator",
    "discriminator_loss": "discriminator",
}
_PANELS_A_ROW = 3


def plot_history(history: Path, folder: Path) -> list[Path]:
    """Draw ``losses.png`` and ``quality.png`` from ``history.csv``.

    Returns:
        The files written.
    """
    table = read_numbers(history)
    paths = []
    for name, figure in (("losses", draw_losses(table)), ("quality", draw_quality(table))):
        path = folder / f"{name}.png"
        with atomic_path(path) as temporary:
            figure.savefig(temporary, dpi=100)
        paths.append(path)
    return paths


def draw_losses(table: Table) -> Figure:
    """A panel for every loss that a history holds, in its order; new ones by their names there."""
    recorded = [
        name
        for name in table
        if name not in _NO_LOSSES
        and not name.startswith("val_")
        and np.isfinite([*table[name], *table.get(f"val_{name}", ())]).any()
    ]
    return _draw(table, [(_TITLES.get(n, n), ((n, _BLUE, "training"),)) for n in recorded])


def draw_quality(table: Table) -> Figure:
    """How good the colors are, how the adversary fares, how large the steps are."""
    return _draw(table, _QUALITY)


def draw_curves(axes: Axes, table: Table, curves: Curves, title: str) -> None:
    """Draw some columns of a history into one panel, and those of the validation beside them."""
    axes.set_title(title)
    for column, color, label in curves:
        for name, style in ((column, "-"), (f"val_{column}", "--")):
            if np.isfinite(table.get(name, [])).any():
                text = label if style == "-" else "_"
                axes.plot(table["epoch"], table[name], style, marker=".", color=color, label=text)
    if not axes.lines:
        say(axes, "nothing is recorded yet")
        return
    axes.plot([], "--", color="#888888", label="dashed: validation")
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    axes.legend(loc="best", fontsize="small")


def _draw(table: Table, panels: Sequence[tuple[str, Curves]]) -> Figure:
    rows = -(-max(len(panels), 1) // _PANELS_A_ROW)
    figure = Figure(figsize=(12, 3 * rows), layout="constrained")
    grid = list(figure.subplots(rows, _PANELS_A_ROW, squeeze=False).flat)
    for axes in grid[len(panels) :]:
        axes.set_axis_off()
    for axes, (title, curves) in zip(grid, panels):
        draw_curves(axes, table, curves, title)
    return figure
