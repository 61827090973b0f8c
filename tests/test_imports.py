"""The floors of the package: who may import whom, and what importing costs."""

import ast
import importlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import keras_colorize

PACKAGE = Path(keras_colorize.__file__).parent
NAME = PACKAGE.name

# Imports run downwards. The package itself, whose names load everything, stands above all, so that
# no module can import from it.
FLOORS = (
    {
        "checks",
        "color",
        "config",
        "errors",
        "exporting",
        "files",
        "inspection",
        "jpeg",
        "kernels",
        "metadata",
        "metadata.containers",
        "metadata.directories",
        "metadata.iptc",
        "metadata.layout",
        "metadata.xmp",
        "pixels",
        "run_folder",
        "shapes",
        "version",
    },
    {
        "cli",
        "color_difference",
        "condition",
        "film",
        "film_stocks",
        "formats",
        "icc",
        "jpeg.segments",
        "jpeg.turbo",
        "losses",
        "metadata.provenance",
        "metadata.reading",
        "metadata.upright",
        "metrics",
        "packed",
        "photos",
        "reduction",
        "sheets",
        "statistics",
        "tables",
        "tiff",
        "upsampling",
        "weight_files",
    },
    {
        "decoded",
        "jpeg.chroma",
        "jpeg.luminance",
        "jpeg.metadata",
        "ledger",
        "metadata.embedding",
        "originals",
        "tasks",
        "tiff_pages",
        "writing",
    },
    {
        "activations",
        "data",
        "exporting.graph_colorizer",
        "exporting.graph_photos",
        "exporting.graph_strips",
        "exporting.quantization",
        "factoring",
        "fid",
        "fused",
        "inspection.figures",
        "inspection.histograms",
        "inspection.overview",
        "inspection.pictures",
        "jpeg.halved",
        "lpips",
        "models",
        "models.blocks",
        "models.efficientnet",
        "models.patchgan",
        "models.unet",
        "photosets",
        "plots",
        "pretrained",
    },
    {
        "callbacks",
        "callbacks.activations",
        "callbacks.guard",
        "callbacks.history",
        "callbacks.progress",
        "callbacks.samples",
        "callbacks.saving",
        "callbacks.tensorboard_logger",
        "callbacks.wandb_logger",
        "callbacks.wandb_values",
        "callbacks.warnings",
        "checkpoints",
        "coloring",
        "colorizer",
        "exporting.origin",
        "gan",
        "generators",
        "jpeg.reversible",
        "packing",
        "runs",
        "schedules",
        "scoring",
        "streams",
    },
    {
        "colorize",
        "evaluate",
        "evaluation",
        "evaluation_files",
        "export",
        "exporting.cards",
        "exporting.onnx_model",
        "exporting.saved_model",
        "exporting.tflite",
        "film_sheet",
        "fit",
        "inspect",
        "inspection.report",
        "pack",
        "training",
    },
    {""},
)

# Who may import a sibling on the same floor, and which.
SIDEWAYS = {
    "callbacks": {
        "callbacks.activations",
        "callbacks.guard",
        "callbacks.history",
        "callbacks.progress",
        "callbacks.samples",
        "callbacks.saving",
        "callbacks.tensorboard_logger",
        "callbacks.wandb_logger",
        "callbacks.warnings",
    },
    "callbacks.guard": {"checkpoints"},
    "callbacks.history": {"gan"},
    "callbacks.saving": {"checkpoints"},
    "callbacks.wandb_logger": {"callbacks.wandb_values"},
    "checkpoints": {"gan"},
    "checks": {"config", "errors"},
    "coloring": {"colorizer", "jpeg.reversible"},
    "colorizer": {"generators"},
    "data": {"photosets"},
    "evaluate": {"evaluation", "evaluation_files"},
    "evaluation_files": {"evaluation"},
    "export": {"exporting.onnx_model", "exporting.saved_model", "exporting.tflite"},
    "exporting.graph_colorizer": {"exporting.graph_strips"},
    "exporting.graph_photos": {"exporting.graph_strips"},
    "exporting.onnx_model": {"exporting.cards"},
    "exporting.origin": {"generators"},
    "exporting.quantization": {"models.unet"},
    "exporting.saved_model": {"exporting.cards"},
    "exporting.tflite": {"exporting.cards"},
    "film": {"film_stocks"},
    "fit": {"training"},
    "inspect": {"inspection.report"},
    "inspection.figures": {"inspection.histograms"},
    "inspection.overview": {"inspection.figures"},
    "inspection.pictures": {"inspection.figures", "inspection.overview"},
    "jpeg.chroma": {"jpeg.luminance", "jpeg.metadata"},
    "kernels": {"color"},
    "losses": {"metrics"},
    "metadata.containers": {"metadata.directories", "metadata.xmp"},
    "metadata.layout": {"metadata.directories"},
    "metadata.upright": {"metadata.reading"},
    "models": {"models.patchgan", "models.unet"},
    "models.efficientnet": {"models.blocks"},
    "models.patchgan": {"models.blocks"},
    "models.unet": {"models.blocks", "models.efficientnet"},
    "originals": {"decoded", "tiff_pages"},
    "pack": {"exporting.tflite"},
    "packing": {"generators"},
    "photos": {"formats", "tiff"},
    "pixels": {"errors"},
    "pretrained": {"models.efficientnet"},
    "tasks": {"writing"},
    "tiff_pages": {"decoded"},
    "writing": {"metadata.embedding"},
}

# keras.ops runs under any backend; these must not tie themselves to one.
ANY_BACKEND = {
    "color",
    "color_difference",
    "fid",
    "losses",
    "lpips",
    "metrics",
    "schedules",
    "scoring",
}

