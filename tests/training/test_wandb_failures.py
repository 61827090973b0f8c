"""Runs that are killed and continued, WandB that goes wrong, and where it logs."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import keras
import pytest
import wandb

from keras_colorize.config import TrackingConfig
from keras_colorize.run_folder import RunFolder
from keras_colorize.training.callbacks.wandb_logger import WandbLogger, _obstacle, asked_mode
from tests.conftest import ROOT
from tests.training.wandb_reader import (
    OFFLINE,
    forget_login,
    history,
    logs_of,
    paint,
    read,
    rows_with,
    warnings_in,
)

NOBODY = "http://127.0.0.1:9"  # listens there


@pytest.fixture(autouse=True)
def no_login(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    forget_login(monkeypatch, tmp_path)


# A run that is killed and continued


class KillAt(keras.callbacks.Callback):
    """Kill this process as a power cut would."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self.step = step

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if int(self.model.optimizer.iterations) == self.step:
            time.sleep(0.5)  # by then WandB's process has received the rows, if not written them
            os.kill(os.getpid(), signal.SIGKILL)


KILLED_RUN = """
import sys
from pathlib import Path
from tests.training.test_wandb_failures import KillAt
from tests.training.wandb_reader import paint
paint(Path(sys.argv[1]), steps_per_epoch=50, epochs=3, callbacks=[KillAt(130)])
"""


