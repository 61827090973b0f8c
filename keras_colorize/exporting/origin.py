"""Where an exported generator comes from, and what the export tells programs and people of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import yaml

from keras_colorize import color
from keras_colorize.errors import ModelError, RunError
from keras_colorize.exporting.folding import fold
from keras_colorize.files import hash_file, read_numbers
from keras_colorize.models.outputs import named_outputs
from keras_colorize.models.saved import GeneratorFacts, find_shipped, load_generator
from keras_colorize.run_folder import RunFolder
from keras_colorize.version import __version__

__all__ = [
    "METADATA_NAME",
    "Origin",
    "all_outputs",
    "compare",
    "describe",
    "load_origin",
    "seeing",
    "write_card",
]

#: Name of the metadata: of the file inside a TFLite model, and of the entry in an ONNX model.
METADATA_NAME = "keras_colorize.json"

_LICENSE = "Apache-2.0"  # of the shipped model, as NOTICE has it
_LIMITS = """\
Every color is a guess: the network knows nothing of the true colors of a given house. What it does
not recognize it paints in muted browns, or in blotches. It sees a copy reduced to the working size;
color finer than that is not painted. The luminance of the photograph stays as it is.
"""


@dataclass(frozen=True)
class Origin:
    """A saved generator that is exported.

    Attributes:
        path: its ``.keras`` file.
        generator: luminance ``(B, h, w, 1)`` to RGB ``(B, h, w, 3)``, both in [0, 1]; of float32.
        facts: what it says about itself.
        working_size: short side in pixels of the copy that the network is to see.
        weights_license: under which license the weights may be used, as far as it is known.
    """

    path: Path
    generator: keras.Model
    facts: GeneratorFacts
    working_size: int
    weights_license: str = "not stated"

    @property
    def is_shipped(self) -> bool:
        """Whether it is the model that comes with this package, by the content of its file."""
        try:
            shipped = find_shipped()
        except ModelError:
            return False
        return hash_file(self.path) == hash_file(shipped)


def load_origin(
    path: str | Path | None = None,
    *,
    working_size: int | None = None,
    weights_license: str | None = None,
) -> Origin:
    """Load a generator for export.

    Args:
        path: a ``.keras`` file that ``save_generator`` wrote; ``None`` is the model that comes
            with this package.
        working_size: see :class:`Origin`; by default the size it was trained at.
        weights_license: see :class:`Origin`; by default, that of the shipped model is known.

    Raises:
        ModelError: there is no such file, it is not a generator of this package, one of its layers
            is not of float32, or the working size is below its stride.
    """
    path = find_shipped() if path is None else Path(path)
    generator, facts = load_generator(path)
    for layer in generator.layers:
        if layer.compute_dtype != "float32":
            raise ModelError(
                f"expected a generator of float32 layers, as save_generator writes it; layer "
                f"{layer.name} of {path} computes in {layer.compute_dtype}"
            )
    if working_size is not None:
        facts.check_working_size(working_size)
    origin = Origin(path, generator, facts, working_size or facts.working_size)
    if weights_license is None:
        weights_license = _LICENSE if origin.is_shipped else origin.weights_license
    return replace(origin, weights_license=weights_license)


def all_outputs(generator: keras.Model) -> keras.Model:
    """A generator as a model of all its outputs by name, folded.

    See :mod:`keras_colorize.models.outputs`.
    """
    return fold(keras.Model(generator.input, named_outputs(generator)))


def seeing(generator: keras.Model) -> Callable[[tf.Tensor], dict[str, tf.Tensor]]:
    """A generator as a function of luminance to all its outputs by name, folded."""
    network = all_outputs(generator)
    return lambda luminance: network(luminance, training=False)


def describe(
    origin: Origin,
    precision: str = "float32",
    size: tuple[int, int] | None = None,
    hints: int | None = 0,
) -> dict[str, Any]:
    """The metadata that an exported model carries: what a program needs to use it.

    Args:
        origin: the generator.
        precision: that it is computed in.
        size: height and width of its input; ``None`` is any multiples of the stride.
        hints: rows of its table of hints; 0 where it takes none, ``None`` where any number.
    """
    return {
        "package": f"keras-colorize {__version__}",
        **asdict(origin.facts),
        "working_size": origin.working_size,
        "precision": precision,
        "size": size,
        "sha256": hash_file(origin.path),
        "input": {"name": "luminance", "range": [0.0, 1.0], "channels": ["Y"]},
        "hints": None if hints == 0 else {"name": "hints", "rows": hints},
        "output": {
            "name": "color",
            # In int8 chroma is not limited to what the luminance allows: any range.
            "range": None if precision == "int8" else [0.0, 1.0],
            "channels": ["R", "G", "B"],
        },
    }


def compare(
    run: Callable[[np.ndarray], np.ndarray], origin: Origin, photographs: Sequence[np.ndarray]
) -> dict[str, str]:
    """How close photographs in an exported model's color come to those in the generator's.

    Args:
        run: the exported model: luminance ``(1, h, w, 1)`` to RGB ``(1, h, w, 3)``.
        origin: the generator.
        photographs: luminance ``(h, w, 1)`` each; at least one.

    Returns:
        A row for the card.
    """
    squares = []
    for photograph in photographs:
        y = photograph[None]
        painted = np.asarray(origin.generator(y, training=False))
        apart = color.replace_luminance(run(y), y) - color.replace_luminance(painted, y)
        squares.append(np.square(apart).mean())
    psnr = -10.0 * np.log10(max(np.mean(squares), 1e-12))
    return {"PSNR against the Keras model": f"{psnr:.1f} dB, {len(photographs)} photographs"}


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
