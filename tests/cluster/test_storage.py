"""Photographs and results in a bucket, on a server that is not always well."""

import os
import subprocess
import sys
from pathlib import Path, PurePosixPath
from typing import IO

import pytest

from keras_colorize.cluster import storage
from keras_colorize.cluster.storage import (
    Bucket,
    Scratch,
    check_sources,
    list_photos,
    open_target,
)
from keras_colorize.coloring.targets import Folder
from keras_colorize.errors import ConfigError, DataError, PhotoError
from keras_colorize.files import lock
from tests.cluster.conftest import PHOTOS, S3
from tests.conftest import ROOT

PHOTO = PHOTOS[0].read_bytes()


def put(s3: S3, *keys: str, bucket: str = "scans") -> None:
    for key in keys:
        s3.client.put_object(Bucket=bucket, Key=key, Body=PHOTO)


def listed(url: str) -> list[tuple[str, str]]:
    return [(photo, str(relative)) for photo, relative in list_photos(url)]


# -- listing ------------------------------------------------------------------------------------


def test_photographs_are_listed_by_their_names(s3: S3) -> None:
    put(s3, "b/2.TIF", "b/1 ä#?.jpg", "b/notes.txt", "b/.thumbs/1.jpg", "b/._1.jpg", "c/3.jpg")
    assert listed("s3://scans/b") == [
        ("s3://scans/b/1 ä#?.jpg", "1 ä#?.jpg"),
        ("s3://scans/b/2.TIF", "2.TIF"),
    ]
    assert [name for _, name in listed("s3://scans/")] == ["b/1 ä#?.jpg", "b/2.TIF", "c/3.jpg"]
    assert listed("s3://scans/c/3.jpg") == [("s3://scans/c/3.jpg", "3.jpg")]


def test_no_name_of_an_object_leads_out_of_the_output(s3: S3) -> None:
    put(s3, "b/../../../up.jpg", "b//twice.jpg", "b/./here.jpg")
    names = {name for _, name in listed("s3://scans")}
    assert names == {"b/__/__/__/up.jpg", "b/twice.jpg", "b/here.jpg"}
    assert not any(".." in PurePosixPath(name).parts for name in names)


@pytest.mark.parametrize("url", ["s3://no-such-bucket", "s3://no-such-bucket/x", "s3://scans/none"])
def test_a_bucket_that_does_not_exist_is_one_line(s3: S3, url: str) -> None:
    put(s3, "b/1.jpg")
    with pytest.raises(DataError, match=rf"expected photographs at {url}; there is no such"):
        list_photos(url)


def test_a_bucket_that_is_forbidden_is_one_line(s3: S3) -> None:
    put(s3, "b/1.jpg")
    s3.fail("GET", "/scans/?", status=403, code="AccessDenied")
    with pytest.raises(DataError, match="s3://scans/b: forbidden to these credentials"):
        list_photos("s3://scans/b")


def test_places_of_unknown_kinds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="expected a folder, or a URL of file://, s3://"):
        open_target("ftp://archive/color")
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(ConfigError, match=r"gs:// needs .*keras-colorize\[gs\]"):
        open_target("gs://archive/color")
    with pytest.raises(DataError, match="absent, which does not exist"):
        check_sources([str(tmp_path), str(tmp_path / "absent")])
    assert open_target(f"file://{tmp_path}") == Folder(tmp_path)


# -- reading ------------------------------------------------------------------------------------


def test_a_photograph_is_read_once_under_its_own_name(s3: S3) -> None:
    name = f"{'x' * 100}.jpg"
    put(s3, f"b/{name}")
    scratch = Scratch()
    with scratch.fetch(f"s3://scans/b/{name}") as path:
        assert path.name == name
        assert path.read_bytes() == PHOTO
    assert not path.exists()
    assert [method for method, asked in s3.asked if asked.endswith(name)] == ["PUT", "GET"]
    scratch.close()
    assert not scratch.path.exists()


