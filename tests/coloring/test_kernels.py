"""Compiled loops, kept from process to process. What they compute is tested where they are used."""

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT

CODE = """
import resource, signal, sys
import numpy as np
from keras_colorize.coloring.kernels import widen
if limit := int(sys.argv[1]):  # bytes that a file may have, as on a disk that is full there
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
wide = np.empty((1, 1, 2), np.float32)
taps = np.array([[0, 1, 0, 0], [1, 1, 1, 1]]), np.full((2, 4), 0.25, np.float32)
widen(np.array([[[1.0, 5.0]]], np.float32), *taps, wide)
print(*wide.ravel())
"""


def compute(limit: int = 0, **environment: str) -> str:
    """What the code prints in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", CODE, str(limit)],
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout


def test_what_is_compiled_serves_the_next_process(tmp_path: Path) -> None:
    def kept() -> dict[str, int]:
        return {path.name: path.stat().st_mtime_ns for path in tmp_path.rglob("*.nb*")}

    assert compute(NUMBA_CACHE_DIR=str(tmp_path)) == "2.0 5.0\n"
    first = kept()
    assert first
    assert compute(NUMBA_CACHE_DIR=str(tmp_path)) == "2.0 5.0\n"
    assert kept() == first


def test_without_a_place_to_keep_it_all_is_computed_too(tmp_path: Path) -> None:
    """No folder can be written, or the disk is full."""
    # Of all places, only the one that NUMBA_CACHE_DIR names, and it names none.
    nowhere = {"NUMBA_CACHE_DIR": "", "NUMBA_CACHE_LOCATOR_CLASSES": "_UserProvidedCacheLocator"}
    assert compute(**nowhere) == "2.0 5.0\n"
    assert compute(100, NUMBA_CACHE_DIR=str(tmp_path)) == "2.0 5.0\n"
    assert not list(tmp_path.rglob("*.nbc"))
