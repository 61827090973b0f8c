"""The record of a run for Weights & Biases: one WandB run for each run directory.

What is logged, and under which key; ``step`` is the axis of everything:

    train/<metric>                                     every ``log_steps`` steps
    epoch/<metric>, epoch/val_<metric>                 at the end of an epoch, with ``epoch``
    activations/<domain>/<layer>/<statistic>           with each snapshot of the statistics
    activations/<domain>/<layer>/histogram             likewise, a histogram
    weights/<layer>/norm, update_ratio, gradient_norm  likewise
    samples                                            a table with each sample sheet: kind, photo,
                                                       gray, colorized, truth, psnr, ssim,
                                                       colorfulness
    colorful_dimension/<layer>                         images at the end

The settings are the run's config, nested as in ``config.yaml``, with ``git_revision`` beside them.
The generator is the artifact ``<name>-generator`` of type ``model``, in two versions: ``best`` and
``last``.

Everything stays below the run's folder, in ``wandb/``, until it is uploaded; ``wandb_id`` names
the WandB run, so that a run that is continued goes on in the same one.
"""

import contextlib
import logging
import os
import re
import ssl
import subprocess
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_colorize import metrics
from keras_colorize.config import TrackingConfig, WandbMode
from keras_colorize.errors import RunError
from keras_colorize.files import atomic_path
from keras_colorize.inspection.snapshots import Snapshot
from keras_colorize.photos.pixels import quantize
from keras_colorize.run_folder import RunFolder
from keras_colorize.training.callbacks.wandb_values import (
    epoch_row,
    images,
    sample_table,
    snapshot_row,
    table_rows,
    train_row,
)

__all__ = ["WandbLogger", "asked_mode"]

_log = logging.getLogger(__name__)

_FINISH_SECONDS = 600.0  # a network that is gone must not keep a finished run for ever
_ANSWER_SECONDS = 10.0


