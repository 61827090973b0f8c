"""The discriminator: a PatchGAN that judges overlapping patches, not whole photographs."""

import keras

from keras_colorize.config import JUDGED_LEVELS, Encoder, Normalization
from keras_colorize.models import efficientnet
from keras_colorize.models.blocks import LEAK, LayerFactory, check_choice, check_positive

__all__ = ["build_patchgan"]

_MAX_FILTERS = 512
_KERNEL = 4


def build_patchgan(
    filters: int = 64,
    depth: int = 3,
    *,
    encoder: Encoder = "plain",
    normalization: Normalization = "batch",
    spectral_normalization: bool = False,
    conditional: bool = True,
    dtype: str | keras.DTypePolicy = "float32",
    seed: int = 0,
    name: str = "patchgan",
) -> keras.Model:
    """Build the PatchGAN discriminator of pix2pix (Isola et al., 2017, section 3.2.2).

    Args:
        filters: channels of the first convolution; they double up to 512.
        depth: convolutions of stride 2; 3 gives the 70 x 70 patches of pix2pix. With a pretrained
            encoder: how many of its levels are judged, from a quarter of the size on, at most 4.
        encoder: ``"plain"``: pix2pix' own; ``"efficientnet_lite0"``: what is judged are features of
            the color that EfficientNet-Lite0 has, frozen, several levels side by side (Sauer et
            al., "Projected GANs Converge Faster", 2021, without their random projections). Its
            weights are random until
            :func:`~keras_colorize.models.efficientnet.load_encoder` gives it those learned on
            ImageNet.
        normalization: as in :func:`~keras_colorize.models.build_unet`; the first and the last
            convolution have none.
        spectral_normalization: bound every kernel's largest singular value by 1 (Miyato et al.,
            2018); usually with ``normalization="none"``.
        conditional: judge the color together with the luminance it was made from. Without, or with
            a pretrained encoder, the luminance is an input all the same and ignored: the color
            has it.
        dtype: dtype policy of the layers; logits are float32.
        seed: of the initial weights.
        name: the model's name.

    Returns:
        A functional model: ``[luminance (B, H, W, 1), color (B, H, W, 3)]``, both in [0, 1], to
        logits ``(B, h, w, 1)``, float32: positive where a patch looks real. ``h`` and ``w`` are
        ``ceil(H / 2**depth)`` and ``ceil(W / 2**depth)``. With a pretrained encoder, sides are
        multiples of ``2**(depth + 1)`` and the logits ``(B, H / 4, W / 4, depth)``, one channel
        a level.

    Raises:
        ValueError: an argument is out of its range.
    """
    check_positive(filters=filters, depth=depth)
    check_choice("encoder", encoder, Encoder)
    if encoder != "plain" and depth > JUDGED_LEVELS:
        raise ValueError(
            f"depth must be at most {JUDGED_LEVELS} with encoder={encoder!r}. "
            f"Received: depth={depth!r}"
        )
    layers = LayerFactory(normalization, dtype, seed)
    convolve = _Convolution(layers, spectral_normalization)
    luminance = keras.Input((None, None, 1), name="luminance")
    rgb = keras.Input((None, None, 3), name="color")
    if encoder == "plain":
        seen = [luminance, rgb] if conditional else [rgb]
        patches = _judge_pixels(seen, filters, depth, convolve)
    else:
        patches = _judge_features(rgb, filters, depth, convolve)
    logits = keras.layers.Activation("linear", name="logits", dtype="float32")(patches)
    return keras.Model([luminance, rgb], logits, name=name)


class _Convolution:
    """Makes the discriminator's convolutions, each with its own seed.

    Args:
        layers: makes their parts.
        spectral: bound every kernel's largest singular value by 1.
    """

    def __init__(self, layers: LayerFactory, spectral: bool) -> None:
        self.layers = layers
        self._spectral = spectral

    def __call__(
        self, x: keras.KerasTensor, filters: int, name: str, strides: int = 1
    ) -> keras.KerasTensor:
        convolution = self.layers.conv(filters, name, kernel_size=_KERNEL, strides=strides)
        if self._spectral:
            # In float32 at any precision: each step stores the kernel again, and Keras would store
            # it as it reads it, rounded to 16 bits. The convolution itself keeps its own policy.
            convolution = keras.layers.SpectralNormalization(
                convolution, name=f"{name}_spectral", dtype="float32"
            )
        return convolution(x)


def _judge_pixels(
    seen: list[keras.KerasTensor], filters: int, depth: int, convolve: _Convolution
) -> keras.KerasTensor:
    """Judge patches of the photograph itself: ``(B, ceil(H / 2**depth), ..., 1)``."""
    layers = convolve.layers
    x = seen[0]
    if len(seen) > 1:
        x = keras.layers.Concatenate(name="pair", dtype=layers.dtype)(seen)
    x = keras.layers.Rescaling(2.0, -1.0, name="center", dtype=layers.dtype)(x)
    for level in range(depth + 1):
        strides = 2 if level < depth else 1
        x = convolve(x, min(filters * 2**level, _MAX_FILTERS), f"conv_{level}", strides)
        if level > 0:
            x = layers.normalize(x, f"conv_{level}_norm")
        x = keras.layers.LeakyReLU(LEAK, name=f"conv_{level}_relu", dtype=layers.dtype)(x)
    return convolve(x, 1, "patches")


def _judge_features(
    rgb: keras.KerasTensor, filters: int, depth: int, convolve: _Convolution
) -> keras.KerasTensor:
    """Judge what the encoder sees, each level by itself: ``(B, H / 4, W / 4, depth)``."""
    layers = convolve.layers
    features, innermost = efficientnet.encode(rgb, layers)
    judged = []
    for level, x in enumerate([*features[1:], innermost][:depth]):
        x = convolve(x, filters, f"conv_{level}")
        x = layers.normalize(x, f"conv_{level}_norm")
        x = keras.layers.LeakyReLU(LEAK, name=f"conv_{level}_relu", dtype=layers.dtype)(x)
        x = convolve(x, 1, f"patches_{level}")
        # As many logits of each level, so that each has as much of a say.
        judged.append(
            keras.layers.UpSampling2D(2**level, name=f"patches_{level}_up", dtype=layers.dtype)(x)
        )
    if depth == 1:
        return judged[0]
    return keras.layers.Concatenate(name="patches", dtype=layers.dtype)(judged)
