"""Where things went from one frame to another, and how far that can be believed.

Motion is found by DIS optical flow (Kroeger et al., "Fast Optical Flow using Dense Inverse Search",
2016) on frames of the network's size, by OpenCV.
"""

import threading
from typing import Any

import numpy as np

from keras_colorize.errors import ConfigError

__all__ = ["agreement", "find_motion", "import_opencv", "reduce_frame", "warp", "warp_believed"]

# Of the luminance, in [0, 255]: the error of motion at which what is carried along counts for
# 1 / e ** 0.5 of its weight.
_ERROR = 8.0
_WINDOW = 7  # pixels around one, over which the error is averaged
_FLICKER = 41  # pixels over which a difference in brightness is taken for that of the exposure
_SMALLEST = 16  # pixels that the flow needs on a side

_local = threading.local()  # OpenCV's flow keeps buffers, of one call at a time


def import_opencv() -> Any:
    """OpenCV, one thread a call: frames are worked on side by side.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        import cv2
    except ImportError as error:
        raise ConfigError(
            "films need OpenCV, which follows their motion: pip install 'keras-colorize[video]'"
        ) from error
    cv2.setNumThreads(1)
    return cv2


def find_motion(target: np.ndarray, source: np.ndarray, *, exact: bool = False) -> np.ndarray:
    """Where the pixels of one frame lie in another.

    Args:
        target: uint8 ``(h, w)``.
        source: uint8 ``(h, w)``.
        exact: take five times as long and be better by a tenth to a third.

    Returns:
        Across and down from the pixel's place in ``target`` to that in ``source``, float32
        ``(h, w, 2)``. Frames too small for it are taken to stand still.
    """
    if min(target.shape) < _SMALLEST:
        return np.zeros((*target.shape, 2), np.float32)
    cv2 = import_opencv()
    name = "exact" if exact else "fast"
    flow = getattr(_local, name, None)
    if flow is None:
        preset = cv2.DISOPTICAL_FLOW_PRESET_MEDIUM if exact else cv2.DISOPTICAL_FLOW_PRESET_FAST
        flow = cv2.DISOpticalFlow_create(preset)
        setattr(_local, name, flow)
    return flow.calc(target, source, None)


def warp(planes: np.ndarray, motion: np.ndarray) -> np.ndarray:
    """A frame brought to where another has its things.

    Args:
        planes: of the source, float32 or uint8 ``(h, w)`` or ``(h, w, c)``.
        motion: of :func:`find_motion`.
    """
    height, width = motion.shape[:2]
    cv2 = import_opencv()
    places = cv2.add(motion, _grid(height, width))
    return cv2.remap(planes, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def agreement(target: np.ndarray, source: np.ndarray, motion: np.ndarray) -> np.ndarray:
    """How far motion explains a frame by another.

    A Gaussian of the warping error; that of flickering exposure, which differs alike over a wide
    area, doesn't count. What comes from beyond the border is not explained.

    Args:
        target: uint8 ``(h, w)``.
        source: uint8 ``(h, w)``.
        motion: of :func:`find_motion` from the one to the other.

    Returns:
        float32 ``(h, w)`` in [0, 1].
    """
    return _believed(target, warp(source, motion), motion)


def warp_believed(
    target: np.ndarray, source: np.ndarray, planes: np.ndarray, motion: np.ndarray
) -> tuple[list[np.ndarray], np.ndarray]:
    """Bring planes of a frame to where another has its things, and tell how far to believe it.

    Args:
        target: luminance, uint8 ``(h, w)``.
        source: luminance, uint8 ``(h, w)``.
        planes: that belong to ``source``, float32 ``(h, w, 2)`` or ``(h, w, 3)``.
        motion: of :func:`find_motion` from the one to the other.

    Returns:
        Each plane, float32 ``(h, w)``, and the :func:`agreement`.
    """
    cv2 = import_opencv()
    both = warp(cv2.merge([*cv2.split(planes), source.astype(np.float32)]), motion)
    *warped, luminance = cv2.split(both)
    return warped, _believed(target, luminance, motion)


def _believed(target: np.ndarray, warped: np.ndarray, motion: np.ndarray) -> np.ndarray:
    """How far a luminance agrees with another that was brought to it; see :func:`agreement`."""
    cv2 = import_opencv()
    height, width = target.shape
    error = cv2.subtract(target, warped, dtype=cv2.CV_32F)
    cv2.subtract(error, cv2.blur(error, (_FLICKER, _FLICKER)), error)
    error = cv2.blur(cv2.absdiff(error, 0.0), (_WINDOW, _WINDOW))
    # Down to e ** -20: numbers next to zero (denormal ones) take ten times as long.
    exponent = cv2.max(cv2.multiply(error, error, scale=-0.5 / _ERROR**2), -20.0)
    places = cv2.add(motion, _grid(height, width))
    inside = cv2.inRange(places, (-1.0, -1.0), (float(width), float(height)))
    return cv2.multiply(cv2.exp(exponent), inside, scale=1.0 / 255.0, dtype=cv2.CV_32F)


def reduce_frame(
    luminance: np.ndarray, height: int, width: int, black: int, span: int
) -> np.ndarray:
    """A frame at the network's size: means over areas, black at 0 and white at 255.

    Args:
        luminance: uint8 or uint16 ``(H, W)``, as it is coded.
        height: of the result.
        width: of the result.
        black: the level of black.
        span: what white is above it.

    Returns:
        uint8 ``(height, width)``.
    """
    cv2 = import_opencv()
    small = cv2.resize(luminance, (width, height), interpolation=cv2.INTER_AREA)
    scaled = (small.astype(np.float32) - black) * np.float32(255.0 / span)
    return np.rint(np.clip(scaled, 0.0, 255.0)).astype(np.uint8)


def _grid(height: int, width: int) -> np.ndarray:
    """Across and down of every pixel, float32 ``(height, width, 2)``."""
    key = (height, width)
    if getattr(_local, "grid_key", None) != key:
        down, across = np.indices(key, dtype=np.float32)
        _local.grid_key, _local.grid = key, np.stack([across, down], axis=-1)
    return _local.grid
