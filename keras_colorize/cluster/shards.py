"""The report of several workers: files of rows, each whole or absent, and one file made of them."""

import contextlib
import csv
import itertools
import json
import re
import sqlite3
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from keras_colorize.cluster.storage import Scratch, list_files
from keras_colorize.coloring.report import COLUMNS, SAME, Record, Status, to_row
from keras_colorize.coloring.targets import Target
from keras_colorize.errors import ConfigError, DataError, PhotoError, RunError
from keras_colorize.files import atomic_path, make_folder

__all__ = ["FOLDER", "Format", "ShardWriter", "merge_reports", "write_shard"]

Format = Literal["csv", "parquet"]

#: Of the shards, in that of the results.
FOLDER = Path("report")

_ROWS, _SECONDS = 1000, 60.0  # after which a shard is written
_INTEGERS = ("width", "height", "pages")
_NUMBERS = ("seconds",)
_DAMAGE = (csv.Error, KeyError, ValueError, OSError)  # what reading a file that is no report raises
_SHARD = re.compile(r"part-.*\.(csv|parquet)|report(_[0-9]+_of_[0-9]+)?\.csv")


def write_shard(target: Target, records: Sequence[Record], format_: Format) -> str:
    """Write rows to a file of their own; its name, which says when, tells it from all others.

    Returns:
        The name.

    Raises:
        RunError: it cannot be written.
    """
    path = FOLDER / f"part-{_now()}-{uuid.uuid4().hex[:8]}.{format_}"
    try:
        with target.write(path) as temporary:
            _write(temporary, format_, map(to_row, records))
    except (PhotoError, OSError) as error:
        raise RunError(f"cannot write the report: {error}") from error
    return target.name(path)


