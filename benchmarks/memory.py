"""What memory a training takes, epoch by epoch: ``python benchmarks/memory.py``.

Trains a small network on the photographs inside the package, with all that a run records, and
prints the resident memory after each epoch. What matters is how much of it comes after the second
epoch, when everything has been traced, cached and drawn once. ``--objects`` also counts Python's
objects, and what of its memory grew; it slows the training down.
"""

import argparse
import gc
import os
import tempfile
import tracemalloc
from collections import Counter
from pathlib import Path

from measuring import describe_machine, describe_versions

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def resident() -> float:
    """Resident memory of this process in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--steps", type=int, default=10, help="of an epoch")
    parser.add_argument("--filters", type=int, default=16)
    parser.add_argument("--size", type=int, nargs="+", default=[64])
    parser.add_argument("--wandb", default="disabled", choices=("disabled", "offline"))
    parser.add_argument("--tensorboard", action="store_true")
    parser.add_argument("--statistics_steps", type=int, default=10)
    parser.add_argument("--default_arenas", action="store_true", help="as in other programs")
    parser.add_argument("--objects", action="store_true")
    args = parser.parse_args()

    from keras_colorize.fit import limit_arenas

    if not args.default_arenas:
        limit_arenas()  # as the command does

    import keras

    from keras_colorize.config import (
        DataConfig,
        DiscriminatorConfig,
        FitConfig,
        GeneratorConfig,
        TrackingConfig,
        TrainingConfig,
    )
    from keras_colorize.training.loop import train

    sizes: list[float] = []
    counts: list[Counter[str]] = []

    class Watch(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
            sizes.append(resident())  # after the run's own callbacks
            line = f"epoch {epoch + 1:3d}  {sizes[-1]:8.1f} MiB"
            if args.objects:
                gc.collect()
                counts.append(Counter(type(entry).__name__ for entry in gc.get_objects()))
                line += f"  {sum(counts[-1].values())} objects"
                if epoch == 2:
                    tracemalloc.start(12)
            print(line, flush=True)

    with tempfile.TemporaryDirectory() as folder:
        config = FitConfig(
            name="memory",
            runs=folder,
            data=DataConfig(sizes=args.size),
            generator=GeneratorConfig(filters=args.filters, depth=4),
            discriminator=DiscriminatorConfig(filters=args.filters, depth=2),
            training=TrainingConfig(
                epochs=args.epochs,
                steps_per_epoch=args.steps,
                reconstruction_steps=args.steps // 2,
                warmup_steps=2,
                checkpoint_steps=args.steps,
                sample_epochs=1,
                log_steps=1,
            ),
            tracking=TrackingConfig(
                wandb=args.wandb,
                tensorboard=args.tensorboard,
                statistics_steps=args.statistics_steps,
            ),
        )
        print(describe_machine())
        print(describe_versions("tensorflow", "keras"))
        train(config, callbacks=[Watch()], show_progress=False)
    print(f"after the second epoch: {100 * (sizes[-1] / sizes[1] - 1):+.2f} % in {args.epochs - 2}")
    if args.objects:
        grown = counts[-1] - counts[2]
        print("grown since epoch 3:", grown.most_common(25))
        for statistic in tracemalloc.take_snapshot().statistics("traceback")[:12]:
            print(statistic.size, statistic.count, *statistic.traceback.format(), sep="\n  ")


if __name__ == "__main__":
    main()
