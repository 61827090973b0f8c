"""Does color bleed less over edges when chroma is enlarged with the luminance as guide?

    python benchmarks/upsampling.py --photos FOLDER

Of every photograph the true chroma is reduced by a factor and enlarged again: by Pillow, bilinear
and bicubic, and guided as ``keras_colorize/coloring/upsampling.py`` does it. Compared is the error
of Cb and Cr, in levels of 8 bits, over the tenth of the pixels where the luminance is steepest, and
over all.
"""

import argparse
from pathlib import Path

import numpy as np
from measuring import format_table
from PIL import Image

from keras_colorize import color
from keras_colorize.coloring.upsampling import Enlargement, guide_chroma
from keras_colorize.photos.finding import find_photos
from keras_colorize.photos.reading import read_photo

FACTORS = (2, 4, 8)
EDGES = 0.9  # quantile of the luminance's gradient
KINDS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


def resize(image: np.ndarray, height: int, width: int, kind: Image.Resampling) -> np.ndarray:
    """Each channel by Pillow, float32 ``(h, w, C)``."""
    channels = np.ascontiguousarray(np.moveaxis(image, -1, 0), np.float32)
    resized = [Image.fromarray(channel).resize((width, height), kind) for channel in channels]
    return np.stack([np.asarray(channel) for channel in resized], axis=-1)


def measure(photo: np.ndarray, factor: int) -> np.ndarray:
    """Mean absolute and root mean squared error at edges, and the mean of all, by kind."""
    y, chroma = color.luminance(photo), color.chroma(photo)
    height, width = y.shape[:2]
    size = (max(1, height // factor), max(1, width // factor))
    small_y, small_chroma = (resize(x, *size, Image.Resampling.BICUBIC) for x in (y, chroma))
    results = {name: resize(small_chroma, height, width, kind) for name, kind in KINDS.items()}
    enlargement = Enlargement(guide_chroma(small_chroma, small_y), height, width)
    results["guided"] = np.stack(enlargement.chroma(0, y[..., 0]), axis=-1)
    steepness = np.hypot(*np.gradient(y[..., 0]))
    edges = steepness >= np.quantile(steepness, EDGES)
    return np.array(
        [
            (np.abs(error)[edges].mean(), np.square(error)[edges].mean(), np.abs(error).mean())
            for error in (255.0 * (result - chroma) for result in results.values())
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Guided enlargement of chroma against others.")
    parser.add_argument("--photos", type=Path, required=True, help="folder of color photographs")
    photos = [read_photo(path) for path in find_photos(parser.parse_args().photos)]
    rows = []
    for factor in FACTORS:
        errors = [measure(photo.astype(np.float32) / 255.0, factor) for photo in photos]
        means = np.mean(errors, axis=0)  # (kinds, 3)
        rows += [
            [f"{factor} {name}", f"{edge:.2f}", f"{np.sqrt(squared):.2f}", f"{everywhere:.2f}"]
            for name, (edge, squared, everywhere) in zip([*KINDS, "guided"], means)
        ]
    print(f"{len(photos)} photographs; errors of Cb and Cr in levels of 8 bits")
    print(format_table(["factor", "mean at edges", "RMS at edges", "mean everywhere"], rows))


if __name__ == "__main__":
    main()
