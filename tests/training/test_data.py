"""The two streams: order, mixture, augmentation, and that a step's batch depends on the step."""

import dataclasses
from collections import Counter
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from keras_colorize import color
from keras_colorize.config import DataConfig, FilmConfig
from keras_colorize.errors import DataError
from keras_colorize.training.data import (
    WHOLE,
    DrawOrder,
    Part,
    make_dataset,
    make_validation_dataset,
)
from keras_colorize.training.photosets import Photo, PhotoSet, load_photos
from tests.conftest import copy_sample

PLAIN = DataConfig(
    sizes=[32], batch_size=4, crop_area=1.0, flip=False, brightness=0.0, contrast=0.0
)
NO_FILM = FilmConfig()

Batch = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def streams(tmp_path_factory: pytest.TempPathFactory) -> tuple[PhotoSet, PhotoSet]:
    folder = tmp_path_factory.mktemp("photos")
    modern = copy_sample("modern", 6, folder / "modern")
    historical = copy_sample("historical", 4, folder / "historical")
    return (
        load_photos([modern], channels=3, short_side=40)[0],
        load_photos([historical], channels=1, short_side=40)[0],
    )


def constant_photos(count: int, channels: int = 3, side: int = 8) -> PhotoSet:
    """Photograph n is all of value n."""
    photos = tuple(Photo(Path(f"{n}.jpg"), f"{n}.jpg", "source") for n in range(count))
    return PhotoSet(photos, lambda n: np.full((side, side, channels), n, np.uint8), channels)


def batches(dataset: tf.data.Dataset, count: int) -> list[Batch]:
    return [{k: v.numpy() for k, v in batch.items()} for batch in islice(dataset, count)]


def assert_equal(batch: Batch, other: Batch) -> None:
    assert batch.keys() == other.keys()
    for name in batch:
        np.testing.assert_array_equal(batch[name], other[name], err_msg=name)


# Order


def test_equal_weights_draw_everything_once_a_pass() -> None:
    order = DrawOrder(["a"] * 5 + ["b"] * 2, {}, [0])
    passes = [[order[p * 7 + n] for n in range(7)] for p in range(3)]
    assert all(sorted(each) == list(range(7)) for each in passes)
    assert passes[0] != passes[1]


def test_weights_hold_exactly_and_nobody_is_left_out() -> None:
    sources = ["flowers"] * 30 + ["houses"] * 10
    order = DrawOrder(sources, {"flowers": 0.2}, [0])
    # 30 * 0.2 : 10 * 1 = 15 : 25 of 40 draws.
    draws = [order[n] for n in range(40)]
    assert sum(index < 30 for index in draws) == 15
    counts = Counter(order[n] for n in range(80))
    assert {counts[index] for index in range(30)} == {1}, "two passes visit each flower once"
    assert {counts[index] for index in range(30, 40)} == {5}


def test_weight_zero_is_never_drawn() -> None:
    order = DrawOrder(["a", "b", "b"], {"a": 0.0}, [0])
    assert {order[n] for n in range(30)} == {1, 2}


def test_order_depends_on_seed_alone() -> None:
    sources = ["a"] * 50
    first, again, other = (DrawOrder(sources, {}, [seed]) for seed in (1, 1, 2))
    assert [first[n] for n in range(99)] == [again[n] for n in range(99)]
    assert [first[n] for n in range(99)] != [other[n] for n in range(99)]
    assert first[73] == DrawOrder(sources, {}, [1])[73], "whatever was asked for before"


@pytest.mark.parametrize(
    ("weights", "message"), [({"x": 1.0}, "the sources are a"), ({"a": 0.0}, "weight 0")]
)
def test_impossible_weights(weights: dict[str, float], message: str) -> None:
    with pytest.raises(DataError, match=message):
        DrawOrder(["a", "a"], weights, [0])


# Batches


@pytest.mark.smoke
def test_mixture_and_marks(streams: tuple[PhotoSet, PhotoSet]) -> None:
    data = dataclasses.replace(PLAIN, batch_size=8, historical_share=0.25)
    for batch in batches(make_dataset(*streams, data, NO_FILM, seed=0), 3):
        assert batch["luminance"].shape == (8, 32, 32, 1)
        assert batch["color"].shape == (8, 32, 32, 3)
        assert batch["has_color"].tolist() == [1] * 6 + [0] * 2
        assert all(value.dtype == np.float32 for value in batch.values())
        assert min(v.min() for v in batch.values()) >= 0
        assert max(v.max() for v in batch.values()) <= 1
        # The truth has the luminance that the generator sees; historical truth has no color.
        np.testing.assert_allclose(color.luminance(batch["color"]), batch["luminance"], atol=1e-6)
        assert np.ptp(batch["color"][6:], axis=-1).max() == 0
        assert np.ptp(batch["color"][:6], axis=-1).max() > 0.2


