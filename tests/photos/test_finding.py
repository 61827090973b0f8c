"""Which files of a folder are taken for photographs, and in which order."""

import os
from pathlib import Path

import pytest

from keras_colorize.errors import DataError
from keras_colorize.photos.finding import describe_others, find_photos
from tests.conftest import SAMPLE

MODERN = SAMPLE / "modern" / "pont_du_gard.jpg"
HISTORICAL = SAMPLE / "historical" / "alpine_landscape.jpg"


def test_find_photos_finds_the_sample() -> None:
    found = find_photos(SAMPLE)
    assert MODERN in found and HISTORICAL in found
    assert len(found) == len(list(SAMPLE.rglob("*.jpg")))


def test_find_photos_order_names_and_loops(tmp_path: Path) -> None:
    names = ["b.JPG", "a/z.png", "a/ü\nline.TIFF", "B.webp", "c.d/e.jfif", "日本/写真.jpeg"]
    ignored = ["._b.jpg", ".hidden/x.jpg", "notes.txt", "jpg", "a/x.jpg.bak"]
    for name in names + ignored:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.jpg").mkdir()
    os.symlink(tmp_path, tmp_path / "a" / "loop")
    os.symlink(tmp_path / "a", tmp_path / "again")
    os.symlink(tmp_path / "nowhere.jpg", tmp_path / "broken.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    assert find_photos(str(tmp_path)) == [tmp_path / name for name in sorted(names)]


def test_find_photos_follows_linked_folders(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "x.png").touch()
    (tmp_path / "set").mkdir()
    os.symlink(tmp_path / "elsewhere", tmp_path / "set" / "link")
    assert find_photos(tmp_path / "set") == [tmp_path / "set" / "link" / "x.png"]


def test_find_photos_follows_no_link_that_leads_up(tmp_path: Path) -> None:
    """Else what lies beside the folder that was named would be colored too."""
    named = tmp_path / "archive" / "scans"
    for photo in ("private.jpg", "archive/other/b.jpg", "archive/scans/box/a.jpg"):
        (tmp_path / photo).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / photo).touch()
    os.symlink("..", named / "up")
    os.symlink(tmp_path, named / "box" / "far_up")
    os.symlink(named, named / "box" / "here")
    os.symlink(tmp_path / "archive" / "other", named / "beside")
    os.symlink("..", tmp_path / "archive" / "other" / "up")
    os.symlink(named, tmp_path / "link")
    for folder in (named, tmp_path / "link"):
        assert find_photos(folder) == [folder / "beside" / "b.jpg", folder / "box" / "a.jpg"]


def test_find_photos_refuses_what_is_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DataError, match=r"Received: .*absent, which does not exist"):
        find_photos(tmp_path / "absent")
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="which is a file"):
        find_photos(tmp_path / "file")

    def forbidden(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "scandir", forbidden)
    with pytest.raises(DataError, match=r"Received: .*\(Permission denied\)"):
        find_photos(tmp_path)


def test_what_else_lies_there_is_counted(tmp_path: Path) -> None:
    for name in ["a.jpg", "b.JP2", "c.xyz", "d/e.XYZ", "d/f", ".hidden", "out/report.csv"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    os.symlink(tmp_path / "d", tmp_path / "again")
    described = describe_others([tmp_path, tmp_path / "d"], tmp_path / "out")
    assert described == "3 other files left out: 2 .xyz, 1 without an ending"
    assert describe_others([tmp_path / "out"], tmp_path / "out") is None
    assert describe_others([tmp_path / "out"], tmp_path) is None
    one = describe_others([tmp_path / "out"], tmp_path / "elsewhere")
    assert one == "1 other file left out: 1 .csv"


def test_what_is_no_file_is_counted(tmp_path: Path) -> None:
    (tmp_path / "x.jpg").touch()
    (tmp_path / "x.xyz").touch()
    os.symlink(tmp_path / "nowhere.jpg", tmp_path / "broken.jpg")
    os.mkfifo(tmp_path / "pipe.tif")
    described = describe_others([tmp_path], tmp_path / "out")
    assert described is not None and described.startswith("3 other files left out: ")
    assert set(described.partition(": ")[2].split(", ")) == {
        "1 .xyz",
        "1 broken link",
        "1 pipe or device",
    }