class WandbLogger(keras.callbacks.Callback):
    """Log a run to Weights & Biases; when that fails, say so once and let the training go on.

    ::

        with WandbLogger(...) as logger:
            gan.fit(..., callbacks=[logger])  # as often as it takes
            logger.log_images({"colorful_dimension/generator/up_1_relu": path})
            logger.log_models()

    Leaving the block finishes the WandB run, as failed if by an exception. Nothing is logged
    before a training begins, and nothing at all where WandB is disabled, which does not even
    import it.

    WandB's own process writes to the disk in blocks of 32 KiB, and loses the last one when it is
    killed: what a run that is continued has done before is whole in its ``history.csv``,
    ``steps.csv`` and ``activations`` only.

    Args:
        run: the folder of the run.
        tracking: mode, project, entity, and how many photographs are in the table.
        settings: all settings of the run, nested.
        samples: ``luminance`` ``(N, H, W, 1)`` and ``color`` ``(N, H, W, 3)``, in [0, 1].
        historical: luminance in [0, 1], ``(M, H, W, 1)``, or ``None``.
        log_steps: every so many steps are logged.
        sample_epochs: epochs between two tables; the last epoch always gets one.
        epochs: epochs of the run.
    """

    def __init__(
        self,
        run: RunFolder,
        tracking: TrackingConfig,
        settings: dict[str, Any],
        samples: dict[str, np.ndarray],
        historical: np.ndarray | None,
        *,
        log_steps: int,
        sample_epochs: int,
        epochs: int,
    ) -> None:
        super().__init__()
        self.run = run
        self.tracking = tracking
        self.settings = settings
        self.samples = {name: value[: tracking.wandb_photos] for name, value in samples.items()}
        self.historical = None if historical is None else historical[: tracking.wandb_photos]
        self.log_steps = log_steps
        self.sample_epochs = sample_epochs
        self.epochs = epochs
        self._started = False
        self._wandb_run: Any = None  # None: not yet, not any more, or not at all

    def __enter__(self) -> "WandbLogger":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close(failed=kind is not None)

    def close(self, *, failed: bool = False) -> None:
        """Finish the WandB run, if there is one; waits for what is still to be uploaded."""
        self._use(lambda run: run.finish(exit_code=int(failed)))
        self._wandb_run = None

    @property
    def active(self) -> bool:
        """Whether it is logging."""
        return self._wandb_run is not None

    # -- while it trains ----------------------------------------------------------------------

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        if not self._started:  # fit may be called again for the next epochs
            self._started = True
            self._guard(self._start)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        step = self._step()
        if step % self.log_steps == 0:
            self._use(lambda run: run.log(train_row({"step": step, **(logs or {})})))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        row = epoch_row({"step": self._step(), "epoch": epoch + 1, **(logs or {})})
        self._use(lambda run: run.log(row))
        if (epoch + 1) % self.sample_epochs == 0 or epoch + 1 == self.epochs:
            self._log_samples()

    def log_snapshot(self, snapshot: Snapshot) -> None:
        """Log the statistics of a step; what does not apply, and so is NaN, is left out."""
        self._use(lambda run: run.log(snapshot_row(snapshot)))

    def _log_samples(self) -> None:
        if self._wandb_run is None:
            return
        rows = self._sample_rows()
        self._use(lambda run: run.log({"step": self._step(), "samples": sample_table(rows)}))

    def _sample_rows(self) -> list[list[Any]]:
        """The cells of the table of samples: texts, numbers, and images as uint8 arrays."""
        gray, truth = self.samples["luminance"], self.samples["color"]
        colorized = self._colorize(gray)
        measured = zip(
            np.asarray(metrics.psnr(truth, colorized)),
            np.asarray(metrics.ssim(truth, colorized)),
            np.asarray(metrics.colorfulness(colorized)),
        )
        shown = zip(quantize(gray), quantize(colorized), quantize(truth))
        rows: list[list[Any]] = [
            ["modern", index, *cells, *map(float, values)]
            for index, (cells, values) in enumerate(zip(shown, measured))
        ]
        if self.historical is not None:
            colorized = self._colorize(self.historical)
            colorfulness = np.asarray(metrics.colorfulness(colorized))
            pairs = zip(quantize(self.historical), quantize(colorized))
            rows += [
                ["historical", index, *cells, None, None, None, float(value)]
                for index, (cells, value) in enumerate(zip(pairs, colorfulness))
            ]
        return rows

    def _colorize(self, luminance: np.ndarray) -> np.ndarray:
        return np.asarray(self.model.ema_generator(luminance, training=False))

    def _step(self) -> int:
        return int(self.model.optimizer.iterations.numpy())

    # -- at the end ---------------------------------------------------------------------------

    def log_images(self, paths: Mapping[str, Path]) -> None:
        """Log pictures from files, by key."""
        self._use(lambda run: run.log({"step": self._step(), **images(paths)}))

    def log_models(self) -> None:
        """Log the generator of the end, and the best one where there was a validation."""
        if self._wandb_run is None:
            return
        rows = table_rows(self.run.history)
        validated = [row for row in rows if "val_psnr" in row]
        versions = [(self.run.generator, "last", rows[-1])]
        if validated:  # first, so that `latest`, which WandB adds to each, stays with the last
            best = max(validated, key=lambda row: row["val_psnr"])
            versions.insert(0, (self.run.best, "best", best))
        self._use(lambda run: self._log_versions(run, versions))

    def _log_versions(
        self, run: Any, versions: Sequence[tuple[Path, str, Mapping[str, float]]]
    ) -> None:
        import wandb

        name = self.run.root.name
        for path, alias, row in versions:
            artifact = wandb.Artifact(
                f"{re.sub(r'[^A-Za-z0-9._-]', '-', name)}-generator",
                type="model",
                metadata={"run": name, "step": int(row["step"]), "val_psnr": row.get("val_psnr")},
            )
            # Immutable: it is uploaded from where it is, instead of from a copy.
            artifact.add_file(str(path.resolve()), name="generator.keras", policy="immutable")
            run.log_artifact(artifact, aliases=[alias])

    # -- WandB --------------------------------------------------------------------------------

    @property
    def _folder(self) -> Path:
        return self.run.wandb.resolve()

    def _start(self) -> None:
        mode = asked_mode(self.tracking.wandb, os.environ)
        if mode == "disabled":
            return
        import wandb

        # Before its first line; what it has to say, this logger says in one.
        wandb.setup(wandb.Settings(silent=True))
        obstacle = None if mode == "offline" else _obstacle()
        if mode == "auto":
            mode = "offline" if obstacle else "online"
        elif obstacle:
            raise RunError(obstacle)
        run = wandb.init(
            project=self.tracking.wandb_project,
            entity=self.tracking.wandb_entity,
            name=self.run.root.name,
            id=_run_id(self.run.wandb_id),
            dir=str(self._folder.parent),
            config={**self.settings, "git_revision": _git_revision()},
            allow_val_change=True,  # a run may be continued with another log_steps
            mode=mode,  # type: ignore[arg-type]  # WandB checks what WANDB_MODE says
            resume=None if mode == "offline" else "allow",
            reinit="create_new",  # leave a run of the caller's alone
            settings=wandb.Settings(
                silent=True,
                console="off",
                disable_code=True,
                disable_git=True,
                finish_timeout=_FINISH_SECONDS,
                finish_timeout_raises=True,
            ),
        )
        # WandB's own step may only grow, and would drop what a continued run does again.
        run.define_metric("step")
        run.define_metric("*", step_metric="step")
        self._wandb_run = run
        _log.info("Weights & Biases: %s", _where(run, self._folder, obstacle))

    def _use(self, action: Callable[[Any], object]) -> None:
        """Do something with the WandB run, if there is one."""
        if self._wandb_run is not None:
            self._guard(lambda: action(self._wandb_run))

    def _guard(self, action: Callable[[], object]) -> None:
        try:
            with _staging(self._folder):
                action()
        except Exception as error:  # noqa: BLE001  # no failure of WandB's may stop a training
            self._wandb_run = None
            _log.warning(
                "Weights & Biases failed, and is off for the rest of this run; the training goes "
                "on: %s: %s",
                type(error).__name__,
                error,
            )


