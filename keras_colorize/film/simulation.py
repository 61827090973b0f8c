"""Film, from physics rather than from filters: what an old emulsion would have recorded.

A modern color photograph goes the way of an old one: light -> emulsion -> lens blur and halation
-> development -> grain -> print -> a century of fading, dust and scratches -> scanner. A
:class:`FilmStock` says how likely and how strong each step is; :func:`simulate_film` draws them.

Lengths are shares of the picture's short side, so that a photograph looks alike at 128 and at 512
pixels; grain and scanner noise cannot be finer than a pixel.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any

import tensorflow as tf

from keras_colorize import color
from keras_colorize.film.stocks import EFFECTS, NEVER, STOCKS, Chance, FilmStock, find_stocks

__all__ = ["NEVER", "STOCKS", "Chance", "FilmStock", "simulate_film"]

Tensor = Any  # of TensorFlow


def simulate_film(
    rgb: Tensor,
    stock: FilmStock | str | Sequence[FilmStock | str],
    seed: int | Tensor,
    *,
    first: int | Tensor = 0,
) -> Tensor:
    """The luminance that an old photograph of the same scene would show.

    A pure function: equal arguments give equal results, in eager mode and inside ``tf.data``.
    Image ``i`` depends on ``i``, ``stock`` and ``seed``, not on the other images of the batch.

    Args:
        rgb: sRGB photographs, float32 ``(B, H, W, 3)`` or ``(H, W, 3)`` in [0, 1]. H and W of at
            least 8, known or dynamic. Time grows with H W (H + W): made for 128 to 512 pixels.
        stock: a stock, its name in :data:`STOCKS`, or several, of which each image draws one.
        seed: an int, or an integer tensor of shape ``(2,)`` as ``tf.random.stateless_*`` take it.
        first: ``i`` of the first image, where ``rgb`` is what follows in a larger batch.

    Returns:
        float32 ``(B, H, W, 1)`` or ``(H, W, 1)`` in [0, 1], sRGB-encoded like a scan.

    Raises:
        ConfigError: a stock's name is unknown.
        ValueError: ``rgb`` or ``seed`` has another shape or type.
    """
    stocks = find_stocks(stock)
    rgb = tf.convert_to_tensor(rgb)
    _check_photographs(rgb)
    if rgb.shape.rank == 3:
        return simulate_film(rgb[None], stocks, seed, first=first)[0]

    end, seed = first + tf.shape(rgb)[0], _to_seed(seed)
    choice = tf.random.stateless_uniform([end], seed, 0, len(stocks), tf.int32)
    lab = _Lab(stocks, choice, tf.range(first, end)[:, None], seed)
    response, printing = lab.constant("response"), lab.constant("printing")
    light = tf.einsum("bhwc,bc->bhw", _linearize(rgb), response)  # (B, H, W)
    light = _meter(light, printing, lab.constant("exposed"))
    light = lab.apply("exposure", _misexpose, light)
    light = lab.apply("softness", lambda image, strength, _: _blur(image, strength), light)
    light = lab.apply("halation", _halate, light)
    tone = _encode(lab.apply("contrast", _develop, light))
    tone = _print(tone, printing)
    tone = lab.apply("grain", _add_grain, tone)
    tone = lab.apply("fading", _fade, tone)
    tone = lab.apply("dust", _add_dust, tone)
    tone = lab.apply("scratches", _scratch, tone)
    tone = lab.apply("rescaling", _rescale, tone)
    tone = tf.clip_by_value(lab.apply("noise", _add_noise, tone), 0.0, 1.0)
    tone = lab.apply("jpeg", _compress, tone)
    return tf.ensure_shape(tone[..., None], (*rgb.shape[:3], 1))


def _check_photographs(rgb: Tensor) -> None:
    expected = "rgb: expected float32 of shape (B, H, W, 3) or (H, W, 3), H and W of at least 8."
    fits = rgb.dtype == tf.float32 and rgb.shape.rank in (3, 4) and rgb.shape[-1] == 3
    if not fits or any(side is not None and side < 8 for side in rgb.shape[-3:-1]):
        raise ValueError(f"{expected} Received: {rgb.dtype.name} of shape {rgb.shape}")


def _to_seed(seed: int | Tensor) -> Tensor:
    if isinstance(seed, int):
        return tf.constant([seed & 0x7FFFFFFF, seed >> 31 & 0x7FFFFFFF], tf.int32)
    seed = tf.convert_to_tensor(seed)
    if not seed.dtype.is_integer or not seed.shape.is_compatible_with((2,)):
        expected = "seed: expected an int or an integer tensor of shape (2,)."
        raise ValueError(f"{expected} Received: {seed.dtype.name} of shape {seed.shape}")
    return seed


@dataclass(frozen=True)
class _Lab:
    """The lab where n images of a batch are processed: their stocks and their random numbers."""

    stocks: list[FilmStock]
    choice: Tensor  # (B,) index of each image's stock
    drawn: Tensor  # (n, 1), the places in the batch of the n images
    seed: Tensor

    def constant(self, name: str) -> Tensor:
        """A number of each image's stock, ``(n, 1, 1)``; of a triple, ``(n, 3)``."""
        values = [getattr(stock, name) for stock in self.stocks]
        values = [astuple(value) if isinstance(value, Chance) else value for value in values]
        values = tf.gather_nd(tf.gather(tf.constant(values, tf.float32), self.choice), self.drawn)
        return values if values.shape.rank == 2 else values[:, None, None]

    def random(self, stream: int, *shape: Any, normal: bool = False) -> Tensor:
        """Uniform in [0, 1) or standard normal ``(n, *shape)``."""
        # Drawn for the whole batch, so that a place's numbers don't depend on the other draws.
        sample = tf.random.stateless_normal if normal else tf.random.stateless_uniform
        seed = tf.random.experimental.stateless_fold_in(self.seed, tf.cast(stream, self.seed.dtype))
        return tf.gather_nd(sample([tf.shape(self.choice)[0], *shape], seed), self.drawn)

    def apply(
        self, name: str, effect: Callable[[Tensor, Tensor, "_Lab"], Tensor], images: Tensor
    ) -> Tensor:
        """``effect`` on those of ``images`` ``(B, H, W)`` that draw it; the others stay."""
        if not any(getattr(stock, name).probability for stock in self.stocks):
            return images
        stream = tf.cast(EFFECTS.index(name), self.seed.dtype)
        lab = replace(self, seed=tf.random.experimental.stateless_fold_in(self.seed, stream))
        probability, mild, strong = tf.unstack(self.constant(name), axis=1)
        uniform = lab.random(0, 2)
        strength = (mild + (strong - mild) * tf.square(uniform[:, 1]))[:, None, None]
        drawn = tf.where(uniform[:, 0] < probability)

        def some() -> Tensor:
            changed = effect(
                tf.gather_nd(images, drawn),
                tf.gather_nd(strength, drawn),
                replace(lab, drawn=tf.gather_nd(lab.drawn, drawn)),
            )
            return tf.tensor_scatter_nd_update(images, drawn, changed)

        return tf.cond(tf.shape(drawn)[0] > 0, some, lambda: images)


