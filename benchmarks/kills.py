"""Kill `colorize`, `fit` and `export` at random moments: ``python benchmarks/kills.py``.

Each command runs once to its end. Then it is started anew, killed by SIGKILL after a random time,
started again in what it left, and so on until it ends by itself; and all over, until it has been
killed so many times. After every kill, what stands under a final name must be what the undisturbed
run wrote there; at the end, everything must be. Pixels and weights are compared bit for bit;
of reports and archives, what does not tell the time.
"""

import argparse
import csv
import hashlib
import io
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from measuring import ROOT, describe_machine, describe_versions

_SAMPLE = ROOT / "keras_colorize" / "sample"
# Written while a run goes on, row by row or as a sign to others; compared at the end alone.
_GROWING = {"report.csv", "steps.csv", "history.csv", "warnings.csv", "lock", "skipped.csv"}


@dataclass(frozen=True)
class Command:
    """What is killed.

    Attributes:
        name: of the module.
        arguments: from the folder that it writes to.
        growing: what is there during a run has a name of its own step: checkpoints, which the
            undisturbed run has removed at its end.
    """

    name: str
    arguments: Callable[[Path], list[str]]
    growing: tuple[str, ...] = ()

    def start(self, output: Path) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", f"keras_colorize.{self.name}", *self.arguments(output)]
        environment = os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
        return subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )


def _fit(output: Path) -> list[str]:
    settings = {
        "runs": str(output),
        "name": "run",
        "data.sizes": "[32]",
        "data.batch_size": "4",
        "generator.filters": "4",
        "generator.depth": "2",
        "discriminator.filters": "4",
        "discriminator.depth": "1",
        "training.epochs": "3",
        "training.steps_per_epoch": "20",
        "training.reconstruction_steps": "20",
        "training.warmup_steps": "2",
        "training.checkpoint_steps": "3",
        "training.precision": "float32",
        "tracking.wandb": "disabled",
        "tracking.statistics_steps": "10",
    }
    return [f"--{name}={value}" for name, value in settings.items()]


_COMMANDS = [
    Command(
        "colorize", lambda out: [str(_SAMPLE / "historical"), "--output", str(out), "--compare"]
    ),
    Command("fit", _fit, ("run/checkpoints/",)),
    Command("export", lambda out: ["--format", "tflite", "--output", str(out / "model")]),
]


def contents(folder: Path) -> dict[str, str]:
    """What stands under final names: by path, a digest of what must not depend on the moment."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {
        str(path.relative_to(folder)): _digest(path)
        for path in files
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    }


def _digest(path: Path) -> str:
    data = path.read_bytes()
    if path.suffix == ".keras":  # when it was saved, and how many networks were built before it
        with zipfile.ZipFile(path) as archive:
            data = archive.read("model.weights.h5") + archive.read("keras_colorize.json")
    elif path.suffix == ".tflite":  # so does what is appended to it
        with zipfile.ZipFile(path) as archive:
            data = data[: min(entry.header_offset for entry in archive.infolist())]
    elif path.suffix == ".npz":  # and the entries of these
        with zipfile.ZipFile(path) as archive:
            data = b"".join(archive.read(name) for name in sorted(archive.namelist()))
    elif path.name == "report.csv":  # a result whose row was lost is reported as done already
        rows = csv.DictReader(io.StringIO(data.decode()))
        data = "\n".join(sorted(row["source"] + row["input_sha256"] for row in rows)).encode()
    elif path.name == "config.yaml":  # it names the folder
        data = b""
    return hashlib.sha256(data).hexdigest()


def differences(found: dict[str, str], expected: dict[str, str], *, ended: bool) -> list[str]:
    """The files that are not what they should be; during a run, some may still be missing."""
    wrong = [name for name in found if name in expected and found[name] != expected[name]]
    if ended:
        return [*wrong, *(expected.keys() ^ found.keys())]
    return [name for name in wrong if Path(name).name not in _GROWING]


def kill_repeatedly(command: Command, kills: int, draw: random.Random, folder: Path) -> None:
    """Print what came of so many kills of one command."""
    expected_at = folder / "undisturbed"
    expected_at.mkdir()
    started = time.monotonic()
    process = command.start(expected_at)
    _, errors = process.communicate()
    if process.returncode:
        sys.exit(f"{command.name} ended with {process.returncode}: {errors.decode()[-2000:]}")
    seconds = time.monotonic() - started
    expected = contents(expected_at)
    print(f"{command.name}: {seconds:.0f} s undisturbed, {len(expected)} files", flush=True)
    killed = ended = tampered = failed = 0
    while killed < kills:
        output = folder / "killed"
        output.mkdir()
        while True:
            process = command.start(output)
            # Half of them while it works, not while it imports.
            earliest = 0.0 if draw.random() < 0.5 or killed >= kills else 0.5 * seconds
            wait = None if killed >= kills else draw.uniform(earliest, 1.1 * seconds)
            try:
                _, errors = process.communicate(timeout=wait)
                break
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                killed += 1
                kept = [name for name in expected if not name.startswith(command.growing or "//")]
                found = {n: d for n, d in contents(output).items() if n in kept}
                if wrong := differences(found, expected, ended=False):
                    tampered += 1
                    print(f"  after kill {killed}: {wrong}", flush=True)
                if killed % 10 == 0:
                    print(f"  {killed} kills, {tampered} of them told above", flush=True)
        ended += 1
        wrong = differences(contents(output), expected, ended=True)
        # Killed behind its last step, an export is there, and is not replaced.
        refused = process.returncode and b"exists already" not in errors
        if refused or wrong:
            failed += 1
            print(f"  ended with {process.returncode}, {wrong}: {errors.decode()[-500:]}")
        shutil.rmtree(output)
    print(
        f"{command.name}: {killed} kills, {tampered} with something half written; of {ended} that "
        f"ended then, {failed} otherwise than the undisturbed one",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="of each command")
    parser.add_argument("--seed", type=int, default=0)
    names = [command.name for command in _COMMANDS]
    parser.add_argument("--commands", nargs="+", default=names, choices=names)
    args = parser.parse_args()
    print(describe_machine())
    print(describe_versions("tensorflow", "keras"))
    for command in _COMMANDS:
        if command.name in args.commands:
            with tempfile.TemporaryDirectory() as folder:
                kill_repeatedly(command, args.kills, random.Random(args.seed), Path(folder))


if __name__ == "__main__":
    main()
