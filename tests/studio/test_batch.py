"""The whole album while it is being colored: what goes wrong is told, what is decided is kept."""

import errno

import pytest

from keras_colorize.coloring.report import Ledger, Record
from tests.studio.conftest import Page
from tests.studio.test_server import wait


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
