"""Evaluating: the protocol, the scores, the command, its files and its exit status."""

import csv
import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from keras_colorize import Colorizer, color, evaluate
from keras_colorize.config import GeneratorConfig
from keras_colorize.errors import ConfigError, DataError, PhotoError
from keras_colorize.evaluation.fid import frechet_distance
from keras_colorize.evaluation.protocol import (
    GRAY,
    Evaluation,
    Protocol,
    read_truth,
    to_gray,
)
from keras_colorize.evaluation.protocol import evaluate as evaluate_photos
from keras_colorize.evaluation.report import FILES, draw_examples, format_table, summarize
from keras_colorize.evaluation.scoring import TRUTH, Judges, Scorer, gap_of_means
from keras_colorize.files import hash_file
from keras_colorize.models.saved import GeneratorFacts, save_generator
from keras_colorize.models.unet import build_unet
from keras_colorize.photos.reading import read_photo
from tests.conftest import SAMPLE, copy_sample
from tests.published_weights import write_inception, write_lpips

HOUSE = SAMPLE / "modern" / "brick_house_garden.jpg"
PHOTOS = sorted((SAMPLE / "modern").glob("*.jpg"))
CONFIG = GeneratorConfig(filters=4, depth=3, dropout=0.0)
SMALL = Protocol(size=64)
NO_JUDGES = Judges()


def make_model(path: Path, seed: int) -> Path:
    """A generator of random weights, saved as a run saves it; it paints loudly."""
    path.parent.mkdir(parents=True, exist_ok=True)
    generator = build_unet(**vars(CONFIG), seed=seed)
    generator.set_weights([20.0 * weight for weight in generator.get_weights()])
    save_generator(path, generator, CONFIG, size=64, run="test", step=7)
    return path


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("models")
    return [make_model(folder / run / "generator.keras", seed) for seed, run in enumerate("ab")]


def painter(blue: float, stride: int = 8) -> Colorizer:
    """A generator that paints one Cb everywhere."""
    y = keras.Input((None, None, 1))
    chroma = ops.concatenate([blue + 0.0 * y, 0.0 * y], axis=-1)
    rgb = color.ycbcr_to_rgb(ops.concatenate([y, color.limit_chroma(y, chroma)], axis=-1))
    return Colorizer(keras.Model(y, rgb), GeneratorFacts(stride, 64, "test", 0))


def run(photos: list[Path], colorizers: dict[str, Colorizer], protocol: Protocol) -> Evaluation:
    return evaluate_photos(photos, colorizers, protocol, NO_JUDGES, show_progress=False)


# --- the protocol ---


@pytest.mark.smoke
def test_the_truth_is_the_center_at_that_size() -> None:
    truth = read_truth(HOUSE, SMALL)
    photo = read_photo(HOUSE, short_side=64)  # 290 x 192 becomes 97 x 64
    assert photo.shape == (64, 97, 3)
    np.testing.assert_array_equal(truth, photo[:, 16:80])


def test_small_photographs_are_enlarged_at_most_twice(tmp_path: Path) -> None:
    truth = read_truth(HOUSE, Protocol(size=384))
    assert truth.shape == (384, 384, 3)
    square = read_photo(HOUSE)[:, 49:241]
    back = Image.fromarray(truth).resize((192, 192), Image.Resampling.BOX)
    assert np.abs(np.asarray(back, int) - square).mean() < 4.0
    with pytest.raises(PhotoError, match="too small: its short side has 192 of at least 193"):
        read_truth(HOUSE, Protocol(size=386))


def test_film_gives_the_truth_its_luminance_and_leaves_its_hues() -> None:
    plain = read_truth(HOUSE, SMALL).astype(float) / 255
    old = read_truth(HOUSE, Protocol(64, "orthochromatic", seed=3)).astype(float) / 255
    assert np.abs(color.luminance(old) - color.luminance(plain)).mean() > 0.05
    # Chroma is shrunk where the film's luminance leaves no room for it, and rounded to 8 bits.
    chroma, old_chroma = color.chroma(plain), color.chroma(old)
    colored = np.hypot(*np.moveaxis(old_chroma, -1, 0)) > 0.03
    angles = [np.arctan2(c[..., 1], c[..., 0])[colored] for c in (chroma, old_chroma)]
    turned = np.abs(np.angle(np.exp(1j * (angles[0] - angles[1]))))
    assert colored.mean() > 0.3
    assert np.quantile(turned, 0.99) < 0.15


