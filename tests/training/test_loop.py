"""Whole runs of tiny models on real photographs, interrupted and not."""

import csv
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
import yaml
from PIL import Image

from keras_colorize import fit, losses
from keras_colorize.config import FitConfig
from keras_colorize.errors import ConfigError, DataError, ModelError, RunError, TrainingDiverged
from keras_colorize.files import read_numbers
from keras_colorize.run_folder import RunFolder
from keras_colorize.training.gan import ADVERSARIAL_METRICS, TRAINING_METRICS, metric_names
from keras_colorize.training.loop import train
from keras_colorize.training.runs import open_run
from tests.conftest import ROOT, tiny_config
from tests.published_weights import write_lpips

# Runs a configuration and kills itself, as a power cut would, at the end of a step.
KILLED_RUN = """
import os, signal, sys
import keras, yaml
from keras_colorize.fit_arguments import parse_fit_config
from keras_colorize.training.loop import train

class Kill(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.optimizer.iterations) == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)

train(parse_fit_config(["--config", sys.argv[1]]), callbacks=[Kill()], show_progress=False)
"""


def write_config(config: FitConfig, path: Path) -> Path:
    path.write_text(yaml.safe_dump(dataclasses.asdict(config)))
    return path


def replace_training(config: FitConfig, **changes: object) -> FitConfig:
    return dataclasses.replace(config, training=dataclasses.replace(config.training, **changes))


def last_checkpoint(run: Path) -> dict[str, np.ndarray]:
    with np.load(sorted(run.glob("checkpoints/step_*.npz"))[-1]) as archive:
        return {name: archive[name] for name in archive.files}


def assert_same_end(run: Path, other: Path) -> None:
    """Same weights, moments, averages, random states and history, bit for bit."""
    state, other_state = last_checkpoint(run), last_checkpoint(other)
    assert state.keys() == other_state.keys()
    for name, value in state.items():
        np.testing.assert_array_equal(value, other_state[name], err_msg=name)
    for table in ("history.csv", "steps.csv"):
        assert (run / table).read_text() == (other / table).read_text()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> FitConfig:
    """A run in all its phases that the command has finished; three photographs are of no use."""
    folder = tmp_path_factory.mktemp("finished")
    config = replace_training(tiny_config(folder), reconstruction_steps=2)
    config = dataclasses.replace(config, tracking=dataclasses.replace(config.tracking, plots=True))
    modern = Path(config.data.modern[0])
    (modern / "empty.jpg").touch()
    (modern / "letter.jpg").write_text("Dear Sir")
    with Image.open(modern / "astronaut_portrait.jpg") as photo:
        photo.convert("L").save(modern / "gray.jpg")
    assert fit.main(["--config", str(write_config(config, folder / "tiny.yaml"))]) == 0
    return config


@pytest.fixture
def copied(finished: FitConfig, tmp_path: Path) -> FitConfig:
    """The finished run in a place of its own; the photographs stay where they are."""
    shutil.copytree(finished.runs, tmp_path / "runs")
    return dataclasses.replace(finished, runs=str(tmp_path / "runs"))


def folder_of(config: FitConfig) -> RunFolder:
    return RunFolder(Path(config.runs) / config.name)


# A finished run


@pytest.mark.smoke
def test_a_run_leaves_what_it_promises(finished: FitConfig) -> None:
    run = folder_of(finished)
    files = {str(path.relative_to(run.root)) for path in run.root.rglob("*") if path.is_file()}
    assert files == {
        "config.yaml",
        "generator.keras",
        "lock",
        "history.csv",
        "steps.csv",
        "skipped.csv",
        "warnings.csv",
        "checkpoints/best.keras",
        "checkpoints/step_00000006.npz",
        "checkpoints/step_00000008.npz",
        "plots/losses.png",
        "plots/quality.png",
        "samples/epoch_0001.png",
        "samples/epoch_0002.png",
    }
    assert yaml.safe_load(run.config.read_text()) == dataclasses.asdict(finished)


