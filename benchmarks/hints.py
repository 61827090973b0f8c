"""What hints, proposals and references do, measured on color photographs.

    python benchmarks/hints.py --photos PHOTOS/test_modern [--model MODEL.keras] [--count 362]

Photographs are reduced to 256 pixels and cut square, as ``evaluate`` does. Printed are means over
them:

- the gain in PSNR of ten hints at random places, each the photograph's true mean color within three
  pixels, over none;
- how far a place is from the color that one bold hint asks for (of the same luminance, any hue),
  and how much that changes what is far from it (more than 0.4 of the side) and unlike it (the less
  alike half of the photograph), both in CIEDE2000;
- the CIEDE2000 of the plain answer and of the best of four proposals;
- with the left half of the photograph as reference for the right one: its CIEDE2000, with and
  without;
- the time of an answer at the network's size, the median.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from skimage.color import deltaE_ciede2000, rgb2lab

from keras_colorize import Colorizer, Hint, color
from keras_colorize.coloring.hints import anchors_of
from keras_colorize.coloring.session import Session
from keras_colorize.evaluation.protocol import Protocol, read_truth
from keras_colorize.photos.finding import find_photos

SIZE = 256
RADIUS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", required=True)
    parser.add_argument("--model")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    colorizer = Colorizer.load(args.model)
    paths = find_photos(args.photos)
    paths = [
        paths[i] for i in np.linspace(0, len(paths) - 1, min(args.count, len(paths)), dtype=int)
    ]
    rng = np.random.default_rng(args.seed)
    rows = [measure(colorizer, path, rng) for path in paths]
    print(f"{len(rows)} photographs")
    for name in rows[0]:
        values = [row[name] for row in rows if np.isfinite(row[name])]
        middle = np.median(values) if name.startswith("ms") else np.mean(values)
        print(f"{name:32s} {middle:8.3f}")


def measure(colorizer: Colorizer, path: Path, rng: np.random.Generator) -> dict[str, float]:
    truth = read_truth(path, Protocol(SIZE))
    luminance = gray(truth)
    session = colorizer.session(luminance)
    plain = np.asarray(session.color())
    hints = [true_hint(truth, *rng.integers(RADIUS, SIZE - RADIUS, 2)) for _ in range(10)]
    start = time.perf_counter()
    session.paint(hints)
    row = {"ms of ten hints": 1e3 * (time.perf_counter() - start)}
    row["dB, plain"] = psnr(truth, plain)
    row["dB gained by ten hints"] = psnr(truth, np.asarray(session.color(hints))) - row["dB, plain"]
    row |= bold(session, luminance, plain, rng)
    row["dE, plain"] = difference(truth, plain).mean()
    if session.knows_likely_colors:
        proposals = [difference(truth, np.asarray(image)).mean() for image in session.propose(4)]
        row["dE, best of four proposals"] = min(proposals)
    half = SIZE // 2
    right = colorizer.session(luminance[:, half:])
    without = difference(truth[:, half:], np.asarray(right.color())).mean()
    guided = colorizer(luminance[:, half:], reference=truth[:, :half])
    row["dE, right half"] = without
    row["dE, like the left half"] = difference(truth[:, half:], np.asarray(guided)).mean()
    return row


def bold(
    session: Session, luminance: np.ndarray, plain: np.ndarray, rng: np.random.Generator
) -> dict[str, float]:
    """One hint of any hue, of the luminance of its place."""
    row, column = (int(n) for n in rng.integers(20, SIZE - 20, 2))
    rgb = rng.integers(60, 200, 3)
    here = luminance[row, column] / 257.0
    rgb = np.clip(rgb * here / (rgb @ color.LUMINANCE_WEIGHTS), 0, 255).round().astype(int)
    hint = Hint((column + 0.5) / SIZE, (row + 0.5) / SIZE, as_color(rgb), RADIUS / SIZE)
    hinted = np.asarray(session.color([hint]))
    part = np.s_[row - 1 : row + 2, column - 1 : column + 2]
    wanted = np.broadcast_to(color.chroma(rgb.astype(np.float32) / 255.0), (3, 3, 2))
    y = (luminance[part] / 65535.0).astype(np.float32)[..., None]
    asked = np.clip(color.add_chroma(y, wanted), 0.0, 1.0)
    change = difference(hinted, plain)
    place = anchors_of([hint], *session.likeness.shape).places[0]
    matter = session.likeness.matter
    unlike = np.square(matter - matter[place]).sum(axis=1).reshape(session.likeness.shape)
    factor = SIZE // unlike.shape[0]
    unlike = np.kron(unlike, np.ones((factor + 1, factor + 1)))[:SIZE, :SIZE]
    rows, columns = np.indices((SIZE, SIZE))
    far = np.hypot(rows - row, columns - column) > 0.4 * SIZE
    beyond = far & (unlike > np.median(unlike))
    return {
        "dE of a place to what was asked": float(
            deltaE_ciede2000(rgb2lab(hinted[part]), rgb2lab(asked)).mean()
        ),
        "dE of change, far and unlike": change[beyond].mean() if beyond.any() else np.nan,
    }


def true_hint(truth: np.ndarray, row: int, column: int) -> Hint:
    around = truth[row - RADIUS : row + RADIUS + 1, column - RADIUS : column + RADIUS + 1]
    mean = as_color(around.reshape(-1, 3).mean(axis=0))
    return Hint((column + 0.5) / SIZE, (row + 0.5) / SIZE, mean, RADIUS / SIZE)


def as_color(rgb: np.ndarray) -> tuple[int, int, int]:
    red, green, blue = (int(value) for value in np.rint(rgb))
    return red, green, blue


def gray(rgb: np.ndarray) -> np.ndarray:
    y = color.luminance(rgb.astype(np.float32) / 255.0)[..., 0]
    return np.rint(65535.0 * y).astype(np.uint16)


def difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.asarray(deltaE_ciede2000(rgb2lab(a), rgb2lab(b)))


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(-10.0 * np.log10(np.square(a.astype(float) - b).mean() / 255.0**2))


if __name__ == "__main__":
    main()
