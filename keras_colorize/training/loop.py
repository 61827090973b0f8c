"""A whole run: photographs in, a trained generator out, interrupted or not."""

import contextlib
import dataclasses
import logging
import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from keras_colorize.config import FitConfig, historical_count
from keras_colorize.config_checks import check_adversary, check_config, check_shares
from keras_colorize.errors import ConfigError, RunError
from keras_colorize.inspection.curves import plot_history
from keras_colorize.inspection.pictures import draw_layers
from keras_colorize.inspection.probe import Network, layers_by_name
from keras_colorize.inspection.snapshots import choose_layers, load_statistics
from keras_colorize.models.saved import save_generator
from keras_colorize.run_folder import RunFolder
from keras_colorize.training.building import build_gan, find_weights
from keras_colorize.training.callbacks.activations import ActivationStatistics
from keras_colorize.training.callbacks.guard import AdversaryStart, StopOnNonFinite
from keras_colorize.training.callbacks.history import HistoryWriter
from keras_colorize.training.callbacks.progress import Progress
from keras_colorize.training.callbacks.samples import SampleSheets
from keras_colorize.training.callbacks.saving import CheckpointWriter
from keras_colorize.training.callbacks.tensorboard_logger import TensorBoardLogger
from keras_colorize.training.callbacks.trim import MemoryTrim
from keras_colorize.training.callbacks.wandb_logger import WandbLogger
from keras_colorize.training.callbacks.warnings import TrainingWarnings
from keras_colorize.training.checkpoints import CheckpointFolder, state_variables
from keras_colorize.training.data import WHOLE, Part, make_dataset, make_validation_dataset
from keras_colorize.training.gan import ColorizationGAN
from keras_colorize.training.replicas import Replicas, join
from keras_colorize.training.replicated import fit_replicated
from keras_colorize.training.runs import open_run, shared_settings, write_skipped
from keras_colorize.training.streams import Streams, choose_samples, load_streams, report_streams

__all__ = ["TrainingResult", "gan_networks", "train"]

_log = logging.getLogger(__name__)

_Logger = WandbLogger | TensorBoardLogger


@dataclass(frozen=True)
class TrainingResult:
    """What a finished run leaves behind.

    Attributes:
        run: its folder.
        files: the files to look at first, most important first; none where another worker, the
            chief, has written them.
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

    With ``training.distribution`` it has to be called before TensorFlow is used for anything else.
    Everything is drawn from ``config.seed``: on one CPU, in float32, a run that was interrupted
    ends with the same weights as one that was not.

    Args:
        config: the settings.
        callbacks: more of Keras' callbacks, after the run's own; of several workers each calls its.
        show_progress: draw progress bars on standard error.

    Returns:
        The files of the run, see :class:`~keras_colorize.training.runs.RunFolder`.

    Raises:
        ConfigError: settings out of range or contradictory.
        DataError: folders without usable photographs.
        RunError: the run's folder belongs to other settings, or another worker is lost.
        TrainingDiverged: a loss became NaN or infinite.
    """
    check_config(config)
    replicas = join(config.training.distribution)
    with replicas.watch():
        replicas.check_same_settings(shared_settings(config))
        if not replicas.is_chief:
            return _follow(config, replicas, callbacks)
        with open_run(config) as run:
            return _lead(config, run, replicas, callbacks, show_progress)


def _follow(
    config: FitConfig, replicas: Replicas, callbacks: Sequence[keras.callbacks.Callback]
) -> TrainingResult:
    """Take part in what the chief leads, and write nothing."""
    run = RunFolder(Path(config.runs) / config.name)
    streams = load_streams(config, run, show_progress=False)
    gan, steps_per_epoch = _build(config, streams, replicas, pretrained=False)
    facts = _take_over(gan, replicas, {})
    _fit(
        gan,
        config,
        streams,
        replicas,
        steps_per_epoch,
        facts.get("step", 0),
        [*_adversary_start(config), *callbacks],
    )
    replicas.wait()
    return TrainingResult(run, ())


