"""The record of a run for TensorBoard: Keras' own, and what Keras knows nothing of.

Keras writes metrics and histograms of the weights. Beside them, with optimizer steps as the axis:

    activations/<domain>/<layer>/<statistic>           with each snapshot of the statistics
    activations/<domain>/<layer>/histogram             likewise, a histogram
    weights/<layer>/norm, update_ratio, gradient_norm  likewise
    samples                                            images: each sample sheet
    colorful_dimension/<layer>                         images at the end
"""

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

from keras_colorize.inspection.snapshots import Snapshot, snapshot_histograms, snapshot_scalars

__all__ = ["TensorBoardLogger"]

# How TensorBoard shows a value: its plugin, and the class of data (1 a number, 2 a tensor).
_SCALAR = {"plugin_data": {"plugin_name": "scalars"}, "data_class": 1}
_HISTOGRAM = {"plugin_data": {"plugin_name": "histograms"}, "data_class": 2}


class TensorBoardLogger(keras.callbacks.TensorBoard):
    """Keras' callback, and beside it the statistics of every layer and the sample sheets.

    Args:
        folder: of the logs; what Keras does not write is in ``layers``.
        sheet: the sample sheet after an epoch, counted from 1; logged where there is one.
        log_steps: Keras writes metrics every so many steps.
    """

    def __init__(self, folder: Path, sheet: Callable[[int], Path], log_steps: int) -> None:
        super().__init__(str(folder), histogram_freq=1, write_graph=False, update_freq=log_steps)
        self.folder = folder
        self.sheet = sheet

    @property
    def active(self) -> bool:
        """Whether it logs: not before a training has begun, and so not where none is left to do."""
        return self.model is not None

    @cached_property
    def _writer(self) -> tf.summary.SummaryWriter:
        return tf.summary.create_file_writer(str(self.folder / "layers"))

    def log_snapshot(self, snapshot: Snapshot) -> None:
        """Log the statistics of a step."""
        # All in one: an operation for each of some hundred values takes as long as measuring them.
        summary = tf.compat.v1.Summary()
        for key, value in snapshot_scalars(snapshot).items():
            tensor = tf.make_tensor_proto(value, tf.float32)
            summary.value.add(tag=key, tensor=tensor, metadata=_SCALAR)
        for key, (counts, edges) in snapshot_histograms(snapshot).items():
            bins = np.stack([edges[:-1], edges[1:], counts], axis=1)  # (BINS, 3)
            tensor = tf.make_tensor_proto(bins, tf.float64)
            summary.value.add(tag=key, tensor=tensor, metadata=_HISTOGRAM)
        with self._writer.as_default():
            tf.summary.experimental.write_raw_pb(summary.SerializeToString(), snapshot.step)
        self._writer.flush()

    def log_images(self, paths: Mapping[str, Path]) -> None:
        """Log pictures from files, by key."""
        with self._writer.as_default(int(self.model.optimizer.iterations.numpy())):
            for key, path in paths.items():
                with Image.open(path) as image:
                    tf.summary.image(key, np.asarray(image.convert("RGB"))[None])
        self._writer.flush()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        super().on_epoch_end(epoch, logs)
        sheet = self.sheet(epoch + 1)
        if sheet.exists():
            self.log_images({"samples": sheet})
