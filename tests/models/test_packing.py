"""Packed generators: half the bytes, the same color, stronger where asked; and the shipped one."""

import configparser
import dataclasses
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from keras_colorize import Colorizer, color, pack
from keras_colorize.config import GeneratorConfig
from keras_colorize.errors import ModelError
from keras_colorize.models import saved as generators
from keras_colorize.models.packing import emphasize, pack_generator, saturate
from keras_colorize.models.saved import GeneratorFacts, find_shipped, load_generator, save_generator
from keras_colorize.models.unet import build_unet
from keras_colorize.photos.pixels import quantize
from keras_colorize.photos.reading import read_photo
from tests.conftest import ROOT, SAMPLE

CONFIG = GeneratorConfig(filters=16, depth=4)
FACTS = GeneratorFacts(stride=16, working_size=96, run="test", step=7)


def build(output: str = "chroma") -> keras.Model:
    """A generator that paints moderate color, whose normalization has seen something."""
    generator = build_unet(16, 4, output=output, dropout=0.0, seed=3)
    for _ in range(20):  # so that what is normalized has spread, and weak weights are magnified
        generator(sample_luminance(), training=True)
    head = generator.get_layer("up_0")
    head.set_weights([10.0 * weight for weight in head.get_weights()])
    return generator


def sample_luminance() -> np.ndarray:
    """Two photographs of the sample, ``(2, 96, 96, 1)``."""
    photos = []
    for path in sorted((SAMPLE / "modern").glob("*.jpg"))[:2]:
        with Image.open(path) as photo:
            photos.append(np.asarray(photo.convert("RGB").resize((96, 96)), np.float32) / 255.0)
    return color.luminance(np.stack(photos))


@pytest.mark.parametrize("output", ["chroma", "rgb"])
def test_saturation_multiplies_chroma(output: str) -> None:
    generator, y = build(output), 0.25 + 0.5 * sample_luminance()
    before = color.chroma(np.asarray(generator(y)))
    after = color.chroma(np.asarray(saturate(generator, 1.5)(y)))
    expected = color.limit_chroma(y, 1.5 * before)
    assert np.abs(before).max() > 0.01
    np.testing.assert_allclose(after, expected, atol=1e-6)


@pytest.mark.parametrize("output", ["chroma", "rgb"])
def test_emphasis_is_its_formula(output: str) -> None:
    generator, y = build(output), 0.3 + 0.2 * sample_luminance()  # dark, with room for chroma
    before = color.chroma(np.asarray(generator(y)))
    after = color.chroma(np.asarray(emphasize(generator, 0.8)(y)))
    length = np.abs(before).sum(axis=-1, keepdims=True)
    share = np.maximum(1.0 - 6.0 * length.mean(axis=(1, 2), keepdims=True), 0.3)
    factor = 0.8 * 15.0 * np.minimum(length + 0.02, 0.1) * share * np.minimum(0.2 + 2.0 * y, 1.0)
    expected = color.limit_chroma(y, before * factor)
    assert np.abs(before).max() > 0.01 and y.min() < 0.35 and y.max() > 0.4
    np.testing.assert_allclose(after, expected, atol=1e-5)


def test_emphasis_favors_what_is_colorful() -> None:
    generator, y = build(), 0.25 + 0.5 * sample_luminance()
    before, after = (
        np.abs(color.chroma(np.asarray(model(y)))).sum(axis=-1)
        for model in (generator, emphasize(generator, 1.0))
    )
    strong, weak = before > np.quantile(before, 0.9), before < np.quantile(before, 0.5)
    assert after[strong].mean() / before[strong].mean() > after[weak].mean() / before[weak].mean()


def test_emphasis_and_saturation_multiply() -> None:
    generator, y = build(), 0.25 + 0.5 * sample_luminance()
    once = saturate(emphasize(generator, 0.5), 1.2)
    np.testing.assert_allclose(once(y), emphasize(generator, 0.6)(y), atol=1e-5)
    with pytest.raises(ValueError, match="above 0"):
        emphasize(generator, 0.0)


