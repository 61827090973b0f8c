"""The chroma of the network's size as the planes of a film's frames."""

import numpy as np

from keras_colorize.color import VIDEO_WEIGHTS, chroma_conversion, difference_factors
from keras_colorize.coloring.kernels import code_video, widen
from keras_colorize.coloring.upsampling import guide_chroma, resample_taps
from keras_colorize.video.encoding import chroma_step
from keras_colorize.video.probing import Film

__all__ = ["PlaneCoder"]


class PlaneCoder:
    """Makes Cb and Cr for luminance that stays as it is coded. Safe for several threads.

    Chroma of half the size lies where H.264 has it by default: in the column of every second pixel,
    between two rows (ITU-T H.264, figure 6-1), or in interlaced film between two rows of a field.

    Args:
        film: whose frames they are.
        height: of the chroma that will come.
        width: of it.
        saturation: factor of all chroma.
    """

    def __init__(self, film: Film, height: int, width: int, saturation: float = 1.0) -> None:
        self._step = chroma_step(film)
        self._dtype = np.dtype(np.uint8 if film.pixels.depth == 8 else np.uint16)
        self._shape = (film.height // self._step, film.width // self._step)
        pixels, weights = film.pixels, VIDEO_WEIGHTS[film.pixels.matrix]
        self._convert = (saturation * chroma_conversion(weights)).T.astype(np.float32)
        self._factors = np.array(difference_factors(weights), np.float32)
        gray, peak = 1 << (pixels.depth - 1), (1 << pixels.depth) - 1
        self._levels = np.array(
            [pixels.black, pixels.span, gray, pixels.chroma_span, peak], np.float32
        )
        across = resample_taps(width, film.width)
        self._across = tuple(np.ascontiguousarray(taps[:: self._step]) for taps in across)
        self._fields: list[tuple[slice, tuple[np.ndarray, ...]]]
        if film.interlaced and self._step == 2:
            down = resample_taps(height, film.height)
            self._fields = [
                (slice(first, None, 2), tuple(taps[first + 1 :: 4] for taps in down))
                for first in (0, 1)
            ]
        else:
            self._fields = [(slice(None), resample_taps(height, self._shape[0]))]

    def code(
        self, chroma: np.ndarray, small: np.ndarray, luminance: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Cb and Cr of a frame.

        Args:
            chroma: Cb and Cr of BT.601, float32 ``(h, w, 2)``.
            small: the luminance that they belong to, in [0, 255], uint8 ``(h, w)``.
            luminance: of the frame, uint8 or uint16 ``(H, W)``, as it is coded.

        Returns:
            Of the luminance's type, each for as many pixels as
            :func:`~keras_colorize.video.encoding.chroma_step` tells.
        """
        guide = (small / np.float32(255.0))[..., None]
        coefficients = guide_chroma(chroma @ self._convert, guide)
        wide = np.empty((4, coefficients.shape[1], self._shape[1]), np.float32)
        widen(coefficients, *self._across, wide)
        coded = np.empty((2, *self._shape), self._dtype)
        for rows, (places, weights) in self._fields:
            part = np.empty((2, len(places), self._shape[1]), self._dtype)
            code_video(
                wide,
                np.ascontiguousarray(places),
                np.ascontiguousarray(weights),
                np.ascontiguousarray(luminance[rows]),
                self._step,
                self._levels,
                self._factors,
                part,
            )
            coded[:, rows] = part
        return coded[0], coded[1]
