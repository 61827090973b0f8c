"""Contact sheets: every cell where it belongs, with the values that it had."""

import numpy as np
import pytest
from PIL import Image

from keras_colorize.photos.sheets import draw_sheet

# The layout, as people see it: 4 pixels around every cell, 18 more for the captions at the top.
GAP = 4
TOP = 18 + GAP
PAPER = 255


def levels(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Random uint8, darker than the paper."""
    return np.random.default_rng(seed).integers(0, 200, (height, width, 3), np.uint8)


def pixels(sheet: Image.Image) -> np.ndarray:
    return np.asarray(sheet)


@pytest.mark.smoke
def test_cells_of_unequal_size_stand_in_a_grid() -> None:
    a, b, c, d = levels(10, 20, 0), levels(16, 8, 1), levels(5, 6, 2), levels(7, 30, 3)
    sheet = draw_sheet([[a, b], [c, d]], ["", ""])
    # Columns as wide as 20 and 30, rows as high as 16 and 7.
    assert sheet.size == (GAP + 20 + GAP + 30 + GAP, TOP + 16 + GAP + 7 + GAP)
    assert sheet.mode == "RGB"
    expected = np.full((sheet.height, sheet.width, 3), PAPER, np.uint8)
    right, below = GAP + 20 + GAP, TOP + 16 + GAP
    expected[TOP : TOP + 10, GAP : GAP + 20] = a
    expected[TOP : TOP + 16, right : right + 8] = b
    expected[below : below + 5, GAP : GAP + 6] = c
    expected[below : below + 7, right : right + 30] = d
    np.testing.assert_array_equal(pixels(sheet), expected)


def test_empty_cells_stay_paper() -> None:
    a, b = levels(10, 20, 0), levels(10, 20, 1)
    sheet = draw_sheet([[a, None], [None, b]], ["", ""])
    assert sheet.size == (3 * GAP + 40, TOP + 20 + 2 * GAP)
    painted = pixels(sheet)
    np.testing.assert_array_equal(painted[TOP : TOP + 10, GAP : GAP + 20], a)
    np.testing.assert_array_equal(painted[TOP + 14 : TOP + 24, 28:48], b)
    assert (painted[TOP : TOP + 10, 28:] == PAPER).all()
    assert (painted[TOP + 14 :, : GAP + 20] == PAPER).all()


def test_a_row_of_nothing_takes_no_room() -> None:
    sheet = draw_sheet([[None], [levels(10, 20)]], [""])
    assert sheet.size == (2 * GAP + 20, TOP + GAP + 10 + GAP)


@pytest.mark.smoke
def test_floats_are_levels_of_255_rounded_and_clipped() -> None:
    # 0.1 * 255 = 25.5 rounds to even; 0.499 * 255 = 127.245.
    row = np.array([-0.5, 0.0, 0.1, 0.499, 1.0, 1.5])
    expected = [0, 0, 26, 127, 255, 255]
    for dtype in (np.float32, np.float64):
        cell = np.tile(row.astype(dtype)[None, :, None], (2, 1, 3))
        painted = pixels(draw_sheet([[cell]], [""]))[TOP, GAP : GAP + 6]
        np.testing.assert_array_equal(painted, np.repeat(np.array(expected)[:, None], 3, 1))


def test_every_level_survives_as_float() -> None:
    every = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    of_levels = draw_sheet([[every]], [""])
    of_floats = draw_sheet([[(every / 255.0).astype(np.float32)]], [""])
    np.testing.assert_array_equal(pixels(of_levels), pixels(of_floats))
    painted = pixels(of_levels)[TOP : TOP + 16, GAP : GAP + 16]
    np.testing.assert_array_equal(painted, np.repeat(every, 3, -1))


def test_caption_stands_above_its_column_and_nowhere_else() -> None:
    a, b = levels(10, 60, 0), levels(10, 60, 1)
    blank = pixels(draw_sheet([[a, b]], ["", ""]))
    changed = (pixels(draw_sheet([[a, b]], ["", "truth"])) != blank).any(-1)
    rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
    second = GAP + 60 + GAP
    assert rows.size > 0
    assert rows[0] >= GAP
    assert rows[-1] < TOP
    assert second <= columns[0]
    assert columns[-1] < second + 60


def test_cells_are_left_as_they_were() -> None:
    cells = [levels(4, 4), levels(4, 4) / 255.0]
    before = [cell.copy() for cell in cells]
    draw_sheet([cells], ["", ""])
    for cell, copy in zip(cells, before):
        np.testing.assert_array_equal(cell, copy)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], r"at least one row, each of 2 cells.*Received rows of \[\] cells"),
        ([[None, None], [None]], r"each of 2 cells.*Received rows of \[2, 1\] cells"),
        ([[None, None, None]], r"each of 2 cells.*Received rows of \[3\] cells"),
    ],
)
def test_rows_need_one_cell_a_caption(rows: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        draw_sheet(rows, ["gray", "color"])


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 2), (4, 4, 4), (1, 4, 4, 3)])
def test_shape_of_a_cell_is_checked(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"\(H, W, 3\) or \(H, W, 1\). Received: \(.*4"):
        draw_sheet([[np.zeros(shape)]], [""])
