"""Pictures of what a run's statistics say, layer by layer.

Layers stand in the order of computation, the first at the top or in the darkest color. A gap is a
value that does not apply or is not finite.
"""

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, LogLocator, MaxNLocator, NullFormatter

from keras_colorize.inspection.histograms import domain_difference, rebin, step_edges, value_range
from keras_colorize.inspection.snapshots import BINS, StatisticsHistory

__all__ = [
    "colorful_dimension",
    "dead_heatmap",
    "depth_curves",
    "domain_comparison",
    "draw_dead",
    "draw_depth",
    "draw_difference",
    "draw_update_ratios",
    "label_layers",
    "plain",
    "say",
    "time_curves",
    "update_ratios",
]

_ROW = 0.2  # inches a layer
_WIDTH = 13.0  # inches
_DOMAINS = ("#1f6f9f", "#b5651d", "#4c9a52", "#8a5aa8")  # modern is blue, historical is sepia
_NETWORKS = ("Blues", "Oranges", "Greens", "Purples")
_TIMES = ("#bbbbbb", "#e39a3b", "#9b1d20")  # first, middle, last
_GAP = "#d0d0d0"
_SAID = {"mean": "mean", "std": "standard deviation"}
_GUIDE = 1e-3  # update-to-weight ratio that is healthy as a rule of thumb


def colorful_dimension(history: StatisticsHistory, layer: str) -> Figure:
    """How a layer's activations are distributed over time, one panel a domain.

    Steps to the right, activation upwards, color the logarithm of 1 + the number of activations
    in each of ``BINS`` bins; lines at the 5th, 50th and 95th percentile. All steps and domains
    share one axis: the 1st to the 99th percentile over time; what lies beyond is counted in the
    outermost bins.
    """
    index = history.layers.index(layer)
    edges = np.linspace(*value_range(history, index), BINS + 1)
    low, high = (history.statistic(name)[:, :, index] for name in ("min", "max"))
    masses = np.log1p(rebin(history.counts[:, :, index], low, high, edges))  # (T, D, BINS)
    brightest = max(float(np.nanmax(masses, initial=0.0)), 1.0)
    shades = Normalize(0.0, brightest)
    figure = Figure(figsize=(_WIDTH, 3.4), layout="constrained")
    panels = figure.subplots(1, len(history.domains), sharey=True, squeeze=False)[0]
    for domain, axes in enumerate(panels):
        mesh = axes.pcolormesh(
            step_edges(history.steps), edges, masses[:, domain].T, norm=shades, cmap="inferno"
        )
        axes.set_facecolor(_GAP)
        for name, style in (("p05", ":"), ("p50", "-"), ("p95", ":")):
            line = np.clip(history.statistic(name)[:, domain, index], edges[0], edges[-1])
            axes.plot(
                history.steps,
                line,
                style,
                color="white",
                linewidth=1,
                marker=_marker(history.steps),
            )
        axes.set_xlim(*step_edges(history.steps)[[0, -1]])
        axes.set_title(plain(history.domains[domain]))
        axes.set_xlabel("step")
    panels[0].set_ylabel("activation")
    figure.suptitle(f"{plain(layer)}  (line: median; dotted: 5th and 95th percentile)")
    bar = figure.colorbar(mesh, ax=panels, label="activations, on a scale of log(1 + count)")
    decades = [0, *(10**power for power in range(1, int(np.log10(np.expm1(brightest))) + 1))]
    bar.set_ticks([np.log1p(count) for count in decades], labels=[f"{n:,}" for n in decades])
    return figure


def depth_curves(history: StatisticsHistory) -> Figure:
    """Mean and standard deviation of each layer at the first, the middle and the last step."""
    columns = [(name, d) for name in ("mean", "std") for d in range(len(history.domains))]
    figure, panels = _panels_of_layers(history.layers, len(columns))
    _share(panels, len(history.domains), "x")
    for axes, (name, domain) in zip(panels, columns, strict=True):
        draw_depth(axes, history, name, domain)
        axes.set_title(f"{_SAID[name]}, {plain(history.domains[domain])}")
        label_layers(axes, history.layers)
    _legend_below(figure, panels[0])
    return figure


