"""Whether several devices and several machines train as one device does.

    python benchmarks/distribution.py [--steps 50]

A tiny model with both networks and batch normalization is trained on the sample inside the package:
on one device, on two logical devices of the CPU (``mirrored``), and by two processes that speak
over the loopback (``multi_worker``). The last two see the batches of the first. Printed is the
largest difference from it, as Markdown:

- of the losses and gradient norms, relative, over all steps;
- of the weights at the end, absolute, beside the largest weight. Biases that a batch normalization
  follows are left out, and the moving means that follow them: they have no effect and no gradient
  but what rounding leaves, and Adam makes steps of it.
"""

import argparse
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from keras_colorize.files import read_numbers

_FIT = """
import sys, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
devices = [tf.config.LogicalDeviceConfiguration() for _ in range(int(sys.argv[1]))]
tf.config.set_logical_device_configuration(cpu, devices)
from keras_colorize import fit
sys.exit(fit.main(sys.argv[2:]))
"""
_SETTINGS = {
    "data.sizes": 32,
    "data.batch_size": 8,
    "data.historical_share": 0.25,
    "film.probability": 0.3,
    "generator.filters": 4,
    "generator.depth": 3,
    "discriminator.filters": 4,
    "discriminator.depth": 2,
    "training.epochs": 1,
    "training.reconstruction_steps": 10,
    "training.warmup_steps": 10,
    "training.log_steps": 1,
    "tracking.statistics_steps": 0,
    "tracking.wandb": "disabled",
}
_MEANINGLESS = re.compile(r"(generator|discriminator|average)/\d+/(bias|moving_mean)")
_RECORDED = ("loss", "discriminator_loss", "generator_gradient_norm", "discriminator_gradient_norm")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=50)
    steps = parser.parse_args().steps
    with tempfile.TemporaryDirectory() as folder:
        runs = {kind: Path(folder, kind) for kind in ("none", "mirrored", "multi_worker")}
        for kind, run in runs.items():
            _train(kind, run, steps)
        print(f"| largest difference in {steps} steps | mirrored | multi_worker |\n|---|---|---|")
        for name in _RECORDED:
            values = [read_numbers(run / "steps.csv")[name] for run in runs.values()]
            one, *others = (np.array(v) for v in values)
            worst = [np.nanmax(np.abs(other - one) / np.abs(one)) for other in others]
            print(f"| `{name}`, relative | {worst[0]:.1e} | {worst[1]:.1e} |")
        networks, *copies = (_weights(run) for run in runs.values())
        largest = max(np.abs(value).max() for value in networks.values())
        worst = [max(np.abs(copy[n] - networks[n]).max() for n in networks) for copy in copies]
        print(f"| weights, up to {largest:.1f} | {worst[0]:.1e} | {worst[1]:.1e} |")


def _train(kind: str, run: Path, steps: int) -> None:
    own = {"runs": run.parent, "name": run.name, "training.distribution": kind}
    settings = {**_SETTINGS, "training.steps_per_epoch": steps, **own}
    arguments = [f"--{name}={value}" for name, value in settings.items()]
    command = [sys.executable, "-c", _FIT, "2" if kind == "mirrored" else "1", *arguments]
    environments: list[dict[str, str]] = [{}]
    if kind == "multi_worker":
        workers = _free_addresses(2)
        environments = [
            {
                "TF_CONFIG": json.dumps(
                    {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}
                )
            }
            for index in range(2)
        ]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    processes = [
        subprocess.Popen(command, env={**os.environ, **more}, **quiet)  # type: ignore[call-overload]
        for more in environments
    ]
    for process in processes:
        _, error = process.communicate()
        if process.returncode != 0:
            sys.exit(f"{kind} failed:\n{error}")


def _free_addresses(count: int) -> list[str]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    addresses = [f"127.0.0.1:{bound.getsockname()[1]}" for bound in sockets]
    for bound in sockets:
        bound.close()
    return addresses


def _weights(run: Path) -> dict[str, np.ndarray]:
    with np.load(sorted(run.glob("checkpoints/step_*.npz"))[-1]) as archive:
        return {
            name: archive[name]
            for name in archive.files
            if name.startswith(("generator/", "discriminator/", "average/"))
            and not _MEANINGLESS.fullmatch(name)
        }


if __name__ == "__main__":
    main()
