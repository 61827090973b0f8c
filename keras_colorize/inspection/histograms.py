"""What pictures of a run's statistics are computed from: common axes and distances."""

import numpy as np

from keras_colorize.inspection.snapshots import StatisticsHistory

__all__ = ["domain_difference", "rebin", "step_edges", "value_range"]

_QUANTILE = 0.05  # of the steps: one that explodes must not flatten the others
_PADDING = 0.15  # of the range, on each side


def rebin(counts: np.ndarray, low: np.ndarray, high: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Histograms that each have bins of their own, brought onto common ones.

    A bin's mass is spread evenly over its width, and each new bin receives the part that overlaps
    it. What lies outside the new bins is put into the outermost ones, so that every histogram
    keeps its mass.

    Args:
        counts: ``(..., B)``, in B bins of equal width between ``low`` and ``high``.
        low: ``(...,)``, where the first bin begins.
        high: ``(...,)``, where the last bin ends; all mass is at ``low`` where both are equal.
        edges: of the new bins, rising, ``(N + 1,)``.

    Returns:
        Masses, float64 ``(..., N)``; NaN where ``low`` or ``high`` is not finite.
    """
    bins = counts.shape[-1]
    rows = [
        _rebin_one(row, float(first), float(last), edges)
        for row, first, last in zip(counts.reshape(-1, bins), low.flat, high.flat, strict=True)
    ]
    return np.reshape(rows, (*counts.shape[:-1], len(edges) - 1))


def _rebin_one(counts: np.ndarray, low: float, high: float, edges: np.ndarray) -> np.ndarray:
    if not np.isfinite([low, high]).all():
        return np.full(len(edges) - 1, np.nan)
    total = counts.sum()
    if low == high:
        mass = np.zeros(len(edges) - 1)
        mass[np.clip(np.searchsorted(edges, low, side="right") - 1, 0, len(mass) - 1)] = total
        return mass
    borders = np.linspace(low, high, len(counts) + 1)
    below = np.interp(edges, borders, np.concatenate([[0], np.cumsum(counts)]))
    below[0], below[-1] = 0, total
    return np.diff(below)


def value_range(history: StatisticsHistory, layer: int) -> tuple[float, float]:
    """Between which values nearly all activations of a layer lie, nearly always, with some margin.

    From the 1st to the 99th percentile of the activations, as they were at all steps but the most
    extreme 5 % on either side. Never empty; (-1, 1) where nothing is finite.
    """
    low, high = (history.statistic(name)[:, :, layer] for name in ("p01", "p99"))
    finite = np.isfinite(low) & np.isfinite(high)
    if not finite.any():
        return -1.0, 1.0
    first = float(np.quantile(low[finite].astype(np.float64), _QUANTILE))
    last = float(np.quantile(high[finite].astype(np.float64), 1 - _QUANTILE))
    largest = max(abs(first), abs(last))
    constant = last - first <= 1e-6 * largest  # to float32
    margin = max(0.1 * largest, 0.1) if constant else _PADDING * (last - first)
    return first - margin, last + margin


def step_edges(steps: np.ndarray) -> np.ndarray:
    """Borders between steps, for columns as wide as a step lasts: ``(T,)`` to ``(T + 1,)``."""
    if len(steps) == 1:
        return np.array([steps[0] - 0.5, steps[0] + 0.5])
    middles = (steps[1:] + steps[:-1]) / 2
    first, last = 2 * steps[0] - middles[0], 2 * steps[-1] - middles[-1]
    return np.concatenate([[max(first, 0.0)], middles, [last]])


def domain_difference(
    history: StatisticsHistory, time: int, domain: int, reference: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """How far a layer's activations in one domain are from those in another, at one step.

    With mean m and standard deviation s in the domain, and m₀, s₀ in the reference::

        distance = (m - m₀) / sqrt((s² + s₀²) / 2)      Cohen's d: 0 the same, 1 far apart
        ratio    = s / s₀                               1 the same spread

    Returns:
        Distance and ratio, float64 ``(L,)`` each; NaN where a layer is constant, so that there is
        no unit to measure in.
    """
    mean, std = (history.statistic(name)[time].astype(np.float64) for name in ("mean", "std"))
    pooled = np.sqrt((std[domain] ** 2 + std[reference] ** 2) / 2)
    return (
        _divide(mean[domain] - mean[reference], pooled),
        _divide(std[domain], std[reference]),
    )


def _divide(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    usable = np.isfinite(denominator) & (denominator > 0)
    return np.where(usable, numerator / np.where(usable, denominator, 1.0), np.nan)
