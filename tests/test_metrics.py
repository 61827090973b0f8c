"""The metrics against scikit-image and Keras, on real photographs that were spoiled."""

from collections.abc import Callable

import keras
import numpy as np
import pytest
from PIL import Image, ImageFilter
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from keras_colorize import metrics
from tests.conftest import SAMPLE

MODERN = SAMPLE / "modern"
NAMES = ("coffee_cup", "forest_stream", "orange_dahlia")
SIZE = (96, 80)  # width, height


def photos() -> np.ndarray:
    """Three photographs, ``(3, 80, 96, 3)`` in [0, 1]."""
    images = []
    for name in NAMES:
        with Image.open(MODERN / f"{name}.jpg") as image:
            images.append(np.asarray(image.convert("RGB").resize(SIZE), np.float32) / 255.0)
    return np.stack(images)


def noisy(rgb: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0.0, 0.08, rgb.shape)
    return np.clip(rgb + noise, 0.0, 1.0).astype(np.float32)


def blurred(rgb: np.ndarray) -> np.ndarray:
    levels = np.round(rgb * 255.0).astype(np.uint8)
    images = [Image.fromarray(image).filter(ImageFilter.GaussianBlur(2)) for image in levels]
    return np.stack([np.asarray(image, np.float32) / 255.0 for image in images])


def gray(rgb: np.ndarray) -> np.ndarray:
    return np.repeat(rgb.mean(-1, keepdims=True), 3, axis=-1)


def faded(rgb: np.ndarray) -> np.ndarray:
    return 0.3 + 0.4 * rgb


Spoil = Callable[[np.ndarray], np.ndarray]
SPOILERS: list[Spoil] = [noisy, blurred, gray, faded]


@pytest.mark.smoke
@pytest.mark.parametrize("spoil", SPOILERS)
def test_psnr_is_that_of_scikit_image(spoil: Spoil) -> None:
    true = photos()
    spoiled = spoil(true)
    expected = [peak_signal_noise_ratio(t, s, data_range=1.0) for t, s in zip(true, spoiled)]
    result = metrics.psnr(true, spoiled)
    assert result.shape == (len(true),)
    np.testing.assert_allclose(result, expected, rtol=1e-5)


def test_psnr_by_hand() -> None:
    # MSE 0.01 of peak 1: 10 log10(1 / 0.01) = 20 dB; black for white: 0 dB; identical: 100 dB.
    shades = np.array([0.4, 1.0, 0.5], np.float32)[:, None, None, None]
    true = np.broadcast_to(shades, (3, 4, 4, 3))
    generated = true + np.array([0.1, -1.0, 0.0], np.float32)[:, None, None, None]
    np.testing.assert_allclose(metrics.psnr(true, generated), [20.0, 0.0, 100.0], atol=1e-4)


