"""A generator's twin, which LiteRT runs: without TensorFlow, which takes seconds to import."""

import os
import queue
import threading
from collections.abc import Collection

import numpy as np

from keras_colorize.models.litert import LiteRTModel

__all__ = ["TwinNetwork"]

# A reduced copy is too small to share out among more.
_MOST_THREADS = 4


class TwinNetwork:
    """A generator's twin, for every size. Safe for several threads.

    Each of several threads at once has an interpreter of its own, and never more run than there
    are cores.

    Args:
        content: the model.
        threads: that a pass may use; by default as many as there are cores, up to four.

    Attributes:
        outputs: names of what it gives: see :mod:`keras_colorize.models.outputs`.

    Raises:
        ModelError: LiteRT is not installed, or cannot run this model.
    """

    def __init__(self, content: bytes, threads: int | None = None) -> None:
        cores = os.cpu_count() or 1
        self._content = content
        self._threads = min(cores, _MOST_THREADS) if threads is None else threads
        self._free = threading.BoundedSemaphore(cores)
        self._idle: queue.SimpleQueue[LiteRTModel] = queue.SimpleQueue()
        first = LiteRTModel(content, self._threads)
        self.outputs: Collection[str] = first.outputs
        self._idle.put(first)

    def __call__(self, luminance: np.ndarray, names: Collection[str]) -> dict[str, np.ndarray]:
        """Outputs by name, float32, of a luminance ``(1, h, w, 1)`` in [0, 1]."""
        with self._free:
            try:
                model = self._idle.get_nowait()
            except queue.Empty:
                model = LiteRTModel(self._content, self._threads)
            try:
                return model(luminance, names)
            finally:
                self._idle.put(model)
