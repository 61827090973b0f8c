"""An album: what several photographs show gets one color, what one alone shows stays."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from skimage.color import deltaE_ciede2000, rgb2lab

from keras_colorize import Colorizer, color, colorize
from keras_colorize.coloring.album import SURE, USUAL, Album, Note
from keras_colorize.coloring.correspondence import Traits, grid_shape
from keras_colorize.coloring.decisions import Decisions
from keras_colorize.coloring.decisions_folder import DecisionsFolder
from keras_colorize.coloring.folder import colorize_photos
from keras_colorize.coloring.hints import Hint
from keras_colorize.coloring.options import ColoringOptions
from keras_colorize.coloring.tasks import Shard
from keras_colorize.coloring.upsampling import carry_along
from keras_colorize.files import hash_file
from tests.conftest import SAMPLE, copy_sample, save_loud_generator

HOUSE = SAMPLE / "modern" / "brick_house_garden.jpg"
OTHERS = sorted(SAMPLE.glob("historical/*.jpg"))[:2]


@pytest.fixture(scope="module")
def shipped() -> Colorizer:
    return Colorizer.load()


@pytest.fixture
def album() -> Iterator[Album]:
    with Album() as album:
        yield album


def view(left: float, right: float, gain: float, size: int) -> tuple[np.ndarray, np.ndarray]:
    """A part of the house at another size and exposure: its luminance and its true colors."""
    with Image.open(HOUSE) as photo:
        box = (round(left * photo.width), 0, round(right * photo.width), photo.height)
        part = photo.convert("RGB").crop(box)
    part = part.resize((round(size * part.width / part.height), size), Image.Resampling.BICUBIC)
    y = color.luminance(np.asarray(part, np.float32) / 255.0)[..., 0]
    return np.clip(gain * y, 0.0, 1.0).astype(np.float32), np.asarray(part)


def chroma(picture: Image.Image, left: float, right: float) -> np.ndarray:
    """Of a part of a picture, in 8 x 8 patches."""
    box = (round(left * picture.width), 0, round(right * picture.width), picture.height)
    patches = picture.crop(box).resize((8, 8), Image.Resampling.BOX)
    return color.chroma(np.asarray(patches, np.float32) / 255.0)


def difference(a: np.ndarray, b: np.ndarray) -> float:
    return float(deltaE_ciede2000(rgb2lab(a), rgb2lab(b)).mean())


# -- with the model that ships ----------------------------------------------------------------


def test_views_of_one_house_meet_and_others_stay(shipped: Colorizer) -> None:
    first, _ = view(0.0, 0.8, 0.8, 200)
    second, _ = view(0.3, 1.0, 1.1, 260)
    photos = [first, second, OTHERS[0], OTHERS[1]]
    alone = [shipped(photo) for photo in photos]
    together = list(shipped.album(photos))

    def distance(pictures: list[Image.Image]) -> float:
        both = chroma(pictures[0], 0.375, 1.0), chroma(pictures[1], 0.0, 5 / 7)
        return float(np.linalg.norm(both[0] - both[1], axis=-1).mean())

    assert distance(together) < 0.5 * distance(alone)
    for index in (2, 3):
        np.testing.assert_array_equal(together[index], alone[index])
    for picture, luminance in zip(together, photos[:2]):
        y = color.luminance(np.asarray(picture, np.float32))[..., 0]
        np.testing.assert_allclose(y, 255.0 * luminance, atol=0.51)


def test_the_colors_of_a_reference_are_followed(shipped: Colorizer) -> None:
    luminance, true = view(0.0, 0.8, 0.9, 240)
    _, reference = view(0.3, 1.0, 1.0, 200)
    (guided,) = shipped.album([luminance], like=[reference])
    overlap = np.s_[:, round(0.4 * true.shape[1]) :]
    before, after = (
        difference(np.asarray(picture)[overlap], true[overlap])
        for picture in (shipped(luminance), guided)
    )
    assert after < 0.6 * before


def test_an_album_is_any_iterable(shipped: Colorizer) -> None:
    photos = [view(0.0, 0.8, 0.8, 100)[0], view(0.3, 1.0, 1.1, 100)[0]]
    expected = shipped.album(photos)
    results = list(shipped.album(photo for photo in photos))
    assert len(results) == 2
    for result, picture in zip(results, expected):
        np.testing.assert_array_equal(result, picture)


# -- what is agreed on ------------------------------------------------------------------------


def note(rng: np.random.Generator, chroma: float, precision: float, places: np.ndarray) -> Note:
    """Of 4 x 4 places in one color, that look like ``places`` but for a little."""
    seen = places + 0.02 * rng.standard_normal(places.shape)
    seen /= np.linalg.norm(seen, axis=1, keepdims=True)
    return Note(
        Traits(seen.astype(np.float16), seen.mean(axis=0).astype(np.float32), (4, 4)),
        np.full((16, 2), chroma, np.float32),
        np.full(16, precision, np.float32),
    )


@pytest.fixture
def scene() -> np.ndarray:
    places = np.random.default_rng(5).standard_normal((16, 128))
    return places / np.linalg.norm(places, axis=1, keepdims=True)


def test_photographs_of_one_thing_agree_on_the_mean(album: Album, scene: np.ndarray) -> None:
    rng = np.random.default_rng(1)
    for name, value in (("a", 0.1), ("b", 0.3)):
        album.add(name, note(rng, value, USUAL, scene))
    for name, value in (("a", 0.1), ("b", -0.1)):
        agreement = album.agreement(name)
        assert agreement is not None
        np.testing.assert_allclose(agreement.change, value, atol=0.02)


def test_what_is_sure_stays_and_is_followed(album: Album, scene: np.ndarray) -> None:
    rng = np.random.default_rng(1)
    album.add("painted", note(rng, 0.1, USUAL, scene))
    album.add("chosen", note(rng, 0.3, SURE, scene))
    painted, chosen = album.agreement("painted"), album.agreement("chosen")
    assert painted is not None
    assert chosen is not None
    np.testing.assert_allclose(painted.change, 0.2, atol=0.01)
    np.testing.assert_allclose(chosen.change, 0.0, atol=0.01)


def test_what_has_no_like_is_left_alone(album: Album, scene: np.ndarray) -> None:
    rng = np.random.default_rng(1)
    album.add("a", note(rng, 0.1, USUAL, scene))
    album.add("b", note(rng, 0.3, USUAL, -scene))
    assert album.agreement("a") is None
    assert album.agreement("of no album") is None


def add_overlapping(album: Album, here: int, there: int, columns: int = 3) -> None:
    """Two notes of 16 x 20 places, some columns of which are the same, at one place or another."""
    rng = np.random.default_rng(3)
    first, second = rng.standard_normal((2, 16, 20, 128))
    second[:, there : there + columns] = first[:, here : here + columns]
    for name, scene, value in (("a", first, 0.1), ("b", second, 0.3)):
        seen = scene.reshape(320, 128)
        seen = seen + 0.8 * rng.standard_normal(seen.shape)  # similarities of about 0.6
        seen /= np.linalg.norm(seen, axis=1, keepdims=True)
        traits = Traits(seen.astype(np.float16), np.ones(1, np.float32), (16, 20))
        chroma, precision = np.full((320, 2), value), np.full(320, USUAL)
        album.add(name, Note(traits, chroma.astype(np.float32), precision.astype(np.float32)))


def test_where_two_photographs_overlap_a_little_they_agree(album: Album) -> None:
    add_overlapping(album, here=17, there=0)
    agreement = album.agreement("a")
    assert agreement is not None
    np.testing.assert_allclose(agreement.change[:, 17:], 0.1, atol=0.02)
    np.testing.assert_array_equal(agreement.change[:, :14], 0.0)


def test_what_stands_at_the_same_place_in_both_tells_nothing(album: Album) -> None:
    add_overlapping(album, here=17, there=17)
    assert album.agreement("a") is None


def test_a_thing_that_stands_elsewhere_before_another_ground_is_no_overlap(album: Album) -> None:
    """As two faces are, each beside the middle: what is around them would have to be alike too."""
    add_overlapping(album, here=12, there=5)
    assert album.agreement("a") is None


def test_what_is_no_source_is_not_followed(album: Album, scene: np.ndarray) -> None:
    rng = np.random.default_rng(1)
    for name in "ab":
        album.add(name, note(rng, 0.1, USUAL, scene), is_source=False)
    assert album.agreement("a") is None


def test_the_order_does_not_matter(scene: np.ndarray) -> None:
    rng = np.random.default_rng(1)
    notes = {str(i): note(rng, 0.01 * i, USUAL, scene) for i in range(30)}
    changes, digests = [], set()
    for names in (list(notes), list(reversed(notes))):
        with Album() as album:
            for name in names:
                album.add(name, notes[name])
            agreement = album.agreement("7")
        assert agreement is not None
        changes.append(agreement.change)
        digests.add(agreement.digest)
    np.testing.assert_array_equal(*changes)
    assert len(digests) == 1


@pytest.mark.parametrize("size", [(1, 1), (3, 40), (160, 160), (2000, 40)])
def test_a_grid_for_any_size(size: tuple[int, int]) -> None:
    rows, columns = grid_shape(size)
    assert min(rows, columns) == 16
    assert max(rows, columns) <= 128


def test_a_change_keeps_to_edges_of_the_luminance() -> None:
    luminance = np.zeros((40, 60), np.float32)
    luminance[:, 33:] = 1.0  # within a column of the grid
    change = np.zeros((4, 6, 2), np.float32)
    change[:, 4:] = 0.2
    change[:, 3] = 0.1
    carried = carry_along(change, luminance)
    assert np.abs(carried[:, :33]).max() < 0.05
    np.testing.assert_allclose(carried[:, 45:], 0.2, atol=1e-3)
    np.testing.assert_allclose(
        carry_along(np.full((4, 6, 1), 0.3, np.float32), luminance), 0.3, rtol=1e-5
    )


# -- the command ------------------------------------------------------------------------------


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """The house twice, in two exposures, and another photograph."""
    folder = tmp_path / "scans"
    folder.mkdir()
    for name, gain in (("dark", 0.8), ("light", 1.0)):
        luminance, _ = view(0.0, 1.0, gain, 120)
        Image.fromarray(np.rint(255.0 * luminance).astype(np.uint8)).save(folder / f"{name}.png")
    with Image.open(OTHERS[0]) as other:
        other.convert("L").resize((90, 120)).save(folder / "other.jpg")
    return folder


def run(shipped: Colorizer, scans: Path, output: Path, **options: Any) -> dict[str, dict[str, str]]:
    colorize_photos([scans], output, shipped, show_progress=False, **options)
    with (output / "report.csv").open() as file:
        return {Path(row["source"]).stem: row for row in csv.DictReader(file)}


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def test_a_chosen_color_is_carried_through_the_album(
    shipped: Colorizer, scans: Path, tmp_path: Path
) -> None:
    digest, size = hash_file(scans / "dark.png"), shipped.working_size
    hints = (Hint(0.5, 0.5, "#2050c0", 0.3),)
    decided = Decisions(digest, shipped.model_hash, size, hints=hints)
    decided.save(tmp_path / "decided" / "dark.png.colors.json")
    follow = ColoringOptions(decisions=DecisionsFolder(tmp_path / "decided").find)
    run(shipped, scans, tmp_path / "alone", options=follow)
    rows = run(shipped, scans, tmp_path / "album", options=follow, together=True)
    assert {row["status"] for row in rows.values()} == {"colorized"}

    def middle(folder: str, name: str) -> np.ndarray:
        return color.chroma(pixels(tmp_path / folder / f"{name}.png")[50:70, 60:100] / 255.0)

    wanted = middle("alone", "dark").mean(axis=(0, 1))
    far, near = (
        np.linalg.norm(middle(folder, "light").mean(axis=(0, 1)) - wanted)
        for folder in ("alone", "album")
    )
    assert near < 0.5 * far
    np.testing.assert_allclose(middle("album", "dark"), middle("alone", "dark"), atol=0.03)


def test_what_is_done_is_known_though_other_photographs_have_come(
    shipped: Colorizer, scans: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    run(shipped, scans, output, together=True)
    with Image.open(OTHERS[1]) as other:
        other.convert("L").resize((90, 120)).save(scans / "new.jpg")
    counts = colorize_photos([scans], output, shipped, together=True, show_progress=False)
    assert counts == {"already done": 3, "colorized": 1}


def test_parts_of_an_album_are_those_of_the_whole(
    shipped: Colorizer, scans: Path, tmp_path: Path
) -> None:
    run(shipped, scans, tmp_path / "whole", together=True)
    for index in (1, 2):
        shard = Shard(index, 2)
        options: dict[str, Any] = {"shard": shard, "together": True, "show_progress": False}
        colorize_photos([scans], tmp_path / "parts", shipped, **options)
    for name in ("dark.png", "light.png"):
        whole, part = (pixels(tmp_path / folder / name) for folder in ("whole", "parts"))
        np.testing.assert_array_equal(part, whole)


def test_a_reference_is_part_of_what_a_result_is_made_of(
    shipped: Colorizer, scans: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    plain = run(shipped, scans, tmp_path / "plain")
    rows = run(shipped, scans, output, like=[HOUSE])
    truth = view(0.0, 1.0, 1.0, 120)[1]
    before, after = (
        difference(pixels(Path(done["light"]["output"])), truth) for done in (plain, rows)
    )
    assert after < 0.6 * before
    assert rows["light"]["settings"] != plain["light"]["settings"]
    assert rows["other"]["settings"] == plain["other"]["settings"]
    counts = colorize_photos([scans], output, shipped, like=[HOUSE], show_progress=False)
    assert counts == {"already done": 3}
    assert colorize_photos([scans], output, shipped, show_progress=False)["failed"] == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--like", "missing.jpg"], "error: cannot use for --like: missing.jpg: unreadable"),
        (["--like", HOUSE, OTHERS[0]], f"{OTHERS[0]}: expected a color photograph"),
        (["--like", "{empty}"], "0 photographs, of which none can be used"),
        (["--like", HOUSE, "{gray}"], "2 photographs, of which none can be used"),
        (["--album", "--working_size", "64,96"], "--album and --like are about single results"),
    ],
)
def test_what_cannot_be_followed_is_said(
    scans: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[object],
    message: str,
) -> None:
    model = save_loud_generator(tmp_path / "generator.keras")
    (tmp_path / "empty").mkdir()
    gray = copy_sample("historical", 2, tmp_path / "gray")
    arguments = [scans, "--output", tmp_path / "out", "--model", model, *options]
    named = {"empty": tmp_path / "empty", "gray": gray}
    assert colorize.main([str(argument).format(**named) for argument in arguments]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_followed_in_a_folder_is_left_out(
    shipped: Colorizer, scans: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    album = copy_sample("historical", 1, tmp_path / "album")
    (album / "damaged.jpg").write_text("no photograph")
    (album / HOUSE.name).write_bytes(HOUSE.read_bytes())
    rows = run(shipped, scans, tmp_path / "out", like=[album])
    assert "damaged.jpg: not a photograph" in caplog.text
    assert f"{OTHERS[0].name}: expected a color photograph" in caplog.text
    assert rows == run(shipped, scans, tmp_path / "out", like=[HOUSE])