def asked_mode(configured: WandbMode, environment: Mapping[str, str]) -> str:
    """The configured mode; where that is ``auto``, what ``WANDB_MODE`` asks for, if anything."""
    if configured != "auto":
        return configured
    asked = environment.get("WANDB_MODE") or "auto"
    return {"dryrun": "offline", "run": "online"}.get(asked, asked)  # their former names


def _obstacle() -> str | None:
    """What keeps WandB from being online, in words; ``None`` if nothing does."""
    import wandb

    # The key of the environment, of netrc or of WandB's own settings.
    if not (wandb.api.api_key or os.environ.get("WANDB_IDENTITY_TOKEN_FILE")):
        return "there is no login; run `wandb login`, or set WANDB_API_KEY"
    if not _answers(wandb.api.api_url):
        return f"{wandb.api.api_url} does not answer"
    return None


def _answers(url: str) -> bool:
    """Whether there is a server; WandB would try for a quarter of an hour, and hold the training.

    A server that refuses the request, or that has a certificate of its own, is one.
    """
    try:
        with urllib.request.urlopen(url, timeout=_ANSWER_SECONDS):
            return True
    except urllib.error.HTTPError as error:
        error.close()
        return True
    except urllib.error.URLError as error:
        return isinstance(error.reason, ssl.SSLError)
    except OSError:  # it broke off, or ran out of time
        return False


def _run_id(path: Path) -> str:
    """The id that a file keeps; at first the one that a sweep prescribes, or a new one."""
    if not path.exists():
        with atomic_path(path) as temporary:
            temporary.write_text(os.environ.get("WANDB_RUN_ID") or uuid.uuid4().hex[:8])
    return path.read_text()


def _git_revision() -> str | None:
    """The commit of the working directory, ``-dirty`` if changed; ``None`` where there is none."""
    command = ["git", "describe", "--always", "--exclude=*", "--abbrev=40", "--dirty"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):  # no git, or a repository too large to compare
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None


def _where(run: Any, folder: Path, obstacle: str | None) -> str:
    if not run.offline:
        return str(run.url)
    reason = f", for {obstacle}" if obstacle else ""
    return f"offline{reason}; to upload: wandb sync --append {folder}/offline-run-*"


@contextlib.contextmanager
def _staging(folder: Path) -> Iterator[None]:
    """Have WandB keep the images of tables with the run rather than in the home directory."""
    if "WANDB_DATA_DIR" in os.environ:
        yield
        return
    os.environ["WANDB_DATA_DIR"] = str(folder)
    try:
        yield
    finally:
        del os.environ["WANDB_DATA_DIR"]