def test_film_draws_by_seed_and_photograph() -> None:
    first = read_truth(HOUSE, Protocol(64, "snapshot", seed=0))
    np.testing.assert_array_equal(first, read_truth(HOUSE, Protocol(64, "snapshot", seed=0)))
    assert (first != read_truth(HOUSE, Protocol(64, "snapshot", seed=1))).any()


def test_two_photographs_of_one_content_get_films_of_their_own(tmp_path: Path) -> None:
    other = tmp_path / "other.jpg"
    other.write_bytes(HOUSE.read_bytes())
    films = [read_truth(path, Protocol(64, "snapshot")) for path in (HOUSE, other)]
    assert (films[0] != films[1]).any()


def test_unusable_protocols_are_refused() -> None:
    with pytest.raises(ConfigError, match="--size must be at least 32 pixels"):
        Protocol(31)
    with pytest.raises(ConfigError, match="Expected a film stock"):
        Protocol(film="kodachrome")


# --- the scores ---


@pytest.mark.smoke
def test_gray_paint_scores_like_gray() -> None:
    scores = run([HOUSE], {"painter": painter(0.0)}, SMALL).scores
    for name, values in scores["painter"].items():
        np.testing.assert_allclose(values, scores[GRAY][name], atol=0.03)
    assert scores["painter"]["colorfulness"] < 0.1
    # An independent way to the same number: Pillow's gray conversion and NumPy.
    truth = read_truth(HOUSE, SMALL)
    gray = np.asarray(Image.fromarray(truth).convert("L"), np.float64)[..., None]
    psnr = 10 * np.log10(255**2 / np.mean((truth - gray) ** 2))
    assert scores[GRAY]["psnr"] == pytest.approx([psnr], abs=0.02)


