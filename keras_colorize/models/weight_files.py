"""Weights that others published, read from their files: pickles of which nothing is run.

A pickle is a program; what it calls is looked up by name. Here only the handful of names is known
that arrays need, and each stands for code of this module: neither PyTorch nor NumPy's own
unpickling takes part. Three kinds of file are read:

* what ``torch.save`` wrote before PyTorch 1.6: a sequence of pickles, then the raw values;
* what ``torch.jit.save`` writes: a ZIP archive of one pickle and a file for each tensor's values;
* pickled dictionaries of NumPy arrays.
"""

import collections
import pickle
import struct
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np

from keras_colorize.errors import ModelError

__all__ = ["read_pickled_arrays", "read_torch_legacy", "read_torchscript"]

_MAGIC = 0x1950A86A20F9469CFC6C  # first pickle of PyTorch's format before 1.6
_STORAGES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}
_CODES = {"f4": np.dtype("<f4"), "f8": np.dtype("<f8"), "i8": np.dtype("<i8")}  # NumPy's names

# What unpickling damaged or foreign bytes raises; the documentation of `pickle` names no
# complete list either.
_DAMAGE = (
    ArithmeticError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    OSError,
    RecursionError,
    TypeError,
    ValueError,
    pickle.UnpicklingError,
    struct.error,
    zipfile.BadZipFile,
)


def read_torch_legacy(path: Path) -> dict[str, np.ndarray]:
    """The arrays in a file that ``torch.save`` wrote before PyTorch 1.6, by name.

    Raises:
        ModelError: the file is of another format, or damaged.
    """
    return _read(path, _torch_legacy, "a file of weights as PyTorch wrote them before version 1.6")


def read_torchscript(path: Path) -> dict[str, np.ndarray]:
    """The tensors in a TorchScript archive, by the dotted name of where its modules hold them.

    Raises:
        ModelError: the file is of another format, or damaged.
    """
    return _read(path, _torchscript, "a TorchScript archive")


def read_pickled_arrays(path: Path) -> dict[str, np.ndarray]:
    """The NumPy arrays in nested, pickled dictionaries, by their keys joined with dots.

    Raises:
        ModelError: the file is of another format, or damaged.
    """
    return _read(path, _pickled_arrays, "a pickled dictionary of arrays")


def _read(
    path: Path, parse: Callable[[BinaryIO], dict[str, np.ndarray]], kind: str
) -> dict[str, np.ndarray]:
    try:
        with path.open("rb") as file:
            return parse(file)
    except FileNotFoundError as error:
        raise ModelError(f"expected {kind}, found no file {path}") from error
    except _DAMAGE as error:
        raise ModelError(
            f"{path} is not {kind}, or it is damaged: {type(error).__name__}: {error}"
        ) from error


class _Unpickler(pickle._Unpickler):
    """Knows the names it is given, and no others.

    On Python's own unpickler, not on the faster one in C: that one sizes a table by numbers it
    finds in the file, so that a single changed bit can take all memory there is.
    """

    def __init__(self, file: BinaryIO, known: dict[str, Any] | None = None) -> None:
        super().__init__(file)
        self._known = {"collections.OrderedDict": collections.OrderedDict} | (known or {})

    def find_class(self, module: str, name: str) -> Any:
        found = self._known.get(f"{module}.{name}")
        if found is None:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return found


# --- tensors of PyTorch ---


@dataclass
class _Storage:
    """Values that tensors are views of; where they come after all tensors, ``None`` until then."""

    dtype: np.dtype
    values: np.ndarray | None = None


