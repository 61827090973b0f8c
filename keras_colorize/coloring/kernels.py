"""Loops over every pixel of a photograph, compiled by Numba.

NumPy passes over a photograph once for every sum and product, and takes Python's one lock before
and after each of them: photographs that are colored side by side wait for each other. Compiled, it
is one pass without the lock. What is compiled is kept on the disk, beside this file or, where that
cannot be written, in the user's cache folder (``NUMBA_CACHE_DIR`` names another): to compile takes
seconds, and to load a few hundredths of one.
"""

import functools
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba.core import types
from numba.extending import intrinsic

from keras_colorize import color

__all__ = [
    "code_chroma",
    "code_video",
    "enlarge_rows",
    "fit_lines",
    "halve_blocks",
    "sum_blocks",
    "widen",
]

# Of NumPy's type, so that what meets them stays float32.
_ONE, _TINY = np.float32(1.0), np.float32(1e-7)
_WHITE, _GRAY = np.float32(255.0), np.float32(128.5)
_COS_1, _COS_2, _COS_3 = (np.float32(np.cos(k * np.pi / 8)) for k in (1, 2, 3))
_RED_OF_CR, _GREEN_OF_CB, _GREEN_OF_CR, _BLUE_OF_CB = (
    np.float32(factor) for factor in color.difference_factors()
)


