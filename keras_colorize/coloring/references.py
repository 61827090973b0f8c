"""Colors from elsewhere: of another photograph that shows alike things, or of a palette.

Both become weak hints: what a person said, and what the network is certain of, weighs more.
"""

from collections.abc import Sequence

import numpy as np

from keras_colorize.coloring.hints import Anchors, Likeness, chroma_of

__all__ = ["from_palette", "from_reference"]

_PLACES = 64  # of the photograph, that look for their like in the reference
_NEIGHBORS = 8  # of the reference, whose chroma is averaged
_ALIKE = 1.2  # distance of features, root mean square, at which a match is half believed
_LEAST_DOUBT = 0.1  # of a match without any distance
_MOST_DOUBT = 20.0  # beyond which a match says nothing
_NEAREST = 0.06  # distance in chroma within which colors of a palette share a place
_PALETTE_DOUBT = 0.5  # where the network is not certain at all


def from_reference(photo: Likeness, reference: Likeness, chroma: np.ndarray) -> Anchors:
    """Anchors of a photograph from the places of a reference that are most like its own.

    Args:
        photo: of the photograph.
        reference: of the color photograph, from the same network.
        chroma: its true Cb and Cr on the grid of ``reference``, float32 ``(h, w, 2)``.
    """
    places = photo.unlike(_PLACES)
    ours, theirs = photo.matter[places], reference.matter
    distances = (
        np.square(ours).sum(axis=1)[:, None] + np.square(theirs).sum(axis=1) - 2.0 * ours @ theirs.T
    )
    count = min(_NEIGHBORS, distances.shape[1])
    nearest = np.argpartition(distances, count - 1, axis=1)[:, :count]
    distance = np.sqrt(np.maximum(np.take_along_axis(distances, nearest, axis=1), 0.0))
    weights = np.exp(-np.square((distance - distance.min(axis=1, keepdims=True)) / _ALIKE))
    weights /= weights.sum(axis=1, keepdims=True)
    found = (weights[..., None] * chroma.reshape(-1, 2)[nearest]).sum(axis=1)
    doubt = _LEAST_DOUBT * np.exp2(np.square(distance.mean(axis=1) / _ALIKE) * 2.0)
    believed = doubt < _MOST_DOUBT
    return Anchors(
        places[believed], found[believed].astype(np.float32), doubt[believed].astype(np.float32)
    )


def from_palette(
    palette: Sequence[tuple[int, int, int] | str],
    chroma: np.ndarray,
    certainty: np.ndarray,
    likeness: Likeness,
) -> Anchors:
    """Anchors that draw what was painted to the nearest colors of a palette.

    Args:
        palette: colors, as hints take them.
        chroma: as painted, on the grid of ``likeness``, float32 ``(h, w, 2)``.
        certainty: of the network there, float32 ``(h, w)`` in [0, 1]: what is certain resists.
        likeness: of the photograph.
    """
    colors = np.stack([chroma_of(color) for color in palette])
    places = likeness.unlike(_PLACES)
    painted = chroma.reshape(-1, 2)[places]
    distance = np.linalg.norm(painted[:, None] - colors, axis=-1)  # (K, palette)
    weights = np.exp(-np.square(distance - distance.min(axis=1, keepdims=True)) / _NEAREST**2)
    weights /= weights.sum(axis=1, keepdims=True)
    sure = np.clip(certainty.reshape(-1)[places], 0.0, 0.95)
    doubt = _PALETTE_DOUBT / (1.0 - sure)
    return Anchors(places, (weights @ colors).astype(np.float32), doubt.astype(np.float32))
