"""What happens beside the steps: progress, record, statistics, checkpoints, samples, plots."""

from keras_colorize.training.callbacks.activations import ActivationStatistics
from keras_colorize.training.callbacks.guard import AdversaryStart, StopOnNonFinite
from keras_colorize.training.callbacks.history import HistoryWriter
from keras_colorize.training.callbacks.progress import Progress
from keras_colorize.training.callbacks.samples import SampleSheets
from keras_colorize.training.callbacks.saving import CheckpointWriter
from keras_colorize.training.callbacks.tensorboard_logger import TensorBoardLogger
from keras_colorize.training.callbacks.wandb_logger import WandbLogger
from keras_colorize.training.callbacks.warnings import TrainingWarnings

__all__ = [
    "ActivationStatistics",
    "AdversaryStart",
    "CheckpointWriter",
    "HistoryWriter",
    "Progress",
    "SampleSheets",
    "StopOnNonFinite",
    "TensorBoardLogger",
    "TrainingWarnings",
    "WandbLogger",
]
