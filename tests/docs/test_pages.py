"""What the README and the pages of docs/ say is there, and what they tell to run runs."""

import contextlib
import importlib
import importlib.util
import io
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import ROOT, SAMPLE

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
PAGES += [ROOT / "saved_models" / "README.md"]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]

# Two epochs of two steps instead of an afternoon.
SHORT = ["training.epochs=2", "training.steps_per_epoch=2", "training.reconstruction_steps=0"]
SHORT += [
    "training.precision=float32",
    "training.warmup_steps=1",
    "data.sizes=[64]",
    "data.batch_size=4",
]
SHORT += ["data.historical_share=0.25", "tracking.statistics_photos=2", "tracking.wandb=disabled"]
SHORT += ["generator.filters=8", "discriminator.filters=8"]
SHORT += ["tracking.statistics_layers=[generator/up_*]"]  # a picture of every layer takes a minute


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(name: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text_of(name), re.MULTILINE | re.DOTALL)


def commands(name: str) -> list[list[str]]:
    """Every call of a command of the package: the command's name and its arguments."""
    found = []
    for block in blocks(name, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            for part in re.split(r"&&|;", line):
                called = re.search(r"python\d? -m keras_colorize\.(\w+)(.*)", part)
                if called:
                    words = shlex.split(called[2], comments=True)
                    found.append([called[1], *(word for word in words if word != "...")])
    return found


def main_of(command: str) -> Callable[[list[str]], int]:
    """What ``python -m`` runs: of a room, its ``__main__``."""
    module = importlib.import_module(f"keras_colorize.{command}")
    if hasattr(module, "__path__"):
        module = importlib.import_module(f"{module.__name__}.__main__")
    return module.main


@pytest.mark.parametrize("name", NAMES)
def test_links_and_names_lead_somewhere(name: str) -> None:
    text, folder = text_of(name), (ROOT / name).parent
    for link in re.findall(r"\]\((?!#|https?:)([^)#]+)(?:#[^)]*)?\)", text):
        assert (folder / link).exists(), link
    code = r"(?:configs|benchmarks|keras_colorize|tests)/(?:\w+/)*\w+\.(?:py|yaml|md)"
    for path in re.findall(code, text):
        assert (ROOT / path).exists(), path
    anchors = {
        re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= anchors


def test_the_readme_is_short_and_shows_a_result() -> None:
    readme = text_of("README.md")
    assert len(readme.splitlines()) <= 220
    assert "docs/images/gallery.jpg" in readme


def test_every_command_is_mentioned() -> None:
    mentioned = {command for name in NAMES for command, *_ in commands(name)}
    assert {
        "cluster",
        "colorize",
        "evaluate",
        "export",
        "film_sheet",
        "fit",
        "inspect",
        "pack",
        "studio",
    } <= mentioned


@pytest.mark.parametrize("name", [name for name in NAMES if commands(name)])
def test_options_are_known(name: str) -> None:
    for command, *arguments in commands(name):
        main = main_of(command)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
            main(["--help"])
        known = set(re.findall(r"--[\w.]+", printed.getvalue()))
        for argument in arguments:
            # A source's weight is a key of a dictionary, which --help does not list.
            option = argument.partition("=")[0].partition("source_weights.")[0]
            if option.startswith("--") and not option.endswith("."):
                assert option in known, f"{command} {argument}"


# -- what is run ------------------------------------------------------------------------------


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the pages name: scans, color photographs and the checkout's files."""
    for folder, stream, count in (
        ("scans", "historical", 2),
        ("color_photos", "modern", 6),
        ("other_color_photos", "modern", 2),
    ):
        (tmp_path / folder).mkdir()
        for photo in sorted((SAMPLE / stream).glob("*.jpg"))[:count]:
            shutil.copy(photo, tmp_path / folder)
    scan = sorted((tmp_path / "scans").iterdir())[0]
    for copy in ("scan.jpg", "a.jpg"):
        shutil.copy(scan, tmp_path / copy)
    with Image.open(scan) as image:
        for copy in ("scan.tif", "b.tif"):
            image.save(tmp_path / copy)
    shutil.copy(SAMPLE / "modern" / "brick_house_garden.jpg", tmp_path / "house_today.jpg")
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Image.Image, "show", lambda self: None)
    return tmp_path


def test_the_tutorial_from_the_first_photograph_to_the_export(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command, *arguments in commands("docs/tutorial.md"):
        more = [f"--{setting}" for setting in SHORT] if command == "fit" else []
        if command in ("evaluate", "export"):
            more = ["--working_size", "64"]
        main = main_of(command)
        status = main([*arguments, *more])
        said = capsys.readouterr()
        assert status == 0, f"{command} {arguments}: {said.out}{said.err}"
    for made in ("colorized/scan.jpg", "paler/compare", "runs/mine/report/report.html"):
        assert (desk / made).exists()
    assert (desk / "exported" / "colorize" / "1" / "saved_model.pb").exists()
    assert list((desk / "exported" / "edge").glob("*.tflite"))


@pytest.mark.parametrize("name", [name for name in NAMES if blocks(name, "python")])
def test_python_in_the_pages_runs(name: str, desk: Path) -> None:
    import keras

    layers = [keras.layers.Conv2D(2, 3, padding="same"), keras.layers.ReLU()]
    model = keras.Sequential([keras.Input((8, 8, 1)), *layers])
    model.compile("sgd", "mse")
    rng = np.random.default_rng(0)
    x = rng.random((16, 8, 8, 1), np.float32)
    names = {"model": model, "x": x, "y": x}  # a page's blocks follow from one another
    for block in blocks(name, "python"):
        exec(compile(block, name, "exec"), names)


def test_the_drawing_of_the_rooms_is_up_to_date() -> None:
    drawing = importlib.util.spec_from_file_location("draw_rooms", ROOT / "docs" / "draw_rooms.py")
    assert drawing is not None and drawing.loader is not None
    module = importlib.util.module_from_spec(drawing)
    drawing.loader.exec_module(module)
    assert module.PICTURE.read_text(encoding="utf-8") == module.draw(), (
        "draw it again: python docs/draw_rooms.py"
    )