def time_curves(history: StatisticsHistory) -> Figure:
    """Mean and standard deviation of each layer over time: a row a network, colored by depth."""
    networks = _networks(history.layers)
    columns = [(name, d) for name in ("mean", "std") for d in range(len(history.domains))]
    figure = Figure(figsize=(_WIDTH + 3, 1 + 3.2 * len(networks)), layout="constrained")
    grid = figure.subplots(len(networks), len(columns), sharex=True, squeeze=False)
    for row, (network, layers) in zip(grid, networks.items(), strict=True):
        colors = colormaps["viridis"](np.linspace(0, 1, len(layers)))
        _share(row, len(history.domains), "y")
        for axes, (name, domain) in zip(row, columns, strict=True):
            values = history.statistic(name)[..., layers]
            _draw_lines(axes, history.steps, values[:, domain], colors)
            if name == "std":
                _scale(axes, "y", values)
            axes.set_title(f"{_SAID[name]}, {plain(history.domains[domain])}")
        row[0].set_ylabel(plain(network))
        _name_colors(figure, row, colors, [history.layers[i] for i in layers])
    for axes in grid[-1]:
        axes.set_xlabel("step")
    return figure


def dead_heatmap(history: StatisticsHistory) -> Figure:
    """Share of dead channels of each layer over time, one panel a domain."""
    figure, panels = _panels_of_layers(history.layers, len(history.domains))
    for domain, axes in enumerate(panels):
        mesh = draw_dead(axes, history, history.statistic("dead")[:, domain])
        axes.set_title(f"{plain(history.domains[domain])}; at the right, the last step")
        label_layers(axes, history.layers)
    figure.colorbar(mesh, ax=panels, label="share of dead channels", pad=0.03)
    return figure


def domain_comparison(history: StatisticsHistory) -> Figure:
    """Each layer's activations in the other domains against those in the first, modern.

    At the last step, and hollow at the first. With mean m and standard deviation s of a layer's
    activations on historical photographs, and m₀, s₀ on modern ones:

    - distance of the means: (m - m₀) / sqrt((s² + s₀²) / 2);
    - ratio of the standard deviations: s / s₀, on a logarithmic axis.

    The gray band is what counts as small: distances below 0.2, ratios within 1.25.
    """
    if len(history.domains) < 2:
        figure, panels = _panels_of_layers((), 1)
        say(panels[0], f"only {history.domains[0]} photographs were measured: nothing to compare")
        return figure
    figure, panels = _panels_of_layers(history.layers, 2)
    reference = plain(history.domains[0])
    draw_difference(panels[0], history, "distance")
    panels[0].set_title(f"means: distance from {reference}, in standard deviations")
    draw_difference(panels[1], history, "ratio")
    panels[1].set_title(f"standard deviations: ratio to {reference}")
    for axes in panels:
        label_layers(axes, history.layers)
    _legend_below(figure, panels[0])
    return figure


def update_ratios(history: StatisticsHistory) -> Figure:
    """Update-to-weight ratio of each layer over time, and gradient norms where they are known.

    As a map around 1e-3 and as curves with a guide line there, on a logarithmic scale. Where the
    weights stand still there is a gap.
    """
    if not history.weights:
        figure, panels = _panels_of_layers((), 1)
        say(panels[0], "no layer has trainable weights")
        return figure
    known = bool(np.isfinite(history.gradient_norms).any())
    figure, panels = _panels_of_layers(history.weights, 2 + known, shared=False)
    mesh = panels[0].pcolormesh(
        step_edges(history.steps),
        np.arange(len(history.weights) + 1) - 0.5,
        np.log10(_positive(history.update_ratios)).T,
        norm=Normalize(np.log10(_GUIDE) - 2, np.log10(_GUIDE) + 2),
        cmap="coolwarm",
    )
    panels[0].set_facecolor(_GAP)
    panels[0].set_title("log10 of update / weight")
    label_layers(panels[0], history.weights)
    figure.colorbar(mesh, ax=panels[0], extend="both", location="bottom", aspect=40)
    draw_update_ratios(panels[1], history)
    panels[1].set_title("update / weight")
    if known:
        _draw_by_network(panels[2], history, history.gradient_norms)
        panels[2].set_title("norm of the gradient, before clipping")
        panels[2].legend(loc="best")
    for axes in panels:
        axes.set_xlabel("step")
    return figure


# --- panels, which the overview draws too ---


