"""The generator: a UNet that sees a photograph's luminance and gives its color."""

import keras
from keras import ops

from keras_colorize import color
from keras_colorize.config import (
    DISTRIBUTION_LEVEL,
    ENCODER_DEPTH,
    Encoder,
    Normalization,
    Output,
    Upsampling,
)
from keras_colorize.models import distribution as likely
from keras_colorize.models import efficientnet
from keras_colorize.models.blocks import (
    LEAK,
    LayerFactory,
    check_choice,
    check_positive,
)

__all__ = ["CHROMA_LAYER", "build_unet", "keep_luminance", "unet_stride"]

#: Name of the layer that scales what the network paints to Cb and Cr, with ``output="chroma"``.
CHROMA_LAYER = "chroma"

_DROPOUT_LEVELS = 3  # pix2pix: dropout in the three innermost levels of the decoder


def unet_stride(depth: int) -> int:
    """Height and width of a UNet's input are multiples of this: 2 to the power of its depth."""
    return 2**depth


def build_unet(
    filters: int = 64,
    depth: int = 6,
    *,
    encoder: Encoder = "plain",
    max_filters: int = 512,
    skip_filters: int = 0,
    normalization: Normalization = "batch",
    dropout: float = 0.5,
    upsampling: Upsampling = "transposed",
    output: Output = "rgb",
    distribution: bool = False,
    dtype: str | keras.DTypePolicy = "float32",
    seed: int = 0,
    name: str = "unet",
) -> keras.Model:
    """Build the UNet generator of pix2pix (Isola et al., 2017), for luminance in and color out.

    ``depth`` convolutions of stride 2 lead down, as many upsampling steps lead up, and each level
    hands its features across. Made of layers and operations of Keras alone: a saved model loads
    without this package.

    Args:
        filters: channels of the outermost level; each level inward doubles them.
        depth: number of levels. The input's height and width must be multiples of ``2**depth``.
        encoder: ``"plain"``: pix2pix' own; ``"efficientnet_lite0"``: EfficientNet-Lite0 without
            its classifier, 5 levels, here with initial weights; see
            :func:`~keras_colorize.models.efficientnet.load_encoder` for those learned on ImageNet.
        max_filters: the doubling stops here.
        skip_filters: channels to which a convolution of 1 x 1 reduces what the outermost level
            hands across, doubled inward like ``filters``; 0 hands everything across. A pretrained
            encoder has far more channels than a decoder needs, and most of the work is theirs.
        normalization: ``"batch"``, ``"instance"``, ``"group"`` or ``"none"``; the outermost and
            the innermost level of the encoder have none, as in pix2pix.
        dropout: rate in the three innermost levels of the decoder, in [0, 1).
        upsampling: ``"transposed"`` convolutions (pix2pix); ``"resize"``: nearest neighbor, then a
            convolution (Odena et al., 2016: no checkerboard); ``"subpixel"``: depth to space
            (Shi et al., 2016).
        output: ``"rgb"``: the network paints all three channels; ``"chroma"``: it paints Cb and
            Cr, limited into gamut and joined to the input's luminance, which stays exactly.
        distribution: with ``output="chroma"`` and a depth of at least 3: a second head, which says
            at a quarter of the size how likely each color is, and by how much the chroma is to be
            multiplied for it: by 1, until a packed model says otherwise. See
            :mod:`~keras_colorize.models.distribution`.
        dtype: dtype policy of the layers, such as ``"mixed_bfloat16"``; the output is float32.
        seed: of the initial weights and of the dropout.
        name: the model's name.

    Returns:
        A functional model: luminance ``(B, H, W, 1)`` to RGB ``(B, H, W, 3)``, both float32 in
        [0, 1].

    Raises:
        ValueError: an argument is out of its range.
    """
    check_positive(filters=filters, depth=depth, max_filters=max_filters)
    check_choice("upsampling", upsampling, Upsampling)
    check_choice("output", output, Output)
    check_choice("encoder", encoder, Encoder)
    if encoder != "plain" and depth != ENCODER_DEPTH:
        raise ValueError(
            f"depth must be {ENCODER_DEPTH} with encoder={encoder!r}. Received: depth={depth!r}"
        )
    if skip_filters < 0:
        raise ValueError(f"skip_filters must be at least 0. Received: skip_filters={skip_filters}")
    if not 0.0 <= dropout < 1.0:
        raise ValueError(f"dropout must be in [0, 1). Received: dropout={dropout!r}")
    if distribution and (output != "chroma" or depth <= DISTRIBUTION_LEVEL):
        raise ValueError(
            f"distribution needs output='chroma' and a depth above {DISTRIBUTION_LEVEL}. "
            f"Received: output={output!r}, depth={depth!r}"
        )
    layers = LayerFactory(normalization, dtype, seed)
    channels = [min(filters * 2**level, max_filters) for level in range(depth)]

    luminance = keras.Input((None, None, 1), name="luminance")
    if encoder == "plain":
        features, x = _plain_encoder(luminance, channels, layers)
    else:
        features, x = efficientnet.encode(luminance, layers)
    skips = features
    if skip_filters > 0:
        widths = [min(skip_filters * 2**level, max_filters) for level in range(depth - 1)]
        skips = [
            layers.conv(width, f"skip_{level}_conv", kernel_size=1)(across)
            for level, (across, width) in enumerate(zip(features, widths, strict=True))
        ]
    if skip_filters > 0 or encoder != "plain":
        skips = [
            layers.normalize(across, f"skip_{level}_norm") for level, across in enumerate(skips)
        ]
    if encoder != "plain":  # its features are larger than pix2pix' are
        x = layers.normalize(x, "innermost_norm")

    gain = None
    for level in reversed(range(1, depth)):
        if level < depth - 1:
            x = keras.layers.Concatenate(name=f"skip_{level}", dtype=dtype)([x, skips[level]])
        if level < depth - 1 or encoder == "plain":  # pretrained, the innermost is not rectified
            x = keras.layers.ReLU(name=f"up_{level}_relu", dtype=dtype)(x)
        x = _upsample(x, channels[level - 1], upsampling, layers, f"up_{level}")
        x = layers.normalize(x, f"up_{level}_norm")
        if dropout > 0.0 and level >= depth - _DROPOUT_LEVELS:
            x = keras.layers.Dropout(
                dropout, seed=layers.seed(), name=f"up_{level}_dropout", dtype=dtype
            )(x)
        if distribution and level == DISTRIBUTION_LEVEL:
            logits = likely.chroma_logits(x, layers)
            gain = likely.chroma_gain(likely.certainty_head(logits, layers))
    if depth > 1:
        x = keras.layers.Concatenate(name="skip_0", dtype=dtype)([x, skips[0]])
    x = keras.layers.ReLU(name="up_0_relu", dtype=dtype)(x)
    rgb = _head(x, luminance, gain, output, upsampling, layers)
    return keras.Model(luminance, rgb, name=name)