@pytest.mark.smoke
@pytest.mark.parametrize("spoil", SPOILERS)
def test_ssim_is_that_of_scikit_image(spoil: Spoil) -> None:
    # scikit-image's gaussian window of sigma 1.5 is cut off at 3.5 sigma: 11 taps. It reflects the
    # image at its borders, and its mean leaves out the 5 pixels that saw the reflection: what
    # remains are the windows that lie wholly inside.
    true = photos()
    spoiled = spoil(true)
    expected = [
        structural_similarity(
            t.astype(np.float64),
            s.astype(np.float64),
            data_range=1.0,
            channel_axis=-1,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
        for t, s in zip(true, spoiled)
    ]
    result = metrics.ssim(true, spoiled)
    assert result.shape == (len(true),)
    np.testing.assert_allclose(result, expected, atol=2e-5)


def test_ssim_looks_at_whole_windows_only() -> None:
    true = photos()[:1]
    spoiled = noisy(true)
    _, full = structural_similarity(
        true[0],
        spoiled[0],
        data_range=1.0,
        channel_axis=-1,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    np.testing.assert_allclose(metrics.ssim(true, spoiled)[0], full[5:-5, 5:-5].mean(), atol=2e-5)
    assert abs(full.mean() - full[5:-5, 5:-5].mean()) > 1e-4, "the borders make no difference"


@pytest.mark.parametrize("spoil", SPOILERS)
def test_ssim_is_that_of_keras(spoil: Spoil) -> None:
    true = photos()
    spoiled = spoil(true)
    expected = keras.ops.image.ssim(true, spoiled, max_val=1.0)
    np.testing.assert_allclose(metrics.ssim(true, spoiled), expected, atol=2e-5)


def test_ssim_of_identical_and_of_flat_images() -> None:
    true = photos()
    np.testing.assert_allclose(metrics.ssim(true, true), [1.0] * 3, atol=1e-5)
    # Wang et al., 2004, equation 13 without structure: (2ab + C1) / (a² + b² + C1), C1 = 1e-4.
    light, dark = np.full((1, 11, 11, 3), 0.8), np.full((1, 11, 11, 3), 0.2)
    expected = (2 * 0.8 * 0.2 + 1e-4) / (0.8**2 + 0.2**2 + 1e-4)
    result = metrics.ssim(light.astype(np.float32), dark.astype(np.float32))
    np.testing.assert_allclose(result, [expected], rtol=1e-4)


def test_ssim_compares_each_channel_on_its_own() -> None:
    true = photos()
    swapped = true[..., ::-1]
    both = np.concatenate([true, swapped]), np.concatenate([noisy(true), noisy(true)[..., ::-1]])
    result = np.asarray(metrics.ssim(*both))
    np.testing.assert_allclose(result[:3], result[3:], atol=1e-5)
    assert (np.asarray(metrics.ssim(true, swapped)) < 0.99).all()


@pytest.mark.parametrize(
    "name", ["psnr", "ssim", "chroma_error", "luminance_error", "largest_luminance_error"]
)
def test_comparisons_are_symmetric_and_per_image(name: str) -> None:
    metric = getattr(metrics, name)
    true, spoiled = photos(), noisy(photos())
    whole = np.asarray(metric(true, spoiled))
    np.testing.assert_allclose(whole, metric(spoiled, true), rtol=1e-5)
    alone = [metric(t[None], s[None])[0] for t, s in zip(true, spoiled)]
    np.testing.assert_allclose(whole, alone, rtol=1e-5)


# --- errors of chroma and luminance ---


def ycbcr_levels(rgb: np.ndarray) -> np.ndarray:
    """Of uint8 images, with Pillow's tables for JPEG; rounded, so exact to half a level."""
    images = [Image.fromarray(image).convert("YCbCr") for image in rgb]
    return np.stack([np.asarray(image, np.float64) for image in images])


@pytest.mark.smoke
@pytest.mark.parametrize("spoil", SPOILERS)
def test_errors_are_those_of_pillows_ycbcr(spoil: Spoil) -> None:
    levels = [np.round(255.0 * rgb).astype(np.uint8) for rgb in (photos(), spoil(photos()))]
    true, spoiled = (image.astype(np.float32) / 255.0 for image in levels)
    difference = np.abs(ycbcr_levels(levels[0]) - ycbcr_levels(levels[1]))
    luminance, chroma = difference[..., 0], difference[..., 1:]
    expected = {
        metrics.chroma_error: chroma.mean(axis=(1, 2, 3)),
        metrics.luminance_error: luminance.mean(axis=(1, 2)),
        metrics.largest_luminance_error: luminance.max(axis=(1, 2)),
    }
    for metric, values in expected.items():
        result = metric(true, spoiled)
        assert result.shape == (len(true),)
        np.testing.assert_allclose(result, values, atol=1.0)


def test_errors_by_hand() -> None:
    # Half of the image is off by 51 levels of blue: Y by 0.114 x 51 = 5.814, Cb by half of 51,
    # Cr by -0.114 / 1.402 x 51 = -4.1469 (ITU-T T.871).
    true = np.full((1, 8, 8, 3), 0.4, np.float32)
    pred = true.copy()
    pred[:, :4, :, 2] += 0.2
    np.testing.assert_allclose(metrics.luminance_error(true, pred), [5.814 / 2], rtol=1e-5)
    np.testing.assert_allclose(metrics.largest_luminance_error(true, pred), [5.814], rtol=1e-5)
    expected = (51 / 2 + 4.146933) / 2 / 2
    np.testing.assert_allclose(metrics.chroma_error(true, pred), [expected], rtol=1e-5)


def test_a_gray_copy_keeps_the_luminance_but_no_chroma() -> None:
    y = photos() @ np.array([0.299, 0.587, 0.114])
    copy = np.repeat(y[..., None], 3, axis=-1).astype(np.float32)
    np.testing.assert_allclose(metrics.largest_luminance_error(photos(), copy), 0.0, atol=1e-3)
    assert (np.asarray(metrics.chroma_error(photos(), copy)) > 3.0).all()


# --- colorfulness ---


def expected_colorfulness(rgb: np.ndarray, *, absolute: bool = False) -> float:
    """Hasler and Süsstrunk, 2003, section 4, on 8-bit values; float64."""
    red, green, blue = (255.0 * rgb.astype(np.float64)).reshape(-1, 3).T
    rg, yb = red - green, (red + green) / 2 - blue
    if absolute:
        rg, yb = abs(rg), abs(yb)
    sigma = np.sqrt(rg.std() ** 2 + yb.std() ** 2)
    mu = np.sqrt(rg.mean() ** 2 + yb.mean() ** 2)
    return sigma + 0.3 * mu


@pytest.mark.smoke
def test_colorfulness_is_its_formula_on_photographs() -> None:
    batch = np.concatenate([photos(), faded(photos())])
    result = metrics.colorfulness(batch)
    assert result.shape == (6,)
    np.testing.assert_allclose(result, [expected_colorfulness(image) for image in batch], rtol=1e-5)
    result = metrics.colorfulness_absolute(batch)
    expected = [expected_colorfulness(image, absolute=True) for image in batch]
    assert result.shape == (6,)
    np.testing.assert_allclose(result, expected, rtol=1e-5)


def test_colorfulness_by_hand() -> None:
    # Half red, half blue. rg is 255 and 0: mean 127.5, deviation 127.5. yb is 127.5 and -255:
    # mean -63.75, deviation 191.25. sqrt(127.5² + 191.25²) + 0.3 sqrt(127.5² + 63.75²) = 272.6195.
    image = np.zeros((1, 8, 8, 3), np.float32)
    image[:, :, :4, 0] = 1.0
    image[:, :, 4:, 2] = 1.0
    np.testing.assert_allclose(metrics.colorfulness(image), [272.6195], rtol=1e-5)
    # All red: no spread, so 0.3 sqrt(255² + 127.5²) = 85.5296.
    red = np.zeros((1, 8, 8, 3), np.float32)
    red[..., 0] = 1.0
    np.testing.assert_allclose(metrics.colorfulness(red), [85.5296], rtol=1e-5)


def test_absolute_colorfulness_takes_opposites_for_one() -> None:
    # Half red, half blue, as above, but |yb| is 127.5 and 255: mean 191.25, deviation 63.75.
    # sqrt(127.5² + 63.75²) + 0.3 sqrt(127.5² + 191.25²) = 211.5055.
    image = np.zeros((1, 8, 8, 3), np.float32)
    image[:, :, :4, 0] = 1.0
    image[:, :, 4:, 2] = 1.0
    np.testing.assert_allclose(metrics.colorfulness_absolute(image), [211.5055], rtol=1e-5)
    # Of one hue alone the two are the same.
    red = np.zeros((1, 8, 8, 3), np.float32)
    red[..., 0] = np.linspace(0, 1, 8)
    np.testing.assert_allclose(
        metrics.colorfulness_absolute(red), metrics.colorfulness(red), rtol=1e-5
    )


def test_gray_is_not_colorful() -> None:
    np.testing.assert_allclose(metrics.colorfulness(gray(photos())), [0.0] * 3, atol=1e-3)


def test_fading_takes_colorfulness_in_proportion() -> None:
    # Both terms are linear in the opponents: 0.4 of the contrast is 0.4 of the colorfulness.
    np.testing.assert_allclose(
        metrics.colorfulness(faded(photos())),
        0.4 * np.asarray(metrics.colorfulness(photos())),
        rtol=1e-4,
    )
