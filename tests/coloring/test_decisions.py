"""Decisions are a file that says everything, is refused when it is not sound, and is obeyed."""

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from keras_colorize import Colorizer, colorize
from keras_colorize.coloring.decisions import Decisions, Outline
from keras_colorize.coloring.decisions_folder import DecisionsFolder, decisions_path
from keras_colorize.coloring.hints import Hint
from keras_colorize.coloring.options import ColoringOptions
from keras_colorize.coloring.photo import process
from keras_colorize.coloring.targets import Folder
from keras_colorize.coloring.tasks import find_tasks
from keras_colorize.errors import ConfigError, PhotoError
from keras_colorize.files import hash_file, read_rows
from keras_colorize.metadata.provenance import DIGITAL_SOURCE_TYPE, HUMAN_EDITS, read_provenance
from tests.conftest import SAMPLE, save_loud_generator

HOUSE = SAMPLE / "modern" / "brick_house_garden.jpg"
HINTS = (
    Hint(0.3, 0.4, "#3060c0", 0.05),
    Outline(((0.6, 0.6), (0.9, 0.6), (0.9, 0.9), (0.6, 0.9)), "#c03020"),
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_loud_generator(tmp_path_factory.mktemp("model") / "generator.keras")


@pytest.fixture(scope="module")
def colorizer(model: Path) -> Colorizer:
    return Colorizer.load(model)


@pytest.fixture
def decisions(colorizer: Colorizer) -> Decisions:
    return Decisions(hash_file(HOUSE), colorizer.model_hash, 64, 1.3, hints=HINTS)


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"), int)


# -- the file ---------------------------------------------------------------------------------


def test_what_is_saved_loads(decisions: Decisions, tmp_path: Path) -> None:
    path = decisions_path(tmp_path, Path("box 1", "house.jpg"), decisions.photo)
    assert path == tmp_path / "box 1" / "house.jpg.colors.json"
    decisions.save(path)
    assert Decisions.load(path) == decisions
    assert json.loads(path.read_text())["format"] == 2


def test_files_of_before_there_were_palettes_and_looks_are_read(
    decisions: Decisions, tmp_path: Path
) -> None:
    content = decisions.to_json() | {"format": 1}
    del content["palette"], content["look"]
    path = tmp_path / "house.jpg.colors.json"
    path.write_text(json.dumps(content))
    assert Decisions.load(path) == decisions
    # Results of then are known by what was chosen.
    chosen = {name: content[name] for name in ("hints", "proposal", "reference")}
    digest = hashlib.sha256(json.dumps(chosen, sort_keys=True).encode()).hexdigest()
    assert Decisions.load(path).chosen_colors == digest
    path.write_text(json.dumps(content | {"palette": []}))
    with pytest.raises(ConfigError, match="decisions must have format"):
        Decisions.load(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 3, "of": "later"}, "format must be 1 or 2"),
        ({"format": []}, "format must be 1 or 2"),
        ({"palette": "red"}, "palette must be a list"),
        ({"palette": [1]}, "a color must be a text"),
        ({"palette": ["red"]}, "#rrggbb"),
        ({"palette": ["#000000"] * 17}, "at most 16 colors"),
        ({"palette": ["#000000"], "reference": "0" * 64}, "a reference or a palette"),
        ({"look": "sepia"}, "look must be one of natural"),
        ({"photo": "abc"}, "photo must be a SHA-256"),
        ({"working_size": True}, "working_size must be a whole number"),
        ({"working_size": 0}, "working_size must be at least 1"),
        ({"working_size": 1025}, "working_size must be at most 1024"),
        ({"working_size": 10**400}, "working_size must be at most 1024"),
        ({"saturation": 10**400}, "saturation must be a number"),
        ({"saturation": True}, "saturation must be a number"),
        ({"saturation": -0.1}, r"saturation must be in \[0, 4\]"),
        ({"saturation": float("nan")}, "saturation must be a number"),
        ({"remove_tint": 1}, "remove_tint must be true or false"),
        ({"proposal": 7}, "proposal must be 0 to 6"),
        ({"reference": "house.jpg"}, "reference must be a SHA-256"),
        ({"reference": 1}, "reference must be a text"),
        ({"author": "me"}, "decisions must have format"),
        ({"hints": [{"x": 0.5}]}, "hint must have x, y, radius, color"),
        ({"hints": [{"x": 1.5, "y": 0, "radius": 0.1, "color": "#000000"}]}, "x must be in"),
        ({"hints": [{"x": 0.5, "y": 0, "radius": 0.1, "color": "green"}]}, "#rrggbb"),
        ({"hints": [{"outline": [[0, 0], [1, 1]], "color": "#000000"}]}, "3 to 2000 corners"),
        ({"hints": [{"outline": [[0, 0], [1, 1], [2, 0]], "color": "#000000"}]}, "corners in"),
        ({"hints": [{"outline": [[0, 0], [1, 1], [0]], "color": "#000000"}]}, r"must be \[x, y\]"),
        ({"hints": [{"x": 0, "y": 0, "radius": 0.1, "color": "#000000"}] * 501}, "at most 500"),
    ],
)
def test_what_is_not_sound_is_refused(
    decisions: Decisions, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        Decisions.parse(decisions.to_json() | change)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "\xff", "[" * 100_000, f'{{"saturation": {"9" * 5000}}}']
)
def test_a_damaged_file_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "house.jpg.colors.json"
    path.write_text(content, encoding="latin-1")
    with pytest.raises(ConfigError, match=r"cannot use the decisions in .*house\.jpg\.colors"):
        DecisionsFolder(tmp_path)


