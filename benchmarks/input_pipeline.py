"""Does the input pipeline keep up with the training step, and does memory stay bounded?

    python benchmarks/input_pipeline.py --modern photos/modern --historical photos/historical
    python benchmarks/input_pipeline.py --config configs/base_128.yaml --modern ... --cache disk
    python benchmarks/input_pipeline.py --rounds 3 --block 10 --data.batch_size 4

Without folders: the sample inside the package. Settings of ``fit`` may follow, as in the last line.

Memory: resident memory at the end of each of some short epochs of ``training.train``, with
everything that it does (validation, checkpoints, sample sheets).

Speed: images per second of three ways of running the same compiled step, which take turns:
*bare*, on batches held in memory; *fed*, on batches from ``make_dataset``; *fit*, Keras' ``fit``
with the run's record and its guard. Every block begins with steps that are not measured, more
than the pipeline holds ready, so that a block pays for the batches that it uses.
"""

import argparse
import dataclasses
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from measuring import (
    alternate,
    describe_machine,
    describe_ratios,
    describe_versions,
    format_table,
)

from keras_colorize.cli import run_command
from keras_colorize.config import FitConfig
from keras_colorize.errors import ConfigError
from keras_colorize.fit_arguments import parse_fit_config

if TYPE_CHECKING:
    import tensorflow as tf

    from keras_colorize.training.gan import ColorizationGAN

# Unmeasured, at the start of each block: more than make_dataset's prefetch holds.
SETTLING_STEPS = 8


def parse_arguments(argv: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """The benchmark's own arguments, and those of ``fit``."""
    parser = argparse.ArgumentParser(
        description="Speed of the input pipeline, and memory over epochs.", allow_abbrev=False
    )
    parser.add_argument("--config", default="configs/base_128.yaml")
    parser.add_argument("--modern", nargs="+", default=[], metavar="DIR")
    parser.add_argument("--historical", nargs="+", default=[], metavar="DIR")
    parser.add_argument("--cache", choices=["memory", "disk", "none"], default="memory")
    parser.add_argument("--rounds", type=int, default=5, help="of the speed; 0 leaves it out")
    parser.add_argument("--block", type=int, default=30, help="measured steps in a row")
    parser.add_argument("--epochs", type=int, default=4, help="of the memory; 0 leaves it out")
    parser.add_argument("--steps", type=int, default=100, help="in an epoch of the memory")
    return parser.parse_known_args(argv)


def read_config(arguments: argparse.Namespace, more: list[str], folder: str) -> FitConfig:
    """The settings of ``fit``, writing below a temporary folder."""
    argv = ["--config", arguments.config, "--data.cache", arguments.cache, "--runs", folder]
    argv += ["--data.modern", *arguments.modern] if arguments.modern else []
    argv += ["--data.historical", *arguments.historical] if arguments.historical else []
    if not arguments.modern:  # the sample knows neither the sources nor, perhaps, the share
        argv += ["--data.source_weights", "{}"]
    config = parse_fit_config(argv + more)
    if len(config.data.sizes) > 1:
        raise ConfigError(
            f"data.sizes = {config.data.sizes}: steps of different sizes cannot be compared; "
            "choose one, such as --data.sizes 128"
        )
    return config


# -- memory -----------------------------------------------------------------------------------


def resident_megabytes() -> float:
    """Resident memory of this process."""
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


def measure_memory(config: FitConfig, epochs: int, steps: int) -> list[float]:
    """Megabytes at the end of each epoch of a run, with the adversary where there is one."""
    import keras

    from keras_colorize.training.loop import train

    training = dataclasses.replace(
        config.training, epochs=epochs, steps_per_epoch=steps, reconstruction_steps=0
    )
    record: list[float] = []
    recorder = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda *_, **__: record.append(resident_megabytes())
    )
    config = dataclasses.replace(config, name="memory", training=training)
    train(config, callbacks=[recorder], show_progress=False)
    return record


def report_memory(record: Sequence[float], cache: str) -> None:
    rows = [
        [str(epoch), f"{value:.0f}", f"{100 * (value / record[0] - 1):+.1f} %"]
        for epoch, value in enumerate(record, start=1)
    ]
    print(f"\nmemory, cache {cache}")
    print(format_table(["epoch", "MB", "since the first"], rows))


# -- speed ------------------------------------------------------------------------------------


