"""One process of a training on several devices: ``python -m tests.training.worker``.

Runs the configurations that it is given, one after the other, as ``fit`` would, and prints the
status of each. ``--devices 2`` makes two of the CPU; ``--kill STEP`` ends the process in the last
configuration, as a power cut would.
"""

import argparse
import os
import signal
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import tensorflow as tf

from keras_colorize.cli import run_command
from keras_colorize.fit_arguments import parse_fit_config
from keras_colorize.training.loop import train


class Kill(keras.callbacks.Callback):
    def __init__(self, step: int) -> None:
        super().__init__()
        self.step = step

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if int(self.model.optimizer.iterations.numpy()) == self.step:
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("configs", nargs="+")
    parser.add_argument("--devices", type=int, default=1)
    parser.add_argument("--kill", type=int)
    given = parser.parse_args()
    cpu = tf.config.list_physical_devices("CPU")[0]
    devices = [tf.config.LogicalDeviceConfiguration() for _ in range(given.devices)]
    tf.config.set_logical_device_configuration(cpu, devices)
    for config in given.configs:
        last = config == given.configs[-1]
        callbacks = [Kill(given.kill)] if last and given.kill is not None else []

        def run(argv: Any, callbacks: list[Any] = callbacks) -> int:
            train(parse_fit_config(argv), callbacks=callbacks, show_progress=False)
            return 0

        print("status", run_command(run, ["--config", config]), flush=True)


if __name__ == "__main__":
    main()
