"""The directory of a run: what it holds, and under which name."""

from dataclasses import dataclass
from pathlib import Path

__all__ = ["RunFolder"]


@dataclass(frozen=True)
class RunFolder:
    """Where a run keeps its files; all paths lie below ``root``."""

    root: Path

    @property
    def config(self) -> Path:
        """The resolved settings; ``--config`` reads them."""
        return self.root / "config.yaml"

    @property
    def lock(self) -> Path:
        """Locked by the process that trains the run."""
        return self.root / "lock"

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
    def activations(self) -> Path:
        """Statistics of every layer: :mod:`keras_colorize.inspection.snapshots` reads them."""
        return self.root / "activations"

    @property
    def warnings(self) -> Path:
        """What the run warned of: step, kind and message."""
        return self.root / "warnings.csv"

    @property
    def tensorboard(self) -> Path:
        """Logs for TensorBoard, if they are asked for."""
        return self.root / "tensorboard"

    @property
    def report(self) -> Path:
        """Pictures of the statistics, and ``report.html``, which holds them all."""
        return self.root / "report"

    @property
    def wandb(self) -> Path:
        """What Weights & Biases logs, until it is uploaded."""
        return self.root / "wandb"

    @property
    def wandb_id(self) -> Path:
        """The id of the WandB run, so that a run that is continued goes on in the same one."""
        return self.root / "wandb_id"

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