# The modules of the three lowest floors that import a framework, since tensors are their matter.
ON_TENSORS = {"film", "losses", "metrics"}

COMMANDS = ["colorize", "evaluate", "export", "film_sheet", "fit", "inspect", "pack"]

FRAMEWORKS = {"jax", "keras", "matplotlib", "tensorflow", "tensorflow_io", "torch", "wandb"}


def parse_package() -> dict[str, ast.Module]:
    """Every module's syntax tree by its name within the package; the package itself is ``""``."""
    trees = {}
    for file in sorted(PACKAGE.rglob("*.py")):
        parts = file.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        trees[name] = ast.parse(file.read_text(encoding="utf-8"), str(file))
    return trees


TREES = parse_package()
MODULES = sorted(TREES)


def imported(tree: ast.Module) -> Iterator[str]:
    """Full names of all that a module imports, inside functions and for type checking too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import in line {node.lineno}"
            assert node.module is not None
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def dependencies(module: str) -> set[str]:
    """The modules of the package that a module of it imports."""
    found = set()
    for name in imported(TREES[module]):
        top, _, inner = name.partition(".")
        if top != NAME:
            continue
        while inner not in TREES:  # a function or a class: its module
            inner = inner.rpartition(".")[0]
        found.add(inner)
    return found


def third_party(module: str) -> set[str]:
    return {name.partition(".")[0] for name in imported(TREES[module])} - {NAME}


def floor(module: str) -> int:
    return next(index for index, names in enumerate(FLOORS) if module in names)


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        env=os.environ | {"PYTHONPATH": str(PACKAGE.parent)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.smoke
def test_every_module_has_one_floor() -> None:
    listed = [name for names in FLOORS for name in names]
    assert sorted(listed) == MODULES


@pytest.mark.smoke
@pytest.mark.parametrize("module", MODULES)
def test_imports_run_downwards(module: str) -> None:
    sideways = SIDEWAYS.get(module, set())
    wrong = {
        name
        for name in dependencies(module)
        if floor(name) > floor(module)
        or (floor(name) == floor(module) and name not in sideways | {module})
    }
    assert not wrong, f"{module} (floor {floor(module)}) may not import {sorted(wrong)}"


def test_every_way_aside_is_still_used() -> None:
    unused = {
        (module, name)
        for module, names in SIDEWAYS.items()
        for name in names
        if module not in TREES or name not in dependencies(module)
    }
    assert not unused


def test_ways_aside_do_not_run_in_circles() -> None:
    def reachable(module: str, path: tuple[str, ...] = ()) -> None:
        assert module not in path, f"circle: {' -> '.join((*path, module))}"
        for name in SIDEWAYS.get(module, ()):
            reachable(name, (*path, module))

    for module in SIDEWAYS:
        reachable(module)


def test_no_module_hides_an_import_of_ours_in_a_string() -> None:
    for module, tree in TREES.items():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func).rpartition(".")[2]
            if called in ("import_module", "__import__") and module != "":
                argument = node.args[0]
                assert isinstance(argument, ast.Constant), f"{module}: {ast.unparse(node)}"
                assert not str(argument.value).startswith((NAME, ".")), f"{module}"


# --- frameworks ---


@pytest.mark.smoke
def test_losses_and_models_are_written_on_keras_alone() -> None:
    modules = ANY_BACKEND | {name for name in MODULES if name.partition(".")[0] == "models"}
    assert len(modules) > len(ANY_BACKEND) + 2
    for module in sorted(modules):
        assert not third_party(module) & (FRAMEWORKS - {"keras"}), module


def test_wandb_is_imported_in_callbacks_only() -> None:
    users = {module for module in MODULES if "wandb" in third_party(module)}
    assert all(module.startswith("callbacks.") for module in users), users


def test_lower_floors_and_commands_import_without_a_framework() -> None:
    light = sorted((FLOORS[0] | FLOORS[1] | FLOORS[2]) - ON_TENSORS)
    names = [NAME, *(f"{NAME}.{name}" for name in [*light, *COMMANDS])]
    code = f"""
import importlib, sys
for name in {names}:
    importlib.import_module(name)
    loaded = {FRAMEWORKS} & set(sys.modules)
    assert not loaded, f"{{name}} imports {{sorted(loaded)}}"
"""
    process = python("-W", "error", "-c", code)
    assert process.returncode == 0, process.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_help_waits_for_no_framework(command: str) -> None:
    process = python("-X", "importtime", "-m", f"{NAME}.{command}", "--help")
    assert process.returncode == 0, process.stderr
    assert "usage:" in process.stdout
    modules = re.findall(r"^import time:[\s\d|]+\| +(\S+)$", process.stderr, re.MULTILINE)
    assert f"{NAME}.cli" in modules
    assert not {name.partition(".")[0] for name in modules} & FRAMEWORKS


# --- the public names ---


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


# Sub-packages that hold nothing but modules.
FOLDERS = {name for name in MODULES if name and len(TREES[name].body) == 1}


@pytest.mark.parametrize("module", [name for name in MODULES if name and name not in FOLDERS])
def test_every_module_says_what_is_public(module: str) -> None:
    exported = [
        [element.value for element in node.value.elts]
        for node in TREES[module].body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    ]
    assert len(exported) == 1, "no __all__"
    assert exported[0] == sorted(exported[0], key=_ruff_order)
    loaded = importlib.import_module(f"{NAME}.{module}")
    missing = [name for name in exported[0] if not hasattr(loaded, name)]
    assert not missing


def _ruff_order(name: str) -> tuple[int, str]:
    """Constants, then classes, then the rest, as ruff's RUF022 sorts ``__all__``."""
    return (0 if name.isupper() else 1 if name[:1].isupper() else 2, name)
