"""The gallery: photographs that the shipped model was not trained on, gray and in its color.

    python benchmarks/gallery.py --historical PHOTOS/test_historical --color PHOTOS/early_color \
        --failures NAME ... --output docs/images/gallery.jpg

The photographs are not chosen by how they came out: they are evenly spread over each folder's list
of names. Failures are named by hand, and come last. Prints what is shown, row by row.
"""

import argparse
from pathlib import Path

import numpy as np
from measuring import ROOT, spread
from PIL import Image, ImageOps

from keras_colorize.coloring.colorizer import Colorizer
from keras_colorize.files import atomic_path
from keras_colorize.photos.finding import find_photos
from keras_colorize.photos.sheets import draw_sheet

COLUMNS = 6
CELL = (200, 150)  # width and height in pixels


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw the gallery of a model.")
    parser.add_argument("--historical", required=True, help="folder of monochrome photographs")
    parser.add_argument("--color", required=True, help="folder of color photographs")
    parser.add_argument("--failures", nargs="*", default=[], help="file names, of either folder")
    parser.add_argument("--model", help="a generator.keras; by default the shipped one")
    parser.add_argument("--count", nargs=2, type=int, default=(9, 4), help="of either folder")
    parser.add_argument("--output", default=str(ROOT / "docs" / "images" / "gallery.jpg"))
    parser.add_argument("--quality", type=int, default=82)
    args = parser.parse_args()

    colorizer = Colorizer.load(args.model)
    folders = {False: find_photos(args.historical), True: find_photos(args.color)}
    parts = []
    for has_color, photos in folders.items():
        chosen = spread(photos, args.count[has_color])
        parts.append(draw_part(chosen, colorizer, has_color=has_color, kind="chosen"))
    for has_color, photos in folders.items():
        failures = [photo for photo in photos if photo.name in args.failures]
        if failures:
            parts.append(draw_part(failures, colorizer, has_color=has_color, kind="failure"))
    gallery = Image.new("RGB", (parts[0].width, sum(part.height for part in parts)), "white")
    top = 0
    for part in parts:
        gallery.paste(part, (0, top))
        top += part.height
    with atomic_path(args.output) as temporary:
        gallery.save(temporary, quality=args.quality, optimize=True)


def draw_part(
    photos: list[Path], colorizer: Colorizer, *, has_color: bool, kind: str
) -> Image.Image:
    """Rows of gray, colorized, and where it is known truth; as many photographs a row as fit."""
    cells, captions = [], ["gray", "colorized", "truth"][: 2 + has_color]
    for photo in photos:
        with Image.open(photo) as file:
            truth = ImageOps.exif_transpose(file).convert("RGB")
        pictures = [truth.convert("L"), colorizer(truth), truth][: len(captions)]
        cells.append([np.array(ImageOps.fit(p.convert("RGB"), CELL)) for p in pictures])
    per_row = COLUMNS // len(captions)
    blank = np.full((CELL[1], CELL[0], 3), 255, np.uint8)
    rows = []
    for start in range(0, len(cells), per_row):
        row = [cell for photo in cells[start : start + per_row] for cell in photo]
        rows.append(row + [blank] * (COLUMNS - len(row)))
        print(f"{kind}: {', '.join(photo.name for photo in photos[start : start + per_row])}")
    if kind == "failure":
        captions[1] += ", failed"
    return draw_sheet(rows, captions * per_row)


if __name__ == "__main__":
    main()