# Light: linear exposure (B, H, W), 1 is white.


def _power(base: Tensor, exponent: Tensor | float) -> Tensor:
    # Six times as fast as `**`. The smallest base keeps rounding below 0 out of the logarithm.
    return tf.exp(exponent * tf.math.log(tf.maximum(base, 1e-12)))


# sRGB (IEC 61966-2-1) is a line up to this light and a power above. As the two meet there, each
# may be held at its end and the sum be taken: no branch, at a third of the time of tf.where.
_SLOPE, _LINE_END, _OFFSET, _POWER = color.SRGB_CURVE


def _linearize(encoded: Tensor) -> Tensor:
    """sRGB to linear light, any shape, [0, 1]."""
    end = _SLOPE * _LINE_END
    power = _power((tf.maximum(encoded, end) + _OFFSET) * (1 / (1 + _OFFSET)), _POWER)
    return tf.minimum(encoded, end) * (1 / _SLOPE) + power - _LINE_END


def _encode(light: Tensor) -> Tensor:
    """Linear light to sRGB, the inverse of :func:`_linearize`; light above white is white."""
    power = (1 + _OFFSET) * _power(tf.clip_by_value(light, _LINE_END, 1.0), 1 / _POWER) - _OFFSET
    return _SLOPE * (tf.clip_by_value(light, 0.0, _LINE_END) - _LINE_END) + power


def _meter(light: Tensor, printing: Tensor, exposed: Tensor) -> Tensor:
    """Expose so that the share ``exposed`` lies below white, within 1 stop down and 2 stops up."""
    white = tf.maximum(_percentile(light, exposed), 1e-3)
    return light * tf.clip_by_value(1.0 / white, 0.5, 4.0) ** printing


def _misexpose(light: Tensor, strength: Tensor, lab: _Lab) -> Tensor:
    # Two of three are too dark: scans of 1910 to 1945 have a mean tone of 0.43, not of 0.5.
    return light * 2.0 ** (tf.sign(lab.random(1, 1, 1) - 0.67) * strength)


def _halate(light: Tensor, strength: Tensor, lab: _Lab) -> Tensor:
    """Bright light passes the emulsion, is reflected by its base and comes back spread out."""
    bright = 2.0 * tf.nn.relu(light - 0.5)  # steeper than light: digital photographs clip it
    halo = _blur(bright, lab.constant("halation_radius"))
    return light + strength * (halo - tf.minimum(bright, light))


