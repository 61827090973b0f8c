"""How long does a person at the desk wait? And how much memory does an album of a thousand take?

    python benchmarks/studio.py

The studio runs in a process of its own and is asked as its page asks it, over HTTP: for the page,
for the list of the album, for the model; then for a 12-megapixel JPEG (a photograph of the sample,
enlarged) before and after, as wide as on a screen; then, after each of many clicks at random
places, for its colors again, which is from the click to what the browser has to draw. At last every
thumbnail of the album is asked for. Beside the time on the clock stands that of the studio's own
process, which others on the machine disturb less. Nothing is told of the browser's drawing.
"""

import argparse
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from measuring import ROOT, describe_machine, describe_versions, format_table
from PIL import Image

SAMPLE = ROOT / "keras_colorize" / "sample"
LARGE = (4000, 3000)
WIDTH = 1100  # pixels that a photograph has beside the panels of a large screen


class Page:
    """What the studio answers to its page."""

    def __init__(self, address: str) -> None:
        self.home, _, self.token = address.partition("#")

    def ask(self, path: str, content: Any = None, method: str | None = None) -> bytes:
        body = None if content is None else json.dumps(content).encode()
        headers = {"x-studio-token": self.token}
        request = urllib.request.Request(self.home + path, body, headers, method=method)
        with urllib.request.urlopen(request) as answer:
            return answer.read()

    def read(self, path: str) -> Any:
        return json.loads(self.ask(path))

    def view(self, id_: str, side: str) -> bytes:
        box = "left=0&top=0&right=1&bottom=1"
        return self.ask(f"api/photos/{id_}/view?{box}&side={side}&width={WIDTH}")


def make_album(folder: Path, count: int) -> None:
    """One large JPEG, and so many small ones, links to those of the sample."""
    small = sorted(SAMPLE.rglob("*.jpg"))
    with Image.open(small[0]) as photo:
        photo.convert("L").resize(LARGE, Image.Resampling.BICUBIC).save(folder / "large.jpg")
    for number in range(count - 1):
        (folder / f"small_{number:04}.jpg").symlink_to(small[number % len(small)])


def processor_time(process: int) -> float:
    """Seconds that a process has had of the processor."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Watch:
    """Time on the clock and of a process's processor, since it began.

    Args:
        process: which.
        start: when it began, on the performance counter; by default now.
    """

    def __init__(self, process: int, start: float | None = None) -> None:
        self._process = process
        self._spent = 0.0 if start is not None else processor_time(process)
        self._start = time.perf_counter() if start is None else start

    def read(self) -> tuple[float, float]:
        """Seconds on the clock and of the processor."""
        elapsed = time.perf_counter() - self._start
        return elapsed, processor_time(self._process) - self._spent


def memory(process: int) -> float:
    """Gigabytes that a process holds at this moment."""
    status = Path(f"/proc/{process}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) * 1024 / 1e9


def click(
    page: Page, id_: str, decisions: dict[str, Any], rng: random.Random, process: int
) -> tuple[float, float]:
    """Say a color at a random place beside those before it; the time until the colors are there."""
    color = f"#{rng.randrange(1 << 24):06x}"
    decisions["hints"].append(
        {"x": rng.random(), "y": rng.random(), "radius": 0.012, "color": color}
    )
    watch = Watch(process)
    page.ask(f"api/photos/{id_}/decisions", decisions, "PATCH")
    page.view(id_, "after")
    return watch.read()


def measure(folder: Path, output: Path, clicks: int) -> list[tuple[str, str, str]]:
    """What was asked and how long it took."""
    command = [sys.executable, "-m", "keras_colorize.studio", str(folder), "--no_browser"]
    start = time.perf_counter()
    process = subprocess.Popen(
        [*command, "--output", str(output)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"http://\S+", line)
        if found is None:
            raise SystemExit(f"error: the studio did not start; it said: {line}")
        page = Page(found[0])
        watch = Watch(process.pid, start)
        rows: list[tuple[str, tuple[float, float]]] = []
        page.ask("")
        rows.append(("from the command to the page", watch.read()))
        photos = page.read("api/album")["photos"]
        rows.append(("to the list of the album", watch.read()))
        page.read("api/model")
        rows.append(("to the model, ready", watch.read()))
        large = next(photo["id"] for photo in photos if photo["name"] == "large.jpg")
        watch = Watch(process.pid)
        decisions = page.read(f"api/photos/{large}")["decisions"]
        page.view(large, "before")
        rows.append(("12 megapixels: from opening to gray", watch.read()))
        page.view(large, "after")
        rows.append(("to color", watch.read()))
        rng = random.Random(0)
        waits = [click(page, large, decisions, rng, process.pid) for _ in range(clicks)]
        walls, spent = (sorted(values) for values in zip(*waits))
        middle = statistics.median(walls), statistics.median(spent)
        rows.append(("from a click to color, median", middle))
        last = int(0.95 * (clicks - 1))
        rows.append(("95 percent of clicks within", (walls[last], spent[last])))
        watch = Watch(process.pid)
        for photo in photos:
            page.ask(f"api/photos/{photo['id']}/thumbnail")
        rows.append((f"{len(photos)} thumbnails", watch.read()))
        held = memory(process.pid)
    finally:
        process.kill()
        process.communicate()
    told = [(name, f"{wall:.3f} s", f"{spent:.2f} s") for name, (wall, spent) in rows]
    return [*told, (f"memory, with {len(photos)} photographs seen", f"{held:.2f} GB", "")]


def main() -> None:
    parser = argparse.ArgumentParser(description="Waiting at the studio, and its memory.")
    parser.add_argument("--photos", type=int, default=1000, help="in the album")
    parser.add_argument("--clicks", type=int, default=40)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        folder, output = Path(work, "photos"), Path(work, "out")
        folder.mkdir()
        make_album(folder, args.photos)
        print(describe_machine())
        print(describe_versions("tensorflow", "keras", "starlette", "uvicorn"))
        print(format_table(("", "clock", "processor"), measure(folder, output, args.clicks)))


if __name__ == "__main__":
    main()
