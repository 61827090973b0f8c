"""Another photograph of the same name has neither the decisions about the first nor its result."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keras_colorize import Colorizer
from keras_colorize.coloring.decisions import Decisions
from keras_colorize.coloring.decisions_folder import DecisionsFolder
from keras_colorize.files import hash_file
from tests.conftest import SAMPLE
from tests.studio.conftest import Page, open_page
from tests.studio.test_server import HINT, decide, picture, wait


def save_gray(photo: Path, path: Path) -> Path:
    with Image.open(photo) as image:
        image.convert("L").save(path, quality=90)
    return path


@pytest.fixture
def first(tmp_path: Path) -> Path:
    (tmp_path / "a").mkdir()
    house = SAMPLE / "modern" / "brick_house_garden.jpg"
    return save_gray(house, tmp_path / "a" / "IMG_0001.jpg")


@pytest.fixture
def second(tmp_path: Path) -> Path:
    (tmp_path / "b").mkdir()
    alps = SAMPLE / "historical" / "alpine_landscape.jpg"
    return save_gray(alps, tmp_path / "b" / "IMG_0001.jpg")


def thumbnail(page: Page, id_: str) -> bytes:
    return page.get(f"/api/photos/{id_}/thumbnail").content


def color_all(page: Page) -> dict[str, object]:
    assert page.post("/api/album/coloring", json={"saturation": 0.5}).status_code == 202
    wait(page)
    progress: dict[str, object] = page.get("/api/album/coloring").json()
    return progress


@pytest.mark.parametrize("scanned_anew", [False, True])
def test_it_has_neither_decisions_nor_result_of_the_other(
    first: Path, second: Path, tmp_path: Path, colorizer: Colorizer, scanned_anew: bool
) -> None:
    out = tmp_path / "out"
    with open_page(first.parent, out, colorizer) as page:
        house = page.id_of("IMG_0001.jpg")
        decide(page, house, hints=[HINT])
        assert page.post(f"/api/photos/{house}/result").json()["status"] == "colorized"
        colored = thumbnail(page, house)
    result = (out / "IMG_0001.jpg").read_bytes()
    decided = Decisions.load(out / "IMG_0001.jpg.colors.json")
    of_first = decided.photo
    if scanned_anew:
        os.replace(second, first)
        second = first
    with open_page(second.parent, out, colorizer) as page:
        alps = page.id_of("IMG_0001.jpg")
        assert page.state_of("IMG_0001.jpg") == "new"
        assert thumbnail(page, alps) != colored
        opened = page.get(f"/api/photos/{alps}").json()
        assert opened["decisions"] == opened["initial"]
        plain = picture(page, alps, side="after")
        decide(page, alps, saturation=0.0)
        assert page.state_of("IMG_0001.jpg") == "changed"
        assert np.abs(picture(page, alps, side="after") - plain).mean() > 1
        record = page.post(f"/api/photos/{alps}/result").json()
        assert record["status"] == "failed"
        assert "exists already and was not made of this photograph" in record["reason"]
        assert color_all(page)["failed"] == 1
        assert page.state_of("IMG_0001.jpg") == "failed"
    assert (out / "IMG_0001.jpg").read_bytes() == result
    assert Decisions.load(out / "IMG_0001.jpg.colors.json") == decided
    with open_page(second.parent, out, colorizer) as page:  # and it is found again
        opened = page.get(f"/api/photos/{page.id_of('IMG_0001.jpg')}").json()
        assert opened["decisions"]["saturation"] == 0.5
    folder = DecisionsFolder(out)
    found = folder.find(hash_file(second), Path("IMG_0001.jpg"))
    assert found is not None and found.saturation == 0.5 and not found.hints
    assert folder.find(of_first, Path("IMG_0001.jpg")) == decided


def test_the_first_is_as_it_was_when_it_is_opened_again(
    first: Path, second: Path, tmp_path: Path, colorizer: Colorizer
) -> None:
    out = tmp_path / "out"
    with open_page(first.parent, out, colorizer) as page:
        decide(page, page.id_of("IMG_0001.jpg"), hints=[HINT])
        page.post(f"/api/photos/{page.id_of('IMG_0001.jpg')}/result")
    with open_page(second.parent, out, colorizer) as page:
        decide(page, page.id_of("IMG_0001.jpg"), saturation=0.0)
        page.post(f"/api/photos/{page.id_of('IMG_0001.jpg')}/result")
    with open_page(first.parent, out, colorizer) as page:
        assert page.state_of("IMG_0001.jpg") == "corrected"
        house = page.id_of("IMG_0001.jpg")
        assert len(page.get(f"/api/photos/{house}").json()["decisions"]["hints"]) == 1
        decide(page, house, saturation=0.5)
        assert page.post(f"/api/photos/{house}/result").json()["status"] == "colorized"
    assert len(list(out.glob("*.colors.json"))) == 2


def test_a_photograph_that_is_replaced_while_it_is_open_is_another(
    first: Path, second: Path, tmp_path: Path, colorizer: Colorizer
) -> None:
    with open_page(first.parent, tmp_path / "out", colorizer) as page:
        house = page.id_of("IMG_0001.jpg")
        decide(page, house, hints=[HINT])
        before = page.get(f"/api/photos/{house}").json()
        os.replace(second, first)
        answer = page.patch(f"/api/photos/{house}/decisions", json=before["decisions"])
        assert answer.status_code == 400 and "another photograph" in answer.json()["error"]
        opened = page.get(f"/api/photos/{house}").json()
        assert opened["width"] != before["width"]
        assert opened["decisions"] == opened["initial"]
        assert page.post(f"/api/photos/{house}/result").json()["status"] == "colorized"
        assert page.state_of("IMG_0001.jpg") == "colored"


def test_decisions_are_found_when_another_photograph_takes_the_name(
    first: Path, tmp_path: Path, colorizer: Colorizer
) -> None:
    with Image.open(first) as image:
        image.save(first.with_name("y.bmp"))
        image.transpose(Image.Transpose.FLIP_TOP_BOTTOM).save(tmp_path / "y.gif")
    with open_page(first.parent, tmp_path / "out", colorizer) as page:
        decide(page, page.id_of("y.png"), hints=[HINT])
    (tmp_path / "y.gif").rename(first.with_name("y.gif"))  # now both want y.png
    with open_page(first.parent, tmp_path / "out", colorizer) as page:
        for name, hints in (("y.bmp.png", 1), ("y.gif.png", 0)):
            opened = page.get(f"/api/photos/{page.id_of(name)}").json()
            assert len(opened["decisions"]["hints"]) == hints