def _develop(light: Tensor, strength: Tensor, lab: _Lab) -> Tensor:
    """The characteristic curve (Hurter and Driffield, 1890) of film and paper together.

    Density against the logarithm of exposure: a straight line between a toe, 2.2 decades below
    white, and a shoulder at white, both rounded. The densest black becomes 0, bare paper 1.
    """
    decade = math.log(10.0)
    toe, shoulder = lab.constant("toe") * decade, lab.constant("shoulder") * decade

    def brightness(log_exposure: Tensor) -> Tensor:
        rise = toe * tf.nn.softplus((log_exposure + 2.2 * decade) / toe)
        flat = shoulder * tf.nn.softplus(log_exposure / shoulder)
        return tf.exp(strength * (rise - flat))

    black, paper = brightness(-20.0), brightness(5.0)
    exposed = brightness(tf.math.log(tf.maximum(light, 1e-6)))
    return (exposed - black) / (paper - black)


# Tone: what the print and its scan show (n, H, W), sRGB-encoded, 1 is white.


def _print(tone: Tensor, printing: Tensor) -> Tensor:
    """Print a dark picture lighter: its middle tone comes a third of the way to middle gray."""
    # A light middle tone stays, as it is mostly sky. 0.46 encodes 18 % gray.
    middle = tf.clip_by_value(_percentile(tone, 0.5 * tf.ones_like(printing)), 0.05, 0.46)
    power = _power(math.log(0.46) / tf.math.log(middle), 1 / 3)
    return _power(tone, power**printing)


def _add_grain(tone: Tensor, strength: Tensor, lab: _Lab) -> Tensor:
    """Opaque grains at random places: the share they cover varies as t (1 - t)."""
    # Uniform noise of standard deviation 1; what the pixels' clumps add up is nearly normal.
    noise = 12.0**0.5 * (lab.random(1, *_size(tone)) - 0.5)
    filters = _gaussians(tone, lab.constant("grain_size"))
    # Rows of unit energy in place of unit sum: the clumps keep the standard deviation of 1.
    noise = _filter(noise, *(tf.math.l2_normalize(rows, axis=-1) for rows in filters))
    tone = tf.clip_by_value(tone, 0.0, 1.0)
    return tone + strength * 2.0 * tf.sqrt(tone * (1.0 - tone)) * noise


def _fade(tone: Tensor, strength: Tensor, lab: _Lab) -> Tensor:
    """Lose silver, which lifts the blacks, in blotches; the paper darkens a quarter as much."""
    blotches = tf.image.resize(2.0 * lab.random(1, 4, 4, 1) - 1.0, _size(tone), "bicubic")[..., 0]
    lost = strength * (1.0 + lab.constant("unevenness") * blotches)
    lost = tf.clip_by_value(lost, 0.0, 0.6)
    return (1.0 - (1.0 - tone) * (1.0 - lost)) * (1.0 - 0.25 * lost)


def _add_dust(tone: Tensor, strength: Tensor, lab: _Lab) -> Tensor:
    """Up to 16 oval specks with radii of 0.2 to 1 % of the short side, small ones mostly."""
    y, x, short = _coordinates(tone)
    top, left, size, stretch, kind = tf.unstack(lab.random(1, 5, 1, 16), axis=1)  # (n, 1, 16)
    radius, stretch = short * (0.002 + 0.008 * tf.square(size)), 0.6 + 0.8 * stretch
    high = tf.exp(-tf.square((y[..., None] - top * y[-1]) / (radius * stretch)))  # (n, H, 16)
    wide = tf.exp(-tf.square((x[..., None] - left * x[-1]) / (radius / stretch)))  # (n, W, 16)
    # Seven of ten lay on the negative and kept light from the paper.
    sign = tf.where(kind < strength, tf.sign(0.7 * strength - kind), 0.0)
    return _cover(tone, 2.0 * tf.matmul(sign * high, wide, transpose_b=True))


def _scratch(tone: Tensor, strength: Tensor, lab: _Lab) -> Tensor:
    """One to three scratches, steep, with half-widths of 0.1 to 0.4 % of the short side."""
    y, x, short = _coordinates(tone)
    line = tf.unstack(lab.random(1, 6, 3, 1, 1), axis=1)  # (n, 3, 1, 1)
    top, left, length, slant, width, kind = line
    y, x = y[:, None], x - left * x[-1]
    across = (x - 0.5 * (slant - 0.5) * (y - 0.5 * y[-1])) / (short * (0.001 + 0.003 * width))
    ends = tf.clip_by_value(20.0 * (0.1 + length - tf.abs(y / y[-1] - top)), 0.0, 1.0)
    # Those in the print show its paper; those in the negative, fewer, print black.
    sign = tf.where(kind < 0.4, 1.0, tf.where(kind < 0.6, -1.0, 0.0))
    sign = tf.where(tf.range(3)[:, None, None] == 0, tf.where(kind < 0.7, 1.0, -1.0), sign)
    return _cover(tone, strength * tf.reduce_sum(sign * ends * tf.exp(-tf.square(across)), axis=1))


