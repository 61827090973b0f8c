"""The two streams of photographs, mixed into batches.

Everything random is a function of the seed and of the step, not of what was drawn before. So a
run that is continued at step n sees what an uninterrupted run sees from step n on.
"""

import functools
import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from keras_colorize import color
from keras_colorize.config import DataConfig, FilmConfig, historical_count
from keras_colorize.errors import DataError
from keras_colorize.film.simulation import simulate_film
from keras_colorize.training.photosets import PhotoSet

__all__ = ["WHOLE", "DrawOrder", "Part", "make_dataset", "make_validation_dataset"]

# Each use of randomness draws from its own stream of the seed.
_MODERN, _HISTORICAL, _CROP, _TONE, _SIZE, _FILM, _FILM_CHOICE = range(7)

_PREFETCH = 4
# Bilinear interpolation reads 2 x 2 pixels: from here on it would pass over some, and needs the
# costlier antialiasing.
_ANTIALIAS_ABOVE = 1.5


@dataclass(frozen=True)
class Part:
    """What one of several devices or machines sees: of ``count`` equal parts, number ``index``."""

    index: int
    count: int


WHOLE = Part(0, 1)

# Autograph would read the sources of all that is called, for loops that are not there.
_plain = tf.autograph.experimental.do_not_convert


class DrawOrder:
    """Which photograph is drawn at which position, for an endless stream.

    The stream consists of passes. A pass holds as many draws as there are photographs, divided
    among the sources by their weights, in random order; within a source, every photograph is
    drawn once before any is drawn again. With equal weights a pass is a permutation.

    Args:
        sources: the source of each photograph.
        weights: weight of a photograph by its source; 1 where a source is not named.
        seed: numbers that seed the order.

    Raises:
        DataError: weights name a source that does not exist, or leave nothing to draw.
    """

    def __init__(
        self, sources: Sequence[str], weights: dict[str, float], seed: Sequence[int]
    ) -> None:
        unknown = sorted(set(weights) - set(sources))
        if unknown:
            raise DataError(
                f"data.source_weights names {', '.join(unknown)}, but the sources are "
                f"{', '.join(sorted(set(sources)))}"
            )
        self._seed = list(seed)
        members = {
            source: np.array([index for index, s in enumerate(sources) if s == source])
            for source in sorted(set(sources))
            if weights.get(source, 1.0) > 0
        }
        if not members:
            raise DataError("data.source_weights gives every source the weight 0")
        self._members = list(members.values())
        shares = np.array([weights.get(s, 1.0) * len(m) for s, m in members.items()])
        shares *= len(sources) / shares.sum()
        self._quotas = np.maximum(np.round(shares).astype(int), 1)
        self._length = int(self._quotas.sum())
        self._pass = functools.lru_cache(maxsize=4)(self._make_pass)

    def __getitem__(self, position: int) -> int:
        """Index of the photograph at a position of the stream, from 0 on without end."""
        number, offset = divmod(int(position), self._length)
        return int(self._pass(number)[offset])

    def _make_pass(self, number: int) -> np.ndarray:
        draws = np.concatenate(
            [
                self._draws(source, number * quota, (number + 1) * quota)
                for source, quota in enumerate(self._quotas)
            ]
        )
        return np.random.default_rng([*self._seed, 0, number]).permutation(draws)

    def _draws(self, source: int, start: int, stop: int) -> np.ndarray:
        """Draws number ``start`` to ``stop`` from one source: permutation after permutation."""
        members = self._members[source]
        first, last = start // len(members), (stop - 1) // len(members)
        rounds = [
            np.random.default_rng([*self._seed, 1, source, number]).permutation(members)
            for number in range(first, last + 1)
        ]
        offset = start - first * len(members)
        return np.concatenate(rounds)[offset : offset + stop - start]


def make_dataset(
    modern: PhotoSet,
    historical: PhotoSet | None,
    data: DataConfig,
    film: FilmConfig,
    *,
    seed: int,
    start_step: int = 0,
    part: Part = WHOLE,
) -> tf.data.Dataset:
    """Endless training batches of both streams.

    Args:
        modern: color photographs, 3 channels.
        historical: monochrome photographs, 1 channel; ``None`` for batches of color alone.
        data: batch size, mixture, sizes and augmentation.
        film: how often and through which films modern photographs are seen.
        seed: the same seed gives the same batches.
        start_step: number of the first batch: the data set is what follows ``start_step`` batches
            of the one that starts at 0.
        part: of each stream in each batch; the others are not even decoded. Together the parts are
            the batches of one device. How many there are divides the photographs of both streams.

    Returns:
        A data set of dictionaries, see :class:`~keras_colorize.training.gan.ColorizationGAN`, the
        modern photographs of a batch first. Height and width are static where there is one size.

    Raises:
        DataError: ``data.source_weights`` does not fit the photographs.
    """
    old_count = historical_count(data, historical is not None)
    new_count = data.batch_size - old_count
    modern_sources = {photo.source for photo in modern.photos}
    known = modern_sources | {photo.source for photo in (historical.photos if historical else ())}
    if not set(data.source_weights) <= known:
        DrawOrder(sorted(known), data.source_weights, [seed])  # raises, naming the known ones
    stream = functools.partial(_stream, data=data, seed=seed, start_step=start_step, part=part)
    new_images = stream(modern, count=new_count, salt=_MODERN)
    steps = tf.data.Dataset.range(start_step, np.iinfo(np.int64).max)
    finish = _plain(functools.partial(_finish, data=data, film=film, seed=seed, part=part))
    if historical is None or old_count == 0:
        batches = tf.data.Dataset.zip((steps, new_images)).map(finish)
    else:
        old_images = stream(historical, count=old_count, salt=_HISTORICAL)
        batches = tf.data.Dataset.zip((steps, new_images, old_images)).map(finish)
    return batches.prefetch(_PREFETCH)


