"""Files that are complete or absent."""

from pathlib import Path

import pytest

from keras_colorize.files import atomic_path, make_folder


def test_atomic_path_appears_when_complete(tmp_path: Path) -> None:
    target = tmp_path / "a.weights.h5"
    target.write_text("old")
    with atomic_path(target) as temporary:
        assert temporary.parent == tmp_path and temporary.name.startswith(".")
        assert temporary.name.endswith(".weights.h5") and not temporary.exists()
        temporary.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_atomic_path_leaves_nothing_after_a_failure(
    tmp_path: Path, error: type[BaseException]
) -> None:
    with pytest.raises(error), atomic_path(tmp_path / "x.csv") as temporary:
        temporary.write_text("half of")
        raise error
    assert list(tmp_path.iterdir()) == []


def test_atomic_path_refuses_what_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "x.csv"):
        pass
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError), atomic_path(tmp_path / "folder") as temporary:
        temporary.write_text("x")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_atomic_path_names_no_temporary_file(tmp_path: Path) -> None:
    target = tmp_path / "absent" / "x.csv"
    with pytest.raises(FileNotFoundError) as raised, atomic_path(target) as temporary:
        temporary.write_text("x")
    assert raised.value.filename == str(target)
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError) as renaming, atomic_path(tmp_path / "folder") as temporary:
        temporary.write_text("x")
    assert renaming.value.filename == str(tmp_path / "folder")


def test_a_folder_is_made_where_there_is_no_file(tmp_path: Path) -> None:
    for _ in range(2):
        make_folder(tmp_path / "a" / "b")
    (tmp_path / "notes.txt").write_text("mine")
    for folder in (tmp_path / "notes.txt", tmp_path / "notes.txt" / "b"):
        with pytest.raises(FileExistsError, match=r"expected a folder .*notes\.txt is a file"):
            make_folder(folder)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_atomic_path_with_a_long_name_and_the_umask(tmp_path: Path) -> None:
    name = "写" * 80 + ".csv"  # 244 bytes
    with atomic_path(tmp_path / name) as temporary:
        temporary.write_text("x")
    (tmp_path / "plain").touch()
    assert (tmp_path / name).stat().st_mode == (tmp_path / "plain").stat().st_mode
