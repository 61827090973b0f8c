"""TensorFlow Lite and ONNX: what they paint, what they are made of, and the example for devices."""

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from keras_colorize import Colorizer, color, export
from keras_colorize.coloring.hints import Hint
from keras_colorize.errors import DataError, ModelError
from keras_colorize.exporting.origin import load_origin
from keras_colorize.exporting.tflite import (
    convert,
    leave_unlimited,
    load_tflite,
    read_calibration,
    replace_normalization,
)
from keras_colorize.models.packing import saturate
from keras_colorize.models.unet import build_unet
from keras_colorize.photos.reading import read_luminance
from tests.conftest import SAMPLE
from tests.exporting.forms import DEPLOY, HOUSE, SIZES, difference, house, make_generator

sys.path.insert(0, str(DEPLOY))
import edge

pytest.importorskip("ai_edge_litert", reason="runs TensorFlow Lite models")
pytest.importorskip("onnxruntime", reason="runs ONNX models")

SIDE = 64
KINDS = {
    "float32": "--format tflite --precision float32 --resizable",
    "float16": "--format tflite --precision float16 --resizable",
    "dynamic": "--format tflite --precision dynamic --resizable",
    "int8": "--format tflite --precision int8 --resizable",
    "float32_fixed": "--format tflite --precision float32 --size 64",
    "float16_fixed": "--format tflite --precision float16 --size 64",
    "dynamic_fixed": "--format tflite",
    "int8_fixed": "--format tflite --precision int8",
    "onnx": "--format onnx",
}
HINTED = {
    "float32": "--format tflite --precision float32 --hints --resizable",
    "onnx": "--format onnx --hints",
}
HINTS = [Hint(0.413, 0.653, "#3d6b4f"), Hint(0.811, 0.307, "#a03020"), Hint(0.2, 0.1, "#80a0e0")]
# Mean and largest difference from the Colorizer's photographs that is allowed, in levels of 8 bits.
TOLERANCE = {
    "float32": (0.01, 1),
    "onnx": (0.01, 1),
    "float16": (0.02, 2),
    "dynamic": (0.25, 4),
    "int8": (6, 80),  # random weights saturate where trained ones do not
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_generator(tmp_path_factory.mktemp("model") / "generator.keras")


@pytest.fixture(scope="module")
def exported(model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return Exports(KINDS, model, tmp_path_factory.mktemp("exported"))


class Exports(dict[str, Path]):
    """The models that the command writes with some options, by the names of these, once asked."""

    def __init__(self, kinds: dict[str, str], model: Path, folder: Path) -> None:
        super().__init__()
        self.kinds, self.model, self.folder = kinds, model, folder

    def __missing__(self, kind: str) -> Path:
        written = self.folder / kind
        arguments = ["--model", str(self.model), "--output", str(written)]
        assert export.main([*self.kinds[kind].split(), *arguments]) == 0
        (self[kind],) = written.glob("colorize.*")
        return self[kind]


def load(path: Path) -> tuple[Callable[[np.ndarray], np.ndarray], dict[str, Any]]:
    return (edge.load_onnx if path.suffix == ".onnx" else edge.load_tflite)(str(path), 1)


# Parity


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "fixed" not in kind])
def test_any_size_is_painted_as_the_colorizer_paints_it(
    kind: str, exported: dict[str, Path], model: Path
) -> None:
    run, metadata = load(exported[kind])
    colorizer = Colorizer.load(model)
    mean, largest = TOLERANCE[kind]
    for size in SIZES:
        result = edge.colorize(house(size), run, metadata)
        apart = difference(result, colorizer(house(size)))
        assert apart.shape == (size[1], size[0], 3)
        assert apart.max() <= largest, size
        assert apart.mean() <= mean, size


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "fixed" in kind])
def test_a_fixed_size_paints_squares_alike(
    kind: str, exported: dict[str, Path], model: Path
) -> None:
    run, metadata = load(exported[kind])
    mean, largest = TOLERANCE[kind.removesuffix("_fixed")]
    photo = house((333, 333))
    apart = difference(edge.colorize(photo, run, metadata), Colorizer.load(model)(photo))
    assert apart.max() <= largest
    assert apart.mean() <= mean


@pytest.mark.parametrize("size", SIZES)
def test_a_fixed_size_takes_photographs_of_any_size(
    size: tuple[int, int], exported: dict[str, Path]
) -> None:
    photo = house(size)
    result = edge.colorize(photo, *load(exported["dynamic_fixed"]))
    assert result.size == size
    gray = [np.asarray(image.convert("YCbCr"), int)[..., 0] for image in (photo, result)]
    assert difference(*gray).max() <= 1


