"""Memory that stays what it is from epoch to epoch."""

import ctypes
from typing import Any

import keras

__all__ = ["MemoryTrim"]


class MemoryTrim(keras.callbacks.Callback):
    """Give back to the system, after each epoch, what C's allocator merely keeps.

    Nothing of a training grows, but what falls free between what stays is kept by glibc for later:
    the resident memory wanders upwards. ``benchmarks/memory.py`` draws its course.
    """

    def __init__(self) -> None:
        super().__init__()
        self._library = ctypes.CDLL(None)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if hasattr(self._library, "malloc_trim"):  # glibc's own
            self._library.malloc_trim(0)
