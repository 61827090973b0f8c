"""What the page asks for: photographs looked at, decided about, saved; and nobody else's asking."""

import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from keras_colorize import Colorizer, colorize
from keras_colorize.coloring.decisions import Decisions
from keras_colorize.coloring.report import Ledger, Record
from keras_colorize.coloring.tasks import find_tasks
from keras_colorize.files import read_rows
from keras_colorize.looks import LOOKS
from keras_colorize.metadata.provenance import read_provenance
from keras_colorize.studio.album import Album
from tests.conftest import SAMPLE
from tests.studio.conftest import ADDRESS, MAX_PIXELS, TOKEN, Page, open_page

WHOLE = {"left": 0, "top": 0, "right": 1, "bottom": 1, "width": 300}
HINT = {"x": 0.2, "y": 0.3, "radius": 0.05, "color": "#2040e0"}


def picture(page: Page, id_: str, **query: Any) -> np.ndarray:
    answer = page.get(f"/api/photos/{id_}/view", params=WHOLE | query)
    assert answer.status_code == 200, answer.text
    with Image.open(io.BytesIO(answer.content)) as image:
        return np.asarray(image, int)


def decide(page: Page, id_: str, **changes: Any) -> None:
    decisions = page.get(f"/api/photos/{id_}").json()["decisions"] | changes
    answer = page.patch(f"/api/photos/{id_}/decisions", json=decisions)
    assert answer.status_code == 204, answer.text


# -- the album --------------------------------------------------------------------------------


def test_the_album_lists_every_photograph(page: Page) -> None:
    photos = page.get("/api/album").json()["photos"]
    assert [photo["name"] for photo in photos] == ["box 1/alps.jpg", "broken.jpg", "house.jpg"]
    assert {photo["state"] for photo in photos} == {"new"}
    assert page.get("/api/model").json() == {"name": "test/generator.keras",
                                             "least_working_size": 8,
                                             "knows_likely_colors": False,
                                             "looks": dict(LOOKS)}  # fmt: skip


def test_thumbnails_are_small_and_show_the_result_once_there_is_one(page: Page) -> None:
    house = page.id_of("house.jpg")
    thumbnails = []
    for _ in range(2):
        answer = page.get(f"/api/photos/{house}/thumbnail")
        with Image.open(io.BytesIO(answer.content)) as image:
            assert max(image.size) <= 320
            thumbnails.append(np.asarray(image.convert("RGB"), int))
        page.post(f"/api/photos/{house}/result")
    assert np.ptp(thumbnails[0], axis=-1).max() == 0
    assert np.ptp(thumbnails[1], axis=-1).mean() > 5


def test_a_damaged_photograph_shows_its_reason_and_the_others_go_on(page: Page) -> None:
    broken = page.id_of("broken.jpg")
    for path in ("", "/thumbnail"):
        answer = page.get(f"/api/photos/{broken}{path}")
        assert answer.status_code == 400
        assert answer.json()["error"]
    record = page.post(f"/api/photos/{broken}/result").json()
    assert record["status"] == "failed"
    (photo,) = [p for p in page.get("/api/album").json()["photos"] if p["name"] == "broken.jpg"]
    assert (photo["state"], photo["reason"]) == ("failed", record["reason"])
    assert page.get(f"/api/photos/{page.id_of('house.jpg')}").status_code == 200


# -- one photograph ---------------------------------------------------------------------------


def test_before_is_gray_and_after_is_in_color_of_the_same_luminance(page: Page) -> None:
    house = page.id_of("house.jpg")
    before = picture(page, house, side="before")
    after = picture(page, house, side="after")
    assert before.shape == after.shape[:2]
    assert np.ptp(after, axis=-1).mean() > 5
    luminance = after @ [0.299, 0.587, 0.114]
    assert np.abs(luminance - before).mean() < 2