def test_a_photograph_fills_a_fixed_size() -> None:
    y = edge.luminance(np.asarray(house((150, 101))))
    small, padded = edge.prepare(y, {"size": [64, 96], "stride": 8})
    assert small.shape == padded.shape == (64, 96)
    assert small.mean() == pytest.approx(y.mean(), abs=0.01)
    small, padded = edge.prepare(y[:, :40], {"size": [64, 96], "stride": 8})
    assert small.shape == (64, 40), "never enlarged"
    assert padded.shape == (64, 96)


# Colors that are known


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generator with features at both sizes that tell what is alike."""
    return make_generator(tmp_path_factory.mktemp("deep") / "generator.keras", depth=4)


@pytest.fixture(scope="module")
def hinted(deep: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return Exports(HINTED, deep, tmp_path_factory.mktemp("hinted"))


def told(hints: list[Hint]) -> list[edge.Hint]:
    """Hints as the example takes them."""
    return [edge.read_hint(str(hint.x), str(hint.y), str(hint.color)) for hint in hints]


@pytest.mark.parametrize("kind", HINTED)
def test_hints_are_followed_as_on_the_desk(kind: str, hinted: dict[str, Path], deep: Path) -> None:
    run, metadata = load(hinted[kind])
    session = Colorizer.load(deep).session(house((333, 333)))
    mean, largest = TOLERANCE[kind]
    for hints in ([], HINTS[:1], HINTS):
        apart = difference(
            edge.colorize(house((333, 333)), run, metadata, told(hints)), session.color(hints)
        )
        if not hints:
            assert apart.max() <= largest
        # Where a hint is too vivid for the luminance, the model's RGB limits it already.
        assert apart.mean() <= (mean + 0.15 if hints else mean), hints
    assert difference(session.color(HINTS), session.color()).mean() > 5  # they do something


@pytest.mark.parametrize("kind", HINTED)
def test_a_hint_keeps_its_place_where_the_model_sees_padding(
    kind: str, hinted: dict[str, Path], deep: Path
) -> None:
    photo = house((150, 101))  # 95 x 64 at the working size, 96 x 64 with padding
    given = edge.colorize(photo, *load(hinted[kind]), told(HINTS))
    session = Colorizer.load(deep).session(photo)
    wanted = session.color(HINTS)
    # What is alike is judged with the padding: further away a little more or less follows.
    assert difference(given, wanted).mean() < 0.3 * difference(wanted, session.color()).mean()
    for hint in HINTS:
        place = (int(hint.x * photo.width), int(hint.y * photo.height))
        assert difference(given.getpixel(place), wanted.getpixel(place)).max() <= 20


def test_every_row_of_a_table_may_be_used_and_no_more(hinted: dict[str, Path]) -> None:
    run, metadata = load(hinted["float32"])
    hints = [(0.05 * number, 0.5, (200, 80, 40)) for number in range(17)]
    result = edge.colorize(house((64, 64)), run, metadata, hints[:16])
    assert difference(result, edge.colorize(house((64, 64)), run, metadata)).max() > 20
    with pytest.raises(ValueError, match="16 hints at most"):
        edge.colorize(house((64, 64)), run, metadata, hints)


def test_hints_that_cannot_be_given(
    exported: dict[str, Path], model: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValueError, match="takes no hints; export one with --hints"):
        edge.colorize(house((64, 64)), *load(exported["onnx"]), told(HINTS))
    for words in (("0.5", "1.1", "#102030"), ("0.5", "0.5", "red"), ("x", "0", "#102030")):
        with pytest.raises(ValueError):
            edge.read_hint(*words)
    arguments = ["--model", str(model), "--output", str(tmp_path / "out"), "--hints", "--format"]
    assert export.main([*arguments, "tflite", "--precision", "int8"]) == 2
    assert "--hints need floats" in capfd.readouterr().err
    assert export.main([*arguments, "saved_model"]) == 2
    assert "--hints belongs to --format tflite or onnx" in capfd.readouterr().err
    with pytest.raises(ModelError, match="computes in floats"):
        convert(load_origin(model), precision="int8", hints=True)


# What the files are


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "onnx"])
def test_no_operation_of_tensorflow_is_needed(kind: str, exported: dict[str, Path]) -> None:
    from ai_edge_litert.interpreter import Interpreter

    content = exported[kind].read_bytes()
    interpreter = Interpreter(model_content=content)
    names = {operation["op_name"] for operation in interpreter._get_ops_details()}
    assert "CONV_2D" in names
    assert not any(name.startswith(("Flex", "CUSTOM")) for name in names)
    assert b"Flex" not in content


def test_sizes_on_disk(exported: dict[str, Path]) -> None:
    kinds = ("float32_fixed", "float16_fixed", "dynamic_fixed")
    sizes = {kind: exported[kind].stat().st_size for kind in kinds}
    assert sizes["float16_fixed"] < 0.65 * sizes["float32_fixed"]
    assert sizes["dynamic_fixed"] < 0.5 * sizes["float32_fixed"]


def test_metadata_and_card(exported: dict[str, Path], model: Path) -> None:
    for kind in KINDS:
        path = exported[kind]
        _, metadata = load(path)
        assert metadata["stride"] == 8
        assert metadata["working_size"] == SIDE
        assert metadata["size"] == ([SIDE, SIDE] if "fixed" in kind else None)
        assert metadata["output"]["channels"] == ["R", "G", "B"]
        assert metadata["output"]["range"] == (None if "int8" in kind else [0.0, 1.0])
        assert metadata["run"] == "test"
        card = (path.parent / "README.md").read_text()
        assert f"SHA-256 `{metadata['sha256']}`" in card
        assert "| PSNR against the Keras model |" in card
        assert ("colors beyond them unlimited" in card) == ("int8" in kind)
    with zipfile.ZipFile(exported["int8"]) as archive:
        assert archive.namelist() == ["keras_colorize.json"]
        assert json.loads(archive.read("keras_colorize.json"))["precision"] == "int8"


@pytest.mark.smoke
def test_integers_in_and_out(exported: dict[str, Path]) -> None:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(exported["int8_fixed"]))
    given, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    assert given["dtype"] == result["dtype"] == np.int8
    assert given["quantization"] == pytest.approx((1 / 255, -128)), "every gray of 8 bits"
    tensors = interpreter.get_tensor_details()
    kinds = {np.dtype(t["dtype"]).name for t in tensors if t["shape"].size}
    assert kinds == {"int8", "int32"}, "int32: biases and sizes"


@pytest.mark.parametrize("output", ["chroma", "rgb"])
def test_unlimited_chroma_is_limited_by_who_joins_it(output: str, model: Path) -> None:
    generator = load_origin(model).generator
    if output == "rgb":
        generator = saturate(build_unet(4, 3, output="rgb"), 2.0)
    (y,) = read_calibration(SAMPLE / "historical", (64, 64))[:1]
    unlimited = np.asarray(leave_unlimited(generator)(y[None]))
    assert np.abs(color.luminance(unlimited) - y).max() < 1e-5
    limited = color.replace_luminance(unlimited, y[None])
    assert np.abs(limited - np.asarray(generator(y[None], training=False))).max() < 1e-5


def test_onnx_names_its_dimensions(exported: dict[str, Path]) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(exported["onnx"], providers=["CPUExecutionProvider"])
    (given,), (result,) = session.get_inputs(), session.get_outputs()
    assert (given.name, given.shape) == ("luminance", ["batch", "height", "width", 1])
    assert (result.name, result.shape) == ("color", ["batch", "height", "width", 3])
    batch = session.run(None, {"luminance": np.zeros((3, 8, 16, 1), np.float32)})[0]
    assert batch.shape == (3, 8, 16, 3)


def test_onnx_with_hints_takes_one_photograph(hinted: dict[str, Path]) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(hinted["onnx"], providers=["CPUExecutionProvider"])
    (luminance, _), (result,) = session.get_inputs(), session.get_outputs()
    assert luminance.shape == [1, "height", "width", 1]
    assert result.shape == [1, "height", "width", 3]


# Other networks, and what cannot be done


@pytest.mark.parametrize(
    "settings",
    [
        {"output": "rgb"},
        {"upsampling": "subpixel", "normalization": "group"},
        {"upsampling": "resize", "normalization": "instance"},
        {"encoder": "efficientnet_lite0", "depth": 5},
    ],
)
def test_every_kind_of_network_is_converted(settings: dict[str, Any], tmp_path: Path) -> None:
    origin = load_origin(make_generator(tmp_path / "generator.keras", **settings))
    (tmp_path / "model.tflite").write_bytes(convert(origin, precision="float32", size=(64, 32)))
    (y,) = read_calibration(SAMPLE / "historical", (64, 32))[:1]
    painted = load_tflite(tmp_path / "model.tflite")(y[None])
    expected = np.asarray(origin.generator(y[None], training=False))
    assert np.abs(painted - expected).max() < 1e-3


def test_what_cannot_be_resizable_says_so(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = make_generator(tmp_path / "generator.keras", upsampling="resize")
    arguments = ["--format", "tflite", "--resizable", "--model", str(path)]
    assert export.main([*arguments, "--output", str(tmp_path / "out")]) == 2
    *_, last = capfd.readouterr().err.splitlines()
    assert "cannot express this generator with a resizable input; give it a fixed size" in last
    assert not (tmp_path / "out").exists()


def test_an_existing_folder_is_kept(
    model: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine").touch()
    arguments = ["--format", "onnx", "--model", str(model), "--output", str(tmp_path)]
    assert export.main(arguments) == 2
    assert "exists already" in capfd.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_normalization_becomes_convolution(model: Path) -> None:
    generator = load_origin(model).generator
    copy = replace_normalization(generator)
    (y,) = read_calibration(SAMPLE / "historical", (64, 64))[:1]
    apart = np.asarray(copy(y[None])) - np.asarray(generator(y[None], training=False))
    assert np.abs(apart).max() < 1e-5
    assert not any("BatchNormalization" in type(layer).__name__ for layer in copy.layers)


def test_calibration_shows_photographs(tmp_path: Path) -> None:
    photos = read_calibration(SAMPLE / "modern", (64, 96))
    assert len(photos) == 32
    assert {photo.shape for photo in photos} == {(64, 96, 1)}
    assert (photos[0].min(), photos[0].max()) == (0, 1)
    assert np.mean(photos) == pytest.approx(0.45, abs=0.1)
    (tmp_path / "broken.jpg").write_bytes(b"no photograph")
    with pytest.raises(DataError, match="found none"):
        read_calibration(tmp_path, (64, 64))


def test_onnx_without_its_packages(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    arguments = ["--format", "onnx", "--model", str(model), "--output", str(tmp_path / "out")]
    assert export.main(arguments) == 2
    assert "install keras-colorize with the extra called onnx" in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_int8_needs_photographs(model: Path) -> None:
    with pytest.raises(DataError, match="needs photographs to calibrate with"):
        convert(load_origin(model), precision="int8")
    with pytest.raises(ModelError, match=r"multiples of the generator's stride, 8\. Received: 60"):
        convert(load_origin(model), precision="float32", size=(60, 64))


# The example


@pytest.mark.parametrize("kind", ["dynamic_fixed", "onnx"])
def test_the_example_needs_no_tensorflow(
    kind: str, exported: dict[str, Path], tmp_path: Path
) -> None:
    blocked = ("tensorflow", "keras", "keras_colorize")
    code = (
        f"import sys, runpy; sys.modules.update(dict.fromkeys({blocked}));"
        "sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    arguments = [HOUSE, tmp_path / "house.png", "--model", exported[kind]]
    process = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, DEPLOY / "edge.py", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    with Image.open(HOUSE) as photo, Image.open(tmp_path / "house.png") as result:
        assert result.size == photo.size
        assert np.ptp(np.asarray(result, int), axis=-1).mean() > 5


@pytest.mark.parametrize("kind", ["I;16", "LA", "RGBA", "P", "CMYK", "1"])
def test_the_example_reads_every_kind_of_pixel(kind: str) -> None:
    photo = house((60, 40))
    if kind == "I;16":
        deep = imagecodecs.png_encode(257 * np.asarray(photo.convert("L"), np.uint16))
        photo = Image.open(io.BytesIO(deep))
    elif kind in ("LA", "RGBA"):
        photo.putalpha(photo.convert("L"))
    photo = photo.convert(kind)
    if kind == "P":
        photo.info["transparency"] = 0
    luminance = np.asarray(edge.to_rgb(photo)) @ (0.299, 0.587, 0.114)
    assert np.abs(luminance - read_luminance(photo) / 257).max() < 0.51  # rounded to 8 bits


def test_the_example_tells_what_went_wrong(
    exported: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "mine.png").write_text("mine")
    (tmp_path / "no.tflite").write_text("no model")
    model, result = str(exported["onnx"]), str(tmp_path / "result.png")
    capsys.readouterr()  # of the export
    for photo, target, file, message in [
        ("none.jpg", result, model, "No such file"),
        (str(tmp_path / "mine.png"), result, model, "cannot identify image file"),
        (str(HOUSE), str(tmp_path / "mine.png"), model, "mine.png exists already"),
        (str(HOUSE), result, "none.onnx", "there is no model none.onnx"),
        (str(HOUSE), result, str(tmp_path / "no.tflite"), "not a zip file"),
    ]:
        monkeypatch.setattr(sys, "argv", ["edge.py", photo, target, "--model", file])
        assert edge.main() == 2
        told = capsys.readouterr().err
        assert told.startswith("error: ")
        assert message in told
        assert told.count("\n") == 1
    assert (tmp_path / "mine.png").read_text() == "mine"
    assert not (tmp_path / "result.png").exists()
