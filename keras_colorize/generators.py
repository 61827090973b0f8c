"""Saved generators: ordinary ``.keras`` files that also say how to use them.

Keras alone loads them. A small JSON file inside the archive, which Keras ignores, carries what
the network itself does not tell: its stride, and the size of photographs it was trained at.
"""

import dataclasses
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

import keras

from keras_colorize.config import GeneratorConfig
from keras_colorize.errors import ModelError
from keras_colorize.files import atomic_path
from keras_colorize.models import build_unet
from keras_colorize.models.unet import unet_stride

__all__ = ["GeneratorFacts", "load_generator", "save_generator"]

_ENTRY = "keras_colorize.json"


@dataclass(frozen=True)
class GeneratorFacts:
    """What the network does not tell about itself.

    Attributes:
        stride: height and width of its input are multiples of this.
        working_size: short side in pixels at which it was trained, and colors best.
        run: name of the run it comes from.
        step: training steps behind it.
    """

    stride: int
    working_size: int
    run: str
    step: int


def save_generator(
    path: Path, generator: keras.Model, config: GeneratorConfig, *, size: int, run: str, step: int
) -> None:
    """Save a generator in float32, atomically, whatever precision it was trained in.

    Args:
        path: the file, ending in ``.keras``; an existing one is replaced.
        generator: a UNet that was built from ``config``.
        config: how it was built.
        size: the largest size it was trained at, in pixels.
        run: name of the run.
        step: training steps so far.
    """
    portable = build_unet(**vars(config), dtype="float32", name=generator.name)
    portable.set_weights(generator.get_weights())
    facts = GeneratorFacts(unet_stride(config.depth), size, run, step)
    with atomic_path(path) as temporary:
        portable.save(temporary)
        with zipfile.ZipFile(temporary, "a") as archive:
            archive.writestr(_ENTRY, json.dumps(dataclasses.asdict(facts)))


def load_generator(path: str | Path) -> tuple[keras.Model, GeneratorFacts]:
    """Load a generator and its facts.

    Raises:
        ModelError: there is no such file, or it is not a generator of this package.
    """
    path = Path(path)
    if not path.is_file():
        raise ModelError(
            f"expected a saved generator such as generator.keras, found no file {path}"
        )
    try:
        with zipfile.ZipFile(path) as archive:
            facts = GeneratorFacts(**json.loads(archive.read(_ENTRY)))
        return keras.models.load_model(path, compile=False), facts
    except (OSError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise ModelError(
            f"{path} is not a generator that keras_colorize saved, or it is damaged: "
            f"{type(error).__name__}: {error}"
        ) from error
