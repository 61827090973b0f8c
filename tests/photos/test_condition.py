"""What is told of a photograph, on the sample and on what is made of it: tints."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keras_colorize.photos.condition import Tone, describe_condition, find_tone
from tests.conftest import SAMPLE

MODERN = sorted((SAMPLE / "modern").glob("*.jpg"))
HISTORICAL = sorted((SAMPLE / "historical").glob("*.jpg"))


def pixels(path: Path, mode: str = "RGB") -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert(mode))


def preview(rgb: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(rgb).resize((128, 128), Image.Resampling.BOX))


# ---- tone ---------------------------------------------------------------------------------------


def test_color_photographs_are_colored() -> None:
    kinds = [find_tone(preview(pixels(path))).kind for path in MODERN]
    assert kinds.count("colored") >= 0.97 * len(kinds)


def test_gray_photographs_are_neutral() -> None:
    for path in HISTORICAL + MODERN:
        tone = find_tone(preview(pixels(path, "L"))[..., None].repeat(3, axis=-1))
        assert tone.kind == "neutral" and tone.strength < 0.01


# Red, green and blue of black and of white, of 255: brown and purple toning, a cyanotype, yellowed
# paper under neutral blacks.
TONINGS = {
    "sepia": ((30, 15, 5), (250, 235, 205)),
    "selenium": ((25, 10, 25), (245, 240, 235)),
    "cyanotype": ((5, 30, 70), (235, 245, 250)),
    "yellowed": ((20, 20, 20), (240, 225, 185)),
}


def tone_print(gray: np.ndarray, toning: str) -> np.ndarray:
    black, white = (np.array(color, float) for color in TONINGS[toning])
    return np.rint(black + gray[..., None] / 255.0 * (white - black)).astype(np.uint8)


@pytest.mark.parametrize("toning", TONINGS)
def test_toned_prints(toning: str) -> None:
    for path in HISTORICAL + MODERN[:20]:
        gray = pixels(path, "L").copy()
        gray[:6] = 255  # a border of bare paper
        tone = find_tone(preview(tone_print(gray, toning)))
        assert tone.kind == "toned"
        paper = np.array(TONINGS[toning][1]) / 255
        assert np.abs(tone.paper - paper).max() < 0.02


def test_noise_of_a_scanner_is_no_color() -> None:
    random = np.random.default_rng(0)
    for path in HISTORICAL[:8]:
        rgb = tone_print(pixels(path, "L"), "sepia") + random.normal(0.0, 6.0, (1, 1, 3))
        rgb = rgb + random.normal(0.0, 3.0, rgb.shape)
        assert find_tone(preview(np.clip(rgb, 0, 255).astype(np.uint8))).kind == "toned"


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (2, 2)])
def test_previews_of_hardly_anything(shape: tuple[int, int]) -> None:
    for value in (0, 128, 255):
        tone = find_tone(np.full((*shape, 3), value, np.uint8))
        assert tone.kind == "neutral"
        np.testing.assert_allclose(tone.paper, value / 255, atol=1e-6)
    assert find_tone(np.full((*shape, 3), (200, 150, 100), np.uint8)).kind == "toned"


# ---- in words -----------------------------------------------------------------------------------


def test_describe_condition() -> None:
    paper = np.ones(3, np.float32)
    neutral, faint = Tone("neutral", 0.0, paper), Tone("toned", 11.0, paper)
    strong, colored = Tone("toned", 13.0, paper), Tone("colored", 30.0, paper)
    assert describe_condition(neutral, (64, 64)) == ()
    assert describe_condition(faint, (640, 480)) == ()
    assert describe_condition(strong, (640, 480)) == ("strongly tinted",)
    assert describe_condition(colored, (63, 480)) == (
        "already colored: its own color was ignored",
        "too small: 63 x 480 pixels show little to recognize",
    )
