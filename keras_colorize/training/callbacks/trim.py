"""Memory that stays what it is from epoch to epoch."""

import ctypes
import gc
from typing import Any

import keras

__all__ = ["MemoryTrim"]


class MemoryTrim(keras.callbacks.Callback):
    """Give back to the system, after each epoch, what is not used any more.

    The network that is built for every file of a generator is a circle of references, which Python
    looks for the more rarely the more objects there are; and what falls free between what stays is
    kept by glibc for later. ``benchmarks/memory.py`` draws the course of both.
    """

    def __init__(self) -> None:
        super().__init__()
        self._library = ctypes.CDLL(None)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        gc.collect()
        if hasattr(self._library, "malloc_trim"):  # glibc's own
            self._library.malloc_trim(0)