def test_a_folder_without_decisions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected a folder with decisions"):
        DecisionsFolder(tmp_path)


def test_copies_are_told_apart_by_their_names(decisions: Decisions, tmp_path: Path) -> None:
    decisions.save(tmp_path / "a.jpg.colors.json")
    decisions.save(tmp_path / "b.jpg.colors.json")
    assert DecisionsFolder(tmp_path).find(decisions.photo, Path("moved.tif")) == decisions
    other = dataclasses.replace(decisions, saturation=0.5)
    other.save(tmp_path / "b.jpg.colors.json")
    folder = DecisionsFolder(tmp_path)
    assert folder.find(decisions.photo, Path("b.jpg")) == other
    assert folder.find("0" * 64, Path("b.jpg")) is None
    with pytest.raises(PhotoError, match="different decisions"):
        folder.find(decisions.photo, Path("c.jpg"))


def test_an_outline_encloses_its_area() -> None:
    mask = HINTS[1].region().covers(100, 200)  # type: ignore[union-attr]
    inside = mask[62:88, 124:176]
    assert inside.all()
    assert mask.sum() < 1.1 * 30 * 60


# -- what comes of it -------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_decisions_are_obeyed_and_told(
    model: Path, colorizer: Colorizer, decisions: Decisions, tmp_path: Path, suffix: str
) -> None:
    photo = tmp_path / f"house{suffix}"
    with Image.open(HOUSE) as image:
        image.convert("L").save(photo)
    plain, decided, again = (tmp_path / name for name in ("plain", "decided", "again"))
    dataclasses.replace(decisions, photo=hash_file(photo)).save(
        tmp_path / "decided" / f"house{suffix}.colors.json"
    )
    options = ColoringOptions(decisions=DecisionsFolder(decided).find)
    (task,) = find_tasks([photo], decided)
    record = process(task, Folder(decided), colorizer, options)
    assert (record.status, record.reason) == ("colorized", "")
    assert json.loads(record.settings)["saturation"] == 1.3
    fixed = [str(photo), "--model", str(model), "--output"]
    assert colorize.main([*fixed, str(again), "--decisions", str(decided)]) == 0
    result = decided / photo.name
    assert (again / photo.name).read_bytes() == result.read_bytes()
    # Other colors than without, and it says whose.
    assert colorize.main([*fixed, str(plain)]) == 0
    difference = np.abs(pixels(result) - pixels(plain / photo.name)).mean(axis=-1)
    assert difference.mean() > 2.0
    provenance = read_provenance(result)
    assert provenance is not None and provenance.chosen_colors == decisions.chosen_colors
    assert HUMAN_EDITS.encode() in result.read_bytes()
    assert DIGITAL_SOURCE_TYPE.encode() in result.read_bytes()
    assert HUMAN_EDITS.encode() not in (plain / photo.name).read_bytes()


