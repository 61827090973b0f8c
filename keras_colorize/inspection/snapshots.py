"""Statistics of activations, weights and gradients over a run: what they are, on disk and back.

Every logged step is one NumPy ``.npz`` file of small arrays: NumPy alone reads it, it is written
atomically, and a run that is continued replaces the steps it repeats. Domains are kinds of
photographs that are measured apart, such as modern and historical.
"""

import fnmatch
import math
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from keras_colorize.errors import ConfigError, RunError
from keras_colorize.files import atomic_path, remove_leftovers, write_arrays

__all__ = [
    "BINS",
    "PERCENTILES",
    "STATISTICS",
    "Snapshot",
    "StatisticsHistory",
    "choose_layers",
    "drop_later_snapshots",
    "load_statistics",
    "read_snapshots",
    "save_snapshot",
    "snapshot_histograms",
    "snapshot_scalars",
]

#: The percentiles that are kept of each layer's activations.
PERCENTILES = (1, 5, 25, 50, 75, 95, 99)
#: What is kept of each layer's activations besides a histogram, in order.
STATISTICS = (
    "mean",
    "std",
    "min",
    "max",
    "near_zero",  # share of values of magnitude below 1e-3
    "saturated",  # share in the outermost hundredth of a limited range, as tanh's; NaN without
    "dead",  # share of channels that are the same everywhere in every photograph
    *(f"p{percent:02d}" for percent in PERCENTILES),
)
#: Bins of a histogram, of equal width between the minimum and the maximum.
BINS = 64

_NAMES = "step_*.npz"


@dataclass(frozen=True)
class Snapshot:
    """Everything that is measured at one step: D domains, L layers, W layers with weights.

    Attributes:
        step: optimizer steps so far.
        domains: names of the kinds of photographs, D.
        layers: names, L, such as ``generator/up_1_relu``, in the order of computation.
        values: :data:`STATISTICS` of each layer's activations, float32 ``(D, L, S)``; NaN where
            a statistic does not apply.
        counts: histograms, int64 ``(D, L, BINS)``, of ``BINS`` equal bins from min to max.
        weights: names of the layers that have trainable weights, W.
        weight_norms: Euclidean norm of a layer's trainable weights, float32 ``(W,)``.
        update_ratios: norm of the step's change of them over that norm, float32 ``(W,)``.
        gradient_norms: norm of their gradient, before clipping, float32 ``(W,)``; NaN where the
            model does not tell it.
    """

    step: int
    domains: tuple[str, ...]
    layers: tuple[str, ...]
    values: np.ndarray
    counts: np.ndarray
    weights: tuple[str, ...]
    weight_norms: np.ndarray
    update_ratios: np.ndarray
    gradient_norms: np.ndarray


@dataclass(frozen=True)
class StatisticsHistory:
    """The snapshots of a run, stacked along time: T steps, and else as :class:`Snapshot`.

    Attributes:
        steps: int64 ``(T,)``, rising.
        domains: names, D.
        layers: names, L.
        values: float32 ``(T, D, L, S)``.
        counts: int64 ``(T, D, L, BINS)``.
        weights: names, W.
        weight_norms: float32 ``(T, W)``.
        update_ratios: float32 ``(T, W)``.
        gradient_norms: float32 ``(T, W)``.
    """

    steps: np.ndarray
    domains: tuple[str, ...]
    layers: tuple[str, ...]
    values: np.ndarray
    counts: np.ndarray
    weights: tuple[str, ...]
    weight_norms: np.ndarray
    update_ratios: np.ndarray
    gradient_norms: np.ndarray

    def statistic(self, name: str) -> np.ndarray:
        """One of :data:`STATISTICS` over time, ``(T, D, L)``."""
        return self.values[..., STATISTICS.index(name)]


def choose_layers(layers: Sequence[str], patterns: Sequence[str]) -> list[str]:
    """The layers with one of the names, in their order; all of them without any name.

    Args:
        layers: all names.
        patterns: such as ``generator/up_*``, as of :mod:`fnmatch`.

    Raises:
        ConfigError: a pattern matches no layer.
    """
    for pattern in patterns:
        if not any(fnmatch.fnmatchcase(name, pattern) for name in layers):
            raise ConfigError(f"no layer is called {pattern}. Known: {', '.join(layers)}")
    if not patterns:
        return list(layers)
    return [name for name in layers if any(fnmatch.fnmatchcase(name, p) for p in patterns)]


