"""Model files from anywhere: what is foreign is refused before anything of it runs."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest

from keras_colorize import colorize
from keras_colorize.errors import ModelError
from keras_colorize.models.archive import read_facts
from keras_colorize.models.factoring import factorize
from keras_colorize.models.packing import pack_generator
from keras_colorize.models.saved import (
    GeneratorFacts,
    find_shipped,
    load_generator,
    write_generator,
)
from keras_colorize.models.unet import build_unet
from tests.conftest import SAMPLE, save_loud_generator

FACTS = {"stride": 8, "working_size": 64, "run": "test", "step": 7, "saturation": 1.0}


@pytest.fixture(scope="module")
def entries(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The entries of a sound generator."""
    path = save_loud_generator(tmp_path_factory.mktemp("sound") / "generator.keras")
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write(folder: Path, entries: dict[str, bytes], name: str = "hostile.keras") -> Path:
    path = folder / name
    with zipfile.ZipFile(path, "w") as archive:
        for entry, content in entries.items():
            archive.writestr(entry, content)
    return path


def configured(entries: dict[str, bytes], change: Callable[[dict[str, Any]], None]) -> dict:
    """The entries with a changed configuration."""
    config = json.loads(entries["config.json"])
    change(config)
    return entries | {"config.json": json.dumps(config).encode()}


def weighted(entries: dict[str, bytes], change: Callable[[h5py.File], None]) -> dict[str, bytes]:
    """The entries with changed weights."""
    buffer = io.BytesIO(entries["model.weights.h5"])
    with h5py.File(buffer, "r+") as file:
        change(file)
    return entries | {"model.weights.h5": buffer.getvalue()}


def replace_weights(entries: dict[str, bytes], **dataset: Any) -> dict[str, bytes]:
    def change(file: h5py.File) -> None:
        group = file["layers/conv2d/vars"]
        del group["0"]
        group.create_dataset("0", **dataset)

    return weighted(entries, change)


def layer_of(config: dict[str, Any], class_name: str) -> dict[str, Any]:
    return next(part for part in config["config"]["layers"] if part["class_name"] == class_name)


