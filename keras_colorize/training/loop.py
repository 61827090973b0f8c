"""A whole run: photographs in, a trained generator out, interrupted or not."""

import contextlib
import dataclasses
import logging
import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from keras_colorize.config import FitConfig, historical_count
from keras_colorize.config_checks import check_adversary, check_config
from keras_colorize.errors import ConfigError, RunError
from keras_colorize.inspection.curves import plot_history
from keras_colorize.inspection.pictures import draw_layers
from keras_colorize.inspection.probe import Network, layers_by_name
from keras_colorize.inspection.snapshots import choose_layers, load_statistics
from keras_colorize.models.efficientnet import encoder_layers, find_published, load_encoder
from keras_colorize.models.lpips import load_lpips
from keras_colorize.models.patchgan import build_patchgan
from keras_colorize.models.saved import find_generator, load_weights, save_generator
from keras_colorize.models.teaching import load_teachers
from keras_colorize.models.unet import build_unet
from keras_colorize.run_folder import RunFolder
from keras_colorize.training.callbacks.activations import ActivationStatistics
from keras_colorize.training.callbacks.guard import AdversaryStart, StopOnNonFinite
from keras_colorize.training.callbacks.history import HistoryWriter
from keras_colorize.training.callbacks.progress import Progress
from keras_colorize.training.callbacks.samples import SampleSheets
from keras_colorize.training.callbacks.saving import CheckpointWriter
from keras_colorize.training.callbacks.tensorboard_logger import TensorBoardLogger
from keras_colorize.training.callbacks.wandb_logger import WandbLogger
from keras_colorize.training.callbacks.warnings import TrainingWarnings
from keras_colorize.training.checkpoints import CheckpointFolder
from keras_colorize.training.data import make_dataset, make_validation_dataset
from keras_colorize.training.fused import FusedAdam, fuse_normalization
from keras_colorize.training.gan import ColorizationGAN
from keras_colorize.training.runs import open_run, write_skipped
from keras_colorize.training.schedules import LearningRateCourse
from keras_colorize.training.streams import Streams, choose_samples, load_streams, report_streams

__all__ = ["TrainingResult", "build_gan", "gan_networks", "train"]

_log = logging.getLogger(__name__)

_Logger = WandbLogger | TensorBoardLogger