@dataclass(frozen=True)
class _Tensor:
    """A view of a storage; offset and strides count values."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def array(self) -> np.ndarray:
        values, itemsize = self.storage.values, self.storage.dtype.itemsize
        if values is None:
            raise ValueError("the values of a tensor are missing")
        ends = [(n - 1) * stride for n, stride in zip(self.shape, self.strides, strict=True)]
        smallest = min((self.offset, *self.shape, *self.strides))
        if smallest < 0 or self.offset + sum(ends) >= values.size:
            raise ValueError("a tensor reaches beyond its values")
        steps = [stride * itemsize for stride in self.strides]
        return np.array(np.lib.stride_tricks.as_strided(values[self.offset :], self.shape, steps))


def _rebuild_tensor(
    storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: Any
) -> _Tensor:
    return _Tensor(storage, offset, tuple(shape), tuple(strides))


class _TorchUnpickler(_Unpickler):
    """Reads tensors as :class:`_Tensor`; ``values_of``, if given, tells what a storage holds."""

    def __init__(
        self,
        file: BinaryIO,
        values_of: Callable[[str, np.dtype], np.ndarray] | None = None,
    ) -> None:
        known = {f"torch.{name}": dtype for name, dtype in _STORAGES.items()}
        known["torch._utils._rebuild_tensor_v2"] = _rebuild_tensor
        known["torch.jit._pickle.build_intlist"] = list
        super().__init__(file, known)
        self.storages: dict[str, _Storage] = {}
        self._values_of = values_of

    def find_class(self, module: str, name: str) -> Any:
        # Where TorchScript keeps the code of modules; here they are but holders of tensors.
        if module.split(".")[0] == "__torch__":
            return _Module
        return super().find_class(module, name)

    def persistent_load(self, identity: tuple[Any, ...]) -> _Storage:
        _, dtype, key, *_ = identity
        if key not in self.storages:
            values = self._values_of(key, dtype) if self._values_of else None
            self.storages[key] = _Storage(dtype, values)
        return self.storages[key]


class _Module:
    """A module of TorchScript without its code: what it holds, by name."""

    state: dict[str, Any]

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.state = state


def _torch_legacy(file: BinaryIO) -> dict[str, np.ndarray]:
    if _Unpickler(file).load() != _MAGIC:
        raise ValueError("it does not begin as such files do")
    _Unpickler(file).load()  # version of the format
    _Unpickler(file).load()  # sizes and byte order of the machine that wrote it
    reader = _TorchUnpickler(file)
    tensors = reader.load()
    for key in _Unpickler(file).load():
        storage = reader.storages[key]
        count = int.from_bytes(file.read(8), "little")
        storage.values = np.frombuffer(
            file.read(count * storage.dtype.itemsize), storage.dtype, count
        )
    return {name: tensor.array() for name, tensor in tensors.items()}


def _torchscript(file: BinaryIO) -> dict[str, np.ndarray]:
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        root = next((n.split("/")[0] for n in names if n.endswith("/constants.pkl")), None)
        if root is None:
            raise ValueError("it holds no constants.pkl, as such archives do")

        def values_of(key: str, dtype: np.dtype) -> np.ndarray:
            return np.frombuffer(archive.read(f"{root}/data/{key}"), dtype)

        with archive.open(f"{root}/data.pkl") as pickled:
            module = _TorchUnpickler(pickled, values_of).load()  # type: ignore[arg-type]
    return dict(_tensors(module, ""))


def _tensors(held: Any, name: str) -> Iterator[tuple[str, np.ndarray]]:
    """All tensors in a module and those in it, by dotted name."""
    if isinstance(held, _Tensor):
        yield name, held.array()
    elif isinstance(held, _Module):
        for part, inner in held.state.items():
            yield from _tensors(inner, f"{name}.{part}" if name else part)


# --- arrays of NumPy ---


class _Array:
    """What NumPy pickles of an array, kept to numbers."""

    values: np.ndarray

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, by_columns, raw = state
        order: Literal["C", "F"] = "F" if by_columns else "C"
        self.values = np.frombuffer(raw, dtype.dtype).reshape(shape, order=order)


class _DType:
    """What NumPy pickles of a type of numbers."""

    def __init__(self, code: str, *_: Any) -> None:
        self.dtype = _CODES[code]

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        if state[1] != "<":
            raise ValueError(f"its numbers have the byte order {state[1]}, expected <")


def _pickled_arrays(file: BinaryIO) -> dict[str, np.ndarray]:
    known: dict[str, Any] = {"numpy.ndarray": _Array, "numpy.dtype": _DType}
    for core in ("core", "_core"):  # NumPy 1 and 2
        known[f"numpy.{core}.multiarray._reconstruct"] = lambda *_: _Array()
    content = _Unpickler(file, known).load()
    if not isinstance(content, dict):
        raise ValueError(f"expected a dictionary, found {type(content).__name__}")
    return dict(_arrays(content, ""))


def _arrays(held: Any, name: str) -> Iterator[tuple[str, np.ndarray]]:
    if isinstance(held, _Array):
        yield name, held.values
    elif isinstance(held, dict):
        for key, inner in held.items():
            yield from _arrays(inner, f"{name}.{key}" if name else str(key))
