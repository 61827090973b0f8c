"""Hints as operations of a graph: the steps of :mod:`~keras_colorize.coloring.hints` and of
:meth:`Session.paint <keras_colorize.coloring.session.Session.paint>`, with the same arithmetic.

TensorFlow Lite and ONNX express all of it. So every hint has the same number of places, of which
some count for nothing; bicubic filters are matrices; and linear equations may be solved by nothing
but products.
"""

from collections.abc import Callable, Mapping, Sequence

import tensorflow as tf

from keras_colorize import color
from keras_colorize.coloring.hints import (
    COARSE,
    DISTANCE,
    FINE,
    JITTER,
    LUMINANCE,
    MOST_ANCHORS,
    MOST_PLACES,
    NEAR,
    NEAR_LUMINANCE,
    NEAR_SHARE,
    STRICTER,
)
from keras_colorize.models.outputs import COLOR, FEATURES

__all__ = [
    "COLUMNS",
    "HINTS_USAGE",
    "MOST_HINTS",
    "approximate_solution",
    "exact_solution",
    "follow_hints",
    "paint_with_hints",
    "refuse_hints",
]

#: Of a table of hints: place and radius as a ``Hint`` has them; red, green and blue in 0 to 255.
COLUMNS = ("x", "y", "radius", "red", "green", "blue")
#: Rows that such a table may have.
MOST_HINTS = MOST_ANCHORS // MOST_PLACES

#: What the card of a model says of its second input.
HINTS_USAGE = """
A second input, `hints`, float32 `({rows}, 6)`, holds colors that are known: x and y relative to
width and height of the first, a radius relative to its shorter side (0.012 is a good one), red,
green and blue in 0 to 255. What is like the place follows; of two at one place the later counts.
Rows of radius 0 say nothing.
"""

_STEPS = 100  # of conjugate gradients: after them nothing changes that 8 bits could show

#: A symmetric positive definite matrix ``(K, K)`` and right sides ``(K, 2)`` to the solution.
Solve = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def refuse_hints(hints: tf.Tensor) -> tf.Tensor:
    """Why a table of hints cannot be used, a string; empty where it can.

    Args:
        hints: float32 ``(N, 6)``, see :data:`COLUMNS`.
    """
    x, y, radius, *_ = tf.unstack(hints, axis=1)
    rgb = hints[:, 3:]
    # A NaN fails every comparison.
    checks = [
        (tf.shape(hints)[0] <= MOST_HINTS, f"hints must be {MOST_HINTS} at most"),
        (
            tf.reduce_all((x >= 0.0) & (x <= 1.0) & (y >= 0.0) & (y <= 1.0)),
            "x and y of hints must be in [0, 1], relative to width and height",
        ),
        (
            tf.reduce_all((radius > 0.0) & (radius <= 1.0)),
            "radius of hints must be in (0, 1], relative to the shorter side",
        ),
        (
            tf.reduce_all((rgb >= 0.0) & (rgb <= 255.0)),
            "red, green and blue of hints must be in 0 to 255",
        ),
    ]
    reason = tf.constant("")
    for holds, message in reversed(checks):
        reason = tf.where(holds, reason, message)
    return reason


def exact_solution(matrix: tf.Tensor, right: tf.Tensor) -> tf.Tensor:
    """Of a system of linear equations, by TensorFlow in float64."""
    solution = tf.linalg.solve(tf.cast(matrix, tf.float64), tf.cast(right, tf.float64))
    return tf.cast(solution, tf.float32)


def approximate_solution(matrix: tf.Tensor, right: tf.Tensor) -> tf.Tensor:
    """Of a system of linear equations, by products alone: conjugate gradients (Hestenes and
    Stiefel, "Methods of Conjugate Gradients for Solving Linear Systems", 1952)."""
    tiny = 1e-30

    def step(
        count: tf.Tensor, solution: tf.Tensor, residual: tf.Tensor, direction: tf.Tensor
    ) -> tuple[tf.Tensor, ...]:
        rest = tf.reduce_sum(residual**2, 0)
        image = matrix @ direction
        length = rest / (tf.reduce_sum(direction * image, 0) + tiny)
        solution += length * direction
        residual -= length * image
        direction = residual + tf.reduce_sum(residual**2, 0) / (rest + tiny) * direction
        return count + 1, solution, residual, direction

    first = tf.constant(0), tf.zeros_like(right), right, right
    _, solution, *_ = tf.while_loop(lambda count, *_: count < _STEPS, step, first)
    return solution


