"""The export command, and the SavedModel: what it holds, paints and refuses, away from here."""

import errno
import functools
import io
import json
import os
import signal
import struct
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import imagecodecs
import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_colorize import Colorizer, color, export
from keras_colorize.errors import ModelError
from keras_colorize.exporting import saved_model
from keras_colorize.exporting.graph_photos import decode_photo, exif_orientation
from keras_colorize.exporting.origin import load_origin, write_card
from keras_colorize.exporting.saved_model import export_saved_model, next_version
from keras_colorize.exporting.signatures import as_graph
from keras_colorize.files import atomic_folder
from keras_colorize.models.saved import find_shipped, load_generator
from keras_colorize.photos.reading import read_luminance
from tests.conftest import tiny_config
from tests.exporting.forms import DEPLOY, HOUSE, SIZES, difference, encode, house, make_generator

MAX_PIXELS = 1_000_000
_FILE = tf.TensorSpec((), tf.string)
# As in an export: step by step, their loops over bytes take minutes.
find_orientation = as_graph(_FILE)(exif_orientation)
decode = as_graph(_FILE)(functools.partial(decode_photo, max_pixels=MAX_PIXELS))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_generator(tmp_path_factory.mktemp("model") / "generator.keras")


@pytest.fixture(scope="module")
def version(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served") / "colorize"
    arguments = ["--format", "saved_model", "--model", str(model), "--output", str(folder)]
    assert export.main([*arguments, "--max_pixels", str(MAX_PIXELS)]) == 0
    return folder / "1"


def photographs() -> dict[str, bytes]:
    """Encoded photographs by name, those that cannot be used among them."""
    photo = house((150, 101))
    upright = Image.Exif()
    upright[0x0112] = 6
    jpeg = encode(photo, "JPEG")
    files = {f"size_{w}_{h}.png": encode(house((w, h))) for w, h in SIZES}
    files |= {
        "jpeg.jpg": jpeg,
        "turned.jpg": encode(photo, "JPEG", exif=upright),
        "gray.jpg": encode(photo.convert("L"), "JPEG"),
        "progressive.jpg": encode(photo, "JPEG", progressive=True),
        "palette.gif": encode(photo, "GIF"),
        "palette.png": encode(photo.quantize(8)),
        "bilevel.png": encode(photo.convert("1")),
        "turned.png": encode(photo, exif=upright),
        "deep.png": imagecodecs.png_encode(deep_gray()),
        "bad_cut.jpg": jpeg[: len(jpeg) // 2],
        "bad_empty.jpg": b"",
        "bad_huge.png": encode(Image.new("L", (1001, 1000))),
        "bad_text.png": b"not a photograph",
    }
    return files


def deep_gray() -> np.ndarray:
    """A photograph whose tones lie between those of 8 bits, uint16 ``(101, 150)``."""
    tones = 257 * np.asarray(house((150, 101)).convert("L"), int)
    return (tones + np.arange(150) % 120).clip(0, 65535).astype(np.uint16)


@pytest.fixture(scope="module")
def answers(version: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """What the exported graph answers in a process that has TensorFlow only."""
    photos, results = tmp_path_factory.mktemp("photos"), tmp_path_factory.mktemp("results")
    for name, content in photographs().items():
        (photos / name).write_bytes(content)
    script = Path(__file__).with_name("served.py")
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    subprocess.run(
        [sys.executable, "-W", "error", script, version, photos, results],
        check=True,
        env=environment,
    )
    return json.loads((results / "answers.json").read_text()), results


# The SavedModel


@pytest.mark.smoke
def test_signatures(answers: tuple[dict[str, Any], Path]) -> None:
    assert answers[0]["signatures"] == {
        "serving_default": [
            {"luminance": ["float32", [None, None, None, 1]]},
            {"color": ["float32", [None, None, None, 3]]},
        ],
        "colorize_bytes": [
            {"image_bytes": ["string", [None]]},
            {"png_bytes": ["string", [None]], "error": ["string", [None]]},
        ],
        "colorize_hinted": [
            {"image_bytes": ["string", []], "hints": ["float32", [None, 6]]},
            {"png_bytes": ["string", []], "error": ["string", []]},
        ],
    }


@pytest.mark.parametrize("name", [name for name in photographs() if not name.startswith("bad")])
def test_the_served_graph_paints_what_the_colorizer_paints(
    name: str, answers: tuple[dict[str, Any], Path], model: Path, tmp_path: Path
) -> None:
    assert answers[0]["errors"][name] == ""
    (tmp_path / name).write_bytes(photographs()[name])
    expected = Colorizer.load(model)(tmp_path / name)
    with Image.open(answers[1] / name) as result:
        assert result.size == expected.size
        assert result.format == "PNG"
        apart = difference(result, expected)
    assert apart.max() <= 1
    assert (apart > 0).mean() < 0.01


def test_photographs_that_cannot_be_used_fail_alone(
    answers: tuple[dict[str, Any], Path],
) -> None:
    errors = {name: reason for name, reason in answers[0]["errors"].items() if reason}
    assert errors == {
        "bad_cut.jpg": "damaged, or cut short: JPEG",
        "bad_empty.jpg": "the file is empty (0 bytes)",
        "bad_huge.png": "too large: 1001 x 1000, limit 1 megapixels",
        "bad_text.png": "not a photograph that can be read (JPEG, PNG or GIF)",
    }
    assert all((answers[1] / name).stat().st_size == 0 for name in errors)


@pytest.mark.smoke
def test_luminance_is_colored_in_batches(answers: tuple[dict[str, Any], Path], model: Path) -> None:
    with np.load(answers[1] / "luminance.npz") as arrays:
        y, color = arrays["y"], arrays["color"]
    assert color.dtype == np.float32
    colorizer = Colorizer.load(model)
    for one, painted in zip(y, color, strict=True):
        expected = colorizer(one)
        assert np.abs(255.0 * painted - np.asarray(expected, np.float32)).max() < 0.51


def test_luminance_that_makes_no_sense_is_refused(answers: tuple[dict[str, Any], Path]) -> None:
    refusals = answers[0]["refusals"]
    assert "must hold at least one pixel" in refusals["empty"]
    assert "must lie in [0, 1], 8-bit values divided by 255, without NaN" in refusals["NaN"]
    assert "must lie in [0, 1]" in refusals["8 bits"]
    assert "must hold at most 1000000 pixels" in refusals["huge"]
    assert refusals["none at all"] == "0", "a batch of no photographs has no results"


def test_weights_are_stored_once(
    answers: tuple[dict[str, Any], Path], version: Path, model: Path
) -> None:
    generator, _ = load_generator(model)
    (data,) = (version / "variables").glob("*.data*")
    # A normalization's four are one offset of its convolution.
    assert 0.9 * generator.count_params() < answers[0]["variables"] <= generator.count_params()
    assert data.stat().st_size < 4 * generator.count_params() + 4096


def test_warmup_requests_are_what_the_signatures_take(version: Path) -> None:
    logs = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")
    loaded = tf.saved_model.load(str(version))
    records = tf.data.TFRecordDataset(version / "assets.extra" / "tf_serving_warmup_requests")
    replayed = []
    for record in records.as_numpy_iterator():
        request = logs.PredictionLog.FromString(record).predict_log.request
        assert request.model_spec.name == "colorize"
        inputs = {name: tf.constant(tf.make_ndarray(t)) for name, t in request.inputs.items()}
        outputs = loaded.signatures[request.model_spec.signature_name](**inputs)
        assert not any(outputs.get("error", tf.constant([b""])).numpy())
        replayed.append(request.model_spec.signature_name)
    assert replayed == ["colorize_bytes", "serving_default"]


def test_serving_configuration_is_understood(version: Path) -> None:
    protos = pytest.importorskip("tensorflow_serving.config.model_server_config_pb2")
    from google.protobuf import text_format

    text = (version.parent / "models.config").read_text()
    (config,) = text_format.Parse(text, protos.ModelServerConfig()).model_config_list.config
    assert (config.name, config.base_path) == ("colorize", "/models/colorize")
    assert "max_batch_size" in (version.parent / "batching.config").read_text()


def test_jpeg_results(model: Path, tmp_path: Path) -> None:
    path = export_saved_model(load_origin(model), tmp_path / "jpeg", image_format="jpeg")
    colorize = tf.saved_model.load(str(path)).signatures["colorize_bytes"]
    (encoded,) = colorize(image_bytes=tf.constant([HOUSE.read_bytes()]))["jpeg_bytes"].numpy()
    (tmp_path / "house.jpg").write_bytes(encoded)
    with Image.open(tmp_path / "house.jpg") as result:
        assert result.format == "JPEG"
        assert result.info.get("progressive", 0) == 0
        assert {layer[1:3] for layer in result.layer} == {(1, 1)}, "color at full resolution"
        assert difference(result, Colorizer.load(model)(HOUSE)).mean() < 3


# Photographs inside the graph


def exif(order: str, kind: int, orientation: int) -> bytes:
    """An Exif segment of a JPEG that states nothing but an orientation, of type 3 or 4."""
    value = struct.pack(order + ("HH" if kind == 3 else "I"), *(orientation, 0)[: 5 - kind])
    mark = {"<": b"II", ">": b"MM"}[order]
    head = mark + struct.pack(order + "HIHHHI", 42, 8, 1, 0x0112, kind, 1)
    return segment(0xE1, b"Exif\0\0" + head + value + bytes(4))


def segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


@pytest.mark.parametrize(
    "before",
    [
        *(pytest.param(exif(o, k, 6), id=f"{o}{k}") for o in "<>" for k in (3, 4)),
        pytest.param(exif(">", 3, 9), id="senseless"),
        pytest.param(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0") + exif(">", 3, 8), id="xmp"),
        pytest.param(3 * segment(0xED, bytes(65533)) + exif("<", 3, 5), id="far"),
        pytest.param(b"\xff\xff" + exif(">", 3, 3), id="fill bytes"),
        pytest.param(b"", id="none"),
    ],
)
def test_orientation_is_what_pillow_finds(before: bytes) -> None:
    jpeg = encode(house((20, 10)), "JPEG")
    jpeg = jpeg[:2] + before + jpeg[2:]
    with Image.open(io.BytesIO(jpeg)) as photo:
        expected = photo.getexif().get(0x0112, 1)
    assert find_orientation(tf.constant(jpeg)) == (expected if expected <= 8 else 1)


@pytest.mark.parametrize(
    "content", [b"\xff\xd8" + 9000 * b"\xff", b"\xff\xd8", b"\x89PNG\r\n\x1a\n"]
)
def test_orientation_of_damaged_files(content: bytes) -> None:
    assert find_orientation(tf.constant(content)) == 1
    assert decode(tf.constant(content))[1] != b""


def test_pictures_of_a_gif_that_are_larger_than_it_says() -> None:
    """All of them are decoded: a small file that may claim any size could take any memory."""
    gif = bytearray(encode(Image.new("P", (1200, 1000)), "GIF"))
    gif[6:10] = struct.pack("<HH", 10, 10)
    _, reason = decode(tf.constant(bytes(gif)))
    assert reason == b"too large: its pictures taken together, limit 1 megapixels"


def test_an_animation_counts_as_a_whole() -> None:
    pictures = [house((300, 200)).rotate(angle).quantize(32) for angle in range(0, 85, 5)]
    fits, does_not = (
        encode(pictures[0], "GIF", append_images=pictures[1:count], save_all=True)
        for count in (16, 17)  # of 0.06 megapixels
    )
    assert decode(tf.constant(fits))[1] == b""
    _, reason = decode(tf.constant(does_not))
    assert reason == b"too large: its pictures taken together, limit 1 megapixels"


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_transparent_parts_are_white(dtype: type[np.unsignedinteger]) -> None:
    white = np.iinfo(dtype).max
    rgb = np.asarray(house((150, 101))) / 255.0
    alpha = np.broadcast_to(np.linspace(0.0, 1.0, 150)[:, None], (101, 150, 1))
    rgba = np.rint(white * np.concatenate([rgb, alpha], -1)).astype(dtype)
    luminance, reason = decode(tf.constant(imagecodecs.png_encode(rgba)))
    assert reason == b""
    opacity = rgba[..., 3:] / white
    expected = 65535.0 * color.luminance(rgba[..., :3] / white * opacity + 1.0 - opacity)
    np.testing.assert_allclose(luminance, expected, atol=0.6)


@pytest.mark.parametrize("mode", ["L", "RGB", "P"])
def test_one_color_of_a_png_can_be_transparent(mode: str) -> None:
    photo = house((150, 101)).quantize(16) if mode == "P" else house((150, 101)).convert(mode)
    png = encode(photo, transparency=photo.getpixel((70, 50)))
    with Image.open(io.BytesIO(png)) as opened:
        expected = read_luminance(opened)[..., None]
    luminance, _ = decode(tf.constant(png))
    np.testing.assert_allclose(luminance, expected, atol=1.1)  # each rounds, by half
    assert luminance[50, 70] == 65535


# Versions, and what an interruption leaves


def test_versions_count_upwards_and_nothing_is_overwritten(model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "colorize"
    (folder / "9").mkdir(parents=True)
    (folder / "models.config").write_text("mine")
    assert export_saved_model(load_origin(model), folder) == folder / "10"
    assert next_version(folder) == 11
    assert (folder / "models.config").read_text() == "mine"
    assert not list((folder / "9").iterdir())


def test_a_file_in_the_place_of_the_versions(
    model: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "colorize").write_text("mine")
    arguments = ["--format", "saved_model", "--model", str(model)]
    assert export.main([*arguments, "--output", str(tmp_path / "colorize")]) == 2
    assert "expected a folder for results" in capfd.readouterr().err
    assert (tmp_path / "colorize").read_text() == "mine"


def test_a_failed_export_leaves_nothing(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(saved_model, "write_card", fail)
    arguments = ["--format", "saved_model", "--model", str(model), "--output", str(tmp_path / "m")]
    assert export.main(arguments) == 2
    assert capfd.readouterr().err.endswith("No space left on device\n")
    assert list((tmp_path / "m").iterdir()) == []


def test_a_killed_export_leaves_no_version(tmp_path: Path) -> None:
    code = f"""
import os, signal
from keras_colorize.files import atomic_folder
with atomic_folder({str(tmp_path / "1")!r}) as folder:
    (folder / "saved_model.pb").write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    process = subprocess.run([sys.executable, "-c", code], check=False)
    assert process.returncode == -signal.SIGKILL
    assert not (tmp_path / "1").exists()
    assert all(path.name.startswith(".") for path in tmp_path.iterdir())
    assert next_version(tmp_path) == 1


def test_an_atomic_folder_replaces_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileExistsError), atomic_folder(tmp_path / "1") as folder:
        (folder / "a").write_text("mine")
        (tmp_path / "1").mkdir()
        (tmp_path / "1" / "theirs").touch()
    assert [path.name for path in tmp_path.rglob("*")] == ["1", "theirs"]
    with pytest.raises(FileExistsError, match="exists already"), atomic_folder(tmp_path / "1"):
        pass


# The card, the origin and the command


def test_the_card_tells_where_the_model_comes_from(tmp_path: Path) -> None:
    config = tiny_config(tmp_path)
    run = tmp_path / "runs" / "tiny"
    run.mkdir(parents=True)
    make_generator(run / "generator.keras")
    (run / "config.yaml").write_text(f"data: {{modern: [{config.data.modern[0]}]}}")
    (run / "history.csv").write_text("step,val_psnr,val_ssim\n3,20,0.5\n7,23.456,0.9\n")
    origin = load_origin(run / "generator.keras", weights_license="CC0-1.0")
    card = (export_saved_model(origin, tmp_path / "m") / "README.md").read_text()
    for told in ("modern: modern", "psnr 23.46, ssim 0.9", "test, step 7", "CC0-1.0", "64 pixels"):
        assert told in card
    assert "colorize_bytes" in card
    assert f"TensorFlow {tf.__version__}" in card


def test_the_card_of_the_shipped_model_refers_to_its_own(model: Path, tmp_path: Path) -> None:
    """Also where it is named by a path; another model's license is not known."""
    for origin in (load_origin(), load_origin(find_shipped())):
        assert origin.weights_license == "Apache-2.0"
        write_card(tmp_path, origin, "a test", "none", {})
        card = (tmp_path / "README.md").read_text()
        assert "listed in the model card of keras-colorize, saved_models/README.md" in card
    assert load_origin(model).weights_license == "not stated"
    assert load_origin(weights_license="CC0-1.0").weights_license == "CC0-1.0"


def test_mixed_precision_is_exported_as_float32(tmp_path: Path) -> None:
    path = make_generator(tmp_path / "mixed.keras", dtype="mixed_bfloat16")
    version = export_saved_model(load_origin(path), tmp_path / "m")
    graph = tf.saved_model.load(str(version)).signatures["serving_default"].graph
    kinds = {output.dtype.name for op in graph.get_operations() for output in op.outputs}
    assert "bfloat16" not in kinds


def test_other_precision_is_refused(model: Path, tmp_path: Path) -> None:
    luminance = keras.Input((None, None, 1))
    painted = keras.layers.Conv2D(3, 1, dtype="mixed_bfloat16")(luminance)
    keras.Model(luminance, painted).save(tmp_path / "mixed.keras")
    with zipfile.ZipFile(model) as source, zipfile.ZipFile(tmp_path / "mixed.keras", "a") as target:
        target.writestr("keras_colorize.json", source.read("keras_colorize.json"))
    with pytest.raises(ModelError, match="expected a generator of float32 layers"):
        load_origin(tmp_path / "mixed.keras")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--format onnx --precision int8", "--precision belongs to --format tflite"),
        ("--format tflite --image_format png", "--image_format belongs to --format saved_model"),
        ("--format tflite --size 64 --resizable", "--size and --resizable exclude each other"),
        ("--format tflite --calibration x", "--calibration belongs to --precision int8"),
        ("--format saved_model --max_pixels 0", "--max_pixels must be 1 to 536870911"),
        ("--format saved_model --max_pixels 99999999999999999999", "--max_pixels must be 1 to"),
        ("--format tflite --size 0", "--size must be at least 1"),
        ("--format tflite --precision int8 --size -64", "--size must be at least 1"),
        ("--format saved_model --working_size 4", "at least the generator's stride, 8"),
        ("--format tflite --size 60", "must be multiples of the generator's stride, 8"),
        ("--format pb", "invalid choice: 'pb'"),
    ],
)
def test_bad_arguments(
    arguments: str, message: str, model: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    output = ["--model", str(model), "--output", str(tmp_path / "out")]
    assert export.main([*arguments.split(), *output]) == 2
    *_, last = capfd.readouterr().err.splitlines()
    assert message in last
    assert not (tmp_path / "out").exists()


def test_a_missing_model(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    arguments = ["--format", "saved_model", "--output", str(tmp_path / "out"), "--model", "none"]
    assert export.main(arguments) == 2
    assert "found no file none" in capfd.readouterr().err


# The examples


def test_the_server_configurations_are_sound() -> None:
    yaml = pytest.importorskip("yaml")
    compose = yaml.safe_load((DEPLOY / "docker-compose.yaml").read_text())
    assert "/models/colorize/models.config" in compose["services"]["colorize"]["command"][0]
    service = yaml.safe_load((DEPLOY / "kserve.yaml").read_text())
    model = service["spec"]["predictor"]["model"]
    assert model["modelFormat"]["name"] == "tensorflow"
    # One version of TensorFlow Serving, and no limit that its runtime would set below the request.
    assert compose["services"]["colorize"]["image"].endswith(f":{model['runtimeVersion']}")
    assert model["resources"]["limits"].keys() >= model["resources"]["requests"].keys()
