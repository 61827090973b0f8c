"""The report in shards, and one report made of all that lie in an output folder."""

from pathlib import Path
from typing import Literal

import pytest

from keras_colorize.cluster import __main__ as command
from keras_colorize.cluster.shards import ShardWriter, merge_reports, write_shard
from keras_colorize.coloring.report import COLUMNS, Ledger, Record
from keras_colorize.coloring.targets import Folder
from keras_colorize.errors import RunError
from keras_colorize.files import read_rows
from tests.cluster.conftest import S3

SETTINGS = '{"quality":95}'


def record(
    name: str, status: Literal["colorized", "already done", "failed"], **more: object
) -> Record:
    return Record(name, f"out/{name}", status, settings=SETTINGS, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("format_", ["csv", "parquet"])
def test_a_report_is_the_same_in_every_format(
    tmp_path: Path, format_: Literal["csv", "parquet"]
) -> None:
    done = record("a.jpg", "colorized", width=10, height=20, pages=1, seconds=0.25)
    failed = record('two\nlines, and "quotes".jpg', "failed", reason="half \udce9 byte")
    write_shard(Folder(tmp_path), [done, failed], format_)
    assert merge_reports(str(tmp_path), tmp_path / "all.csv") == {"colorized": 1, "failed": 1}
    assert merge_reports(str(tmp_path), tmp_path / "all.parquet") == {"colorized": 1, "failed": 1}
    rows = read_rows(tmp_path / "all.csv")
    assert list(rows[0]) == COLUMNS
    assert rows[0] == dict.fromkeys(COLUMNS, "") | {
        "source": "a.jpg", "output": "out/a.jpg", "status": "colorized", "width": "10",
        "height": "20", "pages": "1", "seconds": "0.25", "settings": SETTINGS,
    }  # fmt: skip
    assert (rows[1]["source"], rows[1]["reason"]) == (failed.source, "half \\udce9 byte")
    import pyarrow.parquet as pq

    table = pq.read_table(tmp_path / "all.parquet")
    assert table.column_names == COLUMNS
    assert table.to_pylist()[0]["width"] == 10


def test_the_last_word_about_a_result_stays(tmp_path: Path) -> None:
    target = Folder(tmp_path)
    for records in (
        [record("a.jpg", "failed", reason="vanished"), record("b.jpg", "colorized", width=7)],
        [record("a.jpg", "colorized"), record("b.jpg", "already done"), record("c.jpg", "failed")],
        [record("b.jpg", "already done"), record("d.jpg", "already done")],
        [record("b.jpg", "already done", input_sha256="other")],
    ):
        write_shard(target, records, "csv")
    merged = tmp_path / "merged.csv"
    assert command.main(["merge", str(tmp_path), "--output", str(merged)]) == 0
    assert [(row["source"], row["status"], row["width"]) for row in read_rows(merged)] == [
        ("a.jpg", "colorized", ""),
        ("b.jpg", "already done", ""),
        ("c.jpg", "failed", ""),
        ("d.jpg", "already done", ""),
    ]
    merge_reports(str(tmp_path), merged)  # may be replaced: it is a report


def test_what_was_done_outlives_that_it_was_done_already(tmp_path: Path) -> None:
    for status in ("colorized", "already done"):
        width = 7 if status == "colorized" else None
        write_shard(Folder(tmp_path), [record("a.jpg", status, width=width)], "csv")  # type: ignore[arg-type]
    merge_reports(str(tmp_path), tmp_path / "all.csv")
    assert [(row["status"], row["width"]) for row in read_rows(tmp_path / "all.csv")] == [
        ("colorized", "7")
    ]


def test_the_reports_of_colorize_belong_to_it(tmp_path: Path) -> None:
    for number, name in enumerate(["a.jpg", "b.jpg"], 1):
        with Ledger(tmp_path / f"report_{number}_of_2.csv") as ledger:
            ledger.add(record(name, "colorized"))
    write_shard(Folder(tmp_path), [record("c.jpg", "colorized")], "parquet")
    with (tmp_path / "report_1_of_2.csv").open("a") as file:
        file.write('d.jpg,"out/d')  # what is just being written
    assert merge_reports(str(tmp_path), tmp_path / "all.csv") == {"colorized": 3}


def test_reports_in_a_bucket(s3: S3, tmp_path: Path) -> None:
    from keras_colorize.cluster.storage import Bucket

    target = Bucket("s3://color/all")
    with ShardWriter(target, "parquet", {"photos": ["s3://scans"]}) as shards:
        shards.add(record("a.jpg", "colorized"))
    kinds = sorted(name.rpartition(".")[2] for name in s3.names("color"))
    assert kinds == ["json", "parquet"]
    assert all(name.startswith("all/report/") for name in s3.names("color"))
    assert merge_reports("s3://color/all/", tmp_path / "all.csv") == {"colorized": 1}


def test_a_target_that_cannot_be_written_shows_at_once(s3: S3, tmp_path: Path) -> None:
    from keras_colorize.cluster.storage import Bucket

    for bucket, reason in (("no-such-bucket", "no such bucket"), ("color", "forbidden")):
        s3.fail("PUT", "/color/.*", status=403, code="AccessDenied")
        with pytest.raises(RunError, match=f"cannot write the output: .*{reason}"):
            ShardWriter(Bucket(f"s3://{bucket}"), "csv", {})
    (tmp_path / "report").touch()
    with pytest.raises(RunError, match="cannot write the output"):
        ShardWriter(Folder(tmp_path), "csv", {})


def test_unusable_calls_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.csv").write_text("name,grade\nann,1\n")
    (tmp_path / "empty").mkdir()
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "report.csv").write_text("name,grade\nann,1\n")
    (tmp_path / "wide").mkdir()
    (tmp_path / "wide" / "report.csv").write_text("x" * 200_000 + "\n")
    write_shard(Folder(tmp_path), [record("a.jpg", "colorized")], "csv")
    for place, output, message in (
        (tmp_path, tmp_path / "mine.csv", "exists already, and is no report"),
        (tmp_path, tmp_path / "all.txt", "a file called .csv or .parquet"),
        (tmp_path / "empty", tmp_path / "all.csv", "found none"),
        (tmp_path / "absent", tmp_path / "all.csv", "expected a folder"),
        (tmp_path / "wide", tmp_path / "all.csv", "report.csv to be a report with the columns"),
        (tmp_path / "damaged", tmp_path / "all.csv", "report.csv to be a report with the columns"),
    ):
        assert command.main(["merge", str(place), "--output", str(output)]) == 2
        error = capsys.readouterr().err
        assert message in error and error.count("\n") == 1
    assert (tmp_path / "mine.csv").read_text() == "name,grade\nann,1\n"
    assert not (tmp_path / "all.csv").exists()


@pytest.mark.parametrize("name", ["all.csv", "all.parquet"])
def test_a_report_without_rows_is_replaced_too(name: str, tmp_path: Path) -> None:
    """Of a run that was interrupted before it had colored anything."""
    place, output = tmp_path / "color", tmp_path / "new" / name
    place.mkdir()
    (place / "report.csv").write_text(",".join(COLUMNS) + "\n")
    arguments = ["merge", str(place), "--output", str(output)]
    assert command.main(arguments) == 0
    before = output.read_bytes()
    assert command.main(arguments) == 0
    write_shard(Folder(place), [record("a.jpg", "colorized")], "csv")
    assert command.main(arguments) == 0
    assert output.read_bytes() != before


@pytest.mark.parametrize("content", ["", "name\n", "x" * 200_000])
def test_no_other_file_is_replaced(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "mine.csv"
    output.write_text(content)
    write_shard(Folder(tmp_path), [record("a.jpg", "colorized")], "csv")
    assert command.main(["merge", str(tmp_path), "--output", str(output)]) == 2
    assert "exists already, and is no report" in capsys.readouterr().err
    assert output.read_text() == content
