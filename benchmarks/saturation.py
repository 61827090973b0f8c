"""What stronger color costs: quality over the factor that a generator's chroma is multiplied by.

    python benchmarks/saturation.py --model runs/my_run/checkpoints/best.keras \
        --photos PHOTOS/modern PHOTOS/early_color_lowres --validation_share 0.04

Decide on the photographs that the run kept for validation (its ``data.validation_share`` picks
them by their names, as the run did); ``--validation_share 0`` takes all photographs, for a test.
``--plot`` writes the curve as a picture.
"""

import argparse
from pathlib import Path

import numpy as np
from measuring import format_table

from keras_colorize import color, metrics
from keras_colorize.colorizer import Colorizer
from keras_colorize.files import atomic_path
from keras_colorize.generators import load_generator
from keras_colorize.packing import saturate
from keras_colorize.photosets import load_photos, split_photos

SATURATIONS = (1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6)
COLUMNS = ("saturation", "PSNR", "SSIM", "colorfulness", "chroma error")


def main() -> None:
    parser = argparse.ArgumentParser(description="Quality over saturation.")
    parser.add_argument("--model", required=True, help="a generator that paints chroma")
    parser.add_argument("--photos", nargs="+", required=True, help="folders of color photographs")
    parser.add_argument("--validation_share", type=float, default=0.0, help="0 takes all")
    parser.add_argument("--size", type=int, default=256, help="photographs are cut to this square")
    parser.add_argument("--saturations", nargs="+", type=float, default=SATURATIONS)
    parser.add_argument("--plot", help="the picture file to write")
    args = parser.parse_args()

    truths = read_truths(args.photos, args.validation_share, args.size)
    generator, facts = load_generator(args.model)
    rows = [("gray", *measure(truths, [gray(truth) for truth in truths]))]
    for saturation in args.saturations:
        colorizer = Colorizer(saturate(generator, saturation), facts)
        results = [np.asarray(colorizer(truth)) for truth in truths]
        rows.append((f"{saturation:g}", *measure(truths, results)))
    rows.append(("truth", *measure(truths, truths)))
    print(f"{len(truths)} photographs, {args.size} x {args.size}; network at {facts.working_size}")
    print(format_table(COLUMNS, [[name, *map("{:.4g}".format, values)] for name, *values in rows]))
    if args.plot:
        plot(Path(args.plot), rows)


def read_truths(folders: list[str], validation_share: float, size: int) -> list[np.ndarray]:
    """The squares at the centers of the photographs, uint8 ``(h, h, 3)``, h at most ``size``."""
    photos, _ = load_photos(folders, channels=3, short_side=size, cache="none")
    if validation_share > 0:
        photos = split_photos(photos, validation_share)[1]
    truths = []
    for index in range(len(photos)):
        image = photos.fetch(index)
        side = min(image.shape[:2])
        top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
        truths.append(image[top : top + side, left : left + side])
    return truths


def gray(image: np.ndarray) -> np.ndarray:
    y = color.luminance(image / np.float32(255))
    return np.repeat(np.rint(255 * y), 3, axis=-1).astype(np.uint8)


def measure(truths: list[np.ndarray], results: list[np.ndarray]) -> np.ndarray:
    """Means over the photographs of what COLUMNS name."""
    values = []
    for truth, result in zip(truths, results, strict=True):
        pair = [image[None].astype(np.float32) / 255 for image in (truth, result)]
        error = np.abs(color.chroma(pair[0]) - color.chroma(pair[1])).mean()
        values.append(
            [
                float(metrics.psnr(*pair)[0]),
                float(metrics.ssim(*pair)[0]),
                float(metrics.colorfulness(pair[1])[0]),
                float(error),
            ]
        )
    return np.mean(values, axis=0)


def plot(path: Path, rows: list[tuple]) -> None:
    from matplotlib.figure import Figure

    (_, gray_psnr, *_), *curve, (_, _, _, true_colorfulness, _) = rows
    figure = Figure(figsize=(5.5, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot([row[3] for row in curve], [row[1] for row in curve], "o-")
    for name, psnr, _, colorfulness, _ in curve:
        axes.annotate(name, (colorfulness, psnr), (4, 4), textcoords="offset points")
    axes.axhline(gray_psnr, color="gray", linestyle=":", label="gray")
    axes.axvline(true_colorfulness, color="black", linestyle=":", label="truth's colorfulness")
    axes.set(xlabel="colorfulness", ylabel="PSNR (dB)")
    axes.legend()
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=110)


if __name__ == "__main__":
    main()
