"""What a worker does with each photograph, whatever engine it works for."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from keras_colorize import colorize
from keras_colorize.cluster.jobs import Job, find_jobs
from keras_colorize.cluster.work import Work, Worker
from keras_colorize.coloring.report import Record
from keras_colorize.errors import ModelError
from keras_colorize.files import hash_file, read_rows
from tests.cluster.conftest import PHOTOS, S3

PHOTO = PHOTOS[0].read_bytes()


@pytest.fixture(scope="module")
def worker(_server: S3, model: Path) -> Iterator[Worker]:
    worker = Work("s3://color/all", str(model), hash_file(model), threads=2).load()
    yield worker
    worker.close()


def color(worker: Worker, *sources: str) -> dict[str, Record]:
    jobs = find_jobs(sources or ["s3://scans/box"], "s3://color/all")
    return {Path(record.source).name: record for record in worker.process_all(jobs)}


def test_results_are_those_of_colorize_to_the_byte(
    s3: S3, scans: list[str], worker: Worker, model: Path, tmp_path: Path
) -> None:
    records = color(worker)
    out = tmp_path / "out"
    assert colorize.main([str(tmp_path / "box"), "--output", str(out), "--model", str(model)]) == 0
    for row in read_rows(out / "report.csv"):
        name = Path(row["source"]).name
        assert s3.get("color", f"all/{name}") == (out / name).read_bytes()
        record = records[name]
        assert (record.source, record.output) == (
            f"s3://scans/box/{name}",
            f"s3://color/all/{name}",
        )
        same = ("status", "method", "warnings", "input_sha256", "model_sha256", "settings")
        assert [getattr(record, column) for column in same] == [row[column] for column in same]
    assert s3.names("color") == [f"all/{name}" for name in scans]


def test_a_second_run_colors_what_is_missing_and_nothing_else(
    s3: S3, scans: list[str], worker: Worker
) -> None:
    assert {record.status for record in color(worker).values()} == {"colorized"}
    s3.client.delete_object(Bucket="color", Key=f"all/{scans[1]}")
    s3.client.put_object(Bucket="scans", Key=f"box/{scans[2]}", Body=PHOTOS[3].read_bytes())
    s3.asked.clear()
    records = color(worker)
    assert [records[name].status for name in scans] == ["already done", "colorized", "failed"]
    assert "exists already, of another original; pass --overwrite" in records[scans[2]].reason
    assert [path for method, path in s3.asked if method == "PUT"] == [f"/color/all/{scans[1]}"]


def test_what_is_not_ours_stays(s3: S3, scans: list[str], worker: Worker) -> None:
    s3.client.put_object(Bucket="color", Key=f"all/{scans[0]}", Body=b"mine")
    assert "exists already; pass --overwrite" in color(worker)[scans[0]].reason
    assert s3.get("color", f"all/{scans[0]}") == b"mine"


def test_what_fails_is_a_row_and_the_others_go_on(s3: S3, scans: list[str], worker: Worker) -> None:
    """An object that vanishes or is forbidden, one that is no photograph, a target that is full."""
    s3.client.put_object(Bucket="scans", Key="box/bad.jpg", Body=b"not a photograph")
    for name in ("gone.jpg", "secret.jpg", "unwritable.jpg"):
        s3.client.put_object(Bucket="scans", Key=f"box/{name}", Body=PHOTO)
    jobs = find_jobs(["s3://scans/box"], "s3://color/all")
    s3.client.delete_object(Bucket="scans", Key="box/gone.jpg")
    s3.fail("GET", "/scans/box/secret.jpg", status=403, code="AccessDenied")
    s3.fail("PUT", "/color/all/unwritable.jpg", status=507, code="XMinioStorageFull")
    s3.fail("GET", f"/scans/box/{scans[0]}", status=503, code="SlowDown", delay=0.2, times=2)
    s3.fail("PUT", f"/color/all/{scans[1]}", status=500, times=1)
    records = {Path(record.source).name: record for record in worker.process_all(jobs)}
    for name, reason in {
        "bad.jpg": "not a photograph",
        "gone.jpg": "it was listed, but is not there any more",
        "secret.jpg": "forbidden to these credentials",
        "unwritable.jpg": "cannot write s3://color/all/unwritable.jpg: ",
    }.items():
        record = records.pop(name)
        assert record.status == "failed" and reason in record.reason
        assert record.output == f"s3://color/all/{name}"
        assert "\n" not in record.reason
    assert {record.status for record in records.values()} == {"colorized"}
    assert s3.names("color") == [f"all/{name}" for name in scans]


def test_all_machines_must_have_the_same(model: Path) -> None:
    work = Work("s3://color", str(model), "0" * 64)
    with pytest.raises(ModelError, match="to be the same file on all machines"):
        work.load()
    with pytest.raises(ModelError, match=r"expected keras_colorize 0\.0\.9.*Install the same"):
        dataclasses.replace(work, version="0.0.9").load()


def test_a_local_photograph_is_not_copied(model: Path, tmp_path: Path) -> None:
    """Nor is a result of this machine, which goes the way of any other."""
    worker = Work(str(tmp_path), str(model)).load()
    record = worker.process(Job(PHOTOS[0].as_uri(), "a/b.jpg", "JPEG"))
    worker.close()
    assert (record.status, record.output) == ("colorized", str(tmp_path / "a" / "b.jpg"))
    assert record.source == PHOTOS[0].as_uri()