def test_a_part_is_what_lies_there(page: Page) -> None:
    house = page.id_of("house.jpg")
    width = page.get(f"/api/photos/{house}").json()["width"]
    for side in ("before", "after"):
        whole = picture(page, house, side=side, width=width)
        half = picture(page, house, side=side, left=0.5, top=0.25, width=width)
        expected = whole[round(whole.shape[0] / 4) :, width // 2 :]
        assert abs(half.shape[0] - expected.shape[0]) <= 1
        rows = min(len(half), len(expected))
        half, expected = half[-rows:], expected[-rows:, -half.shape[1] :]
        # Coded as JPEGs of their own; elsewhere they would differ by much more.
        assert np.abs(half - expected).mean() < 0.4 * np.abs(half[:, 4:] - expected[:, :-4]).mean()


def test_a_photograph_larger_than_the_screen_is_shown_in_all_its_detail(
    page: Page, photos: Path
) -> None:
    """A JPEG that is colored at half its size."""
    with Image.open(photos / "house.jpg") as image:
        large = image.resize((1200, 900), Image.Resampling.LANCZOS)
    noise = np.random.default_rng(0).normal(0, 30, (900, 1200))
    fine = np.clip(np.asarray(large) + noise, 0, 255).astype(np.uint8)
    content = io.BytesIO()
    Image.fromarray(fine).save(content, "JPEG", quality=95)
    id_ = page.put("/api/uploads/large.jpg", content=content.getvalue()).json()["id"]
    part = {"left": 0.5, "top": 0.5, "right": 0.75, "bottom": 0.75}
    shown = picture(page, id_, side="before", **part, width=10_000)
    np.testing.assert_equal(shown.shape, (225, 300))
    assert np.abs(shown - fine[450:675, 600:900]).mean() < 6  # of noise of 30; the rest is JPEG's


def test_a_hint_changes_its_place_and_not_one_far_away(page: Page) -> None:
    house = page.id_of("house.jpg")
    before = picture(page, house, side="after")
    decide(page, house, hints=[HINT])
    after = picture(page, house, side="after")
    height, width = after.shape[:2]
    row, column = int(0.3 * height), int(0.2 * width)
    place = after[row - 2 : row + 3, column - 2 : column + 3].mean(axis=(0, 1))
    was = before[row - 2 : row + 3, column - 2 : column + 3].mean(axis=(0, 1))
    assert place[2] - place[0] > was[2] - was[0] + 20
    corner = np.s_[-height // 5 :, -width // 5 :]
    assert np.abs(after[corner] - before[corner]).mean() < 3
    decide(page, house, hints=[])
    np.testing.assert_array_equal(picture(page, house, side="after"), before)


def test_saturation_working_size_and_tint_are_shown(page: Page, photos: Path) -> None:
    with Image.open(photos / "house.jpg") as image:
        sepia = Image.merge("RGB", [image.point(lambda v, s=s: v * s) for s in (1.0, 0.8, 0.55)])
    content = io.BytesIO()
    sepia.save(content, "PNG")
    id_ = page.put("/api/uploads/sepia.png", content=content.getvalue()).json()["id"]
    assert page.get(f"/api/photos/{id_}").json()["toned"]
    pictures = [picture(page, id_, side="after")]
    for change in ({"saturation": 0.0}, {"working_size": 32}, {"remove_tint": True}):
        decide(page, id_, **change)
        pictures.append(picture(page, id_, side="after"))
    assert np.ptp(pictures[1], axis=-1).mean() < 2
    assert pictures[3].mean() > pictures[1].mean() + 5
    decide(page, id_, saturation=1.0, remove_tint=False)
    assert np.abs(picture(page, id_, side="after") - pictures[0]).mean() > 1


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"left": 0.7, "right": 0.2}, "expected a part"),
        ({"left": -0.1}, "expected a part"),
        ({"left": "nan"}, "expected a part"),
        ({"left": "here"}, "could not convert"),
        ({"width": 0}, "width must be at least 1"),
        ({"bottom": None}, "'bottom' is missing"),
    ],
)
def test_wrong_views_are_refused(page: Page, query: dict[str, Any], message: str) -> None:
    params = {name: value for name, value in (WHOLE | query).items() if value is not None}
    answer = page.get(f"/api/photos/{page.id_of('house.jpg')}/view", params=params)
    assert answer.status_code == 400
    assert message in answer.json()["error"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"hints": []}',
        b'{"photo": %s}' % (b"9" * 5000),
    ],
)
def test_wrong_decisions_are_refused_and_change_nothing(page: Page, content: bytes) -> None:
    house = page.id_of("house.jpg")
    answer = page.patch(f"/api/photos/{house}/decisions", content=content)
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert page.state_of("house.jpg") == "new"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"working_size": 4096}, "working_size must be at most 1024"),
        ({"saturation": 10**400}, "saturation must be a number"),
        ({"author": "me"}, "decisions must have format"),
    ],
)
def test_decisions_out_of_range_are_refused(
    page: Page, change: dict[str, Any], message: str
) -> None:
    house = page.id_of("house.jpg")
    decisions = page.get(f"/api/photos/{house}").json()["decisions"] | change
    answer = page.patch(f"/api/photos/{house}/decisions", json=decisions)
    assert answer.status_code == 400
    assert message in answer.json()["error"]
    assert page.state_of("house.jpg") == "new"


