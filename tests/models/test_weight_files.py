"""Published weights: read as their own libraries read them, and nothing run that a file asks for.

Golden values of real files come from PyTorch 2.13.0, which read them with ``torch.load``.
"""

import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from keras_colorize.errors import ModelError
from keras_colorize.models import weight_files
from keras_colorize.models.efficientnet import find_published
from keras_colorize.models.weight_files import (
    read_pickled_arrays,
    read_torch_legacy,
    read_torchscript,
)
from tests.published_weights import (
    inception_arrays,
    lpips_arrays,
    write_inception,
    write_lpips,
    write_torchscript,
)


@pytest.fixture(scope="module")
def published() -> dict[str, np.ndarray]:
    return read_torch_legacy(find_published())


@pytest.mark.parametrize(
    ("name", "shape", "total", "weighted"),
    [
        # Its strides are not in order, unlike those of the others.
        ("_conv_stem.weight", (32, 3, 3, 3), -26.811377, -6051.748981),
        ("_blocks.3._depthwise_conv.weight", (144, 1, 5, 5), 25.451435, 60513.216575),
        ("_fc.bias", (1000,), -0.049817, 500.015417),
        ("_bn0.running_var", (32,), 214.570800, 1873.159185),
    ],
)
def test_arrays_are_those_that_pytorch_reads(
    published: dict[str, np.ndarray],
    name: str,
    shape: tuple[int, ...],
    total: float,
    weighted: float,
) -> None:
    array = published[name].astype(np.float64)
    assert len(published) == 296
    assert array.shape == shape
    assert array.sum() == pytest.approx(total, abs=1e-5)
    assert (array.ravel() * np.arange(array.size)).sum() == pytest.approx(weighted, abs=1e-4)


def test_numbers_of_other_types_are_read(published: dict[str, np.ndarray]) -> None:
    count = published["_bn0.num_batches_tracked"]
    assert count.shape == ()
    assert count.dtype == np.int64


@pytest.mark.smoke
def test_torchscript_modules_become_dotted_names(tmp_path: Path) -> None:
    expected = inception_arrays()
    arrays = read_torchscript(write_inception(tmp_path / "net.pt"))
    assert set(arrays) == set(expected)
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, expected[name])


@pytest.mark.smoke
def test_pickled_dictionaries_become_dotted_names(tmp_path: Path) -> None:
    content = lpips_arrays("AlexNet")
    arrays = read_pickled_arrays(write_lpips(tmp_path / "alexnet.ckpt", "AlexNet"))
    assert len(arrays) == 15
    kernel = content["AlexNet_0"]["Conv_1"]["kernel"]
    np.testing.assert_array_equal(arrays["AlexNet_0.Conv_1.kernel"], kernel)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["f4", "f8", "i8"])
def test_order_and_type_of_an_array_are_kept(tmp_path: Path, order: str, dtype: str) -> None:
    array = np.asarray(np.arange(24).reshape(2, 3, 4), dtype, order)
    path = tmp_path / "arrays.pickle"
    path.write_bytes(pickle.dumps({"a": array}, 3))
    result = read_pickled_arrays(path)["a"]
    assert result.dtype == array.dtype
    np.testing.assert_array_equal(result, array)


class Intruder:
    """A pickle that makes a folder when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


def legacy_intruder(path: Path, trace: Path) -> None:
    parts = (weight_files._MAGIC, 1001, {"little_endian": True}, Intruder(trace))
    path.write_bytes(b"".join(pickle.dumps(part, 2) for part in parts))


def pickled_intruder(path: Path, trace: Path) -> None:
    path.write_bytes(pickle.dumps({"kernel": Intruder(trace)}))


def torchscript_intruder(path: Path, trace: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("net/data.pkl", pickle.dumps(Intruder(trace), 2))
        archive.writestr("net/constants.pkl", b"")


Reader = Callable[[Path], dict[str, np.ndarray]]


@pytest.mark.parametrize(
    ("read", "write"),
    [
        (read_torch_legacy, legacy_intruder),
        (read_torchscript, torchscript_intruder),
        (read_pickled_arrays, pickled_intruder),
    ],
)
def test_what_a_pickle_asks_for_is_not_run(
    read: Reader, write: Callable[[Path, Path], None], tmp_path: Path
) -> None:
    path, trace = tmp_path / "weights", tmp_path / "trace"
    write(path, trace)
    with pytest.raises(ModelError, match=r"it asks for (posix|nt)\.mkdir"):
        read(path)
    assert not trace.exists()


@pytest.mark.parametrize("content", [b"", b"no pickle", pickle.dumps(7), b"PK\x05\x06" + bytes(18)])
@pytest.mark.parametrize("read", [read_torch_legacy, read_torchscript, read_pickled_arrays])
def test_another_file_is_named(read: Reader, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"weights\.pth is not a .* or it is damaged"):
        read(path)


@pytest.mark.parametrize("read", [read_torch_legacy, read_torchscript, read_pickled_arrays])
def test_no_file_is_named(read: Reader, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"found no file .*absent\.pt"):
        read(tmp_path / "absent.pt")


def test_a_file_that_ends_early_is_named(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    whole = find_published().read_bytes()
    for size in (100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(ModelError, match="damaged"):
            read_torch_legacy(path)


@pytest.mark.parametrize(
    ("read", "kind"), [(read_torchscript, "net.pt"), (read_pickled_arrays, "net.ckpt")]
)
def test_damage_anywhere_is_named_or_harmless(read: Reader, kind: str, tmp_path: Path) -> None:
    """Bytes changed or cut at random: a clear error, or numbers of the same shapes."""
    path = tmp_path / kind
    if kind == "net.pt":
        write_torchscript(path, {"a.weight": np.ones((2, 3), np.float32)})
    else:
        path.write_bytes(pickle.dumps({"a": {"kernel": np.ones((2, 3), np.float32)}}, 3))
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for trial in range(400):
        damaged = bytearray(whole)
        damaged[rng.integers(len(whole))] ^= 1 << rng.integers(8)
        path.write_bytes(damaged if trial % 2 else damaged[: rng.integers(len(whole))])
        try:
            arrays = read(path)
        except ModelError:
            refused += 1
        else:
            assert all(isinstance(array, np.ndarray) for array in arrays.values())
    assert refused > 200


def test_a_tensor_beyond_its_values_is_refused(tmp_path: Path) -> None:
    path = write_torchscript(tmp_path / "net.pt", {"weight": np.ones(8, np.float32)})
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["net/data/0"] = parts["net/data/0"][:-4]
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    with pytest.raises(ModelError, match="a tensor reaches beyond its values"):
        read_torchscript(path)