def test_errors_and_slow_replies_in_between_are_overcome(s3: S3) -> None:
    put(s3, "1.jpg", "2.jpg", "3.jpg")
    s3.fail("GET", "/scans/1.jpg", status=503, code="SlowDown", times=2)
    s3.fail("GET", "/scans/2.jpg", status=500, delay=0.3, times=1)
    s3.fail("GET", "/scans/3.jpg", cut=len(PHOTO) // 2, times=1)
    scratch = Scratch()
    for name in ("1.jpg", "2.jpg", "3.jpg"):
        with scratch.fetch(f"s3://scans/{name}") as path:
            assert path.read_bytes() == PHOTO
    scratch.close()


def test_a_place_has_one_name(s3: S3) -> None:
    assert (
        open_target("s3a://color/all/") == open_target("s3://color/all") == Bucket("s3://color/all")
    )


def test_what_cannot_be_fetched_says_why(s3: S3) -> None:
    put(s3, "secret.jpg")
    s3.fail("GET", "/scans/secret.jpg", status=403, code="AccessDenied")
    scratch = Scratch()
    for name, reason in {
        "gone.jpg": "it was listed, but is not there any more",
        "secret.jpg": "forbidden to these credentials",
    }.items():
        with pytest.raises(PhotoError, match=reason), scratch.fetch(f"s3://scans/{name}"):
            pass
    assert [path.name for path in scratch.path.iterdir()] == [".lock"]
    scratch.close()


def test_what_killed_processes_have_fetched_is_removed(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from keras_colorize.cluster.storage import Scratch\n"
        "scratch = Scratch(Path(sys.argv[1]))\n"
        "(scratch.path / 'half.jpg').touch()\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code, tmp_path], env=environment, check=False)
    assert len(list(tmp_path.rglob("half.jpg"))) == 1
    alive = Scratch(tmp_path)
    Scratch(tmp_path).close()
    assert list(tmp_path.iterdir()) == [alive.path]
    alive.close()


def test_a_folder_is_not_taken_from_a_process_that_is_just_making_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = iter([Scratch])  # one that begins at the worst moment

    def late(file: IO[str], *, wait: bool) -> None:
        for other in others:
            other(tmp_path).close()
        lock(file, wait=wait)

    monkeypatch.setattr(storage, "lock", late)
    scratch = Scratch(tmp_path)
    assert list(tmp_path.iterdir()) == [scratch.path]
    assert [path.name for path in scratch.path.iterdir()] == [".lock"]
    scratch.close()


# -- writing ------------------------------------------------------------------------------------


def test_results_are_stored_whole_or_not_at_all(s3: S3) -> None:
    target = Bucket("s3://color/all/")
    path = Path("box") / "a.jpg"
    assert target.open(path) is None
    # Which never lists: of a missing object that costs more than all the rest.
    assert s3.asked == [("GET", "/color/all/box/a.jpg")]
    for content in (b"first", b"second"):
        with target.write(path) as temporary:
            temporary.write_bytes(content)
            assert b"second" not in [s3.get("color", key) for key in s3.names("color")]
    assert s3.names("color") == ["all/box/a.jpg"]
    file = target.open(path)
    assert file is not None
    with file:
        assert file.read() == b"second"
    assert target.name(path) == "s3://color/all/box/a.jpg"
    with pytest.raises(ZeroDivisionError), target.write(path) as temporary:
        temporary.write_bytes(b"third")
        _ = 1 / 0
    assert s3.get("color", "all/box/a.jpg") == b"second"
    s3.client.put_object(Bucket="color", Key="all/empty.jpg", Body=b"")
    empty = target.open(Path("empty.jpg"))
    assert empty is not None
    empty.close()


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        (403, "AccessDenied", "forbidden to these credentials"),
        (507, "XMinioStorageFull", "XMinioStorageFull"),
        (404, "NoSuchBucket", "no such bucket"),
    ],
)
def test_a_result_that_cannot_be_stored_says_why(
    s3: S3, status: int, code: str, reason: str
) -> None:
    s3.fail("PUT", "/color/.*", status=status, code=code)
    with (
        pytest.raises(PhotoError, match=f"cannot write s3://color/a.jpg: .*{reason}"),
        Bucket("s3://color").write(Path("a.jpg")) as temporary,
    ):
        temporary.write_bytes(PHOTO)
    assert s3.names("color") == []
