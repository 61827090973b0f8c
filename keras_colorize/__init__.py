"""Color for black-and-white photographs: texture, luminance and detail stay, color is added.

The public names load their modules when they are first used, so that importing the package costs
nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

from keras_colorize.version import __version__

if TYPE_CHECKING:
    from keras_colorize import color, film, losses
    from keras_colorize.callbacks import ActivationStatistics
    from keras_colorize.colorizer import Colorizer
    from keras_colorize.data import make_dataset
    from keras_colorize.gan import ColorizationGAN
    from keras_colorize.models import build_patchgan, build_unet
    from keras_colorize.photosets import load_photos
    from keras_colorize.statistics import load_statistics

__all__ = [
    "ActivationStatistics",
    "ColorizationGAN",
    "Colorizer",
    "__version__",
    "build_patchgan",
    "build_unet",
    "color",
    "film",
    "load_photos",
    "load_statistics",
    "losses",
    "make_dataset",
]

_HOMES = {
    "ActivationStatistics": "callbacks",
    "ColorizationGAN": "gan",
    "Colorizer": "colorizer",
    "build_patchgan": "models",
    "build_unet": "models",
    "load_photos": "photosets",
    "load_statistics": "statistics",
    "make_dataset": "data",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    if name in __all__:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
