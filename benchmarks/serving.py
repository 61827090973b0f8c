"""Does a real server paint what the Colorizer paints, under concurrent load, and how fast?

    python benchmarks/serving.py --photos PHOTOS/test_modern --kserve_python VENV/bin/python

Exports the model, serves it with KServe (docs/deploy/kserve_server.py, in an interpreter of its
own that has kserve and tensorflow), and sends it photographs of many sizes as JPEG files through
the REST client, several at once, every fourth with a hint. Every answer is compared to the
Colorizer's photograph. Then the same photographs are colored by the Colorizer alone. Requests go to
this machine only, and there are as many of them as --requests says.
"""

import argparse
import io
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from measuring import ROOT, describe_machine, describe_versions
from PIL import Image

DEPLOY = ROOT / "docs" / "deploy"
MODEL = "colorize"
SIZES = (128, 255, 400, 640, 1001)  # short sides, in turn
HINT = (0.4, 0.6, "#3d6b4f")
HINTED = 4  # one photograph of so many


def main() -> None:
    parser = argparse.ArgumentParser(description="A served model against the Colorizer.")
    parser.add_argument("--photos", type=Path, required=True, help="folder of photographs")
    parser.add_argument("--kserve_python", required=True, help="interpreter that has kserve")
    parser.add_argument("--model", help="a generator.keras; by default the shipped one")
    parser.add_argument("--requests", type=int, default=40)
    parser.add_argument("--clients", type=int, default=4, help="requests at once")
    arguments = parser.parse_args()

    from keras_colorize import Colorizer
    from keras_colorize.coloring.hints import Hint
    from keras_colorize.photos.finding import find_photos

    print(describe_machine())
    print(describe_versions("tensorflow", "keras"))
    paths = find_photos(arguments.photos)
    chosen = np.linspace(0, len(paths) - 1, arguments.requests).round().astype(int)
    files = [as_jpeg(paths[i], SIZES[n % len(SIZES)]) for n, i in enumerate(chosen)]
    with tempfile.TemporaryDirectory() as folder:
        export(arguments.model, Path(folder) / MODEL)
        answers, seconds, elapsed = ask(
            files, Path(folder) / MODEL, arguments.kserve_python, arguments.clients
        )
    colorizer = Colorizer.load(arguments.model)
    expected, alone = [], []
    for number, file in [(1, files[0]), *enumerate(files)]:  # the first one warms up
        start = time.perf_counter()
        with Image.open(io.BytesIO(file)) as photo:
            hints = [] if number % HINTED else [Hint(*HINT)]
            result = colorizer(photo, hints=hints)
        result.save(io.BytesIO(), "PNG")
        alone.append(time.perf_counter() - start)
        expected.append(np.asarray(result, int))
    apart = [np.abs(decode(a) - e) for a, e in zip(answers, expected[1:], strict=True)]
    megapixels = sum(e[..., 0].size for e in expected[1:]) / 1e6
    print(f"{len(files)} photographs, {megapixels:.1f} megapixels, {arguments.clients} at once")
    print(f"largest difference from the Colorizer: {max(a.max() for a in apart)} of 255")
    print(f"values that differ: {np.mean([(a > 0).mean() for a in apart]):.3%}")
    print(f"answers: median {statistics.median(seconds):.2f} s, slowest {max(seconds):.2f} s")
    print(f"photographs/s: served {len(files) / elapsed:.2f}, ", end="")
    print(f"Colorizer alone {len(files) / sum(alone[1:]):.2f}")


def as_jpeg(path: Path, short_side: int) -> bytes:
    """A gray JPEG of a photograph, enlarged where it must be."""
    with Image.open(path) as photo:
        scale = short_side / min(photo.size)
        size = [round(side * scale) for side in photo.size]
        buffer = io.BytesIO()
        photo.convert("L").resize(size, Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def export(model: str | None, folder: Path) -> None:
    arguments = ["--format", "saved_model", "--output", str(folder)]
    if model:
        arguments += ["--model", model]
    command = [sys.executable, "-m", "keras_colorize.export", *arguments]
    subprocess.run(command, check=True, cwd=ROOT)


def ask(
    files: list[bytes], folder: Path, python: str, clients: int
) -> tuple[list[bytes], list[float], float]:
    """Serve the model and send it the files; the answers, the seconds of each and of all."""
    sys.path.insert(0, str(DEPLOY))
    import rest_client

    with socket.socket() as probe:  # a port that is free
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    options = ["--model_dir", str(folder), "--model_name", MODEL, "--http_port", str(port)]
    command = [python, str(DEPLOY / "kserve_server.py"), *options]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    hint = rest_client.read_hint(*map(str, HINT))

    def request(number: int, file: bytes) -> tuple[bytes, float]:
        start = time.perf_counter()
        if number % HINTED:
            (answer,) = rest_client.colorize([file], url, MODEL)
        else:
            answer = rest_client.colorize_hinted(file, [hint], url, MODEL)
        return answer, time.perf_counter() - start

    try:
        wait_until_ready(f"{url}/v1/models/{MODEL}", server)
        request(1, files[0])
        start = time.perf_counter()
        with ThreadPoolExecutor(clients) as pool:
            results = list(pool.map(request, range(len(files)), files))
        elapsed = time.perf_counter() - start
    finally:
        server.terminate()
        server.wait()
    return [answer for answer, _ in results], [seconds for _, seconds in results], elapsed


def wait_until_ready(url: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    raise SystemExit(f"error: {url} does not become ready (server status {server.poll()})")


def decode(encoded: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(encoded)) as photo:
        return np.asarray(photo, int)


if __name__ == "__main__":
    main()
