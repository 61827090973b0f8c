"""keras_colorize's training step on a batch held in memory, compiled as ``fit`` compiles it.

Not a command: ``train_step.py`` runs it in a process of its own. Before the first step it writes
weights, batch and generated color to a file, from which ``torch_step.py`` starts.
"""

import json
import sys
from typing import Any

import numpy as np
import tensorflow as tf
from measuring import describe_versions, serve

from keras_colorize import color
from keras_colorize.config import (
    DiscriminatorConfig,
    FitConfig,
    GeneratorConfig,
    LossConfig,
    TrainingConfig,
)
from keras_colorize.training.building import build_gan
from keras_colorize.training.gan import ColorizationGAN

# Of the schedule of the learning rate; long enough never to end.
TOTAL_STEPS = 1_000_000


def build(settings: dict[str, Any]) -> ColorizationGAN:
    """The model that ``fit`` trains."""
    config = FitConfig(
        generator=GeneratorConfig(**settings["generator"]),
        discriminator=DiscriminatorConfig(**settings["discriminator"]),
        losses=LossConfig(**settings["losses"]),
        training=TrainingConfig(**settings["training"]),
    )
    return build_gan(config, TOTAL_STEPS)


def make_batch(size: int, batch_size: int) -> dict[str, np.ndarray]:
    """Noise in place of photographs: a step takes no less time; a quarter has no true color."""
    has_color = (np.arange(batch_size) < batch_size - batch_size // 4).astype(np.float32)
    rgb = np.random.default_rng(0).random((batch_size, size, size, 3), np.float32)
    luminance = color.luminance(rgb)
    truth = np.where(has_color[:, None, None, None] > 0, rgb, luminance)
    return {"luminance": luminance, "color": truth, "has_color": has_color}


def hand_over(path: str, gan: ColorizationGAN, batch: dict[str, np.ndarray]) -> None:
    """Write weights as ``network/layer/name``, the batch, and the color given to it."""
    arrays = dict(batch)
    for prefix, network in (("generator", gan.generator), ("discriminator", gan.discriminator)):
        for layer in network.layers:
            arrays |= {f"{prefix}/{layer.name}/{w.name}": w.numpy() for w in layer.weights}
    # As in training, where batch normalization uses the batch's statistics and keeps a record.
    arrays["generated"] = np.asarray(gan.generator(batch["luminance"], training=True))
    np.savez(path, **arrays)


def main(settings: dict[str, Any]) -> None:
    tf.config.threading.set_intra_op_parallelism_threads(settings["threads"])
    tf.config.threading.set_inter_op_parallelism_threads(settings["threads"])
    gan = build(settings)
    batch = make_batch(settings["size"], settings["batch_size"])
    hand_over(settings["handover"], gan, batch)
    gan.make_train_function()
    batches = iter(tf.data.Dataset.from_tensors(batch).repeat())

    def step() -> dict[str, tf.Tensor]:
        values = gan.train_function(batches)
        reported = ("reconstruction", "discriminator_loss")
        return {name: values[name] for name in reported if name in values}

    networks = [gan.generator, gan.discriminator]
    facts = {
        "name": "keras_colorize",
        "versions": describe_versions("tensorflow", "keras"),
        "parameters": [
            sum(int(np.prod(w.shape)) for w in network.trainable_variables) for network in networks
        ],
    }
    serve(step, facts)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
