"""A run as one HTML file that needs nothing else: no other file, no script, no network."""

import base64
import io
import logging
import tempfile
from collections.abc import Sequence, Sized
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

from keras_colorize.errors import RunError
from keras_colorize.files import atomic_path, make_folder, read_numbers, read_rows, refuse_replacing
from keras_colorize.inspection.curves import plot_history
from keras_colorize.inspection.pictures import Picture, draw_pictures, name_pictures
from keras_colorize.inspection.snapshots import StatisticsHistory, choose_layers, load_statistics
from keras_colorize.run_folder import RunFolder

__all__ = ["RunRecord", "inspect_run", "read_run", "write_report"]

_log = logging.getLogger(__name__)

_SHEET_SIDE = 1400  # pixels: longer sides of sample sheets are reduced, to keep the file small

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff; margin: 0 auto;
  max-width: 1400px; padding: 1rem 1.5rem 4rem; }
h1 { margin-bottom: 0; } h2 { margin-top: 2.5rem; border-bottom: 1px solid #ddd; }
img { max-width: 100%; height: auto; display: block; margin: 0.5rem 0; }
p { max-width: 60rem; } table { border-collapse: collapse; }
th, td { text-align: left; padding: 0.15rem 1.5rem 0.15rem 0; vertical-align: top; }
th { font-weight: normal; color: #666; } figcaption { color: #444; } figure { margin: 1rem 0; }
pre { background: #f5f5f5; padding: 1rem; overflow: auto; }
summary { cursor: pointer; font-weight: bold; margin: 0.5rem 0; }
.warning { background: #fdf1e3; border-left: 4px solid #d9822b; padding: 0.5rem 1rem; }
.samples { display: flex; flex-wrap: wrap; gap: 0 2rem; }
.missing { color: #777; font-style: italic; }
"""


@dataclass(frozen=True)
class RunRecord:
    """What a run's directory tells, as far as it is there.

    Attributes:
        folder: the directory.
        settings: the text of ``config.yaml``, empty without it.
        epochs: the columns of ``history.csv``.
        steps: the columns of ``steps.csv``.
        warnings: the rows of ``warnings.csv``.
        statistics: what was measured of the layers, if anything.
        no_statistics: why there are none.
    """

    folder: RunFolder
    settings: str
    epochs: dict[str, list[float]]
    steps: dict[str, list[float]]
    warnings: list[dict[str, str]]
    statistics: StatisticsHistory | None
    no_statistics: str = ""

    @property
    def name(self) -> str:
        """Of the run."""
        return self.folder.root.resolve().name


def read_run(root: Path) -> RunRecord:
    """Read the directory of a run that is done, going on, or was interrupted.

    Raises:
        RunError: it is no directory, not that of a run, or its statistics are damaged.
    """
    if not root.is_dir():
        raise RunError(f"expected the directory of a run, found none at {root}")
    run = RunFolder(root)
    if not any(path.exists() for path in (run.config, run.history, run.activations)):
        raise RunError(
            f"{root} is not the directory of a run: it holds neither config.yaml, history.csv nor "
            "activations; give the folder that fit wrote, such as runs/quickstart"
        )
    statistics, reason = None, ""
    try:
        statistics = load_statistics(run.activations)
    except RunError as error:
        if any(run.activations.glob("step_*.npz")):
            raise
        reason = str(error)
    return RunRecord(
        folder=run,
        settings=run.config.read_text("utf-8", "replace") if run.config.exists() else "",
        epochs=read_numbers(run.history),
        steps=read_numbers(run.steps),
        warnings=read_rows(run.warnings),
        statistics=statistics,
        no_statistics=reason,
    )


def inspect_run(
    root: Path,
    output: Path | None = None,
    patterns: Sequence[str] = (),
    *,
    overwrite: bool = False,
) -> list[Path]:
    """Draw every picture of a run, and write a report that holds them all.

    Works while the run goes on, too.

    Args:
        root: the run's directory.
        output: folder of the files; by default ``report`` in that directory, where those of an
            earlier call are replaced: the run may have gone on.
        patterns: names of the layers to show one by one, such as ``generator/up_*``; by default
            all of them.
        overwrite: replace files in another folder, too.

    Returns:
        The files written, the report last.

    Raises:
        RunError: see :func:`read_run`.
        ConfigError: a pattern matches no layer, or there is a file already.
    """
    record = read_run(root)
    if record.no_statistics:
        _log.warning("made without pictures of the layers: %s", record.no_statistics)
    known = record.statistics.layers if record.statistics else ()
    layers = choose_layers(known, patterns) if known else []
    output = output or record.folder.report
    report = output / "report.html"
    if not overwrite and output.resolve() != record.folder.report.resolve():
        names = name_pictures(record.statistics, layers)
        refuse_replacing([report, *(output / f"{name}.png" for name in names)])
    pictures, paths = [], []
    for picture in draw_pictures(record.statistics, record.epochs, record.name, layers):
        path = output / f"{picture.name}.png"
        make_folder(path.parent)
        with atomic_path(path) as temporary:
            temporary.write_bytes(picture.png)
        pictures.append(picture)
        paths.append(path)
    return [*paths, write_report(record, report, pictures)]


def write_report(record: RunRecord, path: Path, pictures: Sequence[Picture]) -> Path:
    """Write what was read of a run, and pictures of its statistics, as one HTML file.

    Returns:
        The file written; its folder is made where it is missing.
    """
    make_folder(path.parent)
    with atomic_path(path) as temporary:
        page = _page(record, pictures)
        temporary.write_text(page, "utf-8", "backslashreplace")  # a folder's name may be no text
    return path


def _page(record: RunRecord, pictures: Sequence[Picture]) -> str:
    layers = [picture for picture in pictures if picture.name.startswith("layers/")]
    others = [picture for picture in pictures if picture not in layers]
    sections = [
        f"<h1>{escape(record.name)}</h1>",
        _summary(record),
        _section("Warnings", _warnings(record.warnings)),
        *(_section(picture.title, _picture(picture)) for picture in others[:1]),
        _section("Curves", _curves(record)),
        _section("Samples", _samples(record.folder.samples)),
        *(_section(picture.title, _picture(picture)) for picture in others[1:]),
        _section("Layer by layer", _layers(layers, record.no_statistics)),
        _section("Settings", _settings(record.settings)),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(record.name)}: a training run</title>\n<style>{_STYLE}</style>\n</head>\n"
        "<body>\n" + "\n".join(sections) + "\n</body>\n</html>\n"
    )


def _section(title: str, content: str) -> str:
    return f"<section>\n<h2>{escape(title)}</h2>\n{content}\n</section>"


def _missing(text: str) -> str:
    return f'<p class="missing">{escape(text)}</p>'


# --- what the tables say ---


def _summary(record: RunRecord) -> str:
    rows = {
        "Progress": _progress(record),
        "Steps": _last(record, "step"),
        "Best PSNR in validation": _best(record.epochs),
        "Colorfulness": _colorfulness(record.epochs),
        "Warnings": str(len(record.warnings)),
        "Statistics": _measured(record.statistics),
        "Directory": str(record.folder.root),
    }
    cells = (f"<tr><th>{escape(k)}</th><td>{escape(v)}</td></tr>" for k, v in rows.items())
    return f"<table>\n{''.join(cells)}\n</table>"


def _progress(record: RunRecord) -> str:
    done = int(record.epochs["epoch"][-1]) if record.epochs else 0
    planned = _setting(record.settings, "training", "epochs")
    if not isinstance(planned, int):
        return f"{done} epochs"  # of how many is not known
    state = "done" if done >= planned else "going on, or interrupted"
    return f"{done} of {planned} epochs: {state}"


def _setting(text: str, section: str, name: str) -> Any:
    """One setting; ``None`` where it is not there, or the file is damaged."""
    try:
        settings = yaml.safe_load(text)
    except yaml.YAMLError:
        return None
    part = settings.get(section) if isinstance(settings, dict) else None
    return part.get(name) if isinstance(part, dict) else None


def _last(record: RunRecord, column: str) -> str:
    values = [table[column][-1] for table in (record.epochs, record.steps) if column in table]
    return f"{int(max(values)):,}" if values else "none is recorded yet"


def _best(epochs: dict[str, list[float]]) -> str:
    psnr = np.array(epochs.get("val_psnr", []), float)
    if not np.isfinite(psnr).any():
        return "no epoch was validated"
    best = int(np.nanargmax(psnr))
    return f"{psnr[best]:.2f} dB, after epoch {int(epochs['epoch'][best])}"


def _colorfulness(epochs: dict[str, list[float]]) -> str:
    for prefix, where in (("val_", "validation"), ("", "training")):
        names = (f"{prefix}colorfulness", f"{prefix}true_colorfulness")
        output, truth = (epochs.get(name, [np.nan])[-1] for name in names)
        if np.isfinite([output, truth]).all():
            return f"{output:.1f}, where the truth has {truth:.1f} (last epoch, {where})"
    return "not recorded"


def _measured(statistics: StatisticsHistory | None) -> str:
    if statistics is None:
        return "none were recorded"
    domains = " and ".join(statistics.domains)
    layers, times = _count(statistics.layers, "layer"), _count(statistics.steps, "time")
    return f"{layers}, on {domains} photographs, {times}, up to step {statistics.steps[-1]:,}"


def _warnings(warnings: Sequence[dict[str, str]]) -> str:
    if not warnings:
        return _missing("The run gave no warning.")
    return "\n".join(
        f'<p class="warning">Step {escape(row.get("step") or "?")}: '
        f"{escape(row.get('message') or '')}</p>"
        for row in warnings
    )


def _settings(text: str) -> str:
    if not text:
        return _missing("There is no config.yaml: the settings are not known.")
    return f"<details>\n<summary>config.yaml</summary>\n<pre>{escape(text)}</pre>\n</details>"


def _count(things: Sized, name: str) -> str:
    return f"{len(things)} {name}{'' if len(things) == 1 else 's'}"


# --- images ---


def _image(content: bytes, kind: str, alt: str) -> str:
    data = base64.b64encode(content).decode("ascii")
    return f'<img alt="{escape(alt)}" src="data:image/{kind};base64,{data}">'


def _picture(picture: Picture) -> str:
    return (
        f"<figure>\n{_image(picture.png, 'png', picture.title)}\n"
        f"<figcaption>{escape(picture.reading)}</figcaption>\n</figure>"
    )


def _curves(record: RunRecord) -> str:
    """The plots of the history, drawn anew: a run that goes on has none yet."""
    if not record.epochs:
        return _missing("No epoch is recorded yet.")
    with tempfile.TemporaryDirectory() as folder:
        plots = plot_history(record.folder.history, Path(folder))
        return "\n".join(_image(plot.read_bytes(), "png", plot.stem) for plot in plots)


def _samples(folder: Path) -> str:
    """The first, the middle and the last sheet."""
    sheets = sorted(folder.glob("*.png"))
    if not sheets:
        return _missing("No sample sheet is drawn yet.")
    chosen = sorted({0, (len(sheets) - 1) // 2, len(sheets) - 1})
    figures = (
        f"<figure>\n<figcaption>{escape(_caption(sheets[index]))}</figcaption>\n"
        f"{_image(_jpeg(sheets[index]), 'jpeg', sheets[index].stem)}\n</figure>"
        for index in chosen
    )
    return '<div class="samples">\n' + "\n".join(figures) + "\n</div>"


def _caption(sheet: Path) -> str:
    name, _, number = sheet.stem.rpartition("_")
    return f"{name} {int(number)}" if number.isdecimal() else sheet.stem


def _jpeg(path: Path) -> bytes:
    """A sheet, reduced and compressed; its color, which matters here, at full resolution."""
    buffer = io.BytesIO()
    with Image.open(path) as image:
        sheet = image.convert("RGB")
        sheet.thumbnail((_SHEET_SIDE, 4 * _SHEET_SIDE))
        sheet.save(buffer, "JPEG", quality=90, subsampling=0)
    return buffer.getvalue()


def _layers(pictures: Sequence[Picture], reason: str) -> str:
    if not pictures:
        return _missing(f"There is nothing to show of the layers: {reason}")
    images = "\n".join(_image(picture.png, "png", picture.title) for picture in pictures)
    return (
        f"<p>How each layer's activations are distributed over time. "
        f"{escape(pictures[0].reading)}</p>\n"
        f"<details>\n<summary>{_count(pictures, 'layer')}</summary>\n{images}\n</details>"
    )
