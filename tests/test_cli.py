"""What the commands share."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from keras_colorize.cli import without_remarks
from tests.conftest import ROOT, save_loud_generator


def test_remarks_of_the_libraries_are_left_out_and_errors_are_not(
    capfd: pytest.CaptureFixture[str],
) -> None:
    said = [
        "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR",
        "W0000 00:00:1796068111.828340   23421 helpers.cc:392] Ignored output_format.",
        "E0000 00:00:1796068111.828445   23421 helpers.cc:395] Out of memory.",
        "INFO: Created TensorFlow Lite XNNPACK delegate for CPU.",
        "WARNING: the model has no input.",
    ]
    with without_remarks():
        os.write(2, "\n".join(said).encode())
    assert capfd.readouterr().err == f"{said[2]}\n{said[4]}"


def test_packing_says_what_came_of_it_and_nothing_else(tmp_path: Path) -> None:
    model = save_loud_generator(tmp_path / "generator.keras")
    arguments = ["--model", str(model), "--output", str(tmp_path / "packed.keras")]
    process = subprocess.run(
        [sys.executable, "-m", "keras_colorize.pack", *arguments],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "with a twin" in process.stdout
    assert process.stderr == ""