def test_decisions_about_another_photograph_are_refused(page: Page) -> None:
    house, alps = page.id_of("house.jpg"), page.id_of("box 1/alps.jpg")
    other = page.get(f"/api/photos/{alps}").json()["decisions"]
    answer = page.patch(f"/api/photos/{house}/decisions", json=other)
    assert answer.status_code == 400
    assert "another photograph" in answer.json()["error"]


# -- results ----------------------------------------------------------------------------------


def test_what_is_saved_is_what_the_command_makes_of_the_decisions(
    page: Page, photos: Path, model: Path, tmp_path: Path
) -> None:
    house, out = page.id_of("house.jpg"), tmp_path / "out"
    natural = picture(page, house, side="after")
    decide(page, house, hints=[HINT], saturation=1.2, look="kodachrome")
    assert np.abs(picture(page, house, side="after") - natural).mean() > 2
    assert page.state_of("house.jpg") == "changed"
    original = (photos / "house.jpg").read_bytes()
    assert page.post(f"/api/photos/{house}/result").json()["status"] == "colorized"
    assert page.state_of("house.jpg") == "corrected"
    provenance = read_provenance(out / "house.jpg")
    assert provenance is not None and provenance.chosen_colors is not None
    arguments = [str(photos / "house.jpg"), "--model", str(model), "--output", str(tmp_path / "2")]
    assert colorize.main([*arguments, "--decisions", str(out)]) == 0
    assert (tmp_path / "2" / "house.jpg").read_bytes() == (out / "house.jpg").read_bytes()
    # Decided anew, the result is replaced; the original never.
    decide(page, house, saturation=0.0)
    assert page.state_of("house.jpg") == "changed"
    assert page.post(f"/api/photos/{house}/result").json()["status"] == "colorized"
    with Image.open(out / "house.jpg") as image:
        assert np.ptp(np.asarray(image.convert("RGB"), int), axis=-1).max() <= 3
    assert (photos / "house.jpg").read_bytes() == original


def test_a_file_that_is_not_ours_is_not_replaced(page: Page, tmp_path: Path) -> None:
    foreign = tmp_path / "out" / "house.jpg"
    Image.new("RGB", (8, 8)).save(foreign)
    content = foreign.read_bytes()
    record = page.post(f"/api/photos/{page.id_of('house.jpg')}/result").json()
    assert record["status"] == "failed" and "exists already" in record["reason"]
    assert foreign.read_bytes() == content


def test_what_was_decided_outlives_the_process(page: Page, photos: Path, tmp_path: Path) -> None:
    house = page.id_of("house.jpg")
    decide(page, house, hints=[HINT])
    page.post(f"/api/photos/{page.id_of('broken.jpg')}/result")
    again = Album([photos], tmp_path / "out", MAX_PIXELS)
    states = {photo.name: photo.state for photo in again.list()}
    assert states == {"box 1/alps.jpg": "new", "broken.jpg": "failed", "house.jpg": "changed"}
    decisions = again.decisions(again[house], again.hash(again[house]))
    assert decisions is not None and len(decisions.hints) == 1


