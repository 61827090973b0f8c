"""All pictures of a run's statistics, with a sentence each on how to read them."""

import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure
from PIL import Image

from keras_colorize.inspection import figures
from keras_colorize.inspection.overview import overview
from keras_colorize.inspection.snapshots import StatisticsHistory

__all__ = ["Picture", "draw_layers", "draw_pictures", "name_pictures"]


@dataclass(frozen=True)
class Picture:
    """A picture and what to see in it.

    Attributes:
        name: of its file, without the ending; those of single layers begin with ``layers/``.
        title: a headline.
        reading: how to read it.
        png: the file's content.
    """

    name: str
    title: str
    reading: str
    png: bytes


_OVERVIEW = "overview"
_OF_THE_RUN = (
    "Above, epoch by epoch: the losses should fall and PSNR rise; the output's colorfulness should "
    "approach the truth's; a discriminator that is always right (1.0) has won, one at 0.5 guesses. "
    "Below, layer by layer, from the input at the top to the output: the same pictures stand "
    "larger further down."
)
_OF_A_LAYER = (
    "Bright where many activations lie. A band that stays in place learns calmly; one that "
    "collapses onto a line dies; one that runs to the edge explodes."
)
_FIGURES: tuple[tuple[Callable[[StatisticsHistory], Figure], str, str], ...] = (
    (
        figures.dead_heatmap,
        "Dead channels",
        "A row is a layer, time runs to the right. A dead channel gives the same value everywhere "
        "in every photograph: it takes part in nothing. Rows that turn red are lost to the "
        "network; a lower learning rate, or a leaky activation, keeps them alive.",
    ),
    (
        figures.domain_comparison,
        "Modern against historical",
        "How differently a layer responds to historical photographs. On the left, by how many "
        "standard deviations its mean is off; on the right, how much wider or narrower it spreads. "
        "Inside the gray band the difference is small. The layer where points leave the band is "
        "where the network begins to treat old photographs as something else. A layer without a "
        "point is constant.",
    ),
    (
        figures.depth_curves,
        "Mean and spread over depth",
        "The signal on its way through the layers, from top to bottom. A standard deviation that "
        "shrinks from layer to layer vanishes, one that grows explodes; a gap is a layer that "
        "gives one value only.",
    ),
    (
        figures.time_curves,
        "Mean and spread over time",
        "A line is a layer, dark at the network's input and bright at its output. Lines should "
        "settle; one that runs away from the others is the layer to look at.",
    ),
    (
        figures.update_ratios,
        "Updates relative to weights",
        "How much one step changes a layer's weights. About 1e-3 is usual: blue layers hardly "
        "learn, red ones are thrown about. Gray: the layer stood still, as a discriminator does "
        "before it joins.",
    ),
)


def name_pictures(history: StatisticsHistory | None, layers: Sequence[str]) -> list[str]:
    """The names of what :func:`draw_pictures` draws of as much."""
    if history is None:
        return [_OVERVIEW]
    figures = (draw.__name__ for draw, _, _ in _FIGURES)
    return [_OVERVIEW, *figures, *(_name_of_layer(history, layer) for layer in layers)]


def draw_pictures(
    history: StatisticsHistory | None,
    table: Mapping[str, Sequence[float]],
    title: str,
    layers: Sequence[str],
) -> Iterator[Picture]:
    """Draw the overview, every figure and every layer's colorful dimension, one by one.

    Args:
        history: the statistics; without them there is the overview alone.
        table: the columns of ``history.csv``.
        title: of the overview.
        layers: those to show one by one.
    """
    yield Picture(_OVERVIEW, "Overview", _OF_THE_RUN, _png(overview(history, table, title)))
    if history is None:
        return
    for draw, headline, reading in _FIGURES:
        yield Picture(draw.__name__, headline, reading, _png(draw(history)))
    yield from draw_layers(history, layers)


def draw_layers(history: StatisticsHistory, layers: Sequence[str]) -> Iterator[Picture]:
    """Draw the colorful dimension of some layers: their histograms over time."""
    for layer in layers:
        png = _reduce(_png(figures.colorful_dimension(history, layer), dpi=75))
        yield Picture(_name_of_layer(history, layer), layer, _OF_A_LAYER, png)


def _name_of_layer(history: StatisticsHistory, layer: str) -> str:
    # The number keeps apart what the replaced characters no longer do.
    number = history.layers.index(layer) + 1
    return f"layers/{number:03}_{re.sub(r'[^A-Za-z0-9.-]+', '_', layer)[:100]}"


def _png(figure: Figure, dpi: int = 100) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()


def _reduce(png: bytes) -> bytes:
    """A picture of one color map in 256 colors: to the eye the same, in a third of the bytes."""
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(png)) as image:
        colors = image.convert("RGB").quantize(256, dither=Image.Dither.NONE)
        colors.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
