"""Looks: gray stays gray, and colors become those of the process, by what is published of it."""

import numpy as np
import pytest
from PIL import Image

from keras_colorize import color
from keras_colorize.errors import ConfigError
from keras_colorize.looks import LOOKS, apply_look
from keras_colorize.looks.spectra import bands, decode, dye, encode, to_linear_rgb
from keras_colorize.looks.washes import INKS, PIGMENTS
from tests.conftest import SAMPLE

HOUSE = SAMPLE / "modern" / "brick_house_garden.jpg"
PROCESSES = [name for name in LOOKS if name != "natural"]
DYES = ["autochrome", "kodachrome", "technicolor"]
RED, YELLOW, GREEN = (200, 60, 50), (220, 200, 60), (50, 150, 60)
SKY, BLUE, BRICK = (120, 160, 210), (50, 70, 180), (160, 90, 70)


def patch(rgb: tuple[int, int, int], size: int = 48) -> tuple[np.ndarray, np.ndarray]:
    """Luminance and chroma of one color."""
    pixels = np.full((size, size, 3), rgb, np.float32) / np.float32(255.0)
    return color.luminance(pixels)[..., 0], color.chroma(pixels)


def worn(name: str, rgb: tuple[int, int, int]) -> np.ndarray:
    """Cb and Cr of what becomes of a color."""
    return apply_look(name, *patch(rgb))[24, 24]


def angle(chroma: np.ndarray, other: np.ndarray) -> float:
    """Between two hues, in degrees."""
    cosine = chroma @ other / (np.linalg.norm(chroma) * np.linalg.norm(other))
    return float(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))))


def photograph() -> tuple[np.ndarray, np.ndarray]:
    with Image.open(HOUSE) as photo:
        photo.thumbnail((200, 200))
        pixels = np.asarray(photo.convert("RGB"), np.float32) / np.float32(255.0)
    return color.luminance(pixels)[..., 0], color.chroma(pixels)


# -- all of them ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LOOKS)
@pytest.mark.parametrize("size", [(1, 1), (3, 200), (40, 64)])
def test_gray_stays_gray(name: str, size: tuple[int, int]) -> None:
    ramp = np.broadcast_to(np.linspace(0.0, 1.0, size[1], dtype=np.float32), size)
    chroma = apply_look(name, ramp, np.zeros((*size, 2), np.float32))
    assert chroma.shape == (*size, 2)
    assert chroma.dtype == np.float32
    np.testing.assert_allclose(chroma, 0.0, atol=1e-5)


