"""Contact sheets: photographs side by side, so that people can look."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from keras_colorize.photos.pixels import quantize

__all__ = ["draw_sheet"]

_GAP = 4  # pixels between cells
_CAPTION_HEIGHT = 18
_PAPER = (255, 255, 255)
_INK = (40, 40, 40)


def draw_sheet(rows: Sequence[Sequence[np.ndarray | None]], captions: Sequence[str]) -> Image.Image:
    """Arrange photographs in a grid, one caption a column.

    Args:
        rows: the cells, row by row. A cell is ``(H, W, 3)`` or ``(H, W, 1)``, uint8 or float in
            [0, 1]; cells may differ in size. ``None`` leaves a cell empty.
        captions: the text above each column; every row has as many cells.

    Returns:
        An RGB image. Each column is as wide as its widest cell, each row as high as its highest.
    """
    if not rows or any(len(row) != len(captions) for row in rows):
        raise ValueError(
            f"Expected at least one row, each of {len(captions)} cells, one a caption. "
            f"Received rows of {[len(row) for row in rows]} cells"
        )
    cells = [[None if cell is None else _to_image(cell) for cell in row] for row in rows]
    widths = [max((cell.width for cell in column if cell), default=0) for column in zip(*cells)]
    heights = [max((cell.height for cell in row if cell), default=0) for row in cells]
    sheet = Image.new(
        "RGB",
        (
            sum(widths) + _GAP * (len(widths) + 1),
            sum(heights) + _GAP * (len(heights) + 1) + _CAPTION_HEIGHT,
        ),
        _PAPER,
    )
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default()
    left = _GAP
    for column, (width, caption) in enumerate(zip(widths, captions)):
        draw.text((left, _GAP), caption, fill=_INK, font=font)
        top = _CAPTION_HEIGHT + _GAP
        for row, height in zip(cells, heights):
            cell = row[column]
            if cell is not None:
                sheet.paste(cell, (left, top))
            top += height + _GAP
        left += width + _GAP
    return sheet


def _to_image(cell: np.ndarray) -> Image.Image:
    if cell.ndim != 3 or cell.shape[-1] not in (1, 3):
        raise ValueError(f"A cell must have shape (H, W, 3) or (H, W, 1). Received: {cell.shape}")
    if cell.dtype != np.uint8:
        cell = quantize(cell)
    return Image.fromarray(np.broadcast_to(cell, (*cell.shape[:2], 3)).copy())
