"""The directory of a run: what it is called, what it holds, and whose it is."""

import contextlib
import csv
import dataclasses
import fcntl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from keras_colorize.config import FitConfig, flatten
from keras_colorize.errors import RunError
from keras_colorize.files import atomic_path
from keras_colorize.photosets import Skipped

__all__ = ["RunFolder", "locked", "open_run", "write_skipped"]

# Settings that change how a run is recorded or fed, but not what it learns.
_FREE_TO_CHANGE = {
    "runs",
    "data.cache",
    "data.cache_dir",
    "training.checkpoint_steps",
    "training.log_steps",
    "training.sample_epochs",
    "training.sample_photos",
}


@dataclass(frozen=True)
class RunFolder:
    """Where a run keeps its files; all paths lie below ``root``."""

    root: Path

    @property
    def config(self) -> Path:
        """The resolved settings; ``--config`` reads them."""
        return self.root / "config.yaml"

    @property
    def history(self) -> Path:
        """One row an epoch."""
        return self.root / "history.csv"

    @property
    def steps(self) -> Path:
        """One row every few steps."""
        return self.root / "steps.csv"

    @property
    def skipped(self) -> Path:
        """The photographs that are not used, and why."""
        return self.root / "skipped.csv"

    @property
    def checkpoints(self) -> Path:
        """The newest states of the training, and the best generator."""
        return self.root / "checkpoints"

    @property
    def best(self) -> Path:
        """The averaged generator of the epoch with the highest validation PSNR."""
        return self.checkpoints / "best.keras"

    @property
    def samples(self) -> Path:
        """Sample sheets."""
        return self.root / "samples"

    @property
    def plots(self) -> Path:
        """Curves of the history."""
        return self.root / "plots"

    @property
    def cache(self) -> Path:
        """The disk cache of photographs, unless another place is configured."""
        return self.root / "cache"

    @property
    def generator(self) -> Path:
        """The averaged generator at the end of the run."""
        return self.root / "generator.keras"


def open_run(config: FitConfig) -> RunFolder:
    """Create the folder of a run, or open it to continue the run.

    Raises:
        RunError: the folder belongs to another run, or cannot be written.
    """
    run = RunFolder(Path(config.runs) / config.name)
    if run.config.exists():
        # Until there is a checkpoint there is nothing to lose: a mistyped folder can be mended.
        if any(run.checkpoints.glob("step_*.npz")):
            _refuse_other_settings(run, config)
    elif run.root.exists() and (not run.root.is_dir() or any(run.root.iterdir())):
        raise RunError(
            f"{run.root} exists and is not the directory of a run; choose another --name or --runs"
        )
    try:
        run.root.mkdir(parents=True, exist_ok=True)
        with atomic_path(run.config) as temporary:
            temporary.write_text(
                yaml.safe_dump(dataclasses.asdict(config), sort_keys=False), encoding="utf-8"
            )
        for folder in (run.checkpoints, run.samples, run.plots):
            folder.mkdir(exist_ok=True)
    except OSError as error:
        raise RunError(f"cannot write to {run.root}: {error.strerror}") from error
    return run


@contextlib.contextmanager
def locked(run: RunFolder) -> Iterator[None]:
    """Keep a run to one process at a time; the lock goes with the process, however it ends.

    Raises:
        RunError: another process is training this run.
    """
    with (run.root / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunError(
                f"{run.root} is being trained by another process; wait for it, or choose another "
                "--name"
            ) from error
        yield


def write_skipped(run: RunFolder, skipped: Sequence[Skipped]) -> None:
    """List the photographs that are not used; an empty list leaves the header alone."""
    with (
        atomic_path(run.skipped) as temporary,
        temporary.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(["path", "reason"])
        writer.writerows([str(entry.path), entry.reason] for entry in skipped)


def _refuse_other_settings(run: RunFolder, config: FitConfig) -> None:
    try:
        stored = yaml.safe_load(run.config.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RunError(f"cannot read {run.config}: {error}") from error
    missing = object()

    def stored_value(name: str) -> Any:
        value: Any = stored
        for key in name.split("."):
            value = value.get(key, missing) if isinstance(value, dict) else missing
        return value

    differences = [
        f"{name}: {'(unset)' if stored_value(name) is missing else stored_value(name)} -> {value}"
        for name, value in flatten(config).items()
        if name not in _FREE_TO_CHANGE and stored_value(name) != value
    ]
    if differences:
        raise RunError(
            f"{run.root} belongs to a run with other settings ({'; '.join(differences)}); "
            f"continue it with its own (--config {run.config}) or choose another --name"
        )
