"""What stronger color costs: scores over the factor that a generator's chroma is multiplied by.

    python benchmarks/saturation.py --model runs/ship/checkpoints/best.keras \
        --photos PHOTOS/modern PHOTOS/early_color_lowres --validation_share 0.04

Decide on the photographs that the run kept for validation (its ``data.validation_share`` picks
them by their names, as the run did); ``--validation_share 0`` takes all photographs, for a test.
``--working_sizes`` compares sizes at which the network sees photographs; ``--plot`` draws a curve.
"""

import argparse
from pathlib import Path

from measuring import choose_photos, describe_machine

from keras_colorize.coloring.colorizer import Colorizer
from keras_colorize.evaluation.protocol import GRAY, Protocol, evaluate
from keras_colorize.evaluation.report import format_table, summarize
from keras_colorize.evaluation.scoring import TRUTH, load_judges
from keras_colorize.files import atomic_path
from keras_colorize.models.packing import saturate
from keras_colorize.models.saved import load_generator

SATURATIONS = (1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6)


def main() -> None:
    parser = argparse.ArgumentParser(description="Scores over saturation.")
    parser.add_argument("--model", required=True, help="a generator that paints chroma")
    parser.add_argument("--photos", nargs="+", required=True, help="folders of color photographs")
    parser.add_argument("--validation_share", type=float, default=0.0, help="0 takes all")
    parser.add_argument("--size", type=int, default=256, help="photographs are cut to this square")
    parser.add_argument("--film", help="see the photographs as on this film")
    parser.add_argument("--saturations", nargs="+", type=float, default=SATURATIONS)
    parser.add_argument("--working_sizes", nargs="+", type=int, help="of the network")
    parser.add_argument("--lpips_weights", nargs="+", help="as of keras_colorize.evaluate")
    parser.add_argument("--fid_weights", help="as of keras_colorize.evaluate")
    parser.add_argument("--plot", help="the picture file to write")
    args = parser.parse_args()

    print(describe_machine())
    generator, facts = load_generator(args.model)
    colorizers = {
        f"x {saturation:g} at {size}": Colorizer(saturate(generator, saturation), facts, size)
        for size in args.working_sizes or [facts.working_size]
        for saturation in args.saturations
    }
    evaluation = evaluate(
        choose_photos(args.photos, args.validation_share),
        colorizers,
        Protocol(args.size, args.film),
        load_judges(args.lpips_weights, args.fid_weights),
    )
    print(format_table(evaluation))
    if args.plot:
        plot(Path(args.plot), summarize(evaluation)["mean"])


def plot(path: Path, means: dict[str, dict[str, float]]) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.5, 4), layout="constrained")
    axes = figure.subplots()
    curve = {name: score for name, score in means.items() if name not in (GRAY, TRUTH)}
    colorfulness = [score["colorfulness"] for score in curve.values()]
    axes.plot(colorfulness, [score["psnr"] for score in curve.values()], "o-")
    for name, score in curve.items():
        place = (score["colorfulness"], score["psnr"])
        axes.annotate(name.split(" at ")[0], place, (5, 4), textcoords="offset points")
    axes.axhline(means[GRAY]["psnr"], color="gray", linestyle=":", label="gray")
    axes.axvline(means[TRUTH]["colorfulness"], color="black", linestyle=":", label="truth")
    axes.set(xlabel="colorfulness", ylabel="PSNR (dB)")
    axes.legend()
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=110)


if __name__ == "__main__":
    main()
