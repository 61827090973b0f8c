"""A whole run: photographs in, a trained generator out, interrupted or not."""

import hashlib
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_colorize.callbacks import (
    AdversaryStart,
    CheckpointWriter,
    HistoryWriter,
    Progress,
    SampleSheets,
    StopOnNonFinite,
    plot_history,
)
from keras_colorize.checkpoints import CheckpointFolder
from keras_colorize.config import DataConfig, FitConfig, check_config, historical_count
from keras_colorize.data import make_dataset, make_validation_dataset
from keras_colorize.errors import ConfigError
from keras_colorize.film_stocks import find_stocks
from keras_colorize.gan import ColorizationGAN
from keras_colorize.generators import save_generator
from keras_colorize.models import build_patchgan, build_unet
from keras_colorize.photosets import PhotoSet, Skipped, load_photos, split_photos
from keras_colorize.runs import RunFolder, locked, open_run, write_skipped
from keras_colorize.schedules import LearningRateCourse

__all__ = ["Streams", "TrainingResult", "build_gan", "load_streams", "train"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingResult:
    """What a finished run leaves behind.

    Attributes:
        run: its folder.
        files: the files to look at first, most important first.
    """

    run: RunFolder
    files: tuple[Path, ...]


@dataclass(frozen=True)
class Streams:
    """The photographs of a run, split into training and validation.

    Attributes:
        modern: color photographs to train on.
        modern_validation: color photographs to validate on; may be empty.
        historical: monochrome photographs to train on, if there are any.
        historical_validation: monochrome photographs to validate on.
        skipped: photographs of both streams that cannot be used.
    """

    modern: PhotoSet
    modern_validation: PhotoSet
    historical: PhotoSet | None
    historical_validation: PhotoSet | None
    skipped: list[Skipped]

    @property
    def fingerprint(self) -> str:
        """Changes with the photographs that are trained on."""
        sets = [self.modern, *([self.historical] if self.historical else [])]
        names = "\n".join(photo.name for photos in sets for photo in photos.photos)
        return hashlib.sha256(names.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def train(
    config: FitConfig,
    *,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    show_progress: bool = True,
) -> TrainingResult:
    """Train as configured, or continue where an interrupted run of the same settings stopped.

    Everything is drawn from ``config.seed``: on one machine, in float32, a run that was
    interrupted ends with the same weights as one that was not.

    Args:
        config: the settings.
        callbacks: more of Keras' callbacks, after the run's own.
        show_progress: draw progress bars on standard error.

    Returns:
        The files of the run, see :class:`~keras_colorize.runs.RunFolder`.

    Raises:
        ConfigError: settings out of range or contradictory.
        DataError: folders without usable photographs.
        RunError: the run's folder belongs to other settings.
        TrainingDiverged: a loss became NaN or infinite.
    """
    check_config(config)
    find_stocks(config.film.stocks)
    run = open_run(config)
    with locked(run):
        return _train(config, run, callbacks, show_progress)


def _train(
    config: FitConfig,
    run: RunFolder,
    callbacks: Sequence[keras.callbacks.Callback],
    show_progress: bool,
) -> TrainingResult:
    streams = load_streams(config, run, show_progress)
    write_skipped(run, streams.skipped)
    _report_streams(streams, run)

    # Layers draw from seeds of their own; this covers what Keras' spectral normalization draws.
    keras.utils.set_random_seed(config.seed)
    steps_per_epoch = _steps_per_epoch(config, streams)
    gan = build_gan(config, config.training.epochs * steps_per_epoch)
    checkpoints = CheckpointFolder(run.checkpoints)
    facts = checkpoints.restore(gan) or {}
    _compare_photographs(facts, streams)
    samples = _sample_sheets(config, run, streams)
    own = [
        StopOnNonFinite(checkpoints),
        HistoryWriter(run.history, run.steps, config.training.log_steps, facts.get("step", 0)),
        samples,  # before the checkpoint: what is done before it is done again if it is cut short
        CheckpointWriter(
            checkpoints,
            config.training.checkpoint_steps,
            steps_per_epoch,
            lambda: _save(run.best, gan, config),
            {**facts, "photographs": streams.fingerprint},
        ),
    ]
    if config.losses.lambda_adversarial > 0:
        own.insert(0, AdversaryStart(config.training.reconstruction_steps))
    progress = Progress(
        steps_per_epoch, config.data.batch_size, config.training.epochs, show=show_progress
    )
    try:
        start_step = facts.get("step", 0)
        _fit(gan, config, streams, steps_per_epoch, start_step, [*own, progress, *callbacks])
    finally:
        progress.close()
    return _finish(config, run, gan, samples)


# -- photographs ------------------------------------------------------------------------------


def load_streams(config: FitConfig, run: RunFolder, show_progress: bool) -> Streams:
    """Load the photographs of a run; those inside the package where no folder is named.

    Raises:
        DataError: a folder does not exist, or holds no usable photograph.
    """
    data = config.data
    modern_folders: Sequence[str | Path] = data.modern
    historical_folders: Sequence[str | Path] = data.historical
    if not data.modern:  # and so, as check_config saw to it, no historical folders either
        sample = Path(str(resources.files("keras_colorize"))) / "sample"
        modern_folders, historical_folders = [sample / "modern"], [sample / "historical"]
    options: dict[str, Any] = {
        "short_side": math.ceil(data.cache_margin * max(data.sizes)),
        "max_pixels": data.max_pixels,
        "cache": data.cache,
        "cache_dir": data.cache_dir or run.cache,
        "show_progress": show_progress,
    }
    modern, skipped = load_photos(
        modern_folders, channels=3, min_colorfulness=data.min_colorfulness, **options
    )
    modern, modern_validation = split_photos(modern, data.validation_share)
    if not historical_folders or historical_count(data, has_historical=True) == 0:
        return Streams(modern, modern_validation, None, None, skipped)
    historical, more_skipped = load_photos(historical_folders, channels=1, **options)
    historical, historical_validation = split_photos(historical, data.validation_share)
    skipped = skipped + more_skipped
    return Streams(modern, modern_validation, historical, historical_validation, skipped)


def _report_streams(streams: Streams, run: RunFolder) -> None:
    old, old_validation = streams.historical, streams.historical_validation
    gray = sum(entry.without_color for entry in streams.skipped)
    _log.info(
        "modern photographs: %d for training, %d for validation; historical: %d and %d; "
        "skipped: %d, of which %d without color (%s)",
        len(streams.modern),
        len(streams.modern_validation),
        len(old) if old else 0,
        len(old_validation) if old_validation else 0,
        len(streams.skipped),
        gray,
        run.skipped,
    )


def _steps_per_epoch(config: FitConfig, streams: Streams) -> int:
    training = config.training
    new_count = config.data.batch_size - historical_count(
        config.data, streams.historical is not None
    )
    steps = training.steps_per_epoch or math.ceil(len(streams.modern) / new_count)
    total = training.epochs * steps
    if config.losses.lambda_adversarial > 0 and training.reconstruction_steps >= total:
        raise ConfigError(
            f"training.reconstruction_steps = {training.reconstruction_steps} leaves none of the "
            f"{total} steps to the adversary; lower it, or set losses.lambda_adversarial to 0"
        )
    return steps


def _compare_photographs(facts: dict[str, Any], streams: Streams) -> None:
    if facts and facts.get("photographs") != streams.fingerprint:
        _log.warning(
            "the photographs have changed since the run began: it goes on from step %d with those "
            "that are there now, and will not end as it would have",
            facts["step"],
        )


# -- networks ---------------------------------------------------------------------------------


def build_gan(config: FitConfig, total_steps: int) -> ColorizationGAN:
    """Both networks, compiled with their optimizers, for a run of so many steps."""
    training = config.training
    gan = ColorizationGAN(
        build_unet(**vars(config.generator), dtype=training.precision, seed=config.seed),
        build_patchgan(**vars(config.discriminator), dtype=training.precision, seed=config.seed),
        config.losses,
        ema_momentum=training.ema_momentum,
    )
    gan.compile(
        _optimizer(config, training.generator_learning_rate, total_steps),
        _optimizer(
            config,
            training.discriminator_learning_rate,
            total_steps - training.reconstruction_steps,
        ),
    )
    return gan


def _optimizer(config: FitConfig, peak: float, steps: int) -> keras.Optimizer:
    training = config.training
    course = LearningRateCourse(peak, steps, training.schedule, training.warmup_steps)
    return keras.optimizers.Adam(
        course, beta_1=training.beta_1, global_clipnorm=training.clip_norm or None
    )


def _save(path: Path, gan: ColorizationGAN, config: FitConfig) -> None:
    save_generator(
        path,
        gan.ema_generator,
        config.generator,
        size=max(config.data.sizes),
        run=config.name,
        step=int(gan.optimizer.iterations),
    )


# -- the run ----------------------------------------------------------------------------------


def _fit(
    gan: ColorizationGAN,
    config: FitConfig,
    streams: Streams,
    steps_per_epoch: int,
    start_step: int,
    callbacks: list[keras.callbacks.Callback],
) -> None:
    """Train from ``start_step`` to the end; first the rest of an epoch that was cut short."""
    epochs = config.training.epochs
    epoch, done = divmod(start_step, steps_per_epoch)
    parts = [(epoch, epochs, steps_per_epoch)] if epoch < epochs else []
    if done:
        parts = [(epoch, epoch + 1, steps_per_epoch - done)]
        if epoch + 1 < epochs:
            parts.append((epoch + 1, epochs, steps_per_epoch))
    validation = None
    if len(streams.modern_validation):
        validation = make_validation_dataset(
            streams.modern_validation,
            streams.historical_validation,
            size=max(config.data.sizes),
            batch_size=config.data.batch_size,
        )
    for first, last, steps in parts:
        gan.fit(
            make_dataset(
                streams.modern,
                streams.historical,
                config.data,
                config.film,
                seed=config.seed,
                start_step=start_step,
            ),
            initial_epoch=first,
            epochs=last,
            steps_per_epoch=steps,
            validation_data=validation,
            callbacks=callbacks,
            shuffle=False,
            verbose=0,
        )
        start_step = last * steps_per_epoch


def _sample_sheets(config: FitConfig, run: RunFolder, streams: Streams) -> SampleSheets:
    """Sheets of validation photographs; of training photographs where there are none."""
    count, data = config.training.sample_photos, config.data
    modern = streams.modern_validation if len(streams.modern_validation) else streams.modern
    modern = _spread(modern, count)
    historical = streams.historical_validation or streams.historical
    return SampleSheets(
        run.samples,
        _batch(modern, data),
        _batch(_spread(historical, count), data)["luminance"] if historical else None,
        config.training.sample_epochs,
        config.training.epochs,
    )


def _spread(photos: PhotoSet, count: int) -> PhotoSet:
    """``count`` photographs at even distances, so that several sources are seen."""
    positions = np.linspace(0, len(photos) - 1, min(count, len(photos)))
    return photos.subset([round(float(position)) for position in positions])


def _batch(photos: PhotoSet, data: DataConfig) -> dict[str, np.ndarray]:
    dataset = make_validation_dataset(photos, size=max(data.sizes), batch_size=len(photos))
    return {name: value.numpy() for name, value in next(iter(dataset)).items()}


def _finish(
    config: FitConfig, run: RunFolder, gan: ColorizationGAN, samples: SampleSheets
) -> TrainingResult:
    _save(run.generator, gan, config)
    plots = plot_history(run.history, run.plots)
    sheet = samples.path(config.training.epochs)
    return TrainingResult(run, (run.generator, sheet, run.history, *plots))
