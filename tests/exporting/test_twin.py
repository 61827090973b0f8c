"""A generator's twin for LiteRT: it paints the same, and colors photographs without TensorFlow."""

import copy
import os
import pickle
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from keras_colorize import Colorizer, Hint, color, pack
from keras_colorize.coloring.twin_network import TwinNetwork
from keras_colorize.config import GeneratorConfig
from keras_colorize.errors import ConfigError, ModelError
from keras_colorize.exporting import twin as twins
from keras_colorize.exporting.twin import convert_twin, halve_kernels
from keras_colorize.models.saved import load_generator, load_twin, save_generator
from keras_colorize.models.unet import build_unet
from keras_colorize.photos.reading import read_luminance
from tests.conftest import ROOT, SAMPLE

HOUSE = SAMPLE / "modern" / "brick_house_garden.jpg"
TWIN = "keras_colorize.tflite"  # within the generator's file


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generator of random weights that paints loudly, has a distribution, and is packed."""
    folder = tmp_path_factory.mktemp("twin")
    config = GeneratorConfig(filters=16, depth=4, dropout=0.0, output="chroma", distribution=True)
    generator = build_unet(**vars(config), seed=3)
    head = generator.get_layer("up_0")  # initial weights paint almost gray
    head.set_weights([30.0 * weight for weight in head.get_weights()])
    save_generator(folder / "generator.keras", generator, config, size=64, run="test", step=7)
    output = folder / "packed.keras"
    assert pack.main(["--model", f"{folder / 'generator.keras'}", "--output", str(output)]) == 0
    return output


@pytest.fixture(scope="module")
def by_keras(packed: Path) -> Colorizer:
    return Colorizer.load(packed, runtime="keras")


@pytest.fixture(scope="module")
def by_twin(packed: Path) -> Colorizer:
    return Colorizer.load(packed, runtime="litert")


def replace_twin(source: Path, target: Path, content: bytes | None) -> Path:
    """A copy of a generator's file with another twin, or none."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for entry in old.infolist():
            if entry.filename != TWIN:
                new.writestr(entry, old.read(entry))
        if content is not None:
            new.writestr(TWIN, content)
    return target


def test_keras_reads_a_file_with_a_twin_as_ever(packed: Path) -> None:
    y = np.linspace(0, 1, 32 * 48, dtype=np.float32).reshape(1, 32, 48, 1)
    alone = np.asarray(keras.models.load_model(packed)(y))
    np.testing.assert_array_equal(alone, np.asarray(load_generator(packed)[0](y)))


@pytest.mark.smoke
@pytest.mark.parametrize("size", [(1, 1), (7, 300), (300, 7), (64, 64), (65, 63), (500, 333)])
def test_photographs_of_any_shape_are_those_of_keras(
    size: tuple[int, int], by_keras: Colorizer, by_twin: Colorizer
) -> None:
    with Image.open(HOUSE) as photo:
        scaled = photo.resize(size)
    expected, result = (np.asarray(by(scaled), np.int16) for by in (by_keras, by_twin))
    assert np.abs(result - expected).max() <= 1
    if size != (1, 1):
        assert np.ptp(color.chroma(expected / np.float32(255.0))) > 0.1


@pytest.mark.parametrize("working_size", [16, 48, 100, 160])
def test_so_they_are_at_any_working_size(
    working_size: int, by_keras: Colorizer, by_twin: Colorizer
) -> None:
    luminance = read_luminance(SAMPLE / "historical" / "dust_bowl_house.jpg")
    expected, result = (
        np.asarray(by.join(by.paint(luminance, working_size), luminance), np.int16)
        for by in (by_keras, by_twin)
    )
    assert np.abs(result - expected).max() <= 1


def test_it_sees_what_keras_sees(by_keras: Colorizer, by_twin: Colorizer) -> None:
    expected, seen = (by.see(read_luminance(HOUSE)) for by in (by_keras, by_twin))
    assert len(seen.features) == len(expected.features) == 2
    for ours, theirs in zip(seen.features, expected.features):
        np.testing.assert_allclose(ours, theirs, atol=2e-3 * np.abs(theirs).max())
    assert seen.shares is not None
    assert expected.shares is not None
    np.testing.assert_allclose(seen.shares, expected.shares, atol=2e-3)


def test_hints_and_proposals_need_no_keras(packed: Path, by_keras: Colorizer) -> None:
    by_twin = Colorizer.load(packed)
    hints = [Hint(0.5, 0.5, "#a04020")]
    for result, expected in (
        (by_twin(HOUSE, hints), by_keras(HOUSE, hints)),
        (by_twin.propose(HOUSE, 2)[1], by_keras.propose(HOUSE, 2)[1]),
    ):
        difference = np.asarray(result, np.int16) - np.asarray(expected, np.int16)
        assert np.abs(difference).max() <= 2
    assert "generator" not in vars(by_twin)  # which is loaded when it is asked for:
    assert by_twin.generator.count_params() == by_keras.generator.count_params()


