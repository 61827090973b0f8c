"""Color against the standard, Pillow and scikit-image; luminance kept by whatever is painted."""

import itertools
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from skimage.color import rgb2ycbcr

from keras_colorize import color
from tests.conftest import ROOT, SAMPLE

MODERN = SAMPLE / "modern"
DAHLIA = MODERN / "orange_dahlia.jpg"  # strongly saturated: many colors at the edge of the gamut

# The equations of ITU-T T.871 (JFIF), section 7, solved by hand for the corners of the RGB cube.
# R, G, B, Y, Cb, Cr; to the four decimals that the standard prints.
T871_CORNERS = {
    "black": ((0, 0, 0), (0.0, 0.0, 0.0)),
    "white": ((1, 1, 1), (1.0, 0.0, 0.0)),
    "red": ((1, 0, 0), (0.299, -0.1687, 0.5)),
    "green": ((0, 1, 0), (0.587, -0.3313, -0.4187)),
    "blue": ((0, 0, 1), (0.114, 0.5, -0.0813)),
    "cyan": ((0, 1, 1), (0.701, 0.1687, -0.5)),
    "magenta": ((1, 0, 1), (0.413, 0.3313, 0.4187)),
    "yellow": ((1, 1, 0), (0.886, -0.5, 0.0813)),
}


def photo() -> Image.Image:
    with Image.open(DAHLIA) as image:
        return image.convert("RGB")


def photo_rgb() -> np.ndarray:
    return np.asarray(photo(), np.float32) / 255.0


