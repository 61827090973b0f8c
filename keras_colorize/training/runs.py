"""The directory of a run while it is trained: whose it is, and what it is told."""

import contextlib
import csv
import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from keras_colorize.config import FitConfig, flatten
from keras_colorize.errors import RunError
from keras_colorize.files import atomic_path, escape_name, exclusive
from keras_colorize.run_folder import RunFolder
from keras_colorize.training.photosets import Skipped
from keras_colorize.version import __version__

__all__ = ["open_run", "shared_settings", "write_skipped"]

# Settings that change how a run is recorded or fed, but not what it learns.
_FREE_TO_CHANGE = {
    "runs",
    "data.cache",
    "data.cache_dir",
    "training.checkpoint_steps",
    "training.distribution",
    "training.log_steps",
    "training.sample_epochs",
    "training.sample_photos",
}
_FREE_SECTIONS = ("tracking.", "warnings.")
# Where a machine keeps things; the photographs themselves are compared.
_PLACES = {"runs", "data.modern", "data.historical", "data.cache_dir"}


@contextlib.contextmanager
def open_run(config: FitConfig) -> Iterator[RunFolder]:
    """Create the folder of a run, or open it to continue the run; for one process at a time.

    The lock goes with the process, however it ends.

    Yields:
        The folder, which says the settings in ``config.yaml``.

    Raises:
        RunError: the folder belongs to another run, another process is training it, or it cannot
            be written.
    """
    run = RunFolder(Path(config.runs) / config.name)
    if not run.config.exists() and _holds_something_else(run):
        raise RunError(
            f"{run.root} exists and is not the directory of a run; choose another --name or --runs"
        )
    with _writing(run):
        run.root.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        try:
            with _writing(run):
                stack.enter_context(exclusive(run.lock, wait=False))
        except BlockingIOError as error:
            raise RunError(
                f"{run.root} is being trained by another process; wait for it, or choose another "
                "--name"
            ) from error
        # Until there is a checkpoint there is nothing to lose: a mistyped folder can be mended.
        if any(run.checkpoints.glob("step_*.npz")):
            _refuse_other_settings(run, config)
        with _writing(run):
            with atomic_path(run.config) as temporary:
                temporary.write_text(
                    yaml.safe_dump(dataclasses.asdict(config), sort_keys=False), encoding="utf-8"
                )
            for folder in (run.checkpoints, run.samples, run.plots):
                folder.mkdir(exist_ok=True)
        yield run


def _holds_something_else(run: RunFolder) -> bool:
    """Whether there is a file, or a folder with more than the lock of a run that just began."""
    if not run.root.is_dir():
        return run.root.exists()
    return any(path != run.lock for path in run.root.iterdir())


@contextlib.contextmanager
def _writing(run: RunFolder) -> Iterator[None]:
    try:
        yield
    except BlockingIOError:  # somebody has the lock
        raise
    except OSError as error:
        raise RunError(f"cannot write to {run.root}: {error.strerror}") from error


def write_skipped(run: RunFolder, skipped: Sequence[Skipped]) -> None:
    """List the photographs that are not used; an empty list leaves the header alone."""
    with (
        atomic_path(run.skipped) as temporary,
        temporary.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(["path", "reason"])
        writer.writerows([escape_name(str(entry.path)), entry.reason] for entry in skipped)


def shared_settings(config: FitConfig) -> dict[str, Any]:
    """What all machines that train together must have in common, by dotted name."""
    settings = {name: value for name, value in flatten(config).items() if name not in _PLACES}
    return {"version": __version__, **settings}


def _refuse_other_settings(run: RunFolder, config: FitConfig) -> None:
    try:
        stored = yaml.safe_load(run.config.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RunError(f"cannot read {run.config}: {error}") from error
    defaults = flatten(FitConfig())

    def stored_value(name: str) -> Any:
        value: Any = stored
        for key in name.split("."):
            if not isinstance(value, dict) or key not in value:
                return defaults[name]  # a setting that did not exist when the run began
            value = value[key]
        return value

    differences = [
        f"{name}: {stored_value(name)} -> {value}"
        for name, value in flatten(config).items()
        if not _is_free(name) and stored_value(name) != value
    ]
    if differences:
        raise RunError(
            f"{run.root} belongs to a run with other settings ({'; '.join(differences)}); "
            f"continue it with its own (--config {run.config}) or choose another --name"
        )


def _is_free(name: str) -> bool:
    return name in _FREE_TO_CHANGE or name.startswith(_FREE_SECTIONS)
