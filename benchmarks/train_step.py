"""Is our training step as fast as the same step in PyTorch?

    python3 -m venv torchvenv && torchvenv/bin/pip install torch numpy
    python benchmarks/train_step.py --torch_python torchvenv/bin/python
    python benchmarks/train_step.py --torch_python torchvenv/bin/python --precision mixed_bfloat16
    python benchmarks/train_step.py --torch_python torchvenv/bin/python --no-adversarial

Compared are ``ColorizationGAN.train_step``, compiled as ``fit`` compiles it (``keras_step.py``),
and a PyTorch step of the same networks, losses, optimizers, gradient clipping and moving average,
eager, as one usually writes pix2pix (``torch_step.py``), in whichever memory format is faster, its
idle threads waiting in whichever way is faster. Both start from the same weights and the same
batch, held in memory, and run on the CPU with the same number of threads. Each has a process of
its own; they take turns, a block of steps each, and the one that waits is idle. The losses of the
first step and the generators' output are compared as well, so that a difference between the
networks cannot pass for a difference in speed.
"""

import argparse
import dataclasses
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

from measuring import (
    Worker,
    alternate,
    describe_machine,
    describe_ratios,
    format_table,
)

from keras_colorize.config import (
    DiscriminatorConfig,
    FitConfig,
    GeneratorConfig,
    LossConfig,
    Precision,
    TrainingConfig,
)
from keras_colorize.config_checks import check_config
from keras_colorize.errors import ConfigError

