"""The course of a training on several devices or machines, behind the same callbacks as ``fit``.

Keras' own ``fit`` fails under ``MultiWorkerMirroredStrategy`` (keras-team/keras issues 20329 and
20585); this runs the same steps in the same order. Both networks and their optimizers have a copy
on each replica; the moving average and the running means, which only follow, one on each worker.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_colorize.training.data import Part
from keras_colorize.training.gan import Batch, ColorizationGAN, count_photographs
from keras_colorize.training.replicas import Replicas

__all__ = ["fit_replicated"]


def fit_replicated(
    gan: ColorizationGAN,
    replicas: Replicas,
    batches: Callable[[Part], tf.data.Dataset],
    validation: Callable[[Part], tf.data.Dataset] | None,
    *,
    start_step: int,
    steps_per_epoch: int,
    epochs: int,
    callbacks: Sequence[keras.callbacks.Callback],
) -> None:
    """Train from ``start_step`` to the end; first the rest of an epoch that was cut short.

    Args:
        gan: compiled; networks and optimizers made within ``replicas.scope()``.
        replicas: with a strategy.
        batches: the training batches from ``start_step`` on, of a replica's part.
        validation: batches to measure, of a worker's part; ``None`` for none.
        start_step: steps that are done already.
        steps_per_epoch: steps of a full epoch.
        epochs: epochs of the whole run.
        callbacks: of this worker; what only one has to do, the chief's alone.
    """
    train_step, test_step = _train_step(gan, replicas.strategy), _test_step(gan)
    called = keras.callbacks.CallbackList(
        list(callbacks), model=gan, epochs=epochs, steps=steps_per_epoch, verbose=0
    )
    iterator = iter(_distribute(batches, replicas))
    gan.stop_training = False
    called.on_train_begin()
    logs: dict[str, Any] = {}
    first, done = divmod(start_step, steps_per_epoch)
    for epoch in range(first, epochs):
        gan.reset_metrics()
        called.on_epoch_begin(epoch)
        for number in range(steps_per_epoch - done):
            called.on_train_batch_begin(number)
            values = train_step(next(iterator), gan.adversarial)
            called.on_train_batch_end(number, _as_numbers(values))
        done = 0
        logs = _as_numbers(gan.get_metrics_result())
        if validation is not None:
            called.on_test_begin()
            measured = _validate(gan, replicas, validation, test_step)
            called.on_test_end(measured)
            logs |= {f"val_{name}": value for name, value in measured.items()}
        called.on_epoch_end(epoch, logs)
        if gan.stop_training:
            break
    called.on_train_end(logs)


def _train_step(gan: ColorizationGAN, strategy: tf.distribute.Strategy) -> Callable[..., Any]:
    @tf.function(reduce_retracing=True, autograph=False)
    def step(batch: Batch, adversarial: bool) -> dict[str, tf.Tensor]:  # noqa: ARG001  # retraces
        names: list[str] = []

        def on_replica(part: Batch) -> tf.Tensor:
            values = gan.update(part)
            names[:] = values
            # In one tensor: a network takes as long for one number as for many.
            counts = [tf.cast(count, tf.float32) for count in count_photographs(part)]
            return tf.stack([*values.values(), *counts])

        means = strategy.reduce(
            tf.distribute.ReduceOp.MEAN, strategy.run(on_replica, (batch,)), axis=None
        )
        *numbers, photos, colored = tf.unstack(means, len(names) + 2)
        values = dict(zip(names, numbers, strict=True))
        gan.update_average()
        replicas = strategy.num_replicas_in_sync
        gan.record(values, replicas * photos, replicas * colored)
        return values

    return step


def _test_step(gan: ColorizationGAN) -> Callable[..., Any]:
    @tf.function(reduce_retracing=True, autograph=False)
    def step(batch: Batch, adversarial: bool) -> None:  # noqa: ARG001  # retraces
        gan.test_step(batch)

    return step


def _distribute(batches: Callable[[Part], tf.data.Dataset], replicas: Replicas) -> Any:
    """The parts of a worker's replicas, in turn, each of which goes to the next one's device."""
    strategy: tf.distribute.Strategy = replicas.strategy
    local = replicas.count // replicas.workers
    first = replicas.worker * local

    def of_worker(_: tf.distribute.InputContext) -> tf.data.Dataset:
        parts = [batches(Part(first + number, replicas.count)) for number in range(local)]
        turns = tf.data.Dataset.range(local).repeat()
        return tf.data.Dataset.choose_from_datasets(parts, turns)

    return strategy.distribute_datasets_from_function(of_worker)


def _validate(
    gan: ColorizationGAN,
    replicas: Replicas,
    validation: Callable[[Part], tf.data.Dataset],
    test_step: Callable[..., Any],
) -> dict[str, float]:
    """Each worker measures its part on its first device; the means are of all photographs."""
    gan.reset_metrics()
    for batch in validation(Part(replicas.worker, replicas.workers)):
        test_step(batch, gan.adversarial)
    variables = [variable for meter in gan.metrics for variable in meter.variables]
    sums = replicas.total(np.stack([variable.numpy() for variable in variables]))
    for variable, value in zip(variables, sums, strict=True):
        variable.assign(value)
    return _as_numbers(gan.validation_means())


def _as_numbers(values: dict[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in values.items()}
