"""Draw the looks of docs/how-to/looks.md: six photographs of the sample in each of them.

python docs/draw_looks.py [--output docs/images/looks.jpg]
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import ImageOps

from keras_colorize import Colorizer
from keras_colorize.files import atomic_path
from keras_colorize.looks import LOOKS
from keras_colorize.photos.sheets import draw_sheet

SAMPLE = Path(__file__).parents[1] / "keras_colorize" / "sample"
CELL = (190, 142)  # width and height in pixels


def main() -> None:
    """Draw them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", default=str(Path(__file__).parent / "images" / "looks.jpg"))
    args = parser.parse_args()
    photos = [
        *spread(sorted((SAMPLE / "historical").glob("*.jpg")), 3),
        *spread(sorted((SAMPLE / "modern").glob("*.jpg")), 3),
    ]
    colorizer = Colorizer.load()
    rows = []
    for photo in photos:
        row = []
        for look in LOOKS:
            colorizer.look = look
            row.append(np.asarray(ImageOps.fit(colorizer(photo), CELL)))
        rows.append(row)
        print(photo.name)
    sheet = draw_sheet(rows, list(LOOKS))
    with atomic_path(args.output) as temporary:
        sheet.save(temporary, quality=85, optimize=True)


def spread(paths: list[Path], count: int) -> list[Path]:
    """So many of a list, from the first to the last."""
    return [paths[i] for i in np.linspace(0, len(paths) - 1, count).round().astype(int)]


if __name__ == "__main__":
    main()
