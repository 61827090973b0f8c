"""`--shard` under what others schedule with: each photograph in one part, and in no other."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT, copy_sample

DEPLOY = ROOT / "docs" / "deploy"
PAGE = (ROOT / "docs" / "how-to" / "clusters.md").read_text(encoding="utf-8")
PARTS = 3


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Seven photographs, and a ``python`` that is this one and only says what it would do."""
    copy_sample("historical", 7, tmp_path / "scans")
    stand_in = tmp_path / "bin" / "python"
    stand_in.parent.mkdir()
    stand_in.write_text(f'#!/bin/sh\nexec {sys.executable} "$@" --dry_run\n')
    stand_in.chmod(0o755)
    return tmp_path


def run(archive: Path, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    path = f"{archive / 'bin'}:{os.environ['PATH']}"
    return subprocess.run(
        command,
        env=os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)} | variables,
        cwd=archive,
        capture_output=True,
        text=True,
        check=False,
    )


def planned(printed: str) -> Iterator[str]:
    return iter(re.findall(r"^(\S+) -> ", printed, re.MULTILINE))


def check(archive: Path, printed: str) -> None:
    """All photographs, each once."""
    sources = sorted(Path(source).name for source in planned(printed))
    assert sources == sorted(path.name for path in (archive / "scans").iterdir())


def test_a_slurm_array(archive: Path) -> None:
    script = str(DEPLOY / "slurm_array.sh")
    array = {"SLURM_ARRAY_TASK_MIN": "1", "SLURM_ARRAY_TASK_MAX": str(PARTS)}
    array |= {"SLURM_ARRAY_TASK_COUNT": str(PARTS), "SLURM_CPUS_PER_TASK": "2"}
    arguments = ["bash", script, "scans", "--output", "color"]
    printed = ""
    for part in range(1, PARTS + 1):
        done = run(archive, *arguments, **array, SLURM_ARRAY_TASK_ID=str(part))
        assert done.returncode == 0, done.stderr
        printed += done.stdout
    check(archive, printed)
    gaps = run(archive, *arguments, **array | {"SLURM_ARRAY_TASK_MAX": "5"})
    assert (gaps.returncode, gaps.stderr) == (2, "error: the array must be 1-N, without gaps\n")
    alone = run(archive, *arguments)
    assert alone.returncode != 0 and "submit it as an array" in alone.stderr


def test_an_indexed_job_of_kubernetes(archive: Path) -> None:
    import kubernetes_validate

    job = yaml.safe_load((DEPLOY / "kubernetes_job.yaml").read_text())
    kubernetes_validate.validate(job, "1.33", strict=True)
    (container,) = job["spec"]["template"]["spec"]["containers"]
    (parts,) = (entry["value"] for entry in container["env"] if entry["name"] == "PARTS")
    assert job["spec"]["completionMode"] == "Indexed"
    assert int(parts) == job["spec"]["completions"]
    *shell, script = container["command"]
    (mounted,) = (mount["mountPath"] for mount in container["volumeMounts"])
    here = script.replace(f"{mounted}/", "")
    assert here != script
    printed = ""
    for index in range(PARTS):
        done = run(archive, *shell, here, JOB_COMPLETION_INDEX=str(index), PARTS=str(PARTS))
        assert done.returncode == 0, done.stderr
        printed += done.stdout
    check(archive, printed)


@pytest.mark.skipif(shutil.which("parallel") is None, reason="GNU parallel is not installed")
def test_gnu_parallel(archive: Path) -> None:
    (recipe,) = re.findall(r"^```sh\n(parallel .*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    hosts = re.sub(r"--sshlogin \S+ |--workdir \S+ ", "", recipe)
    script = hosts.replace("/archive/", "").replace("8", str(PARTS))
    done = run(archive, "bash", "-c", script, HOME=str(archive))
    assert done.returncode == 0, done.stderr
    check(archive, done.stdout)
