"""Parts of a film colored frame by frame: each takes its chroma from the key frames around it."""

import queue
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from tqdm import tqdm

from keras_colorize.errors import VideoError
from keras_colorize.video.decoding import Frame
from keras_colorize.video.encoding import Encoder
from keras_colorize.video.motion import reduce_frame
from keras_colorize.video.planes import PlaneCoder
from keras_colorize.video.probing import Film
from keras_colorize.video.steadying import between
from keras_colorize.video.survey import Part

__all__ = ["Peekable", "ahead", "render"]

_THREADS = 2
_FRAMES_AHEAD = 8

Item = TypeVar("Item")


class Peekable(Iterator[Item]):
    """An iterator whose next item can be looked at."""

    def __init__(self, items: Iterable[Item]) -> None:
        self._items = iter(items)
        self._seen: list[Item] = []

    def __next__(self) -> Item:
        return self._seen.pop() if self._seen else next(self._items)

    def peek(self) -> Item | None:
        """The next item, which stays; None at the end."""
        if not self._seen:
            try:
                self._seen.append(next(self._items))
            except StopIteration:
                return None
        return self._seen[0]


def ahead(items: Iterable[Item], count: int) -> Iterator[Item]:
    """The same items, got by a thread of its own before they are asked for.

    Args:
        items: any.
        count: how many may wait.
    """
    waiting: queue.Queue[tuple[bool, object]] = queue.Queue(count)
    stopped = threading.Event()

    def put(entry: tuple[bool, object]) -> bool:
        while not stopped.is_set():
            try:
                waiting.put(entry, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        source = iter(items)
        try:
            for item in source:
                if not put((True, item)):
                    return
            put((False, None))
        except BaseException as error:  # noqa: BLE001 # it is raised where the item is asked for
            put((False, error))
        finally:
            close = getattr(source, "close", None)
            if close is not None:
                close()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        while True:
            there, item = waiting.get()
            if there:
                yield item  # type: ignore[misc]
            elif item is None:
                return
            else:
                raise item  # type: ignore[misc]
    finally:
        stopped.set()
        thread.join()


def render(
    part: Part,
    chroma: Sequence[np.ndarray],
    frames: Iterator[Frame],
    film: Film,
    coder: PlaneCoder,
    encoder: Encoder,
    bar: tqdm,
) -> None:
    """Color the frames of a part.

    Args:
        part: which they are.
        chroma: of its key frames, float32 ``(h, w, 2)``.
        frames: of the film, from the part's first one on.
        film: whose they are.
        coder: what makes planes of chroma.
        encoder: where they go.
        bar: moves with each.

    Raises:
        VideoError: the film ends before the part does, or nothing can be written.
    """
    height, width = chroma[0].shape[:2]

    def take() -> tuple[Frame, np.ndarray]:
        frame = next(frames, None)
        if frame is None:
            raise VideoError(
                "the film ends earlier than it did when it was looked through; was it changed?"
            )
        return frame, reduce_frame(frame.planes, height, width, film.pixels.black, film.pixels.span)

    def work(
        frame: Frame,
        small: np.ndarray,
        keys: tuple[np.ndarray, np.ndarray],
        colors: tuple[np.ndarray, np.ndarray],
        position: float,
    ) -> tuple[Frame, Sequence[np.ndarray]]:
        own = colors[1] if position == 1.0 else between(small, keys, colors, position)
        return frame, (np.ascontiguousarray(frame.planes), *coder.code(own, small, frame.planes))

    waiting: deque[Future[tuple[Frame, Sequence[np.ndarray]]]] = deque()

    def write(count: int) -> None:
        while len(waiting) > count:
            frame, planes = waiting.popleft().result()
            encoder.add(frame.pts, planes)
            bar.update()

    with ThreadPoolExecutor(_THREADS) as pool:
        try:
            frame, last = take()
            waiting.append(pool.submit(work, frame, last, (last, last), (chroma[0],) * 2, 1.0))
            for number in range(1, len(part.keys)):
                gap = part.keys[number].number - part.keys[number - 1].number
                group = [take() for _ in range(gap)]
                keys, colors = (last, group[-1][1]), (chroma[number - 1], chroma[number])
                for place, (frame, small) in enumerate(group, 1):
                    waiting.append(pool.submit(work, frame, small, keys, colors, place / gap))
                    write(_FRAMES_AHEAD)
                last = group[-1][1]
            write(0)
        finally:
            for future in waiting:
                future.cancel()