@dataclass(frozen=True)
class TrainingResult:
    """What a finished run leaves behind.

    Attributes:
        run: its folder.
        files: the files to look at first, most important first.
    """

    run: RunFolder
    files: tuple[Path, ...]


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
        The files of the run, see :class:`~keras_colorize.training.runs.RunFolder`.

    Raises:
        ConfigError: settings out of range or contradictory.
        DataError: folders without usable photographs.
        RunError: the run's folder belongs to other settings.
        TrainingDiverged: a loss became NaN or infinite.
    """
    check_config(config)
    with open_run(config) as run:
        return _train(config, run, callbacks, show_progress)


def _train(
    config: FitConfig,
    run: RunFolder,
    callbacks: Sequence[keras.callbacks.Callback],
    show_progress: bool,
) -> TrainingResult:
    checkpoints = CheckpointFolder(run.checkpoints)
    anew = not checkpoints.paths()
    if anew:
        _find_weights(config)  # what is missing is told before the photographs are read
    streams = load_streams(config, run, show_progress)
    write_skipped(run, streams.skipped)
    report_streams(streams, run)

    # Layers draw from seeds of their own; this covers what Keras' spectral normalization draws.
    keras.utils.set_random_seed(config.seed)
    steps_per_epoch = _steps_per_epoch(config, streams)
    gan = build_gan(config, config.training.epochs * steps_per_epoch, pretrained=anew)
    facts = checkpoints.restore(gan) or {}
    _compare_photographs(facts, streams)
    samples = _sample_sheets(config, run, streams)
    wandb = _wandb_logger(config, run, streams)
    loggers: list[_Logger] = [wandb]
    if config.tracking.tensorboard:
        loggers.append(TensorBoardLogger(run.tensorboard, samples.path, config.training.log_steps))
    progress = Progress(
        steps_per_epoch, config.data.batch_size, config.training.epochs, show=show_progress
    )
    start_step = facts.get("step", 0)
    own = [
        *_observers(config, run, streams, gan, start_step, loggers),
        samples,  # before the checkpoint: what is done before it is done again if it is cut short
        *loggers,  # after the samples, which they log
        CheckpointWriter(
            checkpoints,
            config.training.checkpoint_steps,
            steps_per_epoch,
            lambda: _save(run.best, gan, config),
            {**facts, "photographs": streams.fingerprint},
        ),
        progress,
    ]
    if config.losses.lambda_adversarial > 0:
        own.insert(0, AdversaryStart(config.training.reconstruction_steps))
    own.insert(0, StopOnNonFinite(checkpoints))
    with contextlib.closing(progress), wandb:
        _fit(gan, config, streams, steps_per_epoch, start_step, [*own, *callbacks])
        result = _finish(config, run, gan, samples)
        wandb.log_models()
        _log_pictures([logger for logger in loggers if logger.active], run)
    return result


def _steps_per_epoch(config: FitConfig, streams: Streams) -> int:
    training = config.training
    new_count = config.data.batch_size - historical_count(
        config.data, streams.historical is not None
    )
    steps = training.steps_per_epoch or math.ceil(len(streams.modern) / new_count)
    check_adversary(config, steps)
    return steps


def _compare_photographs(facts: dict[str, Any], streams: Streams) -> None:
    if facts and facts.get("photographs") != streams.fingerprint:
        _log.warning(
            "the photographs have changed since the run began: it goes on from step %d with those "
            "that are there now, and will not end as it would have",
            facts["step"],
        )


# -- networks ---------------------------------------------------------------------------------


def build_gan(config: FitConfig, total_steps: int, *, pretrained: bool = True) -> ColorizationGAN:
    """Both networks, compiled with their optimizers, for a run of so many steps.

    Args:
        config: the settings.
        total_steps: of the whole run, for the schedules of the learning rates.
        pretrained: load the weights that the run begins with, those of ``training.start_from`` or
            the published ones of a pretrained encoder; in vain where a checkpoint is restored.
    """
    training = config.training
    generator = build_unet(**vars(config.generator), dtype=training.precision, seed=config.seed)
    if pretrained and training.start_from is not None:
        load_weights(generator, find_generator(training.start_from))
    elif pretrained and config.generator.encoder != "plain":
        load_encoder(generator)
    if config.generator.encoder != "plain":
        for layer in encoder_layers(generator):
            layer.trainable = not training.freeze_encoder
    discriminator = build_patchgan(
        **vars(config.discriminator), dtype=training.precision, seed=config.seed
    )
    gan = ColorizationGAN(
        fuse_normalization(generator),
        fuse_normalization(discriminator),
        config.losses,
        embed=_load_perceptual(config),
        teach=_load_teachers(config),
        ema_momentum=training.ema_momentum,
        clip_norm=training.clip_norm,
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


def _load_perceptual(config: FitConfig) -> keras.Model | None:
    path = config.losses.perceptual_weights
    return load_lpips(path) if path and config.losses.lambda_perceptual > 0 else None


def _load_teachers(config: FitConfig) -> Callable[[Any], Any] | None:
    paths = [find_generator(name) for name in config.losses.teachers]
    return load_teachers(paths, config.data.sizes) if paths else None


def _find_weights(config: FitConfig) -> None:
    """Raise a ModelError where the weights that a new run begins with are missing."""
    _load_perceptual(config)
    _load_teachers(config)
    if config.training.start_from is not None:
        find_generator(config.training.start_from)
    elif config.generator.encoder != "plain":
        find_published()


def _optimizer(config: FitConfig, peak: float, steps: int) -> keras.Optimizer:
    training = config.training
    course = LearningRateCourse(peak, steps, training.schedule, training.warmup_steps)
    return FusedAdam(course, beta_1=training.beta_1)


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
    training = config.training
    samples = choose_samples(streams, training.sample_photos, max(config.data.sizes))
    return SampleSheets(
        run.samples, samples.modern, samples.historical, training.sample_epochs, training.epochs
    )


def _wandb_logger(config: FitConfig, run: RunFolder, streams: Streams) -> WandbLogger:
    samples = choose_samples(streams, config.tracking.wandb_photos, max(config.data.sizes))
    return WandbLogger(
        run,
        config.tracking,
        dataclasses.asdict(config),
        samples.modern,
        samples.historical,
        log_steps=config.training.log_steps,
        sample_epochs=config.training.sample_epochs,
        epochs=config.training.epochs,
    )


def _log_pictures(loggers: Sequence[_Logger], run: RunFolder) -> None:
    """Log every layer's histograms over time; drawing them takes a while."""
    if not loggers or not any(run.activations.glob("*.npz")):
        return
    try:
        history = load_statistics(run.activations)
    except RunError as error:  # the training is done, and no picture is worth its end
        _log.warning("no pictures of the layers are logged: %s", error)
        return
    with tempfile.TemporaryDirectory() as folder:
        paths = {}
        for number, picture in enumerate(draw_layers(history, history.layers)):
            paths[f"colorful_dimension/{picture.title}"] = path = Path(folder, f"{number}.png")
            path.write_bytes(picture.png)
        for logger in loggers:
            logger.log_images(paths)


