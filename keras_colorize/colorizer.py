"""A trained generator, applied to photographs of any size."""

from pathlib import Path

import keras
import numpy as np
from PIL import Image, ImageOps

from keras_colorize import color
from keras_colorize.errors import ModelError
from keras_colorize.generators import GeneratorFacts, find_shipped, load_generator
from keras_colorize.photos import read_photo
from keras_colorize.pixels import quantize, to_rgb

__all__ = ["Colorizer"]


class Colorizer:
    """Adds color to photographs; their luminance stays as it is, at full size.

    The network sees a copy reduced to its working size, padded by reflection to its stride. Only
    the chroma of what it paints is used: enlarged, limited into gamut and joined to the
    photograph's own luminance.

    ::

        colorizer = Colorizer.load("runs/my_run/generator.keras")
        colorizer("scan.jpg").save("scan_in_color.jpg")

    Args:
        generator: luminance ``(1, h, w, 1)`` to RGB ``(1, h, w, 3)``, both in [0, 1].
        facts: its stride and the size it was trained at.
        working_size: short side in pixels of the copy that the network sees; by default the size
            it was trained at. Photographs are never enlarged for it, except to one stride.
    """

    def __init__(
        self, generator: keras.Model, facts: GeneratorFacts, working_size: int | None = None
    ) -> None:
        if working_size is not None and working_size < facts.stride:
            raise ModelError(
                f"working_size must be at least the generator's stride, {facts.stride}. "
                f"Received: {working_size}"
            )
        self.generator = generator
        self.facts = facts
        self.working_size = working_size or facts.working_size

    @classmethod
    def load(cls, path: str | Path | None = None, working_size: int | None = None) -> "Colorizer":
        """Load a ``generator.keras`` that a training run has saved, or the shipped model.

        Args:
            path: the file; ``None`` is the model that comes with this package.
            working_size: see the class.

        Raises:
            ModelError: there is no such file, or it is not a generator of this package.
        """
        return cls(*load_generator(path or find_shipped()), working_size=working_size)

    def __call__(self, photo: str | Path | Image.Image | np.ndarray) -> Image.Image:
        """Colorize one photograph.

        Args:
            photo: a file, a Pillow image of any mode, or an array: uint8 ``(H, W, 3)``,
                ``(H, W, 1)`` or ``(H, W)``. Color in it is ignored.

        Returns:
            An RGB image of the same size, whose luminance is the photograph's to within the
            rounding of 8 bits.

        Raises:
            PhotoError: the file cannot be read.
            ValueError: the array has another shape or type.
        """
        y = _luminance(photo)
        chroma = self._paint(y)
        return Image.fromarray(quantize(color.add_chroma(y, chroma)))

    def _paint(self, y: np.ndarray) -> np.ndarray:
        """Chroma ``(H, W, 2)`` for a luminance ``(H, W, 1)``."""
        height, width = y.shape[:2]
        scale = min(1.0, self.working_size / min(height, width))
        small = _resize(y, max(round(height * scale), 1), max(round(width * scale), 1))
        # Bicubic interpolation overshoots at edges; the network was promised [0, 1].
        padded = _pad(np.clip(small, 0.0, 1.0), self.facts.stride)
        painted = np.asarray(self.generator(padded[None], training=False))[0]
        chroma = color.chroma(painted[: small.shape[0], : small.shape[1]])
        return _resize(chroma, height, width)


def _luminance(photo: str | Path | Image.Image | np.ndarray) -> np.ndarray:
    """Luminance in [0, 1], float32 ``(H, W, 1)``."""
    if isinstance(photo, str | Path):
        photo = read_photo(photo)
    elif isinstance(photo, Image.Image):
        photo = np.asarray(to_rgb(ImageOps.exif_transpose(photo)))
    if photo.ndim == 2:
        photo = photo[..., None]
    fits = photo.ndim == 3 and photo.shape[-1] in (1, 3) and 0 not in photo.shape
    if not fits or photo.dtype != np.uint8:
        raise ValueError(
            "Expected a uint8 array of shape (H, W), (H, W, 1) or (H, W, 3). "
            f"Received: {photo.dtype} of shape {photo.shape}"
        )
    scaled = photo.astype(np.float32) / 255.0
    return color.luminance(scaled) if photo.shape[-1] == 3 else scaled


def _resize(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resample each channel, antialiased where it shrinks; float32 ``(H, W, C)``."""
    if image.shape[:2] == (height, width):
        return image
    channels = [
        Image.fromarray(np.ascontiguousarray(image[..., index], np.float32)).resize(
            (width, height), Image.Resampling.BICUBIC
        )
        for index in range(image.shape[-1])
    ]
    return np.stack([np.asarray(channel) for channel in channels], axis=-1)


def _pad(image: np.ndarray, stride: int) -> np.ndarray:
    """Extend right and bottom to multiples of the stride, mirrored as often as it takes."""
    height, width = image.shape[:2]
    return np.pad(image, ((0, -height % stride), (0, -width % stride), (0, 0)), mode="symmetric")
