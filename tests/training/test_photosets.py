"""Folders of photographs: what is kept, what is skipped, and where it is kept."""

import logging
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keras_colorize.config import Cache
from keras_colorize.errors import DataError
from keras_colorize.photos.reading import read_photo
from keras_colorize.training import photosets
from keras_colorize.training.photosets import Photo, PhotoSet, load_photos, split_photos
from tests.conftest import copy_sample

CACHES: list[Cache] = ["memory", "disk", "none"]


@pytest.fixture
def modern(tmp_path: Path) -> Path:
    return copy_sample("modern", 6, tmp_path / "modern")


def numbered(count: int) -> PhotoSet:
    photos = tuple(Photo(Path(f"{n}.jpg"), f"{n}.jpg", "source") for n in range(count))
    return PhotoSet(photos, lambda index: np.full((4, 4, 3), index, np.uint8), 3)


@pytest.mark.parametrize("cache", CACHES)
def test_every_cache_gives_the_decoded_pixels(modern: Path, tmp_path: Path, cache: Cache) -> None:
    photos, skipped = load_photos(
        [modern], channels=3, short_side=48, cache=cache, cache_dir=tmp_path / "cache"
    )
    assert len(photos) == 6
    assert not skipped
    for index, photo in enumerate(photos.photos):
        np.testing.assert_array_equal(photos.fetch(index), read_photo(photo.path, short_side=48))


def test_short_side_and_channels(modern: Path) -> None:
    photos, _ = load_photos([modern], channels=1, short_side=48)
    shapes = [photos.fetch(index).shape for index in range(len(photos))]
    assert all(min(shape[:2]) == 48 and shape[2] == 1 for shape in shapes)
    assert photos.fetch(0).dtype == np.uint8


def test_color_in_the_historical_folder_becomes_luminance(modern: Path) -> None:
    gray, _ = load_photos([modern], channels=1, short_side=500)
    color, _ = load_photos([modern], channels=3, short_side=500)
    # Pillow's own conversion is an independent implementation of the same weights.
    expected = np.asarray(Image.fromarray(color.fetch(2)).convert("L")).astype(int)
    assert np.abs(gray.fetch(2)[..., 0] - expected).max() <= 1


