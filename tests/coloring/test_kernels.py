"""Compiled loops: there or not there. That they compute the same is tested where they are used."""

import subprocess
import sys
from pathlib import Path

import pytest

from keras_colorize.coloring import kernels
from tests.conftest import ROOT

CODE = """
import logging
logging.basicConfig()
from keras_colorize.coloring import kernels
print([getattr(kernels, name) is None for name in kernels.__all__])
"""


def run_with(numba: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """In a process that finds some other package by Numba's name."""
    (folder / "numba.py").write_text(numba)
    return subprocess.run(
        [sys.executable, "-c", CODE],
        env={"PYTHONPATH": f"{folder}:{ROOT}"},
        capture_output=True,
        text=True,
        check=True,
    )


def test_without_numba_nothing_is_compiled_nor_said(tmp_path: Path) -> None:
    result = run_with("raise ModuleNotFoundError('none here', name='numba')", tmp_path)
    assert result.stdout == f"{[True] * len(kernels.__all__)}\n"
    assert not result.stderr


@pytest.mark.parametrize(
    "error",
    [
        "ImportError('Numba needs NumPy 2.4 or less')",
        "ModuleNotFoundError('Numba needs NumPy 2.4 or less', name='llvmlite')",
        "OSError('Numba needs NumPy 2.4 or less')",
    ],
)
def test_a_numba_that_does_not_load_is_reported(error: str, tmp_path: Path) -> None:
    result = run_with(f"raise {error}", tmp_path)
    assert result.stdout == f"{[True] * len(kernels.__all__)}\n"
    assert "going on, slower, without Numba: Numba needs NumPy 2.4 or less" in result.stderr
