"""Settings: defaults, files, the command line, and what is refused."""

import dataclasses
import os
import subprocess
from pathlib import Path
from typing import get_args

import pytest
import yaml

from keras_colorize import fit
from keras_colorize.config import (
    Bounds,
    DataConfig,
    DiscriminatorConfig,
    FitConfig,
    GeneratorConfig,
    TrainingConfig,
    flatten,
    historical_count,
)
from keras_colorize.config_checks import check_config
from keras_colorize.errors import ConfigError
from keras_colorize.film.stocks import STOCKS
from keras_colorize.fit_arguments import parse_fit_config
from keras_colorize.photos.pixels import MAX_PIXELS
from keras_colorize.training.gan import metric_names
from tests.conftest import ROOT

FOLDER = ROOT / "configs"
SWEEP = FOLDER / "sweep.yaml"
CONFIGS = sorted(set(FOLDER.glob("*.yaml")) - {SWEEP})


def changed(name: str, value: object) -> FitConfig:
    """The defaults with one setting changed, by dotted name."""
    section, _, key = name.rpartition(".")
    base = FitConfig()
    if not section:
        return dataclasses.replace(base, **{key: value})
    inner = dataclasses.replace(getattr(base, section), **{key: value})
    return dataclasses.replace(base, **{section: inner})


def test_defaults_are_possible() -> None:
    check_config(FitConfig())


def test_default_films_are_all_films() -> None:
    assert FitConfig().film.stocks == list(STOCKS)


@pytest.mark.smoke
@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_shipped_configs_are_possible(path: Path) -> None:
    config = parse_fit_config(["--config", str(path)])
    assert config.name == path.stem
    data = dataclasses.replace(config.data, modern=["m"], historical=["h"])
    check_config(dataclasses.replace(config, data=data))
    head = path.read_text().split("\n\n")[0]
    assert f"configs/{path.name}" in head, "the head says the command"
    assert "Measured" in head, "the head says what was measured"


def test_the_configs_are_shipped() -> None:
    names = {path.stem for path in CONFIGS}
    assert {"quickstart", "base_128", "base_256", "pretrained_128", "historical_256"} <= names


def test_sweep_searches_settings_that_exist() -> None:
    sweep = yaml.safe_load(SWEEP.read_text(encoding="utf-8"))
    known = flatten(FitConfig())
    for name, choice in sweep["parameters"].items():
        for value in choice.get("values", [choice.get("min"), choice.get("max")]):
            check_config(parse_fit_config([f"--{name}={value}"]))
            assert known[name] is not None
    metric = sweep["metric"]["name"].removeprefix("epoch/val_")
    assert metric in metric_names()


def test_runs_of_a_sweep_have_folders_of_their_own(tmp_path: Path) -> None:
    command = yaml.safe_load(SWEEP.read_text(encoding="utf-8"))["command"]
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    python.chmod(0o755)
    names = []
    for run_id in ("one", "two"):
        path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
        # As the agent does: the arguments in the place of ${args}, the id in the environment.
        process = subprocess.run(
            [*command[:-1], "--losses.lambda_color=3.0"],
            env={**os.environ, "PATH": path, "WANDB_RUN_ID": run_id},
            capture_output=True,
            text=True,
            check=True,
        )
        module, *arguments = process.stdout.splitlines()[1:]
        assert module == "keras_colorize.fit"
        assert arguments[:2] == ["--config", "configs/quickstart.yaml"]
        config = parse_fit_config(arguments[2:])
        assert config.losses.lambda_color == 3.0
        names.append(config.name)
    assert command[-1] == "${args}"
    assert names == ["sweep_one", "sweep_two"]


def test_a_pretrained_encoder_has_its_depth() -> None:
    generator = dataclasses.replace(GeneratorConfig(), encoder="efficientnet_lite0", depth=4)
    data = dataclasses.replace(DataConfig(), sizes=[64])
    with pytest.raises(ConfigError, match=r"efficientnet_lite0 has 5 levels: set generator\.depth"):
        check_config(FitConfig(generator=generator, data=data))


