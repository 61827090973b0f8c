"""How true the map of certainty is: does it tell where the colors are wrong?

    python benchmarks/certainty.py --photos PHOTOS [--model MODEL.keras] [--count 140]

Photographs in color are reduced to 256 pixels and cut square, as ``evaluate`` does. On a grid of 32
by 32 places the distance in (Cb, Cr) between what was painted and the truth is set beside what was
expected of it: by the distribution, which is the map, and by how far six predictions lie apart
(three sizes around the working size, each as it is and mirrored), six times the work. Printed are
Spearman's rank correlations, over all places together and within each photograph, and the means: a
true expectation has the mean of what happens.
"""

import argparse

import numpy as np
from scipy.stats import spearmanr

from keras_colorize import Colorizer, color
from keras_colorize.coloring.proposals import expected_distance
from keras_colorize.coloring.reduction import resize_planes
from keras_colorize.evaluation.protocol import Protocol, read_truth
from keras_colorize.photos.finding import find_photos

SIZE = 256
GRID = (32, 32)
FACTORS = (0.75, 1.0, 1.25)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", required=True)
    parser.add_argument("--model")
    parser.add_argument("--count", type=int, default=140)
    args = parser.parse_args()
    colorizer = Colorizer.load(args.model)
    paths = find_photos(args.photos)
    chosen = np.linspace(0, len(paths) - 1, min(args.count, len(paths)), dtype=int)
    rows = [measure(colorizer, read_truth(paths[i], Protocol(SIZE))) for i in chosen]
    errors, expected, apart = (np.stack(planes) for planes in zip(*rows))
    print(f"{len(rows)} photographs; distance to the truth: {errors.mean():.4f} on average")
    for name, told in (
        ("expected by the distribution", expected),
        ("six predictions apart", apart),
    ):
        within = np.mean([spearmanr(a, b).statistic for a, b in zip(told, errors)])
        pooled = spearmanr(told.ravel(), errors.ravel()).statistic
        print(
            f"{name:30s} rank correlation {pooled:.2f}, within {within:.2f}; mean {told.mean():.4f}"
        )


def measure(colorizer: Colorizer, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distance to the truth, what was expected of it, and the six predictions' spread, flat."""
    rgb = truth.astype(np.float32) / np.float32(255.0)
    y = np.rint(65535.0 * color.luminance(rgb)[..., 0]).astype(np.uint16)
    seen = colorizer.see(y)
    if seen.shares is None:
        raise SystemExit("expected a model with a distribution over colors")
    painted = to_grid(seen.painting.chroma)
    wrong = np.linalg.norm(painted - to_grid(color.chroma(rgb)), axis=-1)
    expected = expected_distance(painted, to_grid(seen.shares), seen.bins)
    views = [
        to_grid(colorizer.paint(y[:, mirror], round(factor * colorizer.working_size)).chroma)[
            :, mirror
        ]
        for factor in FACTORS
        for mirror in (slice(None), slice(None, None, -1))
    ]
    apart = np.sqrt(np.var(views, axis=0).sum(axis=-1))
    return wrong.ravel(), expected.ravel(), apart.ravel()


def to_grid(planes: np.ndarray) -> np.ndarray:
    return np.moveaxis(resize_planes(np.moveaxis(planes, -1, 0), *GRID), 0, -1)


if __name__ == "__main__":
    main()