def test_every_photograph_comes_once_a_pass_in_both_streams() -> None:
    data = dataclasses.replace(PLAIN, batch_size=4, historical_share=0.5)
    dataset = make_dataset(constant_photos(6), constant_photos(4, 1), data, NO_FILM, seed=0)
    values = np.stack([batch["luminance"][:, 0, 0, 0] for batch in batches(dataset, 6)])
    shown = np.round(values * 255).astype(int)
    assert Counter(shown[:3, :2].ravel()) == Counter(range(6))
    assert Counter(shown[:2, 2:].ravel()) == Counter(shown[2:4, 2:].ravel()) == Counter(range(4))


@pytest.mark.parametrize("film", [NO_FILM, FilmConfig(probability=0.7)], ids=["plain", "film"])
def test_batch_depends_on_seed_and_step_alone(
    streams: tuple[PhotoSet, PhotoSet], film: FilmConfig
) -> None:
    data = DataConfig(sizes=[32, 24], batch_size=4)
    all_batches = batches(make_dataset(*streams, data, film, seed=3), 6)
    later = batches(make_dataset(*streams, data, film, seed=3, start_step=4), 2)
    assert_equal(all_batches[4], later[0])
    assert_equal(all_batches[5], later[1])
    other = batches(make_dataset(*streams, data, film, seed=4), 1)[0]
    assert other["color"].shape != all_batches[0]["color"].shape or not np.array_equal(
        other["color"], all_batches[0]["color"]
    )


@pytest.mark.parametrize("film", [NO_FILM, FilmConfig(probability=0.7)], ids=["plain", "film"])
def test_the_parts_of_a_batch_are_the_batch(
    streams: tuple[PhotoSet, PhotoSet], film: FilmConfig
) -> None:
    """However many devices share it, and wherever the training began."""
    data = DataConfig(sizes=[32, 24], batch_size=8, historical_share=0.5)
    whole = batches(make_dataset(*streams, data, film, seed=3), 4)[2:]
    parts = [
        batches(make_dataset(*streams, data, film, seed=3, start_step=2, part=Part(i, 2)), 2)
        for i in range(2)
    ]
    streams_of = (slice(2), slice(2, 4))  # of a part: two modern photographs, two historical ones
    for expected, *halves in zip(whole, *parts, strict=True):
        for name, values in expected.items():
            received = np.concatenate([half[name][rows] for rows in streams_of for half in halves])
            # JPEG rounds, which may show what another order of computing left of an image.
            near = np.isclose(received, values, atol=1e-6)
            assert near.mean() > (0.99 if film.probability else 0.9999), name


def test_the_parts_of_a_validation_are_all_of_it(streams: tuple[PhotoSet, PhotoSet]) -> None:
    def shown(part: Part) -> list[float]:
        dataset = make_validation_dataset(*streams, size=16, batch_size=2, part=part)
        return [float(v) for b in dataset for v in np.mean(b["luminance"], axis=(1, 2, 3))]

    parts = [shown(Part(index, 3)) for index in range(3)]
    assert max(map(len, parts)) < len(shown(WHOLE))
    assert sorted(value for part in parts for value in part) == sorted(shown(WHOLE))


def test_several_sizes(streams: tuple[PhotoSet, PhotoSet]) -> None:
    data = dataclasses.replace(PLAIN, sizes=[16, 32, 48])
    dataset = make_dataset(*streams, data, NO_FILM, seed=0)
    sizes = {batch["color"].shape[1:3] for batch in batches(dataset, 30)}
    assert sizes == {(16, 16), (32, 32), (48, 48)}
    assert dataset.element_spec["color"].shape.as_list()[1:] == [None, None, 3]


def test_one_size_is_static(streams: tuple[PhotoSet, PhotoSet]) -> None:
    dataset = make_dataset(*streams, PLAIN, NO_FILM, seed=0)
    assert dataset.element_spec["color"].shape.as_list()[1:] == [32, 32, 3]


def test_without_augmentation_the_whole_photograph_is_seen() -> None:
    """A square photograph of the training size passes through untouched."""
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    photos = PhotoSet((Photo(Path("a"), "a", "s"),), lambda _: pixels, 3)
    batch = batches(make_dataset(photos, None, PLAIN, NO_FILM, seed=0), 1)[0]
    np.testing.assert_allclose(batch["color"][0], pixels / 255.0, atol=1e-6)


def test_flip_mirrors_about_half() -> None:
    pixels = np.zeros((32, 32, 3), np.uint8)
    pixels[:, :16] = 200
    photos = PhotoSet((Photo(Path("a"), "a", "s"),), lambda _: pixels, 3)
    data = dataclasses.replace(PLAIN, flip=True, batch_size=64)
    left = batches(make_dataset(photos, None, data, NO_FILM, seed=0), 1)[0]["color"][:, 0, 0, 0] > 0
    assert 16 < left.sum() < 48


