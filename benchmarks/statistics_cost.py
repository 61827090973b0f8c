"""What do the statistics of every layer cost?

    python benchmarks/statistics_cost.py --config configs/base_128.yaml
    python benchmarks/statistics_cost.py --config configs/pretrained_128.yaml

A training step with a measurement, of every layer of both networks on photographs of two domains,
writing the file included, is timed against one without: on a batch held in memory, and of the
reconstruction phase, the cheaper kind. Both take turns. The difference, divided by the steps
between two measurements (``tracking.statistics_steps``), is the share of the training that the
statistics cost. What Weights & Biases makes of them comes on top: some milliseconds a measurement.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable

from measuring import alternate, describe_machine, describe_ratios, describe_versions

from keras_colorize.fit_arguments import parse_fit_config

STEPS = 5  # in a block


def main() -> None:
    parser = argparse.ArgumentParser(description="What the statistics of every layer cost.")
    parser.add_argument("--config", default="configs/base_128.yaml", help="of the training")
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    config = parse_fit_config(["--config", arguments.config])

    import tensorflow as tf
    from keras_step import make_batch

    from keras_colorize.inspection.snapshots import load_statistics
    from keras_colorize.training.building import build_gan
    from keras_colorize.training.callbacks.activations import ActivationStatistics
    from keras_colorize.training.loop import gan_networks

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

        def measured_step() -> None:
            callback.on_train_batch_begin(0)
            step()
            callback.on_train_batch_end(0)

        for _ in range(3):  # traces the graphs, and wakes the caches
            step()
            measured_step()
        blocks = {"step": timed(step, STEPS), "measured step": timed(measured_step, STEPS)}
        medians, rounds = alternate(blocks, arguments.rounds)
        written = len(load_statistics(folder).steps)
        if written != 3 + STEPS * arguments.rounds:
            raise RuntimeError(f"measured only {written} times: what is timed is something else")
    shares = [
        (measured - step) / (every * step)
        for step, measured in zip(rounds["step"], rounds["measured step"], strict=True)
    ]
    print(describe_machine())
    print(describe_versions("tensorflow", "keras"))
    print(f"{arguments.config}: step {medians['step'] * 1e3:.0f} ms, ", end="")
    print(f"with a measurement {medians['measured step'] * 1e3:.0f} ms, every {every} steps")
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
