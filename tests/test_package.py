"""The package as a whole: what importing costs, and its public names."""

import ast
import importlib
import os
import re
import subprocess
import sys

import pytest

import keras_colorize
from tests.conftest import ROOT

NAME = "keras_colorize"
COMMANDS = ["colorize", "evaluate", "export", "film_sheet", "fit", "inspect", "pack"]
FRAMEWORKS = {"jax", "keras", "matplotlib", "tensorflow", "tensorflow_io", "torch", "wandb"}

# What every command reads before it knows whether it needs a network.
LIGHT = ["config", "errors", "files", "film", "jpeg", "metadata", "photos", "run_folder"]

FILES = sorted((ROOT / NAME).rglob("*.py"))
MODULES = {".".join(file.relative_to(ROOT).with_suffix("").parts): file for file in FILES}


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_light_rooms_and_commands_import_without_a_framework() -> None:
    rooms = {f"{NAME}.{name}" for name in [*LIGHT, *COMMANDS]}
    tensors = {f"{NAME}.film.simulation", f"{NAME}.photos.tensorflow_io"}
    names = [name for name in MODULES if ".".join(name.split(".")[:2]) in rooms - tensors]
    names = [name.removesuffix(".__init__") for name in names if name not in tensors]
    code = f"""
import importlib, sys
for name in {["keras_colorize", *names]}:
    importlib.import_module(name)
    loaded = {FRAMEWORKS} & set(sys.modules)
    assert not loaded, f"{{name}} imports {{sorted(loaded)}}"
"""
    process = python("-W", "error", "-c", code)
    assert process.returncode == 0, process.stderr


@pytest.mark.parametrize("command", [*COMMANDS, "cluster"])
def test_help_waits_for_no_framework(command: str) -> None:
    process = python("-X", "importtime", "-m", f"{NAME}.{command}", "--help")
    assert process.returncode == 0, process.stderr
    assert "usage:" in process.stdout
    modules = re.findall(r"^import time:[\s\d|]+\| +(\S+)$", process.stderr, re.MULTILINE)
    assert f"{NAME}.cli" in modules
    assert not {name.partition(".")[0] for name in modules} & FRAMEWORKS


@pytest.mark.smoke
@pytest.mark.parametrize("name", keras_colorize.__all__)
def test_public_names_resolve(name: str) -> None:
    value = getattr(keras_colorize, name)
    if name != "__version__":
        home = getattr(value, "__module__", None) or value.__name__
        assert home.startswith(f"{NAME}.")
        assert (getattr(value, "__name__", None) or "").rpartition(".")[2] == name
    assert name in dir(keras_colorize)


def test_unknown_public_name() -> None:
    with pytest.raises(AttributeError, match="'keras_colorize' has no attribute 'Colourizer'"):
        _ = keras_colorize.Colourizer


@pytest.mark.parametrize("module", [name for name in MODULES if not name.endswith("__init__")])
def test_every_module_says_what_is_public(module: str) -> None:
    exported = [
        [element.value for element in node.value.elts]
        for node in ast.parse(MODULES[module].read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    ]
    assert len(exported) == 1, "no __all__"
    loaded = importlib.import_module(module)
    missing = [name for name in exported[0] if not hasattr(loaded, name)]
    assert not missing


@pytest.mark.parametrize(
    "arguments",
    [
        ["evaluate", "--photos", ""],
        ["evaluate", "--photos", "x", "--output", ""],
        ["export", "--format", "onnx", "--output="],
        ["inspect", ""],
        ["pack", "--model", "a.keras", "", "--output", "b.keras"],
        ["film_sheet", "", "--output", "x.png"],
    ],
    ids=" ".join,
)
def test_an_unset_variable_of_the_shell_is_no_folder(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    command = importlib.import_module(f"keras_colorize.{arguments[0]}")
    assert command.main(arguments[1:]) == 2
    assert "must be something. Received: an empty one" in capsys.readouterr().err
