"""The discriminator: a PatchGAN that judges overlapping patches, not whole photographs."""

import keras

from keras_colorize.config import Normalization
from keras_colorize.models.blocks import LEAK, LayerFactory, check_positive

__all__ = ["build_patchgan"]

_MAX_FILTERS = 512
_KERNEL = 4


def build_patchgan(
    filters: int = 64,
    depth: int = 3,
    *,
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
        depth: convolutions of stride 2; 3 gives the 70 x 70 patches of pix2pix.
        normalization: as in :func:`~keras_colorize.models.build_unet`; the first and the last
            convolution have none.
        spectral_normalization: bound every kernel's largest singular value by 1 (Miyato et al.,
            2018); usually with ``normalization="none"``.
        conditional: judge the color together with the luminance it was made from. Without, the
            luminance is an input all the same and ignored.
        dtype: dtype policy of the layers; logits are float32.
        seed: of the initial weights.
        name: the model's name.

    Returns:
        A functional model: ``[luminance (B, H, W, 1), color (B, H, W, 3)]``, both in [0, 1], to
        logits ``(B, h, w, 1)``, float32: positive where a patch looks real. ``h`` and ``w`` are
        ``ceil(H / 2**depth)`` and ``ceil(W / 2**depth)``.

    Raises:
        ValueError: an argument is out of its range.
    """
    check_positive(filters=filters, depth=depth)
    layers = LayerFactory(normalization, dtype, seed)

    def convolve(x: keras.KerasTensor, width: int, strides: int, name: str) -> keras.KerasTensor:
        convolution = layers.conv(width, name, kernel_size=_KERNEL, strides=strides)
        if spectral_normalization:
            convolution = keras.layers.SpectralNormalization(
                convolution, name=f"{name}_spectral", dtype=dtype
            )
        return convolution(x)

    luminance = keras.Input((None, None, 1), name="luminance")
    rgb = keras.Input((None, None, 3), name="color")
    x = keras.layers.Concatenate(name="pair", dtype=dtype)([luminance, rgb]) if conditional else rgb
    x = keras.layers.Rescaling(2.0, -1.0, name="center", dtype=dtype)(x)
    for level in range(depth + 1):
        strides = 2 if level < depth else 1
        x = convolve(x, min(filters * 2**level, _MAX_FILTERS), strides, f"conv_{level}")
        if level > 0:
            x = layers.normalize(x, f"conv_{level}_norm")
        x = keras.layers.LeakyReLU(LEAK, name=f"conv_{level}_relu", dtype=dtype)(x)
    x = convolve(x, 1, 1, "patches")
    logits = keras.layers.Activation("linear", name="logits", dtype="float32")(x)
    return keras.Model([luminance, rgb], logits, name=name)
