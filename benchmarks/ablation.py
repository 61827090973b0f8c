"""One change at a time to the recipe, each trained on as many photographs, and what it does.

    python benchmarks/ablation.py --photos PHOTOS/modern PHOTOS/early_color_lowres \
        --lpips_weights alexnet.ckpt vgg16.ckpt --fid_weights default_1.pt

A row is a file of ``configs/ablation/`` on top of ``base.yaml`` there. What has been trained
already is not trained again, and what was interrupted goes on. The models that a run ends with are
compared on the photographs it kept for validation, cut to 128 pixels, as they are or as on an old
film. FID of so few photographs is large, and to be compared within a table only.

    python benchmarks/ablation.py --photos PHOTOS/modern PHOTOS/early_color_lowres \
        --rows base no_film --historical PHOTOS/test_historical

``--historical`` shows instead what the rows make of old photographs, whose color nobody knows: a
sheet to look at, and how colorful they come out.
"""

import argparse
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from measuring import ROOT, choose_photos, describe_machine, spread
from PIL import Image, ImageOps

from keras_colorize.coloring.colorizer import Colorizer
from keras_colorize.evaluation.protocol import Protocol, evaluate
from keras_colorize.evaluation.report import format_table
from keras_colorize.evaluation.scoring import load_judges
from keras_colorize.files import atomic_path
from keras_colorize.metrics import colorfulness
from keras_colorize.photos.finding import find_photos
from keras_colorize.photos.sheets import draw_sheet

CONFIGS = ROOT / "configs" / "ablation"
SIZE = 128
VALIDATION_SHARE = 0.04  # as in base.yaml
HISTORICAL = 24  # old photographs on the sheet, evenly spread over the list of names
CELL = (240, 180)  # width and height in pixels


def main() -> None:
    parser = argparse.ArgumentParser(description="Trains and compares the rows of the ablation.")
    parser.add_argument("--photos", nargs="+", required=True, help="folders of color photographs")
    parser.add_argument("--rows", nargs="+", default=known_rows(), help="by default all")
    parser.add_argument("--runs", default="runs", help="folder of the runs")
    parser.add_argument("--film", help="compare on photographs as on this film")
    parser.add_argument("--historical", help="show these old photographs instead")
    parser.add_argument("--sheet", default="historical.jpg", help="the file they are shown in")
    parser.add_argument("--lpips_weights", nargs="+", help="as of keras_colorize.evaluate")
    parser.add_argument("--fid_weights", help="as of keras_colorize.evaluate")
    args = parser.parse_args()

    for row in args.rows:
        if not generator_of(args.runs, row).exists():
            train(row, args)
    colorizers = {row: Colorizer.load(generator_of(args.runs, row), SIZE) for row in args.rows}
    if args.historical:
        show(args.historical, colorizers, Path(args.sheet))
        return
    print(describe_machine())
    evaluation = evaluate(
        choose_photos(args.photos, VALIDATION_SHARE),
        colorizers,
        Protocol(SIZE, args.film),
        load_judges(args.lpips_weights, args.fid_weights),
    )
    print(format_table(evaluation))


def known_rows() -> list[str]:
    """The names of all rows, the one without a change first."""
    others = sorted(path.stem for path in CONFIGS.glob("*.yaml") if path.stem != "base")
    return ["base", *others]


def generator_of(runs: str, row: str) -> Path:
    return Path(runs, f"ablation_{row}", "generator.keras")


def show(folder: str, colorizers: Mapping[str, Colorizer], sheet: Path) -> None:
    """Draw old photographs in gray and in each row's color; print the means of colorfulness."""
    cells = []
    for photo in spread(find_photos(folder), HISTORICAL):
        with Image.open(photo) as file:
            gray = ImageOps.fit(ImageOps.exif_transpose(file).convert("L"), CELL)
        colored = [np.asarray(colorizer(gray)) for colorizer in colorizers.values()]
        cells.append([np.asarray(gray)[..., None], *colored])
    for index, name in enumerate(colorizers, 1):
        values = [colorfulness(row[index][None] / np.float32(255.0)) for row in cells]
        print(f"{name}: colorfulness {np.mean(values):.1f} of {len(cells)} old photographs")
    with atomic_path(sheet) as temporary:
        draw_sheet(cells, ["gray", *colorizers]).save(temporary, "JPEG", quality=85)


def train(row: str, args: argparse.Namespace) -> None:
    """Train a row in a process of its own, as a user would."""
    command = [sys.executable, "-m", "keras_colorize.fit", "--config", str(CONFIGS / "base.yaml")]
    if row != "base":
        command += ["--config", str(CONFIGS / f"{row}.yaml")]
    if row == "perceptual":
        alexnet = [path for path in args.lpips_weights or () if "alexnet" in path]
        if not alexnet:
            raise SystemExit("the row perceptual needs --lpips_weights alexnet.ckpt")
        command += ["--losses.perceptual_weights", alexnet[0]]
    command += ["--data.modern", *args.photos, "--runs", args.runs]
    subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
