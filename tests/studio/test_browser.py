"""The page in a real browser: what a person does with it, from a folder to a saved result."""

import http.server
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from axe_core_python.selenium import Axe
from PIL import Image
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

from keras_colorize import colorize
from keras_colorize.coloring.decisions import Decisions
from tests.conftest import ROOT, SAMPLE

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")

pytestmark = pytest.mark.skipif(
    CHROMIUM is None or DRIVER is None,
    reason="Chromium and chromedriver are needed (Debian: chromium and chromium-driver)",
)
PATIENCE = 180  # seconds, for machines with much else to do


@dataclass
class Desk:
    """A running studio and a browser that shows it."""

    driver: Any
    address: str
    output: Path

    def __getitem__(self, id_: str) -> Any:
        return self.driver.find_element(By.ID, id_)

    def wait(self, condition: Callable[[], Any]) -> Any:
        # The list is drawn anew, in its own time, when the window changes.
        redrawn = [StaleElementReferenceException]
        return WebDriverWait(self.driver, PATIENCE, ignored_exceptions=redrawn).until(
            lambda _: condition()
        )

    def rest(self) -> None:
        """Wait until what is seen is what was decided."""
        self.wait(lambda: self["canvas"].get_attribute("aria-busy") == "false")

    def visit(self) -> None:
        self.driver.get("about:blank")
        self.driver.get(self.address)
        self.wait(lambda: self.driver.find_elements(By.CSS_SELECTOR, ".photo img[src]"))

    def open(self, name: str) -> None:
        def clicked() -> bool:
            self.row(name).click()
            return True

        self.wait(clicked)
        self.wait(lambda: not self["note"].is_displayed())
        self.rest()

    def rows(self) -> list[Any]:
        return self.driver.find_elements(By.CSS_SELECTOR, ".photo")

    def row(self, name: str) -> Any:
        (row,) = [row for row in self.rows() if name in row.text]
        return row

    def state(self, name: str) -> str:
        return self.row(name).find_element(By.CLASS_NAME, "state").text

    def set(self, input_: Any, value: object) -> None:
        """Move a slider or take a color, as a hand does; the input itself, or its id."""
        self.driver.execute_script(
            "arguments[0].value = arguments[1];"
            "for (const name of ['input', 'change']) arguments[0].dispatchEvent(new Event(name));",
            self[input_] if isinstance(input_, str) else input_,
            value,
        )

    def tool(self, name: str) -> None:
        self.driver.find_element(By.CSS_SELECTOR, f"input[value={name}]").click()

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Place in the canvas, from its middle, of a place in a photograph 3 wide and 2 high."""
        size = self["canvas"].size
        scale = min(size["width"] / 290, size["height"] / 192)
        return (x - 0.5) * 290 * scale, (y - 0.5) * 192 * scale

    def click(self, x: float, y: float) -> None:
        ActionChains(self.driver).move_to_element_with_offset(
            self["canvas"], *map(round, self.at(x, y))
        ).click().perform()
        self.rest()

    def pixels(self) -> np.ndarray:
        """What is seen of the photograph."""
        with Image.open(io.BytesIO(self["canvas"].screenshot_as_png)) as image:
            return np.asarray(image.convert("RGB"), float)

    def color(self, x: float, y: float) -> np.ndarray:
        """Of a few pixels around a place."""
        pixels = self.pixels()
        dx, dy = self.at(x, y)
        row, column = round(pixels.shape[0] / 2 + dy), round(pixels.shape[1] / 2 + dx)
        return pixels[row - 3 : row + 4, column - 3 : column + 4].mean(axis=(0, 1))


def start(folder: Path, output: Path, model: Path) -> tuple[subprocess.Popen[str], str]:
    """A studio of its own; the process and its address."""
    command = [sys.executable, "-m", "keras_colorize.studio", str(folder), "--no_browser"]
    process = subprocess.Popen(
        [*command, "--output", str(output), "--model", str(model)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout is not None
    found = re.search(r"http://\S+", process.stdout.readline())
    assert found is not None
    return process, found[0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of one photograph a copy for each test, and a file that is none."""
    folder = tmp_path_factory.mktemp("photos")
    with Image.open(SAMPLE / "modern" / "brick_house_garden.jpg") as photo:
        assert photo.size == (290, 192)
        for name in ("album_1", "album_2", "dyes_1", "dyes_2", "house", "keys", "reach",
                     "haste_1", "haste_2"):  # fmt: skip
            photo.convert("L").save(folder / f"{name}.jpg", quality=90)
    (folder / "album_broken.jpg").write_bytes(b"\xff\xd8 not a photograph")
    return folder


