"""Where an exported generator comes from, and what the export tells programs about it."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_colorize import color
from keras_colorize.errors import ModelError
from keras_colorize.files import hash_file
from keras_colorize.models.saved import GeneratorFacts, find_shipped, load_generator
from keras_colorize.version import __version__

__all__ = ["METADATA_NAME", "Origin", "compare", "describe", "load_origin"]

#: Name of the metadata: of the file inside a TFLite model, and of the entry in an ONNX model.
METADATA_NAME = "keras_colorize.json"

_LICENSE = "Apache-2.0"  # of the shipped model, as NOTICE has it


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
    if working_size is not None and working_size < facts.stride:
        raise ModelError(
            f"working_size must be at least the generator's stride, {facts.stride}. "
            f"Received: {working_size}"
        )
    origin = Origin(path, generator, facts, working_size or facts.working_size)
    if weights_license is None:
        weights_license = _LICENSE if origin.is_shipped else origin.weights_license
    return replace(origin, weights_license=weights_license)


def describe(
    origin: Origin, precision: str = "float32", size: tuple[int, int] | None = None
) -> dict[str, Any]:
    """The metadata that an exported model carries: what a program needs to use it.

    Args:
        origin: the generator.
        precision: that it is computed in.
        size: height and width of its input; ``None`` is any multiples of the stride.
    """
    return {
        "package": f"keras-colorize {__version__}",
        **asdict(origin.facts),
        "working_size": origin.working_size,
        "precision": precision,
        "size": size,
        "sha256": hash_file(origin.path),
        "input": {"name": "luminance", "range": [0.0, 1.0], "channels": ["Y"]},
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
