"""The command that draws a run, and the report: one file that a browser opens offline."""

import base64
import io
import logging
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from keras_colorize.inspect import main
from keras_colorize.inspection.pictures import Picture
from keras_colorize.inspection.report import inspect_run, read_run, write_report
from keras_colorize.inspection.snapshots import save_snapshot
from tests.conftest import ROOT
from tests.inspection.test_figures import make_snapshots

_VOID = {"img", "meta", "br", "hr", "link", "input"}
LAYERS = ("generator/up_1_relu", "discriminator/conv_1_relu")


class Page(HTMLParser):
    """Reads a page strictly: every element closed, in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text += data

    @property
    def images(self) -> list[tuple[str, bytes]]:
        """Alternative text and content."""
        found = []
        for tag, attributes in self.elements:
            if tag == "img":
                kind, _, data = (attributes["src"] or "").partition(";base64,")
                assert kind in ("data:image/png", "data:image/jpeg")
                found.append((attributes["alt"] or "", base64.b64decode(data, validate=True)))
        return found


def read_page(path: Path) -> Page:
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    assert text.startswith("<!DOCTYPE html>")
    assert not {tag for tag, _ in page.elements} & {"script", "link", "iframe", "base", "object"}
    for _, attributes in page.elements:
        for name, value in attributes.items():
            assert not name.startswith("on")
            if name in ("src", "href", "srcset"):
                assert value and value.startswith("data:image/")
    assert not re.search(r"https?:|url\(|@import", text)
    for _, content in page.images:
        with Image.open(io.BytesIO(content)) as image:
            image.load()
    return page


def make_run(folder: Path, layers: tuple[str, ...] = LAYERS) -> Path:
    """The directory of a run of two epochs of three, without a network being trained."""
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text("name: tiny\ntraining:\n  epochs: 3\n", "utf-8")
    (folder / "history.csv").write_text(
        "epoch,step,loss,psnr,val_psnr,val_colorfulness,val_true_colorfulness\r\n"
        "1,100,0.3,20.0,21.25,4.0,40.0\r\n2,200,0.2,21.0,20.5,8.0,40.0\r\n3,30",
        "utf-8",
    )
    (folder / "steps.csv").write_text("step,loss\r\n100,0.3\r\n210,0.2\r\n", "utf-8")
    (folder / "warnings.csv").write_text(
        'step,kind,message\r\n100,dead,"60 % of <b>up_1</b> & more, dead"\r\n', "utf-8"
    )
    for snapshot in make_snapshots((1, 100, 200), layers):
        save_snapshot(folder / "activations", snapshot)
    (folder / "samples").mkdir()
    for epoch, color in enumerate(("red", "blue", "gray", "green"), start=1):
        sheet = Image.new("RGB", (2000, 500), color)
        sheet.save(folder / "samples" / f"epoch_{epoch:04}.png")
    (folder / "plots").mkdir()
    for name in ("losses", "quality"):
        Image.new("RGB", (30, 20), "white").save(folder / "plots" / f"{name}.png")
    return folder


@pytest.fixture(scope="module")
def inspected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that the command has drawn, in a process that loads no framework for networks."""
    run = make_run(tmp_path_factory.mktemp("runs") / "tiny")
    code = (
        "import sys\n"
        "from keras_colorize.inspect import main\n"
        f"status = main([{str(run)!r}])\n"
        "loaded = {'tensorflow', 'keras', 'wandb'} & set(sys.modules)\n"
        "sys.exit(status or (f'imports {loaded}' if loaded else 0))\n"
    )
    process = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    (run / "output.txt").write_text(process.stdout, "utf-8")
    return run


def test_command_writes_and_names_its_files(inspected: Path) -> None:
    named = (inspected / "output.txt").read_text("utf-8").splitlines()
    report = inspected / "report"
    assert sorted(named) == sorted(str(path) for path in report.rglob("*.*"))
    assert {path.name for path in report.rglob("*.png")} == {
        "overview.png",
        "dead_heatmap.png",
        "domain_comparison.png",
        "depth_curves.png",
        "time_curves.png",
        "update_ratios.png",
        "001_generator_up_1_relu.png",
        "002_discriminator_conv_1_relu.png",
    }
    assert named[-1].endswith("report.html")


