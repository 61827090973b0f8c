"""What the archive of a saved generator may hold, looked at before anything of it is built.

A ``.keras`` file comes from anywhere, and its configuration names the classes and functions that
Keras is to call. Of the safe mode of Keras, which refuses lambdas alone, nothing here depends: what
a generator of this package is made of is a short list, and whatever is not on it is refused by its
name. The weights are numbers that lie in the file, as many as the layers ask for.
"""

import contextlib
import io
import json
import math
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keras_colorize.errors import ModelError

if TYPE_CHECKING:
    import h5py

__all__ = ["FACTS_ENTRY", "TWIN_ENTRY", "WEIGHTS_ENTRY", "read_facts", "read_twin"]

#: Name of the entry with what a network does not tell about itself.
FACTS_ENTRY = "keras_colorize.json"
#: Name of the entry with the same network as a TensorFlow Lite model, which not every file has.
TWIN_ENTRY = "keras_colorize.tflite"
#: Name that Keras gives to the entry with the weights.
WEIGHTS_ENTRY = "model.weights.h5"

_CONFIG_ENTRY = "config.json"
_ENTRIES = {"metadata.json", _CONFIG_ENTRY, WEIGHTS_ENTRY, FACTS_ENTRY, TWIN_ENTRY}
# Unpacked, an archive may be this much and this many times its own size: the configuration packs
# well, weights do not.
_FREE_BYTES = 64 * 2**20
_EXPANSION = 4
_DEPTH = 12  # of groups within groups of weights; a model within a model takes two each

# What build_unet and everything that changes a generator make, by Keras' name of the module.
_CLASSES = {
    None: {"__keras_tensor__"},
    "keras": {"DTypePolicy"},
    "keras.initializers": {"GlorotUniform", "Ones", "RandomNormal", "Zeros"},
    "keras.layers": {
        "Activation",
        "Add",
        "BatchNormalization",
        "Concatenate",
        "Conv2D",
        "Conv2DTranspose",
        "DepthwiseConv2D",
        "Dropout",
        "GroupNormalization",
        "InputLayer",
        "LeakyReLU",
        "ReLU",
        "Rescaling",
    },
    "keras.src.models.functional": {"Functional"},
    "keras.src.ops.core": {"StopGradient"},
    "keras.src.ops.nn": {"AveragePool", "DepthToSpace"},
    "keras.src.ops.numpy": {
        "Absolute",
        "Add",
        "Clip",
        "Concatenate",
        "Maximum",
        "Mean",
        "Minimum",
        "Multiply",
        "Negative",
        "Repeat",
        "Split",
        "Subtract",
        "Sum",
        "TrueDivide",
    },
}
# What reading damaged entries raises: RuntimeError for a flag that says "encrypted" and of HDF5,
# NotImplementedError for a kind of compression that does not exist.
_DAMAGE = (
    OSError,
    ValueError,
    TypeError,
    KeyError,
    EOFError,
    AttributeError,
    RuntimeError,
    OverflowError,
    zlib.error,
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
)


def read_facts(path: Path) -> dict[str, Any]:
    """Check the archive of a generator, and read the facts in it.

    Nothing that the file names is imported, built or run, and nothing is unpacked onto the disk.

    Args:
        path: a ``.keras`` file of unknown origin.

    Returns:
        The JSON object of :data:`FACTS_ENTRY`.

    Raises:
        ModelError: it is no archive of a generator, is damaged, or holds what a generator does not
            need: other entries, classes, functions, links, or more than its size can account for.
    """
    import h5py  # not at the top: it takes a moment, and a twin needs none of it

    with _opened(path) as archive:
        facts = _read_object(archive, FACTS_ENTRY)
        config = _read_object(archive, _CONFIG_ENTRY)
        weights = io.BytesIO(archive.read(WEIGHTS_ENTRY))
        objects = [part for part in _dictionaries(config) if "class_name" in part]
        _check_classes(path, objects)
        with h5py.File(weights, "r") as groups:
            stored = _count_stored(path, groups, weights.getbuffer().nbytes)
        _check_size(path, objects, stored)
    return facts