@pytest.fixture(scope="module")
def driver() -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for argument in ("headless=new", "no-sandbox", "disable-dev-shm-usage", "disable-gpu"):
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    driver = webdriver.Chrome(options, Service(str(DRIVER)))
    screen = {"width": 1280, "height": 720, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def running(
    folder: Path, knowing_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path]]:
    """Address and output folder of a studio, which takes seconds to start."""
    output = tmp_path_factory.mktemp("out")
    process, address = start(folder, output, knowing_model)
    try:
        yield address, output
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE)


@pytest.fixture
def desk(driver: Any, running: tuple[str, Path]) -> Desk:
    desk = Desk(driver, *running)
    desk.visit()
    return desk


def test_from_a_folder_to_a_saved_result(
    desk: Desk, folder: Path, knowing_model: Path, tmp_path: Path
) -> None:
    desk.open("house.jpg")
    before, after = desk.color(0.25, 0.8), desk.color(0.75, 0.8)
    assert np.ptp(before) < 8 < np.ptp(after)
    desk.set("split", 0)  # all of it after
    assert np.ptp(desk.color(0.25, 0.8)) > 8

    desk.tool("point")
    desk.set("radius", 0.08)
    desk.set("color", "#2040e0")
    beside = (0.3 + 0.03, 0.4 + 0.045)  # of the marker
    was, far = desk.color(*beside), desk.color(0.95, 0.05)
    desk.click(0.3, 0.4)
    now = desk.color(*beside)
    assert (now[2] - now[0]) > (was[2] - was[0]) + 20
    assert np.abs(desk.color(0.95, 0.05) - far).max() < 6
    assert len(desk.driver.find_elements(By.CSS_SELECTOR, "#hints li")) == 1
    assert "said" in desk["badge-after"].text

    desk["undo"].click()
    desk.rest()
    assert np.abs(desk.color(*beside) - was).max() < 6
    desk["redo"].click()
    desk.rest()
    assert np.abs(desk.color(*beside) - now).max() < 6

    desk.tool("area")
    chain = ActionChains(desk.driver).move_to_element_with_offset(
        desk["canvas"], *map(round, desk.at(0.6, 0.6))
    )
    chain.click_and_hold().move_by_offset(90, 0).move_by_offset(0, 90).move_by_offset(-90, 0)
    chain.release().perform()
    desk.rest()
    desk.set("saturation", 1.2)
    desk.wait(lambda: (desk.output / "house.jpg.colors.json").exists())
    desk.rest()
    decisions = Decisions.load(desk.output / "house.jpg.colors.json")
    assert len(decisions.hints) == 2 and decisions.saturation == 1.2
    assert desk.state("house.jpg") == "not saved"

    desk["save"].click()
    desk.wait(lambda: desk.state("house.jpg") == "corrected")
    arguments = [
        str(folder / "house.jpg"),
        "--model",
        str(knowing_model),
        "--output",
        str(tmp_path / "2"),
    ]
    assert colorize.main([*arguments, "--decisions", str(desk.output)]) == 0
    saved = (desk.output / "house.jpg").read_bytes()
    assert saved == (tmp_path / "2" / "house.jpg").read_bytes()
    # Opened again, all of it is there.
    desk.visit()
    desk.open("house.jpg")
    assert len(desk.driver.find_elements(By.CSS_SELECTOR, "#hints li")) == 2


HOLD = """
const send = window.fetch;
window.held = [];
window.fetch = async (path, how) => {
  if (path.includes("/decisions")) await new Promise((go) => window.held.push(go));
  return send(path, how);
};
"""
RELEASE = "window.held.splice(0).forEach((go) => go());"


