"""Work on several things at a time, reported in order, with interruptions borne."""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

__all__ = ["work_ahead"]

Work = TypeVar("Work")
Result = TypeVar("Result")


def work_ahead(
    work: Callable[[Work], Result | None],
    tasks: Iterable[Work],
    report: Callable[[Result], None],
    workers: int,
    stop: Callable[[], None],
) -> None:
    """Work on so many tasks at once; report in order, with no more waiting than workers.

    After an error or an interruption, what has begun is finished, no more: ``stop`` is called, upon
    which work that has not begun must return ``None``. After an interruption, what was finished is
    reported too.
    """
    remaining = iter(tasks)
    listed = threading.Event()

    def begin(task: Work) -> Result | None:
        listed.wait()  # what begins before it stands in the list is lost at an interruption
        return work(task)

    def report_next(future: Future[Result | None]) -> None:
        result = future.result()
        if result is not None:
            report(result)

    with ThreadPoolExecutor(workers) as pool:
        running: deque[Future[Result | None]] = deque()
        try:
            running.extend(pool.submit(begin, task) for task in islice(remaining, 2 * workers))
            listed.set()
            while running:
                report_next(running[0])
                running.popleft()
                running.extend(pool.submit(begin, task) for task in islice(remaining, 1))
        except KeyboardInterrupt:
            begun = [future for future in running if not future.cancel()]
            stop()
            listed.set()
            for future in begun:
                report_next(future)
            raise
        finally:
            for future in running:
                future.cancel()
            stop()
            listed.set()