def test_a_discriminator_judges_the_levels_that_there_are() -> None:
    judge = DiscriminatorConfig(encoder="efficientnet_lite0", depth=5)
    with pytest.raises(ConfigError, match=r"has 4 levels to judge: set discriminator\.depth"):
        check_config(FitConfig(discriminator=judge))
    data = dataclasses.replace(DataConfig(), sizes=[48])
    judge = DiscriminatorConfig(encoder="efficientnet_lite0", depth=4)
    with pytest.raises(ConfigError, match=r"data\.sizes must be multiples of 32 with"):
        check_config(FitConfig(discriminator=judge, data=data))


def test_quickstart_is_the_default() -> None:
    path = next(path for path in CONFIGS if path.stem == "quickstart")
    assert parse_fit_config(["--config", str(path)]) == parse_fit_config([]) == FitConfig()


def test_command_line_overrides_file(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text("losses: {lambda_color: 3.0, lambda_luminance: 2.0}\ntraining: {epochs: 4}\n")
    config = parse_fit_config(["--config", str(file), "--losses.lambda_color", "10"])
    assert config.losses.lambda_color == 10.0
    assert config.losses.lambda_luminance == 2.0
    assert config.training.epochs == 4
    assert config.generator == FitConfig().generator


@pytest.mark.parametrize(
    "arguments",
    [
        ["--data.modern", "a", "b c"],
        ["--data.modern", '["a", "b c"]'],
        ['--data.modern=["a", "b c"]'],
        ["--data.modern+=a", "--data.modern+=b c"],
    ],
)
def test_lists_on_the_command_line(arguments: list[str]) -> None:
    config = parse_fit_config([*arguments, "--data.sizes", "64", "128"])
    assert config.data.modern == ["a", "b c"]
    assert config.data.sizes == [64, 128]


def test_folder_names_stay_text() -> None:
    names = ["1911", "no", "null", "2026-11-23", "photos: old", "#1"]
    assert parse_fit_config(["--data.modern", *names]).data.modern == names


def test_source_weights_on_the_command_line() -> None:
    config = parse_fit_config(["--data.source_weights.flower_photos", "0.3"])
    assert config.data.source_weights == {"flower_photos": 0.3}


def test_resolved_copy_reads_back(tmp_path: Path) -> None:
    config = changed("training.steps_per_epoch", None)
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(dataclasses.asdict(config)))
    assert parse_fit_config(["--config", str(file)]) == config


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("losses: {lambda_colour: 3}", r"losses.lambda_colour in .*did you mean losses.lambda_c"),
        ("losses: {lambda_colour: 3}", r"Known: losses.adversarial, losses.lambda_adversarial"),
        ("optimizer: {epochs: 3}", r"unknown setting optimizer.epochs .*Known: name, runs, seed"),
        ("training: {epochs: many}", r"training.epochs"),
        ("losses: {adversarial: wasserstein}", r"losses.adversarial"),
        ("[1, 2]", r"must hold settings"),
        ("a: [", r"cannot read the settings"),
        ("name: a\ntraining:", r"training in .* must hold settings .*left out. Received: None"),
        ("data: 3", r"data in .* must hold settings of its own"),
        ("data: &a {modern: *a}", r"holds itself"),
    ],
)
def test_faulty_file_is_refused(content: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(content)
    with pytest.raises(ConfigError, match=message):
        parse_fit_config(["--config", str(file)])


@pytest.mark.parametrize("name", flatten(FitConfig()))
def test_a_setting_without_a_value_is_refused_or_means_something(name: str, tmp_path: Path) -> None:
    means = {"data.historical_share", "data.cache_dir", "losses.perceptual_weights"}
    means |= {"training.steps_per_epoch", "training.start_from", "tracking.wandb_entity"}
    section, _, key = name.rpartition(".")
    file = tmp_path / "own.yaml"
    file.write_text(yaml.safe_dump({section: {key: None}} if section else {key: None}))
    if name in means:
        assert flatten(parse_fit_config(["--config", str(file)]))[name] is None
    else:
        with pytest.raises(ConfigError, match=f"{name} must have a value"):
            parse_fit_config(["--config", str(file)])


def test_absent_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        parse_fit_config(["--config", str(tmp_path / "absent.yaml")])


@pytest.mark.parametrize("option", ["--training.epoch", "--training.epoch=3", "--lambda_color"])
def test_unknown_option_is_refused(option: str) -> None:
    with pytest.raises(ConfigError, match=r"unknown setting .* on the command line.* Known: "):
        parse_fit_config([option, "3"] if "=" not in option else [option])


def test_error_is_one_line_and_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert fit.main(["--training.epoch", "3"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: unknown setting training.epoch")
    assert error.count("\n") == 1


def test_impossible_setting_is_one_line_and_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert fit.main(["--data.sizes", "100"]) == 2
    assert capsys.readouterr().err.startswith("error: data.sizes must be multiples of")


def test_print_config(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        parse_fit_config(["--print_config"])
    assert stop.value.code == 0
    printed = yaml.safe_load(capsys.readouterr().out)
    assert printed["losses"] == dataclasses.asdict(FitConfig().losses)


def test_help_explains_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        parse_fit_config(["--help"])
    assert stop.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    for name in flatten(FitConfig()):
        assert f"--{name} " in text
    assert "weight of the color term within the weighted L1 loss" in text


def bounds_of(section: object, prefix: str = "") -> dict[str, Bounds]:
    """The bounds in the types of all settings, by dotted name."""
    found: dict[str, Bounds] = {}
    for field in dataclasses.fields(section):
        value, name = getattr(section, field.name), prefix + field.name
        if dataclasses.is_dataclass(value):
            found |= bounds_of(value, f"{name}.")
        for bounds in get_args(field.type):
            if isinstance(bounds, Bounds):
                found[name] = bounds
    return found


BOUNDS = bounds_of(FitConfig())


@pytest.mark.parametrize("name", BOUNDS)
def test_out_of_range_is_named(name: str) -> None:
    low, high = BOUNDS[name].low, BOUNDS[name].high
    for value in [low - 1, high + 1] if high < float("inf") else [low - 1]:
        with pytest.raises(ConfigError, match=f"{name} must be .*Received: {value}"):
            check_config(changed(name, value))


def test_every_number_is_bounded() -> None:
    numbers = {
        name
        for name, value in flatten(FitConfig()).items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
    assert numbers <= set(BOUNDS)


def test_help_says_the_bounds(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_fit_config(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "Annotated[float, 0 to 0.5], default: 0.1" in text
    assert "Annotated[int, at least 1], default: 10" in text


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_shipped_configs_name_no_folders_or_sources(path: Path) -> None:
    data = parse_fit_config(["--config", str(path)]).data
    assert not data.modern
    assert not data.historical
    assert not data.source_weights, "they would be refused where there is no such source"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data.modern"], "needs at least one value"),
        (["--data.modern", "--name", "x"], "needs at least one value"),
        (["--data.sizes", "{"], r"--data\.sizes cannot be read"),
    ],
)
def test_faulty_lists_are_refused(arguments: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_fit_config(arguments)


def test_infinity_is_out_of_range() -> None:
    with pytest.raises(ConfigError, match=r"training\.generator_learning_rate"):
        check_config(changed("training.generator_learning_rate", float("inf")))
    with pytest.raises(ConfigError, match="source_weights"):
        check_config(changed("data.source_weights", {"a": float("inf")}))


def test_nan_is_out_of_range() -> None:
    with pytest.raises(ConfigError, match=r"losses\.lambda_color"):
        check_config(changed("losses.lambda_color", float("nan")))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"historical": ["h"]}, "without data.modern"),
        ({"modern": ["m"], "historical_share": 0.5}, "names no folder"),
        ({"modern": ["m"], "historical": ["h"], "historical_share": 0.01}, "at least one each"),
        ({"modern": ["m"], "historical": ["h"], "batch_size": 1}, "at least one each"),
        ({"historical_share": 1.0}, r"in \[0, 1\)"),
        ({"sizes": [100]}, "multiples of"),
        ({"sizes": []}, "multiples of"),
        ({"sizes": [64, 0]}, "multiples of"),
        ({"source_weights": {"a": -1.0}}, "source_weights"),
    ],
)
def test_impossible_data(data: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_config(FitConfig(data=dataclasses.replace(DataConfig(), **data)))


@pytest.mark.parametrize("name", ["", "..", "a/b", "a\\b", "a\0b"])
def test_name_is_a_folder(name: str) -> None:
    with pytest.raises(ConfigError, match="name of a folder"):
        check_config(changed("name", name))


@pytest.mark.parametrize("name", ["runs", "data.modern", "data.historical"])
def test_an_unset_variable_of_the_shell_names_no_folder(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} must name folders. Received: "):
        check_config(changed(name, "" if name == "runs" else ["photos", ""]))


def test_all_problems_are_named_at_once() -> None:
    config = FitConfig(data=DataConfig(batch_size=0, sizes=[7]), training=TrainingConfig(epochs=0))
    with pytest.raises(ConfigError) as error:
        check_config(config)
    for name in ("data.batch_size", "data.sizes", "training.epochs"):
        assert name in str(error.value)


def test_other_impossible_combinations() -> None:
    with pytest.raises(ConfigError, match="names no film"):
        film = dataclasses.replace(FitConfig().film, probability=0.5, stocks=[])
        check_config(FitConfig(film=film))
    with pytest.raises(ConfigError, match=r"film\.stocks: .*wet_plate.*Received: \['kodachrome'\]"):
        check_config(FitConfig(film=dataclasses.replace(film, stocks=["kodachrome"])))
    check_config(FitConfig(film=dataclasses.replace(film, probability=0.0)))
    with pytest.raises(ConfigError, match="nothing would be trained"):
        losses = dataclasses.replace(
            FitConfig().losses, lambda_adversarial=0.0, lambda_reconstruction=0.0
        )
        check_config(FitConfig(losses=losses))
    with pytest.raises(ConfigError, match="nothing would be trained"):
        hollow = dataclasses.replace(losses, lambda_reconstruction=1.0, lambda_l1=0.0)
        hollow = dataclasses.replace(hollow, lambda_luminance=0.0, lambda_color=0.0)
        check_config(FitConfig(losses=hollow))
    check_config(FitConfig(losses=dataclasses.replace(hollow, lambda_l1=1.0)))
    check_config(FitConfig(losses=dataclasses.replace(losses, lambda_colorfulness=1.0)))
    with pytest.raises(ConfigError, match=r"generator\.distribution and losses\.lambda_distr"):
        check_config(FitConfig(losses=dataclasses.replace(losses, lambda_distribution=1.0)))
    generator = GeneratorConfig(distribution=True, output="rgb", depth=2)
    with pytest.raises(ConfigError, match=r"needs generator\.output = chroma.*depth above 2"):
        check_config(FitConfig(generator=generator))
    for change in ({"lambda_teacher": 1.0}, {"teachers": ["a.keras"]}):
        with pytest.raises(ConfigError, match=r"teachers and losses\.lambda_teacher go together"):
            check_config(FitConfig(losses=dataclasses.replace(losses, **change)))
    with pytest.raises(ConfigError, match=r"name vgg16\.ckpt or alexnet\.ckpt"):
        check_config(FitConfig(losses=dataclasses.replace(losses, lambda_perceptual=1.0)))
    with pytest.raises(ConfigError, match=r"sizes must be at least 32\. Received: \[64, 16\]"):
        check_config(
            FitConfig(
                losses=dataclasses.replace(
                    losses, lambda_perceptual=1.0, perceptual_weights="vgg16.ckpt"
                ),
                data=DataConfig(sizes=[64, 16]),
                generator=GeneratorConfig(depth=4),
            )
        )


@pytest.mark.parametrize(
    ("share", "batch_size", "has_historical", "count"),
    [(None, 8, True, 2), (None, 8, False, 0), (0.5, 8, True, 4), (0.0, 8, True, 0)],
)
def test_historical_count(
    share: float | None, batch_size: int, has_historical: bool, count: int
) -> None:
    data = DataConfig(historical_share=share, batch_size=batch_size)
    assert historical_count(data, has_historical) == count


def test_settings_are_documented() -> None:
    for section in ("data", "film", "generator", "discriminator", "losses", "training"):
        kind = type(getattr(FitConfig(), section))
        for field in dataclasses.fields(kind):
            assert f"        {field.name}: " in str(kind.__doc__), (section, field.name)


def test_training_refuses_the_photographs_that_coloring_refuses() -> None:
    assert DataConfig().max_pixels == MAX_PIXELS
