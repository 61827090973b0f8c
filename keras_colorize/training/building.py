"""The model of a run, built and compiled as its settings say."""

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import keras

from keras_colorize.config import FitConfig
from keras_colorize.models.efficientnet import encoder_layers, find_published, load_encoder
from keras_colorize.models.lpips import load_lpips
from keras_colorize.models.patchgan import build_patchgan
from keras_colorize.models.saved import find_generator, load_weights
from keras_colorize.models.teaching import load_teachers
from keras_colorize.models.unet import build_unet
from keras_colorize.training.fused import FusedAdam, fuse_normalization
from keras_colorize.training.gan import ColorizationGAN
from keras_colorize.training.schedules import LearningRateCourse

__all__ = ["build_gan", "find_weights"]


def build_gan(
    config: FitConfig,
    total_steps: int,
    *,
    pretrained: bool = True,
    scope: Callable[[], AbstractContextManager[Any]] = contextlib.nullcontext,
) -> ColorizationGAN:
    """Both networks, compiled with their optimizers, for a run of so many steps.

    Args:
        config: the settings.
        total_steps: of the whole run, for the schedules of the learning rates.
        pretrained: load the weights that the run begins with, those of ``training.start_from`` or
            the published ones of a pretrained encoder; in vain where a checkpoint is restored.
        scope: that of a ``tf.distribute.Strategy``, for what is trained. The moving average and the
            running means are made outside, as are weights that are only read: what all workers have
            to do together is not done by one alone.
    """
    training = config.training
    with scope():
        generator = build_unet(**vars(config.generator), dtype=training.precision, seed=config.seed)
        discriminator = build_patchgan(
            **vars(config.discriminator), dtype=training.precision, seed=config.seed
        )
        embed, teach = _load_perceptual(config), _load_teachers(config)
    if pretrained and training.start_from is not None:
        load_weights(generator, find_generator(training.start_from))
    elif pretrained and config.generator.encoder != "plain":
        load_encoder(generator)
    if config.discriminator.encoder != "plain":
        if pretrained:
            load_encoder(discriminator)
        for layer in encoder_layers(discriminator):
            layer.trainable = False  # what it judges by is not to give in to what it judges
    if config.generator.encoder != "plain":
        for layer in encoder_layers(generator):
            layer.trainable = not training.freeze_encoder
    with scope():
        networks = fuse_normalization(generator), fuse_normalization(discriminator)
    gan = ColorizationGAN(
        *networks,
        config.losses,
        embed=embed,
        teach=teach,
        ema_momentum=training.ema_momentum,
        clip_norm=training.clip_norm,
    )
    with scope():
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


def find_weights(config: FitConfig) -> None:
    """Raise a ModelError where the weights that a new run begins with are missing."""
    _load_perceptual(config)
    _load_teachers(config)
    if config.training.start_from is not None:
        find_generator(config.training.start_from)
    elif config.generator.encoder != "plain":
        find_published()
    if config.discriminator.encoder != "plain":
        find_published()


def _optimizer(config: FitConfig, peak: float, steps: int) -> keras.Optimizer:
    training = config.training
    course = LearningRateCourse(peak, steps, training.schedule, training.warmup_steps)
    return FusedAdam(course, beta_1=training.beta_1)
