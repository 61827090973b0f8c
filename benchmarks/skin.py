"""How right skin is: CIEDE2000 and hue error within faces, group by group.

    python benchmarks/skin.py --photos PHOTOS/test_faces --manifest PHOTOS/MANIFEST.csv [--model M]

The photographs are crops of faces, as FairFace has them: the face is in the middle, and skin is
what lies in an ellipse there, 0.4 of the side wide and 0.55 high. They are seen and compared at 256
pixels, as ``evaluate`` does. The hue error is the angle in CIELAB between the mean colors of both
ellipses, in degrees: shadows and highlights of one face hardly have a hue of their own. Also
printed is its direction, + being yellower than the truth and - redder, and chroma as a share of the
truth's. The group is what stands between the first colon and comma of the manifest's title.

Groups of two dozen faces differ by chance alone. So beside the worst group against the best stands
what the same faces give when they are divided at random into groups of the same sizes: the median,
and how often it is as much or more (scipy's ``permutation_test``, 2,000 divisions, seed 0).
"""

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np
from scipy.stats import permutation_test
from skimage.color import deltaE_ciede2000, rgb2lab

from keras_colorize import Colorizer, color
from keras_colorize.evaluation.groups import read_manifest
from keras_colorize.evaluation.protocol import Protocol, read_truth
from keras_colorize.photos.finding import find_photos

SIZE = 256
WIDTH, HEIGHT = 0.4, 0.55  # of the ellipse, relative to the side


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", required=True)
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--model")
    args = parser.parse_args()
    colorizer = Colorizer.load(args.model)
    titles = read_manifest(args.manifest, "title")
    groups = defaultdict(list)
    for path in find_photos(args.photos):
        group = titles[path.resolve()].partition(": ")[2].partition(",")[0]
        groups[group].append(measure(colorizer, read_truth(path, Protocol(SIZE))))
    print("group | faces | ΔE, gray | ΔE | hue error | yellower by | chroma")
    everyone = [row for rows in groups.values() for row in rows]
    for group, rows in [*sorted(groups.items()), ("all", everyone)]:
        gray, difference, angle, chroma, true = np.array(rows).T
        print(
            f"{group} | {len(rows)} | {gray.mean():.2f} | {difference.mean():.2f} | "
            f"{np.abs(angle).mean():.1f} | {angle.mean():+.1f} | {chroma.mean() / true.mean():.0%}"
        )
    for name, column in (("ΔE", 1), ("hue error", 2)):
        errors = [np.abs(np.array(rows)[:, column]) for rows in groups.values()]
        chance = permutation_test(
            errors, worst_against_best, n_resamples=2000, alternative="greater", rng=0
        )
        print(
            f"{name}, worst group against best: {chance.statistic:.2f}; divided at random "
            f"{np.median(chance.null_distribution):.2f}, as much or more in {chance.pvalue:.0%}"
        )


def worst_against_best(*errors: np.ndarray) -> float:
    means = [group.mean() for group in errors]
    return max(means) / min(means)


def measure(colorizer: Colorizer, truth: np.ndarray) -> tuple[float, float, float, float, float]:
    """CIEDE2000 of gray and of the answer, angle from the true hue, both lengths of chroma."""
    y = color.luminance(truth.astype(np.float32) / 255.0)[..., 0]
    answer = np.asarray(colorizer(np.rint(65535.0 * y).astype(np.uint16)))
    skin = ellipse(SIZE)
    gray = np.repeat(np.rint(255.0 * y).astype(np.uint8)[..., None], 3, axis=-1)
    labs = [rgb2lab(image)[skin] for image in (truth, gray, answer)]
    # The mean of a and b: its length is chroma, its angle hue.
    true, _, painted = (lab[:, 1:].mean(axis=0) for lab in labs)
    angle = np.degrees(np.arctan2(painted[1], painted[0]) - np.arctan2(true[1], true[0]))
    return (
        deltaE_ciede2000(labs[0], labs[1]).mean(),
        deltaE_ciede2000(labs[0], labs[2]).mean(),
        (angle + 180.0) % 360.0 - 180.0,
        float(np.hypot(*painted)),
        float(np.hypot(*true)),
    )


def ellipse(side: int) -> np.ndarray:
    rows, columns = (np.indices((side, side)) + 0.5) / side - 0.5
    return np.hypot(columns / (WIDTH / 2), rows / (HEIGHT / 2)) <= 1.0


if __name__ == "__main__":
    main()