def test_scores_are_those_of_scikit_image() -> None:
    colorizer = painter(0.1)
    scores = run(PHOTOS[:10], {"painter": colorizer}, SMALL).scores["painter"]
    for index in (0, 9):  # of the first batch and of the second
        truth = read_truth(PHOTOS[index], SMALL)
        result = np.asarray(colorizer(truth))
        ssim = structural_similarity(
            truth,
            result,
            channel_axis=-1,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
        assert scores["psnr"][index] == pytest.approx(
            peak_signal_noise_ratio(truth, result), abs=1e-3
        )
        assert scores["ssim"][index] == pytest.approx(ssim, abs=1e-4)
        assert scores["largest_luminance_error"][index] <= 0.5 + 1e-3


def test_the_gap_of_means_forgives_what_the_mean_error_does_not() -> None:
    truth = np.stack([read_truth(path, SMALL) for path in PHOTOS[:2]])
    scorer = Scorer(NO_JUDGES)
    scorer.add(truth, {"exchanged": truth[::-1]})
    scores = scorer.scores()
    kind = "colorfulness_absolute"
    difference = abs(np.diff(scores[TRUTH][kind]))[0]
    assert difference > 5
    assert gap_of_means(scores["exchanged"], scores[TRUTH], kind) == pytest.approx(0.0, abs=1e-4)
    np.testing.assert_allclose(scores["exchanged"][f"{kind}_error"], difference, rtol=1e-4)


def test_fid_needs_two_photographs() -> None:
    image = keras.Input((None, None, 3))
    mean_color = keras.Model(image, keras.layers.GlobalAveragePooling2D()(image))
    judges = Judges(inception=mean_color)
    alone = evaluate_photos([HOUSE], {}, SMALL, judges, show_progress=False)
    assert alone.fid == {}
    both = evaluate_photos(PHOTOS[:2], {}, SMALL, judges, show_progress=False)
    truth = np.stack([read_truth(path, SMALL) for path in PHOTOS[:2]])
    features = [(images / 255).mean(axis=(1, 2)) for images in (truth, to_gray(truth))]
    assert both.fid == {GRAY: pytest.approx(frechet_distance(*features), rel=1e-4)}
    assert "FID of 2 photographs is biased" in format_table(both)


def test_unusable_photographs_are_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a.jpg").touch()
    with Image.open(HOUSE) as photo:
        photo.resize((40, 10)).save(tmp_path / "b.png")
        photo.save(tmp_path / "c.png")
    photos = [tmp_path / name for name in ("a.jpg", "b.png", "c.png")]
    evaluation = run(photos, {}, SMALL)
    assert evaluation.photos == [tmp_path / "c.png"]
    assert list(evaluation.failed) == photos[:2]
    assert "a.jpg: the file is empty" in caplog.text
    assert "b.png: too small" in caplog.text
    with pytest.raises(DataError, match="none of the 2 photographs"):
        run(photos[:2], {}, SMALL)


# --- groups ---


def test_photographs_whose_truth_is_gray_are_left_out_of_the_means(
    models: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copy_sample("modern", 2, tmp_path / "photos" / "colored")
    arguments = ["--photos", str(folder.parent), "--model", str(models[0]), "--size", "64"]
    arguments += ["--by", "folder", "--output"]
    assert evaluate.main([*arguments, str(tmp_path / "before")]) == 0
    copy_sample("historical", 1, tmp_path / "photos" / "gray")
    with Image.open(HOUSE) as photo:  # of three channels, as scanners save gray
        photo.convert("L").convert("RGB").save(folder / "gray.jpg")
    capsys.readouterr()
    assert evaluate.main([*arguments, str(tmp_path / "after")]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(
        "4 photographs, 0 failed\n2 photographs left out: their truth is gray\n"
    )
    before, after = (
        json.loads((tmp_path / name / "scores.json").read_text()) for name in ("before", "after")
    )
    for kind in ("mean", "median", "groups"):
        assert after[kind] == before[kind]
    assert "gray.jpg" in {Path(path).name for path in after["left_out"]}
    assert after["photographs"] == 4
    rows = table_of(printed)
    assert [row[:2] for row in rows[1::2]] == [["colored", "2"], ["all", "2"]]
    with (tmp_path / "after" / "scores.csv").open(newline="") as file:
        marks = {Path(row["photo"]).name: row["left_out"] for row in csv.DictReader(file)}
    assert sorted(marks.values()) == ["", "", "gray", "gray"]
    assert marks["gray.jpg"] == "gray"


def test_without_a_photograph_in_color_nothing_is_scored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copy_sample("historical", 2, tmp_path / "photos")
    assert evaluate.main(["--photos", str(folder), "--gray_only", "--size", "64"]) == 2
    assert "expected photographs in color, to compare with. All 2 are" in capsys.readouterr().err


def test_a_group_is_scored_as_if_it_were_alone() -> None:
    image = keras.Input((None, None, 3))
    judges = Judges(inception=keras.Model(image, keras.layers.GlobalAveragePooling2D()(image)))
    photos = PHOTOS[:5]
    groups = dict(zip(photos, ["b", "a", "b", None, "b"]))
    whole = evaluate_photos(photos, {"blue": painter(0.1)}, SMALL, judges, show_progress=False)
    parts = whole.split(groups)
    assert list(parts) == ["a", "b"]
    alone = evaluate_photos(
        [photos[0], photos[2], photos[4]],
        {"blue": painter(0.1)},
        SMALL,
        judges,
        show_progress=False,
    )
    assert parts["b"].photos == alone.photos
    for kind, rows in summarize(alone).items():
        for name, scores in rows.items():
            assert summarize(parts["b"])[kind][name] == pytest.approx(scores, rel=1e-4), name
    assert set(parts["b"].fid) == {GRAY, "blue"}
    assert parts["a"].fid == {}, "of one photograph there is none"


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    """Two photographs of castles, one of a flower, and one that is of neither."""
    for name, scene in (
        ("chambord_castle", "castles"),
        ("neuschwanstein_castle", "castles"),
        ("orange_dahlia", "flowers"),
        ("coffee_cup", "."),
    ):
        folder = tmp_path / "scenes" / scene
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(SAMPLE / "modern" / f"{name}.jpg", folder)
    return tmp_path / "scenes"


def table_of(printed: str) -> list[list[str]]:
    """The words of each line of the table of groups."""
    lines = printed.splitlines()
    start = next(index for index, line in enumerate(lines) if line.startswith("group "))
    return [line.split() for line in lines[start:]]


def test_sub_folders_are_scored_by_themselves(
    scenes: Path, models: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--photos", str(scenes), "--model", *map(str, models), "--size", "64"]
    assert evaluate.main([*arguments, "--by", "folder", "--output", str(tmp_path / "out")]) == 0
    header, *rows = table_of(capsys.readouterr().out)
    assert header[:7] == ["group", "photographs", "mean", "PSNR", "SSIM", "dE2000", "CF"]
    results = ["gray", "a/generator.keras", "b/generator.keras"]
    firsts = [("castles", "2"), ("flowers", "1"), ("scenes", "1"), ("all", "4")]
    assert [tuple(row[:2]) for row in rows[::3]] == firsts
    assert [row[-7] for row in rows] == 4 * results
    report = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert list(report["groups"]) == ["castles", "flowers", "scenes"]
    castles = report["groups"]["castles"]
    assert castles["photographs"] == 2
    assert rows[1][-6] == f"{castles['mean'][results[1]]['psnr']:.2f}"
    with (tmp_path / "out" / "scores.csv").open(newline="") as file:
        scored = list(csv.DictReader(file))
    assert {(Path(row["photo"]).stem, row["group"]) for row in scored} == {
        ("chambord_castle", "castles"),
        ("neuschwanstein_castle", "castles"),
        ("orange_dahlia", "flowers"),
        ("coffee_cup", "scenes"),
    }


@pytest.mark.parametrize(
    ("by", "expected"),
    [([], ["castles", "flowers"]), (["--by", "folder"], ["castles", "flowers"])],
)
def test_each_of_several_folders_is_a_group(
    by: list[str], expected: list[str], scenes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = [str(scenes / "flowers"), str(scenes / "castles")]
    # A photograph that is named twice counts once.
    arguments = ["--photos", *folders, folders[0], "--gray_only", "--size", "64", *by]
    assert evaluate.main(arguments) == 0
    _, *rows = table_of(capsys.readouterr().out)
    assert [row[0] for row in rows] == [*expected, "all"]
    assert rows[-1][1] == "3"


def test_a_column_of_a_manifest_tells_the_groups(
    scenes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = tmp_path / "manifest.csv"  # beside the folder of the photographs, not in it
    manifest.write_text(
        "path,kind,year\n"
        "scenes/castles/chambord_castle.jpg,house,1519\n"
        "scenes/castles/neuschwanstein_castle.jpg,house,1869\n"
        "scenes/flowers/orange_dahlia.jpg,plant,2000\n"
        "scenes/coffee_cup.jpg,thing,2000\n"
    )
    arguments = ["--photos", str(scenes), "--gray_only", "--size", "64"]
    named = [*arguments, "--manifest", str(manifest)]
    assert evaluate.main([*named, "--by", "year"]) == 0
    _, *rows = table_of(capsys.readouterr().out)
    assert [row[:2] for row in rows] == [["1519", "1"], ["1869", "1"], ["2000", "2"], ["all", "4"]]

    manifest.write_text("path,kind\nscenes/coffee_cup.jpg,thing\n")
    for call, message in (
        ([*named, "--by", "kind"], "does not list 3 of 4 photographs, such as"),
        ([*named, "--by", "year"], "has no column year: expected path"),
        ([*arguments, "--by", "kind"], "--by must be folder, or a column of a CSV file"),
        (named, "--manifest is of no use without --by"),
        ([*arguments, "--manifest", "absent.csv", "--by", "kind"], "found no file absent.csv"),
    ):
        assert evaluate.main(call) == 2
        assert message in capsys.readouterr().err


# --- the sheet ---


def test_the_sheet_shows_best_middle_and_worst() -> None:
    colorizers = {"blue": painter(0.08)}
    protocol = Protocol(size=32)
    evaluation = run(PHOTOS[:20], colorizers, protocol)
    sheet = np.asarray(draw_examples(evaluation, colorizers, protocol))
    rows, columns = 12, 3
    assert sheet.shape == (18 + 4 + rows * (32 + 16 + 4), 4 + columns * (32 + 4), 3)
    order = np.argsort(evaluation.scores["blue"]["delta_e"])
    shown = [*order[:4], *order[8:12], *order[-4:]]
    for row, index in enumerate(shown):
        truth = read_truth(PHOTOS[index], protocol)
        top = 22 + row * 52
        for column, expected in enumerate(
            (to_gray(truth), np.asarray(colorizers["blue"](truth)), truth)
        ):
            left = 4 + column * 36
            cell = sheet[top : top + 32, left : left + 32].astype(int)
            assert np.abs(cell - expected).max() <= 1
            assert (sheet[top + 32 : top + 48, left : left + 32] < 128).any(), "no caption"


def test_few_photographs_are_all_shown() -> None:
    evaluation = run(PHOTOS[:3], {}, Protocol(size=32))
    sheet = draw_examples(evaluation, {}, Protocol(size=32))
    assert sheet.size == (4 + 2 * 36, 18 + 4 + 3 * 52)


# --- the command ---


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Arguments that name small networks for LPIPS and FID."""
    folder = tmp_path_factory.mktemp("weights")
    lpips = [write_lpips(folder / f"{name}.ckpt", name) for name in ("VGG16", "AlexNet")]
    inception = write_inception(folder / "inception.pt")
    return ["--lpips_weights", *map(str, lpips), "--fid_weights", str(inception)]


def test_the_command_prints_and_writes(
    models: list[Path], weights: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copy_sample("modern", 3, tmp_path / "photos")
    (folder / "bad.jpg").touch()
    out = tmp_path / "out"
    arguments = ["--photos", str(folder), "--model", *map(str, models), "--size", "64", *weights]
    assert evaluate.main([*arguments, "--output", str(out)]) == 1
    printed = capsys.readouterr().out
    assert printed.startswith("3 photographs, 1 failed\n")

    with (out / "scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    results = ["truth", "gray", "a/generator.keras", "b/generator.keras"]
    assert [row["result"] for row in rows] == 3 * results
    assert {Path(row["photo"]).name for row in rows} == {p.name for p in PHOTOS[:3]}
    of_a = [row for row in rows if row["result"] == results[2]]

    report = json.loads((out / "scores.json").read_text())
    assert report["photographs"] == 3
    assert list(report["failed"]) == [str(folder / "bad.jpg")]
    assert report["protocol"] == {"size": 64, "film": None, "seed": 0}
    assert report["models"][results[2]]["step"] == 7
    assert report["models"][results[2]]["used_working_size"] == 64
    assert report["models"][results[2]]["sha256"] == hash_file(models[0])
    assert report["weights"] == {path: hash_file(Path(path)) for path in weights if "." in path}
    assert report["versions"]["keras"] == keras.__version__
    for score in ("psnr", "delta_e", "lpips_vgg16", "lpips_alexnet", "colorfulness_error"):
        values = [float(row[score]) for row in of_a]
        assert report["mean"][results[2]][score] == pytest.approx(np.mean(values), rel=1e-5)
        assert report["median"][results[2]][score] == pytest.approx(np.median(values), rel=1e-5)
    truth = [float(row["colorfulness"]) for row in rows if row["result"] == "truth"]
    result = [float(row["colorfulness"]) for row in of_a]
    gap = report["mean"][results[2]]["colorfulness_gap"]
    assert gap == pytest.approx(abs(np.mean(truth) - np.mean(result)), rel=1e-4)
    assert set(report["mean"]["truth"]) == {"colorfulness", "colorfulness_absolute"}
    assert report["mean"][results[3]]["fid"] > 0

    header, *lines = printed.split("\n\n")[1].splitlines()
    assert [line.split()[0] for line in lines] == results
    columns = dict(zip(header.split()[1:], lines[2].split()[1:]))
    assert columns["PSNR"] == f"{report['mean'][results[2]]['psnr']:.2f}"
    assert columns["gap"] == f"{gap:.1f}"
    with Image.open(out / "sheet.png") as sheet:
        assert sheet.width == 4 + 4 * (64 + 4)


def test_scores_are_not_overwritten_unasked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copy_sample("modern", 1, tmp_path / "photos")
    arguments = ["--photos", str(folder), "--gray_only", "--size", "32", "--output"]
    for name in ("scores.json", "scores.csv", "sheet.png"):
        out = tmp_path / name.replace(".", "_")
        out.mkdir()
        (out / name).write_text("mine")
        (out / "notes.txt").write_text("mine, and in nobody's way")
        assert evaluate.main([*arguments, str(out)]) == 2
        output, error = capsys.readouterr()
        assert not output and f"{name} exists" in error and "--overwrite" in error
        assert (out / name).read_text() == "mine"
        assert len(list(out.iterdir())) == 2
    assert evaluate.main([*arguments, str(out), "--overwrite"]) == 0
    assert {path.name for path in out.iterdir()} == {*FILES, "notes.txt"}


def test_the_shipped_model_is_the_default(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copy_sample("modern", 2, tmp_path / "photos")
    assert evaluate.main(["--photos", str(folder), "--output", str(tmp_path / "out")]) == 0
    assert "\nshipped model  " in capsys.readouterr().out
    report = json.loads((tmp_path / "out" / "scores.json").read_text())
    shipped = report["models"]["shipped model"]
    assert shipped["sha256"] == Colorizer.load().model_hash
    scores = report["mean"]
    assert scores["shipped model"]["delta_e"] < scores["gray"]["delta_e"]


def test_gray_alone_through_film(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = copy_sample("modern", 2, tmp_path / "photos")
    arguments = ["--photos", str(folder), "--gray_only", "--size", "64"]
    assert evaluate.main(arguments) == 0
    plain = capsys.readouterr().out
    assert [line.split()[0] for line in plain.splitlines()[3:5]] == ["truth", "gray"]
    assert evaluate.main([*arguments, "--film", "wet_plate"]) == 0
    assert capsys.readouterr().out != plain
    assert list(tmp_path.iterdir()) == [folder]


def test_working_size_is_used(models: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--photos", str(HOUSE.parent), "--model", str(models[0]), "--size", "64"]
    tables = []
    for working_size in ("64", "16"):
        assert evaluate.main([*arguments, "--working_size", working_size]) == 0
        tables.append(capsys.readouterr().out)
    assert tables[0] != tables[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--photos", "absent", "--gray_only"], "absent"),
        (["--photos", "{empty}", "--gray_only"], "found none in"),
        (["--photos", "{photos}", "--model", "absent.keras"], "absent.keras"),
        (["--photos", "{photos}", "--model", "{a}", "{a}"], "--model names a file twice"),
        (["--photos", "{photos}", "--model", "{a}", "--gray_only"], "--gray_only scores no model"),
        (["--photos", "{photos}", "--gray_only", "--size", "8"], "--size must be at least 32"),
        (["--photos", "{photos}", "--gray_only", "--film", "agfa"], "Expected a film stock"),
        (["--photos", "{photos}", "--gray_only", "--lpips_weights", "x.ckpt"], "no file x.ckpt"),
        (["--photos", "{photos}", "--gray_only", "--lpips_weights", "{a}"], "is not a pickled"),
        (["--photos", "{photos}", "--gray_only", "--fid_weights", "{a}"], "is not a TorchScript"),
        (["--photos", "{photos}", "--gray_only", "--lpips_weights", "{l}", "{l}"], "two files of"),
        (["--photos", "{photos}", "--gray_only", "--output", "{a}"], "generator.keras"),
        (["--photos", "{photos}", "--colour"], "--colour"),
    ],
)
def test_unusable_calls_are_one_line_and_status_2(
    arguments: list[str],
    message: str,
    models: list[Path],
    weights: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    places = {"photos": HOUSE.parent, "empty": tmp_path, "a": models[0], "l": weights[1]}
    assert evaluate.main([argument.format(**places) for argument in arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error
    assert error.count("\n") == 1


def test_summary_without_models_has_the_baseline() -> None:
    summary = summarize(run(PHOTOS[:2], {}, Protocol(size=32)))
    assert list(summary["mean"]) == list(summary["median"]) == [TRUTH, GRAY]
    assert summary["mean"][GRAY]["colorfulness_gap"] == pytest.approx(
        summary["mean"][TRUTH]["colorfulness"], rel=1e-3
    )
