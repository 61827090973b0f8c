"""CIEDE2000 against the published pairs, and of photographs."""

import numpy as np
import pytest
from PIL import Image
from skimage.color import deltaE_ciede2000, lab2rgb

from keras_colorize.evaluation.color_difference import delta_e
from tests.conftest import SAMPLE

MODERN = SAMPLE / "modern"

# Sharma, Wu and Dalal, 2005, table 1: two colors in CIELAB and their difference to four decimals.
PAIRS = """
50.0000   2.6772 -79.7751  50.0000   0.0000 -82.7485   2.0425
50.0000   3.1571 -77.2803  50.0000   0.0000 -82.7485   2.8615
50.0000   2.8361 -74.0200  50.0000   0.0000 -82.7485   3.4412
50.0000  -1.3802 -84.2814  50.0000   0.0000 -82.7485   1.0000
50.0000  -1.1848 -84.8006  50.0000   0.0000 -82.7485   1.0000
50.0000  -0.9009 -85.5211  50.0000   0.0000 -82.7485   1.0000
50.0000   0.0000   0.0000  50.0000  -1.0000   2.0000   2.3669
50.0000  -1.0000   2.0000  50.0000   0.0000   0.0000   2.3669
50.0000   2.4900  -0.0010  50.0000  -2.4900   0.0009   7.1792
50.0000   2.4900  -0.0010  50.0000  -2.4900   0.0010   7.1792
50.0000   2.4900  -0.0010  50.0000  -2.4900   0.0011   7.2195
50.0000   2.4900  -0.0010  50.0000  -2.4900   0.0012   7.2195
50.0000  -0.0010   2.4900  50.0000   0.0009  -2.4900   4.8045
50.0000  -0.0010   2.4900  50.0000   0.0010  -2.4900   4.8045
50.0000  -0.0010   2.4900  50.0000   0.0011  -2.4900   4.7461
50.0000   2.5000   0.0000  50.0000   0.0000  -2.5000   4.3065
50.0000   2.5000   0.0000  73.0000  25.0000 -18.0000  27.1492
50.0000   2.5000   0.0000  61.0000  -5.0000  29.0000  22.8977
50.0000   2.5000   0.0000  56.0000 -27.0000  -3.0000  31.9030
50.0000   2.5000   0.0000  58.0000  24.0000  15.0000  19.4535
50.0000   2.5000   0.0000  50.0000   3.1736   0.5854   1.0000
50.0000   2.5000   0.0000  50.0000   3.2972   0.0000   1.0000
50.0000   2.5000   0.0000  50.0000   1.8634   0.5757   1.0000
50.0000   2.5000   0.0000  50.0000   3.2592   0.3350   1.0000
60.2574 -34.0099  36.2677  60.4626 -34.1751  39.4387   1.2644
63.0109 -31.0961  -5.8663  62.8187 -29.7946  -4.0864   1.2630
61.2901   3.7196  -5.3901  61.4292   2.2480  -4.9620   1.8731
35.0831 -44.1164   3.7933  35.0232 -40.0716   1.5901   1.8645
22.7233  20.0904 -46.6940  23.0331  14.9730 -42.5619   2.0373
36.4612  47.8580  18.3852  36.2715  50.5065  21.2231   1.4146
90.8027  -2.0831   1.4410  91.1528  -1.6435   0.0447   1.4441
90.9257  -0.5406  -0.9208  88.6381  -0.8985  -0.7239   1.5381
 6.7747  -0.2908  -2.4247   5.8714  -0.0985  -2.2286   0.6377
 2.0776   0.0795  -1.1350   0.9033  -0.0636  -0.5514   0.9082
"""


OPPOSITE = 9  # (2.49, -0.001) and (-2.49, 0.001)


def photos() -> np.ndarray:
    """Two photographs, ``(2, 80, 96, 3)`` in [0, 1]."""
    images = []
    for name in ("orange_dahlia", "berlin_cathedral"):
        with Image.open(MODERN / f"{name}.jpg") as image:
            images.append(np.asarray(image.convert("RGB").resize((96, 80)), np.float32) / 255.0)
    return np.stack(images)


def gray(rgb: np.ndarray) -> np.ndarray:
    return np.repeat(rgb.mean(-1, keepdims=True), 3, axis=-1)


@pytest.mark.smoke
def test_published_pairs() -> None:
    """What computes it follows the formula that was published, in either direction."""
    table = np.array([line.split() for line in PAIRS.strip().splitlines()], float)
    assert table.shape == (34, 7)
    for first, second in ((table[:, :3], table[:, 3:6]), (table[:, 3:6], table[:, :3])):
        values = deltaE_ciede2000(first, second)
        # The hues of one pair are opposite. Which way round lies their mean is for the last bit to
        # say, which is not the same on every processor: it may have the value of the next pair.
        if abs(values[OPPOSITE] - table[OPPOSITE + 1, 6]) < 5e-4:
            values[OPPOSITE] = table[OPPOSITE, 6]
        np.testing.assert_allclose(values, table[:, 6], atol=5e-4)


@pytest.mark.smoke
def test_delta_e_of_the_published_colors_that_srgb_has() -> None:
    table = np.array([line.split() for line in PAIRS.strip().splitlines()], float)
    pairs = np.delete(table[24:], 3, axis=0)  # the others lie outside of sRGB
    first, second = (lab2rgb(pairs[:, None, None, columns]) for columns in ([0, 1, 2], [3, 4, 5]))
    np.testing.assert_allclose(delta_e(first, second), pairs[:, 6], atol=1e-3)


def test_gray_differs_from_gray_by_its_lightness_alone() -> None:
    shades = np.linspace(0.0, 1.0, 256)[:, None, None, None] * np.ones((1, 1, 1, 3))
    steps = delta_e(shades[:-1], shades[1:])
    assert (steps > 0).all()
    assert (steps < 1.0).all(), "neighboring levels of 256 are not told apart"
    # L* from 0 to 100 around 50, where S_L is 1.
    assert delta_e(shades[:1], shades[-1:])[0] == pytest.approx(100.0, abs=0.01)


@pytest.mark.smoke
def test_delta_e_is_of_each_image() -> None:
    true, spoiled = photos(), gray(photos())
    result = delta_e(true, spoiled)
    assert result.shape == (2,)
    assert result[0] != result[1]
    for index in range(2):
        alone = delta_e(true[index : index + 1], spoiled[index : index + 1])
        np.testing.assert_array_equal(alone, result[index : index + 1])
    np.testing.assert_array_equal(delta_e(true, true), [0.0, 0.0])


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="must have the same shape"):
        delta_e(photos(), photos()[:, 1:])