def test_failures_are_known_again_by_whichever_path(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (photos / "back\\slash.jpg").write_bytes(b"no photograph")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "relative").mkdir()
    for given, output in ((photos, tmp_path / "relative"), (Path("photos"), Path("relative"))):
        with Ledger(output / "report.csv") as ledger:
            for task in find_tasks([given], output):
                written = Record(str(task.source), str(output / task.relative), "failed", "torn")
                ledger.add(written)
        for other in (tmp_path / "relative", Path("relative"), Path("photos/../relative")):
            for photographs in (photos, Path("photos")):
                found = Album([photographs], other, MAX_PIXELS).list()
                assert {photo.reason for photo in found} == {"torn"} and len(found) == 4
        (output / "report.csv").unlink()


def wait(page: Page) -> None:
    """Until the album's coloring has ended, as the page does by asking."""
    while page.get("/api/album/coloring").json()["running"]:
        pass


def test_the_whole_album(page: Page, tmp_path: Path) -> None:
    house = page.id_of("house.jpg")
    decide(page, house, hints=[HINT])
    assert page.post("/api/album/coloring", json={"saturation": 0.5}).status_code == 202
    wait(page)
    progress = page.get("/api/album/coloring").json()
    assert progress == {"total": 3, "done": 3, "failed": 1, "running": False, "reason": ""}
    names = ("box 1/alps.jpg", "broken.jpg", "house.jpg")
    assert [page.state_of(name) for name in names] == ["colored", "failed", "corrected"]
    decisions = Decisions.load(tmp_path / "out" / "house.jpg.colors.json")
    assert (decisions.saturation, len(decisions.hints)) == (0.5, 1)
    rows = read_rows(tmp_path / "out" / "report.csv")
    assert sorted(row["status"] for row in rows) == ["colorized", "colorized", "failed"]


def test_some_of_the_album_as_they_are(page: Page, tmp_path: Path) -> None:
    house = page.id_of("house.jpg")
    assert page.post("/api/album/coloring", json={"photos": [house]}).status_code == 202
    wait(page)
    assert page.state_of("house.jpg") == "colored"
    assert page.state_of("box 1/alps.jpg") == "new"
    assert not (tmp_path / "out" / "house.jpg.colors.json").exists()


def test_the_album_can_be_stopped(page: Page) -> None:
    assert page.post("/api/album/coloring", json={}).status_code == 202
    assert page.delete("/api/album/coloring").status_code == 204
    progress = page.get("/api/album/coloring").json()
    assert not progress["running"]
    written = [p for p in page.get("/api/album").json()["photos"] if p["state"] != "new"]
    assert len(written) == progress["done"]


@pytest.mark.parametrize(
    "content",
    [{"photos": ["unknown"]}, {"photos": [[]]}, {"photos": []}, {"saturation": "much"},
     {"saturation": True}, {"working_size": 2}, {"hints": []}, {"model": "x"},
     {"look": "sepia"}, {"look": 1}, {"palette": [1]}, {"palette": ["#000000"]}],
)  # fmt: skip
def test_wrong_orders_for_the_album_are_refused(page: Page, content: dict[str, Any]) -> None:
    answer = page.post("/api/album/coloring", json=content)
    assert answer.status_code == 400
    assert not page.get("/api/album/coloring").json()["running"]


# -- uploads ----------------------------------------------------------------------------------


def test_uploads_keep_their_names_apart(page: Page, photos: Path, tmp_path: Path) -> None:
    content = (photos / "house.jpg").read_bytes()
    for _ in range(2):
        assert page.put("/api/uploads/house.jpg", content=content).status_code == 201
    names = {photo.name for photo in page.album.list()}
    assert names >= {"house.jpg", "house_2.jpg", "house_3.jpg"}
    uploaded = page.id_of("house_2.jpg")
    assert page.post(f"/api/photos/{uploaded}/result").json()["status"] == "colorized"
    again = Album([photos], tmp_path / "out", MAX_PIXELS)
    assert {photo.name: photo.state for photo in again.list()}["house_2.jpg"] == "colored"


