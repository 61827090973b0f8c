"""The tables of a run, read also while they are being written."""

import csv
import io
from pathlib import Path

from keras_colorize.errors import RunError

__all__ = ["read_numbers", "read_rows"]


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file by column; no rows where there is no file.

    A last line that is still being written, or was cut short by a crash, is left out.
    """
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        text = file.read()
    return list(csv.DictReader(io.StringIO(text[: text.rfind("\n") + 1], newline="")))


def read_numbers(path: Path) -> dict[str, list[float]]:
    """The columns of ``history.csv`` or ``steps.csv``; NaN where a cell is blank.

    Raises:
        RunError: a cell holds no number.
    """
    rows = read_rows(path)
    names = rows[0] if rows else {}
    try:
        return {name: [float(row[name] or "nan") for row in rows] for name in names}
    except (ValueError, TypeError) as error:  # TypeError: more cells than columns
        raise RunError(f"{path} is damaged: {error}") from error
