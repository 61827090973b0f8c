"""What happens beside the steps: progress, record, checkpoints, sample sheets, plots."""

from keras_colorize.callbacks.guard import AdversaryStart, StopOnNonFinite
from keras_colorize.callbacks.history import HistoryWriter, read_history
from keras_colorize.callbacks.plots import plot_history
from keras_colorize.callbacks.progress import Progress
from keras_colorize.callbacks.samples import SampleSheets
from keras_colorize.callbacks.saving import CheckpointWriter

__all__ = [
    "AdversaryStart",
    "CheckpointWriter",
    "HistoryWriter",
    "Progress",
    "SampleSheets",
    "StopOnNonFinite",
    "plot_history",
    "read_history",
]
