"""How long from the command to the file, for one photograph? And what of it is TensorFlow?

    python benchmarks/startup.py

Processes of their own, by turns: the command that colors a photograph of the sample, and merely
importing what it imports. Told are medians of the time on the clock and of the processor's time,
which other processes on the machine disturb less. What is compiled for the command is compiled once
for all processes, before it is measured.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

from measuring import ROOT, describe_machine, describe_versions, format_table

PHOTO = ROOT / "keras_colorize" / "sample" / "historical" / "dust_bowl_house.jpg"


def run(arguments: list[str]) -> tuple[float, float]:
    """Seconds on the clock, and of the processor, that a process takes."""
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
    return elapsed, usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description="Time from command to file, for one photograph.")
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as output:
        command = ["-m", "keras_colorize.colorize", str(PHOTO), "--output", output, "--overwrite"]
        processes = {
            "colorize, one photograph": command,
            "colorize --dry_run": [*command, "--dry_run"],
            "import tensorflow": ["-c", "import tensorflow"],
            "import tensorflow, keras": ["-c", "import tensorflow, keras, keras.models"],
            "import numba": ["-c", "import numba"],
        }
        run(command)
        measured: dict[str, list[tuple[float, float]]] = {name: [] for name in processes}
        for _ in range(rounds):
            for name, arguments in processes.items():
                measured[name].append(run(arguments))
    print(describe_machine())
    print(
        describe_versions("tensorflow", "keras", "numba"), f", medians of {rounds} rounds", sep=""
    )
    rows = [
        [name, *(f"{statistics.median(values):.2f}" for values in zip(*measured[name]))]
        for name in processes
    ]
    print(format_table(["", "seconds", "of the processor"], rows))


if __name__ == "__main__":
    main()
