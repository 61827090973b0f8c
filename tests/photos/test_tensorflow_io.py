"""TIFF by tensorflow-io's operation, where it loads: asked where it may be, and never different."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from keras_colorize.photos import reading
from keras_colorize.photos.reading import read_photo
from keras_colorize.photos.tensorflow_io import tensorflow_io_decoder
from tests.photo_kinds import KINDS, build

PLAIN = ["tiff_gray_8", "tiff_rgb_8", "tiff_gray_8_bigtiff", "tiff_rgb_8_tiled"]
PLAIN += ["tiff_rgb_8_planar", "tiff_rgb_8_big_endian"]
TIFF = [name for name in KINDS if name.startswith("tiff")]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[np.ndarray | None]]:
    """What the operation gave; skips where it doesn't load, as after TensorFlow 2.17."""
    decode = tensorflow_io_decoder()
    if decode is None:
        pytest.skip("tensorflow-io's decode_tiff does not load under this TensorFlow")
    answers: list[np.ndarray | None] = []

    def spy(data: bytes) -> np.ndarray | None:
        answers.append(decode(data))
        return answers[-1]

    monkeypatch.setattr(reading, "tensorflow_io_decoder", lambda: spy)
    yield answers


def without(monkeypatch: pytest.MonkeyPatch, path: Path) -> np.ndarray:
    with monkeypatch.context() as patch:
        patch.setattr(reading, "tensorflow_io_decoder", lambda: None)
        return read_photo(path)


@pytest.mark.parametrize("name", TIFF)
def test_the_pixels_are_the_same(
    name: str,
    asked: list[np.ndarray | None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    path = tmp_path / "x.tif"
    path.write_bytes(build(name).data)
    with_it = read_photo(path)
    if name in PLAIN:
        assert len(asked) == 1 and asked[0] is not None
    np.testing.assert_array_equal(with_it, without(monkeypatch, path))


def test_in_many_threads(asked: list[np.ndarray | None], tmp_path: Path) -> None:
    paths = [tmp_path / name for name in PLAIN]
    for path in paths:
        path.write_bytes(build(path.name).data)
    expected = {path: read_photo(path) for path in paths}

    def same(path: Path) -> bool:
        return bool((read_photo(path) == expected[path]).all())

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(same, paths * 10))


def test_where_it_does_not_load(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow_io", None)
    tensorflow_io_decoder.cache_clear()
    assert tensorflow_io_decoder() is None
    tensorflow_io_decoder.cache_clear()


def test_what_it_refuses_is_read_all_the_same(
    asked: list[np.ndarray | None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It is handed damaged bytes in place of the file."""
    decode = tensorflow_io_decoder()
    assert decode is not None and decode(b"II*\0") is None
    path = tmp_path / "x.tif"
    path.write_bytes(build("tiff_rgb_8").data)
    expected = read_photo(path)
    monkeypatch.setattr(reading, "tensorflow_io_decoder", lambda: lambda data: decode(data[:100]))
    np.testing.assert_array_equal(read_photo(path), expected)
