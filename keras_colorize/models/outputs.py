"""What a generator gives, by name: the color, and what a photograph on the desk needs beside it.

Without Keras, so that a twin of LiteRT is asked for the same by who has not imported it.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import keras

__all__ = [
    "CHROMA_BINS",
    "CHROMA_STEP",
    "COLOR",
    "DISTRIBUTION",
    "ENCODED",
    "FEATURES",
    "likely_shares",
    "named_outputs",
    "rarity",
]

#: RGB in [0, 1], ``(B, H, W, 3)``.
COLOR = "color"
#: Of the decoder, at an eighth and a quarter of the size: what a place is, and where it ends.
FEATURES = ("up_3", "up_2")
#: Of the encoder, at an eighth and a sixteenth of the size, and innermost: what a place is,
#: whatever color it becomes.
ENCODED = ("encoded_3", "encoded_4", "encoded_5")
#: Logits of the likely colors, at a quarter of the size; the layer that gives them is called so.
DISTRIBUTION = "distribution"

#: Distance of neighboring bins in Cb and in Cr: ten of 255 levels.
CHROMA_STEP = 0.04
_PER_AXIS = 15
#: The middles of the bins, Cb and Cr, ``(225, 2)``: a square grid to ±0.28. Hardly any photograph
#: holds more, and what does counts as the outermost.
CHROMA_BINS = CHROMA_STEP * (
    np.stack(np.meshgrid(*[np.arange(_PER_AXIS)] * 2, indexing="ij"), axis=-1).reshape(-1, 2)
    - (_PER_AXIS - 1) / 2
).astype(np.float32)


# Layers that give these, of an encoder that learned on ImageNet; pix2pix' has one for each level.
_PRETRAINED = ("encoder_4_add", "encoder_10_add", "innermost_norm")
_PLAIN = ("down_2", "down_3", "down_4")

_RARE_CHROMA = 0.02  # of this length it weighs twice as much as gray: 5 of 255 levels


def rarity(chroma: Any) -> Any:
    """What a place weighs while a distribution is learned, ``(..., 2)`` to ``(...)``, 1 or more.

    As in Zhang et al. rare colors weigh more, or nearly everything would be gray; there by how rare
    each bin is in a corpus, here by a formula that needs none: 1 + |CbCr| / 0.02, ten times gray's
    or more in vivid color. For NumPy arrays and tensors of any Keras backend.
    """
    return 1.0 + (chroma[..., 0] ** 2 + chroma[..., 1] ** 2) ** 0.5 / _RARE_CHROMA


def likely_shares(logits: np.ndarray) -> np.ndarray:
    """The share of what is likely that falls to each bin: float32 ``(..., 225)``, same shape.

    What is learned with weights is the true distribution times :func:`rarity`; divided by it, the
    shares say how often each color is the true one.
    """
    exponents = np.exp(logits - logits.max(axis=-1, keepdims=True))
    exponents /= rarity(CHROMA_BINS)
    return exponents / exponents.sum(axis=-1, keepdims=True)


def named_outputs(generator: "keras.Model") -> dict[str, Any]:
    """The outputs of a UNet, as far as it is so deep and has them: symbolic tensors by name."""
    layers = {layer.name: layer for layer in generator.layers}
    named = {COLOR: generator.output}
    encoder = _PRETRAINED if _PRETRAINED[0] in layers else _PLAIN
    for name, wanted in zip((*FEATURES, *ENCODED), (*FEATURES, *encoder), strict=True):
        if (layer := layers.get(f"{wanted}_norm", layers.get(wanted))) is not None:
            named[name] = layer.output
    if DISTRIBUTION in layers:
        named[DISTRIBUTION] = layers[DISTRIBUTION].output
    return named