def test_killed_run_goes_on_in_the_same_wandb_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = tmp_path / "killed"
    process = subprocess.run(
        [sys.executable, "-c", KILLED_RUN, str(root)],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    assert process.returncode == -signal.SIGKILL, process.stderr.decode()[-2000:]
    paint(root, start_step=100, steps_per_epoch=50, epochs=3)
    assert not warnings_in(caplog)

    first, second = logs_of(root)
    before, after = history(read(first, finished=False)), history(read(second))
    ids = {r.run.run_id for r in read(first, finished=False) + read(second) if r.HasField("run")}
    assert ids == {(root / "wandb_id").read_text()}
    steps = [[row["step"] for row in rows_with(rows, "train/")] for rows in (before, after)]
    assert 0 < len(steps[0]) < 130
    assert steps[0] == list(range(1, len(steps[0]) + 1)), "all but what it had not written yet"
    assert steps[1] == list(range(101, 151)), "on the same axis"
    assert [row["epoch"] for row in rows_with(after, "epoch/")] == [3]


# WandB goes wrong


def test_failure_while_logging_is_reported_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(self: wandb.Run, *arguments: object, **options: object) -> None:
        calls.append(arguments)
        raise OSError(28, "No space left on device")

    calls: list[object] = []
    monkeypatch.setattr(wandb.Run, "log", fail)
    paint(tmp_path / "run")
    (message,) = warnings_in(caplog)
    assert "Weights & Biases failed" in message
    assert "No space left on device" in message
    assert len(calls) == 1, "it is off for the rest"


def test_folder_that_cannot_be_written_is_reported_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = tmp_path / "run"
    root.mkdir()
    (root / "wandb").write_text("mine")  # root may write to any folder, but not to a file
    paint(root)
    (message,) = warnings_in(caplog)
    assert "NotADirectoryError" in message
    assert (root / "wandb").read_text() == "mine"


def test_failure_to_finish_is_reported_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(self: wandb.Run, exit_code: int | None = None) -> None:
        raise TimeoutError("Timed out finishing run.")

    monkeypatch.setattr(wandb.Run, "finish", fail)
    paint(tmp_path / "run")
    (message,) = warnings_in(caplog)
    assert "Timed out finishing" in message


def test_broken_training_is_a_failed_run(tmp_path: Path) -> None:
    class Break(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        paint(tmp_path / "run", callbacks=[Break()])
    (log,) = logs_of(tmp_path / "run")
    records = read(log)
    assert records[-1].exit.exit_code == 1
    assert [row["step"] for row in rows_with(history(records), "train/")] == [1, 2]


def test_closing_twice_is_closing_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model = paint(tmp_path / "run")
    logger = WandbLogger(
        RunFolder(tmp_path / "run"),
        OFFLINE,
        {},
        {},
        None,
        log_steps=1,
        sample_epochs=9,
        epochs=9,
    )
    logger.set_model(model)
    logger.close()  # before it has begun
    logger.on_train_begin()
    logger.close()
    logger.close()
    logger.on_train_batch_end(0, {"loss": 1.0})
    logger.log_models()
    assert not warnings_in(caplog)
    assert not history(read(logs_of(tmp_path / "run")[1]))


# Where it logs


@pytest.mark.parametrize(
    ("configured", "environment", "mode"),
    [
        ("auto", {}, "auto"),
        ("auto", {"WANDB_MODE": ""}, "auto"),
        ("auto", {"WANDB_MODE": "offline"}, "offline"),
        ("auto", {"WANDB_MODE": "online"}, "online"),
        ("auto", {"WANDB_MODE": "disabled"}, "disabled"),
        ("auto", {"WANDB_MODE": "dryrun"}, "offline"),
        ("offline", {"WANDB_MODE": "online"}, "offline"),
        ("online", {"WANDB_MODE": "offline"}, "online"),
        ("disabled", {"WANDB_MODE": "online"}, "disabled"),
    ],
)
def test_setting_decides_before_the_environment(
    configured: Any, environment: dict[str, str], mode: str
) -> None:
    assert asked_mode(configured, environment) == mode


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server that answers, if only that there is nothing; WandB is told that it is its own."""

    class Nothing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        def log_message(self, *arguments: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Nothing) as server:
        threading.Thread(target=server.serve_forever).start()
        address = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv("WANDB_BASE_URL", address)
        yield address
        server.shutdown()


def test_login_and_server_are_what_it_takes_to_be_online(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "no login" in str(_obstacle())
    host = server.removeprefix("http://")
    (tmp_path / "netrc").write_text(f"machine {host} login user password {'a' * 40}\n")
    assert _obstacle() is None
    (tmp_path / "netrc").unlink()
    monkeypatch.setenv("WANDB_API_KEY", "a" * 40)
    assert _obstacle() is None
    monkeypatch.setenv("WANDB_BASE_URL", NOBODY)
    assert _obstacle() == f"{NOBODY} does not answer"


@pytest.mark.parametrize(
    ("key", "reason"), [("", "there is no login"), ("a" * 40, f"{NOBODY} does not answer")]
)
def test_auto_is_offline_where_it_has_to_be_and_says_so(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    key: str,
    reason: str,
) -> None:
    monkeypatch.setenv("WANDB_BASE_URL", NOBODY)
    monkeypatch.setenv("WANDB_API_KEY", key)
    caplog.set_level(logging.INFO, logger="keras_colorize")
    root = tmp_path / "run"
    paint(root, TrackingConfig(wandb="auto"))
    (message,) = [r.getMessage() for r in caplog.records if "Weights" in r.getMessage()]
    assert f"offline, for {reason}" in message
    assert f"wandb sync --append {root}/wandb/offline-run-*" in message
    assert len(logs_of(root)) == 1
    assert capfd.readouterr() == ("", "")


def test_disabled_leaves_wandb_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)  # importing it would fail
    paint(tmp_path / "disabled", TrackingConfig(wandb="disabled"))
    monkeypatch.setenv("WANDB_MODE", "disabled")
    paint(tmp_path / "auto", TrackingConfig(wandb="auto"))
    assert not warnings_in(caplog)
    for name in ("disabled", "auto"):
        assert {path.name for path in (tmp_path / name).iterdir()} == {"history.csv", "steps.csv"}


def test_wandb_that_is_not_installed_is_reported_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    paint(tmp_path / "run")
    (message,) = warnings_in(caplog)
    assert "ModuleNotFoundError" in message


@pytest.mark.parametrize(
    ("key", "reason"), [("", "wandb login"), ("a" * 40, f"{NOBODY} does not answer")]
)
def test_online_where_it_cannot_be_is_reported_once(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    key: str,
    reason: str,
) -> None:
    monkeypatch.setenv("WANDB_BASE_URL", NOBODY)
    monkeypatch.setenv("WANDB_API_KEY", key)
    paint(tmp_path / "run", TrackingConfig(wandb="online"))
    (message,) = warnings_in(caplog)
    assert reason in message