def refusal(path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """What the command says of a model, which it refuses in one line without a result."""
    out = path.parent / "out"
    given = [str(SAMPLE / "historical"), "--output", str(out), "--model", str(path)]
    assert colorize.main(given) == 2
    assert not out.exists()
    lines = [line for line in capsys.readouterr().err.splitlines() if line]
    assert len(lines) == 1 and lines[0].startswith("error: ")
    assert str(path) in lines[0]
    return lines[0]


def test_a_lambda_never_runs(
    tmp_path: Path,
    entries: dict[str, bytes],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = tmp_path / "ran"
    code = keras.saving.serialize_keras_object(
        keras.layers.Lambda(lambda x: [x, open("ran", "w").close()][0])  # noqa: PTH123
    )

    def change(config: dict[str, Any]) -> None:
        layer = layer_of(config, "Rescaling")
        layer.update({key: code[key] for key in ("class_name", "build_config") if key in code})
        layer["config"] = code["config"] | {"name": layer["config"]["name"]}

    path = write(tmp_path, configured(entries, change))
    keras.models.load_model(path, compile=False, safe_mode=False)
    assert ran.exists(), "nothing that could run"
    ran.unlink()
    assert "foreign class 'keras.layers.Lambda'" in refusal(path, capsys)
    assert not ran.exists()


@pytest.mark.parametrize(
    ("module", "class_name", "registered"),
    [
        ("os", "system", None),
        ("builtins", "function", "eval"),
        ("keras.layers", "TFSMLayer", None),  # would run a SavedModel of another place
        ("keras.layers", "TorchModuleWrapper", None),  # unpickles
        ("keras.src.utils.file_utils", "function", "get_file"),
        ("keras.layers", "Conv2D", "mine>Conv2D"),
        ("my_package.layers", "Conv2D", None),
        (None, "__lambda__", None),
        (None, "__typespec__", None),
        (None, "Conv2D", None),  # as formats of older Keras name it, which have other rules
        ("keras.layers", ["Conv2D"], None),
    ],
)
@pytest.mark.parametrize("where", ["layer", "setting"])
def test_classes_and_functions_that_no_generator_has_are_refused(
    tmp_path: Path,
    entries: dict[str, bytes],
    module: str | None,
    class_name: str,
    registered: str | None,
    where: str,
) -> None:
    foreign = {"class_name": class_name, "config": "echo", "registered_name": registered}
    if module is not None:
        foreign["module"] = module

    def change(config: dict[str, Any]) -> None:
        layer = layer_of(config, "Conv2D")
        if where == "layer":
            layer.update(foreign)
        else:
            layer["config"]["kernel_regularizer"] = foreign
        if module is None and where == "layer":
            del layer["module"]

    with pytest.raises(ModelError, match=r"refused before anything|not a generator"):
        load_generator(write(tmp_path, configured(entries, change)))


def test_entries_that_no_generator_has_are_refused(
    tmp_path: Path, entries: dict[str, bytes]
) -> None:
    for name in ("../escaped", "/tmp/escaped", "assets/vocabulary.pkl", "model.weights.npz"):
        with pytest.raises(ModelError, match="it holds an entry '"):
            load_generator(write(tmp_path, entries | {name: b"\x80\x04cos\nsystem\n."}))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hostile.keras"]
    path = write(tmp_path, entries)
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(path, "a") as archive:
        archive.writestr("config.json", entries["config.json"])
    with pytest.raises(ModelError, match=r"'config.json' twice"):
        load_generator(path)


def test_what_unpacks_to_far_more_than_it_is_is_refused(
    tmp_path: Path, entries: dict[str, bytes]
) -> None:
    path = tmp_path / "bomb.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, bytes(100 * 2**20) if name == "metadata.json" else content)
    with pytest.raises(ModelError, match="bytes packed into"):
        load_generator(path)

    lazy = replace_weights(entries, shape=(10**6, 10**6), dtype="f4", chunks=(64, 64))
    with pytest.raises(ModelError, match="bytes of weights packed into"):
        load_generator(write(tmp_path, lazy))

    zeros = np.zeros(10**6, np.float32)
    packed = replace_weights(entries, data=zeros, compression="gzip")
    with pytest.raises(ModelError, match="bytes of weights packed into"):
        load_generator(write(tmp_path, packed))

    def widen(config: dict[str, Any]) -> None:
        layer_of(config, "Conv2D")["config"]["filters"] = 10**9

    with pytest.raises(ModelError, match=r"layers of .* weights, and"):
        load_generator(write(tmp_path, configured(entries, widen)))


def test_weights_that_lie_elsewhere_are_refused(tmp_path: Path, entries: dict[str, bytes]) -> None:
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["0"] = np.ones(64, np.float32)
    (tmp_path / "raw").write_bytes(bytes(256))

    def link(file: h5py.File) -> None:
        group = file["layers/conv2d/vars"]
        del group["0"]
        group["0"] = h5py.ExternalLink(str(secret), "0")

    layout = h5py.VirtualLayout((64,), "f4")
    layout[:] = h5py.VirtualSource(str(secret), "0", (64,))

    def virtual(file: h5py.File) -> None:
        group = file["layers/conv2d/vars"]
        del group["0"]
        group.create_virtual_dataset("0", layout)

    raw = {"shape": (64,), "dtype": "f4", "external": [(str(tmp_path / "raw"), 0, 256)]}
    text = {"data": "pickle", "dtype": h5py.string_dtype()}
    for hostile in (
        weighted(entries, link),
        weighted(entries, virtual),
        replace_weights(entries, **raw),
        replace_weights(entries, **text),
    ):
        with pytest.raises(ModelError, match=r"a reference to something|no numbers of this file"):
            load_generator(write(tmp_path, hostile))


def test_a_file_of_another_format_is_not_handed_to_its_reader(
    tmp_path: Path, entries: dict[str, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    # An archive may begin anywhere in a file, and HDF5 may leave room in front: Keras takes by its
    # name for the one what was checked as the other.
    assert "whose name ends in .keras" in refusal(write(tmp_path, entries, "model.h5"), capsys)
    saved_model = tmp_path / "saved_model"
    (saved_model / "variables").mkdir(parents=True)
    (saved_model / "saved_model.pb").write_bytes(b"")
    assert "SavedModels and other folders are not loaded" in refusal(saved_model, capsys)


def test_damaged_archives_are_refused_in_words(tmp_path: Path, entries: dict[str, bytes]) -> None:
    def unbuilt(config: dict[str, Any]) -> None:
        del layer_of(config, "Conv2D")["build_config"]

    def cut_loose(config: dict[str, Any]) -> None:
        layer_of(config, "Conv2DTranspose")["inbound_nodes"] = []

    deep = b'{"config": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    for damaged in (
        {},
        entries | {"config.json": b"[]"},
        entries | {"config.json": deep},
        entries | {"model.weights.h5": entries["model.weights.h5"][:3000]},
        entries | {"keras_colorize.json": json.dumps(FACTS | {"stride": 0}).encode()},
        entries | {"keras_colorize.json": json.dumps(FACTS | {"saturation": "1"}).encode()},
        configured(entries, unbuilt),
        configured(entries, cut_loose),
    ):
        with pytest.raises(ModelError, match="not a generator that keras_colorize saved, or"):
            load_generator(write(tmp_path, damaged))


def test_every_kind_of_generator_is_let_in(tmp_path: Path) -> None:
    """Whatever can be trained and packed."""
    photo = np.linspace(0, 1, 256, dtype=np.float32).reshape(16, 16, 1)
    facts = GeneratorFacts(**FACTS)
    path = tmp_path / "generator.keras"
    settings: list[dict[str, Any]] = [
        {"normalization": "group", "upsampling": "resize", "output": "rgb"},
        {"normalization": "instance", "upsampling": "subpixel", "output": "chroma"},
        {"normalization": "none", "upsampling": "transposed", "output": "rgb"},
    ]
    for setting in settings:
        write_generator(path, build_unet(4, 2, skip_filters=2, **setting), facts)
        assert read_facts(path) == FACTS
    generator = build_unet(4, 3, output="chroma", distribution=True)
    factored = factorize(generator, [1, 2, 2], [photo])
    pack_generator(path, factored, facts, emphasis=1.2, certainty=2.0)
    assert read_facts(path) == FACTS
    assert read_facts(find_shipped())  # with a pretrained encoder
