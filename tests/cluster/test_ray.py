"""Photographs colored by Ray, by workers of which some are killed."""

import dataclasses
import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

import pytest

from keras_colorize.cluster import __main__ as command
from keras_colorize.cluster.jobs import Job
from keras_colorize.cluster.work import Work
from keras_colorize.coloring.report import Record
from keras_colorize.errors import ModelError, RunError
from keras_colorize.files import read_rows
from tests.cluster.conftest import S3

# Ray leaves sockets and files to the end of the process.
pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(scope="module")
def cluster(_server: S3) -> Iterator[None]:
    """Ray on this machine, begun once; its workers know the server."""
    import ray

    ray.init(num_cpus=2, include_dashboard=False, logging_level="error", log_to_driver=False)
    yield
    ray.shutdown()


def test_a_bucket_is_colored_and_reported(
    cluster: None,
    s3: S3,
    scans: list[str],
    model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    s3.client.put_object(Bucket="scans", Key="box/bad.jpg", Body=b"not a photograph")
    s3.fail("GET", "/scans/box/.*", status=503, code="SlowDown", delay=0.2, times=2)
    arguments = ["ray", "s3://scans/box", "--output", "s3://color/all", "--model", str(model)]
    assert command.main([*arguments, "--workers", "1"]) == 1
    assert "3 colorized, 0 already done, 1 failed; see s3://color/all/report/" in (
        capsys.readouterr().out
    )
    assert "failed: s3://scans/box/bad.jpg: not a photograph" in caplog.text
    assert {name for name in s3.names("color") if "report" not in name} == {
        f"all/{name}" for name in scans
    }
    merged = tmp_path / "all.csv"
    assert command.main(["merge", "s3://color/all", "--output", str(merged)]) == 0
    assert {Path(row["source"]).name for row in read_rows(merged)} == {"bad.jpg", *scans}


class Frail:
    """A worker that dies: over one photograph always, over another the first time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def process_all(self, jobs: Sequence[Job]) -> list[Record]:
        records = []
        for job in jobs:
            tried = self._folder / job.relative
            if job.relative == "deadly.jpg" or (job.relative == "7.jpg" and not tried.exists()):
                tried.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            tried.touch()
            records.append(Record(job.source, f"out/{job.relative}", "colorized"))
        return records


@dataclasses.dataclass(frozen=True)
class FrailWork(Work):
    def load(self) -> Frail:  # type: ignore[override]
        return Frail(Path(self.output))


def test_workers_that_die_are_replaced_and_cost_one_photograph(
    cluster: None, tmp_path: Path
) -> None:
    """As the system kills those that take too much memory."""
    from keras_colorize.cluster.ray_engine import color_on_ray

    names = [f"{number}.jpg" for number in range(40)]
    names.insert(35, "deadly.jpg")
    jobs = [Job(f"s3://scans/{name}", name, "JPEG") for name in names]
    records: list[Record] = []
    color_on_ray(jobs, FrailWork(str(tmp_path)), records.append, workers=1, cores=1)
    assert sorted(record.source for record in records) == sorted(job.source for job in jobs)
    (failed,) = (record for record in records if record.status == "failed")
    assert failed.source == "s3://scans/deadly.jpg"
    assert failed.output == str(tmp_path / "deadly.jpg")
    assert "the worker died over it 2 times" in failed.reason


@dataclasses.dataclass(frozen=True)
class OtherWork(Work):
    def load(self) -> NoReturn:
        raise ModelError("expected another model")


def test_workers_that_cannot_begin_are_one_line(cluster: None, tmp_path: Path) -> None:
    from keras_colorize.cluster.ray_engine import color_on_ray

    jobs = [Job("s3://scans/a.jpg", "a.jpg", "JPEG")]
    with pytest.raises(RunError, match=r"Ray cannot go on: .*ModelError: expected another model"):
        color_on_ray(jobs, OtherWork(str(tmp_path)), print, workers=1, cores=1)


def test_what_cannot_begin_is_one_line(
    cluster: None, s3: S3, scans: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments, message in (
        (["s3://no-such-bucket"], "there is no such bucket"),
        (["s3://scans/", "--cores", "99"], "expected a machine with 99 cores for a worker"),
    ):
        assert command.main(["ray", *arguments, "--output", str(tmp_path / "out")]) == 2
        error = capsys.readouterr().err.splitlines()[-1]
        assert error.startswith("error: ") and message in error
