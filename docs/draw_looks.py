"""Draw the looks of docs/how-to/looks.md: six photographs of the sample in each of them.

python docs/draw_looks.py [--output docs/images/looks.jpg] [--grains docs/images/looks_grains.jpg]

And grains as scans of three sizes show them: a photograph enlarged to each, of which a part is cut.
Prints how far they spread the chroma of a middle gray.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from keras_colorize import Colorizer
from keras_colorize.files import atomic_path
from keras_colorize.looks import LOOKS, has_grains
from keras_colorize.looks.grains import add_grains
from keras_colorize.photos.sheets import draw_sheet

SAMPLE = Path(__file__).parents[1] / "keras_colorize" / "sample"
CELL = (190, 142)  # width and height in pixels
IMAGES = Path(__file__).parent / "images"
BEHIND_GRAINS = 4  # which photograph is shown behind grains
SCANS = (800, 1600, 3000)  # their longer sides, in pixels


def main() -> None:
    """Draw them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", default=str(IMAGES / "looks.jpg"))
    parser.add_argument("--grains", default=str(IMAGES / "looks_grains.jpg"))
    args = parser.parse_args()
    photos = [
        *spread(sorted((SAMPLE / "historical").glob("*.jpg")), 3),
        *spread(sorted((SAMPLE / "modern").glob("*.jpg")), 3),
    ]
    colorizer = Colorizer.load()
    names = [name for name in LOOKS if not has_grains(name)]
    rows = []
    for photo in photos:
        row = []
        for look in names:
            colorizer.look = look
            row.append(np.asarray(ImageOps.fit(colorizer(photo), CELL)))
        rows.append(row)
        print(photo.name)
    save(draw_sheet(rows, names), args.output)
    colorizer.look = next(filter(has_grains, LOOKS))
    cells = [grains(colorizer, photos[BEHIND_GRAINS], width) for width in SCANS]
    save(draw_sheet([cells], [f"{width} pixels across" for width in SCANS]), args.grains)
    gray = np.full((400, 400), 0.5, np.float32)
    for width in SCANS:
        size = width * 3 // 4, width
        chroma = add_grains(gray, np.zeros((*gray.shape, 2), np.float32), size=size)
        print(width, "pixels across:", *np.round(255.0 * chroma.std(axis=(0, 1)), 1), "levels")


def grains(colorizer: Colorizer, photo: Path, width: int) -> np.ndarray:
    """A part of a photograph, from its sky down, as a scan of this width shows it."""
    with Image.open(photo) as image:
        image.load()
    scan = image.resize((width, width * image.height // image.width), Image.Resampling.BICUBIC)
    worn = np.asarray(colorizer(scan))
    top, left = worn.shape[0] // 16, worn.shape[1] // 16
    return worn[top : top + CELL[1], left : left + CELL[0]]


def save(sheet: Image.Image, path: str) -> None:
    """As JPEG, in one step."""
    with atomic_path(path) as temporary:
        sheet.save(temporary, quality=85, subsampling=0, optimize=True)


def spread(paths: list[Path], count: int) -> list[Path]:
    """So many of a list, from the first to the last."""
    return [paths[i] for i in np.linspace(0, len(paths) - 1, count).round().astype(int)]


if __name__ == "__main__":
    main()
