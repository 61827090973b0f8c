"""What do engines cost? Ray and Beam against plain ``colorize``, on the same cores.

    python benchmarks/scale.py --photo PHOTO

Folders of two numbers of JPEGs, made of a photograph that is scaled and given grain, are colored by
each command, in turning order. From both times follow the start (to load TensorFlow, to begin an
engine) and the photographs a second that come after it; engines are compared by whole runs of the
larger number. Beside them stands the resident memory at its peak, without what processes share: of
all of a command's processes, and of the largest, which colors.
"""

import argparse
import contextlib
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from measuring import (
    ROOT,
    alternate,
    describe_machine,
    describe_ratios,
    describe_versions,
    format_table,
)
from PIL import Image

GRAIN = 4.0  # standard deviation in levels
COMMANDS = {
    "colorize": ["keras_colorize.colorize"],
    "ray": ["keras_colorize.cluster", "ray"],
    "beam": ["keras_colorize.cluster", "beam", "--threads", str((os.cpu_count() or 1) + 1)],
}


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--photo", type=Path, required=True, help="what the files are made of")
    parser.add_argument("--size", type=int, nargs=2, default=[2000, 1500], help="of each, pixels")
    parser.add_argument("--counts", type=int, nargs=2, default=[100, 1100], help="photographs")
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def make_folder(photo: Path, size: tuple[int, int], count: int, folder: Path) -> Path:
    """So many gray JPEGs: a few that differ, linked, so that the disk need not hold them all."""
    folder.mkdir()
    different = []
    with Image.open(photo) as image:
        pixels = np.asarray(image.convert("L").resize(size, Image.Resampling.LANCZOS), np.float32)
    for seed in range(min(8, count)):
        grain = np.random.default_rng(seed).normal(0.0, GRAIN, pixels.shape)
        different.append(folder / f"{seed}.jpg")
        made = np.clip(pixels + grain, 0, 255).astype(np.uint8)
        Image.fromarray(made).save(different[-1], quality=92)
    for number in range(len(different), count):
        os.link(different[number % len(different)], folder / f"{number}.jpg")
    return folder


@dataclass
class Memory:
    """Peaks in megabytes: of all processes of a command together, and of the largest."""

    together: float = 0.0
    largest: float = 0.0

    def note(self, root: int) -> None:
        """Look at a process and all that it has begun, as Linux' /proc tells."""
        sizes = [_own_memory(process) for process in _tree(root)]
        self.together = max(self.together, sum(sizes))
        self.largest = max(self.largest, *sizes)


def _tree(root: int) -> list[int]:
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has just ended
            # The name, in parentheses, may hold anything.
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    tree = [root]
    for process in tree:  # grows while it is walked
        tree += [child for child, parent in parents.items() if parent == process]
    return tree


def _own_memory(process: int) -> float:
    """Megabytes of a process alone: what several share, as Ray's store of objects, left out."""
    try:
        _, resident, shared, *_ = Path(f"/proc/{process}/statm").read_text().split()
    except (OSError, ValueError):  # it has just ended
        return 0.0
    return (int(resident) - int(shared)) * resource.getpagesize() / 1e6


def run(command: Sequence[str], source: Path, memory: Memory) -> float:
    """Seconds that a command takes to color a folder, into one that is removed afterwards."""
    with tempfile.TemporaryDirectory(dir=source.parent) as output:
        module, *options = command
        started = time.perf_counter()
        arguments = [sys.executable, "-m", module, *options, str(source), "--output", output]
        with tempfile.TemporaryFile() as said:
            process = subprocess.Popen(
                arguments,
                stdout=said,
                stderr=subprocess.STDOUT,
                env=os.environ | {"PYTHONPATH": str(ROOT)},
            )
            while process.poll() is None:
                memory.note(process.pid)
                time.sleep(0.25)
            seconds = time.perf_counter() - started
            if process.returncode != 0:
                said.seek(0)
                raise SystemExit(f"error: {arguments}: {said.read().decode()[-2000:]}")
    return seconds


def main() -> None:
    arguments = parse_arguments()
    print(describe_machine())
    print(describe_versions("tensorflow", "keras", "ray", "apache-beam"))
    few, many = arguments.counts
    width, height = arguments.size
    print(f"gray JPEGs of {width} x {height}, {few} and {many}; {arguments.rounds} rounds")
    with tempfile.TemporaryDirectory() as name:
        folders = {
            count: make_folder(arguments.photo, (width, height), count, Path(name, str(count)))
            for count in (few, many)
        }
        memories = {engine: Memory() for engine in COMMANDS}
        blocks = {
            (engine, count): lambda engine=engine, count=count: run(
                COMMANDS[engine], folders[count], memories[engine]
            )
            for engine in COMMANDS
            for count in folders
        }
        named = {f"{engine} {count}": block for (engine, count), block in blocks.items()}
        medians, seconds = alternate(named, arguments.rounds)
    rows = []
    for engine in COMMANDS:
        short, long = medians[f"{engine} {few}"], medians[f"{engine} {many}"]
        rate = (many - few) / (long - short)
        memory = memories[engine]
        rows.append(
            [
                engine,
                f"{rate:.2f}",
                f"{short - few / rate:.1f}",
                f"{many / long:.2f}",
                f"{memory.together:.0f}",
                f"{memory.largest:.0f}",
            ]
        )
    header = ["", "photographs/s", "start, s", f"with it, of {many}", "MB", "largest process"]
    print(format_table(header, rows))
    for engine in list(COMMANDS)[1:]:
        pairs = zip(seconds[f"colorize {many}"], seconds[f"{engine} {many}"], strict=True)
        ratios = [plain / other for plain, other in pairs]
        print(f"photographs/s of {many}, {engine} / colorize: {describe_ratios(ratios)}")


if __name__ == "__main__":
    main()
