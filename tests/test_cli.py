"""How the commands conduct themselves, whatever each of them does."""

import importlib
from pathlib import Path

import pytest

from keras_colorize.models.saved import find_shipped
from tests.conftest import ROOT, SAMPLE

MODERN = sorted((SAMPLE / "modern").glob("*.jpg"))
RUN = ROOT / "tests" / "fixtures" / "run_before_the_move" / "run"


def run(command: str, *arguments: object) -> int:
    module = importlib.import_module(f"keras_colorize.{command}")
    return module.main([str(argument) for argument in arguments])


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("colorize", [MODERN[0]]),
        ("evaluate", ["--photos", SAMPLE / "modern", "--gray_only", "--size", 32]),
        ("export", ["--format", "saved_model"]),
        ("inspect", [RUN]),
    ],
)
@pytest.mark.parametrize("inside", [".", "results"])
def test_a_file_in_the_place_of_the_output_folder(
    command: str,
    arguments: list[object],
    inside: str,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("mine")
    assert run(command, *arguments, "--output", notes / inside) == 2
    error = capfd.readouterr().err
    assert f"error: expected a folder for results. Received: {notes / inside}" in error
    assert "notes.txt is a file" in error
    assert notes.read_text() == "mine"


@pytest.mark.parametrize(
    ("command", "arguments", "name"),
    [
        ("film_sheet", [MODERN[0], "--size", 16, "--stocks", "snapshot"], "sheet.png"),
        ("pack", ["--model", find_shipped(), "--no_twin"], "packed.keras"),
    ],
)
def test_the_folder_of_an_output_is_made(
    command: str, arguments: list[object], name: str, tmp_path: Path
) -> None:
    output = tmp_path / "new" / "folder" / name
    assert run(command, *arguments, "--output", output) == 0
    assert list(output.parent.iterdir()) == [output]