def _observers(
    config: FitConfig,
    run: RunFolder,
    streams: Streams,
    gan: ColorizationGAN,
    start_step: int,
    loggers: Sequence[_Logger],
) -> list[keras.callbacks.Callback]:
    """What records the run, without a part in it."""
    warnings = TrainingWarnings(run.warnings, config.warnings, start_step)
    observers: list[keras.callbacks.Callback] = [
        HistoryWriter(run.history, run.steps, config.training.log_steps, start_step),
        warnings,
    ]
    tracking = config.tracking
    _check_layers(gan_networks(gan), tracking.statistics_layers)
    if tracking.statistics_steps > 0:
        probe = choose_samples(streams, tracking.statistics_photos, max(config.data.sizes))
        photographs = {"modern": probe.modern["luminance"]}
        if probe.historical is not None:
            photographs["historical"] = probe.historical
        observers.append(
            ActivationStatistics(
                photographs,
                run.activations,
                tracking.statistics_steps,
                layers=tracking.statistics_layers,
                networks=gan_networks(gan),
                on_snapshot=[warnings.on_snapshot, *(logger.log_snapshot for logger in loggers)],
            )
        )
    return observers


def _check_layers(networks: Sequence[Network], patterns: Sequence[str]) -> None:
    """Raise a ConfigError for a name that fits no layer of any network."""
    known = [name for network in networks for name in layers_by_name(network)]
    try:
        choose_layers(known, patterns)
    except ConfigError as error:
        raise ConfigError(f"tracking.statistics_layers: {error}") from error


def gan_networks(gan: ColorizationGAN) -> list[Network]:
    """Both networks as statistics see them: the discriminator judges what the generator paints."""

    def judge(luminance: Any) -> list[Any]:
        return [luminance, gan.generator(luminance, training=False)]

    networks = [Network("generator", gan.generator)]
    if gan.loss_config.lambda_adversarial > 0:
        networks.append(Network("discriminator", gan.discriminator, judge))
    return networks


def _finish(
    config: FitConfig, run: RunFolder, gan: ColorizationGAN, samples: SampleSheets
) -> TrainingResult:
    _save(run.generator, gan, config)
    plots = plot_history(run.history, run.plots)
    sheet = samples.path(config.training.epochs)
    return TrainingResult(run, (run.generator, sheet, run.history, *plots))