def make_validation_dataset(
    photos: PhotoSet,
    more_photos: PhotoSet | None = None,
    *,
    size: int,
    batch_size: int,
    part: Part = WHOLE,
) -> tf.data.Dataset:
    """Every photograph once, its center cut square, unchanged otherwise.

    Args:
        photos: of one stream.
        more_photos: of the other stream; they come after.
        size: side of the square in pixels.
        batch_size: photographs a batch.
        part: of the batches of each stream; there may be none in it.

    Returns:
        A finite data set of batches like those of :func:`make_dataset`, but each of one stream;
        the last of a stream may be smaller.
    """
    batches = _centers(photos, size, batch_size, part)
    if more_photos is not None and len(more_photos) > 0:
        batches = batches.concatenate(_centers(more_photos, size, batch_size, part))
    return batches.prefetch(_PREFETCH)


# -- one stream -------------------------------------------------------------------------------


def _stream(
    photos: PhotoSet,
    *,
    data: DataConfig,
    seed: int,
    start_step: int,
    part: Part,
    count: int,
    salt: int,
) -> tf.data.Dataset:
    """A part of ``count`` cropped photographs in [0, 1], one batch a step."""
    sources = [photo.source for photo in photos.photos]
    present = {s: w for s, w in data.source_weights.items() if s in set(sources)}
    order = DrawOrder(sources, present, [seed, salt])

    @_plain
    def crop_at(position: tf.Tensor) -> tf.Tensor:
        image = _fetch(photos, position, order)
        return _random_crop(
            image, position, _size_at(position // count, data, seed), data, seed, salt
        )

    each = count // part.count
    positions = tf.data.Dataset.range(start_step * each, np.iinfo(np.int64).max)
    if part != WHOLE:
        first = part.index * each
        positions = positions.map(_plain(lambda n: n // each * count + first + n % each))
    crops = positions.map(crop_at, num_parallel_calls=os.cpu_count(), deterministic=True)
    return crops.batch(each, drop_remainder=True)


def _fetch(photos: PhotoSet, position: tf.Tensor, order: DrawOrder | None = None) -> tf.Tensor:
    """Pixels, uint8 ``(h, w, channels)``."""
    pixels = tf.numpy_function(
        lambda p: photos.fetch(int(p) if order is None else order[p]), [position], tf.uint8
    )
    pixels.set_shape((None, None, photos.channels))
    return pixels


def _size_at(step: tf.Tensor, data: DataConfig, seed: int) -> tf.Tensor | int:
    if len(data.sizes) == 1:
        return data.sizes[0]
    choice = tf.random.stateless_uniform(
        (), _seed(seed, _SIZE, step), maxval=len(data.sizes), dtype=tf.int32
    )
    return tf.gather(tf.constant(data.sizes), choice)


def _random_crop(
    image: tf.Tensor,
    position: tf.Tensor,
    size: tf.Tensor | int,
    data: DataConfig,
    seed: int,
    salt: int,
) -> tf.Tensor:
    """A random square of the photograph, mirrored half the time, ``(size, size, channels)``."""
    draws = tf.random.stateless_uniform((4,), _seed(seed, _CROP + 16 * salt, position))
    height, width = tf.shape(image)[0], tf.shape(image)[1]
    area = data.crop_area + (1.0 - data.crop_area) * draws[0]
    largest = tf.minimum(height, width)
    side = tf.cast(tf.round(tf.sqrt(area) * tf.cast(largest, tf.float32)), tf.int32)
    side = tf.clip_by_value(side, 1, largest)
    top = tf.cast(draws[1] * tf.cast(height - side + 1, tf.float32), tf.int32)
    left = tf.cast(draws[2] * tf.cast(width - side + 1, tf.float32), tf.int32)
    crop = _resize(image[top : top + side, left : left + side], side, size)
    if data.flip:
        crop = tf.cond(draws[3] < 0.5, lambda: tf.reverse(crop, [1]), lambda: crop)
    return crop


def _resize(square: tf.Tensor, side: tf.Tensor, size: tf.Tensor | int) -> tf.Tensor:
    resized = tf.cond(
        tf.cast(side, tf.float32) > _ANTIALIAS_ABOVE * tf.cast(size, tf.float32),
        lambda: tf.image.resize(square, (size, size), antialias=True),
        lambda: tf.image.resize(square, (size, size)),
    )
    static = size if isinstance(size, int) else None
    resized.set_shape((static, static, square.shape[-1]))
    return tf.cast(resized, tf.float32) / 255.0


def _seed(seed: int, salt: int, position: tf.Tensor) -> tf.Tensor:
    """A seed for ``tf.random.stateless_*``: one number tells the use, the other the place."""
    return tf.stack([tf.constant(seed * 64 + salt, tf.int64), tf.cast(position, tf.int64)])


# -- a batch ----------------------------------------------------------------------------------


def _finish(
    step: tf.Tensor,
    new_images: tf.Tensor,
    old_images: tf.Tensor | None = None,
    *,
    data: DataConfig,
    film: FilmConfig,
    seed: int,
    part: Part,
) -> dict[str, tf.Tensor]:
    """Tone changes and film, then both streams in one batch."""
    truth = _change_tones(new_images, _seed(seed, _TONE, step), data, part)
    batch = _with_luminance(_through_film(truth, step, film, seed, part))
    if old_images is None:
        return batch
    old = _with_luminance(_change_tones(old_images, _seed(seed, _TONE + 16, step), data, part))
    return {name: tf.concat([batch[name], old[name]], axis=0) for name in batch}


# What is random is drawn for the whole batch, of which the images of a part take their own.
# Numbers of images stay tensors: where they are known TensorFlow computes in another order, and a
# run that began before would round otherwise.


def _change_tones(images: tf.Tensor, seed: tf.Tensor, data: DataConfig, part: Part) -> tf.Tensor:
    """Brightness and contrast, each image's own, all channels alike; ``(B, H, W, C)``."""
    count = part.count * tf.shape(images)[0]
    draws = tf.random.stateless_uniform((2, count, 1, 1, 1), seed, -1.0, 1.0)
    if part != WHOLE:
        draws = draws[:, _first(images, part) :][:, : tf.shape(images)[0]]
    mean = tf.reduce_mean(images, axis=(1, 2, 3), keepdims=True)
    contrast = 1.0 + data.contrast * draws[0]
    return tf.clip_by_value(
        (images - mean) * contrast + mean + data.brightness * draws[1], 0.0, 1.0
    )


def _through_film(
    truth: tf.Tensor, step: tf.Tensor, film: FilmConfig, seed: int, part: Part
) -> tf.Tensor:
    """Give a share of the photographs the luminance that an old film would have recorded.

    The film's tones become the truth's own, with the true chroma as far as they leave room for
    it: an orthochromatic sky stays pale, and the luminance loss does not ask the network to undo
    the film.
    """
    if film.probability == 0.0:
        return truth
    first, count = _first(truth, part), part.count * tf.shape(truth)[0]
    draws = tf.random.stateless_uniform((count, 1, 1, 1), _seed(seed, _FILM_CHOICE, step))
    if part != WHOLE:
        draws = draws[first:][: tf.shape(truth)[0]]
    old = simulate_film(truth, film.stocks, _seed(seed, _FILM, step), first=first)
    return tf.where(draws < film.probability, color.replace_luminance(truth, old), truth)


def _first(images: tf.Tensor, part: Part) -> tf.Tensor | int:
    """The place, in its stream of the batch, of a part's first image."""
    return 0 if part == WHOLE else part.index * tf.shape(images)[0]


def _with_luminance(images: tf.Tensor) -> dict[str, tf.Tensor]:
    """What the networks see of photographs ``(B, H, W, 3)``, or ``(B, H, W, 1)`` if monochrome."""
    has_color = images.shape[-1] == 3
    return {
        "luminance": color.luminance(images) if has_color else images,
        "color": images if has_color else tf.repeat(images, 3, axis=-1),
        "has_color": tf.fill((tf.shape(images)[0],), 1.0 if has_color else 0.0),
    }


def _centers(photos: PhotoSet, size: int, batch_size: int, part: Part) -> tf.data.Dataset:
    """Batches of centers, in the order of the photographs."""

    @_plain
    def center(index: tf.Tensor) -> tf.Tensor:
        image = _fetch(photos, index)
        height, width = tf.shape(image)[0], tf.shape(image)[1]
        side = tf.minimum(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        return _resize(image[top : top + side, left : left + side], side, size)

    indices = tf.data.Dataset.range(len(photos))
    if part != WHOLE:
        indices = indices.batch(batch_size).shard(part.count, part.index).unbatch()
    centers = indices.map(center, num_parallel_calls=os.cpu_count(), deterministic=True)
    return centers.batch(batch_size).map(_plain(_with_luminance))
