"""How much is worked on at the same time, in one process."""

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

from keras_colorize.errors import PhotoError
from keras_colorize.photos.reading import largest_size

__all__ = ["PIXELS_AT_ONCE", "PixelBudget"]

#: Photographs of more pixels than this together are not worked on at the same time.
PIXELS_AT_ONCE = 100_000_000


class PixelBudget:
    """Bounds how many pixels are worked on at the same time, and with them the memory.

    A photograph of more than that is worked on alone. Safe for several threads.

    Args:
        size: pixels.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._spent = 0
        self._closed = False
        self._changed = threading.Condition()

    def close(self) -> None:
        """Grant nothing any more, not to those who wait either."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @contextlib.contextmanager
    def spend(self, photo: Path) -> Iterator[bool]:
        """Wait until there is room for a photograph's pixels, and hold them while the block runs.

        Gives whether they were granted.
        """
        pixels = min(_pixels(photo), self._size)
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._spent + pixels <= self._size)
            granted = not self._closed
            self._spent += pixels
        try:
            yield granted
        finally:
            with self._changed:
                self._spent -= pixels
                self._changed.notify_all()


def _pixels(photo: Path) -> int:
    try:
        width, height = largest_size(photo)
    except PhotoError:  # which coloring it will report
        return 0
    return width * height
