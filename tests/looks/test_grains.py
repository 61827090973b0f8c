"""Grains: as many as a scan of a plate resolves, in their own colors, gray on the whole."""

import numpy as np
import pytest

from keras_colorize import color
from keras_colorize.looks import LOOKS, apply_look, has_grains
from keras_colorize.looks.dyes import mosaic
from keras_colorize.looks.grains import add_grains, grains_per_pixel


def behind(size: tuple[int, int], level: float = 0.5, part: int = 300, **where: int) -> np.ndarray:
    """Chroma of an even gray as it is seen, in levels of 255."""
    gray = np.full((part, part), level, np.float32)
    return 255.0 * add_grains(gray, np.zeros((part, part, 2), np.float32), size=size, **where)


def expected_spread(grains: int) -> np.ndarray:
    """Of Cb and Cr of a middle gray, from colors drawn here, by BT.601 and IEC 61966-2-1."""
    seen, shares = (array.astype(np.float64) for array in mosaic())
    drawn = np.random.default_rng(9).multinomial(grains, shares / shares.sum(), 200_000)
    light = (drawn / (grains / shares.sum())) @ seen
    light *= 0.2140 / (light @ [0.2126, 0.7152, 0.0722])[:, None]  # of sRGB's 0.5
    rgb = 1.055 * np.clip(light, 0.0031308, 1.0) ** (1 / 2.4) - 0.055
    y = rgb @ [0.299, 0.587, 0.114]
    return 255.0 * np.std([(rgb[:, 2] - y) / 1.772, (rgb[:, 0] - y) / 1.402], axis=1)


def test_one_look_has_them() -> None:
    assert [name for name in LOOKS if has_grains(name)] == ["autochrome_grains"]
    y, chroma = np.full((2, 2), 0.4, np.float32), np.full((2, 2, 2), 0.1, np.float32)
    np.testing.assert_array_equal(
        *(apply_look(name, y, chroma) for name in ("autochrome", "autochrome_grains"))
    )


def test_a_square_inch_has_four_million() -> None:
    inch = 25.4 / 180.0  # of the plate's longer side
    assert grains_per_pixel((400, 1000)) * (1000 * inch) ** 2 == pytest.approx(4e6)


@pytest.mark.parametrize(("width", "grains"), [(800, 314), (1600, 78), (3000, 22)])
def test_the_finer_the_scan_the_more_is_seen_of_them(width: int, grains: int) -> None:
    chroma = behind((width * 3 // 4, width)).reshape(-1, 2)
    np.testing.assert_allclose(chroma.std(axis=0), expected_spread(grains), rtol=0.03)
    np.testing.assert_allclose(chroma.mean(axis=0), 0.0, atol=1.0)
    steps = np.abs(np.corrcoef(chroma[:-1, 0], chroma[1:, 0])[0, 1])
    assert steps < 0.02, "neighbors know of each other"


def test_a_grain_may_be_wider_than_a_pixel() -> None:
    chroma = behind((21_000, 28_000), part=40)
    np.testing.assert_array_equal(chroma[0::2], chroma[1::2])
    np.testing.assert_array_equal(chroma[:, 0::2], chroma[:, 1::2])
    kinds = np.unique(np.round(chroma.reshape(-1, 2), 2), axis=0)
    assert len(kinds) == 3


def test_parts_fit_together_and_a_seed_is_a_plate() -> None:
    size = (600, 2000)
    whole = behind(size, part=90)
    part = behind(size, part=30, top=40, left=25)
    # In levels of 255: how a product is rounded may depend on the size of what is multiplied.
    np.testing.assert_allclose(part, whole[40:70, 25:55], atol=1e-3)
    np.testing.assert_array_equal(behind(size, part=90, seed=0), whole)
    assert np.abs(behind(size, part=90, seed=1) - whole).mean() > 1.0


@pytest.mark.parametrize("level", [0.0, 1e-4, 0.02, 0.98, 1.0])
def test_black_and_white_are_left(level: float) -> None:
    chroma = behind((2250, 3000), level, part=20) / 255.0
    assert np.isfinite(chroma).all()
    y = np.full((20, 20, 1), level, np.float32)
    rgb = color.add_chroma(y, color.limit_chroma(y, chroma.astype(np.float32)))
    assert rgb.min() >= -1e-6 and rgb.max() <= 1.0 + 1e-6
    if level in (0.0, 1.0):
        np.testing.assert_allclose(rgb, level, atol=1e-5)


def test_a_color_stays_itself_on_the_whole() -> None:
    for rgb in ((200, 60, 50), (50, 150, 60), (120, 160, 210)):
        pixels = np.full((200, 200, 3), rgb, np.float32) / np.float32(255.0)
        y, chroma = color.luminance(pixels)[..., 0], color.chroma(pixels)
        worn = apply_look("autochrome", y, chroma)
        grained = add_grains(y, worn, size=(900, 1200))
        assert 255.0 * np.abs((grained - worn).mean(axis=(0, 1))).max() < 1.5
        assert 255.0 * (grained - worn).std() > 1.0
