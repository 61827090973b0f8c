"""The peer as pix2pix tests it: with the statistics of the test batch, and with dropout.

    python benchmarks/peer.py --model runs/peer_pix2pix/generator.keras \
        --photos PHOTOS/test_modern --lpips_weights vgg16.ckpt --fid_weights default_1.pt

Isola et al., 2017, section 3.3, run the generator at test time as during training. Ours normalize
with moving averages, as :mod:`keras_colorize.evaluate` does; the averages of a run as short as this
one's need not fit. Otherwise the protocol is that of ``evaluate``.
"""

import argparse

import keras
import numpy as np
from measuring import describe_machine
from tqdm import tqdm

from keras_colorize import color
from keras_colorize.evaluation.protocol import (
    GRAY,
    Evaluation,
    Protocol,
    gray_among,
    read_truth,
    to_gray,
)
from keras_colorize.evaluation.report import format_table
from keras_colorize.evaluation.scoring import Scorer, load_judges
from keras_colorize.models.saved import load_generator
from keras_colorize.photos.finding import find_photos
from keras_colorize.photos.pixels import quantize

BATCH = 4  # as in configs/peer_pix2pix.yaml


def main() -> None:
    parser = argparse.ArgumentParser(description="Scores of a pix2pix run, tested as pix2pix does.")
    parser.add_argument("--model", required=True, help="the run's generator.keras")
    parser.add_argument("--photos", required=True, help="folder of color photographs")
    parser.add_argument("--lpips_weights", nargs="+", help="as of keras_colorize.evaluate")
    parser.add_argument("--fid_weights", help="as of keras_colorize.evaluate")
    parser.add_argument("--seed", type=int, default=0, help="of the dropout")
    args = parser.parse_args()

    keras.utils.set_random_seed(args.seed)
    generator, _ = load_generator(args.model)
    scorer = Scorer(load_judges(args.lpips_weights, args.fid_weights))
    photos, without_color = find_photos(args.photos), set()
    print(describe_machine())
    for first in tqdm(range(0, len(photos), BATCH), unit="batch"):
        part = photos[first : first + BATCH]
        truths = np.stack([read_truth(photo, Protocol()) for photo in part])
        luminance = color.luminance(truths.astype(np.float32) / 255.0)
        painted = np.asarray(generator(luminance, training=True))
        without_color |= gray_among(part, truths)
        scorer.add(truths, {GRAY: to_gray(truths), "batch statistics": quantize(painted)})
    scores, features = scorer.scores(), scorer.features()
    print(format_table(Evaluation(photos, {}, scores, features, frozenset(without_color))))


if __name__ == "__main__":
    main()
