"""What do the statistics of every layer cost?

    python benchmarks/statistics_cost.py --config configs/base_128.yaml
    python benchmarks/statistics_cost.py --config configs/pretrained_128.yaml

One measurement, of every layer of both networks on photographs of two domains, writing the file
included, is timed against one training step on a batch held in memory: one of the reconstruction
phase, the cheaper kind. Blocks of both take turns. Divided by the steps between two measurements
(``tracking.statistics_steps``), that is the share of the training that the statistics cost. What
Weights & Biases makes of them comes on top: some milliseconds a measurement.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable

from measuring import alternate, describe_machine, describe_ratios, describe_versions

from keras_colorize.cli import parse_fit_config

STEPS, MEASUREMENTS = 5, 2  # in a block


def main() -> None:
    parser = argparse.ArgumentParser(description="What the statistics of every layer cost.")
    parser.add_argument("--config", default="configs/base_128.yaml", help="of the training")
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    config = parse_fit_config(["--config", arguments.config])

    import tensorflow as tf
    from keras_step import make_batch

    from keras_colorize.callbacks import ActivationStatistics
    from keras_colorize.training import build_gan, gan_networks

    gan = build_gan(config, total_steps=1_000_000)
    size, every = max(config.data.sizes), config.tracking.statistics_steps
    batch = make_batch(size, config.data.batch_size)
    batches = iter(tf.data.Dataset.from_tensors(batch).repeat())
    gan.adversarial = False
    gan.make_train_function()
    photographs = batch["luminance"][: config.tracking.statistics_photos]
    with tempfile.TemporaryDirectory() as folder:
        callback = ActivationStatistics(
            {"modern": photographs, "historical": photographs[::-1]},
            folder,
            every=1,  # due whenever it is asked
            networks=gan_networks(gan),
        )
        callback.set_model(gan)
        callback.on_train_begin()

        def step() -> None:
            float(gan.train_function(batches)["loss"])

        def measure() -> None:
            callback.on_train_batch_begin(0)
            callback.on_train_batch_end(0)

        for _ in range(3):  # traces the graphs, and wakes the caches
            step()
            measure()
        blocks = {"step": timed(step, STEPS), "measurement": timed(measure, MEASUREMENTS)}
        medians, rounds = alternate(blocks, arguments.rounds)
    shares = [
        measurement / (every * step)
        for step, measurement in zip(rounds["step"], rounds["measurement"], strict=True)
    ]
    print(describe_machine())
    print(describe_versions("tensorflow", "keras"))
    print(f"{arguments.config}: step {medians['step'] * 1e3:.0f} ms, ", end="")
    print(f"measurement {medians['measurement'] * 1e3:.0f} ms, every {every} steps")
    print(f"share of the training: {statistics.median(shares):.2%}, in per cent of each round:")
    print(describe_ratios([100 * share for share in shares]))


def timed(action: Callable[[], None], count: int) -> Callable[[], float]:
    """A block that runs an action so many times and returns the seconds of one."""

    def block() -> float:
        start = time.perf_counter()
        for _ in range(count):
            action()
        return (time.perf_counter() - start) / count

    return block


if __name__ == "__main__":
    main()
