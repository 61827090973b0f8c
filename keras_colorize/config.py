"""What a training run can be told, as typed dataclasses, one section a concern.

The defaults are those of the first run: a small model on the photographs inside the package.
Files under ``configs/`` override a few of them; the command line overrides both.
"""

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any, Literal

from keras_colorize.errors import ConfigError

__all__ = [
    "AdversarialKind",
    "Cache",
    "DataConfig",
    "DiscriminatorConfig",
    "FilmConfig",
    "FitConfig",
    "GeneratorConfig",
    "LossConfig",
    "Normalization",
    "Output",
    "Precision",
    "Schedule",
    "TrainingConfig",
    "Upsampling",
    "check_config",
    "flatten",
    "historical_count",
]

AdversarialKind = Literal["minimax", "non_saturating", "least_squares", "hinge"]
Cache = Literal["memory", "disk", "none"]
Normalization = Literal["batch", "instance", "group", "none"]
Output = Literal["rgb", "chroma"]
Precision = Literal["float32", "mixed_bfloat16"]
Schedule = Literal["constant", "linear", "cosine"]
Upsampling = Literal["transposed", "resize", "subpixel"]


@dataclass(frozen=True)
class DataConfig:
    """Which photographs are trained on, and how they are cut.

    Attributes:
        modern: folders of color photographs, searched recursively. Without any folder at all, the
            run trains on the sample inside the package.
        historical: folders of monochrome photographs, searched recursively; files in color are
            reduced to their luminance.
        historical_share: share of each batch that is historical, in [0, 1). By default a quarter
            where there are historical folders, otherwise none.
        source_weights: how often photographs of a source are drawn relative to the others, such
            as flowers: 0.3. A source is a folder's direct sub-folder, or the folder itself for
            photographs that lie in no sub-folder. Unnamed sources weigh 1.
        sizes: sides in pixels of the square training crops; each batch draws one of them.
        batch_size: photographs a step, both streams together.
        validation_share: share of the photographs that is kept for validation, chosen by a hash
            of the name, in [0, 0.5].
        min_colorfulness: modern photographs with less colorfulness (Hasler and Suesstrunk, 0 for
            gray, 15 slight, 45 quite colorful) are left out; 0 keeps all.
        crop_area: smallest share of the photograph's largest square that a random crop keeps, in
            (0, 1].
        flip: mirror half of the photographs.
        brightness: largest change of brightness, as a share of white, in [0, 1).
        contrast: largest relative change of contrast, in [0, 1).
        cache: where decoded, reduced photographs are kept: memory, disk, or none, which decodes
            them anew each time.
        cache_dir: folder of the disk cache; by default inside the run directory.
        cache_margin: short side of a cached photograph relative to the largest training size, at
            least 1. More keeps finer detail in small crops, and takes more memory.
        max_pixels: photographs with more pixels are left out, undecoded.
    """

    modern: list[str] = field(default_factory=list)
    historical: list[str] = field(default_factory=list)
    historical_share: float | None = None
    source_weights: dict[str, float] = field(default_factory=dict)
    sizes: list[int] = field(default_factory=lambda: [96])
    batch_size: int = 8
    validation_share: float = 0.1
    min_colorfulness: float = 15.0
    crop_area: float = 0.6
    flip: bool = True
    brightness: float = 0.1
    contrast: float = 0.1
    cache: Cache = "memory"
    cache_dir: str | None = None
    cache_margin: float = 1.25
    max_pixels: int = 200_000_000


@dataclass(frozen=True)
class FilmConfig:
    """Film simulation: what an old emulsion would have recorded of a modern photograph.

    Attributes:
        probability: share of the modern photographs that are seen through an old film; the others
            keep their true luminance.
        stocks: the films to draw from.
    """

    probability: float = 0.0
    stocks: list[str] = field(
        default_factory=lambda: [
            "wet_plate",
            "orthochromatic",
            "panchromatic",
            "faded_print",
            "snapshot",
        ]
    )


@dataclass(frozen=True)
class GeneratorConfig:
    """The UNet generator.

    Attributes:
        filters: channels of the outermost level; each level inward doubles them.
        depth: levels; photographs are padded to multiples of 2 to the power of it.
        max_filters: the doubling of channels stops here.
        normalization: normalization after the convolutions.
        dropout: rate in the three innermost levels of the decoder, in [0, 1).
        upsampling: transposed convolutions (pix2pix), resize and convolve, or subpixel.
        output: rgb paints all three channels, the source's formulation; chroma paints Cb and Cr
            and keeps the photograph's luminance exactly.
    """

    filters: int = 24
    depth: int = 5
    max_filters: int = 256
    normalization: Normalization = "batch"
    dropout: float = 0.0
    upsampling: Upsampling = "transposed"
    output: Output = "chroma"


