"""Generator and discriminator trained against each other, as one Keras model."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from keras_colorize import color, losses, metrics
from keras_colorize.config import LossConfig
from keras_colorize.models.distribution import CERTAINTY_LAYER
from keras_colorize.models.lpips import lpips
from keras_colorize.models.outputs import DISTRIBUTION

__all__ = [
    "ADVERSARIAL_METRICS",
    "TRAINING_METRICS",
    "ColorizationGAN",
    "count_photographs",
    "metric_names",
]

Batch = dict[str, tf.Tensor]
# The color that a generator gives to a luminance; the logits of its distribution and its certainty,
# if it has them.
Painted = tuple[tf.Tensor, tf.Tensor | None, tf.Tensor | None]

#: What only a step reports: a validation has none of them.
TRAINING_METRICS = (
    "generator_gradient_norm",
    "discriminator_gradient_norm",
    "generator_learning_rate",
    "discriminator_learning_rate",
)
#: What only a step with an adversary reports.
ADVERSARIAL_METRICS = (
    "generator_adversarial",
    "discriminator_loss",
    "real_accuracy",
    "fake_accuracy",
    "discriminator_gradient_norm",
)
_LEARNING_RATES = ("generator_learning_rate", "discriminator_learning_rate")


def metric_names() -> tuple[str, ...]:
    """What a step and an epoch may report, in the order of a history's columns."""
    return (
        "loss",
        *(term.name for term in losses.TERMS if term.reconstruction),
        "reconstruction",
        *(term.name for term in losses.TERMS if not term.reconstruction),
        "discriminator_loss",
        "real_accuracy",
        "fake_accuracy",
        "psnr",
        "ssim",
        "colorfulness",
        "true_colorfulness",
        *TRAINING_METRICS,
    )