def test_what_is_decided_last_is_kept_though_another_is_opened_or_it_is_saved_at_once(
    desk: Desk,
) -> None:
    desk.open("haste_1.jpg")
    desk.driver.execute_script(HOLD)
    desk.set("saturation", 0.4)
    desk.set("saturation", 0.6)  # waits for the first
    desk.row("haste_2.jpg").click()
    desk.wait(lambda: desk.driver.execute_script("return window.held.length") == 1)
    desk.wait(lambda: desk.driver.execute_script(RELEASE) or not desk["note"].is_displayed())
    assert Decisions.load(desk.output / "haste_1.jpg.colors.json").saturation == 0.6
    assert not (desk.output / "haste_2.jpg.colors.json").exists()
    desk.set("saturation", 0.0)
    desk["save"].click()
    desk.wait(lambda: desk.driver.execute_script("return window.held.length") == 1)
    assert not (desk.output / "haste_2.jpg").exists()
    saved = "colored"
    desk.wait(lambda: desk.driver.execute_script(RELEASE) or desk.state("haste_2.jpg") == saved)
    with Image.open(desk.output / "haste_2.jpg") as image:
        assert np.ptp(np.asarray(image.convert("RGB"), int), axis=-1).max() <= 3


def test_what_it_may_have_been_and_colors_of_another_picture(desk: Desk) -> None:
    desk.open("album_2.jpg")
    desk.set("split", 0)
    plain = desk.pixels()
    choices = desk.driver.find_elements(By.CSS_SELECTOR, "#choices button")
    assert len(choices) == 4
    choices[2].click()
    desk.rest()
    assert choices[2].get_attribute("aria-pressed") == "true"
    assert np.abs(desk.pixels() - plain).mean() > 0.2
    decided = desk.output / "album_2.jpg.colors.json"
    assert Decisions.load(decided).proposal == 2
    desk["undo"].click()
    desk.rest()
    assert np.abs(desk.pixels() - plain).mean() < 0.2
    desk["reference-file"].send_keys(str(SAMPLE / "modern" / "brick_house_garden.jpg"))
    desk.wait(lambda: "brick_house_garden" in desk["reference"].text)
    desk.wait(lambda: Decisions.load(decided).reference is not None)
    desk.rest()
    desk["certainty"].click()
    desk.rest()
    red, _, blue = desk.color(0.75, 0.8)
    assert red > blue + 8  # guesses are tinted: this model knows nothing for certain
    desk["certainty"].click()
    desk["unfollow"].click()
    desk.wait(lambda: Decisions.load(decided).reference is None)
    desk.rest()
    desk.tool("point")
    desk.click(0.4, 0.4)
    likely = desk.wait(lambda: desk.driver.find_elements(By.CSS_SELECTOR, "#likely button"))
    color = likely[0].get_attribute("title")
    likely[0].click()
    desk.wait(lambda: Decisions.load(decided).hints[0].color == color)
    desk["undo"].click()
    desk["undo"].click()
    desk.wait(lambda: not Decisions.load(decided).hints)


def test_a_palette_and_an_old_process(desk: Desk) -> None:
    desk.open("dyes_1.jpg")
    desk.set("split", 0)
    plain = desk.pixels()
    for color in ("#3050c0", "#80a040"):
        desk.set("color", color)
        desk["add-color"].click()
    desk.rest()
    (first, _) = desk.driver.find_elements(By.CSS_SELECTOR, "#palette input")
    assert np.abs(desk.pixels() - plain).mean() > 0.5
    decided = desk.output / "dyes_1.jpg.colors.json"
    desk.set(first, "#c03050")
    desk.wait(lambda: Decisions.load(decided).palette == ("#c03050", "#80a040"))
    desk.driver.find_elements(By.CSS_SELECTOR, "#palette button")[1].click()
    desk.wait(lambda: Decisions.load(decided).palette == ("#c03050",))
    Select(desk["look"]).select_by_visible_text("Kodachrome")
    desk.wait(lambda: Decisions.load(decided).look == "kodachrome")
    assert "reversal film" in desk["look-is"].text
    desk["colors-too"].click()
    desk["settings-too"].click()
    desk["find"].send_keys("dyes")
    desk.wait(lambda: len(desk.rows()) == 2)
    desk["color-all"].click()
    desk.wait(lambda: desk.state("dyes_2.jpg") == "corrected")
    desk.wait(lambda: not desk["work"].is_displayed())
    other = Decisions.load(desk.output / "dyes_2.jpg.colors.json")
    assert (other.palette, other.look) == (("#c03050",), "kodachrome")
    desk.wait(lambda: not desk["note"].is_displayed())
    # A picture to follow takes its place.
    desk["reference-file"].send_keys(str(SAMPLE / "modern" / "brick_house_garden.jpg"))
    desk.wait(lambda: Decisions.load(decided).reference is not None)
    assert not Decisions.load(decided).palette
    assert not desk.driver.find_elements(By.CSS_SELECTOR, "#palette li")


