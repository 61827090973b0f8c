"""Curves of a run's history."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from keras_colorize.files import atomic_path, read_numbers

__all__ = ["plot_history"]

Curves = Sequence[tuple[str, str]]  # title of a panel, metric drawn in it

_LOSSES: Curves = (
    ("generator objective", "loss"),
    ("L1", "l1"),
    ("luminance", "luminance"),
    ("color (CbCr)", "color"),
    ("adversarial, generator", "generator_adversarial"),
    ("discriminator", "discriminator_loss"),
)
_QUALITY: Curves = (
    ("PSNR (dB)", "psnr"),
    ("SSIM", "ssim"),
    ("colorfulness", "colorfulness"),
    ("discriminator accuracy, real", "real_accuracy"),
    ("discriminator accuracy, fake", "fake_accuracy"),
    ("learning rate, generator", "generator_learning_rate"),
)


def plot_history(history: Path, folder: Path) -> list[Path]:
    """Draw ``losses.png`` and ``quality.png`` from ``history.csv``.

    Returns:
        The files written.
    """
    table = read_numbers(history)
    paths = []
    for name, curves in (("losses", _LOSSES), ("quality", _QUALITY)):
        path = folder / f"{name}.png"
        with atomic_path(path) as temporary:
            _draw(table, curves).savefig(temporary, dpi=100)
        paths.append(path)
    return paths


def _draw(table: dict[str, list[float]], curves: Curves) -> Figure:
    figure = Figure(figsize=(12, 6), layout="constrained")
    for axes, (title, metric) in zip(figure.subplots(2, 3).flat, curves, strict=True):
        _draw_panel(axes, table, title, metric)
    return figure


def _draw_panel(axes: Axes, table: dict[str, list[float]], title: str, metric: str) -> None:
    for column, label in ((metric, "training"), (f"val_{metric}", "validation")):
        if np.isfinite(table.get(column, [])).any():
            axes.plot(table["epoch"], table[column], marker=".", label=label)
    if metric == "colorfulness":  # beside the truth's
        validated = np.isfinite(table["val_true_colorfulness"]).any()
        column = "val_true_colorfulness" if validated else "true_colorfulness"
        axes.plot(table["epoch"], table[column], linestyle="--", label="truth")
    axes.set_title(title)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    if axes.get_legend_handles_labels()[0]:
        axes.legend()
