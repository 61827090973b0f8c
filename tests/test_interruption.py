"""Ctrl-C while a command imports ends it quietly; whoever imports the package is left alone."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, SAMPLE

# As some libraries do, which look for what they may lack.
SWALLOWING = """
import os, signal
try:
    os.kill(os.getpid(), signal.SIGINT)
    for _ in range(1000):
        pass
except BaseException:
    pass
"""


def python(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        env=os.environ | {"PYTHONPATH": f"{path}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )


# Of the command's own module; and what it imports once it knows what to do.
@pytest.mark.parametrize("library", ["tqdm", "numba"])
def test_a_command_that_still_imports_ends_quietly(tmp_path: Path, library: str) -> None:
    (tmp_path / f"{library}.py").write_text(SWALLOWING)
    arguments = [str(SAMPLE / "historical"), "--output", str(tmp_path / "out")]
    process = python(tmp_path, "-m", "keras_colorize.colorize", *arguments)
    assert (process.returncode, process.stderr) == (130, "interrupted\n")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("how", ["-c", "-m"])
def test_programs_of_others_keep_their_handler(tmp_path: Path, how: str) -> None:
    code = "import signal, keras_colorize; print(signal.getsignal(signal.SIGINT).__name__)"
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "__init__.py").write_text(code)
    (tmp_path / "theirs" / "tool.py").touch()
    process = python(tmp_path, how, code if how == "-c" else "theirs.tool")
    assert process.stdout.split() == [signal.default_int_handler.__name__], process.stderr
