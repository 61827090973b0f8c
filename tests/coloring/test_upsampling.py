"""Enlarged chroma: against Pillow, in strips of any kind, and closer to the truth than without."""

import itertools

import numpy as np
import pytest
from PIL import Image

from keras_colorize import color
from keras_colorize.coloring import grained
from keras_colorize.coloring.upsampling import Enlargement, guide_chroma, resample_taps
from keras_colorize.photos.pixels import strips
from tests.conftest import SAMPLE


def resize(image: np.ndarray, height: int, width: int, kind: Image.Resampling) -> np.ndarray:
    """Each channel by Pillow, float32 ``(h, w, C)``."""
    channels = [
        Image.fromarray(np.ascontiguousarray(channel)).resize((width, height), kind)
        for channel in np.moveaxis(image, -1, 0).astype(np.float32)
    ]
    return np.stack([np.asarray(channel) for channel in channels], axis=-1)


def enlarge(chroma: np.ndarray, small: np.ndarray, luminance: np.ndarray) -> np.ndarray:
    height, width = luminance.shape[:2]
    enlargement = Enlargement(guide_chroma(chroma, small), height, width)
    planes = enlargement.chroma(0, luminance[..., 0])
    return np.stack(planes, axis=-1)


def house() -> np.ndarray:
    with Image.open(SAMPLE / "modern" / "brick_house_garden.jpg") as photo:
        return np.asarray(photo, np.float32) / 255.0


@pytest.mark.parametrize(("size", "new_size"), [(1, 9), (2, 7), (5, 17), (64, 64), (37, 90)])
def test_taps_are_those_of_pillow(size: int, new_size: int) -> None:
    image = np.random.default_rng(0).random((size, size)).astype(np.float32)
    places, weights = resample_taps(size, new_size)
    matrix = np.zeros((new_size, size))
    np.add.at(matrix, (np.arange(new_size)[:, None], places), weights)
    expected = resize(image[..., None], new_size, new_size, Image.Resampling.BICUBIC)
    np.testing.assert_allclose(matrix @ image @ matrix.T, expected[..., 0], atol=1e-5)


def test_chroma_of_a_constant_luminance_is_enlarged_bicubically() -> None:
    chroma = np.random.default_rng(1).uniform(-0.5, 0.5, (6, 8, 2)).astype(np.float32)
    gray = np.full((6, 8, 1), 0.5, np.float32)
    result = enlarge(chroma, gray, np.full((30, 24, 1), 0.5, np.float32))
    expected = resize(chroma, 30, 24, Image.Resampling.BICUBIC)
    np.testing.assert_allclose(result, expected, atol=1e-5)


def test_at_the_same_size_chroma_stays_as_it_is() -> None:
    photo = house()
    chroma, y = color.chroma(photo), color.luminance(photo)
    np.testing.assert_allclose(enlarge(chroma, y, y), chroma, atol=1e-5)


def test_slope_is_that_of_the_regularized_regression() -> None:
    """Of one 3 x 3 window, solved by NumPy."""
    rng = np.random.default_rng(2)
    y, chroma = rng.random((3, 3)), rng.uniform(-0.5, 0.5, (3, 3, 2))
    slopes = guide_chroma(chroma, y[..., None])[:2, 1, 1]
    for channel, slope in enumerate(slopes):
        covariance = np.cov(y.ravel(), chroma[..., channel].ravel(), bias=True)
        assert slope == pytest.approx(covariance[0, 1] / (covariance[0, 0] + 0.1), rel=1e-5)


def test_strips_join_without_a_seam() -> None:
    photo = house()
    y = color.luminance(photo)[..., 0]
    small = resize(photo, 40, 60, Image.Resampling.LANCZOS)
    coefficients = guide_chroma(color.chroma(small), color.luminance(small))
    enlargement = Enlargement(coefficients, *y.shape)
    whole = np.stack(enlargement.chroma(0, y))
    for rows in (1, 7, 64):
        parts = [
            np.stack(enlargement.chroma(top, y[top : top + rows])) for top in range(0, len(y), rows)
        ]
        np.testing.assert_allclose(np.concatenate(parts, axis=1), whole, atol=1e-5)


@pytest.mark.parametrize("size", [(1, 1), (5000, 3), (3, 100_000), (777, 999)])
def test_strips_cover_every_row_once(size: tuple[int, int]) -> None:
    bounds = list(strips(*size))
    assert bounds[0][0] == 0
    assert bounds[-1][1] == size[0]
    assert all(a[1] == b[0] for a, b in itertools.pairwise(bounds))
    assert all(top < bottom for top, bottom in bounds)


