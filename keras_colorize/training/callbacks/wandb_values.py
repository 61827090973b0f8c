"""What a WandB run is given, in WandB's types."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from keras_colorize.files import read_numbers
from keras_colorize.inspection.snapshots import Snapshot, snapshot_histograms, snapshot_scalars

__all__ = [
    "epoch_row",
    "images",
    "sample_table",
    "snapshot_row",
    "table_rows",
    "train_row",
]

_SAMPLE_COLUMNS = ["kind", "photo", "gray", "colorized", "truth", "psnr", "ssim", "colorfulness"]


def train_row(row: Mapping[str, Any]) -> dict[str, float]:
    """The metrics of a step, ``train/<metric>``; ``row`` also holds ``step``."""
    return _prefixed("train/", row)


def epoch_row(row: Mapping[str, Any]) -> dict[str, float]:
    """The metrics of an epoch, ``epoch/<metric>``; ``row`` also holds ``step`` and ``epoch``."""
    return _prefixed("epoch/", row)


def _prefixed(prefix: str, row: Mapping[str, Any]) -> dict[str, float]:
    axes = {name: int(row[name]) for name in ("step", "epoch") if name in row}
    return axes | {prefix + name: float(row[name]) for name in row if name not in axes}


def table_rows(table: Path) -> list[dict[str, float]]:
    """The rows of ``history.csv`` or ``steps.csv``, without the cells that are blank."""
    columns = read_numbers(table)
    return [
        {name: value for name, value in zip(columns, values) if not math.isnan(value)}
        for values in zip(*columns.values())
    ]


def snapshot_row(snapshot: Snapshot) -> dict[str, Any]:
    """Step, scalars and histograms of a snapshot."""
    import wandb

    histograms = {
        key: wandb.Histogram(np_histogram=histogram)
        for key, histogram in snapshot_histograms(snapshot).items()
    }
    return {"step": snapshot.step, **snapshot_scalars(snapshot), **histograms}


def sample_table(rows: list[list[Any]]) -> Any:
    """A WandB table of samples.

    Args:
        rows: the cells of ``kind``, ``photo``, ``gray``, ``colorized``, ``truth``, ``psnr``,
            ``ssim`` and ``colorfulness``; images are uint8 arrays ``(H, W, 1 or 3)``, and what
            there is not is ``None``.
    """
    import wandb

    return wandb.Table(
        columns=_SAMPLE_COLUMNS,
        data=[[wandb.Image(c) if isinstance(c, np.ndarray) else c for c in row] for row in rows],
    )


def images(paths: Mapping[str, Path]) -> dict[str, Any]:
    """WandB images of files, by key."""
    import wandb

    return {key: wandb.Image(str(path)) for key, path in paths.items()}
