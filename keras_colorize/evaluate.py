"""``python -m keras_colorize.evaluate``: how close computed colors come to true ones."""

import csv
import logging
import sys
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jsonargparse import ArgumentParser
from tqdm import tqdm

from keras_colorize import color
from keras_colorize.cli import run_command
from keras_colorize.errors import ConfigError, DataError, PhotoError
from keras_colorize.files import atomic_path
from keras_colorize.photos import find_photos, read_photo
from keras_colorize.pixels import quantize
from keras_colorize.sheets import draw_sheet

if TYPE_CHECKING:
    from keras_colorize.colorizer import Colorizer

__all__ = ["Scores", "evaluate", "main"]

_log = logging.getLogger(__name__)

_SHEET_ROWS = 16
_SMALLEST = 11  # pixels: SSIM's window


@dataclass(frozen=True)
class Scores:
    """One photograph's scores, and the same for its plain gray version.

    Attributes:
        psnr: PSNR against the truth, in dB.
        ssim: SSIM against the truth.
        colorfulness: colorfulness of the result.
        true_colorfulness: colorfulness of the truth.
        gray_psnr: PSNR of the luminance alone against the truth.
        gray_ssim: SSIM of the luminance alone against the truth.
    """

    psnr: float
    ssim: float
    colorfulness: float
    true_colorfulness: float
    gray_psnr: float
    gray_ssim: float


def main(argv: Sequence[str] | None = None) -> int:
    """Evaluate as the arguments say: status 0 all done, 1 some failed, 2 nothing could be done."""
    return run_command(_evaluate, argv)


def evaluate(
    photos: Sequence[Path], colorizer: "Colorizer", size: int, *, show_progress: bool = True
) -> tuple[dict[Path, Scores], dict[Path, tuple[np.ndarray, np.ndarray]]]:
    """Color the centers of true color photographs and compare.

    Each photograph is cut to the square at its center and reduced to ``size`` pixels (smaller
    ones stay as they are); the generator gets its luminance. One that cannot be read is reported
    and left out.

    Returns:
        The scores by photograph, and for a few of them, evenly spread, truth and result.

    Raises:
        DataError: none of the photographs can be read.
    """
    from keras_colorize import metrics

    scores: dict[Path, Scores] = {}
    shown: dict[Path, tuple[np.ndarray, np.ndarray]] = {}
    chosen = {photos[i] for i in np.linspace(0, len(photos) - 1, _SHEET_ROWS).round().astype(int)}
    for path in tqdm(photos, "evaluating", unit="photo", disable=not show_progress):
        try:
            truth = _center(read_photo(path, short_side=size))
            if len(truth) < _SMALLEST:
                raise PhotoError(
                    f"too small: its short side has {len(truth)} of {_SMALLEST} pixels"
                )
        except PhotoError as error:
            _log.error("failed: %s: %s", path, error)
            continue
        result = np.asarray(colorizer(truth))
        gray = _gray(truth)
        batch = np.stack([result, gray]).astype(np.float32) / 255.0
        target = np.stack([truth, truth]).astype(np.float32) / 255.0
        psnr, ssim = metrics.psnr(target, batch), metrics.ssim(target, batch)
        colorfulness = metrics.colorfulness(np.stack([batch[0], target[0]]))
        values = (psnr[0], ssim[0], colorfulness[0], colorfulness[1], psnr[1], ssim[1])
        scores[path] = Scores(*map(float, values))
        if path in chosen:
            shown[path] = (truth, result)
    if not scores:
        raise DataError(f"none of the {len(photos)} photographs can be read")
    return scores, shown


def _evaluate(argv: Sequence[str]) -> int:
    parser = ArgumentParser(
        prog="python -m keras_colorize.evaluate",
        description="Color photographs whose true color is known, and compare.",
        exit_on_error=False,
    )
    parser.add_argument("--photos", type=str, required=True, help="folder of color photographs")
    parser.add_argument("--model", type=str, help="a run's generator.keras")
    parser.add_argument("--size", type=int, default=256, help="photographs are cut to this square")
    parser.add_argument("--output", type=str, help="folder for scores.csv and sheet.png")
    args = parser.parse_args(argv)
    if args.size < _SMALLEST:
        raise ConfigError(f"--size must be at least {_SMALLEST} pixels. Received: {args.size}")
    # TensorFlow takes seconds to import; --help and mistaken arguments need not wait for it.
    from keras_colorize.colorizer import Colorizer

    photos = find_photos(args.photos)
    if not photos:
        raise DataError(f"expected photographs, found none in {args.photos}")
    scores, shown = evaluate(photos, Colorizer.load(args.model), args.size)
    failed = len(photos) - len(scores)
    print(f"{len(scores)} photographs, {failed} failed; means:")
    for name, value in _means(scores).items():
        print(f"  {name:<18} {value:.4f}")
    if args.output:
        _write(Path(args.output), scores, shown)
    return 1 if failed else 0


def _means(scores: dict[Path, Scores]) -> dict[str, float]:
    table = np.array([astuple(score) for score in scores.values()])
    return dict(zip((field.name for field in fields(Scores)), table.mean(axis=0), strict=True))


def _write(
    folder: Path,
    scores: dict[Path, Scores],
    shown: dict[Path, tuple[np.ndarray, np.ndarray]],
) -> None:
    """Write ``scores.csv`` and ``sheet.png``; those of an earlier evaluation are replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    with (
        atomic_path(folder / "scores.csv") as temporary,
        temporary.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(["photo", *(field.name for field in fields(Scores))])
        writer.writerows([str(path), *astuple(score)] for path, score in scores.items())
    rows = [(_gray(truth)[..., :1], result, truth) for truth, result in shown.values()]
    with atomic_path(folder / "sheet.png") as temporary:
        draw_sheet(rows, ("gray", "colorized", "truth")).save(temporary)


def _center(image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return image[top : top + side, left : left + side]


def _gray(image: np.ndarray) -> np.ndarray:
    """The luminance of a uint8 image, as a uint8 image of three equal channels."""
    y = color.luminance(image.astype(np.float32) / 255.0)
    return np.repeat(quantize(y), 3, axis=-1)


if __name__ == "__main__":
    sys.exit(main())
