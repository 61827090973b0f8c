"""Batch normalization and Adam by TensorFlow's own kernels for them, for training.

Keras composes both of a dozen operations, each of which passes over the values once, and over
activations in float32 even where they are bfloat16. A kernel computes the same in one pass.
"""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

__all__ = ["FusedAdam", "FusedBatchNormalization", "fuse_normalization"]


@keras.saving.register_keras_serializable("keras_colorize")
class FusedBatchNormalization(keras.layers.BatchNormalization):
    """Keras' batch normalization of images, ``(B, H, W, C)`` with the channels last, faster.

    Same arguments, same weights, same results up to rounding. Under a ``tf.distribute.Strategy``
    the batches of all replicas are normalized as one.
    """

    def call(self, inputs: tf.Tensor, training: bool | None = None, mask: Any = None) -> tf.Tensor:
        """Normalize ``inputs`` ``(B, H, W, C)``; by the batch's own moments in training."""
        if not (training and self.trainable) or mask is not None:
            return super().call(inputs, training=training, mask=mask)
        replica = tf.distribute.get_replica_context()
        if replica is not None and replica.num_replicas_in_sync > 1:
            return self._call_in_sync(inputs, replica)
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=self.gamma.value,
            offset=self.beta.value,
            mean=tf.zeros(0),
            variance=tf.zeros(0),
            epsilon=self.epsilon,
            is_training=True,
        )
        # The kernel gives the unbiased variance, Keras keeps the biased one.
        count = tf.cast(tf.size(inputs) // tf.shape(inputs)[-1], tf.float32)
        biased = variance * (tf.maximum(count - 1.0, 1.0) / count)
        self._follow(self.moving_mean, mean)
        self._follow(self.moving_variance, biased)
        return outputs

    def _call_in_sync(self, inputs: tf.Tensor, replica: tf.distribute.ReplicaContext) -> tf.Tensor:
        """Normalize by the moments of the batches of all replicas together."""
        mean, variance = _moments_in_sync(tf.cast(inputs, tf.float32), replica)
        self._follow(self.moving_mean, mean)
        self._follow(self.moving_variance, variance)
        scale = self.gamma.value * tf.math.rsqrt(variance + self.epsilon)
        outputs = tf.cast(inputs, tf.float32) * scale + (self.beta.value - mean * scale)
        return tf.cast(outputs, inputs.dtype)

    def _follow(self, average: keras.Variable, value: tf.Tensor) -> None:
        average.assign(average * self.momentum + value * (1.0 - self.momentum))


@keras.saving.register_keras_serializable("keras_colorize")
class FusedAdam(keras.optimizers.Adam):
    """Keras' Adam for float32 variables, faster.

    Same arguments, same variables, same results up to rounding.
    """

    def update_step(
        self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: tf.Tensor
    ) -> None:
        """Update one variable and its two moments."""
        if self.amsgrad or variable.dtype != tf.float32:
            super().update_step(gradient, variable, learning_rate)
            return
        index = self._get_variable_index(variable)
        step = tf.cast(self.iterations.value + 1, tf.float32)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=tf.pow(self.beta_1, step),
            beta2_power=tf.pow(self.beta_2, step),
            lr=tf.cast(learning_rate, tf.float32),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=tf.cast(gradient, tf.float32),
        )

    def apply_in_sync(
        self, gradients: Sequence[tf.Tensor], variables: Sequence[keras.Variable]
    ) -> None:
        """Apply, from within a replica, gradients that are the same on all of them.

        ``apply`` would add them up over the replicas, which is done already.
        """

        def update(strategy: tf.distribute.Strategy, gradients: Sequence[Any]) -> None:
            rate = self.learning_rate
            for gradient, variable in zip(gradients, variables, strict=True):
                strategy.extended.update(
                    variable.value,
                    lambda own, gradient: self.update_step(gradient, own, rate),
                    args=(gradient,),
                    group=False,
                )
            self.iterations.assign_add(1)

        tf.distribute.get_replica_context().merge_call(update, (list(gradients),))


def _moments_in_sync(
    inputs: tf.Tensor, replica: tf.distribute.ReplicaContext
) -> tuple[tf.Tensor, tf.Tensor]:
    """Mean and biased variance of each channel over all replicas: float32 ``(C,)`` each.

    The replicas exchange their own moments, not sums of squares, whose difference would lose the
    variance of channels with a large mean (Chan, Golub and LeVeque, 1983).
    """
    count = tf.cast(tf.size(inputs) // tf.shape(inputs)[-1], tf.float32)
    mean, variance = tf.nn.moments(inputs, (0, 1, 2))
    own = tf.concat([[count], mean, variance], axis=0)  # (1 + 2 C,)
    place = tf.one_hot(replica.replica_id_in_sync_group, replica.num_replicas_in_sync)
    everyone = replica.all_reduce(tf.distribute.ReduceOp.SUM, place[:, None] * own)
    counts, means, variances = tf.split(everyone, [1, mean.shape[0], mean.shape[0]], axis=1)
    shares = counts / tf.reduce_sum(counts)  # (R, 1)
    together = tf.reduce_sum(shares * means, axis=0)
    return together, tf.reduce_sum(shares * (variances + tf.square(means - together)), axis=0)


def fuse_normalization(model: keras.Model) -> keras.Model:
    """A copy of a functional model, with its weights, whose batch normalization is fused.

    The layers' names and the order of the weights stay, so that weights can be handed back and
    forth. Batch normalization that is not of images with scale and shift stays as it is.
    """
    copy = keras.models.clone_model(model, clone_function=_fused)
    copy.set_weights(model.get_weights())
    for old, new in zip(model.layers, copy.layers, strict=True):
        new.trainable = old.trainable
    return copy


def _fused(layer: keras.Layer) -> keras.Layer:
    fusible = (
        type(layer) is keras.layers.BatchNormalization
        and len(layer.input.shape) == 4
        and layer.axis in (-1, 3)
        and layer.scale
        and layer.center
        and not layer.renorm
    )
    kind = FusedBatchNormalization if fusible else type(layer)
    return kind.from_config(layer.get_config())