def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function compiled when it is first called, once for all processes if that is possible."""
    # error_model: divisions are those of NumPy, which looks out for no zero.
    try:
        compiled = numba.njit(nogil=True, error_model="numpy", cache=True)(function)
    except RuntimeError:  # there is no folder to keep it in
        return numba.njit(nogil=True, error_model="numpy")(function)

    @functools.wraps(function)
    def call(*arguments: Any) -> Any:
        try:
            return compiled(*arguments)
        except OSError:  # it is compiled, but the disk is too full to keep it
            return compiled(*arguments)

    return call


# Not left to LLVM, which makes no vector instructions of loops with calls in them.
_inlined = numba.njit(inline="always", error_model="numpy")


@intrinsic
def _fused(_context, _a, _b, _c):  # type: ignore[no-untyped-def]
    """a b + c in one instruction, rounded once: the same on all processors."""

    def build(_target, builder, _signature, arguments):  # type: ignore[no-untyped-def]
        return builder.fma(*arguments)

    return types.float32(types.float32, types.float32, types.float32), build


@_inlined
def _four(values):  # type: ignore[no-untyped-def]
    """As a tuple: what lies in an array might change while it is read, for all LLVM knows."""
    return values[0], values[1], values[2], values[3]


@_inlined
def _mixed(planes, which, places, weights, column):  # type: ignore[no-untyped-def]
    """A pixel of a plane that is enlarged downwards: a weighted sum of four in its column."""
    mixed = weights[0] * planes[which, places[0], column]
    mixed = _fused(weights[1], planes[which, places[1], column], mixed)
    mixed = _fused(weights[2], planes[which, places[2], column], mixed)
    return _fused(weights[3], planes[which, places[3], column], mixed)


@_inlined
def _chroma(planes, places, weights, column, y):  # type: ignore[no-untyped-def]
    """Cb and Cr of a pixel: each a slope times its luminance, and an offset."""
    cb = _mixed(planes, 2, places, weights, column)
    cr = _mixed(planes, 3, places, weights, column)
    cb += y * _mixed(planes, 0, places, weights, column)
    cr += y * _mixed(planes, 1, places, weights, column)
    return cb, cr


@_inlined
def _room(cb, cr, y):  # type: ignore[no-untyped-def]
    """The factor that limits chroma into gamut: color.limit_chroma_planes."""
    red, blue = _RED_OF_CR * cr, _BLUE_OF_CB * cb
    green = _GREEN_OF_CB * cb + _GREEN_OF_CR * cr
    highest, lowest = max(max(red, green), blue), min(min(red, green), blue)
    headroom = _ONE - y
    upwards = headroom / max(max(highest, headroom), _TINY)
    downwards = y / max(max(-lowest, y), _TINY)
    return min(upwards, downwards)


@_inlined
def _four_pixels(c0, c1, c2, c3):  # type: ignore[no-untyped-def]
    """Sums of c(k) cos((2m + 1) k π / 8) for m = 0 to 3."""
    even, odd = c0 + _COS_2 * c2, _COS_1 * c1 + _COS_3 * c3
    even_inside, odd_inside = c0 - _COS_2 * c2, _COS_3 * c1 - _COS_1 * c3
    return even + odd, even_inside + odd_inside, even_inside - odd_inside, even - odd


@_inlined
def _level(pixel):  # type: ignore[no-untyped-def]
    return np.uint8(min(max(pixel + _GRAY, np.float32(0.0)), _WHITE))


@_compiled
def fit_lines(chroma, luminance, radius, regularization, coefficients):  # type: ignore[no-untyped-def]
    """Chroma as a linear function of luminance around every pixel: upsampling.guide_chroma.

    Args:
        chroma: float32 ``(h, w, 2)``.
        luminance: float32 ``(h, w)``.
        radius: of the windows; beyond the borders the last pixel is repeated.
        regularization: added to the luminance's variance.
        coefficients: what is filled, slopes and offsets, float32 ``(4, h, w)``.
    """
    height, width = luminance.shape
    share = _ONE / np.float32((2 * radius + 1) ** 2)
    for row in range(height):
        for column in range(width):
            # Around the middle's own values, so that little is lost where all is nearly the same.
            y0 = luminance[row, column]
            cb0, cr0 = chroma[row, column, 0], chroma[row, column, 1]
            y = yy = cb = cr = ycb = ycr = np.float32(0.0)
            for down in range(-radius, radius + 1):
                line = min(max(row + down, 0), height - 1)
                for across in range(-radius, radius + 1):
                    place = min(max(column + across, 0), width - 1)
                    dy = luminance[line, place] - y0
                    db, dr = chroma[line, place, 0] - cb0, chroma[line, place, 1] - cr0
                    y += dy
                    yy += dy * dy
                    cb += db
                    cr += dr
                    ycb += dy * db
                    ycr += dy * dr
            y *= share
            scale = _ONE / (yy * share - y * y + regularization)
            slope_cb = (ycb * share - y * cb * share) * scale
            slope_cr = (ycr * share - y * cr * share) * scale
            coefficients[0, row, column] = slope_cb
            coefficients[1, row, column] = slope_cr
            coefficients[2, row, column] = cb0 - slope_cb * y0
            coefficients[3, row, column] = cr0 - slope_cr * y0


@_compiled
def widen(narrow, places, weights, wide):  # type: ignore[no-untyped-def]
    """Planes enlarged across.

    Args:
        narrow: float32 ``(n, h, w)``.
        places: the columns of ``narrow`` that each column uses, ``(W, 4)``.
        weights: of these, float32 ``(W, 4)``.
        wide: what is filled, float32 ``(n, h, W)``.
    """
    for plane in range(narrow.shape[0]):
        for row in range(narrow.shape[1]):
            line = narrow[plane, row]
            for column in range(wide.shape[2]):
                mixed = weights[column, 0] * line[places[column, 0]]
                mixed = _fused(weights[column, 1], line[places[column, 1]], mixed)
                mixed = _fused(weights[column, 2], line[places[column, 2]], mixed)
                mixed = _fused(weights[column, 3], line[places[column, 3]], mixed)
                wide[plane, row, column] = mixed


@_compiled
def enlarge_rows(planes, places, weights, luminance, chroma):  # type: ignore[no-untyped-def]
    """Cb and Cr of rows of a photograph, not limited into gamut: Enlargement.chroma.

    Args:
        planes: slopes and offsets, enlarged across, float32 ``(4, h, W)``.
        places: the rows of ``planes`` that each row uses, ``(n, 4)``.
        weights: of these, float32 ``(n, 4)``.
        luminance: in [0, 1], float32 ``(n, W)``.
        chroma: what is filled, float32 ``(2, n, W)``.
    """
    for row in range(luminance.shape[0]):
        taps, shares = _four(places[row]), _four(weights[row])
        for column in range(luminance.shape[1]):
            cb, cr = _chroma(planes, taps, shares, column, luminance[row, column])
            chroma[0, row, column] = cb
            chroma[1, row, column] = cr


@_compiled
def code_chroma(planes, places, weights, luminance, coded):  # type: ignore[no-untyped-def]
    """Cb and Cr as JPEG codes them, limited into gamut: Enlargement.coded.

    Args:
        planes: as for :func:`enlarge_rows`.
        places: likewise.
        weights: likewise.
        luminance: uint8 ``(n, W)``.
        coded: what is filled, uint8 ``(2, n, W)``.
    """
    for row in range(luminance.shape[0]):
        taps, shares = _four(places[row]), _four(weights[row])
        for column in range(luminance.shape[1]):
            y = np.float32(luminance[row, column]) / _WHITE
            cb, cr = _chroma(planes, taps, shares, column, y)
            scale = _room(cb, cr, y)
            # Half a level more, since the conversion to integers cuts off. It stays below 256: the
            # luminance of pure blue and pure red, which alone have chroma of 0.5, lies between two
            # levels.
            coded[0, row, column] = np.uint8(scale * cb * _WHITE + _GRAY)
            coded[1, row, column] = np.uint8(scale * cr * _WHITE + _GRAY)


@_compiled
def code_video(planes, places, weights, luminance, step, levels, factors, coded):  # type: ignore[no-untyped-def]
    """Cb and Cr as video codes them, limited into gamut, one for every ``step`` x ``step`` pixels.

    Args:
        planes: slopes and offsets, enlarged across to the places of chroma, float32 ``(4, h, w)``.
        places: the rows of ``planes`` that each row of chroma uses, ``(n, 4)``.
        weights: of these, float32 ``(n, 4)``.
        luminance: uint8 or uint16 ``(step n, step w)``.
        step: 1, or 2: chroma lies in the column of every second pixel, between two rows.
        levels: black, what white is above it, gray in chroma, what chroma's unit is above that, and
            the highest that there is, float32 ``(5,)``.
        factors: of ``color.difference_factors``, float32 ``(4,)``.
        coded: what is filled, of the luminance's type, ``(2, n, w)``.
    """
    black, white, gray, unit = _four(levels)
    top, half = levels[4], np.float32(0.5)
    red_of_cr, green_of_cb, green_of_cr, blue_of_cb = _four(factors)
    scale = _ONE / (white * np.float32(8.0 if step == 2 else 1.0))
    for row in range(coded.shape[1]):
        taps, shares = _four(places[row]), _four(weights[row])
        for column in range(coded.shape[2]):
            if step == 2:
                left, middle = max(2 * column - 1, 0), 2 * column
                total = 0
                for line in range(2 * row, 2 * row + 2):
                    total += np.int64(luminance[line, left])
                    total += 2 * np.int64(luminance[line, middle])
                    total += np.int64(luminance[line, middle + 1])
                level = np.float32(total) - np.float32(8.0) * black
            else:
                level = np.float32(luminance[row, column]) - black
            y = min(max(level * scale, np.float32(0.0)), _ONE)
            cb, cr = _chroma(planes, taps, shares, column, y)
            red, blue = red_of_cr * cr, blue_of_cb * cb
            green = green_of_cb * cb + green_of_cr * cr
            highest, lowest = max(max(red, green), blue), min(min(red, green), blue)
            headroom = _ONE - y
            upwards = headroom / max(max(highest, headroom), _TINY)
            room = unit * min(upwards, y / max(max(-lowest, y), _TINY))
            # Half a level more, since the conversion to integers cuts off.
            coded[0, row, column] = min(max(room * cb + gray + half, np.float32(0.0)), top)
            coded[1, row, column] = min(max(room * cr + gray + half, np.float32(0.0)), top)


@_compiled
def sum_blocks(image, rows, columns, line, sums):  # type: ignore[no-untyped-def]
    """Sums over blocks of pixels.

    Args:
        image: ``(H, W)``.
        rows: the first of each block and the one after the last, ``(h + 1,)``.
        columns: likewise, ``(w + 1,)``.
        line: room for the sums of a column each, ``(W,)``, of a type that holds them.
        sums: what is filled, ``(h, w)``.
    """
    for down in range(len(rows) - 1):
        line[:] = 0
        for row in range(rows[down], rows[down + 1]):
            for column in range(line.shape[0]):
                line[column] += image[row, column]
        for across in range(len(columns) - 1):
            total = line[columns[across]]
            for column in range(columns[across] + 1, columns[across + 1]):
                total += line[column]
            sums[down, across] = total


@_compiled
def halve_blocks(blocks, weights, line, halved):  # type: ignore[no-untyped-def]
    """A row of blocks of 8 x 8 DCT coefficients as pixels of half the size: jpeg.halved.

    Args:
        blocks: int16 ``(n, 8, 8)``, vertical frequency before horizontal.
        weights: what each coefficient is multiplied by, float32 ``(8, 8)``.
        line: room for what lies between both directions, float32 ``(4, 8, n)``.
        halved: what is filled, uint8 ``(4, 4 n)``.

    Returns:
        The smallest and the largest coefficient, and 0.
    """
    count = blocks.shape[0]
    least = most = np.int16(0)
    for coefficient in blocks.flat:
        if coefficient < least:
            least = coefficient
        if coefficient > most:
            most = coefficient
    for block in range(count):
        for across in range(8):
            c0 = weights[0, across] * np.float32(blocks[block, 0, across])
            c1 = weights[1, across] * np.float32(blocks[block, 1, across])
            c2 = weights[2, across] * np.float32(blocks[block, 2, across])
            c3 = weights[3, across] * np.float32(blocks[block, 3, across])
            c1 -= weights[7, across] * np.float32(blocks[block, 7, across])
            c2 -= weights[6, across] * np.float32(blocks[block, 6, across])
            c3 -= weights[5, across] * np.float32(blocks[block, 5, across])
            p0, p1, p2, p3 = _four_pixels(c0, c1, c2, c3)
            line[0, across, block] = p0
            line[1, across, block] = p1
            line[2, across, block] = p2
            line[3, across, block] = p3
    for row in range(4):
        for block in range(count):
            c1 = line[row, 1, block] - line[row, 7, block]
            c2 = line[row, 2, block] - line[row, 6, block]
            c3 = line[row, 3, block] - line[row, 5, block]
            p0, p1, p2, p3 = _four_pixels(line[row, 0, block], c1, c2, c3)
            halved[row, 4 * block] = _level(p0)
            halved[row, 4 * block + 1] = _level(p1)
            halved[row, 4 * block + 2] = _level(p2)
            halved[row, 4 * block + 3] = _level(p3)
    return least, most
