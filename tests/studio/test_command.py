"""The command: what it refuses before a page is opened."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from keras_colorize.studio import __main__ as studio
from tests.conftest import ROOT, SAMPLE


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere"),
        (["--host", "example.org"], "--host must be an IP address"),
        (["--host", "::1"], "--host must be an IPv4 address"),
        (["--host", "0.0.0.0"], "--host must be one address of this machine"),
        (["--host", "192.0.2.1"], "cannot listen on 192.0.2.1"),
        (["--port", "99999"], "cannot listen on 127.0.0.1:99999"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    photos = [] if arguments == ["nowhere"] else [str(SAMPLE / "historical")]
    output = ["--output", str(tmp_path / "out"), "--no_browser"]
    assert studio.main([*photos, *arguments, *output]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("error: ") and message in line


def test_a_report_of_something_else_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "report.csv").write_text("name,size\na,1\n")
    photos = str(SAMPLE / "historical")
    assert studio.main([photos, "--output", str(tmp_path), "--no_browser"]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("error: expected ") and "found another file" in line


def test_a_model_that_is_not_there_ends_it(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "keras_colorize.studio", "--model", "nowhere.keras"]
    ended = subprocess.run(
        [*command, "--output", str(tmp_path), "--no_browser"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert ended.returncode == 2
    assert "error: expected a saved generator" in ended.stderr


def test_a_port_that_is_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        arguments = ["--output", str(tmp_path), "--no_browser", "--port", port]
        assert studio.main(arguments) == 2
    assert "choose another --port" in capsys.readouterr().err
