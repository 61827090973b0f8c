"""How the commands conduct themselves, whatever each of them does."""

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import keras_colorize
from keras_colorize.cli import without_remarks
from keras_colorize.models.saved import find_shipped
from tests.conftest import ROOT, SAMPLE, save_loud_generator
from tests.test_package import COMMANDS

MODERN = sorted((SAMPLE / "modern").glob("*.jpg"))
RUN = ROOT / "tests" / "fixtures" / "run_before_the_move" / "run"


def run(command: str, *arguments: object) -> int:
    module = importlib.import_module(f"keras_colorize.{command}")
    return module.main([str(argument) for argument in arguments])


def test_the_package_lists_its_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("__main__") == 0
    said = capsys.readouterr().out
    for name in ["cluster", "studio", *COMMANDS]:
        assert re.search(rf"^python -m keras_colorize\.{name}: \w.*[^:]$", said, re.MULTILINE), name
    assert run("__main__", "--version") == 0
    assert capsys.readouterr().out == f"keras-colorize {keras_colorize.__version__}\n"


def test_a_command_without_its_dot(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("__main__", "colorize", "my scan.jpg") == 2
    assert "python -m keras_colorize.colorize 'my scan.jpg'\n" in capsys.readouterr().err
    assert run("__main__", "colourise") == 2
    error = capsys.readouterr().err
    assert "film_sheet; or --version. Received: colourise" in error and error.count("\n") == 1


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


@pytest.mark.parametrize(
    ("command", "required"),
    [
        ("cluster.__main__ ray", "photos, --output"),
        ("cluster.__main__ beam", "photos, --output"),
        ("cluster.__main__ merge", "place, --output"),
        ("colorize", "photos, --output"),
        ("evaluate", "--photos"),
        ("export", "--format, --output"),
        ("film_sheet", "photos, --output"),
        ("inspect", "run"),
        ("pack", "--model, --output"),
    ],
)
def test_arguments_are_called_what_they_are_given_as(
    command: str, required: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*command.split()) == 2
    error = capsys.readouterr().err
    assert error == f"error: the following arguments are required: {required}\n"


@pytest.mark.parametrize(
    ("command", "defaults"),
    [
        ("cluster.__main__ ray", ["keep", "csv", "95", "200000000"]),
        ("colorize", ["1.0", "keep", "95", "200000000", "natural", "h264", "17", "auto"]),
        ("evaluate", ["256", "0"]),
        ("export", []),
        ("film_sheet", ["wet_plate orthochromatic", "256"]),
        ("inspect", []),
        ("pack", ["1.0"]),
        ("studio.__main__", ["colorized", "natural", "200000000", "127.0.0.1"]),
    ],
)
def test_help_tells_what_holds_without_an_option(
    command: str, defaults: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(*command.split(), "--help")
    assert ended.value.code == 0
    said = " ".join(capsys.readouterr().out.split())
    for default in defaults:
        assert f"(default: {default}" in said
    for internal in ("<function", "default: None", "default: False", "(required"):
        assert internal not in said


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
