"""Saved generators: ordinary ``.keras`` files that also say how to use them.

Keras alone loads them. A small JSON file inside the archive, which Keras ignores, carries what
the network itself does not tell: its stride, and the size of photographs it was trained at. Beside
it may lie a twin: the same network as a TensorFlow Lite model, see
:mod:`keras_colorize.exporting.twin`.

Keras is imported where it is needed: to look for a generator and to run its twin, it is not.
"""

import dataclasses
import json
import math
import zipfile
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING

from keras_colorize.errors import ModelError
from keras_colorize.files import atomic_path
from keras_colorize.models.archive import FACTS_ENTRY, TWIN_ENTRY, read_facts, read_twin
from keras_colorize.version import __version__

if TYPE_CHECKING:
    import keras

    from keras_colorize.config import GeneratorConfig

__all__ = [
    "GeneratorFacts",
    "add_twin",
    "find_generator",
    "find_shipped",
    "has_twin",
    "load_generator",
    "load_twin",
    "load_weights",
    "save_generator",
    "write_generator",
]

_SHIPPED = Path("saved_models") / "colorizer.keras"


@dataclass(frozen=True)
class GeneratorFacts:
    """What the network does not tell about itself.

    Attributes:
        stride: height and width of its input are multiples of this.
        working_size: short side in pixels at which it was trained, and colors best.
        run: name of the run it comes from.
        step: training steps behind it.
        saturation: what the chroma it learned to paint is multiplied by.

    Raises:
        ValueError: one of them is impossible, as only in a damaged or hostile file.
    """

    stride: int
    working_size: int
    run: str
    step: int
    saturation: float = 1.0

    def __post_init__(self) -> None:
        for name, least in (("stride", 1), ("working_size", 1), ("step", 0)):
            value = getattr(self, name)
            if not isinstance(value, int) or value < least:
                raise ValueError(
                    f"{name} must be an integer of at least {least}. Received: {value}"
                )
        if not isinstance(self.run, str):
            raise ValueError(f"run must be a name. Received: {self.run}")
        if not isinstance(self.saturation, int | float) or not 0 < self.saturation < math.inf:
            raise ValueError(f"saturation must be above 0 and finite. Received: {self.saturation}")

    def padded(self, size: int) -> int:
        """The smallest multiple of the stride that is no less than ``size``."""
        return -(-size // self.stride) * self.stride

    def check_working_size(self, size: int) -> None:
        """Raise a ModelError for a working size below the stride, or of parts of pixels."""
        if not isinstance(size, Integral) or size < self.stride:
            raise ModelError(
                f"working_size must be at least the generator's stride, {self.stride}, and whole. "
                f"Received: {size}"
            )


def save_generator(
    path: Path,
    generator: "keras.Model",
    config: "GeneratorConfig",
    *,
    size: int,
    run: str,
    step: int,
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
    from keras_colorize.models.unet import build_unet, unet_stride

    portable = build_unet(**vars(config), dtype="float32", name=generator.name)
    portable.set_weights(generator.get_weights())
    facts = GeneratorFacts(unet_stride(config.depth), size, run, step)
    with atomic_path(path) as temporary:
        write_generator(temporary, portable, facts)


def write_generator(path: Path, generator: "keras.Model", facts: GeneratorFacts) -> None:
    """Save a generator with its facts; not atomically.

    Args:
        path: the file, ending in ``.keras``.
        generator: of float32, made of layers and operations of Keras alone.
        facts: what it does not tell about itself.
    """
    generator.save(path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(FACTS_ENTRY, json.dumps(dataclasses.asdict(facts)))


def find_shipped() -> Path:
    """The generator that comes with this package.

    In a checkout, which an editable installation runs from, it lies beside the package; in a
    wheel, inside.

    Raises:
        ModelError: it is missing.
    """
    package = Path(__file__).parents[1]
    for folder in (package, package.parent):
        if (path := folder / _SHIPPED).is_file():
            return path
    raise ModelError(
        f"the model that comes with keras_colorize is missing: expected {package / _SHIPPED}, or "
        f"{package.parent / _SHIPPED} in a checkout; install keras-colorize again, or name a "
        "generator.keras of your own"
    )


def find_generator(name: str) -> Path:
    """The file of a generator: ``"shipped"`` is the one of this package, all else a path.

    Raises:
        ModelError: there is no such file.
    """
    path = find_shipped() if name == "shipped" else Path(name)
    if path.is_dir():  # what TensorFlow would run is never looked for
        raise ModelError(
            f"expected a saved generator such as generator.keras, found the folder {path}; "
            "SavedModels and other folders are not loaded: name the .keras file they come from"
        )
    if not path.is_file():
        raise ModelError(
            f"expected a saved generator such as generator.keras, found no file {path}"
        )
    return path


def load_weights(generator: "keras.Model", path: Path) -> None:
    """Give a generator the weights of a saved one, whose decoder may have been factored.

    Raises:
        ModelError: the saved one was built with other settings, or cannot be loaded.
    """
    from keras_colorize.models.factoring import merge_factors
    from keras_colorize.models.likeness import weights_difference

    saved = merge_factors(load_generator(path)[0])
    if found := weights_difference(saved, generator):
        raise ModelError(
            f"{path} was built with other settings of generator than this run; the two differ in "
            f"{found}; give the run the settings in the config.yaml beside it"
        )
    generator.set_weights(saved.get_weights())


def load_generator(path: str | Path) -> "tuple[keras.Model, GeneratorFacts]":
    """Load a generator and its facts.

    Raises:
        ModelError: there is no such file, or it is not a generator of this package, of which alone
            anything is built: see :mod:`keras_colorize.models.archive`.
    """
    import keras

    path = find_generator(str(path))
    facts = read_facts(path)
    _refuse_unknown(path, facts)
    try:
        return keras.models.load_model(path, compile=False), GeneratorFacts(**facts)
    except Exception as error:  # whatever a backend makes of layers that do not fit together
        raise _damaged(path, error) from error


def has_twin(path: str | Path | None) -> bool:
    """Whether a file, by default the generator of this package, is one with a twin."""
    try:
        with zipfile.ZipFile(find_shipped() if path is None else path) as archive:
            return TWIN_ENTRY in archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return False


def load_twin(path: str | Path) -> tuple[bytes | None, GeneratorFacts]:
    """Load a generator's twin, a TensorFlow Lite model, and its facts; without Keras.

    Returns:
        The twin, or ``None`` where the file has none, and the facts.

    Raises:
        ModelError: as for :func:`load_generator`.
    """
    path = find_generator(str(path))
    facts, twin = read_twin(path)
    _refuse_unknown(path, facts)
    try:
        return twin, GeneratorFacts(**facts)
    except (TypeError, ValueError) as error:
        raise _damaged(path, error) from error


def add_twin(path: Path, twin: bytes) -> None:
    """Put a twin into the file of a generator that has none; not atomically."""
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(TWIN_ENTRY, twin)


def _damaged(path: Path, error: Exception) -> ModelError:
    return ModelError(
        f"{path} is not a generator that keras_colorize saved, or it is damaged: "
        f"{type(error).__name__}: {error}"
    )


def _refuse_unknown(path: Path, facts: dict[str, object]) -> None:
    """A fact that this version does not know may change what the generator is used for."""
    unknown = sorted(set(facts) - {field.name for field in dataclasses.fields(GeneratorFacts)})
    if unknown:
        raise ModelError(
            f"{path} was saved by a newer version of keras_colorize, which says of it what version "
            f"{__version__} does not know: {', '.join(unknown)}; install a newer keras-colorize"
        )
