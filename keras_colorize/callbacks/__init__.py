"""What happens beside the steps: progress, record, statistics, checkpoints, samples, plots."""

from keras_colorize.callbacks.activations import ActivationStatistics
from keras_colorize.callbacks.guard import AdversaryStart, StopOnNonFinite
from keras_colorize.callbacks.history import HistoryWriter
from keras_colorize.callbacks.progress import Progress
from keras_colorize.callbacks.samples import SampleSheets
from keras_colorize.callbacks.saving import CheckpointWriter
from keras_colorize.callbacks.tensorboard_logger import TensorBoardLogger
from keras_colorize.callbacks.wandb_logger import WandbLogger
from keras_colorize.callbacks.warnings import TrainingWarnings

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
