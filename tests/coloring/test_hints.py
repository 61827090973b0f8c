"""Hints: a place takes the color that it is given, what is alike follows, what is not stays."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.color import deltaE_ciede2000, rgb2lab

from keras_colorize import Colorizer, color
from keras_colorize.coloring.hints import Hint, Likeness, Region, anchors_of, spread
from tests.conftest import SAMPLE, save_loud_generator

HOUSE = SAMPLE / "modern" / "brick_house_garden.jpg"


@pytest.fixture(scope="module")
def shipped() -> Colorizer:
    return Colorizer.load()


@pytest.fixture(scope="module")
def house() -> np.ndarray:
    with Image.open(HOUSE) as photo:
        photo.thumbnail((256, 256))
        return np.asarray(photo.convert("RGB"))


def gray(rgb: np.ndarray) -> np.ndarray:
    y = color.luminance(rgb.astype(np.float32) / 255.0)[..., 0]
    return np.rint(65535.0 * y).astype(np.uint16)


def difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return deltaE_ciede2000(rgb2lab(a), rgb2lab(b))


def asked(luminance: np.ndarray, rgb: tuple[int, int, int]) -> np.ndarray:
    """The color asked for, at the photograph's own luminance."""
    y = (luminance / 65535.0).astype(np.float32)[..., None]
    wanted = color.chroma(np.asarray(rgb, np.float32) / 255.0)
    limited = color.limit_chroma(y, np.broadcast_to(wanted, (*y.shape[:2], 2)).copy())
    return np.clip(color.add_chroma(y, limited), 0.0, 1.0)


@pytest.mark.parametrize("place", [(0.3, 0.4), (0.7, 0.3), (0.5, 0.85)])
@pytest.mark.parametrize("rgb", [(150, 60, 50), (60, 90, 150), (60, 130, 70)])
def test_a_place_takes_the_color_asked_for(
    shipped: Colorizer, house: np.ndarray, place: tuple[float, float], rgb: tuple[int, int, int]
) -> None:
    luminance = gray(house)
    result = np.asarray(shipped.session(luminance).color([Hint(*place, rgb, 0.02)]))
    height, width = luminance.shape
    row, column = int(place[1] * height), int(place[0] * width)
    part = np.s_[row - 1 : row + 2, column - 1 : column + 2]
    assert difference(result[part], asked(luminance[part], rgb)).mean() < 5.0


