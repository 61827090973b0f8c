"""Films colored one after the other, and every one accounted for."""

import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from keras_colorize.coloring.colorizer import Colorizer
from keras_colorize.coloring.report import Ledger, Status, report_path
from keras_colorize.coloring.tasks import Shard
from keras_colorize.files import make_folder
from keras_colorize.video.ffmpeg import find_tool
from keras_colorize.video.film import FilmOptions, color_film
from keras_colorize.video.motion import import_opencv
from keras_colorize.video.tasks import FilmTask

__all__ = ["colorize_films"]

_log = logging.getLogger(__name__)


def colorize_films(
    tasks: Sequence[FilmTask],
    output: Path,
    colorizer: Colorizer,
    options: FilmOptions,
    shard: Shard | None = None,
) -> dict[Status, int]:
    """Color films, with a row for each in ``report.csv``.

    A film that cannot be read or written is reported, and the next one begun. Called again after
    an interruption, it goes on in the film where it stopped.

    Args:
        tasks: of :func:`~keras_colorize.video.tasks.find_films`.
        output: folder for the results; created where it is missing.
        colorizer: what adds the color.
        options: how they are written.
        shard: the part of the work that they are, for the report's name.

    Returns:
        How many films there are of each status.

    Raises:
        ConfigError: FFmpeg or OpenCV is missing.
        RunError: another process works there.
        OSError: the output folder cannot be written.
    """
    find_tool("ffmpeg")
    find_tool("ffprobe")
    import_opencv()
    make_folder(output)
    counts: Counter[Status] = Counter()
    with Ledger(report_path(output, shard or Shard())) as ledger:
        for task in tasks:
            record = color_film(task, output, colorizer, options)
            ledger.add(record)
            counts[record.status] += 1
            if record.status == "failed":
                _log.error("failed: %s: %s", record.source, record.reason)
            elif record.warnings:
                _log.warning("%s: %s", record.source, record.warnings)
    return dict(counts)