def read_twin(path: Path) -> tuple[dict[str, Any], bytes | None]:
    """Read the facts of a generator and its twin, without looking at what Keras reads.

    Args:
        path: a ``.keras`` file of unknown origin.

    Returns:
        The JSON object of :data:`FACTS_ENTRY`, and what :data:`TWIN_ENTRY` holds, unchecked, or
        ``None`` where there is no such entry.

    Raises:
        ModelError: as for :func:`read_facts`.
    """
    with _opened(path) as archive:
        facts = _read_object(archive, FACTS_ENTRY)
        return facts, archive.read(TWIN_ENTRY) if TWIN_ENTRY in archive.namelist() else None


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """An archive of a generator's entries; what goes wrong with them is a ModelError."""
    if path.suffix != ".keras":  # by the ending Keras chooses another format, with other rules
        raise ModelError(
            f"expected a generator that keras_colorize saved, whose name ends in .keras. "
            f"Received: {path}"
        )
    try:
        with zipfile.ZipFile(path) as archive:
            _check_entries(path, archive)
            yield archive
    except ModelError:
        raise
    except _DAMAGE as error:
        raise ModelError(
            f"{path} is not a generator that keras_colorize saved, or it is damaged: "
            f"{type(error).__name__}: {error}"
        ) from error


def _read_object(archive: zipfile.ZipFile, entry: str) -> dict[str, Any]:
    content = json.loads(archive.read(entry))
    if not isinstance(content, dict):
        raise ValueError("the facts and the configuration must be JSON objects")
    return content


def _refuse(path: Path, holds: str) -> ModelError:
    return ModelError(
        f"{path} is refused before anything of it is run: it holds {holds}, which no generator "
        "that keras_colorize saved does; get the model anew from where you trust it"
    )


def _check_entries(path: Path, archive: zipfile.ZipFile) -> None:
    entries = archive.infolist()
    names = [entry.filename for entry in entries]
    for name in names:
        if name not in _ENTRIES:
            raise _refuse(path, f"an entry {name!r}")
        if names.count(name) > 1:
            raise _refuse(path, f"the entry {name!r} twice")
    for entry in entries:
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise _refuse(path, f"an entry {entry.filename!r} of compression {entry.compress_type}")
    unpacked = sum(entry.file_size for entry in entries)
    packed = path.stat().st_size
    if unpacked > _FREE_BYTES + _EXPANSION * packed:
        raise _refuse(path, f"{unpacked:,} bytes packed into {packed:,}")


def _dictionaries(value: object) -> Iterator[dict[str, Any]]:
    """Every dictionary within JSON, however deep."""
    waiting = [value]
    while waiting:
        match waiting.pop():
            case dict() as part:
                yield part
                waiting.extend(part.values())
            case list() as parts:
                waiting.extend(parts)


def _check_classes(path: Path, objects: list[dict[str, Any]]) -> None:
    for part in objects:
        name, module = part["class_name"], part.get("module")
        registered = part.get("registered_name")
        known = isinstance(module, str | None) and name in _CLASSES.get(module, ())
        if not known or registered not in (None, name):
            where = f"{module}." if module else ""
            alias = "" if registered in (None, name) else f" registered as {registered!r}"
            raise _refuse(path, f"an object of the foreign class {f'{where}{name}'!r}{alias}")


def _count_stored(path: Path, root: "h5py.Group", available: int) -> int:
    """How many numbers the weights are.

    HDF5 can also refer to other files, leave out what is to be filled in, and pack: then the
    numbers are more bytes than there are.
    """
    import h5py

    values = size = 0
    seen = set()
    waiting = [(root, 0)]
    while waiting:
        group, depth = waiting.pop()
        for name in group:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink) or depth > _DEPTH:
                raise _refuse(path, f"weights {name!r} that are a reference to something else")
            item = group[name]
            if (address := h5py.h5o.get_info(item.id).addr) in seen:
                continue
            seen.add(address)
            if isinstance(item, h5py.Group):
                waiting.append((item, depth + 1))
            elif item.dtype.kind not in "fiub" or item.external or item.is_virtual:
                raise _refuse(path, f"weights {name!r} that are no numbers of this file")
            else:
                values += item.size
                size += item.nbytes
    if size > available:
        raise _refuse(path, f"{size:,} bytes of weights packed into {available:,}")
    return values


def _check_size(path: Path, objects: list[dict[str, Any]], stored: int) -> None:
    """Refuse layers that ask for more weights than are stored: Keras allocates first."""
    wanted = sum(_count_weights(part) for part in objects)
    if wanted > stored:
        raise _refuse(path, f"layers of {wanted:,} weights, and {stored:,} weights")


def _count_weights(part: dict[str, Any]) -> int:
    """How many weights a layer makes when Keras builds it from what is noted of its input."""
    settings = part["config"]
    if part["class_name"] in ("BatchNormalization", "GroupNormalization"):
        return abs(part["build_config"]["input_shape"][settings["axis"]])
    if "kernel_size" not in settings:
        return 0
    channels = abs(part["build_config"]["input_shape"][-1])
    each = settings.get("filters", settings.get("depth_multiplier"))
    return abs(math.prod(settings["kernel_size"]) * each) * channels
