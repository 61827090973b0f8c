"""A training on several devices and on several machines is the training on one."""

import dataclasses
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import yaml

from keras_colorize import fit
from keras_colorize.config import DataConfig, FitConfig
from keras_colorize.config_checks import check_shares
from keras_colorize.errors import ConfigError
from keras_colorize.files import read_numbers
from keras_colorize.inspection.snapshots import load_statistics
from keras_colorize.training.loop import train
from keras_colorize.training.replicas import find_worker
from tests.conftest import ROOT, tiny_config

LAYER = "generator/up_1_relu"
# What normalizes a layer makes its bias meaningless: its gradient is what rounding leaves of zero,
# and Adam makes steps of it.
MEANINGLESS = re.compile(r"^(generator|discriminator|average)/\d+/(bias|moving_mean)$")


@dataclass
class Runs:
    """One run on one device, on two devices, and on two workers of which one was killed.

    Attributes:
        single: the folder of the first, and so on.
        killed: standard error of both workers, when one of them had been killed.
        printed: standard output of both workers then.
        status: exit status of all processes that ended by themselves.
        followed: where the second worker would have written.
    """

    single: Path
    mirrored: Path
    multi_worker: Path
    killed: list[str]
    printed: list[str]
    status: list[int]
    followed: Path


def start(*arguments: object, worker: tuple[int, list[str]] | None = None) -> subprocess.Popen:
    environment = dict(os.environ)
    if worker is not None:
        index, addresses = worker
        cluster = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        environment["TF_CONFIG"] = json.dumps(cluster)
    command = [sys.executable, "-m", "tests.training.worker", *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=pipe, stderr=pipe, text=True)


def free_addresses() -> list[str]:
    sockets = [socket.socket() for _ in range(2)]
    for bound in sockets:
        bound.bind(("127.0.0.1", 0))
    addresses = ["{}:{}".format(*bound.getsockname()) for bound in sockets]
    for bound in sockets:
        bound.close()
    return addresses


def write(config: FitConfig, path: Path, runs: Path, **training: object) -> Path:
    changed = dataclasses.replace(
        config, runs=str(runs), training=dataclasses.replace(config.training, **training)
    )
    path.write_text(yaml.safe_dump(dataclasses.asdict(changed)))
    return path


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    folder = tmp_path_factory.mktemp("distribution")
    tiny = tiny_config(folder)
    config = dataclasses.replace(
        tiny,
        runs=str(folder / "none"),
        data=dataclasses.replace(tiny.data, historical_share=0.5),
        generator=dataclasses.replace(tiny.generator, dropout=0.0),
        training=dataclasses.replace(tiny.training, reconstruction_steps=4),
        tracking=dataclasses.replace(
            tiny.tracking, statistics_steps=4, statistics_photos=1, statistics_layers=[LAYER]
        ),
    )
    mirrored = write(config, folder / "m.yaml", folder / "mirrored", distribution="mirrored")
    several = {"distribution": "multi_worker"}
    chief = write(config, folder / "chief.yaml", folder / "multi_worker", **several)
    other = write(config, folder / "other.yaml", folder / "followed", **several)
    longer = write(config, folder / "longer.yaml", folder / "followed", epochs=3, **several)
    processes = [start(mirrored, "--devices", 2)]
    try:
        addresses = free_addresses()
        pair = [
            start(chief, chief, worker=(0, addresses)),
            start(longer, other, "--kill", 3, worker=(1, addresses)),
        ]
        processes += pair
        single = train(config, show_progress=False).run.root
        answers = [process.communicate() for process in pair]
        addresses = free_addresses()
        again = [start(c, worker=(i, addresses)) for i, c in enumerate([chief, other])]
        processes += again
        for process in (processes[0], *again):
            _, error = process.communicate()
            assert process.returncode == 0, error[-2000:]
        yield Runs(
            single,
            folder / "mirrored" / config.name,
            folder / "multi_worker" / config.name,
            killed=[error for _, error in answers],
            printed=[output for output, _ in answers],
            status=[process.returncode for process in pair],
            followed=folder / "followed",
        )
    finally:
        for process in processes:
            process.kill()
            process.wait()


def weights(run: Path) -> dict[str, np.ndarray]:
    with np.load(sorted(run.glob("checkpoints/step_*.npz"))[-1]) as archive:
        groups = ("generator/", "discriminator/", "average/")
        return {name: archive[name] for name in archive.files if name.startswith(groups)}


