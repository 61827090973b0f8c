"""How good a colorization is, one value per image, on ``keras.ops``.

Images are RGB in [0, 1], shape ``(B, H, W, 3)``; every function returns shape ``(B,)``. What a
network has to judge is in :mod:`keras_colorize.models.lpips` and
:mod:`keras_colorize.evaluation.fid`, the difference that the eye sees in
:mod:`keras_colorize.evaluation.color_difference`.
"""

import math
from typing import Any

import numpy as np
from keras import ops

from keras_colorize import color
from keras_colorize.color import check_same_shape

__all__ = [
    "chroma_error",
    "colorfulness",
    "colorfulness_absolute",
    "largest_luminance_error",
    "luminance_error",
    "psnr",
    "ssim",
]

Tensor = Any  # of any Keras backend, or a NumPy array

# Wang et al., "Image quality assessment: from error visibility to structural similarity", 2004:
# an 11-tap Gaussian window of standard deviation 1.5, K1 = 0.01, K2 = 0.03.
_SSIM_WINDOW = 11
_SSIM_SIGMA = 1.5
_SSIM_C1 = 0.01**2
_SSIM_C2 = 0.03**2

_IDENTICAL_MSE = 1e-10  # 100 dB: keeps the PSNR of identical images finite


def psnr(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """Peak signal-to-noise ratio over all values of an image, in dB; 100 for identical images.

    10 log10(1 / MSE), the peak being 1.
    """
    check_same_shape("y_true", y_true, "y_pred", y_pred)
    mse = ops.mean(ops.square(y_true - y_pred), axis=(1, 2, 3))
    return -10.0 / math.log(10.0) * ops.log(ops.maximum(mse, _IDENTICAL_MSE))


def ssim(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """Structural similarity, the mean over pixels and channels, at most 1.

    Wang et al., 2004, with population variances, over the windows that lie wholly inside the
    image; each of R, G and B is compared on its own. Images must be at least 11 pixels high and
    wide.
    """
    check_same_shape("y_true", y_true, "y_pred", y_pred)
    if any(side is not None and side < _SSIM_WINDOW for side in y_true.shape[1:3]):
        raise ValueError(
            f"SSIM needs images of at least {_SSIM_WINDOW} x {_SSIM_WINDOW} pixels. "
            f"Received: shape {tuple(y_true.shape)}"
        )
    # Five moments in one separable pass, six times as fast as keras.ops.image.ssim, which the
    # tests hold this to: it runs in every training step. (B, H, W, 15)
    moments = _gaussian_window(
        ops.concatenate(
            [y_true, y_pred, ops.square(y_true), ops.square(y_pred), y_true * y_pred], axis=-1
        )
    )
    mean_t, mean_p, square_t, square_p, product = ops.split(moments, 5, axis=-1)
    variance_t = square_t - ops.square(mean_t)
    variance_p = square_p - ops.square(mean_p)
    covariance = product - mean_t * mean_p
    numerator = (2.0 * mean_t * mean_p + _SSIM_C1) * (2.0 * covariance + _SSIM_C2)
    denominator = (ops.square(mean_t) + ops.square(mean_p) + _SSIM_C1) * (
        variance_t + variance_p + _SSIM_C2
    )
    return ops.mean(numerator / denominator, axis=(1, 2, 3))


def colorfulness(rgb: Tensor) -> Tensor:
    """Colorfulness on the usual 0-255 scale: 0 for gray, about 15 slight, 45 quite, 80 strong.

    Hasler and Süsstrunk, "Measuring colorfulness in natural images", 2003, with opponents
    rg = R - G and yb = (R + G) / 2 - B: sqrt(σ_rg² + σ_yb²) + 0.3 sqrt(μ_rg² + μ_yb²).
    """
    return _colorfulness(*_opponents(rgb))


def colorfulness_absolute(rgb: Tensor) -> Tensor:
    """Colorfulness with the opponents |R - G| and |(R + G) / 2 - B|; 0-255 scale.

    This is what the code of DDColor (``calculate_cf`` in ``basicsr/metrics/colorfulness.py``) and
    of ColorFormer (``metric/colorful.py``) computes, so what colorization papers report. A color
    and its opponent count as one here: it is lower than :func:`colorfulness` the more both occur
    in an image, and compares with values of its own kind only.
    """
    return _colorfulness(*(ops.absolute(opponent) for opponent in _opponents(rgb)))


def chroma_error(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """Mean absolute difference of Cb and Cr, in levels of 0-255: how far off the colors are."""
    check_same_shape("y_true", y_true, "y_pred", y_pred)
    return 255.0 * ops.mean(ops.absolute(color.chroma(y_true - y_pred)), axis=(1, 2, 3))


def luminance_error(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """Mean absolute difference of Y, in levels of 0-255: how far tones were kept."""
    return ops.mean(_luminance_errors(y_true, y_pred), axis=(1, 2, 3))


def largest_luminance_error(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """Largest absolute difference of Y over all pixels, in levels of 0-255."""
    return ops.max(_luminance_errors(y_true, y_pred), axis=(1, 2, 3))


def _luminance_errors(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """``(B, H, W, 1)``, in levels."""
    check_same_shape("y_true", y_true, "y_pred", y_pred)
    return 255.0 * ops.absolute(color.luminance(y_true - y_pred))


def _opponents(rgb: Tensor) -> tuple[Tensor, Tensor]:
    """rg = R - G and yb = (R + G) / 2 - B on the 0-255 scale, each ``(B, H, W)``."""
    red, green, blue = (255.0 * rgb[..., index] for index in range(3))
    return red - green, 0.5 * (red + green) - blue


def _colorfulness(rg: Tensor, yb: Tensor) -> Tensor:
    spread = ops.var(rg, axis=(1, 2)) + ops.var(yb, axis=(1, 2))
    offset = ops.square(ops.mean(rg, axis=(1, 2))) + ops.square(ops.mean(yb, axis=(1, 2)))
    return _root(spread) + 0.3 * _root(offset)


def _root(values: Tensor) -> Tensor:
    """Square root with a gradient everywhere: that of gray's 0 would be infinite."""
    positive = values > 0.0
    return ops.where(positive, ops.sqrt(ops.where(positive, values, 1.0)), 0.0)


def _gaussian_window(images: Tensor) -> Tensor:
    """Separable Gaussian mean of each channel, ``(B, H, W, C)`` to ``(B, H - 10, W - 10, C)``."""
    offsets = np.arange(_SSIM_WINDOW) - (_SSIM_WINDOW - 1) / 2
    taps = np.exp(-0.5 * np.square(offsets / _SSIM_SIGMA))
    kernel = np.tile((taps / taps.sum()).astype("float32")[:, None], (1, images.shape[-1]))
    kernel = kernel[..., None]  # (11, C, 1)
    rows = ops.depthwise_conv(images, ops.convert_to_tensor(kernel[:, None]), padding="valid")
    return ops.depthwise_conv(rows, ops.convert_to_tensor(kernel[None]), padding="valid")