@dataclass(frozen=True)
class DiscriminatorConfig:
    """The PatchGAN discriminator.

    Attributes:
        filters: channels of the first convolution; they double up to 512.
        depth: convolutions of stride 2; 3 judges patches of 70 x 70 pixels.
        normalization: normalization after the convolutions.
        spectral_normalization: bound the kernels' largest singular value by 1.
        conditional: judge the color together with the luminance.
    """

    filters: int = 24
    depth: int = 3
    normalization: Normalization = "batch"
    spectral_normalization: bool = False
    conditional: bool = True


@dataclass(frozen=True)
class LossConfig:
    """The losses and their weights; see keras_colorize.losses for the formulas.

    Attributes:
        adversarial: kind of the adversarial loss; minimax is the source's.
        lambda_adversarial: weight of the generator's adversarial loss; 0 trains without a
            discriminator.
        lambda_reconstruction: weight of the weighted L1 loss.
        lambda_luminance: weight of the luminance term within the weighted L1 loss.
        lambda_color: weight of the color term within the weighted L1 loss.
    """

    adversarial: AdversarialKind = "non_saturating"
    lambda_adversarial: float = 0.01
    lambda_reconstruction: float = 1.0
    lambda_luminance: float = 1.0
    lambda_color: float = 10.0


@dataclass(frozen=True)
class TrainingConfig:
    """Length, optimization and record of a run.

    Attributes:
        epochs: epochs to train; after each one the model is validated.
        steps_per_epoch: optimizer steps an epoch; by default one pass over the modern photographs.
        reconstruction_steps: steps at the start in which the generator trains without its
            adversary.
        generator_learning_rate: peak learning rate of the generator.
        discriminator_learning_rate: peak learning rate of the discriminator.
        schedule: constant; linear: constant for the first half, then linearly to zero (pix2pix);
            cosine: to zero over the whole run.
        warmup_steps: steps over which both learning rates rise from zero.
        beta_1: Adam's decay of the first moment.
        clip_norm: largest global norm of a gradient; 0 does not clip.
        ema_momentum: momentum of the moving average of the generator's weights, which is the
            model that is validated and saved; it starts low and rises to this value.
        precision: mixed_bfloat16 computes in bfloat16 and keeps weights in float32.
        checkpoint_steps: a checkpoint is written after that many steps, and after each epoch.
        sample_epochs: a sample sheet is written after that many epochs, and at the end.
        sample_photos: modern photographs on a sample sheet, and as many historical.
        log_steps: the metrics of every so many steps are written to steps.csv.
    """

    epochs: int = 10
    steps_per_epoch: int | None = 100
    reconstruction_steps: int = 400
    generator_learning_rate: float = 1e-3
    discriminator_learning_rate: float = 2e-4
    schedule: Schedule = "cosine"
    warmup_steps: int = 50
    beta_1: float = 0.5
    clip_norm: float = 1.0
    ema_momentum: float = 0.999
    precision: Precision = "float32"
    checkpoint_steps: int = 500
    sample_epochs: int = 2
    sample_photos: int = 4
    log_steps: int = 10


@dataclass(frozen=True)
class FitConfig:
    """Train the generator against the discriminator on two streams of photographs.

    Attributes:
        name: name of the run; it is written to the folder of that name under runs.
        runs: folder of all runs.
        seed: of the weights, the order of the photographs and every random change to them.
        data: the photographs.
        film: film simulation.
        generator: the UNet generator.
        discriminator: the PatchGAN discriminator.
        losses: the losses.
        training: the course of the training.
    """

    name: str = "quickstart"
    runs: str = "runs"
    seed: int = 0
    data: DataConfig = field(default_factory=DataConfig)
    film: FilmConfig = field(default_factory=FilmConfig)
    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    discriminator: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    losses: LossConfig = field(default_factory=LossConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)


def flatten(config: Any) -> dict[str, Any]:
    """The settings by dotted name, such as ``{"data.batch_size": 8}``, in order of definition."""
    flat: dict[str, Any] = {}
    for entry in dataclasses.fields(config):
        value = getattr(config, entry.name)
        if dataclasses.is_dataclass(value):
            flat |= {f"{entry.name}.{name}": inner for name, inner in flatten(value).items()}
        else:
            flat[entry.name] = value
    return flat


def historical_count(data: DataConfig, has_historical: bool) -> int:
    """How many photographs of each batch are historical."""
    if not has_historical:
        return 0
    share = 0.25 if data.historical_share is None else data.historical_share
    return round(share * data.batch_size)


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
    "losses.lambda_reconstruction": (0, None),
    "losses.lambda_luminance": (0, None),
    "losses.lambda_color": (0, None),
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
    problems += _stream_problems(data)
    wrong_weights = {name: w for name, w in data.source_weights.items() if not 0 <= w < math.inf}
    if wrong_weights:
        problems.append(f"data.source_weights must be at least 0. Received: {wrong_weights}")
    if config.film.probability > 0 and not config.film.stocks:
        problems.append("film.probability is above 0 but film.stocks names no film")
    if losses.lambda_adversarial == 0 and losses.lambda_reconstruction == 0:
        problems.append(
            "losses.lambda_adversarial and losses.lambda_reconstruction are both 0: "
            "nothing would be trained; raise one of them"
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