def test_the_command_names_its_files(
    copied: FitConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fit.main(["--config", str(write_config(copied, tmp_path / "tiny.yaml"))]) == 0
    printed = capsys.readouterr().out.split()
    named = [Path(word) for word in printed if word.startswith(copied.runs)]
    assert {"generator.keras", "epoch_0002.png", "history.csv"} <= {path.name for path in named}
    assert all(path.exists() for path in named)


def test_history_has_every_metric(finished: FitConfig) -> None:
    history = read_numbers(folder_of(finished).history)
    steps = read_numbers(folder_of(finished).steps)
    assert history["epoch"] == [1, 2]
    assert history["step"] == [4, 8]
    assert steps["step"] == list(range(1, 9))
    without_weight = {t.name for t in losses.TERMS if not t.is_recorded(finished.losses)}
    assert "perceptual" in without_weight
    for name in metric_names():
        if name in without_weight:
            assert np.isnan([*steps[name], *history[name], *history[f"val_{name}"]]).all(), name
            continue
        alone = name in ADVERSARIAL_METRICS  # which joins after two steps
        assert np.isfinite(steps[name]).tolist() == [not alone] * 2 + [True] * 6, name
        assert np.isfinite(history[name]).all(), name
        if name not in TRAINING_METRICS:
            assert np.isfinite(history[f"val_{name}"]).all(), name
    # An epoch's value is the mean of its steps', for all batches hold as many photographs.
    np.testing.assert_allclose(history["psnr"][1], np.mean(steps["psnr"][4:]), rtol=1e-5)


def test_sample_sheet_shows_five_columns(finished: FitConfig) -> None:
    with Image.open(folder_of(finished).samples / "epoch_0002.png") as sheet:
        # Five cells of 32 pixels and six gaps of 4; one row, two gaps and the captions.
        assert sheet.size == (5 * 32 + 6 * 4, 32 + 2 * 4 + 18)
        pixels = np.asarray(sheet)[22:54]
    columns = [pixels[:, 4 + 36 * index : 36 + 36 * index].astype(int) for index in range(5)]
    color = [np.ptp(column, axis=-1).max() for column in columns]
    assert color[0] == color[3] == 0, "gray and historical are gray"
    assert color[2] > 30, "the truth is colorful"


def test_unusable_photographs_are_listed(finished: FitConfig) -> None:
    with folder_of(finished).skipped.open(newline="") as file:
        reasons = {Path(row["path"]).name: row["reason"] for row in csv.DictReader(file)}
    assert reasons.keys() == {"empty.jpg", "letter.jpg", "gray.jpg"}
    assert "empty" in reasons["empty.jpg"]
    assert "not a photograph" in reasons["letter.jpg"]
    assert reasons["gray.jpg"].startswith("without color")


@pytest.mark.smoke
def test_generator_of_mixed_precision_loads_with_plain_keras(
    tiny: FitConfig, tmp_path: Path
) -> None:
    short = replace_training(tiny, precision="mixed_bfloat16", epochs=1)
    run = train(short, show_progress=False).run
    code = """
import json, sys
import keras, numpy as np
model = keras.models.load_model(sys.argv[1])
x = np.linspace(0, 1, 32 * 40, dtype="float32").reshape(1, 32, 40, 1)
y = np.asarray(model(x))
print(json.dumps({
    "shape": y.shape,
    "policies": sorted({layer.dtype_policy.name for layer in model.layers}),
    "luminance": float(abs(y @ [0.299, 0.587, 0.114] - x[..., 0]).max()),
    "package": "keras_colorize" in sys.modules,
}))
"""
    result = subprocess.run(
        [sys.executable, "-c", code, str(run.generator)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    answer = json.loads(result.stdout.splitlines()[-1])
    assert answer["shape"] == [1, 32, 40, 3]
    assert answer["policies"] == ["float32"]
    assert answer["luminance"] < 1e-5
    assert not answer["package"]


# An interrupted run


def test_killed_run_ends_where_an_unbroken_one_ends(finished: FitConfig, tmp_path: Path) -> None:
    config = dataclasses.replace(finished, runs=str(tmp_path / "runs"))
    file = write_config(config, tmp_path / "tiny.yaml")
    # Checkpoints are written after steps 2, 4, 6 and 8. Killed after step 1: before the first one;
    # after step 4: the epoch's steps are done, its validation and its row of the history are not;
    # after step 7: within an epoch and past a checkpoint.
    for step in (1, 4, 7):
        killed = subprocess.run(
            [sys.executable, "-c", KILLED_RUN, str(file), str(step)],
            cwd=ROOT,
            capture_output=True,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        )
        assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]
        assert not folder_of(config).generator.exists()
    resumed = train(config, show_progress=False).run
    assert_same_end(folder_of(finished).root, resumed.root)


def test_finished_run_is_not_trained_again(copied: FitConfig, finished: FitConfig) -> None:
    folder_of(copied).generator.unlink()
    run = train(copied, show_progress=False).run
    assert run.generator.exists()
    assert_same_end(folder_of(finished).root, run.root)


def test_who_stops_a_continued_epoch_stops_the_run(tiny: FitConfig) -> None:
    class Interrupt(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: object = None) -> None:
            if int(self.model.optimizer.iterations) == 3:  # of 4 an epoch; a checkpoint is of 2
                raise InterruptedError

    class StopEarly(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: object = None) -> None:
            self.model.stop_training = True

    with pytest.raises(InterruptedError):
        train(tiny, callbacks=[Interrupt()], show_progress=False)
    result = train(tiny, callbacks=[StopEarly()], show_progress=False)
    assert read_numbers(result.run.history)["step"] == [4.0]
    assert all(file.exists() for file in result.files)


def test_damaged_rows_of_the_record_are_dropped(copied: FitConfig, finished: FitConfig) -> None:
    run = folder_of(copied)
    for table in (run.history, run.steps, run.warnings):
        lines = table.read_text().splitlines()
        lines[0] += ",of_another_version"
        lines[1:] = [line + ",1" for line in lines[1:]]
        cells = len(lines[0].split(","))
        table.write_text("\n".join([*lines, ",".join(["\0"] * cells), "7,", ""]))
    train(copied, show_progress=False)
    assert_same_end(folder_of(finished).root, run.root)


def test_run_of_other_settings_is_refused(copied: FitConfig) -> None:
    with pytest.raises(RunError, match=r"training\.epochs: 2 -> 3"):
        train(replace_training(copied, epochs=3), show_progress=False)


def test_record_keeping_may_change(copied: FitConfig) -> None:
    other = replace_training(copied, checkpoint_steps=3, log_steps=2)
    assert train(other, show_progress=False).run == folder_of(copied)


def test_changed_photographs_are_reported(
    copied: FitConfig, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(copied.data.modern[0], tmp_path / "fewer")
    (tmp_path / "fewer" / "coffee_cup.jpg").unlink(missing_ok=True)
    next((tmp_path / "fewer").glob("b*.jpg")).unlink()
    run = folder_of(copied)
    stored = yaml.safe_load(run.config.read_text())
    stored["data"]["modern"] = [str(tmp_path / "fewer")]
    run.config.write_text(yaml.safe_dump(stored))
    data = dataclasses.replace(copied.data, modern=[str(tmp_path / "fewer")])
    train(dataclasses.replace(copied, data=data), show_progress=False)
    assert "photographs have changed since the run began" in caplog.text


def test_run_in_progress_is_refused(copied: FitConfig) -> None:
    with open_run(copied), pytest.raises(RunError, match="by another process"):
        train(copied, show_progress=False)


def test_who_is_refused_leaves_the_settings_of_the_run_in_progress(tiny: FitConfig) -> None:
    with open_run(tiny) as run:  # there is no checkpoint yet
        with pytest.raises(RunError, match="by another process"):
            train(replace_training(tiny, epochs=5), show_progress=False)
        assert yaml.safe_load(run.config.read_text()) == dataclasses.asdict(tiny)


def test_a_run_that_ended_before_its_settings_were_written_can_begin_again(tiny: FitConfig) -> None:
    run = folder_of(tiny)
    run.root.mkdir(parents=True)
    run.lock.touch()
    with open_run(tiny):
        assert run.config.exists()


def test_mistyped_folder_can_be_mended(tiny: FitConfig) -> None:
    data = dataclasses.replace(tiny.data, modern=["no_such_folder"])
    no_film = dataclasses.replace(tiny.film, stocks=[])  # of which none is needed
    with pytest.raises(DataError, match="no_such_folder"):
        train(dataclasses.replace(tiny, data=data, film=no_film), show_progress=False)
    with open_run(tiny) as run:
        assert yaml.safe_load(run.config.read_text()) == dataclasses.asdict(tiny)


def test_missing_perceptual_weights_are_told_before_photographs_are_read(
    tiny: FitConfig, tmp_path: Path
) -> None:
    perceptual = dataclasses.replace(
        tiny.losses, lambda_perceptual=1.0, perceptual_weights=str(tmp_path / "alexnet.ckpt")
    )
    config = dataclasses.replace(tiny, losses=perceptual)
    with pytest.raises(ModelError, match="found no file"):
        train(config, show_progress=False)
    assert not folder_of(tiny).skipped.exists()


def test_folder_that_is_no_run_is_refused(tiny: FitConfig) -> None:
    folder = folder_of(tiny).root
    folder.mkdir(parents=True)
    (folder / "letter.txt").write_text("mine")
    with pytest.raises(RunError, match="not the directory of a run"):
        train(tiny, show_progress=False)
    assert (folder / "letter.txt").read_text() == "mine"


# A run that goes wrong


def test_nan_stops_the_run_and_names_the_last_checkpoint(tiny: FitConfig) -> None:
    class Poison(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch: int, logs: object = None) -> None:
            if int(self.model.optimizer.iterations) == 6:
                weight = self.model.generator.trainable_variables[-1]
                weight.assign(np.full(weight.shape, np.nan, "float32"))

    with pytest.raises(TrainingDiverged, match=r"loss.* at step 7.*step_00000006\.npz"):
        train(tiny, callbacks=[Poison()], show_progress=False)


def test_divergence_is_one_line_at_the_command_line(
    tiny: FitConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wild = replace_training(tiny, generator_learning_rate=1e38, clip_norm=0.0, warmup_steps=0)
    assert fit.main(["--config", str(write_config(wild, tmp_path / "tiny.yaml"))]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error: ")
    assert "NaN or infinite" in error


def test_folders_without_photographs(tiny: FitConfig, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    data = dataclasses.replace(tiny.data, modern=[str(tmp_path / "empty")])
    with pytest.raises(DataError, match="found none"):
        train(dataclasses.replace(tiny, data=data), show_progress=False)


def test_late_adversary_is_an_error(tiny: FitConfig) -> None:
    late = replace_training(tiny, reconstruction_steps=8)
    with pytest.raises(ConfigError, match="leaves none of the 8 steps"):
        train(late, show_progress=False)
    # One pass over four training photographs, three a batch, is two steps.
    with pytest.raises(ConfigError, match="leaves none of the 4 steps"):
        train(replace_training(late, steps_per_epoch=None), show_progress=False)


def test_unknown_film_is_refused_before_any_work(tiny: FitConfig) -> None:
    film = dataclasses.replace(tiny.film, stocks=["kodachrome"])
    with pytest.raises(ConfigError, match="wet_plate"):
        train(dataclasses.replace(tiny, film=film), show_progress=False)
    assert not Path(tiny.runs).exists()


def test_photographs_that_vanish_end_the_run_in_words(tiny: FitConfig) -> None:
    class Unmount(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: object = None) -> None:
            for photo in Path(tiny.data.modern[0]).glob("*.jpg"):
                photo.unlink()

    config = dataclasses.replace(tiny, data=dataclasses.replace(tiny.data, cache="none"))
    with pytest.raises(DataError, match=r"^none of the \d+ photographs can be read any longer$"):
        train(config, callbacks=[Unmount()], show_progress=False)


def test_a_full_device_is_told_in_words(tiny: FitConfig) -> None:
    class Allocate(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch: int, logs: object = None) -> None:
            tf.zeros([1 << 40])

    with pytest.raises(RunError, match=r"memory .* is full; lower data\.batch_size"):
        train(tiny, callbacks=[Allocate()], show_progress=False)


# Other kinds of run


def test_modern_photographs_alone_without_adversary_through_film(
    tiny: FitConfig, tmp_path: Path
) -> None:
    weights = write_lpips(tmp_path / "alexnet.ckpt", "AlexNet")
    config = dataclasses.replace(
        replace_training(tiny, epochs=1),
        data=dataclasses.replace(tiny.data, historical=[], cache="disk", sizes=[64, 32]),
        losses=dataclasses.replace(
            tiny.losses,
            lambda_adversarial=0.0,
            lambda_perceptual=1.0,
            perceptual_weights=str(weights),
        ),
        film=dataclasses.replace(tiny.film, probability=0.5),
    )
    run = train(config, show_progress=False).run
    with Image.open(run.samples / "epoch_0001.png") as sheet:
        assert sheet.width == 3 * 64 + 4 * 4
    history = read_numbers(run.history)
    assert np.isnan(history["discriminator_loss"]).all()
    assert np.isfinite(history["loss"]).all()
    assert len(list(run.cache.glob("*.pixels"))) == 1
    assert not list(run.plots.iterdir()), "tracking.plots is off"
    assert (np.array(history["perceptual"] + history["val_perceptual"]) > 0).all()