def test_report_holds_the_whole_run(inspected: Path) -> None:
    page = read_page(inspected / "report" / "report.html")
    for text in (
        "2 of 3 epochs: going on, or interrupted",
        "210",
        "21.25 dB, after epoch 1",
        "8.0, where the truth has 40.0 (last epoch, validation)",
        "2 layers, on modern and historical photographs, 3 times, up to step 200",
        "Step 100: 60 % of <b>up_1</b> & more, dead",
        "training:\n  epochs: 3",
    ):
        assert text in page.text
    names = [name for name, _ in page.images]
    assert names == [
        "Overview",
        "losses",
        "quality",
        "epoch_0001",
        "epoch_0002",
        "epoch_0004",
        "Dead channels",
        "Modern against historical",
        "Mean and spread over depth",
        "Mean and spread over time",
        "Updates relative to weights",
        *LAYERS,
    ]
    contents = dict(page.images)
    files = [path.read_bytes() for path in (inspected / "report").rglob("*.png")]
    assert contents["Dead channels"] in files
    with Image.open(io.BytesIO(contents["epoch_0002"])) as sheet:
        assert sheet.size == (1400, 350)
        assert sheet.getpixel((700, 100)) == pytest.approx((0, 0, 255), abs=3)  # full color
    assert (inspected / "report" / "report.html").stat().st_size < 5e6


