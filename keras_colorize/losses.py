"""The losses, exactly as the source of this project states them, as pure functions; their sum.

Every loss returns one value per image, shape ``(B,)``. How they are masked, averaged and weighted
is said once, by :data:`TERMS` and :func:`weighted_sum`. All are written on ``keras.ops`` and run
under any backend.

    L_D           = -E[log D(x)] - E[log(1 - D(G(z)))]      x real color photographs, z luminance
    L_G           =  E[log(1 - D(G(z)))]                    kind "minimax"
    L_L1          =  1/N Σ |y - ŷ|                          N counts every value of one image
    L_luminance   =  1/N Σ (Y(y) - Y(ŷ))²
    L_color       =  1/N Σ (CbCr(y) - CbCr(ŷ))²
    L_weighted_L1 =  L_L1 + λ_luminance L_luminance + λ_color L_color

The source has no more. Beside them stands what other work suggests and experiments may ask for:

    L_colorfulness = |M(y) - M(ŷ)| / 255                    M colorfulness
    L_distribution = -1/n Σ w(y) Σ_i a_i(y) log p_i         n places, bins i of chroma, a_i(y) y's
                                                            shares of them, w(y) its weight
    L_teacher      = L_color(t, ŷ)                          t what teachers paint on average

A new term is a row of :data:`TERMS` here and the weight that it names in
:class:`~keras_colorize.config.LossConfig`: it is trained, and every record of a run shows it by
its name.

The discriminator emits logits, so D = sigmoid(logit), -log D = softplus(-logit) and
-log(1 - D) = softplus(logit), which stay finite where the logarithm of a rounded probability
would not.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from keras import ops

from keras_colorize import color
from keras_colorize.color import check_same_shape
from keras_colorize.config import DISTRIBUTION_LEVEL, AdversarialKind, LossConfig
from keras_colorize.metrics import colorfulness
from keras_colorize.models.distribution import certainty_of
from keras_colorize.models.outputs import CHROMA_BINS, CHROMA_STEP, rarity

__all__ = [
    "TERMS",
    "Outcome",
    "Term",
    "certainty_loss",
    "color_loss",
    "colorfulness_loss",
    "discriminator_loss",
    "distribution_loss",
    "fake_loss",
    "generator_loss",
    "l1_loss",
    "luminance_loss",
    "masked_mean",
    "real_loss",
    "sums",
    "weighted_l1_loss",
    "weighted_sum",
]

Tensor = Any  # of any Keras backend, or a NumPy array


def discriminator_loss(real_logits: Tensor, fake_logits: Tensor, kind: AdversarialKind) -> Tensor:
    """How badly the discriminator tells real color from generated color.

    Args:
        real_logits: discriminator output for true photographs, ``(B, h, w, 1)`` or ``(B, ...)``.
        fake_logits: discriminator output for generated photographs, same shape.
        kind: ``"minimax"`` and ``"non_saturating"`` share the source's L_D (Goodfellow et al.,
            2014); ``"least_squares"`` is ((D - 1)² + D²) / 2 on logits (Mao et al., 2017);
            ``"hinge"`` is relu(1 - D) + relu(1 + D) on logits (Lim and Ye, 2017).

    Returns:
        One value per image, shape ``(B,)``, averaged over the patches.

    Raises:
        ValueError: unknown kind, or shapes that differ.
    """
    check_same_shape("real_logits", real_logits, "fake_logits", fake_logits)
    return real_loss(real_logits, kind) + fake_loss(fake_logits, kind)


def real_loss(logits: Tensor, kind: AdversarialKind) -> Tensor:
    """The discriminator's loss on true photographs alone, ``(B, ...)`` to ``(B,)``.

    Separate from :func:`fake_loss` because a batch of the training holds fewer true color
    photographs than generated ones: historical photographs have no truth.
    """
    _check_kind(kind)
    if kind == "least_squares":
        return _per_image(0.5 * ops.square(logits - 1.0))
    if kind == "hinge":
        return _per_image(ops.relu(1.0 - logits))
    return _per_image(ops.softplus(-logits))  # -log D


def fake_loss(logits: Tensor, kind: AdversarialKind) -> Tensor:
    """The discriminator's loss on generated photographs alone, ``(B, ...)`` to ``(B,)``."""
    _check_kind(kind)
    if kind == "least_squares":
        return _per_image(0.5 * ops.square(logits))
    if kind == "hinge":
        return _per_image(ops.relu(1.0 + logits))
    return _per_image(ops.softplus(logits))  # -log(1 - D)


