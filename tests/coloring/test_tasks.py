"""What becomes of which photograph, and what killed runs have left of it."""

from pathlib import Path

from PIL import Image

from keras_colorize.coloring.tasks import Task, clear_leftovers, find_tasks
from keras_colorize.files import atomic_path, fit_name


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