def _lead(
    config: FitConfig,
    run: RunFolder,
    replicas: Replicas,
    callbacks: Sequence[keras.callbacks.Callback],
    show_progress: bool,
) -> TrainingResult:
    checkpoints = CheckpointFolder(run.checkpoints)
    anew = not checkpoints.paths()
    if anew:
        find_weights(config)  # what is missing is told before the photographs are read
    streams = load_streams(config, run, show_progress)
    write_skipped(run, streams.skipped)
    report_streams(streams, run)

    gan, steps_per_epoch = _build(config, streams, replicas, pretrained=anew)
    facts = _take_over(gan, replicas, checkpoints.restore(gan) or {})
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
        MemoryTrim(),
    ]
    own = [StopOnNonFinite(checkpoints), *_adversary_start(config), *own]
    with contextlib.closing(progress), wandb:
        with replicas.watch(checkpoints.describe_last):
            _fit(gan, config, streams, replicas, steps_per_epoch, start_step, [*own, *callbacks])
        result = _finish(config, run, gan, samples)
        wandb.log_models()
        _log_pictures([logger for logger in loggers if logger.active], run)
    replicas.wait()
    return result


def _build(
    config: FitConfig, streams: Streams, replicas: Replicas, *, pretrained: bool
) -> tuple[ColorizationGAN, int]:
    """The model, and the steps of an epoch."""
    validations = (streams.modern_validation, streams.historical_validation)
    replicas.check_same_photographs(f"{streams.fingerprint} {[len(v or ()) for v in validations]}")
    check_shares(config.data, replicas.count, streams.historical is not None)
    # Layers draw from seeds of their own; this covers what Keras' spectral normalization draws.
    keras.utils.set_random_seed(config.seed)
    steps_per_epoch = _steps_per_epoch(config, streams)
    total_steps = config.training.epochs * steps_per_epoch
    gan = build_gan(config, total_steps, pretrained=pretrained, scope=replicas.scope)
    return gan, steps_per_epoch


def _take_over(gan: ColorizationGAN, replicas: Replicas, facts: dict[str, Any]) -> dict[str, Any]:
    """Begin where the chief is; returns its facts."""
    facts = replicas.take_over(list(state_variables(gan).values()), facts)
    for network in (gan.generator, gan.discriminator):
        weights = {id(weight) for weight in network.weights}
        replicas.tell_apart([v for v in network.variables if id(v) not in weights])
    return facts


def _adversary_start(config: FitConfig) -> list[keras.callbacks.Callback]:
    if config.losses.lambda_adversarial == 0:
        return []
    return [AdversaryStart(config.training.reconstruction_steps)]


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


# -- the run ----------------------------------------------------------------------------------


def _save(path: Path, gan: ColorizationGAN, config: FitConfig) -> None:
    save_generator(
        path,
        gan.ema_generator,
        config.generator,
        size=max(config.data.sizes),
        run=config.name,
        step=int(gan.optimizer.iterations.numpy()),
    )


def _fit(
    gan: ColorizationGAN,
    config: FitConfig,
    streams: Streams,
    replicas: Replicas,
    steps_per_epoch: int,
    start_step: int,
    callbacks: list[keras.callbacks.Callback],
) -> None:
    """Train from ``start_step`` to the end; first the rest of an epoch that was cut short."""

    def batches(start_step: int, part: Part = WHOLE) -> tf.data.Dataset:
        return make_dataset(
            streams.modern,
            streams.historical,
            config.data,
            config.film,
            seed=config.seed,
            start_step=start_step,
            part=part,
        )

    def validation(part: Part = WHOLE) -> tf.data.Dataset:
        return make_validation_dataset(
            streams.modern_validation,
            streams.historical_validation,
            size=max(config.data.sizes),
            batch_size=config.data.batch_size,
            part=part,
        )

    epochs = config.training.epochs
    has_validation = len(streams.modern_validation) > 0
    if replicas.strategy is not None:
        fit_replicated(
            gan,
            replicas,
            lambda part: batches(start_step, part),
            validation if has_validation else None,
            start_step=start_step,
            steps_per_epoch=steps_per_epoch,
            epochs=epochs,
            callbacks=callbacks,
        )
        return
    epoch, done = divmod(start_step, steps_per_epoch)
    parts = [(epoch, epochs, steps_per_epoch)] if epoch < epochs else []
    if done:
        parts = [(epoch, epoch + 1, steps_per_epoch - done)]
        if epoch + 1 < epochs:
            parts.append((epoch + 1, epochs, steps_per_epoch))
    validation_data = validation() if has_validation else None
    for first, last, steps in parts:
        gan.fit(
            batches(start_step),
            initial_epoch=first,
            epochs=last,
            steps_per_epoch=steps,
            validation_data=validation_data,
            callbacks=callbacks,
            shuffle=False,
            verbose=0,
        )
        if gan.stop_training:
            break
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
    plots = plot_history(run.history, run.plots) if config.tracking.plots else []
    return TrainingResult(run, (run.generator, *samples.latest(), run.history, *plots))