def paint_with_hints(
    network: Callable[[tf.Tensor], Mapping[str, tf.Tensor]], luminance: tf.Tensor, hints: tf.Tensor
) -> tf.Tensor:
    """What a network paints, corrected by hints; for runtimes without a solver.

    Args:
        network: luminance to the outputs of a generator by name.
        luminance: of one photograph, float32 ``(1, h, w, 1)`` in [0, 1].
        hints: float32 ``(N, 6)``, see :data:`COLUMNS`; rows of radius 0 say nothing.

    Returns:
        RGB in [0, 1], float32 ``(1, h, w, 3)``.
    """
    seen = network(luminance)
    chroma = follow_hints(
        color.chroma(seen[COLOR][0]),
        luminance[0],
        [seen[name][0] for name in FEATURES if name in seen],
        hints,
        approximate_solution,
    )
    return tf.clip_by_value(color.add_chroma(luminance, chroma[None]), 0.0, 1.0)


def follow_hints(
    chroma: tf.Tensor,
    luminance: tf.Tensor,
    features: Sequence[tf.Tensor],
    hints: tf.Tensor,
    solve: Solve,
) -> tf.Tensor:
    """What a network painted, corrected by hints.

    Args:
        chroma: Cb and Cr as painted, float32 ``(h, w, 2)``.
        luminance: float32 ``(h, w, 1)`` in [0, 1].
        features: of the network at two sizes, the coarser first, float32 ``(fh, fw, c)``.
        hints: float32 ``(N, 6)``, see :data:`COLUMNS`, one row at least; rows of radius 0 say
            nothing.
        solve: :func:`exact_solution` or :func:`approximate_solution`.

    Returns:
        float32 ``(h, w, 2)``.
    """
    size = tf.shape(chroma)[:2]
    grid = tf.maximum(size // 2, 1)
    painted = tf.reshape(_resize(chroma, grid), (-1, 2))
    alike, near = _traits(_resize(luminance, grid), [_resize(x, grid) for x in features], grid)
    places, wanted, counts = _anchors(hints, grid)
    difference = counts[:, None] * (wanted - tf.gather(painted, places))
    change = _spread(difference, alike, near, places, counts, solve)
    return chroma + _resize(tf.reshape(change, (grid[0], grid[1], 2)), size)


def _resize(planes: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """As ``resize_planes``, channels last: ``(h, w, c)``."""
    channels = planes.shape[-1]
    for axis in (0, 1):  # each time the rows, which then become the columns
        shape = tf.shape(planes)
        rows = _filter(shape[0], size[axis]) @ tf.reshape(planes, (shape[0], shape[1] * channels))
        planes = tf.transpose(tf.reshape(rows, (size[axis], shape[1], channels)), (1, 0, 2))
    return planes


def _filter(old: tf.Tensor, new: tf.Tensor) -> tf.Tensor:
    """Weights of ``old`` pixels in each of ``new``, antialiased: float32 ``(new, old)``.

    Keys, "Cubic Convolution Interpolation for Digital Image Processing", 1981, equation 15.
    """
    step = tf.cast(old, tf.float32) / tf.cast(new, tf.float32)
    middles = (tf.cast(tf.range(new), tf.float32) + 0.5) * step
    apart = tf.cast(tf.range(old), tf.float32) + 0.5 - middles[:, None]
    x = tf.abs(apart) / tf.maximum(step, 1.0)
    inner = (1.5 * x - 2.5) * x * x + 1.0
    outer = ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    weights = tf.where(x < 1.0, inner, tf.where(x < 2.0, outer, tf.zeros_like(x)))
    return weights / tf.reduce_sum(weights, axis=1, keepdims=True)


def _traits(
    luminance: tf.Tensor, features: Sequence[tf.Tensor], grid: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """What makes places alike, and near: ``(h * w, d)`` and ``(h * w, 3)``, as ``Likeness`` has."""
    rows, columns = tf.meshgrid(tf.range(grid[0]), tf.range(grid[1]), indexing="ij")
    places = tf.cast(tf.stack([rows, columns], -1), tf.float32)
    places /= tf.cast(tf.reduce_min(grid), tf.float32)
    alike = [luminance / LUMINANCE]
    for feature, scale in zip(features, (COARSE, FINE)):
        spread = tf.math.reduce_std(feature) + 1e-6
        alike.append(feature / (scale * spread * feature.shape[-1] ** 0.5))
    alike.append(places / DISTANCE)
    near = [luminance / NEAR_LUMINANCE, places / NEAR]
    traits = [tf.concat(parts, -1) for parts in (alike, near)]
    return tuple(tf.reshape(x, (-1, x.shape[-1])) for x in traits)


def _anchors(hints: tf.Tensor, grid: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """As ``anchors_of`` finds them, so many of every hint.

    Returns:
        Places on the flattened grid, int32 ``(K,)``, their chroma ``(K, 2)``, and 1 where a place
        counts, else 0, float32 ``(K,)``.
    """
    height, width = tf.unstack(tf.cast(grid, tf.float32))
    short = tf.minimum(height, width)
    x, y, radius = (column[:, None] for column in tf.unstack(hints[:, :3], axis=1))
    rows = tf.cast(tf.range(grid[0]), tf.float32)
    columns = tf.cast(tf.range(grid[1]), tf.float32)
    down = (rows + 0.5 - y * height) / short
    right = (columns + 0.5 - x * width) / short
    inside = down[:, :, None] ** 2 + right[:, None] ** 2 <= radius[:, :, None] ** 2
    row = rows == tf.minimum(tf.floor(y * height), height - 1.0)
    column = columns == tf.minimum(tf.floor(x * width), width - 1.0)
    inside |= row[:, :, None] & column[:, None]  # however small it is
    inside &= (radius > 0.0)[:, :, None]

    # Of those within, evenly spread ones.
    within = tf.cast(tf.reshape(inside, (-1, grid[0] * grid[1])), tf.int32)
    order = tf.cumsum(within, axis=1) - 1
    step = tf.maximum((tf.reduce_sum(within, 1, keepdims=True) + MOST_PLACES - 1) // MOST_PLACES, 1)
    chosen = tf.cast(tf.equal((order - step // 2) % step, 0), tf.int32) * within
    area = grid[0] * grid[1]
    ranks = tf.cast(chosen * (area - tf.range(area)), tf.float32)
    found, _ = tf.math.top_k(tf.pad(ranks, [[0, 0], [0, MOST_PLACES]]), MOST_PLACES)
    found = tf.reshape(found, (-1,))
    places = tf.minimum(area - tf.cast(found, tf.int32), area - 1)

    wanted = color.chroma(hints[:, 3:] / 255.0)
    wanted = tf.reshape(tf.tile(wanted[:, None], (1, MOST_PLACES, 1)), (-1, 2))
    # Of several hints at one place, the last counts.
    numbers = tf.range(tf.shape(found)[0])
    again = (places[:, None] == places) & (numbers[:, None] < numbers) & (found > 0.0)
    counts = (found > 0.0) & ~tf.reduce_any(again, axis=1)
    return places, wanted, tf.cast(counts, tf.float32)


def _spread(
    difference: tf.Tensor,
    alike: tf.Tensor,
    near: tf.Tensor,
    places: tf.Tensor,
    counts: tf.Tensor,
    solve: Solve,
) -> tf.Tensor:
    """What all places take of the differences at some, ``(h * w, 2)``, as ``spread`` has it."""
    at, at_near = tf.gather(alike, places), tf.gather(near, places)

    def kernel(a: tf.Tensor, b: tf.Tensor, strictness: tf.Tensor | float) -> tf.Tensor:
        wide = _gauss(a, at, strictness**2)
        return ((1.0 - NEAR_SHARE) * wide + NEAR_SHARE * _gauss(b, at_near, 1.0)) * counts

    among = kernel(at, at_near, 1.0) * counts[:, None]
    independent = tf.reduce_sum(counts) ** 2 / tf.maximum(tf.reduce_sum(among**2), 1.0)
    strictness = 1.0 + STRICTER / tf.maximum(independent, 1.0)
    system = kernel(at, at_near, strictness) * counts[:, None]
    # What counts for nothing is an equation of its own, with the solution 0.
    system += tf.linalg.diag(JITTER + 1.0 - counts)
    return kernel(alike, near, strictness) @ solve(system, difference)


def _gauss(a: tf.Tensor, b: tf.Tensor, factor: tf.Tensor | float) -> tf.Tensor:
    """exp(-factor |a - b|² / 2) of every pair of rows, ``(n, d)`` and ``(k, d)`` to ``(n, k)``."""
    exponent = tf.linalg.matmul(a, b, transpose_b=True)
    exponent -= 0.5 * tf.reduce_sum(a**2, 1)[:, None]
    exponent -= 0.5 * tf.reduce_sum(b**2, 1)
    return tf.exp(tf.minimum(factor * exponent, 0.0))
