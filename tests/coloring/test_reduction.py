"""The copy that the network sees: against Pillow, of every shape and depth."""

import numpy as np
import pytest
from PIL import Image

from keras_colorize.coloring.reduction import (
    pad_to_stride,
    reduce_luminance,
    reduced_size,
    resize_planes,
)
from tests.conftest import SAMPLE


def house() -> np.ndarray:
    """Luminance of a photograph, uint8, of 1,200 x 1,800 pixels: sharp where it was enlarged."""
    with Image.open(SAMPLE / "modern" / "brick_house_garden.jpg") as photo:
        return np.asarray(photo.convert("L").resize((1800, 1200), Image.Resampling.NEAREST))


@pytest.mark.parametrize(
    ("shape", "short_side", "expected"),
    [
        ((300, 400), 100, (100, 133)),
        ((50, 60), 100, (50, 60)),
        ((1, 1), 64, (1, 1)),
        ((100, 10_000), 64, (5, 512)),  # a panorama: 8 times the short side is the limit
        ((4, 4_000_000), 64, (1, 512)),
    ],
)
def test_reduced_size(shape: tuple[int, int], short_side: int, expected: tuple[int, int]) -> None:
    assert reduced_size(shape, short_side) == expected
    assert reduced_size(shape[::-1], short_side) == expected[::-1]


@pytest.mark.parametrize("short_side", [40, 100, 300, 900])
def test_reduced_as_pillow_reduces(short_side: int) -> None:
    photo = house()
    height, width = reduced_size(photo.shape, short_side)
    expected = Image.fromarray(photo.astype(np.float32) / 255.0).resize(
        (width, height), Image.Resampling.BICUBIC
    )
    difference = np.abs(reduce_luminance(photo, short_side) - np.clip(expected, 0.0, 1.0))
    assert difference.mean() < 0.01
    # Means over blocks, as against a cubic filter of that width.
    assert difference.max() < 0.15


def test_depths_are_alike() -> None:
    photo = house()
    expected = reduce_luminance(photo, 50)
    assert expected.dtype == np.float32
    for same in (photo.astype(np.uint16) * 257, photo / 255.0):
        np.testing.assert_allclose(reduce_luminance(same, 50), expected, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
def test_blocks_are_averaged(dtype: type) -> None:
    """Against NumPy, blocks of 17 or 18 pixels a side; of any order in memory."""
    photo = house()[:701] / 255.0
    if np.dtype(dtype).kind == "u":
        photo = np.rint(photo * np.iinfo(dtype).max)
    white = np.iinfo(dtype).max if np.dtype(dtype).kind == "u" else 1.0
    rows, columns = (
        np.linspace(0, side, count + 1).round().astype(int)
        for side, count in zip(photo.shape, (41, 105))
    )
    sums = np.add.reduceat(np.add.reduceat(photo, rows[:-1]), columns[:-1], axis=1)
    means = sums / white / np.outer(np.diff(rows), np.diff(columns))
    expected = np.clip(resize_planes(means[None], *reduced_size(photo.shape, 20)), 0.0, 1.0)[0]
    photo = photo.astype(dtype)
    for luminance in (photo, np.asfortranarray(photo)):
        np.testing.assert_allclose(reduce_luminance(luminance, 20), expected, atol=1e-6)


@pytest.mark.parametrize(("shape", "short_side"), [((1200, 1800), 16), ((700, 89), 1)])
def test_mean_is_kept(shape: tuple[int, int], short_side: int) -> None:
    photo = house()[: shape[0], : shape[1]]
    reduced = reduce_luminance(photo, short_side)
    assert reduced.mean() == pytest.approx(photo.mean() / 255.0, abs=2e-3)


def test_small_photographs_stay_as_they_are() -> None:
    photo = house()[:37, :53]
    np.testing.assert_array_equal(reduce_luminance(photo, 64), (photo / 255.0).astype(np.float32))


def test_planes_are_resized_one_by_one() -> None:
    planes = np.random.default_rng(0).random((3, 7, 9)).astype(np.float32)
    resized = resize_planes(planes, 14, 30)
    for plane, result in zip(planes, resized, strict=True):
        expected = Image.fromarray(plane).resize((30, 14), Image.Resampling.BICUBIC)
        np.testing.assert_array_equal(result, expected)


def test_padding_mirrors_as_often_as_it_takes() -> None:
    padded = pad_to_stride(np.array([[1.0, 2.0, 3.0]]), 8)
    assert padded.shape == (8, 8)
    np.testing.assert_array_equal(padded[0], [1, 2, 3, 3, 2, 1, 1, 2])
    np.testing.assert_array_equal(padded, np.tile(padded[:1], (8, 1)))
