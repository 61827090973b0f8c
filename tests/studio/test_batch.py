"""The whole album while it is being colored: what goes wrong is told, what is decided is kept."""

import errno
from pathlib import Path

import pytest

from keras_colorize.coloring.report import Ledger, Record
from keras_colorize.files import hash_file
from keras_colorize.studio import album
from tests.studio.conftest import Page
from tests.studio.test_server import HINT, wait


def test_a_report_that_cannot_be_written_ends_it_with_the_reason(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    def add(ledger: Ledger, record: Record) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(ledger.path))

    monkeypatch.setattr(Ledger, "add", add)
    assert page.post("/api/album/coloring", json={}).status_code == 202
    wait(page)
    progress = page.get("/api/album/coloring").json()
    assert not progress["running"] and progress["done"] == 0
    assert progress["reason"].endswith("report.csv: No space left on device")
    assert page.state_of("box 1/alps.jpg") == "colored"
    # A single one that is saved says it, too; a photograph's own failure is shown all the same.
    answer = page.post(f"/api/photos/{page.id_of('broken.jpg')}/result")
    assert answer.status_code == 400 and "No space left" in answer.json()["error"]
    assert page.state_of("broken.jpg") == "failed"
    monkeypatch.undo()
    assert page.post("/api/album/coloring", json={}).status_code == 202
    wait(page)
    assert page.get("/api/album/coloring").json()["reason"] == ""


def test_what_is_decided_while_the_album_is_colored_is_kept(
    page: Page, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house, hash_ = page.id_of("house.jpg"), hash_file(photos / "house.jpg")
    answers = []

    def hash_slowly(photo: Path) -> str:
        monkeypatch.undo()
        change = {"photo": hash_, "hints": [HINT]}
        answers.append(page.patch(f"/api/photos/{house}/decisions", json=change).status_code)
        return hash_file(photo)

    monkeypatch.setattr(album, "hash_file", hash_slowly)
    order = {"photos": [house], "look": "autochrome"}
    assert page.post("/api/album/coloring", json=order).status_code == 202
    wait(page)
    assert answers == [204]
    decisions = page.get(f"/api/photos/{house}").json()["decisions"]
    assert (len(decisions["hints"]), decisions["look"]) == (1, "autochrome")
    # The page, which was opened before that, sends what it changed.
    change = {"photo": hash_, "hints": []}
    assert page.patch(f"/api/photos/{house}/decisions", json=change).status_code == 204
    decisions = page.get(f"/api/photos/{house}").json()["decisions"]
    assert (decisions["hints"], decisions["look"]) == ([], "autochrome")
