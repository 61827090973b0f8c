"""A color JPEG's luminance at half its size, from the coefficients that coding it anew reads.

Reading the coefficients is most of the work of decoding a JPEG. So, where libjpeg-turbo's own
library reads them to code the luminance by itself, the pixels that guide the color are made of the
same.

Of 8 pixels with the coefficients F, the mean of pixels 2m and 2m + 1 is, by the inverse DCT (T.81,
section A.3.3) and the sum of two cosines, the sum over k of

    s(k) F(k) cos(k π / 16) cos((2m + 1) k π / 8),    s(0) = 1 / √8, else 1 / 2.

The last factor is 0 for k = 4, and for 8 - k the negative of that for k: four sums of four.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from PIL import Image

from keras_colorize.coloring.kernels import halve_blocks
from keras_colorize.jpeg.luminance import is_interleaved, recode_interleaved
from keras_colorize.jpeg.segments import Frame, read_frame, split_jpeg

__all__ = ["HalvedJpeg"]

_BLOCK = 8


@dataclass(frozen=True)
class HalvedJpeg:
    """What one reading of a color JPEG's coefficients gives.

    Attributes:
        recoded: its luminance as a gray JPEG, see
            :func:`~keras_colorize.jpeg.turbo.recode_luminance`.
        luminance: of half its size, rounded up, uint8, as the file stores it: libjpeg's to within a
            level.
        preview: YCbCr, of a pixel for every block of its chroma.
    """

    recoded: bytes
    luminance: np.ndarray
    preview: Image.Image

    @classmethod
    def read(cls, jpeg: bytes, tables: list[np.ndarray]) -> Self | None:
        """Read a JPEG.

        Args:
            jpeg: YCbCr, of 8 bits.
            tables: the quantization table of each component, ``(8, 8)``, vertical frequency first.

        Returns:
            ``None`` where it must be read otherwise: libturbojpeg is missing, the file is damaged,
            its luminance need not be coded anew, or Cb is sampled otherwise than Cr, or both at no
            whole fraction.

        Raises:
            IrreversibleJpegError: its luminance cannot be coded by itself.
        """
        segments = split_jpeg(jpeg).segments
        frame = read_frame(segments)
        if len(frame.components) != 3 or not is_interleaved(segments, frame):
            return None
        luminance, cb, cr = frame.components
        if (cb.horizontal, cb.vertical) != (cr.horizontal, cr.vertical):
            return None
        if luminance.horizontal % cb.horizontal or luminance.vertical % cb.vertical:
            return None
        halving = _Halving(frame, tables)
        recoded = recode_interleaved(segments, frame, halving.see)
        return None if recoded is None else cls(recoded, halving.luminance, halving.preview())


class _Halving:
    """Takes coefficients row by row of blocks."""

    def __init__(self, frame: Frame, tables: list[np.ndarray]) -> None:
        frequencies = np.arange(_BLOCK)
        scales = np.where(frequencies == 0, 8**-0.5, 0.5) * np.cos(frequencies * np.pi / 16)
        self._weights = (tables[0] * np.outer(scales, scales)).astype(np.float32)
        self._tables = tables
        rows, columns = -(-frame.height // _BLOCK), -(-frame.width // _BLOCK)
        self._line = np.empty((4, _BLOCK, columns), np.float32)
        self._luminance = np.zeros((rows, 4, 4 * columns), np.uint8)
        self._chroma: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
        self._size = -(-frame.height // 2), -(-frame.width // 2)
        luminance, chroma, _ = frame.components
        # Across and down, pixels of half the size for a block of chroma.
        self._unit = (
            _BLOCK * luminance.horizontal // chroma.horizontal // 2,
            _BLOCK * luminance.vertical // chroma.vertical // 2,
        )
        self._chroma_rows = -(-self._size[0] // self._unit[1])

    def see(self, component: int, row: int, blocks: np.ndarray) -> tuple[int, int]:
        # Rows and blocks beyond the picture fill the last units.
        if component == 0 and row < len(self._luminance):
            used = np.ascontiguousarray(blocks[: self._line.shape[2]])
            halved = self._luminance[row]
            return halve_blocks(used, self._weights, self._line, halved)
        if component > 0 and row < self._chroma_rows:
            self._chroma[component - 1].append(blocks[:, 0, 0].copy())
        return 0, 0

    @property
    def luminance(self) -> np.ndarray:
        height, width = self._size
        return self._luminance.reshape(-1, self._luminance.shape[2])[:height, :width]

    def preview(self) -> Image.Image:
        chroma = []
        for rows, table in zip(self._chroma, self._tables[1:]):
            means = 128.0 + table[0, 0] / 8.0 * np.stack(rows)  # the first is eight times the mean
            chroma.append(Image.fromarray(np.clip(means, 0, 255).astype(np.uint8)))
        small = Image.fromarray(np.ascontiguousarray(self.luminance)).reduce(self._unit)
        width, height = map(min, small.size, chroma[0].size)
        whole = (0, 0, width, height)
        return Image.merge("YCbCr", [plane.crop(whole) for plane in (small, *chroma)])