def snapshot_scalars(snapshot: Snapshot) -> dict[str, float]:
    """What is logged of a snapshot as numbers, by key, without what does not apply, and so is NaN.

    Keys are ``activations/<domain>/<layer>/<statistic>``, and ``weights/<layer>/`` with ``norm``,
    ``update_ratio`` and ``gradient_norm``.
    """
    scalars: dict[str, float] = {}
    for d, domain in enumerate(snapshot.domains):
        for index, layer in enumerate(snapshot.layers):
            values = zip(STATISTICS, snapshot.values[d, index].tolist(), strict=True)
            scalars |= {f"activations/{domain}/{layer}/{name}": value for name, value in values}
    for name, norms in (
        ("norm", snapshot.weight_norms),
        ("update_ratio", snapshot.update_ratios),
        ("gradient_norm", snapshot.gradient_norms),
    ):
        values = zip(snapshot.weights, norms.tolist(), strict=True)
        scalars |= {f"weights/{layer}/{name}": value for layer, value in values}
    return {key: value for key, value in scalars.items() if not math.isnan(value)}


def snapshot_histograms(snapshot: Snapshot) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Counts ``(BINS,)`` and edges ``(BINS + 1,)``, by ``activations/<domain>/<layer>/histogram``.

    A layer whose activations reach to infinity has none.
    """
    histograms = {}
    ends = snapshot.values[..., [STATISTICS.index("min"), STATISTICS.index("max")]]
    for d, domain in enumerate(snapshot.domains):
        for index, layer in enumerate(snapshot.layers):
            low, high = ends[d, index].tolist()
            if math.isfinite(low) and math.isfinite(high):
                edges = np.linspace(low, high, BINS + 1)
                key = f"activations/{domain}/{layer}/histogram"
                histograms[key] = (snapshot.counts[d, index], edges)
    return histograms


def save_snapshot(folder: Path, snapshot: Snapshot) -> Path:
    """Write a snapshot as ``step_<step>.npz``, atomically; the folder is created if missing."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"step_{snapshot.step:08d}.npz"
    arrays = {field.name: np.asarray(getattr(snapshot, field.name)) for field in fields(Snapshot)}
    with atomic_path(path) as temporary:
        write_arrays(temporary, arrays, packed=True)
    return path


def load_statistics(folder: str | Path) -> StatisticsHistory:
    """Read all snapshots of a run.

    Where a run was continued with other layers, a layer is NaN while it was not measured.

    Args:
        folder: of the snapshots, ``activations`` in a run's directory.

    Raises:
        RunError: there are none, or one is damaged.
    """
    snapshots = list(read_snapshots(folder))
    if not snapshots:
        raise RunError(
            f"expected statistics of a run (step_*.npz) in {folder}, found none; they are written "
            "unless tracking.statistics_steps is 0"
        )
    return _stack(snapshots)


def read_snapshots(folder: str | Path) -> Iterator[Snapshot]:
    """Read the snapshots of a run one by one, in order.

    Raises:
        RunError: one is damaged.
    """
    for path in sorted(Path(folder).glob(_NAMES)):
        yield _read(path)


def drop_later_snapshots(folder: Path, last_step: int) -> None:
    """Remove the snapshots after a step, which a run continued from there will write again."""
    remove_leftovers(folder, _NAMES)
    for path in folder.glob(_NAMES):
        if int(path.stem.removeprefix("step_")) > last_step:
            path.unlink()


def _read(path: Path) -> Snapshot:
    names = ("domains", "layers", "weights")
    try:
        with np.load(path) as archive:
            arrays = {field.name: archive[field.name] for field in fields(Snapshot)}
    except PermissionError:  # the file is sound
        raise
    except (OSError, ValueError, KeyError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise RunError(f"{path} is damaged; remove it to read the others: {error}") from error
    texts = {name: tuple(str(text) for text in arrays[name]) for name in names}
    return Snapshot(**{**arrays, **texts, "step": int(arrays["step"])})


def _stack(snapshots: Sequence[Snapshot]) -> StatisticsHistory:
    def union(kind: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for s in snapshots for name in getattr(s, kind)))

    domains, layers, weights = union("domains"), union("layers"), union("weights")

    def stack(name: str, **axes: tuple[str, ...]) -> np.ndarray:
        """One array of all snapshots: NaN, or no counts, where something was not measured."""
        arrays = []
        for snapshot in snapshots:
            array = getattr(snapshot, name)
            shape = (*map(len, axes.values()), *array.shape[len(axes) :])
            whole = np.full(shape, np.nan if array.dtype.kind == "f" else 0, array.dtype)
            places = [[names.index(n) for n in getattr(snapshot, k)] for k, names in axes.items()]
            whole[np.ix_(*places)] = array
            arrays.append(whole)
        return np.stack(arrays)

    return StatisticsHistory(
        steps=np.array([snapshot.step for snapshot in snapshots], np.int64),
        domains=domains,
        layers=layers,
        values=stack("values", domains=domains, layers=layers),
        counts=stack("counts", domains=domains, layers=layers),
        weights=weights,
        weight_norms=stack("weight_norms", weights=weights),
        update_ratios=stack("update_ratios", weights=weights),
        gradient_norms=stack("gradient_norms", weights=weights),
    )