@pytest.mark.parametrize("kind", ["mirrored", "multi_worker"])
def test_several_devices_train_as_one_does(runs: Runs, kind: str) -> None:
    """Every value of every step, every mean of an epoch, and what the networks have become."""
    run = getattr(runs, kind)
    for table, tolerance in (("steps.csv", 1e-5), ("history.csv", 2e-3)):
        expected, received = read_numbers(runs.single / table), read_numbers(run / table)
        assert expected.keys() == received.keys()
        for name, values in expected.items():
            # A validation normalizes by moving means, which trail the meaningless biases.
            loose = 0.1 if name.startswith("val_") and name.endswith("accuracy") else tolerance
            np.testing.assert_allclose(received[name], values, loose, 1e-6, err_msg=name)
    expected_weights, received_weights = weights(runs.single), weights(run)
    assert expected_weights.keys() == received_weights.keys()
    compared = [name for name in expected_weights if not MEANINGLESS.match(name)]
    assert len(compared) > 15
    for name in compared:
        np.testing.assert_allclose(
            received_weights[name], expected_weights[name], atol=1e-5, err_msg=name
        )


@pytest.mark.parametrize("kind", ["mirrored", "multi_worker"])
def test_layers_are_measured_as_on_one_device(runs: Runs, kind: str) -> None:
    expected, received = (
        load_statistics(run / "activations") for run in (runs.single, getattr(runs, kind))
    )
    assert list(received.steps) == list(expected.steps)
    np.testing.assert_allclose(received.values, expected.values, rtol=1e-2, atol=1e-3)


def test_workers_with_different_settings_refuse_to_start(runs: Runs) -> None:
    for output, error in zip(runs.printed, runs.killed, strict=True):
        assert output.splitlines()[0] == "status 2"
        assert "workers 0 and 1 were given different settings (training.epochs: 2 and 3)" in error


def test_a_lost_worker_ends_the_run_with_a_message(runs: Runs) -> None:
    assert runs.status == [0, -9]
    assert runs.printed[0].splitlines() == ["status 2", "status 2"]
    (line,) = [line for line in runs.killed[0].splitlines() if "has lost another" in line]
    assert line.startswith("error: worker 0 of 2")
    assert "the same command" in line
    assert "step_00000002.npz" in line


def test_the_chief_alone_writes(runs: Runs) -> None:
    assert not runs.followed.exists()
    files, single = (
        {path.relative_to(root) for path in root.rglob("*") if path.is_file()}
        for root in (runs.multi_worker, runs.single)
    )
    assert files == single


def test_devices_that_cannot_share_a_batch_are_told() -> None:
    data = DataConfig(modern=["m"], historical=["h"], batch_size=8)
    check_shares(data, 2, has_historical=True)
    with pytest.raises(ConfigError, match="6 modern and 2 historical"):
        check_shares(data, 4, has_historical=True)
    check_shares(data, 4, has_historical=False)


@pytest.mark.parametrize(
    "config",
    [
        "",
        "{",
        "[]",
        '{"cluster": {"worker": ["a:1"]}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "evaluator", "index": 0}}',
        '{"cluster": {"worker": ["a:1"], "ps": ["b:1"]}, "task": {"type": "worker", "index": 0}}',
    ],
)
def test_a_cluster_that_makes_no_sense_is_refused(config: str) -> None:
    with pytest.raises(ConfigError, match=r"needs the environment variable TF_CONFIG.*host1:2222"):
        find_worker({"TF_CONFIG": config})


def test_workers_are_counted_from_the_chief() -> None:
    cluster = {"chief": ["a:1"], "worker": ["b:1", "c:1"]}
    for kind, index, number in (("chief", 0, 0), ("worker", 0, 1), ("worker", 1, 2)):
        config = json.dumps({"cluster": cluster, "task": {"type": kind, "index": index}})
        assert find_worker({"TF_CONFIG": config}) == (number, 3)


def test_without_a_cluster_nothing_is_begun(
    tiny: FitConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("TF_CONFIG", raising=False)
    file = write(tiny, tmp_path / "c.yaml", tmp_path / "runs", distribution="multi_worker")
    assert fit.main(["--config", str(file)]) == 2
    assert "TF_CONFIG" in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "runs").exists()