def _plain_encoder(
    luminance: keras.KerasTensor, channels: list[int], layers: LayerFactory
) -> tuple[list[keras.KerasTensor], keras.KerasTensor]:
    """The encoder of pix2pix: the features of every level but the innermost, and those of it."""
    dtype, depth = layers.dtype, len(channels)
    x = keras.layers.Rescaling(2.0, -1.0, name="center", dtype=dtype)(luminance)
    features = []
    for level, width in enumerate(channels):
        if level > 0:
            x = keras.layers.LeakyReLU(LEAK, name=f"down_{level}_relu", dtype=dtype)(x)
        x = layers.conv(width, f"down_{level}", kernel_size=4, strides=2)(x)
        if 0 < level < depth - 1:
            x = layers.normalize(x, f"down_{level}_norm")
        features.append(x)  # (B, H / 2**(level + 1), W / 2**(level + 1), width)
    return features[:-1], x


def _upsample(
    x: keras.KerasTensor, width: int, upsampling: Upsampling, layers: LayerFactory, name: str
) -> keras.KerasTensor:
    """Double height and width, ``(B, h, w, c)`` to ``(B, 2h, 2w, width)``."""
    if upsampling == "transposed":
        return layers.conv_transpose(width, name, kernel_size=4, strides=2)(x)
    if upsampling == "subpixel":
        return ops.depth_to_space(layers.conv(4 * width, name, kernel_size=3)(x), 2)
    x = ops.repeat(ops.repeat(x, 2, axis=1), 2, axis=2)
    return layers.conv(width, name, kernel_size=3)(x)


def _head(
    x: keras.KerasTensor,
    luminance: keras.KerasTensor,
    gain: keras.KerasTensor | None,
    output: Output,
    upsampling: Upsampling,
    layers: LayerFactory,
) -> keras.KerasTensor:
    """The outermost upsampling step and the output: RGB in [0, 1], float32."""
    painted = _upsample(x, 3 if output == "rgb" else 2, upsampling, layers, "up_0")
    # Mixed precision ends here: in bfloat16, [0, 1] would be quantized to about 8 bits.
    painted = keras.layers.Activation("tanh", name="tanh", dtype="float32")(painted)
    if output == "rgb":
        return keras.layers.Rescaling(0.5, 0.5, name="color", dtype="float32")(painted)
    scale = keras.layers.Rescaling(color.CHROMA_LIMIT, name=CHROMA_LAYER, dtype="float32")
    return _join_chroma(luminance, scale(painted if gain is None else gain * painted))


def keep_luminance(generator: keras.Model) -> keras.Model:
    """A generator that paints RGB, made to paint chroma like any other.

    Of its color the chroma is taken, and joined to the luminance that it is given.

    Args:
        generator: a UNet of ``output="rgb"``.

    Returns:
        A model of the same weights with a layer :data:`CHROMA_LAYER`.
    """
    (luminance,) = generator.inputs
    scale = keras.layers.Rescaling(1.0, name=CHROMA_LAYER, dtype="float32")
    rgb = _join_chroma(luminance, scale(color.chroma(generator.output)))
    return keras.Model(luminance, rgb, name=generator.name)


def _join_chroma(luminance: keras.KerasTensor, chroma: keras.KerasTensor) -> keras.KerasTensor:
    rgb = color.add_chroma(luminance, chroma)
    # What is beyond [0, 1] is rounding: cut off, but nothing for the gradient to pass through.
    return rgb - ops.stop_gradient(rgb - ops.clip(rgb, 0.0, 1.0))