def draw_depth(axes: Axes, history: StatisticsHistory, name: str, domain: int) -> None:
    """A statistic of all layers, across the panel, at the first, the middle and the last step."""
    times = sorted({0, (len(history.steps) - 1) // 2, len(history.steps) - 1})
    for time, color in zip(times, _TIMES[-len(times) :], strict=True):
        values = history.statistic(name)[time, domain]
        label = f"step {history.steps[time]:,}"
        for layers in _networks(history.layers).values():  # a line ends where its network does
            axes.plot(values[layers], layers, marker="o", markersize=3, color=color, label=label)
            label = "_"
    if name == "std":
        _scale(axes, "x", history.statistic(name)[times])
    axes.grid(alpha=0.3)


def draw_dead(axes: Axes, history: StatisticsHistory, shares: np.ndarray) -> ScalarMappable:
    """A map of shares ``(T, L)`` in [0, 1]; those of the last step are printed beside it."""
    mesh = axes.pcolormesh(
        step_edges(history.steps),
        np.arange(len(history.layers) + 1) - 0.5,
        shares.T,
        norm=Normalize(0.0, 1.0),
        cmap="YlOrRd",
    )
    axes.set_facecolor(_GAP)
    axes.set_xlabel("step")
    for layer, share in enumerate(shares[-1]):
        if share >= 0.005:
            text = f" {share:.0%}"
            axes.text(1.0, layer, text, transform=axes.get_yaxis_transform(), va="center", size=7)
    return mesh


def draw_difference(
    axes: Axes, history: StatisticsHistory, kind: Literal["distance", "ratio"]
) -> None:
    """Distance or ratio of each layer in the other domains: the last step filled, the first hollow.

    A gray band marks what counts as small: distances below 0.2, ratios within 1.25.

    Args:
        axes: the panel.
        history: of two domains at least.
        kind: which result of :func:`~keras_colorize.inspection.histograms.domain_difference`.
    """
    part = ("distance", "ratio").index(kind)
    layers = np.arange(len(history.layers))
    farthest = 0.0
    for domain in range(1, len(history.domains)):
        first, last = (domain_difference(history, time, domain)[part] for time in (0, -1))
        if kind == "ratio":  # drawn as its logarithm, so that half is as far from 1 as double
            first, last = np.log2(_positive(first)), np.log2(_positive(last))
        color = _DOMAINS[domain % len(_DOMAINS)]
        name = plain(history.domains[domain])
        if len(history.steps) > 1:
            axes.hlines(layers, first, last, color=color, alpha=0.4, linewidth=1)
            label = f"{name}, step {history.steps[0]:,}"
            axes.plot(first, layers, "o", color=color, fillstyle="none", markersize=5, label=label)
        label = f"{name}, step {history.steps[-1]:,}"
        axes.plot(last, layers, "o", color=color, markersize=6, label=label)
        farthest = max(farthest, float(np.nanmax(np.abs([first, last]), initial=0.0)))
    axes.axvline(0, color="black", linewidth=1)
    small = 0.2 if kind == "distance" else np.log2(1.25)
    axes.axvspan(-small, small, color=_GAP, alpha=0.4, linewidth=0)
    reach = max(1.1 * farthest, 2.5 * small)
    axes.set_xlim(-reach, reach)
    if kind == "ratio":
        round_ratios = [math.log2(x) for x in (0.5, 0.6, 0.7, 0.8, 1, 1.25, 1.5, 1.75, 2)]
        axes.xaxis.set_major_locator(
            FixedLocator(round_ratios) if reach <= 1.1 else MaxNLocator(integer=True)
        )
        axes.xaxis.set_major_formatter(lambda power, _: f"{2**power:.3g}")
    axes.grid(alpha=0.3)


def draw_update_ratios(axes: Axes, history: StatisticsHistory) -> None:
    """Update-to-weight ratios over time, with the guide line at 1e-3."""
    _draw_by_network(axes, history, history.update_ratios)
    axes.axhline(_GUIDE, color="black", linestyle="--", linewidth=1, label="1e-3, the usual aim")
    axes.set_yscale("log", nonpositive="mask")
    axes.legend(loc="best", fontsize="small")


def label_layers(axes: Axes, layers: Sequence[str], most: int = 200) -> None:
    """Write the layers' names at the left, first at the top, and rule off the networks.

    Args:
        axes: the panel; a layer's y is its index.
        layers: names; long ones are shortened in the middle.
        most: so many names at most; of more layers every second, third ... is named.
    """
    shown = range(0, len(layers), -(-len(layers) // most))
    axes.set_yticks(list(shown), labels=[plain(layers[i]) for i in shown], fontsize=7)
    axes.set_ylim(len(layers) - 0.5, -0.5)
    for indices in list(_networks(layers).values())[1:]:
        axes.axhline(indices[0] - 0.5, color="black", linewidth=0.8)


def say(axes: Axes, text: str) -> None:
    """Say why there is nothing to see."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, plain(text, 200), transform=axes.transAxes, ha="center", wrap=True)


def plain(name: str, longest: int = 36) -> str:
    """A name as text that Matplotlib takes literally, shortened in the middle."""
    if len(name) > longest:
        name = f"{name[: longest // 2]}…{name[-longest // 2 + 1 :]}"
    readable = name.encode("utf-8", "backslashreplace").decode("utf-8")  # a folder's may not be
    return readable.replace("$", r"\$")


def _panels_of_layers(
    layers: Sequence[str], count: int, *, shared: bool = True
) -> tuple[Figure, list[Axes]]:
    """Panels side by side, as high as so many layers need; shared ones are labeled at the left."""
    height = max(4.0, 1.4 + _ROW * len(layers))
    figure = Figure(figsize=(_WIDTH + 1.5, height), layout="constrained")
    return figure, list(figure.subplots(1, count, sharey=shared, squeeze=False)[0])


def _networks(layers: Sequence[str]) -> dict[str, list[int]]:
    """The indices of each network's layers; its name stands before the slash."""
    networks: dict[str, list[int]] = {}
    for index, name in enumerate(layers):
        networks.setdefault(name.partition("/")[0], []).append(index)
    return networks


def _draw_by_network(axes: Axes, history: StatisticsHistory, values: np.ndarray) -> None:
    """Curves ``(T, W)`` over time on a logarithmic axis: a hue a network, brighter with depth."""
    for number, (network, layers) in enumerate(_networks(history.weights).items()):
        hue = colormaps[_NETWORKS[number % len(_NETWORKS)]]
        shades = hue(np.linspace(0.95, 0.35, len(layers)))
        _draw_lines(axes, history.steps, values[:, layers], shades)
        axes.plot([], color=hue(0.7), label=plain(network))
    _scale(axes, "y", values)
    axes.set_xlabel("step")


def _draw_lines(axes: Axes, steps: np.ndarray, values: np.ndarray, colors: np.ndarray) -> None:
    """A curve a layer: ``(T,)`` steps, ``(T, L)`` values and ``(L, 4)`` colors."""
    for layer, color in zip(values.T, colors, strict=True):
        axes.plot(steps, layer, color=color, linewidth=1.2, marker=_marker(steps))
    axes.grid(alpha=0.3)


def _name_colors(figure: Figure, row: Sequence[Axes], colors: np.ndarray, names: list[str]) -> None:
    """A color bar at the right of a row that names the layers, the first at the top."""
    scale = ScalarMappable(Normalize(-0.5, len(names) - 0.5), ListedColormap(colors))
    bar = figure.colorbar(scale, ax=row, aspect=12)
    shown = range(0, len(names), -(-len(names) // 14))  # more names than that overlap
    bar.set_ticks(list(shown), labels=[plain(names[index]) for index in shown], fontsize=7)
    bar.ax.invert_yaxis()


def _legend_below(figure: Figure, axes: Axes) -> None:
    """One legend for all panels, where it hides nothing."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(handles))


def _marker(steps: np.ndarray) -> str | None:
    return "." if len(steps) < 3 else None  # a line of one point cannot be seen


def _scale(axes: Axes, direction: Literal["x", "y"], values: np.ndarray) -> None:
    """A logarithmic axis, if what it shows spans a factor of ten at least."""
    shown = values[np.isfinite(_positive(values))]
    if shown.size and shown.max() >= 10 * shown.min():
        getattr(axes, f"set_{direction}scale")("log", nonpositive="mask")
        axis = getattr(axes, f"{direction}axis")
        axis.set_minor_formatter(NullFormatter())  # between the powers of ten labels overlap
        if shown.max() < 300 * shown.min():  # too few powers of ten to read a value
            axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.set_major_formatter("{x:g}")


def _share(panels: Sequence[Axes], domains: int, direction: Literal["x", "y"]) -> None:
    """One axis for all domains of a statistic, so that they can be compared."""
    for index, axes in enumerate(panels):
        if index % domains:
            getattr(axes, f"share{direction}")(panels[index - index % domains])


def _positive(values: np.ndarray) -> np.ndarray:
    """NaN, a gap, where a logarithmic axis has no place for a value."""
    return np.where(np.isfinite(values) & (values > 0), values, np.nan)