def test_by_keyboard_alone(desk: Desk) -> None:
    desk["list"].send_keys(Keys.END, Keys.ARROW_UP)
    desk.wait(lambda: not desk["note"].is_displayed())
    desk.rest()
    assert desk["name"].get_attribute("textContent") == "keys.jpg"
    desk.driver.find_element(By.CSS_SELECTOR, "input[value=look]").send_keys(Keys.ARROW_RIGHT)
    desk["canvas"].send_keys(Keys.ARROW_LEFT, Keys.ARROW_UP, Keys.ENTER)
    desk.wait(lambda: desk.driver.find_elements(By.CSS_SELECTOR, "#hints li"))
    desk.rest()
    (first,) = Decisions.load(desk.output / "keys.jpg.colors.json").hints
    point = desk.driver.find_element(By.CSS_SELECTOR, "#hints .where")
    point.send_keys(Keys.ARROW_LEFT)
    desk.rest()
    (moved,) = Decisions.load(desk.output / "keys.jpg.colors.json").hints
    assert moved.x == pytest.approx(first.x - 0.01)
    point.send_keys(Keys.DELETE)
    desk.wait(lambda: not desk.driver.find_elements(By.CSS_SELECTOR, "#hints li"))
    desk["canvas"].send_keys(Keys.CONTROL + "z")
    desk.wait(lambda: desk.driver.find_elements(By.CSS_SELECTOR, "#hints li"))
    whole = desk["zoom"].text
    desk["canvas"].send_keys("+", "+")
    desk.rest()
    assert desk["zoom"].text != whole
    desk["canvas"].send_keys("0")
    assert desk["zoom"].text == whole


def test_the_whole_album_and_what_cannot_be_read(desk: Desk, folder: Path) -> None:
    desk["find"].send_keys("album")
    desk.wait(lambda: len(desk.rows()) == 3)
    desk["color-all"].click()
    desk.wait(lambda: desk.state("album_1.jpg") == desk.state("album_2.jpg") == "colored")
    desk.wait(lambda: not desk["work"].is_displayed())
    assert desk.state("album_broken.jpg").startswith("failed: ")
    assert not (desk.output / "reach.jpg").exists()
    row = desk.row("broken")
    row.click()
    desk.wait(lambda: "cannot be shown" in desk["note"].text)
    desk["files"].send_keys(str(folder / "album_1.jpg"))
    desk.wait(lambda: any("album_1_2.jpg" in row.text for row in desk.rows()))
    assert (desk.output / "uploaded" / "album_1_2.jpg").exists()


def test_nothing_keeps_people_from_using_it(desk: Desk) -> None:
    axe = Axe()

    def complaints() -> list[str]:
        found = axe.run(desk.driver)["violations"]
        return [f"{each['id']}: {node['html']}" for each in found for node in each["nodes"]]

    assert complaints() == []
    desk.open("reach.jpg")
    desk.tool("point")
    desk.click(0.3, 0.4)
    assert complaints() == []
    row = desk.row("broken")
    row.click()
    desk.wait(lambda: "cannot be shown" in desk["note"].text)
    assert complaints() == []


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (1024, 768), (768, 1024)])
def test_everything_is_in_reach(desk: Desk, width: int, height: int) -> None:
    screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    desk.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    try:
        desk.open("album_1.jpg")  # of a list that shows few, the first
        assert desk["canvas"].size["height"] > height / 4
        for id_ in ("find", "list", "canvas", "split", "larger", "add"):
            box = desk[id_].rect
            assert box["x"] >= 0 and box["x"] + box["width"] <= width, id_
            assert box["y"] >= 0 and box["y"] + min(box["height"], 30) <= height, id_
        wide, seen = desk.driver.execute_script(
            "const panel = document.getElementById('panel');"
            "return [panel.scrollWidth, panel.clientWidth];"
        )
        assert wide <= seen
        assert desk.driver.execute_script("return document.body.scrollWidth") <= width
    finally:
        screen |= {"width": 1280, "height": 720}
        desk.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)


