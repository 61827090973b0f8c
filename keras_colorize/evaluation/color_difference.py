"""How different two colors look: CIEDE2000, by scikit-image, in double precision.

Hues of nearly gray colors are quotients of tiny numbers: single precision would make noise of them.
CIELAB serves to measure only; colors are computed in YCbCr (:mod:`keras_colorize.color`).
"""

import numpy as np
from skimage.color import deltaE_ciede2000, rgb2lab

from keras_colorize.color import check_same_shape

__all__ = ["delta_e"]


def delta_e(y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
    """Mean CIEDE2000 over the pixels of sRGB images ``(B, H, W, 3)`` in [0, 1]; float64 ``(B,)``.

    About 1 is just visible. Sharma, Wu and Dalal, "The CIEDE2000 color-difference formula:
    implementation notes, supplementary test data, and mathematical observations", 2005, with
    kL = kC = kH = 1, on CIELAB under D65. One image at a time, since a pixel takes some fifty
    numbers on the way.
    """
    check_same_shape("y_true", y_true, "y_pred", y_pred)
    return np.array(
        [deltaE_ciede2000(_to_lab(t), _to_lab(p)).mean() for t, p in zip(y_true, y_pred)]
    )


def _to_lab(rgb: np.ndarray) -> np.ndarray:
    return rgb2lab(rgb.astype(np.float64))