@keras.saving.register_keras_serializable("keras_colorize")
class ColorizationGAN(keras.Model):
    """A generator trained against a discriminator on two mixed streams of photographs.

    A batch is a dictionary of ``luminance`` ``(B, H, W, 1)``, what the generator sees; ``color``
    ``(B, H, W, 3)``, the truth, whose luminance is the one beside it; and ``has_color`` ``(B,)``,
    1 for modern photographs and 0 for historical ones. All are float32, images in [0, 1]. A
    historical photograph has no true color: its ``color`` is its luminance three times, and only
    the luminance and the adversarial loss apply to it. Every batch holds at least one photograph
    with color.

    A step runs the generator once. Both networks are updated from the same forward pass, so the
    discriminator judges the generated photographs once for both losses.

    Within ``tf.distribute.Strategy.run`` each replica sees as large a part of each stream as the
    others: then :meth:`update` is the same update on all of them, that of the batch as a whole.

    Besides the generator the model keeps a moving average of it, ``ema_generator``, which is
    what validation measures and what is worth saving. Its momentum after n steps is
    min(``ema_momentum``, (1 + n) / (10 + n)), so that it does not remember the initial weights.

    Args:
        generator: luminance to color, as of :func:`~keras_colorize.models.build_unet`.
        discriminator: luminance and color to logits, as of
            :func:`~keras_colorize.models.build_patchgan`.
        losses: kinds and weights of the losses.
        embed: what the perceptual loss compares: RGB ``(B, H, W, 3)`` in [0, 1] to the embeddings
            of :func:`~keras_colorize.models.lpips.load_lpips`. No part of the model: it is neither
            trained nor saved with it.
        teach: luminance to what the teachers paint, as of
            :func:`~keras_colorize.models.teaching.load_teachers`. No part of the model either.
        ema_momentum: final momentum of the moving average, in [0, 1).
        clip_norm: largest norm of all of a network's gradients together; longer ones are scaled
            down to it. 0 does not clip.

    Attributes:
        gradient_norms: norm of the gradient of each trainable variable in the last step, before
            clipping, by network: ``"generator"`` and ``"discriminator"``, float32 variables in the
            order of their ``trainable_variables``; zeros until the network is trained.
    """

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        losses: LossConfig | None = None,
        *,
        embed: Callable[[tf.Tensor], list[tf.Tensor]] | None = None,
        teach: Callable[[tf.Tensor], tf.Tensor] | None = None,
        ema_momentum: float = 0.999,
        clip_norm: float = 0.0,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.generator = generator
        self.discriminator = discriminator
        self.loss_config = losses or LossConfig()
        self.ema_momentum = ema_momentum
        self.clip_norm = clip_norm
        self.ema_generator = keras.models.clone_model(generator)
        self.ema_generator.set_weights(generator.get_weights())
        self.ema_generator.trainable = False
        # In a function of its own Keras does not see the network behind it, and does not save it.
        # Embedded apart, so that nothing is differentiated through the truth.
        self._perceptual = (
            None if embed is None else lambda truth, rgb: lpips(embed(truth), embed(rgb))
        )
        self._teach = teach
        self._paint, self._paint_average = map(_painter, (self.generator, self.ema_generator))
        self._adversarial = self.loss_config.lambda_adversarial > 0
        self._meters = {name: keras.metrics.Mean(name=name) for name in metric_names()}
        self.built = True  # the networks are: without this Keras refuses to save the model

    # -- configuration ------------------------------------------------------------------------

    def compile(
        self,
        generator_optimizer: keras.Optimizer,
        discriminator_optimizer: keras.Optimizer,
        **options: Any,
    ) -> None:
        """Set the two optimizers and create their variables.

        Args:
            generator_optimizer: of the generator; it is Keras' ``model.optimizer``. For several
                replicas both are :class:`~keras_colorize.training.fused.FusedAdam`.
            discriminator_optimizer: of the discriminator.
            **options: as of ``keras.Model.compile``. XLA is off unless asked for: on CPUs it is
                slower than oneDNN's convolutions.
        """
        super().compile(optimizer=generator_optimizer, **{"jit_compile": False, **options})
        self.discriminator_optimizer = discriminator_optimizer
        self.optimizer.build(self.generator.trainable_variables)
        self.discriminator_optimizer.build(self.discriminator.trainable_variables)
        self.gradient_norms = {
            name: tf.Variable(
                tf.zeros(len(network.trainable_variables)),
                trainable=False,
                aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
            )
            for name, network in self._networks().items()
        }

    def get_compile_config(self) -> dict[str, Any]:
        serialize = keras.saving.serialize_keras_object
        return {
            "generator_optimizer": serialize(self.optimizer),
            "discriminator_optimizer": serialize(self.discriminator_optimizer),
            "jit_compile": self.jit_compile,
        }

    def compile_from_config(self, config: dict[str, Any]) -> None:
        deserialize = keras.saving.deserialize_keras_object
        self.compile(
            deserialize(config["generator_optimizer"]),
            deserialize(config["discriminator_optimizer"]),
            jit_compile=config["jit_compile"],
        )

    def get_config(self) -> dict[str, Any]:
        return {
            "generator": keras.saving.serialize_keras_object(self.generator),
            "discriminator": keras.saving.serialize_keras_object(self.discriminator),
            "losses": vars(self.loss_config),
            "ema_momentum": self.ema_momentum,
            "clip_norm": self.clip_norm,
            "name": self.name,
        }

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None
    ) -> "ColorizationGAN":
        deserialize = keras.saving.deserialize_keras_object
        generator = deserialize(config.pop("generator"), custom_objects)
        discriminator = deserialize(config.pop("discriminator"), custom_objects)
        return cls(generator, discriminator, LossConfig(**config.pop("losses")), **config)

    @property
    def adversarial(self) -> bool:
        """Whether the discriminator takes part; switching it during a fit retraces the step."""
        return self._adversarial

    @adversarial.setter
    def adversarial(self, value: bool) -> None:
        if value != self._adversarial:
            self._adversarial = value
            if self.compiled:
                self.make_train_function(force=True)
                self.make_test_function(force=True)

    @property
    def meters(self) -> list[keras.Metric]:
        """The running means of the epoch, those of the adversary included."""
        return list(self._meters.values())

    @property
    def metrics(self) -> list[keras.Metric]:
        """The meters that a step updates: those of the adversary only while it takes part."""
        return [meter for name, meter in self._meters.items() if self._reports(name)]

    def _networks(self) -> dict[str, keras.Model]:
        return {"generator": self.generator, "discriminator": self.discriminator}

    def _reports(self, name: str) -> bool:
        if name in ADVERSARIAL_METRICS and not self._adversarial:
            return False
        term = _term(name)
        return term is None or term.is_recorded(self.loss_config)

    # -- one step -----------------------------------------------------------------------------

    def call(self, luminance: tf.Tensor, training: bool = False) -> tf.Tensor:
        """The color that the averaged generator gives to a luminance."""
        return self.ema_generator(luminance, training=training)

    def train_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """Update both networks once; returns the step's own values, not the epoch's means."""
        values = self.update(batch)
        self.update_average()
        self.record(values, *count_photographs(batch))
        return values

    def update(self, batch: Batch) -> dict[str, tf.Tensor]:
        """Update both networks, but not yet the moving average.

        Returns:
            What the step reports, of this replica's photographs: scalars, in the order of
            :func:`metric_names`. Norms are of the gradient of all replicas.
        """
        with tf.GradientTape(persistent=True) as tape:
            painted = self._paint(batch["luminance"], True)
            values = self._loss_terms(batch, painted, training=True)
        values["generator_gradient_norm"] = self._apply(
            "generator", tape, self.optimizer, values["loss"]
        )
        if self._adversarial:
            values["discriminator_gradient_norm"] = self._apply(
                "discriminator", tape, self.discriminator_optimizer, values["discriminator_loss"]
            )
        del tape
        values["generator_learning_rate"] = self.optimizer.learning_rate
        values["discriminator_learning_rate"] = self.discriminator_optimizer.learning_rate
        return _with_quality(batch, painted[0], values)

    def test_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """Measure the averaged generator on a batch."""
        painted = self._paint_average(batch["luminance"], False)
        losses_seen = self._loss_terms(batch, painted, training=False)
        self.record(_with_quality(batch, painted[0], losses_seen), *count_photographs(batch))
        # Means so far, unlike a training step: a validation has no history of its steps.
        return self.validation_means()

    def validation_means(self) -> dict[str, tf.Tensor]:
        """The means so far of what a validation measures, each over the photographs it is of.

        Those of the discriminator's loss and of the image metrics are over those in color.
        """
        means = {
            name: meter.result()
            for name, meter in self._meters.items()
            if self._reports(name) and name not in TRAINING_METRICS
        }
        # Its batches are of one stream each: a mean of their losses would be of neither.
        return means | losses.sums(means, self.loss_config)

    def _loss_terms(self, batch: Batch, painted: Painted, training: bool) -> dict[str, tf.Tensor]:
        """Every loss as a scalar, each averaged over the photographs to which it applies."""
        generated, logits, certainty = painted
        values: dict[str, tf.Tensor] = {}
        fake_logits = None
        if self._adversarial:
            values, fake_logits = self._judge(batch, generated, training)
        seen = losses.Outcome(
            batch["color"],
            generated,
            batch["has_color"],
            fake_logits,
            logits,
            certainty,
            self._perceptual,
            None if self._teach is None else self._teach(batch["luminance"]),
        )
        return values | losses.weighted_sum(seen, weights=self.loss_config)

    def _judge(
        self, batch: Batch, generated: tf.Tensor, training: bool
    ) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        """The discriminator's own loss and accuracies, and its logits for what is generated."""
        kind, has_color = self.loss_config.adversarial, batch["has_color"]
        # Photographs without truth must not enter the batch statistics of the real ones. When
        # nothing is trained there are none, and a batch may hold no color at all.
        chosen = has_color > 0.5 if training else tf.ones_like(has_color, tf.bool)
        luminance, truth = (tf.boolean_mask(batch[key], chosen) for key in ("luminance", "color"))
        if self.loss_config.real_saturation != 1.0:
            chroma = self.loss_config.real_saturation * color.chroma(truth)
            truth = color.add_chroma(luminance, chroma)
        is_real = tf.boolean_mask(has_color, chosen)
        real_logits = self.discriminator([luminance, truth], training=training)
        fake_logits = self.discriminator([batch["luminance"], generated], training=training)
        recognized = tf.reduce_mean(tf.cast(real_logits > 0.0, tf.float32), axis=(1, 2, 3))
        values = {
            "discriminator_loss": losses.masked_mean(losses.real_loss(real_logits, kind), is_real)
            + tf.reduce_mean(losses.fake_loss(fake_logits, kind)),
            "real_accuracy": losses.masked_mean(recognized, is_real),
            "fake_accuracy": tf.reduce_mean(tf.cast(fake_logits < 0.0, tf.float32)),
        }
        return values, fake_logits

    def _apply(
        self, name: str, tape: tf.GradientTape, optimizer: keras.Optimizer, loss: tf.Tensor
    ) -> tf.Tensor:
        """Update a network once; returns the norm of its gradients together, before clipping."""
        variables = self._networks()[name].trainable_variables
        gradients = tape.gradient(loss, [v.value for v in variables])
        replica = tf.distribute.get_replica_context()
        if replica.num_replicas_in_sync > 1:
            # Each has the mean over its own photographs, and all have as many.
            gradients = replica.all_reduce(tf.distribute.ReduceOp.MEAN, gradients)
        norms = tf.stack([tf.norm(gradient) for gradient in gradients])
        self.gradient_norms[name].assign(norms)
        norm = tf.norm(norms)
        if self.clip_norm > 0:
            scale = self.clip_norm / tf.maximum(norm, self.clip_norm)
            gradients = [gradient * scale for gradient in gradients]
        if replica.num_replicas_in_sync > 1:
            optimizer.apply_in_sync(gradients, variables)
        else:
            optimizer.apply(gradients, variables)
        return norm

    def update_average(self) -> None:
        """Move the average towards the generator, once after each :meth:`update`."""
        step = tf.cast(self.optimizer.iterations, tf.float32)
        momentum = tf.minimum(self.ema_momentum, (1.0 + step) / (10.0 + step))
        for average, layer in zip(self.ema_generator.layers, self.generator.layers, strict=True):
            if layer.trainable:  # what is frozen stays equal
                for mean, weight in zip(average.weights, layer.weights, strict=True):
                    mean.assign_sub((1.0 - momentum) * (mean - weight))

    def record(self, values: dict[str, tf.Tensor], photos: tf.Tensor, colored: tf.Tensor) -> None:
        """Add what a step reports to the running means.

        Args:
            values: scalars by the names of :func:`metric_names`.
            photos: how many photographs they are of; a scalar.
            colored: how many of those are in color; a scalar.
        """
        for name, value in values.items():
            meter = self._meters[name]
            if name in _LEARNING_RATES:
                meter.reset_state()  # an epoch reports the rate it ended with
            weight = tf.cast(photos if _is_of_all(name) else colored, tf.float32)
            # As update_state() does, in two operations: they are many, and each is traced.
            meter.total.assign_add(weight * value)
            meter.count.assign_add(weight)


