"""A kind of file: its bytes, with what it should read as; and the real photographs for it.

The luminance is computed from the pixels in float64, apart from the code that is tested.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tifffile
from PIL import Image

from tests.conftest import SAMPLE

WEIGHTS = (0.299, 0.587, 0.114)  # ITU-R BT.601


@dataclass(frozen=True)
class Kind:
    """A file and how it should be read.

    Attributes:
        data: the file's bytes.
        luminance: float64 ``(H, W)``, white 65535.
        alpha: the same of its opacity.
        depth: 8 or 16.
        tolerance: by how much luminance may differ: 0 of gray, of color the rounding.
        notes: what is told of it.
    """

    data: bytes
    luminance: np.ndarray
    alpha: np.ndarray | None = None
    depth: int = 8
    tolerance: float = 0.51
    notes: tuple[str, ...] = ()


Builder = Callable[[tuple[int, int]], Kind]
KINDS: dict[str, Builder] = {}


def build(name: str, size: tuple[int, int] = (61, 43)) -> Kind:
    """A kind of file, with a picture of this width and height."""
    return KINDS[name](size)


def color_pixels(size: tuple[int, int]) -> np.ndarray:
    """A photograph, uint8 ``(H, W, 3)``."""
    with Image.open(SAMPLE / "modern" / "pont_du_gard.jpg") as image:
        return np.asarray(image.convert("RGB").resize(size, Image.Resampling.LANCZOS))


def deep_pixels(size: tuple[int, int]) -> np.ndarray:
    """The same with 16 bits: means of four pixels each, uint16 ``(H, W, 3)``."""
    large = color_pixels((2 * size[0], 2 * size[1])).astype(np.float64)
    means = large.reshape(size[1], 2, size[0], 2, 3).mean(axis=(1, 3))
    return np.rint(means * 257).astype(np.uint16)


def luminance(rgb: np.ndarray) -> np.ndarray:
    """Of uint8 or uint16 ``(H, W, 3)``, on the scale of 65535."""
    return rgb.astype(np.float64) @ WEIGHTS * (65535 / np.iinfo(rgb.dtype).max)


def gray_pixels(size: tuple[int, int], depth: int) -> np.ndarray:
    rgb = color_pixels(size) if depth == 8 else deep_pixels(size)
    return np.rint(rgb.astype(np.float64) @ WEIGHTS).astype(rgb.dtype)


def fading(size: tuple[int, int], white: int) -> np.ndarray:
    """Opacity, from transparent at the left to opaque; ``(H, W)``."""
    ramp = np.linspace(0, white, size[0]).round().astype(np.uint8 if white == 255 else np.uint16)
    return np.broadcast_to(ramp, size[::-1])


def saved(image: Image.Image, format_: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, format_, **options)
    return file.getvalue()


def decoded(data: bytes, **fields: Any) -> Kind:
    """A kind whose pixels are as Pillow decodes them, as after lossy compression."""
    with Image.open(io.BytesIO(data)) as image:
        return Kind(data, luminance(np.asarray(image.convert("RGB"))), **fields)


def tiff(array: np.ndarray, **options: Any) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, array, metadata=None, **options)
    return file.getvalue()


def kind(name: str) -> Callable[[Builder], Builder]:
    def register(builder: Builder) -> Builder:
        KINDS[name] = builder
        return builder

    return register
