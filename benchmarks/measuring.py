"""What the benchmarks share: blocks of steps that alternate, medians, tables, the machine.

Importing this module puts the repository's root first on the path, so that the benchmarks measure
the package beside them, installed or not. It needs the standard library alone: the interpreter
that has PyTorch need not have TensorFlow.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

Step = Callable[[], Mapping[str, Any]]  # runs one training step, returns what it reports


def choose_photos(folders: list[str], validation_share: float) -> list[Path]:
    """The color photographs in folders, or those that a run keeps for validation."""
    from keras_colorize.config import DataConfig
    from keras_colorize.training.photosets import load_photos, split_photos

    photos, _ = load_photos(
        folders,
        channels=3,
        short_side=256,
        min_colorfulness=DataConfig().min_colorfulness if validation_share > 0 else 0.0,
        cache="none",
    )
    if validation_share > 0:
        photos = split_photos(photos, validation_share)[1]
    return [photo.path for photo in photos.photos]


def spread(items: Sequence[Any], count: int) -> list[Any]:
    """So many of a list, evenly spread over it from the first to the last; or all, if fewer."""
    import numpy as np

    places = np.linspace(0, len(items) - 1, min(count, len(items)))
    return [items[place] for place in places.round().astype(int)]


def describe_machine() -> str:
    """Processor, cores, and how busy they were when the benchmark began."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        named = [x for x in cpuinfo.read_text().splitlines() if x.startswith("model name")]
        model = named[0].partition(":")[2].strip() if named else model
    busy = os.getloadavg()[0]
    return f"{model}, {os.cpu_count()} cores, load {busy:.1f} at the start ({platform.platform()})"


def describe_versions(*packages: str) -> str:
    """Versions of the interpreter and of packages in it."""
    versions = [f"{package} {metadata.version(package)}" for package in packages]
    return ", ".join([f"Python {platform.python_version()}", *versions])


def format_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as they need be; the first aligned left, the others right."""
    lines = [list(header), *map(list, rows)]
    widths = [max(len(line[index]) for line in lines) for index in range(len(header))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if index == 0 else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def describe_ratios(ratios: Sequence[float]) -> str:
    """Median and spread of the rounds' ratios."""
    return f"{statistics.median(ratios):.2f} (rounds {min(ratios):.2f} to {max(ratios):.2f})"


def alternate(
    blocks: Mapping[str, Callable[[], float]], rounds: int
) -> tuple[dict[str, float], dict[str, list[float]]]:
    """Run every block once a round, in turning order, so that a drift meets all alike.

    Args:
        blocks: by name, functions that run a block of steps and return the seconds per step.
        rounds: rounds that count.

    Returns:
        The median seconds per step of each block, and its seconds per step round by round.
    """
    seconds: dict[str, list[float]] = {name: [] for name in blocks}
    names = list(blocks)
    for number in range(rounds):
        shift = number % len(names)
        for name in names[shift:] + names[:shift]:
            seconds[name].append(blocks[name]())
    return {name: statistics.median(values) for name, values in seconds.items()}, seconds


# -- a framework in a process of its own ------------------------------------------------------


def serve(step: Step, facts: dict[str, Any]) -> None:
    """Be the worker at the other end of :class:`Worker`: a line with a number, that many steps."""
    _answer(facts)
    for line in sys.stdin:
        start = time.perf_counter()
        for _ in range(int(line)):
            values = step()
        # Reading a value waits for the step that computed it.
        answer = {name: float(value) for name, value in values.items()}
        _answer({"seconds": (time.perf_counter() - start) / int(line), "values": answer})


def _answer(content: dict[str, Any]) -> None:
    print(json.dumps(content), flush=True)


class Worker:
    """A script of this folder in a process of its own, idle until it is asked for steps.

    Args:
        python: the interpreter.
        script: file name of the script; it calls :func:`serve`.
        settings: handed to the script as JSON, its only argument.
        environment: variables that differ from this process'.

    Attributes:
        facts: what the script told when it was ready.
    """

    def __init__(
        self, python: str, script: str, settings: dict[str, Any], environment: dict[str, str]
    ) -> None:
        command = [python, str(Path(__file__).with_name(script)), json.dumps(settings)]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, text=True, env=os.environ | environment
        )
        self._script = script
        self.facts = self._read()

    def run(self, steps: int) -> dict[str, Any]:
        """Run so many steps; ``seconds`` per step, and the ``values`` that the last one reports."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{steps}\n")
        self._process.stdin.flush()
        return self._read()

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"error: {self._script} ended with status {self._process.wait()}")
        return json.loads(line)