def test_what_is_far_and_unlike_stays(shipped: Colorizer, house: np.ndarray) -> None:
    session = shipped.session(gray(house))
    plain = np.asarray(session.color())
    hinted = np.asarray(session.color([Hint(0.1, 0.9, (70, 120, 60))]))
    change = difference(hinted, plain)
    height, width = change.shape
    corner = change[: height // 3, 2 * width // 3 :]
    assert corner.mean() < 1.0
    assert change[-height // 8 :, : width // 8].mean() > 2.0


def test_true_hints_bring_a_photograph_closer_to_its_truth(
    shipped: Colorizer, house: np.ndarray
) -> None:
    session = shipped.session(gray(house))
    rng = np.random.default_rng(0)
    hints = []
    for y, x in rng.uniform(0.05, 0.95, (10, 2)):
        row, column = int(y * house.shape[0]), int(x * house.shape[1])
        hints.append(Hint(x, y, tuple(int(v) for v in house[row, column])))
    errors = [
        np.square(np.asarray(session.color(given), float) - house).mean() for given in ([], hints)
    ]
    assert errors[1] < 0.75 * errors[0]


def test_without_hints_it_is_the_plain_answer(shipped: Colorizer, house: np.ndarray) -> None:
    luminance = gray(house)
    plain = np.asarray(shipped(luminance))
    np.testing.assert_allclose(np.asarray(shipped.session(luminance).color()), plain, atol=1)
    np.testing.assert_array_equal(np.asarray(shipped(luminance, hints=[])), plain)


def test_luminance_stays(shipped: Colorizer, house: np.ndarray) -> None:
    luminance = gray(house)
    result = np.asarray(shipped(luminance, hints=[Hint(0.5, 0.5, "#c03020", 0.1)]))
    y = color.luminance(result.astype(np.float32))[..., 0]
    np.testing.assert_allclose(y, luminance / 257.0, atol=0.51)


def test_a_small_look_has_the_size_asked_for(shipped: Colorizer, house: np.ndarray) -> None:
    session = shipped.session(gray(house))
    assert min(session.color(size=100).size) == 100
    assert session.color(size=10_000).size == (house.shape[1], house.shape[0])


@pytest.mark.parametrize("size", [(1, 1), (3, 40), (64, 65)])
def test_any_generator_and_any_size_takes_hints(tmp_path: Path, size: tuple[int, int]) -> None:
    colorizer = Colorizer.load(save_loud_generator(tmp_path / "generator.keras"))
    luminance = np.random.default_rng(1).integers(0, 256, size, np.uint8)
    mask = np.zeros((5, 5), bool)
    mask[2, 3] = True
    hints = [Hint(1.0, 1.0, "#204060"), Region(mask, (200, 180, 20))]
    assert colorizer(luminance, hints=hints).size == size[::-1]


# What hints cover


def test_the_later_hint_at_a_place_counts() -> None:
    first, second = Hint(0.5, 0.5, "#ff0000", 0.01), Hint(0.5, 0.5, "#0000ff", 0.01)
    anchors = anchors_of([first, second], 9, 9)
    np.testing.assert_allclose(anchors.chroma, [[0.5, -0.081]], atol=1e-3)  # of pure blue


def test_a_region_covers_its_part_at_any_size() -> None:
    mask = np.zeros((10, 20), bool)
    mask[:5, 10:] = True
    inside = Region(mask, "#808080").covers(40, 80)
    assert inside[:20, 40:].all()
    assert inside.sum() == 20 * 40


def test_without_features_luminance_and_place_decide() -> None:
    luminance = np.full((20, 40), 0.2, np.float32)
    luminance[:, 20:] = 0.9
    painted = np.zeros((20, 40, 2), np.float32)
    anchors = anchors_of([Hint(0.25, 0.5, (120, 90, 60))], 20, 40)
    result = spread(painted, Likeness(luminance, []), anchors)
    wanted = anchors.chroma[0]
    np.testing.assert_allclose(result.reshape(-1, 2)[anchors.places[0]], wanted, atol=1e-3)
    assert np.abs(result[:, 21:]).max() < 0.1 * np.abs(wanted).max()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"x": 1.5}, "x must be in"),
        ({"y": float("nan")}, "y must be in"),
        ({"x": "a"}, r"x must be in \[0, 1\], relative\. Received: 'a'"),
        ({"radius": 0.0}, "radius must be in"),
        ({"radius": None}, r"radius must be in \(0, 1\]\. Received: None"),
        ({"color": "green"}, "color must be '#rrggbb'"),
        ({"color": (0, 0, 300)}, "color must be '#rrggbb'"),
        ({"color": (0, 0)}, "color must be '#rrggbb'"),
        ({"color": None}, r"color must be '#rrggbb'.* Received: None"),
        ({"color": 7}, r"color must be '#rrggbb'.* Received: 7"),
        # Of 255 they would be black.
        ({"color": (0.24, 0.42, 0.31)}, "as whole numbers in 0 to 255.*0.24"),
    ],
)
def test_wrong_hints(wrong: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Hint(**({"x": 0.5, "y": 0.5, "color": "#000000"} | wrong))


@pytest.mark.parametrize("mask", [np.zeros((4, 4), bool), np.ones((4, 4)), np.ones(4, bool)])
def test_wrong_masks(mask: np.ndarray) -> None:
    with pytest.raises(ValueError, match="mask must be a bool array"):
        Region(mask, "#000000")


def test_a_mask_that_is_a_picture() -> None:
    with pytest.raises(ValueError, match=r"mask must be a bool array .* Received: Image"):
        Region(Image.new("L", (4, 4), 255), "#000000")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"hints": [(0.4, 0.6, "#ffffff")]}, r"hints must be a list of Hint or Region.*\(0\.4"),
        ({"hints": Hint(0.4, 0.6, "#ffffff")}, r"hints must be a list of .*Received: Hint\(x=0"),
        ({"palette": "#b5a48b"}, r"palette must be a list\. Received: '#b5a48b'"),
    ],
)
def test_what_is_no_list_is_refused(
    shipped: Colorizer, house: np.ndarray, wrong: dict, message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        shipped(house, **wrong)


def test_integers_of_numpy_are_whole_numbers() -> None:
    mean = np.array([150, 84, 62], np.uint8)
    for rgb in (mean, tuple(mean)):
        np.testing.assert_array_equal(
            anchors_of([Hint(0.5, 0.5, rgb)], 8, 8).chroma,
            anchors_of([Hint(0.5, 0.5, "#96543e")], 8, 8).chroma,
        )
