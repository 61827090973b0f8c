"""The card beside an export: what it is, from which run and data, how good, and its limits."""

from collections.abc import Mapping
from pathlib import Path

import keras
import tensorflow as tf
import yaml

from keras_colorize.errors import RunError
from keras_colorize.exporting.origin import Origin, describe
from keras_colorize.files import read_numbers
from keras_colorize.run_folder import RunFolder

__all__ = ["write_card"]

_LIMITS = """\
Every color is a guess: the network knows nothing of the true colors of a given house. What it does
not recognize it paints in muted browns, or in blotches. It sees a copy reduced to the working size;
color finer than that is not painted. The luminance of the photograph stays as it is.
"""


def write_card(
    folder: Path, origin: Origin, kind: str, usage: str, measured: Mapping[str, str]
) -> None:
    """Write ``README.md``: what the export is, from which run and data, how good, how to use it.

    Args:
        folder: where the export lies.
        origin: what was exported.
        kind: in which form, such as "TensorFlow Lite model, float16".
        usage: how to use it, in Markdown.
        measured: what was measured when it was exported, by name.
    """
    facts, told = origin.facts, describe(origin)
    parameters = origin.generator.count_params()
    rows = {
        "form": kind,
        "network": f"{parameters / 1e6:.2f} million parameters, stride {facts.stride}",
        "working size": f"{origin.working_size} pixels, short side",
        "run": f"{facts.run}, step {facts.step}",
        "exported from": f"`{origin.path.name}`, SHA-256 `{told['sha256']}`",
        "exported by": f"{told['package']}, TensorFlow {tf.__version__}, Keras {keras.__version__}",
        **_training(origin),
        **measured,
        "license of the weights": origin.weights_license,
    }
    table = "\n".join(f"| {name} | {value} |" for name, value in rows.items())
    (folder / "README.md").write_text(
        f"# Color for black-and-white photographs: {facts.run}\n\n"
        f"| | |\n|---|---|\n{table}\n\n## Use\n\n{usage.strip()}\n\n## Limits\n\n{_LIMITS}",
        encoding="utf-8",
    )


def _training(origin: Origin) -> dict[str, str]:
    """Data and metrics of the run in whose folder the generator lies, as far as they are there."""
    if origin.is_shipped:
        where = "in the model card of keras-colorize, saved_models/README.md"
        return {"trained on": f"photographs under open licenses, listed {where}", "quality": where}
    for root in (origin.path.parent, origin.path.parent.parent):
        run = RunFolder(root)
        if run.config.is_file():
            return {"trained on": _data(run), "validation": _metrics(run, origin.facts.step)}
    unknown = "not known: the file does not lie in the folder of its run"
    return {"trained on": unknown, "validation": unknown}


def _data(run: RunFolder) -> str:
    try:
        settings = yaml.safe_load(run.config.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, yaml.YAMLError):
        settings = None
    if not isinstance(settings, dict) or not isinstance(settings.get("data"), dict):
        return f"not known: {run.config.name} of the run is damaged"
    streams = [
        f"{stream}: {', '.join(Path(folder).name for folder in settings['data'][stream])}"
        for stream in ("modern", "historical")
        if settings["data"].get(stream)
    ]
    return "; ".join(streams) or "the sample photographs of keras-colorize"


def _metrics(run: RunFolder, step: int) -> str:
    try:
        history = read_numbers(run.history)
    except RunError as error:
        return f"not known: {error}"
    if step not in history.get("step", []):
        return "none at this step"
    row = history["step"].index(step)
    names = ("psnr", "ssim", "colorfulness", "true_colorfulness")
    values = [f"{n} {history[f'val_{n}'][row]:.4g}" for n in names if f"val_{n}" in history]
    return ", ".join(values) or "none"
