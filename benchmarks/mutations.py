"""Damaged photographs through the whole of coloring: ``python benchmarks/mutations.py``.

Takes small photographs of every kind that the tests know, damages each at random (the same for the
same seed), and colors them with a tiny network, a folder at a time, each in a process of its own:
what decoders do to it is seen. Every file must end in a result or in a reason, within a minute.
Files that end otherwise are kept in ``--keep``, to become cases of the tests.
"""

import argparse
import importlib
import json
import logging
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from measuring import ROOT, describe_machine, describe_versions

_BATCH = 250  # files of a process
_SECONDS = 60  # for one file
_MAX_PIXELS = 1_000_000


def _write_photos(folder: Path, seed: int, first: int, count: int) -> None:
    import numpy as np

    # The tests' own, which are not typed as the package is.
    files = importlib.import_module("tests.coloring.test_fuzz").originals()
    mutate = importlib.import_module("tests.mutations").mutate
    endings = [_ending(data) for data in files]
    for number in range(first, first + count):
        draw = np.random.default_rng([seed, number])
        other = files[draw.integers(len(files))]
        kind = number % len(files)
        path = folder / f"{number:06d}{endings[kind]}"
        path.write_bytes(mutate(files[kind], other, draw))


def _ending(data: bytes) -> str:
    import io

    from keras_colorize.photos.formats import identify, suffix_of

    return suffix_of(identify(io.BytesIO(data)))


def work(model: str, seed: int, first: int, count: int) -> None:
    """Color a batch; prints as JSON what came of it."""
    # Logged by the commands alone; here it would be thousands of lines.
    logging.disable(logging.CRITICAL)
    from keras_colorize import Colorizer
    from keras_colorize.coloring.folder import colorize_photos
    from keras_colorize.coloring.options import ColoringOptions
    from keras_colorize.files import read_rows

    colorizer = Colorizer.load(model)
    with tempfile.TemporaryDirectory() as folder:
        photos, output = Path(folder, "photos"), Path(folder, "out")
        photos.mkdir()
        _write_photos(photos, seed, first, count)
        stopped = threading.Event()

        def watch() -> None:
            done, since = -1, time.monotonic()
            while not stopped.wait(1.0):
                rows = read_rows(output / "report.csv")
                if len(rows) != done:
                    done, since = len(rows), time.monotonic()
                elif time.monotonic() - since > _SECONDS:
                    print(f"hangs after {done} files", file=sys.stderr, flush=True)
                    os._exit(3)

        threading.Thread(target=watch, daemon=True).start()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        colorize_photos(
            [photos],
            output,
            colorizer,
            ColoringOptions(max_pixels=_MAX_PIXELS, compare=True),
            workers=2,
            show_progress=False,
        )
        stopped.set()
        rows = read_rows(output / "report.csv")
    unexpected = [
        [Path(row["source"]).name, row["reason"]]
        for row in rows
        if row["reason"].startswith("unexpected") or "memory" in row["reason"]
    ]
    answer = {
        "statuses": Counter(row["status"] for row in rows),
        "unexpected": unexpected,
        "missing": count - len(rows),
        "grown": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024,
    }
    print(json.dumps(answer))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first, to go on")
    parser.add_argument("--seed", type=int, default=16)
    parser.add_argument("--keep", type=Path, default=Path("mutations"))
    args = parser.parse_args()
    print(describe_machine())
    print(describe_versions("tensorflow", "pillow", "imagecodecs", "tifffile"))
    save_loud_generator = importlib.import_module("tests.conftest").save_loud_generator

    statuses: Counter[str] = Counter()
    failures, grown = 0, 0.0
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    with tempfile.TemporaryDirectory() as folder:
        model = save_loud_generator(Path(folder) / "generator.keras")
        for first in range(args.first, args.first + args.files, _BATCH):
            count = min(_BATCH, args.first + args.files - first)
            call = (
                f"import mutations; mutations.work({str(model)!r}, {args.seed}, {first}, {count})"
            )
            run = subprocess.run(
                [sys.executable, "-W", "ignore", "-c", call],
                env=environment,
                cwd=ROOT / "benchmarks",
                capture_output=True,
                text=True,
                check=False,
            )
            try:
                answer = json.loads(run.stdout.splitlines()[-1])
            except (IndexError, json.JSONDecodeError):
                failures += 1
                print(f"{first}: ended with {run.returncode}: {run.stderr[-1500:]}", flush=True)
                args.keep.mkdir(exist_ok=True)
                _write_photos(args.keep, args.seed, first, count)
                continue
            statuses.update(answer["statuses"])
            grown = max(grown, answer["grown"])
            for name, reason in answer["unexpected"]:
                failures += 1
                print(f"{name}: {reason}", flush=True)
                args.keep.mkdir(exist_ok=True)
                _write_photos(args.keep, args.seed, int(Path(name).stem), 1)
            if answer["missing"]:
                failures += 1
                print(f"{first}: {answer['missing']} without a row", flush=True)
            print(f"{first + count} files: {dict(statuses)}, {failures} failures", flush=True)
    print(
        f"{args.files} files: {dict(statuses)}; {failures} crashes, hangs and unexpected errors; "
        f"memory grew by at most {grown:.0f} MiB"
    )


if __name__ == "__main__":
    main()
