"""What the tests of exports share: a small generator, photographs, and the examples to be run."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from keras_colorize.config import GeneratorConfig
from keras_colorize.models.saved import save_generator
from keras_colorize.models.unet import build_unet
from tests.conftest import ROOT, SAMPLE

DEPLOY = ROOT / "docs" / "deploy"
HOUSE = SAMPLE / "modern" / "brick_house_garden.jpg"
# Width and height: one pixel, thin, odd, smaller and larger than the working size of 64, reduced by
# bicubic filtering alone and, before it, by averaging blocks; a panorama.
SIZES = [(1, 1), (7, 90), (90, 7), (64, 64), (65, 63), (150, 101), (501, 333), (1201, 70)]


def make_generator(path: Path, dtype: str = "float32", **settings: object) -> Path:
    """A generator of random weights, as a run saves it, that paints clearly."""
    config = GeneratorConfig(**{"filters": 8, "depth": 3, "dropout": 0.0, **settings})  # type: ignore
    generator = build_unet(**vars(config), seed=3, dtype=dtype)
    generator.set_weights([4.0 * weight for weight in generator.get_weights()])
    save_generator(path, generator, config, size=64, run="test", step=7)
    return path


def house(size: tuple[int, int]) -> Image.Image:
    with Image.open(HOUSE) as photo:
        return photo.resize(size)


def encode(photo: Image.Image, format_: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    photo.save(buffer, format_, **options)
    return buffer.getvalue()


def difference(a: Image.Image | np.ndarray, b: Image.Image | np.ndarray) -> np.ndarray:
    """Absolute difference in levels of 8 bits."""
    return np.abs(np.asarray(a, int) - np.asarray(b, int))