def count_photographs(batch: Batch) -> tuple[tf.Tensor, tf.Tensor]:
    """How many photographs a batch holds, and how many of them are in color; scalars."""
    return tf.shape(batch["has_color"])[0], tf.reduce_sum(batch["has_color"])


def _with_quality(
    batch: Batch, generated: tf.Tensor, values: dict[str, tf.Tensor]
) -> dict[str, tf.Tensor]:
    """Add the image metrics to the values of a step, and put them in order."""
    truth = batch["color"]
    per_image = {
        "psnr": metrics.psnr(truth, generated),
        "ssim": metrics.ssim(truth, generated),
        "colorfulness": metrics.colorfulness(generated),
        "true_colorfulness": metrics.colorfulness(truth),
    }
    values |= {n: losses.masked_mean(value, batch["has_color"]) for n, value in per_image.items()}
    return {name: values[name] for name in metric_names() if name in values}


def _term(name: str) -> losses.Term | None:
    """The term of the generator's loss of that name, if it is one."""
    return next((term for term in losses.TERMS if term.name == name), None)


def _is_of_all(name: str) -> bool:
    """Whether a mean is over historical photographs as well, not only over those in color."""
    term = _term(name)
    return name == "fake_accuracy" if term is None else term.of_all


def _painter(generator: keras.Model) -> Callable[[tf.Tensor, bool], Painted]:
    """A function rather than a model: Keras would save what it finds of those a second time."""
    if all(layer.name != DISTRIBUTION for layer in generator.layers):
        return lambda luminance, training: (generator(luminance, training=training), None, None)
    heads = [generator.get_layer(name).output for name in (DISTRIBUTION, CERTAINTY_LAYER)]
    both = keras.Model(generator.input, [generator.output, *heads])
    return lambda luminance, training: tuple(both(luminance, training=training))
