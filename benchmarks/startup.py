"""How long from the command to the file, for one photograph? And in how much memory?

    python benchmarks/startup.py

Processes of their own, by turns: the command that colors a JPEG of two megapixels, as it is and by
Keras, and merely importing what it imports. Told are medians of the time on the clock and of the
processor's time, which other processes on the machine disturb less, and the largest resident
memory. What is compiled for the command is compiled once for all processes, before it is measured.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measuring import ROOT, describe_machine, describe_versions, format_table
from PIL import Image

PHOTO = ROOT / "keras_colorize" / "sample" / "historical" / "dust_bowl_house.jpg"
SIZE = (1632, 1224)


def run(arguments: list[str]) -> tuple[float, float, float]:
    """Seconds on the clock and of the processor that a process takes, and its peak in MB."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *arguments],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    elapsed = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"error: {arguments} ended with status {process.returncode}")
    return elapsed, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description="Time from command to file, for one photograph.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--model", help="by default the shipped one")
    options = parser.parse_args()
    rounds = options.rounds
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder, "photo.jpg")
        with Image.open(PHOTO) as small:
            small.resize(SIZE, Image.Resampling.BICUBIC).save(photo, quality=92)
        command = ["-m", "keras_colorize.colorize", str(photo), "--output", f"{folder}/colorized"]
        command += ["--overwrite", *(["--model", options.model] if options.model else [])]
        processes = {
            "colorize, one photograph": command,
            "colorize --runtime keras": [*command, "--runtime", "keras"],
            "colorize --dry_run": [*command, "--dry_run"],
            "import tensorflow": ["-c", "import tensorflow"],
            "import tensorflow, keras": ["-c", "import tensorflow, keras, keras.models"],
            "import numba": ["-c", "import numba"],
        }
        run(command)
        run([*command, "--runtime", "keras"])
        measured: dict[str, list[tuple[float, float, float]]] = {name: [] for name in processes}
        for _ in range(rounds):
            for name, arguments in processes.items():
                measured[name].append(run(arguments))
    print(describe_machine())
    print(
        describe_versions("tensorflow", "keras", "ai-edge-litert", "numba"),
        f", medians of {rounds} rounds",
        sep="",
    )
    rows = [
        [name, *(f"{statistics.median(values):.{d}f}" for values, d in zip(columns, (2, 2, 0)))]
        for name, columns in ((name, zip(*measured[name])) for name in processes)
    ]
    print(format_table(["", "seconds", "of the processor", "peak, MB"], rows))


if __name__ == "__main__":
    main()
