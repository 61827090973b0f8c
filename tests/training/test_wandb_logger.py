"""What WandB is given, read back from its own files."""

import base64
import dataclasses
import hashlib
import json
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio

from keras_colorize.inspection.snapshots import BINS, STATISTICS, Snapshot, load_statistics
from keras_colorize.models.saved import save_generator
from keras_colorize.photos.pixels import quantize
from keras_colorize.training.building import build_gan
from keras_colorize.training.callbacks.history import HistoryWriter
from keras_colorize.training.callbacks.wandb_logger import WandbLogger, _git_revision
from keras_colorize.training.data import make_validation_dataset
from keras_colorize.training.loop import TrainingResult
from keras_colorize.training.photosets import load_photos
from keras_colorize.training.runs import open_run
from tests.conftest import tiny_config
from tests.training.wandb_reader import OFFLINE, forget_login, history, logs_of, read, rows_with


@pytest.fixture(autouse=True)
def no_login(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    forget_login(monkeypatch, tmp_path)


# A tiny training, and what it was


class Recorder(keras.callbacks.Callback):
    """Keeps what Keras reports."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: dict[int, dict[str, float]] = {}
        self.epochs: dict[int, dict[str, float]] = {}

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.steps[int(self.model.optimizer.iterations)] = dict(logs)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.epochs[epoch + 1] = dict(logs)


def random_snapshot(step: int) -> Snapshot:
    random = np.random.default_rng(step)
    values = random.normal(size=(2, 3, len(STATISTICS))).astype(np.float32)
    values[..., STATISTICS.index("min")] = -1.5
    values[..., STATISTICS.index("max")] = 2.5
    values[1, 2, STATISTICS.index("saturated")] = np.nan
    values[0, 0, STATISTICS.index("max")] = np.inf  # a network that is about to diverge
    norms = random.uniform(size=(3, 2)).astype(np.float32)
    norms[2, 1] = np.nan
    return Snapshot(
        step=step,
        domains=("modern", "historical"),
        layers=("generator/down_1", "generator/up_1_relu", "discriminator/logits"),
        values=values,
        counts=random.integers(0, 1000, (2, 3, BINS)),
        weights=("generator/down_1", "discriminator/logits"),
        weight_norms=norms[0],
        update_ratios=norms[1],
        gradient_norms=norms[2],
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """A training on real photographs in two fits of an epoch each, and all that was logged."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as monkeypatch:
        forget_login(monkeypatch, folder)
        return train_tiny(folder)


def train_tiny(folder: Path) -> SimpleNamespace:
    config = tiny_config(folder)
    with open_run(config) as run:  # for its folders
        pass
    modern, _ = load_photos(config.data.modern, channels=3, short_side=40)
    old, _ = load_photos(config.data.historical, channels=1, short_side=40)
    batches = [
        {name: value.numpy() for name, value in batch.items()}
        for batch in make_validation_dataset(modern, old, size=32, batch_size=6)
    ]
    samples, historical = batches[0], batches[1]["luminance"]
    mixed = {name: np.concatenate([b[name] for b in batches]) for name in samples}
    dataset = tf.data.Dataset.from_tensors(mixed)
    gan = build_gan(config, 8)
    logger = WandbLogger(
        run,
        OFFLINE,
        dataclasses.asdict(config),
        samples,
        historical,
        log_steps=3,
        sample_epochs=2,
        epochs=2,
    )
    recorder, snapshot = Recorder(), random_snapshot(8)
    with logger:
        writer = HistoryWriter(run.history, run.steps, 3, 0)
        for epoch in range(2):
            gan.fit(
                dataset.repeat(),
                initial_epoch=epoch,
                epochs=epoch + 1,
                steps_per_epoch=4,
                validation_data=dataset,
                callbacks=[recorder, writer, logger],
                shuffle=False,
                verbose=0,
            )
        logger.log_snapshot(snapshot)
        for path in (run.generator, run.best):
            save_generator(
                path, gan.ema_generator, config.generator, size=32, run=config.name, step=8
            )
        picture = run.plots / "up_1.png"
        Image.effect_noise((40, 30), 64).save(picture)
        logger.log_images({"colorful_dimension/generator/up_1_relu": picture})
        logger.log_models()
        assert logger._wandb_run is not None, "WandB has failed"
    (log,) = logs_of(run.root)
    records = read(log)
    return SimpleNamespace(
        config=config,
        run=run,
        records=records,
        rows=history(records),
        recorder=recorder,
        snapshot=snapshot,
        samples=samples,
        historical=historical,
        colorize=lambda gray: np.asarray(gan.ema_generator(gray, training=False)),
        picture=picture,
        files=log.parent / "files",
    )


def test_run_has_the_settings(trained: SimpleNamespace) -> None:
    (run,) = [record.run for record in trained.records if record.HasField("run")]
    config = {item.key: json.loads(item.value_json) for item in run.config.update}
    del config["_wandb"]
    revision = config.pop("git_revision")
    assert config == json.loads(json.dumps(dataclasses.asdict(trained.config)))
    assert revision is None or len(revision.removesuffix("-dirty")) == 40
    assert (run.project, run.display_name) == ("keras-colorize", "tiny")
    assert run.run_id == (trained.run.root / "wandb_id").read_text()
    assert trained.records[-1].exit.exit_code == 0


def test_git_revision_is_the_working_directorys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert _git_revision() is None
    identity = ["-c", "user.name=n", "-c", "user.email=e@example.com"]
    (tmp_path / "file").touch()
    for command in (["init"], ["add", "file"], [*identity, "commit", "-m", "one"]):
        subprocess.run(["git", *command], check=True, capture_output=True)
    revision = _git_revision()
    assert revision is not None
    assert len(revision) == 40
    (tmp_path / "file").write_text("changed")
    assert _git_revision() == f"{revision}-dirty"


def test_step_is_the_axis_of_everything(trained: SimpleNamespace) -> None:
    metrics = [record.metric for record in trained.records if record.HasField("metric")]
    assert {m.name for m in metrics if not m.expanded_from_glob} == {"step", ""}
    assert {m.step_metric for m in metrics if m.glob_name == "*" or m.expanded_from_glob} == {
        "step"
    }
    assert all("step" in row for row in trained.rows)


def test_steps_and_epochs_are_what_keras_reported(trained: SimpleNamespace) -> None:
    steps = rows_with(trained.rows, "train/")
    assert [row["step"] for row in steps] == [3, 6]
    for row in steps:
        reported = trained.recorder.steps[row["step"]]
        assert row.keys() == {"step"} | {f"train/{name}" for name in reported}
        for name, value in reported.items():
            assert row[f"train/{name}"] == pytest.approx(float(value), rel=1e-6), name
    epochs = rows_with(trained.rows, "epoch/")
    assert [(row["step"], row["epoch"]) for row in epochs] == [(4, 1), (8, 2)]
    for row in epochs:
        reported = trained.recorder.epochs[row["epoch"]]
        assert {"generator_learning_rate", "val_psnr"} <= reported.keys()
        assert row.keys() == {"step", "epoch"} | {f"epoch/{name}" for name in reported}
        for name, value in reported.items():
            assert row[f"epoch/{name}"] == pytest.approx(float(value), rel=1e-6), name


def test_statistics_are_the_snapshots(trained: SimpleNamespace) -> None:
    (row,) = rows_with(trained.rows, "activations/")
    snapshot = trained.snapshot
    expected: dict[str, Any] = {"step": 8}
    for d, domain in enumerate(snapshot.domains):
        for index, layer in enumerate(snapshot.layers):
            for s, name in enumerate(STATISTICS):
                expected[f"activations/{domain}/{layer}/{name}"] = snapshot.values[d, index, s]
            expected[f"activations/{domain}/{layer}/histogram"] = {
                "_type": "histogram",
                "values": snapshot.counts[d, index].tolist(),
                "bins": np.linspace(-1.5, 2.5, BINS + 1).tolist(),
            }
    for index, layer in enumerate(snapshot.weights):
        expected[f"weights/{layer}/norm"] = snapshot.weight_norms[index]
        expected[f"weights/{layer}/update_ratio"] = snapshot.update_ratios[index]
        expected[f"weights/{layer}/gradient_norm"] = snapshot.gradient_norms[index]
    # What does not apply is left out; and a histogram that reaches to infinity has no bins.
    del expected["activations/historical/discriminator/logits/saturated"]
    del expected["weights/discriminator/logits/gradient_norm"]
    del expected["activations/modern/generator/down_1/histogram"]
    infinite = "activations/modern/generator/down_1/max"
    del expected[infinite]
    assert float(row.pop(infinite)) == np.inf
    assert row.keys() == expected.keys()
    for key, value in expected.items():
        if isinstance(value, dict):
            assert row[key]["values"] == value["values"]
            assert row[key]["bins"] == pytest.approx(value["bins"], abs=1e-6)
        else:
            assert row[key] == pytest.approx(float(value), rel=1e-6), key


def artifact_files(artifact: Any) -> dict[str, Path]:
    """Where the files of an artifact lie until they are uploaded, their digests compared."""
    files = {}
    for entry in artifact.manifest.contents:
        content = Path(entry.local_path).read_bytes()
        assert base64.b64encode(hashlib.md5(content).digest()).decode() == entry.digest
        files[entry.path] = Path(entry.local_path)
    return files


def artifacts(trained: SimpleNamespace, kind: str) -> list[Any]:
    records = [record.artifact for record in trained.records if record.HasField("artifact")]
    return [artifact for artifact in records if artifact.type == kind]


def test_samples_are_what_the_generator_paints(trained: SimpleNamespace) -> None:
    (row,) = rows_with(trained.rows, "samples")
    assert row["step"] == 8
    (artifact,) = artifacts(trained, "run_table")
    files = artifact_files(artifact)
    table = json.loads(files["samples.table.json"].read_text())
    assert row["samples"]["nrows"] == len(table["data"])
    assert all(path.is_relative_to(trained.run.root) for path in files.values())

    def pixels(cell: dict[str, str]) -> np.ndarray:
        with Image.open(files[cell["path"]]) as image:
            return np.atleast_3d(np.asarray(image))

    assert table["columns"] == [
        "kind",
        "photo",
        "gray",
        "colorized",
        "truth",
        "psnr",
        "ssim",
        "colorfulness",
    ]
    cells = [dict(zip(table["columns"], values)) for values in table["data"]]
    assert [(cell["kind"], cell["photo"]) for cell in cells] == [
        ("modern", 0),
        ("modern", 1),
        ("historical", 0),
        ("historical", 1),
    ]
    for index, cell in enumerate(cells[:2]):
        gray = trained.samples["luminance"][index : index + 1]
        truth, painted = trained.samples["color"][index], trained.colorize(gray)[0]
        np.testing.assert_array_equal(pixels(cell["gray"]), quantize(gray[0]))
        np.testing.assert_allclose(pixels(cell["colorized"]), quantize(painted), atol=1)
        np.testing.assert_array_equal(pixels(cell["truth"]), quantize(truth))
        expected = peak_signal_noise_ratio(truth, painted, data_range=1.0)
        assert cell["psnr"] == pytest.approx(expected, rel=1e-4)
        assert -1.0 <= cell["ssim"] <= 1.0
        assert cell["colorfulness"] >= 0.0
    for index, cell in enumerate(cells[2:]):
        gray = trained.historical[index : index + 1]
        np.testing.assert_array_equal(pixels(cell["gray"]), quantize(gray[0]))
        np.testing.assert_allclose(
            pixels(cell["colorized"]), quantize(trained.colorize(gray)[0]), atol=1
        )
        assert cell["truth"] is cell["psnr"] is cell["ssim"] is None
        assert cell["colorfulness"] >= 0.0


def test_images_are_the_files(trained: SimpleNamespace) -> None:
    (row,) = rows_with(trained.rows, "colorful_dimension/")
    image = row["colorful_dimension/generator/up_1_relu"]
    assert (image["_type"], image["width"], image["height"]) == ("image-file", 40, 30)
    logged = trained.files / image["path"]
    assert logged.read_bytes() == trained.picture.read_bytes()


def test_generator_is_an_artifact_in_two_versions(trained: SimpleNamespace) -> None:
    best, last = artifacts(trained, "model")
    psnr = {epoch: float(logs["val_psnr"]) for epoch, logs in trained.recorder.epochs.items()}
    best_epoch = max(psnr, key=lambda epoch: psnr[epoch])
    for artifact, alias, epoch, path in (
        (best, "best", best_epoch, trained.run.best),
        (last, "last", 2, trained.run.generator),
    ):
        assert artifact.name == "tiny-generator"
        assert alias in artifact.aliases
        assert len({"best", "last"} & set(artifact.aliases)) == 1
        metadata = json.loads(artifact.metadata)
        assert metadata.pop("val_psnr") == pytest.approx(psnr[epoch], rel=1e-6)
        assert metadata == {"run": "tiny", "step": 4 * epoch}
        assert artifact_files(artifact) == {"generator.keras": path.resolve()}


# A run of fit itself


def test_a_run_logs_everything_by_itself(logged: TrainingResult) -> None:
    run = logged.run
    [log] = logs_of(run.root)
    records = read(log)
    rows = history(records)
    assert [row["step"] for row in rows_with(rows, "train/")] == list(range(1, 9))
    assert [row["step"] for row in rows_with(rows, "epoch/")] == [4, 8]
    measured = rows_with(rows, "activations/historical/generator/up_1_relu/")
    assert [row["step"] for row in measured] == [1, 4, 8]
    kept = load_statistics(run.activations).statistic("mean")[:, 1, 0]
    logged = [row["activations/historical/generator/up_1_relu/mean"] for row in measured]
    np.testing.assert_allclose(logged, kept, rtol=1e-6)
    assert len(rows_with(rows, "samples")) == 2
    [pictures] = rows_with(rows, "colorful_dimension/")
    assert pictures["step"] == 8
    assert pictures["colorful_dimension/generator/up_1_relu"]["_type"] == "image-file"
    artifacts = [record.artifact for record in records if record.HasField("artifact")]
    assert {"best", "last"} <= {alias for artifact in artifacts for alias in artifact.aliases}
