"""Strong color where a network is sure of it, pale color where it is not.

A network that learned to be right on average paints the mean of what it holds possible. Where that
is one color, the mean is that color; where it is many, they cancel. So the length of its chroma is
the certainty of it as well. One factor for all makes the unsure places as much louder as the sure
ones; a factor that grows with the length leaves them pale. It falls with how colorful the whole
photograph is, so that every photograph gets about its share. And it falls in the dark, where color
is told worst and the same chroma is a more saturated one: shadows of old prints turn brown else.

Sums, products and limits alone, no quotient and no root: it works in 8 bits.
"""

import keras
from keras import ops

__all__ = ["EMPHASIS_LAYER", "build_emphasis"]

#: Name of the model within a generator that has an emphasis.
EMPHASIS_LAYER = "emphasis"

# Chosen on benchmarks/corpus.py's validation: of forms with equal colorfulness, about the least
# CIEDE2000 for the PSNR. Lengths are |Cb| + |Cr|, 0.05 on average.
_FLOOR = 0.02  # what keeps a little of the palest color
_MOST = 0.1  # what is longer is sure anyway: more would burn skin red
_SCALE = 15.0
_FALL = 6.0  # per mean length of the photograph
_LEAST = 0.3
_BLACK = 0.2  # the factor there
_RISE = 2.0  # per luminance, until it is 1: at a luminance of 0.4


def build_emphasis(strength: float, limit: float) -> keras.Model:
    """Build what multiplies chroma by how long it is for its photograph.

    A model of its own within a generator, since names of operations must not meet there.

    Args:
        strength: factor of all of it; at 1, a photograph of mean length keeps about its mean.
        limit: what the values that it is given are multiplied by, to be Cb and Cr.

    Returns:
        A functional model of values ``(B, H, W, 2)`` and luminance Y ``(B, H, W, 1)`` to values of
        the same hues: times ``strength`` 15 min(l + 0.02, 0.1) max(1 - 6 L, 0.3)
        min(0.2 + 2 Y, 1), where l = |Cb| + |Cr|, and L is its mean over the photograph.
    """
    painted = keras.Input((None, None, 2), name="painted")
    luminance = keras.Input((None, None, 1), name="luminance")
    length = limit * ops.sum(ops.abs(painted), axis=-1, keepdims=True)  # (B, H, W, 1)
    mean = ops.mean(length, axis=(1, 2), keepdims=True)  # (B, 1, 1, 1)
    share = ops.maximum(1.0 - _FALL * mean, _LEAST)
    sure = ops.minimum(length + _FLOOR, _MOST)
    lit = ops.minimum(_BLACK + _RISE * luminance, 1.0)
    emphasized = painted * ((strength * _SCALE) * sure * share * lit)
    return keras.Model([painted, luminance], emphasized, name=EMPHASIS_LAYER)
