"""Numbers of any width to integers, pixels turned as Pillow turns them, and limits."""

from itertools import product

import numpy as np
import pytest
from PIL import Image

from keras_colorize.errors import PhotoError
from keras_colorize.photos.pixels import (
    WHITE,
    check_size,
    deepen,
    on_white,
    opposite_turn,
    swaps_sides,
    to_bytes,
    to_integers,
    turn_array,
)
from tests.photo_kinds import color_pixels, deep_pixels

TURNS = [None, *Image.Transpose]


# ---- to_integers --------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["uint8", "uint16", ">u2"])
def test_integers_without_a_sign_stay(dtype: str) -> None:
    values = np.arange(256, dtype=dtype).reshape(16, 16)
    integers, notes = to_integers(values)
    assert integers.dtype == (np.uint8 if dtype == "uint8" else np.uint16) and notes == ()
    np.testing.assert_array_equal(integers, values)


@pytest.mark.parametrize(("dtype", "half"), [("int8", 128), ("int16", 32768)])
def test_signed_integers(dtype: str, half: int) -> None:
    """The largest number that there is is white; the least, or 0 where none is negative, black."""
    white = 2 * half - 1
    integers, notes = to_integers(np.array([[0, 5, half - 1]], dtype))
    assert integers.tolist() == [[0, round(5 * white / (half - 1)), white]]
    assert notes == (f"signed numbers: 0 was taken for black and {half - 1} for white",)
    integers, notes = to_integers(np.array([[-half, -1, 0, half - 1]], dtype))
    assert integers.tolist() == [[0, half - 1, half, white]]
    assert notes == (f"signed numbers: {-half} was taken for black and {half - 1} for white",)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "uint32", "int32", "uint64"])
def test_white_is_the_first_that_none_exceeds(dtype: str) -> None:
    photo = deep_pixels((61, 43)) / 65535
    photo[0, 0] = 1.0
    floats = dtype.startswith("float")
    for brightest in (1.0, 255.0, 65535.0)[0 if floats else 1 :]:
        if dtype == "float16" and brightest == 65535.0:  # which it cannot hold
            continue
        values = (photo * brightest if floats else np.rint(photo * brightest)).astype(dtype)
        integers, notes = to_integers(values)
        assert integers.dtype == np.uint16 and notes == ()
        expected = np.rint(values.astype(np.float64) * (WHITE / brightest))
        np.testing.assert_array_equal(integers, expected)


def test_floats_that_are_nearly_black_are_told() -> None:
    integers, notes = to_integers(np.array([[0.0, 0.001, 0.01]]))
    assert integers.tolist() == [[0, 66, 655]]
    assert notes == ("nearly black: its numbers go up to 0.01, white is 1",)


def test_floats_beyond_white_are_clipped() -> None:
    """One highlight above 1, which turned the picture black, and a shadow below 0."""
    photo = deep_pixels((61, 43)) / 65535
    photo[0, 0], photo[1, 1] = 1.02, -0.25
    integers, notes = to_integers(photo)
    np.testing.assert_array_equal(integers, np.rint(np.clip(photo, 0, 1) * WHITE))
    # Two pixels of 61 x 43.
    clipped = "clipped to 0 to 1: 0.076 percent of its numbers, which go from -0.25 to 1.02"
    assert notes == (clipped,)


def test_floats_of_other_ranges() -> None:
    ramp = np.linspace(0.0, 1.0, 101)
    for values, white, note in [
        (ramp * 250, 255, "255 was taken for white: its numbers go up to 250"),
        (ramp * 4095, 65535, "65535 was taken for white: its numbers go up to 4095"),
    ]:
        integers, notes = to_integers(values)
        np.testing.assert_array_equal(integers, np.rint(values * (WHITE / white)))
        assert notes == (note,)
    for values, note in [
        (200 * ramp - 100, "contrast stretched: -100 became black, 100 white"),
        (1e9 * ramp, "contrast stretched: 0 became black, 1e+09 white"),
    ]:
        integers, notes = to_integers(values)
        assert np.abs(integers - ramp * WHITE).max() <= 0.5 + 1e-6
        assert notes == (note,)


def test_wide_integers_below_a_white() -> None:
    """12 bits in 32 become dark: what was taken for white has to be said."""
    for largest, white in [(201, 255), (4095, 65535), (65534, 65535)]:
        integers, notes = to_integers(np.array([[0, largest]], np.uint32))
        assert integers.tolist() == [[0, round(largest * WHITE / white)]]
        assert notes == (f"{white} was taken for white: its numbers go up to {largest}",)


def test_integers_beyond_every_white() -> None:
    values = np.array([[0, 1 << 31, (1 << 32) - 1]], np.uint32)
    integers, notes = to_integers(values)
    assert integers.tolist() == [[0, 32768, WHITE]]
    assert notes == ("contrast stretched: 0 became black, 4.29497e+09 white",)
    integers, notes = to_integers(np.array([[-5, 0, 95]], np.int32))
    assert integers.tolist() == [[0, 3277, WHITE]]
    assert notes == ("contrast stretched: -5 became black, 95 white",)
    assert to_integers(np.full((2, 2), -7, np.int32))[0].tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize("shape", [(1,), (1, 1), (1, 300, 3), (300, 1), (70, 5, 4)])
def test_every_shape(shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(0).random(shape)
    np.testing.assert_array_equal(to_integers(values)[0], np.rint(values * WHITE))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_no_number(value: float) -> None:
    values = np.zeros((3, 4), np.float32)
    values[1, 2] = value
    with pytest.raises(PhotoError, match=r"^holds pixels that are NaN or infinite$"):
        to_integers(values)


# ---- between 8 and 16 bits ----------------------------------------------------------------------


def test_bytes_and_back() -> None:
    levels = np.arange(256, dtype=np.uint8)
    assert deepen(levels).tolist() == [257 * level for level in range(256)]
    deep = np.arange(65536, dtype=np.uint16)
    assert deepen(deep) is deep and to_bytes(levels) is levels
    np.testing.assert_array_equal(to_bytes(deep), np.rint(deep / 257))


def test_on_white() -> None:
    values = np.array([0, 1000, WHITE], np.uint16)
    for opacity in (0, 1, 30000, WHITE):
        share = opacity / WHITE
        expected = np.rint(values * share + WHITE * (1 - share))
        np.testing.assert_array_equal(on_white(values, np.array([opacity], np.uint16)), expected)


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
