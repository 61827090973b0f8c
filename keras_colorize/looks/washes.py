"""Processes in which a hand lays color over a photograph: a few pigments, area by area."""

import numpy as np
from PIL import Image

from keras_colorize import color

__all__ = ["INKS", "PIGMENTS", "hand_tinted", "photochrom"]

#: Watercolors of those who colored prints, after Wall, "A Manual of Artistic Colouring, as Applied
#: to Photographs", 1861; as sRGB of a middle wash, our estimates.
PIGMENTS = {
    "carmine": (190, 90, 100),
    "light red": (196, 128, 104),
    "burnt sienna": (170, 112, 74),
    "yellow ochre": (196, 164, 100),
    "gamboge": (206, 180, 88),
    "sap green": (120, 138, 78),
    "cobalt": (104, 136, 180),
    "indigo": (92, 112, 140),
    "purple lake": (150, 104, 140),
}

#: Inks of a photochrom of eight stones: from four to fourteen were printed (Library of Congress,
#: "Photochrom Prints: background"). As sRGB of a middle tone, our estimates from prints.
INKS = {
    "sky": (140, 176, 206),
    "blue": (92, 132, 176),
    "green": (120, 148, 96),
    "olive": (146, 146, 92),
    "buff": (206, 182, 138),
    "brown": (158, 118, 86),
    "brick": (190, 112, 88),
    "flesh": (212, 164, 140),
}

_AREA = 0.045  # of the shorter side: a brush; what is smaller takes its surroundings' color
_TONES = 6  # of the bilateral grid
_TONE = 0.14  # standard deviation in luminance within which one wash goes on
_PALE = 0.02  # length of chroma below which paper stays as it is
_STRONGEST = 0.22  # length of chroma: washes are transparent
_UNEVEN = 0.15  # relative standard deviation of a wash


def hand_tinted(luminance: np.ndarray, chroma: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A hand-tinted print: transparent washes, one pigment each, that keep to areas.

    White paper and what is nearly gray, eyes and linen, are left; a wash is a little uneven.
    """
    areas = _wash(luminance, chroma)
    laid = _of_palette(areas, list(PIGMENTS.values()), softness=0.02)
    strength = np.minimum(1.3 * np.linalg.norm(areas, axis=-1, keepdims=True), _STRONGEST)
    laid = laid / np.maximum(np.linalg.norm(laid, axis=-1, keepdims=True), 1e-3) * strength
    noise = rng.standard_normal((6, 8)).astype(np.float32)
    uneven = np.clip(1.0 + _UNEVEN * _resize(noise, luminance.shape), 0.5, 1.5)
    return laid * _paper(luminance, chroma) * uneven[..., None]


def photochrom(luminance: np.ndarray, chroma: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A photochrom: each area in one of eight inks, a stone for each, a little out of register."""
    areas = _wash(luminance, chroma)
    inks = np.asarray([_chroma(ink) for ink in INKS.values()])
    shares = _shares(areas, inks, softness=0.012)
    most = max(round(0.006 * min(luminance.shape)), 0)
    for ink in range(len(inks)):
        shift = rng.integers(-most, most + 1, 2)
        shares[..., ink] = _shift(shares[..., ink], *shift)
    shares /= np.maximum(shares.sum(axis=-1, keepdims=True), 1e-3)
    present = np.clip(np.linalg.norm(areas, axis=-1, keepdims=True) / _PALE - 0.5, 0.0, 1.0)
    return shares @ inks * present * _room(luminance)


def _wash(luminance: np.ndarray, chroma: np.ndarray) -> np.ndarray:
    """Chroma evened out over areas of like luminance (a bilateral grid; Chen et al., 2007)."""
    height, width = luminance.shape
    cells = (
        max(round(height / min(height, width) / _AREA), 1),
        max(round(width / min(height, width) / _AREA), 1),
    )
    total = np.zeros_like(chroma)
    weights = np.zeros((height, width, 1), np.float32)
    for tone in np.linspace(0.0, 1.0, _TONES, dtype=np.float32):
        near = np.exp(-0.5 * np.square((luminance - tone) / _TONE)).astype(np.float32)
        planes = [near, near * chroma[..., 0], near * chroma[..., 1]]
        mass, cb, cr = (
            _resize(_resize(plane, cells, box=True), (height, width)) for plane in planes
        )
        weight = (near * np.maximum(mass, 0.0))[..., None]
        total += near[..., None] * np.stack([cb, cr], axis=-1)
        weights += weight
    return total / np.maximum(weights, 1e-4)


def _of_palette(
    areas: np.ndarray, palette: list[tuple[int, int, int]], softness: float
) -> np.ndarray:
    colors = np.asarray([_chroma(each) for each in palette])
    return _shares(areas, colors, softness) @ colors


def _shares(areas: np.ndarray, colors: np.ndarray, softness: float) -> np.ndarray:
    """Of each color, by its hue more than by its strength, ``(h, w, n)``; they sum to 1."""
    length = np.linalg.norm(areas, axis=-1, keepdims=True)
    usual = np.linalg.norm(colors, axis=-1).mean()
    aim = areas / np.maximum(length, 1e-3) * (0.5 * length + 0.5 * usual)
    distance = np.square(aim[..., None, :] - colors).sum(axis=-1)
    shares = np.exp(-(distance - distance.min(axis=-1, keepdims=True)) / (2.0 * softness**2))
    return shares / shares.sum(axis=-1, keepdims=True)


def _paper(luminance: np.ndarray, chroma: np.ndarray) -> np.ndarray:
    """1 where a wash may lie, 0 on white paper and where there is no color, ``(h, w, 1)``."""
    length = np.linalg.norm(chroma, axis=-1, keepdims=True)
    return _room(luminance) * np.clip(length / _PALE - 0.5, 0.0, 1.0)


def _room(luminance: np.ndarray) -> np.ndarray:
    """1 but for the brightest and the darkest tones, ``(h, w, 1)``."""
    y = luminance[..., None]
    return np.clip((0.97 - y) / 0.12, 0.0, 1.0) * np.clip((y - 0.02) / 0.1, 0.0, 1.0)


def _chroma(rgb: tuple[int, int, int]) -> np.ndarray:
    return color.chroma(np.asarray(rgb, np.float32) / np.float32(255.0))


def _resize(plane: np.ndarray, shape: tuple[int, ...], *, box: bool = False) -> np.ndarray:
    method = Image.Resampling.BOX if box else Image.Resampling.BICUBIC
    image = Image.fromarray(np.ascontiguousarray(plane, np.float32))
    return np.asarray(image.resize((shape[1], shape[0]), method))


def _shift(plane: np.ndarray, down: int, across: int) -> np.ndarray:
    """Moved by whole pixels, the borders repeated."""
    rows = np.clip(np.arange(plane.shape[0]) - down, 0, plane.shape[0] - 1)
    columns = np.clip(np.arange(plane.shape[1]) - across, 0, plane.shape[1] - 1)
    return plane[np.ix_(rows, columns)]