def random_rgb(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((*shape, 3), np.float32)


def luminance_oracle(rgb: np.ndarray) -> np.ndarray:
    """scikit-image's Y, brought from video range (16 to 235) to [0, 1]; float64."""
    return (rgb2ycbcr(rgb.astype(np.float64))[..., :1] - 16.0) / 219.0


def any_color() -> tuple[np.ndarray, np.ndarray]:
    """Luminance ``(N, 1)`` and chroma ``(N, 2)``: every extreme with every other, and random."""
    ys = [0.0, 1e-8, 1e-3, 0.25, 0.5, 0.999, 1.0 - 6e-8, 1.0]
    cs = [0.0, 1e-9, -1e-9, 1e-4, 0.1, -0.1, 0.5, -0.5, 3.0, -3.0]
    grid = np.array(list(itertools.product(ys, cs, cs)), np.float32)
    rng = np.random.default_rng(1)
    drawn = np.concatenate([rng.random((5000, 1)), rng.uniform(-1, 1, (5000, 2))], -1)
    colors = np.concatenate([grid, drawn.astype(np.float32)])
    return colors[:, :1], colors[:, 1:]


# --- RGB <-> YCbCr ---


@pytest.mark.smoke
@pytest.mark.parametrize(("rgb", "ycbcr"), T871_CORNERS.values(), ids=T871_CORNERS)
def test_corners_of_the_cube_are_those_of_t871(rgb: tuple, ycbcr: tuple) -> None:
    rgb_array, expected = np.array(rgb, np.float32), np.array(ycbcr, np.float32)
    np.testing.assert_allclose(color.rgb_to_ycbcr(rgb_array), expected, atol=5e-5)
    np.testing.assert_allclose(color.luminance(rgb_array), expected[:1], atol=1e-7)
    # 2e-4: the expectation's own four decimals, times at most 1.772.
    np.testing.assert_allclose(color.ycbcr_to_rgb(expected), rgb_array, atol=2e-4)


def test_ycbcr_to_rgb_has_the_coefficients_that_t871_prints() -> None:
    # R = Y + 1.402 Cr; G = Y - 0.3441 Cb - 0.7141 Cr; B = Y + 1.772 Cb
    matrix = [[1, 0, 1.402], [1, -0.3441, -0.7141], [1, 1.772, 0]]
    columns = color.ycbcr_to_rgb(np.eye(3)).T
    np.testing.assert_allclose(columns, matrix, atol=5e-5)


def test_photograph_as_pillow_converts_it() -> None:
    expected = np.asarray(photo().convert("YCbCr"), np.float64)
    levels = color.rgb_to_ycbcr(photo_rgb()) * 255.0 + [0.0, 128.0, 128.0]
    # Pillow cuts off the fraction of a level.
    assert np.abs(levels - expected).max() <= 1.01


def test_photograph_back_as_pillow_converts_it() -> None:
    image = photo().convert("YCbCr")
    ycbcr = (np.asarray(image, np.float32) - [0.0, 128.0, 128.0]) / 255.0
    levels = np.clip(color.ycbcr_to_rgb(ycbcr), 0.0, 1.0) * 255.0
    assert np.abs(levels - np.asarray(image.convert("RGB"), np.float64)).max() <= 1.01


def test_photograph_as_scikit_image_converts_it() -> None:
    # scikit-image has the video range, Y 16 to 235 and Cb, Cr 16 to 240.
    expected = (rgb2ycbcr(photo_rgb().astype(np.float64)) - [16, 128, 128]) / [219, 224, 224]
    np.testing.assert_allclose(color.rgb_to_ycbcr(photo_rgb()), expected, atol=1e-6)


@pytest.mark.parametrize("rgb", [photo_rgb(), random_rgb(40, 30)], ids=["photo", "random"])
def test_round_trip(rgb: np.ndarray) -> None:
    ycbcr = color.rgb_to_ycbcr(rgb)
    np.testing.assert_allclose(color.ycbcr_to_rgb(ycbcr), rgb, atol=1e-6)
    np.testing.assert_array_equal(color.luminance(rgb), ycbcr[..., :1])


def test_chroma_limit_is_the_largest_chroma_of_the_cube() -> None:
    corners = np.array(list(itertools.product([0.0, 1.0], repeat=3)))
    assert np.abs(color.rgb_to_ycbcr(corners)[:, 1:]).max() == pytest.approx(color.CHROMA_LIMIT)


# --- what goes in comes out ---


def calls(rgb: Any, y: Any) -> dict[str, Any]:
    """Every function of the module, applied."""
    ycbcr = color.rgb_to_ycbcr(rgb)
    return {
        "luminance": color.luminance(rgb),
        "rgb_to_ycbcr": ycbcr,
        "ycbcr_to_rgb": color.ycbcr_to_rgb(ycbcr),
        "chroma": color.chroma(rgb),
        "limit_chroma": color.limit_chroma(y, ycbcr[..., 1:3]),
        "add_chroma": color.add_chroma(y, ycbcr[..., 1:3]),
        "replace_luminance": color.replace_luminance(rgb, y),
    }


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_numpy_in_numpy_of_the_same_dtype_out(dtype: str) -> None:
    rgb = random_rgb(5, 4).astype(dtype)
    for name, result in calls(rgb, rgb[..., :1]).items():
        assert type(result) is np.ndarray, name
        assert result.dtype == dtype, name
        assert result.shape[:-1] == (5, 4), name


def test_tensors_in_tensors_out_with_numpy_values() -> None:
    rgb, y = random_rgb(2, 5, 4), random_rgb(2, 5, 4, seed=1)[..., :1]
    expected = calls(rgb, y)
    for name, result in calls(tf.constant(rgb), tf.constant(y)).items():
        assert isinstance(result, tf.Tensor), name
        assert result.dtype == tf.float32, name
        np.testing.assert_allclose(result, expected[name], atol=1e-6, err_msg=name)


def test_inputs_are_left_as_they_were() -> None:
    rgb = random_rgb(5, 4)
    before = rgb.copy()
    calls(rgb, rgb[..., :1])
    np.testing.assert_array_equal(rgb, before)


def test_symbolic_in_a_saved_functional_model(tmp_path: Path) -> None:
    inputs = keras.Input((None, None, 3)), keras.Input((None, None, 1))
    model = keras.Model(inputs, calls(*inputs))
    model.save(tmp_path / "color.keras")
    loaded = keras.saving.load_model(tmp_path / "color.keras")
    rgb, y = random_rgb(2, 5, 4), random_rgb(2, 5, 4, seed=1)[..., :1]
    results = loaded((rgb, y))
    for name, expected in calls(rgb, y).items():
        np.testing.assert_allclose(results[name], expected, atol=1e-6, err_msg=name)


def test_numpy_path_imports_no_framework() -> None:
    code = """
import sys
import numpy as np
from keras_colorize import color
rgb = np.full((2, 2, 3), 0.5, np.float32)
color.ycbcr_to_rgb(color.rgb_to_ycbcr(rgb))
color.replace_luminance(rgb, color.luminance(rgb))
print(sorted({"jax", "keras", "tensorflow", "torch"} & set(sys.modules)))
"""
    process = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.stdout == "[]\n", process.stderr


# --- luminance stays ---


@pytest.mark.smoke
def test_limited_chroma_keeps_luminance_and_gamut() -> None:
    y, chroma = any_color()
    limited = color.limit_chroma(y, chroma)
    rgb = color.ycbcr_to_rgb(np.concatenate([y, limited], -1))
    assert rgb.min() >= -1e-6
    assert rgb.max() <= 1.0 + 1e-6
    np.testing.assert_allclose(luminance_oracle(rgb), y, atol=1e-6)


def test_limited_chroma_keeps_the_hue() -> None:
    y, chroma = any_color()
    limited = color.limit_chroma(y, chroma)
    cross = limited[:, 0] * chroma[:, 1] - limited[:, 1] * chroma[:, 0]
    np.testing.assert_allclose(cross, 0.0, atol=1e-6)
    assert ((limited * chroma).sum(-1) >= 0.0).all()
    assert (np.abs(limited) <= np.abs(chroma)).all()


def test_chroma_is_limited_no_more_than_needed() -> None:
    y, chroma = any_color()
    limited = color.limit_chroma(y, chroma)
    rgb = color.ycbcr_to_rgb(np.concatenate([y, limited], -1))
    shrunk = (limited != chroma).any(-1) & (np.abs(chroma).max(-1) > 1e-3)
    assert 1000 < shrunk.sum() < len(y)
    to_the_wall = np.minimum(np.abs(rgb), np.abs(1.0 - rgb)).min(-1)
    assert to_the_wall[shrunk].max() <= 1e-6


def test_chroma_in_gamut_is_untouched() -> None:
    # Strictly inside the cube, where rounding cannot push a color out.
    ycbcr = color.rgb_to_ycbcr(0.01 + 0.98 * random_rgb(1000))
    y, chroma = ycbcr[:, :1], ycbcr[:, 1:]
    np.testing.assert_array_equal(color.limit_chroma(y, chroma), chroma)


def test_chroma_is_that_of_ycbcr() -> None:
    rgb = random_rgb(5, 4)
    np.testing.assert_array_equal(color.chroma(rgb), color.rgb_to_ycbcr(rgb)[..., 1:])


def test_added_chroma_is_the_limited_one() -> None:
    y = random_rgb(50, 40)[..., :1]
    chroma = 2.0 * random_rgb(50, 40, seed=1)[..., :2] - 1.0  # mostly out of gamut
    limited = np.concatenate([y, color.limit_chroma(y, chroma)], axis=-1)
    rgb = color.add_chroma(y, chroma)
    np.testing.assert_allclose(rgb, color.ycbcr_to_rgb(limited), atol=1e-6)
    assert np.abs(color.chroma(rgb) - chroma).max() > 0.3, "nothing was limited"


def test_limit_chroma_by_hand() -> None:
    # Y = 0.5, Cr = 1: R - Y = 1.402 where 0.5 is left, so that s = 0.5 / 1.402 (T.871's 1.402).
    y, chroma = np.array([0.5]), np.array([0.0, 1.0])
    np.testing.assert_allclose(color.limit_chroma(y, chroma), [0.0, 0.5 / 1.402], rtol=1e-12)
    # Cb = -0.5 at Y = 0.2: B - Y = -0.886 where 0.2 is left.
    y, chroma = np.array([0.2]), np.array([-0.5, 0.0])
    np.testing.assert_allclose(color.limit_chroma(y, chroma), [-0.5 * 0.2 / 0.886, 0.0], rtol=1e-12)


@pytest.mark.parametrize("lightness", ["random", "black", "white", "inverted", "dark"])
def test_replaced_luminance_is_the_one_asked_for(lightness: str) -> None:
    rgb = photo_rgb()
    own = color.luminance(rgb)
    y = {
        "random": random_rgb(*rgb.shape[:2], seed=2)[..., :1],
        "black": np.zeros_like(own),
        "white": np.ones_like(own),
        "inverted": 1.0 - own,
        "dark": own**3,
    }[lightness]
    result = color.replace_luminance(rgb, y)
    assert result.min() >= 0.0
    assert result.max() <= 1.0
    np.testing.assert_allclose(luminance_oracle(result), y, atol=1e-6)


def test_replaced_luminance_of_saturated_colors() -> None:
    corners = np.array([rgb for rgb, _ in T871_CORNERS.values()], np.float32)[:, None]
    y = np.linspace(0.0, 1.0, 101, dtype=np.float32)[None, :, None]
    y = np.broadcast_to(y, (len(corners), 101, 1))
    rgb = np.broadcast_to(corners, (len(corners), 101, 3))
    result = color.replace_luminance(rgb, y)
    np.testing.assert_allclose(luminance_oracle(result), y, atol=1e-6)
    assert np.ptp(result[2:], axis=-1).max() > 0.9, "the colors are gone"


def test_a_photograph_with_its_own_luminance_is_itself() -> None:
    rgb = photo_rgb()
    result = color.replace_luminance(rgb, color.luminance(rgb))
    np.testing.assert_allclose(result, rgb, atol=1e-6)


# --- gradients ---


def gradients(y: np.ndarray, chroma: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of the sum of the limited chroma, with respect to luminance and chroma."""
    y, chroma = tf.constant(y), tf.constant(chroma)
    with tf.GradientTape() as tape:
        tape.watch([y, chroma])
        total = tf.reduce_sum(color.limit_chroma(y, chroma))
    return tuple(gradient.numpy() for gradient in tape.gradient(total, [y, chroma]))


def test_gradients_are_finite_everywhere() -> None:
    for gradient in gradients(*any_color()):
        assert np.isfinite(gradient).all()


@pytest.mark.parametrize("y", [0.0, 0.5, 1.0])
def test_gradients_of_replaced_luminance_are_finite(y: float) -> None:
    corners = tf.constant([rgb for rgb, _ in T871_CORNERS.values()], tf.float32)
    lightness = tf.fill((len(T871_CORNERS), 1), y)
    with tf.GradientTape() as tape:
        tape.watch([corners, lightness])
        total = tf.reduce_sum(tf.square(color.replace_luminance(corners, lightness)))
    for gradient in tape.gradient(total, [corners, lightness]):
        assert np.isfinite(gradient).all()


def test_gradient_in_gamut_is_that_of_the_identity() -> None:
    ycbcr = color.rgb_to_ycbcr(0.01 + 0.98 * random_rgb(1000))
    of_y, of_chroma = gradients(ycbcr[:, :1], ycbcr[:, 1:])
    np.testing.assert_allclose(of_chroma, 1.0, atol=1e-6)
    np.testing.assert_allclose(of_y, 0.0, atol=1e-6)


# --- errors ---


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: color.luminance(np.zeros((4, 4))), r"rgb must have 3 channels .*\(4, 4\)"),
        (lambda: color.rgb_to_ycbcr(np.zeros((2, 4))), r"rgb must have 3 channels .*\(2, 4\)"),
        (lambda: color.ycbcr_to_rgb(np.zeros((2, 1))), r"ycbcr must have 3 channels .*\(2, 1\)"),
        (lambda: color.luminance(np.array(0.5)), r"rgb must have 3 channels .*shape \(\)"),
        (
            lambda: color.limit_chroma(np.zeros((2, 3)), np.zeros((2, 2))),
            r"y must have 1 channel in its last dimension.*\(2, 3\)",
        ),
        (
            lambda: color.limit_chroma(np.zeros((2, 1)), np.zeros((2, 3))),
            r"chroma must have 2 channels .*\(2, 3\)",
        ),
        (
            lambda: color.add_chroma(np.zeros((2, 1)), np.zeros((2, 3))),
            r"chroma must have 2 channels .*\(2, 3\)",
        ),
        (lambda: color.chroma(np.zeros((2, 4))), r"rgb must have 3 channels .*\(2, 4\)"),
        (
            lambda: color.replace_luminance(np.zeros((2, 3)), np.zeros((2, 3))),
            r"y must have 1 channel .*\(2, 3\)",
        ),
        (
            lambda: color.replace_luminance(np.zeros((2, 1)), np.zeros((2, 1))),
            r"rgb must have 3 channels .*\(2, 1\)",
        ),
        (lambda: color.luminance(tf.zeros((2, 2))), r"rgb must have 3 channels .*\(2, 2\)"),
    ],
)
def test_wrong_channels_are_named(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("numpy_first", [True, False])
def test_where_numpy_meets_a_tensor_the_tensor_decides(numpy_first: bool) -> None:
    """In float64 against float32, as a caller's NumPy arithmetic easily ends up."""
    y, chroma = np.full((2, 3, 1), 0.4), np.full((2, 3, 2), [0.1, -0.2])
    expected = color.add_chroma(y, chroma)
    tensor = keras.ops.convert_to_tensor(chroma if numpy_first else y, "float32")
    mixed = (y, tensor) if numpy_first else (tensor, chroma)
    result = color.add_chroma(*mixed)
    assert keras.ops.is_tensor(result)
    assert keras.backend.standardize_dtype(result.dtype) == "float32"
    np.testing.assert_allclose(result, expected, atol=1e-6)
    np.testing.assert_allclose(color.limit_chroma(*mixed), color.limit_chroma(y, chroma), atol=1e-6)