@pytest.fixture
def few_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the overview and single layers: to draw all takes seconds."""
    monkeypatch.setattr("keras_colorize.inspection.pictures._FIGURES", ())


@pytest.mark.usefixtures("few_pictures")
def test_only_chosen_layers_are_shown_one_by_one(inspected: Path, tmp_path: Path) -> None:
    output = tmp_path / "new" / "folder"
    assert main([str(inspected), "--output", str(output), "--layers", "*/up_*"]) == 0
    assert [path.name for path in (output / "layers").iterdir()] == ["001_generator_up_1_relu.png"]
    assert "1 layer\n" in read_page(output / "report.html").text
    assert [path.name for path in output.glob("*.png")] == ["overview.png"]


@pytest.mark.usefixtures("few_pictures")
def test_only_its_own_report_is_replaced_unasked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run(tmp_path / "run")
    for name in ("report.html", "overview.png", "layers/001_generator_up_1_relu.png"):
        mine = tmp_path / "out" / name
        mine.parent.mkdir(parents=True, exist_ok=True)
        mine.write_text("mine")
        arguments = [str(run), "--output", str(tmp_path / "out")]
        assert f"{mine} exists" in fail(arguments, capsys)
        assert mine.read_text() == "mine"
        mine.unlink()
    for again in range(2):
        assert main([*arguments, *(["--overwrite"] if again else [])]) == 0
        assert main([str(run)]) == 0
    assert main([str(run), "--output", str(run / "report")]) == 0


# --- what may be missing ---


def test_run_without_statistics(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run = make_run(tmp_path / "run")
    for snapshot in (run / "activations").iterdir():
        snapshot.unlink()
    assert main([str(run)]) == 0
    assert "made without pictures of the layers: expected statistics of a run" in caplog.text
    page = read_page(run / "report" / "report.html")
    assert "There is nothing to show of the layers: expected statistics of a run" in page.text
    assert [name for name, _ in page.images][:2] == ["Overview", "losses"]


def test_run_that_has_only_just_begun(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.yaml").write_text("training: {epochs: 5}\n", "utf-8")
    (run / "history.csv").write_text("epoch,step,loss\r\n", "utf-8")
    page = read_page(inspect_run(run)[-1])
    for text in (
        "0 of 5 epochs",
        "none is recorded yet",
        "no epoch was validated",
        "No epoch is recorded yet.",
        "No sample sheet is drawn yet.",
        "The run gave no warning.",
    ):
        assert text in page.text


@pytest.mark.usefixtures("few_pictures")
def test_statistics_of_another_kind_of_model(tmp_path: Path) -> None:
    save_snapshot(tmp_path / "activations", make_snapshots((1,), LAYERS[:1], ("test",))[0])
    page = read_page(inspect_run(tmp_path)[-1])
    assert "There is no config.yaml" in page.text
    assert "1 layer, on test photographs" in page.text


def test_plots_are_drawn_anew_where_they_are_missing(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    (run / "history.csv").write_text(
        "epoch,step,loss,colorfulness,true_colorfulness,val_true_colorfulness\r\n"
        "1,100,0.3,4.0,40.0,\r\n",
        "utf-8",
    )
    (run / "plots" / "quality.png").unlink()
    images = dict(read_page(write_report(read_run(run), tmp_path / "report.html", [])).images)
    for name in ("losses", "quality"):
        with Image.open(io.BytesIO(images[name])) as plot:
            assert plot.width == 1200


@pytest.mark.parametrize("settings", ["training: 3", "- a", "a: [", "\x00", ""])
def test_strange_settings_are_shown_as_they_are(tmp_path: Path, settings: str) -> None:
    (tmp_path / "config.yaml").write_text(settings, "utf-8")
    report = write_report(read_run(tmp_path), tmp_path / "report.html", [])
    assert "0 epochs" in read_page(report).text


def test_names_are_text_and_no_markup(tmp_path: Path) -> None:
    evil = '<script>alert("1")</script>'
    run = make_run(tmp_path / "runs" / "<script>alert(1)<", (f"generator/{evil}",))
    (run / "config.yaml").write_text(f"name: {evil}\n</pre>{evil}\n", "utf-8")
    (run / "warnings.csv").write_text(f"step,kind,message\r\n{evil},x,{evil}\r\n", "utf-8")
    picture = Picture("layers/x", f'"{evil}', evil, _pixel())
    page = read_page(write_report(read_run(run), tmp_path / "report.html", [picture]))
    assert page.text.count("<script>alert") >= 5
    assert page.images[-1][0] == f'"{evil}'


def test_folder_name_that_is_no_text(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    # pytest's own record of a test has to be text, for tests that run side by side.
    caplog.set_level(logging.ERROR)
    run = tmp_path / os.fsdecode(b"caf\xe9")
    try:
        run.mkdir()
    except OSError:
        pytest.skip("this file system takes text only")
    (run / "config.yaml").touch()
    assert "caf\\udce9" in read_page(inspect_run(run)[-1]).text


def _pixel() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (1, 1)).save(buffer, "PNG")
    return buffer.getvalue()


# --- errors ---


def fail(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(arguments) == 2
    output, error = capsys.readouterr()
    assert not output
    assert error.startswith("error: ") and error.count("\n") == 1
    return error


def test_no_such_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "expected the directory of a run, found none at" in fail([str(tmp_path / "no")], capsys)


def test_folder_that_is_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "is not the directory of a run" in fail([str(tmp_path)], capsys)
    assert not list(tmp_path.iterdir())


def test_pattern_without_a_layer(inspected: Path, capsys: pytest.CaptureFixture[str]) -> None:
    error = fail([str(inspected), "--layers", "up_*"], capsys)
    assert f"no layer is called up_*. Known: {', '.join(LAYERS)}" in error


@pytest.mark.parametrize("name", ["history.csv", "activations/step_00000100.npz"])
def test_damaged_file(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run(tmp_path / "run")
    (run / name).write_text("epoch,step\r\n1,many\r\n", "utf-8")
    assert f"{name} is damaged" in fail([str(run)], capsys)


def test_unknown_argument(capsys: pytest.CaptureFixture[str]) -> None:
    fail(["--colour"], capsys)


def test_tables_are_read_while_they_are_written(tmp_path: Path) -> None:
    record = read_run(make_run(tmp_path / "run"))
    assert record.epochs["epoch"] == [1.0, 2.0]  # of the third, half a line
    assert record.steps["step"] == [100.0, 210.0]