class Speed:
    """The three ways of running the step, on one model.

    Args:
        config: the settings.
        folder: where ``fit`` writes its record.
        block: measured steps in a row.
    """

    def __init__(self, config: FitConfig, folder: Path, block: int) -> None:
        from keras_colorize.training.building import build_gan
        from keras_colorize.training.runs import open_run
        from keras_colorize.training.streams import load_streams

        self.config = dataclasses.replace(config, name="speed")
        self.folder = folder
        self.block = block
        with open_run(self.config) as run:
            self.streams = load_streams(self.config, run, show_progress=False)
        self.gan: ColorizationGAN = build_gan(self.config, 10**6)

    def measure(
        self, adversarial: bool, rounds: int
    ) -> tuple[dict[str, float], dict[str, list[float]]]:
        """Seconds per step of ``bare``, ``fed`` and ``fit``: medians, and round by round."""
        self.gan.adversarial = adversarial
        self.gan.make_train_function()
        held = iter(self._dataset().take(self.block).cache().repeat())
        fed = iter(self._dataset())
        self._run(held, self.block)  # fills the cache and traces the function
        ways = {"bare": lambda: self._time(held), "fed": lambda: self._time(fed), "fit": self._fit}
        return alternate(ways, rounds)

    def _dataset(self) -> "tf.data.Dataset":
        from keras_colorize.training.data import make_dataset

        config, streams = self.config, self.streams
        return make_dataset(
            streams.modern, streams.historical, config.data, config.film, seed=config.seed
        )

    def _run(self, batches: "Iterator[Any]", steps: int) -> None:
        for _ in range(steps):
            values = self.gan.train_function(batches)
        float(values["loss"])  # waits for it

    def _time(self, batches: "Iterator[Any]") -> float:
        self._run(batches, SETTLING_STEPS)
        start = time.perf_counter()
        self._run(batches, self.block)
        return (time.perf_counter() - start) / self.block

    def _fit(self) -> float:
        import keras

        from keras_colorize.training.callbacks.guard import StopOnNonFinite
        from keras_colorize.training.callbacks.history import HistoryWriter
        from keras_colorize.training.checkpoints import CheckpointFolder

        steps = SETTLING_STEPS + self.block
        moments: list[float] = []
        clock = keras.callbacks.LambdaCallback(
            on_train_batch_end=lambda *_, **__: moments.append(time.perf_counter())
        )
        record = HistoryWriter(
            self.folder / "history.csv",
            self.folder / "steps.csv",
            self.config.training.log_steps,
            0,
        )
        guard = StopOnNonFinite(CheckpointFolder(self.folder / "checkpoints"))
        self.gan.fit(
            self._dataset(),
            steps_per_epoch=steps,
            callbacks=[guard, record, clock],
            shuffle=False,
            verbose=0,
        )
        return (moments[-1] - moments[SETTLING_STEPS - 1]) / self.block


def report_speed(
    phase: str, medians: dict[str, float], rounds: dict[str, list[float]], batch_size: int
) -> None:
    rows = [
        [way, f"{seconds:.4f}", f"{batch_size / seconds:.1f}"] for way, seconds in medians.items()
    ]
    print("\n" + format_table([phase, "s/step", "images/s"], rows))
    for way in ("fed", "fit"):
        ratios = [bare / own for bare, own in zip(rounds["bare"], rounds[way], strict=True)]
        print(f"images/s, {way} / bare: {describe_ratios(ratios)}")


# -- the command ------------------------------------------------------------------------------


def measure(argv: Sequence[str]) -> int:
    arguments, more = parse_arguments(argv)
    print(describe_machine())
    with tempfile.TemporaryDirectory() as folder:
        config = read_config(arguments, more, folder)
        print(describe_versions("tensorflow", "keras"))
        print(
            f"{arguments.config}: {config.data.batch_size} images of {config.data.sizes[0]} x "
            f"{config.data.sizes[0]}, {config.training.precision}, cache {config.data.cache}"
        )
        if arguments.epochs > 0:
            record = measure_memory(config, arguments.epochs, arguments.steps)
            report_memory(record, config.data.cache)
        if arguments.rounds > 0:
            speed = Speed(config, Path(folder), arguments.block)
            phases = {"reconstruction": False}
            if config.losses.lambda_adversarial > 0:
                phases["adversarial"] = True
            for phase, adversarial in phases.items():
                medians, rounds = speed.measure(adversarial, arguments.rounds)
                report_speed(phase, medians, rounds, config.data.batch_size)
    return 0


if __name__ == "__main__":
    sys.exit(run_command(measure, None))