def test_nothing_is_asked_of_anybody_else(desk: Desk) -> None:
    desk.driver.get_log("performance")  # of what was before
    desk.visit()
    desk.open("reach.jpg")
    home = desk.address.partition("#")[0]
    log = "".join(entry["message"] for entry in desk.driver.get_log("performance"))
    asked = set(re.findall(r'"request":\{[^{}]*(?:\{[^{}]*\}[^{}]*)*"url":"([^"]+)"', log))
    assert any(url.startswith(home + "api/") for url in asked)
    assert [url for url in asked if not url.startswith((home, "blob:", "about:"))] == []
    errors = [entry["message"] for entry in desk.driver.get_log("browser")]
    assert [error for error in errors if "broken" not in error and "400" not in error] == []


class _OtherPage(http.server.BaseHTTPRequestHandler):
    """A page of another server of this machine."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>other</title>")

    def log_message(self, *_: Any) -> None:
        pass


ASK = """
const [home, token, done] = arguments;
const ways = [
  [home + "api/album", {}],
  [home + "api/album", {headers: {"x-studio-token": token}}],
  [home + "api/album/coloring", {method: "POST", mode: "no-cors", body: "{}"}],
];
Promise.all(ways.map(([url, how]) => fetch(url, how).then((a) => a.type, () => "refused")))
  .then(done);
"""


def test_a_page_of_another_origin_is_refused(desk: Desk) -> None:
    home, _, token = desk.address.partition("#")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _OtherPage) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        desk.driver.get(f"http://127.0.0.1:{other.server_port}/")
        kinds = desk.driver.execute_async_script(ASK, home, token)
        other.shutdown()
    assert kinds[:2] == ["refused", "refused"]
    assert kinds[2] in ("refused", "opaque")  # it may send, and learns nothing
    desk.visit()
    assert not desk["work"].is_displayed()  # and nothing came of it
    desk.driver.get(home)  # nor without the token
    desk.wait(lambda: "address is not complete" in desk["note"].text)


def test_killed_in_the_middle_nothing_decided_is_lost(
    driver: Any, folder: Path, model: Path, tmp_path: Path
) -> None:
    many = tmp_path / "many"
    many.mkdir()
    for i in range(30):
        shutil.copy(folder / "reach.jpg", many / f"copy_{i:02}.jpg")
    shutil.copy(folder / "house.jpg", many)
    process, address = start(many, tmp_path / "out", model)
    desk = Desk(driver, address, tmp_path / "out")
    desk.visit()
    desk["list"].send_keys(Keys.END)
    desk.wait(lambda: not desk["note"].is_displayed())
    desk.tool("point")
    desk.click(0.3, 0.4)
    desk["color-all"].click()
    desk.wait(lambda: list(desk.output.glob("copy_*.jpg")))
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    (desk.output / ".0123456789ab-house.jpg").write_bytes(b"begun")
    results = list(desk.output.glob("[!.]*.jpg"))
    for result in results:
        with Image.open(result) as image:
            image.load()
            assert image.mode == "RGB"
    assert len(Decisions.load(desk.output / "house.jpg.colors.json").hints) == 1
    process, desk.address = start(many, tmp_path / "out", model)
    try:
        desk.visit()
        desk["color-all"].click()
        desk.wait(lambda: len(list(desk.output.glob("[!.]*.jpg"))) == 31)
        desk.wait(lambda: not desk["work"].is_displayed())
        assert not list(desk.output.glob(".*.jpg"))  # which the killed one may have begun
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE)