def generator_loss(fake_logits: Tensor, kind: AdversarialKind) -> Tensor:
    """How badly the generator fools the discriminator.

    Args:
        fake_logits: discriminator output for generated photographs, ``(B, h, w, 1)`` or
            ``(B, ...)``.
        kind: ``"minimax"``: log(1 - D), the source's L_G, never positive; ``"non_saturating"``:
            -log D (Goodfellow et al., 2014, section 3); ``"least_squares"``: (D - 1)² / 2
            (Mao et al., 2017, eq. 9); ``"hinge"``: -D (Lim and Ye, 2017).

    Returns:
        One value per image, shape ``(B,)``, averaged over the patches.
    """
    _check_kind(kind)
    if kind == "minimax":
        return _per_image(-ops.softplus(fake_logits))
    if kind == "non_saturating":
        return _per_image(ops.softplus(-fake_logits))
    if kind == "least_squares":
        return _per_image(0.5 * ops.square(fake_logits - 1.0))
    return _per_image(-fake_logits)


def l1_loss(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """L_L1: mean absolute difference of RGB in [0, 1], ``(B, H, W, 3)`` to ``(B,)``."""
    check_same_shape("y_true", y_true, "y_pred", y_pred)
    return _per_image(ops.absolute(y_true - y_pred))


def luminance_loss(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """L_luminance: mean squared difference of luminance, RGB ``(B, H, W, 3)`` to ``(B,)``."""
    check_same_shape("y_true", y_true, "y_pred", y_pred)
    return _per_image(ops.square(color.luminance(y_true - y_pred)))  # luminance is linear


def color_loss(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """L_color: mean squared difference of Cb and Cr, RGB ``(B, H, W, 3)`` to ``(B,)``."""
    check_same_shape("y_true", y_true, "y_pred", y_pred)
    return _per_image(ops.square(color.chroma(y_true - y_pred)))  # and so is chroma


def colorfulness_loss(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """L_colorfulness: difference of colorfulness, RGB ``(B, H, W, 3)`` in [0, 1] to ``(B,)``.

    Kang et al., "DDColor", 2023, reward colorfulness M (Hasler and Süsstrunk, 2003)
    without bound, by 1 - M(ŷ) / 100; here the truth's is asked for, and no more.
    """
    check_same_shape("y_true", y_true, "y_pred", y_pred)
    return ops.absolute(colorfulness(y_true) - colorfulness(y_pred)) / 255.0


def distribution_loss(y_true: Tensor, logits: Tensor) -> Tensor:
    """L_distribution: cross-entropy of the true chroma and a distribution over its bins.

    Chroma between bins is shared among the four around it, so that their mean is the chroma. Rare
    colors weigh more: w is their :func:`~keras_colorize.models.outputs.rarity`.

    Args:
        y_true: true color, RGB in [0, 1], ``(B, H, W, 3)``.
        logits: of the bins of :data:`~keras_colorize.models.outputs.CHROMA_BINS`,
            ``(B, H / 4, W / 4, 225)``.

    Returns:
        One value per image, shape ``(B,)``.
    """
    chroma = ops.average_pool(color.chroma(y_true), 2**DISTRIBUTION_LEVEL)  # (B, H / 4, W / 4, 2)
    cb, cr = (_shares(chroma[..., axis], CHROMA_BINS[:, axis]) for axis in range(2))
    entropy = -ops.sum(cb * cr * ops.log_softmax(logits, axis=-1), axis=-1)
    return _per_image(rarity(chroma) * entropy)


def certainty_loss(logits: Tensor, certainty: Tensor) -> Tensor:
    """Mean squared difference of a predicted certainty and that of a distribution.

    Args:
        logits: of the distribution, ``(B, h, w, 225)``; taken as they are.
        certainty: predicted, ``(B, h, w, 1)``.

    Returns:
        One value per image, shape ``(B,)``.
    """
    target = certainty_of(ops.stop_gradient(logits))
    check_same_shape("certainty", certainty, "the certainty of logits", target)
    return _per_image(ops.square(certainty - target))


def _shares(values: Tensor, middles: Any) -> Tensor:
    """How much of each value ``(...)`` falls to each middle ``(n,)``: ``(..., n)``."""
    inside = ops.clip(values, middles.min(), middles.max())
    return ops.relu(1.0 - ops.absolute(inside[..., None] - middles) / CHROMA_STEP)


# -- their sum ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """What the generator's losses look at: photographs, what became of them, who judges them.

    Attributes:
        y_true: true color, RGB in [0, 1], ``(B, H, W, 3)``; of a historical photograph, which has
            none, its luminance three times.
        y_pred: generated color, RGB in [0, 1], same shape.
        has_color: 1 for photographs with true color, 0 for the others, ``(B,)``.
        fake_logits: the discriminator's for the generated color, ``(B, h, w, 1)``; ``None`` while
            it takes no part.
        logits: of the generator's distribution, ``(B, H / 4, W / 4, 225)``; ``None`` without one.
        certainty: as the generator predicts it, ``(B, H / 4, W / 4, 1)``; ``None`` likewise.
        perceptual: LPIPS of true and generated color, ``(B,)``; ``None`` without its network.
        taught: what the teachers paint, RGB ``(B, H, W, 3)``; ``None`` without any.
    """

    y_true: Tensor
    y_pred: Tensor
    has_color: Tensor
    fake_logits: Tensor | None = None
    logits: Tensor | None = None
    certainty: Tensor | None = None
    perceptual: Callable[[Tensor, Tensor], Tensor] | None = None
    taught: Tensor | None = None


@dataclass(frozen=True)
class Term:
    """One term of the generator's loss.

    Attributes:
        name: under which a run records it.
        weight: its setting in :class:`~keras_colorize.config.LossConfig`. A term without weight
            is neither computed nor recorded, unless it is one of the reconstruction.
        values: one value per image, shape ``(B,)``; ``None`` while the term takes no part.
        of_all: it applies to all photographs; otherwise to those with true color.
        reconstruction: it belongs to the reconstruction, which has a weight of its own.
    """

    name: str
    weight: str
    values: Callable[[Outcome, LossConfig], Tensor | None]
    of_all: bool = False
    reconstruction: bool = False

    def weigh(self, weights: LossConfig) -> float:
        """Its weight in the sum that it is directly part of."""
        return float(getattr(weights, self.weight))

    def is_recorded(self, weights: LossConfig) -> bool:
        """Whether a run with these weights computes it, and records it."""
        return self.reconstruction or self.weigh(weights) > 0.0


def _adversarial(seen: Outcome, weights: LossConfig) -> Tensor | None:
    if seen.fake_logits is None:
        return None
    return generator_loss(seen.fake_logits, weights.adversarial)


def _perceptual(seen: Outcome, _: LossConfig) -> Tensor:
    if seen.perceptual is None:
        raise ValueError(
            "losses.lambda_perceptual is above 0, and the model was made without the network "
            "that it takes; pass embed, such as load_lpips(path)"
        )
    return seen.perceptual(seen.y_true, seen.y_pred)


def _distribution(seen: Outcome, _: LossConfig) -> Tensor:
    if seen.logits is None:
        raise ValueError(
            "losses.lambda_distribution is above 0, and the generator has no distribution; build "
            "it with distribution=True"
        )
    return distribution_loss(seen.y_true, seen.logits)


def _teacher(seen: Outcome, _: LossConfig) -> Tensor:
    if seen.taught is None:
        raise ValueError(
            "losses.lambda_teacher is above 0, and the model was made without teachers; pass "
            "teach, such as load_teachers(paths)"
        )
    return color_loss(seen.taught, seen.y_pred)


#: The terms of the generator's loss, in the order in which a run records them.
TERMS: tuple[Term, ...] = (
    Term(
        "l1",
        "lambda_l1",
        lambda seen, _: l1_loss(seen.y_true, seen.y_pred),
        reconstruction=True,
    ),
    Term(
        "luminance",
        "lambda_luminance",
        lambda seen, _: luminance_loss(seen.y_true, seen.y_pred),
        of_all=True,
        reconstruction=True,
    ),
    Term(
        "color",
        "lambda_color",
        lambda seen, _: color_loss(seen.y_true, seen.y_pred),
        reconstruction=True,
    ),
    Term("perceptual", "lambda_perceptual", _perceptual),
    Term(
        "colorfulness_loss",
        "lambda_colorfulness",
        lambda seen, _: colorfulness_loss(seen.y_true, seen.y_pred),
    ),
    Term("distribution_loss", "lambda_distribution", _distribution),
    # Nothing else learns by it, and what learns has no other loss: any weight above 0 is as good.
    Term(
        "certainty_loss",
        "lambda_distribution",
        lambda seen, _: certainty_loss(seen.logits, seen.certainty),
        of_all=True,
    ),
    Term("teacher_loss", "lambda_teacher", _teacher, of_all=True),
    Term("generator_adversarial", "lambda_adversarial", _adversarial, of_all=True),
)


def weighted_l1_loss(
    y_true: Tensor, y_pred: Tensor, lambda_luminance: float, lambda_color: float
) -> Tensor:
    """L_weighted_L1 = L_L1 + λ_luminance L_luminance + λ_color L_color, shape ``(B,)``.

    Args:
        y_true: true color, RGB in [0, 1], ``(B, H, W, 3)``.
        y_pred: generated color, RGB in [0, 1], same shape.
        lambda_luminance: weight of :func:`luminance_loss`.
        lambda_color: weight of :func:`color_loss`.
    """
    weights = LossConfig(lambda_luminance=lambda_luminance, lambda_color=lambda_color)
    seen = Outcome(y_true, y_pred, has_color=1.0)
    values = {term: term.values(seen, weights) for term in TERMS if term.reconstruction}
    return sum(term.weigh(weights) * value for term, value in values.items() if value is not None)


def weighted_sum(seen: Outcome, *, weights: LossConfig) -> dict[str, Tensor]:
    """The generator's loss, and what it is made of.

    L = λ_reconstruction (λ_l1 L_L1 + λ_luminance L_luminance + λ_color L_color) + Σ λ_i L_i, the
    i being the other :data:`TERMS`. Each is first averaged over the photographs it applies to.

    Args:
        seen: the batch, and what became of it.
        weights: the λ, and the kind of the adversarial loss.

    Returns:
        Scalars by name: the terms that take part, ``"reconstruction"``, and their sum ``"loss"``.

    Raises:
        ValueError: shapes differ, or the network of the perceptual loss is missing.
    """
    values: dict[str, Tensor] = {}
    for term in TERMS:
        per_image = term.values(seen, weights) if term.is_recorded(weights) else None
        if per_image is not None:
            mask = ops.ones_like(seen.has_color) if term.of_all else seen.has_color
            values[term.name] = masked_mean(per_image, mask)
    return values | sums(values, weights)


def sums(terms: Mapping[str, Tensor], weights: LossConfig) -> dict[str, Tensor]:
    """``"reconstruction"`` and ``"loss"`` of the terms by name: the sums of :func:`weighted_sum`.

    They are linear: of the terms' means over several batches they are those of all photographs,
    also where the batches hold unlike shares of those in color.
    """

    def total(*, reconstruction: bool) -> Tensor:
        chosen = (t for t in TERMS if t.name in terms and t.reconstruction == reconstruction)
        return sum(term.weigh(weights) * terms[term.name] for term in chosen)

    inner = total(reconstruction=True)
    loss = weights.lambda_reconstruction * inner + total(reconstruction=False)
    return {"reconstruction": inner, "loss": loss}


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of ``values`` ``(B,)`` where ``mask`` ``(B,)`` is 1; 0 where it is 1 nowhere."""
    return ops.divide_no_nan(ops.sum(values * mask), ops.sum(mask))


def _per_image(values: Tensor) -> Tensor:
    return ops.mean(values, axis=tuple(range(1, len(values.shape))))


def _check_kind(kind: str) -> None:
    if kind not in get_args(AdversarialKind):
        raise ValueError(
            f"kind must be one of {', '.join(get_args(AdversarialKind))}. Received: kind={kind!r}"
        )