class ShardWriter:
    """Writes the rows of a run, a shard at a time.

    Args:
        target: where they go; what the run was asked for is written there at once, so that a target
            that cannot be written shows before anything is colored.
        format_: of the shards.
        settings: what the run was asked for, as JSON can hold it.

    Raises:
        RunError: the target cannot be written.
    """

    def __init__(self, target: Target, format_: Format, settings: Mapping[str, Any]) -> None:
        self._target = target
        self._format = format_
        self._records: list[Record] = []
        self._written = time.monotonic()
        path = FOLDER / f"run-{_now()}-{uuid.uuid4().hex[:8]}.json"
        try:
            with target.write(path) as temporary:
                temporary.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
        except (PhotoError, OSError) as error:
            raise RunError(f"cannot write the output: {error}") from error

    def add(self, record: Record) -> None:
        """Report a photograph.

        Raises:
            RunError: the report cannot be written.
        """
        self._records.append(record)
        if len(self._records) >= _ROWS or time.monotonic() - self._written > _SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what is not written yet.

        Raises:
            RunError: it cannot be.
        """
        if self._records:
            write_shard(self._target, self._records, self._format)
            self._records.clear()
        self._written = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.flush()


def merge_reports(place: str, output: Path) -> dict[Status, int]:
    """Make one report of all that lie in an output folder or bucket.

    These are the shards of engines, and the ``report.csv`` and ``report_i_of_n.csv`` of
    ``colorize``. Of each result the last row stays; one that only says "already done" does not
    replace the one that says what was done then. What is kept in memory does not grow with them.

    Args:
        place: the output folder or URL.
        output: the file to write, ``.csv`` or ``.parquet``.

    Returns:
        How many photographs there are of each status.

    Raises:
        ConfigError: ``output`` has another ending.
        RunError: there is a file in its place that is no report.
        DataError: there is no report, or a file among them is none.
    """
    format_ = output.suffix[1:]
    if format_ not in ("csv", "parquet"):
        raise ConfigError(f"expected a file called .csv or .parquet. Received: {output}")
    if output.exists() and not _is_report(output):
        raise RunError(f"{output} exists already, and is no report; choose another name")
    found = list_files(place, FOLDER.name)
    names = [name for name in found if _SHARD.fullmatch(name.rpartition("/")[2])]
    if not names:
        raise DataError(f"expected reports in {place}, or in {FOLDER}/ there; found none")
    # By time; those of `colorize` say none, and come first.
    names.sort(key=lambda name: ("/part-" in name, name.rpartition("/")[2]))
    scratch = Scratch()
    database = sqlite3.connect(scratch.path / "rows")
    with contextlib.closing(scratch), contextlib.closing(database):
        _gather(database, scratch, names)
        make_folder(output.parent)
        with atomic_path(output) as temporary:
            _write(temporary, format_, _rows(database))
        counts = database.execute("SELECT status, count(*) FROM rows GROUP BY status")
        return dict(counts.fetchall())


def _gather(database: sqlite3.Connection, scratch: Scratch, names: Iterable[str]) -> None:
    database.execute(
        "CREATE TABLE rows (source, output, status, same, row, PRIMARY KEY (source, output))"
    )
    for name in names:
        with scratch.fetch(name) as path:
            try:
                for row in _read(path):
                    same = json.dumps([row[column] for column in SAME])
                    database.execute(
                        "INSERT INTO rows VALUES (?, ?, ?, ?, ?) "
                        "ON CONFLICT (source, output) DO UPDATE SET "
                        "status = excluded.status, same = excluded.same, row = excluded.row "
                        "WHERE excluded.status != 'already done' OR status = 'failed' "
                        "OR same != excluded.same",
                        (row["source"], row["output"], row["status"], same, json.dumps(row)),
                    )
            except _DAMAGE as error:
                raise DataError(
                    f"expected {name} to be a report with the columns {', '.join(COLUMNS)}; it is "
                    "damaged, or another file. Move it away"
                ) from error


def _rows(database: sqlite3.Connection) -> Iterator[dict[str, Any]]:
    for (row,) in database.execute("SELECT row FROM rows ORDER BY source, output"):
        yield json.loads(row)


def _read(path: Path) -> Iterator[dict[str, Any]]:
    """Rows of a report.

    Raises:
        KeyError: it has other columns.
        ValueError: it is damaged.
    """
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        for batch in pq.ParquetFile(path).iter_batches():
            yield from batch.to_pylist()
        return
    with path.open(newline="", encoding="utf-8", errors="backslashreplace") as file:
        # Without what `colorize` is just writing, or could not finish.
        lines = (line for line in file if line.endswith("\n"))
        for row in csv.DictReader(lines):
            if None not in row.values():
                yield {name: _parse(name, value) for name, value in row.items()}


def _parse(name: str, value: str) -> str | float | None:
    if name in _INTEGERS:
        return int(value) if value else None
    if name in _NUMBERS:
        return float(value) if value else None
    return value


def _write(path: Path, format_: str, rows: Iterable[Mapping[str, Any]]) -> None:
    if format_ == "csv":
        with path.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(rows)
        return
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = dict.fromkeys(COLUMNS, pa.string())
    types |= dict.fromkeys(_INTEGERS, pa.int64()) | dict.fromkeys(_NUMBERS, pa.float64())
    schema = pa.schema(list(types.items()))
    with pq.ParquetWriter(path, schema) as parquet:
        for part in _chunks(rows, 10_000):
            parquet.write_table(pa.Table.from_pylist([_as_text(row) for row in part], schema))


def _as_text(row: Mapping[str, Any]) -> dict[str, Any]:
    """Without the halves of bytes that no UTF-8 can hold."""
    return {
        name: value.encode("utf-8", "backslashreplace").decode()
        if isinstance(value, str)
        else value
        for name, value in row.items()
    }


def _chunks(rows: Iterable[Mapping[str, Any]], size: int) -> Iterator[list[Mapping[str, Any]]]:
    rows = iter(rows)
    while part := list(itertools.islice(rows, size)):
        yield part


def _is_report(path: Path) -> bool:
    """Whether it has the columns of one, and so has its first row, where there is any."""
    try:
        if path.suffix == ".parquet":
            import pyarrow.parquet as pq

            columns = pq.read_schema(path).names
        else:
            with path.open(newline="", encoding="utf-8", errors="backslashreplace") as file:
                columns = next(csv.reader(file), [])
        return columns == COLUMNS and list(next(_read(path), COLUMNS)) == COLUMNS
    except _DAMAGE:
        return False


def _now() -> str:
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
