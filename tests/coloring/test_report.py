"""The report, across runs that were interrupted."""

import os
import subprocess
from pathlib import Path

import pytest

from keras_colorize.coloring.report import Ledger, Record
from keras_colorize.files import read_rows

NAMES = ["a.jpg", "two\nlines, of a name.jpg", 'with "quotes"\n.jpg', "b.jpg"]


@pytest.mark.parametrize("cut", range(1, 90))
def test_half_a_row_is_taken_out(tmp_path: Path, cut: int) -> None:
    """Cut off at every place of the last two rows, of which one has a name of two lines."""
    path = tmp_path / "report.csv"
    for name in NAMES[:3]:
        with Ledger(path) as ledger:
            ledger.add(Record(name, "", "colorized"))
    whole = read_rows(path)
    path.write_bytes(path.read_bytes()[:-cut])
    with Ledger(path) as ledger:
        ledger.add(Record("b.jpg", "", "failed"))
    rows = read_rows(path)
    assert rows[:-1] == whole[: len(rows) - 1]
    assert (rows[-1]["source"], rows[-1]["status"]) == ("b.jpg", "failed")
    assert len(rows) in (2, 3)


def test_a_result_is_reported_once(tmp_path: Path) -> None:
    """Also one whose row a killed run did not come to write."""
    path = tmp_path / "report.csv"
    done = Record("a.jpg", "out/a.jpg", "already done", settings="{}")
    other = Record("a.jpg", "out/sizes/a.jpg.jpg", "already done", settings="{}")
    for records in ([done], [done, other], [done, other]):
        with Ledger(path) as ledger:
            for record in records:
                ledger.add(record)
    assert [row["output"] for row in read_rows(path)] == ["out/a.jpg", "out/sizes/a.jpg.jpg"]


@pytest.mark.parametrize(
    "name", [b"caf\xe9.jpg", b"\\xe9.jpg", b"\xe9\\\xe9a", "äé家\n".encode(), b"a b"]
)
def test_names_are_text_that_can_be_turned_back(tmp_path: Path, name: bytes) -> None:
    path = tmp_path / "report.csv"
    for _ in range(2):
        with Ledger(path) as ledger:
            ledger.add(Record(os.fsdecode(name), "", "already done", reason=os.fsdecode(name)))
    path.read_text(encoding="utf-8")
    (row,) = read_rows(path)
    script = ["bash", "-c", 'printf %b "$1"', "-", row["source"]]
    assert subprocess.run(script, capture_output=True, check=True).stdout == name
