"""Photograph the studio's page: ``python docs/draw_studio.py`` writes docs/images/studio*.jpg.

The studio runs on the historical photographs of the sample; Chromium, driven by Selenium, opens
one, says two colors, gives it a palette, and looks at another on a tablet. Needs the extra
``test``, and Debian's chromium and chromium-driver.
"""

import io
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

_ROOT = Path(__file__).parents[1]
_IMAGES = _ROOT / "docs" / "images"
_SAMPLE = _ROOT / "keras_colorize" / "sample" / "historical"
_PATIENCE = 300  # seconds

# Of the dust bowl house: places relative to the canvas' middle and size, and what they are given.
_HINTS = [((-0.2, -0.3), "#7d9cc0"), ((0.1, 0.35), "#b08a5a")]
_PALETTE = ["#7d9cc0", "#b08a5a", "#6d7d4e"]


def main() -> None:
    """Start the studio, look at it, end it."""
    browser = _open_browser()
    with tempfile.TemporaryDirectory() as output:
        command = [sys.executable, "-m", "keras_colorize.studio", str(_SAMPLE), "--no_browser"]
        studio = subprocess.Popen(
            [*command, "--output", f"{output}/colorized"],
            stdout=subprocess.PIPE,
            text=True,
            cwd=_ROOT,
        )
        try:
            assert studio.stdout is not None
            found = re.search(r"http://\S+", studio.stdout.readline())
            if found is None:
                raise SystemExit("error: the studio did not start")
            _look(browser, found[0])
        finally:
            browser.quit()
            studio.send_signal(signal.SIGINT)
            studio.communicate(timeout=_PATIENCE)


def _open_browser() -> Any:
    options = webdriver.ChromeOptions()
    for argument in ("headless=new", "no-sandbox", "disable-dev-shm-usage", "disable-gpu"):
        options.add_argument(f"--{argument}")
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if browser is None or driver is None:
        raise SystemExit("error: chromium and chromedriver are needed; install Debian's packages")
    options.binary_location = browser
    return webdriver.Chrome(options, Service(driver))


def _look(browser: Any, address: str) -> None:
    def wait(condition: Callable[[], Any]) -> None:
        WebDriverWait(browser, _PATIENCE).until(lambda _: condition())

    def open_photo(name: str) -> None:
        rows = browser.find_elements(By.CSS_SELECTOR, ".photo")
        next(row for row in rows if name in row.text).click()
        wait(lambda: not browser.find_element(By.ID, "note").is_displayed())
        rest()

    def rest() -> None:
        wait(lambda: canvas.get_attribute("aria-busy") == "false")
        choices = browser.find_elements(By.CSS_SELECTOR, "#choices img")
        wait(lambda: all(image.get_attribute("src") for image in choices))

    _set_screen(browser, 1280, 720)
    browser.get(address)
    canvas = browser.find_element(By.ID, "canvas")
    wait(lambda: len(browser.find_elements(By.CSS_SELECTOR, ".photo img[src]")) > 5)
    open_photo("dust_bowl")
    browser.find_element(By.CSS_SELECTOR, "input[value=point]").click()
    for (x, y), color in _HINTS:
        browser.execute_script("document.getElementById('color').value = arguments[0]", color)
        at = round(x * canvas.size["width"]), round(y * canvas.size["height"])
        ActionChains(browser).move_to_element_with_offset(canvas, *at).click().perform()
        rest()
    wait(lambda: not browser.find_element(By.ID, "status").text)
    _save(browser, "studio.jpg")
    for color in _PALETTE:
        browser.execute_script("document.getElementById('color').value = arguments[0]", color)
        browser.find_element(By.ID, "add-color").click()
    browser.find_element(By.ID, "certainty").click()
    rest()
    another = browser.find_element(By.ID, "another-palette")
    browser.execute_script("arguments[0].scrollIntoView()", another)
    _save(browser, "studio_palette.jpg")
    browser.find_element(By.ID, "certainty").click()
    _set_screen(browser, 768, 1024)
    browser.execute_script("document.getElementById('say').scrollIntoView()")
    open_photo("alpine")
    _save(browser, "studio_tablet.jpg")


def _set_screen(browser: Any, width: int, height: int) -> None:
    screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)


def _save(browser: Any, name: str) -> None:
    with Image.open(io.BytesIO(browser.get_screenshot_as_png())) as shot:
        shot.convert("RGB").save(_IMAGES / name, quality=88, subsampling=0)


if __name__ == "__main__":
    main()
