"""What engines are given to do: the same photographs and names as `colorize` has."""

import os
from pathlib import Path

import pytest

from keras_colorize.cluster.jobs import Job, find_jobs
from keras_colorize.coloring.tasks import Shard, find_tasks
from keras_colorize.errors import ConfigError, DataError
from tests.cluster.conftest import S3
from tests.conftest import SAMPLE

KEYS = ["a.jpg", "A.JPG", "box/a.bmp", "box/a.png", "box/b.tif"]


def put(s3: S3, *keys: str, bucket: str = "scans") -> None:
    for key in keys:
        s3.client.put_object(Bucket=bucket, Key=key, Body=b"x")


def test_folders_give_the_results_of_colorize(tmp_path: Path) -> None:
    tasks = find_tasks([SAMPLE], tmp_path, "PNG", Shard(1, 2))
    for output in (str(tmp_path), "s3://color"):
        jobs = find_jobs([str(SAMPLE)], output, "PNG", Shard(1, 2))
        assert [(Path(job.source), Path(job.relative), job.format) for job in jobs] == [
            (task.source, task.relative, task.format) for task in tasks
        ]


def test_a_bucket_gives_the_results_of_a_folder(s3: S3, tmp_path: Path) -> None:
    put(s3, *KEYS)
    for key in KEYS:
        (tmp_path / "scans" / key).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "scans" / key).touch()
    here = find_jobs([str(tmp_path / "scans")], str(tmp_path / "out"))
    there = find_jobs(["s3://scans", "s3://scans/box"], "s3://color")
    assert [job.relative for job in there] == [job.relative for job in here]
    assert {"box/a.png", "box/a.bmp.png"} <= {job.relative for job in there}
    assert len({job.relative.casefold() for job in there}) == len(KEYS)
    parts = [find_jobs(["s3://scans"], "s3://color", shard=Shard(i, 2)) for i in (1, 2)]
    assert {job for part in parts for job in part} == set(there)
    assert sum(map(len, parts)) == len(there)


@pytest.mark.parametrize(
    ("source", "output"), [("s3", "s3"), ("s3a", "s3a"), ("s3a", "s3"), ("s3", "s3a")]
)
def test_results_are_not_colored_again_and_originals_not_replaced(
    source: str, output: str, s3: S3
) -> None:
    put(s3, "a.jpg", "color/a.jpg", "color/compare/a.jpg.jpg")
    jobs = find_jobs([f"{source}://scans"], f"{output}://scans/color")
    assert [job.source for job in jobs] == ["s3://scans/a.jpg"]
    with pytest.raises(DataError, match=r"would replace s3://scans/a\.jpg\. Choose another"):
        find_jobs([f"{source}://scans/a.jpg"], f"{output}://scans/")
    assert find_jobs([f"{source}://scans/color"], f"{output}://scans/again")
    with pytest.raises(DataError, match=r"would replace s3://scans/color/a\.jpg\. Choose another"):
        find_jobs([f"{source}://scans/color"], f"{output}://scans/color")


def test_what_cannot_be_colored_together_is_refused(s3: S3) -> None:
    with pytest.raises(DataError, match="found none in s3://scans/"):
        put(s3, "notes.txt")
        find_jobs(["s3://scans/"], "s3://color")
    with pytest.raises(ConfigError, match="folders, or URLs, not both"):
        find_jobs([str(SAMPLE), "s3://scans/"], "s3://color")


def test_names_that_are_no_text_travel() -> None:
    job = Job(os.fsdecode(b"caf\xe9/\xff.jpg"), "ä家.jpg", "JPEG")
    assert Job.unpack(job.pack()) == job
    assert job.pack().isascii()