def test_several_threads_paint_what_one_does(packed: Path) -> None:
    colorizer = Colorizer.load(packed, threads=1)
    photos = sorted((SAMPLE / "historical").glob("*.jpg"))
    expected = [np.asarray(colorizer(photo)) for photo in photos]
    results: dict[int, np.ndarray] = {}

    def work(number: int) -> None:
        results[number] = np.asarray(colorizer(photos[number]))

    threads = [threading.Thread(target=work, args=[number]) for number in range(len(photos))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, picture in enumerate(expected):
        np.testing.assert_array_equal(results[number], picture)


def test_only_large_kernels_lose_half_their_bits(packed: Path) -> None:
    generator, facts = load_generator(packed)
    whole = convert_twin(generator, facts.stride)
    half = halve_kernels(whole)
    assert 0.5 * len(whole) < len(half) < 0.65 * len(whole)
    y = np.random.default_rng(0).random((1, 32, 48, 1), np.float32)
    painted = [TwinNetwork(content)(y, ["color"])["color"] for content in (whole, half)]
    np.testing.assert_allclose(painted[0], np.asarray(generator(y)), atol=1e-5)
    np.testing.assert_allclose(painted[1], painted[0], atol=2e-3)
    assert np.any(painted[1] != painted[0])  # or this would compare nothing


def test_it_goes_to_another_process_as_it_is(by_keras: Colorizer, by_twin: Colorizer) -> None:
    for colorizer in (by_keras, by_twin):
        received = pickle.loads(pickle.dumps(colorizer))
        np.testing.assert_array_equal(np.asarray(received(HOUSE)), np.asarray(colorizer(HOUSE)))


def test_it_finds_its_file_from_another_folder(
    packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(packed.parent)
    colorizer = Colorizer.load(packed.name, saturation=1.2, look="autochrome")
    monkeypatch.chdir(tmp_path)
    for received in (pickle.loads(pickle.dumps(colorizer)), copy.deepcopy(colorizer)):
        assert (received.saturation, received.look) == (1.2, "autochrome")
        np.testing.assert_array_equal(np.asarray(received(HOUSE)), np.asarray(colorizer(HOUSE)))
    assert colorizer.generator.count_params()


def test_without_a_twin_keras_paints(
    packed: Path, tmp_path: Path, by_keras: Colorizer, caplog: pytest.LogCaptureFixture
) -> None:
    none = replace_twin(packed, tmp_path / "none.keras", None)
    foreign = replace_twin(packed, tmp_path / "foreign.keras", b"of another kind" * 99)
    for path in (none, foreign):
        np.testing.assert_array_equal(
            np.asarray(Colorizer.load(path)(HOUSE)), np.asarray(by_keras(HOUSE))
        )
    assert [record.args[0] for record in caplog.records if record.args] == [foreign]
    with pytest.raises(ModelError, match=r"none\.keras has no twin for LiteRT: .*pack makes one"):
        Colorizer.load(none, runtime="litert")
    with pytest.raises(ModelError, match="LiteRT cannot run this model"):
        Colorizer.load(foreign, runtime="litert")


def test_a_runtime_that_there_is_not_is_refused() -> None:
    """It was taken for none in particular, and the twin ran."""
    with pytest.raises(ConfigError, match=r"runtime must be one of auto, litert, keras.* 'Keras'"):
        Colorizer.load(runtime="Keras")  # type: ignore[arg-type]


def test_a_twin_that_paints_otherwise_is_left_out(
    packed: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    other = build_unet(4, 2, output="chroma", distribution=False, seed=5)
    other.set_weights([9.0 * weight for weight in other.get_weights()])
    twin = convert_twin(other, 4)
    monkeypatch.setattr(twins, "convert_twin", lambda *_: twin)
    output = tmp_path / "packed.keras"
    assert pack.main(["--model", str(packed), "--output", str(output)]) == 0
    assert "without a twin: what LiteRT paints differs by" in capsys.readouterr().out
    assert load_twin(output)[0] is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["packed.keras"]


def test_the_command_imports_no_tensorflow_and_says_nothing_of_litert(
    packed: Path, tmp_path: Path
) -> None:
    heavy = ["tensorflow", "keras", "h5py", "matplotlib", "skimage", "jsonargparse"]
    code = (
        "import sys\n"
        "from keras_colorize.colorize import main\n"
        "status = main(sys.argv[1:])\n"
        f"print(status, [name for name in {heavy} if name in sys.modules])\n"
    )
    arguments = [HOUSE, "--model", packed, "--output", tmp_path / "out"]
    process = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert process.stdout.splitlines()[-1] == "0 []"
    assert "INFO" not in process.stderr
    with Image.open(tmp_path / "out" / HOUSE.name) as picture:
        assert picture.mode == "RGB"


def test_the_shipped_model_has_one() -> None:
    twin, facts = load_twin(ROOT / "saved_models" / "colorizer.keras")
    assert twin is not None
    # What a colored file names as its model has to lead somewhere.
    assert (ROOT / "configs" / f"{facts.run}.yaml").exists()
    luminance = read_luminance(HOUSE)
    expected, result = (
        np.asarray(colorizer.join(colorizer.paint(luminance), luminance), np.int16)
        for colorizer in (Colorizer.load(runtime="keras"), Colorizer(TwinNetwork(twin), facts))
    )
    assert np.abs(result - expected).max() <= 1