@pytest.mark.parametrize("output", ["chroma", "rgb"])
def test_a_second_emphasis_is_refused(output: str, tmp_path: Path) -> None:
    generator = emphasize(build(output), 1.2)
    with pytest.raises(ModelError, match="has an emphasis already; give an unpacked one"):
        emphasize(generator, 1.2)
    with pytest.raises(ModelError, match=r"place of a saturation, .* has one of 1\.3"):
        pack_generator(tmp_path / "packed.keras", build(output), FACTS, saturation=1.3, emphasis=1)
    assert not list(tmp_path.iterdir())


def test_the_shipped_model_gets_no_second_emphasis(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "packed.keras"
    arguments = ["--model", str(find_shipped()), "--emphasis", "1.2", "--output", str(output)]
    assert pack.main(arguments) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: the generator has an emphasis already") and said.count("\n") == 1
    assert not output.exists()


@pytest.mark.parametrize("output", ["chroma", "rgb"])
def test_saturation_leaves_the_generator_and_the_luminance_alone(output: str) -> None:
    generator, y = build(output), sample_luminance()
    before = np.asarray(generator(y))
    saturated = np.asarray(saturate(generator, 40.0)(y))
    np.testing.assert_array_equal(np.asarray(generator(y)), before)
    np.testing.assert_allclose(color.luminance(saturated), y, atol=1e-5)


def test_factors_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        saturate(build(), 0.0)


@pytest.mark.parametrize("output", ["chroma", "rgb"])
def test_packed_it_paints_the_same_in_half_the_bytes(output: str, tmp_path: Path) -> None:
    generator, y = build(output), sample_luminance()
    plain, packed = tmp_path / "generator.keras", tmp_path / "packed.keras"
    save_generator(
        plain,
        generator,
        GeneratorConfig(**vars(CONFIG) | {"output": output}),
        size=96,
        run="",
        step=0,
    )
    pack_generator(packed, generator, FACTS)
    assert packed.stat().st_size < 0.65 * plain.stat().st_size  # the rest is architecture
    # A model of Keras' own, without this package's help.
    loaded = keras.models.load_model(packed)
    assert {variable.dtype for variable in loaded.variables} == {"float32"}
    difference = np.abs(np.asarray(loaded(y)) - np.asarray(generator(y)))
    assert difference.max() < 1e-3
    assert difference.max() > 0.0  # it has lost something, or this would compare nothing
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["generator.keras", "packed.keras"]


def test_facts_of_a_packed_generator(tmp_path: Path) -> None:
    path = tmp_path / "packed.keras"
    pack_generator(path, build(), FACTS, saturation=1.5)
    generator, facts = load_generator(path)
    assert facts == GeneratorFacts(16, 96, "test", 7, saturation=1.5)
    pack_generator(path, generator, facts, saturation=2.0)
    assert load_generator(path)[1].saturation == 3.0


def test_weights_beyond_16_bits_are_refused(tmp_path: Path) -> None:
    generator = build()
    layer = generator.get_layer("down_3")
    layer.set_weights([1e6 * weight + 1e6 for weight in layer.get_weights()])
    with pytest.raises(ModelError, match="too large for 16 bits"):
        pack_generator(tmp_path / "packed.keras", generator, FACTS)
    assert not list(tmp_path.iterdir())


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, output = tmp_path / "generator.keras", tmp_path / "packed.keras"
    save_generator(model, build(), CONFIG, size=96, run="test", step=7)
    arguments = ["--model", str(model), "--output", str(output), "--saturation", "1.5", "--no_twin"]
    assert pack.main(arguments) == 0
    assert str(output) in capsys.readouterr().out
    assert load_generator(output)[1].saturation == 1.5
    content = output.read_bytes()
    assert pack.main(arguments) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert output.read_bytes() == content
    sizes = ["--working_size", "128"]
    assert pack.main([*arguments, "--overwrite", "--saturation", "2", *sizes]) == 0
    assert load_generator(output)[1] == dataclasses.replace(FACTS, saturation=2.0, working_size=128)
    assert pack.main([*arguments, "--overwrite", "--working_size", "15"]) == 2
    assert "stride, 16" in capsys.readouterr().err


def test_the_command_makes_the_decoder_lighter(tmp_path: Path) -> None:
    model, output = tmp_path / "generator.keras", tmp_path / "packed.keras"
    generator = build()
    save_generator(model, generator, CONFIG, size=90, run="test", step=7)
    arguments = ["--model", str(model), "--output", str(output), "--no_twin"]
    lighter = ["--ranks", "24", "48", "64", "64", "--photos", str(SAMPLE / "modern")]
    assert pack.main([*arguments, *lighter]) == 0
    factored, facts = load_generator(output)
    assert facts == dataclasses.replace(FACTS, working_size=90)
    assert factored.count_params() < 0.8 * generator.count_params()
    y = sample_luminance()
    chroma, expected = (color.chroma(np.asarray(model(y))) for model in (factored, generator))
    assert np.square(chroma - expected).mean() < 0.05 * np.square(expected).mean()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--output", "packed.h5"], "must end in .keras"),
        (["--output", "packed.keras", "--saturation", "inf"], "saturation"),
        (["--output", "packed.keras", "--saturation", "-1"], "--saturation must be above 0"),
        (
            ["--output", "packed.keras", "--emphasis", "1.2", "--saturation", "1.3"],
            "--emphasis takes the place of --saturation; leave one out. Received: 1.2 and 1.3",
        ),
        (["--output", "packed.keras", "--ranks", "8"], "--ranks and --photos belong together"),
        (["--output", "packed.keras"], "found no file"),
    ],
)
def test_the_command_says_what_is_wrong(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pack.main(["--model", str(tmp_path / "absent.keras"), *arguments]) == 2
    assert message in capsys.readouterr().err


# --- the shipped model ---


def test_shipped_model_has_learned_color() -> None:
    path = find_shipped()
    assert path.stat().st_size <= 25e6
    colorizer = Colorizer.load()
    errors, energies = [], []
    for photo in sorted((SAMPLE / "modern").glob("*.jpg"))[:8]:
        truth = read_photo(photo, short_side=128).astype(np.float32) / 255.0
        painted = np.asarray(colorizer(quantize(truth)), np.float32) / 255.0
        np.testing.assert_allclose(color.luminance(painted), color.luminance(truth), atol=1.5 / 255)
        errors.append(np.mean((color.chroma(painted) - color.chroma(truth)) ** 2))
        energies.append(np.mean(color.chroma(truth) ** 2))
    # Closer to the truth than gray is: these weights have learned something.
    assert np.mean(errors) < 0.9 * np.mean(energies)


def test_shipped_model_is_found_inside_an_installed_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site-packages" / "keras_colorize"
    monkeypatch.setattr(generators, "__file__", str(package / "models" / "saved.py"))
    with pytest.raises(ModelError, match=r"saved_models.colorizer\.keras"):
        find_shipped()
    inside = package / "saved_models" / "colorizer.keras"
    inside.parent.mkdir(parents=True)
    inside.touch()
    assert find_shipped() == inside


def test_every_package_is_installed_and_the_model_with_it() -> None:
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg", encoding="utf-8")
    folders = [init.parent for init in sorted((ROOT / "keras_colorize").rglob("__init__.py"))]
    names = [".".join(folder.relative_to(ROOT).parts) for folder in folders]
    mapped = "keras_colorize.saved_models"
    assert sorted(settings["options"]["packages"].split()) == sorted([*names, mapped])
    assert settings["options"]["package_dir"].split() == [mapped, "=", "saved_models"]
    patterns = settings["options.package_data"][mapped].split()
    assert any(find_shipped().match(pattern) for pattern in patterns)