def test_decisions_about_another_file_are_said(
    model: Path, decisions: Decisions, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    decided, photo = tmp_path / "decided", tmp_path / "house.jpg"
    photo.write_bytes(HOUSE.read_bytes())
    decisions.save(decided / "house.jpg.colors.json")
    arguments = [str(photo), "--model", str(model), "--output", str(tmp_path / "out")]
    arguments += ["--decisions", str(decided)]
    assert colorize.main(arguments) == 0
    assert "match no photograph" not in caplog.text
    photo.write_bytes(HOUSE.read_bytes() + b"edited")
    for name in ("gone", "other"):
        other = dataclasses.replace(decisions, photo=hashlib.sha256(name.encode()).hexdigest())
        other.save(decided / f"{name}.jpg.colors.json")
    assert colorize.main([*arguments, "--overwrite"]) == 0
    first = decided / "gone.jpg.colors.json"
    assert f"3 of 3 decisions in {decided} match no photograph, the first {first}" in caplog.text
    caplog.clear()
    assert colorize.main([*arguments, "--overwrite", "--shard", "1/1"]) == 0
    assert "3 of 3" in caplog.text


def test_a_reference_is_followed_where_it_lies(
    model: Path, decisions: Decisions, tmp_path: Path
) -> None:
    other = SAMPLE / "modern" / "astronaut_portrait.jpg"
    decisions = dataclasses.replace(decisions, reference=hash_file(other), hints=())
    decisions.save(tmp_path / "house.jpg.colors.json")
    arguments = [str(HOUSE), "--model", str(model), "--decisions", str(tmp_path), "--output"]
    assert colorize.main([*arguments, str(tmp_path / "without")]) == 1
    (row,) = read_rows(tmp_path / "without" / "report.csv")
    assert "reference is missing" in row["reason"]
    results = []
    for name, photo in (("one", other), ("other", HOUSE)):
        (tmp_path / "references").mkdir(exist_ok=True)
        file = tmp_path / "references" / f"{hash_file(photo)}.jpg"
        file.write_bytes(photo.read_bytes())
        dataclasses.replace(decisions, reference=hash_file(photo)).save(
            tmp_path / "house.jpg.colors.json"
        )
        assert colorize.main([*arguments, str(tmp_path / name)]) == 0
        results.append(pixels(tmp_path / name / HOUSE.name))
    assert np.abs(results[0] - results[1]).mean() > 1.0


def test_the_look_is_that_of_the_decisions(
    model: Path, decisions: Decisions, tmp_path: Path
) -> None:
    arguments = [str(HOUSE), "--model", str(model), "--decisions", str(tmp_path), "--output"]
    results = {}
    for decided in (None, "natural", "technicolor"):
        dataclasses.replace(decisions, look=decided).save(tmp_path / "house.jpg.colors.json")
        out = tmp_path / str(decided)
        assert colorize.main([*arguments, str(out), "--look", "technicolor"]) == 0
        results[decided] = (out / HOUSE.name).read_bytes()
        (row,) = read_rows(out / "report.csv")
        assert json.loads(row["settings"]).get("look", "natural") == (decided or "technicolor")
    assert results[None] == results["technicolor"] != results["natural"]


def test_only_whom_they_are_about(model: Path, decisions: Decisions, tmp_path: Path) -> None:
    decisions.save(tmp_path / "house.jpg.colors.json")
    other = next(path for path in sorted(HOUSE.parent.glob("*.jpg")) if path != HOUSE)
    arguments = ["--model", str(model), "--decisions", str(tmp_path), "--output"]
    assert colorize.main([str(HOUSE), str(other), *arguments, str(tmp_path / "out")]) == 0
    settings = [json.loads(row["settings"]) for row in read_rows(tmp_path / "out" / "report.csv")]
    assert [value["saturation"] for value in settings] == [1.3, 1.0]


def test_another_model_is_told(model: Path, decisions: Decisions, tmp_path: Path) -> None:
    dataclasses.replace(decisions, model="0" * 64).save(tmp_path / "house.jpg.colors.json")
    arguments = ["--model", str(model), "--decisions", str(tmp_path)]
    assert colorize.main([str(HOUSE), *arguments, "--output", str(tmp_path / "out")]) == 0
    (row,) = read_rows(tmp_path / "out" / "report.csv")
    assert "decided with another model" in row["warnings"]


def test_a_working_size_below_the_stride_fails_that_photograph(
    model: Path, decisions: Decisions, tmp_path: Path
) -> None:
    dataclasses.replace(decisions, working_size=2).save(tmp_path / "house.jpg.colors.json")
    arguments = ["--model", str(model), "--decisions", str(tmp_path)]
    assert colorize.main([str(HOUSE), *arguments, "--output", str(tmp_path / "out")]) == 1
    (row,) = read_rows(tmp_path / "out" / "report.csv")
    assert row["status"] == "failed" and "working_size must be at least" in row["reason"]


def test_decisions_and_what_compares_exclude_each_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--output", str(tmp_path), "--decisions", str(tmp_path), "--working_size", "64,96"]
    assert colorize.main([str(HOUSE), *arguments]) == 2
    assert "leave out all but one --working_size" in capsys.readouterr().err


def test_a_map_and_a_sheet_beside_a_result_are_of_what_was_decided(
    decisions: Decisions, tmp_path: Path
) -> None:
    """With the model that comes along, which has a distribution."""
    blue = Hint(0.5, 0.5, "#2040e0", 0.05)
    sheets = {}
    for name, hints, saturation in (("none", (), 1.3), ("blue", (blue,), 1.3), ("gray", (), 0.0)):
        decided = dataclasses.replace(decisions, hints=hints, saturation=saturation)
        decided.save(tmp_path / name / "house.jpg.colors.json")
        out = tmp_path / f"of {name}"
        arguments = [str(HOUSE), "--output", str(out), "--decisions", str(tmp_path / name)]
        assert colorize.main([*arguments, "--certainty", "--proposals", "2"]) == 0
        with Image.open(out / "certainty" / f"{HOUSE.name}.png") as image:
            certainty = np.asarray(image)[image.height // 2, image.width // 2]
        sheet = pixels(out / "proposals" / f"{HOUSE.name}.jpg")
        _, width = pixels(HOUSE).shape[:2]
        places = [sheet[len(sheet) // 2 + 8, round(x * width)] for x in (0.5, 1.5)]
        sheets[name] = certainty, [place[2] - place[0] for place in places], np.ptp(sheet, axis=-1)
    assert sheets["blue"][0] > 250 > sheets["none"][0]
    for with_hint, without in zip(sheets["blue"][1], sheets["none"][1]):  # either proposal
        assert with_hint > without + 30
    assert sheets["gray"][2].max() < 12 < sheets["none"][2].max()