def test_crops_keep_their_share_of_the_area() -> None:
    """In a ramp from 0 to 1 the spread of a crop is its side."""
    ramp = np.repeat(np.linspace(0, 255, 200)[None, :, None], 200, axis=0)
    pixels = np.repeat(np.round(ramp), 3, axis=-1).astype(np.uint8)
    photos = PhotoSet((Photo(Path("a"), "a", "s"),), lambda _: pixels, 3)
    data = dataclasses.replace(PLAIN, crop_area=0.25, batch_size=200)
    images = batches(make_dataset(photos, None, data, NO_FILM, seed=0), 1)[0]["luminance"]
    side = np.ptp(images, axis=(1, 2, 3)) * 32 / 31  # from pixel centers to edges
    assert 0.48 < side.min() < 0.6
    assert 0.9 < side.max() < 1.02
    start = images[:, 0, 0, 0]
    assert start.min() < 0.02
    assert start.max() > 0.3


def test_tones_change_within_their_limits_and_alike_in_all_channels() -> None:
    photos = constant_photos(200, side=32)
    data = dataclasses.replace(PLAIN, brightness=0.2, batch_size=64)
    plain = batches(make_dataset(photos, None, PLAIN, NO_FILM, seed=0), 1)[0]["color"]
    assert np.ptp(plain, axis=-1).max() == 0
    middle = PhotoSet(photos.photos, lambda _: np.full((32, 32, 3), 128, np.uint8), 3)
    images = batches(make_dataset(middle, None, data, NO_FILM, seed=0), 1)[0]["color"]
    change = images[:, 0, 0, 0] - 128 / 255
    assert np.ptp(images, axis=(1, 2, 3)).max() < 1e-6
    assert -0.2 <= change.min() < -0.1
    assert 0.1 < change.max() <= 0.2


def test_film_changes_tones_and_keeps_the_true_chroma(
    streams: tuple[PhotoSet, PhotoSet],
) -> None:
    plain = batches(make_dataset(streams[0], None, PLAIN, NO_FILM, seed=0), 4)
    film = FilmConfig(probability=0.5, stocks=["orthochromatic"])
    filmed = batches(make_dataset(streams[0], None, PLAIN, film, seed=0), 4)
    changed = [
        np.abs(a["luminance"] - b["luminance"]).max(axis=(1, 2, 3)) > 1e-3
        for a, b in zip(plain, filmed)
    ]
    assert 4 <= np.sum(changed) <= 12, "about half of 16"
    for before, after in zip(plain, filmed):
        np.testing.assert_allclose(color.luminance(after["color"]), after["luminance"], atol=1e-5)
        # Chroma is the truth's or, where the film leaves no room for it, a shrunken copy of it.
        expected = color.replace_luminance(before["color"], after["luminance"])
        np.testing.assert_allclose(after["color"], expected, atol=1e-5)


def test_unknown_source_weight_names_the_sources(streams: tuple[PhotoSet, PhotoSet]) -> None:
    data = dataclasses.replace(PLAIN, source_weights={"flowers": 0.5})
    with pytest.raises(DataError, match=r"flowers, but the sources are historical, modern"):
        make_dataset(*streams, data, NO_FILM, seed=0)


def test_weights_of_both_streams(streams: tuple[PhotoSet, PhotoSet]) -> None:
    data = dataclasses.replace(PLAIN, source_weights={"modern": 0.5, "historical": 2.0})
    assert len(batches(make_dataset(*streams, data, NO_FILM, seed=0), 1)) == 1


# Validation


def test_validation_shows_each_center_once(streams: tuple[PhotoSet, PhotoSet]) -> None:
    dataset = make_validation_dataset(*streams, size=40, batch_size=4)
    found = batches(dataset, 100)
    assert [len(batch["has_color"]) for batch in found] == [4, 2, 4]
    assert np.concatenate([batch["has_color"] for batch in found]).tolist() == [1] * 6 + [0] * 4
    pixels = streams[0].fetch(1)
    left = (pixels.shape[1] - 40) // 2
    top = (pixels.shape[0] - 40) // 2
    expected = pixels[top : top + 40, left : left + 40] / 255.0
    np.testing.assert_allclose(found[0]["color"][1], expected, atol=1e-6)
    again = batches(make_validation_dataset(*streams, size=40, batch_size=4), 100)
    for batch, other in zip(found, again, strict=True):
        assert_equal(batch, other)


def test_large_photographs_are_reduced_without_aliasing() -> None:
    """Stripes one pixel wide become an even gray, not stripes of another width."""
    pixels = np.zeros((128, 128, 3), np.uint8)
    pixels[:, ::2] = 255
    photos = PhotoSet((Photo(Path("a"), "a", "s"),), lambda _: pixels, 3)
    batch = batches(make_validation_dataset(photos, size=32, batch_size=1), 1)[0]
    inner = batch["luminance"][0, 4:-4, 4:-4]
    assert np.abs(inner - 0.5).max() < 0.02