def _cover(tone: Tensor, cover: Tensor) -> Tensor:
    """Mix in paper white where ``cover`` is positive and black where it is negative."""
    tone += tf.clip_by_value(cover, 0.0, 1.0) * (0.95 - tone)
    return tone + tf.clip_by_value(-cover, 0.0, 1.0) * (0.05 - tone)


def _rescale(tone: Tensor, strength: Tensor, _: _Lab) -> Tensor:
    """Reduce by a factor with a triangle filter, and enlarge again linearly."""
    return _filter(tone, *(_rescaling_rows(side, strength) for side in _size(tone)))


def _add_noise(tone: Tensor, strength: Tensor, lab: _Lab) -> Tensor:
    noise = strength * lab.random(1, *_size(tone), normal=True)
    speckle = tf.round(lab.random(2, 1, 1))  # 0 or 1
    return tone + (1.0 + speckle * (tone - 1.0)) * noise


def _compress(tone: Tensor, strength: Tensor, _: _Lab) -> Tensor:
    def through_file(image: tuple[Tensor, Tensor]) -> Tensor:
        file = tf.raw_ops.EncodeJpegVariableQuality(images=image[0], quality=image[1])
        return tf.io.decode_jpeg(file, channels=1)

    images = tf.cast(tf.round(tone[..., None] * 255.0), tf.uint8)
    quality = tf.cast(tf.round(strength[:, 0, 0]), tf.int32)
    coded = tf.map_fn(through_file, (images, quality), fn_output_signature=tf.uint8)
    return tf.reshape(tf.cast(coded, tone.dtype) * (1 / 255), tf.shape(tone))


# A separable filter is two matrices. So it may differ from image to image, take any width at equal
# cost and leave out what lies beyond the border.


def _filter(image: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """``(n, H, W)`` filtered by ``(n, H, H)`` and ``(n, W, W)``."""
    return tf.matmul(tf.matmul(rows, image), columns, transpose_b=True)


def _blur(image: Tensor, share: Tensor) -> Tensor:
    return _filter(image, *_gaussians(image, share))


def _gaussians(image: Tensor, share: Tensor) -> list[Tensor]:
    """Gaussian filters of standard deviation ``share`` ``(n, 1, 1)`` of the short side."""
    sigma = tf.maximum(share * _coordinates(image)[2], 1e-2)
    distances = [(place[:, None] - place) / sigma for place in _coordinates(image)[:2]]
    return [tf.nn.softmax(-0.5 * tf.square(distance)) for distance in distances]


def _rescaling_rows(side: Tensor, factor: Tensor) -> Tensor:
    """Reduction by ``factor`` ``(n, 1, 1)`` and back as one matrix ``(n, side, side)``."""
    place, side = tf.range(side, dtype=tf.float32), tf.cast(side, tf.float32)
    small = tf.round(factor * side)
    center = (place[:, None] + 0.5) * side / small - 0.5  # of the small pixels, in large ones
    down = tf.nn.relu(1.0 - tf.abs(place - center) * small / side)
    # Rows from `small` on lie beyond the picture; `up` never reaches them.
    down = tf.math.divide_no_nan(down, tf.reduce_sum(down, axis=-1, keepdims=True))
    back = tf.clip_by_value((place[:, None] + 0.5) * small / side - 0.5, 0.0, small - 1.0)
    return tf.matmul(tf.nn.relu(1.0 - tf.abs(place - back)), down)


def _size(image: Tensor) -> list[Tensor]:
    return tf.unstack(tf.shape(image))[1:]


def _coordinates(image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Pixel coordinates ``(H,)`` and ``(W,)``, and the short side."""
    high, wide = (tf.cast(side, tf.float32) for side in _size(image))
    return tf.range(high), tf.range(wide), tf.minimum(high, wide)


def _percentile(image: Tensor, share: Tensor) -> Tensor:
    """A percentile of each image, ``(B, 1, 1)``, estimated on a grid of at most 24 by 24 pixels."""
    high, wide = _size(image)
    grid = image[:, :: (high + 23) // 24, :: (wide + 23) // 24]
    values = tf.sort(tf.reshape(grid, [tf.shape(image)[0], -1]), axis=-1)
    index = tf.cast(share[:, 0] * tf.cast(tf.shape(values)[1] - 1, tf.float32), tf.int32)
    return tf.gather(values, index, batch_dims=1)[..., None]
