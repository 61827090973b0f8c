"""What luminance tells of color, and what more photographs would: explained variance.

    python benchmarks/explained.py --photos CORPUS/validation --train CORPUS/train --model GENERATOR

``--train`` and ``--photos`` are what ``benchmarks/corpus.py`` makes, ``GENERATOR`` the
``generator.keras`` of a run on the former: unlike a packed model's, its chroma is not emphasized.

First, how much of true chroma, as a sum of squares over Cb and Cr, the model explains at several
scales: of the mean of a photograph, of squares of a seventh of its side, and of its pixels at 128.
Gray explains nothing: 1 - sum of squared errors / sum of squares. Beside it what it would explain
if all its chroma were multiplied by the one factor that is best there.

Second, the same of the mean alone for a linear regression on the mean features of the model's
pretrained encoder, from more and more photographs of ``--train``: on 1,000 others of the same
sources, and on ``--photos``, whose sources it has never seen. The penalty is the best of those
tried on the photographs that are measured, so this is an upper bound for such a regression.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import keras
import numpy as np

from keras_colorize import color
from keras_colorize.evaluation.protocol import Protocol, read_truth
from keras_colorize.models.saved import load_generator
from keras_colorize.models.unet import CHROMA_LAYER
from keras_colorize.photos.finding import find_photos

SIDE = 160  # pixels: what the network sees
SCALES = {"photograph": 1, "a seventh of the side": 7, "128 pixels": 128}
FEATURES = ("encoder_5_expand_relu", "encoder_11_expand_relu", "encoder_15_project")
COUNTS, KEPT = (625, 1250, 2500, 5000), 1000
PENALTIES = 10.0 ** np.arange(2.0, 6.5, 0.5)
BATCH = 32

Array = np.ndarray


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", required=True)
    parser.add_argument("--train", required=True)
    parser.add_argument("--model", type=Path, required=True)
    args = parser.parse_args()
    generator, _ = load_generator(args.model)
    paint = keras.Model(generator.inputs, generator.get_layer(CHROMA_LAYER).output)
    pools = [keras.ops.mean(generator.get_layer(name).output, axis=(1, 2)) for name in FEATURES]
    see = keras.Model(generator.inputs, keras.ops.concatenate(pools, axis=-1))

    print("scale | explained | at the best factor")
    y, true = map(np.concatenate, zip(*_read(find_photos(args.photos)), strict=True))
    painted = paint.predict(y, batch_size=BATCH, verbose=0)
    for name, side in SCALES.items():
        p, t = resize(painted, side), resize(true, side)
        factor = np.sum(p * t) / np.sum(p * p)
        print(f"{name} | {explained(p, t):.3f} | {explained(factor * p, t):.3f} ({factor:.2f})")

    paths = find_photos(args.train)
    order = np.random.default_rng(0).permutation(len(paths))[: COUNTS[-1] + KEPT]
    # By batches: there are too many to keep.
    own = [
        (see.predict_on_batch(seen), chroma.mean(axis=(1, 2)))
        for seen, chroma in _read([paths[i] for i in order])
    ]
    features, means = map(np.concatenate, zip(*own, strict=True))
    tests = {
        "same sources": (features[COUNTS[-1] :], means[COUNTS[-1] :]),
        "others": (see.predict(y, batch_size=BATCH, verbose=0), true.mean(axis=(1, 2))),
    }
    print("photographs | " + " | ".join(tests))
    for count in COUNTS:
        fits = [regress(features[:count], means[:count], *test) for test in tests.values()]
        print(f"{count} | " + " | ".join(f"{fit:.3f}" for fit in fits), flush=True)


def explained(painted: Array, true: Array) -> float:
    return float(1.0 - np.sum((painted - true) ** 2) / np.sum(true**2))


def regress(features: Array, true: Array, seen: Array, wanted: Array) -> float:
    """The most that ridge regression from the first pair explains of the second."""
    mean, scale, level = features.mean(axis=0), features.std(axis=0) + 1e-3, true.mean(axis=0)
    x, y = (features - mean) / scale, true - level
    values, vectors = np.linalg.eigh(x.T @ x)
    slopes, z = vectors.T @ (x.T @ y), (seen - mean) / scale @ vectors
    return max(
        explained(z @ (slopes / (values + penalty)[:, None]) + level, wanted)
        for penalty in PENALTIES
    )


def resize(images: Array, side: int) -> Array:
    """Float32 images ``(B, H, W, 2)``, reduced to ``(B, side, side, 2)``."""
    return np.stack([cv2.resize(i, (side, side), interpolation=cv2.INTER_AREA) for i in images])


def _read(paths: Sequence[Path]) -> Iterator[tuple[Array, Array]]:
    """Luminance and chroma of batches of photographs."""
    for start in range(0, len(paths), BATCH):
        batch = [read_truth(path, Protocol(SIDE)) for path in paths[start : start + BATCH]]
        rgb = np.stack(batch).astype(np.float32) / 255.0
        yield np.asarray(color.luminance(rgb)), np.asarray(color.chroma(rgb))


if __name__ == "__main__":
    main()