def test_what_came_into_the_folder_meanwhile_is_not_taken_for_what_was_uploaded(
    page: Page, photos: Path
) -> None:
    content = (photos / "house.jpg").read_bytes()
    for name in ("garden.jpg", "porch.jpg"):  # which come before and behind the others
        (photos / name).write_bytes(content)
    answer = page.put("/api/uploads/porch.jpg", content=content)
    assert answer.status_code == 201
    new = page.album[answer.json()["id"]]
    assert new.source.parent.name == "uploaded"
    names = [photo.name for photo in page.album.list()]
    assert {"garden.jpg", "porch.jpg"} < set(names) and len(names) == 6


@pytest.mark.parametrize(
    "name", ["notes.txt", "page.html", ".jpg", "x" * 300 + ".jpg", "..%2F..%2Fx.sh", "a%00.jpg"]
)
def test_what_is_no_photograph_by_name_is_refused(page: Page, tmp_path: Path, name: str) -> None:
    assert page.put(f"/api/uploads/{name}", content=b"x").status_code in (400, 404)
    assert not list((tmp_path / "out").rglob("*.*")) or {
        path.name for path in (tmp_path / "out").rglob("*.*")
    } == {"report.csv"}


def test_uploads_stay_in_their_folder(page: Page, photos: Path, tmp_path: Path) -> None:
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    content = (photos / "house.jpg").read_bytes()
    answer = page.put("/api/uploads/..%5C..%5Cevil.jpg", content=content)
    assert answer.status_code == 201
    new = {path for path in tmp_path.rglob("*") if path.is_file()} - before
    assert new == {tmp_path / "out" / "uploaded" / "evil.jpg"}


def test_bombs_and_broken_files_are_refused_and_not_kept(page: Page, tmp_path: Path) -> None:
    bomb = io.BytesIO()
    Image.new("L", (3000, 3000)).save(bomb, "PNG")
    for content in (bomb.getvalue(), b"", b"\xff\xd8\xff not a photograph"):
        answer = page.put("/api/uploads/scan.png", content=content)
        assert answer.status_code == 400
        assert answer.json()["error"]
    assert not list((tmp_path / "out" / "uploaded").iterdir())


