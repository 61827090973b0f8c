"""What becomes of which photograph, and what killed runs have left of it."""

from pathlib import Path

import pytest
from PIL import Image

from keras_colorize.coloring.tasks import Task, clear_leftovers, find_tasks
from keras_colorize.errors import DataError
from keras_colorize.files import atomic_path, fit_name
from keras_colorize.video.tasks import find_films


def leave_behind(path: Path) -> Path:
    """What a process that is killed while it writes a file leaves of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        temporary.touch()
    return path.rename(temporary)


def test_leftovers_of_all_files_are_cleared_and_of_no_others(tmp_path: Path) -> None:
    long = "x" * 60
    task = Task(tmp_path / "a.tif", Path("box") / f"{long}.tif", "TIFF")
    leftovers = [leave_behind(tmp_path / path) for path in task.all_files]
    assert len({path.parent for path in leftovers}) == len(task.all_files)
    others = [
        leave_behind(tmp_path / f"box/y{long}.tif"),  # another machine's, which still writes it
        leave_behind(tmp_path / "box/b.tif"),
        leave_behind(tmp_path / f"{long}.tif"),
    ]
    clear_leftovers(tmp_path, [task])
    assert not any(path.exists() for path in leftovers)
    assert all(path.exists() for path in others)


def test_names_are_cut_where_they_would_be_too_long() -> None:
    assert fit_name("a", ".jpg") == "a.jpg"
    assert fit_name("x" * 251, ".jpg") == "x" * 251 + ".jpg"
    cut = {fit_name(stem, "_2.webp") for stem in ("x" * 251, "x" * 250 + "y", "ж" * 125)}
    assert len(cut) == 3
    assert all(240 < len(name.encode()) <= 255 and name.endswith("_2.webp") for name in cut)


def test_a_photograph_named_twice_is_taken_once(tmp_path: Path) -> None:
    folder = tmp_path / "scans"
    (folder / "box").mkdir(parents=True)
    for name in ("a.png", "box/b.png"):
        Image.new("L", (2, 2)).save(folder / name)
    (folder / "link.png").symlink_to(folder / "a.png")
    (tmp_path / "other").symlink_to(folder, target_is_directory=True)
    named = [folder / "box" / "b.png", folder, folder / "box" / ".." / "a.png", tmp_path / "other"]
    tasks = find_tasks(named, tmp_path / "out")
    assert [str(task.relative) for task in tasks] == ["b.png", "a.png", "link.png"]
    assert tasks[0].source == named[0]


def named(folder: Path, *photos: str, **options: str) -> dict[str, str]:
    """The results of the photographs in a folder, by their names."""
    for photo in photos:
        (folder / photo).touch()
    tasks = find_tasks([folder], folder.parent / "out", options.get("format_"))
    return {task.source.name: str(task.relative) for task in tasks}


def test_a_name_stays_whatever_comes_to_lie_beside_the_photograph(tmp_path: Path) -> None:
    folder = tmp_path / "scans"
    folder.mkdir()
    assert named(folder, "y.bmp", "z.png") == {"y.bmp": "y.png", "z.png": "z.png"}
    added = named(folder, "z.bmp")
    assert added["z.png"] == "z.png"
    assert added["z.bmp"] == "z.bmp.png"
    assert named(folder, "a.gif", "z.gif", "z.jp2", "Z.avif") == added | {
        **{"a.gif": "a.png", "z.gif": "z.gif.png", "z.jp2": "z.jp2.png", "Z.avif": "Z.avif.png"}
    }
    (folder / "z.png").unlink()  # nor with what goes, as long as there are two
    assert named(folder)["z.bmp"] == "z.bmp.png"
    assert named(folder, "z.bmp.png")["z.bmp.png"] == "z.bmp.png"


def test_where_all_results_are_of_one_format_they_have_both_endings(tmp_path: Path) -> None:
    folder = tmp_path / "scans"
    folder.mkdir()
    assert named(folder, "a.jpg", "b.jpg", "b.tif", "c.PNG", "c.jpg", format_="PNG") == {
        **{"a.jpg": "a.png", "b.jpg": "b.jpg.png", "b.tif": "b.tif.png"},
        **{"c.PNG": "c.PNG", "c.jpg": "c.jpg.png"},
    }


def test_what_is_not_there_takes_no_name(tmp_path: Path) -> None:
    folder, gone = tmp_path / "scans", tmp_path / "gone"
    folder.mkdir()
    for photo in ("y.png", "z.bmp"):
        (folder / photo).touch()
    photos = [gone / "z.png", gone / "y.png", folder]
    tasks = find_tasks(photos, tmp_path / "out")
    assert [task.source.parent.name for task in tasks] == ["gone", "gone", "scans", "scans"]
    assert [str(task.relative) for task in tasks] == ["z_2.png", "y_2.png", "y.png", "z.png"]


def test_films_are_named_as_photographs_are(tmp_path: Path) -> None:
    for film in ("even.avi", "odd.MKV", "odd.avi", "reel.mp4"):
        (tmp_path / film).touch()
    tasks = find_films([tmp_path / "gone" / "even.mkv", tmp_path], tmp_path / "out", "h264")
    assert {task.source.name: str(task.relative) for task in tasks} == {
        **{"even.mkv": "even_2.mkv", "even.avi": "even.mkv", "reel.mp4": "reel.mp4"},
        **{"odd.MKV": "odd.mkv", "odd.avi": "odd.avi.mkv"},
    }
    with pytest.raises(DataError, match=r"reel\.mp4.*Choose another"):
        find_films([tmp_path / "even.avi", tmp_path / "reel.mp4"], tmp_path, "h264")
