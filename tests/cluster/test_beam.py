"""Photographs colored by Apache Beam, on the runner that is Beam's own in Python."""

from pathlib import Path

import pytest

from keras_colorize.cluster import __main__ as command
from keras_colorize.cluster.jobs import Job, find_jobs
from keras_colorize.cluster.work import Work
from keras_colorize.coloring.report import Ledger
from keras_colorize.files import atomic_path, read_rows
from tests.cluster.conftest import PHOTOS, S3

# Beam reads its own modules by deprecated ways.
pytestmark = pytest.mark.filterwarnings("default")


def test_a_bucket_is_colored_and_reported(
    s3: S3, scans: list[str], model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    s3.client.put_object(Bucket="scans", Key="box/bad.jpg", Body=b"not a photograph")
    s3.fail("GET", "/scans/box/.*", status=500, delay=0.2, times=2)
    arguments = ["beam", "s3://scans/box", "--output", "s3://color/all", "--model", str(model)]
    assert command.main([*arguments, "--threads", "2", "--report", "parquet"]) == 1
    assert "3 colorized, 0 already done, 1 failed; see s3://color/all/report/" in (
        capsys.readouterr().out
    )
    s3.client.delete_object(Bucket="color", Key=f"all/{scans[0]}")
    s3.client.delete_object(Bucket="scans", Key="box/bad.jpg")
    assert command.main(arguments) == 0
    assert "1 colorized, 2 already done, 0 failed" in capsys.readouterr().out
    merged = tmp_path / "all.csv"
    assert command.main(["merge", "s3://color/all", "--output", str(merged)]) == 0
    rows = {Path(row["source"]).name: row for row in read_rows(merged)}
    assert rows.keys() == {"bad.jpg", *scans}
    assert {rows[name]["method"] for name in scans} == {"reversible JPEG"}
    assert "not a photograph" in rows["bad.jpg"]["reason"]
    assert {name for name in s3.names("color") if "report" not in name} == {
        f"all/{name}" for name in scans
    }


def test_the_transform_gives_dead_letters_to_other_pipelines(model: Path, tmp_path: Path) -> None:
    import apache_beam as beam
    from apache_beam.testing.test_pipeline import TestPipeline
    from apache_beam.testing.util import assert_that, equal_to

    from keras_colorize.cluster.beam_engine import Colorize

    jobs = [*find_jobs([str(PHOTOS[0])], str(tmp_path)), Job("/absent.jpg", "absent.jpg", "JPEG")]
    with TestPipeline("FnApiRunner") as pipeline:
        work = Work(str(tmp_path), str(model))
        colored = pipeline | beam.Create(jobs) | Colorize(work)
        names = colored[Colorize.COLORED] | "Names" >> beam.Map(lambda record: record.output)
        dead = colored[Colorize.FAILED] | "Dead" >> beam.Map(lambda record: record.source)
        assert_that(names, equal_to([str(tmp_path / PHOTOS[0].name)]), "colored")
        assert_that(dead, equal_to(["/absent.jpg"]), "failed")
    assert (tmp_path / PHOTOS[0].name).exists()


def test_a_folder_is_kept_from_others_and_cleared_of_what_killed_workers_left(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    with atomic_path(out / PHOTOS[0].name) as temporary:
        temporary.touch()
    left = (out / PHOTOS[0].name).rename(temporary)
    arguments = ["beam", str(PHOTOS[0]), "--output", str(out), "--model", str(model)]
    with Ledger(out / "report.csv"):
        assert command.main(arguments) == 2
    assert "another process is writing" in capsys.readouterr().err.splitlines()[-1]
    assert left.exists()
    assert command.main(arguments) == 0
    assert {path.name for path in out.iterdir()} == {PHOTOS[0].name, "report", "report.csv"}
    assert command.main(["merge", str(out), "--output", str(tmp_path / "all.csv")]) == 0


def test_what_cannot_begin_is_one_line(
    s3: S3, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments, message in (
        (["s3://no-such-bucket"], "there is no such bucket"),
        (["s3://scans/", "--threads", "0"], "--threads must be at least 1"),
        (["s3://scans/", "--model", str(tmp_path / "absent")], "cannot read"),
        ([str(tmp_path)], "expected photographs, found none"),
    ):
        assert command.main(["beam", *arguments, "--output", str(tmp_path / "out")]) == 2
        error = capsys.readouterr().err.splitlines()[-1]
        assert error.startswith("error: ") and message in error
