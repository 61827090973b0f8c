"""Numbers of any width to integers, pixels turned as Pillow turns them, and limits."""

from itertools import product

import numpy as np
import pytest
from PIL import Image

from keras_colorize.errors import PhotoError
from keras_colorize.photos.pixels import (
    WHITE,
    check_size,
    opposite_turn,
    swaps_sides,
    to_integers,
    turn_array,
)
from tests.photo_kinds import color_pixels, deep_pixels

TURNS = [None, *Image.Transpose]


# ---- to_integers --------------------------------------------------------------------------------


def test_16_bits_stay_or_are_rounded() -> None:
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    assert to_integers(values, WHITE) is values
    narrow = to_integers(values, 255)
    assert narrow.dtype == np.uint8
    np.testing.assert_array_equal(narrow, np.rint(values / 257))


@pytest.mark.parametrize("white", [255, WHITE])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "uint32", "int32", "uint64"])
def test_white_is_the_first_that_none_exceeds(dtype: str, white: int) -> None:
    photo = deep_pixels((61, 43)) / 65535
    photo[0, 0] = 1.0
    floats = dtype.startswith("float")
    for brightest in (1.0, 255.0, 65535.0)[0 if floats else 1 :]:
        if dtype == "float16" and brightest == 65535.0:  # which it cannot hold
            continue
        values = (photo * brightest if floats else np.rint(photo * brightest)).astype(dtype)
        integers = to_integers(values, white)
        assert integers.dtype == (np.uint8 if white == 255 else np.uint16)
        expected = np.rint(values.astype(np.float64) * (white / brightest))
        np.testing.assert_array_equal(integers, expected)


def test_the_largest_of_each_white() -> None:
    for values, expected in [
        ([0.0, 1.0], [0, WHITE]),
        ([0.0, np.nextafter(1.0, 2.0)], [0, 257]),  # more than 1: 255 is white
        ([0.0, 255.0], [0, WHITE]),
        ([0.0, 256.0], [0, 256]),
        ([0.0, 65535.0], [0, WHITE]),
        ([0.0, 65536.0], [0, WHITE]),  # black and white are the smallest and the largest
        ([5.0, 1e30], [0, WHITE]),
        ([-1.0, 1.0], [0, WHITE]),
        ([-3.0, -3.0], [0, 0]),
        ([0.0, 0.0], [0, 0]),
    ]:
        assert to_integers(np.array([values]), WHITE).tolist() == [expected]


def test_integers_beyond_every_white() -> None:
    values = np.array([[0, 1 << 31, (1 << 32) - 1]], np.uint32)
    assert to_integers(values, 255).tolist() == [[0, 128, 255]]
    assert to_integers(np.array([[-(1 << 31), (1 << 31) - 1]], np.int32), WHITE).tolist() == [
        [0, WHITE]
    ]


@pytest.mark.parametrize("shape", [(1,), (1, 1), (1, 300, 3), (300, 1), (70, 5, 4)])
def test_every_shape(shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(0).random(shape)
    np.testing.assert_array_equal(to_integers(values, WHITE), np.rint(values * WHITE))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_no_number(value: float) -> None:
    values = np.zeros((3, 4), np.float32)
    values[1, 2] = value
    with pytest.raises(PhotoError, match=r"^holds pixels that are NaN or infinite$"):
        to_integers(values, WHITE)


# ---- turns --------------------------------------------------------------------------------------


@pytest.mark.parametrize("turn", TURNS)
def test_turn_array_is_pillows_transpose(turn: Image.Transpose | None) -> None:
    rgb = color_pixels((31, 20))
    image = Image.fromarray(rgb)
    turned = turn_array(rgb, turn)
    np.testing.assert_array_equal(turned, image if turn is None else image.transpose(turn))
    assert turned.flags.c_contiguous
    assert (turned.shape[:2] == (31, 20)) == swaps_sides(turn)
    np.testing.assert_array_equal(turn_array(rgb[..., 0], turn), turned[..., 0])
    np.testing.assert_array_equal(turn_array(turned, opposite_turn(turn)), rgb)


# ---- limits -------------------------------------------------------------------------------------


def test_check_size() -> None:
    check_size(20, 10, 200)
    with pytest.raises(PhotoError, match=r"^too large: 20 x 10 = 0\.0002 megapixels, limit"):
        check_size(20, 10, 199)
    for width, height in product((0, -1, 5), (0, -7)):
        with pytest.raises(PhotoError, match=f"^zero-sized: {width} x {height}$"):
            check_size(width, height, 200)
