"""What an engine is given to do: photographs by URL, each with its result."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from keras_colorize.cluster.storage import canonical, is_url, list_photos, local_path
from keras_colorize.coloring.tasks import Shard, Task, find_tasks, name_results
from keras_colorize.errors import ConfigError, DataError

__all__ = ["Job", "find_jobs"]

_NOWHERE = Path(os.devnull)  # an output folder in which no photograph lies


@dataclass(frozen=True)
class Job:
    """A photograph and what becomes of it, as a :class:`~keras_colorize.coloring.tasks.Task` says.

    Attributes:
        source: path or URL of the photograph.
        relative: path of the result below the output folder or URL.
        format: of the result.
    """

    source: str
    relative: str
    format: str

    def pack(self) -> str:
        """As JSON in ASCII, which holds names that are no text too."""
        return json.dumps(asdict(self))

    @classmethod
    def unpack(cls, packed: str) -> "Job":
        """What :meth:`pack` has packed."""
        return cls(**json.loads(packed))


def find_jobs(
    sources: Sequence[str],
    output: str,
    format_: str | None = None,
    shard: Shard | None = None,
) -> list[Job]:
    """The photographs that folders or URLs name, each with its result.

    Results have the names that ``colorize`` gives them.

    Args:
        sources: files and folders, or URLs of objects and of prefixes.
        output: folder or URL for the results.
        format_: see :func:`~keras_colorize.coloring.tasks.find_tasks`.
        shard: part of them.

    Raises:
        DataError: a source is not there or cannot be listed, there is no photograph at all, or a
            result would come to lie in a photograph's place.
        ConfigError: folders and URLs are mixed.
    """
    remote = [is_url(source) for source in sources]
    if not any(remote):
        folder = _NOWHERE if is_url(output) else local_path(output)
        paths = [local_path(source) for source in sources]
        return [_job(str(task.source), task) for task in find_tasks(paths, folder, format_, shard)]
    if not all(remote):
        raise ConfigError(
            f"photographs must be folders, or URLs, not both. Received: {', '.join(sources)}"
        )
    # A photograph that is named twice is taken once, by its first name; results are left out.
    results = (canonical(output) if is_url(output) else output.rstrip("/")) + "/"
    photos: dict[str, Path] = {}
    for source in map(canonical, sources):
        inside = f"{source}/".startswith(results)
        for url, relative in list_photos(source):
            if inside or not url.startswith(results):
                photos.setdefault(url, Path(relative))
    if not photos:
        raise DataError(f"expected photographs, found none in {', '.join(sources)}")
    tasks = name_results([(Path(), path) for path in photos.values()], format_)
    for url, task in zip(photos, tasks):
        for path in task.all_files:
            if (replaced := results + path.as_posix()) in photos:
                raise DataError(
                    f"expected an output apart from the photographs; in {output}, the result of "
                    f"{url} would replace {replaced}. Choose another --output"
                )
    return [
        _job(url, task)
        for url, task in zip(photos, tasks)
        if shard is None or shard.holds(task.relative)
    ]


def _job(source: str, task: Task) -> Job:
    return Job(source, task.relative.as_posix(), task.format)