def test_gray_in_the_modern_folder_is_skipped_and_counted(
    modern: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = next(modern.glob("c*.jpg"))
    with Image.open(source) as photo:
        photo.convert("L").save(modern / "gray.png")
        pale = Image.blend(photo.convert("L").convert("RGB"), photo, 0.1)
        pale.save(modern / "pale.png")
    with caplog.at_level(logging.WARNING):
        photos, skipped = load_photos([modern], channels=3, short_side=64, min_colorfulness=15)
    assert {entry.path.name for entry in skipped} == {"gray.png", "pale.png"}
    assert all("without color: colorfulness" in entry.reason for entry in skipped)
    assert len(photos) == 6
    assert all(entry.without_color for entry in skipped)
    assert "skipped " not in caplog.text, "nothing is wrong with them"
    everything, _ = load_photos([modern], channels=3, short_side=64, min_colorfulness=0)
    assert len(everything) == 8


def test_unusable_files_are_listed_with_their_reasons(
    modern: Path, caplog: pytest.LogCaptureFixture
) -> None:
    good = next(modern.glob("*.jpg")).read_bytes()
    (modern / "empty.jpg").touch()
    (modern / "cut.jpg").write_bytes(good[: len(good) // 2])
    (modern / "text.png").write_text("not a picture")
    (modern / "wrong.png").write_bytes(good)
    Image.new("RGB", (400, 300), "red").save(modern / "large.png")
    photos, skipped = load_photos([modern], channels=3, short_side=64, max_pixels=100_000)
    assert not any(entry.without_color for entry in skipped)
    assert caplog.text.count("skipped ") == 5
    reasons = {entry.path.name: entry.reason for entry in skipped}
    expected = {
        "empty.jpg": "empty",
        "cut.jpg": "truncated",
        "text.png": "not a photograph",
        "wrong.png": "mislabelled",
        "large.png": "too large",
    }
    assert reasons.keys() == expected.keys()
    for name, reason in expected.items():
        assert reason in reasons[name], name
    assert len(photos) == 6


@pytest.mark.parametrize("cache", ["memory", "disk"])
def test_cached_photographs_are_not_decoded_again(
    modern: Path, tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos, _ = load_photos(
        [modern], channels=3, short_side=48, cache=cache, cache_dir=tmp_path / "cache"
    )

    def forbidden(*args: object, **options: object) -> np.ndarray:
        raise AssertionError("decoded again")

    monkeypatch.setattr(photosets, "read_photo", forbidden)
    assert photos.fetch(0).shape[2] == 3
    if cache == "disk":  # nor in the next run
        again, _ = load_photos(
            [modern], channels=3, short_side=48, cache="disk", cache_dir=tmp_path / "cache"
        )
        np.testing.assert_array_equal(again.fetch(3), photos.fetch(3))


@pytest.mark.parametrize("change", ["content", "more", "short_side"])
def test_disk_cache_notices_changes(modern: Path, tmp_path: Path, change: str) -> None:
    def load(short_side: int = 48) -> PhotoSet:
        return load_photos(
            [modern], channels=3, short_side=short_side, cache="disk", cache_dir=tmp_path / "cache"
        )[0]

    load()
    first = sorted(modern.glob("*.jpg"))[0]
    if change == "content":
        Image.new("RGB", (60, 60), "red").save(first)
        os.utime(first, ns=(1, 1))  # whatever the clock's resolution
        assert tuple(load().fetch(0)[5, 5]) == (254, 0, 0)
    elif change == "more":
        Image.new("RGB", (60, 60), "red").save(modern / "zzz.png")
        assert len(load()) == 7
    else:
        assert min(load(32).fetch(0).shape[:2]) == 32


@pytest.mark.parametrize("damage", ["pixels", "index"])
def test_damaged_disk_cache_is_written_anew(modern: Path, tmp_path: Path, damage: str) -> None:
    def load() -> PhotoSet:
        cache = tmp_path / "cache"
        return load_photos([modern], channels=3, short_side=48, cache="disk", cache_dir=cache)[0]

    expected = load().fetch(3)
    (file,) = (tmp_path / "cache").glob("*.pixels" if damage == "pixels" else "*.json")
    file.write_bytes(file.read_bytes()[:100])
    (tmp_path / "cache" / ".0123-half.pixels").write_bytes(b"left by a killed run")
    np.testing.assert_array_equal(load().fetch(3), expected)
    found = sorted(path.suffix for path in (tmp_path / "cache").iterdir())
    assert found == ["", ".json", ".pixels"], "the lock, the index, the pixels"


def test_skipped_are_remembered_by_the_disk_cache(modern: Path, tmp_path: Path) -> None:
    (modern / "empty.jpg").touch()
    Image.new("RGB", (60, 60), "gray").save(modern / "gray.png")
    for _ in range(2):
        photos, skipped = load_photos(
            [modern],
            channels=3,
            short_side=48,
            min_colorfulness=1,
            cache="disk",
            cache_dir=tmp_path / "cache",
        )
        found = [(entry.path.name, entry.without_color) for entry in skipped]
        assert found == [("empty.jpg", False), ("gray.png", True)]
        assert len(photos) == 6


def test_photograph_that_goes_bad_is_reported_and_replaced(
    modern: Path, caplog: pytest.LogCaptureFixture
) -> None:
    photos, _ = load_photos([modern], channels=3, short_side=48, cache="none")
    neighbor = photos.fetch(1)
    photos.photos[0].path.write_bytes(b"gone")
    np.testing.assert_array_equal(photos.fetch(0), neighbor)
    assert "no longer usable" in caplog.text
    for photo in photos.photos:
        photo.path.unlink(missing_ok=True)
    with pytest.raises(DataError, match="none of the 6"):
        photos.fetch(0)


def test_sources_and_duplicates(modern: Path, tmp_path: Path) -> None:
    other = tmp_path / "all"
    (other / "streets" / "deep").mkdir(parents=True)
    paths = sorted(modern.glob("*.jpg"))
    paths[0].rename(other / "streets" / "deep" / "a.jpg")
    paths[1].rename(other / "b.jpg")
    (other / "link.jpg").symlink_to(paths[2])
    photos, _ = load_photos([other, modern, modern], channels=3, short_side=32)
    assert len(photos) == 6
    sources = {photo.name: photo.source for photo in photos.photos}
    assert sources["streets/deep/a.jpg"] == "streets"
    assert sources["b.jpg"] == "all"
    assert sources[paths[4].name] == "modern"


def test_names_that_are_not_utf_8(modern: Path) -> None:
    next(modern.glob("a*.jpg")).rename(modern / os.fsdecode(b"caf\xe9.jpg"))
    photos, _ = load_photos([modern], channels=3, short_side=32)
    training, validation = split_photos(photos, 0.3)
    assert len(training) + len(validation) == 6


def test_folders_of_no_use(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="absent"):
        load_photos([tmp_path / "absent"], channels=3, short_side=32)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="found none"):
        load_photos([tmp_path / "empty"], channels=3, short_side=32)
    (tmp_path / "empty" / "bad.jpg").write_text("x")
    with pytest.raises(DataError, match=r"none of the 1 photographs .*bad\.jpg"):
        load_photos([tmp_path / "empty"], channels=3, short_side=32)
    with pytest.raises(DataError, match="cache_dir"):
        load_photos([tmp_path], channels=3, short_side=32, cache="disk")


def test_failure_other_than_a_bad_photograph_is_not_hidden(
    modern: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object, **options: object) -> np.ndarray:
        raise ZeroDivisionError

    monkeypatch.setattr(photosets, "read_photo", broken)
    with pytest.raises(ZeroDivisionError):
        load_photos([modern], channels=3, short_side=32)


# The split


def test_split_has_about_the_share_and_loses_nobody() -> None:
    photos = numbered(1000)
    training, validation = split_photos(photos, 0.2)
    # 200 expected, standard deviation sqrt(1000 * 0.2 * 0.8) = 12.6
    assert 150 < len(validation) < 250
    names = {photo.name for photo in training.photos} | {photo.name for photo in validation.photos}
    assert len(names) == 1000 == len(training) + len(validation)
    index = 3
    assert validation.fetch(index)[0, 0, 0] == int(validation.photos[index].path.stem) % 256


def test_split_stays_when_photographs_come_and_go() -> None:
    few = {photo.name for photo in split_photos(numbered(300), 0.2)[1].photos}
    many = {photo.name for photo in split_photos(numbered(600), 0.2)[1].photos}
    assert few == {name for name in many if int(name[:-4]) < 300}


def test_split_golden() -> None:
    # printf 0.jpg | sha256sum and so on: 0.jpg begins with 39 and 5.jpg with 3f, which lie below
    # a quarter, hexadecimal 40; the others begin with 4c to da.
    validation = split_photos(numbered(10), 0.25)[1]
    assert [photo.name for photo in validation.photos] == ["0.jpg", "5.jpg"]


@pytest.mark.parametrize(("count", "share", "sizes"), [(1, 0.5, (1, 0)), (2, 0.01, (1, 1))])
def test_split_of_few(count: int, share: float, sizes: tuple[int, int]) -> None:
    training, validation = split_photos(numbered(count), share)
    assert (len(training), len(validation)) == sizes


def test_no_split() -> None:
    training, validation = split_photos(numbered(5), 0.0)
    assert len(training) == 5
    assert len(validation) == 0
