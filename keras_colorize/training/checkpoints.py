"""The whole state of a training in one file, complete or absent.

A checkpoint is a NumPy ``.npz`` archive of every variable of the training (both networks, the
moving average, both optimizers, the random state of the dropout, the meters of the epoch) and a
few facts as JSON. The archive's checksums tell a damaged file.
"""

import json
import logging
import zipfile
import zlib
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_colorize.errors import CheckpointError, TrainingDiverged
from keras_colorize.files import atomic_path, remove_leftovers, write_arrays
from keras_colorize.training.gan import ColorizationGAN

__all__ = ["CheckpointFolder", "read_checkpoint", "state_variables", "write_checkpoint"]

_log = logging.getLogger(__name__)

_FACTS = "facts"
_NAMES = "step_*.npz"
_METERS = "meters/"
# What a meter was called by its number, when a checkpoint did not name them.
_NUMBERED_METERS = (
    "loss",
    "l1",
    "luminance",
    "color",
    "reconstruction",
    "perceptual",
    "colorfulness_loss",
    "generator_adversarial",
    "discriminator_loss",
    "real_accuracy",
    "fake_accuracy",
    "psnr",
    "ssim",
    "colorfulness",
    "true_colorfulness",
    "generator_gradient_norm",
    "discriminator_gradient_norm",
    "generator_learning_rate",
    "discriminator_learning_rate",
)
_KEPT = 2  # the newest, and the one before in case the newest is damaged
# What NumPy and zipfile raise where bytes have changed: RuntimeError for a flag that says
# "encrypted", NotImplementedError for a kind of compression that does not exist.
_DAMAGE = (
    OSError,
    ValueError,
    KeyError,
    EOFError,
    RuntimeError,
    NotImplementedError,
    zlib.error,
    zipfile.BadZipFile,
)


def write_checkpoint(path: Path, gan: ColorizationGAN, facts: dict[str, Any]) -> None:
    """Write the state of a compiled ``gan`` and JSON-like ``facts`` atomically.

    Raises:
        TrainingDiverged: a variable holds NaN or infinity; such a state is worth nothing.
    """
    arrays = {name: np.asarray(variable) for name, variable in state_variables(gan).items()}
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise TrainingDiverged(f"variable {name} holds NaN or infinity")
    with atomic_path(path) as temporary:
        write_arrays(temporary, arrays | {_FACTS: np.array(json.dumps(facts))})


def read_checkpoint(path: Path, gan: ColorizationGAN) -> dict[str, Any]:
    """Restore the state of a compiled ``gan`` and return the facts.

    Nothing is restored unless everything can be, but for the meters of an epoch: of a loss that
    only one of both versions knows there is no mean to go on with.

    Raises:
        CheckpointError: the file is damaged or belongs to another model.
    """
    variables = state_variables(gan)
    try:
        with path.open("rb") as file, np.load(file) as archive:
            facts = json.loads(str(archive[_FACTS]))
            arrays = {_named(name): archive[name] for name in archive.files if name != _FACTS}
    except PermissionError:  # the file is sound
        raise
    except _DAMAGE as error:
        raise CheckpointError(f"checkpoint {path} is damaged: {error}") from error
    found = {name: array.shape for name, array in arrays.items() if not _is_meter(name)}
    expected = {
        name: tuple(variable.shape) for name, variable in variables.items() if not _is_meter(name)
    }
    if found != expected:
        differing = sorted(set(found.items()) ^ set(expected.items()))[0][0]
        raise CheckpointError(
            f"checkpoint {path} belongs to another model: expected {differing} of shape "
            f"{expected.get(differing)}, found {found.get(differing)}"
        )
    for name in variables.keys() & arrays.keys():
        variables[name].assign(arrays[name])
    return facts


class CheckpointFolder:
    """The checkpoints of one run, the newest two by step.

    Args:
        folder: created where it is missing.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        remove_leftovers(folder, _NAMES)

    def paths(self) -> list[Path]:
        """The checkpoints, oldest first."""
        return sorted(self.folder.glob(_NAMES))

    def describe_last(self) -> str:
        """The newest checkpoint, in words for a message."""
        paths = self.paths()
        return f"the last good checkpoint is {paths[-1]}" if paths else "there is no checkpoint yet"

    def write(self, step: int, gan: ColorizationGAN, facts: dict[str, Any]) -> Path:
        """Write the checkpoint of a step, then remove all but the newest two.

        Raises:
            TrainingDiverged: the state holds NaN or infinity.
        """
        path = self.folder / f"step_{step:08d}.npz"
        try:
            write_checkpoint(path, gan, {**facts, "step": step})
        except TrainingDiverged as error:
            raise TrainingDiverged(f"{error} at step {step}; {self.describe_last()}") from error
        for old in self.paths()[:-_KEPT]:
            old.unlink()
        return path

    def restore(self, gan: ColorizationGAN) -> dict[str, Any] | None:
        """Restore the newest checkpoint that is not damaged; ``None`` where there is none.

        Raises:
            CheckpointError: there are checkpoints, and none of them can be used.
        """
        errors = []
        for path in reversed(self.paths()):
            try:
                return read_checkpoint(path, gan)
            except CheckpointError as error:
                _log.warning("%s", error)
                errors.append(str(error))
        if errors:
            raise CheckpointError(
                f"no checkpoint in {self.folder} can be used; remove the run's folder to start "
                f"anew ({errors[0]})"
            )
        return None


def state_variables(gan: ColorizationGAN) -> dict[str, keras.Variable]:
    """Every variable under a name of its own, in a stable order."""
    groups = {
        "generator": gan.generator.variables,
        "discriminator": gan.discriminator.variables,
        "average": gan.ema_generator.variables,
        "generator_optimizer": gan.optimizer.variables,
        "discriminator_optimizer": gan.discriminator_optimizer.variables,
    }
    numbered = {
        f"{group}/{index}/{variable.name}": variable
        for group, variables in groups.items()
        for index, variable in enumerate(variables)
    }
    return numbered | {
        f"{_METERS}{meter.name}/{variable.name}": variable
        for meter in gan.meters
        for variable in meter.variables
    }


def _is_meter(name: str) -> bool:
    return name.startswith(_METERS)


def _named(name: str) -> str:
    """The name of an array, where an older checkpoint numbers the two variables of each meter."""
    number, _, variable = name.removeprefix(_METERS).partition("/")
    if not _is_meter(name) or not number.isdecimal():
        return name
    numbered = dict(enumerate(_NUMBERED_METERS))
    return f"{_METERS}{numbered.get(int(number) // 2, number)}/{variable}"