def test_uploads_are_limited(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keras_colorize.studio.server._MOST_UPLOADED", 1 << 20)
    answer = page.put("/api/uploads/scan.png", content=b"x" * ((1 << 20) + 1))
    assert answer.status_code == 413
    assert "at most 1 MB" in answer.json()["error"]


def test_colors_of_another_picture(page: Page, tmp_path: Path) -> None:
    house = page.id_of("house.jpg")
    before = picture(page, house, side="after")
    content = (SAMPLE / "modern" / "brick_house_garden.jpg").read_bytes()
    answer = page.put("/api/references/house_today.jpg", content=content)
    assert answer.status_code == 201
    decide(page, house, **answer.json())
    assert np.abs(picture(page, house, side="after") - before).mean() > 1
    assert page.post(f"/api/photos/{house}/result").json()["status"] == "colorized"
    assert page.state_of("house.jpg") == "corrected"
    for wrong in (
        {"reference": "0" * 64},
        {"proposal": 1},
        {"reference": None, "palette": ["#4060a0"]},  # which this model does not know where to use
    ):
        decisions = page.get(f"/api/photos/{house}").json()["decisions"] | wrong
        assert page.patch(f"/api/photos/{house}/decisions", json=decisions).status_code == 400
    assert page.put("/api/references/x.jpg", content=b"no picture").status_code == 400
    in_gray = (SAMPLE / "historical" / "alpine_landscape.jpg").read_bytes()
    answer = page.put("/api/references/alps.jpg", content=in_gray)
    assert answer.status_code == 400
    assert "expected a color photograph" in answer.json()["error"]
    assert len(list((tmp_path / "out" / "references").iterdir())) == 1


def test_what_the_model_offers_where_it_knows(
    knowing_model: Path, photos: Path, tmp_path: Path
) -> None:
    with open_page(photos, tmp_path / "out", Colorizer.load(knowing_model)) as page:
        house = page.id_of("house.jpg")
        assert page.get("/api/model").json()["knows_likely_colors"]
        likely = page.get(f"/api/photos/{house}/likely", params={"x": 0.2, "y": 0.3}).json()
        assert 1 <= len(likely) <= 6 and all(re.fullmatch("#[0-9a-f]{6}", c) for c in likely)
        assert page.get(f"/api/photos/{house}/likely").status_code == 400
        offered = [picture(page, house, side="after", proposal=number) for number in range(4)]
        plain = picture(page, house, side="after")
        np.testing.assert_array_equal(offered[0], plain)
        assert all(np.abs(other - plain).mean() > 0.2 for other in offered[1:])
        decide(page, house, proposal=3)
        np.testing.assert_array_equal(picture(page, house, side="after"), offered[3])
        before = picture(page, house, side="before")
        certainty = picture(page, house, side="certainty")
        assert np.abs(certainty @ [0.299, 0.587, 0.114] - before).mean() < 6
        part = picture(page, house, side="certainty", left=0.5, top=0.25)
        assert np.abs(part - certainty[-len(part) :, -part.shape[1] :]).mean() < 6


def test_a_palette_is_kept_followed_and_applied_to_the_album(
    knowing_model: Path, photos: Path, tmp_path: Path
) -> None:
    palette = {"palette": ["#3050c0"]}
    with open_page(photos, tmp_path / "out", Colorizer.load(knowing_model)) as page:
        house = page.id_of("house.jpg")
        pictures = []
        for decided in ([], ["#3050c0"], ["#c05030"], []):
            decide(page, house, palette=decided)
            pictures.append(picture(page, house, side="after"))
        np.testing.assert_array_equal(pictures[0], pictures[3])
        blue = [(shown[..., 2] - shown[..., 0]).mean() for shown in pictures]
        assert blue[1] > blue[0] + 3 and blue[1] > blue[2] + 3
        order = {"photos": [house, page.id_of("box 1/alps.jpg")], "look": "autochrome"}
        assert page.post("/api/album/coloring", json=order | palette).status_code == 202
        wait(page)
        assert page.state_of("house.jpg") == page.state_of("box 1/alps.jpg") == "corrected"
    arguments = [str(photos), "--model", str(knowing_model), "--output", str(tmp_path / "2")]
    # The broken photograph fails.
    assert colorize.main([*arguments, "--decisions", str(tmp_path / "out")]) == 1
    for name in ("house.jpg", "box 1/alps.jpg"):
        assert (tmp_path / "2" / name).read_bytes() == (tmp_path / "out" / name).read_bytes()


# -- who may ask ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"x-studio-token": ""},
        {"x-studio-token": TOKEN + "x"},
        {"x-studio-token": "é"},
        {"host": "evil.example:8000"},
        {"host": "127.0.0.1.evil.example"},
        {"host": ""},
        {"origin": "http://evil.example"},
        {"origin": "http://127.0.0.1:9000"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_others_are_refused(page: Page, headers: dict[str, str]) -> None:
    house = page.id_of("house.jpg")
    encoded = {name: value.encode() for name, value in headers.items()}
    for method, path in [("GET", "/api/album"), ("POST", f"/api/photos/{house}/result")]:
        answer = page.client.request(method, path, headers=encoded)
        assert answer.status_code == 403
        assert answer.json()["error"]
    assert page.state_of("house.jpg") == "new"


def test_the_page_itself_is_let_in(page: Page) -> None:
    headers = {"origin": ADDRESS, "sec-fetch-site": "same-origin"}
    assert page.get("/api/album", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/../setup.cfg", "/%2e%2e/setup.cfg", "/page/../../__init__.py", "/studio.py",
     "/api/photos/../../etc/passwd", "/api/photos/%2Fetc%2Fpasswd/thumbnail",
     "/api/photos/..%2F..%2Fetc%2Fpasswd/view"],
)  # fmt: skip
def test_no_path_leads_out(page: Page, path: str) -> None:
    assert page.get(path).status_code == 404


def test_the_browser_is_told_to_fetch_nothing_from_elsewhere(page: Page) -> None:
    for path in ("/", "/api/album", "/nowhere"):
        headers = page.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert "http:" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


def test_a_page_that_has_nothing_to_show_yet(tmp_path: Path) -> None:
    album = Album([], tmp_path, MAX_PIXELS)
    assert album.list() == []
