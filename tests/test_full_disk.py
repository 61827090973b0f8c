"""Disks that are full, or may not be written any more, in the middle of a command.

A small file system in memory, mounted for the test: what a limit on the size of files does is
something else.
"""

import dataclasses
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from keras_colorize import colorize, export, fit
from keras_colorize.photos.writing import save_picture
from keras_colorize.run_folder import RunFolder
from tests.conftest import copy_sample, save_loud_generator, tiny_config

KIB = 1024
PAGE = 4096


class Disk:
    """A file system of its own, of so many KiB."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._filling = root / "filling"

    def mount(self, options: str) -> bool:
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self.root)]
        return subprocess.run(command, check=False, capture_output=True).returncode == 0

    def fill(self, free: int) -> None:
        """Leave so many KiB."""
        status = os.statvfs(self.root)
        self._filling.write_bytes(bytes(status.f_bavail * status.f_frsize - free * KIB))

    def free(self) -> None:
        self._filling.unlink()

    def contents(self) -> set[str]:
        files = (path for path in self.root.rglob("*") if path.is_file())
        return {str(path.relative_to(self.root)) for path in files} - {"filling"}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    root = tmp_path / "disk"
    root.mkdir()
    disk = Disk(root)
    if not disk.mount("size=4m"):
        pytest.skip("no file system can be mounted here: that needs root, and Linux")
    yield disk
    subprocess.run(["umount", "--lazy", str(root)], check=True)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_loud_generator(tmp_path_factory.mktemp("model") / "generator.keras")


Lines = Callable[[], list[str]]


@pytest.fixture
def errors(capfd: pytest.CaptureFixture[str]) -> Lines:
    """The lines of standard error that are no progress; none of them a traceback's."""

    def read() -> list[str]:
        err = capfd.readouterr().err
        assert "Traceback" not in err and "Exception ignored" not in err
        return [line for line in err.splitlines() if line.startswith("error:")]

    return read


@pytest.mark.parametrize("suffix", [".jpg", ".bmp", ".tif", ".png", ".webp"])
def test_a_picture_is_whole_or_an_error(disk: Disk, suffix: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (60, 50, 3), np.uint8)
    picture = Image.fromarray(noise)
    path = disk.root / f"noise{suffix}"
    save_picture(picture, path)
    whole = path.stat().st_size
    path.unlink()
    disk.fill(whole // PAGE * PAGE // KIB)  # all of it but what is on its last page
    with pytest.raises(OSError, match="No space left"):
        save_picture(picture, path)


def test_coloring_stops_and_goes_on(disk: Disk, model: Path, tmp_path: Path, errors: Lines) -> None:
    photos = copy_sample("historical", 6, tmp_path / "photos")
    call = [str(photos), "--output", str(disk.root / "out"), "--model", str(model), "--workers"]
    disk.fill(100)
    assert colorize.main([*call, "2"]) == 2
    (line,) = errors()
    assert str(disk.root) in line and "No space left on device" in line
    done = {name for name in disk.contents() if name.endswith(".jpg")}
    assert len(done) < 6
    for name in done:
        with Image.open(disk.root / name) as image:
            image.load()
    assert not [name for name in disk.contents() if Path(name).name.startswith(".")]
    before = {name: (disk.root / name).read_bytes() for name in done}

    disk.free()
    assert colorize.main([*call, "2"]) == 0
    assert before == {name: (disk.root / name).read_bytes() for name in done}
    assert len([name for name in disk.contents() if name.endswith(".jpg")]) == 6


def test_coloring_into_what_may_not_be_written(
    disk: Disk, model: Path, tmp_path: Path, errors: Lines
) -> None:
    photos = copy_sample("historical", 2, tmp_path / "photos")
    call = [str(photos), "--output", str(disk.root / "out"), "--model", str(model)]
    assert disk.mount("remount,ro")
    assert colorize.main(call) == 2
    (line,) = errors()
    assert "Read-only file system" in line


def test_training_stops_and_goes_on(disk: Disk, tmp_path: Path, errors: Lines) -> None:
    config = dataclasses.replace(tiny_config(tmp_path), runs=str(disk.root / "runs"))
    config = dataclasses.replace(config, training=dataclasses.replace(config.training, epochs=1))
    file = tmp_path / "tiny.yaml"
    file.write_text(yaml.safe_dump(dataclasses.asdict(config)))
    run = RunFolder(Path(config.runs) / config.name)
    disk.fill(150)  # of a checkpoint and a half
    assert fit.main(["--config", str(file)]) == 2
    (line,) = errors()
    assert str(disk.root) in line and "No space left on device" in line
    kept = list(run.checkpoints.glob("step_*.npz"))
    assert kept and not run.generator.exists()

    disk.free()
    assert fit.main(["--config", str(file)]) == 0
    assert run.generator.exists()
    assert len(run.history.read_text().splitlines()) == 1 + config.training.epochs
    assert not [name for name in disk.contents() if Path(name).name.startswith(".")]


def test_an_export_is_complete_or_absent(disk: Disk, model: Path, errors: Lines) -> None:
    call = ["--format", "saved_model", "--model", str(model), "--output", str(disk.root / "served")]
    disk.fill(16)
    assert export.main(call) == 2
    (line,) = errors()
    assert str(disk.root) in line and "No space left on device" in line
    assert disk.contents() == set()