@pytest.mark.parametrize("name", PROCESSES)
def test_a_photograph_has_other_colors_the_same_ones_each_time(name: str) -> None:
    luminance, chroma = photograph()
    first, again = (apply_look(name, luminance, chroma, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert np.isfinite(first).all()
    assert 0.01 < np.linalg.norm(first - chroma, axis=-1).mean() < 0.3


def test_natural_is_what_was_painted() -> None:
    luminance, chroma = photograph()
    np.testing.assert_array_equal(apply_look("natural", luminance, chroma), chroma)


def test_an_unknown_look_is_refused() -> None:
    with pytest.raises(ConfigError, match="look must be one of natural, autochrome"):
        apply_look("sepia", *patch(RED))


# -- dyes -------------------------------------------------------------------------------------


def test_light_without_a_dye_is_white_and_a_dye_takes_its_part() -> None:
    np.testing.assert_allclose(to_linear_rgb(np.ones(31, np.float32)), 1.0, atol=1e-5)
    np.testing.assert_allclose(bands().sum(axis=1), 1.0, atol=1e-6)
    for maximum, channel in ((650.0, 0), (545.0, 1), (445.0, 2)):
        passed = to_linear_rgb(np.power(10.0, -dye(maximum, 35.0)))
        assert passed.argmin() == channel


def test_linear_light_there_and_back() -> None:
    values = np.linspace(0.0, 1.0, 256)
    np.testing.assert_allclose(encode(decode(values)), values, atol=1e-6)
    assert decode(np.array([0.5]))[0] == pytest.approx(0.21404, abs=1e-5)  # IEC 61966-2-1


def test_autochrome_is_paler_and_leans_to_its_grains() -> None:
    """Its blue, seen through violet and green grains, is of a duller and greener hue."""
    for rgb in (RED, YELLOW, GREEN, SKY, BLUE):
        assert np.linalg.norm(worn("autochrome", rgb)) < np.linalg.norm(patch(rgb)[1][0, 0])
    red = worn("autochrome", (220, 20, 40))
    assert red[0] < patch((220, 20, 40))[1][0, 0, 0]  # less blue: it turns orange


@pytest.mark.parametrize("rgb", [RED, YELLOW, GREEN, SKY, BLUE, BRICK])
def test_films_of_dyes_keep_the_hue_and_purer_dyes_are_stronger(rgb: tuple[int, int, int]) -> None:
    natural = patch(rgb)[1][0, 0]
    kodachrome, technicolor = worn("kodachrome", rgb), worn("technicolor", rgb)
    assert angle(kodachrome, natural) < 30.0
    assert angle(technicolor, natural) < 30.0
    lengths = [float(np.linalg.norm(each)) for each in (natural, kodachrome, technicolor)]
    assert lengths == sorted(lengths)


# -- washes -----------------------------------------------------------------------------------


def test_a_wash_is_of_the_nearest_pigment() -> None:
    for name, rgb in (("cobalt", SKY), ("light red", BRICK), ("sap green", (80, 130, 60))):
        laid = worn("hand_tinted", rgb)
        pigments = {
            pigment: angle(laid, color.chroma(np.array(value, np.float32) / 255.0))
            for pigment, value in PIGMENTS.items()
        }
        assert min(pigments, key=lambda each: pigments[each]) == name


def test_paper_and_what_is_nearly_gray_are_left() -> None:
    luminance, chroma = photograph()
    luminance, chroma = luminance.copy(), chroma.copy()
    luminance[:, :30] = 0.99
    chroma[:, -30:] = 0.004
    laid = apply_look("hand_tinted", luminance, chroma)
    np.testing.assert_allclose(laid[:, :30], 0.0, atol=1e-6)
    np.testing.assert_allclose(laid[:, -30:], 0.0, atol=1e-6)


def test_washes_keep_to_areas() -> None:
    """Half a picture in one color and tone, half in another: neither runs into the other."""
    (dark, brick), (light, sky) = patch((110, 60, 50), 60), patch((180, 205, 235), 60)
    luminance, chroma = np.concatenate([dark, light], 1), np.concatenate([brick, sky], 1)
    for name in ("hand_tinted", "photochrom"):
        laid = apply_look(name, luminance, chroma)
        assert angle(laid[30, 57], laid[30, 10]) < 8.0
        assert angle(laid[30, 62], laid[30, 110]) < 8.0
        assert angle(laid[30, 10], laid[30, 110]) > 60.0


def test_a_photochrom_has_few_hues() -> None:
    """Eight inks, little mixed: hues gather around them, which those of a photograph don't."""
    luminance, chroma = photograph()
    inks = np.stack([color.chroma(np.array(ink, np.float32) / 255.0) for ink in INKS.values()])
    hues = np.arctan2(inks[:, 1], inks[:, 0])

    def gathered(planes: np.ndarray) -> float:
        flat = planes[np.linalg.norm(planes, axis=-1) > 0.03]
        away = np.arctan2(flat[:, 1], flat[:, 0])[:, None] - hues
        return float((np.abs(np.angle(np.exp(1j * away))).min(axis=1) < 0.08).mean())

    assert gathered(apply_look("photochrom", luminance, chroma)) > 0.15 + gathered(chroma)


def test_another_hand_lays_other_washes() -> None:
    luminance, chroma = photograph()
    for name in ("hand_tinted", "photochrom"):
        first, other = (apply_look(name, luminance, chroma, seed=seed) for seed in (1, 2))
        assert np.abs(first - other).max() > 1e-3
