"""``python -m keras_colorize.film_sheet``: what films do; photographs in color and on each of them.

::

    python -m keras_colorize.film_sheet house.jpg street.jpg --output films.png
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from keras_colorize.cli import CommandParser, run_command
from keras_colorize.color import luminance
from keras_colorize.errors import ConfigError, PhotoError
from keras_colorize.files import atomic_path, make_folder, refuse_replacing
from keras_colorize.film.stocks import STOCKS, FilmStock
from keras_colorize.photos.reading import read_photo
from keras_colorize.photos.sheets import draw_sheet
from keras_colorize.photos.writing import save_picture

__all__ = ["film_sheet", "main"]


def film_sheet(
    photos: Sequence[np.ndarray], stocks: Sequence[FilmStock | str], seed: int
) -> Image.Image:
    """A contact sheet: one row per photograph, in color, in luminance, then on each stock.

    Args:
        photos: uint8 ``(H, W, 3)``, at least 8 x 8 pixels; sizes may differ.
        stocks: the films, by name or not, one column each.
        seed: of all draws; every cell has its own.

    Raises:
        ConfigError: a stock's name is unknown.
        ValueError: there are no photographs, or one has another shape or type.
    """
    # TensorFlow takes seconds to import; --help and mistaken arguments need not wait for it.
    from keras_colorize.film.simulation import simulate_film

    rows = []
    for row, photo in enumerate(photos):
        if photo.dtype != np.uint8:
            raise ValueError(f"photos: expected uint8. Received: {photo.dtype}")
        rgb = photo.astype(np.float32) / 255.0
        cells = [rgb, luminance(rgb)]
        for column, stock in enumerate(stocks):
            cell = np.array([seed % 2**31, row * len(stocks) + column], np.int32)
            cells.append(simulate_film(rgb, stock, cell).numpy())
        rows.append(cells)
    names = [stock.name if isinstance(stock, FilmStock) else stock for stock in stocks]
    return draw_sheet(rows, ["color", "luminance", *names])


def main(argv: Sequence[str] | None = None) -> int:
    """The command; gives its exit status."""
    return run_command(_draw, argv)


def _draw(argv: Sequence[str]) -> int:
    parser = CommandParser(
        prog="python -m keras_colorize.film_sheet",
        description="Draw photographs in color, in plain luminance and on old films, side by side.",
    )
    parser.add_argument("photos", nargs="+", type=str, help="color photographs, one row each")
    parser.add_argument("--output", required=True, type=str, help="the picture file to write")
    parser.add_argument(
        "--stocks", nargs="+", type=str, default=list(STOCKS), help="films, one column each"
    )
    parser.add_argument("--size", type=int, default=256, help="short side of a cell in pixels")
    parser.add_argument("--seed", type=int, default=0, help="of the grain and all else drawn")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing output")
    options = parser.parse_args(list(argv))

    output = Path(options.output)
    if not options.overwrite:
        refuse_replacing([output])
    if options.size < 8:
        raise ConfigError(f"--size must be at least 8 pixels. Received: {options.size}")
    photos = [_read(path, options.size) for path in options.photos]
    sheet = film_sheet(photos, options.stocks, options.seed)
    make_folder(output.parent)
    try:
        with atomic_path(output) as temporary:
            save_picture(sheet, temporary)
    except (OSError, ValueError) as error:  # Pillow knows no such format: ValueError
        raise ConfigError(f"--output {output} cannot be written: {error}") from error
    print(output)
    return 0


def _read(path: str, short_side: int) -> np.ndarray:
    try:
        photo = read_photo(path, short_side=short_side)
    except PhotoError as error:
        raise PhotoError(f"{path}: {error}") from error
    if min(photo.shape[:2]) < 8:
        raise PhotoError(f"{path}: expected 8 x 8 pixels at least. Received: {photo.shape[:2]}")
    return photo


if __name__ == "__main__":
    sys.exit(main())
