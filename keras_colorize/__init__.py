"""Color for black-and-white photographs: texture, luminance and detail stay, color is added.

The public names load their modules when they are first used, so that importing the package costs
nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

from keras_colorize.interruption import end_at_once_while_importing, is_command
from keras_colorize.version import __version__

if TYPE_CHECKING:
    from keras_colorize import color, film, losses
    from keras_colorize.coloring.colorizer import Colorizer
    from keras_colorize.coloring.decisions import Outline
    from keras_colorize.coloring.hints import Hint, Region
    from keras_colorize.coloring.one_file import color_file
    from keras_colorize.inspection.snapshots import load_statistics
    from keras_colorize.models.patchgan import build_patchgan
    from keras_colorize.models.unet import build_unet
    from keras_colorize.training.callbacks.activations import ActivationStatistics
    from keras_colorize.training.data import make_dataset
    from keras_colorize.training.gan import ColorizationGAN
    from keras_colorize.training.photosets import load_photos

__all__ = [
    "ActivationStatistics",
    "ColorizationGAN",
    "Colorizer",
    "Hint",
    "Outline",
    "Region",
    "__version__",
    "build_patchgan",
    "build_unet",
    "color",
    "color_file",
    "film",
    "load_photos",
    "load_statistics",
    "losses",
    "make_dataset",
]

_HOMES = {
    "ActivationStatistics": "training.callbacks.activations",
    "ColorizationGAN": "training.gan",
    "Colorizer": "coloring.colorizer",
    "Hint": "coloring.hints",
    "Outline": "coloring.decisions",
    "Region": "coloring.hints",
    "build_patchgan": "models.patchgan",
    "build_unet": "models.unet",
    "color_file": "coloring.one_file",
    "load_photos": "training.photosets",
    "load_statistics": "inspection.snapshots",
    "make_dataset": "training.data",
}


if is_command(__name__):
    end_at_once_while_importing()


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    if name in __all__:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