WARM_UP_STEPS = 3
ON_CPU = {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
# How PyTorch's idle threads wait: by default they spin for a while before they sleep, which may be
# faster where every core is theirs, and is many times slower where another process wants one.
WAITING: dict[str, dict[str, str]] = {
    "spinning": {},
    "passive": {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0"},
}


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Our training step against PyTorch's.")
    parser.add_argument("--size", type=int, default=128, help="side in pixels")
    parser.add_argument("--batch_size", type=int, default=8)
    parser.add_argument("--filters", type=int, default=32, help="of the generator")
    parser.add_argument("--depth", type=int, default=6, help="of the generator")
    parser.add_argument("--max_filters", type=int, default=256, help="of the generator")
    parser.add_argument("--discriminator_filters", type=int, default=64)
    parser.add_argument("--precision", choices=get_args(Precision), default="float32")
    parser.add_argument(
        "--adversarial",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="train against the discriminator, or on reconstruction alone",
    )
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--block", type=int, default=5, help="steps in a row")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--torch_python", default=sys.executable, help="interpreter with PyTorch")
    return parser.parse_args()


def make_settings(arguments: argparse.Namespace) -> dict[str, Any]:
    """A FitConfig's settings and the benchmark's own, for both workers."""
    weight = LossConfig().lambda_adversarial if arguments.adversarial else 0.0
    config = FitConfig(
        generator=GeneratorConfig(
            filters=arguments.filters,
            depth=arguments.depth,
            max_filters=arguments.max_filters,
            normalization="batch",
            dropout=0.0,
            upsampling="transposed",
            output="chroma",
        ),
        discriminator=DiscriminatorConfig(filters=arguments.discriminator_filters),
        losses=LossConfig(adversarial="minimax", lambda_adversarial=weight),
        training=TrainingConfig(precision=arguments.precision),
    )
    data = dataclasses.replace(config.data, sizes=[arguments.size], batch_size=arguments.batch_size)
    check_config(dataclasses.replace(config, data=data))
    own = {name: getattr(arguments, name) for name in ("size", "batch_size", "threads")}
    return dataclasses.asdict(config) | own


def require_torch(python: str) -> None:
    """End with one line unless the interpreter has PyTorch."""
    try:
        found = subprocess.run([python, "-c", "import torch, numpy"], capture_output=True)
    except OSError as error:
        raise SystemExit(f"error: cannot run --torch_python {python}: {error.strerror}") from error
    if found.returncode != 0:
        raise SystemExit(
            f"error: {python} has no PyTorch; install it with 'python3 -m venv torchvenv && "
            "torchvenv/bin/pip install torch numpy' and pass --torch_python torchvenv/bin/python"
        )


def start_torch(python: str, settings: dict[str, Any]) -> Worker:
    """The PyTorch worker, with its threads waiting in the way that made its trial steps faster."""
    workers = []
    for waiting, variables in WAITING.items():
        worker = Worker(python, "torch_step.py", settings, ON_CPU | variables)
        worker.facts["name"] += f", threads {waiting}"
        trials = ", ".join(f"{x} {s:.4f}" for x, s in worker.facts["trials"].items())
        print(f"PyTorch's trial steps, threads {waiting}, seconds: {trials}")
        workers.append(worker)
    workers.sort(key=lambda worker: min(worker.facts["trials"].values()))
    for slower in workers[1:]:
        slower.close()
    return workers[0]


def compare(arguments: argparse.Namespace, ours: Worker, theirs: Worker) -> None:
    """Check that both do the same work, then measure and print."""
    if ours.facts["parameters"] != theirs.facts["parameters"]:
        raise SystemExit(
            f"error: the networks differ: {ours.facts['parameters']} parameters in keras_colorize, "
            f"{theirs.facts['parameters']} in PyTorch"
        )
    generator, discriminator = ours.facts["parameters"]
    print(f"parameters of both: generator {generator:,}, discriminator {discriminator:,}")
    print(f"generated color, same weights: largest difference {theirs.facts['difference']:.1e}")
    first = [worker.run(1)["values"] for worker in (ours, theirs)]
    for name in first[0]:
        print(f"{name} of the first step: {first[0][name]:.6f} and {first[1][name]:.6f}")
    for worker in (ours, theirs):
        worker.run(WARM_UP_STEPS)

    def block(worker: Worker) -> Callable[[], float]:
        return lambda: worker.run(arguments.block)["seconds"]

    names = {"ours": ours, "theirs": theirs}
    medians, rounds = alternate({n: block(w) for n, w in names.items()}, arguments.rounds)
    rows = [
        [names[name].facts["name"], f"{seconds:.4f}", f"{arguments.batch_size / seconds:.1f}"]
        for name, seconds in medians.items()
    ]
    print("\n" + format_table(["training step", "s/step", "images/s"], rows))
    ratios = [t / o for o, t in zip(rounds["ours"], rounds["theirs"], strict=True)]
    print(f"images/s, ours / PyTorch: {describe_ratios(ratios)}")


def main() -> None:
    arguments = parse_arguments()
    try:
        settings = make_settings(arguments)
    except ConfigError as error:
        raise SystemExit(f"error: {error}") from error
    require_torch(arguments.torch_python)
    print(describe_machine())
    with tempfile.TemporaryDirectory() as folder:
        settings["handover"] = str(Path(folder) / "handover.npz")
        workers: list[Worker] = []
        try:
            workers.append(Worker(sys.executable, "keras_step.py", settings, ON_CPU))
            workers.append(start_torch(arguments.torch_python, settings))
            print(f"{workers[0].facts['versions']}, {workers[1].facts['versions']}")
            print_work(arguments)
            compare(arguments, *workers)
        finally:
            for worker in workers:
                worker.close()


def print_work(arguments: argparse.Namespace) -> None:
    """What is measured, and in what the steps differ."""
    print(
        f"{arguments.batch_size} images of {arguments.size} x {arguments.size}, "
        f"{arguments.precision}, {'adversarial' if arguments.adversarial else 'reconstruction'}, "
        f"{arguments.threads} threads, {arguments.rounds} rounds of {arguments.block} steps"
    )
    print("in our step alone: PSNR, SSIM and colorfulness of every batch, running means")
    if arguments.adversarial:
        print("runs of the discriminator in a step: ours 2, PyTorch's 3 (the usual way)")


if __name__ == "__main__":
    main()