@pytest.mark.parametrize("factor", [4, 8])
def test_color_bleeds_less_at_edges(factor: int) -> None:
    """Than by bilinear enlargement of the reduced true chroma, in the median real photograph."""
    errors = []
    for path in sorted((SAMPLE / "modern").glob("*.jpg")):
        with Image.open(path) as image:
            photo = np.asarray(image.convert("RGB"), np.float32) / 255.0
        y, chroma = color.luminance(photo), color.chroma(photo)
        height, width = y.shape[0] // factor, y.shape[1] // factor
        small = [resize(values, height, width, Image.Resampling.BICUBIC) for values in (chroma, y)]
        steepness = np.hypot(*np.gradient(y[..., 0]))
        edges = steepness > np.quantile(steepness, 0.9)
        results = [
            enlarge(*small, y),
            resize(small[0], *y.shape[:2], Image.Resampling.BILINEAR),
        ]
        errors.append([np.square(result - chroma)[edges].mean() for result in results])
    guided, bilinear = np.transpose(errors)
    assert np.median(guided / bilinear) < 0.9


# --- as JPEG codes it ---


def test_the_strongest_chroma_fits_into_its_bytes() -> None:
    """Of every luminance and many hues; against the definition (T.871, section 7) in float64."""
    luminance = np.arange(256, dtype=np.uint8)[None].repeat(4, axis=0)
    y = np.arange(256)[:, None] / 255.0
    for angle in np.linspace(0.0, 2.0 * np.pi, 721):
        chroma = np.array([np.cos(angle), np.sin(angle)])
        flat = np.concatenate([np.zeros(2), chroma]).astype(np.float32).reshape(4, 1, 1)
        planes = Enlargement(flat, 4, 256).coded(luminance)
        expected = 255.0 * color.limit_chroma(y, np.tile(chroma, (256, 1))).T + 128.0
        assert np.abs(planes[:, 0] - expected).max() < 0.501


@pytest.mark.parametrize(("shape", "dtype"), [((5, 256), np.uint8), ((4, 256), np.float32)])
def test_coded_for_another_luminance_is_refused(shape: tuple[int, int], dtype: type) -> None:
    enlargement = Enlargement(np.zeros((4, 1, 1), np.float32), 4, 256)
    with pytest.raises(ValueError, match=r"uint8 of shape \(4, 256\)"):
        enlargement.coded(np.zeros(shape, dtype))


@pytest.mark.parametrize("look", ["natural", "autochrome_grains"])
def test_coded_chroma_is_that_of_strips(look: str) -> None:
    photo = house()
    small = resize(photo, 40, 60, Image.Resampling.LANCZOS)
    coefficients = guide_chroma(3.0 * color.chroma(small), color.luminance(small))
    levels = np.rint(255.0 * color.luminance(photo)[..., 0]).astype(np.uint8)
    enlargement = grained.enlarge(coefficients, *levels.shape, look)
    y = levels.astype(np.float32) / np.float32(255.0)
    chroma = np.stack(enlargement.chroma(0, y), axis=-1)
    limited = color.limit_chroma(y[..., None], chroma)
    assert np.abs(limited - chroma).max() > 0.1, "nothing was limited"
    for luminance in (levels, np.ascontiguousarray(levels.T).T):  # of any order in memory
        planes = enlargement.coded(luminance)
        assert planes.dtype == np.uint8
        expected = 255.0 * np.moveaxis(limited, -1, 0) + 128.0
        assert np.abs(planes - expected).max() < 0.501


@pytest.mark.parametrize("look", ["natural", "autochrome_grains"])
def test_a_part_is_as_in_the_whole(look: str) -> None:
    photo = house()
    small = resize(photo, 40, 60, Image.Resampling.LANCZOS)
    coefficients = guide_chroma(color.chroma(small), color.luminance(small))
    levels = np.rint(255.0 * color.luminance(photo)[..., 0]).astype(np.uint8)
    rows, columns = slice(31, 97), slice(20, 130)
    part = grained.enlarge(coefficients, *levels.shape, look, rows, columns)
    whole = grained.enlarge(coefficients, *levels.shape, look).coded(levels)
    np.testing.assert_array_equal(part.coded(levels[rows, columns]), whole[:, rows, columns])
