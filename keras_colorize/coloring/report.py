"""``report.csv``: what was done with each photograph, a row for each attempt, while it is done."""

import csv
import dataclasses
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, get_args

from keras_colorize.coloring.tasks import Shard
from keras_colorize.errors import RunError
from keras_colorize.files import escape_name, lock, naming, read_rows

__all__ = [
    "COLUMNS",
    "SAME",
    "Ledger",
    "Record",
    "Status",
    "describe_counts",
    "read_report",
    "refuse_other_shards",
    "report_path",
    "to_row",
]

_log = logging.getLogger(__name__)

Status = Literal["colorized", "already done", "failed"]


@dataclass(frozen=True)
class Record:
    """One row.

    Attributes:
        source: the photograph; in the file as :func:`~keras_colorize.files.escape_name` writes it.
        output: what it became; likewise.
        status: what was done.
        reason: why it failed.
        method: how it was written: ``reversible JPEG``, or in which format and depth.
        width: in pixels, upright; of the first page.
        height: in pixels.
        pages: how many.
        warnings: what a reader of the result should know, separated by semicolons.
        input_sha256: of the photograph's file.
        model: name of the model.
        model_sha256: of its file.
        settings: what else the result depends on, as JSON.
        seconds: it took.
    """

    source: str
    output: str
    status: Status
    reason: str = ""
    method: str = ""
    width: int | None = None
    height: int | None = None
    pages: int | None = None
    warnings: str = ""
    input_sha256: str = ""
    model: str = ""
    model_sha256: str = ""
    settings: str = ""
    seconds: float | None = None


#: Rows that agree in these columns report the same result.
SAME = ("source", "output", "input_sha256", "model_sha256", "settings")
_REPORT = re.compile(r"report(_[0-9]+_of_(?P<count>[0-9]+))?\.csv")
#: Names of the columns, in their order.
COLUMNS = [field.name for field in dataclasses.fields(Record)]


def describe_counts(counts: Mapping[Status, int]) -> str:
    """How many photographs there are of each status, in words."""
    return ", ".join(f"{counts.get(status, 0)} {status}" for status in get_args(Status))


def to_row(record: Record) -> dict[str, Any]:
    """A row by its columns; paths as :func:`~keras_colorize.files.escape_name` writes them."""
    row = dataclasses.asdict(record)
    return row | {name: escape_name(row[name]) for name in ("source", "output")}


def report_path(output: Path, shard: Shard) -> Path:
    """Where the report of a part of the work lies in the output folder."""
    part = "" if shard.count == 1 else f"_{shard.index}_of_{shard.count}"
    return output / f"report{part}.csv"


def read_report(path: Path) -> list[dict[str, str]]:
    """The rows of a report by column; none where there is no file.

    Raises:
        RunError: there is a file of that name with other columns.
    """
    if path.exists():
        _check_columns(path)
    return read_rows(path)


def _check_columns(path: Path) -> None:
    expected = ",".join(COLUMNS)
    with path.open(encoding="utf-8", errors="surrogateescape") as file:
        header = file.readline()
    if header and header.rstrip("\r\n") != expected:
        raise RunError(
            f"expected {path} to be absent, or a report with the columns {', '.join(COLUMNS)}; "
            "found another file. Move it away, or choose another --output"
        )


def refuse_other_shards(output: Path, shard: Shard) -> None:
    """Refuse to work beside processes whose parts are of another number, and overlap with this.

    Raises:
        RunError: there is one.
    """
    for path in output.glob("report*.csv"):
        match = _REPORT.fullmatch(path.name)
        if match is None or int(match["count"] or 1) == shard.count:
            continue
        with path.open(encoding="utf-8") as file:
            try:
                # Shared: others who look at the same time are not taken for the one who writes.
                lock(file, wait=False, shared=True)
            except BlockingIOError as error:
                raise RunError(
                    f"another process is writing {path}, and its part of the work overlaps with "
                    "this one; wait for it, give all processes a --shard i/n of the same n, or "
                    "choose another --output"
                ) from error
            except OSError:  # no locks, which opening the report has told
                return


class Ledger:
    """The report of a run, continued where an earlier one was interrupted.

    Every row is on its way to the disk before the next photograph is reported, so that a killed
    run loses none; half a row that a power cut left is taken out. One process writes it at a time.

    Args:
        path: the file, in a folder that exists.

    Raises:
        RunError: there is a file of that name with other columns, or another process writes it.
        OSError: it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("a", newline="", encoding="utf-8", errors="backslashreplace")
        try:
            self._lock()
            _check_columns(path)
            self._cut_last_row()
            rows = read_rows(path)
            self._done = {
                tuple(row[name] for name in SAME)
                for row in rows
                if row["status"] in ("colorized", "already done")
            }
            self._writer = csv.DictWriter(self._file, COLUMNS)
            if path.stat().st_size == 0:
                with naming(path):
                    self._writer.writeheader()
                    self._file.flush()  # at once: half of it would not be known for a report
        except BaseException:
            self._file.close()
            raise

    def add(self, record: Record) -> None:
        """Report a photograph; one that was done before, and reported then, is not again."""
        row = to_row(record)
        if record.status == "already done" and tuple(row[name] for name in SAME) in self._done:
            return
        with naming(self.path):
            self._writer.writerow(row)
            self._file.flush()

    def _lock(self) -> None:
        try:
            lock(self._file, wait=False)
        except BlockingIOError as error:
            raise RunError(
                f"another process is writing {self.path}; wait for it, choose another --output, or "
                "share the work between both with --shard"
            ) from error
        except OSError as error:  # as of some network drives
            _log.warning("%s cannot be locked: start no second process there (%s)",
                         self.path, error.strerror)  # fmt: skip

    def _cut_last_row(self) -> None:
        with self.path.open("rb+") as file:
            content = file.read()
            whole = content.rfind(b"\n") + 1
            # Within quotes, which stand in pairs, it is a line of a name.
            while content.count(b'"', 0, whole) % 2:
                whole = content.rfind(b"\n", 0, whole - 1) + 1
            if whole < len(content):
                file.truncate(whole)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with naming(self.path):  # closing tries again what could not be written
            self._file.close()
